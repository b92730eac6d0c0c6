"""Tables as Dagster's assets."""

import inspect
from typing import Any

import dagster as dg

from movies_assets.core.table import Key, Table
from movies_assets.orchestration.metadata import column_schema
from movies_assets.orchestration.partitions import BACKFILL, partitions_def
from movies_assets.settings import Settings
from movies_assets.warehouse.database import WRITER_POOL

OWNERS = ["team:movies"]
# Metadata of an input that is read whole.
WHOLE = "whole"


def asset_key(key: Key) -> dg.AssetKey:
    """Return Dagster's key of a table or folder."""
    return dg.AssetKey([*key])


def asset_of(table: Table, settings: Settings) -> dg.AssetsDefinition:
    """Build the asset of a table.

    Args:
        table: the table.
        settings: which partitions there are.
    """
    # A table without partitions reads its inputs whole. A backfill waits for the partitions that a
    # mapping names: with the last one alone it would run such a table before the others are there.
    whole = table.partitions is None
    mapping = dg.AllPartitionMapping() if whole else None
    inputs = {
        parameter: dg.AssetIn(
            key=source.split("."), metadata={WHOLE: whole}, partition_mapping=mapping
        )
        for parameter, source in table.reads().items()
    }
    above = {dg.AssetKey(name.split(".")) for name in table.upstream()}
    metadata: dict[str, Any] = {
        "dagster/column_schema": column_schema(table.contract),
        "dagster/table_name": table.name,
    }
    decorate = dg.asset(
        name=table.key.table,
        key_prefix=[table.key.layer],
        description=inspect.cleandoc(table.contract.__doc__ or ""),
        group_name=table.group,
        owners=OWNERS,
        kinds={table.key.layer, "duckdb"},
        tags={"source": table.group},
        metadata=metadata,
        ins=inputs,
        # A fact is written, and its references are checked, after the tables it points at.
        deps=[
            dg.AssetDep(key, partition_mapping=mapping)
            for key in sorted(above - {i.key for i in inputs.values()})
        ],
        io_manager_key="io_manager",
        dagster_type=dg.Any,  # the IO manager knows which types it takes
        partitions_def=partitions_def(table.partitions, settings) if table.partitions else None,
        backfill_policy=BACKFILL,
        pool=WRITER_POOL,
        **table.options,
    )
    asset: dg.AssetsDefinition = decorate(table.refill if table.is_conformed else table.function)
    return asset
