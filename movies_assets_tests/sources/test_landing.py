"""What has arrived is told by path, size and content, and by nothing else."""

import os
from datetime import date
from pathlib import Path

import pytest

from movies_assets.sources.http import PermanentSourceError
from movies_assets.sources.landing import Landing

DAY, NEXT_DAY = date(2025, 10, 30), date(2025, 10, 31)


def put(folder: Path, path: str, content: str = "a,b\n") -> Path:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    return file


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    return Landing(tmp_path, "netflix/titles")


def test_a_folder_that_is_not_there_has_no_arrivals(tmp_path):
    assert Landing(tmp_path / "none", "netflix/titles").arrivals() == []


def test_files_are_listed_by_day_and_name_with_their_size(landing, tmp_path):
    put(tmp_path, "2025-10-31/b.csv", "12345")
    put(tmp_path, "2025-10-30/z.csv")
    put(tmp_path, "2025-10-31/a.csv")
    found = [(file.day, file.path, file.bytes) for file in landing.arrivals()]
    assert found == [
        (DAY, "2025-10-30/z.csv", 4),
        (NEXT_DAY, "2025-10-31/a.csv", 4),
        (NEXT_DAY, "2025-10-31/b.csv", 5),
    ]


def test_only_the_files_of_the_days_asked_for_are_listed(landing, tmp_path):
    put(tmp_path, "2025-10-31/b.csv")
    put(tmp_path, "2025-10-30/z.csv")
    assert [file.day for file in landing.arrivals({DAY})] == [DAY]


@pytest.mark.parametrize(
    "path",
    [
        "2025-10-31/.b.csv",
        "2025-10-31/b.csv.part",
        "2025-10-31/_b.csv",
        "2025-13-31/b.csv",
        "b.csv",
        "old/2025-10-31/b.csv",
        "2025-10-31/more/b.csv",
        "x2025-10-31/b.csv",
    ],
)
def test_files_still_being_written_and_those_of_no_day_are_left_alone(landing, tmp_path, path):
    put(tmp_path, path)
    assert landing.arrivals() == []


def test_a_file_of_the_same_size_and_time_but_other_content_is_another_one(landing, tmp_path):
    file = put(tmp_path, "2025-10-31/a.csv", "abcd")
    times = (file.stat().st_atime_ns, file.stat().st_mtime_ns)
    (before,) = landing.arrivals()
    file.write_text("abce")
    os.utime(file, ns=times)
    (after,) = landing.arrivals()
    assert (before.bytes, before.path) == (after.bytes, after.path)
    assert before.digest != after.digest


def test_a_file_that_was_only_touched_is_the_same(landing, tmp_path):
    file = put(tmp_path, "2025-10-31/a.csv")
    before = landing.arrivals()
    os.utime(file, (0, 0))
    assert landing.arrivals() == before


def test_a_file_is_opened_by_its_path(landing, tmp_path):
    put(tmp_path, "2025-10-31/a.csv", "text")
    with landing.open("2025-10-31/a.csv") as file:
        assert file.read() == b"text"


def test_a_file_that_is_gone_is_a_clear_error(landing):
    with pytest.raises(PermanentSourceError, match=r"netflix/titles/2025-10-31/a\.csv was there"):
        landing.open("2025-10-31/a.csv")


@pytest.mark.parametrize(
    ("url", "advice"),
    [("gs://bucket/titles", r"movies_assets\[gcs\]"), ("nosuch://titles", "check the URL")],
)
def test_a_url_that_nobody_here_knows_says_what_to_do(url, advice):
    with pytest.raises(PermanentSourceError, match=advice):
        Landing(url, "netflix/titles")


def test_any_file_system_of_fsspec_will_do():
    landing = Landing("memory://landing/titles", "netflix/titles")
    landing._files.pipe_file("/landing/titles/2025-10-31/a.csv", b"a,b\n")
    (file,) = landing.arrivals()
    assert (file.day, file.path, file.bytes) == (NEXT_DAY, "2025-10-31/a.csv", 4)
    with landing.open(file.path) as opened:
        assert opened.read() == b"a,b\n"


@pytest.mark.usefixtures("_s3")
def test_s3_tells_size_and_checksum_and_its_listing_is_always_fresh():
    landing = Landing("s3://movies/titles", "netflix/titles")
    landing._files.mkdir("movies")
    assert landing.arrivals() == []
    landing._files.pipe_file("movies/titles/2025-10-31/a.csv", b"a,b\n")
    (first,) = landing.arrivals()
    assert (first.path, first.bytes) == ("2025-10-31/a.csv", 4)
    # Another client replaces it by one of the same size.
    Landing("s3://movies/titles", "x", options={"skip_instance_cache": True})._files.pipe_file(
        "movies/titles/2025-10-31/a.csv", b"a,c\n"
    )
    (second,) = landing.arrivals()
    assert first.digest != second.digest
    with landing.open(second.path) as file:
        assert file.read() == b"a,c\n"
