"""IMDb at full size, against bare DuckDB, dbt, Polars, PySpark and imdb-sqlite on the same files.

The dumps are those of `python -m movies_assets.sample imdb --scale 1.0`. Each contender is a
process of its own, timed from start to exit.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import click
import dagster as dg

from movies_assets_tests.benchmarks.imdb_compare import differences

ROOT = Path(__file__).parents[2]
DAY, NEXT_DAY = date(2025, 10, 30), date(2025, 10, 31)
SERIES_FILES = "title.basics,title.ratings,title.episode"


@click.command("imdb")
@click.option("--dumps", type=click.Path(path_type=Path), required=True, help="run_date=... in it")
@click.option("--files", default=SERIES_FILES, help="Dumps to load.")
@click.option("--memory-limit", default="4GB")
@click.option("--spark-python", help="A Python that has PySpark: run it as well.")
@click.option("--imdb-sqlite", help="The command imdb-sqlite: run it as well.")
@click.option("--polars-python", help="A Python that has Polars: run it as well.")
@click.option("--dbt", help="The command dbt of an environment with dbt-duckdb: run it as well.")
@click.option("--reference/--no-reference", default=True)
@click.option("--compare", is_flag=True, help="Compare gold with the reference; for scale 0.1.")
@click.option("--next-day/--no-next-day", default=True, help="Also a second run date, and no news.")
def imdb(  # noqa: PLR0913, PLR0917 (options of a command)
    dumps: Path,
    files: str,
    memory_limit: str,
    spark_python: str | None,
    imdb_sqlite: str | None,
    polars_python: str | None,
    dbt: str | None,
    compare: bool,  # noqa: FBT001
    reference: bool,  # noqa: FBT001
    next_day: bool,  # noqa: FBT001
) -> None:
    """From gzip to all gold tables, blocking checks included; whole commands."""
    first = dumps / f"run_date={DAY}"
    with tempfile.TemporaryDirectory(dir=dumps) as folder:
        work = Path(folder)
        if reference:
            script = [sys.executable, "-m", "movies_assets_tests.benchmarks.imdb_reference"]
            _bare(script, "bare DuckDB", first, work, files, memory_limit)
            if compare:
                shutil.move(work / "reference.duckdb", work / "kept.duckdb")
            published = [*script, "--publish"]
            _bare(published, "bare DuckDB, published", first, work, files, memory_limit)
            _bare(
                [*script, "--gold-only"], "bare DuckDB, gold only", first, work, files, memory_limit
            )
        home = _home(work, files, memory_limit)
        with _served(first) as url:
            _fetch(url, home, DAY, files)
            _ours("movies_assets", home, DAY)
        _compare(work, Path(home["MOVIES_DATA_DIR"]) / "warehouse" / "movies.duckdb")
        if next_day:
            with _served(dumps / f"run_date={NEXT_DAY}") as url:
                _fetch(url, home, NEXT_DAY, files)
                _ours("movies_assets, next run date", home, NEXT_DAY)
                home["MOVIES_IMDB__BASE_URL"] = url
                _ours("movies_assets, nothing changed", home, datetime.now(UTC).date())
        if spark_python:
            script = [spark_python, "-m", "movies_assets_tests.benchmarks.imdb_spark"]
            options = ["--dumps", str(first), "--output", str(work / "spark")]
            _timed("PySpark local[2]", [*script, *options], {})
        if polars_python:
            script = [polars_python, "-m", "movies_assets_tests.benchmarks.imdb_polars"]
            options = ["--dumps", str(first), "--output", str(work / "polars")]
            _timed("Polars, as Parquet", [*script, *options], {})
            _compare(work, work / "polars")
        if dbt:
            _dbt(dbt, first, work, files, memory_limit)
            _compare(work, work / "dbt.duckdb")
        if imdb_sqlite:
            shutil.copytree(first, work / "cache")
            options = ["--db", str(work / "imdb.sqlite"), "--cache-dir", str(work / "cache")]
            only = ["--only", "titles,ratings,episodes"]
            _timed("imdb-sqlite, loading only", [imdb_sqlite, *options, *only], {})


def _bare(
    script: Sequence[str], name: str, dumps: Path, work: Path, files: str, memory_limit: str
) -> None:
    database = work / "reference.duckdb"
    options = ["--dumps", str(dumps), "--database", str(database), "--files", files]
    for left in (database, database.with_suffix(".published.duckdb")):
        left.unlink(missing_ok=True)
    _timed(name, [*script, *options, "--memory-limit", memory_limit], {}, database)


def _dbt(dbt: str, dumps: Path, work: Path, files: str, memory_limit: str) -> None:
    """Build the models of `imdb_dbt`, with their tests."""
    project, database = Path(__file__).with_name("imdb_dbt"), work / "dbt.duckdb"
    given = json.dumps({"dumps": str(dumps), "files": files.split(",")})
    folders = ["--target-path", str(work / "dbt"), "--log-path", str(work / "dbt")]
    variables = {
        "DBT_PROFILES_DIR": str(project),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "IMDB_DATABASE": str(database),
        "IMDB_MEMORY_LIMIT": memory_limit,
    }
    command = [dbt, "build", "--project-dir", str(project), "--vars", given, *folders]
    _timed("dbt-duckdb, with tests", command, variables, database)


def _compare(work: Path, contender: Path) -> None:
    """Fail where gold tables are not those of the reference, if that was kept."""
    if not (work / "kept.duckdb").exists():
        return
    found = differences(work / "kept.duckdb", contender)
    if any(found.values()):
        raise click.ClickException(f"{contender.name}: rows differ from the reference: {found}")
    click.echo(f"  gold tables with the rows of the reference: {len(found)}")


def _home(work: Path, files: str, memory_limit: str) -> dict[str, str]:
    shutil.copy(ROOT / "dagster.yaml", work)
    names = ", ".join(f'"{name}"' for name in files.split(","))
    return {
        "DAGSTER_HOME": str(work),
        "MOVIES_DATA_DIR": str(work / "data"),
        "MOVIES_PROFILE": "live",
        "MOVIES_IMDB__FILES": f"[{names}]",
        "MOVIES_WAREHOUSE__MEMORY_LIMIT": memory_limit,
    }


def _fetch(url: str, home: dict[str, str], day: date, files: str) -> None:
    """Put the dumps into the landing zone beforehand: the network is not what is measured."""
    from movies_assets.sources.imdb.client import ImdbClient  # noqa: PLC0415

    ImdbClient(url).fetch(Path(home["MOVIES_DATA_DIR"]) / "landing", day, files.split(","))


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    from movies_assets.sample.serving import serve  # noqa: PLC0415
    from movies_assets.sources.imdb.sample_server import create_folder_app  # noqa: PLC0415

    with serve(create_folder_app(folder)) as url:
        yield url


def _ours(name: str, home: dict[str, str], day: date) -> None:
    dagster = str(Path(sys.executable).with_name("dagster"))
    command = [dagster, "job", "execute", "-m", "movies_assets.definitions", "-j", "imdb_daily"]
    database = Path(home["MOVIES_DATA_DIR"]) / "warehouse" / "movies.duckdb"
    tags = ["--tags", f'{{"dagster/partition": "{day}"}}']
    _timed(name, [*command, *tags], home, database)
    with dg.DagsterInstance.from_config(home["DAGSTER_HOME"]) as instance:
        (record,) = instance.get_run_records(limit=1)
        click.echo(f"  the run itself: {(record.end_time or 0) - (record.start_time or 0):.1f} s")
    spilled = [path for path in (database.parent / "spill").rglob("*") if path.is_file()]
    click.echo(f"  left behind in the spill folder: {len(spilled)} files")


def _timed(
    name: str, command: Sequence[str], variables: dict[str, str], database: Path | None = None
) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    before = database.stat().st_size if database and database.exists() else 0
    started = time.perf_counter()
    with tempfile.NamedTemporaryFile("w", suffix=".log", delete=False) as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)  # noqa: S603
        _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    if status:
        raise click.ClickException(f"{name} failed, see {log.name}")
    size = f", database {database.stat().st_size / 2**20:,.0f} MB" if database else ""
    grown = f" (+{(database.stat().st_size - before) / 2**20:,.0f})" if database and before else ""
    click.echo(f"{name}: {seconds:.1f} s, {_usage(used)}{size}{grown}")


def _usage(used: resource.struct_rusage) -> str:
    cpu = used.ru_utime + used.ru_stime
    return f"CPU {cpu:.0f} s, peak {used.ru_maxrss / 2**10:,.0f} MB"
