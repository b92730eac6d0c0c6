"""Fetch over HTTP for every source: one pooled client with limits, retries and masked secrets.

All that web sources share belongs here: connections, the number of requests at once and per second,
retries, size limits, redirects, and the masking of secrets. The meaning of a reply belongs in the
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
ReplyReader = Callable[[httpx.Response, Callable[[], None]], Awaitable[_T]]

_logger = logging.getLogger(__name__)

# `_Tries` logs each retry once; the library's own line names neither URL nor cause.
stamina.instrumentation.set_on_retry_hooks(())

# Shown in place of a secret.
MASK = "***"
_ANY_HEADER = zlib.MAX_WBITS | 32  # of gzip or zlib
# Extensions of a request: the URL before redirects, and the pace of the body.
_ASKED, _PACE = "asked", "pace"
_MAX_REDIRECTS = 5
# A reply that is too slow is requested again: the next connection may be faster.
_MOST_SLOW_TRIES = 2
_ERROR_BODY_BYTES = 4096  # enough to recognise an error page
_EXCERPT_CHARACTERS = 200
_TOO_MANY_REQUESTS = 429
_SERVER_ERROR = 500
# A page's cursor may be a user id.
_SECRET_NAME = re.compile(
    r"key|token|secret|passw|auth|signature|credential|cursor|after\b|before\b", re.IGNORECASE
)
# A cut-off body arrives as RemoteProtocolError or as ReadError, which is a NetworkError.
_PASSING = (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError)
# Errors whose texts quote nothing of a reply; h11 quotes a line that it cannot parse.
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
            pages never end must not keep a run busy forever.
        max_seconds: Time one client may spend sending and reading, for the same reason.
        prefix: The prefix of these limits' settings in messages, such as 'MOVIES_YTS__'.
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
        """Return the name of a limit's setting."""
        return f"{self.prefix}{name.upper()}" if self.prefix else name


DEFAULT_OPTIONS = HttpOptions()


class SourceError(DescribedError):
    """A source could not be read. The message names cause, place and fix, and no secret."""

    def adding(self, text: str) -> Self:
        """Return the same error, whose message ends with another sentence."""
        return type(self)(f"{self} {text}")


class PermanentSourceError(SourceError):
    """A failure that a retry would not fix."""


class TransientSourceError(SourceError):
    """A failure that lasted until the time for retries was used up.

    Attributes:
        retry_after: Seconds the source asked to wait, where it did.
    """

    is_transient = True

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after

    def adding(self, text: str) -> Self:
        """Return the same error, whose message ends with another sentence."""
        return type(self)(f"{self} {text}", self.retry_after)


def mask_url(url: httpx.URL | str) -> str:
    """Return the URL without user and password and with the values of secret parameters hidden."""
    url = httpx.URL(url)
    query = urlencode(
        [(k, MASK if _SECRET_NAME.search(k) else v) for k, v in url.params.multi_items()],
        safe="*",
    )
    return str(url.copy_with(userinfo=b"", query=query.encode() or None))


def parse_base_url(base_url: str) -> httpx.URL:
    """Return the base URL.

    Raises:
        PermanentSourceError: It is not an HTTP URL.
    """
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL:
        url = httpx.URL()
    if url.scheme in {"http", "https"} and url.host:
        return url
    # The text itself is not shown: in an unparsable URL the password cannot be found and masked.
    raise PermanentSourceError(
        "The base URL of the source is not an HTTP URL. Expected https://host/path; "
        "special characters in user and password must be percent-encoded."
    )


def url_below(base: httpx.URL, path: str) -> httpx.URL:
    """Return the URL of a path below a base URL, with the base URL's parameters."""
    return base.copy_with(path=f"{base.path.rstrip('/')}/{path}")


class _MaskUrls(logging.Filter):
    """A filter that replaces URLs in httpx's own log lines by the masked URL of the request.

    httpx logs every URL at INFO, those of redirects among them, which may hold a key anywhere. The
    filter rewrites only the shown text, so it changes no level and hides no line; it is
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
    """A filter that cuts the headers of replies, valid or not, out of httpcore's DEBUG lines."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = _QUOTED.sub("", str(record.msg))
        return True


MASK_URLS = _MaskUrls()
_QUOTE_NOTHING = _QuoteNothing()
_NAMED: ContextVar[httpx.URL | None] = ContextVar("the name of a request", default=None)
_LOGGERS: Mapping[str, logging.Filter] = {
    "httpx": MASK_URLS,
    # A filter does not apply to the loggers below its own.
    **dict.fromkeys(
        (f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks")),
        _QUOTE_NOTHING,
    ),
}


def _secrets(url: httpx.URL) -> frozenset[str]:
    """Return the URL's secrets in every spelling in which an error page may echo them."""
    values = {v for k, v in url.params.multi_items() if _SECRET_NAME.search(k)} | {url.password}
    login = base64.b64encode(f"{url.username}:{url.password}".encode()).decode()
    return frozenset(s for v in values if v for s in (v, quote(v, safe=""))) | {login}


def _excerpt(body: bytes, secrets: Iterable[str]) -> str:
    """Return the beginning of a body for an error message: printable, and without the secrets."""
    text = body[:_ERROR_BODY_BYTES].decode("utf-8", "replace")
    for secret in secrets:
        text = text.replace(secret, MASK)
    printable = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(printable.split())[:_EXCERPT_CHARACTERS]


def _shown(body: bytes, secrets: Iterable[str], *, private: bool) -> str:
    """Return the sentence of an error message that shows a body, or explains why it is hidden."""
    if private:
        return "The body is not shown: it may hold personal data or a key."
    return f"The body begins: {_excerpt(body, secrets)!r}."


def _instant(header: str) -> datetime | None:
    try:
        return parsedate_to_datetime(header).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _retry_after(response: httpx.Response) -> float | None:
    """Return the seconds that the Retry-After header asks for, in either of its two forms."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value)
    if not (then := _instant(value)):
        return None
    # The date is the server's: measured by the server's own clock where the reply has it.
    now = _instant(response.headers.get("Date", "")) or datetime.now(UTC)
    return max(0.0, (then - now).total_seconds())


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    """Return scheme, host and port; httpx has None for the scheme's default port."""
    return url.scheme, url.host, url.port


def _may_follow(source: httpx.URL, target: httpx.URL) -> bool:
    """Return whether a redirect stays on the server, or goes from its http to its https."""
    to_https = ("http", source.host, None), ("https", source.host, None)
    return _origin(source) == _origin(target) or (_origin(source), _origin(target)) == to_https


async def _read(pieces: AsyncIterable[bytes], coding: str, limit: int) -> bytes:
    """Read the body, decompressed, and stop one byte past the limit.

    httpx would decompress a whole chunk before it can be counted: 64 KiB of gzip can become 64 MiB.

    Raises:
        EOFError: A gzip body ends before its end.
        zlib.error: A gzip body is damaged, or followed by other data.
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
    """The speed at which the body of one request arrives, over all its tries.

    Args:
        options: The slowest pace, and the seconds over which it is measured.

    Attributes:
        slow: The number of consecutive measurements that were too slow.
    """

    def __init__(self, options: HttpOptions) -> None:
        self._options = options
        self.slow = 0
        self.begin()

    def begin(self) -> None:
        """Start a measurement."""
        self._start, self._bytes = time.monotonic(), 0

    def count(self, size: int, url: httpx.URL) -> None:
        """Count bytes that have arrived.

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
    """A complete reply, not yet decoded, so that decoding can happen off the event loop.

    Attributes:
        url: The requested URL.
        status: The HTTP status.
        body: The body, decompressed.
        login: Secrets of the base URL in every spelling, which no message may show.
        is_private: Whether no message may show the body.
        date: The header Date.
    """

    url: httpx.URL
    status: int
    body: bytes
    login: frozenset[str]
    is_private: bool = False
    date: str = ""

    @property
    def sent_at(self) -> datetime | None:
        """Return the server's clock when it answered, in UTC; None if it is unknown."""
        return _instant(self.date)

    def json(self, loads: Callable[[bytes], Any] = strict_json.loads) -> dict[str, Any]:
        """Decode the body.

        Args:
            loads: Replaces strict_json.loads; must also fail with a ValueError.

        Raises:
            PermanentSourceError: The body is not a JSON object, or has NaN, Infinity or an object
                with a duplicate name.
        """
        try:
            data, fault = loads(self.body), None
        except (ValueError, RecursionError) as error:
            html = self.body.lstrip()[:1] == b"<"
            where = strict_json.place_of_fault(self.body, shows_names=not self.is_private)
            fault = "HTML instead of JSON" if html else f"invalid JSON ({where or error!s:.200})"
        # Raised outside of the except block: the context would hold the whole body.
        if fault:
            raise self.unusable(fault)
        if not isinstance(data, dict):
            raise self.unusable(f"a JSON {type(data).__name__} instead of an object")
        return data

    def unusable(self, what: str) -> PermanentSourceError:
        """Return the error for this reply, given what is wrong with it."""
        shown = _shown(self.body, self.login | _secrets(self.url), private=self.is_private)
        return PermanentSourceError(
            f"{mask_url(self.url)} answered {what}. {shown} "
            "Check the base URL, and whether the source has an outage or changed its format."
        )


@cache
def _tls() -> ssl.SSLContext:
    """Load the certificates once: each new client would otherwise spend 20 to 40 ms."""
    return httpx.create_ssl_context()


class HttpSource:
    """The base class of the sources' clients: base URL, limits and transport.

    Args:
        base_url: Where the source is; user and password in it are sent as basic auth, its
            parameters each time.
        options: Limits of the HTTP client.
        transport: Replaces the network, such as httpx.ASGITransport for a server in process.
        log: Receives retries and progress; by default the logger of the client's module.

    Attributes:
        is_private: Whether replies hold personal data; then no message quotes them.

    Raises:
        PermanentSourceError: The base URL is not an HTTP URL.
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
        """Return the source's URL without secrets."""
        return mask_url(self._base)

    def _http(self) -> "HttpClient":
        """Return a client for the source, not yet opened."""
        return HttpClient(
            str(self._base),
            self._options,
            transport=self._transport,
            log=self._log,
            private=self.is_private,
        )


class HttpClient:
    """An async client for one base URL; use it as an async context manager.

    Timeouts, failed connections, cut-off bodies, 429 and 5xx are retried, with growing,
    jittered waits or as long as Retry-After asks, until the time budget is used up. All else fails
    at once. User and password in the base URL are sent as basic auth, its parameters each time.

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
        PermanentSourceError: The base URL is not an HTTP URL.
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
        """Open the connection pool; the client's time runs from now."""
        self._end = time.monotonic() + self.options.max_seconds
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close all connections."""
        await self._client.__aexit__(kind, error, trace)

    async def fetch(
        self,
        path: str,
        params: Params | None = None,
        *,
        statuses: Container[int] = (),
        check: Callable[[Reply], None] = lambda _: None,
    ) -> Reply:
        """Fetch a path below the base URL.

        Args:
            path: The path to request.
            params: Parameters of the URL.
            statuses: Statuses whose reply is returned, in addition to those of success.
            check: Raises TransientSourceError if a reply is to be requested again.

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
        read: ReplyReader[_T],
        *,
        params: Params | None = None,
        headers: Callable[[], Mapping[str, str]] = dict,
    ) -> _T:
        """Send a request and read the reply as it arrives; retry after transient failures.

        Args:
            path: The path to request, below the base URL.
            read: Reads a reply of any status and returns the result. Its second argument is to be
                called after each progress: time and tries are then counted from there.
            params: Parameters of the URL.
            headers: Returns the headers of the next try.

        Raises:
            TransientSourceError: The source was still failing when the time budget was spent.
            Exception: All else that `read` raises.
        """
        # Joined here: httpx would parse base, path and parameters separately, three times.
        query = urlencode([*self._base.params.multi_items(), *(params or {}).items()])
        url = httpx.URL(f"{self._root}/{path}" + (f"?{query}" if query else ""))
        tries = _Tries(url, self.options, self._end, self._log)

        # Without arguments, because stamina would log them, and the URL has secrets.
        async def attempt() -> _T:
            # Built before it waits for a slot, so that it holds the slot for less time.
            request = self._client.build_request(
                "GET", url, headers=headers(), extensions={_ASKED: url, _PACE: tries.pace}
            )
            async with self._turn(tries):
                try:
                    async with self._reply_to(request) as response:
                        return await read(response, tries.renew)
                except (httpx.HTTPError, httpx.InvalidURL, zlib.error) as error:
                    failure, cause = self._failure(url, error)
                # Raised outside of the except block: the context may hold personal data.
                raise failure from cause

        # Not fail_after: it compares the clock, but _turn may just have lifted the deadline.
        with tries.scope, suppress(TransientSourceError):
            return await self._retrying(tries.wait, attempt)
        if self.has_time:
            raise tries.given_up() from tries.cause()
        raise self._spent(url) from tries.cause()

    async def pieces(self, response: httpx.Response) -> AsyncIterator[bytes]:
        """Yield the body as it arrives, without decoding it.

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
        """Return whether this client has time left."""
        # The clock of asyncio's loops, which can also be read outside of them.
        return time.monotonic() < self._end

    def _spent(self, url: httpx.URL) -> PermanentSourceError:
        """Return the error of a client whose requests or time are used up."""
        limit = "max_requests" if self.has_time else "max_seconds"
        return PermanentSourceError(
            f"{mask_url(url)} was not read: this run has sent {self.requests:,} requests and may "
            f"send {self.options.max_requests:,} within {self.options.max_seconds:,.0f} seconds. "
            "Check whether the source's pages ever end; if it has that much to read, raise "
            f"{self.options.setting(limit)}."
        )

    def _failure(self, url: httpx.URL, error: Exception) -> tuple[SourceError, Exception | None]:
        """Translate an error of httpx; return its cause, too, unless that quotes a reply."""
        what, cause = type(error).__name__, None
        if isinstance(error, _QUOTELESS) or str(error).startswith(_QUOTELESS_TEXTS):
            what, cause = f"{what} {error}".rstrip(), error
        if isinstance(error, _PASSING):
            return TransientSourceError(f"{mask_url(url)} failed: {what}."), cause
        return PermanentSourceError(f"{mask_url(url)} cannot be read: {what}."), cause

    @staticmethod
    def _place(request: httpx.Request) -> httpx.URL:
        """Return the URL that messages show for a request; a redirect's may hold secrets."""
        asked: httpx.URL = request.extensions[_ASKED]
        return asked

    def named(self, response: httpx.Response) -> str:
        """Return the URL that messages show for a response, without secrets."""
        return mask_url(self._place(response.request))

    def _is_private(self, response: httpx.Response) -> bool:
        """Return whether messages must hide a body; that of a redirect may quote its URL."""
        return self._private or response.url != self._place(response.request)

    @asynccontextmanager
    async def _turn(self, tries: "_Tries") -> AsyncIterator[None]:
        """Wait for a slot and for the rate limit, which is not counted as the request's time."""
        left = tries.scope.deadline - anyio.current_time()
        tries.scope.deadline = math.inf
        async with self._slots:
            if self._rate:
                await self._rate.acquire()
            tries.scope.deadline = min(anyio.current_time() + left, self._end)
            yield

    @asynccontextmanager
    async def _reply_to(self, request: httpx.Request) -> AsyncIterator[httpx.Response]:
        """Send the request and follow redirects on its server."""
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
                    f"{shown}. It is not followed, as that would send the login. Set the base URL "
                    "to the new address if you trust it."
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
        """Combine a response and its body, or the beginning of it, into a reply."""
        url = self._place(response.request)
        date, is_private = response.headers.get("Date", ""), self._is_private(response)
        return Reply(url, response.status_code, body, self._login, is_private, date)

    async def refusal(self, response: httpx.Response) -> SourceError:
        """Return the error for a response without success."""
        body = b""
        # A damaged error page must not hide the status.
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
        url: The requested URL.
        options: The time limits.
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
        """Restart the count of time and tries."""
        self._failures.clear()
        self.scope.deadline = self._deadline()

    def wait(self, error: Exception) -> bool | float:
        """Return whether stamina is to try again, or the seconds to wait if they are known."""
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
        """Return the error that ends all tries."""
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
        """Return the cause of the last failure."""
        return self._failures[-1].__cause__ if self._failures else None
