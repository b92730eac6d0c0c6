"""Inject faults between clients and sample servers, for tests.

Only the rules and the broken replies belong here; the protocols belong in the sources' servers.
"""

from collections.abc import AsyncIterator, Callable, Container
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from typing import Any, Literal

from starlette.datastructures import MutableHeaders
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

Kind = Literal[
    "publish",
    "reupload",
    "sign_up",
    "leave",
    "overstate",
    "slow",
    "too_many_requests",
    "server_error",
    "html",
    "cut_off",
    "invalid_json",
    "error_envelope",
    "no_data",
    "huge",
    "body",
    "truncated",
    "corrupt",
    "replaced",
    "ranges_ignored",
    "no_etag",
]
"""The kinds of faults. `publish` (a new movie appears, see `Shifting` of YTS), `reupload` (its
oldest movie moves to the front) and `slow` (waits `seconds`) precede the reply; the others replace
it: 429, 503 in plain text, a web page (with status 200), a connection closed in the middle of the
body (over TCP only), half a JSON text, an envelope with status 'error', one without data,
`size_bytes` of body, and `body` itself.

Only lists of users have `overstate` (the total is three too high) and, after the reply, `sign_up`
(a user is added before all others, so that one is on two pages) and `leave` (the first one is
removed, so that one is on no page).

Only files have the last five: half a file that claims to be complete, a file with a wrong byte in
the middle, a connection closed in the middle of the body after which another version of the file is
served, a server that always sends whole files, and one without version headers."""

TAMPERING: frozenset[Kind] = frozenset(
    {"cut_off", "truncated", "corrupt", "replaced", "ranges_ignored", "no_etag"}
)
"""The kinds of faults that `Tampered` injects into a file."""

TRUTH, ABSENT = object(), object()
"""Values of `Lies.movie_count`, in addition to any JSON value."""
_STATUSES = {"too_many_requests": 429, "server_error": 503}
_PAGE = "<!DOCTYPE html><html><head><title>Sorry</title></head><body><h1>Back soon</h1></body>"
_CHUNK = b" " * 65_536


@dataclass
class Fault:
    """A rule: the fault, and the requests that it affects.

    Attributes:
        kind: The kind of the fault.
        times: The most occurrences; None for no limit.
        pages: Only requests for these page numbers, or files by name; None means all.
        every: Affects only every n-th of those requests.
        status: The reply's HTTP status, which overrides the kind's default.
        retry_after: The Retry-After header: seconds, or an instant that is sent as an HTTP date.
        seconds: The delay of `slow`.
        size_bytes: The size of `huge`.
        body: The reply of `body`.
    """

    kind: Kind
    times: int | None = None
    pages: Container[int | str] | None = None
    every: int = 1
    status: int | None = None
    retry_after: int | datetime | None = None
    seconds: float = 1.0
    size_bytes: int = 50_000_000
    body: bytes = b""
    _seen: int = field(default=0, init=False, repr=False)
    _happened: int = field(default=0, init=False, repr=False)

    def strikes(self, page: int | str) -> bool:
        """Count the request, and return whether the fault affects it."""
        if self.pages is not None and page not in self.pages:
            return False
        self._seen += 1
        if self._seen % self.every or self._happened == self.times:
            return False
        self._happened += 1
        return True

    def reply(self, body: bytes) -> Response | None:  # noqa: PLR0911 - one per kind
        """Return the broken reply that replaces a valid one; None if this fault does not reply."""
        status = self.status or _STATUSES.get(self.kind, 200)
        match self.kind:
            case (
                "publish" | "reupload" | "sign_up" | "leave" | "overstate" | "slow"
                | "truncated" | "corrupt" | "replaced" | "ranges_ignored" | "no_etag"
            ):  # fmt: skip
                return None
            case "too_many_requests" | "server_error":
                return Response("Try again later.", status, self._retry_after(), "text/plain")
            case "html":
                return HTMLResponse(_PAGE, status, self._retry_after())
            case "cut_off":
                return _CutOff(body, status, media_type="application/json")
            case "invalid_json":
                return Response(body[: len(body) // 2], status, media_type="application/json")
            case "error_envelope":
                return JSONResponse({"status": "error", "status_message": "Query failed"}, status)
            case "no_data":
                return JSONResponse(
                    {"status": "ok", "status_message": "Query was successful"}, status
                )
            case "body":
                return Response(self.body, status, media_type="application/json")
            case "huge":
                return StreamingResponse(self._padded(body), status, media_type="application/json")

    def _retry_after(self) -> dict[str, str]:
        match self.retry_after:
            case None:
                return {}
            case datetime():
                return {"Retry-After": format_datetime(self.retry_after, usegmt=True)}
            case seconds:
                return {"Retry-After": str(seconds)}

    async def _padded(self, body: bytes) -> AsyncIterator[bytes]:
        """Yield a valid reply padded with blanks, so that only its size is wrong."""
        yield body
        for _ in range(len(body), self.size_bytes, len(_CHUNK)):
            yield _CHUNK


@dataclass
class Lies:
    """The false statements of a list of movies, in every reply.

    Attributes:
        movie_count: The stated number of movies; `ABSENT` leaves it out, and
            `TRUTH` is the true number.
        page_size: The movies per page, regardless of `limit`.
        past_end: The reply past the last page: no movies; the last page again; the list from
            its beginning again (`wrap`); HTTP 404; an envelope with status 'error'; or movies that
            are invented, without end.
        served: The page that a cache serves instead of each one; None without a cache.
    """

    movie_count: Any = TRUTH
    page_size: int | None = None
    past_end: Literal["empty", "repeat", "wrap", "not_found", "error", "endless"] = "empty"
    served: Callable[[int], int] | None = None


@dataclass
class Faults:
    """The rules of a server; tests may change the list while the server runs."""

    rules: list[Fault] = field(default_factory=list)

    def strike(self, page: int | str) -> list[Fault]:
        """Count the request, and return the faults that affect it."""
        return [rule for rule in self.rules if rule.strikes(page)]


class _CutOff(Response):
    """A response that announces the whole body, but sends half of it before a disconnect."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        head = {"type": "http.response.start", "status": self.status_code}
        await send({**head, "headers": self.raw_headers})
        half = bytes(self.body[: len(self.body) // 2])
        await send({"type": "http.response.body", "body": half, "more_body": True})


class Tampered(Response):
    """Another response with some of the faults in `TAMPERING`.

    Args:
        sound: The other response.
        kinds: The kinds of faults.
    """

    def __init__(self, sound: Response, kinds: Container[Kind]) -> None:
        super().__init__()
        self._sound, self._kinds = sound, kinds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response."""
        await self._sound(deaf(scope, self._kinds), receive, _Tamper(self._kinds, send))


class _Tamper:
    """A wrapper between a response and the server that tampers with the messages."""

    def __init__(self, kinds: Container[Kind], send: Send) -> None:
        self._kinds, self._send = kinds, send
        self._half = self._sent = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start(MutableHeaders(raw=message["headers"]))
        else:
            self._tamper(message)
        await self._send(message)

    def _start(self, headers: MutableHeaders) -> None:
        self._half = int(headers.get("content-length", 0)) // 2
        if "truncated" in self._kinds:
            headers["content-length"] = str(self._half)
        if "ranges_ignored" in self._kinds:
            del headers["accept-ranges"]
        if "no_etag" in self._kinds:
            del headers["etag"]

    def _tamper(self, message: Message) -> None:
        body, first = message.get("body", b""), self._sent
        self._sent += len(body)
        cut = "cut_off" in self._kinds or "replaced" in self._kinds
        if cut or "truncated" in self._kinds:
            message["body"] = body[: max(self._half - first, 0)]
        if cut:
            message["more_body"] = True
        if "corrupt" in self._kinds and first <= self._half < self._sent:
            changed = bytearray(body)
            changed[self._half - first] ^= 0xFF
            message["body"] = bytes(changed)


def deaf(scope: Scope, kinds: Container[Kind]) -> Scope:
    """Return a request without the headers that a server with these faults ignores."""
    unknown: set[bytes] = set()
    if "ranges_ignored" in kinds:
        unknown |= {b"range", b"if-range"}
    if "no_etag" in kinds:
        unknown |= {b"if-none-match"}
    headers = [(name, value) for name, value in scope["headers"] if name not in unknown]
    return {**scope, "headers": headers}
