"""Jobs: what is run together."""

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from movies_assets.checks.reconciliation import RECONCILED
from movies_assets.partitions import yts_days
from movies_assets.settings import Settings

YTS_DAILY = "yts_daily"
YTS_RECONCILE = "yts_reconcile"

YTS_ASSETS = dg.AssetSelection.groups("yts")


def build(settings: Settings) -> list[UnresolvedAssetJobDefinition]:
    """Build the jobs."""
    reconciled = dg.AssetSelection.checks(RECONCILED)
    return [
        dg.define_asset_job(
            YTS_DAILY,
            selection=YTS_ASSETS - reconciled,
            partitions_def=yts_days(settings),
            description="Materialize YTS from API to star schema for one day or a range of days.",
        ),
        dg.define_asset_job(
            YTS_RECONCILE,
            selection=reconciled,
            description="Crawl all of YTS, compare it with the warehouse, and name the days to "
            "materialize again.",
        ),
    ]
