"""The tutorial's sixth source is its package and one line: nothing else knows it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from movies_assets.settings import PROJECT_ROOT

PAGE = PROJECT_ROOT / "docs" / "tutorials" / "add-a-source.md"
MODULE = re.compile(
    r"^`movies_assets/sources/cinemas/(\w+\.py)`\n\n```python\n(.*?)^```$", re.DOTALL | re.MULTILINE
)
FILE = re.compile(r"^```csv\n(.*?)^```$", re.DOTALL | re.MULTILINE)
DAY = "2025-10-31"
# What the line in sources/__init__.py does, and a folder outside of the repository: Python runs it
# as it starts.
SITECUSTOMIZE = """\
from movies_assets import sources
sources.__path__.append({folder!r})
sources.SOURCES = (*sources.SOURCES, "movies_assets.sources.cinemas")
"""


class Project:
    """The project with the source of the tutorial."""

    def __init__(self, folder: Path) -> None:
        page = PAGE.read_text(encoding="utf-8")
        package = folder / "sources" / "cinemas"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        for name, code in MODULE.findall(page):
            (package / name).write_text(code, encoding="utf-8")
        line = SITECUSTOMIZE.format(folder=str(package.parent))
        (folder / "sitecustomize.py").write_text(line, encoding="utf-8")
        (self.file,) = FILE.findall(page)
        self.folder, self.data = folder, folder / "data"
        home = folder / "home"
        home.mkdir()
        (home / "dagster.yaml").write_bytes((PROJECT_ROOT / "dagster.yaml").read_bytes())
        self.environment = {
            **os.environ,
            "DAGSTER_HOME": str(home),
            "MOVIES_DATA_DIR": str(self.data),
            "PYTHONPATH": os.pathsep.join([str(folder), str(PROJECT_ROOT)]),
            "PYTHONWARNINGS": "ignore",
        }

    def run(self, *command: str, **environment: str) -> str:
        """Run a command of Python; return what it printed."""
        done = subprocess.run(  # noqa: S603 (our own command)
            [sys.executable, *command],
            cwd=self.folder,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def movies_assets(self, *arguments: str, **environment: str) -> str:
        return self.run("-m", "movies_assets", *arguments, **environment)

    def ask(self, code: str, **environment: str) -> dict[str, Any]:
        """Run code that prints JSON with the source in place."""
        found: dict[str, Any] = json.loads(
            self.run("-c", f"import json\n{code}", **environment).splitlines()[-1]
        )
        return found


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("cinemas"))


@pytest.mark.slow
def test_it_brings_assets_checks_job_schedule_resource_and_settings(project):
    found = project.ask(
        "from movies_assets.definitions import defs\n"
        "repository = defs.get_repository_def()\n"
        "from movies_assets.settings import load\n"
        "keys = repository.asset_graph.get_all_asset_keys()\n"
        "checks = repository.asset_graph.asset_check_keys\n"
        "print(json.dumps({\n"
        "    'assets': sorted('.'.join(k.path) for k in keys if 'cinemas' in k.path[-1]),\n"
        "    'checks': sorted(c.name for c in checks if c.asset_key.path[-1] == 'cinemas_tickets'\n"
        "        and c.asset_key.path[0] == 'silver'),\n"
        "    'job': 'cinemas_daily' in repository.job_names,\n"
        "    'schedule': repository.has_schedule_def('cinemas_daily_schedule'),\n"
        "    'resource': 'cinema_files' in repository.get_top_level_resources(),\n"
        "    'first_day': str(load().cinemas.first_day),\n"
        "}))",
        MOVIES_CINEMAS__FIRST_DAY="2025-10-20",
    )

    assert {"bronze.cinemas_tickets", "silver.cinemas_tickets", "gold.cinemas_sales"} <= {
        *found["assets"]
    }
    assert {"contract", "conservation", "quarantine"} <= {*found["checks"]}
    assert found["job"]
    assert found["schedule"]
    assert found["resource"]
    assert found["first_day"] == "2025-10-20"


@pytest.mark.slow
def test_it_runs_with_its_checks_and_is_summed_up_and_published(project):
    landing = project.data / "landing" / "cinemas"
    landing.mkdir(parents=True)
    (landing / f"{DAY}.csv").write_text(project.file)

    end = project.movies_assets("run", "--job", "cinemas_daily", "1")
    shown = project.movies_assets("summary")

    assert re.search(r"^gold.cinemas_sales +2 *$", shown, re.MULTILINE)
    assert re.search(r"^The Long Winter +200 *$", shown, re.MULTILINE)
    assert re.search(
        r"^Checks +\d+ passed, 1 warned, 0 failed in the newest cinemas_daily run",
        shown,
        re.MULTILINE,
    )
    for text in (end, shown):
        assert "Quarantine  1 rows" in text
    published = project.movies_assets("published").strip()
    with duckdb.connect(published, read_only=True) as connection:
        asked = "SELECT title, tickets FROM gold.cinemas_sales ORDER BY title"
        assert connection.execute(asked).fetchall() == [
            ("Ice Harbour", 75),
            ("The Long Winter", 200),
        ]
    profiled = "SELECT DISTINCT table_name FROM gold.data_quality_snapshot"
    with duckdb.connect(str(project.data / "warehouse" / "movies.duckdb"), read_only=True) as held:
        assert ("gold.cinemas_sales",) in held.execute(profiled).fetchall()


def test_its_tables_are_in_the_dictionary(project):
    found = project.ask(
        "from movies_assets.serving import dictionary\n"
        "print(json.dumps({'text': dictionary.text()}))"
    )

    assert "## gold.cinemas_sales" in found["text"]
    assert "Tickets sold in all cinemas." in found["text"]
