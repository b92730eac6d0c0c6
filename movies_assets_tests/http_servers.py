import asyncio
import json
import socket
import time
import zlib
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Thread
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from movies_assets.sample.serving import serve

SERVER_TIME = 1_700_000_000


def page_body(movies: list[Any], movie_count: int, limit: int, number: int) -> bytes:
    data: dict[str, Any] = {"movie_count": movie_count, "limit": limit, "page_number": number}
    if movies:
        data["movies"] = movies
    envelope = {"status": "ok", "data": data, "@meta": {"server_time": SERVER_TIME}}
    # Compact, as the real server writes it.
    return json.dumps(envelope, separators=(",", ":")).encode()


@dataclass
class Catalogue:
    """A catalogue over TCP: counts requests, and answers with a fault where a test asks for one."""

    movies: list[Any] = field(default_factory=list)
    overstated: int = 3
    latency: float = 0
    fault: Callable[[Request, int], Awaitable[Response | None] | Response | None] | None = None
    requests: list[Request] = field(default_factory=list)
    under_way: int = 0
    most_under_way: int = 0
    url: str = ""

    @property
    def pages(self) -> list[int]:
        return [int(request.query_params.get("page", 0)) for request in self.requests]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        self.requests.append(request)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            response = await self.answer(request)
        finally:
            self.under_way -= 1
        await response(scope, receive, send)

    async def answer(self, request: Request) -> Response:
        await asyncio.sleep(self.latency)
        if self.fault:
            response = self.fault(request, len(self.requests))
            if isinstance(response, Awaitable):
                response = await response
            if response:
                return response
        number, limit = int(request.query_params["page"]), int(request.query_params["limit"])
        movies = self.movies[(number - 1) * limit : number * limit]
        body = page_body(movies, len(self.movies) + self.overstated, limit, number)
        return Response(body, media_type="application/json")


@contextmanager
def switchable(current: dict[str, Any]) -> Iterator[str]:
    """Serve over TCP the `current["app"]` at the time of a request."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await current["app"](scope, receive, send)

    with serve(app) as url:
        yield url


@contextmanager
def raw_server(reply: bytes) -> Iterator[str]:
    """Answers each connection with these bytes and closes it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    connection.sendall(reply)

        Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


@contextmanager
def pieces_server(head: bytes, pieces: Callable[[], Iterable[bytes]]) -> Iterator[str]:
    """Answers each connection with a head and then with pieces, until the client has gone."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                connection.recv(65536)
                connection.sendall(head)
                for piece in pieces():
                    connection.sendall(piece)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    Thread(target=answer, args=[connection], daemon=True).start()

        Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


def trickle(piece: bytes = b"  ") -> Iterator[bytes]:
    while True:
        yield piece
        time.sleep(0.05)


@pytest.fixture(scope="session")
def _server() -> Iterator[tuple[str, dict[str, Catalogue]]]:
    current: dict[str, Catalogue] = {}
    with switchable(current) as url:
        yield f"{url}/api/v2", current


@pytest.fixture
def catalogue(_server: tuple[str, dict[str, Catalogue]]) -> Catalogue:
    url, current = _server
    current["app"] = Catalogue(url=url)
    return current["app"]


def checksum(body: bytes) -> str:
    return f'"{zlib.crc32(body)}"'


@dataclass
class FileServer:
    """A file server over TCP that can do all that IMDb's can, and fails where a test asks for it.

    Attributes:
        bodies: What each file holds, by name without .tsv.gz; `default` is what all others hold.
        etag: What makes the ETag of a body; None for a server without.
        last_modified: The Last-Modified header; None for a server without.
        ranges: Whether it honours Range.
        conditions: Whether it honours If-None-Match and If-Modified-Since.
        length: Whether it sends the length.
        cut_after: How many bytes of a reply it sends before it disconnects, by request number.
        held_after: How many bytes it sends before it waits for the gate, by request number.
        piece_bytes, pause: How much it sends at once, and how long it waits after that.
        fault: Returns the whole reply to a request in place of the file, by request number.
    """

    url: str = ""
    default: bytes = b""
    bodies: dict[str, bytes] = field(default_factory=dict)
    etag: Callable[[bytes], str] | None = checksum
    last_modified: str | None = "Sun, 01 Feb 2026 10:00:00 GMT"
    ranges: bool = True
    conditions: bool = True
    length: bool = True
    cut_after: dict[int, int] = field(default_factory=dict)
    held_after: dict[int, int] = field(default_factory=dict)
    is_gate_open: bool = False
    piece_bytes: int = 1 << 16
    pause: float = 0
    fault: Callable[[Request, int], Response | None] | None = None
    requests: list[Request] = field(default_factory=list)
    under_way: int = 0
    most_under_way: int = 0

    def ranges_asked(self) -> list[str | None]:
        return [request.headers.get("range") for request in self.requests]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        self.requests.append(request)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await self.answer(request, len(self.requests), send)
        finally:
            self.under_way -= 1

    async def answer(self, request: Request, number: int, send: Any) -> None:
        if self.fault and (response := self.fault(request, number)):
            await response(request.scope, request.receive, send)
            return
        body = self.bodies.get(
            request.url.path.split("/")[-1].removesuffix(".tsv.gz"), self.default
        )
        status, headers, body = self.reply(request.headers, body)
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        cut, held = self.cut_after.get(number), self.held_after.get(number)
        for start in range(0, len(body), self.piece_bytes):
            end = min(start + self.piece_bytes, len(body))
            if cut is not None and end > cut:
                await send(piece(body[start:cut], more=True))
                return
            if held is not None and end > held >= start:
                await send(piece(body[start:held], more=True))
                while not self.is_gate_open:  # noqa: ASYNC110 (a test opens it in its own thread)
                    await asyncio.sleep(0.005)
                start = held  # noqa: PLW2901
            await send(piece(body[start:end], more=True))
            await asyncio.sleep(self.pause)
        await send(piece(b"", more=False))

    def reply(self, asked: Any, body: bytes) -> tuple[int, dict[str, str], bytes]:
        headers = {}
        if self.etag:
            headers["etag"] = self.etag(body)
        if self.last_modified:
            headers["last-modified"] = self.last_modified
        if self.conditions and (
            asked.get("if-none-match", "-") == headers.get("etag")
            or (
                "if-none-match" not in asked
                and asked.get("if-modified-since", "-") == self.last_modified
            )
        ):
            return 304, headers, b""
        status = 200
        if self.ranges and "range" in asked and asked["if-range"] in headers.values():
            start = int(asked["range"].removeprefix("bytes=").removesuffix("-"))
            if start >= len(body):
                return 416, {"content-range": f"bytes */{len(body)}"}, b""
            headers["content-range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
            status, body = 206, body[start:]
        if self.length:
            headers["content-length"] = str(len(body))
        return status, headers, body


def piece(body: bytes, *, more: bool) -> dict[str, Any]:
    return {"type": "http.response.body", "body": body, "more_body": more}


@pytest.fixture(scope="session")
def _file_server() -> Iterator[tuple[str, dict[str, FileServer]]]:
    current: dict[str, FileServer] = {}
    with switchable(current) as url:
        yield f"{url}/dumps", current


@pytest.fixture
def file_server(_file_server: tuple[str, dict[str, FileServer]]) -> Iterator[FileServer]:
    url, current = _file_server
    current["app"] = FileServer(url)
    yield current["app"]
    current["app"].is_gate_open = True
