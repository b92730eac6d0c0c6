"""The published snapshot: every gold table that passed its checks, for readers.

Which tables may be published, and when, is decided here. How a snapshot is written and replaced
belongs in `warehouse.published`.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

import dagster as dg

from movies_assets.assets.serving import meta
from movies_assets.checks.base import markdown
from movies_assets.settings import Settings
from movies_assets.table import OWNERS, WRITER_POOL, Table
from movies_assets.traces import USER_KEY
from movies_assets.warehouse import ledger
from movies_assets.warehouse.database import Warehouse
from movies_assets.warehouse.published import Published
from movies_assets.warehouse.snapshot import write_snapshot

KEY = dg.AssetKey(["serving", "published_warehouse"])
GROUP = "serving"
AUDITED = "audited"
# Tags of a run that leaves publishing to one that follows at once, as all but the last of `make
# run` do.
LATER = {"movies_assets/publish": "later"}
SHOWN_WRITES = 10


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


def audited_tables(tables: Mapping[str, Table]) -> set[str]:
    """Return the tables whose checks decide: the published ones, and all that they are made from.

    A gold table that reads all days of silver would carry the rows of a day that failed there.
    """
    found: set[str] = set()
    waiting = [*published_tables(tables)]
    while waiting:
        name = waiting.pop()
        if name in tables and name not in found:
            found.add(name)
            waiting += tables[name].upstream()
    return found


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
                "Nothing is published while a blocking check of a table, or of one that it is "
                "made from, has not passed since that was written.",
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
                description="Every table that is published, and every table that those are made "
                "from, has passed its blocking checks since it was written.",
            )
        ],
        can_subset=True,
        pool=WRITER_POOL,
    )
    def published_warehouse(
        context: dg.AssetExecutionContext, warehouse: dg.ResourceParam[Warehouse]
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        if context.run.tags.items() >= LATER.items():
            context.log.info("Publishing is left to the run that follows.")
            return
        found = publish(settings, warehouse, tables, specs, context.instance, context.run_id)
        if isinstance(found, dg.MaterializeResult):
            yield found
            yield dg.AssetCheckResult(passed=True, check_name=AUDITED, description="holds")
        else:
            reason = refusal(found)
            context.log.warning(reason)
            yield dg.AssetCheckResult(passed=False, check_name=AUDITED, description=reason)

    return published_warehouse


def publish(
    settings: Settings,
    warehouse: Warehouse,
    tables: Mapping[str, Table],
    checks: Sequence[dg.AssetCheckSpec],
    instance: dg.DagsterInstance,
    run_id: str,
) -> dg.MaterializeResult[None] | list[ledger.Write]:
    """Publish a snapshot of what is in the warehouse, if all of it has passed its checks.

    Args:
        settings: where, and how many snapshots are kept.
        warehouse: where the tables are.
        tables: all tables, by name.
        checks: all checks.
        instance: Dagster's history.
        run_id: the run.

    Returns:
        What the UI is told; or the writes that have not passed their checks.
    """
    started, now = time.perf_counter(), datetime.now(UTC)
    published, public = Published(settings.published_folder), published_tables(tables)
    with published.alone(), warehouse.reading() as connection:
        if unaudited := ledger.unaudited(connection, audited_tables(tables)):
            return unaudited
        path = published.unfinished(now, run_id)
        told = {
            "snapshot": meta.snapshot(published.finished(path).stem, now, run_id),
            "tables": meta.tables_of(connection, tables, public, instance),
            "columns": meta.columns_of(tables),
            "lineage": meta.lineage_of(tables),
            "checks": meta.checks_of(checks, instance),
            "runs": meta.runs_of(instance),
            "quarantine": meta.quarantine_of(connection, tables),
        }
        contracts = {name: table.contract for name, table in public.items()}
        rows = write_snapshot(connection, path, contracts, meta.CONTRACTS, told)
        snapshot = published.put(path)
        published.keep(settings.published.keep)
    shown = [{"table": name, "rows": number} for name, number in rows.items()]
    return dg.MaterializeResult(
        metadata={
            "snapshot": dg.MetadataValue.path(str(snapshot)),
            "bytes": snapshot.stat().st_size,
            "dagster/row_count": sum(rows.values()),
            "seconds": round(time.perf_counter() - started, 3),
            "tables": markdown(shown),
        }
    )


def refusal(unaudited: Sequence[ledger.Write]) -> str:
    """Say why nothing was published, and what to do."""
    named = "; ".join(map(str, unaudited[:SHOWN_WRITES]))
    others = len(unaudited) - SHOWN_WRITES
    return (
        f"Nothing was published; readers keep the snapshot before. These writes have not passed "
        f"their table's blocking checks: {named}{f'; and {others} more' if others > 0 else ''}. "
        "Look at the checks in the UI, mend the cause and materialize these partitions again; or "
        "execute the table's checks, where the run ended before them. Then run the job `publish`."
    )
