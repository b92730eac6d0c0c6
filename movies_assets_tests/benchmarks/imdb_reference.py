"""The reference for IMDb's dumps: bare DuckDB, the same tables by hand, without Dagster or checks.

`python -m movies_assets_tests.benchmarks.imdb_reference --dumps DIR --database FILE`
"""

import re
import resource
import time
from collections.abc import Sequence
from pathlib import Path

import click
import duckdb

COLUMNS = {
    "title.basics": (
        "tconst VARCHAR, title_type VARCHAR, primary_title VARCHAR, original_title VARCHAR, "
        "is_adult BIGINT, start_year BIGINT, end_year BIGINT, runtime_minutes BIGINT, "
        "genres VARCHAR"
    ),
    "title.ratings": "tconst VARCHAR, average_rating VARCHAR, num_votes BIGINT",
    "title.episode": (
        "tconst VARCHAR, parent_tconst VARCHAR, season_number BIGINT, episode_number BIGINT"
    ),
    "title.crew": "tconst VARCHAR, directors VARCHAR, writers VARCHAR",
    "title.principals": (
        "tconst VARCHAR, ordering BIGINT, nconst VARCHAR, category VARCHAR, job VARCHAR, "
        "characters VARCHAR"
    ),
    "name.basics": (
        "nconst VARCHAR, primary_name VARCHAR, birth_year BIGINT, death_year BIGINT, "
        "primary_profession VARCHAR, known_for_titles VARCHAR"
    ),
    "title.akas": (
        "title_id VARCHAR, ordering BIGINT, title VARCHAR, region VARCHAR, language VARCHAR, "
        "types VARCHAR, attributes VARCHAR, is_original_title BIGINT"
    ),
}
"""What each dump holds, in order."""

CODECS = {
    "zstd": "tconst parent_tconst series_tconst nconst primary_title original_title episode_title",
    "dictionary": "title_type genres genre series_title problem line _source _run_id",
}
"""What --codecs names; DuckDB chooses for all other columns."""


@click.command()
@click.option(
    "--dumps",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="Where the dumps are, somewhere below or in a folder run_date=YYYY-MM-DD.",
)
@click.option("--database", type=click.Path(exists=False, path_type=Path), required=True)
@click.option("--files", default="title.basics,title.ratings,title.episode")
@click.option("--memory-limit", default="4GB")
@click.option("--gold-only", is_flag=True, help="Keep only the gold tables.")
@click.option("--publish", is_flag=True, help="Also copy the gold tables into a second database.")
@click.option("--codecs", is_flag=True, help="Name compressions, instead of letting DuckDB try.")
def main(  # noqa: PLR0913 (options of a command)
    dumps: Path,
    database: Path,
    files: str,
    memory_limit: str,
    *,
    gold_only: bool,
    publish: bool,
    codecs: bool,
) -> None:
    """Load IMDb's dumps into a new database by hand, and say what each statement costs."""
    if database.exists():
        raise click.UsageError(f"{database} exists already")
    started, used = time.perf_counter(), time.process_time()
    config = {"threads": 2, "preserve_insertion_order": False, "memory_limit": memory_limit}
    if codecs:
        config["storage_compatibility_version"] = "v1.2.0"  # the first with zstd
    with duckdb.connect(database, config=config) as connection:
        connection.execute("SET enable_progress_bar = false; CREATE SCHEMA gold")
        if not gold_only:
            connection.execute("CREATE SCHEMA bronze; CREATE SCHEMA silver")
        for statement in _statements(dumps, files.split(","), gold_only=gold_only):
            _run(connection, statement, codecs=codecs)
        _run(connection, _snapshot(connection))
        if publish:
            _publish(connection, database.with_suffix(".published.duckdb"))
    click.echo(
        f"{time.perf_counter() - started:.2f} s in all, {time.process_time() - used:.2f} s CPU, "
        f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB, "
        f"{database.name} {database.stat().st_size / 2**20:.0f} MB"
    )


def _run(connection: duckdb.DuckDBPyConnection, statement: str, *, codecs: bool = False) -> None:
    started, used = time.perf_counter(), time.process_time()
    _, create, rest = statement.partition("CREATE TABLE ")
    if codecs and create:
        table, query = re.split(r"\sAS\s", rest, maxsplit=1)
        connection.execute(f"CREATE TABLE {table} ({_columns(connection, query)})")
        statement = f"INSERT INTO {table} {query}"
    connection.execute(statement)
    seconds, cpu = time.perf_counter() - started, time.process_time() - used
    if table := re.search(r"(?:CREATE (?:TEMP )?TABLE|INSERT INTO) (\S+)", statement):
        (rows,) = connection.table(table[1]).count("*").fetchone() or (0,)
        click.echo(f"{seconds:7.2f} s, {cpu:7.2f} s CPU: {table[1]}, {rows:,} rows")


def _publish(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Copy the gold tables into another database, as a run's snapshot for readers has them."""
    tables = connection.execute(
        "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'gold' ORDER BY ALL"
    ).fetchall()
    connection.execute(f"ATTACH '{path}' AS published; CREATE SCHEMA published.gold")
    for (table,) in tables:
        _run(connection, f"CREATE TABLE published.gold.{table} AS FROM gold.{table}")
    connection.execute("DETACH published")


def _columns(connection: duckdb.DuckDBPyConnection, query: str) -> str:
    codecs = {column: codec for codec, names in CODECS.items() for column in names.split()}
    return ", ".join(
        f"{name} {kind} USING COMPRESSION {codecs[name]}"
        if kind == "VARCHAR" and name in codecs
        else f"{name} {kind}"
        for name, kind, *_ in connection.execute(f"DESCRIBE {query}").fetchall()
    )


def _statements(dumps: Path, files: Sequence[str], *, gold_only: bool) -> list[str]:
    text = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    _, *parts = re.split(r"^-- == (\w+)$", text, flags=re.MULTILINE)
    sections = dict(zip(parts[::2], parts[1::2], strict=True))
    wanted = ("lean", "gold") if gold_only else ("bronze", "silver", "keyed", "gold")

    def expand(match: re.Match[str]) -> str:
        what, file = match.groups()
        paths = sorted(dumps.rglob(f"{file}.tsv.gz")) if file in files else []
        if what == "newest":
            return f"DATE '{paths[-1].parent.name.removeprefix('run_date=')}'" if paths else "NULL"
        newest_only = gold_only and file != "title.ratings"
        return _read(paths[-1:] if newest_only else paths, COLUMNS[file])

    chosen = "".join(sections[name] for name in wanted)
    return re.sub(r"\b(read|newest)\(([a-z.]+)\)", expand, chosen).split(";\n")[:-1]


def _read(paths: Sequence[Path], columns: str) -> str:
    pairs = [column.split() for column in columns.split(", ")]
    if paths:
        types = ", ".join(f"{name}: '{kind}'" for name, kind in pairs)
        source = (
            f"read_csv({[str(path) for path in paths]}, columns = {{{types}}}, "
            "auto_detect = false, header = true, delim = '\t', quote = '', escape = '', "
            "nullstr = '\\N', ignore_errors = true, filename = true, "
            "hive_partitioning = true, hive_types = {run_date: 'DATE'})"
        )
    else:
        nothing = ", ".join(f"NULL::{kind} AS {name}" for name, kind in pairs)
        source = (
            f"(SELECT {nothing}, NULL::VARCHAR AS filename, NULL::DATE AS run_date WHERE false)"
        )
    return f"""(
        SELECT
            * EXCLUDE (filename, run_date), NULL::VARCHAR AS problem, NULL::VARCHAR AS line,
            run_date, now() AS _ingested_at, filename AS _source, 'reference' AS _run_id
        FROM {source}
    )"""


def _snapshot(connection: duckdb.DuckDBPyConnection) -> str:
    """Compose one scan a table, all of them one statement."""
    tables = connection.execute(
        "SELECT schema_name || '.' || table_name, list(column_name ORDER BY column_index) "
        "FROM duckdb_columns() WHERE schema_name IN ('silver', 'gold') GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    return "CREATE TABLE gold.data_quality_snapshot AS " + " UNION ALL ".join(
        f"SELECT '{table}' AS table_name, run_date, unnest([{', '.join(map(_profile, columns))}], "
        f"recursive := true) FROM (SELECT count(*) AS row_count, max(run_date) AS run_date, "
        f"{', '.join(map(_aggregates, columns))} FROM {table})"
        for table, columns in tables
    )


def _aggregates(column: str) -> str:
    return (
        f"count({column}) AS n_{column}, min({column}) AS min_{column}, "
        f"max({column}) AS max_{column}, approx_count_distinct({column}) AS distinct_{column}"
    )


def _profile(column: str) -> str:
    return (
        f"{{column_name: '{column}', row_count: row_count, null_count: row_count - n_{column}, "
        f"min_value: min_{column}::VARCHAR, max_value: max_{column}::VARCHAR, "
        f"approx_distinct: distinct_{column}}}"
    )


if __name__ == "__main__":
    main()
