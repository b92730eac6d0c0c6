"""The streaming service's gold tables: hand-made cases, and a plain implementation to compare with.

Silver rows are given; a title that is not described is one of drama with a score of 5.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from random import Random
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pytest

from movies_assets.definitions import TABLES
from movies_assets.sources.ott.gold import RECOMMENDED
from movies_assets.warehouse.schema import ensure_table
from movies_assets.warehouse.sql import compile_sql
from movies_assets_tests.conftest import STORED_DAY
from movies_assets_tests.sources.shared.test_names import identity_of, ready

Row = dict[str, Any]
TABLES_BELOW = [
    "silver.ott_watched",
    "silver.ott_unmatched",
    "gold.ott_dim_user",
    "gold.ott_top_movies_by_genre",
    "gold.ott_genre_engagement",
    "gold.ott_popular_movies",
    "gold.ott_recommendations",
]


def title(name: str, genres: Sequence[str] = ("drama",), **columns: Any) -> Row:
    return {
        "title_key": f"{name}-{columns.get('premiere', 'undated')}",
        "title_name": name,
        "title": name.title(),
        "genres": list(genres) or None,
        "imdb_score": 5.0,
        "views": 0,
        **columns,
    }


def view(user: int, name: str, at: str = f"{STORED_DAY} 20:00:00+00", **columns: Any) -> Row:
    return {"user_id": user, "title_name": name, "title": name, "watched_at": at, **columns}


def user(number: int, *genres: str) -> Row:
    return {"user_id": number, "user_key": f"key{number}", "preferred_genres": list(genres)}


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for name in TABLES:
            if "ott_" in name and not name.startswith("bronze."):
                ensure_table(connection, name, TABLES[name].contract)
        ready(connection)
        yield connection


@pytest.fixture
def computed(connection: duckdb.DuckDBPyConnection) -> Callable[..., None]:
    """Fill every table from silver's titles, views and users."""

    def compute(**silver: Sequence[Mapping[str, Any]]) -> None:
        for name in ("titles", "views", "users"):
            connection.execute(f"DELETE FROM silver.ott_{name}")
            for row in silver.get(name, ()):
                marks = ", ".join("?" for _ in row)
                connection.execute(
                    f"INSERT INTO silver.ott_{name} ({', '.join(row)}) VALUES ({marks})",
                    [*row.values()],
                )
        for name in TABLES_BELOW:
            table = TABLES[name]
            rows = table(*(TABLES[s].contract.table(s) for s in table.reads().values()))
            connection.execute(f"DELETE FROM {name}")
            connection.execute(f"INSERT INTO {name} BY NAME {compile_sql(rows)}")

    return compute


@pytest.fixture
def ask(connection: duckdb.DuckDBPyConnection) -> Callable[[str], list[tuple[Any, ...]]]:
    return lambda query: connection.execute(query).fetchall()


@pytest.fixture
def named(connection: duckdb.DuckDBPyConnection) -> Callable[[str], str]:
    """Return a name in the form by which silver distinguishes titles."""
    return partial(identity_of, connection)


# Matching.


@pytest.mark.slow
@pytest.mark.parametrize(
    ("watched", "found"),
    [
        ("1999-12-31", None),
        ("2000-01-01", "remade-2000-01-01"),
        ("2019-12-31", "remade-2000-01-01"),
        ("2020-01-01", "remade-2020-01-01"),
        ("2025-10-30", "remade-2020-01-01"),
    ],
)
def test_of_titles_of_one_name_the_one_counts_that_premiered_last(computed, ask, watched, found):
    titles = [title("remade", premiere=day) for day in ("2000-01-01", "2020-01-01")]
    computed(titles=titles, views=[view(1, "remade", f"{watched} 12:00:00+00")])
    assert ask("SELECT title_key FROM silver.ott_watched") == ([(found,)] if found else [])


def test_a_title_without_a_premiere_was_always_there(computed, ask):
    titles = [title("a"), title("a", premiere="2020-01-01")]
    views = [view(1, "a", "1990-01-01 00:00:00+00"), view(1, "a", "2021-01-01 00:00:00+00")]
    computed(titles=titles, views=views)
    found = ask("SELECT title_key FROM silver.ott_watched ORDER BY first_watched_at")
    assert found == [("a-undated",), ("a-2020-01-01",)]


def test_what_matches_nothing_is_kept_with_its_reason_and_counted(computed, ask):
    computed(
        titles=[title("late", premiere="2026-01-01"), title("there")],
        views=[view(1, "late"), view(2, "late"), view(1, "there"), view(1, "nowhere")],
    )
    assert ask(
        "SELECT title_name, reason, candidates, views FROM silver.ott_unmatched ORDER BY ALL"
    ) == [
        ("late", "watched before the premiere", ["Late"], 2),
        ("nowhere", "not in the catalogue", [], 1),
    ]
    assert ask("SELECT sum(views) FROM silver.ott_watched") == [(1,)]


def test_what_a_user_watched_of_a_title_is_summed_up(computed, ask):
    views = [
        view(1, "a", "2025-10-29 10:00:00+00", minutes=10.0),
        view(1, "a", "2025-10-30 10:00:00+00", minutes=None),
        view(1, "a", "2025-10-28 10:00:00+00", minutes=2.5),
        view(2, "a", minutes=None),
    ]
    computed(titles=[title("a")], views=views)
    found = ask(
        "SELECT user_id, views, minutes, views_without_minutes, first_watched_at::DATE, "
        "last_watched_at::DATE FROM silver.ott_watched ORDER BY user_id"
    )
    assert found == [
        ("1", 3, 12.5, 1, date(2025, 10, 28), date(2025, 10, 30)),
        ("2", 1, None, 1, date(2025, 10, 30), date(2025, 10, 30)),
    ]


# What files write, and what events do.
CATALOGUE = (
    "M*A*S*H", "Rocco's", "Blame", "Blame!", "Sébastian", "Sebastian", "I\u015f\u0131klar",
    "Spider-Man", "कुमार", "कमार", "Ёлки", "???", "Łódź", "Straße",
)  # fmt: skip


MEANT = [
    ("M*A*S*H", "M*A*S*H"),
    ("MASH", "M*A*S*H"),
    ("mash", "M*A*S*H"),
    ("Roccos", "Rocco's"),
    ("Rocco\u2019s", "Rocco's"),
    ("IŞIKLAR", "I\u015f\u0131klar"),
    ("ISIKLAR", "I\u015f\u0131klar"),
    ("SPIDER MAN", "Spider-Man"),
    ("Spiderman", "Spider-Man"),
    ("ЕЛКИ", "Ёлки"),
    ("lodz", "Łódź"),
    ("STRASSE", "Straße"),
    ("blame", "Blame"),
    ("BLAME!", "Blame!"),
    ("sebastian", "Sebastian"),
    ("sébastian", "Sébastian"),
    ("कुमार", "कुमार"),
    ("कमार", "कमार"),
    ("कमार!", "कमार"),
    ("???", "???"),
    # Not clear, or nothing like it.
    ("Blame?", None),
    ("Sebästian", None),
    ("कूमार", None),
    ("!!!", None),
    ("Spi derman", None),
]


def test_an_event_means_the_title_of_its_name_else_the_only_one_that_is_alike(
    computed, ask, named, subtests
):
    titles = [title(named(name), title=name) for name in CATALOGUE]
    views = [view(n, named(written), title=written) for n, (written, _) in enumerate(MEANT)]
    computed(titles=titles, views=views)
    watched = dict(
        ask(
            "SELECT user_id, title FROM silver.ott_watched JOIN silver.ott_titles USING (title_key)"
        )
    )
    for n, (written, found) in enumerate(MEANT):
        with subtests.test(written=written):
            assert watched.get(str(n)) == found


@pytest.mark.parametrize(
    ("written", "reason", "candidates"),
    [
        ("Blame?", "several titles fit", ["Blame", "Blame!"]),
        ("Blam", "not in the catalogue", []),
        ("Late", "watched before the premiere", ["Late!"]),
    ],
)
def test_what_matches_nothing_names_its_candidates(
    computed, ask, named, written, reason, candidates
):
    names = {"Blame": None, "Blame!": None, "Late!": "2099-01-01"}
    computed(
        titles=[title(named(n), title=n, premiere=day) for n, day in names.items()],
        views=[view(1, named(written), title=written)],
    )
    assert ask("SELECT reason, candidates FROM silver.ott_unmatched") == [(reason, candidates)]


@pytest.mark.parametrize(
    ("watched", "found"), [("2019-12-31", "a-undated"), ("2020-01-01", "a-2020")]
)
def test_where_only_the_year_is_known_a_title_begins_with_it(computed, ask, watched, found):
    titles = [title("a"), title("a", title_key="a-2020", release_year=2020)]
    computed(titles=titles, views=[view(1, "a", f"{watched} 12:00:00+00")])
    assert ask("SELECT title_key FROM silver.ott_watched") == [(found,)]


# Top lists.


def test_the_weighted_score_is_the_formulas(computed, ask):
    random = Random(1)  # noqa: S311 (nothing to guess)
    found = [(random.randrange(1000), round(random.uniform(1, 10), 1)) for _ in range(23)]
    titles = [title(f"t{n}", views=v, imdb_score=r) for n, (v, r) in enumerate(found)]
    computed(titles=titles)
    views, scores = (np.array(column, dtype=float) for column in zip(*found, strict=True))
    known, mean = np.quantile(views, 0.6), scores.mean()
    expected = views / (views + known) * scores + known / (views + known) * mean
    stored = ask("SELECT weighted_score FROM gold.ott_top_movies_by_genre ORDER BY 1 DESC")
    assert [score for (score,) in stored] == pytest.approx(sorted(expected, reverse=True), abs=1e-6)


def test_a_title_with_few_views_does_not_lead_with_its_high_score(computed, ask):
    many = [title(f"t{n}", views=1000, imdb_score=5.0 + n / 2) for n in range(9)]
    computed(titles=[*many, title("hardly-seen", views=1, imdb_score=10.0)])
    best = ask("SELECT title_key FROM gold.ott_top_movies_by_genre WHERE rank = 1")
    assert best == [("t8-undated",)]


def test_a_title_without_a_score_is_in_no_list(computed, ask):
    computed(titles=[title("a", imdb_score=None), title("b")], users=[user(1, "drama")])
    assert ask("SELECT title_key FROM gold.ott_top_movies_by_genre") == [("b-undated",)]
    assert ask("SELECT title_key FROM gold.ott_recommendations") == [("b-undated",)]


def test_where_nothing_was_viewed_the_score_itself_counts(computed, ask):
    computed(titles=[title("a", imdb_score=4.0), title("b", imdb_score=9.0)])
    found = ask("SELECT title_key, weighted_score FROM gold.ott_top_movies_by_genre ORDER BY rank")
    assert found == [("b-undated", 9.0), ("a-undated", 4.0)]


def test_views_that_the_service_does_not_state_are_counted(computed, ask):
    computed(
        titles=[
            title("counted", views=7),
            title("uncounted", views=None),
            title("unseen", views=None),
        ],
        views=[
            view(1, "uncounted"),
            view(1, "uncounted", "2025-10-29 10:00:00+00"),
            view(1, "counted"),
        ],
    )
    found = ask("SELECT title_key, views FROM gold.ott_top_movies_by_genre ORDER BY title_key")
    assert found == [("counted-undated", 7), ("uncounted-undated", 2), ("unseen-undated", 0)]


def test_equal_scores_are_ordered_by_views_and_keys(computed, ask):
    computed(titles=[title(name, imdb_score=6.0) for name in "cab"])
    found = ask("SELECT title_key FROM gold.ott_top_movies_by_genre ORDER BY rank")
    assert found == [("a-undated",), ("b-undated",), ("c-undated",)]


def test_a_title_is_ranked_in_each_of_its_genres_and_without_any_as_unknown(computed, ask):
    computed(titles=[title("two", ["comedy", "drama"]), title("none", [])])
    found = ask("SELECT genre, rank, title_key FROM gold.ott_top_movies_by_genre ORDER BY ALL")
    assert found == [
        ("comedy", 1, "two-undated"),
        ("drama", 1, "two-undated"),
        ("unknown", 1, "none-undated"),
    ]


# Engagement and popularity.


def test_engagement_compares_what_is_liked_with_what_is_watched(computed, ask):
    computed(
        titles=[
            title("a", ["comedy", "drama"], imdb_score=6.0),
            title("b", imdb_score=8.0),
            title("c", ["war"], imdb_score=None),
            title("d", [], imdb_score=4.0),
        ],
        users=[user(1, "drama"), user(2, "drama", "opera")],
        views=[
            view(1, "a", minutes=10.0),
            view(1, "a", "2025-10-29 10:00:00+00", minutes=5.0),
            view(9, "b", minutes=1.0),
            view(8, "b", minutes=None),
            view(8, "d", minutes=None),
        ],
    )
    assert ask("FROM gold.ott_genre_engagement ORDER BY genre") == [
        ("comedy", 0, 1, 2, 15.0, 0, 6.0),
        ("drama", 2, 3, 4, 16.0, 1, 7.0),
        ("opera", 1, 0, 0, 0.0, 0, None),
        ("unknown", 0, 1, 1, None, 1, 4.0),
        ("war", 0, 0, 0, 0.0, 0, None),
    ]


def test_popularity_is_by_viewers_on_each_day_and_overall(computed, ask):
    computed(
        titles=[title("a"), title("b")],
        views=[
            *(view(1, "a", f"2025-10-30 1{n}:00:00+00") for n in range(5)),
            view(1, "b", "2025-10-29 23:59:59+00"),
            view(2, "b", "2025-10-30 00:00:00+00"),
        ],
    )
    assert ask(
        "SELECT period, rank, title_key, views, viewers FROM gold.ott_popular_movies ORDER BY ALL"
    ) == [
        ("2025-10-29", 1, "b-undated", 1, 1),
        ("2025-10-30", 1, "a-undated", 5, 1),
        ("2025-10-30", 2, "b-undated", 1, 1),
        ("overall", 1, "b-undated", 2, 2),
        ("overall", 2, "a-undated", 5, 1),
    ]


# Recommendations.


RECOMMENDATIONS = """
SELECT title_key.replace('-undated', ''), genre, reason FROM gold.ott_recommendations
WHERE user_key = 'key1' ORDER BY rank
"""


def scored(names: str, genre: str, best: float) -> list[Row]:
    """Return titles of a genre, each a little worse than the one before."""
    return [title(n, [genre], imdb_score=best - i / 10) for i, n in enumerate(names)]


def test_genres_take_turns_and_say_why(computed, ask):
    computed(
        titles=[*scored("abc", "drama", 9.0), *scored("xy", "war", 5.0)],
        users=[user(1, "drama", "war")],
    )
    assert ask(RECOMMENDATIONS) == [
        ("a", "drama", "you like drama: number 1"),
        ("x", "war", "you like war: number 1"),
        ("b", "drama", "you like drama: number 2"),
        ("y", "war", "you like war: number 2"),
        ("c", "drama", "you like drama: number 3"),
    ]


def test_what_was_seen_is_not_recommended_and_the_next_moves_up(computed, ask):
    computed(
        titles=scored("abcd", "drama", 9.0),
        users=[user(1, "drama")],
        views=[view(1, "a"), view(1, "c"), view(2, "b")],
    )
    assert [row[0] for row in ask(RECOMMENDATIONS)] == ["b", "d"]


def test_a_title_of_two_preferred_genres_is_recommended_once(computed, ask):
    computed(titles=[title("both", ["drama", "war"])], users=[user(1, "drama", "war")])
    assert ask(RECOMMENDATIONS) == [("both", "drama", "you like drama: number 1")]


@pytest.mark.parametrize("genres", [[], ["opera"]], ids=["none", "unknown to the catalogue"])
def test_a_user_without_preferences_gets_the_overall_top(computed, ask, genres):
    computed(
        titles=[*scored("ab", "drama", 9.0), *scored("x", "war", 8.95)], users=[user(1, *genres)]
    )
    assert ask(RECOMMENDATIONS) == [
        ("a", "overall", "number 1 overall"),
        ("x", "overall", "number 2 overall"),
        ("b", "overall", "number 3 overall"),
    ]


def test_a_genre_may_be_called_like_the_list_of_all_titles(computed, ask):
    titles = [*scored("ab", "overall", 7.0), *scored("xy", "drama", 9.0)]
    computed(titles=titles, users=[user(1)], views=[view(1, "x")])
    assert [row[0] for row in ask(RECOMMENDATIONS)] == ["y", "a", "b"]


def test_titles_without_known_genres_are_preferred_by_no_user(computed, ask):
    computed(titles=[title("none", []), title("a")], users=[user(1, "drama", "unknown")])
    assert [row[0] for row in ask(RECOMMENDATIONS)] == ["a"]


def test_a_user_who_has_seen_everything_gets_nothing(computed, ask):
    views = [view(n, name) for name in "abc" for n in (1, 2)]
    users = [user(1, "drama"), user(2)]
    computed(titles=scored("abc", "drama", 9.0), users=users, views=views)
    assert ask("FROM gold.ott_recommendations") == []
    assert ask("SELECT count(*) FROM gold.ott_dim_user") == [(2,)]


def test_a_genre_with_one_title_gives_one(computed, ask):
    computed(
        titles=[*scored("a", "war", 9.0), *scored("xyz", "drama", 5.0)], users=[user(1, "war")]
    )
    assert [row[0] for row in ask(RECOMMENDATIONS)] == ["a"]


def test_a_user_gets_ten_at_most(computed, ask):
    computed(titles=scored("abcdefghijklmnop", "drama", 9.0), users=[user(1, "drama")])
    assert "".join(row[0] for row in ask(RECOMMENDATIONS)) == "abcdefghij"


def test_views_of_users_that_are_not_listed_recommend_nothing(computed, ask):
    computed(titles=scored("ab", "drama", 9.0), users=[user(1)], views=[view(7, "a")])
    assert ask("SELECT DISTINCT user_key FROM gold.ott_recommendations") == [("key1",)]


def test_an_empty_service_has_empty_tables(computed, ask):
    computed()
    for name in TABLES_BELOW:
        assert ask(f"FROM {name}") == []


class Choice(NamedTuple):
    turn: int
    genre: str
    place: int


def recommended(
    lists: Mapping[str, Sequence[tuple[int, str]]],
    scores: Mapping[str, float],
    genres: Sequence[str],
    seen: set[str],
) -> list[tuple[int, str, str, str]]:
    """Return rank, title, list and reason for one user, by walking each list from its top."""
    wanted = [genre for genre in genres if genre in lists] or ["overall"]
    found: dict[str, Choice] = {}
    for genre in wanted:
        unseen = [(place, key) for place, key in lists[genre] if key not in seen]
        for turn, (place, key) in enumerate(unseen[:RECOMMENDED], 1):
            found[key] = min(Choice(turn, genre, place), found.get(key, Choice(99, "", 0)))
    order = sorted(found, key=lambda key: (found[key].turn, -scores[key], key))[:RECOMMENDED]
    return [
        (
            rank,
            key,
            found[key].genre,
            f"number {found[key].place} overall"
            if found[key].genre == "overall"
            else f"you like {found[key].genre}: number {found[key].place}",
        )
        for rank, key in enumerate(order, 1)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_the_engines_way_recommends_what_walking_the_lists_does(computed, ask, seed):
    random = Random(seed)  # noqa: S311 (nothing to guess)
    genres = ["comedy", "drama", "war"]
    titles = [
        title(
            f"t{n:02}",
            sorted(random.sample(genres, random.choice([1, 1, 2]))),
            imdb_score=random.randrange(50, 90) / 10,
            views=random.choice([0, 10, 1000]),
        )
        for n in range(random.choice([1, 8, 40]))
    ]
    users = [user(n, *random.sample([*genres, "opera"], random.randrange(4))) for n in range(1, 9)]
    seen = {
        (random.randint(1, 9), random.randrange(len(titles)))
        for _ in range(random.choice([0, 9, 120]))
    }
    start = date(2025, 1, 1)
    computed(
        titles=titles,
        users=users,
        views=[view(u, f"t{n:02}", f"{start + timedelta(n)} 10:00:00+00") for u, n in sorted(seen)],
    )
    lists: dict[str, list[tuple[int, str]]] = {}
    scores: dict[str, float] = {}
    top = ask(
        "SELECT genre, rank, title_key, weighted_score, views "
        "FROM gold.ott_top_movies_by_genre ORDER BY ALL"
    )
    for genre, place, key, score, _ in top:
        lists.setdefault(genre, []).append((place, key))
        scores[key] = score
    overall = sorted({(-score, -views, key) for _, _, key, score, views in top})
    lists["overall"] = [(place, key) for place, (_, _, key) in enumerate(overall, 1)]
    for row in users:
        own = {f"t{n:02}-undated" for number, n in seen if number == row["user_id"]}
        stored = ask(
            "SELECT rank, title_key, genre, reason FROM gold.ott_recommendations "
            f"WHERE user_key = '{row['user_key']}' ORDER BY rank"
        )
        assert stored == recommended(lists, scores, row["preferred_genres"], own)
