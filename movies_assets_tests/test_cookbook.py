"""Every query of docs/reference/cookbook.md runs, has rows, and fits its description."""

import re
from pathlib import Path
from typing import Any, NamedTuple

import dagster as dg
import duckdb
import pytest

from movies_assets.settings import PROJECT_ROOT, load
from movies_assets.warehouse.published import Published
from movies_assets_tests.conftest import Platform
from movies_assets_tests.once import folder_of_all_workers

# A day of every source is materialized.
pytestmark = pytest.mark.slow
COOKBOOK = PROJECT_ROOT / "docs" / "reference" / "cookbook.md"
QUESTION = re.compile(
    r"^### (?P<number>\d+)\. [^\n]+\n(?:(?!^#).)*?"
    r"^```sql\n(?P<sql>.*?)^```\n(?P<after>.*?)(?=^##|\Z)",
    re.MULTILINE | re.DOTALL,
)
NAME = re.compile(r"`([a-z_0-9]+)`")


class Recipe(NamedTuple):
    """A question of the cookbook."""

    number: int
    sql: str
    named: set[str]


TEXT = COOKBOOK.read_text(encoding="utf-8")
RECIPES = [
    Recipe(int(found["number"]), found["sql"], set(NAME.findall(found["after"])))
    for found in QUESTION.finditer(TEXT)
]


@pytest.fixture(scope="session")
def sample_snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A snapshot of some days of the embedded sample, of each source."""
    folder = folder_of_all_workers(tmp_path_factory, "sample_snapshot", run_sample)
    return Published(load(data_dir=folder).published_folder).current()


def run_sample(folder: Path) -> None:
    """Run some newest partitions of each source as `make run` does, and publish."""
    first, last = "2025-10-30", "2025-10-31"
    dumps = ["title.basics", "title.ratings", "title.episode"]
    settings = load(data_dir=folder, yts={"first_day": first}, imdb={"files": dumps})
    with dg.DagsterInstance.ephemeral() as ephemeral:
        platform = Platform(settings, ephemeral)
        for job in ("yts_daily", "netflix_daily", "ott_daily"):
            platform.run(first, last, job=job)
        platform.run("2025", job="omdb_yearly")
        platform.run(first, last, job="imdb_daily")
        platform.defs.resolve_job_def("titles").execute_in_process(instance=ephemeral)


@pytest.fixture(scope="session")
def shuffled(sample_snapshot: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same snapshot with all rows in another order."""
    path = tmp_path_factory.mktemp("shuffled") / "shuffled.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute(f"ATTACH '{sample_snapshot}' AS sample (READ_ONLY)")
        connection.execute("CREATE SCHEMA gold")
        for (name,) in connection.execute(
            "SELECT table_name FROM duckdb_tables() "
            "WHERE database_name = 'sample' AND schema_name = 'gold'"
        ).fetchall():
            connection.execute(
                f"CREATE TABLE gold.{name} AS FROM sample.gold.{name} t ORDER BY hash(t)"
            )
    return path


def ask(path: Path, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    with duckdb.connect(path, read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        rows = connection.execute(sql).fetchall()
        return [column[0] for column in connection.description or ()], rows


def test_the_questions_are_numbered_in_order_each_with_one_query():
    assert [recipe.number for recipe in RECIPES] == [*range(1, 24)]
    assert TEXT.count("```sql") == TEXT.count("\n### ") == len(RECIPES)


def test_all_five_sources_and_the_quality_are_asked_and_no_single_user():
    asked = {name for recipe in RECIPES for name in re.findall(r"gold\.(\w+)", recipe.sql)}
    for needed in ("fact_movies", "genre_junction", "netflix_fact_titles", "omdb_releases",
                   "ott_genre_engagement", "imdb_series_kpis", "imdb_season_trends",
                   "imdb_trending_titles", "title_availability", "title_links",
                   "data_quality_snapshot"):  # fmt: skip
        assert needed in asked
    assert not asked & {"ott_dim_user", "ott_recommendations"}


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: str(recipe.number))
def test_a_query_answers_with_the_columns_that_its_prose_names(sample_snapshot, recipe):
    columns, rows = ask(sample_snapshot, recipe.sql)
    assert rows
    assert recipe.named == set(columns)
    assert len(columns) == len(set(columns))


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: str(recipe.number))
def test_an_answer_does_not_depend_on_the_order_of_rows(sample_snapshot, shuffled, recipe):
    assert ask(sample_snapshot, recipe.sql) == ask(shuffled, recipe.sql)


def answer(path: Path, number: int) -> list[dict[str, Any]]:
    (recipe,) = [recipe for recipe in RECIPES if recipe.number == number]
    columns, rows = ask(path, recipe.sql)
    return [dict(zip(columns, row, strict=True)) for row in rows]


def one(path: Path, sql: str) -> Any:
    ((value,),) = ask(path, sql)[1]
    return value


@pytest.mark.parametrize(
    ("number", "column", "total"),
    [
        (1, "movies", "SELECT count(*) FROM gold.fact_movies"),
        (3, "movies", "SELECT count(*) FROM gold.fact_movies"),
        (4, "movies", "SELECT count(*) FROM gold.fact_movies"),
        (7, "titles", "SELECT count(*) FROM gold.netflix_fact_titles"),
        (2, "movies", "SELECT count(*) FROM gold.genre_junction"),
        (8, "titles", "SELECT count(*) FROM gold.netflix_title_country"),
        (11, "total_releases", "SELECT sum(total_releases) FROM gold.omdb_releases"),
        (14, "views", "SELECT sum(views) FROM gold.ott_popular_movies WHERE period = 'overall'"),
        (16, "movies", "SELECT count(DISTINCT movie_key) FROM gold.imdb_movie_facts"),
    ],
)
def test_nothing_is_lost_or_counted_twice_by_a_join(sample_snapshot, number, column, total):
    rows = answer(sample_snapshot, number)
    assert sum(row[column] for row in rows) == one(sample_snapshot, total)


def test_the_parts_of_a_row_add_up(sample_snapshot):
    for row in answer(sample_snapshot, 3):
        bands = ("excellent", "great", "good", "ok", "unrated")
        assert sum(row[band] for band in bands) == row["movies"]
    for row in answer(sample_snapshot, 16):
        assert row["rated"] <= row["movies"]


def test_a_pair_of_genres_is_counted_as_python_counts_it(sample_snapshot):
    _, pairs = ask(
        sample_snapshot,
        "SELECT movie_key, genre_name FROM gold.genre_junction "
        "JOIN gold.dim_genre USING (genre_key)",
    )
    genres: dict[int, set[str]] = {}
    for movie, genre in pairs:
        genres.setdefault(movie, set()).add(genre)
    for row in answer(sample_snapshot, 5):
        both = {row["genre"], row["other_genre"]}
        assert row["movies"] == sum(both <= found for found in genres.values())


def test_directors_are_credited_with_as_many_titles_as_they_have(sample_snapshot):
    for row in answer(sample_snapshot, 9):
        name = row["person_name"].replace("'", "''")
        assert row["titles"] == one(
            sample_snapshot,
            "SELECT count(*) FROM gold.netflix_title_director JOIN gold.netflix_dim_person "
            f"USING (person_key) WHERE person_name = '{name}'",
        )


def test_a_title_is_named_once_however_many_genres_it_has(sample_snapshot):
    titles = [(row["title"], row["views"]) for row in answer(sample_snapshot, 15)]
    assert len(titles) == len(set(titles))
    newest = [(row["title"], row["uploaded_date"]) for row in answer(sample_snapshot, 6)]
    assert len(newest) == len(set(newest))
