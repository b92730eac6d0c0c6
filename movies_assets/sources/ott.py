"""The users of the streaming service: what its API says of them today, kept as one CSV a day.

Which replies are sound, when a list of users is whole, and which days are there belongs here. How a
request is made is in http.py, and what a user means is the business of the silver assets.

In the landing zone, `ott/users/YYYY-MM-DD/users.csv` holds a line a user, by their ids, each id
once; users without an id come last. A file is there as a whole or not at all. Nothing else of the
replies is ever stored, and nothing of them at all is shown in messages: they are about people.
"""

import csv
import json
import re
import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from datetime import date
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO, Literal, NamedTuple

import anyio
import httpx
from anyio.from_thread import start_blocking_portal

from movies_assets.days import named
from movies_assets.sources.download import locked, move, storing
from movies_assets.sources.http import (
    DEFAULT_OPTIONS,
    HttpClient,
    HttpOptions,
    PermanentSourceError,
    Reply,
    Source,
    SourceError,
    TransientSourceError,
    mask_url,
    url_below,
)

COLUMNS = ("user_id", "full_name", "email", "signup_date", "preferred_genres", "country")

_PATH, _FILE = "users", "users.csv"
_HEADER = f"{','.join(COLUMNS)}\n".encode()
_REREADS = 2
_REPEATS = 3
_PROGRESS_SECONDS = 5
_PIECE_BYTES = 1 << 20
_GENRES = re.compile(r"[|,]")
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")
# A line is a user: a line break within a name would be none to every reader.
_CONTROLS = dict.fromkeys([*range(32), *range(127, 160), 0x2028, 0x2029], " ")


class Fetched(NamedTuple):
    """The users of today, as they were stored.

    Attributes:
        path: Where.
        users: How many.
        requests: How many requests that took.
        url: Where they come from, without secrets.
    """

    path: Path
    users: int
    requests: int
    url: str


class UserDay(NamedTuple):
    """The users of a day.

    Attributes:
        day: The day.
        path: The file.
        users: How many are in it.
        state: 'fetched' just now, or 'kept' since that day.
    """

    day: date
    path: Path
    users: int
    state: Literal["fetched", "kept"]


class OttClient(Source):
    """Fetches the users of today into the landing zone; may be killed at any time and run again.

    The list is only known by position, and it shifts while one reads: where a user is removed, the
    next page begins a user late. Hence users are told apart by their ids, the later reply stands,
    and a list that holds fewer users than the service ever said while it was read is read again
    from its start. What that misses is a removal that an addition makes up for in the meantime.

    Args:
        base_url: Where the API is; user and password in it are sent as basic auth.
        options: Limits of the HTTP client; memory holds as many pages as requests are under way.
        transport: Replaces the network, such as httpx.ASGITransport for a server in process.
        page_size: Users a page; a service that gives another number is asked in steps of that.
        today: The service's clock, by which users never count for another day than theirs.
        log: Receives retries and progress.

    Raises:
        PermanentSourceError: The base URL is no HTTP URL.
    """

    is_private = True

    def __init__(
        self,
        base_url: str,
        options: HttpOptions = DEFAULT_OPTIONS,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        page_size: int = 100,
        today: Callable[[], date] | None = None,
        log: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(base_url, options, transport=transport, log=log)
        self._page_size = page_size
        self._today = today

    @property
    def source_url(self) -> str:
        """Where the users come from, without secrets."""
        return mask_url(url_below(self._base, _PATH))

    def fetch(self, landing: Path, day: date) -> Fetched:
        """Stores the users that the service has now, in place of those stored for the day before.

        Whatever fails, the file stays as it was. If another process is fetching, this one waits.

        Args:
            landing: The landing zone.
            day: The day, which must be today.

        Raises:
            PermanentSourceError: The source refused, its replies make no sense, the day is not
                today, or the disk is full.
            TransientSourceError: The source was still failing when the time budget was spent, kept
                shifting, or the day ended.
        """
        target = _path(landing, day)
        folder = target.parents[1]
        new = folder / f".{_FILE}.part"
        try:
            with storing(target), locked(folder, "users", self._log):
                # What a killed process left is about people, and of no use.
                new.unlink(missing_ok=True)
                try:
                    with start_blocking_portal(name="ott") as portal:
                        return portal.call(self._fetch, target, new, day)
                finally:
                    new.unlink(missing_ok=True)
        except SourceError as error:
            raise error.adding(f"{target} was not touched.") from error

    async def _fetch(self, target: Path, new: Path, day: date) -> Fetched:
        if self._today and (today := self._today()) != day:
            raise PermanentSourceError(
                f"{self.source_url} only knows the users of today, which is {today}: they are not "
                f"those of {day}. Run the partition {today}."
            )
        with TemporaryFile(dir=new.parent) as file:
            async with self._http() as http:
                users = await self._read(http, file)
            if not len(users):
                # The users of the day before would count on: a day without any looks like no day.
                raise PermanentSourceError(
                    f"{self.source_url} lists nobody at all. Check the base URL, and what the "
                    "service says of it."
                )
            if self._today and (today := self._today()) != day:
                raise TransientSourceError(
                    f"{day} ended while the users were read from {self.source_url}: they are those "
                    f"of neither day as a whole. Run again, the partition {today}."
                )
            with new.open("wb") as output:
                output.write(_HEADER)
                output.writelines(users.lines())
        target.parent.mkdir(parents=True, exist_ok=True)
        move(new, target)
        self._log(f"{self.source_url}: {len(users):,} users of {day} stored as {target}.")
        return Fetched(target, len(users), http.requests, self.source_url)

    async def _read(self, http: HttpClient, file: BinaryIO) -> "_Users":
        """Reads the list until it is whole."""
        for _ in range(1 + _REREADS):
            users = _Users(file)
            reading = _Reading(http, users, self._page_size, self._log)
            await reading.read(self._options.concurrency)
            missing = reading.total - len(users)
            if missing <= 0:
                return users
            if reading.repeats:
                raise PermanentSourceError(
                    f"{self.source_url} has {reading.total:,} users by its `total`, but gave the "
                    f"same {len(users):,} on every page: it does not know the parameter `skip`. "
                    "Check the base URL, and whether the API changed."
                )
            self._log(
                f"{self.source_url}: {missing:,} of {reading.total:,} users were on no page, for "
                "the list shifted while it was read."
            )
        raise TransientSourceError(
            f"{self.source_url} said that it has {reading.total:,} users, and {missing:,} of them "
            f"were on none of its pages, even when they were read {1 + _REREADS} times: users are "
            "being removed or added, or the service leaves some out. Try again later, when fewer "
            "change; if that does not help, ask the service about its paging."
        )


class _Users:
    """The users of one reading, kept on the disk; memory holds where their lines begin.

    For a million users that takes about 150 MB.

    Args:
        file: Where they are kept; what is in it is removed.
    """

    def __init__(self, file: BinaryIO) -> None:
        file.seek(0)
        file.truncate()
        self._file = file
        self._end = 0
        self._known: dict[int | str, int] = {}
        self._unknown: list[int] = []
        self._rows = csv.writer(self, lineterminator="\n")

    def __len__(self) -> int:
        return len(self._known) + len(self._unknown)

    def write(self, line: str) -> int:
        """Adds a line, for the CSV writer; a lone surrogate stands as its escape."""
        return self._file.write(line.encode("utf-8", "backslashreplace"))

    def add(self, user: Any) -> None:
        """Adds a user in place of an earlier one with the same id."""
        data = user if isinstance(user, dict) else {}
        if (key := _id(data)) == "":
            self._unknown.append(self._end)
        else:
            self._known[key] = self._end
        self._end += self._rows.writerow([key, *_values(data)])

    def lines(self) -> Iterator[bytes]:
        """Yields the lines by id: numbers, then texts, then users without one."""
        numbers = sorted(key for key in self._known if isinstance(key, int))
        words = sorted(key for key in self._known if isinstance(key, str))
        for keys in (numbers, words):
            for key in keys:
                yield self._line(self._known[key])
        yield from map(self._line, self._unknown)

    def _line(self, start: int) -> bytes:
        self._file.seek(start)
        return self._file.readline()


class _Reading:
    """One reading of the list, several pages at once.

    Attributes:
        total: The largest number of users that the service named.
    """

    def __init__(
        self, http: HttpClient, users: _Users, page_size: int, log: Callable[[str], None]
    ) -> None:
        self._http = http
        self._users = users
        self._page_size = page_size
        self._log = log
        self._next = self._step = self._end = 0
        self._first_users = self._later_rows = 0
        self._told = time.monotonic()
        self.total = 0

    @property
    def repeats(self) -> bool:
        """Whether no page brought another user than the first one."""
        return self._later_rows > 0 and len(self._users) == self._first_users

    async def read(self, concurrency: int) -> None:
        """Reads all pages."""
        self._step = self._next = len(await self._page(0))
        self._first_users = len(self._users)
        # Users may be added meanwhile; a service that names more each time has no end.
        self._end = 2 * self.total
        if self._step:
            await _at_once(concurrency, self._pages)

    async def _pages(self) -> None:
        """Reads one page after the other, beside others who do so."""
        while self._next < min(self.total, self._end):
            skip = self._next
            self._next += self._step
            users = await self._page(skip)
            self._later_rows += len(users)
            # Past the last page, whatever the total; or the same page again and again.
            if not users or (self.repeats and self._later_rows > _REPEATS * self._first_users):
                self._end = 0
            self._tell()

    async def _page(self, skip: int) -> list[Any]:
        reply = await self._http.fetch(_PATH, {"limit": self._page_size, "skip": skip})
        users, total = _parse(reply, skip)
        self.total = max(self.total, total)
        for user in users:
            self._users.add(user)
        return users

    def _tell(self) -> None:
        if time.monotonic() - self._told > _PROGRESS_SECONDS:
            self._told = time.monotonic()
            self._log(f"{len(self._users):,} of {self.total:,} users so far.")


async def _at_once(number: int, task: Callable[[], Awaitable[None]]) -> None:
    """Runs so many of a task; the first to fail ends the others, and its error is raised as is."""
    failures: list[SourceError | OSError] = []

    async def run() -> None:
        try:
            await task()
        except (SourceError, OSError) as error:
            failures.append(error)
            group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        for _ in range(number):
            group.start_soon(run)
    if failures:
        raise failures[0]


def _parse(reply: Reply, skip: int) -> tuple[list[Any], int]:
    """Returns the users of a page, and the total.

    Raises:
        PermanentSourceError: The reply is no page of users, or not the one that was asked for.
    """
    data = reply.json()
    users: Any = data.get("users")
    total: Any = data.get("total")
    found = data.get("skip")
    fault = None
    if not isinstance(users, list):
        fault = f"`users` is {_kind(data, 'users')} instead of a list"
    elif type(total) is not int or total < 0:
        fault = f"`total` is {_kind(data, 'total')} instead of the number of all users"
    elif not all(user is None or isinstance(user, dict) for user in users):
        fault = "not all of its `users` are objects"
    elif len(users) > total:
        fault = f"it has {len(users):,} users, more than its `total`, {total:,}"
    elif not users and total and not skip:
        fault = f"it has no users, but its `total` is {total:,}"
    elif type(found) is int and found != skip:
        fault = f"it begins after {found:,} users instead of {skip:,}, as was asked for"
    if fault:
        raise reply.unusable(f"JSON that is not the page of users that was asked for: {fault}")
    return users, total


def _kind(data: Mapping[str, Any], name: str) -> str:
    """Says what is there in place of something else, and nothing of what it says."""
    match data.get(name):
        case None:
            return "null" if name in data else "missing"
        case bool():
            return "true or false"
        case int() | float():
            return "another number"
        case str():
            return "a text"
        case list():
            return "a list"
    return "an object"


def _id(user: Mapping[str, Any]) -> int | str:
    """Returns the id: a number where it is one, else what stands there; '' where nothing does."""
    text = _text(user.get("id"))
    return int(text) if _WHOLE_NUMBER.fullmatch(text) else text


def _values(user: Mapping[str, Any]) -> list[str]:
    """Returns what is kept of a user beside the id."""
    address = user.get("address")
    return [
        _first(user, "fullName", "full_name") or _joined_name(user),
        _first(user, "email"),
        _first(user, "signupDate", "signup_date"),
        _genres(user.get("preferredGenres") or user.get("preferred_genres")),
        _first(user, "country") or _first(address if isinstance(address, dict) else {}, "country"),
    ]


def _joined_name(user: Mapping[str, Any]) -> str:
    names = (_first(user, "firstName", "first_name"), _first(user, "lastName", "last_name"))
    return " ".join(filter(None, names))


def _first(data: Mapping[str, Any], *names: str) -> str:
    """Returns what stands under the first of these names that has something."""
    for name in names:
        if text := _text(data.get(name)):
            return text
    return ""


def _genres(value: Any) -> str:
    texts = map(_text, value) if isinstance(value, list) else _GENRES.split(_text(value))
    return "|".join(filter(None, map(str.strip, texts)))


def _text(value: Any) -> str:
    """Returns a text or a number as text; what else may be there, nobody asked for."""
    match value:
        case str():
            # Looking is much quicker than translating: 13 microseconds a user.
            text = value if value.isprintable() else value.translate(_CONTROLS)
            return text.strip()
        case bool() | int() | float():
            return json.dumps(value)
    return ""


def stored(landing: Path, days: Collection[date]) -> list[UserDay]:
    """Returns what was kept of some days, without asking the service.

    Raises:
        PermanentSourceError: Some days were never fetched, or their files are damaged.
    """
    with storing(landing):
        missing = [day for day in sorted(days) if not _path(landing, day).is_file()]
        if missing:
            raise PermanentSourceError(
                f"The users of {named(missing)} were never fetched, and the service only knows "
                "today's, which are not those of another day. Leave these days out, or put a copy "
                f"of what was fetched then back to its place, {_path(landing, missing[0])}."
            )
        return [_kept(landing, day) for day in days]


def settle(
    landing: Path, days: Collection[date], today: date, fetch: Callable[[Path, date], Fetched]
) -> list[UserDay]:
    """Returns the users of some days: today's as they are now, those of other days as they were.

    Today's are fetched first: if another day is missing, they at least are there tomorrow.

    Args:
        landing: The landing zone.
        days: The days, in order.
        today: The day that the service knows.
        fetch: Fetches it, see OttClient.

    Raises:
        PermanentSourceError: Other days were never fetched; the message names all of them.
        SourceError: Today's users cannot be had.
    """
    fetched = fetch(landing, today) if today in days else None
    found = {day.day: day for day in stored(landing, [day for day in days if day != today])}
    if fetched:
        found[today] = UserDay(today, fetched.path, fetched.users, "fetched")
    return [found[day] for day in days]


def _path(landing: Path, day: date) -> Path:
    return landing / "ott" / "users" / f"{day}" / _FILE


def _kept(landing: Path, day: date) -> UserDay:
    """Returns what was kept of a day; counts lines, for a line is a user."""
    path, end = _path(landing, day), b""
    with path.open("rb") as file:
        is_ours = file.readline().rstrip() == _HEADER.rstrip()
        lines = 0
        for piece in iter(partial(file.read, _PIECE_BYTES), b""):
            lines += piece.count(b"\n")
            end = piece[-1:]
    if not is_ours or end not in {b"", b"\n"}:
        raise PermanentSourceError(
            f"{path} is damaged: it does not begin with the columns {', '.join(COLUMNS)}, or ends "
            "within a line. Replace it by a sound copy, or leave the day out."
        )
    return UserDay(day, path, lines, "kept")
