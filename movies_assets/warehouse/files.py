"""Tab-separated text files as tables: read by the engine, every line accounted for.

A line that does not read as the columns becomes a row with the line itself, its number and what is
wrong with it; silver quarantines it. What the columns mean belongs in the contract, how files
arrive in `sources`.
"""

import gzip
import shutil
import tempfile
import zlib
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import duckdb

from movies_assets.contracts import Contract, FileContract
from movies_assets.table import Table
from movies_assets.warehouse.database import WarehouseError, literal

REJECTS, SCANS = "rejected_lines", "rejected_scans"
NULL = r"\N"
# Lines with it are split there by the engine's reader, or end the whole read.
CARRIAGE_RETURN, VISIBLE = b"\r", "␍"
# More columns than any file has.
TOO_MANY = b"\t" * 100 + b"\n"
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
        source: what rows say of their origin: its path below the landing folder.
        day: the partition.
    """

    path: Path
    source: str
    day: date


@dataclass(frozen=True)
class TextFiles:
    """What a bronze table of files is filled with.

    Attributes:
        header: the names that the first line of each file must have.
        files: the files.
        run_id: the run that loads them.
    """

    header: tuple[str, ...]
    files: tuple[TextFile, ...]
    run_id: str


def columns_of(contract: type[Contract]) -> dict[str, str]:
    """Return the columns that come from the file, in its order, and their types."""
    ours = FileContract.types()
    return {name: type_ for name, type_ in contract.types().items() if name not in ours}


def select(connection: duckdb.DuckDBPyConnection, table: Table, given: TextFiles) -> str:
    """Return the SQL that reads the files as rows of their table.

    A file that stands in the table under another partition is not read again: its source has not
    changed since.

    Raises:
        WarehouseError: a file is missing, empty, no gzip, or has another header.
    """
    new = [file for file in given.files if not _stands_already(connection, table, file)]
    for file in new:
        _check_header(file.path, given.header)
    if not new:
        return f"SELECT * FROM {table.name} WHERE false"
    return " UNION ALL ".join(_select_file(table, file, given.run_id) for file in new)


def store_rejected(connection: duckdb.DuckDBPyConnection, table: Table, given: TextFiles) -> int:
    """Store the lines that the engine's reader refused, each with its number; return how many."""
    known = connection.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE table_name = ?", [REJECTS]
    ).fetchone()
    if not known or not known[0]:
        return 0
    stored, columns = 0, len(columns_of(table.contract))
    for file in given.files:
        row = connection.execute(
            f"""
            INSERT INTO {table.name} BY NAME
            SELECT ?::DATE AS run_date, ? AS _source, ? AS _run_id, now() AS _ingested_at,
                rtrim(any_value(csv_line), chr(9)) AS _line,
                'line ' || line || ': ' || any_value(CASE
                    WHEN contains(csv_line, '{VISIBLE}') THEN 'carriage return ({VISIBLE})'
                    WHEN error_type = 'INVALID ENCODING' THEN 'not UTF-8'
                    WHEN error_type = 'LINE SIZE OVER MAXIMUM' THEN 'too long'
                    WHEN error_type = 'TOO MANY COLUMNS' THEN 'more than {columns} columns'
                    WHEN error_type = 'MISSING COLUMNS' THEN 'fewer than {columns} columns'
                    ELSE error_message END) AS _problem
            FROM {REJECTS} JOIN {SCANS} USING (scan_id, file_id) WHERE file_path = ?
            GROUP BY line""",
            [file.day, file.source, given.run_id, str(file.path)],
        ).fetchone()
        stored += row[0] if row else 0
    return stored


def repaired(given: TextFiles, folder: Path, files: ExitStack) -> TextFiles:
    """Return the files with their carriage returns made visible, so that the engine can read them.

    Such a line also gets one column more than it may have: the engine's reader then refuses it, and
    it is stored like every other line that is wrong. The copies are removed with `files`.
    """
    copies = Path(files.enter_context(tempfile.TemporaryDirectory(dir=_made(folder))))
    return replace(
        given,
        files=tuple(
            replace(file, path=_without_returns(file.path, copies / f"{number}.gz"))
            for number, file in enumerate(given.files)
        ),
    )


def name_lines(
    connection: duckdb.DuckDBPyConnection, quarantine: str, source: Table, landing: Path
) -> None:
    """Name refused rows by the number of their line, by looking for them in the files.

    The engine's reader does not number lines: numbering 12 million costs 17 s where none is wrong,
    reading the file once more 8 s where one is.
    """
    sources = connection.execute(f"SELECT DISTINCT _source FROM {source.name}").fetchall()
    connection.execute(
        f"UPDATE {quarantine} SET row_id = regexp_extract(broken_rules, 'line [0-9]+') "
        "WHERE regexp_matches(broken_rules, '^line [0-9]+:')"
    )
    wanted = {
        raw.encode()
        for (raw,) in connection.execute(
            f"SELECT DISTINCT raw FROM {quarantine} WHERE NOT starts_with(row_id, 'line ')"
        ).fetchall()
    }
    found: dict[bytes, list[int]] = {}
    for path in [landing / name for (name,) in sources]:
        if wanted and path.exists():
            _find(path, wanted, found)
    for line, numbers in found.items():
        _number_rows(connection, quarantine, line.decode(), numbers)


def _number_rows(
    connection: duckdb.DuckDBPyConnection, quarantine: str, line: str, numbers: Sequence[int]
) -> None:
    """Give equal lines their numbers; where one of them was kept, the others were refused."""
    rows = connection.execute(
        f"SELECT rowid FROM {quarantine} WHERE raw = ? AND NOT starts_with(row_id, 'line ')", [line]
    ).fetchall()
    for (row,), number in zip(rows, numbers[-len(rows) :], strict=False):
        connection.execute(
            f"UPDATE {quarantine} SET row_id = ? WHERE rowid = ?", [f"line {number}", row]
        )


def _find(path: Path, wanted: Iterable[bytes], found: dict[bytes, list[int]]) -> None:
    with gzip.open(path) as lines:
        for number, line in enumerate(lines, start=1):
            text = line.rstrip(b"\n")
            if text in wanted:
                found.setdefault(text, []).append(number)


def _stands_already(connection: duckdb.DuckDBPyConnection, table: Table, file: TextFile) -> bool:
    return bool(
        connection.execute(
            f"SELECT 1 FROM {table.name} WHERE _source = ? AND run_date <> ? LIMIT 1",
            [file.source, file.day],
        ).fetchone()
    )


def _select_file(table: Table, file: TextFile, run_id: str) -> str:
    columns = columns_of(table.contract)
    names = ", ".join(f"'{name}': 'VARCHAR'" for name in columns)
    source = (
        f"read_csv({literal(str(file.path))}, {DIALECT}, nullstr = '{NULL}', columns = {{{names}}})"
    )
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
        f"CASE WHEN {wrong} THEN '{n}: wrong type' END" for n, wrong in misread.items()
    )
    line = ", ".join(f"coalesce({name}, '{NULL}')" for name in columns)
    # Texts are put together for wrong lines only: for 12 million sound ones that took 9 s.
    is_wrong = " OR ".join(misread.values()) or "false"
    return (
        f"SELECT {', '.join(read)}, "
        f"CASE WHEN {is_wrong} THEN concat_ws('; ', {problems or 'NULL'}) END AS _problem, "
        f"CASE WHEN {is_wrong} THEN concat_ws(chr(9), {line}) END AS _line, "
        f"DATE '{file.day}' AS run_date, now() AS _ingested_at, "
        f"{literal(file.source)} AS _source, {literal(run_id)} AS _run_id FROM {source}"
    )


def _check_header(path: Path, header: Sequence[str]) -> None:
    expected = "\t".join(header)
    try:
        with gzip.open(path) as lines:
            first = lines.readline(1_000_000)
    except FileNotFoundError:
        raise WarehouseError(f"{path} is missing: fetch it again") from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise WarehouseError(f"{path} is no sound gzip file ({error}): fetch it again") from None
    found = first.decode("utf-8", "replace").rstrip("\n")
    if found != expected:
        what = f"has {found[:300]!r}" if first else "is empty"
        raise WarehouseError(
            f"{path}, line 1: expected the columns {expected!r}, but the file {what}. Nothing was "
            "loaded. If the source has changed its format, change header and contract with it."
        )


def _without_returns(path: Path, copy: Path) -> Path:
    with gzip.open(path) as lines, gzip.open(copy, "wb", compresslevel=1) as out:
        for line in lines:
            out.write(
                line.replace(CARRIAGE_RETURN, VISIBLE.encode()).rstrip(b"\n") + TOO_MANY
                if CARRIAGE_RETURN in line
                else line
            )
    shutil.copystat(path, copy)
    return copy


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
