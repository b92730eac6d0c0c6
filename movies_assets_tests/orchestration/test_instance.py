"""Dagster's history is made by one process at a time, and repaired where two have made it."""

import json
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.storage.sqlite import LAST_KNOWN_STAMPED_SQLITE_ALEMBIC_REVISION

from movies_assets.orchestration.instance import DATABASES, ORIGIN, DagsterHistoryError, Instance
from movies_assets.settings import PROJECT_ROOT
from movies_assets_tests.faults.test_interruption import EXECUTE, Home


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "dagster.yaml").write_bytes((PROJECT_ROOT / "dagster.yaml").read_bytes())
    return tmp_path


def opened(home: Path) -> int:
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert isinstance(instance, Instance)
        return instance.get_runs_count()


def versions(database: Path) -> list[str]:
    with closing(sqlite3.connect(database)) as connection:
        found = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    return [version for (version,) in found]


@pytest.mark.slow
@pytest.mark.parametrize("name", DATABASES)
def test_a_history_that_two_processes_have_made_at_once_is_repaired(home, name):
    opened(home)
    [newest] = versions(home / name)
    with closing(sqlite3.connect(home / name)) as connection, connection:
        older = [LAST_KNOWN_STAMPED_SQLITE_ALEMBIC_REVISION]
        connection.execute("INSERT INTO alembic_version VALUES (?)", older)
    assert opened(home) == 0
    assert versions(home / name) == [newest]


def test_a_history_that_cannot_be_read_is_named_with_the_fix(home):
    opened(home)
    (home / DATABASES[0]).write_bytes(b"no database" * 1000)
    with pytest.raises(DagsterHistoryError, match=r"history/runs\.db cannot be read .* move the"):
        opened(home)


@pytest.mark.slow
def test_three_commands_that_start_at_once_in_an_empty_home_all_run(tmp_path):
    home = Home(tmp_path)
    tags = json.dumps({"dagster/partition": "2025"})
    command = [*EXECUTE, "-j", "omdb_yearly", "--tags", tags]
    with home.log.open("w") as log:
        processes = [
            subprocess.Popen(command, stdout=log, stderr=log, env=home.environment)  # noqa: S603
            for _ in range(3)
        ]
        codes = [process.wait() for process in processes]
    assert codes == [0, 0, 0], home.log.read_text()[-5000:]
    assert [run.status for run in home.runs()] == [dg.DagsterRunStatus.SUCCESS] * 3
    assert len(versions(tmp_path / "home" / DATABASES[0])) == 1


@dg.job
def empty() -> None:
    pass


@pytest.mark.parametrize(
    ("arguments", "label"),
    [
        (["dagster", "job", "execute", "-m", "module"], "__repository__@movies_assets"),
        (["pytest"], None),
    ],
)
def test_the_run_of_a_command_is_filed_under_the_code_location(home, monkeypatch, arguments, label):
    monkeypatch.setattr("sys.argv", arguments)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        run = instance.create_run_for_job(empty)
        assert run.tags_for_storage().get(".dagster/repository") == label
        of_location = dg.RunsFilter(job_name="empty", tags={".dagster/repository": label or ""})
        assert instance.get_runs_count(of_location) == bool(label)
        if label:
            assert run.remote_job_origin.job_name == "empty"


def test_the_code_location_is_that_of_the_workspace():
    (location,) = yaml.safe_load((PROJECT_ROOT / "workspace.yaml").read_text())["load_from"]
    assert ORIGIN.code_location_origin.location_name == location["python_module"]["location_name"]
