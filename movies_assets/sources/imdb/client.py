"""Fetch IMDb's dumps, seven gzipped TSV files, into the landing zone, once per run date.

The files, their storage, and the completeness of a run date belong here; downloading in
`ingest.download`, loading the rows in the bronze assets.

In the landing zone, `imdb/<file>/run_date=YYYY-MM-DD/` holds `<file>.tsv.gz` (unless the file is
the same as on an older run date), `manifest.json`, and `_SUCCESS`, which is written last: without
it the run date is ignored.
"""

import json
import logging
import os
import shutil
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Literal

import anyio
from anyio.from_thread import start_blocking_portal
from anyio.to_thread import run_sync

from movies_assets.ingest.download import Downloader, Partial, Version, locked, storing, write_file
from movies_assets.ingest.http import (
    HttpSource,
    PermanentSourceError,
    SourceError,
    TransientSourceError,
    mask_url,
    url_below,
)
from movies_assets.ingest.landing import NeverOpenedError, open_below
from movies_assets.sources.imdb.settings import FILES

_logger = logging.getLogger(__name__)

_MANIFEST = "manifest.json"
_SUCCESS = "_SUCCESS"
_PREFIX = "run_date="


@dataclass(frozen=True, slots=True)
class Dump:
    """A dump: one file of one run date.

    Attributes:
        file: Such as 'title.basics'.
        run_date: Its run date.
        state: 'updated': stored on this run date; 'unchanged': the same as on an older one;
            'present': already complete before.
        path: The stored file; that of an older run date if nothing has changed.
        bytes: Its size, compressed.
        sha256: Its SHA-256, in hexadecimal.
        etag: The server's ETag of this version, if it has one.
        last_modified: The server's Last-Modified header.
    """

    file: str
    run_date: date
    state: Literal["unchanged", "present", "updated"]
    path: Path
    bytes: int
    sha256: str
    etag: str | None
    last_modified: str | None

    @property
    def version(self) -> Version:
        """Return its version on the server."""
        return Version(self.etag, self.last_modified, self.bytes)


class ImdbClient(HttpSource):
    """A client that fetches IMDb's dumps into the landing zone; it may be killed and rerun.

    The concurrency of its options is the number of concurrent downloads.
    """

    def fetch(self, landing: Path, run_date: date, files: Sequence[str]) -> list[Dump]:
        """Complete a run date; skip files that are already complete.

        If a file fails, the others are still fetched. If another process is fetching the same file,
        this one waits, and finds it present.

        Args:
            landing: The landing zone.
            run_date: The run date to assign to the server's current files.
            files: Some of FILES.

        Raises:
            PermanentSourceError: The source refused or sent no valid file, or the disk is full.
            TransientSourceError: The source was still failing when the time budget was spent.
        """
        shelves = _shelves(landing, files)

        def incomplete() -> list[_DumpFolder]:
            return [shelf for shelf in shelves if not shelf.dump(run_date)]

        with storing(landing), ExitStack() as locks:
            # In the same order in all processes, to avoid deadlocks.
            for shelf in sorted(incomplete()):
                locks.enter_context(shelf.locked(self._log))
            todo = incomplete()  # again, as another process may have fetched them
            if todo:
                with start_blocking_portal(name="imdb") as portal:
                    portal.call(self._fetch_all, todo, run_date)
            dumps = stored(landing, run_date, files)
        new = {shelf.file for shelf in todo}
        return [dump if dump.file in new else replace(dump, state="present") for dump in dumps]

    async def _fetch_all(self, shelves: Iterable["_DumpFolder"], run_date: date) -> None:
        failures: list[SourceError] = []

        async def fetch(shelf: _DumpFolder) -> None:
            try:
                await self._fetch_one(downloader, shelf, run_date)
            except SourceError as error:
                failures.append(error)

        async with self._http() as http, anyio.create_task_group() as group:
            downloader = Downloader(http, self._log)
            for shelf in shelves:
                group.start_soon(fetch, shelf)
        if failures:
            raise _all(failures)

    async def _fetch_one(
        self, downloader: Downloader, shelf: "_DumpFolder", run_date: date
    ) -> None:
        target = shelf.target(run_date)
        with storing(target):
            known = await run_sync(shelf.prepare, run_date)
            version = known.version if known else None
            new = await downloader.download(target.name, target, version)
            url = mask_url(url_below(self._base, target.name))
            dump = await run_sync(shelf.finish, run_date, url, known, new)
        self._log(f"{target.name} of {run_date}: {dump.state}, {dump.bytes:,} bytes.")


def stored(landing: Path, run_date: date, files: Sequence[str]) -> list[Dump]:
    """Return the dumps of a run date in the landing zone, without requests.

    Raises:
        PermanentSourceError: Some files are missing or incomplete.
    """
    dumps, faults = [], []
    for shelf in _shelves(landing, files):
        if dump := shelf.dump(run_date):
            dumps.append(dump)
        else:
            faults.append(f"{shelf.file} ({shelf.fault(run_date)})")
    if faults:
        raise PermanentSourceError(
            f"IMDb's files of {run_date} are not complete in {landing / 'imdb'}: "
            f"{', '.join(faults)}. Fetch them first. IMDb offers its newest files only, so a "
            "file that was not fetched on a past day is only available as it is today."
        )
    return dumps


def prune(landing: Path, keep: int, spare: Collection[date] = ()) -> list[Path]:
    """Remove the oldest run dates of each file, and return their folders.

    A run date whose file a newer one still refers to is kept.

    Args:
        landing: The landing zone.
        keep: The number of complete run dates of each file to keep; at least 1.
        spare: Run dates to keep regardless of their age, as they are still in use.
    """
    if keep < 1:
        raise ValueError(f"at least 1 run date must be kept, not {keep}")
    with storing(landing):
        return [folder for shelf in _shelves(landing, FILES) for folder in shelf.prune(keep, spare)]


@dataclass(frozen=True, slots=True, order=True)
class _DumpFolder:
    """The folder of one file's run dates in the landing zone."""

    landing: Path
    file: str

    @property
    def _root(self) -> Path:
        return self.landing / "imdb" / self.file

    def _folder(self, run_date: date) -> Path:
        return self._root / f"{_PREFIX}{run_date}"

    def target(self, run_date: date) -> Path:
        """Return the path of a file that is stored on this run date."""
        return self._folder(run_date) / f"{self.file}.tsv.gz"

    def _run_dates(self) -> list[date]:
        """Return all run dates, complete or not, the newest first."""
        return sorted(filter(None, map(_run_date, self._root.glob("*"))), reverse=True)

    def dump(self, run_date: date) -> Dump | None:
        """Return the dump of a run date; None if it is incomplete."""
        if not (self._folder(run_date) / _SUCCESS).exists() or not (dump := self._read(run_date)):
            return None
        # The file of an older run date may have been lost and replaced by another one.
        day = _run_date(dump.path.parent)
        owner = self._read(day) if day else None
        same = owner and (owner.path, owner.sha256) == (dump.path, dump.sha256)
        return dump if same and self._size(dump.path) == dump.bytes else None

    def _size(self, path: Path) -> int | None:
        """Return the size of a stored file; None if there is no file."""
        try:
            with open_below(self._root, str(path.relative_to(self._root))) as file:
                return os.fstat(file.fileno()).st_size
        except (OSError, ValueError):
            return None

    def _read(self, run_date: date) -> Dump | None:
        """Return the dump of the manifest; None if that is missing or damaged."""
        try:
            with open_below(self._folder(run_date), _MANIFEST) as file:
                manifest = json.load(file)
            del manifest["url"]
            path = self.landing / manifest.pop("path")
            return Dump(**{**manifest, "run_date": run_date, "path": path})
        except (FileNotFoundError, NeverOpenedError, ValueError, TypeError, KeyError):
            return None

    def fault(self, run_date: date) -> str:
        """Return why a run date is incomplete."""
        if not self._folder(run_date).exists():
            return "never fetched"
        if not (self._folder(run_date) / _SUCCESS).exists():
            return "not completely fetched"
        return "the stored file or its manifest is missing or damaged"

    def prepare(self, run_date: date) -> Dump | None:
        """Invalidate a run date, and return the newest complete one before it."""
        folder = self._folder(run_date)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _SUCCESS).unlink(missing_ok=True)
        (folder / _MANIFEST).unlink(missing_ok=True)
        older = (self.dump(day) for day in self._run_dates() if day < run_date)
        return next(filter(None, older), None)

    def finish(self, run_date: date, url: str, known: Dump | None, new: Partial) -> Dump:
        """Store a new file, or refer to an equal older one, and complete the run date.

        Args:
            run_date: The run date.
            url: The URL of the file, without secrets.
            known: The older dump.
            new: The new file; of size 0 if it is the same.
        """
        target = self.target(run_date)
        if known and (not new.size or new.sha256 == known.sha256):
            version = new.version if new.size else known.version
            new.discard()
            target.unlink(missing_ok=True)
            dump = replace(known, state="unchanged", run_date=run_date)
        else:
            version = new.version
            new.store()
            dump = Dump(self.file, run_date, "updated", target, new.size, new.sha256, None, None)
        dump = replace(dump, etag=version.etag, last_modified=version.last_modified)
        path = dump.path.relative_to(self.landing).as_posix()
        manifest = asdict(dump) | {"run_date": str(run_date), "path": path, "url": url}
        write_file(target.with_name(_MANIFEST), json.dumps(manifest, indent=2) + "\n")
        write_file(target.with_name(_SUCCESS), "")
        return dump

    def prune(self, keep: int, spare: Collection[date]) -> list[Path]:
        """Remove everything older than the newest complete run dates, except for their files."""
        if not self._root.exists():
            return []
        with self.locked(_logger.info):
            run_dates = self._run_dates()
            complete = [dump for day in run_dates if (dump := self.dump(day))]
            if len(complete) < keep:
                return []
            old = {day for day in run_dates if day < complete[keep - 1].run_date} - set(spare)
            needed = {dump.path.parent for dump in complete if dump.run_date not in old}
            gone = [self._folder(day) for day in sorted(old) if self._folder(day) not in needed]
            for folder in gone:
                (folder / _SUCCESS).unlink(missing_ok=True)
                shutil.rmtree(folder)
        return gone

    def locked(self, log: Callable[[str], None]) -> AbstractContextManager[None]:
        """Lock out other processes that change the run dates."""
        return locked(self._root, self.file, log)


def _shelves(landing: Path, files: Iterable[str]) -> list[_DumpFolder]:
    if unknown := sorted(set(files) - set(FILES)):
        raise PermanentSourceError(
            f"IMDb has no file {', '.join(unknown)}. Choose among {', '.join(FILES)}."
        )
    return [_DumpFolder(landing, file) for file in dict.fromkeys(files)]


def _run_date(folder: Path) -> date | None:
    try:
        day = date.fromisoformat(folder.name.removeprefix(_PREFIX))
    except ValueError:
        return None
    return day if folder.name == f"{_PREFIX}{day}" else None


def _all(failures: list[SourceError]) -> SourceError:
    """Combine errors into one, which is transient only if all are."""
    if len(failures) == 1:
        return failures[0]
    text = " ".join([f"{len(failures)} files could not be fetched.", *sorted(map(str, failures))])
    passing = [f.retry_after or 0 for f in failures if isinstance(f, TransientSourceError)]
    if len(passing) == len(failures):
        return TransientSourceError(text, max(passing) or None)
    return PermanentSourceError(text)
