"""The warehouse as a Dagster resource: it shows in the UI with its file and its limits."""

from dataclasses import replace
from pathlib import Path

import dagster as dg
from pydantic import Field

from movies_assets.core.settings import Positive
from movies_assets.settings import Memory, Size
from movies_assets.warehouse.database import Warehouse, WarehouseError


class WarehouseResource(dg.ConfigurableResource[Warehouse]):
    """The DuckDB file with all tables. A run's config may change the limits."""

    held: dg.ResourceDependency[Warehouse]
    path: str = Field(description="The file; a run cannot change it.")
    memory_limit: Memory = Field(description="DuckDB's memory limit; the excess goes to disk.")
    spill_limit: Size = Field(description="The most that goes to disk at once.")
    threads: int = Field(ge=1, description="DuckDB's threads.")
    lock_wait_seconds: Positive = Field(description="Time to wait for another process.")

    def create_resource(self, context: dg.InitResourceContext) -> Warehouse:  # noqa: ARG002
        """Return the warehouse with the limits of the run.

        Raises:
            WarehouseError: the config of the run names another file.
        """
        if Path(self.path) != self.held.path:
            raise WarehouseError(
                f"a run cannot use another warehouse than {self.held.path}, because schedules and "
                "sensors read this one. Set MOVIES_WAREHOUSE__PATH, and restart."
            )
        return replace(
            self.held,
            memory_limit=self.memory_limit,
            spill_limit=self.spill_limit,
            threads=self.threads,
            lock_wait_seconds=self.lock_wait_seconds,
        )


def warehouse_resource(warehouse: Warehouse) -> WarehouseResource:
    """Return the resource of a warehouse, with its limits."""
    return WarehouseResource(
        held=warehouse,
        path=str(warehouse.path),
        memory_limit=warehouse.memory_limit,
        spill_limit=warehouse.spill_limit,
        threads=warehouse.threads,
        lock_wait_seconds=warehouse.lock_wait_seconds,
    )
