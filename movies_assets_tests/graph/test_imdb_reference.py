"""The pipeline against the same tables in bare SQL, written on their own: row by row equal."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from movies_assets.definitions import TABLES
from movies_assets.sample.imdb import generate
from movies_assets.settings import load
from movies_assets.sources.imdb import FILES
from movies_assets_tests.benchmarks import imdb_reference
from movies_assets_tests.conftest import ALL_DUMPS, Platform, land

RUN_DATES = ["2025-10-29", "2025-10-30"]
NAMES = [name for name in TABLES if name.startswith(("silver.imdb_", "gold.imdb_"))]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse, `warehouse`, and the `reference`, of two run dates of the sample."""
    folder = tmp_path_factory.mktemp("both")
    settings = load(data_dir=folder / "data", imdb=ALL_DUMPS)
    dumps, reference = folder / "dumps", folder / "reference.duckdb"
    for run_date in RUN_DATES:
        made = dumps / f"run_date={run_date}"
        generate(made, run_date=date.fromisoformat(run_date), scale=settings.sample.imdb_scale)
        packed = {file: (made / f"{file}.tsv.gz").read_bytes() for file in FILES}
        land(settings.landing, run_date, packed, packed=False)
    with dg.DagsterInstance.ephemeral() as instance:
        platform = Platform(settings, instance)
        assert platform.run(*RUN_DATES, job="imdb_daily").success
    run_reference(dumps, reference)
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{platform.warehouse.path}' AS warehouse (READ_ONLY)")
        connection.execute(f"ATTACH '{reference}' AS reference (READ_ONLY)")
        yield connection


def run_reference(dumps: Path, database: Path) -> None:
    chosen = {"--dumps": dumps, "--database": database, "--files": ",".join(FILES)}
    arguments = [str(text) for option in chosen.items() for text in option]
    imdb_reference.main(arguments, standalone_mode=False)


@pytest.mark.parametrize("name", NAMES)
def test_the_pipeline_and_bare_sql_make_the_same_rows(both, name):
    columns = ", ".join(TABLES[name].contract.types())
    made, expected = (
        f"(SELECT {columns} FROM {side}.{name})" for side in ("warehouse", "reference")
    )
    assert both.sql(f"FROM {made}").limit(1).fetchall(), "the sample has no such rows"
    assert both.sql(f"FROM {made} EXCEPT ALL FROM {expected}").limit(5).fetchall() == []
    assert both.sql(f"FROM {expected} EXCEPT ALL FROM {made}").limit(5).fetchall() == []


@pytest.mark.parametrize("name", NAMES)
def test_the_pipeline_and_bare_sql_make_the_same_columns(both, name):
    made, expected = (
        dict(both.sql(f"SELECT column_name, column_type FROM (DESCRIBE {side}.{name})").fetchall())
        for side in ("warehouse", "reference")
    )
    assert made == expected


def test_nothing_of_the_sample_is_refused(both):
    refused = both.sql(
        "SELECT table_name, estimated_size FROM duckdb_tables() WHERE database_name = 'warehouse' "
        "AND schema_name = 'quarantine' AND table_name LIKE 'imdb%' AND estimated_size > 0"
    )
    assert refused.fetchall() == []
