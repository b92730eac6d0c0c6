"""A disk that is full or read-only: a clear message, and every row as before or as after."""

import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from movies_assets.warehouse import renewal
from movies_assets.warehouse.database import Warehouse, WarehouseError
from movies_assets_tests.faults.processes import in_child

pytestmark = pytest.mark.slow

NOBODY = 65_534
UNLIMITED = resource.RLIM_INFINITY


def store(path: Path, rows: int) -> None:
    """Add rows that do not compress, one transaction, in a table that may exist already."""
    warehouse = Warehouse(path)
    with warehouse.session() as session, warehouse.transaction(session):
        session.execute("CREATE TABLE IF NOT EXISTS t (h UBIGINT)")
        session.execute(f"INSERT INTO t SELECT hash(range) FROM range({rows})")


def count(path: Path) -> int:
    with Warehouse(path).reading() as session:
        return session.execute("SELECT count(*) FROM t").fetchall()[0][0]


def store_on_limited_files(path: Path, rows: int, room: int) -> tuple[str, int, int]:
    """Store while no file may grow by more than `room` bytes, then again without a limit."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + room, UNLIMITED))
    try:
        store(path, rows)
        message = ""
    except WarehouseError as error:
        message = str(error)
    resource.setrlimit(resource.RLIMIT_FSIZE, (UNLIMITED, UNLIMITED))
    before = count(path)
    store(path, 1)
    return message, before, count(path)


def renew_on_limited_files(path: Path) -> tuple[str, list[str]]:
    """Rewrite the file while no file may become as large as it is."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size // 2, UNLIMITED))
    try:
        renewal.renew(Warehouse(path))
        message = ""
    except WarehouseError as error:
        message = str(error)
    resource.setrlimit(resource.RLIMIT_FSIZE, (UNLIMITED, UNLIMITED))
    return message, [found.name for found in path.parent.iterdir() if found.is_file()]


def test_a_copy_for_which_there_is_no_room_is_removed_and_the_file_stays(path):
    store(path, 300_000)
    message, files = in_child(renew_on_limited_files, path)
    assert f"cannot rewrite {path}: is the disk full or read-only? The file is whole" in message
    assert files == [path.name]
    assert count(path) == 301_000
    renewal.renew(Warehouse(path))
    assert count(path) == 301_000


@pytest.fixture
def path(tmp_path) -> Path:
    path = tmp_path / "w.duckdb"
    store(path, 1_000)
    return path


@pytest.mark.parametrize(
    ("rows", "room", "outcome", "stored"),
    [
        pytest.param(1_000_000, 4_096, "Nothing was changed", 1_000, id="no room for the rows"),
        pytest.param(2_000, 4_096, "All of it is stored", 3_000, id="room for the log only"),
    ],
)
def test_where_files_cannot_grow_the_rows_are_old_or_new_and_the_message_says_which(
    path, rows, room, outcome, stored
):
    message, before, after = in_child(store_on_limited_files, path, rows, room)
    assert f"cannot write {path}: is the disk full or read-only? {outcome}" in message
    assert (before, after) == (stored, stored + 1)


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A file system of one megabyte."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if mount("-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)):
        pytest.skip("may not mount a file system here")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)  # noqa: S603, S607


def mount(*options: str) -> int:
    return subprocess.run(["mount", *options], check=False, capture_output=True).returncode  # noqa: S603, S607


def test_a_full_disk_keeps_the_old_rows_and_the_next_run_goes_through(path, small_disk):
    full = small_disk / "w.duckdb"
    shutil.copy(path, full)
    with pytest.raises(WarehouseError, match=r"is the disk full .* Nothing was changed"):
        in_child(store, full, 1_000_000)
    assert count(full) == 1_000
    assert mount("-o", "remount,size=64m", str(small_disk)) == 0
    store(full, 1_000_000)
    assert count(full) == 1_001_000


@contextmanager
def read_only(path: Path) -> Iterator[None]:
    """Forbid to write to a file and its folder."""
    path.chmod(0o444)
    path.parent.chmod(0o555)
    try:
        yield
    finally:
        path.parent.chmod(0o755)


def as_nobody(function, *args):
    """Call a function as a user who owns nothing; to root no file is read-only."""
    if os.getuid() == 0:
        os.setuid(NOBODY)
    return function(*args)


@pytest.fixture
def others_path(path) -> Iterator[Path]:
    """The database in a folder that every user reaches (`tmp_path` is private)."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(shutil.copy(path, folder))


def test_a_read_only_file_is_a_clear_error_and_can_still_be_read(others_path):
    with read_only(others_path):
        with pytest.raises(WarehouseError, match=f"cannot open {others_path}.*you may write"):
            in_child(as_nobody, store, others_path, 1)
        assert in_child(as_nobody, count, others_path) == 1_000


def test_a_file_in_a_read_only_folder_is_not_rewritten_and_the_error_explains_it(others_path):
    others_path.chmod(0o666)
    others_path.parent.chmod(0o555)
    with pytest.raises(WarehouseError, match=f"cannot (open|rewrite) {others_path}"):
        in_child(as_nobody, renew, others_path)
    others_path.parent.chmod(0o755)
    assert count(others_path) == 1_000


def renew(path: Path) -> None:
    renewal.renew(Warehouse(path))


def test_a_read_only_folder_for_a_new_warehouse_is_a_clear_error(others_path):
    new = others_path.parent / "new.duckdb"
    with (
        read_only(others_path),
        pytest.raises(WarehouseError, match=f"cannot open {new}.*you may write"),
    ):
        in_child(as_nobody, store, new, 1)
    assert not new.exists()


def store_and_die(path: Path) -> None:
    warehouse = Warehouse(path)
    with warehouse.session() as session, warehouse.transaction(session):
        session.execute("INSERT INTO t VALUES (1)")
        session.execute("COMMIT")
        os._exit(1)


def test_what_a_killed_writer_committed_is_read_without_permission_to_write(others_path):
    with pytest.raises(Exception, match="terminated abruptly"):
        in_child(store_and_die, others_path)
    log = others_path.with_suffix(".duckdb.wal")
    assert log.exists()
    log.chmod(0o444)
    with read_only(others_path):
        assert in_child(as_nobody, count, others_path) == 1_001
