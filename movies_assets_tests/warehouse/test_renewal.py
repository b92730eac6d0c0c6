"""The file is rewritten: deleted rows are gone, everything else stays, no write is lost."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from movies_assets.warehouse import locks, renewal
from movies_assets.warehouse.database import Warehouse, WarehouseError
from movies_assets_tests.faults.processes import FORKSERVER, in_child

DELETED = "Ada who is deleted"
OBJECTS = f"""
CREATE SCHEMA silver;
CREATE SEQUENCE numbers START 5;
CREATE TABLE silver.films (
    title VARCHAR NOT NULL USING COMPRESSION zstd,
    name VARCHAR USING COMPRESSION dictionary,
    plain VARCHAR USING COMPRESSION uncompressed,
    number BIGINT DEFAULT 7,
    genres VARCHAR[]
);
COMMENT ON TABLE silver.films IS 'One row a film.';
COMMENT ON COLUMN silver.films.title IS 'Its title.';
CREATE VIEW silver.titles AS SELECT title FROM silver.films;
CREATE TABLE films (id BIGINT PRIMARY KEY, name VARCHAR CHECK (name <> 'x'));
CREATE INDEX by_name ON films (name);
INSERT INTO silver.films
SELECT hash(range), hash(range), hash(range), nextval('numbers'), ['a', 'b'] FROM range(1000);
INSERT INTO silver.films (title, plain) VALUES ('Ada', '{DELETED}');
INSERT INTO films VALUES (1, 'Ada');
"""
DESCRIBED = (
    "SELECT schema_name, table_name, comment, index_count, sql FROM duckdb_tables()",
    "SELECT table_name, column_name, comment, is_nullable, column_default FROM duckdb_columns()",
    "SELECT schema_name, sequence_name, start_value, last_value FROM duckdb_sequences()",
    "SELECT schema_name, view_name, sql FROM duckdb_views()",
    "SELECT index_name, table_name, is_unique FROM duckdb_indexes()",
    "SELECT table_name, constraint_type, constraint_text FROM duckdb_constraints()",
)
COMPRESSIONS = (
    "SELECT DISTINCT column_name, compression FROM pragma_storage_info('silver.films') "
    "WHERE segment_type = 'VARCHAR' ORDER BY ALL"
)


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    warehouse = Warehouse(tmp_path / "data" / "w.duckdb", lock_wait_seconds=60)
    with warehouse.session() as session, warehouse.transaction(session):
        for statement in OBJECTS.strip().split(";\n"):
            session.execute(statement)
    return warehouse


def add(path: Path, number: int) -> None:
    warehouse = Warehouse(path, lock_wait_seconds=60)
    with warehouse.session() as session, warehouse.transaction(session):
        session.execute(f"INSERT INTO films VALUES ({number}, 'added')")


def ids(warehouse: Warehouse) -> list[int]:
    with warehouse.reading() as session:
        return [
            number for (number,) in session.execute("SELECT id FROM films ORDER BY id").fetchall()
        ]


def described(warehouse: Warehouse) -> list[list[tuple[object, ...]]]:
    with warehouse.reading() as session:
        return [
            session.execute(f"{query} WHERE database_name = 'warehouse' ORDER BY ALL").fetchall()
            for query in DESCRIBED
        ] + [session.execute(COMPRESSIONS).fetchall()]


def files(warehouse: Warehouse) -> list[str]:
    return sorted(path.name for path in warehouse.path.parent.iterdir() if path.is_file())


def test_schemas_comments_compression_constraints_and_sequences_stay(warehouse):
    before = described(warehouse)
    assert all(before)
    assert dict(before[-1]) == {
        "title": "ZSTD", "name": "Dictionary", "plain": "Uncompressed", "genres": "Dictionary"
    }  # fmt: skip
    renewal.renew(warehouse)
    assert described(warehouse) == before
    with warehouse.session() as session, warehouse.transaction(session):
        assert session.execute("SELECT nextval('numbers')").fetchall() == [(1005,)]
        session.execute("INSERT INTO silver.films SELECT * FROM silver.films")
    assert set(before[-1]) <= set(described(warehouse)[-1])


def test_of_deleted_rows_no_byte_stays(warehouse):
    with warehouse.session() as session, warehouse.transaction(session):
        session.execute("DELETE FROM silver.films WHERE title = 'Ada'")
    assert DELETED.encode() in warehouse.path.read_bytes()
    renewal.renew(warehouse)
    assert DELETED.encode() not in warehouse.path.read_bytes()
    assert files(warehouse) == ["w.duckdb"]


def test_the_file_stays_readable_by_duckdb_1_2(warehouse):
    def version() -> bytes:
        return warehouse.path.read_bytes()[12:20]

    before = version()
    renewal.renew(warehouse)
    assert version() == before


def test_permissions_stay_and_a_link_stays_a_link(warehouse, tmp_path):
    warehouse.path.chmod(0o640)
    link = tmp_path / "link.duckdb"
    link.symlink_to(warehouse.path)
    before = warehouse.path.stat().st_ino
    renewal.renew(Warehouse(link))
    assert link.is_symlink()
    assert warehouse.path.stat().st_ino != before
    assert warehouse.path.stat().st_mode & 0o777 == 0o640
    assert ids(Warehouse(link)) == [1]


def add_and_die(path: Path) -> None:
    warehouse = Warehouse(path)
    with warehouse.session() as session, warehouse.transaction(session):
        session.execute("INSERT INTO films VALUES (2, 'in the log')")
        session.execute("COMMIT")
        os._exit(1)


@pytest.mark.slow
def test_what_a_killed_writer_left_in_the_log_is_in_the_new_file(warehouse):
    with pytest.raises(Exception, match="terminated abruptly"):
        in_child(add_and_die, warehouse.path)
    assert files(warehouse) == ["w.duckdb", "w.duckdb.wal"]
    renewal.renew(warehouse)
    assert files(warehouse) == ["w.duckdb"]
    assert ids(warehouse) == [1, 2]


def test_files_of_a_killed_renewal_do_no_harm_and_are_removed(warehouse):
    for name in (".w.duckdb.new", ".w.duckdb.new.wal"):
        (warehouse.path.parent / name).write_text("half of a file")
    renewal.renew(warehouse)
    assert files(warehouse) == ["w.duckdb"]


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_writer_that_waits_while_the_file_is_replaced_writes_into_the_new_one(
    warehouse, monkeypatch, moment
):
    """The writer begins just before, or just after the new file has the name of the old one."""
    writers = []
    take_place = renewal._replace

    def start() -> None:
        writer = FORKSERVER.Process(target=add, args=(warehouse.path, 2))
        writer.start()
        writers.append(writer)
        # Before, it finds the file locked, and asks again and again; after, the lock is the old
        # file's, and harmless.
        writer.join(1 if moment == "before" else 60)
        assert writer.is_alive() == (moment == "before")

    def replace(file: Path, new: Path) -> None:
        if moment == "before":
            start()
        take_place(file, new)
        if moment == "after":
            start()

    monkeypatch.setattr(renewal, "_replace", replace)
    old = warehouse.path.stat().st_ino
    renewal.renew(warehouse)
    writers[0].join()
    assert writers[0].exitcode == 0
    assert warehouse.path.stat().st_ino != old
    assert ids(warehouse) == [1, 2]
    assert files(warehouse) == ["w.duckdb"]


def test_no_process_opens_the_file_while_it_is_renamed(warehouse):
    """DuckDB opens a file and locks it then: in between, it must stay the one of that name."""
    with locks.folder_locked(warehouse.path.parent, exclusive=True):
        writer = FORKSERVER.Process(target=add, args=(warehouse.path, 2))
        writer.start()
        writer.join(1)
        assert writer.is_alive()
        copy = Path(f"{warehouse.path}.copy")
        copy.write_bytes(warehouse.path.read_bytes())
        copy.replace(warehouse.path)
    writer.join()
    assert ids(warehouse) == [1, 2]


def add_many(path: Path, first: int) -> None:
    for number in range(first, first + 40):
        add(path, number)


@pytest.mark.slow
def test_of_rows_that_are_written_while_the_file_is_renewed_again_and_again_none_is_lost(warehouse):
    writers = [
        FORKSERVER.Process(target=add_many, args=(warehouse.path, first)) for first in (100, 200)
    ]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        renewal.renew(warehouse)
        time.sleep(0.02)
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert ids(warehouse) == [1, *range(100, 140), *range(200, 240)]


def test_without_room_the_error_shows_how_much_is_missing(warehouse, monkeypatch):
    size = warehouse.path.stat().st_size
    usage = type(renewal.shutil.disk_usage("/"))
    monkeypatch.setattr(renewal.shutil, "disk_usage", lambda _: usage(10**9, 10**9 - 9, 9))
    with pytest.raises(WarehouseError, match=f"9 are free: {size - 9:,} are missing"):
        renewal.renew(warehouse)
    assert files(warehouse) == ["w.duckdb"]


def test_a_copy_that_does_not_hold_the_same_rows_never_takes_the_place(warehouse, monkeypatch):
    counts = iter([[("main", "films", 1)], [("main", "films", 0)]])
    monkeypatch.setattr(renewal, "_counts", lambda *_: next(counts))
    before = warehouse.path.stat().st_ino
    with pytest.raises(WarehouseError, match="does not hold the same rows"):
        renewal.renew(warehouse)
    assert warehouse.path.stat().st_ino == before
    assert files(warehouse) == ["w.duckdb"]


class Littered(Warehouse):
    """A warehouse that always has a log when it is opened for reading."""

    @contextmanager
    def attached_read_only(self, connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
        with super().attached_read_only(connection):
            self.path.with_name(f"{self.path.name}.wal").touch()
            yield


def test_a_file_with_a_log_is_never_replaced(warehouse):
    before = warehouse.path.stat().st_ino
    with pytest.raises(WarehouseError, match="another program writes to it again and again"):
        renewal.renew(Littered(warehouse.path))
    assert warehouse.path.stat().st_ino == before
    assert ids(warehouse) == [1]


def test_without_a_warehouse_nothing_is_made(tmp_path):
    with pytest.raises(WarehouseError, match="there is no warehouse"):
        renewal.renew(Warehouse(tmp_path / "w.duckdb"))
    assert not (tmp_path / "w.duckdb").exists()
