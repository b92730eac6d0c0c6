"""A terminated run ends within 10 s, and Dagster knows that it is over."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import dagster as dg
import pytest

from movies_assets.settings import PROJECT_ROOT

LIMIT_SECONDS = 10
# On a busy machine a run needs long to begin.
PATIENCE_SECONDS = 300
RANGE = {
    "dagster/asset_partition_range_start": "2025-06-01",
    "dagster/asset_partition_range_end": "2025-10-31",
}
DAGSTER = [sys.executable, "-W", "ignore", "-m", "dagster", "job", "execute"]
EXECUTE = [*DAGSTER, "-m", "movies_assets.definitions"]
OF_RANGE = [*EXECUTE, "-j", "yts_daily", "--tags", json.dumps(RANGE)]
OF_ASSETS = [
    *(*DAGSTER[:-2], "asset", "materialize", "-m", "movies_assets.definitions"),
    *("--select", "group:yts", "--partition-range", "...".join(RANGE.values())),
]
OURS = [sys.executable, "-W", "ignore", "-m", "movies_assets", "run", "--job", "yts_daily"]


def limit(seconds: float = LIMIT_SECONDS) -> float:
    """Return the seconds that something may take; where processes wait for a core, more."""
    return seconds * max(1, os.getloadavg()[0] / (os.cpu_count() or 1))


class Home:
    """A Dagster home of its own, and processes that run jobs in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        (folder / "home").mkdir()
        shutil.copy(PROJECT_ROOT / "dagster.yaml", folder / "home")
        self.environment = {
            **os.environ,
            "DAGSTER_HOME": str(folder / "home"),
            "MOVIES_DATA_DIR": str(folder / "data"),
            "MOVIES_YTS__FIRST_DAY": RANGE["dagster/asset_partition_range_start"],
            "PYTHONPATH": str(PROJECT_ROOT),
        }

    def runs(self) -> Sequence[dg.DagsterRun]:
        with dg.DagsterInstance.from_config(str(self.folder / "home")) as instance:
            return instance.get_runs()

    def ended_at(self, run_id: str) -> float:
        """Return when a run ended, in seconds since the epoch; 0 if it has not."""
        with dg.DagsterInstance.from_config(str(self.folder / "home")) as instance:
            record = instance.get_run_record_by_id(run_id)
        return (record and record.end_time) or 0

    def run(self, command: Sequence[str]) -> int:
        """Run a command to its end; return its exit code."""
        with self.log.open("w") as log:
            return subprocess.run(  # noqa: S603 (our own command)
                command, stdout=log, stderr=log, env=self.environment, check=False
            ).returncode

    def end(self, command: Sequence[str], number: int, when: Callable[[], object]) -> float:
        """Send a signal to a command when something has come about; return how long it took."""
        with (
            self.log.open("w") as log,
            subprocess.Popen(  # noqa: S603 (our own command)
                command, stdout=log, stderr=log, env=self.environment, cwd=self.folder
            ) as process,
        ):
            deadline = time.monotonic() + PATIENCE_SECONDS
            while not when():
                assert process.poll() is None, self.log.read_text()
                assert time.monotonic() < deadline, self.log.read_text()
                time.sleep(0.2)
            process.send_signal(number)
            started = time.monotonic()
            code = process.wait(PATIENCE_SECONDS)
        assert code != 0
        return time.monotonic() - started


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def statuses(home: Home) -> Sequence[dg.DagsterRunStatus]:
    return [run.status for run in home.runs()]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "number"), [(OF_RANGE, signal.SIGTERM), (OF_ASSETS, signal.SIGINT)]
)
def test_a_range_that_is_terminated_while_it_is_planned_ends_in_time(home, command, number):
    assert home.end(command, number, home.runs) < limit()
    assert statuses(home) == [dg.DagsterRunStatus.FAILURE]
    assert "the run is marked as failed" in home.log.read_text()


@pytest.mark.slow
def test_a_range_that_is_terminated_while_it_runs_ends_in_time(home):
    month = {**RANGE, "dagster/asset_partition_range_start": "2025-10-01"}
    command = [*EXECUTE, "-j", "yts_daily", "--tags", json.dumps(month)]
    runs = home.end(command, signal.SIGTERM, lambda: "STEP_OUTPUT" in home.log.read_text())
    assert runs < limit()
    assert statuses(home) == [dg.DagsterRunStatus.FAILURE]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_our_command_ends_in_time_after_a_signal_and_marks_the_run(home, number):
    assert home.end([*OURS, "30"], number, home.runs) < limit()
    assert statuses(home) == [dg.DagsterRunStatus.FAILURE]


@pytest.mark.slow
def test_commands_that_were_killed_are_marked_by_the_next_command(home):
    for number, command in enumerate([OF_RANGE, [*OURS, "30"]]):
        home.end(command, signal.SIGKILL, lambda number=number: len(home.runs()) > number)
    users = json.dumps({"ops": {"erase_users": {"config": {"user_ids": [1]}}}})
    (home.folder / "users.yaml").write_text(users)
    home.run([*EXECUTE, "-j", "forget_user", "-c", str(home.folder / "users.yaml")])
    killed = [run for run in home.runs() if run.job_name == "yts_daily"]
    assert [run.status for run in killed] == [dg.DagsterRunStatus.FAILURE] * 2
