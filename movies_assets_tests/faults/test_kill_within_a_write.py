"""Killed between any two statements of a write, a table and its quarantine are old or new together.

Random moments (test_kill.py) seldom hit the few milliseconds of a write; here each of them is hit.
"""

import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from movies_assets.core.window import Window
from movies_assets.definitions import TABLES
from movies_assets.warehouse import writer
from movies_assets.warehouse.database import Warehouse
from movies_assets.warehouse.schema import ensure_table
from movies_assets.warehouse.staging import stage_expression
from movies_assets_tests.conftest import contents_of, movie
from movies_assets_tests.faults.processes import FORKSERVER, in_child

pytestmark = pytest.mark.slow

DAY = "2025-10-30"
NOON = f"{DAY}T12:00:00"
SILVER = TABLES["silver.yts_movies"]
BRONZE = TABLES["bronze.yts_movies"]


class Recorder:
    """A connection that remembers what it was asked to execute."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.statements: list[tuple[Any, ...]] = []

    def execute(self, *args: Any) -> Any:
        self.statements.append(args)
        return self.connection.execute(*args)


class Fuse(Recorder):
    """A connection whose process is killed in place of a statement."""

    def __init__(self, connection: Any, burns_after: int) -> None:
        super().__init__(connection)
        self.burns_after = burns_after

    def execute(self, *args: Any) -> Any:
        if len(self.statements) == self.burns_after:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().execute(*args)


def write_silver(path: Path) -> list[tuple[Any, ...]]:
    """Write silver as the IO manager does, and return the statements within the transaction."""
    warehouse = Warehouse(path)
    with warehouse.session() as session, warehouse.transaction(session):
        connection: Any = Recorder(session)
        ensure_table(connection, SILVER.name, SILVER.contract)
        stage_expression(connection, SILVER, SILVER(BRONZE.contract.table(BRONZE.name)))
        window = Window(DAY, DAY)
        writer.write(connection, SILVER, window, "run")
        return connection.statements


def write_again(path: Path, statements: list[tuple[Any, ...]], burns_after: int) -> None:
    warehouse = Warehouse(path)
    with warehouse.session() as session:
        connection: Any = Fuse(session, burns_after)
        with warehouse.transaction(connection):
            for statement in statements:
                connection.execute(*statement)


def tables(path: Path) -> list[list[tuple[Any, ...]]]:
    contents = contents_of(Warehouse(path))
    return [contents[SILVER.name], contents[SILVER.quarantine]]


@pytest.fixture
def path(platform, yts) -> Path:
    """A warehouse with new rows in bronze, and silver still as it was before them."""
    yts.movies_listed = [movie(1, NOON), movie(2, NOON), movie(3, NOON, rating=11)]
    both = ["bronze/yts_movies", "silver/yts_movies"]
    platform.run(DAY, select=both, raise_on_error=False)  # a third in quarantine is too much
    yts.movies_listed = [movie(1, NOON, title="New"), movie(2, NOON, year=4000), movie(4, NOON)]
    platform.run(DAY, select=["bronze/yts_movies"])
    return platform.warehouse.path


def test_killed_between_any_two_statements_both_tables_are_old_or_new(path, tmp_path):
    old = tables(path)
    whole = Path(shutil.copy(path, tmp_path / "whole.duckdb"))
    statements = in_child(write_silver, whole)
    new = tables(whole)
    assert old[0] != new[0]
    assert old[1] != new[1]
    # ATTACH, USE, BEGIN before them; COMMIT, USE, DETACH after them.
    seen = []
    for burns_after in range(len(statements) + 6):
        copy = Path(shutil.copy(path, tmp_path / f"{burns_after}.duckdb"))
        process = FORKSERVER.Process(target=write_again, args=(copy, statements, burns_after))
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        seen.append(tables(copy))
        assert seen[-1] in (old, new), f"torn after {burns_after} statements"
    assert seen.index(new) == len(statements) + 4, "nothing is seen before COMMIT, all of it after"
