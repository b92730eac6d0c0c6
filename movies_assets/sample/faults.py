"""What can go wrong on the way to a sample server, switched on by a test.

Only the rules and the broken replies belong here; the protocol belongs into `server`.
"""

from collections.abc import AsyncIterator, Container
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from typing import Literal

from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

Kind = Literal[
    "publish",
    "reupload",
    "slow",
    "too_many_requests",
    "server_error",
    "html",
    "cut_off",
    "invalid_json",
    "error_envelope",
    "no_data",
    "huge",
]
"""What happens. `publish` (a new movie appears, see `catalogue.Shifting`), `reupload` (its oldest
movie moves to the front) and `slow` (waits `seconds`) come before the reply; the others are it:
429, 503 in plain text, a web page (with status 200), a connection closed in mid body (over TCP
only), half a JSON text, an envelope with status 'error', one without data, and `size_bytes` of
body."""

_STATUSES = {"too_many_requests": 429, "server_error": 503}
_PAGE = "<!DOCTYPE html><html><head><title>Sorry</title></head><body><h1>Back soon</h1></body>"
_CHUNK = b" " * 65_536


@dataclass
class Fault:
    """One rule: what goes wrong, and with which requests.

    Attributes:
        kind: What happens.
        times: How often at most; None has no limit.
        pages: Only requests for these page numbers; None means all.
        every: Only every so manieth of those requests.
        status: The reply's HTTP status in place of the kind's usual one.
        retry_after: The Retry-After header: seconds, or an instant that is sent as an HTTP date.
        seconds: How long `slow` waits.
        size_bytes: How big `huge` is.
    """

    kind: Kind
    times: int | None = None
    pages: Container[int] | None = None
    every: int = 1
    status: int | None = None
    retry_after: int | datetime | None = None
    seconds: float = 1.0
    size_bytes: int = 50_000_000
    _seen: int = field(default=0, init=False, repr=False)
    _happened: int = field(default=0, init=False, repr=False)

    def strikes(self, page: int) -> bool:
        """Returns whether the fault happens to this request, and counts the request."""
        if self.pages is not None and page not in self.pages:
            return False
        self._seen += 1
        if self._seen % self.every or self._happened == self.times:
            return False
        self._happened += 1
        return True

    def reply(self, body: bytes) -> Response | None:  # noqa: PLR0911 - one a kind
        """Returns the broken reply in place of a sound one, None if this fault does not reply."""
        status = self.status or _STATUSES.get(self.kind, 200)
        match self.kind:
            case "publish" | "reupload" | "slow":
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
        """Yields a sound reply with blanks behind it, so that only its size is wrong."""
        yield body
        for _ in range(len(body), self.size_bytes, len(_CHUNK)):
            yield _CHUNK


@dataclass
class Faults:
    """The rules of a server; a test may change the list while the server runs."""

    rules: list[Fault] = field(default_factory=list)

    def strike(self, page: int) -> list[Fault]:
        """Returns the faults that happen to this request, and counts the request."""
        return [rule for rule in self.rules if rule.strikes(page)]


class _CutOff(Response):
    """Announces the whole body, sends half of it and lets go: the server then disconnects."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        head = {"type": "http.response.start", "status": self.status_code}
        await send({**head, "headers": self.raw_headers})
        half = bytes(self.body[: len(self.body) // 2])
        await send({"type": "http.response.body", "body": half, "more_body": True})
