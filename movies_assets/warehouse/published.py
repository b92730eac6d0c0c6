"""Published snapshots: what was audited, in read-only files that a pointer names.

A file is written under a name of its own and never changes; then the pointer is replaced. So a
reader has old or new data, whole, and no writer ever waits for it. What is published, and when, is
said in `assets.serving.published`, how one is written in `warehouse.snapshot`. Readers need nothing
but this: no contract, and no Dagster, whose imports take seconds and 300 MB.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from movies_assets.durable import synced
from movies_assets.traces import USER_KEY
from movies_assets.warehouse.database import (
    ALIAS,
    STORAGE,
    WarehouseError,
    folder_locked,
    literal,
)

POINTER = "CURRENT"
SNAPSHOTS = "movies_*.duckdb"
UNFINISHED = ".new"
COPY = "published"
# A publication within the moment between reading the pointer and opening the file is no accident
# any more when it happens again and again.
MOST_LOOKS = 5


class NothingPublishedError(WarehouseError):
    """There is no snapshot; the message says how one comes about."""


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
        try:
            name = (self.folder / POINTER).read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            name = ""
        path = self.folder / name
        if not name or not path.is_file():
            raise NothingPublishedError(
                f"nothing is published in {self.folder} yet. A run publishes when all checks have "
                "passed: `make run` for the sample, or the job `publish` for what is in the "
                "warehouse."
            )
        return path

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
            with suppress(duckdb.IOException):
                return duckdb.connect(self.current(), read_only=True)
        return duckdb.connect(self.current(), read_only=True)

    def snapshots(self) -> list[Path]:
        """Return all snapshots that are kept, the oldest first."""
        return sorted(self.folder.glob(SNAPSHOTS))

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep all others from publishing."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with folder_locked(self.folder, exclusive=True):
            for unfinished in self.folder.glob(f"*{UNFINISHED}*"):
                unfinished.unlink()
            yield

    def unfinished(self, at: datetime, run_id: str) -> Path:
        """Return the path under which a new snapshot is written."""
        name = f"movies_{at:%Y%m%dT%H%M%S%f}Z_{run_id[:8]}.duckdb"
        return self.folder / f"{name}{UNFINISHED}"

    def finished(self, path: Path) -> Path:
        """Return the path of a snapshot that was written."""
        return path.with_name(path.name.removesuffix(UNFINISHED))

    def put(self, path: Path) -> Path:
        """Let a snapshot that was written be the newest one; it is on the disk then."""
        synced(path)
        final = self.finished(path)
        path.replace(final)
        pointer = self.folder / f"{POINTER}{UNFINISHED}"
        pointer.write_text(f"{final.name}\n", encoding="utf-8")
        synced(pointer)
        pointer.replace(self.folder / POINTER)
        synced(self.folder)
        return final

    def keep(self, number: int) -> None:
        """Remove all but the newest snapshots, and what was made of the others."""
        for path in self.snapshots()[:-number]:
            self._remove(path)

    def _remove(self, snapshot: Path) -> None:
        for path in self.folder.glob(f"{snapshot.stem}.*"):
            # Where an open file cannot be removed it goes when nobody reads it any more.
            with suppress(PermissionError):
                path.unlink()

    def forget(self, keys: Collection[str], at: datetime, run_id: str) -> int:
        """Erase persons from all snapshots; return how many rows of them the snapshots had.

        The newest one is written anew without them, all others that know of them are removed.

        Args:
            keys: the keyed hashes by which gold tables know them.
            at: now, for the name of the new snapshot.
            run_id: the run, for its name.
        """
        if not self.folder.is_dir():
            return 0
        with self.alone():
            told = {path: n for path in self.snapshots() if (n := _rows_about(path, keys))}
            if told and self.current() in told:
                new = self.unfinished(at, run_id)
                _copy_without(self.current(), new, keys)
                self.put(new)
            for path in told:
                self._remove(path)
        return sum(told.values())


def _rows_about(snapshot: Path, keys: Collection[str]) -> int:
    """Return how many rows of a snapshot tell of persons."""
    with duckdb.connect(snapshot, read_only=True) as connection:
        counts = [
            connection.execute(
                f"SELECT count(*) FROM {table} WHERE {USER_KEY} IN (SELECT unnest(?::VARCHAR[]))",
                [[*keys]],
            ).fetchall()
            for table in _tables_of_persons(connection)
        ]
        return sum(rows for [(rows,)] in counts)


def _tables_of_persons(connection: duckdb.DuckDBPyConnection) -> list[str]:
    found = connection.execute(
        "SELECT schema_name || '.' || table_name FROM duckdb_columns() "
        "WHERE database_name = current_database() AND column_name = ?",
        [USER_KEY],
    ).fetchall()
    return [name for (name,) in found]


def _copy_without(snapshot: Path, new: Path, keys: Collection[str]) -> None:
    """Copy a snapshot without what it tells of persons: into a new file no deleted row goes."""
    with duckdb.connect(":memory:") as connection:
        connection.execute(f"ATTACH {literal(str(snapshot))} AS {ALIAS} (READ_ONLY)")
        connection.execute(f"ATTACH {literal(str(new))} AS {COPY} ({STORAGE})")
        connection.execute(f"COPY FROM DATABASE {ALIAS} TO {COPY} (SCHEMA)")
        for schema, name in connection.execute(
            "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = ?", [ALIAS]
        ).fetchall():
            connection.execute(f"USE {ALIAS}")
            is_personal = f"{schema}.{name}" in _tables_of_persons(connection)
            condition = (
                f"{USER_KEY} NOT IN (SELECT unnest(?::VARCHAR[]))" if is_personal else "true"
            )
            connection.execute(
                f"INSERT INTO {COPY}.{schema}.{name} "
                f"SELECT * FROM {ALIAS}.{schema}.{name} WHERE {condition}",
                [[*keys]] if is_personal else [],
            )
