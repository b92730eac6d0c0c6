"""The assets of files that sources fetch into the landing zone."""

from collections.abc import Iterator, Mapping
from functools import wraps
from typing import Any

import dagster as dg

from movies_assets.core.markdown import as_markdown
from movies_assets.core.source import LandingFiles, Source
from movies_assets.core.table import Table, by_name
from movies_assets.orchestration.assets import OWNERS, asset_key
from movies_assets.orchestration.completeness import complete_days, holdings, written
from movies_assets.orchestration.dagster_internals import (
    SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION,
)
from movies_assets.orchestration.partitions import BACKFILL, partitions_def
from movies_assets.orchestration.retries import retrying
from movies_assets.settings import Settings
from movies_assets.warehouse.database import Warehouse


def landing_asset_of(
    files: LandingFiles,
    source: Source,
    settings: Settings,
    warehouse: Warehouse,
) -> dg.AssetsDefinition:
    """Build the asset of the files that a source fetches.

    Args:
        files: the files, and the function that fetches them.
        source: whose files they are.
        settings: which partitions there are.
        warehouse: where they are stored.
    """
    below = by_name(source.tables)

    @dg.asset(
        key=asset_key(files.key),
        group_name=source.name,
        owners=OWNERS,
        kinds={"file"},
        tags={"source": source.name},
        description=files.description,
        partitions_def=partitions_def(files.partitions, settings),
        backfill_policy=BACKFILL,
        output_required=False,
    )
    @retrying(settings)
    @wraps(files.function)
    def fetch(
        context: dg.AssetExecutionContext, *args: Any, **given: Any
    ) -> Iterator[dg.MaterializeResult[None]]:
        landed = files.function(context, *args, **given)
        if landed.same_as and _are_complete(context, warehouse, below, landed.same_as):
            context.log.info("no file has changed, and all tables are complete: nothing to do")
            return
        metadata = {
            name: dg.MetadataValue.md(as_markdown(value)) if isinstance(value, list) else value
            for name, value in landed.metadata.items()
        }
        # A result counts for every partition of the run; with this mark it counts for none. Without
        # a result the tables below would be skipped.
        mark = {} if files.counts else {SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION: True}
        yield dg.MaterializeResult(metadata=metadata | mark)

    return fetch


def _are_complete(
    context: dg.AssetExecutionContext,
    warehouse: Warehouse,
    below: Mapping[str, Table],
    partition: str,
) -> bool:
    """Return whether the tables of a run were made of a partition's files already, and audited."""
    chosen = context.job_def.asset_layer.executable_asset_keys
    tables = {name: table for name, table in below.items() if asset_key(table.key) in chosen}
    if not any(table.partitions for table in tables.values()):
        return False
    held = holdings(warehouse, ())
    return partition in complete_days(tables, written(context.instance, tables, held.begun), held)
