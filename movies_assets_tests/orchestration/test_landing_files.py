"""From the landing folder to tables: a file that cannot be read costs its own day and no other."""

import gzip
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import dagster as dg
import pytest

from movies_assets.ingest.landing import EMPTY_FOLDER, NO_FILE, OUTSIDE_FOLDER, Landing
from movies_assets_tests.conftest import Platform, Prepare, arrive, netflix_title, platform_in
from movies_assets_tests.ingest.test_packing import PACKINGS, to_xlsx
from movies_assets_tests.places import CASES
from movies_assets_tests.sources.netflix.test_graph import checked, error_of, run

DAYS = ["2025-10-10", "2025-10-11", "2025-10-12"]
TABLE = "bronze/netflix_titles"
SILVER = [TABLE, "silver/netflix_titles"]
TITLES = "SELECT show_id, arrived_date::VARCHAR FROM {}.netflix_titles ORDER BY ALL"
LEFT_ASIDE = (
    "SELECT source, coalesce(refused, ignored) FROM landing.netflix_titles "
    "WHERE coalesce(refused, ignored) IS NOT NULL ORDER BY ALL"
)
CASE = CASES / "netflix-upper-case-suffix"


@pytest.fixture
def platform(settings, instance) -> Platform:
    return Platform(settings, instance)


@pytest.fixture
def titles(platform) -> Callable[..., Path]:
    """Lets a file of titles arrive."""
    return partial(arrive, platform.settings.landing)


def dangle(platform: Platform, path: str) -> Path:
    """Put a broken link into the landing folder."""
    link = platform.settings.landing / "netflix" / "titles" / path
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(link.parent / "nowhere")
    return link


def load_three_days(folder: Path) -> None:
    with platform_in(folder, []) as platform:
        for number, day in enumerate(DAYS, start=1):
            arrive(platform.settings.landing, f"{day}/a.csv", [netflix_title(number)])
        run(platform, DAYS[0], DAYS[-1], select=SILVER)


class TestRefused:
    @pytest.fixture
    def loaded(self, prepare: Prepare, platform: Platform, titles: Callable[..., Path]) -> Platform:
        """Three days that were loaded, then a broken link on the second one, news on all."""
        prepare("netflix_three_days", load_three_days)
        for number, day in enumerate(DAYS, start=11):
            titles(f"{day}/b.csv", [netflix_title(number)])
        dangle(platform, f"{DAYS[1]}/c.csv")
        return platform

    @pytest.mark.slow
    def test_in_a_range_the_other_days_are_loaded_and_its_own_is_as_it_was(self, loaded):
        result = run(loaded, DAYS[0], DAYS[-1], select=SILVER)
        assert result.success
        keys = [("1", DAYS[0]), ("11", DAYS[0]), ("13", DAYS[2]), ("2", DAYS[1]), ("3", DAYS[2])]
        assert loaded.sql(TITLES.format("bronze")) == keys
        assert loaded.sql(TITLES.format("silver")) == keys
        check = checked(result, TABLE, "files")
        assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
        assert (check.description or "").startswith(
            f"1 file could not be read: netflix/titles/{DAYS[1]}/c.csv is a link to a file that is "
            f"not there: fix or remove the link. 2 files are not read: netflix/titles/{DAYS[1]}/"
            "a.csv was not loaded, because another file of its day could not be read; "
        )

    def test_alone_its_day_fails_with_a_message_that_names_the_file(self, loaded):
        before = loaded.sql(TITLES.format("bronze"))
        result = run(loaded, DAYS[1], select=SILVER, raise_on_error=False)
        assert not result.success
        assert f"{DAYS[1]} was not loaded and is as it was before" in error_of(result)
        assert f"netflix/titles/{DAYS[1]}/c.csv is a link to a file that" in error_of(result)
        assert loaded.sql(TITLES.format("bronze")) == before
        assert [source for source, _ in loaded.sql(LEFT_ASIDE)] == [
            f"netflix/titles/{DAYS[1]}/{name}.csv" for name in "abc"
        ]
        # Nothing was written, so nothing waits for its checks and publishing goes on.
        assert loaded.sql("FROM audit.unaudited") == []

    @pytest.mark.slow
    def test_it_heals_with_the_file(self, loaded, titles):
        run(loaded, DAYS[0], DAYS[-1], select=SILVER)
        (loaded.settings.landing / "netflix" / "titles" / DAYS[1] / "c.csv").unlink()
        titles(f"{DAYS[1]}/c.csv", [netflix_title(22)])
        result = run(loaded, DAYS[1], select=SILVER)
        assert checked(result, TABLE, "files").passed
        assert len(loaded.sql(TITLES.format("silver"))) == 7
        assert loaded.sql(LEFT_ASIDE) == []

    @pytest.mark.slow
    def test_a_range_in_any_order_and_again_leads_to_the_same_rows(self, loaded):
        run(loaded, DAYS[0], DAYS[-1], select=SILVER)
        rows = loaded.sql(TITLES.format("silver"))
        for day in (DAYS[2], DAYS[0]):
            run(loaded, day, select=SILVER)
        run(loaded, DAYS[1], select=SILVER, raise_on_error=False)
        assert loaded.sql(TITLES.format("silver")) == rows


def test_files_that_are_not_read_are_named_by_a_warning_and_stay_so_as_long_as_they_are(
    platform, titles
):
    titles(f"{DAYS[0]}/a.csv", [netflix_title(1)])
    no_day = titles("b.csv", [netflix_title(2)])
    titles(f"{DAYS[0]}/note.txt", [netflix_title(3)])
    titles(f"{DAYS[1]}/note.txt", [netflix_title(4)])
    titles("1999-01-01/c.csv", [netflix_title(5)])
    for _ in range(2):
        result = run(platform, DAYS[0], select=[TABLE])
        check = checked(result, TABLE, "files")
        assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
        found = check.description or ""
        assert found.startswith("3 files are not read: netflix/titles/1999-01-01/c.csv belongs to")
        assert "netflix/titles/b.csv has no day in its path: put it into a folder such as" in found
        assert f"netflix/titles/{DAYS[0]}/note.txt is a note" in found
    no_day.unlink()
    assert "2 files" in (
        checked(run(platform, DAYS[0], select=[TABLE]), TABLE, "files").description or ""
    )
    assert [row[0] for row in platform.sql(LEFT_ASIDE)] == [
        "netflix/titles/1999-01-01/c.csv",
        f"netflix/titles/{DAYS[0]}/note.txt",
    ]


def test_the_formats_of_files_are_described_in_sentences(platform, titles):
    file = titles(f"{DAYS[0]}/a.csv", [netflix_title(1), netflix_title(2, release_year="20l9")])
    text = file.read_text().replace("rating", "stars").replace("description", "plot")
    file.write_text(f"{text}torn\n")
    result = run(platform, DAYS[0], select=[TABLE])
    check = checked(result, TABLE, "schema")
    assert (check.description or "").startswith(
        "2 columns are not in the contract: plot, stars. 2 columns are not in all files: "
        "description, rating. 1 record has values that do not fit their type. 1 record does not "
        "read as the columns. Nothing is lost: "
    )
    assert f"netflix/titles/{DAYS[0]}/a.csv | csv" in str(check.metadata["files_read"].value)


def test_files_in_folders_of_any_kind_are_loaded_with_their_day(platform, titles):
    paths = ["date=2025-10-10/a.csv", "2025/10/10/b.CSV", "year=2025/month=10/day=10/c/d.csv"]
    for number, path in enumerate(paths, start=1):
        titles(path, [netflix_title(number)])
    result = run(platform, DAYS[0], select=[TABLE])
    assert checked(result, TABLE, "files").passed
    assert platform.sql(TITLES.format("bronze")) == [(n, DAYS[0]) for n in "123"]


COLUMNS = ["show_id", "title", "type", "date_added", "release_year", "rating"]
RECORDS = [["1", "Blame!", "Movie", "2021-09-25", "2019", "PG"],
           ["2", "Café, “one”", "TV Show", "2021-09-26", "2020", None]]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("found", PACKINGS)
def test_a_file_of_any_packing_fills_the_table_with_the_same_rows(platform, found):
    name, pack = PACKINGS[found]
    day = platform.settings.landing / "netflix" / "titles" / DAYS[0]
    day.mkdir(parents=True)
    (day / name.upper()).write_bytes(pack([COLUMNS, *RECORDS]))
    result = run(platform, DAYS[0], select=[TABLE])
    assert checked(result, TABLE, "files").passed
    asked = "show_id::VARCHAR, title, type, date_added, release_year::VARCHAR, rating"
    rows = platform.sql(f"SELECT {asked} FROM bronze.netflix_titles ORDER BY ALL")
    assert rows == [tuple(record) for record in RECORDS]
    assert platform.sql("SELECT packing, rows FROM landing.netflix_titles") == [(found, 2)]


@pytest.mark.slow
def test_a_damaged_archive_costs_its_own_day_only(platform, titles):
    titles(f"{DAYS[0]}/a.csv", [netflix_title(1)])
    damaged = titles(f"{DAYS[1]}/a.csv.gz", [netflix_title(2)])
    damaged.write_bytes(gzip.compress(damaged.read_bytes())[:-9])
    titles(f"{DAYS[2]}/a.csv", [netflix_title(3)])
    result = run(platform, DAYS[0], DAYS[-1], select=SILVER)
    assert "a.csv.gz is a damaged or incomplete gzip file" in (
        checked(result, TABLE, "files").description or ""
    )
    assert platform.sql(TITLES.format("silver")) == [("1", DAYS[0]), ("3", DAYS[2])]


def test_parts_of_a_file_that_are_left_aside_are_named(platform):
    day = platform.settings.landing / "netflix" / "titles" / DAYS[0]
    day.mkdir(parents=True)
    (day / "a.xlsx").write_bytes(to_xlsx([COLUMNS, *RECORDS], [["Notes"]]))
    check = checked(run(platform, DAYS[0], select=[TABLE]), TABLE, "files")
    assert check.description == (
        f"1 part of a file is not read: netflix/titles/{DAYS[0]}/a.xlsx sheet Sheet2 is left aside."
    )


def test_a_store_behind_a_url_has_the_same_rules(settings, instance):
    landing = Landing("memory://landing-files", "netflix/titles")
    platform = Platform(settings, instance, resources={"netflix_landing": lambda: landing})
    header = "show_id,title\n"
    for path, text in {
        f"date={DAYS[0]}/A.CSV": f"{header}1,One\n",
        f"{DAYS[0]}/note.txt": "x",
        "lost.csv": f"{header}2,Two\n",
    }.items():
        landing._files.pipe_file(f"/landing-files/{path}", text.encode())
    result = run(platform, DAYS[0], select=[TABLE])
    assert platform.sql(TITLES.format("bronze")) == [("1", DAYS[0])]
    assert (checked(result, TABLE, "files").description or "").startswith(
        f"2 files are not read: netflix/titles/{DAYS[0]}/note.txt is a note"
    )


@pytest.mark.slow
def test_an_empty_file_is_named_and_one_line_of_damage_is_called_that_alone(platform):
    folder = platform.settings.landing / "netflix" / "titles" / DAYS[0]
    folder.mkdir(parents=True)
    (folder / "a.csv").write_text("\n")
    (folder / "b.csv").write_text('show_id,title,type\n1,One,Movie\n2,"Two,Movie\n')
    result = run(platform, DAYS[0], select=[TABLE, "silver/netflix_titles"], raise_on_error=False)
    said = f"1 file is empty: netflix/titles/{DAYS[0]}/a.csv."
    assert checked(result, TABLE, "files").description == said
    refused = checked(result, "silver/netflix_titles", "quarantine").description or ""
    assert refused.startswith("1 row: a quote is not closed. The rows are kept")


@pytest.mark.slow
def test_traps_are_named_and_neither_opened_nor_waited_for(platform, titles):
    folder = titles(f"{DAYS[0]}/a.csv", [netflix_title(1)]).parent
    os.mkfifo(folder / "pipe.csv")
    (folder / "zero.csv").symlink_to("/dev/zero")
    (folder / "passwd.csv").symlink_to("/etc/passwd")
    (folder / "folder.csv").mkdir()
    result = run(platform, DAYS[0], select=SILVER)
    found = checked(result, TABLE, "files")
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    named = {
        "folder.csv": EMPTY_FOLDER,
        "passwd.csv": OUTSIDE_FOLDER,
        "pipe.csv": NO_FILE,
        "zero.csv": OUTSIDE_FOLDER,
    }
    places = [f"netflix/titles/{DAYS[0]}/{name} {reason}" for name, reason in named.items()]
    assert found.description == f"4 files are not read: {'; '.join(places)}."
    assert platform.sql(TITLES.format("silver")) == [("1", DAYS[0])]


@pytest.mark.slow
@pytest.mark.recorded
@pytest.mark.skipif(not CASE.is_dir(), reason="recorded: ../shared/cases is not there")
def test_suffixes_in_any_case_are_read(platform):
    folder = platform.settings.landing / "netflix" / "titles"
    folder.parent.mkdir(parents=True)
    folder.symlink_to(CASE)
    result = run(platform, "2025-10-30", select=SILVER)
    assert checked(result, TABLE, "files").passed
    assert platform.sql(TITLES.format("silver")) == [(n, "2025-10-30") for n in "123"]
    read = platform.sql("SELECT source, rows FROM landing.netflix_titles ORDER BY source")
    assert read == [
        ("netflix/titles/2025-10-30/TITLES.CSV", 1),
        ("netflix/titles/2025-10-30/a.csv", 1),
        ("netflix/titles/2025-10-30/b.Csv", 1),
    ]
