"""Which partitions of a source are done: every table written, in order, and its checks passed.

Two records are read. Dagster's history says which partitions were materialized, and in which order.
The warehouse says what it holds, and which writes have not passed their blocking checks yet
(`warehouse.ledger`): an evaluation in Dagster's history does not name the partitions it was for.
"""

from collections.abc import Collection, Mapping
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
    """What the warehouse holds.

    Attributes:
        tables: the names of the tables that exist, as `schema.table`.
        partitions: the partitions of which the bronze tables that were asked about have rows.
        unaudited: the writes whose blocking checks have not passed.
        accepted: the runs of which writes were accepted although their checks had not passed.
        begun: when its first table was written, if that is known.
    """

    tables: frozenset[str] = frozenset()
    partitions: frozenset[str] = frozenset()
    unaudited: tuple[audit_log.Write, ...] = ()
    accepted: frozenset[str] = frozenset()
    begun: datetime | None = None


def holdings(warehouse: Warehouse, tables: Collection[Table]) -> Holdings:
    """Return what the warehouse holds; nothing where it does not exist yet.

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
    """When the partitions of some tables were materialized, as Dagster's history says.

    Attributes:
        landed: the storage ids of the assets that are no tables (landing zones), by partition.
        tables: those of each table.
        first: of each table, the first one that was written into this warehouse. What is older was
            written into one that is gone.
    """

    landed: Mapping[str, Mapping[str, int]]
    tables: Mapping[str, Mapping[str, int]]
    first: Mapping[str, float] = field(default_factory=dict)


def written(
    instance: dg.DagsterInstance, tables: Mapping[str, Table], begun: datetime | None = None
) -> Written:
    """Return when the partitions of tables, and of the landing zones they read, were written.

    Args:
        instance: where materializations are recorded.
        tables: the tables, by name, all of the same partitions.
        begun: when the warehouse was begun; None where that is not known.
    """
    landings = {
        str(key): key for table in tables.values() for key in table.deps if key.layer == "landing"
    }
    ids = {
        name: instance.get_latest_storage_id_by_partition(
            asset_key(key), dg.DagsterEventType.ASSET_MATERIALIZATION
        )
        for name, key in {**landings, **{name: t.key for name, t in tables.items()}}.items()
    }
    return Written(
        {name: ids[name] for name in landings},
        {name: ids[name] for name in tables},
        {
            name: _first_since(instance, asset_key(table.key), begun)
            for name, table in tables.items()
        }
        if begun
        else {},
    )


def _first_since(instance: dg.DagsterInstance, key: dg.AssetKey, begun: datetime) -> float:
    """Return the storage id of the first materialization since a time; infinity without any."""
    since = dg.AssetRecordsFilter(asset_key=key, after_timestamp=begun.timestamp())
    found = instance.fetch_materializations(since, limit=1, ascending=True).records
    return found[0].storage_id if found else inf


def complete_days(tables: Mapping[str, Table], found: Written, held: Holdings) -> set[str]:
    """Return the partitions of which every table was written after what it reads, and audited.

    A run that died after bronze leaves older, complete tables below it: such a day is not done.
    Neither is one whose tables are no longer in the warehouse, because the file was lost, or that
    was written into the lost one.

    Args:
        tables: the tables, by name, all of the same partitions.
        found: when they were written.
        held: what the warehouse holds.
    """
    if not held.tables >= tables.keys():
        return set()
    ids = {**found.landed, **found.tables}
    reads = [(name, read) for name in tables for read in tables[name].upstream() & ids.keys()]
    red = [
        (write.first, write.last)
        for write in held.unaudited
        if write.first and write.table in tables
    ]
    return {
        day
        for day in set.intersection(*map(set, ids.values()))
        if all(ids[read][day] < ids[name][day] for name, read in reads)
        and all(ids[name][day] >= first for name, first in found.first.items())
        and not any(first <= day <= last for first, last in red)
    }
