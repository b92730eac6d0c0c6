"""Files that arrive, read into tables: as text first, then as the contract's types.

Columns that the contract does not know become columns; missing ones are NULL; values that do not
fit their type are kept as JSON; records that do not read as the columns are kept as received, for
silver to quarantine. `landing.<table>` has a row for each file. How a file is read belongs in
`ingest`. IMDb's dumps, which are huge and never vary, are read by `files`.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from io import RawIOBase
from typing import TYPE_CHECKING, Any, BinaryIO

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from movies_assets.core.contract import ARRIVED as ARRIVED_COLUMN
from movies_assets.core.contract import PATTERNS, WITHHELD, FileRows, LandedFile
from movies_assets.core.table import Table
from movies_assets.ingest import reading
from movies_assets.ingest.editions import Edition
from movies_assets.ingest.http import PermanentSourceError
from movies_assets.ingest.packing import LONGEST_NAME, MOST_BYTES, TOO_LARGE, PackingError
from movies_assets.ingest.profile import MOST_NAMES, ExpectedColumns, FileProfile
from movies_assets.ingest.records import LINE, LONGEST_FIELD, PROBLEM, RECORD, shortened
from movies_assets.warehouse.quoting import identifier, literal
from movies_assets.warehouse.schema import ensure_table, stored_types
from movies_assets.warehouse.types import duckdb_types

if TYPE_CHECKING:
    from movies_assets.ingest.landing import Landing, Unread

ARRIVED, BATCH = "arrived", "arrived_batch"
# Rows on their way to the engine are kept in memory up to this size.
BATCH_BYTES = 32 << 20
SOURCE, DAY, EDITION = "_source", "_day", "_edition"
LEFT = "was not loaded, because another file of its day could not be read"
HIDDEN = (RECORD, PROBLEM, LINE, SOURCE, DAY, EDITION)


@dataclass(frozen=True)
class DelimitedFile:
    """A file that has arrived.

    Attributes:
        source: its path as rows show it, such as `netflix/titles/2025-10-31/titles.csv`.
        open: opens it.
        day: the partition to which its rows belong; None where the table has none.
    """

    source: str
    open: Callable[[], BinaryIO | RawIOBase]
    day: date | None = None


@dataclass(frozen=True)
class DelimitedFiles:
    """The files that fill a bronze table.

    Attributes:
        files: the files.
        run_id: the run that loads them.
        days: the partitions of the run; none where the table has none.
        editions: the editions of the files that the table knows.
        unread: other files of the folder, which are not read, with their paths as rows show them.
        takes: whether files of an edition (None: of none that is known) belong to this table. Each
            file of a folder that several tables read belongs to one of them.
    """

    files: Sequence[DelimitedFile]
    run_id: str
    days: Collection[date] = ()
    editions: Sequence[Edition] = ()
    takes: Callable[[Edition | None], bool] = lambda _: True
    unread: "Sequence[Unread]" = ()


def select(connection: duckdb.DuckDBPyConnection, table: Table, given: DelimitedFiles) -> str:
    """Read the files into a temporary table, and return the SQL of the rows of their table.

    The table gains the columns that the files bring and it does not have.
    """
    known = file_columns(table)
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {ARRIVED} "
        f"({', '.join(f'{identifier(name)} VARCHAR' for name in [*known, *HIDDEN])})"
    )
    profiles = _collect(connection, expected(table, given), given)
    _store_profiles(connection, table, given, profiles)
    _leave_days(connection, table, given)
    arrived = [name for name, *_ in connection.execute(f"DESCRIBE {ARRIVED}").fetchall()]
    new = [name for name in arrived if name not in known and name not in HIDDEN]
    _add_columns(connection, table, new)
    return _typed(table, known, new, given.run_id)


def read(
    file: DelimitedFile, table: Table, editions: Sequence[Edition] = ()
) -> reading.FileRecords | None:
    """Read a file as its table would; None where it is empty."""
    raw = _content(file)
    given = DelimitedFiles([file], run_id="", editions=editions)
    if not raw:
        return None
    return reading.read(file.source, raw, expected(table, given), day=file.day, as_text=True)


def _content(file: DelimitedFile) -> bytes:
    """Return the bytes of a file.

    Raises:
        PermanentSourceError: it cannot be opened, or is too large.
    """
    with file.open() as opened:
        raw = opened.read(MOST_BYTES + 1) or b""
    if len(raw) > MOST_BYTES:
        raise PermanentSourceError(f"{file.source} {TOO_LARGE}.")
    return raw


def arrived(
    landing: "Landing",
    days: Collection[date],
    run_id: str,
    editions: Sequence[Edition] = (),
    *,
    possible: tuple[date, date] | None = None,
    takes: Callable[[Edition | None], bool] = lambda _: True,
) -> DelimitedFiles:
    """Return the files that have arrived for some days.

    Args:
        landing: the folder.
        days: the days of the run.
        run_id: the run.
        editions: the editions of the files that the table knows.
        possible: the first and the last day that files may belong to.
        takes: whether files of an edition belong to the table; see `DelimitedFiles`.
    """
    return DelimitedFiles(
        files=[
            DelimitedFile(f"{landing.name}/{path}", partial(landing.open, path), day)
            for day, path in landing.paths(days)
        ],
        run_id=run_id,
        days=days,
        editions=editions,
        takes=takes,
        unread=[
            replace(one, path=f"{landing.name}/{one.path}")
            for one in landing.unread(days, possible=possible)
        ],
    )


def expected(table: Table, given: DelimitedFiles) -> ExpectedColumns:
    """Return the columns that a table's files are expected to have."""
    return ExpectedColumns(
        known=file_columns(table),
        ours=_ours(table),
        editions=given.editions,
        takes=given.takes,
        is_personal=bool(table.contract.personal()),
    )


def file_columns(table: Table) -> dict[str, str]:
    """Return the columns of the contract that come from the files, and their types."""
    ours = _ours(table)
    return {name: type_ for name, type_ in duckdb_types(table.contract).items() if name not in ours}


def _ours(table: Table) -> frozenset[str]:
    """Return the columns of the contract that do not come from the files."""
    return frozenset(
        [*FileRows.types(), *([table.partition_column] if table.partition_column else [])]
    )


def landed(table: Table) -> str:
    """Return the name of the table of the files that a table was read from."""
    return f"landing.{table.key.table}"


def _collect(
    connection: duckdb.DuckDBPyConnection, expected_: ExpectedColumns, given: DelimitedFiles
) -> list[FileProfile]:
    """Read all files into the temporary table, as text."""
    profiles: list[FileProfile] = []
    waiting: list[pa.Table] = []
    waiting_bytes = 0
    for file in given.files:
        try:
            raw = _content(file)
            found = reading.read(file.source, raw, expected_, day=file.day)
        except (PackingError, PermanentSourceError, OSError) as error:
            reason = f"cannot be read: {error}" if isinstance(error, OSError) else str(error)
            if not given.days:
                raise PermanentSourceError(f"{file.source} {reason}") from error
            profiles.append(_refused(file, reason))
            continue
        if found is None:
            continue
        profiles.append(found.profile)
        waiting.append(_with_origin(found))
        # Of the text, for asking 1,000 small tables for their own bytes each time took 90 s.
        waiting_bytes += len(raw)
        if waiting_bytes > BATCH_BYTES:
            _insert(connection, waiting)
            waiting_bytes = 0
    if waiting:
        _insert(connection, waiting)
    return profiles


def _with_origin(found: reading.FileRecords) -> pa.Table:
    """Return the rows of a file, each with the file, its day and its edition."""
    profile, rows = found.profile, found.rows
    day = None if profile.day is None else str(profile.day)
    edition = profile.edition.name if profile.edition else None
    # A refused record is kept as a text, which may be as long as the field it is refused for.
    lines = pc.binary_length(rows[LINE])
    if (pc.max(lines).as_py() or 0) > LONGEST_FIELD:
        texts = [text and shortened(text) for text in rows[LINE].to_pylist()]
        rows = rows.set_column(rows.column_names.index(LINE), LINE, pa.array(texts, pa.string()))
    for name, value in {SOURCE: profile.source, DAY: day, EDITION: edition}.items():
        column = pa.repeat(pa.scalar(value, pa.string()), rows.num_rows)
        rows = rows.append_column(name, column)
    return rows


def _insert(connection: duckdb.DuckDBPyConnection, waiting: list[pa.Table]) -> None:
    """Move the records read so far to the engine, and add columns that no file had before."""
    batch = pa.concat_tables(waiting, promote_options="default").combine_chunks()
    waiting.clear()
    there = {name for name, *_ in connection.execute(f"DESCRIBE {ARRIVED}").fetchall()}
    for name in batch.column_names:
        if name not in there:
            connection.execute(f"ALTER TABLE {ARRIVED} ADD COLUMN {identifier(name)} VARCHAR")
    connection.register(BATCH, batch)
    connection.execute(f"INSERT INTO {ARRIVED} BY NAME SELECT * FROM {BATCH}")
    connection.unregister(BATCH)


def _store_profiles(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    given: DelimitedFiles,
    profiles: Sequence[FileProfile],
) -> None:
    """Replace the profiles of the run's partitions."""
    ensure_table(connection, landed(table), LandedFile)
    within = [str(day) for day in given.days]
    where = f"partition_key BETWEEN '{min(within)}' AND '{max(within)}'" if within else "true"
    # A file of no day is listed by every run.
    connection.execute(f"DELETE FROM {landed(table)} WHERE {where} OR partition_key = ''")
    known, is_personal = file_columns(table), bool(table.contract.personal())
    rows = [
        {
            "partition_key": "" if profile.day is None else str(profile.day),
            "source": profile.source,
            "bytes": profile.bytes,
            "checksum": profile.checksum,
            "packing": profile.packing,
            "encoding": profile.encoding,
            "separator": profile.separator,
            "edition": profile.edition.name if profile.edition else None,
            "preamble": [*map(shortened, profile.preamble)],
            # A header that names no column may be a record.
            "header": [WITHHELD]
            if profile.refusal and is_personal
            else [name[:LONGEST_NAME] for name in profile.header[:MOST_NAMES]],
            "unread": profile.unread,
            "refused": profile.unreadable,
            "ignored": None,
            "rows": profile.rows,
            "problems": profile.problems,
            "unknown_columns": [name for name in profile.columns if name not in known],
            "missing_columns": [
                name
                for name in (profile.edition.columns.values() if profile.edition else known)
                if name not in profile.columns
            ],
            "run_id": given.run_id,
        }
        for profile in profiles
    ]
    rows += [_unread_row(one, given) for one in given.unread]
    if rows:
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        kinds = dict.fromkeys(("edition", "refused", "ignored"), pa.string())
        arrays = {name: pa.array(v, kinds.get(name)) for name, v in columns.items()}
        connection.register(BATCH, pa.table(arrays))
        connection.execute(
            f"INSERT INTO {landed(table)} BY NAME SELECT *, now() AS read_at FROM {BATCH}"
        )
        connection.unregister(BATCH)


def _unread_row(one: "Unread", given: DelimitedFiles) -> dict[str, Any]:
    """Return the row of a file that is not read."""
    texts = dict.fromkeys(("checksum", "packing", "encoding", "separator"), "")
    lists: dict[str, list[str]] = {
        name: [] for name in ("preamble", "header", "unread", "unknown_columns", "missing_columns")
    }
    return {
        "partition_key": str(one.day) if one.day in given.days else "",
        "source": one.path,
        **dict.fromkeys(("bytes", "rows", "problems"), 0),
        **dict.fromkeys(("edition", "refused")),
        **texts,
        **lists,
        "ignored": one.reason,
        "run_id": given.run_id,
    }


def _refused(file: DelimitedFile, reason: str) -> FileProfile:
    """Return the profile of a file that cannot be read."""
    unreadable = reason.removeprefix(f"{file.source} ").removesuffix(".")
    return FileProfile(
        file.source, file.day, packing="", encoding="", separator="", unreadable=unreadable
    )


def refused_days(
    connection: duckdb.DuckDBPyConnection, table: Table, given: DelimitedFiles
) -> dict[str, str]:
    """Return the days of a run with a refused file, and those files with the reasons."""
    if not given.days:
        return {}
    found = connection.execute(
        f"SELECT partition_key, string_agg(source || ' ' || refused, '; ' ORDER BY source) "
        f"FROM {landed(table)} WHERE run_id = ? AND refused IS NOT NULL GROUP BY ALL ORDER BY ALL",
        [given.run_id],
    ).fetchall()
    return dict(found)


def _leave_days(connection: duckdb.DuckDBPyConnection, table: Table, given: DelimitedFiles) -> None:
    """Leave out the days with a refused file: they keep the rows that they had."""
    if days := refused_days(connection, table, given):
        keys = ", ".join(map(literal, days))
        connection.execute(f"DELETE FROM {ARRIVED} WHERE {DAY} IN ({keys})")
        connection.execute(
            f"UPDATE {landed(table)} SET ignored = {literal(LEFT)} WHERE partition_key IN ({keys}) "
            "AND refused IS NULL AND ignored IS NULL"
        )


def _add_columns(
    connection: duckdb.DuckDBPyConnection, table: Table, arrived: Sequence[str]
) -> None:
    """Add the columns that have arrived to the table, with a comment in the database."""
    stored = stored_types(connection, table.name)
    for name in arrived:
        if name not in stored:
            connection.execute(f"ALTER TABLE {table.name} ADD COLUMN {identifier(name)} VARCHAR")
            comment = f"{table.name}.{identifier(name)} IS {literal(ARRIVED_COLUMN)}"
            connection.execute(f"COMMENT ON COLUMN {comment}")


def _typed(table: Table, known: Mapping[str, str], new: Sequence[str], run_id: str) -> str:
    """Return the query that reads the texts as the contract's types, and keeps other values.

    Engines read '20.5' and ' 7' as whole numbers in different ways, so texts are matched first.
    """
    fits = {name: _fits(name, type_) for name, type_ in known.items() if type_ != "VARCHAR"}
    values = [
        f"CASE WHEN {fits[name]} THEN trim({identifier(name)})::{type_} END AS {identifier(name)}"
        if name in fits
        else identifier(name)
        for name, type_ in known.items()
    ]
    schema_mismatches = {name: f"NOT coalesce({fit}, true)" for name, fit in fits.items()}
    kept = [
        f"CASE WHEN {misfit} THEN json_object({literal(name)}, {identifier(name)}) ELSE '{{}}' END"
        for name, misfit in schema_mismatches.items()
    ]
    rescued = ", ".join(["'{}'", "'{}'", *kept])
    misfit = " OR ".join(["false", *schema_mismatches.values()])
    day = [f"{DAY}::DATE AS {table.partition_column}"] if table.partition_column else []
    return (
        f"SELECT {', '.join([*values, *map(identifier, new), *day])}, "
        f"CASE WHEN {misfit} THEN json_merge_patch({rescued})::VARCHAR END AS _rescued_data, "
        # Of two records of one thing the later one counts, so numbers have to sort as texts.
        f"{PROBLEM} AS _problem, {LINE} AS _line, {EDITION} AS _edition, "
        f"{SOURCE} || '#' || printf('%07d', {RECORD}::BIGINT) AS source_row, "
        f"now() AS _ingested_at, {SOURCE} AS _source, {literal(run_id)} AS _run_id FROM {ARRIVED}"
    )


def _fits(name: str, type_: str) -> str:
    return f"regexp_full_match(trim({identifier(name)}), '{PATTERNS[type_]}')"
