"""Who comes in, what other sites can do, and what a browser may run."""

import re

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from movies_assets.dashboard.security import COOKIE, KnownHosts, OneToken, SecureHeaders
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
    return TestClient(SecureHeaders(OneToken(app(), TOKEN)), "http://127.0.0.1")


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
    with pytest.raises(WebSocketDisconnect), guarded().websocket_connect("/socket"):
        pass


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
    ],
)
def test_other_sites_and_other_names_are_refused(headers, status):
    answer = hosted("127.0.0.1", "movies.invalid").get("/file", headers=headers)
    assert answer.status_code == status


def test_every_name_is_known_where_that_is_set():
    assert hosted("*").get("/file", headers={"host": "any.invalid"}).status_code == 200


def test_another_site_opens_no_websocket():
    with (
        pytest.raises(WebSocketDisconnect),
        hosted("127.0.0.1").websocket_connect("/socket", headers={"origin": "http://evil.invalid"}),
    ):
        pass


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
