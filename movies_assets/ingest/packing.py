"""Unpack files to delimited text or columns, and pack them again without some records.

The kind of a file is found by its content first (signatures), then by its name: a workbook that is
named `.csv` is read as a workbook. Parsing the text belongs to the reader of delimited text, the
location of files to the landing zone.

Values of columns become text: numbers without exponent, whole ones without a decimal point;
dates and times in ISO 8601; booleans as `true` and `false`; lists of scalars joined
by `, `, or as JSON if an item has a comma or is not text; other nested values as JSON.
Empty texts and lists are NULL, as in delimited text.
"""

import csv
import gzip
import json
import math
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from decimal import Decimal
from functools import partial
from io import BytesIO, StringIO
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

# A file is unpacked in memory; the reader of delimited text takes no larger block either. A
# few kilobytes that unpack to terabytes thus cost a gigabyte at most.
MOST_BYTES = 1 << 30
TOO_LARGE = f"has more than {MOST_BYTES:,} bytes: deliver it in smaller files"
# Most values of a table, blank ones included: a workbook of 5 kB may claim 17 billion cells.
MOST_VALUES = 100_000_000
# A zip archive that holds a `.csv.gz` has two layers.
MOST_LAYERS = 3
PIECE_BYTES = 1 << 20
# Python unpacks these in bounded pieces; others it unpacks without a limit.
BOUNDED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
LONGEST_FIRST_LINE = 1 << 20
CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1f]")
# Errors of Python's reader for a damaged archive; an empty name raises an IndexError.
DAMAGED_ZIP = (
    zipfile.BadZipFile, EOFError, zlib.error, struct.error, ValueError, OSError, LookupError,
    OverflowError,
)  # fmt: skip
# The escape of workbooks for control characters, and for texts that look like one.
ESCAPED = re.compile(r"_x(00[0-9A-Fa-f]{2})_")
NO_OBJECT, TWICE = "another value", "a name is there twice"
LONGEST_NAME = 1_000
LONG_NAME = f"a name has more than {LONGEST_NAME:,} characters"
SHOWN_MEMBERS = 10
EPOCH_OF_ZIP = (1980, 1, 1, 0, 0, 0)
# Suffixes of files that are opened to see what they are. `.txt` is not among them: it is mostly a
# note for people. Old workbooks and other archives are, to be refused with a message.
TEXTS = (".csv", ".tsv", ".tab", ".psv", ".jsonl", ".ndjson", ".json")
BINARY = (".parquet", ".xlsx", ".xlsm", ".xls", ".xlsb", ".ods", ".gz", ".zip", ".7z", ".rar",
          ".tar", ".tgz", ".bz2", ".xz", ".zst")  # fmt: skip
SUFFIXES = (*TEXTS, *BINARY)
JSON_LINES = (".jsonl", ".ndjson", ".json")
# Files that systems create next to data and that never hold any.
MARKERS = re.compile(
    r"\.DS_Store|Thumbs\.db|desktop\.ini|_SUCCESS|\..+\.crc|\.gitkeep|\.lock", re.IGNORECASE
)

PARQUET, GZIP, ZIP = b"PAR1", b"\x1f\x8b", (b"PK\x03\x04", b"PK\x05\x06")
AS_TABLE = "deliver the table as .csv, .xlsx or .parquet"
WITHOUT_PASSWORD = "save it without a password"  # noqa: S105 (advice)
REPACK = "pack it as .gz or .zip, or deliver it unpacked"
# Files that are refused: their first bytes, a description, and the fix.
REFUSED: Sequence[tuple[bytes, str, str]] = (
    (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook (.xls), or one with a password",
     "save it as .xlsx without a password, or as .csv"),
    (rb"7z\xbc\xaf'\x1c", "a 7-Zip archive", REPACK),
    (rb"Rar!\x1a\x07", "a RAR archive", REPACK),
    (rb"\xfd7zXZ\x00", "an xz file", REPACK),
    (rb"BZh[1-9]1AY&SY", "a bzip2 file", REPACK),
    (rb"\x28\xb5\x2f\xfd", "a Zstandard file", REPACK),
    (rb".{257}ustar", "a tar archive", "pack the file alone as .gz or .zip"),
    (rb"%PDF-", "a PDF document", AS_TABLE),
    (rb"\x89PNG\r\n\x1a\n|\xff\xd8\xff|GIF8[79]a|RIFF.{4}WEBP|II\*\x00|MM\x00\*", "an image",
     AS_TABLE),
    (rb"PARE", "an encrypted Parquet file", "deliver it unencrypted"),
    (rb"SQLite format 3\x00", "an SQLite database", AS_TABLE),
    (rb".{8}DUCK", "a DuckDB database", AS_TABLE),
    (rb"ARROW1\x00\x00|Obj\x01", "an Arrow or Avro file", AS_TABLE),
    (rb"(?i)(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html|head|body)\b",
     "a web page, perhaps an error page of the server that it was fetched from",
     "fetch the file itself"),
    (rb"(?i)(?:\xef\xbb\xbf)?\s*<\?xml\b", "an XML document", AS_TABLE),
    (rb"(?:\xef\xbb\xbf)?\s*\[\s*\{", "one JSON list", "deliver one object a line (.jsonl)"),
)  # fmt: skip
SIGNATURES = [(re.compile(pattern, re.DOTALL), what, advice) for pattern, what, advice in REFUSED]


class PackingError(Exception):
    """A file that is not read. The message continues a sentence that begins with `The file`."""

    def __init__(self, what: str) -> None:
        super().__init__(f"is {what}")


@dataclass(frozen=True)
class Unpacked:
    """The content of a file: delimited text, or columns if the format has columns.

    Attributes:
        packing: the packing found, by the content and not by the name: `csv` (of any separator),
            `csv.gz`, `zip`, `jsonl`, `jsonl.gz`, `parquet`, `xlsx`.
        text: delimited text as bytes, in any encoding; None where there are columns. Of a
            workbook it has a record for each non-blank row of the sheet.
        columns: every column as text, in the file's order, under the file's names; a row for each
            record, of NULLs if the record cannot be read.
        problems: the reason and the text of each record that cannot be read, by index from 0.
        unread: parts of the file that are left aside: further sheets or members of an archive.
    """

    packing: str
    text: bytes | None = None
    columns: pa.Table | None = None
    problems: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    unread: Sequence[str] = ()


@dataclass(frozen=True)
class _InnerFile:
    """A file without the archives around it.

    Attributes:
        kind: `csv`, `jsonl`, `parquet` or `xlsx`.
        raw: its bytes.
        layers: the archives around it, the outermost first: `gz` or `zip`, and the bytes of each.
        unread: other members of the archives.
    """

    kind: str
    raw: bytes
    layers: Sequence[tuple[str, bytes]]
    unread: Sequence[str]

    @property
    def packing(self) -> str:
        """Return the packing as tables show it."""
        found = ".".join([self.kind, *(kind for kind, _ in reversed(self.layers))])
        return "zip" if found == "csv.zip" else found

    def packed(self, raw: bytes) -> bytes:
        """Return other bytes in the same archives."""
        for kind, archive in reversed(self.layers):
            raw = gzip.compress(raw, mtime=0) if kind == "gz" else _zip_with(archive, raw)
        return raw


def unpack(name: str, raw: bytes) -> Unpacked:
    """Return the content of a file.

    Args:
        name: the file's name, used where the content does not decide.
        raw: its bytes.

    Raises:
        PackingError: it is damaged, encrypted, too large, or of a kind that is not read.
    """
    content = _content(name, raw)
    if content.kind == "csv":
        return Unpacked(content.packing, text=content.raw, unread=content.unread)
    if content.kind == "xlsx":
        text, sheets = _workbook_text(content.raw)
        return Unpacked(content.packing, text=text, unread=[*content.unread, *sheets])
    if content.kind == "jsonl":
        columns, problems = _objects(content.raw)
        return Unpacked(content.packing, None, columns, problems, content.unread)
    return Unpacked(content.packing, columns=_parquet_text(content.raw), unread=content.unread)


def repack(name: str, raw: bytes, text: bytes) -> bytes:
    """Pack other text in the same way as a file of delimited text.

    Other members of an archive are kept. The same text gives the same bytes.

    Raises:
        PackingError: the file is not delimited text, or cannot be unpacked.
    """
    content = _content(name, raw)
    if content.kind != "csv":
        raise PackingError(f"{content.packing}, not delimited text: remove records by `without`")
    return content.packed(text)


def without(name: str, raw: bytes, gone: Collection[int]) -> bytes:
    """Return a file without some of its records, in the same packing.

    All other lines of JSON are kept unchanged. Parquet keeps its schema; a workbook keeps its other
    rows and sheets with their formats, and the values of its formulas.

    Args:
        name: the file's name.
        raw: its bytes.
        gone: indexes of records from 0: of rows, of lines that are not blank, and of rows of
            the sheet that are not blank, the header among them.

    Raises:
        PackingError: the file is delimited text, or cannot be unpacked.
    """
    content = _content(name, raw)
    if content.kind not in (remove := _REMOVE):
        raise PackingError(f"{content.packing}, delimited text: cut its records, then `repack`")
    return content.packed(remove[content.kind](content.raw, frozenset(gone)))


def _content(name: str, raw: bytes) -> _InnerFile:
    """Unpack the archives around a file, and find its kind."""
    layers: list[tuple[str, bytes]] = []
    unread: list[str] = []
    while kind := _archive(raw):
        if len(layers) == MOST_LAYERS:
            raise PackingError(f"packed in more than {MOST_LAYERS} archives: unpack it")
        layers.append((kind, raw))
        if kind == "gz":
            name, raw = re.sub(r"\.gz$", "", name, flags=re.IGNORECASE), _gunzip(raw)
        else:
            name, raw, others = _unzip(raw)
            unread += others
    return _InnerFile(_kind(name, raw), raw, layers, unread)


def _archive(raw: bytes) -> str | None:
    """Return the kind of archive around another file; None if there is none."""
    if raw.startswith(GZIP):
        return "gz"
    if not raw.startswith(ZIP):
        return None
    with _zip(raw) as archive:
        names = set(archive.namelist())
    if "xl/workbook.bin" in names:
        raise PackingError("a binary Excel workbook (.xlsb): save it as .xlsx or .csv")
    if "content.xml" in names and "mimetype" in names:
        raise PackingError("an OpenDocument file: save it as .xlsx or .csv")
    if "[Content_Types].xml" in names and not any(n.startswith("xl/") for n in names):
        raise PackingError(f"a document of Office that is no workbook: {AS_TABLE}")
    return None if _is_workbook(names) else "zip"


def _is_workbook(names: Collection[str]) -> bool:
    return "[Content_Types].xml" in names


def _kind(name: str, raw: bytes) -> str:
    """Return the kind of a file's content, by its first bytes, then by its name."""
    if raw.startswith(ZIP):
        return "xlsx"
    if raw.startswith(PARQUET):
        return "parquet"
    for pattern, what, advice in SIGNATURES:
        if pattern.match(raw):
            raise PackingError(f"{what}: {advice}")
    if name.lower().endswith(BINARY):
        _refuse_unless_text(name, raw)
    return "jsonl" if _is_json_lines(name.lower(), raw) else "csv"


def _refuse_unless_text(name: str, raw: bytes) -> None:
    """Refuse a file that is named like an archive or a workbook but is neither that nor text.

    Text of such a name is read: downloads are often unpacked on the way and keep their names.
    """
    suffix = name.lower().rpartition(".")[2]
    if not raw:
        raise PackingError(f"empty, which a .{suffix} never is: deliver it again")
    if not _is_text(raw):
        raise PackingError(f"damaged, for no .{suffix} begins like this: deliver it again")


def _is_json_lines(name: str, raw: bytes) -> bool:
    begin = _utf8(raw[:LONGEST_FIRST_LINE])[0].lstrip()
    first = begin.splitlines()[0] if begin else b""
    is_object = first.startswith(b"{") and isinstance(_parsed(first), dict)
    if first and not is_object and name.endswith(".json"):
        raise PackingError("one JSON document: deliver one object a line (.jsonl)")
    return is_object or name.endswith(JSON_LINES)


def _is_text(raw: bytes) -> bool:
    """Return whether bytes begin like text, and not like a truncated binary file."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    return len(raw) > len(PARQUET) and not CONTROLS.search(raw, 0, LONGEST_FIRST_LINE)


def _bounded(size: int, what: str) -> None:
    if size > MOST_BYTES:
        raise PackingError(
            f"{what} unpacks to more than {MOST_BYTES:,} bytes: deliver it in smaller files"
        )


def _gunzip(raw: bytes) -> bytes:
    try:
        with gzip.GzipFile(fileobj=BytesIO(raw)) as file:
            unpacked = file.read(MOST_BYTES + 1)
    except (EOFError, OSError, zlib.error) as error:
        raise PackingError(
            f"a damaged or incomplete gzip file ({error}): deliver it again"
        ) from None
    _bounded(len(unpacked), "a gzip file that")
    return unpacked


@contextmanager
def _zip(raw: bytes) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(BytesIO(raw)) as archive:
            _check_compression(archive)
            yield archive
    except DAMAGED_ZIP as error:
        raise PackingError(
            f"a damaged or incomplete zip archive ({error}): deliver it again"
        ) from None
    except NotImplementedError as error:
        raise PackingError(f"a zip archive of an unusual kind ({error}): pack it again") from None


def _check_compression(archive: zipfile.ZipFile) -> None:
    if any(info.compress_type not in BOUNDED for info in archive.infolist()):
        raise NotImplementedError("its compression is neither none nor deflate")


def _member(archive: zipfile.ZipFile) -> tuple[zipfile.ZipInfo, list[str]]:
    """Return the one member of an archive that holds data, and the names of all others."""
    files = [
        info
        for info in archive.infolist()
        if not info.is_dir()
        and "__MACOSX" not in info.filename.split("/")
        and not MARKERS.fullmatch(info.filename.rpartition("/")[2])
    ]
    data = [info for info in files if info.filename.lower().endswith(SUFFIXES)] or files
    if len(data) != 1:
        names = ", ".join(info.filename for info in data[:SHOWN_MEMBERS])
        more = f" and {len(data) - SHOWN_MEMBERS} more" if len(data) > SHOWN_MEMBERS else ""
        raise PackingError(
            f"a zip archive of {len(data)} data files ({names}{more}): pack one file alone, or "
            "deliver each by itself"
            if data
            else "a zip archive without a file: pack it again"
        )
    return data[0], [info.filename for info in files if info is not data[0]]


def _unzip(raw: bytes) -> tuple[str, bytes, list[str]]:
    with _zip(raw) as archive:
        info, others = _member(archive)
        if info.flag_bits & 1:
            raise PackingError(f"an encrypted zip archive: {WITHOUT_PASSWORD}")
        _bounded(info.file_size, "a zip archive that")
        return info.filename, _member_content(archive, info), others


def _member_content(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Return a member's content, read in pieces because its stated size may be wrong."""
    with archive.open(info) as member:
        return b"".join(iter(partial(member.read, PIECE_BYTES), b""))


def _zip_with(raw: bytes, content: bytes) -> bytes:
    """Return a zip archive whose data file has other content."""
    with _zip(raw) as archive:
        data, _ = _member(archive)
        return _zipped(
            (info, content if info is data else archive.read(info)) for info in archive.infolist()
        )


def _zipped(members: Iterator[tuple[zipfile.ZipInfo, bytes]]) -> bytes:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for old, content in members:
            new = zipfile.ZipInfo(old.filename, old.date_time)
            new.compress_type, new.external_attr = old.compress_type, old.external_attr
            archive.writestr(new, content)
    return packed.getvalue()


# Lines of JSON


def _utf8(raw: bytes) -> tuple[bytes, str]:
    """Return text as UTF-8 without a byte order mark, and its encoding."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16-le" if raw.startswith(b"\xff\xfe") else "utf-16-be"
        return raw[2:].decode(encoding, "replace").encode(), encoding
    return raw.removeprefix(b"\xef\xbb\xbf"), "utf-8"


def _parsed(line: bytes) -> Any:
    """Return the value of a line, its numbers as written; None if it is not JSON."""
    try:
        return _load(line.decode())
    except (ValueError, RecursionError):
        return None


def _load(line: str) -> Any:
    return json.loads(
        line,
        parse_int=str,
        parse_float=str,
        parse_constant=lambda _: None,  # NaN, as Python writes unknown values
        object_pairs_hook=_unique,
    )


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError(TWICE)
    return found


def _objects(raw: bytes) -> tuple[pa.Table, dict[int, tuple[str, str]]]:
    """Return the values of JSON lines as text, and the lines that are not objects."""
    columns: dict[str, list[str | None]] = {}
    problems: dict[int, tuple[str, str]] = {}
    lines = [line for line in _utf8(raw)[0].splitlines() if line.strip()]
    for number, line in enumerate(lines):
        try:
            values = _texts_of(line.decode())
        except UnicodeDecodeError:
            problems[number] = "not utf-8", line.decode(errors="backslashreplace")
        except (ValueError, RecursionError) as error:
            problems[number] = _why(error), line.decode()
        else:
            for name, value in values.items():
                column = columns.setdefault(name, [])
                column += [None] * (number - len(column))
                column.append(value)
            if len(columns) * len(lines) > MOST_VALUES:
                raise PackingError(_too_many(len(columns), len(lines)))
    # A table without columns would have no rows either.
    filled = {
        name: pa.array([*column, *[None] * (len(lines) - len(column))], pa.string())
        for name, column in (columns or {"value": []}).items()
    }
    return pa.table(filled), problems


def _texts_of(line: str) -> dict[str, str | None]:
    """Return the values of an object as text.

    Raises:
        ValueError: the line is not a JSON object, or holds half a surrogate pair.
    """
    values = _load(line)
    if not isinstance(values, dict):
        raise ValueError(NO_OBJECT)  # noqa: TRY004 (of the file, not of a caller)
    if max(map(len, values), default=0) > LONGEST_NAME:
        raise ValueError(LONG_NAME)
    if any(isinstance(value, dict | list) for value in values.values()):
        # JSON within JSON keeps the types of its numbers.
        typed = json.loads(line, parse_constant=lambda _: None)
        values = {
            name: _text(typed[name] if _is_nested(value) else value)
            for name, value in values.items()
        }
    else:
        values = {name: _text(value) for name, value in values.items()}
    if "\\u" in line:
        "".join([*values, *filter(None, values.values())]).encode()
    return values


def _why(error: BaseException) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"not JSON: {error.msg}, character {error.pos + 1}"
    if isinstance(error, UnicodeEncodeError):
        return "not JSON: half a character"
    if str(error) in {NO_OBJECT, TWICE, LONG_NAME}:
        return f"not a JSON object: {error}"
    return "JSON that is nested too deeply"


def _without_lines(raw: bytes, gone: Collection[int]) -> bytes:
    text, encoding = _utf8(raw)
    mark = raw[: len(raw) - len(text)] if encoding == "utf-8" else raw[:2]
    kept, number = [], -1
    for line in text.splitlines(keepends=True):
        number += bool(line.strip())
        if not line.strip() or number not in gone:
            kept.append(line)
    rest = b"".join(kept)
    return mark + (rest if encoding == "utf-8" else rest.decode().encode(encoding))


# Parquet


@contextmanager
def _reading_parquet(raw: bytes) -> Iterator[pq.ParquetFile]:
    try:
        file = pq.ParquetFile(BytesIO(raw))
        shape = file.metadata.num_columns, file.metadata.num_rows
        if shape[0] * shape[1] > MOST_VALUES:
            raise PackingError(_too_many(*shape))
        groups = range(file.metadata.num_row_groups)
        _bounded(
            sum(file.metadata.row_group(n).total_byte_size for n in groups), "a Parquet file that"
        )
        yield file
    except (pa.ArrowException, OSError) as error:
        reason = str(error).partition("\n")[0][:200]
        raise PackingError(
            f"a damaged or incomplete Parquet file ({reason}): deliver it again"
        ) from None


def _too_many(columns: int, rows: int) -> str:
    return (
        f"a table of {columns:,} columns and {rows:,} rows, more than the {MOST_VALUES:,} values "
        "that are read at once: deliver it in smaller files"
    )


def _parquet_text(raw: bytes) -> pa.Table:
    with _reading_parquet(raw) as file:
        schema = file.schema_arrow
        texts = [each.name for each in schema if each.type in (pa.string(), pa.binary())]
        # A text that is stored once may be the value of 100 million rows.
        table = pq.ParquetFile(BytesIO(raw), read_dictionary=texts).read()
        _bounded(sum(map(_size_of_values, table.columns)), "a Parquet file that")
        columns = [_column_text(column) for column in table.columns]
        return pa.Table.from_arrays(columns, names=table.column_names)


def _size_of_values(column: pa.ChunkedArray) -> int:
    """Return the bytes of a dictionary-encoded column's values when expanded; 0 for others."""
    if not pa.types.is_dictionary(column.type) or column.type.value_type not in (
        pa.string(),
        pa.binary(),
    ):
        return 0
    sizes = (pc.binary_length(chunk.dictionary).take(chunk.indices) for chunk in column.chunks)
    return sum(pc.sum(each).as_py() or 0 for each in sizes)


def _column_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column's values as text, as a person would write them."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _column_text(column.cast(kind.value_type))
    if pa.types.is_timestamp(kind):
        text = _moments(column)
    elif pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        text = _without_exponents(column.cast(pa.string()))
    elif _is_written_as_it_is(kind):
        text = (
            _trimmed(column.cast(pa.string())) if pa.types.is_time(kind) else column.cast("string")
        )
    else:
        values = column.to_pylist()
        text = pa.chunked_array([pa.array(map(_text, values), pa.string(), size=len(values))])
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)


def _is_written_as_it_is(kind: pa.DataType) -> bool:
    types = pa.types
    is_text = types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)
    is_single = types.is_boolean(kind) or types.is_integer(kind) or types.is_null(kind)
    return bool(is_text or is_single or types.is_date(kind) or types.is_time(kind))


def _moments(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Write instants in UTC with Z; a column of midnights without a zone holds days."""
    has_zone = column.type.tz is not None
    text = _trimmed(column.cast(pa.timestamp(column.type.unit)).cast(pa.string()))
    if has_zone:
        return pc.binary_join_element_wise(text, "Z", "")
    if pc.all(pc.ends_with(text, " 00:00:00")).as_py():
        return pc.utf8_slice_codeunits(text, 0, -9)
    return text


def _trimmed(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """Remove trailing zeros from fractions of seconds."""
    trimmed = pc.replace_substring_regex(text, r"(\.\d*[1-9])0+$", r"\1")
    return pc.replace_substring_regex(trimmed, r"\.0+$", "")


def _without_exponents(text: pa.ChunkedArray) -> pa.ChunkedArray:
    text = pc.if_else(pc.equal(text, "nan"), pa.scalar(None, pa.string()), text)
    odd = pc.fill_null(pc.match_substring_regex(text, r"\d[eE]"), fill_value=False)
    if not pc.any(odd).as_py():
        return text
    plain = [_plain(value) for value in text.filter(odd).to_pylist()]
    return pc.replace_with_mask(text.combine_chunks(), odd.combine_chunks(), pa.array(plain))


def _without_rows(raw: bytes, gone: Collection[int]) -> bytes:
    with _reading_parquet(raw) as file:
        table, metadata = file.read(), file.metadata
        codec = metadata.row_group(0).column(0).compression if metadata.num_row_groups else "SNAPPY"
    kept = pa.array([n for n in range(table.num_rows) if n not in gone], pa.int64())
    packed = BytesIO()
    pq.write_table(
        table.take(kept),
        packed,
        compression="NONE" if codec == "UNCOMPRESSED" else codec,
        row_group_size=max((metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)),
                           default=None) or None,
    )  # fmt: skip
    return packed.getvalue()


# Workbooks


@contextmanager
def _workbook(raw: bytes, *, read_only: bool) -> Iterator[Any]:
    """Open a workbook; formulas show their last computed values."""
    import openpyxl  # noqa: PLC0415 (takes 0.2 s, and most files are text)

    with _zip(raw) as archive:
        if any(info.flag_bits & 1 for info in archive.infolist()):
            raise PackingError(f"an encrypted workbook: {WITHOUT_PASSWORD}")
        _bounded(sum(info.file_size for info in archive.infolist()), "a workbook that")
        # A member that is larger than stated is damaged, but openpyxl would unpack it.
        if damaged := archive.testzip():
            raise zipfile.BadZipFile(f"{damaged} is not what it should be")
        has_macros = "xl/vbaProject.bin" in archive.namelist()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about styles and extensions, which hold no values
        try:
            book = openpyxl.load_workbook(
                BytesIO(raw), read_only=read_only, data_only=True, keep_vba=has_macros
            )
            yield book
            book.close()
        except PackingError:
            raise
        except Exception as error:  # noqa: BLE001 (its parsers may raise anything)
            raise PackingError(
                f"a damaged workbook ({type(error).__name__}): open it, save it, deliver it again"
            ) from None


def _workbook_text(raw: bytes) -> tuple[bytes, list[str]]:
    """Return the rows of the first sheet with data as delimited text, and the other sheets' names.

    Blank rows are left out, all others are padded to the widest.
    """
    with _workbook(raw, read_only=True) as book:
        filled = _filled(book)
        rows = list(_sheet_rows(filled[0])) if filled else []
    width = max(map(len, rows), default=0)
    if width * len(rows) > MOST_VALUES:
        raise PackingError(_too_many(width, len(rows)))
    text = StringIO()
    csv.writer(text).writerows([*row, *[""] * (width - len(row))] for row in rows)
    return text.getvalue().encode(), [f"sheet {sheet.title}" for sheet in filled[1:]]


def _filled(book: Any) -> list[Any]:
    """Return the sheets that have data, visible ones first."""
    for sheet in book.worksheets:
        if hasattr(sheet, "reset_dimensions"):
            sheet.reset_dimensions()  # as the file states them, which may be wrong
    sheets = sorted(book.worksheets, key=lambda sheet: sheet.sheet_state != "visible")
    return [sheet for sheet in sheets if any(islice(_sheet_rows(sheet), 1))]


def _sheet_rows(sheet: Any) -> Iterator[list[str]]:
    """Yield the non-blank rows of a sheet, without trailing blank cells."""
    values = 0
    for cells in sheet.iter_rows():
        row = [_cell_text(cell) for cell in cells]
        while row and not row[-1]:
            row.pop()
        values += len(cells)
        if values > MOST_VALUES:
            raise PackingError(_too_many(len(cells), values // max(1, len(cells))))
        if row:
            yield row


def _cell_text(cell: Any) -> str:
    value = cell.value
    if isinstance(value, datetime):
        from openpyxl.styles.numbers import is_datetime  # noqa: PLC0415 (see _workbook)

        if value.time() == time() and is_datetime(cell.number_format) == "date":
            value = value.date()
    elif isinstance(value, str):
        value = ESCAPED.sub(lambda found: chr(int(found[1], 16)), value)
    return _text(value) or ""


def _without_sheet_rows(raw: bytes, gone: Collection[int]) -> bytes:
    """Blank out rows of the sheet that is read, so that no other row moves."""
    with _workbook(raw, read_only=False) as book:
        sheet = _filled(book)[0]
        number = -1
        for cells in sheet.iter_rows():
            number += any(_cell_text(cell) for cell in cells)
            if number in gone and any(_cell_text(cell) for cell in cells):
                for cell in cells:
                    # A cell that a merged range hides has no value and accepts none.
                    if type(cell).__name__ != "MergedCell":
                        cell.value = cell.comment = cell.hyperlink = None
        for each in book.worksheets:
            each._pivots = []  # noqa: SLF001 (a pivot table keeps a copy of the rows)
        packed = BytesIO()
        book.save(packed)
    with _zip(packed.getvalue()) as archive:
        return _zipped(_dateless(archive))


def _dateless(archive: zipfile.ZipFile) -> Iterator[tuple[zipfile.ZipInfo, bytes]]:
    """Yield the members of a workbook without the time at which it was written."""
    for info in archive.infolist():
        info.date_time = EPOCH_OF_ZIP
        content = archive.read(info)
        if info.filename == "docProps/core.xml":
            content = re.sub(
                rb"(<dcterms:modified[^>]*>)[^<]*", rb"\g<1>1980-01-01T00:00:00Z", content
            )
        yield info, content


_REMOVE: Mapping[str, Callable[[bytes, Collection[int]], bytes]] = {
    "jsonl": _without_lines,
    "parquet": _without_rows,
    "xlsx": _without_sheet_rows,
}


# Values


def _is_nested(value: Any) -> bool:
    """Return whether a value is nested more deeply than a list of scalars."""
    return isinstance(value, dict) or (
        isinstance(value, list | tuple) and any(isinstance(v, dict | list | tuple) for v in value)
    )


def _text(value: Any) -> str | None:
    """Return any value as text; None if it is unknown."""
    if isinstance(value, list | tuple) and not _is_nested(value):
        texts = [_text(item) for item in value]
        if all(text and "," not in text for text in texts):
            return ", ".join(filter(None, texts)) or None
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=_text)
    return None if value is None else _single(value)


def _single(value: Any) -> str | None:
    """Return a single value as text."""
    text = str(value)
    if isinstance(value, bool):
        text = text.lower()
    elif isinstance(value, float | Decimal):
        text = "" if math.isnan(value) else _plain(text)
    elif isinstance(value, timedelta):
        text = _hours(value)
    elif isinstance(value, bytes):
        text = value.decode(errors="backslashreplace")
    return text or None


def _hours(value: timedelta) -> str:
    """Return a duration as workbooks show it: 1:29:00."""
    minutes, seconds = divmod(abs(value), timedelta(minutes=1))
    fraction = f"{seconds.total_seconds():09.6f}".rstrip("0").rstrip(".")
    sign = "-" if value < timedelta() else ""
    return f"{sign}{minutes // 60}:{minutes % 60:02}:{fraction}"


def _plain(number: str) -> str:
    """Return a number without exponent, and a whole one without a decimal point: 7.0 as 7."""
    if number.strip("-+").lower() in {"inf", "infinity"}:
        return number
    plain = format(Decimal(number), "f")
    return plain.removesuffix(".0")
