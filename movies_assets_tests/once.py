"""What costs most of a test's time and is always the same, so that tests share it."""

import fcntl
import gc
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import dagster as dg
import ibis
import ibis.expr.types as ir
import pytest
from dagster._core.storage.event_log import in_memory as events_in_memory
from dagster._core.storage.runs import in_memory as runs_in_memory
from ibis.common.graph import Node
from ibis.expr.operations import Literal, SelfReference
from sqlalchemy.pool import SingletonThreadPool

from movies_assets import definitions
from movies_assets.core.table import Table
from movies_assets.definitions import TABLES
from movies_assets.orchestration.partitions import partitions_def
from movies_assets.settings import Settings


def folder_of_all_workers(
    factory: pytest.TempPathFactory, name: str, fill: Callable[[Path], None]
) -> Path:
    """Return a folder that one process of a test run fills for all of them.

    Test runs that have the same TESTS_FOLDER share the folders in it.

    Args:
        factory: where the test run has its folders.
        name: of the folder.
        fill: puts everything into it.
    """
    own = factory.getbasetemp()
    # The folders of parallel workers lie in one of the run; that of a lone process lies among runs.
    of_run = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    folder = Path(os.environ.get("TESTS_FOLDER", of_run)) / name
    is_filled = folder / "filled"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_filled.exists():
            shutil.rmtree(folder, ignore_errors=True)  # what a worker left that failed
            folder.mkdir()
            fill(folder)
            is_filled.touch()
    return folder


@contextmanager
def made_once() -> Iterator[None]:
    """Make what does not differ between tests once a process, instead of once a platform or run."""
    # Dagster's and Ibis' modules are a million objects: searching them for garbage took 10% of the
    # tests' time.
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ibis, "to_sql", _once_an_expression(ibis.to_sql))
        patch.setattr(definitions, "asset_of", _once_for_equal_partitions(definitions.asset_of))
        patch.setattr(definitions, "checks_of", _once_for_equal_partitions(definitions.checks_of))
        # To note its version, a storage in memory loads all migrations that it never needs, and it
        # connects to itself some 1,000 times a run.
        for module in (events_in_memory, runs_in_memory):
            patch.setattr(module, "stamp_alembic_rev", lambda *_: None)
            patch.setattr(module, "NullPool", SingletonThreadPool)
        yield


# Keys of partitions, which differ between runs of the same SQL.
DAY = re.compile(r"\d{4}-\d\d-\d\d")
QUOTED_DAY = re.compile(f"'({DAY.pattern})'")


def _once_an_expression(compile_: Callable[..., Any]) -> Callable[..., Any]:
    """Compile expressions once that differ in days only; the SQL gets the days of each."""
    compiled: dict[Any, tuple[str, list[str]]] = {}
    known: dict[Any, object] = {}

    def reuse(expression: ir.Expr, dialect: str, *, pretty: bool = True) -> str:
        shape, days = _shape(expression.op(), known)
        key = shape, len(days), dialect, pretty
        if key not in compiled:
            compiled[key] = str(compile_(expression, dialect=dialect, pretty=pretty)), days
        sql, known_days = compiled[key]
        if days == known_days:
            return sql
        replaced = dict(zip(known_days, days, strict=True))
        return QUOTED_DAY.sub(lambda day: f"'{replaced[day[1]]}'", sql)

    return reuse


def _shape(expression: Node, known: dict[Any, object]) -> tuple[object, list[str]]:
    """Return an object that is the same for expressions of the same SQL but for days; the days.

    Every `view()` differs from all others, so expressions that hold one are never equal.
    """
    views = count()
    days: dict[str, int] = {}

    def shape(node: Node, _: Any, **values: Any) -> object:
        if isinstance(node, SelfReference):
            values["identifier"] = next(views)
        elif (
            isinstance(node, Literal) and node.dtype.is_string() and DAY.fullmatch(node.value or "")
        ):
            values["value"] = ("day", days.setdefault(node.value, len(days)))
        key = (type(node), *(_hashable(value) for value in values.values()))
        return known.setdefault(key, object())

    return expression.map(shape)[expression], [*days]


def _hashable(value: Any) -> Any:
    return tuple(value.items()) if isinstance(value, dict) else value


def _once_for_equal_partitions(build: Callable[..., Any]) -> Callable[..., Any]:
    """Reuse what is built of a table of the project; of the settings only its partitions count."""
    built: dict[tuple[str, dg.PartitionsDefinition | None], Any] = {}

    def reuse(table: Table, *more: Any) -> Any:
        settings: Settings = more[-1]
        if table is not TABLES.get(table.name):
            return build(table, *more)
        key = (table.name, partitions_def(table.partitions, settings) if table.partitions else None)
        if key not in built:
            built[key] = build(table, *more)
        return built[key]

    return reuse
