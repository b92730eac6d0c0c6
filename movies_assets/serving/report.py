"""The report: key figures of a published snapshot as one HTML file that needs nothing else.

It has the figures of the dashboard's pages, in words and short tables, light enough for mail: no
script, no picture, no call to anywhere. It tells of no single user. How it looks is said in
`report.html.j2`; nothing here knows of Dagster.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from movies_assets.core.durable import fsync
from movies_assets.serving import formatting, theme
from movies_assets.serving.queries import catalogue, quality
from movies_assets.serving.reader import PARAMETER, Row
from movies_assets.warehouse.published import HELD_BACK, UNFINISHED, Published

TEMPLATE = "report.html.j2"
SUFFIX = ".html"
TOP = 10
MOST_CHECKS, MOST_REFUSED = 20, 10
# As gold.imdb_top_movies_by_genre and the dashboard have it.
ENOUGH_VOTES = 1_000
# A title may be of any length; the report is not.
LONGEST, LONGEST_FINDING = 100, 300
ELLIPSIS = "…"

SNAPSHOT = f"""
    WITH held_back AS ({HELD_BACK})
    SELECT snapshot_id, published_at, version,
        (SELECT coalesce(sum(rows), 0)::BIGINT FROM meta.tables WHERE is_published) AS rows,
        (SELECT string_agg(source, ', ' ORDER BY source) FROM held_back) AS held_back,
        (SELECT min(taken_at) FROM held_back) AS taken_at
    FROM meta.snapshot"""

# The facts have a row a genre; a movie counts once, by its first one.
MOVIE = "genre = coalesce(split_part(genres, ', ', 1), 'Unknown')"
MOVIES = f"""
    SELECT count(*) AS movies, count(rating) AS rated, coalesce(sum(votes), 0)::BIGINT AS votes,
        sum(rating * votes) / nullif(sum(votes) FILTER (rating IS NOT NULL), 0) AS weighted,
        avg(rating) AS mean, median(runtime_minutes) AS runtime
    FROM gold.imdb_movie_facts WHERE {MOVIE}"""
BEST_MOVIES = f"""
    SELECT primary_title, start_year, rating, votes FROM gold.imdb_movie_facts
    WHERE {MOVIE} AND votes >= {ENOUGH_VOTES}
    ORDER BY rating DESC NULLS LAST, votes DESC, movie_key LIMIT {TOP}"""
TRENDING = f"""
    SELECT primary_title, start_year, votes_gained, rating FROM gold.imdb_trending_titles
    WHERE title_type = 'movie' ORDER BY rank, title_key LIMIT {TOP}"""

SERIES = """
    SELECT count(*) AS series, coalesce(sum(episodes), 0)::BIGINT AS episodes,
        coalesce(sum(popularity), 0)::BIGINT AS votes,
        avg(avg_rating) FILTER (avg_rating > 0) AS mean
    FROM gold.imdb_dim_series LEFT JOIN gold.imdb_series_kpis USING (series_key)"""
TOP_SERIES = f"""
    SELECT series_label, coalesce(avg_rating, 0) AS average, coalesce(binge_score, 0) AS binge,
        coalesce(pilot_rating, 0) AS pilot, coalesce(finale_rating, 0) AS finale,
        coalesce(finale_delta, 0) AS delta
    FROM gold.imdb_dim_series LEFT JOIN gold.imdb_series_kpis USING (series_key)
    ORDER BY coalesce(popularity, 0) DESC, series_key LIMIT {TOP}"""

RELEASES = """
    SELECT coalesce(sum(total_releases), 0)::BIGINT AS titles,
        coalesce(sum(total_releases) FILTER (media_type = 'movie'), 0)::BIGINT AS movie,
        coalesce(sum(total_releases) FILTER (media_type = 'series'), 0)::BIGINT AS series,
        coalesce(sum(total_releases) FILTER (media_type = 'episode'), 0)::BIGINT AS episode,
        coalesce(sum(total_releases) FILTER (media_type = 'game'), 0)::BIGINT AS game
    FROM gold.omdb_releases"""
NEWEST_RELEASES = f"""
    SELECT release_year, sum(total_releases)::BIGINT AS titles,
        coalesce(sum(total_releases) FILTER (media_type = 'movie'), 0)::BIGINT AS movie,
        coalesce(sum(total_releases) FILTER (media_type = 'series'), 0)::BIGINT AS series
    FROM gold.omdb_releases GROUP BY release_year ORDER BY release_year DESC LIMIT {TOP}"""

AUDIENCE = """
    SELECT coalesce(sum(views), 0)::BIGINT AS views, count(*) AS titles,
        (SELECT count(*) FROM gold.ott_dim_user) AS users
    FROM gold.ott_popular_movies WHERE period = 'overall'"""
POPULAR = f"""
    SELECT title, viewers, views FROM gold.ott_popular_movies
    JOIN gold.ott_dim_title USING (title_key)
    WHERE period = 'overall' ORDER BY rank, title, title_key LIMIT {TOP}"""
ENGAGEMENT = f"""
    SELECT genre, viewers, views, minutes FROM gold.ott_genre_engagement
    ORDER BY minutes DESC NULLS LAST, genre LIMIT {TOP}"""

Ask = Callable[..., list[Row]]


@dataclass(frozen=True)
class Figure:
    """One key figure."""

    label: str
    value: str
    hint: str = ""


@dataclass(frozen=True)
class Table:
    """A short table; a heading that ends in `#` is of numbers, a wide one has a row for itself."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    is_wide: bool = False


@dataclass(frozen=True)
class Section:
    """What the report tells of a page; `empty` says why there is nothing, where there is not."""

    title: str
    figures: Sequence[Figure]
    tables: Sequence[Table]
    empty: str = ""


def write_report(published: Published) -> Path:
    """Write the report of the newest snapshot beside it.

    Meanwhile nothing is published or removed: a report without a snapshot would stay for good.

    Returns:
        Its path: that of the snapshot, with another suffix.

    Raises:
        NothingPublishedError: there is no snapshot.
    """
    published.current()
    with published.alone():
        path = published.current().with_suffix(SUFFIX)
        with published.reading() as connection:
            page = render(connection)
        unfinished = path.with_name(path.name + UNFINISHED)
        unfinished.write_text(page, encoding="utf-8")
        fsync(unfinished)
        unfinished.replace(path)
        fsync(path.parent)
    return path


def render(connection: duckdb.DuckDBPyConnection) -> str:
    """Return the report of an open snapshot, as HTML."""

    def ask(query: str, **parameters: Any) -> list[Row]:
        named = {name: parameters.get(name) for name in PARAMETER.findall(query)}
        found = connection.execute(query, named)
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    # Titles are data: all that goes into the page is escaped.
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    sections = [part(ask) for part in PARTS]
    return environment.get_template(TEMPLATE).render(
        theme=theme,
        about=about(ask),
        sections=sections,
        is_empty=all(section.empty for section in sections[:-1]),
    )


def about(ask: Ask) -> Mapping[str, str]:
    """Return what the report is of."""
    rows = ask(SNAPSHOT)
    empty: Row = {"snapshot_id": "", "published_at": None, "version": "", "rows": 0}
    empty |= {"held_back": None, "taken_at": None}
    row = rows[0] if rows else empty
    return {
        "published": formatting.instant(row["published_at"]),
        "held_back": row["held_back"] or "",
        "taken_at": formatting.instant(row["taken_at"]),
        "rows": formatting.plural(row["rows"], "row"),
        "snapshot": str(row["snapshot_id"]),
        "version": str(row["version"]),
    }


def movies(ask: Ask) -> Section:
    """Tell of movies."""
    (row,) = ask(MOVIES)
    figures = [
        Figure(
            "Movies",
            formatting.count(row["movies"]),
            f"{formatting.count(row['rated'])} of them rated",
        ),
        Figure("Votes", formatting.short(row["votes"])),
        Figure("Average rating", formatting.decimal(row["weighted"]), "of 10, weighted by votes"),
        Figure("Mean rating", formatting.decimal(row["mean"]), "of 10, each movie counts once"),
        Figure("Median running time", formatting.minutes(row["runtime"])),
    ]
    best = Table(
        f"Top movies, {formatting.count(ENOUGH_VOTES)} votes or more",
        ["Title", "Year#", "Rating#", "Votes#"],
        [
            (
                cut(each["primary_title"]),
                formatting.year(each["start_year"]),
                formatting.decimal(each["rating"]),
                formatting.count(each["votes"]),
            )
            for each in ask(BEST_MOVIES)
        ],
    )
    trending = Table(
        "Trending: votes gained since the run date before",
        ["Title", "Year#", "Gained#", "Rating#"],
        [
            (
                cut(each["primary_title"]),
                formatting.year(each["start_year"]),
                formatting.signed(each["votes_gained"], 0),
                formatting.decimal(each["rating"]),
            )
            for each in ask(TRENDING)
        ],
    )
    return Section("Movies", figures, [best, trending], "" if row["movies"] else "No movies yet.")


def series(ask: Ask) -> Section:
    """Tell of series."""
    (row,) = ask(SERIES)
    figures = [
        Figure("Series", formatting.count(row["series"])),
        Figure("Episodes", formatting.count(row["episodes"])),
        Figure("Votes", formatting.short(row["votes"]), "for all episodes"),
        Figure("Mean rating", formatting.decimal(row["mean"]), "of 10, of the rated series"),
    ]
    top = Table(
        "Most voted series",
        ["Series", "Average#", "Binge#", "Pilot#", "Finale#", "Finale delta#"],
        [
            (
                cut(each["series_label"]),
                *(
                    formatting.decimal(each[name])
                    for name in ("average", "binge", "pilot", "finale")
                ),
                formatting.signed(each["delta"]),
            )
            for each in ask(TOP_SERIES)
        ],
    )
    return Section("Series", figures, [top], "" if row["series"] else "No series yet.")


def releases(ask: Ask) -> Section:
    """Tell of releases."""
    (row,) = ask(RELEASES)
    labels = {
        "titles": "Titles",
        "movie": "Movies",
        "series": "Series",
        "episode": "Episodes",
        "game": "Games",
    }
    figures = [Figure(label, formatting.count(row[name])) for name, label in labels.items()]
    newest = Table(
        "The newest years",
        ["Year", "Titles#", "Movies#", "Series#"],
        [
            (
                formatting.year(each["release_year"]),
                *(formatting.count(each[name]) for name in ("titles", "movie", "series")),
            )
            for each in ask(NEWEST_RELEASES)
        ],
    )
    return Section("Releases", figures, [newest], "" if row["titles"] else "No releases yet.")


def netflix(ask: Ask) -> Section:
    """Tell of Netflix's catalogue."""
    (row,) = ask(catalogue.FIGURES)
    figures = [
        Figure("Titles", formatting.count(row["titles"])),
        Figure("Movies", formatting.count(row["movies"])),
        Figure("TV shows", formatting.count(row["shows"])),
        Figure("Countries", formatting.count(row["countries"])),
        Figure(
            "Median running time",
            formatting.minutes(row["minutes"]),
            f"of {formatting.plural(row['with_minutes'], 'movie')}",
        ),
        Figure(
            "Seasons a show",
            formatting.decimal(row["seasons"]),
            f"mean of {formatting.plural(row['with_seasons'], 'show')}",
        ),
    ]
    tables = [
        Table(
            f"Most frequent {what}",
            [column, "Titles#"],
            [(cut(each["name"]), formatting.count(each["titles"])) for each in ask(query)[:TOP]],
        )
        for what, column, query in (
            ("categories", "Category", catalogue.BY_CATEGORY),
            ("countries", "Country", catalogue.BY_COUNTRY),
        )
    ]
    return Section("Catalogue", figures, tables, "" if row["titles"] else "No titles yet.")


def audience(ask: Ask) -> Section:
    """Tell of the streaming service's audience, and of no single user."""
    (row,) = ask(AUDIENCE)
    figures = [
        Figure("Views", formatting.count(row["views"])),
        Figure("Titles watched", formatting.count(row["titles"])),
        Figure("Users", formatting.count(row["users"])),
    ]
    popular = Table(
        "Popular movies",
        ["Title", "Viewers#", "Views#"],
        [
            (cut(each["title"]), formatting.count(each["viewers"]), formatting.count(each["views"]))
            for each in ask(POPULAR)
        ],
    )
    engagement = Table(
        "Engagement by genre",
        ["Genre", "Viewers#", "Views#", "Minutes#"],
        [
            (cut(each["genre"]), *(formatting.count(each[name]) for name in COUNTED))
            for each in ask(ENGAGEMENT)
        ],
    )
    is_empty = not row["views"] and not row["users"]
    return Section("Audience", figures, [popular, engagement], "No views yet." if is_empty else "")


COUNTED = ("viewers", "views", "minutes")


def state_of_data(ask: Ask) -> Section:
    """Tell how the data is: what checks found, and what was refused."""
    (row,) = ask(quality.FIGURES)
    figures = [
        Figure(
            "Checks passed",
            formatting.count(row["passed"]),
            f"of {formatting.count(row['checks'])}",
        ),
        Figure("Warned", formatting.count(row["warned"])),
        Figure("Failed", formatting.count(row["failed"])),
        Figure(
            "Rows in quarantine",
            formatting.count(row["refused"]),
            f"of {formatting.plural(row['refusing'], 'table')}",
        ),
        Figure("Failed runs", formatting.count(row["broken"]), f"of the last {row['runs']}"),
    ]
    found = [each for each in ask(quality.CHECKS) if each["verdict"] in {"failed", "warned"}]
    checks = Table(
        f"What checks found{_of(found, MOST_CHECKS)}",
        ["Check", "Finding"],
        [
            (
                f"{each['table_name']} {each['check_name']}: {each['verdict']}",
                cut(each["finding"], LONGEST_FINDING),
            )
            for each in found[:MOST_CHECKS]
        ],
        is_wide=True,
    )
    refused = ask(quality.QUARANTINE)
    quarantine = Table(
        f"Rows in quarantine{_of(refused, MOST_REFUSED)}",
        ["Table", "Broken rules", "Rows#"],
        [
            (
                each["table_name"],
                cut(each["broken_rules"], LONGEST_FINDING),
                formatting.count(each["rows"]),
            )
            for each in refused[:MOST_REFUSED]
        ],
        is_wide=True,
    )
    empty = "" if row["checks"] else "No checks have been recorded."
    return Section("Quality", figures, [checks, quarantine], empty)


def _of(rows: Sequence[Row], most: int) -> str:
    """Return that a table does not show all."""
    return f", the first {most} of {formatting.count(len(rows))}" if len(rows) > most else ""


PARTS: Iterable[Callable[[Ask], Section]] = (
    movies,
    series,
    releases,
    netflix,
    audience,
    state_of_data,
)


def cut(text: str | None, longest: int = LONGEST) -> str:
    """Return a text as long as the report has room for."""
    if text is None:
        return formatting.NONE
    return text if len(text) <= longest else text[: longest - 1] + ELLIPSIS
