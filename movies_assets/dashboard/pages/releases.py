"""The page of releases: how many titles came out each year, by type, as OMDb lists them."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from movies_assets.dashboard import charts
from movies_assets.dashboard.charts import Figure, Point
from movies_assets.dashboard.components import ChartCard, Kpi, KpiCards, TableCard, TableRow
from movies_assets.dashboard.filters import YEARS, Field, State, one_of, whole
from movies_assets.dashboard.layout import Page, Visit
from movies_assets.serving import formatting
from movies_assets.serving.reader import Row, Snapshot

TYPES = {"movie": "Movies", "series": "Series", "episode": "Episodes", "game": "Games"}
MEDIA = Field("media", "Type", one_of(*TYPES), show=lambda value: TYPES[value])
YEAR = Field("year", "Year", whole(1870, 2100))
MOST_YEARS_AS_TABLE = 500

SLICED = "($first IS NULL OR release_year >= $first) AND ($last IS NULL OR release_year <= $last)"
BY_YEAR = f"""
    SELECT release_year, media_type, total_releases, first_ingestion_date
    FROM gold.omdb_releases WHERE {SLICED} ORDER BY release_year, media_type"""
TOTALS = f"""
    SELECT sum(total_releases)::BIGINT AS titles,
        sum(total_releases) FILTER (media_type = 'movie')::BIGINT AS movie,
        sum(total_releases) FILTER (media_type = 'series')::BIGINT AS series,
        sum(total_releases) FILTER (media_type = 'episode')::BIGINT AS episode,
        sum(total_releases) FILTER (media_type = 'game')::BIGINT AS game,
        min(release_year) AS first_year, max(release_year) AS last_year
    FROM gold.omdb_releases
    WHERE {SLICED} AND ($year IS NULL OR release_year = $year)
        AND ($media IS NULL OR media_type = $media)"""


@dataclass(frozen=True)
class Releases:
    """What the page shows."""

    state: State
    totals: Row
    by_year: list[Row]


async def load(snapshot: Snapshot, state: State) -> Releases:
    """Ask for everything on the page at once."""
    first, last = state["years"] or (None, None)
    chosen = {"first": first, "last": last, "year": state["year"], "media": state["media"]}
    (totals,), by_year = await asyncio.gather(
        snapshot.ask(TOTALS, **chosen), snapshot.ask(BY_YEAR, **chosen)
    )
    return Releases(state, totals, by_year)


def build(visit: Visit) -> Callable[[Releases], None]:
    """Make the page's parts."""
    kpis = KpiCards(["Titles", *TYPES.values()])
    bars = ChartCard(
        "Releases by year", "Titles by year of release and type. Click a layer to filter.",
        span=12, height=380, pick=visit.toggle,
    )  # fmt: skip
    lines = ChartCard(
        "Each type over the years", "Years without a title are gaps. Click a point to filter.",
        span=7, height=340, pick=visit.toggle,
    )  # fmt: skip
    table = TableCard(
        "Years", "The newest first.", span=5, pick=visit.toggle,
        columns=["Year", *(f"{name}#" for name in TYPES.values()), "First found#"],
    )  # fmt: skip

    def show(data: Releases) -> None:
        none = nothing(data.state)
        kpis.show(figures(data.totals))
        bars.show(year_bars(data) or none)
        lines.show(type_lines(data) or none)
        table.show(year_rows(data) or none)

    return show


def nothing(state: State) -> str:
    """Return what there is none of."""
    return "No releases" + (f", {YEARS.show(state['years'])}" if state["years"] else "")


def figures(totals: Row) -> list[Kpi]:
    """Return the number of titles, all and by type."""
    span = (
        f"{totals['first_year']} to {totals['last_year']}"
        if totals["titles"] and totals["first_year"] != totals["last_year"]
        else formatting.year(totals["first_year"])
    )
    all_titles = totals["titles"] or 0
    return [
        Kpi(formatting.count(all_titles), span),
        *(
            Kpi(
                formatting.count(number),
                f"{formatting.percent(number / all_titles)} of the titles" if all_titles else "",
            )
            for number in (totals[name] or 0 for name in TYPES)
        ),
    ]


def _points(data: Releases, media: str, years: Sequence[int]) -> list[Point]:
    """Return a point a year; one without titles draws nothing."""
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


def _years(data: Releases) -> list[int]:
    """Return all years from the first to the last, so that a gap is seen."""
    found = [row["release_year"] for row in data.by_year]
    return list(range(min(found), max(found) + 1)) if found else []


def _series(data: Releases, years: Sequence[int]) -> dict[str, list[Point]]:
    there = {row["media_type"] for row in data.by_year}
    return {name: _points(data, media, years) for media, name in TYPES.items() if media in there}


def year_bars(data: Releases) -> Figure | None:
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


def type_lines(data: Releases) -> Figure | None:
    """Draw the titles of each type over the years."""
    years = _years(data)
    if not years:
        return None
    series = _series(data, years)
    return Figure(
        charts.lines([str(year) for year in years], series, unit="Titles"),
        f"Lines: titles a year of {', '.join(name.lower() for name in series)}.",
        ["Type", "Titles#"],
        [
            (name, formatting.count(sum(point.value or 0 for point in points)))
            for name, points in series.items()
        ],
    )


def year_rows(data: Releases) -> list[TableRow]:
    """Return a row a year, the newest first."""
    by_year: dict[int, dict[str, Row]] = {}
    for row in data.by_year:
        by_year.setdefault(row["release_year"], {})[row["media_type"]] = row
    return [
        (
            (
                str(year),
                *(
                    formatting.count(rows[media]["total_releases"] if media in rows else 0)
                    for media in TYPES
                ),
                f"{min(row['first_ingestion_date'] for row in rows.values()):%-d %b %Y}",
            ),
            {"year": str(year)},
        )
        for year, rows in sorted(by_year.items(), reverse=True)[:MOST_YEARS_AS_TABLE]
    ]


PAGE = Page(
    path="/releases",
    title="Releases",
    says="Titles that OMDb lists, by year of release and type.",
    fields=(YEAR, MEDIA),
    slicers=(YEARS,),
    load=load,
    build=build,
)
