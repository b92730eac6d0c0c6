"""The published tables in Postgres, one asset a table, for BI tools.

How they are loaded belongs in `movies_assets.serving.postgres`. Two runs at once wait for each
other there, by a lock of the server, so the assets need no pool.
"""

import inspect
from collections.abc import Iterator, Mapping

import dagster as dg
from pydantic import SecretStr

from movies_assets.core.table import Table
from movies_assets.orchestration.assets import OWNERS, asset_key
from movies_assets.orchestration.metadata import column_schema
from movies_assets.orchestration.partitions import BACKFILL
from movies_assets.orchestration.publishing import published
from movies_assets.orchestration.retries import retrying
from movies_assets.serving.postgres import LoadedTable, Target, load
from movies_assets.settings import Settings
from movies_assets.warehouse.meta import Snapshot
from movies_assets.warehouse.published import Published

GROUP = "serving_postgres"
SNAPSHOT = "meta.snapshot"


def postgres_key(name: str) -> dg.AssetKey:
    """Return the asset of a table in Postgres."""
    return dg.AssetKey(["serving", f"postgres_{name.rpartition('.')[2]}"])


def postgres_assets(settings: Settings, tables: Mapping[str, Table]) -> list[dg.AssetsDefinition]:
    """Build the assets of the tables in Postgres.

    Args:
        settings: which database, and which schema of it.
        tables: all tables, by name.
    """
    shared = published.shared_tables(tables)
    target = Target(
        settings.postgres_url or SecretStr(""),
        settings.postgres_schema,
        settings.postgres_reader_password,
        settings.postgres_wait_seconds,
    )

    @dg.multi_asset(
        name="serving_postgres",
        specs=[_spec(table) for table in shared.values()],
        can_subset=False,
        backfill_policy=BACKFILL,
    )
    @retrying(settings)
    def serving_postgres() -> Iterator[dg.MaterializeResult[None]]:
        contracts = {name: table.contract for name, table in shared.items()}
        snapshot, loaded = load(
            Published(settings.published_folder), {**contracts, SNAPSHOT: Snapshot}, target
        )
        for name in shared:
            yield _result(name, loaded[name], snapshot, target)

    return [serving_postgres]


def _spec(table: Table) -> dg.AssetSpec:
    return dg.AssetSpec(
        postgres_key(table.name),
        deps=[
            dg.AssetDep(published.KEY),
            dg.AssetDep(asset_key(table.key), partition_mapping=dg.AllPartitionMapping()),
        ],
        description=f"{inspect.cleandoc(table.contract.__doc__ or '')}\n\nThe table in Postgres, "
        "of the newest snapshot.",
        group_name=GROUP,
        owners=OWNERS,
        kinds={"postgres"},
        skippable=True,
        metadata={"dagster/column_schema": column_schema(table.contract)},
    )


def _result(
    name: str, loaded: LoadedTable, snapshot: str, target: Target
) -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(
        asset_key=postgres_key(name),
        metadata={
            "dagster/row_count": loaded.rows,
            "seconds": round(loaded.seconds, 3),
            "schema": target.schema,
            "snapshot": snapshot,
        },
    )
