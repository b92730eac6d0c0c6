"""Loads with readers and other loads, and killed loads: no reader sees half of one."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from movies_assets.serving.postgres import READER, Target, load
from movies_assets.serving.postgres_server import PostgresError
from movies_assets.warehouse.published import Published
from movies_assets_tests.faults.processes import FORKSERVER
from movies_assets_tests.serving.postgres import LOADED, Database, rows_of_version

pytestmark = pytest.mark.slow

LOADS, ROWS = 20, 200
SIGKILL = -9
LONG = 20
PAUSE = 0.03
JOINED = (
    "SELECT count(*), min(part.version), max(part.version), min(title.version), max(title.version) "
    "FROM movies.part JOIN movies.title USING (title_key)"
)
ONE = "SELECT count(*), min(version), max(version) FROM movies.{}"


def is_whole(count: int, *versions: int) -> bool:
    """Say whether rows are all of one version, and all that there are of it."""
    return len({*versions, count - ROWS}) == 1


class Reader:
    """Reads again and again, in its own way, until it is stopped; it keeps the results."""

    def __init__(self, database: Database, read: Callable[[Any], list[tuple[Any, ...]]]) -> None:
        self.database, self.read = database, read
        self.seen: list[list[tuple[Any, ...]]] = []
        self.longest = 0.0
        self.is_over = threading.Event()

    def __call__(self) -> None:
        server, name = self.database.server, self.database.name
        with server.connected(name, "alice") as connection, connection.cursor() as cursor:
            while not self.is_over.is_set():
                started = time.monotonic()
                self.seen.append(self.read(cursor))
                self.longest = max(self.longest, time.monotonic() - started)
                time.sleep(PAUSE)


def ask(cursor: Any, query: str) -> tuple[Any, ...]:
    cursor.execute(query)
    (row,) = cursor.fetchall()
    return tuple(row)


def single_statements(cursor: Any) -> list[tuple[Any, ...]]:
    return [ask(cursor, JOINED)]


def in_transaction(level: str, *queries: str) -> Callable[[Any], list[tuple[Any, ...]]]:
    """Return what asks queries in one transaction, with a pause between them."""

    def read(cursor: Any) -> list[tuple[Any, ...]]:
        cursor.execute(f"BEGIN ISOLATION LEVEL {level} READ ONLY")
        seen = []
        for query in queries:
            seen.append(ask(cursor, query))
            time.sleep(0.002)
        cursor.execute("COMMIT")
        return [row for row in seen if len(row) > 1]

    return read


QUERIES = (ONE.format("title"), JOINED, ONE.format("part"))
READERS = {
    "single statements": single_statements,
    "read committed": in_transaction("READ COMMITTED", *QUERIES),
    "repeatable read": in_transaction("REPEATABLE READ", *QUERIES),
    # Of a moment before it looks at a table for the first time.
    "looks later": in_transaction("REPEATABLE READ", "SELECT 1", "SELECT 2", *QUERIES),
    "the other way round": in_transaction("REPEATABLE READ", *reversed(QUERIES)),
}


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(("single statements", "repeatable read", "looks later"), id="in one order"),
        pytest.param(("read committed", "the other way round"), id="in two orders"),
    ],
)
def test_no_reader_sees_an_error_or_parts_of_two_loads_during_twenty_loads(database, names):
    database.publish(rows_of_version(0, ROWS))
    load(database.published, LOADED, database.target())
    database.tell(f"GRANT {READER} TO alice")
    readers = [Reader(database, READERS[name]) for name in names]
    with ThreadPoolExecutor(len(readers)) as pool:
        running = [pool.submit(reader) for reader in readers]
        try:
            for version in range(1, LOADS + 1):
                database.publish(rows_of_version(version, ROWS))
                load(database.published, LOADED, database.target())
        finally:
            for reader in readers:
                reader.is_over.set()
        for reader in running:
            reader.result()
    for name, reader in zip(names, readers, strict=True):
        torn = [seen for seen in reader.seen if not all(is_whole(*row) for row in seen)]
        assert not torn, name
        mixed = [seen for seen in reader.seen if len({row[0] for row in seen}) > 1]
        assert not mixed, name
        assert len({seen[0][0] for seen in reader.seen}) > LOADS // 2, f"{name}: saw few loads"
        assert reader.longest < 5, f"{name} was held up for {reader.longest:.1f} s"


@contextmanager
def reading(database: Database, *statements: str) -> Iterator[Any]:
    """Have a transaction under way that has executed statements."""
    with (
        database.server.connected(database.name, "postgres") as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        for statement in statements:
            cursor.execute(statement)
            if cursor.description:
                cursor.fetchall()
        yield cursor


def test_an_open_cursor_is_read_to_its_end_and_then_comes_the_swap(database):
    database.publish(rows_of_version(1))
    load(database.published, LOADED, database.target())
    database.publish(rows_of_version(2))
    declared = "DECLARE rows CURSOR FOR SELECT version FROM movies.part"
    with ThreadPoolExecutor(1) as pool, reading(database, declared) as cursor:
        loading = pool.submit(load, database.published, LOADED, database.target())
        # By default the driver lets every query be one of COPY's.
        cursor.adbc_statement.set_options(**{"adbc.postgresql.use_copy": False})
        found = []
        for _ in range(4):
            time.sleep(0.3)
            cursor.execute("FETCH 60 FROM rows")
            found += cursor.fetchall()
        assert [version for (version,) in found] == [1] * (ROWS + 1)
        assert not loading.done()
        cursor.execute("COMMIT")
        loading.result(timeout=LONG)
    assert database.ask("SELECT max(version) FROM movies.part") == [(2,)]


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("SELECT count(*) FROM movies.part", id="has read a table"),
        pytest.param("SELECT 1", id="is older than the load"),
    ],
)
def test_a_reader_that_does_not_end_keeps_the_old_tables_and_is_named(database, statement):
    name = database.publish(rows_of_version(1))
    load(database.published, LOADED, database.target())
    database.publish(rows_of_version(2))
    with (
        reading(database, "SET application_name = 'a dashboard'", statement),
        pytest.raises(
            PostgresError, match=r"have been blocked .*process [0-9]+ of postgres \(a dashb"
        ),
    ):
        load(database.published, LOADED, database.target(wait_seconds=1))
    assert database.ask("SELECT snapshot_id FROM movies.snapshot") == [(name,)]
    assert database.schemas() == {"movies"}
    load(database.published, LOADED, database.target(wait_seconds=1))


def test_two_loads_at_once_wait_for_each_other(database):
    database.publish(rows_of_version(1, rows=5_000))
    with ThreadPoolExecutor(4) as pool:
        loads = [pool.submit(load, database.published, LOADED, database.target()) for _ in range(4)]
        for running in loads:
            running.result(timeout=60)
    assert database.ask("SELECT count(*) FROM movies.part") == [(5_001,)]
    assert database.schemas() == {"movies"}


def test_a_load_waits_for_another_one_only_so_long(database):
    database.publish(rows_of_version(1))
    lock = "SELECT pg_advisory_lock(hashtextextended('movies_assets movies', 0))::text"
    with (
        reading(database, lock),
        pytest.raises(PostgresError, match="another load into schema movies is still running"),
    ):
        load(database.published, LOADED, database.target(wait_seconds=0.5))


def load_in_child(folder: Path, target: Target) -> None:
    """Load, as a child process does."""
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        load(Published(folder), LOADED, target)


def killed_when(database: Database, condition: str) -> None:
    """Start a load and kill it as soon as a query answers with a row."""
    process = FORKSERVER.Process(
        target=load_in_child, args=(database.published.folder, database.target())
    )
    process.start()
    while process.is_alive() and not database.ask(condition):
        time.sleep(0.001)
    process.kill()
    process.join()
    assert process.exitcode == SIGKILL, "the load was over before it could be killed"


STAGED = "SELECT 1 FROM pg_class WHERE relnamespace = to_regnamespace('movies_staging')"


@pytest.mark.parametrize(
    ("moment", "rows"),
    [
        pytest.param(f"{STAGED} LIMIT 1", 100_000, id="rows are under way"),
        pytest.param(f"{STAGED} AND relname = 'title_pkey'", 100_000, id="keys are made"),
        pytest.param(
            "SELECT 1 FROM pg_namespace WHERE nspname = 'movies_staging' "
            f"AND has_schema_privilege('{READER}', oid, 'USAGE')",
            ROWS,
            id="waits for readers",
        ),
    ],
)
def test_a_load_that_is_killed_leaves_the_old_tables_and_the_next_one_works(database, moment, rows):
    name = database.publish(rows_of_version(1))
    load(database.published, LOADED, database.target())
    new = database.publish(rows_of_version(2, rows))
    with reading(database, "SELECT count(*) FROM movies.part"):
        killed_when(database, moment)
    assert database.ask("SELECT snapshot_id FROM movies.snapshot") == [(name,)]
    assert database.ask(JOINED) == [(201, 1, 1, 1, 1)]
    assert database.schemas() == {"movies", "movies_staging"}
    load(database.published, LOADED, database.target())
    assert database.ask("SELECT snapshot_id FROM movies.snapshot") == [(new,)]
    assert database.ask(JOINED) == [(rows + 2, 2, 2, 2, 2)]
    assert database.schemas() == {"movies"}
