"""How recommendations are measured: by the numbers of TREC's own evaluation, and case by case."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import product
from statistics import mean
from typing import Any

import dagster as dg
import duckdb
import ibis
import ibis.expr.types as ir
import pytest
import pytrec_eval
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from movies_assets.core.check import CheckContext, Finding
from movies_assets.core.markdown import as_markdown
from movies_assets.core.outcome import broken_rules
from movies_assets.definitions import TABLES
from movies_assets.orchestration.assets import asset_key
from movies_assets.sources.ott import evaluation as ott_evaluation
from movies_assets.sources.ott import gold as ott
from movies_assets.warehouse.queries import Queries
from movies_assets.warehouse.schema import ensure_table
from movies_assets.warehouse.sql import compile_sql

QUALITY = TABLES["gold.ott_recommendation_quality"]
SILVER = ("silver.ott_views", "silver.ott_titles", "silver.ott_watched", "silver.ott_users")
MIDNIGHT = datetime(2025, 10, 1, tzinfo=UTC)
MEASURES = {"P_10": "precision", "recall_10": "recall", "ndcg_cut_10": "ndcg"}
PAIR = {"user_id": "string", "title_key": "string"}


def unbound(name: str) -> ir.Table:
    return TABLES[name].contract.table(name)


@cache
def sql_of(name: str) -> str:
    table = TABLES[name]
    return compile_sql(table(*map(unbound, table.reads().values())))


class Lab:
    """A database with silver tables to fill, and expressions over them."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection

    def rows(self, sql: str) -> list[dict[str, Any]]:
        cursor = self.connection.execute(sql)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def put(self, name: str, **values: Any) -> None:
        marks = ", ".join("?" for _ in values)
        statement = f"INSERT INTO {name} ({', '.join(values)}) VALUES ({marks})"
        self.connection.execute(statement, list(values.values()))

    def title(self, name: str, score: float | None = 7.0, *genres: str, **values: Any) -> None:
        known = {"title": name, "title_name": name, "genres": list(genres), "imdb_score": score}
        self.put("silver.ott_titles", title_key=f"{name}-undated", **known, **values)

    def user(self, user_id: int, *genres: str) -> None:
        self.put(
            "silver.ott_users",
            user_id=user_id,
            user_key=f"key {user_id}",
            preferred_genres=list(genres),
        )

    def watch(self, user_id: int, minute: int, *names: str) -> None:
        """Let a user watch titles, some minutes after midnight."""
        self.connection.execute(
            "INSERT INTO silver.ott_views (user_id, title_name, watched_at) "
            "SELECT ?, unnest(?::VARCHAR[]), ?",
            [user_id, list(names), MIDNIGHT + timedelta(minutes=minute)],
        )

    def materialize(self, name: str) -> list[dict[str, Any]]:
        """Make a table of those that are there."""
        self.connection.execute(f"CREATE OR REPLACE TABLE {name} AS {sql_of(name)}")
        return self.rows(f"FROM {name}")

    def quality(self) -> dict[str, dict[str, Any]]:
        self.materialize("silver.ott_watched")
        return {row["strategy"]: row for row in self.materialize(QUALITY.name)}

    def evaluate(self) -> Finding:
        (check,) = QUALITY.checks
        return check.evaluate(CheckContext(QUALITY, None, Queries(self.connection)))


@pytest.fixture
def lab() -> Iterator[Lab]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'; SET threads = 1")
        for name in SILVER:
            ensure_table(connection, name, TABLES[name].contract)
        connection.execute("CREATE SCHEMA gold")
        yield Lab(connection)


# The measures.


@cache
def measured_sql() -> str:
    recommended = ibis.table({"strategy": "string", **PAIR, "rank": "int64"}, name="recommended")
    return compile_sql(ott_evaluation.measured(recommended, ibis.table(PAIR, name="relevant")))


def measure(
    connection: duckdb.DuckDBPyConnection,
    recommended: Mapping[tuple[str, int], list[str]],
    relevant: Mapping[int, set[str]],
) -> dict[str, dict[str, Any]]:
    connection.execute(
        "CREATE OR REPLACE TABLE recommended "
        "(strategy VARCHAR, user_id BIGINT, title_key VARCHAR, rank BIGINT);"
        "CREATE OR REPLACE TABLE relevant (user_id BIGINT, title_key VARCHAR)"
    )
    ranked = [
        (strategy, user, title, rank)
        for (strategy, user), titles in recommended.items()
        for rank, title in enumerate(titles, 1)
    ]
    pairs = [(user, title) for user, titles in relevant.items() for title in titles]
    for name, rows in (("recommended", ranked), ("relevant", pairs)):
        if rows:
            columns = list(map(list, zip(*rows, strict=True)))
            unnested = ", ".join("unnest(?)" for _ in columns)
            connection.execute(f"INSERT INTO {name} SELECT {unnested}", columns)
    return {row["strategy"]: row for row in Lab(connection).rows(measured_sql())}


def trec(run: Mapping[int, list[str]], relevant: Mapping[int, set[str]]) -> dict[str, float]:
    """Return the library's measures; who gets no recommendation counts as zero there, too."""
    judged = {str(user): dict.fromkeys(titles, 1) for user, titles in relevant.items()}
    scored = {
        str(user): {title: -float(rank) for rank, title in enumerate(titles)}
        for user, titles in run.items()
        if titles
    }
    found = pytrec_eval.RelevanceEvaluator(judged, set(MEASURES)).evaluate(scored)
    return {
        f"{ours}_at_10": mean(found.get(user, {}).get(theirs, 0.0) for user in judged)
        for theirs, ours in MEASURES.items()
    }


users = st.integers(1, 4)
titles = st.sampled_from([f"title {number}" for number in range(16)])


@pytest.mark.slow
@hypothesis_settings(max_examples=50)
@given(
    recommended=st.dictionaries(
        st.tuples(st.sampled_from(["one", "other"]), users),
        st.lists(titles, unique=True, max_size=10),
    ),
    relevant=st.dictionaries(users, st.sets(titles, min_size=1), min_size=1),
)
def test_measures_are_those_of_the_library(connection, recommended, relevant):
    judged = {key: found for key, found in recommended.items() if key[1] in relevant}
    figures = measure(connection, judged, relevant)
    assert figures.keys() == {strategy for (strategy, _), found in judged.items() if found}
    for strategy, row in figures.items():
        run = {user: found for (by, user), found in judged.items() if by == strategy}
        for name, value in trec(run, relevant).items():
            assert row[name] == pytest.approx(value, abs=1e-9), name
        assert row["users"] == len(relevant)
        assert row["titles_recommended"] == len(set().union(*run.values()))


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as opened:
        yield opened


def test_the_earlier_a_hit_the_more_it_counts(connection):
    fillers = [f"filler {number}" for number in range(9)]
    gains = [
        measure(connection, {("one", 1): [*fillers[:place], "hit", *fillers[place:]]}, {1: {"hit"}})
        for place in range(10)
    ]
    found = [row["one"]["ndcg_at_10"] for row in gains]
    assert found[0] == 1
    assert found == sorted(found, reverse=True)
    assert len(set(found)) == 10


# What is training, what is test.


def test_the_last_fifth_of_the_events_is_the_test(lab):
    lab.title("a")
    for minute in range(10):
        lab.watch(minute, minute, "a")
        lab.user(minute)
    row = lab.quality()["popularity"]
    assert row["split_at"] == MIDNIGHT + timedelta(minutes=8)
    assert (row["users"], row["relevant_pairs"]) == (2, 2)


def test_events_of_one_minute_are_not_torn_apart(lab):
    lab.title("a")
    for user_id in range(10):
        lab.watch(user_id, 7, "a")
        lab.user(user_id)
    assert lab.quality()["popularity"]["users"] == 10


def test_what_the_catalogue_does_not_have_is_neither_training_nor_test(lab):
    lab.title("a")
    lab.user(1)
    lab.watch(1, 3, "a")
    lab.watch(1, 900, *(f"unknown {number}" for number in range(50)))
    row = lab.quality()["popularity"]
    assert row["split_at"] == MIDNIGHT + timedelta(minutes=3)
    assert row["relevant_pairs"] == 1


def train(lab: Lab) -> None:
    """Let earlier users watch `known`, so that events from minute 10 on are the test."""
    lab.title("known")
    for user_id in range(101, 105):
        lab.watch(user_id, 1, "known")


def test_what_was_watched_before_is_neither_relevant_nor_recommended(lab):
    train(lab)
    lab.user(101)
    lab.watch(101, 10, "known")
    assert lab.quality()["popularity"]["relevant_pairs"] == 0
    lab.title("new")
    lab.watch(101, 10, "new")
    for strategy, row in lab.quality().items():
        assert row["relevant_pairs"] == 1
        assert (row["titles_recommended"], row["recall_at_10"]) == (1, 1), strategy


def test_a_user_who_has_seen_nothing_in_training_is_evaluated(lab):
    train(lab)
    lab.user(1)
    lab.watch(1, 10, "known")
    row = lab.quality()["popularity"]
    assert (row["users"], row["precision_at_10"], row["recall_at_10"]) == (1, 0.1, 1)


def test_users_without_relevant_titles_or_not_listed_are_not_evaluated(lab):
    train(lab)
    lab.user(101)
    lab.watch(999, 10, "known")
    row = lab.quality()["popularity"]
    assert (row["users"], row["relevant_pairs"], row["titles_recommended"]) == (0, 0, 0)


# The strategies.


def crowd(lab: Lab) -> None:
    """A test user and 12 titles: `t00` is watched most in training, `t11` most of all after it.

    The catalogue's own count knows the latter.
    """
    for number in range(12):
        lab.title(f"t{number:02}", 7.0 + number / 10, "drama", views=number * 1_000)
        for user_id in range(40 - number):
            lab.watch(1_000 + user_id, number, f"t{number:02}")
    lab.user(1, "drama")
    for user_id in range(50):
        lab.watch(2_000 + user_id, 500, "t11")
    lab.watch(1, 500, "t11")


def test_training_does_not_know_what_is_popular_later(lab):
    crowd(lab)
    figures = lab.quality()
    assert figures["popularity"]["titles_recommended"] == 10
    assert figures["popularity"]["recall_at_10"] == 0
    lab.connection.execute("UPDATE silver.ott_titles SET views = NULL")
    assert lab.quality() == figures


@pytest.mark.slow
def test_production_is_measured_as_gold_recommends(lab):
    genres = ["drama", "comedy", "war"]
    for number in range(40):
        lab.title(f"t{number:02}", (1 + number % 9) if number % 7 else None, genres[number % 3])
    for user_id, number in product(range(1, 31), range(40)):
        if (user_id * 7 + number * 11) % 5 == 0:
            lab.watch(user_id, user_id + number, f"t{number:02}")
    for user_id in range(1, 26):
        lab.user(user_id, *genres[: user_id % 3])
    lab.materialize("silver.ott_watched")
    lab.materialize("gold.ott_top_movies_by_genre")
    stored = lab.materialize("gold.ott_recommendations")
    seen = unbound("silver.ott_watched")
    titles = ott.with_views(unbound("silver.ott_titles"), seen)
    found = ott_evaluation.recommended_by_each(titles, unbound("silver.ott_users"), seen)
    rows = lab.rows(compile_sql(found.filter(found.strategy == "preferred_genres")))
    assert len(stored) > 200
    assert {(f"key {row['user_id']}", row["rank"], row["title_key"]) for row in rows} == {
        (row["user_key"], row["rank"], row["title_key"]) for row in stored
    }


@pytest.mark.slow
def test_popularity_is_what_most_watched_and_the_user_has_not(lab):
    crowd(lab)
    watched = ibis.table({**PAIR, "views": "int64"}, name="ott_watched", database="silver")
    lab.materialize("silver.ott_watched")
    lab.connection.execute("UPDATE silver.ott_titles SET views = NULL")
    lab.user(1_000)  # has seen all
    lab.user(1_035)  # has seen t00 to t04
    titles = ott.with_views(unbound("silver.ott_titles"), watched)
    found = ott_evaluation.recommended_by_each(titles, unbound("silver.ott_users"), watched)
    found = found.filter(found.strategy == "popularity").order_by("user_id", "rank")
    rows = lab.rows(compile_sql(found))
    assert {row["user_id"] for row in rows} == {"1", "1035"}
    best = [f"t{number:02}-undated" for number in (11, 5, 6, 7, 8, 9, 10)]
    assert [row["title_key"] for row in rows if row["user_id"] == "1035"] == best


def test_chance_has_many_orders_of_all_titles_and_has_them_again(lab):
    for number in range(12):
        lab.title(f"t{number:02}", None)
    sql = compile_sql(ott_evaluation.shuffled(unbound("silver.ott_titles")))
    rows = lab.rows(sql)
    orders: dict[str, list[str]] = {}
    for row in sorted(rows, key=lambda row: row["place"]):
        orders.setdefault(row["list"], []).append(row["title_key"])
    assert len(set(map(tuple, orders.values()))) == ott_evaluation.RANDOM_LISTS
    assert {len(order) for order in orders.values()} == {12}
    assert {frozenset(order) for order in orders.values()} == {frozenset(orders["0"])}
    lab.connection.execute("CREATE TABLE t AS FROM silver.ott_titles ORDER BY title_key DESC")
    lab.connection.execute("DELETE FROM silver.ott_titles; INSERT INTO silver.ott_titles FROM t")
    assert sorted(map(str, lab.rows(sql))) == sorted(map(str, rows))


@pytest.mark.slow
def test_means_are_the_same_in_any_order_of_the_rows(lab):
    # Their mean is 8.4171875, between two numbers of six decimals: a matter of the last digit.
    scores = [round(9.9 - number * 0.05 + (number % 7) * 0.03, 1) for number in range(64)]
    scores[0] -= 0.1
    found = set()
    for step in range(1, 64, 2):
        lab.connection.execute("DELETE FROM silver.ott_titles")
        for number in range(64):
            place = number * step % 64
            lab.title(f"t{place:02}", scores[place], "drama", views=0 if place else 1)
        tables = ("gold.ott_top_movies_by_genre", "gold.ott_genre_engagement")
        found.add(str([sorted(map(str, lab.rows(sql_of(table)))) for table in tables]))
    assert len(found) == 1


# The table and its check.


def taste(lab: Lab) -> None:
    """Each user watches titles of one genre only, and prefers it."""
    for genre, number in product(["drama", "war"], range(30)):
        lab.title(f"{genre}{number:02}", 9 - number / 10, genre)
    for user_id in range(1, 61):
        genre = ["drama", "war"][user_id % 2]
        lab.user(user_id, genre)
        lab.watch(user_id, user_id % 40, *(f"{genre}{number:02}" for number in range(8)))
        lab.watch(user_id, 900, *(f"{genre}{number:02}" for number in (8, 9)))


def test_where_tastes_are_planted_production_is_first_and_the_check_green(lab):
    taste(lab)
    figures = lab.quality()
    assert list(figures) == ["preferred_genres", "popularity", "random"]
    assert figures["preferred_genres"]["recall_at_10"] == 1
    found = lab.evaluate()
    assert found.passed
    assert not any(found.broken.values())
    assert as_markdown(found.metadata["figures"]).count("\n") == 4


def test_where_tastes_are_wrong_the_check_warns_and_says_of_what(lab):
    taste(lab)
    lab.connection.execute(
        "UPDATE silver.ott_users SET preferred_genres = "
        "[CASE preferred_genres[1] WHEN 'war' THEN 'drama' ELSE 'war' END]"
    )
    figures = lab.quality()
    assert figures["preferred_genres"]["recall_at_10"] == 0
    found = lab.evaluate()
    assert found.verdict == "warned"
    assert "ndcg_at_10 not above that of popularity" in str(found.description)


@pytest.mark.slow
@pytest.mark.parametrize("measure_name", ["ndcg_at_10", "recall_at_10"])
@pytest.mark.parametrize("baseline", ["popularity", "random"])
def test_each_measure_is_compared_with_each_baseline(lab, measure_name, baseline):
    taste(lab)
    lab.quality()
    as_good = f"(SELECT max({measure_name}) FROM {QUALITY.name})"
    lab.connection.execute(
        f"UPDATE {QUALITY.name} SET {measure_name} = {as_good} WHERE strategy = '{baseline}'"
    )
    broken = [rule for rule, count in lab.evaluate().broken.items() if count]
    assert broken == [f"{measure_name} not above that of {baseline}"]


def test_without_events_nothing_is_known_and_the_check_warns(lab):
    lab.title("a")
    lab.user(1)
    figures = lab.quality()
    assert figures.keys() == {"preferred_genres", "popularity", "random"}
    for row in figures.values():
        assert (row["users"], row["ndcg_at_10"], row["split_at"]) == (0, None, None)
    assert not lab.evaluate().passed


def test_a_strategy_that_recommends_nothing_has_zeros(lab):
    train(lab)
    lab.connection.execute("UPDATE silver.ott_titles SET imdb_score = NULL")
    lab.user(1)
    lab.watch(1, 10, "known")
    row = lab.quality()["preferred_genres"]
    assert (row["users"], row["ndcg_at_10"], row["catalogue_coverage"]) == (1, 0, 0)


def test_coverage_is_of_the_whole_catalogue(lab):
    train(lab)
    for number in range(39):
        lab.title(f"t{number:02}")
    lab.user(1)
    lab.watch(1, 10, "known")
    row = lab.quality()["popularity"]
    assert (row["titles_recommended"], row["catalogue_coverage"]) == (10, 0.25)


def test_the_rows_keep_the_contract(lab):
    taste(lab)
    lab.quality()
    schema = QUALITY.contract.types()
    rows = ibis.table(schema, name="ott_recommendation_quality", database="gold")
    broken = rows.filter(broken_rules(rows, QUALITY.contract) != "")
    assert lab.rows(compile_sql(broken)) == []
    assert set(schema) == set(lab.quality()["random"])


# The job.


@pytest.mark.slow
def test_the_job_is_its_own_and_shows_every_strategy(platform):
    day = date(2025, 10, 30)
    with platform.warehouse.session() as connection, platform.warehouse.transaction(connection):
        for name in SILVER:
            ensure_table(connection, name, TABLES[name].contract)
        connection.execute("CREATE SCHEMA gold")
        taste(Lab(connection))
        connection.execute(f"INSERT INTO silver.ott_watched BY NAME {sql_of('silver.ott_watched')}")
        connection.execute(f"UPDATE silver.ott_titles SET arrived_date = '{day}'")
    job = platform.defs.resolve_job_def("evaluate_recommendations")
    result = job.execute_in_process(instance=platform.instance)
    (event,) = result.asset_materializations_for_node("gold__ott_recommendation_quality")
    shown = str(event.metadata["sample"].value).splitlines()[2:]
    strategies = [line.split("|")[1].strip() for line in shown]
    assert strategies == ["preferred_genres", "popularity", "random"]
    checks = {found.check_name: found.passed for found in result.get_asset_check_evaluations()}
    assert checks["beats_popularity"]
    assert checks["contract"]


def test_no_delivery_waits_for_the_evaluation(platform):
    for name in ("ott_daily", "ott_files"):
        selected = platform.defs.resolve_job_def(name).asset_layer.executable_asset_keys
        assert dg.AssetKey(["gold", "ott_recommendations"]) in selected
        assert asset_key(QUALITY.key) not in selected
