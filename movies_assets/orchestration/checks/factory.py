"""Which checks a table gets: they follow from what it declares."""

from collections.abc import Mapping

import dagster as dg

from movies_assets.core.table import Table
from movies_assets.orchestration.checks.base import warehouse_checks
from movies_assets.orchestration.checks.completeness import completeness_check
from movies_assets.orchestration.checks.conservation import conservation_check, quarantine_check
from movies_assets.orchestration.checks.contract import contract_check
from movies_assets.orchestration.checks.freshness import freshness_check
from movies_assets.orchestration.checks.references import references_check
from movies_assets.orchestration.checks.schema import files_check
from movies_assets.orchestration.checks.volume import volume_check
from movies_assets.settings import Settings


def checks_of(
    table: Table, tables: Mapping[str, Table], settings: Settings
) -> dg.AssetChecksDefinition:
    """Build the checks of a table.

    Args:
        table: the table.
        tables: every table, by name, for checks that compare with another one.
        settings: where the partitions come from.
    """
    checks = [contract_check(table)]
    if table.contract.expected():
        checks.append(completeness_check(table, tables))
    if table.contract.references():
        checks.append(references_check(table, tables))
    if table.lineage:
        checks.append(conservation_check(table, tables))
        checks.append(quarantine_check(table, tables))
    if table.volume_band:
        checks.append(volume_check(table))
    if table.fresh_within_days is not None:
        checks.append(freshness_check(table, tables, settings))
    if (
        table.contract.allows_new_columns() and table.partition_column
    ):  # its files arrive in a folder a day
        checks.append(files_check(table))
    checks += [build(table) for build in table.checks]
    return warehouse_checks(table, checks, settings)
