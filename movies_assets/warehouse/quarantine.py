"""Quarantine: rows that break a rule of their table, kept until a person decides about them."""

import duckdb
import ibis
import ibis.expr.types as ir

from movies_assets.core.contract import Quarantine
from movies_assets.core.outcome import LINE_NUMBER, RAW
from movies_assets.core.table import Table
from movies_assets.core.window import Window
from movies_assets.warehouse.schema import ensure_table
from movies_assets.warehouse.sql import compile_sql, condition


def empty_quarantine(connection: duckdb.DuckDBPyConnection, table: Table, window: Window) -> None:
    """Remove the rows that earlier writes of the same partitions refused."""
    ensure_table(connection, table.quarantine, Quarantine)
    inside = window.holds(Quarantine.table(table.quarantine).partition_key)
    covered = condition(table.write_mode.covers(inside))
    connection.execute(f"DELETE FROM {table.quarantine} WHERE {covered}")


def quarantine(
    connection: duckdb.DuckDBPyConnection, table: Table, refused: ir.Table, run_id: str
) -> None:
    """Store refused rows in the table's quarantine.

    Args:
        connection: an open transaction.
        table: the table that refuses them; it has a lineage.
        refused: the rows, with `broken_rules` and RAW, and LINE_NUMBER where lines were numbered.
        run_id: the run that refuses them.
    """
    assert table.lineage is not None  # noqa: S101 (only such tables refuse rows)
    row_id = refused[table.lineage.source_row_id].cast("string").fill_null("unknown")
    if LINE_NUMBER in refused.columns:
        row_id = ibis.coalesce("line " + refused[LINE_NUMBER].cast("string"), row_id)
    day = table.partition_column
    rows = refused.select(
        "broken_rules",
        partition_key=refused[day].cast("string") if day else ibis.literal(""),
        row_id=row_id,
        raw=refused[RAW],
        run_id=ibis.literal(run_id),
        quarantined_at=ibis.now(),
    )
    connection.execute(f"INSERT INTO {table.quarantine} BY NAME {compile_sql(rows)}")
