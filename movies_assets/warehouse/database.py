"""The DuckDB file: opening it, waiting for its lock, transactions, and errors in plain words.

What is written into it belongs in `writer`; nothing here knows of Dagster or of a single table.
"""

import os
import platform
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from logging import Logger, getLogger
from pathlib import Path

import duckdb
import stamina
from duckdb.sqltypes import VARCHAR

from movies_assets.core.durable import fsync
from movies_assets.core.errors import DescribedError

try:
    import fcntl
except ModuleNotFoundError:  # Windows, where an open file cannot be replaced anyway
    fcntl = None  # type: ignore[assignment]

ALIAS, RENEWED = "warehouse", "renewed"
# The first version of the file format that has zstd, readable by DuckDB 1.2 and later.
STORAGE = "STORAGE_VERSION 'v1.2.0'"
# Who holds the file is logged once; the library would log each of its tries.
stamina.instrumentation.set_on_retry_hooks(())
# A process that is killed within a write leaves a log; so many in a row are no accident.
MOST_LOGS = 5
ABANDONED_SECONDS = 86_400
# How DuckDB 1.5 says that a file is not as it was written, and that memory or spill were too small.
DAMAGED = re.compile(
    "Corrupt database file|Could not read enough bytes|not a valid DuckDB database|replaying WAL"
)
NO_MEMORY = re.compile("out of memory|failed to (allocate|offload|pin)", re.IGNORECASE)


class WarehouseError(DescribedError):
    """The warehouse cannot do what was asked; the message says what, where and what to do."""


class WarehouseInUseError(WarehouseError):
    """Another process held the database file for longer than this one waits."""

    is_transient = True


class _LockedError(Exception):
    """Another process holds the database file."""


@dataclass(frozen=True)
class Function:
    """A function that tables' expressions call by name and that no engine has.

    Attributes:
        name: its name in SQL.
        call: takes a text, returns a text. Functions that are equal are one.
    """

    name: str
    call: Callable[[str], str]


@dataclass(frozen=True)
class Warehouse:
    """A DuckDB database file that many processes use, one writer at a time.

    Every session is a connection to a private in-memory DuckDB, to which the file is attached only
    while it is needed. So rows that take minutes to fetch are collected without holding the file's
    lock.

    Attributes:
        path: the database file; it and its folder are made on the first write.
        memory_limit: DuckDB's memory limit; what exceeds it spills into a folder beside the file.
        spill_limit: how much may be spilled at once.
        threads: DuckDB's threads.
        lock_wait_seconds: how long to wait for another process before giving up.
        functions: what expressions may call beside the engine's own functions.
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
        engine = _engine(
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
        self._require_file()
        with self._in_plain_words(), self._attached(connection, "READ_ONLY"):
            yield

    def _require_file(self) -> None:
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
        # What fails after COMMIT is the tidying up: the rows are in the log beside the file then,
        # and the next session reads them there.
        outcome = ["Nothing was changed"]
        try:
            with self._in_plain_words(outcome), self._attached(connection, "READ_WRITE"):
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
    def _in_plain_words(self, outcome: Sequence[str] = ()) -> Iterator[None]:
        """Say so where the file turns out to be damaged, or where memory was too small.

        Args:
            outcome: a sentence on what was stored, which may change meanwhile.
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
        """Remove what killed processes have spilled to the disk and left there."""
        _remove_spilled(self.path.parent / "spill", platform.node())

    def require_room(self) -> None:
        """Make sure that `renew` has room for a second file.

        Raises:
            WarehouseError: it has not.
        """
        needed, free = self._file.stat().st_size, shutil.disk_usage(self._file.parent).free
        if free < needed:
            raise WarehouseError(
                f"cannot rewrite {self._file}: that takes as much space again, {needed:,} bytes, "
                f"and {free:,} are free: {needed - free:,} are missing. Free them, then run again."
            )

    def renew(self) -> None:
        """Write the file anew and let it take the old one's place: what was deleted is gone.

        DuckDB leaves deleted rows in the blocks of its file. Killed at any moment, this leaves the
        old file or the new one, whole, and the next call goes through. Meanwhile nobody writes, and
        who waits goes on with the new file.

        Raises:
            WarehouseError: there is no warehouse, no room, or the file cannot be written or stayed
                locked; the old one is then still there.
        """
        new = self._file.with_name(f".{self._file.name}.new")
        try:
            with (
                self._in_plain_words(),
                self.session() as connection,
                self._without_log(connection),
            ):
                self.require_room()
                try:
                    _remove(new)
                    _copy(connection, new)
                    self._take_place(new)
                finally:
                    _remove(new)
        except (duckdb.Error, OSError) as error:
            raise WarehouseError(
                f"cannot rewrite {self._file}: is the disk full or read-only? The file is "
                "whole; rows that were deleted may still be in it. Mend that and run again. "
                f"The reason: {error}"
            ) from error

    @property
    def _file(self) -> Path:
        """The database file itself, where the path is a link to it."""
        return self.path.resolve()

    @contextmanager
    def _without_log(self, connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
        """Attach the file for reading when all of it is in the file, and nothing in a log beside.

        A log belongs to whatever file has the name, so none may be there when that is replaced.
        Reading locks writers out, and touches nothing when it ends; writing would remove the log of
        who opens the new file before the old one is closed.
        """
        for _ in range(MOST_LOGS):
            self._require_file()
            with self._attached(connection, "READ_WRITE"):
                connection.execute(f"CHECKPOINT {ALIAS}")
            with self.attached_read_only(connection):
                if any(_log_of(path).exists() for path in {self.path, self._file}):
                    continue
                yield
                return
        raise WarehouseError(
            f"cannot rewrite {self._file}: another program writes to it again and again and does "
            "not close it properly. End that program, then run again."
        )

    def _take_place(self, new: Path) -> None:
        """Give a new file the name of the old one."""
        # The old one may not be opened here: closing it again would end DuckDB's lock.
        shutil.copymode(self._file, new)
        fsync(new)
        with folder_locked(self._file.parent, exclusive=True):
            new.replace(self._file)
        fsync(self._file.parent)

    def _make_folder(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WarehouseError(f"cannot make the folder of {self.path}: {error}") from error

    @contextmanager
    def _attached(self, connection: duckdb.DuckDBPyConnection, mode: str) -> Iterator[None]:
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
        log = getLogger(__name__)
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
                        _tell_who_holds(self.path, log)
                    # DuckDB opens a file and locks it then: in between, the file must stay the one
                    # of that name, or what is written into it would be lost.
                    with folder_locked(self._file.parent, exclusive=False):
                        _attach_once(connection, statement)
        except _LockedError as error:
            raise self._in_use(str(error)) from None
        except duckdb.Error as error:
            raise WarehouseError(_explain_open_failure(self.path, error)) from error


@cache
def _engine(
    pid: int,
    memory_limit: str,
    spill_limit: str,
    threads: int,
    spill: Path,
    functions: tuple[Function, ...],
) -> duckdb.DuckDBPyConnection:
    """Return the process's in-memory DuckDB; making one costs 15 ms, a session of it 0.2 ms.

    Args:
        pid: the process; a forked child cannot use its parent's.
        memory_limit: DuckDB's memory limit.
        spill_limit: how much of the disk it may take beyond that.
        threads: DuckDB's threads.
        spill: folder for what exceeds the memory limit, in a folder of the process: DuckDB gives
            the files of all processes the same names.
        functions: what its sessions may call.
    """
    host = platform.node()
    with suppress(OSError):  # who only reads may do so from a read-only disk
        spill.mkdir(parents=True, exist_ok=True)
        _remove_spilled(spill, host)
    engine = duckdb.connect(
        ":memory:",
        config={
            "memory_limit": memory_limit,
            "threads": threads,
            "temp_directory": str(spill / f"{host}-{pid}"),
            "preserve_insertion_order": False,
            "autoinstall_known_extensions": False,
            # Memory that a step no longer needs goes back at once: 140 MB less at the peak of a
            # run over 74,000 movies.
            "allocator_flush_threshold": "16MB",
            "allocator_bulk_deallocation_flush_threshold": "32MB",
        },
    )
    # Among the options above it would be forgotten: DuckDB 1.5 sets the folder after it.
    engine.execute(f"SET max_temp_directory_size = {literal(spill_limit)}")
    for function in functions:
        engine.create_function(function.name, function.call, [VARCHAR], VARCHAR)
    return engine


def _remove_spilled(spill: Path, host: str) -> None:
    """Remove what processes of this host left behind when they were killed.

    Whether one of another host lives cannot be told: what nobody wrote to for a day goes as well.
    Containers have another host name each time.
    """
    for folder in spill.glob("*-*"):
        owner, _, pid = folder.name.rpartition("-")
        try:
            if owner == host:
                os.kill(int(pid), 0)
            if owner == host or time.time() - _written(folder) < ABANDONED_SECONDS:
                continue
        except (PermissionError, ValueError, FileNotFoundError):
            continue
        except ProcessLookupError:
            pass
        shutil.rmtree(folder, ignore_errors=True)


def _written(folder: Path) -> float:
    """Return when a folder or one of its files was written to."""
    return max(path.stat().st_mtime for path in (folder, *folder.iterdir()))


def _attach_once(connection: duckdb.DuckDBPyConnection, statement: str) -> None:
    try:
        connection.execute(statement)
    except duckdb.IOException as error:
        if "Could not set lock on file" not in str(error):
            raise
        holder = re.search(r"held in (.+?)(?:\. |\.?$|\. See)", str(error), re.MULTILINE)
        raise _LockedError(holder.group(1) if holder else "another process") from error


@contextmanager
def folder_locked(folder: Path, *, exclusive: bool) -> Iterator[None]:
    """Keep the files of a folder from being replaced; or, exclusively, from being opened.

    Only sessions of this project know of it. Systems without such locks go without.
    """
    if fcntl is None:
        yield
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # what follows says so in plain words
        yield
        return
    try:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
        yield
    finally:
        # By itself, for a process that was forked meanwhile has the descriptor, too.
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def _copy(connection: duckdb.DuckDBPyConnection, new: Path) -> None:
    """Copy all that the attached file holds into a new one."""
    connection.execute(f"ATTACH {literal(str(new))} AS {RENEWED} ({STORAGE})")
    try:
        connection.execute(f"COPY FROM DATABASE {ALIAS} TO {RENEWED}")
        connection.execute(f"CHECKPOINT {RENEWED}")
        is_whole = _counts(connection, ALIAS) == _counts(connection, RENEWED)
    finally:
        connection.execute(f"DETACH {RENEWED}")
    if not is_whole or _log_of(new).exists():
        raise WarehouseError(
            f"cannot rewrite the warehouse: its copy in {new} does not hold the same rows. It was "
            "removed, and the old file stays. Check the disk, then run again."
        )


def _counts(connection: duckdb.DuckDBPyConnection, database: str) -> list[tuple[str, str, int]]:
    """Return how many rows each table has."""
    tables = connection.execute(
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = ? ORDER BY ALL",
        [database],
    ).fetchall()
    counted = [
        connection.execute(f'SELECT count(*) FROM {database}."{schema}"."{name}"').fetchall()
        for schema, name in tables
    ]
    return [(*table, rows) for table, [(rows,)] in zip(tables, counted, strict=True)]


def _log_of(path: Path) -> Path:
    """Return the log in which DuckDB keeps what is not yet in a file."""
    return path.with_name(f"{path.name}.wal")


def _remove(new: Path) -> None:
    for path in (new, _log_of(new)):
        path.unlink(missing_ok=True)


def _tell_who_holds(path: Path, log: Logger) -> None:
    log.info("waiting for %s: another process is writing to it", path)


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
        f"{_log_of(path).name} where there is one; then put a backup in its place, or rebuild the "
        f"warehouse by running the sources again (README, Rebuild the warehouse).{remedy} "
        f"DuckDB says: {error}"
    )


def roll_back(connection: duckdb.DuckDBPyConnection) -> None:
    """End a transaction, if there is one, without its changes."""
    try:
        connection.execute("ROLLBACK")
    except duckdb.Error:
        # DuckDB ends the transaction itself on a fatal error; the first error is the one to show.
        getLogger(__name__).debug("the transaction had already ended")


def literal(text: str) -> str:
    """Quote a text for SQL."""
    return "'" + text.replace("'", "''") + "'"
