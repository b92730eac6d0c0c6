"""Who may come in, and what a browser may do with what it gets.

Pure ASGI middleware, so that pages, downloads, static files and the websocket all pass through it.
What a page shows belongs in the pages.
"""

import hmac
import re
import secrets
from collections.abc import Collection
from hashlib import sha256
from html import escape
from urllib.parse import urlencode

from starlette.datastructures import URL, Headers, MutableHeaders, QueryParams
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "movies_dashboard"
TOKEN = "token"  # noqa: S105 (a parameter's name)
COOKIE_SECONDS = 30 * 24 * 3600
# 1008: the connection breaks a policy.
REFUSED = 1008

# NiceGUI's page has its data, its import map and its start in inline scripts: each gets the nonce
# of the answer, so that a script or an event handler that came in with data never runs.
# 'unsafe-eval' is needed because Vue compiles templates in the browser, and NiceGUI its handlers.
# Styles are inline in every Quasar component; they cannot run anything.
POLICY = (
    "default-src 'self'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
FIXED = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
SCRIPT = re.compile(rb"<script(?=[\s>])")


class SecureHeaders:
    """Adds the policy to every answer, and its nonce to every script of a page.

    Data in a page has its `<` escaped, so that each `<script` is one that the server wrote.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        nonce = secrets.token_urlsafe(16)
        start: Message = {}
        body = bytearray()

        async def send_secured(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                headers["content-security-policy"] = POLICY.format(nonce=nonce)
                headers.update(FIXED)
                if headers.get("content-type", "").startswith("text/html"):
                    headers["cache-control"] = "no-store"
                    start = message
                    return
            elif start:
                body.extend(message.get("body", b""))
                if message.get("more_body"):
                    return
                page = SCRIPT.sub(b'<script nonce="%s"' % nonce.encode(), bytes(body))
                MutableHeaders(raw=start["headers"])["content-length"] = str(len(page))
                await send(start)
                message = {"type": "http.response.body", "body": page}
            await send(message)

        await self.app(scope, receive, send_secured)


class KnownHosts:
    """Refuses requests for names that are not the dashboard's, and those that other sites make.

    Without this, a page of another site could reach a dashboard on 127.0.0.1 under a name of its
    own (DNS rebinding), or open a websocket to it.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        self.app, self.hosts = app, {host.lower() for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] not in {"http", "websocket"} or self._is_known(Headers(scope=scope)):
            await self.app(scope, receive, send)
            return
        await _refuse(
            scope, receive, send, 400,
            "This address is not the dashboard's. Where it is served under another name, that has "
            "to be in MOVIES_DASHBOARD__HOSTS.",
        )  # fmt: skip

    def _is_known(self, headers: Headers) -> bool:
        host, origin = headers.get("host", ""), headers.get("origin")
        if "*" not in self.hosts and (URL(f"//{host}").hostname or "").lower() not in self.hosts:
            return False
        return origin is None or URL(origin).netloc == host


class OneToken:
    """Lets in who knows the token: everything is behind it, static files and the websocket too.

    `?token=...` on any address (the form on the refusal asks for it) is exchanged for a cookie that
    scripts cannot read, and the address is opened again without it. The cookie holds a value that
    is derived from the token, not the token. Tokens and cookies are compared in constant time.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self.app, self.token = app, token
        self.pass_ = hmac.new(token.encode(), COOKIE.encode(), sha256).hexdigest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, exchange a token for a cookie, or refuse the request."""
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        asked = HTTPConnection(scope)
        given = asked.query_params.get(TOKEN)
        if scope["type"] == "http" and given is not None:
            if _equal(given, self.token):
                await self._welcome(asked)(scope, receive, send)
            else:
                await _refuse(scope, receive, send, 401, "That is not the token.", form=True)
        elif _equal(asked.cookies.get(COOKIE, ""), self.pass_):
            await self.app(scope, receive, send)
        else:
            await _refuse(scope, receive, send, 401, "This dashboard asks for a token.", form=True)

    def _welcome(self, asked: HTTPConnection) -> RedirectResponse:
        rest = [(name, value) for name, value in asked.query_params.multi_items() if name != TOKEN]
        path = "/" + asked.url.path.lstrip("/")  # `//host` would lead to another site
        answer = RedirectResponse(f"{path}?{urlencode(rest)}" if rest else path, status_code=303)
        answer.set_cookie(
            COOKIE,
            self.pass_,
            max_age=COOKIE_SECONDS,
            httponly=True,
            samesite="lax",
            secure=asked.url.scheme == "https",
        )
        return answer


def _equal(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())


async def _refuse(
    scope: Scope, receive: Receive, send: Send, status: int, words: str, *, form: bool = False
) -> None:
    """Answer with a sentence, and with a form where a token would help."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": REFUSED, "reason": ""})
        return
    page = plain_page(words, FORM + _hidden(scope) + "</form>" if form else "")
    await HTMLResponse(page, status)(scope, receive, send)


FORM = (
    '<form method="get"><label for="token">Token</label><input id="token" name="token" '
    'type="password" autocomplete="current-password" autofocus><button>Open</button>'
)


def _hidden(scope: Scope) -> str:
    """Let the rest of the address survive the form."""
    rest = QueryParams(scope["query_string"]).multi_items()
    return "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in rest
        if name != TOKEN
    )


def plain_page(words: str, more: str = "") -> str:
    """Return a page of one sentence that needs no script and no other file."""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Movies</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><style>'
        "body{background:#0b0b0d;color:#f3f3f5;font:1rem/1.5 system-ui,sans-serif;max-width:34rem;"
        "margin:20vh auto;padding:0 1.5rem}form{display:flex;gap:.75rem;align-items:center}"
        "a{color:inherit}"
        "input,button{font:inherit;padding:.5rem .75rem;border-radius:.375rem;border:1px solid "
        "#4a4a52;background:#17171a;color:inherit}button{background:#d62839;border-color:#d62839}"
        f"</style><h1>Movies</h1><p>{escape(words)}</p>{more}</html>"
    )
