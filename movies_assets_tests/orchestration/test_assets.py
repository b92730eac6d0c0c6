"""What Dagster knows of a table except its rows: code, versions, freshness, layer, partitions."""

import inspect
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from movies_assets import sources
from movies_assets.definitions import TABLES, build_defs
from movies_assets.orchestration.assets import asset_key, asset_of
from movies_assets.orchestration.code_references import METADATA
from movies_assets.settings import PROJECT_ROOT, SettingsError, load
from movies_assets.sources.yts.partitions import OLDEST_UPLOAD, yts_days
from movies_assets.sources.yts.sample import Catalogue

GIT = "https://github.com/owner/movies"


def references(asset_graph: Any, key: dg.AssetKey) -> list[dg.LocalFileCodeReference]:
    return asset_graph.get(key).metadata[METADATA].code_references


@pytest.fixture(scope="module")
def graph() -> Any:
    return build_defs(load()).resolve_asset_graph()


def test_each_asset_leads_to_the_file_and_line_of_its_function(graph):
    wrong = []
    for table in TABLES.values():
        function = inspect.unwrap(table.function)
        (found,) = references(graph, asset_key(table.key))
        line = Path(found.file_path).read_text(encoding="utf-8").split("\n")[found.line_number - 1]
        is_there = line.lstrip().startswith(("@", f"def {function.__name__}"))
        if found.file_path != inspect.getsourcefile(function) or not is_there:
            wrong.append((table.name, found, line))
    assert wrong == []
    others = graph.get_all_asset_keys() - {asset_key(table.key) for table in TABLES.values()}
    for key in others:
        (found,) = references(graph, key)
        assert Path(found.file_path).is_relative_to(PROJECT_ROOT / "movies_assets"), key
        assert not found.file_path.endswith(("retries.py", "assets.py")), key


def test_with_a_repository_they_lead_to_its_files():
    settings = load(git_url=f"{GIT}/", git_branch="v1")
    graph = build_defs(settings).resolve_asset_graph()
    (found,) = references(graph, dg.AssetKey(["gold", "fact_movies"]))
    assert found.url.startswith(f"{GIT}/tree/v1/movies_assets/sources/yts/gold.py#L")
    with pytest.raises(SettingsError, match="GIT_URL: is no repository"):
        load(git_url="https://host/owner/movies")


def test_each_node_shows_its_layer_because_layers_share_names(graph):
    for table in TABLES.values():
        assert table.key.layer in graph.get(asset_key(table.key)).kinds


def test_live_tables_with_a_check_of_freshness_have_a_policy_too():
    settings = load(profile="live")
    for table in TABLES.values():
        (spec,) = asset_of(table, settings).specs
        policy = spec.freshness_policy
        assert (policy is not None) == (table.fresh_within_days is not None)
        if policy and table.fresh_within_days:
            days = timedelta(days=table.fresh_within_days)
            assert policy == dg.FreshnessPolicy.time_window(2 * days, days)
        # The sample's world has ended.
        (spec,) = asset_of(table, load()).specs
        assert spec.freshness_policy is None


@pytest.mark.slow
def test_newly_fetched_files_are_a_new_version_of_the_data(platform):
    versions = []
    for _ in range(2):
        result = platform.run("2025-10-30", select=["bronze/yts_movies", "silver/yts_movies"])
        events = result.get_asset_materialization_events()
        versions.append({e.asset_key.path[0]: e.materialization.tags for e in events})
    first, second = (
        {layer: tags["dagster/data_version"] for layer, tags in found.items()} for found in versions
    )
    assert first["bronze"] != second["bronze"]
    assert first["silver"] != second["silver"]
    code = {layer: tags["dagster/code_version"] for layer, tags in versions[0].items()}
    assert code == {
        layer: asset_of(TABLES[f"{layer}.yts_movies"], platform.settings)
        .specs_by_key[dg.AssetKey([layer, "yts_movies"])]
        .code_version
        for layer in ("bronze", "silver")
    }


class TestPartitionsOfTheSample:
    """They begin with the sample's first day, or with that of a setting."""

    def test_those_of_yts_begin_with_the_oldest_upload(self):
        settings = load()
        oldest = Catalogue(settings.yts.sample_movies, settings.sample.last_day).uploaded_unix.min()
        assert yts_days.first(settings) == datetime.fromtimestamp(int(oldest), UTC).date()
        assert yts_days.first(settings) > settings.sample.last_day - timedelta(days=120)

    def test_a_larger_catalogue_begins_earlier(self):
        assert yts_days.first(load(yts={"sample_movies": 5_000})) < yts_days.first(load())

    def test_a_setting_wins_and_live_begins_with_the_source(self):
        assert yts_days.first(load(yts={"first_day": "2016-01-01"})) == date(2016, 1, 1)
        assert yts_days.first(load(profile="live")) == OLDEST_UPLOAD


def test_assets_without_partitions_wait_for_all_partitions_of_their_inputs(tmp_path):
    exports = {"parquet_url": "/nowhere", "delta_url": "/nowhere"}
    settings = load(data_dir=tmp_path, postgres_url="postgresql://host/movies", exports=exports)
    graph = build_defs(settings).resolve_asset_graph()
    waiting = [
        (key, parent)
        for key in graph.get_all_asset_keys()
        for parent in graph.get(key).parent_keys
        if graph.get(key).partitions_def is None and graph.get(parent).partitions_def
    ]
    groups = {graph.get(key).group_name for key, _ in waiting}
    assert groups >= {"serving", "serving_postgres", "serving_parquet", "serving_delta"}
    others = [
        pair
        for pair in waiting
        if not isinstance(graph.get_partition_mapping(*pair), dg.AllPartitionMapping)
    ]
    assert others == []


def below(names: set[str]) -> set[str]:
    """Return tables and all that are made from them."""
    found = set(names)
    while more := {name for name, table in TABLES.items() if table.upstream() & found} - found:
        found |= more
    return found


OF_JOBS = [source for source in sources.load() if source.jobs]


@pytest.mark.parametrize("source", OF_JOBS, ids=lambda source: source.name)
def test_a_source_and_all_below_it_can_be_the_first_that_is_ever_run(source):
    selected = below({table.name for table in source.tables})
    lacking = {
        name: missing
        for name in selected
        for table in [TABLES[name]]
        if (missing := {*table.reads().values()} - selected - {*table.optional})
    }
    assert lacking == {}
