"""Fetch Netflix's look-up files: CSV from a Git host, validated, then stored over older ones.

Choosing the files and interpreting their rows belong in the bronze assets, as do the titles, which
arrive as files. Downloading belongs in `ingest.download`.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from anyio.from_thread import start_blocking_portal
from anyio.to_thread import run_sync

from movies_assets.ingest.download import Content, Downloader, Partial, locked, storing
from movies_assets.ingest.http import HttpSource, SourceError, mask_url, url_below

_HEAD_BYTES = 1 << 16  # more than any header has
_BOM = b"\xef\xbb\xbf"
_GZIP = b"\x1f\x8b"
_DELIMITERS = ",;"


@dataclass(frozen=True, slots=True)
class Lookup:
    """A fetched look-up file.

    Attributes:
        path: Its stored path.
        url: Its URL, without secrets.
        bytes: Its size.
        checksum: Its SHA-256, in hexadecimal.
    """

    path: Path
    url: str
    bytes: int
    checksum: str


class NetflixClient(HttpSource):
    """A client that fetches look-up files; it may be killed and rerun at any time."""

    def fetch(self, file: str, header: Sequence[str], target: Path) -> Lookup:
        """Fetch a file, and store it if it is a CSV file with the expected columns.

        Until then it is in `<target>.part` next to the target, which any failure leaves unchanged.
        If another process is storing in the same folder, this one waits.

        Args:
            file: Its path below the base URL.
            header: The required columns, in any order; it may have others.
            target: The path to store it at; its folder is created if missing.

        Raises:
            PermanentSourceError: The source refused or sent something else, or the disk is full.
            TransientSourceError: The source was still failing when the time budget was spent.
        """
        try:
            with (
                storing(target),
                locked(target.parent, file, self._log),
                start_blocking_portal(name="netflix") as portal,
            ):
                return portal.call(self._fetch, file, header, target)
        except SourceError as error:
            raise error.adding(f"{target} was not touched.") from error

    async def _fetch(self, file: str, header: Sequence[str], target: Path) -> Lookup:
        # The file of a killed process may be older than the server's.
        await run_sync(Partial(target).discard)
        try:
            async with self._http() as http:
                downloader = Downloader(http, self._log, partial(CsvContent, header))
                new = await downloader.download(file, target, None)
            await run_sync(new.store)
        finally:
            Partial(target).discard()
        url = mask_url(url_below(self._base, file))
        self._log(f"{url}: {new.size:,} bytes stored as {target}.")
        return Lookup(target, url, new.size, new.sha256)


class CsvContent(Content):
    """A validator of CSV files with certain columns.

    A byte order mark, the case of the names, spaces and quotes around them, their order, and
    semicolons instead of commas are ignored.

    Args:
        header: The columns that it must have.
    """

    kind = "CSV"

    def __init__(self, header: Sequence[str]) -> None:
        super().__init__()
        self._header = header
        self._head = b""

    @property
    def head(self) -> bytes:
        """Return the beginning of the file."""
        return self._head

    def feed(self, data: bytes) -> None:
        """Take the next piece."""
        super().feed(data)
        self._head += data[: _HEAD_BYTES - len(self._head)]

    def fault(self) -> str | None:
        """Return the fault of the complete file; None if it has none."""
        head = self._head.removeprefix(_BOM).lstrip()
        if not head:
            return "an empty file"
        if head.startswith(b"<"):
            return "HTML instead of CSV"
        if head.startswith(_GZIP):
            return "gzip instead of CSV"
        missing = min((self._missing(delimiter) for delimiter in _DELIMITERS), key=len)
        if not missing:
            return None
        columns = f"column{'s' if len(missing) > 1 else ''} {', '.join(missing)}"
        return f"CSV without the {columns} (expected are {', '.join(self._header)})"

    def _missing(self, delimiter: str) -> list[str]:
        """Return the expected columns that are missing in the first line."""
        # The rest of the line may be in any encoding; the names of the columns are ASCII.
        text = io.StringIO(self._head.removeprefix(_BOM).decode("utf-8", "replace"), newline="")
        first = next(csv.reader(text, delimiter=delimiter, skipinitialspace=True), [])
        named = {name.strip(" \t\"'").casefold() for name in first}
        return [name for name in self._header if name.casefold() not in named]
