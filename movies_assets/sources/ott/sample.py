"""Generate the files of a fictional streaming service: catalogue, watch events and users by day.

Half of the titles are the first delivery, the others follow, a few per day; some are delivered
again in a newer state. Events arrive on the day on which they take place, or a little later. All
oddities of real files occur, in small numbers.

Users belong in `sample_users`, titles in `sample_titles`, views in `sample_views`, HTTP in
`sample_server`.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from movies_assets.sample import words
from movies_assets.sample.deliveries import DAYS, CsvFormat, CsvRow
from movies_assets.sample.draws import Integers, below, draw
from movies_assets.sample.files import whole_file
from movies_assets.sample.spellings import other_spelling
from movies_assets.sample.titles import RUNTIMES
from movies_assets.sources.ott import sample_titles as ott_titles
from movies_assets.sources.ott import sample_users as ott_users
from movies_assets.sources.ott.sample_titles import CP1252_DAY, SLOTS, TITLES, OttTitle, catalogue
from movies_assets.sources.ott.sample_users import USERS, UserId, Users, numbered
from movies_assets.sources.ott.sample_views import MISSING_DAY, VIEW_DAYS, VIEWS, Events, Viewership
from movies_assets.sources.ott.users_api import COLUMNS as USER_COLUMNS

TITLE_COLUMNS = (
    "Title",
    "Genre",
    "Premiere",
    "Added Date",
    "Runtime",
    "IMDb Score",
    "Views",
    "Language",
)
VIEW_COLUMNS = ("user_id", "title", "watched_at", "minutes")

_USUAL = CsvFormat(TITLE_COLUMNS, encoding="utf-8", line_end="\n")
_CP1252 = CsvFormat(TITLE_COLUMNS, delimiter=";", encoding="cp1252")
_USERS_AT_ONCE = 20_000


def deliver_titles(  # noqa: PLR0913 - one per setting
    folder: Path,
    *,
    last_day: date,
    titles: int = TITLES,
    seed: int = 1,
    as_of: date | None = None,
    users: int = USERS,
    views: int = VIEWS,
) -> list[Path]:
    """Write the files of the catalogue that have arrived; keep existing files unchanged.

    Args:
        folder: The landing folder, with one folder per day; it is created if missing.
        last_day: The last of the 30 days of arrivals.
        titles: The number of titles, without duplicates.
        seed: The seed of the service.
        as_of: Leaves out files that arrive after this day.
        users: How many users the service has.
        views: The number of events of `deliver_views`, which the catalogue states approximately.

    Returns:
        The written files, in the order of arrival.

    Raises:
        ValueError: A number is out of range.
    """
    found = catalogue(last_day=last_day, titles=titles, seed=seed)
    wanted = _missing(folder, "titles.csv", last_day, as_of, range(DAYS))
    if not wanted:
        return []
    watched = Viewership(Users(users, last_day, seed), found, views).popularity().tolist()
    written = []
    for day, content in _title_files(found, watched, seed):
        if day in wanted:
            written.append(_write(wanted[day], content))
    return written


def deliver_views(  # noqa: PLR0913 - one per setting
    folder: Path,
    *,
    last_day: date,
    users: int = USERS,
    titles: int = TITLES,
    views: int = VIEWS,
    seed: int = 1,
    as_of: date | None = None,
    ids: UserId = numbered,
) -> list[Path]:
    """Write the files of watch events that have arrived; keep existing files unchanged.

    Args:
        folder: The landing folder, with one folder per day; it is created if missing.
        last_day: The last of the 30 days of arrivals.
        users: How many users the service has.
        titles: The number of titles.
        views: The number of events, without duplicates.
        seed: The seed of the service.
        as_of: Leaves out files that arrive after this day.
        ids: Returns the id of a user, given the number.

    Returns:
        The written files, in the order of arrival.

    Raises:
        ValueError: A number is out of range.
    """
    found = catalogue(last_day=last_day, titles=titles, seed=seed)
    audience = Viewership(Users(users, last_day, seed), found, views)
    days = [day for day in range(DAYS) if day != MISSING_DAY]
    wanted = _missing(folder, "views.csv", last_day, as_of, days)
    if not wanted:
        return []
    script = _Script(audience, found, users=users, first_day=_first(last_day), seed=seed, ids=ids)
    with _open_all(wanted) as files:
        for file in files.values():
            file.write(f"{','.join(VIEW_COLUMNS)}\n".encode())
        for events in audience.chunks():
            script.write(events, files)
    return [day.path for day in wanted.values()]


def deliver_users(
    folder: Path, *, last_day: date, users: int = USERS, seed: int = 1, ids: UserId = numbered
) -> list[Path]:
    """Write the stored users of each of the 29 days before the last.

    Existing files are kept unchanged. The users of the last day come from the API.

    Args:
        folder: The landing folder, with one folder per day; it is created if missing.
        last_day: The last of the 30 days.
        users: The number of users who ever sign up until then.
        seed: The seed of the users.
        ids: Returns the id of a user, given the number.

    Returns:
        The written files, in the order of their days.

    Raises:
        ValueError: The number of users is out of range.
    """
    found = Users(users, last_day, seed)
    wanted = _missing(folder, "users.csv", last_day, None, range(DAYS - 1))
    if not wanted:
        return []
    with _open_all(wanted) as files:
        for file in files.values():
            file.write(_lines([USER_COLUMNS])[0])
        for start in range(0, users, _USERS_AT_ONCE):
            numbers = np.arange(start, min(start + _USERS_AT_ONCE, users))
            lines = np.array(
                _lines(ott_users.as_stored(user, ids) for user in found.people(numbers)), object
            )
            for day, file in files.items():
                file.writelines(lines[found.present(day)[numbers]].tolist())
    return [day.path for day in wanted.values()]


def deliver_all(
    folder: Path, *, last_day: date, users: int, titles: int, views: int, seed: int = 1
) -> Iterator[Path]:
    """Deliver titles, views and users into folders of these names, and yield each new file.

    Raises:
        ValueError: A number is out of range.
    """
    yield from deliver_titles(
        folder / "titles", last_day=last_day, titles=titles, seed=seed, users=users, views=views
    )
    yield from deliver_views(
        folder / "views", last_day=last_day, users=users, titles=titles, views=views, seed=seed
    )
    yield from deliver_users(folder / "users", last_day=last_day, users=users, seed=seed)


class _File(NamedTuple):
    """A file to be written."""

    path: Path
    day: date


def _first(last_day: date) -> date:
    return last_day - timedelta(DAYS - 1)


def _missing(
    folder: Path, name: str, last_day: date, as_of: date | None, numbers: Iterable[int]
) -> dict[int, _File]:
    """Return the missing files, by the number of their day."""
    days = {number: _first(last_day) + timedelta(number) for number in numbers}
    files = {number: _File(folder / str(day) / name, day) for number, day in days.items()}
    return {
        number: file
        for number, file in files.items()
        if file.day <= (as_of or last_day) and not file.path.exists()
    }


def _write(file: _File, content: bytes) -> Path:
    file.path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(file.path, file.day) as incomplete:
        incomplete.write_bytes(content)
    return file.path


@contextmanager
def _open_all(files: Mapping[int, _File]) -> Iterator[Mapping[int, BinaryIO]]:
    """Open files for writing in parallel; they appear once all of them are complete."""
    with ExitStack() as stack:
        opened = {}
        for number, file in files.items():
            file.path.parent.mkdir(parents=True, exist_ok=True)
            incomplete = stack.enter_context(whole_file(file.path, file.day))
            opened[number] = stack.enter_context(incomplete.open("wb"))
        yield opened


class _LineBuffer(list[bytes]):
    """The output of a CSV writer, one entry per line."""

    def write(self, line: str) -> None:
        self.append(line.encode())


def _lines(rows: Iterable[Iterable[object]]) -> list[bytes]:
    lines = _LineBuffer()
    csv.writer(lines, lineterminator="\n").writerows(rows)
    return lines


# The catalogue


def _in_words(day: date) -> str:
    return f"{words.MONTHS[day.month - 1]} {day.day}, {day.year}"


def _with_full_stop(title: OttTitle) -> CsvRow:
    """Format a date like a few in the real files: 'April 5. 2018'."""
    return {"Premiere": _in_words(title.premiere).replace(",", ".")}


_ODDITIES: Mapping[int, Callable[[OttTitle], CsvRow]] = {
    **dict.fromkeys((1, 31, 61, 91, 111), _with_full_stop),
    3: lambda title: {"Premiere": str(title.premiere)},
    33: lambda title: {"Premiere": str(title.premiere)},
    5: lambda _: {"IMDb Score": "N/A"},
    ott_titles.NO_RUNTIME: lambda _: {"Runtime": ""},
    7: lambda _: {"Language": ""},
    9: lambda _: {"IMDb Score": ""},
    10: lambda title: {"Added Date": _in_words(title.added)},
    ott_titles.SPACED: lambda title: {"Title": f" {title.name}\N{NO-BREAK SPACE}"},
}
"""The oddity of the row about a title, by its number modulo 400."""
_REFUSED: Mapping[int, CsvRow] = {
    ott_titles.ZERO_RUNTIME: {"Runtime": "0"},
    ott_titles.LONG_RUNTIME: {"Runtime": "4000"},
    ott_titles.HIGH_SCORE: {"IMDb Score": "11"},
    ott_titles.NO_TITLE: {"Title": ""},
    ott_titles.NO_PREMIERE: {"Premiere": ""},
}
"""Impossible values, on the first day only, as a day with few titles would have too many."""
_DOUBLES: Mapping[int, Callable[[str], str]] = {
    11: str.upper,
    12: lambda name: name.replace(" ", "  "),
    13: lambda name: f"{name.lower()} ",
}
"""These titles are duplicated in another spelling."""
_AGAIN, _AGAIN_OF = 7, 20
"""The period, and the number within it, of titles that are delivered again in a newer state."""


def _title_files(
    titles: Sequence[OttTitle], watched: Sequence[int], seed: int
) -> Iterator[tuple[int, bytes]]:
    """Yield the number and the file of each day on which titles arrive."""
    arriving = [list[CsvRow]() for _ in range(DAYS)]
    for title, views in zip(titles, watched, strict=True):
        arriving[title.arrives] += _rows(title, views)
        if day := _day_again(title, seed):
            arriving[day].append(_newer_row(title, views))
    left: list[CsvRow] = []
    for day, rows in enumerate(arriving):
        form = _CP1252 if day == CP1252_DAY else _USUAL
        # Titles that an encoding cannot represent wait for the next file.
        held = [row for row in left + rows if form.can_hold(row)]
        left = [row for row in left + rows if not form.can_hold(row)] if form is _CP1252 else []
        if held:
            yield day, form.content(held)


def _rows(title: OttTitle, views: int) -> list[CsvRow]:
    """Return the first rows about a title."""
    slot = title.number % SLOTS
    row = _row(title, views, title.score)
    if slot in _ODDITIES:
        row |= _ODDITIES[slot](title)
    if ott_titles.is_refused(title):
        row |= _REFUSED[slot]
    return [row, row | {"Title": _DOUBLES[slot](title.name)}] if slot in _DOUBLES else [row]


def _newer_row(title: OttTitle, views: int) -> CsvRow:
    """Return the later row about a title."""
    return _row(title, views + views // 10 + 1, title.score + (-2 if title.number % 2 else 1))


def _row(title: OttTitle, views: int, score: int) -> CsvRow:
    """Return the row about a title without oddities."""
    return {
        "Title": title.name,
        "Genre": "/".join(title.genres),
        "Premiere": _in_words(title.premiere),
        "Added Date": str(title.added),
        "Runtime": str(title.runtime),
        "IMDb Score": f"{score / 10}",
        # The service's own count differs.
        "Views": str(views * (95 + title.number % 11) // 100),
        "Language": title.language,
    }


def _day_again(title: OttTitle, seed: int) -> int | None:
    """Return the number of the day on which a title is delivered again."""
    if title.number % _AGAIN_OF != _AGAIN or title.number % SLOTS in _ODDITIES:
        return None
    closed = {CP1252_DAY, *ott_titles.QUIET_DAYS}
    days = [day for day in range(title.arrives + 1, DAYS) if day not in closed]
    drawn = int(draw(seed, "again", np.array([title.number]))[0])
    return days[drawn % len(days)] if days else None


# Watch events

_EVERY = 500
"""Each oddity occurs once in this many events, at a fixed number within them."""
_UNLISTED_TITLE, _OTHER_SPELLING, _BEFORE_PREMIERE, _UNKNOWN_USER = 3, (8, 28, 48, 68, 88), 13, 18
_TWICE_IN_FILE, _TWICE_IN_DAYS = 23, 33
_NEGATIVE, _TORN = 43, 53
_ENOUGH = 3_000
"""With fewer events no lines are broken, as a day with few events would have too many."""
_UNKNOWN_USERS = 5
_LONGEST_MINUTES = max(RUNTIMES)


class _Script:
    """A writer of events as lines.

    Lines are assembled from tables of texts: of all titles in three spellings (their own, another
    one, torn in two) and unlisted ones, of days and times in two formats, and of minutes.
    """

    def __init__(
        self,
        audience: Viewership,
        titles: Sequence[OttTitle],
        *,
        users: int,
        first_day: date,
        seed: int,
        ids: UserId,
    ) -> None:
        self._ids = pa.array([str(ids(number)) for number in range(users + _UNKNOWN_USERS)])
        self._titles, self._users, self._seed = len(titles), users, seed
        self._may_break = audience.views >= _ENOUGH
        self._coming = np.array([title.number for title in titles if ott_titles.is_coming(title)])
        self._runtimes = np.array([title.runtime for title in titles])
        names = [title.name for title in titles]
        spelt = [*names, *(other_spelling(name, n) for n, name in enumerate(names))]
        written = [line.decode()[:-1] for line in _lines([name] for name in spelt)]
        torn = [_torn(name) for name in names]
        nowhere = ott_titles.unlisted(titles, seed)
        self._unlisted = len(nowhere)
        self._names = pa.array([f",{name}," for name in (*written, *torn, *nowhere)])
        days = [first_day + timedelta(int(day)) for day in VIEW_DAYS]
        self._days = pa.array([f"{day}{separator}" for separator in "T " for day in days])
        self._times = pa.array([f"{time // 60:02d}:{time % 60:02d}:" for time in range(24 * 60)])
        self._seconds = pa.array([f"{s:02d}{zone}," for zone in ("Z", "") for s in range(60)])
        minutes = range(-_LONGEST_MINUTES, _LONGEST_MINUTES + 1)
        self._minutes = pa.array([f"{each}\n" for each in minutes])

    def write(self, events: Events, files: Mapping[int, BinaryIO]) -> None:
        """Append events to the files of their days, sorted by time."""
        events = self._odd(events)
        moment = events.slot * 24 * 3600 + events.second
        events = events.where(np.argsort((events.file_slot << 32) + moment, kind="stable"))
        lines = self._written(events)
        _, ends, text = lines.buffers()
        places = np.frombuffer(ends, np.int32)
        bounds = places[np.searchsorted(events.file_slot, np.arange(len(VIEW_DAYS) + 1))].tolist()
        for slot, day in enumerate(VIEW_DAYS.tolist()):
            if day in files:
                files[day].write(memoryview(text)[bounds[slot] : bounds[slot + 1]])

    def _written(self, events: Events) -> pa.StringArray:
        is_plain = events.file_slot % 2
        return pc.binary_join_element_wise(
            self._ids.take(pa.array(events.user)),
            self._names.take(pa.array(events.title)),
            self._days.take(pa.array(events.slot + is_plain * len(VIEW_DAYS))),
            self._times.take(pa.array(events.second // 60)),
            self._seconds.take(pa.array(events.second % 60 + is_plain * 60)),
            self._minutes.take(pa.array(events.minutes + _LONGEST_MINUTES)),
            "",
        )

    def _odd(self, events: Events) -> Events:
        """Return the events with the oddities of their numbers."""
        slots = events.number % _EVERY

        def some(what: str, count: int) -> Integers:
            return below(draw(self._seed, what, events.number), count)

        title, user, minutes = events.title, events.user, events.minutes
        title = np.where(np.isin(slots, _OTHER_SPELLING), title + self._titles, title)
        unlisted = 3 * self._titles + some("unlisted", self._unlisted)
        title = np.where(slots == _UNLISTED_TITLE, unlisted, title)
        coming = self._coming[some("coming", len(self._coming))]
        is_early = slots == _BEFORE_PREMIERE
        title = np.where(is_early, coming, title)
        minutes = np.where(is_early, np.minimum(minutes, self._runtimes[coming]), minutes)
        unknown = self._users + some("unknown", _UNKNOWN_USERS)
        user = np.where(slots == _UNKNOWN_USER, unknown, user)
        if self._may_break:
            title = np.where(slots == _TORN, title + 2 * self._titles, title)
            minutes = np.where(slots == _NEGATIVE, -minutes, minutes)
        return _with_doubles(events._replace(title=title, user=user, minutes=minutes), slots)


def _with_doubles(events: Events, slots: Integers) -> Events:
    """Return the events with some duplicates, on the same or the next day."""
    days = events.file_slot
    in_days = (slots == _TWICE_IN_DAYS) & (days < len(VIEW_DAYS) - 1)
    on_next = events._replace(file_slot=days + 1).where(in_days)
    in_file = events.where(slots == _TWICE_IN_FILE)
    joined = zip(events, in_file, on_next, strict=True)
    return Events(*(np.concatenate(arrays) for arrays in joined))


def _torn(name: str) -> str:
    """Return a name with a line break in the middle, and without quotes that might hide it."""
    plain = name.replace(",", "").replace('"', "")
    half = len(plain) // 2
    return f"{plain[:half]}\n{plain[half:]}"
