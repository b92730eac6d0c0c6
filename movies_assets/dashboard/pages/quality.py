"""Show data quality: runs, checks, quarantine, freshness, and rows over time."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from movies_assets.core.verdicts import NOT_RUN
from movies_assets.core.wording import sentences
from movies_assets.dashboard import charts
from movies_assets.dashboard.charts import Figure, Point
from movies_assets.dashboard.components import (
    ChartCard,
    Kpi,
    KpiCards,
    Scope,
    TableCard,
    TableRow,
    box,
    text,
)
from movies_assets.dashboard.filters import Field, State, matching, one_of
from movies_assets.dashboard.layout import Page, Visit
from movies_assets.serving import formatting, theme
from movies_assets.serving.queries import quality as queries
from movies_assets.serving.reader import OpenSnapshot, Row

# From bad to good, each with its own sign, for colour-blind users.
SIGNS = (("▼", theme.BAD), ("●", theme.FAIR), ("○", theme.MUTED), ("▲", theme.GOOD))
VERDICTS = dict(zip(queries.WORST_FIRST, SIGNS, strict=True))
STATUSES = {"success": "▲ succeeded", "failure": "▼ failed", "canceled": "○ canceled"}

VERDICT = Field("verdict", "Verdict", one_of(*VERDICTS))
TABLE = Field(
    "table",
    "Table",
    matching(r"(bronze|silver|gold)\.\w{1,80}"),
    known="SELECT 1 FROM meta.tables WHERE table_name = $value",
)

OF_RUNS = Scope(ignores=(TABLE, VERDICT))


@dataclass(frozen=True)
class QualityData:
    """The page's data; `profiled` is the table whose rows are drawn over time."""

    state: State
    profiled: str | None
    figures: Row
    runs: list[Row]
    verdicts: list[Row]
    checks: list[Row]
    quarantine: list[Row]
    freshness: list[Row]
    history: list[Row]
    days: list[Row]


async def load(snapshot: OpenSnapshot, state: State) -> QualityData:
    """Load the page's data, with concurrent queries."""
    chosen = {"table": state["table"], "verdict": state["verdict"]}
    if state["table"]:
        profiled = state["table"]
    else:
        found = await snapshot.ask(queries.MOST_PROFILED)
        profiled = found[0]["table_name"] if found else None
    (figures,), *others = await asyncio.gather(
        snapshot.ask(queries.FIGURES, **chosen),
        snapshot.ask(queries.LAST_RUNS),
        snapshot.ask(queries.BY_VERDICT, **chosen),
        snapshot.ask(queries.CHECKS, **chosen),
        snapshot.ask(queries.QUARANTINE, **chosen),
        snapshot.ask(queries.FRESHNESS, **chosen),
        snapshot.ask(queries.HISTORY, table=profiled),
        snapshot.ask(queries.DAYS),
    )
    return QualityData(state, profiled, figures, *others)


def build(visit: Visit) -> Callable[[QualityData], None]:
    """Create the page's components."""
    of_tables = Scope(ignores=(VERDICT,))
    kpis = KpiCards(
        ["Checks passed", "Warned or failed", "Rows in quarantine", "Tables", "Failed runs"],
        dict.fromkeys(
            ["Checks passed", "Warned or failed", "Rows in quarantine", "Tables"], of_tables
        )
        | {"Failed runs": OF_RUNS},
    )
    with box("section", "card span-12"):
        health = text("p", "…", "health").props("role=status")
    days = ChartCard(
        "Days of each source",
        f"Rows received of the newest {queries.SHOWN_DAYS} days. A hollow day has no rows: nothing "
        "was delivered, or it was not loaded.",
        height=220, pick=None, scope=OF_RUNS,
    )  # fmt: skip
    verdicts = ChartCard(
        "Verdicts", "Checks by their last outcome. Click a bar to filter.", span=4, height=260,
        pick=visit.toggle, scope=Scope(marks=(VERDICT,)),
    )  # fmt: skip
    history = ChartCard(
        "Rows over time",
        "Rows of one table: in total, or per day of the profiled partition; a pale bar is the mean "
        "of several days that one run loaded. A gap is a day without "
        f"a profile. Of the newest {queries.MOST_DAYS} days; choose another table below.",
        span=8, height=260, pick=None, scope=of_tables,
    )  # fmt: skip
    checks = TableCard(
        "Checks", "Failed and warned ones come first. Click a table to filter.",
        columns=["Table", "Check", "Verdict", "Finding or description", "Evaluated"],
        pick=visit.toggle,
    )  # fmt: skip
    quarantine = TableCard(
        "Quarantine", "Rows that broke a rule, kept separately with the broken rules.",
        span=5, columns=["Table", "Broken rules", "Rows#", "Partitions#"], pick=visit.toggle,
        scope=of_tables,
    )  # fmt: skip
    runs = TableCard(
        "Runs", f"The last {queries.RUNS}. The one that published this ends with publishing.",
        span=7, scope=OF_RUNS,
        columns=["Job", "Partitions", "Status", "Started", "Took#"],
    )  # fmt: skip
    freshness = TableCard(
        "Freshness", "When tables were last written, the oldest first.",
        columns=["Table", "Written", "Before publishing#", "Newest partition", "Rows#"],
        pick=visit.toggle, scope=of_tables,
    )  # fmt: skip

    def show(data: QualityData) -> None:
        table = data.state["table"]
        of_table = f" of {table}" if table else ""
        kpis.show(figures(data.figures))
        health.set_text(sentence(data))
        days.show(day_heat(data.days) or "No source has rows by day")
        verdicts.show(verdict_bars(data) or f"No checks{of_table}")
        history.show(row_bars(data) or f"No profiles{of_table} yet: runs write them")
        checks.show(check_rows(data.checks) or no_checks(data.state))
        quarantine.show(quarantine_rows(data.quarantine) or f"No rows{of_table} are in quarantine")
        runs.show(run_rows(data.runs) or "No run has been recorded", data.figures["runs"])
        freshness.show(freshness_rows(data.freshness) or "There are no tables")

    return show


def sentence(data: QualityData) -> str:
    """Return in a sentence or two how things are, and what to do."""
    row = data.figures
    # Before its first day a source lacks nothing.
    first = {each["source"]: each["day"] for each in reversed(data.days) if each["rows"]}
    missing = [
        f"{each['source']} of {each['day']}"
        for each in data.days
        if each["rows"] is None and each["day"] > first.get(each["source"], date.min)
    ]
    found = [
        f"{formatting.plural(row[verdict], 'check')} {verdict}"
        for verdict in ("failed", "warned")
        if row[verdict]
    ]
    parts = [
        f"{' and '.join(found)}: each row below says what was found and what to do."
        if found
        else f"All {formatting.plural(row['passed'], 'check')} passed."
    ]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        parts.append(f"Days without rows: {missing[-1]}{more}.")
    return " ".join(parts)


def day_heat(rows: list[Row]) -> Figure | None:
    """Draw the rows of each source and day; a day without rows is hollow."""
    if not rows:
        return None
    days = sorted({row["day"] for row in rows})
    names = sorted({row["source"] for row in rows}, reverse=True)
    points = [
        Point(
            [days.index(row["day"]), names.index(row["source"]), row["rows"]],
            f"{row['source']}, {row['day']}\n"
            + ("no rows" if row["rows"] is None else formatting.plural(row["rows"], "row")),
        )
        for row in rows
    ]
    most = max(row["rows"] or 1 for row in rows)
    return Figure(
        charts.heat(
            [f"{day:%-d %b}" for day in days],
            names,
            points,
            scale=(1, most),
            label=formatting.short,
            is_log=True,
        ),
        f"Heat map: rows of {formatting.plural(len(names), 'source')} on "
        f"{formatting.plural(len(days), 'day')}; "
        f"{formatting.plural(sum(row['rows'] is None for row in rows), 'day')} without rows.",
        ["Source", "Day", "Rows#"],
        [(row["source"], str(row["day"]), formatting.count(row["rows"])) for row in rows],
    )


def no_checks(state: State) -> str:
    """Return the text for an empty result: `No checks of gold.a that failed`."""
    of_table = f" of {state['table']}" if state["table"] else ""
    verdict = state["verdict"]
    outcome = {None: "", NOT_RUN: " that have not run"}.get(verdict, f" that {verdict}")
    return f"No checks{of_table}{outcome}"


def figures(row: Row) -> list[Kpi]:
    """Return the cards of key figures."""
    unsound = row["warned"] + row["failed"]
    not_run = row["checks"] - row["passed"] - unsound
    return [
        Kpi(
            formatting.count(row["passed"]),
            f"of {formatting.count(row['checks'])}"
            + (f", {not_run} not run yet" if not_run else ""),
        ),
        Kpi(
            formatting.count(unsound),
            f"{formatting.count(row['warned'])} warned, {formatting.count(row['failed'])} failed",
            "bad" if row["failed"] else "fair" if unsound else "good",
        ),
        Kpi(
            formatting.count(row["refused"]),
            f"of {formatting.plural(row['refusing'], 'table')}",
            "fair" if row["refused"] else "good",
        ),
        Kpi(
            formatting.count(row["tables"]),
            f"{row['unwritten']} not written yet" if row["unwritten"] else "all of them written",
        ),
        Kpi(
            formatting.count(row["broken"]),
            f"of the last {formatting.plural(row['runs'], 'run')}",
            "bad" if row["broken"] else "good",
        ),
    ]


def verdict_bars(data: QualityData) -> Figure | None:
    """Draw the number of checks by verdict."""
    counted = {row["verdict"]: row["checks"] for row in data.verdicts}
    if not counted:
        return None
    chosen = data.state["verdict"]
    points = [
        Point(
            counted.get(verdict, 0),
            f"{verdict}\n{formatting.plural(counted.get(verdict, 0), 'check')}",
            {"verdict": verdict},
            faded=chosen not in {None, verdict},
            color=color,
        )
        for verdict, (_, color) in VERDICTS.items()
    ]
    return Figure(
        charts.bars([signed(verdict) for verdict in VERDICTS], points, horizontal=True),
        "Bars: "
        + ", ".join(
            f"{formatting.plural(counted.get(verdict, 0), 'check')} {verdict}"
            for verdict in VERDICTS
        ),
        ["Verdict", "Checks#"],
        [(signed(verdict), formatting.count(counted.get(verdict, 0))) for verdict in VERDICTS],
        [{"verdict": verdict} for verdict in VERDICTS],
    )


def signed(verdict: str) -> str:
    """Return a verdict with its sign."""
    return formatting.unbroken(f"{VERDICTS[verdict][0]} {verdict}")


def row_bars(data: QualityData) -> Figure | None:
    """Draw the rows of each day that was profiled, the oldest first; other days are gaps.

    A profile is of a day, of a range of days, or of the whole table: rows of the first two are
    drawn as rows per day, a range on each of its days.
    """
    if not data.history:
        return None
    is_whole = data.history[-1]["is_whole_table"]
    points = [
        Point(None, "")
        if row["partition"] is None
        else Point(
            row["rows"] if is_whole else round(row["rows"] / row["days"], 2),
            partition_tip(row),
            faded=not is_whole and row["days"] > 1,
        )
        for row in data.history
    ]
    # A range has a bar on each of its days, and one row in the table.
    rows = [*{row["partition"]: row for row in data.history if row["partition"]}.values()]
    unit = "rows" if is_whole else "rows per day"
    bars = charts.bars(
        [f"{row['day']:%-d %b %Y}" for row in data.history],
        points,
        unit=f"{data.profiled}: {unit}",
    )
    return Figure(
        bars,
        f"Bars: {unit} of {data.profiled} in "
        f"{formatting.plural(len(rows), 'partition')}; the newest, "
        f"{rows[-1]['partition']}, has {formatting.short(points[-1].value)}.",
        ["Partition", "Rows#", "Days#"],
        [
            (
                partition_text(row),
                formatting.count(row["rows"]),
                "all" if is_whole else formatting.count(row["days"]),
            )
            for row in rows
        ],
    )


def partition_text(row: Row) -> str:
    """Format a partition: a day, or a range of days."""
    return str(row["partition"]).replace("...", " to ")


def partition_tip(row: Row) -> str:
    """Return the tooltip of a partition: its rows, in total and per day."""
    rows = formatting.plural(row["rows"], "row")
    if row["is_whole_table"]:
        return f"{partition_text(row)}\n{rows} in the whole table"
    if row["days"] == 1:
        return f"{partition_text(row)}\n{rows}"
    each = formatting.decimal(row["rows"] / row["days"])
    return f"{partition_text(row)}\n{rows} in {row['days']} days\n{each} per day"


def check_rows(rows: list[Row]) -> list[TableRow]:
    """Return the checks as a table, with the finding, or the description of a passed check."""
    return [
        (
            (
                row["table_name"],
                row["check_name"],
                signed(row["verdict"])
                + (", blocks" if row["is_blocking"] and row["verdict"] == "failed" else ""),
                (row["description"] if row["verdict"] == "passed" else row["finding"])
                or row["description"]
                or formatting.NONE,
                formatting.unbroken(formatting.instant(row["evaluated_at"])),
            ),
            {"table": row["table_name"]},
        )
        for row in rows
    ]


def quarantine_rows(rows: list[Row]) -> list[TableRow]:
    """Return the quarantined rows by table and rules."""
    return [
        (
            (
                row["table_name"],
                sentences(row["broken_rules"]),
                formatting.count(row["rows"]),
                formatting.count(row["partitions"]),
            ),
            {"table": row["table_name"]},
        )
        for row in rows
    ]


def run_rows(rows: list[Row]) -> list[TableRow]:
    """Return the runs as a table."""
    return [
        (
            (
                row["job"],
                formatting.unbroken(row["partitions"] or formatting.NONE),
                formatting.unbroken(STATUSES.get(str(row["status"]), str(row["status"]))),
                formatting.unbroken(formatting.instant(row["started_at"])),
                formatting.unbroken(formatting.duration(row["seconds"])),
            ),
            None,
        )
        for row in rows
    ]


def freshness_rows(rows: list[Row]) -> list[TableRow]:
    """Return the freshness of tables as a table."""
    return [
        (
            (
                row["table_name"],
                formatting.unbroken(
                    formatting.instant(row["materialized_at"])
                    if row["materialized_at"]
                    else "never"
                ),
                formatting.unbroken(formatting.duration(row["seconds"])),
                row["newest_partition"] or formatting.NONE,
                formatting.count(row["rows"]),
            ),
            {"table": row["table_name"]},
        )
        for row in rows
    ]


PAGE = Page(
    path="/quality",
    title="Quality",
    summary="How things are: checks and their findings, refused rows, runs, and how fresh the "
    "tables are.",
    fields=(TABLE, VERDICT),
    slicers=(),
    load=load,
    build=build,
)
