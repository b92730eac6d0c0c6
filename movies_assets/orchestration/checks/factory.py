"""The checks of a table: those that follow from its declaration, and how Dagster runs them."""

from collections.abc import Iterator, Mapping, Sequence

import dagster as dg
import duckdb

from movies_assets.core.check import Check, CheckContext, Finding, MissingTableError
from movies_assets.core.table import Table
from movies_assets.ingest.run_days import keys_of
from movies_assets.orchestration.assets import asset_key
from movies_assets.orchestration.checks.completeness import completeness_check
from movies_assets.orchestration.checks.conservation import conservation_check, quarantine_check
from movies_assets.orchestration.checks.contract import contract_check
from movies_assets.orchestration.checks.files import files_check, schema_check
from movies_assets.orchestration.checks.freshness import freshness_check
from movies_assets.orchestration.checks.references import references_check
from movies_assets.orchestration.checks.results import lines_of, result_of
from movies_assets.orchestration.checks.volume import volume_check
from movies_assets.orchestration.retries import retrying
from movies_assets.settings import Settings
from movies_assets.warehouse import audit_log
from movies_assets.warehouse.database import Warehouse, WarehouseError
from movies_assets.warehouse.queries import Queries


def checks_of(
    table: Table, tables: Mapping[str, Table], settings: Settings
) -> dg.AssetChecksDefinition:
    """Build the checks of a table.

    Args:
        table: the table.
        tables: every table, by name, for checks that compare with another one.
        settings: where the partitions come from.
    """
    return _step(table, [*declared_checks(table, tables, settings)], settings)


def declared_checks(
    table: Table, tables: Mapping[str, Table], settings: Settings
) -> Iterator[Check]:
    """Yield the checks that follow from the declaration of a table, and its own."""
    yield contract_check(table)
    if table.contract.expected():
        yield completeness_check(table, tables)
    if table.contract.references():
        yield references_check(table, tables)
    if table.lineage:
        yield conservation_check(table, tables)
        yield quarantine_check(table, tables)
    if table.volume_band:
        yield volume_check(table)
    if table.fresh_within_days is not None:
        yield freshness_check(table, tables, settings)
    if table.contract.allows_new_columns():
        if table.partition_column:  # its files arrive in a folder a day
            yield files_check(table)
        yield schema_check(table)
    yield from table.checks


def _step(table: Table, checks: Sequence[Check], settings: Settings) -> dg.AssetChecksDefinition:
    """Build one step for all checks of a table, which opens the warehouse once.

    The checks have no partitions of their own, but take those of the run from its tags: Dagster
    1.13 shows a partitioned check that was evaluated for a range as "Skipped" for each of them.
    """

    @dg.multi_asset_check(
        name="__".join([*table.key, "checks"]),
        specs=[
            dg.AssetCheckSpec(
                check.name,
                asset=asset_key(table.key),
                description=check.description,
                blocking=check.blocking,
            )
            for check in checks
        ],
        can_subset=True,
    )
    @retrying(settings)
    def run_checks(
        context: dg.AssetCheckExecutionContext, warehouse: dg.ResourceParam[Warehouse]
    ) -> Iterator[dg.AssetCheckResult]:
        names = {key.name for key in context.selected_asset_check_keys}
        selected = [check for check in checks if check.name in names]
        found: dict[str, Finding] = {}
        with warehouse.reading() as connection:
            is_passed = _is_passed(connection, table, context)
            rows = CheckContext(table, keys_of(context.run.tags), Queries(connection), is_passed)
            for check in selected:
                found[check.name] = _evaluate(check, rows, warehouse)
                if check.blocking and found[check.name].verdict == "failed":
                    ending = lines_of(asset_key(table.key), check.name, found[check.name].ending)
                    context.log.error("\n".join(ending))
                yield result_of(check, table, found[check.name])
            verdicts = _verdicts(connection, rows, selected, found, warehouse)
        _record(warehouse, verdicts, {check.name for check in checks if check.blocking})

    return run_checks


def _is_passed(
    connection: duckdb.DuckDBPyConnection, table: Table, context: dg.AssetCheckExecutionContext
) -> bool:
    """Return whether the run left a table as it was, which has passed its blocking checks.

    Checks that are executed without their table look at the rows in any case.
    """
    return bool(
        table.incremental
        and asset_key(table.key) in context.job_def.asset_layer.selected_asset_keys
        and not audit_log.writes_within(connection, table.name, None)
    )


def _evaluate(check: Check, rows: CheckContext, warehouse: Warehouse) -> Finding:
    try:
        return check.evaluate(rows)
    except MissingTableError as error:
        raise WarehouseError(
            f"{rows.table.name}: a table that check '{check.name}' reads is missing in "
            f"{warehouse.path}; materialize it first. DuckDB says: {error}"
        ) from error


def _verdicts(
    connection: duckdb.DuckDBPyConnection,
    rows: CheckContext,
    selected: Sequence[Check],
    found: Mapping[str, Finding],
    warehouse: Warehouse,
) -> dict[audit_log.Write, dict[str, bool]]:
    """Return, by write that the run's rows hold, which of the blocking checks hold for it."""

    def holds(check: Check, write: audit_log.Write) -> bool:
        span = write.first, write.last
        of_write = (
            found[check.name] if rows.judges(*span) else _evaluate(check, rows.of(*span), warehouse)
        )
        return of_write.verdict != "failed"

    keys = None if rows.is_all else rows.keys
    return {
        write: {check.name: holds(check, write) for check in selected if check.blocking}
        for write in audit_log.writes_within(connection, rows.table.name, keys)
    }


def _record(
    warehouse: Warehouse,
    verdicts: Mapping[audit_log.Write, Mapping[str, bool]],
    required: set[str],
) -> None:
    """Record the verdicts in the audit log; a table without blocking checks has passed."""
    if not any(verdicts.values()) and (required or not verdicts):
        return
    with warehouse.session() as connection, warehouse.transaction(connection):
        for write, holding in verdicts.items():
            audit_log.record_verdicts(connection, write, holding, required)
