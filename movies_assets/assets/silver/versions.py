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
        columns: the columns to fill in.
        sound: whether a row may be believed. Rows that may not give no values and keep their own.
    """
    names = list(columns)
    until_now = ibis.window(group_by=list(entity), order_by=list(order), rows=(None, 0))
    # Known values so far: those that follow a known one and know nothing have its number. Ibis has
    # no other way for windows: of "the last value" it leaves out "that is not NULL".
    marked = rows.mutate(
        _believed=sound,
        **{
            f"_version_of_{name}": (sound & rows[name].notnull())
            .cast("int64")
            .sum()
            .over(until_now)
            for name in names
        },
    ).view()

    def last_known(name: str) -> ir.Value:
        value = marked[name]
        believed = ibis.ifelse(marked["_believed"], value, ibis.null(value.type()))
        known = believed.max().over(group_by=[*entity, f"_version_of_{name}"])
        return ibis.ifelse(marked["_believed"], known, value)

    filled = marked.mutate(**{name: last_known(name) for name in names})
    return filled.select(*rows.columns)
