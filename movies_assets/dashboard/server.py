"""Assemble and serve the dashboard: pages, reader, middleware, uvicorn.

Importing this module needs the extra `dashboard`; nothing else of the project imports it.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from http import HTTPStatus
from ipaddress import ip_address

import duckdb
import uvicorn
from fastapi import FastAPI
from nicegui import app as nicegui_app
from nicegui import ui
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from movies_assets.dashboard.api import API_PATH, build_api
from movies_assets.dashboard.components import box, text
from movies_assets.dashboard.connections import (
    POLL_SECONDS,
    BoundedRequests,
    Connections,
    busy,
    protocols,
)
from movies_assets.dashboard.downloads import DOWNLOAD_PATH, DownloadRoute, Downloads
from movies_assets.dashboard.held_pages import HeldPages
from movies_assets.dashboard.layout import Page, Visit
from movies_assets.dashboard.pages import (
    audience,
    catalogue,
    data,
    home,
    movies,
    person,
    quality,
    releases,
    series,
    sql,
    table,
    title,
)
from movies_assets.dashboard.prepared import PREPARED
from movies_assets.dashboard.security import (
    KnownHosts,
    OneToken,
    SecureHeaders,
    cookie_key,
    plain_page,
)
from movies_assets.dashboard.socket_messages import WellFormedSocket
from movies_assets.serving import theme
from movies_assets.serving.guarded import GuardedReader
from movies_assets.serving.reader import SnapshotReader
from movies_assets.settings import DashboardSettings, Settings, SettingsError
from movies_assets.warehouse.published import NothingPublishedError, Published

LOG = logging.getLogger(__name__)

PAGES: tuple[Page, ...] = (
    home.PAGE,
    movies.PAGE,
    series.PAGE,
    title.PAGE,
    person.PAGE,
    table.PAGE,
    releases.PAGE,
    catalogue.PAGE,
    audience.PAGE,
    quality.PAGE,
    data.PAGE,
)

LOCAL = ("localhost", "127.0.0.1", "::1")
SMALLEST_COMPRESSED = 1_000


def reader_of(settings: Settings) -> SnapshotReader:
    """Return the reader of the configured snapshots."""
    chosen = settings.dashboard
    return SnapshotReader(
        Published(settings.published_folder),
        PREPARED,
        {"memory_limit": chosen.memory_limit, "threads": chosen.threads},
        chosen.cached_answers,
    )


def build_app(settings: Settings, pages: Sequence[Page] = PAGES) -> FastAPI:
    """Build the application; NiceGUI has global state, so a process has one.

    Args:
        settings: the folder of snapshots, and the rules of access.
        pages: the pages, the first one at `/`; the page SQL is added.
    """
    chosen = settings.dashboard
    reader, connections, held = reader_of(settings), Connections(chosen), HeldPages(chosen)
    guarded = GuardedReader(Published(settings.published_folder), chosen)
    pages = (*pages, sql.page(guarded))
    for page in pages:
        _serve(page, pages, reader, held)
    _serve_downloads(settings)
    nicegui_app.add_static_files("/static", theme.STATIC)
    nicegui_app.on_page_exception(_show_failure)
    nicegui_app.add_exception_handler(HTTPStatus.NOT_FOUND, _no_such_page)
    ui.add_head_html(
        f'<link rel="stylesheet" href="{theme.STYLESHEET}"><script src="{theme.SCRIPT}"></script>',
        shared=True,
    )

    @contextlib.asynccontextmanager
    async def watching(_: FastAPI) -> AsyncIterator[None]:
        watches = (_watch(reader), connections.watch(), held.watch())
        tasks = [asyncio.create_task(watch) for watch in watches]
        yield
        for task in tasks:
            task.cancel()

    app = FastAPI(lifespan=watching, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.connections = connections
    app.mount(API_PATH, build_api(guarded))
    ui.run_with(
        app,
        title="Movies",
        dark=True,
        language="en-US",
        tailwind=False,
        gzip_middleware_factory=None,  # replaced by our own below, within the headers' middleware
        show_welcome_message=False,
        favicon=theme.STATIC / "favicon.svg",
    )
    # The middleware added last runs first; refusals get the headers, too.
    app.add_middleware(WellFormedSocket)
    if chosen.token:
        app.add_middleware(
            OneToken, token=chosen.token.get_secret_value(), key=cookie_key(settings.data_dir)
        )
    app.add_middleware(KnownHosts, hosts={*LOCAL, chosen.host, *chosen.hosts})
    app.add_middleware(BoundedRequests, connections=connections)
    app.add_middleware(SecureHeaders)
    # For the four largest scripts, level 9 takes 74 ms, level 5 takes 40 ms and 1 % more bytes.
    app.add_middleware(GZipMiddleware, compresslevel=5, minimum_size=SMALLEST_COMPRESSED)
    return app


def serve(settings: Settings) -> None:
    """Serve the dashboard until it is interrupted.

    Raises:
        SettingsError: others could reach it, and there is no token.
    """
    chosen = settings.dashboard
    refuse_strangers(chosen)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    app = build_app(settings)
    http, ws = protocols(app.state.connections)
    uvicorn.run(
        app,
        http=http,
        ws=ws,
        host=chosen.host,
        port=chosen.port,
        access_log=False,  # an address may hold a token
        log_level="warning",
        ws_max_size=1_000_000,
    )


def refuse_strangers(chosen: DashboardSettings) -> None:
    """Require a token if a network can reach the dashboard, as it shows data of single users.

    Raises:
        SettingsError: others could reach the dashboard, and there is no token.
    """
    if not _is_local(chosen.host) and not chosen.token:
        raise SettingsError(
            f"MOVIES_DASHBOARD__TOKEN is not set, and MOVIES_DASHBOARD__HOST={chosen.host} lets "
            "other machines in. Set a token (any long text, which visitors must enter), or leave "
            "the host at 127.0.0.1."
        )


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host in LOCAL


def _serve(page: Page, pages: Sequence[Page], reader: SnapshotReader, held: HeldPages) -> None:
    def build(request: Request) -> Response | None:
        if not held.has_room():
            ui.context.client.delete()
            return busy("The maximum number of pages is open.")
        Visit(page, pages, reader, request)
        return None

    for path in (page.path, f"{page.path}/{{entity:path}}") if page.entity else (page.path,):
        ui.page(path, title=f"{page.title} · Movies")(build)


def _serve_downloads(settings: Settings) -> None:
    chosen = settings.dashboard
    downloads = Downloads(Published(settings.published_folder), defuses=chosen.defuse_csv)
    route = DownloadRoute(downloads, chosen.downloads)
    nicegui_app.routes.append(Route(DOWNLOAD_PATH + "{name}", route, methods=["GET"]))


async def _watch(reader: SnapshotReader) -> None:
    """Open new snapshots as soon as they are published, so that no visitor has to wait."""
    logged = ""
    while True:
        try:
            await reader.snapshot()
            logged = ""
        except (NothingPublishedError, duckdb.Error, OSError) as error:
            if logged != str(error):
                LOG.warning("%s", error)
            logged = str(error)
        await asyncio.sleep(POLL_SECONDS)


def _no_such_page(_: Request, __: Exception) -> HTMLResponse:
    return HTMLResponse(
        plain_page("There is no such page.", '<p><a href="/">Go to the start page</a></p>'),
        HTTPStatus.NOT_FOUND,
    )


def _show_failure() -> None:
    """Show that a page failed; the reason is in the log."""
    with box("div", "content"):
        text("h1", "This page failed")
        text("p", "See the dashboard's log for the reason. Other pages may work.", "lead")
        ui.link("Go to the start page", "/")
