"""Files that arrive, read into tables: as text first, then as the contract's types.

Columns that the contract does not know become columns; missing ones are NULL; values that do not
fit their type are kept as JSON; records that do not read as the columns are kept as they are, for
silver to quarantine. `landing.<table>` has a row for each file. How a file is read belongs in
`ingest`. IMDb's dumps, which are huge and never vary, are read by `files`.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from io import RawIOBase
from typing import TYPE_CHECKING, BinaryIO

import duckdb
import pyarrow as pa

from movies_assets.contracts import ARRIVED as ARRIVED_COLUMN
from movies_assets.contracts import PATTERNS, WITHHELD, FileRows, LandedFile
from movies_assets.ingest import reading
from movies_assets.ingest.editions import Edition
from movies_assets.ingest.profile import ExpectedColumns, FileProfile
from movies_assets.ingest.records import LINE, PROBLEM, RECORD
from movies_assets.table import Table
from movies_assets.warehouse.database import literal
from movies_assets.warehouse.writer import ensure_table, stored_types

if TYPE_CHECKING:
    from movies_assets.sources.landing import Landing

ARRIVED, BATCH = "arrived", "arrived_batch"
# Rows on their way to the engine are kept in memory up to this size.
BATCH_BYTES = 32 << 20
SOURCE, DAY, EDITION = "_source", "_day", "_edition"
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
    """The files that a bronze table is filled with.

    Attributes:
        files: the files.
        run_id: the run that loads them.
        days: the partitions of the run; none where the table has none.
        names: columns that are called otherwise in the files: name there, name here.
        editions: the editions of the files that the table knows.
        takes: whether files of an edition (None: of none that is known) belong to this table. Each
            file of a folder that several tables read belongs to one of them.
    """

    files: Sequence[DelimitedFile]
    run_id: str
    days: Collection[date] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    editions: Sequence[Edition] = ()
    takes: Callable[[Edition | None], bool] = lambda _: True


def select(connection: duckdb.DuckDBPyConnection, table: Table, given: DelimitedFiles) -> str:
    """Read the files into a temporary table, and return the SQL of the rows of their table.

    The table gains the columns that the files bring and it does not have.
    """
    known = columns_of(table)
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {ARRIVED} "
        f"({', '.join(f'{_quoted(name)} VARCHAR' for name in [*known, *HIDDEN])})"
    )
    profiles = _collect(connection, expected(table, given), given)
    _store_profiles(connection, table, given, profiles)
    arrived = [name for name, *_ in connection.execute(f"DESCRIBE {ARRIVED}").fetchall()]
    new = [name for name in arrived if name not in known and name not in HIDDEN]
    _add_columns(connection, table, new)
    return _typed(table, known, new, given.run_id)


def read(
    file: DelimitedFile, table: Table, editions: Sequence[Edition] = ()
) -> reading.FileRecords | None:
    """Read a file as its table would; None where it is empty."""
    with file.open() as opened:
        raw = opened.read() or b""
    given = DelimitedFiles([file], run_id="", editions=editions)
    if not raw:
        return None
    return reading.read(file.source, raw, expected(table, given), day=file.day, as_text=True)


def arrived(
    landing: "Landing", days: Collection[date], run_id: str, editions: Sequence[Edition] = ()
) -> DelimitedFiles:
    """Return the files that have arrived for some days."""
    return DelimitedFiles(
        files=[
            DelimitedFile(f"{landing.name}/{path}", partial(landing.open, path), day)
            for day, path in landing.paths(days)
        ],
        run_id=run_id,
        days=days,
        editions=editions,
    )


def expected(table: Table, given: DelimitedFiles) -> ExpectedColumns:
    """Return the columns that a table's files are expected to have."""
    return ExpectedColumns(
        known=columns_of(table),
        ours=_ours(table),
        names=given.names,
        editions=given.editions,
        takes=given.takes,
        is_personal=bool(table.contract.personal()),
    )


def columns_of(table: Table) -> dict[str, str]:
    """Return the columns of the contract that come from the files, and their types."""
    ours = _ours(table)
    return {name: type_ for name, type_ in table.contract.types().items() if name not in ours}


def _ours(table: Table) -> frozenset[str]:
    """Return the columns of the contract that do not come from the files."""
    return frozenset(
        [*FileRows.types(), *([table.partition_column] if table.partition_column else [])]
    )


def landed(table: Table) -> str:
    """Return the name of the table of the files that a table was read from."""
    return f"landing.{table.key.path[-1]}"


def _collect(
    connection: duckdb.DuckDBPyConnection, expected_: ExpectedColumns, given: DelimitedFiles
) -> list[FileProfile]:
    """Read all files into the temporary table, as text."""
    profiles: list[FileProfile] = []
    waiting: list[pa.Table] = []
    waiting_bytes = 0
    for file in given.files:
        with file.open() as opened:
            raw = opened.read() or b""
        found = reading.read(file.source, raw, expected_, day=file.day)
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
    for name, value in {SOURCE: profile.source, DAY: day, EDITION: edition}.items():
        column = pa.repeat(pa.scalar(value, pa.string()), rows.num_rows)
        rows = rows.append_column(name, column)
    return rows


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
    connection.execute(f"DELETE FROM {landed(table)} WHERE {where}")
    known, is_personal = columns_of(table), bool(table.contract.personal())
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
            "preamble": profile.preamble,
            # A header that names no column may be a record.
            "header": [WITHHELD] if profile.refusal and is_personal else profile.header,
            "unread": profile.unread,
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
    if rows:
        connection.register(BATCH, pa.Table.from_pylist(rows))
        connection.execute(
            f"INSERT INTO {landed(table)} BY NAME SELECT *, now() AS read_at FROM {BATCH}"
        )
        connection.unregister(BATCH)


def _add_columns(
    connection: duckdb.DuckDBPyConnection, table: Table, arrived: Sequence[str]
) -> None:
    """Add the columns that have arrived to the table, with a comment in the database."""
    stored = stored_types(connection, table.name)
    for name in arrived:
        if name not in stored:
            connection.execute(f"ALTER TABLE {table.name} ADD COLUMN {_quoted(name)} VARCHAR")
            comment = f"{table.name}.{_quoted(name)} IS {literal(ARRIVED_COLUMN)}"
            connection.execute(f"COMMENT ON COLUMN {comment}")


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
    rescued = ", ".join(["'{}'", "'{}'", *kept])
    misfit = " OR ".join(["false", *misfits.values()])
    day = [f"{DAY}::DATE AS {table.partition_column}"] if table.partition_column else []
    return (
        f"SELECT {', '.join([*values, *map(_quoted, new), *day])}, "
        f"CASE WHEN {misfit} THEN json_merge_patch({rescued})::VARCHAR END AS _rescued_data, "
        # Of two records of one thing the later one counts, so numbers have to sort as texts.
        f"{PROBLEM} AS _problem, {LINE} AS _line, {EDITION} AS _edition, "
        f"{SOURCE} || '#' || printf('%07d', {RECORD}::BIGINT) AS source_row, "
        f"now() AS _ingested_at, {SOURCE} AS _source, {literal(run_id)} AS _run_id FROM {ARRIVED}"
    )


def _fits(name: str, type_: str) -> str:
    return f"regexp_full_match(trim({_quoted(name)}), '{PATTERNS[type_]}')"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
