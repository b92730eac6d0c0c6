"""Versions of an entity: what the newest one knows, and what only older ones knew."""

from collections.abc import Iterable, Sequence

import ibis
import ibis.expr.types as ir


def latest_known(
    rows: ir.Table,
    entity: Sequence[str],
    order: Sequence[str],
    columns: Iterable[str],
    *,
    sound: ir.BooleanColumn,
) -> ir.Table:
    """Return the rows, each column with the last value known up to the row's version.

    A version that knows less than the ones before it then loses nothing. The result depends on the
    rows alone, and not on the order in which they arrived.

    Args:
        rows: all versions of all entities.
        entity: the columns that identify an entity.
        order: the columns that order its versions, the newest one greatest; no two rows of an
            entity are equal in all of them.
        columns: the columns to fill in; see `Contract.carried`.
        sound: whether a row may be believed. Rows that may not give no values and keep their own.
    """
    until_now = ibis.window(group_by=entity, order_by=order, rows=(None, 0))

    def last_known(name: str) -> ir.Value:
        value = rows[name]
        believed = ibis.ifelse(sound, value, ibis.null(value.type()))
        return ibis.ifelse(sound, believed.last(include_null=False).over(until_now), value)

    return rows.mutate(**{name: last_known(name) for name in columns})
