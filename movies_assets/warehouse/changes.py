"""When each table was changed, and from which state of its inputs it was computed.

Both are stored in the transaction that writes the table. So they hold after any interruption, and
in any order of runs.
"""

import hashlib
from collections.abc import Iterable, Mapping
from uuid import uuid4

import duckdb

from movies_assets.core.contract import Contract, Instant, column
from movies_assets.warehouse.quoting import literal
from movies_assets.warehouse.schema import create_table, stored_types

CHANGED, COMPUTED_FROM = "audit.changed", "audit.computed_from"
QUERY = "query"
"""What stands for a table's query among its inputs."""


class Changed(Contract):
    """One row per table: its newest change."""

    table_name: str = column("The table, as schema.table.", key=True)
    change_id: str = column("The change.")
    changed_at: Instant = column("When (UTC).")


class ComputedFrom(Contract):
    """One row per table and input, itself included: the change after which it was computed."""

    table_name: str = column("The table, as schema.table.", key=True)
    input_name: str = column("The input, as schema.table; query: the query itself.", key=True)
    state: str = column("The newest change of the input and its number of rows; a query's digest.")


def record_change(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    """Record, in its transaction, that rows of a table were changed."""
    _ensure(connection, CHANGED, Changed)
    connection.execute(f"DELETE FROM {CHANGED} WHERE table_name = ?", [table])
    connection.execute(f"INSERT INTO {CHANGED} VALUES (?, ?, now())", [table, uuid4().hex])


def state(
    connection: duckdb.DuckDBPyConnection, tables: Iterable[str], query: str
) -> dict[str, str]:
    """Return the newest change of each table, with its number of rows, and a digest of a query.

    The rows are counted because a table may have been dropped or changed by hand.

    Args:
        connection: the warehouse is attached to it.
        tables: the tables, which exist.
        query: the SQL that computes rows from them.
    """
    _ensure(connection, CHANGED, Changed)
    counts = " UNION ALL ".join(
        f"SELECT {literal(name)} AS table_name, count(*) AS rows FROM {name}" for name in tables
    )
    rows = connection.execute(
        f"SELECT table_name, concat_ws(' ', change_id, rows) FROM ({counts}) "
        f"LEFT JOIN {CHANGED} USING (table_name)"
    ).fetchall()
    # Another version of the engine may compute something else from the same query.
    text = f"{duckdb.__version__}\n{query}"
    return {**dict(rows), QUERY: hashlib.sha256(text.encode()).hexdigest()}


def computed_from(connection: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    """Return the state from which a table was computed; nothing where that is not known."""
    if not stored_types(connection, COMPUTED_FROM):
        return {}
    query = f"SELECT input_name, state FROM {COMPUTED_FROM} WHERE table_name = ?"
    return dict(connection.execute(query, [table]).fetchall())


def record_computed_from(
    connection: duckdb.DuckDBPyConnection, table: str, found: Mapping[str, str]
) -> None:
    """Record, in its transaction, the state from which a table was computed."""
    _ensure(connection, COMPUTED_FROM, ComputedFrom)
    connection.execute(f"DELETE FROM {COMPUTED_FROM} WHERE table_name = ?", [table])
    rows = [(table, *each) for each in found.items()]
    connection.executemany(f"INSERT INTO {COMPUTED_FROM} VALUES (?, ?, ?)", rows)


def _ensure(connection: duckdb.DuckDBPyConnection, name: str, contract: type[Contract]) -> None:
    if not stored_types(connection, name):
        create_table(connection, name, contract)
