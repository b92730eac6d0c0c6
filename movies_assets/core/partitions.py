"""Every partitions definition and backfill policy, each with its reason."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

import dagster as dg
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
)

from movies_assets.settings import Settings

ONE_DAY = timedelta(days=1)

# A range is one run, one fetch and one transaction a table. One run a day would cost Dagster's
# start-up (about 2 s) and a connection for every day of a backfill. Assets without partitions have
# it, too: the command line refuses a range over a selection in which any asset lacks it.
BACKFILL = dg.BackfillPolicy.single_run()


def yts_days(settings: Settings) -> dg.DailyPartitionsDefinition:
    """Return the UTC upload days of YTS.

    The sample's world ends with its last day: the latest partition, the schedule and freshness
    then mean the same there as in profile `live`, where the latest partition is yesterday.
    """
    end = settings.sample.last_day if settings.profile == "sample" else None
    return dg.DailyPartitionsDefinition(
        start_date=settings.yts.first_day.isoformat(),
        end_date=(end + ONE_DAY).isoformat() if end else None,
        timezone="UTC",
    )


def imdb_run_dates(settings: Settings) -> dg.DailyPartitionsDefinition:
    """Return the UTC days on which IMDb's dumps may be fetched.

    The service only has today's, so profile `live` has a partition for today. The sample's world
    ends with its last day.
    """
    return _days_up_to_today(settings, settings.imdb.first_run_date)


def netflix_days(settings: Settings) -> dg.DailyPartitionsDefinition:
    """Return the UTC days on which Netflix's files may arrive.

    A file counts on the day it arrives, so profile `live` has a partition for today. The sample's
    world ends with its last day.
    """
    return _days_up_to_today(settings, settings.netflix.first_day)


def ott_days(settings: Settings) -> dg.DailyPartitionsDefinition:
    """Return the UTC days on which the streaming service's files and users may arrive.

    The users API only knows today, so profile `live` has a partition for today. The sample's world
    ends with its last day.
    """
    return _days_up_to_today(settings, settings.ott.first_day)


def _days_up_to_today(settings: Settings, first: date) -> dg.DailyPartitionsDefinition:
    sample = settings.profile == "sample"
    return dg.DailyPartitionsDefinition(
        start_date=first.isoformat(),
        end_date=(settings.sample.last_day + ONE_DAY).isoformat() if sample else None,
        end_offset=0 if sample else 1,
        timezone="UTC",
    )


def omdb_years(settings: Settings) -> dg.TimeWindowPartitionsDefinition:
    """Return the years of release for which OMDb is searched, the current one included.

    The sample's world ends with the year of its last day.
    """
    sample = settings.profile == "sample"
    return dg.TimeWindowPartitionsDefinition(
        start=str(settings.omdb.first_year),
        end=str(settings.sample.last_day.year + 1) if sample else None,
        end_offset=0 if sample else 1,
        cron_schedule="0 0 1 1 *",
        fmt="%Y",
        timezone="UTC",
    )


class NoPartitionError(Exception):
    """No day or year of a source has begun; the message names the clock and the first one."""


def require_partitions(definition: dg.PartitionsDefinition) -> None:
    """Make sure that at least one day or year can be run.

    Raises:
        NoPartitionError: the clock is before the first one.
    """
    if definition.get_last_partition_key() is None:
        first = f"{definition.start:%Y-%m-%d}" if hasattr(definition, "start") else "still to come"
        raise NoPartitionError(
            f"there is no day or year to run: the first one is {first}, and the clock of this "
            f"machine says {datetime.now(UTC):%Y-%m-%d %H:%M} UTC. Check the clock, or the setting "
            "of the source's first day."
        )


def possible_days(context: dg.AssetExecutionContext) -> tuple[date, date] | None:
    """Return the first and the last day of an asset's partitions; None where it has none."""
    definition = context.assets_def.partitions_def
    if definition is None:
        return None
    keys = definition.get_first_partition_key(), definition.get_last_partition_key()
    first, last = (date.fromisoformat(key) for key in keys if key)
    return first, last


def days_within(window: dg.TimeWindow) -> list[date]:
    """Return the days of a window in order."""
    first, days = window.start.date(), (window.end - window.start).days
    return [first + ONE_DAY * number for number in range(days)]


def keys_of(tags: Mapping[str, str]) -> tuple[str, str] | None:
    """Return first and last partition of a run, both included, from its tags; None without any.

    Keys are ISO days or years: as texts they stand in the order of time.
    """
    key = tags.get(PARTITION_NAME_TAG)
    first = tags.get(ASSET_PARTITION_RANGE_START_TAG, key)
    last = tags.get(ASSET_PARTITION_RANGE_END_TAG, key)
    return (first, last) if first and last else None


def days_of(tags: Mapping[str, str]) -> tuple[date, date] | None:
    """Return first and last day of a run like `keys_of`; a year's are its first and its last."""
    if keys := keys_of(tags):
        first, last = keys
        # A year lacks month and day, a day lacks nothing.
        return (
            date.fromisoformat(first + "0000-01-01"[len(first) :]),
            date.fromisoformat(last + "0000-12-31"[len(last) :]),
        )
    return None


def range_tags(first: str, last: str) -> dict[str, str]:
    """Name a range of partitions, both ends included, as Dagster's runs do."""
    return {ASSET_PARTITION_RANGE_START_TAG: first, ASSET_PARTITION_RANGE_END_TAG: last}
