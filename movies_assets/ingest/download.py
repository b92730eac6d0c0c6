"""Download files: resume interrupted transfers, and validate files before they are stored.

One file, its versions, its storage and the validation of gzip belong here.
Requests, retries and errors are in http.py; which files a source has, and where they are kept,
belongs in the source's own module.
"""

import errno
import hashlib
import json
import math
import re
import shutil
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
from anyio.to_thread import run_sync

from movies_assets.core.durable import fsync
from movies_assets.ingest.http import (
    HttpClient,
    PermanentSourceError,
    SourceError,
    TransientSourceError,
)

_MAGIC = b"\x1f\x8b"
_GZIP = zlib.MAX_WBITS | 16
_ROOM_BYTES = 1 << 20  # decompressed at once at most: a small piece may expand to a large one
PIECE_BYTES = 1 << 20
_PROGRESS_SECONDS = 10
_PROGRESS_SHARE = 0.1
_FRESH_STARTS = 5
# Real dumps unpack to five times their size; deflate can unpack to a thousand.
_MOST_EXPANSION = 20
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


@contextmanager
def storing(path: Path, needed: Callable[[], int] = lambda: 0) -> Iterator[None]:
    """Turn errors of the disk into one that explains what to do; `needed` counts bytes."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise _no_room(path, needed()) from error
        raise PermanentSourceError(
            f"{error.filename or path} cannot be written or read: {error.strerror}. "
            "Check its permissions and its disk, then run again."
        ) from error


def _no_room(path: Path, needed: int) -> PermanentSourceError:
    need = f"{needed:,} bytes more" if needed else "more room"
    folder = next(folder for folder in path.parents if folder.exists())
    return PermanentSourceError(
        f"The disk is too full for {path}: {need} needed, {shutil.disk_usage(folder).free:,} "
        "bytes free. Free some space, or keep the data on a larger disk, then run again."
    )


def write_file(path: Path, text: str) -> None:
    """Write a small file atomically: in any case it is complete or absent."""
    new = path.with_name(f"{path.name}.tmp")
    new.write_text(text)
    move(new, path)


def move(source: Path, target: Path) -> None:
    """Rename a file so that even a power failure leaves all of the old one or all of the new."""
    fsync(source)
    source.replace(target)
    fsync(target.parent)


@contextmanager
def locked(folder: Path, what: str, log: Callable[[str], None]) -> Iterator[None]:
    """Lock a folder against other processes' writes; the lock ends with its process.

    Args:
        folder: The folder, created if it is missing.
        what: The name of the fetched data, for messages.
        log: Receives a line if another process holds the lock.

    Raises:
        PermanentSourceError: This system has no file locks.
    """
    try:
        import fcntl  # noqa: PLC0415 (Windows has none, and can still read what is stored)
    except ModuleNotFoundError:
        raise PermanentSourceError(
            f"Fetching {what} needs file locks (fcntl), which this system does not have. "
            "Run on Linux or macOS, or on Windows in WSL or a container."
        ) from None
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log(f"Waiting for another process that is fetching {what} into {folder}.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@dataclass(frozen=True, slots=True)
class Version:
    """The headers that identify one version of a file on a server.

    Attributes:
        etag: The ETag header.
        last_modified: The Last-Modified header.
        bytes: The length of the whole file.
    """

    etag: str | None = None
    last_modified: str | None = None
    bytes: int | None = None

    @classmethod
    def of(cls, response: httpx.Response) -> "Version":
        """Return the version that a complete reply announces."""
        get = response.headers.get
        length = get("Content-Length", "")
        return cls(get("ETag"), get("Last-Modified"), int(length) if length.isdecimal() else None)

    @property
    def validator(self) -> str | None:
        """Return the validator for resuming a partial file; RFC 9110 allows no weak ETag."""
        strong = self.etag and not self.etag.startswith("W/")
        return self.etag if strong else self.last_modified

    def is_same(self, other: "Version") -> bool:
        """Return whether both are certainly the same file."""
        if self.etag and other.etag:
            return self.etag.removeprefix("W/") == other.etag.removeprefix("W/")
        return None not in {self.last_modified, self.bytes} and (
            (self.last_modified, self.bytes) == (other.last_modified, other.bytes)
        )

    def conditions(self) -> dict[str, str]:
        """Return the headers that ask for the file only if it is another version."""
        headers = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in headers.items() if value}


class Content:
    """A validator of a file's content as it arrives; this one accepts any kind of file.

    Attributes:
        kind: What the file should be, for messages.
        size: Bytes of content, after decompression.
    """

    kind = "a file"

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self.size = 0

    def feed(self, data: bytes) -> None:
        """Take the next piece; raises zlib.error if it cannot follow what came before."""
        self._sha256.update(data)
        self.size += len(data)

    @property
    def sha256(self) -> str:
        """Return the SHA-256 of the bytes so far, in hexadecimal."""
        return self._sha256.hexdigest()

    @property
    def is_complete(self) -> bool:
        """Return whether the bytes so far may be the whole file."""
        return True

    @property
    def head(self) -> bytes:
        """Return the beginning, for messages."""
        return b""

    def refuses(self, piece: bytes) -> str | None:  # noqa: ARG002 (any file may begin with anything)
        """Return the kind that a first piece shows instead of `kind`; None if it may be that."""
        return None

    def fault(self) -> str | None:
        """Return the fault of the complete file; None if it has none."""
        return None


class GzipContent(Content):
    """A validator of gzip files; zlib compares checksum and length of each member."""

    kind = "gzip"

    def __init__(self) -> None:
        super().__init__()
        self._member = zlib.decompressobj(_GZIP)

    def feed(self, data: bytes) -> None:
        """Take the next piece; raises zlib.error if it cannot follow what came before."""
        self._sha256.update(data)
        more = False
        while data or more:
            if self._member.eof:
                self._member = zlib.decompressobj(_GZIP)
            out = self._member.decompress(data, _ROOM_BYTES)
            self.size += len(out)
            data = self._member.unconsumed_tail or self._member.unused_data
            more = len(out) == _ROOM_BYTES and not self._member.eof

    @property
    def is_complete(self) -> bool:
        """Return whether a member has just ended."""
        return self._member.eof

    def refuses(self, piece: bytes) -> str | None:
        """Return the kind that a first piece shows instead of gzip; None if it is gzip."""
        if _MAGIC.startswith(piece[:2]):
            return None
        return "HTML" if piece.lstrip()[:1] == b"<" else "something else"


class Partial:
    """A partial download next to its final path, which survives the process that fetches it.

    A manifest next to it records its version. Without one, or if the version has no validator, the
    partial file cannot be resumed and is discarded.

    Args:
        target: The final path.
        new_content: Creates the validator of the content.

    Attributes:
        target: The final path.
        version: The version of the file that is being downloaded.
        size: Bytes so far.
        content: The validator that has seen these bytes.
    """

    def __init__(self, target: Path, new_content: Callable[[], Content] = GzipContent) -> None:
        self.target = target
        self._new_content = new_content
        self._part = target.with_name(f"{target.name}.part")
        self._note = target.with_name(f"{target.name}.part.json")
        self._forget()

    def _forget(self) -> None:
        self.version = Version()
        self.size = 0
        self.content = self._new_content()

    @property
    def sha256(self) -> str:
        """Return the SHA-256 of the bytes so far, in hexadecimal."""
        return self.content.sha256

    @property
    def missing(self) -> int:
        """Return how many bytes are missing; 0 if the total is unknown."""
        return max(0, (self.version.bytes or 0) - self.size)

    @property
    def is_empty(self) -> bool:
        """Return whether it has no content, even after decompression."""
        return not self.content.size

    @property
    def is_complete(self) -> bool:
        """Return whether it ends where its kind allows, at the size that the server announced."""
        return self.content.is_complete and self.version.bytes in {None, self.size}

    def take_up(self) -> None:
        """Resume the partial file of an earlier process; discard it if it cannot be resumed."""
        try:
            self.version = Version(**json.loads(self._note.read_bytes()))
            with self._part.open("rb") as file:
                while piece := file.read(PIECE_BYTES):
                    self._count(piece)
        except (FileNotFoundError, ValueError, TypeError, zlib.error):
            self.discard()
        end = self.version.bytes or math.inf
        damaged = self.size >= end and not self.is_complete
        if damaged or not (self.size and self.version.validator):
            self.discard()

    def begin(self, version: Version) -> None:
        """Start with no content."""
        self.discard()
        write_file(self._note, json.dumps(asdict(version)))
        self.version = version

    def append(self, piece: bytes) -> None:
        """Add a piece; raises zlib.error if it cannot follow what came before."""
        with self._part.open("ab") as file:
            file.write(piece)
        self._count(piece)

    def _count(self, piece: bytes) -> None:
        self.size += len(piece)
        self.content.feed(piece)

    def store(self) -> None:
        """Move the complete file to its final path."""
        move(self._part, self.target)
        self._note.unlink()

    def discard(self) -> None:
        """Delete the partial file."""
        self._note.unlink(missing_ok=True)
        self._part.unlink(missing_ok=True)
        self._forget()

    def is_continued_by(self, response: httpx.Response) -> bool:
        """Return whether a reply with status 206 has the rest of the same version."""
        found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if not found or int(found[1]) != self.size:
            return False
        # A server must repeat the ETag, but may leave out Last-Modified.
        modified = response.headers.get("Last-Modified", self.version.last_modified)
        total = self.version.bytes if found[2] == "*" else int(found[2])
        return self.version == Version(
            response.headers.get("ETag"), modified, self.version.bytes and total
        )


class Downloader:
    """A downloader of files through one client; concurrent downloads share the free disk space.

    Args:
        http: The client; each download takes one of its slots.
        log: Receives progress.
        new_content: Creates the validator of a file's content.
    """

    def __init__(
        self,
        http: HttpClient,
        log: Callable[[str], None],
        new_content: Callable[[], Content] = GzipContent,
    ) -> None:
        self._http = http
        self._log = log
        self._new_content = new_content
        self._under_way: set[Partial] = set()

    async def download(self, path: str, target: Path, known: Version | None) -> Partial:
        """Download a file, or the rest of it, if it is not the known version.

        Args:
            path: The file's path below the client's base URL.
            target: The file's final path; its folder must exist.
            known: The version that is stored already, if any.

        Returns:
            The complete and validated file, which the caller stores or discards; of size 0 if the
            server has no other version than the known one.

        Raises:
            PermanentSourceError: The source refused, sends no valid file, or the disk is full.
            TransientSourceError: The source was still failing when the time budget was spent.
        """
        partial = Partial(target, self._new_content)
        with storing(target, lambda: self._needed):
            await run_sync(partial.take_up)
            # Without a length, the end of the first of several gzip members looks like the end.
            if partial.is_complete and partial.version.bytes:
                return partial
            self._under_way.add(partial)
            try:
                reading = _FileDownload(self._http, partial, known, self._reserve, self._log)
                if not await self._http.stream(path, reading.read, headers=reading.headers):
                    await run_sync(partial.discard)
            finally:
                self._under_way.remove(partial)
        return partial

    @property
    def _needed(self) -> int:
        return sum(partial.missing for partial in self._under_way)

    def _reserve(self, path: Path) -> None:
        """Refuse a download that does not fit on the disk with the others in progress."""
        if self._needed > shutil.disk_usage(path.parent).free:
            raise _no_room(path, self._needed)


class _FileDownload:
    """The download of one file over all its tries."""

    def __init__(
        self,
        http: HttpClient,
        partial: Partial,
        known: Version | None,
        reserve: Callable[[Path], None],
        log: Callable[[str], None],
    ) -> None:
        self._http = http
        self._partial = partial
        self._known = known
        self._reserve = reserve
        self._log = log
        self._furthest = partial.size
        self._starts = 0
        self._damages = 0

    def headers(self) -> dict[str, str]:
        """Return the headers of the next try: for the rest, or for another version."""
        # No content coding: it would hide the number of bytes and their end.
        headers = {"Accept-Encoding": "identity"}
        if self._partial.size and (validator := self._partial.version.validator):
            return headers | {"Range": f"bytes={self._partial.size}-", "If-Range": validator}
        return headers | (self._known.conditions() if self._known else {})

    async def read(self, response: httpx.Response, renew: Callable[[], None]) -> bool:
        """Read a reply into the file, and return whether it is another version."""
        if not await self._begin(response):
            return False
        await run_sync(self._reserve, self._partial.target)
        progress = _ProgressLog(self._http.named(response), self._partial, self._log)
        async for piece in self._http.pieces(response):
            await self._append(response, piece)
            # Bytes that had arrived before are no progress.
            if self._partial.size > self._furthest:
                self._furthest = self._partial.size
                renew()
            progress.log()
        self._check_end(response)
        return True

    async def _begin(self, response: httpx.Response) -> bool:
        """Prepare for the body of a reply, and return whether there is one to read."""
        asked, status = response.request.headers, response.status_code
        if status == httpx.codes.NOT_MODIFIED and asked.keys() & {
            "if-none-match",
            "if-modified-since",
        }:
            return False
        if status == httpx.codes.OK:
            version = Version.of(response)
            if self._known and version.is_same(self._known):
                return False
            await self._start(response)
        elif "Range" in asked and status in {
            httpx.codes.PARTIAL_CONTENT,
            httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE,
        }:
            self._resume(response)
        elif response.is_success:
            raise self._http.reply(response, b"").unusable(f"HTTP {status} instead of 200")
        else:
            raise await self._http.refusal(response)
        return True

    async def _start(self, response: httpx.Response) -> None:
        version = Version.of(response)
        self._check_size(response, version.bytes or 0)
        await run_sync(self._partial.begin, version)
        # A server with another version each time must not keep this going forever.
        self._starts += 1
        if self._starts <= _FRESH_STARTS:
            self._furthest = 0

    def _resume(self, response: httpx.Response) -> None:
        if not self._partial.is_continued_by(response):
            self._partial.discard()
            raise TransientSourceError(
                f"{self._http.named(response)} changed while it was downloaded: starting over."
            )
        self._log(f"{self._http.named(response)}: resuming after {self._partial.size:,} bytes.")

    async def _append(self, response: httpx.Response, piece: bytes) -> None:
        content = self._partial.content
        if not self._partial.size and (other := content.refuses(piece)):
            self._partial.discard()
            raise self._http.reply(response, piece).unusable(f"{other} instead of {content.kind}")
        self._check_size(response, self._partial.size + len(piece))
        try:
            await run_sync(self._partial.append, piece)
        except zlib.error as error:
            raise self._damage(response, str(error)) from error
        self._check_size(response, content.size // _MOST_EXPANSION)

    def _check_size(self, response: httpx.Response, size: int) -> None:
        """Discard the file and raise an error if it is larger than allowed."""
        options = self._http.options
        if size > options.max_download_bytes:
            self._partial.discard()
            raise PermanentSourceError(
                f"{self._http.named(response)} has more than {options.max_download_bytes:,} bytes "
                "and was not read: nothing of it was kept. Allow more "
                f"({options.setting('max_download_bytes')}) if that is expected."
            )

    def _check_end(self, response: httpx.Response) -> None:
        """Raise an error unless the file is complete."""
        if self._partial.missing:
            raise TransientSourceError(
                f"{self._http.named(response)} was cut off {self._partial.missing:,} bytes before "
                "its end."
            )
        if self._partial.is_empty and (not self._partial.size or self._partial.is_complete):
            self._partial.discard()
            raise self._http.reply(response, b"").unusable("an empty file")
        if not self._partial.is_complete:
            raise self._damage(response, "it does not end where it should")
        if fault := self._partial.content.fault():
            reply = self._http.reply(response, self._partial.content.head)
            self._partial.discard()
            raise reply.unusable(fault)

    def _damage(self, response: httpx.Response, what: str) -> SourceError:
        """Discard the file, and return a transient error at first, then a permanent one."""
        self._partial.discard()
        self._damages += 1
        kind = self._partial.content.kind
        text = f"{self._http.named(response)} is not a valid {kind} file: {what}. It was discarded."
        if self._damages == 1:
            return TransientSourceError(text)
        return PermanentSourceError(
            f"{text} It was fetched {self._damages} times. Try again later, and check for a proxy "
            "that changes what it passes on."
        )


class _ProgressLog:
    """A log of a download's progress, at intervals."""

    def __init__(self, name: str, partial: Partial, log: Callable[[str], None]) -> None:
        self._name = name
        self._partial = partial
        self._log = log
        self._start = self._logged = time.monotonic()
        self._start_size = self._logged_size = partial.size

    def log(self) -> None:
        now, size, total = time.monotonic(), self._partial.size, self._partial.version.bytes
        if now - self._logged < _PROGRESS_SECONDS:
            return
        if total and size - self._logged_size < _PROGRESS_SHARE * total:
            return
        self._logged, self._logged_size = now, size
        rate = (size - self._start_size) / (now - self._start) / 1e6
        share = f" of {total:,} bytes, {size / total:.0%}" if total else " bytes"
        self._log(f"{self._name}: {size:,}{share}, {rate:.1f} MB/s.")
