"""Does a day bring about as many rows as the days before it: a warning, never a stop."""

import dagster as dg
import ibis
import ibis.expr.types as ir

from movies_assets.checks.base import Rows, markdown, verdict, warehouse_check
from movies_assets.settings import Settings
from movies_assets.table import Table

HISTORY_DAYS = 28
# Fewer days of history say nothing about what is usual.
NEEDED_DAYS = 7


def volume_check(table: Table, settings: Settings) -> dg.AssetChecksDefinition:
    """Build the check that compares each day of the run with the median of the days before."""
    band = table.volume_band
    if band is None:
        raise ValueError(f"{table.name} declares no volume band")

    def evaluate(rows: Rows) -> dg.AssetCheckResult:
        odd = _odd_days(rows, band)
        found = rows.fetch(odd.aggregate(n=odd.count()))[0]["n"]
        return verdict(
            {f"days outside of 1/{band:g} to {band:g} times the median": found},
            samples=lambda: {"odd days": markdown(rows.sample(odd))},
            severity=dg.AssetCheckSeverity.WARN,
            advice="Look whether the source was down or its data changed; if the days are right, "
            "nothing is to be done.",
        )

    return warehouse_check(
        table,
        settings,
        name="volume",
        description=f"A day's rows are within 1/{band:g} to {band:g} times the median of the "
        f"{HISTORY_DAYS} days before it (warns; silent with fewer than {NEEDED_DAYS} days).",
        evaluate=evaluate,
    )


def _odd_days(rows: Rows, band: float) -> ir.Table:
    """List the run's days whose row count leaves the band around the median before them."""
    if rows.days is None or rows.table.partition_column is None:
        raise ValueError("the volume check needs the partitions of a run")
    first, end = rows.days.start.date(), rows.days.end.date()
    reach = ibis.interval(days=HISTORY_DAYS)
    day = rows.all[rows.table.partition_column].name("day")
    history = rows.all.select(day)
    history = history.filter(history.day >= ibis.date(first) - reach, history.day < ibis.date(end))
    counts = history.group_by("day").aggregate(rows=history.count())
    midnights = ibis.range(
        ibis.date(first).cast("timestamp"), ibis.date(end).cast("timestamp"), ibis.interval(days=1)
    )
    days = midnights.unnest().cast("date").name("day").as_table()
    known = days.left_join(counts, "day").select(days.day, rows=counts.rows.fill_null(0))
    before = counts.rename(before="day", before_rows="rows")
    compared = known.left_join(
        before, [before.before < known.day, before.before >= known.day - reach]
    )
    usual = compared.group_by("day", "rows").aggregate(
        median=ibis._.before_rows.median(), history_days=ibis._.before.count()
    )
    return usual.filter(
        usual.history_days >= NEEDED_DAYS,
        (usual.rows > usual["median"] * band) | (usual.rows < usual["median"] / band),
    ).order_by("day")
