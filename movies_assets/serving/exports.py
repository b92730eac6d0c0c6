"""What Parquet and Delta have in common: how a table is divided, and how a change is told.

How files are written belongs in `parquet` and `delta`.
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

from movies_assets.core.table import Table
from movies_assets.warehouse.database import Warehouse, WarehouseError, literal
from movies_assets.warehouse.published import (
    CONFIRM_EMPTY,
    MOST_LOOKS,
    NothingPublishedError,
    Published,
)
from movies_assets.warehouse.types import duckdb_types

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
# What stands before the last @ of a host, of each URL of a chain (`simplecache::s3://...`). Or, for
# a password may have a slash: what follows a colon that is neither of a port nor of a scheme.
_LOGIN = re.compile(
    r"(?P<before>(?:(?P<scheme>[\w+.-]+):)?//+)"
    r"(?P<login>[^/?#]*|[^/?#\[]*?:(?!//|\d+(?:[/?#]|$))(?:(?!://).)*)@",
    re.DOTALL,
)
_PARAMETERS = re.compile(r"[?#].*", re.DOTALL)
# Of one error the libraries below tell their whole history, some of it in colours.
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_SHOWN_CHARACTERS = 500


class ExportError(Exception):
    """A table could not be exported. The message names cause, place and remedy, and no secret."""


class LeftAsItIsError(ExportError):
    """The table that is there was left as it is; the message says why.

    Attributes:
        outcome: the reason in a few words.
    """

    outcome: str


class NewerIsThereError(LeftAsItIsError):
    """What is there is of a newer snapshot."""

    outcome = "newer is there"


class NeverWrittenError(LeftAsItIsError):
    """The snapshot has no row of the table because its warehouse never had one."""

    outcome = "never written"


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
    """Return how a table is divided: by the date that its partitions follow.

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
        is_written: whether the snapshot's warehouse ever had the table, maybe without rows.
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
        """Refuse to bring an older state back, or none. Names of snapshots sort by time.

        Args:
            there: the snapshot of which the table is that is there, as far as that is known.

        Raises:
            NewerIsThereError: it is newer than this one.
            NeverWrittenError: the warehouse of this one never had the table.
        """
        if there and not self.is_written:
            raise NeverWrittenError(
                f"{self.name}: the warehouse of {self.snapshot} never had this table, so the rows "
                f"of snapshot {there} stay. Run its source. {CONFIRM_EMPTY}"
            )
        if there and there > self.snapshot:
            raise NewerIsThereError(
                f"{self.name}: newer is there, of snapshot {there}; nothing of {self.snapshot} is "
                "written"
            )


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


@contextmanager
def reading_newest(
    warehouse: Warehouse, published: Published
) -> Iterator[tuple[Path, duckdb.DuckDBPyConnection]]:
    """Open the newest snapshot as `reading` does; yield its path, too.

    Between reading the pointer and opening the file `forget_user` may replace and remove it.

    Args:
        warehouse: whose engine it is.
        published: the snapshots.

    Raises:
        NothingPublishedError: there is none.
        WarehouseError: it cannot be opened, however often one looks.
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
                    "meanwhile, run again. Otherwise check that it may be read, or publish another "
                    "one (job `publish`)."
                ) from error
        yield opened


def _opened(
    stack: ExitStack, warehouse: Warehouse, snapshot: Path
) -> tuple[Path, duckdb.DuckDBPyConnection]:
    return snapshot, stack.enter_context(reading(warehouse, snapshot))


def scheme_of(url: str) -> str:
    """Return the scheme of a URL; of a path `file`."""
    return url.partition("://")[0].lower() if "://" in url else "file"


def shown(url: str) -> str:
    """Return a URL without what may be secret in it: logins, parameters and fragment."""
    if _is_path(url):
        return url
    text = _LOGIN.sub(
        lambda found: f"{found['before']}{_MASK if _is_secret(found) else found['login']}@", url
    )
    return _PARAMETERS.sub(lambda found: f"{found[0][0]}{_MASK}", text)


def _is_path(url: str) -> bool:
    """Tell a path, of which all may be shown; `//login@host` is a URL that lacks its scheme."""
    rest = url.removeprefix("file:")
    return scheme_of(url) == "file" and (not rest.startswith("//") or rest.startswith("///"))


def _is_secret(login: re.Match[str]) -> bool:
    """Tell a login from the name of a container, which has no colon."""
    return (login["scheme"] or "").lower() not in _CONTAINERS or ":" in login["login"]


def _secrets(url: str) -> set[str]:
    """Return what is not shown of a URL, and its parts: some libraries tell of one only."""
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
        return f"To fix it: pip install 'movies_assets[{extra}]'."
    if "commitfailed" in text:
        return "Another process writes the same table: run again when it is done."
    if "credential" in text or "authentication" in text:
        return (
            "No valid credentials were found: set them as the store's own tools read them (of S3 "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, of Azure AZURE_STORAGE_ACCOUNT_NAME and "
            "AZURE_STORAGE_ACCOUNT_KEY), then run again."
        )
    return "Check the URL, that it may be written, and that it can be reached; then run again."
