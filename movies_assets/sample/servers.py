"""Shared parts of the sample's servers: pages and files over HTTP, faults, recorded requests.

The sources provide the content, `faults` the faults, `serving` TCP.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import anyio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from movies_assets.sample.faults import TAMPERING, Fault, Faults


@dataclass
class Traffic:
    """The requests of a server; as a context manager it counts one request as being answered.

    Attributes:
        requests: The query parameters (of files: method, path and headers) of each request, in
            order of arrival.
        at_once: How many requests are being answered now.
        most_at_once: How many there were at the same time at most.
    """

    requests: list[dict[str, str]] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    def __enter__(self) -> None:
        """Count a request that begins."""
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)

    def __exit__(self, *_: object) -> None:
        """Count a request that ends."""
        self.at_once -= 1


def create_page_app(
    path: str,
    page_of: Callable[[Mapping[str, str]], int],
    answer: Callable[[Request, Sequence[Fault]], Awaitable[Response]],
    *,
    faults: Faults | None,
    latency_seconds: float,
) -> Starlette:
    """Return an ASGI app that serves pages.

    Its state may be changed while it runs: `.faults`, `.latency_seconds` and `.traffic`.

    Args:
        path: Where they are.
        page_of: Returns the page by which faults know a request, of the parameters of its URL.
        answer: Returns the sound reply, given the request and the faults that strike it.
        faults: The faults of replies; the list may be changed later.
        latency_seconds: How long each reply takes at least.
    """

    async def page(request: Request) -> Response:
        state, asked = request.app.state, request.query_params
        state.traffic.requests.append(dict(asked))
        with state.traffic:
            struck = state.faults.strike(page_of(asked))
            slow = sum(fault.seconds for fault in struck if fault.kind == "slow")
            await anyio.sleep(state.latency_seconds + slow)
            sound = await answer(request, struck)
            broken = (fault.reply(bytes(sound.body)) for fault in struck)
            return next((reply for reply in broken if reply is not None), sound)

    app = Starlette(routes=[Route(path, page)])
    app.state.faults = faults or Faults()
    app.state.latency_seconds = latency_seconds
    app.state.traffic = Traffic()
    return app


def number(parameters: Mapping[str, str], name: str, default: int) -> int:
    """Return a parameter that is a whole number; what is none is the default."""
    text = parameters.get(name, "")
    return int(text) if text.isdecimal() else default


def create_file_app(
    paths: Sequence[str],
    answer: Callable[[Request, Sequence[Fault]], Awaitable[Response]],
    faults: Faults | None,
) -> Starlette:
    """Return an ASGI app that serves files; its state has `.faults` and `.traffic`.

    Args:
        paths: Which paths it serves; what a path calls `{file}` is the name that faults know.
        answer: Answers a request; it is given those faults that struck and tamper with a file.
        faults: The faults of replies; the list may be changed later.
    """

    async def file(request: Request) -> Response:
        state = request.app.state
        about = {"method": request.method, "path": request.url.path}
        state.traffic.requests.append(about | dict(request.headers))
        struck = state.faults.strike(request.path_params["file"])
        with state.traffic:
            await anyio.sleep(sum(fault.seconds for fault in struck if fault.kind == "slow"))
            broken = (fault.reply(b"") for fault in struck if fault.kind not in TAMPERING)
            reply = next((reply for reply in broken if reply is not None), None)
            return reply or await answer(request, struck)

    app = Starlette(routes=[Route(path, file) for path in paths])
    app.state.faults = faults or Faults()
    app.state.traffic = Traffic()
    return app
