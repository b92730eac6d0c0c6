"""Answer one question about a snapshot, in a process that can do nothing else: its main program.

The process opens a snapshot in a session that reaches no file and no table of single users, gives
itself limits of time and memory, reads one request from its input, and writes one answer. However
a query ends, nothing of it is left: the operating system takes back its memory, and a query that
runs for too long is ended with its process, wherever it is. `guarded` starts these processes.

The request is JSON with the fields of `guarded.Limits`, and with `snapshot`, a path, and one of
`sql` (with `kind`: json, csv or arrow), `table` (a name), or neither, for the list of tables. The
answer is a line of JSON, and after it the content.
"""

import csv
import io
import json
import math
import os
import re
import secrets
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from movies_assets.serving import formulas
from movies_assets.serving.sql_rules import RefusedError, check
from movies_assets.warehouse.quoting import identifier, literal

# What the process needs beside DuckDB's own limit: rows on their way, texts, Python.
BESIDES_BYTES = 256 * 1024 * 1024
FETCHED_ROWS = 500
# Levels of JSON: DuckDB's deepest tree has 1000 expressions within each other.
DEEPEST = 20_000
# Pages of the dashboard go first.
NICER = 5
SAMPLE_ROWS = 5
# The grain of the contracts in `warehouse.meta`, whose import takes a second.
META = {
    "meta.checks": "One row per check, as it was evaluated last.",
    "meta.column_lineage": "One row per column and column of another table that its "
    "values are computed from.",
    "meta.columns": "One row per column of a table, as its contract declares it.",
    "meta.days": "One row per bronze table and day, or year, of which it has rows.",
    "meta.lineage": "One row per asset that a table is computed from, or references.",
    "meta.quarantine": "One row per table, partition and set of broken rules: how many rows "
    "are in quarantine.",
    "meta.runs": "One row per run of Dagster: the newest 100, and the publishing run, still "
    "running.",
    "meta.snapshot": "One row: the snapshot itself.",
    "meta.tables": "One row per table of the warehouse.",
}

# Tables with a column that contains personal data, or that identifies a single user.
OF_USERS = """
    SELECT table_name FROM {alias}.meta.columns WHERE is_personal
    UNION SELECT schema_name || '.' || table_name FROM duckdb_columns()
    WHERE database_name = {database} AND column_name = 'user_key'"""
PUBLIC = """
    SELECT schema_name, table_name FROM duckdb_tables()
    WHERE database_name = {database} AND schema_name IN ('gold', 'meta')
        AND schema_name || '.' || table_name NOT IN ({of_users})
        AND (schema_name = 'meta' OR schema_name || '.' || table_name IN (
            SELECT table_name FROM {alias}.meta.tables WHERE is_published))
    ORDER BY ALL"""
# The columns of `meta` that name a table: rows about tables of single users are left out.
NAMING = ("table_name", "upstream")
LIST = """
    SELECT table_schema || '.' || columns.table_name AS name,
        tables.description, tables.rows, columns,
        tables.newest_partition, tables.taken_at::VARCHAR AS taken_at
    FROM (SELECT table_schema, table_name, count(*) AS columns FROM information_schema.columns
        WHERE table_catalog = 'memory' AND table_schema IN ('gold', 'meta') GROUP BY ALL) AS columns
    LEFT JOIN meta.tables AS tables ON tables.table_name = table_schema || '.' || columns.table_name
    ORDER BY name"""


@dataclass(frozen=True)
class Session:
    """A snapshot in a session that reaches nothing else.

    Attributes:
        connection: the session.
        tables: the tables that it has, as schema.table.
        views: the names of DuckDB's own views.
    """

    connection: duckdb.DuckDBPyConnection
    tables: Sequence[str]
    views: frozenset[str]

    def check(self, sql: str) -> None:
        """Check a query, see `sql_rules.check`."""
        check(self.connection, sql, self.tables, self.views)


def open_session(snapshot: str, memory: str, threads: int) -> Session:
    """Open a snapshot without its tables of single users.

    The snapshot is attached under a random name, so that no text can name it; the tables are views
    in an in-memory database. Then file systems are disabled: no file can be opened any more.

    Raises:
        duckdb.Error: it cannot be opened.
    """
    connection = duckdb.connect(
        ":memory:",
        config={
            "memory_limit": memory,
            "threads": threads,
            "temp_directory": "",
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "python_enable_replacements": False,
        },
    )
    alias = f"snapshot_{secrets.token_hex(16)}"
    names = {"alias": alias, "database": literal(alias)}
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"ATTACH {literal(snapshot)} AS {alias} (READ_ONLY)")
    of_users = OF_USERS.format(**names)
    found = connection.execute(PUBLIC.format(**names, of_users=of_users)).fetchall()
    hidden = [name for (name,) in connection.execute(of_users).fetchall()]
    connection.execute("CREATE SCHEMA gold; CREATE SCHEMA meta")
    for schema, table in found:
        view, source = f"{schema}.{identifier(table)}", f"{alias}.{schema}.{identifier(table)}"
        rows = _without(connection, source, hidden) if schema == "meta" else ""
        connection.execute(f"CREATE VIEW {view} AS FROM {source} {rows}")
    views = connection.execute("SELECT view_name FROM duckdb_views() WHERE internal").fetchall()
    connection.execute("SET enable_external_access = false")
    connection.execute("SET disabled_filesystems = 'LocalFileSystem'")
    connection.execute("SET lock_configuration = true")
    return Session(
        connection,
        [f"{schema}.{table}" for schema, table in found],
        frozenset(name for (name,) in views),
    )


def _without(connection: duckdb.DuckDBPyConnection, source: str, hidden: Sequence[str]) -> str:
    """Return the condition that leaves out rows of a table of `meta` about hidden tables."""
    columns = [name for name, *_ in connection.execute(f"DESCRIBE {source}").fetchall()]
    names = ", ".join(map(literal, hidden))
    conditions = [
        f"({column} IS NULL OR {column} NOT IN ({names}))"
        for column in columns
        if column in NAMING and hidden
    ]
    return f"WHERE {' AND '.join(conditions)}" if conditions else ""


@dataclass(frozen=True)
class Content:
    """The rows of an answer, in some format.

    Attributes:
        content: the bytes.
        rows: how many rows are in them.
        cut: `rows` or `bytes`, the limit at which they end; None: they are all rows.
    """

    content: bytes
    rows: int
    cut: str | None


def answer(session: Session, request: Mapping[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Run the query of a request, and return the head of the answer and its content.

    Raises:
        RefusedError: it is not a query that may run.
        duckdb.Error: it failed.
    """
    started = time.perf_counter()
    sql, kind = request["sql"], request["kind"]
    session.check(sql)
    columns = _columns(session, sql)
    made = FORMATS[kind](session, sql, columns, request)
    head = {
        "columns": columns,
        "rows": made.rows,
        "cut": made.cut,
        "seconds": round(time.perf_counter() - started, 3),
    }
    return head, made.content


def _columns(session: Session, sql: str) -> list[dict[str, str]]:
    """Return the columns of a query, without running it."""
    try:
        relation = session.connection.sql(sql)
    except duckdb.Error:
        session.connection.execute(sql)  # fails too, and names the place
        raise
    return [
        {"name": name, "type": str(type_)}
        for name, type_ in zip(relation.columns, relation.types, strict=True)
    ]


def _as_json(
    session: Session, sql: str, columns: Sequence[Mapping[str, str]], request: Mapping[str, Any]
) -> Content:
    """Return a JSON list of lists: numbers, booleans and nested values, all else as text."""
    lines: list[bytes] = []
    total, cut = 2, None
    values = [_plain(f"c{at}", one["type"]) for at, one in enumerate(columns)]
    for row in _rows(session, sql, values, request):
        line = json.dumps([_exact(value) for value in row], ensure_ascii=False).encode()
        total += len(line) + 2
        cut = _cut(lines, total, request)
        if cut:
            break
        lines.append(line)
    return Content(b"[" + b",\n".join(lines) + b"]", len(lines), cut)


def _as_csv(
    session: Session, sql: str, columns: Sequence[Mapping[str, str]], request: Mapping[str, Any]
) -> Content:
    """Return CSV with a line of names; texts that a spreadsheet would run are defused."""
    names = [one["name"] for one in columns]
    texts = [_defused(f"c{at}", one["type"], request) for at, one in enumerate(columns)]
    if request["defuses"]:
        names = _defused_names(session, names)
    lines, total, cut = [_csv_line(names)], 0, None
    for row in _rows(session, sql, texts, request):
        line = _csv_line(row)
        total += len(line)
        cut = _cut(lines[1:], total, request)
        if cut:
            break
        lines.append(line)
    return Content(b"".join(lines), len(lines) - 1, cut)


def _as_arrow(
    session: Session, sql: str, _: Sequence[Mapping[str, str]], request: Mapping[str, Any]
) -> Content:
    """Return a stream of Arrow's IPC, with the types of DuckDB."""
    import pyarrow as pa  # noqa: PLC0415 (heavy; loaded by `main` before there are limits)

    reader = session.connection.execute(sql).fetch_record_batch(FETCHED_ROWS)
    sink, rows, cut = io.BytesIO(), 0, None
    with pa.ipc.new_stream(sink, reader.schema) as writer:
        for batch in reader:
            taken = batch.slice(0, request["rows"] - rows)
            if sink.tell() + taken.nbytes > request["bytes"]:
                cut = "bytes"
                break
            if taken.num_rows:
                writer.write_batch(taken)
            rows += taken.num_rows
            if taken.num_rows < batch.num_rows:
                cut = "rows"
                break
    return Content(sink.getvalue(), rows, cut)


FORMATS: Mapping[str, Callable[..., Content]] = {
    "json": _as_json,
    "csv": _as_csv,
    "arrow": _as_arrow,
}


def _rows(
    session: Session, sql: str, values: Sequence[str], request: Mapping[str, Any]
) -> Iterator[Sequence[Any]]:
    """Return the rows of a query, one more than may be shown, with its columns c0, c1, ..."""
    names = ", ".join(f"c{at}" for at in range(len(values)))
    whole = (
        f"SELECT {', '.join(values)} FROM ({_bare(sql)}\n) AS answer({names}) "
        f"LIMIT {request['rows'] + 1:d}"
    )
    session.check(whole)
    found = session.connection.execute(whole)
    while rows := found.fetchmany(FETCHED_ROWS):
        yield from rows


def _bare(sql: str) -> str:
    """Return a statement without a semicolon at its end; comments are no tokens."""
    for start, _ in reversed(duckdb.tokenize(sql)):
        if sql[start] != ";":
            break
        sql = sql[:start]
    return sql


def _cut(lines: Sequence[bytes], total: int, request: Mapping[str, Any]) -> str | None:
    """Return the limit that one more line would exceed."""
    if len(lines) == request["rows"]:
        return "rows"
    return "bytes" if total > request["bytes"] else None


def _plain(column: str, type_: str) -> str:
    """Return SQL for a value that JSON has, or for its text."""
    if type_ == "BOOLEAN" or type_.endswith(("INT", "INTEGER")):
        return column
    if type_ in {"FLOAT", "DOUBLE"} or type_.startswith("DECIMAL("):
        return f"{column}::DOUBLE"
    if type_.endswith("]") or type_.startswith(("STRUCT(", "MAP(")):
        return f"{{'json': to_json({column})::VARCHAR}}"
    return f"{column}::VARCHAR"


def _exact(value: Any) -> Any:
    """Return a value as JSON has it; a number that is not finite is null."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        text = value["json"]
        with suppress(ValueError, RecursionError):
            return None if text is None else json.loads(text, parse_constant=lambda _: None)
        return text
    return value


def _defused(column: str, type_: str, request: Mapping[str, Any]) -> str:
    if not request["defuses"] or formulas.PLAIN.fullmatch(type_):
        return f"{column}::VARCHAR"
    return formulas.defused(column)


def _defused_names(session: Session, names: Sequence[str]) -> list[str]:
    texts = ", ".join(f"({at}, {literal(name)})" for at, name in enumerate(names))
    sql = (
        f"SELECT {formulas.defused('name')} FROM (VALUES {texts}) AS t(place, name) ORDER BY place"
    )
    return [name for (name,) in session.connection.execute(sql).fetchall()]


def _csv_line(values: Sequence[Any]) -> bytes:
    line = io.StringIO(newline="")
    csv.writer(line).writerow(values)
    return line.getvalue().encode()


def list_tables(session: Session) -> list[dict[str, Any]]:
    """Return a row a table: name, description, numbers of rows and columns, newest partition."""
    found = _dicts(session.connection.execute(LIST))
    return [{**row, "description": row["description"] or META.get(row["name"])} for row in found]


def describe_table(session: Session, name: str) -> dict[str, Any]:
    """Return a table with its columns and some of its rows.

    Raises:
        RefusedError: there is none of this name.
    """
    session.check(f"FROM {'.'.join(identifier(part) for part in name.split('.'))}")
    (table,) = [row for row in list_tables(session) if row["name"] == name.lower()]
    stored = session.connection.execute(f"DESCRIBE {table['name']}").fetchall()
    described = {
        row["column_name"]: row
        for row in _dicts(
            session.connection.execute(
                "SELECT column_name, description, is_key, is_required, references_table "
                f"FROM meta.columns WHERE table_name = {literal(table['name'])}"
            )
        )
    }
    columns = [
        {"name": name, "type": type_, **_but_name(described.get(name, {}))}
        for name, type_, *_ in stored
    ]
    request = {"rows": SAMPLE_ROWS, "bytes": BESIDES_BYTES}
    sample = _as_json(session, f"FROM {table['name']}", columns, request)
    return {**table, "columns": columns, "sample": json.loads(sample.content)}


def _but_name(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "column_name"}


def _dicts(found: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def respond(request: Mapping[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Return the head and the content of the answer to a request; an error is in the head."""
    try:
        session = open_session(request["snapshot"], request["memory"], request["threads"])
    except duckdb.Error as error:
        return {"unopened": str(error)}, b""
    try:
        _limit_memory(request["memory_bytes"] + BESIDES_BYTES)
        return _asked(session, request)
    except RefusedError as error:
        return {"refused": str(error)}, b""
    except (MemoryError, duckdb.OutOfMemoryException):
        return {"memory": True}, b""
    except (duckdb.Error, RuntimeError) as error:
        return {"failed": str(error)}, b""


def _asked(session: Session, request: Mapping[str, Any]) -> tuple[dict[str, Any], bytes]:
    if "sql" in request:
        return answer(session, request)
    found = (
        describe_table(session, request["table"]) if "table" in request else list_tables(session)
    )
    return {}, json.dumps(found).encode()


def _limit_memory(more: int) -> None:
    """Let the process take no more memory than now and so many bytes, and write no file.

    DuckDB does not count the texts of rows on their way against its own limit: `repeat('x', 1e9)`.
    """
    try:
        import resource  # noqa: PLC0415 (not on Windows)

        data = Path("/proc/self/status").read_text(encoding="ascii")
    except (ImportError, OSError):
        return  # no Linux: DuckDB's own limit has to do
    (kilobytes,) = re.findall(r"^VmData:\s+(\d+) kB$", data, re.MULTILINE)
    most = int(kilobytes) * 1024 + more
    for limit, size in (
        (resource.RLIMIT_DATA, most),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (size, size))


def main() -> None:
    """Read a request, answer it, and end."""
    request = json.load(sys.stdin.buffer)
    sys.setrecursionlimit(DEEPEST)
    # Without a handler the signal ends the process, also within a function of DuckDB.
    signal.setitimer(signal.ITIMER_REAL, request["seconds"])
    os.nice(NICER)
    if request.get("kind") == "arrow":
        import pyarrow as pa  # noqa: F401, PLC0415 (heavy)
    head, content = respond(request)
    sys.stdout.buffer.write(json.dumps(head).encode() + b"\n" + content)
    sys.stdout.buffer.flush()
    os._exit(0)  # taking a large session apart takes time


if __name__ == "__main__":
    main()
