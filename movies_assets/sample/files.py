"""Write sample files atomically.

Their content belongs in the modules of the sources.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time
from pathlib import Path


@contextmanager
def whole_file(path: Path, day: date) -> Iterator[Path]:
    """Yield a temporary path to write to, which replaces the file afterwards.

    Its modification time is the start of the day (UTC), regardless of when it is written.
    """
    incomplete = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield incomplete
        midnight = datetime.combine(day, time(), UTC).timestamp()
        os.utime(incomplete, (midnight, midnight))
        incomplete.replace(path)
    finally:
        incomplete.unlink(missing_ok=True)
