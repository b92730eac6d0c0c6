"""Collect the results of OMDb's searches for a term and a year of release in the landing zone.

Building queries, interpreting answers, and the completeness of a year belong here; requests in
`ingest.http`, interpreting results in the silver assets.

In the landing zone, `omdb/release_year=YYYY/` holds one file per query: `<query>.jsonl` if all
pages are there, `<query>.jsonl.part` until then, and both while the year is collected again. A
line is one exchange, as received; of several about one page the last one counts. `query.json` names
the last query: its results count.
"""

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal

from movies_assets.ingest.download import locked, move, storing, write_file
from movies_assets.ingest.http import (
    DEFAULT_OPTIONS,
    MASK,
    HttpClient,
    HttpOptions,
    HttpSource,
    PermanentSourceError,
    Reply,
    TransientSourceError,
    mask_url,
)
from movies_assets.ingest.landing import NeverOpenedError, open_below
from movies_assets.ingest.records import LONGEST_DOCUMENT, shortened

TYPES = ("", "movie", "series", "episode", "game")
RESULTS_A_PAGE, MOST_PAGES = 10, 100
PASSING = "Error getting data."
SPENT = "Request limit reached!"
WRONG_KEY = frozenset({"Invalid API key!", "No API key provided."})
_NO_RESULTS = " not found!"  # of movies, series, ...
# The error of a later page without results and without an error of its own.
_EMPTY = "no results"
_REFUSED = frozenset({"Too many results.", "Incorrect IMDb ID."})

_POINTER = "query.json"
_NAME_CHARACTERS = 16


@dataclass(frozen=True)
class Query:
    """The searches of each year.

    Attributes:
        terms: Words of titles, one search for each.
        types: Some of TYPES; '' means any type.
        page_limit: The most pages of ten results to read of each search.
        host: The service, set by the client, to separate results of the sample from OMDb's.

    Raises:
        PermanentSourceError: The query is invalid.
    """

    terms: tuple[str, ...]
    types: tuple[str, ...] = ("",)
    page_limit: int = 5
    host: str = ""

    def __post_init__(self) -> None:
        """Validate the query."""
        if (
            not self.terms
            or not all(self.terms)
            or set(map(str.strip, self.terms)) != {*self.terms}
        ):
            raise PermanentSourceError(
                f"OMDb needs terms to search for, without blanks around them, not {self.terms}."
            )
        if not self.types or not set(self.types) <= {*TYPES}:
            raise PermanentSourceError(
                f"OMDb has no types {self.types}. Choose among {', '.join(TYPES[1:])}, and '' for "
                "any type."
            )
        if not 1 <= self.page_limit <= MOST_PAGES:
            raise PermanentSourceError(
                f"OMDb has 1 to {MOST_PAGES} pages a search, so the limit cannot be "
                f"{self.page_limit}."
            )

    @cached_property
    def name(self) -> str:
        """Return the name of its files, which ignores the order of terms and types."""
        query = [sorted({*self.terms}), sorted({*self.types}), self.page_limit, self.host]
        text = json.dumps(query).encode()
        return hashlib.sha256(text).hexdigest()[:_NAME_CHARACTERS]

    @property
    def searches(self) -> Iterator[tuple[str, str]]:
        """Return each term and type."""
        return product(dict.fromkeys(self.terms), dict.fromkeys(self.types))


class Search(NamedTuple):
    """A request for a page of results of a year.

    Attributes:
        term: The words that titles must contain.
        type: One of TYPES.
        page: Number from 1.
    """

    term: str
    type: str
    page: int


class Answer(NamedTuple):
    """The content of a reply.

    Attributes:
        results: The page's results, as decoded JSON.
        total: The number of results on all pages, as stated.
        error: The service's error instead of results.
    """

    results: Sequence[Mapping[str, Any]]
    total: int
    error: str | None

    @classmethod
    def of(cls, data: object, page: int = 1) -> "Answer":
        """Interpret the decoded JSON of a page; raise ValueError for an unknown shape."""
        match data:
            case {"Response": "True", "Search": []} if page > 1:
                return cls([], 0, _EMPTY)
            case {
                "Response": "True",
                "Search": [dict(), *_] as results,
                "totalResults": str(total),
            }:
                if all(isinstance(result, dict) for result in results):
                    return cls(results, int(total), None)
            case {"Response": "False", "Error": str(error)}:
                return cls([], 0, error)
        raise ValueError("JSON of an unknown shape")

    @property
    def is_final(self) -> bool:
        """Return whether a repeated request would get the same answer."""
        return self.error is None or self.error.endswith(_NO_RESULTS) or self.error in _REFUSED

    def fits(self, before: Sequence["Answer"]) -> bool:
        """Return whether it can be the page after others of the same search.

        An error instead of a page that the total promises is not the end, and a repeated page comes
        from a cache.
        """
        if not before:
            return True
        if self.error is not None:
            return _found(before) >= before[-1].total
        return self.results not in [each.results for each in before]

    def ends(self, before: Sequence["Answer"]) -> bool:
        """Return whether it is the last page: not full, with all promised results found."""
        is_full = len(self.results) >= RESULTS_A_PAGE
        has_all = _found([*before, self]) >= self.total
        return self.error is not None or (not is_full and has_all)


def _found(answers: Iterable[Answer]) -> int:
    return sum(len(answer.results) for answer in answers)


class Exchange(NamedTuple):
    """A request for a page, and the reply.

    Attributes:
        search: The request.
        http_status: The status of the reply.
        body: The reply as received, with the key masked.
        fetched_at: The instant of the reply (UTC).
        answer: The content of the reply.
    """

    search: Search
    http_status: int
    body: str
    fetched_at: datetime
    answer: Answer

    def line(self) -> bytes:
        """Return the exchange as a line of a file."""
        known = self.search._asdict() | {
            "http_status": self.http_status,
            "body": self.body,
            "fetched_at": self.fetched_at.isoformat(),
        }
        return _text(known).encode() + b"\n"

    @classmethod
    def of(cls, line: bytes) -> "Exchange":
        """Parse a line; raise ValueError, KeyError or TypeError if it is invalid."""
        known = json.loads(line)
        search = Search(known["term"], known["type"], known["page"])
        fetched_at, body = datetime.fromisoformat(known["fetched_at"]), known["body"]
        answer = Answer.of(json.loads(body), search.page)
        return cls(search, known["http_status"], body, fetched_at, answer)


class ReleaseRow(NamedTuple):
    """A result of a search, or the error instead of results.

    Attributes:
        release_year: The requested year.
        result_id: Year, term, type, page and position, so that ids sort in this order.
        search_term: The term.
        searched_type: The type; '' means any.
        page: Number of the page.
        position: Place on the page from 1; 0 for an error.
        imdb_id: The IMDb id without surrounding blanks; None if there is none.
        payload: The result's JSON, or the whole reply for an error; cut to the longest field.
        http_status: The status of the reply.
        error: The service's error instead of results.
        fetched_at: The instant of the reply (UTC).
    """

    release_year: int
    result_id: str
    search_term: str
    searched_type: str
    page: int
    position: int
    imdb_id: str | None
    payload: str
    http_status: int
    error: str | None
    fetched_at: datetime


class Year(NamedTuple):
    """The state of a year in the landing zone.

    Attributes:
        release_year: The year.
        file: The file's path in the landing zone; None if nothing was collected.
        is_complete: Whether all pages of the query are there.
        rows: Its results and errors.
    """

    release_year: int
    file: str | None
    is_complete: bool
    rows: Sequence[ReleaseRow]


class Collected(NamedTuple):
    """The result of a collection.

    Attributes:
        requests: The number of requests sent.
        pages: The number of replies stored.
        complete: The years with all pages, collected again if requested.
        incomplete: The other years.
        stopped: Why it ended early; None if it did not.
    """

    requests: int
    pages: int
    complete: Sequence[int]
    incomplete: Sequence[int]
    stopped: str | None


class OmdbClient(HttpSource):
    """A client that collects searches in the landing zone; it may be killed and rerun at any time.

    Requests are sequential, as OMDb limits their number per day, not their rate.

    Args:
        base_url: The URL of the API; user and password in it are sent as basic auth.
        api_key: The key; it is never stored or logged.
        options: Limits of the HTTP client.
        transport: Replaces the network, such as httpx.ASGITransport for a server in process.
        requests_a_run: The most requests of a collection; retries may add some.
        log: Receives retries and progress.

    Raises:
        PermanentSourceError: The base URL is not an HTTP URL.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        options: HttpOptions = DEFAULT_OPTIONS,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        requests_a_run: int = 1000,
        log: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(base_url, options, transport=transport, log=log)
        # As a parameter of the base URL the key is part of each request, and masked everywhere.
        self._base = self._base.copy_merge_params({"apikey": api_key})
        self._requests_a_run = requests_a_run
        spellings = {api_key, quote(api_key, safe="")} - {""}
        # Not within words: a key of digits would match ids.
        alternatives = "|".join(map(re.escape, spellings)) or "(?!)"
        self._key = re.compile(rf"(?<![0-9A-Za-z])({alternatives})(?![0-9A-Za-z])")

    @property
    def source_url(self) -> str:
        """Return the source's URL without secrets."""
        return mask_url(self._base.copy_with(query=None))

    def collect(
        self, landing: Path, years: Iterable[int], query: Query, *, refresh: bool = False
    ) -> Collected:
        """Complete years, the newest first; skip complete ones.

        If another process is collecting a year, this one waits for it, and then continues.

        Args:
            landing: The landing zone.
            years: The years of release.
            query: The searches.
            refresh: Whether complete years are collected again, the oldest collections first; the
                older pages count until that is complete. Unfinished collections are continued.

        Raises:
            PermanentSourceError: The key is wrong, a reply is invalid, or the disk is full.
            TransientSourceError: The source was still failing when the time budget was spent.
        """
        shelves = [_YearFolder(landing, year) for year in years]
        query = replace(query, host=self._base.host)
        with (
            storing(landing),
            start_blocking_portal(name="omdb") as portal,
            portal.wrap_async_context_manager(self._http()) as http,
        ):
            run = _Run(self, portal, http, self._log)
            for shelf in sorted(shelves, key=lambda shelf: shelf.urgency(query, refresh=refresh)):
                run.collect(shelf, query, refresh=refresh)
            return run.outcome()

    def may_ask(self, http: HttpClient) -> bool:
        """Return whether another request may be sent."""
        return http.requests < self._requests_a_run and http.has_time

    async def ask(self, http: HttpClient, year: int, search: Search) -> Exchange:
        """Request a page.

        Raises:
            PermanentSourceError: The reply is invalid.
            TransientSourceError: The source was still failing when the time budget was spent.
        """
        answered: list[Exchange] = []

        def check(reply: Reply) -> None:
            answered.append(self._exchange(search, reply))
            if answered[-1].answer.error == PASSING:
                raise TransientSourceError(f"{mask_url(reply.url)} answered: {PASSING}")

        params: dict[str, str | int] = {"s": search.term, "y": year, "page": search.page}
        if search.type:
            params["type"] = search.type
        try:
            await http.fetch("", params, statuses={httpx.codes.UNAUTHORIZED}, check=check)
        except TransientSourceError:
            if not answered:
                raise
        return answered[-1]

    def _exchange(self, search: Search, reply: Reply) -> Exchange:
        data, fetched_at = reply.json(), datetime.now(UTC)
        try:
            answer = Answer.of(data, search.page)
        except ValueError:
            raise reply.unusable("JSON of an unknown shape") from None
        if reply.status == httpx.codes.UNAUTHORIZED and answer.error not in {*WRONG_KEY, SPENT}:
            raise reply.unusable(f"HTTP {reply.status}")
        text = reply.body.decode(json.detect_encoding(reply.body), "surrogatepass")
        body = self._key.sub(MASK, text.removeprefix("\ufeff"))
        return Exchange(search, reply.status, body, fetched_at, answer)


class _Run:
    """One collection of several years."""

    def __init__(
        self,
        client: OmdbClient,
        portal: BlockingPortal,
        http: HttpClient,
        log: Callable[[str], None],
    ) -> None:
        self._client = client
        self._portal = portal
        self._http = http
        self._log = log
        self._pages = 0
        self._years: dict[bool, list[int]] = {True: [], False: []}
        self._stopped: str | None = None

    def collect(self, shelf: "_YearFolder", query: Query, *, refresh: bool) -> None:
        """Complete a year, or continue it until the run has to stop."""
        is_complete = False
        if not self._stopped:
            with shelf.locked(self._log):
                shelf.remember(query)
                is_complete = shelf.finished(query).exists() and not refresh
                if not is_complete:
                    is_complete = self._complete(shelf, query)
        self._years[is_complete].append(shelf.year)

    def _complete(self, shelf: "_YearFolder", query: Query) -> bool:
        part = shelf.part(query)
        part.take_up()
        self._fetch(shelf.year, query, part)
        if lacking := next(missing(query, part.answers), None):
            what = f"page {lacking.page} of {lacking.term!r} is missing or contradicts the others"
            self._log(f"OMDb {shelf.year}: not complete, {what}.")
            return False
        move(part.path, shelf.finished(query))
        self._log(f"OMDb {shelf.year}: complete, {self._http.requests:,} requests so far.")
        return True

    def _fetch(self, year: int, query: Query, part: "_Part") -> None:
        for search in missing(query, part.answers):
            if not self._client.may_ask(self._http):
                self._stopped = (
                    "this run has reached its limit of requests or time "
                    "(MOVIES_OMDB__REQUESTS_A_RUN, MOVIES_OMDB__MAX_SECONDS)"
                )
                return
            exchange = self._portal.call(self._client.ask, self._http, year, search)
            if part.has_before(exchange):
                self._log(
                    f"OMDb {year}: page {search.page} of {search.term!r} repeats one before: the "
                    "server or a cache in between ignores `page`. It is not stored."
                )
                continue
            part.append(exchange)
            self._pages += 1
            if exchange.answer.error in WRONG_KEY:
                raise PermanentSourceError(
                    f"{self._client.source_url} answered HTTP {exchange.http_status}: "
                    f"{exchange.answer.error} Set MOVIES_OMDB__API_KEY to a key that is valid, and "
                    "run again: what was fetched is kept."
                )
            if exchange.answer.error == SPENT:
                self._stopped = f"the key's quota is spent ({SPENT})"
                return

    def outcome(self) -> Collected:
        return Collected(
            self._http.requests,
            self._pages,
            sorted(self._years[True]),
            sorted(self._years[False]),
            self._stopped,
        )


def missing(query: Query, answers: Mapping[Search, Answer]) -> Iterator[Search]:
    """Yield the pages that are still missing.

    The stated total alone does not end a search: a full page is followed by another one, and a
    promised page must exist.

    Args:
        query: The searches.
        answers: The answers so far; add each one before the next page is taken.
    """
    for term, type_ in query.searches:
        before: list[Answer] = []
        for page in range(1, query.page_limit + 1):
            search = Search(term, type_, page)
            answer = answers.get(search)
            if answer is None or not (answer.is_final and answer.fits(before)):
                yield search
                answer = answers.get(search)
            if answer is None or not answer.fits(before) or answer.ends(before):
                break
            before.append(answer)


def stored(landing: Path, years: Iterable[int]) -> list[Year]:
    """Return the state of some years in the landing zone, without requests.

    Raises:
        PermanentSourceError: A file is damaged.
    """
    with storing(landing):
        return [_YearFolder(landing, year).read() for year in years]


class _Part:
    """A growing file of exchanges that survives the process that writes it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.answers: dict[Search, Answer] = {}

    def take_up(self) -> None:
        """Resume the file of an earlier process; cut off an incomplete last line."""
        if self.path.exists():
            exchanges, end = _read(self.path)
            self.answers = {search: exchange.answer for search, exchange in exchanges.items()}
            os.truncate(self.path, end)

    def has_before(self, exchange: Exchange) -> bool:
        """Return whether an earlier page has the same results."""
        *search, page = exchange.search
        return bool(exchange.answer.results) and any(
            answer.results == exchange.answer.results
            for (*other, number), answer in self.answers.items()
            if other == search and number < page
        )

    def append(self, exchange: Exchange) -> None:
        """Append an exchange, and sync it to the disk."""
        with self.path.open("ab") as file:
            file.write(exchange.line())
            file.flush()
            os.fsync(file.fileno())
        self.answers[exchange.search] = exchange.answer


@dataclass(frozen=True, slots=True)
class _YearFolder:
    """The folder of a year in the landing zone."""

    landing: Path
    year: int

    @property
    def _folder(self) -> Path:
        return self.landing / "omdb" / f"release_year={self.year}"

    def finished(self, query: Query) -> Path:
        """Return the path of a complete query."""
        return self._folder / f"{query.name}.jsonl"

    def part(self, query: Query) -> _Part:
        """Return the file of an unfinished query."""
        return _Part(self._folder / f"{query.name}.jsonl.part")

    def remember(self, query: Query) -> None:
        """Record the query whose results count."""
        text = json.dumps(asdict(query) | {"file": f"{query.name}.jsonl"}, indent=2) + "\n"
        pointer = self._folder / _POINTER
        if not pointer.exists() or pointer.read_text() != text:
            write_file(pointer, text)

    def urgency(self, query: Query, *, refresh: bool) -> tuple[str, bool, int]:
        """Return the sort key of a year: the least, the first to collect."""
        try:
            with open_below(self._folder, self.finished(query).name) as file:
                collected_at = json.loads(file.readline())["fetched_at"]
        except (FileNotFoundError, NeverOpenedError, ValueError, KeyError, TypeError):
            collected_at = ""  # reading the year reports the damage
        # Complete years need no requests, so they come first, before the quota is used up.
        return (collected_at if refresh else "", not collected_at, -self.year)

    def locked(self, log: Callable[[str], None]) -> AbstractContextManager[None]:
        """Lock out other processes that collect the year."""
        return locked(self._folder, f"{self.year}", log)

    def read(self) -> Year:
        """Return the state of the query that counts."""
        try:
            with open_below(self._folder, _POINTER) as pointer:
                file = json.load(pointer)["file"]
        except FileNotFoundError:
            return Year(self.year, None, is_complete=False, rows=[])
        # Twice, as another process may complete the year meanwhile.
        for name in (file, f"{file}.part", file):
            path = self._folder / name
            if path.exists():
                exchanges, _ = _read(path)
                rows = [row for each in exchanges.values() for row in _rows(self.year, each)]
                relative = path.relative_to(self.landing).as_posix()
                return Year(self.year, relative, is_complete=name == file, rows=rows)
        return Year(self.year, None, is_complete=False, rows=[])


def _read(path: Path) -> tuple[dict[Search, Exchange], int]:
    """Return the last exchange about each page, and the end of the last complete line."""
    exchanges: dict[Search, Exchange] = {}
    end = 0
    with open_below(path.parent, path.name) as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                break
            try:
                exchange = Exchange.of(line)
            except (ValueError, KeyError, TypeError) as error:
                raise PermanentSourceError(
                    f"Line {number} of {path} is not a reply of OMDb ({type(error).__name__}). "
                    "Remove the file, and collect the year again."
                ) from None
            exchanges[exchange.search] = exchange
            end += len(line)
    return exchanges, end


def _rows(year: int, exchange: Exchange) -> Iterator[ReleaseRow]:
    term, type_, page = exchange.search
    results = exchange.answer.results
    found = [(number, _id(result), _text(result)) for number, result in enumerate(results, 1)]
    for position, imdb_id, payload in found or [(0, None, exchange.body)]:
        yield ReleaseRow(
            release_year=year,
            result_id=f"{year}/{term}/{type_}/{page:03}/{position:02}",
            search_term=term,
            searched_type=type_,
            page=page,
            position=position,
            imdb_id=imdb_id,
            payload=shortened(payload, LONGEST_DOCUMENT),
            http_status=exchange.http_status,
            error=exchange.answer.error,
            fetched_at=exchange.fetched_at,
        )


def _id(result: Mapping[str, Any]) -> str | None:
    value = result.get("imdbID")
    # As in silver, ignoring blanks.
    return _text(value)[1:-1].strip() or None if isinstance(value, str) else None


def _text(value: Any) -> str:
    """Encode JSON as valid UTF-8: a lone surrogate becomes its escape."""
    text = json.dumps(value, ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace").decode()
