"""Schedules: when jobs run."""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import dagster as dg
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph

from movies_assets.assets.bronze.omdb import LANDING as OMDB_PAGES
from movies_assets.automation import abandoned
from movies_assets.automation.completeness import complete_days
from movies_assets.automation.jobs import (
    IMDB_ASSETS,
    IMDB_DAILY,
    NETFLIX_ASSETS,
    NETFLIX_DAILY,
    OMDB_ASSETS,
    OMDB_YEARLY,
    OTT_ASSETS,
    OTT_DAILY,
    YTS_ASSETS,
    YTS_DAILY,
)
from movies_assets.partitions import (
    ONE_DAY,
    imdb_run_dates,
    keys_of,
    netflix_days,
    omdb_years,
    ott_days,
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
        _ott_daily(settings),
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
        missing = [key for key in keys[first_done:] if key not in done]
        return _requests(context, YTS_DAILY, tables, keys, missing)

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
    return _regularly(
        NETFLIX_DAILY,
        NETFLIX_ASSETS,
        netflix_days(settings),
        # After the other sources: DuckDB has one writer.
        cron="30 4 * * *",
        choose=lambda keys, now: keys if now.weekday() == SUNDAY else keys[-1:],
        description="Fetch the look-ups and read the files of the newest day; on Sundays of every "
        "day from the first one on, as one range, so that files that changed in silence count.",
    )


def _omdb_yearly(settings: Settings) -> dg.ScheduleDefinition:
    """Ask for the years in which titles still appear."""
    return _regularly(
        OMDB_YEARLY,
        OMDB_ASSETS,
        omdb_years(settings),
        cron="30 5 * * *",
        choose=lambda keys, _: keys[-2:],
        run_config={"ops": {OMDB_PAGES.to_python_identifier(): {"config": {"refresh": True}}}},
        description="Collect the current and the previous year of release anew.",
    )


def _ott_daily(settings: Settings) -> dg.ScheduleDefinition:
    """Ask for today's users; those of days that were missed cannot be had any more."""
    return _regularly(
        OTT_DAILY,
        OTT_ASSETS,
        ott_days(settings),
        # In the evening, because the users of a day are those at its end.
        cron=["30 6 * * *", "30 22 * * *"],
        choose=lambda keys, _: keys[-1:],
        description="Fetch today's users and read the files of today; twice a day, in case one "
        "run fails: users of a day that was missed are lost.",
    )


def _regularly(  # noqa: PLR0913 (what schedules differ in)
    job: str,
    assets: dg.AssetSelection,
    partitions: dg.TimeWindowPartitionsDefinition,
    *,
    cron: str | list[str],
    choose: Callable[[Sequence[str], datetime], Sequence[str]],
    description: str,
    run_config: Mapping[str, Any] | None = None,
) -> dg.ScheduleDefinition:
    """Build a schedule that asks for some of the partitions at each tick, done before or not.

    Args:
        job: what is run.
        assets: those of the source.
        partitions: the partitions of the job.
        cron: when.
        choose: returns neighbouring ones of the partitions that there are at a time.
        description: for the UI.
        run_config: of the runs.
    """

    @dg.schedule(
        name=f"{job}_schedule",
        job_name=job,
        cron_schedule=cron,
        execution_timezone="UTC",
        description=description,
    )
    def schedule(
        context: dg.ScheduleEvaluationContext,
    ) -> list[dg.RunRequest] | dg.SkipReason:
        now = context.scheduled_execution_time
        keys = choose(partitions.get_partition_keys(current_time=now), now)
        if not keys:
            return dg.SkipReason("the first partition is still to come")
        return _requests(context, job, _tables(context, assets), keys, keys, run_config)

    return schedule


def _graph(context: dg.ScheduleEvaluationContext) -> BaseAssetGraph[Any]:
    assert context.repository_def is not None  # noqa: S101 (Dagster sets it for every tick)
    return context.repository_def.asset_graph


def _tables(
    context: dg.ScheduleEvaluationContext, selection: dg.AssetSelection
) -> AbstractSet[dg.AssetKey]:
    return selection.resolve(_graph(context))


def _requests(
    context: dg.ScheduleEvaluationContext,
    job: str,
    tables: AbstractSet[dg.AssetKey],
    keys: Sequence[str],
    wanted: Sequence[str],
    run_config: Mapping[str, Any] | None = None,
) -> list[dg.RunRequest] | dg.SkipReason:
    """Ask for partitions that are not under way, neighbours as one range.

    Args:
        context: the tick; its hour is part of a request's key: what failed is asked for again.
        job: what is run.
        tables: those of the source.
        keys: the partitions in their order.
        wanted: those of them that are asked for.
        run_config: of the runs.
    """
    under_way = _under_way(context.instance, job, tables)
    positions = [
        position
        for position, key in enumerate(keys)
        if key in wanted and not any(a <= key <= b for a, b in under_way)
    ]
    if not positions:
        return dg.SkipReason("every partition is there or under way")
    return [
        dg.RunRequest(
            run_key=f"{context.scheduled_execution_time:%Y-%m-%d %H} {first}...{last}",
            tags=range_tags(first, last),
            run_config=run_config,
        )
        for first, last in _ranges(keys, positions)
    ]


def _ranges(keys: Sequence[str], positions: list[int]) -> list[tuple[str, str]]:
    """Join neighbours into ranges: first and last partition, both included."""
    runs = groupby(enumerate(positions), key=lambda item: item[1] - item[0])
    neighbours = [[position for _, position in run] for _, run in runs]
    return [(keys[run[0]], keys[run[-1]]) for run in neighbours]


def _under_way(
    instance: dg.DagsterInstance, job: str, tables: AbstractSet[dg.AssetKey]
) -> list[tuple[str, str]]:
    """Return first and last partition of the runs of a source that wait or run.

    Runs whose process is gone are marked first. One of another host, which cannot be looked at, is
    not believed after a day.
    """
    abandoned.sweep(instance)
    since = datetime.now(UTC) - ONE_DAY
    runs = instance.get_runs(dg.RunsFilter(statuses=UNDER_WAY, created_after=since))
    return [
        keys
        for run in runs
        if run.job_name == job or tables & (run.asset_selection or set())
        if (keys := keys_of(run.tags))
    ]
