"""The README is short, its example is a table of the warehouse, and its old anchors lead on."""

import re

import dagster as dg
import pytest

from movies_assets import definitions
from movies_assets.core.table import Table
from movies_assets.serving import dictionary
from movies_assets.settings import PROJECT_ROOT
from movies_assets_tests.conftest import Platform, movie

README = (PROJECT_ROOT / "README.md").read_text(encoding="utf-8")
DAY = "2025-01-06"


def test_it_has_at_most_150_lines():
    assert len(README.splitlines()) <= 150


def test_sections_that_were_here_say_where_they_are():
    moved = README.partition("\n## Moved\n")[2]
    for anchor in ("data-model", "run-a-day", "the-landing-folder", "a-red-check", "settings"):
        assert re.search(rf'<a id="{anchor}"></a>.*\]\(docs/.+\)', moved)


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Table:
    """The table of the README, as if it were in the file of a source."""
    (code,) = re.findall(r"^```python\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)
    assert len([line for line in code.splitlines() if line.strip()]) <= 15
    names: dict[str, object] = {}
    exec(compile(code, "README.md", "exec"), names)  # noqa: S102 (our own text)
    (table,) = (value for value in names.values() if isinstance(value, Table))
    monkeypatch.setitem(definitions.TABLES, table.name, table)
    return table


def test_the_example_is_a_table_with_rows_comments_and_checks(example, settings, instance, yts):
    yts.movies_listed = [movie(1, DAY, runtime=150), movie(2, DAY, runtime=90)]
    platform = Platform(settings, instance, lambda: yts)
    platform.run(DAY)
    asset_key = dg.AssetKey([*example.key])
    done = platform.defs.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance, asset_selection=[asset_key]
    )
    assert platform.sql("FROM gold.long_movies") == [(1, 2.5)]
    assert ("Running time in hours.",) in platform.sql(
        "SELECT comment FROM duckdb_columns() WHERE table_name = 'long_movies'"
    )
    checks = {each.check_name: each.passed for each in done.get_asset_check_evaluations()}
    assert checks["contract"]
    assert checks["references"]
    parents = done.job_def.asset_layer.asset_graph.get(asset_key).parent_keys
    assert dg.AssetKey(["silver", "yts_movies"]) in parents
    assert "\n## gold.long_movies\n" in dictionary.text()
