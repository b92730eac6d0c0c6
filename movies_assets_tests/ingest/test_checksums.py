"""An unchanged file is hashed once in a process, and a replaced one is never missed."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from movies_assets.ingest import checksums as module
from movies_assets.ingest.landing import Landing

PATH = "2025-10-31/titles.csv"
OLD, NEW = "a,b\n1,2\n", "a,b\n1,3\n"


class Surveys:
    """Surveys of a landing folder at any distance in time."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.file = folder / PATH
        self.file.parent.mkdir()
        self.file.write_text(OLD)
        self.landing = Landing(folder, "netflix/titles")
        self.later = 0.0
        self.hashed: list[str] = []
        clock, monotonic, hash_ = (
            module.time.time_ns,
            module.time.monotonic,
            module.content_checksum,
        )
        monkeypatch.setattr(module.time, "time_ns", lambda: clock() + int(self.later * 10**9))
        monkeypatch.setattr(module.time, "monotonic", lambda: monotonic() + self.later)

        def counted(file):
            self.hashed.append(file.name)
            return hash_(file)

        monkeypatch.setattr(module, "content_checksum", counted)

    def survey(self, after: float = 3_600) -> tuple[str, bool]:
        """Return the file's checksum some seconds later, and whether the file was hashed for it."""
        self.later += after
        self.hashed.clear()
        (arrival,) = self.landing.survey().arrivals
        return arrival.checksum, bool(self.hashed)


@pytest.fixture
def surveys(tmp_path, monkeypatch) -> Surveys:
    return Surveys(tmp_path, monkeypatch)


def test_a_file_that_stays_as_it_is_is_hashed_once(surveys):
    checksum, is_hashed = surveys.survey()
    assert is_hashed
    assert [surveys.survey() for _ in range(3)] == [(checksum, False)] * 3


def test_a_file_that_has_just_changed_is_hashed_until_no_change_can_hide(surveys):
    """Within the same tick of the clock, a second change leaves the times as they are."""
    found = [surveys.survey(after) for after in (0, 60, module.SETTLED_SECONDS, 60)]
    assert [is_hashed for _, is_hashed in found] == [True, True, True, False]


def test_a_file_from_the_future_is_hashed_each_time(surveys):
    assert [surveys.survey(after)[1] for after in (-7_200, 60, 60)] == [True, True, True]


def overwrite(file: Path) -> None:
    file.write_text(NEW)


def rename(file: Path) -> None:
    other = file.with_name("other.part")
    other.write_text(NEW)
    keep_times(file, other)
    other.replace(file)


def copy_with_times(file: Path) -> None:
    other = file.with_name("other.part")
    other.write_text(NEW)
    keep_times(file, other)
    shutil.copy2(other, file)
    other.unlink()


def link(file: Path) -> None:
    other = file.with_name("other.part")
    other.write_text(NEW)
    keep_times(file, other)
    file.unlink()
    file.symlink_to(other)


def keep_times(old: Path, new: Path) -> None:
    times = old.stat().st_atime_ns, old.stat().st_mtime_ns
    os.utime(new, ns=times)


@pytest.mark.parametrize("change", [overwrite, rename, copy_with_times, link])
def test_a_replaced_file_of_the_same_size_and_time_is_another_one(
    surveys: Surveys, change: Callable[[Path], None]
):
    checksum, _ = surveys.survey()
    assert surveys.survey() == (checksum, False)
    times = surveys.file.stat()
    change(surveys.file)
    if not surveys.file.is_symlink():
        os.utime(surveys.file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert (surveys.file.stat().st_size, surveys.file.stat().st_mtime_ns) == (
        times.st_size,
        times.st_mtime_ns,
    )
    other, is_hashed = surveys.survey()
    assert is_hashed
    assert other != checksum


def test_a_file_that_was_only_touched_is_the_same_one(surveys):
    checksum, _ = surveys.survey()
    surveys.file.touch()
    assert surveys.survey() == (checksum, True)


def test_a_file_that_changes_while_it_is_hashed_is_hashed_again(surveys, monkeypatch):
    counted = module.content_checksum

    def changing(file):
        checksum = counted(file)
        surveys.file.write_text(NEW)
        return checksum

    monkeypatch.setattr(module, "content_checksum", changing)
    old, _ = surveys.survey()
    monkeypatch.setattr(module, "content_checksum", counted)
    new, is_hashed = surveys.survey()
    assert is_hashed
    assert new != old


def test_each_file_is_hashed_once_a_day_in_any_case(surveys):
    """A file system over a network may report only the time that a copy has kept."""
    surveys.survey()
    assert not surveys.survey(module.TRUSTED_SECONDS - 60)[1]
    assert surveys.survey(120)[1]


def test_a_system_without_a_time_of_change_hashes_each_time(surveys, monkeypatch):
    monkeypatch.setattr(module, "CHANGES_ARE_TIMED", False)
    assert [surveys.survey()[1] for _ in range(2)] == [True, True]


def test_deleted_files_are_not_remembered(surveys):
    surveys.survey()
    surveys.file.unlink()
    assert surveys.landing.survey().arrivals == []
    surveys.file.write_text(OLD)
    assert surveys.survey()[1]


def test_a_run_hashes_what_it_lists(surveys):
    surveys.survey()
    surveys.hashed.clear()
    surveys.landing.arrivals()
    assert surveys.hashed
