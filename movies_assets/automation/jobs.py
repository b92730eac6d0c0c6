"""Jobs: what is run together."""

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import (
    UnresolvedAssetJobDefinition,
)

from movies_assets.automation.reconciliation import reconcile_job
from movies_assets.partitions import imdb_run_dates, yts_days
from movies_assets.settings import Settings

YTS_DAILY = "yts_daily"
YTS_ASSETS = dg.AssetSelection.groups("yts")
IMDB_DAILY = "imdb_daily"
IMDB_ASSETS = dg.AssetSelection.groups("imdb")


def build(settings: Settings) -> list[dg.JobDefinition | UnresolvedAssetJobDefinition]:
    """Build the jobs."""
    return [
        dg.define_asset_job(
            YTS_DAILY,
            selection=YTS_ASSETS,
            partitions_def=yts_days(settings),
            description="Materialize YTS from API to star schema for one day or a range of days.",
        ),
        dg.define_asset_job(
            IMDB_DAILY,
            selection=IMDB_ASSETS,
            partitions_def=imdb_run_dates(settings),
            description="Fetch IMDb's dumps and materialize them up to the series' figures; where "
            "no dump has changed, nothing below the landing zone is run.",
        ),
        reconcile_job(settings),
    ]
