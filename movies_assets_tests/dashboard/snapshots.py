"""Hand-made snapshots: every published table from its contract, with the rows that a test names."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from movies_assets.core.contract import Contract
from movies_assets.definitions import TABLES
from movies_assets.orchestration.publishing.published import published_tables
from movies_assets.warehouse import meta
from movies_assets.warehouse.published import POINTER
from movies_assets.warehouse.types import ddl, duckdb_types

Rows = Mapping[str, Iterable[Mapping[str, Any]]]

DAY = date(2025, 10, 31)
NOW = datetime(2026, 11, 21, 20, 30, tzinfo=UTC)
# What a column has where a row does not say, by type; NULL where the contract allows it.
USUAL = {
    "BIGINT": 1,
    "DOUBLE": 1.0,
    "VARCHAR": "x",
    "BOOLEAN": False,
    "DATE": DAY,
    "VARCHAR[]": [],
    "TIMESTAMPTZ": NOW,
    "TIMESTAMP WITH TIME ZONE": NOW,
}


@cache
def contracts() -> dict[str, type[Contract]]:
    """Return every table of a snapshot, and its contract."""
    gold = {name: table.contract for name, table in published_tables(TABLES).items()}
    return gold | {f"meta.{name}": contract for name, contract in meta.CONTRACTS.items()}


def publish(folder: Path, name: str, rows: Rows) -> Path:
    """Write a snapshot `movies_<name>.duckdb`, and let the pointer name it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"movies_{name}.duckdb"
    unknown = set(rows) - set(contracts())
    assert not unknown, f"not published: {unknown}"
    with duckdb.connect(path) as connection:
        connection.execute("CREATE SCHEMA gold; CREATE SCHEMA meta")
        for table, contract in contracts().items():
            connection.execute(f"CREATE TABLE {table} ({ddl(contract)})")
            for row in rows.get(table, ()):
                _insert(connection, table, contract, row)
    pointer = folder / f"{POINTER}.new"
    pointer.write_text(f"{path.name}\n", encoding="utf-8")
    pointer.replace(folder / POINTER)
    return path


def _insert(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    contract: type[Contract],
    row: Mapping[str, Any],
) -> None:
    assert set(row) <= set(contract.types()), f"{table} has no {set(row) - set(contract.types())}"
    required = {
        rule.name.split(":")[0] for rule in contract.rules() if rule.name.endswith(": required")
    }
    values = {
        name: row[name] if name in row else USUAL[kind] if name in required else None
        for name, kind in duckdb_types(contract).items()
    }
    marks = ", ".join("?" for _ in values)
    connection.execute(
        f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})", [*values.values()]
    )


def movie(
    key: int, title: str, year: int | None, genres: str | None, **more: Any
) -> list[dict[str, Any]]:
    """Return the rows of a movie in gold.imdb_movie_facts: one a genre."""
    rating = more.get("rating")
    band = next(
        (
            name
            for name, least in (("Excellent", 8), ("Great", 7), ("Good", 6))
            if (rating or 0) >= least
        ),
        "OK",
    )
    decade = year // 10 * 10 if year else None
    return [
        {
            "movie_key": key,
            "genre": genre,
            "genres": genres,
            "primary_title": title,
            "start_year": year,
            "decade": decade,
            "decade_label": f"{decade}s" if decade else "Unknown",
            "rating_band": "Unknown" if rating is None else band,
            "vote_bucket": "<1k",
            **more,
        }
        for genre in (genres.split(", ") if genres else ["Unknown"])
    ]


def episode(
    key: int, season: int, number: int | None, rating: float | None, votes: int | None
) -> dict[str, Any]:
    """Return an episode of series 10 in gold.imdb_episode_facts."""
    return {
        "episode_key": key,
        "series_key": 10,
        "season_number": season,
        "episode_number": number,
        "episode_title": f"Episode {key}",
        "rating": rating,
        "votes": votes,
    }


HOSTILE = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'
ARABIC = "القطار والريح"


def few() -> dict[str, list[dict[str, Any]]]:
    """Return a small world with known answers, and titles that mean harm."""
    return {
        "gold.imdb_movie_facts": [
            *movie(1, "Alpha", 1994, "Drama, Crime", rating=9.0, votes=2_000, runtime_minutes=140),
            *movie(2, "Beta", 1999, "Drama", rating=7.0, votes=1_000, runtime_minutes=100),
            *movie(3, HOSTILE, 1999, "Comedy", rating=6.5, votes=5_000, runtime_minutes=90),
            *movie(4, ARABIC, 2005, "Musical, Music", rating=8.0, votes=1_500, runtime_minutes=80),
            *movie(5, "Silent", 1920, "Drama", runtime_minutes=60),
            *movie(6, "Nobody's genre", None, None, rating=3.0, votes=12),
        ],
        "gold.imdb_trending_titles": [
            {"title_key": 2, "title_type": "movie", "primary_title": "Beta", "start_year": 1999,
             "rank": 1, "votes": 1_000, "votes_gained": 120, "rating": 7.0, "rating_change": 0.1},
            {"title_key": 3, "title_type": "movie", "primary_title": HOSTILE, "start_year": 1999,
             "rank": 2, "votes": 5_000, "votes_gained": -3, "rating": 6.5, "rating_change": -0.1},
            {"title_key": 99, "title_type": "tvSeries", "primary_title": "Not a movie", "rank": 1,
             "votes": 10, "votes_gained": 9, "rating": 5.0, "rating_change": 0.0},
        ],
        "gold.imdb_dim_series": [
            {"series_key": 10, "series_title": "The Lamp", "series_start_year": 2001,
             "series_label": "The Lamp (2001)", "genres": "Drama, Talk-Show", "episodes": 4,
             "seasons": 2},
            {"series_key": 11, "series_title": "Élan", "series_start_year": 2010,
             "series_label": "Élan (2010)", "genres": "Comedy", "episodes": 0, "seasons": 0},
            {"series_key": 12, "series_title": HOSTILE, "series_start_year": 1999,
             "series_label": f"{HOSTILE} (1999)", "episodes": 1, "seasons": 1},
            {"series_key": 13, "series_title": "Lamplight", "series_start_year": 2020,
             "series_label": "Lamplight (2020)", "genres": "Drama", "episodes": 1, "seasons": 1},
        ],
        "gold.imdb_series_kpis": [
            {"series_key": 10, "avg_rating": 7.5, "pilot_rating": 8.5, "finale_rating": 6.0,
             "best_season_rating": 8.2, "finale_delta": -1.5, "popularity": 900,
             "binge_score": 4.5, "rated_episodes": 4, "pilot_basis": "pilot S1E1",
             "finale_basis": "latest rated S2E2"},
            {"series_key": 12, "avg_rating": 2.0, "pilot_rating": 2.0, "finale_rating": 2.0,
             "best_season_rating": 2.0, "finale_delta": 0, "popularity": 5, "binge_score": 0,
             "rated_episodes": 1, "pilot_basis": "pilot S1E1", "finale_basis": "finale S1E1"},
            *({"series_key": key, "avg_rating": 0, "pilot_rating": 0, "finale_rating": 0,
               "best_season_rating": 0, "finale_delta": 0, "popularity": votes, "binge_score": 0,
               "rated_episodes": 0, "pilot_basis": "none", "finale_basis": "none"}
              for key, votes in ((11, 0), (13, 50))),
        ],
        "gold.imdb_episode_facts": [
            episode(101, 1, 1, 8.5, 300), episode(102, 1, 2, 7.9, 200),
            episode(103, 2, 1, 7.6, 250), episode(104, 2, 2, 6.0, 150),
            episode(105, -1, None, 9.9, 1), episode(106, 2, 3, None, None),
            {**episode(107, 1, 1, 2.0, 5), "series_key": 12, "episode_title": HOSTILE},
        ],
        "gold.imdb_series_season_summary": [
            {"series_key": 10, "season_number": 1, "season_label": "Season 1",
             "episodes_in_season": 2, "avg_season_rating": 8.2, "season_start_year": 2001},
            {"series_key": 10, "season_number": 2, "season_label": "Season 2",
             "episodes_in_season": 3, "avg_season_rating": 6.8, "season_start_year": 2002},
            {"series_key": 10, "season_number": -1, "season_label": "Specials",
             "episodes_in_season": 1, "avg_season_rating": 9.9},
        ],
        "gold.imdb_season_trends": [
            {"series_key": 10, "season_number": 1, "avg_rating": 8.2, "votes": 500},
            {"series_key": 10, "season_number": 2, "avg_rating": 6.8, "votes": 400,
             "rating_change": -1.4},
        ],
        "gold.omdb_releases": [
            {"release_year": 2023, "media_type": "movie", "total_releases": 1_200},
            {"release_year": 2023, "media_type": "game", "total_releases": 3},
            {"release_year": 2025, "media_type": "movie", "total_releases": 800},
            {"release_year": 2025, "media_type": "series", "total_releases": 40},
        ],
        "gold.ott_dim_user": [
            {"user_key": "aa11", "country": "Chile", "preferred_genres": ["drama"],
             "signup_date": date(2024, 2, 3)},
            {"user_key": "bb22", "preferred_genres": []},
        ],
        "gold.ott_dim_title": [
            {"title_key": "one", "title": "One", "genres": ["drama"], "premiere": date(2020, 1, 2)},
            {"title_key": "two", "title": HOSTILE, "genres": ["comedy", "puppetry"]},
        ],
        "gold.ott_genre_engagement": [
            {"genre": "drama", "users_preferring": 1, "viewers": 2, "views": 5, "minutes": 600.0,
             "average_score": 7.0},
            {"genre": "comedy", "users_preferring": 0, "viewers": 1, "views": 2, "minutes": 60.0},
            {"genre": "puppetry", "users_preferring": 0, "viewers": 1, "views": 2, "minutes": 60.0},
        ],
        "gold.ott_popular_movies": [
            {"period": "overall", "title_key": "one", "views": 5, "viewers": 2, "rank": 1,
             "imdb_score": 7.0, "watched_date": None},
            {"period": "overall", "title_key": "two", "views": 2, "viewers": 1, "rank": 2,
             "watched_date": None},
            {"period": "2025-10-30", "title_key": "one", "views": 3, "viewers": 2, "rank": 1,
             "watched_date": date(2025, 10, 30)},
            {"period": "2025-10-31", "title_key": "one", "views": 2, "viewers": 1, "rank": 1,
             "watched_date": date(2025, 10, 31)},
            {"period": "2025-10-31", "title_key": "two", "views": 2, "viewers": 1, "rank": 1,
             "watched_date": date(2025, 10, 31)},
        ],
        "gold.ott_recommendations": [
            {"user_key": "aa11", "rank": 1, "title_key": "two", "genre": "drama", "score": 6.5,
             "reason": "you like drama: number 1"},
        ],
        "meta.snapshot": [{"snapshot_id": "movies_a", "published_at": NOW, "version": "1"}],
        "meta.checks": [
            {"table_name": "gold.a", "check_name": f"c{number}", "verdict": verdict}
            for number, verdict in enumerate(["passed", "passed", "warned", "not run"])
        ],
    }  # fmt: skip
