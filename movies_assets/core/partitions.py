"""Partitions: the days or years of a source. What Dagster makes of them is in `orchestration`."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from movies_assets.settings import Settings

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
    first: Callable[["Settings"], date]
    includes_current: bool = True

    def end(self, settings: "Settings") -> date | None:
        """Return the day on which the partitions end, which is no longer in them; None: never."""
        if settings.profile == "live":
            return None
        last = settings.sample.last_day
        return last + ONE_DAY if self.unit == "day" else date(last.year + 1, 1, 1)
