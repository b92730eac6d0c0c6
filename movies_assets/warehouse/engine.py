"""The in-memory DuckDB of a process, to which database files are attached, and its spill files."""

import os
import platform
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import duckdb
from duckdb.sqltypes import VARCHAR

from movies_assets.warehouse.quoting import literal

ABANDONED_SECONDS = 86_400


@dataclass(frozen=True)
class Function:
    """A function that tables' expressions call by name and that no engine has.

    Attributes:
        name: its name in SQL.
        call: takes a text, returns a text. Functions that are equal are one.
    """

    name: str
    call: Callable[[str], str]


@cache
def engine_of(
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
        spill: folder for data beyond the memory limit, in a subfolder of the process: DuckDB gives
            the files of all processes the same names.
        functions: functions that its sessions may call.
    """
    host = platform.node()
    with suppress(OSError):  # reading works from a read-only disk, too
        spill.mkdir(parents=True, exist_ok=True)
        remove_spilled(spill, host)
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


def remove_spilled(spill: Path, host: str) -> None:
    """Remove the folders of processes of this host that no longer run.

    Whether a process of another host runs is unknown: its folder is removed once it has not been
    written to for a day. Containers have another host name each time.
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
