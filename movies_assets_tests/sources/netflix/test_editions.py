"""Whole materializations of Netflix's catalogue in the editions that people have."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from movies_assets.settings import load
from movies_assets_tests.conftest import STORED_DAY, Platform, arrive, netflix_title, on_disk

KAGGLE = [
    "show_id", "type", "title", "director", "cast", "country", "date_added", "release_year",
    "rating", "duration", "listed_in", "description",
]  # fmt: skip
JUSTWATCH = [
    "id", "title", "type", "description", "release_year", "age_certification", "runtime", "genres",
    "production_countries", "seasons", "imdb_id", "imdb_score", "imdb_votes", "tmdb_popularity",
    "tmdb_score",
]  # fmt: skip
CREDITS = ["person_id", "id", "name", "character", "role"]
DAYS = ["2025-10-10", "2025-10-11", "2025-10-12"]
CAST = [
    "bronze/netflix_titles",
    "bronze/netflix_credits",
    "bronze/netflix_cast",
    "silver/netflix_titles",
    "silver/netflix_credits",
    "silver/netflix_cast",
]
Arrive = Callable[..., Path]


def kaggle(show_id: Any, **changes: Any) -> dict[str, Any]:
    """Return a title as Kaggle's netflix_titles.csv has it."""
    return {
        "show_id": show_id,
        "type": "Movie",
        "title": f"Title {show_id}",
        "director": "Cara Lind",
        "cast": "Ada Marlow, Dev Rane",
        "country": "Norway",
        "date_added": "September 25, 2021",
        "release_year": 2020,
        "rating": "PG-13",
        "duration": "90 min",
        "listed_in": "Dramas, Comedies",
        "description": "A description.",
        **changes,
    }


def justwatch(number: int, **changes: Any) -> dict[str, Any]:
    """Return a movie as JustWatch's titles.csv has it."""
    return {
        "id": f"tm{number}",
        "title": f"Title {number}",
        "type": "MOVIE",
        "description": "A description.",
        "release_year": 1950 + number % 70,
        "age_certification": "PG-13",
        "runtime": 60 + number % 100,
        "genres": "['drama', 'crime']",
        "production_countries": "['US', 'GB']",
        "imdb_id": f"tt{number:07}",
        "imdb_score": 7.1,
        "imdb_votes": "1234.0",
        **changes,
    }


def not_asked_for(name: str, _: Sequence[str]) -> Any:
    raise AssertionError(f"the look-up {name} was asked for")


def run(platform: Platform, *days: str, **options: Any) -> dg.ExecuteInProcessResult:
    return platform.run(*days, job="netflix_daily", **options)


def red(result: dg.ExecuteInProcessResult) -> list[tuple[str, str]]:
    return [
        (found.asset_key.to_user_string(), found.check_name)
        for found in result.get_asset_check_evaluations()
        if not found.passed
    ]


@pytest.fixture
def arrives(settings) -> Arrive:
    """Lets a file of titles arrive."""
    return partial(arrive, settings.landing)


@pytest.mark.slow
def test_kaggle_2021_at_its_real_size_ends_as_a_full_star(settings, instance, arrives):
    rows = [
        kaggle(f"s{number}", cast=f"Actor {number % 500}, Ada Marlow")
        if number % 3
        else kaggle(f"s{number}", type="TV Show", duration=f"{1 + number % 9} Seasons", director="")
        for number in range(1, 8_808)
    ]
    arrives(f"{STORED_DAY}/netflix_titles.csv", rows, KAGGLE)
    platform = Platform(settings, instance, resources={"netflix_lookup": not_asked_for})
    assert red(run(platform, STORED_DAY)) == []
    movies, shows = 8_807 - 2_935, 2_935
    seasons = sum(1 + number % 9 for number in range(3, 8_808, 3))
    assert platform.sql(
        "SELECT count(*), count(duration_minutes), sum(duration_minutes), count(duration_seasons), "
        "sum(duration_seasons), count(duration_rank), min(duration_rank), max(duration_rank) "
        "FROM gold.netflix_fact_titles"
    ) == [(8_807, movies, 90 * movies, shows, seasons, movies, 1, 1)]
    pairs = {
        name: platform.sql(f"SELECT count(*) FROM gold.netflix_title_{name}")[0][0]
        for name in ("cast", "director", "category", "country")
    }
    assert pairs == {"cast": 8_807 * 2, "director": movies, "category": 8_807 * 2, "country": 8_807}
    assert platform.sql("SELECT count(*) FROM gold.netflix_dim_person") == [(500 + 4,)]


@pytest.mark.slow
def test_titles_and_credits_of_justwatch_end_as_a_full_star(settings, instance, arrives):
    show = {"id": "ts7", "type": "SHOW", "runtime": 44, "seasons": "4.0", "imdb_id": ""}
    titles = [justwatch(number) for number in range(1, 400)]
    odd = justwatch(400, runtime=0, genres="[]", production_countries="['XX']", release_year=1999)
    arrives(f"{STORED_DAY}/titles.csv", [*titles, odd, justwatch(7, **show)], JUSTWATCH)
    roles = [
        {"person_id": n, "id": f"tm{n}", "name": f"Actor {n}", "character": "He", "role": "ACTOR"}
        for n in range(1, 400)
    ]
    director = {"person_id": 9, "id": "ts7", "name": "Cara Lind", "role": "DIRECTOR"}
    arrives(f"{STORED_DAY}/credits.csv", [*roles, director], CREDITS)
    platform = Platform(settings, instance, resources={"netflix_lookup": not_asked_for})
    assert red(run(platform, STORED_DAY)) == []
    landed = "SELECT edition, rows FROM landing.netflix_{}"
    assert platform.sql(landed.format("titles")) == [("JustWatch titles", 401)]
    assert platform.sql(landed.format("credits")) == [("JustWatch credits", 400)]
    assert platform.sql(
        "SELECT show_key, type, duration_minutes, duration_seasons, year_key "
        "FROM gold.netflix_fact_titles JOIN gold.netflix_dim_title USING (show_key) "
        "WHERE show_key IN ('tm1', 'tm400', 'ts7') ORDER BY ALL"
    ) == [
        ("tm1", "Movie", 61, None, 1951),
        ("tm400", "Movie", None, None, 1999),
        ("ts7", "TV Show", None, 4, 1957),
    ]
    cast = "FROM gold.netflix_title_cast WHERE show_key = 'tm1'"
    assert platform.sql(cast) == [("tm1", "actor 1")]
    assert platform.sql("SELECT count(*) FROM gold.netflix_title_cast") == [(399,)]
    assert platform.sql("FROM gold.netflix_title_director") == [("ts7", "cara lind")]
    countries = "SELECT DISTINCT country_name FROM gold.netflix_dim_country ORDER BY 1"
    names = [("United Kingdom",), ("United States",), ("Unknown",)]
    assert platform.sql(countries) == names
    assert platform.sql("SELECT count(*) FROM gold.netflix_title_category") == [(800,)]


@pytest.mark.slow
def test_a_stranger_with_kaggles_file_needs_no_address_of_look_ups(tmp_path, instance):
    settings = load(data_dir=tmp_path, profile="live")
    arrive(settings.landing, f"{STORED_DAY}/netflix_titles.csv", [kaggle("s1")], KAGGLE)
    platform = Platform(settings, instance)
    assert run(platform, STORED_DAY, select=CAST).success
    assert platform.sql("SELECT show_id, value FROM silver.netflix_cast ORDER BY ALL") == [
        ("s1", "Ada Marlow"),
        ("s1", "Dev Rane"),
    ]
    arrive(settings.landing, f"{STORED_DAY}/more.csv", [netflix_title(1)])
    bronze = [name for name in CAST if name.startswith("bronze/")]
    result = run(platform, STORED_DAY, select=bronze, raise_on_error=False)
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert "MOVIES_NETFLIX__BASE_URL" in str(failure.event_specific_data)


class TestWhoDecides:
    """The newest state of a title decides its cast, if it has one."""

    FIVE, FILE, NO_CAST = "five files", "one file", "no cast"

    def cast_after(
        self, settings: Any, instance: Any, tmp_path: Path, arrives: Arrive, *states: Sequence[str]
    ) -> list[list[str]]:
        """Return the casts of titles that arrived in these editions, one a day."""
        shows = range(1, 1 + len(states))
        for at, day in enumerate(DAYS[: max(map(len, states))]):
            today = {show: each[at] for show, each in zip(shows, states, strict=True) if each[at:]}
            if five := [netflix_title(show) for show in today if today[show] == self.FIVE]:
                arrives(f"{day}/titles.csv", five)
            casts = {self.FILE: "Ada Marlow, Dev Rane", self.NO_CAST: ""}
            if rows := [kaggle(n, cast=casts[e]) for n, e in today.items() if e in casts]:
                arrives(f"{day}/kaggle.csv", rows, KAGGLE)
        known = [(name, show) for show in shows for name in ("Ada Marlow", "Eli Stone")]
        lookup = partial(on_disk, tmp_path, cast=[*known, ("Bo", 404)])
        platform = Platform(settings, instance, resources={"netflix_lookup": lookup})
        result = run(platform, DAYS[0], DAYS[max(map(len, states)) - 1], select=CAST)
        has_five = any(self.FIVE in each for each in states)
        assert red(result) == ([("silver/netflix_cast", "references")] if has_five else [])
        found = platform.sql("SELECT show_id, value FROM silver.netflix_cast ORDER BY ALL")
        assert (("404", "Bo") in found) == has_five
        return [[value for show_id, value in found if show_id == str(show)] for show in shows]

    @pytest.mark.slow
    @pytest.mark.parametrize(
        "expected",
        [
            {
                (FIVE,): ["Ada Marlow", "Eli Stone"],
                (FIVE, FILE): ["Ada Marlow", "Dev Rane"],
                (FILE, FIVE): ["Ada Marlow", "Eli Stone"],
                (FIVE, NO_CAST): ["Ada Marlow", "Eli Stone"],
            },
            {(FILE, NO_CAST): ["Ada Marlow", "Dev Rane"]},
        ],
        ids=["with five files", "without"],
    )
    def test_the_newest_state_that_knows_decides(
        self, settings, instance, tmp_path, arrives, expected
    ):
        casts = self.cast_after(settings, instance, tmp_path, arrives, *expected)
        assert dict(zip(expected, casts, strict=True)) == expected


@pytest.mark.slow
def test_a_warehouse_of_numbers_becomes_one_of_texts(settings, instance, tmp_path, arrives):
    """Bronze, silver, gold and quarantine of a warehouse from before ids were text."""
    titles = [netflix_title(number) for number in range(1, 30)]
    arrives(f"{DAYS[0]}/titles.csv", [*titles, netflix_title(30, type="")])
    lookup = partial(on_disk, tmp_path, cast=[("Ada", 1)])
    platform = Platform(settings, instance, resources={"netflix_lookup": lookup})
    below = [*CAST, "gold/netflix_dim_title"]
    run(platform, DAYS[0], select=below)
    before = platform.contents()
    with platform.warehouse.session() as connection, platform.warehouse.transaction(connection):
        for layer, column in (("bronze", "show_id"), ("silver", "show_id"), ("gold", "show_key")):
            for (name,) in connection.execute(
                "SELECT schema_name || '.' || table_name FROM duckdb_columns() "
                "WHERE schema_name = ? AND column_name = ?",
                [layer, column],
            ).fetchall():
                connection.execute(f"ALTER TABLE {name} ALTER COLUMN {column} TYPE BIGINT")
        for name in ("bronze.netflix_titles", "bronze.netflix_cast"):
            connection.execute(f"ALTER TABLE {name} DROP COLUMN _edition")
    run(platform, DAYS[0], select=[name for name in below if name.startswith(("silver", "gold"))])
    assert platform.sql("SELECT DISTINCT edition FROM silver.netflix_titles") == [(None,)]
    run(platform, DAYS[0], select=below)
    after = platform.contents()
    layers = ("silver", "gold", "quarantine")
    assert {n: after[n] for n in after if n.startswith(layers)} == {
        n: before[n] for n in before if n.startswith(layers)
    }
    ids = "SELECT DISTINCT typeof(show_id) FROM bronze.netflix_{}"
    assert [platform.sql(ids.format(name)) for name in ("titles", "cast")] == [[("VARCHAR",)]] * 2
