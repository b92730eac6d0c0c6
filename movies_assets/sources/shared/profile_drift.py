"""Do a table's figures look like those of its earlier partitions: a warning, never a stop.

What belongs here: the bands, each with its reason, and the comparison. How a table is profiled
belongs in `quality`.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from movies_assets.core.check import SHOWN_ROWS, Check, CheckContext, Finding, judge
from movies_assets.core.table import Table
from movies_assets.warehouse.quoting import literal

ROWS, NULLS, DISTINCT = "rows", "share of nulls", "distinct values"


class Band(NamedTuple):
    """The factors of the usual value between which a figure is ordinary.

    Attributes:
        least: the lower one.
        greatest: the upper one.
    """

    least: float
    greatest: float


# Fewer partitions do not say what is usual; more than the newest 28 are of another time: what grows
# by 1 % a week has grown by a third in half a year.
NEEDED_PARTITIONS, HISTORY_PARTITIONS = 5, 28
# Days differ by nature: uploads come in batches. A fifth to five times is what `volume` allows too.
OF_DAYS = Band(1 / 5, 5)
BANDS = {
    (ROWS, False): OF_DAYS,
    (DISTINCT, False): OF_DAYS,
    # A whole table loses no fifth of its rows by itself, and may double: the calendar of a first
    # year does at New Year.
    (ROWS, True): Band(0.8, 2.5),
    # The estimate is off by 13 % on average and by up to 35 %, in either direction each time.
    (DISTINCT, True): Band(0.5, 2.5),
}
# Small numbers leave any band by chance: 2 rows are a fifth of 10. Counts vary by their root; three
# times that is chance in one case of 400.
NOISE = 3
# Five points more or fewer nulls are news in any table. Of few rows the share varies by up to
# 0.5 / sqrt(rows); four times that, because a run compares some hundred columns.
POINTS, POINTS_NOISE = 0.05, 4 * 0.5


def profile_drift_check(table: Table) -> Check:
    """Build the check that compares the newest profile of each table with those before it."""

    def evaluate(rows: CheckContext) -> Finding:
        compared = rows.fetch(_compared(table))
        odd = [figure for figure in compared if figure.pop("is_odd")]
        advice = "Check whether the source or its reading changed; if the data is right, nothing "
        found = judge(
            {"figures outside of their band": len(odd)},
            metadata={"compared": len(compared)},
            samples=lambda: {"odd figures": odd[:SHOWN_ROWS]},
            is_warning=True,
            advice=f"{advice}needs to be done.",
        )
        if odd:
            more = f"; and {len(odd) - SHOWN_ROWS} more" if len(odd) > SHOWN_ROWS else ""
            named = "; ".join(_named(figure) for figure in odd[:SHOWN_ROWS]) + more
            return replace(found, description=f"{named}. {advice}needs to be done.")
        return found

    return Check(
        name="bands",
        description="Rows, share of nulls and distinct values of every table and column are within "
        f"their bands around the median of the {HISTORY_PARTITIONS} comparable partitions before "
        f"(warns; silent with fewer than {NEEDED_PARTITIONS}).",
        evaluate=evaluate,
    )


def _named(figure: Mapping[str, Any]) -> str:
    return (
        "{table_name} {column_name} ({partition}): {measure} {value:.4g}, usually {usual:.4g}"
    ).format_map(figure)


def _compared(table: Table) -> str:
    """List the figures of each table's newest profile beside the median and band of those before.

    A profile stays in question until the table is profiled again: a run of another source does not
    make it good. Odd rows explain odd distinct values, which are then not named.
    """
    known = ", ".join(literal(str(key)) for key in table.deps)
    bands = ", ".join(
        f"({literal(measure)}, {whole}, {band.least}, {band.greatest})"
        for (measure, whole), band in BANDS.items()
    )
    noise, points = (
        f"{NOISE} * sqrt(greatest(usual, 1))",
        f"{POINTS} + {POINTS_NOISE} / sqrt(row_count)",
    )
    return f"""
        WITH figures AS ({_figures(table)}), newest AS (
            SELECT table_name, max(profiled_at) AS profiled_at FROM {table.name}
            WHERE table_name IN ({known}) GROUP BY ALL
        ), beside AS (
            SELECT now.*, earlier.value AS before
            FROM (FROM figures SEMI JOIN newest USING (table_name, profiled_at)) AS now
            JOIN figures AS earlier USING (table_name, column_name, measure, is_whole_table, days)
            WHERE earlier.last_day < now.last_day
            QUALIFY row_number() OVER (
                PARTITION BY table_name, now.partition, column_name, measure
                ORDER BY earlier.last_day DESC) <= {HISTORY_PARTITIONS}
        ), compared AS (
            SELECT table_name, column_name, partition, measure, is_whole_table, row_count, value,
                median(before) AS usual, count(*) AS partitions
            FROM beside GROUP BY ALL HAVING count(*) >= {NEEDED_PARTITIONS}
        )
        SELECT table_name, column_name, partition, measure, value, usual, partitions,
            CASE WHEN measure = '{NULLS}' THEN usual - ({points})
                ELSE least(usual * least_share, usual - {noise}) END AS lowest,
            CASE WHEN measure = '{NULLS}' THEN usual + {points}
                ELSE greatest(usual * greatest_share, usual + {noise}) END AS highest,
            value NOT BETWEEN lowest AND highest AS is_odd
        FROM compared LEFT JOIN (VALUES {bands})
            AS bands(measure, is_whole_table, least_share, greatest_share)
            USING (measure, is_whole_table)
        QUALIFY measure <> '{DISTINCT}' OR NOT bool_or(measure = '{ROWS}' AND is_odd)
            OVER (PARTITION BY table_name, partition)
        ORDER BY measure <> '{ROWS}', table_name, column_name, measure"""


def _figures(table: Table) -> str:
    """List the figures one by one; how many rows there are is said once a table."""
    common = """table_name, partition, first_day, last_day, last_day - first_day AS days,
        is_whole_table, profiled_at, row_count"""
    return f"""
        SELECT DISTINCT {common}, '*' AS column_name, '{ROWS}' AS measure,
            row_count::DOUBLE AS value FROM {table.name}
        UNION ALL BY NAME
        SELECT {common}, column_name, '{NULLS}' AS measure,
            null_count::DOUBLE / row_count AS value FROM {table.name} WHERE row_count > 0
        UNION ALL BY NAME
        SELECT {common}, column_name, '{DISTINCT}' AS measure,
            approximate_distinct::DOUBLE AS value FROM {table.name}
        WHERE approximate_distinct IS NOT NULL"""
