"""Read the YTS catalogue: movies by upload day, or all of them, as typed rows.

Interpreting the catalogue's replies belongs here; fetching them in `ingest.http`, loading the rows
in the bronze asset.

No statement of the catalogue about itself is trusted. `movie_count` is only a hint: it may
be too low, too high, 0, a text or absent. Movies of a page are counted. The end of the list is
proved by pages without movies, or by pages that repeat the last one; any other repetition of a page
is an error.
"""

import asyncio
import hashlib
import json
import re
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cached_property
from itertools import chain, islice, pairwise
from operator import attrgetter
from queue import SimpleQueue
from typing import Annotated, Any, NamedTuple

import httpx
import msgspec
from anyio.from_thread import start_blocking_portal

from movies_assets.ingest.http import (
    DEFAULT_OPTIONS,
    HttpClient,
    HttpOptions,
    HttpSource,
    PermanentSourceError,
    Reply,
    TransientSourceError,
    mask_url,
    url_below,
)
from movies_assets.ingest.records import LONGEST_DOCUMENT, shortened
from movies_assets.ingest.strict_json import DECODER

_PATH = "list_movies.json"
_DAY_SECONDS = 86_400
_EPOCH = date(1970, 1, 1).toordinal()
_LATEST_UNIX = (date.max.toordinal() - _EPOCH - 1) * _DAY_SECONDS
_REREADS = 3
_MOVIES = re.compile(r'"movies"\s*:\s*\[\s*')
_MOVIES_BYTES = re.compile(rb'"movies"\s*:\s*\[\s*')
_LIST_END = re.compile(r"(\])")
_LIST_NEXT = re.compile(r"\s*([,\]])\s*")
# Marks the place in a page that its movies were cut out of.
_CUT_OUT = "the movies were here"
_TORRENTS = re.compile(rb'"torrents"\s*:\s*\[[^\]]*\]')
_UNLOCKED_BYTES = 2_047
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")
# A movie with NaN or a duplicate name does not invalidate its page: silver quarantines it.
_MOVIE_DECODER = json.JSONDecoder()
# Python refuses longer integers.
_MOST_DIGITS = 4_300
_PROGRESS_SECONDS = 5
_DATELESS_PAGES = 3
# A crawl finds the end in one wait if the stated end is at most this many pages past it.
_OVERSTATED = 2
# More pages than any catalogue has, where the search for the end gives up.
_MOST_PAGES = 1 << 20
# The statuses with which APIs answer for a missing page.
_NO_SUCH_PAGE = frozenset({400, 404, 410, 416, 422})
# A page may have one to three movies far from their date; more days in between prove the order.
_INVERSIONS = 3
# Pages at least this far apart are in the order of their medians.
_PAGES_APART = 3
_SHOWN_DAYS = 5
# The real catalogue lacks at most one page of this many, although movie_count promises it.
_PAGES_A_STRAY = 10


class MovieRow(NamedTuple):
    """A movie of the catalogue's list.

    Attributes:
        uploaded_date: UTC day of the row; never unknown, so that no row is lost.
        movie_id: The movie's id; None if it is missing or not an integer.
        content_hash: MD5 of the payload without its torrents, in hexadecimal: their seeders change
            all the time, and a movie that only gained one has not changed.
        payload: The movie's JSON exactly as received, in valid UTF-8; cut to the longest field.
        page: Number of the page that listed it.
    """

    uploaded_date: date
    movie_id: int | None
    content_hash: str
    payload: str
    page: int


class _ListedMovie(NamedTuple):
    """A movie of a page.

    Attributes:
        text: The movie's JSON as received.
        id: The id as silver reads it; None unless it is an integer of at most 18 digits.
        unix: The instant of the upload or of the first torrent; 0 if neither is known.
    """

    text: str
    id: int | None
    unix: int

    def row(self, day: date, page: int) -> MovieRow:
        try:
            payload, data = self.text, self.text.encode()
        except UnicodeEncodeError:
            # A lone surrogate is not UTF-8: backslashreplace turns it into its JSON escape.
            data = self.text.encode("utf-8", "backslashreplace")
            payload = data.decode()
        if len(data) > LONGEST_DOCUMENT:
            payload = shortened(payload, LONGEST_DOCUMENT)
        # Cut out as text: encoding the movie as JSON again would cost 2 ms per page.
        lasting = _TORRENTS.sub(b"", data, count=1)
        return MovieRow(day, self.id, _md5(lasting), payload, page)


def _movie(text: str, value: Any) -> _ListedMovie:
    """Return a movie of any shape, given its decoded value."""
    return _ListedMovie(text, _id(value), _unix(value))


def _id(value: Any) -> int | None:
    identity = value.get("id") if isinstance(value, dict) else None
    if type(identity) not in {int, str} or not _WHOLE_NUMBER.fullmatch(text := str(identity)):
        return None
    return int(text)


def _unix(value: Any) -> int:
    match value:
        case {"date_uploaded_unix": int(unix)} if type(unix) is int and unix > 0:
            return unix
        case {"torrents": [{"date_uploaded_unix": int(unix)}, *_]} if type(unix) is int:
            return max(unix, 0)
    return 0


def _md5(data: bytes) -> str:
    """Hash in small pieces, for which Python keeps its lock.

    For more than 2,047 bytes at once Python releases its lock to the fetching thread and has to
    wait for it: 48 instead of 8 microseconds per movie, 3 seconds per crawl.
    """
    digest = hashlib.md5(usedforsecurity=False)
    for start in range(0, len(data), _UNLOCKED_BYTES):
        digest.update(data[start : start + _UNLOCKED_BYTES])
    return digest.hexdigest()


@dataclass(frozen=True)
class _MoviesPage:
    """A page of the catalogue.

    Attributes:
        number: Its number.
        movies: Its movies; empty past the end of the catalogue.
        days: Their UTC days; without a single valid date it is empty and `median` is None.
        median: The median of the days.
        between: The days before and after which the page has more movies than may be listed far
            from their date: a movie between such days of the pages read was listed, if it exists.
        hint: The number of pages if `movie_count` is right.
        is_whole: Whether the catalogue states that it has no other page.
        refusal: The error that was answered instead of the page.
        late: Upload instants in the future by the server's clock or by this machine's.
        server_time: The server's clock in seconds since 1970; None if it is unknown.
    """

    number: int
    movies: Sequence[_ListedMovie] = ()
    days: Sequence[date] = ()
    median: date | None = None
    between: tuple[date, date] = (date.max, date.min)
    hint: int = 1
    is_whole: bool = False
    refusal: PermanentSourceError | None = None
    late: Sequence[int] = ()
    server_time: int | None = None

    def rows(self, window: "_DayWindow") -> list[MovieRow]:
        return [
            movie.row(day, self.number)
            for day, movie in zip(self.days, self.movies, strict=True)
            if window.first <= day <= window.last
        ]

    @cached_property
    def keys(self) -> tuple[object, ...]:
        """Return keys of the movies, without their text, as seeders change all the time."""
        return tuple(movie.text if movie.id is None else movie.id for movie in self.movies)


class _DayWindow(NamedTuple):
    first: date
    last: date

    def touches(self, page: _MoviesPage) -> bool:
        return any(self.first <= day <= self.last for day in page.days)


_ALWAYS = _DayWindow(date.min, date.max)


class _UsualMovie(msgspec.Struct):
    """What is read of a movie here; msgspec skips all else."""

    id: Annotated[int, msgspec.Meta(gt=-(10**18), lt=10**18)]
    date_uploaded_unix: Annotated[int, msgspec.Meta(gt=0)]


class _UsualList(msgspec.Struct):
    movies: list[msgspec.Raw]


class _UsualPage(msgspec.Struct):
    data: _UsualList


_USUAL_MOVIE = msgspec.json.Decoder(_UsualMovie)
_USUAL_PAGE = msgspec.json.Decoder(_UsualPage)


def _loads(body: bytes) -> Any:
    """Decode a page and keep each movie's original text.

    msgspec finds the texts of the movies in 0.1 ms per page, Python's parser in 1.3 ms. Pages that
    msgspec refuses are read by Python's parser, which accepts more.
    """
    try:
        return _usual(body)
    except (ValueError, RecursionError):
        return _unusual(body)


def _usual(body: bytes) -> Any:
    """Decode a page whose list of movies has no spaces between them.

    Raises:
        ValueError: It is not such a page, or not JSON.
        RecursionError: It is nested too deeply.
    """
    texts = _USUAL_PAGE.decode(body).data.movies
    listed, start = b",".join(texts), _MOVIES_BYTES.search(body)
    if not (start and body.startswith(listed, start.end())):
        raise ValueError("spaces between movies, or another list before them")
    before, after = body[: start.end()], body[start.end() + len(listed) :]
    return _with_movies(before.decode(), [_usual_movie(text) for text in texts], after.decode())


def _usual_movie(raw: msgspec.Raw) -> _ListedMovie:
    # msgspec does not look for bytes that are not UTF-8 in what it skips, nor at the length of
    # integers, of which Python refuses those of more than 4,300 digits.
    text = str(raw, "utf-8")
    if len(text) <= _MOST_DIGITS:
        with suppress(msgspec.ValidationError):
            movie = _USUAL_MOVIE.decode(raw)
            return _ListedMovie(text, movie.id, movie.date_uploaded_unix)
    return _movie(text, _MOVIE_DECODER.decode(text))


def _unusual(body: bytes) -> Any:
    """Decode a page of any kind.

    Raises:
        ValueError: It is not JSON, or has a list of movies in another place.
        RecursionError: It is nested too deeply.
    """
    text = body.decode("utf-8-sig", "surrogatepass")
    start = _MOVIES.search(text)
    if not start:
        return DECODER.decode(text)
    movies = list[_ListedMovie]()
    position, mark = start.end(), _LIST_END.match(text, start.end())
    while not (mark and mark[1] == "]"):
        value, end = _MOVIE_DECODER.raw_decode(text, position)
        movies.append(_movie(text[position:end], value))
        if not (mark := _LIST_NEXT.match(text, end)):
            raise json.JSONDecodeError("Expecting ',' or ']'", text, end)
        position = mark.end()
    return _with_movies(text[: start.end()], movies, text[mark.start(1) :])


def _with_movies(before: str, movies: list[_ListedMovie], after: str) -> Any:
    """Decode a page that movies were cut out of, and put them back."""
    match envelope := DECODER.decode(f'{before}"{_CUT_OUT}"{after}'):
        case {"data": {"movies": [mark]} as data} if mark == _CUT_OUT:
            data["movies"] = movies
            return envelope
    raise ValueError("a list of movies is in the wrong place")


def _parse(reply: Reply, number: int, limit: int) -> _MoviesPage:
    """Decode and validate a page for which `limit` movies were requested.

    Raises:
        PermanentSourceError: The reply violates the catalogue's protocol.
    """
    if number > 1 and reply.status in _NO_SUCH_PAGE:
        return _MoviesPage(number, refusal=reply.unusable(f"HTTP {reply.status}"))
    match envelope := reply.json(_loads):
        case {"status": "ok", "data": {"movies": list(movies)} as data}:
            pass
        case {"status": "ok", "data": dict(data)} if data.get("movies") is None:
            movies = []  # the catalogue's form of an empty page, regardless of movie_count
        case _:
            error = reply.unusable(
                "JSON that is no page of movies "
                "(expected status 'ok', an object `data` and in it a list `movies`)"
            )
            if number > 1 and envelope.get("status") == "error":
                return _MoviesPage(number, refusal=error)
            raise error
    here = int(time.time())
    sent_at = reply.sent_at
    server = int(sent_at.timestamp()) if sent_at else None
    match envelope:
        case {"@meta": {"server_time": int(stated_time)}} if 0 < stated_time <= _LATEST_UNIX:
            server = stated_time
    now = here if server is None else server
    instants = [movie.unix for movie in movies]
    days = [
        date.fromordinal(_EPOCH + unix // _DAY_SECONDS) if 0 < unix <= now + _DAY_SECONDS else None
        for unix in instants
    ]
    stated = data.get("movie_count")
    hint = -(-stated // len(movies)) if type(stated) is int and movies else 1
    echoed = data.get("limit")
    most = min(limit, echoed) if type(echoed) is int else limit
    known = sorted(filter(None, days))
    few = min(_INVERSIONS, (len(known) - 1) // 2)
    return _MoviesPage(
        number,
        movies,
        _fill(days),
        median=known[len(known) // 2] if known else None,
        between=(known[few], known[-1 - few]) if known else (date.max, date.min),
        hint=min(max(hint, 1), _MOST_PAGES),
        is_whole=stated == len(movies) < most,
        late=[unix for unix in instants if unix > min(now, here) + _DAY_SECONDS],
        server_time=server,
    )


def _fill(days: list[date | None]) -> list[date]:
    """Give movies without a valid date the day of their predecessor, else of their successor."""
    latest = next(filter(None, days), None)
    filled = []
    for day in days:
        latest = day or latest
        if latest:
            filled.append(latest)
    return filled


class _DisturbedError(Exception):
    """The pages contradict each other, as they do if the catalogue changes meanwhile."""


class _ListReading:
    """One reading of the catalogue's list: its pages, fetched singly or concurrently.

    Requests run on an event loop in another thread, so that the next pages arrive while the caller
    stores the last ones; all else runs in the caller's thread.

    Args:
        loop: The event loop of the requests.
        http: The client that sends them.
        url: The catalogue's URL for messages.
        params: Parameters of each request.
        ahead: The most pages that are being fetched or waiting.
        margin: The number of pages past the end that prove it.

    Attributes:
        last: Number of the last page, once it is proven.
        between: The first and the last day that are proven to be listed by the pages so far.
        late: The upload instants of movies dated in the future, by the movies' keys.
        server_time: The server's clock, if it is known.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        http: HttpClient,
        url: str,
        params: dict[str, str | int],
        ahead: int,
        margin: int,
    ) -> None:
        self._loop = loop
        self._http = http
        self._url = url
        self._params = params
        self._ahead = ahead
        self._margin = margin
        self._kept: dict[int, _MoviesPage] = {}  # in the order of reading, see sentinel()
        self._keys: dict[int, tuple[object, ...]] = {}  # of all pages read
        self._first: dict[tuple[object, ...], int] = {}  # the lowest page with these movies
        self._is_whole = False
        self._hint = 1
        self.last: int | None = None
        self.between = (date.max, date.min)
        self.late: dict[object, int] = {}
        self.server_time: int | None = None

    def page(self, number: int) -> _MoviesPage:
        """Return one page, fetched once."""
        self.keep([number])
        return self._kept[number]

    def keep(self, numbers: Iterable[int]) -> None:
        """Fetch pages concurrently, for later calls of page().

        They are kept in the order of their numbers, as if each had been read after those before it
        in the list: sentinel() then keeps none that may have been read before the sentinel.
        """
        fetched = self._fetch([n for n in numbers if n not in self._kept])
        self._kept |= {page.number: page for page in sorted(fetched, key=attrgetter("number"))}

    def pages(self, numbers: range) -> Generator[_MoviesPage, None, None]:
        """Yield the pages in the order of their arrival, those fetched before first."""
        kept = [self._kept[n] for n in numbers if n in self._kept]
        yield from kept
        yield from self._fetch(n for n in numbers if n not in self._kept)

    def is_past(self, number: int) -> bool:
        """Return whether a page is past the end: it has no movies, or those of an earlier page."""
        page = self.page(number)
        return not page.movies or self._first[page.keys] < number

    def refuse_repeats(self, numbers: Iterable[int]) -> None:
        """Raise an error if a page has the movies of an earlier page.

        Both are read again: in a list that shifts, a page may have had the movies that another one
        has later. Then it raises _DisturbedError.
        """
        for number in numbers:
            if (first := self._first.get(self._keys[number], number)) < number:
                again = {page.number: page.keys for page in self._fetch([first, number])}
                if again[first] != again[number]:
                    raise _DisturbedError(f"page {number} had the movies of page {first}")
                raise self._repetition(number, first)

    def _repetition(self, number: int, first: int) -> PermanentSourceError:
        return PermanentSourceError(
            f"{self._url}: page {number} repeats page {first}: the server or a cache in between "
            "ignores `page`. Nothing was stored. Try again later, or set the base URL to the "
            "server itself."
        )

    def reach(self, enough: Callable[[_MoviesPage], bool]) -> int:
        """Return a page that is `enough`, searching from the stated end on; else the last page.

        Raises:
            PermanentSourceError: The list has no end.
        """
        before, number, step = 0, self.page(1).hint, 1
        while not enough(self.page(number)):
            if self.is_past(number):
                return self._last(before or number - 1, number)
            before, number, step = number, number + step, 2 * step
            if number > 2 * _MOST_PAGES:
                raise PermanentSourceError(
                    f"{self._url}: even page {before:,} has movies, "
                    "different from those of earlier pages. Check the base URL: no catalogue "
                    "has that many."
                )
        return number

    def onward(self, number: int) -> Iterator[int]:
        """Yield the numbers from this one to the last page."""
        while not self.is_past(number):
            yield number
            number += 1
        self._prove(number - 1)

    def _last(self, low: int, high: int) -> int:
        """Return the number of the last page, given a page past it and one that may be.

        If pages past the end repeat the last one, search for the first page with their movies.
        """
        tail = {(), self.page(high).keys}

        def is_tail(number: int) -> bool:
            return self.page(number).keys in tail

        step = 1
        while low and is_tail(low):
            low, high, step = max(low - step, 0), low, 2 * step
        first = low + 1 + bisect_left(range(low + 1, high), True, key=is_tail)  # noqa: FBT003
        last = first if self.page(first).movies else first - 1
        self._prove(last)
        return last

    def _prove(self, last: int) -> None:
        """Prove that a page is the last one: a gap in the list is not its end."""
        self.keep(range(last + 1, last + 1 + self._margin))
        behind = {number: keys for number, keys in self._keys.items() if number > last}
        if any(keys and self._first[keys] == number for number, keys in behind.items()):
            hole = self.page(last + 1)
            if hole.refusal:
                raise hole.refusal
            raise _DisturbedError(f"page {last + 1} is past the end, but a later page has movies")
        self.refuse_repeats(n for n, keys in behind.items() if keys and self._first[keys] != last)
        is_full = self._keys[last + 1] and len(self._keys[last]) == len(self._keys[1])
        if is_full and self._hint > last + 1 + last // _PAGES_A_STRAY:
            raise PermanentSourceError(
                f"{self._url}: page {last + 1} repeats page {last}, which is full, though "
                f"movie_count promises {self._hint:,} pages: the server or a cache in between has "
                "none beyond. Nothing was stored. Try again later."
            )
        self.last = last

    def refuse_disorder(self) -> None:
        """Raise an error if the list is not sorted by upload, as a search would miss days."""
        dated = sorted((n, page.median) for n, page in self._kept.items() if page.median)
        for (low, before), (high, after) in pairwise(dated):
            if high - low >= _PAGES_APART and after < before and not self.is_past(high):
                raise PermanentSourceError(
                    f"{self._url}: page {high} is of {after}, but "
                    f"page {low} of {before}: the server or a cache in between ignores `sort_by` "
                    "or `order_by`. Nothing was stored. Run with `fetch: crawl`, which reads all "
                    "pages in any order."
                )

    def sentinel(self, top: int) -> _MoviesPage:
        """Return a page of the list at or after `top`, and forget the pages read before it.

        The one read first is best, as it guards all pages read since.
        """
        later = (page for n, page in self._kept.items() if n >= top and not self.is_past(n))
        sentinel = next(later, None) or self.page(top)
        order = list(self._kept)
        for number in order[: order.index(sentinel.number)]:
            del self._kept[number]
        return sentinel

    def refuse_changes(self, sentinel: _MoviesPage) -> None:
        """Raise _DisturbedError if the sentinel or the page past the end has changed."""
        numbers = [sentinel.number]
        if self.last is not None and not self._keys[self.last + 1]:
            # If it was empty by accident, movies would be missing.
            numbers.append(self.last + 1)
        again, *past = sorted(self._fetch(numbers), key=attrgetter("number"))
        if again.keys[: len(sentinel.movies)] != sentinel.keys:
            raise _DisturbedError(f"page {sentinel.number} has changed")
        for page in past:
            if page.movies:
                raise _DisturbedError(f"page {page.number} had no movies, and now has some")

    def _fetch(self, numbers: Iterable[int]) -> Iterator[_MoviesPage]:
        """Yield the pages as they arrive; at most `ahead` are being fetched or waiting.

        In order of arrival, so that the retries of one page do not delay the others. They are
        decoded here, after the next request has been started: a slot never waits for that.
        """
        todo, pending = iter(numbers), dict[Future[Reply], int]()
        done = SimpleQueue[Future[Reply]]()

        def submit() -> None:
            for number in islice(todo, self._ahead - len(pending)):
                future = self._request(number)
                pending[future] = number
                future.add_done_callback(done.put)

        try:
            submit()
            while pending:
                future = done.get()
                number = pending.pop(future)
                reply = future.result()
                submit()
                yield self._noted(self._dated(self._parsed(reply, number)))
        finally:
            for future in pending:
                future.cancel()

    def _request(self, number: int) -> Future[Reply]:
        # anyio's portal would wait for the loop's reply: 0.1 s more for 1,000 pages.
        statuses = _NO_SUCH_PAGE if number > 1 else ()
        params = {**self._params, "page": number}
        request = self._http.fetch(_PATH, params, statuses=statuses)
        return asyncio.run_coroutine_threadsafe(request, self._loop)

    def _parsed(self, reply: Reply, number: int) -> _MoviesPage:
        return _parse(reply, number, int(self._params["limit"]))

    def _noted(self, page: _MoviesPage) -> _MoviesPage:
        """Record a page's statements about the list."""
        number, keys = page.number, page.keys
        self._keys[number] = keys
        if page.movies:
            self._first[keys] = min(number, self._first.get(keys, number))
            (first, last), (start, end) = self.between, page.between
            self.between = (min(first, start), max(last, end))
            self.server_time = page.server_time
        if page.late:
            self.late.update(
                (key, unix)
                for key, unix in zip(keys, (movie.unix for movie in page.movies), strict=True)
                if unix in page.late
            )
        if number == 1:
            self._is_whole, self._hint = page.is_whole, page.hint
        elif self._first.get(keys) == 1 and not self._is_whole:
            raise self._repetition(number, 1)
        return page

    def _dated(self, page: _MoviesPage) -> _MoviesPage:
        """Give a page without a single valid date the day of the nearest movie that has one."""
        if page.days or not page.movies:
            return page
        first = page.number - 1
        around = chain(
            range(first, max(0, first - _DATELESS_PAGES), -1),
            range(page.number + 1, page.number + 1 + _DATELESS_PAGES),
        )
        for number in around:
            if days := self._parsed(self._request(number).result(), number).days:
                day = days[-1] if number < page.number else days[0]
                return replace(page, days=[day] * len(page.movies), median=day)
        raise PermanentSourceError(
            f"No movie on page {page.number} of the catalogue or on the {_DATELESS_PAGES} "
            "pages before and after it has a valid upload date (date_uploaded_unix). "
            "Check whether the source changed its format."
        )


class YtsClient(HttpSource):
    """A client of the YTS catalogue, which reads pages concurrently, the oldest upload first.

    The catalogue can only be read by page number, and its pages shift meanwhile: a re-upload moves
    a movie from the middle to the end, so that each later movie moves up one place, and the one
    that moves from page k+1 to page k after k was read is seen on neither. A sentinel finds this: a
    page at or past the last page needed is read before all others and once more after them. If it
    still begins with the same movies, nothing before it has moved, and appended movies have no
    effect. Otherwise the reading is repeated.

    Alternatives: `movie_count` does not change with a re-upload. Reading each page twice costs
    twice as much and detects the same. Reading from the last page down loses nothing to re-uploads,
    but only if no two adjacent pages are fetched concurrently, and it loses movies to an insertion.
    The sentinel costs one request and detects both; it misses only a removal and an insertion that
    cancel each other out within one reading.

    Args:
        base_url: For example https://host/api/v2; user and password in it are sent as basic auth.
        options: Limits of the HTTP client.
        transport: Replaces the network, such as httpx.ASGITransport for a server in process.
        page_size: Movies per page; the catalogue allows at most 50.
        margin_pages: The number of whole pages without a movie of the window that ends the search,
            on both sides, as the catalogue's order differs slightly from that of the dates.
        crawl_share: A window that spans a larger share of the pages is read as a crawl: it then
            costs at most 1 / crawl_share times as much, and also finds movies that are listed far
            from their date.
        log: Receives retries and progress.

    Raises:
        PermanentSourceError: The base URL is not an HTTP URL.
    """

    def __init__(  # noqa: PLR0913
        self,
        base_url: str,
        options: HttpOptions = DEFAULT_OPTIONS,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        page_size: int = 50,
        margin_pages: int = 2,
        crawl_share: float = 0.2,
        log: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(base_url, options, transport=transport, log=log)
        self._params: dict[str, str | int] = {
            "limit": page_size,
            "sort_by": "date_added",
            "order_by": "asc",
        }
        self._margin = margin_pages
        self._crawl_share = crawl_share

    @property
    def source_url(self) -> str:
        """Return the URL of the list without page number and secrets."""
        return mask_url(url_below(self._base, _PATH).copy_merge_params(self._params))

    def movies(
        self, first_day: date, last_day: date, loaded: Collection[date] = ()
    ) -> Iterator[list[MovieRow]]:
        """Yield the movies uploaded on these UTC days, both included, at most a page at a time.

        Rows may be repeated if the catalogue shifted meanwhile: those with equal id, hash and day
        are the same row. Abandoning the iterator ends the requests.

        Args:
            first_day: The first day.
            last_day: The last day.
            loaded: Days among them that have stored movies. If the list has none for such a day, it
                must have older and newer movies; otherwise that is an error.

        Raises:
            PermanentSourceError: The catalogue refused, or its replies are invalid.
            TransientSourceError: The catalogue kept failing or shifting.
        """
        return self._read(_DayWindow(first_day, last_day), loaded)

    def crawl(self, loaded: Collection[date] = ()) -> Iterator[list[MovieRow]]:
        """Yield every movie of the catalogue; otherwise like movies()."""
        return self._read(None, loaded)

    def _read(
        self, window: _DayWindow | None, loaded: Collection[date]
    ) -> Iterator[list[MovieRow]]:
        ahead, disturbance = 2 * self._options.concurrency, None
        with (
            start_blocking_portal(name="yts") as portal,
            portal.wrap_async_context_manager(self._http()) as http,
        ):
            loop = portal.call(asyncio.get_running_loop)
            for _ in range(1 + _REREADS):
                reading = _ListReading(
                    loop, http, self.source_url, self._params, ahead, self._margin
                )
                found: set[date] = set()
                try:
                    with closing(self._attempt(reading, window)) as batches:
                        for rows in batches:
                            found.update(row.uploaded_date for row in rows)
                            yield rows
                except _DisturbedError as error:
                    disturbance = error
                    self._log(f"{self.source_url}: the pages shifted while they were read.")
                    continue
                self._refuse_vanished(reading, set(loaded) - found)
                if reading.late:
                    self._log(_clocks(reading))
                return
        raise TransientSourceError(
            f"{self.source_url}: the catalogue kept shifting: {1 + _REREADS} readings were "
            f"disturbed by movies that moved to other pages; the last one: {disturbance}. Try "
            "again later."
        )

    def _refuse_vanished(self, reading: _ListReading, vanished: Iterable[date]) -> None:
        """Raise an error for days without movies, unless the list has earlier and later ones."""
        first, last = reading.between
        if unproved := sorted(day for day in vanished if not first < day < last):
            shown = ", ".join(map(str, unproved[:_SHOWN_DAYS]))
            more = len(unproved) - _SHOWN_DAYS
            shown += f" and {more} more days" if more > 0 else ""
            listed = f"movies of {first} to {last} only" if first <= last else "no movies at all"
            raise PermanentSourceError(
                f"{self.source_url} lists no movie of {shown}, which have stored movies, but "
                f"{listed}. Nothing was changed. Check whether the source has an outage. If these "
                "movies are really gone, rerun with `accept_empty: true`."
            )

    def _attempt(
        self, reading: _ListReading, window: _DayWindow | None
    ) -> Generator[list[MovieRow], None, None]:
        """Read once; raise _DisturbedError if the catalogue changed meanwhile."""
        if not reading.page(1).movies:
            if reading.page(2).movies:
                raise _DisturbedError("page 1 has no movies, page 2 has some")
            return
        span = self._locate(reading, window) if window else _whole(reading)
        sentinel = reading.sentinel(span[-1])
        with closing(reading.pages(span)) as pages:
            for page in self._progress(pages, len(span)):
                if page.refusal:
                    raise page.refusal
                if not page.movies:
                    raise _DisturbedError(
                        f"page {page.number} has no movies, later pages have some"
                    )
                if rows := page.rows(window or _ALWAYS):
                    yield rows
        reading.refuse_repeats(span)
        reading.refuse_changes(sentinel)

    def _locate(self, reading: _ListReading, window: _DayWindow) -> range:
        """Find the pages of the window.

        Medians are compared, not first or last dates, as each page may have a few dates far from
        those of their neighbours.
        """

        def median(number: int) -> date:
            return reading.page(number).median or date.max  # empty: past the end

        def is_later(page: _MoviesPage) -> bool:
            return not page.movies or median(page.number) > window.last

        top = reading.reach(is_later)
        numbers = range(1, top + 1)
        low = 1 + bisect_left(numbers, window.first, key=median)
        high = 1 + bisect_right(numbers, window.last, key=median)
        reading.refuse_disorder()
        if high - low > self._crawl_share * top and (
            high - low > self._crawl_share * len(whole := _whole(reading))
        ):
            return whole
        # The furthest page first, so that it can be the sentinel.
        end = high + self._margin
        reading.page(min(end, reading.last or end))
        reading.keep(
            chain(range(max(1, low - self._margin), low), range(high, high + self._margin))
        )
        bottom = self._edge(reading, window, range(low - 1, 0, -1), low)
        return range(bottom, self._edge(reading, window, reading.onward(high), high - 1) + 1)

    def _edge(
        self, reading: _ListReading, window: _DayWindow, numbers: Iterable[int], core: int
    ) -> int:
        """Return the last page to read in one direction, starting next to the page `core`."""
        quiet, edge = 0, core
        for number in numbers:
            quiet, edge = 0 if window.touches(reading.page(number)) else quiet + 1, number
            if quiet >= self._margin:
                break
        return edge

    def _progress(self, pages: Iterable[_MoviesPage], total: int) -> Iterator[_MoviesPage]:
        start = shown = time.monotonic()
        movies = 0
        for done, page in enumerate(pages, 1):
            yield page
            movies += len(page.movies)
            now = time.monotonic()
            if now - shown >= _PROGRESS_SECONDS:
                shown, rate = now, done / (now - start)
                self._log(
                    f"{self.source_url}: {done:,} of {total:,} pages, {movies:,} movies, "
                    f"{rate:.0f} pages/s, about {(total - done) / rate:.0f} s left."
                )


def _whole(reading: _ListReading) -> range:
    """Return all pages of the catalogue."""
    # The end and the pages past it that prove it are mostly near the stated end.
    hint = reading.page(1).hint
    reading.keep(range(max(2, hint - _OVERSTATED), hint + 2))
    return range(1, reading.reach(lambda _: False) + 1)


def _clocks(reading: _ListReading) -> str:
    """Return a warning about movies dated in the future, and the clock that is wrong."""
    here, latest = int(time.time()), max(reading.late.values())
    server = here if reading.server_time is None else reading.server_time
    seconds = abs(here - server)
    movies = "1 movie is" if len(reading.late) == 1 else f"{len(reading.late):,} movies are"
    clocks = f"This machine's clock shows {_shown(here)}"
    if reading.server_time is not None:
        days = round(seconds / _DAY_SECONDS)
        apart = f"{days:,} days" if days else f"{seconds // 60} minutes"
        clocks = f"YTS' clock shows {_shown(server)}, this machine's {_shown(here)}: {apart} apart"
    if latest > max(server, here) + _DAY_SECONDS:
        fault = "after both clocks: the dates themselves are wrong"
    elif latest > server + _DAY_SECONDS:
        fault = "after the server's clock, which is slow or wrong"
    else:
        fault = "after this machine's clock, which is slow or wrong: set it"
    return (
        f"{clocks}. {movies} dated up to {_shown(latest)}, which is more "
        f"than a day {fault}. Movies dated after the server's clock are stored under the day of "
        "their neighbour in the list, and refused by silver."
    )


def _shown(unix: int) -> str:
    instant = datetime.fromtimestamp(min(unix, _LATEST_UNIX), UTC)
    return f"{instant:%Y-%m-%d %H:%M} UTC"
