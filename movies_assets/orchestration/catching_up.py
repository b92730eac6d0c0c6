"""Decide which partitions of a source a schedule requests, and which of them need a person.

Days with a failed run or red blocking checks are requested again. `schedules` knows when a
schedule ticks, `completeness` which partitions are done.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import groupby
from typing import Any

import dagster as dg

from movies_assets.core.partitions import ONE_DAY
from movies_assets.core.table import Table
from movies_assets.ingest.run_days import keys_of
from movies_assets.orchestration.assets import asset_key
from movies_assets.orchestration.completeness import Holdings, complete_days, holdings, written
from movies_assets.warehouse import audit_log
from movies_assets.warehouse.database import Warehouse

Range = tuple[str, str]

# A tick has 60 s; a run holds the file for as long as it writes a table.
SECONDS_TO_WAIT = 15
# Not CANCELING: the days of such a run may be requested again.
UNDER_WAY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]
FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
UNSUCCESSFUL = [status for status in dg.DagsterRunStatus if status != dg.DagsterRunStatus.SUCCESS]
# Dagster's name for runs of chosen assets: from the UI, a backfill or the command line.
CHOSEN_ASSETS = "__ASSET_JOB"
SCHEDULE_TAG = "dagster/schedule_name"
SHOWN_TABLES = 5


@dataclass(frozen=True)
class Calendar:
    """The partitions of a source's job, and the rules by which its schedule requests them.

    Attributes:
        job: the job.
        tables: the source's tables that the job writes, by name: by its partitions, or as a whole.
        partitions: the partitions.
        each_tick: returns neighbouring partitions that each tick requests, done or not.
        reach: how many of the newest partitions are requested again until they are done.
        tries: failed runs after which a partition is no longer requested.
        catches_up: whether the source still has missed partitions: then every one since the
            first one is requested, even if its run failed often before its checks. Otherwise only
            those with a failed run or red checks.
        other_jobs: further jobs that fill some of the tables.
        fetched: the assets that only a day itself can bring, where a past day whose files were
            never fetched is requested without them.
    """

    job: str
    tables: Mapping[str, Table]
    partitions: dg.TimeWindowPartitionsDefinition
    each_tick: Callable[[Sequence[str], datetime], Sequence[str]]
    reach: int
    tries: int
    catches_up: bool = False
    other_jobs: tuple[str, ...] = ()
    fetched: frozenset[dg.AssetKey] = frozenset()

    @property
    def schedule(self) -> str:
        """Return the name of the schedule."""
        return f"{self.job}_schedule"


@dataclass(frozen=True)
class Unfinished:
    """Neighbouring partitions that a run has left red or incomplete.

    Attributes:
        job: the job that materializes them.
        first: the first one.
        last: the last one.
        tables: the tables whose blocking checks have not passed; none where runs failed earlier.
        tries: how many runs of the schedule have failed since one succeeded.
        run_id: the newest run that failed, if that is known.
        is_asked: whether the schedule requests them again.
        is_stuck: whether they need a person: the tries are used up, or they are not requested.
    """

    job: str
    first: str
    last: str
    tables: tuple[str, ...]
    tries: int
    run_id: str | None
    is_asked: bool
    is_stuck: bool

    def __str__(self) -> str:
        """Describe the partitions, why they are not done, and what happens next."""
        days = "...".join(dict.fromkeys((self.first, self.last)))
        others = len(self.tables) - SHOWN_TABLES
        named = ", ".join(self.tables[:SHOWN_TABLES]) + (
            f" and {others} more" if others > 0 else ""
        )
        why = f"the blocking checks of {named} have not passed" if named else "the run failed"
        run = f" (run {self.run_id[:8]})" if self.run_id else ""
        tries = f" after {self.tries} failed runs of the schedule" if self.tries > 1 else ""
        following = (
            "If its schedule is on, it requests them again."
            if self.is_asked
            else "Its schedule does not request them again: fix the cause, then run them by hand, "
            "as one range."
        )
        return f"{self.job} {days}: {why}{tries}{run}. {following}"


@dataclass(frozen=True)
class Progress:
    """The state of a calendar's partitions at a tick.

    Attributes:
        calendar: the calendar.
        keys: all existing partitions, in order; at least one.
        done: those that are complete.
        red: the ranges whose blocking checks have not passed, and the tables of each; those that
            overlap are one.
        failed: partitions that are not done, whose newest finished run failed, and that run.
        tries: how many runs of the schedule have failed since one succeeded, by partition.
        under_way: the ranges of the runs that wait or run.
        landed: the partitions whose files were fetched; None where none are.
        begin: the oldest partition that was ever requested, or that has rows in bronze.
        each_tick: those that each tick requests, done or not.
    """

    calendar: Calendar
    keys: Sequence[str]
    done: set[str]
    red: Mapping[Range, tuple[str, ...]]
    failed: Mapping[str, str]
    tries: Mapping[str, int]
    under_way: Sequence[Range]
    landed: set[str] | None
    begin: str
    each_tick: Sequence[str]

    @property
    def first_within_reach(self) -> str:
        """Return the oldest partition that may be requested again."""
        return self.keys[-self.calendar.reach :][0]

    @cached_property
    def red_and_asked(self) -> list[Range]:
        """Return the red ranges that are requested again.

        A range is requested as the whole that was written: a part of it would leave the rest of the
        write unaudited.
        """
        return [
            (first, last)
            for first, last in self.red
            if first >= self.first_within_reach and self._tries((first, last)) < self.calendar.tries
        ]

    @cached_property
    def missing(self) -> list[str]:
        """Return the partitions that are requested because they are not done, and are not red."""
        newest, within = self.keys[-1], self.keys[-self.calendar.reach :]
        return [
            key
            for key in within
            if key not in self.done
            and not _is_within(key, self.red)
            and (key == newest or self._is_due(key))
        ]

    def _is_due(self, key: str) -> bool:
        if self.calendar.catches_up:
            return key >= self.begin
        failed = key in self.failed and self._can_be_had(key)
        return failed and self.tries.get(key, 0) < self.calendar.tries

    def _can_be_had(self, key: str) -> bool:
        return self.landed is None or key in self.landed or bool(self.calendar.fetched)

    def lacks_files(self, days: Range) -> bool:
        """Return whether a range has past partitions whose files were never fetched."""
        landed = self.keys if self.landed is None else {*self.landed, self.keys[-1]}
        return any(_is_within(key, [days]) and key not in landed for key in self.keys)

    def asked(self) -> list[Range]:
        """Return the ranges to request.

        Neighbours are one range. Red ranges are requested alone, and so are partitions whose runs
        have failed too often: their faults must not fail the runs of the others.
        """
        ticked = [(self.each_tick[0], self.each_tick[-1])] if self.each_tick else []
        whole = [*self.red_and_asked, *ticked]
        groups: dict[str, str] = {
            key: "failed" if self.tries.get(key, 0) >= self.calendar.tries else ""
            for key in self.missing
        }
        for first, last in _joined(whole):
            groups |= {key: first for key in self.keys if first <= key <= last}
        free = {key: group for key, group in groups.items() if not _is_within(key, self.under_way)}
        return _neighbours(self.keys, free)

    def unfinished(self) -> list[Unfinished]:
        """Return the ranges that a run has left red or incomplete, the oldest first."""
        asked = [*self.asked(), *self.under_way]
        red = [self._unfinished(days, tables, asked) for days, tables in self.red.items()]
        failed = {
            key: run_id
            for key, run_id in self.failed.items()
            if not _is_within(key, self.red) and (self._can_be_had(key) or key == self.keys[-1])
        }
        others = [self._unfinished(days, (), asked) for days in _neighbours(self.keys, failed)]
        return sorted([*red, *others], key=lambda found: found.first)

    def _unfinished(
        self, days: Range, tables: tuple[str, ...], asked: Sequence[Range]
    ) -> Unfinished:
        first, last = days
        within = [key for key in self.keys if first <= key <= last]
        tries = self._tries(days)
        is_asked = bool(within) and all(_is_within(key, asked) for key in within)
        runs = [self.failed[key] for key in within if key in self.failed]
        return Unfinished(
            job=self.calendar.job,
            first=first,
            last=last,
            tables=tables,
            tries=tries,
            run_id=runs[-1] if runs else None,
            is_asked=is_asked,
            is_stuck=tries >= self.calendar.tries or not is_asked,
        )

    def _tries(self, days: Range) -> int:
        return max((n for key, n in self.tries.items() if _is_within(key, [days])), default=0)


def look(
    calendar: Calendar, instance: dg.DagsterInstance, warehouse: Warehouse, now: datetime
) -> Progress | None:
    """Return the state of the partitions; None before the first one.

    Args:
        calendar: the partitions.
        instance: where runs and materializations are recorded.
        warehouse: where rows and the audit log are.
        now: the time up to which there are partitions.

    Raises:
        WarehouseError: the warehouse is in use by another process, or cannot be read.
    """
    keys = calendar.partitions.get_partition_keys(current_time=now)
    if not keys:
        return None
    patient = replace(
        warehouse, lock_wait_seconds=min(warehouse.lock_wait_seconds, SECONDS_TO_WAIT)
    )
    tables = calendar.tables.values() if calendar.catches_up else ()
    return _look(calendar, instance, holdings(patient, [*tables]), keys, now)


def look_without_warehouse(
    calendar: Calendar, instance: dg.DagsterInstance, now: datetime
) -> Progress | None:
    """Return the state of the partitions according to Dagster's history alone.

    For a tick that finds the warehouse in use: red days wait until the next one.
    """
    keys = calendar.partitions.get_partition_keys(current_time=now)
    held = Holdings(tables=frozenset(calendar.tables))
    return _look(calendar, instance, held, keys, now) if keys else None


def _look(
    calendar: Calendar,
    instance: dg.DagsterInstance,
    held: Holdings,
    keys: Sequence[str],
    now: datetime,
) -> Progress:
    # Before what was written: the days of a run that ends meanwhile are under way, or complete.
    unsuccessful = _runs(instance, calendar, statuses=UNSUCCESSFUL)
    found = written(instance, calendar.tables, held.begun)
    writers = [write.run_id for write in held.unaudited if not write.first]
    red = _red(calendar, held.unaudited, _days_of(instance, calendar, writers), keys[-1])
    complete = complete_days(calendar.tables, found, held, red)
    oldest = [
        *(days[0] for _, days in unsuccessful),
        *held.partitions,
        *(key for ids in found.tables.values() for key in ids),
    ]
    if not oldest or min(oldest) > keys[-calendar.reach :][0]:
        # Successful runs that wrote nothing have requested partitions, too.
        successful = _runs(instance, calendar, statuses=[dg.DagsterRunStatus.SUCCESS])
    else:
        successful = _successes(instance, calendar, unsuccessful, keys, complete)
    oldest += [days[0] for _, days in successful]
    failed, tries = _failures(calendar, [*unsuccessful, *successful], keys)
    # A run whose red writes were accepted would only be red again.
    accepted = {key for key, run_id in failed.items() if run_id in held.accepted}
    failed = {key: run_id for key, run_id in failed.items() if key not in accepted | complete}
    since = datetime.now(UTC) - ONE_DAY
    return Progress(
        calendar=calendar,
        keys=keys,
        done=complete | accepted,
        red=red,
        failed=failed,
        tries=tries,
        under_way=[
            days
            for record, days in unsuccessful
            if record.create_timestamp > since
            and record.dagster_run.status in UNDER_WAY
            and record.dagster_run.job_name not in calendar.other_jobs
        ],
        landed=set.intersection(*map(set, found.landed.values())) if found.landed else None,
        begin=min(oldest, default=keys[-1]),
        each_tick=calendar.each_tick(keys, now),
    )


def _runs(
    instance: dg.DagsterInstance, calendar: Calendar, **wanted: Any
) -> list[tuple[dg.RunRecord, Range]]:
    """Return runs of a source, the oldest first, and their partitions.

    A run of another host whose process was killed stays unfinished until Dagster's monitoring ends
    it; after a day it no longer counts as under way. (`abandoned` marks those of this host.)

    Args:
        instance: where they are recorded; each one that is returned takes 0.2 ms.
        calendar: the source's partitions.
        wanted: which of the source's runs, as arguments of `dagster.RunsFilter`.
    """
    keys = {asset_key(table.key) for table in calendar.tables.values()}
    records = [
        record
        for job in (calendar.job, *calendar.other_jobs, CHOSEN_ASSETS)
        for record in instance.get_run_records(dg.RunsFilter(job_name=job, **wanted))
        if job != CHOSEN_ASSETS or keys & (record.dagster_run.asset_selection or set())
    ]
    return [
        (record, days)
        for record in sorted(records, key=lambda record: record.storage_id)
        if (days := keys_of(record.dagster_run.tags))
    ]


def _days_of(
    instance: dg.DagsterInstance, calendar: Calendar, run_ids: Collection[str]
) -> dict[str, Range]:
    """Return the partitions of some runs, by run."""
    found = _runs(instance, calendar, run_ids=[*run_ids]) if run_ids else []
    return {record.dagster_run.run_id: days for record, days in found}


def _successes(
    instance: dg.DagsterInstance,
    calendar: Calendar,
    unsuccessful: Iterable[tuple[dg.RunRecord, Range]],
    keys: Sequence[str],
    complete: Collection[str],
) -> list[tuple[dg.RunRecord, Range]]:
    """Return the successful runs since the first failed one that has incomplete partitions.

    Others change nothing: of complete partitions, no earlier failure counts.
    """
    failed = [
        record.create_timestamp
        for record, days in unsuccessful
        if record.dagster_run.status == dg.DagsterRunStatus.FAILURE
        and any(key not in complete for key in _within(keys, days))
    ]
    if not failed:
        return []
    # Of runs that were created at the same time, the storage decides which one was first.
    since = min(failed) - timedelta(seconds=1)
    return _runs(instance, calendar, statuses=[dg.DagsterRunStatus.SUCCESS], created_after=since)


def _failures(
    calendar: Calendar, runs: Iterable[tuple[dg.RunRecord, Range]], keys: Sequence[str]
) -> tuple[dict[str, str], dict[str, int]]:
    """Return the partitions whose newest finished run failed, with that run, and their tries."""
    failed: dict[str, str] = {}
    tries: defaultdict[str, int] = defaultdict(int)
    for record, days in sorted(runs, key=lambda found: found[0].storage_id):
        run = record.dagster_run
        if run.status not in FINISHED:
            continue
        for key in _within(keys, days):
            if run.status == dg.DagsterRunStatus.SUCCESS:
                failed.pop(key, None)
                tries.pop(key, None)
            else:
                failed[key] = run.run_id
                tries[key] += run.tags.get(SCHEDULE_TAG) == calendar.schedule
    return failed, tries


def _within(keys: Sequence[str], days: Range) -> Sequence[str]:
    """Return the partitions of a range; `keys` are in order."""
    return keys[bisect_left(keys, days[0]) : bisect_right(keys, days[1])]


def _red(
    calendar: Calendar,
    unaudited: Iterable[audit_log.Write],
    runs: Mapping[str, Range],
    newest: str,
) -> dict[Range, tuple[str, ...]]:
    """Return the ranges whose checks have not passed, and the tables; joined where they overlap.

    A write of a whole table belongs to the partitions of its run; where that had none, as in a
    backfill of chosen assets, to the newest one: any run of the job writes the table again.
    """
    writes: defaultdict[Range, set[str]] = defaultdict(set)
    for write in unaudited:
        if write.first and write.table in calendar.tables:
            writes[write.first, write.last].add(write.table)
        elif not write.first and write.run_id in runs:
            writes[runs[write.run_id]].add(write.table)
        elif write.table in calendar.tables:
            writes[newest, newest].add(write.table)
    return {
        (first, last): tuple(
            sorted(
                {
                    name
                    for days, names in writes.items()
                    if first <= days[0] <= last
                    for name in names
                }
            )
        )
        for first, last in _joined(writes)
    }


def _joined(ranges: Iterable[Range]) -> list[Range]:
    """Join ranges that overlap."""
    joined: list[Range] = []
    for first, last in sorted(ranges):
        if joined and first <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return joined


def _neighbours(keys: Sequence[str], groups: Mapping[str, str]) -> list[Range]:
    """Return the ranges of neighbouring partitions that are in the same group, in order."""
    found = [(position, key) for position, key in enumerate(keys) if key in groups]
    runs = groupby(enumerate(found), lambda item: (item[1][0] - item[0], groups[item[1][1]]))
    ranges = [[key for _, (_, key) in run] for _, run in runs]
    return [(run[0], run[-1]) for run in ranges]


def _is_within(key: str, ranges: Iterable[Range]) -> bool:
    return any(first <= key <= last for first, last in ranges)
