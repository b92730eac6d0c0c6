"""Writing a snapshot: tables of the warehouse, and what is told of them, in a file of its own."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import duckdb
import pandas as pd

from movies_assets.contracts import Contract
from movies_assets.warehouse.database import ALIAS, STORAGE, literal, roll_back
from movies_assets.warehouse.published import COPY
from movies_assets.warehouse.writer import all_stored_types, create_table, number, same_type


class Filled(NamedTuple):
    """What was written into a snapshot.

    Attributes:
        rows: how many rows each of the tables has.
        orphans: references that point at no row, and of how many rows.
    """

    rows: Mapping[str, int]
    orphans: Mapping[str, int]


def write_snapshot(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    tables: Mapping[str, type[Contract]],
    described: Mapping[str, type[Contract]],
    told: Mapping[str, pd.DataFrame],
) -> Filled:
    """Write tables of the warehouse, and what is told of them, into a new file.

    Args:
        connection: a session to which the warehouse is attached.
        path: the file.
        tables: the tables by name. One that was never written is published empty, so that every
            query of a reader works.
        described: further tables of the schema `meta`, by name.
        told: the rows of those.

    Returns:
        What is in the file.
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
        filled = Filled(rows, _orphans(connection, tables))
        connection.execute(f"CHECKPOINT {COPY}")
    except BaseException:
        roll_back(connection)
        raise
    finally:
        connection.execute(f"USE {ALIAS}")
        connection.execute(f"DETACH {COPY}")
    return filled


def misfits(
    connection: duckdb.DuckDBPyConnection, tables: Mapping[str, type[Contract]]
) -> list[str]:
    """Return the stored tables whose columns are not those of their contract.

    Args:
        connection: a session to which the warehouse is attached.
        tables: the tables by name.
    """
    stored = all_stored_types(connection)
    return [
        name
        for name, contract in tables.items()
        if name in stored
        and any(
            not same_type(stored[name].get(column), dtype)
            for column, dtype in contract.ibis_schema().items()
        )
    ]


def _orphans(
    connection: duckdb.DuckDBPyConnection, tables: Mapping[str, type[Contract]]
) -> dict[str, int]:
    """Return the references that point at no row, and of how many rows.

    Each table was checked when it was written; its dimension may have been written since.
    """
    found = {}
    for name, contract in tables.items():
        for column, target in contract.references().items():
            if target in tables and column not in contract.tolerated():
                (key,) = tables[target].key()
                found[f"{name}.{column} -> {target}"] = number(
                    connection,
                    f"SELECT count(*) FROM {name} AS it ANTI JOIN {target} AS target "
                    f"ON it.{column} = target.{key} WHERE it.{column} IS NOT NULL",
                )
    return {name: rows for name, rows in found.items() if rows}


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
