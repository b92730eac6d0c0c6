"""The profile of a table: its figures, the rows it is computed from, and earlier profiles."""

import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg
import duckdb
import ibis.expr.datatypes as dt
import ibis.expr.types as ir
import pytest

from movies_assets.core.contract import Contract, StringList, column
from movies_assets.core.table import Key, Table
from movies_assets.core.write_mode import MERGE, OVERWRITE
from movies_assets.definitions import TABLES
from movies_assets.ingest.run_days import days_of
from movies_assets.orchestration.assets import asset_key, asset_of
from movies_assets.settings import load
from movies_assets.sources.shared import quality
from movies_assets.warehouse.schema import ensure_table, stored_types
from movies_assets.warehouse.sql import compile_sql
from movies_assets_tests.conftest import SOUND_DUMPS, STORED_DAY, Platform, land, movie

YTS_DAILY = "yts_daily"
IMDB_DAILY = "imdb_daily"
NETFLIX_DAILY = "netflix_daily"

SNAPSHOT = TABLES["gold.data_quality_snapshot"]
PROFILED = {
    name for name in TABLES if name.startswith(("silver.", "gold.")) and name != SNAPSHOT.name
}
RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
FIRST, SECOND = date(2025, 10, 1), date(2025, 10, 2)
FIGURES = "row_count, null_count, minimum, maximum, approximate_distinct"


class Films(Contract):
    """One row a film."""

    film_id: int = column("Number.", key=True)
    title: str = column("Title.", nullable=True)
    rating: float = column("Rating.", nullable=True)
    genres: StringList = column("Genres.", nullable=True)
    is_adult: bool = column("Whether it is for adults.", nullable=True)
    day: dt.Date = column("Day.")


ROWS = [
    (1, "Alpha", 7.5, ["a", "b"], True, "2025-10-01"),
    (2, None, 6.5, None, None, "2025-10-01"),
    (3, "Beta", None, [], None, "2025-10-02"),
    (4, "Beta", 6.5, ["c"], False, "2025-10-03"),
]


def films(**properties: Any) -> Table:
    def fill() -> ir.Table: ...

    key, given = Key("gold", "films"), {"partition_column": "day", **properties}
    return Table(key=key, group="films", contract=Films, function=fill, **given)


class Stored:
    """The films, stored, and their profile."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection

    def profile(
        self, select: str, days: tuple[date, date] | None = (FIRST, SECOND), **properties: Any
    ) -> list[tuple[Any, ...]]:
        columns = stored_types(self.connection, "gold.films")
        rows = quality.combine_profiles([quality.profile(films(**properties), days, columns)])
        query = f"WITH profile AS ({compile_sql(rows)}) {select}"
        return self.connection.execute(query).fetchall()

    def figures(self) -> dict[str, tuple[Any, ...]]:
        found = self.profile(f"SELECT column_name, {FIGURES} FROM profile")
        return {name: figures for name, *figures in found}


@pytest.fixture
def stored() -> Iterator[Stored]:
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        ensure_table(connection, "gold.films", Films)
        connection.executemany("INSERT INTO gold.films VALUES (?, ?, ?, ?, ?, ?)", ROWS)
        yield Stored(connection)


class TestFigures:
    def test_are_those_of_the_rows_of_the_days(self, stored):
        assert stored.figures() == {
            "film_id": [3, 0, "1", "3", 3],
            "title": [3, 1, "Alpha", "Beta", 2],
            "rating": [3, 1, "6.5", "7.5", 2],
            "genres": [3, 1, None, None, None],
            "is_adult": [3, 2, "true", "true", None],
            "day": [3, 0, "2025-10-01", "2025-10-02", 2],
        }

    def test_of_no_rows_are_zeros_and_unknown(self, stored):
        stored.connection.execute("DELETE FROM gold.films")
        distinct = dict.fromkeys(Films.types(), 0) | {"genres": None, "is_adult": None}
        assert stored.figures() == {
            name: [0, 0, None, None, count] for name, count in distinct.items()
        }

    def test_of_a_column_without_a_value_count_its_nulls(self, stored):
        stored.connection.execute("UPDATE gold.films SET title = NULL")
        assert stored.figures()["title"] == [3, 3, None, None, 0]

    def test_show_a_hundred_characters_of_a_text(self, stored):
        stored.connection.execute("UPDATE gold.films SET title = repeat('ä', 1000)")
        assert stored.figures()["title"] == [3, 0, "ä" * 100, "ä" * 100, 1]

    def test_estimate_many_values_and_count_a_key(self, stored):
        stored.connection.execute(
            "INSERT INTO gold.films SELECT i, i, i, NULL, NULL, '2025-10-01' FROM range(10, 10010) "
            "numbers(i)"
        )
        figures = stored.figures()
        assert figures["film_id"][-1] == 10_003
        assert figures["title"][-1] == pytest.approx(10_000, rel=0.35)

    def test_leave_out_a_column_that_is_not_stored_yet(self, stored):
        stored.connection.execute("ALTER TABLE gold.films DROP COLUMN rating")
        assert stored.figures().keys() == Films.types().keys() - {"rating"}

    def test_are_all_of_one_instant(self, stored):
        ((instants, at),) = stored.profile(
            "SELECT count(DISTINCT profiled_at), max(profiled_at) FROM profile"
        )
        assert instants == 1
        assert abs((datetime.now(UTC) - at.replace(tzinfo=UTC)).total_seconds()) < 600

    def test_take_one_scan_of_a_table(self, stored):
        rows = quality.combine_profiles([quality.profile(films(), None, Films.types())])
        plan = stored.connection.execute(f"EXPLAIN {compile_sql(rows)}").fetchall()
        assert str(plan).count("SEQ_SCAN") == 1


class TestPartition:
    """Which rows are profiled, and as which partition."""

    @pytest.mark.parametrize(
        ("properties", "days", "partition", "is_whole", "rows"),
        [
            ({}, (FIRST, FIRST), "2025-10-01", False, 2),
            ({}, (FIRST, SECOND), "2025-10-01...2025-10-02", False, 3),
            ({}, None, "2025-10-01...2025-10-03", True, 4),
            ({"write_mode": OVERWRITE}, (FIRST, FIRST), "2025-10-03", True, 4),
            ({"write_mode": OVERWRITE}, None, "2025-10-03", True, 4),
            (
                {"write_mode": MERGE, "partition_column": None},
                (FIRST, SECOND),
                "2025-10-02",
                True,
                4,
            ),
        ],
        ids=["day", "range", "no days", "newest state", "newest state, no days", "merged"],
    )
    def test_is_the_days_of_the_run_or_those_of_the_table(
        self, stored, properties, days, partition, is_whole, rows
    ):
        select = "SELECT DISTINCT partition, is_whole_table, row_count FROM profile"
        assert stored.profile(select, days, **properties) == [(partition, is_whole, rows)]

    def test_says_its_first_and_last_day(self, stored):
        select = "SELECT DISTINCT first_day, last_day FROM profile"
        assert stored.profile(select) == [(FIRST, SECOND)]

    def test_of_an_empty_table_is_the_last_day_of_the_run(self, stored):
        stored.connection.execute("DELETE FROM gold.films")
        select = "SELECT DISTINCT partition, row_count FROM profile"
        assert stored.profile(select, write_mode=OVERWRITE) == [("2025-10-02", 0)]

    def test_of_a_merged_table_without_a_run_of_days_is_today(self, stored):
        select = "SELECT DISTINCT last_day = current_date FROM profile"
        assert stored.profile(select, None, write_mode=MERGE, partition_column=None) == [(True,)]


class Years(Contract):
    """One row a film."""

    film_id: int = column("Number.", key=True)
    year: int = column("Year.")


@pytest.mark.parametrize(
    ("keys", "properties", "partition", "rows"),
    [
        (("1999", "1999"), {}, "1999-01-01...1999-12-31", 1),
        (("1999", "2000"), {}, "1999-01-01...2000-12-31", 2),
        (None, {}, "1999-01-01...2001-12-31", 3),
        (("1999", "1999"), {"write_mode": OVERWRITE}, "2001-12-31", 3),
    ],
    ids=["year", "range", "no years", "newest state"],
)
def test_years_are_profiled_from_their_first_to_their_last_day(keys, properties, partition, rows):
    def fill() -> ir.Table: ...

    key, given = Key("gold", "years"), {"partition_column": "year", **properties}
    described = Table(key=key, group="films", contract=Years, function=fill, **given)
    tags = dict(zip(RANGE, keys, strict=True)) if keys else {}
    with duckdb.connect(config={"threads": 1}) as connection:
        ensure_table(connection, "gold.years", Years)
        connection.execute("INSERT INTO gold.years VALUES (1, 1999), (2, 2000), (3, 2001)")
        profile = quality.profile(described, days_of(tags), Years.types())
        query = compile_sql(quality.combine_profiles([profile]))
        found = connection.execute(f"SELECT DISTINCT partition, row_count FROM ({query})")
        assert found.fetchall() == [(partition, rows)]


PARTITIONS = f"SELECT DISTINCT table_name, partition, profiled_at FROM {SNAPSHOT.name} ORDER BY ALL"
IS_IMDB = "split_part(table_name, '.', 2) LIKE 'imdb%'"
# What a run of YTS does not write.
OF_OTHERS = "regexp_matches(table_name, 'imdb|netflix|omdb|ott|title')"
ALONE = ["gold/data_quality_snapshot"]


def rows_of(platform: Platform, condition: str = "true") -> list[tuple[Any, ...]]:
    columns = ", ".join(SNAPSHOT.contract.types())
    return platform.sql(f"SELECT {columns} FROM {SNAPSHOT.name} WHERE {condition} ORDER BY ALL")


@pytest.fixture
def loaded(stored_day, platform, yts) -> Platform:
    """A platform with a day of every source, as both jobs left it."""
    platform.settings.database.parent.mkdir(parents=True)
    shutil.copy(stored_day, platform.settings.database)
    yts.movies_listed = [movie(n, f"{STORED_DAY}T12:00:00") for n in range(1, 6)]
    return platform


def alone(platform: Platform) -> dg.ExecuteInProcessResult:
    """Materialize the profile by itself, as the UI does."""
    job = platform.defs.resolve_implicit_global_asset_job_def()
    return job.execute_in_process(
        instance=platform.instance, asset_selection=[asset_key(SNAPSHOT.key)], raise_on_error=False
    )


class TestRuns:
    def test_of_all_jobs_profile_every_silver_and_gold_table(self, loaded):
        found = loaded.sql(f"SELECT table_name, column_name FROM {SNAPSHOT.name}")
        assert set(found) == {
            (name, column) for name in PROFILED for column in TABLES[name].contract.types()
        }

    @pytest.mark.slow
    def test_of_one_source_leave_the_other_ones_profiles(self, loaded):
        before = rows_of(loaded, OF_OTHERS), rows_of(loaded, f"NOT {OF_OTHERS}")
        loaded.run(STORED_DAY)
        assert rows_of(loaded, OF_OTHERS) == before[0]
        mine = rows_of(loaded, f"NOT {OF_OTHERS}")
        assert len(mine) == len(before[1])
        assert min(row[-1] for row in mine) > max(row[-1] for row in before[1])

    @pytest.mark.slow
    def test_of_some_tables_profile_those(self, loaded):
        loaded.run(STORED_DAY, select=["bronze/yts_movies", "silver/yts_movies", *ALONE])
        ((newest,),) = loaded.sql(
            f"SELECT list(DISTINCT table_name) FROM {SNAPSHOT.name} "
            f"WHERE profiled_at = (SELECT max(profiled_at) FROM {SNAPSHOT.name})"
        )
        assert newest == ["silver.yts_movies"]

    @pytest.mark.slow
    def test_of_a_day_again_replace_its_profile_whole_and_keep_the_others(self, loaded):
        loaded.run("2025-10-29", "2025-10-31")
        before = rows_of(loaded)
        # A column that the contract has lost since.
        gone = (
            "SELECT DISTINCT ON (table_name, partition) * REPLACE ('gone' AS column_name) "
            f"FROM {SNAPSHOT.name}"
        )
        with loaded.warehouse.session() as connection, loaded.warehouse.transaction(connection):
            connection.execute(f"INSERT INTO {SNAPSHOT.name} {gone}")
        loaded.run("2025-10-29", "2025-10-31")
        again = loaded.sql(PARTITIONS)
        found = rows_of(loaded, "column_name <> 'gone'")
        assert [row[:-1] for row in found] == [row[:-1] for row in before]
        left = {row[1] for row in rows_of(loaded, f"column_name = 'gone' AND NOT {OF_OTHERS}")}
        assert left == {STORED_DAY}
        assert len({at for name, partition, at in again if partition.endswith("2025-10-31")}) == 1

    @pytest.mark.slow
    def test_by_itself_profile_everything_that_is_there(self, loaded):
        with loaded.warehouse.session() as connection, loaded.warehouse.transaction(connection):
            connection.execute(f"DROP TABLE silver.imdb_akas; DELETE FROM {SNAPSHOT.name}")
        assert alone(loaded).success
        assert {name for name, *_ in loaded.sql(PARTITIONS)} == PROFILED - {"silver.imdb_akas"}

    def test_by_itself_without_any_table_say_what_to_do(self, platform):
        with platform.warehouse.session() as connection, platform.warehouse.transaction(connection):
            connection.execute("CREATE SCHEMA gold")
        (failure,) = [event for event in alone(platform).all_events if event.is_step_failure]
        message = failure.event_specific_data.error_display_string
        assert "there is nothing to profile in" in message
        assert "materialize a source first" in message

    @pytest.mark.slow
    def test_that_find_no_change_profile_nothing(self, tmp_path, instance):
        loaded = Platform(load(data_dir=tmp_path), instance)
        for day in ("2025-10-29", STORED_DAY):
            land(loaded.settings.landing, day, SOUND_DUMPS)
        loaded.run("2025-10-29", job=IMDB_DAILY)
        before = rows_of(loaded)
        result = loaded.run(STORED_DAY, job=IMDB_DAILY)
        assert result.success
        assert before
        assert rows_of(loaded) == before


class TestDefinition:
    def test_every_daily_job_runs_it(self, platform):
        for job in (YTS_DAILY, IMDB_DAILY, NETFLIX_DAILY):
            keys = platform.defs.resolve_job_def(job).asset_layer.executable_asset_keys
            assert asset_key(SNAPSHOT.key) in keys

    def test_comes_after_every_table_that_it_profiles(self, platform):
        parents = platform.defs.resolve_asset_graph().get(asset_key(SNAPSHOT.key)).parent_keys
        assert {".".join(key.path) for key in parents} == PROFILED

    def test_the_command_line_takes_a_range_of_days_for_it_too(self, settings):
        """`dagster asset materialize --partition-range` refuses assets without that policy."""
        policy = asset_of(SNAPSHOT, settings).backfill_policy
        assert policy == dg.BackfillPolicy.single_run()
