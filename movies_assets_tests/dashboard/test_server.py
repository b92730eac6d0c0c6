"""How the server starts, and how it reports its own errors."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from movies_assets import dashboard
from movies_assets.__main__ import main
from movies_assets.settings import PROJECT_ROOT

BROKEN = """
import sys
from dataclasses import replace
from pathlib import Path
from starlette.testclient import TestClient
from movies_assets.dashboard import server
from movies_assets.settings import load

def build(visit):
    raise ValueError("secret detail")

app = server.build_app(load(data_dir=Path(sys.argv[1])), (replace(server.PAGES[0], build=build),))
with TestClient(app, "http://127.0.0.1", raise_server_exceptions=False) as client:
    answer = client.get("/")
    print(answer.status_code, "secret detail" in answer.text, "Traceback" in answer.text,
          "See the dashboard" in answer.text)
"""


HELD = """
import sys, time
from pathlib import Path
from nicegui import Client
from starlette.testclient import TestClient
from movies_assets.dashboard import server
from movies_assets.settings import DashboardSettings, load

limits = DashboardSettings(unopened_pages=4, pages=6, unopened_seconds=50)
app = server.build_app(load(data_dir=Path(sys.argv[1]), dashboard=limits))
with TestClient(app, "http://127.0.0.1", client=("192.0.2.1", 1)) as other:
    others = other.get("/").status_code
    (page,) = Client.instances.values()
    client = TestClient(app, "http://127.0.0.1", client=("192.0.2.2", 1))
    print(others, *{client.get("/").status_code for _ in range(9)}, len(Client.instances))
    print(page.id in Client.instances)
    for open_page in Client.instances.values():
        open_page.environ = {}  # as if its websocket had been opened
    print([int(client.get("/").status_code) for _ in range(4)], len(Client.instances))
    for old_page in Client.instances.values():
        old_page.created -= 51  # NiceGUI itself drops them after 60 to 70 s
    until = time.monotonic() + 20
    while Client.instances and time.monotonic() < until:
        time.sleep(0.1)
    print(len(Client.instances), client.get("/").status_code)
"""


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 (our own code)
        [sys.executable, "-c", code, *arguments],
        cwd=PROJECT_ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_page_that_fails_says_so_without_the_reason_which_is_logged(tmp_path: Path):
    ended = python(BROKEN, str(tmp_path))
    assert ended.stdout.split() == ["500", "False", "False", "True"], ended.stderr
    assert "secret detail" in ended.stderr


@pytest.mark.slow
def test_pages_without_a_websocket_are_dropped_after_a_while_and_are_bounded(tmp_path: Path):
    ended = python(HELD, str(tmp_path))
    assert ended.stdout.splitlines() == [
        "200 200 4",  # the oldest ones of the address with most requests have made room
        "True",
        "[200, 200, 503, 503] 6",
        "0 200",
    ], ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_dashboard_for_others_is_refused_without_a_token(monkeypatch):
    monkeypatch.delenv("MOVIES_DASHBOARD__TOKEN", raising=False)
    result = CliRunner().invoke(main, ["dashboard", "--host", "0.0.0.0"])  # noqa: S104
    assert result.exit_code == 1
    assert "MOVIES_DASHBOARD__TOKEN is not set" in result.output


def test_a_missing_library_is_named_with_the_extra_that_brings_it(monkeypatch):
    # As if it were not there, whether or not another test has imported it.
    monkeypatch.delattr(dashboard, "server", raising=False)
    monkeypatch.setitem(sys.modules, "movies_assets.dashboard.server", None)
    result = CliRunner().invoke(main, ["dashboard"])
    assert result.exit_code == 1
    assert "pip install 'movies_assets[dashboard]'" in result.output


@pytest.mark.slow
def test_the_definitions_need_no_library_of_the_dashboard():
    code = (
        "import sys, movies_assets.definitions; "
        "print({'nicegui', 'movies_assets.dashboard'} & set(sys.modules))"
    )
    assert python(code).stdout == "set()\n"
