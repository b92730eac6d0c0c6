"""A Delta table of every published table. How they are written belongs in `serving.delta`."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from movies_assets.core.table import Table
from movies_assets.orchestration.publishing.exports import export_assets
from movies_assets.serving.exports import Export, shown
from movies_assets.settings import Settings

SHOWN_DIVISIONS = 20


def delta_assets(settings: Settings, tables: Mapping[str, Table]) -> dg.AssetsDefinition:
    """Build the assets of the Delta tables.

    Args:
        settings: where they are written to.
        tables: all tables, by name.
    """

    def write(context: dg.AssetExecutionContext, export: Export, url: str) -> Mapping[str, Any]:
        from movies_assets.serving import delta  # noqa: PLC0415 (only runs need it)

        written = delta.write(export, url, settings.exports.delta_retention_hours, context.log.info)
        place = f"{shown(url).rstrip('/')}/{export.name}"
        if written is None:
            return {"table": place, "outcome": "unchanged"}
        return {
            "table": place,
            "outcome": "written",
            "version": written.version,
            "rows written": written.rows,
            "divisions written": len(written.divisions),
            "first of them": ", ".join(written.divisions[:SHOWN_DIVISIONS]),
            "files removed": written.files_removed,
        }

    return export_assets(settings, tables, "delta", "delta_url", write)
