"""Everything put together: tables, checks, jobs, schedules and resources from the settings."""

# ruff: noqa: E402 (searches for garbage are made rare before libraries are loaded)

from movies_assets.core import garbage

garbage.collect_seldom()

import os
import sys
from pathlib import Path
from typing import Any

import dagster as dg

from movies_assets import settings as settings_module
from movies_assets import sources
from movies_assets.orchestration import alerts, interruption, jobs, permissions, schedules, sensors
from movies_assets.orchestration.assets import asset_of
from movies_assets.orchestration.checks.factory import checks_of
from movies_assets.orchestration.code_references import with_references
from movies_assets.orchestration.executor import executor
from movies_assets.orchestration.io_manager import io_manager_of
from movies_assets.orchestration.landing import landing_asset_of
from movies_assets.orchestration.publishing.published import published_asset
from movies_assets.orchestration.publishing.report import report_asset
from movies_assets.orchestration.publishing.targets import target_assets
from movies_assets.orchestration.warehouse_resource import warehouse_resource
from movies_assets.settings import Settings
from movies_assets.tables import TABLES, open_warehouse


def build_defs(settings: Settings, **resources: Any) -> dg.Definitions:
    """Build the definitions for one set of settings.

    Args:
        settings: which profile, folders, partitions and targets there are.
        resources: resources to use in place of those that the settings name.
    """
    warehouse = open_warehouse(settings)
    checks = [checks_of(table, TABLES, settings) for table in TABLES.values()]
    return dg.Definitions(
        assets=with_references(
            [
                *(
                    landing_asset_of(files, source, settings, warehouse)
                    for source in sources.load()
                    for files in source.files
                ),
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
            "io_manager": io_manager_of(TABLES, settings),
            "warehouse": warehouse_resource(warehouse),
            **{
                name: resource
                for source in sources.load()
                for name, resource in source.resources(settings).items()
            },
            **resources,
        },
        executor=executor,
    )


# Dagster loads this module before it creates a run of `dagster job execute`.
interruption.watch()
if interruption.executes_a_job(sys.argv) and (home := os.environ.get("DAGSTER_HOME")):
    # The instance is open by now. Without our dagster.yaml it was opened without a lock.
    from movies_assets.orchestration.instance import repaired  # with SQLAlchemy, for half a second

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
if interruption.executes_a_job(sys.argv):
    garbage.keep_all()
else:
    garbage.collect_as_usual()  # a server that stays for days
