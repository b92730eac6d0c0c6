"""Serve OMDb's search over fictional titles, with a key and a quota.

Only HTTP belongs here: the titles belong into `omdb`, what goes wrong into `faults`, TCP into
`serving`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from movies_assets.sample.faults import Fault, Faults
from movies_assets.sample.servers import create_page_app, number
from movies_assets.sources.omdb.sample import OmdbTitle, Titles

SAMPLE_KEY = "5a3b1e00"
"""The key that the server accepts by default."""
QUOTA = 1000
"""Requests per key."""
RESULTS_A_PAGE, MOST_PAGES = 10, 100
_SHORTEST_TERM = 3
_TYPES = {"movie", "series", "episode", "game"}


def create_omdb_app(
    titles: Titles,
    *,
    key: str = SAMPLE_KEY,
    quota: int = QUOTA,
    faults: Faults | None = None,
    latency_seconds: float = 0,
) -> Starlette:
    """Return an ASGI app that serves OMDb's search at `/`.

    Its state may be read and changed while it runs: `app.state.titles`, `.quota`, `.used` (requests
    by key; a new day clears it), `.faults`, `.latency_seconds` and `.traffic` (a `Traffic`).

    Args:
        titles: The titles.
        key: The valid key.
        quota: The most requests with it; those beyond the quota count as well.
        faults: The faults to inject; the list may be changed later.
        latency_seconds: The minimum duration of each reply.
    """
    app = create_page_app(
        "/",
        lambda asked: number(asked, "page", 1) or 1,
        _search,
        faults=faults,
        latency_seconds=latency_seconds,
    )
    app.state.titles, app.state.key, app.state.quota = titles, key, quota
    app.state.used = Counter()
    return app


async def _search(request: Request, _: Sequence[Fault]) -> Response:
    return _refusal(request) or _found(request.app.state.titles, request.query_params)


def _refusal(request: Request) -> Response | None:
    """Return the reply to a request without a usable key."""
    state, key = request.app.state, request.query_params.get("apikey", "")
    if not key:
        return _error("No API key provided.", 401)
    if key != state.key:
        return _error("Invalid API key!", 401)
    state.used[key] += 1
    return _error("Request limit reached!", 401) if state.used[key] > state.quota else None


def _found(titles: Titles, asked: Mapping[str, str]) -> Response:
    term, kind, page = asked.get("s", "").strip(), asked.get("type", ""), number(asked, "page", 1)
    if not term:
        return _error("Incorrect IMDb ID.")
    if len(term) < _SHORTEST_TERM:
        return _error("Too many results.")
    kind = kind if kind in _TYPES else ""
    year = asked.get("y", "")
    found = titles.search(term, int(year) if year.isdecimal() else None, kind)
    shown: list[OmdbTitle] = []
    if 1 <= page <= MOST_PAGES:
        shown = found[(page - 1) * RESULTS_A_PAGE : page * RESULTS_A_PAGE]
    if not shown:
        return _error(f"{'Series' if kind == 'series' else 'Movie'} not found!")
    return JSONResponse({"Search": shown, "totalResults": str(len(found)), "Response": "True"})


def _error(text: str, status: int = 200) -> Response:
    return JSONResponse({"Response": "False", "Error": text}, status)
