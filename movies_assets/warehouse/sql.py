"""SQL of Ibis expressions, and the numbers that statements return."""

from collections.abc import Sequence

import duckdb
import ibis
import ibis.expr.types as ir
import sqlglot
from sqlglot.expressions import Column


def compile_sql(expression: ir.Expr, *, pretty: bool = False) -> str:
    """Compile an Ibis expression to DuckDB's SQL.

    Args:
        expression: a table, a column or a value.
        pretty: whether the text is broken into lines, which takes a fourth of the time.
    """
    return str(ibis.to_sql(expression, dialect="duckdb", pretty=pretty))


def condition(predicate: ir.BooleanValue) -> str:
    """Compile a condition on the rows of one table to the text behind WHERE in DuckDB's SQL."""
    query = sqlglot.parse_one(compile_sql(predicate), dialect="duckdb")
    found = query.expressions[0].unalias()
    for column in found.find_all(Column):
        column.set("table", None)
    return str(found.sql("duckdb"))


def number(
    connection: duckdb.DuckDBPyConnection, statement: str, parameters: Sequence[object] = ()
) -> int:
    """Run a statement and return its number: a count, or how many rows it changed."""
    row = connection.execute(statement, list(parameters)).fetchone()
    return int(row[0]) if row else 0
