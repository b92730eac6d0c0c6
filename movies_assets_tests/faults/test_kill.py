"""Killed at any moment, a run leaves each table wholly old or wholly new; the next completes it.

A killed process leaves its files as they are. So one run is stopped at many moments, and its files
are copied each time: the copies are what as many killed runs would leave.
"""

import os
import random
import shutil
import signal
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from movies_assets.definitions import open_warehouse
from movies_assets.settings import Settings, load
from movies_assets_tests.conftest import Platform, contents_of
from movies_assets_tests.faults.processes import FORKSERVER, digest, in_child
from movies_assets_tests.once import made_once

DAYS = ("2025-10-29", "2025-10-31")
OLD_SEED, NEW_SEED = 1, 2
# On average, between two moments of a run of about ten seconds.
SECONDS = 0.1


def settings_for(data_dir: Path, seed: int) -> Settings:
    return load(data_dir=data_dir, yts={"sample_movies": 500}, sample={"seed": seed})


def run_yts_daily(*data_dirs: Path, seed: int = NEW_SEED) -> None:
    """Run the job in each folder, as a child process does; another seed is another catalogue."""
    with Path(os.devnull).open("w") as nowhere, made_once():
        os.dup2(nowhere.fileno(), 2)
        for data_dir in data_dirs:
            with dg.DagsterInstance.ephemeral() as instance:
                Platform(settings_for(data_dir, seed), instance).run(*DAYS)


def contents(data_dir: Path) -> dict[str, list[tuple[Any, ...]]]:
    return contents_of(open_warehouse(settings_for(data_dir, NEW_SEED)))


def has_stopped(process: int) -> bool:
    try:
        states = [each.read_text() for each in Path(f"/proc/{process}/task").glob("*/stat")]
    except OSError:  # a thread has ended
        return False
    return bool(states) and all(state.rpartition(")")[2].split()[0] == "T" for state in states)


def send(process: Any, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):  # it has ended
        os.kill(process.pid, number)


def left_by_kills(data_dir: Path, copies: Path) -> Iterator[Path]:
    """Run the job in a folder; yield copies at random moments, of each state of its files one."""
    states: set[bytes] = set()
    process = FORKSERVER.Process(target=run_yts_daily, args=(data_dir,))
    process.start()
    try:
        for number in count():
            process.join(random.uniform(0, 2 * SECONDS))  # noqa: S311
            if process.exitcode is not None:
                break
            send(process, signal.SIGSTOP)
            while process.exitcode is None and not has_stopped(process.pid):
                pass
            if (state := digest(data_dir)) not in states:
                states.add(state)
                yield Path(shutil.copytree(data_dir, copies / str(number)))
            send(process, signal.SIGCONT)
    finally:
        process.kill()
        process.join()
    assert process.exitcode == 0


@pytest.mark.slow
def test_a_killed_run_leaves_each_table_old_or_new_and_the_next_completes_it(tmp_path):
    folder = tmp_path / "data"
    in_child(run_yts_daily, folder, seed=OLD_SEED)
    old = contents(folder)
    moments = [*left_by_kills(folder, tmp_path / "killed")]
    new = contents(folder)
    changed = {table for table in new if new[table] != old[table]}
    numbers = set()
    for copy in moments:
        found = contents(copy)
        assert found.keys() == old.keys() == new.keys()
        torn = [table for table, rows in found.items() if rows not in (old[table], new[table])]
        assert not torn, copy.name
        numbers.add(sum(found[table] == new[table] for table in changed))
    assert any(0 < number < len(changed) for number in numbers), "no moment between two tables"
    in_child(run_yts_daily, *moments)
    assert all(contents(copy) == new for copy in moments)
