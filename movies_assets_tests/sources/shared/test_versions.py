"""The last known value of each column: the same in any order of files."""

from collections.abc import Sequence
from typing import Any

import duckdb
import ibis
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from movies_assets.sources.shared.versions import latest_known
from movies_assets.warehouse.sql import compile_sql

TYPES = {
    "show_id": "string",
    "day": "int64",
    "row_number": "int64",
    "is_sound": "boolean",
    "minutes": "int64",
    "people": "array<string>",
}
Row = tuple[str | None, int, int, bool, int | None, list[str] | None]
CONNECTION = duckdb.connect(config={"threads": 1})
CONNECTION.execute(
    "CREATE TABLE rows (show_id VARCHAR, day BIGINT, row_number BIGINT, is_sound BOOLEAN, "
    "minutes BIGINT, people VARCHAR[])"
)


def known_of(rows: Sequence[Row]) -> list[tuple[Any, ...]]:
    """Return what `latest_known` makes of the rows, in the order of their versions."""
    CONNECTION.execute("DELETE FROM rows")
    if rows:
        CONNECTION.executemany("INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?)", rows)
    table = ibis.table(TYPES, name="rows")
    known = latest_known(
        table, ("show_id",), ("day", "row_number"), ("minutes", "people"), sound=table.is_sound
    )
    return CONNECTION.execute(
        f"FROM ({compile_sql(known)}) ORDER BY show_id, day, row_number"
    ).fetchall()


def model(rows: Sequence[Row]) -> list[tuple[Any, ...]]:
    """Return the same, row by row."""
    found, known = [], dict[tuple[str | None, int], Any]()
    for row in sorted(rows, key=lambda row: (row[0] or "", row[1], row[2])):
        show, day, number, is_sound, *values = row
        if is_sound:
            for place, value in enumerate(values):
                if value is not None:
                    known[show, place] = value
                values[place] = known.get((show, place))
        found.append((show, day, number, is_sound, *values))
    return found


@pytest.mark.parametrize(
    ("minutes", "known"),
    [
        ([90, None], [90, 90]),
        ([90, None, 95, None], [90, 90, 95, 95]),
        ([None, 90], [None, 90]),
        ([120, 60], [120, 60]),
        ([None, None], [None, None]),
    ],
)
def test_a_version_that_knows_less_keeps_what_was_known(minutes, known):
    rows: list[Row] = [("a", day, 0, True, value, None) for day, value in enumerate(minutes)]
    assert [row[4] for row in known_of(rows)] == known


def test_an_unsound_version_gives_nothing_and_keeps_its_own():
    rows: list[Row] = [
        ("a", 1, 0, True, 90, ["Ada"]),
        ("a", 2, 0, False, None, ["Bob"]),
        ("a", 3, 0, True, None, None),
    ]
    assert [row[4:] for row in known_of(rows)] == [(90, ["Ada"]), (None, ["Bob"]), (90, ["Ada"])]


def test_entities_know_nothing_of_each_other():
    rows: list[Row] = [("a", 1, 0, True, 90, None), ("b", 2, 0, True, None, None)]
    assert [row[4] for row in known_of(rows)] == [90, None]


Values = tuple[str, bool, int | None, list[str] | None]
A_ROW: st.SearchStrategy[Values] = st.tuples(
    st.sampled_from("ab"),
    st.booleans(),
    st.none() | st.integers(1, 3),
    st.none() | st.lists(st.sampled_from(["Ada", "Bob"]), max_size=2),
)
# A file arrives for a day; one of the same day takes the place of the one before it.
ARRIVALS = st.lists(st.tuples(st.integers(1, 4), st.lists(A_ROW, max_size=4)), max_size=8)


@pytest.mark.slow
@settings(max_examples=100)
@given(ARRIVALS, st.randoms(use_true_random=False))
@example([(1, [("a", True, 90, None)]), (2, [("a", True, None, None)])], None)
def test_what_is_known_does_not_depend_on_the_order_of_arrival(arrivals, random):
    newest = dict(arrivals)
    rows: list[Row] = [
        (show, day, number, is_sound, minutes, cast)
        for day, content in newest.items()
        for number, (show, is_sound, minutes, cast) in enumerate(content)
    ]
    expected = model(rows)
    if random:
        random.shuffle(rows)
    found = known_of(rows)
    assert found == expected
    assert len(found) == len(rows)
