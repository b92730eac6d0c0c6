"""All tables of the sources, and the warehouse that holds them."""

from movies_assets import sources
from movies_assets.core.table import by_name
from movies_assets.settings import Settings
from movies_assets.sources.shared.quality import data_quality_snapshot
from movies_assets.warehouse.database import Warehouse
from movies_assets.warehouse.engine import Function

_OF_SOURCES = [table for source in sources.load() for table in source.tables]
TABLES = by_name([*_OF_SOURCES, data_quality_snapshot(_OF_SOURCES)])


def open_warehouse(settings: Settings) -> Warehouse:
    """Return the warehouse that the settings name."""
    return Warehouse(
        path=settings.database,
        memory_limit=settings.warehouse.memory_limit,
        spill_limit=settings.warehouse.spill_limit,
        threads=settings.warehouse.threads,
        lock_wait_seconds=settings.warehouse.lock_wait_seconds,
        functions=tuple(
            Function(name, function)
            for source in sources.load()
            for name, function in source.functions(settings).items()
        ),
    )
