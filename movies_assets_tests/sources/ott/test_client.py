"""The users of a day reach the landing zone whole and as they are, or leave it as it was."""

import asyncio
import csv
import errno
import io
import itertools
import json
import logging
import os
import re
import shutil
import time
import traceback
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import partial
from io import FileIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from movies_assets.ingest.http import (
    HttpOptions,
    PermanentSourceError,
    SourceError,
    TransientSourceError,
)
from movies_assets.ingest.landing import Landing
from movies_assets.ingest.records import PROBLEM
from movies_assets.settings import SettingsError, load
from movies_assets.sources.ott import client as ott
from movies_assets.sources.ott import resources
from movies_assets.sources.ott.bronze import ott_users as bronze_users
from movies_assets.sources.ott.client import COLUMNS, Fetched, OttClient, UserDay, settle, stored
from movies_assets.sources.ott.resources import OttLanding, OttUsers, user_key
from movies_assets.warehouse.delimited import DelimitedFile, read
from movies_assets_tests.faults.processes import FORKSERVER, dies_at, in_child
from movies_assets_tests.http_servers import raw_server, switchable
from movies_assets_tests.places import RECORDED

BEFORE, DAY, NEXT = date(2025, 10, 30), date(2025, 10, 31), date(2025, 11, 1)
FAST = HttpOptions(
    concurrency=4, retry_wait_max_seconds=0.02, retry_budget_seconds=5, read_timeout_seconds=2
)
BRIEF = replace(FAST, retry_budget_seconds=0.3, read_timeout_seconds=0.1)
OLD = f"{','.join(COLUMNS)}\n1,Ada Keane,ada@keane.example,2020-01-01,,Peru\n".encode()
FOLDER = RECORDED / "users" / "users_page.json"

NAME, EMAIL, PHONE = "Zephyrine Quillfeather", "zq@quillfeather.example", "555-0173"


def user(number: Any, **given: Any) -> dict[str, Any]:
    """A user as the service lists one, with more fields than needed."""
    return {
        "id": number,
        "fullName": f"{NAME} {number}",
        "email": f"{number}.{EMAIL}",
        "phone": PHONE,
        "birthDate": "1996-05-30",
        "signupDate": "2024-02-29",
        "preferredGenres": ["Drama", "Comedy"],
        "country": "Peru",
        **given,
    }


def row(number: Any, **given: str) -> dict[str, str]:
    """What is stored of such a user."""
    return {
        "user_id": str(number),
        "full_name": f"{NAME} {number}",
        "email": f"{number}.{EMAIL}",
        "signup_date": "2024-02-29",
        "preferred_genres": "Drama|Comedy",
        "country": "Peru",
        **given,
    }


@dataclass
class Service:
    """The users API over TCP.

    Attributes:
        url: Its base URL.
        users: Its users.
        most: The largest page that it gives.
        latency: Seconds before it answers.
        before: Called before each request is answered, with its number; may change the users.
        fault: Returns the reply to a request in place of the page, by the request's number.
        changes: Changes the content of a page.
        requests: What was asked for.
    """

    url: str = ""
    users: list[Any] = field(default_factory=list)
    most: int = 10_000
    latency: float = 0
    before: Callable[[int], None] = lambda _: None
    fault: Callable[[Request, int], Response | None] = lambda *_: None
    changes: Callable[[dict[str, Any]], Any] = lambda page: page
    requests: list[Request] = field(default_factory=list)
    under_way: int = 0
    most_under_way: int = 0

    @property
    def asked(self) -> list[tuple[int, int]]:
        """Limit and skip of each request."""
        queries = [request.query_params for request in self.requests]
        return [(int(query["limit"]), int(query["skip"])) for query in queries]

    def page(self, request: Request) -> dict[str, Any]:
        limit = min(int(request.query_params["limit"]), self.most)
        skip = int(request.query_params["skip"])
        users = self.users[skip : skip + limit]
        return {"users": users, "total": len(self.users), "skip": skip, "limit": len(users)}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        self.requests.append(request)
        number = len(self.requests)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        await asyncio.sleep(self.latency)
        self.before(number)
        response = self.fault(request, number) or self.answer(request)
        await response(scope, receive, send)
        self.under_way -= 1

    def answer(self, request: Request) -> Response:
        if not request.url.path.endswith("/users"):
            return Response(f"no {NAME} here", 404)
        return Response(json.dumps(self.changes(self.page(request))))


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, dict[str, Any]]]:
    current: dict[str, Any] = {}
    with switchable(current) as url:
        yield f"{url}/api", current


@pytest.fixture
def service(server) -> Service:
    url, current = server
    current["app"] = Service(url, [user(number) for number in range(1, 26)])
    return current["app"]


@pytest.fixture
def landing(tmp_path) -> Path:
    return tmp_path / "landing"


@pytest.fixture
def old(landing) -> Path:
    """The file of an earlier fetch on the same day."""
    target = path(landing)
    target.parent.mkdir(parents=True)
    target.write_bytes(OLD)
    return target


def path(landing: Path, day: date = DAY) -> Path:
    return landing / f"ott/users/{day}/users.csv"


def fetch(
    service: Service, landing: Path, options: HttpOptions = FAST, page_size: int = 10, **given: Any
) -> Fetched:
    return OttClient(service.url, options, page_size=page_size, **given).fetch(landing, DAY)


def rows(landing: Path, day: date = DAY) -> list[dict[str, str]]:
    text = path(landing, day).read_bytes().decode()
    assert text.startswith("user_id,full_name,email,signup_date,preferred_genres,country\n")
    assert "\r" not in text
    return list(csv.DictReader(io.StringIO(text, newline="")))


def ids(landing: Path) -> list[str]:
    return [row["user_id"] for row in rows(landing)]


def files(landing: Path) -> set[str]:
    found = (each for each in landing.rglob("*") if each.is_file() and each.name != ".lock")
    return {each.relative_to(landing / "ott/users").as_posix() for each in found}


@contextmanager
def untouched(old: Path, kind: type[SourceError] = PermanentSourceError) -> Iterator[Any]:
    """Proves that the older file stays at any failure, and that no other file is left."""
    with pytest.raises(kind) as raised:
        yield raised
    assert type(raised.value) is kind
    assert old.read_bytes() == OLD
    assert files(old.parents[3]) == {f"{DAY}/users.csv"}
    assert str(raised.value).endswith(f"{old} is unchanged.")


def always(response: Callable[[], Response]) -> Callable[..., Response]:
    return lambda *_: response()


def once(response: Response) -> Callable[..., Response | None]:
    return lambda _, number: response if number == 1 else None


class TestPages:
    def test_are_all_fetched_and_not_one_more(self, service, landing):
        found = fetch(service, landing)
        assert sorted(service.asked) == [(10, 0), (10, 10), (10, 20)]
        assert found == Fetched(path(landing), 25, 3, f"{service.url}/users")
        assert rows(landing) == [row(number) for number in range(1, 26)]

    @pytest.mark.parametrize("number", [1, 9, 10, 11, 20])
    def test_of_any_number_of_users_are_whole(self, service, landing, number):
        del service.users[number:]
        assert fetch(service, landing).users == number
        assert len(rows(landing)) == number
        # Only the next page shows whether a full page is the last one, with any total.
        assert len(service.requests) == number // 10 + 1

    def test_are_asked_for_several_at_once_and_no_more_than_allowed(self, service, landing):
        service.latency = 0.25
        fetch(service, landing, page_size=2)
        assert service.most_under_way == 4
        assert len(service.requests) == 13

    def test_are_asked_for_one_by_one_where_that_is_allowed(self, service, landing):
        fetch(service, landing, replace(FAST, concurrency=1), page_size=5)
        assert service.asked == [(5, 0), (5, 5), (5, 10), (5, 15), (5, 20), (5, 25)]

    @pytest.mark.parametrize("most", [1, 7])
    def test_smaller_than_asked_for_are_followed_in_their_steps(self, service, landing, most):
        service.most = most
        assert fetch(service, landing).users == 25
        assert len(service.requests) == 25 // most + 1

    def test_larger_than_asked_for_are_followed_in_their_steps(self, service, landing):
        service.page = lambda request: {
            "users": service.users[(skip := int(request.query_params["skip"])) : skip + 20],
            "total": 25,
        }
        assert fetch(service, landing, page_size=5).users == 25
        assert [skip for _, skip in service.asked] == [0, 20]

    def test_that_hold_all_users_for_any_request_get_one_more_request(self, service, landing):
        service.page = lambda _: {"users": service.users, "total": 25}
        assert fetch(service, landing).users == 25
        assert [skip for _, skip in service.asked] == [0, 25]

    def test_of_a_million_users_need_less_than_300_mb(self, tmp_path):
        number = 5_000
        with (tmp_path / "users").open("w+b") as file:
            tracemalloc.start()
            users = ott._StoredUsers(file)
            for each in range(number, 0, -1):
                users.add(user(10**9 + each))
            lines = sum(1 for _ in users.lines())
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        assert lines == number
        assert peak / number < 250


class TestShiftingPages:
    def test_list_a_user_twice_and_the_later_reply_counts(self, service, landing):
        def insert_first(number: int) -> None:
            if number == 2:
                service.users[9]["country"] = "Chile"
                service.users.insert(0, user(99))

        service.before = insert_first
        fetch(service, landing, replace(FAST, concurrency=1))
        # The new one came too late for the first page, so the list was read again.
        assert len(service.requests) == 6
        assert ids(landing) == [*map(str, range(1, 26)), "99"]
        assert rows(landing)[9] == row(10, country="Chile")

    def test_of_one_reading_hold_an_id_once(self, service, landing):
        service.users[10] = user(10, country="Chile")
        service.changes = lambda page: {**page, "total": 24}
        assert fetch(service, landing, replace(FAST, concurrency=1)).users == 24
        assert ids(landing).count("10") == 1
        assert rows(landing)[9]["country"] == "Chile"

    def test_that_skip_a_user_are_read_again(self, service, landing):
        def remove(number: int) -> None:
            if number == 2:
                del service.users[0]  # 11 moves to the page that was read

        service.before = remove
        messages: list[str] = []
        fetch(service, landing, replace(FAST, concurrency=1), log=messages.append)
        assert ids(landing) == [*map(str, range(2, 26))]
        assert len(service.requests) == 6
        assert "1 of 25 users were on no page, because the list shifted" in messages[0]

    def test_that_grow_at_the_end_are_followed_to_it(self, service, landing):
        def append(number: int) -> None:
            if number in (2, 3, 4):
                service.users += [user(100 * number + each) for each in range(5)]

        service.before = append
        assert fetch(service, landing, replace(FAST, concurrency=1)).users == 40
        assert len(service.requests) == 5

    def test_that_never_hold_still_are_a_passing_failure_that_says_what_was_missing(
        self, service, old, landing
    ):
        def remove(number: int) -> None:
            if number % 3 == 2:
                del service.users[0]

        service.before = remove
        service.users += [user(number) for number in range(26, 30)]
        with untouched(old, TransientSourceError) as raised:
            fetch(service, landing, replace(FAST, concurrency=1))
        assert raised.match(
            "stated 27 users, but 1 of them were on none of its pages, even when they "
            "were read 3 times.*Try again later"
        )
        assert len(service.requests) == 9

    def test_that_leave_users_out_are_a_passing_failure(self, service, old, landing):
        service.changes = lambda page: {**page, "users": page["users"][:8]}
        service.fault = lambda request, _: (
            None if request.query_params["skip"] == "0" else Response('{"users": [], "total": 25}')
        )
        with untouched(old, TransientSourceError) as raised:
            fetch(service, landing)
        assert raised.match("stated 25 users, but 17 of them were on none")

    def test_whose_total_grows_with_every_request_come_to_an_end(self, service, old, landing):
        service.page = lambda request: {
            "users": [user(int(request.query_params["skip"]) + each) for each in range(1, 11)],
            "total": int(request.query_params["skip"]) + 20,
        }
        with untouched(old, TransientSourceError) as raised:
            fetch(service, landing)
        assert raised.match("on none of its pages")
        assert len(service.requests) < 20


class TestUnsoundReplies:
    @pytest.mark.parametrize(
        ("change", "fault"),
        [
            ({"total": "25"}, "`total` is a text instead of the number of all users"),
            ({"total": None}, "`total` is null"),
            ({"total": 2.5}, "`total` is another number"),
            ({"total": -1}, "`total` is another number"),
            ({"total": True}, "`total` is true or false"),
            ({"total": [25]}, "`total` is a list"),
            ({"total": 3}, "it has 10 users, more than its `total`, 3"),
            ({"users": None}, "`users` is null instead of a list"),
            ({"users": {"1": "x"}}, "`users` is an object instead of a list"),
            ({"users": "none"}, "`users` is a text instead of a list"),
            ({"users": []}, "it has no users, but its `total` is 25"),
            ({"users": [user(1), EMAIL]}, "not all of its `users` are objects"),
            ({"skip": 5}, "it begins after 5 users instead of 0, as requested"),
        ],
        ids=str,
    )
    def test_say_what_where_and_what_to_do(self, service, old, landing, change, fault):
        service.changes = lambda page: {**page, **change}
        with untouched(old) as raised:
            fetch(service, landing)
        assert raised.match(
            re.escape(f"{service.url}/users?limit=10&skip=0 answered JSON that is not the ")
            + f"requested page of users: .*{re.escape(fault)}"
            + ".*Check the base URL, and whether the source.*changed its"
        )
        assert len(service.requests) == 1

    def test_that_list_no_users_are_refused(self, service, old, landing):
        service.changes = lambda page: {**page, "users": [], "total": 0}
        with untouched(old) as raised:
            fetch(service, landing)
        assert raised.match("lists no users")

    @pytest.mark.parametrize("name", ["users", "total"])
    def test_without_what_they_need_say_so(self, service, old, landing, name):
        service.changes = lambda page: {k: v for k, v in page.items() if k != name}
        with untouched(old) as raised:
            fetch(service, landing)
        assert raised.match(f"`{name}` is missing")

    def test_that_are_not_the_page_that_was_asked_for_are_refused(self, service, old, landing):
        service.changes = lambda page: {**page, "skip": 0}
        with untouched(old) as raised:
            fetch(service, landing)
        assert raised.match("begins after 0 users instead of [12]0")

    @pytest.mark.parametrize("total", [25, 1_000])
    def test_that_are_always_the_first_page_are_recognised_by_their_users(
        self, service, old, landing, total
    ):
        service.page = lambda _: {"users": service.users[:10], "total": total}
        with untouched(old) as raised:
            fetch(service, landing)
        assert raised.match(
            f"has {total:,} users by its `total`, but returned the same 10 on every page: it "
            "ignores the parameter `skip`. Check the base URL"
        )
        assert len(service.requests) < 12

    @pytest.mark.parametrize(
        ("body", "status", "fault"),
        [
            ("<!DOCTYPE html><h1>Sign in</h1>", 200, "HTML instead of JSON"),
            ("[1]", 200, "a JSON list instead of an object"),
            ('{"users": [', 200, "invalid JSON"),
            ("", 200, "invalid JSON"),
            ("no", 400, "HTTP 400.*Check URL and parameters"),
            ("no", 401, "HTTP 401.*Check the user name, password or key"),
            ("no", 403, "HTTP 403.*refuses this address or these credentials"),
            ("no", 404, "HTTP 404.*Check the base URL"),
        ],
    )
    def test_of_other_kinds_fail_at_once(self, service, old, landing, body, status, fault):
        service.fault = always(partial(Response, body, status))
        with untouched(old) as raised:
            fetch(service, landing)
        assert raised.match(f"{service.url}/users.*{fault}")
        assert len(service.requests) == 1

    def test_on_a_later_page_end_the_other_requests(self, service, old, landing):
        service.users += [user(number) for number in range(26, 1_000)]
        service.fault = lambda request, _: (
            Response("gone", 404) if request.query_params["skip"] == "30" else None
        )
        with untouched(old) as raised:
            fetch(service, landing)
        assert raised.match("skip=30 answered HTTP 404")
        assert len(service.requests) < 15

    def test_too_large_are_refused(self, service, old, landing):
        with untouched(old) as raised:
            fetch(service, landing, replace(FAST, max_response_bytes=1_000))
        assert raised.match("more than 1,000 bytes")


class TestPassingFailures:
    @pytest.mark.parametrize("status", [429, 500, 503])
    def test_are_tried_again(self, service, landing, status):
        service.fault = once(Response("busy", status))
        assert fetch(service, landing).requests == 4

    def test_wait_as_long_as_they_ask(self, service, landing):
        service.fault = once(Response("slow down", 429, {"Retry-After": "1"}))
        begun = time.monotonic()
        fetch(service, landing)
        assert time.monotonic() - begun > 0.9

    def test_that_last_say_when_to_try_again(self, service, old, landing):
        service.fault = always(partial(Response, "later", 429, {"Retry-After": "3600"}))
        with untouched(old, TransientSourceError) as raised:
            fetch(service, landing)
        assert raised.match("HTTP 429.*Try again later")
        assert raised.value.retry_after == 3600

    def test_of_a_slow_service_are_time_outs(self, service, old, landing):
        service.latency = 0.3
        with untouched(old, TransientSourceError) as raised:
            fetch(service, landing, BRIEF)
        assert raised.match("ReadTimeout.*Try again later")

    def test_of_a_reply_that_is_cut_off_are_reported_as_such(self, old, landing):
        cut = b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"users": [{"email": "x'
        with (
            raw_server(cut) as url,
            untouched(old, TransientSourceError) as raised,
        ):
            fetch(Service(url), landing, BRIEF)
        assert raised.match("peer closed connection without sending complete message body")


class TestUsers:
    @pytest.mark.slow
    def test_one_with_a_long_name_is_refused_when_the_file_is_read(self, service, landing):
        service.users = [user(1), user(2, fullName="x" * 20_000_000), user(3)]
        fetch(service, landing)
        file = DelimitedFile("users.csv", partial(FileIO, path(landing)))
        found = read(file, bronze_users)
        assert found
        why = ["user_id", PROBLEM]
        assert found.rows.select(why).to_pylist() == [
            {"user_id": "1", PROBLEM: None},
            {"user_id": None, PROBLEM: "full_name: more than 100,000 bytes"},
            {"user_id": "3", PROBLEM: None},
        ]

    @pytest.mark.parametrize(
        ("given", "stored"),
        [
            (
                {"fullName": None, "firstName": "Ada", "lastName": "Keane"},
                {"full_name": "Ada Keane"},
            ),
            ({"fullName": " ", "first_name": "Ada", "last_name": None}, {"full_name": "Ada"}),
            ({"fullName": None, "full_name": "Ada Keane"}, {"full_name": "Ada Keane"}),
            ({"fullName": None}, {"full_name": ""}),
            ({"fullName": 'Ada "A", Keane'}, {"full_name": 'Ada "A", Keane'}),
            ({"fullName": "Ada\r\nKeane\t\0x"}, {"full_name": "Ada  Keane  x"}),
            ({"fullName": "Zoë 李"}, {"full_name": "Zoë 李"}),
            ({"fullName": "A\ud800"}, {"full_name": "A\\ud800"}),
            ({"email": None}, {"email": ""}),
            ({"email": {"work": "x@y.example"}}, {"email": ""}),
            ({"signupDate": None, "signup_date": "2024-01-01"}, {"signup_date": "2024-01-01"}),
            ({"signupDate": "31.12.2024"}, {"signup_date": "31.12.2024"}),
            ({"signupDate": 20240101}, {"signup_date": "20240101"}),
            ({"preferredGenres": None}, {"preferred_genres": ""}),
            ({"preferredGenres": []}, {"preferred_genres": ""}),
            ({"preferredGenres": ["Drama", None, " "]}, {"preferred_genres": "Drama"}),
            ({"preferredGenres": "Drama|Comedy"}, {"preferred_genres": "Drama|Comedy"}),
            ({"preferredGenres": "Drama, Comedy,"}, {"preferred_genres": "Drama|Comedy"}),
            (
                {"preferredGenres": None, "preferred_genres": ["War"]},
                {"preferred_genres": "War"},
            ),
            ({"country": None, "address": {"country": "Chile"}}, {"country": "Chile"}),
            ({"country": None, "address": None}, {"country": ""}),
            ({"country": None, "address": "Chile"}, {"country": ""}),
            ({"country": "Peru", "address": {"country": "Chile"}}, {"country": "Peru"}),
        ],
        ids=str,
    )
    def test_are_stored_in_any_spelling(self, service, landing, given, stored):
        service.users[:] = [user(1, **given)]
        fetch(service, landing)
        assert rows(landing) == [row(1, **stored)]

    def test_lose_all_fields_that_are_not_needed(self, service, landing):
        fetch(service, landing)
        text = path(landing).read_text()
        assert PHONE not in text
        assert "1996" not in text

    def test_are_in_the_order_of_their_ids(self, service, landing):
        service.users[:] = [user(each) for each in (100, "b7", 9, 20, None, "a")]
        fetch(service, landing)
        assert ids(landing) == ["9", "20", "100", "a", "b7", ""]

    def test_have_one_id_be_it_a_text_or_a_number(self, service, landing):
        service.users[:] = [user(7), user("7", country="Chile"), user("07", country="Cuba")]
        service.page = lambda _: {"users": service.users, "total": 3}
        # Three of the same: that is no fault of the paging.
        with pytest.raises(PermanentSourceError, match=r"the list repeats 1 id \(withheld"):
            fetch(service, landing)
        service.page = lambda _: {"users": [*service.users[:1], user("8")], "total": 2}
        fetch(service, landing)
        assert ids(landing) == ["7", "8"]

    def test_without_an_id_are_all_kept_and_are_last(self, service, landing):
        nameless = user(None)
        missing = {k: v for k, v in user(0).items() if k != "id"}
        service.users[:] = [nameless, user(2), None, missing, nameless, user(""), user(1)]
        assert fetch(service, landing).users == 7
        assert ids(landing) == ["1", "2", "", "", "", "", ""]
        assert {tuple(each.values()) for each in rows(landing)} >= {("",) * 6}

    @pytest.mark.recorded
    @pytest.mark.skipif(not FOLDER.exists(), reason="recorded: ../shared/recorded is not there")
    def test_as_recorded_are_stored(self, service, landing):
        page = json.loads(FOLDER.read_bytes())
        service.users[:] = page["users"]
        assert fetch(service, landing).users == len(page["users"]) > 0
        first, told = rows(landing)[0], page["users"][0]
        assert first == {
            "user_id": str(told["id"]),
            "full_name": f"{told['firstName']} {told['lastName']}",
            "email": told["email"],
            "signup_date": "",
            "preferred_genres": "",
            "country": told["address"]["country"],
        }


class TestStoring:
    def test_replaces_what_was_fetched_earlier_on_the_day(self, service, old, landing):
        assert old.read_bytes() == OLD
        fetch(service, landing)
        assert len(rows(landing)) == 25
        assert files(landing) == {f"{DAY}/users.csv"}

    def test_of_a_full_disk_says_what_to_do(self, service, old, landing, monkeypatch):
        def refuse(*_: Any) -> None:
            raise OSError(errno.ENOSPC, "No space left on device", "x")

        monkeypatch.setattr(ott, "move", refuse)
        with untouched(old) as raised:
            fetch(service, landing)
        assert raised.match("disk is too full.*Free some space")

    def test_while_pages_are_read_gives_the_same_message(self, service, old, landing, monkeypatch):
        def refuse(*_: Any) -> int:
            raise OSError(errno.ENOSPC, "No space left on device", "x")

        monkeypatch.setattr(ott._StoredUsers, "write", refuse)
        with untouched(old) as raised:
            fetch(service, landing)
        assert raised.match("disk is too full")

    def test_in_a_read_only_place_is_a_clear_error(self, service, tmp_path):
        (tmp_path / "ott").write_text("a file")
        with pytest.raises(PermanentSourceError, match="cannot be written or read"):
            fetch(service, tmp_path)

    def test_of_two_at_once_waits(self, service, landing, caplog):
        caplog.set_level(logging.INFO)
        service.latency = 0.2
        with ThreadPoolExecutor(2) as pool:
            both = [pool.submit(fetch, service, landing) for _ in range(2)]
            assert [each.result().users for each in both] == [25, 25]
        assert "Waiting for another process that is fetching users" in caplog.text
        assert files(landing) == {f"{DAY}/users.csv"}

    def test_shows_nothing_to_readers_of_the_folder_until_it_is_done(
        self, service, landing, monkeypatch
    ):
        seen: list[Any] = []
        move = ott.move

        def look(new: Path, target: Path) -> None:
            assert new.exists()
            seen.extend(Landing(landing / "ott" / "users", "ott/users").arrivals())
            move(new, target)

        monkeypatch.setattr(ott, "move", look)
        fetch(service, landing)
        assert seen == []
        (arrival,) = Landing(landing / "ott" / "users", "ott/users").arrivals()
        assert arrival.path == f"{DAY}/users.csv"


def fetch_in_child(url: str, landing: Path) -> None:
    OttClient(url, FAST, page_size=10).fetch(landing, DAY)


def die_everywhere(scratch: Path, url: str) -> int:
    """Has fetching die before each access to the disk, then checks that the next one is sound."""
    for access in itertools.count(1):
        landing = scratch / str(access)
        if (scratch / "before").exists():
            shutil.copytree(scratch / "before", landing)
        died = dies_at(access, landing, partial(fetch_in_child, url, landing))
        if path(landing).exists():
            assert path(landing).read_bytes() == OLD or len(rows(landing)) == 25
        else:
            assert not (scratch / "before").exists()
        arrived = Landing(landing / "ott" / "users", "ott/users").arrivals()
        assert [each.path for each in arrived] == [f"{DAY}/users.csv"] * path(landing).exists()
        fetch_in_child(url, landing)
        assert files(landing) == {f"{DAY}/users.csv"}
        assert len(rows(landing)) == 25
        if not died:
            return access
    raise AssertionError


class TestKilling:
    @pytest.mark.slow
    def test_while_pages_are_read_leaves_no_user_on_the_disk(self, service, old, landing):
        held = asyncio.Event()

        async def hold(scope: Any, receive: Any, send: Any) -> None:
            if len(service.requests) >= 2:
                service.requests.append(Request(scope, receive))
                await held.wait()
            await service(scope, receive, send)

        with switchable({"app": hold}) as url:
            process = FORKSERVER.Process(target=fetch_in_child, args=(f"{url}/api", landing))
            process.start()
            end = time.monotonic() + 30
            while len(service.requests) < 4:
                assert time.monotonic() < end
                time.sleep(0.01)
            process.kill()
            process.join()
        assert old.read_bytes() == OLD
        assert files(landing) == {f"{DAY}/users.csv"}

    @pytest.mark.slow
    @pytest.mark.parametrize("is_first", [True, False])
    def test_before_any_access_to_the_disk_leaves_the_older_file_or_none(
        self, service, tmp_path, is_first
    ):
        if not is_first:
            path(tmp_path / "before").parent.mkdir(parents=True)
            path(tmp_path / "before").write_bytes(OLD)
        assert in_child(die_everywhere, tmp_path, service.url) > 5


class TestDays:
    def test_that_are_not_today_are_refused_before_anything_is_asked(self, service, old, landing):
        with untouched(old) as raised:
            fetch(service, landing, today=lambda: NEXT)
        assert raised.match(
            f"only has the users of today, {NEXT}: they are not those of {DAY}. "
            f"Run the partition {NEXT}"
        )
        assert service.requests == []

    def test_that_end_while_they_are_read_are_stored_under_no_day(self, service, old, landing):
        clock = iter([DAY, NEXT])
        with untouched(old, TransientSourceError) as raised:
            fetch(service, landing, today=lambda: next(clock))
        assert raised.match(f"{DAY} ended while the users were read.*neither day.*Rerun")
        assert len(service.requests) == 3

    def test_that_last_are_stored(self, service, landing):
        assert fetch(service, landing, today=lambda: DAY).users == 25


class TestSettling:
    @pytest.fixture
    def kept(self, landing) -> Path:
        path(landing, BEFORE).parent.mkdir(parents=True)
        path(landing, BEFORE).write_bytes(OLD)
        return landing

    def settle(self, service: Service, landing: Path, *days: date) -> list[UserDay]:
        return settle(landing, days, DAY, OttClient(service.url, FAST).fetch)

    def test_fetches_today_and_keeps_other_days(self, service, kept):
        assert self.settle(service, kept, BEFORE, DAY) == [
            UserDay(BEFORE, path(kept, BEFORE), 1, "kept"),
            UserDay(DAY, path(kept), 25, "fetched"),
        ]
        assert path(kept, BEFORE).read_bytes() == OLD

    def test_fetches_today_again(self, service, kept):
        self.settle(service, kept, DAY)
        service.users.append(user(26))
        assert [day.users for day in self.settle(service, kept, DAY)] == [26]
        assert [day.users for day in stored(kept, [DAY])] == [26]

    def test_asks_nothing_where_today_is_not_wanted(self, service, kept):
        assert [day.users for day in self.settle(service, kept, BEFORE)] == [1]
        assert service.requests == []

    def test_names_all_days_that_were_never_fetched(self, service, kept):
        days = [date(2025, 10, day) for day in (5, 7, 8, 9, 30, 31)]
        with pytest.raises(PermanentSourceError) as raised:
            self.settle(service, kept, *days)
        assert str(raised.value).startswith(
            "The users of 2025-10-05, 2025-10-07...2025-10-09 were never fetched, and the service "
            "only knows today's, which are not those of another day. Leave these days out, or put"
        )
        assert str(path(kept, days[0])) in str(raised.value)

    def test_has_fetched_today_even_if_another_day_is_missing(self, service, landing):
        with pytest.raises(PermanentSourceError, match="never fetched"):
            self.settle(service, landing, BEFORE, DAY)
        assert files(landing) == {f"{DAY}/users.csv"}

    def test_never_stores_today_s_users_under_another_day(self, service, landing):
        with pytest.raises(PermanentSourceError, match=f"The users of {BEFORE} were never"):
            self.settle(service, landing, BEFORE)
        assert service.requests == []
        assert not landing.exists()

    @pytest.mark.parametrize("damage", [b"", b"<html>\n", OLD[:-1], OLD + b"2,x"])
    def test_refuses_a_damaged_file(self, service, kept, damage):
        path(kept, BEFORE).write_bytes(damage)
        with pytest.raises(PermanentSourceError, match=r"is damaged.*Replace it") as raised:
            self.settle(service, kept, BEFORE)
        assert "Keane" not in str(raised.value)


class TestPersonalData:
    """Nothing of a reply is in an error, a log line or on the screen."""

    def shown(self, service: Service, landing: Path, caplog: Any, capfd: Any) -> str:
        caplog.set_level(logging.DEBUG)
        messages: list[str] = []
        with pytest.raises(SourceError) as raised:
            fetch(service, landing, replace(BRIEF, max_response_bytes=50_000), log=messages.append)
        shown = [*messages, *capfd.readouterr(), *traceback.format_exception(raised.value)]
        error: BaseException | None = raised.value
        while error:
            shown += [str(error), repr(error)]
            error = error.__cause__ or error.__context__
        shown += [f"{record.getMessage()} {vars(record)}" for record in caplog.records]
        return " ".join(shown)

    def check(self, shown: str) -> None:
        for private in (NAME.split(maxsplit=1)[0], NAME.split()[1], EMAIL, "quillfeather", PHONE):
            assert private.casefold() not in shown.casefold()

    @pytest.mark.parametrize("status", [200, 201, 400, 401, 403, 404, 422, 429, 500, 503])
    def test_of_a_body_that_echoes_a_user(self, service, landing, caplog, capfd, status):
        body = json.dumps({"error": "cannot serve", "user": user(7)})
        service.fault = always(partial(Response, body, status))
        shown = self.shown(service, landing, caplog, capfd)
        assert "The body is not shown: it may hold personal data or a key." in shown
        self.check(shown)

    @pytest.mark.parametrize(
        "garble",
        [
            lambda body: body[: len(body) // 2],
            lambda body: body.replace(b'"', b"'"),
            lambda body: b"[" + body + b"]",
            lambda body: b"<html>" + body,
            lambda body: body.replace(b'"total": 25', f'"total": "{NAME}"'.encode()),
            lambda body: body.replace(b'"skip": 0', b'"skip": 17'),
            lambda body: body.replace(b'{"users"', f'{{"{EMAIL}"'.encode()),
            lambda body: body[:200] + b"\xff" + body[200:],
            lambda body: body[:200] + b"\x00" + body[200:],
            lambda body: body + b" " * 60_000,
        ],
        ids=[*"cut quotes list html total skip names encoding control large".split()],  # noqa: SIM905
    )
    def test_of_a_garbled_page(self, service, landing, caplog, capfd, garble):
        service.fault = lambda request, _: Response(
            garble(json.dumps(service.page(request)).encode())
        )
        shown = self.shown(service, landing, caplog, capfd)
        assert "/api/users?limit=10&skip=0 answered" in shown
        self.check(shown)

    @pytest.mark.slow
    @pytest.mark.parametrize(
        "reply",
        [
            f"{NAME} {EMAIL}\r\n\r\n",
            f"HTTP/1.1 200 OK\r\n{NAME} {EMAIL}\r\n\r\n",
            f'HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{{"users": [{{"email": "{EMAIL}"',
            f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{EMAIL}\r\n{NAME}",
            f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 23\r\n\r\n{EMAIL}",
            f"HTTP/1.1 302 Found\r\nLocation: http://[{EMAIL}]/\r\n\r\n",
            f"HTTP/1.1 302 Found\r\nLocation: http://other.invalid/{EMAIL}?n={PHONE}\r\n\r\n",
        ],
        ids=[*"status header body chunk gzip location elsewhere".split()],  # noqa: SIM905
    )
    def test_of_a_reply_that_is_no_sound_http(self, landing, caplog, capfd, reply):
        with raw_server(reply.encode()) as url:
            shown = self.shown(Service(url), landing, caplog, capfd)
        self.check(shown)

    def test_of_a_redirect_that_names_a_user(self, service, landing, caplog, capfd):
        service.fault = lambda request, _: (
            RedirectResponse(f"/api/{EMAIL}") if request.url.path.endswith("/users") else None
        )
        shown = self.shown(service, landing, caplog, capfd)
        assert "/api/users?limit=10&skip=0 answered HTTP 404" in shown

    def test_of_a_sound_reading(self, service, landing, caplog, capfd):
        caplog.set_level(logging.DEBUG)
        shown = repr(fetch(service, landing))
        self.check(shown + caplog.text + "".join(capfd.readouterr()))


class TestProfiles:
    @pytest.fixture(autouse=True)
    def _no_settings(self, tmp_path, monkeypatch):
        for name in [name for name in os.environ if name.startswith("MOVIES_")]:
            monkeypatch.delenv(name)
        monkeypatch.chdir(tmp_path)

    @pytest.fixture
    def sample(self, service, landing, monkeypatch):
        """The sample's profile, with this service and a delivery of one day."""

        def deliver(_: Any, what: str, folder: Path) -> None:
            target = folder / f"{BEFORE}" / f"{what}.csv"
            target.parent.mkdir(parents=True)
            target.write_bytes(OLD)

        monkeypatch.setattr(resources, "_deliver", deliver)
        monkeypatch.setattr(resources, "_sample", lambda *_: httpx.ASGITransport(service))
        service.users[:] = [user(1), user(2)]
        return load(data_dir=landing.parent)

    def test_sample_keeps_past_days_and_fetches_the_last_one(self, sample, service):
        last = sample.sample.last_day
        assert last == DAY
        found = [
            (day.day, day.users, day.state) for day in OttUsers(project=sample).fetch([BEFORE, DAY])
        ]
        assert found == [(BEFORE, 1, "kept"), (DAY, 2, "fetched")]
        assert [request.url.path for request in service.requests] == ["/ott/users"]

    def live(self, landing: Path, **ott: Any) -> Any:
        return load(profile="live", data_dir=landing.parent, ott=ott)

    def test_live_needs_the_address_and_asks_there(self, service, landing):
        with pytest.raises(SettingsError, match="MOVIES_OTT__BASE_URL is not set"):
            OttUsers(project=self.live(landing)).client()
        today = datetime.now(UTC).date()
        live = self.live(landing, base_url=service.url, page_size=20)
        found = resources.resources(live)["ott_users"].fetch([today])
        assert [(day.users, day.state) for day in found] == [(25, "fetched")]
        assert service.asked == [(20, 0), (20, 20)]

    def test_live_loads_a_past_day_without_the_address(self, old, landing):
        assert OttUsers(project=self.live(landing)).fetch([DAY]) == [UserDay(DAY, old, 1, "kept")]

    def test_live_delivers_nothing(self, landing):
        for folder in ("titles", "views", "users"):
            assert OttLanding(project=self.live(landing)).open(folder).arrivals() == []
        assert not landing.exists()

    @pytest.mark.parametrize("folder", ["titles", "views", "users"])
    def test_sample_delivers_a_folder_once_before_it_is_read(self, sample, landing, folder):
        for _ in range(2):
            (arrival,) = OttLanding(project=sample).open(folder).arrivals()
            assert (arrival.day, arrival.path) == (BEFORE, f"{BEFORE}/{folder}.csv")
        assert [each.name for each in (landing / "ott").iterdir()] == [folder]
        assert OttLanding(project=sample).open(folder).name == f"ott/{folder}"

    @pytest.mark.parametrize("profile", ["sample", "live"])
    def test_titles_and_views_arrive_in_the_folders_of_the_settings_but_users_never(
        self, landing, tmp_path, profile
    ):
        settings = load(
            profile=profile,
            data_dir=landing.parent,
            ott={"titles_url": f"{tmp_path}/t", "views_url": f"file://{tmp_path}/v"},
        )
        for folder in ("titles", "views"):
            target = tmp_path / folder[0] / f"{DAY}" / "x.csv"
            target.parent.mkdir(parents=True)
            target.write_bytes(OLD)
            assert [each.day for each in OttLanding(project=settings).open(folder).arrivals()] == [
                DAY
            ]
        assert not landing.exists()

    @pytest.mark.parametrize("profile", ["sample", "live"])
    def test_user_keys_depend_on_the_secret_alone(self, profile):
        first, second = (
            user_key(load(profile=profile, ott={"user_key_secret": secret}))
            for secret in ("one", "two")
        )
        # RFC 2104 by the command line: printf 7 | openssl dgst -sha256 -hmac one
        assert first(7) == "e66ce62bc57253455485e6721c9d0a10"
        # The keys that were stored while ids were numbers go on being those of the same users.
        assert first("7") == first(7) != second("7")
        assert len({first(str(number)) for number in range(100)}) == 100

    def test_sample_has_a_secret_of_its_own_and_live_has_none(self, landing):
        assert re.fullmatch("[0-9a-f]{32}", user_key(load())(1))
        with pytest.raises(SettingsError, match="MOVIES_OTT__USER_KEY_SECRET is not set"):
            user_key(self.live(landing))(1)
