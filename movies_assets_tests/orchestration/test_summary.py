"""What `make run` and `make summary` say."""

import io
import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from functools import partial

import pytest
from click.testing import CliRunner
from rich.console import Console

from movies_assets.__main__ import main, newest_days
from movies_assets.orchestration import summary
from movies_assets.settings import PROJECT_ROOT, load
from movies_assets.sources.yts.partitions import yts_days
from movies_assets.sources.yts.source import SOURCE as YTS
from movies_assets.warehouse.database import WarehouseError
from movies_assets.warehouse.published import Published
from movies_assets_tests.conftest import Platform, movie


def shown(platform, width=80):
    console = Console(file=io.StringIO(), width=width, highlight=False)
    summary.show(platform.settings, platform.instance, console)
    return console.file.getvalue()


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """Let the commands work on an empty data directory, without a Dagster instance."""
    monkeypatch.setenv("MOVIES_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    return tmp_path


def test_the_summary_counts_tables_and_checks_and_says_where_to_go_on(platform, yts):
    yts.movies_listed = [movie(1, "2025-10-30T12:00:00"), movie(2, "2025-10-30T13:00:00", id=-5)]
    platform.run("2025-10-30", raise_on_error=False)
    text = shown(platform)
    words = " ".join(text.split())
    assert "bronze.yts_movies 2 silver.yts_movies 1 gold.dim_date 1" in words
    assert "quarantine.yts_movies 1" in words
    assert "8 passed, 0 warned, 1 failed in the newest yts_daily run (failure)" in words
    assert "failed: silver.yts_movies quarantine: 1 row: movie_id less than 1." in words
    assert "Quarantine 1 rows" in words
    assert str(platform.settings.database) in text
    assert "Published nothing yet" in words
    assert "Not audited: silver.yts_movies 2025-10-30" in words
    assert summary.UI in text


@pytest.mark.slow
def test_the_summary_names_red_days_of_any_run_until_they_are_done(platform, yts):
    yts.movies_listed = [movie(1, "2025-08-30T12:00:00", id=-5)]
    # As a backfill of the UI runs them.
    red = platform.run(
        "2025-08-29",
        "2025-08-30",
        job="__ASSET_JOB",
        select=["bronze/yts_movies", "silver/yts_movies"],
        raise_on_error=False,
    )
    platform.run("2025-10-31")
    assert (
        "Unfinished  yts_daily 2025-08-29...2025-08-30: the blocking checks of silver.yts_movies "
        f"have not passed (run {red.run_id[:8]}). If its schedule is on, it requests them again"
    ) in shown(platform)
    yts.movies_listed = []
    platform.run("2025-08-29", "2025-08-30")
    assert "Unfinished" not in shown(platform)


@pytest.mark.slow
def test_the_summary_names_what_is_published(platform, yts):
    yts.movies_listed = [movie(1, "2025-10-30T12:00:00")]
    platform.run("2025-10-30", publish=True)
    text = shown(platform)
    assert str(Published(platform.settings.published_folder).current()) in text
    assert "Not audited" not in text


@pytest.mark.slow
def test_the_best_movies_have_an_order_that_does_not_depend_on_chance(platform, yts):
    yts.movies_listed = [
        movie(1, "2025-10-30T12:00:00", title="Beta", rating=8.0, genres=["Drama", "Action"]),
        movie(2, "2025-10-30T12:00:00", title="Alpha", rating=8.0, year=1999),
        movie(3, "2025-10-30T12:00:00", title="Gamma", rating=9.1),
        movie(4, "2025-10-30T12:00:00", title="Unrated", rating=0),
        *(movie(n, "2025-10-30T12:00:00", title=f"Many {n}", rating=1.0) for n in range(10, 30)),
    ]
    platform.run("2025-10-30")
    lines = shown(platform).split("Ten best movies")[1].splitlines()
    assert [line.split()[:2] for line in lines[1:4]] == [
        ["Gamma", "2020"],
        ["Alpha", "1999"],
        ["Beta", "2020"],
    ]
    assert "Action, Drama" in lines[3]
    assert lines[10].startswith("Many")
    assert not lines[11].strip()
    assert "Unrated" not in "".join(lines)


@pytest.mark.slow
def test_releases_are_counted_by_year_and_type_the_newest_first(sample_platform):
    sample_platform.run("2024", "2025", job="omdb_yearly")
    lines = shown(sample_platform).split("Releases by year")[1].splitlines()
    assert lines[0].split() == ["Movies", "Series", "Games"]
    counted = sample_platform.sql(
        "PIVOT (SELECT release_year, media_type, total_releases FROM gold.omdb_releases) "
        "ON media_type IN ('movie', 'series', 'game') USING sum(total_releases) "
        "GROUP BY release_year ORDER BY release_year DESC LIMIT 2"
    )
    assert [tuple(map(int, line.split())) for line in lines[1:3]] == counted


@pytest.mark.slow
def test_the_summary_fits_a_narrow_page(platform, yts):
    yts.movies_listed = [movie(1, "2025-10-30T12:00:00", title="A title " * 30)]
    platform.run("2025-10-30")
    prose = [line for line in shown(platform).splitlines() if not line.startswith("Database")]
    assert max(map(len, prose)) <= 80


def test_a_failed_run_is_reported_by_the_error_at_its_root(platform, yts):
    yts.movies_listed, yts.fail_after = [movie(1, "2025-10-30T12:00:00")], 0
    result = platform.run("2025-10-30", raise_on_error=False)
    (reason,) = summary.failures_of(platform.instance, result.run_id)
    assert reason == "bronze.yts_movies: ConnectionError: the source went away"


@pytest.mark.slow
def test_a_run_that_a_check_stopped_is_reported_by_the_finding_of_the_check(platform, yts):
    yts.movies_listed = [movie(1, "2025-10-30T12:00:00", id=-5)]
    result = platform.run("2025-10-30", raise_on_error=False)
    reason, row, fix = summary.failures_of(platform.instance, result.run_id)
    assert reason.startswith("silver.yts_movies quarantine: 1 row: movie_id less than 1")
    assert "broken_rules=movie_id: less than 1" in row
    assert "The rows are kept in quarantine.yts_movies" in fix


@pytest.mark.usefixtures("elsewhere")
def test_without_a_warehouse_the_summary_says_so(platform):
    with pytest.raises(WarehouseError, match="no warehouse at"):
        shown(platform)
    result = CliRunner().invoke(main, ["summary"])
    assert result.exit_code == 1
    assert "there is no warehouse at" in result.output
    assert "Traceback" not in result.output


@pytest.mark.usefixtures("elsewhere")
def test_a_wrong_setting_is_one_plain_line(monkeypatch):
    monkeypatch.setenv("MOVIES_YTS__SAMPLE_MOVIES", "many")
    result = CliRunner().invoke(main, ["summary"])
    assert result.exit_code == 1
    assert result.output.startswith("Error: settings are not valid: MOVIES_YTS__SAMPLE_MOVIES")


def test_the_newest_days_end_with_the_last_day_of_the_sample():
    settings = load(sample={"last_day": date(2024, 3, 1)})
    assert newest_days(settings, "yts_daily", 30) == ("2024-02-01", "2024-03-01")
    assert newest_days(settings, "yts_daily", 10**6) == (
        yts_days.first(settings).isoformat(),
        "2024-03-01",
    )
    first, last = newest_days(load(profile="live"), "yts_daily", 2)
    assert date.fromisoformat(last) - date.fromisoformat(first) == timedelta(days=1)


def test_todays_dumps_of_imdb_are_the_newest():
    assert (
        newest_days(load(profile="live"), "imdb_daily", 1) == (str(datetime.now(UTC).date()),) * 2
    )


@pytest.mark.slow
def test_a_setting_that_is_not_valid_is_one_plain_line_also_at_the_first_import():
    environment = {**os.environ, "MOVIES_WAREHOUSE__MEMORY_LIMIT": "lots"}
    command = [sys.executable, "-m", "movies_assets", "summary"]
    done = subprocess.run(  # noqa: S603 (our own command)
        command, env=environment, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Error: settings are not valid: MOVIES_WAREHOUSE__MEMORY_LIMIT")
    assert done.stderr.count("\n") == 1


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize("profile", ["sample", "live"])
def test_a_clock_before_the_first_day_is_one_plain_line(monkeypatch, profile):
    monkeypatch.setenv("MOVIES_YTS__FIRST_DAY", "2999-01-01")
    monkeypatch.setenv("MOVIES_PROFILE", profile)
    result = CliRunner().invoke(main, ["run", "--job", "yts_daily", "2"])
    assert result.exit_code == 1
    assert result.output.startswith("Error: yts_daily: there is no day or year to run: the first")


@pytest.mark.usefixtures("elsewhere")
def test_a_job_that_does_not_exist_is_one_plain_line():
    result = CliRunner().invoke(main, ["run", "--job", "yts_weekly", "2"])
    assert result.exit_code == 1
    assert "there is no job yts_weekly; there are yts_daily, imdb_daily" in result.output


def check(name, *rules):
    return summary.EvaluatedCheck(name, "warned", "text", frozenset(rules))


def test_warnings_of_the_sample_are_distinguished_from_new_ones():
    (name, rules), *_ = YTS.sample_warnings.items()
    expected, new = check(name, *rules), check(name, *rules, "something: new")
    other = check("silver.yts_movies bands", "figures outside of their band")
    assert [summary.is_of_sample(found) for found in (expected, new, other)] == [True, False, False]
    said = partial(summary.counted_warnings, is_sample=True)
    assert said([expected] * 14) == "14 warnings, all part of the sample"
    assert said([expected, expected, new]) == "3 warnings, 2 part of the sample"
    assert said([new]) == "1 warning"
    assert summary.counted_warnings([expected], is_sample=False) == "1 warning"


@pytest.mark.slow
def test_a_new_warning_is_shown_in_full_and_one_of_the_sample_is_counted(
    platform, yts, monkeypatch
):
    listed = [movie(n, "2025-10-30T12:00:00") for n in range(1, 41)]
    yts.movies_listed = [*listed, movie(41, "2025-10-30T12:00:00", rating=11)]
    platform.run("2025-10-30")
    rule = "rating: more than 10"
    warning = "warned: silver.yts_movies quarantine: 1 row: rating more than 10, such as 11."
    words = " ".join(shown(platform).split())
    assert warning in words
    assert words.endswith("1 warning: make warnings")
    monkeypatch.setitem(YTS.sample_warnings, "silver.yts_movies quarantine", frozenset({rule}))
    words = " ".join(shown(platform).split())
    assert "rating more than 10" not in words
    assert words.endswith("1 warning, all part of the sample: make warnings")
    console = Console(file=io.StringIO(), width=80)
    summary.show_warnings(platform.settings, platform.instance, console)
    assert "silver.yts_movies quarantine: 1 row: rating more than 10" in console.file.getvalue()


@pytest.mark.slow
def test_brackets_in_paths_are_no_markup(yts, instance, tmp_path):
    folder = tmp_path / "[a] [bold]data"
    platform = Platform(
        load(data_dir=folder, yts={"first_day": "2025-01-01"}), instance, lambda: yts
    )
    yts.movies_listed = [movie(1, "2025-10-30T12:00:00", title="The [b] Movie")]
    platform.run("2025-10-30")
    text = shown(platform, width=200)
    assert str(platform.settings.database) in text
    assert "The [b] Movie" in text


@pytest.mark.slow
@pytest.mark.parametrize("command", [["summary"], ["warnings"]])
def test_commands_work_where_the_terminal_knows_ascii_only(platform, yts, command):
    yts.movies_listed = [
        movie(1, "2025-10-30T12:00:00", title="Bergstr\u00f6m \u2013 \uac00\U0001f3ac")
    ]
    platform.run("2025-10-30")
    environment = {
        **os.environ,
        "PYTHONIOENCODING": "ascii",
        "MOVIES_DATA_DIR": str(platform.settings.data_dir),
        "PYTHONPATH": str(PROJECT_ROOT),
    }
    environment.pop("DAGSTER_HOME", None)
    found = subprocess.run(  # noqa: S603 (our own command)
        [sys.executable, "-W", "ignore", "-m", "movies_assets", *command],
        env=environment,
        capture_output=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    assert command == ["warnings"] or b"Bergstrom - ??" in found.stdout


@pytest.mark.parametrize("home", ["/somewhere/else", None])
def test_make_lets_a_dagster_home_of_the_callers_own_win(home):
    environment = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"}
    environment |= {"DAGSTER_HOME": home} if home else {}
    printing = "include Makefile\nsummary: ; @echo $$DAGSTER_HOME\n"
    found = subprocess.run(
        ["make", "-s", "-f", "-", "-o", ".venv/installed", "summary"],  # noqa: S607
        input=printing,
        env=environment,
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == (home or str(PROJECT_ROOT))
