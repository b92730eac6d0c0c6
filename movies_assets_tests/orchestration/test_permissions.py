"""Only the user who runs the project reads what it writes, unless the umask is to decide."""

import logging
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from movies_assets.definitions import TABLES, open_warehouse
from movies_assets.orchestration.permissions import keep_private
from movies_assets.orchestration.publishing.delta import delta_assets
from movies_assets.orchestration.publishing.parquet import parquet_assets
from movies_assets.settings import PROJECT_ROOT, Settings, load
from movies_assets_tests.serving.conftest import publish

OPERATORS = 0o022
OTHERS = 0o077


@pytest.fixture(autouse=True)
def umask(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Begin as an operator's shell does."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    before = os.umask(OPERATORS)
    yield
    os.umask(before)


def current_umask() -> int:
    mask = os.umask(OTHERS)
    os.umask(mask)
    return mask


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def open_to_others(folder: Path) -> list[str]:
    """Return the files that others may use, without links: their mode has no meaning."""
    found = [path for path in (folder, *folder.rglob("*")) if not path.is_symlink()]
    return [str(path) for path in found if mode(path) & OTHERS]


def made(path: Path, *, is_file: bool = False) -> Path:
    """Make a folder or file, as a version of the project did that left its mode to the umask."""
    (path.parent if is_file else path).mkdir(parents=True, exist_ok=True)
    if is_file:
        path.write_text("personal", encoding="utf-8")
    return path


@pytest.mark.slow
@pytest.mark.parametrize("is_private", [True, False])
def test_nothing_that_a_run_writes_may_be_read_by_others_unless_the_umask_decides(
    tmp_path, is_private
):
    home, data = tmp_path / "dagster", tmp_path / "data"
    home.mkdir()
    (home / "dagster.yaml").write_text((PROJECT_ROOT / "dagster.yaml").read_text())
    os.umask(0o027)
    subprocess.run(
        [sys.executable, "-m", "movies_assets", "run", "--job", "ott_daily", "1"],
        cwd=PROJECT_ROOT,
        env={
            **os.environ,
            "MOVIES_DATA_DIR": str(data),
            "MOVIES_PRIVATE_FILES": str(is_private),
            "DAGSTER_HOME": str(home),
        },
        check=True,
        capture_output=True,
    )
    written = [path for path in (*data.rglob("*"), *home.rglob("*")) if path.name != "dagster.yaml"]
    names = {path.name for path in written}
    assert {"movies.duckdb", "CURRENT", "users.csv", "ott_daily.log", "runs.db"} <= names
    modes = {(path.is_dir(), mode(path)) for path in written if not path.is_symlink()}
    assert modes == (
        {(True, 0o700), (False, 0o600)} if is_private else {(True, 0o750), (False, 0o640)}
    )


@pytest.mark.slow
@pytest.mark.parametrize(("is_private", "modes"), [(True, {0o700, 0o600}), (False, {0o750, 0o640})])
def test_dagsters_history_is_private_for_every_way_to_open_its_instance(
    tmp_path, monkeypatch, is_private, modes
):
    home = tmp_path / "dagster"
    home.mkdir()
    shutil.copy(PROJECT_ROOT / "dagster.yaml", home)
    monkeypatch.setenv("MOVIES_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("MOVIES_PRIVATE_FILES", str(is_private))
    os.umask(0o027)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert instance.get_runs_count() == 0
    written = [path for path in home.rglob("*") if path.name != "dagster.yaml"]
    assert {"runs.db", "schedules.db", ".instance.lock"} <= {path.name for path in written}
    assert {mode(path) for path in written} == modes


def test_what_was_readable_before_is_closed_and_links_are_not_followed(tmp_path):
    data, home = tmp_path / "data", tmp_path / "dagster"
    closed = [
        made(data / "warehouse" / "movies.duckdb", is_file=True),
        made(data / "published" / "movies_1.duckdb", is_file=True),
        made(data / "landing" / "ott" / "users" / "2025-10-31" / "users.csv", is_file=True),
        made(data / "landing" / "ott" / "views" / "2025-10-31" / "views.csv", is_file=True),
        made(home / "history" / "runs" / "index.db", is_file=True),
        made(tmp_path / "named" / "w.duckdb", is_file=True),
        made(tmp_path / "shown" / "movies_20251031T000000000000Z_run.duckdb", is_file=True),
    ]
    left = [
        made(tmp_path / "named" / "other.txt", is_file=True),
        made(tmp_path / "shown" / "report.txt", is_file=True),
        made(tmp_path / "elsewhere" / "linked.txt", is_file=True),
        made(home / "dagster.yaml", is_file=True),
        data / "landing",
    ]
    (data / "warehouse" / "link.txt").symlink_to(tmp_path / "elsewhere" / "linked.txt")
    (data / "scratch").symlink_to(tmp_path / "elsewhere")
    modes = [mode(path) for path in left]
    settings = load(
        data_dir=data,
        warehouse={"path": tmp_path / "named" / "w.duckdb"},
        published={"folder": tmp_path / "shown"},
    )
    keep_private(settings)
    assert [mode(path) for path in closed] == [0o600] * len(closed)
    assert [path for path in closed[:5] if mode(path.parent) != 0o700] == []
    assert [mode(path) for path in left] == modes


def test_a_folder_in_which_others_let_files_arrive_keeps_its_mode_and_is_named(tmp_path, caplog):
    arrives = made(tmp_path / "inbox")
    default = made(tmp_path / "landing" / "ott" / "views")
    settings = load(
        data_dir=tmp_path,
        profile="live",
        ott={"titles_url": f"file://{arrives}"},
        netflix={"titles_url": "s3://bucket/titles"},
    )
    with caplog.at_level(logging.WARNING, "movies_assets"):
        keep_private(settings)
    told = [record.getMessage() for record in caplog.records]
    assert [mode(path) for path in (arrives, default)] == [0o755, 0o755]
    assert len(told) == 2
    for path in (arrives, default):
        assert any(f"chmod -R go-rwx {path}" in message for message in told)


def test_a_setting_leaves_all_to_the_umask(tmp_path):
    file = made(tmp_path / "warehouse" / "movies.duckdb", is_file=True)
    keep_private(load(data_dir=tmp_path, private_files=False))
    assert (current_umask(), mode(file)) == (OPERATORS, 0o644)


def export(settings: Settings, kind: Any) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert dg.materialize(
            [kind(settings, TABLES)],
            resources={"warehouse": open_warehouse(settings)},
            instance=instance,
            selection=[f"serving/{kind.__name__.removesuffix('_assets')}_dim_genre"],
        ).success


@pytest.mark.slow
@pytest.mark.parametrize("kind", [parquet_assets, delta_assets])
@pytest.mark.parametrize(
    ("folder", "folders", "files"),
    [(0o755, 0o755, 0o644), (0o750, 0o750, 0o640), (0o777, 0o755, 0o644), (None, 0o700, 0o600)],
)
def test_accounts_that_may_read_the_folder_of_an_export_may_read_its_files(
    tmp_path, kind, folder, folders, files
):
    root = tmp_path / "exports"
    if folder:
        root.mkdir()
        root.chmod(folder)
    name = f"{kind.__name__.removesuffix('_assets')}_url"
    settings = load(data_dir=tmp_path, exports={name: str(root)})
    keep_private(settings)
    publish(settings.published_folder, {})
    export(settings, kind)
    modes = {(path.is_dir(), mode(path)) for path in root.rglob("*")}
    assert modes == {(True, folders), (False, files)}
    assert current_umask() == OTHERS
    assert open_to_others(settings.published_folder) == []
