"""Show one series: its key figures and the ratings of its episodes."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from movies_assets.dashboard import charts
from movies_assets.dashboard.charts import Figure, Point
from movies_assets.dashboard.components import (
    ChartCard,
    Kpi,
    KpiCards,
    Option,
    Picker,
    TableCard,
    TableRow,
    Tone,
    box,
    text,
)
from movies_assets.dashboard.filters import GENRE, YEARS, Field, State, whole
from movies_assets.dashboard.layout import Page, Visit
from movies_assets.serving import formatting, theme
from movies_assets.serving.queries.series import ABOUT, EPISODES, EXTREMES, SEASONS
from movies_assets.serving.reader import OpenSnapshot, Row

SPECIALS = -1
SERIES = Field(
    "series",
    "Series",
    whole(1, 999_999_999),
    known="SELECT 1 FROM gold.imdb_dim_series WHERE series_key = $value",
    has_chip=False,
)
SEASON = Field(
    "season",
    "Season",
    whole(SPECIALS, 9_999),
    show=lambda number: "Specials" if number == SPECIALS else str(number),
    known="SELECT 1 FROM gold.imdb_series_season_summary "
    "WHERE series_key = $series AND season_number = $value",
)

HITS = 50
# The most episodes of a season for which cells have room for their rating.
MOST_LABELLED = 24
ROW_HEIGHT, HEAT_MARGIN, HEAT_BOUNDS = 30, 130, (230, 900)
LOWEST, HIGHEST = 1.0, 10.0

CHOSEN = """
    ($first IS NULL OR start_year >= $first) AND ($last IS NULL OR start_year <= $last)
    AND ($genre IS NULL OR list_contains(genres, $genre))
"""
# The rows are already sorted by votes.
FIRST = f"""
    SELECT series_key FROM prepared.series WHERE {CHOSEN}
    ORDER BY popularity DESC, series_key LIMIT 1"""
SEARCH = f"""
    SELECT series_key, series_label, episodes, popularity FROM prepared.series
    WHERE {CHOSEN} AND contains(sought, lower(strip_accents($text)))
    ORDER BY starts_with(sought, lower(strip_accents($text))) DESC, popularity DESC, series_key
    LIMIT {HITS}"""


@dataclass(frozen=True)
class SeriesData:
    """The page's data; `about` is None if there is no series."""

    state: State
    about: Row | None
    episodes: list[Row]
    extremes: list[Row]
    seasons: list[Row]


def _slicers(state: State) -> dict[str, object]:
    first, last = state["years"] or (None, None)
    return {"first": first, "last": last, "genre": state["genre"]}


async def resolve(snapshot: OpenSnapshot, state: State) -> State:
    """Choose the most voted series within the slicers, unless one is chosen."""
    if state["series"] is None:
        found = await snapshot.ask(FIRST, **_slicers(state))
        return state.change(series=found[0]["series_key"] if found else None)
    return state


async def load(snapshot: OpenSnapshot, state: State) -> SeriesData:
    """Load the chosen series."""
    key = state["series"]
    if key is None:
        return SeriesData(state, None, [], [], [])
    (about,), episodes, extremes, seasons = await asyncio.gather(
        snapshot.ask(ABOUT, series=key),
        snapshot.ask(EPISODES, series=key),
        snapshot.ask(EXTREMES, series=key, season=state["season"]),
        snapshot.ask(SEASONS, series=key),
    )
    return SeriesData(state, about, episodes, extremes, seasons)


async def search(snapshot: OpenSnapshot, state: State, sought: str) -> list[Option]:
    """Search all series by label: first those that begin with the text, then by votes."""
    rows = await snapshot.ask(SEARCH, text=sought.strip(), **_slicers(state))
    return [
        Option(
            str(row["series_key"]),
            row["series_label"],
            f"{formatting.plural(row['episodes'], 'episode')}, "
            f"{formatting.short(row['popularity'])} votes",
        )
        for row in rows
    ]


def build(visit: Visit) -> Callable[[SeriesData], None]:
    """Create the page's components."""

    async def hits(sought: str) -> list[Option]:
        return await search(await visit.snapshot(), visit.state, sought)

    with box("section", "card span-12 about"):
        picker = Picker(
            "Search a series by title", hits, lambda key: visit.change(series=int(key), season=None)
        )
        with box("div"):
            name = text("h2", "Loading …", "name").props("dir=auto")
            note = text("p", "", "note")
    kpis = KpiCards(["Average", "Binge score", "Pilot", "Finale", "Finale delta"])
    lines = ChartCard(
        "Episodes", "Episode ratings, one line per season. Click a point to choose its season.",
        span=12, height=340, pick=visit.toggle,
    )  # fmt: skip
    heat = ChartCard(
        "Seasons and episodes", "Ratings from 1 to 10. Click a cell to choose its season.",
        span=12, height=HEAT_BOUNDS[0], pick=visit.toggle,
    )  # fmt: skip
    extremes = KpiCards(["Best episode", "Worst episode"])
    seasons = TableCard(
        "Seasons", "Click one to choose it.", pick=visit.toggle,
        columns=["Season", "First year#", "Episodes#", "Average#", "Change#", "Votes#"],
    )  # fmt: skip

    def show(data: SeriesData) -> None:
        about = data.about
        nothing = "No rated episodes" if about else "No series"
        name.set_text(about["series_label"] if about else f"No series{_within(data.state)}")
        note.set_text(describe(about) if about else "Change the years or the genre.")
        picker.show(about["series_label"] if about else "")
        kpis.show(figures(about))
        lines.show(episode_lines(data) or nothing)
        heat.show(episode_heat(data) or nothing)
        extremes.show(best_and_worst(data.extremes))
        seasons.show(season_rows(data.seasons) or "No seasons")

    return show


def _within(state: State) -> str:
    years = f" that began {YEARS.show(state['years'])}" if state["years"] else ""
    return years + (f" in {state['genre']}" if state["genre"] else "")


def describe(about: Row) -> str:
    """Describe a series in one line."""
    parts = [
        about["genres"] or "no genres",
        formatting.plural(about["seasons"], "season"),
        formatting.plural(about["episodes"], "episode"),
        formatting.plural(about["popularity"], "vote"),
    ]
    return " · ".join(parts)


def figures(about: Row | None) -> list[Kpi]:
    """Return the series' key figures: a dash without rated episodes, 0 without a series."""
    names = ("avg_rating", "binge_score", "pilot_rating", "finale_rating", "finale_delta")
    kpis: Row = {"pilot_basis": "no series", "finale_basis": "no series"} | (
        about or dict.fromkeys(names, 0)
    )
    if kpis["pilot_basis"] == "none":
        kpis |= dict.fromkeys(names)
    delta = kpis["finale_delta"]
    return [
        Kpi(
            formatting.decimal(kpis["avg_rating"]),
            "mean of rated episodes",
            _graded(kpis["avg_rating"], 8, 6.5),
        ),
        Kpi(
            formatting.decimal(kpis["binge_score"]),
            "average × log₁₀ of episodes",  # noqa: RUF001
            _graded(kpis["binge_score"], 12, 7),
        ),
        Kpi(
            formatting.decimal(kpis["pilot_rating"]),
            kpis["pilot_basis"],
            _graded(kpis["pilot_rating"], 8, 6.5),
        ),
        Kpi(
            formatting.decimal(kpis["finale_rating"]),
            kpis["finale_basis"],
            _graded(kpis["finale_rating"], 8, 6.5),
        ),
        Kpi(
            formatting.signed(delta),
            "finale against average",
            _graded(delta + 1, 1.1, 0.9) if kpis["finale_rating"] else "",
        ),
    ]


def _graded(value: float | None, good: float, fair: float) -> Tone:
    """Grade a rating; 0 and None have no grade."""
    if not value:
        return ""
    return "good" if value >= good else "fair" if value >= fair else "bad"


def code(episode: Row) -> str:
    """Name an episode: `S1E5`."""
    if episode["season_number"] == SPECIALS:
        return "Special"
    number = episode["episode_number"]
    return f"S{episode['season_number']}E{'?' if number is None else number}"


def _tip(episode: Row) -> str:
    return (
        f"{code(episode)} {episode['episode_title'] or ''}\n"
        f"{formatting.decimal(episode['rating'])} of 10, "
        f"{formatting.plural(episode['votes'] or 0, 'vote')}"
    )


def episode_lines(data: SeriesData) -> Figure | None:
    """Draw the ratings of the episodes, one line per season."""
    if not data.episodes:
        return None
    numbers = sorted({row["episode_number"] for row in data.episodes})
    by_season: dict[int, dict[int, Row]] = {}
    for row in data.episodes:
        by_season.setdefault(row["season_number"], {})[row["episode_number"]] = row
    chosen = data.state["season"]
    series: dict[str, Sequence[Point]] = {
        f"Season {season}": [
            Point(None, "")
            if number not in rows
            else Point(
                rows[number]["rating"],
                _tip(rows[number]),
                {"season": str(season)},
                faded=chosen not in {None, season},
            )
            for number in numbers
        ]
        for season, rows in by_season.items()
    }
    lowest = min(row["rating"] for row in data.episodes)
    options = charts.lines(
        [str(number) for number in numbers],
        series,
        formatter=charts.DECIMAL,
        bounds=(max(1, int(lowest) - 1), 10),
    )
    for season, one in zip(by_season, options["series"], strict=True):
        one["lineStyle"]["opacity"] = 1 if chosen in {None, season} else charts.FADED
    return Figure(
        options,
        f"Lines: ratings of {formatting.plural(len(data.episodes), 'episode')} in "
        f"{formatting.plural(len(by_season), 'season')}.",
        ["Episode", "Title", "Rating#", "Votes#"],
        [
            (
                code(row),
                row["episode_title"] or "",
                formatting.decimal(row["rating"]),
                formatting.count(row["votes"]),
            )
            for row in data.episodes
        ],
    )


def episode_heat(data: SeriesData) -> Figure | None:
    """Draw the ratings of the episodes, one row per season."""
    if not data.episodes:
        return None
    numbers = sorted({row["episode_number"] for row in data.episodes})
    seasons = sorted({row["season_number"] for row in data.episodes}, reverse=True)
    column = {number: place for place, number in enumerate(numbers)}
    line = {season: place for place, season in enumerate(seasons)}
    chosen = data.state["season"]
    points = [
        Point(
            [column[row["episode_number"]], line[row["season_number"]], row["rating"]],
            _tip(row),
            {"season": str(row["season_number"])},
            faded=chosen not in {None, row["season_number"]},
        )
        for row in data.episodes
    ]
    lowest, highest = HEAT_BOUNDS
    return Figure(
        charts.heat(
            [f"E{number}" for number in numbers],
            [f"S{season}" for season in seasons],
            points,
            scale=(LOWEST, HIGHEST),
            colors=theme.GRADES,
            ends=("1", "10"),
            labels=len(numbers) <= MOST_LABELLED,
        ),
        f"Heat map: ratings of {formatting.plural(len(points), 'episode')} by season and episode.",
        ["Episode", "Title", "Rating#"],
        [
            (code(row), row["episode_title"] or "", formatting.decimal(row["rating"]))
            for row in data.episodes
        ],
        [{"season": str(row["season_number"])} for row in data.episodes],
        height=min(max(HEAT_MARGIN + ROW_HEIGHT * len(seasons), lowest), highest),
    )


def best_and_worst(extremes: list[Row]) -> list[Kpi]:
    """Return the best and the worst episode; a single one is both."""
    if not extremes:
        return [Kpi("0", "no rated episodes"), Kpi("0", "no rated episodes")]
    return [_extreme(extremes[0], "good"), _extreme(extremes[-1], "bad")]


def _extreme(episode: Row, tone: Tone) -> Kpi:
    title = episode["episode_title"] or "without a title"
    return Kpi(
        f"{formatting.decimal(episode['rating'])} · {code(episode)}",
        f"{title}, {formatting.plural(episode['votes'] or 0, 'vote')}",
        tone,
    )


def season_rows(seasons: list[Row]) -> list[TableRow]:
    """Return the seasons as a table, specials last."""
    return [
        (
            (
                row["season_label"],
                formatting.year(row["season_start_year"]),
                formatting.count(row["episodes_in_season"]),
                formatting.decimal(row["avg_season_rating"]),
                formatting.signed(row["rating_change"]),
                formatting.count(row["votes"]),
            ),
            {"season": str(row["season_number"])},
        )
        for row in seasons
    ]


PAGE = Page(
    path="/series",
    title="Series",
    summary="One series at a time: its ratings, season by season and episode by episode. Years and "
    "genre narrow the search.",
    fields=(SERIES, SEASON),
    slicers=(YEARS, GENRE),
    load=load,
    build=build,
    entity=SERIES,
    resolve=resolve,
)
