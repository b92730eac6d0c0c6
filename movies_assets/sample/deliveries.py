"""How sample sources deliver CSV files, day by day over thirty days.

What is in the files belongs into the modules of the sources, how they get on disk into `files`.
"""

import csv
from collections.abc import Collection, Iterable, Mapping, Sequence
from io import StringIO
from typing import NamedTuple

DAYS = 30
"""Files arrive within so many days, the last of which is the last day."""

Row = dict[str, str]


class CsvFormat(NamedTuple):
    """What a file looks like."""

    columns: Sequence[str]
    delimiter: str = ","
    encoding: str = "utf-8-sig"
    line_end: str = "\r\n"

    def content(self, rows: Iterable[Row]) -> bytes:
        """Return a file with a header and these rows; what a row lacks is empty there."""
        text = StringIO(newline="")
        writer = csv.DictWriter(
            text,
            self.columns,
            delimiter=self.delimiter,
            extrasaction="ignore",
            restval="",
            lineterminator=self.line_end,
        )
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue().encode(self.encoding)

    def can_hold(self, row: Row) -> bool:
        """Return whether the encoding has all letters of a row."""
        try:
            "".join(row.values()).encode(self.encoding)
        except UnicodeEncodeError:
            return False
        return True


def numbers_by_day(count: int, quiet_days: Collection[int]) -> Mapping[int, range]:
    """Return which of so many things arrive on which day: half at first, the others evenly.

    Args:
        count: How many there are; they are told by numbers from 0.
        quiet_days: Days, counted from 0, on which nothing arrives.
    """
    initial = count // 2
    days = [day for day in range(1, DAYS) if day not in quiet_days]
    ends = [initial + (count - initial) * (n + 1) // len(days) for n in range(len(days))]
    starts = [initial, *ends[:-1]]
    later = zip(days, map(range, starts, ends), strict=True)
    return {0: range(initial), **dict(later)}


def check_size(what: str, count: int, fewest: int, most: int) -> None:
    """Raise an error if there cannot be so many or so few of something.

    Raises:
        ValueError: There cannot be.
    """
    if not fewest <= count <= most:
        raise ValueError(
            f"{count} {what}: from {fewest} to {most:,} are possible, for fewer would not have "
            "all oddities"
        )
