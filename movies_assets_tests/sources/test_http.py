import asyncio
import gzip
import logging
import socket
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from starlette.responses import RedirectResponse, Response, StreamingResponse

from movies_assets.sources.http import (
    HttpClient,
    HttpOptions,
    PermanentSourceError,
    TransientSourceError,
    mask_url,
)
from movies_assets_tests.sources.conftest import raw_server

FAST = HttpOptions(
    retry_wait_max_seconds=0.02,
    retry_budget_seconds=2,
    read_timeout_seconds=0.2,
    max_response_bytes=100_000,
)
BRIEF = HttpOptions(retry_wait_max_seconds=0.02, retry_budget_seconds=0.3, read_timeout_seconds=0.1)


def get(url: str, options: HttpOptions = FAST, **params: str | int) -> dict[str, Any]:
    async def main() -> dict[str, Any]:
        async with HttpClient(url, options) as client:
            return await client.get_json("list_movies.json", {"limit": 1, "page": 1, **params})

    return asyncio.run(main())


def first(response: Response, times: int = 1) -> Any:
    return lambda _, number: response if number <= times else None


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_passing_failure_is_tried_again(catalogue, status):
    catalogue.fault = first(Response("busy", status), times=2)
    assert get(catalogue.url)["status"] == "ok"
    assert len(catalogue.requests) == 3


def test_each_retry_is_logged_once(catalogue, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    catalogue.fault = first(Response("busy", 503), times=2)
    lines: list[str] = []

    async def main() -> None:
        async with HttpClient(catalogue.url, FAST, log=lines.append) as client:
            await client.get_json("list_movies.json", {"limit": 1, "page": 1})

    asyncio.run(main())
    assert len(lines) == 2
    assert all("answered HTTP 503" in line and line.endswith("Trying again.") for line in lines)
    said = "".join(capfd.readouterr()) + caplog.text
    assert "retry_scheduled" not in said
    assert "stamina" not in said


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_waited_for_even_past_the_longest_wait(catalogue, form):
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    headers = {"Retry-After": "1" if form == "seconds" else date}
    catalogue.fault = first(Response("slow down", 429, headers))
    start = time.monotonic()
    get(catalogue.url, replace(FAST, retry_budget_seconds=5))
    assert 0.9 <= time.monotonic() - start < 4


def test_a_retry_after_past_the_budget_fails_at_once(catalogue):
    catalogue.fault = first(Response("later", 503, {"Retry-After": "3600"}), times=9)
    start = time.monotonic()
    with pytest.raises(TransientSourceError, match="503") as caught:
        get(catalogue.url)
    assert time.monotonic() - start < 1
    assert caught.value.retry_after == 3600
    assert len(catalogue.requests) == 1


def test_a_lasting_failure_ends_when_the_budget_is_spent(catalogue):
    catalogue.fault = first(Response("<h1>down</h1>", 500), times=10_000)
    start = time.monotonic()
    with pytest.raises(TransientSourceError, match=r"HTTP 500.*down.*Gave up after .* tries"):
        get(catalogue.url, BRIEF)
    assert 0.25 < time.monotonic() - start < 1
    assert len(catalogue.requests) > 3


def test_a_try_that_is_ended_as_it_begins_is_an_error_not_an_empty_result(catalogue):
    async def read(_: httpx.Response, renew: Any) -> None:
        renew.__self__.scope.cancel()  # as the deadline does
        raise httpx.ReadError("broken off")

    async def main() -> None:
        async with HttpClient(catalogue.url, FAST) as client:
            await client.stream("x", read, params={"limit": 1, "page": 1})

    with pytest.raises(TransientSourceError, match=r"ReadError.*Gave up after 1 tries"):
        asyncio.run(main())


def test_a_silent_server_is_a_timeout_and_tried_again(catalogue):
    async def sleep_once(_, number):
        await asyncio.sleep(1 if number == 1 else 0)

    catalogue.fault = sleep_once
    assert get(catalogue.url)["status"] == "ok"
    catalogue.latency = 1
    with pytest.raises(TransientSourceError, match="ReadTimeout"):
        get(catalogue.url, BRIEF)


def test_a_refused_connection_is_transient():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(TransientSourceError, match="ConnectError"):
        get(f"http://127.0.0.1:{port}", BRIEF)


def test_a_body_cut_off_by_the_transport_is_transient():
    cut = b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"status": "o'
    with raw_server(cut) as url, pytest.raises(TransientSourceError, match="RemoteProtocolError"):
        get(url, BRIEF)


@pytest.mark.parametrize(
    ("response", "message"),
    [
        (Response("<!DOCTYPE html><p>Blocked by the provider", 403), "HTTP 403.*Blocked"),
        (Response("<!DOCTYPE html><p>Maintenance", 200), "HTML instead of JSON.*Maintenance"),
        (Response('{"status": ', 200), "invalid JSON"),
        (Response("[1]", 200), "JSON list instead of an object"),
        (Response("gone", 404), "HTTP 404.*base URL"),
        (Response(b"\xff\xfe\xfd", 200), "invalid JSON"),
        (Response("[" * 90_000, 200), "invalid JSON"),
    ],
)
def test_what_trying_again_cannot_mend_fails_at_once(catalogue, response, message):
    catalogue.fault = first(response, times=9)
    with pytest.raises(PermanentSourceError, match=f"list_movies.json.*{message}"):
        get(catalogue.url)
    assert len(catalogue.requests) == 1


def test_a_body_past_the_limit_is_refused(catalogue):
    catalogue.fault = first(Response(b" " * 100_001))
    with pytest.raises(PermanentSourceError, match="more than 100,000 bytes"):
        get(catalogue.url)


def test_the_limit_counts_decompressed_bytes(catalogue):
    bomb = gzip.compress(b" " * 50_000_000)
    catalogue.fault = first(Response(bomb, headers={"Content-Encoding": "gzip"}))
    with pytest.raises(PermanentSourceError, match="more than 100,000 bytes"):
        get(catalogue.url)


def test_a_compressed_reply_is_read(catalogue):
    body = gzip.compress(b'{"a": 1}')
    catalogue.fault = first(Response(body, headers={"Content-Encoding": "gzip"}))
    assert get(catalogue.url) == {"a": 1}


def test_redirects_are_followed_on_the_same_host_only(catalogue):
    catalogue.fault = first(RedirectResponse("/elsewhere?page=1&limit=1"))
    assert get(catalogue.url)["status"] == "ok"
    catalogue.requests.clear()
    catalogue.fault = first(RedirectResponse("http://other.invalid/x?token=hush"))
    with pytest.raises(PermanentSourceError, match=r"redirects to another host.*token=\*\*\*"):
        get(catalogue.url)
    catalogue.fault = lambda *_: RedirectResponse("/again")
    with pytest.raises(PermanentSourceError, match="more than 5 redirects"):
        get(catalogue.url)


@pytest.mark.parametrize("status", [200, 403, 503])
def test_no_secret_is_shown_in_messages_or_log_records(catalogue, caplog, status):
    caplog.set_level(logging.DEBUG)
    catalogue.fault = lambda request, _: Response(
        f"<p>{request.url} {request.headers['authorization']}", status
    )
    url = catalogue.url.replace("http://", "http://user:pa%2Fssword@")
    lines: list[str] = []

    async def main() -> None:
        async with HttpClient(url, BRIEF, log=lines.append) as client:
            await client.get_json("x", {"apikey": "s3cr/et", "q": "term"})

    with pytest.raises((PermanentSourceError, TransientSourceError)) as caught:
        asyncio.run(main())
    chain = [caught.value, caught.value.__cause__, caught.value.__context__]
    shown = " ".join(
        [*map(repr, chain), *lines, *(f"{r.getMessage()} {vars(r)}" for r in caplog.records)]
    )
    login = catalogue.requests[0].headers["authorization"].split()[1]
    for secret in ("pa/ssword", "pa%2Fssword", "s3cr/et", "s3cr%2Fet", login):
        assert secret not in shown
    assert "apikey=***" in shown
    assert "HTTP Request" in caplog.text


def test_mask_url_keeps_all_but_the_secrets():
    masked = mask_url("https://u:p@host:8443/a?api_key=1&Token=2&s=star+wars&y=1999")
    assert masked == "https://host:8443/a?api_key=***&Token=***&s=star+wars&y=1999"


def test_a_base_url_that_does_not_parse_is_refused_without_showing_it():
    for url in ("http://u:pa/ss@host", "host/path", "ftp://host", ""):
        with pytest.raises(PermanentSourceError, match="no HTTP URL") as caught:
            HttpClient(url)
        assert "pa" not in str(caught.value).replace("path", "").replace("password", "")


def test_importing_does_not_touch_other_loggers():
    code = (
        "import logging, httpx; import movies_assets.sources.http;"
        "assert not logging.getLogger('httpx').filters and not logging.getLogger('httpx').level"
    )
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603


def run_many(client: HttpClient, number: int) -> float:
    async def main() -> float:
        start = time.monotonic()
        async with client:
            await asyncio.gather(
                *(client.get_json("x", {"page": n, "limit": 1}) for n in range(number))
            )
        return time.monotonic() - start

    return asyncio.run(main())


def test_the_concurrency_is_reached_and_never_exceeded(catalogue):
    catalogue.latency = 0.05
    run_many(HttpClient(catalogue.url, HttpOptions(concurrency=5)), 30)
    assert catalogue.most_under_way == 5


def test_the_rate_limit_spaces_requests_and_does_not_spend_the_budget(catalogue):
    options = HttpOptions(requests_per_second=20, retry_budget_seconds=0.25)
    assert run_many(HttpClient(catalogue.url, options), 13) >= 0.55


def test_the_user_agent_names_the_project(catalogue):
    get(catalogue.url)
    assert catalogue.requests[0].headers["user-agent"].startswith("movies_assets/")


def test_a_transport_replaces_the_network(catalogue):
    async def main() -> dict[str, Any]:
        transport = httpx.ASGITransport(catalogue)
        async with HttpClient("http://sample/api", transport=transport) as client:
            return await client.get_json("list_movies.json", {"page": 1, "limit": 1})

    assert asyncio.run(main())["status"] == "ok"


class TestLimitsOfARun:
    """However long a source goes on, a client does not."""

    def test_requests_are_bounded_tries_among_them(self, catalogue):
        options = replace(FAST, max_requests=5, prefix="MOVIES_YTS__")

        async def main() -> None:
            async with HttpClient(catalogue.url, options) as client:
                while True:
                    await client.get_json("list_movies.json", {"limit": 1, "page": 1})

        catalogue.fault = first(Response("busy", 503), times=2)
        with pytest.raises(
            PermanentSourceError, match=r"has sent 5 requests .* raise MOVIES_YTS__MAX_REQUESTS"
        ):
            asyncio.run(main())
        assert len(catalogue.requests) == 5

    def test_time_is_bounded_between_requests(self, catalogue):
        options = replace(FAST, max_seconds=0.3, prefix="MOVIES_YTS__")

        async def main() -> None:
            async with HttpClient(catalogue.url, options) as client:
                while True:
                    await client.get_json("list_movies.json", {"limit": 1, "page": 1})

        with pytest.raises(PermanentSourceError, match="raise MOVIES_YTS__MAX_SECONDS"):
            asyncio.run(main())

    def test_time_is_bounded_within_a_reply_that_never_ends(self, catalogue):
        async def trickle(response: httpx.Response, renew: Any) -> None:
            async for _ in response.aiter_raw():
                renew()

        async def endless() -> Any:
            while True:
                yield b" "
                await asyncio.sleep(0.02)

        async def main() -> None:
            async with HttpClient(catalogue.url, replace(FAST, max_seconds=0.3)) as client:
                await client.stream("x", trickle, params={"limit": 1, "page": 1})

        catalogue.fault = lambda *_: StreamingResponse(endless())
        start = time.monotonic()
        with pytest.raises(PermanentSourceError, match="raise max_seconds"):
            asyncio.run(main())
        assert time.monotonic() - start < 2
