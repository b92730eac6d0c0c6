"""The published snapshot: every gold table that passed its checks, for readers.

Which tables may be published is decided in `selection`. How a snapshot is written and replaced
belongs in `warehouse.snapshot` and `warehouse.published`.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import duckdb
from pydantic import Field

from movies_assets.core.contract import Contract
from movies_assets.core.markdown import as_markdown
from movies_assets.core.table import Table
from movies_assets.orchestration.assets import OWNERS, asset_key
from movies_assets.orchestration.partitions import BACKFILL
from movies_assets.orchestration.publishing import meta
from movies_assets.orchestration.publishing.selection import Before, Selection, select
from movies_assets.orchestration.retries import retrying
from movies_assets.privacy.identifiers import USER_KEY
from movies_assets.settings import Settings
from movies_assets.warehouse import audit_log
from movies_assets.warehouse.database import WRITER_POOL, Warehouse
from movies_assets.warehouse.meta import CONTRACTS
from movies_assets.warehouse.published import Published
from movies_assets.warehouse.snapshot import (
    Filled,
    Reused,
    stored_before,
    unchanged,
    write_snapshot,
)

KEY = dg.AssetKey(["serving", "published_warehouse"])
GROUP = "serving"
AUDITED = "audited"
# Tags of a run that leaves publishing to one that follows at once, as all but the last of `make
# run` do.
LATER = {"movies_assets/publish": "later"}


class PublishConfig(dg.Config):
    """The choices of a person for a single run."""

    confirm_empty: bool = Field(
        default=False,
        description="Publish tables that were never written in this warehouse as empty, although "
        "the snapshot before has rows of them, and those that have lost most of their rows with an "
        "earlier warehouse as they are.",
    )


def published_tables(tables: Mapping[str, Table]) -> dict[str, Table]:
    """Return the tables that are published: those of gold that name no person.

    A keyed hash may be in them, by which the dashboard identifies single users.
    """
    return {
        name: table
        for name, table in tables.items()
        if table.key.layer == "gold"
        and table.contract.personal() & table.contract.types().keys() <= {USER_KEY}
    }


def shared_tables(tables: Mapping[str, Table]) -> dict[str, Table]:
    """Return the published tables that leave for other systems: those without data of single users.

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

    # `can_subset`, though there is nothing to choose: otherwise Dagster demands a verdict of the
    # check also where nothing was looked at.
    @dg.multi_asset(
        name="published_warehouse",
        specs=[_spec(tables)],
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
    @retrying(settings)
    def published_warehouse(
        context: dg.AssetExecutionContext,
        config: PublishConfig,
        warehouse: dg.ResourceParam[Warehouse],
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        # A run that repeats one of `make run` is followed by none.
        if context.run.tags.items() >= LATER.items() and not context.run.parent_run_id:
            context.log.info("Publishing is left to the run that follows.")
            return
        publication = Publication(
            settings, warehouse, tables, specs, context.instance, context.run_id
        )
        if not context.selected_asset_keys:
            found = publication.look()
        else:
            if config.confirm_empty:
                publication.confirm_empty()
            found, result = publication.publish(confirmed=config.confirm_empty)
            if result:
                yield result
        if found.blocked:
            context.log.warning(found.reason)
        if context.selected_asset_check_keys:
            yield _audited(found)

    return published_warehouse


def _spec(tables: Mapping[str, Table]) -> dg.AssetSpec:
    # A backfill of all assets then publishes last, for any days.
    whole = dg.AllPartitionMapping()
    return dg.AssetSpec(
        KEY,
        group_name=GROUP,
        owners=OWNERS,
        kinds={"duckdb"},
        description="The gold tables and their metadata (schema `meta`), in a read-only DuckDB "
        "file of its own name; the file CURRENT names the newest one. A table that has not passed "
        "its blocking checks since it was written keeps the rows that were published before, and "
        "so do all that share a table with it.",
        deps=[
            dg.AssetDep(asset_key(table.key), partition_mapping=whole)
            for table in published_tables(tables).values()
        ],
        skippable=True,
    )


def _audited(found: Selection) -> dg.AssetCheckResult:
    """Return the verdict: red where nothing could be published, a warning where not all could."""
    severity = dg.AssetCheckSeverity.ERROR if found.is_refused else dg.AssetCheckSeverity.WARN
    return dg.AssetCheckResult(
        passed=not found.blocked,
        severity=severity,
        check_name=AUDITED,
        description=found.reason if found.blocked else "holds",
    )


@dataclass(frozen=True)
class Publication:
    """The publication of one run.

    Attributes:
        settings: where snapshots are published, and how many of them are kept.
        warehouse: where the tables are.
        tables: all tables, by name.
        checks: all checks.
        instance: Dagster's history.
        run_id: the run.
    """

    settings: Settings
    warehouse: Warehouse
    tables: Mapping[str, Table]
    checks: Sequence[dg.AssetCheckSpec]
    instance: dg.DagsterInstance
    run_id: str

    def look(self) -> Selection:
        """Return the tables that could be published.

        Raises:
            WarehouseError: there is no warehouse, or it cannot be read.
        """
        with self._selecting() as (_, found, _):
            return found

    def confirm_empty(self) -> None:
        """Create the published tables that were never written, empty, and record it.

        Raises:
            WarehouseError: the warehouse cannot be written.
        """
        with self.warehouse.session() as connection, self.warehouse.transaction(connection):
            audit_log.accept_empty(connection, self._contracts, self.run_id)

    def publish(
        self, *, confirmed: bool = False
    ) -> tuple[Selection, dg.MaterializeResult[None] | None]:
        """Publish the tables that have passed their checks; of others the rows published before.

        Args:
            confirmed: whether a person has confirmed that the warehouse has all rows there are.

        Returns:
            The selection, and the result for the UI; None where nothing may be published.

        Raises:
            WarehouseError: the warehouse cannot be read, or the snapshot cannot be written.
        """
        started = time.perf_counter()
        with (
            self._published.alone(),
            self._selecting(confirmed=confirmed) as (connection, first, before),
        ):
            found = first
            while not found.is_refused:
                path, filled = self._write(connection, found, before)
                if not filled.orphans:
                    snapshot = self._published.put(path)
                    self._published.keep(self.settings.published.keep)
                    return found, _result(found, snapshot, filled, time.perf_counter() - started)
                found = found.without(filled.orphans)
            return found, None

    @property
    def _published(self) -> Published:
        return Published(self.settings.published_folder)

    @property
    def _contracts(self) -> dict[str, type[Contract]]:
        public = published_tables(self.tables)
        return {name: table.contract for name, table in public.items()}

    @contextmanager
    def _selecting(
        self, *, confirmed: bool = False
    ) -> Iterator[tuple[duckdb.DuckDBPyConnection, Selection, Before]]:
        """Open the warehouse and the snapshot before, and select from them."""
        with (
            self.warehouse.reading() as connection,
            self._published.attached(connection) as is_attached,
        ):
            before = Before()
            if is_attached:
                before = Before(meta.tables_before(connection), stored_before(connection))
            strict = self.settings.published.strict
            found = select(
                connection,
                self.tables,
                self._contracts,
                before,
                strict=strict,
                confirmed=confirmed,
            )
            yield connection, found, before

    def _write(
        self, connection: duckdb.DuckDBPyConnection, found: Selection, before: Before
    ) -> tuple[Path, Filled]:
        """Write an unfinished snapshot."""
        path, now = self._published.unfinished(self.run_id), datetime.now(UTC)
        rows = meta.tables_frame(connection, self.tables, self._contracts, now, self.instance)
        metadata = {
            "snapshot": meta.snapshot_frame(self._published.finished(path).stem, now, self.run_id),
            "tables": meta.carry_forward(rows, found.held, before.tables),
            "columns": meta.columns_frame(self.tables),
            "lineage": meta.lineage_frame(self.tables),
            "column_lineage": meta.column_lineage_frame(self.tables),
            "days": meta.days_frame(connection, self.tables),
            "checks": meta.checks_frame(self.checks, self.instance),
            "runs": meta.runs_frame(self.instance),
            "quarantine": meta.quarantine_frame(connection, self.tables),
        }
        reused = Reused(
            carried={name: before.types.get(name, {}) for name in found.held},
            kept=unchanged(connection, self._contracts, before.types, found.held),
        )
        filled = write_snapshot(connection, path, self._contracts, CONTRACTS, metadata, reused)
        return path, filled


def _result(
    found: Selection, snapshot: Path, filled: Filled, seconds: float
) -> dg.MaterializeResult[None]:
    shown = [{"table": name, "rows": number} for name, number in filled.rows.items()]
    held = [{"table": name, "held back by": str(reason)} for name, reason in found.held.items()]
    return dg.MaterializeResult(
        metadata={
            "snapshot": dg.MetadataValue.path(str(snapshot)),
            "bytes": snapshot.stat().st_size,
            "dagster/row_count": sum(filled.rows.values()),
            "seconds": round(seconds, 3),
            "tables": dg.MetadataValue.md(as_markdown(shown)),
            "held back": dg.MetadataValue.md(as_markdown(held)),
        }
    )
