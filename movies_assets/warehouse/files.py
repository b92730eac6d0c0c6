"""Tab-separated text files as tables: read by the engine, every line accounted for.

A line that does not read as the columns becomes a row with the line itself, its number and its
fault; silver quarantines it. The meaning of columns belongs in the contract, how files arrive in
`sources`.

The engine's reader (DuckDB 1.5) skips empty lines, splits some lines at a carriage return, drops
lines of 32 MB, drops surplus columns that are empty or NULL, and reads the beginning of a file that
is cut off, all without an error. So it gets the files through a pipe, in which such lines
are marked, each line ends with a column of its own, and lines are counted.
"""

import gzip
import os
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from io import FileIO
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Self

import duckdb
import pandas as pd

from movies_assets.core.contract import Contract, DumpContract
from movies_assets.core.outcome import LINE_NUMBER, NULL_TEXT, RAW, UNPARSED
from movies_assets.core.table import Table
from movies_assets.warehouse.database import WarehouseError
from movies_assets.warehouse.quoting import literal
from movies_assets.warehouse.staging import STAGE
from movies_assets.warehouse.types import duckdb_types

REJECTS, SCANS = "rejected_lines", "rejected_scans"
CARRIAGE_RETURN, NUL = b"\r", b"\0"
# Marks a line that the engine must not read: before its fault, before the line itself, and as a
# surplus column after it. Of a refused line the engine reports the first 10,000 bytes.
MARK = "\x1e\x1e"
# Column at the end of each line, so that a surplus column is neither the last one nor empty. In a
# refused line the engine shows the byte after half a character as a question mark, even a tab.
END = "\x1d"
# How such characters are shown.
VISIBLE = {CARRIAGE_RETURN: "␍", NUL: "␀"}
# A line is kept in memory up to this size; of a longer one only the beginning is read. The engine
# itself refuses lines of more than 2 MiB.
LONGEST_LINE = 8_000_000
SHOWN_BYTES = 10_000  # as many as the engine shows of a line that it refuses
CHUNK_BYTES = 1 << 18
LINE_END = f"\t{END}\n".encode()
UNSOUND = (gzip.BadGzipFile, EOFError, zlib.error)
# There is no quoting: a quote is a character like any other.
DIALECT = (
    r"delim = '\t', quote = '', escape = '', header = true, new_line = '\n', "
    "auto_detect = false, encoding = 'utf-8', store_rejects = true, rejects_limit = 0, "
    f"rejects_table = '{REJECTS}', rejects_scan = '{SCANS}'"
)


@dataclass(frozen=True)
class TextFile:
    """A gzipped file, and the partition to which its rows belong.

    Attributes:
        path: where the file is.
        source: the origin that its rows record: its path below the landing folder.
        day: the partition.
    """

    path: Path
    source: str
    day: date


@dataclass(frozen=True)
class TextFiles:
    """The files that fill a bronze table.

    Attributes:
        header: the names that the first line of each file must have.
        files: the files.
        days: the partitions of the run.
        run_id: the run that loads them.
    """

    header: tuple[str, ...]
    files: tuple[TextFile, ...]
    days: Collection[date]
    run_id: str


class Pipe:
    """A file on its way to the engine: unpacked, its lines counted, those it cannot read marked.

    Attributes:
        file: the file.
        path: the path that the engine reads.
        lines: how many lines have passed, including the header.
    """

    def __init__(self, file: TextFile, columns: int) -> None:
        self.file = file
        self.lines = 0
        self._error: Exception | None = None
        outlet, inlet = os.pipe()
        self._outlet = FileIO(outlet)
        self.path = f"/dev/fd/{outlet}"
        self._pump = Thread(target=self._run, args=(inlet, columns), daemon=True)
        self._pump.start()

    def finish(self) -> None:
        """End the reading.

        Raises:
            WarehouseError: the file was not read to a sound end.
        """
        self.close()
        if self._error:
            raise WarehouseError(
                f"{self.file.path}, after line {self.lines:,}: expected the rest of a sound gzip "
                f"file, but: {self._error}. Nothing was loaded; fetch the file again."
            ) from self._error

    def close(self) -> None:
        """Stop, if the engine has not read to the end."""
        self._outlet.close()
        self._pump.join()

    def _run(self, inlet: int, columns: int) -> None:
        try:
            with gzip.open(self.file.path) as packed, FileIO(inlet, "w") as pipe:
                self._pass(packed, pipe, b"\t" * columns)
        except (*UNSOUND, OSError, ValueError) as error:
            self._error = error

    def _pass(self, packed: gzip.GzipFile, pipe: FileIO, too_many: bytes) -> None:
        rest, is_too_long = b"", False
        while chunk := packed.read(CHUNK_BYTES):
            if is_too_long:
                _, newline, chunk = chunk.partition(b"\n")
                is_too_long = not newline
            lines, newline, rest = (rest + chunk).rpartition(b"\n")
            self._write(pipe, lines + newline, too_many)
            if len(rest) > LONGEST_LINE:
                begin = rest[:SHOWN_BYTES].decode(errors="ignore").encode()
                self._write(pipe, _marked(begin, too_many, "too long") + b"\n", too_many)
                rest, is_too_long = b"", True
        if rest:
            self._write(pipe, rest + b"\n", too_many)

    def _write(self, pipe: FileIO, lines: bytes, too_many: bytes) -> None:
        self.lines += lines.count(b"\n")
        if CARRIAGE_RETURN in lines or NUL in lines or b"\n\n" in lines or lines[:1] == b"\n":
            marked = [
                _marked(line, too_many, problem) if (problem := _problem_of(line)) else line
                for line in lines.split(b"\n")[:-1]
            ]
            lines = b"\n".join([*marked, b""])
        unwritten = memoryview(lines.replace(b"\n", LINE_END))
        while unwritten:
            unwritten = unwritten[pipe.write(unwritten) :]


def _problem_of(line: bytes) -> str:
    """Return why the engine must not read a line; '' where it may."""
    if CARRIAGE_RETURN in line:
        return "carriage return"
    if NUL in line:
        return "NUL character"
    return "" if line else "empty line"


def _marked(line: bytes, too_many: bytes, problem: str) -> bytes:
    """Mark a line that the engine must not read, and give it more columns than there are."""
    for character, visible in VISIBLE.items():
        line = line.replace(character, visible.encode())
    return f"{MARK}{problem}{MARK}".encode() + line + too_many + MARK.encode()


@dataclass
class Reading:
    """Text files while they are read; to be closed.

    Attributes:
        given: the files.
        pipes: those among them that are read.
    """

    given: TextFiles
    pipes: list[Pipe] = field(default_factory=list)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the pipes."""
        for pipe in self.pipes:
            pipe.close()


def dump_columns(contract: type[Contract]) -> dict[str, str]:
    """Return the columns that come from the file, in its order, and their types."""
    ours = DumpContract.types()
    return {name: type_ for name, type_ in duckdb_types(contract).items() if name not in ours}


def select(connection: duckdb.DuckDBPyConnection, table: Table, reading: Reading) -> str:
    """Return the SQL that reads the files as rows of their table.

    A file whose rows are stored under another partition is not read again: its source has not
    changed since.

    Raises:
        WarehouseError: a file is missing, empty, no gzip, or has another header.
    """
    given = reading.given
    new = [file for file in given.files if not _is_stored_elsewhere(connection, table, given, file)]
    for file in new:
        _check_header(file.path, given.header)
    if not new:
        return f"SELECT * FROM {table.name} WHERE false"
    reading.pipes += [Pipe(file, len(given.header)) for file in new]
    return " UNION ALL ".join(_select_file(table, pipe, given.run_id) for pipe in reading.pipes)


def store_rejected(
    connection: duckdb.DuckDBPyConnection, table: Table, reading: Reading, rows: int
) -> int:
    """Store the lines that the engine's reader refused, each with its number; return how many.

    Args:
        connection: an open transaction, in which the files were read.
        table: their table.
        reading: the files.
        rows: how many rows were read.

    Raises:
        WarehouseError: a file is damaged, or the engine has lost lines.
    """
    stored = sum(_store_rejected_of(connection, table, reading, pipe) for pipe in reading.pipes)
    lines = sum(pipe.lines - 1 for pipe in reading.pipes)
    if rows + stored != lines:
        raise WarehouseError(
            f"{', '.join(str(pipe.file.path) for pipe in reading.pipes)}: expected {lines} rows, "
            f"one a line below the first, but {rows + stored} were read. Nothing was loaded. The "
            "engine's reader loses lines: please report it with the file."
        )
    return stored


def _store_rejected_of(
    connection: duckdb.DuckDBPyConnection, table: Table, reading: Reading, pipe: Pipe
) -> int:
    pipe.finish()
    columns = len(reading.given.header)
    row = connection.execute(
        f"""
        INSERT INTO {table.name} BY NAME
        SELECT ?::DATE AS run_date, ? AS _source, ? AS _run_id, now() AS _ingested_at,
            CASE WHEN starts_with(text, '{MARK}')
                THEN replace(marked, '{VISIBLE[CARRIAGE_RETURN]}', chr(13)) ELSE text
            END AS _line,
            'line ' || line || ': ' || problem AS _problem
        FROM (
            SELECT line, regexp_replace(min(csv_line), '[\t?]{END}$', '') AS text,
                split_part(text, '{MARK}', 3) AS part,
                CASE WHEN ends_with(text, '{MARK}')
                    THEN left(part, len(part) - {columns}) ELSE part END AS marked,
                min(CASE
                    WHEN starts_with(csv_line, '{MARK}') THEN split_part(csv_line, '{MARK}', 2)
                    WHEN error_type = 'INVALID ENCODING' THEN 'not UTF-8'
                    WHEN error_type = 'LINE SIZE OVER MAXIMUM' THEN 'too long'
                    WHEN error_type = 'TOO MANY COLUMNS' THEN 'more than {columns} columns'
                    WHEN error_type = 'MISSING COLUMNS' THEN 'fewer than {columns} columns'
                    ELSE error_message END) AS problem
            FROM {REJECTS} JOIN {SCANS} USING (scan_id, file_id) WHERE file_path = ?
            GROUP BY line
        )""",
        [pipe.file.day, pipe.file.source, reading.given.run_id, pipe.path],
    ).fetchone()
    return int(row[0]) if row else 0


def number_lines(connection: duckdb.DuckDBPyConnection, source: Table, landing: Path) -> None:
    """Number the staged rows by their line, by looking for them in the files.

    The engine's reader does not number lines: numbering 12 million costs 17 s where none is wrong,
    reading the file again 8 s where one is.

    Args:
        connection: an open transaction, in which suspicious rows of `source` are staged.
        source: the table of the files.
        landing: the folder in which they are.
    """
    numbered = "'^line ([0-9]+): '"  # by the engine's reader
    connection.execute(
        f"UPDATE {STAGE} SET {LINE_NUMBER} = regexp_extract({UNPARSED}, {numbered}, 1)::BIGINT, "
        f"{UNPARSED} = regexp_replace({UNPARSED}, {numbered}, '') "
        f"WHERE regexp_matches({UNPARSED}, {numbered})"
    )
    suspects = connection.execute(
        f"SELECT DISTINCT run_date, _source, {RAW} FROM {STAGE} JOIN "
        f"(SELECT DISTINCT run_date, _source FROM {source.name}) USING (run_date) "
        f"WHERE {LINE_NUMBER} IS NULL ORDER BY ALL"
    ).fetchall()
    found = [
        (day, line, number)
        for (day, name), rows in groupby(suspects, itemgetter(0, 1))
        for line, number in _find(landing / name, {raw.encode(): raw for *_, raw in rows})
    ]
    if not found:
        return
    frame = pd.DataFrame(found, columns=["run_date", RAW, "number"])  # noqa: F841 (read by the SQL)
    nth = f"row_number() OVER (PARTITION BY run_date, {RAW} ORDER BY"
    connection.execute(
        f"UPDATE {STAGE} SET {LINE_NUMBER} = number FROM "
        f"(SELECT rowid AS row, run_date, {RAW}, {nth} rowid) AS nth FROM {STAGE} "
        f"WHERE {LINE_NUMBER} IS NULL) JOIN "
        f"(SELECT *, {nth} number) AS nth FROM frame) USING (run_date, {RAW}, nth) "
        f"WHERE {STAGE}.rowid = row"
    )


def _find(path: Path, wanted: Mapping[bytes, str]) -> list[tuple[str, int]]:
    """Return the wanted lines that the file has, and their numbers."""
    if not path.exists():
        return []
    found, number, is_begin = [], 1, True
    with gzip.open(path) as lines:
        for piece in iter(partial(lines.readline, LONGEST_LINE), b""):
            is_end = piece.endswith(b"\n")
            if is_begin and (text := piece.rstrip(b"\n")) in wanted:
                found.append((wanted[text], number))
            number, is_begin = number + is_end, is_end
    return found


def _is_stored_elsewhere(
    connection: duckdb.DuckDBPyConnection, table: Table, given: TextFiles, file: TextFile
) -> bool:
    """Return whether a file's rows are stored, under partitions that the run does not replace."""
    return bool(
        connection.execute(
            f"SELECT 1 FROM {table.name} WHERE _source = ? "
            "AND run_date NOT BETWEEN ? AND ? LIMIT 1",
            [file.source, min(given.days), max(given.days)],
        ).fetchone()
    )


def _select_file(table: Table, pipe: Pipe, run_id: str) -> str:
    columns = dump_columns(table.contract)
    names = ", ".join(f"'{name}': 'VARCHAR'" for name in [*columns, "_end"])
    source = f"read_csv('{pipe.path}', {DIALECT}, nullstr = '{NULL_TEXT}', columns = {{{names}}})"
    misread = {
        name: f"{name} IS DISTINCT FROM TRY_CAST({name} AS {type_})::VARCHAR"
        for name, type_ in columns.items()
        if type_ != "VARCHAR"
    }
    read = [
        name if type_ == "VARCHAR" else f"TRY_CAST({name} AS {type_}) AS {name}"
        for name, type_ in columns.items()
    ]
    problems = ", ".join(
        f"CASE WHEN {wrong} THEN '{n}: not a number' END" for n, wrong in misread.items()
    )
    line = ", ".join(f"coalesce({name}, '{NULL_TEXT}')" for name in columns)
    # Texts are concatenated for wrong lines only: for 12 million sound ones it took 9 s.
    is_wrong = " OR ".join(misread.values()) or "false"
    return (
        f"SELECT {', '.join(read)}, "
        f"CASE WHEN {is_wrong} THEN concat_ws('; ', {problems or 'NULL'}) END AS _problem, "
        f"CASE WHEN {is_wrong} THEN concat_ws(chr(9), {line}) END AS _line, "
        f"DATE '{pipe.file.day}' AS run_date, now() AS _ingested_at, "
        f"{literal(pipe.file.source)} AS _source, {literal(run_id)} AS _run_id FROM {source}"
    )


def _check_header(path: Path, header: Sequence[str]) -> None:
    expected = "\t".join(header)
    try:
        with gzip.open(path) as lines:
            first = lines.readline(1_000_000)
    except FileNotFoundError:
        raise WarehouseError(f"{path} is missing: fetch it again") from None
    except UNSOUND as error:
        raise WarehouseError(
            f"{path}, line 1: expected the columns {expected!r}, but it is no sound gzip file "
            f"({error}): fetch it again"
        ) from None
    found = first.decode("utf-8", "replace").rstrip("\n")
    if found != expected:
        what = f"has {found[:300]!r}" if first else "is empty"
        raise WarehouseError(
            f"{path}, line 1: expected the columns {expected!r}, but the file {what}. Nothing was "
            "loaded. If the source has changed its format, change header and contract with it."
        )
