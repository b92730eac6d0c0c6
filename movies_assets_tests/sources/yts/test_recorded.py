"""Real recordings of the YTS API, served by the sample's server and materialized whole."""

import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from movies_assets.sources.yts.client import YtsClient
from movies_assets.sources.yts.sample_server import BASE_PATH, create_app
from movies_assets_tests.conftest import Platform
from movies_assets_tests.places import RECORDED
from movies_assets_tests.sources.yts.catalogues import RecordedCatalogue

FOLDER = RECORDED / "yts"
pytestmark = [
    pytest.mark.recorded,
    pytest.mark.slow,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="recorded: ../shared/recorded is not there"),
]
PAGES = ["list_movies_2020-10-27.json", "list_movies_2021-01-20.json"]


def recording(name: str) -> dict[str, Any]:
    reply: dict[str, Any] = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return reply


def client(movies: list[dict[str, Any]]) -> YtsClient:
    app = create_app(RecordedCatalogue(movies))
    return YtsClient(f"http://yts.invalid{BASE_PATH}", transport=httpx.ASGITransport(app))


@pytest.fixture
def first_day() -> str:
    return "2020-01-01"


@pytest.fixture(params=PAGES)
def listed(request) -> list[dict[str, Any]]:
    movies: list[dict[str, Any]] = recording(request.param)["data"]["movies"]
    return movies


def test_every_recorded_movie_ends_in_exactly_one_place(listed, settings, instance):
    days = sorted(day_of(movie) for movie in listed)
    platform = Platform(settings, instance, lambda: client(listed))
    assert platform.run(days[0], days[-1]).success
    places = platform.sql("SELECT movie_id FROM silver.yts_movies") + platform.sql(
        "SELECT (raw::JSON ->> 'id')::BIGINT FROM quarantine.yts_movies"
    )
    assert Counter(movie_id for (movie_id,) in places) == Counter(m["id"] for m in listed)


def test_every_recorded_movie_has_its_utc_day_genres_and_keys(listed, settings, instance):
    days = sorted(day_of(movie) for movie in listed)
    platform = Platform(settings, instance, lambda: client(listed))
    platform.run(days[0], days[-1])
    stored = platform.sql(
        "SELECT f.movie_key, f.uploaded_date::VARCHAR, f.date_key, f.language_key, f.runtime_key, "
        "f.rating_key, f.year_key, f.genre_count, "
        "(SELECT list(g.genre_name ORDER BY g.genre_name) FROM gold.genre_junction j "
        "JOIN gold.dim_genre g USING (genre_key) WHERE j.movie_key = f.movie_key) "
        "FROM gold.fact_movies f ORDER BY 1"
    )
    assert stored == [
        (
            movie["id"],
            day_of(movie),
            int(day_of(movie).replace("-", "")),
            movie["language"],
            movie["runtime"] or -1,
            round(movie["rating"] * 10) or -1,
            movie["year"],
            len(movie["genres"]),
            sorted(movie["genres"]),
        )
        for movie in sorted(listed, key=lambda movie: movie["id"])
    ]


def test_a_reply_without_movies_is_an_empty_page_with_any_movie_count():
    reply = recording("movie_count_without_movies.json")
    assert reply["data"]["movie_count"] == 3
    app = Starlette(routes=[Route("/list_movies.json", lambda _: JSONResponse(reply))])
    client = YtsClient("http://yts.invalid", transport=httpx.ASGITransport(app))
    assert list(client.crawl()) == []


def day_of(movie: dict[str, Any]) -> str:
    return datetime.fromtimestamp(movie["date_uploaded_unix"], UTC).date().isoformat()
