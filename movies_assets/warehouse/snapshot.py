"""Write a snapshot: tables of the warehouse, and their metadata, into a separate file.

`orchestration.publishing.selection` decides which tables are taken from the warehouse, and which
from the snapshot before.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import duckdb
import pandas as pd

from movies_assets.core.contract import Contract
from movies_assets.core.durable import copy_file
from movies_assets.warehouse.database import ALIAS, DAMAGED, STORAGE, roll_back
from movies_assets.warehouse.published import COPY, OLD, naming_damaged
from movies_assets.warehouse.quoting import literal
from movies_assets.warehouse.schema import all_stored_types, create_table, describe_table
from movies_assets.warehouse.sql import number
from movies_assets.warehouse.types import same_type

UNFIT = (
    "Where a reference points at no row, or columns are not those of the contract, materialize "
    "that table again."
)


class Obstacle(NamedTuple):
    """A reason why a table may not be published.

    Attributes:
        table: the table, as schema.table.
        reason: the reason, beginning with the table.
        remedy: what to do, as a sentence.
    """

    table: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        """Return the reason."""
        return self.reason


class Filled(NamedTuple):
    """The result of writing a snapshot.

    Attributes:
        rows: how many rows each of the tables has.
        orphans: the tables with references that point at no row.
    """

    rows: Mapping[str, int]
    orphans: Sequence[Obstacle]


class Reused(NamedTuple):
    """The tables that a snapshot takes from the one before, which is attached as `OLD`.

    Attributes:
        carried: tables whose rows are read there, and the columns that each has there; one without
            columns is published empty.
        kept: tables that stay as they are in the file, as `unchanged` returns them; some may be
            carried ones.
    """

    carried: Mapping[str, Collection[str]] = MappingProxyType({})
    kept: Collection[str] = frozenset()


NOTHING_REUSED = Reused()


def write_snapshot(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    tables: Mapping[str, type[Contract]],
    described: Mapping[str, type[Contract]],
    metadata: Mapping[str, pd.DataFrame],
    reused: Reused = NOTHING_REUSED,
) -> Filled:
    """Write tables of the warehouse, and their metadata, into a new file.

    Where tables are kept, the file begins as a copy of the snapshot before, byte by byte.

    Args:
        connection: a session to which the warehouse is attached.
        path: the file.
        tables: the tables by name. One that was never written is published empty, so that every
            query of a reader works.
        described: further tables of the schema `meta`, by name.
        metadata: the rows of those.
        reused: the tables that are taken from the snapshot before.

    Returns:
        The rows and orphans of the file.
    """
    present, (carried, kept) = all_stored_types(connection), reused
    if kept:
        copy_file(_file_before(connection), path)
    connection.execute(f"ATTACH {literal(str(path))} AS {COPY} ({STORAGE})")
    connection.execute(f"USE {COPY}")
    try:
        if kept:
            _drop_all_but(connection, kept)
        contracts = {**tables, **{f"meta.{name}": each for name, each in described.items()}}
        # Each comment on a column would be a transaction of its own: 0.8 s instead of 0.1.
        connection.execute("BEGIN")
        for name, contract in contracts.items():
            (describe_table if name in kept else create_table)(connection, name, contract)
        connection.execute("COMMIT")
        rows = {}
        for name, contract in tables.items():
            if name in kept:
                rows[name] = number(connection, f"SELECT count(*) FROM {name}")
                continue
            database, stored = (OLD, carried) if name in carried else (ALIAS, present)
            source = f"{database}.{name}"
            with naming_damaged(connection) if name in carried else nullcontext():
                rows[name] = _insert(connection, name, contract, source, stored.get(name, ()))
        for name, contract in described.items():
            connection.register("metadata", metadata[name])
            _insert(connection, f"meta.{name}", contract, "metadata", metadata[name].columns)
            connection.unregister("metadata")
        filled = Filled(rows, _orphans(connection, tables))
        connection.execute(f"CHECKPOINT {COPY}")
    except BaseException:
        roll_back(connection)
        raise
    finally:
        connection.execute(f"USE {ALIAS}")
        connection.execute(f"DETACH {COPY}")
    return filled


def unchanged(
    connection: duckdb.DuckDBPyConnection,
    tables: Mapping[str, type[Contract]],
    before: Mapping[str, Mapping[str, str]],
    held: Collection[str],
) -> frozenset[str]:
    """Return the tables that the next snapshot can keep as they are in the one before.

    None are kept where one of them is damaged, because the copy would be as well; and none where
    more of the file is free than used: a copy never becomes smaller.

    Args:
        connection: a session to which the warehouse is attached, and the snapshot before as `OLD`.
        tables: the contracts by table.
        before: the columns and types of the tables there.
        held: tables that are published as in the snapshot before, whatever the warehouse has.
    """
    if not before or _is_mostly_free(connection):
        return frozenset()
    stored = all_stored_types(connection)
    alike = [
        name
        for name, contract in tables.items()
        if _fits(before.get(name, {}), contract)
        and (name in held or _fits(stored.get(name, {}), contract))
    ]
    try:
        return frozenset(
            name
            for name in alike
            if _has_same_rows(connection, name, tables[name], is_held=name in held)
        )
    except duckdb.IOException as error:
        if not DAMAGED.search(str(error)):
            raise
        return frozenset()


def _is_mostly_free(connection: duckdb.DuckDBPyConnection) -> bool:
    ((is_free,),) = connection.execute(
        "SELECT free_blocks > used_blocks FROM pragma_database_size() "
        f"WHERE database_name = '{OLD}'"
    ).fetchall()
    return bool(is_free)


def _fits(stored: Mapping[str, str], contract: type[Contract]) -> bool:
    """Return whether a stored table has the contract's columns, in its order."""
    types = contract.types()
    return [*stored] == [*types] and all(same_type(stored[name], types[name]) for name in types)


def _has_same_rows(
    connection: duckdb.DuckDBPyConnection, name: str, contract: type[Contract], *, is_held: bool
) -> bool:
    """Return whether the snapshot before has the rows of the warehouse.

    Hashing both takes a quarter of the time of copying one. All blocks of the snapshot's table are
    read, also where it is held: DuckDB compares their checksums.
    """
    old, new = f"{OLD}.{name}", f"{ALIAS}.{name}"
    counted = "SELECT count(*) FROM {}"
    if not is_held and number(connection, counted.format(old)) != number(
        connection, counted.format(new)
    ):
        return False
    # A sum, because equal rows would cancel each other out in an exclusive or.
    hashed = f"SELECT sum(hash({', '.join(contract.types())})) FROM {{}}"
    before = connection.execute(hashed.format(old)).fetchall()
    return is_held or before == connection.execute(hashed.format(new)).fetchall()


def _file_before(connection: duckdb.DuckDBPyConnection) -> Path:
    ((path,),) = connection.execute(
        "SELECT path FROM duckdb_databases() WHERE database_name = ?", [OLD]
    ).fetchall()
    return Path(path)


def _drop_all_but(connection: duckdb.DuckDBPyConnection, kept: Collection[str]) -> None:
    """Drop the other tables, so that the new ones take their blocks."""
    for name in all_stored_types(connection).keys() - set(kept):
        connection.execute(f"DROP TABLE {name}")
    connection.execute(f"CHECKPOINT {COPY}")


def stored_before(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str]]:
    """Return the columns and types of every table of the snapshot before, attached as `OLD`."""
    connection.execute(f"USE {OLD}")
    try:
        return all_stored_types(connection)
    finally:
        connection.execute(f"USE {ALIAS}")


def schema_mismatches(
    stored: Mapping[str, Mapping[str, str]], tables: Mapping[str, type[Contract]]
) -> list[str]:
    """Return the stored tables whose columns are not those of their contract.

    Args:
        stored: columns and types of stored tables.
        tables: the contracts by table.
    """
    return [
        name
        for name, contract in tables.items()
        if name in stored
        and any(
            not same_type(stored[name].get(column), dtype)
            for column, dtype in contract.types().items()
        )
    ]


def _orphans(
    connection: duckdb.DuckDBPyConnection, tables: Mapping[str, type[Contract]]
) -> list[Obstacle]:
    """Return the tables with references that point at no row, and how many rows have them.

    Each table was checked when it was written; its dimension may have been written since.
    """
    found = []
    for name, contract in tables.items():
        for column, target in contract.references().items():
            if target in tables and column not in contract.tolerated():
                (key,) = tables[target].key()
                rows = number(
                    connection,
                    f"SELECT count(*) FROM {name} AS it ANTI JOIN {target} AS target "
                    f"ON it.{column} = target.{key} WHERE it.{column} IS NOT NULL",
                )
                if rows:
                    reason = f"{name}.{column} -> {target}: {rows} rows point at none"
                    found.append(Obstacle(name, reason, UNFIT))
    return found


def _insert(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    contract: type[Contract],
    source: str,
    columns: Iterable[str],
) -> int:
    """Fill a table with the columns that its source has; return how many rows."""
    known = ", ".join(column for column in contract.types() if column in {*columns})
    if not known:
        return 0
    return number(connection, f"INSERT INTO {name} BY NAME SELECT {known} FROM {source}")
