"""Checksums of local files, remembered in a process: an unchanged file is hashed once.

A file is taken as unchanged if device, inode, size and both times are the same. No program can set
the time of the last change (`st_ctime`): a copy that keeps the time of its content, and a file that
takes the name of another, have a new one. Where that is in doubt, the file is hashed.
"""

import hashlib
import os
import time
from collections.abc import Callable
from typing import Any, BinaryIO, NamedTuple, cast

CHECKSUM_CHARACTERS = 32
# A change within the same tick of the file system's clock leaves the time as it is, and a write
# through a memory map sets it when the page goes to the disk, after about 30 s. The clock may be
# that of another machine, too.
SETTLED_SECONDS = 600
# Some network file systems only repeat the time that programs can set, so a checksum expires.
TRUSTED_SECONDS = 86_400
# Windows reports the time of creation instead.
CHANGES_ARE_TIMED = os.name == "posix"


class FileState(NamedTuple):
    """The state of a file as its file system reports it, without a look at the content.

    Attributes:
        device: its file system.
        inode: its number there.
        bytes: its size.
        modified_ns: when its content changed, in nanoseconds; any program can set it.
        changed_ns: when content, name, times or permissions changed, in nanoseconds.
    """

    device: int
    inode: int
    bytes: int
    modified_ns: int
    changed_ns: int


class Remembered(NamedTuple):
    """A checksum that may be used again.

    Attributes:
        state: the file's state when it was hashed.
        checksum: of its content.
        hashed_at: when, in seconds of the process's clock.
    """

    state: FileState
    checksum: str
    hashed_at: float


def state_of(found: os.stat_result) -> FileState:
    """Return the state of a file."""
    return FileState(
        found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
    )


def content_checksum(file: BinaryIO) -> str:
    """Return the hash of a file's content, in hexadecimal."""
    return hashlib.file_digest(cast("Any", file), "blake2b").hexdigest()[:CHECKSUM_CHARACTERS]


class Checksums:
    """The checksums of one look at a folder, with those of the look before.

    Args:
        before: the checksums of the look before, by path.
    """

    def __init__(self, before: dict[str, Remembered]) -> None:
        self._before = before
        self.found: dict[str, Remembered] = {}

    def of(self, path: str, listed: FileState, opened: Callable[[], BinaryIO]) -> str:
        """Return the checksum of a file; hash it where it may have changed since the look before.

        Args:
            path: identifies the file within the folder.
            listed: its state as listed.
            opened: opens it.

        Raises:
            OSError: it cannot be opened or read.
        """
        known = self._before.get(path)
        if known and known.state == listed and _age(known) < TRUSTED_SECONDS:
            self.found[path] = known
            return known.checksum
        started, hashed_at = time.time_ns(), time.monotonic()
        with opened() as file:
            first = state_of(os.fstat(file.fileno()))
            checksum = content_checksum(file)
            last = state_of(os.fstat(file.fileno()))
        if first == last and _is_settled(last, started):
            self.found[path] = Remembered(last, checksum, hashed_at)
        return checksum


def _age(known: Remembered) -> float:
    return time.monotonic() - known.hashed_at


def _is_settled(state: FileState, now_ns: int) -> bool:
    """Return whether a later change of the file's content must show in its state."""
    return CHANGES_ARE_TIMED and state.changed_ns < now_ns - SETTLED_SECONDS * 10**9
