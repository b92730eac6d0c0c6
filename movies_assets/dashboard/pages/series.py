"""Show one series: its key figures and the ratings of its episodes."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from movies_assets.core.thresholds import LEAST_SHARE_RATED, LEAST_VOTES
from movies_assets.dashboard import charts
from movies_assets.dashboard.charts import Figure, Point
from movies_assets.dashboard.components import (
    ChartCard,
    Kpi,
    KpiCards,
    Option,
    Picker,
    Scope,
    TableCard,
    TableRow,
    Tone,
    box,
    card,
    text,
)
from movies_assets.dashboard.filters import GENRE, YEARS, Field, State, whole
from movies_assets.dashboard.layout import Page, Visit
from movies_assets.serving import formatting, theme
from movies_assets.serving.queries.series import (
    ABOUT,
    EPISODES,
    EXTREMES,
    NAMES,
    PARTS,
    PARTS_OF_RUNS,
    SEASONS,
)
from movies_assets.serving.queries.titles import NORMAL
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

# A series is compared with so many others.
MOST_OTHERS = 3
KEYS = re.compile(r"\d{1,9}(,\d{1,9})*", re.ASCII)


def keys(given: str) -> tuple[int, ...]:
    """Read keys of series, separated by commas."""
    read = tuple(dict.fromkeys(map(int, given.split(",")))) if KEYS.fullmatch(given) else ()
    if not 0 < len(read) <= MOST_OTHERS:
        raise ValueError(f"not 1 to {MOST_OTHERS} keys of series")
    return read


OTHERS = Field(
    "with",
    "Compared with",
    keys,
    write=lambda value: ",".join(map(str, value)),
    known="SELECT 1 FROM gold.imdb_dim_series WHERE list_contains($value, series_key) "
    "HAVING count(*) = len($value)",
    has_chip=False,
)
# What is about all seasons, and what fades the others.
WHOLE_SERIES, MARKED = Scope(ignores=(SEASON,)), Scope(marks=(SEASON,))
HITS = 50
# A season of more episodes takes several rows of the grid; further rows are left out.
MOST_COLUMNS, MOST_GRID_ROWS = 40, 60
# The mean of a season and a gap come before the episodes.
MEAN_COLUMNS = ["Mean", ""]
HEAT_MARGIN, LABEL_WIDTH, LEAST_HEIGHT = 110, 90, 230
LOWEST, HIGHEST = 1.0, 10.0
# What the basis of a figure says of the episode: 'earliest rated S1E25'.
BASES = {
    "pilot": "{}",
    "premiere": "premiere: {}",
    "earliest rated": "first rated: {}",
    "finale": "{}",
    "finale of the last season": "{}, of the last season",
    "latest rated": "{}, last rated",
}

CHOSEN = """
    ($first IS NULL OR start_year >= $first) AND ($last IS NULL OR start_year <= $last)
    AND ($genre IS NULL OR list_contains(genres, $genre))
"""
# The rows are already sorted by votes.
FIRST = f"""
    SELECT series_key FROM prepared.series WHERE {CHOSEN}
    ORDER BY popularity DESC, series_key LIMIT 1"""
WITHIN = f"SELECT 1 FROM prepared.series WHERE series_key = $series AND {CHOSEN}"
SEARCH = f"""
    SELECT series_key, series_label, episodes, popularity FROM prepared.series
    WHERE {CHOSEN} AND contains(sought, {NORMAL.format("$text")})
    ORDER BY starts_with(sought, {NORMAL.format("$text")}) DESC, popularity DESC, series_key
    LIMIT {HITS}"""


@dataclass(frozen=True)
class SeriesData:
    """The page's data; `about` is None if there is no series.

    `episodes` are in the order in which they were aired; of many, those of a chosen season are
    kept first.
    """

    state: State
    about: Row | None
    episodes: list[Row]
    extremes: list[Row]
    seasons: list[Row]
    others: list[Row]
    parts: list[Row]


def _slicers(state: State) -> dict[str, object]:
    first, last = state["years"] or (None, None)
    return {"first": first, "last": last, "genre": state["genre"]}


async def resolve(snapshot: OpenSnapshot, state: State) -> State:
    """Choose the most voted series within the slicers, unless one within them is chosen."""
    chosen, slicers = state["series"], _slicers(state)
    if chosen is not None and (
        not any(slicers.values())
        or not await snapshot.ask(SERIES.known or "", value=chosen)
        or await snapshot.ask(WITHIN, series=chosen, **slicers)
    ):
        return state
    found = await snapshot.ask(FIRST, **slicers)
    season = state["season"] if chosen is None else None
    return state.change(series=found[0]["series_key"] if found else None, season=season)


async def load(snapshot: OpenSnapshot, state: State) -> SeriesData:
    """Load the chosen series."""
    key = state["series"]
    if key is None:
        return SeriesData(state, None, [], [], [], [], [])
    others = tuple(each for each in state["with"] or () if each != key)
    (about,), episodes, extremes, seasons, names, parts = await asyncio.gather(
        snapshot.ask(ABOUT, series=key),
        snapshot.ask(EPISODES, series=key, season=state["season"]),
        snapshot.ask(EXTREMES, series=key, season=state["season"]),
        snapshot.ask(SEASONS, series=key),
        snapshot.ask(NAMES, keys=others),
        snapshot.ask(PARTS_OF_RUNS, keys=(key, *others) if others else ()),
    )
    aired = sorted(episodes, key=lambda row: row["place"])
    return SeriesData(state, about, aired, extremes, seasons, names, parts)


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
    names = ["Average", "Binge score", "Pilot", "Finale", "Finale delta"]
    kpis = KpiCards(names, dict.fromkeys(names, WHOLE_SERIES))
    heat = ChartCard(
        "Seasons and episodes", "Ratings from 1 to 10; a hollow cell is an episode without one. "
        "Click a cell to choose its season.",
        span=12, height=LEAST_HEIGHT, pick=visit.toggle, scope=MARKED,
    )  # fmt: skip
    timeline = ChartCard(
        "Timeline", "All episodes in the order in which they were aired; an episode without a "
        "season follows the newest season of its year.",
        span=12, height=340, pick=visit.toggle, scope=MARKED,
    )  # fmt: skip
    lines = ChartCard(
        "Episodes", "Ratings by number of the episode, one line per season. Unrated episodes are "
        "gaps. Click a point to choose its season.",
        span=12, height=340, pick=visit.toggle, scope=MARKED,
    )  # fmt: skip
    extremes = KpiCards(["Best episode", "Worst episode"])
    ranks = TableCard(
        "Best and worst episodes", "By rating, with the rank among all that are rated.", span=6,
        columns=["Rank#", "Episode", "Title", "Rating#", "Votes#"],
    )  # fmt: skip
    seasons = TableCard(
        "Seasons", "Click one to choose it.", pick=visit.toggle, span=6, scope=WHOLE_SERIES,
        columns=["Season", "First year#", "Episodes#", "Average#", "Change#", "Votes#"],
    )  # fmt: skip
    compared = Comparison(visit, hits)

    def show(data: SeriesData) -> None:
        about = data.about
        nothing = "No rated episodes" if about else "No series"
        name.set_text(about["series_label"] if about else f"No series{_within(data.state)}")
        note.set_text(describe(about) if about else "Change the years or the genre.")
        picker.show(about["series_label"] if about else "")
        kpis.show(figures(about))
        heat.show(episode_heat(data) or ("No episodes" if about else nothing))
        timeline.show(episode_timeline(data) or nothing)
        lines.show(episode_lines(data) or nothing)
        extremes.show(best_and_worst(data.extremes))
        ranks.show(rank_rows(data.extremes) or nothing)
        seasons.show(season_rows(data.seasons) or "No seasons")
        compared.show(data)

    return show


class Comparison:
    """A chart of up to four series by share of their run, and the choice of the others."""

    def __init__(self, visit: Visit, hits: Callable[[str], Awaitable[list[Option]]]) -> None:
        """Create the cards; `hits` searches series."""
        self._visit = visit
        with (
            card(
                "Compare",
                f"Choose up to {MOST_OTHERS} other series. Years and genre narrow the search.",
                scope=WHOLE_SERIES,
            ),
            box("div", "tools"),
        ):
            self._picker = Picker("Add a series by title", hits, self._add)
            self._chips = box("div", "chips")
        self._chart = ChartCard(
            "By share of the run", f"Mean rating of the episodes in each of {PARTS} equal parts of "
            "the run of a series, named by its end.", height=340, pick=None, scope=WHOLE_SERIES,
        )  # fmt: skip

    def show(self, data: SeriesData) -> None:
        """Show the compared series."""
        self._picker.show("")
        self._chips.clear()
        with self._chips:
            for row in data.others:
                chip = text("button", row["series_label"], "chip").props("type=button")
                chip.props["aria-label"] = f"Do not compare with {row['series_label']}"
                chip.on("click", lambda key=row["series_key"]: self._remove(key))
        name = data.about["series_label"] if data.about else ""
        nothing = f"No series is chosen to compare {name} with" if name else "No series"
        self._chart.show(run_lines(data) or nothing)

    def _add(self, key: str) -> None:
        others = dict.fromkeys([*(self._visit.state["with"] or ()), int(key)])
        others.pop(self._visit.state["series"], None)
        self._visit.change(**{"with": tuple(others)[-MOST_OTHERS:] or None})

    def _remove(self, key: int) -> None:
        others = tuple(other for other in self._visit.state["with"] or () if other != key)
        self._visit.change(**{"with": others or None})


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
    """Return the series' key figures; without rated episodes they are unknown.

    A figure of few ratings has no grade, and says how many there are.
    """
    if about is None:
        return [Kpi(formatting.NONE, "no series")] * 5

    def figure(value: str, hint: str, tone: Tone, votes: int | None, label: str = "") -> Kpi:
        if not about["rated_episodes"]:
            return Kpi(formatting.NONE, "no rated episodes")
        sample = _sample(about, votes)
        if about["rated_episodes"] < LEAST_SHARE_RATED * about["episodes"] or (
            votes is not None and votes < LEAST_VOTES
        ):
            return Kpi(value, "; ".join(filter(None, [hint, sample])), "unsure", label)
        return Kpi(value, hint or sample, tone, label)

    votes = about["popularity"]
    average, delta = about["avg_rating"], about["finale_delta"]
    return [
        figure(formatting.decimal(average), "", _graded(average, 8, 6.5), votes),
        figure(
            formatting.decimal(about["binge_score"]),
            "average × log₁₀ of episodes",  # noqa: RUF001
            _graded(about["binge_score"], 12, 7),
            votes,
        ),
        *(
            figure(
                formatting.decimal(about[f"{end}_rating"]),
                "",
                _graded(about[f"{end}_rating"], 8, 6.5),
                about[f"{end}_votes"],
                caption(end.capitalize(), about[f"{end}_basis"]),
            )
            for end in ("pilot", "finale")
        ),
        figure(
            formatting.signed(delta),
            "finale against average",
            "" if delta is None else _graded(delta + 1, 1.1, 0.9),
            about["finale_votes"],
        ),
    ]


def caption(name: str, basis: str) -> str:
    """Return the name of a figure with its episode: `Pilot (first rated: S1E25)`."""
    kind, _, place = basis.rpartition(" ")
    return f"{name} ({BASES[kind].format(place)})" if kind in BASES else name


def _sample(about: Row, votes: int | None) -> str:
    """Return what a figure is computed from: `27 of 765 episodes rated, 12 votes`."""
    rated = formatting.count(about["rated_episodes"])
    counted = [f"{rated} of {formatting.plural(about['episodes'], 'episode')} rated"]
    if votes is not None:
        counted.append(formatting.plural(votes, "vote"))
    return ", ".join(counted)


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
    rating = (
        "not rated"
        if episode["rating"] is None
        else f"{formatting.decimal(episode['rating'])} of 10, "
        f"{formatting.plural(episode['votes'] or 0, 'vote')}"
    )
    return f"{code(episode)} {episode['episode_title'] or ''}\n{rating}"


def _point(episode: Row, value: Any, chosen: int | None) -> Point:
    season = episode["season_number"]
    return Point(value, _tip(episode), {"season": str(season)}, faded=chosen not in {None, season})


# A season, and whether its episodes have numbers.
Line = tuple[int, bool]


def by_line(episodes: Iterable[Row]) -> dict[Line, dict[int, Row]]:
    """Return the episodes of each season by number, the specials last.

    Those without a number are counted from 1, apart from the others of their season.
    """
    found: dict[Line, dict[int, Row]] = {}
    for row in episodes:
        number = row["episode_number"]
        line = found.setdefault((row["season_number"], number is not None), {})
        line[len(line) + 1 if number is None else number] = row
    return dict(
        sorted(found.items(), key=lambda each: (each[0][0] == SPECIALS, each[0][0], not each[0][1]))
    )


def name_of(line: Line, season: str = "Season ") -> str:
    """Name a line: `Season 1`, `Specials`, `Season 1, no number`."""
    number, is_numbered = line
    if number == SPECIALS:
        return "Specials, by number" if is_numbered else "Specials"
    return f"{season}{number}" + ("" if is_numbered else ", no number")


def season_colors(seasons: Iterable[int]) -> dict[int, str]:
    """Return the colour of each season: shades in their order, and a muted one for the specials."""
    numbered = sorted(set(seasons) - {SPECIALS})
    shades = charts.shades(theme.SEASONS, len(numbered))
    return dict(zip(numbered, shades, strict=True)) | {SPECIALS: theme.REST}


def left_out(data: SeriesData, rows: int = 0) -> str:
    """Say how many episodes, and rows of a grid, are not drawn."""
    hidden = data.episodes[0]["listed"] - len(data.episodes)
    parts = [formatting.plural(hidden, "episode")] if hidden else []
    parts += [formatting.plural(rows, "row")] if rows else []
    named = " and ".join(parts)
    return f"Left out: {named}. Choose a season to see all of it." if parts else ""


def _rated(data: SeriesData) -> str:
    rated = sum(row["rating"] is not None for row in data.episodes)
    return f"{formatting.count(rated)} of {formatting.plural(len(data.episodes), 'episode')}"


def episode_lines(data: SeriesData) -> Figure | None:
    """Draw the ratings of the episodes at their numbers, one line per season."""
    lines = by_line(data.episodes)
    return _episode_lines(
        data,
        {name_of(line): (line[0], numbered) for line, numbered in lines.items()},
        "Episode",
        f"Lines: ratings of {_rated(data)} in {formatting.plural(len(lines), 'line')}, by season "
        "and number.",
    )


def episode_timeline(data: SeriesData) -> Figure | None:
    """Draw the ratings of all episodes in the order in which they were aired."""
    seasons: dict[int, dict[int, Row]] = {}
    for row in data.episodes:
        seasons.setdefault(row["season_number"], {})[row["place"]] = row
    return _episode_lines(
        data,
        {name_of((season, season != SPECIALS)): (season, seasons[season]) for season in seasons},
        "Episode, in the order in which they were aired",
        f"Lines: ratings of {_rated(data)} in the order in which they were aired.",
    )


def _episode_lines(
    data: SeriesData, lines: dict[str, tuple[int, dict[int, Row]]], axis: str, description: str
) -> Figure | None:
    """Draw lines of episodes by number, each of a season; unrated ones are gaps."""
    ratings = [row["rating"] for row in data.episodes if row["rating"] is not None]
    if not ratings:
        return None
    chosen = data.state["season"]
    numbers = [number for _, line in lines.values() for number in line]
    colors = season_colors(row["season_number"] for row in [*data.seasons, *data.episodes])
    series = {
        name: {number: _point(row, row["rating"], chosen) for number, row in line.items()}
        for name, (_, line) in lines.items()
        if any(row["rating"] is not None for row in line.values())
    }
    return Figure(
        charts.numbered_lines(
            series,
            name=axis,
            ends=(min(numbers), max(numbers)),
            formatter=charts.DECIMAL,
            bounds=(max(1, int(min(ratings)) - 1), 10),
            colors={name: colors[season] for name, (season, _) in lines.items()},
        ),
        description,
        *_as_table(data),
        left_out=left_out(data),
    )


def _as_table(data: SeriesData) -> tuple[list[str], list[tuple[str, ...]], list[dict[str, str]]]:
    """Return the headings, the rows and the choices of the episodes as a table."""
    rows: list[tuple[str, ...]] = [
        (
            code(row),
            row["episode_title"] or "",
            formatting.decimal(row["rating"]),
            formatting.count(row["votes"]),
        )
        for row in data.episodes
    ]
    picks = [{"season": str(row["season_number"])} for row in data.episodes]
    return ["Episode", "Title", "Rating#", "Votes#"], rows, picks


def episode_heat(data: SeriesData) -> Figure | None:
    """Draw the ratings of the episodes: a row per season, its mean, and its episodes by number.

    A season of many episodes goes on in further rows.
    """
    lines = by_line(data.episodes)
    numbers = {number for line in lines.values() for number in line}
    if not numbers:
        return None
    chosen = data.state["season"]
    first = min(1, *numbers)
    width = min(max(numbers) - first + 1, MOST_COLUMNS)

    def start(number: int) -> int:
        return number - (number - first) % width

    blocks = [(line, at) for line, row in lines.items() for at in sorted({*map(start, row)})]
    # Rows of the chosen season are the last to be left out.
    chosen_first = sorted(blocks, key=lambda block: chosen is not None and block[0][0] != chosen)
    shown = set(chosen_first[:MOST_GRID_ROWS])
    kept = [block for block in reversed(blocks) if block in shown]
    place = {block: number for number, block in enumerate(kept)}
    points = [
        _point(
            row,
            [len(MEAN_COLUMNS) + number - start(number), place[line, start(number)], row["rating"]],
            chosen,
        )
        for line, row_of in lines.items()
        for number, row in row_of.items()
        if (line, start(number)) in place
    ]
    for row in data.seasons:
        season = row["season_number"]
        rows = [place[block] for block in kept if block[0][0] == season]
        if rows:
            mean = row["avg_season_rating"]
            tip = f"{row['season_label']}\nmean {formatting.decimal(mean)}"
            pick = {"season": str(season)}
            faded = chosen not in {None, season}
            points.append(Point([0, max(rows), mean], tip, pick, faded=faded))
    columns = MEAN_COLUMNS + [str(first + column) for column in range(width)]
    return Figure(
        charts.heat(
            columns,
            [name_of(line, "S") + (f" from {at}" if at > first else "") for line, at in kept],
            points,
            scale=(LOWEST, HIGHEST),
            label=formatting.decimal,
            colors=theme.GRADES,
            column_name="Episode",
        ),
        f"Heat map: ratings of {_rated(data)} by season and number, with the mean of each season.",
        *_as_table(data),
        left_out=left_out(data, len(blocks) - len(kept)),
        height=max(HEAT_MARGIN + charts.CELL_HEIGHT * len(kept), LEAST_HEIGHT),
        width=LABEL_WIDTH + charts.CELL_WIDTH * len(columns),
    )


def run_lines(data: SeriesData) -> Figure | None:
    """Draw the mean ratings of each part of the run, one line per series."""
    if not data.others or not data.about:
        return None
    names = [data.about["series_label"], *(row["series_label"] for row in data.others)]
    found = {(row["series_label"], row["part"]): row for row in data.parts}
    ends = [formatting.percent((part + 1) / PARTS) for part in range(PARTS)]
    series = {
        name: [
            Point(
                round(row["rating"], 2),
                f"{name}, until {end} of its run\n{formatting.decimal(row['rating'])} of 10\n"
                f"{formatting.plural(row['rated'], 'rated episode')}",
            )
            if (row := found.get((name, part)))
            else Point(None, "")
            for part, end in enumerate(ends)
        ]
        for name in names
    }
    unrated = [name for name in names if not any(point.value for point in series[name])]
    return Figure(
        charts.lines(ends, series, formatter=charts.DECIMAL, bounds=(LOWEST, HIGHEST)),
        f"Lines: mean ratings by share of the run of {', '.join(names)}.",
        ["Series", "Until", "Rating#", "Rated episodes#"],
        [
            (
                name,
                end,
                formatting.decimal(row["rating"]),
                formatting.count(row["rated"]),
            )
            for name in names
            for part, end in enumerate(ends)
            if (row := found.get((name, part)))
        ],
        left_out=f"Without rated episodes: {', '.join(unrated)}." if unrated else "",
    )


def best_and_worst(extremes: list[Row]) -> list[Kpi]:
    """Return the best and the worst episode; a single one is both."""
    if not extremes:
        return [Kpi(formatting.NONE, "no rated episodes")] * 2
    best = next(row for row in extremes if row["from_best"] == 1)
    worst = next(row for row in extremes if row["from_worst"] == 1)
    return [_extreme(best, "good"), _extreme(worst, "bad")]


def _extreme(episode: Row, tone: Tone) -> Kpi:
    title = episode["episode_title"] or "without a title"
    votes = episode["votes"] or 0
    return Kpi(
        f"{formatting.decimal(episode['rating'])} · {code(episode)}",
        f"{title}, {formatting.plural(votes, 'vote')}, rank {rank_of(episode)}",
        "unsure" if votes < LEAST_VOTES else tone,
    )


def rank_of(episode: Row) -> str:
    """Return the rank of an episode: `3 of 24`."""
    return f"{formatting.count(episode['rank'])} of {formatting.count(episode['rated'])}"


def rank_rows(extremes: list[Row]) -> list[TableRow]:
    """Return the best and the worst episodes as a table."""
    return [
        (
            (
                rank_of(row),
                code(row),
                row["episode_title"] or formatting.NONE,
                formatting.decimal(row["rating"]),
                formatting.count(row["votes"]),
            ),
            None,
        )
        for row in extremes
    ]


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
    fields=(SERIES, SEASON, OTHERS),
    slicers=(YEARS, GENRE),
    load=load,
    build=build,
    entity=SERIES,
    resolve=resolve,
)
