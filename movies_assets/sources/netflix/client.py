"""Netflix's look-up files: CSV from a Git host, validated, then stored in place of the older ones.

Which files are fetched, and what their rows mean, is the business of the bronze assets; so are the
titles, which arrive as files. How a file gets onto the disk is in download.py.
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
    """A look-up file that was fetched.

    Attributes:
        path: Where it is stored.
        url: Where it comes from, without secrets.
        bytes: Its size.
        checksum: Its SHA-256, in hexadecimal.
    """

    path: Path
    url: str
    bytes: int
    checksum: str


class NetflixClient(HttpSource):
    """Fetches look-up files; may be killed at any time and run again."""

    def fetch(self, file: str, header: Sequence[str], target: Path) -> Lookup:
        """Fetch a file, and stores it if it is a CSV file with the columns that are expected.

        Until then it stands beside the target as `<target>.part`. Whatever fails, the target stays
        as it was. If another process is storing in the same folder, this one waits.

        Args:
            file: Its path below the base URL.
            header: The columns that it must have, in any order, beside which it may have others.
            target: Where it is to stand; its folder is made if it is not there.

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
        # What a killed process left may be older than what the server has now.
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
    """A CSV file with certain columns.

    A byte order mark, the case of the names, spaces and quotes around them, their order, and
    semicolons in place of commas do not matter.

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
        """Return what is wrong with the complete file."""
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
        """Return the expected columns that the first line does not name."""
        # What else is in the line may be in any encoding; the names of the columns are ASCII.
        text = io.StringIO(self._head.removeprefix(_BOM).decode("utf-8", "replace"), newline="")
        first = next(csv.reader(text, delimiter=delimiter, skipinitialspace=True), [])
        named = {name.strip(" \t\"'").casefold() for name in first}
        return [name for name in self._header if name.casefold() not in named]
