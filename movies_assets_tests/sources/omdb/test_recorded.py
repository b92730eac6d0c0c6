"""Real replies of OMDb: each is understood, and each error does what it should."""

import json
from typing import Any

import httpx
import pytest

from movies_assets.definitions import build_defs
from movies_assets.ingest.http import HttpOptions, PermanentSourceError
from movies_assets.sample.faults import Fault
from movies_assets.sources.omdb.bronze import TERMS
from movies_assets.sources.omdb.client import Answer, OmdbClient, Query, stored
from movies_assets.sources.omdb.sample import Titles
from movies_assets.sources.omdb.sample_server import SAMPLE_KEY, create_omdb_app
from movies_assets_tests.conftest import Platform, replaced_resource
from movies_assets_tests.places import RECORDED

FOLDER = RECORDED / "omdb"
pytestmark = [
    pytest.mark.recorded,
    pytest.mark.slow,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="recorded: ../shared/recorded is not there"),
]
OPTIONS = HttpOptions(concurrency=1, retry_budget_seconds=0.3, retry_wait_max_seconds=0.02)
PAGE = "search_batman_page2_2022.json"


def recording(name: str) -> Any:
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


def errors() -> list[Any]:
    return recording("error_bodies.json") if FOLDER.is_dir() else []


def served(body: Any, status: int = 200, times: int | None = None) -> tuple[OmdbClient, Any]:
    """A client whose replies are a recorded one."""
    app = create_omdb_app(Titles(2025))
    text = json.dumps(body, ensure_ascii=False).encode()
    app.state.faults.rules.append(Fault("body", status=status, body=text, times=times))
    transport = httpx.ASGITransport(app)
    return OmdbClient("http://omdb.invalid", SAMPLE_KEY, OPTIONS, transport=transport), app


@pytest.mark.parametrize("each", errors(), ids=lambda each: each["body"]["Error"])
def test_an_error_gives_its_row_and_does_what_it_should(each, tmp_path):
    text, status = each["body"]["Error"], each["http_status"]
    client, app = served(each["body"], status)
    found = None
    query = Query(("storm", "river"))
    try:
        found = client.collect(tmp_path, [2025, 2024], query)
    except PermanentSourceError as error:
        assert text in {"No API key provided.", "Invalid API key!"}
        assert "MOVIES_OMDB__API_KEY" in str(error)  # noqa: PT017
    (year,) = stored(tmp_path, [2025])
    assert {(row.error, row.http_status, row.page, row.position) for row in year.rows} == {
        (text, status, 1, 0)
    }
    terms = [row.search_term for row in year.rows]
    if status == 401:
        assert terms == ["storm"]
        assert len(app.state.traffic.requests) == 1
        assert (found is None) == (text != "Request limit reached!")
    else:
        assert terms == ["storm", "river"]
    assert year.is_complete == (status == 200 and text != "Error getting data.")


def test_every_recorded_search_is_understood():
    replies = [each["body"] for each in recording("exchanges_2016.json") if "?s=" in each["uri"]]
    replies.append(recording(PAGE))
    answers = [Answer.of(reply) for reply in replies]
    assert any(answer.error == "Movie not found!" for answer in answers)
    assert sum(len(answer.results) for answer in answers) > 10
    for answer in answers:
        assert bool(answer.results) != bool(answer.error)
        assert answer.total >= len(answer.results)


def test_every_recorded_result_ends_in_silver(settings, instance):
    reply = recording(PAGE)
    reply["totalResults"] = "10"
    client, _ = served(reply)
    platform = Platform(settings, instance)
    platform.defs = build_defs(settings, omdb=replaced_resource(settings, "omdb", lambda: client))
    assert platform.run("2014", job="omdb_yearly").success
    rows = platform.sql("SELECT imdb_id, movie_title, poster_url FROM silver.omdb_releases")
    assert {*rows} == {(r["imdbID"], r["Title"].strip(), r["Poster"]) for r in reply["Search"]}
    ((start, end),) = platform.sql(
        "SELECT release_year, end_year FROM silver.omdb_releases "
        "WHERE movie_title = 'Batman Beyond'"
    )
    assert (start, end) == (1999, 2001)
    assert platform.sql("SELECT count(*) FROM bronze.omdb_releases") == [(10 * len(TERMS),)]
    assert platform.sql("SELECT count(*) FROM quarantine.omdb_releases") == [(0,)]
