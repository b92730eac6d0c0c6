"""Assistants ask over MCP: the library's client over stdio, with the limits of the reader."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from mcp import Client, StdioServerParameters

from movies_assets import serving
from movies_assets.__main__ import main
from movies_assets.definitions import TABLES
from movies_assets.orchestration.publishing.published import shared_tables
from movies_assets.serving.assistants import build_server
from movies_assets.serving.guarded import GuardedReader
from movies_assets.serving.guarded_process import META
from movies_assets.settings import PROJECT_ROOT, DashboardSettings
from movies_assets.warehouse.published import Published
from movies_assets_tests.serving.attacks import FORBIDDEN, GREEDY, SECRET, publish_world

SERIES = "SELECT series_key, series_title FROM gold.imdb_dim_series ORDER BY series_key LIMIT 1"


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("assistants")
    publish_world(folder / "published")
    return folder


def over_stdio(data: Path, **environment: str) -> StdioServerParameters:
    return StdioServerParameters(
        command=sys.executable,
        args=["-m", "movies_assets", "mcp"],
        cwd=PROJECT_ROOT,
        env={"PYTHONPATH": ":".join(sys.path), "MOVIES_DATA_DIR": str(data), **environment},
    )


def in_process(data: Path, **limits: Any) -> Any:
    reader = GuardedReader(Published(data / "published"), DashboardSettings(**limits))
    return build_server(reader)


def with_client(server: Any, ask: Callable[[Client], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        async with Client(server) as client:
            return await ask(client)

    return asyncio.run(run())


async def call(client: Client, tool: str, **arguments: Any) -> tuple[bool, str]:
    """Return whether a tool failed, and its text."""
    answer = await client.call_tool(tool, arguments)
    (content,) = answer.content
    return bool(answer.is_error), content.text


def called(server: Any, tool: str, **arguments: Any) -> tuple[bool, str]:
    return with_client(server, lambda client: call(client, tool, **arguments))


def test_there_are_three_tools_with_a_description_of_each_argument(data):
    async def look(client: Client) -> None:
        tools = (await client.list_tools()).tools
        assert [tool.name for tool in tools] == ["list_tables", "describe_table", "query"]
        for tool in tools:
            assert tool.description
            for argument in tool.input_schema["properties"].values():
                assert argument["description"]

    with_client(in_process(data), look)


def test_a_query_is_answered_with_columns_and_rows(data):
    failed, text = called(in_process(data), "query", sql=SERIES)
    assert not failed
    found = json.loads(text)
    assert found["rows"] == [[10, "The Lamp"]]
    assert (found["row_count"], found["truncated"]) == (1, None)


def test_an_assistant_gets_few_rows_unless_it_asks_for_more(data):
    for arguments, rows in (({}, 100), ({"rows": 300}, 300)):
        _, text = called(in_process(data), "query", sql="FROM range(1_000)", **arguments)
        assert (json.loads(text)["row_count"], json.loads(text)["truncated"]) == (rows, "rows")
    failed, _ = called(in_process(data, sql_rows=50), "query", sql="SELECT 1", rows=51)
    assert failed
    _, text = called(in_process(data, sql_rows=50), "query", sql="FROM range(1_000)")
    assert json.loads(text)["row_count"] == 50


def test_tables_are_listed_and_described(data):
    _, text = called(in_process(data), "list_tables")
    assert {row["name"] for row in json.loads(text)} == {*shared_tables(TABLES), *META}
    _, text = called(in_process(data), "describe_table", name="gold.imdb_dim_series")
    assert json.loads(text)["columns"][0]["name"] == "series_key"
    failed, text = called(in_process(data), "describe_table", name="gold.ott_dim_user")
    assert failed
    assert "There is no table" in text


def test_an_error_is_for_the_assistant_to_read(data):
    failed, text = called(in_process(data), "query", sql="SELECT titel FROM gold.imdb_dim_series")
    assert failed
    assert "Candidate bindings" in text
    failed, text = called(in_process(data / "nothing"), "list_tables")
    assert failed
    assert "make run" in text


async def attack(client: Client, names: Any, path: Path) -> None:
    for name in names:
        sql = FORBIDDEN[name].replace("{path}", str(path))
        if "\ud800" in sql:
            continue  # no JSON of the client has it
        failed, text = await call(client, "query", sql=sql)
        assert failed, name
        assert SECRET not in text


def test_the_command_serves_over_stdio_and_refuses_what_means_harm(data):
    async def ask(client: Client) -> None:
        assert json.loads((await call(client, "query", sql=SERIES))[1])["rows"] == [
            [10, "The Lamp"]
        ]
        await attack(client, [*FORBIDDEN][::25], data / "published" / "movies_a.duckdb")

    with_client(over_stdio(data), ask)


@pytest.mark.slow
def test_no_text_that_means_harm_gets_through(data):
    async def ask(client: Client) -> None:
        await attack(client, FORBIDDEN, data / "published" / "movies_a.duckdb")
        failed, text = await call(client, "query", sql=GREEDY["one call that never ends"])
        assert failed
        assert "longer than 2 s" in text

    with_client(over_stdio(data, MOVIES_DASHBOARD__SQL_SECONDS="2"), ask)


def test_a_missing_library_is_named_with_the_extra_that_brings_it(monkeypatch):
    monkeypatch.delattr(serving, "assistants", raising=False)
    monkeypatch.setitem(sys.modules, "movies_assets.serving.assistants", None)
    result = CliRunner().invoke(main, ["mcp"])
    assert result.exit_code == 1
    assert "pip install 'movies_assets[mcp]'" in result.output
