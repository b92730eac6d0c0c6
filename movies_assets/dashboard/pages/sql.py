"""Let visitors ask the snapshot in SQL: a query, its answer as a table and a chart, and as CSV.

The guarded reader decides what a query may do. The address holds the query, so that it can be
shared.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from nicegui import background_tasks, ui

from movies_assets.dashboard import charts
from movies_assets.dashboard.api import API_PATH
from movies_assets.dashboard.charts import Figure, Point
from movies_assets.dashboard.components import ChartCard, TableCard, box, card, text
from movies_assets.dashboard.filters import Field, State
from movies_assets.dashboard.layout import Page, Visit
from movies_assets.serving import formatting
from movies_assets.serving.cookbook import recipes
from movies_assets.serving.guarded import Answer, GuardedReader, QueryError, RefusedError
from movies_assets.serving.reader import OpenSnapshot
from movies_assets.warehouse.published import NothingPublishedError

# With three bytes for each character, an address still fits into the headers of a request.
LONGEST = 8_000
SHOWN_ROWS = 200
LONGEST_CELL = 200
BARS = range(2, 41)
NUMBERS = ("INT", "INTEGER", "FLOAT", "DOUBLE")

QUERY = Field("q", "Query", str, has_chip=False, longest=LONGEST, has_lines=True)
NO_ANSWER = "Run a query to see its rows here"
NO_CHART = f"Two to {BARS[-1]} rows of a label and a number are drawn as bars"


@dataclass(frozen=True)
class SqlData:
    """The page's data: the query, and the snapshot that it is for."""

    sql: str | None
    snapshot: str


async def load(snapshot: OpenSnapshot, state: State) -> SqlData:
    """Return the query of the address; the page runs it, and can cancel it."""
    return SqlData(state["q"], snapshot.name)


def page(reader: GuardedReader) -> Page:
    """Return the page, which asks a reader."""

    def build(visit: Visit) -> Callable[[SqlData], None]:
        return Desk(visit, reader).show

    return Page(
        path="/sql",
        title="SQL",
        summary="Ask the published tables anything that one SELECT can answer.",
        fields=(QUERY,),
        slicers=(),
        load=load,
        build=build,
    )


class Desk:
    """The query, and its answer."""

    def __init__(self, visit: Visit, reader: GuardedReader) -> None:
        """Create the components for a visit."""
        self._visit, self._reader = visit, reader
        self._shown: SqlData | None = None
        self._running: asyncio.Task[None] | None = None
        with card("Query", "DuckDB's SQL. Ctrl+Enter runs it.") as frame:
            frame.classes("sql")
            options = {number: recipe.question for number, recipe in enumerate(recipes())}
            with box("div", "tools"):
                self._recipe = ui.select(
                    options, label="From the cookbook", clearable=True, on_change=self._chosen
                ).props("dense outlined options-dense popup-content-class=options")
            self._text = ui.textarea("Query").props(
                f"outlined autogrow spellcheck=false maxlength={LONGEST} autocapitalize=off"
            )
            self._text.on("keydown.ctrl.enter.prevent", self._run_text)
            self._text.on("keydown.meta.enter.prevent", self._run_text)
            with box("div", "files"):
                text("button", "Run", "run").props("type=button").on("click", self._run_text)
                self._stop = text("button", "Cancel", "clear").props("type=button")
                self._stop.on("click", self._cancel)
                self._csv = ui.link("CSV", "").classes("file").props("download")
            self._status = text("p", "", "answer").props("role=status")
            self._error = text("pre", "").props("role=alert")
            text("p", limits_text(reader), "note")
            with box("p", "note"):
                ui.link("All tables", "/data")
                text("span", " · ")
                ui.link("The same for programs", f"{API_PATH}/docs")
        self._table = TableCard("Answer", columns=[])
        self._chart = ChartCard("Chart", "Bars of the first number, by the first label.", pick=None)
        self._clear()
        ui.context.client.on_delete(self._cancel)

    def show(self, data: SqlData) -> None:
        """Show the query of the address, and run it unless its answer is already shown."""
        if data == self._shown:
            return
        self._shown = data
        if data.sql:
            self._text.set_value(data.sql)
            self._start(data.sql)
        else:
            self._cancel()
            self._clear()

    def _chosen(self) -> None:
        """Show and run the chosen query of the cookbook."""
        if self._recipe.value is not None:
            self._text.set_value(recipes()[self._recipe.value].sql.strip())
            self._run_text()

    def _run_text(self) -> None:
        """Run the text; the address follows."""
        sql = (self._text.value or "").strip()[:LONGEST]
        if sql == self._visit.state["q"]:
            self._start(sql)
        else:
            self._visit.change(q=sql or None)

    def _start(self, sql: str) -> None:
        self._cancel()
        self._clear()
        self._status.set_text("Running …")
        self._stop.set_visibility(True)
        self._running = background_tasks.create(
            self._ask(sql), name="sql", context=self._text.client
        )

    def _cancel(self) -> None:
        if self._running and not self._running.done():
            self._running.cancel()

    async def _ask(self, sql: str) -> None:
        try:
            answer = await self._reader.query(sql, rows=SHOWN_ROWS)
        except asyncio.CancelledError:
            self._status.set_text("Cancelled.")
            self._stop.set_visibility(False)
            raise
        except (RefusedError, QueryError, NothingPublishedError) as error:
            self._status.set_text("The query failed.")
            self._error.set_text(str(error))
            self._error.set_visibility(True)
        else:
            self._answered(sql, answer)
        self._stop.set_visibility(False)

    def _answered(self, sql: str, answer: Answer) -> None:
        rows = json.loads(answer.content)
        self._status.set_text(status_text(answer, self._reader))
        self._csv.props["href"] = csv_address(sql)
        self._csv.set_visibility(True)
        self._table.head(headings(answer))
        self._table.show([(cells(row), None) for row in rows] or "The answer has no rows")
        self._chart.show(bars_of(answer, rows) or NO_CHART)

    def _clear(self) -> None:
        for part in (self._error, self._csv, self._stop):
            part.set_visibility(False)
        self._status.set_text("")
        self._table.show(NO_ANSWER)
        self._chart.show(NO_CHART)


def limits_text(reader: GuardedReader) -> str:
    """Return the limits of a query, in sentences."""
    limits = reader.limits
    return (
        f"A query may take {limits.sql_seconds:g} seconds and {limits.sql_memory} of memory, and "
        f"reads the published tables without data of single users. {SHOWN_ROWS} rows are shown; "
        f"the CSV file has up to {formatting.count(limits.sql_rows)}."
    )


def status_text(answer: Answer, reader: GuardedReader) -> str:
    """Return how many rows there are, or are shown, and how long it took."""
    rows = formatting.plural(answer.rows, "row")
    most = formatting.count(reader.limits.sql_rows)
    shown = {
        None: rows,
        "rows": f"The first {rows}; the CSV file has up to {most}",
        "bytes": f"The first {rows}: the answer is too large to show all of it",
    }[answer.cut]
    return f"{shown}, in {answer.seconds:.2f} s."


def csv_address(sql: str) -> str:
    """Return the address of an answer as CSV."""
    return f"{API_PATH}/sql?{urlencode({'sql': sql, 'format': 'csv'})}"


def headings(answer: Answer) -> list[str]:
    """Return the headings of the table; those of numbers end in `#`."""
    return [
        one["name"].removesuffix("#") + ("#" if is_number(one["type"]) else "")
        for one in answer.columns
    ]


def is_number(type_: str) -> bool:
    """Return whether values of a type are numbers."""
    return type_.endswith(NUMBERS) or type_.startswith("DECIMAL(")


def cells(row: Sequence[Any]) -> list[str]:
    """Return the values of a row as texts; an unknown one is a dash."""
    return [cell(value) for value in row]


def cell(value: Any) -> str:
    """Return a value as text, shortened if it is long."""
    if value is None:
        return formatting.NONE
    if isinstance(value, str):
        shown = value
    elif isinstance(value, float):
        shown = f"{value:.10g}"
    else:
        shown = json.dumps(value, ensure_ascii=False)
    return shown if len(shown) <= LONGEST_CELL else f"{shown[:LONGEST_CELL]}…"


def bars_of(answer: Answer, rows: Sequence[Sequence[Any]]) -> Figure | None:
    """Draw few rows with a label and a number as bars; None if there are none such."""
    types = [one["type"] for one in answer.columns]
    labels = [at for at, type_ in enumerate(types) if type_ in {"VARCHAR", "DATE"}]
    numbers = [at for at, type_ in enumerate(types) if is_number(type_)]
    if len(rows) not in BARS or answer.cut or not labels or not numbers:
        return None
    label, number = labels[0], numbers[0]
    named = [(cell(row[label]), row[number]) for row in rows]
    if len({name for name, _ in named}) < len(named):
        return None
    heading, unit = answer.columns[label]["name"], answer.columns[number]["name"]
    return Figure(
        charts.bars(
            [name for name, _ in named],
            [Point(value, f"{name}\n{unit}: {cell(value)}") for name, value in named],
            horizontal=True,
        ),
        f"Bar chart: {unit} of {formatting.plural(len(named), 'row')} by {heading}.",
        [heading, f"{unit}#"],
        [(name, cell(value)) for name, value in named],
        height=40 + 26 * len(named),
    )
