"""Store files and folders so that they survive a power failure or a kill."""

import ctypes
import os
import shutil
from contextlib import suppress
from pathlib import Path

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


def fsync(path: Path) -> None:
    """Make sure that a file, or a folder's names, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def copy_file(old: Path, new: Path) -> None:
    """Copy a file within the kernel: where the file system can, both share their blocks.

    Raises:
        OSError: it cannot be read or written; what was written of the new one is still there.
    """
    with suppress(AttributeError, OSError), old.open("rb") as source, new.open("wb") as target:
        left = os.fstat(source.fileno()).st_size
        while left and (copied := os.copy_file_range(source.fileno(), target.fileno(), left)):
            left -= copied
        if not left:
            return
    # Not every system and file system can do that; this also raises the error of a full disk.
    shutil.copyfile(old, new)


def exchange(new: Path, old: Path) -> None:
    """Swap two folders: in one step where the system can, as Linux does on its own file systems.

    Elsewhere the old one is left next to the new one, with `.old` appended to the new one's name,
    and for a moment there is none: a reader finds nothing, and never half of it.
    """
    with suppress(AttributeError, OSError):
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
        paths = (_AT_FDCWD, os.fsencode(new), _AT_FDCWD, os.fsencode(old))
        if renameat2(*paths, _RENAME_EXCHANGE) == 0:
            return
    aside = new.with_name(f"{new.name}.old")
    old.rename(aside)
    new.rename(old)
