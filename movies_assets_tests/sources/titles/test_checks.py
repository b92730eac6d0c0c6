"""The checks of links are red for each thing that they look for."""

import pytest

from movies_assets.definitions import TABLES
from movies_assets.sources.titles.linking import BY_ID
from movies_assets.warehouse.schema import ensure_table
from movies_assets_tests.sources.titles.lab import GOLD, Lab

LINKS, REVIEW = "gold.title_links", "gold.title_link_review"
PROFILES = "gold.data_quality_snapshot"
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


def profile(lab: Lab, table: str, column: str, rows: int, nulls: int, at: str) -> None:
    ensure_table(lab.connection, PROFILES, TABLES[PROFILES].contract)
    lab.put(
        PROFILES, table_name=table, column_name=column, partition=at, row_count=rows,
        null_count=nulls, profiled_at=f"{at} 12:00:00+00",
    )  # fmt: skip


@pytest.fixture
def a_hundred(linked):
    """Links of 100 titles, of which 90 are titles of IMDb, and nothing to decide on."""
    linked.connection.execute(
        f"DELETE FROM {LINKS};"
        f"INSERT INTO {LINKS} (source, source_id, tconst, confidence) "
        "SELECT 'yts', n, 'tt1', CASE WHEN n < 90 THEN 0.9 END FROM range(100) numbers (n)"
    )
    assert linked.rows(REVIEW) == []
    return linked


@pytest.mark.parametrize(
    ("linked_before", "points"), [(80, 0), (90, 0), (91, 0), (92, 2), (100, 10)]
)
def test_a_share_of_linked_titles_that_falls_by_2_points_warns(a_hundred, linked_before, points):
    profile(a_hundred, LINKS, "confidence", 100, 0, "2025-10-28")
    profile(a_hundred, LINKS, "confidence", 100, 100 - linked_before, "2025-10-29")
    profile(a_hundred, LINKS, "tconst", 100, 0, "2025-10-30")
    finding = a_hundred.check(LINKS, "share_linked")
    assert finding.broken == {"points lost in the share of linked titles": points}
    assert finding.is_warning
    assert finding.metadata == {
        "percent linked before": pytest.approx(linked_before),
        "percent linked now": pytest.approx(90),
    }


@pytest.mark.parametrize("rows", [None, 0])
def test_without_a_former_run_no_share_has_fallen(a_hundred, rows):
    if rows is not None:
        profile(a_hundred, LINKS, "confidence", rows, rows, "2025-10-29")
    assert a_hundred.check(LINKS, "share_linked").passed
    assert a_hundred.check(REVIEW, "queue").passed


@pytest.mark.parametrize(("before", "more"), [(0, 2), (1, 1), (2, 0), (3, 0)])
def test_a_queue_that_grows_warns(linked, before, more):
    linked.connection.execute(
        f"INSERT INTO {REVIEW} (source, source_id, candidate, probability) "
        "VALUES ('yts', '1', 'tt1', 0.2), ('yts', '1', 'tt2', 0.4)"
    )
    profile(linked, REVIEW, "candidate", 9, 0, "2025-10-28")
    profile(linked, REVIEW, "candidate", before, 0, "2025-10-29")
    finding = linked.check(REVIEW, "queue")
    assert finding.broken == {"candidates more to decide on than after the former run": more}
    assert finding.is_warning
    shown = [row["candidate"] for row in finding.samples.get("likeliest", [])]
    assert shown == (["tt2", "tt1"] if more else [])
