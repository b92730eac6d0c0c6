"""Dagster's event log, with one transaction for a batch of events.

A range of partitions has an event for each asset and day before it starts, and another one for each
when it is written. Dagster hands them over in batches where `DAGSTER_EVENT_BATCH_SIZE` is set, but
its storage on SQLite opens a database and commits twice or more for each event, and so does the one
on PostgreSQL for each planned event. `BatchedEventLog` stores the same rows on SQLite;
`postgres_storage` does so on PostgreSQL (docs/decisions/0033-event-log-in-batches.md).
"""

import logging
import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import NamedTuple

import dagster as dg
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from movies_assets.orchestration.dagster_storage import (
    ASSET_CHECK_EVENTS,
    ASSET_EVENTS,
    EVENT_TYPE_TO_PIPELINE_RUN_STATUS,
    SQLITE_BUSY_TIMEOUT_SECONDS,
    AssetCheckExecutionRecordStatus,
    AssetCheckExecutionsTable,
    ConfigurableClassData,
    SqlEventLogStorage,
    SqlEventLogStorageTable,
    SqliteEventLogStorage,
    serialize_value,
)

_log = logging.getLogger(__name__)

# The versions of Dagster with which these storages have been tested. They override private methods,
# so with any other version Dagster's own storage takes their place.
TESTED = ("1.13.27",)

# The most events of a batch: a tenth of a second's work, which bounds the memory of a range.
BATCH_SIZE = 2_000

# Databases kept open: the index, and the runs that a process last read or wrote.
_KEPT = 8

_NO_FILE = (0, 0)


def is_tested() -> bool:
    """Return whether the installed Dagster is of a tested version; log a warning if it is not."""
    if dg.__version__ in TESTED:
        return True
    _log.warning(
        "Dagster %s is not a version with which events in batches have been tested (%s): its own "
        "event log is used, which takes minutes for a range of hundreds of days.",
        dg.__version__,
        ", ".join(TESTED),
    )
    return False


class Batches(SqlEventLogStorage):
    """Stores a batch of events, and what follows from them, with one statement for each table."""

    def _store_rows(
        self,
        connection: sa.Connection,
        events: Sequence[dg.EventLogEntry],
        rows: Sequence[dict[str, object]],
    ) -> None:
        """Store events in a transaction that has begun, and what follows for assets and checks.

        Args:
            connection: that of the transaction.
            events: in their order.
            rows: those of the events in the table of events.
        """
        stored = list(zip(events, self._insert(connection, rows), strict=True))
        of_assets = [(event, id_) for event, id_ in stored if _kind(event) in ASSET_EVENTS]
        if of_assets:
            self._store_asset_event_tags(connection, *zip(*of_assets, strict=True))
        for event, id_ in _newest(of_assets):
            self._store_asset_event(connection, event, id_)
        of_checks = [(event, id_) for event, id_ in stored if _kind(event) in ASSET_CHECK_EVENTS]
        planned = [found for found in of_checks if _kind(found[0]) == _CHECK_PLANNED]
        if planned:
            rows = [row for event, id_ in planned for row in self._planned_checks(event, id_)]
            connection.execute(AssetCheckExecutionsTable.insert(), rows)
        for event, id_ in of_checks:
            if _kind(event) != _CHECK_PLANNED:
                self.store_asset_check_event(event, id_)

    def _insert(
        self, connection: sa.Connection, rows: Sequence[dict[str, object]]
    ) -> Sequence[int]:
        """Insert rows of events; return their ids in the same order."""
        raise NotImplementedError

    def _planned_checks(
        self, event: dg.EventLogEntry, event_id: int
    ) -> Iterator[dict[str, object]]:
        """Yield the row of a planned check for each partition; the event becomes text once."""
        planned = event.get_dagster_event().asset_check_planned_data
        subset = planned.partitions_subset
        row = {
            "asset_key": planned.asset_key.to_string(),
            "check_name": planned.check_name,
            "run_id": event.run_id,
            "execution_status": AssetCheckExecutionRecordStatus.PLANNED.value,
            "evaluation_event": serialize_value(event),
            "evaluation_event_timestamp": self._event_insert_timestamp(event),  # type: ignore[no-untyped-call]
            "evaluation_event_storage_id": event_id,
        }
        for partition in subset.get_partition_keys() if subset else [None]:
            yield {**row, "partition": partition}


class _Kept(NamedTuple):
    """An open connection, and the file that it was opened on."""

    connection: sa.Connection
    file: tuple[int, int]


class BatchedEventLog(Batches, SqliteEventLogStorage):
    """Stores a batch of events in one transaction a database, over connections that stay open.

    Args:
        base_dir: the folder of the databases: `index.db` and one for each run.
        inst_data: how dagster.yaml names the storage; unused.
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._kept: OrderedDict[tuple[int, str], _Kept] = OrderedDict()
        # Reentrant: methods of Dagster that open the index are called while it is open.
        self._using = threading.RLock()
        self._tables: set[str] = set()
        # An open database leaves its write-ahead log behind when the process ends.
        weakref.finalize(self, _close, self._kept)
        super().__init__(base_dir, inst_data)

    def store_event(self, event: dg.EventLogEntry) -> None:
        """Store an event."""
        self.store_event_batch([event])

    def store_event_batch(self, events: Sequence[dg.EventLogEntry]) -> None:
        """Store events in their order: those of a run in one transaction, or none of them."""
        of_runs: dict[str, list[dg.EventLogEntry]] = {}
        for event in events:
            of_runs.setdefault(event.run_id, []).append(event)
        for run_id, of_run in of_runs.items():
            rows = [self._event_to_row(event) for event in of_run]
            mirrored = [position for position, event in enumerate(of_run) if _is_indexed(event)]
            # Making a database takes a lock of the whole process. A thread that has written to one
            # database must not wait for that lock: two threads would wait for each other.
            with self.index_connection() as index, self.run_connection(run_id) as connection:
                connection.execute(SqlEventLogStorageTable.insert(), rows)
                if mirrored:
                    # Within the other transaction: an index that cannot be written undoes both.
                    of_index = [of_run[n] for n in mirrored]
                    self._store_rows(index, of_index, [rows[n] for n in mirrored])

    def _insert(
        self, connection: sa.Connection, rows: Sequence[dict[str, object]]
    ) -> Sequence[int]:
        """Insert rows of events; return their ids in the same order.

        `RETURNING` takes a statement for each row. Without it, rows of one writer have ids in turn.
        """
        connection.execute(SqlEventLogStorageTable.insert(), rows)
        last = connection.execute(sa.select(sa.func.max(SqlEventLogStorageTable.c.id))).scalar_one()
        return range(last - len(rows) + 1, last + 1)

    def has_table(self, table_name: str) -> bool:
        """Return whether the index has a table; Dagster asks often, and drops none."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    @contextmanager
    def _connect(self, shard: str) -> Iterator[sa.Connection]:
        """Yield the connection to a database, in its open transaction or else in a new one."""
        with self._using:
            connection = self._connection(shard)
            if connection.in_transaction():
                yield connection
                return
            before = _changes(connection)
            with connection.begin():
                yield connection
            if _changes(connection) != before:
                # The UI watches the files of runs, which an open connection seldom writes. Another
                # process may have deleted the file since.
                with suppress(FileNotFoundError):
                    os.utime(self.path_for_shard(shard))

    def _connection(self, shard: str) -> sa.Connection:
        """Return the open connection to a database; open one if none is, or the file is new."""
        # A connection must not be used by a process forked from the one that opened it.
        key = os.getpid(), shard
        kept = self._kept.get(key)
        if kept and kept.file == _file(self.path_for_shard(shard)):
            self._kept.move_to_end(key)
            return kept.connection
        if kept:
            self._kept.pop(key).connection.close()
        engine = sa.create_engine(
            self.conn_string_for_shard(shard),
            poolclass=NullPool,
            connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
        )
        if shard not in self._initialized_dbs or _file(self.path_for_shard(shard)) == _NO_FILE:
            self._initdb(engine)
            self._initialized_dbs.add(shard)
        connection = engine.connect()
        self._kept[key] = _Kept(connection, _file(self.path_for_shard(shard)))
        own = [other for other in self._kept if other[0] == os.getpid()]
        idle = [other for other in own if not self._kept[other].connection.in_transaction()]
        for other in idle[: max(0, len(own) - _KEPT)]:
            self._kept.pop(other).connection.close()
        return connection

    def _initdb(self, engine: sa.Engine, for_index_shard: bool = False) -> None:  # noqa: FBT001, FBT002
        """Make the tables of a database that has none; read alembic's migrations only for that.

        Dagster reads all 89 files of them for each database that it opens.
        """
        with suppress(sa.exc.DatabaseError):  # such as a locked one, for which Dagster waits
            if _is_made(engine):
                return
        super()._initdb(engine, for_index_shard)

    def wipe(self) -> None:
        """Delete all events."""
        with self._using:
            _close(self._kept)
            super().wipe()

    def dispose(self) -> None:
        """Close the connections, and stop watching runs."""
        super().dispose()
        with self._using:
            _close(self._kept)


def _is_made(engine: sa.Engine) -> bool:
    """Return whether a database has recorded the version of its tables, which is done last."""
    with engine.connect() as connection:
        if not engine.dialect.has_table(connection, "alembic_version"):
            return False
        recorded = connection.execute(sa.text("SELECT version_num FROM alembic_version"))
        return recorded.first() is not None


def _close(kept: OrderedDict[tuple[int, str], _Kept]) -> None:
    """Close connections that this process has opened."""
    while kept:
        (pid, _), (connection, _) = kept.popitem()
        if pid == os.getpid():
            connection.close()


def _file(path: str) -> tuple[int, int]:
    """Return the device and the inode of a file: a new file with its path has other ones."""
    try:
        found = os.stat(path)  # noqa: PTH116 (a path of Dagster's, read for each event)
    except FileNotFoundError:
        return _NO_FILE
    return found.st_dev, found.st_ino


def _changes(connection: sa.Connection) -> int:
    """Return how many rows a connection has changed."""
    driver = connection.connection.driver_connection
    return driver.total_changes if driver else 0


_CHECK_PLANNED = dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED


def _kind(event: dg.EventLogEntry) -> dg.DagsterEventType | None:
    return event.dagster_event_type if event.is_dagster_event else None


def _is_indexed(event: dg.EventLogEntry) -> bool:
    """Return whether an event is kept in the index too: that of an asset, a check or a run."""
    kind = _kind(event)
    return (
        kind in ASSET_EVENTS
        or kind in ASSET_CHECK_EVENTS
        or kind in EVENT_TYPE_TO_PIPELINE_RUN_STATUS
    )


def _newest(
    events: Sequence[tuple[dg.EventLogEntry, int]],
) -> Sequence[tuple[dg.EventLogEntry, int]]:
    """Return the last event of each kind of each asset, which sets all that earlier ones set."""
    newest: dict[object, tuple[dg.EventLogEntry, int]] = {}
    for event, id_ in events:
        key = event.get_dagster_event().asset_key, event.dagster_event_type
        newest.pop(key, None)
        newest[key] = event, id_
    return list(newest.values())
