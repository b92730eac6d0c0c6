"""Control access, and restrict what browsers may do with responses.

Pure ASGI middleware, so that pages, downloads, static files and the websocket all pass through it.
"""

import hmac
import logging
import math
import os
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from hashlib import sha256
from html import escape
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOG = logging.getLogger(__name__)

COOKIE = "movies_dashboard"
KEY_FILE = "dashboard_cookie.key"
KEY_BYTES = 32
TOKEN = "token"  # noqa: S105 (a parameter's name)
COOKIE_SECONDS = 30 * 24 * 3600

# NiceGUI's page has inline scripts for its data, import map and start: each gets the nonce of the
# response, so that scripts or event handlers in data never run.
# 'unsafe-eval' is needed because Vue compiles templates in the browser, and NiceGUI its handlers.
# Styles are inline in every Quasar component; they cannot run code.
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

# Characters of a whole address, or of two hosts, that a Host header may not have.
NO_HOST = frozenset("@/\\?#,")


class SecureHeaders:
    """Middleware that adds the policy to every response, and its nonce to every script of a page.

    In a page's data `<` is escaped, so that each `<script` was written by the server.
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
    """Middleware that refuses requests for other host names, and those from other sites.

    Without it, a page of another site could reach a dashboard on 127.0.0.1 under its own name (DNS
    rebinding), or open a websocket to it.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        self.app, self.hosts = app, {host.lower() for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] not in {"http", "websocket"} or self._is_known(Headers(scope=scope)):
            await self.app(scope, receive, send)
            return
        refused = refusal(
            scope,
            400,
            "This address is not the dashboard's. Where it is served under another name, that has "
            "to be in MOVIES_DASHBOARD__HOSTS.",
        )
        await refused(scope, receive, send)

    def _is_known(self, headers: Headers) -> bool:
        host, origin = ",".join(headers.getlist("host")), headers.get("origin")
        if set(host) & NO_HOST:
            return False
        try:
            name = (urlsplit(f"//{host}").hostname or "").lower()
            from_site = host if origin is None else urlsplit(origin).netloc
        except ValueError:  # `[`, and other malformed addresses
            return False
        return ("*" in self.hosts or name in self.hosts) and from_site == host


@dataclass
class Bucket:
    """A token bucket: an allowance that refills with time.

    Attributes:
        size: its capacity.
        seconds: the interval in seconds at which one is added.
        left: the current level.
        at: the time of that level.
    """

    size: float
    seconds: float
    left: float
    at: float

    def fill(self, now: float) -> None:
        """Add the share of the time since the last call."""
        self.left = min(self.size, self.left + (now - self.at) / self.seconds)
        self.at = now

    def wait(self) -> float:
        """Return the seconds until one is available; 0 if one is."""
        return max(0.0, (1 - self.left) * self.seconds)


class Guesses:
    """A rate limit for guesses of the token, for each address and for all together.

    Only wrong tokens count. So a visitor who mistypes has some tries at once, and then one every
    few seconds. The common limit does not apply to addresses that gave the right token before, and
    visitors with a cookie are not limited at all: guesses from elsewhere lock out new addresses
    only, and only while they continue.
    """

    EACH_SIZE, EACH_SECONDS = 5, 10.0
    ALL_SIZE, ALL_SECONDS = 60, 1.0
    # Further addresses replace the least recent ones.
    MOST_ADDRESSES = 10_000

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start with full allowances; the clock must be monotonic, in seconds."""
        self._clock = clock
        self._all = self._bucket(self.ALL_SIZE, self.ALL_SECONDS)
        self._each: OrderedDict[str, Bucket] = OrderedDict()
        self._welcome: OrderedDict[str, None] = OrderedDict()

    def wait(self, address: str) -> float:
        """Return the seconds for which tokens of an address are refused; 0 if they are accepted."""
        now = self._clock()
        overall = None if address in self._welcome else self._all
        buckets = [bucket for bucket in (overall, self._each.get(address)) if bucket]
        for bucket in buckets:
            bucket.fill(now)
        return max((bucket.wait() for bucket in buckets), default=0.0)

    def right(self, address: str) -> None:
        """Record an address that gave the right token."""
        self._keep(self._welcome, address, None)

    def wrong(self, address: str) -> None:
        """Count a wrong token, and log the guess without the token."""
        each = self._each.get(address) or self._bucket(self.EACH_SIZE, self.EACH_SECONDS)
        self._keep(self._each, address, each)
        for bucket in (each, self._all):
            bucket.fill(self._clock())
            bucket.left = max(0.0, bucket.left - 1)
        wait = self.wait(address)
        LOG.warning(
            "a wrong token was given from %s%s",
            address,
            f"; no token from there is looked at for {wait:.0f} s" if wait else "",
        )

    def _keep(self, kept: OrderedDict[str, Any], address: str, what: Any) -> None:
        kept[address] = what
        kept.move_to_end(address)
        if len(kept) > self.MOST_ADDRESSES:
            kept.popitem(last=False)

    def _bucket(self, size: float, seconds: float) -> Bucket:
        return Bucket(size, seconds, size, self._clock())


def address_of(scope: Scope) -> str:
    """Return the origin of a request: an IPv4 address, or the IPv6 network of one client."""
    try:
        address = ip_address((scope.get("client") or ("",))[0])
    except ValueError:  # a proxy may forward any text
        return "an unknown address"
    return str(address) if address.version == 4 else str(ip_network((address, 64), strict=False))  # noqa: PLR2004


def cookie_key(folder: Path) -> bytes:
    """Return the key for cookies of a data folder, created once and kept for the next start.

    Without it the cookie could be derived from the token, and guesses could be tried as cookies,
    which are not rate-limited.
    """
    path, new = folder / KEY_FILE, folder / f"{KEY_FILE}.new"
    try:
        # A file that a full disk cut short is not a key.
        if path.exists() and len(kept := path.read_bytes()) == KEY_BYTES:
            return kept
        key = secrets.token_bytes(KEY_BYTES)
        folder.mkdir(parents=True, exist_ok=True)
        with open(new, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(key)
        new.replace(path)
    except OSError as error:
        LOG.warning("visitors must enter the token again after each start: %s", error)
        return secrets.token_bytes(KEY_BYTES)
    return key


class OneToken:
    """Middleware that requires the token for everything, static files and the websocket included.

    A program sends it with each request: `Authorization: Bearer ...`. For a browser, `?token=...`
    on any address (sent by the form on the refusal) is exchanged for a cookie that scripts cannot
    read, with a redirect to the address without it. The cookie's value is derived
    from the token and a random key, so that only the token can be guessed, and guesses of it are
    rate-limited. Tokens and cookies are compared in constant time.
    """

    def __init__(self, app: ASGIApp, token: str, key: bytes) -> None:
        self.app, self.token, self.guesses = app, token, Guesses()
        self.pass_ = hmac.new(key, token.encode(), sha256).hexdigest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, exchange a token for a cookie, or refuse the request."""
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        asked = HTTPConnection(scope)
        given = asked.query_params.get(TOKEN)
        scheme, _, sent = asked.headers.get("authorization", "").partition(" ")
        if scope["type"] == "http" and given is not None:
            answer = self._refuse(asked, given) or self._welcome(asked)
            await answer(scope, receive, send)
        elif scope["type"] == "http" and scheme.lower() == "bearer":
            await (self._refuse(asked, sent.strip()) or self.app)(scope, receive, send)
        elif _equal(asked.cookies.get(COOKIE, ""), self.pass_):
            await self.app(scope, receive, send)
        else:
            refused = refusal(scope, 401, "This dashboard asks for a token.", form=True)
            await refused(scope, receive, send)

    def _refuse(self, asked: HTTPConnection, given: str) -> Response | None:
        """Return the refusal of a token; None if it is right."""
        address = address_of(asked.scope)
        if wait := math.ceil(self.guesses.wait(address)):
            words = f"Too many wrong tokens were given. Try again in {wait} seconds."
            return refusal(asked.scope, 429, words, form=True, headers={"retry-after": str(wait)})
        if _equal(given, self.token):
            self.guesses.right(address)
            return None
        self.guesses.wrong(address)
        return refusal(asked.scope, 401, "That is not the token.", form=True)

    def _welcome(self, asked: HTTPConnection) -> RedirectResponse:
        rest = [(name, value) for name, value in asked.query_params.multi_items() if name != TOKEN]
        # As it was asked for, encoded; `//host` would lead to another site.
        path = "/" + quote(asked.scope["path"], safe="/:").lstrip("/")
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


def refusal(
    scope: Scope,
    status: int,
    words: str,
    *,
    form: bool = False,
    headers: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """Return the response of a refusal, with a form for a token; also for a websocket handshake."""
    page = plain_page(words, FORM + _hidden(scope) + "</form>" if form else "")
    return HTMLResponse(page, status, headers)


FORM = (
    '<form method="get"><label for="token">Token</label><input id="token" name="token" '
    'type="password" autocomplete="current-password" autofocus><button>Open</button>'
)


def _hidden(scope: Scope) -> str:
    """Return hidden inputs that keep the rest of the address."""
    rest = QueryParams(scope["query_string"]).multi_items()
    return "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in rest
        if name != TOKEN
    )


def plain_page(words: str, more: str = "") -> str:
    """Return a page of one sentence, without scripts or other files."""
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
