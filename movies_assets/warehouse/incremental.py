"""Bring a table up to date that each run replaces: leave out what has not changed.

Which groups of rows may have changed is declared with the table, see `core.incremental`.
"""

from collections.abc import Mapping
from dataclasses import replace

import duckdb
import ibis
import ibis.expr.types as ir

from movies_assets.core.incremental import differences
from movies_assets.core.table import Table
from movies_assets.warehouse import changes
from movies_assets.warehouse.sql import compile_sql, number
from movies_assets.warehouse.staging import explaining
from movies_assets.warehouse.writer import ROW, SAMPLE_ROWS, Loaded

GROUPS, PART = "changed_groups", "part"


def update(
    connection: duckdb.DuckDBPyConnection, table: Table, query: str, tables: Mapping[str, Table]
) -> Loaded | None:
    """Bring a table up to date without computing all of its rows, if that is possible.

    Args:
        connection: an open transaction.
        table: the table.
        query: the SQL that computes all of its rows.
        tables: all tables, by name.

    Returns:
        What was stored; None where all rows have to be computed, and nothing was changed.

    Raises:
        WarehouseError: a value cannot be computed.
    """
    given, before = table.incremental, changes.computed_from(connection, table.name)
    now = _state(connection, table, query)
    differing = {name for name in now if before.get(name) != now[name]}
    if not given or differing & {table.name, changes.QUERY, *given.whole}:
        return None
    if not differing:
        return replace(_stored(connection, table), written=0)
    if not given.changed:
        return None
    inputs = {name: tables[read].contract.table(read) for name, read in table.reads().items()}
    changed = given.changed(table.contract.table(table.name), inputs)
    with explaining(connection, table):
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {GROUPS} AS {compile_sql(changed)}")
        groups = ibis.table({name: changed[name].type() for name in given.by}, name=GROUPS)
        written = _write_groups(connection, table, groups, given.within(inputs, groups))
    return replace(_stored(connection, table), written=written)


def record(connection: duckdb.DuckDBPyConnection, table: Table, query: str) -> None:
    """Record that a table is up to date; the parameters are those of `update`."""
    changes.record_computed_from(connection, table.name, _state(connection, table, query))


def _state(connection: duckdb.DuckDBPyConnection, table: Table, query: str) -> dict[str, str]:
    return changes.state(connection, {table.name, *table.reads().values()}, query)


def _write_groups(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    groups: ir.Table,
    inputs: Mapping[str, ir.Table],
) -> int:
    """Compute groups of rows, and store what differs; return how many rows that is.

    Args:
        connection: an open transaction.
        table: the table.
        groups: the columns that name the groups.
        inputs: the inputs by parameter, restricted to what the groups are computed from.
    """
    types = table.contract.types()
    part: ir.Table = table(**inputs).select(*types).cast(types)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {PART} AS {compile_sql(part)}")
    stored = table.contract.table(table.name)
    stored = stored.mutate(**{ROW: stored.rowid()}).semi_join(groups, groups.columns)
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
