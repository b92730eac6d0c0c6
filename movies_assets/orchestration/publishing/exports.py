"""The assets of tables that are exported as files, which `movies_assets.serving` writes."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import dagster as dg
from pydantic import SecretStr

from movies_assets.core.table import Table
from movies_assets.orchestration.assets import OWNERS, asset_key
from movies_assets.orchestration.metadata import column_schema
from movies_assets.orchestration.partitions import BACKFILL
from movies_assets.orchestration.permissions import readable_as
from movies_assets.orchestration.publishing.published import KEY, shared_tables
from movies_assets.orchestration.retries import retrying
from movies_assets.serving.exports import Export, TableKeptError, layout_of, reading_newest
from movies_assets.settings import Settings
from movies_assets.warehouse.database import Warehouse
from movies_assets.warehouse.published import Published, never_written

# Writes a table to a URL; returns metadata for the UI.
Write = Callable[[dg.AssetExecutionContext, Export, str], Mapping[str, Any]]


def export_assets(
    settings: Settings, tables: Mapping[str, Table], kind: str, setting: str, write: Write
) -> dg.AssetsDefinition:
    """Build the assets of one kind: one a published table without data of single users.

    They are one step: where nothing is to be done, a step each would cost more than a run of YTS.

    Args:
        settings: where to.
        tables: all tables, by name.
        kind: the format: `parquet`, `delta`.
        setting: the one of the settings `exports` with the target; it is set.
        write: does it.
    """
    url: SecretStr = getattr(settings.exports, setting)
    shared = {export_key(kind, table): table for table in shared_tables(tables).values()}

    @dg.multi_asset(
        name=f"serving_{kind}",
        specs=[_spec(kind, setting, table) for table in shared.values()],
        can_subset=True,
        backfill_policy=BACKFILL,
        # Two runs at once would both write, and one of them for nothing.
        pool=f"serving_{kind}",
    )
    @retrying(settings)
    def export(
        context: dg.AssetExecutionContext, warehouse: dg.ResourceParam[Warehouse]
    ) -> Iterator[dg.MaterializeResult[None]]:
        place = url.get_secret_value()
        newest = reading_newest(warehouse, Published(settings.published_folder))
        with newest as (snapshot, connection):
            unwritten = never_written(connection)
            for key in sorted(context.selected_asset_keys):
                started = time.perf_counter()
                is_written = shared[key].name not in unwritten
                export = Export(shared[key], connection, snapshot.stem, is_written)
                try:
                    with readable_as(place, settings):
                        metadata = write(context, export, place)
                except TableKeptError as reason:
                    context.log.warning(str(reason))
                    metadata = {"outcome": reason.outcome}
                seconds = round(time.perf_counter() - started, 3)
                yield dg.MaterializeResult(
                    asset_key=key,
                    metadata={"snapshot": snapshot.stem, "seconds": seconds, **metadata},
                )

    return export


def export_key(kind: str, table: Table) -> dg.AssetKey:
    """Return the key of a table's asset of one kind."""
    return dg.AssetKey(["serving", f"{kind}_{table.key.table}"])


def _spec(kind: str, setting: str, table: Table) -> dg.AssetSpec:
    divided = ", ".join(layout_of(table).columns[: None if kind == "parquet" else 1])
    return dg.AssetSpec(
        export_key(kind, table),
        group_name=f"serving_{kind}",
        owners=OWNERS,
        kinds={kind},
        tags={"source": table.group},
        description=f"{table.name} of the published snapshot, "
        f"{f'divided by {divided}' if divided else 'undivided'}, in the folder that "
        f"MOVIES_EXPORTS__{setting.upper()} names. Written only where the table has "
        "changed.",
        deps=[KEY, dg.AssetDep(asset_key(table.key), partition_mapping=dg.AllPartitionMapping())],
        metadata={"dagster/column_schema": column_schema(table.contract)},
        skippable=True,
    )
