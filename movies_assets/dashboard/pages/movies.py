"""Show the movies: numbers, genres, ratings, and the best ones."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from movies_assets.core.thresholds import VOTES_NEEDED
from movies_assets.dashboard import addresses, charts
from movies_assets.dashboard.charts import Figure, Point
from movies_assets.dashboard.components import (
    ChartCard,
    Kpi,
    KpiCards,
    Scope,
    TableCard,
    TableRow,
    found,
)
from movies_assets.dashboard.filters import GENRE, YEARS, Field, State, one_of, whole
from movies_assets.dashboard.layout import Page, Visit
from movies_assets.serving import formatting, theme
from movies_assets.serving.queries.movies import BY_RATING, MOST_GAINED, TOP
from movies_assets.serving.reader import OpenSnapshot, Row

BANDS = {
    "Excellent": theme.GRADES[5],
    "Great": theme.GRADES[4],
    "Good": theme.GRADES[3],
    "OK": theme.GRADES[1],
    "Unknown": theme.REST,
}
# The largest genres have a layer each, until the others are a small part; a stack of more layers is
# unreadable.
SMALL_REST, MOST_LAYERS = 0.05, 24
MOST_BARS = 12
# IMDb's types of titles that have other pages than movies, or none.
SERIES_TYPES, EPISODE = ("tvSeries", "tvMiniSeries"), "tvEpisode"
STEPS = tuple(range(2, 21))
VOTE_STEPS = tuple(range(14))


def show_rating(step: int) -> str:
    """Format a rating step of half a point: from 7.5 to 7.9."""
    return f"{step / 2:.1f}" if step == STEPS[-1] else f"{step / 2:.1f}–{step / 2 + 0.4:.1f}"  # noqa: RUF001


@cache
def show_votes(step: int) -> str:
    """Format a step of votes, two per power of ten: `300+`."""
    return f"{formatting.short((3 if step % 2 else 1) * 10 ** (step // 2))}+"


def show_decade(decade: int) -> str:
    """Format a decade: `1990s`."""
    return f"{decade}s"


DECADE = Field("decade", "Decade", whole(1870, 2100), show=show_decade)
BAND = Field("band", "Rating band", one_of(*BANDS))
RATING = Field("rating", "Rating", whole(STEPS[0], STEPS[-1]), show=show_rating)
VOTES = Field("votes", "Votes", whole(VOTE_STEPS[0], VOTE_STEPS[-1]), show=show_votes)
FIELDS = (DECADE, BAND, RATING, VOTES)
# Filters that some lists do not know.
UNLISTED = (BAND, RATING, VOTES)

# A movie has a row per genre: the row of the chosen genre counts, or that of its first genre.
CHOSEN = """
    ($first IS NULL OR start_year >= $first) AND ($last IS NULL OR start_year <= $last)
    AND ($decade IS NULL OR decade = $decade) AND ($band IS NULL OR rating_band = $band)
    AND ($rating IS NULL OR rating_step = $rating) AND ($votes IS NULL OR votes_step = $votes)
"""
ONCE = f"CASE WHEN $genre IS NULL THEN is_first ELSE genre = $genre END AND {CHOSEN}"

KPIS = f"""
    SELECT coalesce(sum(movies), 0)::BIGINT AS movies, coalesce(sum(rated), 0)::BIGINT AS rated,
        coalesce(sum(votes), 0)::BIGINT AS votes,
        sum(weighted) / nullif(sum(votes_of_rated), 0) AS weighted,
        sum(ratings) / nullif(sum(rated), 0) AS mean
    FROM prepared.cells WHERE {ONCE}"""
RUNTIME = f"SELECT median(runtime_minutes) AS runtime FROM prepared.movies WHERE {ONCE}"
BY_GENRE_AND_DECADE = f"""
    SELECT genre::VARCHAR AS genre, decade, sum(movies)::BIGINT AS movies
    FROM prepared.cells WHERE {CHOSEN} GROUP BY cells.genre, decade ORDER BY decade, cells.genre"""
BY_GENRE = f"""
    SELECT genre::VARCHAR AS genre, sum(movies)::BIGINT AS movies
    FROM prepared.cells WHERE {CHOSEN} GROUP BY cells.genre ORDER BY movies DESC, cells.genre"""
BY_BAND = f"""
    SELECT rating_band::VARCHAR AS rating_band, sum(movies)::BIGINT AS movies
    FROM prepared.cells WHERE {ONCE} GROUP BY cells.rating_band"""
BY_RATING_AND_VOTES = f"""
    SELECT rating_step, votes_step, sum(movies)::BIGINT AS movies FROM prepared.cells
    WHERE {ONCE} AND rating_step IS NOT NULL AND votes_step IS NOT NULL GROUP BY ALL"""
BEST = f"""
    SELECT movie_key, primary_title, start_year, rating, votes, directors, top_actors,
        is_oscar_winner, count(*) OVER () AS found
    FROM prepared.known WHERE {ONCE}
    ORDER BY {BY_RATING} LIMIT {TOP}"""
TRENDING = f"""
    SELECT title_key, title_type, primary_title, start_year, votes_gained, rating, rating_change,
        count(*) OVER () AS found
    FROM prepared.trending WHERE {ONCE} ORDER BY {MOST_GAINED} LIMIT {TOP}"""
# The best of each genre; of a chosen genre, the best of each decade.
BEST_OF_EACH = f"""
    SELECT genre, decade_label, movie_key, primary_title, start_year, rating, votes,
        CASE WHEN $genre IS NULL THEN genre ELSE decade_label END AS each
    FROM gold.imdb_top_movies_by_genre
    WHERE ($genre IS NULL OR genre = $genre) AND ($decade IS NULL OR decade = $decade)
        AND ($first IS NULL OR start_year >= $first) AND ($last IS NULL OR start_year <= $last)
    QUALIFY row_number() OVER (PARTITION BY each ORDER BY {BY_RATING}) = 1 ORDER BY each"""
# The genres of YTS have the spelling of IMDb's, but for case.
NEWEST = f"""
    WITH genres AS (FROM gold.genre_junction JOIN gold.dim_genre USING (genre_key)),
    uploads AS (SELECT *, nullif(year_key, -1) AS year FROM gold.fact_movies),
    newest AS (
        SELECT *, count(*) OVER () AS found FROM uploads
        WHERE ($first IS NULL OR year >= $first) AND ($last IS NULL OR year <= $last)
            AND ($decade IS NULL OR year // 10 * 10 = $decade)
            AND ($genre IS NULL OR movie_key IN (
                SELECT movie_key FROM genres WHERE lower(genre_name) = lower($genre)))
        ORDER BY uploaded_at DESC, movie_key LIMIT {TOP}),
    named AS (
        SELECT movie_key, string_agg(genre_name, ', ' ORDER BY genre_name) AS genres FROM genres
        WHERE movie_key IN (SELECT movie_key FROM newest) GROUP BY ALL)
    SELECT dim_movie.title, year, rating, runtime_minutes, uploaded_at, title_key, found, genres
    FROM newest JOIN gold.dim_movie USING (movie_key) LEFT JOIN named USING (movie_key)
    LEFT JOIN gold.title_links AS links
        ON links.source = 'yts' AND links.source_id = newest.movie_key::VARCHAR
    ORDER BY uploaded_at DESC, newest.movie_key"""


@dataclass(frozen=True)
class MoviesData:
    """The page's data."""

    state: State
    kpis: Row
    by_genre_and_decade: list[Row]
    by_genre: list[Row]
    by_band: list[Row]
    cells: list[Row]
    best: list[Row]
    trending: list[Row]
    best_of_each: list[Row]
    newest: list[Row]


async def load(snapshot: OpenSnapshot, state: State) -> MoviesData:
    """Load the page's data, with concurrent queries.

    A chart ignores the choice of its own field, so that it shows the alternatives.
    """
    first, last = state["years"] or (None, None)
    chosen = {one.name: state[one.name] for one in (GENRE, *FIELDS)}
    chosen |= {"first": first, "last": last}
    answers = await asyncio.gather(
        snapshot.ask(KPIS, **chosen),
        snapshot.ask(RUNTIME, **chosen),
        snapshot.ask(BY_GENRE_AND_DECADE, **chosen | {"decade": None}),
        snapshot.ask(BY_GENRE, **chosen),
        snapshot.ask(BY_BAND, **chosen | {"band": None}),
        snapshot.ask(BY_RATING_AND_VOTES, **chosen | {"rating": None, "votes": None}),
        snapshot.ask(BEST, **chosen),
        snapshot.ask(TRENDING, **chosen),
        snapshot.ask(BEST_OF_EACH, **chosen),
        snapshot.ask(NEWEST, **chosen),
    )
    (kpis,), (runtime,), *others = answers
    return MoviesData(state, kpis | runtime, *others)


def build(visit: Visit) -> Callable[[MoviesData], None]:
    """Create the page's components."""
    kpis = KpiCards(["Movies", "Votes", "Average rating", "Mean rating", "Median running time"])
    share = ChartCard(
        "Genres by decade",
        "Share of a decade's genre entries; a movie has up to three. Click a layer to filter.",
        span=8, height=360, pick=visit.toggle, scope=Scope(marks=(GENRE, DECADE)),
    )  # fmt: skip
    genres = ChartCard(
        "Movies by genre", "Click a bar to filter.",
        span=4, height=360, pick=visit.toggle, scope=Scope(marks=(GENRE,)),
    )  # fmt: skip
    heat = ChartCard(
        "Ratings and votes", "Movies by rating and number of votes. Click a cell to filter.",
        span=8, height=380, pick=visit.toggle, scope=Scope(marks=(RATING, VOTES)),
    )  # fmt: skip
    bands = ChartCard(
        "Rating bands", "Excellent from 8, Great from 7, Good from 6.", span=4, height=380,
        pick=visit.toggle, scope=Scope(marks=(BAND,)),
    )  # fmt: skip
    best = TableCard(
        "Top movies", f"The best rated with {formatting.count(VOTES_NEEDED)} votes or more. Oscar: "
        "whether an alternate title names the award.",
        columns=["#", "Title", "Year#", "Rating#", "Votes#", "Directors", "Cast", "Oscar"], opens=1,
    )  # fmt: skip
    each = TableCard(
        "The best of each genre", "Of a chosen genre, the best of each decade. All have "
        f"{formatting.count(VOTES_NEEDED)} votes or more.", span=6, scope=Scope(ignores=UNLISTED),
        columns=["Genre", "Decade", "Title", "Rating#", "Votes#"], opens=2,
    )  # fmt: skip
    trending = TableCard(
        "Trending", "Titles of all types, by votes gained since the previous run date. The genre "
        "of episodes is unknown.",
        span=6, columns=["#", "Title", "Type", "Year#", "Gained#", "Rating#"], opens=1,
    )  # fmt: skip
    newest = TableCard(
        "Newest uploads", "Movies of YTS, the latest upload first.", scope=Scope(ignores=UNLISTED),
        columns=["Uploaded", "Title", "Year#", "Rating#", "Running time#", "Genres"], opens=1,
    )  # fmt: skip

    def show(data: MoviesData) -> None:
        none = nothing(data.state)
        kpis.show(figures(data.kpis))
        share.show(genre_shares(data) or none)
        genres.show(genre_bars(data) or none)
        heat.show(rating_heat(data) or none)
        bands.show(band_bars(data) or none)
        best.show(best_rows(data.best) or unranked(data), found(data.best))
        listed = nothing(data.state.change(**{one.name: None for one in UNLISTED}))
        each.show(rows_of_each(data.best_of_each) or f"{listed} among the best of each")
        trending.show(
            trending_rows(data.trending) or f"{none} among the trending titles",
            found(data.trending),
        )
        newest.show(newest_rows(data.newest) or f"{listed} of YTS", found(data.newest))

    return show


def nothing(state: State) -> str:
    """Return the text for an empty result: `No movies of 1920 in Horror`."""
    words = ["No movies"]
    if state["years"]:
        words.append(
            f"of {YEARS.show(state['years'])}".replace("of from", "from").replace(
                "of until", "until"
            )
        )
    if state["genre"]:
        words.append(f"in {state['genre']}")
    others = [
        f"{one.label.lower()} {one.show(state[one.name])}"
        for one in FIELDS
        if state[one.name] is not None
    ]
    if others:
        words.append(f"with {' and '.join(others)}")
    return " ".join(words)


def unranked(data: MoviesData) -> str:
    """Return why no movie is ranked, and how many have too few votes."""
    movies = data.kpis["movies"]
    if not movies:
        return nothing(data.state)
    return (
        f"A ranked movie has {formatting.count(VOTES_NEEDED)} votes or more; "
        f"{formatting.plural(movies, 'movie has', 'movies have')} fewer, or an unknown number."
    )


def figures(kpis: Row) -> list[Kpi]:
    """Return the cards of key figures."""
    return [
        Kpi(formatting.count(kpis["movies"]), f"{formatting.count(kpis['rated'])} of them rated"),
        Kpi(formatting.short(kpis["votes"]), f"{formatting.count(kpis['votes'] or 0)} votes"),
        Kpi(formatting.decimal(kpis["weighted"]), "of 10, weighted by votes"),
        Kpi(formatting.decimal(kpis["mean"]), "of 10, each movie counts once"),
        Kpi(formatting.minutes(kpis["runtime"]), "half of the movies are longer"),
    ]


def genre_shares(data: MoviesData) -> Figure | None:
    """Draw the share of each genre in each decade; rarer genres are combined."""
    rows = [row for row in data.by_genre_and_decade if row["decade"] is not None]
    if not rows:
        return None
    cells: dict[tuple[str, int], int] = {}
    by_size: dict[str, int] = {}
    for row in rows:
        by_size[row["genre"]] = by_size.get(row["genre"], 0) + row["movies"]
    largest = layers_of(by_size)
    if data.state["genre"] in by_size and data.state["genre"] not in largest:
        largest[-1] = data.state["genre"]
    names = largest + ([charts.OTHER] if len(by_size) > len(largest) else [])
    sums: dict[int, int] = {}
    for row in rows:
        name = row["genre"] if row["genre"] in largest else charts.OTHER
        cells[name, row["decade"]] = cells.get((name, row["decade"]), 0) + row["movies"]
        sums[row["decade"]] = sums.get(row["decade"], 0) + row["movies"]
    decades = range(min(sums), max(sums) + 10, 10)
    chosen = (data.state["genre"], data.state["decade"])
    series = {
        name: [
            _share(name, decade, cells.get((name, decade), 0), sums[decade], chosen)
            if decade in sums
            else Point(None, "")
            for decade in decades
        ]
        for name in names
    }
    return Figure(
        charts.stacked(
            [show_decade(decade) for decade in decades],
            series,
            formatter=charts.SHARE,
            highest=1,
            colors={name: theme.genre_color(name) for name in largest},
        ),
        f"Stacked bars: share of genres in each decade from {show_decade(decades[0])} to "
        f"{show_decade(decades[-1])}. The most frequent genre is {largest[0]}.",
        ["Decade", "Genre", "Movies#", "Share#"],
        [
            (show_decade(decade), name, formatting.count(n), formatting.percent(n / sums[decade]))
            for decade in decades
            for name in names
            if (n := cells.get((name, decade), 0))
        ],
        [
            {"decade": str(decade)} | ({"genre": name} if name != charts.OTHER else {})
            for decade in decades
            for name in names
            if cells.get((name, decade), 0)
        ],
    )


def layers_of(by_size: dict[str, int]) -> list[str]:
    """Return the largest genres, so many that the others are a small part of all entries."""
    ordered = sorted(by_size, key=lambda name: (-by_size[name], name))
    rest, layers = sum(by_size.values()), []
    least = SMALL_REST * rest
    for name in ordered[:MOST_LAYERS]:
        if rest <= least:
            break
        layers.append(name)
        rest -= by_size[name]
    return layers


def _share(name: str, decade: int, number: int, total: int, chosen: tuple[Any, Any]) -> Point:
    genre, chosen_decade = chosen
    return Point(
        round(number / total, 4),
        f"{name}, {show_decade(decade)}\n{formatting.plural(number, 'movie')}\n"
        f"{formatting.percent(number / total)} of the decade's entries",
        {"decade": str(decade)} | ({"genre": name} if name != charts.OTHER else {}),
        faded=genre not in {None, name} or chosen_decade not in {None, decade},
    )


def genre_bars(data: MoviesData) -> Figure | None:
    """Draw the number of movies of each genre."""
    rows = data.by_genre[:MOST_BARS]
    chosen = data.state["genre"]
    if hidden := [row for row in data.by_genre[MOST_BARS:] if row["genre"] == chosen]:
        rows = rows[:-1] + hidden
    if not rows:
        return None
    left_out = len(data.by_genre) - len(rows)
    return replace(
        _bars(rows, "genre", chosen, horizontal=True),
        left_out=f"{formatting.plural(left_out, 'genre is', 'genres are')} left out."
        if left_out
        else "",
    )


def band_bars(data: MoviesData) -> Figure | None:
    """Draw the number of movies of each rating band."""
    counted = {row["rating_band"]: row for row in data.by_band}
    rows = [counted[band] for band in BANDS if band in counted]
    return _bars(rows, "rating_band", data.state["band"], horizontal=False) if rows else None


def _bars(rows: list[Row], column: str, chosen: str | None, *, horizontal: bool) -> Figure:
    """Draw movies by a column; a click chooses its value."""
    name = "genre" if column == "genre" else "band"
    picks = [{name: row[column]} for row in rows]
    points = [
        Point(
            row["movies"],
            f"{row[column]}\n{formatting.plural(row['movies'], 'movie')}",
            pick,
            faded=chosen not in {None, row[column]},
            color=theme.genre_color(row[column]) if name == "genre" else BANDS[row[column]],
        )
        for row, pick in zip(rows, picks, strict=True)
    ]
    names = [row[column] for row in rows]
    most = max(rows, key=lambda row: row["movies"])
    return Figure(
        charts.bars(names, points, horizontal=horizontal),
        f"Bars: movies of {len(rows)} {'genres' if name == 'genre' else 'rating bands'}; the most, "
        f"{formatting.count(most['movies'])}, are {most[column]}.",
        ["Genre" if name == "genre" else "Rating band", "Movies#"],
        [(row[column], formatting.count(row["movies"])) for row in rows],
        picks,
    )


def rating_heat(data: MoviesData) -> Figure | None:
    """Draw the number of movies by rating and votes."""
    if not data.cells:
        return None
    highest = max(row["votes_step"] for row in data.cells)
    vote_steps = [step for step in VOTE_STEPS if step <= highest]
    cells = sorted(data.cells, key=lambda row: (row["rating_step"], row["votes_step"]))
    chosen = (data.state["rating"], data.state["votes"])
    picks = [{"rating": str(row["rating_step"]), "votes": str(row["votes_step"])} for row in cells]
    points = [
        Point(
            [row["votes_step"], row["rating_step"] - STEPS[0], row["movies"]],
            f"Rating {show_rating(row['rating_step'])}, {show_votes(row['votes_step'])} votes\n"
            f"{formatting.plural(row['movies'], 'movie')}",
            pick,
            faded=chosen not in {(None, None), (row["rating_step"], row["votes_step"])},
        )
        for row, pick in zip(cells, picks, strict=True)
    ]
    most = max(cells, key=lambda row: row["movies"])
    return Figure(
        charts.heat(
            [show_votes(step) for step in vote_steps],
            [f"{step / 2:.1f}" for step in STEPS],
            points,
            scale=(1, most["movies"]),
            label=formatting.short,
            column_name="Votes",
            row_name="Rating",
            is_log=True,
        ),
        f"Heat map: movies by rating and votes; the most, {formatting.count(most['movies'])}, "
        f"have a rating of {show_rating(most['rating_step'])} and "
        f"{show_votes(most['votes_step'])} votes.",
        ["Rating", "Votes#", "Movies#"],
        [
            (
                show_rating(row["rating_step"]),
                show_votes(row["votes_step"]),
                formatting.count(row["movies"]),
            )
            for row in cells
        ],
        picks,
    )


def best_rows(rows: list[Row]) -> list[TableRow]:
    """Return the best movies as a table."""
    return [
        (
            (
                str(rank),
                row["primary_title"],
                formatting.year(row["start_year"]),
                formatting.decimal(row["rating"]),
                formatting.count(row["votes"]),
                row["directors"] or formatting.NONE,
                row["top_actors"] or formatting.NONE,
                OSCAR[row["is_oscar_winner"]],
            ),
            addresses.movie(row["movie_key"]),
        )
        for rank, row in enumerate(rows, 1)
    ]


OSCAR = {True: "Oscar", False: "", None: formatting.NONE}


def rows_of_each(rows: list[Row]) -> list[TableRow]:
    """Return the best movie of each genre, or of each decade of a genre, as a table."""
    return [
        (
            (
                row["genre"],
                row["decade_label"],
                row["primary_title"],
                formatting.decimal(row["rating"]),
                formatting.count(row["votes"]),
            ),
            addresses.movie(row["movie_key"]),
        )
        for row in rows
    ]


def newest_rows(rows: list[Row]) -> list[TableRow]:
    """Return the newest uploads of YTS as a table."""
    return [
        (
            (
                f"{row['uploaded_at']:%-d %b %Y}",
                row["title"],
                formatting.year(row["year"]),
                formatting.decimal(row["rating"]),
                formatting.minutes(row["runtime_minutes"]),
                row["genres"] or formatting.NONE,
            ),
            addresses.title(row["title_key"]) if row["title_key"] else None,
        )
        for row in rows
    ]


def trending_rows(rows: list[Row]) -> list[TableRow]:
    """Return the trending titles as a table."""
    return [
        (
            (
                str(place),
                row["primary_title"],
                formatting.title_type(row["title_type"]),
                formatting.year(row["start_year"]),
                formatting.signed(row["votes_gained"], 0),
                f"{formatting.decimal(row['rating'])} ({formatting.signed(row['rating_change'])})",
            ),
            _page_of(row),
        )
        for place, row in enumerate(rows, 1)
    ]


def _page_of(title: Row) -> str | None:
    """Return the address of a trending title's page; episodes have none."""
    if title["title_type"] == EPISODE:
        return None
    is_series = title["title_type"] in SERIES_TYPES
    return (addresses.series if is_series else addresses.movie)(title["title_key"])


PAGE = Page(
    path="/movies",
    title="Movies",
    summary="Movies of IMDb: genres by decade, ratings and votes, the best and the trending; and "
    "the newest uploads to YTS.",
    fields=FIELDS,
    slicers=(YEARS, GENRE),
    load=load,
    build=build,
)
