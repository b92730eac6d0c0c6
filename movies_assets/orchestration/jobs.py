"""Jobs: what is run together."""

from collections.abc import Collection, Mapping
from functools import partial

import dagster as dg

from movies_assets.core.partitions import Partitions
from movies_assets.core.table import Table
from movies_assets.orchestration.assets import asset_key
from movies_assets.orchestration.dagster_internals import UnresolvedAssetJobDefinition
from movies_assets.orchestration.partitions import partitions_def
from movies_assets.orchestration.publishing import targets
from movies_assets.privacy.forgetting import forget_job
from movies_assets.settings import Settings
from movies_assets.sources.imdb.partitions import imdb_run_dates
from movies_assets.sources.netflix.partitions import netflix_days
from movies_assets.sources.omdb.partitions import omdb_years
from movies_assets.sources.ott.bronze import LANDING as OTT_USERS
from movies_assets.sources.ott.partitions import ott_days
from movies_assets.sources.yts.partitions import yts_days
from movies_assets.sources.yts.reconciliation import reconcile_job

YTS_DAILY = "yts_daily"
YTS_ASSETS = dg.AssetSelection.groups("yts")
IMDB_DAILY = "imdb_daily"
IMDB_ASSETS = dg.AssetSelection.groups("imdb")
NETFLIX_DAILY = "netflix_daily"
NETFLIX_ASSETS = dg.AssetSelection.groups("netflix")
# Dimensions that sources share: facts add their rows, a source's job makes these again and checks
# them.
SHARED = dg.AssetSelection.groups("shared")
OMDB_YEARLY = "omdb_yearly"
OMDB_ASSETS = dg.AssetSelection.groups("omdb")
OTT_DAILY, OTT_FILES = "ott_daily", "ott_files"
# Measures all that is recommended, by three strategies: on demand, not with every delivery.
EVALUATE_RECOMMENDATIONS = "evaluate_recommendations"
OTT_EVALUATION = dg.AssetSelection.assets(["gold", "ott_recommendation_quality"])
OTT_ASSETS = dg.AssetSelection.groups("ott") - OTT_EVALUATION
# What asks the users API, or needs its answer of the run's days.
OTT_USERS_OF_DAY = dg.AssetSelection.assets(asset_key(OTT_USERS), ["bronze", "ott_users"])
# The profile belongs to every source's run, and profiles there what that run has written.
QUALITY = dg.AssetSelection.groups("quality")

# What was audited is published at the end of every run of a source.
PUBLISH, PUBLISHED = "publish", dg.AssetSelection.groups("serving")
# Other systems get it by a run of its own: waiting for their readers, or for one that is away, must
# not hold the only slot of the writer's pool, which Dagster counts for the whole of a run.
EXPORT, EXPORTS = "export", dg.AssetSelection.key_prefixes("serving") - PUBLISHED

# The jobs that materialize a source, and the partitions of each.
PARTITIONED: Mapping[str, Partitions] = {
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
    partitioned = partial(_partitioned, settings)
    return [
        partitioned(
            YTS_DAILY,
            YTS_ASSETS | SHARED,
            "Materialize YTS from API to star schema for one day or a range of days.",
        ),
        partitioned(
            IMDB_DAILY,
            IMDB_ASSETS,
            "Fetch IMDb's dumps and materialize them up to the series' figures; where "
            "no dump has changed, nothing below the landing zone is run.",
        ),
        partitioned(
            NETFLIX_DAILY,
            NETFLIX_ASSETS | SHARED,
            "Read the Netflix titles that arrived, fetch the look-ups, and materialize "
            "both up to the star schema.",
        ),
        partitioned(
            OMDB_YEARLY,
            OMDB_ASSETS,
            "Search OMDb for titles of one year or a range of years, and materialize "
            "what was found; where the quota is spent, the next run goes on from there.",
        ),
        partitioned(
            OTT_DAILY,
            OTT_ASSETS,
            "Fetch the streaming service's users, read the catalogue and the watch "
            "events that arrived, and materialize them up to the recommendations.",
        ),
        partitioned(
            OTT_FILES,
            OTT_ASSETS - OTT_USERS_OF_DAY,
            "The same without asking for users: for files of days whose users may "
            "never have been fetched. The newest users that were stored count.",
        ),
        dg.define_asset_job(
            EVALUATE_RECOMMENDATIONS,
            selection=OTT_EVALUATION | QUALITY | PUBLISHED,
            description="Recommend to the streaming service's users as of some days ago, and "
            "compare it with what they watched since: precision, recall, NDCG and coverage, beside "
            "those of the most viewed titles and of titles by chance.",
        ),
        dg.define_asset_job(
            PUBLISH,
            selection=PUBLISHED,
            description="Publish what is in the warehouse, if all of it has passed its checks, as "
            "every run of a source does at its end.",
        ),
        *([_export()] if targets.are_set(settings) else []),
        reconcile_job(settings),
        forget_job(settings, tables),
    ]


def _export() -> UnresolvedAssetJobDefinition:
    """Build the job of the targets that are set."""
    return dg.define_asset_job(
        EXPORT,
        selection=EXPORTS,
        description="Give what was published last to other systems: Postgres, Parquet, Delta, "
        "Power BI, each where its setting is set.",
    )


def _partitioned(
    settings: Settings, name: str, assets: dg.AssetSelection, description: str
) -> UnresolvedAssetJobDefinition:
    """Build a job that materializes assets of a source, and their profile, for its partitions."""
    return dg.define_asset_job(
        name,
        selection=assets | QUALITY | PUBLISHED,
        partitions_def=partitions_def(PARTITIONED[name], settings),
        description=description,
    )
