"""How checks ask DuckDB."""

from typing import Any

import duckdb
import ibis.expr.types as ir

from movies_assets.warehouse.schema import stored_types
from movies_assets.warehouse.sql import compile_sql


class Queries:
    """Executes the queries of checks on an open connection.

    Args:
        connection: the warehouse is attached to it.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def fetch(self, query: str | ir.Table) -> list[dict[str, Any]]:
        """Run a query and return its rows as dictionaries."""
        sql = query if isinstance(query, str) else compile_sql(query)
        cursor = self._connection.execute(sql)
        names = [item[0] for item in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def stored_types(self, name: str) -> dict[str, str]:
        """Return a table's columns and types as DuckDB spells them; empty without such a table."""
        return stored_types(self._connection, name)
