"""The Dagster IO manager: which object becomes which table, and what the UI is told about it.

How a table is written belongs in `writer`, how the file is opened in `database`.
"""

import time
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from typing import Any, cast

import dagster as dg
import duckdb
import ibis
import ibis.expr.types as ir
import pandas as pd
from dagster._core.storage.db_io_manager import DbIOManager, DbTypeHandler
from dagster_duckdb.io_manager import DuckDbClient

from movies_assets.core.contract import WITHHELD, DumpContract
from movies_assets.core.table import Table
from movies_assets.core.window import Window
from movies_assets.orchestration.assets import WHOLE, asset_key
from movies_assets.orchestration.metadata import column_schema
from movies_assets.orchestration.retries import mapped
from movies_assets.settings import Settings
from movies_assets.warehouse import audit_log, delimited, files, writer
from movies_assets.warehouse.database import Warehouse, WarehouseError
from movies_assets.warehouse.members import add_members
from movies_assets.warehouse.schema import ensure_input, ensure_table, upgrade
from movies_assets.warehouse.sql import compile_sql
from movies_assets.warehouse.staging import (
    missing_upstream,
    stage_expression,
    stage_frames,
    stage_sql,
)

SHOWN_CHARACTERS, SHOWN_SQL_CHARACTERS = 60, 20_000


class StagingHandler(DbTypeHandler[Any]):
    """How one kind of object is staged for its table, and how a table is loaded as one."""

    # Rows from Python are staged before the file is attached, so that a crawl of minutes does not
    # hold the database's lock; an expression reads the file, so it is staged after.
    reads_warehouse = False

    def opened(self, obj: Any) -> AbstractContextManager[Any]:
        """Return what is staged, to be closed afterwards."""
        return nullcontext(obj)

    def complete(
        self,
        connection: duckdb.DuckDBPyConnection,  # noqa: ARG002
        table: Table,  # noqa: ARG002
        obj: Any,  # noqa: ARG002
        rows: int,
    ) -> int:
        """Store what only shows while rows are written; return how many rows there are then."""
        return rows

    def refused(
        self,
        connection: duckdb.DuckDBPyConnection,  # noqa: ARG002
        table: Table,  # noqa: ARG002
        obj: Any,  # noqa: ARG002
    ) -> Mapping[str, str]:
        """Return the partitions that are not written, each with the reason."""
        return {}

    @abstractmethod
    def stage(self, connection: duckdb.DuckDBPyConnection, table: Table, obj: Any) -> str | None:
        """Put the object's rows into the staging table; return the SQL that did it, if any."""

    def handle_output(self, *_: Any) -> None:
        """Not used: see `WarehouseIOManager.handle_output`."""
        raise NotImplementedError

    def load_input(self, *_: Any) -> Any:
        """Not used: see `WarehouseIOManager.load_input`."""
        raise NotImplementedError


class FrameHandler(StagingHandler):
    """A pandas frame; small tables and rows from APIs."""

    def stage(self, connection: duckdb.DuckDBPyConnection, table: Table, obj: pd.DataFrame) -> None:
        """Insert the frame."""
        stage_frames(connection, table, [obj])

    @property
    def supported_types(self) -> Sequence[type[object]]:
        """Return pandas frames."""
        return [pd.DataFrame]


class FramesHandler(StagingHandler):
    """An iterator of pandas frames; a large crawl of which one frame at a time is in memory."""

    def stage(
        self, connection: duckdb.DuckDBPyConnection, table: Table, obj: Iterator[pd.DataFrame]
    ) -> None:
        """Insert frame after frame."""
        stage_frames(connection, table, obj)

    @property
    def supported_types(self) -> Sequence[type[object]]:
        """Return iterators."""
        return [Iterator]


class ExpressionHandler(StagingHandler):
    """An unbound Ibis expression, executed by the engine; no row passes through Python."""

    reads_warehouse = True

    def stage(self, connection: duckdb.DuckDBPyConnection, table: Table, obj: ir.Table) -> str:
        """Run the expression."""
        return stage_expression(connection, table, obj)

    @property
    def supported_types(self) -> Sequence[type[object]]:
        """Return Ibis tables."""
        return [ir.Table]


class FilesHandler(StagingHandler):
    """Text files, read by the engine straight into their table."""

    reads_warehouse = True

    def opened(self, obj: files.TextFiles) -> files.Reading:
        """Open the files."""
        return files.Reading(obj)

    def stage(self, connection: duckdb.DuckDBPyConnection, table: Table, obj: files.Reading) -> str:
        """Let the engine read the files."""
        return stage_sql(connection, table, files.select(connection, table, obj))

    def complete(
        self, connection: duckdb.DuckDBPyConnection, table: Table, obj: files.Reading, rows: int
    ) -> int:
        """Store the lines that the engine could not read."""
        return rows + files.store_rejected(connection, table, obj, rows)

    @property
    def supported_types(self) -> Sequence[type[object]]:
        """Return text files."""
        return [files.TextFiles]


class DelimitedHandler(StagingHandler):
    """Delimited files that have arrived, whatever they look like."""

    reads_warehouse = True

    def stage(
        self, connection: duckdb.DuckDBPyConnection, table: Table, obj: delimited.DelimitedFiles
    ) -> str:
        """Read the files."""
        return stage_sql(connection, table, delimited.select(connection, table, obj))

    def refused(
        self, connection: duckdb.DuckDBPyConnection, table: Table, obj: delimited.DelimitedFiles
    ) -> Mapping[str, str]:
        """Return the days of which a file cannot be read: they keep the rows that they had."""
        return delimited.refused_days(connection, table, obj)

    @property
    def supported_types(self) -> Sequence[type[object]]:
        """Return delimited files."""
        return [delimited.DelimitedFiles]


class WarehouseIOManager(DbIOManager):
    """Stores each asset in the table of its contract, one transaction an output.

    Args:
        warehouse: the database.
        tables: every table, by `schema.table`.
        settings: how many partitions are kept, and where files land.
    """

    def __init__(
        self, warehouse: Warehouse, tables: Mapping[str, Table], settings: Settings
    ) -> None:
        super().__init__(
            type_handlers=[
                FrameHandler(),
                FramesHandler(),
                ExpressionHandler(),
                FilesHandler(),
                DelimitedHandler(),
            ],
            db_client=DuckDbClient(),
            database=str(warehouse.path),
            io_manager_name=type(self).__name__,
            default_load_type=ir.Table,
        )
        self._warehouse = warehouse
        self._tables = tables
        self._settings = settings

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        """Write an asset's rows in one transaction: afterwards the table is old or new, whole.

        Raises:
            WarehouseError: the rows do not fit the contract or the run's partitions, or the file
                cannot be written. Nothing has changed then.
        """
        table = self._table(context.asset_key)
        self._check_supported_type(type(obj))  # type: ignore[no-untyped-call]
        handler = cast("StagingHandler", self._resolve_handler(type(obj)))
        window = _window(context)
        started = time.perf_counter()
        with (
            mapped(self._settings),
            self._warehouse.session() as connection,
            handler.opened(obj) as source,
        ):
            if not handler.reads_warehouse:
                handler.stage(connection, table, source)
            loaded, sql = self._store(connection, table, handler, source, window, context.run_id)
        self._describe(context, table, loaded, sql, time.perf_counter() - started)

    def _store(
        self,
        connection: duckdb.DuckDBPyConnection,
        table: Table,
        handler: StagingHandler,
        obj: object,
        window: Window,
        run_id: str,
    ) -> tuple[writer.Loaded, str | None]:
        """Do all of a write in one transaction."""
        source = self._tables[table.lineage.source_of] if table.lineage else None
        number_lines = None
        if source and issubclass(source.contract, DumpContract):
            number_lines = partial(files.number_lines, connection, source, self._settings.landing)
        sql, loaded = None, None
        with self._warehouse.transaction(connection):
            ensure_table(connection, table.name, table.contract)
            for name in table.upstream() & self._tables.keys():
                upgrade(connection, name, self._tables[name].contract)
            for name in table.optional:
                ensure_input(connection, name, self._tables[name].contract)
            if handler.reads_warehouse:
                sql = handler.stage(connection, table, obj)
            refused = handler.refused(connection, table, obj)
            # Where no day can be written, the reasons are stored all the same.
            if not refused or len(refused) < window.partitions:
                window = replace(window, without=tuple(refused))
                loaded = writer.write(connection, table, window, run_id, source, number_lines)
                loaded = replace(
                    loaded,
                    rows=handler.complete(connection, table, obj, loaded.rows),
                    members=add_members(connection, table, window, self._tables),
                )
                is_whole = table.write_mode.is_whole
                audit_log.record_write(connection, table.name, window, run_id, is_whole=is_whole)
                if table.keep_partitions and table.partition_column:
                    writer.prune(connection, table, table.keep_partitions(self._settings), window)
                    audit_log.forget_pruned(connection, table.name, table.partition_column)
        if loaded is None:
            raise WarehouseError(
                f"{table.name}: {', '.join(refused)} was not loaded and is as it was before: "
                f"{'; '.join(refused.values())}. Deliver the file again or remove it, then run its "
                "day again."
            )
        return loaded, sql

    def load_input(self, context: dg.InputContext) -> object:
        """Load an upstream table: an unbound Ibis table of the run's partitions, or a frame.

        Raises:
            WarehouseError: the parameter's annotation is of another type, or the upstream table
                does not exist.
        """
        annotated = context.dagster_type.typing_type
        load_type = ir.Table if annotated is Any else annotated
        if load_type not in (ir.Table, pd.DataFrame):
            raise WarehouseError(
                f"{context.asset_key.to_user_string()} cannot be loaded as {load_type}: annotate "
                "the parameter as ibis.expr.types.Table or pandas.DataFrame"
            )
        rows = self._unbound(context)
        if load_type is ir.Table:
            return rows
        with mapped(self._settings), self._warehouse.reading() as connection:
            try:
                return connection.execute(compile_sql(rows)).df()
            except duckdb.CatalogException as error:
                reader = context.asset_key.to_user_string()
                raise missing_upstream(connection, reader, error) from error

    def _unbound(self, context: dg.InputContext) -> ir.Table:
        """Return the upstream table's rows of the run's partitions, as an unbound expression."""
        upstream = self._table(context.asset_key)
        rows = upstream.contract.table(upstream.name)
        whole = (context.definition_metadata or {}).get(WHOLE)
        if whole or upstream.partition_column is None or not context.has_asset_partitions:
            return rows
        partition, keys = rows[upstream.partition_column], context.asset_partition_keys
        first, last = (ibis.literal(key).cast(partition.type()) for key in (keys[0], keys[-1]))
        return rows.filter(partition.between(first, last))

    def _table(self, key: dg.AssetKey) -> Table:
        name = ".".join(key.path)
        if name not in self._tables:
            raise WarehouseError(
                f"{name} has no contract, so the warehouse does not know its columns. Declare it "
                "with movies_assets.core.table.table, or give the asset another io_manager_key."
            )
        return self._tables[name]

    def _describe(
        self,
        context: dg.OutputContext,
        table: Table,
        loaded: writer.Loaded,
        sql: str | None,
        seconds: float,
    ) -> None:
        """Tell the UI what was written.

        A range writes one event a partition, all with the output's metadata. So what is long (SQL,
        sample) is told once, at the last partition; 3,650 copies of it would be 30 MB of events.
        """
        explanation: dict[str, Any] = {
            "rows": loaded.rows,
            "rows_quarantined": loaded.quarantined,
            "rows_duplicate": loaded.duplicates,
            "seconds": round(seconds, 3),
            "sample": dg.MetadataValue.md(_markdown(_public(table, loaded))),
        }
        if loaded.arrived_columns:
            columns = column_schema(table.contract, loaded.arrived_columns)
            explanation["dagster/column_schema"] = columns
        for name, rows in loaded.members.items():
            explanation[f"rows_added_to_{name}"] = rows
            if rows:
                # No materialization: Dagster would show what reads the dimension as out of date.
                context.log_event(
                    dg.AssetObservation(
                        asset_key(self._tables[name].key),
                        metadata={"rows_added": rows, "added_by": table.name},
                    )
                )
        if sql:
            explanation["sql"] = dg.MetadataValue.md(f"```sql\n{_beginning(sql)}\n```")
        if not context.has_asset_partitions:
            context.add_output_metadata({"dagster/row_count": loaded.rows, **explanation})
            return
        keys = context.asset_partition_keys
        if len(keys) == 1 and table.partition_column:
            explanation["dagster/partition_row_count"] = loaded.rows
        context.step_context.add_asset_metadata(
            explanation, asset_key=context.asset_key, partition_key=keys[-1]
        )


def _window(context: dg.OutputContext) -> Window:
    if not context.has_asset_partitions:
        return Window()
    keys = context.asset_partition_keys
    return Window(first=keys[0], last=keys[-1], partitions=len(keys))


def _public(table: Table, loaded: writer.Loaded) -> pd.DataFrame:
    """Return the sample without personal data; columns that files brought may hold some, too."""
    personal = table.contract.personal()
    withheld = {*personal, *loaded.arrived_columns} if personal else personal
    return loaded.sample.assign(
        **{name: WITHHELD for name in loaded.sample.columns if name in withheld}
    )


def _beginning(sql: str) -> str:
    """Return a query as the UI shows it: reading dates in all spellings takes 250 kB of SQL."""
    if len(sql) <= SHOWN_SQL_CHARACTERS:
        return sql
    return (
        f"{sql[:SHOWN_SQL_CHARACTERS]}\n-- and {len(sql) - SHOWN_SQL_CHARACTERS:,} more characters"
    )


def _markdown(sample: pd.DataFrame) -> str:
    shown = sample.astype(str).map(
        lambda value: value if len(value) <= SHOWN_CHARACTERS else value[:SHOWN_CHARACTERS] + "…"
    )
    return str(shown.to_markdown(index=False))
