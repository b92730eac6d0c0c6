"""Killed at any moment, forgetting leaves a warehouse that opens; the next run goes to the end.

A killed process leaves its files as they are. So it is killed where it replaces files, and before
all other steps its files are copied: the copies are what a kill would leave.
"""

import os
import shutil
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from movies_assets.core.contract import Contract, column
from movies_assets.definitions import TABLES, open_warehouse
from movies_assets.ingest.landing import Landing
from movies_assets.privacy.forgetting import folders_of_persons, forget
from movies_assets.settings import Settings, load
from movies_assets.warehouse import meta
from movies_assets.warehouse.database import Warehouse
from movies_assets.warehouse.published import Published
from movies_assets.warehouse.schema import ensure_table
from movies_assets.warehouse.snapshot import write_snapshot
from movies_assets_tests.faults.processes import FORKSERVER, digest, in_child

pytestmark = pytest.mark.slow

ADA, EMAIL, NAME = "7", "ada@x.example", "Ada Lovelace"
HEADER = "user_id,full_name,email,signup_date,preferred_genres,country\n"
HERS, OTHERS = (
    f"7,{NAME},{EMAIL},2020-01-01,drama,UK\n",
    "8,Bob,bob@x.example,2020-01-01,drama,US\n",
)
# What is asked of the system or the engine: a step is the moment before one of them.
SYSTEM = {"posix": {"chmod", "close", "fsync", "open", "replace", "unlink"}, "fcntl": {"flock"}}
METHODS = {"execute", "writelines"}


def store(data: Path) -> Settings:
    """Store Ada and Bob in two tables and two files, of which one names her by her address only."""
    settings = load(data_dir=data)
    warehouse = open_warehouse(settings)
    table = TABLES["bronze.ott_users"]
    rows = pd.DataFrame(
        {
            "user_id": [ADA, "8"],
            "full_name": [NAME, "Bob"],
            "email": [EMAIL, "bob@x.example"],
            "arrived_date": date(2025, 10, 30),
            "source_row": ["a", "b"],
        }
    )
    with warehouse.session() as session, warehouse.transaction(session):
        session.execute("SET force_compression = 'uncompressed'")
        ensure_table(session, table.name, table.contract)
        session.register("rows", rows)
        session.execute(f"INSERT INTO {table.name} BY NAME SELECT * FROM rows")
    for day, text in (("2025-10-01", HEADER + HERS + OTHERS), ("2025-10-02", f"torn,{EMAIL}\n")):
        file = settings.landing / "ott" / "users" / day / "users.csv"
        file.parent.mkdir(parents=True)
        file.write_text(HEADER + OTHERS + text.removeprefix(HEADER))
    for _ in range(2):
        publish_keys(settings)
    return settings


class UserKeys(Contract):
    """One row a user."""

    user_key: str = column("The user.", key=True)


def publish_keys(settings: Settings) -> None:
    """Let gold know the keys of Ada and Bob, and publish them."""
    published, warehouse = Published(settings.published_folder), open_warehouse(settings)
    users = TABLES["gold.ott_dim_user"]
    ids = f"SELECT unnest([{ADA}, 8]::VARCHAR[]) AS id"
    with warehouse.session() as session, warehouse.transaction(session):
        ensure_table(session, users.name, users.contract)
        keys = session.execute(f"SELECT ott_user_key(id) AS user_key FROM ({ids})").df()
        session.execute(f"DELETE FROM {users.name}")
        session.execute(f"INSERT INTO {users.name} BY NAME SELECT user_key FROM keys")
    with published.alone(), warehouse.reading() as session:
        path = published.unfinished("00000000")
        contracts = {"users": UserKeys, "tables": meta.Tables, "snapshot": meta.Snapshot}
        told = {
            "users": keys,
            "tables": pd.DataFrame({"table_name": []}, dtype=str),
            "snapshot": pd.DataFrame({"snapshot_id": ["it"]}),
        }
        write_snapshot(session, path, {}, contracts, told)
        published.put(path)


def forget_ada(*folders_of_data: Path) -> None:
    for data in folders_of_data:
        settings = load(data_dir=data)
        folders = [
            (Landing(settings.landing / "ott" / folder, f"ott/{folder}"), table)
            for folder, table in folders_of_persons(TABLES.values()).items()
        ]
        warehouse = open_warehouse(settings)
        published = Published(settings.published_folder)
        ada = frozenset([ADA])
        forget(warehouse, TABLES.values(), folders, published, ids=ada, run_id="00000000")


def at_each_step(do: Callable[[str, int], None]) -> None:
    """Call a function before each step of this process, with the step and its number."""
    number = 0

    def notice(_: Any, event: str, called: Any) -> None:
        nonlocal number
        if event == "c_call":
            owner = getattr(called.__self__, "__name__", "")
            if called.__name__ in METHODS | SYSTEM.get(owner, set()):
                number += 1
                do(called.__name__, number)

    sys.setprofile(notice)


def copy_before_each_step(data: Path, copies: Path) -> list[str]:
    """Copy a folder before each step of forgetting, if its files have changed; return the steps."""
    steps: list[str] = []
    states: set[bytes] = set()

    def copy(name: str, number: int) -> None:
        steps.append(name)
        if (state := digest(data)) not in states:
            states.add(state)
            shutil.copytree(data, copies / f"{number} ({name})")

    at_each_step(copy)
    forget_ada(data)
    sys.setprofile(None)
    return steps


def forget_and_die(data: Path, at: int) -> None:
    def die(_: str, number: int) -> None:
        if number == at:
            os.kill(os.getpid(), signal.SIGKILL)

    at_each_step(die)
    forget_ada(data)


def names_her(data: Path) -> list[str]:
    return [
        path.name
        for path in data.rglob("*")
        if path.is_file() and (EMAIL.encode() in path.read_bytes())
    ]


def bobs(data: Path) -> list[Any]:
    with Warehouse(load(data_dir=data).database).reading() as session:
        return session.execute(
            "SELECT user_id FROM bronze.ott_users WHERE user_id <> '7'"
        ).fetchall()


def files_of(data: Path) -> list[str]:
    """Return the names of the files; a snapshot has another one each time."""
    found = (path.name for path in data.rglob("*") if path.is_file())
    return sorted(name for name in found if not name.startswith("movies_"))


def keys_published(data: Path) -> list[int]:
    """Return how many keys each snapshot has, which all can be opened; the newest one is named."""
    published = Published(data / "published")
    assert published.current() in published.snapshots()
    numbers = []
    for path in published.snapshots():
        with duckdb.connect(path, read_only=True) as connection:
            numbers += connection.execute("SELECT count(*) FROM meta.users").fetchone() or ()
    return numbers


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kill") / "data"
    in_child(store, folder)
    assert sorted(names_her(folder)) == ["movies.duckdb", "users.csv", "users.csv"]
    return folder


def check_and_run_again(data: Path, killed: Sequence[Path]) -> None:
    """Check what killed processes have left of a folder, and that the next run goes to the end."""
    for copy in killed:
        assert bobs(copy) == [("8",)], f"killed before step {copy.name}, rows are lost"
        assert set(keys_published(copy)) in ({1}, {2}, {1, 2}), "no reader is without a snapshot"
    in_child(forget_ada, *killed)
    for copy in killed:
        assert names_her(copy) == [], f"killed before step {copy.name}, not all is erased"
        assert bobs(copy) == [("8",)]
        assert set(keys_published(copy)) == {1}
        assert files_of(copy) == files_of(data), "nothing is left behind"


def test_killed_before_any_step_it_can_be_run_again(data, tmp_path):
    whole = Path(shutil.copytree(data, tmp_path / "whole"))
    steps = in_child(copy_before_each_step, whole, tmp_path / "copies")
    assert {"execute", "fsync", "flock", "unlink"} <= set(steps)
    replaced = [number for number, name in enumerate(steps, 1) if name == "replace"]
    assert len(replaced) == 5, "a damaged file, a sound one, a snapshot, its name, the database"
    copies = [*(tmp_path / "copies").iterdir()]
    assert len(copies) > len(replaced)
    check_and_run_again(data, copies)
    killed = [tmp_path / str(at) for at in (*replaced, replaced[-1] + 1)]
    for folder in killed:
        shutil.copytree(data, folder)
        process = FORKSERVER.Process(target=forget_and_die, args=(folder, int(folder.name)))
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL, f"step {folder.name}"
    check_and_run_again(data, killed)
