"""What a browser may send over the websocket; tests in Chromium show that it sends no more."""

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from movies_assets.dashboard.socket_messages import SOCKET_PATH, WellFormedSocket

EVENT = '42["event",{"id":4,"client_id":"a","listener_id":"b","args":["{\\"pick\\":1}",null]}]'
KNOWN = [
    "1", "2probe", "3", "5", "40", "41", EVENT, EVENT.replace('"id":4', '"id":"4"'),
    '420["handshake",{"client_id":"a","tab_id":"b","document_id":"c","old_tab_id":null}]',
    '42["javascript_response",{"request_id":"a","client_id":"b","result":null}]',
    '42["ack",{"client_id":"a","next_message_id":3}]',
    '42["log",{"client_id":"a","level":"warning","message":"m"}]',
]  # fmt: skip
MALFORMED = [
    "", "x", "4", "2", "6", "40{", "42", "42[", "42[]", "42{}", "42[1]", '42["event"]', "43", "44",
    '42["event",{}]', '42["event",[]]', '42["event",{"client_id":{}}]', '42["other",{}]',
    '42["handshake",{"client_id":"a"}]', '42["connect"]', '42/admin,["event",{}]', "451-[]",
    EVENT.replace("1}", "1"), EVENT.replace('"a"', "7"), EVENT.replace("[", "[" * 20_000),
    '42["log",{"client_id":"a","level":"exception","message":"m"}]', f"{'4' * 5000}[]",
]  # fmt: skip


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    websocket = WebSocket(scope, receive, send)
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(text)


def client() -> TestClient:
    return TestClient(WellFormedSocket(echo))


@pytest.mark.parametrize("text", KNOWN)
def test_what_a_browser_sends_is_passed_on(text):
    with client().websocket_connect(SOCKET_PATH) as websocket:
        websocket.send_text(text)
        assert websocket.receive_text() == text


@pytest.mark.parametrize("sent", [*MALFORMED, b"40"], ids=range(len(MALFORMED) + 1))
def test_anything_else_ends_the_websocket(sent):
    with client().websocket_connect(SOCKET_PATH) as websocket:
        (websocket.send_bytes if isinstance(sent, bytes) else websocket.send_text)(sent)
        with pytest.raises(WebSocketDisconnect) as ended:
            websocket.receive_text()
    assert ended.value.code == 1007


def test_messages_that_are_posted_are_checked_too():
    """A browser posts them where a proxy lets no websocket through."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse(await Request(scope, receive).body())(scope, receive, send)

    posting = TestClient(WellFormedSocket(answer))
    assert posting.post(SOCKET_PATH, content=f"3\x1e{EVENT}").text == f"3\x1e{EVENT}"
    for content in (b"", b"3\x1e42[]", b"\xff", b"3" * 1_000_001, iter([b"3"])):
        assert posting.post(SOCKET_PATH, content=content).status_code == 400
    assert posting.post(SOCKET_PATH, headers={"content-length": b"\xb2"}).status_code == 400


@pytest.mark.parametrize("path", [
    "/", "/_nicegui_ws/x", "/_nicegui_ws/%ff", f"{SOCKET_PATH}?implicit_handshake=true",
    f"{SOCKET_PATH}?implicit_handshake=true&client_id=a&tab_id=&document_id=c",
])  # fmt: skip
def test_a_handshake_that_names_no_visit_is_refused(path):
    with pytest.raises(WebSocketDenialResponse) as refused, client().websocket_connect(path):
        pass
    assert refused.value.status_code == 400


def test_a_handshake_that_names_a_visit_is_passed_on():
    path = f"{SOCKET_PATH}?implicit_handshake=true&client_id=a&tab_id=b&document_id=c&old_tab_id="
    with client().websocket_connect(path) as websocket:
        websocket.send_text("3")
        assert websocket.receive_text() == "3"
