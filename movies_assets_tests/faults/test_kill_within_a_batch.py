"""Killed while a batch of events is stored, a run is marked as any other one; a rerun completes it.

A batch is two transactions: that of the run's database is within that of the index of all runs.
"""

import os
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable

from movies_assets.definitions import open_warehouse
from movies_assets.orchestration import abandoned
from movies_assets.orchestration.event_log import BatchedEventLog
from movies_assets.orchestration.instance import Instance
from movies_assets.settings import PROJECT_ROOT, load
from movies_assets_tests.conftest import Platform, contents_of
from movies_assets_tests.faults.processes import FORKSERVER

pytestmark = pytest.mark.slow

FIRST, LAST = "2025-10-22", "2025-10-31"
DAYS = [f"2025-10-{day}" for day in range(22, 32)]
TABLES = ["bronze/yts_movies", "silver/yts_movies"]
PLANNED = dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED
WRITTEN = dg.DagsterEventType.ASSET_MATERIALIZATION
# The ten days of a table are three batches; the process is killed in the second one.
BATCH_SIZE = 4
# Commits of the batch that come about before the kill, and the batches of its kind that the run's
# database and the index have then.
MOMENTS = [(0, 1, 1), (1, 2, 1), (2, 2, 2)]


def run_both_tables(folder: Path, kind: dg.DagsterEventType | None, commits: int = 0) -> None:
    """Run a range, and kill this process in the second batch of a kind of events, if one is given.

    Args:
        folder: of the home and the warehouse.
        kind: of the events.
        commits: how many of the batch's commits come about.
    """
    os.environ["DAGSTER_EVENT_BATCH_SIZE"] = str(BATCH_SIZE)
    if kind:
        kill_within_the_second_batch(kind, commits)
    settings = load(data_dir=folder / "data", yts={"sample_movies": 500})
    with dg.DagsterInstance.from_config(str(folder / "home")) as instance:
        Platform(settings, instance).run(FIRST, LAST, select=TABLES)


def kill_within_the_second_batch(kind: dg.DagsterEventType, commits: int) -> None:
    batches, left = 0, None
    store = BatchedEventLog._store_rows

    def count(
        log: BatchedEventLog, connection: Any, events: Sequence[dg.EventLogEntry], rows: Any
    ) -> None:
        nonlocal batches, left
        store(log, connection, events, rows)
        if events[0].dagster_event_type == kind:
            batches += 1
            left = commits if batches == 2 else left

    def before_commit(_: sa.Connection) -> None:
        nonlocal left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left = left - 1 if left else left

    BatchedEventLog._store_rows = count
    sa.event.listen(sa.Engine, "commit", before_commit)


def run_in_child(folder: Path, *args: Any) -> int | None:
    process = FORKSERVER.Process(target=run_both_tables, args=(folder, *args))
    process.start()
    process.join()
    return process.exitcode


def contents(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    return contents_of(open_warehouse(load(data_dir=folder / "data")))


def batches_in(log: BatchedEventLog, run_id: str, kind: dg.DagsterEventType) -> tuple[int, int]:
    """Return how many batches of a kind the database of a run has, and the index."""
    table = SqlEventLogStorageTable.c
    query = sa.select(sa.func.count()).where(
        table.run_id == run_id, table.dagster_event_type == kind.value
    )
    with log.index_connection() as index, log.run_connection(run_id) as run:
        counts = [connection.execute(query).scalar_one() for connection in (run, index)]
    assert not any(count % BATCH_SIZE for count in counts)
    return counts[0] // BATCH_SIZE, counts[1] // BATCH_SIZE


def new_home(folder: Path) -> Path:
    """Make a Dagster home in a folder; return the folder."""
    (folder / "home").mkdir()
    shutil.copy(PROJECT_ROOT / "dagster.yaml", folder / "home")
    return folder


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory) -> dict[str, list[tuple[Any, ...]]]:
    """The tables after a run that nothing interrupts."""
    folder = new_home(tmp_path_factory.mktemp("uninterrupted"))
    assert run_in_child(folder, None) == 0
    return contents(folder)


@pytest.mark.parametrize("kind", [PLANNED, WRITTEN])
@pytest.mark.parametrize(("commits", "of_run", "of_index"), MOMENTS)
def test_a_run_killed_within_a_batch_is_marked_and_a_rerun_completes_it(
    tmp_path, uninterrupted, kind, commits, of_run, of_index
):
    folder = new_home(tmp_path)
    assert run_in_child(folder, kind, commits) == -signal.SIGKILL
    with dg.DagsterInstance.from_config(str(folder / "home")) as instance:
        assert isinstance(instance, Instance)
        log = instance.event_log_storage
        assert isinstance(log, BatchedEventLog)
        [killed] = instance.get_runs()
        assert killed.status in abandoned.UNFINISHED
        assert batches_in(log, killed.run_id, kind) == (of_run, of_index)
        assert abandoned.sweep(instance) == [killed.run_id]
        found = instance.get_run_by_id(killed.run_id)
        assert found
        assert found.status == dg.DagsterRunStatus.FAILURE
        assert "The process of this run is gone" in instance.all_logs(killed.run_id)[-1].message

        assert run_in_child(folder, None) == 0
        rerun = instance.get_runs(limit=1)[0]
        assert rerun.is_success
        for name in TABLES:
            key = dg.AssetKey(name.split("/"))
            assert log.get_materialized_partitions(key) == {*DAYS}
            newest = log.get_latest_storage_id_by_partition(key, WRITTEN)
            assert newest.keys() == {*DAYS}
            attempts = (
                log.get_latest_asset_partition_materialization_attempts_without_materializations
            )
            assert attempts(key) == {}
            [record] = log.get_asset_records([key])
            assert record.asset_entry.last_run_id == rerun.run_id
    assert contents(folder) == uninterrupted
