"""Locks between processes beyond DuckDB's own."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ModuleNotFoundError:  # Windows, where an open file cannot be replaced anyway
    fcntl = None  # type: ignore[assignment]


@contextmanager
def folder_locked(folder: Path, *, exclusive: bool) -> Iterator[None]:
    """Keep the files of a folder from being replaced; or, exclusively, from being opened.

    Only sessions of this project respect it. It does nothing on systems without such locks.
    """
    if fcntl is None:
        yield
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # opening the file raises the clear error
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
