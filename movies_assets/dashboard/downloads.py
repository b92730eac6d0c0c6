"""Offer published tables as files: CSV for spreadsheets, Parquet for programs.

A table is looked up by name among the downloadable ones, and only the found name gets into a query.
DuckDB writes the file, within its memory limit; the file is unlinked before the first byte is sent,
so that nothing is left behind however a download ends.
"""

import asyncio
import logging
import shutil
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp
from typing import BinaryIO, Literal, TypeGuard

import duckdb
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from movies_assets.dashboard.connections import busy
from movies_assets.serving import formulas
from movies_assets.serving.queries import data as queries
from movies_assets.warehouse.published import NothingPublishedError, Published
from movies_assets.warehouse.quoting import literal

LOG = logging.getLogger(__name__)

Format = Literal["csv", "parquet"]
FORMATS: Mapping[Format, tuple[str, str]] = {
    "csv": ("FORMAT csv, HEADER", "text/csv; charset=utf-8"),
    "parquet": (
        "FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 50000",
        "application/vnd.apache.parquet",
    ),
}
# The most files written concurrently, and the memory of each, in addition to that of the pages.
MADE_AT_ONCE = 2
MEMORY_LIMIT = "192MB"
CHUNK_BYTES = 256 * 1024
DOWNLOAD_PATH = "/download/"
PREFIX = "movies_download_"
# The number of rows from which the size of a file is estimated.
SAMPLE_ROWS = 20_000


@dataclass(frozen=True)
class Downloads:
    """A writer of published tables to files.

    Attributes:
        published: the published snapshots.
        defuses: whether texts of CSV that begin like a formula get an apostrophe.
    """

    published: Published
    defuses: bool = True

    def file(self, table: str, kind: Format) -> tuple[BinaryIO, int] | None:
        """Return a table as an open file, and its size in bytes; None if it is not downloadable.

        Raises:
            NothingPublishedError: there is no snapshot.
            duckdb.Error: the file cannot be written.
        """
        folder = Path(mkdtemp(prefix=PREFIX))
        try:
            with session(self.published.current(), folder) as connection:
                if not connection.execute(queries.SHARED, {"table": table}).fetchall():
                    return None
                path = write(connection, table, kind, folder, defuses=self.defuses)
            size = path.stat().st_size
            return path.open("rb"), size
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def session(snapshot: Path, folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a snapshot in a session that can write into one folder, and access nothing else."""
    with duckdb.connect(
        ":memory:", config={"memory_limit": MEMORY_LIMIT, "threads": 1}
    ) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"ATTACH {literal(str(snapshot))} AS snapshot (READ_ONLY)")
        connection.execute("USE snapshot")
        connection.execute(f"SET temp_directory = {literal(str(folder / 'spilled'))}")
        connection.execute(f"SET allowed_directories = [{literal(str(folder))}]")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        yield connection


def write(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    kind: Format,
    folder: Path,
    limit: int | None = None,
    *,
    defuses: bool = True,
) -> Path:
    """Write a table, or its first rows, into a file.

    Args:
        connection: see `session`.
        table: a table of the snapshot, which was looked up there.
        kind: the format.
        folder: the folder to write into.
        limit: the number of rows; None: all.
        defuses: whether texts of CSV that begin like a formula get an apostrophe.
    """
    source = ".".join(f'"{part}"' for part in table.split("."))
    columns = "*"
    if kind == "csv" and defuses:
        types = connection.execute(f"DESCRIBE FROM {source}").fetchall()
        columns = ", ".join(
            f'"{name}"'
            if formulas.PLAIN.fullmatch(type_)
            else f'{formulas.defused(name)} AS "{name}"'
            for name, type_, *_ in types
        )
    path = folder / f"{table}.{kind}"
    rows = f" LIMIT {limit:d}" if limit is not None else ""
    connection.execute(
        f"COPY (SELECT {columns} FROM {source}{rows}) TO {literal(str(path))} ({FORMATS[kind][0]})"
    )
    return path


@dataclass(frozen=True)
class Sizes:
    """The sizes of a table's files.

    Attributes:
        csv: bytes of the CSV file.
        parquet: bytes of the Parquet file.
        is_exact: whether they include all rows; otherwise they are estimated from the first ones.
    """

    csv: int
    parquet: int
    is_exact: bool


@lru_cache(maxsize=200)
def sizes(snapshot: Path, table: str, rows: int) -> Sizes:
    """Measure or estimate the sizes of a table's files.

    Args:
        snapshot: the snapshot, which never changes.
        table: a downloadable table.
        rows: its number of rows.
    """
    folder = Path(mkdtemp(prefix=PREFIX))
    share = max(rows / SAMPLE_ROWS, 1.0)
    try:
        with session(snapshot, folder) as connection:
            csv, parquet = (
                write(connection, table, kind, folder, SAMPLE_ROWS).stat().st_size
                for kind in FORMATS
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Sizes(round(csv * share), round(parquet * share), is_exact=share == 1.0)


class DownloadRoute:
    """The ASGI app of `/download/<table>.<csv or parquet>`.

    A download counts until it is sent or its connection is closed: until then its file takes up
    disk space. `connections` closes those whose client does not read.
    """

    def __init__(self, downloads: Downloads, most: int) -> None:
        """Set the writer of the files, and the most concurrent downloads."""
        self._downloads, self._most = downloads, most
        self._held = 0
        self._made_at_once = asyncio.Semaphore(MADE_AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if self._held >= self._most:
            await busy("The maximum number of downloads is running.")(scope, receive, send)
            return
        self._held += 1
        try:
            response = await self.answer(scope["path_params"]["name"])
            await response(scope, receive, send)
        finally:
            self._held -= 1

    async def answer(self, name: str) -> Response:
        """Return the response with the file, or with the reason why there is none.

        Args:
            name: the name in the address, which is untrusted.
        """
        table, _, kind = name.rpartition(".")
        if not _is_format(kind):
            return _error("Tables are available as .csv and as .parquet.", 404)
        try:
            async with self._made_at_once:
                made = await asyncio.to_thread(self._downloads.file, table, kind)
        except NothingPublishedError as error:
            return _error(str(error), 503)
        except (duckdb.Error, OSError):
            LOG.exception("a download failed")
            return _error("The file could not be written. See the dashboard's log.", 500)
        if made is None:
            return _error("There is no downloadable table of this name.", 404)
        return OpenFile(*made, f"{table}.{kind}", FORMATS[kind][1])


class OpenFile(StreamingResponse):
    """A response that sends an open file, and closes it however sending ends."""

    def __init__(self, file: BinaryIO, size: int, name: str, media_type: str) -> None:
        """Set the file, its size in bytes, and the name and media type for the browser."""
        self._file = file
        super().__init__(
            self._chunks(),
            media_type=media_type,
            headers={
                "content-disposition": f'attachment; filename="{name}"',
                "content-length": str(size),
                # Without content coding, so that the browser can show the progress.
                "content-encoding": "identity",
                "cache-control": "no-store",
            },
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file."""
        with self._file:
            await super().__call__(scope, receive, send)

    async def _chunks(self) -> AsyncIterator[bytes]:
        while chunk := await asyncio.to_thread(self._file.read, CHUNK_BYTES):
            yield chunk


def _is_format(kind: str) -> TypeGuard[Format]:
    return kind in FORMATS


def _error(words: str, status: int) -> Response:
    return PlainTextResponse(words[:1].upper() + words[1:], status)
