"""Delimited files that people and programs drop: read whatever they look like, no byte lost.

Encoding and separator are found per file. Columns that the contract does not know become columns;
missing ones are NULL; values that do not fit their type, and fields beyond the header, are kept as
JSON; lines that do not read as the columns are kept as they are, for silver to quarantine. What a
file looked like stands in `landing.<table>`, a row a file. IMDb's dumps, which are huge and never
vary, are read by `files`.
"""

import codecs
import csv
import hashlib
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from io import BytesIO, RawIOBase
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING, BinaryIO

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from movies_assets.contracts import ARRIVED as ARRIVED_COLUMN
from movies_assets.contracts import PATTERNS, WITHHELD, FileRows, LandedFile
from movies_assets.ingest.editions import Edition, candidates, normalised
from movies_assets.table import Table
from movies_assets.warehouse.database import literal
from movies_assets.warehouse.writer import ensure_table, stored_types

if TYPE_CHECKING:
    from movies_assets.sources.landing import Landing

ARRIVED, BATCH = "arrived", "arrived_batch"
SEPARATORS = (",", ";", "\t", "|")
UTF8, WINDOWS, LATIN = "utf-8", "cp1252", "latin-1"
CHUNK_BYTES = 1 << 20
# Files up to this size, and rows on their way to the engine, are kept in memory.
SPOOLED_BYTES, BATCH_BYTES = 32 << 20, 32 << 20
LONGEST_HEADER = 100_000
# More lines than that no quoted text has; a quote that is open for longer was never closed.
MOST_JOINED_LINES = 50
# The reader takes no larger block.
LARGEST_BLOCK = 1 << 30
RECORD, EXTRA, PROBLEM, LINE = "_record", "_extra", "_problem", "_line"
SOURCE, DAY, EDITION = "_source", "_day", "_edition"
# So many records decide between editions with equal headers.
SHOWN_RECORDS = 100
FIRST_LINE = re.compile(rb"[^\r\n]*+(?:\r\n|[\r\n]|\Z)")
HIDDEN = (RECORD, EXTRA, PROBLEM, LINE, SOURCE, DAY, EDITION)


@dataclass(frozen=True)
class DelimitedFile:
    """A file that has arrived.

    Attributes:
        source: what rows say of their origin, such as `netflix/titles/2025-10-31/titles.csv`.
        open: opens it.
        day: the partition to which its rows belong; None where the table has none.
    """

    source: str
    open: Callable[[], BinaryIO | RawIOBase]
    day: date | None = None


@dataclass(frozen=True)
class DelimitedFiles:
    """What a bronze table of delimited files is filled with.

    Attributes:
        files: the files.
        run_id: the run that loads them.
        days: the partitions of the run; none where the table has none.
        names: columns that are called otherwise in the files: name there, name here.
        editions: how known publishers name the columns.
        takes: whether files of an edition (None: of none that is known) belong to this table. Each
            file of a folder that several tables read belongs to one of them.
    """

    files: Sequence[DelimitedFile]
    run_id: str
    days: Collection[date] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    editions: Sequence[Edition] = ()
    takes: Callable[[Edition | None], bool] = lambda _: True


@dataclass
class Look:
    """What a file looks like; its counts are complete when it has been read."""

    source: str
    day: date | None
    bytes: int = 0
    checksum: str = ""
    encoding: str = UTF8
    separator: str = ","
    edition: Edition | None = None
    header: list[str] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    is_ours: bool = True
    is_sound: bool = True
    rows: int = 0
    problems: int = 0


@dataclass(frozen=True)
class Wanted:
    """What is known of the columns before a file is opened.

    Attributes:
        known: columns of the contract that files have, and their types.
        ours: columns that are not a file's to fill.
        names: columns that are called otherwise in the files.
        editions: how known publishers name the columns.
    """

    known: Mapping[str, str]
    ours: AbstractSet[str]
    names: Mapping[str, str]
    editions: Sequence[Edition] = ()


class _Inspection:
    """What one pass over a file's bytes tells about its text."""

    def __init__(self) -> None:
        self.bytes = 0
        self.quotes = 0
        self.damaged = 0
        self.foreign = 0
        self.ends_line = True
        self.digest = hashlib.blake2b(digest_size=16)
        self._decoder = codecs.getincrementaldecoder(UTF8)("replace")

    def see(self, chunk: bytes, *, final: bool = False) -> None:
        """Take note of a chunk."""
        self.bytes += len(chunk)
        self.digest.update(chunk)
        self.quotes += chunk.count(b'"')
        if chunk:
            self.ends_line = chunk.endswith(b"\n")
        if final or not chunk.isascii() or self._decoder.getstate()[0]:
            text = self._decoder.decode(chunk, final)
            self.damaged += text.count("\ufffd") - chunk.count("\ufffd".encode())
            self.foreign += len(text) - len(text.encode("ascii", "ignore"))

    @property
    def encoding(self) -> str:
        """Return the likeliest encoding: a few damaged bytes do not make a file another one."""
        if not self.damaged or self.foreign > 2 * self.damaged:
            return UTF8
        return WINDOWS


def select(connection: duckdb.DuckDBPyConnection, table: Table, given: DelimitedFiles) -> str:
    """Read the files into a temporary table, and return the SQL of the rows of their table.

    The table gains the columns that the files bring and it does not have.
    """
    known = columns_of(table)
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {ARRIVED} "
        f"({', '.join(f'{_quoted(name)} VARCHAR' for name in [*known, *HIDDEN])})"
    )
    wanted = Wanted(known, _ours(table), given.names, given.editions)
    looks = _collect(connection, wanted, given)
    _store_looks(connection, table, given, looks)
    arrived = [name for name, *_ in connection.execute(f"DESCRIBE {ARRIVED}").fetchall()]
    new = [name for name in arrived if name not in known and name not in HIDDEN]
    _add_columns(connection, table, new)
    return _typed(table, known, new, given.run_id)


@dataclass(frozen=True)
class Records:
    """The records of a file, as its table reads them, and where each of them stands in the file.

    Attributes:
        look: what the file looks like.
        content: its bytes.
        rows: the records below the first line, as text: the file's columns, and of each record its
            number (RECORD), what stands beyond the columns (EXTRA), and, where it does not read as
            the columns, why (PROBLEM) and its text (LINE).
    """

    look: Look
    content: bytes
    rows: pa.Table

    @property
    def first_line(self) -> str:
        """Return the first line, whatever it is."""
        return self.content[: next(self.lengths(), 0)].decode(self.look.encoding, "replace")

    def lengths(self) -> Iterator[int]:
        """Yield how many bytes each record takes with what ends it, the first line first.

        Empty lines belong to the record before them, so that the numbers are those in `rows`.
        """
        taken = 0
        for number, (length, is_empty) in enumerate(self._pieces()):
            if number and not is_empty:
                yield taken
                taken = 0
            taken += length
        yield taken

    def _pieces(self) -> Iterator[tuple[int, bool]]:
        """Yield the length of each record and empty line, and whether it is one."""
        if not self.look.is_sound:
            for length, text in _joined_lines(BytesIO(self.content).readlines(), self.look):
                yield length, not text
            return
        first = FIRST_LINE.match(self.content)
        begin = first.end() if first else 0
        yield begin, False
        for found in _record_pattern(self.look.separator).finditer(self.content, begin):
            if found[0]:
                yield len(found[0]), not found[0].strip(b"\r\n")


def read(file: DelimitedFile, table: Table) -> Records | None:
    """Read a file as its table would; None where it is empty."""
    with file.open() as opened, SpooledTemporaryFile(SPOOLED_BYTES) as spooled:
        look = _look(file, opened, spooled, Wanted(columns_of(table), _ours(table), {}))
        if not look.bytes:
            return None
        rows = _read(spooled, look)
        spooled.seek(0)
        return Records(look, spooled.read(look.bytes), rows)


def arrived(landing: "Landing", days: Collection[date], run_id: str) -> DelimitedFiles:
    """Return the files that have arrived for some days."""
    return DelimitedFiles(
        files=[
            DelimitedFile(f"{landing.name}/{path}", partial(landing.open, path), day)
            for day, path in landing.paths(days)
        ],
        run_id=run_id,
        days=days,
    )


def columns_of(table: Table) -> dict[str, str]:
    """Return the columns of the contract that come from the files, and their types."""
    ours = _ours(table)
    return {name: type_ for name, type_ in table.contract.types().items() if name not in ours}


def _ours(table: Table) -> set[str]:
    """Return the columns of the contract that do not come from the files."""
    return {*FileRows.types(), *([table.partition_column] if table.partition_column else [])}


def landed(table: Table) -> str:
    """Return the name of the table that tells what a table's files looked like."""
    return f"landing.{table.key.path[-1]}"


def _collect(
    connection: duckdb.DuckDBPyConnection, wanted: Wanted, given: DelimitedFiles
) -> list[Look]:
    """Read all files into the temporary table, as text."""
    looks: list[Look] = []
    waiting: list[pa.Table] = []
    waiting_bytes = 0
    for file in given.files:
        with file.open() as opened, SpooledTemporaryFile(SPOOLED_BYTES) as spooled:
            look = _look(file, opened, spooled, wanted)
            if not given.takes(look.edition):
                continue
            looks.append(look)
            if look.bytes:
                waiting.append(_read(spooled, look))
        # Of the text, for asking 1,000 small tables for their own bytes each time took 90 s.
        waiting_bytes += look.bytes
        if waiting_bytes > BATCH_BYTES:
            _insert(connection, waiting)
            waiting_bytes = 0
    if waiting:
        _insert(connection, waiting)
    return looks


def _look(
    file: DelimitedFile,
    opened: BinaryIO | RawIOBase,
    spooled: IO[bytes],
    wanted: Wanted,
) -> Look:
    """Copy a file to where it can be read again, and say what it looks like."""
    seen = _Inspection()
    while chunk := opened.read(CHUNK_BYTES):
        seen.see(chunk)
        spooled.write(chunk)
    seen.see(b"", final=True)
    if seen.bytes and not seen.ends_line:
        spooled.write(b"\n")
    spooled.seek(0)
    encoding = seen.encoding
    line = FIRST_LINE.match(spooled.readline(LONGEST_HEADER).removeprefix(codecs.BOM_UTF8))
    first = line[0].decode(encoding, "replace").strip("\r\n") if line else ""
    header, separator = _header(first, wanted)
    edition = _edition(header, separator, spooled, encoding, wanted.editions)
    columns = _named(header, wanted, edition.columns if edition else wanted.names)
    is_ours = not wanted.known.keys().isdisjoint(columns)
    if encoding == WINDOWS and not _decodes(spooled, WINDOWS):
        encoding = LATIN
    spooled.seek(0)
    return Look(
        source=file.source,
        day=file.day,
        bytes=seen.bytes,
        checksum=seen.digest.hexdigest(),
        encoding=encoding,
        separator=separator,
        edition=edition,
        header=header,
        columns=columns if is_ours else list(wanted.known),
        is_ours=is_ours,
        is_sound=is_ours and seen.quotes % 2 == 0 and not (seen.damaged and encoding == UTF8),
    )


def _record_pattern(separator: str) -> re.Pattern[bytes]:
    """Return what a record of a sound file is: quotes count where a field begins with one."""
    end = rb"(?:\r\n|[\r\n]|\Z)"
    by = re.escape(separator.encode())
    field_ = rb'(?:"(?:[^"]++|"")*+(?:"|\Z))?+[^%b\r\n]*+' % by
    return re.compile(rb'[^"\r\n]*+%b|%b(?:%b%b)*+%b' % (end, field_, by, field_, end))


def _decodes(file: IO[bytes], encoding: str) -> bool:
    """Say whether all bytes of a file are characters of a single-byte encoding."""
    try:
        file.seek(0)
        while chunk := file.read(CHUNK_BYTES):
            chunk.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _header(line: str, wanted: Wanted) -> tuple[list[str], str]:
    """Return the names in a file's first line, and the separator that gives most known ones."""
    split = {
        separator: next(csv.reader([line], delimiter=separator), []) for separator in SEPARATORS
    }
    known = {*wanted.known, *wanted.names, *(n for one in wanted.editions for n in one.columns)}
    separator = max(
        SEPARATORS,
        key=lambda one: (len(known.intersection(map(normalised, split[one]))), len(split[one])),
    )
    return split[separator], separator


def _edition(
    header: Sequence[str],
    separator: str,
    file: IO[bytes],
    encoding: str,
    editions: Sequence[Edition],
) -> Edition | None:
    """Return the edition of a file; of those with its header, the one whose shapes values have."""
    fitting = candidates(header, editions)
    lines = [
        file.readline(LONGEST_HEADER).decode(encoding, "replace")
        for _ in fitting[1:2] * SHOWN_RECORDS
    ]
    records = list(csv.reader(lines, delimiter=separator))
    names = [normalised(name) for name in header]

    def fits(edition: Edition) -> int:
        return sum(
            re.fullmatch(edition.shapes[name], value.strip()) is not None
            for record in records
            for name, value in zip(names, record, strict=False)
            if name in edition.shapes
        )

    named = [len(edition.columns.keys() & set(names)) for edition in fitting]
    equal = [one for one, count in zip(fitting, named, strict=True) if count == named[0]]
    return max(equal, key=fits, default=None)


def _named(header: Sequence[str], wanted: Wanted, names: Mapping[str, str]) -> list[str]:
    """Return the columns that a header's names mean, each of them once."""
    columns: list[str] = []
    for number, spelt in enumerate(header, start=1):
        name = normalised(spelt)
        name = names.get(name, name) or f"column_{number}"
        while name in columns or name in wanted.ours:
            name = f"{name}_{number}"
        columns.append(name)
    return columns


def _read(file: IO[bytes], look: Look) -> pa.Table:
    """Read a file's rows as text, each with its number, its origin, and what is wrong with it."""
    if look.is_sound:
        try:
            rows = _read_sound(file, look)
        except pa.ArrowInvalid:  # a quote that is closed many megabytes later
            look.is_sound = False
    if not look.is_sound:
        rows = _table(look, list(_read_damaged(file, look)))
    look.rows, look.problems = rows.num_rows, rows.num_rows - rows[PROBLEM].null_count
    origin = {SOURCE: look.source, DAY: None if look.day is None else str(look.day)}
    origin[EDITION] = look.edition.name if look.edition else None
    for name, value in origin.items():
        text = pa.array([value], pa.string()).take(np.zeros(rows.num_rows, np.int64))
        rows = rows.append_column(name, text)
    return rows


def _read_sound(file: IO[bytes], look: Look) -> pa.Table:
    """Read a file with the fast reader, which puts rows aside that have other numbers of fields."""
    odd: list[pa_csv.InvalidRow] = []

    def put_aside(row: pa_csv.InvalidRow) -> str:
        odd.append(row)
        return "skip"

    file.seek(0)
    rows = pa_csv.read_csv(
        file,
        pa_csv.ReadOptions(
            column_names=look.columns,
            skip_rows=1,
            encoding=look.encoding,
            use_threads=False,  # rows put aside have numbers only then
            block_size=min(look.bytes + 1, LARGEST_BLOCK),
        ),
        pa_csv.ParseOptions(
            delimiter=look.separator, newlines_in_values=True, invalid_row_handler=put_aside
        ),
        pa_csv.ConvertOptions(
            column_types=dict.fromkeys(look.columns, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
        ),
    )
    aside = np.array([row.number for row in odd], dtype=np.int64)
    numbers = np.setdiff1d(np.arange(2, 2 + rows.num_rows + len(odd)), aside)
    rows = rows.append_column(RECORD, pa.array(numbers.astype(str), pa.string()))
    for name in (EXTRA, PROBLEM, LINE):
        rows = rows.append_column(name, pa.nulls(rows.num_rows, pa.string()))
    return pa.concat_tables([rows, _table(look, [_row(look, r.number, r.text) for r in odd])])


def _read_damaged(file: IO[bytes], look: Look) -> Iterator[dict[str, str | None]]:
    """Read a file by lines: a quote that is never closed, or a bad byte, costs its line only."""
    file.seek(0)
    records = [text for _, text in _joined_lines(file.readlines(), look)][1:]
    for record, text in enumerate(filter(None, records), start=2):
        try:
            decoded = text.decode(look.encoding)
        except UnicodeDecodeError:
            bad = text.decode(look.encoding, "backslashreplace")
            yield _refused(look, record, bad, f"not {look.encoding}")
        else:
            yield _row(look, record, decoded)


def _joined_lines(lines: Sequence[bytes], look: Look) -> Iterator[tuple[int, bytes]]:
    """Yield the records of a file that is read by lines, the first line first.

    Args:
        lines: its lines with what ends them.
        look: what the file looks like.

    Yields:
        How many bytes a record takes, and its text without what ends its lines; of an empty line
        that is nothing.
    """
    texts = [line.rstrip(b"\r\n") for line in lines]
    at = 0
    while at < len(lines):
        taken = _lines_of_record(texts, at, look) if at else 1
        yield sum(map(len, lines[at : at + taken])), b"\n".join(texts[at : at + taken])
        at += taken


def _lines_of_record(lines: Sequence[bytes], at: int, look: Look) -> int:
    """Return over how many lines a record goes: more than one if its quoted text has breaks."""
    text = lines[at]
    for taken in range(1, min(MOST_JOINED_LINES, len(lines) - at) + 1):
        if text.count(b'"') % 2 == 0:
            fields = _fields(text.decode(look.encoding, "replace"), look)
            return taken if fields and len(fields) >= len(look.columns) else 1
        if at + taken < len(lines):
            text += b"\n" + lines[at + taken]
    return 1


def _fields(text: str, look: Look) -> list[str] | None:
    """Split a record into its fields; None where its quotes do not match."""
    try:
        return next(csv.reader([text], delimiter=look.separator, strict=True), [])
    except csv.Error:
        return None


def _row(look: Look, record: int, text: str) -> dict[str, str | None]:
    """Return a record that is read by itself; fields beyond the header are kept beside the others.

    What does not read as the columns is kept as text.
    """
    fields, wanted = _fields(text, look), len(look.columns)
    if not look.is_ours:
        return _refused(look, record, text, "the file's first line names none of the columns")
    if fields is None:
        return _refused(look, record, text, "quotes do not match")
    if len(fields) < wanted:
        return _refused(look, record, text, f"{len(fields)} of {wanted} fields")
    extra = {f"field {n}": value for n, value in enumerate(fields, 1) if n > wanted and value}
    return {
        **{name: value or None for name, value in zip(look.columns, fields, strict=False)},
        RECORD: str(record),
        EXTRA: json.dumps(extra, ensure_ascii=False) if extra else None,
        PROBLEM: None,
        LINE: None,
    }


def _refused(look: Look, record: int, text: str, problem: str) -> dict[str, str | None]:
    return {
        **dict.fromkeys(look.columns),
        RECORD: str(record),
        EXTRA: None,
        PROBLEM: problem,
        LINE: text,
    }


def _table(look: Look, rows: Sequence[Mapping[str, str | None]]) -> pa.Table:
    names = [*look.columns, RECORD, EXTRA, PROBLEM, LINE]
    columns = {name: pa.array([row[name] for row in rows], pa.string()) for name in names}
    return pa.table(columns)


def _insert(connection: duckdb.DuckDBPyConnection, waiting: list[pa.Table]) -> None:
    """Move what was read to the engine; columns that no file had before are added there."""
    batch = pa.concat_tables(waiting, promote_options="default").combine_chunks()
    waiting.clear()
    there = {name for name, *_ in connection.execute(f"DESCRIBE {ARRIVED}").fetchall()}
    for name in batch.column_names:
        if name not in there:
            connection.execute(f"ALTER TABLE {ARRIVED} ADD COLUMN {_quoted(name)} VARCHAR")
    connection.register(BATCH, batch)
    connection.execute(f"INSERT INTO {ARRIVED} BY NAME SELECT * FROM {BATCH}")
    connection.unregister(BATCH)


def _store_looks(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    given: DelimitedFiles,
    looks: Sequence[Look],
) -> None:
    """Say what the files of the run looked like, in place of what was said of its partitions."""
    ensure_table(connection, landed(table), LandedFile)
    within = [str(day) for day in given.days]
    where = f"partition_key BETWEEN '{min(within)}' AND '{max(within)}'" if within else "true"
    connection.execute(f"DELETE FROM {landed(table)} WHERE {where}")
    known, is_personal = columns_of(table), bool(table.contract.personal())
    rows = [
        {
            "partition_key": "" if look.day is None else str(look.day),
            "source": look.source,
            "bytes": look.bytes,
            "checksum": look.checksum,
            "encoding": look.encoding,
            "separator": look.separator,
            "edition": look.edition.name if look.edition else None,
            # A first line that names no column is a record.
            "header": look.header if look.is_ours or not is_personal else [WITHHELD],
            "rows": look.rows,
            "problems": look.problems,
            "unknown_columns": [name for name in look.columns if name not in known],
            "missing_columns": [
                name
                for name in (look.edition.columns.values() if look.edition else known)
                if name not in look.columns
            ],
            "run_id": given.run_id,
        }
        for look in looks
    ]
    if rows:
        connection.register(BATCH, pa.Table.from_pylist(rows))
        connection.execute(
            f"INSERT INTO {landed(table)} BY NAME SELECT *, now() AS read_at FROM {BATCH}"
        )
        connection.unregister(BATCH)


def _add_columns(
    connection: duckdb.DuckDBPyConnection, table: Table, arrived: Sequence[str]
) -> None:
    """Add the columns that have arrived to the table, and say in the database what they are."""
    stored = stored_types(connection, table.name)
    for name in arrived:
        if name not in stored:
            connection.execute(f"ALTER TABLE {table.name} ADD COLUMN {_quoted(name)} VARCHAR")
            said = f"{table.name}.{_quoted(name)} IS {literal(ARRIVED_COLUMN)}"
            connection.execute(f"COMMENT ON COLUMN {said}")


def _typed(table: Table, known: Mapping[str, str], new: Sequence[str], run_id: str) -> str:
    """Return the query that reads the texts as the contract's types, and keeps what does not fit.

    Engines read '20.5' and ' 7' as whole numbers in different ways, so texts are matched first.
    """
    fits = {name: _fits(name, type_) for name, type_ in known.items() if type_ != "VARCHAR"}
    values = [
        f"CASE WHEN {fits[name]} THEN trim({_quoted(name)})::{type_} END AS {_quoted(name)}"
        if name in fits
        else _quoted(name)
        for name, type_ in known.items()
    ]
    misfits = {name: f"NOT coalesce({fit}, true)" for name, fit in fits.items()}
    kept = [
        f"CASE WHEN {misfit} THEN json_object({literal(name)}, {_quoted(name)}) ELSE '{{}}' END"
        for name, misfit in misfits.items()
    ]
    # Where every column is text, there is nothing to merge with.
    rescued = ", ".join([f"coalesce({EXTRA}, '{{}}')", "'{}'", *kept])
    misfit = " OR ".join([f"{EXTRA} IS NOT NULL", *misfits.values()])
    day = [f"{DAY}::DATE AS {table.partition_column}"] if table.partition_column else []
    return (
        f"SELECT {', '.join([*values, *map(_quoted, new), *day])}, "
        f"CASE WHEN {misfit} THEN json_merge_patch({rescued})::VARCHAR END AS _rescued_data, "
        # Of two records about one thing the later stands, so numbers have to sort as texts.
        f"{PROBLEM} AS _problem, {LINE} AS _line, {EDITION} AS _edition, "
        f"{SOURCE} || '#' || printf('%07d', {RECORD}::BIGINT) AS source_row, "
        f"now() AS _ingested_at, {SOURCE} AS _source, {literal(run_id)} AS _run_id FROM {ARRIVED}"
    )


def _fits(name: str, type_: str) -> str:
    return f"regexp_full_match(trim({_quoted(name)}), '{PATTERNS[type_]}')"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
