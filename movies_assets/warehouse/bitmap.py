"""Values that are distinct, by a bitmap instead of a comparison."""

import duckdb
import ibis.expr.types as ir

from movies_assets.warehouse.sql import compile_sql

# Integers that share a piece of the bitmap, of 8 kB: only pieces with a value take memory.
PIECE_BITS = 16


def are_distinct(connection: duckdb.DuckDBPyConnection, numbers: ir.IntegerColumn) -> bool:
    """Return whether all values of an integer column are known, and no two are equal."""
    last = (1 << PIECE_BITS) - 1
    row = connection.execute(
        f"""
        SELECT coalesce(sum(rows) = sum(bit_count(bits)) AND bool_and(known), true)
        FROM (
            SELECT count(*) AS rows, bool_and(number IS NOT NULL) AS known,
                bitstring_agg(number & {last}, 0, {last}) AS bits
            FROM ({compile_sql(numbers.name("number"))})
            GROUP BY number >> {PIECE_BITS}
        )"""
    ).fetchone()
    return bool(row and row[0])
