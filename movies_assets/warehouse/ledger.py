"""Which writes have not passed the blocking checks of their table yet.

A write notes itself in its own transaction; the checks strike it off when they hold. So a run that
failed, or was killed before its checks, is known to whoever wants to publish, in whatever process
and however many green runs of other tables come after it.
"""

from collections.abc import Collection, Iterable
from typing import NamedTuple
from uuid import uuid4

import duckdb

from movies_assets.contracts import Contract, Instant, column
from movies_assets.warehouse.writer import Window, ensure_table, stored_types

UNAUDITED = "audit.unaudited"


class Unaudited(Contract):
    """One row a write of a table's partitions whose blocking checks have not passed since."""

    write_id: str = column("The write.", key=True)
    table_name: str = column("The table that was written, as schema.table.")
    first_partition: str = column("The first partition that was written; '' for a whole table.")
    last_partition: str = column("The last partition that was written; ~ for a whole table.")
    run_id: str = column("The Dagster run that wrote it.")
    written_at: Instant = column("When it was written (UTC).")


class Write(NamedTuple):
    """A write whose blocking checks have not passed.

    Attributes:
        table: the table.
        first: its first partition; '' of a whole table.
        last: its last partition.
        run_id: the run that wrote it.
    """

    table: str
    first: str
    last: str
    run_id: str

    def __str__(self) -> str:
        """Say what was written, and by which run."""
        days = dict.fromkeys((self.first, self.last))
        which = f" {' to '.join(days)}" if self.first else ""
        return f"{self.table}{which} (run {self.run_id[:8]})"


def note(connection: duckdb.DuckDBPyConnection, table: str, window: Window, run_id: str) -> None:
    """Note a write, in its transaction, in place of the writes whose partitions it has replaced."""
    ensure_table(connection, UNAUDITED, Unaudited)
    connection.execute(
        f"DELETE FROM {UNAUDITED} WHERE table_name = ? "
        "AND first_partition >= ? AND last_partition <= ?",
        [table, window.first, window.last],
    )
    connection.execute(
        f"INSERT INTO {UNAUDITED} BY NAME SELECT ? AS write_id, ? AS table_name, "
        "? AS first_partition, ? AS last_partition, ? AS run_id, now() AS written_at",
        [uuid4().hex, table, window.first, window.last, run_id],
    )


def written(
    connection: duckdb.DuckDBPyConnection, table: str, keys: tuple[str, str] | None
) -> list[str]:
    """Return the ids of the writes that checks of these partitions look at.

    Args:
        connection: the warehouse is attached to it.
        table: the table that is checked.
        keys: its first and last partition that are checked; None for all of it.
    """
    if not stored_types(connection, UNAUDITED):
        return []
    first, last = keys or ("", "~")
    rows = connection.execute(
        f"SELECT write_id FROM {UNAUDITED} WHERE table_name = ? "
        "AND first_partition >= ? AND last_partition <= ?",
        [table, first, last],
    ).fetchall()
    return [write for (write,) in rows]


def strike_off(connection: duckdb.DuckDBPyConnection, writes: Collection[str]) -> None:
    """Note that the blocking checks of writes have passed."""
    connection.execute(
        f"DELETE FROM {UNAUDITED} WHERE write_id IN (SELECT unnest(?::VARCHAR[]))", [[*writes]]
    )


def unaudited(connection: duckdb.DuckDBPyConnection, tables: Iterable[str]) -> list[Write]:
    """Return the writes of these tables whose blocking checks have not passed."""
    if not stored_types(connection, UNAUDITED):
        return []
    rows = connection.execute(
        f"SELECT table_name, first_partition, last_partition, run_id FROM {UNAUDITED} "
        "WHERE table_name IN (SELECT unnest(?::VARCHAR[])) ORDER BY ALL",
        [[*tables]],
    ).fetchall()
    return [Write(*row) for row in rows]
