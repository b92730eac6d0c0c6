"""The objects that an asset may return, and how each brings its rows into the stage of a table."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import singledispatch
from typing import ClassVar

import duckdb
import ibis.expr.types as ir
import pandas as pd

from movies_assets.core.table import Table
from movies_assets.warehouse import delimited, files
from movies_assets.warehouse.database import WarehouseError
from movies_assets.warehouse.staging import stage_expression, stage_frames, stage_sql


class Rows(ABC):
    """New rows of a table.

    Attributes:
        reads_warehouse: whether staging them reads the warehouse. Rows from Python do not: they are
            staged before the file is attached, so that a crawl of minutes does not hold its lock.
    """

    reads_warehouse: ClassVar[bool] = True

    def opened(self) -> AbstractContextManager[object]:
        """Return a context in which the rows can be staged."""
        return nullcontext()

    @abstractmethod
    def stage(self, connection: duckdb.DuckDBPyConnection, table: Table) -> str | None:
        """Bring the rows into the stage; return the SQL that did it, if any."""

    def refused(
        self,
        connection: duckdb.DuckDBPyConnection,  # noqa: ARG002
        table: Table,  # noqa: ARG002
    ) -> Mapping[str, str]:
        """Return the partitions that are not written, each with the reason."""
        return {}

    def complete(
        self,
        connection: duckdb.DuckDBPyConnection,  # noqa: ARG002
        table: Table,  # noqa: ARG002
        rows: int,
    ) -> int:
        """Store rows that only show while the others are written; return how many there are."""
        return rows


class Frames(Rows):
    """Frames of pandas, one at a time in memory; rows from APIs.

    Args:
        frames: the frames.
    """

    reads_warehouse = False

    def __init__(self, frames: Iterable[pd.DataFrame]) -> None:
        self._frames = frames

    def stage(self, connection: duckdb.DuckDBPyConnection, table: Table) -> None:
        """Insert frame after frame."""
        stage_frames(connection, table, self._frames)


class Expression(Rows):
    """An unbound Ibis expression, executed by the engine; no row passes through Python.

    Args:
        expression: the expression.
    """

    def __init__(self, expression: ir.Table) -> None:
        self._expression = expression

    def stage(self, connection: duckdb.DuckDBPyConnection, table: Table) -> str:
        """Run the expression."""
        return stage_expression(connection, table, self._expression)


class TextRows(Rows):
    """Rows of text files, read by the engine straight into their table.

    Args:
        given: the files.
    """

    def __init__(self, given: files.TextFiles) -> None:
        self._reading = files.Reading(given)

    def opened(self) -> AbstractContextManager[object]:
        """Open the files."""
        return self._reading

    def stage(self, connection: duckdb.DuckDBPyConnection, table: Table) -> str:
        """Let the engine read the files."""
        return stage_sql(connection, table, files.select(connection, table, self._reading))

    def complete(self, connection: duckdb.DuckDBPyConnection, table: Table, rows: int) -> int:
        """Store the lines that the engine could not read."""
        return rows + files.store_rejected(connection, table, self._reading, rows)


class DelimitedRows(Rows):
    """Rows of delimited files that have arrived, in any dialect.

    Args:
        given: the files.
    """

    def __init__(self, given: delimited.DelimitedFiles) -> None:
        self._given = given

    def stage(self, connection: duckdb.DuckDBPyConnection, table: Table) -> str:
        """Read the files."""
        return stage_sql(connection, table, delimited.select(connection, table, self._given))

    def refused(self, connection: duckdb.DuckDBPyConnection, table: Table) -> Mapping[str, str]:
        """Return the days with a file that cannot be read: they keep the rows that they had."""
        return delimited.refused_days(connection, table, self._given)


@singledispatch
def rows_of(given: object) -> Rows:
    """Return an asset's result as rows; its type decides which class they are.

    Raises:
        WarehouseError: the type is unknown.
    """
    raise WarehouseError(
        f"the warehouse does not have a handler for type '{type(given)}'. Return a pandas frame, "
        "an iterator of frames, an Ibis table, TextFiles or DelimitedFiles."
    )


@rows_of.register
def _(frame: pd.DataFrame) -> Rows:
    return Frames([frame])


@rows_of.register(Iterator)
def _(frames: Iterator[pd.DataFrame]) -> Rows:
    return Frames(frames)


rows_of.register(ir.Table, Expression)
rows_of.register(files.TextFiles, TextRows)
rows_of.register(delimited.DelimitedFiles, DelimitedRows)
