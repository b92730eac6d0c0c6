"""Small tables, and the two IO managers that tests store them with."""

import gc
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import ibis.expr.datatypes as dt
import pandas as pd
import pytest
from dagster_duckdb_pandas import DuckDBPandasIOManager

from movies_assets.core.contract import Contract, column
from movies_assets.core.partitions import Partitions
from movies_assets.core.table import Table, by_name, table
from movies_assets.orchestration.assets import asset_key, asset_of
from movies_assets.orchestration.io_manager import WarehouseIOManager
from movies_assets.orchestration.partitions import BACKFILL, partitions_def
from movies_assets.settings import Settings
from movies_assets.warehouse.database import Warehouse

MONDAY, TUESDAY, WEDNESDAY = "2025-01-06", "2025-01-07", "2025-01-08"
SETTINGS = Settings()
DAYS = Partitions("days", "day", lambda _: date(2025, 1, 1))


class Visit(Contract):
    """One row a visit."""

    visit_id: int = column("Number of the visit.", key=True)
    day: dt.Date = column("Day of the visit: the partition.")
    guest: str = column("Who came; it's a name.", nullable=True)
    host: str = column("Who was visited.", nullable=True)


def visit(visit_id: int, day: str, **changes: Any) -> dict[str, Any]:
    row = {"visit_id": visit_id, "day": pd.Timestamp(day), "guest": "Ada", "host": "Bob"}
    return {**row, **changes}


def frame(*rows: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=[*rows[0]] if rows else [*Visit.types()])


def visits(rows: Any = None, *, fill: Callable[..., Any] | None = None, **properties: Any) -> Table:
    """Return the table `bronze.visits`, filled with the given rows or by a function."""

    def give() -> Any:
        return rows

    function = fill or give
    function.__name__ = properties.pop("name", "visits")
    described = {
        "layer": "bronze",
        "group": "test",
        "contract": Visit,
        "partitions": DAYS,
        "partition_column": "day",
        **properties,
    }
    return table(**described)(function)


def partition_tags(days: tuple[str, ...]) -> dict[str, str]:
    """Name one day, or a first and a last day, as Dagster's run tags do."""
    if len(days) == 1:
        return {"dagster/partition": days[0]}
    bounds = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
    return dict(zip(bounds, days, strict=True)) if days else {}


@dataclass
class Store:
    """An IO manager on a database file of its own."""

    path: Path
    is_ours: bool
    options: dict[str, Any]

    def manager(self, tables: Sequence[Table]) -> Any:
        if not self.is_ours:
            return DuckDBPandasIOManager(database=str(self.path), **self.options)
        warehouse = Warehouse(self.path, **self.options)
        return WarehouseIOManager(warehouse, by_name(tables), Settings(data_dir=self.path.parent))

    def asset(self, item: Table) -> dg.AssetsDefinition:
        """Return the table's asset, with the metadata by which the stock manager selects days."""
        asset = asset_of(item, SETTINGS)
        expression = {"partition_expr": item.partition_column or "NULL"}
        return asset.map_asset_specs(lambda spec: spec.merge_attributes(metadata=expression))

    def write(
        self, *tables: Table, days: tuple[str, ...] = (MONDAY,), **options: Any
    ) -> dg.ExecuteInProcessResult:
        """Materialize tables for one day, for a first and a last day, or (no days) as a whole."""
        return dg.materialize(
            [self.asset(item) for item in tables],
            resources={"io_manager": self.manager(tables)},
            tags=partition_tags(days),
            **options,
        )

    def load(
        self, upper: Table, annotation: Any = pd.DataFrame, days: tuple[str, ...] = (MONDAY,)
    ) -> Any:
        """Return what a step below the table receives, while nothing is written."""
        seen = []

        def look(rows: Any) -> None:
            seen.append(rows)

        look.__annotations__["rows"] = annotation
        below = dg.asset(
            ins={"rows": dg.AssetIn(asset_key(upper.key))},
            partitions_def=partitions_def(DAYS, SETTINGS) if days else None,
            backfill_policy=BACKFILL if days else None,
        )(look)
        dg.materialize(
            [self.asset(upper), below],
            resources={"io_manager": self.manager([upper])},
            selection=[below],
            tags=partition_tags(days),
        )
        return seen[0]

    def try_to_write(self, *tables: Table, **options: Any) -> str:
        """Write, and return the whole error message; empty where there was none."""
        result = self.write(*tables, raise_on_error=False, **options)
        errors = [
            str(event.event_specific_data.error_display_string)
            for event in result.all_events
            if event.is_step_failure
        ]
        return "\n".join(errors)

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        if not self.is_ours:
            gc.collect()  # the stock manager leaves connections open after errors
        with duckdb.connect(str(self.path), read_only=True) as connection:
            return connection.execute(query).fetchall()

    def rows(self) -> list[tuple[Any, ...]]:
        found = self.sql("SELECT visit_id, day::DATE::VARCHAR FROM bronze.visits ORDER BY ALL")
        return [tuple(row) for row in found]


def stock_fails(raises: type[Exception] = AssertionError) -> pytest.MarkDecorator:
    """Prove a rule on our IO manager, and that the stock one breaks it."""
    stock = pytest.param(False, id="stock", marks=pytest.mark.xfail(strict=True, raises=raises))
    return pytest.mark.parametrize("is_ours", [stock, pytest.param(True, id="ours")])


@contextmanager
def held(path: Path, *, read_only: bool = False, seconds: float = 30) -> Iterator[int]:
    """Let another process hold a database file, and yield its id."""
    program = """
        import sys, time, duckdb
        with duckdb.connect(sys.argv[1], read_only=sys.argv[2] == "True"):
            print("held", flush=True)
            time.sleep(float(sys.argv[3]))
    """
    command = [sys.executable, "-c", textwrap.dedent(program), path, read_only, seconds]
    with subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE) as process:  # noqa: S603
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        try:
            yield process.pid
        finally:
            process.kill()
