"""The page of data: what the tables are, where they come from, and files of them to take away."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from nicegui import ui

from movies_assets.dashboard import charts
from movies_assets.dashboard.charts import Figure, Node
from movies_assets.dashboard.components import (
    ChartCard,
    DataTable,
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
from movies_assets.serving.reader import Row, Snapshot

# From left to right; a gold table that another one is made from stands further left.
LAYERS = {
    "landing": theme.SEQUENCE[8],
    "bronze": "#c98552",
    "silver": "#c3c7d1",
    "gold": "#e6b93f",
}
# Few tables get more room than many.
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
class Data:
    """What the page shows; `table` is the chosen one, `source` the one whose lineage is drawn."""

    state: State
    tables: list[Row]
    table: Row | None
    columns: list[Row]
    sizes: Sizes | None
    sources: list[Row]
    source: str | None
    lineage: list[Row]


async def load(snapshot: Snapshot, state: State) -> Data:
    """Ask for everything on the page."""
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
    return Data(state, tables, table, columns, measured, sources, source, lineage)


def build(visit: Visit) -> Callable[[Data], None]:
    """Make the page's parts."""
    search = SearchBox(visit)
    with box("div", "fits"):
        tables = TableCard(
            "Tables", "Click one to see its columns, where it comes from, and to download it.",
            span=5, columns=["Table", "What a row is", "Rows#"], pick=visit.toggle,
        )  # fmt: skip
    about = AboutTable()
    lineage = LineageCard(visit)

    def show(data: Data) -> None:
        search.show(data)
        tables.show(
            table_rows(data.tables) or f"No table or column has “{data.state['search']}” in it"
        )
        about.show(data)
        lineage.show(data)

    return show


class SearchBox:
    """The field with which to search the dictionary."""

    def __init__(self, visit: Visit) -> None:
        """Make it for a visit; what it says is in the address."""
        self._visit, self._following = visit, False
        with box("div", "tools span-12").props("role=search"):
            self._input = ui.input("Search tables and columns", on_change=self._changed)
            self._input.props(
                f"dense outlined clearable debounce=250 maxlength={LONGEST} type=search"
            )
            self._found = text("p", "", "note").props("role=status")

    def show(self, data: Data) -> None:
        """Return what is searched, and how much was found."""
        self._following = True
        self._input.set_value(data.state["search"] or "")
        self._following = False
        self._found.set_text(formatting.plural(len(data.tables), "table"))

    def _changed(self) -> None:
        given = (self._input.value or "")[:LONGEST].strip()
        if not self._following and given.isprintable():
            self._visit.change(search=given or None)


class AboutTable:
    """What a table is, file by file and column by column."""

    def __init__(self) -> None:
        """Make the card, with nothing chosen yet."""
        with card("Dictionary", span=7):
            self._name = text("h3", "")
            self._says = text("p", "", "says")
            with box("div", "files") as self._files:
                self._links = {
                    kind: ui.link("", "").classes("file").props("download") for kind in FORMATS
                }
            self._why = text("p", "", "note")
            with box("div", "fits"):
                self._columns = DataTable("Columns", ["Column", "Type", "Meaning"], pick=None)

    def show(self, data: Data) -> None:
        """Show the chosen table, or ask for one."""
        table = data.table
        for part in (self._name, self._columns):
            part.set_visibility(table is not None)
        self._files.set_visibility(data.sizes is not None)
        if table is None:
            self._says.set_text("Choose a table to see its columns and to download it.")
            self._why.set_text("")
            return
        self._name.set_text(table["table_name"])
        self._says.set_text(f"{table['description']} {rows_said(table)}")
        self._why.set_text(why(data))
        self._columns.show(column_rows(data.columns))
        if data.sizes:
            about = "" if data.sizes.is_exact else "about "
            measured = {"csv": data.sizes.csv, "parquet": data.sizes.parquet}
            for kind, link in self._links.items():
                link.set_text(f"{NAMES[kind]}, {about}{formatting.size(measured[kind])}")
                link.props["href"] = f"{DOWNLOAD_PATH}{table['table_name']}.{kind}"


NAMES: Mapping[str, str] = {"csv": "CSV", "parquet": "Parquet"}


def rows_said(table: Row) -> str:
    """Return how many rows a table has."""
    return (
        "It was never written."
        if table["rows"] is None
        else f"It has {formatting.plural(table['rows'], 'row')}."
    )


def why(data: Data) -> str:
    """Return what to know of the files, or why there are none."""
    if data.sizes:
        return (
            "In CSV a text that begins like a formula (= + - @), also within a cell after a comma, "
            "a semicolon, a tab or a line break, has an apostrophe before it, so that no "
            "spreadsheet runs it (unless a setting turns that off). Parquet has every value as it "
            "is."
        )
    if not data.table or not data.table["is_published"]:
        return "It is not published: its rows stay in the warehouse."
    if any(row["is_personal"] for row in data.columns):
        return "It tells of single users: it is not for download."
    return "There is nothing to download yet."


class LineageCard:
    """The picture of what a source's tables are made from."""

    def __init__(self, visit: Visit) -> None:
        """Make the card for a visit."""
        self._visit, self._following = visit, False
        with box("div", "tools span-12"):
            self._select = ui.select([], label="Lineage of", on_change=self._changed)
            self._select.props("dense outlined options-dense popup-content-class=options").classes(
                "genre"
            )
        self._chart = ChartCard(
            "Lineage", "From what arrives, on the left, to what is published. Click a table to see "
            "what it is made from, and what is made from it.", pick=visit.toggle,
        )  # fmt: skip

    def show(self, data: Data) -> None:
        """Draw the lineage."""
        self._following = True
        self._select.set_options([row["source"] for row in data.sources], value=data.source)
        self._following = False
        self._chart.show(lineage_flow(data) or "Nothing is known about how tables are made")

    def _changed(self) -> None:
        if not self._following:
            self._visit.change(source=self._select.value, table=None)


def table_rows(rows: Sequence[Row]) -> list[TableRow]:
    """Return the tables that were found."""
    return [
        (
            (row["table_name"], row["description"], formatting.count(row["rows"])),
            {"table": row["table_name"]},
        )
        for row in rows
    ]


def column_rows(rows: Sequence[Row]) -> list[TableRow]:
    """Return the columns of a table."""
    return [((row["column_name"], row["type"], meaning(row)), None) for row in rows]


def meaning(row: Row) -> str:
    """Return what a column means, and what is to be known of it."""
    marks = [
        said
        for said, holds in (
            ("Key.", row["is_key"]),
            ("Never empty.", row["is_required"] and not row["is_key"]),
            ("Personal.", row["is_personal"]),
            (f"Points at {row['references_table']}.", row["references_table"]),
        )
        if holds
    ]
    return " ".join([row["description"], *marks])


def lineage_flow(data: Data) -> Figure | None:
    """Draw which tables are made from which; a chosen one stands out, with all it depends on."""
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
            tip=node_said(name, edges),
            pick=None if name.startswith("landing.") else {"table": name},
            faded=kin is not None and name not in kin,
        )
        for column, names in enumerate(places)
        for row, name in enumerate(names)
    ]
    return Figure(
        charts.flow(columns, tallest, nodes, edges),
        f"Picture of boxes and lines: {formatting.plural(len(nodes), 'table')} of "
        f"{data.source} and "
        f"{formatting.plural(len(edges), 'step')} between them, from {columns[0].lower()} to "
        f"{columns[-1].lower()}.",
        ["Table", "Is made from"],
        [(below, above) for above, below in edges],
        [{"table": below} for _, below in edges],
        height=28 + max(tallest, 3) * (MANY_ROW_PIXELS if tallest > MANY else ROW_PIXELS),
        width=len(columns) * COLUMN_PIXELS,
    )


def heading(names: Sequence[str]) -> str:
    """Return of which layers a column of tables is."""
    return " and ".join(dict.fromkeys(name.split(".")[0] for name in sorted(names))).capitalize()


def node_said(name: str, edges: Sequence[Edge]) -> str:
    """Return how a table stands between others."""
    above = sum(below == name for _, below in edges)
    below = sum(above_ == name for above_, _ in edges)
    return f"{name}\nmade from {above}, used by {below} of these"


PAGE = Page(
    path="/data",
    title="Data",
    says="What every table and column means, what it is made from, and published tables as files.",
    fields=(SEARCH, TABLE, SOURCE),
    slicers=(),
    load=load,
    build=build,
)
