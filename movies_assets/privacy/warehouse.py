"""Erase persons from the tables whose contracts declare personal data.

Patterns that find a person in a text belong in `privacy.identifiers`; purging the bytes of deleted
rows from the file belongs in `warehouse.database`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import duckdb

from movies_assets.core.contract import AS_RECEIVED, Contract, Instant, column
from movies_assets.core.table import Table
from movies_assets.privacy.identifiers import EMAIL, NAME, USER_ID, USER_KEY, PersonIdentifiers
from movies_assets.privacy.user_ids import NO_USER_ID
from movies_assets.sources.shared.parsing import ORIGIN
from movies_assets.warehouse.changes import record_change
from movies_assets.warehouse.database import WarehouseError
from movies_assets.warehouse.delimited import landed
from movies_assets.warehouse.quoting import identifier
from movies_assets.warehouse.schema import ensure_table, stored_types
from movies_assets.warehouse.staging import RAISED_BY_OURS

AUDIT = "audit.erasures"
# Columns whose texts begin like the record: quarantine, a damaged line, a file's first line.
BEGINNINGS = ("raw", "_line", "header")
TEXTS = ("VARCHAR", "VARCHAR[]")


class Erasures(Contract):
    """One row per run of `forget_user` and place from which it erased personal data.

    The rows do not identify the persons.
    """

    erased_at: Instant = column("When it was erased (UTC).")
    run_id: str = column("The Dagster run that erased it.")
    place: str = column(
        "Table as schema.table, folder of the landing zone (landing/ott/users), or published."
    )
    rows: int = column("Rows of the table, or records of the folder's files.", ge=1)


@dataclass(frozen=True)
class Place:
    """A stored table that may hold personal data.

    Attributes:
        name: `schema.table`.
        types: its columns and their types, as stored.
        received: its columns of received text: parts of records, the fields of a first line, and
            columns that files added.
    """

    name: str
    types: Mapping[str, str]
    received: tuple[str, ...]


def places(connection: duckdb.DuckDBPyConnection, tables: Iterable[Table]) -> list[Place]:
    """Return the stored tables with personal data, their quarantine and their file profiles.

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
    added = (
        [name for name in types if name not in known] if table.contract.allows_new_columns() else []
    )
    yield Place(table.name, types, (*sorted(AS_RECEIVED & types.keys()), *added))
    if table.lineage:
        yield Place(table.quarantine, stored_types(connection, table.quarantine), ("raw",))
    if table.contract.allows_new_columns():
        yield Place(landed(table), stored_types(connection, landed(table)), ("header",))


def learn(
    connection: duckdb.DuckDBPyConnection,
    tables: Iterable[Table],
    identifiers: PersonIdentifiers,
    key_of: str,
) -> None:
    """Collect the persons' keys, names and addresses from the tables.

    Args:
        connection: the warehouse is attached to it.
        tables: all tables.
        identifiers: gains keys, names and addresses.
        key_of: the engine's function that returns the key of an id.
    """
    ids = sorted(identifiers.ids)
    keyed = f"SELECT {key_of}(id) FROM (SELECT unnest(?::VARCHAR[]) AS id)"
    try:
        identifiers.keys.update(key for (key,) in connection.execute(keyed, [ids]).fetchall())
    except duckdb.InvalidInputException as error:
        raise WarehouseError(
            f"cannot compute the keys of the persons: {str(error).rpartition(RAISED_BY_OURS)[2]}"
        ) from None
    for place in places(connection, tables):
        if USER_ID not in place.types:
            continue
        known = [name if name in place.types else "NULL" for name in (NAME, EMAIL, USER_KEY)]
        wanted = {"an_id": identifiers.an_id, "ids": ids}
        condition = _is_theirs(place)
        rows = connection.execute(
            f"SELECT DISTINCT {USER_ID}::VARCHAR, {', '.join(known)} FROM {place.name} "
            f"WHERE {condition}",
            _used(wanted, condition),
        )
        for user_id, name, email, key in rows.fetchall():
            identifiers.add(user_id, name, email)
            identifiers.keys.update({key} - {None})


def erase(
    connection: duckdb.DuckDBPyConnection, tables: Iterable[Table], identifiers: PersonIdentifiers
) -> dict[str, int]:
    """Delete the rows about the persons; return the number of rows by table.

    Args:
        connection: an open transaction.
        tables: all tables.
        identifiers: the identifiers of the persons.
    """
    patterns = {
        "an_id": identifiers.an_id,
        "any_id": identifiers.any_id,
        "any_rescued": identifiers.any_rescued,
        "begins": identifiers.begins,
        "email": identifiers.email,
        "ids": sorted(identifiers.ids),
        "keys": sorted(identifiers.keys),
        "lines": sorted(identifiers.lines),
        "named": identifiers.named,
        "no_user_id": NO_USER_ID,
        "rescued": identifiers.rescued,
    }
    erased = {}
    for place in places(connection, tables):
        conditions = " OR ".join(f"({condition})" for condition in _conditions(place))
        (rows,) = connection.execute(
            f"DELETE FROM {place.name} WHERE {conditions}", _used(patterns, conditions)
        ).fetchone() or (0,)
        if rows:
            record_change(connection, place.name)
            erased[place.name] = int(rows)
    return erased


def _conditions(place: Place) -> Iterator[str]:
    """Yield the SQL conditions that select rows about the persons."""
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
    # A record without a readable id is identified by its name or address.
    unattributed = (
        f"NOT {_matches(beginning, 'any_id')} AND NOT {_matches(received, 'any_rescued')}"
    )
    whole = received
    if USER_ID in place.types:
        unattributed += f" AND regexp_matches(coalesce({USER_ID}::VARCHAR, ''), $no_user_id)"
        searched = [n for n in place.types if n in place.received or not n.startswith("_")]
        whole = _text(place, [name for name in searched if name not in ORIGIN])
    yield f"{unattributed} AND ({_matches(whole, 'email')} OR {_matches(whole, 'named')})"


def _is_theirs(place: Place) -> str:
    """Return the SQL condition that a row has the id of one of the persons.

    Ids are canonical above bronze, also in tables that were stored while ids were numbers.
    """
    if place.received:
        return f"regexp_matches({USER_ID}::VARCHAR, $an_id)"
    return f"{USER_ID}::VARCHAR IN (SELECT unnest($ids::VARCHAR[]))"


def _used(values: Mapping[str, Any], sql: str) -> dict[str, Any]:
    """Return the values that a statement names: DuckDB refuses others."""
    asked = set(re.findall(r"\$(\w+)", sql))
    return {name: value for name, value in values.items() if name in asked}


def _text(place: Place, names: Iterable[str]) -> str:
    """Return SQL that concatenates the texts of some columns."""
    texts = [
        f"array_to_string({quoted}, chr(9))" if place.types[name] == "VARCHAR[]" else quoted
        for name in names
        for quoted in [identifier(name)]
        if place.types[name] in TEXTS
    ]
    return f"concat_ws(chr(9), {', '.join(texts)})" if texts else "''"


def _matches(text: str, pattern: str) -> str:
    return f"regexp_matches({text}, ${pattern})"


def record(connection: duckdb.DuckDBPyConnection, run_id: str, erased: Mapping[str, int]) -> None:
    """Record in the audit what a run has erased.

    Args:
        connection: an open transaction.
        run_id: the run.
        erased: the number of rows or records by place.
    """
    ensure_table(connection, AUDIT, Erasures)
    for place, rows in erased.items():
        connection.execute(f"INSERT INTO {AUDIT} VALUES (now(), ?, ?, ?)", [run_id, place, rows])
