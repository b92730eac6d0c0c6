"""OMDb: what its searches for a term and a year of release find, kept in the landing zone.

What is asked, what an answer means, and when a year is complete belongs here. How a request is made
is in http.py, and what a result means is the business of the silver assets.

In the landing zone, `omdb/release_year=YYYY/` holds a file a query: `<query>.jsonl` when every page
is there, `<query>.jsonl.part` until then, and beside it while the year is collected anew. A line is
one exchange, as received; of several about one page the last one counts. `query.json` says which
query was asked last: that one counts.
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
# The error of a page beyond the first that has no results and states none.
_EMPTY = "no results"
_REFUSED = frozenset({"Too many results.", "Incorrect IMDb ID."})

_MASK = "***"
_POINTER = "query.json"
_NAME_CHARACTERS = 16


@dataclass(frozen=True)
class Query:
    """What is searched for in each year.

    Attributes:
        terms: Words of titles, one search each.
        types: Some of TYPES; '' is any type.
        page_limit: How many pages of ten results are read of each search at most.
        host: The service, which the client fills in: what the sample said is no answer of OMDb.

    Raises:
        PermanentSourceError: There is no such query.
    """

    terms: tuple[str, ...]
    types: tuple[str, ...] = ("",)
    page_limit: int = 5
    host: str = ""

    def __post_init__(self) -> None:
        """Check the query."""
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
        """What its files are called; the order of terms and types makes no other query."""
        query = [sorted({*self.terms}), sorted({*self.types}), self.page_limit, self.host]
        text = json.dumps(query).encode()
        return hashlib.sha256(text).hexdigest()[:_NAME_CHARACTERS]

    @property
    def searches(self) -> Iterator[tuple[str, str]]:
        """Return each term and type."""
        return product(dict.fromkeys(self.terms), dict.fromkeys(self.types))


class Search(NamedTuple):
    """A page of results that is asked for, of a year.

    Attributes:
        term: What titles are to contain.
        type: One of TYPES.
        page: Number from 1.
    """

    term: str
    type: str
    page: int


class Answer(NamedTuple):
    """What a reply says.

    Attributes:
        results: The page's results, as decoded JSON.
        total: How many results the search has on all pages, as stated.
        error: What the service says in place of results.
    """

    results: Sequence[Mapping[str, Any]]
    total: int
    error: str | None

    @classmethod
    def of(cls, data: object, page: int = 1) -> "Answer":
        """Return what the decoded JSON of a page says; raises ValueError at an unknown shape."""
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
        """Return whether it would be the same if it were asked for again."""
        return self.error is None or self.error.endswith(_NO_RESULTS) or self.error in _REFUSED

    def fits(self, before: Sequence["Answer"]) -> bool:
        """Return whether it can be the page that follows others of the same search.

        An error in place of a page that the total promises is no end, and a page that repeats
        another one comes from a cache.
        """
        if not before:
            return True
        if self.error is not None:
            return _found(before) >= before[-1].total
        return self.results not in [each.results for each in before]

    def ends(self, before: Sequence["Answer"]) -> bool:
        """Return whether no page follows: it is not full, and all that was promised was found."""
        is_full = len(self.results) >= RESULTS_A_PAGE
        has_all = _found([*before, self]) >= self.total
        return self.error is not None or (not is_full and has_all)


def _found(answers: Iterable[Answer]) -> int:
    return sum(len(answer.results) for answer in answers)


class Exchange(NamedTuple):
    """A page that was asked for, and the reply.

    Attributes:
        search: What was asked.
        http_status: The status of the reply.
        body: The reply as received, but for the key, should it be in there.
        fetched_at: When it had arrived (UTC).
        answer: What it says.
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
        """Read a line; raises ValueError, KeyError or TypeError if it is none."""
        known = json.loads(line)
        search = Search(known["term"], known["type"], known["page"])
        fetched_at, body = datetime.fromisoformat(known["fetched_at"]), known["body"]
        answer = Answer.of(json.loads(body), search.page)
        return cls(search, known["http_status"], body, fetched_at, answer)


class ReleaseRow(NamedTuple):
    """A result of a search, or the error that stood in the place of results.

    Attributes:
        release_year: The year that was asked for.
        result_id: Year, term, type, page and position: as texts, ids stand in their order.
        search_term: The term.
        searched_type: The type; '' is any.
        page: Number of the page.
        position: Place on the page from 1; 0 of an error.
        imdb_id: The IMDb id without blanks around it; None where there is none.
        payload: The result's JSON; of an error the whole reply. Of more than a field may have, the
            beginning.
        http_status: The status of the reply.
        error: What the service said in place of results.
        fetched_at: When the reply had arrived (UTC).
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
    """What the landing zone holds of a year.

    Attributes:
        release_year: The year.
        file: The file's path in the landing zone; None where nothing was collected.
        is_complete: Whether every page of the query is there.
        rows: Its results and errors.
    """

    release_year: int
    file: str | None
    is_complete: bool
    rows: Sequence[ReleaseRow]


class Collected(NamedTuple):
    """What became of a collection.

    Attributes:
        requests: How many requests were sent.
        pages: How many replies were stored.
        complete: The years of which every page is there, collected anew where that was asked for.
        incomplete: The other years.
        stopped: Why it ended before its time; None where it did not.
    """

    requests: int
    pages: int
    complete: Sequence[int]
    incomplete: Sequence[int]
    stopped: str | None


class OmdbClient(HttpSource):
    """Collects searches in the landing zone; may be killed at any time and run again.

    Requests are made one after the other: their number is limited a day, not their rate.

    Args:
        base_url: Where the API is; user and password in it are sent as basic auth.
        api_key: The key; it is stored and logged nowhere.
        options: Limits of the HTTP client.
        transport: Replaces the network, such as httpx.ASGITransport for a server in process.
        requests_a_run: How many requests a collection may send; retries may add some.
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
        # As a parameter of the base URL it goes along with each request, and is masked everywhere.
        self._base = self._base.copy_merge_params({"apikey": api_key})
        self._requests_a_run = requests_a_run
        spellings = {api_key, quote(api_key, safe="")} - {""}
        # Not within words: a key of digits would be found in ids.
        alternatives = "|".join(map(re.escape, spellings)) or "(?!)"
        self._key = re.compile(rf"(?<![0-9A-Za-z])({alternatives})(?![0-9A-Za-z])")

    @property
    def source_url(self) -> str:
        """Return where results come from, without secrets."""
        return mask_url(self._base.copy_with(query=None))

    def collect(
        self, landing: Path, years: Iterable[int], query: Query, *, refresh: bool = False
    ) -> Collected:
        """Complete years, the newest first; of a complete year nothing is asked.

        If another process is collecting a year, this one waits, and goes on after it.

        Args:
            landing: The landing zone.
            years: The years of release.
            query: What to search for.
            refresh: Whether complete years are collected anew, those first that were collected
                longest ago; until that is complete, the older pages stay. What was begun goes on.

        Raises:
            PermanentSourceError: The key is wrong, a reply makes no sense, or the disk is full.
            TransientSourceError: The source was still failing when the time budget was spent.
        """
        shelves = [_Shelf(landing, year) for year in years]
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
        """Ask for a page.

        Raises:
            PermanentSourceError: The reply is no answer.
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
        body = self._key.sub(_MASK, text.removeprefix("\ufeff"))
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

    def collect(self, shelf: "_Shelf", query: Query, *, refresh: bool) -> None:
        """Complete a year, or goes on with it until the run has to stop."""
        is_complete = False
        if not self._stopped:
            with shelf.locked(self._log):
                shelf.remember(query)
                is_complete = shelf.finished(query).exists() and not refresh
                if not is_complete:
                    is_complete = self._complete(shelf, query)
        self._years[is_complete].append(shelf.year)

    def _complete(self, shelf: "_Shelf", query: Query) -> bool:
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
                    "this run has sent as many requests, or taken as long, as it may "
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
    """Yield the pages that are still to be asked for.

    The stated total alone ends no search: a full page is followed by another one, and a page that
    is promised has to come.

    Args:
        query: What is searched for.
        answers: What was answered so far; to be added to before the next page is taken.
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
    """Return what the landing zone holds of some years, without asking the source.

    Raises:
        PermanentSourceError: A file is damaged.
    """
    with storing(landing):
        return [_Shelf(landing, year).read() for year in years]


class _Part:
    """A file of exchanges that grows, and survives the process that writes it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.answers: dict[Search, Answer] = {}

    def take_up(self) -> None:
        """Read what an earlier process left; a line that was not written to its end is cut off."""
        if self.path.exists():
            exchanges, end = _read(self.path)
            self.answers = {search: exchange.answer for search, exchange in exchanges.items()}
            os.truncate(self.path, end)

    def has_before(self, exchange: Exchange) -> bool:
        """Return whether a page before it has the same results."""
        *search, page = exchange.search
        return bool(exchange.answer.results) and any(
            answer.results == exchange.answer.results
            for (*other, number), answer in self.answers.items()
            if other == search and number < page
        )

    def append(self, exchange: Exchange) -> None:
        """Add an exchange, which is on the disk then."""
        with self.path.open("ab") as file:
            file.write(exchange.line())
            file.flush()
            os.fsync(file.fileno())
        self.answers[exchange.search] = exchange.answer


@dataclass(frozen=True, slots=True)
class _Shelf:
    """A year in the landing zone."""

    landing: Path
    year: int

    @property
    def _folder(self) -> Path:
        return self.landing / "omdb" / f"release_year={self.year}"

    def finished(self, query: Query) -> Path:
        """Return where a query stands of which every page is there."""
        return self._folder / f"{query.name}.jsonl"

    def part(self, query: Query) -> _Part:
        """Return what is being collected."""
        return _Part(self._folder / f"{query.name}.jsonl.part")

    def remember(self, query: Query) -> None:
        """Return that a query counts."""
        text = json.dumps(asdict(query) | {"file": f"{query.name}.jsonl"}, indent=2) + "\n"
        pointer = self._folder / _POINTER
        if not pointer.exists() or pointer.read_text() != text:
            write_file(pointer, text)

    def urgency(self, query: Query, *, refresh: bool) -> tuple[str, bool, int]:
        """Return by what years are put in order."""
        try:
            with open_below(self._folder, self.finished(query).name) as file:
                collected_at = json.loads(file.readline())["fetched_at"]
        except (FileNotFoundError, NeverOpenedError, ValueError, KeyError, TypeError):
            collected_at = ""  # reading the year tells what is damaged
        # Of complete years nothing is asked, so they come first: a spent quota leaves none out.
        return (collected_at if refresh else "", not collected_at, -self.year)

    def locked(self, log: Callable[[str], None]) -> AbstractContextManager[None]:
        """Keep all other processes from collecting the year."""
        return locked(self._folder, f"{self.year}", log)

    def read(self) -> Year:
        """Return what is there of the query that counts."""
        try:
            with open_below(self._folder, _POINTER) as pointer:
                file = json.load(pointer)["file"]
        except FileNotFoundError:
            return Year(self.year, None, is_complete=False, rows=[])
        # Twice: another process may complete the year between two looks.
        for name in (file, f"{file}.part", file):
            path = self._folder / name
            if path.exists():
                exchanges, _ = _read(path)
                rows = [row for each in exchanges.values() for row in _rows(self.year, each)]
                relative = path.relative_to(self.landing).as_posix()
                return Year(self.year, relative, is_complete=name == file, rows=rows)
        return Year(self.year, None, is_complete=False, rows=[])


def _read(path: Path) -> tuple[dict[Search, Exchange], int]:
    """Return the last exchange about each page, and where the last whole line ends."""
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
                    f"Line {number} of {path} is no reply of OMDb ({type(error).__name__}). Remove "
                    "the file, and collect the year again."
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
    # As silver reads it: blanks do not count.
    return _text(value)[1:-1].strip() or None if isinstance(value, str) else None


def _text(value: Any) -> str:
    """Write JSON that is valid UTF-8: a lone surrogate stands as its escape."""
    text = json.dumps(value, ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace").decode()
