"""HTTP for every source: one pooled client with limits, retries and errors that keep secrets.

What all web sources share belongs here: connections, the number of requests at once and per second,
retries, size limits, redirects, and the masking of secrets. What a reply means belongs in the
source's own module.
"""

import base64
import logging
import math
import re
import ssl
import time
import zlib
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Container,
    Iterable,
    Mapping,
)
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote, urlencode

import anyio
import httpx
import stamina
from aiolimiter import AsyncLimiter

from movies_assets import __version__
from movies_assets.core.errors import DescribedError
from movies_assets.ingest import strict_json

_T = TypeVar("_T")
Params = Mapping[str, str | int]
Reader = Callable[[httpx.Response, Callable[[], None]], Awaitable[_T]]

_logger = logging.getLogger(__name__)

# Each retry is logged once, by `_Tries`; the library's own line names neither URL nor cause.
stamina.instrumentation.set_on_retry_hooks(())

_MASK = "***"
_ANY_HEADER = zlib.MAX_WBITS | 32  # of gzip or zlib
# The URL before redirects, and the pace of the body; both go along with a request.
_ASKED, _PACE = "asked", "pace"
_MAX_REDIRECTS = 5
# A reply that is too slow is asked for again once: the next connection may be faster.
_MOST_SLOW_TRIES = 2
_ERROR_BODY_BYTES = 4096  # enough to recognise an error page
_EXCERPT_CHARACTERS = 200
_TOO_MANY_REQUESTS = 429
_SERVER_ERROR = 500
# A cursor of a page may be the id of a user.
_SECRET_NAME = re.compile(
    r"key|token|secret|passw|auth|signature|credential|cursor|after\b|before\b", re.IGNORECASE
)
# A cut-off body arrives as RemoteProtocolError or as ReadError, which is a NetworkError.
_PASSING = (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError)
# What errors say that quote nothing of a reply; h11 quotes a line that it cannot read.
_QUOTELESS = (httpx.TimeoutException, httpx.NetworkError, zlib.error)
_QUOTED = re.compile(" (return_value|exception)=.*", re.DOTALL)
_QUOTELESS_TEXTS = ("peer closed connection", "Server disconnected")
_ADVICE = {
    401: "Check the user name, password or key.",
    403: "The source refuses this address or these credentials: check both.",
    404: "Check the base URL and the name below it.",
}


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """Limits of an HTTP client.

    Attributes:
        concurrency: Requests under way at once.
        requests_per_second: Requests started per second, evenly spaced; None for no limit.
        connect_timeout_seconds: Time to open a connection.
        read_timeout_seconds: Longest silence while a reply is awaited or read.
        max_response_bytes: Largest body accepted, counted after decompression.
        max_download_bytes: Largest file accepted, counted as it is stored.
        min_bytes_per_second: Slowest pace of a body, as it arrives, over as long as the longest
            silence; 0 for any.
        retry_budget_seconds: Time for one request with all its retries and waits. Time spent
            waiting for a free slot or for the rate limit is not counted. For a download it is the
            time without any progress.
        retry_wait_max_seconds: Longest wait between two tries, unless Retry-After asks for more.
        max_requests: Requests that one client sends in its life, all tries counted: a server whose
            pages never end must not keep a run busy for ever.
        max_seconds: How long one client may go on sending and reading, for the same reason.
        prefix: Where messages find the settings of these limits, such as 'MOVIES_YTS__'.
    """

    concurrency: int = 8
    requests_per_second: float | None = None
    connect_timeout_seconds: float = 10
    read_timeout_seconds: float = 30
    max_response_bytes: int = 64 * 1024 * 1024
    max_download_bytes: int = 4 * 1024**3
    min_bytes_per_second: float = 1000
    retry_budget_seconds: float = 120
    retry_wait_max_seconds: float = 20
    max_requests: int = 20_000
    max_seconds: float = 3600
    prefix: str = ""

    def setting(self, name: str) -> str:
        """Returns how a limit is called where it is set."""
        return f"{self.prefix}{name.upper()}" if self.prefix else name


DEFAULT_OPTIONS = HttpOptions()


class SourceError(DescribedError):
    """A source could not be read. The message names cause, place and remedy, and no secret."""

    def adding(self, text: str) -> Self:
        """Returns the same error, whose message ends with another sentence."""
        return type(self)(f"{self} {text}")


class PermanentSourceError(SourceError):
    """Trying again would not help."""


class TransientSourceError(SourceError):
    """The source was still failing when the time for retries was spent.

    Attributes:
        retry_after: Seconds the source asked to wait, where it did.
    """

    is_transient = True

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after

    def adding(self, text: str) -> Self:
        """Returns the same error, whose message ends with another sentence."""
        return type(self)(f"{self} {text}", self.retry_after)


def mask_url(url: httpx.URL | str) -> str:
    """Returns the URL without user and password and with the values of secret parameters hidden."""
    url = httpx.URL(url)
    query = urlencode(
        [(k, _MASK if _SECRET_NAME.search(k) else v) for k, v in url.params.multi_items()],
        safe="*",
    )
    return str(url.copy_with(userinfo=b"", query=query.encode() or None))


def parse_base_url(base_url: str) -> httpx.URL:
    """Returns the base URL.

    Raises:
        PermanentSourceError: It is no HTTP URL.
    """
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL:
        url = httpx.URL()
    if url.scheme in {"http", "https"} and url.host:
        return url
    # The text itself is not shown: where it does not parse, nobody can tell the password.
    raise PermanentSourceError(
        "The base URL of the source is no HTTP URL. Expected https://host/path; "
        "special characters in user and password must be percent-encoded."
    )


def url_below(base: httpx.URL, path: str) -> httpx.URL:
    """Returns the URL of a path below a base URL, whose parameters stay."""
    return base.copy_with(path=f"{base.path.rstrip('/')}/{path}")


class _MaskUrls(logging.Filter):
    """Replaces URLs in httpx's own log lines by the masked URL that was asked for.

    httpx logs every URL at INFO, those of redirects among them, which may hold a key anywhere. The
    filter rewrites only what a line shows, so it changes no level and hides no line; it is
    attached when the first client is made, not by importing this module.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                mask_url(_NAMED.get() or arg) if isinstance(arg, httpx.URL) else arg
                for arg in record.args
            )
        return True


class _QuoteNothing(logging.Filter):
    """Cuts the headers of replies, and lines that are none, out of httpcore's lines at DEBUG."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = _QUOTED.sub("", str(record.msg))
        return True


_MASK_URLS = _MaskUrls()
_QUOTE_NOTHING = _QuoteNothing()
_NAMED: ContextVar[httpx.URL | None] = ContextVar("the name of a request", default=None)
_LOGGERS: Mapping[str, logging.Filter] = {
    "httpx": _MASK_URLS,
    # A filter does not apply to the loggers below its own.
    **dict.fromkeys(
        (f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks")),
        _QUOTE_NOTHING,
    ),
}


def _secrets(url: httpx.URL) -> frozenset[str]:
    """Returns the URL's secrets in every spelling in which an error page may echo them."""
    values = {v for k, v in url.params.multi_items() if _SECRET_NAME.search(k)} | {url.password}
    login = base64.b64encode(f"{url.username}:{url.password}".encode()).decode()
    return frozenset(s for v in values if v for s in (v, quote(v, safe=""))) | {login}


def _excerpt(body: bytes, secrets: Iterable[str]) -> str:
    """Returns the beginning of a body for an error message: printable, and without the secrets."""
    text = body[:_ERROR_BODY_BYTES].decode("utf-8", "replace")
    for secret in secrets:
        text = text.replace(secret, _MASK)
    printable = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(printable.split())[:_EXCERPT_CHARACTERS]


def _shown(body: bytes, secrets: Iterable[str], *, private: bool) -> str:
    """Returns the sentence of an error message that shows a body, or says why it does not."""
    if private:
        return "The body is not shown: it may hold personal data or a key."
    return f"The body begins: {_excerpt(body, secrets)!r}."


def _instant(header: str) -> datetime | None:
    try:
        return parsedate_to_datetime(header).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _retry_after(response: httpx.Response) -> float | None:
    """Returns the seconds that the Retry-After header asks for, in either of its two forms."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value)
    if not (then := _instant(value)):
        return None
    # The date is the server's: measured by the server's own clock where the reply tells it.
    now = _instant(response.headers.get("Date", "")) or datetime.now(UTC)
    return max(0.0, (then - now).total_seconds())


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    """Returns scheme, host and port; httpx knows no port where it is the scheme's own."""
    return url.scheme, url.host, url.port


def _may_follow(source: httpx.URL, target: httpx.URL) -> bool:
    """Returns whether a redirect leads to the same server, or from its http to its https."""
    to_https = ("http", source.host, None), ("https", source.host, None)
    return _origin(source) == _origin(target) or (_origin(source), _origin(target)) == to_https


async def _read(pieces: AsyncIterable[bytes], coding: str, limit: int) -> bytes:
    """Reads the body, decompressed, and stops one byte past the limit.

    httpx would decompress a whole chunk before it can be counted: 64 KiB of gzip can become 64 MiB.

    Raises:
        EOFError: A gzip body ends before its end.
        zlib.error: A gzip body is damaged, or goes on with something else.
    """
    is_packed = coding.lower() in {"gzip", "x-gzip"}
    member, body = zlib.decompressobj(_ANY_HEADER), bytearray()
    is_within = not is_packed
    async for piece in pieces:
        while piece and len(body) <= limit:
            room = limit + 1 - len(body)
            if not is_packed:
                body += piece[:room]
                break
            if member.eof:
                member = zlib.decompressobj(_ANY_HEADER)
            body += member.decompress(piece, room)
            piece = member.unconsumed_tail or member.unused_data  # noqa: PLW2901
            is_within = not member.eof
        if len(body) > limit:
            return bytes(body)
    if is_packed and is_within:
        raise EOFError("a gzip body that is cut short")
    return bytes(body)


class _Pace:
    """How fast the body of one request arrives, over all its tries.

    Args:
        options: The slowest pace, and over how many seconds it is measured.

    Attributes:
        slow: How many stretches in a row were too slow.
    """

    def __init__(self, options: HttpOptions) -> None:
        self._options = options
        self.slow = 0
        self.begin()

    def begin(self) -> None:
        """Measures from now."""
        self._start, self._bytes = time.monotonic(), 0

    def count(self, size: int, url: httpx.URL) -> None:
        """Counts bytes that have arrived.

        Raises:
            TransientSourceError: They arrive too slowly.
        """
        options = self._options
        self._bytes += size
        seconds = time.monotonic() - self._start
        if seconds < options.read_timeout_seconds:
            return
        rate = self._bytes / seconds
        if rate < options.min_bytes_per_second:
            self.slow += 1
            raise TransientSourceError(
                f"{mask_url(url)} sent {rate:,.0f} bytes a second over {seconds:,.0f} seconds, "
                f"fewer than {options.min_bytes_per_second:,.0f} "
                f"({options.setting('min_bytes_per_second')})."
            )
        self.slow = 0
        self.begin()


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete reply, not yet decoded: that can happen off the event loop.

    Attributes:
        url: What was asked for.
        status: The HTTP status.
        body: The body, decompressed.
        login: Secrets of the base URL in every spelling, which no message may show.
        is_private: Whether no message may show the body.
        sent_at: The server's clock when it answered (UTC), by the header Date.
    """

    url: httpx.URL
    status: int
    body: bytes
    login: frozenset[str]
    is_private: bool = False
    sent_at: datetime | None = None

    def json(self, loads: Callable[[bytes], Any] = strict_json.loads) -> dict[str, Any]:
        """Decodes the body.

        Args:
            loads: Replaces strict_json.loads; fails with a ValueError, too.

        Raises:
            PermanentSourceError: The body is no JSON object, or has NaN, Infinity or an object
                with a duplicate name.
        """
        try:
            data, fault = loads(self.body), None
        except (ValueError, RecursionError) as error:
            html = self.body.lstrip()[:1] == b"<"
            where = strict_json.place_of_fault(self.body, shows_names=not self.is_private)
            fault = "HTML instead of JSON" if html else f"invalid JSON ({where or error!s:.200})"
        # Not where it is caught: the context would have the whole body.
        if fault:
            raise self.unusable(fault)
        if not isinstance(data, dict):
            raise self.unusable(f"a JSON {type(data).__name__} instead of an object")
        return data

    def unusable(self, what: str) -> PermanentSourceError:
        """Returns the error that says what is wrong with this reply."""
        shown = _shown(self.body, self.login | _secrets(self.url), private=self.is_private)
        return PermanentSourceError(
            f"{mask_url(self.url)} answered {what}. {shown} "
            "Check the base URL, and whether the source has an outage or changed its format."
        )


@cache
def _tls() -> ssl.SSLContext:
    """Loads the certificates once: 20 to 40 ms that each new client would otherwise spend."""
    return httpx.create_ssl_context()


class Source:
    """A source over HTTP: where it is, and how it may be asked. Every client is one.

    Args:
        base_url: Where the source is; user and password in it are sent as basic auth, its
            parameters each time.
        options: Limits of the HTTP client.
        transport: Replaces the network, such as httpx.ASGITransport for a server in process.
        log: Receives retries and progress; by default the logger of the client's module.

    Attributes:
        is_private: Whether replies hold personal data; then no message quotes them.

    Raises:
        PermanentSourceError: The base URL is no HTTP URL.
    """

    is_private = False

    def __init__(
        self,
        base_url: str,
        options: HttpOptions = DEFAULT_OPTIONS,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        log: Callable[[str], None] | None = None,
    ) -> None:
        self._base = parse_base_url(base_url)
        self._options = options
        self._transport = transport
        self._log = log or logging.getLogger(type(self).__module__).info

    @property
    def source_url(self) -> str:
        """Where things come from, without secrets."""
        return mask_url(self._base)

    def _http(self) -> "HttpClient":
        """Returns a connection to the source, to be opened."""
        return HttpClient(
            str(self._base),
            self._options,
            transport=self._transport,
            log=self._log,
            private=self.is_private,
        )


class HttpClient:
    """An async client for one base URL; use it as an async context manager.

    Timeouts, failed connections, cut-off bodies, 429 and 5xx are tried again, with growing,
    jittered waits or as long as Retry-After asks, until the time budget is spent. All else fails at
    once. User and password in the base URL are sent as basic auth, its parameters each time.

    Args:
        base_url: Where paths start.
        options: Limits.
        transport: Replaces the network, such as httpx.ASGITransport for a server in process.
        log: Receives a line for each retry.
        private: Whether replies hold personal data: then their bodies are not shown.

    Attributes:
        options: Limits.
        requests: How many requests were sent, all tries counted.

    Raises:
        PermanentSourceError: The base URL is no HTTP URL.
    """

    def __init__(
        self,
        base_url: str,
        options: HttpOptions = DEFAULT_OPTIONS,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        log: Callable[[str], None] = _logger.info,
        private: bool = False,
    ) -> None:
        self._base = parse_base_url(base_url)
        root = self._base.copy_with(userinfo=b"", query=None, fragment=None)
        self._root = str(root).rstrip("/")
        self._login = _secrets(self._base)
        for name, filter_ in _LOGGERS.items():
            logging.getLogger(name).addFilter(filter_)
        self.options = options
        self._log = log
        self._private = private
        self.requests = 0
        self._end = math.inf
        self._slots = anyio.Semaphore(options.concurrency, fast_acquire=True)
        rate = options.requests_per_second
        self._rate = AsyncLimiter(1, 1 / rate) if rate else None
        self._retrying = stamina.AsyncRetryingCaller(
            attempts=None,  # bounded by time, see _Tries
            timeout=None,
            wait_initial=min(0.2, options.retry_wait_max_seconds),
            wait_max=options.retry_wait_max_seconds,
            wait_jitter=min(1.0, options.retry_wait_max_seconds),
        )
        self._client = httpx.AsyncClient(
            auth=httpx.BasicAuth(self._base.username, self._base.password)
            if self._base.userinfo
            else None,
            # Only codings that _read can undo within the size limit.
            headers={"User-Agent": f"movies_assets/{__version__}", "Accept-Encoding": "gzip"},
            timeout=httpx.Timeout(
                options.read_timeout_seconds, connect=options.connect_timeout_seconds, pool=None
            ),
            limits=httpx.Limits(
                max_connections=options.concurrency, max_keepalive_connections=options.concurrency
            ),
            verify=_tls(),
            transport=transport,
        )

    async def __aenter__(self) -> Self:
        """Opens the connection pool; the client's time runs from now."""
        self._end = time.monotonic() + self.options.max_seconds
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Closes all connections."""
        await self._client.__aexit__(kind, error, trace)

    async def get_json(self, path: str, params: Params | None = None) -> dict[str, Any]:
        """Fetches a path and decodes its JSON object; raises what fetch and Reply.json raise."""
        return (await self.fetch(path, params)).json()

    async def fetch(
        self,
        path: str,
        params: Params | None = None,
        *,
        statuses: Container[int] = (),
        check: Callable[[Reply], None] = lambda _: None,
    ) -> Reply:
        """Fetches a path below the base URL.

        Args:
            path: What to ask for.
            params: Parameters of the URL.
            statuses: Those whose reply is returned, beside those of success.
            check: Raises TransientSourceError where a reply is to be asked for again.

        Raises:
            PermanentSourceError: The source refused, or its reply is too large.
            TransientSourceError: The source was still failing when the time budget was spent.
        """
        limit = self.options.max_response_bytes

        async def read(response: httpx.Response, _: Callable[[], None]) -> Reply:
            if not (response.is_success or response.status_code in statuses):
                raise await self.refusal(response)
            coding = response.headers.get("Content-Encoding", "identity")
            try:
                body = await _read(self.pieces(response), coding, limit)
            except EOFError as error:
                raise TransientSourceError(f"{self.named(response)} answered {error}.") from error
            reply = self.reply(response, body)
            if len(reply.body) > limit:
                raise PermanentSourceError(
                    f"{mask_url(reply.url)} answered more than {limit:,} bytes. "
                    f"Allow more ({self.options.setting('max_response_bytes')}) if that is "
                    "expected."
                )
            check(reply)
            return reply

        return await self.stream(path, read, params=params)

    async def stream(
        self,
        path: str,
        read: Reader[_T],
        *,
        params: Params | None = None,
        headers: Callable[[], Mapping[str, str]] = dict,
    ) -> _T:
        """Has the reply to a request read as it arrives; tries again where that fails in passing.

        Args:
            path: What to ask for, below the base URL.
            read: Reads a reply of any status and returns the result. Its second argument is to be
                called whenever it got on: time and tries are then counted from there.
            params: Parameters of the URL.
            headers: Returns the headers of the next try.

        Raises:
            TransientSourceError: The source was still failing when the time budget was spent.
            Exception: All else that `read` raises.
        """
        # Joined here: httpx would parse base, path and parameters one by one, three times.
        query = urlencode([*self._base.params.multi_items(), *(params or {}).items()])
        url = httpx.URL(f"{self._root}/{path}" + (f"?{query}" if query else ""))
        tries = _Tries(url, self.options, self._end, self._log)

        # Without arguments, for stamina would log them: the URL has secrets.
        async def attempt() -> _T:
            async with self._turn(tries):
                request = self._client.build_request(
                    "GET",
                    url,
                    headers=headers(),
                    extensions={_ASKED: url, _PACE: tries.pace},
                )
                try:
                    async with self._reply_to(request) as response:
                        return await read(response, tries.renew)
                except (httpx.HTTPError, httpx.InvalidURL, zlib.error) as error:
                    failure, cause = self._failure(url, error)
                # Not where it is caught, or what may be private would go along as its context.
                raise failure from cause

        # Not fail_after: it knows a spent deadline by the clock, but _turn may just have lifted it.
        with tries.scope, suppress(TransientSourceError):
            return await self._retrying(tries.wait, attempt)
        if self.has_time:
            raise tries.given_up() from tries.cause()
        raise self._spent(url) from tries.cause()

    async def pieces(self, response: httpx.Response) -> AsyncIterator[bytes]:
        """Yields the body as it arrives, coded as it is.

        Raises:
            TransientSourceError: It arrives too slowly.
        """
        pace: _Pace = response.request.extensions[_PACE]
        pace.begin()
        async for piece in response.aiter_raw():
            pace.count(len(piece), self._place(response.request))
            yield piece

    @property
    def has_time(self) -> bool:
        """Whether the time of this client is not spent yet."""
        # The clock of asyncio's loops, which may be asked outside of them, too.
        return time.monotonic() < self._end

    def _spent(self, url: httpx.URL) -> PermanentSourceError:
        """Returns the error of a client whose requests or time are spent."""
        limit = "max_requests" if self.has_time else "max_seconds"
        return PermanentSourceError(
            f"{mask_url(url)}: not read, for this run has sent {self.requests:,} requests and may "
            f"send {self.options.max_requests:,} within {self.options.max_seconds:,.0f} seconds. "
            "Check whether the source's pages ever end; if it has that much to read, raise "
            f"{self.options.setting(limit)}."
        )

    def _failure(self, url: httpx.URL, error: Exception) -> tuple[SourceError, Exception | None]:
        """Returns the error for one of httpx, and its cause where that quotes no reply."""
        what, cause = type(error).__name__, None
        if isinstance(error, _QUOTELESS) or str(error).startswith(_QUOTELESS_TEXTS):
            what, cause = f"{what} {error}".rstrip(), error
        if isinstance(error, _PASSING):
            return TransientSourceError(f"{mask_url(url)} failed: {what}."), cause
        return PermanentSourceError(f"{mask_url(url)} cannot be read: {what}."), cause

    @staticmethod
    def _place(request: httpx.Request) -> httpx.URL:
        """Returns the URL by which messages name a request: a redirect may hold a key or a name."""
        asked: httpx.URL = request.extensions[_ASKED]
        return asked

    def named(self, response: httpx.Response) -> str:
        """Returns the URL by which messages name a response, without secrets."""
        return mask_url(self._place(response.request))

    def _is_private(self, response: httpx.Response) -> bool:
        """Returns whether no message may show a body; that of a redirect may quote its URL."""
        return self._private or response.url != self._place(response.request)

    @asynccontextmanager
    async def _turn(self, tries: "_Tries") -> AsyncIterator[None]:
        """Waits for a slot and for the rate limit: no failure of the source, so no time counts."""
        left = tries.scope.deadline - anyio.current_time()
        tries.scope.deadline = math.inf
        async with self._slots:
            if self._rate:
                await self._rate.acquire()
            tries.scope.deadline = min(anyio.current_time() + left, self._end)
            yield

    @asynccontextmanager
    async def _reply_to(self, request: httpx.Request) -> AsyncIterator[httpx.Response]:
        """Sends the request and follows redirects on its server."""
        for _ in range(_MAX_REDIRECTS + 1):
            response = await self._send(request)
            try:
                if response.next_request is None:
                    yield response
                    return
            finally:
                await response.aclose()
            target = response.next_request.url
            if not _may_follow(request.url, target):
                # Path and parameters may hold a key; of a private source, even the host a name.
                place = target.copy_with(userinfo=b"", raw_path=b"/", fragment=None)
                shown = "not shown" if self._private else place
                raise PermanentSourceError(
                    f"{mask_url(self._place(request))} redirects to another scheme, host or port: "
                    f"{shown}. It is not followed, for the login would go along. Set the base URL "
                    "to the new place if it is trusted."
                )
            request = response.next_request
        raise PermanentSourceError(
            f"{mask_url(self._place(request))}: more than {_MAX_REDIRECTS} redirects. "
            "Check the base URL."
        )

    async def _send(self, request: httpx.Request) -> httpx.Response:
        if self.requests >= self.options.max_requests or not self.has_time:
            raise self._spent(self._place(request))
        self.requests += 1
        named = _NAMED.set(self._place(request))
        try:
            return await self._client.send(request, stream=True)
        finally:
            _NAMED.reset(named)

    def reply(self, response: httpx.Response, body: bytes) -> Reply:
        """Returns a response and its body, or the beginning of it, as a reply."""
        url = self._place(response.request)
        sent_at = _instant(response.headers.get("Date", ""))
        is_private = self._is_private(response)
        return Reply(url, response.status_code, body, self._login, is_private, sent_at)

    async def refusal(self, response: httpx.Response) -> SourceError:
        """Returns the error that a response without success amounts to."""
        body = b""
        # A fault of the error page itself must not hide the status.
        with suppress(EOFError, zlib.error):
            coding = response.headers.get("Content-Encoding", "identity")
            body = await _read(self.pieces(response), coding, _ERROR_BODY_BYTES)
        url, status = self._place(response.request), response.status_code
        shown = _shown(body, self._login | _secrets(url), private=self._is_private(response))
        text = f"{mask_url(url)} answered HTTP {status}. {shown}"
        if status == _TOO_MANY_REQUESTS or status >= _SERVER_ERROR:
            return TransientSourceError(text, _retry_after(response))
        return PermanentSourceError(f"{text} {_ADVICE.get(status, 'Check URL and parameters.')}")


class _Tries:
    """The tries of one request, and the time that is left for them.

    Args:
        url: What is asked for.
        options: How long may be tried.
        end: When the client's own time ends, by anyio's clock.
        log: Receives a line for each try that failed.
    """

    def __init__(
        self, url: httpx.URL, options: HttpOptions, end: float, log: Callable[[str], None]
    ) -> None:
        self._url = url
        self._options = options
        self._end = end
        self._log = log
        self._failures: list[TransientSourceError] = []
        self.pace = _Pace(options)
        self.scope = anyio.CancelScope(deadline=self._deadline())

    def _deadline(self) -> float:
        return min(anyio.current_time() + self._options.retry_budget_seconds, self._end)

    def renew(self) -> None:
        """Counts time and tries from now."""
        self._failures.clear()
        self.scope.deadline = self._deadline()

    def wait(self, error: Exception) -> bool | float:
        """Tells stamina whether to try again, and after how many seconds if that is known."""
        if not isinstance(error, TransientSourceError):
            return False
        self._failures.append(error)
        if self.pace.slow >= _MOST_SLOW_TRIES:
            return False
        if (error.retry_after or 0) > self.scope.deadline - anyio.current_time():
            return False
        self._log(f"{error} Trying again.")
        return error.retry_after or True

    def given_up(self) -> TransientSourceError:
        """Returns the error that ends all tries."""
        last = self._failures[-1] if self._failures else None
        tries = max(len(self._failures), self.pace.slow, 1)
        what = last or f"{mask_url(self._url)} gave no complete reply."
        return TransientSourceError(
            f"{what} Gave up after {tries} tries within "
            f"{self._options.retry_budget_seconds:g} seconds. Try again later, or allow more time "
            f"({self._options.setting('retry_budget_seconds')}).",
            last.retry_after if last else None,
        )

    def cause(self) -> BaseException | None:
        """Returns what was behind the last failure."""
        return self._failures[-1].__cause__ if self._failures else None
