"""What a write keeps, refuses, replaces and leaves: by cases, and against a model in Python."""

from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

import duckdb
import ibis
import ibis.expr.types as ir
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from movies_assets.core.contract import Contract, column
from movies_assets.core.outcome import RAW, UNPARSED, fates, outcome, outside
from movies_assets.core.table import LatestVersion, Lineage, Table, table
from movies_assets.core.window import Window
from movies_assets.core.write_mode import MERGE, OVERWRITE
from movies_assets.definitions import TABLES
from movies_assets.warehouse.sql import compile_sql


class Film(Contract):
    """One row a film."""

    film_id: int = column("Number.", key=True)
    day: int = column("Its partition.")
    version: int = column("Orders versions.", nullable=True)
    note: str = column("Anything.", isin=["a", "b"])


class Row(NamedTuple):
    film_id: int
    day: int = 1
    version: int | None = 1
    note: str = "a"


DDL = "film_id BIGINT, day BIGINT, version BIGINT, note VARCHAR"
HIDDEN = f", {RAW} VARCHAR, {UNPARSED} VARCHAR"
LATEST = {"latest_version": LatestVersion(("film_id",), ("day", "version"))}
LINEAGE = {"lineage": Lineage(source_of="bronze.films", source_row_id="film_id")}
WINDOW = Window("1", "2")
NOT_UNIQUE = "key (film_id): not unique"


def films(**properties: Any) -> Table:
    def films() -> ir.Table: ...

    described = {"layer": "silver", "group": "test", "contract": Film, "partition_column": "day"}
    return table(**{**described, **properties})(films)


def unbound(table: Table) -> tuple[ir.Table, ir.Table]:
    """Return the staged and the stored rows."""
    stored = table.contract.table("stored")
    hidden = {RAW: "string", UNPARSED: "string"} if table.lineage else {}
    return ibis.table({**dict(stored.schema().items()), **hidden}, name="staged"), stored


class Found(NamedTuple):
    """Rows of each fate; of refused ones with the rules that they break."""

    kept: Counter[Row]
    refused: Counter[tuple[Any, ...]]
    inserted: Counter[Row]
    replaced: Counter[Row]
    left: Counter[Row]
    touched: set[int]


def decide(table: Table, staged: Sequence[Row], stored: Sequence[Row]) -> Found:
    """Let DuckDB say what a write of days 1 and 2 does."""
    found = outcome(table, *unbound(table), WINDOW)
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute(f"CREATE TABLE staged ({DDL}{HIDDEN if table.lineage else ''})")
        connection.execute(f"CREATE TABLE stored ({DDL})")
        for row in staged:
            hidden = [row.note, ""] if table.lineage else []
            marks = ", ".join("?" * len([*row, *hidden]))
            connection.execute(f"INSERT INTO staged VALUES ({marks})", [*row, *hidden])
        for row in stored:
            connection.execute("INSERT INTO stored VALUES (?, ?, ?, ?)", row)

        def ask(rows: ir.Table, *further: str) -> Counter[Any]:
            query = compile_sql(rows.select(*Row._fields, *further))
            return Counter(connection.execute(query).fetchall())

        assert found.touched is not None
        days = connection.execute(compile_sql(found.touched)).fetchall()
        return Found(
            ask(found.kept),
            ask(found.refused, "broken_rules"),
            ask(found.inserted),
            ask(found.replaced),
            ask(found.left),
            {day for (day,) in days},
        )


def found(
    kept: Sequence[Row] = (),
    refused: Sequence[tuple[Any, ...]] = (),
    inserted: Sequence[Row] | None = None,
    replaced: Sequence[Row] = (),
    left: Sequence[Row] = (),
) -> Found:
    inserted = kept if inserted is None else inserted
    touched = {row.day for row in (*inserted, *replaced)}
    rows = (Counter(map(tuple, each)) for each in (kept, refused, inserted, replaced, left))
    return Found(*rows, touched)  # type: ignore[arg-type]


OUT = Row(9, day=3)
CASES = {
    "a partition is replaced, others stay": (
        {},
        [Row(1), Row(1)],
        [Row(5), Row(6, day=2), OUT],
        found([Row(1), Row(1)], replaced=[Row(5), Row(6, day=2)], left=[OUT]),
    ),
    "nothing new empties the partition": (
        {},
        [],
        [Row(5), OUT],
        found(replaced=[Row(5)], left=[OUT]),
    ),
    "overwriting replaces all": (
        {"write_mode": OVERWRITE},
        [Row(1)],
        [Row(5), OUT],
        found([Row(1)], replaced=[Row(5), OUT]),
    ),
    "merging leaves unchanged rows, changes others, and removes none": (
        {"write_mode": MERGE},
        [Row(1), Row(1), Row(2, note="b"), Row(3)],
        [Row(1), Row(2), OUT],
        found(
            [Row(1), Row(2, note="b"), Row(3)],
            inserted=[Row(2, note="b"), Row(3)],
            replaced=[Row(2)],
            left=[Row(1), OUT],
        ),
    ),
    "the newest version is kept, and replaces an older one elsewhere": (
        LATEST,
        [Row(1, version=1), Row(1, version=2), Row(2, day=2)],
        [Row(2, day=0), OUT],
        found([Row(1, version=2), Row(2, day=2)], replaced=[Row(2, day=0)], left=[OUT]),
    ),
    "a version older than a stored one is dropped": (
        LATEST,
        [Row(9), Row(1)],
        [OUT, Row(1)],
        found([Row(1)], replaced=[Row(1)], left=[OUT]),
    ),
    "an unknown version is the oldest": (
        LATEST,
        [Row(1, version=None), Row(1, version=0)],
        [],
        found([Row(1, version=0)]),
    ),
    "of copies of a key one is kept": (
        {"drop_duplicates": True},
        [Row(1, note="b"), Row(1, note="a"), Row(2)],
        [],
        found([Row(1, note="a"), Row(2)]),
    ),
    "broken rows are refused, and do not take the place of sound ones": (
        {**LATEST, **LINEAGE},
        [Row(1, version=2, note="c"), Row(1, version=1)],
        [],
        found([Row(1)], refused=[(*Row(1, version=2, note="c"), "note: none of a, b")]),
    ),
    "of sound rows with a duplicate key the first is kept": (
        LINEAGE,
        [Row(1, note="b"), Row(1, note="a"), Row(1, note="c")],
        [],
        found(
            [Row(1, note="a")],
            refused=[(*Row(1, note="b"), NOT_UNIQUE), (*Row(1, note="c"), "note: none of a, b")],
        ),
    ),
}


@pytest.mark.parametrize(("properties", "staged", "stored", "expected"), CASES.values(), ids=CASES)
def test_what_a_write_does(properties, staged, stored, expected):
    assert decide(films(**properties), staged, stored) == expected


def test_rows_of_other_partitions_and_of_none_are_outside():
    staged, _ = unbound(films())
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute(f"CREATE TABLE staged ({DDL})")
        connection.execute("INSERT INTO staged (film_id, day) VALUES (1, 1), (2, 3), (3, NULL)")
        for window, numbers in ((WINDOW, [2, 3]), (Window("1", "3", without=("1",)), [1, 3])):
            rows = outside(films(), staged, window).select("film_id")
            assert connection.execute(f"{compile_sql(rows)} ORDER BY 1").fetchall() == [
                (number,) for number in numbers
            ]


def model(table: Table, staged: list[Row], stored: list[Row]) -> Found:
    """Say the same in Python, row by row."""
    is_covered = {"overwrite": lambda _: True, "merge": lambda _: False}.get(
        table.write_mode.name, lambda row: row.day in (1, 2)
    )
    replaced, left = [r for r in stored if is_covered(r)], [r for r in stored if not is_covered(r)]
    sound = [row for row in staged if not table.lineage or row.note in "ab"]
    refused = [(*row, "note: none of a, b") for row in staged if row not in sound]
    if table.lineage and not table.is_staged:
        ordered = sorted(sound, key=lambda row: (row.film_id, row.note))
        groups = [list(rows) for _, rows in groupby(ordered, lambda row: row.film_id)]
        sound = [rows[0] for rows in groups]
        refused += [(*row, NOT_UNIQUE) for rows in groups for row in rows[1:]]
    kept = sound
    if table.latest_version:

        def age(row: Row) -> tuple[int, int]:
            return row.day, row.version

        kept = [r for r in kept if age(r) == max(age(o) for o in kept if o.film_id == r.film_id)]
        kept = [
            r for r in kept if not any(o.film_id == r.film_id and age(o) > age(r) for o in left)
        ]
    if table.drop_duplicates:
        kept = [min(o for o in kept if o.film_id == n) for n in {r.film_id for r in kept}]
    elif table.write_mode is MERGE:
        kept = list(dict.fromkeys(kept))
    numbers = {row.film_id for row in kept}
    if table.latest_version:
        replaced += [row for row in left if row.film_id in numbers]
        left = [row for row in left if row.film_id not in numbers]
    inserted = kept
    if table.write_mode is MERGE:
        inserted = [row for row in kept if row not in left]
        replaced += [row for row in left if row.film_id in numbers and row not in kept]
        left = [row for row in left if row.film_id not in numbers or row in kept]
    return found(kept, refused, inserted, replaced, left)


ROWS = st.builds(
    Row, st.integers(1, 3), st.integers(1, 2), st.integers(1, 2), st.sampled_from("abc")
)
STORED = st.builds(
    Row, st.integers(1, 3), st.integers(0, 3), st.integers(1, 2), st.sampled_from("ab")
)
PROPERTIES = st.fixed_dictionaries(
    {},
    optional={
        "write_mode": st.sampled_from([OVERWRITE, MERGE]),
        "latest_version": st.just(LATEST["latest_version"]),
        "lineage": st.just(LINEAGE["lineage"]),
        "drop_duplicates": st.booleans(),
    },
)


def tie_free(rows: list[Row]) -> list[Row]:
    """Drop copies, of which the model and an engine may keep different ones."""
    return list(dict.fromkeys(rows))


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(PROPERTIES, st.lists(ROWS, max_size=6).map(tie_free), st.lists(STORED, max_size=6))
def test_any_write_has_the_same_outcome_as_the_model(properties, staged, stored):
    assert decide(films(**properties), staged, stored) == model(films(**properties), staged, stored)


def traits(table: Table) -> tuple[Any, ...]:
    latest = table.latest_version
    return (
        table.write_mode.name,
        latest and (len(latest.entity), len(latest.order), len(latest.first)),
        table.drop_duplicates,
        bool(table.lineage),
        bool(table.partition_column),
    )


KINDS = {traits(table): table for table in TABLES.values() if table.contract.key()}


class SparkOptions(ibis.config.Config):
    """Options that Ibis registers once pyspark is imported."""

    treat_nan_as_null: bool = False


@pytest.mark.parametrize("dialect", ["duckdb", pytest.param("pyspark", marks=pytest.mark.slow)])
def test_the_outcome_of_every_kind_of_table_compiles(monkeypatch, dialect):
    """Compiling for Spark needs no Spark: Ibis and sqlglot write its SQL."""
    monkeypatch.setattr(ibis.options, "pyspark", SparkOptions())
    for each in KINDS.values():
        rows = unbound(each)
        for expression in (
            *outcome(each, *rows, Window("2025", "2026")),
            fates(each, *rows, WINDOW),
        ):
            assert expression is None or str(ibis.to_sql(expression, dialect=dialect))
