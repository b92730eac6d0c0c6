"""Jobs: what is run together."""

from collections.abc import Callable, Collection, Mapping

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import (
    UnresolvedAssetJobDefinition,
)

from movies_assets.assets.bronze.ott import LANDING as OTT_USERS
from movies_assets.automation.forgetting import forget_job
from movies_assets.automation.reconciliation import reconcile_job
from movies_assets.partitions import imdb_run_dates, netflix_days, omdb_years, ott_days, yts_days
from movies_assets.settings import Settings
from movies_assets.table import Table

YTS_DAILY = "yts_daily"
YTS_ASSETS = dg.AssetSelection.groups("yts")
IMDB_DAILY = "imdb_daily"
IMDB_ASSETS = dg.AssetSelection.groups("imdb")
NETFLIX_DAILY = "netflix_daily"
NETFLIX_ASSETS = dg.AssetSelection.groups("netflix")
# Dimensions that several sources fill belong to the run of each.
SHARED = dg.AssetSelection.groups("shared")
OMDB_YEARLY = "omdb_yearly"
OMDB_ASSETS = dg.AssetSelection.groups("omdb")
OTT_DAILY, OTT_FILES = "ott_daily", "ott_files"
# Measures all that is recommended, by three strategies: on demand, not with every delivery.
EVALUATE_RECOMMENDATIONS = "evaluate_recommendations"
OTT_EVALUATION = dg.AssetSelection.assets(["gold", "ott_recommendation_quality"])
OTT_ASSETS = dg.AssetSelection.groups("ott") - OTT_EVALUATION
# What asks the users API, or needs its answer of the run's days.
OTT_USERS_OF_DAY = dg.AssetSelection.assets(OTT_USERS, ["bronze", "ott_users"])
# The profile belongs to every source's run, and profiles there what that run has written.
QUALITY = dg.AssetSelection.groups("quality")

# The jobs that materialize a source, and the partitions of each.
PARTITIONED: Mapping[str, Callable[[Settings], dg.PartitionsDefinition]] = {
    YTS_DAILY: yts_days,
    IMDB_DAILY: imdb_run_dates,
    NETFLIX_DAILY: netflix_days,
    OMDB_YEARLY: omdb_years,
    OTT_DAILY: ott_days,
    OTT_FILES: ott_days,
}


def build(
    settings: Settings, tables: Collection[Table]
) -> list[dg.JobDefinition | UnresolvedAssetJobDefinition]:
    """Build the jobs.

    Args:
        settings: what to build for.
        tables: all tables.
    """
    return [
        dg.define_asset_job(
            YTS_DAILY,
            selection=YTS_ASSETS | SHARED | QUALITY,
            partitions_def=PARTITIONED[YTS_DAILY](settings),
            description="Materialize YTS from API to star schema for one day or a range of days.",
        ),
        dg.define_asset_job(
            IMDB_DAILY,
            selection=IMDB_ASSETS | QUALITY,
            partitions_def=PARTITIONED[IMDB_DAILY](settings),
            description="Fetch IMDb's dumps and materialize them up to the series' figures; where "
            "no dump has changed, nothing below the landing zone is run.",
        ),
        dg.define_asset_job(
            NETFLIX_DAILY,
            selection=NETFLIX_ASSETS | SHARED | QUALITY,
            partitions_def=PARTITIONED[NETFLIX_DAILY](settings),
            description="Read the Netflix titles that arrived, fetch the look-ups, and materialize "
            "both up to the star schema.",
        ),
        dg.define_asset_job(
            OMDB_YEARLY,
            selection=OMDB_ASSETS | QUALITY,
            partitions_def=PARTITIONED[OMDB_YEARLY](settings),
            description="Search OMDb for titles of one year or a range of years, and materialize "
            "what was found; where the quota is spent, the next run goes on from there.",
        ),
        dg.define_asset_job(
            OTT_DAILY,
            selection=OTT_ASSETS | QUALITY,
            partitions_def=PARTITIONED[OTT_DAILY](settings),
            description="Fetch the streaming service's users, read the catalogue and the watch "
            "events that arrived, and materialize them up to the recommendations.",
        ),
        dg.define_asset_job(
            OTT_FILES,
            selection=(OTT_ASSETS - OTT_USERS_OF_DAY) | QUALITY,
            partitions_def=PARTITIONED[OTT_FILES](settings),
            description="The same without asking for users: for files of days whose users may "
            "never have been fetched. The newest users that were stored count.",
        ),
        dg.define_asset_job(
            EVALUATE_RECOMMENDATIONS,
            selection=OTT_EVALUATION | QUALITY,
            description="Recommend to the streaming service's users as of some days ago, and "
            "compare it with what they watched since: precision, recall, NDCG and coverage, beside "
            "those of the most viewed titles and of titles by chance.",
        ),
        reconcile_job(settings),
        forget_job(settings, tables),
    ]
