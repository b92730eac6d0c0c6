"""Generate the fictional catalogue of a streaming service: its titles and their scores.

A title is a pure function of the seed, its number and the number of titles. The rows of the files,
with their oddities, belong in `sample`, titles that other sources have too in `sample_works`.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from movies_assets.sample import words
from movies_assets.sample.deliveries import DAYS, check_size, numbers_by_day
from movies_assets.sample.draws import Draws, draw, weighted_table
from movies_assets.sample.spellings import normalised
from movies_assets.sample.titles import RUNTIMES, draw_english_title, draw_native_title
from movies_assets.sources.ott.sample_users import GENRES
from movies_assets.sources.ott.sample_works import ShownTitle, names, title_of
from movies_assets.sources.shared.languages import LANGUAGES

TITLES = 240
FEWEST_TITLES, MOST_TITLES = 40, 100_000
QUIET_DAYS = {5, 23}
"""Days, counted from 0, on which no titles arrive."""
CP1252_DAY = 14

SLOTS = 400
"""Each oddity occurs once in this many titles, at a fixed number within them."""
ZERO_RUNTIME, LONG_RUNTIME, HIGH_SCORE, NO_TITLE, NO_PREMIERE = 24, 48, 72, 96, 119
REFUSED = {ZERO_RUNTIME, LONG_RUNTIME, HIGH_SCORE, NO_TITLE, NO_PREMIERE}
"""The rows about these titles of the first day have impossible values; they are rarely watched."""
NO_RUNTIME, NO_SCORE, NO_GENRE, SPACED = 6, {5, 9}, 8, 18
REMAKE = 15
"""This title has the name of the previous one, and a later premiere."""
COMING = {16, 66}
"""These are announced on the first day, and their premiere is after the last."""

_OWN = {REMAKE - 1, REMAKE, *REFUSED, *COMING}
"""These titles are no works of the world, as their oddity changes the name, premiere or score."""

_TITLE_DRAWS, _UNLISTED_DRAWS = 3_000_000_000, 4_000_000_000  # differs from the numbers elsewhere
_UNLISTED = 5
_LANGUAGES = weighted_table(words.LANGUAGE_WEIGHTS)
_GENRES = weighted_table({genre: words.GENRE_WEIGHTS[genre] for genre in GENRES})
_NORMAL, _SCORES = NormalDist(), NormalDist(62.5, 12)
_ALL_DRAWN, _NOISE = 1 << 32, 8
_MEAN_SCORE, _LOWEST_SCORE, _HIGHEST_SCORE = 63, 15, 98
_OLDEST_DAYS, _ADDED_WITHIN = 12_000, 1_800
_REMADE_AFTER, _REMADE_BEFORE = timedelta(9_000), timedelta(30)


class OttTitle(NamedTuple):
    """A title of the catalogue.

    Attributes:
        number: Its identity, from 0.
        name: Its name.
        genres: One or two; a few have none.
        premiere: The day of the first showing.
        added: The day on which it was added to the service.
        arrives: The number of the day on which its row arrives.
        runtime: Minutes.
        score: Tenths of points, from 10 to 100.
        language: English name of the language.
        rank: Its place by views, 0 the most watched.
    """

    number: int
    name: str
    genres: Sequence[str]
    premiere: date
    added: date
    arrives: int
    runtime: int
    score: int
    language: str
    rank: int


def catalogue(*, last_day: date, titles: int = TITLES, seed: int = 1) -> list[OttTitle]:
    """Return all titles in the order in which they arrive.

    Args:
        last_day: The last of the 30 days of arrivals.
        titles: The number of titles.
        seed: The seed of the catalogue.

    Raises:
        ValueError: The number of titles is out of range.
    """
    check_size("titles", titles, FEWEST_TITLES, MOST_TITLES)
    first_day = last_day - timedelta(DAYS - 1)
    by_day = numbers_by_day(titles, QUIET_DAYS).items()
    works = [work_of(number, day, seed) for day, numbers in by_day for number in numbers]
    ranks, luck = _ranks(works, seed), draw(seed, "luck", np.arange(titles)).tolist()
    found: list[OttTitle] = []
    taken = Counter(names(seed))
    for day, numbers in by_day:
        for number in numbers:
            title, work = _title(number, day, first_day, seed), works[number]
            if work:
                title = _of_work(work, title)
            else:
                score = _score(ranks[number], luck[number], titles)
                title = title._replace(score=score, name=_unique(title.name, taken))
            title = title._replace(rank=ranks[number])
            if number % SLOTS == REMAKE - 1:
                title = title._replace(premiere=title.premiere - _REMADE_AFTER)
            elif number % SLOTS == REMAKE:
                title = title._replace(name=found[-1].name, premiere=title.added - _REMADE_BEFORE)
            elif is_coming(title):
                title = title._replace(premiere=last_day + timedelta(5 + number % 40))
            found.append(title)
    return found


def work_of(number: int, day: int, seed: int) -> ShownTitle | None:
    """Return the work that a title is; None if only the service has the title.

    Args:
        number: The number of the title.
        day: The number of the day on which it arrives.
        seed: The seed of the catalogue.
    """
    slot = number % SLOTS
    if slot in _OWN or day == CP1252_DAY or not (shown := title_of(number, seed)):
        return None
    difficulties = shown.difficulties
    if slot == SPACED:
        difficulties |= {"spelling"}
    if slot == NO_RUNTIME:
        difficulties = difficulties - {"runtime", "other cut"} | {"no runtime"}
    if slot in NO_SCORE:
        difficulties -= {"other score"}
    return shown._replace(difficulties=difficulties)


def _of_work(work: ShownTitle, title: OttTitle) -> OttTitle:
    """Return a title with the attributes of a work."""
    return title._replace(
        name=work.name,
        genres=work.genres if title.genres else (),
        premiere=work.premiere,
        added=max(title.added, work.premiere),
        runtime=work.runtime,
        score=work.score,
        language=work.language,
    )


def unlisted(titles: Sequence[OttTitle], seed: int = 1) -> list[str]:
    """Return names of watched titles that no catalogue lists."""
    taken = Counter({*(normalised(title.name) for title in titles), *names(seed)})
    drawn = (Draws(seed, _UNLISTED_DRAWS + number) for number in range(_UNLISTED))
    return [_unique(draw_english_title(draws), taken) for draws in drawn]


def is_refused(title: OttTitle) -> bool:
    """Return whether the row about a title has impossible values."""
    return title.arrives == 0 and title.number % SLOTS in REFUSED


def is_coming(title: OttTitle) -> bool:
    """Return whether the premiere of a title is after the last day."""
    return title.arrives == 0 and title.number % SLOTS in COMING


def _ranks(works: Sequence[ShownTitle | None], seed: int) -> list[int]:
    """Return the rank of each title by views; titles with refused rows come last.

    Args:
        works: The work of each title; those with a high score are watched more.
        seed: The seed of the catalogue.
    """
    numbers = np.arange(len(works))
    popularity = draw(seed, "popularity", numbers)
    for number, work in enumerate(works):
        if work:
            better = _SCORES.cdf(work.score) * _ALL_DRAWN
            popularity[number] = _ALL_DRAWN - int(better) + popularity[number] // _NOISE
    unpopular = np.isin(numbers % SLOTS, [*REFUSED])
    order = np.lexsort([popularity, unpopular])
    ranks = np.empty(len(works), np.int64)
    ranks[order] = numbers
    places: list[int] = ranks.tolist()
    return places


def _score(rank: int, luck: int, titles: int) -> int:
    """Return a score that rises with the views of a title, with some noise."""
    popularity = _NORMAL.inv_cdf(1 - (rank + 0.5) / titles)
    deviation = _NORMAL.inv_cdf((luck % 4096 + 0.5) / 4096)
    score = round(_MEAN_SCORE + 10 * popularity + 2 * deviation)
    return min(max(score, _LOWEST_SCORE), _HIGHEST_SCORE)


def _title(number: int, day: int, first_day: date, seed: int) -> OttTitle:
    draws = Draws(seed, _TITLE_DRAWS + number)
    language = draws.pick(_LANGUAGES)
    english = draw_english_title(draws)
    name = draw_native_title(draws, language) or english
    if day == CP1252_DAY:
        language, name = "fr", _in_cp1252(english)
    added = first_day + timedelta(day) - timedelta(draws.below(3 if day else _ADDED_WITHIN))
    genres = dict.fromkeys(draws.pick(_GENRES) for _ in range(draws.pick((1, 2, 2))))
    return OttTitle(
        number=number,
        name=name,
        genres=() if number % SLOTS == NO_GENRE else tuple(genres),
        premiere=added - timedelta(int(_OLDEST_DAYS * (draws.below(4096) / 4096) ** 4)),
        added=added,
        arrives=day,
        runtime=draws.pick(RUNTIMES),
        score=0,
        language=LANGUAGES[language],
        rank=0,
    )


def _in_cp1252(english: str) -> str:
    """Return a name that cp1252 can encode, with other bytes than in UTF-8."""
    return f"{english.encode('cp1252', 'ignore').decode('cp1252').strip()} à l\u2019été"


def _unique(name: str, taken: Counter[str]) -> str:
    """Return the name, with a number appended if another title has it."""
    normal = normalised(name)
    taken[normal] += 1
    return name if taken[normal] == 1 else _unique(f"{name} {taken[normal]}", taken)
