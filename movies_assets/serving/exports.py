"""Share between Parquet and Delta the layout of a table and the detection of changes.

Writing files belongs in `parquet` and `delta`.
"""

import errno
import hashlib
import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import duckdb

from movies_assets.core.errors import DescribedError
from movies_assets.core.table import Table
from movies_assets.ingest.http import MASK
from movies_assets.warehouse.database import Warehouse, WarehouseError
from movies_assets.warehouse.published import (
    CONFIRM_EMPTY,
    MOST_LOOKS,
    NothingPublishedError,
    Published,
)
from movies_assets.warehouse.quoting import literal
from movies_assets.warehouse.types import duckdb_types

# The name of a Hive folder for rows without a value; an equal value would share that folder.
UNKNOWN_FOLDER = "__HIVE_DEFAULT_PARTITION__"
# The name of the division of rows without a date.
NO_DATE = "NULL"
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_EXTRAS = {"s3": "s3", "s3a": "s3", "abfs": "azure", "abfss": "azure", "az": "azure", "gs": "gcs",
           "gcs": "gcs"}  # fmt: skip
# Schemes in which the text before the @ names a container.
_CONTAINERS = {"abfs", "abfss"}
# The text before the last @ of a host, of each URL of a chain (`simplecache::s3://...`). Or, as a
# password may have a slash, the text after a colon that belongs to neither a port nor a scheme.
_LOGIN = re.compile(
    r"(?P<before>(?:(?P<scheme>[\w+.-]+):)?//+)"
    r"(?P<login>[^/?#]*|[^/?#\[]*?:(?!//|\d+(?:[/?#]|$))(?:(?!://).)*)@",
    re.DOTALL,
)
_PARAMETERS = re.compile(r"[?#].*", re.DOTALL)
# Some libraries' messages contain the whole history of an error, partly in colours.
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_SHOWN_CHARACTERS = 500


class ExportError(DescribedError):
    """A table could not be exported. The message names cause, place and fix, and no secret."""


class TableKeptError(ExportError):
    """The existing export of a table was kept. The message gives the reason.

    Attributes:
        outcome: the reason in a few words.
    """

    outcome: str


class NewerSnapshotError(TableKeptError):
    """The existing export is of a newer snapshot."""

    outcome = "newer snapshot exists"


class NeverWrittenError(TableKeptError):
    """The snapshot has no rows of the table because its warehouse never had the table."""

    outcome = "never written"


@dataclass(frozen=True)
class Layout:
    """The folders into which the rows of a table are divided.

    Attributes:
        columns: the columns whose values name folders, the outermost first.
        month_of: the date whose month the first column holds; that column is added.
    """

    columns: tuple[str, ...] = ()
    month_of: str | None = None


def by_month(date_column: str) -> Layout:
    """Divide by the months of a date; the added column holds the first day of each month."""
    stem = date_column.removesuffix("_date").removesuffix("_day")
    return Layout((f"{stem}_month",), date_column)


# The columns that dashboards filter by, in addition to the run date of all of IMDb's tables.
_DIVIDED = {
    "gold.imdb_movie_facts": Layout(("run_date", "decade", "genre")),
    "gold.imdb_episode_facts": Layout(("run_date", "series_decade")),
    # Full refreshes have no partition column, but these tables' rows have a date.
    "gold.ott_popular_movies": by_month("watched_date"),
    "gold.data_quality_snapshot": by_month("last_day"),
}


def layout_of(table: Table) -> Layout:
    """Return the layout of a table, which follows the date of its partitions.

    Tables are divided by month, as ten years of YTS have 3,653 days of 20 movies: by day, a reader
    would open 3,653 files whose footers are larger than their rows; by month there are 121. All of
    IMDb's rows have one run date, which is used unchanged. Dates that merely describe a row, as
    that of a premiere, are not used.
    """
    if known := _DIVIDED.get(table.name):
        return known
    if table.partition_column == "run_date":
        return Layout(("run_date",))
    return by_month(table.partition_column) if table.partition_column else Layout()


@dataclass(frozen=True)
class Division:
    """The rows of a table that share a value of the first layout column; the unit of change.

    Attributes:
        rows: their number.
        mark: a hash of rows and columns that does not depend on the order of rows.
    """

    rows: int
    mark: str


@dataclass(frozen=True)
class Export:
    """A table of the snapshot to export.

    Attributes:
        table: the table.
        connection: a session in which the snapshot is the current database.
        snapshot: the snapshot's name.
        is_written: whether the snapshot's warehouse ever had the table, even without rows.
    """

    table: Table
    connection: duckdb.DuckDBPyConnection
    snapshot: str
    is_written: bool = True

    @property
    def name(self) -> str:
        """Return the table's name without its schema."""
        return self.table.key.table

    @property
    def layout(self) -> Layout:
        """Return the layout of the rows."""
        return layout_of(self.table)

    @property
    def query(self) -> str:
        """Return the query for the rows, including the added month."""
        columns = [*self.table.contract.types()]
        if self.layout.month_of:
            month = f"date_trunc('month', {self.layout.month_of})::DATE"
            columns.append(f"{month} AS {self.layout.columns[0]}")
        return f"SELECT {', '.join(columns)} FROM {self.table.name}"

    def divisions(self) -> dict[str, Division]:
        """Return the division of each value of the first layout column, to detect changes.

        Sums of hashes do not depend on the order of rows, and count duplicates; they cost one scan.
        A table without a layout has one division, or none if it has no rows.
        """
        columns = duckdb_types(self.table.contract)
        shape = f"{[*columns.items()]}{self.layout}"
        first = self.layout.columns[0] if self.layout.columns else "''"
        found = self.connection.execute(
            f"SELECT coalesce({first}::VARCHAR, '{NO_DATE}'), count(*), "
            f"sum(hash({', '.join(columns)}))::VARCHAR FROM ({self.query}) GROUP BY 1 ORDER BY 1"
        ).fetchall()
        return {
            value: Division(rows, _digest(f"{rows} {hashes} {shape}"))
            for value, rows, hashes in found
        }

    def require_newest(self, there: str | None) -> None:
        """Refuse to replace an export by an older state or by nothing. Snapshots sort by name.

        Args:
            there: the snapshot of the existing export; None if there is none or it is unknown.

        Raises:
            NewerSnapshotError: it is newer than this one.
            NeverWrittenError: the warehouse of this one never had the table.
        """
        if there and not self.is_written:
            raise NeverWrittenError(
                f"{self.name}: the warehouse of {self.snapshot} never had this table, so the rows "
                f"of snapshot {there} were kept. Run its source. {CONFIRM_EMPTY}"
            )
        if there and there > self.snapshot:
            raise NewerSnapshotError(
                f"{self.name}: the existing export is of the newer snapshot {there}; nothing of "
                f"{self.snapshot} was written"
            )


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def mark_of(divisions: Mapping[str, Division]) -> str:
    """Return the mark of a whole table."""
    return _digest(str([(value, division.mark) for value, division in divisions.items()]))


def total_rows(divisions: Mapping[str, Division]) -> int:
    """Return the number of rows of a table."""
    return sum(division.rows for division in divisions.values())


@contextmanager
def reading(warehouse: Warehouse, snapshot: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a snapshot in a session of the warehouse's engine, within its memory and disk limits.

    Args:
        warehouse: provides the engine; its file is not opened.
        snapshot: the published file.
    """
    name = f"snapshot_{uuid.uuid4().hex}"
    with warehouse.session() as connection:
        connection.execute(f"ATTACH {literal(str(snapshot))} AS {name} (READ_ONLY)")
        try:
            connection.execute(f"USE {name}")
            yield connection
        finally:
            connection.execute("USE memory")
            connection.execute(f"DETACH {name}")


@contextmanager
def reading_newest(
    warehouse: Warehouse, published: Published
) -> Iterator[tuple[Path, duckdb.DuckDBPyConnection]]:
    """Open the newest snapshot as `reading` does; yield its path, too.

    It retries, as `forget_user` may replace the file between reading the pointer and opening it.

    Args:
        warehouse: provides the engine.
        published: the snapshots.

    Raises:
        NothingPublishedError: there is none.
        WarehouseError: it cannot be opened, even after several attempts.
    """
    with ExitStack() as stack:
        for _ in range(MOST_LOOKS):
            with suppress(NothingPublishedError, duckdb.IOException):
                opened = _opened(stack, warehouse, published.current())
                break
        else:
            snapshot = published.current()
            try:
                opened = _opened(stack, warehouse, snapshot)
            except duckdb.IOException as error:
                raise WarehouseError(
                    f"the newest snapshot {snapshot} cannot be opened: {error}. If it was removed "
                    "meanwhile, rerun. Otherwise check its permissions, or publish another "
                    "one (job `publish`)."
                ) from error
        yield opened


def _opened(
    stack: ExitStack, warehouse: Warehouse, snapshot: Path
) -> tuple[Path, duckdb.DuckDBPyConnection]:
    return snapshot, stack.enter_context(reading(warehouse, snapshot))


def scheme_of(url: str) -> str:
    """Return the scheme of a URL; `file` for a path."""
    return url.partition("://")[0].lower() if "://" in url else "file"


def shown(url: str) -> str:
    """Return a URL without possible secrets: logins, parameters and fragment."""
    if _is_path(url):
        return url
    text = _LOGIN.sub(
        lambda found: f"{found['before']}{MASK if _is_secret(found) else found['login']}@", url
    )
    return _PARAMETERS.sub(lambda found: f"{found[0][0]}{MASK}", text)


def _is_path(url: str) -> bool:
    """Return whether a text is a path, without secrets; `//login@host` is a URL without scheme."""
    rest = url.removeprefix("file:")
    return scheme_of(url) == "file" and (not rest.startswith("//") or rest.startswith("///"))


def _is_secret(login: re.Match[str]) -> bool:
    """Return whether a match is a login; the name of a container has no colon."""
    return (login["scheme"] or "").lower() not in _CONTAINERS or ":" in login["login"]


def _secrets(url: str) -> set[str]:
    """Return the secrets of a URL and their parts: some libraries quote only a part."""
    if _is_path(url):
        return set()
    found = {login["login"] for login in _LOGIN.finditer(url) if _is_secret(login)}
    found |= {*map(unquote, found)}
    found |= {part for login in found for part in re.split("[:/@]", login)}
    if parameters := _PARAMETERS.search(_LOGIN.sub("", url)):
        found |= {parameters[0][1:], *re.split("[?#&=]", parameters[0])}
    return {*found, *map(unquote, found)} - {""}


def _masked(text: str, url: str) -> str:
    for secret in sorted(_secrets(url), key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


@contextmanager
def plain_errors(url: str) -> Iterator[None]:
    """Translate errors of a disk or store into one that explains what to do.

    Each store has its own errors, and some are plain `Exception`s.
    """
    try:
        yield
    except (ExportError, TypeError, AttributeError, LookupError, AssertionError):
        raise  # already clear, or a bug of this project
    except Exception as error:  # noqa: BLE001
        # Without its cause, which would show the URL with its secrets.
        raise ExportError(
            f"{shown(url)} cannot be written: {_described(error, url)} {_remedy(error, url)}"
        ) from None


def _described(error: Exception, url: str) -> str:
    text = " ".join(_COLOURS.sub("", str(error)).split())
    text = _masked(text, url)[:_SHOWN_CHARACTERS]
    return f"{type(error).__name__}: {text.rstrip('.')}."


def _remedy(error: Exception, url: str) -> str:
    text = f"{type(error).__name__} {error}".lower()
    number = error.errno if isinstance(error, OSError) else None
    if number in _NO_ROOM or "no space left" in text or "file too large" in text:
        return "The disk is full: free some space, then rerun. The previous export was kept."
    if isinstance(error, ImportError) and (extra := _EXTRAS.get(scheme_of(url))):
        return f"To fix it: pip install 'movies_assets[{extra}]'."
    if "commitfailed" in text:
        return "Another process writes the same table: rerun when it is done."
    if "credential" in text or "authentication" in text:
        return (
            "No valid credentials were found: set them as the store's own tools expect (for S3 "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, for Azure AZURE_STORAGE_ACCOUNT_NAME and "
            "AZURE_STORAGE_ACCOUNT_KEY), then rerun."
        )
    return "Check the URL, its write permissions and that it can be reached; then rerun."
