"""Metadata of the published data: tables, columns, lineage, checks, runs.

It goes into the snapshot as tables of the schema `meta`, so that a reader only needs the
file. It holds no rows as received, no run's config and no metadata of checks.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import duckdb
import pandas as pd

from movies_assets import __version__
from movies_assets.core.contract import Contract
from movies_assets.core.table import Table
from movies_assets.core.verdicts import NOT_RUN
from movies_assets.ingest.run_days import keys_of
from movies_assets.orchestration.assets import asset_key
from movies_assets.orchestration.checks.results import evaluated
from movies_assets.orchestration.dagster_internals import AssetCheckExecutionRecord
from movies_assets.warehouse.column_lineage import kept
from movies_assets.warehouse.meta import (
    Checks,
    ColumnOrigins,
    Columns,
    Days,
    Refused,
    Runs,
    Snapshot,
    Tables,
    UpstreamAssets,
)
from movies_assets.warehouse.published import OLD
from movies_assets.warehouse.schema import all_stored_types
from movies_assets.warehouse.snapshot import Obstacle
from movies_assets.warehouse.types import duckdb_types

RUNS = 100
# A finding is a sentence; the other metadata of a check stays with Dagster.
FINDING_CHARACTERS = 500
EVALUATION = dg.DagsterEventType.ASSET_CHECK_EVALUATION.value


def snapshot_frame(snapshot_id: str, published_at: datetime, run_id: str) -> pd.DataFrame:
    """Return the row about the snapshot itself."""
    return _frame(
        Snapshot,
        [
            {
                "snapshot_id": snapshot_id,
                "published_at": published_at,
                "run_id": run_id,
                "version": __version__,
            }
        ],
    )


def tables_frame(
    connection: duckdb.DuckDBPyConnection,
    tables: Mapping[str, Table],
    published: Collection[str],
    published_at: datetime,
    instance: dg.DagsterInstance,
) -> pd.DataFrame:
    """Return a row a table, as it is in the warehouse.

    Args:
        connection: the warehouse is attached to it.
        tables: all tables, by name.
        published: those whose rows are in the snapshot.
        published_at: the time of the snapshot.
        instance: records when each was written last.
    """
    written = {
        ".".join(record.asset_entry.asset_key.path): record.asset_entry.last_materialization_record
        for record in instance.get_asset_records(
            [asset_key(table.key) for table in tables.values()]
        )
    }
    extents = _extents(connection, tables)
    return _frame(
        Tables,
        [
            {
                "table_name": name,
                "layer": table.key.layer,
                "source": table.group,
                "description": table.contract.grain(),
                "is_published": name in published,
                "materialized_at": _instant(record.timestamp)
                if (record := written.get(name))
                else None,
                "taken_at": published_at if name in published and name in extents else None,
                **extents.get(name, {}),
            }
            for name, table in tables.items()
        ],
    )


def carry_forward(
    rows: pd.DataFrame, held: Mapping[str, Obstacle], before: Mapping[str, Mapping[str, Any]]
) -> pd.DataFrame:
    """Return the rows of `tables_frame`, with how many rows the snapshot before had of each table.

    Those of held tables are as in that snapshot.

    Args:
        rows: a row a table.
        held: the tables whose rows are those of the snapshot before, and why.
        before: the result of `tables_before`.
    """
    unknown = dict.fromkeys(("rows", "newest_partition", "materialized_at", "taken_at"))
    carried = [
        {**unknown, **before.get(name, {}), "held_back_by": held[name].reason}
        if name in held
        else {}
        for name in rows["table_name"]
    ]
    current = [dict(zip(rows.columns, row, strict=True)) for row in rows.to_numpy()]
    counts = [{"rows_before": before.get(name, {}).get("rows")} for name in rows["table_name"]]
    return _frame(
        Tables,
        [
            {**row, **count, **state}
            for row, count, state in zip(current, counts, carried, strict=True)
        ],
    )


def tables_before(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, Any]]:
    """Return the state of each published table in the snapshot before, attached as `OLD`.

    It has the keys `rows`, `newest_partition`, `materialized_at` and `taken_at`.
    """
    # Snapshots of earlier versions lack the column.
    found = connection.execute(
        f"SELECT tables.*, published_at FROM {OLD}.meta.tables AS tables, {OLD}.meta.snapshot "
        "WHERE is_published AND rows IS NOT NULL"
    )
    names = [item[0] for item in found.description or []]
    rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    kept = ("rows", "newest_partition", "materialized_at")
    return {
        row["table_name"]: {
            **{name: row[name] for name in kept},
            "taken_at": row.get("taken_at") or row["published_at"],
        }
        for row in rows
    }


def _extents(
    connection: duckdb.DuckDBPyConnection, tables: Mapping[str, Table]
) -> dict[str, dict[str, Any]]:
    """Return how many rows each stored table has, and its newest partition."""
    stored = all_stored_types(connection)
    looks = [
        f"SELECT '{name}', count(*), "
        + (f"max({table.partition_column})::VARCHAR" if table.partition_column else "NULL")
        + f" FROM {name}"
        for name, table in tables.items()
        if name in stored
    ]
    found = connection.execute(" UNION ALL ".join(looks)).fetchall() if looks else []
    return {name: {"rows": rows, "newest_partition": newest} for name, rows, newest in found}


def days_frame(connection: duckdb.DuckDBPyConnection, tables: Mapping[str, Table]) -> pd.DataFrame:
    """Return a row a bronze table and partition that has rows.

    Args:
        connection: the warehouse is attached to it.
        tables: all tables, by name.
    """
    stored = all_stored_types(connection)
    looks = [
        f"SELECT '{name}' AS table_name, {table.partition_column}::VARCHAR AS partition, "
        f"count(*) AS rows FROM {name} GROUP BY ALL"
        for name, table in tables.items()
        if table.key.layer == "bronze" and table.partition_column and name in stored
    ]
    if not looks:
        return _frame(Days, [])
    return connection.execute(f"{' UNION ALL '.join(looks)} ORDER BY ALL").df()


def columns_frame(tables: Mapping[str, Table]) -> pd.DataFrame:
    """Return a row a column of the tables' contracts."""
    return _frame(Columns, [row for table in tables.values() for row in _columns(table)])


def _columns(table: Table) -> Iterator[dict[str, Any]]:
    contract = table.contract
    for position, (name, type_) in enumerate(duckdb_types(contract).items(), 1):
        yield {
            "table_name": table.name,
            "column_name": name,
            "position": position,
            "type": type_,
            "description": contract.descriptions()[name],
            "is_key": name in contract.key(),
            "is_required": name in contract.required(),
            "is_personal": name in contract.personal(),
            "references_table": contract.references().get(name),
        }


def lineage_frame(tables: Mapping[str, Table]) -> pd.DataFrame:
    """Return a row a table and asset above it."""
    return _frame(
        UpstreamAssets,
        [
            {"table_name": name, "upstream": upstream}
            for name, table in tables.items()
            for upstream in sorted(table.upstream())
        ],
    )


def column_lineage_frame(tables: Mapping[str, Table]) -> pd.DataFrame:
    """Return a row a column and column above it."""
    return _frame(
        ColumnOrigins,
        [
            {
                "table_name": name,
                "column_name": column,
                "upstream": origin.table,
                "upstream_column": origin.column,
            }
            for name in tables
            for column, origins in kept().get(name, {}).items()
            for origin in origins
        ],
    )


def checks_frame(specs: Sequence[dg.AssetCheckSpec], instance: dg.DagsterInstance) -> pd.DataFrame:
    """Return a row a check, with its newest evaluation."""
    newest = instance.event_log_storage.get_latest_asset_check_execution_by_key
    records = newest([spec.key for spec in specs])
    return _frame(
        Checks,
        [
            {
                "table_name": ".".join(spec.asset_key.path),
                "check_name": spec.name,
                "description": spec.description,
                "is_blocking": spec.blocking,
                **_newest(records.get(spec.key)),
            }
            for spec in specs
        ],
    )


def _newest(record: AssetCheckExecutionRecord | None) -> dict[str, Any]:
    event = record and record.event and record.event.dagster_event
    if not record or not record.event or not event or event.event_type_value != EVALUATION:
        return {"verdict": NOT_RUN, "finding": None, "evaluated_at": None, "run_id": None}
    evaluation = event.asset_check_evaluation_data
    return {
        "verdict": evaluated(evaluation),
        "finding": (evaluation.description or "")[:FINDING_CHARACTERS],
        "evaluated_at": _instant(record.event.timestamp),
        "run_id": record.run_id,
    }


def runs_frame(instance: dg.DagsterInstance) -> pd.DataFrame:
    """Return a row a run."""
    return _frame(
        Runs,
        [
            {
                "run_id": record.dagster_run.run_id,
                "job": record.dagster_run.job_name,
                "status": record.dagster_run.status.value.lower(),
                "partitions": " to ".join(dict.fromkeys(keys_of(record.dagster_run.tags) or ()))
                or None,
                "started_at": _instant(record.start_time),
                "ended_at": _instant(record.end_time),
            }
            for record in instance.get_run_records(limit=RUNS)
        ],
    )


def quarantine_frame(
    connection: duckdb.DuckDBPyConnection, tables: Mapping[str, Table]
) -> pd.DataFrame:
    """Return how many rows each table has refused, and why."""
    stored = all_stored_types(connection)
    found = [
        f"SELECT '{table.name}' AS table_name, partition_key, broken_rules, count(*) AS rows, "
        f"max(quarantined_at) AS newest_at FROM {table.quarantine} GROUP BY ALL"
        for table in tables.values()
        if table.lineage and table.quarantine in stored
    ]
    if not found:
        return _frame(Refused, [])
    return connection.execute(" UNION ALL ".join(found)).df()


def _instant(seconds: float | datetime | None) -> datetime | None:
    if isinstance(seconds, datetime):
        return seconds.astimezone(UTC)
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _frame(contract: type[Contract], rows: list[dict[str, Any]]) -> pd.DataFrame:
    # As objects: pandas would make numbers of a column that is all None.
    return pd.DataFrame(rows, columns=[*contract.types()], dtype=object)
