"""Which rows of its bronze table a run of a table takes over."""

from typing import TYPE_CHECKING

import ibis
import ibis.expr.types as ir

if TYPE_CHECKING:
    from movies_assets.core.table import Table


def between(partition: ir.Column, keys: tuple[str, str] | None) -> ir.BooleanValue:
    """Return the condition that a partition is one of the run's.

    Args:
        partition: a column of dates, of years as integers, or of partition keys as texts.
        keys: first and last partition of the run, both included; None: every partition is.
    """
    if keys is None:
        return ibis.literal(True)  # noqa: FBT003
    first, last = (ibis.literal(key).cast(partition.type()) for key in keys)
    return partition.between(first, last)


def source_rows(table: "Table", source: "Table", keys: tuple[str, str] | None) -> ir.Table:
    """Return the rows of the bronze table that a run of a table takes over.

    Args:
        table: the table.
        source: its bronze table, as its lineage names it.
        keys: first and last partition of the run; None where it has none.
    """
    lineage, partition = table.lineage, source.partition_column
    if lineage is None:
        raise ValueError(f"{table.name} has no lineage to bronze")
    rows = source.contract.table(source.name)
    if lineage.where:
        rows = rows.filter(lineage.where(rows))
    if not partition or not keys or lineage.reads == "all":
        return rows
    if lineage.reads == "newest":
        # A subquery: Ibis makes a window function of a maximum inside of a filter.
        stored = source.contract.table(source.name).view()
        newest = stored.aggregate(newest=stored[partition].max())
        return rows.filter(rows[partition] == newest.as_scalar())
    return rows.filter(between(rows[partition], keys))
