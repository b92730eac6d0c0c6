"""`make run` executes several jobs in one process, each as a run that Dagster records."""

import io
import sys
from collections.abc import Iterator

import dagster as dg
import pytest
from click.testing import CliRunner
from rich.console import Console

from movies_assets.__main__ import main
from movies_assets.orchestration import summary
from movies_assets.orchestration.instance import ORIGIN
from movies_assets.orchestration.publishing.published import LATER
from movies_assets.orchestration.running import StepProgress, runs_of
from movies_assets_tests.conftest import arrive_unknown_ott, movie
from movies_assets_tests.faults.test_interruption import OURS, Home

DAY = "2025-10-31"


@pytest.fixture
def instance(tmp_path):
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        yield instance


@dg.asset
def first(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    context.log.info("a line of the log")
    print("a printed line")  # noqa: T201
    return dg.MaterializeResult(metadata={"rows": 12_345})


@dg.asset(deps=[first])
def second() -> None:
    print("an error", file=sys.stderr)  # noqa: T201


@dg.asset(deps=[second])
def broken() -> None:
    raise dg.Failure("it broke")


@dg.asset(deps=[second])
def written() -> Iterator[dg.MaterializeResult]:
    yield dg.MaterializeResult(metadata={"rows": 1})
    raise dg.Failure("it broke when it was written")


DEFINITIONS = dg.Definitions(
    [first, second, broken, written],
    jobs=[
        dg.define_asset_job("good", [first, second]),
        dg.define_asset_job("bad", [first, second, broken]),
        dg.define_asset_job("late", [first, second, written]),
    ],
    executor=dg.in_process_executor,
)


def executed(instance, tmp_path, job):
    """Execute the run of a job; return whether it succeeded, what was shown, and its log."""
    shown = Console(file=io.StringIO(), width=100)
    (run,) = runs_of(DEFINITIONS, {job: ()}, tmp_path / "logs")
    with StepProgress(shown, [run]) as progress:
        has_succeeded = run.execute(instance, progress)
    return has_succeeded, shown.file.getvalue(), run.log.read_text()


def test_each_job_is_a_run_that_dagster_files_under_the_code_location(instance, tmp_path):
    assert executed(instance, tmp_path, "good")[0]
    (run,) = instance.get_runs()
    assert run.status == dg.DagsterRunStatus.SUCCESS
    assert run.remote_job_origin == ORIGIN.get_job_origin("good")
    assert len(instance.get_records_for_run(run.run_id).records) > 10


def test_what_a_run_prints_is_in_its_log_and_not_on_the_terminal(instance, tmp_path, capfd):
    _, shown, log = executed(instance, tmp_path, "good")
    for text in ("a line of the log", "a printed line", "an error"):
        assert text in log
        assert text not in shown
    assert capfd.readouterr() == ("", "")


def test_each_asset_is_a_line_with_what_is_done_its_seconds_and_its_rows(instance, tmp_path):
    _, shown, _ = executed(instance, tmp_path, "good")
    lines = [line.split() for line in shown.splitlines()]
    assert [(line[0], line[-1]) for line in lines] == [("1/2", "first"), ("2/2", "second")]
    assert lines[0][3:5] == ["12,345", "rows"]
    assert "rows" not in lines[1]


def test_a_terminal_shows_one_line_with_the_step_and_what_is_done(instance, tmp_path):
    console = Console(file=io.StringIO(), width=100, force_terminal=True)
    (run,) = runs_of(DEFINITIONS, {"good": ()}, tmp_path / "logs")
    with StepProgress(console, [run]) as progress:
        run.execute(instance, progress)
        (task,) = progress._progress.tasks
        assert (task.description, task.completed, task.total) == ("second", 2, 2)
    shown = console.file.getvalue()
    assert "steps, about" in shown
    assert "12,345" not in shown


def test_a_run_that_fails_is_recorded_as_failed(instance, tmp_path):
    has_succeeded, _, log = executed(instance, tmp_path, "bad")
    assert not has_succeeded
    assert "it broke" in log
    (run,) = instance.get_runs()
    assert run.status == dg.DagsterRunStatus.FAILURE


def test_an_error_of_dagster_itself_is_in_the_log_too(instance, tmp_path, monkeypatch):
    def fail(*_):
        raise RuntimeError("no space left")

    monkeypatch.setattr(StepProgress, "see", fail)
    has_succeeded, _, log = executed(instance, tmp_path, "good")
    assert not has_succeeded
    assert "RuntimeError: no space left" in log
    (run,) = instance.get_runs()
    assert run.status == dg.DagsterRunStatus.FAILURE


def test_an_asset_that_fails_after_it_was_written_has_no_line(instance, tmp_path):
    _, shown, _ = executed(instance, tmp_path, "late")
    assert [line.split()[-1] for line in shown.splitlines()] == ["first", "second"]


def test_only_the_last_run_publishes(platform, tmp_path):
    days = ("2025-10-30", DAY)
    jobs = {"yts_daily": days, "imdb_daily": days, "evaluate_recommendations": ()}
    runs = runs_of(platform.defs, jobs, tmp_path)
    later = [LATER.items() <= run.tags.items() for run in runs]
    assert later == [True, True, False]
    assert runs[0].tags["dagster/asset_partition_range_start"] == "2025-10-30"
    assert runs[0].tags["dagster/asset_partition_range_end"] == DAY
    assert runs[2].tags == {}
    assert str(runs[0]) == "yts_daily for 2025-10-30 to 2025-10-31"


def test_without_a_dagster_home_one_plain_line_says_what_to_set(monkeypatch):
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    result = CliRunner().invoke(main, ["run", "--job", "yts_daily", "1"])
    assert result.exit_code == 1
    assert result.output.startswith("Error: DAGSTER_HOME is not set")


def test_a_job_without_partitions_that_does_not_exist_is_one_plain_line(monkeypatch, tmp_path):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    result = CliRunner().invoke(main, ["run", "--job", "unknown", "0"])
    assert result.exit_code == 1
    assert result.output.startswith("Error: Could not find job 'unknown'")


def test_the_end_is_about_ten_lines_that_name_what_to_open(platform, yts):
    yts.movies_listed = [movie(1, f"{DAY}T12:00:00"), movie(2, f"{DAY}T13:00:00", rating=11)]
    platform.run(DAY, raise_on_error=False)
    console = Console(file=io.StringIO(), width=100, highlight=False)
    summary.show_end(platform.settings, platform.instance, console, "1 runs in 2 s")
    lines = console.file.getvalue().strip().splitlines()
    assert len(lines) <= 12
    starts = [line.split()[0] for line in lines]
    assert {"Done", "Checks", "Quarantine", "Database", "Published", "UI", "Dashboard"} <= {*starts}
    assert "make dashboard, then open http://127.0.0.1:8080" in lines[-1]


@pytest.mark.slow
def test_the_command_runs_jobs_one_after_the_other(tmp_path):
    home = Home(tmp_path)
    assert home.run([*OURS, "2", "--job", "omdb_yearly", "1"]) == 0
    assert "Done        2 runs in" in home.log.read_text()
    assert [run.job_name for run in home.runs()] == ["omdb_yearly", "yts_daily"]


@pytest.mark.slow
def test_the_command_shows_why_a_run_failed_and_does_not_begin_the_next(tmp_path):
    home = Home(tmp_path)
    arrive_unknown_ott(tmp_path / "data" / "landing", DAY)
    command = [*OURS[:-2], "--job", "ott_files", "1", "--job", "omdb_yearly", "1"]
    assert home.run(command) == 1
    shown = home.log.read_text()
    assert "The run failed after" in shown
    assert "logs/ott_files.log" in shown
    assert "ott_titles" in shown
    assert [run.job_name for run in home.runs()] == ["ott_files"]
