"""Published tables as Parquet files, in a folder of this machine or in an object store.

What a reader can rely on (docs/exports.md says it at length):

- `ROOT/<table>` holds one whole state of a table, and nothing else that ends in `.parquet`.
- On a disk that folder is replaced in one step, and files of another state have other names. So a
  reader has all of one state; or, if it listed the files before and opens them after, an error.
- An object store cannot move many objects in one step. There `ROOT/_versions/<table>/CURRENT` names
  the version below `ROOT/_versions/<table>/` that is whole and never changes; it is replaced last.
  The plain folder is copied from it, and has `_manifest.json` only while it is whole.
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
    in_plain_words,
    mark_of,
    rows_of,
)
from movies_assets.warehouse.database import folder_locked, literal
from movies_assets.warehouse.types import duckdb_types

MANIFEST, POINTER = "_manifest.json", "CURRENT"
INCOMING, VERSIONS = "_incoming", "_versions"
STAMP = "%Y%m%dT%H%M%S%fZ"
# So long a version stays in a store at least, and an upload may take.
KEPT = timedelta(days=1)
# So many bytes the name of a folder's value may have, in which all but letters and digits of ASCII
# take three each; file systems allow 255 with the column's name. Of a longer one its first
# characters are kept, and a hash.
LONGEST_FOLDER, KEPT_OF_LONGER = 200, 12
# So many rows DuckDB holds back until it writes them into their folders. With its own 524,288, and
# rows in any order, 500,000 rows in 400 folders did not fit into 192 MB; sorted they do, and are
# written in half the time, for few folders are open at once.
ROWS_HELD = 20_000

Manifest = dict[str, Any]


class Folder(ABC):
    """Where tables are written to.

    Attributes:
        work: folder of this machine in which a table is written before it is moved.
        prefix: what names of files begin with, made from the version.
    """

    work: Path

    @abstractmethod
    def prefix(self, version: str) -> str:
        """Return what names of files begin with."""

    @abstractmethod
    def manifest(self, table: str) -> Manifest | None:
        """Return what was written about the table that is there; None unless all of it is there."""

    @abstractmethod
    def snapshot(self, table: str) -> str | None:
        """Return the snapshot of which the table is that is there; None where that is unknown."""

    @abstractmethod
    def replace(self, table: str, version: str, staged: Path) -> None:
        """Let a table that was written take the place of the one that is there."""

    @abstractmethod
    def clean(self, table: str) -> None:
        """Remove what killed writes have left outside of the work folder."""


def folder(url: str, scratch: Path) -> Folder:
    """Return the folder that a URL or path names.

    Args:
        url: any that fsspec knows.
        scratch: a folder of this machine, for what goes to a store.

    Raises:
        ExportError: nobody here knows such a URL.
    """
    with in_plain_words(url):
        files, root = fsspec.url_to_fs(url)
    if isinstance(files, LocalFileSystem):
        return LocalFolder(Path(root))
    return Store(files, root.rstrip("/"), scratch)


class LocalFolder(Folder):
    """A folder of this machine.

    Args:
        root: the folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.work = root / INCOMING

    def prefix(self, version: str) -> str:
        """Return the version: files of two states never have the same name."""
        return version

    def manifest(self, table: str) -> Manifest | None:
        """Return what was written about the table that is there."""
        there = self.root / table
        try:
            manifest: Manifest = json.loads((there / MANIFEST).read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return None
        return manifest if manifest.get("files") == _files_in(there) else None

    def snapshot(self, table: str) -> str | None:
        """Return the snapshot of which the table is; None unless all of it is there."""
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
        """Do nothing: all that is unfinished is in the work folder."""


class Store(Folder):
    """A folder in an object store, or in whatever else fsspec knows.

    Args:
        files: the store.
        root: the folder.
        scratch: a folder of this machine.
    """

    def __init__(self, files: Any, root: str, scratch: Path) -> None:
        self.files = files
        self.root = root
        self.work = scratch

    def prefix(self, version: str) -> str:  # noqa: ARG002 (of folders)
        """Return the same for all: a file of the plain folder is overwritten, and never doubled."""
        return "part"

    def manifest(self, table: str) -> Manifest | None:
        """Return what was written about the table that is there, in the plain folder."""
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
        """Return the snapshot of the version that is named: the plain folder may be half copied."""
        versions = f"{self.root}/{VERSIONS}/{table}"
        current = self._current(versions)
        try:
            manifest: Manifest = json.loads(self.files.cat_file(f"{versions}/{current}/{MANIFEST}"))
        except (FileNotFoundError, ValueError):
            return None
        return manifest.get("snapshot")

    def replace(self, table: str, version: str, staged: Path) -> None:
        """Upload a version, name it, and copy it into the plain folder."""
        versions, there = f"{self.root}/{VERSIONS}/{table}", f"{self.root}/{table}"
        before = self._current(versions)
        paths = [*_files_in(staged), MANIFEST]
        at = f"{versions}/{version}"
        self.files.put([str(staged / path) for path in paths], [f"{at}/{path}" for path in paths])
        self.files.pipe_file(f"{versions}/{POINTER}", version.encode())
        self._copy(at, there, paths)
        self._clean(versions, {version, before})

    def clean(self, table: str) -> None:
        """Remove versions that no reader can have open any more; raises what the store raises."""
        versions = f"{self.root}/{VERSIONS}/{table}"
        current = self._current(versions)
        # The version before may still be read for a day after another one was named.
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
        """Let the plain folder hold these files; its manifest goes first and comes last."""
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
        """Remove versions that nobody reads any more, and what killed uploads have left.

        Only their age tells: another machine may be about to name a version that is not named yet.
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
    """Write a table, unless the one that is there has the same rows or is of a newer snapshot.

    Args:
        export: the table.
        target: where to.
        url: the same as the user gave it, for messages.
        log: told what is done.

    Returns:
        What is now there; None where nothing had to be written.

    Raises:
        NewerIsThereError: what is there is of a newer snapshot; it stays.
        ExportError: it could not be written; what was there stays.
    """
    with in_plain_words(url):
        divisions = export.divisions()
        manifest = {
            "table": export.table.name,
            "snapshot": export.snapshot,
            "rows": rows_of(divisions),
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
    """Lend a folder to one process at a time; what a killed one has left in it is removed."""
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
    """Let DuckDB write the files; a table without rows is a file without rows."""
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
    """Return the clause that shortens texts that no folder can be named after."""
    shortened = [
        f"CASE WHEN length(url_encode({name})) > {LONGEST_FOLDER} "
        f"THEN {name}[:{KEPT_OF_LONGER}] || '-' || md5({name}) ELSE {name} END AS {name}"
        for name in _texts_in_folders(export)
    ]
    return f"REPLACE ({', '.join(shortened)})" if shortened else ""


def _refuse_unknown_folder(export: Export) -> None:
    """Refuse a value that is spelled as the folder of no value: DuckDB writes one file twice."""
    for name in _texts_in_folders(export):
        (count,) = export.connection.execute(
            f"SELECT count(*) FROM {export.table.name} WHERE {name} = '{UNKNOWN_FOLDER}'"
        ).fetchall()[0]
        if count:
            raise ExportError(
                f"{export.table.name}: {count} rows have the {name} '{UNKNOWN_FOLDER}', which is "
                "what the folder of rows without any is called. Correct it at its source, or in "
                "silver."
            )


def _files_in(path: Path) -> dict[str, int]:
    """Return the Parquet files below a folder, and their sizes."""
    return {
        found.relative_to(path).as_posix(): found.stat().st_size
        for found in sorted(path.rglob("*.parquet"))
    }
