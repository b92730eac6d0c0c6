"""The project's files agree with each other, and the code keeps its own rules."""

import ast
import configparser
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml

from movies_assets.settings import PROJECT_ROOT, load

MODULES = sorted((PROJECT_ROOT / "movies_assets").rglob("*.py"))


def test_workspace_and_pyproject_name_the_same_module():
    (location,) = yaml.safe_load((PROJECT_ROOT / "workspace.yaml").read_text())["load_from"]
    dagster = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())["tool"]["dagster"]
    assert location["python_module"]["module_name"] == dagster["module_name"]
    assert location["python_module"]["location_name"] == dagster["code_location_name"]


def test_a_module_says_what_belongs_in_it(subtests):
    for path in MODULES:
        with subtests.test(module=str(path.relative_to(PROJECT_ROOT))):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            assert ast.get_docstring(tree)
            if path.name == "__init__.py" and path.parent.name not in {"movies_assets", "sources"}:
                assert len(tree.body) == 1, "a package's __init__ holds a docstring only"


@pytest.mark.slow
def test_dagster_keeps_its_files_below_its_home_with_any_working_directory(tmp_path):
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


WORKFLOWS = sorted((PROJECT_ROOT / ".github" / "workflows").iterdir())
# A commit, and its version for people; a tag can be moved to another commit.
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_is_well_formed_reads_only_and_pins_its_actions_by_commit(path):
    text = path.read_text(encoding="utf-8")
    workflow = yaml.safe_load(text)
    # YAML takes the key `on` for a boolean.
    assert {"name", True, "permissions", "jobs"} <= {*workflow}
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] > 0
        assert all(("run" in step) != ("uses" in step) for step in job["steps"])
    used = re.findall(r"\buses:\s*(.+)", text)
    assert used
    assert [action for action in used if not PINNED.fullmatch(action)] == []


def test_the_dependencies_are_audited_every_month():
    audit = yaml.safe_load((PROJECT_ROOT / ".github" / "workflows" / "audit.yml").read_text())
    ((_, _, day, month, weekday),) = [row["cron"].split() for row in audit[True]["schedule"]]
    assert day.isdecimal()
    assert (month, weekday) == ("*", "*")
    (job,) = audit["jobs"].values()
    commands = [step["run"] for step in job["steps"] if "run" in step]
    assert any(re.search(r"pip install pip-audit==[\d.]+$", command) for command in commands)
    assert any("pip-audit --requirement requirements.lock" in command for command in commands)


@pytest.fixture
def bare_machine() -> Iterator[Path]:
    """A folder with the script, and one of the few programs that it finds; any user may enter."""
    # Not below pytest's own folder, which others than its user may not enter.
    with TemporaryDirectory() as folder:
        root, programs = Path(folder), Path(folder, "bin")
        programs.mkdir()
        for name in ("bash", "dirname", "env", "mktemp", "rm", "sh"):
            (programs / name).symlink_to(str(shutil.which(name)))
        (root / ".ci").mkdir()
        shutil.copy(PROJECT_ROOT / ".ci" / "run", root / ".ci")
        for path in (root, programs, root / ".ci"):
            path.chmod(0o755)
        yield root


def script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)


def output_of_ci(root: Path) -> str:
    """Run the script as another user than root; return what it prints before it fails."""
    user = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
    done = subprocess.run(  # noqa: S603 (our own command)
        [root / "bin" / "bash", root / ".ci" / "run"],
        env={"PATH": str(root / "bin")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        **user,
    )
    assert done.returncode
    return done.stdout


def test_ci_installs_what_is_missing_with_sudo_where_it_is_not_root(bare_machine):
    script(bare_machine / "bin" / "sudo", 'echo "sudo $*"; exec "$@"')
    script(bare_machine / "bin" / "apt-get", '[ "$1" = update ] || { echo "$*" >&2; exit 1; }')
    printed = output_of_ci(bare_machine)
    assert "sudo apt-get update" in printed
    assert re.search(r"^install .* make\b", printed, re.MULTILINE), "it went on to the installation"


def test_ci_says_what_to_do_where_it_is_neither_root_nor_has_sudo(bare_machine):
    printed = output_of_ci(bare_machine)
    assert "Run as root, or install sudo" in printed
    assert "Missing: make " in printed
