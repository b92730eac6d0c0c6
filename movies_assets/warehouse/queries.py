"""Execute the queries of checks with DuckDB."""

from typing import Any

import duckdb
import ibis.expr.types as ir

from movies_assets.core.check import MissingTableError
from movies_assets.core.contract import Contract
from movies_assets.warehouse.bitmap import are_distinct
from movies_assets.warehouse.schema import stored_types
from movies_assets.warehouse.sql import compile_sql
from movies_assets.warehouse.types import duckdb_type, same_type


class Queries:
    """Executes the queries of checks on an open connection.

    Args:
        connection: the warehouse is attached to it.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def fetch(self, query: ir.Table) -> list[dict[str, Any]]:
        """Run a query and return its rows as dictionaries.

        Raises:
            MissingTableError: a table that the query reads does not exist.
        """
        try:
            cursor = self._connection.execute(compile_sql(query))
        except duckdb.CatalogException as error:
            raise MissingTableError(str(error)) from error
        names = [item[0] for item in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def has(self, name: str) -> bool:
        """Return whether a table exists."""
        return bool(stored_types(self._connection, name))

    def are_distinct(self, numbers: ir.IntegerColumn) -> bool:
        """Return whether all values of an integer column are known, and no two are equal."""
        return are_distinct(self._connection, numbers)

    def schema_mismatches(self, name: str, contract: type[Contract]) -> list[dict[str, str]]:
        """Return the columns of a table whose stored types are not those of the contract."""
        stored, wanted = stored_types(self._connection, name), contract.types()
        unknown = () if contract.allows_new_columns() else stored
        return [
            {
                "column": column,
                "expected": duckdb_type(wanted[column]) if column in wanted else "no such column",
                "actual": stored.get(column, "missing"),
            }
            for column in dict.fromkeys([*wanted, *unknown])
            if column not in wanted or not same_type(stored.get(column), wanted[column])
        ]
