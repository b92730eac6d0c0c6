"""Sensors ask for the days of files that are new, late or replaced: for each of them once."""

import logging
import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.sensor_definition import SensorExecutionData
from dagster._core.instance.ref import InstanceRef
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.test_utils import create_test_daemon_workspace_context, freeze_time
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster._daemon.sensor import execute_sensor_iteration

from movies_assets.definitions import TABLES, build_defs, open_warehouse
from movies_assets.settings import Settings, load
from movies_assets.sources.netflix.resources import NetflixLanding
from movies_assets_tests.conftest import Platform, hold, movie
from movies_assets_tests.faults.processes import FORKSERVER

SENSOR = "netflix_arrivals"
DATA_DIR = "MOVIES_DATA_DIR"
FIRST, SECOND, THIRD, LAST = "2025-10-01", "2025-10-02", "2025-10-03", "2025-10-31"
V1, V2 = "show_id,title\n1,Old\n", "show_id,title\n1,New\n"


def range_of(tags: Mapping[str, str]) -> tuple[str, str]:
    return (
        tags["dagster/asset_partition_range_start"],
        tags["dagster/asset_partition_range_end"],
    )


class Files:
    """The landing zone of a test."""

    def __init__(self, data_dir: Path) -> None:
        self.folder = data_dir / "landing" / "netflix" / "titles"
        self.folder.mkdir(parents=True)

    def put(self, day: str, content: str = V1, name: str = "titles.csv") -> Path:
        file = self.folder / day / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(content)
        return file


class Ticks:
    """A sensor with consecutive ticks, each in a new context with the previous cursor."""

    def __init__(self, settings: Settings) -> None:
        self.repository = build_defs(settings).get_repository_def()
        self.resources = {"netflix_landing": NetflixLanding(project=settings)}
        self.cursor: str | None = None

    def look(self) -> Sequence[dg.RunRequest]:
        """Look without keeping the cursor, as a daemon does that dies."""
        return self._evaluate().run_requests or []

    def tick(self) -> Sequence[dg.RunRequest]:
        found = self._evaluate()
        self.cursor = found.cursor
        return found.run_requests or []

    def ranges(self) -> list[tuple[str, str]]:
        return [range_of(request.tags) for request in self.tick()]

    def _evaluate(self) -> SensorExecutionData:
        with dg.build_sensor_context(
            cursor=self.cursor, repository_def=self.repository, resources=self.resources
        ) as context:
            return self.repository.get_sensor_def(SENSOR).evaluate_tick(context)


@pytest.fixture
def files(tmp_path) -> Files:
    return Files(tmp_path)


@pytest.fixture
def ticks(files, tmp_path) -> Ticks:  # noqa: ARG001 (the folder has to be there)
    return Ticks(load(data_dir=tmp_path))


def test_an_empty_landing_zone_requests_nothing(ticks):
    assert ticks.ranges() == []


def test_a_new_file_is_requested_once_however_often_the_sensor_ticks(ticks, files):
    files.put(SECOND)
    assert ticks.ranges() == [(SECOND, SECOND)]
    assert [ticks.ranges() for _ in range(3)] == [[], [], []]


def test_neighbouring_days_are_one_range(ticks, files):
    files.put("2025-10-20")
    ticks.tick()
    for day in (FIRST, SECOND, THIRD, "2025-10-30", LAST, "2025-10-10"):
        files.put(day)
    assert ticks.ranges() == [
        (FIRST, THIRD),
        ("2025-10-10", "2025-10-10"),
        ("2025-10-30", LAST),
    ]


class TestFirstLook:
    """Days without files are bridged, so that one run does."""

    def test_the_days_of_all_files_are_one_range(self, ticks, files):
        for day in (FIRST, THIRD, "2025-10-20", LAST):
            files.put(day)
        assert ticks.ranges() == [(FIRST, LAST)]
        files.put("2025-10-05", name="late.csv")
        files.put("2025-10-07", name="late.csv")
        assert ticks.ranges() == [("2025-10-05",) * 2, ("2025-10-07",) * 2]

    def test_a_long_time_without_files_is_not_bridged(self, files, tmp_path):
        ticks = Ticks(load(data_dir=tmp_path, netflix={"first_day": "2025-01-01"}))
        for day in ("2025-01-01", "2025-02-02", "2025-03-01"):
            files.put(day)
        assert ticks.ranges() == [("2025-01-01",) * 2, ("2025-02-02", "2025-03-01")]

    def test_a_day_whose_file_was_cleared_keeps_its_rows(self, ticks, files, tmp_path):
        """As after the sensor's cursor was reset in the UI."""
        warehouse = open_warehouse(load(data_dir=tmp_path))
        hold(warehouse, TABLES["bronze.netflix_titles"], [SECOND])
        for day in (FIRST, THIRD, "2025-10-05"):
            files.put(day)
        assert ticks.ranges() == [(FIRST, FIRST), (THIRD, "2025-10-05")]


def test_a_late_file_is_requested_for_its_own_day(ticks, files):
    for day in (FIRST, SECOND, THIRD):
        files.put(day)
    ticks.tick()
    files.put(SECOND, name="late.csv")
    assert ticks.ranges() == [(SECOND, SECOND)]
    assert ticks.ranges() == []


def test_a_replaced_file_is_requested_even_if_size_and_times_are_those_of_the_old_one(ticks, files):
    old = files.put(SECOND, V1)
    times = (old.stat().st_atime, old.stat().st_mtime)
    ticks.tick()
    os.utime(files.put(SECOND, V2), times)
    assert len(V1) == len(V2)
    assert ticks.ranges() == [(SECOND, SECOND)]
    assert ticks.ranges() == []


def test_a_file_that_goes_back_to_an_older_state_is_requested_again(ticks, files):
    keys = []
    for content in (V1, V2, V1, V2):
        files.put(SECOND, content)
        (request,) = ticks.tick()
        keys.append(request.run_key)
    assert len(set(keys)) == 4


def test_a_file_that_disappears_requests_nothing_and_counts_again_when_it_returns(ticks, files):
    files.put(FIRST)
    file = files.put(SECOND)
    ticks.tick()
    file.unlink()
    assert ticks.ranges() == []
    files.put(SECOND)
    assert ticks.ranges() == [(SECOND, SECOND)]


def test_a_folder_that_disappears_requests_nothing(ticks, files):
    files.put(FIRST)
    ticks.tick()
    shutil.rmtree(files.folder / FIRST)
    assert ticks.ranges() == []


def test_files_that_are_still_being_written_are_not_seen(ticks, files):
    for name in (".titles.csv", "_titles.csv", "titles.csv.part"):
        files.put(SECOND, name=name)
    assert ticks.ranges() == []


def skipped(ticks) -> str:
    found = ticks._evaluate()
    ticks.cursor = found.cursor
    return found.skip_message or ""


def test_files_that_are_not_read_are_named_in_the_log_once_and_in_each_skip(ticks, files, capfd):
    files.put(SECOND, name="note.txt")
    for name in ("titles.csv", "a/b.csv"):
        (files.folder / name).parent.mkdir(exist_ok=True)
        (files.folder / name).write_text(V1)
    assert "netflix/titles/a/b.csv has no day in its path" in skipped(ticks)
    log = capfd.readouterr().err
    assert log.count("not read: ") == 1
    assert f"netflix/titles/{SECOND}/note.txt is a note" in log
    assert "netflix/titles/titles.csv has no day" in skipped(ticks)
    assert "not read" not in capfd.readouterr().err
    files.put(SECOND, name="a.pdf")
    skipped(ticks)
    log = capfd.readouterr().err
    assert ("a.pdf" in log, "note.txt" in log) == (True, False)


def test_files_of_any_packing_and_folder_are_asked_for_once(ticks, files):
    for path in (f"date={FIRST}/x.CSV", "2025/10/02/x.csv.gz", f"{THIRD}/more/x.parquet"):
        (files.folder / path).parent.mkdir(parents=True)
        (files.folder / path).write_text(V1)
    assert ticks.ranges() == [(FIRST, THIRD)]
    assert ticks.ranges() == []


def test_a_day_with_a_link_that_leads_nowhere_has_a_run_of_its_own(ticks, files, capfd):
    for day in (FIRST, SECOND, THIRD):
        files.put(day)
    link = files.folder / SECOND / "more.csv"
    link.symlink_to(files.folder / "nowhere")
    assert ticks.ranges() == [(FIRST, FIRST), (THIRD, THIRD), (SECOND, SECOND)]
    assert f"{SECOND}/more.csv is a link to a file that is not there" in capfd.readouterr().err
    assert ticks.ranges() == []
    link.unlink()
    files.put(SECOND, name="more.csv")
    assert ticks.ranges() == [(SECOND, SECOND)]


def test_traps_are_named_once_and_never_waited_for(ticks, files, capfd):
    folder = files.put(FIRST).parent
    os.mkfifo(folder / "pipe.csv")
    (folder / "zero.csv").symlink_to("/dev/zero")
    (folder / "passwd.csv").symlink_to("/etc/passwd")
    assert ticks.ranges() == [(FIRST, FIRST)]
    warned = capfd.readouterr().err
    assert f"{FIRST}/pipe.csv is neither a file nor a folder" in warned
    for name in ("zero", "passwd"):
        assert f"{FIRST}/{name}.csv is a link out of the landing folder" in warned
    assert ticks.ranges() == []
    assert "pipe.csv" not in capfd.readouterr().err


def test_a_daemon_that_dies_before_it_keeps_the_cursor_asks_under_the_same_key(ticks, files):
    files.put(FIRST)
    ticks.tick()
    files.put(FIRST, V2)
    files.put(THIRD)
    dead = [request.run_key for request in ticks.look()]
    alive = [request.run_key for request in ticks.tick()]
    assert len(dead) == 2
    assert dead == alive
    assert ticks.tick() == []


def test_two_requests_never_have_one_key(ticks, files):
    files.put("2025-10-20")
    ticks.tick()
    keys = []
    for number in range(4):
        for day in (FIRST, THIRD):
            files.put(day, name=f"{number}.csv")
        keys += [request.run_key for request in ticks.tick()]
    assert len(set(keys)) == len(keys) == 8


def test_files_of_days_without_a_partition_are_warned_of_and_request_nothing(ticks, files, capfd):
    for day in ("2025-09-30", SECOND, "2025-11-01"):
        files.put(day)
    assert ticks.ranges() == [(SECOND, SECOND)]
    assert "files of days without a partition: 2025-09-30, 2025-11-01" in capfd.readouterr().err
    assert ticks.ranges() == []


@pytest.mark.parametrize("year", [2025, 2050])
def test_the_clock_plays_no_part(ticks, files, year):
    file = files.put(SECOND)
    keys = {request.run_key for request in ticks.look()}
    with freeze_time(datetime(year, 12, 1, tzinfo=UTC)):
        os.utime(file, (0, year))
        assert {request.run_key for request in ticks.tick()} == keys
    os.utime(file)
    assert ticks.ranges() == []


def test_in_profile_live_a_file_of_a_day_to_come_waits_for_its_day(files, tmp_path):
    ticks = Ticks(load(data_dir=tmp_path, profile="live"))
    files.put("2025-11-02")
    with freeze_time(datetime(2025, 11, 1, 23, 59, tzinfo=UTC)):
        assert ticks.ranges() == []
    with freeze_time(datetime(2025, 11, 2, tzinfo=UTC)):
        assert ticks.ranges() == [("2025-11-02", "2025-11-02")]
        assert ticks.ranges() == []


def test_a_look_before_the_first_day_skips_with_a_sentence(files, tmp_path):
    files.put(FIRST)
    ticks = Ticks(load(data_dir=tmp_path, profile="live", netflix={"first_day": "2100-01-01"}))
    assert skipped(ticks) == "nothing new among 1 files"


@pytest.mark.slow
def test_of_10_000_files_only_the_new_one_is_news(files, tmp_path):
    first = date(2023, 1, 1)
    days = [str(first + timedelta(number)) for number in range(1_000)]
    ticks = Ticks(load(data_dir=tmp_path, netflix={"first_day": first}))
    for day in days:
        for number in range(10):
            files.put(day, f"{day} {number}", f"{number}.csv")
    assert ticks.ranges() == [(days[0], days[-1])]
    assert ticks.ranges() == []
    files.put(days[500], name="new.csv")
    assert ticks.ranges() == [(days[500], days[500])]


def definitions() -> dg.Definitions:
    """Return what the daemon loads: the project on the folder that the environment names."""
    return build_defs(load())


# Runs are made and launched, but nothing is run.
LAUNCHER = {
    "run_launcher": {"module": "dagster._core.test_utils", "class": "MockedRunLauncher"},
    "run_coordinator": {
        "module": "dagster._core.run_coordinator",
        "class": "DefaultRunCoordinator",
    },
}


def open_instance(folder: Path) -> dg.DagsterInstance:
    return dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(folder), overrides=LAUNCHER))


def state_of(instance: dg.DagsterInstance) -> Any:
    """Return what Dagster has stored of the sensor; other sensors may run at the same time."""
    (state,) = (each for each in instance.all_instigator_state() if each.name == SENSOR)
    return state


def iterate(data_dir: Path, now: datetime, killed_at: str | None = None) -> None:
    """Start Dagster's sensor daemon, and let it look once; it may be killed on the way."""
    os.environ[DATA_DIR] = str(data_dir)
    origin = LoadableTargetOrigin(python_file=__file__, attribute="definitions")
    target = InProcessWorkspaceLoadTarget(InProcessCodeLocationOrigin(origin))
    with (
        freeze_time(now),
        open_instance(data_dir) as instance,
        create_test_daemon_workspace_context(target, instance) as workspace,
    ):
        (location,) = workspace.create_request_context().code_locations
        (repository,) = location.get_repositories().values()
        if not instance.all_instigator_state():
            instance.start_sensor(repository.get_sensor(SENSOR))
        deaths = {SENSOR: {killed_at: signal.SIGKILL}} if killed_at else None
        looking = execute_sensor_iteration(
            workspace, logging.getLogger(), None, None, debug_crash_flags=deaths
        )
        assert not [error for error in looking if error]


class Daemon:
    """Dagster's sensor daemon on an instance on disk, restarted each time."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.now = datetime(2031, 1, 1, tzinfo=UTC)

    def look(self, killed_at: str | None = None) -> None:
        """Look once, an hour after the last time."""
        self.now += timedelta(hours=1)
        if killed_at is None:
            iterate(self.data_dir, self.now)
            return
        child = FORKSERVER.Process(target=iterate, args=(self.data_dir, self.now, killed_at))
        child.start()
        child.join()
        assert child.exitcode == -signal.SIGKILL

    def cursor(self) -> str | None:
        with open_instance(self.data_dir) as instance:
            return state_of(instance).instigator_data.cursor

    def put_back(self, cursor: str) -> None:
        """Restore the previous cursor, as if the daemon had died before storing the new one."""
        with open_instance(self.data_dir) as instance:
            state = state_of(instance)
            data = state.instigator_data._replace(cursor=cursor)
            instance.update_instigator_state(state.with_data(data))

    def ranges(self) -> list[tuple[str, str]]:
        """Return the ranges of all runs, in the order in which they were made."""
        with open_instance(self.data_dir) as instance:
            records = sorted(instance.get_run_records(), key=lambda record: record.storage_id)
            assert all(r.dagster_run.status != dg.DagsterRunStatus.FAILURE for r in records)
            return [range_of(record.dagster_run.tags) for record in records]


@pytest.mark.slow
class TestDaemon:
    @pytest.fixture
    def daemon(self, tmp_path, monkeypatch) -> Daemon:
        monkeypatch.setenv(DATA_DIR, str(tmp_path))
        return Daemon(tmp_path)

    def test_each_state_of_a_file_is_one_run_even_if_the_cursor_was_not_kept(self, daemon, files):
        files.put(FIRST)
        daemon.look()
        daemon.look()
        assert daemon.ranges() == [(FIRST, FIRST)]
        before = daemon.cursor()
        files.put(FIRST, V2)
        daemon.look()
        daemon.put_back(before)
        daemon.look()
        assert daemon.ranges() == [(FIRST, FIRST)] * 2
        assert daemon.cursor() != before

    def test_a_daemon_that_is_killed_loses_no_file_and_asks_for_none_twice(self, daemon, files):
        # Without this one, the first look would ask for all of October at once.
        (files.folder / SECOND).mkdir()
        (files.folder / SECOND / "closed.csv").symlink_to(files.folder / "nowhere")
        files.put(FIRST)
        files.put(THIRD)
        daemon.look(killed_at="RUN_CREATED")
        assert len(daemon.ranges()) == 1
        daemon.look()
        daemon.look()
        assert sorted(daemon.ranges()) == [(FIRST, FIRST), (THIRD, THIRD)]


@pytest.mark.slow
def test_what_was_published_is_exported_once(tmp_path, instance, yts):
    yts.movies_listed = [movie(1, "2025-10-30T12:00:00")]
    settings = load(data_dir=tmp_path, exports={"delta_url": str(tmp_path / "delta")})
    platform = Platform(settings, instance, lambda: yts)
    repository = platform.defs.get_repository_def()
    sensor = repository.get_sensor_def("exports")
    context = dg.build_sensor_context(instance, repository_def=repository)
    assert not sensor.evaluate_tick(context).run_requests, "nothing is published yet"
    run = platform.run("2025-10-30", publish=True)
    told = sensor.evaluate_tick(dg.build_sensor_context(instance, repository_def=repository))
    assert [request.run_key for request in told.run_requests or ()] == [run.run_id]


POSTGRES = "postgresql://user:password@host/movies"


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({}, set()),
        ({"exports": {"parquet_url": "/nowhere"}}, {"serving_parquet"}),
        ({"exports": {"delta_url": "/nowhere"}}, {"serving_delta"}),
        ({"postgres_url": POSTGRES}, {"serving_postgres"}),
        ({"powerbi": {"dataset_id": "a"}}, {"serving_powerbi"}),
        (
            {"postgres_url": POSTGRES, "powerbi": {"dataset_id": "a"}},
            {"serving_postgres", "serving_powerbi"},
        ),
    ],
)
def test_only_targets_that_are_set_are_there(tmp_path, where, expected):
    repository = build_defs(load(data_dir=tmp_path, **where)).get_repository_def()
    groups = {node.group_name for node in repository.asset_graph.asset_nodes}
    assert {group for group in groups if group and group.startswith("serving_")} == expected
    assert repository.has_job("export") == bool(expected)
    assert repository.has_sensor_def("exports") == bool(expected)
