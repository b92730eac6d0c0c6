"""The published snapshot: every gold table that passed its checks, for readers.

Which tables may be published, and when, is decided here. How a snapshot is written and replaced
belongs in `warehouse.published`.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

import dagster as dg
import duckdb

from movies_assets.assets.serving import meta
from movies_assets.checks.base import markdown
from movies_assets.partitions import BACKFILL
from movies_assets.settings import Settings
from movies_assets.table import OWNERS, WRITER_POOL, Table
from movies_assets.traces import USER_KEY
from movies_assets.warehouse import ledger
from movies_assets.warehouse.database import Warehouse
from movies_assets.warehouse.published import Published
from movies_assets.warehouse.snapshot import misfits, write_snapshot

KEY = dg.AssetKey(["serving", "published_warehouse"])
GROUP = "serving"
AUDITED = "audited"
# Tags of a run that leaves publishing to one that follows at once, as all but the last of `make
# run` do.
LATER = {"movies_assets/publish": "later"}
SHOWN = 10


def published_tables(tables: Mapping[str, Table]) -> dict[str, Table]:
    """Return the tables that are published: those of gold that name nobody.

    A keyed hash may be in them: who has to know a single user, the dashboard, knows him by that.
    """
    return {
        name: table
        for name, table in tables.items()
        if table.key.path[0] == "gold"
        and table.contract.personal() & table.contract.types().keys() <= {USER_KEY}
    }


def shared_tables(tables: Mapping[str, Table]) -> dict[str, Table]:
    """Return the published tables that leave for other systems: those that tell of no single user.

    So forgetting a person has one place to go to beyond the warehouse, the snapshots
    (docs/decisions/0018-what-is-shared.md).
    """
    return {
        name: table
        for name, table in published_tables(tables).items()
        if not table.contract.personal()
    }


def published_asset(
    settings: Settings,
    tables: Mapping[str, Table],
    checks: Iterable[dg.AssetChecksDefinition],
) -> dg.AssetsDefinition:
    """Build the asset of the published snapshot.

    Args:
        settings: where it is published.
        tables: all tables, by name.
        checks: the checks of all tables, whose state is published with them.
    """
    specs = [spec for definition in checks for spec in definition.check_specs]
    newest = dg.LastPartitionMapping()

    # `can_subset`, though there is nothing to choose: otherwise Dagster demands a verdict of the
    # check also where nothing was looked at.
    @dg.multi_asset(
        name="published_warehouse",
        specs=[
            dg.AssetSpec(
                KEY,
                group_name=GROUP,
                owners=OWNERS,
                kinds={"duckdb"},
                description="The gold tables, and what is known about them (schema `meta`), in a "
                "read-only DuckDB file of its own name; the file CURRENT names the newest one. "
                "Nothing is published while any table of the warehouse has not passed its blocking "
                "checks since it was written.",
                deps=[
                    dg.AssetDep(table.key, partition_mapping=newest)
                    for table in published_tables(tables).values()
                ],
                skippable=True,
            )
        ],
        check_specs=[
            dg.AssetCheckSpec(
                AUDITED,
                asset=KEY,
                description="Every table of the warehouse has passed its blocking checks since it "
                "was written, and what is published fits together.",
            )
        ],
        can_subset=True,
        backfill_policy=BACKFILL,
        pool=WRITER_POOL,
    )
    def published_warehouse(
        context: dg.AssetExecutionContext, warehouse: dg.ResourceParam[Warehouse]
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        # A run that repeats one of `make run` has nobody that follows.
        if context.run.tags.items() >= LATER.items() and not context.run.parent_run_id:
            context.log.info("Publishing is left to the run that follows.")
            return
        if context.selected_asset_keys:
            found = publish(settings, warehouse, tables, specs, context.instance, context.run_id)
        else:
            found = obstacles(warehouse, tables)
        if isinstance(found, dg.MaterializeResult):
            yield found
            found = []
        reason = refusal(found) if found else "holds"
        if found:
            context.log.warning(reason)
        if context.selected_asset_check_keys:
            yield dg.AssetCheckResult(passed=not found, check_name=AUDITED, description=reason)

    return published_warehouse


def publish(
    settings: Settings,
    warehouse: Warehouse,
    tables: Mapping[str, Table],
    checks: Sequence[dg.AssetCheckSpec],
    instance: dg.DagsterInstance,
    run_id: str,
) -> dg.MaterializeResult[None] | list[str]:
    """Publish a snapshot of what is in the warehouse, if all of it has passed its checks.

    Args:
        settings: where, and how many snapshots are kept.
        warehouse: where the tables are.
        tables: all tables, by name.
        checks: all checks.
        instance: Dagster's history.
        run_id: the run.

    Returns:
        What the UI is told; or what stands in the way.

    Raises:
        WarehouseError: the snapshot cannot be written.
    """
    started = time.perf_counter()
    published, public = Published(settings.published_folder), published_tables(tables)
    contracts = {name: table.contract for name, table in public.items()}
    with published.alone(), warehouse.reading() as connection:
        if found := _obstacles(connection, tables):
            return found
        path = published.unfinished(run_id)
        told = {
            "snapshot": meta.snapshot(published.finished(path).stem, datetime.now(UTC), run_id),
            "tables": meta.tables_of(connection, tables, public, instance),
            "columns": meta.columns_of(tables),
            "lineage": meta.lineage_of(tables),
            "checks": meta.checks_of(checks, instance),
            "runs": meta.runs_of(instance),
            "quarantine": meta.quarantine_of(connection, tables),
        }
        filled = write_snapshot(connection, path, contracts, meta.CONTRACTS, told)
        if filled.orphans:
            return [f"{name}: {rows} rows point at none" for name, rows in filled.orphans.items()]
        snapshot = published.put(path)
        published.keep(settings.published.keep)
    shown = [{"table": name, "rows": number} for name, number in filled.rows.items()]
    return dg.MaterializeResult(
        metadata={
            "snapshot": dg.MetadataValue.path(str(snapshot)),
            "bytes": snapshot.stat().st_size,
            "dagster/row_count": sum(filled.rows.values()),
            "seconds": round(time.perf_counter() - started, 3),
            "tables": markdown(shown),
        }
    )


def obstacles(warehouse: Warehouse, tables: Mapping[str, Table]) -> list[str]:
    """Return what is known, before a snapshot is written, to stand in the way of publishing."""
    with warehouse.reading() as connection:
        return _obstacles(connection, tables)


def _obstacles(connection: duckdb.DuckDBPyConnection, tables: Mapping[str, Table]) -> list[str]:
    # Of all tables, also those that are not published: a gold table that reads all days of silver
    # carries the rows of a day that failed there.
    unaudited = [f"{write}: not audited" for write in ledger.unaudited(connection, tables)]
    contracts = {name: table.contract for name, table in published_tables(tables).items()}
    misfit = [f"{name}: not as its contract says" for name in misfits(connection, contracts)]
    return [*unaudited, *misfit]


def refusal(obstacles: Sequence[str]) -> str:
    """Say why nothing was published, and what to do."""
    named = "; ".join(obstacles[:SHOWN])
    others = len(obstacles) - SHOWN
    return (
        f"Nothing was published; readers keep the snapshot before. In the way stand: "
        f"{named}{f'; and {others} more' if others > 0 else ''}. What is not audited has not "
        "passed its blocking checks since it was written: mend what made them red and "
        "materialize these partitions again, or execute the table's checks, where a run ended "
        "before them. Where a reference points at no row, or columns are not those of the "
        "contract, materialize that table again. What cannot be mended can be accepted "
        "(README, A red check). Then run the job `publish`."
    )
