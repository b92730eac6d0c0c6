"""Show the releases that OMDb lists, by year and type."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from movies_assets.dashboard import charts
from movies_assets.dashboard.charts import Figure, Point
from movies_assets.dashboard.components import ChartCard, Kpi, KpiCards, Scope, TableCard, TableRow
from movies_assets.dashboard.filters import YEARS, Field, State, one_of, whole
from movies_assets.dashboard.layout import Page, Visit
from movies_assets.serving import formatting
from movies_assets.serving.queries.releases import BY_YEAR_AND_TYPE, FIGURES, TYPES
from movies_assets.serving.reader import OpenSnapshot, Row

MEDIA = Field("media", "Type", one_of(*TYPES), show=lambda value: TYPES[value])
YEAR = Field("year", "Year", whole(1870, 2100))
MOST_YEARS_AS_TABLE = 500


@dataclass(frozen=True)
class ReleasesData:
    """The page's data."""

    state: State
    totals: Row
    by_year: list[Row]


async def load(snapshot: OpenSnapshot, state: State) -> ReleasesData:
    """Load the page's data, with concurrent queries."""
    first, last = state["years"] or (None, None)
    chosen = {"first": first, "last": last, "year": state["year"], "media": state["media"]}
    (totals,), by_year = await asyncio.gather(
        snapshot.ask(FIGURES, **chosen), snapshot.ask(BY_YEAR_AND_TYPE, **chosen)
    )
    return ReleasesData(state, totals, by_year)


def build(visit: Visit) -> Callable[[ReleasesData], None]:
    """Create the page's components."""
    kpis = KpiCards(["Titles", *TYPES.values()])
    bars = ChartCard(
        "Releases by year", "Titles by year of release and type. Click a layer to filter.",
        span=12, height=380, pick=visit.toggle, scope=Scope(marks=(YEAR, MEDIA)),
    )  # fmt: skip
    lines = ChartCard(
        "Each type over the years", "Years without a title are gaps. Click a point to filter.",
        span=7, height=340, pick=visit.toggle, scope=Scope(marks=(YEAR, MEDIA)),
    )  # fmt: skip
    table = TableCard(
        "Years", "The newest first, each with all its types.", span=5, pick=visit.toggle,
        columns=["Year", *(f"{name}#" for name in TYPES.values()), "First found#"],
    )  # fmt: skip

    def show(data: ReleasesData) -> None:
        none = nothing(data.state)
        kpis.show(figures(data.totals))
        bars.show(year_bars(data) or none)
        lines.show(type_lines(data) or none)
        rows = year_rows(data)
        table.show(rows[:MOST_YEARS_AS_TABLE] or none, len(rows))

    return show


def nothing(state: State) -> str:
    """Return the text for an empty result."""
    return "No releases" + (f", {YEARS.show(state['years'])}" if state["years"] else "")


def figures(totals: Row) -> list[Kpi]:
    """Return the number of titles, all and by type."""
    span = (
        f"{totals['first_year']} to {totals['last_year']}"
        if totals["titles"] and totals["first_year"] != totals["last_year"]
        else formatting.year(totals["first_year"])
    )
    all_titles = totals["titles"]
    return [
        Kpi(formatting.count(all_titles), span),
        *(
            Kpi(
                formatting.count(totals[name]),
                f"{formatting.percent(totals[name] / all_titles)} of the titles"
                if all_titles
                else "",
            )
            for name in TYPES
        ),
    ]


def _points(data: ReleasesData, media: str, years: Sequence[int]) -> list[Point]:
    """Return one point per year; years without titles draw nothing."""
    counted = {
        row["release_year"]: row["total_releases"]
        for row in data.by_year
        if row["media_type"] == media
    }
    chosen_year, chosen_media = data.state["year"], data.state["media"]
    return [
        Point(
            counted[year],
            f"{TYPES[media]} of {year}\n{formatting.plural(counted[year], 'title')}",
            {"year": str(year), "media": media},
            faded=chosen_year not in {None, year} or chosen_media not in {None, media},
        )
        if year in counted
        else Point(None, "")
        for year in years
    ]


def _years(data: ReleasesData) -> list[int]:
    """Return all years from the first to the last, so that gaps are visible."""
    found = [row["release_year"] for row in data.by_year]
    return list(range(min(found), max(found) + 1)) if found else []


def _series(data: ReleasesData, years: Sequence[int]) -> dict[str, list[Point]]:
    there = {row["media_type"] for row in data.by_year}
    return {name: _points(data, media, years) for media, name in TYPES.items() if media in there}


def year_bars(data: ReleasesData) -> Figure | None:
    """Draw the titles of each year, stacked by type."""
    years = _years(data)
    if not years:
        return None
    return Figure(
        charts.stacked([str(year) for year in years], _series(data, years), unit="Titles"),
        f"Stacked bars: titles by year of release and type, {years[0]} to {years[-1]}.",
        ["Year", "Type", "Titles#"],
        [
            (
                str(row["release_year"]),
                TYPES[row["media_type"]],
                formatting.count(row["total_releases"]),
            )
            for row in data.by_year
        ],
        [{"year": str(row["release_year"]), "media": row["media_type"]} for row in data.by_year],
    )


def type_lines(data: ReleasesData) -> Figure | None:
    """Draw the titles of each type over the years."""
    years = _years(data)
    if not years:
        return None
    series = _series(data, years)
    return Figure(
        charts.lines([str(year) for year in years], series, unit="Titles"),
        f"Lines: titles per year of {', '.join(name.lower() for name in series)}.",
        ["Type", "Titles#"],
        [
            (name, formatting.count(sum(point.value or 0 for point in points)))
            for name, points in series.items()
        ],
    )


def year_rows(data: ReleasesData) -> list[TableRow]:
    """Return a row for each year within the filters, the newest first."""
    year, media = data.state["year"], data.state["media"]
    by_year: dict[int, dict[str, Row]] = {}
    for row in data.by_year:
        by_year.setdefault(row["release_year"], {})[row["media_type"]] = row
    return [
        (
            (
                str(one),
                *(
                    formatting.count(rows[media]["total_releases"] if media in rows else 0)
                    for media in TYPES
                ),
                f"{min(row['first_ingestion_date'] for row in rows.values()):%-d %b %Y}",
            ),
            {"year": str(one)},
        )
        for one, rows in sorted(by_year.items(), reverse=True)
        if year in {None, one} and (media is None or media in rows)
    ]


PAGE = Page(
    path="/releases",
    title="Releases",
    summary="Titles that OMDb lists, by year of release and type.",
    fields=(YEAR, MEDIA),
    slicers=(YEARS,),
    load=load,
    build=build,
)
