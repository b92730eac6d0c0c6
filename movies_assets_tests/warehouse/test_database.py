"""The DuckDB file: sessions, locks, transactions, and errors in plain words."""

import os
import threading
from dataclasses import replace
from functools import partial

import duckdb
import pytest

from movies_assets.warehouse.database import Warehouse, WarehouseError
from movies_assets.warehouse.renewal import renew
from movies_assets_tests.warehouse.tables import held


@pytest.fixture
def warehouse(tmp_path):
    return Warehouse(tmp_path / "data" / "w.duckdb", lock_wait_seconds=0.3)


def make(warehouse, sql="CREATE TABLE t AS SELECT 1 AS i"):
    with warehouse.session() as session, warehouse.transaction(session):
        session.execute(sql)


def rows(warehouse):
    with warehouse.reading() as session:
        return session.execute("FROM t ORDER BY ALL").fetchall()


class Mishap(Exception):  # noqa: N818
    """Something of a caller's that goes wrong within a transaction."""


def test_the_folder_is_made_on_the_first_write(warehouse):
    make(warehouse)
    assert rows(warehouse) == [(1,)]


def test_reading_needs_a_warehouse_and_says_how_to_get_one(warehouse):
    with pytest.raises(WarehouseError, match="materialize something first"):
        rows(warehouse)
    assert not warehouse.path.exists()


def test_reading_cannot_write(warehouse):
    make(warehouse)
    with (
        pytest.raises(duckdb.InvalidInputException, match="read-only"),
        warehouse.reading() as session,
    ):
        session.execute("INSERT INTO t VALUES (2)")


@pytest.mark.parametrize("error", [Mishap, KeyboardInterrupt])
def test_an_error_undoes_the_whole_transaction(warehouse, error):
    def fail(session):
        session.execute("INSERT INTO t VALUES (2)")
        session.execute("CREATE TABLE another (i INT)")
        raise error

    make(warehouse)
    with warehouse.session() as session, pytest.raises(error), warehouse.transaction(session):
        fail(session)
    assert rows(warehouse) == [(1,)]
    make(warehouse, "CREATE TABLE another (i INT)")


def test_an_error_lets_go_of_the_file(warehouse):
    make(warehouse)
    with pytest.raises(Mishap), warehouse.reading():
        raise Mishap
    with held(warehouse.path):
        pass


def test_a_session_does_not_hold_the_file_while_rows_are_collected(warehouse):
    make(warehouse)
    with warehouse.session() as session:
        session.execute("CREATE TEMP TABLE stage AS SELECT 2 AS i")
        with held(warehouse.path, seconds=0.1):
            pass
        with warehouse.transaction(session):
            session.execute("INSERT INTO t FROM stage")
    assert rows(warehouse) == [(1,), (2,)]


def test_sessions_do_not_see_each_others_staged_rows(warehouse):
    with warehouse.session() as first, warehouse.session() as second:
        first.execute("CREATE TEMP TABLE stage AS SELECT 1")
        second.execute("CREATE TEMP TABLE stage AS SELECT 2")
        assert first.execute("FROM stage").fetchall() == [(1,)]


def test_threads_of_a_process_write_one_after_the_other(warehouse):
    make(warehouse)
    patient = replace(warehouse, lock_wait_seconds=60)
    threads = [
        threading.Thread(target=make, args=(patient, f"INSERT INTO t VALUES ({number})"))
        for number in range(2, 8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rows(warehouse) == [(number,) for number in range(1, 8)]


def test_another_thread_is_not_waited_for_without_end(warehouse):
    make(warehouse)
    with warehouse.reading(), pytest.raises(WarehouseError, match=r"still in use after 0.3 s"):
        make(warehouse)


def test_a_reader_waits_for_another_process_that_writes(warehouse):
    make(warehouse)
    with held(warehouse.path), pytest.raises(WarehouseError, match=r"still in use.*\(PID \d+\)"):
        rows(warehouse)
    assert rows(warehouse) == [(1,)]


@pytest.mark.parametrize("name", ["w.duckdb", "block by block.duckdb", "it's.duckdb"])
def test_a_file_that_is_no_database_is_named_and_left_alone(tmp_path, name):
    path = tmp_path / name
    path.write_text("id;title\n" * 1_000)
    warehouse = Warehouse(path, lock_wait_seconds=5)
    for use in (rows, make):
        with pytest.raises(WarehouseError, match="is not a DuckDB database") as error:
            use(warehouse)
        assert str(path) in str(error.value)
        assert "MOVIES_WAREHOUSE__PATH" in str(error.value)
    assert path.read_text() == "id;title\n" * 1_000


def test_a_folder_in_place_of_the_file_is_a_clear_error(tmp_path):
    with pytest.raises(WarehouseError, match=f"cannot open {tmp_path}"):
        make(Warehouse(tmp_path))


def test_a_file_in_place_of_the_folder_is_a_clear_error(tmp_path):
    (tmp_path / "data").write_text("")
    with pytest.raises(WarehouseError, match="cannot make the folder"):
        make(Warehouse(tmp_path / "data" / "w.duckdb"))


def damage(path, kind):
    size = path.stat().st_size
    if kind == "cut":
        os.truncate(path, size // 2)
    else:
        place = {"header": 4096, "rows": 12_288}[kind]
        with path.open("r+b") as file:
            file.seek(place)
            file.write(b"overwritten " * 8_000)


@pytest.mark.parametrize("kind", ["cut", "header", "rows"])
@pytest.mark.parametrize("use", [rows, partial(make, sql="INSERT INTO t FROM t"), renew])
def test_a_damaged_file_is_named_with_the_way_to_rebuild_it(warehouse, kind, use):
    make(warehouse, "CREATE TABLE t AS SELECT md5(range::VARCHAR) AS i FROM range(100000)")
    damage(warehouse.path, kind)
    with pytest.raises(WarehouseError) as error:
        use(warehouse)
    message = str(error.value)
    assert f"{warehouse.path} is damaged. Readers keep the published snapshot." in message
    assert "docs/how-to/rebuild-the-warehouse.md" in message
    assert "disk is not full" not in message


def change_with_hardly_any_memory(warehouse, checkpoint):
    with warehouse.session() as session, warehouse.transaction(session):
        # DuckDB writes what was changed into the file at the commit, or when it closes the file.
        session.execute(f"SET wal_autocheckpoint = '{checkpoint}'")
        session.execute("UPDATE t SET i = i || 'x'")
        session.execute("INSERT INTO t FROM range(1000)")
        # One block of the table more or less is in memory; without need, it gives way.
        used = session.execute(
            "SELECT sum(memory_usage_bytes) FROM duckdb_memory() WHERE tag <> 'BASE_TABLE'"
        ).fetchall()
        session.execute(f"SET memory_limit = '{used[0][0] // 1_000 + 3 * 262 + 100}KB'")


@pytest.mark.parametrize("checkpoint", ["1KB", "1TB"])
def test_too_little_memory_at_the_end_of_a_transaction_is_called_so(tmp_path, checkpoint):
    # How much memory several threads hold at a moment is another amount each time.
    warehouse = Warehouse(tmp_path / "w.duckdb", memory_limit="512MB", spill_limit="0MB", threads=1)
    make(warehouse, "CREATE TABLE t AS SELECT md5(range::VARCHAR) AS i FROM range(20000)")
    with pytest.raises(WarehouseError, match=r"MOVIES_WAREHOUSE__MEMORY_LIMIT \(512MB\)") as told:
        change_with_hardly_any_memory(warehouse, checkpoint)
    is_stored = len(rows(replace(warehouse, memory_limit="192MB"))) == 21_000
    assert ("All of it is stored" if is_stored else "Nothing was changed") in str(told.value)
    assert is_stored == (checkpoint == "1TB")
    assert "disk full" not in str(told.value)
