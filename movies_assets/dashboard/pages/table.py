"""Show one table: its columns, some rows, their profile, and what each column is computed from."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from movies_assets.dashboard import charts
from movies_assets.dashboard.charts import Figure, Node
from movies_assets.dashboard.components import ChartCard, TableCard, TableRow
from movies_assets.dashboard.filters import Field, State, matching
from movies_assets.dashboard.graphs import arrange
from movies_assets.dashboard.layout import Page, Visit
from movies_assets.dashboard.pages.data import (
    COLUMN_PIXELS,
    LAYERS,
    ROW_PIXELS,
    AboutTable,
    heading,
)
from movies_assets.dashboard.pages.data import TablesData as Described
from movies_assets.dashboard.pages.data import load as describe
from movies_assets.dashboard.pages.quality import TABLE
from movies_assets.serving import formatting, theme
from movies_assets.serving.queries import data as queries
from movies_assets.serving.reader import OpenSnapshot, Row

LONGEST_CELL = 80
ENTITY = replace(TABLE, has_chip=False)
COLUMN = Field(
    "column",
    "Column",
    matching(r"\w{1,80}"),
    known="SELECT 1 FROM meta.columns WHERE table_name = $table AND column_name = $value",
)


@dataclass(frozen=True)
class TableData:
    """The page's data.

    Attributes:
        described: what the page of all tables shows of it.
        sample: some of its rows; None where they may not be shown.
        profile: a row a column of its newest profile.
        origins: the columns that each column is computed from.
        above: all columns above the chosen one, as steps.
    """

    described: Described
    sample: list[Row] | None
    profile: list[Row]
    origins: list[Row]
    above: list[Row]


async def resolve(snapshot: OpenSnapshot, state: State) -> State:
    """Choose the first table of gold unless one is chosen."""
    if state["table"] is None:
        found = await snapshot.ask(queries.TABLES, words=None)
        return state.change(table=found[0]["table_name"] if found else None)
    return state


async def load(snapshot: OpenSnapshot, state: State) -> TableData:
    """Load the chosen table."""
    table = state["table"]
    described, profile, origins, above = await asyncio.gather(
        describe(snapshot, state),
        snapshot.ask(queries.PROFILE, table=table),
        snapshot.ask(queries.ORIGINS, table=table),
        snapshot.ask(queries.ABOVE, table=table, column=state["column"]),
    )
    sample = None
    if described.table and described.table["is_shared"]:
        # The name is one of the snapshot's own.
        sample = await snapshot.ask(queries.SAMPLE.format(table=described.table["table_name"]))
    return TableData(described, sample, profile, origins, above)


def build(visit: Visit) -> Callable[[TableData], None]:
    """Create the page's components."""
    about = AboutTable(leads_on=False)
    origins = TableCard(
        "Computed from", "The columns whose values go into each column. Click one to draw its way.",
        span=5, columns=["Column", "Computed from"], pick=visit.toggle,
    )  # fmt: skip
    above = ChartCard(
        "Lineage of a column", "From received data on the left to the chosen column on the right.",
        height=200, pick=None,
    )  # fmt: skip
    profile = TableCard(
        "Profile", "Of the newest partition that was profiled.",
        columns=["Column", "Rows#", "Unknown#", "Distinct, about#", "Least", "Greatest"],
    )  # fmt: skip
    with_sample = SampleCard()

    def show(data: TableData) -> None:
        about.show(data.described)
        origins.show(origin_rows(data) or "It is received, or given by the run: no other table")
        above.show(lineage_flow(data) or "Choose a column above")
        profile.show(profile_rows(data.profile) or "It was not profiled yet: runs do that")
        with_sample.show(data.sample, data.described.table)

    return show


class SampleCard:
    """The first rows of a table, whatever columns it has."""

    def __init__(self) -> None:
        """Create the card without rows."""
        self._card = TableCard(
            "Some rows", f"The first {queries.SAMPLE_ROWS} as stored.", columns=[]
        )

    def show(self, rows: Sequence[Row] | None, table: Row | None) -> None:
        """Show rows of a table, or why there are none."""
        if rows is None:
            self._card.show("Its rows are not published, or are those of single users.")
            return
        if rows:
            self._card.head([*rows[0]])
        self._card.show(
            [([cell(value) for value in row.values()], None) for row in rows] or "No rows",
            table["rows"] if table else None,
        )


def cell(value: Any) -> str:
    """Return a stored value as text, cut where it is long."""
    if value is None:
        return formatting.NONE
    words = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return words if len(words) <= LONGEST_CELL else f"{words[: LONGEST_CELL - 1]}…"


def origin_rows(data: TableData) -> list[TableRow]:
    """Return the columns with those that they are computed from."""
    above: dict[str, list[str]] = {}
    for row in data.origins:
        above.setdefault(row["column_name"], []).append(
            f"{row['upstream']}.{row['upstream_column']}"
        )
    if not above:
        return []
    return [
        (
            (row["column_name"], ", ".join(above.get(row["column_name"], [])) or "no column"),
            {"column": row["column_name"]} if row["column_name"] in above else None,
        )
        for row in data.described.columns
    ]


def lineage_flow(data: TableData) -> Figure | None:
    """Draw all columns above the chosen one."""
    edges = [
        (f"{row['upstream']}.{row['upstream_column']}", f"{row['table_name']}.{row['column_name']}")
        for row in data.above
    ]
    if not edges:
        return None
    places = arrange(edges, tuple(LAYERS))
    tallest = max(map(len, places))
    nodes = [
        Node(
            key=name,
            name=name.rpartition(".")[2],
            column=column,
            row=(row + 0.5) * tallest / len(names) - 0.5,
            color=LAYERS.get(name.split(".")[0], theme.MUTED),
            tip=name,
        )
        for column, names in enumerate(places)
        for row, name in enumerate(names)
    ]
    return Figure(
        charts.flow([heading(names) for names in places], tallest, nodes, edges),
        f"Flow chart: {formatting.plural(len(nodes), 'column')} and "
        f"{formatting.plural(len(edges), 'step')} between them.",
        ["Column", "Computed from"],
        [(below, above) for above, below in edges],
        height=28 + max(tallest, 3) * ROW_PIXELS,
        width=len(places) * COLUMN_PIXELS,
    )


def profile_rows(rows: Sequence[Row]) -> list[TableRow]:
    """Return the profile of each column."""
    return [
        (
            (
                row["column_name"],
                formatting.count(row["row_count"]),
                formatting.percent(row["null_count"] / row["row_count"], 1)
                if row["row_count"]
                else formatting.NONE,
                formatting.count(row["approximate_distinct"]),
                row["minimum"] or formatting.NONE,
                row["maximum"] or formatting.NONE,
            ),
            None,
        )
        for row in rows
    ]


PAGE = Page(
    path="/table",
    title="Table",
    summary="One table: what its columns mean and are computed from, some rows, and their profile.",
    fields=(ENTITY, COLUMN),
    slicers=(),
    load=load,
    build=build,
    entity=ENTITY,
    resolve=resolve,
    is_listed=False,
)
