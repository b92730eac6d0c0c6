"""Users APIs of several shapes, which may lie, over TCP: right users, or a message why not."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from starlette.requests import Request
from starlette.responses import Response

from movies_assets.ingest.http import (
    HttpOptions,
    PermanentSourceError,
    SourceError,
    TransientSourceError,
)
from movies_assets.settings import SettingsError, load
from movies_assets.sources.ott.client import OttClient
from movies_assets.sources.ott.users_api import COLUMNS, SHAPES, UserFields, UsersApi
from movies_assets_tests.http_servers import switchable
from movies_assets_tests.sources.ott.test_client import path, rows

DAY = date(2025, 10, 31)
OPTIONS = HttpOptions(
    concurrency=3, retry_wait_max_seconds=0.02, retry_budget_seconds=2, max_requests=80
)
PRIVATE = "quillfeather"


def uuid(number: int) -> str:
    return str(UUID(int=number << 64 | 0xABCDEF))


def of_reqres(number: int) -> dict[str, Any]:
    name = {"first_name": "Zephyrine", "last_name": f"Quillfeather {number}"}
    return {"id": number, "email": f"{number}@{PRIVATE}.example", "avatar": "x.png", **name}


def of_randomuser(number: int) -> dict[str, Any]:
    return {
        "gender": "female",
        "name": {"title": "Ms", "first": "Zephyrine", "last": f"Quillfeather {number}"},
        "location": {"country": "Peru", "city": "Lima"},
        "email": f"{number}@{PRIVATE}.example",
        "login": {"uuid": uuid(number).upper(), "username": "zq"},
        "registered": {"date": "2024-02-29T08:00:00.123Z", "age": 1},
        "nat": "PE",
    }


def of_jsonapi(number: int) -> dict[str, Any]:
    attributes = {
        "full-name": f"Zephyrine Quillfeather {number}",
        "email": f"{number}@{PRIVATE}.example",
        "preferred-genres": ["Drama", "War"],
        "country": "Peru",
    }
    return {"type": "users", "id": f"u-{number}", "attributes": attributes}


@dataclass
class Service:
    """A users API of a shape, over TCP.

    Attributes:
        shape: The name of the shape.
        url: Its base URL.
        users: Its users.
        most: The largest page that it gives.
        clamps: Whether pages behind the last one repeat it.
        missing: The status of pages behind the last one.
        links: Whether pages of jsonapi link to the next one.
        changes: Changes a page; gets its number, 0 the first.
        requests: What was asked for.
    """

    shape: str
    url: str = ""
    users: list[dict[str, Any]] = field(default_factory=list)
    most: int = 1_000
    clamps: bool = False
    missing: int = 200
    links: bool = True
    changes: Callable[[dict[str, Any], int], Any] = lambda page, _: page
    requests: list[Request] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        self.requests.append(request)
        assert request.url.path.rstrip("/") == (
            "/api" if self.shape == "randomuser" else "/api/users"
        )
        await self.answer(request)(scope, receive, send)

    def answer(self, request: Request) -> Response:
        asked, api = request.query_params, SHAPES[self.shape]
        size = min(int(asked[api.size_parameter]), self.most)
        position = int(asked.get(api.page_parameter, api.first_page))
        number = position // size if self.shape == "dummyjson" else position - 1
        last = max(0, -(-len(self.users) // size) - 1)
        if number > last and self.missing != 200:
            return Response("{}", self.missing)
        if self.clamps:
            number = min(number, last)
        page = self.page(self.users[number * size : (number + 1) * size], number, size)
        return Response(json.dumps(self.changes(page, number)))

    def page(self, users: list[Any], number: int, size: int) -> dict[str, Any]:
        total = len(self.users)
        match self.shape:
            case "dummyjson":
                return {"users": users, "total": total, "skip": number * size, "limit": len(users)}
            case "reqres":
                pages = -(-total // size)
                about = {"page": number + 1, "per_page": size, "total": total, "total_pages": pages}
                return {**about, "data": users, "support": {"url": "x"}}
            case "randomuser":
                info = {"seed": "movies_assets", "results": len(users), "page": number + 1}
                return {"results": users, "info": info}
        links: dict[str, Any] = {"self": "x"}
        if self.links:
            has_next = (number + 1) * size < total
            next_page = f"{self.url}/users?page[number]={number + 2}&page[size]={size}"
            links["next"] = next_page if has_next else None
        return {"data": users, "links": links, "meta": {"total": total}}


MAKERS = {
    "dummyjson": of_reqres,
    "reqres": of_reqres,
    "randomuser": of_randomuser,
    "jsonapi": of_jsonapi,
}


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, dict[str, Any]]]:
    current: dict[str, Any] = {}
    with switchable(current) as url:
        yield f"{url}/api", current


@pytest.fixture(params=MAKERS)
def service(server, request) -> Service:
    return serve(server, request.param)


def serve(server: Any, shape: str, users: int = 25) -> Service:
    url, current = server
    made = [MAKERS[shape](number) for number in range(1, users + 1)]
    current["app"] = Service(shape, url, made)
    return current["app"]


def fetch(service: Service, landing: Path, api: UsersApi | None = None, **given: Any) -> int:
    messages: list[str] = []
    client = OttClient(
        service.url,
        given.pop("options", OPTIONS),
        page_size=given.pop("page_size", 10),
        api=api or SHAPES[service.shape],
        log=messages.append,
        **given,
    )
    try:
        return client.fetch(landing, DAY).users
    except SourceError as error:
        messages.append(str(error))
        raise
    finally:
        assert PRIVATE not in " ".join(messages).casefold()


def refused(service: Service, landing: Path, kind: type[SourceError], **given: Any) -> str:
    """Fetch, which fails and stores nothing, and return the message."""
    with pytest.raises(SourceError) as raised:
        fetch(service, landing, **given)
    assert type(raised.value) is kind
    assert not path(landing).exists()
    return str(raised.value)


class TestShapes:
    @pytest.mark.parametrize("users", [1, 9, 10, 25, 30])
    def test_all_users_of_any_number_are_read(self, server, tmp_path, service, users):
        serve(server, service.shape, users)
        assert fetch(service, tmp_path) == users
        assert len(rows(tmp_path)) == users

    @pytest.mark.parametrize(
        ("shape", "row"),
        [
            ("reqres", ["7", "Zephyrine Quillfeather 7", f"7@{PRIVATE}.example", "", "", ""]),
            ("randomuser",
             [uuid(7), "Zephyrine Quillfeather 7", f"7@{PRIVATE}.example",
              "2024-02-29T08:00:00.123Z", "", "Peru"]),
            ("jsonapi",
             ["u-7", "Zephyrine Quillfeather 7", f"7@{PRIVATE}.example", "", "Drama|War", "Peru"]),
        ],
    )  # fmt: skip
    def test_columns_are_where_the_shape_has_them(self, server, tmp_path, shape, row):
        fetch(serve(server, shape), tmp_path)
        assert dict(zip(COLUMNS, row, strict=True)) in rows(tmp_path)

    def test_pages_are_asked_for_as_the_shape_does(self, server, tmp_path):
        asked = {}
        for shape in MAKERS:
            service = serve(server, shape)
            fetch(service, tmp_path, options=replace(OPTIONS, concurrency=1))
            asked[shape] = [dict(request.query_params) for request in service.requests[:2]]
        assert asked == {
            "dummyjson": [{"limit": "10", "skip": "0"}, {"limit": "10", "skip": "10"}],
            "reqres": [{"per_page": "10", "page": "1"}, {"per_page": "10", "page": "2"}],
            "randomuser": [
                {"seed": "movies_assets", "results": "10", "page": number} for number in ("1", "2")
            ],
            "jsonapi": [{"page[size]": "10", "page[number]": number} for number in ("1", "2")],
        }

    @pytest.mark.parametrize("most", [1, 7])
    def test_a_limit_that_is_ignored_costs_requests_and_no_user(self, service, tmp_path, most):
        service.most = most
        assert fetch(service, tmp_path) == 25

    @pytest.mark.parametrize("missing", [404, 200])
    def test_pages_behind_the_last_one_may_be_empty_or_not_found(
        self, server, tmp_path, service, missing
    ):
        serve(server, service.shape, 30)
        service.missing = missing
        assert fetch(service, tmp_path) == 30

    def test_what_an_api_without_pages_gives_in_one_reply_is_all(self, server, tmp_path):
        service = serve(server, "randomuser")
        api = SHAPES["randomuser"].paged("none")
        assert fetch(service, tmp_path, api, page_size=20) == 20
        assert [dict(request.query_params) for request in service.requests] == [
            {"seed": "movies_assets", "results": "20"}
        ]


class TestTotals:
    """A total is checked by what the pages hold."""

    @pytest.mark.parametrize("total", [10, 15, 20, 24])
    @pytest.mark.parametrize("shape", ["dummyjson", "reqres", "jsonapi"])
    def test_that_are_too_low_lose_no_user(self, server, tmp_path, shape, total):
        service = serve(server, shape)
        service.changes = lambda page, _: (
            {**page, "meta": {"total": total}} if shape == "jsonapi" else {**page, "total": total}
        )
        assert fetch(service, tmp_path) == 25

    def test_that_count_the_page_lose_no_user(self, server, tmp_path):
        service = serve(server, "reqres")
        service.changes = lambda page, _: {**page, "total": len(page["data"])}
        assert fetch(service, tmp_path) == 25

    def test_that_are_too_high_are_reported(self, server, tmp_path):
        service = serve(server, "reqres")
        service.changes = lambda page, _: {**page, "total": 28}
        message = refused(service, tmp_path, TransientSourceError)
        assert "stated 28 users, but 3 of them were on none of its pages" in message
        assert "total is too high" in message
        assert "MOVIES_OTT__USERS_TOTAL" in message
        assert fetch(service, tmp_path, replace(SHAPES["reqres"], total="")) == 25

    @pytest.mark.parametrize(
        ("total", "fault"),
        [("25", "a text"), (None, "null"), (True, "true or false"), ([], "a list")],
    )
    @pytest.mark.parametrize("shape", ["dummyjson", "reqres"])
    def test_that_are_no_numbers_are_refused(self, server, tmp_path, shape, total, fault):
        service = serve(server, shape)
        service.changes = lambda page, _: {**page, "total": total}
        message = refused(service, tmp_path, PermanentSourceError)
        assert f"`total` is {fault} instead of the number of all users" in message
        assert fetch(service, tmp_path, replace(SHAPES[shape], total="")) == 25

    @pytest.mark.parametrize("shape", ["dummyjson", "reqres"])
    def test_that_are_absent_are_refused_and_can_be_done_without(self, server, tmp_path, shape):
        service = serve(server, shape)
        service.changes = lambda page, _: {k: v for k, v in page.items() if k != "total"}
        assert "`total` is missing" in refused(service, tmp_path, PermanentSourceError)
        assert fetch(service, tmp_path, replace(SHAPES[shape], total="")) == 25

    def test_of_jsonapi_may_be_anywhere_or_nowhere(self, server, tmp_path):
        service = serve(server, "jsonapi")
        for meta in ({"page": {"total": 25}}, {"record-count": 25}, {}, None):
            service.changes = lambda page, _, meta=meta: {**page, "meta": meta}
            assert fetch(service, tmp_path) == 25

    def test_without_one_a_list_that_shifts_is_read_until_it_is_the_same_twice(
        self, server, tmp_path
    ):
        service = serve(server, "randomuser")

        def remove(page: Any, _: int) -> Any:
            if len(service.requests) == 2:
                del service.users[0]  # 11 moves to the page that was read
            return page

        service.changes = remove
        assert fetch(service, tmp_path, options=replace(OPTIONS, concurrency=1)) == 24

    def test_without_one_a_list_that_never_holds_still_is_refused(self, server, tmp_path):
        service = serve(server, "randomuser", 40)

        def remove(page: Any, _: int) -> Any:
            del service.users[0]
            return page

        service.changes = remove
        message = refused(service, tmp_path, TransientSourceError)
        assert "returned other users each time" in message


class TestRepetitions:
    def test_of_an_id_on_a_page_are_reported_as_that(self, service, tmp_path):
        service.users[3:5] = [service.users[2]] * 2
        message = refused(service, tmp_path, PermanentSourceError)
        assert "the list repeats 1 id (withheld: personal)" in message
        assert "Its paging is right" in message

    @pytest.mark.parametrize("shape", ["dummyjson", "reqres", "jsonapi"])
    def test_of_ids_on_other_pages_are_reported_as_that(self, server, tmp_path, shape):
        service = serve(server, shape)
        service.users[14], service.users[22] = service.users[2], service.users[5]
        message = refused(service, tmp_path, PermanentSourceError)
        assert "the list repeats 2 ids (withheld: personal)" in message
        assert "none of its pages" not in message

    def test_of_ids_on_other_pages_are_reported_as_that_without_a_total(self, server, tmp_path):
        service = serve(server, "randomuser")
        service.users[14] = service.users[2]
        message = refused(service, tmp_path, PermanentSourceError)
        assert "the list repeats 1 id (withheld: personal)" in message

    @pytest.mark.parametrize("is_shuffled", [True, False])
    def test_of_the_first_page_are_reported_as_that(self, service, tmp_path, is_shuffled):
        first = service.users[:10]
        service.links = False

        def cached(page: Any, _: int) -> Any:
            turn = len(service.requests) if is_shuffled else 0
            for name in ("users", "data", "results"):
                if name in page:
                    page[name] = first[turn:] + first[:turn]
            page.pop("page", None)
            page.pop("skip", None)
            page.get("info", {}).pop("page", None)
            return page

        service.changes = cached
        message = refused(service, tmp_path, PermanentSourceError)
        assert "returned the same 10 on every page: it ignores the parameter" in message
        assert len(service.requests) < 12

    def test_of_a_cached_page_that_names_itself_are_refused_at_once(self, server, tmp_path):
        service = serve(server, "reqres")
        first = service.page(service.users[:10], 0, 10)
        service.changes = lambda *_: first
        message = refused(service, tmp_path, PermanentSourceError)
        assert "it is page 1 instead of 2, as requested" in message

    def test_of_a_page_in_the_middle_are_reported_as_that(self, server, tmp_path):
        service = serve(server, "reqres", 50)
        service.changes = lambda page, number: (
            {**page, "data": service.users[10:20]} if number == 3 else page
        )
        options = replace(OPTIONS, concurrency=1)
        message = refused(service, tmp_path, PermanentSourceError, options=options)
        assert "`page=4` brought the same page twice: the users of `page=2`" in message

    def test_of_the_last_page_behind_the_end_are_harmless_where_the_total_agrees(
        self, server, tmp_path
    ):
        service = serve(server, "reqres", 30)
        service.clamps = True
        assert fetch(service, tmp_path) == 30

    def test_of_the_last_page_behind_the_end_are_an_error_where_no_total_is_stated(
        self, server, tmp_path
    ):
        service = serve(server, "randomuser", 30)
        service.clamps = True
        message = refused(service, tmp_path, PermanentSourceError)
        assert "brought the same page twice" in message


class TestEnds:
    def test_pages_without_an_end_are_bounded_by_requests(self, server, tmp_path):
        service = serve(server, "randomuser")

        def more(page: Any, number: int) -> Any:
            return {**page, "results": [of_randomuser(10 * number + n) for n in range(1, 11)]}

        service.changes = more
        message = refused(service, tmp_path, PermanentSourceError)
        assert "80 requests" in message
        assert 70 < len(service.requests) <= 80

    def test_pages_without_an_end_are_bounded_by_time(self, server, tmp_path):
        service = serve(server, "randomuser")
        service.changes = lambda page, number: {
            **page, "results": [of_randomuser(10 * number + n) for n in range(1, 11)]
        }  # fmt: skip
        options = replace(OPTIONS, max_requests=100_000, max_seconds=0.5)
        assert "0 seconds" in refused(service, tmp_path, PermanentSourceError, options=options)

    def test_totals_that_grow_with_each_page_come_to_an_end(self, server, tmp_path):
        service = serve(server, "reqres")
        service.changes = lambda page, number: {
            **page,
            "data": [of_reqres(10 * number + n) for n in range(1, 11)],
            "total": 10 * number + 10,
        }
        assert "80 requests" in refused(service, tmp_path, PermanentSourceError)


class TestLinks:
    def test_are_followed_where_there_are_any(self, server, tmp_path):
        service = serve(server, "jsonapi")

        def link(page: Any, number: int) -> Any:
            links = {"next": f"/api/users?page[size]=10&page[number]={number + 2}&cursor=x"}
            return {**page, "links": links if number < 2 else {}, "meta": {}}

        service.changes = link
        assert fetch(service, tmp_path) == 25
        assert [request.query_params.get("cursor") for request in service.requests[:3]] == [
            None, "x", "x",
        ]  # fmt: skip

    @pytest.mark.parametrize("name", ["cursor", "page[after]", "starting_after"])
    def test_show_no_cursor_in_messages(self, server, tmp_path, name):
        service = serve(server, "jsonapi")
        service.changes = lambda page, _: (
            {**page, "data": 7 if len(service.requests) > 1 else page["data"],
             "links": {"next": f"/api/users?{name}={PRIVATE}&page[size]=10"}}
        )  # fmt: skip
        message = refused(service, tmp_path, PermanentSourceError)
        assert "`data` is another number instead of a list" in message

    def test_may_be_objects(self, server, tmp_path):
        service = serve(server, "jsonapi")
        service.changes = lambda page, _: {
            **page, "links": {"next": page["links"]["next"] and {"href": page["links"]["next"]}}
        }  # fmt: skip
        assert fetch(service, tmp_path) == 25

    def test_that_are_missing_are_no_loss_where_a_total_shows_more_users(self, server, tmp_path):
        service = serve(server, "jsonapi")
        service.links = False
        assert fetch(service, tmp_path) == 25

    @pytest.mark.parametrize(
        "link",
        [
            "http://elsewhere.invalid/api/users?page[number]=2",
            "//elsewhere.invalid/api/users",
            "https://127.0.0.1/api/users",
            "/other/users",
            "/api/../other/users",
            "http://[quillfeather",
        ],
    )
    def test_that_lead_elsewhere_are_not_followed(self, server, tmp_path, link):
        service = serve(server, "jsonapi")
        service.changes = lambda page, _: {**page, "links": {"next": link}}
        message = refused(service, tmp_path, PermanentSourceError)
        assert "does not lead below the base URL" in message
        assert "elsewhere.invalid" not in message
        assert len(service.requests) == 1

    def test_that_lead_in_a_circle_are_an_error(self, server, tmp_path):
        service = serve(server, "jsonapi")
        service.changes = lambda page, _: {
            **page, "links": {"next": f"{service.url}/users?page[number]=2&page[size]=10"}
        }  # fmt: skip
        message = refused(service, tmp_path, PermanentSourceError)
        assert "circle" in message or "the same page twice" in message


class TestFields:
    def test_that_no_user_has_are_named(self, server, tmp_path):
        service = serve(server, "reqres")
        api = replace(SHAPES["reqres"], fields={"user_id": "uuid", "email": "email"})
        message = refused(service, tmp_path, PermanentSourceError, api=api)
        assert "none of 25 users has user_id at `uuid`" in message
        assert "MOVIES_OTT__USERS_FIELDS" in message

    @pytest.mark.parametrize(
        ("path", "user", "text"),
        [
            ("a.b", {"a": {"b": "x"}}, "x"),
            ("a.b", {"a": "x"}, ""),
            ("a.b", {"a": None}, ""),
            ("a.1.b", {"a": [{"b": "x"}, {"b": "y"}]}, "y"),
            ("a.9", {"a": ["x"]}, ""),
            ("a | b", {"a": " ", "b": 7}, "7"),
            ("a + b", {"a": "x", "b": "y"}, "x y"),
            ("a + b | c", {"c": "z"}, "z"),
            ("first name", {"first name": "x"}, "x"),
            ("a-b", {"a-b": 1.5}, "1.5"),
        ],
    )
    def test_are_found_by_their_path(self, path, user, text):
        assert UserFields({"full_name": path}).text(user, "full_name") == text

    def test_of_lists_are_all_elements(self):
        user = {"likes": [{"genre": "Drama"}, {"genre": "War"}]}
        assert UserFields({"preferred_genres": "likes.genre"}).text(user, "preferred_genres") == (
            "Drama|War"
        )


class TestSettings:
    def shape(self, **ott: Any) -> UsersApi:
        return load(ott=ott).ott.shape()

    @pytest.mark.parametrize("name", SHAPES)
    def test_name_a_shape(self, name):
        assert self.shape(users_api=name) == SHAPES[name]

    def test_override_each_part_and_leave_the_others(self):
        found = self.shape(
            users_api="reqres",
            users_path="v2/people",
            users_list="items",
            users_total="",
            users_size_parameter="count",
            users_parameters={"active": "yes"},
            users_fields={"email": "contact.mail | mail"},
        )
        assert found == replace(
            SHAPES["reqres"],
            path="v2/people",
            users="items",
            total="",
            size_parameter="count",
            parameters={"active": "yes"},
            fields={**SHAPES["reqres"].fields, "email": "contact.mail | mail"},
        )

    def test_of_other_paging_bring_their_own_parameter(self):
        found = self.shape(users_paged_by="page")
        assert (found.page_parameter, found.first_page, found.position) == ("page", 1, "")

    @pytest.mark.parametrize(
        ("given", "problem"),
        [
            ({"users_api": "other"}, "USERS_API: Input should be 'dummyjson', 'reqres'"),
            ({"users_list": "a..b"}, "USERS_LIST: .*is not a path: names with dots"),
            ({"users_list": ""}, "USERS_LIST: .*is not a path"),
            ({"users_total": "a + b"}, "USERS_TOTAL.*is not a path"),
            ({"users_fields": {"mail": "x"}}, "USERS_FIELDS__MAIL.*'full_name', 'email'"),
            ({"users_fields": {"email": ".x"}}, "USERS_FIELDS__EMAIL: .*is not a path"),
            ({"users_page_parameter": ""}, "requested by skip, but USERS_PAGE_PARAMETER is empty"),
            ({"users_parameters": {"limit": "5"}}, "USERS_PARAMETERS has limit, which each page"),
        ],
    )
    def test_that_make_no_sense_are_refused_by_name(self, given, problem):
        with pytest.raises(SettingsError, match=problem):
            load(ott=given)
