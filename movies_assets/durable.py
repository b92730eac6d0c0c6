"""What has to survive a power failure. Nothing here knows what is in a file."""

import os
from pathlib import Path


def synced(path: Path) -> None:
    """Make sure that a file, or a folder's names, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
