"""Recorded files that went wrong: their rows in bronze, and a person that had been swallowed."""

import shutil
from functools import partial
from io import FileIO

import pytest

from movies_assets.definitions import TABLES
from movies_assets.ingest.landing import Landing
from movies_assets.ingest.reading import FileRecords
from movies_assets.ingest.records import LINE, PROBLEM
from movies_assets.privacy.identifiers import PersonIdentifiers
from movies_assets.privacy.landing import erase
from movies_assets.warehouse.delimited import DelimitedFile, read
from movies_assets_tests.places import CASES

pytestmark = [
    pytest.mark.recorded,
    pytest.mark.skipif(not CASES.is_dir(), reason="recorded: ../shared/cases is not there"),
]
NOT_CLOSED, BEHIND = "a quote is not closed", "text between a closing quote and the separator"
TITLES = "bronze.netflix_titles"


def case(name: str, table: str = TITLES) -> FileRecords:
    (path,) = (CASES / name).glob("*/*.csv")
    found = read(DelimitedFile(path.name, partial(FileIO, path)), TABLES[table])
    assert found
    return found


def titles(found: FileRecords) -> list[str | None]:
    """Return the title of each record, or why it is refused, in the order of the file."""
    rows = sorted(found.rows.to_pylist(), key=lambda row: int(row["_record"]))
    return [row[PROBLEM] or row["title"] for row in rows]


def test_two_open_quotes_cost_their_lines_only():
    found = case("netflix-two-open-quotes")
    expected = [f"Title {number}" for number in range(1, 13)]
    expected[1] = expected[9] = NOT_CLOSED
    assert titles(found) == expected
    assert [line[:22] for line in found.rows[LINE].drop_null().to_pylist()] == [
        '90,,Movie,"Best of 2,9',
        '90,,Movie,"Best of 10,',
    ]


def test_lines_that_end_with_carriage_returns_and_hold_an_inch_mark_are_read():
    assert titles(case("netflix-cr-only-odd-quote")) == ["Title 1", '12" Vinyl', "Title 3"]


def test_quotes_escaped_by_backslashes_are_refused_with_any_text_after_them():
    assert titles(case("netflix-backslash")) == [BEHIND, BEHIND, "Title 3"]


def test_a_leading_quoted_word_is_refused_and_one_within_is_read():
    found = case("netflix-leading-quoted-word")
    assert titles(found) == [BEHIND, "plain", 'The "Best" Man']


def test_all_columns_of_a_header_with_a_line_break_are_read():
    found = case("netflix-header-with-line-break")
    assert found.rows.select(["title", "rating_us", "description", "show_id"]).to_pylist() == [
        {
            "title": f"Title {n}",
            "rating_us": "PG-13",
            "description": f"Text {n}.",
            "show_id": f"{n}",
        }
        for n in (1, 2)
    ]


def test_views_between_two_open_quotes_are_read_and_a_person_leaves_no_byte(tmp_path):
    found = case("ott-forget-swallowed/views", "bronze.ott_views")
    assert titles(found) == ["A", NOT_CLOSED, "A", "A", "A", "A", NOT_CLOSED, "A"]
    for name in ("users", "views"):
        shutil.copytree(CASES / "ott-forget-swallowed" / name, tmp_path / name)
        (path,) = (tmp_path / name).glob("*/*.csv")
        path.chmod(0o644)
        path.parent.chmod(0o755)
        before = path.read_bytes().splitlines(keepends=True)
        traces = PersonIdentifiers(frozenset([1001]))
        list(erase(Landing(tmp_path / name, f"ott/{name}"), TABLES[f"bronze.ott_{name}"], traces))
        kept = [line for line in before if not line.startswith(b"1001")]
        assert path.read_bytes() == b"".join(kept)
        assert len(kept) == len(before) - 1
