import asyncio
import hashlib
import json
import random
import re
import threading
import time
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.responses import Response

from movies_assets.ingest.http import HttpOptions, PermanentSourceError, TransientSourceError
from movies_assets.sources.yts.client import MovieRow, YtsClient
from movies_assets_tests.http_servers import SERVER_TIME, Catalogue, page_body

START = int(datetime(2012, 1, 1, tzinfo=UTC).timestamp())
DAY = 86_400
FAST = HttpOptions(retry_wait_max_seconds=0.02, retry_budget_seconds=5)


def day(unix: int) -> date:
    return datetime.fromtimestamp(unix, UTC).date()


def movie(number: int, unix: int | None = None, **keys: Any) -> dict[str, Any]:
    return {"id": number, "date_uploaded_unix": unix or START + number * DAY // 20, **keys}


def movies(number: int, displaced: float = 0) -> list[dict[str, Any]]:
    """Movies by upload, 20 a day, each up to `displaced` places away from where its date is."""
    chance = random.Random(7)  # noqa: S311
    order = sorted(range(number), key=lambda n: n + chance.uniform(0, displaced))
    return [movie(n + 1) for n in order]


def client(catalogue: Catalogue, options: HttpOptions = FAST, **keys: Any) -> YtsClient:
    return YtsClient(catalogue.url, options, log=lambda _: None, **keys)


def rows(batches: Any) -> list[MovieRow]:
    return [row for batch in batches for row in batch]


def ids(batches: Any) -> list[int]:
    return sorted(row.movie_id for row in rows(batches))


def crawled(catalogue: Catalogue, *listed: Any, page_size: int = 50) -> list[MovieRow]:
    catalogue.movies = list(listed)
    return rows(client(catalogue, page_size=page_size).crawl())


def in_process(listed: list[Any], overstated: int = 3) -> tuple[httpx.MockTransport, list[int]]:
    """A catalogue without a socket, for many readings."""
    asked: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        number, limit = (int(request.url.params[key]) for key in ("page", "limit"))
        asked.append(number)
        page = listed[(number - 1) * limit : number * limit]
        body = page_body(page, len(listed) + overstated, limit, number)
        return httpx.Response(200, stream=httpx.ByteStream(body))

    return httpx.MockTransport(answer), asked


def test_one_day_out_of_74000_movies_takes_fewer_than_20_requests():
    listed = movies(74_000, displaced=40)
    transport, asked = in_process(listed, overstated=200)
    yts = YtsClient("http://catalogue", transport=transport)
    of_day = Counter(day(m["date_uploaded_unix"]) for m in listed)
    days = sorted(of_day)
    for one in [*days[:2], *days[1::500], *days[-2:]]:
        asked.clear()
        assert len(rows(yts.movies(one, one))) == of_day[one]
        assert len(asked) < 20


@pytest.mark.parametrize("offset", [-30, 30])
def test_a_window_outside_the_catalogue_is_empty_at_little_cost(offset):
    listed = movies(74_000)
    transport, asked = in_process(listed)
    edge = day(listed[0 if offset < 0 else -1]["date_uploaded_unix"]) + timedelta(offset)
    assert rows(YtsClient("http://catalogue", transport=transport).movies(edge, edge)) == []
    assert len(asked) < 20


def test_a_window_over_much_of_the_catalogue_is_one_crawl():
    listed = movies(5_000)
    transport, asked = in_process(listed)
    yts = YtsClient("http://catalogue", transport=transport)
    first, last = day(START) + timedelta(50), day(START) + timedelta(149)
    assert len(rows(yts.movies(first, last))) == 2_000
    assert set(range(1, 101)) <= set(asked)
    assert len(asked) < 120


@settings(max_examples=30)
@given(
    gaps=st.lists(st.integers(0, 3 * DAY), max_size=120),
    displaced=st.integers(0, 10),
    overstated=st.integers(0, 60),
    first=st.integers(-3, 130),
    length=st.integers(0, 40),
    crawl_share=st.sampled_from([0.2, 1.0]),
    seed=st.integers(0, 9),
)
def test_a_window_yields_exactly_its_movies(  # noqa: PLR0913, PLR0917
    gaps, displaced, overstated, first, length, crawl_share, seed
):
    chance = random.Random(seed)  # noqa: S311
    clock = START
    listed = [movie(n, clock := clock + gap) for n, gap in enumerate(gaps, 1)]
    order = {m["id"]: n + chance.uniform(0, displaced) for n, m in enumerate(listed)}
    listed.sort(key=lambda m: order[m["id"]])
    transport, _ = in_process(listed, overstated)
    yts = YtsClient("http://catalogue", transport=transport, page_size=10, crawl_share=crawl_share)
    low = day(START) + timedelta(first)
    high = low + timedelta(length)
    expected = sorted(m["id"] for m in listed if low <= day(m["date_uploaded_unix"]) <= high)
    assert ids(yts.movies(low, high)) == expected


@pytest.mark.parametrize("number", [0, 1, 49, 50, 51, 500])
@pytest.mark.parametrize("overstated", [-10, 0, 3, 700])
def test_a_crawl_yields_every_movie_once_with_any_movie_count(number, overstated):
    transport, _ = in_process(movies(number), overstated)
    crawl = YtsClient("http://catalogue", transport=transport).crawl()
    assert ids(crawl) == list(range(1, number + 1))


def test_a_row_carries_the_movie_as_received(catalogue):
    text = '{"id":7, "title": "A\\u0000\\ud800\\u00e9é", "x":NaN,"n":1.50,"date_uploaded_unix":%d}'
    text %= START
    body = (
        page_body([], 1, 50, 1)
        .decode()
        .replace('"page_number"', f'"movies":[{text}], "page_number"')
    )
    catalogue.fault = lambda request, _: (
        Response(body) if request.query_params["page"] == "1" else None
    )
    (row,) = rows(client(catalogue).crawl())
    digest = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
    assert row == MovieRow(day(START), 7, digest, text, 1)


def test_of_a_movie_that_is_longer_than_any_field_a_row_carries_the_beginning(catalogue):
    catalogue.movies = [movie(1, START), movie(2, START, title="x" * 20_000_000), movie(3, START)]
    found = rows(client(catalogue).crawl())
    assert [row.movie_id for row in found] == [1, 2, 3]
    assert [len(row.payload) > 1_000 for row in found] == [False, True, False]
    assert re.search(r"^\{.*… \([0-9,]+ bytes\)$", found[1].payload)
    assert len(found[1].payload) < 2_000


@pytest.mark.parametrize(
    ("changes", "changed"),
    [
        ({"torrents": [{"seeds": 9, "peers": 4}]}, False),
        ({"torrents": []}, False),
        ({"rating": 9}, True),
    ],
)
def test_the_content_hash_changes_with_the_movie_but_not_with_torrents(catalogue, changes, changed):
    before = movie(1, rating=5, torrents=[{"seeds": 1, "peers": 0}])
    (one,) = crawled(catalogue, before)
    (other,) = crawled(catalogue, before | changes)
    assert (one.content_hash != other.content_hash) == changed


@pytest.mark.parametrize(
    "description", ["\0", "\ud800 alone", 'quoted "movies": [1, 2]', "x" * 900_000, "ж"]
)
def test_any_text_survives_and_can_be_encoded(catalogue, description):
    (row,) = crawled(catalogue, movie(1, description=description))
    assert json.loads(row.payload.encode())["description"] == description


def test_an_id_sent_as_text_is_read_as_silver_reads_it(catalogue):
    (row,) = crawled(catalogue, movie(1, id="7"))
    assert row.movie_id == 7


@pytest.mark.parametrize("identity", [None, "7a", 10**30, 7.0, True, [], "absent"])
def test_a_movie_without_a_proper_id_is_kept(catalogue, identity):
    listed = movie(1, id=identity) if identity != "absent" else {"date_uploaded_unix": START}
    (row,) = crawled(catalogue, listed)
    assert row.movie_id is None


@pytest.mark.parametrize("entry", [None, 5, "text", [], {}])
def test_an_entry_that_is_no_movie_is_kept_under_its_neighbours_day(catalogue, entry):
    found = crawled(catalogue, movie(1, START), entry, movie(2, START + 5 * DAY))
    assert [(row.uploaded_date, row.movie_id) for row in found[:2]] == [
        (day(START), 1),
        (day(START), None),
    ]
    assert json.loads(found[1].payload) == entry


@pytest.mark.parametrize("value", [None, "1325376000", 1.5, True, 0, -1, "absent"])
def test_the_first_torrent_dates_a_movie_without_a_date(catalogue, value):
    torrents = [{"date_uploaded_unix": START + DAY}, {"date_uploaded_unix": START + 2 * DAY}]
    listed = {"id": 1, "date_uploaded_unix": value, "torrents": torrents}
    if value == "absent":
        del listed["date_uploaded_unix"]
    (row,) = crawled(catalogue, listed)
    assert row.uploaded_date == day(START + DAY)


@pytest.mark.parametrize("unix", [None, SERVER_TIME + DAY + 1, 10**30])
def test_a_missing_or_future_date_is_replaced_by_the_neighbours(catalogue, unix):
    odd = {"date_uploaded_unix": unix, "torrents": [{}]}
    found = crawled(
        catalogue, {"id": 1, **odd}, movie(2, START), {"id": 3, **odd}, movie(4, START + 9 * DAY)
    )
    assert [row.uploaded_date for row in found] == [day(START)] * 3 + [day(START + 9 * DAY)]


def test_a_page_without_any_date_takes_the_day_of_the_page_before(catalogue):
    found = crawled(catalogue, movie(1, START), {"id": 2}, {"id": 3}, page_size=1)
    assert {row.uploaded_date for row in found} == {day(START)}
    assert len(found) == 3


def test_a_catalogue_without_any_date_is_refused(catalogue):
    with pytest.raises(PermanentSourceError, match="valid upload date"):
        crawled(catalogue, {"id": 1})


@pytest.mark.parametrize(
    "body",
    [
        '{"status": "error", "data": {}}',
        '{"data": {"movies": []}}',
        '{"status": "ok", "data": []}',
        '{"status": "ok"}',
        '{"status": "ok", "data": {"movies": {}}}',
        '{"status": "ok", "movies": [{"id": 1}], "data": {}}',
        '{"status": "ok", "data": {"movies": [{"id": 1} {"id": 2}]}}',
        '{"status": "ok", "data": {"x": {"movies": [{"id": 1}]}, "movies": []}}',
        '{"status": "ok", "data": {"movies": [{"id": 1}',
    ],
)
def test_a_broken_envelope_is_refused(catalogue, body):
    catalogue.fault = lambda *_: Response(body)
    with pytest.raises(PermanentSourceError, match=r"expected status 'ok'|invalid JSON"):
        rows(client(catalogue).crawl())
    assert len(catalogue.requests) == 1


def re_upload(catalogue: Catalogue, at_request: int, place: int) -> None:
    """Takes a movie out of the middle and appends it when the given request arrives."""

    def shift(_: Any, number: int) -> None:
        if number == at_request:
            again = catalogue.movies.pop(place)
            catalogue.movies.append({**again, "date_uploaded_unix": SERVER_TIME})

    catalogue.fault = shift


@pytest.mark.parametrize("at_request", range(1, 28, 4))
def test_no_movie_is_lost_when_the_pages_shift_during_a_crawl(catalogue, at_request):
    catalogue.movies = movies(200)
    re_upload(catalogue, at_request, place=3)
    assert set(ids(client(catalogue, page_size=10).crawl())) == set(range(1, 201))


@pytest.mark.slow
@pytest.mark.parametrize("at_request", range(2, 22, 2))
@pytest.mark.parametrize("one", [4, 9])
def test_no_movie_is_lost_when_the_pages_shift_while_a_day_is_read(catalogue, at_request, one):
    catalogue.movies = movies(200)
    re_upload(catalogue, at_request, place=3)
    window = day(START) + timedelta(one)
    yts = client(catalogue, page_size=5, crawl_share=1.0)
    expected = {m["id"] for m in movies(200) if day(m["date_uploaded_unix"]) == window}
    assert set(ids(yts.movies(window, window))) == expected


def test_appended_movies_do_not_disturb_a_crawl(catalogue):
    catalogue.movies = movies(95)

    def append(_: Any, number: int) -> None:
        if number == 5:
            catalogue.movies.append(movie(96))

    catalogue.fault = append
    found = ids(client(catalogue, page_size=10).crawl())
    assert found[:95] == list(range(1, 96))
    assert len(catalogue.requests) < 20


def test_a_catalogue_that_keeps_shifting_is_an_error(catalogue):
    catalogue.movies, *coming = movies(100), *movies(2_000)[100:]

    def shift(*_: Any) -> None:
        # In a list that turned in a circle, the last page would repeat the first by chance.
        catalogue.movies.pop(0)
        catalogue.movies.append(coming.pop(0))

    catalogue.fault = shift
    with pytest.raises(TransientSourceError, match="kept shifting"):
        rows(client(catalogue, page_size=10).crawl())


def test_an_empty_page_amid_the_catalogue_is_read_again_not_taken_for_the_end(catalogue):
    catalogue.movies = movies(200)
    empty = page_body([], 200, 10, 7)

    def once(request: Any, _: int) -> Response | None:
        return (
            Response(empty)
            if catalogue.pages.count(7) == 1 == (request.query_params["page"] == "7")
            else None
        )

    catalogue.fault = once
    assert set(ids(client(catalogue, page_size=10).crawl())) == set(range(1, 201))


def test_a_page_that_fails_for_good_ends_the_crawl_and_all_requests(catalogue):
    catalogue.movies, catalogue.latency = movies(2_000), 0.01

    def fail(request: Any, _: int) -> Response | None:
        return Response("no", 403) if request.query_params["page"] == "20" else None

    catalogue.fault = fail
    with pytest.raises(PermanentSourceError, match="page=20 answered HTTP 403"):
        rows(client(catalogue, page_size=10).crawl())
    assert_quiet(catalogue)
    assert len(catalogue.requests) < 60


def assert_quiet(catalogue: Catalogue) -> None:
    time.sleep(0.05)
    before = len(catalogue.requests)
    time.sleep(0.1)
    assert len(catalogue.requests) == before
    assert not [thread for thread in threading.enumerate() if thread.name == "yts"]


def test_abandoning_the_iterator_ends_requests_and_thread(catalogue):
    catalogue.movies, catalogue.latency = movies(2_000), 0.01
    batches = client(catalogue, page_size=10).crawl()
    next(batches)
    batches.close()
    assert_quiet(catalogue)
    assert len(catalogue.requests) < 40


def test_a_slow_consumer_holds_the_requests_back(catalogue):
    catalogue.movies = movies(2_000)
    batches = client(catalogue, HttpOptions(concurrency=4), page_size=10).crawl()
    next(batches)
    before = len(catalogue.requests)
    for taken in range(1, 20):
        next(batches)
        time.sleep(0.01)
        assert len(catalogue.requests) - before <= taken + 2 * 4
    batches.close()


def test_a_crawl_reaches_the_concurrency_and_never_exceeds_it(catalogue):
    catalogue.movies, catalogue.latency = movies(1_000), 0.02
    rows(client(catalogue, HttpOptions(concurrency=6), page_size=10).crawl())
    assert catalogue.most_under_way == 6


@pytest.mark.slow
def test_one_page_that_is_tried_again_does_not_hold_up_the_others(catalogue):
    catalogue.movies = movies(1_000)

    async def slow(request: Any, _: int) -> None:
        await asyncio.sleep(2 if request.query_params["page"] == "5" else 0)

    catalogue.fault = slow
    found = rows(client(catalogue, HttpOptions(), page_size=10).crawl())
    assert found[-1].page == 5


def test_long_crawls_log_their_progress_and_no_secret(catalogue, monkeypatch):
    monkeypatch.setattr("movies_assets.sources.yts.client._PROGRESS_SECONDS", 0)
    catalogue.movies = movies(100)
    lines: list[str] = []
    url = catalogue.url.replace("http://", "http://user:hush@")
    yts = YtsClient(url, log=lines.append)
    assert len(rows(yts.crawl())) == 100
    assert any("2 of 2 pages, 100 movies" in line for line in lines)
    assert yts.source_url == (
        f"{catalogue.url}/list_movies.json?limit=50&sort_by=date_added&order_by=asc"
    )
    assert "hush" not in " ".join(lines)
    assert catalogue.requests[0].headers["authorization"].startswith("Basic ")


NOW = int(time.time())
# The test may run after midday, when another day has begun to count.
DAYS_APART = "|".join(f"{round((NOW - SERVER_TIME) / DAY) + n:,}" for n in (0, 1))


@pytest.mark.parametrize(
    ("server_time", "unix", "told"),
    [
        (
            SERVER_TIME,
            NOW + 9 * DAY,
            rf"shows 2023-11-14 22:13 UTC.* ({DAYS_APART}) days apart. 1 movie is .* both clocks",
        ),
        (SERVER_TIME, SERVER_TIME + 2 * DAY, "up to 2023-11-16 .* after the server's clock"),
        (NOW + 30 * DAY, NOW + 29 * DAY, "30 days apart.* after this machine's clock, which is"),
        (NOW - 120, 10**30, r"\d+ minutes apart.* up to 9999-12-30 .* after both clocks"),
        (NOW, NOW, None),
        (SERVER_TIME, SERVER_TIME + DAY, None),
    ],
    ids=["after both", "after the server", "after ours", "year 9999", "now", "within a day"],
)
def test_movies_dated_in_the_future_show_which_clock_differs_and_by_how_much(
    catalogue, monkeypatch, server_time, unix, told
):
    monkeypatch.setattr("movies_assets_tests.http_servers.SERVER_TIME", server_time)
    catalogue.movies = [movie(1, START), movie(2, unix), movie(3, START)]
    lines: list[str] = []
    assert len(rows(YtsClient(catalogue.url, FAST, log=lines.append).crawl())) == 3
    assert bool(lines) == bool(told)
    if told:
        assert re.search(told, lines[-1])


def test_without_a_server_time_the_header_date_is_the_servers_clock():
    def answer(request: httpx.Request) -> httpx.Response:
        listed = [movie(1, START), movie(2, NOW + 9 * DAY)] * (request.url.params["page"] == "1")
        body = page_body(listed, 2, 50, 1).replace(b"server_time", b"other")
        headers = {"Date": "Tue, 14 Nov 2023 22:13:20 GMT"}
        return httpx.Response(200, headers=headers, stream=httpx.ByteStream(body))

    lines: list[str] = []
    transport = httpx.MockTransport(answer)
    rows(YtsClient("http://catalogue", transport=transport, log=lines.append).crawl())
    assert "YTS' clock shows 2023-11-14 22:13 UTC" in lines[-1]
