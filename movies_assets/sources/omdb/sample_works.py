"""Show the works of the sample's world as OMDb does: with an id, and only name and years."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from movies_assets.sample import showing, world
from movies_assets.sample.draws import Draws

LONGEST_RUN = 12
"""No series takes more years than this from its first season to its newest."""

_DRAWS = 5_500_000_000
_LACKS_EVERY, _LACKED = 6, 5
_FORMER = 30


class ShownTitle(NamedTuple):
    """A work as OMDb has it.

    Attributes:
        work: The work.
        imdb_id: The id that OMDb states.
        name: The name.
        year: The year in which it begins.
        has_poster: Whether there is a poster.
        difficulties: What makes it hard to recognize.
    """

    work: world.Work
    imdb_id: str
    name: str
    year: int
    has_poster: bool
    difficulties: frozenset[str]

    def years(self, last_year: int) -> str:
        """Return the years as OMDb writes them in a year: 1999, 1999–2001 or 2011–."""  # noqa: RUF002
        end = self.work.end_year if self.work.is_series else self.year
        if end is None or end > last_year:
            return f"{self.year}–"  # noqa: RUF001
        return str(self.year) if end <= self.year else f"{self.year}–{end}"  # noqa: RUF001


@lru_cache(maxsize=4)
def titles_by_year(seed: int) -> Mapping[int, Sequence[ShownTitle]]:
    """Return the works that OMDb has, by the year in which they begin."""
    found = defaultdict[int, list[ShownTitle]](list)
    for work in world.works(seed):
        if work.number % _LACKS_EVERY != _LACKED:
            shown = _show(work, seed)
            found[shown.year].append(shown)
    return found


def _show(work: world.Work, seed: int) -> ShownTitle:
    draws = Draws(seed, _DRAWS + work.number)
    is_former = work.former_tconst != "" and draws.below(100) < _FORMER
    name, named = showing.name_of(work, draws, original=0, alias=25, spelling=4, only_english=True)
    year, dated = showing.year_of(work, draws, other=3)
    former = frozenset({"former id"}) if is_former else showing.NONE
    return ShownTitle(
        work,
        work.former_tconst if is_former else work.tconst,
        name,
        year,
        has_poster=draws.below(6) > 0,
        difficulties=work.difficulties | named | dated | former,
    )
