"""The warehouse shows in Dagster's UI, and a run's config may change its limits."""

from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_representation.external_data import RepositorySnap

from movies_assets.definitions import TABLES, build_defs, open_warehouse
from movies_assets.orchestration.io_manager import WarehouseIOManager, io_manager_of
from movies_assets.orchestration.warehouse_resource import warehouse_resource
from movies_assets.settings import load
from movies_assets.warehouse.database import Warehouse

# A run's config names all of them.
LIMITS = ("path", "memory_limit", "spill_limit", "threads", "lock_wait_seconds")


@pytest.fixture
def settings(tmp_path):
    return load(data_dir=tmp_path)


def seen_by_a_run(settings: Any, **config: Any) -> tuple[Warehouse, Warehouse]:
    """Return the warehouses that an asset and the IO manager of a run get."""
    seen = []

    @dg.asset
    def look(
        warehouse: dg.ResourceParam[Warehouse], io_manager: dg.ResourceParam[WarehouseIOManager]
    ) -> None:
        seen.extend([warehouse, io_manager._warehouse])

    resource = warehouse_resource(open_warehouse(settings))
    named = {name: getattr(resource, name) for name in LIMITS}
    dg.materialize(
        [look],
        resources={
            "warehouse": resource,
            "io_manager": io_manager_of(TABLES, settings),
        },
        run_config={"resources": {"warehouse": {"config": named | config}}} if config else None,
    )
    of_asset, of_io_manager = seen
    return of_asset, of_io_manager


def test_it_shows_with_its_type_its_file_and_its_limits(settings):
    repository = build_defs(settings).get_repository_def()
    resources = {found.name: found for found in RepositorySnap.from_def(repository).resources}
    shown = resources["warehouse"]
    assert shown.resource_type.endswith("WarehouseResource")
    assert shown.resource_snapshot.description
    assert shown.configured_values["path"] == f'"{settings.database}"'
    assert shown.configured_values["memory_limit"] == '"192MB"'


def test_without_config_it_is_that_of_the_settings(settings):
    of_asset, of_io_manager = seen_by_a_run(settings)
    assert of_asset == of_io_manager == open_warehouse(settings)


def test_a_run_may_change_its_limits_for_assets_and_io_manager(settings):
    of_asset, of_io_manager = seen_by_a_run(settings, memory_limit="1GB", threads=1)
    assert of_asset is of_io_manager
    assert (of_asset.memory_limit, of_asset.threads) == ("1GB", 1)


def test_a_run_cannot_choose_another_file(settings, tmp_path):
    with pytest.raises(dg.DagsterResourceFunctionError) as raised:
        seen_by_a_run(settings, path=str(tmp_path / "other.duckdb"))
    assert "a run cannot use another warehouse than" in str(raised.value.__cause__)
