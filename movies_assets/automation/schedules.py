"""Schedules: when jobs run. Which partitions they ask for belongs in `catching_up`."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import dagster as dg

from movies_assets.assets.bronze.omdb import LANDING as OMDB_PAGES
from movies_assets.assets.bronze.ott import LANDING as OTT_USERS
from movies_assets.automation import catching_up
from movies_assets.automation.catching_up import Calendar, Days, Unfinished
from movies_assets.automation.jobs import (
    IMDB_DAILY,
    NETFLIX_DAILY,
    OMDB_YEARLY,
    OTT_DAILY,
    OTT_FILES,
    PARTITIONED,
    YTS_DAILY,
)
from movies_assets.partitions import range_tags
from movies_assets.settings import Settings
from movies_assets.table import Table
from movies_assets.warehouse.database import Warehouse, WarehouseError

SUNDAY = 6

Choose = Callable[[Sequence[str], datetime], Sequence[str]]

# The partitions that each schedule asks for at every tick, done or not.
ANEW: Mapping[str, Choose] = {
    YTS_DAILY: lambda _, __: (),
    IMDB_DAILY: lambda _, __: (),
    NETFLIX_DAILY: lambda keys, now: keys if now.weekday() == SUNDAY else keys[-1:],
    # The years in which titles still appear.
    OMDB_YEARLY: lambda keys, _: keys[-2:],
    OTT_DAILY: lambda keys, _: keys[-1:],
}

# What of a past day is lost where it was not fetched on that day.
FETCHED = {OTT_DAILY: frozenset({OTT_USERS, dg.AssetKey(["bronze", "ott_users"])})}


def build(
    settings: Settings, tables: Mapping[str, Table], warehouse: Warehouse
) -> list[dg.ScheduleDefinition]:
    """Build the schedules.

    Args:
        settings: what to build for.
        tables: all tables, by name.
        warehouse: where they are stored.
    """
    again = "Days whose run failed or whose blocking checks are red are asked for again."
    every = {
        YTS_DAILY: _Ticks(
            # Half past two: the UTC day is over everywhere, late uploads have arrived.
            "30 2 * * *",
            f"Materialize yesterday, and every day of the last {settings.catch_up_days} since the "
            "first one that is not complete (downtime, failed runs), neighbours as one range.",
        ),
        IMDB_DAILY: _Ticks(
            # The dumps are refreshed once a day, at no hour that is promised.
            ["30 3 * * *", "30 15 * * *"],
            "Fetch today's dumps; twice a day, in case the first run failed. What was fetched is "
            f"not fetched again. {again}",
        ),
        NETFLIX_DAILY: _Ticks(
            # After the other sources: DuckDB has one writer.
            "30 4 * * *",
            "Fetch the look-ups and read the files of the newest day; on Sundays of every day from "
            "the first one on, as one range, so that files that changed in silence count. "
            f"{again}",
        ),
        OMDB_YEARLY: _Ticks(
            "30 5 * * *",
            f"Collect the current and the previous year of release anew. {again}",
            {"ops": {OMDB_PAGES.to_python_identifier(): {"config": {"refresh": True}}}},
        ),
        OTT_DAILY: _Ticks(
            # In the evening, because the users of a day are those at its end.
            ["30 6 * * *", "30 22 * * *"],
            "Fetch today's users and read the files of today; twice a day, in case one run fails: "
            f"users of a day that was missed are lost. {again}",
        ),
    }
    return [
        _schedule(calendar, every[calendar.job], warehouse)
        for calendar in calendars(settings, tables)
    ]


def calendars(settings: Settings, tables: Mapping[str, Table]) -> list[Calendar]:
    """Return the partitions of each source, and the rules by which its schedule asks for them."""
    return [
        Calendar(
            job=job,
            tables={
                name: table
                for name, table in tables.items()
                if table.partitions is PARTITIONED[job]
            },
            partitions=PARTITIONED[job](settings),
            anew=anew,
            reach=settings.catch_up_days,
            tries=settings.catch_up_tries,
            # The others only have what is new today; files that arrive are the sensors' business.
            catches_up=job == YTS_DAILY,
            other_jobs=(OTT_FILES,) if job == OTT_DAILY else (),
            fetched=FETCHED.get(job, frozenset()),
        )
        for job, anew in ANEW.items()
    ]


def unfinished(
    settings: Settings,
    tables: Mapping[str, Table],
    instance: dg.DagsterInstance,
    warehouse: Warehouse,
) -> list[Unfinished]:
    """Return the days of all sources that a run has left red or incomplete.

    Each says of itself, as a text, what happened and what to do; `is_stuck` are those that need a
    person. For the summary and for alerts.

    Args:
        settings: what sources there are, and how often they are asked.
        tables: all tables, by name.
        instance: where runs are recorded.
        warehouse: where the tables are.

    Raises:
        WarehouseError: the warehouse is in use by another process, or cannot be read.
    """
    now = datetime.now(UTC)
    looks = (
        catching_up.look(calendar, instance, warehouse, now)
        for calendar in calendars(settings, tables)
    )
    return [found for days in looks if days for found in days.unfinished()]


class _Ticks(NamedTuple):
    """When a schedule ticks, and what it says of itself.

    Attributes:
        cron: when.
        description: for the UI.
        run_config: of the runs.
    """

    cron: str | list[str]
    description: str
    run_config: Mapping[str, Any] | None = None


def _schedule(calendar: Calendar, ticks: _Ticks, warehouse: Warehouse) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=calendar.schedule,
        job_name=calendar.job,
        cron_schedule=ticks.cron,
        execution_timezone="UTC",
        description=ticks.description,
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
        days = _look(context, calendar, warehouse)
        if days is None:
            return dg.SkipReason("The first partition is still to come.")
        stuck = [str(found) for found in days.unfinished() if found.is_stuck]
        for sentence in stuck:
            context.log.warning(sentence)
        # The hour is part of the key: what failed is asked for again.
        hour = f"{context.scheduled_execution_time:%Y-%m-%d %H}"
        return [
            dg.RunRequest(
                run_key=f"{hour} {first}...{last}",
                tags=range_tags(first, last),
                run_config=ticks.run_config,
                asset_selection=_without(context, calendar)
                if calendar.fetched and days.lacks_files((first, last))
                else None,
            )
            for first, last in days.asked()
        ] or dg.SkipReason(" ".join(["Nothing to ask for: done, or under way.", *stuck]))

    return schedule


def _without(context: dg.ScheduleEvaluationContext, calendar: Calendar) -> list[dg.AssetKey]:
    """Return the assets of the job but for those that only the day itself can bring."""
    assert context.repository_def is not None  # noqa: S101 (Dagster sets it for every tick)
    job = context.repository_def.get_job(calendar.job)
    return sorted({*job.asset_layer.executable_asset_keys} - calendar.fetched)


def _look(
    context: dg.ScheduleEvaluationContext, calendar: Calendar, warehouse: Warehouse
) -> Days | None:
    """Return what became of the days, by Dagster's history alone where the warehouse is in use."""
    now = context.scheduled_execution_time
    try:
        return catching_up.look(calendar, context.instance, warehouse, now)
    except WarehouseError as error:
        context.log.warning(
            "%s This tick goes by Dagster's history alone; red days wait for the next one.", error
        )
        return catching_up.look_without_warehouse(calendar, context.instance, now)
