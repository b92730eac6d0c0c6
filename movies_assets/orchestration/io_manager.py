"""The Dagster IO manager: store an asset's rows, load them for others, describe them in the UI.

`warehouse.rows` turns objects into rows, `warehouse.writer` stores them.
"""

import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import dagster as dg
import duckdb
import ibis.expr.types as ir
import pandas as pd
from dagster_duckdb_pandas import DuckDBPandasTypeHandler

from movies_assets.core.contract import WITHHELD, DumpContract
from movies_assets.core.table import Table
from movies_assets.core.window import Window
from movies_assets.orchestration.assets import WHOLE, asset_key
from movies_assets.orchestration.code_version import kept_version
from movies_assets.orchestration.metadata import column_schema
from movies_assets.orchestration.retries import mapped
from movies_assets.settings import Settings
from movies_assets.warehouse import audit_log, files, incremental, writer
from movies_assets.warehouse.database import Warehouse, WarehouseError
from movies_assets.warehouse.members import add_members
from movies_assets.warehouse.rows import Rows, rows_of
from movies_assets.warehouse.schema import ensure_input, ensure_table, upgrade
from movies_assets.warehouse.sql import compile_sql
from movies_assets.warehouse.staging import missing_upstream

SHOWN_CHARACTERS, SHOWN_SQL_CHARACTERS = 60, 20_000
# Frames that an asset asks for are read by the handler of dagster-duckdb-pandas (decision 30), from
# a view of the session.
FRAMES, INPUT = DuckDBPandasTypeHandler(), "input"


class InputTable(NamedTuple):
    """The table that the handler of dagster-duckdb-pandas reads; its own class is not public."""

    schema: str
    table: str
    columns: None = None
    partition_dimensions: tuple[()] = ()


class WarehouseIOManager(dg.IOManager):
    """Stores each asset in the table of its contract, one transaction an output.

    Args:
        warehouse: the database.
        tables: every table, by `schema.table`.
        settings: how many partitions are kept, and where files land.
    """

    def __init__(
        self, warehouse: Warehouse, tables: Mapping[str, Table], settings: Settings
    ) -> None:
        self._warehouse = warehouse
        self._tables = tables
        self._settings = settings

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        """Write an asset's rows in one transaction: afterwards the table is old or new, whole.

        Raises:
            WarehouseError: the rows do not fit the contract or the run's partitions, or the file
                cannot be written. Nothing has changed then.
        """
        table, rows, window = self._table(context.asset_key), rows_of(obj), _window(context)
        started = time.perf_counter()
        with mapped(self._settings), self._warehouse.session() as connection, rows.opened():
            if not rows.reads_warehouse:
                rows.stage(connection, table)
            loaded, sql = self._store(connection, table, rows, window, context.run_id)
        self._describe(context, table, loaded, sql, time.perf_counter() - started)

    def _store(
        self,
        connection: duckdb.DuckDBPyConnection,
        table: Table,
        rows: Rows,
        window: Window,
        run_id: str,
    ) -> tuple[writer.Loaded, str | None]:
        """Write in one transaction; return the result, and the SQL that computed the rows."""
        sql, loaded = None, None
        with self._warehouse.transaction(connection):
            ensure_table(connection, table.name, table.contract)
            for name in table.upstream() & self._tables.keys():
                upgrade(connection, name, self._tables[name].contract)
            for name in table.optional:
                ensure_input(connection, name, self._tables[name].contract)
            code = kept_version(table) if table.incremental else ""
            if table.incremental and (kept := incremental.unchanged(connection, table, code)):
                return kept
            if rows.reads_warehouse:
                sql = rows.stage(connection, table)
            refused = rows.refused(connection, table)
            # Where no day can be written, the reasons are still stored.
            if not refused or len(refused) < window.partitions:
                window = replace(window, without=tuple(refused))
                loaded = self._update(connection, table, code, sql, run_id)
                loaded = loaded or self._write(connection, table, rows, window, run_id)
                if table.incremental and sql:
                    incremental.record(connection, table, code, sql)
        if loaded is None:
            raise WarehouseError(
                f"{table.name}: {', '.join(refused)} was not loaded and is as it was before: "
                f"{'; '.join(refused.values())}. Deliver the file again or remove it, then run its "
                "day again."
            )
        return loaded, sql

    def _update(
        self,
        connection: duckdb.DuckDBPyConnection,
        table: Table,
        code: str,
        sql: str | None,
        run_id: str,
    ) -> writer.Loaded | None:
        """Write what has changed; return None where all rows have to be written."""
        if not table.incremental or not sql:
            return None
        loaded = incremental.update(connection, table, code, sql, self._tables)
        if loaded and loaded.written:
            audit_log.record_write(connection, table.name, Window(), run_id)
        return loaded

    def _write(
        self,
        connection: duckdb.DuckDBPyConnection,
        table: Table,
        rows: Rows,
        window: Window,
        run_id: str,
    ) -> writer.Loaded:
        """Write the staged rows, the rows that depend on them, and the audit log."""
        source = self._tables[table.lineage.source_of] if table.lineage else None
        number_lines = None
        if source and issubclass(source.contract, DumpContract):
            number_lines = partial(files.number_lines, connection, source, self._settings.landing)
        loaded = writer.write(connection, table, window, run_id, source, number_lines)
        loaded = replace(
            loaded,
            rows=rows.complete(connection, table, loaded.rows),
            members=add_members(connection, table, window, self._tables),
        )
        rewritten = table.write_mode.rewrites(window)
        audit_log.record_write(connection, table.name, window, run_id, rewritten)
        if table.keep_partitions and table.partition_column:
            writer.prune(connection, table, table.keep_partitions(self._settings), window)
            audit_log.forget_pruned(connection, table.name, table.partition_column)
        return loaded

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
                connection.execute(f"CREATE TEMP VIEW {INPUT} AS {compile_sql(rows)}")
                table: Any = InputTable("temp", INPUT)
                return FRAMES.load_input(context, table, connection)
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
        return rows.filter(_window(context).holds(rows[upstream.partition_column]))

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
        """Describe the write in the UI.

        A range writes one event a partition, all with the output's metadata. Long values (SQL,
        sample) are added to the last partition only; 3,650 copies would be 30 MB of events.
        """
        explanation: dict[str, Any] = {
            "rows": loaded.rows,
            "rows_quarantined": loaded.quarantined,
            "rows_duplicate": loaded.duplicates,
            "seconds": round(seconds, 3),
            "sample": dg.MetadataValue.md(_markdown(_public(table, loaded))),
        }
        if loaded.written is not None:
            explanation["rows_changed"] = loaded.written
        if loaded.arrived_columns:
            columns = column_schema(table.contract, loaded.arrived_columns)
            explanation["dagster/column_schema"] = columns
        for name, rows in loaded.members.items():
            explanation[f"rows_added_to_{name}"] = rows
            if rows:
                # A materialization would make readers of the dimension look out of date.
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


def io_manager_of(tables: Mapping[str, Table], settings: Settings) -> dg.IOManagerDefinition:
    """Return the IO manager's definition; it uses the resource `warehouse` of the run.

    Args:
        tables: every table, by `schema.table`.
        settings: how many partitions are kept, and where files land.
    """
    return dg.IOManagerDefinition(
        resource_fn=lambda context: WarehouseIOManager(
            context.resources.warehouse, tables, settings
        ),
        required_resource_keys={"warehouse"},
    )


def _window(context: dg.InputContext | dg.OutputContext) -> Window:
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
