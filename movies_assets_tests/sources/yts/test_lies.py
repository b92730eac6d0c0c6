"""A catalogue with wrong metadata: all movies are loaded, or an error explains why not."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import product
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette

from movies_assets.ingest.http import HttpOptions, PermanentSourceError, TransientSourceError
from movies_assets.sample.faults import ABSENT, TRUTH, Lies
from movies_assets.sample.serving import serve
from movies_assets.sources.yts.client import YtsClient
from movies_assets.sources.yts.sample import Catalogue
from movies_assets.sources.yts.sample_server import BASE_PATH, create_app

LAST = date(2024, 6, 30)
OPTIONS = HttpOptions(retry_wait_max_seconds=0.02, retry_budget_seconds=5, max_requests=2_000)
COUNTS = [
    TRUTH,
    ABSENT,
    None,
    0,
    -7,
    "many",
    "300",
    40,
    150,
    290,
    300,
    310,
    10**30,
    299.5,
    True,
    [],
]


def shown(value: Any) -> str:
    """Return the same id in every process of a test run."""
    return {id(TRUTH): "truth", id(ABSENT): "absent"}.get(id(value), str(value))


PAST = ["empty", "repeat", "not_found", "error"]
PRODUCTS = [*product([TRUTH, 40], [20, 100], PAST), *product([TRUTH, 0, 40], [None], PAST[1:])]


@cache
def listed(movies: int) -> Catalogue:
    return Catalogue(movies, LAST)


def truth(catalogue: Catalogue) -> dict[int, date]:
    days = (datetime.fromtimestamp(int(unix), UTC).date() for unix in catalogue.uploaded_unix)
    return dict(zip(map(int, catalogue.ids), days, strict=True))


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, Starlette]]:
    app = create_app(listed(300))
    with serve(app) as url:
        yield url + BASE_PATH, app


def set_lies(app: Starlette, lies: Lies, movies: int = 300) -> Catalogue:
    """Let the server give these wrong answers, and return the true catalogue."""
    catalogue = listed(movies)
    app.state.catalogue, app.state.lies = catalogue, lies
    app.state.traffic.requests.clear()
    return catalogue


def found(batches: Any) -> dict[int, date]:
    return {row.movie_id: row.uploaded_date for rows in batches for row in rows}


def within(movies: dict[int, date], first: date, last: date) -> dict[int, date]:
    return {movie: day for movie, day in movies.items() if first <= day <= last}


@pytest.mark.parametrize(
    ("count", "page_size", "past_end"),
    [
        *((count, None, "empty") for count in COUNTS),
        *product([0], [20, 100], PAST),
        *(pytest.param(*case, marks=pytest.mark.slow) for case in PRODUCTS),
    ],
    ids=shown,
)
def test_each_day_and_a_crawl_are_complete_for_any_movie_count_limit_and_end(
    server, count, page_size, past_end
):
    url, app = server
    movies = truth(set_lies(app, Lies(count, page_size, past_end)))
    client = YtsClient(url, OPTIONS)
    days = sorted({*movies.values()})
    assert found(client.crawl(days)) == movies
    assert len(app.state.traffic.requests) < 90  # from page 1,048,576 down to page 15
    for day in [days[0], days[4], days[-2], days[-1]]:
        app.state.traffic.requests.clear()
        assert found(client.movies(day, day, [day])) == within(movies, day, day)
        assert len(app.state.traffic.requests) < 90


@settings(max_examples=60)
@given(
    lies=st.builds(
        Lies,
        movie_count=st.sampled_from(COUNTS) | st.integers(-10, 5_000),
        page_size=st.sampled_from([None, 1, 7, 20, 100]),
        past_end=st.sampled_from([*PAST, "wrap", "endless"]),
        served=st.sampled_from([None, None, None, lambda _: 1, lambda page: (page + 1) // 2]),
    ),
    movies=st.sampled_from([1, 19, 50, 51, 100, 300, 431]),
    first=st.integers(-5, 25),
    length=st.integers(0, 30),
)
@example(Lies(0), 300, 3, 0)
@example(Lies(40), 300, 12, 0)
@example(Lies(served=lambda _: 1), 300, 3, 0)
@example(Lies(served=lambda _: 1, page_size=20), 300, 12, 0)
@example(Lies(past_end="repeat"), 300, 14, 0)
@example(Lies(past_end="repeat"), 19, 0, 5)
@example(Lies(past_end="endless"), 300, 14, 5)
@example(Lies(page_size=1), 300, 0, 0)
# Pages that a cache doubles may look like a list that keeps shifting.
@pytest.mark.slow
@example(Lies(5, 1, served=lambda page: (page + 1) // 2), 431, 0, 0)
def test_a_lie_costs_no_movie_without_an_error(server, lies, movies, first, length):
    url, app = server
    true = truth(set_lies(app, lies, movies))
    low = LAST - timedelta(20) + timedelta(first)
    high = low + timedelta(length)
    wanted = within(true, low, high)
    client = YtsClient(url, OPTIONS)
    try:
        # Days that are known to have movies, as they were loaded before.
        rows = found(client.movies(low, high, {*wanted.values()}))
    except (PermanentSourceError, TransientSourceError):
        is_error = True
    else:
        is_error = False
        assert {movie: day for movie, day in rows.items() if movie in true} == wanted
    # Pages of one movie show the inversions of dates as another order of the list.
    is_odd = lies.served or lies.past_end in {"wrap", "endless", "repeat"} or lies.page_size == 1
    assert not is_error or is_odd
    assert len(app.state.traffic.requests) <= OPTIONS.max_requests


@pytest.mark.parametrize("count", [TRUTH, 0, 40, 300, 10_000], ids=shown)
@pytest.mark.parametrize("page_size", [None, 20])
def test_a_cache_that_serves_page_1_for_each_page_is_named_at_once(server, count, page_size):
    url, app = server
    movies = truth(set_lies(app, Lies(count, page_size, served=lambda _: 1)))
    client = YtsClient(url, OPTIONS)
    for batches in (
        client.crawl(),
        client.movies(LAST, LAST),
        client.movies(min(movies.values()), LAST),
    ):
        app.state.traffic.requests.clear()
        with pytest.raises(
            PermanentSourceError, match=r"page \d+ repeats page 1: .* ignores `page`"
        ):
            found(batches)
        assert len(app.state.traffic.requests) <= 5


def test_a_page_served_for_another_is_named(server):
    url, app = server
    set_lies(app, Lies(served=lambda page: 3 if page == 5 else page))
    with pytest.raises(PermanentSourceError, match="page 5 repeats page 3"):
        found(YtsClient(url, OPTIONS).crawl())


@pytest.mark.parametrize("most", [1, 3])
def test_a_server_that_serves_the_first_pages_only_is_named(server, most):
    url, app = server
    set_lies(app, Lies(served=lambda page: min(page, most)))
    with pytest.raises(PermanentSourceError, match=f"page .* repeats page {most}"):
        found(YtsClient(url, OPTIONS).crawl())


def test_a_list_without_end_is_named_after_a_bounded_search(server):
    url, app = server
    set_lies(app, Lies(past_end="endless"))
    with pytest.raises(PermanentSourceError, match=r"even page .* has movies"):
        found(YtsClient(url, OPTIONS).crawl())
    pages = [int(asked["page"]) for asked in app.state.traffic.requests]
    assert len(pages) < 30
    assert max(pages) < 10**7


def test_a_list_in_another_order_is_named_and_a_crawl_reads_it(server):
    url, app = server
    movies = truth(set_lies(app, Lies(), movies=3_000))
    client = YtsClient(url, OPTIONS)
    client._params["order_by"] = "desc"
    day = LAST - timedelta(30)
    with pytest.raises(PermanentSourceError, match="ignores `sort_by` or `order_by`"):
        found(client.movies(day, day))
    assert found(client.crawl()) == movies


class TestLoadedDays:
    """A day that has movies in the warehouse and none in the list any more."""

    def test_is_an_error_where_the_list_ends_before_it(self, server):
        url, app = server
        movies = truth(set_lies(app, Lies()))
        client = YtsClient(url, OPTIONS)
        newest = max(movies.values())
        after = newest + timedelta(1)
        with pytest.raises(PermanentSourceError, match=f"no movie of {after}, .*accept_empty"):
            found(client.movies(after, after, [after]))
        with pytest.raises(PermanentSourceError, match=f"no movie of {after}"):
            found(client.crawl([newest, after]))
        assert found(client.movies(after, after)) == {}

    def test_is_an_error_where_the_list_begins_after_it(self, server):
        url, app = server
        movies = truth(set_lies(app, Lies()))
        before = min(movies.values()) - timedelta(1)
        with pytest.raises(PermanentSourceError, match=f"no movie of {before}"):
            found(YtsClient(url, OPTIONS).movies(before, before, [before]))

    def test_is_an_error_where_the_list_is_empty(self, server):
        url, app = server
        set_lies(app, Lies(served=lambda _: 10**6))
        with pytest.raises(PermanentSourceError, match="no movies at all"):
            found(YtsClient(url, OPTIONS).movies(LAST, LAST, [LAST]))

    def test_is_empty_where_older_and_newer_movies_are_listed(self, server):
        url, app = server
        catalogue = listed(3_000)
        app.state.catalogue, app.state.lies = catalogue, Lies()
        counts = Counter(truth(catalogue).values())
        days = [min(counts) + timedelta(n) for n in range((LAST - min(counts)).days)]
        empty = next(day for day in days[20:] if not counts[day])
        assert found(YtsClient(url, OPTIONS).movies(empty, empty, [empty])) == {}
        assert found(YtsClient(url, OPTIONS).crawl([empty])) == truth(catalogue)
