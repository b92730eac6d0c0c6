"""The project's files agree with each other, and the code keeps its own rules."""

import ast
import configparser
import os
import re
import subprocess
import sys
import tomllib

import pytest
import yaml

from movies_assets.settings import PROJECT_ROOT, load

MODULES = sorted((PROJECT_ROOT / "movies_assets").rglob("*.py"))


def test_workspace_pyproject_and_makefile_name_the_same_module():
    (location,) = yaml.safe_load((PROJECT_ROOT / "workspace.yaml").read_text())["load_from"]
    dagster = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())["tool"]["dagster"]
    make = re.findall(r"^MODULE := (.+)$", (PROJECT_ROOT / "Makefile").read_text(), re.MULTILINE)
    assert location["python_module"]["module_name"] == dagster["module_name"]
    assert location["python_module"]["location_name"] == dagster["code_location_name"]
    assert make == [dagster["module_name"]]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PROJECT_ROOT)))
def test_a_module_says_what_belongs_in_it(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    if path.name == "__init__.py" and path.parent.name != "movies_assets":
        assert len(tree.body) == 1, "a package's __init__ holds a docstring only"


def test_dagster_keeps_its_files_below_its_home_whatever_the_working_directory(tmp_path):
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    (home / "dagster.yaml").write_text((PROJECT_ROOT / "dagster.yaml").read_text())
    code = "import dagster; dagster.DagsterInstance.get().get_runs_count()"
    subprocess.run(  # noqa: S603 (our own command)
        [sys.executable, "-c", code],
        cwd=elsewhere,
        env={**os.environ, "DAGSTER_HOME": str(home)},
        check=True,
    )
    assert list(elsewhere.iterdir()) == []
    assert (home / "history" / "runs.db").exists()


def test_a_run_may_take_longer_than_any_client_may_ask_its_source():
    instance = yaml.safe_load((PROJECT_ROOT / "dagster.yaml").read_text())
    most = instance["run_monitoring"]["max_runtime_seconds"]
    settings = load()
    sources = (settings.yts, settings.imdb, settings.netflix, settings.omdb, settings.ott)
    assert all(source.max_seconds < most for source in sources)


def test_the_lock_file_names_every_direct_dependency():
    setup = configparser.ConfigParser()
    setup.read(PROJECT_ROOT / "setup.cfg")
    wanted = setup["options"]["install_requires"] + setup["options.extras_require"]["dev"]
    names = {re.match(r"[\w.-]+", line)[0] for line in wanted.split() if line[0].isalpha()}
    locked = re.findall(
        r"^([\w.-]+)==", (PROJECT_ROOT / "requirements.lock").read_text(), re.MULTILINE
    )
    assert {"duckdb", "ruff", "setuptools"} <= names
    assert names - {"movies_assets"} <= set(locked), "run `make lock`"
