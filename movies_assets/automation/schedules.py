"""Schedules: when jobs run."""

from collections.abc import Set as AbstractSet
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph

from movies_assets.assets.bronze.omdb import LANDING as OMDB_PAGES
from movies_assets.automation.completeness import complete_days
from movies_assets.automation.jobs import (
    IMDB_ASSETS,
    IMDB_DAILY,
    NETFLIX_ASSETS,
    NETFLIX_DAILY,
    OMDB_ASSETS,
    OMDB_YEARLY,
    YTS_ASSETS,
    YTS_DAILY,
)
from movies_assets.partitions import (
    ONE_DAY,
    day_ranges,
    imdb_run_dates,
    keys_of,
    netflix_days,
    omdb_years,
    range_tags,
    yts_days,
)
from movies_assets.settings import Settings

SUNDAY = 6

UNDER_WAY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


def build(settings: Settings) -> list[dg.ScheduleDefinition]:
    """Build the schedules."""
    return [
        _yts_daily(settings),
        _imdb_daily(settings),
        _netflix_daily(settings),
        _omdb_yearly(settings),
    ]


def _yts_daily(settings: Settings) -> dg.ScheduleDefinition:
    """Ask for yesterday, and for every day that was missed."""
    partitions = yts_days(settings)

    @dg.schedule(
        name=f"{YTS_DAILY}_schedule",
        job_name=YTS_DAILY,
        # Half past two: the UTC day is over everywhere, late uploads have arrived.
        cron_schedule="30 2 * * *",
        execution_timezone="UTC",
        description=f"Materialize yesterday, and every day of the last {settings.catch_up_days} "
        "that was missed since the first one (downtime, failed runs), neighbours as one range.",
    )
    def yts_daily_schedule(
        context: dg.ScheduleEvaluationContext,
    ) -> list[dg.RunRequest] | dg.SkipReason:
        now = context.scheduled_execution_time
        keys = partitions.get_partition_keys(current_time=now)[-settings.catch_up_days :]
        tables = _tables(context, YTS_ASSETS)
        done = complete_days(context.instance, _graph(context), tables, partitions)
        first_done = next((index for index, key in enumerate(keys) if key in done), len(keys) - 1)
        if any(key < keys[0] for key in done):  # begun before: all days within reach were missed
            first_done = 0
        under_way = _under_way(context.instance, YTS_DAILY, tables)
        missing = [
            key
            for key in keys[first_done:]
            if key not in done and not any(a <= key <= b for a, b in under_way)
        ]
        if not missing:
            return dg.SkipReason("every day is there or under way")
        return [
            dg.RunRequest(
                # The day of the tick is part of it: a range that failed is asked for again.
                run_key=f"{now:%Y-%m-%d} {first}...{last}",
                tags=range_tags(first, last),
            )
            for first, last in _ranges(missing)
        ]

    return yts_daily_schedule


def _imdb_daily(settings: Settings) -> dg.ScheduleDefinition:
    """Ask for today's dumps; those of days that were missed cannot be had any more."""
    partitions = imdb_run_dates(settings)

    @dg.schedule(
        name=f"{IMDB_DAILY}_schedule",
        job_name=IMDB_DAILY,
        # The dumps are refreshed once a day, at no hour that is promised.
        cron_schedule=["30 3 * * *", "30 15 * * *"],
        execution_timezone="UTC",
        description="Fetch today's dumps; twice a day, in case the first run failed. What was "
        "fetched is not fetched again.",
    )
    def imdb_daily_schedule(
        context: dg.ScheduleEvaluationContext,
    ) -> dg.RunRequest | dg.SkipReason:
        now = context.scheduled_execution_time
        keys = partitions.get_partition_keys(current_time=now)
        if not keys:
            return dg.SkipReason("the first run date is still to come")
        today = keys[-1]
        tables = _tables(context, IMDB_ASSETS)
        if today in complete_days(context.instance, _graph(context), tables, partitions):
            return dg.SkipReason(f"the dumps of {today} are there")
        if any(a <= today <= b for a, b in _under_way(context.instance, IMDB_DAILY, tables)):
            return dg.SkipReason(f"the dumps of {today} are under way")
        return dg.RunRequest(run_key=f"{now:%Y-%m-%d %H}", partition_key=today)

    return imdb_daily_schedule


def _netflix_daily(settings: Settings) -> dg.ScheduleDefinition:
    """Ask for the newest day, and on Sundays for all of them."""
    partitions = netflix_days(settings)

    @dg.schedule(
        name=f"{NETFLIX_DAILY}_schedule",
        job_name=NETFLIX_DAILY,
        # After the other sources: DuckDB has one writer.
        cron_schedule="30 4 * * *",
        execution_timezone="UTC",
        description="Fetch the look-ups and read the files of the newest day; on Sundays of every "
        "day from the first one on, as one range, so that files that changed in silence count.",
    )
    def netflix_daily_schedule(
        context: dg.ScheduleEvaluationContext,
    ) -> dg.RunRequest | dg.SkipReason:
        now = context.scheduled_execution_time
        keys = partitions.get_partition_keys(current_time=now)
        if not keys:
            return dg.SkipReason("the first day is still to come")
        first, newest = keys[0] if now.weekday() == SUNDAY else keys[-1], keys[-1]
        tables = _tables(context, NETFLIX_ASSETS)
        under_way = _under_way(context.instance, NETFLIX_DAILY, tables)
        if any(a <= first and newest <= b for a, b in under_way):
            return dg.SkipReason(f"{first} to {newest} is under way")
        tags = range_tags(first, newest) if first < newest else {}
        return dg.RunRequest(
            run_key=f"{now:%Y-%m-%d}", partition_key=None if tags else newest, tags=tags
        )

    return netflix_daily_schedule


def _omdb_yearly(settings: Settings) -> dg.ScheduleDefinition:
    """Ask for the years in which titles still appear."""
    partitions = omdb_years(settings)

    @dg.schedule(
        name=f"{OMDB_YEARLY}_schedule",
        job_name=OMDB_YEARLY,
        cron_schedule="30 5 * * *",
        execution_timezone="UTC",
        description="Collect the current and the previous year of release anew.",
    )
    def omdb_yearly_schedule(
        context: dg.ScheduleEvaluationContext,
    ) -> dg.RunRequest | dg.SkipReason:
        now = context.scheduled_execution_time
        keys = partitions.get_partition_keys(current_time=now)[-2:]
        if not keys:
            return dg.SkipReason("the first year is still to come")
        first, last = keys[0], keys[-1]
        under_way = _under_way(context.instance, OMDB_YEARLY, _tables(context, OMDB_ASSETS))
        if any(a <= last and first <= b for a, b in under_way):
            return dg.SkipReason(f"a run of {first} or {last} is under way")
        return dg.RunRequest(
            run_key=f"{now:%Y-%m-%d}",
            run_config={"ops": {OMDB_PAGES.to_python_identifier(): {"config": {"refresh": True}}}},
            tags=range_tags(first, last),
        )

    return omdb_yearly_schedule


def _graph(context: dg.ScheduleEvaluationContext) -> BaseAssetGraph[Any]:
    assert context.repository_def is not None  # noqa: S101 (Dagster sets it for every tick)
    return context.repository_def.asset_graph


def _tables(
    context: dg.ScheduleEvaluationContext, selection: dg.AssetSelection
) -> AbstractSet[dg.AssetKey]:
    return selection.resolve(_graph(context))


def _ranges(keys: list[str]) -> list[tuple[str, str]]:
    days = map(date.fromisoformat, keys)
    return [(first.isoformat(), last.isoformat()) for first, last in day_ranges(days)]


def _under_way(
    instance: dg.DagsterInstance, job: str, tables: AbstractSet[dg.AssetKey]
) -> list[tuple[str, str]]:
    """Return first and last partition of the runs of a source that wait or run.

    A run whose process was killed says forever that it runs; after a day it is not believed.
    """
    since = datetime.now(UTC) - ONE_DAY
    runs = instance.get_runs(dg.RunsFilter(statuses=UNDER_WAY, created_after=since))
    return [
        keys
        for run in runs
        if run.job_name == job or tables & (run.asset_selection or set())
        if (keys := keys_of(run.tags))
    ]
