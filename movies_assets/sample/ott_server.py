"""A server of the fictional streaming service's users, in pages.

Only HTTP belongs here: who the users are belongs into `ott_users`, what goes wrong into `faults`,
TCP into `serving`.
"""

from collections.abc import Mapping, Sequence
from datetime import date

import anyio
from anyio.to_thread import run_sync
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from movies_assets.sample.faults import Fault, Faults
from movies_assets.sample.ott_users import USERS, Service
from movies_assets.sample.server import Traffic

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
) -> Starlette:
    """Returns an ASGI app that serves `/ott/users?limit=L&skip=S`.

    To faults a page is told by how many users it skips. State, which may be read and changed while
    it runs: `app.state.service` (a `Service`), `.faults`, `.latency_seconds` and `.traffic` (a
    `Traffic`).

    Args:
        users: How many ever sign up until the last day; a few have left by then.
        last_day: The day that it is.
        seed: Another seed is other people.
        faults: What goes wrong; the list may be changed later.
        latency_seconds: How long each reply takes at least.

    Raises:
        ValueError: There cannot be so many or so few users.
    """
    app = Starlette(routes=[Route(f"{BASE_PATH}/users", _users)])
    app.state.service = Service(users, last_day, seed)
    app.state.faults = faults or Faults()
    app.state.latency_seconds = latency_seconds
    app.state.traffic = Traffic()
    return app


async def _users(request: Request) -> Response:
    state, asked = request.app.state, request.query_params
    state.traffic.requests.append(dict(asked))
    with state.traffic:
        skip, limit = _number(asked, "skip", 0), _number(asked, "limit", LIMIT_DEFAULT)
        struck = state.faults.strike(skip)
        slow = sum(fault.seconds for fault in struck if fault.kind == "slow")
        await anyio.sleep(state.latency_seconds + slow)
        sound = await run_sync(_page, state.service, skip, min(limit, LIMIT_MOST), struck)
        _shift(state.service, struck)
        broken = (fault.reply(bytes(sound.body)) for fault in struck)
        return next((reply for reply in broken if reply is not None), sound)


def _page(service: Service, skip: int, limit: int, struck: Sequence[Fault]) -> Response:
    overstated = _OVERSTATED if any(fault.kind == "overstate" for fault in struck) else 0
    page = {"users": service.page(skip, limit), "total": len(service) + overstated}
    return JSONResponse(page | {"skip": skip, "limit": limit})


def _shift(service: Service, struck: Sequence[Fault]) -> None:
    """Changes who the users are, behind the reply."""
    for fault in struck:
        if fault.kind == "sign_up":
            service.sign_up()
        elif fault.kind == "leave":
            service.leave()


def _number(asked: Mapping[str, str], name: str, default: int) -> int:
    text = asked.get(name, "")
    return int(text) if text.isdecimal() else default
