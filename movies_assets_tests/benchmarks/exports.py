"""Parquet and Delta of a table of millions of rows, against DuckDB's bare COPY."""

import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click
import duckdb

from movies_assets.definitions import TABLES
from movies_assets.serving import delta, parquet
from movies_assets.serving.exports import Export, reading
from movies_assets.warehouse.database import Warehouse
from movies_assets.warehouse.schema import ensure_table

MOVIES = TABLES["gold.imdb_movie_facts"]
GENRES = 28
WEEK = 168


@click.command()
@click.option("--rows", default=2_300_000)
@click.option("--memory-limit", default="1GB")
def exports(rows: int, memory_limit: str) -> None:
    """IMDb's movie facts as Parquet by run date, decade and genre, and as Delta by run date."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        snapshot = _snapshot(root / "movies_1.duckdb", rows)
        warehouse = Warehouse(root / "none.duckdb", memory_limit=memory_limit)
        with reading(warehouse, snapshot) as connection:
            export = Export(MOVIES, connection, snapshot.stem)
            bare = f"COPY ({export.query}) TO '{root / 'bare'}"
            target = parquet.folder(str(root / "parquet"), root)

            _timed("fingerprint", lambda: export.divisions())  # noqa: PLW0108
            _timed(
                "bare COPY, one file",
                lambda: connection.execute(f"{bare}.parquet' (FORMAT parquet, COMPRESSION zstd)"),
            )
            _timed(
                "bare COPY, divided",
                lambda: connection.execute(
                    f"{bare}' (FORMAT parquet, COMPRESSION zstd, WRITE_PARTITION_COLUMNS true, "
                    "PARTITION_BY (run_date, decade, genre))"
                ),
            )
            _timed("Parquet", lambda: parquet.write(export, target, str(root / "parquet")))
            _timed("again", lambda: parquet.write(export, target, str(root / "parquet")))
            _timed("Delta", lambda: delta.write(export, str(root / "delta"), WEEK))
            _timed("again", lambda: delta.write(export, str(root / "delta"), WEEK))


def _timed(name: str, work: Callable[[], object]) -> None:
    started = time.perf_counter()
    work()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    click.echo(f"{name}: {time.perf_counter() - started:.2f} s, peak so far {peak} MB")


def _snapshot(path: Path, rows: int) -> Path:
    """Write movie facts as large as the real ones; texts are random, so that they weigh as much."""
    with duckdb.connect(path) as connection:
        ensure_table(connection, MOVIES.name, MOVIES.contract)
        connection.execute(
            f"""
            INSERT INTO {MOVIES.name} BY NAME
            SELECT n AS movie_key,
                   'Genre ' || (n % {GENRES}) AS genre,
                   left(md5(n::VARCHAR), 18) AS primary_title,
                   left(md5(n::VARCHAR), 18) AS original_title,
                   y AS start_year,
                   y // 10 * 10 AS decade,
                   coalesce(y // 10 * 10 || 's', 'Unknown') AS decade_label,
                   (60 + n % 120)::BIGINT AS runtime_minutes,
                   'Genre ' || (n % {GENRES}) AS genres,
                   (n % 90 + 10) / 10 AS rating,
                   n % 10_000 AS votes,
                   left(md5((n + 1)::VARCHAR), 14) AS directors,
                   left(md5((n + 2)::VARCHAR), 14) AS writers,
                   md5((n + 3)::VARCHAR) AS top_actors,
                   'nm' || (n % 1_000_000) AS top_actor_keys,
                   '<1k' AS vote_bucket,
                   'Good' AS rating_band,
                   DATE '2025-10-31' AS run_date
            FROM (SELECT range AS n,
                         CASE WHEN range % 9 > 0 THEN 1900 + hash(range) % 126 END::BIGINT AS y
                  FROM range({rows}))
            """
        )
    return path
