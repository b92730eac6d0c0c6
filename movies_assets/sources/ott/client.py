"""Fetch the users of the streaming service from its API, and store them as one CSV file per day.

Validating replies, the completeness of a list of users, and the stored days belong here; the paths
in a reply in `users_api`, requests in `ingest.http`, interpreting users in the silver assets.

In the landing zone, `ott/users/YYYY-MM-DD/users.csv` holds one line per user, sorted by id, each id
once; users without an id come last. Files are written atomically. Nothing else of the replies is
ever stored, and messages never show any of it: it is personal data.
"""

import csv
import math
import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO, Literal, NamedTuple, TypeAlias

import anyio
import httpx
from anyio.from_thread import start_blocking_portal

from movies_assets.core.days import named
from movies_assets.ingest.download import PIECE_BYTES, locked, move, storing
from movies_assets.ingest.http import (
    DEFAULT_OPTIONS,
    HttpClient,
    HttpOptions,
    HttpSource,
    PermanentSourceError,
    Reply,
    SourceError,
    TransientSourceError,
    mask_url,
    url_below,
)
from movies_assets.ingest.landing import open_below
from movies_assets.privacy.user_ids import canonical, is_number
from movies_assets.sources.ott.users_api import (
    COLUMNS,
    SHAPES,
    UserFields,
    UsersApi,
    found,
    text_of,
)

SETTINGS = "MOVIES_OTT__USERS_"

_FILE = "users.csv"
_HEADER = f"{','.join(COLUMNS)}\n".encode()
_REREADS = 2
_PROGRESS_SECONDS = 5
_LONGEST_NUMBER = 18
# Statuses for a page after the last one, of services that do not return an empty list.
_PAST_THE_END = frozenset({404})
# The canonical id of a user; '' for none.
_Key: TypeAlias = int | str


class Fetched(NamedTuple):
    """The stored users of today.

    Attributes:
        path: The file.
        users: The number of users.
        requests: The number of requests sent.
        url: The URL of the API, without secrets.
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
        users: The number of users in it.
        state: 'fetched' just now, or 'kept' since that day.
    """

    day: date
    path: Path
    users: int
    state: Literal["fetched", "kept"]


class OttClient(HttpSource):
    """A client that fetches the users of today into the landing zone; it may be killed and rerun.

    The list can only be read by position, and it shifts meanwhile: if a user is removed, the next
    page begins one user late. So users are identified by their ids, the later reply counts, and
    a list with fewer users than the service ever stated during the reading is read again from its
    start. That misses only a removal that an addition compensates in the meantime. If no total is
    stated, or it is proven too low, two readings must find the same users.

    Args:
        base_url: The URL of the API; user and password in it are sent as basic auth.
        options: Limits of the HTTP client; memory holds one page per concurrent request.
        transport: Replaces the network, such as httpx.ASGITransport for a server in process.
        page_size: Users per page; if a service returns another number, that is the step.
        today: The service's clock, so that users are never stored under another day.
        api: The shape of the API.
        log: Receives retries and progress.

    Raises:
        PermanentSourceError: The base URL is not an HTTP URL.
    """

    is_private = True

    def __init__(  # noqa: PLR0913 (one thing that is known of the service each)
        self,
        base_url: str,
        options: HttpOptions = DEFAULT_OPTIONS,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        page_size: int = 100,
        today: Callable[[], date] | None = None,
        api: UsersApi = SHAPES["dummyjson"],
        log: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(base_url, options, transport=transport, log=log)
        self._page_size = page_size
        self._today = today
        self._api = api

    @property
    def source_url(self) -> str:
        """Return the URL of the API without secrets."""
        return mask_url(url_below(self._base, self._api.path))

    def fetch(self, landing: Path, day: date) -> Fetched:
        """Store the service's current users, replacing those stored for the day before.

        Any failure leaves the file unchanged. If another process is fetching, this one waits.

        Args:
            landing: The landing zone.
            day: The day, which must be today.

        Raises:
            PermanentSourceError: The source refused, its replies are invalid, the day is not today,
                or the disk is full.
            TransientSourceError: The source was still failing when the time budget was spent, kept
                shifting, or the day ended.
        """
        target = _path(landing, day)
        folder = target.parents[1]
        new = folder / f".{_FILE}.part"
        try:
            with storing(target), locked(folder, "users", self._log):
                # The remnant of a killed process is personal data without use.
                new.unlink(missing_ok=True)
                try:
                    with start_blocking_portal(name="ott") as portal:
                        return portal.call(self._fetch, target, new, day)
                finally:
                    new.unlink(missing_ok=True)
        except SourceError as error:
            raise error.adding(f"{target} is unchanged.") from error

    async def _fetch(self, target: Path, new: Path, day: date) -> Fetched:
        if self._today and (today := self._today()) != day:
            raise PermanentSourceError(
                f"{self.source_url} only has the users of today, {today}: they are not "
                f"those of {day}. Run the partition {today}."
            )
        with TemporaryFile(dir=new.parent) as file:
            async with self._http() as http:
                users = await self._read(http, file)
            if not len(users):
                # An empty day would look like a missing day, so older users would count.
                raise PermanentSourceError(
                    f"{self.source_url} lists no users. Check the base URL, and ask the service."
                )
            self._check_fields(users)
            if self._today and (today := self._today()) != day:
                raise TransientSourceError(
                    f"{day} ended while the users were read from {self.source_url}: they belong to "
                    f"neither day completely. Rerun, with the partition {today}."
                )
            with new.open("wb") as output:
                output.write(_HEADER)
                output.writelines(users.lines())
        target.parent.mkdir(parents=True, exist_ok=True)
        move(new, target)
        self._log(f"{self.source_url}: {len(users):,} users of {day} stored as {target}.")
        return Fetched(target, len(users), http.requests, self.source_url)

    def _check_fields(self, users: "_StoredUsers") -> None:
        """Log columns that no user has.

        Raises:
            PermanentSourceError: No user has an id.
        """
        unknown = [name for name in self._api.fields if name not in users.filled]
        if not unknown:
            return
        places = ", ".join(f"{name} at `{self._api.fields[name]}`" for name in sorted(unknown))
        text = f"{self.source_url}: none of {len(users):,} users has {places}."
        if "user_id" in unknown:
            raise PermanentSourceError(
                f"{text} Set {SETTINGS}FIELDS to the API's path for it, such as "
                '\'{"user_id": "uuid"}\', or choose another shape (MOVIES_OTT__USERS_API).'
            )
        self._log(f"{text} If the API has it elsewhere, set {SETTINGS}FIELDS.")

    async def _read(self, http: HttpClient, file: BinaryIO) -> "_StoredUsers":
        """Read the list until it is complete."""
        readings: list[_Outcome] = []
        for _ in range(1 + _REREADS):
            users = _StoredUsers(file, self._api)
            reading = _UserListReading(
                http, self._api, users, self._base, self._page_size, self._log
            )
            readings.append(await reading.read(self._options.concurrency))
            if self._is_whole(readings):
                return users
        raise self._never_whole(readings)

    def _is_whole(self, readings: Sequence["_Outcome"]) -> bool:
        """Return whether the newest reading has all users, and log why not.

        Raises:
            PermanentSourceError: The list repeats ids, or a page was repeated again.
        """
        *earlier, now = readings
        if now.repeated_on_a_page:
            raise self._repeats(now.repeated)
        if now.again and now.missing != 0:
            if any(reading.again for reading in earlier):
                raise self._same_page(now)
            self._log(f"{self.source_url}: {now.again}; the list is read again.")
            return False
        if now.missing is None:
            return self._is_confirmed(earlier, now)
        if now.missing:
            self._log(
                f"{self.source_url}: {now.missing:,} of {now.total:,} users were on no page, "
                "because the list shifted while it was read."
            )
        elif now.repeated:
            self._log(
                f"{self.source_url}: {len(now.repeated):,} users came twice, because the list "
                "shifted while it was read. The later reply counts."
            )
        return not now.missing

    def _is_confirmed(self, earlier: Sequence["_Outcome"], now: "_Outcome") -> bool:
        """Return whether a list without a total had the same users before; one page is complete.

        Raises:
            PermanentSourceError: It repeats the same ids each time.
        """
        before = earlier[-1] if earlier else None
        if now.pages > 1 and not (before and before.fingerprint == now.fingerprint):
            self._log(
                f"{self.source_url} states no total that its pages agree with: {now.users:,} users "
                "are read again, to check whether they are the same."
            )
            return False
        if before and (repeated := before.repeated & now.repeated):
            raise self._repeats(repeated)
        return True

    def _never_whole(self, readings: Sequence["_Outcome"]) -> SourceError:
        """Return the error of a list that was never complete."""
        now, repeated = readings[-1], set.intersection(*(each.repeated for each in readings))
        if now.missing and len(repeated) >= now.missing:
            return self._repeats(repeated)
        if now.missing:
            return TransientSourceError(
                f"{self.source_url} stated {now.total:,} users, but {now.missing:,} of "
                f"them were on none of its pages, even when they were read {len(readings)} times: "
                "users are being removed or added, the service leaves some out, or its total is "
                "too high. Try again later, when fewer change; if that does not help, ask the "
                f"service about its paging, or set {SETTINGS}TOTAL to nothing, so that the list "
                "ends where its pages end."
            )
        return TransientSourceError(
            f"{self.source_url} returned other users each time that its list was read, "
            f"{len(readings)} times, and states no total that its pages agree with: users are "
            "being removed or added, or their order changes. Try again later, when fewer change."
        )

    def _repeats(self, repeated: Collection["_Key"]) -> PermanentSourceError:
        """Return the error of a list with duplicate ids."""
        return PermanentSourceError(
            f"{self.source_url}: the list repeats {len(repeated):,} "
            f"{'id' if len(repeated) == 1 else 'ids'} (withheld: personal), though each user has "
            f"a unique one at `{self._api.fields['user_id']}`. Its paging is right; the list "
            f"is not. Ask the service about that; if another field identifies users, set "
            f"{SETTINGS}FIELDS."
        )

    def _same_page(self, reading: "_Outcome") -> PermanentSourceError:
        """Return the error of a service that returns the same page for two requests."""
        has = f"{self.source_url} "
        has += (
            "states no total, "
            if reading.total is None
            else (f"has {reading.total:,} users by its `{self._api.total}`, ")
        )
        if reading.is_always_the_first:
            return PermanentSourceError(
                f"{has}but returned the same {reading.first_users:,} on every page: it ignores "
                f"the parameter `{self._api.page_parameter}`. Check the base URL, and whether the "
                f"API changed; if a single reply has all users, set {SETTINGS}PAGED_BY=none."
            )
        return PermanentSourceError(
            f"{has}but {reading.again}. Check {SETTINGS}PAGE_PARAMETER, and whether a cache "
            "answers instead of the service."
        )


class _StoredUsers:
    """The users of one reading, stored on the disk; memory holds the offsets of their lines.

    For a million users that takes about 150 MB.

    Args:
        file: The file to store them in; its content is removed.
        api: The shape of the API, with the paths of the columns.

    Attributes:
        filled: The columns for which any user has a value.
    """

    def __init__(self, file: BinaryIO, api: UsersApi = SHAPES["dummyjson"]) -> None:
        file.seek(0)
        file.truncate()
        self._file = file
        self._end = 0
        self._known: dict[_Key, int] = {}
        self._unknown: list[int] = []
        self._rows = csv.writer(self, lineterminator="\n")
        self._fields = UserFields(api.fields)
        self.filled: set[str] = set()

    def __len__(self) -> int:
        return len(self._known) + len(self._unknown)

    def write(self, line: str) -> int:
        """Append a line, for the CSV writer; write a lone surrogate as its escape."""
        return self._file.write(line.encode("utf-8", "backslashreplace"))

    def add(self, user: Any) -> tuple["_Key", bool]:
        """Add a user, replacing an earlier one with the same id.

        Returns:
            The id, '' for none, and whether there was an earlier one.
        """
        row = [self._fields.text(user, column) for column in COLUMNS]
        row[0] = canonical(row[0])
        # Integers take half the memory of their digits.
        key = int(row[0]) if is_number(row[0]) and len(row[0]) <= _LONGEST_NUMBER else row[0]
        is_known = key in self._known
        if key == "":
            self._unknown.append(self._end)
        else:
            self._known[key] = self._end
        if len(self.filled) < len(COLUMNS):
            self.filled.update(name for name, text in zip(COLUMNS, row, strict=True) if text)
        self._end += self._rows.writerow(row)
        return key, is_known

    def fingerprint(self) -> tuple[int, int]:
        """Return a hash of the ids in any order and of the number of users."""
        return hash(frozenset(self._known)), len(self)

    def lines(self) -> Iterator[bytes]:
        """Yield the lines by id: numbers, then texts, then users without one."""
        numbers = sorted(key for key in self._known if isinstance(key, int))
        words = sorted(key for key in self._known if isinstance(key, str))
        for keys in (numbers, words):
            for key in keys:
                yield self._line(self._known[key])
        yield from map(self._line, self._unknown)

    def _line(self, start: int) -> bytes:
        self._file.seek(start)
        return self._file.readline()


class _Outcome(NamedTuple):
    """The result of one reading of the list.

    Attributes:
        users: The number of users.
        total: The largest number of users that the service stated; None without any.
        missing: The number of users on no page, by the total; None without a total that pages agree
            with.
        pages: The number of pages with users.
        first_users: The number of users on the first page.
        repeated: The ids that occurred more than once.
        repeated_on_a_page: Whether any of them occurred twice on one page, which no shift explains.
        again: A text that names a page with the users of an earlier one; '' for none.
        is_always_the_first: Whether all pages had the users of the first one.
        fingerprint: A hash, equal for equal users.
    """

    users: int
    total: int | None
    missing: int | None
    pages: int
    first_users: int
    repeated: set[_Key]
    repeated_on_a_page: bool
    again: str
    is_always_the_first: bool
    fingerprint: tuple[int, int]


class _UserListReading:
    """One reading of the list: by its links, or several numbered pages concurrently."""

    def __init__(
        self,
        http: HttpClient,
        api: UsersApi,
        users: _StoredUsers,
        base: httpx.URL,
        page_size: int,
        log: Callable[[str], None],
    ) -> None:
        self._http = http
        self._base = base
        self._api = api
        self._users = users
        self._page_size = page_size
        self._log = log
        self._next, self._step, self._last_number, self._last_users = 1, 0, 0, 0
        self._end = math.inf
        self._trusted = 0.0
        self._is_open = False
        self._seen: dict[int, str] = {}
        self._logged = time.monotonic()
        self._total: int | None = None
        self._pages_read = self._first_users = 0
        self._repeated: set[_Key] = set()
        self._repeated_on_a_page = False
        self._again = ""

    async def read(self, concurrency: int) -> _Outcome:
        """Read all pages."""
        link = await self._page(0)
        self._step = self._first_users = self._last_users
        if link or self._api.paged_by == "none" or not self._step:
            await self._follow(link)
        else:
            await self._read_numbered(concurrency)
        users, pages = len(self._users), self._pages_read
        is_always_the_first = pages > 1 and users == self._first_users
        again = "no page brought other users than the first one" if is_always_the_first else ""
        return _Outcome(
            users=users,
            total=self._total,
            missing=self._missing,
            pages=pages,
            first_users=self._first_users,
            repeated=self._repeated,
            repeated_on_a_page=self._repeated_on_a_page,
            again=self._again or again,
            is_always_the_first=is_always_the_first,
            fingerprint=self._users.fingerprint(),
        )

    @property
    def _missing(self) -> int | None:
        if self._total is None or self._is_open:
            return None
        return max(0, self._total - len(self._users))

    async def _read_numbered(self, concurrency: int) -> None:
        """Read the pages after the first one by their numbers."""
        if self._total is None:
            # A list with links ends at a page without one.
            self._is_open = not self._api.next
        else:
            # Users may be added meanwhile; a service that states more each time has no end.
            self._trusted = 2 * self._total
        await _at_once(concurrency, self._pages)
        while self._looks_further():
            known = len(self._users)
            await self._page(self._take())
            beyond = (self._next - 1) * self._step
            if len(self._users) > known:
                self._is_open = beyond >= min(self._total or 0, self._trusted)
            await _at_once(concurrency, self._pages)

    def _looks_further(self) -> bool:
        """Return whether there may be pages beyond the stated total.

        The total may be too low. A page that is shorter than others is the last one, and so is a
        single one that is shorter than requested.
        """
        is_short = self._last_users < (self._page_size if self._pages_read == 1 else self._step)
        return not (
            is_short
            or self._is_open
            or self._missing
            or self._total is None
            or self._next > self._end
        )

    async def _follow(self, link: str) -> None:
        """Read the pages sequentially, each by the link on the previous one."""
        followed = set()
        while link and not self._again:
            if link in followed:
                self._again = "the links to the next page lead in a circle"
                return
            followed.add(link)
            link = await self._page(self._take(), link)

    async def _pages(self) -> None:
        """Read pages sequentially, as one of several concurrent tasks."""
        while self._next < self._end and (self._is_open or self._is_expected()):
            await self._page(self._take())
            self._log_progress()

    def _is_expected(self) -> bool:
        return self._next * self._step < min(self._total or 0, self._trusted)

    def _take(self) -> int:
        self._next += 1
        return self._next - 1

    async def _page(self, number: int, link: str = "") -> str:
        """Read a page; return the link to the next one.

        Args:
            number: The number of earlier pages.
            link: Its link, which replaces the number.
        """
        api, position = self._api, number if self._api.paged_by == "page" else number * self._step
        position += api.first_page
        is_beyond = number > 0 and not (link or self._is_within(number))
        if link:
            path, query = self._below_base(link)
        else:
            path, query = api.path, api.query(position, self._page_size)
        reply = await self._http.fetch(path, query, statuses=_PAST_THE_END if is_beyond else ())
        if reply.status in _PAST_THE_END:
            self._end = min(self._end, number)
            return ""
        page = _parse(reply, api, None if link or is_beyond else position)
        if page.total is not None:
            self._total = max(self._total or 0, page.total)
        name = "another link" if link else f"`{api.page_parameter}={position}`"
        self._add(page.users, number, name)
        return self._absolute(reply, page.next) if page.next else ""

    def _is_within(self, number: int) -> bool:
        """Return whether a page is within the stated total."""
        return self._total is not None and number * self._step < self._total

    def _add(self, users: Sequence[Any], number: int, name: str) -> None:
        if not users:
            self._end = min(self._end, number)
            return
        self._pages_read += 1
        if number >= self._last_number:
            self._last_number, self._last_users = number, len(users)
        added = [self._users.add(user) for user in users]
        keys = [key for key, _ in added if key != ""]
        self._repeated.update(key for key, is_known in added if is_known)
        self._repeated_on_a_page |= len(set(keys)) < len(keys)
        if keys and (earlier := self._seen.setdefault(hash(frozenset(keys)), name)) != name:
            self._again = f"{name} brought the same page twice: the users of {earlier}"
            self._end = 0

    def _below_base(self, link: str) -> tuple[str, dict[str, str | int]]:
        """Return path and parameters of a link, without the parameters of every request."""
        url, own = httpx.URL(link), self._base.params
        query = {name: text for name, text in url.params.multi_items() if name not in own}
        return url.path[len(self._base.path.rstrip("/")) + 1 :], dict(query)

    def _absolute(self, reply: Reply, link: str) -> str:
        """Return the absolute link of a page.

        Raises:
            PermanentSourceError: It does not lead below the base URL.
        """
        base = self._base
        try:
            url = reply.url.join(link)
        except httpx.InvalidURL:
            url = httpx.URL()
        below = url.path.startswith(f"{base.path.rstrip('/')}/")
        if (url.scheme, url.host, url.port) != (base.scheme, base.host, base.port) or not below:
            raise reply.unusable(
                f"a link to the next page (`{self._api.next}`) that does not lead below the base "
                "URL; it is not followed, as that would send the login"
            )
        return str(url.copy_with(userinfo=b"", fragment=None))

    def _log_progress(self) -> None:
        if time.monotonic() - self._logged > _PROGRESS_SECONDS:
            self._logged = time.monotonic()
            of = "" if self._total is None or self._is_open else f" of {self._total:,}"
            self._log(f"{len(self._users):,}{of} users so far.")


async def _at_once(number: int, task: Callable[[], Awaitable[None]]) -> None:
    """Run a task several times concurrently; the first failure cancels the others and is raised."""
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


class _UsersPage(NamedTuple):
    """A page of the list: its users, its stated total, and the link to the next one."""

    users: list[Any]
    total: int | None
    next: str


def _parse(reply: Reply, api: UsersApi, position: int | None) -> _UsersPage:
    """Parse and validate a page.

    Args:
        reply: The reply.
        api: The shape of the API.
        position: The requested position, with which the reply must agree; None for any.

    Raises:
        PermanentSourceError: The reply is not a page of users, or not the requested one.
    """
    data = reply.json()
    place, is_there, users = found(data, api.users)
    total_place, has_total, total = found(data, api.total) if api.total else ("", False, None)
    fault = None
    if not isinstance(users, list):
        fault = f"`{place}` is {_kind(is_there, users)} instead of a list ({SETTINGS}LIST)"
    elif not _is_total(api, total):
        fault = (
            f"`{total_place}` is {_kind(has_total, total)} instead of the number of all users "
            f"({SETTINGS}TOTAL; nothing if the API states none)"
        )
    elif not all(user is None or isinstance(user, dict) for user in users):
        fault = f"not all of its `{place}` are objects"
    elif total is not None and len(users) > total:
        fault = f"it has {len(users):,} users, more than its `{total_place}`, {total:,}"
    elif not users and total and position == api.first_page:
        fault = f"it has no users, but its `{total_place}` is {total:,}"
    elif position is not None and api.position:
        fault = _misplaced(api, found(data, api.position)[2], position)
    if fault:
        raise reply.unusable(f"JSON that is not the requested page of users: {fault}")
    link = found(data, api.next)[2] if api.next else None
    return _UsersPage(users, total, link if isinstance(link, str) else "")


def _is_total(api: UsersApi, total: Any) -> bool:
    if total is None:
        return not api.total or api.total_may_miss
    return type(total) is int and total >= 0


def _misplaced(api: UsersApi, stated: Any, position: int) -> str | None:
    """Return the fault of a page's stated position."""
    text = text_of(stated)
    if not text.isdecimal() or int(text) == position:
        return None
    if api.paged_by == "page":
        return f"it is page {int(text):,} instead of {position:,}, as requested"
    return f"it begins after {int(text):,} users instead of {position:,}, as requested"


def _kind(is_there: bool, value: Any) -> str:  # noqa: FBT001 (one of two things that are known)
    """Describe the kind of an unexpected value, without showing the value."""
    match value:
        case None:
            return "null" if is_there else "missing"
        case bool():
            return "true or false"
        case int() | float():
            return "another number"
        case str():
            return "a text"
        case list():
            return "a list"
    return "an object"


def stored(landing: Path, days: Collection[date]) -> list[UserDay]:
    """Return the stored users of some days, without requests.

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
    """Return the users of some days: today's are fetched, those of other days must be stored.

    Today's are fetched first, so that they are stored even if another day is missing.

    Args:
        landing: The landing zone.
        days: The days, in order.
        today: The service's current day.
        fetch: Fetches it, see OttClient.

    Raises:
        PermanentSourceError: Other days were never fetched; the message names all of them.
        SourceError: Today's users cannot be fetched.
    """
    fetched = fetch(landing, today) if today in days else None
    found = {day.day: day for day in stored(landing, [day for day in days if day != today])}
    if fetched:
        found[today] = UserDay(today, fetched.path, fetched.users, "fetched")
    return [found[day] for day in days]


def _path(landing: Path, day: date) -> Path:
    return landing / "ott" / "users" / f"{day}" / _FILE


def _kept(landing: Path, day: date) -> UserDay:
    """Return the stored users of a day, counting lines, as each line is a user."""
    path, end = _path(landing, day), b""
    with open_below(path.parent, path.name) as file:
        is_ours = file.readline().rstrip() == _HEADER.rstrip()
        lines = 0
        for piece in iter(partial(file.read, PIECE_BYTES), b""):
            lines += piece.count(b"\n")
            end = piece[-1:]
    if not is_ours or end not in {b"", b"\n"}:
        raise PermanentSourceError(
            f"{path} is damaged: it does not begin with the columns {', '.join(COLUMNS)}, or ends "
            "within a line. Replace it by a sound copy, or leave the day out."
        )
    return UserDay(day, path, lines, "kept")
