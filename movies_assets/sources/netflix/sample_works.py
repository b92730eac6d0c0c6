"""Show the works of the sample's world as Netflix does: with people, and the newest year."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from movies_assets.sample import showing, words, world
from movies_assets.sample.draws import Draws
from movies_assets.sample.spellings import without_accents
from movies_assets.sample.titles import draw_english_title

_DRAWS, _PEOPLE_DRAWS, _VERSION_DRAWS = 5_600_000_000, 5_700_000_000, 5_800_000_000
_PLACES, _STRIDE = 750, 13
_VERSION_EVERY, _VERSION = 40, 19
"""One title in this many, at this place, is the previous one in another language."""
_OTHER_NAME, _REGION = 5, 9
_KNOWN = 3
"""The fewest cast members of a work that has a name unknown to IMDb."""
_REGIONS = ("(U.S.)", "(U.K.)", "(IN)")
_VERSIONS = ("Hindi", "Tamil", "Spanish", "French", "English")


class ShownTitle(NamedTuple):
    """A work as Netflix has it.

    Attributes:
        work: The work.
        name: The name.
        release_year: The year, of series that of the newest season.
        runtime: Minutes; 0 if they are unknown, and of series.
        cast: Names of the cast.
        directors: Names of the directors.
        difficulties: What makes it hard to recognize.
    """

    work: world.Work
    name: str
    release_year: int
    runtime: int
    cast: Sequence[str]
    directors: Sequence[str]
    difficulties: frozenset[str]


@lru_cache(maxsize=4096)
def title_of(number: int, seed: int) -> ShownTitle | None:
    """Return the work that is a title of Netflix; None if only Netflix has the title."""
    if _is_version(number):
        return _version(number, seed)
    quarter, place = divmod(number, 4)
    place += 3 * quarter
    if number % 4 == 3 or place >= _PLACES:  # noqa: PLR2004 - three titles in four are works
        return None
    shown = _show(world.spread(world.works(seed), place, _STRIDE), seed)
    if _is_version(number + 1):
        return shown._replace(difficulties=shown.difficulties | {"language version"})
    return shown


def _is_version(number: int) -> bool:
    return number % _VERSION_EVERY == _VERSION


def _version(number: int, seed: int) -> ShownTitle | None:
    """Return a work in another language than the one before."""
    if not (first := title_of(number - 1, seed)):
        return None
    language = Draws(seed, _VERSION_DRAWS + number).pick(_VERSIONS)
    name = f"{first.work.english} ({language} Version)"
    of_name = {"spelling", "numeral", "region", "alternate name", "original name", "other name"}
    return first._replace(name=name, difficulties=first.difficulties - of_name)


def _show(work: world.Work, seed: int) -> ShownTitle:
    draws = Draws(seed, _DRAWS + work.number)
    name, difficulties = showing.name_of(
        work, draws, original=25, alias=8, spelling=6, only_english=False
    )
    chance, region = draws.below(100), draws.pick(_REGIONS)
    is_renamed = len(work.cast) >= _KNOWN and bool(work.directors) and chance < _OTHER_NAME
    people = Draws(seed, _PEOPLE_DRAWS + work.number)
    if is_renamed:
        # Only its people and its running time show which work it is.
        name, difficulties = draw_english_title(draws), frozenset({"other name"})
        cast, directors, runtime = _names(work.cast), _names(work.directors), work.runtime
        year = work.start_year
    else:
        if chance < _REGION and name == work.english:
            name, difficulties = f"{name} {region}", frozenset({"region"})
        cast = [*_spelt(work.cast, people), *_others(people)]
        directors = list(_spelt(work.directors, people))
        year, dated = _year(work, draws)
        runtime, timed = showing.runtime_of(work, draws, unknown=0, cut=4)
        difficulties |= dated | (showing.NONE if work.is_series else timed)
    return ShownTitle(
        work,
        name,
        year,
        0 if work.is_series else runtime,
        cast,
        directors,
        work.difficulties | difficulties,
    )


def _year(work: world.Work, draws: Draws) -> tuple[int, frozenset[str]]:
    if not work.is_series:
        return showing.year_of(work, draws, other=8)
    is_later = work.last_year > work.start_year
    return work.last_year, frozenset({"newest season"}) if is_later else showing.NONE


def _names(people: Sequence[world.Person]) -> Sequence[str]:
    return [person.name for person in people]


def _spelt(people: Sequence[world.Person], draws: Draws) -> Iterator[str]:
    """Yield the names of most people, some without accents; one list in eight is empty."""
    if draws.below(8) == 0:
        return
    for name in _names(people):
        is_listed, is_plain = draws.below(8) > 0, draws.below(2) == 0
        if is_listed:
            yield without_accents(name) if is_plain else name


def _others(draws: Draws) -> Iterator[str]:
    """Yield the names of people whom IMDb does not list."""
    for _ in range(draws.pick((0, 0, 1, 2))):
        yield f"{draws.pick(words.NAMES)} {draws.pick(words.SURNAMES)}"
