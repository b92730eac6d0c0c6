"""Export published tables as Parquet files, to a local folder or an object store.

Guarantees to readers (docs/how-to/export-files.md has the details):

- `ROOT/<table>` holds one complete state of a table, and no other file that ends in `.parquet`.
- On a disk that folder is replaced in one step, and files of another state have other names. So a
  reader gets one complete state; or, if it listed the files before the swap and opens them after
  it, an error.
- An object store cannot move many objects in one step. There `ROOT/_versions/<table>/CURRENT` names
  a complete, immutable version below `ROOT/_versions/<table>/`; it is replaced last. The plain
  folder is a copy of it, and has `_manifest.json` only while it is complete.
"""

import json
import shutil
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from movies_assets.core.durable import exchange, fsync
from movies_assets.serving.exports import (
    UNKNOWN_FOLDER,
    Export,
    ExportError,
    mark_of,
    plain_errors,
    total_rows,
)
from movies_assets.warehouse.locks import folder_locked
from movies_assets.warehouse.published import STAMP
from movies_assets.warehouse.quoting import literal
from movies_assets.warehouse.types import duckdb_types

MANIFEST, POINTER = "_manifest.json", "CURRENT"
INCOMING, VERSIONS = "_incoming", "_versions"
# The minimum age at which versions and unfinished uploads are removed from a store.
KEPT = timedelta(days=1)
# The longest URL-encoded value in the name of a folder; file systems allow 255 bytes with the
# column's name. A longer value is cut to its first characters and a hash.
LONGEST_FOLDER, KEPT_OF_LONGER = 200, 12
# The number of rows that DuckDB buffers before it writes them into their folders. With its default
# of 524,288 and unsorted rows, 500,000 rows in 400 folders did not fit into 192 MB; sorted rows do,
# in half the time, as few folders are open at once.
ROWS_HELD = 20_000

Manifest = dict[str, Any]


class Folder(ABC):
    """The destination of exported tables.

    Attributes:
        work: local folder in which a table is written before it is moved.
    """

    work: Path

    @abstractmethod
    def prefix(self, version: str) -> str:
        """Return the prefix of the names of a version's files."""

    @abstractmethod
    def manifest(self, table: str) -> Manifest | None:
        """Return the manifest of the existing table; None unless the table is complete."""

    @abstractmethod
    def snapshot(self, table: str) -> str | None:
        """Return the snapshot of the existing table; None if it is unknown."""

    @abstractmethod
    def replace(self, table: str, version: str, staged: Path) -> None:
        """Replace the existing table by a staged one."""

    @abstractmethod
    def clean(self, table: str) -> None:
        """Remove leftovers of killed writes outside of the work folder."""


def folder(url: str, scratch: Path) -> Folder:
    """Return the destination for a URL or path.

    Args:
        url: any URL that fsspec knows.
        scratch: a local folder, to stage uploads to a store.

    Raises:
        ExportError: no installed file system knows such a URL.
    """
    with plain_errors(url):
        files, root = fsspec.url_to_fs(url)
    if isinstance(files, LocalFileSystem):
        return LocalFolder(Path(root))
    return Store(files, root.rstrip("/"), scratch)


class LocalFolder(Folder):
    """A local folder.

    Args:
        root: the folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.work = root / INCOMING

    def prefix(self, version: str) -> str:
        """Return the version, so that files of two states never share a name."""
        return version

    def manifest(self, table: str) -> Manifest | None:
        """Return the manifest of the existing table; None if there is none."""
        there = self.root / table
        try:
            manifest: Manifest = json.loads((there / MANIFEST).read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return None
        return manifest if manifest.get("files") == _files_in(there) else None

    def snapshot(self, table: str) -> str | None:
        """Return the snapshot of the existing table; None unless the table is complete."""
        manifest = self.manifest(table)
        return manifest.get("snapshot") if manifest else None

    def replace(self, table: str, version: str, staged: Path) -> None:  # noqa: ARG002 (of stores)
        """Swap the folders."""
        for path in sorted(staged.rglob("*"), reverse=True):
            fsync(path)
        fsync(staged)
        there = self.root / table
        if there.exists():
            exchange(staged, there)
        else:
            staged.rename(there)
        fsync(self.root)

    def clean(self, table: str) -> None:
        """Do nothing: unfinished files are in the work folder only."""


class Store(Folder):
    """A folder in an object store, or in any other file system of fsspec.

    Args:
        files: the store.
        root: the folder.
        scratch: a local folder.
    """

    def __init__(self, files: Any, root: str, scratch: Path) -> None:
        self.files = files
        self.root = root
        self.work = scratch

    def prefix(self, version: str) -> str:  # noqa: ARG002 (of folders)
        """Return the same for all versions: files of the plain folder are overwritten."""
        return "part"

    def manifest(self, table: str) -> Manifest | None:
        """Return the manifest of the table in the plain folder; None if there is none."""
        self.files.invalidate_cache()
        there = f"{self.root}/{table}"
        try:
            manifest: Manifest = json.loads(self.files.cat_file(f"{there}/{MANIFEST}"))
        except (FileNotFoundError, ValueError):
            return None
        found = {
            path.removeprefix(f"{there}/"): info["size"]
            for path, info in self.files.find(there, detail=True).items()
            if path.endswith(".parquet")
        }
        return manifest if manifest.get("files") == found else None

    def snapshot(self, table: str) -> str | None:
        """Return the snapshot of the current version: the plain folder may be half copied."""
        versions = f"{self.root}/{VERSIONS}/{table}"
        current = self._current(versions)
        try:
            manifest: Manifest = json.loads(self.files.cat_file(f"{versions}/{current}/{MANIFEST}"))
        except (FileNotFoundError, ValueError):
            return None
        return manifest.get("snapshot")

    def replace(self, table: str, version: str, staged: Path) -> None:
        """Upload a version, make it the current one, and copy it into the plain folder."""
        versions, there = f"{self.root}/{VERSIONS}/{table}", f"{self.root}/{table}"
        before = self._current(versions)
        paths = [*_files_in(staged), MANIFEST]
        at = f"{versions}/{version}"
        self.files.put([str(staged / path) for path in paths], [f"{at}/{path}" for path in paths])
        self.files.pipe_file(f"{versions}/{POINTER}", version.encode())
        self._copy(at, there, paths)
        self._clean(versions, {version, before})

    def clean(self, table: str) -> None:
        """Remove old versions and unfinished uploads; raise the store's errors."""
        versions = f"{self.root}/{VERSIONS}/{table}"
        current = self._current(versions)
        # The previous version may still be read for a day after it was replaced.
        if current and current < _oldest_kept():
            self._clean(versions, {current})

    def _current(self, versions: str) -> str | None:
        self.files.invalidate_cache()
        try:
            text: bytes = self.files.cat_file(f"{versions}/{POINTER}")
        except FileNotFoundError:
            return None
        return text.decode().strip()

    def _copy(self, source: str, target: str, paths: list[str]) -> None:
        """Copy files into the plain folder; remove its manifest first and write it last."""
        known = self.files.find(target) if self.files.exists(target) else []
        wanted = [f"{target}/{path}" for path in paths]
        if f"{target}/{MANIFEST}" in known:
            self.files.rm_file(f"{target}/{MANIFEST}")
        self.files.copy([f"{source}/{path}" for path in paths[:-1]], wanted[:-1])
        gone = sorted({*known} - {*wanted})
        if gone:
            self.files.rm(gone)
        self.files.cp_file(f"{source}/{MANIFEST}", f"{target}/{MANIFEST}")

    def _clean(self, versions: str, kept: set[str | None]) -> None:
        """Remove versions that are no longer read, and leftovers of killed uploads.

        Their age decides: another machine may be about to make a version the current one.
        """
        oldest = _oldest_kept()
        self.files.invalidate_cache()
        for path in self.files.ls(versions, detail=False):
            version = path.rstrip("/").rpartition("/")[2]
            if version not in {*kept, POINTER} and version < oldest:
                self.files.rm(path, recursive=True)


def _oldest_kept() -> str:
    return f"{datetime.now(UTC) - KEPT:{STAMP}}"


def write(
    export: Export, target: Folder, url: str, log: Callable[[str], None] = lambda _: None
) -> Manifest | None:
    """Write a table, unless the existing one has the same rows or is of a newer snapshot.

    Args:
        export: the table.
        target: the destination.
        url: the destination's URL as the user gave it, for messages.
        log: receives a line about the outcome.

    Returns:
        The new manifest; None if nothing had to be written.

    Raises:
        NewerSnapshotError: the existing table is of a newer snapshot; it was kept.
        ExportError: it could not be written; the existing table was kept.
    """
    with plain_errors(url):
        divisions = export.divisions()
        manifest = {
            "table": export.table.name,
            "snapshot": export.snapshot,
            "rows": total_rows(divisions),
            "mark": mark_of(divisions),
        }
        with _work_folder(target.work / export.name) as work:
            known = target.manifest(export.name)
            if known and known["mark"] == manifest["mark"]:
                log(f"{export.name}: unchanged since snapshot {known['snapshot']}")
                target.clean(export.name)
                return None
            export.require_newest(target.snapshot(export.name))
            version = f"{datetime.now(UTC):{STAMP}}_{uuid.uuid4().hex[:8]}"
            staged = work / version
            staged.mkdir()
            _copy_rows(export, staged, target.prefix(version), is_empty=not divisions)
            manifest |= {"version": version, "files": _files_in(staged)}
            (staged / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
            target.replace(export.name, version, staged)
    return manifest


@contextmanager
def _work_folder(path: Path) -> Iterator[Path]:
    """Lock a folder for one process, and remove the leftovers of a killed one."""
    path.mkdir(parents=True, exist_ok=True)
    with folder_locked(path, exclusive=True):
        _empty(path)
        try:
            yield path
        finally:
            _empty(path)


def _empty(path: Path) -> None:
    for left in path.iterdir():
        shutil.rmtree(left)


def _copy_rows(export: Export, staged: Path, prefix: str, *, is_empty: bool) -> None:
    """Write the files with DuckDB; a table without rows becomes a file without rows."""
    columns, query = export.layout.columns, export.query
    _refuse_unknown_folder(export)
    options = "FORMAT parquet, COMPRESSION zstd"
    if columns and not is_empty:
        target = staged
        query = f"SELECT * {_short_folders(export)} FROM ({query}) ORDER BY {', '.join(columns)}"
        export.connection.execute(f"SET partitioned_write_flush_threshold = {ROWS_HELD}")
        options += (
            f", PARTITION_BY ({', '.join(columns)}), WRITE_PARTITION_COLUMNS true, "
            f"FILENAME_PATTERN {literal(prefix + '_{i}')}, OVERWRITE_OR_IGNORE true"
        )
    else:
        target = staged / f"{prefix}_0.parquet"
    export.connection.execute(f"COPY ({query}) TO {literal(str(target))} ({options})")


def _texts_in_folders(export: Export) -> list[str]:
    """Return the text columns whose values name folders."""
    types = duckdb_types(export.table.contract)
    return [name for name in export.layout.columns if types.get(name) == "VARCHAR"]


def _short_folders(export: Export) -> str:
    """Return the clause that shortens texts that are too long for the name of a folder."""
    shortened = [
        f"CASE WHEN length(url_encode({name})) > {LONGEST_FOLDER} "
        f"THEN {name}[:{KEPT_OF_LONGER}] || '-' || md5({name}) ELSE {name} END AS {name}"
        for name in _texts_in_folders(export)
    ]
    return f"REPLACE ({', '.join(shortened)})" if shortened else ""


def _refuse_unknown_folder(export: Export) -> None:
    """Refuse a value equal to the folder of NULL: DuckDB would write one file twice."""
    for name in _texts_in_folders(export):
        (count,) = export.connection.execute(
            f"SELECT count(*) FROM {export.table.name} WHERE {name} = '{UNKNOWN_FOLDER}'"
        ).fetchall()[0]
        if count:
            raise ExportError(
                f"{export.table.name}: {count} rows have the {name} '{UNKNOWN_FOLDER}', which is "
                "the name of the folder for NULL. Fix the value at its source, or in silver."
            )


def _files_in(path: Path) -> dict[str, int]:
    """Return the Parquet files below a folder, and their sizes."""
    return {
        found.relative_to(path).as_posix(): found.stat().st_size
        for found in sorted(path.rglob("*.parquet"))
    }
