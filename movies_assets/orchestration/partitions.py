"""What Dagster makes of partitions: definitions, the backfill policy, the tags of a run."""

from collections.abc import Mapping
from datetime import UTC, date, datetime

import dagster as dg

from movies_assets.core.partitions import ONE_DAY, Partitions
from movies_assets.orchestration.dagster_internals import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
)
from movies_assets.settings import Settings

# A range is one run, one fetch and one transaction a table. One run a day would cost Dagster's
# start-up (about 2 s) and a connection for every day of a backfill. Assets without partitions have
# it, too: the command line refuses a range over a selection in which any asset lacks it.
BACKFILL = dg.BackfillPolicy.single_run()


def partitions_def(partitions: Partitions, settings: Settings) -> dg.TimeWindowPartitionsDefinition:
    """Return Dagster's definition of some partitions."""
    first, end = partitions.first(settings), partitions.end(settings)
    # The sample's end counts, whatever day today is.
    end_offset = 1 if partitions.includes_current and end is None else 0
    if partitions.unit == "day":
        return dg.DailyPartitionsDefinition(
            start_date=first.isoformat(),
            end_date=end.isoformat() if end else None,
            end_offset=end_offset,
            timezone="UTC",
        )
    return dg.TimeWindowPartitionsDefinition(
        start=str(first.year),
        end=str(end.year) if end else None,
        end_offset=end_offset,
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
