"""The users API of the fictional streaming service, and what goes wrong with it."""

import json
import subprocess
import sys
from contextlib import contextmanager
from datetime import date

import httpx
import numpy as np
import pytest

from movies_assets.sample.faults import Fault, Faults
from movies_assets.sample.serving import serve
from movies_assets.sources.ott.sample_server import BASE_PATH, create_ott_app
from movies_assets.sources.ott.sample_users import Service, Users, as_api, as_stored

LAST_DAY = date(2025, 10, 31)
PATH = f"{BASE_PATH}/users"


@contextmanager
def other_client(users=300, seed=1):
    """A client over TCP of another service."""
    with (
        serve(create_ott_app(users, last_day=LAST_DAY, seed=seed)) as url,
        httpx.Client(base_url=url) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def server():
    app = create_ott_app(last_day=LAST_DAY)
    with serve(app) as url, httpx.Client(base_url=url) as client:
        yield app, client


@pytest.fixture
def client(server):
    """A client of a service as it is at first, without faults."""
    app, client = server
    app.state.service, app.state.faults = Service(300, LAST_DAY), Faults()
    return client


@pytest.fixture
def fail(server, client):  # noqa: ARG001 (a fresh service)
    """Makes the server fail."""
    app, _ = server
    return app.state.faults.rules.append


@pytest.fixture(scope="module")
def everybody(server):
    return server[1].get(PATH, params={"limit": 1000}).json()["users"]


def page(client, skip=0, limit=20):
    return client.get(PATH, params={"skip": skip, "limit": limit}).json()


def ids(*pages):
    return [user["id"] for each in pages for user in each["users"]]


# Pages


def test_a_page_contains_its_position(client, everybody):
    assert page(client, 40) == {
        "users": everybody[40:60],
        "total": len(everybody),
        "skip": 40,
        "limit": 20,
    }


def test_the_pages_make_up_all_users_in_the_order_of_their_ids(client, everybody):
    pages = [page(client, skip, 70) for skip in range(0, len(everybody), 70)]
    found = ids(*pages)
    assert found == [user["id"] for user in everybody] == sorted(set(found))


def test_there_are_no_users_after_the_last_page(client):
    assert page(client, 1000)["users"] == []


@pytest.mark.parametrize(
    ("asked", "given"),
    [({}, (0, 30)), ({"limit": 5}, (0, 5)), ({"skip": "x", "limit": "-1"}, (0, 30))],
    ids=str,
)
def test_what_is_not_asked_has_a_default(client, asked, given):
    reply = client.get(PATH, params=asked).json()
    assert (reply["skip"], reply["limit"]) == given
    assert len(reply["users"]) == given[1]


def test_a_page_has_no_more_than_a_thousand_users():
    with other_client(users=2_000) as client:
        assert len(page(client, limit=5_000)["users"]) == 1_000


def test_users_who_have_left_are_not_listed(everybody):
    users = Users(300, LAST_DAY)
    there = np.flatnonzero(users.present(29))
    assert [user["id"] for user in everybody] == (there + 1001).tolist()
    assert 285 < len(there) < 300


def test_another_seed_is_other_people(everybody):
    with other_client(seed=2) as client:
        assert page(client, limit=20)["users"] != everybody[:20]


def test_a_user_does_not_depend_on_the_page(client, everybody):
    assert [page(client, skip, 1)["users"][0] for skip in range(5)] == everybody[:5]


def test_a_size_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="49 users: from 50 to 1,000,000 are possible"):
        create_ott_app(49, last_day=LAST_DAY)


def test_a_page_of_a_million_users_costs_no_more_than_one_of_a_few():
    service = Service(1_000_000, LAST_DAY)
    assert len(service) > 900_000
    assert len(service.page(900_000, 100)) == 100


# Users


def test_a_user_has_more_fields_than_needed(everybody):
    assert set(everybody[0]) >= {"id", "fullName", "email", "signupDate", "phone", "birthDate"}
    assert all(user["address"]["street"] for user in everybody)


def test_a_few_users_have_another_format(everybody):
    assert any("fullName" not in u and u["firstName"] and u["lastName"] for u in everybody)
    assert any("country" not in user and user["address"]["country"] for user in everybody)
    assert any(user["email"] is None for user in everybody)
    assert any(user.get("country", "") is None for user in everybody)


def test_genres_are_a_list_a_text_null_or_missing(everybody):
    genres = [user.get("preferredGenres", "missing") for user in everybody]
    assert any(isinstance(own, list) and own for own in genres)
    for other in ([], None, "missing"):
        assert other in genres
    assert any("|" in own for own in genres if isinstance(own, str))
    assert any("," in own for own in genres if isinstance(own, str))


def test_the_reply_has_the_stored_values():
    for user in Users(300, LAST_DAY).people(np.arange(300)):
        told, kept = as_api(user), as_stored(user)
        name = told.get("fullName") or f"{told['firstName']} {told['lastName']}"
        genres = told.get("preferredGenres") or []
        if isinstance(genres, str):
            genres = genres.replace(",", "|").split("|")
        country = told.get("country") or told["address"].get("country") or ""
        assert kept == (
            told["id"],
            name,
            told["email"] or "",
            told["signupDate"],
            "|".join(genres),
            country,
        )


# Faults


def test_a_user_who_signs_up_while_one_pages_puts_another_on_two_pages(client, fail, everybody):
    fail(Fault("sign_up", pages={0}))
    first, second = page(client, 0), page(client, 20)
    assert second["total"] == first["total"] + 1 == len(everybody) + 1
    assert ids(first)[-1] == ids(second)[0]


def test_a_user_who_signed_up_comes_first(client, fail):
    fail(Fault("sign_up", times=1))
    before, after = page(client), page(client)
    assert ids(after)[1:] == ids(before)[:-1]
    assert ids(after)[0] < min(ids(before))
    assert after["users"][0]["signupDate"] == str(LAST_DAY)


def test_a_user_who_leaves_while_one_pages_leaves_another_on_none(client, fail, everybody):
    fail(Fault("leave", times=1))
    first, second = page(client, 0), page(client, 20)
    assert second["total"] == first["total"] - 1
    assert everybody[20]["id"] not in ids(first, second)


def test_the_total_can_be_overstated(client, fail, everybody):
    fail(Fault("overstate", every=2))
    truth = len(everybody)
    totals = [page(client)["total"] for _ in range(4)]
    assert totals == [truth, truth + 3, truth, truth + 3]


@pytest.mark.parametrize(("kind", "status"), [("too_many_requests", 429), ("server_error", 503)])
def test_the_server_can_ask_to_come_back_later(client, fail, kind, status):
    fail(Fault(kind, times=1, retry_after=7))
    reply = client.get(PATH)
    assert (reply.status_code, reply.headers["retry-after"]) == (status, "7")
    assert client.get(PATH).status_code == 200


def test_a_connection_can_break_in_mid_body(client, fail):
    fail(Fault("cut_off", times=1))
    with pytest.raises(httpx.RemoteProtocolError):
        client.get(PATH)
    assert client.get(PATH).status_code == 200


def test_half_a_json_text_or_a_web_page_can_replace_a_page(client, fail):
    fail(Fault("invalid_json", pages={20}))
    fail(Fault("html", pages={40}))
    with pytest.raises(json.JSONDecodeError):
        page(client, 20)
    reply = client.get(PATH, params={"skip": 40})
    assert reply.headers["content-type"].startswith("text/html")
    assert page(client)["users"]


def test_a_reply_can_be_slow(client, fail):
    fail(Fault("slow", seconds=0.2, pages={20}))
    with pytest.raises(httpx.ReadTimeout):
        client.get(PATH, params={"skip": 20}, timeout=0.05)
    assert client.get(PATH, timeout=2).status_code == 200


def test_requests_are_recorded(server, client):
    app, _ = server
    app.state.traffic.requests.clear()
    page(client, 7, 3)
    assert app.state.traffic.requests == [{"skip": "7", "limit": "3"}]


@pytest.mark.slow
def test_the_command_serves_them():
    options = ["--users", "60", "--last-day", "2025-10-31"]
    with subprocess.Popen(  # noqa: S603 (our own module)
        [sys.executable, "-m", "movies_assets.sample", "ott-server", *options],
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            base = server.stdout.readline().strip()
            reply = httpx.get(f"{base}/users", params={"limit": 1}).json()
            assert reply["users"] == Service(60, LAST_DAY).page(0, 1)
        finally:
            server.terminate()
