"""Everything put together: tables, checks, jobs, schedules and resources from the settings."""

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import dagster as dg

from movies_assets import settings as settings_module
from movies_assets.core.table import Table, by_name
from movies_assets.orchestration import alerts, interruption, jobs, permissions, schedules, sensors
from movies_assets.orchestration.assets import asset_of
from movies_assets.orchestration.checks.factory import checks_of
from movies_assets.orchestration.code_references import with_references
from movies_assets.orchestration.executor import executor
from movies_assets.orchestration.instance import repaired
from movies_assets.orchestration.io_manager import WarehouseIOManager
from movies_assets.orchestration.profiles import (
    imdb_client,
    imdb_landed,
    netflix_landing,
    netflix_lookup,
    omdb_client,
    omdb_landed,
    ott_landed,
    ott_landing,
    ott_users,
    user_key,
    yts_client,
)
from movies_assets.orchestration.publishing.published import published_asset
from movies_assets.orchestration.publishing.report import report_asset
from movies_assets.orchestration.publishing.targets import target_assets
from movies_assets.settings import Settings
from movies_assets.sources.imdb import bronze as bronze_imdb
from movies_assets.sources.imdb import gold as gold_imdb
from movies_assets.sources.imdb import silver as silver_imdb
from movies_assets.sources.netflix import bronze as bronze_netflix
from movies_assets.sources.netflix import gold as gold_netflix
from movies_assets.sources.netflix import silver as silver_netflix
from movies_assets.sources.omdb import bronze as bronze_omdb
from movies_assets.sources.omdb import gold as gold_omdb
from movies_assets.sources.omdb import silver as silver_omdb
from movies_assets.sources.ott import bronze as bronze_ott
from movies_assets.sources.ott import evaluation as ott_evaluation
from movies_assets.sources.ott import gold as gold_ott
from movies_assets.sources.ott import silver as silver_ott
from movies_assets.sources.shared import dimensions as gold_shared
from movies_assets.sources.shared import quality
from movies_assets.sources.yts import bronze as bronze_yts
from movies_assets.sources.yts import gold as gold_yts
from movies_assets.sources.yts import silver as silver_yts
from movies_assets.warehouse.database import Function, Warehouse

MODULES: tuple[ModuleType, ...] = (
    bronze_yts,
    silver_yts,
    gold_yts,
    bronze_imdb,
    silver_imdb,
    gold_imdb,
    bronze_netflix,
    silver_netflix,
    gold_netflix,
    gold_shared,
    bronze_omdb,
    silver_omdb,
    gold_omdb,
    bronze_ott,
    silver_ott,
    gold_ott,
    ott_evaluation,
)
_OF_SOURCES = [
    item for module in MODULES for item in vars(module).values() if isinstance(item, Table)
]
TABLES = by_name([*_OF_SOURCES, quality.data_quality_snapshot(_OF_SOURCES)])


def open_warehouse(settings: Settings) -> Warehouse:
    """Return the warehouse that the settings name."""
    return Warehouse(
        path=settings.database,
        memory_limit=settings.warehouse.memory_limit,
        spill_limit=settings.warehouse.spill_limit,
        threads=settings.warehouse.threads,
        lock_wait_seconds=settings.warehouse.lock_wait_seconds,
        functions=(Function("ott_user_key", user_key(settings)),),
    )


def sources(settings: Settings) -> dict[str, Callable[..., Any]]:
    """Return the resources by which assets reach the outside world."""
    return {
        "yts": partial(yts_client, settings),
        "imdb": partial(imdb_client, settings),
        "imdb_landed": partial(imdb_landed, settings),
        "netflix_landing": partial(netflix_landing, settings),
        "netflix_lookup": partial(netflix_lookup, settings),
        "omdb": partial(omdb_client, settings),
        "omdb_landed": partial(omdb_landed, settings),
        "ott_landing": partial(ott_landing, settings),
        "ott_landed": partial(ott_landed, settings),
        "ott_users": partial(ott_users, settings),
    }


def build_defs(settings: Settings, **resources: Any) -> dg.Definitions:
    """Build the definitions for one set of settings.

    Args:
        settings: what to build for.
        resources: resources to use in place of those that the settings name.
    """
    warehouse = open_warehouse(settings)
    checks = [checks_of(table, TABLES, settings) for table in TABLES.values()]
    return dg.Definitions(
        assets=with_references(
            [
                bronze_imdb.landing_asset(settings, TABLES),
                bronze_omdb.landing_asset(settings),
                bronze_ott.landing_asset(settings),
                *(asset_of(table, settings) for table in TABLES.values()),
                published_asset(settings, TABLES, checks),
                report_asset(settings),
                *target_assets(settings, TABLES),
            ],
            settings,
        ),
        asset_checks=checks,
        jobs=jobs.build(settings, TABLES.values()),
        schedules=schedules.build(settings, TABLES, warehouse),
        sensors=[
            *sensors.build(settings, TABLES, warehouse),
            *alerts.sensors(settings, TABLES, warehouse),
        ],
        resources={
            "io_manager": WarehouseIOManager(warehouse, TABLES, settings),
            "warehouse": warehouse,
            **sources(settings),
            **resources,
        },
        executor=executor,
    )


# Dagster loads this module before it creates a run of `dagster job execute`.
interruption.watch()
if interruption.executes_a_job(sys.argv) and (home := os.environ.get("DAGSTER_HOME")):
    # The instance is open by now. Without our dagster.yaml it was opened without a lock.
    with repaired(Path(home)):
        pass
try:
    _settings = settings_module.load()
except settings_module.SettingsError as error:
    if interruption.executes_a_job(sys.argv):
        sys.exit(str(error))  # without the stack that Dagster would show around it
    raise
permissions.keep_private(_settings)
defs = build_defs(_settings)
