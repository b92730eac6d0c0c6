"""Snapshots made by hand, tables of them on their way out, and a PostgreSQL server."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from movies_assets.core.contract import Contract
from movies_assets.core.table import Table
from movies_assets.definitions import TABLES, open_warehouse
from movies_assets.orchestration.publishing.published import shared_tables
from movies_assets.serving.exports import Export, NewerSnapshotError, reading
from movies_assets.serving.postgres import READER
from movies_assets.settings import load
from movies_assets.warehouse.meta import Tables
from movies_assets.warehouse.published import STAMP, UNFINISHED, Published
from movies_assets.warehouse.schema import ensure_table
from movies_assets.warehouse.types import duckdb_types
from movies_assets_tests.serving.postgres import LOADER, MISSING, Database, Server, binaries
from movies_assets_tests.serving.postgres import running_server as run_server

NUMBERS = count()
Rows = Sequence[Mapping[str, Any]]
SHARED = shared_tables(TABLES)


def snapshot_of(path: Path, tables: Mapping[str, tuple[type[Contract], Rows]]) -> Path:
    """Write a snapshot with these tables; what a row does not say is NULL."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(path) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for name, (contract, rows) in tables.items():
            ensure_table(connection, name, contract)
            if rows:
                frame = pd.DataFrame([*rows], dtype=object)
                types = duckdb_types(contract)
                columns = ", ".join(
                    f"{column}::{types[column]} AS {column}" for column in frame.columns
                )
                connection.execute(f"INSERT INTO {name} BY NAME SELECT {columns} FROM frame")
    return path


@contextmanager
def export(
    path: Path, name: str, contract: type[Contract] | None = None, snapshot: str | None = None
) -> Iterator[Export]:
    """Open a table of a snapshot; unless it is named, it is newer than all before."""
    table: Table = replace(SHARED[name], contract=contract) if contract else SHARED[name]
    warehouse = open_warehouse(load(data_dir=path.parent / "data"))
    with reading(warehouse, path) as connection:
        yield Export(table, connection, snapshot or f"movies_{datetime.now(UTC):%Y%m%dT%H%M%S%f}Z")


Make = Callable[..., AbstractContextManager[Export]]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Make a snapshot of one table, and open the table."""
    numbers = iter(range(1_000))

    @contextmanager
    def opened(name: str, rows: Rows, contract: type[Contract] | None = None) -> Iterator[Export]:
        path = tmp_path / "snapshots" / f"movies_{next(numbers)}.duckdb"
        snapshot_of(path, {name: (contract or SHARED[name].contract, rows)})
        with export(path, name, contract) as found:
            yield found

    return opened


def facts(days: Mapping[str, int]) -> Rows:
    """Return rows of `gold.fact_movies`: of each day so many."""
    return [
        {"movie_key": 1_000 * place + number, "rating": 7.5, "uploaded_date": day}
        for place, (day, count) in enumerate(days.items())
        for number in range(count)
    ]


NAMES = ("movies_20251001T000000000000Z_b", "movies_20251001T000000000001Z_a")


def newer_first(
    folder: Path, older: Rows, newer: Rows, write: Callable[[Export], object]
) -> tuple[str, list[tuple[Any, ...]]]:
    """Write the newer one of two states of `gold.fact_movies`, then the older one.

    Returns:
        Why the older one was refused, and the rows of the newer one.
    """
    name, refused = "gold.fact_movies", ""
    for snapshot, rows in reversed([*zip(NAMES, (older, newer), strict=True)]):
        path = snapshot_of(folder / f"{snapshot}.duckdb", {name: (SHARED[name].contract, rows)})
        with export(path, name, snapshot=snapshot) as found:
            if snapshot == NAMES[1]:
                write(found)
                expected = rows_in(found)
            else:
                with pytest.raises(NewerSnapshotError) as told:
                    write(found)
                refused = str(told.value)
    return refused, expected


def rows_in(export: Export) -> list[tuple[Any, ...]]:
    """Return the rows that leave, the added month included, in order."""
    return export.connection.execute(f"FROM ({export.query}) ORDER BY ALL").fetchall()


@pytest.fixture(scope="session")
def stored_snapshot(published_day: Published) -> Path:
    """A snapshot of a day of sound rows in every table."""
    return published_day.current()


UNWRITTEN = {"layer": "gold", "source": "yts", "description": "", "is_published": True}


def publish(
    folder: Path,
    tables: Mapping[str, Rows],
    at: datetime | None = None,
    unwritten: Sequence[str] = (),
) -> Path:
    """Publish a snapshot with these rows, and with all other tables empty; by default now.

    `meta.tables` marks the `unwritten` ones as never written to the warehouse.
    """
    published = Published(folder)
    path = published.unfinished("00000000")
    if at:
        path = path.with_name(f"movies_{at:{STAMP}}_00000000.duckdb{UNFINISHED}")
    stored = {name: (table.contract, tables.get(name, ())) for name, table in SHARED.items()}
    known = [{"table_name": name, **UNWRITTEN} for name in unwritten]
    snapshot_of(path, {**stored, "meta.tables": (Tables, known)})
    return published.put(path)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """One server a test process; it starts within about two seconds."""
    found = binaries()
    if not found:
        pytest.skip(MISSING)
    with run_server(found) as server:
        yield server


@pytest.fixture
def database(postgres_server: Server, tmp_path: Path) -> Iterator[Database]:
    """An empty database, in which the loader may make schemas, and a folder of snapshots."""
    name = f"movies{next(NUMBERS)}"
    # From a template without connections.
    postgres_server.tell(
        "postgres",
        f"CREATE DATABASE {name} TEMPLATE template0",
        f"GRANT CREATE ON DATABASE {name} TO {LOADER}",
    )
    yield Database(postgres_server, name, Published(tmp_path / "published"))
    postgres_server.tell(
        "postgres",
        f"DROP DATABASE {name} WITH (FORCE)",
        f"DROP ROLE IF EXISTS {READER}",
    )
