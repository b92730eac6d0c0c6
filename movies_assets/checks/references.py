"""Does every reference of a table point at a row: fact to dimension, junction to both sides."""

from collections.abc import Mapping

import dagster as dg
import ibis.expr.types as ir

from movies_assets.checks.base import Rows, markdown, verdict, warehouse_check
from movies_assets.settings import Settings
from movies_assets.table import Table


def references_check(
    table: Table, tables: Mapping[str, Table], settings: Settings
) -> dg.AssetChecksDefinition:
    """Build the blocking check of all references of a table.

    Args:
        table: the fact or junction.
        tables: every table, by name, to find the referenced ones.
        settings: where the partitions come from.
    """
    references = table.contract.references()

    def evaluate(rows: Rows) -> dg.AssetCheckResult:
        orphans = {
            f"{column} -> {target}": _orphans(rows.of_run, column, tables[target])
            for column, target in references.items()
        }
        counts = {
            name: rows.fetch(found.aggregate(n=found.count()))[0]["n"]
            for name, found in orphans.items()
        }
        return verdict(
            counts,
            samples=lambda: {
                name: markdown(rows.sample(orphans[name])) for name, n in counts.items() if n
            },
            advice="Materialize the named dimension for the same partitions, then this table.",
        )

    return warehouse_check(
        table,
        settings,
        name="references",
        description="Every reference points at a row: "
        + ", ".join(f"{column} -> {target}" for column, target in references.items()),
        blocking=True,
        evaluate=evaluate,
    )


def _orphans(rows: ir.Table, column: str, target: Table) -> ir.Table:
    (key,) = target.contract.key()
    referenced = target.contract.table(target.name)
    present = rows.filter(rows[column].notnull())
    return present.anti_join(referenced, present[column] == referenced[key])
