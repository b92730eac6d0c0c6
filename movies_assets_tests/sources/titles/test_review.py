"""The command that shows links in doubt, asks about them, and keeps the answers."""

import duckdb
import pytest
from click.testing import CliRunner, Result

from movies_assets.__main__ import main
from movies_assets.definitions import TABLES
from movies_assets.settings import load
from movies_assets.sources.titles import overrides
from movies_assets.sources.titles.overrides import FORBID, FORCE, Override
from movies_assets.warehouse.published import POINTER
from movies_assets.warehouse.schema import ensure_table

REVIEW = TABLES["gold.title_link_review"]
SNAPSHOT = "movies_20251101T000000000000Z_00000000.duckdb"
# Two candidates of a title, and one of another.
DOUBTS = [
    ("yts", "1", "tt1", 0.7, "5 minutes apart", "Film", "Films", 2000, 2001, 95, 100, 1_500),
    ("yts", "1", "tt2", 0.2, None, "Film", "The Film", 2000, None, 95, None, None),
    ("ott", "2", "tt3", 0.9, None, "Show", "Show", None, 2003, None, 40, 7),
]
COLUMNS = (
    "source, source_id, candidate, probability, contradictions, title, candidate_title, year, "
    "candidate_year, runtime_minutes, candidate_runtime_minutes, candidate_votes"
)


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setenv("MOVIES_DATA_DIR", str(tmp_path))
    return load(data_dir=tmp_path)


@pytest.fixture
def published(settings):
    folder = settings.published_folder
    folder.mkdir()
    with duckdb.connect(str(folder / SNAPSHOT)) as connection:
        ensure_table(connection, REVIEW.name, REVIEW.contract)
        marks = ", ".join("?" * len(DOUBTS[0]))
        statement = f"INSERT INTO {REVIEW.name} ({COLUMNS}) VALUES ({marks})"
        connection.executemany(statement, DOUBTS)
    (folder / POINTER).write_text(SNAPSHOT)
    return settings


def review(*options: str, answers: str = "") -> Result:
    return CliRunner().invoke(main, ["review", *options], input=answers)


def decided(settings) -> list[Override]:
    return [decision for _, decision in overrides.read(overrides.path_of(settings))]


@pytest.mark.usefixtures("settings")
def test_without_a_publication_there_is_one_plain_line():
    result = review()
    assert result.exit_code == 1
    assert result.output.startswith("Error: nothing is published in ")
    assert result.output.count("\n") == 1


def test_without_published_links_there_is_one_plain_line(published):
    with duckdb.connect(str(published.published_folder / SNAPSHOT)) as connection:
        connection.execute(f"DROP TABLE {REVIEW.name}")
    result = review()
    assert result.exit_code == 1
    assert result.output == "Error: no links are published yet: run the job `titles`.\n"


def test_titles_are_shown_beside_their_candidates_the_likeliest_first(published):
    result = review()
    assert result.exit_code == 0
    path = overrides.path_of(published)
    assert result.output.splitlines() == [
        f"2 titles are in doubt; decisions are in {path}",
        "",
        "ott 2: Show",
        "  1  tt3: Show, 2003, 40 min, 7 votes",
        "     likely by 90%",
        "",
        "yts 1: Film, 2000, 95 min",
        "  1  tt1: Films, 2001, 100 min, 1,500 votes",
        "     likely by 70%; 5 minutes apart",
        "  2  tt2: The Film",
        "     likely by 20%",
    ]
    assert not path.exists()


@pytest.mark.usefixtures("published")
def test_titles_may_be_those_of_one_source_or_the_first_ones():
    assert "ott 2" not in review("--source", "yts").output
    assert "yts 1" not in review("--limit", "1").output
    assert review("--source", "omdb").output.startswith("0 titles are in doubt")


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ("1\nSeen\n1\nSeen too\n", [("ott", "tt3", FORCE), ("yts", "tt1", FORCE)]),
        ("l\n2\nSeen\n", [("yts", "tt2", FORCE)]),
        ("l\nn\nA remake\n", [("yts", "tt1", FORBID), ("yts", "tt2", FORBID)]),
        ("n\nNo\nq\n", [("ott", "tt3", FORBID)]),
        ("q\n", []),
        ("9\nx\nl\nl\n", []),
    ],
    ids=["a number", "later", "none of them", "end", "end at once", "no such answer"],
)
def test_answers_are_kept(published, answers, expected):
    result = review("--decide", "--by", "Ada", answers=answers)
    assert result.exit_code == 0
    found = [(made.source, made.tconst, made.decision) for made in decided(published)]
    assert found == expected
    assert {made.by for made in decided(published)} <= {"Ada"}


def test_who_decides_and_why_are_asked(published):
    review("--decide", "--limit", "1", answers="Zoë\n1\nSeen, in full\n")
    assert decided(published) == [Override("ott", "2", "tt3", FORCE, "Zoë", "Seen, in full")]


def test_what_was_decided_since_the_publication_is_not_asked_again(published):
    review("--decide", "--by", "Ada", answers="1\nSeen\nn\nA remake\n")
    assert review().output.startswith("0 titles are in doubt")
    path = overrides.path_of(published)
    path.unlink()
    overrides.add(path, [Override("yts", "1", "tt1", FORBID, "Ada", "A remake")])
    result = review("--source", "yts")
    assert "tt1" not in result.output
    assert "1  tt2: The Film" in result.output


def test_a_damaged_file_of_decisions_is_one_plain_line(published):
    path = overrides.path_of(published)
    path.parent.mkdir()
    path.write_text("no header\n")
    result = review("--decide", "--by", "Ada", answers="1\nSeen\n")
    assert result.exit_code == 1
    assert result.output.startswith(f"Error: {path}, line 1: the header is not")
    assert path.read_text() == "no header\n"
