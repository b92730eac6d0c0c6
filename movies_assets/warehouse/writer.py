"""Write the staged rows of a table.

Everything happens in the caller's transaction. Which rows are kept, refused and replaced is decided
by `core.outcome`; here DuckDB carries it out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import duckdb
import ibis
import ibis.expr.types as ir
import pandas as pd

from movies_assets.core.check import SHOWN_ROWS
from movies_assets.core.contract import WITHHELD
from movies_assets.core.outcome import (
    DUPLICATE,
    KEPT,
    LINE_NUMBER,
    RAW,
    REFUSED,
    UNPARSED,
    broken_rules,
    changes,
    duplicates,
    fates,
    is_sound,
    outside,
)
from movies_assets.core.source_rows import source_rows
from movies_assets.core.table import Table
from movies_assets.core.window import Window
from movies_assets.warehouse.bitmap import are_distinct
from movies_assets.warehouse.database import WarehouseError
from movies_assets.warehouse.quarantine import empty_quarantine, quarantine
from movies_assets.warehouse.quoting import identifier
from movies_assets.warehouse.schema import arrived_columns
from movies_assets.warehouse.sql import compile_sql, condition, number
from movies_assets.warehouse.staging import STAGE, explaining

SAMPLE_ROWS = 5
FATES, DOUBLED = "fates", "doubled"
# Column of expressions in which DuckDB identifies the rows of a table.
ROW = "_row"


@dataclass(frozen=True)
class Loaded:
    """The result of a write.

    Attributes:
        rows: how many rows were stored.
        quarantined: how many were refused.
        duplicates: how many were versions or copies of others.
        sample: a few of the rows stored.
        arrived_columns: columns of the table that its contract does not know.
        members: conformed dimensions that the table points at, and how many rows each has gained.
        written: how many rows were added or removed; None: all were replaced.
    """

    rows: int
    quarantined: int
    duplicates: int
    sample: pd.DataFrame
    arrived_columns: Sequence[str] = ()
    members: Mapping[str, int] = field(default_factory=dict)
    written: int | None = None


def write(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    window: Window,
    run_id: str,
    source: Table | None = None,
    number_lines: Callable[[], None] | None = None,
) -> Loaded:
    """Move the rows of the stage into the table; its write mode decides which rows they replace.

    Args:
        connection: an open transaction, in which the rows were staged.
        table: the table.
        window: the run's partitions.
        run_id: the run, as quarantine names it.
        source: the bronze table of the table's lineage; without it broken rows are looked for in
            any case.
        number_lines: sets the line number of staged rows that came from a file; quarantine names
            them by it, and of equal keys the first line is kept.

    Raises:
        WarehouseError: rows lie outside the window's partitions, or a value cannot be computed.
    """
    with explaining(connection, table):
        if table.write_mode.is_windowed:
            _refuse_rows_outside(connection, table, window)
        if table.lineage:
            empty_quarantine(connection, table, window)
        if table.is_staged:
            return _write_staged(connection, table, window, run_id)
        return _write_streamed(connection, table, window, run_id, source, number_lines)


def _write_staged(
    connection: duckdb.DuckDBPyConnection, table: Table, window: Window, run_id: str
) -> Loaded:
    """Compare the staged rows with each other and with the stored ones, then store them."""
    staged, stored = _identified(_staged(table)), _identified(_stored(table))
    counts = _judge(connection, fates(table, staged, stored, window))
    if counts.get(REFUSED):
        quarantine(connection, table, _of_fate(staged, REFUSED), run_id)
    kept = _of_fate(staged, KEPT).drop("broken_rules")
    inserted, replaced, *_ = changes(table, kept, stored, window)
    _delete(connection, table, replaced)
    _insert(connection, table, inserted)
    columns = ", ".join(map(identifier, table.contract.types()))
    return Loaded(
        rows=counts.get(KEPT, 0),
        quarantined=counts.get(REFUSED, 0),
        duplicates=counts.get(DUPLICATE, 0),
        sample=connection.execute(
            f"SELECT {columns} FROM {STAGE} WHERE rowid IN "
            f"(SELECT {ROW} FROM {FATES} WHERE fate = '{KEPT}') LIMIT {SAMPLE_ROWS}"
        ).df(),
    )


def _write_streamed(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    window: Window,
    run_id: str,
    source: Table | None,
    number_lines: Callable[[], None] | None,
) -> Loaded:
    """Insert the rows as they are computed; rows that break a rule are looked for afterwards.

    Most runs have none, and then the rows are computed once: as many were stored as were read.
    """
    covered = covered_rows(table, window)
    connection.execute(f"DELETE FROM {table.name} WHERE {covered}")
    staged, quarantined = _staged(table), 0
    if not table.lineage:
        rows = number(connection, f"INSERT INTO {table.name} BY NAME FROM {STAGE}")
    else:
        rows = _insert(connection, table, staged.filter(is_sound(staged, table.contract)))
        rows -= _extract_duplicates(connection, table, window)
        if source is None or rows < number(
            connection, compile_sql(source_rows(table, source, window).count())
        ):
            quarantined, kept = _quarantine_failures(
                connection, table, window, run_id, number_lines
            )
            rows += kept
    return Loaded(
        rows=rows,
        quarantined=quarantined,
        duplicates=0,
        sample=connection.execute(
            f"SELECT * FROM {table.name} WHERE {covered} LIMIT {SAMPLE_ROWS}"
        ).df(),
        arrived_columns=arrived_columns(connection, table),
    )


def prune(connection: duckdb.DuckDBPyConnection, table: Table, keep: int, window: Window) -> None:
    """Remove all but the newest partitions of a table; those of the run are read below and stay."""
    day = table.partition_column
    inside = condition(window.holds(_stored(table)[day]))
    connection.execute(
        f"DELETE FROM {table.name} WHERE {day} < (SELECT min({day}) FROM (SELECT DISTINCT {day} "
        f"FROM {table.name} ORDER BY {day} DESC LIMIT {keep})) AND NOT ({inside})"
    )


def covered_rows(table: Table, window: Window) -> str:
    """Return the SQL condition on the stored rows that a write is responsible for."""
    return condition(_is_covered(table, _stored(table), window))


def _is_covered(table: Table, stored: ir.Table, window: Window) -> ir.BooleanValue:
    column = table.partition_column
    return table.write_mode.covers(window.holds(stored[column] if column else None))


def _stored(table: Table) -> ir.Table:
    return table.contract.table(table.name)


def _staged(table: Table, **columns: str) -> ir.Table:
    """Return the staged rows as an unbound expression.

    Args:
        table: the table that they are for.
        columns: further columns of the stage, and their types.
    """
    hidden = {RAW: "string", UNPARSED: "string"} if table.lineage else {}
    return ibis.table({**table.contract.types(), **hidden, **columns}, name=STAGE)


def _identified(rows: ir.Table) -> ir.Table:
    """Return the rows of a stored table with the column ROW."""
    return rows.mutate(**{ROW: rows.rowid()})


def _insert(connection: duckdb.DuckDBPyConnection, table: Table, rows: ir.Table) -> int:
    """Insert rows into the table; return how many."""
    query = compile_sql(rows.select(*table.contract.types()))
    return number(connection, f"INSERT INTO {table.name} BY NAME {query}")


def _delete(connection: duckdb.DuckDBPyConnection, table: Table, rows: ir.Table) -> int:
    """Delete stored rows, which have the column ROW; return how many."""
    query = compile_sql(rows.select(ROW))
    return number(connection, f"DELETE FROM {table.name} WHERE rowid IN ({query})")


def _judge(connection: duckdb.DuckDBPyConnection, judged: ir.Table) -> dict[str, int]:
    """Store the fate of every staged row in a temporary table; return how many have each."""
    query = compile_sql(judged.select(ROW, "fate", "broken_rules"))
    connection.execute(f"CREATE TEMP TABLE {FATES} AS {query}")
    counted = connection.execute(f"SELECT fate, count(*) FROM {FATES} GROUP BY fate").fetchall()
    return dict(counted)


def _of_fate(staged: ir.Table, fate: str) -> ir.Table:
    """Return the staged rows of a fate, with `broken_rules`, once `_judge` has stored it."""
    judged = ibis.table({ROW: "int64", "fate": "string", "broken_rules": "string"}, name=FATES)
    return staged.inner_join(judged.filter(judged.fate == fate).drop("fate"), ROW)


def _extract_duplicates(connection: duckdb.DuckDBPyConnection, table: Table, window: Window) -> int:
    """Take rows with duplicate keys back out of the table; return how many."""
    stored, key = _stored(table), table.contract.key()
    rows = stored.filter(_is_covered(table, stored, window))
    doubled, numbers = duplicates(rows, key), table.contract.key_number(rows)
    if numbers is not None and are_distinct(connection, numbers):
        doubled = doubled.limit(0)
    if not number(connection, f"CREATE TEMP TABLE {DOUBLED} AS {compile_sql(doubled)}"):
        return 0
    rows = _identified(stored)
    covered = rows.filter(_is_covered(table, rows, window))
    return _delete(connection, table, covered.semi_join(_doubled(table), key))


def _doubled(table: Table) -> ir.Table:
    types = table.contract.types()
    return ibis.table({name: types[name] for name in table.contract.key()}, name=DOUBLED)


def _quarantine_failures(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    window: Window,
    run_id: str,
    number_lines: Callable[[], None] | None,
) -> tuple[int, int]:
    """Compute the rows again that were not stored; quarantine the broken ones, store the rest.

    Returns:
        How many went to quarantine, and how many into the table.
    """
    staged = _staged(table)
    broken = staged.filter(broken_rules(staged, table.contract) != "")
    twice = staged.semi_join(_doubled(table), table.contract.key())
    suspects = broken.union(twice.filter(broken_rules(twice, table.contract) == ""))
    connection.execute(f"CREATE TEMP TABLE suspects AS {compile_sql(suspects)}")
    connection.execute(f"DROP VIEW {STAGE}")
    connection.execute(f"ALTER TABLE suspects RENAME TO {STAGE}")
    connection.execute(f"ALTER TABLE {STAGE} ADD COLUMN {LINE_NUMBER} BIGINT")
    if number_lines:
        number_lines()
    numbered = _identified(_staged(table, **{LINE_NUMBER: "int64"}))
    counts = _judge(connection, fates(table, numbered, _stored(table), window))
    quarantine(connection, table, _of_fate(numbered, REFUSED), run_id)
    return counts.get(REFUSED, 0), _insert(connection, table, _of_fate(numbered, KEPT))


def _refuse_rows_outside(
    connection: duckdb.DuckDBPyConnection, table: Table, window: Window
) -> None:
    shown = [*table.contract.key(), *([table.partition_column] if table.partition_column else [])]
    rows = outside(table, _staged(table), window).select(*dict.fromkeys(shown)).limit(SHOWN_ROWS)
    found = connection.execute(compile_sql(rows)).df()
    if len(found):
        personal = table.contract.personal() & set(found.columns)
        found = found.assign(**dict.fromkeys(personal, WITHHELD))
        raise WarehouseError(
            f"{table.name}: rows lie outside the run's partitions ({window.first} to "
            f"{window.last}); stored, they would double on the next run. The first ones:\n"
            f"{found.to_string(index=False)}\nFix the function so that it returns only rows "
            f"whose {table.partition_column} is in the window."
        )
