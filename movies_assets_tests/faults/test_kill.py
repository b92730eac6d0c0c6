"""Killed at any moment, a run leaves each table wholly old or wholly new; the next completes it."""

import os
import random
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from movies_assets.definitions import open_warehouse
from movies_assets.settings import Settings, load
from movies_assets_tests.conftest import Platform, contents_of
from movies_assets_tests.faults.processes import FORKSERVER

DAYS = ("2025-10-29", "2025-10-31")
OLD_SEED, NEW_SEED = 1, 2
SIGKILL = -9
# Of a run of about ten seconds; each is killed once and completed once, which takes 12 s of a core.
MOMENTS = 60

Contents = dict[str, list[tuple[Any, ...]]]


def settings_for(data_dir: Path, seed: int) -> Settings:
    return load(data_dir=data_dir, yts={"sample_movies": 500}, sample={"seed": seed})


def run_yts_daily(data_dir: Path, seed: int) -> None:
    """Run the job, as a child process does; another seed is another catalogue."""
    with Path(os.devnull).open("w") as nowhere, dg.DagsterInstance.ephemeral() as instance:
        os.dup2(nowhere.fileno(), 2)
        Platform(settings_for(data_dir, seed), instance).run(*DAYS)


def contents(data_dir: Path) -> Contents:
    return contents_of(open_warehouse(settings_for(data_dir, NEW_SEED)))


class Attempts:
    """Runs that are killed, each on its own copy of a warehouse with old contents."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.old = self.complete(folder / "old", OLD_SEED)
        shutil.copytree(folder / "old", folder / "new")
        started = time.monotonic()
        self.new = self.complete(folder / "new")
        self.duration = time.monotonic() - started

    def start(self, data_dir: Path, seed: int = NEW_SEED) -> Any:
        process = FORKSERVER.Process(target=run_yts_daily, args=(data_dir, seed))
        process.start()
        return process

    def complete(self, data_dir: Path, seed: int = NEW_SEED) -> Contents:
        process = self.start(data_dir, seed)
        process.join()
        assert process.exitcode == 0
        return contents(data_dir)

    def kill_after(self, seconds: float) -> tuple[int, Path]:
        """Kill a run, and return how many tables are new then."""
        data_dir = self.folder / f"killed after {seconds}"
        shutil.copytree(self.folder / "old", data_dir)
        process = self.start(data_dir)
        process.join(seconds)
        process.kill()
        process.join()
        assert process.exitcode in (SIGKILL, 0)
        found = contents(data_dir)
        assert found.keys() == self.old.keys() == self.new.keys()
        torn = [t for t, rows in found.items() if rows not in (self.old[t], self.new[t])]
        assert not torn, f"after {seconds} s"
        return sum(found[table] == self.new[table] != self.old[table] for table in found), data_dir


@pytest.mark.slow
def test_a_killed_run_leaves_each_table_old_or_new_and_the_next_completes_it(tmp_path):
    attempts = Attempts(tmp_path)
    # One moment at random in each of as many parts of a run.
    seconds = [
        (number + random.random()) * attempts.duration / MOMENTS  # noqa: S311
        for number in range(MOMENTS)
    ]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        new_tables, data_dirs = zip(*pool.map(attempts.kill_after, seconds), strict=True)
        finished = pool.map(attempts.complete, data_dirs)
        assert all(found == attempts.new for found in finished)
    changed = sum(attempts.new[table] != attempts.old[table] for table in attempts.new)
    assert any(0 < count < changed for count in new_tables), "no run was killed between two tables"
