"""What a table that each run replaces need not compute again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import ibis.expr.types as ir

Inputs = Mapping[str, ir.Table]


@dataclass(frozen=True)
class Incremental:
    """How a table that each run replaces is brought up to date.

    If no input was written since it was computed, it is left as it is. Otherwise its rows are
    computed, only those of groups that may have changed if `changed` is given, and those that
    differ are written: where none do, tables that read this one are left as they are as well.

    Attributes:
        by: the columns that a group of rows has in common. The rows of a group follow from the rows
            of the inputs that belong to it.
        changed: returns, from the stored rows and the inputs by parameter, one row with the columns
            `by` for each group that may not be as it is stored.
        of_group: parameters, and the columns of that input that name the group, in the order of
            `by`: only rows of changed groups are read. Other inputs are read whole.
        whole: the inputs, `schema.table`, that change much at a time: if one was written since, all
            rows are computed and replaced, without a comparison.
    """

    by: tuple[str, ...] = ()
    changed: Callable[[ir.Table, Inputs], ir.Table] | None = None
    of_group: Mapping[str, Sequence[str]] = field(default_factory=dict)
    whole: tuple[str, ...] = ()

    def within(self, inputs: Inputs, groups: ir.Table) -> dict[str, ir.Table]:
        """Return the inputs, of those in `of_group` the rows of some groups only.

        Args:
            inputs: the inputs by parameter.
            groups: rows with the columns `by`.
        """
        return {
            name: rows.semi_join(
                groups,
                [
                    rows[column] == groups[key]
                    for column, key in zip(self.of_group[name], self.by, strict=True)
                ],
            ).view()  # functions join it with others, which a join cannot take as it is
            if name in self.of_group
            else rows
            for name, rows in inputs.items()
        }
