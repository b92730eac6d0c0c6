"""A real catalogue and a real page of users, materialized by the whole job; every row is there.

What is known of them is read from the files in plain Python.
"""

import csv
import json
import shutil
from collections.abc import Iterator
from datetime import date, datetime

import dagster as dg
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from movies_assets.sample.serving import serve
from movies_assets.settings import load
from movies_assets.sources.ott.client import OttClient, settle
from movies_assets_tests.conftest import STORED_DAY, Platform, arrive_ott, ott_view
from movies_assets_tests.places import RECORDED

CATALOGUE, USERS = RECORDED / "ott" / "NetflixOriginals.csv", RECORDED / "users" / "users_page.json"
pytestmark = [
    pytest.mark.recorded,
    pytest.mark.slow,
    pytest.mark.skipif(not USERS.is_file(), reason="recorded: ../shared/recorded is not there"),
]


def titles() -> list[dict[str, str]]:
    with CATALOGUE.open(encoding="cp1252", newline="") as file:
        return [*csv.DictReader(file, delimiter=";")]


def premiere(text: str) -> date:
    """Read 'August 5, 2019' and the odd 'April 5. 2018'."""
    return datetime.strptime(text.replace(". ", ", "), "%B %d, %Y").date()  # noqa: DTZ007 (a day)


def users() -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(USERS.read_text(encoding="utf-8"))["users"]
    return found


async def page(request: Request) -> JSONResponse:
    skip, limit = (int(request.query_params[name]) for name in ("skip", "limit"))
    found = users()
    part = found[skip : skip + limit]
    return JSONResponse({"users": part, "total": len(found), "skip": skip, "limit": limit})


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """The catalogue as a file of a day, the users fetched over TCP seven at a time."""
    settings = load(data_dir=tmp_path_factory.mktemp("recorded"))
    folder = settings.landing / "ott" / "titles" / STORED_DAY
    folder.mkdir(parents=True)
    shutil.copy(CATALOGUE, folder)
    spelt = [row["Title"].upper() + "!" for row in titles()[:60]]
    views = [ott_view(1 + n % 30, name) for n, name in enumerate(spelt)]
    arrive_ott(settings.landing, STORED_DAY, views=views)
    with serve(Starlette(routes=[Route("/users", page)])) as url:
        client = OttClient(url, page_size=7)

        def fetched(days: list[date]) -> object:
            return settle(settings.landing, days, date.fromisoformat(STORED_DAY), client.fetch)

        with dg.DagsterInstance.ephemeral() as instance:
            platform = Platform(settings, instance, resources={"ott_users": fetched})
            assert platform.run(STORED_DAY, job="ott_daily").success
            yield platform


def test_the_encoding_and_the_separator_are_found_and_recorded(stored):
    looks = "SELECT encoding, separator, rows, problems FROM landing.ott_titles"
    assert stored.sql(looks) == [("cp1252", ";", 584, 0)]


def test_every_title_is_accounted_for(stored):
    bronze, silver, refused = (
        stored.sql(f"SELECT count(*) FROM {name}.ott_titles")[0][0]
        for name in ("bronze", "silver", "quarantine")
    )
    assert (bronze, silver, refused) == (584, 584, 0)


def test_every_title_is_stored_as_it_was_received(stored):
    found = stored.sql(
        "SELECT title, premiere, runtime_minutes, imdb_score FROM silver.ott_titles ORDER BY ALL"
    )
    assert found == sorted(
        (
            " ".join(row["Title"].split()),
            premiere(row["Premiere"]),
            int(row["Runtime"]),
            float(row["IMDB Score"]),
        )
        for row in titles()
    )


def test_the_five_odd_dates_are_read(stored):
    odd = {row["Title"]: premiere(row["Premiere"]) for row in titles() if "." in row["Premiere"]}
    assert len(odd) == 5
    stated = dict(stored.sql("SELECT title, premiere FROM silver.ott_titles"))
    assert {title: stated[title] for title in odd} == odd


def test_genres_are_those_of_the_file(stored):
    expected = {g.strip().lower() for row in titles() for g in row["Genre"].split("/")} - {""}
    assert {g for (g,) in stored.sql("SELECT unnest(genres) FROM silver.ott_titles")} == expected


def test_views_match_the_catalogue_however_they_spell_it(stored):
    assert stored.sql("SELECT sum(views) FROM silver.ott_watched") == [(60,)]
    assert stored.sql("FROM silver.ott_unmatched") == []


def test_every_user_is_stored_with_what_is_needed_and_nothing_else(stored):
    found = stored.sql(
        "SELECT user_id, full_name, email, signup_date, preferred_genres, country "
        "FROM silver.ott_users ORDER BY user_id::BIGINT"
    )
    assert found == [
        (
            str(user["id"]),
            f"{user['firstName']} {user['lastName']}",
            user["email"],
            None,
            None,
            user["address"]["country"],
        )
        for user in users()
    ]
    (kept,) = (stored.settings.landing / "ott" / "users").rglob("*.csv")
    text = kept.read_text(encoding="utf-8")
    assert not [user["phone"] for user in users() if user["phone"] in text]


def test_every_user_gets_the_ten_best_titles_not_seen(stored):
    counts = stored.sql("SELECT count(*) FROM gold.ott_recommendations GROUP BY user_key")
    assert counts == [(10,)] * 30
