"""The asset of a table that leaves as files. What it does belongs in `movies_assets.serving`."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import dagster as dg
from pydantic import SecretStr

from movies_assets.assets.serving.published import KEY, shared_tables
from movies_assets.serving.exports import Export, layout_of, reading
from movies_assets.settings import Settings
from movies_assets.table import OWNERS, Table
from movies_assets.warehouse.database import Warehouse
from movies_assets.warehouse.published import Published

# Writes a table to a URL; returns what the UI is told of it.
Write = Callable[[dg.AssetExecutionContext, Export, str], Mapping[str, Any]]


def export_assets(
    settings: Settings, tables: Mapping[str, Table], kind: str, setting: str, write: Write
) -> list[dg.AssetsDefinition]:
    """Build an asset of each table that is published and tells of no single user.

    Args:
        settings: where to.
        tables: all tables, by name.
        kind: what is written: `parquet`, `delta`.
        setting: which of the settings `exports` says where to; unset, nothing is done.
        write: does it.
    """
    url: SecretStr | None = getattr(settings.exports, setting)

    def build(table: Table) -> dg.AssetsDefinition:
        divided = ", ".join(layout_of(table).columns[: None if kind == "parquet" else 1])

        @dg.asset(
            key=["serving", f"{kind}_{table.key.path[-1]}"],
            group_name=f"serving_{kind}",
            owners=OWNERS,
            kinds={kind},
            tags={"source": table.group},
            description=f"{table.name} of the published snapshot, "
            f"{f'divided by {divided}' if divided else 'undivided'}, in the folder that "
            f"MOVIES_EXPORTS__{setting.upper()} names; skipped where that is unset. Written only "
            f"where it has changed.",
            deps=[
                KEY,
                dg.AssetDep(table.key, partition_mapping=dg.LastPartitionMapping()),
            ],
            output_required=False,
            # Two runs at once would both write, and one of them for nothing.
            pool=f"serving_{kind}",
        )
        def export(
            context: dg.AssetExecutionContext, warehouse: dg.ResourceParam[Warehouse]
        ) -> Iterator[dg.MaterializeResult[None]]:
            if url is None:
                context.log.info(
                    "skipped: MOVIES_EXPORTS__%s is not set, so no %s is written",
                    setting.upper(),
                    kind.capitalize(),
                )
                return
            started = time.perf_counter()
            snapshot = Published(settings.published_folder).current()
            with reading(warehouse, snapshot) as connection:
                told = write(
                    context, Export(table, connection, snapshot.stem), url.get_secret_value()
                )
            seconds = round(time.perf_counter() - started, 3)
            yield dg.MaterializeResult(
                metadata={"snapshot": snapshot.stem, "seconds": seconds, **told}
            )

        return export

    return [build(table) for table in shared_tables(tables).values()]
