"""What tests of the dashboard share: a served dashboard of its own process, and a browser.

NiceGUI keeps its state in the process, so each dashboard has one. Everything a browser sees is
watched: messages on the console, and requests to anywhere else, fail the test.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from movies_assets.settings import PROJECT_ROOT
from movies_assets_tests.dashboard.snapshots import Rows, few, publish

CHROMIUM = shutil.which("chromium")
NO_CHROMIUM = "Chromium is not installed: apt-get install chromium"
START_SECONDS = 120
WAIT_MILLISECONDS = 60_000


@dataclass
class Served:
    """A dashboard under way, its process, and the folder that it reads."""

    url: str
    folder: Path
    pid: int

    def publish(self, name: str, rows: Rows) -> None:
        """Publish a snapshot."""
        publish(self.folder, name, rows)


@contextmanager
def serving(data: Path, **environment: str) -> Iterator[Served]:
    """Serve a dashboard over `data/published` until the context ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MOVIES_")}
    log = data / "dashboard.log"
    with log.open("w") as file:
        process = subprocess.Popen(  # noqa: S603 (our own command)
            [sys.executable, "-m", "movies_assets", "dashboard", "--port", str(port)],
            cwd=PROJECT_ROOT,
            env={
                **clean,
                "MOVIES_DATA_DIR": str(data),
                "PYTHONPATH": str(PROJECT_ROOT),
                **environment,
            },
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_it_answers(process, url, log)
        yield Served(url, data / "published", process.pid)
    finally:
        process.terminate()
        process.wait()


def _wait_until_it_answers(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            httpx.get(f"{url}/static/dashboard.css")
        except httpx.TransportError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, f"does not start: {log.read_text()}"
            time.sleep(0.1)
        else:
            return


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's Chromium; a module's, for no other event loop can run meanwhile."""
    if not CHROMIUM:
        pytest.skip(NO_CHROMIUM)
    from playwright.sync_api import (  # noqa: PLC0415 (only where there is a browser)
        expect,
        sync_playwright,
    )

    # No test waits so long for what it expects; on a busy machine it must not fail for that.
    expect.set_options(timeout=WAIT_MILLISECONDS)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


Visitor = Callable[..., Any]


@pytest.fixture
def visit(browser: Any) -> Iterator[Visitor]:
    """Open a page, and watch it: a message of the browser or a foreign request fails the test."""
    seen: list[str] = []
    contexts = []

    def open_page(url: str, *, width: int = 1440, height: int = 900) -> Any:
        context = browser.new_context(viewport={"width": width, "height": height})
        contexts.append(context)
        page = context.new_page()
        host = "/".join(url.split("/")[:3])
        page.on("console", lambda message: _note(seen, message))
        page.on("pageerror", lambda error: seen.append(f"error: {error}"))
        page.on("request", lambda request: _foreign(seen, host, request.url))
        page.set_default_timeout(WAIT_MILLISECONDS)
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert seen == []


def _note(seen: list[str], message: Any) -> None:
    if message.type in {"error", "warning"}:
        seen.append(f"{message.type}: {message.text}")


def _foreign(seen: list[str], host: str, url: str) -> None:
    if not url.startswith((f"{host}/", "data:", "blob:")):
        seen.append(f"request to {url}")


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A dashboard over the small world."""
    data = tmp_path_factory.mktemp("dashboard")
    publish(data / "published", "a", few())
    with serving(data) as served:
        yield served
