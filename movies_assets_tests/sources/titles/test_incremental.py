"""Tables of links that are brought up to date have the rows of a full rebuild."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from movies_assets.sources.titles.overrides import FORBID, FORCE
from movies_assets.warehouse.changes import record_change
from movies_assets_tests.sources.titles.lab import REFRESHED, Lab
from movies_assets_tests.sources.titles.lab import lab as opened

NAMES, YEARS, MINUTES = ("A Film", "Film", "Another"), (2000, 2001), (90, 100, None)
IDS = ("tt0000001", "tt0000002", "tt0000003")
# Table, the column of its key, and keys.
SOURCES: Mapping[str, tuple[str, str, Sequence[Any]]] = {
    "yts": ("silver.yts_movies", "movie_id", (1, 2)),
    "netflix": ("silver.netflix_titles", "show_id", ("s1", "s2")),
    "ott": ("silver.ott_titles", "title_key", ("o1",)),
}


def list_title(lab: Lab, source: str, key: Any, title: str, **more: Any) -> None:
    """List a title of a source, instead of what it listed under this key."""
    table, column, _ = SOURCES[source]
    remove(lab, table, **{column: key})
    getattr(lab, source)(key, title, **more)


def list_at_imdb(lab: Lab, tconst: str, title: str, **more: Any) -> None:
    remove(lab, "silver.imdb_titles", tconst=tconst)
    lab.imdb(tconst, title, **more)


def decide(lab: Lab, source: str, source_id: str, tconst: str, decision: str) -> None:
    remove(lab, "bronze.title_overrides", source=source, source_id=source_id)
    lab.decide(source, source_id, tconst, decision)


def remove(lab: Lab, table: str, **key: Any) -> None:
    where = " AND ".join(f"{name} = ?" for name in key)
    lab.connection.execute(f"DELETE FROM {table} WHERE {where}", [*key.values()])
    record_change(lab.connection, table)


Step = tuple[Callable[..., None], tuple[Any, ...], Mapping[str, Any]]


def shape(**more: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    known = {"year": st.sampled_from(YEARS), "minutes": st.sampled_from(MINUTES)}
    return st.fixed_dictionaries({**known, **more})


def step(do: Callable[..., None], *given: Any, more: Any = None) -> st.SearchStrategy[Step]:
    arguments = (one if isinstance(one, st.SearchStrategy) else st.just(one) for one in given)
    return st.tuples(st.just(do), st.tuples(*arguments), st.just({}) if more is None else more)


TITLES, STATED = st.sampled_from(NAMES), st.sampled_from((None, *IDS, "tt0000009"))
KEYS_OF_IMDB = st.sampled_from(IDS)
REMOVED = {**SOURCES, "imdb": ("silver.imdb_titles", "tconst", IDS)}
STEPS = st.one_of(
    step(list_title, "yts", st.sampled_from((1, 2)), TITLES, more=shape(stated=STATED)),
    step(list_title, "netflix", st.sampled_from(("s1", "s2")), TITLES, more=shape()),
    step(list_title, "ott", "o1", TITLES, more=shape(imdb_score=st.sampled_from((6.1, None)))),
    step(list_at_imdb, KEYS_OF_IMDB, TITLES, more=shape(rating=st.sampled_from((6.0, None)))),
    step(decide, "yts", st.sampled_from("12"), KEYS_OF_IMDB, st.sampled_from((FORCE, FORBID))),
    *(
        step(remove, table, more=st.fixed_dictionaries({column: st.sampled_from(keys)}))
        for table, column, keys in REMOVED.values()
    ),
)


def contents(lab: Lab) -> dict[str, list[Any]]:
    return {name: lab.rows(name) for name in REFRESHED}


# Each step computes a dozen tables; shrinking takes minutes.
@settings(max_examples=4, phases=[Phase.explicit, Phase.generate])
@given(st.lists(STEPS, min_size=1, max_size=6))
def test_after_any_steps_the_tables_are_those_of_a_full_rebuild(steps):
    with opened() as lab:
        for number, tconst in enumerate(IDS[:2]):
            lab.imdb(tconst, NAMES[number], rating=6.0)
        lab.yts(1, "Film", stated=IDS[0], rating=6.1)
        lab.netflix("s1", "A Film")
        lab.refresh()
        for do, arguments, more in steps:
            do(lab, *arguments, **more)
            lab.refresh()
        found = contents(lab)
        assert found == contents(lab.make(*REFRESHED))


@pytest.fixture
def fresh(lab) -> Lab:
    lab.imdb(IDS[0], "Film")
    lab.imdb(IDS[1], "Another")
    lab.netflix("s1", "Film")
    lab.yts(1, "Another")
    assert set(lab.refresh().values()) == {None}
    return lab


def test_without_a_change_nothing_is_computed(fresh):
    assert set(fresh.refresh().values()) == {0}


@pytest.mark.parametrize("table", ["silver.yts_movies", "bronze.title_overrides"])
def test_of_the_same_rows_written_again_nothing_is_written_below_them(fresh, table):
    record_change(fresh.connection, table)
    assert set(fresh.refresh().values()) == {0}


def test_a_changed_title_is_all_that_is_written_in_large_tables(fresh):
    list_title(fresh, "yts", 1, "Another", year=2001)
    written = fresh.refresh()
    assert written["silver.title_names"] == 0
    # The row before, and the row after.
    assert written["silver.title_candidates"] == 2
    assert written["gold.dim_title"] == 2


def test_a_title_that_is_gone_leaves_the_title_of_imdb(fresh):
    remove(fresh, "silver.yts_movies", movie_id=1)
    fresh.refresh()
    where = f"title_key = '{IDS[1]}'"
    assert fresh.one("gold.dim_title", "sources_count", where=where) == 1


@pytest.mark.parametrize("table", ["silver.title_candidates", "gold.dim_title"])
def test_rows_that_were_removed_by_hand_are_computed_again(fresh, table):
    before = contents(fresh)
    fresh.connection.execute(f"DELETE FROM {table}")
    fresh.refresh()
    assert contents(fresh) == before


def test_other_code_computes_all(fresh):
    assert set(fresh.refresh(code="2").values()) == {None}
    assert set(fresh.refresh(code="2").values()) == {0}


def test_a_new_state_of_imdb_is_compared_with_all_titles(fresh):
    list_at_imdb(fresh, IDS[2], "Film")
    assert fresh.refresh()["silver.title_candidates"] is None
    assert fresh.link("netflix", "s1", "rivals") == 2
