"""Show Netflix's catalogue: titles by month added, country, category and length."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nicegui import ui

from movies_assets.dashboard import addresses, charts
from movies_assets.dashboard.charts import Figure, Point
from movies_assets.dashboard.components import (
    ChartCard,
    Kpi,
    KpiCards,
    Scope,
    TableCard,
    TableRow,
    box,
)
from movies_assets.dashboard.filters import YEARS, Field, State, matching, one_of, whole
from movies_assets.dashboard.layout import Page, Visit
from movies_assets.serving import formatting
from movies_assets.serving.queries import catalogue as queries
from movies_assets.serving.queries.catalogue import (
    ALL_AGES,
    BARS,
    LONGEST_MINUTES,
    MINUTES_A_BAR,
    MOST_SEASONS,
    MOVIE,
    SHOW,
    TYPES,
)
from movies_assets.serving.reader import OpenSnapshot, Row

TYPE_NAMES = {"movie": MOVIE, "show": SHOW}
CALLED = {MOVIE: "movie", SHOW: "TV show"}
NAME_PIXELS = 150
BAR_PIXELS = 23
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def parse_type(text: str) -> int:
    """Parse a type of the address.

    Raises:
        ValueError: it is not a type.
    """
    if text not in TYPE_NAMES:
        raise ValueError("not a type")
    return TYPE_NAMES[text]


def write_type(flag: int) -> str:
    """Format a type for the address."""
    return next(name for name, value in TYPE_NAMES.items() if value == flag)


def show_month(month: str) -> str:
    """Format a month: `Oct 2025`."""
    year, number = month.split("-")
    return f"{MONTHS[int(number) - 1]} {year}"


def show_minutes(step: int) -> str:
    """Format the range of running times of a bar."""
    if step >= LONGEST_MINUTES:
        return f"{LONGEST_MINUTES}+ min"
    return f"{step}–{step + MINUTES_A_BAR - 1} min"  # noqa: RUF001


def show_seasons(step: int) -> str:
    """Format a number of seasons: `2 seasons`."""
    return f"{step}+ seasons" if step >= MOST_SEASONS else formatting.plural(step, "season")


MONTH = Field("month", "Month added", matching(r"\d{4}-(0[1-9]|1[0-2])"), show=show_month)
TYPE = Field("type", "Type", parse_type, write_type, lambda flag: TYPES[flag])
CATEGORY = Field(
    "category",
    "Category",
    str,
    known="SELECT 1 FROM gold.netflix_dim_category WHERE category_name = $value",
)
COUNTRY = Field(
    "country",
    "Country",
    str,
    known="SELECT 1 FROM gold.netflix_dim_country WHERE country_name = $value",
)
AGES = Field("ages", "Ages", one_of(*ALL_AGES))
MINUTES = Field("minutes", "Running time", whole(0, LONGEST_MINUTES), show=show_minutes)
SEASONS = Field("seasons", "Seasons", whole(1, MOST_SEASONS), show=show_seasons)
FIELDS = (TYPE, CATEGORY, MONTH, COUNTRY, AGES, MINUTES, SEASONS)


@dataclass(frozen=True)
class CatalogueData:
    """The page's data."""

    state: State
    figures: Row
    by_month: list[Row]
    by_country: list[Row]
    by_category: list[Row]
    by_ages: list[Row]
    by_minutes: list[Row]
    by_seasons: list[Row]
    newest: list[Row]
    categories: list[Row]


async def load(snapshot: OpenSnapshot, state: State) -> CatalogueData:
    """Load the page's data, with concurrent queries.

    A chart ignores the choice of its own field, so that it shows the alternatives.
    """
    first, last = state["years"] or (None, None)
    chosen = {one.name: state[one.name] for one in FIELDS} | {"first": first, "last": last}
    (figures,), *others = await asyncio.gather(
        snapshot.ask(queries.FIGURES, **chosen),
        snapshot.ask(queries.BY_MONTH, **chosen | {"month": None}),
        snapshot.ask(queries.BY_COUNTRY, **chosen | {"country": None}),
        snapshot.ask(queries.BY_CATEGORY, **chosen | {"category": None}),
        snapshot.ask(queries.BY_AGES, **chosen | {"ages": None}),
        snapshot.ask(queries.BY_MINUTES, **chosen | {"minutes": None}),
        snapshot.ask(queries.BY_SEASONS, **chosen | {"seasons": None}),
        snapshot.ask(queries.ADDED_LAST, **chosen),
        snapshot.ask(queries.CATEGORIES),
    )
    return CatalogueData(state, figures, *others)


def build(visit: Visit) -> Callable[[CatalogueData], None]:
    """Create the page's components."""
    choices = Choices(visit)
    kpis = KpiCards(
        ["Titles", "Movies", "TV shows", "Countries", "Median running time", "Seasons per show"]
    )
    months = ChartCard(
        "Titles added", "By the month in which they were added. Click a bar to filter.",
        height=320, pick=visit.toggle, scope=Scope(marks=(MONTH,)),
    )  # fmt: skip
    countries = ChartCard(
        "Countries", f"The {BARS} most frequent; a title of several counts for each.",
        span=6, height=400, pick=visit.toggle, scope=Scope(marks=(COUNTRY,)),
    )  # fmt: skip
    categories = ChartCard(
        "Categories", f"The {BARS} most frequent; a title of several counts for each.",
        span=6, height=400, pick=visit.toggle, scope=Scope(marks=(CATEGORY,)),
    )  # fmt: skip
    minutes = ChartCard(
        "Running time", "Movies by ten minutes. Click a bar to filter.",
        span=4, height=280, pick=visit.toggle, scope=Scope(marks=(MINUTES,)),
    )  # fmt: skip
    seasons = ChartCard(
        "Seasons", "TV shows by number of seasons. Click a bar to filter.",
        span=4, height=280, pick=visit.toggle, scope=Scope(marks=(SEASONS,)),
    )  # fmt: skip
    ages = ChartCard(
        "Ages", "Ratings by the ages that they are for: TV-Y, TV-G and G for all; TV-Y7; TV-PG "
        "and PG; TV-14 and PG-13; TV-MA, R and NC-17. Click a bar to filter.",
        span=4, height=280, pick=visit.toggle, scope=Scope(marks=(AGES,)),
    )  # fmt: skip
    newest = TableCard(
        "Added last", f"The newest {queries.NEWEST} titles.",
        columns=["Title", "Type", "Released#", "Added#", "Rating", "Length#"],
    )  # fmt: skip

    def show(data: CatalogueData) -> None:
        none = nothing(data.state)
        choices.show(data)
        kpis.show(figures(data.figures))
        months.show(month_bars(data) or none)
        countries.show(named_bars(data, data.by_country, COUNTRY, "countries") or none)
        categories.show(named_bars(data, data.by_category, CATEGORY, "categories") or none)
        minutes.show(minute_bars(data) or f"{none}: no movie with a running time")
        seasons.show(season_bars(data) or f"{none}: no TV show with a number of seasons")
        ages.show(named_bars(data, data.by_ages, AGES, "bands of ages") or none)
        newest.show(newest_rows(data.newest) or none, data.figures["titles"])

    return show


class Choices:
    """The page's slicers: category and type."""

    def __init__(self, visit: Visit) -> None:
        """Create the slicers for a visit."""
        self._visit, self._following = visit, False
        with box("div", "tools span-12").props("role=group aria-label='Filters of the catalogue'"):
            self._category = self._select("Category")
            self._type = self._select("Movies or TV shows")
            self._type.set_options({flag: TYPES[flag] for flag in CALLED})

    def _select(self, label: str) -> ui.select:
        made = ui.select([], label=label, clearable=True, on_change=self._changed)
        return made.props("dense outlined options-dense popup-content-class=options")

    def show(self, data: CatalogueData) -> None:
        """Offer the categories, and show the choice."""
        self._following = True
        try:
            names = [row["name"] for row in data.categories]
            self._category.set_options(names, value=data.state["category"])
            self._type.set_value(data.state["type"])
        finally:
            self._following = False

    def _changed(self) -> None:
        if not self._following:
            self._visit.change(category=self._category.value, type=self._type.value)


def nothing(state: State) -> str:
    """Return the text for an empty result: `No titles with category Dramas, from 1990`."""
    chosen = [
        f"{one.label.lower()} {one.show(state[one.name])}"
        for one in FIELDS
        if state[one.name] is not None
    ]
    years = [f"released {YEARS.show(state['years'])}"] if state["years"] else []
    return "No titles" + (f" with {' and '.join(chosen + years)}" if chosen or years else "")


def figures(row: Row) -> list[Kpi]:
    """Return the cards of key figures."""
    titles = row["titles"]
    newest = f"the newest of {row['newest']:%-d %b %Y}" if row["newest"] else ""
    return [
        Kpi(formatting.count(titles), newest),
        *(
            Kpi(
                formatting.count(row[name]),
                f"{formatting.percent(row[name] / titles)} of the titles" if titles else "",
            )
            for name in ("movies", "shows")
        ),
        Kpi(formatting.count(row["countries"]), "of production"),
        Kpi(
            formatting.minutes(row["minutes"]),
            f"of {formatting.plural(row['with_minutes'], 'movie')}",
        ),
        Kpi(
            formatting.decimal(row["seasons"]),
            f"mean of {formatting.plural(row['with_seasons'], 'show')}",
        ),
    ]


def month_bars(data: CatalogueData) -> Figure | None:
    """Draw the titles added in each month, stacked by type; empty months are gaps."""
    if not data.by_month:
        return None
    titles = {(row["month"], row["type_flag"]): row["titles"] for row in data.by_month}
    months = months_between(data.by_month[0]["month"], data.by_month[-1]["month"])
    flags = [flag for flag in TYPES if any(row["type_flag"] == flag for row in data.by_month)]
    chosen = data.state["month"]
    series = {
        TYPES[flag]: [
            Point(
                titles.get((month, flag)),
                f"{show_month(month)}\n"
                f"{formatting.count(titles.get((month, flag), 0))} {TYPES[flag]}",
                {"month": month},
                faded=chosen not in {None, month},
            )
            for month in months
        ]
        for flag in flags
    }
    return Figure(
        charts.stacked([show_month(month) for month in months], series, unit="Titles"),
        f"Stacked bars: titles added each month from {show_month(months[0])} to "
        f"{show_month(months[-1])}, {formatting.plural(sum(titles.values()), 'title')} in all.",
        ["Month", "Type", "Titles#"],
        [
            (show_month(row["month"]), TYPES[row["type_flag"]], formatting.count(row["titles"]))
            for row in reversed(data.by_month)
        ],
        [{"month": row["month"]} for row in reversed(data.by_month)],
    )


def months_between(first: str, last: str) -> list[str]:
    """Return all months from the first to the last."""
    start, end = (int(month[:4]) * 12 + int(month[5:]) - 1 for month in (first, last))
    return [f"{number // 12}-{number % 12 + 1:02}" for number in range(start, end + 1)]


def named_bars(data: CatalogueData, rows: list[Row], field: Field, what: str) -> Figure | None:
    """Draw titles by the most frequent names and the chosen one."""
    chosen = data.state[field.name]
    rare = [row for row in rows[BARS:] if row["name"] == chosen]
    return _bars(rows[: BARS - len(rare)] + rare, "name", field, chosen, what, horizontal=True)


def minute_bars(data: CatalogueData) -> Figure | None:
    """Draw movies by their running time; steps without movies are gaps."""
    steps = {row["step"]: row["titles"] for row in data.by_minutes}
    every = range(min(steps), max(steps) + 1, MINUTES_A_BAR) if steps else ()
    rows = [{"step": step, "titles": steps.get(step, 0)} for step in every]
    return _bars(rows, "step", MINUTES, data.state["minutes"], "running times", horizontal=False)


def season_bars(data: CatalogueData) -> Figure | None:
    """Draw shows by their number of seasons."""
    return _bars(
        data.by_seasons,
        "step",
        SEASONS,
        data.state["seasons"],
        "numbers of seasons",
        horizontal=False,
    )


def _bars(
    rows: Sequence[Row], column: str, field: Field, chosen: object, what: str, *, horizontal: bool
) -> Figure | None:
    """Draw titles by a column; a click chooses its value."""
    if not rows:
        return None
    picks = [{field.name: field.write(row[column])} for row in rows]
    names = [field.show(row[column]) for row in rows]
    points = [
        Point(
            row["titles"],
            f"{name}\n{formatting.plural(row['titles'], 'title')}",
            pick,
            faded=chosen not in {None, row[column]},
        )
        for row, name, pick in zip(rows, names, picks, strict=True)
    ]
    most = max(range(len(rows)), key=lambda at: rows[at]["titles"])
    options = charts.bars(names if horizontal else short(names), points, horizontal=horizontal)
    if horizontal:
        options["yAxis"]["axisLabel"]["width"] = NAME_PIXELS
    return Figure(
        options,
        f"Bars: titles by {len(rows)} {what}; the most, "
        f"{formatting.count(rows[most]['titles'])}, have "
        f"{names[most]}.",
        [field.label, "Titles#"],
        [(name, formatting.count(row["titles"])) for row, name in zip(rows, names, strict=True)],
        picks,
        height=BAR_PIXELS * len(rows) + 60 if horizontal else None,
    )


def short(names: Sequence[str]) -> list[str]:
    """Return names without the unit, which is in the heading."""
    return [name.removesuffix(" min").split(" season")[0] for name in names]


def newest_rows(rows: Sequence[Row]) -> list[TableRow]:
    """Return the titles that were added last, as rows."""
    return [
        (
            (
                row["title"] or formatting.NONE,
                CALLED.get(row["type_flag"], "other"),
                formatting.year(row["release_year"]),
                formatting.unbroken(f"{row['date_added']:%-d %b %Y}")
                if row["date_added"]
                else formatting.NONE,
                row["rating"] or formatting.NONE,
                formatting.unbroken(length(row)),
            ),
            addresses.found(row["page"]),
        )
        for row in rows
    ]


def length(row: Row) -> str:
    """Format the length of a title in seasons or minutes; a dash if it is unknown."""
    if row["type_flag"] == SHOW:
        seasons = row["duration_seasons"]
        return formatting.NONE if seasons is None else formatting.plural(seasons, "season")
    return formatting.minutes(row["duration_minutes"])


PAGE = Page(
    path="/catalogue",
    title="Catalogue",
    summary="Netflix's catalogue: titles by month added, country, category and length.",
    fields=FIELDS,
    slicers=(YEARS,),
    bar=(TYPE, CATEGORY),
    load=load,
    build=build,
)
