"""The DuckDB file: open it, wait for its lock, run transactions, explain errors.

The statements of a write belong in `writer`; nothing here depends on Dagster or on a single table.
"""

import os
import platform
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from logging import getLogger
from pathlib import Path

import duckdb
import stamina

from movies_assets.core.errors import DescribedError
from movies_assets.warehouse.engine import Function, engine_of, remove_spilled
from movies_assets.warehouse.locks import folder_locked
from movies_assets.warehouse.quoting import literal

ALIAS = "warehouse"
# One writing process is all that DuckDB allows: dagster.yaml gives this pool of Dagster one slot.
WRITER_POOL = "duckdb_writer"
# The first version of the file format that has zstd, readable by DuckDB 1.2 and later.
STORAGE = "STORAGE_VERSION 'v1.2.0'"
# The holder of the file is logged once; the library would log each of its tries.
stamina.instrumentation.set_on_retry_hooks(())
# DuckDB 1.5's messages about a damaged file, and about too little memory or disk.
DAMAGED = re.compile(
    "Corrupt database file|Could not read enough bytes|not a valid DuckDB database|replaying WAL"
)
NO_MEMORY = re.compile("out of memory|failed to (allocate|offload|pin)", re.IGNORECASE)


class WarehouseError(DescribedError):
    """An operation of the warehouse failed. The message gives the cause, the place and the fix."""


class WarehouseInUseError(WarehouseError):
    """Another process held the database file for longer than this one waits."""

    is_transient = True


class _LockedError(Exception):
    """Another process holds the database file."""


@dataclass(frozen=True)
class Warehouse:
    """A DuckDB database file that many processes use, one writer at a time.

    Every session is a connection to a private in-memory DuckDB, to which the file is attached only
    while it is needed. So rows that take minutes to fetch are collected without holding the file's
    lock.

    Attributes:
        path: the database file; it and its folder are made on the first write.
        memory_limit: DuckDB's memory limit; the excess spills into a folder next to the file.
        spill_limit: how much may be spilled at once.
        threads: DuckDB's threads.
        lock_wait_seconds: how long to wait for another process before giving up.
        functions: functions that expressions may call in addition to the engine's own.
    """

    path: Path
    memory_limit: str = "192MB"
    spill_limit: str = "20GB"
    threads: int = 2
    lock_wait_seconds: float = 600
    functions: tuple[Function, ...] = ()
    # DuckDB's file lock works between processes only; within one, sessions queue here.
    _attaching: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    @contextmanager
    def session(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open a session, in UTC, without touching the file."""
        engine = engine_of(
            os.getpid(),
            self.memory_limit,
            self.spill_limit,
            self.threads,
            self.path.parent / "spill",
            self.functions,
        )
        with engine.cursor() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            yield connection

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the warehouse read-only.

        Raises:
            WarehouseError: there is no warehouse yet, it is no DuckDB file, or it stayed locked.
        """
        with self.session() as connection, self.attached_read_only(connection):
            yield connection

    @contextmanager
    def attached_read_only(self, connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
        """Attach the file to a session for reading; raises like `reading`."""
        self.require_file()
        with self.explaining(), self.attached(connection, "READ_ONLY"):
            yield

    def require_file(self) -> None:
        """Raise a WarehouseError unless the file exists."""
        if not self.path.exists():
            raise WarehouseError(
                f"there is no warehouse at {self.path} yet: materialize something first (make run)"
            )

    @contextmanager
    def transaction(self, connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
        """Attach the file to a session for one transaction: all of it happens, or nothing.

        Raises:
            WarehouseError: the file cannot be opened or written, or stayed locked.
        """
        self._make_folder()
        # A failure after COMMIT is a failure of cleaning up: the rows are in the log next to the
        # file, and the next session reads them there.
        outcome = ["Nothing was changed"]
        try:
            with self.explaining(outcome), self.attached(connection, "READ_WRITE"):
                connection.execute("BEGIN")
                try:
                    yield
                    connection.execute("COMMIT")
                    outcome[:] = ["All of it is stored"]
                except BaseException:
                    roll_back(connection)
                    raise
        except (duckdb.IOException, duckdb.TransactionException) as error:
            raise WarehouseError(
                f"cannot write {self.path}: is the disk full or read-only? {outcome[0]}; free "
                f"space and run again. DuckDB says: {error}"
            ) from error

    @contextmanager
    def explaining(self, outcome: Sequence[str] = ()) -> Iterator[None]:
        """Explain a damaged file, or memory that was too small.

        Args:
            outcome: a sentence on whether anything was stored; it may change meanwhile.

        Raises:
            WarehouseError: the explanation.
        """
        try:
            yield
        except duckdb.Error as error:
            if DAMAGED.search(str(error)):
                raise WarehouseError(_damaged(self.path, error)) from error
            if NO_MEMORY.search(str(error)):
                raise WarehouseError(
                    f"{self.path}: more memory is needed than MOVIES_WAREHOUSE__MEMORY_LIMIT "
                    f"({self.memory_limit}), and more disk than MOVIES_WAREHOUSE__SPILL_LIMIT "
                    f"({self.spill_limit}). {''.join(f'{each}. ' for each in outcome)}Raise the "
                    f"one that the machine has more of, then run again. DuckDB says: {error}"
                ) from error
            raise

    def remove_spilled(self) -> None:
        """Remove the files that killed processes have spilled to the disk."""
        remove_spilled(self.path.parent / "spill", platform.node())

    @property
    def file(self) -> Path:
        """Return the database file itself, where the path is a link to it."""
        return self.path.resolve()

    def _make_folder(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WarehouseError(f"cannot make the folder of {self.path}: {error}") from error

    @contextmanager
    def attached(self, connection: duckdb.DuckDBPyConnection, mode: str) -> Iterator[None]:
        """Attach the file to a session.

        Args:
            connection: the session.
            mode: READ_ONLY or READ_WRITE.

        Raises:
            WarehouseError: the file cannot be opened, or stayed locked.
        """
        if not self._attaching.acquire(timeout=self.lock_wait_seconds):
            raise self._in_use("another session of this process")
        try:
            self._attach(connection, mode)
            connection.execute(f"USE {ALIAS}")
            try:
                yield
            finally:
                self._detach(connection)
        finally:
            self._attaching.release()

    def _detach(self, connection: duckdb.DuckDBPyConnection) -> None:
        try:
            connection.execute("USE memory")
            connection.execute(f"DETACH {ALIAS}")
        except duckdb.Error:
            # Where a commit fails for lack of memory, DuckDB lets the session do nothing more with
            # the file; only another one can let go of it.
            with self.session() as another, suppress(duckdb.Error):
                another.execute(f"DETACH {ALIAS}")
            raise

    def _in_use(self, holder: str) -> WarehouseError:
        return WarehouseInUseError(
            f"{self.path} is still in use after {self.lock_wait_seconds:g} s by {holder}. Wait "
            "for that run to end or close that program (a DuckDB shell counts), then run again."
        )

    def _attach(self, connection: duckdb.DuckDBPyConnection, mode: str) -> None:
        statement = f"ATTACH {literal(str(self.path))} AS {ALIAS} ({mode}, {STORAGE})"
        try:
            for attempt in stamina.retry_context(
                on=_LockedError,
                attempts=None,
                timeout=self.lock_wait_seconds,
                wait_initial=0.05,
                wait_max=1,
            ):
                with attempt:
                    if attempt.num == 3:  # noqa: PLR2004 (short waits are everyday, keep quiet)
                        message = "waiting for %s: another process is writing to it"
                        getLogger(__name__).info(message, self.path)
                    # DuckDB opens a file and locks it then: in between, the file must stay the one
                    # of that name, or rows written into it would be lost.
                    with folder_locked(self.file.parent, exclusive=False):
                        _attach_once(connection, statement)
        except _LockedError as error:
            raise self._in_use(str(error)) from None
        except duckdb.Error as error:
            raise WarehouseError(_explain_open_failure(self.path, error)) from error


def _attach_once(connection: duckdb.DuckDBPyConnection, statement: str) -> None:
    try:
        connection.execute(statement)
    except duckdb.IOException as error:
        if "Could not set lock on file" not in str(error):
            raise
        holder = re.search(r"held in (.+?)(?:\. |\.?$|\. See)", str(error), re.MULTILINE)
        raise _LockedError(holder.group(1) if holder else "another process") from error


def log_of(path: Path) -> Path:
    """Return the log of a database file: changes that are not yet in the file."""
    return path.with_name(f"{path.name}.wal")


def _explain_open_failure(path: Path, error: duckdb.Error) -> str:
    if DAMAGED.search(str(error)):
        return _damaged(path, error)
    return (
        f"cannot open {path}: check that the disk is not full and that you may write to the file "
        f"and its folder. DuckDB says: {error}"
    )


def _damaged(path: Path, error: duckdb.Error) -> str:
    fault, remedy = "is damaged", ""
    if "not a valid DuckDB database" in str(error):
        fault = "is damaged, or is not a DuckDB database"
        remedy = " If it never was the warehouse, let MOVIES_WAREHOUSE__PATH name another file."
    return (
        f"{path} {fault}. Readers keep the published snapshot. Move the file away, and "
        f"{log_of(path).name} where there is one; then put a backup in its place, or rebuild the "
        f"warehouse by running the sources again (docs/how-to/rebuild-the-warehouse.md).{remedy} "
        f"DuckDB says: {error}"
    )


def roll_back(connection: duckdb.DuckDBPyConnection) -> None:
    """End a transaction, if there is one, without its changes."""
    try:
        connection.execute("ROLLBACK")
    except duckdb.Error:
        # DuckDB ends the transaction itself on a fatal error; the first error is the one to show.
        getLogger(__name__).debug("the transaction had already ended")
