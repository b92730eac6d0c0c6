"""Find the files of a landing zone that have arrived, and those that are not read.

A file belongs to the day in its path: `2025-10-31/titles.csv`, `date=2025-10-31/titles.csv`,
`2025/10/31/titles.csv` or `year=2025/month=10/day=31/titles.csv`, in any other folders. No clock
is involved. The folder is any URL that fsspec knows: a local path, `s3://`, `abfs://`, `gs://`.
In a local folder only regular files below it are opened, and links to such: a supplier of files
could otherwise have any file of this machine read, or make a run wait for a pipe forever. How a
file is packed belongs in `ingest.packing`.
"""

import errno
import hashlib
import os
import re
import shutil
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO, cast

import fsspec
from fsspec.implementations.local import LocalFileSystem

from movies_assets.ingest.checksums import Checksums, Remembered, content_checksum, state_of
from movies_assets.ingest.download import move, storing
from movies_assets.ingest.http import PermanentSourceError
from movies_assets.ingest.packing import MARKERS, MOST_BYTES, SUFFIXES, TOO_LARGE

DAY = re.compile(r"(?:^|/)(?:\w+=)?(\d{4})(-?)(\d{2})\2(\d{2})(?=/)", re.ASCII)
YEAR_MONTH_DAY = re.compile(
    r"(?:^|/)(?:y\w*=)?(\d{4})()/(?:m\w*=)?(\d{1,2})/(?:d\w*=)?(\d{1,2})(?=/)",
    re.ASCII | re.IGNORECASE,
)
# Files that browsers, editors, copying programs and Spark are still writing, or have left behind.
TEMPORARY = re.compile(
    r"(?:^|/)[._]|(?:^|/)~\$|(?:\.(?:part|partial|filepart|crdownload|download|tmp|temp|swp)|~)$",
    re.IGNORECASE,
)
STILL_WRITTEN = "has a temporary name: it is still being written, or was left behind"
NO_DAY = "has no day in its path: put it into a folder such as 2025-10-31"
MANY_DAYS = "has several days in its path: keep one of them"
OUTSIDE = "belongs to a day without a partition: there are those of {} to {}"
NO_TABLE = "is of a kind that is not read: deliver .csv, .tsv, .jsonl, .parquet, .xlsx, .gz or .zip"
A_NOTE = "is a note, by its name: rename it to .csv or .tsv if it is a table"
NO_NAME = "has a name that is not UTF-8: rename it"
LOOP = "is a link to a folder that contains the link: remove it"
DANGLING = "is a link to a file that is not there: fix or remove the link"
OUTSIDE_FOLDER = "is a link out of the landing folder: put a copy in its place, or remove it"
TOO_MANY_LINKS = "is a link behind too many other links: link to the folder itself"
NO_FILE = "is neither a file nor a folder: remove it"
EMPTY_FOLDER = "is an empty folder with the name of a file: deliver the file, or remove it"
NO_ACCESS = "cannot be read: check its permissions"
# These are never opened, not even to erase a person; all others may hold data.
NEVER_OPENED = (LOOP, OUTSIDE_FOLDER, TOO_MANY_LINKS, NO_FILE, EMPTY_FOLDER)
# Most links to folders in one path: n folders that link to each other have n! paths.
MOST_LINKS = 3
# Names under which stores give an object's checksum; without any of them the content is hashed.
CHECKSUMS = ("ETag", "etag", "md5Hash", "content_md5", "md5")
EXTRAS = {"s3": "s3", "s3a": "s3", "abfs": "azure", "abfss": "azure", "az": "azure", "gs": "gcs",
          "gcs": "gcs"}  # fmt: skip
DIGEST_BYTES = 8
# Suffix of a file that is being written to replace another one.
PART = ".anew"
# The checksums of the newest survey of each local folder in this process.
_SURVEYED: dict[str, dict[str, Remembered]] = {}


@dataclass(frozen=True, slots=True, order=True)
class Arrival:
    """A file that has arrived.

    Attributes:
        day: the day it belongs to.
        path: where it is, below the landing folder: `2025-10-31/titles.csv`.
        bytes: its size.
        checksum: of its content; the store's own where it has one.
    """

    day: date
    path: str
    bytes: int
    checksum: str

    @property
    def digest(self) -> str:
        """Return a short hash of this state of this file."""
        state = f"{self.path}\0{self.bytes}\0{self.checksum}".encode()
        return hashlib.blake2b(state, digest_size=DIGEST_BYTES).hexdigest()


@dataclass(frozen=True, slots=True, order=True)
class Unread:
    """A file below the landing folder that is not read.

    Attributes:
        path: where it is, below the landing folder.
        reason: why, worded to follow the file's name, and what to do.
        day: the day that it belongs to, if its path has one.
    """

    path: str
    reason: str
    day: date | None = None


@dataclass(frozen=True, slots=True)
class Survey:
    """Everything below a landing folder, from one listing.

    Attributes:
        arrivals: the files that have arrived and can be opened.
        closed: the files that have arrived and cannot be opened.
        unread: the files that are not read.
    """

    arrivals: Sequence[Arrival]
    closed: Sequence[Unread]
    unread: Sequence[Unread]


@dataclass(frozen=True, slots=True)
class _Found:
    """An entry below the landing folder.

    Attributes:
        path: where it is, below the landing folder.
        info: the store's own description of it.
        day: the day that it belongs to.
        problem: why it cannot be opened.
        reason: why it is not read, whether it can be opened or not.
    """

    path: str
    info: Mapping[str, Any]
    day: date | None = None
    problem: str | None = None
    reason: str | None = None


class NeverOpenedError(OSError):
    """A file that must not be opened.

    Args:
        path: where it is.
        reason: why, as it goes on from the file's name.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(errno.EINVAL, reason, path)


class Landing:
    """A folder in which files arrive.

    Args:
        url: the folder.
        name: the name of the folder in rows and messages, instead of the URL: `netflix/titles`.
        options: passed on to fsspec, such as credentials.

    Raises:
        PermanentSourceError: no installed file system has such URLs.
    """

    def __init__(
        self,
        url: str | Path,
        name: str,
        *,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = name
        scheme = str(url).partition("://")[0] if "://" in str(url) else "file"
        try:
            self._files, self._root = fsspec.url_to_fs(str(url), **(options or {}))
        except (ImportError, ValueError) as error:
            extra = EXTRAS.get(scheme)
            advice = f"pip install 'movies_assets[{extra}]'" if extra else "check the URL"
            raise PermanentSourceError(
                f"the landing folder of {name} cannot be reached: {error}. To fix it: {advice}."
            ) from error

    def arrivals(self, days: Collection[date] | None = None) -> list[Arrival]:
        """Return the files that have arrived and can be opened, by day and path.

        Args:
            days: only those of these days.
        """
        return self._arrivals(self._arrived(days))

    def survey(self) -> Survey:
        """Return everything below the folder, of any day.

        Files that have not changed since the last survey in this process are not opened.
        """
        found = list(self._found())
        read = [one for one in found if one.reason is None]
        closed = sorted(Unread(one.path, one.problem, one.day) for one in read if one.problem)
        unread = sorted(Unread(one.path, one.reason, one.day) for one in found if one.reason)
        checksums = Checksums(_SURVEYED.get(self._root, {}))
        arrivals = self._arrivals(read, checksums)
        _SURVEYED[self._root] = checksums.found
        return Survey(arrivals, closed, unread)

    def paths(self, days: Collection[date]) -> list[tuple[date, str]]:
        """Return day and path of the files that have arrived for some days, without opening them.

        Those that cannot be opened are among them: their day is not complete without them.
        """
        return sorted((found.day, found.path) for found in self._arrived(days) if found.day)

    def unread(
        self, days: Collection[date] | None = None, *, possible: tuple[date, date] | None = None
    ) -> list[Unread]:
        """Return the files that are not read, each with the reason; `paths` are all others.

        Files that systems create and that never hold data are left out (`.DS_Store`).

        Args:
            days: return files of these days, of no possible day and without a day.
            possible: the first and the last day that files may belong to.
        """
        unread, asked = [], None if days is None else frozenset(days)
        for found in self._found():
            reason = found.reason
            is_asked = asked is None or found.day is None or found.day in asked
            if possible and found.day and not possible[0] <= found.day <= possible[1]:
                is_asked, reason = True, reason or OUTSIDE.format(*possible)
            if reason and is_asked:
                unread.append(Unread(found.path, reason, found.day))
        return sorted(unread)

    def is_at(self, folder: Path) -> bool:
        """Return whether this is a folder of this machine."""
        return self._is_local and Path(self._root).resolve() == folder.resolve()

    def open(self, path: str) -> BinaryIO:
        """Open a file without blocking.

        Raises:
            PermanentSourceError: it is gone, cannot be read, or is no longer a regular file below
                the folder.
        """
        source = f"{self.name}/{path}"
        try:
            return self._opened(path)
        except NeverOpenedError as error:
            raise PermanentSourceError(f"{source} {error.strerror}.") from None
        except FileNotFoundError:
            if self._is_local and Path(f"{self._root}/{path}").is_symlink():
                raise PermanentSourceError(f"{source} {DANGLING}.") from None
            raise PermanentSourceError(
                f"{source} was there when the landing folder was listed, and is gone. "
                "Rerun these days."
            ) from None
        except OSError as error:
            raise PermanentSourceError(
                f"{source} cannot be read: {error.strerror or error}. Check its permissions."
            ) from error

    def everything(self) -> list[str]:
        """Return the paths of all files below the folder, with any names and in any folders.

        Files that a killed `replace` has left are removed. All others are
        `never_opened`.
        """
        # Unreadable files are included: they must not be reported as cleared.
        gone = (DANGLING, *NEVER_OPENED)
        paths = sorted(found.path for found in self._listed() if found.problem not in gone)
        for path in filter(_remains, paths):
            self._files.rm_file(f"{self._root}/{path}")
        return [path for path in paths if not _remains(path)]

    def never_opened(self) -> list[Unread]:
        """Return the entries below the folder that are not regular files, each with the reason."""
        return sorted(
            Unread(found.path, found.problem)
            for found in self._listed()
            if found.problem in NEVER_OPENED
        )

    def replace(self, path: str, pieces: Iterable[bytes]) -> None:
        """Replace a file atomically: readers find all of the old one or all of the new.

        A link stays, and the file that it points to is replaced.

        Raises:
            PermanentSourceError: it cannot be written, or is not below the folder.
        """
        is_local = self._is_local
        target = Path(f"{self._root}/{path}")
        if is_local and not _is_below(target := target.resolve(), os.path.realpath(self._root)):
            raise PermanentSourceError(f"{self.name}/{path} {OUTSIDE_FOLDER}.")
        with ExitStack() as stack:
            stack.enter_context(storing(target))
            if not is_local:
                # An object store shows an object only once it is complete.
                new = Path(stack.enter_context(TemporaryDirectory())) / target.name
            else:
                new = target.with_name(f".{target.name}{PART}")
                stack.callback(new.unlink, missing_ok=True)
            new.unlink(missing_ok=True)
            with new.open("xb") as file:  # refuse to follow a link put there meanwhile
                file.writelines(pieces)
            if is_local:
                shutil.copymode(target, new)
                move(new, target)
            else:
                self._files.put_file(str(new), f"{self._root}/{path}")

    @property
    def _is_local(self) -> bool:
        return isinstance(self._files, LocalFileSystem)

    def _opened(self, path: str) -> BinaryIO:
        """Open a file.

        Raises:
            OSError: it cannot be opened, or must not be.
        """
        if self._is_local:
            file = open_below(self._root, path)
            if os.fstat(file.fileno()).st_size > MOST_BYTES:
                file.close()
                raise NeverOpenedError(path, TOO_LARGE)
            return file
        return cast("BinaryIO", self._files.open(f"{self._root}/{path}", "rb"))

    def _arrivals(
        self, files: Iterable[_Found], checksums: Checksums | None = None
    ) -> list[Arrival]:
        """Return the files that can be opened, each with its checksum."""
        arrivals = []
        for found in files:
            if found.day and not found.problem:
                # It may have been deleted since it was listed.
                with suppress(OSError):
                    checksum = self._checksum(found, checksums or Checksums({}))
                    arrivals.append(Arrival(found.day, found.path, found.info["size"], checksum))
        return sorted(arrivals)

    def _arrived(self, days: Collection[date] | None) -> Iterator[_Found]:
        """Yield the files that are read, and those that should be but cannot be opened."""
        asked = None if days is None else frozenset(days)
        for found in self._found():
            if found.reason is None and (asked is None or found.day in asked):
                yield found

    def _found(self) -> Iterator[_Found]:
        """Yield everything below the folder, with its day, or with the reason why it is not read.

        Leave out files that systems create.
        """
        for found in self._listed():
            if MARKERS.fullmatch(found.path.rpartition("/")[2]):
                continue
            # A dangling link may have been a link to a folder.
            day, reason = _day_of(f"{found.path}/" if found.problem else found.path)
            if not found.path.isprintable() and not _is_utf8(found.path):
                path = found.path.encode(errors="surrogateescape").decode(errors="backslashreplace")
                yield replace(found, path=path, day=day, reason=NO_NAME)
            else:
                yield replace(found, day=day, reason=_reason(found) or reason)

    def _listed(self) -> Iterator[_Found]:
        """Yield everything below the folder that is not a folder itself."""
        # fsspec caches listings; a file that has arrived since would be missed.
        self._files.invalidate_cache()
        if not self._files.exists(self._root):
            return
        if self._is_local:
            yield from _walk(self._root)
            return
        for path, info in self._files.find(self._root, detail=True).items():
            # Some stores represent folders by objects.
            if not path.endswith("/"):
                problem = TOO_LARGE if (info.get("size") or 0) > MOST_BYTES else None
                yield _Found(path.removeprefix(f"{self._root}/"), info, problem=problem)

    def _checksum(self, found: _Found, checksums: Checksums) -> str:
        """Return the store's checksum, or a hash of the content: a copy may keep the times."""
        if self._is_local:
            return checksums.of(found.path, found.info["state"], lambda: self._opened(found.path))
        for name in CHECKSUMS:
            if value := found.info.get(name):
                return str(value).strip('"')
        with self._opened(found.path) as file:
            return content_checksum(file)


def _is_below(path: str | Path, folder: str) -> bool:
    """Return whether a path is a folder or below it; both must be resolved."""
    return Path(path).is_relative_to(folder)


def open_below(root: str | Path, path: str) -> BinaryIO:
    """Open a regular file below a local folder, without blocking.

    Links are resolved first, then no component may be one: a link that replaces the file meanwhile
    is not followed.

    Args:
        root: the folder.
        path: the file's path below it.

    Raises:
        NeverOpenedError: it is not a regular file, or is not below the folder.
        OSError: it cannot be opened.
    """
    folder = os.path.realpath(root)
    real = os.path.realpath(f"{root}/{path}")
    if not _is_below(real, folder):
        raise NeverOpenedError(path, OUTSIDE_FOLDER)
    with ExitStack() as stack:
        inner = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        stack.callback(os.close, inner)
        *between, name = Path(real).relative_to(folder).parts or (".",)
        for each in between:
            inner = os.open(each, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=inner)
            stack.callback(os.close, inner)
        file = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW, dir_fd=inner)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise NeverOpenedError(path, NO_FILE)
    return os.fdopen(file, "rb")


def _problem(state: os.stat_result) -> str | None:
    """Return why an entry that is not a folder cannot be opened; None if it can."""
    if not stat.S_ISREG(state.st_mode):
        return NO_FILE
    return TOO_LARGE if state.st_size > MOST_BYTES else None


@dataclass(frozen=True, slots=True)
class _WalkedFolder:
    """A folder of the walk through a local landing folder.

    Attributes:
        path: where it is, through links.
        below: its path below the landing folder, with a slash at its end.
        above: its resolved ancestors.
        links: the number of links in its path.
    """

    path: str
    below: str = ""
    above: tuple[str, ...] = ()
    links: int = 0


def _walk(root: str) -> Iterator[_Found]:
    """Yield the entries below a local folder, and follow links that stay inside."""
    top, waiting = os.path.realpath(root), [_WalkedFolder(root)]
    while waiting:
        folder = waiting.pop()
        real, name = os.path.realpath(folder.path), folder.below.rstrip("/")
        problem = None
        if not _is_below(real, top):
            problem = OUTSIDE_FOLDER
        elif real in folder.above:
            problem = LOOP
        elif folder.links > MOST_LINKS:
            problem = TOO_MANY_LINKS
        if problem:
            yield _Found(name, {"size": 0}, problem=problem)
            continue
        try:
            entries = list(os.scandir(folder.path))
        except OSError:
            yield _Found(name, {"size": 0}, problem=NO_ACCESS)
            continue
        if not entries and name.lower().endswith(SUFFIXES):
            yield _Found(name, {"size": 0}, problem=EMPTY_FOLDER)
        for entry in entries:
            if _is_folder(entry):
                links = folder.links + entry.is_symlink()
                below = f"{folder.below}{entry.name}/"
                waiting.append(_WalkedFolder(entry.path, below, (*folder.above, real), links))
            else:
                yield _described(entry, folder.below, top)


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _described(entry: "os.DirEntry[str]", below: str, top: str) -> _Found:
    info: dict[str, Any] = {"size": 0}
    problem = None
    try:
        if entry.is_symlink() and not _is_below(os.path.realpath(entry.path), top):
            problem = OUTSIDE_FOLDER
        else:
            found = entry.stat()
            problem = _problem(found)
            info = {"size": found.st_size, "state": state_of(found)}
    except OSError:
        problem = DANGLING if entry.is_symlink() else NO_ACCESS
    if not problem and not os.access(entry.path, os.R_OK):
        problem = NO_ACCESS
    return _Found(f"{below}{entry.name}", info, problem=problem)


def _reason(found: _Found) -> str | None:
    """Return why an entry is not read, regardless of its day; None if it is read."""
    name = found.path.rpartition("/")[2].lower()
    if found.problem in NEVER_OPENED:
        return found.problem
    if TEMPORARY.search(found.path):
        return STILL_WRITTEN
    if name.endswith(SUFFIXES) or (found.problem and "." not in name):
        return None
    if found.problem:
        return found.problem
    return A_NOTE if name.endswith((".txt", ".md")) else NO_TABLE


def _day_of(path: str) -> tuple[date | None, str | None]:
    """Return the day in the folders of a path, or the reason why there is not exactly one."""
    days = set()
    for pattern in (DAY, YEAR_MONTH_DAY):
        for year, _, month, day in pattern.findall(path):
            with suppress(ValueError):
                days.add(date(int(year), int(month), int(day)))
    if len(days) == 1:
        return days.pop(), None
    return None, MANY_DAYS if days else NO_DAY


def _is_utf8(path: str) -> bool:
    return path == path.encode(errors="replace").decode()


def _remains(path: str) -> bool:
    """Return whether a path is a remnant of a killed `replace`."""
    name = path.rpartition("/")[2]
    return name.startswith(".") and name.endswith(PART)
