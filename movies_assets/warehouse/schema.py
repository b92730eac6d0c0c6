"""The tables of the database: create them from contracts, upgrade them, describe them.

Everything happens in the caller's transaction.
"""

from collections.abc import Iterable, Iterator

import duckdb

from movies_assets.core.contract import Contract
from movies_assets.core.table import Table
from movies_assets.warehouse.database import WarehouseError
from movies_assets.warehouse.quoting import literal
from movies_assets.warehouse.types import ddl, duckdb_types, same_type

# Types that become another without a loss: every number has a text.
WIDENED = {("BIGINT", "VARCHAR"), ("DOUBLE", "VARCHAR")}


def ensure_table(
    connection: duckdb.DuckDBPyConnection, name: str, contract: type[Contract]
) -> None:
    """Create a contract's table, or bring the stored one up to the contract.

    Columns that the contract has gained are added; numbers that it has as text become text.

    Raises:
        WarehouseError: the stored table differs from the contract in a way that would lose data.
    """
    if stored := stored_types(connection, name):
        _migrate(connection, name, stored, contract)
        _describe(connection, name, contract)
    else:
        create_table(connection, name, contract)


def create_table(
    connection: duckdb.DuckDBPyConnection, name: str, contract: type[Contract]
) -> None:
    """Create a contract's table, with its descriptions, where there is none."""
    schema = name.split(".", maxsplit=1)[0]
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    connection.execute(
        "; ".join([f"CREATE TABLE {name} ({ddl(contract)})", *_comments(name, contract)])
    )


def describe_table(
    connection: duckdb.DuckDBPyConnection, name: str, contract: type[Contract]
) -> None:
    """Store the contract's descriptions with its table."""
    connection.execute("; ".join(_comments(name, contract)))


def _comments(name: str, contract: type[Contract]) -> Iterator[str]:
    yield f"COMMENT ON TABLE {name} IS {literal(contract.grain())}"
    for column, description in contract.descriptions().items():
        yield f"COMMENT ON COLUMN {name}.{column} IS {literal(description)}"


def stored_types(connection: duckdb.DuckDBPyConnection, name: str) -> dict[str, str]:
    """Return a stored table's columns and types, empty where there is no such table."""
    try:
        described = connection.execute(f"DESCRIBE {name}").fetchall()
    except duckdb.CatalogException:
        return {}
    # Asking duckdb_columns() for one table takes 10 ms, for it looks at all of them.
    return {column: type_ for column, type_, *_ in described}


def all_stored_types(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str]]:
    """Return the columns of every stored table, in their order, and their types."""
    found: dict[str, dict[str, str]] = {}
    for name, column, type_ in connection.execute(
        "SELECT schema_name || '.' || table_name, column_name, data_type FROM duckdb_columns() "
        "WHERE database_name = current_database() ORDER BY schema_name, table_name, column_index"
    ).fetchall():
        found.setdefault(name, {})[column] = type_
    return found


def arrived_columns(connection: duckdb.DuckDBPyConnection, table: Table) -> list[str]:
    """Return the columns that files have brought beyond those of the contract."""
    if not table.contract.allows_new_columns():
        return []
    known = table.contract.types()
    return [name for name in stored_types(connection, table.name) if name not in known]


def upgrade(connection: duckdb.DuckDBPyConnection, name: str, contract: type[Contract]) -> None:
    """Add the columns that a table's contract has gained, so that the stored table can be read."""
    if stored := stored_types(connection, name):
        _upgrade(connection, name, stored, contract)


def ensure_input(
    connection: duckdb.DuckDBPyConnection, name: str, contract: type[Contract]
) -> None:
    """Create the empty table of a source that was never run; one that is there stays untouched."""
    if not stored_types(connection, name):
        ensure_table(connection, name, contract)


def _migrate(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    stored: dict[str, str],
    contract: type[Contract],
) -> None:
    wanted = contract.types()
    if not contract.allows_new_columns():
        _refuse_lost_columns(name, stored, wanted)
    types = duckdb_types(contract)
    changed = [
        c
        for c in stored
        if c in wanted
        and not same_type(stored[c], wanted[c])
        and (stored[c], types[c]) not in WIDENED
    ]
    if changed:
        fixes = "; ".join(f"ALTER TABLE {name} ALTER COLUMN {c} TYPE {types[c]}" for c in changed)
        raise WarehouseError(
            f"{name}: the contract changed the type of "
            f"{', '.join(f'{c} from {stored[c]} to {types[c]}' for c in changed)}. Nothing was "
            f"touched. Convert the stored rows ({fixes}) or drop the table and backfill it."
        )
    _upgrade(connection, name, stored, contract)


def _upgrade(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    stored: dict[str, str],
    contract: type[Contract],
) -> None:
    """Turn numbers into text and add columns, as the contract declares; no value is lost."""
    for column, type_ in duckdb_types(contract).items():
        if column not in stored:
            connection.execute(f"ALTER TABLE {name} ADD COLUMN {column} {type_}")
        elif (stored[column], type_) in WIDENED:
            connection.execute(f"ALTER TABLE {name} ALTER COLUMN {column} TYPE {type_}")


def _refuse_lost_columns(name: str, stored: dict[str, str], wanted: Iterable[str]) -> None:
    if lost := [column for column in stored if column not in set(wanted)]:
        fixes = "; ".join(f"ALTER TABLE {name} DROP COLUMN {column}" for column in lost)
        raise WarehouseError(
            f"{name}: the stored table has columns that the contract does not know: "
            f"{', '.join(lost)}. Nothing was touched. Add them to the contract again, or "
            f"drop them for good: {fixes}"
        )


def _describe(connection: duckdb.DuckDBPyConnection, name: str, contract: type[Contract]) -> None:
    """Store the contract's descriptions in the database, where they have changed."""
    wanted = {"": contract.grain(), **contract.descriptions()}
    stored = connection.execute(
        "SELECT '', comment FROM duckdb_tables() WHERE database_name = current_database() AND "
        "schema_name || '.' || table_name = $name UNION ALL "
        "SELECT column_name, comment FROM duckdb_columns() WHERE database_name = "
        "current_database() AND schema_name || '.' || table_name = $name",
        {"name": name},
    ).fetchall()
    if wanted.items() <= dict(stored).items():
        return
    describe_table(connection, name, contract)
