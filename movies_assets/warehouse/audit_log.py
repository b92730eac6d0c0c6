"""The audit log: writes that have not yet passed the blocking checks of their table.

A write is recorded in its own transaction; the checks mark it as passed when they hold. So
publishing knows of a run that failed, or was killed before its checks, in any process, and however
many green runs of other tables follow. Where only some checks hold, this is recorded until the
table's partitions are written again: the others can be executed alone.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, cast
from uuid import uuid4

import duckdb

from movies_assets.core.contract import Contract, Instant, column
from movies_assets.core.window import Window
from movies_assets.warehouse.changes import record_change
from movies_assets.warehouse.schema import create_table, ensure_table, stored_types

UNAUDITED, PASSED, ACCEPTED = "audit.unaudited", "audit.passed", "audit.accepted"
BEGUN = "audit.begun"
WITHIN = "table_name = ? AND first_partition >= ? AND last_partition <= ?"
WHOLE_WRITE = "table_name = ? AND first_partition = '' AND last_partition = '~'"


class Unaudited(Contract):
    """One row per write of a table's partitions that has not passed its blocking checks yet."""

    write_id: str = column("The write.", key=True)
    table_name: str = column("The table that was written, as schema.table.")
    first_partition: str = column("The first partition that was written; '' for a whole table.")
    last_partition: str = column("The last partition that was written; ~ for a whole table.")
    run_id: str = column("The Dagster run that wrote it.")
    written_at: Instant = column("When it was written (UTC).")


class Passed(Contract):
    """One row per passed blocking check of a write that has not passed all of them."""

    write_id: str = column("The write, as in audit.unaudited.", key=True)
    check_name: str = column("The check.", key=True)


class Accepted(Contract):
    """One row per write accepted with red checks, or unwritten table confirmed to be empty."""

    accepted_at: Instant = column("When (UTC).")
    table_name: str = column("The table, as schema.table.")
    first_partition: str = column("Its first partition that was written; '' for a whole table.")
    last_partition: str = column("Its last partition that was written; ~ for a whole table.")
    run_id: str = column("The Dagster run that wrote it.")
    reason: str = column("The reason, in the words of the person who accepted it.")


class Begun(Contract):
    """One row: when the first table of this warehouse was written."""

    begun_at: Instant = column("When (UTC).")


class Write(NamedTuple):
    """A write whose blocking checks have not passed.

    Attributes:
        write_id: its id.
        table: the table.
        first: its first partition; '' of a whole table.
        last: its last partition.
        run_id: the run that wrote it.
    """

    write_id: str
    table: str
    first: str
    last: str
    run_id: str

    def __str__(self) -> str:
        """Name the table, its partitions and the run."""
        days = dict.fromkeys((self.first, self.last))
        which = f" {' to '.join(days)}" if self.first else ""
        return f"{self.table}{which} (run {self.run_id[:8]})"


def record_write(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    window: Window,
    run_id: str,
    rewritten: Window | None = None,
) -> None:
    """Record a write, in its transaction, and remove the writes whose rows it has replaced.

    Args:
        connection: an open transaction.
        table: the table that was written.
        window: its partitions that were written.
        run_id: the run that wrote them.
        rewritten: the partitions of which no older row is left; None: those of `window`.
    """
    ensure_tables(connection)
    record_change(connection, table)
    connection.execute(
        f"DELETE FROM {PASSED} WHERE write_id IN (SELECT write_id FROM {UNAUDITED} "
        "WHERE table_name = ? AND first_partition <= ? AND last_partition >= ?)",
        [table, window.last, window.first],
    )
    replaced = rewritten or window
    connection.execute(
        f"DELETE FROM {UNAUDITED} WHERE {WITHIN}", [table, replaced.first, replaced.last]
    )
    connection.execute(
        f"INSERT INTO {UNAUDITED} BY NAME SELECT ? AS write_id, ? AS table_name, "
        "? AS first_partition, ? AS last_partition, ? AS run_id, now() AS written_at",
        [uuid4().hex, table, window.first, window.last, run_id],
    )


def ensure_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the tables of the audit log that each write needs."""
    # Each write of each table comes here: `ensure_table` would look at all comments, 9 ms a time.
    if not stored_types(connection, PASSED):
        create_table(connection, PASSED, Passed)
        # A warehouse of an earlier version has no record of when it began.
        if not stored_types(connection, UNAUDITED):
            create_table(connection, BEGUN, Begun)
            connection.execute(f"INSERT INTO {BEGUN} VALUES (now())")
        ensure_table(connection, UNAUDITED, Unaudited)


def forget_pruned(connection: duckdb.DuckDBPyConnection, table: str, partition: str) -> None:
    """Remove the writes that have no partition left.

    Args:
        connection: an open transaction.
        table: the table, from which old partitions were removed.
        partition: its column with the partition that a row belongs to.
    """
    connection.execute(
        f"DELETE FROM {UNAUDITED} WHERE table_name = ? AND first_partition <> '' "
        f"AND last_partition < (SELECT min({partition})::VARCHAR FROM {table})",
        [table],
    )


def writes_within(
    connection: duckdb.DuckDBPyConnection, table: str, keys: tuple[str, str] | None
) -> list[Write]:
    """Return the writes that checks of these partitions look at.

    Args:
        connection: the warehouse is attached to it.
        table: the table that is checked.
        keys: its first and last partition that are checked; None for all of it.
    """
    return _found(connection, WITHIN, [table, *(keys or ("", "~"))])


def record_verdicts(
    connection: duckdb.DuckDBPyConnection,
    write: Write,
    verdicts: Mapping[str, bool],
    required: Collection[str],
) -> None:
    """Record which checks hold for a write, and mark it as passed when all required ones do.

    Args:
        connection: an open transaction.
        write: the write.
        verdicts: the blocking checks that were evaluated, and whether each holds.
        required: all blocking checks of the table.
    """
    ensure_tables(connection)
    stored = connection.execute(
        f"SELECT check_name FROM {PASSED} WHERE write_id = ?", [write.write_id]
    ).fetchall()
    passed = {name for (name,) in stored if verdicts.get(name, True)}
    passed |= {name for name, holds in verdicts.items() if holds}
    if passed.issuperset(required):
        mark_passed(connection, [write])
        return
    connection.execute(f"DELETE FROM {PASSED} WHERE write_id = ?", [write.write_id])
    connection.execute(
        f"INSERT INTO {PASSED} BY NAME SELECT ? AS write_id, unnest(?::VARCHAR[]) AS check_name",
        [write.write_id, sorted(passed)],
    )


def mark_passed(connection: duckdb.DuckDBPyConnection, writes: Collection[Write]) -> None:
    """Remove writes with blocking checks that have passed, or need not pass."""
    ids = [write.write_id for write in writes]
    for table in (UNAUDITED, PASSED):
        connection.execute(
            f"DELETE FROM {table} WHERE write_id IN (SELECT unnest(?::VARCHAR[]))", [ids]
        )


def accept(
    connection: duckdb.DuckDBPyConnection, table: str, keys: tuple[str, str], reason: str
) -> list[Write]:
    """Let writes be published although checks have not passed, for a stated reason.

    Args:
        connection: an open transaction.
        table: the table.
        keys: its first and last partition; '' and ~ for all of it.
        reason: why.

    Returns:
        The writes; none where nothing is blocked.
    """
    ensure_tables(connection)
    # A whole table's write holds every day; only the given ones are accepted of it.
    writes = _found(connection, f"{WITHIN} OR {WHOLE_WRITE}", [table, *keys, table])
    ensure_table(connection, ACCEPTED, Accepted)
    for write in writes:
        accepted = max(write.first, keys[0]), min(write.last, keys[1])
        connection.execute(
            f"INSERT INTO {ACCEPTED} BY NAME SELECT now() AS accepted_at, ? AS table_name, "
            "? AS first_partition, ? AS last_partition, ? AS run_id, ? AS reason",
            [write.table, *accepted, write.run_id, reason],
        )
    mark_passed(connection, writes)
    return writes


def accept_empty(
    connection: duckdb.DuckDBPyConnection, tables: Mapping[str, type[Contract]], run_id: str
) -> None:
    """Create tables that were never written, empty, and record that a person confirmed it.

    Args:
        connection: an open transaction.
        tables: the contracts by table; those that were ever written stay as they are.
        run_id: the run by which it was confirmed.
    """
    ensure_table(connection, ACCEPTED, Accepted)
    for name, contract in tables.items():
        if not stored_types(connection, name):
            create_table(connection, name, contract)
            connection.execute(
                f"INSERT INTO {ACCEPTED} BY NAME SELECT now() AS accepted_at, ? AS table_name, "
                "'' AS first_partition, '~' AS last_partition, ? AS run_id, "
                "'confirmed to be empty' AS reason",
                [name, run_id],
            )


def unaudited(connection: duckdb.DuckDBPyConnection, tables: Iterable[str]) -> list[Write]:
    """Return the writes of these tables whose blocking checks have not passed."""
    return _found(connection, "table_name IN (SELECT unnest(?::VARCHAR[]))", [[*tables]])


def begun(connection: duckdb.DuckDBPyConnection) -> datetime | None:
    """Return when the first table was written; None where that is not known."""
    if not stored_types(connection, BEGUN):
        return None
    ((at,),) = connection.execute(f"SELECT min(begun_at) FROM {BEGUN}").fetchall()
    return cast("datetime | None", at)


def runs_accepted(connection: duckdb.DuckDBPyConnection) -> frozenset[str]:
    """Return the ids of the runs with accepted writes."""
    if not stored_types(connection, ACCEPTED):
        return frozenset()
    rows = connection.execute(f"SELECT DISTINCT run_id FROM {ACCEPTED}").fetchall()
    return frozenset(run_id for (run_id,) in rows)


def _found(
    connection: duckdb.DuckDBPyConnection, condition: str, parameters: Sequence[object]
) -> list[Write]:
    if not stored_types(connection, UNAUDITED):
        return []
    rows = connection.execute(
        "SELECT write_id, table_name, first_partition, last_partition, run_id "
        f"FROM {UNAUDITED} WHERE {condition} ORDER BY table_name, first_partition, write_id",
        parameters,
    ).fetchall()
    return [Write(*row) for row in rows]
