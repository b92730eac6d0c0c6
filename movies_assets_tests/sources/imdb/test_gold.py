"""IMDb's gold tables as functions of the silver ones: a hand-made case for each rule."""

import inspect
from collections.abc import Iterator
from datetime import date
from functools import cache
from itertools import count
from math import log10
from typing import Any, NamedTuple

import duckdb
import pytest

from movies_assets.definitions import TABLES
from movies_assets.warehouse.sql import compile_sql
from movies_assets.warehouse.types import ddl

DAY, DAY_BEFORE, LONG_BEFORE = date(2025, 10, 30), date(2025, 10, 29), date(2025, 10, 1)
SERIES = 100
GOLD = [name for name in TABLES if name.startswith("gold.imdb_")]
NOTHING = {
    "rated_episodes": 0,
    "avg_rating": 0,
    "pilot_rating": 0,
    "pilot_basis": "none",
    "finale_rating": 0,
    "finale_basis": "none",
    "best_season_rating": 0,
    "best_season_basis": "none",
    "finale_delta": 0,
    "finale_delta_basis": "none",
    "popularity": 0,
    "binge_score": 0,
    "binge_basis": "none",
}
Row = dict[str, Any]


def title_id(key: int) -> str:
    return f"tt{key:07}"


def person_id(key: int) -> str:
    return f"nm{key:07}"


class Episode(NamedTuple):
    season: int | None
    number: int | None
    rating: float | None = None
    year: int | None = 2001
    votes: int = 10
    series: int = SERIES


@cache
def sql_of(name: str) -> str:
    table = TABLES[name]
    return compile_sql(table(*(TABLES[source].contract.table(source) for source in read_by(name))))


def read_by(name: str) -> list[str]:
    parameters = inspect.signature(TABLES[name].function).parameters
    return [parameter.replace("_", ".", 1) for parameter in parameters]


def steps_to(name: str) -> list[str]:
    """Return the gold tables that a gold table is made of, and itself, in order."""
    before = [step for source in read_by(name) if source in GOLD for step in steps_to(source)]
    return list(dict.fromkeys([*before, name]))


class Lab:
    """A database with silver tables to fill; a gold table is made of them when it is asked for."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        self.keys = count(SERIES + 1)

    def put(self, name: str, **values: Any) -> None:
        row = {"run_date": DAY, **values}
        marks = ", ".join("?" for _ in row)
        statement = f"INSERT INTO silver.imdb_{name} ({', '.join(row)}) VALUES ({marks})"
        self.connection.execute(statement, list(row.values()))

    def title(self, key: int, **values: Any) -> None:
        year = values.get("start_year")
        known = {
            "tconst": title_id(key),
            "title_type": "movie",
            "primary_title": f"Title {key}",
            "is_adult": False,
            "decade": year and year - year % 10,
        }
        self.put("titles", **{**known, **values})

    def series(self, key: int = SERIES, **values: Any) -> None:
        self.title(key, **{"title_type": "tvSeries", **values})

    def episodes(self, *episodes: Episode) -> None:
        """Put episodes, whose keys rise."""
        for episode, key in zip(episodes, self.keys, strict=False):
            self.put(
                "episodes",
                tconst=title_id(key),
                series_tconst=title_id(episode.series),
                season_number=episode.season,
                episode_number=episode.number,
            )
            self.title(
                key,
                title_type="tvEpisode",
                start_year=episode.year,
                rating=episode.rating,
                votes=None if episode.rating is None else episode.votes,
            )

    def rate(self, key: int, run_date: date, rating: float, votes: int) -> None:
        values = {"run_date": run_date, "rating": rating, "votes": votes}
        self.put("ratings", tconst=title_id(key), **values)

    def person(self, key: int, name: str) -> None:
        self.put("people", nconst=person_id(key), primary_name=name)

    def gold(self, table: str) -> list[Row]:
        """Make a table, and the gold tables that it reads, and return its rows by key."""
        name = f"gold.imdb_{table}"
        for step in steps_to(name):
            self.connection.execute(f"INSERT INTO {step} BY NAME {sql_of(step)}")
        key = ", ".join(TABLES[name].contract.key())
        rows = self.connection.execute(f"FROM {name} ORDER BY {key}")
        names = [column[0] for column in rows.description or ()]
        return [dict(zip(names, values, strict=True)) for values in rows.fetchall()]

    def values(self, table: str, *columns: str) -> list[Any]:
        """Return columns of a gold table; of one column its bare values."""
        chosen = [tuple(row[column] for column in columns) for row in self.gold(table)]
        return [row[0] for row in chosen] if len(columns) == 1 else chosen

    def kpis(self, *episodes: Episode) -> Row:
        """Return the figures of a series of these episodes."""
        self.series()
        self.episodes(*episodes)
        (row,) = self.gold("series_kpis")
        return row


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database with all tables, empty."""
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("CREATE SCHEMA silver; CREATE SCHEMA gold")
        for name, table in TABLES.items():
            if name.startswith(("silver.imdb_", "gold.imdb_")):
                connection.execute(f"CREATE TABLE {name} ({ddl(table.contract)})")
        yield connection


@pytest.fixture
def lab(connection) -> Iterator[Lab]:
    connection.execute("BEGIN")
    yield Lab(connection)
    connection.execute("ROLLBACK")


# Figures of a series.


@pytest.mark.parametrize(
    ("episodes", "rating"),
    [
        pytest.param([(1, 1, 8.0), (1, 2, 9.0)], 8.0, id="S1E1"),
        pytest.param([(1, 1, 8.0), (0, 1, 5.0), (1, 0, 4.0, 1999)], 8.0, id="not-S0E1-or-S1E0"),
        pytest.param([(1, 1, 6.0, 2001, 10), (1, 1, 7.0, 2001, 20)], 7.0, id="most-votes-of-S1E1s"),
        pytest.param([(1, 1, 6.0), (1, 1, 7.0)], 6.0, id="lowest-key-of-equal-S1E1s"),
        pytest.param([(1, 1), (1, 1, 7.0)], 7.0, id="the-rated-one-of-S1E1s"),
        pytest.param([(1, 2, 7.5), (1, 3, 9.0, 1990)], 7.5, id="else-season-1's-premiere"),
        pytest.param([(1, 0, 5.0, 1990), (1, 3, 7.0)], 7.0, id="premiere-is-not-episode-0"),
        pytest.param([(1, 1), (1, 2, 7.5), (1, 3, 9.0, 1999)], 9.0, id="else-earliest-by-year"),
        pytest.param([(2, 1, 7.0), (None, 1, 5.0, 2000)], 5.0, id="earliest-may-be-a-special"),
        pytest.param([(2, 1, 5.0, None), (3, 1, 6.0)], 6.0, id="earliest-without-year-last"),
        pytest.param([(3, 1, 6.0), (2, 5, 7.0)], 7.0, id="earliest-by-season"),
        pytest.param([(None, 1, 6.0), (2, 5, 7.0)], 7.0, id="earliest-special-last"),
        pytest.param([(2, 4, 5.0), (2, 3, 6.0)], 6.0, id="earliest-by-number"),
        pytest.param([(2, None, 5.0), (2, 4, 6.0)], 6.0, id="earliest-without-number-last"),
        pytest.param([(2, 4, 5.5), (2, 4, 6.5)], 5.5, id="earliest-by-key"),
        pytest.param([(1, 1), (1, 2)], 0, id="else-0"),
    ],
)
def test_pilot_rating(lab, episodes, rating):
    assert lab.kpis(*(Episode(*each) for each in episodes))["pilot_rating"] == rating


@pytest.mark.parametrize(
    ("episodes", "rating"),
    [
        pytest.param([(1, 1, 8.0), (1, 2, 9.0)], 9.0, id="latest-is-a-finale"),
        pytest.param([(2, 1, 7.0, 2000), (1, 1, 8.0, 2002)], 8.0, id="of-an-earlier-season-too"),
        pytest.param([(2, 1), (1, 1, 8.0)], 8.0, id="unrated-seasons-do-not-count"),
        pytest.param(
            [(1, 1, 8.0), (1, 2, 9.0), (None, None, 3.0, 2005)],
            9.0,
            id="last-season's-finale-where-a-special-is-latest",
        ),
        pytest.param([(1, 1, 5.0, 2003), (1, 2, 6.0, 2002)], 6.0, id="or-an-episode-inside-is"),
        pytest.param(
            [(1, 1, 9.0), (2, 1, 8.0), (2, 2), (None, 1, 3.0, 2005)],
            3.0,
            id="latest-where-the-last-finale-is-unrated",
        ),
        pytest.param([(1, 1, 8.0), (1, 2, 7.0), (1, 3)], 7.0, id="latest-inside-a-season"),
        pytest.param(
            [(1, 1, 9.0), (2, 1), (None, None, 4.0, 2005)], 4.0, id="latest-not-S1's-finale"
        ),
        pytest.param([(None, None, 4.0)], 4.0, id="latest-where-there-are-specials-only"),
        pytest.param([(1, None, 8.0)], 8.0, id="latest-where-no-episode-has-a-number"),
        pytest.param([(2, 1, 5.0, None), (1, 1, 6.0)], 6.0, id="without-year-first"),
        pytest.param([(None, 9, 3.0), (1, 1, 6.0), (1, 2)], 6.0, id="special-first-within-a-year"),
        pytest.param([(1, None, 3.0), (1, 1, 6.0), (1, 2)], 6.0, id="without-number-first"),
        pytest.param([(1, 1, 5.0), (1, 1, 6.0)], 6.0, id="finale-of-equal-ones"),
        pytest.param([(1, 1, 5.0), (1, 1, 6.0), (1, 2)], 6.0, id="highest-key-of-equal-ones"),
        pytest.param([(1, 1), (1, 2)], 0, id="else-0"),
    ],
)
def test_finale_rating(lab, episodes, rating):
    assert lab.kpis(*(Episode(*each) for each in episodes))["finale_rating"] == rating


@pytest.mark.parametrize(
    ("episodes", "pilot", "finale", "season"),
    [
        ([(1, 1, 8.0), (1, 2, 9.0)], "pilot S1E1", "finale S1E2", "1 rated season"),
        (
            [(1, 1), (1, 2, 7.5), (2, 1, 6.0)],
            "earliest rated S1E2",
            "finale S2E1",
            "2 rated seasons",
        ),
        (
            [(1, 2, 7.5), (1, 3, 9.0, 1990)],
            "premiere S1E2",
            "finale of the last season S1E3",
            "1 rated season",
        ),
        ([(1, 2, 7.5), (1, 3)], "premiere S1E2", "latest rated S1E2", "1 rated season"),
        ([(1, 1), (1, 25, 7.0)], "earliest rated S1E25", "finale S1E25", "1 rated season"),
        (
            [(1, 1, 8.0), (1, 2, 9.0), (None, None, 3.0, 2005)],
            "pilot S1E1",
            "finale of the last season S1E2",
            "1 rated season",
        ),
        ([(None, 7, 4.0)], "earliest rated special", "latest rated special", "none"),
        ([(3, None, 4.0)], "earliest rated S3", "latest rated S3", "1 rated season"),
        ([(1, 1), (1, 2)], "none", "none", "none"),
    ],
)
def test_each_figure_has_a_column_with_its_basis(lab, episodes, pilot, finale, season):
    row = lab.kpis(*(Episode(*each) for each in episodes))
    assert (row["pilot_basis"], row["finale_basis"], row["best_season_basis"]) == (
        pilot,
        finale,
        season,
    )


def test_averages_have_a_column_with_the_number_of_episodes(lab):
    row = lab.kpis(Episode(1, 1, 6.0), Episode(1, 2), Episode(2, 1, 8.0))
    assert row["rated_episodes"] == 2
    assert row["finale_delta_basis"] == "2 rated episodes"
    assert row["binge_basis"] == "2 rated of 3 episodes"


def test_a_series_without_episodes_has_figures_of_0(lab):
    assert lab.kpis() == {"series_key": SERIES, "run_date": DAY, **NOTHING}


def test_a_series_without_ratings_has_figures_of_0(lab):
    row = lab.kpis(Episode(1, 1), Episode(1, 2), Episode(None, None))
    assert row == {"series_key": SERIES, "run_date": DAY, **NOTHING}


def test_averages_count_rated_episodes_and_length_counts_all(lab):
    row = lab.kpis(
        Episode(1, 1, 6.0), Episode(1, 2), Episode(2, 1, 8.0, votes=5), Episode(None, None, 10.0)
    )
    assert row["avg_rating"] == 8
    assert row["popularity"] == 25
    assert row["binge_score"] == pytest.approx(8 * log10(4))


def test_a_single_episode_cannot_be_binged(lab):
    assert lab.kpis(Episode(1, 1, 9.0))["binge_score"] == 0


def test_specials_are_no_best_season(lab):
    row = lab.kpis(
        Episode(1, 1, 6.0), Episode(1, 2, 7.0), Episode(0, 1, 6.2), Episode(None, None, 10.0)
    )
    assert row["best_season_rating"] == 6.5


def test_specials_alone_have_no_best_season(lab):
    assert lab.kpis(Episode(None, None, 10.0))["best_season_rating"] == 0


def test_a_disappointing_finale_shows_as_it_did_in_life(lab):
    # The numbers of a series that is known for it: 73 episodes in 8 seasons, 8.74 on average.
    lengths = [10, 10, 10, 10, 10, 10, 7, 6]
    places = [(s, n) for s, length in enumerate(lengths, 1) for n in range(1, length + 1)]
    ratings = [8.8] * 69 + [8.9] * 3 + [4.0]
    row = lab.kpis(
        *(
            Episode(season, number, rating, 2010 + season)
            for (season, number), rating in zip(places, ratings, strict=True)
        )
    )
    assert row["avg_rating"] == pytest.approx(8.738, abs=0.001)
    assert (row["finale_rating"], row["finale_delta"]) == (4.0, -4.74)


def test_the_figures_of_a_series_are_its_own(lab):
    lab.series(1)
    lab.series(2)
    lab.episodes(Episode(1, 1, 6.0, series=1), Episode(1, 2, 9.0, series=2))
    assert lab.values("series_kpis", "series_key", "pilot_rating") == [(1, 6.0), (2, 9.0)]


# Episodes and seasons.


def flagged(lab: Lab, flag: str, *places: tuple[int | None, int | None]) -> list[int]:
    """Return which of the episodes at these places have a flag."""
    lab.series()
    lab.episodes(*(Episode(*place) for place in places))
    return [place for place, is_so in enumerate(lab.values("episode_facts", flag)) if is_so]


def test_every_row_of_episode_1_of_season_1_is_a_pilot(lab):
    places = [(1, 1), (1, 1), (1, 2), (2, 1), (None, 1), (1, None)]
    assert flagged(lab, "is_pilot", *places) == [0, 1]


def test_a_premiere_has_the_lowest_number_from_1_on_and_the_lowest_key(lab):
    places = [(1, 0), (1, 3), (1, 2), (1, 2), (2, 0), (3, None), (None, 1), (2020, 7), (0, 1)]
    assert flagged(lab, "is_season_premiere", *places) == [2, 7, 8]


def test_a_finale_has_the_highest_number_and_the_highest_key(lab):
    places = [(1, 9), (1, 10), (1, 10), (2, 0), (3, None), (None, 8), (2020, 7), (2020, None)]
    assert flagged(lab, "is_finale", *places) == [2, 3, 6]


def test_an_episode_of_no_season_is_a_special(lab):
    places = [(None, None), (None, 3), (0, 1), (1, None)]
    assert flagged(lab, "is_special", *places) == [0, 1]


def test_an_episode_of_no_season_is_in_season_minus_1(lab):
    lab.series()
    lab.episodes(Episode(None, None), Episode(2020, 0))
    assert lab.values("episode_facts", "season_number", "episode_number") == [(-1, None), (2020, 0)]


def test_an_episode_has_its_own_title_and_its_series(lab):
    lab.series(start_year=1998, primary_title="Series")
    lab.episodes(Episode(1, 1, 7.5, 1999, 30))
    (row,) = lab.gold("episode_facts")
    assert row == {
        "episode_key": SERIES + 1,
        "series_key": SERIES,
        "series_title": "Series",
        "series_start_year": 1998,
        "series_decade": 1990,
        "season_number": 1,
        "episode_number": 1,
        "episode_title": f"Title {SERIES + 1}",
        "episode_year": 1999,
        "rating": 7.5,
        "votes": 30,
        "is_pilot": True,
        "is_season_premiere": True,
        "is_finale": True,
        "is_special": False,
        "run_date": DAY,
    }


def test_an_episode_that_is_no_title_is_kept_without_one(lab):
    lab.put("episodes", tconst=title_id(7), series_tconst=title_id(8))
    (row,) = lab.gold("episode_facts")
    assert (row["episode_key"], row["episode_title"], row["rating"]) == (7, None, None)
    assert row["series_title"] == "Unknown series"


def test_gold_has_the_date_of_the_titles_where_the_episodes_are_of_an_older_dump(lab):
    lab.series(8)
    for key, parent in ((6, 8), (7, 9)):
        episode = {"tconst": title_id(key), "series_tconst": title_id(parent)}
        lab.put("episodes", **episode, run_date=DAY_BEFORE)
    for table in ("dim_series", "episode_facts", "series_season_summary", "series_kpis"):
        assert set(lab.values(table, "run_date")) == {DAY}


def test_a_season_is_summed_up(lab):
    lab.series()
    lab.episodes(
        Episode(3, 1, 8.1, 2005),
        Episode(3, 2, 8.2, 2006),
        Episode(3, 3, None, 2007),
        Episode(None, None, None, None),
    )
    assert lab.values(
        "series_season_summary",
        "season_number",
        "season_label",
        "episodes_in_season",
        "avg_season_rating",
        "season_start_year",
        "season_end_year",
    ) == [(-1, "Specials", 1, None, None, None), (3, "Season 3", 3, 8.15, 2005, 2007)]


def test_a_mean_does_not_depend_on_the_order_of_the_ratings(lab):
    ratings = [1.1, 9.7, 3.3, 6.1, 8.9, 2.3, 7.7]
    for key, order in enumerate((ratings, ratings[::-1], sorted(ratings)), 1):
        lab.series(key)
        lab.episodes(*(Episode(1, n, rating, series=key) for n, rating in enumerate(order)))
    assert len(set(lab.values("series_kpis", "avg_rating"))) == 1


def test_seasons_are_compared_with_the_rated_one_before(lab):
    lab.series(primary_title="Series")
    lab.episodes(
        Episode(None, None, 1.0),
        Episode(1, 1, 6.0),
        Episode(2, 1),
        Episode(2020, 1, 8.0),
        Episode(2020, 2, 9.0, votes=5),
        Episode(2020, 3),
    )
    assert [
        {name: value for name, value in row.items() if name not in ("series_key", "run_date")}
        for row in lab.gold("season_trends")
    ] == [
        {
            "season_number": 1,
            "series_title": "Series",
            "avg_rating": 6.0,
            "votes": 10,
            "episodes": 1,
            "rated_episodes": 1,
            "rating_change": None,
        },
        {
            "season_number": 2020,
            "series_title": "Series",
            "avg_rating": 8.5,
            "votes": 15,
            "episodes": 3,
            "rated_episodes": 2,
            "rating_change": 2.5,
        },
    ]


def test_seasons_of_different_series_are_not_compared(lab):
    lab.series(1)
    lab.series(2)
    lab.episodes(Episode(1, 1, 6.0, series=1), Episode(2, 1, 9.0, series=2))
    assert lab.values("season_trends", "rating_change") == [None, None]


# Series.


def test_series_are_titles_of_two_types_and_all_parents(lab):
    for key, title_type in enumerate(["tvSeries", "tvMiniSeries", "tvMovie", "podcastSeries"], 1):
        lab.title(key, title_type=title_type)
    lab.episodes(Episode(1, 1, series=3), Episode(1, 1, series=9))
    assert lab.values("dim_series", "series_key", "series_title", "series_label") == [
        (1, "Title 1", "Title 1"),
        (2, "Title 2", "Title 2"),
        (3, "Title 3", "Title 3"),
        (9, "Unknown series", "Unknown series"),
    ]


def test_a_parent_that_is_no_title_is_a_series_without_a_year(lab):
    lab.episodes(Episode(1, 1, series=9))
    assert lab.gold("dim_series") == [
        {
            "series_key": 9,
            "series_title": "Unknown series",
            "series_start_year": None,
            "series_decade": None,
            "series_label": "Unknown series",
            "genres": None,
            "episodes": 1,
            "seasons": 1,
            "run_date": DAY,
        }
    ]


def test_a_label_has_the_year_where_it_is_known(lab):
    lab.series(1, primary_title="Same", start_year=1998)
    lab.series(2, primary_title="Same", start_year=1999)
    lab.series(3, primary_title="Same")
    labels = lab.values("dim_series", "series_label", "series_decade")
    assert labels == [("Same (1998)", 1990), ("Same (1999)", 1990), ("Same", None)]


def test_of_equal_labels_all_but_the_lowest_key_get_their_key(lab):
    for key in (12, 5, 7):
        lab.series(key, primary_title="Same", start_year=1998)
    lab.episodes(Episode(1, 1, series=31), Episode(1, 1, series=30))
    assert lab.values("dim_series", "series_label") == [
        "Same (1998)",
        "Same (1998) [7]",
        "Same (1998) [12]",
        "Unknown series",
        "Unknown series [31]",
    ]


def test_series_count_all_episodes_and_the_numbered_seasons(lab):
    lab.series(1, genres=["Drama", "Comedy"])
    lab.series(2)
    seasons = (1, 1, 0, 2020, None, None)
    lab.episodes(*(Episode(season, None, series=1) for season in seasons))
    counted = lab.values("dim_series", "episodes", "seasons", "genres")
    assert counted == [(6, 3, "Drama, Comedy"), (0, 0, None)]


# Movies.


def test_only_movies_are_movie_facts(lab):
    for key, title_type in enumerate(["movie", "tvMovie", "short", "video", "tvEpisode"], 1):
        lab.title(key, title_type=title_type)
    assert lab.values("movie_facts", "movie_key") == [1]


def test_a_movie_has_a_row_for_each_genre_and_all_of_them_in_order_of_the_file(lab):
    lab.title(1, genres=["Drama", "Comedy"])
    assert lab.values("movie_facts", "genre", "genres") == [
        ("Comedy", "Drama, Comedy"),
        ("Drama", "Drama, Comedy"),
    ]


def test_a_genre_that_is_listed_twice_is_one_row(lab):
    lab.title(1, genres=["Drama", "Drama"])
    assert lab.values("movie_facts", "genre") == ["Drama"]


def test_a_movie_without_genres_has_one_row_of_unknown_genre(lab):
    lab.title(1)
    assert lab.values("movie_facts", "genre", "genres") == [("Unknown", None)]


def test_decades_in_words(lab):
    lab.title(1, start_year=1994)
    lab.title(2)
    labels = lab.values("movie_facts", "decade", "decade_label")
    assert labels == [(1990, "1990s"), (None, "Unknown")]


def test_directors_and_writers_are_named_in_order_of_the_file(lab):
    for key, name in enumerate(["A", "B", "C"], 1):
        lab.person(key, name)
    lab.title(1)
    lab.put(
        "crew",
        tconst=title_id(1),
        directors=[person_id(key) for key in (3, 1)],
        writers=[person_id(key) for key in (2, 3, 1)],
    )
    assert lab.values("movie_facts", "directors", "writers") == [("C, A", "B, C, A")]


def test_actors_are_those_of_the_first_three_credits_in_order(lab):
    parts = ["actress", "director", "actor", "actor"]
    lab.title(1)
    for ordering, category in reversed(list(enumerate(parts, 1))):
        lab.person(10 - ordering, f"Person {ordering}")
        person = {"nconst": person_id(10 - ordering), "category": category}
        lab.put("credits", tconst=title_id(1), ordering=ordering, **person)
    assert lab.values("movie_facts", "top_actors", "top_actor_keys") == [
        ("Person 1, Person 3", f"{person_id(9)}, {person_id(7)}")
    ]


def test_people_without_a_name_are_left_out(lab):
    lab.person(2, "B")
    missing, known = person_id(1), person_id(2)
    for key in (1, 2):
        lab.title(key)
    lab.put("crew", tconst=title_id(1), directors=[missing, known], writers=[missing])
    lab.put("credits", tconst=title_id(1), ordering=1, nconst=missing, category="actor")
    lab.put("credits", tconst=title_id(1), ordering=2, nconst=known, category="actor")
    people = ("directors", "writers", "top_actors", "top_actor_keys")
    assert lab.values("movie_facts", *people) == [("B", None, "B", known), (None,) * 4]


@pytest.mark.parametrize(
    ("votes", "bucket"),
    [
        (50_000, "50k+"),
        (49_999, "10k–49k"),  # noqa: RUF001 (en dashes are meant)
        (10_000, "10k–49k"),  # noqa: RUF001
        (9_999, "1k–9k"),  # noqa: RUF001
        (1_000, "1k–9k"),  # noqa: RUF001
        (999, "<1k"),
        (0, "<1k"),
        (None, "unknown"),
    ],
)
def test_vote_buckets(lab, votes, bucket):
    lab.title(1, votes=votes)
    assert lab.values("movie_facts", "vote_bucket") == [bucket]


@pytest.mark.parametrize(
    ("rating", "band"),
    [
        (10.0, "Excellent"),
        (8.0, "Excellent"),
        (7.9, "Great"),
        (7.0, "Great"),
        (6.9, "Good"),
        (6.0, "Good"),
        (5.9, "OK"),
        (1.0, "OK"),
        (None, "Unknown"),
    ],
)
def test_rating_bands(lab, rating, band):
    lab.title(1, rating=rating)
    assert lab.values("movie_facts", "rating_band") == [band]


def test_an_alternate_title_identifies_oscar_winners(lab):
    names = ["The OSCAR cut", "Academy award edition", "The Academy", None]
    for key, name in enumerate(names, 1):
        lab.title(key)
        if name:
            lab.put("akas", tconst=title_id(key), ordering=1, title=name)
            lab.put("akas", tconst=title_id(key), ordering=2, title="Another name")
    assert lab.values("movie_facts", "is_oscar_winner") == [True, True, False, False]


def test_several_names_with_the_oscar_are_one_row(lab):
    lab.title(1)
    for ordering in (1, 2):
        lab.put("akas", tconst=title_id(1), ordering=ordering, title="Oscar")
    assert lab.values("movie_facts", "is_oscar_winner") == [True]


def test_without_alternate_titles_oscar_winners_are_unknown(lab):
    lab.title(1)
    assert lab.values("movie_facts", "is_oscar_winner") == [None]


def test_a_list_is_ordered_by_rating_then_votes_then_key(lab):
    figures = {1: (8.0, 2_000), 2: (9.0, 1_000), 3: (8.0, 3_000), 4: (8.0, 2_000)}
    for key, (rating, votes) in figures.items():
        lab.title(key, rating=rating, votes=votes, genres=["Drama"])
    ranked = lab.values("top_movies_by_genre", "rank", "movie_key")
    assert ranked == [(1, 2), (2, 3), (3, 1), (4, 4)]


def test_a_movie_needs_1000_votes_to_be_listed(lab):
    lab.title(1, rating=9.9, votes=999)
    lab.title(2, rating=5.0, votes=1_000)
    lab.title(3)
    assert lab.values("top_movies_by_genre", "movie_key") == [2]


def test_a_list_has_25_movies_at_most(lab):
    for key in range(1, 28):
        lab.title(key, rating=7.0, votes=10_000 - key)
    ranks = lab.values("top_movies_by_genre", "rank", "movie_key")
    assert ranks == [(place, place) for place in range(1, 26)]


def test_there_is_a_list_for_each_genre_and_decade(lab):
    rated = {"rating": 8.0, "votes": 2_000}
    lab.title(1, genres=["Drama", "Comedy"], start_year=1999, **rated)
    lab.title(2, genres=["Drama"], start_year=2000, **rated)
    lab.title(3, start_year=None, **rated)
    columns = ("genre", "decade_label", "rank", "movie_key")
    assert lab.values("top_movies_by_genre", *columns) == [
        ("Comedy", "1990s", 1, 1),
        ("Drama", "1990s", 1, 1),
        ("Drama", "2000s", 1, 2),
        ("Unknown", "Unknown", 1, 3),
    ]


# What trends.


def test_nothing_trends_on_the_first_run_date(lab):
    lab.title(1)
    lab.rate(1, DAY, 7.0, 100)
    assert lab.gold("trending_titles") == []


def test_a_title_trends_by_what_it_gained_between_the_two_newest_run_dates(lab):
    lab.title(1, start_year=1999)
    lab.rate(1, LONG_BEFORE, 1.0, 1)
    lab.rate(1, DAY_BEFORE, 7.0, 100)
    lab.rate(1, DAY, 7.3, 150)
    assert lab.gold("trending_titles") == [
        {
            "title_key": 1,
            "title_type": "movie",
            "primary_title": "Title 1",
            "start_year": 1999,
            "rank": 1,
            "votes": 150,
            "votes_gained": 50,
            "rating": 7.3,
            "rating_change": 0.3,
            "previous_run_date": DAY_BEFORE,
            "run_date": DAY,
        }
    ]


def test_a_title_trends_where_votes_or_rating_moved(lab):
    moves = {1: (7.0, 100), 2: (7.1, 100), 3: (6.9, 100), 4: (7.0, 99), 5: (7.0, 101)}
    for key, (rating, votes) in moves.items():
        lab.title(key)
        lab.rate(key, DAY_BEFORE, 7.0, 100)
        lab.rate(key, DAY, rating, votes)
    trending = lab.values("trending_titles", "title_key", "votes_gained", "rating_change")
    assert trending == [(2, 0, 0.1), (3, 0, -0.1), (4, -1, 0), (5, 1, 0)]


def test_a_title_that_was_not_rated_on_both_run_dates_does_not_trend(lab):
    for key in (1, 2, 3):
        lab.title(key)
    lab.rate(1, LONG_BEFORE, 7.0, 100)
    lab.rate(1, DAY, 8.0, 200)
    lab.rate(2, DAY_BEFORE, 7.0, 100)
    lab.rate(3, DAY, 8.0, 200)
    assert lab.gold("trending_titles") == []


def test_titles_are_ranked_by_votes_gained_then_rating_change_then_key_for_each_type(lab):
    moves = {
        1: ("movie", 7.0, 90),
        2: ("movie", 7.1, 150),
        3: ("movie", 6.8, 150),
        4: ("movie", 7.2, 150),
        5: ("movie", 7.0, 300),
        6: ("short", 7.0, 101),
    }
    for key, (title_type, rating, votes) in moves.items():
        lab.title(key, title_type=title_type)
        lab.rate(key, DAY_BEFORE, 7.0, 100)
        lab.rate(key, DAY, rating, votes)
    ranks = {row["title_key"]: row["rank"] for row in lab.gold("trending_titles")}
    assert ranks == {5: 1, 3: 2, 4: 3, 2: 4, 1: 5, 6: 1}


def test_100_titles_of_a_type_trend_at_most(lab):
    for key in range(1, 103):
        lab.title(key)
        lab.rate(key, DAY_BEFORE, 7.0, 100)
        lab.rate(key, DAY, 7.0, 1_000 - key)
    keys = lab.values("trending_titles", "title_key", "rank")
    assert keys == [(place, place) for place in range(1, 101)]
