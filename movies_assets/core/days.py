"""Ranges of days, and their wording in messages."""

from collections.abc import Iterable
from datetime import date
from itertools import groupby


def day_ranges(days: Iterable[date]) -> list[tuple[date, date]]:
    """Join neighbouring days, given in order, into ranges: first and last day, both included."""
    runs = groupby(enumerate(days), key=lambda item: item[1].toordinal() - item[0])
    neighbours = [[day for _, day in run] for _, run in runs]
    return [(run[0], run[-1]) for run in neighbours]


def named(days: Iterable[date]) -> str:
    """Name days, given in order: `2025-10-05, 2025-10-07...2025-10-09`."""
    ranges = day_ranges(days)
    return ", ".join(f"{first}" if first == last else f"{first}...{last}" for first, last in ranges)
