"""Build the jobs that the sources declare, and those that publish and export."""

from collections.abc import Collection, Mapping, Sequence

import dagster as dg

from movies_assets import sources
from movies_assets.core.partitions import Partitions
from movies_assets.core.source import Job, Source
from movies_assets.core.table import Key, Table
from movies_assets.orchestration.assets import asset_key
from movies_assets.orchestration.dagster_internals import UnresolvedAssetJobDefinition
from movies_assets.orchestration.partitions import partitions_def
from movies_assets.orchestration.publishing import targets
from movies_assets.privacy.forgetting import forget_job
from movies_assets.settings import Settings

# Dimensions that sources share: facts add their rows, a source's job makes these again and checks
# them.
SHARED = dg.AssetSelection.groups("shared")
# Every run of a source ends with the profile of the rows that it has written.
QUALITY = dg.AssetSelection.groups("quality")

# Every run of a source publishes the audited tables at its end.
PUBLISH, PUBLISHED = "publish", dg.AssetSelection.groups("serving")
# Other systems get it by a separate run: waiting for their readers, or for one that is down, must
# not hold the only slot of the writer's pool, which Dagster counts for the whole of a run.
EXPORT, EXPORTS = "export", dg.AssetSelection.key_prefixes("serving") - PUBLISHED


def partitioned() -> Mapping[str, Partitions]:
    """Return the jobs that materialize days or years of a source, and the partitions of each."""
    jobs = [job for source in sources.load() for job in source.jobs]
    return {job.name: job.partitions for job in jobs if job.partitions}


def of_make_run() -> Sequence[tuple[str, int]]:
    """Return the jobs that `make run` runs in order, and how many of their newest partitions."""
    jobs = [job for source in sources.load() for job in source.jobs]
    return [(job.name, job.newest) for job in jobs if job.newest is not None]


def build(
    settings: Settings, tables: Collection[Table]
) -> list[dg.JobDefinition | UnresolvedAssetJobDefinition]:
    """Build the jobs.

    Args:
        settings: which partitions and targets there are.
        tables: all tables.
    """
    return [
        *(_job(settings, source, job) for source in sources.load() for job in source.jobs),
        dg.define_asset_job(
            PUBLISH,
            selection=PUBLISHED,
            description="Publish the tables of the warehouse that have passed their checks, as "
            "every run of a source does at its end.",
        ),
        *([_export()] if targets.are_set(settings) else []),
        *(build(settings) for source in sources.load() for build in source.other_jobs),
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


def _job(settings: Settings, source: Source, job: Job) -> UnresolvedAssetJobDefinition:
    """Build a job of a source, which profiles and publishes what it has materialized."""
    partitions = job.partitions
    return dg.define_asset_job(
        job.name,
        selection=assets_of(source, job) | QUALITY | PUBLISHED,
        partitions_def=partitions_def(partitions, settings) if partitions else None,
        description=job.description,
    )


def assets_of(source: Source, job: Job) -> dg.AssetSelection:
    """Return the assets that a job of a source materializes, without profile and publication."""
    chosen = _of(job.only) if job.only else dg.AssetSelection.groups(source.name)
    chosen = chosen - _of(job.without) if job.without else chosen
    return chosen | SHARED if job.with_shared else chosen


def _of(keys: Sequence[Key]) -> dg.AssetSelection:
    return dg.AssetSelection.assets(*map(asset_key, keys))
