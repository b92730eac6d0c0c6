"""Every number of every page is what plain SQL on the snapshot says, without a filter."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import pytest

from movies_assets.dashboard.filters import State
from movies_assets.dashboard.pages import (
    audience,
    catalogue,
    data,
    home,
    movies,
    person,
    quality,
    releases,
    series,
    table,
    title,
)
from movies_assets.dashboard.server import PAGES
from movies_assets.serving.reader import OpenSnapshot
from movies_assets_tests.dashboard.test_pages import opened


def total(rows: list[dict[str, Any]], column: str) -> int:
    return sum(row[column] for row in rows)


MOVIE = "(SELECT DISTINCT ON (movie_key) * FROM gold.imdb_movie_facts)"
AT_NETFLIX = """
    SELECT person_key, show_key, 'actor' FROM gold.netflix_title_cast
    UNION SELECT person_key, show_key, 'director' FROM gold.netflix_title_director"""
KEY = {
    "table": "(SELECT min(table_name) FROM meta.tables WHERE layer = 'gold')",
    "person": "(SELECT person_key FROM gold.netflix_title_cast WHERE person_key <> 'unknown' "
    "GROUP BY ALL ORDER BY count(*) DESC, person_key LIMIT 1)",
    "series": "(SELECT max_by(series_key, popularity) FROM gold.imdb_series_kpis)",
    "title": "(SELECT max_by(title_key, votes) FROM gold.dim_title)",
}
# A page, its number as loaded, and the SQL of the same.
SUMS: list[tuple[Any, str, Callable[[Any], Any], str]] = [
    (home, "titles", lambda d: d.figures["titles"], "SELECT count(*) FROM gold.dim_title"),
    (home, "in several sources", lambda d: d.figures["shared"],
     "SELECT count(*) FROM gold.dim_title WHERE sources_count > 1"),
    (home, "rated", lambda d: d.figures["rated"], "SELECT count(rating) FROM gold.dim_title"),
    (home, "rows", lambda d: d.figures["rows"],
     "SELECT sum(rows) FROM meta.tables WHERE is_published"),
    (home, "checks", lambda d: d.figures["checks"], "SELECT count(*) FROM meta.checks"),
    (home, "uploads", lambda d: len(d.uploads), "SELECT count(*) FROM gold.fact_movies"),
    (home, "sources", lambda d: len(d.freshness),
     "SELECT count(DISTINCT source) - 1 FROM meta.tables WHERE layer = 'bronze'"),
    (movies, "movies", lambda d: d.kpis["movies"], f"SELECT count(*) FROM {MOVIE}"),
    (movies, "rated", lambda d: d.kpis["rated"], f"SELECT count(rating) FROM {MOVIE}"),
    (movies, "votes", lambda d: d.kpis["votes"], f"SELECT sum(votes) FROM {MOVIE}"),
    (movies, "mean", lambda d: round(d.kpis["mean"], 9),
     f"SELECT round(avg(rating), 9) FROM {MOVIE}"),
    (movies, "running time", lambda d: d.kpis["runtime"],
     f"SELECT median(runtime_minutes) FROM {MOVIE}"),
    (movies, "genres", lambda d: total(d.by_genre, "movies"),
     "SELECT count(*) FROM gold.imdb_movie_facts"),
    (movies, "genres by decade", lambda d: total(d.by_genre_and_decade, "movies"),
     "SELECT count(*) FROM gold.imdb_movie_facts"),
    (movies, "bands", lambda d: total(d.by_band, "movies"), f"SELECT count(*) FROM {MOVIE}"),
    (movies, "ratings and votes", lambda d: total(d.cells, "movies"),
     f"SELECT count(*) FROM {MOVIE} WHERE rating IS NOT NULL AND votes > 0"),
    (movies, "newest uploads", lambda d: len(d.newest), "SELECT count(*) FROM gold.fact_movies"),
    (series, "episodes", lambda d: d.about["episodes"],
     f"SELECT count(*) FROM gold.imdb_episode_facts WHERE series_key = {KEY['series']}"),
    (series, "seasons", lambda d: total(d.seasons, "episodes_in_season"),
     f"SELECT count(*) FROM gold.imdb_episode_facts WHERE series_key = {KEY['series']}"),
    (series, "rated", lambda d: sum(row["rating"] is not None for row in d.episodes),
     f"SELECT count(rating) FROM gold.imdb_episode_facts WHERE series_key = {KEY['series']}"),
    (series, "votes", lambda d: d.about["popularity"],
     f"SELECT sum(votes) FROM gold.imdb_episode_facts WHERE series_key = {KEY['series']}"),
    (releases, "titles", lambda d: d.totals["titles"],
     "SELECT sum(total_releases) FROM gold.omdb_releases"),
    (releases, "by year", lambda d: total(d.by_year, "total_releases"),
     "SELECT sum(total_releases) FROM gold.omdb_releases"),
    (catalogue, "titles", lambda d: d.figures["titles"],
     "SELECT count(*) FROM gold.netflix_fact_titles"),
    (catalogue, "months", lambda d: total(d.by_month, "titles"),
     "SELECT count(date_added) FROM gold.netflix_dim_title"),
    (catalogue, "countries", lambda d: total(d.by_country, "titles"),
     "SELECT count(*) FROM gold.netflix_title_country"),
    (catalogue, "categories", lambda d: total(d.by_category, "titles"),
     "SELECT count(*) FROM gold.netflix_title_category"),
    (catalogue, "ages", lambda d: total(d.by_ages, "titles"),
     "SELECT count(*) FROM gold.netflix_dim_title"),
    (catalogue, "minutes", lambda d: total(d.by_minutes, "titles"),
     "SELECT count(duration_minutes) FROM gold.netflix_fact_titles WHERE type_flag = 1"),
    (audience, "views", lambda d: d.watched["views"],
     "SELECT sum(views) FROM gold.ott_popular_movies WHERE watched_date IS NOT NULL"),
    (audience, "days", lambda d: sum(row["views"] or 0 for row in d.by_day),
     "SELECT sum(views) FROM gold.ott_popular_movies WHERE period = 'overall'"),
    (audience, "users", lambda d: d.watched["users"], "SELECT count(*) FROM gold.ott_dim_user"),
    (audience, "recommended", lambda d: d.watched["served"],
     "SELECT count(DISTINCT user_key) FROM gold.ott_recommendations"),
    (quality, "verdicts", lambda d: total(d.verdicts, "checks"),
     "SELECT count(*) FROM meta.checks"),
    (quality, "passed", lambda d: d.figures["passed"],
     "SELECT count(*) FROM meta.checks WHERE verdict = 'passed'"),
    (quality, "quarantine", lambda d: total(d.quarantine, "rows"),
     "SELECT coalesce(sum(rows), 0) FROM meta.quarantine"),
    (quality, "tables", lambda d: len(d.freshness), "SELECT count(*) FROM meta.tables"),
    (data, "tables", lambda d: len(d.tables), "SELECT count(*) FROM meta.tables"),
    (data, "rows", lambda d: sum(row["rows"] or 0 for row in d.tables),
     "SELECT sum(rows) FROM meta.tables"),
    (table, "columns", lambda d: len(d.described.columns),
     f"SELECT count(*) FROM meta.columns WHERE table_name = {KEY['table']}"),
    (table, "origins", lambda d: len(d.origins),
     f"SELECT count(*) FROM meta.column_lineage WHERE table_name = {KEY['table']}"),
    (title, "votes", lambda d: d.about["votes"], "SELECT max(votes) FROM gold.dim_title"),
    (title, "links", lambda d: len(d.links),
     f"SELECT count(*) FROM gold.title_links WHERE title_key = {KEY['title']}"),
    (title, "offers", lambda d: total(d.available, "listings"),
     f"SELECT count(*) FROM gold.title_links WHERE title_key = {KEY['title']}"),
    (person, "at Netflix", lambda d: sum(row["source"] == "netflix" for row in d.credits),
     f"SELECT count(*) FROM ({AT_NETFLIX}) WHERE person_key = {KEY['person']}"),
]  # fmt: skip


@pytest.fixture(scope="module")
def plain(published_day) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(published_day.current(), read_only=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def snapshot(published_day) -> OpenSnapshot:
    return opened(published_day.current())


@pytest.mark.parametrize(
    ("page", "number", "sql"),
    [
        pytest.param(page, number, sql, id=f"{page.PAGE.title}, {name}")
        for page, name, number, sql in SUMS
    ],
)
def test_a_number_is_what_sql_says(snapshot, plain, page, number, sql):
    async def loaded() -> Any:
        resolve, state = page.PAGE.resolve, State()
        return await page.load(snapshot, await resolve(snapshot, state) if resolve else state)

    ((expected,),) = plain.execute(sql).fetchall()
    assert number(asyncio.run(loaded())) == expected


def test_every_page_with_numbers_is_walked():
    assert {page.PAGE.path for page, *_ in SUMS} | {"/sql"} >= {page.path for page in PAGES}
