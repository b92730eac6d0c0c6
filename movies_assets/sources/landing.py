"""The landing zone: which files have arrived, told by what they are and never by a clock.

A file belongs to the day of the folder it lies in, `YYYY-MM-DD/name.csv`. The folder of those days
is any URL that fsspec knows: a local path, `s3://`, `abfs://`, `gs://`. What the files say belongs
in `warehouse.delimited`.
"""

import hashlib
import re
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO, cast

import fsspec
from fsspec.implementations.local import LocalFileSystem

from movies_assets.sources.download import move, storing
from movies_assets.sources.http import PermanentSourceError

ARRIVED = re.compile(r"/(?P<path>(?P<day>\d{4}-\d{2}-\d{2})/(?P<name>[^/]+))")
# What stores say of an object's content; whoever names none is read.
CHECKSUMS = ("ETag", "etag", "md5Hash", "content_md5", "md5")
EXTRAS = {"s3": "s3", "s3a": "s3", "abfs": "azure", "abfss": "azure", "az": "azure", "gs": "gcs",
          "gcs": "gcs"}  # fmt: skip
DIGEST_BYTES = 8
# What ends the name of a file that is still being written in place of another one.
PART = ".anew"


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
        """Return a short name of this state of this file."""
        state = f"{self.path}\0{self.bytes}\0{self.checksum}".encode()
        return hashlib.blake2b(state, digest_size=DIGEST_BYTES).hexdigest()


class Landing:
    """A folder in which files arrive.

    Args:
        url: the folder.
        name: what rows say of their origin, in place of the URL: `netflix/titles`.
        suffix: how names of files end; others are left alone, such as those still being written.
        options: passed on to fsspec, such as credentials.

    Raises:
        PermanentSourceError: nobody here knows such a URL.
    """

    def __init__(
        self,
        url: str | Path,
        name: str,
        *,
        suffix: str = ".csv",
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = name
        self._suffix = suffix
        scheme = str(url).partition("://")[0] if "://" in str(url) else "file"
        try:
            self._files, self._root = fsspec.url_to_fs(str(url), **(options or {}))
        except (ImportError, ValueError) as error:
            extra = EXTRAS.get(scheme)
            advice = f"pip install 'movies_assets[{extra}]'" if extra else "check the URL"
            raise PermanentSourceError(
                f"the landing folder of {name} cannot be reached: {error}. To mend it: {advice}."
            ) from error

    def arrivals(self, days: Collection[date] | None = None) -> list[Arrival]:
        """Return the files that have arrived, by day and path.

        Args:
            days: only those of these days.
        """
        return sorted(
            Arrival(day, path, info["size"], self._checksum(f"{self._root}/{path}", info))
            for day, path, info in self._listed(days)
        )

    def paths(self, days: Collection[date]) -> list[tuple[date, str]]:
        """Return day and path of the files that have arrived for some days, without reading any."""
        return sorted((day, path) for day, path, _ in self._listed(days))

    def is_at(self, folder: Path) -> bool:
        """Say whether this is a folder of this machine."""
        local = isinstance(self._files, LocalFileSystem)
        return local and Path(self._root).resolve() == folder.resolve()

    def open(self, path: str) -> BinaryIO:
        """Open a file.

        Raises:
            PermanentSourceError: it is gone.
        """
        try:
            return cast("BinaryIO", self._files.open(f"{self._root}/{path}", "rb"))
        except FileNotFoundError:
            raise PermanentSourceError(
                f"{self.name}/{path} was there when the landing folder was listed, and is gone. "
                "Run these days again."
            ) from None

    def everything(self) -> list[str]:
        """Return the paths of all files below the folder, whatever their names and folders.

        What a killed process has left of `replace` is removed.
        """
        self._files.invalidate_cache()
        if not self._files.exists(self._root):
            return []
        found = sorted(self._files.find(self._root))
        for path in filter(_remains, found):
            self._files.rm_file(path)
        return [path.removeprefix(f"{self._root}/") for path in found if not _remains(path)]

    def replace(self, path: str, pieces: Iterable[bytes]) -> None:
        """Write a file anew: whoever reads it finds all of the old one or all of the new.

        Raises:
            PermanentSourceError: it cannot be written.
        """
        target = Path(f"{self._root}/{path}")
        is_local = isinstance(self._files, LocalFileSystem)
        with ExitStack() as stack:
            stack.enter_context(storing(target))
            if not is_local:
                # A store shows an object when all of it is there.
                new = Path(stack.enter_context(TemporaryDirectory())) / target.name
            else:
                new = target.with_name(f".{target.name}{PART}")
                stack.callback(new.unlink, missing_ok=True)
            with new.open("wb") as file:
                file.writelines(pieces)
            if is_local:
                shutil.copymode(target, new)
                move(new, target)
            else:
                self._files.put_file(str(new), f"{self._root}/{path}")

    def _listed(
        self, days: Collection[date] | None
    ) -> Iterator[tuple[date, str, Mapping[str, Any]]]:
        """Yield day, path and what the store says of each file."""
        # A store may keep its listing; a file that has arrived since would not be seen.
        self._files.invalidate_cache()
        found = self._files.find(self._root, detail=True) if self._files.exists(self._root) else {}
        for path, info in found.items():
            match = ARRIVED.fullmatch(path.removeprefix(self._root))
            if not match or not match["name"].endswith(self._suffix):
                continue
            day = _day(match["day"])
            if day and not match["name"].startswith((".", "_")) and (days is None or day in days):
                yield day, match["path"], info

    def _checksum(self, path: str, info: Mapping[str, Any]) -> str:
        """Return the store's checksum, or that of the content: a copy may keep the times."""
        if not isinstance(self._files, LocalFileSystem):
            for name in CHECKSUMS:
                if value := info.get(name):
                    return str(value).strip('"')
        with self._files.open(path, "rb") as file:
            return hashlib.file_digest(file, "blake2b").hexdigest()[: 4 * DIGEST_BYTES]


def _remains(path: str) -> bool:
    """Say whether a file is what a killed process has left of writing another one anew."""
    name = path.rpartition("/")[2]
    return name.startswith(".") and name.endswith(PART)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
