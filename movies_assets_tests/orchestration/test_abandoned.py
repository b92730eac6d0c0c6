"""Runs whose process is gone are marked, those of living ones never; waiting runs say why."""

import os
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.storage.dagster_run import RunOpConcurrency

from movies_assets.definitions import build_defs
from movies_assets.orchestration import abandoned
from movies_assets.orchestration.processes import TAG, _started_elsewhere, is_gone, process
from movies_assets.settings import PROJECT_ROOT, load
from movies_assets.warehouse.database import WRITER_POOL
from movies_assets_tests.orchestration.test_schedules import materialize, requested

ORIGIN = RemoteJobOrigin(
    RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("movies_assets"), "__repository__"), "job"
)
STATUS = dg.DagsterRunStatus


@dg.job
def empty() -> None:
    pass


@pytest.fixture
def instance(tmp_path: Path):
    """An instance as dagster.yaml describes it."""
    (tmp_path / "dagster.yaml").write_bytes((PROJECT_ROOT / "dagster.yaml").read_bytes())
    with dg.DagsterInstance.from_config(str(tmp_path)) as ours:
        yield ours


@pytest.fixture(scope="module")
def killed() -> str:
    """Return the tag of a process that was killed."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        named = process(child.pid)
        assert not is_gone(named)
        child.kill()
    return named


def add(instance: dg.DagsterInstance, status: dg.DagsterRunStatus, **given) -> dg.DagsterRun:
    given = {"job_name": "yts_daily", "status": status, "remote_job_origin": ORIGIN, **given}
    return instance.add_run(dg.DagsterRun(**given))


def reason(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str:
    return instance.all_logs(run.run_id)[-1].dagster_event.message


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (STATUS.NOT_STARTED, STATUS.FAILURE),
        (STATUS.STARTING, STATUS.FAILURE),
        (STATUS.STARTED, STATUS.FAILURE),
        (STATUS.CANCELING, STATUS.CANCELED),
        (STATUS.QUEUED, STATUS.QUEUED),
        (STATUS.SUCCESS, STATUS.SUCCESS),
    ],
)
def test_an_unfinished_run_whose_process_was_killed_is_marked(instance, killed, before, after):
    run = add(instance, before, tags={TAG: killed})
    marked = abandoned.sweep(instance)
    assert instance.get_run_by_id(run.run_id).status == after
    assert marked == [run.run_id] * (before != after)
    if marked:
        assert f"The process of this run is gone ({killed})" in reason(instance, run)


def test_a_run_is_left_alone_while_its_process_lives_or_cannot_be_seen(instance, killed):
    host, pid, started = killed.split(maxsplit=2)
    alive, elsewhere = process(), f"other-{host} {pid} {started}"
    unknown, set_by_hand = f"{host} {os.getpid()} unknown", "mine"
    for tags in ({}, *({TAG: one} for one in (alive, elsewhere, unknown, set_by_hand))):
        add(instance, STATUS.STARTED, tags=tags)
    assert abandoned.sweep(instance) == []


def test_a_pid_that_another_process_has_taken_over_is_gone(killed):
    host, _, started = killed.split(maxsplit=2)
    assert is_gone(f"{host} {os.getpid()} {started}")


def test_a_killed_process_that_its_parent_has_not_looked_after_is_gone():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    named = process(child.pid)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert is_gone(named)
    child.communicate()


@pytest.mark.skipif(shutil.which("ps") is None, reason="needs ps")
def test_where_there_is_no_proc_ps_says_when_a_process_began(killed, monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert datetime.strptime(_started_elsewhere(os.getpid()), "%a %b %d %H:%M:%S %Y")  # noqa: DTZ007
    assert _started_elsewhere(int(killed.split()[1])) is None


def test_each_process_that_takes_a_run_over_tags_it(instance, killed):
    run = instance.create_run_for_job(empty, tags={"a": "b"})
    assert run.tags == {"a": "b", TAG: process()}
    for event in (
        {"event_type_value": dg.DagsterEventType.RUN_STARTING.value},
        {"event_type_value": dg.DagsterEventType.ENGINE_EVENT.value, **_says(os.getpid())},
    ):
        instance.add_run_tags(run.run_id, {TAG: killed})
        _report(instance, run, event)
        assert instance.get_run_by_id(run.run_id).tags[TAG] == process()
    instance.add_run_tags(run.run_id, {TAG: killed})
    for event in (
        {"event_type_value": dg.DagsterEventType.ENGINE_EVENT.value, **_says(1)},
        {"event_type_value": dg.DagsterEventType.RUN_CANCELING.value},
    ):
        _report(instance, run, event)
        assert instance.get_run_by_id(run.run_id).tags[TAG] == killed


def _says(pid: int):
    data = dg._core.events.EngineEventData
    return {"event_specific_data": data.in_process(pid)}


def _report(instance: dg.DagsterInstance, run: dg.DagsterRun, event) -> None:
    instance.report_dagster_event(dg.DagsterEvent(job_name=run.job_name, **event), run.run_id)


def test_whoever_creates_a_run_marks_abandoned_ones_first(instance, killed):
    run = add(instance, STATUS.STARTED, tags={TAG: killed})
    instance.create_run_for_job(empty)
    assert instance.get_run_by_id(run.run_id).status == STATUS.FAILURE


def test_a_run_in_the_queue_logs_once_for_which_run_it_waits(instance):
    pool = RunOpConcurrency(
        root_key_counts={WRITER_POOL: 1},
        has_unconstrained_root_nodes=False,
        all_pools={WRITER_POOL},
    )
    writing = add(instance, STATUS.STARTED, run_op_concurrency=pool, tags={TAG: process()})
    waiting = add(instance, STATUS.QUEUED, run_op_concurrency=pool)
    free = add(instance, STATUS.QUEUED)
    cursor = None
    for _ in range(2):
        tick = abandoned.sensor()(dg.build_sensor_context(instance=instance, cursor=cursor))
        cursor = tick.cursor
    says = f"Waits for yts_daily {writing.run_id}: one run at a time may write."
    assert [says in entry.dagster_event.message for entry in instance.all_logs(waiting.run_id)] == [
        True
    ]
    assert instance.all_logs(free.run_id) == []
    assert says in tick.skip_reason.skip_message
    for _ in range(3):
        add(instance, STATUS.STARTED, job_name="export")
    assert "export" in abandoned.waiting(instance)[free.run_id]
    assert "4 runs at a time are allowed" in abandoned.waiting(instance)[free.run_id]


def test_an_older_dagster_yaml_is_named_by_the_sensor(instance, tmp_path):
    (tmp_path / "old").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "old")) as old:
        says = [
            abandoned.sensor()(dg.build_sensor_context(instance=one)).skip_reason.skip_message
            for one in (instance, old)
        ]
    assert ["instance_class" in text for text in says] == [False, True]


def test_the_tick_that_follows_asks_for_the_days_of_an_abandoned_run(instance, killed, tmp_path):
    live = build_defs(load(data_dir=tmp_path, profile="live", catch_up_days=30))
    materialize(instance, live, ["2025-11-08"])
    add(
        instance,
        STATUS.STARTED,
        tags={
            TAG: killed,
            "dagster/asset_partition_range_start": "2025-11-09",
            "dagster/asset_partition_range_end": "2025-11-09",
        },
    )
    assert requested(instance, live) == [("2025-11-09", "2025-11-09")]
