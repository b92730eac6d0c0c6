"""The rows of its bronze table that a run of a table takes over."""

from typing import TYPE_CHECKING

import ibis.expr.types as ir

from movies_assets.core.window import Window

if TYPE_CHECKING:
    from movies_assets.core.table import Table


def source_rows(table: "Table", source: "Table", window: Window) -> ir.Table:
    """Return the rows of the bronze table that a run of a table takes over.

    Args:
        table: the table.
        source: its bronze table, as its lineage names it.
        window: the partitions of the run.
    """
    lineage, partition = table.lineage, source.partition_column
    if lineage is None:
        raise ValueError(f"{table.name} has no lineage to bronze")
    rows = source.contract.table(source.name)
    if lineage.where:
        rows = rows.filter(lineage.where(rows))
    if not partition or lineage.reads == "all":
        return rows
    if lineage.reads == "newest":
        # A subquery: Ibis makes a window function of a maximum inside of a filter.
        stored = source.contract.table(source.name).view()
        newest = stored.aggregate(newest=stored[partition].max())
        return rows.filter(rows[partition] == newest.as_scalar())
    return rows.filter(window.holds(rows[partition]))
