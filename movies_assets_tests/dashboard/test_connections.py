"""Slow clients over real sockets: how long the server waits for them, and for how many."""

import asyncio
import contextlib
import inspect
import socket
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO
from unittest.mock import Mock

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket
from uvicorn.server import ServerState

from movies_assets.dashboard import connections as module
from movies_assets.dashboard.connections import (
    BoundedHttp,
    BoundedRequests,
    BoundedWebSocket,
    Connections,
    Wait,
    protocols,
)
from movies_assets.dashboard.downloads import DownloadRoute
from movies_assets.sample.serving import bind
from movies_assets.settings import DashboardSettings

# Far longer than any limit of these tests: only a client that is not closed waits for so long.
PATIENCE = 30
LONG = b"x" * 65_536
REQUEST = b"GET /%s HTTP/1.1\r\nhost: x\r\n\r\n"
UPGRADE = (
    b"GET /socket HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
    b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n%s\r\n"
)


@pytest.fixture(autouse=True)
def _quick_looks(monkeypatch):
    monkeypatch.setattr(module, "POLL_SECONDS", 0.05)


async def quick(_: Request) -> Response:
    return PlainTextResponse("here")


async def body(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


async def endless(_: Request) -> Response:
    async def chunks() -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0)
            yield LONG

    return StreamingResponse(chunks())


async def flood(websocket: WebSocket) -> None:
    await websocket.accept()
    while True:
        await websocket.send_bytes(LONG)


class Files:
    """Makes files that are too large for the buffers between server and client."""

    BYTES = 20_000_000

    def file(self, *_: str) -> tuple[BinaryIO, int]:
        made = tempfile.TemporaryFile()  # noqa: SIM115 (its receiver closes it)
        made.truncate(self.BYTES)
        return made, self.BYTES


@contextmanager
def served(**limits: Any) -> Iterator[tuple[str, Connections]]:
    """Serve pages with limits, in a thread; yield the URL and the connections."""
    connections = Connections(DashboardSettings(**limits))
    downloads: Any = Files()
    routes = [
        Route("/", quick),
        Route("/body", body, methods=["POST"]),
        Route("/endless", endless),
        Route("/{name}", DownloadRoute(downloads, connections.limits.downloads)),
        WebSocketRoute("/socket", flood),
    ]

    @contextlib.asynccontextmanager
    async def watching(_: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(connections.watch())
        yield
        task.cancel()

    app: ASGIApp = BoundedRequests(Starlette(routes=routes, lifespan=watching), connections)
    http, ws = protocols(connections)
    server = uvicorn.Server(
        uvicorn.Config(app, http=http, ws=ws, log_level="critical", timeout_graceful_shutdown=1)
    )
    listener, url = bind()
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    try:
        yield url, connections
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def connect(url: str, sent: bytes = b"", *, takes: int = 1 << 16) -> socket.socket:
    """Open a connection whose buffer takes so many bytes, and send something."""
    opened = socket.socket()
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, takes)
    opened.settimeout(PATIENCE)
    host, _, port = url.removeprefix("http://").partition(":")
    opened.connect((host, int(port)))
    opened.sendall(sent)
    return opened


def read_all(opened: socket.socket) -> bytes:
    """Return what comes until the server closes the connection; fail if it does not."""
    got = b""
    with contextlib.suppress(ConnectionResetError):
        while more := opened.recv(1 << 20):
            got += more
    return got


def is_refused(opened: socket.socket, sent: bytes) -> bool:
    """Send something more, and return whether the server has closed the connection."""
    try:
        opened.sendall(sent)
    except ConnectionError:
        return True
    return False


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.slow
@pytest.mark.parametrize("sent", [
    b"",
    b"\r\n",
    b"GET / HTTP/1.1\r\nhost: x\r\n",
    b"POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf",
    b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf",  # answered before its end
    REQUEST % b"" + b"GET / HTTP/1.1\r\n",
])  # fmt: skip
def test_a_request_that_does_not_arrive_in_time_ends_the_connection(sent):
    with served(request_seconds=0.3) as (url, connections):
        opened = connect(url, sent)
        until(lambda: len(connections) == 1)
        read_all(opened)
        until(lambda: len(connections) == 0)


def test_a_request_that_trickles_in_ends_the_connection():
    with served(request_seconds=0.3) as (url, _):
        opened = connect(url, b"GET / HTTP/1.1\r\n")
        until(lambda: is_refused(opened, b"x: y\r\n"))


@pytest.mark.slow
def test_an_answer_may_take_longer_than_a_request():
    with served(request_seconds=0.2, stalled_seconds=60) as (url, connections):
        opened = connect(url, REQUEST % b"endless")
        for _ in range(200):
            assert opened.recv(1 << 16)
            time.sleep(0.005)
        assert len(connections) == 1


@pytest.mark.slow
@pytest.mark.parametrize("sent", [REQUEST % b"endless", REQUEST % b"file.csv", UPGRADE % b""])
def test_a_client_that_takes_nothing_is_dropped(sent):
    with served(stalled_seconds=0.3) as (url, connections):
        opened = connect(url, sent, takes=4096)
        assert opened.recv(1) == b"H"
        until(lambda: len(connections) == 0)


def test_a_client_that_lags_behind_for_too_long_is_dropped():
    with served(stalled_seconds=60, sending_seconds=0.5) as (url, connections):
        opened = connect(url, REQUEST % b"endless", takes=4096)
        assert opened.recv(1) == b"H"
        until(lambda: not (len(connections) and opened.recv(4096)))


def test_one_connection_too_many_closes_the_one_that_waits_longest():
    with served(connections=10, request_seconds=60) as (url, connections):
        slow = []
        for number in range(10):
            slow.append(connect(url, b"GET / HTTP/1.1\r\n"))
            until(lambda number=number: len(connections) == number + 1)
        assert httpx.get(url).text == "here"
        assert read_all(slow[0]) == b""
        slow[1].sendall(b"\r\n")
        assert slow[1].recv(100).startswith(b"HTTP/1.1 200")


@pytest.mark.slow
def test_where_no_connection_waits_the_new_one_is_closed():
    with served(connections=10, stalled_seconds=60) as (url, connections):
        readers = [connect(url, REQUEST % b"endless") for _ in range(10)]
        for reader in readers:
            assert reader.recv(1) == b"H"
        for transport in connections._open.values():
            transport.look = lambda *_: None  # type: ignore[method-assign]
            transport.stalled = None
        assert read_all(connect(url)) == b""
        assert len(connections) == 10


def test_headers_have_a_largest_size():
    with served(header_bytes=5000) as (url, _):
        small = connect(url, b"GET / HTTP/1.1\r\nhost: x\r\n" + b"x: y\r\n" * 500 + b"\r\n")
        assert small.recv(100).startswith(b"HTTP/1.1 200")
        large = connect(url, b"GET / HTTP/1.1\r\n")
        with contextlib.suppress(OSError):
            for _ in range(100):
                large.sendall(b"x: y\r\n" * 100)
                time.sleep(0.001)
        assert b"too large" in read_all(large)


@pytest.mark.slow
def test_one_request_too_many_is_sent_away_unless_another_one_is_stalled():
    with served(requests=4, stalled_seconds=60) as (url, _):
        readers = [connect(url, REQUEST % b"endless") for _ in range(4)]
        for reader in readers:
            assert reader.recv(1) == b"H"
        answers: list[int] = []
        stop = threading.Event()

        def read(reader: socket.socket) -> None:
            while not stop.is_set():
                reader.recv(1 << 20)

        threads = [threading.Thread(target=read, args=(reader,)) for reader in readers]
        for thread in threads:
            thread.start()
        try:
            answer = httpx.get(url)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        until(lambda: answers.append(httpx.get(url).status_code) or answers[-1] == 200)


def test_a_download_counts_until_it_is_sent_or_dropped():
    def status() -> int:
        with httpx.stream("GET", f"{url}/file.csv") as answer:
            return answer.status_code

    with served(downloads=1, stalled_seconds=60) as (url, _):
        with connect(url, REQUEST % b"file.csv") as stalled:
            assert stalled.recv(1) == b"H"
            assert status() == 503
            assert httpx.get(url).status_code == 200
        until(lambda: status() == 200)  # its client has hung up
    with served(downloads=1, stalled_seconds=0.3) as (url, _):
        stalled = connect(url, REQUEST % b"file.csv")
        assert stalled.recv(1) == b"H"
        until(lambda: status() == 200)  # it was dropped
        until(lambda: len(httpx.get(f"{url}/file.csv").content) == Files.BYTES)
        until(lambda: status() == 200)  # all of it was sent


@pytest.mark.slow
@pytest.mark.parametrize("more", [
    b"content-length: 5\r\n", b"transfer-encoding: chunked\r\n", b"x: " + b"y" * 9000 + b"\r\n",
    b"x: y\r\n" * 300, b"sec-websocket-extensions: =;\r\n", b"sec-websocket-key: x\r\n",
])  # fmt: skip
def test_a_malformed_handshake_of_a_websocket_is_answered(more):
    with served() as (url, connections):
        assert read_all(connect(url, UPGRADE % more)).startswith(b"HTTP/1.1 400 ")
        until(lambda: len(connections) == 0)


@pytest.mark.parametrize(
    ("bounded", "used"),
    [
        (BoundedHttp, {"transport", "cycle", "send_400_response"}),
        (BoundedWebSocket, {"transport", "conn", "handshake_initiated", "handshake_complete"}),
    ],
)
def test_uvicorn_has_the_methods_and_attributes_that_are_overridden_and_used(bounded, used):
    theirs = bounded.__base__
    changed = f"uvicorn {uvicorn.__version__} changed {theirs.__name__}, adapt {bounded.__name__}: "
    for name, method in vars(bounded).items():
        if inspect.isfunction(method) and not name.startswith("_"):
            assert hasattr(theirs, name), f"{changed}there is no method {name}"
            ours, expected = (
                inspect.signature(one).parameters for one in (method, getattr(theirs, name))
            )
            assert [*ours] == [*expected], f"{changed}other parameters of {name}"

    async def made() -> asyncio.Protocol:
        return theirs(config=uvicorn.Config(quick), server_state=ServerState(), app_state={})

    missing = {name for name in used if not hasattr(asyncio.run(made()), name)}
    assert not missing, f"{changed}there is no {', '.join(missing)}"


def test_no_client_is_late_where_the_server_itself_was_busy():
    now = [0.0]
    connections = Connections(DashboardSettings(request_seconds=10), lambda: now[0])
    transport: Any = Mock(get_write_buffer_size=lambda: 0)
    connections.enter(transport)
    now[0] += 1000
    connections.look()
    assert not transport.abort.called
    while now[0] < 1011:
        now[0] += module.POLL_SECONDS
        connections.look()
    assert transport.abort.called


def test_a_client_waits_from_the_moment_at_which_it_takes_nothing():
    wait = Wait()
    for unsent, now in ((9, 1), (9, 2), (9, 3)):
        wait.look(unsent, now)
    assert (wait.behind, wait.stalled, wait.since()) == (1, 2, 2)
    wait.look(8, 4)
    assert (wait.behind, wait.stalled, wait.since()) == (1, None, None)
    wait.look(0, 5)
    assert (wait.behind, wait.stalled) == (None, None)
