"""The streaming service below its silver events, against bare DuckDB on the same rows.

Users, titles and events are made by the engine (`ott_silver.sql`). Each contender is a process of
its own, timed from start to exit; what both have computed is compared row by row.
"""

import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import click
import dagster as dg
import duckdb

ROOT, HERE = Path(__file__).parents[2], Path(__file__).parent
USERS, TITLES, VIEWS, GENRES, THREADS = 1_000_000, 20_000, 50_000_000, 20, 2
GIVEN = ("silver.ott_users", "silver.ott_titles", "silver.ott_views")
COMPUTED = (
    "silver.ott_watched",
    "silver.ott_unmatched",
    "gold.ott_dim_user",
    "gold.ott_dim_title",
    "gold.ott_top_movies_by_genre",
    "gold.ott_genre_engagement",
    "gold.ott_popular_movies",
    "gold.ott_recommendations",
)
EVALUATION = "gold.ott_recommendation_quality"
# Sums of floats differ in the last digits with the order of their rows.
DIGITS = 6


@click.group("ott")
def ott() -> None:
    """The streaming service."""


@ott.command()
@click.option("--scale", default=1.0, help="1 is 1,000,000 users, 20,000 titles, 50,000,000 views.")
@click.option("--memory-limit", default="4GB")
@click.option("--folder", type=click.Path(path_type=Path), help="Where to work; a temporary one.")
@click.option("--evaluation/--no-evaluation", default=False, help="Also evaluate_recommendations.")
@click.option("--compare/--no-compare", default=True, help="Also compare the rows.")
def run(
    scale: float,
    memory_limit: str,
    folder: Path | None,
    *,
    evaluation: bool,
    compare: bool,
) -> None:
    """From silver events to recommendations, blocking checks included; whole commands."""
    with tempfile.TemporaryDirectory(dir=folder) as work:
        home = _home(Path(work), memory_limit)
        database = Path(home["MOVIES_DATA_DIR"]) / "warehouse" / "movies.duckdb"
        reference = Path(work) / "reference.duckdb"
        module = [sys.executable, "-m", "movies_assets_tests.benchmarks", "ott"]
        _timed("silver rows", [*module, "fill", "--scale", str(scale)], home, shown=True)
        options = ["--stored", str(database), "--database", str(reference)]
        options += ["--memory-limit", memory_limit]
        theirs = _timed("bare DuckDB", [*module, "reference", *options], home, shown=True)
        ours = _timed("movies_assets", _materialize(COMPUTED), home)
        _steps(home)
        click.echo(f"ratio {ours / theirs:.2f}")
        if evaluation:
            job = ["job", "execute", "-m", "movies_assets.definitions", "-j"]
            _timed("evaluation", [_dagster(), *job, "evaluate_recommendations"], home)
            _steps(home)
        if compare:
            _compare(database, reference)


@ott.command()
@click.option("--scale", default=1.0)
def fill(scale: float) -> None:
    """Fill the warehouse that the settings name with silver rows."""
    from movies_assets.definitions import TABLES, open_warehouse  # noqa: PLC0415
    from movies_assets.settings import load  # noqa: PLC0415
    from movies_assets.warehouse.schema import ensure_table  # noqa: PLC0415

    sizes = {"users": USERS, "titles": TITLES, "views": VIEWS}
    scaled = {name: max(1_000, round(size * scale)) for name, size in sizes.items()}
    text = (HERE / "ott_silver.sql").read_text(encoding="utf-8")
    for name, size in {**scaled, "genres": GENRES}.items():
        text = text.replace(f"{{{name}}}", str(size))
    warehouse = open_warehouse(load())
    with warehouse.session() as connection, warehouse.transaction(connection):
        for table in GIVEN:
            ensure_table(connection, table, TABLES[table].contract)
        connection.execute("CREATE SCHEMA gold")
        connection.execute(text)
        for table in GIVEN:
            (count,) = connection.table(table).count("*").fetchone() or (0,)
            click.echo(f"  {table}: {count:,} rows")


@ott.command()
@click.option("--stored", type=click.Path(path_type=Path), required=True)
@click.option("--database", type=click.Path(path_type=Path), required=True)
@click.option("--memory-limit", default="4GB")
def reference(stored: Path, database: Path, memory_limit: str) -> None:
    """Compute the same tables by hand, without Dagster, contracts or checks."""
    config = {
        "threads": THREADS,
        "preserve_insertion_order": False,
        "memory_limit": memory_limit,
        "temp_directory": f"{database}.spill",
    }
    with duckdb.connect(database, config=config) as connection:
        connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
        connection.execute(f"ATTACH '{stored}' AS stored (READ_ONLY)")
        connection.execute("CREATE SCHEMA silver; CREATE SCHEMA gold")
        text = (HERE / "ott_reference.sql").read_text(encoding="utf-8")
        _, *parts = re.split(r"^-- == ([\w.]+)$", text, flags=re.MULTILINE)
        for name, statement in zip(parts[::2], parts[1::2], strict=True):
            started = time.perf_counter()
            connection.execute(statement)
            (rows,) = connection.execute(f"SELECT count(*) FROM {name}").fetchone() or (0,)
            click.echo(f"  {time.perf_counter() - started:7.2f} s: {name}, {rows:,} rows")


def _home(work: Path, memory_limit: str) -> dict[str, str]:
    shutil.copy(ROOT / "dagster.yaml", work)
    return {
        "DAGSTER_HOME": str(work),
        "MOVIES_DATA_DIR": str(work / "data"),
        "MOVIES_WAREHOUSE__MEMORY_LIMIT": memory_limit,
        "MOVIES_WAREHOUSE__THREADS": str(THREADS),
    }


def _dagster() -> str:
    return str(Path(sys.executable).with_name("dagster"))


def _materialize(tables: Sequence[str]) -> list[str]:
    keys = " or ".join(f'key:"{name.replace(".", "/")}"' for name in tables)
    command = [_dagster(), "asset", "materialize", "-m", "movies_assets.definitions"]
    return [*command, "--select", keys]


def _timed(
    name: str, command: Sequence[str], variables: dict[str, str], *, shown: bool = False
) -> float:
    """Run a command; return its seconds."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    started = time.perf_counter()
    with tempfile.NamedTemporaryFile("w+", suffix=".log", delete=False) as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)  # noqa: S603
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        if status:
            raise click.ClickException(f"{name} failed, see {log.name}")
        log.seek(0)
        if shown:
            click.echo("".join(line for line in log if line.startswith("  ")), nl=False)
    Path(log.name).unlink()
    click.echo(f"{name}: {seconds:.1f} s, {_usage(used)}")
    return seconds


def _usage(used: resource.struct_rusage) -> str:
    cpu = used.ru_utime + used.ru_stime
    return f"CPU {cpu:.0f} s, peak {used.ru_maxrss / 2**10:,.0f} MB"


def _steps(home: dict[str, str]) -> None:
    """Say what each step of the newest run took."""
    with dg.DagsterInstance.from_config(home["DAGSTER_HOME"]) as instance:
        (record,) = instance.get_run_records(limit=1)
        click.echo(f"  the run itself: {(record.end_time or 0) - (record.start_time or 0):.1f} s")
        for step in instance.get_run_step_stats(record.dagster_run.run_id):
            click.echo(f"  {(step.end_time or 0) - (step.start_time or 0):7.2f} s: {step.step_key}")


def _compare(database: Path, reference: Path) -> None:
    """Compare every table row by row.

    Raises:
        click.ClickException: some rows differ.
    """
    with duckdb.connect(
        config={"threads": THREADS, "temp_directory": f"{reference}.spill"}
    ) as both:
        both.execute("SET enable_progress_bar = false")
        both.execute(f"ATTACH '{database}' AS ours (READ_ONLY)")
        both.execute(f"ATTACH '{reference}' AS theirs (READ_ONLY)")
        differences = {name: _difference(both, name) for name in COMPUTED}
    click.echo(f"rows that differ: {differences}")
    if any(differences.values()):
        raise click.ClickException("the rows are not the same")


def _difference(both: duckdb.DuckDBPyConnection, name: str) -> int:
    described = both.execute(f"DESCRIBE ours.{name}").fetchall()
    columns = ", ".join(
        f"round({column}, {DIGITS})" if kind == "DOUBLE" else column
        for column, kind, *_ in described
    )
    ours, theirs = (f"(SELECT {columns} FROM {where}.{name})" for where in ("ours", "theirs"))
    (count,) = both.execute(
        f"SELECT count(*) FROM (({ours} EXCEPT ALL {theirs}) "
        f"UNION ALL ({theirs} EXCEPT ALL {ours}))"
    ).fetchone() or (0,)
    return int(count)
