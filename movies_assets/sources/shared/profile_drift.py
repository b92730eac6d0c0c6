"""Do a table's figures look like those of its earlier partitions: a warning, never a stop.

This module has the bands, each with its reason, and the comparison. `quality` profiles tables.
"""

from collections.abc import Mapping
from dataclasses import replace
from math import sqrt
from typing import Any, NamedTuple

import ibis
import ibis.expr.types as ir

from movies_assets.core.check import SHOWN_ROWS, Check, CheckContext, Finding, judge
from movies_assets.core.table import Table

ROWS, NULLS, DISTINCT = "rows", "share of nulls", "distinct values"
SHOWN = ("table_name", "column_name", "partition", "measure", "value", "usual", "partitions")


class Band(NamedTuple):
    """The factors of the usual value between which a figure is ordinary.

    Attributes:
        least: the lower one.
        greatest: the upper one.
    """

    least: float
    greatest: float


# Fewer partitions do not show the usual values; more than the newest 28 are too old: a figure that
# grows by 1 % a week grows by a third in half a year.
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


def _named(figure: Mapping[str, Any]) -> str:
    return (
        "{table_name} {column_name} ({partition}): {measure} {value:.4g}, usually {usual:.4g}"
    ).format_map(figure)


def _profile(figure: Mapping[str, Any]) -> tuple[str, str]:
    return figure["table_name"], figure["partition"]


def _place(figure: Mapping[str, Any]) -> tuple[bool, str, str, str]:
    names = figure["table_name"], figure["column_name"], figure["measure"]
    return figure["measure"] != ROWS, *names


def _is_odd(figure: Mapping[str, Any]) -> bool:
    return not figure["lowest"] <= figure["value"] <= figure["highest"]


def _banded(figure: Mapping[str, Any]) -> dict[str, Any]:
    """Return a figure with the lowest and highest value that are ordinary."""
    shown = {name: figure[name] for name in SHOWN}
    usual = figure["usual"]
    if figure["measure"] == NULLS:
        points = POINTS + POINTS_NOISE / sqrt(figure["row_count"])
        return {**shown, "lowest": usual - points, "highest": usual + points}
    band = BANDS[figure["measure"], figure["is_whole_table"]]
    noise = NOISE * sqrt(max(usual, 1))
    lowest = min(usual * band.least, usual - noise)
    return {**shown, "lowest": lowest, "highest": max(usual * band.greatest, usual + noise)}


def compared(table: Table) -> ir.Table:
    """Return the figures of each table's newest profile, with the median of earlier profiles.

    A profile is checked until the table is profiled again: a run of another source does not
    make it good.
    """
    figures = _figures(table.contract.table(table.name))
    known = figures.filter(figures.table_name.isin([str(key) for key in table.deps]))
    newest = known.group_by("table_name").aggregate(profiled_at=known.profiled_at.max())
    now = figures.semi_join(newest, ["table_name", "profiled_at"])
    same = ["table_name", "column_name", "measure", "is_whole_table", "days"]
    earlier = figures.select(*same, earlier_day=figures.last_day, before=figures.value)
    pairs = now.inner_join(earlier, same)
    pairs = pairs.filter(pairs.earlier_day < pairs.last_day)
    figure = ["table_name", "partition", "column_name", "measure"]
    newest_first = ibis.window(group_by=figure, order_by=pairs.earlier_day.desc())
    ranked = pairs.mutate(ago=ibis.row_number().over(newest_first))
    ranked = ranked.filter(ranked.ago < HISTORY_PARTITIONS)
    summed = ranked.group_by(*figure, "is_whole_table", "row_count", "value").aggregate(
        usual=ranked.before.median(), partitions=ranked.count()
    )
    return summed.filter(summed.partitions >= NEEDED_PARTITIONS)


def _figures(profiles: ir.Table) -> ir.Table:
    """Return the figures one by one, a row each; how many rows there are once a table."""
    common = profiles.select(
        "table_name",
        "partition",
        "last_day",
        "is_whole_table",
        "profiled_at",
        "row_count",
        "column_name",
        "null_count",
        "approximate_distinct",
        days=profiles.last_day.delta(profiles.first_day, unit="day"),
    )

    def figure(rows: ir.Table, measure: str, value: ir.Value, **changes: ir.Value) -> ir.Table:
        return rows.mutate(
            measure=ibis.literal(measure), value=value.cast("float64"), **changes
        ).drop("null_count", "approximate_distinct")

    filled = common.filter(common.row_count > 0)
    estimated = common.filter(common.approximate_distinct.notnull())
    rows = figure(common, ROWS, common.row_count, column_name=ibis.literal("*")).distinct()
    nulls = figure(filled, NULLS, filled.null_count / filled.row_count)
    distinct = figure(estimated, DISTINCT, estimated.approximate_distinct)
    return ibis.union(rows, nulls.select(*rows.columns), distinct.select(*rows.columns))


def _evaluate(context: CheckContext) -> Finding:
    figures = [_banded(figure) for figure in context.fetch(compared(context.table))]
    # Odd rows explain odd distinct values, which are then not named.
    of_rows = [each for each in figures if each["measure"] == ROWS]
    explained = {_profile(each) for each in of_rows if _is_odd(each)}
    judged = [
        each for each in figures if each["measure"] != DISTINCT or _profile(each) not in explained
    ]
    odd = sorted(filter(_is_odd, judged), key=_place)
    advice = "Check whether the source or its reading changed; if the data is right, nothing "
    found = judge(
        {"figures outside of their band": len(odd)},
        metadata={"compared": len(judged)},
        samples=lambda: {"odd figures": odd[:SHOWN_ROWS]},
        is_warning=True,
        advice=f"{advice}needs to be done.",
    )
    if not odd:
        return found
    more = f"; and {len(odd) - SHOWN_ROWS} more" if len(odd) > SHOWN_ROWS else ""
    named = "; ".join(_named(figure) for figure in odd[:SHOWN_ROWS]) + more
    return replace(found, description=f"{named}. {advice}needs to be done.")


# It keeps the name under which Dagster's history knows it.
PROFILE_DRIFT = Check(
    name="bands",
    description="Rows, share of nulls and distinct values of every table and column are within "
    f"their bands around the median of the {HISTORY_PARTITIONS} comparable partitions before "
    f"(warns; silent with fewer than {NEEDED_PARTITIONS}).",
    evaluate=_evaluate,
)
