"""Show the works of the sample's world as the streaming service does: with IMDb's score, no year.

The day of the premiere is that in one country, so that a few are in another year than in IMDb.
"""

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from movies_assets.sample import showing, world
from movies_assets.sample.draws import Draws
from movies_assets.sample.spellings import normalised
from movies_assets.sources.ott.sample_users import GENRES
from movies_assets.sources.shared.languages import LANGUAGES

_DRAWS, _VERSION_DRAWS = 6_000_000_000, 6_100_000_000
_PLACES, _STRIDE = 600, 17
_IN_FIVE, _WORKS_IN_FIVE = 5, 3
_VERSION_EVERY, _VERSION = 40, 18
"""One title in this many, at this place, is the previous one in another language."""
_VERSIONS = ("es", "fr", "hi", "de")
_MOST_GENRES = 2
_OTHER_SCORE, _SCORES = 4, (-3, -2, -1, -1, 0, 0, 0, 0, 1, 1, 2, 3)
"""The percentage of scores that differ by more than a point, and how much the others do."""


class ShownTitle(NamedTuple):
    """A work as the streaming service has it.

    Attributes:
        work: The work.
        name: The name.
        genres: One or two.
        premiere: The day of the premiere; of series that of the first season.
        runtime: Minutes.
        score: In tenths.
        language: English name of the language.
        difficulties: What makes it hard to recognize.
    """

    work: world.Work
    name: str
    genres: Sequence[str]
    premiere: date
    runtime: int
    score: int
    language: str
    difficulties: frozenset[str]


@lru_cache(maxsize=4096)
def title_of(number: int, seed: int) -> ShownTitle | None:
    """Return the work that is a title of the service; None if only the service has the title."""
    if _is_version(number):
        return _version(number, seed)
    five, place = divmod(number, _IN_FIVE)
    if place >= _WORKS_IN_FIVE or five * _WORKS_IN_FIVE + place >= _PLACES:
        return None
    work = world.spread(world.works(seed), five * _WORKS_IN_FIVE + place, _STRIDE)
    if world.namesake_after(work, seed):
        return None  # The service has a name once.
    shown = _show(work, seed)
    if _is_version(number + 1):
        return shown._replace(difficulties=shown.difficulties | {"language version"})
    return shown


@lru_cache(maxsize=4)
def names(seed: int) -> frozenset[str]:
    """Return all names of works, without what differs in spellings."""
    return frozenset(
        normalised(name)
        for work in world.works(seed)
        for name in (work.english, work.original, *(alias.name for alias in work.aliases))
    )


def _is_version(number: int) -> bool:
    return number % _VERSION_EVERY == _VERSION


def _version(number: int, seed: int) -> ShownTitle | None:
    """Return a work in another language than the one before."""
    if not (first := title_of(number - 1, seed)):
        return None
    found = [alias for alias in first.work.aliases if alias.name != first.name]
    if found:
        name, code, named = found[0].name, found[0].language, {"alternate name"}
    else:
        code = Draws(seed, _VERSION_DRAWS + number).pick(_VERSIONS)
        name, named = f"{first.work.english} ({LANGUAGES[code]})", set[str]()
    of_name = {"spelling", "numeral", "alternate name", "original name"}
    difficulties = first.difficulties - of_name | named
    return first._replace(name=name, language=LANGUAGES[code], difficulties=difficulties)


def _show(work: world.Work, seed: int) -> ShownTitle:
    draws = Draws(seed, _DRAWS + work.number)
    name, named = showing.name_of(
        work, draws, original=60, alias=6, spelling=12, only_english=False
    )
    year, dated = showing.year_of(work, draws, other=6)
    runtime, timed = showing.runtime_of(work, draws, unknown=0, cut=4)
    score, scored = _score(work, draws)
    genres = [genre for genre in work.genres if genre in GENRES] or [draws.pick(GENRES)]
    return ShownTitle(
        work,
        name,
        genres[:_MOST_GENRES],
        work.premiere.replace(year=year),
        runtime,
        score,
        LANGUAGES[work.language],
        work.difficulties | named | dated | timed | scored,
    )


def _score(work: world.Work, draws: Draws) -> tuple[int, frozenset[str]]:
    """Return the score in tenths, within 0.3 of IMDb's for most."""
    chance, difference = draws.below(100), draws.pick(_SCORES)
    if chance < _OTHER_SCORE:
        middle = 55
        return work.rating + (15 if work.rating < middle else -15), frozenset({"other score"})
    return min(max(work.rating + difference, 10), 100), showing.NONE
