"""Measure what docs/reference/benchmarks.md records.

Command: `python -m movies_assets_tests.benchmarks NAME`.

Each command prints its figures and those of a reference that runs in the same session. Nothing here
is a test: a time limit in a test fails on a busy machine and proves nothing on an idle one.
"""

import asyncio
import json
import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import date
from functools import partial
from importlib.metadata import version
from pathlib import Path

import click
import httpx

from movies_assets_tests.benchmarks.changes import changes
from movies_assets_tests.benchmarks.dashboard import dashboard
from movies_assets_tests.benchmarks.dashboard_slow import dashboard_slow
from movies_assets_tests.benchmarks.exports import exports
from movies_assets_tests.benchmarks.imdb import imdb
from movies_assets_tests.benchmarks.netflix import netflix
from movies_assets_tests.benchmarks.ott import ott
from movies_assets_tests.benchmarks.pictures import pictures
from movies_assets_tests.benchmarks.postgres import postgres
from movies_assets_tests.benchmarks.titles import titles, titles_weights

ROOT = Path(__file__).parents[2]
OURS, EMPTY = "movies_assets.definitions", "movies_assets_tests.benchmarks.empty_job"
MOVIES, PAGE, LATENCY, CONCURRENCY = 74_000, 50, 0.05, 8
LAST_DAY = "2025-10-31"


@click.group()
def main() -> None:
    """Measure, and say on what."""
    packages = ("dagster", "duckdb", "ibis-framework", "pandera", "httpx", "pandas")
    click.echo(
        f"{os.cpu_count()} cores, Python {platform.python_version()}, "
        + ", ".join(f"{name} {version(name)}" for name in packages)
    )


main.add_command(changes)
main.add_command(dashboard)
main.add_command(dashboard_slow)
main.add_command(exports)
main.add_command(imdb)
main.add_command(netflix)
main.add_command(ott)
main.add_command(pictures)
main.add_command(postgres)
main.add_command(titles)
main.add_command(titles_weights)


@main.command("import")
@click.option("--times", default=7)
def import_time(times: int) -> None:
    """Importing the definitions, against importing the libraries they cannot do without."""
    needed = "import dagster, dagster_duckdb_pandas, ibis, pandera.ibis"
    _compare(
        times,
        ours=lambda: _seconds([sys.executable, "-c", f"import {OURS}"]),
        reference=lambda: _seconds([sys.executable, "-c", needed]),
    )


@main.command()
@click.option("--times", default=5)
@click.option("--days", default=1, help="Days of the range that is run.")
def run(times: int, days: int) -> None:
    """`yts_daily` as a command, against an empty job of the same assets and checks."""
    first = date.fromordinal(date.fromisoformat(LAST_DAY).toordinal() - days + 1).isoformat()
    with _home() as ours, _home() as empty:
        _compare(
            times,
            ours=lambda: _job(OURS, ours, first, LAST_DAY),
            reference=lambda: _job(EMPTY, empty, first, LAST_DAY),
        )


@main.command()
@click.option("--times", default=9)
def history(times: int) -> None:
    """The day after ten years of history, against the day after 30 days; the steps' own time."""
    with tempfile.TemporaryDirectory() as long, tempfile.TemporaryDirectory() as short:
        steps_long, steps_short = _day_after(Path(long), 3_650), _day_after(Path(short), 30)
        _compare(times, ours=steps_long, reference=steps_short)


@main.command()
def memory() -> None:
    """Peak memory of one run over 74,000 movies in 3,650 days."""
    with _home() as home:
        seconds = _job(OURS, home, "2015-11-01", LAST_DAY, movies=MOVIES)
        click.echo(f"{seconds:.0f} s, peak {_peak_megabytes():.0f} MB")
        for path in sorted((home / "data" / "warehouse").iterdir()):
            click.echo(f"{path.name}: {path.stat().st_size / 2**20:.0f} MB")


@main.command()
@click.option("--day", default="2018-05-05", type=click.DateTime(["%Y-%m-%d"]))
def requests(day: object) -> None:
    """Requests for one old day out of 74,000 movies, against reading every page."""
    from movies_assets.sample.serving import serve  # noqa: PLC0415
    from movies_assets.sources.yts.client import YtsClient  # noqa: PLC0415
    from movies_assets.sources.yts.sample import Catalogue  # noqa: PLC0415
    from movies_assets.sources.yts.sample_server import BASE_PATH, create_app  # noqa: PLC0415

    wanted: date = day.date()  # type: ignore[attr-defined]
    app = create_app(Catalogue(MOVIES, date.fromisoformat(LAST_DAY)))
    with serve(app) as url:
        rows = sum(len(batch) for batch in YtsClient(url + BASE_PATH).movies(wanted, wanted))
    click.echo(f"{rows} movies of {wanted}: {len(app.state.traffic.requests)} requests")
    click.echo(f"reference, every page: {-(-MOVIES // PAGE)}")


@main.command()
def omdb() -> None:
    """A backfill of 120 years of OMDb, run after run: each run has the sample's quota of 1,000."""
    with _home() as home:
        landing = home / "data" / "landing" / "omdb"
        while len(list(landing.glob("*/*.jsonl"))) < len(range(1906, 2026)):
            seconds = _execute(OURS, home, "omdb_yearly", ("1906", "2025"))
            files = [path for path in landing.glob("*/*") if ".jsonl" in path.name]
            complete = [path for path in files if path.suffix == ".jsonl"]
            pages = sum(path.read_bytes().count(b"\n") for path in files)
            click.echo(f"{seconds:.1f} s: {pages:,} replies, {len(complete)} years complete")


@main.command()
@click.option("--times", default=3)
def crawl(times: int) -> None:
    """A crawl over TCP from a server with latency, against the ideal."""
    from movies_assets.ingest.http import HttpOptions  # noqa: PLC0415
    from movies_assets.sources.yts.client import YtsClient  # noqa: PLC0415

    ideal = -(-MOVIES // PAGE) * LATENCY / CONCURRENCY

    def measure(what: str, action: Callable[[], int]) -> None:
        started, used = time.perf_counter(), time.process_time()
        count = action()
        seconds, cpu = time.perf_counter() - started, time.process_time() - used
        share = f"{ideal / seconds:.1%} of the ideal {ideal:.2f} s"
        click.echo(f"{what}: {count} in {seconds:.2f} s, {share}, {cpu:.2f} s CPU")

    with _server() as url:
        client = YtsClient(url, HttpOptions(concurrency=CONCURRENCY))
        for _ in range(times):
            measure("reference, pages by bare httpx that decodes nothing", lambda: _bare_httpx(url))
            measure("movies", lambda: sum(map(len, client.crawl())))


@main.command()
@click.option("--times", default=5)
def starts(times: int) -> None:
    """Commands over the tables of a day, and the dashboard's first page, against Dagster alone."""
    with _home() as home:
        _job(OURS, home, LAST_DAY, LAST_DAY)
        alone = [sys.executable, "-c", "import dagster"]
        module, folders = [sys.executable, "-m", "movies_assets"], _folders(home)
        measured: dict[str, Callable[[], float]] = {
            command: partial(_seconds, [*module, command], **folders)
            for command in ("--help", "published", "summary")
        }
        for name, start in {**measured, "dashboard": lambda: _first_page(home)}.items():
            click.echo(f"{name}: ", nl=False)
            _compare(times, ours=start, reference=lambda: _seconds(alone))


@main.command()
@click.pass_context
def short(context: click.Context) -> None:
    """What users wait for, in a few minutes: starts, a day, a year, a crawl."""
    parts: tuple[tuple[click.Command, dict[str, int]], ...] = (
        (import_time, {"times": 3}),
        (starts, {"times": 2}),
        (run, {"times": 2, "days": 1}),
        (run, {"times": 1, "days": 365}),
        (crawl, {"times": 1}),
    )
    for command, options in parts:
        click.echo(f"\n{command.name} {options}: {command.help}")
        context.invoke(command, **options)


def _first_page(home: Path) -> float:
    """Start the dashboard; return the seconds until it has answered with its first page."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "movies_assets", "dashboard", "--port", str(port)]
    started = time.perf_counter()
    with subprocess.Popen(  # noqa: S603
        command, env={**os.environ, **_folders(home)}, stdout=subprocess.DEVNULL
    ) as server:
        try:
            while server.poll() is None:
                with suppress(httpx.ConnectError):
                    httpx.get(f"http://127.0.0.1:{port}/", timeout=60).raise_for_status()
                    return time.perf_counter() - started
                time.sleep(0.01)
        finally:
            server.terminate()
    raise click.ClickException("the dashboard has ended")


def _compare(times: int, *, ours: Callable[[], float], reference: Callable[[], float]) -> None:
    """Measure both in turns, so that a busy moment of the machine meets both."""
    reference()
    ours()
    pairs = [(reference(), ours()) for _ in range(times)]
    references, measured = zip(*pairs, strict=True)
    ratio = statistics.median(measured) / statistics.median(references)
    click.echo(
        f"reference median {statistics.median(references):.2f} s "
        f"({min(references):.2f} to {max(references):.2f}), "
        f"ours median {statistics.median(measured):.2f} s "
        f"({min(measured):.2f} to {max(measured):.2f}), ratio {ratio:.2f}, {times} times"
    )


@contextmanager
def _home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(ROOT / "dagster.yaml", folder)
        yield Path(folder)


def _job(module: str, home: Path, first: str, last: str, movies: int | None = None) -> float:
    days = date.fromisoformat(last).toordinal() - date.fromisoformat(first).toordinal() + 1
    # About 20 movies a day, as in the real catalogue.
    catalogue = str(movies or max(2_000, round(days * 20.3)))
    return _execute(module, home, "yts_daily", (first, last), MOVIES_YTS__SAMPLE_MOVIES=catalogue)


def _execute(
    module: str, home: Path, job: str, partitions: tuple[str, str], **variables: str
) -> float:
    """Run a job for a range of partitions as a command; return its seconds."""
    edges = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
    tags = json.dumps(dict(zip(edges, partitions, strict=True)))
    dagster = str(Path(sys.executable).with_name("dagster"))
    return _seconds(
        [dagster, "job", "execute", "-m", module, "-j", job, "--tags", tags],
        **_folders(home),
        MOVIES_SAMPLE__LAST_DAY=LAST_DAY,
        **variables,
    )


def _folders(home: Path) -> dict[str, str]:
    """Return the variables that name the folders of a home."""
    return {"DAGSTER_HOME": str(home), "MOVIES_DATA_DIR": str(home / "data")}


def _seconds(command: list[str], **variables: str) -> float:
    environment = {**os.environ, **variables, "PYTHONPATH": str(ROOT)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    started = time.perf_counter()
    subprocess.run(command, env=environment, check=True, capture_output=True)  # noqa: S603
    return time.perf_counter() - started


def _peak_megabytes() -> float:
    import resource  # noqa: PLC0415 (not on every system)

    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def _day_after(folder: Path, days: int) -> Callable[[], float]:
    """Materialize some days; return what runs the day after them and sums its steps' seconds."""
    import dagster as dg  # noqa: PLC0415

    from movies_assets.definitions import build_defs  # noqa: PLC0415
    from movies_assets.settings import load  # noqa: PLC0415

    settings = load(data_dir=folder, yts={"sample_movies": MOVIES})
    job = build_defs(settings).resolve_job_def("yts_daily")
    end = settings.sample.last_day.toordinal()

    def execute(first: int, last: int) -> dg.ExecuteInProcessResult:
        tags = {
            "dagster/asset_partition_range_start": date.fromordinal(first).isoformat(),
            "dagster/asset_partition_range_end": date.fromordinal(last).isoformat(),
        }
        with dg.DagsterInstance.ephemeral() as instance:
            return job.execute_in_process(instance=instance, tags=tags)

    def day_after() -> float:
        events = execute(end, end).all_node_events
        done = [e.step_success_data.duration_ms for e in events if e.is_step_success]
        return sum(done) / 1000

    execute(end - days, end - 1)
    return day_after


def _bare_httpx(url: str) -> int:
    """Fetch every page with httpx alone, as many at once as the client does; return how many."""
    pages = range(1, -(-MOVIES // PAGE) + 1)

    async def fetch_all() -> None:
        todo = iter(pages)
        params = {"limit": PAGE, "order_by": "asc"}

        async def worker(client: httpx.AsyncClient) -> None:
            for page in todo:
                await client.get(f"{url}/list_movies.json", params={**params, "page": page})

        async with httpx.AsyncClient() as client, asyncio.TaskGroup() as group:
            for _ in range(CONCURRENCY):
                group.create_task(worker(client))

    asyncio.run(fetch_all())
    return len(pages)


@contextmanager
def _server() -> Iterator[str]:
    """Serve the sample from a process of its own."""
    command = [sys.executable, "-m", "movies_assets_tests.benchmarks", "serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603
        assert server.stdout is not None
        try:
            server.stdout.readline()  # the output of main()
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


@main.command()
def serve() -> None:
    """Serve the catalogue with latency, every movie rendered beforehand: the client is measured."""
    from movies_assets.sample.serving import bind, server_of  # noqa: PLC0415
    from movies_assets.sources.yts.sample import Catalogue  # noqa: PLC0415
    from movies_assets.sources.yts.sample_server import BASE_PATH, create_app  # noqa: PLC0415

    class Rendered(Catalogue):
        def json(self, position: int) -> str:
            return rendered[position]

    catalogue = Rendered(MOVIES, date.fromisoformat(LAST_DAY))
    rendered = [Catalogue.json(catalogue, position) for position in range(len(catalogue))]
    listener, url = bind()
    click.echo(f"{url}{BASE_PATH}")
    server_of(create_app(catalogue, latency_seconds=LATENCY)).run([listener])


if __name__ == "__main__":
    import logging

    logging.disable(logging.INFO)
    main()
