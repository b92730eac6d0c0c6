"""The API: what programs get and are refused; a client that leaves ends its query."""

import io
import json
import os
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pyarrow as pa
import pytest
import uvicorn
from fastapi.openapi.models import OpenAPI
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp

from movies_assets.dashboard.api import (
    ARROW,
    CSV,
    EXAMPLES,
    MOST_BODY_BYTES,
    SCHEMAS,
    build_api,
    openapi,
)
from movies_assets.dashboard.security import OneToken
from movies_assets.definitions import TABLES
from movies_assets.orchestration.publishing.published import shared_tables
from movies_assets.serving.guarded import GuardedReader
from movies_assets.serving.guarded_process import META
from movies_assets.settings import PROJECT_ROOT, DashboardSettings
from movies_assets.warehouse.published import Published
from movies_assets_tests.dashboard.conftest import serving
from movies_assets_tests.serving.attacks import FORBIDDEN, GREEDY, OF_USERS, SECRET, publish_world

SERIES = "SELECT series_key, series_title FROM gold.imdb_dim_series ORDER BY series_key LIMIT 1"
TOKEN = "a-token-of-tests"  # noqa: S105


@contextmanager
def served(app: ASGIApp) -> Iterator[str]:
    """Serve an application over TCP, in a thread, until the context ends."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def reader(folder: Path, **limits: Any) -> GuardedReader:
    return GuardedReader(Published(folder), DashboardSettings(**limits))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return publish_world(tmp_path_factory.mktemp("api")).parent


@pytest.fixture(scope="module")
def url(folder) -> Iterator[str]:
    with served(build_api(reader(folder))) as address:
        yield address


def post(url: str, sql: str, **headers: str) -> httpx.Response:
    # A text that UTF-8 does not have is escaped, as programs do.
    body = json.dumps({"sql": sql})
    return httpx.post(
        f"{url}/sql", content=body, headers={"content-type": "application/json"} | headers,
        timeout=60,
    )  # fmt: skip


def test_a_query_is_answered_as_json(url):
    answer = post(url, SERIES)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.headers["cache-control"] == "no-store"
    found = answer.json()
    assert found.pop("seconds") > 0
    assert found == {
        "columns": [
            {"name": "series_key", "type": "BIGINT"},
            {"name": "series_title", "type": "VARCHAR"},
        ],
        "row_count": 1,
        "truncated": None,
        "rows": [[10, "The Lamp"]],
    }


def test_a_query_is_answered_as_csv(url):
    answer = post(url, SERIES, accept="text/csv")
    assert answer.headers["content-type"].startswith(CSV)
    assert answer.headers["x-row-count"] == "1"
    assert "x-truncated" not in answer.headers
    assert answer.text == "series_key,series_title\r\n10,The Lamp\r\n"


def test_a_query_is_answered_as_arrow(url):
    answer = post(url, SERIES, accept=ARROW)
    assert answer.headers["content-type"] == ARROW
    assert pa.ipc.open_stream(io.BytesIO(answer.content)).read_all().to_pylist() == [
        {"series_key": 10, "series_title": "The Lamp"}
    ]


@pytest.mark.parametrize(("accept", "status", "kind"), [
    ("*/*", 200, "application/json"),
    ("text/html, text/csv;q=0.9, */*;q=0.8", 200, "text/csv"),
    ("application/*", 200, "application/json"),
    ("image/png", 406, "application/json"),
])  # fmt: skip
def test_the_first_known_type_that_is_accepted_is_sent(url, accept, status, kind):
    answer = post(url, "SELECT 1", accept=accept)
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (status, kind)


def test_a_query_in_the_address_is_answered_in_the_named_format(url):
    answer = httpx.get(f"{url}/sql", params={"sql": "SELECT 1 AS a", "format": "csv"})
    assert answer.text == "a\r\n1\r\n"
    assert answer.headers["content-disposition"] == 'attachment; filename="answer.csv"'
    assert httpx.get(f"{url}/sql", params={"sql": "SELECT 1"}).json()["rows"] == [[1]]
    assert httpx.get(f"{url}/sql", params={"sql": "SELECT 1", "format": "xls"}).status_code == 406
    assert httpx.get(f"{url}/sql").status_code == 400


@pytest.mark.parametrize(("site", "status"), [
    ("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200),
])  # fmt: skip
def test_no_other_site_can_make_a_browser_run_queries(url, site, status):
    found = httpx.get(f"{url}/sql", params={"sql": "SELECT 1"}, headers={"sec-fetch-site": site})
    assert found.status_code == status


@pytest.mark.parametrize("kind", ["json", "csv", "arrow"])
def test_rows_that_are_cut_off_are_said_so(folder, kind):
    with served(build_api(reader(folder, sql_rows=2))) as url:
        found = httpx.get(f"{url}/sql", params={"sql": "FROM range(9)", "format": kind})
    if kind == "json":
        assert (found.json()["truncated"], found.json()["row_count"]) == ("rows", 2)
    else:
        assert (found.headers["x-truncated"], found.headers["x-row-count"]) == ("rows", "2")


def test_tables_are_listed_and_described(url):
    listed = httpx.get(f"{url}/tables").json()["tables"]
    assert {row["name"] for row in listed} == {*shared_tables(TABLES), *META}
    described = httpx.get(f"{url}/tables/gold.imdb_dim_series").json()
    assert described["columns"][0]["name"] == "series_key"
    assert described["sample"][0][0] == 10


@pytest.mark.parametrize("name", [*OF_USERS, "gold.x", "x", "silver.ott_users", "%00", "%2e%2e"])
def test_no_other_table_is_described(url, name):
    found = httpx.get(f"{url}/tables/{name}")
    assert found.status_code == 404
    assert set(found.json()) == {"error"}


@pytest.mark.parametrize(
    "name", [name if at % 10 == 0 else pytest.param(name, marks=pytest.mark.slow)
             for at, name in enumerate(FORBIDDEN)],
)  # fmt: skip
def test_a_text_that_means_harm_is_refused(url, folder, name):
    found = post(url, FORBIDDEN[name].replace("{path}", str(folder / "movies_a.duckdb")))
    assert found.status_code in {400, 413}, found.text
    assert set(found.json()) == {"error"}
    assert SECRET not in found.text
    assert re.search(r"snapshot_[1-9a-f]", found.text) is None
    assert len(found.text) < 400


@pytest.mark.parametrize(("content", "media_type", "status"), [
    (b'{"sql": 1}', "application/json", 400),
    (b'["SELECT 1"]', "application/json", 400),
    (b'{"query": "SELECT 1"}', "application/json", 400),
    (b"{", "application/json", 400),
    (b"\xff", "application/json", 400),
    (b"[" * 100_000, "application/json", 400),
    (b"", "application/json", 400),
    (b'{"sql": "SELECT 1"}', "text/plain", 415),
    (b"sql=SELECT+1", "application/x-www-form-urlencoded", 415),
    (b" " * (MOST_BODY_BYTES + 1), "application/json", 413),
])  # fmt: skip
def test_a_malformed_request_is_refused_with_a_reason(url, content, media_type, status):
    found = httpx.post(f"{url}/sql", content=content, headers={"content-type": media_type})
    assert found.status_code == status
    assert found.json()["error"]


def test_an_unknown_address_leads_to_the_description(url):
    found = httpx.get(f"{url}/nothing")
    assert (found.status_code, found.json()) == (
        404,
        {"error": "There is no such address. See /api/docs."},
    )


def test_a_busy_reader_asks_to_come_back(folder):
    with served(build_api(reader(folder, sql_queries=1))) as url:
        first = leaving_client(url, GREEDY["a large product"])
        wait_for_queries(1)
        found = post(url, "SELECT 1")
        first.close()
    assert (found.status_code, found.headers["retry-after"]) == (503, "5")
    assert found.json()["error"].startswith("1 queries are running")


def test_nothing_published_is_a_clear_error(tmp_path):
    with served(build_api(reader(tmp_path))) as url:
        found = post(url, "SELECT 1")
    assert found.status_code == 503
    assert "make run" in found.json()["error"]


def leaving_client(url: str, sql: str) -> socket.socket:
    """Send a query, and do not wait for the answer."""
    body = json.dumps({"sql": sql})
    client = socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])))
    client.sendall(
        f"POST /sql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n\r\n{body}".encode()
    )
    return client


def wait_for_queries(number: int) -> None:
    until = time.monotonic() + 20
    while sum("guarded_process" in str(one.cmdline()) for one in children()) != number:
        assert time.monotonic() < until
        time.sleep(0.01)


def children() -> list[psutil.Process]:
    return [one for one in psutil.Process().children() if one.status() != psutil.STATUS_ZOMBIE]


def test_a_client_that_leaves_ends_its_query(folder):
    with served(build_api(reader(folder, sql_queries=1, sql_seconds=60))) as url:
        client = leaving_client(url, GREEDY["a large product"])
        wait_for_queries(1)
        client.close()
        wait_for_queries(0)
        assert post(url, "SELECT 1").status_code == 200


def test_a_program_sends_the_token_with_each_request(folder):
    app = OneToken(build_api(reader(folder)), token=TOKEN, key=b"k" * 32)
    with served(app) as url:
        assert post(url, "SELECT 1").status_code == 401
        assert post(url, "SELECT 1", authorization=f"Bearer {TOKEN}").status_code == 200
        assert post(url, "SELECT 1", authorization=f"bearer  {TOKEN}").status_code == 200
        assert post(url, "SELECT 1", authorization=f"Basic {TOKEN}").status_code == 401
        assert post(url, "SELECT 1", authorization="Bearer").status_code == 401
        wrong = [post(url, "SELECT 1", authorization="Bearer wrong").status_code for _ in range(6)]
        assert wrong[0] == 401
        assert wrong[-1] == 429


def test_the_description_is_openapi_and_names_every_address(folder):
    described = openapi(reader(folder))
    OpenAPI.model_validate(described)
    api = build_api(reader(folder))
    named = {path.removeprefix("/api") for path in described["paths"]}
    assert named == {route.path for route in api.routes} - {"/docs", "/openapi.json"}


def test_answers_have_what_the_description_says(url):
    listed = httpx.get(f"{url}/tables").json()
    for found, schema in (
        (post(url, "SELECT 1").json(), "Answer"),
        (listed, "Tables"),
        (listed["tables"][0], SCHEMAS["Tables"]["properties"]["tables"]["items"]),
        (httpx.get(f"{url}/tables/gold.imdb_dim_series").json(), "Table"),
        (post(url, "").json(), "Error"),
    ):
        wanted = SCHEMAS[schema] if isinstance(schema, str) else schema
        assert set(found) == set(wanted["required"])


def test_the_page_of_the_api_loads_nothing(url):
    page = httpx.get(f"{url}/docs").text
    assert "POST /api/sql" in page
    assert not re.search(r"<script|<link|<img|src=|@import|url\(", page)


def commands_of_curl() -> list[str]:
    guide = (PROJECT_ROOT / "docs" / "how-to" / "ask-with-sql.md").read_text(encoding="utf-8")
    return [line for line in f"{guide}\n{EXAMPLES}".splitlines() if line.startswith("curl ")]


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
@pytest.mark.parametrize("command", commands_of_curl())
def test_a_command_of_the_guide_is_answered(folder, tmp_path, command):
    app = Starlette(routes=[Mount("/api", build_api(reader(folder)))])
    with served(app) as url:
        asked = command.replace("http://127.0.0.1:8080", url).replace("curl ", "curl -f ", 1)
        ended = subprocess.run(  # noqa: S602 (our own text)
            asked, shell=True, cwd=tmp_path, env={**os.environ, "TOKEN": TOKEN},
            capture_output=True, check=False,
        )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout or list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_dashboard_serves_the_api_behind_its_token_and_host(tmp_path):
    publish_world(tmp_path / "published")
    with serving(tmp_path, MOVIES_DASHBOARD__TOKEN=TOKEN) as dashboard:
        url, token = f"{dashboard.url}/api", {"authorization": f"Bearer {TOKEN}"}
        assert post(url, "SELECT 1").status_code == 401
        assert httpx.get(f"{url}/docs").status_code == 401
        assert post(url, "SELECT 1", **token).json()["rows"] == [[1]]
        assert post(url, "SELECT 1", **token, host="elsewhere").status_code == 400
        assert post(url, "SELECT 1", **token, origin="https://example.org").status_code == 400
        assert "default-src" in httpx.get(f"{url}/docs", headers=token).headers[
            "content-security-policy"
        ]  # fmt: skip
        for name in ("table of users", "the file again", "read_text", "two statements", "sleep"):
            found = post(url, FORBIDDEN[name].replace("{path}", "x"), **token)
            assert found.status_code == 400
        with httpx.Client(follow_redirects=True) as visitor:
            visitor.get(f"{dashboard.url}/?token={TOKEN}")
            assert visitor.get(f"{url}/tables").status_code == 200
