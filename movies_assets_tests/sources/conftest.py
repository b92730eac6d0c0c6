import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from movies_assets.sample.serving import serve

SERVER_TIME = 1_700_000_000


def page_body(movies: list[Any], movie_count: int, limit: int, number: int) -> bytes:
    data: dict[str, Any] = {"movie_count": movie_count, "limit": limit, "page_number": number}
    if movies:
        data["movies"] = movies
    envelope = {"status": "ok", "data": data, "@meta": {"server_time": SERVER_TIME}}
    return json.dumps(envelope).encode()


@dataclass
class Catalogue:
    """A catalogue over TCP: counts requests, and answers with a fault where a test asks for one."""

    movies: list[Any] = field(default_factory=list)
    overstated: int = 3
    latency: float = 0
    fault: Callable[[Request, int], Awaitable[Response | None] | Response | None] | None = None
    requests: list[Request] = field(default_factory=list)
    under_way: int = 0
    most_under_way: int = 0
    url: str = ""

    @property
    def pages(self) -> list[int]:
        return [int(request.query_params.get("page", 0)) for request in self.requests]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        self.requests.append(request)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            response = await self.answer(request)
        finally:
            self.under_way -= 1
        await response(scope, receive, send)

    async def answer(self, request: Request) -> Response:
        await asyncio.sleep(self.latency)
        if self.fault:
            response = self.fault(request, len(self.requests))
            if isinstance(response, Awaitable):
                response = await response
            if response:
                return response
        number, limit = int(request.query_params["page"]), int(request.query_params["limit"])
        movies = self.movies[(number - 1) * limit : number * limit]
        body = page_body(movies, len(self.movies) + self.overstated, limit, number)
        return Response(body, media_type="application/json")


@pytest.fixture(scope="session")
def _server() -> Iterator[tuple[str, dict[str, Catalogue]]]:
    current: dict[str, Catalogue] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await current["catalogue"](scope, receive, send)

    with serve(app) as url:
        yield f"{url}/api/v2", current


@pytest.fixture
def catalogue(_server: tuple[str, dict[str, Catalogue]]) -> Catalogue:
    url, current = _server
    current["catalogue"] = Catalogue(url=url)
    return current["catalogue"]
