"""Backfills from the UI over tables with partitions and tables that hold the newest state."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import httpx
import pytest

from movies_assets.definitions import TABLES, open_warehouse
from movies_assets.orchestration.catching_up import look
from movies_assets.orchestration.schedules import calendars
from movies_assets.settings import load
from movies_assets_tests.faults.dagster_dev import REPOSITORY, Dev, dagster_dev
from movies_assets_tests.faults.test_interruption import PATIENCE_SECONDS, Home

OF_JOB, OF_ASSETS = ["2025-10-28", "2025-10-29"], ["2025-10-30", "2025-10-31"]
LAUNCH = """
mutation ($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}
"""
STATUS = """
query ($id: String!) {
  partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { status } }
}
"""
ASSETS = "query ($job: PipelineSelector!) { assetNodes(pipeline: $job) { assetKey { path } } }"


def ask(dev: Dev, query: str, **variables: Any) -> Any:
    body = {"query": query, "variables": variables}
    return httpx.post(dev.url, json=body, timeout=120).json()["data"]


def backfill(dev: Dev, paths: Sequence[Sequence[str]], days: Sequence[str], **more: Any) -> str:
    """Backfill assets as the UI does, to its end; return its status."""
    params = {"assetSelection": [{"path": path} for path in paths], "partitionNames": days, **more}
    backfill_id = ask(dev, LAUNCH, params=params)["launchPartitionBackfill"]["backfillId"]
    status = ""

    def is_over() -> bool:
        nonlocal status
        status = ask(dev, STATUS, id=backfill_id)["partitionBackfillOrError"]["status"]
        return status not in {"REQUESTED", "CANCELING", "FAILING"}

    dev.wait(is_over, 5 * PATIENCE_SECONDS)
    return status


def partitions_written(home: Home) -> dict[str, list[str | None]]:
    """Return the partitions of each materialization, by asset, in the order of time."""
    found: defaultdict[str, list[str | None]] = defaultdict(list)
    with dg.DagsterInstance.from_config(str(home.folder / "home")) as instance:
        for run in reversed(instance.get_runs()):
            for entry in instance.all_logs(run.run_id, dg.DagsterEventType.ASSET_MATERIALIZATION):
                materialization = entry.asset_materialization
                found[".".join(materialization.asset_key.path)].append(materialization.partition)
    return found


@pytest.mark.slow
def test_backfills_of_a_job_and_of_assets_are_complete_over_both_kinds_of_tables(tmp_path):
    home = Home(tmp_path)
    with dagster_dev(home) as dev:
        job = {**REPOSITORY, "pipelineName": "imdb_daily"}
        paths = [node["assetKey"]["path"] for node in ask(dev, ASSETS, job=job)["assetNodes"]]
        selector = {
            "partitionSetName": "imdb_daily_partition_set",
            "repositorySelector": {
                "repositoryName": REPOSITORY["repositoryName"],
                "repositoryLocationName": REPOSITORY["repositoryLocationName"],
            },
        }
        assert backfill(dev, paths, OF_JOB, selector=selector) == "COMPLETED_SUCCESS"
        assert backfill(dev, paths, OF_ASSETS) == "COMPLETED_SUCCESS"
    settings = load(data_dir=home.folder / "data")
    (calendar,) = (found for found in calendars(settings, TABLES) if found.job == "imdb_daily")
    written = partitions_written(home)
    assert {name: written[name] for name in calendar.tables} == {
        name: [*OF_JOB, *OF_ASSETS] if table.partitions else [None, None]
        for name, table in calendar.tables.items()
    }
    assert written["serving.published_warehouse"] == [None, None]
    with dg.DagsterInstance.from_config(str(home.folder / "home")) as instance:
        now = datetime(2025, 11, 1, 3, 30, tzinfo=UTC)
        progress = look(calendar, instance, open_warehouse(settings), now)
    assert (progress.asked(), progress.unfinished()) == ([], [])
