"""The events of two runs, and what Dagster's UI asks of an event log that has stored them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.events import DagsterEventType
from dagster._core.storage.event_log.base import PartitionKeyFilter
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

WARN = dg.AssetCheckSeverity.WARN
# Columns that say when a row was created.
CREATED = {"create_timestamp", "migration_completed"}
DAYS = dg.DailyPartitionsDefinition("2025-10-01", end_date="2025-10-31")


@dg.asset(
    partitions_def=DAYS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    check_specs=[
        dg.AssetCheckSpec("sound", asset="first"),
        dg.AssetCheckSpec("red", asset="first"),
    ],
)
def first(context: dg.AssetExecutionContext) -> Iterator[Any]:
    context.log.info("a line of the log")
    yield dg.MaterializeResult(
        metadata={"rows": 3},
        tags={"kind": "sample"},
        data_version=dg.DataVersion("7"),
        check_results=[
            dg.AssetCheckResult(check_name="sound", passed=True),
            dg.AssetCheckResult(
                check_name="red", passed=False, severity=dg.AssetCheckSeverity.WARN
            ),
        ],
    )


@dg.asset(deps=[first])
def second(context: dg.AssetExecutionContext) -> None:
    context.log_event(dg.AssetObservation("first", partition="2025-10-02", tags={"seen": "yes"}))


@dg.asset(deps=[second], partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run())
def third() -> None:
    raise dg.Failure("it broke")


JOB = dg.Definitions(
    [first, second, third], jobs=[dg.define_asset_job("all", "*", partitions_def=DAYS)]
).resolve_job_def("all")


def recorded_events(home: Path) -> Sequence[dg.EventLogEntry]:
    """Return the events of a run of a day and of one of a range, in the order of storing."""
    stored: list[dg.EventLogEntry] = []

    class Recording(SqliteEventLogStorage):
        def store_event(self, event: dg.EventLogEntry) -> None:
            stored.append(event)
            super().store_event(event)

    with dg.DagsterInstance.local_temp(str(home)) as instance:
        instance._event_storage.__class__ = Recording
        for tags in (
            {"dagster/partition": "2025-10-03"},
            {
                "dagster/asset_partition_range_start": "2025-10-02",
                "dagster/asset_partition_range_end": "2025-10-09",
            },
        ):
            assert not JOB.execute_in_process(
                instance=instance, tags=tags, raise_on_error=False
            ).success
    assert len({event.run_id for event in stored}) == 2
    return stored


def queries(storage: SqlEventLogStorage, run_ids: Sequence[str]) -> dict[str, Any]:
    """Return what the UI asks of an event log, for each asset, check and run."""
    keys = [dg.AssetKey(name) for name in ("first", "second", "third")]
    checks = [dg.AssetCheckKey(keys[0], name) for name in ("sound", "red")]
    written, planned = (
        DagsterEventType.ASSET_MATERIALIZATION,
        DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
    )
    of_checks = storage.get_latest_asset_check_execution_by_key(checks)
    return {
        "assets": [
            (record.asset_entry.asset_key, record.asset_entry.last_run_id)
            for record in storage.get_asset_records(keys)
        ],
        "materialized": [storage.get_materialized_partitions(key) for key in keys],
        "partitions": [storage.get_latest_storage_id_by_partition(key, written) for key in keys],
        "planned": [storage.get_latest_storage_id_by_partition(key, planned) for key in keys],
        "unfinished": [
            storage.get_latest_asset_partition_materialization_attempts_without_materializations(
                key
            )
            for key in keys
        ],
        "tags": [
            storage.get_latest_tags_by_partition(key, written, ["dagster/data_version"])
            for key in keys
        ],
        "checks": {key: found.status for key, found in of_checks.items()},
        "history": [
            [record.id for record in storage.get_asset_check_execution_history(key, limit=99)]
            for key in checks
        ],
        "check of a day": [
            (record.id, record.status, record.partition)
            for key in checks
            for record in storage.get_asset_check_execution_history(
                key, limit=9, partition_filter=PartitionKeyFilter(key="2025-10-03")
            )
        ],
        "newest": [
            storage.get_event_records(dg.EventRecordsFilter(kind, asset_key=key), limit=5)
            for key in keys
            for kind in (written, planned)
        ],
        "log": [storage.get_records_for_run(run_id).records for run_id in run_ids],
        "pages": [storage.get_records_for_run(run_id, limit=3).cursor for run_id in run_ids],
        "stats": [storage.get_stats_for_run(run_id) for run_id in run_ids],
        "steps": [storage.get_step_stats_for_run(run_id) for run_id in run_ids],
        "statuses": storage.fetch_run_status_changes(DagsterEventType.RUN_FAILURE, limit=9),
    }
