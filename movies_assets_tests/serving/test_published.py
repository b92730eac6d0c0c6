"""Only what passed its checks is published, whole, and readers never notice how."""

from collections.abc import Iterator
from datetime import datetime, tzinfo
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest
from click.testing import CliRunner

from movies_assets.__main__ import main
from movies_assets.core.contract import Contract, column
from movies_assets.core.window import Window
from movies_assets.definitions import TABLES
from movies_assets.orchestration.assets import asset_key
from movies_assets.orchestration.publishing.published import KEY, published_tables, shared_tables
from movies_assets.settings import load
from movies_assets.warehouse.audit_log import (
    forget_pruned,
    record_verdicts,
    record_write,
    unaudited,
)
from movies_assets.warehouse.database import Warehouse, WarehouseError
from movies_assets.warehouse.published import NothingPublishedError, Published
from movies_assets.warehouse.snapshot import write_snapshot
from movies_assets_tests.conftest import FakeYts, Platform, Prepare, movie, platform_in
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


def publish_two_movies(folder: Path) -> None:
    movies = [movie(1, f"{DAY}T10:00:00"), movie(2, f"{DAY}T11:00:00")]
    with platform_in(folder, movies) as platform:
        platform.run(DAY, publish=True)


@pytest.fixture
def published(prepare: Prepare, platform: Platform) -> Platform:
    """The fixture `platform` after a day of two movies was published."""
    prepare("yts_two_movies_published", publish_two_movies)
    return platform


class TestARun:
    def test_publishes_its_rows_at_its_end(self, platform, yts):
        yts.movies_listed = [movie(1, f"{DAY}T10:00:00"), movie(2, f"{DAY}T11:00:00")]
        result = platform.run(DAY, publish=True)
        assert checked(result)
        assert asked(published_by(platform), TITLES) == platform.sql(TITLES)
        assert platform.sql(TITLES) == [(1, "Movie 1"), (2, "Movie 2")]

    def test_of_one_source_publishes_the_tables_of_the_others_empty_and_typed(
        self, published, subtests
    ):
        with published_by(published).reading() as connection:
            for name, table in published_tables(TABLES).items():
                described = connection.execute(f"DESCRIBE {name}").fetchall()
                with subtests.test(table=name):
                    assert {row[0] for row in described} == {*table.contract.types()}

    @pytest.mark.slow
    def test_that_leaves_it_to_the_next_one_publishes_nothing(self, platform, yts):
        yts.movies_listed = [movie(1, f"{DAY}T10:00:00")]
        result = platform.run(DAY)
        assert result.success
        with pytest.raises(NothingPublishedError, match="make run"):
            published_by(platform).current()


class TestNothingIsPublished:
    def test_by_a_run_whose_blocking_check_fails(self, published, yts):
        before = published_by(published).current()
        fail_silver(published, yts)
        assert published_by(published).current() == before

    @pytest.mark.slow
    def test_by_later_green_runs_of_other_days_and_tables(self, platform, yts):
        fail_silver(platform, yts)
        yts.movies_listed = [movie(1, f"{NEXT_DAY}T10:00:00")]
        for result in (platform.run(NEXT_DAY, publish=True), published_again(platform)):
            assert result.success
            assert not checked(result)
        assert published_by(platform).snapshots() == []

    @pytest.mark.slow
    def test_until_the_day_is_mended(self, platform, yts):
        fail_silver(platform, yts)
        yts.movies_listed = [movie(1, f"{DAY}T10:00:00")]
        assert checked(platform.run(DAY, publish=True))
        assert asked(published_by(platform), TITLES) == platform.sql(TITLES)

    @pytest.mark.slow
    def test_of_what_was_written_by_a_run_that_had_no_checks(self, published, yts):
        yts.movies_listed = [movie(1, f"{DAY}T10:00:00")]
        silver = asset_key(TABLES["silver.yts_movies"].key)
        materialized = published.defs.resolve_job_def("yts_daily").get_subset(
            asset_selection={silver}, asset_check_selection=set()
        )
        tags = {"dagster/partition": DAY}
        materialized.execute_in_process(instance=published.instance, tags=tags)
        (verdict,) = published_again(published).get_asset_check_evaluations()
        assert not verdict.passed
        assert f"silver.yts_movies {DAY} (run " in (verdict.description or "")
        assert "fix what made them red" in (verdict.description or "")
        checked_alone(published, silver)
        assert checked(published_again(published)), "its checks hold"

    @pytest.mark.slow
    def test_by_checks_of_the_whole_table_that_a_bad_day_is_too_small_to_fail(self, platform, yts):
        yts.movies_listed = [movie(n, f"{NEXT_DAY}T10:00:00") for n in range(100, 160)]
        platform.run(NEXT_DAY, publish=True)
        fail_silver(platform, yts, broken=2)
        result = checked_alone(platform, asset_key(TABLES["silver.yts_movies"].key))
        assert all(each.passed or each.severity.value == "WARN" for each in result), "2 of 62"
        assert not checked(published_again(platform))

    def test_of_a_star_with_a_dimension_written_without_its_fact(self, published, yts):
        yts.movies_listed = [movie(2, f"{DAY}T11:00:00")]
        names = ["bronze/yts_movies", "silver/yts_movies", "gold/dim_movie"]
        assert published.run(DAY, select=names).success
        (verdict,) = published_again(published).get_asset_check_evaluations()
        assert not verdict.passed
        assert "gold.fact_movies.movie_key -> gold.dim_movie: 1 rows" in (verdict.description or "")
        assert len(published_by(published).snapshots()) == 1, "what was written is removed"

    def test_of_a_table_that_differs_from_its_contract(self, published):
        with published.warehouse.session() as session, published.warehouse.transaction(session):
            session.execute("ALTER TABLE gold.dim_movie DROP COLUMN slug")
        (verdict,) = published_again(published).get_asset_check_evaluations()
        assert not verdict.passed
        assert "gold.dim_movie: differs from its contract" in (verdict.description or "")

    @pytest.mark.slow
    def test_by_executing_the_check_alone(self, platform, yts):
        yts.movies_listed = [movie(1, f"{DAY}T10:00:00")]
        platform.run(DAY)
        job = platform.defs.resolve_job_def("publish").get_subset(
            asset_selection=set(), asset_check_selection={dg.AssetCheckKey(KEY, "audited")}
        )
        assert checked(job.execute_in_process(instance=platform.instance))
        assert published_by(platform).snapshots() == []


class TestWhatStandsInTheWay:
    @pytest.mark.slow
    def test_is_removed_when_a_person_accepts_it_with_a_reason(self, platform, yts, monkeypatch):
        fail_silver(platform, yts)
        monkeypatch.setenv("MOVIES_DATA_DIR", str(platform.settings.data_dir))
        command = ["accept", "silver.yts_movies", DAY, "--reason", "the source is like that"]
        result = CliRunner().invoke(main, command)
        assert result.output.startswith(f"accepted: silver.yts_movies {DAY} (run ")
        assert checked(published_again(platform))
        assert platform.sql("SELECT table_name, first_partition, reason FROM audit.accepted") == [
            ("silver.yts_movies", DAY, "the source is like that")
        ]
        again = CliRunner().invoke(main, command)
        assert again.exit_code == 1
        assert "no write of silver.yts_movies" in again.output

    def test_goes_with_the_rows_when_all_of_the_table_is_replaced(self, warehouse_session):
        record_write(warehouse_session, "gold.t", Window(DAY, DAY), "run 1")
        record_write(warehouse_session, "gold.t", Window(NEXT_DAY, NEXT_DAY), "run 2", Window())
        (left,) = unaudited(warehouse_session, ["gold.t"])
        assert left.run_id == "run 2"

    def test_goes_with_the_days_that_are_no_longer_kept(self, warehouse_session):
        warehouse_session.execute(f"CREATE TABLE gold.t AS SELECT DATE '{NEXT_DAY}' AS day")
        record_write(warehouse_session, "gold.t", Window(DAY, DAY), "run 1")
        record_write(warehouse_session, "gold.t", Window(NEXT_DAY, NEXT_DAY), "run 2")
        forget_pruned(warehouse_session, "gold.t", "day")
        (left,) = unaudited(warehouse_session, ["gold.t"])
        assert left.run_id == "run 2"

    def test_of_a_range_goes_only_when_all_of_it_is_written_again(self, warehouse_session):
        record_write(warehouse_session, "gold.t", Window(DAY, NEXT_DAY), "run 1")
        record_write(warehouse_session, "gold.t", Window(DAY, DAY), "run 2")
        left = {write.run_id for write in unaudited(warehouse_session, ["gold.t"])}
        assert left == {"run 1", "run 2"}
        record_write(warehouse_session, "gold.t", Window(DAY, NEXT_DAY), "run 3")
        assert [write.run_id for write in unaudited(warehouse_session, ["gold.t"])] == ["run 3"]

    @pytest.mark.slow
    def test_goes_when_its_red_check_alone_is_executed_and_the_others_have_passed(
        self, platform, yts
    ):
        yts.movies_listed = [movie(1, f"{DAY}T10:00:00")]
        platform.run(DAY)
        fact, left = TABLES["gold.fact_movies"], "SELECT table_name FROM audit.unaudited"
        changed(platform, "CREATE TABLE kept AS FROM gold.dim_movie", "DELETE FROM gold.dim_movie")
        changed(platform, written=(fact.name, Window(DAY, DAY)))
        checked_alone(platform, asset_key(fact.key))
        assert platform.sql(left) == [(fact.name,)], "references points at no row"
        changed(platform, "INSERT INTO gold.dim_movie FROM kept")
        checked_alone(platform, asset_key(fact.key), "contract")
        assert platform.sql(left) == [(fact.name,)], "this one was green before"
        checked_alone(platform, asset_key(fact.key), "references")
        assert platform.sql(left) == platform.sql("FROM audit.passed") == []
        changed(platform, written=(fact.name, Window(DAY, DAY)))
        checked_alone(platform, asset_key(fact.key), "references")
        assert platform.sql(left) == [(fact.name,)], "of new rows all others have to pass again"

    def test_stays_where_partitions_are_written_again_or_a_check_no_longer_holds(
        self, warehouse_session
    ):
        session, both = warehouse_session, {"one", "two"}
        record_write(session, "gold.t", Window(DAY, NEXT_DAY), "run 1")
        (write,) = unaudited(session, ["gold.t"])
        record_verdicts(session, write, {"one": True}, both)
        record_write(session, "gold.t", Window(NEXT_DAY, NEXT_DAY), "run 2")
        record_verdicts(session, write, {"two": True}, both)
        assert write in unaudited(session, ["gold.t"]), "some of its rows are new"
        record_verdicts(session, write, {"two": False}, both)
        record_verdicts(session, write, {"one": True}, both)
        assert write in unaudited(session, ["gold.t"])
        record_verdicts(session, write, {"two": True}, both)
        assert write not in unaudited(session, ["gold.t"])

    @pytest.fixture
    def warehouse_session(self, platform: Platform) -> Iterator[duckdb.DuckDBPyConnection]:
        with platform.warehouse.session() as session, platform.warehouse.transaction(session):
            session.execute("CREATE SCHEMA gold")
            yield session


def checked_alone(
    platform: Platform, table: dg.AssetKey, *names: str
) -> list[dg.AssetCheckEvaluation]:
    """Execute all checks of a table or the named ones, as the UI's button does: of no partition."""
    keys = {
        key
        for definition in platform.defs.asset_checks or ()
        for key in definition.check_keys
        if key.asset_key == table and (not names or key.name in names)
    }
    job = platform.defs.resolve_job_def("yts_daily").get_subset(
        asset_selection=set(), asset_check_selection=keys
    )
    result = job.execute_in_process(instance=platform.instance, raise_on_error=False)
    return [*result.get_asset_check_evaluations()]


def changed(
    platform: Platform, *statements: str, written: tuple[str, Window] | None = None
) -> None:
    """Change the warehouse, and let a table count as written."""
    with platform.warehouse.session() as session, platform.warehouse.transaction(session):
        for statement in statements:
            session.execute(statement)
        if written:
            record_write(session, *written, "a run without checks")


def fail_silver(platform: Platform, yts: FakeYts, broken: int = 8) -> None:
    """Let so many movies be refused that the day fails."""
    yts.movies_listed = [movie(n, f"{DAY}T10:00:00", rating=99) for n in range(1, 1 + broken)]
    result = platform.run(DAY, publish=True, raise_on_error=False)
    assert not result.success


def published_again(platform: Platform) -> dg.ExecuteInProcessResult:
    job = platform.defs.resolve_job_def("publish")
    return job.execute_in_process(instance=platform.instance)


class TestTheSnapshot:
    def test_can_be_read_by_older_clients(self, published_day):
        with duckdb.connect() as connection:
            connection.execute(f"ATTACH '{published_day.current()}' AS it (READ_ONLY)")
            ((tags,),) = connection.execute(
                "SELECT tags FROM duckdb_databases() WHERE database_name = 'it'"
            ).fetchall()
        assert tags["storage_version"].startswith("v1.2.0")

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

    def test_describes_tables_columns_lineage_checks_and_runs(self, published_day):
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


class In1970(datetime):
    """A clock that lost its battery."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:
        """Return the first second of 1970."""
        return datetime(1970, 1, 1, tzinfo=tz)


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
        path = published.unfinished(f"{number:08}")
        frame = connection.execute(f"SELECT {number} AS number FROM range({ROWS})").df()
        write_snapshot(connection, path, {}, {"numbers": Numbers}, {"numbers": frame})
        published.put(path)
        published.keep(2)


class TestTheFolder:
    def test_keeps_the_newest_also_where_the_clock_goes_back(self, tmp_path):
        ahead = tmp_path / "movies_20991231T235959000000Z_00000000.duckdb"
        publish_number(tmp_path, 0)
        Published(tmp_path).current().rename(ahead)
        for number in (1, 2, 3):
            publish_number(tmp_path, number)
            assert asked(Published(tmp_path), "SELECT max(number) FROM meta.numbers") == [(number,)]
        assert len(Published(tmp_path).snapshots()) == 2

    @pytest.mark.parametrize(
        "text", [b"", b"nonsense", b"\xff\xfe", b"../../etc/passwd", b"x" * 5_000, b"a\0b"]
    )
    def test_with_a_damaged_pointer_is_a_clear_error_and_the_next_publication_fixes_it(
        self, tmp_path, text
    ):
        publish_number(tmp_path, 0)
        (tmp_path / "CURRENT").write_bytes(text)
        with pytest.raises(NothingPublishedError):
            Published(tmp_path).current()
        publish_number(tmp_path, 1)
        assert asked(Published(tmp_path), "SELECT max(number) FROM meta.numbers") == [(1,)]

    @pytest.mark.parametrize(
        "name",
        [
            "movies_backup.duckdb",
            "movies_20251031T204605942572Z_backup.duckdb",
            "movies_20251031T204605942572Z_6b521a92 (copy).duckdb",
            "movies_20259999T000000000000Z_6b521a92.duckdb",
            "movies_99991231T235959999999Z_6b521a92.duckdb.new.txt",
            "notes.new",
        ],
    )
    def test_may_hold_files_of_others_which_are_neither_counted_nor_removed(self, tmp_path, name):
        (tmp_path / name).write_text("somebody's own")
        for number in range(1, 4):
            publish_number(tmp_path, number)
        published = Published(tmp_path)
        assert asked(published, "SELECT max(number) FROM meta.numbers") == [(3,)]
        assert len(published.snapshots()) == 2, "as many as are kept"
        made = [path.with_name(f"{path.stem}.mine") for path in published.snapshots()]
        [path.touch() for path in made]
        publish_number(tmp_path, 4)
        assert (tmp_path / name).read_text() == "somebody's own"
        assert all(path.exists() for path in made)

    def test_with_a_folder_in_place_of_the_pointer_is_a_clear_error(self, tmp_path):
        (tmp_path / "CURRENT").mkdir()
        with pytest.raises(NothingPublishedError, match=r"CURRENT cannot be read .*directory"):
            Published(tmp_path).current()
        with pytest.raises(WarehouseError, match=r"CURRENT is a folder.*Remove the folder"):
            publish_number(tmp_path, 1)

    def test_takes_names_that_follow_each_other_where_the_clock_is_of_1970(
        self, tmp_path, monkeypatch
    ):
        publish_number(tmp_path, 0)
        monkeypatch.setattr("movies_assets.warehouse.published.datetime", In1970)
        publish_number(tmp_path, 1)
        assert asked(Published(tmp_path), "SELECT max(number) FROM meta.numbers") == [(1,)]

    @pytest.mark.slow
    def test_may_be_that_of_the_warehouse(self, yts, instance, tmp_path):
        settings = load(data_dir=tmp_path, published={"folder": tmp_path / "warehouse"})
        yts.movies_listed = [movie(1, f"{DAY}T10:00:00")]
        assert checked(Platform(settings, instance, lambda: yts).run(DAY, publish=True))

    def test_takes_no_snapshot_of_which_a_part_is_not_in_the_file(self, tmp_path):
        publish_number(tmp_path, 0)
        published = Published(tmp_path)
        with published.alone():
            path = published.unfinished("00000000")
            for left in (path, path.with_name(f"{path.name}.wal")):
                left.touch()
            with pytest.raises(WarehouseError, match="disk was full"):
                published.put(path)
        assert asked(published, "SELECT max(number) FROM meta.numbers") == [(0,)]
        assert len(published.snapshots()) == 1
        assert not list(tmp_path.glob("*.new*"))

    def test_that_cannot_be_written_is_named_with_a_remedy(self, tmp_path):
        (tmp_path / "file").touch()
        with (
            pytest.raises(WarehouseError, match=r"cannot publish into .*file.*read-only"),
            Published(tmp_path / "file").alone(),
        ):
            pass


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

    def test_get_a_clear_error_if_nothing_is_published(self, tmp_path):
        with pytest.raises(NothingPublishedError, match=r"nothing is published .*`make run`"):
            asked(Published(tmp_path), "SELECT 1")

    def test_get_a_clear_error_if_the_named_snapshot_is_missing(self, tmp_path):
        publish_number(tmp_path, 0)
        Published(tmp_path).current().unlink()
        with pytest.raises(NothingPublishedError):
            Published(tmp_path).current()


def publish_many(folder: Path, number: int) -> None:
    for each in range(1, number + 1):
        publish_number(folder, each)


class TestKilled:
    @pytest.mark.slow
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
