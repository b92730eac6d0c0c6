"""Whole materializations of IMDb's dumps on a temporary warehouse."""

import shutil
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any

import dagster as dg
import pytest

from movies_assets.core.window import Window
from movies_assets.settings import load
from movies_assets.sources.imdb.settings import ImdbSettings
from movies_assets.warehouse import audit_log
from movies_assets_tests.conftest import (
    ALL_DUMPS,
    SOUND_DUMPS,
    STORED_DAY,
    Platform,
    land,
)

DAYS = ["2025-10-28", "2025-10-29", "2025-10-30", "2025-10-31"]
LANDING = "landing/imdb_dumps"
RATINGS = ["bronze/imdb_title_ratings", "silver/imdb_ratings"]
TITLES = [*RATINGS, "bronze/imdb_title_basics", "silver/imdb_titles"]
TRENDING = [*TITLES, "gold/imdb_trending_titles"]
MOVIES = [
    *TITLES,
    *(f"bronze/imdb_{file}" for file in ("title_crew", "title_principals", "name_basics")),
    "bronze/imdb_title_akas",
    *(f"silver/imdb_{table}" for table in ("crew", "credits", "people", "akas")),
    "gold/imdb_movie_facts",
]


def title(key: int, name: str = "A", year: int = 2000) -> list[Any]:
    return [f"tt{key:07}", "movie", name, name, 0, year, None, 90, "Drama"]


def rating(key: int, rating: float = 5.0, votes: int = 10) -> list[Any]:
    return [f"tt{key:07}", rating, votes]


def run(platform: Platform, *days: str, **options: Any) -> dg.ExecuteInProcessResult:
    return platform.run(*days, job="imdb_daily", **options)


def steps_of(result: dg.ExecuteInProcessResult) -> set[str]:
    return {event.step_key for event in result.all_events if event.is_step_success}


def landed(result: dg.ExecuteInProcessResult) -> dict[str, str]:
    """Return the state of each file, as the UI shows it."""
    event = result.asset_materializations_for_node("landing__imdb_dumps")[-1]
    table = str(event.metadata["files"].value).splitlines()
    names, _, *rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in table]
    return {row[names.index("file")]: row[names.index("state")] for row in rows}


def error_of(result: dg.ExecuteInProcessResult) -> str:
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    return str(failure.event_specific_data.error_display_string)


@pytest.fixture
def platform(settings, instance) -> Platform:
    return Platform(settings, instance)


def test_the_sample_goes_from_its_server_to_its_tables(tmp_path, instance):
    settings = load(
        data_dir=tmp_path,
        imdb=ImdbSettings(files=("title.basics", "title.ratings"), sample_scale=0.0001),
    )
    platform = Platform(settings, instance)
    result = run(platform, *DAYS[:2], select=[LANDING, *TRENDING])
    assert landed(result) == dict.fromkeys(settings.imdb.files, "updated")
    for day in DAYS[:2]:
        assert (settings.landing / f"imdb/title.basics/run_date={day}/_SUCCESS").exists()
    tables = [name.replace("/", ".") for name in TRENDING]
    counts = " UNION ALL ".join(f"SELECT count(*) > 9 FROM {name}" for name in tables)
    assert platform.sql(counts) == [(True,)] * len(tables)
    assert platform.sql("SELECT count(*) FROM quarantine.imdb_titles") == [(0,)]


@pytest.mark.slow
def test_running_again_changes_nothing(stored_day, tmp_path, instance):
    data = stored_day.parents[1]
    shutil.copytree(data, tmp_path / "data")
    platform = Platform(load(data_dir=tmp_path / "data", imdb=ALL_DUMPS), instance)
    before = platform.contents()
    result = run(platform, "2025-10-29", STORED_DAY)
    assert platform.contents() == before
    assert set(landed(result)) == set(ALL_DUMPS.files)


@pytest.mark.slow
def test_no_day_is_marked_of_a_table_that_holds_the_newest_state(platform, instance):
    for day in DAYS[:3]:
        land(platform.settings.landing, day, {"title.basics": [title(1, day)]})
    run(platform, DAYS[2], select=TITLES)
    run(platform, DAYS[0], select=TITLES)
    assert platform.sql("SELECT primary_title FROM silver.imdb_titles") == [(DAYS[2],)]
    result = run(platform, DAYS[0], DAYS[1], select=TITLES)
    days = {
        name: instance.get_materialized_partitions(dg.AssetKey(name.split("/"))) for name in TITLES
    }
    assert days == {
        name: set() if name == "silver/imdb_titles" else set(DAYS[:3]) for name in TITLES
    }
    events = {
        name: result.asset_materializations_for_node(name.replace("/", "__")) for name in TITLES
    }
    assert [event.partition for event in events.pop("silver/imdb_titles")] == [None]
    assert {name: len(found) for name, found in events.items()} == dict.fromkeys(events, 2)


@pytest.mark.slow
def test_days_in_any_order_and_days_as_a_range_lead_to_the_same_tables(tmp_path, instance):
    one, other = (Platform(load(data_dir=tmp_path / name), instance) for name in ("one", "other"))
    for platform in (one, other):
        for number, day in enumerate(DAYS[:3]):
            keys = range(1, 31 + number)
            titles = [title(key, f"A {day}") for key in keys]
            ratings = [rating(key, votes=10 + number * key) for key in keys]
            bad = rating(99, votes=-1 - number)
            dumps = {"title.basics": titles, "title.ratings": [*ratings, bad]}
            land(platform.settings.landing, day, dumps)
    run(one, DAYS[0], DAYS[2], select=TRENDING)
    for number in (2, 0, 1):
        run(other, DAYS[number], select=TRENDING)
    mine, others = one.contents(), other.contents()
    assert len(mine["silver.imdb_ratings"]) == 30 + 31 + 32
    assert len(mine["quarantine.imdb_ratings"]) == 3
    assert len(mine["gold.imdb_trending_titles"]) == 31
    for name, rows in mine.items():
        # Bronze keeps the newest run dates and, until the next run, those of the run.
        if not name.startswith("bronze."):
            assert others[name] == rows, name
    newest = "run_date >= '2025-10-29' ORDER BY ALL"
    columns = "tconst, average_rating, num_votes, run_date, _source"
    lines = f"SELECT {columns} FROM bronze.imdb_title_ratings WHERE {newest}"
    assert one.sql(lines) == other.sql(lines)


class TestUnchanged:
    """A dump that is as it was is neither stored nor read again."""

    select = (LANDING, *TITLES)
    dumps = MappingProxyType(
        {"title.basics": [title(1), title(2)], "title.ratings": [rating(1), rating(2)]}
    )

    @pytest.fixture
    def stored(self, platform) -> Platform:
        land(platform.settings.landing, DAYS[0], self.dumps)
        run(platform, DAYS[0], select=[*self.select])
        return platform

    def sources(self, platform: Platform) -> dict[str, list[tuple[str, int]]]:
        return {
            table: platform.sql(
                f"SELECT run_date::VARCHAR, count(*) FROM bronze.imdb_title_{table} "
                "GROUP BY ALL ORDER BY ALL"
            )
            for table in ("basics", "ratings")
        }

    def test_nothing_below_is_run_where_all_of_them_are(self, stored):
        before = stored.contents()
        land(stored.settings.landing, DAYS[1], self.dumps)
        result = run(stored, DAYS[1], select=[*self.select])
        assert result.success
        assert steps_of(result) == {"landing__imdb_dumps"}
        assert result.asset_materializations_for_node("landing__imdb_dumps") == []
        assert stored.contents() == before
        # Once more, and a day later.
        assert steps_of(run(stored, DAYS[1], select=[*self.select])) == {"landing__imdb_dumps"}
        land(stored.settings.landing, DAYS[2], self.dumps)
        assert steps_of(run(stored, DAYS[2], select=[*self.select])) == {"landing__imdb_dumps"}

    @pytest.mark.slow
    def test_alone_or_with_whole_tables_they_are_fetched_all_the_same(self, stored):
        land(stored.settings.landing, DAYS[1], self.dumps)
        for below in (set(), {"silver__imdb_titles"}):
            select = ["landing/imdb_dumps", *(name.replace("__", "/") for name in below)]
            result = run(stored, DAYS[1], select=select)
            assert result.success
            assert {"landing__imdb_dumps", *below} <= steps_of(result)

    @pytest.mark.slow
    def test_what_is_incomplete_below_is_run_all_the_same(self, stored):
        run(stored, DAYS[0], select=["bronze/imdb_title_basics"])
        land(stored.settings.landing, DAYS[1], self.dumps)
        result = run(stored, DAYS[1], select=[*self.select])
        assert "silver__imdb_titles" in steps_of(result)
        assert set(landed(result).values()) == {"unchanged"}
        assert self.sources(stored) == {"basics": [(DAYS[0], 2)], "ratings": [(DAYS[0], 2)]}

    @pytest.mark.slow
    def test_what_is_red_below_is_run_all_the_same(self, stored):
        with stored.warehouse.session() as connection, stored.warehouse.transaction(connection):
            audit_log.record_write(
                connection, "silver.imdb_titles", Window(DAYS[0], DAYS[0], 1), ""
            )
        land(stored.settings.landing, DAYS[1], self.dumps)
        assert "silver__imdb_titles" in steps_of(run(stored, DAYS[1], select=[*self.select]))

    @pytest.mark.slow
    def test_a_warehouse_that_was_removed_is_filled_again(self, stored):
        before = stored.contents()
        stored.settings.database.unlink()
        land(stored.settings.landing, DAYS[1], self.dumps)
        run(stored, DAYS[1], select=[*self.select])
        found = stored.contents()
        assert {name: len(rows) for name, rows in found.items()} == {
            name: len(rows) for name, rows in before.items()
        }
        assert self.sources(stored) == {"basics": [(DAYS[1], 2)], "ratings": [(DAYS[1], 2)]}

    @pytest.mark.slow
    def test_one_of_several_is_not_read_again_and_counts_unchanged(self, stored):
        land(
            stored.settings.landing, DAYS[1], {**self.dumps, "title.ratings": [rating(1, votes=99)]}
        )
        result = run(stored, DAYS[1], select=[*self.select])
        states = landed(result)
        assert (states["title.basics"], states["title.ratings"]) == ("unchanged", "updated")
        assert self.sources(stored) == {
            "basics": [(DAYS[0], 2)],
            "ratings": [(DAYS[0], 2), (DAYS[1], 1)],
        }
        assert stored.sql("SELECT tconst, votes FROM silver.imdb_titles ORDER BY 1") == [
            ("tt0000001", 99),
            ("tt0000002", None),
        ]
        basics = stored.settings.landing / "imdb/title.basics"
        assert not (basics / f"run_date={DAYS[1]}/title.basics.tsv.gz").exists()

    @pytest.mark.slow
    def test_a_range_with_the_day_of_the_file_and_days_after_reads_it_once(self, platform):
        for day in DAYS:
            land(platform.settings.landing, day, self.dumps)
        # The range takes over the rows of the day that was loaded first.
        for days, first in (
            ([DAYS[2]], DAYS[2]),
            ([DAYS[0], DAYS[3]], DAYS[0]),
            ([DAYS[1]], DAYS[0]),
        ):
            run(platform, *days, select=RATINGS)
            for table in ("bronze.imdb_title_ratings", "silver.imdb_ratings"):
                stored = f"SELECT run_date::VARCHAR, count(*) FROM {table} GROUP BY ALL"
                assert platform.sql(stored) == [(first, 2)]


@pytest.mark.slow
def test_a_title_that_vanished_is_gone_but_for_its_ratings(platform):
    landing = platform.settings.landing
    both = [rating(1), rating(2)]
    land(landing, DAYS[0], {"title.basics": [title(1), title(2)], "title.ratings": both})
    land(landing, DAYS[1], {"title.basics": [title(1)], "title.ratings": both[:1]})
    for day in (DAYS[1], DAYS[0]):  # the older day does not bring it back
        run(platform, day, select=TITLES)
    assert platform.sql("SELECT tconst, run_date::VARCHAR FROM silver.imdb_titles") == [
        ("tt0000001", DAYS[1])
    ]
    assert platform.sql("SELECT count(*) FROM silver.imdb_ratings") == [(3,)]


class TestRetention:
    @pytest.mark.slow
    def test_the_newest_run_dates_are_kept_of_landing_bronze_and_ratings(self, tmp_path, instance):
        settings = load(
            data_dir=tmp_path,
            imdb=ImdbSettings(files=("title.ratings",), keep_run_dates=1, keep_ratings=2),
        )
        platform = Platform(settings, instance)
        for number, day in enumerate(DAYS[:3]):
            land(settings.landing, day, {"title.ratings": [rating(1, votes=number)]})
            run(platform, day, select=[LANDING, *RATINGS])
        kept = "SELECT DISTINCT run_date::VARCHAR FROM {} ORDER BY 1"
        assert platform.sql(kept.format("bronze.imdb_title_ratings")) == [(DAYS[2],)]
        assert platform.sql(kept.format("silver.imdb_ratings")) == [(DAYS[1],), (DAYS[2],)]
        folders = (settings.landing / "imdb/title.ratings").glob("run_date=*")
        assert [folder.name for folder in folders] == [f"run_date={DAYS[2]}"]

    def test_an_older_day_is_refined_before_it_is_removed(self, tmp_path, instance):
        settings = load(data_dir=tmp_path, imdb=ImdbSettings(keep_run_dates=1))
        platform = Platform(settings, instance)
        for number, day in enumerate(DAYS):
            land(settings.landing, day, {"title.ratings": [rating(1, votes=number)]})
        run(platform, DAYS[3], select=RATINGS)
        run(platform, DAYS[0], DAYS[2], select=RATINGS)
        assert platform.sql("SELECT votes FROM silver.imdb_ratings ORDER BY run_date") == [
            (votes,) for votes in range(4)
        ]


@pytest.mark.slow
def test_files_that_are_left_out_are_empty_tables_and_unknown(tmp_path, instance):
    """By default alternate titles are; here crew, credits and names too."""
    settings = load(
        data_dir=tmp_path / "few", imdb=ImdbSettings(files=("title.basics", "title.ratings"))
    )
    few = Platform(settings, instance)
    land(settings.landing, STORED_DAY, SOUND_DUMPS)
    assert run(few, STORED_DAY, select=MOVIES).success
    unknown = ("directors", "writers", "top_actors", "top_actor_keys", "is_oscar_winner")
    query = f"SELECT DISTINCT movie_key, rating, {', '.join(unknown)} FROM gold.imdb_movie_facts"
    assert few.sql(query) == [(1, 7.3, None, None, None, None, None)]
    for table in ("title_crew", "title_principals", "name_basics", "title_akas"):
        assert few.sql(f"SELECT count(*) FROM bronze.imdb_{table}") == [(0,)]


class TestNeverFetched:
    def test_a_run_date_of_the_past_is_refused_in_profile_live(self, tmp_path, instance):
        settings = load(
            data_dir=tmp_path,
            profile="live",
            imdb=ImdbSettings(base_url="https://imdb.invalid", first_run_date=date(2025, 10, 1)),
        )
        past = date.today() - timedelta(days=3)  # noqa: DTZ011 (any past day)
        past = max(past, date(2025, 10, 2))
        platform = Platform(settings, instance)
        result = run(platform, past.isoformat(), select=[LANDING], raise_on_error=False)
        assert not result.success
        message = error_of(result)
        assert f"IMDb's dumps of {past} were never fetched, or were removed as old" in message
        assert "run the partition " in message
        assert not settings.database.exists()

    def test_a_table_of_a_run_date_that_was_not_fetched_names_file_and_folder(self, platform):
        result = run(platform, STORED_DAY, select=RATINGS, raise_on_error=False)
        message = error_of(result)
        assert f"IMDb's files of {STORED_DAY} are not complete" in message
        assert "title.ratings (never fetched)" in message
        assert str(platform.settings.landing / "imdb") in message

    def test_a_file_that_was_damaged_since_is_not_read(self, platform):
        land(platform.settings.landing, STORED_DAY, {"title.ratings": [rating(1)]})
        (stored,) = platform.settings.landing.rglob("title.ratings.tsv.gz")
        stored.write_bytes(stored.read_bytes()[:-1])
        result = run(platform, STORED_DAY, select=RATINGS, raise_on_error=False)
        assert "title.ratings (the stored file or its manifest is missing or damaged)" in error_of(
            result
        )
