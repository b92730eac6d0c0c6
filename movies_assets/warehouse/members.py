"""Rows that a write adds to the conformed dimensions that its table points at.

How the table itself is written belongs in `writer`. Why dimensions are filled here:
docs/decisions/0024-shared-dimensions-are-filled-by-their-readers.md.
"""

from collections.abc import Mapping

import duckdb
import ibis

from movies_assets.core.table import Table
from movies_assets.core.window import Window
from movies_assets.warehouse.changes import record_change
from movies_assets.warehouse.schema import ensure_table
from movies_assets.warehouse.sql import compile_sql, number
from movies_assets.warehouse.writer import covered_rows

KEYS = "keys_of_members"


def add_members(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    window: Window,
    tables: Mapping[str, Table],
) -> dict[str, int]:
    """Add the rows that conformed dimensions lack and that written rows point at.

    A row that breaks a rule of its dimension is left out, so added rows have passed the rules;
    the check `references` of the table then names the key.

    Args:
        connection: the open transaction in which the table was written.
        table: the table that was written.
        window: its partitions that were written.
        tables: all tables, by name.

    Returns:
        The conformed dimensions that the table points at, and how many rows each has gained.

    Raises:
        WarehouseError: a stored dimension does not fit its contract.
    """
    added: dict[str, int] = {}
    for column, name in table.contract.references().items():
        dimension = tables.get(name)
        if dimension and dimension.is_conformed:
            covered = covered_rows(table, window)
            rows = _add(connection, dimension, f"{column} FROM {table.name} WHERE {covered}")
            added[name] = added.get(name, 0) + rows
    return added


def _add(connection: duckdb.DuckDBPyConnection, dimension: Table, pointing: str) -> int:
    """Add the missing rows of a dimension; `pointing` selects the keys that are pointed at."""
    contract, name = dimension.contract, dimension.name
    (key,) = contract.key()
    ensure_table(connection, name, contract)
    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW {KEYS} AS SELECT {key} FROM {name} UNION SELECT {pointing}"
    )
    # Most writes find all they point at: making the expression would take them ten times as long.
    is_lacking = f"EXISTS (FROM {KEYS} ANTI JOIN {name} USING ({key})) OR NOT EXISTS (FROM {name})"
    if not number(connection, f"SELECT {is_lacking}"):
        return 0
    keys = ibis.table({key: contract.types()[key]}, name=KEYS)
    rows = dimension.function(keys).select(*contract.types())
    missing = rows.anti_join(contract.table(name), key)
    sound = missing.filter(
        *(rule.holds(missing) for rule in contract.rules()),
        missing.count().over(ibis.window(group_by=key)) == 1,
    )
    added = number(connection, f"INSERT INTO {name} BY NAME {compile_sql(sound)}")
    if added:
        record_change(connection, name)
    return added
