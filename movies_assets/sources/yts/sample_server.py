"""A server that speaks the protocol of the YTS API over a list of movies.

Only the protocol belongs here: what goes wrong belongs into `faults`, TCP into `serving`.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from json import dumps
from typing import NamedTuple

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from movies_assets.sample.faults import ABSENT, TRUTH, Fault, Faults, Lies
from movies_assets.sample.servers import create_page_app, number
from movies_assets.sources.yts.sample import Movie, MovieList, Shifting

BASE_PATH = "/api/v2"
"""A client's base URL is the server's address and this path."""
LIMIT_DEFAULT, LIMIT_MOST = 20, 50
_NEW_IDS = 10**9


def create_app(
    catalogue: MovieList,
    *,
    faults: Faults | None = None,
    lies: Lies | None = None,
    latency_seconds: float = 0,
) -> Starlette:
    """Return an ASGI app that serves `/api/v2/list_movies.json`.

    Its state may be read and changed while it runs: `app.state.catalogue`, `.faults`, `.lies`,
    `.latency_seconds` and `.traffic` (a `Traffic`).

    Args:
        catalogue: The movies.
        faults: The faults of replies; the list may be changed later.
        lies: The wrong values of every reply.
        latency_seconds: How long each reply takes at least.
    """
    app = create_page_app(
        f"{BASE_PATH}/list_movies.json",
        lambda asked: max(number(asked, "page", 1), 1),
        _list_movies,
        faults=faults,
        latency_seconds=latency_seconds,
    )
    app.state.catalogue, app.state.lies = catalogue, lies or Lies()
    return app


async def _list_movies(request: Request, struck: Sequence[Fault]) -> Response:
    catalogue, lies = request.app.state.catalogue, request.app.state.lies
    asked = _ask(catalogue, request.query_params, lies)
    body = _body(catalogue, asked, lies)
    _shift(catalogue, struck)
    if asked.is_past and lies.past_end == "error":
        return JSONResponse({"status": "error", "status_message": "No such page"})
    status = 404 if asked.is_past and lies.past_end == "not_found" else 200
    return Response(body, status, media_type="application/json")


class _Asked(NamedTuple):
    """The page that is answered.

    Attributes:
        positions: Those of all movies that the query finds, in its order.
        page: Number of the page.
        limit: Movies a page.
        is_past: Whether the page is past the last one.
        new_ids: The first id of movies that are made up; 0: none are.
    """

    positions: Sequence[int]
    page: int
    limit: int
    is_past: bool
    new_ids: int


def _ask(catalogue: MovieList, parameters: Mapping[str, str], lies: Lies) -> _Asked:
    query, page, limit = _parse(parameters)
    limit = lies.page_size or limit
    page = lies.served(page) if lies.served else page
    positions = _select(catalogue, catalogue.revision, query)
    last = max(1, -(-len(positions) // limit))
    new_ids = 0
    if is_past := page > last:
        match lies.past_end:
            case "repeat":
                page = last
            case "wrap":
                page = 1 + (page - 1) % last
            case "endless":
                page, new_ids = 1 + (page - 1) % last, _NEW_IDS + page * limit
    return _Asked(positions, page, limit, is_past, new_ids)


def _shift(catalogue: MovieList, struck: Sequence[Fault]) -> None:
    """Change the catalogue behind the reply."""
    for kind in (fault.kind for fault in struck if fault.kind in {"publish", "reupload"}):
        if not isinstance(catalogue, Shifting):
            raise TypeError(f"only a Shifting catalogue can {kind}, not {catalogue!r}")
        catalogue.publish() if kind == "publish" else catalogue.reupload()


class _Query(NamedTuple):
    """The requested movies, and their order."""

    sort_by: str = "date_added"
    order_by: str = "desc"
    minimum_rating: float = 0
    query_term: str = ""
    genre: str = ""
    quality: str = ""

    @property
    def filters(self) -> bool:
        return self[2:] != _Query()[2:]

    def matches(self, movie: Movie) -> bool:
        titles = (movie["title"], movie["title_english"])
        qualities = {torrent["quality"] for torrent in movie.get("torrents") or ()}
        return (
            (movie["rating"] or 0) >= self.minimum_rating
            and (
                self.query_term == movie["imdb_code"]
                or any(self.query_term.lower() in title.lower() for title in titles)
            )
            and (not self.genre or self.genre in map(str.lower, movie["genres"] or ()))
            and (not self.quality or self.quality in qualities)
        )


def _parse(parameters: Mapping[str, str]) -> tuple[_Query, int, int]:
    """Return the query, the page from 1 and the page's size; what cannot be is the default."""
    query = _Query(
        sort_by=parameters.get("sort_by", "date_added"),
        order_by=parameters.get("order_by", "desc"),
        minimum_rating=number(parameters, "minimum_rating", 0),
        query_term=parameters.get("query_term", "").strip(),
        genre=parameters.get("genre", "").lower().replace("all", ""),
        quality=parameters.get("quality", "").replace("all", ""),
    )
    limit = number(parameters, "limit", LIMIT_DEFAULT) or LIMIT_DEFAULT
    return query, max(number(parameters, "page", 1), 1), min(limit, LIMIT_MOST)


def _body(catalogue: MovieList, asked: _Asked, lies: Lies) -> bytes:
    """Return a page."""
    limit, found = asked.limit, len(asked.positions)
    shown = asked.positions[(asked.page - 1) * limit : asked.page * limit]
    texts = [catalogue.json(position) for position in shown]
    if asked.new_ids:
        movies = ({**catalogue[p], "id": n} for n, p in enumerate(shown, asked.new_ids))
        texts = [dumps(movie) for movie in movies]
    # The real server leaves the key out when the page is empty.
    rows = f',"movies":[{",".join(texts)}]' if shown else ""
    overstated = catalogue.movie_count - len(catalogue)
    stated = found + overstated if lies.movie_count is TRUTH else lies.movie_count
    count = "" if stated is ABSENT else f'"movie_count":{dumps(stated)},'
    meta = {"server_time": catalogue.server_time, "server_timezone": "CET", "api_version": 2}
    return (
        '{"status":"ok","status_message":"Query was successful","data":{'
        f'{count}"limit":{limit},"page_number":{asked.page}{rows}}},'
        f'"@meta":{dumps(meta | {"execution_time": "0.01 ms"})}}}'
    ).encode()


@lru_cache(maxsize=8)
def _select(movies: MovieList, revision: int, query: _Query) -> Sequence[int]:  # noqa: ARG001
    """Return the positions that a query asks for, in its order.

    Only `date_added` without filters is answered without reading the whole catalogue, which takes
    about a tenth of a second per 1,000 movies. `revision` makes the cache forget.
    """
    positions: Sequence[int] = range(len(movies))
    if query.filters:
        positions = [p for p in positions if query.matches(movies[p])]
    if query.sort_by in {"year", "rating", "title"}:
        keys = {p: movies[p][query.sort_by] for p in positions}
        positions = sorted(positions, key=keys.__getitem__, reverse=query.order_by != "asc")
    elif query.order_by == "asc":
        positions = positions[::-1]
    if query.quality:
        # Joining movies to their torrents, the real server repeats a movie now and then.
        positions = [p for n, p in enumerate(positions) for _ in range(1 + (n % 19 == 0))]
    return positions
