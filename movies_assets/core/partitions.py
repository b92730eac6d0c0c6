"""Partitions: the days or years of a source, without Dagster (see `orchestration.partitions`)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from movies_assets.core.settings import CommonSettings

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Partitions:
    """The UTC days, or the years, by which tables of a source are written.

    The sample's world ends with its last day, or that day's year: the latest partition, schedules
    and freshness then mean the same there as in profile `live`.

    Attributes:
        name: such as `imdb_run_dates`.
        unit: how long a partition is; its key is `2025-10-31` or `2025`.
        first: returns the first day, or the first day of the first year.
        includes_current: whether profile `live` has a partition for the day or year that is not
            over yet.
    """

    name: str
    unit: Literal["day", "year"]
    first: Callable[[CommonSettings], date]
    includes_current: bool = True

    def end(self, settings: CommonSettings) -> date | None:
        """Return the day on which the partitions end, which is no longer in them; None: never."""
        if settings.profile == "live":
            return None
        last = settings.sample.last_day
        return last + ONE_DAY if self.unit == "day" else date(last.year + 1, 1, 1)

    def bounds(self, settings: CommonSettings) -> tuple[date, date]:
        """Return the first day, and the last one of the newest partition.

        Raises:
            NoPartitionError: the clock is before the first partition.
        """
        first, today = self.first(settings), datetime.now(UTC).date()
        begin = today if self.unit == "day" else date(today.year, 1, 1)
        after = begin + ONE_DAY if self.unit == "day" else date(today.year + 1, 1, 1)
        end = self.end(settings) or (after if self.includes_current else begin)
        if end <= first:
            raise NoPartitionError(first)
        return first, end - ONE_DAY


class NoPartitionError(Exception):
    """No day or year of a source has begun. The message has the clock's time and the first one."""

    def __init__(self, first: date | None) -> None:
        super().__init__(
            f"there is no day or year to run: the first one is {first or 'still to come'}, and the "
            f"clock of this machine shows {datetime.now(UTC):%Y-%m-%d %H:%M} UTC. Check the clock, "
            "or the setting of the source's first day."
        )
