"""The client against the embedded sample server, and the sample catalogue's own order."""

import json
from collections import Counter
from datetime import UTC, date, datetime

import pytest

from movies_assets.ingest.http import HttpOptions, PermanentSourceError
from movies_assets.sample.faults import Fault, Faults, Kind
from movies_assets.sample.serving import serve
from movies_assets.sources.yts.client import YtsClient
from movies_assets.sources.yts.sample import Catalogue, Shifting
from movies_assets.sources.yts.sample_server import BASE_PATH, create_app
from movies_assets_tests.places import RECORDED
from movies_assets_tests.sources.yts.catalogues import RecordedCatalogue

LAST = date(2024, 6, 30)
FAST = HttpOptions(retry_wait_max_seconds=0.02, retry_budget_seconds=5)
FOLDER = RECORDED / "yts"


def days_of(catalogue: Catalogue) -> Counter[date]:
    return Counter(datetime.fromtimestamp(int(t), UTC).date() for t in catalogue.uploaded_unix)


@pytest.mark.slow
@pytest.mark.parametrize("late_every", [22, 3])
def test_a_day_out_of_74000_sample_movies_is_complete_with_fewer_than_20_requests(late_every):
    catalogue = Catalogue(74_000, LAST, late_every=late_every)
    app = create_app(catalogue)
    of_day = days_of(catalogue)
    days = sorted(of_day)
    with serve(app) as url:
        client = YtsClient(url + BASE_PATH, FAST)
        for one in [days[0], *days[300::900], days[-2], days[-1]]:
            app.state.traffic.requests.clear()
            assert sum(map(len, client.movies(one, one))) == of_day[one], one
            assert len(app.state.traffic.requests) < 20, one


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["cut_off", "server_error", "too_many_requests"])
def test_a_crawl_among_passing_failures_is_complete(kind: Kind):
    app = create_app(Catalogue(1_000, LAST), faults=Faults([Fault(kind, every=4)]))
    with serve(app) as url:
        found = [row.movie_id for b in YtsClient(url + BASE_PATH, FAST).crawl() for row in b]
    assert len(found) == len(set(found)) == 1_000


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["html", "invalid_json", "error_envelope", "no_data"])
def test_a_reply_that_makes_no_sense_fails_the_crawl(kind: Kind):
    app = create_app(Catalogue(1_000, LAST), faults=Faults([Fault(kind, pages={9})]))
    with serve(app) as url, pytest.raises(PermanentSourceError, match="page=9"):
        list(YtsClient(url + BASE_PATH, FAST).crawl())


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["publish", "reupload"])
def test_a_crawl_of_a_changing_catalogue_misses_no_movie(kind: Kind):
    catalogue = Shifting(Catalogue(1_000, LAST), hold_back=5)
    before = {catalogue[n]["id"] for n in range(len(catalogue))}
    app = create_app(catalogue, faults=Faults([Fault(kind, every=9, times=2)]))
    with serve(app) as url:
        found = {row.movie_id for b in YtsClient(url + BASE_PATH, FAST).crawl() for row in b}
    assert before <= found


@pytest.mark.recorded
@pytest.mark.skipif(not FOLDER.exists(), reason="no recordings here")
@pytest.mark.parametrize("name", ["list_movies_2020-10-27.json", "list_movies_2021-01-20.json"])
def test_recorded_movies_come_back_under_the_day_of_their_instant(name):
    movies = json.loads((FOLDER / name).read_text())["data"]["movies"]
    with serve(create_app(RecordedCatalogue(movies))) as url:
        rows = [row for batch in YtsClient(url + BASE_PATH, FAST).crawl() for row in batch]
    expected = {
        m["id"]: datetime.fromtimestamp(m["date_uploaded_unix"], UTC).date() for m in movies
    }
    assert {row.movie_id: row.uploaded_date for row in rows} == expected
    assert {m["id"]: m for m in movies} == {r.movie_id: json.loads(r.payload) for r in rows}
