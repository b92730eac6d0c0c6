"""The measures for Power BI, computed by the rules of DAX, are what SQL on the snapshot says."""

import re
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from movies_assets.definitions import TABLES
from movies_assets.orchestration.publishing.published import shared_tables
from movies_assets.serving.powerbi import BOTH_WAYS, MEASURES
from movies_assets_tests.serving.dax import Model, Relationship

SHARED = {name: table.contract for name, table in shared_tables(TABLES).items()}
BY_NAME = {measure.name: measure.dax for measure in MEASURES}
RELATIONSHIPS = [
    Relationship(
        name.split(".")[1], column, target.split(".")[1], SHARED[target].key()[0],
        is_both_ways=f"{name.split('.')[1]}.{column}" in BOTH_WAYS,
    )
    for name, contract in SHARED.items()
    for column, target in contract.references().items()
    if target in SHARED
]  # fmt: skip
USED = {table for measure in MEASURES for table in re.findall(r"'(\w+)'", measure.dax)} | {
    "dim_genre", "genre_junction", "dim_movie", "netflix_dim_category", "netflix_title_category",
    "netflix_dim_country", "netflix_title_country", "netflix_dim_person", "netflix_dim_title",
    "imdb_dim_series",
}  # fmt: skip


@pytest.fixture(scope="module")
def plain(published_day) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(published_day.current(), read_only=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def model(plain) -> Model:
    tables: dict[str, list[dict[str, Any]]] = {}
    for table in USED:
        found = plain.execute(f"FROM gold.{table}")
        names = [column[0] for column in found.description]
        tables[table] = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    kept = [r for r in RELATIONSHIPS if {r.table, r.target} <= USED]
    return Model(tables, kept)


def ask(plain: duckdb.DuckDBPyConnection, sql: str) -> Any:
    ((value,),) = plain.execute(sql).fetchall()
    return value


def kpi(column: str, basis: str) -> str:
    return f"SELECT avg({column}) FROM gold.imdb_series_kpis WHERE {basis} <> 'none'"


MOVIE = "(SELECT DISTINCT ON (movie_key) * FROM gold.imdb_movie_facts)"
SQL = {
    "Movies": "SELECT count(*) FROM gold.fact_movies",
    "Average rating": "SELECT avg(rating) FROM gold.fact_movies",
    "Average runtime": "SELECT avg(runtime_minutes) FROM gold.fact_movies",
    "IMDb movies": f"SELECT count(*) FROM {MOVIE}",
    "IMDb rating": f"SELECT avg(rating) FROM {MOVIE}",
    "IMDb votes": f"SELECT sum(votes) FROM {MOVIE}",
    "Episodes": "SELECT count(*) FROM gold.imdb_episode_facts",
    "Episode rating": "SELECT avg(rating) FROM gold.imdb_episode_facts",
    "Episode votes": "SELECT coalesce(sum(votes), 0) FROM gold.imdb_episode_facts",
    "Avg": kpi("avg_rating", "binge_basis"),
    "Pilot": kpi("pilot_rating", "pilot_basis"),
    "Finale": kpi("finale_rating", "finale_basis"),
    "Finale delta": kpi("finale_delta", "finale_delta_basis"),
    "Best season": kpi("best_season_rating", "best_season_basis"),
    "Binge score": kpi("binge_score", "binge_basis"),
    "Series votes": "SELECT coalesce(sum(popularity), 0) FROM gold.imdb_series_kpis",
    "Votes gained": "SELECT coalesce(sum(votes_gained), 0) FROM gold.imdb_trending_titles",
    "Netflix titles": "SELECT count(*) FROM gold.netflix_fact_titles",
    "Netflix titles as cast": "SELECT count(*) FROM gold.netflix_fact_titles",
    "Netflix titles as director": "SELECT count(*) FROM gold.netflix_fact_titles",
    "OMDb releases": "SELECT sum(total_releases) FROM gold.omdb_releases",
    "Streaming titles": "SELECT count(*) FROM gold.ott_dim_title",
    "Streaming score": "SELECT avg(imdb_score) FROM gold.ott_dim_title",
    "Streaming views": "SELECT coalesce(sum(views), 0) FROM gold.ott_popular_movies "
    "WHERE period = 'overall'",
}


@pytest.mark.parametrize("name", BY_NAME)
def test_a_measure_is_what_sql_says(model, plain, name):
    assert model.value(BY_NAME[name]) == pytest.approx(ask(plain, SQL[name]))


@pytest.mark.parametrize("name", BY_NAME)
def test_of_nothing_a_count_or_sum_is_0_and_a_mean_blank(model, name):
    nothing = Model(dict.fromkeys(model.tables, ()), model.relationships)
    expected = 0 if BY_NAME[name].startswith(("COALESCE", "CALCULATE(COALESCE")) else None
    assert nothing.value(BY_NAME[name]) == expected


KPIS = ["Avg", "Pilot", "Finale", "Finale delta", "Best season", "Binge score"]
BASES = ("pilot_basis", "finale_basis", "best_season_basis", "finale_delta_basis", "binge_basis")
VALUES = (
    "avg_rating", "pilot_rating", "finale_rating", "finale_delta", "best_season_rating",
    "binge_score",
)  # fmt: skip
NONE, SOME = dict.fromkeys(BASES, "none"), dict.fromkeys(VALUES, 6.0)


def series(*keys: int) -> Model:
    """Return series, those of even keys without anything to measure."""
    rows = [
        {"series_key": key, **(SOME if key % 2 else dict.fromkeys(SOME, 0)),
         **(dict.fromkeys(NONE, "known") if key % 2 else NONE)}
        for key in keys
    ]  # fmt: skip
    return Model({"imdb_series_kpis": rows}, [])


@pytest.mark.parametrize("name", KPIS)
def test_a_mean_over_series_leaves_out_those_with_nothing_to_measure(name):
    assert series(1, 2, 4, 6).value(BY_NAME[name]) == 6.0
    assert series(2, 4).value(BY_NAME[name]) is None


@pytest.mark.parametrize("name", KPIS)
def test_one_series_without_a_value_is_0_as_the_original_has_it(name):
    assert series(2).value(BY_NAME[name]) == 0


@pytest.mark.parametrize(
    ("dimension", "key", "bridge", "column", "target", "measure"),
    [
        ("dim_genre", "genre_key", "genre_junction", "movie_key", "fact_movies", "Movies"),
        ("netflix_dim_category", "category_key", "netflix_title_category", "show_key",
         "netflix_fact_titles", "Netflix titles"),
        ("netflix_dim_country", "country_key", "netflix_title_country", "show_key",
         "netflix_fact_titles", "Netflix titles"),
        ("netflix_dim_person", "person_key", "netflix_title_cast", "show_key",
         "netflix_fact_titles", "Netflix titles as cast"),
        ("netflix_dim_person", "person_key", "netflix_title_director", "show_key",
         "netflix_fact_titles", "Netflix titles as director"),
    ],
)  # fmt: skip
def test_a_choice_reaches_the_facts_through_its_bridge(  # noqa: PLR0913, PLR0917 (of a model)
    model, plain, dimension, key, bridge, column, target, measure
):
    for row in model.tables[dimension]:
        chosen = model.choose(dimension, lambda one, row=row: one[key] == row[key])
        counted = ask(
            plain,
            f"SELECT count(*) FROM gold.{target} SEMI JOIN (SELECT * FROM gold.{bridge} "
            f"WHERE {key} = '{row[key]}') AS bridge USING ({column})",
        )
        assert chosen.value(BY_NAME[measure]) == counted


def test_a_person_is_not_counted_by_a_measure_that_no_bridge_of_people_reaches(model):
    chosen = model.choose("netflix_dim_person", lambda _: False)
    assert chosen.value(BY_NAME["Netflix titles"]) == len(model.tables["netflix_fact_titles"])


@pytest.mark.parametrize("formula", ["MEDIAN('a'[b])", "1 + 1", "COUNTROWS('a'", "'a'[b]"])
def test_a_formula_that_is_not_understood_is_refused(formula):
    with pytest.raises((ValueError, IndexError)):
        Model({"a": [{"b": 1}]}, []).value(formula)
