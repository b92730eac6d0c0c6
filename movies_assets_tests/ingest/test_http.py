import asyncio
import gzip
import logging
import re
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import chain
from threading import Thread
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from movies_assets.ingest.http import (
    HttpClient,
    HttpOptions,
    Params,
    PermanentSourceError,
    TransientSourceError,
    mask_url,
)
from movies_assets_tests.http_servers import pieces_server, raw_server, trickle

FAST = HttpOptions(
    retry_wait_max_seconds=0.02,
    retry_budget_seconds=2,
    read_timeout_seconds=0.2,
    max_response_bytes=100_000,
)
PACKED = gzip.compress(b'{"a": 1}', mtime=0)
EMPTY_BLOCK = b"\0\0\0\xff\xff"
PACKED_IN_TWO = gzip.compress(b'{"a"', mtime=0) + gzip.compress(b": 1}", mtime=0)
BRIEF = HttpOptions(retry_wait_max_seconds=0.02, retry_budget_seconds=0.3, read_timeout_seconds=0.1)


@contextmanager
def recording_server() -> Iterator[tuple[int, list[bytes]]]:
    """Accepts connections, and keeps what arrives through them."""
    received: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        received.append(connection.recv(65536))

        Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1], received
        listener.shutdown(socket.SHUT_RDWR)


async def get_json(client: HttpClient, path: str, params: Params | None = None) -> dict[str, Any]:
    return (await client.fetch(path, params)).json()


def get(url: str, options: HttpOptions = FAST, **params: str | int) -> dict[str, Any]:
    async def main() -> dict[str, Any]:
        async with HttpClient(url, options) as client:
            return await get_json(client, "list_movies.json", {"limit": 1, "page": 1, **params})

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
            await get_json(client, "list_movies.json", {"limit": 1, "page": 1})

    asyncio.run(main())
    assert len(lines) == 2
    assert all("answered HTTP 503" in line and line.endswith("Trying again.") for line in lines)
    said = "".join(capfd.readouterr()) + caplog.text
    assert "retry_scheduled" not in said
    assert "stamina" not in said


@pytest.mark.slow
@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_waited_for_even_past_the_longest_wait(catalogue, form):
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    headers = {"Retry-After": "1" if form == "seconds" else date}
    catalogue.fault = first(Response("slow down", 429, headers))
    start = time.monotonic()
    get(catalogue.url, replace(FAST, retry_budget_seconds=5))
    assert 0.9 <= time.monotonic() - start < 10


def test_a_retry_after_past_the_budget_fails_at_once(catalogue):
    catalogue.fault = first(Response("later", 503, {"Retry-After": "3600"}), times=9)
    start = time.monotonic()
    with pytest.raises(TransientSourceError, match="503") as caught:
        get(catalogue.url)
    assert time.monotonic() - start < 10
    assert caught.value.retry_after == 3600
    assert len(catalogue.requests) == 1


def test_a_lasting_failure_ends_when_the_budget_is_spent(catalogue):
    catalogue.fault = first(Response("<h1>down</h1>", 500), times=10_000)
    start = time.monotonic()
    with pytest.raises(TransientSourceError, match=r"HTTP 500.*down.*Gave up after .* tries"):
        get(catalogue.url, BRIEF)
    assert 0.25 < time.monotonic() - start < 10
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
def test_an_error_that_a_retry_cannot_fix_fails_at_once(catalogue, response, message):
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


@pytest.mark.parametrize("body", [PACKED, PACKED_IN_TWO], ids=["one", "two"])
def test_a_compressed_reply_is_read(catalogue, body):
    catalogue.fault = first(Response(body, headers={"Content-Encoding": "gzip"}))
    assert get(catalogue.url) == {"a": 1}


@pytest.mark.slow
@pytest.mark.parametrize("end", [-1, -8, -12, len(PACKED) - 2])
@pytest.mark.parametrize("body", [PACKED, PACKED_IN_TWO], ids=["one", "two"])
def test_a_compressed_reply_that_is_cut_short_is_tried_again_and_refused(catalogue, body, end):
    cut = Response(body[:end], headers={"Content-Encoding": "gzip"})
    catalogue.fault = first(cut)
    assert get(catalogue.url)["status"] == "ok"
    catalogue.fault = lambda *_: cut
    with pytest.raises(TransientSourceError, match="a gzip body that is cut short"):
        get(catalogue.url, BRIEF)


def test_a_compressed_reply_with_something_behind_it_is_refused(catalogue):
    reply = Response(PACKED + b"and more", headers={"Content-Encoding": "gzip"})
    catalogue.fault = first(reply)
    with pytest.raises(PermanentSourceError, match=r"list_movies.json.* cannot be read: error"):
        get(catalogue.url)


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b'{"a": [{"b": 1}, {"b": NaN}]}', "NaN at a[1].b"),
        (b'{"a": -Infinity}', "-Infinity at a"),
        (b'{"a": [{}, {"b": 1, "b": 1}]}', "a name twice in the object at a[1]"),
        (b'{"a": 1, "a": 2}', "a name twice in the object at its top"),
    ],
)
def test_json_that_two_readers_would_read_otherwise_is_refused_with_the_place(
    catalogue, body, place
):
    catalogue.fault = first(Response(body))
    with pytest.raises(PermanentSourceError, match=re.escape(f"invalid JSON ({place})")):
        get(catalogue.url)


class TestRedirects:
    """They are followed on the same server only; a key in `Location` is never shown."""

    def test_on_the_same_server_they_are_followed_so_many_times(self, catalogue):
        catalogue.fault = first(RedirectResponse("/elsewhere?page=1&limit=1"))
        assert get(catalogue.url)["status"] == "ok"
        catalogue.fault = lambda *_: RedirectResponse("/again")
        with pytest.raises(PermanentSourceError, match="more than 5 redirects"):
            get(catalogue.url)

    @pytest.mark.parametrize("scheme", ["http", "https"])
    def test_another_port_or_scheme_gets_neither_the_request_nor_the_login(self, catalogue, scheme):
        login = catalogue.url.replace("http://", "http://user:secret@")
        with recording_server() as (port, received):
            catalogue.fault = first(RedirectResponse(f"{scheme}://127.0.0.1:{port}/x"))
            with pytest.raises(
                PermanentSourceError,
                match=rf"another scheme, host or port: {scheme}://127.0.0.1:{port}/\. It is not",
            ):
                get(login, BRIEF, apikey="hush")
        assert received == []
        assert "authorization" in catalogue.requests[0].headers

    @pytest.mark.parametrize(
        ("source", "target", "is_followed"),
        [
            ("http://a/x", "http://a:80/y", True),
            ("http://a/x", "https://a/y", True),
            ("http://a:80/x", "https://a:443/y", True),
            ("http://A/x", "https://a/y", True),
            ("https://a/x", "http://a/y", False),
            ("http://a/x", "https://a:8443/y", False),
            ("http://a:8080/x", "https://a/y", False),
            ("http://a/x", "http://a:8080/y", False),
            ("http://a/x", "http://b/y", False),
            ("http://a/x", "http://a.b/y", False),
            ("http://a/x", "//b/y", False),
            ("http://a/x", "http://user@b/y", False),
        ],
    )
    def test_from_http_to_https_only_on_the_ports_of_both(self, source, target, is_followed):
        asked: list[httpx.URL] = []

        def answer(request: httpx.Request) -> httpx.Response:
            asked.append(request.url)
            if len(asked) == 1:
                return httpx.Response(302, headers={"Location": target})
            return httpx.Response(200, stream=httpx.ByteStream(b"{}"))

        async def main() -> None:
            async with HttpClient(source, BRIEF, transport=httpx.MockTransport(answer)) as client:
                await get_json(client, "z")

        with nullcontext() if is_followed else pytest.raises(PermanentSourceError, match="redir"):
            asyncio.run(main())
        assert len(asked) == 1 + is_followed

    @pytest.mark.parametrize("host", ["", "http://other.invalid", "http://127.0.0.1:1", "http://["])
    @pytest.mark.parametrize("status", [200, 403, 503])
    def test_no_log_and_no_message_shows_the_location(self, catalogue, caplog, host, status):
        caplog.set_level(logging.DEBUG)
        for name in logging.root.manager.loggerDict:
            caplog.set_level(logging.DEBUG, name)
        location = f"{host}/signed/k3y-in-path?sig=k3y-in-query"

        def redirect(request: Request, _: int) -> Response:
            if request.url.path.startswith("/signed"):
                return Response(f"<p>{request.url}", status)
            return RedirectResponse(location)

        catalogue.fault = redirect
        lines: list[str] = []

        async def main() -> None:
            async with HttpClient(catalogue.url, BRIEF, log=lines.append) as client:
                await get_json(client, "list_movies.json")

        with pytest.raises((PermanentSourceError, TransientSourceError)) as caught:
            asyncio.run(main())
        shown = [*traceback.format_exception(caught.value), *lines]
        ours = [record for record in caplog.records if not record.name.startswith("uvicorn")]
        shown += [f"{record.getMessage()} {vars(record)}" for record in ours]
        assert [text for text in shown if "k3y" in text] == []
        assert "receive_response_headers.complete" in caplog.text
        assert "HTTP Request: GET http://127.0.0.1" in caplog.text


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
            await get_json(client, "x", {"apikey": "s3cr/et", "q": "term"})

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
        with pytest.raises(PermanentSourceError, match="not an HTTP URL") as caught:
            HttpClient(url)
        assert "pa" not in str(caught.value).replace("path", "").replace("password", "")


def test_importing_does_not_touch_other_loggers():
    code = (
        "import logging, httpx; import movies_assets.ingest.http;"
        "assert not logging.getLogger('httpx').filters and not logging.getLogger('httpx').level"
    )
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603


def run_many(client: HttpClient, number: int) -> float:
    async def main() -> float:
        start = time.monotonic()
        async with client:
            await asyncio.gather(
                *(get_json(client, "x", {"page": n, "limit": 1}) for n in range(number))
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
            return await get_json(client, "list_movies.json", {"page": 1, "limit": 1})

    assert asyncio.run(main())["status"] == "ok"


class TestLimitsOfARun:
    """However long a source goes on, a client does not."""

    def test_requests_are_bounded_tries_among_them(self, catalogue):
        options = replace(FAST, max_requests=5, prefix="MOVIES_YTS__")

        async def main() -> None:
            async with HttpClient(catalogue.url, options) as client:
                while True:
                    await get_json(client, "list_movies.json", {"limit": 1, "page": 1})

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
                    await get_json(client, "list_movies.json", {"limit": 1, "page": 1})

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
        assert time.monotonic() - start < 10

    @pytest.mark.parametrize(
        ("head", "begin", "piece"),
        [(b"", b"{", b"  "), (b"Content-Encoding: gzip\r\n", PACKED[:10], EMPTY_BLOCK)],
    )
    def test_a_reply_at_a_trickle_is_asked_for_once_more_and_given_up(self, head, begin, piece):
        options = replace(FAST, retry_budget_seconds=60, prefix="MOVIES_YTS__")
        server = pieces_server(
            b"HTTP/1.1 200 OK\r\n" + head + b"\r\n", lambda: chain([begin], trickle(piece))
        )
        pace = r"sent \d+ bytes a second over 0 seconds, fewer than 1,000"
        given_up = r"\(MOVIES_YTS__MIN_BYTES_PER_SECOND\)\. Gave up after 2 tries"
        with (
            server as url,
            pytest.raises(TransientSourceError, match=f"list_movies.json.* {pace} {given_up}"),
        ):
            get(url, options)

    def test_a_reply_whose_head_never_ends_is_given_up(self):
        with (
            pieces_server(b"HTTP/1.1 200 OK\r\nX: ", trickle) as url,
            pytest.raises(TransientSourceError, match="Gave up after 1 tries"),
        ):
            get(url, BRIEF)
