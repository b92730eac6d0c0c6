"""Does a day bring about as many rows as the days before it: a warning, never a stop."""

from movies_assets.core.check import Check, CheckContext, Finding, judge
from movies_assets.core.table import Table

HISTORY_DAYS = 28
# Fewer days of history say nothing about what is usual.
NEEDED_DAYS = 7


def volume_check(table: Table) -> Check:
    """Build the check that compares each day of the run with the median of the days before."""
    band = table.volume_band
    if band is None:
        raise ValueError(f"{table.name} declares no volume band")

    def evaluate(rows: CheckContext) -> Finding:
        odd = _odd_days(rows, band)
        return judge(
            {f"days outside of 1/{band:g} to {band:g} times the median": rows.count(odd)},
            samples=lambda: {"odd days": rows.sample(odd)},
            is_warning=True,
            advice="Check whether the source was down or its data changed; if the days are right, "
            "nothing needs to be done.",
        )

    return Check(
        name="volume",
        description=f"A day's rows are within 1/{band:g} to {band:g} times the median of the "
        f"{HISTORY_DAYS} days before it (warns; silent with fewer than {NEEDED_DAYS} days).",
        evaluate=evaluate,
    )


def _odd_days(rows: CheckContext, band: float) -> str:
    """List the run's days whose row count leaves the band around the median before them."""
    day = rows.table.partition_column
    if day is None:
        raise ValueError(f"{rows.table.name} has no days")
    if rows.keys is None:
        first, last = (
            f"(SELECT min({day}) FROM {rows.table.name})",
            f"(SELECT max({day}) FROM {rows.table.name})",
        )
    else:
        first, last = (f"DATE '{edge}'" for edge in rows.keys)
    return f"""
        WITH counts AS (
            SELECT {day} AS day, count(*) AS rows FROM {rows.table.name}
            WHERE {day} BETWEEN {first} - {HISTORY_DAYS} AND {last} GROUP BY ALL
        ), days AS (
            SELECT day, coalesce(rows, 0) AS rows FROM (
                SELECT unnest(generate_series({first}, {last}, INTERVAL 1 DAY))::DATE AS day
            ) LEFT JOIN counts USING (day)
        )
        SELECT days.day, days.rows, median(counts.rows) AS usual, count(*) AS days_of_history
        FROM days JOIN counts ON counts.day BETWEEN days.day - {HISTORY_DAYS} AND days.day - 1
        GROUP BY days.day, days.rows
        HAVING count(*) >= {NEEDED_DAYS} AND
            (days.rows > usual * {band} OR days.rows < usual / {band})
        ORDER BY days.day"""
