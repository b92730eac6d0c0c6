"""A thousand slow clients of the dashboard, and one visitor who must not notice them.

Four kinds, as many of each: connections that send nothing, headers that trickle in, downloads that
are not read, and pages that never open their websocket. Each comes again when it is closed. The
reference is a second server without them, which the visitor asks in turns.
"""

import asyncio
import contextlib
import itertools
import os
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import click
import duckdb
import psutil

from movies_assets_tests.benchmarks.dashboard_clients import LightClient

TABLE = "gold.netflix_dim_title"
ROWS = 250_000  # 42 MB as CSV
TRICKLE_SECONDS, AGAIN_SECONDS, VISIT_SECONDS = 2.0, 5.0, 1.0
# A page takes 0.1 s of a processor: more of them at once would measure that.
COME_SECONDS = 120.0
PAGE_SECONDS = 120.0
GONE_SECONDS = 40

Kind = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@click.command("dashboard-slow")
@click.option("--clients", default=1000, help="Slow clients, the four kinds together.")
@click.option("--seconds", default=200, help="How long they stay.")
def dashboard_slow(clients: int, seconds: int) -> None:
    """Time of a visitor, memory and files of the dashboard, without and with slow clients."""
    from movies_assets_tests.dashboard.conftest import serving  # noqa: PLC0415 (pytest)

    click.echo(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        _publish(Path(one))
        _publish(Path(other))
        with serving(Path(one)) as served, serving(Path(other)) as reference:
            process = psutil.Process(served.pid)
            asyncio.run(_measure(served.url, reference.url, process, clients, seconds))
    click.echo(f"load {os.getloadavg()[0]:.1f}")


def _publish(data: Path) -> None:
    """Publish a small world with one large table."""
    from movies_assets_tests.dashboard.more import more  # noqa: PLC0415 (heavy)
    from movies_assets_tests.dashboard.snapshots import publish  # noqa: PLC0415 (heavy)

    path = publish(data / "published", "a", more())
    with duckdb.connect(path) as connection:
        connection.execute(
            f"INSERT INTO {TABLE} SELECT * EXCLUDE (number) REPLACE (number::VARCHAR AS show_key, "
            "repeat(md5(number::VARCHAR), 4) AS title) "
            f"FROM (FROM {TABLE} LIMIT 1), range(1000, {ROWS}) AS more(number)"
        )


async def _measure(
    url: str, reference: str, server: psutil.Process, clients: int, seconds: int
) -> None:
    for one in (url, reference):
        await _visit(one)  # fills caches
    await _in_turns("before", url, reference, server, 20)
    slow = Slow(url)
    tasks = [
        asyncio.create_task(slow.again(kind, COME_SECONDS * number / clients))
        for number, kind in zip(range(clients), itertools.cycle(slow.kinds), strict=False)
    ]
    await _in_turns(f"with {clients} slow clients", url, reference, server, seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    click.echo(f"connections and requests: {dict(slow.came)}")
    await asyncio.sleep(GONE_SECONDS)
    await _in_turns(f"{GONE_SECONDS} s after they left", url, reference, server, 20)


async def _in_turns(
    when: str, url: str, reference: str, server: psutil.Process, seconds: int
) -> None:
    """Visit both servers in turns, and say how that went."""
    ours, theirs = [], []
    most, until = 0, time.monotonic() + seconds
    while time.monotonic() < until:
        ours.append(await _visit(url))
        theirs.append(await _visit(reference))
        most = max(most, server.memory_info().rss)
        await asyncio.sleep(VISIT_SECONDS)
    click.echo(
        f"{when}: {_times(ours)}; {_held(server)}, the most {most / 2**20:.0f} MB\n"
        f"  reference: {_times(theirs)}"
    )


async def _visit(url: str) -> float | None:
    """Return the milliseconds until the start page has all its data; None: it never had."""
    started = time.perf_counter()
    client = LightClient(url)
    try:
        async with asyncio.timeout(60):
            await client.open("/")
            took = (time.perf_counter() - started) * 1000
            await client.close()
    except Exception as error:  # noqa: BLE001 (with any error the visitor has no page)
        click.echo(f"a visit failed: {error!r}")
        return None
    return took


def _times(visits: list[float | None]) -> str:
    took = sorted(one for one in visits if one is not None)
    if len(took) < 2:
        return f"{len(visits)} visits, {len(took)} of them in vain"
    p95 = took[int(len(took) * 0.95)]
    return (
        f"{len(visits)} visits, {len(visits) - len(took)} in vain, "
        f"p50 {statistics.median(took):.0f} ms, p95 {p95:.0f} ms, at most {took[-1]:.0f} ms"
    )


def _held(server: psutil.Process) -> str:
    """Say how much memory a process has, and what deleted files it keeps on the disk."""
    files = [status for status in _opened(server.pid) if status.st_nlink == 0]
    return (
        f"{server.memory_info().rss / 2**20:.0f} MB, {server.num_fds()} descriptors, "
        f"{len(files)} files of {sum(one.st_size for one in files) / 2**20:.0f} MB"
    )


def _opened(pid: int) -> Iterator[os.stat_result]:
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            yield path.stat()


class Slow:
    """Clients that take their time."""

    def __init__(self, url: str) -> None:
        self._host, _, port = url.removeprefix("http://").partition(":")
        self._port = int(port)
        self.came: Counter[str] = Counter()
        self.kinds: tuple[Kind, ...] = (
            self.silent, self.trickling, self.not_reading, self.without_websocket,
        )  # fmt: skip

    async def again(self, kind: Kind, after: float) -> None:
        """Be a slow client of a kind, again and again, after some seconds."""
        await asyncio.sleep(after)
        while True:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                reader, writer = await asyncio.open_connection(self._host, self._port, limit=4096)
                self.came[kind.__name__] += 1
                try:
                    await kind(reader, writer)
                finally:
                    writer.transport.abort()
            await asyncio.sleep(AGAIN_SECONDS)

    async def silent(self, reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        """Send nothing."""
        await reader.read(1)

    async def trickling(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Send a header every few seconds, and never the last one."""
        writer.write(self._request("/")[:-2])
        while not writer.transport.is_closing():
            writer.write(b"x: y\r\n")
            await writer.drain()
            await asyncio.sleep(TRICKLE_SECONDS)

    async def not_reading(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Ask for a large file, and read no more than its beginning."""
        writer.write(self._request(f"/download/{TABLE}.csv"))
        head = await reader.readline()
        if b" 200 " in head:
            while not writer.transport.is_closing():
                # Only a write shows that the server has ended the connection.
                await asyncio.sleep(TRICKLE_SECONDS)
                writer.write(b"\r\n")

    async def without_websocket(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Ask for a page, read it, and go."""
        writer.write(self._request("/")[:-2] + b"connection: close\r\n\r\n")
        while await reader.read(1 << 16):
            pass
        writer.transport.abort()
        await asyncio.sleep(PAGE_SECONDS)

    def _request(self, path: str) -> bytes:
        return f"GET {path} HTTP/1.1\r\nhost: {self._host}:{self._port}\r\n\r\n".encode()
