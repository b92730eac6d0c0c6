"""Linking titles at the size of the real IMDb, at once and after changes, on bare DuckDB.

And weights that Splink learns without labels.
"""

import json
import os
import resource
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
import duckdb

if TYPE_CHECKING:
    from movies_assets_tests.sources.titles.lab import Lab

# Movies and shows of two services; a third of them states no id.
SOURCE_TITLES, CHANGED_TITLES = 24_800, 200
READ = (
    "read_csv('{path}', delim='\t', quote='', escape='', nullstr='\\N', "
    "all_varchar=true, strict_mode=false)"
)
CHANGE = (
    "UPDATE silver.yts_movies SET year = year + 1 WHERE movie_id IN "
    f"(SELECT movie_id FROM silver.yts_movies ORDER BY movie_id LIMIT {CHANGED_TITLES})"
)


@click.command("titles")
@click.option("--dumps", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--memory-limit", default="3GB")
def titles(dumps: Path, memory_limit: str) -> None:
    """Compute the tables of the links from the dumps in a folder, then bring them up to date.

    Checks and Dagster are left out, and people. The folder, or one below it, holds title.basics,
    title.ratings and title.akas.
    """
    from movies_assets.warehouse.changes import record_change  # noqa: PLC0415 (heavy)
    from movies_assets_tests.sources.titles.lab import REFRESHED, Lab, sql_of  # noqa: PLC0415

    for name in REFRESHED:  # compiled beforehand, as each run compiles them once
        sql_of(name)
    with tempfile.TemporaryDirectory(dir=dumps) as folder:
        config = {"threads": 2, "memory_limit": memory_limit, "preserve_insertion_order": False}
        with duckdb.connect(Path(folder) / "titles.duckdb", config=config) as connection:
            connection.execute("SET enable_progress_bar = false")
            lab = Lab(connection)
            _load(connection, dumps)
            _measure("all computed", lab)
            _measure("nothing changed", lab)
            connection.execute(CHANGE)
            record_change(connection, "silver.yts_movies")
            _measure(f"{CHANGED_TITLES} titles changed", lab)
            record_change(connection, "silver.yts_movies")
            _measure("the same titles loaded again", lab)


def _measure(what: str, lab: "Lab") -> None:
    """Bring all tables up to date, and print the time of each and of all."""
    from movies_assets_tests.sources.titles.lab import REFRESHED  # noqa: PLC0415 (heavy)

    began, used = time.perf_counter(), time.process_time()
    for name in REFRESHED:
        started = time.perf_counter()
        changed = lab.refresh(name)[name]
        rows = lab.one(name, "count(*)")
        written = "all rows" if changed is None else f"{changed:,} rows written"
        click.echo(f"  {name}: {time.perf_counter() - started:.2f} s, {written} of {rows:,}")
    seconds, cpu = time.perf_counter() - began, time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    click.echo(f"{what}: {seconds:.1f} s, {cpu:.1f} s of CPU, {peak:,.0f} MB at most")


def _load(connection: duckdb.DuckDBPyConnection, dumps: Path) -> None:
    """Fill IMDb's silver tables, and titles of services that are much like some of them."""
    files = {
        name: READ.format(path=next(dumps.rglob(f"title.{name}.tsv.gz")))
        for name in ("basics", "ratings", "akas")
    }
    day = "DATE '2025-10-30' AS run_date"
    connection.execute(
        "INSERT INTO silver.imdb_titles BY NAME SELECT tconst, titleType AS title_type, "
        "primaryTitle AS primary_title, originalTitle AS original_title, false AS is_adult, "
        "startYear::BIGINT AS start_year, endYear::BIGINT AS end_year, "
        "runtimeMinutes::BIGINT AS runtime_minutes, averageRating::DOUBLE AS rating, "
        f"numVotes::BIGINT AS votes, {day} FROM {files['basics']} AS titles "
        f"LEFT JOIN {files['ratings']} AS ratings USING (tconst)"
    )
    connection.execute(
        "INSERT INTO silver.imdb_akas BY NAME SELECT titleId AS tconst, ordering::BIGINT AS "
        f"ordering, title, region, language, false AS is_original, {day} FROM {files['akas']}"
    )
    connection.execute(
        "CREATE TEMP TABLE chosen AS "
        "SELECT *, row_number() OVER (ORDER BY hash(tconst)) AS number, "
        "title_type IN ('tvSeries', 'tvMiniSeries') AS is_series FROM silver.imdb_titles "
        "WHERE title_type NOT IN ('tvEpisode', 'videoGame', 'tvPilot') "
        f"ORDER BY number LIMIT {SOURCE_TITLES}"
    )
    connection.execute(
        "INSERT INTO silver.yts_movies BY NAME SELECT number AS movie_id, primary_title AS title, "
        "start_year AS year, runtime_minutes, tconst AS imdb_code, DATE '2025-10-30' AS "
        "uploaded_date FROM chosen WHERE number % 3 > 0 AND NOT is_series"
    )
    connection.execute(
        "INSERT INTO silver.netflix_titles BY NAME SELECT 's' || number AS show_id, primary_title "
        "AS title, start_year + (number % 20 = 1)::INT AS release_year, runtime_minutes + "
        "number % 4 AS duration_minutes, CASE WHEN is_series THEN 'TV Show' ELSE 'Movie' END AS "
        "type, DATE '2025-10-30' AS arrived_date FROM chosen WHERE number % 3 = 0"
    )


# What Splink compares: the name in one spelling each, as it takes no lists.
SERVICE = """
    SELECT source_id AS unique_id, NULL AS tconst, name_keys[1] AS name_key, kind, year,
        runtime_minutes, NULL::BIGINT AS votes FROM silver.source_titles"""
IMDB = """
    SELECT tconst || ' ' || name_key AS unique_id, tconst, name_key,
        CASE WHEN title_type IN ('tvSeries', 'tvMiniSeries') THEN 'series' ELSE 'movie' END AS kind,
        start_year AS year, runtime_minutes, votes
    FROM silver.title_names JOIN silver.imdb_titles USING (tconst)"""
LEARNED = """
    SELECT source_id, tconst FROM learned WHERE likelihood >= {least}
    QUALIFY row_number() OVER (PARTITION BY source_id ORDER BY likelihood DESC, tconst) = 1"""


@click.command("titles-weights")
@click.option("--truth", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--splink-python", required=True, help="A Python that has Splink.")
def titles_weights(truth: Path, splink_python: str) -> None:
    """Learn weights by Splink from titles alone, and compare its links and ours with the truth.

    The folder holds `truth.csv` and `imdb_reference.csv.gz`, see docs/reference/benchmarks.md.
    """
    from movies_assets.sources.titles.weights import WEIGHTS  # noqa: PLC0415 (heavy)
    from movies_assets_tests.sources.titles.lab import lab  # noqa: PLC0415
    from movies_assets_tests.sources.titles.recorded import link  # noqa: PLC0415

    with lab() as laboratory, tempfile.TemporaryDirectory() as folder:
        connection = link(laboratory, truth).connection
        for query, name in ((SERVICE, "service"), (IMDB, "imdb")):
            connection.execute(f"COPY ({query}) TO '{folder}/{name}.parquet'")
        command = [splink_python, "-m", "movies_assets_tests.benchmarks.titles_splink", folder]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        subprocess.run(command, check=True, env=environment)  # noqa: S603
        found = json.loads((Path(folder) / "learned.json").read_text(encoding="utf-8"))
        for feature, learned in found["weights"].items():
            for level, bits in learned.items():
                ours = WEIGHTS[feature].get(level)
                pinned = "-" if ours is None else f"{ours:.2f}"
                click.echo(f"{feature}, {level}: learned {bits:.2f}, pinned {pinned}")
        connection.execute(
            "CREATE TABLE learned (source_id VARCHAR, tconst VARCHAR, likelihood DOUBLE)"
        )
        connection.executemany("INSERT INTO learned VALUES (?, ?, ?)", found["pairs"])
        ours = "SELECT source_id, tconst FROM gold.title_links WHERE tconst IS NOT NULL"
        _measured(connection, "the rules", ours)
        for least in (0.5, 0.9, 0.99):
            _measured(connection, f"Splink, from {least:.0%}", LEARNED.format(least=least))


def _measured(connection: duckdb.DuckDBPyConnection, name: str, links: str) -> None:
    """Print precision and recall of links."""
    from movies_assets_tests.sources.titles.recorded import ABSENT, KNOWN  # noqa: PLC0415 (heavy)

    linked, right, known = connection.execute(
        f"""
        SELECT count(tconst), count(*) FILTER (
            verdict IN {KNOWN} AND list_contains(string_split(accepted_imdb_id, '|'), tconst)),
            count(*) FILTER (verdict IN {KNOWN})
        FROM truth LEFT JOIN ({links}) USING (source_id)
        WHERE verdict IN {KNOWN} OR verdict IN {ABSENT}"""
    ).fetchone() or (0, 0, 0)
    click.echo(
        f"{name}: {linked} links, {right} right, precision {right / linked:.3f}, "
        f"recall {right / known:.3f}"
    )
