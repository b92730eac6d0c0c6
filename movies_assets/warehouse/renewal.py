"""Rewrite the database file, so that no deleted row stays in it.

DuckDB leaves deleted rows in the blocks of its file.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from movies_assets.core.durable import fsync
from movies_assets.warehouse.database import ALIAS, STORAGE, Warehouse, WarehouseError, log_of
from movies_assets.warehouse.locks import folder_locked
from movies_assets.warehouse.quoting import identifier, literal

RENEWED = "renewed"
# A process that is killed within a write leaves a log; so many in a row are no accident.
MOST_LOGS = 5


def renew(warehouse: Warehouse) -> None:
    """Rewrite the file and replace the old one, so that no deleted row is left in it.

    Killed at any moment, this leaves the old file or the new one, whole, and the next call
    succeeds. Meanwhile no other process can write; those that wait go on with the new file.

    Raises:
        WarehouseError: there is no warehouse, no room, or the file cannot be written or stayed
            locked; the old file is unchanged then.
    """
    file = warehouse.file
    new = file.with_name(f".{file.name}.new")
    try:
        with (
            warehouse.explaining(),
            warehouse.session() as connection,
            _attached_without_log(warehouse, connection),
        ):
            require_room(warehouse)
            try:
                _remove(new)
                _copy(connection, new)
                _replace(file, new)
            finally:
                _remove(new)
    except (duckdb.Error, OSError) as error:
        raise WarehouseError(
            f"cannot rewrite {file}: is the disk full or read-only? The file is whole; rows that "
            "were deleted may still be in it. Fix that and run again. "
            f"The reason: {error}"
        ) from error


def require_room(warehouse: Warehouse) -> None:
    """Make sure that `renew` has room for a second file.

    Raises:
        WarehouseError: it has not.
    """
    file = warehouse.file
    needed, free = file.stat().st_size, shutil.disk_usage(file.parent).free
    if free < needed:
        raise WarehouseError(
            f"cannot rewrite {file}: that takes as much space again, {needed:,} bytes, "
            f"and {free:,} are free: {needed - free:,} are missing. Free them, then run again."
        )


@contextmanager
def _attached_without_log(
    warehouse: Warehouse, connection: duckdb.DuckDBPyConnection
) -> Iterator[None]:
    """Attach the file for reading once all rows are in it, and none in a log next to it.

    A log belongs to the file that has the name, so none may exist when the file is replaced.
    Reading locks writers out and changes nothing when it ends; a writing session would, on closing
    the old file, remove the log of a process that has opened the new one.
    """
    for _ in range(MOST_LOGS):
        warehouse.require_file()
        with warehouse.attached(connection, "READ_WRITE"):
            connection.execute(f"CHECKPOINT {ALIAS}")
        with warehouse.attached_read_only(connection):
            if any(log_of(path).exists() for path in {warehouse.path, warehouse.file}):
                continue
            yield
            return
    raise WarehouseError(
        f"cannot rewrite {warehouse.file}: another program writes to it again and again and does "
        "not close it properly. End that program, then run again."
    )


def _replace(file: Path, new: Path) -> None:
    """Give the new file the name of the old one."""
    # The old one may not be opened here: closing it again would end DuckDB's lock.
    shutil.copymode(file, new)
    fsync(new)
    with folder_locked(file.parent, exclusive=True):
        new.replace(file)
    fsync(file.parent)


def _copy(connection: duckdb.DuckDBPyConnection, new: Path) -> None:
    """Copy the contents of the attached file into a new one.

    Raises:
        WarehouseError: the copy does not hold the same rows.
    """
    connection.execute(f"ATTACH {literal(str(new))} AS {RENEWED} ({STORAGE})")
    try:
        connection.execute(f"COPY FROM DATABASE {ALIAS} TO {RENEWED}")
        connection.execute(f"CHECKPOINT {RENEWED}")
        is_whole = _counts(connection, ALIAS) == _counts(connection, RENEWED)
    finally:
        connection.execute(f"DETACH {RENEWED}")
    if not is_whole or log_of(new).exists():
        raise WarehouseError(
            f"cannot rewrite the warehouse: its copy in {new} does not hold the same rows. It was "
            "removed, and the old file stays. Check the disk, then run again."
        )


def _counts(connection: duckdb.DuckDBPyConnection, database: str) -> list[tuple[str, str, int]]:
    """Return schema, name and number of rows of each table."""
    tables = connection.execute(
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = ? ORDER BY ALL",
        [database],
    ).fetchall()
    counted = [
        connection.execute(
            f"SELECT count(*) FROM {database}.{identifier(schema)}.{identifier(name)}"
        ).fetchall()
        for schema, name in tables
    ]
    return [(*table, rows) for table, [(rows,)] in zip(tables, counted, strict=True)]


def _remove(new: Path) -> None:
    for path in (new, log_of(new)):
        path.unlink(missing_ok=True)
