"""Exports that are killed before any change they make: readers have old or new, and nothing stays.

Each has work to do: several tables and months that have changed since the last export.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from itertools import chain, count, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from adbc_driver_postgresql import dbapi
from deltalake import DeltaTable

from movies_assets.serving import delta, parquet, powerbi
from movies_assets.serving.postgres import Target, load
from movies_assets.warehouse.published import Published
from movies_assets_tests.faults.processes import in_child
from movies_assets_tests.faults.tracing import CAN_TRACE, changes_until_killed
from movies_assets_tests.serving import test_delta, test_parquet
from movies_assets_tests.serving.conftest import SHARED, export, facts, snapshot_of
from movies_assets_tests.serving.postgres import LOADED, Database, rows_of_version
from movies_assets_tests.serving.test_postgres_swap import JOINED

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CAN_TRACE, reason="needs Linux' ptrace, on x86-64 or ARM64"),
]

FACTS, GENRES, MOVIES = "gold.fact_movies", "gold.dim_genre", "gold.dim_movie"
OLD = facts({"2025-08-01": 1, "2025-09-30": 2, "2025-10-01": 300})
NEW = [
    {**row, "rating": 8.5} for row in facts({"2025-09-30": 2, "2025-10-01": 400, "2025-11-05": 4})
]


class Kind(NamedTuple):
    """A kind of files that leave: how they are written and read, and what should not be there."""

    write: Callable[[Path, Path], object]
    read: Callable[[Path], dict[str, Any]]
    left: Callable[[Path], list[str]]


def write_parquet(snapshot: Path, root: Path) -> None:
    target = parquet.folder(str(root), root)
    for name in (FACTS, GENRES):
        with export(snapshot, name) as found:
            parquet.write(found, target, str(root))


def read_parquet(root: Path) -> dict[str, Any]:
    return {table: test_parquet.read(root / table) for table in ("fact_movies", "dim_genre")}


def left_by_parquet(root: Path) -> list[str]:
    return [str(path) for path in (root / parquet.INCOMING).rglob("*") if path.is_file()]


def write_delta(snapshot: Path, root: Path) -> None:
    for name in (FACTS, GENRES):
        with export(snapshot, name) as found:
            delta.write(found, str(root), retention_hours=1)


def read_delta(root: Path) -> dict[str, Any]:
    tables = {name: DeltaTable(str(root / name)) for name in ("fact_movies", "dim_genre")}
    columns = {
        name: [field.name for field in table.schema().fields] for name, table in tables.items()
    }
    return {name: test_delta.rows_of(table, columns[name]) for name, table in tables.items()}


def left_by_delta(root: Path) -> list[str]:
    """Return the files that no commit names, and the unfinished ones."""
    commits = "".join(path.read_text() for path in root.glob("*/_delta_log/*.json"))
    return [
        str(path)
        for path in root.rglob("*")
        if path.is_file() and ("#" in path.name or path.suffix == ".parquet")
        if path.name not in commits
    ]


def write_powerbi(snapshot: Path, root: Path) -> None:
    """Write a project of one page, and of a table more in the new one."""
    tables = [FACTS, GENRES, MOVIES] if snapshot.stem == "new" else [FACTS, GENRES]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(powerbi, "PAGES", dict([*powerbi.PAGES.items()][:1]))
        powerbi.write({name: SHARED[name].contract for name in tables}, root / "powerbi")


def read_powerbi(root: Path) -> dict[str, Any]:
    folder = root / "powerbi"
    return {
        "project": {
            str(path.relative_to(folder)): path.read_text(encoding="utf-8")
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
    }


def left_by_powerbi(root: Path) -> list[str]:
    return [str(path) for path in root.iterdir() if path.name != "powerbi"]


KINDS = {
    "parquet": Kind(write_parquet, read_parquet, left_by_parquet),
    "delta": Kind(write_delta, read_delta, left_by_delta),
    "powerbi": Kind(write_powerbi, read_powerbi, left_by_powerbi),
}


def write_until_killed(kind: str, snapshot: Path, root: Path, kill_before: int) -> int:
    """Write in a process that is killed; return how many changes it began."""
    return changes_until_killed(
        lambda: KINDS[kind].write(snapshot, root), str(root.resolve()), kill_before
    )


def points(changes: int, most: int | None) -> Iterator[int]:
    """Yield the changes before which to kill: all of them, or so many from first to last."""
    if most is None or most >= changes:
        yield from range(1, changes + 1)
    else:
        yield from (1 + round(n * (changes - 1) / (most - 1)) for n in range(most))


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    ("kind", "most"),
    [
        pytest.param("parquet", 5, id="parquet, a few"),
        pytest.param("delta", 5, id="delta, a few"),
        pytest.param("powerbi", 3, id="powerbi, a few"),
        pytest.param("parquet", None, id="parquet, all", marks=SLOW),
        pytest.param("delta", None, id="delta, all", marks=SLOW),
        pytest.param("powerbi", None, id="powerbi, all", marks=SLOW),
    ],
)
def test_killed_before_any_change_each_table_is_old_or_new_and_the_next_run_completes_all(
    tmp_path, kind, most
):
    write, read, left = KINDS[kind]
    tables = {FACTS: (OLD, NEW), GENRES: ([{"genre_name": "Drama"}], [{"genre_name": "Crime"}])}
    old, new = (
        snapshot_of(
            tmp_path / f"{name}.duckdb",
            {table: (SHARED[table].contract, rows[at]) for table, rows in tables.items()},
        )
        for at, name in enumerate(("old", "new"))
    )
    before, complete = tmp_path / "before", tmp_path / "complete"
    write(old, before)
    shutil.copytree(before, complete)
    changes = in_child(write_until_killed, kind, new, complete, 0)
    expected = [read(before), read(complete)]
    seen = {table: set[int]() for table in expected[0]}
    for point in points(changes, most):
        root = tmp_path / str(point)
        shutil.copytree(before, root)
        assert in_child(write_until_killed, kind, new, root, point) == point
        for table, rows in read(root).items():
            states = [state[table] for state in expected]
            assert rows in states, f"{table} is torn when killed before change {point}"
            seen[table].add(states.index(rows))
        write(new, root)
        assert read(root) == expected[1]
        if kind == "delta":  # they go when they are older than the retention
            for path in left(root):
                os.utime(path, (0, 0))
            write(new, root)
            assert read(root) == expected[1]
        assert left(root) == [], f"something stays when killed before change {point}"
        shutil.rmtree(root)
    assert set(range(2)) in seen.values()
    if most is None:
        assert all(states == {0, 1} for states in seen.values()), "each was killed before and after"


def load_until_killed(folder: Path, target: Target, kill_before: int) -> int:
    """Load in a process that is killed; return how many messages it began to send."""
    return changes_until_killed(
        lambda: load(Published(folder), LOADED, target), "socket:", kill_before
    )


def messages_around_commits(folder: Path, target: Target) -> list[int]:
    """Load; return the messages just before and after the server has committed something."""
    snapshots: list[Any] = []
    with dbapi.connect(target.url.get_secret_value(), autocommit=True) as connection:
        cursor = connection.cursor()

        def look() -> None:
            cursor.execute("SELECT pg_current_snapshot()::text")
            snapshots.append(cursor.fetchone())

        changes_until_killed(lambda: load(Published(folder), LOADED, target), "socket:", look=look)
    pairs = enumerate(pairwise(snapshots), 1)
    commits = [number for number, (before, after) in pairs if before != after]
    return sorted({1, *commits, *(number + 1 for number in commits)})


@pytest.mark.parametrize(
    "most", [pytest.param(5, id="a few"), pytest.param(None, id="each commit", marks=SLOW)]
)
def test_killed_around_any_commit_postgres_has_old_or_new_tables_and_the_next_load_all(
    database: Database, most
):
    """What a killed load leaves is what the server has committed."""
    folder, target = database.published.folder, database.target()
    state = f"SELECT snapshot_id, joined.* FROM movies.snapshot, ({JOINED}) AS joined"

    def published(version: int) -> list[tuple[Any, ...]]:
        name = database.publish(rows_of_version(version))
        return [(name, 200 + version, *[version] * 4)]

    published(1)
    load(database.published, LOADED, target)
    old = published(2)
    if most is None:
        around = in_child(messages_around_commits, folder, target)
        # A load that waits for readers sends more messages: the last ones are those until one ends.
        kills = chain(around, count(around[-1] + 1))
    else:
        kills = points(in_child(load_until_killed, folder, target, 0), most)
    assert database.ask(state) == old
    seen = set()
    for version, point in enumerate(kills, 3):
        new = published(version)
        is_killed = in_child(load_until_killed, folder, target, point) == point
        found = database.ask(state)
        assert found in (old, new), f"torn when killed before message {point}"
        load(database.published, LOADED, target)
        assert database.ask(state) == new
        assert database.schemas() == {"movies"}
        if not is_killed:
            break
        seen.add((old, new).index(found))
        old = new
    assert seen == {0, 1} if most is None else 0 in seen
