"""Staging: bring a table's new rows into the engine and check that they fit the contract.

Rows from Python are collected before the file is attached; queries run within the transaction.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import duckdb
import ibis.expr.types as ir
import pandas as pd
from ibis.backends.sql.datatypes import DuckDBType

from movies_assets.core.contract import WITHHELD
from movies_assets.core.outcome import RAW, UNPARSED
from movies_assets.core.table import Table
from movies_assets.warehouse.database import WarehouseError
from movies_assets.warehouse.sql import compile_sql
from movies_assets.warehouse.types import ddl, duckdb_type

STAGE = "stage"


RAISED_BY_OURS = "while executing the UDF: "


def stage_frames(
    connection: duckdb.DuckDBPyConnection, table: Table, frames: Iterable[pd.DataFrame]
) -> None:
    """Collect frames in a typed temporary table, one frame in memory at a time.

    Raises:
        WarehouseError: a frame's columns are not the contract's, or a value has the wrong type.
    """
    connection.execute(f"CREATE TEMP TABLE {STAGE} ({ddl(table.contract)})")
    expected = set(table.contract.types())
    for frame in frames:
        if wrong := expected.symmetric_difference(frame.columns):
            raise WarehouseError(
                f"{table.name}: the frame's columns are not the contract's. Missing: "
                f"{sorted(expected.difference(frame.columns)) or 'none'}; unknown: "
                f"{sorted(map(str, wrong - expected)) or 'none'}. Fix the function or the contract."
            )
        _refuse_unfit_values(connection, table, frame)
        try:
            connection.execute(f"INSERT INTO {STAGE} BY NAME SELECT * FROM frame")
        except duckdb.ConversionException as error:
            raise WarehouseError(
                f"{table.name}: a value does not fit its column's type: {error}"
            ) from error


def _refuse_unfit_values(
    connection: duckdb.DuckDBPyConnection, table: Table, frame: pd.DataFrame
) -> None:
    """Refuse values that the engine would convert into others: 20.5 into 20, a list into text."""
    types = table.contract.types()
    described = connection.execute("SELECT column_name, column_type FROM (DESCRIBE FROM frame)")
    for name, stored in described.fetchall():
        values = frame[name].dropna()
        found = DuckDBType.from_string(stored)
        # Pandas makes floats of whole numbers with gaps.
        whole = found.is_floating() and types[name].is_integer() and (values % 1 == 0).all()
        if len(values) and not whole and not found.castable(types[name]):
            shown = WITHHELD if name in table.contract.personal() else repr(values.iloc[-1])
            raise WarehouseError(
                f"{table.name}: column {name} does not fit the contract's type "
                f"{duckdb_type(types[name])}; it is {stored}, such as {shown}"
            )


def stage_expression(
    connection: duckdb.DuckDBPyConnection, table: Table, expression: ir.Table
) -> str:
    """Run an expression into a temporary table and return the SQL that was run.

    Raises:
        WarehouseError: the columns are not the contract's, or an upstream table is missing.
    """
    hidden = {RAW, UNPARSED} if table.lineage else set()
    expected = set(table.contract.types()) | hidden
    if wrong := expected.symmetric_difference(expression.columns):
        raise WarehouseError(
            f"{table.name}: the function's columns are not the contract's; they differ in "
            f"{sorted(wrong)}. Fix the function or the contract."
        )
    types = table.contract.types()
    if lossy := [name for name, t in types.items() if not expression[name].type().castable(t)]:
        differences = ", ".join(
            f"{name} is {expression[name].type()}, not {types[name]}" for name in lossy
        )
        raise WarehouseError(
            f"{table.name}: the function's columns are not the contract's: {differences}. Cast in "
            "the function, where the code shows how values that do not fit are handled."
        )
    # The columns of a union are matched by position, so they get the order of the stage.
    ordered = expression.select(*types, *([RAW, UNPARSED] if table.lineage else []))
    cast = ordered.cast({name: t for name, t in types.items() if ordered[name].type() != t})
    return stage_sql(connection, table, compile_sql(cast, pretty=True))


def stage_sql(connection: duckdb.DuckDBPyConnection, table: Table, sql: str) -> str:
    """Run a query into the stage, or make the stage a view of it; return the query.

    Rows that are not compared with others go into the table while they are computed.
    """
    with explaining(connection, table):
        kind = "TABLE" if table.is_staged else "VIEW"
        connection.execute(f"CREATE OR REPLACE TEMP {kind} {STAGE} AS {sql}")
    return sql


@contextmanager
def explaining(connection: duckdb.DuckDBPyConnection, table: Table) -> Iterator[None]:
    """Explain why a table's rows cannot be computed.

    Raises:
        WarehouseError: the explanation.
    """
    try:
        yield
    except duckdb.CatalogException as error:
        raise missing_upstream(connection, table.name, error) from error
    except (duckdb.ConversionException, duckdb.OutOfRangeException) as error:
        # The engine's message quotes the value.
        is_personal = bool(table.contract.personal())
        raise WarehouseError(
            f"{table.name}: the function cannot compute a value: "
            f"{WITHHELD if is_personal else error}. Let it return NULL where "
            "a value does not fit, so that the contract's rules can name the row."
        ) from (None if is_personal else error)
    except duckdb.InvalidInputException as error:
        # An error of one of our functions arrives as text behind the engine's own.
        raise WarehouseError(f"{table.name}: {str(error).rpartition(RAISED_BY_OURS)[2]}") from None
    except duckdb.OutOfMemoryException as error:
        raise WarehouseError(
            f"{table.name}: the rows need more than MOVIES_WAREHOUSE__MEMORY_LIMIT of memory and "
            "MOVIES_WAREHOUSE__SPILL_LIMIT of disk. Nothing was written. Raise the one that the "
            f"machine has more of. DuckDB says: {error}"
        ) from error


def missing_upstream(
    connection: duckdb.DuckDBPyConnection, reader: str, error: duckdb.CatalogException
) -> WarehouseError:
    """Return the error that a table which `reader` reads is missing."""
    return WarehouseError(
        f"{reader}: an upstream table is missing in {_file(connection)}. Materialize the assets "
        f"above it first (in the UI: select it with its upstream). DuckDB says: {error}"
    )


def _file(connection: duckdb.DuckDBPyConnection) -> str:
    row = connection.execute(
        "SELECT path FROM duckdb_databases() WHERE database_name = current_database()"
    ).fetchone()
    return str(row[0]) if row else "the warehouse"
