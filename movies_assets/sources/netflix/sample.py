"""Generate a fictional streaming catalogue in the format of Netflix's files, day by day.

A title is a pure function of the seed and its number, and so is every row about it. Half of the
titles are the first delivery; the others follow, a few per day. All oddities of the real files
occur, in small numbers.

Texts belong in `sample.words`, titles that other sources have too in `sample_works`, HTTP in
`sample_server`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

from movies_assets.sample import words
from movies_assets.sample.deliveries import DAYS, CsvFormat, CsvRow, check_size, numbers_by_day
from movies_assets.sample.draws import Draws, weighted_table
from movies_assets.sample.files import whole_file
from movies_assets.sample.titles import RUNTIMES, draw_english_title, draw_native_title, draw_story
from movies_assets.sources.netflix.sample_works import ShownTitle, title_of

COLUMNS = (
    "duration_minutes",
    "duration_seasons",
    "type",
    "title",
    "date_added",
    "release_year",
    "rating",
    "description",
    "show_id",
)
NEW_COLUMN = "original_language"
"""The additional columns of one day's files."""
LACKING_COLUMN = "description"
"""The missing column of one day's files."""
LOOKUPS = {
    "cast": "cast",
    "category": "listed_in",
    "countries": "country",
    "directors": "director",
}
"""The column of values in each look-up; the other one is `show_id`."""
TITLES = 400
FEWEST_TITLES, MOST_TITLES = 200, 1_000_000


class _DayFormat(NamedTuple):
    """The form in which the titles of a day arrive."""

    format: CsvFormat = CsvFormat(COLUMNS)
    names: Sequence[str] = ("titles.csv",)
    days_late: int = 0


# By days since the first delivery.
_QUIET_DAYS = {5, 11, 17, 24, 26}
_CP1252_DAY = 14
_DELIVERIES = {
    7: _DayFormat(names=("titles-1.csv", "titles-2.csv")),
    9: _DayFormat(names=("titles-late.csv",), days_late=3),
    _CP1252_DAY: _DayFormat(CsvFormat(COLUMNS, delimiter=";", encoding="cp1252")),
    20: _DayFormat(CsvFormat((*COLUMNS[:-1], NEW_COLUMN, COLUMNS[-1]))),
    22: _DayFormat(CsvFormat([column for column in COLUMNS if column != LACKING_COLUMN])),
}
_USUAL = _DayFormat()

_EVERY = 200
"""Each oddity occurs once in this many titles."""
_FIRST_ID, _IDS = 90_000_000, 9_000_000  # far above those in use
_ORPHANS = 5
# Differs from the numbers of YTS's movies.
_TITLE_DRAWS, _LOOKUP_DRAWS, _ADDED_DRAWS = 1_000_000_000, 2_000_000_000, 5_900_000_000

_LANGUAGES = weighted_table(words.LANGUAGE_WEIGHTS)
_RATINGS = weighted_table(words.STREAMING_RATING_WEIGHTS)
_SEASONS = weighted_table(words.SEASON_WEIGHTS)
_COUNTRIES = weighted_table(words.COUNTRY_WEIGHTS)


class SampleFile(NamedTuple):
    """A file of the sample.

    Attributes:
        day: The day to which it belongs.
        name: Its name in the folder of that day.
        arrived: The day on which it arrives: the same or a later one.
        content: Its bytes.
    """

    day: date
    name: str
    arrived: date
    content: bytes


def deliver(
    landing: Path,
    *,
    last_day: date,
    titles: int = TITLES,
    seed: int = 1,
    as_of: date | None = None,
) -> list[Path]:
    """Write the files with titles that have arrived; keep existing files unchanged.

    Args:
        landing: The landing folder, with one folder per day; it is created if missing.
        last_day: The last of the 30 days of arrivals.
        titles: The number of titles in all files.
        seed: The seed of the catalogue.
        as_of: Leaves out files that arrive after this day.

    Returns:
        The written files, in the order of arrival.

    Raises:
        ValueError: The number of titles is out of range.
    """
    written = []
    found = arrivals(last_day=last_day, titles=titles, seed=seed)
    for arrival in sorted(found, key=lambda each: each.arrived):
        path = landing / str(arrival.day) / arrival.name
        if arrival.arrived > (as_of or last_day) or path.exists():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path, arrival.arrived) as incomplete:
            incomplete.write_bytes(arrival.content)
        written.append(path)
    return written


def arrivals(*, last_day: date, titles: int = TITLES, seed: int = 1) -> Iterator[SampleFile]:
    """Yield the files with titles, in the order of their days; see `deliver`."""
    first_day = last_day - timedelta(DAYS - 1)
    left: list[CsvRow] = []
    for number, numbers in _numbers_by_day(titles).items():
        day, delivery = first_day + timedelta(number), _DELIVERIES.get(number, _USUAL)
        rows = left + _rows_of(numbers, number, day, seed, initial=titles // 2)
        # Titles that an encoding cannot represent wait for the next file.
        left = [row for row in rows if not delivery.format.can_hold(row)]
        rows = [row for row in rows if delivery.format.can_hold(row)] if left else rows
        files = len(delivery.names)
        for part, name in enumerate(delivery.names):
            share = rows[len(rows) * part // files : len(rows) * (part + 1) // files]
            arrived = day + timedelta(delivery.days_late)
            yield SampleFile(day, name, arrived, delivery.format.content(share))


def lookup(name: str, *, titles: int = TITLES, seed: int = 1) -> bytes:
    """Return a look-up file about the titles that `deliver` writes, with one value per row.

    Raises:
        ValueError: It is not one of LOOKUPS, or the number of titles is out of range.
    """
    if name not in LOOKUPS:
        raise ValueError(f"no such look-up: {name}; there are {', '.join(LOOKUPS)}")
    _check(titles)
    column = LOOKUPS[name]
    rows = [
        {column: value, "show_id": show_id(number)}
        for number in range(titles)
        for value in _values(name, number, seed)
    ]
    unlisted = (str(_FIRST_ID + _IDS + number) for number in range(_ORPHANS))
    orphans = [{column: rows[0][column], "show_id": title} for title in unlisted]
    half = len(rows) // 2
    return CsvFormat((column, "show_id")).content(rows[:half] + orphans + rows[half:])


def show_id(number: int) -> str:
    """Return the id of the title with a number from 0: eight digits in no order."""
    return str(_FIRST_ID + number * 7_368_787 % _IDS)


def _check(titles: int) -> None:
    check_size("titles", titles, FEWEST_TITLES, MOST_TITLES)


def _numbers_by_day(titles: int) -> Mapping[int, range]:
    """Return the numbers of the titles by day of arrival."""
    _check(titles)
    return numbers_by_day(titles, _QUIET_DAYS)


def _rows_of(
    numbers: range, day_number: int, day: date, seed: int, *, initial: int
) -> list[CsvRow]:
    """Return the rows about the titles that arrive on a day."""
    rows = []
    own = next((number for number in numbers if not work_of(number, seed)), None)
    for number in numbers:
        row = _odd(_title(number, day, seed, initial=initial), number, seed)
        if day_number == _CP1252_DAY and number == own:
            row = _with_cp1252(row)
        broken = _BROKEN.get(number % _EVERY) if number < initial else None
        rows += broken(row) if broken else [row]
    return rows


def work_of(number: int, seed: int) -> ShownTitle | None:
    """Return the work that a title is; None if only Netflix has the title."""
    slot = number % _EVERY
    if slot in _OWN or not (shown := title_of(number, seed)):
        return None
    difficulties = shown.difficulties
    if slot in _SPACED and " " in shown.name:
        difficulties |= {"spelling"}
    if slot == _UNTIMED and not shown.work.is_series:
        difficulties = difficulties - {"runtime", "other cut"} | {"no runtime"}
    return shown._replace(difficulties=difficulties)


def _title(number: int, day: date, seed: int, *, initial: int) -> CsvRow:
    """Return the row about a title without oddities."""
    shown = work_of(number, seed)
    row = _own_title(number, day, seed, initial=initial)
    return row | _of_work(shown, number, day, seed, initial=initial) if shown else row


def _of_work(shown: ShownTitle, number: int, day: date, seed: int, *, initial: int) -> CsvRow:
    """Return the columns about a title that are those of a work."""
    draws = Draws(seed, _ADDED_DRAWS + number)
    first = max(shown.work.premiere, date(shown.release_year, 1, 1))
    most = 3_650 if number < initial else 4
    added = day - timedelta(draws.below(min(max((day - first).days + 1, 1), most)))
    is_series = shown.work.is_series
    return {
        "duration_minutes": "" if is_series else str(shown.runtime),
        "duration_seasons": str(shown.work.seasons) if is_series else "",
        "type": "TV Show" if is_series else "Movie",
        "title": shown.name,
        "date_added": _written(added, is_initial=number < initial),
        "release_year": str(shown.release_year),
        NEW_COLUMN: shown.work.language,
    }


def _own_title(number: int, day: date, seed: int, *, initial: int) -> CsvRow:
    """Return the row about a title that only Netflix has."""
    draws = Draws(seed, _TITLE_DRAWS + number)
    language = draws.pick(_LANGUAGES)
    english = draw_english_title(draws)
    has_twin = number % _EVERY == _TWIN - 1  # some scripts have no capitals
    title = english if has_twin else draw_native_title(draws, language) or english
    # The first delivery has titles added over ten years, later ones have titles added just before.
    added = day - timedelta(draws.below(3_650 if number < initial else 4))
    is_movie = draws.below(100) < 68 or number % _EVERY in _OF_MOVIES  # noqa: PLR2004 - 68 %
    return {
        "duration_minutes": str(draws.pick(RUNTIMES)) if is_movie else "",
        "duration_seasons": "" if is_movie else str(draws.pick(_SEASONS)),
        "type": "Movie" if is_movie else "TV Show",
        "title": title,
        "date_added": _written(added, is_initial=number < initial),
        "release_year": str(added.year - int(60 * (draws.below(4096) / 4096) ** 4)),
        "rating": draws.pick(_RATINGS),
        "description": draw_story(draws),
        "show_id": show_id(number),
        NEW_COLUMN: language,
    }


def _written(day: date, *, is_initial: bool) -> str:
    # A small file of days below 13 would not show which number is the month.
    return f"{day.month}/{day.day}/{day.year}" if is_initial else _in_words(day)


def _in_words(day: date) -> str:
    return f"{words.MONTHS[day.month - 1]} {day.day}, {day.year}"


def _with_words(row: CsvRow) -> str:
    if "/" not in row["date_added"]:
        return row["date_added"]
    month, day, year = map(int, row["date_added"].split("/"))
    return _in_words(date(year, month, day))


_ODDITIES: dict[int, Callable[[CsvRow], CsvRow]] = {
    3: lambda row: {"description": row["description"].replace(". ", ".\n")},
    6: lambda row: {"title": f"{row['title']}\N{NO-BREAK SPACE}"},
    9: lambda row: {"title": f"\N{ZERO WIDTH SPACE}{row['title']}"},
    12: lambda row: {"title": row["title"].replace(" ", "\N{NO-BREAK SPACE}", 1)},
    15: lambda row: {"date_added": f" {row['date_added']}"},
    18: lambda row: {"date_added": _with_words(row)},
    21: lambda row: {"date_added": f" {_with_words(row)}"},
    27: lambda _: {"date_added": ""},
    30: lambda _: {"duration_minutes": "", "duration_seasons": ""},
    33: lambda row: {"title": f'The "{row["title"].title()}" Tapes'},
    36: lambda row: {"title": f"{row['title']}: Part 2"},
    39: lambda _: {"rating": "TV-Y7-FV"},
    42: lambda row: {"title": f"L'été, {row['title']}"},
    45: lambda row: {"title": f"{row['title']}\nand What Came After"},
}
"""The oddity of the row about a title, by its number modulo 200."""
_TWIN = 24
"""This title has the name of the previous one, in capitals."""
_DURATION_AS_RATING = 51
_TORN_TITLE, _TORN_DESCRIPTION = 63, 163
_OF_MOVIES = {_DURATION_AS_RATING, _TORN_TITLE, _TORN_DESCRIPTION}
_SPACED, _UNTIMED = {6, 9, 12}, 30
"""The titles with odd spaces in their names, and the one without a duration."""
_OWN = {_TWIN - 1, _TWIN, 33, 36, 42, 45, *_OF_MOVIES}
"""These titles are no works of the world, as their oddity changes the name or breaks the row."""


def _odd(row: CsvRow, number: int, seed: int) -> CsvRow:
    """Return the row with the oddity of its number, if there is one."""
    slot = number % _EVERY
    if slot == _TWIN:
        twin = Draws(seed, _TITLE_DRAWS + number - 1)
        twin.pick(_LANGUAGES)
        return row | {"title": draw_english_title(twin).upper()}
    return row | _ODDITIES[slot](row) if slot in _ODDITIES else row


def _with_cp1252(row: CsvRow) -> CsvRow:
    """Return a row whose text differs when decoded with another encoding."""
    return row | {
        "title": "L\u2019été à 5 € \u2013 «Zoë»",
        "description": "\u201eFaçade\u201c \u2026",
    }


def _with_duration_as_rating(row: CsvRow) -> list[CsvRow]:
    return [row | {"duration_minutes": "", "rating": f"{row['duration_minutes']} min"}]


def _torn_in(column: str) -> Callable[[CsvRow], list[CsvRow]]:
    """Return a function that tears a row into two lines in the middle of a column."""

    def tear(row: CsvRow) -> list[CsvRow]:
        at = COLUMNS.index(column)
        values = [row[name] for name in COLUMNS]
        words_of = values[at].split(" ")
        half = len(words_of) // 2
        first, second = " ".join(words_of[:half]), " ".join(words_of[half:])
        lines = [[*values[:at], first], [f'{second}"', *values[at + 1 :]]]
        return [dict(zip(COLUMNS, line, strict=False)) for line in lines]

    return tear


# These rows are refused later; a day with few titles would have too many of them.
_BROKEN = {
    _DURATION_AS_RATING: _with_duration_as_rating,
    _TORN_TITLE: _torn_in("title"),
    _TORN_DESCRIPTION: _torn_in("description"),
}
"""The damage to the row about a title of the first delivery, by its number modulo 200."""


def _values(name: str, number: int, seed: int) -> list[str]:
    """Return the values of a title in a look-up."""
    draws = Draws(seed, _LOOKUP_DRAWS + number * len(LOOKUPS) + list(LOOKUPS).index(name))
    slot = number % _EVERY
    found = _VALUES[name](draws, slot)
    if (shown := work_of(number, seed)) and name in _NICKNAMED:
        found = [*(shown.cast if name == "cast" else shown.directors)]
    if slot == _NICKNAMED.get(name):
        found.append(_nicknamed(draws))
    values = list(dict.fromkeys(found))
    # Some rows are duplicated.
    return [*values, *values[:1]] if slot in {60, 160} else values


_NICKNAMED = {"cast": 66, "directors": 69}
"""The title, by its number modulo 200, with a person who has a nickname."""


def _cast(draws: Draws, _: int) -> list[str]:
    return [_person(draws) for _ in range(draws.pick((0, 2, 3, 4, 4, 5, 6, 8)))]


def _directors(draws: Draws, _: int) -> list[str]:
    return [_person(draws) for _ in range(draws.pick((0, 0, 1, 1, 1, 2)))]


def _countries(draws: Draws, slot: int) -> list[str]:
    countries = [draws.pick(_COUNTRIES) for _ in range(draws.pick((0, 1, 1, 1, 1, 1, 2, 3)))]
    # Some values of the real files end in a comma.
    return [*countries, "Poland,"] if slot == 72 else countries  # noqa: PLR2004


def _categories(draws: Draws, _: int) -> list[str]:
    table = draws.pick((words.MOVIE_CATEGORIES, words.MOVIE_CATEGORIES, words.SHOW_CATEGORIES))
    return [draws.pick(table) for _ in range(draws.pick((1, 2, 2, 3)))]


def _person(draws: Draws) -> str:
    return f"{draws.pick(words.NAMES)} {draws.pick(words.SURNAMES)}"


def _nicknamed(draws: Draws) -> str:
    epithet = draws.pick(words.EPITHETS)
    return f'{draws.pick(words.NAMES)} "{epithet}" {draws.pick(words.SURNAMES)}'


_VALUES: dict[str, Callable[[Draws, int], list[str]]] = {
    "cast": _cast,
    "category": _categories,
    "countries": _countries,
    "directors": _directors,
}
