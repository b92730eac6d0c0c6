"""Sensors: runs for files that have arrived, and exports of published tables."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from movies_assets import sources
from movies_assets.core.days import day_ranges
from movies_assets.core.partitions import ONE_DAY
from movies_assets.core.source import Arrivals, Job, Source, Zones
from movies_assets.core.table import Table
from movies_assets.orchestration import abandoned
from movies_assets.orchestration.completeness import holdings
from movies_assets.orchestration.jobs import EXPORT
from movies_assets.orchestration.partitions import partitions_def, range_tags
from movies_assets.orchestration.publishing import targets
from movies_assets.orchestration.publishing.published import KEY as PUBLISHED_WAREHOUSE
from movies_assets.settings import Settings
from movies_assets.warehouse.database import Warehouse, WarehouseError

if TYPE_CHECKING:
    from movies_assets.ingest.landing import Arrival, Survey

# The first look at 10,000 files takes seconds (docs/reference/benchmarks.md).
SECONDS_BETWEEN_LOOKS = 60
SHOWN_FILES = 10
# Publications whose jobs a sensor looks up at once.
PUBLICATIONS = 100
# A run takes 7 s to start and to publish, and a day within a range 0.2 s of events.
LONGEST_BRIDGE = timedelta(days=30)


def build(
    settings: Settings, tables: Mapping[str, Table], warehouse: Warehouse
) -> list[dg.SensorDefinition]:
    """Build the sensors.

    Args:
        settings: which partitions and targets there are.
        tables: all tables, by name.
        warehouse: where they are stored.
    """

    def days_held(*names: str) -> Callable[[], Collection[str]]:
        return lambda: holdings(warehouse, [tables[name] for name in names]).partitions

    arriving = [(source.name, source.arrivals) for source in sources.load()]
    return [
        *(
            arrivals_sensor(
                f"{name}_arrivals",
                arrivals,
                partitions_def(arrivals.partitions, settings),
                days_held(*arrivals.tables),
            )
            for name, arrivals in arriving
            if arrivals
        ),
        *([exports_sensor()] if targets.are_set(settings) else []),
        *(
            following_sensor(source, job)
            for source in sources.load()
            for job in source.jobs
            if job.follows
        ),
        abandoned.sensor(),
    ]


def following_sensor(source: Source, job: Job) -> dg.SensorDefinition:
    """Build the sensor that runs a job after the jobs of all other sources.

    Args:
        source: its own source.
        job: the job.
    """
    own = {each.name for each in source.jobs}

    @dg.sensor(
        name=f"{job.name}_follow",
        job_name=job.name,
        minimum_interval_seconds=SECONDS_BETWEEN_LOOKS,
        description=f"Asks for `{job.name}` whenever jobs of other sources have published.",
    )
    def follow(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        instance = context.instance
        # All since the last look, as a run of its own may publish last, and have read before.
        since = dg.AssetRecordsFilter(
            PUBLISHED_WAREHOUSE, after_storage_id=int(context.cursor or 0)
        )
        found = instance.fetch_materializations(since, limit=PUBLICATIONS).records
        if not found:
            return dg.SkipReason("Nothing was published since the last look.")
        run_ids = [record.run_id for record in found]
        runs = instance.get_runs(dg.RunsFilter(run_ids=run_ids))
        others = {run.job_name for run in runs} - own
        key = str(found[0].storage_id)
        return dg.SensorResult(
            run_requests=[dg.RunRequest(run_key=key)] if others else [],
            skip_reason=None if others else "Only its own runs published since the last look.",
            cursor=key,
        )

    return follow


def exports_sensor() -> dg.SensorDefinition:
    """Build the sensor that exports each new publication."""

    @dg.asset_sensor(
        asset_key=PUBLISHED_WAREHOUSE,
        name="exports",
        job_name=EXPORT,
        description="Asks for `export` whenever something was published.",
    )
    def published(_: dg.SensorEvaluationContext, publication: dg.EventLogEntry) -> dg.RunRequest:
        return dg.RunRequest(run_key=publication.run_id)

    return published


def arrivals_sensor(
    name: str,
    arrivals: Arrivals,
    partitions: dg.TimeWindowPartitionsDefinition,
    days_held: Callable[[], Collection[str]],
) -> dg.SensorDefinition:
    """Build the sensor that requests the days of new, late and replaced files.

    Its cursor holds the digests of all files of each day, and of the files that it has reported as
    not read. Run keys are made of the days and digests, so that Dagster runs each request once,
    even if it dies before the cursor is stored. A day with a file that cannot be opened gets a
    separate run, which fails without its neighbours.

    The first tick that finds files finds those of many days. It requests them as one range, over
    days between them that have no files and no rows in bronze.

    Args:
        name: of the sensor.
        arrivals: the job that it runs, and the resource that knows the folders.
        partitions: the partitions of the job.
        days_held: returns the days with rows in the job's bronze tables.
    """

    @dg.sensor(
        name=name,
        job_name=arrivals.job,
        minimum_interval_seconds=SECONDS_BETWEEN_LOOKS,
        required_resource_keys={arrivals.resource},
        description=f"Run {arrivals.job} for the days to which files have arrived, late or again, "
        "neighbours as one range; a file counts once, by its path, size and content. Files that "
        "are not read are named. Deleted files are ignored.",
    )
    def look(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        folders: Zones = getattr(context.resources, arrivals.resource)
        surveys: Mapping[str, Survey] = {zone.name: zone.survey() for zone in folders.zones()}
        files_found = [found for survey in surveys.values() for found in survey.arrivals]
        keys = set(partitions.get_partition_keys())
        cursor: dict[str, Any] = {"asked": 0, "files": {}, **json.loads(context.cursor or "{}")}
        seen = _digests(arrival for arrival in files_found if str(arrival.day) in keys)
        unread, closed = _unread(surveys, keys)
        named = {_digest(one): one for one in unread}
        if news_of_unread := sorted(named.keys() - set(cursor.get("named", ()))):
            context.log.warning("not read: %s", _listed([named[one] for one in news_of_unread]))
        if outside := sorted({str(arrival.day) for arrival in files_found} - keys):
            context.log.warning("files of days without a partition: %s", ", ".join(outside[:10]))
        known = cursor["files"]
        news = {day: new for day, files in seen.items() if (new := files - set(known.get(day, ())))}
        files = {day: sorted(digests) for day, digests in seen.items()}
        asked = cursor["asked"] + bool(news)
        whole = {day: new for day, new in news.items() if day not in closed}
        broken = {day: new for day, new in news.items() if day in closed}
        free: set[str] = set()
        if not known and len(whole) > 1:
            free = keys - seen.keys() - closed - _held(context, days_held, keys)
        nothing = f"nothing new among {len(files_found)} files"
        return dg.SensorResult(
            run_requests=[*_requests(whole, asked, free), *_requests(broken, asked)],
            skip_reason=None
            if news
            else f"{nothing}; not read: {_listed(unread)}"
            if unread
            else nothing,
            cursor=json.dumps({"asked": asked, "files": files, "named": sorted(named)}),
        )

    return look


def _unread(surveys: Mapping[str, "Survey"], keys: Collection[str]) -> tuple[list[str], set[str]]:
    """Return the files that are not read, with the reasons, and the days of unopenable files.

    Args:
        surveys: the contents of the landing folders, by their names.
        keys: the days that have a partition.
    """
    unread = [
        f"{name}/{one.path} {one.reason}"
        for name, survey in surveys.items()
        for one in [*survey.closed, *survey.unread]
        if one.day is None or str(one.day) in keys
    ]
    return sorted(unread), {str(one.day) for found in surveys.values() for one in found.closed}


def _listed(texts: Sequence[str]) -> str:
    """Return the first of some texts, and how many more there are."""
    more = len(texts) - SHOWN_FILES
    return "; ".join([*texts[:SHOWN_FILES], *([f"and {more} more"] if more > 0 else [])])


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _digests(arrivals: Iterable["Arrival"]) -> Mapping[str, set[str]]:
    days: defaultdict[str, set[str]] = defaultdict(set)
    for arrival in arrivals:
        days[str(arrival.day)].add(arrival.digest)
    return days


def _held(
    context: dg.SensorEvaluationContext,
    days_held: Callable[[], Collection[str]],
    keys: Collection[str],
) -> set[str]:
    """Return the days with rows; all days, if the warehouse cannot be read."""
    try:
        return set(days_held())
    except WarehouseError as error:
        context.log.warning("%s Days without files are left out.", error)
        return set(keys)


def _requests(
    news: Mapping[str, set[str]], asked: int, free: Collection[str] = ()
) -> list[dg.RunRequest]:
    """Request the days of new files; a state that comes back is requested again, by its number.

    Args:
        news: the digests of the new files, by day.
        asked: the number of the request.
        free: days that may be requested as well.
    """
    requests = []
    for first, last in _bridged(day_ranges(map(date.fromisoformat, sorted(news))), free):
        files = sorted(
            digest for day, new in news.items() if str(first) <= day <= str(last) for digest in new
        )
        state = _digest("".join(files))
        requests.append(
            dg.RunRequest(
                run_key=f"{first}...{last} {asked} {state}",
                tags=range_tags(str(first), str(last)),
            )
        )
    return requests


def _bridged(ranges: Sequence[tuple[date, date]], free: Collection[str]) -> list[tuple[date, date]]:
    """Join ranges, given in order, where the days between them are few and free."""
    joined: list[tuple[date, date]] = []
    for first, last in ranges:
        gap = first - joined[-1][1] - ONE_DAY if joined else timedelta.max
        between = [str(first - ONE_DAY * n) for n in range(1, gap.days + 1)] if joined else []
        if gap <= LONGEST_BRIDGE and free and set(between) <= set(free):
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    return joined
