"""When each table was changed, and from which state of its inputs it was computed.

Both are stored in the transaction that writes the table. So they hold after any interruption, and
in any order of runs.
"""

from collections.abc import Iterable, Mapping
from uuid import uuid4

import duckdb
import ibis

from movies_assets.core.contract import Contract, Instant, column
from movies_assets.warehouse.quoting import literal
from movies_assets.warehouse.schema import create_table, stored_types

CHANGED, COMPUTED_FROM = "audit.changed", "audit.computed_from"
CODE, QUERY = "code", "query"
"""The names, among the inputs of a table, of the version of its code and of its query."""


class Changed(Contract):
    """One row per table: its newest change."""

    table_name: str = column("The table, as schema.table.", key=True)
    change_id: str = column("The change.")
    changed_at: Instant = column("When (UTC).")


class ComputedFrom(Contract):
    """One row per table and input, itself included: the change after which it was computed."""

    table_name: str = column("The table, as schema.table.", key=True)
    input_name: str = column("The input, as schema.table; code, or query.", key=True)
    state: str = column(
        "The newest change of the input and its number of rows; versions of code; SQL of a query."
    )


def record_change(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    """Record, in its transaction, that rows of a table were changed."""
    _ensure(connection, CHANGED, Changed)
    connection.execute(f"DELETE FROM {CHANGED} WHERE table_name = ?", [table])
    connection.execute(f"INSERT INTO {CHANGED} VALUES (?, ?, now())", [table, uuid4().hex])


def state(
    connection: duckdb.DuckDBPyConnection, tables: Iterable[str], code: str
) -> dict[str, str]:
    """Return the newest change of each table, with its number of rows, and versions of code.

    The rows are counted because a table may have been dropped or changed by hand.

    Args:
        connection: the warehouse is attached to it.
        tables: the tables, which exist.
        code: the version of the code that computes rows from them.
    """
    _ensure(connection, CHANGED, Changed)
    counts = " UNION ALL ".join(
        f"SELECT {literal(name)} AS table_name, count(*) AS rows FROM {name}" for name in tables
    )
    rows = connection.execute(
        f"SELECT table_name, concat_ws(' ', change_id, rows) FROM ({counts}) "
        f"LEFT JOIN {CHANGED} USING (table_name)"
    ).fetchall()
    # Another version of a library may compute something else by the same code.
    return {**dict(rows), CODE: f"{code}, ibis {ibis.__version__}, duckdb {duckdb.__version__}"}


def computed_from(connection: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    """Return the state from which a table was computed, and its query; empty if not known."""
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
