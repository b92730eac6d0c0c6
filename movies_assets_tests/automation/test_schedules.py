"""Schedules ask: YTS for missed days, IMDb and Netflix for the newest, OMDb for two years."""

from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.test_utils import freeze_time

from movies_assets.automation.jobs import (
    IMDB_DAILY,
    NETFLIX_DAILY,
    OMDB_YEARLY,
    PARTITIONED,
    YTS_DAILY,
)
from movies_assets.definitions import TABLES, build_defs, open_warehouse
from movies_assets.partitions import keys_of, range_tags
from movies_assets.settings import load
from movies_assets.warehouse.writer import create_table


@pytest.fixture
def instance(tmp_path):
    """An instance on disk: a tick opens its own connection to it."""
    with dg.DagsterInstance.local_temp(str(tmp_path)) as local:
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
    for key in live.resolve_asset_graph().toposorted_asset_keys:
        for day in days if key in written else []:
            instance.report_runless_asset_event(dg.AssetMaterialization(key, partition=day))
    warehouse = live.resources["warehouse"]
    with warehouse.session() as connection, warehouse.transaction(connection):
        for table in TABLES.values():
            if table.key in written:
                create_table(connection, table.name, table.contract)


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


def test_a_day_whose_bronze_is_newer_than_the_tables_below_is_asked_for_again(instance, live):
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

    def test_a_single_day_under_way_does_not_stand_for_all_of_them(self, instance, live):
        start(instance, NETFLIX_DAILY, {"dagster/partition": "2025-11-08"})
        days = self.days(self.tick(instance, live, self.sunday))
        assert days == [("2025-10-01", "2025-11-07"), (self.sunday, self.sunday)]

    def test_the_samples_days_end_with_its_last_day(self, tmp_path):
        settings = load(data_dir=tmp_path)
        keys = PARTITIONED[NETFLIX_DAILY](settings).get_partition_keys()
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

    def test_the_current_and_the_previous_year_are_collected_anew_as_one_range(
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
