"""A red run ends its log with the reason, three rows and the fix."""

import json
import logging
from pathlib import Path

import dagster as dg
import pytest

from movies_assets.orchestration import summary
from movies_assets.orchestration.executor import LONGEST_ENDING, shortened
from movies_assets_tests.conftest import arrive_unknown_ott, movie
from movies_assets_tests.faults.test_interruption import EXECUTE, Home

DAY = "2025-10-31"


def test_an_ending_has_at_most_ten_lines():
    assert shortened(["a"] * LONGEST_ENDING) == ["a"] * LONGEST_ENDING
    long = shortened([str(n) for n in range(30)])
    assert len(long) == LONGEST_ENDING
    assert long[-1] == "(21 more lines: see the checks of the run)"


def test_a_blocking_check_logs_its_verdict_with_three_rows_and_the_fix(platform, yts):
    yts.movies_listed = [movie(n, f"{DAY}T12:00:00", rating=11) for n in range(1, 9)]
    result = platform.run(DAY, raise_on_error=False)
    ending = summary.failures_of(platform.instance, result.run_id)
    assert ending[0].startswith(
        "silver.yts_movies quarantine: 8 rows: rating more than 10, such as 11"
    )
    assert [line.split("=")[0] for line in ending[1:4]] == ["  broken_rules"] * 3
    assert "Fix the source or the rule" in ending[4]
    assert len(ending) == 5
    logged = platform.instance.all_logs(result.run_id)
    errors = [entry.user_message for entry in logged if entry.level == logging.ERROR]
    assert any(error.startswith(ending[0]) for error in errors)


@pytest.mark.slow
def test_a_run_before_the_first_day_ends_with_a_sentence_before_anything_is_fetched(tmp_path: Path):
    home = Home(tmp_path)
    home.environment["MOVIES_YTS__FIRST_DAY"] = "2999-01-01"
    tags = json.dumps({"dagster/partition": DAY})
    assert home.run([*EXECUTE, "-j", "yts_daily", "--tags", tags]) == 1
    log = home.log.read_text()
    assert "the first one is 2999-01-01, and the clock of this machine shows 2" in log
    assert "STEP_START" not in log


@pytest.mark.slow
def test_the_log_of_a_red_run_ends_with_the_reason_whoever_reads_it(tmp_path: Path):
    home = Home(tmp_path)
    arrive_unknown_ott(tmp_path / "data" / "landing", DAY)
    tags = json.dumps({"dagster/partition": DAY})
    code = home.run([*EXECUTE, "-j", "ott_files", "--tags", tags])
    assert code == 1
    end = home.log.read_text().splitlines()[-LONGEST_ENDING:]
    assert any(line.startswith("silver.ott_titles completeness: ") for line in end)
    assert "`Stars` looks like `imdb_score`" in "".join(end)
    assert "python -m movies_assets accept silver.ott_titles" in end[-1]
    assert [run.status for run in home.runs()] == [dg.DagsterRunStatus.FAILURE]
