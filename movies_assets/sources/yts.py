"""The YTS catalogue: movies by upload day, or all of them, as typed rows.

What the catalogue's replies mean belongs here; how they are fetched is in http.py, and what becomes
of the rows is the business of the bronze asset.
"""

import asyncio
import hashlib
import json
import re
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date
from itertools import chain, count, islice
from queue import SimpleQueue
from typing import Any, NamedTuple

import httpx
from anyio.from_thread import start_blocking_portal

from movies_assets.sources.http import (
    DEFAULT_OPTIONS,
    HttpClient,
    HttpOptions,
    PermanentSourceError,
    Reply,
    Source,
    TransientSourceError,
    mask_url,
    url_below,
)

_PATH = "list_movies.json"
_DAY_SECONDS = 86_400
_EPOCH = date(1970, 1, 1).toordinal()
_LATEST_UNIX = (date.max.toordinal() - _EPOCH - 1) * _DAY_SECONDS
_REREADS = 3
_MOVIES = re.compile(r'"movies"\s*:\s*\[\s*')
_LIST_END = re.compile(r"(\])")
_LIST_NEXT = re.compile(r"\s*([,\]])\s*")
_TORRENTS = re.compile(rb'"torrents"\s*:\s*\[[^\]]*\]')
_UNLOCKED_BYTES = 2_047
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")
_DECODER = json.JSONDecoder()
_PROGRESS_SECONDS = 5
_DATELESS_PAGES = 3


class MovieRow(NamedTuple):
    """A movie as the catalogue lists it.

    Attributes:
        uploaded_date: UTC day that the row belongs to; never unknown, so that no row is lost.
        movie_id: The movie's id; None where it is missing or no integer.
        content_hash: MD5 of the payload without its torrents, in hexadecimal: their seeders change
            all the time, and a movie that only gained one has not changed.
        payload: The movie's JSON, character by character as received; always valid UTF-8.
        page: Number of the page that listed it.
    """

    uploaded_date: date
    movie_id: int | None
    content_hash: str
    payload: str
    page: int


class _Movie(NamedTuple):
    value: Any
    text: str

    def id(self) -> int | None:
        """Returns the id, as silver reads it too; None if it is no whole number of 18 digits."""
        value = self.value.get("id") if isinstance(self.value, dict) else None
        if type(value) not in {int, str} or not _WHOLE_NUMBER.fullmatch(text := str(value)):
            return None
        return int(text)

    def day(self, latest: int) -> date | None:
        """Returns the UTC day of the upload or of the first torrent; None if neither is sound."""
        match self.value:
            case {"date_uploaded_unix": int(unix)} if type(unix) is int and unix > 0:
                pass
            case {"torrents": [{"date_uploaded_unix": int(unix)}, *_]} if type(unix) is int:
                pass
            case _:
                return None
        return date.fromordinal(_EPOCH + unix // _DAY_SECONDS) if 0 < unix <= latest else None

    def row(self, day: date, page: int) -> MovieRow:
        try:
            payload, data = self.text, self.text.encode()
        except UnicodeEncodeError:
            # A lone surrogate is no UTF-8: backslashreplace turns it into the JSON escape of it.
            data = self.text.encode("utf-8", "backslashreplace")
            payload = data.decode()
        # Cut out as text: writing the movie as JSON again would cost 2 ms a page.
        lasting = _TORRENTS.sub(b"", data, count=1)
        return MovieRow(day, self.id(), _md5(lasting), payload, page)


def _md5(data: bytes) -> str:
    """Hashes in small pieces, for which Python keeps its lock.

    For more than 2,047 bytes at once it gives the lock to the thread that fetches, and has to wait
    for it afterwards: 48 instead of 8 microseconds a movie, 3 seconds a crawl.
    """
    digest = hashlib.md5(usedforsecurity=False)
    for start in range(0, len(data), _UNLOCKED_BYTES):
        digest.update(data[start : start + _UNLOCKED_BYTES])
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class _Page:
    """A page of the catalogue.

    `days` are its movies' days; without a single sound date it is empty and `median` None.
    `stated_pages` follows from movie_count, so there may be fewer.
    """

    number: int
    movies: list[_Movie]
    days: list[date]
    median: date | None
    stated_pages: int

    def rows(self, window: "_Window") -> list[MovieRow]:
        return [
            movie.row(day, self.number)
            for day, movie in zip(self.days, self.movies, strict=True)
            if window.first <= day <= window.last
        ]

    def keys(self) -> list[object]:
        """Returns what tells the movies apart: not their text, for seeders change all the time."""
        return [movie.text if (key := movie.id()) is None else key for movie in self.movies]


class _Window(NamedTuple):
    first: date
    last: date

    def touches(self, page: _Page) -> bool:
        return any(self.first <= day <= self.last for day in page.days)


_ALWAYS = _Window(date.min, date.max)


def _loads(body: bytes) -> Any:
    """Decodes a page and keeps each movie's own text.

    Cutting the text out of the reply is faithful to the last character, and 1,480 pages cost 3.4 s
    less than writing each movie as JSON again.
    """
    text = body.decode("utf-8-sig", "surrogatepass")
    start = _MOVIES.search(text)
    if not start:
        return json.loads(text)
    movies = list[_Movie]()
    position, mark = start.end(), _LIST_END.match(text, start.end())
    while not (mark and mark[1] == "]"):
        value, end = _DECODER.raw_decode(text, position)
        movies.append(_Movie(value, text[position:end]))
        if not (mark := _LIST_NEXT.match(text, end)):
            raise json.JSONDecodeError("Expecting ',' or ']'", text, end)
        position = mark.end()
    envelope = json.loads(text[: start.end()] + text[mark.start(1) :])
    match envelope:
        case {"data": {"movies": []} as data}:
            data["movies"] = movies
            return envelope
    raise ValueError("a list of movies stands in the wrong place")


def _parse(reply: Reply, number: int) -> _Page:
    """Decodes and checks a page.

    Raises:
        PermanentSourceError: The reply is not what the catalogue's protocol promises.
    """
    match envelope := reply.json(_loads):
        case {"status": "ok", "data": {"movies": list(movies)} as data}:
            pass
        case {"status": "ok", "data": dict(data)} if data.get("movies") is None:
            movies = []  # how the catalogue writes an empty page, whatever movie_count says
        case _:
            raise reply.unusable(
                "JSON that is no page of movies "
                "(expected status 'ok', an object `data` and in it a list `movies`)"
            )
    match envelope:
        case {"@meta": {"server_time": int(now)}} if 0 < now <= _LATEST_UNIX:
            pass
        case _:
            now = int(time.time())
    days = [movie.day(now + _DAY_SECONDS) for movie in movies]
    known = sorted(filter(None, days))
    match data:
        case {"movie_count": int(movies_stated), "limit": int(limit)} if limit > 0:
            stated = -(-movies_stated // limit)
        case _:
            stated = 1
    median = known[len(known) // 2] if known else None
    return _Page(number, movies, _fill(days), median, max(stated, 1))


def _fill(days: list[date | None]) -> list[date]:
    """Gives a movie without a sound date the day of its neighbour: the one before, else after."""
    latest = next(filter(None, days), None)
    filled = []
    for day in days:
        latest = day or latest
        if latest:
            filled.append(latest)
    return filled


class _Reading:
    """One reading of the catalogue: its pages, fetched one by one or many at once.

    Everything runs in the caller's thread but the requests: they run on an event loop in another
    thread, so that the next pages arrive while the caller stores the last ones.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        http: HttpClient,
        params: dict[str, str | int],
        ahead: int,
    ) -> None:
        self._loop = loop
        self._http = http
        self._params = params
        self._ahead = ahead
        self._kept: dict[int, _Page] = {}  # in the order of reading, see sentinel()

    def page(self, number: int) -> _Page:
        """Returns one page, fetched once."""
        self.keep([number])
        return self._kept[number]

    def keep(self, numbers: Iterable[int]) -> None:
        """Fetches the pages that page() will be asked for, at once."""
        for page in self._fetch([n for n in numbers if n not in self._kept]):
            self._kept[page.number] = page

    def pages(self, numbers: range) -> Generator[_Page, None, None]:
        """Yields the pages in the order of their arrival, those fetched before first."""
        kept = [self._kept[n] for n in numbers if n in self._kept]
        yield from kept
        yield from self._fetch(n for n in numbers if n not in self._kept)

    def sentinel(self, top: int) -> _Page:
        """Returns a page at or past `top`, and forgets the pages read before it.

        The one read first is best, for it vouches for all pages read since. Past the end of the
        catalogue, where pages are empty, the last page with movies serves.
        """
        past = (page for number, page in self._kept.items() if number >= top and page.movies)
        sentinel = next(past, None)
        while not sentinel:
            last = self.page(top)
            sentinel = last if last.movies or top == 1 else None
            top -= 1
        order = list(self._kept)
        for number in order[: order.index(sentinel.number)]:
            del self._kept[number]
        return sentinel

    def confirms(self, sentinel: _Page) -> bool:
        """Reads the sentinel again: does it still begin with the same movies?"""
        (again,) = self._fetch([sentinel.number])
        return again.keys()[: len(sentinel.movies)] == sentinel.keys()

    def _fetch(self, numbers: Iterable[int]) -> Iterator[_Page]:
        """Yields the pages as they arrive; no more than `ahead` are under way or waiting.

        In order of arrival, so that one page that is tried again does not hold up the others. They
        are decoded here, after the next request has been handed over: a slot never waits for that.
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
                yield self._dated(_parse(reply, number))
        finally:
            for future in pending:
                future.cancel()

    def _request(self, number: int) -> Future[Reply]:
        # anyio's portal would wait for the loop's answer: 0.1 s more for 1,000 pages.
        request = self._http.fetch(_PATH, {**self._params, "page": number})
        return asyncio.run_coroutine_threadsafe(request, self._loop)

    def _dated(self, page: _Page) -> _Page:
        """Gives a page without a single sound date the day of the nearest movie that has one."""
        if page.days or not page.movies:
            return page
        first = page.number - 1
        around = chain(
            range(first, max(0, first - _DATELESS_PAGES), -1),
            range(page.number + 1, page.number + 1 + _DATELESS_PAGES),
        )
        for number in around:
            if days := _parse(self._request(number).result(), number).days:
                day = days[-1] if number < page.number else days[0]
                return replace(page, days=[day] * len(page.movies), median=day)
        raise PermanentSourceError(
            f"Not one movie on page {page.number} of the catalogue or on the {_DATELESS_PAGES} "
            "pages before and after it has a sound upload date (date_uploaded_unix). "
            "Check whether the source changed its format."
        )


class YtsClient(Source):
    """Reads the YTS catalogue, oldest upload first, several pages at once.

    The catalogue is only known by page number, and its pages shift while one reads: a re-upload
    takes a movie out of the middle and appends it, so that each later movie moves up one place, and
    the one that moves from page k+1 to page k after k was read is seen on neither. Hence the
    sentinel: a page at or past the last page needed is read before all others and once more after
    them. While it begins with the same movies, nothing before it has moved, and appended movies
    disturb nothing. Otherwise the reading is repeated.

    Cheaper protocols were considered. `movie_count` does not change with a re-upload. Reading each
    page twice costs twice as much and detects the same. Reading from the last page down loses
    nothing to re-uploads, but only if no two neighbours are under way at once, and it loses movies
    to an insertion. The sentinel costs one request and notices both; it misses only a removal and
    an insertion that cancel each other out within one reading.

    Args:
        base_url: For example https://host/api/v2; user and password in it are sent as basic auth.
        options: Limits of the HTTP client.
        transport: Replaces the network, such as httpx.ASGITransport for a server in process.
        page_size: Movies a page; the catalogue allows at most 50.
        margin_pages: How many whole pages without a movie of the window end the search for more, on
            both sides. The order of the catalogue is not quite that of the dates.
        crawl_share: A window that spans a larger share of the pages is read as a crawl: it then
            costs at most 1 / crawl_share times as much, and also finds the movies that stand far
            from their date.
        log: Receives retries and progress.

    Raises:
        PermanentSourceError: The base URL is no HTTP URL.
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
        """Where the rows come from: the URL without page number and secrets."""
        return mask_url(url_below(self._base, _PATH).copy_merge_params(self._params))

    def movies(self, first_day: date, last_day: date) -> Iterator[list[MovieRow]]:
        """Yields the movies uploaded on these UTC days, both included, at most a page at a time.

        Rows may come again when the catalogue shifted meanwhile: those with equal id, hash and day
        are the same row. Abandoning the iterator ends the requests.

        Raises:
            PermanentSourceError: The catalogue refused, or its replies make no sense.
            TransientSourceError: The catalogue kept failing or shifting.
        """
        return self._read(_Window(first_day, last_day))

    def crawl(self) -> Iterator[list[MovieRow]]:
        """Yields every movie of the catalogue; otherwise like movies()."""
        return self._read(None)

    def _read(self, window: _Window | None) -> Iterator[list[MovieRow]]:
        ahead = 2 * self._options.concurrency
        with (
            start_blocking_portal(name="yts") as portal,
            portal.wrap_async_context_manager(self._http()) as http,
        ):
            loop = portal.call(asyncio.get_running_loop)
            for _ in range(1 + _REREADS):
                reading = _Reading(loop, http, self._params, ahead)
                if (yield from self._attempt(reading, window)):
                    return
                self._log(f"{self.source_url}: the pages shifted while they were read.")
        raise TransientSourceError(
            f"{self.source_url}: the catalogue kept shifting: {1 + _REREADS} readings were "
            "disturbed by movies that moved to other pages. Try again later."
        )

    def _attempt(
        self, reading: _Reading, window: _Window | None
    ) -> Generator[list[MovieRow], None, bool]:
        """Reads once and tells whether the catalogue held still meanwhile."""
        if not (reading.page(1).movies or reading.page(2).movies):
            return True
        span = self._locate(reading, window) if window else _whole(reading)
        sentinel = reading.sentinel(span[-1])
        span = range(span[0], min(span[-1], sentinel.number) + 1)
        with closing(reading.pages(span)) as pages:
            for page in self._progress(pages, len(span)):
                if not page.movies:
                    return False  # an empty page before the last one: it shows no state at all
                if rows := page.rows(window or _ALWAYS):
                    yield rows
        return reading.confirms(sentinel)

    def _locate(self, reading: _Reading, window: _Window) -> range:
        """Finds the pages of the window.

        Medians, not first or last dates, are compared, for each page has a few dates that are far
        from those of their neighbours.
        """
        numbers = range(1, reading.page(1).stated_pages + 1)

        def median(number: int) -> date:
            return reading.page(number).median or date.max  # empty: past the end

        low = 1 + bisect_left(numbers, window.first, key=median)
        high = 1 + bisect_right(numbers, window.last, key=median)
        if high - low > self._crawl_share * len(numbers):
            return _whole(reading)
        reading.page(high + self._margin)  # before its neighbours: the sentinel, if none is better
        reading.keep(
            chain(range(max(1, low - self._margin), low), range(high, high + self._margin))
        )
        bottom = self._edge(reading, window, range(low - 1, 0, -1), low)
        return range(bottom, self._edge(reading, window, count(high), high) + 1)

    def _edge(self, reading: _Reading, window: _Window, numbers: Iterable[int], core: int) -> int:
        """Returns the last page to read in one direction, starting beside the page `core`."""
        quiet, edge = 0, core
        for number in numbers:
            quiet, edge = 0 if window.touches(reading.page(number)) else quiet + 1, number
            if quiet >= self._margin:
                break
        return edge

    def _progress(self, pages: Iterable[_Page], total: int) -> Iterator[_Page]:
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


def _whole(reading: _Reading) -> range:
    """Finds the last page: from the stated one in doubling steps, then by bisection."""

    def is_empty(number: int) -> bool:
        return not reading.page(number).movies

    stated, step = reading.page(1).stated_pages, 1
    if is_empty(stated):
        while stated - step > 1 and is_empty(stated - step):
            step *= 2
        low, high = max(1, stated - step), stated - step // 2
    else:
        while not is_empty(stated + step):
            step *= 2
        low, high = stated + step // 2, stated + step
    return range(1, low + bisect_left(range(low, high), 1, key=is_empty))
