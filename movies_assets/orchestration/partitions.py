"""Partitions in Dagster: definitions, the backfill policy, the tags of a run."""

from datetime import date, datetime
from typing import Any

import dagster as dg

from movies_assets.core.partitions import NoPartitionError, Partitions
from movies_assets.ingest.run_days import RANGE_END, RANGE_START
from movies_assets.settings import Settings

# A range is one run, one fetch and one transaction a table. One run a day would cost Dagster's
# start-up (about 2 s) and a connection for every day of a backfill. Assets without partitions have
# it, too: the command line refuses a range over a selection in which any asset lacks it.
BACKFILL = dg.BackfillPolicy.single_run()


class DailyPartitions(dg.DailyPartitionsDefinition):
    """Days in UTC, whose keys are listed by counting.

    Dagster evaluates a cron schedule for each key: 26 ms for 3,650 days, and here 2 ms. It lists
    all keys for each input of a step that is read as a whole; schedules and sensors list them, too.
    """

    def get_partition_keys(
        self, current_time: datetime | None = None, dynamic_partitions_store: Any = None
    ) -> list[str]:
        """Return the keys of all days up to a time, in order.

        Args:
            current_time: the time; None: now.
            dynamic_partitions_store: not used, as there are no dynamic partitions.
        """
        with dg.partition_loading_context(current_time, dynamic_partitions_store):
            first, last = self.get_first_partition_key(), self.get_last_partition_key()
        if first is None or last is None:
            return []
        begin, end = date.fromisoformat(first).toordinal(), date.fromisoformat(last).toordinal()
        return [date.fromordinal(day).isoformat() for day in range(begin, end + 1)]


def partitions_def(partitions: Partitions, settings: Settings) -> dg.TimeWindowPartitionsDefinition:
    """Return Dagster's definition of some partitions."""
    first, end = partitions.first(settings), partitions.end(settings)
    # The sample's end counts, not today.
    end_offset = 1 if partitions.includes_current and end is None else 0
    if partitions.unit == "day":
        return DailyPartitions(
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


def require_partitions(definition: dg.PartitionsDefinition) -> None:
    """Make sure that at least one day or year can be run.

    Raises:
        NoPartitionError: the clock is before the first one.
    """
    if definition.get_last_partition_key() is None:
        raise NoPartitionError(definition.start.date() if hasattr(definition, "start") else None)


def range_tags(first: str, last: str) -> dict[str, str]:
    """Name a range of partitions, both ends included, as Dagster's runs do."""
    return {RANGE_START: first, RANGE_END: last}
