"""Parquet files of every published table. How they are written belongs in `serving.parquet`."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from movies_assets.core.table import Table
from movies_assets.orchestration.publishing.exports import export_assets
from movies_assets.serving.exports import Export, shown
from movies_assets.settings import Settings


def parquet_assets(settings: Settings, tables: Mapping[str, Table]) -> dg.AssetsDefinition:
    """Build the assets of the Parquet files.

    Args:
        settings: where they are written to.
        tables: all tables, by name.
    """

    def write(context: dg.AssetExecutionContext, export: Export, url: str) -> Mapping[str, Any]:
        from movies_assets.serving import parquet  # noqa: PLC0415 (only runs need it)

        target = parquet.folder(url, settings.data_dir / "scratch" / "parquet")
        written = parquet.write(export, target, url, context.log.info)
        place = f"{shown(url).rstrip('/')}/{export.name}"
        if written is None:
            return {"folder": place, "outcome": "unchanged"}
        return {
            "folder": place,
            "outcome": "written",
            "files": len(written["files"]),
            "bytes": sum(written["files"].values()),
            "dagster/row_count": written["rows"],
        }

    return export_assets(settings, tables, "parquet", "parquet_url", write)
