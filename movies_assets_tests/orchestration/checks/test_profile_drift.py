"""Figures that leave their band are named; ordinary ones, and too little history, are not."""

import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from movies_assets.core.check import CheckContext, Finding
from movies_assets.definitions import TABLES
from movies_assets.sources.shared.profile_drift import (
    DISTINCT,
    NULLS,
    PROFILE_DRIFT,
    ROWS,
)
from movies_assets.warehouse.queries import Queries
from movies_assets.warehouse.schema import ensure_table
from movies_assets_tests.conftest import STORED_DAY
from movies_assets_tests.orchestration.checks.test_red import Stored

SNAPSHOT = TABLES["gold.data_quality_snapshot"]
TODAY = date(2025, 10, 30)
MOVIES, TITLES = "silver.yts_movies", "silver.imdb_titles"


class History:
    """Profiles, to be judged."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        self.profiles = 0

    def add(self, ago: int = 0, table: str = MOVIES, days: int = 1, **changes: Any) -> None:
        """Profile one column of a table, each time a minute later than the time before."""
        last = TODAY - timedelta(ago)
        first = last - timedelta(days - 1)
        self.profiles += 1
        profile = {
            "table_name": table,
            "partition": f"{first}...{last}" if days > 1 else f"{last}",
            "column_name": "title",
            "first_day": first,
            "last_day": last,
            "is_whole_table": False,
            "row_count": 1000,
            "null_count": 100,
            "minimum": None,
            "maximum": None,
            "approximate_distinct": 500,
            "profiled_at": datetime(2025, 11, 1, tzinfo=UTC) + timedelta(minutes=self.profiles),
        } | changes
        names = ", ".join(profile)
        self.connection.execute(
            f"INSERT INTO {SNAPSHOT.name} ({names}) SELECT {', '.join('?' * len(profile))}",
            [*profile.values()],
        )

    def usual(self, times: int = 5, **profile: Any) -> None:
        """Profile the days before today, the oldest first."""
        for ago in range(times, 0, -1):
            self.add(ago * profile.get("days", 1), **profile)

    def judge(self) -> Finding:
        context = CheckContext(SNAPSHOT, None, Queries(self.connection))
        return PROFILE_DRIFT.evaluate(context)

    def odd(self) -> list[str]:
        """Return what is named as odd."""
        found = self.judge()
        return [] if found.passed else str(found.description).split(". Check")[0].split("; ")


@pytest.fixture
def history() -> Iterator[History]:
    with duckdb.connect(config={"threads": 1}) as connection:
        ensure_table(connection, SNAPSHOT.name, SNAPSHOT.contract)
        yield History(connection)


def test_an_ordinary_day_is_green_and_says_how_much_was_compared(history):
    history.usual()
    history.add(row_count=3000, null_count=350, approximate_distinct=400)
    found = history.judge()
    assert found.passed
    assert found.metadata["compared"] == 3
    assert found.broken == {"figures outside of their band": 0}


ODD = [
    ({"row_count": 100, "null_count": 10}, f"* (2025-10-30): {ROWS} 100, usually 1000"),
    ({"row_count": 6000, "null_count": 600}, f"* (2025-10-30): {ROWS} 6000, usually 1000"),
    ({"null_count": 300}, f"title (2025-10-30): {NULLS} 0.3, usually 0.1"),
    ({"approximate_distinct": 1}, f"title (2025-10-30): {DISTINCT} 1, usually 500"),
    ({"approximate_distinct": 2600}, f"title (2025-10-30): {DISTINCT} 2600, usually 500"),
]


@pytest.mark.parametrize(("changes", "named"), ODD)
def test_an_odd_figure_is_named_with_table_column_value_and_the_usual_one(history, changes, named):
    history.usual()
    history.add(**changes)
    found = history.judge()
    assert found.verdict == "warned"
    assert history.odd() == [f"{MOVIES} {named}"]
    assert MOVIES in str(found.samples["odd figures"])
    assert sum(found.broken.values()) == 1


@pytest.mark.parametrize("changes", [changes for changes, _ in ODD])
def test_fewer_than_five_partitions_prove_nothing(history, changes):
    history.usual(4)
    history.add(**changes)
    found = history.judge()
    assert found.passed
    assert found.metadata["compared"] == 0


@pytest.mark.parametrize(
    ("changes", "is_whole_table", "is_odd"),
    [
        ({"row_count": 790, "null_count": 79}, True, True),
        ({"row_count": 790, "null_count": 79}, False, False),
        ({"row_count": 810, "null_count": 81}, True, False),
        ({"row_count": 2600, "null_count": 260}, True, True),
        ({"approximate_distinct": 240}, True, True),
        ({"approximate_distinct": 240}, False, False),
        ({"approximate_distinct": 350}, True, False),
    ],
)
def test_a_whole_table_has_a_narrower_band_than_a_day(history, changes, is_whole_table, is_odd):
    history.usual(is_whole_table=is_whole_table)
    history.add(is_whole_table=is_whole_table, **changes)
    assert bool(history.odd()) is is_odd


@pytest.mark.parametrize(
    ("usual", "rows", "is_odd"), [(4, 0, False), (10, 1, False), (4, 10, False), (100, 0, True)]
)
def test_small_numbers_may_leave_the_band_by_chance(history, usual, rows, is_odd):
    history.usual(row_count=usual, null_count=0, approximate_distinct=None)
    history.add(row_count=rows, null_count=0, approximate_distinct=None)
    assert bool(history.odd()) is is_odd


@pytest.mark.parametrize(("rows", "is_odd"), [(20, False), (10_000, True)])
def test_the_share_of_nulls_of_few_rows_varies_more(history, rows, is_odd):
    history.usual(row_count=rows, null_count=0)
    history.add(row_count=rows, null_count=rows * 3 // 10)
    assert bool(history.odd()) is is_odd


def test_a_partition_is_compared_with_those_of_the_same_kind_only(history):
    history.usual()
    history.usual(table=TITLES)
    history.usual(column_name="year")
    history.usual(is_whole_table=True)
    history.add(days=30, row_count=30_000)
    assert history.judge().metadata["compared"] == 0
    history.usual(days=30, row_count=30_000)
    history.add(days=30, row_count=1, null_count=0)
    assert [text.split(":")[0] for text in history.odd()] == [
        f"{MOVIES} * (2025-10-01...2025-10-30)"
    ]


def test_an_old_day_run_again_is_compared_with_the_days_before_it(history):
    history.usual(row_count=10)
    history.add()
    history.add(ago=3, row_count=10, null_count=1, approximate_distinct=5)
    assert history.judge().metadata["compared"] == 0


def test_what_was_usual_long_ago_does_not_count(history):
    history.usual(60, row_count=10, null_count=1, approximate_distinct=5)
    history.connection.execute(
        f"UPDATE {SNAPSHOT.name} SET row_count = 1000, null_count = 100, "
        f"approximate_distinct = 500 WHERE last_day >= DATE '{TODAY}' - 28"
    )
    history.add()
    assert history.odd() == []


def test_odd_rows_explain_odd_distinct_values(history):
    history.usual()
    history.add(row_count=10, null_count=1, approximate_distinct=9)
    assert [text.split(": ")[1].split()[0] for text in history.odd()] == [ROWS]


def test_an_odd_table_stays_odd_until_it_is_profiled_again(history):
    history.usual()
    history.usual(table=TITLES)
    history.add(row_count=10, null_count=1)
    history.add(table=TITLES)
    assert [text.split()[0] for text in history.odd()] == [MOVIES]
    history.add(ago=-1)
    assert history.odd() == []


def test_a_table_that_the_project_no_longer_has_is_not_named(history):
    history.usual(table="gold.gone")
    history.add(table="gold.gone", row_count=10, null_count=1)
    assert history.odd() == []


def test_ten_odd_figures_are_named_and_the_others_counted(history):
    for name in (f"column_{number}" for number in range(13)):
        history.usual(column_name=name)
    at = datetime(2025, 11, 2, tzinfo=UTC)
    for name in (f"column_{number}" for number in range(13)):
        history.add(column_name=name, null_count=900, profiled_at=at)
    assert len(history.odd()) == 11
    assert history.odd()[-1] == "and 3 more"


def test_a_run_warns_and_goes_on(stored_day, tmp_path):
    stored = Stored(Path(shutil.copy(stored_day, tmp_path)))
    check = "gold/data_quality_snapshot", "bands"
    stored.sql(
        f"INSERT INTO {SNAPSHOT.name} SELECT s.* REPLACE (partition || n AS partition, "
        "first_day - n::INT AS first_day, last_day - n::INT AS last_day, "
        f"profiled_at - to_days(n::INT) AS profiled_at) FROM {SNAPSHOT.name} s, range(1, 6) r(n)"
    )
    assert stored.evaluate(*check).passed
    stored.sql(
        f"UPDATE {SNAPSHOT.name} SET row_count = 1000 WHERE table_name = 'gold.fact_movies' "
        f"AND last_day = '{STORED_DAY}'"
    )
    evaluation = stored.evaluate(*check)
    assert not evaluation.passed
    assert evaluation.severity == dg.AssetCheckSeverity.WARN
    assert not evaluation.blocking
    assert "gold.fact_movies * (2025-10-30): rows 1000, usually 3" in str(evaluation.description)
