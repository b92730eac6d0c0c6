"""Schedules: when jobs run. Which partitions they ask for belongs in `catching_up`."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import dagster as dg

from movies_assets.core.table import Table
from movies_assets.orchestration import abandoned, catching_up
from movies_assets.orchestration.assets import asset_key
from movies_assets.orchestration.catching_up import Calendar, Progress, Unfinished
from movies_assets.orchestration.jobs import (
    IMDB_DAILY,
    NETFLIX_DAILY,
    OMDB_YEARLY,
    OTT_DAILY,
    OTT_FILES,
    PARTITIONED,
    YTS_DAILY,
)
from movies_assets.orchestration.partitions import partitions_def, range_tags
from movies_assets.settings import Settings
from movies_assets.sources.omdb.bronze import LANDING as OMDB_PAGES
from movies_assets.sources.ott.bronze import LANDING as OTT_USERS
from movies_assets.warehouse.database import Warehouse, WarehouseError

SUNDAY = 6
AGAIN = "Days whose run failed or whose blocking checks are red are asked for again."


class _Rules(NamedTuple):
    """When the job of a source runs, and for which partitions.

    Attributes:
        cron: when the schedule rules.
        description: for the UI.
        anew: returns the partitions that each tick asks for, done or not.
        catches_up: see `Calendar`.
        other_jobs: see `Calendar`.
        fetched: see `Calendar`.
        run_config: of the runs.
    """

    cron: str | list[str]
    description: str
    anew: Callable[[Sequence[str], datetime], Sequence[str]] = lambda _, __: ()
    catches_up: bool = False
    other_jobs: tuple[str, ...] = ()
    fetched: frozenset[dg.AssetKey] = frozenset()
    run_config: Mapping[str, Any] | None = None


def _rules(settings: Settings) -> Mapping[str, _Rules]:
    """Return the rules of each source, by its job."""
    return {
        YTS_DAILY: _Rules(
            # Half past two: the UTC day is over everywhere, late uploads have arrived.
            "30 2 * * *",
            f"Materialize yesterday, and every day of the last {settings.catch_up_days} since the "
            "first one that is not complete (downtime, failed runs), neighbours as one range.",
            catches_up=True,
        ),
        IMDB_DAILY: _Rules(
            # The dumps are refreshed once a day, at no hour that is promised.
            ["30 3 * * *", "30 15 * * *"],
            "Fetch today's dumps; twice a day, in case the first run failed. What was fetched is "
            f"not fetched again. {AGAIN}",
        ),
        NETFLIX_DAILY: _Rules(
            # After the other sources: DuckDB has one writer.
            "30 4 * * *",
            "Fetch the look-ups and read the files of the newest day; on Sundays of every day from "
            f"the first one on, as one range, so that files that changed in silence count. {AGAIN}",
            anew=lambda keys, now: keys if now.weekday() == SUNDAY else keys[-1:],
        ),
        OMDB_YEARLY: _Rules(
            "30 5 * * *",
            f"Collect the current and the previous year of release anew. {AGAIN}",
            # The years in which titles still appear.
            anew=lambda keys, _: keys[-2:],
            run_config={
                "ops": {asset_key(OMDB_PAGES).to_python_identifier(): {"config": {"refresh": True}}}
            },
        ),
        OTT_DAILY: _Rules(
            # In the evening, because the users of a day are those at its end.
            ["30 6 * * *", "30 22 * * *"],
            "Fetch today's users and read the files of today; twice a day, in case one run fails: "
            f"users of a day that was missed are lost. {AGAIN}",
            anew=lambda keys, _: keys[-1:],
            other_jobs=(OTT_FILES,),
            fetched=frozenset({asset_key(OTT_USERS), dg.AssetKey(["bronze", "ott_users"])}),
        ),
    }


def build(
    settings: Settings, tables: Mapping[str, Table], warehouse: Warehouse
) -> list[dg.ScheduleDefinition]:
    """Build the schedules.

    Args:
        settings: what to build for.
        tables: all tables, by name.
        warehouse: where they are stored.
    """
    rules = _rules(settings)
    return [
        _schedule(calendar, rules[calendar.job], warehouse)
        for calendar in calendars(settings, tables)
    ]


def calendars(settings: Settings, tables: Mapping[str, Table]) -> list[Calendar]:
    """Return the partitions of each source, and how its schedule asks for them.

    Args:
        settings: which partitions there are, how far back to look, and how often to try.
        tables: all tables, by name.
    """
    rules = _rules(settings)
    return [_calendar(settings, tables, job, rules[job]) for job in rules]


def _calendar(settings: Settings, tables: Mapping[str, Table], job: str, rules: _Rules) -> Calendar:
    own = {name: table for name, table in tables.items() if table.partitions is PARTITIONED[job]}
    groups = {table.group for table in own.values()}
    return Calendar(
        job=job,
        tables=own,
        partitions=partitions_def(PARTITIONED[job], settings),
        has_whole_tables=any(
            table.partitions is None and table.group in groups for table in tables.values()
        ),
        anew=rules.anew,
        reach=settings.catch_up_days,
        tries=settings.catch_up_tries,
        catches_up=rules.catches_up,
        other_jobs=rules.other_jobs,
        fetched=rules.fetched,
    )


def unfinished(
    settings: Settings,
    tables: Mapping[str, Table],
    instance: dg.DagsterInstance,
    warehouse: Warehouse,
) -> list[Unfinished]:
    """Return the days of all sources that a run has left red or incomplete.

    The text of each is a sentence for people: what happened, and what to do. An alert names those
    that are stuck, because they need a person; the summary names all.

    Args:
        settings: which partitions there are, and how often their runs are tried.
        tables: all tables, by name.
        instance: where runs are recorded.
        warehouse: where the tables are.

    Raises:
        WarehouseError: the warehouse is in use by another process, or cannot be read.
    """
    now = datetime.now(UTC)
    states = (
        catching_up.look(calendar, instance, warehouse, now)
        for calendar in calendars(settings, tables)
    )
    return [found for state in states if state for found in state.unfinished()]


def _schedule(calendar: Calendar, rules: _Rules, warehouse: Warehouse) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=calendar.schedule,
        job_name=calendar.job,
        cron_schedule=rules.cron,
        execution_timezone="UTC",
        description=rules.description,
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
        progress = _look(context, calendar, warehouse)
        if progress is None:
            return dg.SkipReason("The first partition is still to come.")
        stuck = [str(found) for found in progress.unfinished() if found.is_stuck]
        for sentence in stuck:
            context.log.warning(sentence)
        # The hour is part of the key: what failed is asked for again.
        hour = f"{context.scheduled_execution_time:%Y-%m-%d %H}"
        return [
            dg.RunRequest(
                run_key=f"{hour} {first}...{last}",
                tags=range_tags(first, last),
                run_config=rules.run_config,
                asset_selection=_without(context, calendar)
                if calendar.fetched and progress.lacks_files((first, last))
                else None,
            )
            for first, last in progress.asked()
        ] or dg.SkipReason(" ".join(["Nothing to ask for: done, or under way.", *stuck]))

    return schedule


def _without(context: dg.ScheduleEvaluationContext, calendar: Calendar) -> list[dg.AssetKey]:
    """Return the assets of the job but for those that only the day itself can bring."""
    assert context.repository_def is not None  # noqa: S101 (Dagster sets it for every tick)
    job = context.repository_def.get_job(calendar.job)
    return sorted({*job.asset_layer.executable_asset_keys} - calendar.fetched)


def _look(
    context: dg.ScheduleEvaluationContext, calendar: Calendar, warehouse: Warehouse
) -> Progress | None:
    """Return the state of the days; by Dagster's history alone where the warehouse is in use.

    Runs whose process is gone are marked first: their days are asked for again.
    """
    abandoned.sweep(context.instance)
    now = context.scheduled_execution_time
    try:
        return catching_up.look(calendar, context.instance, warehouse, now)
    except WarehouseError as error:
        context.log.warning(
            "%s This tick goes by Dagster's history alone; red days wait for the next one.", error
        )
        return catching_up.look_without_warehouse(calendar, context.instance, now)
