"""Serve the fictional look-up files like a Git host.

Only HTTP belongs here: the content of files belongs in `sample`, faults in `sample.faults`, TCP in
`sample.serving`.
"""

from collections.abc import Sequence
from functools import cache
from hashlib import sha256

from anyio.to_thread import run_sync
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from movies_assets.sample.faults import TAMPERING, Fault, Faults, Tampered
from movies_assets.sample.servers import create_file_app
from movies_assets.sources.netflix import sample as netflix

BASE_PATH = "/netflix"
"""A client's base URL is the server's address and this path."""
_PAGE = "<!DOCTYPE html><html><head><title>Not found</title></head><body><h1>404</h1></body></html>"


def create_netflix_app(
    titles: int = netflix.TITLES, seed: int = 1, *, faults: Faults | None = None
) -> Starlette:
    """Return an ASGI app that serves `/netflix/netflix_<look-up>.csv`, without ranges.

    A file is generated at its first request. Faults identify it by its look-up, such as 'cast'.
    State: `app.state.faults` and `.traffic`.

    Args:
        titles: The number of titles of the look-ups.
        seed: The seed of the catalogue.
        faults: The faults to inject; the list may be changed later.
    """

    @cache
    def content(name: str) -> bytes:
        return netflix.lookup(name, titles=titles, seed=seed)

    async def answer(request: Request, struck: Sequence[Fault]) -> Response:
        name = request.path_params["file"]
        if name not in netflix.LOOKUPS:
            raise HTTPException(404)
        kinds = {fault.kind for fault in struck} & TAMPERING
        sound = _reply(request, await run_sync(content, name), named="no_etag" not in kinds)
        return Tampered(sound, kinds) if kinds else sound

    app = create_file_app([f"{BASE_PATH}/netflix_{{file}}.csv"], answer, faults)
    app.add_exception_handler(404, _not_found)
    return app


def _reply(request: Request, content: bytes, *, named: bool) -> Response:
    """Return a file, or status 304 if the client has this version."""
    headers = {"ETag": f'"{sha256(content).hexdigest()}"'} if named else {}
    headers |= {"Cache-Control": "max-age=300", "X-Content-Type-Options": "nosniff"}
    if named and request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type="text/plain")


def _not_found(_: Request, __: Exception) -> Response:
    return HTMLResponse(_PAGE, 404)
