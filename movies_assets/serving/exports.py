"""What Parquet and Delta have in common: how a table is divided, and how a change is told.

How files are written belongs in `parquet` and `delta`.
"""

import errno
import hashlib
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import duckdb

from movies_assets.table import Table
from movies_assets.warehouse.database import Warehouse, literal

# What a Hive folder of rows without value is called. As a value it would share their folder.
UNKNOWN_FOLDER = "__HIVE_DEFAULT_PARTITION__"
# How a division of rows without a date is called; no date looks like this.
NO_DATE = "NULL"
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_EXTRAS = {"s3": "s3", "s3a": "s3", "abfs": "azure", "abfss": "azure", "az": "azure", "gs": "gcs",
           "gcs": "gcs"}  # fmt: skip
# Schemes in which what stands before the @ names a container.
_CONTAINERS = {"abfs", "abfss"}
_MASK = "***"
# Of one error the libraries below tell their whole history, some of it in colours.
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_SHOWN_CHARACTERS = 500


class ExportError(Exception):
    """A table could not be exported. The message names cause, place and remedy, and no secret."""


@dataclass(frozen=True)
class Layout:
    """How the rows of a table are divided.

    Attributes:
        columns: each value of the first one is a folder, in it each of the second one, ...
        month_of: the date of which the first column is the month; that column is added.
    """

    columns: tuple[str, ...] = ()
    month_of: str | None = None


def by_month(date_column: str) -> Layout:
    """Divide by the months of a date; the added column holds their first days."""
    stem = date_column.removesuffix("_date").removesuffix("_day")
    return Layout((f"{stem}_month",), date_column)


# What dashboards filter by, beside the run date that all of IMDb's tables have.
_DIVIDED = {
    "gold.imdb_movie_facts": Layout(("run_date", "decade", "genre")),
    "gold.imdb_episode_facts": Layout(("run_date", "series_decade")),
    # They mirror the newest state, and so have no partition column; but their rows have a date.
    "gold.ott_popular_movies": by_month("watched_date"),
    "gold.data_quality_snapshot": by_month("last_day"),
}


def layout_of(table: Table) -> Layout:
    """Say how a table is divided: by the date that its partitions follow.

    By months, for ten years of YTS have 3,653 days of 20 movies: a table would be as many files, of
    which a reader opens each, and whose footers are larger than their rows; by months it is 121.
    All of IMDb's rows have one run date, which is taken as it is. Dates that merely describe a row,
    such as that of a premiere, divide nothing.
    """
    if known := _DIVIDED.get(table.name):
        return known
    if table.partition_column == "run_date":
        return Layout(("run_date",))
    return by_month(table.partition_column) if table.partition_column else Layout()


@dataclass(frozen=True)
class Division:
    """The rows of a table that are told apart from others when a change is looked for.

    Attributes:
        rows: how many.
        mark: equal for equal rows, in whatever order, of equal columns.
    """

    rows: int
    mark: str


@dataclass(frozen=True)
class Export:
    """A table of the snapshot as it leaves.

    Attributes:
        table: which one.
        connection: a session in which the snapshot is the current database.
        snapshot: the snapshot's name.
    """

    table: Table
    connection: duckdb.DuckDBPyConnection
    snapshot: str

    @property
    def name(self) -> str:
        """Return the table's name without its schema."""
        return self.table.key.path[-1]

    @property
    def layout(self) -> Layout:
        """Return how the rows are divided."""
        return layout_of(self.table)

    @property
    def query(self) -> str:
        """Return the rows as SQL, the added month included."""
        columns = [*self.table.contract.types()]
        if self.layout.month_of:
            month = f"date_trunc('month', {self.layout.month_of})::DATE"
            columns.append(f"{month} AS {self.layout.columns[0]}")
        return f"SELECT {', '.join(columns)} FROM {self.table.name}"

    def divisions(self) -> dict[str, Division]:
        """Return what tells a change: a mark of the rows of each value of the first column.

        Sums of hashes do not depend on the order of rows, and count equal rows; what they cost is
        one scan. A table that is not divided has one division, of no rows none.
        """
        columns = self.table.contract.types()
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


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def mark_of(divisions: Mapping[str, Division]) -> str:
    """Return the mark of a whole table."""
    return _digest(str([(value, division.mark) for value, division in divisions.items()]))


def rows_of(divisions: Mapping[str, Division]) -> int:
    """Return how many rows a table has."""
    return sum(division.rows for division in divisions.values())


@contextmanager
def reading(warehouse: Warehouse, snapshot: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a snapshot in a session of the warehouse's engine, within its limits of memory and disk.

    Args:
        warehouse: whose engine it is; its file is not touched.
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


def scheme_of(url: str) -> str:
    """Return the scheme of a URL; of a path `file`."""
    return url.partition("://")[0].lower() if "://" in url else "file"


def shown(url: str) -> str:
    """Return a URL without what may be secret in it: login and parameters."""
    if scheme_of(url) == "file":
        return url
    parts = urlsplit(url)
    login, at, host = parts.netloc.rpartition("@")
    if at and scheme_of(url) not in _CONTAINERS:
        login = _MASK
    query = f"?{_MASK}" if parts.query else ""
    return f"{parts.scheme}://{login}{at}{host}{parts.path}{query}"


def _masked(text: str, url: str) -> str:
    parts = urlsplit(url)
    login = parts.netloc.rpartition("@")[0]
    secrets: Sequence[str] = [parts.query, *re.split("[&=]", parts.query)]
    if scheme_of(url) not in _CONTAINERS:
        secrets = [*secrets, login, *login.split(":")]
    for secret in sorted({*secrets, *map(unquote, secrets)}, key=len, reverse=True):
        if secret:
            text = text.replace(secret, _MASK)
    return text


@contextmanager
def in_plain_words(url: str) -> Iterator[None]:
    """Turn what a disk or store refuses into an error that says what to do.

    Each store has errors of its own, and some are of no class but `Exception`.
    """
    try:
        yield
    except (ExportError, TypeError, AttributeError, LookupError, AssertionError):
        raise  # clear already, or a mistake of ours
    except Exception as error:  # noqa: BLE001
        # Without its cause, for that would show the URL with its secrets.
        raise ExportError(
            f"{shown(url)} cannot be written: {_told(error, url)} {_remedy(error, url)}"
        ) from None


def _told(error: Exception, url: str) -> str:
    text = " ".join(_COLOURS.sub("", str(error)).split())
    text = _masked(text, url)[:_SHOWN_CHARACTERS]
    return f"{type(error).__name__}: {text.rstrip('.')}."


def _remedy(error: Exception, url: str) -> str:
    text = f"{type(error).__name__} {error}".lower()
    number = error.errno if isinstance(error, OSError) else None
    if number in _NO_ROOM or "no space left" in text or "file too large" in text:
        return "The disk is full: free some space, then run again. What was there before stays."
    if isinstance(error, ImportError) and (extra := _EXTRAS.get(scheme_of(url))):
        return f"To mend it: pip install 'movies_assets[{extra}]'."
    if "commitfailed" in text:
        return "Another process writes the same table: run again when it is done."
    if "credential" in text or "authentication" in text:
        return (
            "No valid credentials were found: set them as the store's own tools read them (of S3 "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, of Azure AZURE_STORAGE_ACCOUNT_NAME and "
            "AZURE_STORAGE_ACCOUNT_KEY), then run again."
        )
    return "Check the URL, that it may be written, and that it can be reached; then run again."
