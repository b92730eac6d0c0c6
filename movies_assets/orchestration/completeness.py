"""Which partitions of a source are done: every table written, in order, and its checks passed.

Two records are read. Dagster's history has the materialized partitions, in their order. The
warehouse has the stored tables, and the writes that have not passed their blocking checks yet
(`warehouse.audit_log`): an evaluation in Dagster's history does not name the partitions it was for.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import inf

import dagster as dg

from movies_assets.core.table import Table
from movies_assets.orchestration.assets import asset_key
from movies_assets.warehouse import audit_log
from movies_assets.warehouse.database import Warehouse

STORED = (
    "SELECT schema_name || '.' || table_name FROM duckdb_tables() "
    "WHERE database_name = current_database()"
)


@dataclass(frozen=True)
class Holdings:
    """The state of the warehouse.

    Attributes:
        tables: the names of the tables that exist, as `schema.table`.
        partitions: the partitions with rows in the requested bronze tables.
        unaudited: the writes whose blocking checks have not passed.
        accepted: the runs with writes that were accepted although their checks had not passed.
        begun: when its first table was written, if that is known.
    """

    tables: frozenset[str] = frozenset()
    partitions: frozenset[str] = frozenset()
    unaudited: tuple[audit_log.Write, ...] = ()
    accepted: frozenset[str] = frozenset()
    begun: datetime | None = None


def holdings(warehouse: Warehouse, tables: Collection[Table]) -> Holdings:
    """Return the state of the warehouse; an empty one where it does not exist yet.

    Args:
        warehouse: the warehouse.
        tables: the tables whose partitions are asked about; only bronze ones count.

    Raises:
        WarehouseError: the file is in use by another process, or cannot be read.
    """
    if not warehouse.path.exists():
        return Holdings()
    with warehouse.reading() as connection:
        stored = frozenset(name for (name,) in connection.execute(STORED).fetchall())
        bronze = [
            f"SELECT DISTINCT {table.partition_column}::VARCHAR FROM {table.name}"
            for table in tables
            if table.key.layer == "bronze" and table.partition_column and table.name in stored
        ]
        rows = connection.execute(" UNION ".join(bronze)).fetchall() if bronze else []
        partitions = frozenset(key for (key,) in rows if key is not None)
        return Holdings(
            stored,
            partitions,
            tuple(audit_log.unaudited(connection, stored)),
            audit_log.runs_accepted(connection),
            audit_log.begun(connection),
        )


@dataclass(frozen=True)
class Written:
    """When some tables were materialized, according to Dagster's history.

    Attributes:
        landed: the storage ids of the assets that are no tables (landing zones), by partition.
        tables: those of each table that has partitions.
        whole: the newest storage id of each table that has none; 0 where it was never written.
        first: of each table, the first one that was written into this warehouse. Older ones were
            written into a warehouse that is gone.
    """

    landed: Mapping[str, Mapping[str, int]]
    tables: Mapping[str, Mapping[str, int]]
    whole: Mapping[str, int] = field(default_factory=dict)
    first: Mapping[str, float] = field(default_factory=dict)

    def partitions(self) -> set[str]:
        """Return the partitions with all their partitioned tables written."""
        return set.intersection(*map(set, [*self.landed.values(), *self.tables.values()]))

    def ids(self, name: str) -> Callable[[str], int]:
        """Return a function from a partition to its storage id, or to that of the whole table."""
        if name in self.whole:
            newest = self.whole[name]
            return lambda _: newest
        return (self.tables[name] if name in self.tables else self.landed[name]).__getitem__


def written(
    instance: dg.DagsterInstance, tables: Mapping[str, Table], begun: datetime | None = None
) -> Written:
    """Return when tables, and the landing zones that they read, were written.

    Args:
        instance: where materializations are recorded.
        tables: the tables, by name, all of the same partitions or of none.
        begun: when the warehouse was begun; None where that is not known.
    """
    landings = {
        str(key): asset_key(key)
        for table in tables.values()
        for key in table.deps
        if key.layer == "landing"
    }
    keys = {name: asset_key(table.key) for name, table in tables.items()}
    whole = {name: key for name, key in keys.items() if tables[name].partitions is None}
    newest = {
        record.asset_entry.asset_key: record.asset_entry.last_materialization_storage_id
        for record in instance.get_asset_records([*whole.values()])
    }
    return Written(
        landed={name: _by_partition(instance, key) for name, key in landings.items()},
        tables={
            name: _by_partition(instance, key) for name, key in keys.items() if name not in whole
        },
        whole={name: newest.get(key) or 0 for name, key in whole.items()},
        first={name: _first_since(instance, key, begun) for name, key in keys.items()}
        if begun
        else {},
    )


def _by_partition(instance: dg.DagsterInstance, key: dg.AssetKey) -> Mapping[str, int]:
    return instance.get_latest_storage_id_by_partition(
        key, dg.DagsterEventType.ASSET_MATERIALIZATION
    )


def _first_since(instance: dg.DagsterInstance, key: dg.AssetKey, begun: datetime) -> float:
    """Return the storage id of the first materialization since a time; infinity without any."""
    since = dg.AssetRecordsFilter(asset_key=key, after_timestamp=begun.timestamp())
    found = instance.fetch_materializations(since, limit=1, ascending=True).records
    return found[0].storage_id if found else inf


def complete_days(
    tables: Mapping[str, Table],
    found: Written,
    held: Holdings,
    red: Collection[tuple[str, str]] | None = None,
) -> set[str]:
    """Return the partitions with every table written after its inputs, and audited.

    A run that died after bronze leaves older, complete tables below it: such a day is not done.
    Neither is one whose tables are no longer in the warehouse, because the file was lost, or that
    was written into the lost one. A table without partitions has a day when it was written after
    the tables that it reads had it.

    Args:
        tables: the tables, by name, all of the same partitions or of none.
        found: when they were written.
        held: the state of the warehouse.
        red: the ranges of partitions that are not audited; None: those of `held`, where a table
            without partitions is written for all of them.
    """
    if not held.tables >= tables.keys():
        return set()
    if red is None:
        red = [(write.first, write.last) for write in held.unaudited if write.table in tables]
    names = {*found.landed, *found.tables, *found.whole}
    reads = [(name, read) for name in tables for read in tables[name].upstream() & names]
    days = found.partitions()
    for name, read in reads:
        above, own = found.ids(read), found.ids(name)
        days = {day for day in days if above(day) < own(day)}
    for name, first in found.first.items():
        own = found.ids(name)
        days = {day for day in days if own(day) >= first}
    return {day for day in days if not any(first <= day <= last for first, last in red)}
