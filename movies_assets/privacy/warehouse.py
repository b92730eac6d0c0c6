"""Erasing persons from the tables: the contracts say which rows are about them.

Patterns that find a person in a text belong in `traces`; that no byte of deleted rows stays in the
file is the business of `database`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import duckdb

from movies_assets.core.contract import AS_RECEIVED, Contract, Instant, column
from movies_assets.core.table import Table
from movies_assets.privacy.identifiers import EMAIL, NAME, USER_ID, USER_KEY, PersonIdentifiers
from movies_assets.privacy.user_ids import NOBODY
from movies_assets.sources.shared.parsing import ORIGIN
from movies_assets.warehouse.database import WarehouseError
from movies_assets.warehouse.delimited import landed
from movies_assets.warehouse.schema import ensure_table, stored_types
from movies_assets.warehouse.staging import RAISED_BY_OURS

AUDIT = "audit.erasures"
# Columns whose texts begin as the record did: quarantine, a damaged line, a file's first line.
BEGINNINGS = ("raw", "_line", "header")
TEXTS = ("VARCHAR", "VARCHAR[]")


class Erasures(Contract):
    """One row a run of `forget_user` and place in which it has erased something of persons.

    It says that something was erased, and not of whom.
    """

    erased_at: Instant = column("When it was erased (UTC).")
    run_id: str = column("The Dagster run that erased it.")
    place: str = column(
        "Table as schema.table, folder of the landing zone (landing/ott/users), or published."
    )
    rows: int = column("Rows of the table, or records of the folder's files.", ge=1)


@dataclass(frozen=True)
class Place:
    """A stored table that may tell of persons.

    Attributes:
        name: `schema.table`.
        types: its columns and their types, as stored.
        received: its columns that hold, as text, what was received: parts of records, the fields of
            a first line, and columns that files brought.
    """

    name: str
    types: Mapping[str, str]
    received: tuple[str, ...]


def places(connection: duckdb.DuckDBPyConnection, tables: Iterable[Table]) -> list[Place]:
    """Return the stored tables that may tell of persons: these, their quarantine and their files.

    Args:
        connection: the warehouse is attached to it.
        tables: all tables.
    """
    return [
        place
        for table in tables
        if table.contract.personal()
        for place in _places_of(connection, table)
        if place.types
    ]


def _places_of(connection: duckdb.DuckDBPyConnection, table: Table) -> Iterator[Place]:
    types, known = stored_types(connection, table.name), table.contract.types()
    told = (
        [name for name in types if name not in known] if table.contract.allows_new_columns() else []
    )
    yield Place(table.name, types, (*sorted(AS_RECEIVED & types.keys()), *told))
    if table.lineage:
        yield Place(table.quarantine, stored_types(connection, table.quarantine), ("raw",))
    if table.contract.allows_new_columns():
        yield Place(landed(table), stored_types(connection, landed(table)), ("header",))


def learn(
    connection: duckdb.DuckDBPyConnection,
    tables: Iterable[Table],
    traces: PersonIdentifiers,
    key_of: str,
) -> None:
    """Take note of what the tables say of the persons.

    Args:
        connection: the warehouse is attached to it.
        tables: all tables.
        traces: gains keys, names and addresses.
        key_of: the engine's function that returns the key of an id.
    """
    ids = sorted(traces.ids)
    keyed = f"SELECT {key_of}(id) FROM (SELECT unnest(?::VARCHAR[]) AS id)"
    try:
        traces.keys.update(key for (key,) in connection.execute(keyed, [ids]).fetchall())
    except duckdb.InvalidInputException as error:
        raise WarehouseError(
            f"the keys of the persons cannot be told: {str(error).rpartition(RAISED_BY_OURS)[2]}"
        ) from None
    for place in places(connection, tables):
        if USER_ID not in place.types:
            continue
        known = [name if name in place.types else "NULL" for name in (NAME, EMAIL, USER_KEY)]
        wanted = {"an_id": traces.an_id, "ids": ids}
        condition = _is_theirs(place)
        rows = connection.execute(
            f"SELECT DISTINCT {USER_ID}::VARCHAR, {', '.join(known)} FROM {place.name} "
            f"WHERE {condition}",
            _used(wanted, condition),
        )
        for user_id, name, email, key in rows.fetchall():
            traces.add(user_id, name, email)
            traces.keys.update({key} - {None})


def erase(
    connection: duckdb.DuckDBPyConnection, tables: Iterable[Table], traces: PersonIdentifiers
) -> dict[str, int]:
    """Delete the rows that are about the persons; return how many of which table.

    Args:
        connection: an open transaction.
        tables: all tables.
        traces: what is known of the persons.
    """
    patterns = {
        "an_id": traces.an_id,
        "any_id": traces.any_id,
        "any_rescued": traces.any_rescued,
        "begins": traces.begins,
        "email": traces.email,
        "ids": sorted(traces.ids),
        "keys": sorted(traces.keys),
        "lines": sorted(traces.lines),
        "named": traces.named,
        "nobody": NOBODY,
        "rescued": traces.rescued,
    }
    erased = {}
    for place in places(connection, tables):
        conditions = " OR ".join(f"({condition})" for condition in _conditions(place))
        (rows,) = connection.execute(
            f"DELETE FROM {place.name} WHERE {conditions}", _used(patterns, conditions)
        ).fetchone() or (0,)
        if rows:
            erased[place.name] = int(rows)
    return erased


def _conditions(place: Place) -> Iterator[str]:
    """Yield the SQL conditions on the rows that are about the persons."""
    if USER_ID in place.types:
        yield _is_theirs(place)
    if USER_KEY in place.types:
        yield f"{USER_KEY} IN (SELECT unnest($keys::VARCHAR[]))"
    if not place.received:
        return
    received = _text(place, place.received)
    yield _matches(received, "email")
    yield f"{received} IN (SELECT unnest($lines::VARCHAR[]))"
    yield _matches(received, "rescued")
    beginning = _text(place, [name for name in place.received if name in BEGINNINGS])
    yield _matches(beginning, "begins")
    # Where no id can be read, a person is told by all that the record says.
    nobodys = f"NOT {_matches(beginning, 'any_id')} AND NOT {_matches(received, 'any_rescued')}"
    whole = received
    if USER_ID in place.types:
        nobodys += f" AND regexp_matches(coalesce({USER_ID}::VARCHAR, ''), $nobody)"
        said = [n for n in place.types if n in place.received or not n.startswith("_")]
        whole = _text(place, [name for name in said if name not in ORIGIN])
    yield f"{nobodys} AND ({_matches(whole, 'email')} OR {_matches(whole, 'named')})"


def _is_theirs(place: Place) -> str:
    """Return the SQL condition that a row has the id of one of the persons.

    Ids have one spelling above bronze; in tables that were stored while ids were numbers, too.
    """
    if place.received:
        return f"regexp_matches({USER_ID}::VARCHAR, $an_id)"
    return f"{USER_ID}::VARCHAR IN (SELECT unnest($ids::VARCHAR[]))"


def _used(values: Mapping[str, Any], sql: str) -> dict[str, Any]:
    """Return the values that a statement asks for by name: DuckDB refuses others."""
    asked = set(re.findall(r"\$(\w+)", sql))
    return {name: value for name, value in values.items() if name in asked}


def _text(place: Place, names: Iterable[str]) -> str:
    """Return SQL of the texts of some columns, one after the other."""
    texts = [
        f"array_to_string({quoted}, chr(9))" if place.types[name] == "VARCHAR[]" else quoted
        for name in names
        for quoted in ['"' + name.replace('"', '""') + '"']
        if place.types[name] in TEXTS
    ]
    return f"concat_ws(chr(9), {', '.join(texts)})" if texts else "''"


def _matches(text: str, pattern: str) -> str:
    return f"regexp_matches({text}, ${pattern})"


def record(connection: duckdb.DuckDBPyConnection, run_id: str, erased: Mapping[str, int]) -> None:
    """Note what a run has erased where.

    Args:
        connection: an open transaction.
        run_id: the run.
        erased: how many rows or records of which place.
    """
    ensure_table(connection, AUDIT, Erasures)
    for place, rows in erased.items():
        connection.execute(f"INSERT INTO {AUDIT} VALUES (now(), ?, ?, ?)", [run_id, place, rows])
