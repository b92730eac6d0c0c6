"""Netflix's runs that overlap, or are killed on the way, lead where one whole run leads."""

import os
import shutil
import signal
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from movies_assets.core.table import Table
from movies_assets.definitions import open_warehouse
from movies_assets.settings import Settings, load
from movies_assets.warehouse import writer
from movies_assets_tests.conftest import Platform, arrive, contents_of, netflix_title
from movies_assets_tests.faults.processes import FORKSERVER

OLD, NEW = "2025-10-30", "2025-10-31"
TABLES = ["bronze/netflix_titles", "silver/netflix_titles"]
SIGKILL = -signal.SIGKILL
Contents = dict[str, list[tuple[Any, ...]]]


def settings_of(data_dir: Path) -> Settings:
    # A test that waits for another run may wait on a busy machine.
    return load(data_dir=data_dir, warehouse={"lock_wait_seconds": 60})


def run(data_dir: Path, first: str, last: str, killed_at: str | None = None) -> None:
    """Run the job, as a child process does; it may die before it commits the rows of a table."""
    write = writer.write

    def die(connection: Any, table: Table, *rest: Any) -> Any:
        loaded = write(connection, table, *rest)
        if table.name == killed_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return loaded

    writer.write = die
    with Path(os.devnull).open("w") as nowhere, dg.DagsterInstance.ephemeral() as instance:
        os.dup2(nowhere.fileno(), 2)
        platform = Platform(settings_of(data_dir), instance)
        platform.run(first, last, job="netflix_daily", select=TABLES)


def start(data_dir: Path, first: str = OLD, last: str = NEW, **options: Any) -> Any:
    process = FORKSERVER.Process(target=run, args=(data_dir, first, last), kwargs=options)
    process.start()
    return process


def complete(*processes: Any) -> None:
    for process in processes:
        process.join()
        assert process.exitcode == 0


def contents(data_dir: Path) -> Contents:
    return contents_of(open_warehouse(settings_of(data_dir)))


@pytest.fixture
def landed(tmp_path) -> Path:
    """A landing zone whose titles arrived on two days, some of them on both."""
    folder = tmp_path / "whole"
    for day, numbers in [(OLD, range(1, 400)), (NEW, range(200, 600))]:
        titles = [netflix_title(number, title=f"{number} of {day}") for number in numbers]
        arrive(folder / "landing", f"{day}/titles.csv", [*titles, netflix_title(0, type="")])
    return folder


@pytest.fixture
def whole(landed) -> Contents:
    """The tables of one run that nothing disturbed."""
    complete(start(landed))
    found = contents(landed)
    assert len(found["silver.netflix_titles"]) == 599
    return found


@pytest.mark.slow
def test_two_runs_at_once_lead_to_the_same_tables(landed, whole, tmp_path):
    both = Path(shutil.copytree(landed / "landing", tmp_path / "both" / "landing")).parent
    complete(start(both, OLD, OLD), start(both, NEW, NEW))
    assert contents(both) == whole


@pytest.mark.slow
def test_a_run_that_was_killed_leads_to_the_same_tables_when_it_is_run_again(landed, whole):
    retitled = [netflix_title(number, title="Renamed") for number in range(200, 600)]
    arrive(landed / "landing", f"{NEW}/titles.csv", retitled)
    process = start(landed, NEW, NEW, killed_at="silver.netflix_titles")
    process.join()
    assert process.exitcode == SIGKILL
    after = contents(landed)
    changed = {table for table in whole if after[table] != whole[table]}
    assert changed == {"bronze.netflix_titles", "landing.netflix_titles"}
    complete(start(landed, NEW, NEW))
    again = contents(landed)
    complete(start(landed))
    assert contents(landed) == again
    renamed = [row for row in again["silver.netflix_titles"] if "Renamed" in row]
    assert len(renamed) == 400
