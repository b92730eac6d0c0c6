"""Does every reference of a table point at a row: fact to dimension, junction to both sides."""

from collections.abc import Mapping, Sequence

import ibis.expr.types as ir

from movies_assets.core.check import Check, CheckContext, Finding, counted, judge
from movies_assets.core.table import Table

# Between a column and the table that it refers to, in the name of the rule.
ARROW = " -> "


def references_check(table: Table, tables: Mapping[str, Table]) -> Check:
    """Build the blocking check of all references of a table.

    Args:
        table: the fact or junction.
        tables: every table, by name, to find the referenced ones.
    """
    references = table.contract.references()
    tolerated = {f"{column}{ARROW}{references[column]}" for column in table.contract.tolerated()}

    def evaluate(context: CheckContext) -> Finding:
        found = {
            f"{column}{ARROW}{target}": orphans(context, column, tables[target])
            for column, target in references.items()
        }
        counts = {name: context.count(query) for name, query in found.items()}
        stops = [name for name, count in counts.items() if count and name not in tolerated]
        return judge(
            counts,
            samples=lambda: {name: context.sample(found[name]) for name, n in counts.items() if n},
            say=lambda name, n: f"{counted(n, 'rows')}: {name.replace(ARROW, ' is not in ')}",
            is_warning=not stops,
            advice=_advice([tables[name.partition(ARROW)[2]] for name in stops]),
        )

    return Check(
        name="references",
        description="Every reference points at a row: "
        + ", ".join(
            f"{column} -> {target}" + (" (warns)" if column in table.contract.tolerated() else "")
            for column, target in references.items()
        ),
        blocking=True,
        evaluate=evaluate,
    )


def _advice(dimensions: Sequence[Table]) -> str:
    """Return the advice on references that stop a run; without any, on those that do not."""
    if not dimensions:
        return (
            "The source has such rows: they are kept here, and left out where they are joined with "
            "the named table."
        )
    if any(dimension.is_conformed for dimension in dimensions):
        return (
            "Materialize this table again, which adds the rows that the named dimension lacks. "
            "Keys that are still named break the dimension's rules: fix the function that makes "
            "them."
        )
    return "Materialize the named dimension for the same partitions, then this table."


def orphans(context: CheckContext, column: str, target: Table) -> ir.Table:
    """Return the run's rows with a reference that points at no row."""
    (key,) = target.contract.key()
    rows, keys = context.rows, target.contract.table(target.name).view()
    rows = rows.filter(rows[column].notnull())
    return rows.anti_join(keys, rows[column] == keys[key])
