"""Serve dumps: those in a folder, and fictional ones that are written on request.

Only HTTP belongs here: the content of dumps belongs in `sample`, faults in `sample.faults`, TCP in
`sample.serving`.
"""

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from threading import Lock

from anyio.to_thread import run_sync
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from movies_assets.sample.faults import TAMPERING, Fault, Faults, Tampered, deaf
from movies_assets.sample.servers import create_file_app
from movies_assets.sources.imdb import sample as imdb
from movies_assets.sources.imdb.settings import FILES

BASE_PATH = "/imdb"
"""A client's base URL is the server's address, this path, and a run date."""
_FILE = "/{file}.tsv.gz"


def create_folder_app(folder: Path, *, faults: Faults | None = None) -> Starlette:
    """Return an ASGI app that serves the dumps in a folder, at any path that ends in their name.

    Its state may be read and changed while it runs: `app.state.folder`, `.faults`, `.traffic` (a
    `Traffic`), and `.successor`: the folder that replaces `folder` at the fault `replaced`.

    Args:
        folder: The folder of the dumps.
        faults: The faults to inject; the list may be changed later.
    """

    def served(_: Request) -> Path:
        return Path(app.state.folder)

    app = _app([_FILE, "/{path:path}" + _FILE], served, faults)
    app.state.folder = app.state.successor = folder
    return app


def create_imdb_app(
    cache: Path, *, scale: float, seed: int = 1, faults: Faults | None = None
) -> Starlette:
    """Return an ASGI app that serves `/imdb/{run_date}/<file>.tsv.gz` of any date.

    A dump is generated at its first request. State: `app.state.faults` and `.traffic`.

    Args:
        cache: The folder of the dumps, with one folder per date below one for scale and seed.
        scale: The size relative to the real dumps.
        seed: The seed of all titles.
        faults: The faults to inject; the list may be changed later.
    """
    lock = Lock()

    def generated(request: Request) -> Path:
        file, run_date = request.path_params["file"], _date(request.path_params["run_date"])
        folder = cache / f"scale={scale}" / f"seed={seed}" / f"run_date={run_date}"
        with lock:
            if file in FILES and not (folder / f"{file}.tsv.gz").exists():
                imdb.generate(folder, run_date=run_date, scale=scale, seed=seed, files=[file])
        return folder

    return _app([f"{BASE_PATH}/{{run_date}}{_FILE}"], generated, faults)


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise HTTPException(404) from error


def _app(
    paths: Sequence[str], folder_of: Callable[[Request], Path], faults: Faults | None
) -> Starlette:
    async def dump(request: Request, struck: Sequence[Fault]) -> Response:
        return await _file(request, await run_sync(folder_of, request), struck)

    return create_file_app(paths, dump, faults)


async def _file(request: Request, folder: Path, struck: Sequence[Fault]) -> Response:
    kinds = {fault.kind for fault in struck} & TAMPERING
    files = StaticFiles(directory=folder, check_dir=False)
    name = f"{request.path_params['file']}.tsv.gz"
    sound = await files.get_response(name, deaf(request.scope, kinds))
    if "replaced" in kinds:
        request.app.state.folder = request.app.state.successor
    return Tampered(sound, kinds) if kinds else sound
