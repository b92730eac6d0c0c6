"""Does the table reach up to the newest partition that exists: a warning, never a stop."""

from collections.abc import Mapping
from datetime import date

import ibis.expr.types as ir

from movies_assets.core.check import Check, CheckContext, Finding, counted, judge
from movies_assets.core.table import Table
from movies_assets.orchestration.partitions import partitions_def
from movies_assets.settings import Settings

BEHIND = "days behind the newest partition"


def freshness_check(table: Table, tables: Mapping[str, Table], settings: Settings) -> Check:
    """Build the check that compares the newest row with the newest partition.

    Args:
        table: the table; one without partitions uses those of the table whose rows it accounts
            for.
        tables: every table, by name.
        settings: which partitions there are.
    """
    dated = tables[table.lineage.source_of] if table.lineage else table
    allowed, partitions, column = table.fresh_within_days, dated.partitions, table.partition_column
    if allowed is None or partitions is None or column is None:
        raise ValueError(f"{table.name} declares no freshness, or has no daily partitions")

    def evaluate(context: CheckContext) -> Finding:
        last_key = partitions_def(partitions, settings).get_last_partition_key()
        due = date.fromisoformat(last_key) if last_key else date.min
        (found,) = context.fetch(newest_day(context, column))
        newest = found["newest"]
        behind = (due - newest).days if newest else None
        return judge(
            {BEHIND: max(behind or 0, 1) if behind is None or behind > allowed else 0},
            metadata={
                "newest_row": str(newest),
                "newest_partition": due.isoformat(),
                "days_behind": -1 if behind is None else behind,
            },
            is_warning=True,
            say=lambda rule, n: "the table is empty" if behind is None else counted(n, rule),
            advice=f"The newest row is of {newest or 'no day'}, the newest partition {due}. "
            "Backfill the days between, and check that the daily schedule is switched on and its "
            "runs are green.",
        )

    return Check(
        name="freshness",
        description=f"The newest row is at most {allowed} days older than the newest partition "
        "(warns).",
        evaluate=evaluate,
    )


def newest_day(context: CheckContext, column: str) -> ir.Table:
    """Return the newest day of the stored rows, in one row; NULL without rows."""
    stored = context.stored
    return stored.aggregate(newest=stored[column].max())
