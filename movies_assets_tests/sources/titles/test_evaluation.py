"""How good links are: by hand-made labels, and by Wilson's bounds."""

from datetime import date
from math import sqrt
from typing import Any

import pytest

from movies_assets.sources.titles import weights
from movies_assets.sources.titles.evaluation import SLICES, THRESHOLDS
from movies_assets_tests.sources.titles.lab import DAY, SILVER, Lab

EVALUATION = "gold.title_link_evaluation"
MEASURES = ("labels", "links", "correct", "precision", "recall", "f1")


def links(lab: Lab, right: int, wrong: int = 0, missing: int = 0, **more: Any) -> Lab:
    """Store links of labelled titles: right ones, wrong ones, and titles without a link."""
    lab.make("silver.source_titles", "silver.title_candidates", "gold.title_links")
    known = {"confidence": 0.9, **more}
    lab.connection.execute(
        "CREATE OR REPLACE TABLE labelled AS SELECT 'netflix' AS source, n::VARCHAR AS source_id, "
        "CASE WHEN n < $right THEN 'tt1' WHEN n < $linked THEN 'tt2' END AS tconst "
        "FROM range($labelled) numbers (n)",
        {"right": right, "linked": right + wrong, "labelled": right + wrong + missing},
    )
    lab.connection.execute(
        "INSERT INTO silver.source_titles BY NAME "
        "SELECT source, source_id, 'movie' AS kind, 1994 AS year FROM labelled;"
        "INSERT INTO bronze.title_labels BY NAME "
        f"SELECT source, source_id, 'tt1' AS tconst, DATE '{DAY}' AS labelled_date FROM labelled"
    )
    lab.connection.execute(
        "INSERT INTO gold.title_links BY NAME SELECT *, 'id' AS method, "
        f"{weights.VERSION} AS rule_version, "
        "$confidence AS confidence FROM labelled",
        known,
    )
    return lab.make(EVALUATION)


@pytest.fixture(autouse=True)
def _empty(lab):
    lab.make(*SILVER)
    lab.make("gold.title_id_alias")


def of(lab: Lab, *columns: str, member: str = "all", threshold: float = 0) -> Any:
    where = f"member = '{member}' AND threshold = {threshold}"
    return lab.one(EVALUATION, *columns, where=where)


def test_precision_is_of_links_and_recall_of_labels(lab):
    links(lab, 6, 2, 4)
    assert of(lab, *MEASURES) == (12, 8, 6, 0.75, 0.5, 0.6)


@pytest.mark.parametrize(
    ("right", "of_all", "low", "high"),
    [
        # Newcombe 1998, table I.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (29, 29, 1 - 0.1170, 1.0),
    ],
)
def test_bounds_are_wilsons(lab, right, of_all, low, high):
    links(lab, right, of_all - right)
    bounds = of(lab, "precision_low", "precision_high", "recall_low", "recall_high")
    assert bounds == pytest.approx((low, high) * 2, abs=0.0001)
    assert all(0 <= bound <= 1 for bound in bounds)


def test_bounds_are_within_0_and_1_for_any_number_of_labels(lab):
    for number in (1, 2, 3, 7, 10, 49, 97):
        lab.connection.execute("DELETE FROM bronze.title_labels")
        links(lab, number)
        high = of(lab, "precision_high")
        assert high == 1 or sqrt(1 - high) < 1e-6
        assert lab.one(EVALUATION, "max(precision_high)") <= 1


def test_only_links_as_likely_as_the_threshold_count(lab):
    links(lab, 4, confidence=0.9)
    found = {threshold: of(lab, "links", threshold=threshold) for threshold in THRESHOLDS}
    assert found == {0.0: 4, 0.5: 4, 0.8: 4, 0.9: 4, 0.95: 0, 0.99: 0}
    assert of(lab, "precision", "recall", "f1", threshold=0.99) == (None, 0, 0)


def test_a_link_without_a_candidate_counts_at_any_threshold(lab):
    links(lab, 1, confidence=None)
    assert {of(lab, "links", threshold=threshold) for threshold in THRESHOLDS} == {1}


def test_titles_are_divided_and_unknown_parts_have_a_name(lab):
    links(lab, 3)
    lab.connection.execute(
        "UPDATE silver.source_titles SET kind = NULL, year = NULL WHERE source_id = '0'"
    )
    lab.make(EVALUATION)
    found = lab.rows(EVALUATION, "slice", "member", "labels", where="threshold = 0")
    assert found == [
        ("all", "all", 3),
        ("decade", "1990", 2),
        ("decade", "unknown", 1),
        ("kind", "movie", 2),
        ("kind", "unknown", 1),
        ("method", "id", 3),
        ("source", "netflix", 3),
    ]
    assert {name for name, *_ in found} == {*SLICES}
    assert lab.rows(EVALUATION, "DISTINCT rule_version") == [weights.VERSION]


def test_without_labels_there_is_nothing_to_measure(lab):
    lab.make("gold.title_links", EVALUATION)
    assert lab.rows(EVALUATION) == []
    assert lab.check(EVALUATION, "precision").passed


def test_labels_of_titles_that_no_source_lists_do_not_count(lab):
    lab.label("netflix", "gone", "tt1")
    links(lab, 2)
    assert of(lab, "labels", "recall") == (2, 1.0)


def test_a_title_that_imdb_does_not_have_is_no_label_but_its_link_is_wrong(lab):
    links(lab, 2)
    lab.connection.execute("UPDATE bronze.title_labels SET tconst = NULL WHERE source_id = '0'")
    lab.make(EVALUATION)
    assert of(lab, "labels", "links", "correct", "precision", "recall") == (1, 2, 1, 0.5, 1.0)


@pytest.mark.parametrize(
    ("right", "wrong", "passes"),
    [
        # Few labels prove nothing if no link is wrong.
        (1, 0, True),
        (188, 0, True),
        (1, 1, False),
        (199, 1, False),
        (400, 1, True),
        (988, 12, False),
        (992, 8, True),
    ],
)
def test_a_precision_that_may_be_below_98_percent_is_red(lab, right, wrong, passes):
    finding = links(lab, right, wrong).check(EVALUATION, "precision")
    assert finding.passed == passes
    assert finding.metadata[f"precision, version {weights.VERSION}"] == right / (right + wrong)
    if not passes:
        assert "precision that may be below 98%" in finding.description
        (shown,) = finding.samples["evaluations"]
        assert shown["correct"] == str(right)


def test_only_the_newest_evaluation_is_judged(lab):
    links(lab, 1, 1)
    day = date(2025, 10, 29)
    lab.connection.execute(f"UPDATE {EVALUATION} SET labelled_date = '{day}'")
    kept = lab.connection.execute(f"FROM {EVALUATION}").fetchall()
    lab.connection.execute("UPDATE gold.title_links SET tconst = 'tt1'")
    lab.make(EVALUATION)
    marks = ", ".join("?" * len(kept[0]))
    lab.connection.executemany(f"INSERT INTO {EVALUATION} VALUES ({marks})", kept)
    assert lab.check(EVALUATION, "precision").passed
