"""Which rule links two titles, at the bounds of each, and how sure a link is."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import duckdb
import ibis
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from movies_assets.definitions import TABLES
from movies_assets.sources.titles import linking, weights
from movies_assets.sources.titles.linking import (
    BY_ID,
    BY_PEOPLE,
    BY_RATING,
    BY_RUNTIME,
    BY_YEAR,
    REVIEW,
)
from movies_assets.warehouse.sql import compile_sql
from movies_assets_tests.sources.titles.lab import MADE, SILVER, Lab
from movies_assets_tests.sources.titles.lab import lab as opened

CANDIDATES = "silver.title_candidates"
IMDB = {"title_type": "movie", "year": 2000, "minutes": 100}
SHOW = {"title_type": "tvSeries", "minutes": None}
# Years and running times that no rule accepts by themselves.
FAR = {"year": 2002, "minutes": 150}


class Case(NamedTuple):
    """Two titles of one name.

    Attributes:
        expected: the rule; None: they are no candidates of each other.
        theirs: the title of Netflix, YTS or OTT: by default of 2000 and 100 minutes.
        imdb: the title of IMDb, likewise.
        source: the source.
        cast: the cast at IMDb.
        directors: the directors at IMDb.
        rivals: years of further titles of IMDb that have this name, 300 minutes each.
    """

    expected: str | None
    theirs: Mapping[str, Any] = {}
    imdb: Mapping[str, Any] = {}
    source: str = "netflix"
    cast: tuple[str, ...] = ()
    directors: tuple[str, ...] = ()
    rivals: tuple[int, ...] = ()


TWO, FOUR = ("Ada", "Bob"), ("Ada", "Bob", "Cleo", "Dan")
TEAM, OTHER = {"cast": FOUR[:3], "directors": ("Zoe",)}, {"title": "Other {}"}
CASES = {
    # Name, year and runtime
    "the same": Case(BY_RUNTIME),
    "a year before": Case(BY_RUNTIME, {"year": 1999}),
    "a year after": Case(BY_RUNTIME, {"year": 2001}),
    "2 years after": Case(REVIEW, {"year": 2002}),
    "3 minutes more": Case(BY_RUNTIME, {"minutes": 103, "year": 2001}),
    "3 minutes less": Case(BY_RUNTIME, {"minutes": 97, "year": 2001}),
    "4 minutes more, another year": Case(REVIEW, {"minutes": 104, "year": 2001}),
    "near, with rivals": Case(BY_RUNTIME, {"minutes": 103}, rivals=(2000, 2001)),
    # Name and year
    "10 % more": Case(BY_YEAR, {"minutes": 110}),
    "11 % more": Case(REVIEW, {"minutes": 111}),
    "10 % less": Case(BY_YEAR, {"minutes": 90}),
    "11 % less": Case(REVIEW, {"minutes": 89}),
    "5 minutes of 10": Case(BY_YEAR, {"minutes": 15}, {"minutes": 10}),
    "6 minutes of 10": Case(REVIEW, {"minutes": 16}, {"minutes": 10}),
    "runtime unknown at the source": Case(BY_YEAR, {"minutes": None}),
    "runtime unknown at IMDb": Case(BY_YEAR, {}, {"minutes": None}),
    "runtime unknown, a year after": Case(REVIEW, {"minutes": None, "year": 2001}),
    "runtime unknown, a rival of that year": Case(REVIEW, {"minutes": None}, rivals=(2000,)),
    "runtime unknown, a rival a year after": Case(REVIEW, {"minutes": None}, rivals=(2001,)),
    "runtime unknown, a rival 2 years after": Case(BY_YEAR, {"minutes": None}, rivals=(2002,)),
    "year unknown at the source": Case(REVIEW, {"year": None}),
    "year unknown at IMDb": Case(REVIEW, {}, {"year": None}),
    "year and runtime unknown": Case(REVIEW, {"year": None, "minutes": None}),
    # People
    "2 of the cast": Case(BY_PEOPLE, {**FAR, "cast": TWO}, cast=FOUR),
    "1 of the cast": Case(REVIEW, {**FAR, "cast": TWO}, cast=("Bob", "Eve")),
    "1 of the cast named twice": Case(REVIEW, {**FAR, "cast": ("Bob", "BOB")}, cast=("Bob", "bob")),
    "a director": Case(BY_PEOPLE, {**FAR, "directors": ("Ada",)}, directors=("ADA",)),
    "the director is of the cast there": Case(REVIEW, {**FAR, "directors": ("Ada",)}, cast=FOUR),
    "people, 3 years apart": Case(REVIEW, {"year": 2003, "cast": TWO}, cast=TWO),
    "people, year unknown": Case(REVIEW, {"year": None, "cast": TWO}, cast=TWO),
    "people, rivals of that year": Case(
        BY_PEOPLE, {"minutes": 150, "cast": TWO}, cast=TWO, rivals=(2000, 2000)
    ),
    # People, under another name
    "a team": Case(BY_PEOPLE, TEAM, OTHER, cast=FOUR, directors=("Zoe",)),
    "a team, a year after": Case(
        BY_PEOPLE, {**TEAM, "year": 2001}, OTHER, cast=FOUR, directors=("Zoe",)
    ),
    "a team, 2 years after": Case(
        None, {**TEAM, "year": 2002}, OTHER, cast=FOUR, directors=("Zoe",)
    ),
    "a team, 2 minutes more": Case(
        BY_PEOPLE, {**TEAM, "minutes": 102}, OTHER, cast=FOUR, directors=("Zoe",)
    ),
    "a team, 3 minutes more": Case(
        None, {**TEAM, "minutes": 103}, OTHER, cast=FOUR, directors=("Zoe",)
    ),
    "a team, minutes unknown": Case(
        None, {**TEAM, "minutes": None}, OTHER, cast=FOUR, directors=("Zoe",)
    ),
    "a team without the director": Case(None, TEAM, OTHER, cast=FOUR, directors=("Eve",)),
    "a team of 2 of the cast": Case(None, TEAM, OTHER, cast=FOUR[:2], directors=("Zoe",)),
    "a team of another kind": Case(
        None, {**TEAM, "type": "TV Show"}, OTHER, cast=FOUR, directors=("Zoe",)
    ),
    "a team, of another part": Case(
        None, TEAM, {"title": "Other {} Part 2"}, cast=FOUR, directors=("Zoe",)
    ),
    "a team, by a title of that name 9 years before": Case(
        None, TEAM, OTHER, cast=FOUR, directors=("Zoe",), rivals=(1991,)
    ),
    # Rating
    "rating 0.3 apart": Case(BY_RATING, {"minutes": 150, "rating": 6.7}, {"rating": 7.0}, "ott"),
    "rating 0.4 apart": Case(REVIEW, {"minutes": 150, "rating": 6.6}, {"rating": 7.0}, "ott"),
    "rating unknown": Case(REVIEW, {"minutes": 150, "rating": 6.6}, {}, "ott"),
    "rating, a year after": Case(
        REVIEW, {"minutes": 150, "year": 2001, "rating": 7.0}, {"rating": 7.0}, "ott"
    ),
    "rating, with a rival": Case(
        REVIEW, {"minutes": 150, "rating": 7.0}, {"rating": 7.0}, "ott", rivals=(2001,)
    ),
    # Series: the years in which they ran
    "a show in its first year": Case(BY_YEAR, SHOW, {**SHOW, "end_year": 2005}),
    "a show within its years": Case(BY_YEAR, {**SHOW, "year": 2003}, {**SHOW, "end_year": 2005}),
    "a show a year before": Case(BY_YEAR, {**SHOW, "year": 1999}, {**SHOW, "end_year": 2005}),
    "a show 2 years before": Case(REVIEW, {**SHOW, "year": 1998}, {**SHOW, "end_year": 2005}),
    "a show a year after": Case(BY_YEAR, {**SHOW, "year": 2006}, {**SHOW, "end_year": 2005}),
    "a show 2 years after": Case(REVIEW, {**SHOW, "year": 2007}, {**SHOW, "end_year": 2005}),
    "a show without end, in the year of the dump": Case(BY_YEAR, {**SHOW, "year": 2025}, SHOW),
    "a show without end, 2 years after the dump": Case(REVIEW, {**SHOW, "year": 2027}, SHOW),
    "a show without end, 10 years after its first": Case(BY_YEAR, {**SHOW, "year": 2010}, SHOW),
    "a show without end, a year after the dump": Case(BY_YEAR, {**SHOW, "year": 2026}, SHOW),
    "a show of an unknown first year": Case(REVIEW, SHOW, {**SHOW, "year": None, "end_year": 2005}),
    "a miniseries": Case(BY_YEAR, SHOW, {**SHOW, "title_type": "tvMiniSeries"}),
    # Series: their minutes
    "a show of 22 minutes in a slot of 30": Case(
        BY_YEAR, {**SHOW, "minutes": 22}, {**SHOW, "minutes": 30}
    ),
    "a show of a slot, a year before": Case(
        BY_YEAR, {**SHOW, "minutes": 22, "year": 1999}, {**SHOW, "minutes": 30}
    ),
    "a show of a slot, with a rival": Case(
        BY_YEAR, {**SHOW, "minutes": 22}, {**SHOW, "minutes": 30, "end_year": 2000}, rivals=(2000,)
    ),
    "a show 2 years after its first, of a slot": Case(
        REVIEW, {**SHOW, "minutes": 22, "year": 2002}, {**SHOW, "minutes": 30, "end_year": 2005}
    ),
    "a show 2 years after its first, of equal minutes": Case(
        BY_RUNTIME, {**SHOW, "minutes": 30, "year": 2002}, {**SHOW, "minutes": 30, "end_year": 2005}
    ),
    "a title of unknown kind, and a show of a slot": Case(
        REVIEW, {"minutes": 22}, {**SHOW, "minutes": 30}, "ott"
    ),
    # Kinds
    "a movie and a show": Case(None, {}, SHOW),
    "a show and a movie": Case(None, SHOW, {}),
    "a title of unknown kind, and a show": Case(
        BY_RUNTIME, {"minutes": 40}, {**SHOW, "minutes": 40}, "ott"
    ),
    "a title of unknown kind, and a movie": Case(BY_RUNTIME, {}, {}, "ott"),
    "a movie of television": Case(BY_RUNTIME, {}, {"title_type": "tvMovie"}),
    "an episode": Case(None, {}, {"title_type": "tvEpisode"}),
    "a game": Case(None, {}, {"title_type": "videoGame"}),
    # Ids
    "the stated id": Case(BY_ID, {"stated": "own", "title": "Other"}, {}, "yts"),
    "the stated id of another kind": Case(BY_ID, {"stated": "own"}, SHOW, "yts"),
    "the stated id of an episode": Case(
        None, {"stated": "own"}, {"title_type": "tvEpisode"}, "yts"
    ),
    "another stated id": Case(BY_RUNTIME, {"stated": "tt9999999"}, {}, "yts"),
    # Names
    "an alternate name": Case(BY_RUNTIME, {}, {"title": "Other {}", "aka": "Name {}"}),
    "another name": Case(None, {}, {"title": "Other {}"}),
    "no name": Case(None, {"title": None}),
}


def fill(lab: Lab, number: int, case: Case) -> None:
    name, tconst = f"Name {number}", f"tt{number:05}00"
    imdb = {**IMDB, "title": name, **case.imdb}
    aka = imdb.pop("aka", None)
    lab.imdb(tconst, **{**imdb, "title": imdb["title"].format(number)})
    if aka:
        lab.aka(tconst, aka.format(number))
    lab.credit(tconst, "actor", *case.cast)
    lab.credit(tconst, "director", *case.directors)
    for n, year in enumerate(case.rivals, 1):
        lab.imdb(f"tt{number:05}{n:02}", name, year, 300)
    theirs = {"title": name, "year": 2000, "minutes": 100, **case.theirs}
    if theirs.pop("title_type", None):
        theirs["type"] = "TV Show"
    if case.source == "yts":
        stated = theirs.pop("stated")
        lab.yts(number, **theirs, stated=tconst if stated == "own" else stated)
    elif case.source == "ott":
        lab.ott(str(number), imdb_score=theirs.pop("rating", None), **theirs)
    else:
        lab.netflix(str(number), **theirs)


@pytest.fixture(scope="module")
def rules() -> Iterator[Mapping[str, str | None]]:
    """The rule of each case."""
    with opened() as lab:
        for number, case in enumerate(CASES.values(), 1):
            fill(lab, number, case)
        lab.make(*SILVER)
        found = dict(lab.rows(CANDIDATES, "tconst", "rule"))
        yield {name: found.get(f"tt{n:05}00") for n, name in enumerate(CASES, 1)}


@pytest.mark.parametrize("name", CASES)
def test_the_rule_of_two_titles(rules, name):
    assert rules[name] == CASES[name].expected


def test_people_are_unknown_where_one_side_names_none(lab):
    lab.netflix("both", "A", cast=["Ada", "Eve"], directors=["Cleo"])
    lab.netflix("none", "A")
    lab.netflix("only directors", "B", directors=["Cleo"])
    lab.imdb("tt0000001", "A")
    lab.credit("tt0000001", "actress", "Ada", "Bob")
    lab.credit("tt0000001", "director", "CLEO")
    lab.imdb("tt0000002", "B")
    lab.make(*SILVER)
    assert lab.rows(CANDIDATES, "source_id", "shared_people") == [
        ("both", 2),
        ("none", None),
        ("only directors", None),
    ]


def test_a_team_of_two_titles_is_no_link(lab):
    lab.netflix("1", "Film", cast=FOUR, directors=["Zoe"])
    for tconst in ("tt0000001", "tt0000002"):
        lab.imdb(tconst, "Other")
        lab.credit(tconst, "actor", *FOUR)
        lab.credit(tconst, "director", "Zoe")
    lab.make(*SILVER)
    assert lab.rows(CANDIDATES, "rule", "rivals") == [(REVIEW, 2)] * 2


def test_a_link_by_a_team_is_sure(lab):
    lab.netflix("1", "Film", cast=FOUR, directors=["Zoe"])
    lab.imdb("tt0000001", "Other")
    for number in range(2, 100):
        lab.imdb(f"tt{number:07}", f"Title {number}")
    lab.credit("tt0000001", "actor", *FOUR)
    lab.credit("tt0000001", "director", "Zoe")
    ((_, confidence),) = confidences(lab.make(*SILVER))
    assert 0.95 < confidence < 1


def test_a_pair_is_one_candidate_however_many_names_it_shares(lab):
    lab.yts(1, "A Film", title_english="Un film", stated="tt0000001")
    lab.imdb("tt0000001", "Film", original_title="Un Film")
    for name in ("FILM", "Le Film", "un film"):
        lab.aka("tt0000001", name)
    lab.make(*SILVER)
    assert lab.rows(CANDIDATES, "tconst", "rule", "name") == [("tt0000001", BY_ID, "film")]
    assert lab.rows("silver.title_names", "name_key", "origin") == [
        ("film", "primary"),
        ("lefilm", "aka"),
        ("unfilm", "original"),
    ]


def test_minutes_of_a_slot_are_unknown_evidence(lab):
    for name, minutes in (("a", 30), ("b", None), ("c", 24)):
        lab.netflix(name, name, minutes=22, type="TV Show")
        lab.imdb(f"tt000000{name}", name, minutes=minutes, title_type="tvSeries")
    lab.make(*SILVER)
    found = lab.rows(CANDIDATES, "source_id", "runtime_difference", "confidence")
    (_, slot, of_slot), (_, unknown, of_unknown), (_, near, of_near) = found
    assert (slot, unknown, near) == (None, None, 2)
    assert of_slot == of_unknown < of_near


def confidences(lab: Lab) -> list[tuple[str, float]]:
    return lab.rows(CANDIDATES, "tconst", "confidence")


def test_rivals_lower_the_confidence(lab):
    lab.netflix("1", "Film")
    lab.imdb("tt0000001", "Film")
    lab.imdb("tt0000002", "Another")
    ((_, alone),) = confidences(lab.make(*SILVER))
    lab.connection.execute("UPDATE silver.imdb_titles SET primary_title = 'Film'")
    (_, one), (_, other) = confidences(lab.make(*SILVER))
    assert one == other < 0.5 < alone


def test_a_title_alone_in_imdb_is_no_sure_link_without_evidence(lab):
    lab.netflix("1", "Film", None, None)
    lab.imdb("tt0000001", "Film", votes=None)
    ((_, confidence),) = confidences(lab.make(*SILVER))
    assert confidence < 0.5


# How sure a link is, for any evidence.

PAIR = {
    "source": "string", "source_id": "string", "tconst": "string", "stated_tconst": "string",
    "name": "string", "is_own_name": "boolean", "is_stated": "boolean", "titles_of_name": "int64",
    "year_difference": "int64", "runtime_difference": "int64", "imdb_runtime_minutes": "int64",
    "rating_difference": "float64", "imdb_votes": "int64", "shared_people": "int64",
    "shared_cast": "int64", "shared_directors": "int64",
}  # fmt: skip
PAIRS = ibis.table(PAIR, name="pairs")
CONFIDENCE = compile_sql(
    linking.with_confidence(PAIRS, ibis.literal(1_000)).select("tconst", "confidence")
)
maybe: Callable[..., Any] = lambda values: st.one_of(st.none(), values)  # noqa: E731
EVIDENCE = st.fixed_dictionaries({
    "titles_of_name": st.integers(1, 1_000),
    "year_difference": maybe(st.integers(0, 4)),
    "runtime_difference": maybe(st.integers(0, 60)),
    "imdb_runtime_minutes": st.integers(1, 200),
    "rating_difference": maybe(st.sampled_from([0.0, 0.3, 0.4, 5.0])),
    "imdb_votes": maybe(st.integers(0, 20_000)),
    "shared_cast": maybe(st.integers(0, 3)),
    "is_own_name": st.booleans(),
    "is_stated": st.booleans(),
    "has_name": st.booleans(),
})  # fmt: skip


def confidence_of(*evidence: Mapping[str, Any]) -> list[float]:
    """Return the confidence of each candidate of one title."""
    rows = [
        {
            "source": "yts",
            "source_id": "1",
            "tconst": f"tt{number:07}",
            "stated_tconst": "tt" if given["is_stated"] else None,
            "name": "film" if given["has_name"] else None,
            "shared_people": given["shared_cast"],
            "shared_directors": None,
            **given,
        }
        for number, given in enumerate(evidence)
    ]
    frame = pd.DataFrame(rows, columns=[*PAIR], dtype=object)
    types = {"string": "VARCHAR", "int64": "BIGINT", "float64": "DOUBLE", "boolean": "BOOLEAN"}
    columns = ", ".join(f"CAST({name} AS {types[kind]}) AS {name}" for name, kind in PAIR.items())
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.register("frame", frame)
        connection.execute(f"CREATE TABLE pairs AS SELECT {columns} FROM frame")
        return [found for _, found in sorted(connection.execute(CONFIDENCE).fetchall())]


@settings(max_examples=20)
@given(st.lists(EVIDENCE, min_size=1, max_size=5))
def test_confidences_of_one_title_are_shares_of_one(evidence):
    found = confidence_of(*evidence)
    assert all(0 <= each <= 1 for each in found)
    assert sum(found) <= 1 + 1e-9


# Changes that speak for a pair.
BETTER: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "a nearer year": lambda e: {"year_difference": max((e["year_difference"] or 0) - 1, 0)},
    "a nearer running time": lambda e: {"runtime_difference": (e["runtime_difference"] or 0) // 2},
    "a nearer rating": lambda _: {"rating_difference": 0.0},
    "more votes": lambda e: {"imdb_votes": (e["imdb_votes"] or 0) * 10},
    "more people": lambda e: {"shared_cast": (e["shared_cast"] or 0) + 2},
    "a name of its own": lambda _: {"is_own_name": True, "has_name": True},
    "the stated id": lambda _: {"is_stated": True},
    "a rarer name": lambda e: {"titles_of_name": max(e["titles_of_name"] // 2, 1)},
}


@settings(max_examples=25)
@given(EVIDENCE, st.lists(EVIDENCE, max_size=2), st.sampled_from([*BETTER]))
def test_more_evidence_never_lowers_the_confidence(evidence, others, change):
    better = {**evidence, **BETTER[change](evidence)}
    before, after = (confidence_of(each, *others) for each in (evidence, better))
    assert after[0] >= before[0]
    assert all(now <= then for now, then in zip(after[1:], before[1:], strict=True))


def test_every_level_has_a_weight_and_an_unknown_value_counts_nothing():
    for feature in ("year", "runtime", "people", "rating", "id"):
        assert weights.WEIGHTS[feature][weights.UNKNOWN] == 0


# The best candidate.


def test_the_best_candidate_is_by_rule_then_by_confidence_then_by_id(lab):
    lab.netflix("1", "Film", 2001)
    lab.imdb("tt0000003", "Film", 2002, 100, votes=100_000)
    lab.imdb("tt0000004", "Film", 2000, 103)
    lab.imdb("tt0000001", "Film", 2001, 130, votes=100_000)
    lab.imdb("tt0000002", "Film", 2002, 100, votes=100_000)
    lab.make()
    assert lab.link("netflix", "1", "tconst", "method", "runner_up", "rivals") == (
        "tt0000002",
        BY_RUNTIME,
        "tt0000003",
        4,
    )


class SparkOptions(ibis.config.Config):
    """Options that Ibis registers once pyspark is imported."""

    treat_nan_as_null: bool = False


@pytest.mark.slow
@pytest.mark.parametrize("name", MADE)
def test_rules_are_for_any_engine(name, monkeypatch):
    monkeypatch.setattr(ibis.options, "pyspark", SparkOptions())
    table = TABLES[name]
    inputs = {key: TABLES[n].contract.table(n) for key, n in table.reads().items()}
    assert str(ibis.to_sql(table(**inputs), dialect="pyspark"))
