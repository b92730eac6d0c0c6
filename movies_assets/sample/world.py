"""Make the fictional works that the samples of all sources share.

There are as many as `WORKS`, whatever the sizes of the samples. IMDb's sample has all of them; each
other source shows some, with differences such as its real files have, next to titles that only it
has. How a source shows a work belongs in its module `sample_works`.

A work is a pure function of the seed and its number. Its place among 40 neighbours decides what
makes it hard to recognize, so that each difficulty occurs 25 times or more.
"""

import re
from collections.abc import Callable, Sequence
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from movies_assets.sample import words
from movies_assets.sample.draws import Draws, normal_table, weighted_table
from movies_assets.sample.spellings import NUMERALS, normalised
from movies_assets.sample.titles import (
    COMMON_FORMS,
    NOUN_FORMS,
    RUNTIMES,
    draw_english_title,
    draw_title_in,
)

WORKS = 1_000
LAST_YEAR = 2025
"""No work is newer, and running series have a season in this year or the one before."""
FIRST_ID = 99_900_000
"""The numbers of IMDb's ids of works and their people; no other id of a sample is as high."""

DIFFICULTIES = {
    "alternate name": "it has a name that IMDb lists as an alternate one",
    "corrected name": "IMDb shows another name first, and corrects it on a later day",
    "former id": "it has an id that IMDb has redirected",
    "language version": "the source has several versions of the work in different languages",
    "late in IMDb": "IMDb has the work some days later than its base day",
    "namesake": "another work of the same year, or the year before or after, has its name",
    "newest season": "it has the year of the newest season, not of the first",
    "no runtime": "it has no running time, or IMDb has none",
    "numeral": "it writes its number otherwise: 2, II, Two, Part 2",
    "only here": "no other source has the work",
    "original name": "it has the name in the work's own language",
    "other cut": "its running time differs by more than a tenth",
    "other name": "it has a name that IMDb does not know",
    "other score": "it has a score that is not that of IMDb",
    "region": "its name ends in a region: (U.S.)",
    "remake": "another work of other years has its name",
    "runtime": "its running time differs by up to three minutes",
    "sequel": "it is a second or third part, and shares people with the first",
    "spelling": "it has the name in another spelling: case, accents, signs, spaces",
    "wrong id": "it has the id of another work",
    "year": "its year is the one before or after",
}
"""What makes a title hard to recognize, by its name in the truth."""

_FIRST_YEAR = 1921
_PEOPLE, _DIRECTORS = 900, 150
_PERSON_DRAWS, _WORK_DRAWS, _NAME_DRAWS = 5_000_000_000, 5_100_000_000, 5_200_000_000
_ATTEMPTS = 64

# The place of a work among its neighbours.
_PERIOD = 40
_SERIES = {8, 14, 15, 16, 20, 21, 24, 25, 28, 32, 36}
_SEQUELS = {1: 1, 2: 2}
"""The distance to the first part."""
_ORIGINALS, _REMAKES = {3, 20}, {4, 21}
_NAMESAKES, _SAME_YEAR, _SAME_RUNTIME = {6, 8, 23}, {8, 23}, {23}
"""These, and the remakes, have the name of the work before."""
_FAMILIES = {*range(9), *range(20, 24)}
_REDIRECTED, _LATE, _CORRECTED = {11, 31, 36}, {13, 28}, {17, 33}
_RENAMED, _NO_RUNTIME = {10, 26, 37}, {18, 38}
_DIFFICULTIES = {
    "sequel": {*_SEQUELS},
    "remake": _ORIGINALS | _REMAKES,
    "namesake": {*_NAMESAKES, *(slot - 1 for slot in _NAMESAKES)},
    "late in IMDb": _LATE,
    "corrected name": _CORRECTED,
}
_CHANGE_DAYS = (1, 4, 8, 12, 16, 19, 22, 25, 29, 30)
"""The days on which works arrive in IMDb, are redirected and get another name."""

_LANGUAGES = weighted_table(words.LANGUAGE_WEIGHTS)
_GENRES = weighted_table(words.GENRE_WEIGHTS)
_RUNTIMES = [runtime for runtime in RUNTIMES if 60 <= runtime <= 150]  # noqa: PLR2004 - minutes
_LONG = 110
_EPISODE_RUNTIMES = (22, 24, 30, 42, 45, 50, 60)
_MOVIE_TYPES = ("movie",) * 16 + ("tvMovie",) * 2 + ("video", "tvSpecial")
_LENGTHS = (0, 0, 0, 1, 1, 2, 2, 3, 4, 5, 6, 8, 11)
"""Years from the first season of a series to its newest."""
_RATINGS = [min(max(round(drawn), 12), 94) for drawn in normal_table(62.5, 12, entries=1024)]
_VOTES = [min(20 + int(40 * (1024 / (n + 0.5)) ** 1.25), 400_000) for n in range(1024)]
_REGIONS = [
    (region, language) for region, language, _ in words.REGIONS if language in words.NATIVE_TITLES
]
_SIGNS = re.compile(r"[^\w ']|\d", re.ASCII)


class Person(NamedTuple):
    """A person of IMDb.

    Attributes:
        number: The identity, from 0.
        nconst: The id.
        name: The name.
        born: The year; None if it is unknown.
        is_actress: Whether IMDb calls the person an actress.
    """

    number: int
    nconst: str
    name: str
    born: int | None
    is_actress: bool


class Alias(NamedTuple):
    """An alternate name.

    Attributes:
        name: The name.
        region: Where it is used: IMDb's code.
        language: Its code.
    """

    name: str
    region: str
    language: str


class Work(NamedTuple):
    """A fictional movie or series.

    Days are counted from the base day of IMDb's sample: on day 0, nothing has changed yet.

    Attributes:
        number: The identity, from 0.
        title_type: IMDb's type, such as `movie` or `tvSeries`.
        tconst: The current id.
        former_tconst: The id before it was redirected; '' for most.
        redirected_on: The day from which IMDb has the current id.
        arrives_on: The day from which IMDb has the work.
        english: The name in use.
        former_name: The name in use before `corrected_on`; '' for most.
        corrected_on: The day of the correction.
        original: The name in the work's own language, which may be the English one.
        stem: The English name without the number of a part.
        part: The number of a part of a series of movies; 1 for most.
        language: The code of its own language.
        aliases: Alternate names.
        premiere: The day; its year is that of IMDb.
        last_year: The year of the newest season; of movies that of the premiere.
        end_year: The year in which a series ended; None if it runs, and of movies.
        seasons: The number of seasons; 0 of movies.
        runtime: Minutes, of series those of an episode.
        has_runtime: Whether IMDb has it.
        genres: In alphabetical order.
        cast: The cast in order.
        directors: The directors; series have none.
        rating: In tenths.
        votes: How many voted.
        difficulties: What makes the work hard to recognize in any source.
    """

    number: int
    title_type: str
    tconst: str
    former_tconst: str
    redirected_on: int
    arrives_on: int
    english: str
    former_name: str
    corrected_on: int
    original: str
    stem: str
    part: int
    language: str
    aliases: Sequence[Alias]
    premiere: date
    last_year: int
    end_year: int | None
    seasons: int
    runtime: int
    has_runtime: bool
    genres: Sequence[str]
    cast: Sequence[Person]
    directors: Sequence[Person]
    rating: int
    votes: int
    difficulties: frozenset[str]

    @property
    def is_series(self) -> bool:
        """Return whether it is a series."""
        return self.seasons > 0

    @property
    def start_year(self) -> int:
        """Return the year of the premiere."""
        return self.premiere.year

    def tconst_on(self, day: int) -> str:
        """Return the id in IMDb on a day; '' before it arrives there."""
        if day < self.arrives_on:
            return ""
        return self.former_tconst if day < self.redirected_on else self.tconst

    def name_on(self, day: int) -> str:
        """Return the name in use in IMDb on a day."""
        return self.former_name if day < self.corrected_on else self.english


@lru_cache(maxsize=4)
def works(seed: int = 1) -> Sequence[Work]:
    """Return all works, by number."""
    maker = _Maker(seed)
    for number in range(WORKS):
        maker.made.append(maker.make(number))
    return maker.made


@lru_cache(maxsize=4)
def movies(seed: int = 1) -> Sequence[Work]:
    """Return the works that are not series."""
    return [work for work in works(seed) if not work.is_series]


@lru_cache(maxsize=4)
def people(seed: int = 1) -> Sequence[Person]:
    """Return all people of works, by number; the first ones direct."""
    return [_person(number, seed) for number in range(_PEOPLE)]


def spread(found: Sequence[Work], place: int, stride: int) -> Work:
    """Return the work at a place of a source's own order.

    Args:
        found: The works that the source may show.
        place: From 0; all places below the number of works have different works.
        stride: The step from one work to the next; it has no factor in common with their number.
    """
    return found[place * stride % len(found)]


def namesake_after(work: Work, seed: int) -> Work | None:
    """Return the work that has the name of the one before it: its remake or namesake."""
    following = works(seed)[work.number + 1 : work.number + 2]
    return next((other for other in following if other.english == work.english), None)


def _person(number: int, seed: int) -> Person:
    draws = Draws(seed, _PERSON_DRAWS + number)
    return Person(
        number=number,
        nconst=f"nm{FIRST_ID + number * 7_919 % 20_000}",
        name=f"{draws.pick(words.NAMES)} {draws.pick(words.SURNAMES)}",
        born=1930 + draws.below(75) if draws.below(20) == 0 else None,
        is_actress=bool(draws.below(2)),
    )


class _Maker:
    """Makes works in the order of their numbers.

    Attributes:
        made: The works so far.
    """

    def __init__(self, seed: int) -> None:
        self.made: list[Work] = []
        self._seed, self._people = seed, people(seed)
        self._taken: set[str] = set()

    def make(self, number: int) -> Work:
        """Return the next work."""
        slot, draws = number % _PERIOD, Draws(self._seed, _WORK_DRAWS + number)
        first = self.made[number - _SEQUELS[slot]] if slot in _SEQUELS else None
        same = self.made[number - 1] if slot in _REMAKES | _NAMESAKES else None
        names = _Names(self._seed, number, self._taken)
        language = "en" if slot in _FAMILIES else draws.pick(_LANGUAGES)
        stem, part, english = _english_name(names, draws, slot, first, same)
        premiere = _premiere(draws, slot, first, same)
        seasons, last_year, end_year = _run(draws, slot, premiere.year)
        is_native = language in words.NATIVE_TITLES and bool(draws.below(2))
        is_redirected, is_corrected = slot in _REDIRECTED, slot in _CORRECTED
        id_number = FIRST_ID + number * 7_919 % 20_000
        changes_on = _CHANGE_DAYS[number // _PERIOD % len(_CHANGE_DAYS)]
        return Work(
            number=number,
            title_type=_title_type(draws, seasons, end_year),
            tconst=f"tt{id_number}",
            former_tconst=f"tt{id_number + 20_000}" if is_redirected else "",
            # Most have been redirected before the base day.
            redirected_on=changes_on if is_redirected and number % 3 == 0 else 0,
            arrives_on=changes_on if slot in _LATE else 0,
            english=english,
            former_name=names.of(_english) if is_corrected else "",
            corrected_on=changes_on if is_corrected else 0,
            original=names.in_language(language) if is_native else english,
            stem=stem,
            part=part,
            language=language,
            aliases=_aliases(names, draws, language, is_renamed=slot in _RENAMED),
            premiere=premiere,
            last_year=last_year,
            end_year=end_year,
            seasons=seasons,
            runtime=_runtime(draws, slot, first, same),
            has_runtime=slot not in _NO_RUNTIME,
            genres=sorted({draws.pick(_GENRES) for _ in range(1 + draws.below(3))}),
            cast=self._cast(draws, first, same),
            directors=() if seasons else self._directors(draws, first, same),
            rating=_rating(draws, same),
            votes=draws.pick(_VOTES),
            difficulties=frozenset(name for name, slots in _DIFFICULTIES.items() if slot in slots),
        )

    def _cast(self, draws: Draws, first: Work | None, same: Work | None) -> Sequence[Person]:
        """Draw a cast: a sequel shares most of the first part's, a namesake none."""
        others = len(self._people) - _DIRECTORS
        count = draws.pick((3, 3, 4, 5, 6, 8))
        drawn = [self._people[_DIRECTORS + draws.below(others)] for _ in range(count)]
        cast = dict.fromkeys([*(first.cast[:3] if first else ()), *drawn])
        return tuple(person for person in cast if not (same and person in same.cast))

    def _directors(self, draws: Draws, first: Work | None, same: Work | None) -> Sequence[Person]:
        drawn, count = draws.pick_two(self._people[:_DIRECTORS]), draws.pick((1,) * 7 + (2,))
        if first:
            return first.directors
        return [person for person in drawn if not (same and person in same.directors)][:count]


class _Names:
    """Draws names for a work that no other work has."""

    def __init__(self, seed: int, number: int, taken: set[str]) -> None:
        self._seed, self._taken = seed, taken
        self._place = _NAME_DRAWS + number * _ATTEMPTS

    def of(self, draw_name: Callable[[Draws], str]) -> str:
        """Return a name that is not taken yet, and take it."""
        while True:
            name = draw_name(Draws(self._seed, self._place))
            self._place += 1
            # Names in other languages have no two spellings.
            normal = normalised(name) if name.isascii() else name
            if normal not in self._taken:
                self._taken.add(normal)
                return name

    def in_language(self, language: str) -> str:
        """Return a name in a language that has a vocabulary."""
        return self.of(lambda draws: _foreign(draws, language))


def _foreign(draws: Draws, language: str) -> str:
    """Draw a name of three nouns, sometimes with a place: names of two are not rare enough."""
    conjunction, nouns = words.NATIVE_TITLES[language]
    third = draws.pick(nouns)
    place = "" if draws.below(3) else f": {draws.pick(words.PLACES)}"
    name = draw_title_in(draws, language)
    return f"{name}{conjunction}{third[0].lower()}{third[1:]}{place}"


def _english(draws: Draws) -> str:
    return draw_english_title(draws, COMMON_FORMS if draws.below(2) else NOUN_FORMS)


def _plain_english(draws: Draws) -> str:
    """Return a name without signs and digits, to which a number can be appended."""
    return _SIGNS.sub("", _english(draws)).strip()


def _english_name(
    names: _Names, draws: Draws, slot: int, first: Work | None, same: Work | None
) -> tuple[str, int, str]:
    """Return the name without a number, the number of the part, and the English name."""
    if first:
        part = _SEQUELS[slot] + 1
        return first.stem, part, draws.pick(NUMERALS[part][:3]).format(first.stem)
    name = same.english if same else names.of(_plain_english if slot in _FAMILIES else _english)
    return name, 1, name


def _aliases(names: _Names, draws: Draws, language: str, *, is_renamed: bool) -> Sequence[Alias]:
    regions = {draws.pick(_REGIONS) for _ in range(draws.pick((0, 0, 1, 1, 2)))}
    found = [
        Alias(names.in_language(other), region, other)
        for region, other in sorted(regions)
        if other != language
    ]
    return [Alias(names.of(_english), "GB", "en"), *found] if is_renamed else found


def _premiere(draws: Draws, slot: int, first: Work | None, same: Work | None) -> date:
    drawn = draws.below(4096) / 4096
    if first:
        year = first.start_year + (2 * _SEQUELS[slot])
    elif slot in _REMAKES and same:
        year = same.start_year + 20 + draws.below(LAST_YEAR - same.start_year - 19)
    elif same:
        year = same.start_year + (0 if slot in _SAME_YEAR else draws.below(2))
    elif slot in _SERIES:
        year = (1995 if slot in _ORIGINALS else LAST_YEAR) - int(40 * drawn**2)
    else:
        # Those that others follow are older.
        latest = 1995 if slot in _ORIGINALS else LAST_YEAR - 5 if slot in _FAMILIES else LAST_YEAR
        year = latest - int((latest - _FIRST_YEAR) * drawn**3)
    return date(year, 1 + draws.below(9), 1 + draws.below(28))


def _run(draws: Draws, slot: int, start_year: int) -> tuple[int, int, int | None]:
    """Return the number of seasons, the year of the newest one, and that of the end."""
    length = draws.pick(_LENGTHS)
    if slot not in _SERIES:
        return 0, start_year, None
    newest = min(start_year + length, LAST_YEAR)
    is_running = newest >= LAST_YEAR - 1 and draws.below(3) > 0
    return 1 + newest - start_year, newest, None if is_running else newest


def _title_type(draws: Draws, seasons: int, end_year: int | None) -> str:
    if not seasons:
        return draws.pick(_MOVIE_TYPES)
    return "tvMiniSeries" if seasons == 1 and end_year else "tvSeries"


def _runtime(draws: Draws, slot: int, first: Work | None, same: Work | None) -> int:
    drawn = draws.pick(_EPISODE_RUNTIMES if slot in _SERIES else _RUNTIMES)
    if first:
        return first.runtime + draws.below(3)
    if same and slot in _NAMESAKES - _SERIES:
        if slot in _SAME_RUNTIME:
            return same.runtime + draws.below(2)
        return same.runtime + (15 + draws.below(30)) * (-1 if same.runtime > _LONG else 1)
    return drawn


def _rating(draws: Draws, same: Work | None) -> int:
    """Draw a rating, one that differs much from that of the work with the same name."""
    drawn = draws.pick(_RATINGS)
    middle = 55
    if same:
        distance = 14 + draws.below(10)
        return same.rating + (distance if same.rating < middle else -distance)
    return drawn
