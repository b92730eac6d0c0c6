"""The days of a run, as the function of an asset sees them."""

from datetime import date

import dagster as dg

from movies_assets.core.partitions import ONE_DAY


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
