"""Compute the latest version of entities, with unknown values carried over from older ones."""

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir


def latest_known(
    rows: ir.Table,
    entity: Sequence[str],
    order: Sequence[str],
    columns: Sequence[str],
    *,
    sound: ir.BooleanColumn,
) -> ir.Table:
    """Return the rows, with unknown values filled from earlier versions of the entity.

    A version with fewer known values then loses nothing. The result depends on the rows only, not
    on the order of their arrival.

    Args:
        rows: all versions of all entities.
        entity: the columns that identify an entity.
        order: the columns that order its versions, the greatest being the newest; no two rows of an
            entity are equal in all of them.
        columns: the columns to fill in.
        sound: whether a row is valid. Others pass no values to later rows and keep their own.
    """
    until_now = ibis.window(group_by=list(entity), order_by=list(order), rows=(None, 0))
    # Number of known values so far: unknown values share the number of the last known one. Ibis has
    # no other way in windows: its last value cannot ignore NULLs.
    marked = rows.mutate(
        _believed=sound,
        **{
            f"_version_of_{name}": (sound & rows[name].notnull())
            .cast("int64")
            .sum()
            .over(until_now)
            for name in columns
        },
    ).view()

    def last_known(name: str) -> ir.Value:
        value = marked[name]
        believed = ibis.ifelse(marked["_believed"], value, ibis.null(value.type()))
        known = believed.max().over(group_by=[*entity, f"_version_of_{name}"])
        return ibis.ifelse(marked["_believed"], known, value)

    filled = marked.mutate(**{name: last_known(name) for name in columns})
    return filled.select(*rows.columns)
