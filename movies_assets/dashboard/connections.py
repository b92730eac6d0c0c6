"""Limit the number of clients, and how long they may keep the server waiting.

uvicorn reads a request and sends a response for as long as its client takes; only idle connections
have a deadline there. So its protocols report here which connections wait for their client, and a
check each second closes those that wait too long. Handling requests belongs in the middleware of
`security` and in the pages.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any, cast

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from movies_assets.settings import DashboardSettings

LOG = logging.getLogger(__name__)

# How often tasks and pages look for changes.
POLL_SECONDS = 1.0

# Closed connections are logged as a count, so that they cannot fill the log.
LOG_SECONDS = 60.0
RETRY_SECONDS = 5


@dataclass
class Wait:
    """The state of one connection that waits for its client.

    Attributes:
        asked: since when a request is awaited; None while one is answered, and on a websocket.
        behind: since when the client has always had unread bytes; None: it has none.
        stalled: since when the client has read none of them, from the second check on.
        unsent: the number of unread bytes at the last check.
    """

    asked: float | None = None
    behind: float | None = None
    stalled: float | None = None
    unsent: int = 0

    def look(self, unsent: int, now: float) -> None:
        """Record how many bytes the client has not read yet."""
        is_still = unsent > 0 and unsent == self.unsent
        self.behind = (self.behind or now) if unsent else None
        self.stalled = (self.stalled or now) if is_still else None
        self.unsent = unsent

    def since(self) -> float | None:
        """Return since when the client has kept the server waiting; None if it does not."""
        return min((at for at in (self.asked, self.stalled) if at is not None), default=None)


class Connections:
    """The open connections of a server, each with its waiting state."""

    def __init__(
        self, limits: DashboardSettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Start without connections.

        Args:
            limits: the most connections, and how long they may keep the server waiting.
            clock: a monotonic clock in seconds.
        """
        self.limits = limits
        self._clock = clock
        self._looked = clock()
        # Seconds in which the server checked: while it was busy itself, no client is late.
        self._now = 1.0
        self._open: dict[asyncio.Transport, Wait] = {}
        self._closed = 0
        self._logged = self._looked - LOG_SECONDS

    def __len__(self) -> int:
        """Return the number of open connections."""
        return len(self._open)

    def enter(self, transport: asyncio.Transport) -> None:
        """Add a connection, which waits for its first request; close one if there are too many.

        The one that has kept the server waiting longest is closed, so that slow clients make room
        for fast ones; if none waits, the new one.
        """
        self._open[transport] = Wait(asked=self._now)
        if len(self._open) > self.limits.connections:
            self._close_longest(Wait.since)

    def leave(self, transport: asyncio.Transport) -> None:
        """Remove a connection that has ended."""
        self._open.pop(transport, None)

    def awaits(self, transport: asyncio.Transport, *, request: bool) -> None:
        """Record whether a connection waits for a request."""
        if wait := self._open.get(transport):
            wait.asked = self._now if request else None

    def close_stalled(self) -> bool:
        """Close the connection that has been stalled longest; return whether there was one."""
        return self._close_longest(lambda wait: wait.stalled)

    async def watch(self) -> None:
        """Check all connections each second, until cancelled."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            self.look()

    def look(self) -> None:
        """Close the connections that have waited for too long."""
        last, self._looked = self._looked, self._clock()
        self._now += min(self._looked - last, 2 * POLL_SECONDS)
        now, limits = self._now, self.limits
        for transport, wait in list(self._open.items()):
            wait.look(transport.get_write_buffer_size(), now)
            if (
                _longer(limits.request_seconds, wait.asked, now)
                or _longer(limits.stalled_seconds, wait.stalled, now)
                or _longer(limits.sending_seconds, wait.behind, now)
            ):
                self._close(transport)
        if self._closed and self._looked - self._logged >= LOG_SECONDS:
            LOG.warning(
                "closed %d connections that sent or took too slowly, or were one too many "
                "(MOVIES_DASHBOARD__CONNECTIONS, ..._REQUEST_SECONDS, ..._STALLED_SECONDS, "
                "..._SENDING_SECONDS)",
                self._closed,
            )
            self._closed, self._logged = 0, self._looked

    def _close_longest(self, since: Callable[[Wait], float | None]) -> bool:
        waiting = [
            (at, transport)
            for transport, wait in self._open.items()
            if (at := since(wait)) is not None
        ]
        if not waiting:
            return False
        self._close(min(waiting, key=lambda one: one[0])[1])
        return True

    def _close(self, transport: asyncio.Transport) -> None:
        """Abort a connection: closing it gracefully would wait for its client again."""
        self._open.pop(transport, None)
        self._closed += 1
        transport.abort()


def _longer(limit: float, since: float | None, now: float) -> bool:
    return since is not None and now - since > limit


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's HTTP protocol, which reports waiting, and limits the size of headers."""

    def __init__(self, connections_: Connections, **given: Any) -> None:
        super().__init__(**given)
        self._waits = connections_
        # Bytes of the headers that are being read; None between headers.
        self._headers: int | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start waiting for a request."""
        super().connection_made(transport)
        self._waits.enter(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._waits.leave(self.transport)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse data, unless the headers are too large: the parser itself has no limit."""
        super().data_received(data)
        if self._headers is None or self.transport.is_closing():
            return
        self._headers += len(data)
        if self._headers > self._waits.limits.header_bytes:
            self.send_400_response("The headers of the request are too large.")

    def on_message_begin(self) -> None:
        """Start the time of a request at its first byte."""
        super().on_message_begin()
        self._headers = 0
        self._waits.awaits(self.transport, request=True)

    def on_headers_complete(self) -> None:
        """End the headers."""
        self._headers = None
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Stop waiting, unless the response preceded the end of the request."""
        super().on_message_complete()
        self._waits.awaits(self.transport, request=not self._is_answering())

    def on_response_complete(self) -> None:
        """Wait for the next request, unless it has already arrived."""
        super().on_response_complete()
        self._waits.awaits(self.transport, request=not self._is_answering())

    def handle_websocket_upgrade(self) -> None:
        """Hand over to the websocket protocol, which has its own pings."""
        super().handle_websocket_upgrade()
        self._waits.awaits(self.transport, request=False)

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete


class BoundedWebSocket(WebSocketsSansIOProtocol):
    """uvicorn's websocket protocol, which reports its end, and answers malformed handshakes."""

    def __init__(self, connections_: Connections, **given: Any) -> None:
        super().__init__(**given)
        self._waits = connections_

    def data_received(self, data: bytes) -> None:
        """Parse data; answer and close if the library gives up before the handshake."""
        super().data_received(data)
        if self.conn.handshake_exc and not self.handshake_initiated:
            self.transport.write(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n")
            self.transport.close()

    async def send(self, message: Any) -> None:
        """Send a message; mark a refused handshake as complete, which uvicorn omits."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body"):
            self.handshake_complete = True

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._waits.leave(self.transport)
        super().connection_lost(exc)


def protocols(
    connections: Connections,
) -> tuple[type[asyncio.Protocol], type[asyncio.Protocol]]:
    """Return uvicorn's HTTP and websocket protocols, reporting to `connections`."""
    # uvicorn only calls it with keywords, although its types require classes.
    return (
        cast("type[asyncio.Protocol]", partial(BoundedHttp, connections)),
        cast("type[asyncio.Protocol]", partial(BoundedWebSocket, connections)),
    )


class BoundedRequests:
    """Middleware that limits concurrent requests: one more ends a stalled one, or is refused."""

    def __init__(self, app: ASGIApp, connections: Connections) -> None:
        self.app, self.connections = app, connections
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or ask the client to retry later."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if (
            self._under_way >= self.connections.limits.requests
            and not self.connections.close_stalled()
        ):
            await busy("The dashboard is busy.")(scope, receive, send)
            return
        self._under_way += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self._under_way -= 1


def busy(why: str) -> PlainTextResponse:
    """Return the response to a request beyond a limit."""
    return PlainTextResponse(
        f"{why} Try again in a few seconds.",
        HTTPStatus.SERVICE_UNAVAILABLE,
        {"retry-after": str(RETRY_SECONDS), "cache-control": "no-store"},
    )
