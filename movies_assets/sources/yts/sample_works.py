"""Show the works of the sample's world as YTS does."""

from functools import lru_cache
from typing import NamedTuple

from movies_assets.sample import showing, world
from movies_assets.sample.draws import Draws

FIRST_NUMBER, PLACES = 413_237, 600
"""Every second movie of the timeline from this one on is a work, up to this many of them."""

_DRAWS = 5_300_000_000
_STRIDE = 7
_FORMER, _WRONG = 50, 30


class ShownMovie(NamedTuple):
    """A work as YTS has it.

    Attributes:
        work: The work.
        imdb_code: The id that YTS states.
        title: The title.
        title_english: The English title.
        year: The year.
        runtime: Minutes; 0 if they are unknown.
        rating: In tenths; 0 if it is unknown.
        difficulties: What makes it hard to recognize.
    """

    work: world.Work
    imdb_code: str
    title: str
    title_english: str
    year: int
    runtime: int
    rating: int
    difficulties: frozenset[str]


@lru_cache(maxsize=4096)
def movie_of(number: int, seed: int) -> ShownMovie | None:
    """Return the work that is a movie of the timeline; None if only YTS has the movie."""
    place, is_other = divmod(number - FIRST_NUMBER, 2)
    if is_other or not 0 <= place < PLACES:
        return None
    work = world.spread(world.movies(seed), place, _STRIDE)
    if "remake" in work.difficulties and world.namesake_after(work, seed):
        return None  # YTS has the remake only.
    draws = Draws(seed, _DRAWS + work.number)
    code, wrong = _code(work, draws, seed)
    english, named = showing.name_of(
        work, draws, original=0, alias=25, spelling=8, only_english=True
    )
    year, dated = showing.year_of(work, draws, other=8)
    runtime, timed = showing.runtime_of(work, draws, unknown=5, cut=3)
    is_native = work.original != work.english and draws.below(4) > 0
    rating = 0 if draws.below(20) == 0 else work.rating + draws.below(3) - 1
    native = frozenset({"original name"}) if is_native else showing.NONE
    return ShownMovie(
        work,
        code,
        work.original if is_native else english,
        english,
        year,
        runtime,
        rating,
        work.difficulties | wrong | named | dated | timed | native,
    )


def _code(work: world.Work, draws: Draws, seed: int) -> tuple[str, frozenset[str]]:
    """Return the id that YTS states; of some movies that of a series with the same name."""
    chance = draws.below(100)
    if work.former_tconst and chance < _FORMER:
        return work.former_tconst, frozenset({"former id"})
    other = world.namesake_after(work, seed)
    if other and other.is_series and chance < _WRONG:
        return other.tconst, frozenset({"wrong id"})
    return work.tconst, showing.NONE
