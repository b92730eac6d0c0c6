"""Published tables as files: CSV for spreadsheets, Parquet for programs.

A table is looked up by its name in the list of those that may leave, and only what is found there
gets into a query. DuckDB writes the file, within its memory limit; it is gone from its folder
before the first byte of it is sent, so that nothing stays behind however a download ends.
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

from movies_assets.dashboard.queries import data as queries
from movies_assets.warehouse.database import literal
from movies_assets.warehouse.published import NothingPublishedError, Published

LOG = logging.getLogger(__name__)

Format = Literal["csv", "parquet"]
FORMATS: Mapping[Format, tuple[str, str]] = {
    "csv": ("FORMAT csv, HEADER", "text/csv; charset=utf-8"),
    "parquet": (
        "FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 50000",
        "application/vnd.apache.parquet",
    ),
}
# Files under way at once; each of them takes up to so much memory, beside that of the pages, and a
# place in the folder of temporary files.
AT_ONCE = 2
MEMORY_LIMIT = "192MB"
CHUNK_BYTES = 256 * 1024
DOWNLOAD_PATH = "/download/"
PREFIX = "movies_download_"
# From so many rows the size of a file is reckoned.
SAMPLE_ROWS = 20_000
# A spreadsheet takes a cell that begins like this for a formula, and runs it. As OWASP advises
# (CSV Injection), such a text gets an apostrophe before it in CSV; Parquet has it as it is.
FORMULA = r"^[=+\-@\t\r\n＝＋－＠]"  # noqa: RUF001 (spreadsheets of some languages take these too)


@dataclass(frozen=True)
class Downloads:
    """Makes files of published tables.

    Attributes:
        published: where the snapshots are.
    """

    published: Published

    def file(self, table: str, kind: Format) -> tuple[BinaryIO, int] | None:
        """Return a table as an open file, and its size in bytes; None if it is none that may leave.

        Raises:
            NothingPublishedError: there is no snapshot.
            duckdb.Error: the file cannot be written.
        """
        folder = Path(mkdtemp(prefix=PREFIX))
        try:
            with session(self.published.current(), folder) as connection:
                if not connection.execute(queries.SHARED, {"table": table}).fetchall():
                    return None
                path = write(connection, table, kind, folder)
            size = path.stat().st_size
            return path.open("rb"), size
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def session(snapshot: Path, folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a snapshot in a session that can write into one folder, and reach nothing else."""
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
) -> Path:
    """Write a table, or its first rows, into a file.

    Args:
        connection: see `session`.
        table: a table of the snapshot, looked up there before.
        kind: the format.
        folder: where to.
        limit: how many rows; None: all.
    """
    source = ".".join(f'"{part}"' for part in table.split("."))
    if kind == "csv":
        types = connection.execute(f"DESCRIBE FROM {source}").fetchall()
        columns = ", ".join(
            _cell(name) if type_ == "VARCHAR" else f'"{name}"' for name, type_, *_ in types
        )
    else:
        columns = "*"
    path = folder / f"{table}.{kind}"
    rows = f" LIMIT {limit:d}" if limit is not None else ""
    connection.execute(
        f"COPY (SELECT {columns} FROM {source}{rows}) TO {literal(str(path))} ({FORMATS[kind][0]})"
    )
    return path


def _cell(name: str) -> str:
    formula = literal(FORMULA)
    is_formula = f'regexp_matches("{name}", {formula})'
    return f"""CASE WHEN {is_formula} THEN '''' ELSE '' END || "{name}" AS "{name}\""""


@dataclass(frozen=True)
class Sizes:
    """How large a table's files are.

    Attributes:
        csv: bytes of the CSV file.
        parquet: bytes of the Parquet file.
        is_exact: whether it was made of all rows; otherwise it is reckoned from the first ones.
    """

    csv: int
    parquet: int
    is_exact: bool


@lru_cache(maxsize=200)
def sizes(snapshot: Path, table: str, rows: int) -> Sizes:
    """Say how large a table's files are.

    Args:
        snapshot: the snapshot, which never changes.
        table: a table that was found among those that may leave.
        rows: how many rows it has.
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
    """Answers `/download/<table>.<csv or parquet>`."""

    def __init__(self, downloads: Downloads) -> None:
        self._downloads = downloads
        self._at_once = asyncio.Semaphore(AT_ONCE)

    async def answer(self, name: str) -> Response:
        """Return the file, or say why there is none.

        Args:
            name: what the address asks for; it may be anything.
        """
        table, _, kind = name.rpartition(".")
        if not _is_format(kind):
            return _sorry("A table is there as .csv and as .parquet.", 404)
        try:
            async with self._at_once:
                made = await asyncio.to_thread(self._downloads.file, table, kind)
        except NothingPublishedError as error:
            return _sorry(str(error), 503)
        except (duckdb.Error, OSError):
            LOG.exception("a download failed")
            return _sorry("The file could not be made. The dashboard's log says why.", 500)
        if made is None:
            return _sorry("No table of this name may be downloaded.", 404)
        file, size = made
        return StreamingResponse(
            _sent(file),
            media_type=FORMATS[kind][1],
            headers={
                "content-disposition": f'attachment; filename="{table}.{kind}"',
                "content-length": str(size),
                # Not compressed on the way: then the browser knows how much is still to come.
                "content-encoding": "identity",
                "cache-control": "no-store",
            },
        )


def _is_format(kind: str) -> TypeGuard[Format]:
    return kind in FORMATS


async def _sent(file: BinaryIO) -> AsyncIterator[bytes]:
    with file:
        while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
            yield chunk


def _sorry(words: str, status: int) -> Response:
    return PlainTextResponse(words[:1].upper() + words[1:], status)
