"""Writing a snapshot: tables of the warehouse, and what is told of them, in a file of its own."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import duckdb
import pandas as pd

from movies_assets.contracts import Contract
from movies_assets.warehouse.database import ALIAS, STORAGE, literal
from movies_assets.warehouse.writer import all_stored_types, create_table, number

COPY = "published"


def write_snapshot(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    tables: Mapping[str, type[Contract]],
    described: Mapping[str, type[Contract]],
    told: Mapping[str, pd.DataFrame],
) -> dict[str, int]:
    """Write tables of the warehouse, and what is told of them, into a new file.

    Args:
        connection: a session to which the warehouse is attached.
        path: the file.
        tables: the tables by name. One that was never written is published empty, so that every
            query of a reader works.
        described: further tables of the schema `meta`, by name.
        told: the rows of those.

    Returns:
        How many rows each of the tables has.
    """
    present = all_stored_types(connection)
    connection.execute(f"ATTACH {literal(str(path))} AS {COPY} ({STORAGE})")
    connection.execute(f"USE {COPY}")
    try:
        contracts = {**tables, **{f"meta.{name}": each for name, each in described.items()}}
        # Each comment on a column would be a transaction of its own: 0.8 s instead of 0.1.
        connection.execute("BEGIN")
        for name, contract in contracts.items():
            create_table(connection, name, contract)
        connection.execute("COMMIT")
        rows = {
            name: _insert(connection, name, contract, f"{ALIAS}.{name}", present.get(name, ()))
            for name, contract in tables.items()
        }
        for name, contract in described.items():
            connection.register("told", told[name])
            _insert(connection, f"meta.{name}", contract, "told", told[name].columns)
            connection.unregister("told")
        connection.execute(f"CHECKPOINT {COPY}")
    finally:
        connection.execute(f"USE {ALIAS}")
        connection.execute(f"DETACH {COPY}")
    return rows


def _insert(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    contract: type[Contract],
    source: str,
    columns: Iterable[str],
) -> int:
    """Fill a table with the columns that its source has; return how many rows."""
    known = ", ".join(column for column in contract.types() if column in {*columns})
    if not known:
        return 0
    return number(connection, f"INSERT INTO {name} BY NAME SELECT {known} FROM {source}")
