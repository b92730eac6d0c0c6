"""The dashboard over a published snapshot: pages and clicks in Chromium, and twenty visitors.

The reference are the queries of the same clicks in bare DuckDB, on the same snapshot: what is left
of a click is NiceGUI, the way to the browser, and the browser.
"""

import asyncio
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import duckdb
import psutil

from movies_assets_tests.benchmarks.dashboard_clients import Pick, all_at_once, open_in

CLICKS, CLIENTS, ROUNDS, WARM = 50, 20, 10, 5
# The start page has the most charts, and asks the most.
PATH = "/movies"
MOST_GENRES = 12
LOOK_SECONDS = 0.02
SIZE = {"width": 1440, "height": 900}

Question = tuple[str, Mapping[str, Any]]


@click.command("dashboard")
@click.option(
    "--published",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    required=True,
    help="A folder of published snapshots; it is read only.",
)
@click.option("--pages/--no-pages", default=True, help="Also every page, cold and warm.")
def dashboard(published: Path, pages: bool) -> None:  # noqa: FBT001 (an option of a command)
    """Pages, clicks, twenty visitors and memory of the dashboard."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 (only where there is a browser)

    from movies_assets.dashboard.server import PAGES  # noqa: PLC0415 (an extra)
    from movies_assets_tests.dashboard.conftest import CHROMIUM, NO_CHROMIUM  # noqa: PLC0415

    if not CHROMIUM:
        raise click.ClickException(NO_CHROMIUM)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        data = Path(folder)
        snapshot = link_snapshot(published, data)
        picks = _picks(snapshot, CLICKS + CLIENTS * ROUNDS)
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        if pages:
            for page in PAGES:
                _page(chromium, data, page.path)
        with _served(data) as (url, memory):
            _one_visitor(chromium, url, picks[:CLICKS])
            chromium.close()
            memory.say("after one visitor")
            _twenty_visitors(url, picks[CLICKS:])
            memory.say("after twenty visitors")
            _publish_again(snapshot, data)
            _until_idle(memory.process)
            memory.say("after the next snapshot was published")
    _reference(snapshot, picks)
    _searches(snapshot)


def _searches(snapshot: Path) -> None:
    """Search for beginnings and middles of titles, as the field in the header does."""
    from movies_assets.dashboard.prepared import PREPARED  # noqa: PLC0415 (heavy)
    from movies_assets.serving.queries.titles import SEARCH  # noqa: PLC0415
    from movies_assets.serving.reader import OpenSnapshot  # noqa: PLC0415

    config = {"memory_limit": "1GB", "threads": 2}
    opened = OpenSnapshot(snapshot, PREPARED, config, 1)
    (counted,) = opened.rows("SELECT count(*) AS titles FROM gold.dim_title", {})
    texts = opened.rows(
        "SELECT DISTINCT title[1 + start : 4 + start + hash(title) % 5] AS text FROM ("
        "SELECT title, hash(title_key) % 2 * 4 AS start FROM gold.dim_title "
        f"ORDER BY hash(title_key) LIMIT {CLICKS})",
        {},
    )
    times = []
    for row in texts:
        started = time.perf_counter()
        opened.rows(SEARCH, {"text": row["text"].strip()})
        times.append((time.perf_counter() - started) * 1000)
    click.echo(f"a search over {counted['titles']:,} titles: {_percentiles(times)}")


def _page(chromium: Any, data: Path, path: str) -> None:
    """Measure a page at its first request since the start, by a browser without a cache."""
    with _served(data) as (url, _):
        context = chromium.new_context(viewport=SIZE)
        context.new_page()  # the browser's own start
        times = []
        for _ in range(1 + WARM):
            tab, paint, ready = open_in(context, url + path)
            times.append((paint, ready))
            tab.close()
        context.close()
    (cold_paint, cold_ready), *warm = times
    paints, readies = zip(*warm, strict=True)
    click.echo(
        f"{path}: first paint {cold_paint:.0f} ms cold, {_range(paints)} warm; "
        f"all data {cold_ready:.0f} ms cold, {_range(readies)} warm"
    )


def _one_visitor(chromium: Any, url: str, picks: Sequence[Pick]) -> None:
    """Click on filters that were not chosen before, and again on the same ones."""
    tab, _, _ = open_in(chromium.new_context(viewport=SIZE), url + PATH)
    for what in ("asked for the first time", "answered before"):
        times = [tab.evaluate("pick => bench.click(pick)", dict(pick)) for pick in picks]
        click.echo(f"Chromium, a click, {what}: {_percentiles(times)}")
    light, _ = _clicks(url, [[pick] for pick in picks])
    click.echo(f"the same without a browser: {_percentiles(light)}")


def _twenty_visitors(url: str, picks: Sequence[Pick]) -> None:
    rounds = [picks[at : at + CLIENTS] for at in range(0, len(picks), CLIENTS)]
    # The same filters go round, so that every visitor chooses another one each time.
    again = [[*rounds[-1][at:], *rounds[-1][:at]] for at in range(1, ROUNDS + 1)]
    for each, what in ((rounds, "asked for the first time"), (again, "answered before")):
        times, whole = _clicks(url, each)
        click.echo(
            f"{CLIENTS} light visitors at once, a click, {what}: {_percentiles(times)}; "
            f"until the last one of a round {_range(whole)}"
        )


def _clicks(url: str, rounds: Sequence[Sequence[Pick]]) -> tuple[list[float], list[float]]:
    """Click without a browser, in a thread: Playwright has the event loop of this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(all_at_once(url, PATH, rounds))).result()


def _reference(snapshot: Path, picks: Sequence[Pick]) -> None:
    """Ask what the clicks ask, in bare DuckDB with the prepared tables, nothing kept."""
    asked, connection = _questions(snapshot, picks)

    def ask(questions: Sequence[Question]) -> float:
        started = time.perf_counter()
        with connection.cursor() as cursor:
            for query, parameters in questions:
                cursor.execute(query, parameters).fetchall()
        return (time.perf_counter() - started) * 1000

    one = [ask(questions) for questions in asked[:CLICKS]]
    click.echo(
        f"reference, bare DuckDB, the {len(asked[0])} queries of a click one after another: "
        f"{_percentiles(one)}"
    )
    many = asked[CLICKS:]
    whole = []
    with ThreadPoolExecutor(CLIENTS) as pool:
        for at in range(0, len(many), CLIENTS):
            started = time.perf_counter()
            list(pool.map(ask, many[at : at + CLIENTS]))
            whole.append((time.perf_counter() - started) * 1000)
    click.echo(
        f"reference, bare DuckDB, {CLIENTS} of them at once: until the last one {_range(whole)}"
    )


def _questions(snapshot: Path, picks: Sequence[Pick]) -> tuple[list[list[Question]], Any]:
    """Return what the start page asks for each click, and a connection that has what it takes."""
    from starlette.datastructures import QueryParams  # noqa: PLC0415 (an extra)

    from movies_assets.dashboard.filters import read  # noqa: PLC0415
    from movies_assets.dashboard.pages import movies  # noqa: PLC0415
    from movies_assets.dashboard.prepared import PREPARED  # noqa: PLC0415
    from movies_assets.serving.reader import OpenSnapshot, Row  # noqa: PLC0415
    from movies_assets.settings import load  # noqa: PLC0415

    class Listening(OpenSnapshot):
        def rows(self, query: str, parameters: Mapping[str, Any]) -> list[Row]:
            asked[-1].append((query, dict(parameters)))
            return super().rows(query, parameters)

    asked: list[list[Question]] = []
    chosen = load().dashboard
    config = {"memory_limit": chosen.memory_limit, "threads": chosen.threads}
    started = time.perf_counter()
    listening = Listening(snapshot, PREPARED, config, answers=1)
    click.echo(f"opening and preparing a snapshot: {time.perf_counter() - started:.1f} s")
    for pick in picks:
        asked.append([])
        state, _ = read(QueryParams(dict(pick)), movies.PAGE.all_fields)
        asyncio.run(movies.load(listening, state))
    return asked, listening._connection


def _picks(snapshot: Path, number: int) -> list[Pick]:
    """Return filters of a frequent genre and some years; no two have the same years."""
    with duckdb.connect(snapshot, read_only=True) as connection:
        genres = connection.execute(
            "SELECT genre FROM gold.imdb_movie_facts WHERE genre <> 'Unknown' "
            f"GROUP BY genre ORDER BY count(*) DESC, genre LIMIT {MOST_GENRES}"
        ).fetchall()
    years = [(first, first + more) for first in range(1930, 2020) for more in (4, 9, 14, 19)]
    chosen = random.Random(1).sample(years, number)  # noqa: S311 (no secret)
    return [
        {"genre": genres[at % len(genres)][0], "years": f"{first}-{last}"}
        for at, (first, last) in enumerate(chosen)
    ]


def link_snapshot(published: Path, data: Path) -> Path:
    """Make a published folder that has the newest snapshot; return the snapshot."""
    from movies_assets.warehouse.published import Published  # noqa: PLC0415 (heavy)

    snapshot = Published(published.resolve()).current()
    _point(data, snapshot.name, snapshot)
    return snapshot


def _publish_again(snapshot: Path, data: Path) -> None:
    """Publish the same under a name of its own."""
    _point(data, f"{snapshot.stem}_again{snapshot.suffix}", snapshot)


def _point(data: Path, name: str, snapshot: Path) -> None:
    folder = data / "published"
    folder.mkdir(exist_ok=True)
    (folder / name).symlink_to(snapshot)
    (folder / "NEXT").write_text(name)
    (folder / "NEXT").replace(folder / "CURRENT")


class Memory:
    """Looks how much memory a process takes, and keeps the most."""

    def __init__(self, pid: int) -> None:
        self.process = psutil.Process(pid)
        self.most = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def say(self, when: str) -> None:
        now = self.process.memory_info().rss
        click.echo(f"memory {when}: {now / 2**20:.0f} MB, the most {self.most / 2**20:.0f} MB")

    def end(self) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            self.most = max(self.most, self.process.memory_info().rss)


@contextmanager
def _served(data: Path) -> Iterator[tuple[str, Memory]]:
    """Serve the dashboard, and wait until it has opened the snapshot."""
    from movies_assets_tests.dashboard.conftest import serving  # noqa: PLC0415 (pytest)

    started = time.perf_counter()
    with serving(data) as served:
        answers = time.perf_counter() - started
        memory = Memory(served.pid)
        _until_idle(memory.process)
        click.echo(f"the server answers after {answers:.1f} s")
        memory.say("before the first visitor")
        try:
            yield served.url, memory
        finally:
            memory.end()


def _until_idle(process: psutil.Process) -> None:
    """Wait until a process only polls: it does not report when it is idle."""
    quiet = 0
    while quiet < 3:
        quiet = quiet + 1 if process.cpu_percent(interval=0.5) < 10 else 0


def _percentiles(times: Sequence[float]) -> str:
    cuts = statistics.quantiles(times, n=20, method="inclusive")
    return f"p50 {cuts[9]:.0f} ms, p95 {cuts[18]:.0f} ms, {len(times)} clicks"


def _range(times: Sequence[float]) -> str:
    return f"{statistics.median(times):.0f} ms ({min(times):.0f} to {max(times):.0f})"
