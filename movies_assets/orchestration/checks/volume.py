"""Does a day bring about as many rows as the days before it: a warning, never a stop."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from statistics import median
from typing import Any

import ibis
import ibis.expr.types as ir

from movies_assets.core.check import Check, CheckContext, Finding, judge
from movies_assets.core.partitions import ONE_DAY
from movies_assets.core.table import Table

HISTORY_DAYS = 28
# The days that the finding names; the UI shows more of them.
NAMED_DAYS = 3
# Fewer days of history do not show the usual number.
NEEDED_DAYS = 7


def volume_check(table: Table) -> Check:
    """Build the check that compares each day of the run with the median of the days before."""
    band = table.volume_band
    if band is None:
        raise ValueError(f"{table.name} declares no volume band")

    def evaluate(context: CheckContext) -> Finding:
        counts = {row["day"]: row["rows"] for row in context.fetch(rows_a_day(context))}
        odd = [*_odd_days(counts, _days(context, counts), band)]
        return judge(
            {f"days outside of 1/{band:g} to {band:g} times the median": len(odd)},
            samples=lambda: {"odd days": context.shown(odd)},
            is_warning=True,
            advice=_named(odd)
            + "Check whether the source was down or its data changed; if the days are right, "
            "nothing needs to be done.",
        )

    return Check(
        name="volume",
        description=f"A day's rows are within 1/{band:g} to {band:g} times the median of the "
        f"{HISTORY_DAYS} days before it (warns; silent with fewer than {NEEDED_DAYS} days).",
        evaluate=evaluate,
    )


def _named(odd: Sequence[Mapping[str, Any]]) -> str:
    """Return a sentence that names the first days; nothing if there are none."""
    named = ", ".join(
        f"{row['day']} with {row['rows']:,} instead of about {row['usual']:,.0f} rows"
        for row in odd[:NAMED_DAYS]
    )
    more = ", ..." if len(odd) > NAMED_DAYS else ""
    return f"Days: {named}{more}. " if odd else ""


def rows_a_day(context: CheckContext) -> ir.Table:
    """Count the rows of each day of the run and the days before; empty days are missing."""
    stored, column = context.stored, context.table.partition_column
    if column is None:
        raise ValueError(f"{context.table.name} has no days")
    if context.keys:
        first, last = map(date.fromisoformat, context.keys)
        begin = first - HISTORY_DAYS * ONE_DAY
        stored = stored.filter(stored[column].between(ibis.literal(begin), ibis.literal(last)))
    return stored.group_by(day=stored[column]).aggregate(rows=stored.count())


def _days(context: CheckContext, counts: Mapping[date, int]) -> Iterator[date]:
    """Yield the days of the run, or without any those from the first to the last with rows."""
    if not context.keys and not counts:
        return
    keys = context.keys or (str(min(counts)), str(max(counts)))
    first, last = map(date.fromisoformat, keys)
    while first <= last:
        yield first
        first += ONE_DAY


def _odd_days(
    counts: Mapping[date, int], days: Iterator[date], band: float
) -> Iterator[dict[str, Any]]:
    """Yield the days whose number of rows leaves the band around the median before them."""
    for day in days:
        before = [day - ago * ONE_DAY for ago in range(1, HISTORY_DAYS + 1)]
        history = [counts[earlier] for earlier in before if earlier in counts]
        if len(history) < NEEDED_DAYS:
            continue
        rows, usual = counts.get(day, 0), float(median(history))
        if rows > usual * band or rows < usual / band:
            yield {"day": day, "rows": rows, "usual": usual, "days_of_history": len(history)}
