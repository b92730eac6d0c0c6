"""The checks of links are red for each thing that they look for."""

import pytest

from movies_assets.sources.titles.linking import BY_ID
from movies_assets_tests.sources.titles.lab import GOLD, Lab

LINKS = "gold.title_links"
FORBIDDEN = (
    "INSERT INTO bronze.title_overrides (source, source_id, tconst, decision) "
    "VALUES ('yts', '1', 'tt0000001', 'forbid')"
)


@pytest.fixture
def linked(lab):
    """Two titles, each with its link."""
    lab.imdb("tt0000001", "Film", votes=20_000)
    lab.imdb("tt0000002", "Part", title_type="tvEpisode")
    lab.yts(1, "Film", stated="tt0000001")
    lab.netflix("1", "Film")
    return lab.make()


def red(lab: Lab, check: str) -> list[str]:
    finding = lab.check(LINKS, check)
    found = [problem for problem, count in finding.broken.items() if count]
    assert [problem for problem, rows in finding.samples.items() if rows] == found
    return found


def test_links_that_are_what_the_rules_promise_are_green(linked):
    for check in ("links", "doubts"):
        finding = linked.check(LINKS, check)
        assert finding.passed
        assert set(finding.broken.values()) == {0}


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        (
            "DELETE FROM gold.title_links WHERE source = 'yts'",
            "titles of sources without a link",
        ),
        (
            "INSERT INTO gold.title_links (source, source_id) VALUES ('yts', 'gone')",
            "links of titles that no source lists",
        ),
        (
            "UPDATE gold.title_links SET tconst = 'tt0000002' WHERE source = 'yts'",
            "links to an episode or a game",
        ),
        (
            "INSERT INTO gold.title_id_alias (old_tconst) VALUES ('tt0000001')",
            "links to an id that IMDb has merged",
        ),
        (
            FORBIDDEN,
            "links that a person has forbidden",
        ),
    ],
)
def test_links_that_are_not_are_red(linked, statement, problem):
    linked.connection.execute(statement)
    assert red(linked, "links") == [problem]
    assert not linked.check(LINKS, "links").is_warning


def test_a_title_that_a_source_lists_twice_warns(linked):
    linked.yts(2, "Film again", stated="tt0000001")
    linked.make()
    assert red(linked, "doubts") == ["titles that one source lists several times"]
    assert linked.check(LINKS, "doubts").is_warning


@pytest.mark.parametrize(
    ("title", "year", "is_doubted"),
    [("Other", 2002, True), ("Other", 2001, False), ("Film", 2002, False), ("Other", None, False)],
)
def test_a_stated_id_of_another_name_and_year_warns(linked, title, year, is_doubted):
    linked.connection.execute("DELETE FROM silver.yts_movies")
    linked.yts(1, title, year, stated="tt0000001")
    linked.make("silver.source_titles", "silver.title_candidates", *GOLD)
    assert linked.link("yts", "1", "method") == BY_ID
    doubts = ["stated ids whose title and year are others"]
    assert red(linked, "doubts") == (doubts if is_doubted else [])
