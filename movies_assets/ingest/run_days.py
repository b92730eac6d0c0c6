"""The days of a run, as the function of an asset sees them, and as its tags name them."""

from collections.abc import Mapping
from datetime import date

import dagster as dg

from movies_assets.core.partitions import ONE_DAY

# The tags by which Dagster names the partitions of a run.
PARTITION = "dagster/partition"
RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"


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

    Keys are ISO days or years: their text order is the order of time.
    """
    key = tags.get(PARTITION)
    first = tags.get(RANGE_START, key)
    last = tags.get(RANGE_END, key)
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
