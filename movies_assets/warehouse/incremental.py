"""Bring a table up to date that each run replaces: leave out what has not changed.

Which groups of rows may have changed is declared with the table, see `core.incremental`.
"""

from collections.abc import Mapping
from dataclasses import replace

import duckdb
import ibis
import ibis.expr.types as ir

from movies_assets.core.outcome import differences
from movies_assets.core.table import Table
from movies_assets.warehouse import changes
from movies_assets.warehouse.sql import compile_sql, number
from movies_assets.warehouse.staging import explaining
from movies_assets.warehouse.writer import ROW, SAMPLE_ROWS, Loaded

GROUPS, PART = "changed_groups", "part"


def unchanged(
    connection: duckdb.DuckDBPyConnection, table: Table, code: str
) -> tuple[Loaded, str] | None:
    """Return what is stored of a table, and its query, if nothing that it reads was changed.

    Args:
        connection: an open transaction.
        table: the table.
        code: the version of the code that computes its rows.
    """
    before = changes.computed_from(connection, table.name)
    if _differing(connection, table, code, before):
        return None
    return replace(_stored(connection, table), written=0), before[changes.QUERY]


def update(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    code: str,
    query: str,
    tables: Mapping[str, Table],
) -> Loaded | None:
    """Bring a table up to date whose inputs were changed, and write only what differs.

    Args:
        connection: an open transaction.
        table: the table.
        code: the version of the code that computes its rows.
        query: the SQL that computes all of them.
        tables: all tables, by name.

    Returns:
        What is stored; None where all rows have to be replaced, and nothing was changed.

    Raises:
        WarehouseError: a value cannot be computed.
    """
    given, before = table.incremental, changes.computed_from(connection, table.name)
    differing = _differing(connection, table, code, before)
    if not given or differing & {table.name, changes.CODE, *given.whole}:
        return None
    with explaining(connection, table):
        rows = table.contract.table(table.name)
        stored = rows.mutate(**{ROW: rows.rowid()})
        if given.changed:
            inputs = {
                name: tables[read].contract.table(read) for name, read in table.reads().items()
            }
            groups = _collected(connection, given.changed(rows, inputs))
            query = compile_sql(table(**given.within(inputs, groups)))
            stored = stored.semi_join(groups, groups.columns)
        written = _write_differences(connection, table, query, stored)
    return replace(_stored(connection, table), written=written)


def record(connection: duckdb.DuckDBPyConnection, table: Table, code: str, query: str) -> None:
    """Record that a table is up to date; the parameters are those of `update`."""
    state = {**_state(connection, table, code), changes.QUERY: query}
    changes.record_computed_from(connection, table.name, state)


def _differing(
    connection: duckdb.DuckDBPyConnection, table: Table, code: str, before: Mapping[str, str]
) -> set[str]:
    now = _state(connection, table, code)
    return {name for name in now if before.get(name) != now[name]}


def _state(connection: duckdb.DuckDBPyConnection, table: Table, code: str) -> dict[str, str]:
    return changes.state(connection, {table.name, *table.reads().values()}, code)


def _collected(connection: duckdb.DuckDBPyConnection, groups: ir.Table) -> ir.Table:
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {GROUPS} AS {compile_sql(groups)}")
    return ibis.table(groups.schema(), name=GROUPS)


def _write_differences(
    connection: duckdb.DuckDBPyConnection, table: Table, query: str, stored: ir.Table
) -> int:
    """Store what differs of computed rows; return how many rows that is.

    Args:
        connection: an open transaction.
        table: the table.
        query: the SQL that computes rows.
        stored: the stored rows that they replace, with the column ROW.
    """
    types = table.contract.types()
    empty = compile_sql(table.contract.table(table.name).limit(0))
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {PART} AS {empty}")
    connection.execute(f"INSERT INTO {PART} BY NAME {query}")
    new, old = differences(ibis.table(types, name=PART), stored, [*types])
    is_old = f"rowid IN ({compile_sql(old.select(ROW))})"
    removed = number(connection, f"DELETE FROM {table.name} WHERE {is_old}")
    return removed + number(connection, f"INSERT INTO {table.name} BY NAME {compile_sql(new)}")


def _stored(connection: duckdb.DuckDBPyConnection, table: Table) -> Loaded:
    return Loaded(
        rows=number(connection, f"SELECT count(*) FROM {table.name}"),
        quarantined=0,
        duplicates=0,
        sample=connection.execute(f"SELECT * FROM {table.name} LIMIT {SAMPLE_ROWS}").df(),
    )
