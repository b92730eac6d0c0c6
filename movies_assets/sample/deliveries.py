"""Format and schedule the CSV files of sample sources, which arrive over 30 days.

The content of files belongs in the modules of the sources, writing them in `files`.
"""

import csv
from collections.abc import Collection, Iterable, Mapping, Sequence
from io import StringIO
from typing import NamedTuple

DAYS = 30
"""The number of days on which files arrive, up to the last day."""

CsvRow = dict[str, str]


class CsvFormat(NamedTuple):
    """The format of a file."""

    columns: Sequence[str]
    delimiter: str = ","
    encoding: str = "utf-8-sig"
    line_end: str = "\r\n"

    def content(self, rows: Iterable[CsvRow]) -> bytes:
        """Return a file with a header and these rows; missing values are empty."""
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

    def can_hold(self, row: CsvRow) -> bool:
        """Return whether the encoding has all characters of a row."""
        try:
            "".join(row.values()).encode(self.encoding)
        except UnicodeEncodeError:
            return False
        return True


def numbers_by_day(count: int, quiet_days: Collection[int]) -> Mapping[int, range]:
    """Return the numbers of the items by day of arrival: half on the first day, the others evenly.

    Args:
        count: The number of items; they are numbered from 0.
        quiet_days: Days, counted from 0, on which nothing arrives.
    """
    initial = count // 2
    days = [day for day in range(1, DAYS) if day not in quiet_days]
    ends = [initial + (count - initial) * (n + 1) // len(days) for n in range(len(days))]
    starts = [initial, *ends[:-1]]
    later = zip(days, map(range, starts, ends), strict=True)
    return {0: range(initial), **dict(later)}


def check_size(what: str, count: int, fewest: int, most: int) -> None:
    """Validate a number of things.

    Raises:
        ValueError: It is out of range.
    """
    if not fewest <= count <= most:
        raise ValueError(
            f"{count} {what}: from {fewest} to {most:,} are possible, for fewer would not have "
            "all oddities"
        )
