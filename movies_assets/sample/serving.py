"""Serve sample apps over real TCP.

Only binding an app to a port belongs here. uvicorn is needed for development only, so it is
imported on use.
"""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from starlette.types import ASGIApp

if TYPE_CHECKING:
    import uvicorn


def bind(host: str = "127.0.0.1", port: int = 0) -> tuple[socket.socket, str]:
    """Return a listening socket and its URL; port 0 takes a free one.

    It already listens, so clients that connect before the server runs wait instead of failing.
    """
    listener = socket.create_server((host, port), backlog=2048)
    return listener, f"http://{host}:{listener.getsockname()[1]}"


def server_of(app: ASGIApp) -> "uvicorn.Server":
    """Return a quiet uvicorn server of an app.

    Raises:
        ModuleNotFoundError: uvicorn is not installed; the message has the command that installs it.
    """
    try:
        import uvicorn  # noqa: PLC0415 - needed for development only
    except ModuleNotFoundError as missing:
        raise ModuleNotFoundError(
            "Serving the sample over TCP needs uvicorn: pip install 'movies_assets[dev]'"
        ) from missing
    return uvicorn.Server(
        uvicorn.Config(app, log_level="critical", lifespan="off", timeout_graceful_shutdown=1)
    )


@contextmanager
def serve(app: ASGIApp) -> Iterator[str]:
    """Run an app in a thread on a free loopback port, and yield its URL without a path."""
    server = server_of(app)
    listener, url = bind()
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    # uvicorn can only be stopped once it has started.
    while not server.started and thread.is_alive():
        time.sleep(0.005)
    try:
        yield url
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
