"""`dagster dev` gets up by itself after a power loss, and its runs end in time after signals."""

import os
import signal
import time
from collections.abc import Sequence
from functools import partial

import dagster as dg
import psutil
import pytest

from movies_assets.orchestration.partitions import range_tags
from movies_assets.orchestration.processes import TAG
from movies_assets_tests.faults.dagster_dev import Dev, dagster_dev, events, runs
from movies_assets_tests.faults.test_interruption import PATIENCE_SECONDS, Home, limit

MONTH = range_tags("2025-10-01", "2025-10-31")
DAY = range_tags("2025-10-31", "2025-10-31")
YEAR = range_tags("2025", "2025")
FORGET = {"ops": {"erase_users": {"config": {"user_ids": [1]}}}}
STATUS = dg.DagsterRunStatus
LIMIT_SECONDS = 60


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path)


def show(capsys, text: str) -> None:
    """Print a figure for docs/explanation/what-it-survives.md."""
    with capsys.disabled():
        print(f"\n{text}, load {os.getloadavg()[0]:.1f}")  # noqa: T201


def reaches(home: Home, ids: Sequence[str], stage: str) -> bool:
    return any(stage in events(home, run_id) for run_id in ids)


def is_over(home: Home, *ids: str) -> bool:
    return all(runs(home)[run_id].is_finished for run_id in ids)


@pytest.mark.slow
def test_after_a_power_loss_the_next_runs_get_their_turn_within_a_minute(home, capsys):
    with dagster_dev(home) as dev:
        killed = dev.launch("yts_daily", MONTH)
        dev.wait(lambda: "ASSET_MATERIALIZATION" in events(home, killed))
        dev.kill()
    assert runs(home)[killed].status == STATUS.STARTED
    started = time.monotonic()
    with dagster_dev(home) as dev:
        second = dev.launch("netflix_daily", DAY)
        third = dev.launch("forget_user", {}, FORGET)
        dev.wait(lambda: is_over(home, second))
        seconds = time.monotonic() - started
        dev.wait(lambda: is_over(home, third))
    found = runs(home)
    assert [found[run].status for run in (killed, second, third)] == [
        STATUS.FAILURE,
        STATUS.SUCCESS,
        STATUS.SUCCESS,
    ]
    assert found[killed].tags[TAG] in events(home, killed)["PIPELINE_FAILURE"]
    show(capsys, f"from the restart to the end of the second run: {seconds:.0f} s")
    assert seconds < limit(LIMIT_SECONDS)


# While the first run is queued, while one starts, and while one is in its steps.
LOSSES = ["PIPELINE_ENQUEUED", "PIPELINE_STARTING", "STEP_START"]


@pytest.mark.slow
def test_power_losses_in_a_row_leave_no_run_behind_while_others_wait(home, capsys):
    launched: list[str] = []
    for stage in LOSSES:
        with dagster_dev(home) as dev:
            launched += [dev.launch("yts_daily", DAY), dev.launch("omdb_yearly", YEAR)]
            dev.wait(partial(reaches, home, launched, stage))
            dev.kill()
    with dagster_dev(home) as dev:
        started = time.monotonic()
        dev.wait(lambda: is_over(home, *launched), 10 * PATIENCE_SECONDS)
        seconds = time.monotonic() - started
    found = runs(home)
    unfinished = [run for run in launched if found[run].status != STATUS.SUCCESS]
    assert len(unfinished) <= len(LOSSES), "each ends the run that is going on, and no other one"
    for run in unfinished:
        assert found[run].status == STATUS.FAILURE
        assert "The process of this run is gone" in events(home, run)["PIPELINE_FAILURE"]
    show(
        capsys,
        f"{len(launched)} runs, {len(unfinished)} killed, all over {seconds:.0f} s after the start",
    )


# While the run's process starts, reads its source, and records what it has materialized.
STAGES = [
    (signal.SIGTERM, "PIPELINE_STARTING"),
    (signal.SIGINT, "STEP_START"),
    (signal.SIGTERM, "ASSET_MATERIALIZATION"),
]


@pytest.mark.slow
def test_a_launched_run_ends_in_time_when_it_is_terminated_and_with_dagster_dev(home, capsys):
    with dagster_dev(home) as dev:
        for number, stage in STAGES:
            run, seconds = _ended_at(home, dev, stage, number)
            show(capsys, f"{stage}: {seconds:.1f} s")
            assert seconds < limit()
            assert runs(home)[run].status == STATUS.FAILURE

        run = dev.launch("yts_daily", MONTH)
        dev.wait(lambda: "STEP_START" in events(home, run))
        worker, tree = dev.workers()[-1], dev.tree()
        started = time.monotonic()
        dev.process.terminate()
        dev.process.wait()
        worker.wait(PATIENCE_SECONDS)
        seconds = time.monotonic() - started
    psutil.wait_procs(tree, PATIENCE_SECONDS)
    assert runs(home)[run].status == STATUS.FAILURE
    show(capsys, f"with dagster dev: {seconds:.1f} s")
    assert seconds < limit()
    assert not any(process.is_running() for process in tree)


def _ended_at(home: Home, dev: Dev, stage: str, number: signal.Signals) -> tuple[str, float]:
    """Launch a run, and end it at a stage by a signal; return its id, and the seconds that took.

    A stage is seen when its events are stored, at times when the run has ended; then another run
    is launched. A run that goes on for a second after the signal has missed it.
    """
    run = dev.launch("yts_daily", MONTH)
    dev.wait(lambda: stage in events(home, run) and (dev.workers() or is_over(home, run)))
    workers, sent_at = dev.workers(), time.time()
    if workers:
        seconds = _end(home, dev, run, workers[-1], number)
        if runs(home)[run].status != STATUS.SUCCESS or home.ended_at(run) > sent_at + 1:
            return run, seconds
    return _ended_at(home, dev, stage, number)


def _end(home: Home, dev: Dev, run: str, worker: psutil.Process, number: signal.Signals) -> float:
    """Send a signal to the process of a run; return the seconds until the run has ended."""
    started = time.monotonic()
    worker.send_signal(number)
    worker.wait(PATIENCE_SECONDS)
    dev.wait(lambda: is_over(home, run))
    return time.monotonic() - started
