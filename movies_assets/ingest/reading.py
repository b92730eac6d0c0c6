"""Read a whole file: its profile, its records, and its bytes without some of them.

Loading tables and erasing persons share this code, so that both see the same records.
"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import pairwise

import numpy as np
import pyarrow as pa

from movies_assets.ingest import packing
from movies_assets.ingest.encoding import UTF8, Text, decode
from movies_assets.ingest.profile import (
    FIRST_RECORDS,
    ExpectedColumns,
    FileProfile,
    describe,
    describe_columns,
)
from movies_assets.ingest.records import (
    LINE,
    PROBLEM,
    RECORD,
    Lines,
    RecordReader,
    Records,
    without_long_fields,
)

PLAIN, WORKBOOK = "csv", "xlsx"


@dataclass(frozen=True)
class FileRecords:
    """The records of a file.

    Attributes:
        profile: how the file is packed, encoded and laid out.
        raw: its bytes.
        rows: one row a record below the header: the columns as text, its number (RECORD), and,
            where it is refused, why (PROBLEM) and its text (LINE). Numbers count all records, the
            header and the lines above it included, from 1.
        above: the texts of the records above those.
    """

    profile: FileProfile
    raw: bytes
    rows: pa.Table
    above: Sequence[str] = ()
    _text: Text | None = None
    _begins: np.ndarray | None = None

    def record(self, number: int) -> bytes:
        """Return the bytes of a record of delimited text, including its line breaks."""
        if self._text is None:
            raise ValueError(f"{self.profile.source} is not delimited text")
        first, end = self._edges()[number - 1 : number + 1]
        return self._text.raw[first:end]

    def without(self, gone: Collection[int]) -> bytes:
        """Return the bytes of the file without some records; all other bytes are unchanged.

        Args:
            gone: the numbers of the records.
        """
        name, packed = self.profile.source, self.profile.packing
        if self._text is None or packed.startswith(WORKBOOK):
            indexes = [number - 1 for number in gone]
            return packing.without(name, self.raw, indexes)
        edges, kept = self._edges(), [self._text.raw[: self._text.mark]]
        numbers = [number for number in range(1, len(edges)) if number not in gone]
        kept += [self._text.raw[edges[number - 1] : edges[number]] for number in numbers]
        text = b"".join(kept)
        if packed == PLAIN:
            return text
        return packing.repack(name, self.raw, text)

    def _edges(self) -> list[int]:
        """Return where each record begins in the text, and the end of the last one.

        Empty lines belong to the record before them; those above the first record to that one.
        """
        if self._text is None or self._begins is None:
            return []
        ends = self._text.ends_in_file()
        lines = np.concatenate([self.profile.above, self._begins]).astype(np.int64)
        begins = np.concatenate([[self._text.mark], ends[lines[1:] - 1]])
        return [*map(int, begins), len(self._text.raw)]


def read(
    source: str,
    raw: bytes,
    expected: ExpectedColumns,
    *,
    day: date | None = None,
    exactly: bool = False,
    as_text: bool = False,
) -> FileRecords | None:
    """Read a file; return None if its edition does not belong to the table.

    Args:
        source: its path, whose suffix may name its packing.
        raw: its bytes.
        expected: the columns that are known.
        day: the partition to which its rows belong.
        exactly: read every record by the exact reader; the result is the same, but slower.
        as_text: read a file that cannot be unpacked as if it were text.

    Raises:
        PackingError: it cannot be unpacked.
    """
    checksum = hashlib.blake2b(raw, digest_size=16).hexdigest()
    profile = FileProfile(source, day, len(raw), checksum)
    try:
        unpacked = packing.unpack(source, raw)
    except packing.PackingError:
        if not as_text:
            raise
        unpacked = packing.Unpacked(PLAIN, raw)
    profile.packing = unpacked.packing
    profile.unread = list(unpacked.unread)
    if unpacked.columns is not None:
        found = _read_columns(profile, raw, unpacked, expected)
        return found if expected.takes(profile.edition) else None
    text = decode(raw if unpacked.text is None else unpacked.text)
    profile.encoding = text.encoding
    lines = Lines(text.content, b",")
    describe(profile, lines, expected)
    if not expected.takes(profile.edition):
        return None
    reader = RecordReader(
        lines,
        profile.columns,
        first=profile.first_line,
        number=len(profile.above) + 1,
        encoding=profile.encoding,
        trusts_quotes=profile.packing.startswith(WORKBOOK),
        header=_header_text(profile, lines),
    )
    records = reader.read(refusal=profile.refusal, exactly=exactly)
    rows = without_long_fields(records.rows, partial(_text_of, profile, lines, records))
    _count(profile, rows)
    edges = [*profile.above, profile.first_line]
    above = [
        lines.text(first, after - 1).decode(UTF8, "replace") for first, after in pairwise(edges)
    ]
    return FileRecords(profile, raw, rows, above, text, records.lines)


def _text_of(profile: FileProfile, lines: Lines, records: Records, number: int) -> str:
    """Return the text of a record, given its number."""
    index = number - len(profile.above) - 1
    begins = [*records.lines[index : index + 2].tolist(), len(lines.ends)]
    return lines.text(begins[0], begins[1] - 1).decode(UTF8, "backslashreplace").rstrip("\r\n")


def _header_text(profile: FileProfile, lines: Lines) -> bytes:
    return lines.text(profile.above[-1], profile.first_line - 1) if profile.header else b""


def _read_columns(
    profile: FileProfile, raw: bytes, unpacked: packing.Unpacked, expected: ExpectedColumns
) -> FileRecords:
    """Read a file whose format has columns; number its records from 1."""
    columns = unpacked.columns if unpacked.columns is not None else pa.table({})
    profile.header, profile.separator = columns.column_names, ""
    first = columns.slice(0, FIRST_RECORDS).to_pydict()
    samples = list(zip(*([value or "" for value in first[name]] for name in first), strict=True))
    describe_columns(profile, samples, expected)
    count = columns.num_rows
    whys, texts = [profile.refusal] * count, [""] * count
    if profile.refusal:
        texts = ["\t".join(filter(None, row.values())) for row in columns.to_pylist()]
        rows = pa.table({name: pa.nulls(count, pa.string()) for name in profile.columns})
    else:
        values = [pa.chunked_array(column).cast(pa.string()) for column in columns.columns]
        values = [pa.compute.if_else(pa.compute.equal(one, ""), None, one) for one in values]
        rows = pa.table(values, names=profile.columns)
    for index, (why, line) in unpacked.problems.items():
        whys[index], texts[index] = why, line
    shown = [text if why else None for why, text in zip(whys, texts, strict=True)]
    rows = rows.append_column(RECORD, pa.array(np.arange(1, 1 + count)))
    rows = rows.append_column(PROBLEM, pa.array(whys, pa.string()))
    rows = rows.append_column(LINE, pa.array(shown, pa.string()))

    def text_of(number: int) -> str:
        (row,) = columns.slice(number - 1, 1).to_pylist()
        return "\t".join(filter(None, row.values()))

    rows = without_long_fields(rows, text_of)
    _count(profile, rows)
    return FileRecords(profile, raw, rows)


def _count(profile: FileProfile, rows: pa.Table) -> None:
    profile.rows = rows.num_rows
    profile.problems = rows.num_rows - rows[PROBLEM].null_count
