"""The targets of published tables beyond the snapshot: only those that settings name have assets.

Otherwise the UI would show assets that never were materialized, and a job that does nothing.
"""

from collections.abc import Mapping

import dagster as dg

from movies_assets.core.table import Table
from movies_assets.orchestration.publishing.delta import delta_assets
from movies_assets.orchestration.publishing.parquet import parquet_assets
from movies_assets.orchestration.publishing.postgres import postgres_assets
from movies_assets.orchestration.publishing.powerbi import powerbi_assets
from movies_assets.settings import Settings


def target_assets(settings: Settings, tables: Mapping[str, Table]) -> list[dg.AssetsDefinition]:
    """Build the assets of all targets that are set.

    Args:
        settings: which targets.
        tables: all tables, by name.
    """
    exports = settings.exports
    return [
        *([parquet_assets(settings, tables)] if exports.parquet_url else []),
        *([delta_assets(settings, tables)] if exports.delta_url else []),
        *(postgres_assets(settings, tables) if settings.postgres_url else []),
        *(powerbi_assets(settings, tables) if settings.powerbi.dataset_id else []),
    ]


def are_set(settings: Settings) -> bool:
    """Return whether there is any target."""
    exports = settings.exports
    targets = exports.parquet_url, exports.delta_url, settings.postgres_url
    return any((*targets, settings.powerbi.dataset_id))
