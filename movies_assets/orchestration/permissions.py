"""Restrict access to the files that the project writes, by default to the user who runs it.

This covers the umask of its processes, and the modes of files from before. The umask is set once
a process, because most files are created by DuckDB, SQLite and Dagster, which take no mode.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from logging import getLogger
from pathlib import Path

from movies_assets.core.settings import SourceSettings
from movies_assets.settings import Settings

# Folders are created as 0700 and files as 0600.
PRIVATE = 0o077
WRITABLE_BY_OTHERS = 0o022
# The files and folders that Dagster makes below DAGSTER_HOME.
HISTORY = ("history", "schedules", "storage", "logs", ".logs_queue")
SNAPSHOTS = "movies_????????T????????????Z_*"


def keep_private(settings: Settings) -> None:
    """Let only the user of this process read the files that it and its children write from now on.

    Files that earlier versions, or a process that began before this call, have made readable by
    others are closed as well. Folders that the project did not make are left as they are, with a
    warning. With `private_files` off nothing is done: the umask of the process decides.

    Args:
        settings: where files are.
    """
    if not settings.private_files or os.name == "nt":
        return
    os.umask(PRIVATE)
    for path in _made_here(settings):
        try:
            _close(path)
        except OSError as error:
            _warn(
                "others may read %s, and its mode cannot be changed: %s. Let its owner run: "
                "chmod -R go-rwx %s",
                path,
                error.strerror,
                path,
            )
    for path in _arrivals(settings):
        if _is_open(path):
            _warn(
                "others may read %s, in which files arrive. The project did not make this folder "
                "and leaves its mode as it is. If no other account needs its files, run: "
                "chmod -R go-rwx %s",
                path,
                path,
            )


@contextmanager
def readable_as(url: str, settings: Settings) -> Iterator[None]:
    """Let the readers of a folder read files that are written into it; others may not write.

    For files that are made for other programs and hold no single users. A folder that is not there
    yet is made private.

    Args:
        url: a folder, as a path or URL; one of another machine decides by itself.
        settings: with `private_files` off, the umask of the process decides here as well.
    """
    folder = _path_of(url)
    if not settings.private_files or not folder.is_dir():
        yield
        return
    before = os.umask(~stat.S_IMODE(folder.stat().st_mode) & 0o777 | WRITABLE_BY_OTHERS)
    try:
        yield
    finally:
        os.umask(before)


@cache
def _warn(text: str, *values: object) -> None:
    """Log a warning once a process: a command, its definitions and its instance all come here."""
    getLogger(__name__).warning(text, *values)


def _made_here(settings: Settings) -> Iterator[Path]:
    """Yield the folders that the project makes, and its files in folders that settings name."""
    for name in ("warehouse", "published", "logs", "scratch"):
        yield settings.data_dir / name
    yield settings.database
    yield settings.database.with_name(f"{settings.database.name}.wal")
    yield settings.database.parent / "spill"
    yield from settings.published_folder.glob(SNAPSHOTS)
    for section in _sections(settings):
        for name in section.fetched_folders:
            yield settings.landing / name
    if settings.profile == "sample":
        for name, url in _places_of_arrivals(settings).items():
            if not url:
                yield settings.landing / name
    if home := os.environ.get("DAGSTER_HOME"):
        for name in HISTORY:
            yield Path(home) / name


def _places_of_arrivals(settings: Settings) -> dict[str, str | None]:
    """Return the folders below `landing` in which files arrive, and the URLs that replace them."""
    return {
        name: url for section in _sections(settings) for name, url in section.arrival_urls().items()
    }


def _sections(settings: Settings) -> list[SourceSettings]:
    sections = settings.sections().values()
    return [section for section in sections if isinstance(section, SourceSettings)]


def _arrivals(settings: Settings) -> Iterator[Path]:
    for name, url in _places_of_arrivals(settings).items():
        yield _path_of(url) if url else settings.landing / name


def _path_of(url: str) -> Path:
    """Return the path of a folder of this machine; of another one a path at which nothing is."""
    return Path(url.removeprefix("file://")).expanduser()


def _is_open(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & PRIVATE)
    except OSError:
        return False


def _close(path: Path) -> None:
    """Take a file or folder, and all that is in it, from everyone but its owner.

    A closed folder is not searched: no other user reaches its files. It is closed last, so that an
    interrupted call is completed by the next one. Links and their targets stay as they are.
    """
    if path.is_symlink() or not _is_open(path):
        return
    for folder, _, files in os.walk(path, topdown=False):
        for found in (*(Path(folder, name) for name in files), Path(folder)):
            _close_one(found)
    _close_one(path)


def _close_one(path: Path) -> None:
    with suppress(FileNotFoundError):  # a run that is under way has removed it
        if not path.is_symlink():
            path.chmod(stat.S_IMODE(path.stat().st_mode) & ~PRIVATE)
