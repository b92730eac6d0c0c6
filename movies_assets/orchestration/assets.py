"""Tables as Dagster's assets."""

import inspect
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

import dagster as dg

from movies_assets.core.table import Key, Table
from movies_assets.orchestration.code_references import reference_to
from movies_assets.orchestration.code_version import kept_version
from movies_assets.orchestration.metadata import column_lineage, column_schema
from movies_assets.orchestration.partitions import BACKFILL, partitions_def
from movies_assets.orchestration.retries import retrying
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
        **column_lineage(table),
        "dagster/table_name": table.name,
        **reference_to(table.function),
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
        code_version=kept_version(table),
        freshness_policy=_freshness(table, settings),
        **table.options,
    )
    function = table.refill if table.is_conformed else table.function
    if table.key.layer == "bronze":
        function = _received(function)
    asset: dg.AssetsDefinition = decorate(retrying(settings)(function))
    return asset


def _received(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let each run of a function that receives data be a new version of the data.

    Dagster takes the same code on the same inputs for the same data, and would not show the tables
    below as out of date. That holds for functions between tables, which are pure.
    """

    @wraps(function)
    def receive(*args: Any, **given: Any) -> dg.Output[Any]:
        version = dg.DataVersion(dg.OpExecutionContext.get().run_id)
        return dg.Output(function(*args, **given), data_version=version)

    # Dagster checks the result against the annotation.
    receive.__annotations__ = {**function.__annotations__, "return": dg.Output[Any]}
    return receive


def _freshness(table: Table, settings: Settings) -> dg.FreshnessPolicy | None:
    """Return how old a table's last materialization may be, for a table that has such a check.

    The check looks at rows and is made by runs; the policy turns red where there are no runs at
    all. The sample's world has ended: nothing is due there, however long ago it was materialized.
    """
    if table.fresh_within_days is None or settings.profile == "sample":
        return None
    days = timedelta(days=table.fresh_within_days)
    return dg.FreshnessPolicy.time_window(fail_window=2 * days, warn_window=days)
