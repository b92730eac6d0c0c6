"""Only what passed its checks is published, whole, and readers never notice how."""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from movies_assets.assets.serving.published import audited_tables, published_tables, shared_tables
from movies_assets.contracts import Contract, column
from movies_assets.definitions import TABLES
from movies_assets.warehouse.database import STORAGE, Warehouse
from movies_assets.warehouse.ledger import UNAUDITED
from movies_assets.warehouse.published import NothingPublishedError, Published
from movies_assets.warehouse.snapshot import write_snapshot
from movies_assets_tests.conftest import FakeYts, Platform, movie
from movies_assets_tests.faults.processes import FORKSERVER, dies_at, in_child

DAY, NEXT_DAY = "2025-10-30", "2025-10-31"
TITLES = "SELECT movie_key, title FROM gold.dim_movie ORDER BY ALL"


def published_by(platform: Platform) -> Published:
    return Published(platform.settings.published_folder)


def asked(published: Published, query: str) -> list[tuple[Any, ...]]:
    with published.reading() as connection:
        return connection.execute(query).fetchall()


def checked(result: dg.ExecuteInProcessResult) -> bool:
    """Return the verdict of the check `audited`."""
    (verdict,) = [
        each for each in result.get_asset_check_evaluations() if each.check_name == "audited"
    ]
    return verdict.passed


def tables_of(published: Published) -> list[str]:
    named = "SELECT schema_name || '.' || table_name FROM duckdb_tables()"
    return [name for (name,) in asked(published, named)]


def values(published: Published, table: str) -> str:
    """Return all values of a table as one text."""
    return "\n".join(str(value) for row in asked(published, f"FROM {table}") for value in row)


class TestARun:
    def test_publishes_its_rows_at_its_end(self, platform, yts):
        yts.movies_listed = [movie(1, f"{DAY}T10:00:00"), movie(2, f"{DAY}T11:00:00")]
        result = platform.run(DAY, publish=True)
        assert checked(result)
        assert asked(published_by(platform), TITLES) == platform.sql(TITLES)
        assert platform.sql(TITLES) == [(1, "Movie 1"), (2, "Movie 2")]

    def test_of_one_source_publishes_the_tables_of_the_others_empty_and_typed(self, platform, yts):
        yts.movies_listed = [movie(1, f"{DAY}T10:00:00")]
        platform.run(DAY, publish=True)
        with published_by(platform).reading() as connection:
            for name, table in published_tables(TABLES).items():
                described = connection.execute(f"DESCRIBE {name}").fetchall()
                assert {row[0] for row in described} == {*table.contract.types()}, name

    def test_that_leaves_it_to_the_next_one_publishes_nothing(self, platform, yts):
        yts.movies_listed = [movie(1, f"{DAY}T10:00:00")]
        result = platform.run(DAY)
        assert result.success
        with pytest.raises(NothingPublishedError, match="make run"):
            published_by(platform).current()


class TestNothingIsPublished:
    def test_by_a_run_whose_blocking_check_fails(self, platform, yts):
        yts.movies_listed = [movie(1, f"{DAY}T10:00:00")]
        platform.run(DAY, publish=True)
        before = published_by(platform).current()
        fail_silver(platform, yts)
        assert published_by(platform).current() == before

    def test_by_later_green_runs_of_other_days_and_tables(self, platform, yts):
        fail_silver(platform, yts)
        yts.movies_listed = [movie(1, f"{NEXT_DAY}T10:00:00")]
        for result in (platform.run(NEXT_DAY, publish=True), published_again(platform)):
            assert result.success
            assert not checked(result)
        assert published_by(platform).snapshots() == []

    def test_until_the_day_is_mended(self, platform, yts):
        fail_silver(platform, yts)
        yts.movies_listed = [movie(1, f"{DAY}T10:00:00")]
        assert checked(platform.run(DAY, publish=True))
        assert asked(published_by(platform), TITLES) == platform.sql(TITLES)

    def test_of_what_was_written_by_a_run_that_died_before_its_checks(self, platform, yts):
        yts.movies_listed = [movie(1, f"{DAY}T10:00:00")]
        platform.run(DAY, publish=True)
        with platform.warehouse.session() as session, platform.warehouse.transaction(session):
            session.execute(
                f"INSERT INTO {UNAUDITED} SELECT 'w', 'silver.yts_movies', '{DAY}', '{DAY}', "
                "'0123456789', now()"
            )
        result = published_again(platform)
        (verdict,) = result.get_asset_check_evaluations()
        assert not verdict.passed
        assert f"silver.yts_movies {DAY} (run 01234567)" in (verdict.description or "")
        assert "mend the cause" in (verdict.description or "")

    def test_while_a_table_is_broken_that_a_published_one_is_made_from(self):
        names = audited_tables(TABLES)
        assert {"bronze.yts_movies", "silver.yts_movies", "gold.fact_movies"} <= names


def fail_silver(platform: Platform, yts: FakeYts) -> None:
    """Let so many movies be refused that the day fails."""
    yts.movies_listed = [movie(n, f"{DAY}T10:00:00", rating=99) for n in range(1, 9)]
    result = platform.run(DAY, publish=True, raise_on_error=False)
    assert not result.success


def published_again(platform: Platform) -> dg.ExecuteInProcessResult:
    job = platform.defs.resolve_job_def("publish")
    return job.execute_in_process(instance=platform.instance)


class TestTheSnapshot:
    def test_can_be_read_by_older_clients(self, published_day):
        # 68 to 71: DuckDB's file format 1.2; later ones write a higher number.
        with duckdb.connect() as connection:
            connection.execute(f"ATTACH '{published_day.current()}' AS it (READ_ONLY)")
            ((tags,),) = connection.execute(
                "SELECT tags FROM duckdb_databases() WHERE database_name = 'it'"
            ).fetchall()
        assert tags["storage_version"].startswith("v1.2.0")
        assert "v1.2.0" in STORAGE

    def test_says_what_columns_mean(self, published_day):
        ((comment,),) = asked(
            published_day,
            "SELECT comment FROM duckdb_columns() WHERE table_name = 'fact_movies' "
            "AND column_name = 'rating'",
        )
        assert comment == TABLES["gold.fact_movies"].contract.descriptions()["rating"]

    def test_holds_no_personal_data_and_a_keyed_hash_only_where_it_does_not_leave(
        self, stored_day, published_day
    ):
        with Warehouse(stored_day).reading() as connection:
            users = connection.execute(
                "SELECT email, full_name, user_key FROM silver.ott_users"
            ).fetchall()
        persons = [text for email, name, _ in users for text in (email, name) if text]
        keys = [key for _, _, key in users]
        assert persons
        told = {name: values(published_day, name) for name in tables_of(published_day)}
        assert not {name for name, text in told.items() for person in persons if person in text}
        with_keys = {name for name, text in told.items() for key in keys if key in text}
        assert with_keys == {"gold.ott_dim_user", "gold.ott_recommendations"}
        assert with_keys.isdisjoint(shared_tables(TABLES))
        reports = [path.read_text() for path in published_day.folder.glob("*.html")]
        assert len(reports) == 1, "a report goes out as well"
        assert not [text for text in (*persons, *keys) if text in reports[0]]

    def test_tells_of_tables_columns_lineage_checks_and_runs(self, published_day):
        assert asked(published_day, "SELECT count(*) FROM meta.tables") == [(len(TABLES),)]
        columns = sum(len(table.contract.types()) for table in TABLES.values())
        assert asked(published_day, "SELECT count(*) FROM meta.columns") == [(columns,)]
        above = asked(
            published_day,
            "SELECT upstream FROM meta.lineage WHERE table_name = 'gold.genre_junction'",
        )
        assert ("silver.yts_movies",) in above
        assert asked(published_day, "SELECT snapshot_id FROM meta.snapshot") == [
            (published_day.current().stem,)
        ]
        verdicts = asked(published_day, "SELECT DISTINCT verdict FROM meta.checks")
        assert ("passed",) in verdicts
        assert ("failed",) not in verdicts
        runs = asked(published_day, "SELECT job, status, partitions FROM meta.runs ORDER BY 1")
        assert ("imdb_daily", "success", "2025-10-29 to 2025-10-30") in runs


ROWS, MOMENTS = 1000, 5


class Numbers(Contract):
    """One row a number."""

    number: int = column("The number of the publication.", key=True)


def publish_number(folder: Path, number: int) -> None:
    """Publish a table in which all rows have one number."""
    published = Published(folder)
    warehouse = duckdb.connect()
    with published.alone(), warehouse as connection:
        connection.execute("ATTACH ':memory:' AS warehouse")
        connection.execute("USE warehouse")
        path = published.unfinished(datetime.now(UTC), f"{number:08}")
        frame = connection.execute(f"SELECT {number} AS number FROM range({ROWS})").df()
        write_snapshot(connection, path, {}, {"numbers": Numbers}, {"numbers": frame})
        published.put(path)
        published.keep(2)


class TestReaders:
    def test_see_one_publication_whole_however_often_is_published(self, tmp_path):
        publish_number(tmp_path, 0)
        process = FORKSERVER.Process(target=publish_many, args=(tmp_path, 15))
        process.start()
        seen: list[tuple[int, ...]] = []
        while process.is_alive():
            seen += asked(
                Published(tmp_path), "SELECT min(number), max(number), count(*) FROM meta.numbers"
            )
        process.join()
        assert process.exitcode == 0
        assert all(low == high and rows == ROWS for low, high, rows in seen)
        numbers = [low for low, _, _ in seen]
        assert numbers == sorted(numbers)
        assert len({*numbers}) > 2, "several publications were seen"
        assert asked(Published(tmp_path), "SELECT max(number) FROM meta.numbers") == [(15,)]

    def test_with_an_open_snapshot_go_on_reading_it(self, tmp_path):
        publish_number(tmp_path, 0)
        with Published(tmp_path).reading() as connection:
            for number in range(1, 5):
                publish_number(tmp_path, number)
            assert connection.execute("SELECT max(number) FROM meta.numbers").fetchall() == [(0,)]
        assert len(Published(tmp_path).snapshots()) == 2, "the others were removed"

    def test_are_told_in_words_that_nothing_is_published(self, tmp_path):
        with pytest.raises(NothingPublishedError, match=r"nothing is published .*`make run`"):
            asked(Published(tmp_path), "SELECT 1")

    def test_are_told_where_the_named_snapshot_is_gone(self, tmp_path):
        publish_number(tmp_path, 0)
        Published(tmp_path).current().unlink()
        with pytest.raises(NothingPublishedError):
            Published(tmp_path).current()


def publish_many(folder: Path, number: int) -> None:
    for each in range(1, number + 1):
        publish_number(folder, each)


class TestKilled:
    def test_at_any_moment_leaves_old_or_new_and_the_next_one_works(self, tmp_path):
        accesses = in_child(publish_killed, tmp_path)
        assert accesses > MOMENTS, "the file, its name, the pointer, its name"


def publish_killed(scratch: Path) -> int:
    """Kill a publication before each of its accesses to the folder; return how many there are."""
    for access in range(1, 1000):
        folder = scratch / str(access)
        publish_number(folder, 1)
        died = dies_at(access, folder, partial(publish_number, folder, 2))
        ((low, high, rows),) = asked(
            Published(folder), "SELECT min(number), max(number), count(*) FROM meta.numbers"
        )
        assert low == high in (1, 2)
        assert rows == ROWS
        publish_number(folder, 3)
        assert asked(Published(folder), "SELECT max(number) FROM meta.numbers") == [(3,)]
        assert not list(folder.glob("*.new*")), "what was not finished is removed"
        if not died:
            return access
    raise AssertionError
