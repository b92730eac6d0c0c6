"""Every command of the docs runs as it is written, on days that were never run before.

They are read from the pages, so that a new one is tested by itself. Some pages are one story, which
a test runs as a whole: here, or in test_bring_your_own_file.py.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from movies_assets.definitions import TABLES, build_defs
from movies_assets.orchestration.partitions import partitions_def
from movies_assets.settings import PROJECT_ROOT, Settings
from movies_assets_tests.once import folder_of_all_workers

PAGES = [
    PROJECT_ROOT / "README.md",
    PROJECT_ROOT / "CONTRIBUTING.md",
    *(
        page
        for page in sorted((PROJECT_ROOT / "docs").rglob("*.md"))
        if page.parent.name != "decisions"
    ),
]
STORIES = {"add-a-column.md", "add-a-source.md", "bring-your-own-file.md"}
ADD_A_COLUMN = PROJECT_ROOT / "docs" / "tutorials" / "add-a-column.md"
BLOCK = re.compile(r"^ *```sh\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
FENCED = re.compile(r"^ *```.*?^ *```$", re.DOTALL | re.MULTILINE)
IN_THE_TEXT = re.compile(r"`((?:dagster|python -m movies_assets|make run) [^`]+)`")
# Days that no command of the docs names, so that those that it names were never run.
RUN_BEFORE = "2025-10-20"
SHOWN = 100
EXECUTE = "dagster job execute -m movies_assets.definitions"
OF_MAKE = re.compile(r'make run JOBS="(.*)"')
# Lines that are not run here: .ci/run runs what make has, dashboard/test_api.py what curl asks;
# others serve until they are ended, write into the project, or are parts of commands.
NOT_RUN = re.compile(
    r"^(make .*|git clone .*|curl .*|.* netflix-server .*|.*'ALTER TABLE \.\.\.'.*"
    r"|cd movies_assets\b.*"
    r"|python -m movies_assets (powerbi|accept|reference|mcp)"
    r"|dagster (dev|job execute|asset materialize))$",
    re.MULTILINE,
)
# What a reader puts in, and fewer rows.
PUT_IN = {
    "RUN_ID": "$(dagster run list --limit 1 | sed -n 's/^Run: //p')",
    "DIR": "titles",
    "100000": "1000",
}
# What has to be there before a command makes sense, by a part of the command.
UNAUDITED = f"""{sys.executable} -c "
from movies_assets.definitions import open_warehouse
from movies_assets.settings import load
from movies_assets.core.window import Window
from movies_assets.warehouse.audit_log import record_write
warehouse = open_warehouse(load())
with warehouse.session() as connection, warehouse.transaction(connection):
    window = Window(first='2025-10-30', last='2025-10-30')
    record_write(connection, 'silver.yts_movies', window, 'run')
"
"""
CRAWL = """echo '{"ops": {"bronze__yts_movies": {"config": {"fetch": "crawl"}}}}' >crawl.json\n"""
BEFORE = {
    " accept ": UNAUDITED,
    "crawl.json": CRAWL,
}


def commands() -> list[Any]:
    """Return what is run together: a block, or all commands in the text of a page."""
    found = [(page.name, lines) for page in PAGES for lines in _of_page(page)]
    runnable = [(name, NOT_RUN.sub("", without_make(lines))) for name, lines in found]
    return [
        pytest.param(lines.strip(), id=f"{name}: {' '.join(lines.split())[:SHOWN]}")
        for name, lines in runnable
        if lines.strip()
    ]


def without_make(lines: str) -> str:
    """Return commands with the one that `make run` runs; make itself would install."""
    return OF_MAKE.sub(r"python -m movies_assets run \1", lines)


def _of_page(page: Path) -> list[str]:
    text = page.read_text(encoding="utf-8")
    in_the_text = [" ".join(each.split()) for each in IN_THE_TEXT.findall(FENCED.sub("", text))]
    blocks = [] if page.name in STORIES else BLOCK.findall(text)
    return [*blocks, "\n".join(dict.fromkeys(in_the_text))]


def test_commands_are_found():
    found = "\n".join(block for parameters in commands() for block in parameters.values)
    for part in (
        "-j yts_daily",
        "--select 'group:yts'",
        "dagster schedule start",
        "--job ott_files 1",
    ):
        assert part in found


def store(home: Path) -> None:
    """Run a day of some sources in a folder that is a checkout's."""
    for name in ("dagster.yaml", "workspace.yaml"):
        shutil.copy(PROJECT_ROOT / name, home)
    (home / ".venv").symlink_to(sys.prefix)
    for job in ("yts_daily", "netflix_daily", "ott_daily"):
        run(home, f"""{EXECUTE} -j {job} --tags '{{"dagster/partition": "{RUN_BEFORE}"}}'""")


def run(home: Path, script: str, package: Path = PROJECT_ROOT) -> str:
    """Run a script as a reader does: in the checkout, its environment activated."""
    programs = Path(sys.executable).parent
    variables = {
        "PATH": f"{home}:{programs}:{os.environ['PATH']}",
        "PYTHONPATH": str(package),
        "PYTHONWARNINGS": "ignore",
        "DAGSTER_HOME": str(home),
        "MOVIES_DATA_DIR": str(home / "data"),
        "MOVIES_WAREHOUSE__THREADS": "1",  # as in all tests
    }
    ours = {name: value for name, value in os.environ.items() if not name.startswith("MOVIES_")}
    done = subprocess.run(  # noqa: S603 (the commands of our own pages)
        ["/bin/bash", "-eo", "pipefail", "-c", script],
        cwd=home,
        env=ours | variables,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, f"{script}\n{(done.stdout + done.stderr)[-6_000:]}"
    return done.stdout


@pytest.fixture
def checkout(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    stored = folder_of_all_workers(tmp_path_factory, "run_before", store)
    folder = tmp_path / "checkout"
    shutil.copytree(stored, folder, symlinks=True)
    # The environment has the library, and not its command line.
    shell = folder / "duckdb"
    shell.write_text(
        f"#!{sys.executable}\nimport duckdb, sys\n"
        "assert duckdb.connect(sys.argv[2], read_only=True).sql('FROM meta.snapshot').fetchall()\n"
    )
    shell.chmod(0o755)
    return folder


def not_audited(checkout: Path) -> list[object]:
    """Return the writes that keep the warehouse from being published."""
    with duckdb.connect(str(checkout / "data/warehouse/movies.duckdb"), read_only=True) as stored:
        return stored.execute("FROM audit.unaudited").fetchall()


def before(block: str) -> str:
    """Return the commands without which a block makes no sense."""
    script = "".join(text for part, text in BEFORE.items() if part in block)
    # Tables below bronze are made of the bronze that is stored.
    if '"silver/yts_movies"+' in block:
        script += block.replace('"silver/yts_movies"+', '"bronze/yts_movies"') + "\n"
    return script


@pytest.mark.slow
@pytest.mark.parametrize("block", commands())
def test_a_command_runs_and_leaves_nothing_that_is_not_audited(checkout, block):
    for place, value in PUT_IN.items():
        block = re.sub(rf"\b{place}\b", lambda _, value=value: value, block)
    run(checkout, before(block) + block)
    assert not_audited(checkout) == []


@pytest.mark.slow
def test_the_tutorial_adds_a_column(tmp_path):
    for name in ("dagster.yaml", "workspace.yaml"):
        shutil.copy(PROJECT_ROOT / name, tmp_path)
    shutil.copytree(PROJECT_ROOT / "movies_assets", tmp_path / "movies_assets")
    (tmp_path / ".venv").symlink_to(sys.prefix)
    page = ADD_A_COLUMN.read_text(encoding="utf-8")
    (change,) = re.findall(r"^```diff\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    (tmp_path / "change.diff").write_text(change, encoding="utf-8")
    first, *others = BLOCK.findall(page)
    run(tmp_path, without_make(first), tmp_path)
    printed = run(tmp_path, "".join(["git apply change.diff\n", *others]), tmp_path)
    # After the run of one day the others have no value.
    assert re.search(r"2025-10-30 +│ NULL +│", printed)
    assert re.search(r"2025-10-31 +│ true +│", printed)
    with duckdb.connect(str(tmp_path / "data/warehouse/movies.duckdb"), read_only=True) as stored:
        assert stored.execute("SELECT count(*) = count(has_trailer) FROM gold.dim_movie").fetchone()


# A command of backfill.md is that of YTS.
GROUPS = sorted({table.group for table in TABLES.values() if table.partitions} - {"yts"})


def materialize(selection: str, first: str, last: str) -> str:
    """Return the command that materializes a selection for a range."""
    return (
        f"dagster asset materialize -m movies_assets.definitions --select '{selection}' "
        f"--partition-range {first}...{last}\n"
    )


@pytest.mark.slow
@pytest.mark.parametrize("group", GROUPS)
def test_a_group_is_complete_in_itself(checkout, group):
    (keys,) = {
        tuple(partitions_def(table.partitions, Settings()).get_partition_keys()[-28:-25])
        for table in TABLES.values()
        if table.group == group and table.partitions
    }
    run(checkout, materialize(f"group:{group}", keys[0], keys[-1]))
    assert not_audited(checkout) == []


@pytest.mark.slow
@pytest.mark.parametrize("fact", ["gold/fact_movies", "gold/netflix_fact_titles"])
def test_a_table_is_complete_with_its_upstream_in_an_empty_warehouse(tmp_path, fact):
    shutil.copy(PROJECT_ROOT / "dagster.yaml", tmp_path)
    days = ("2025-10-04", "2025-10-06")
    run(tmp_path, materialize(f'+key:"{fact}"', *days) + f"{EXECUTE} -j publish")
    snapshot = run(tmp_path, "python -m movies_assets published").strip()
    with duckdb.connect(snapshot, read_only=True) as published:
        assert published.execute(f"FROM {fact.replace('/', '.')}").fetchall()


@pytest.mark.slow
def test_a_table_is_complete_alone_where_its_upstream_is_stored(checkout):
    fact, days = 'key:"gold/fact_movies"', ("2025-10-04", "2025-10-06")
    run(checkout, materialize(f"group:yts and not {fact}", *days) + materialize(fact, *days))
    assert not_audited(checkout) == []


def test_every_asset_can_be_part_of_a_range():
    """Dagster refuses a range over a selection in which any asset lacks the policy."""
    graph = build_defs(Settings()).resolve_asset_graph()
    policies = {node.backfill_policy for node in graph.asset_nodes}
    assert policies == {dg.BackfillPolicy.single_run()}


def test_what_is_above_a_table_is_of_one_kind_of_partitions(subtests):
    """Otherwise Dagster runs no selection of a table with its upstream.

    Those that read all sources follow the jobs of the sources.
    """
    for table in (each for each in TABLES.values() if each.group not in {"quality", "titles"}):
        with subtests.test(table=table.name):
            above, reached = set[str](), {table.name}
            while reached:
                above |= reached
                reached = (
                    set[str]().union(*(TABLES[name].upstream() for name in reached)) & TABLES.keys()
                )
                reached -= above
            assert len({TABLES[name].partitions for name in above} - {None}) <= 1
