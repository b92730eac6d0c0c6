"""Netflix's titles in many small files, against DuckDB's own reader; and a look at 10,000 files.

The sample's titles are cut into files of a few records each, spread over the days before the
sample's last one.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

import click
import dagster as dg
import duckdb

from movies_assets.ingest.landing import Landing
from movies_assets.sources.netflix.sample import arrivals

ROOT = Path(__file__).parents[2]
LAST_DAY = date(2025, 10, 31)


@click.command("netflix")
@click.option("--titles", default=8_807)
@click.option("--files", default=1_000)
@click.option("--days", default=30)
def netflix(titles: int, files: int, days: int) -> None:
    """`netflix_daily` over many small files as one range; the sensor's look at ten times more."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        landing = work / "data" / "landing" / "netflix" / "titles"
        _cut(landing, titles, files, days)
        _read_by_duckdb(landing)
        _run(work, titles, days)
        many = work / "many"
        _cut(many, titles, 10 * files, days)
        started = time.perf_counter()
        found = Landing(many, "netflix/titles").arrivals()
        click.echo(f"listing and hashing {len(found):,} files: {_since(started)}")


def _cut(landing: Path, titles: int, files: int, days: int) -> None:
    """Write the titles as so many files, in turn over the days."""
    delivered = list(arrivals(last_day=LAST_DAY, titles=titles))
    whole = max(delivered, key=lambda arrival: len(arrival.content)).content
    header, *lines = whole.decode("utf-8-sig").splitlines()
    records = [line for line in lines if line.count('"') % 2 == 0 and line.count(",") >= 8]
    while len(records) < titles:
        records += records[: titles - len(records)]
    for number in range(files):
        day = landing / str(LAST_DAY - timedelta(number % days))
        day.mkdir(parents=True, exist_ok=True)
        rows = records[number * titles // files : (number + 1) * titles // files]
        (day / f"{number:05}.csv").write_text("\n".join([header, *rows, ""]), "utf-8")


def _read_by_duckdb(landing: Path) -> None:
    """Read the same files with the engine's own reader, types guessed, nothing kept or checked."""
    started = time.perf_counter()
    with duckdb.connect() as connection:
        connection.execute(
            f"CREATE TABLE titles AS FROM read_csv('{landing}/*/*.csv', all_varchar = true, "
            "union_by_name = true, ignore_errors = true)"
        )
    click.echo(f"DuckDB's read_csv alone: {_since(started)}")


def _run(work: Path, titles: int, days: int) -> None:
    shutil.copy(ROOT / "dagster.yaml", work)
    variables = {
        "DAGSTER_HOME": str(work),
        "MOVIES_DATA_DIR": str(work / "data"),
        "MOVIES_NETFLIX__SAMPLE_TITLES": str(titles),
        "PYTHONPATH": str(ROOT),
    }
    first = LAST_DAY - timedelta(days - 1)
    tags = (
        f'{{"dagster/asset_partition_range_start": "{first}", '
        f'"dagster/asset_partition_range_end": "{LAST_DAY}"}}'
    )
    command = [str(Path(sys.executable).with_name("dagster")), "job", "execute", "-j"]
    command += ["netflix_daily", "-m", "movies_assets.definitions", "--tags", tags]
    environment = {**os.environ, **variables}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    started = time.perf_counter()
    subprocess.run(command, env=environment, check=True, capture_output=True)  # noqa: S603
    click.echo(f"netflix_daily, {days} days as one range, whole command: {_since(started)}")
    with dg.DagsterInstance.from_config(str(work)) as instance:
        (record,) = instance.get_run_records(limit=1)
        click.echo(f"  the run itself: {(record.end_time or 0) - (record.start_time or 0):.1f} s")
        stats = instance.get_run_step_stats(record.dagster_run.run_id, ["bronze__netflix_titles"])
        click.echo(
            f"  reading the files: {(stats[0].end_time or 0) - (stats[0].start_time or 0):.1f} s"
        )


def _since(started: float) -> str:
    return f"{time.perf_counter() - started:.2f} s"
