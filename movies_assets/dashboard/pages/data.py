"""Show the data dictionary, lineage and downloads of the tables."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from nicegui import ui

from movies_assets.dashboard import addresses, charts
from movies_assets.dashboard.charts import Figure, Node
from movies_assets.dashboard.components import (
    ChartCard,
    DataTable,
    Scope,
    TableCard,
    TableRow,
    box,
    card,
    text,
)
from movies_assets.dashboard.downloads import DOWNLOAD_PATH, FORMATS, Sizes, sizes
from movies_assets.dashboard.filters import LONGEST, Field, State, matching
from movies_assets.dashboard.graphs import Edge, arrange, related
from movies_assets.dashboard.layout import Page, Visit
from movies_assets.dashboard.pages.quality import TABLE
from movies_assets.serving import formatting, theme
from movies_assets.serving.queries import data as queries
from movies_assets.serving.reader import OpenSnapshot, Row

# From left to right; a gold table is left of its downstream gold tables.
LAYERS = {
    "landing": theme.SEQUENCE[-1],
    "bronze": "#c98552",
    "silver": "#c3c7d1",
    "gold": "#e6b93f",
}
# A picture of few tables gets more space per table.
ROW_PIXELS, MANY_ROW_PIXELS, MANY = 48, 34, 14
COLUMN_PIXELS = charts.BOX_WIDTH + 20

SEARCH = Field("search", "Search", str.strip, has_chip=False)
SOURCE = Field(
    "source",
    "Source",
    matching(r"\w{1,40}"),
    known="SELECT 1 FROM meta.tables WHERE source = $value LIMIT 1",
    has_chip=False,
)


@dataclass(frozen=True)
class TablesData:
    """The page's data; `table` is the chosen one, `source` the one whose lineage is drawn."""

    state: State
    tables: list[Row]
    table: Row | None
    columns: list[Row]
    sizes: Sizes | None
    sources: list[Row]
    source: str | None
    lineage: list[Row]


async def load(snapshot: OpenSnapshot, state: State) -> TablesData:
    """Load the page's data."""
    tables, columns, sources, found = await asyncio.gather(
        snapshot.ask(queries.TABLES, words=state["search"]),
        snapshot.ask(queries.COLUMNS, table=state["table"]),
        snapshot.ask(queries.SOURCES),
        snapshot.ask(queries.TABLE, table=state["table"]),
    )
    table = found[0] if found else None
    largest = sources[0]["source"] if sources else None
    source = table["source"] if table else state["source"] or largest
    lineage = await snapshot.ask(queries.LINEAGE, source=source)
    measured = None
    if table and table["is_shared"]:
        measured = await asyncio.to_thread(sizes, snapshot.path, table["table_name"], table["rows"])
    return TablesData(state, tables, table, columns, measured, sources, source, lineage)


def build(visit: Visit) -> Callable[[TablesData], None]:
    """Create the page's components."""
    search = SearchBox(visit)
    tables = TableCard(
        "Tables", "Click one to see its columns and lineage, and to download it.",
        span=5, columns=["Table", "Row", "Rows#"], pick=visit.toggle, scope=Scope(ignores=(TABLE,)),
    )  # fmt: skip
    about = AboutTable()
    lineage = LineageCard(visit)

    def show(data: TablesData) -> None:
        search.show(data)
        tables.show(
            table_rows(data.tables) or f"No table or column has “{data.state['search']}” in it"
        )
        about.show(data)
        lineage.show(data)

    return show


class SearchBox:
    """The search field of the dictionary."""

    def __init__(self, visit: Visit) -> None:
        """Create the field for a visit; its text is in the address."""
        self._visit, self._following = visit, False
        with box("div", "tools span-12").props("role=search"):
            self._input = ui.input("Search tables and columns", on_change=self._changed)
            self._input.props(
                f"dense outlined clearable debounce=250 maxlength={LONGEST} type=search"
            )
            self._found = text("p", "", "note").props("role=status")

    def show(self, data: TablesData) -> None:
        """Show the searched text, and the number of tables found."""
        self._following = True
        self._input.set_value(data.state["search"] or "")
        self._following = False
        self._found.set_text(formatting.plural(len(data.tables), "table"))

    def _changed(self) -> None:
        given = (self._input.value or "")[:LONGEST].strip()
        if not self._following and given.isprintable():
            self._visit.change(search=given or None)


class AboutTable:
    """The description, downloads and columns of a table."""

    def __init__(self, *, leads_on: bool = True) -> None:
        """Create the card without a table; `leads_on`: with a link to the table's page."""
        with card("Dictionary", span=7):
            self._name = text("h3", "")
            self._description = text("p", "", "description")
            with box("div", "files") as self._files:
                self._links = {
                    kind: ui.link("", "").classes("file").props("download") for kind in FORMATS
                }
                self._more = ui.link("Rows, profile and lineage of columns", "").classes("file")
                self._more.set_visibility(leads_on)
                self._ask = ui.link("Ask with SQL", "").classes("file")
            self._why = text("p", "", "note")
            self._columns = DataTable("Columns", ["Column", "Type", "Meaning"], pick=None)

    def show(self, data: TablesData) -> None:
        """Show the chosen table, or prompt for one."""
        table = data.table
        for part in (self._name, self._columns):
            part.set_visibility(table is not None)
        self._files.set_visibility(table is not None)
        for link in (*self._links.values(), self._ask):
            link.set_visibility(data.sizes is not None)
        if table is None:
            self._description.set_text("Choose a table to see its columns and to download it.")
            self._why.set_text("")
            return
        self._name.set_text(table["table_name"])
        self._more.props["href"] = addresses.table(table["table_name"])
        self._ask.props["href"] = addresses.sql(f"FROM {table['table_name']} LIMIT {ASKED_ROWS}")
        self._description.set_text(f"{table['description']} {rows_text(table)}")
        self._why.set_text(download_note(data))
        self._columns.show(column_rows(data.columns))
        if data.sizes:
            about = "" if data.sizes.is_exact else "about "
            measured = {"csv": data.sizes.csv, "parquet": data.sizes.parquet}
            for kind, link in self._links.items():
                link.set_text(f"{NAMES[kind]}, {about}{formatting.size(measured[kind])}")
                link.props["href"] = f"{DOWNLOAD_PATH}{table['table_name']}.{kind}"


# Rows of a query that a table's link begins with.
ASKED_ROWS = 100
NAMES: Mapping[str, str] = {"csv": "CSV", "parquet": "Parquet"}


def rows_text(table: Row) -> str:
    """Return a sentence about the number of rows."""
    return (
        "It was never written."
        if table["rows"] is None
        else f"It has {formatting.plural(table['rows'], 'row')}."
    )


def download_note(data: TablesData) -> str:
    """Return the note about the files, or the reason why there are none."""
    if data.sizes:
        return (
            "In CSV a text that begins like a formula (= + - @), also within a cell after a comma, "
            "a semicolon, a tab or a line break, has an apostrophe before it, so that no "
            "spreadsheet runs it (unless a setting turns that off). Parquet has unchanged values."
        )
    if not data.table or not data.table["is_published"]:
        return "It is not published: its rows stay in the warehouse."
    if any(row["is_personal"] for row in data.columns):
        return "It contains data about single users: it cannot be downloaded."
    return "There is nothing to download yet."


class LineageCard:
    """The lineage chart of a source's tables."""

    def __init__(self, visit: Visit) -> None:
        """Create the card for a visit."""
        self._visit, self._following = visit, False
        with box("div", "tools span-12"):
            self._select = ui.select([], label="Lineage of", on_change=self._changed)
            self._select.props("dense outlined options-dense popup-content-class=options").classes(
                "genre"
            )
        self._chart = ChartCard(
            "Lineage", "From received data on the left to published tables on the right. Click a "
            "table to highlight its upstream and downstream tables.", pick=visit.toggle,
        )  # fmt: skip

    def show(self, data: TablesData) -> None:
        """Draw the lineage."""
        self._following = True
        self._select.set_options([row["source"] for row in data.sources], value=data.source)
        self._following = False
        self._chart.show(lineage_flow(data) or "No lineage is recorded")

    def _changed(self) -> None:
        if not self._following:
            self._visit.change(source=self._select.value, table=None)


def table_rows(rows: Sequence[Row]) -> list[TableRow]:
    """Return the tables that were found, as rows."""
    return [
        (
            (row["table_name"], row["description"], formatting.count(row["rows"])),
            {"table": row["table_name"]},
        )
        for row in rows
    ]


def column_rows(rows: Sequence[Row]) -> list[TableRow]:
    """Return the columns of a table, as rows."""
    return [((row["column_name"], row["type"], meaning(row)), None) for row in rows]


def meaning(row: Row) -> str:
    """Return a column's description and properties."""
    marks = [
        mark
        for mark, holds in (
            ("Key.", row["is_key"]),
            ("Never empty.", row["is_required"] and not row["is_key"]),
            ("Personal.", row["is_personal"]),
            (f"References {row['references_table']}.", row["references_table"]),
        )
        if holds
    ]
    return " ".join([row["description"], *marks])


def lineage_flow(data: TablesData) -> Figure | None:
    """Draw the lineage; highlight the chosen table with its upstream and downstream tables."""
    edges = [(row["upstream"], row["table_name"]) for row in data.lineage]
    if not edges:
        return None
    places = arrange(edges, tuple(LAYERS))
    columns = [heading(names) for names in places]
    tallest = max(map(len, places))
    chosen = data.state["table"]
    kin = related(chosen, edges) if chosen in {name for edge in edges for name in edge} else None
    nodes = [
        Node(
            key=name,
            name=name.partition(".")[2].removeprefix(f"{data.source}_"),
            column=column,
            row=(row + 0.5) * tallest / len(names) - 0.5,
            color=LAYERS.get(name.split(".")[0], theme.MUTED),
            tip=node_tip(name, edges),
            pick=None if name.startswith("landing.") else {"table": name},
            faded=kin is not None and name not in kin,
        )
        for column, names in enumerate(places)
        for row, name in enumerate(names)
    ]
    return Figure(
        charts.flow(columns, tallest, nodes, edges),
        f"Flow chart: {formatting.plural(len(nodes), 'table')} of "
        f"{data.source} and "
        f"{formatting.plural(len(edges), 'step')} between them, from {columns[0].lower()} to "
        f"{columns[-1].lower()}.",
        ["Table", "Upstream table"],
        [(below, above) for above, below in edges],
        [{"table": below} for _, below in edges],
        height=28 + max(tallest, 3) * (MANY_ROW_PIXELS if tallest > MANY else ROW_PIXELS),
        width=len(columns) * COLUMN_PIXELS,
    )


def heading(names: Sequence[str]) -> str:
    """Return the layers of a column of tables."""
    return " and ".join(dict.fromkeys(name.split(".")[0] for name in sorted(names))).capitalize()


def node_tip(name: str, edges: Sequence[Edge]) -> str:
    """Return the tooltip of a table: its numbers of upstream and downstream tables."""
    above = sum(below == name for _, below in edges)
    below = sum(above_ == name for above_, _ in edges)
    return f"{name}\n{above} upstream, {below} downstream of these"


PAGE = Page(
    path="/data",
    title="Data",
    summary="The meaning and lineage of every table, and published tables as files.",
    fields=(SEARCH, TABLE, SOURCE),
    slicers=(),
    load=load,
    build=build,
)
