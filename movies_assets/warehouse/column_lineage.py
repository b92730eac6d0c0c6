"""Which columns of other tables a column is computed from, derived from the SQL of its table.

Deriving it for all tables takes a minute or two, so the result is kept in a file of the package,
which `python -m movies_assets column-lineage` writes; a test compares it with the code.
"""

import inspect
import json
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import sqlglot
from sqlglot.expressions import Table as SqlTable

from movies_assets.core.table import Table
from movies_assets.warehouse.sql import compile_sql
from movies_assets.warehouse.types import duckdb_types

if TYPE_CHECKING:
    from sqlglot.lineage import Node

KEPT = Path(__file__).with_name("column_lineage.json")
STACK_BYTES, DEEPEST = 2**29, 100_000


class Origin(NamedTuple):
    """A column that another one is computed from."""

    table: str
    column: str


Columns = Mapping[str, tuple[Origin, ...]]
Derived = dict[str, dict[str, tuple[Origin, ...]]]


def derive(table: Table, tables: Mapping[str, Table]) -> dict[str, tuple[Origin, ...]]:
    """Return the origins of each column of a table, sorted.

    Values only: columns that merely choose rows, in conditions and joins, are no origins. A column
    without any is a constant, a number of rows, or tells whether there are rows.

    Args:
        table: the table.
        tables: all tables, by name.

    Returns:
        An entry a column that the table's function computes; none where the function is more than
        an expression over tables, as in bronze.

    Raises:
        RecursionError: the query is nested too deeply for this thread, see `text`.
    """
    from sqlglot.lineage import lineage  # noqa: PLC0415 (only where it is derived)

    inputs = table.reads()
    if not inputs or inputs.keys() != inspect.signature(table.function).parameters.keys():
        return {}
    read = {parameter: tables[name] for parameter, name in inputs.items()}
    expression = table(**{name: above.contract.table(above.name) for name, above in read.items()})
    schema: dict[str, dict[str, dict[str, str]]] = {}
    for above in (*read.values(), table):  # some keep rows that they have stored before
        schema.setdefault(above.key.layer, {})[above.key.table] = duckdb_types(above.contract)
    query = sqlglot.parse_one(compile_sql(expression), dialect="duckdb")
    nodes = lineage(None, query, schema=schema, dialect="duckdb")
    return {
        name: tuple(sorted({one for one in _origins(nodes[name]) if one.table != table.name}))
        for name in table.contract.types()
    }


def _origins(node: "Node") -> Iterator[Origin]:
    for part in node.walk():
        if isinstance(part.expression, SqlTable) and part.expression.db:
            name = f"{part.expression.db}.{part.expression.name}"
            yield Origin(name, sqlglot.to_column(part.name).name)


def text(tables: Mapping[str, Table]) -> str:
    """Return the file for all tables."""
    derived = _deeply(lambda: {name: derive(table, tables) for name, table in tables.items()})
    lines = [
        f"{json.dumps(name)}: {json.dumps(columns)}" for name, columns in derived.items() if columns
    ]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _deeply(work: Callable[[], Derived]) -> Derived:
    """Do work with room for deep recursion: sqlglot calls itself for each level of a query."""
    size, depth = threading.stack_size(STACK_BYTES), sys.getrecursionlimit()
    sys.setrecursionlimit(DEEPEST)
    try:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(work).result()
    finally:
        sys.setrecursionlimit(depth)
        threading.stack_size(size)


@cache
def kept() -> Mapping[str, Columns]:
    """Return the origins of the columns of each table, as the file has them."""
    found = json.loads(KEPT.read_text(encoding="utf-8"))
    return {
        name: {
            column: tuple(Origin(*one) for one in origins) for column, origins in columns.items()
        }
        for name, columns in found.items()
    }
