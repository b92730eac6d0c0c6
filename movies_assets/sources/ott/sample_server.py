"""Serve the fictional streaming service's users, in pages.

Only HTTP belongs here: users belong in `sample_users`, faults in `sample.faults`, TCP in
`sample.serving`.
"""

from collections.abc import Mapping, Sequence
from datetime import date

from anyio.to_thread import run_sync
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from movies_assets.sample.faults import Fault, Faults
from movies_assets.sample.servers import create_page_app, number
from movies_assets.sources.ott.sample_users import USERS, Service, UserId, numbered

BASE_PATH = "/ott"
"""A client's base URL is the server's address and this path."""
LIMIT_DEFAULT, LIMIT_MOST = 30, 1000
_OVERSTATED = 3


def create_ott_app(
    users: int = USERS,
    *,
    last_day: date,
    seed: int = 1,
    faults: Faults | None = None,
    latency_seconds: float = 0,
    ids: UserId = numbered,
) -> Starlette:
    """Return an ASGI app that serves `/ott/users?limit=L&skip=S`.

    Faults identify a page by the number of skipped users. State, which may be read and changed
    while it runs: `app.state.service` (a `Service`), `.faults`, `.latency_seconds` and `.traffic`
    (a `Traffic`).

    Args:
        users: The number of users who ever sign up; a few have left by the last day.
        last_day: The current day.
        seed: The seed of the users.
        faults: The faults to inject; the list may be changed later.
        latency_seconds: The minimum duration of each reply.
        ids: Returns the id of a user, given the number.

    Raises:
        ValueError: The number of users is out of range.
    """
    app = create_page_app(
        f"{BASE_PATH}/users", _skipped, _users, faults=faults, latency_seconds=latency_seconds
    )
    app.state.service = Service(users, last_day, seed, ids=ids)
    return app


def _skipped(asked: Mapping[str, str]) -> int:
    return number(asked, "skip", 0)


async def _users(request: Request, struck: Sequence[Fault]) -> Response:
    service, asked = request.app.state.service, request.query_params
    limit = min(number(asked, "limit", LIMIT_DEFAULT), LIMIT_MOST)
    sound = await run_sync(_page, service, _skipped(asked), limit, struck)
    _shift(service, struck)
    return sound


def _page(service: Service, skip: int, limit: int, struck: Sequence[Fault]) -> Response:
    overstated = _OVERSTATED if any(fault.kind == "overstate" for fault in struck) else 0
    page = {"users": service.page(skip, limit), "total": len(service) + overstated}
    return JSONResponse(page | {"skip": skip, "limit": limit})


def _shift(service: Service, struck: Sequence[Fault]) -> None:
    """Change the users after the reply."""
    for fault in struck:
        if fault.kind == "sign_up":
            service.sign_up()
        elif fault.kind == "leave":
            service.leave()
