"""Sensors: what is run because something has arrived."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg

from movies_assets.assets.serving.published import KEY as PUBLISHED_WAREHOUSE
from movies_assets.automation.jobs import EXPORT, NETFLIX_DAILY, OTT_FILES
from movies_assets.days import day_ranges
from movies_assets.partitions import netflix_days, ott_days, range_tags
from movies_assets.settings import Settings

if TYPE_CHECKING:
    from movies_assets.sources.landing import Arrival

# Looking at 10,000 files takes seconds (docs/benchmarks.md).
SECONDS_BETWEEN_LOOKS = 60


def build(settings: Settings) -> list[dg.SensorDefinition]:
    """Build the sensors."""
    return [
        arrivals_sensor(
            "netflix_arrivals", NETFLIX_DAILY, "netflix_landing", netflix_days(settings)
        ),
        arrivals_sensor(
            "ott_arrivals", OTT_FILES, "ott_landing", ott_days(settings), ["titles", "views"]
        ),
        exports_sensor(settings),
    ]


def exports_sensor(settings: Settings) -> dg.SensorDefinition:
    """Build the sensor that exports each new publication, where there is somebody to export to."""
    exports = settings.exports
    targets = (
        settings.postgres_url,
        exports.parquet_url,
        exports.delta_url,
        settings.powerbi.dataset_id,
    )

    @dg.asset_sensor(
        asset_key=PUBLISHED_WAREHOUSE,
        name="exports",
        job_name=EXPORT,
        description="Asks for `export` whenever something was published.",
    )
    def published(
        _: dg.SensorEvaluationContext, publication: dg.EventLogEntry
    ) -> dg.RunRequest | dg.SkipReason:
        if not any(targets):
            return dg.SkipReason(
                "No target is set: MOVIES_POSTGRES_URL, MOVIES_EXPORTS__PARQUET_URL, "
                "MOVIES_EXPORTS__DELTA_URL, MOVIES_POWERBI__DATASET_ID."
            )
        return dg.RunRequest(run_key=publication.run_id)

    return published


def arrivals_sensor(
    name: str,
    job: str,
    landing: str,
    partitions: dg.DailyPartitionsDefinition,
    folders: Sequence[str] = (),
) -> dg.SensorDefinition:
    """Build the sensor that asks for the days to which new, late and replaced files belong.

    What it has seen is its cursor: for each day the digests of its files. Requests carry a key made
    of what they are for, so that Dagster runs them once, even if it dies before the cursor is kept.

    Args:
        name: of the sensor.
        job: what is run.
        landing: the resource that returns the landing folder.
        partitions: the partitions of the job.
        folders: which folders the resource is asked for, where it has several.
    """

    @dg.sensor(
        name=name,
        job_name=job,
        minimum_interval_seconds=SECONDS_BETWEEN_LOOKS,
        required_resource_keys={landing},
        description=f"Run {job} for the days to which files have arrived, late or again, "
        "neighbours as one range; a file counts once, told by path, size and content. Files that "
        "go away are nobody's news.",
    )
    def look(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        open_landing: Callable[..., Any] = getattr(context.resources, landing)
        zones = [open_landing(folder) for folder in folders] or [open_landing()]
        arrivals: Sequence[Arrival] = [found for zone in zones for found in zone.arrivals()]
        keys = set(partitions.get_partition_keys())
        seen = _digests(arrival for arrival in arrivals if str(arrival.day) in keys)
        if outside := sorted({str(arrival.day) for arrival in arrivals} - keys):
            context.log.warning("files of days without a partition: %s", ", ".join(outside[:10]))
        cursor: dict[str, Any] = json.loads(context.cursor or '{"asked": 0, "files": {}}')
        known = cursor["files"]
        news = {day: new for day, files in seen.items() if (new := files - set(known.get(day, ())))}
        files = {day: sorted(digests) for day, digests in seen.items()}
        asked = cursor["asked"] + bool(news)
        return dg.SensorResult(
            run_requests=_requests(news, asked),
            skip_reason=None if news else f"nothing new among {len(arrivals)} files",
            cursor=json.dumps({"asked": asked, "files": files}),
        )

    return look


def _digests(arrivals: Iterable["Arrival"]) -> Mapping[str, set[str]]:
    days: defaultdict[str, set[str]] = defaultdict(set)
    for arrival in arrivals:
        days[str(arrival.day)].add(arrival.digest)
    return days


def _requests(news: Mapping[str, set[str]], asked: int) -> list[dg.RunRequest]:
    """Ask for the days of new files; a state that comes back is asked for again, by its number."""
    requests = []
    for first, last in day_ranges(date.fromisoformat(day) for day in sorted(news)):
        files = sorted(
            digest for day, new in news.items() if str(first) <= day <= str(last) for digest in new
        )
        state = hashlib.blake2b("".join(files).encode(), digest_size=8).hexdigest()
        requests.append(
            dg.RunRequest(
                run_key=f"{first}...{last} {asked} {state}",
                tags=range_tags(str(first), str(last)),
            )
        )
    return requests
