"""The client of OMDb: what it asks for, what it keeps, and how it goes on."""

import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette

from movies_assets.ingest.http import HttpOptions, PermanentSourceError, TransientSourceError
from movies_assets.sample.faults import Fault
from movies_assets.sources.omdb import client as omdb
from movies_assets.sources.omdb.client import Collected, OmdbClient, Query, stored
from movies_assets.sources.omdb.sample import COMMON, Titles
from movies_assets.sources.omdb.sample_server import create_omdb_app
from movies_assets_tests.faults.processes import FORKSERVER
from movies_assets_tests.http_servers import switchable

KEY = "c0ffee11"
YEAR, BEFORE = 2025, 2024
QUERY = Query(("storm", "river"))
FAST = HttpOptions(
    concurrency=1, retry_wait_max_seconds=0.02, retry_budget_seconds=10, read_timeout_seconds=5
)
BRIEF = replace(FAST, retry_budget_seconds=0.4, read_timeout_seconds=0.5)
TITLES = Titles(YEAR)


def error_body(text: str) -> bytes:
    return json.dumps({"Response": "False", "Error": text}).encode()


def says(text: str, status: int = 200, **rule: Any) -> Fault:
    """A fault that answers an error of the service."""
    return Fault("body", status=status, body=error_body(text), **rule)


@dataclass
class Service:
    """The sample's server over TCP, and a landing zone.

    Attributes:
        url: Where it is.
        app: The server; its state may be changed.
        landing: The landing zone.
        options: Limits of the client.
        messages: What the client logs.
    """

    url: str
    app: Starlette
    landing: Path
    options: HttpOptions = FAST
    messages: list[str] = field(default_factory=list)

    def client(self, key: str = KEY, **options: Any) -> OmdbClient:
        return OmdbClient(self.url, key, self.options, log=self.messages.append, **options)

    def collect(
        self, *years: int, query: Query = QUERY, key: str = KEY, refresh: bool = False, **given: Any
    ) -> Collected:
        client = self.client(key, **given)
        return client.collect(self.landing, years or [YEAR], query, refresh=refresh)

    def fail(self, *faults: Fault) -> None:
        self.app.state.faults.rules[:] = faults

    @property
    def asked(self) -> list[tuple[str, str, str]]:
        """Year, term and page of each request."""
        requests = self.app.state.traffic.requests
        return [(each["y"], each["s"], each["page"]) for each in requests]

    def forget(self) -> None:
        self.app.state.traffic.requests.clear()

    def file(self, year: int = YEAR, suffix: str = "") -> Path:
        name = replace(QUERY, host="127.0.0.1").name
        return self.landing / f"omdb/release_year={year}/{name}.jsonl{suffix}"

    def part(self, year: int = YEAR) -> Path:
        return self.file(year, suffix=".part")

    def rows(self, year: int = YEAR) -> list[omdb.ReleaseRow]:
        (found,) = stored(self.landing, [year])
        return list(found.rows)

    def errors(self, year: int = YEAR) -> list[tuple[str, int, int, str | None]]:
        return [
            (row.search_term, row.page, row.http_status, row.error)
            for row in self.rows(year)
            if row.error
        ]


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, dict[str, Any]]]:
    current: dict[str, Any] = {}
    with switchable(current) as url:
        yield url, current


@pytest.fixture
def service(server, tmp_path) -> Service:
    url, current = server
    # Its own app: a slow request that the test before gave up would still count in the quota.
    current["app"] = create_omdb_app(TITLES, key=KEY)
    return Service(url, current["app"], tmp_path)


def pages_of(year: int, query: Query = QUERY) -> list[tuple[str, str, str]]:
    """The requests that a year needs, not one more."""
    needed = []
    for term, kind in query.searches:
        found = len(TITLES.search(term, year, kind))
        # That a page is not full proves the end; the total alone does not.
        last = min(found // 10 + 1, query.page_limit)
        needed += [(str(year), term, str(page)) for page in range(1, last + 1)]
    return needed


class TestPages:
    def test_of_all_terms_are_fetched_and_not_one_more(self, service):
        found = service.collect(YEAR, 1901)
        assert service.asked == pages_of(YEAR) + pages_of(1901)
        assert ("2025", "storm", "2") in service.asked
        assert found == Collected(len(service.asked), len(service.asked), [1901, YEAR], [], None)

    def test_give_a_row_a_result_with_its_place(self, service):
        service.collect()
        rows = [row for row in service.rows() if row.search_term == "storm"]
        titles = TITLES.search("storm", YEAR, "")
        assert [json.loads(row.payload) for row in rows] == titles
        assert [row.imdb_id for row in rows] == [title["imdbID"] for title in titles]
        assert [(row.page, row.position) for row in rows] == [
            (1 + n // 10, 1 + n % 10) for n in range(len(titles))
        ]
        assert rows[10].result_id == "2025/storm//002/01"
        assert sorted(row.result_id for row in rows) == [row.result_id for row in rows]

    def test_are_bounded_by_the_limit(self, service):
        query = replace(QUERY, page_limit=1)
        service.collect(query=query)
        assert [page for _, _, page in service.asked] == ["1", "1"]

    def test_of_each_type_are_asked_for(self, service):
        query = replace(QUERY, terms=("storm",), types=("series", "movie"))
        service.collect(query=query)
        rows = [row for row in service.rows() if not row.error]
        kinds = {row.searched_type: json.loads(row.payload)["Type"] for row in rows}
        assert kinds == {"series": "series", "movie": "movie"}

    def test_of_a_complete_year_are_not_asked_for_again(self, service):
        service.collect()
        service.forget()
        assert service.collect().complete == [YEAR]
        assert service.asked == []

    def test_are_fetched_newest_year_first(self, service):
        service.collect(1950, 2020, 1980)
        assert [year for year, *of in service.asked if of == ["river", "1"]] == [
            "2020",
            "1980",
            "1950",
        ]

    @pytest.mark.parametrize(
        "reply",
        [
            says("Movie not found!", pages=[2]),
            Fault("body", pages=[2], body=b'{"Response":"True","Search":[],"totalResults":"25"}'),
        ],
        ids=["not found", "empty"],
    )
    def test_that_the_total_promises_and_that_do_not_come_leave_the_year_incomplete(
        self, service, reply
    ):
        service.fail(reply)
        found = service.collect()
        assert (found.complete, found.incomplete, found.stopped) == ([], [YEAR], None)
        assert len([row for row in service.rows() if row.search_term == "storm"]) == 11
        assert any("page 2 of 'storm' is missing" in message for message in service.messages)
        service.fail()
        service.forget()
        assert service.collect().complete == [YEAR]
        assert set(service.asked) == {key for key in pages_of(YEAR) if key[2] != "1"}
        assert service.errors() == []

    @pytest.mark.parametrize("total", [0, 1, 10, 11, "as it is"])
    def test_go_on_while_they_are_full_with_any_total(self, service, total):
        listed = TITLES.search("storm", YEAR, "")
        assert len(listed) > 10
        rules = []
        for page in (1, 2, 3):
            shown = listed[(page - 1) * 10 : page * 10]
            said = len(listed) if total == "as it is" else total
            body = {"Search": shown, "totalResults": str(said), "Response": "True"}
            rules.append(Fault("body", pages=[page], body=json.dumps(body).encode()))
        service.fail(*[rule for page, rule in enumerate(rules, 1) if listed[(page - 1) * 10 :]])
        assert service.collect(query=replace(QUERY, terms=("storm",))).complete == [YEAR]
        assert [row.imdb_id for row in service.rows() if not row.error] == [
            each["imdbID"] for each in listed
        ]

    def test_that_repeat_another_leave_the_year_incomplete(self, service):
        listed = TITLES.search("storm", YEAR, "")[:10]
        body = {"Search": listed, "totalResults": "25", "Response": "True"}
        service.fail(Fault("body", body=json.dumps(body).encode()))
        assert service.collect().incomplete == [YEAR]
        assert [page for _, _, page in service.asked] == ["1", "2", "1", "2"]

    def test_of_another_query_do_not_mix(self, service):
        other = Query(("island",))
        service.collect()
        service.collect(query=other)
        assert {row.search_term for row in service.rows()} == {"island"}
        service.forget()
        service.collect()
        assert service.asked == []
        assert {row.search_term for row in service.rows()} == {"storm", "river"}

    def test_of_another_service_do_not_count(self, service):
        service.collect()
        service.forget()
        service.url = service.url.replace("127.0.0.1", "localhost")
        service.collect()
        assert service.asked == pages_of(YEAR)

    def test_the_order_of_terms_makes_no_other_query(self):
        assert Query(("a", "b")).name == Query(("b", "a")).name
        assert len({Query(("a",)).name, Query(("b",)).name, Query(("a",), page_limit=1).name}) == 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"terms": ()},
        {"terms": ("",)},
        {"terms": (" padded",)},
        {"types": ()},
        {"types": ("film",)},
        {"page_limit": 0},
        {"page_limit": 101},
    ],
    ids=str,
)
def test_a_query_that_cannot_be_is_refused(wrong):
    with pytest.raises(PermanentSourceError, match="OMDb"):
        Query(**{"terms": ("storm",), **wrong})


class TestErrors:
    @pytest.mark.parametrize(
        "text",
        ["Movie not found!", "Series not found!", "Too many results.", "Incorrect IMDb ID."],
    )
    def test_of_a_search_are_a_row_and_the_next_term_is_asked_for(self, service, text):
        service.fail(says(text, times=1))
        assert service.collect().complete == [YEAR]
        assert service.errors() == [("storm", 1, 200, text)]
        (row,) = [row for row in service.rows() if row.error]
        assert (row.position, row.imdb_id) == (0, None)
        assert json.loads(row.payload) == {"Response": "False", "Error": text}
        assert any(row.search_term == "river" for row in service.rows())

    def test_that_pass_are_tried_again(self, service):
        service.fail(says("Error getting data.", times=2))
        found = service.collect()
        assert found.complete == [YEAR]
        assert service.errors() == []
        assert found.requests == len(service.asked) == len(pages_of(YEAR)) + 2
        assert any("Trying again" in message for message in service.messages)

    def test_that_last_are_a_row_and_the_year_is_not_complete(self, service):
        service.options = BRIEF
        service.fail(says("Error getting data.", pages=[2]))
        found = service.collect()
        assert (found.complete, found.incomplete, found.stopped) == ([], [YEAR], None)
        assert ("storm", 2, 200, "Error getting data.") in service.errors()
        assert any(row.search_term == "river" for row in service.rows())
        service.fail()
        service.forget()
        assert service.collect().complete == [YEAR]
        assert service.errors() == []
        assert set(service.asked) == {key for key in pages_of(YEAR) if key[2] != "1"}

    def test_that_are_not_known_are_a_row_and_the_year_is_not_complete(self, service):
        service.fail(says("Something new.", times=1))
        assert service.collect().incomplete == [YEAR]
        assert service.errors() == [("storm", 1, 200, "Something new.")]

    @pytest.mark.parametrize("text", ["Invalid API key!", "No API key provided."])
    def test_of_the_key_end_the_run_at_once_and_keep_what_was_fetched(self, service, text):
        service.fail(says(text, 401, pages=[2]))
        with pytest.raises(
            PermanentSourceError, match=f"{text} Set MOVIES_OMDB__API_KEY"
        ) as caught:
            service.collect(YEAR, BEFORE)
        assert len(service.asked) == 2
        assert KEY not in str(caught.value)
        assert service.errors() == [("storm", 2, 401, text)]
        service.fail()
        service.forget()
        service.collect()
        assert service.asked == pages_of(YEAR)[1:]
        assert service.errors() == []

    def test_a_wrong_key_is_refused_by_the_server(self, service):
        with pytest.raises(PermanentSourceError, match="Invalid API key!"):
            service.collect(key="wr0ngkey")
        assert len(service.asked) == 1


class TestBrokenReplies:
    @pytest.mark.parametrize(
        ("fault", "message"),
        [
            (Fault("html"), "HTML instead of JSON"),
            (Fault("invalid_json"), "invalid JSON"),
            (Fault("error_envelope"), "JSON of an unknown shape"),
            (Fault("body", body=b'{"Response": "True"}'), "JSON of an unknown shape"),
            (
                Fault("body", body=b'{"Response":"True","Search":[],"totalResults":"0"}'),
                "JSON of an unknown shape",
            ),
            (
                Fault("body", body=b'{"Response":"True","Search":[{}],"totalResults":"many"}'),
                "JSON of an unknown shape",
            ),
            (
                Fault("body", body=b'{"Response":"True","Search":[{}, 1],"totalResults":"2"}'),
                "JSON of an unknown shape",
            ),
            (Fault("body", body=b"[]"), "a JSON list"),
            (Fault("html", status=401), "HTML instead of JSON"),
            (says("Suspended.", 401), "HTTP 401"),
            (Fault("html", status=403), "HTTP 403"),
        ],
    )
    def test_that_make_no_sense_are_an_error_and_nothing_is_stored(self, service, fault, message):
        service.fail(fault)
        with pytest.raises(PermanentSourceError, match=message) as caught:
            service.collect()
        assert KEY not in str(caught.value)
        assert service.rows() == []

    @pytest.mark.parametrize(
        "fault",
        [
            Fault("too_many_requests", times=2),
            Fault("server_error", times=2),
            Fault("cut_off", times=2),
            Fault("slow", times=1, seconds=1),
        ],
        ids=lambda fault: fault.kind,
    )
    def test_that_pass_are_asked_for_again(self, service, fault):
        if fault.kind == "slow":
            service.options = replace(FAST, read_timeout_seconds=0.5)
        service.fail(fault)
        assert service.collect().complete == [YEAR]

    def test_that_last_fail_and_the_next_run_goes_on(self, service):
        service.options = BRIEF
        service.fail(Fault("server_error", pages=[2]))
        with pytest.raises(TransientSourceError, match="HTTP 503"):
            service.collect()
        service.fail()
        service.forget()
        service.collect()
        assert service.asked == pages_of(YEAR)[1:]


class TestQuota:
    def test_that_is_spent_amid_the_pages_keeps_what_was_fetched(self, service):
        service.app.state.quota = 1
        found = service.collect(YEAR, BEFORE)
        assert found.incomplete == [BEFORE, YEAR]
        assert "quota" in str(found.stopped)
        assert found.requests == len(service.asked) == 2
        assert service.errors() == [("storm", 2, 401, "Request limit reached!")]
        assert len(service.rows()) == 11

    def test_of_the_next_day_goes_on_from_there(self, service):
        service.app.state.quota = 1
        service.collect(YEAR, BEFORE)
        service.app.state.quota = 1000
        service.forget()
        assert service.collect(YEAR, BEFORE).complete == [BEFORE, YEAR]
        assert service.asked == pages_of(YEAR)[1:] + pages_of(BEFORE)
        assert service.errors() == []

    def test_of_a_run_stops_it_without_an_error(self, service):
        found = service.collect(YEAR, BEFORE, requests_a_run=3)
        assert (found.requests, found.incomplete) == (3, [BEFORE, YEAR])
        assert service.errors() == []
        assert service.collect(YEAR, BEFORE).complete == [BEFORE, YEAR]
        assert service.asked == pages_of(YEAR) + pages_of(BEFORE)

    def test_that_is_spent_leaves_complete_years_complete(self, service):
        service.collect(1950)
        service.app.state.used[KEY] = 10_000
        assert service.collect(YEAR, 1950).complete == [1950]

    @pytest.mark.slow
    def test_a_backfill_in_many_runs_makes_each_request_once(self, service):
        years = range(1906, 2026)
        needed = [page for year in reversed(years) for page in pages_of(year)]
        quota = 30
        runs = 0
        while (found := service.collect(*years, requests_a_run=quota)).incomplete:
            assert found.requests == quota
            runs += 1
        assert service.asked == needed
        assert runs == -(-len(needed) // quota) - 1


class TestFile:
    def test_is_renamed_when_every_page_is_there(self, service):
        service.collect(requests_a_run=1)
        assert [path.name for path in service.part().parent.glob("*.jsonl*")] == [
            service.part().name
        ]
        service.collect()
        assert [path.name for path in service.part().parent.glob("*.jsonl*")] == [
            service.file().name
        ]

    def test_holds_what_was_received(self, service):
        service.collect()
        first = json.loads(service.file().read_text().splitlines()[0])
        assert (first["term"], first["type"], first["page"]) == ("storm", "", 1)
        assert first["http_status"] == 200
        assert json.loads(first["body"])["Search"] == TITLES.search("storm", YEAR, "")[:10]

    @pytest.mark.parametrize("lost", [1, 40])
    def test_whose_last_line_is_torn_is_cut_off_there(self, service, lost):
        service.collect(requests_a_run=2)
        whole = service.part().read_bytes()
        os.truncate(service.part(), len(whole) - lost)
        assert len(service.rows()) == 10
        service.forget()
        service.collect()
        assert service.asked == pages_of(YEAR)[1:]
        assert service.file().read_bytes().startswith(whole.splitlines(keepends=True)[0])
        assert len(service.rows()) == len({row.result_id for row in service.rows()})

    def test_whose_first_line_is_torn_starts_from_nothing(self, service):
        service.part().parent.mkdir(parents=True)
        service.part().write_bytes(b'{"term": "sto')
        assert service.collect().complete == [YEAR]
        assert service.asked == pages_of(YEAR)

    def test_that_is_complete_but_for_its_name_is_not_asked_for(self, service):
        service.collect()
        service.file().rename(service.part())
        service.forget()
        assert service.collect().complete == [YEAR]
        assert service.asked == []

    @pytest.mark.parametrize("line", [b"{}\n", b"x\n", b"[]\n", b"\n"])
    def test_that_is_damaged_is_named(self, service, line):
        service.collect(requests_a_run=1)
        service.part().write_bytes(line + service.part().read_bytes())
        with pytest.raises(PermanentSourceError, match=r"Line 1 of .*\.part is not a reply"):
            service.collect()
        with pytest.raises(PermanentSourceError, match="Remove the file"):
            service.rows()

    def test_may_hold_any_text(self, service):
        title = {"Title": "\ud800 \x00 NaN é 映画", "imdbID": " tt1 ", "Year": 7}
        reply = {"Response": "True", "Search": [title], "totalResults": "1"}
        service.fail(Fault("body", body=json.dumps(reply).encode()))
        service.collect(query=Query(("storm",)))
        (row,) = service.rows()
        assert json.loads(row.payload) == title
        assert row.imdb_id == "tt1"
        row.payload.encode()

    def test_of_a_year_that_was_never_collected_is_no_error(self, service):
        assert stored(service.landing, [1999]) == [
            omdb.Year(1999, None, is_complete=False, rows=[])
        ]


class TestRefresh:
    def test_keeps_the_old_pages_until_the_new_ones_are_complete(self, service):
        service.collect()
        old = service.rows()
        service.collect(refresh=True, requests_a_run=1)
        assert service.part().exists()
        assert service.rows() == old
        (year,) = stored(service.landing, [YEAR])
        assert year.is_complete

    def test_that_was_interrupted_goes_on(self, service):
        service.collect()
        assert service.collect(refresh=True, requests_a_run=1).incomplete == [YEAR]
        service.forget()
        assert service.collect(refresh=True).complete == [YEAR]
        assert service.asked == pages_of(YEAR)[1:]
        assert not service.part().exists()

    def test_replaces_the_old_pages(self, service):
        service.collect()
        before = service.rows()[0].fetched_at
        service.collect(refresh=True)
        assert service.asked == pages_of(YEAR) * 2
        assert service.rows()[0].fetched_at > before

    def test_of_many_years_gets_to_each_of_them_run_after_run(self, service):
        years = [2022, 2023, 2024, 2025]
        service.collect(*years)
        service.forget()
        longest = max(len(pages_of(year)) for year in years)
        for _ in years:
            service.collect(*years, refresh=True, requests_a_run=longest)
        assert {year for year, _, _ in service.asked} == {str(year) for year in years}


def collect_slowly(url: str, landing: Path, seconds: float) -> None:
    """Collect in a process of its own, which takes its time between two pages."""
    append: Callable[..., None] = omdb._Part.append

    def slowly(part: Any, exchange: Any) -> None:
        append(part, exchange)
        time.sleep(seconds)

    omdb._Part.append = slowly  # type: ignore[method-assign]
    OmdbClient(url, KEY, FAST).collect(landing, [YEAR], QUERY)


@contextmanager
def child(*args: Any) -> Iterator[Any]:
    process = FORKSERVER.Process(target=collect_slowly, args=args)
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class TestProcesses:
    @pytest.mark.slow
    def test_a_killed_one_leaves_what_it_fetched(self, service):
        with child(service.url, service.landing, 30):
            wait_for(lambda: service.part().exists() and service.part().stat().st_size > 0)
        service.forget()
        assert service.collect().complete == [YEAR]
        assert service.asked == pages_of(YEAR)[1:]

    @pytest.mark.slow
    def test_a_second_one_waits_and_asks_for_nothing_again(self, service):
        with child(service.url, service.landing, 0.2) as process:
            wait_for(service.part().exists)
            assert service.collect().complete == [YEAR]
            process.join()
            assert process.exitcode == 0
        assert service.asked == pages_of(YEAR)
        assert any("Waiting for another process" in message for message in service.messages)

    def test_without_file_locks_it_says_what_to_do(self, service, monkeypatch):
        monkeypatch.setitem(__import__("sys").modules, "fcntl", None)
        with pytest.raises(PermanentSourceError, match="needs file locks"):
            service.collect()


class TestKey:
    def test_is_in_no_file_even_where_the_server_echoes_it(self, service, caplog):
        caplog.set_level(logging.DEBUG)
        echo = {"Response": "False", "Error": "Movie not found!", "asked": f"/?apikey={KEY}&s=x"}
        service.fail(Fault("body", body=json.dumps(echo).encode()))
        service.collect()
        texts = [path.read_bytes() for path in service.landing.rglob("*") if path.is_file()]
        assert texts
        assert not any(KEY.encode() in text for text in texts)
        assert "/?apikey=***&s=x" in service.rows()[0].payload
        assert KEY not in caplog.text
        assert KEY not in "".join(service.messages)

    def test_of_digits_does_not_spoil_ids(self, service):
        digits = TITLES.search("storm", YEAR, "")[0]["imdbID"].removeprefix("tt")
        service.app.state.key = digits
        service.collect(key=digits)
        service.app.state.key = KEY
        assert service.rows()[0].imdb_id == f"tt{digits}"

    def test_is_in_no_error_about_the_address(self):
        with pytest.raises(PermanentSourceError, match="base URL") as caught:
            OmdbClient("ftp://x", KEY)
        assert KEY not in str(caught.value)


def test_the_default_terms_of_the_sample_find_something_in_every_recent_year():
    assert all(TITLES.search(term, year, "") for term in COMMON for year in range(2000, 2026))
