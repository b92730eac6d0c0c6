"""Schedules ask for what is new, and again for what failed, is red, or was missed."""

import shutil
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.test_utils import freeze_time

from movies_assets.core.window import Window
from movies_assets.definitions import TABLES, build_defs, open_warehouse
from movies_assets.ingest.run_days import keys_of
from movies_assets.orchestration.assets import asset_key
from movies_assets.orchestration.catching_up import look
from movies_assets.orchestration.jobs import partitioned
from movies_assets.orchestration.partitions import partitions_def, range_tags
from movies_assets.orchestration.schedules import calendars, unfinished
from movies_assets.settings import PROJECT_ROOT, load
from movies_assets.warehouse import audit_log
from movies_assets.warehouse.schema import ensure_table
from movies_assets_tests.conftest import Platform, hold, movie

YTS_DAILY = "yts_daily"
IMDB_DAILY = "imdb_daily"
NETFLIX_DAILY = "netflix_daily"
OMDB_YEARLY = "omdb_yearly"
OTT_DAILY = "ott_daily"
OTT_FILES = "ott_files"


@pytest.fixture(scope="module")
def empty_history(tmp_path_factory):
    """Return the folder of a new instance: to make one takes 0.9 s of CPU, to copy it 0.1 s."""
    folder = tmp_path_factory.mktemp("history")
    shutil.copy(PROJECT_ROOT / "dagster.yaml", folder)
    with dg.DagsterInstance.from_config(str(folder)) as local:
        assert not local.get_runs()
        assert not local.get_asset_keys()
        assert not local.all_instigator_state()
    return folder


@pytest.fixture
def instance(tmp_path, empty_history):
    """An instance on disk: a tick opens its own connection to it."""
    folder = shutil.copytree(empty_history, tmp_path / "history")
    with dg.DagsterInstance.from_config(str(folder)) as local:
        yield local


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("live")
    return load(data_dir=folder, profile="live", catch_up_days=30)


@pytest.fixture(scope="module")
def live(settings):
    """Profile live: its partitions go on with the clock."""
    return build_defs(settings)


@pytest.fixture
def warehouse(settings):
    """The warehouse of the definitions, new for each test."""
    yield open_warehouse(settings)
    settings.database.unlink(missing_ok=True)


@pytest.fixture(autouse=True)
def _new_warehouse(warehouse):
    """Every test begins without one."""


def materialize(
    instance: dg.DagsterInstance, live: dg.Definitions, days: list[str], job: str = YTS_DAILY
) -> None:
    """Report what a run of the job would have written, and let its tables be there."""
    written = live.resolve_job_def(job).asset_layer.executable_asset_keys
    graph = live.resolve_asset_graph()
    warehouse = live.resources["warehouse"].held
    with warehouse.session() as connection, warehouse.transaction(connection):
        audit_log.ensure_tables(connection)
    for key in graph.toposorted_asset_keys:
        partitions = days if graph.get(key).partitions_def else [None]
        for day in partitions if key in written else []:
            instance.report_runless_asset_event(dg.AssetMaterialization(key, partition=day))
    with warehouse.session() as connection, warehouse.transaction(connection):
        for table in TABLES.values():
            if asset_key(table.key) in written:
                ensure_table(connection, table.name, table.contract)


def start(instance: dg.DagsterInstance, job: str, tags: dict[str, str]) -> None:
    """Record a run that is under way; one of the job itself would plan each table and day: 20 s."""
    status = dg.DagsterRunStatus.STARTED
    instance.add_run(dg.DagsterRun(job_name=job, status=status, tags=tags))


def requested(
    instance: dg.DagsterInstance, live: dg.Definitions, now: str = "2025-11-10T02:30:00"
) -> list[tuple[str, str]]:
    context = dg.build_schedule_context(
        instance=instance,
        scheduled_execution_time=datetime.fromisoformat(now).replace(tzinfo=UTC),
        repository_def=live.get_repository_def(),
    )
    schedule = live.get_repository_def().get_schedule_def(f"{YTS_DAILY}_schedule")
    requests = schedule.evaluate_tick(context).run_requests or []
    return [
        (
            request.tags["dagster/asset_partition_range_start"],
            request.tags["dagster/asset_partition_range_end"],
        )
        for request in requests
    ]


def test_an_empty_warehouse_starts_with_yesterday(instance, live):
    assert requested(instance, live) == [("2025-11-09", "2025-11-09")]


def test_after_downtime_all_missed_days_are_one_range(instance, live):
    materialize(instance, live, ["2025-11-04", "2025-11-05"])
    assert requested(instance, live) == [("2025-11-06", "2025-11-09")]


@pytest.mark.slow
def test_a_day_that_failed_between_others_is_asked_for_again(instance, live):
    materialize(instance, live, ["2025-11-05", "2025-11-07", "2025-11-09"])
    assert requested(instance, live) == [
        ("2025-11-06", "2025-11-06"),
        ("2025-11-08", "2025-11-08"),
    ]


def test_a_day_counts_only_when_every_table_was_written(instance, live):
    materialize(instance, live, ["2025-11-08"])
    instance.report_runless_asset_event(
        dg.AssetMaterialization(["bronze", "yts_movies"], partition="2025-11-09")
    )
    assert requested(instance, live) == [("2025-11-09", "2025-11-09")]


def test_a_day_with_newer_bronze_than_the_tables_downstream_is_requested_again(instance, live):
    materialize(instance, live, ["2025-11-07", "2025-11-08", "2025-11-09"])
    instance.report_runless_asset_event(
        dg.AssetMaterialization(["bronze", "yts_movies"], partition="2025-11-08")
    )
    assert requested(instance, live) == [("2025-11-08", "2025-11-08")]


def test_nothing_is_asked_for_when_every_day_is_there(instance, live):
    materialize(instance, live, ["2025-11-09"])
    assert requested(instance, live) == []


def test_downtime_beyond_the_catch_up_reach_is_caught_up_as_far_as_it_reaches(instance, live):
    materialize(instance, live, ["2025-09-01", "2025-11-08"])
    assert requested(instance, live) == [
        ("2025-10-11", "2025-11-07"),
        ("2025-11-09", "2025-11-09"),
    ]


def test_a_range_that_is_under_way_is_not_asked_for_again(instance, live):
    materialize(instance, live, ["2025-11-05"])
    start(
        instance,
        YTS_DAILY,
        {
            "dagster/asset_partition_range_start": "2025-11-06",
            "dagster/asset_partition_range_end": "2025-11-08",
        },
    )
    assert requested(instance, live) == [("2025-11-09", "2025-11-09")]


def test_a_run_that_was_killed_is_not_believed_for_more_than_a_day(instance, live):
    materialize(instance, live, ["2025-11-05"])
    with freeze_time(datetime.now(UTC) - timedelta(days=2)):
        start(instance, YTS_DAILY, {"dagster/partition": "2025-11-06"})
    assert requested(instance, live) == [("2025-11-06", "2025-11-09")]


def test_a_tick_of_the_next_day_asks_again_for_what_failed(instance, live):
    context = [
        dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=datetime(2025, 11, day, 2, 30, tzinfo=UTC),
            repository_def=live.get_repository_def(),
        )
        for day in (10, 11)
    ]
    schedule = live.get_repository_def().get_schedule_def(f"{YTS_DAILY}_schedule")
    keys = [schedule.evaluate_tick(tick).run_requests[0].run_key for tick in context]
    assert len(set(keys)) == 2


def test_a_run_of_another_source_does_not_count_as_under_way(instance, live):
    materialize(instance, live, ["2025-11-08"])
    start(instance, IMDB_DAILY, {"dagster/partition": "2025-11-09"})
    assert requested(instance, live) == [("2025-11-09", "2025-11-09")]


class TestImdb:
    def tick(self, instance, live, hour: int = 3) -> dg.RunRequest | None:
        context = dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=datetime(2025, 11, 10, hour, 30, tzinfo=UTC),
            repository_def=live.get_repository_def(),
        )
        schedule = live.get_repository_def().get_schedule_def(f"{IMDB_DAILY}_schedule")
        requests = schedule.evaluate_tick(context).run_requests
        return requests[0] if requests else None

    def test_todays_dumps_are_asked_for(self, instance, live):
        assert keys_of(self.tick(instance, live).tags) == ("2025-11-10", "2025-11-10")

    def test_after_a_failure_the_second_tick_of_the_day_asks_again(self, instance, live):
        keys = {self.tick(instance, live, hour).run_key for hour in (3, 15)}
        assert len(keys) == 2

    def test_what_is_there_is_not_asked_for(self, instance, live):
        materialize(instance, live, ["2025-11-10"], IMDB_DAILY)
        assert self.tick(instance, live) is None

    def test_what_is_under_way_is_not_asked_for(self, instance, live):
        start(instance, IMDB_DAILY, {"dagster/partition": "2025-11-10"})
        assert self.tick(instance, live) is None

    def test_before_the_first_run_date_nothing_is_asked_for(self, instance, tmp_path):
        imdb = {"first_run_date": "2030-01-01"}
        later = build_defs(load(data_dir=tmp_path, profile="live", imdb=imdb))
        assert self.tick(instance, later) is None


class TestNetflix:
    sunday, monday = "2025-11-09", "2025-11-10"

    def tick(self, instance, live, day: str) -> list[dg.RunRequest]:
        context = dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=datetime.fromisoformat(f"{day}T04:30:00").replace(tzinfo=UTC),
            repository_def=live.get_repository_def(),
        )
        schedule = live.get_repository_def().get_schedule_def(f"{NETFLIX_DAILY}_schedule")
        return schedule.evaluate_tick(context).run_requests or []

    def days(self, requests: list[dg.RunRequest]) -> list[tuple[str, str] | None]:
        """Return first and last day of each request."""
        return [keys_of(request.tags) for request in requests]

    def test_the_newest_day_is_asked_for_on_other_days_than_sundays(self, instance, live):
        week = [(date(2025, 11, 10) + timedelta(days=n)).isoformat() for n in range(6)]
        assert [self.days(self.tick(instance, live, day)) for day in week] == [
            [(day, day)] for day in week
        ]

    def test_every_day_is_asked_for_as_a_range_on_sundays(self, instance, live):
        assert self.days(self.tick(instance, live, self.sunday)) == [("2025-10-01", self.sunday)]

    def test_it_is_asked_for_whether_or_not_it_is_there(self, instance, live):
        """The look-ups may have changed since."""
        materialize(instance, live, [self.monday], NETFLIX_DAILY)
        assert self.days(self.tick(instance, live, self.monday)) == [(self.monday, self.monday)]

    def test_a_sunday_that_is_the_first_day_is_one_day(self, instance, tmp_path):
        netflix = {"first_day": self.sunday}
        begun = build_defs(load(data_dir=tmp_path, profile="live", netflix=netflix))
        assert self.days(self.tick(instance, begun, self.sunday)) == [(self.sunday, self.sunday)]

    def test_before_the_first_day_nothing_is_asked_for(self, instance, tmp_path):
        netflix = {"first_day": "2030-01-01"}
        later = build_defs(load(data_dir=tmp_path, profile="live", netflix=netflix))
        assert self.tick(instance, later, self.monday) == []

    @pytest.mark.parametrize(
        ("first", "last", "asked"),
        [
            (monday, monday, False),
            ("2025-10-01", monday, False),
            ("2025-10-01", sunday, True),
        ],
    )
    def test_what_is_under_way_is_not_asked_for_again(self, instance, live, first, last, asked):
        start(instance, NETFLIX_DAILY, range_tags(first, last))
        assert bool(self.tick(instance, live, self.monday)) is asked

    def test_a_single_day_under_way_does_not_count_as_all_of_them(self, instance, live):
        start(instance, NETFLIX_DAILY, {"dagster/partition": "2025-11-08"})
        days = self.days(self.tick(instance, live, self.sunday))
        assert days == [("2025-10-01", "2025-11-07"), (self.sunday, self.sunday)]

    def test_the_samples_days_end_with_its_last_day(self, tmp_path):
        settings = load(data_dir=tmp_path)
        keys = partitions_def(partitioned()[NETFLIX_DAILY], settings).get_partition_keys()
        assert (keys[0], keys[-1]) == ("2025-10-01", settings.sample.last_day.isoformat())

    def test_its_run_covers_the_dimensions_that_are_shared(self, live):
        for name in (NETFLIX_DAILY, YTS_DAILY):
            keys = live.resolve_job_def(name).asset_layer.executable_asset_keys
            shared = {dg.AssetKey(["gold", n]) for n in ("dim_date", "dim_released_year")}
            assert shared <= keys


class TestOmdb:
    def tick(self, instance, live, day: int = 10) -> dg.RunRequest | None:
        context = dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=datetime(2025, 11, day, 4, 30, tzinfo=UTC),
            repository_def=live.get_repository_def(),
        )
        schedule = live.get_repository_def().get_schedule_def(f"{OMDB_YEARLY}_schedule")
        requests = schedule.evaluate_tick(context).run_requests
        return requests[0] if requests else None

    def test_the_current_and_the_previous_year_are_collected_again_as_one_range(
        self, instance, live
    ):
        request = self.tick(instance, live)
        assert request.tags["dagster/asset_partition_range_start"] == "2024"
        assert request.tags["dagster/asset_partition_range_end"] == "2025"
        assert request.run_config == {"ops": {"landing__omdb_pages": {"config": {"refresh": True}}}}
        job = live.resolve_job_def(OMDB_YEARLY)
        assert dg.validate_run_config(job, request.run_config)

    def test_every_day_asks_again(self, instance, live):
        assert len({self.tick(instance, live, day).run_key for day in (10, 11)}) == 2

    @pytest.mark.parametrize(
        ("tags", "asked"),
        [
            ({"dagster/partition": "2025"}, ("2024", "2024")),
            ({"dagster/partition": "2023"}, ("2024", "2025")),
            (range_tags("1900", "2024"), ("2025", "2025")),
            (range_tags("2024", "2025"), None),
        ],
        ids=["a year", "another year", "a backfill", "both years"],
    )
    def test_what_is_under_way_is_not_asked_for(self, instance, live, tags, asked):
        start(instance, OMDB_YEARLY, tags)
        request = self.tick(instance, live)
        assert (keys_of(request.tags) if request else None) == asked

    def test_before_the_first_year_nothing_is_asked_for(self, instance, tmp_path):
        later = build_defs(load(data_dir=tmp_path, profile="live", omdb={"first_year": 2030}))
        assert self.tick(instance, later) is None


def tick(instance, live, job: str, now: str):
    """Evaluate the schedule of a job."""
    repository = live.get_repository_def()
    context = dg.build_schedule_context(
        instance=instance,
        scheduled_execution_time=datetime.fromisoformat(now).replace(tzinfo=UTC),
        repository_def=repository,
    )
    return repository.get_schedule_def(f"{job}_schedule").evaluate_tick(context)


def asked(instance, live, job: str = YTS_DAILY, now: str = "2025-11-10T02:30:00"):
    """Return the ranges that the schedule of a job asks for."""
    return [keys_of(request.tags) for request in tick(instance, live, job, now).run_requests or []]


def note(warehouse, table: str, first: str = "", last: str = "~", run_id: str = "a") -> None:
    """Record a write of a table whose blocking checks have not passed."""
    with warehouse.session() as connection, warehouse.transaction(connection):
        audit_log.record_write(connection, table, Window(first, last, 1), run_id)


def fail(instance, first: str, last: str, job: str = YTS_DAILY, **tags: str) -> str:
    """Record a run that failed before it wrote anything; return its id."""
    status = dg.DagsterRunStatus.FAILURE
    tags = {**range_tags(first, last), **tags}
    return instance.add_run(dg.DagsterRun(job_name=job, status=status, tags=tags)).run_id


OF_SCHEDULE = {"dagster/schedule_name": "yts_daily_schedule"}
DAYS = [f"2025-11-0{n}" for n in range(6, 10)]
FIRST, SECOND, THIRD, LAST = DAYS


class TestRedDays:
    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("job", "table", "day"),
        [
            (YTS_DAILY, "gold.fact_movies", FIRST),
            (IMDB_DAILY, "silver.imdb_ratings", FIRST),
            (NETFLIX_DAILY, "bronze.netflix_titles", FIRST),
            (OMDB_YEARLY, "silver.omdb_releases", "2010"),
            (OTT_DAILY, "silver.ott_views", FIRST),
        ],
    )
    def test_every_schedule_requests_a_day_with_red_checks_again(
        self, instance, live, job, table, day
    ):
        materialize(instance, live, [day], job)
        before = asked(instance, live, job)
        note(live.resources["warehouse"].held, table, day, day)
        assert asked(instance, live, job) == [(day, day), *before]

    def test_a_red_range_is_asked_for_as_it_was_written_and_its_neighbours_without_it(
        self, instance, live, warehouse
    ):
        materialize(instance, live, [FIRST, SECOND, THIRD])
        note(warehouse, "silver.yts_movies", FIRST, SECOND)
        note(warehouse, "gold.fact_movies", SECOND, THIRD)
        assert asked(instance, live) == [(FIRST, THIRD), (LAST, LAST)]

    def test_a_whole_table_that_is_red_belongs_to_the_days_of_its_run(
        self, instance, live, warehouse
    ):
        materialize(instance, live, DAYS)
        run = dg.DagsterRun(
            job_name=YTS_DAILY,
            status=dg.DagsterRunStatus.SUCCESS,
            tags=range_tags(FIRST, SECOND),
        )
        instance.add_run(run)
        note(warehouse, "gold.dim_date", run_id="of another source")
        assert asked(instance, live) == []
        note(warehouse, "gold.dim_date", run_id=run.run_id)
        assert asked(instance, live) == [(FIRST, SECOND)]

    @pytest.mark.parametrize(
        ("job", "table", "day", "newest"),
        [
            (IMDB_DAILY, "silver.imdb_titles", FIRST, "2025-11-10"),
            *(
                pytest.param(*case, marks=pytest.mark.slow)
                for case in (
                    (NETFLIX_DAILY, "silver.netflix_titles", FIRST, "2025-11-10"),
                    (OMDB_YEARLY, "gold.omdb_releases", "2010", "2025"),
                    (OTT_DAILY, "gold.ott_dim_user", FIRST, "2025-11-10"),
                )
            ),
        ],
    )
    def test_a_red_table_that_mirrors_the_newest_state_is_made_again(
        self, instance, live, job, table, day, newest
    ):
        """By the days of the run that wrote it, or else by the newest one."""
        warehouse = live.resources["warehouse"].held
        materialize(instance, live, [day, newest], job)
        before = asked(instance, live, job)
        run = dg.DagsterRun(job, status=dg.DagsterRunStatus.FAILURE, tags=range_tags(day, day))
        instance.add_run(run)
        assert asked(instance, live, job) == before
        note(warehouse, table, run_id=run.run_id)
        assert asked(instance, live, job) == [(day, day), *before]
        note(warehouse, table, run_id="of chosen assets, without a day")
        assert newest in {last for _, last in asked(instance, live, job)}
        assert (day, day) not in asked(instance, live, job)

    @pytest.mark.slow
    def test_after_some_tries_it_is_named_and_no_longer_asked_for(
        self, instance, live, settings, warehouse, capfd
    ):
        materialize(instance, live, DAYS)
        note(warehouse, "silver.yts_movies", FIRST, SECOND)
        fail(instance, FIRST, SECOND)
        for _ in range(settings.catch_up_tries - 1):
            fail(instance, FIRST, SECOND, **OF_SCHEDULE)
        assert asked(instance, live) == [(FIRST, SECOND)]
        run_id = fail(instance, FIRST, SECOND, **OF_SCHEDULE)
        found = tick(instance, live, YTS_DAILY, "2025-11-10T02:30:00")
        sentence = (
            f"yts_daily {FIRST}...{SECOND}: the blocking checks of silver.yts_movies have not "
            f"passed after 3 failed runs of the schedule (run {run_id[:8]}). Its schedule does not "
            "request them again: fix the cause, then run them by hand, as one range."
        )
        assert not found.run_requests
        assert sentence in found.skip_message
        assert sentence in capfd.readouterr().err
        with freeze_time(datetime(2025, 11, 10, 12, tzinfo=UTC)):
            (stuck,) = unfinished(settings, TABLES, instance, warehouse)
        assert (str(stuck), stuck.is_stuck) == (sentence, True)

    def test_a_run_that_succeeds_gives_new_tries(self, instance, live, settings, warehouse):
        for status in ["FAILURE"] * settings.catch_up_tries + ["SUCCESS"]:
            tags = {**range_tags(FIRST, LAST), **OF_SCHEDULE}
            instance.add_run(
                dg.DagsterRun(job_name=YTS_DAILY, status=dg.DagsterRunStatus(status), tags=tags)
            )
        materialize(instance, live, DAYS)
        note(warehouse, "silver.yts_movies", FIRST, SECOND)
        assert asked(instance, live) == [(FIRST, SECOND)]

    def test_a_red_range_that_began_before_the_reach_is_named(self, instance, live, warehouse):
        materialize(instance, live, [LAST])
        note(warehouse, "silver.yts_movies", "2025-09-01", LAST)
        found = tick(instance, live, YTS_DAILY, "2025-11-10T02:30:00")
        assert not found.run_requests
        assert f"yts_daily 2025-09-01...{LAST}: the blocking checks" in found.skip_message

    def test_what_was_accepted_is_done(self, instance, live, warehouse):
        materialize(instance, live, DAYS)
        run_id = fail(instance, FIRST, SECOND)
        note(warehouse, "silver.yts_movies", FIRST, SECOND, run_id)
        assert asked(instance, live) == [(FIRST, SECOND)]
        with warehouse.session() as connection, warehouse.transaction(connection):
            assert audit_log.accept(connection, "silver.yts_movies", (FIRST, SECOND), "so it is")
        assert asked(instance, live) == []

    @pytest.mark.slow
    def test_a_real_run_that_a_check_stops_is_asked_for_until_its_fault_is_fixed(
        self, tmp_path, yts
    ):
        first, last = "2025-10-30", "2025-10-31"
        settings = load(data_dir=tmp_path, yts={"first_day": "2025-10-01"})
        calendar = calendars(settings, TABLES)[0]
        with dg.DagsterInstance.ephemeral() as instance:
            platform = Platform(settings, instance, lambda: yts)
            for movie_id, expected in [(-5, [(first, last)]), (5, [])]:
                yts.movies_listed = [movie(movie_id, f"{last}T12:00:00")]
                platform.run(first, last, raise_on_error=False)
                now = datetime(2025, 11, 1, 2, 30, tzinfo=UTC)
                assert look(calendar, instance, platform.warehouse, now).asked() == expected


class TestFailedRuns:
    def test_the_first_night_of_a_new_instance_is_asked_for_again(self, instance, live):
        fail(instance, FIRST, FIRST)
        assert asked(instance, live) == [(FIRST, LAST)]

    def test_a_fault_of_one_day_does_not_fail_the_others_for_ever(self, instance, live, settings):
        for _ in range(settings.catch_up_tries):
            fail(instance, FIRST, SECOND, **OF_SCHEDULE)
        assert asked(instance, live) == [(FIRST, SECOND), (THIRD, LAST)]

    @pytest.mark.parametrize(
        ("job", "landing"),
        [
            (NETFLIX_DAILY, None),
            (IMDB_DAILY, "imdb_dumps"),
        ],
    )
    def test_past_days_of_failed_runs_are_asked_for_where_their_files_are_there(
        self, instance, live, job, landing
    ):
        fail(instance, FIRST, FIRST, job)
        today = ("2025-11-10", "2025-11-10")
        if landing:
            assert asked(instance, live, job) == [today]
            landed = dg.AssetMaterialization(["landing", landing], partition=FIRST)
            instance.report_runless_asset_event(landed)
        assert asked(instance, live, job) == [(FIRST, FIRST), today]

    @pytest.mark.parametrize("job", [OTT_DAILY, OTT_FILES])
    def test_files_of_a_past_day_are_asked_for_without_users_that_were_not_fetched(
        self, instance, live, job
    ):
        users = dg.AssetKey(["landing", "ott_users"])
        fail(instance, FIRST, FIRST, job)
        past, today = tick(instance, live, OTT_DAILY, "2025-11-10T06:30:00").run_requests
        assert (keys_of(past.tags), today.asset_selection) == ((FIRST, FIRST), None)
        assert users not in past.asset_selection
        assert dg.AssetKey(["bronze", "ott_views"]) in past.asset_selection
        instance.report_runless_asset_event(dg.AssetMaterialization(users, partition=FIRST))
        past, _ = tick(instance, live, OTT_DAILY, "2025-11-10T06:30:00").run_requests
        assert past.asset_selection is None

    @pytest.mark.parametrize(
        ("job", "read"),
        [
            (YTS_DAILY, "silver.yts_movies"),
            (IMDB_DAILY, "bronze.imdb_title_basics"),
            pytest.param(NETFLIX_DAILY, "bronze.netflix_titles", marks=pytest.mark.slow),
            pytest.param(OTT_DAILY, "silver.ott_views", marks=pytest.mark.slow),
        ],
    )
    def test_a_failed_run_counts_where_it_has_left_tables_behind(self, instance, live, job, read):
        """Whether these have partitions, or are written as a whole; not where all is there."""
        materialize(instance, live, DAYS, job)
        fail(instance, FIRST, FIRST, job)
        assert (FIRST, FIRST) not in asked(instance, live, job)
        newer = dg.AssetMaterialization([*TABLES[read].key], partition=FIRST)
        instance.report_runless_asset_event(newer)
        assert (FIRST, FIRST) in asked(instance, live, job)
        materialize(instance, live, [SECOND], job)
        assert ((FIRST, FIRST) in asked(instance, live, job)) is (job == YTS_DAILY)

    def test_runs_of_chosen_assets_count(self, instance, live):
        """As a backfill of the UI makes them."""
        tables = frozenset({dg.AssetKey(["silver", "yts_movies"])})
        status, tags = dg.DagsterRunStatus.FAILURE, range_tags(FIRST, SECOND)
        run = dg.DagsterRun("__ASSET_JOB", status=status, tags=tags, asset_selection=tables)
        instance.add_run(run)
        assert asked(instance, live) == [(FIRST, LAST)]
        assert asked(instance, live, IMDB_DAILY) == [("2025-11-10", "2025-11-10")]


class TestHistory:
    """What Dagster's history and the warehouse say, when one of them was emptied."""

    def test_a_table_that_was_wiped_is_caught_up_from_its_first_day(self, instance, live):
        materialize(instance, live, DAYS)
        instance.wipe_assets([dg.AssetKey(["gold", "fact_movies"])])
        assert asked(instance, live) == [(FIRST, LAST)]

    def test_without_any_runs_the_catch_up_begins_with_what_bronze_holds(
        self, instance, live, warehouse
    ):
        hold(warehouse, TABLES["bronze.yts_movies"], [SECOND, THIRD])
        assert asked(instance, live) == [(SECOND, LAST)]

    def test_a_warehouse_that_was_lost_is_filled_again(self, instance, live, settings):
        materialize(instance, live, DAYS)
        assert asked(instance, live) == []
        settings.database.unlink()
        assert asked(instance, live) == [(FIRST, LAST)]

    @pytest.mark.slow
    def test_a_day_run_by_hand_brings_back_none_of_the_others_of_a_lost_warehouse(
        self, instance, live, settings
    ):
        materialize(instance, live, DAYS)
        settings.database.unlink()
        materialize(instance, live, [LAST])
        assert asked(instance, live) == [(FIRST, THIRD)]

    @pytest.mark.slow
    def test_a_warehouse_in_use_keeps_no_schedule_from_asking(self, instance, tmp_path, capfd):
        impatient = load(data_dir=tmp_path, profile="live", warehouse={"lock_wait_seconds": 0.1})
        defs = build_defs(impatient)
        materialize(instance, defs, [FIRST])
        code = (
            "import duckdb, sys; held = duckdb.connect(sys.argv[1]); "
            "print('held', flush=True); sys.stdin.read()"
        )
        with subprocess.Popen(  # noqa: S603 (our own code)
            [sys.executable, "-c", code, str(impatient.database)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as other:
            assert other.stdout.readline() == "held\n"
            assert asked(instance, defs) == [(SECOND, LAST)]
            other.stdin.close()
        assert "This tick uses Dagster's history alone" in capfd.readouterr().err


@pytest.mark.parametrize("job", [YTS_DAILY, IMDB_DAILY, NETFLIX_DAILY, OMDB_YEARLY, OTT_DAILY])
def test_a_tick_before_the_first_day_skips_with_a_sentence(instance, live, job):
    found = tick(instance, live, job, "1800-01-01T02:30:00")
    assert found.skip_message == "The first partition is still to come."
