"""Power BI's dataset, refreshed when the tables in Postgres are new.

The project that is opened in Power BI is written by `movies_assets.serving.powerbi`; how the
service is asked belongs in `movies_assets.serving.powerbi_refresh`.
"""

import time
from collections.abc import Iterator, Mapping

import dagster as dg

from movies_assets.core.table import Table
from movies_assets.orchestration.assets import OWNERS
from movies_assets.orchestration.partitions import BACKFILL
from movies_assets.orchestration.publishing import postgres, published
from movies_assets.orchestration.retries import retrying
from movies_assets.serving.powerbi_refresh import missing, refresh
from movies_assets.settings import Settings

KEY = dg.AssetKey(["serving", "powerbi_refresh"])
GROUP = "serving_powerbi"


def powerbi_assets(settings: Settings, tables: Mapping[str, Table]) -> list[dg.AssetsDefinition]:
    """Build the asset of the refreshed dataset.

    Args:
        settings: which dataset, and the credentials.
        tables: all tables, by name.
    """

    @dg.asset(
        key=KEY,
        group_name=GROUP,
        owners=OWNERS,
        backfill_policy=BACKFILL,
        kinds={"powerbi"},
        description="The dataset in Power BI's service, refreshed after a load into Postgres.",
        deps=[postgres.postgres_key(name) for name in published.shared_tables(tables)]
        if settings.postgres_url
        else [published.KEY],
        output_required=False,
    )
    @retrying(settings)
    def powerbi_refresh(
        context: dg.AssetExecutionContext,
    ) -> Iterator[dg.MaterializeResult[None]]:
        if unset := missing(settings.powerbi):
            context.log.info("Power BI is not refreshed: %s not set", ", ".join(unset))
            return
        started = time.perf_counter()
        refresh(settings.powerbi, context.log.info)
        yield dg.MaterializeResult(
            metadata={
                "dataset": settings.powerbi.dataset_id,
                "seconds": round(time.perf_counter() - started, 3),
            }
        )

    return [powerbi_refresh]
