"""The sample server speaks the protocol of the real one, and fails in the ways of the real one."""

import asyncio
import json
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import UTC, date, datetime

import httpx
import pytest

from movies_assets.sample import serving
from movies_assets.sample.faults import Fault, Faults
from movies_assets.sample.servers import Traffic
from movies_assets.sample.serving import serve
from movies_assets.sources.yts.sample import Catalogue, Shifting
from movies_assets.sources.yts.sample_server import create_app
from movies_assets_tests.places import RECORDED
from movies_assets_tests.sources.yts.catalogues import Patched, RecordedCatalogue

PATH = "/api/v2/list_movies.json"
FOLDER = RECORDED / "yts"
CATALOGUE = Catalogue(500, date(2025, 4, 2))


@pytest.fixture(scope="module")
def server():
    """One app and one client for all tests: starting them takes a third of a second."""
    app = create_app(CATALOGUE)
    with serve(app) as url, httpx.Client(base_url=url) as client:
        yield app, client


@pytest.fixture
def client_of(server):
    """Gives the server another catalogue and faults, and yields a client over TCP and the app."""
    app, client = server

    @contextmanager
    def change(catalogue=CATALOGUE, *rules):
        app.state.catalogue = catalogue
        app.state.faults = Faults(list(rules))
        app.state.traffic = Traffic()
        yield client, app

    return change


def get(client, **parameters):
    return client.get(PATH, params=parameters)


def ids(reply):
    return [movie["id"] for movie in reply.json()["data"]["movies"]]


@pytest.fixture
def client(client_of):
    """A client of a server without faults."""
    with client_of() as (client, _):
        yield client


# Protocol


def test_the_envelope_is_that_of_the_real_server(client):
    reply = get(client, limit=50, page=2, sort_by="date_added")
    assert reply.headers["content-type"] == "application/json"
    body = reply.json()
    assert body.pop("data") == {
        "movie_count": 503,
        "limit": 50,
        "page_number": 2,
        "movies": [CATALOGUE[position] for position in range(50, 100)],
    }
    assert body == {
        "status": "ok",
        "status_message": "Query was successful",
        "@meta": {
            "server_time": int(datetime(2025, 4, 3, tzinfo=UTC).timestamp()),
            "server_timezone": "CET",
            "api_version": 2,
            "execution_time": "0.01 ms",
        },
    }


@pytest.mark.recorded
@pytest.mark.skipif(not FOLDER.exists(), reason="no recordings here")
@pytest.mark.parametrize(
    ("name", "limit"), [("list_movies_2020-10-27", 20), ("list_movies_2021-01-20", 50)]
)
def test_a_recorded_page_is_served_as_it_was_recorded(client_of, name, limit):
    recorded = json.loads((FOLDER / f"{name}.json").read_text())
    data = recorded["data"]
    with client_of(RecordedCatalogue(data["movies"], data["movie_count"])) as (client, _):
        body = get(client, limit=limit).json()
    assert body["data"] == data
    assert list(body) == list(recorded)
    assert list(body["@meta"]) == list(recorded["@meta"])


@pytest.mark.recorded
@pytest.mark.skipif(not FOLDER.exists(), reason="no recordings here")
def test_an_empty_page_has_no_movies_although_the_count_is_not_zero(client_of):
    recorded = json.loads((FOLDER / "movie_count_without_movies.json").read_text())
    with client_of(RecordedCatalogue([], movie_count=3)) as (client, _):
        assert get(client, limit=50).json()["data"] == recorded["data"]


def test_the_page_behind_the_last_has_no_movies(client):
    assert len(ids(get(client, limit=50, page=10))) == 50
    data = get(client, limit=50, page=11).json()["data"]
    assert data == {"movie_count": 503, "limit": 50, "page_number": 11}


@pytest.mark.parametrize(
    ("asked", "given"), [(None, 20), (1, 1), (50, 50), (51, 50), (0, 20), ("x", 20), (-1, 20)]
)
def test_the_limit_is_1_to_50_and_20_by_default(client, asked, given):
    reply = get(client) if asked is None else get(client, limit=asked)
    assert (reply.json()["data"]["limit"], len(ids(reply))) == (given, given)


def test_the_pages_make_up_the_catalogue_in_its_order(client):
    pages = [ids(get(client, limit=50, page=page)) for page in range(1, 11)]
    assert [movie for page in pages for movie in page] == CATALOGUE.ids.tolist()


def test_ascending_is_the_descending_order_reversed(client):
    assert ids(get(client, limit=50, order_by="asc")) == CATALOGUE.ids[::-1][:50].tolist()


@pytest.mark.parametrize("key", ["year", "rating", "title"])
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_movies_can_be_sorted(client, key, order):
    pages = [get(client, limit=50, page=p, sort_by=key, order_by=order) for p in (1, 2)]
    values = [movie[key] for page in pages for movie in page.json()["data"]["movies"]]
    assert values == sorted(values, reverse=order == "desc")
    assert len({movie for page in pages for movie in ids(page)}) == 100


def test_movies_can_be_filtered_by_rating_and_genre(client):
    data = get(client, limit=50, minimum_rating=7, genre="drama").json()["data"]
    assert all(m["rating"] >= 7 and "Drama" in m["genres"] for m in data["movies"])
    assert data["movie_count"] == len(data["movies"]) + 3


def test_a_term_finds_a_title_or_a_code(client):
    movie = CATALOGUE[77]
    assert movie["id"] in ids(get(client, limit=50, query_term=movie["title"].upper()))
    assert ids(get(client, query_term=movie["imdb_code"])) == [movie["id"]]


def test_a_quality_filter_repeats_a_movie_on_a_page(client):
    shown = [ids(get(client, limit=50, quality="2160p", page=page)) for page in (1, 2)]
    assert len(set(shown[0])) < len(shown[0]) == 50
    wanted = [m["id"] for m in (CATALOGUE[p] for p in range(500)) if len(m["torrents"]) == 3]
    assert list(dict.fromkeys(shown[0] + shown[1])) == wanted[: len(set(shown[0] + shown[1]))]


def test_patched_movies_are_served(client_of):
    first = int(CATALOGUE.ids[0])
    with client_of(Patched(CATALOGUE, {first: {"year": 4000}})) as (client, _):
        years = [movie["year"] for movie in get(client).json()["data"]["movies"]]
    assert years == [4000, *(CATALOGUE[position]["year"] for position in range(1, 20))]


def test_the_catalogue_can_be_changed_while_the_server_runs(client_of):
    before = Catalogue(500, date(2025, 4, 2), as_of=datetime(2025, 4, 1, tzinfo=UTC))
    with client_of(before) as (client, app):
        assert ids(get(client)) == before.ids[:20].tolist()
        app.state.catalogue = CATALOGUE
        assert ids(get(client)) == CATALOGUE.ids[:20].tolist()


# Traffic


def test_requests_are_recorded(client_of):
    with client_of() as (client, app):
        get(client, page=3, limit=7)
        get(client, genre="drama")
        assert app.state.traffic.requests == [{"page": "3", "limit": "7"}, {"genre": "drama"}]
        assert app.state.traffic.most_at_once == 1


def test_latency_delays_each_reply_and_simultaneous_requests_are_counted():
    async def ask(url):
        async with httpx.AsyncClient(base_url=url) as client:
            await asyncio.gather(*(client.get(PATH) for _ in range(4)))

    app = create_app(CATALOGUE, latency_seconds=0.3)
    begin = time.perf_counter()
    with serve(app) as url:
        asyncio.run(ask(url))
    assert time.perf_counter() - begin > 0.3
    assert app.state.traffic.most_at_once == 4
    assert app.state.traffic.at_once == 0


# Faults, over real TCP


def test_too_many_requests_give_the_time_to_come_back_in_seconds(client_of):
    with client_of(CATALOGUE, Fault("too_many_requests", times=1, retry_after=7)) as (client, _):
        reply = get(client)
        assert (reply.status_code, reply.headers["retry-after"]) == (429, "7")
        assert get(client).status_code == 200


def test_too_many_requests_give_the_time_to_come_back_as_a_date(client_of):
    fault = Fault("too_many_requests", retry_after=datetime(2025, 4, 2, 18, 30, tzinfo=UTC))
    with client_of(CATALOGUE, fault) as (client, _):
        assert get(client).headers["retry-after"] == "Wed, 02 Apr 2025 18:30:00 GMT"


@pytest.mark.parametrize(("fault", "status"), [
    (Fault("server_error"), 503),
    (Fault("server_error", status=500), 500),
    (Fault("server_error", status=502), 502),
])  # fmt: skip
def test_the_server_can_fail(client_of, fault, status):
    with client_of(CATALOGUE, fault) as (client, _):
        assert get(client).status_code == status


def test_a_slow_reply_outlasts_the_clients_patience_and_is_sound_otherwise(client_of):
    with client_of(CATALOGUE, Fault("slow", times=2, seconds=0.3)) as (client, _):
        with pytest.raises(httpx.ReadTimeout):
            client.get(PATH, timeout=0.1)
        assert len(ids(get(client))) == 20


def test_a_connection_can_break_in_mid_body(client_of):
    with client_of(CATALOGUE, Fault("cut_off", times=1)) as (client, _):
        with pytest.raises(httpx.RemoteProtocolError, match=r"incomplete|without sending"):
            get(client)
        assert len(ids(get(client))) == 20


@pytest.mark.parametrize("status", [200, 403])
def test_an_outage_answers_a_web_page(client_of, status):
    with client_of(CATALOGUE, Fault("html", status=status)) as (client, _):
        reply = get(client)
        assert reply.status_code == status
        assert reply.headers["content-type"].startswith("text/html")
        assert reply.text.startswith("<!DOCTYPE html>")


def test_json_can_be_invalid(client_of):
    with client_of(CATALOGUE, Fault("invalid_json")) as (client, _):
        reply = get(client)
        assert reply.headers["content-type"] == "application/json"
        with pytest.raises(json.JSONDecodeError):
            reply.json()


@pytest.mark.parametrize(("kind", "status"), [("error_envelope", "error"), ("no_data", "ok")])
def test_the_envelope_can_be_broken(client_of, kind, status):
    with client_of(CATALOGUE, Fault(kind)) as (client, _):
        body = get(client).json()
        assert body["status"] == status
        assert "data" not in body


def test_a_body_can_be_huge(client_of):
    with client_of(CATALOGUE, Fault("huge", size_bytes=2_000_000)) as (client, _):
        reply = get(client)
        assert 2_000_000 <= len(reply.content) < 2_200_000
        assert len(ids(reply)) == 20


def test_a_fault_strikes_only_its_pages(client_of):
    with client_of(CATALOGUE, Fault("server_error", pages={2, 3})) as (client, _):
        assert [get(client, page=page).status_code for page in (1, 2, 3, 4)] == [200, 503, 503, 200]


def test_a_fault_strikes_every_third_request(client_of):
    with client_of(CATALOGUE, Fault("server_error", every=3, times=2)) as (client, _):
        statuses = [get(client).status_code for _ in range(9)]
        assert statuses == [200, 200, 503, 200, 200, 503, 200, 200, 200]


def test_the_first_fault_that_replies_wins(client_of):
    rules = Fault("slow", seconds=0.01), Fault("html", times=1), Fault("server_error", times=2)
    with client_of(CATALOGUE, *rules) as (client, _):
        assert [get(client).status_code for _ in range(3)] == [200, 503, 200]


def test_faults_can_be_switched_while_the_server_runs(client_of):
    with client_of() as (client, app):
        assert get(client).status_code == 200
        app.state.faults.rules.append(Fault("server_error"))
        assert get(client).status_code == 503
        app.state.faults.rules.clear()
        assert get(client).status_code == 200


def test_new_movies_shift_the_pages_while_one_pages(client_of):
    shifting = Shifting(CATALOGUE, hold_back=5)
    with client_of(shifting, Fault("publish", every=2)) as (client, _):
        first, second, third = (ids(get(client, page=page)) for page in (1, 2, 3))
        assert not set(first) & set(second)
        assert second[-1] == third[0]


def test_a_reupload_shifts_the_pages_and_brings_the_oldest_movie_to_the_front(client_of):
    with client_of(Shifting(CATALOGUE), Fault("reupload", times=1)) as (client, _):
        first, second = ids(get(client, page=1)), ids(get(client, page=2))
        assert first[-1] == second[0]
        assert ids(get(client, page=1))[0] == int(CATALOGUE.ids[-1])


def test_sorted_lists_follow_a_shift(client_of):
    with client_of(Shifting(CATALOGUE), Fault("reupload", pages={9})) as (client, _):
        before = ids(get(client, sort_by="date_added", order_by="asc"))
        get(client, page=9)
        assert ids(get(client, sort_by="date_added", order_by="asc"))[:19] == before[1:]


def test_only_a_shifting_catalogue_can_shift():
    app = create_app(CATALOGUE, faults=Faults([Fault("publish")]))

    async def ask():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://sample") as client:
            await client.get(PATH)

    with pytest.raises(TypeError, match="only a Shifting catalogue"):
        asyncio.run(ask())


# The command


@pytest.mark.slow
def test_the_command_prints_the_base_url_first_and_serves():
    command = [sys.executable, "-m", "movies_assets.sample", "yts-server", "--movies", "500"]
    with subprocess.Popen(  # noqa: S603 - our own module
        [*command, "--last-day", "2025-04-02"], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            base = process.stdout.readline().strip()
            reply = httpx.get(f"{base}/list_movies.json", params={"limit": 5})
            assert ids(reply) == CATALOGUE.ids[:5].tolist()
        finally:
            process.terminate()


def test_without_uvicorn_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(ModuleNotFoundError, match="pip install"):
        serving.server_of(create_app(CATALOGUE))
