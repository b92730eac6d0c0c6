"""Validate messages of browsers over the websocket, as NiceGUI expects well-formed ones.

Any other message would log a traceback each time. Only the form is validated here; the meaning of
events belongs in NiceGUI and the pages.
"""

import logging
import re
from collections.abc import Iterator
from typing import Any, Literal
from urllib.parse import parse_qs

from pydantic import BaseModel, Json, TypeAdapter, ValidationError
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from movies_assets.dashboard.api import API_PATH
from movies_assets.dashboard.security import refusal

LOG = logging.getLogger(__name__)

SOCKET_PATH = "/_nicegui_ws/socket.io/"
# The separator of messages in one POST, and the most bytes of a POST (as in Engine.IO).
SEPARATOR = "\x1e"
MOST_BYTES = 1_000_000
# 1007: data that is inconsistent with its type.
MALFORMED = 1007


class _Named(BaseModel):
    client_id: str


class _Handshake(_Named):
    tab_id: str
    document_id: str


class _Event(_Named):
    id: int
    listener_id: str
    args: list[Json[Any] | None]


class _JavascriptResponse(_Named):
    request_id: str


class _Acknowledged(_Named):
    next_message_id: int


class _Log(_Named):
    level: Literal["debug", "info", "warning", "error"]
    message: str


EVENT = TypeAdapter[Any](
    tuple[Literal["handshake"], _Handshake]
    | tuple[Literal["event"], _Event]
    | tuple[Literal["javascript_response"], _JavascriptResponse]
    | tuple[Literal["ack"], _Acknowledged]
    | tuple[Literal["log"], _Log]
)
# Engine.IO's pong, upgrade and close; Socket.IO's connect and disconnect; an event.
PACKET = re.compile(r"1|2probe|3|5|40(\{\})?|41|42\d{0,9}(?P<event>\[.*)", re.DOTALL)


class WellFormedSocket:
    """Middleware that accepts NiceGUI's websocket only, and ends it at a malformed message."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a websocket and its well-formed messages."""
        is_post = scope["type"] == "http" and scope["method"] == "POST"
        if is_post and not scope["path"].startswith(f"{API_PATH}/"):
            await self._polling(scope, receive, send)
            return
        if scope["type"] != "websocket":
            await self.app(scope, receive, send)
            return
        if scope["path"] != SOCKET_PATH or not _is_complete(scope["query_string"]):
            await refusal(scope, 400, "There is no such websocket.")(scope, receive, send)
            return

        async def receive_checked() -> Message:
            message = await receive()
            if message["type"] == "websocket.receive" and not is_well_formed(message.get("text")):
                LOG.warning("a malformed message ended a websocket")
                await send({"type": "websocket.close", "code": MALFORMED})
                return {"type": "websocket.disconnect", "code": MALFORMED}
            return message

        await self.app(scope, receive_checked, send)

    async def _polling(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on messages that a browser without websockets posts; refuse all others.

        POSTs of the API are its own.
        """
        length = Headers(scope=scope).get("content-length", "")
        if not length.isdecimal() or int(length) > MOST_BYTES:
            await refusal(scope, 400, "The length of the request is missing or too large.")(
                scope, receive, send
            )
            return
        try:
            body = await Request(scope, receive).body()
        except ClientDisconnect:
            return
        if not all(map(is_well_formed, body.decode(errors="replace").split(SEPARATOR))):
            await refusal(scope, 400, "The request is malformed.")(scope, receive, send)
            return
        read: Iterator[Message] = iter([{"type": "http.request", "body": body}])

        async def receive_again() -> Message:
            return next(read, None) or await receive()

        await self.app(scope, receive_again, send)


def _is_complete(query: bytes) -> bool:
    """Return whether the query of a handshake identifies the visit."""
    given = parse_qs(query.decode("latin-1"))
    return "implicit_handshake" not in given or {"client_id", "tab_id", "document_id"} <= set(given)


def is_well_formed(text: str | None) -> bool:
    """Return whether a message has a form that NiceGUI's page sends."""
    packet = PACKET.fullmatch(text or "")
    if not packet or packet["event"] is None:
        return packet is not None
    try:
        EVENT.validate_json(packet["event"])
    except ValidationError:
        return False
    return True
