"""Who comes in, what other sites can do, and what a browser may run."""

import re

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocket

from movies_assets.dashboard.security import (
    COOKIE,
    Guesses,
    KnownHosts,
    OneToken,
    SecureHeaders,
    address_of,
    cookie_key,
)
from movies_assets.dashboard.server import refuse_strangers
from movies_assets.settings import DashboardSettings, SettingsError

TOKEN = "correct horse battery"  # noqa: S105


async def page(_: Request) -> HTMLResponse:
    return HTMLResponse('<script>1</script><SCRIPT>2</SCRIPT><script src="x">&lt;script&gt;')


async def file(_: Request) -> PlainTextResponse:
    return PlainTextResponse("<script>")


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text("hello")
    await websocket.close()


def app() -> Starlette:
    return Starlette(
        routes=[Route("/", page), Route("/file", file), WebSocketRoute("/socket", socket)]
    )


def guarded() -> TestClient:
    return TestClient(SecureHeaders(OneToken(app(), TOKEN, b"key")), "http://127.0.0.1")


def hosted(*hosts: str) -> TestClient:
    return TestClient(KnownHosts(app(), hosts), "http://127.0.0.1:8080")


@pytest.mark.parametrize("path", ["/", "/file", "/no/such", "/?token=", "/?token=wrong"])
def test_nothing_is_shown_without_the_token(path):
    answer = guarded().get(path)
    assert answer.status_code == 401
    assert "token" in answer.text
    assert "set-cookie" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"


def test_the_websocket_asks_for_the_token_too():
    with (
        pytest.raises(WebSocketDenialResponse) as refused,
        guarded().websocket_connect(f"/socket?token={TOKEN}"),
    ):
        pass
    assert refused.value.status_code == 401


def test_the_token_is_exchanged_for_a_cookie_and_leaves_the_address():
    client = guarded()
    answer = client.get("/", params={"token": TOKEN, "genre": "a b"}, follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/?genre=a+b"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert TOKEN not in cookie
    assert client.get("/file").text == "<script>"
    given = {"cookie": cookie.partition(";")[0]}
    with client.websocket_connect("/socket", headers=given) as websocket:
        assert websocket.receive_text() == "hello"


@pytest.mark.parametrize("value", ["", "x", TOKEN, "é"])
def test_no_other_cookie_opens(value):
    headers = {"cookie": f"{COOKIE}={value}".encode()}
    assert guarded().get("/", headers=headers).status_code == 401


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def seen(guesses: Guesses, address: str, seconds: int) -> int:
    """Guess as often as that is looked at, a hundred times a second; return how often it was."""
    clock, looked_at = guesses._clock, 0
    assert isinstance(clock, Clock)
    for _ in range(seconds * 100):
        clock.now += 0.01
        if not guesses.wait(address):
            guesses.wrong(address)
            looked_at += 1
    return looked_at


def test_guesses_from_one_address_become_slow_and_others_are_still_asked():
    guesses = Guesses(Clock())
    most = Guesses.EACH_SIZE + 60 / Guesses.EACH_SECONDS
    assert most - 1 <= seen(guesses, "192.0.2.1", 60) <= most
    assert 0 < guesses.wait("192.0.2.1") <= Guesses.EACH_SECONDS
    assert guesses.wait("192.0.2.2") == 0


def test_guesses_from_many_addresses_become_slow_but_known_addresses_do_not():
    clock = Clock()
    guesses = Guesses(clock)
    guesses.right("192.0.2.1")
    looked_at = sum(seen(guesses, f"2001:db8:0:{number:x}::/64", 1) for number in range(600))
    assert looked_at <= Guesses.ALL_SIZE + 600 / Guesses.ALL_SECONDS
    assert guesses.wait("192.0.2.2") > 0
    assert guesses.wait("192.0.2.1") == 0
    clock.now += Guesses.ALL_SECONDS
    assert guesses.wait("192.0.2.2") == 0


def test_addresses_that_guess_take_bounded_memory(monkeypatch):
    monkeypatch.setattr(Guesses, "MOST_ADDRESSES", 10)
    guesses = Guesses(Clock())
    for number in range(50):
        guesses.wrong(f"192.0.2.{number}")
        guesses.right(f"192.0.2.{number}")
    assert len(guesses._each) == len(guesses._welcome) == 10


@pytest.mark.parametrize(
    ("client", "address"),
    [
        (("192.0.2.1", 5), "192.0.2.1"),
        (("2001:db8::7:1", 5), "2001:db8::/64"),
        (("a\nb", 5), "an unknown address"),
        (None, "an unknown address"),
    ],
)
def test_an_ipv6_network_is_one_address_and_nothing_else_is_logged(client, address):
    assert address_of({"client": client}) == address


def test_a_visitor_who_guesses_too_often_waits_and_the_log_names_no_token(caplog):
    client = guarded()
    visitor = TestClient(client.app, "http://127.0.0.1")
    visitor.get("/", params={"token": TOKEN})
    for _ in range(Guesses.EACH_SIZE):
        assert client.get("/", params={"token": "hunter2"}).status_code == 401
    for token in ("hunter2", TOKEN):
        answer = client.get("/", params={"token": token})
        assert answer.status_code == 429
        assert 0 < int(answer.headers["retry-after"]) <= Guesses.EACH_SECONDS
        assert "set-cookie" not in answer.headers
    assert visitor.get("/file").status_code == 200  # a cookie is no guess
    assert len(caplog.messages) == Guesses.EACH_SIZE
    assert "a wrong token was given from" in caplog.text
    assert "hunter2" not in caplog.text
    assert TOKEN not in caplog.text


def test_cookies_cannot_be_guessed_by_guessing_the_token(tmp_path):
    """They hold for the next start, and for no other key."""
    key = cookie_key(tmp_path / "new")
    assert key == cookie_key(tmp_path / "new") != cookie_key(tmp_path)
    assert [path.stat().st_mode & 0o777 for path in (tmp_path / "new").iterdir()] == [0o600]
    assert OneToken(app(), TOKEN, key).pass_ != OneToken(app(), TOKEN, b"other").pass_
    next((tmp_path / "new").iterdir()).write_bytes(b"")
    assert len(cookie_key(tmp_path / "new")) == len(key)


def test_where_no_key_can_be_kept_the_dashboard_starts_all_the_same(tmp_path, caplog):
    (tmp_path / "file").touch()
    assert len(cookie_key(tmp_path / "file")) == 32
    assert "after each start" in caplog.text


def test_a_token_does_not_lead_to_another_site():
    address = f"http://127.0.0.1//evil.invalid/?token={TOKEN}"
    answer = guarded().get(address, follow_redirects=False)
    assert answer.headers["location"] == "/evil.invalid/"


def test_the_form_keeps_the_rest_of_the_address_as_text():
    answer = guarded().get('/?genre="><script>alert(1)</script>')
    assert "<script" not in answer.text
    assert "&quot;&gt;&lt;script" in answer.text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"host": "localhost:8080"}, 400),
        ({"host": "movies.invalid"}, 200),
        ({"host": "MOVIES.invalid:99"}, 200),
        ({"host": "rebound.invalid:8080"}, 400),
        ({"host": ""}, 400),
        ({"origin": "http://127.0.0.1:8080"}, 200),
        ({"origin": "http://evil.invalid"}, 400),
        ({"origin": "null"}, 400),
        ({"host": "["}, 400),
        ({"host": "127.0.0.1:8080]"}, 400),
        ({"host": "evil@127.0.0.1:8080"}, 400),
        ({"host": "127.0.0.1:8080/x"}, 400),
        ([("host", "127.0.0.1:8080"), ("host", "evil.invalid")], 400),
        ({"host": b"\xe2\x84\x80"}, 400),
        ({"origin": "http://["}, 400),
        ({"origin": "http://127.0.0.1:8080]"}, 400),
    ],
)
def test_other_sites_and_other_names_are_refused(headers, status):
    answer = hosted("127.0.0.1", "movies.invalid").get("/file", headers=headers)
    assert answer.status_code == status


def test_every_name_is_known_where_that_is_set():
    assert hosted("*").get("/file", headers={"host": "any.invalid"}).status_code == 200
    assert hosted("*").get("/file", headers={"host": "["}).status_code == 400


def test_another_site_opens_no_websocket():
    for origin in ("http://evil.invalid", "http://["):
        with (
            pytest.raises(WebSocketDenialResponse) as refused,
            hosted("127.0.0.1").websocket_connect("/socket", headers={"origin": origin}),
        ):
            pass
        assert refused.value.status_code == 400


def test_only_scripts_of_the_server_run():
    client = TestClient(SecureHeaders(app()))
    first, second = client.get("/"), client.get("/")
    (nonce,) = re.findall(r"'nonce-([\w-]+)'", first.headers["content-security-policy"])
    assert first.text.count(f'<script nonce="{nonce}"') == 2
    assert "&lt;script&gt;" in first.text
    assert nonce not in second.headers["content-security-policy"]
    assert len(first.content) == int(first.headers["content-length"])
    assert "script-src 'self' 'nonce-" in first.headers["content-security-policy"]
    assert (
        "'unsafe-inline'"
        not in re.search("script-src[^;]*", first.headers["content-security-policy"])[0]
    )
    assert "frame-ancestors 'none'" in first.headers["content-security-policy"]


def test_files_get_the_headers_and_stay_as_they_are():
    answer = TestClient(SecureHeaders(app())).get("/file")
    assert answer.text == "<script>"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_a_dashboard_for_this_machine_needs_no_token(host):
    refuse_strangers(DashboardSettings(host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "movies.invalid"])  # noqa: S104
def test_a_dashboard_for_others_needs_one(host):
    with pytest.raises(SettingsError, match="MOVIES_DASHBOARD__TOKEN is not set"):
        refuse_strangers(DashboardSettings(host=host))
    refuse_strangers(DashboardSettings(host=host, token=TOKEN))
