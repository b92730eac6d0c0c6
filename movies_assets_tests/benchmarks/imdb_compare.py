"""Do contenders of the benchmark of IMDb store the same rows of gold as the reference.

`python -m movies_assets_tests.benchmarks.imdb_compare REFERENCE CONTENDER`: a DuckDB file each, or
a folder of Parquet files. At scale 0.1 this takes seconds.
"""

from collections.abc import Mapping
from pathlib import Path

import click
import duckdb

# Means are computed in another order by each engine.
DECIMALS = 6
# Its estimates of distinct values differ between engines.
PROFILES = "data_quality_snapshot"


@click.command()
@click.argument("reference", type=click.Path(exists=True, path_type=Path))
@click.argument("contender", type=click.Path(exists=True, path_type=Path))
def main(reference: Path, contender: Path) -> None:
    """Count the rows of each gold table that only one of the two has."""
    found = differences(reference, contender)
    for table, rows in found.items():
        click.echo(f"{rows:>12,} rows differ: {table}")
    if any(found.values()):
        raise click.ClickException("the gold tables differ")


def differences(reference: Path, contender: Path) -> Mapping[str, int]:
    """Return how many rows only one of the two has, by gold table.

    Raises:
        duckdb.Error: the contender lacks a table or a column.
    """
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{reference}' AS reference (READ_ONLY)")
        if contender.is_file():
            connection.execute(f"ATTACH '{contender}' AS contender (READ_ONLY)")
        tables = connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE database_name = 'reference' "
            f"AND schema_name = 'gold' AND table_name <> '{PROFILES}' ORDER BY ALL"
        ).fetchall()
        return {
            table: _different(
                connection,
                f"reference.gold.{table}",
                f"contender.gold.{table}"
                if contender.is_file()
                else f"'{contender}/gold/{table}.parquet'",
            )
            for (table,) in tables
        }


def _different(connection: duckdb.DuckDBPyConnection, one: str, other: str) -> int:
    described = connection.execute(f"DESCRIBE FROM {one}").fetchall()
    columns = ", ".join(
        f"round({name}::DOUBLE, {DECIMALS})" if "DOUBLE" in kind or "DECIMAL" in kind else name
        for name, kind, *_ in described
    )
    all_of = f"SELECT {columns} FROM {{}}"
    row = connection.execute(
        f"SELECT count(*) FROM (({all_of.format(one)} EXCEPT ALL {all_of.format(other)}) "
        f"UNION ALL ({all_of.format(other)} EXCEPT ALL {all_of.format(one)}))"
    ).fetchone()
    return int(row[0]) if row else 0


if __name__ == "__main__":
    main()
