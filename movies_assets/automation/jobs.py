"""Jobs: what is run together."""

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import (
    UnresolvedAssetJobDefinition,
)

from movies_assets.automation.reconciliation import reconcile_job
from movies_assets.partitions import yts_days
from movies_assets.settings import Settings

YTS_DAILY = "yts_daily"
YTS_ASSETS = dg.AssetSelection.groups("yts")


def build(settings: Settings) -> list[dg.JobDefinition | UnresolvedAssetJobDefinition]:
    """Build the jobs."""
    return [
        dg.define_asset_job(
            YTS_DAILY,
            selection=YTS_ASSETS,
            partitions_def=yts_days(settings),
            description="Materialize YTS from API to star schema for one day or a range of days.",
        ),
        reconcile_job(settings),
    ]
