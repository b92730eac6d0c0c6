"""Published snapshots: audited tables, in read-only files that a pointer names.

A file is written under a name of its own and never changes; then the pointer is replaced. So a
reader has old or new data, whole, and no writer ever waits for it. `orchestration.publishing`
decides what is published and when, `warehouse.snapshot` writes a file. Readers need
only this module: no contract, and no Dagster, whose imports take seconds and 300 MB.
"""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from movies_assets.core.durable import fsync
from movies_assets.privacy.identifiers import USER_KEY
from movies_assets.warehouse.database import ALIAS, DAMAGED, STORAGE, Warehouse, WarehouseError
from movies_assets.warehouse.locks import folder_locked
from movies_assets.warehouse.quoting import literal

POINTER, LOCK = "CURRENT", ".lock"
STAMP = "%Y%m%dT%H%M%S%fZ"
UNFINISHED = ".new"
# Only files of these names are counted or removed: other files in the folder belong to the user.
NAME = r"movies_(?P<stamp>\d{8}T\d{12}Z)_[0-9a-f]{8}"
SNAPSHOT = re.compile(rf"{NAME}\.duckdb")
LEFT_BEHIND = re.compile(rf"({NAME}\.(duckdb|html)|{POINTER})\.new(\.(wal|tmp).*)?")
MADE_OF_SNAPSHOT = (".duckdb", ".duckdb.wal", ".html")
LONGEST_NAME = 255
OLD, COPY = "snapshot", "published"
# The named snapshot may be removed before it is opened; so often in a row it is no accident.
MOST_LOOKS = 5
# A row a source that keeps rows of an earlier snapshot. As JSON, because snapshots of earlier
# versions of the project lack the columns.
HELD_BACK = """
SELECT source, min(state ->> 'taken_at')::TIMESTAMPTZ AS taken_at
FROM (SELECT source, to_json(tables) AS state FROM meta.tables AS tables)
WHERE state ->> 'held_back_by' IS NOT NULL GROUP BY source ORDER BY source"""
CONFIRM_EMPTY = (
    "If it is meant to be empty, run the job `publish` once with the run config "
    '{"ops": {"published_warehouse": {"config": {"confirm_empty": true}}}}.'
)


class NothingPublishedError(WarehouseError):
    """There is no snapshot yet. The message explains how to publish one."""


@dataclass(frozen=True)
class Published:
    """The folder of published snapshots.

    Attributes:
        folder: where they are; it is made when the first one is published.
    """

    folder: Path

    def current(self) -> Path:
        """Return the newest snapshot.

        Raises:
            NothingPublishedError: there is none.
        """
        name, reason = self._named()
        path = self.folder / Path(name).name
        if not name or not path.is_file():
            raise NothingPublishedError(
                f"nothing is published in {self.folder} yet{reason}. A run publishes the tables "
                "that have passed their checks: `make run` for the sample, or the job `publish` "
                "for the tables in the warehouse."
            )
        return path

    def _named(self) -> tuple[str, str]:
        """Return the name in the pointer; where there is none, why not."""
        pointer = self.folder / POINTER
        try:
            with pointer.open(encoding="utf-8") as file:
                name = file.read(LONGEST_NAME + 1).strip()
        except FileNotFoundError:
            return "", ""
        except (OSError, UnicodeDecodeError) as error:
            return "", f": {POINTER} cannot be read ({error})"
        if len(name.encode()) > LONGEST_NAME:
            return "", f": {POINTER} is damaged"
        return name, ""

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the newest snapshot, read-only and in UTC.

        Raises:
            NothingPublishedError: there is none.
        """
        with self._open() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            yield connection

    def _open(self) -> duckdb.DuckDBPyConnection:
        for _ in range(MOST_LOOKS):
            with suppress(duckdb.IOException, NothingPublishedError):
                return duckdb.connect(self.current(), read_only=True)
        return duckdb.connect(self.current(), read_only=True)

    def snapshots(self) -> list[Path]:
        """Return all snapshots that are kept, the oldest first."""
        return [path for _, path in sorted(self._dated())]

    def _dated(self) -> Iterator[tuple[datetime, Path]]:
        """Return the snapshots with their times; names of other files are not understood."""
        for path in self.folder.glob("movies_*.duckdb"):
            if (found := SNAPSHOT.fullmatch(path.name)) and path.is_file():
                with suppress(ValueError):
                    yield datetime.strptime(found["stamp"], STAMP).replace(tzinfo=UTC), path

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep all others from publishing, and leave nothing unfinished behind.

        Raises:
            WarehouseError: the folder cannot be written.
        """
        if (self.folder / POINTER).is_dir():
            raise WarehouseError(
                f"cannot publish into {self.folder}: {POINTER} is a folder, where a file belongs "
                "that names the newest snapshot. Remove the folder, then run again."
            )
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            # A file of its own: the folder may be that of the warehouse, which has its own lock.
            (self.folder / LOCK).touch()
            with folder_locked(self.folder / LOCK, exclusive=True):
                try:
                    self._remove_unfinished()
                    yield
                finally:
                    self._remove_unfinished()
        except (duckdb.IOException, duckdb.OutOfMemoryException, OSError) as error:
            raise WarehouseError(
                f"cannot publish into {self.folder}: is the disk full, or the folder read-only? "
                f"Readers keep the snapshot before. Fix that and run again. The reason: {error}"
            ) from error

    def _remove_unfinished(self) -> None:
        for path in self.folder.glob(f"*{UNFINISHED}*"):
            if not LEFT_BEHIND.fullmatch(path.name):
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

    def unfinished(self, run_id: str) -> Path:
        """Return the path under which a new snapshot is written.

        Names sort as snapshots follow each other, also where the clock goes back.

        Raises:
            ValueError: the run's id does not begin with eight hexadecimal digits. A file of another
                name would not be known as a snapshot, and never be removed.
        """
        after = [newest + timedelta(microseconds=1) for newest, _ in self._dated()]
        now = max([datetime.now(UTC), *after])
        name = f"movies_{now:{STAMP}}_{run_id[:8]}.duckdb"
        if not SNAPSHOT.fullmatch(name):
            raise ValueError(f"{run_id} is no id of a run")
        return self.folder / f"{name}{UNFINISHED}"

    def finished(self, path: Path) -> Path:
        """Return the path of a snapshot that was written."""
        return path.with_name(path.name.removesuffix(UNFINISHED))

    def put(self, path: Path) -> Path:
        """Let a snapshot that was written be the newest one; it is on the disk then.

        Raises:
            WarehouseError: not all of it is in the file.
        """
        if path.with_name(f"{path.name}.wal").exists():
            raise WarehouseError(
                f"cannot publish into {self.folder}: the disk was full while the snapshot was "
                "written. Readers keep the one before. Free space and run again."
            )
        fsync(path)
        final = self.finished(path)
        path.replace(final)
        pointer = self.folder / f"{POINTER}{UNFINISHED}"
        pointer.write_text(f"{final.name}\n", encoding="utf-8")
        fsync(pointer)
        pointer.replace(self.folder / POINTER)
        fsync(self.folder)
        return final

    def keep(self, number: int) -> None:
        """Remove all but the newest snapshots, and the files derived from the others."""
        for path in self.snapshots()[:-number]:
            # Where an open file cannot be removed, a later call removes it.
            with suppress(PermissionError):
                self._remove(path)

    def _remove(self, snapshot: Path) -> None:
        for suffix in MADE_OF_SNAPSHOT:
            snapshot.with_name(snapshot.stem + suffix).unlink(missing_ok=True)

    def forget(self, warehouse: Warehouse, run_id: str, users: str) -> int:
        """Erase from the snapshots all users that the warehouse does not know any more.

        The newest one is rewritten. All others are removed, with any content: a keyed hash may be
        of a secret that is not in use any more. A snapshot that cannot be read is removed too.

        Args:
            warehouse: its users stay in the snapshots.
            run_id: the run, for the name of the new snapshot.
            users: the table with a row per user that the warehouse knows.

        Returns:
            How many rows of other users the newest snapshot had.

        Raises:
            WarehouseError: a snapshot cannot be written or removed.
        """
        if not self.folder.is_dir():
            return 0
        erased = 0
        with self.alone(), warehouse.reading() as connection:
            old = self.snapshots()
            if self._attach_current(connection):
                new = self.unfinished(run_id)
                erased = _copy_known(connection, new, self.finished(new).stem, users)
                self.put(new)
            for path in old:
                self._remove(path)
        return erased

    @contextmanager
    def attached(self, connection: duckdb.DuckDBPyConnection) -> Iterator[bool]:
        """Attach the newest snapshot that can be read as `OLD`; yield whether there is one.

        It is the one that readers have, or where that is damaged, the newest of the others.
        """
        is_attached = self._attach_current(connection) or any(
            _attach(connection, path) for path in reversed(self.snapshots())
        )
        try:
            yield is_attached
        finally:
            if is_attached:
                connection.execute(f"DETACH {OLD}")

    def _attach_current(self, connection: duckdb.DuckDBPyConnection) -> bool:
        """Attach the snapshot that readers have; return whether it can be read."""
        try:
            return _attach(connection, self.current())
        except NothingPublishedError:
            return False


def _attach(connection: duckdb.DuckDBPyConnection, snapshot: Path) -> bool:
    try:
        connection.execute(f"ATTACH {literal(str(snapshot))} AS {OLD} (READ_ONLY)")
    except duckdb.Error:
        return False
    return True


@contextmanager
def naming_damaged(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Name the snapshot that is attached as `OLD` where reading it shows that it is damaged.

    Raises:
        WarehouseError: it is damaged.
    """
    try:
        yield
    except duckdb.IOException as error:
        if not DAMAGED.search(str(error)):
            raise
        ((path,),) = connection.execute(
            "SELECT path FROM duckdb_databases() WHERE database_name = ?", [OLD]
        ).fetchall()
        raise WarehouseError(
            f"the published snapshot {path} is damaged. Remove it, then run again: an older one "
            f"takes its place. DuckDB says: {error}"
        ) from error


def never_written(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """Return the tables of an open snapshot that are empty because no row was ever published."""
    found = connection.execute(
        "SELECT table_name FROM meta.tables WHERE is_published AND rows IS NULL"
    ).fetchall()
    return {name for (name,) in found}


def _copy_known(
    connection: duckdb.DuckDBPyConnection, new: Path, snapshot_id: str, users: str
) -> int:
    """Copy the attached snapshot without users that the attached warehouse does not know.

    A new file has no deleted rows. Returns how many rows were left out.
    """
    left_out = 0
    is_stored = users in dict(_tables(connection, ALIAS))
    known = f"{USER_KEY} IN (SELECT {USER_KEY} FROM {ALIAS}.{users})" if is_stored else "false"
    connection.execute(f"ATTACH {literal(str(new))} AS {COPY} ({STORAGE})")
    try:
        connection.execute(f"COPY FROM DATABASE {OLD} TO {COPY} (SCHEMA)")
        for name, is_of_users in _tables(connection, OLD):
            condition = known if is_of_users else "true"
            with naming_damaged(connection):
                connection.execute(f"INSERT INTO {COPY}.{name} FROM {OLD}.{name} WHERE {condition}")
            left_out += _count(connection, f"{OLD}.{name}") - _count(connection, f"{COPY}.{name}")
            if is_of_users:
                connection.execute(
                    f"UPDATE {COPY}.meta.tables SET rows = (SELECT count(*) FROM {COPY}.{name}) "
                    "WHERE table_name = ?",
                    [name],
                )
        connection.execute(
            f"UPDATE {COPY}.meta.snapshot SET snapshot_id = ?, published_at = now()", [snapshot_id]
        )
        connection.execute(f"CHECKPOINT {COPY}")
    finally:
        connection.execute(f"DETACH {COPY}")
        connection.execute(f"DETACH {OLD}")
    return left_out


def _tables(connection: duckdb.DuckDBPyConnection, database: str) -> list[tuple[str, bool]]:
    """Return the tables, and whether each contains data of single users."""
    return connection.execute(
        "SELECT schema_name || '.' || table_name, bool_or(column_name = ?) FROM duckdb_columns() "
        "WHERE database_name = ? AND NOT internal GROUP BY ALL ORDER BY ALL",
        [USER_KEY, database],
    ).fetchall()


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    ((rows,),) = connection.execute(f"SELECT count(*) FROM {table}").fetchall()
    return int(rows)
