"""Show what is worth knowing first, each with the way to more."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from nicegui import ui

from movies_assets.dashboard import addresses
from movies_assets.dashboard.components import (
    Kpi,
    KpiCards,
    TableCard,
    TableRow,
    box,
    card,
    found,
    text,
)
from movies_assets.dashboard.covers import cover
from movies_assets.dashboard.filters import State
from movies_assets.dashboard.layout import Page, Visit
from movies_assets.dashboard.pages.title import SOURCES
from movies_assets.serving import formatting
from movies_assets.serving.queries import home as queries
from movies_assets.serving.reader import OpenSnapshot, Row

NAMED = {**SOURCES, "ott": "the streaming service"}


@dataclass(frozen=True)
class HomeData:
    """The page's data."""

    figures: Row
    changed: list[Row]
    offered: list[Row]
    drops: list[Row]
    best: list[Row]
    movers: list[Row]
    uploads: list[Row]
    freshness: list[Row]


class Finding(NamedTuple):
    """A sentence that is computed from the data, and the page that shows more."""

    words: str
    address: str


async def load(snapshot: OpenSnapshot, _: State) -> HomeData:
    """Load the page's data, with concurrent queries."""
    (figures,), *others = await asyncio.gather(
        *(
            snapshot.ask(query)
            for query in (
                queries.FIGURES,
                queries.CHANGED,
                queries.BEST_OFFERED,
                queries.DROPS,
                queries.BEST_SERIES,
                queries.MOVERS,
                queries.UPLOADS,
                queries.FRESHNESS,
            )
        )
    )
    return HomeData(figures, *others)


def build(_: Visit) -> Callable[[HomeData], None]:
    """Create the page's components."""
    kpis = KpiCards(["Titles", "Known to several sources", "Rated", "Published rows", "Checks"])
    with card(
        "Findings", "Each sentence is computed from the data; it leads to the page with more."
    ):
        findings = box("ul", "findings")
    with card("Newest uploads", "Of YTS."):
        shelf = box("ul", "shelf")
    movers = TableCard(
        "Movers", "Titles of all types by votes gained since the previous run date.", span=6,
        columns=["Title", "Type", "Votes gained#", "Rating#", "Change#"],
    )  # fmt: skip
    drops = TableCard(
        "Largest drops at the finale",
        f"Series with {queries.RATED_EPISODES} rated episodes and {queries.FINALE_VOTES} votes.",
        span=6, columns=["Series", "Change#", "Finale#", "Average#"],
    )  # fmt: skip
    changed = TableCard(
        "Changed since the last snapshot",
        "Tables with another number of rows, the largest change first.",
        span=6, columns=["Table", "Rows now#", "Rows before#", "Change#"],
    )  # fmt: skip
    freshness = TableCard(
        "Sources", "The newest day that each has data of, and when that was last written.", span=6,
        columns=["Source", "Newest day", "Written", "Rows received#"],
    )  # fmt: skip

    def show(data: HomeData) -> None:
        kpis.show(figures(data.figures))
        _list(findings, [(each.words, each.address, None) for each in sentences(data)])
        _list(
            shelf,
            [
                (row["title"], addresses.title(row["title_key"]), str(row["uploaded_date"]))
                for row in data.uploads
            ],
        )
        movers.show(
            mover_rows(data.movers) or "No title gained votes: there is one run date only",
            found(data.movers),
        )
        drops.show(
            drop_rows(data.drops) or "No series has enough rated episodes", found(data.drops)
        )
        changed.show(
            changed_rows(data.changed) or "No table has more rows or fewer than before",
            found(data.changed),
        )
        freshness.show(freshness_rows(data.freshness) or "No source has data")

    return show


def _list(parent: ui.element, items: Sequence[tuple[str, str, str | None]]) -> None:
    """Fill a list with links; those with a text below have a cover."""
    parent.clear()
    with parent:
        for words, address, below in items:
            with box("li"), ui.link(target=address):
                if below is not None:
                    ui.element("img").props('alt=""').props["src"] = cover(words, below)
                text("bdi", words).props("dir=auto")
        if not items:
            text("li", "Nothing yet.", "note")


def figures(row: Row) -> list[Kpi]:
    """Return the key figures, with their change since the snapshot before."""
    titles = row["titles"]
    return [
        Kpi(formatting.count(titles), _change(titles, row["titles_before"])),
        Kpi(formatting.count(row["shared"]), f"of {formatting.plural(row['sources'], 'source')}"),
        Kpi(formatting.count(row["rated"]), "have a rating at IMDb"),
        Kpi(formatting.short(row["rows"]), _change(row["rows"], row["rows_before"])),
        Kpi(
            formatting.count(row["checks"]),
            f"{formatting.count(row['found'])} found something" if row["found"] else "all is well",
            "fair" if row["found"] else "good",
        ),
    ]


def _change(now: int, before: int | None) -> str:
    if before is None:
        return "no snapshot before"
    return f"{formatting.signed(now - before, 0)} since the last snapshot"


def sentences(data: HomeData) -> list[Finding]:
    """Return findings: only those that the data has."""
    found = [
        Finding(
            f"The best title that {NAMED[row['source']]} offers is {row['title']}, rated "
            f"{formatting.decimal(row['rating'])} by {formatting.plural(row['votes'], 'vote')}.",
            addresses.title(row["title_key"]),
        )
        for row in data.offered
    ]
    if data.best:
        best = data.best[0]
        found.append(
            Finding(
                f"{best['series_label']} is the best series: its "
                f"{formatting.plural(best['rated_episodes'], 'rated episode')} have "
                f"{formatting.decimal(best['avg_rating'])} on average.",
                addresses.series(best["series_key"]),
            )
        )
    if data.drops:
        worst = data.drops[0]
        found.append(
            Finding(
                f"{worst['series_label']} ended "
                f"{formatting.decimal(-worst['finale_delta'])} points below its average, the "
                f"largest drop of a series ({worst['finale_basis']}).",
                addresses.series(worst["series_key"]),
            )
        )
    if data.movers:
        mover = data.movers[0]
        gained = formatting.plural(mover["votes_gained"], "vote")
        found.append(
            Finding(
                f"{mover['primary_title']} gained {gained} from "
                f"{mover['previous_run_date']} to {mover['run_date']}, more than any title.",
                addresses.title(mover["page"]) if mover["page"] else "/movies#trending",
            )
        )
    if data.figures["found"]:
        found.append(
            Finding(
                f"{formatting.plural(data.figures['found'], 'check')} found something.",
                "/quality#checks",
            )
        )
    return found


def mover_rows(rows: Sequence[Row]) -> list[TableRow]:
    """Return the titles that gained most votes."""
    return [
        (
            (
                row["primary_title"],
                formatting.title_type(row["title_type"]),
                formatting.signed(row["votes_gained"], 0),
                formatting.decimal(row["rating"]),
                formatting.signed(row["rating_change"]),
            ),
            addresses.title(row["page"]) if row["page"] else None,
        )
        for row in rows
    ]


def drop_rows(rows: Sequence[Row]) -> list[TableRow]:
    """Return the series that ended furthest below their average."""
    return [
        (
            (
                row["series_label"],
                formatting.signed(row["finale_delta"]),
                f"{formatting.decimal(row['finale_rating'])} ({row['finale_basis']})",
                formatting.decimal(row["avg_rating"]),
            ),
            addresses.series(row["series_key"]),
        )
        for row in rows
    ]


def changed_rows(rows: Sequence[Row]) -> list[TableRow]:
    """Return the tables with another number of rows than before."""
    return [
        (
            (
                row["table_name"],
                formatting.count(row["rows"]),
                formatting.count(row["rows_before"]),
                formatting.signed((row["rows"] or 0) - (row["rows_before"] or 0), 0),
            ),
            addresses.table(row["table_name"]),
        )
        for row in rows
    ]


def freshness_rows(rows: Sequence[Row]) -> list[TableRow]:
    """Return the newest day of each source."""
    return [
        (
            [
                str(SOURCES.get(row["source"], row["source"])),
                row["newest_partition"] or formatting.NONE,
                formatting.instant(row["materialized_at"]),
                formatting.count(row["rows"]),
            ],
            f"/data?source={row['source']}",
        )
        for row in rows
    ]


PAGE = Page(
    path="/",
    title="Home",
    summary="What there is, what changed, and what is remarkable.",
    fields=(),
    slicers=(),
    load=load,
    build=build,
)
