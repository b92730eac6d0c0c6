"""Schedules: when jobs run. `catching_up` decides which partitions they request."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import dagster as dg

from movies_assets import sources
from movies_assets.core.source import Job, Schedule
from movies_assets.core.table import Table
from movies_assets.orchestration import abandoned, catching_up
from movies_assets.orchestration.assets import asset_key
from movies_assets.orchestration.catching_up import Calendar, Progress, Unfinished
from movies_assets.orchestration.partitions import partitions_def, range_tags
from movies_assets.settings import Settings
from movies_assets.warehouse.database import Warehouse, WarehouseError


def build(
    settings: Settings, tables: Mapping[str, Table], warehouse: Warehouse
) -> list[dg.ScheduleDefinition]:
    """Build the schedules.

    Args:
        settings: which partitions there are, and how often their runs are tried.
        tables: all tables, by name.
        warehouse: where they are stored.
    """
    return [
        _schedule(settings, calendar, rules, warehouse)
        for calendar, rules in _calendars(settings, tables)
    ]


def calendars(settings: Settings, tables: Mapping[str, Table]) -> list[Calendar]:
    """Return the partitions of each source, and how its schedule requests them.

    Args:
        settings: which partitions there are, how far back to look, and how often to try.
        tables: all tables, by name.
    """
    return [calendar for calendar, _ in _calendars(settings, tables)]


def _calendars(
    settings: Settings, tables: Mapping[str, Table]
) -> Iterator[tuple[Calendar, Schedule]]:
    """Yield the calendars of the jobs that run by themselves, and when they do."""
    for source in sources.load():
        own = {name: table for name, table in tables.items() if table.group == source.name}
        for job in source.jobs:
            if job.schedule:
                yield _calendar(settings, own, job, job.schedule), job.schedule


def _calendar(
    settings: Settings, tables: Mapping[str, Table], job: Job, rules: Schedule
) -> Calendar:
    if job.partitions is None:
        raise ValueError(f"{job.name} has a schedule, and no partitions to request")
    return Calendar(
        job=job.name,
        tables={name: table for name, table in tables.items() if job.materializes(table.key)},
        partitions=partitions_def(job.partitions, settings),
        each_tick=rules.each_tick,
        reach=settings.catch_up_days,
        tries=settings.catch_up_tries,
        catches_up=rules.catches_up,
        other_jobs=rules.other_jobs,
        fetched=frozenset(map(asset_key, rules.fetched)),
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


def _schedule(
    settings: Settings, calendar: Calendar, rules: Schedule, warehouse: Warehouse
) -> dg.ScheduleDefinition:
    config = {
        asset_key(key).to_python_identifier(): {"config": given}
        for key, given in rules.config.items()
    }

    @dg.schedule(
        name=calendar.schedule,
        job_name=calendar.job,
        cron_schedule=rules.cron,
        execution_timezone="UTC",
        description=rules.description(settings),
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
        progress = _look(context, calendar, warehouse)
        if progress is None:
            return dg.SkipReason("The first partition is still to come.")
        stuck = [str(found) for found in progress.unfinished() if found.is_stuck]
        for sentence in stuck:
            context.log.warning(sentence)
        # The hour is part of the key, so that failed partitions are requested again.
        hour = f"{context.scheduled_execution_time:%Y-%m-%d %H}"
        return [
            dg.RunRequest(
                run_key=f"{hour} {first}...{last}",
                tags=range_tags(first, last),
                run_config={"ops": config} if config else None,
                asset_selection=_without(context, calendar)
                if calendar.fetched and progress.lacks_files((first, last))
                else None,
            )
            for first, last in progress.asked()
        ] or dg.SkipReason(" ".join(["Nothing to request: done, or under way.", *stuck]))

    return schedule


def _without(context: dg.ScheduleEvaluationContext, calendar: Calendar) -> list[dg.AssetKey]:
    """Return the assets of the job without those that only the day itself can bring."""
    assert context.repository_def is not None  # noqa: S101 (Dagster sets it for every tick)
    job = context.repository_def.get_job(calendar.job)
    return sorted({*job.asset_layer.executable_asset_keys} - calendar.fetched)


def _look(
    context: dg.ScheduleEvaluationContext, calendar: Calendar, warehouse: Warehouse
) -> Progress | None:
    """Return the state of the days; by Dagster's history alone where the warehouse is in use.

    Runs whose process is gone are marked first: their days are requested again.
    """
    abandoned.sweep(context.instance)
    now = context.scheduled_execution_time
    try:
        return catching_up.look(calendar, context.instance, warehouse, now)
    except WarehouseError as error:
        context.log.warning(
            "%s This tick uses Dagster's history alone; red days wait for the next one.", error
        )
        return catching_up.look_without_warehouse(calendar, context.instance, now)
