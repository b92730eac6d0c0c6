"""The server of look-ups answers as a Git host does, and goes wrong where a test asks for it."""

from contextlib import contextmanager

import httpx
import pytest

from movies_assets.sample.faults import Fault, Faults
from movies_assets.sample.serving import serve
from movies_assets.sources.netflix.sample import LOOKUPS, lookup
from movies_assets.sources.netflix.sample_server import create_netflix_app

PATH = "/netflix/netflix_cast.csv"


@contextmanager
def client_of(*rules):
    """A client over TCP of a server with these faults."""
    with (
        serve(create_netflix_app(faults=Faults(list(rules)))) as url,
        httpx.Client(base_url=url) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def client():
    with client_of() as sound:
        yield sound


@pytest.mark.parametrize("name", LOOKUPS)
def test_a_file_is_served_whole(client, name):
    reply = client.get(f"/netflix/netflix_{name}.csv")
    assert (reply.status_code, reply.content) == (200, lookup(name))
    assert reply.headers["content-length"] == str(len(reply.content))
    assert reply.headers["content-type"].startswith("text/plain")
    assert len(reply.headers["etag"]) == 66


def test_the_head_of_a_file_has_no_body(client):
    reply = client.head(PATH)
    assert (reply.content, int(reply.headers["content-length"])) == (b"", len(lookup("cast")))


def test_a_file_that_the_client_has_is_not_sent_again(client):
    etag = client.get(PATH).headers["etag"]
    reply = client.get(PATH, headers={"If-None-Match": etag})
    assert (reply.status_code, reply.content) == (304, b"")
    assert client.get(PATH, headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize("path", ["/", "/netflix/", "/netflix/netflix_titles.csv", "/a/b.csv"])
def test_a_missing_page_is_reported_in_html(client, path):
    reply = client.get(path)
    assert reply.status_code == 404
    assert reply.text.startswith("<!DOCTYPE html>")


def test_another_seed_and_size_are_other_files():
    with serve(create_netflix_app(200, 2)) as url:
        assert httpx.get(url + PATH).content == lookup("cast", titles=200, seed=2)


@pytest.mark.parametrize(("kind", "status"), [("too_many_requests", 429), ("server_error", 503)])
def test_the_server_can_ask_to_come_back_later(kind, status):
    with client_of(Fault(kind, times=1, retry_after=7)) as client:
        reply = client.get(PATH)
        assert (reply.status_code, reply.headers["retry-after"]) == (status, "7")
        assert client.get(PATH).status_code == 200


def test_a_connection_can_break_in_mid_body():
    with client_of(Fault("cut_off", times=1)) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            client.get(PATH)
        assert client.get(PATH).content == lookup("cast")


def test_a_file_can_be_truncated_or_have_no_etag():
    with client_of(Fault("truncated", times=1), Fault("no_etag", times=1)) as client:
        reply = client.get(PATH)
        content = lookup("cast")
        assert reply.content == content[: len(content) // 2]
        assert "etag" not in reply.headers


def test_a_web_page_can_replace_one_file():
    with client_of(Fault("html", pages={"cast"})) as client:
        assert client.get(PATH).headers["content-type"].startswith("text/html")
        assert client.get("/netflix/netflix_countries.csv").content == lookup("countries")
