"""Is every row that was read accounted for: kept, quarantined, or a counted duplicate."""

from collections.abc import Mapping
from datetime import timedelta

import dagster as dg
import ibis
import ibis.expr.types as ir

from movies_assets.checks.base import Rows, markdown, verdict, warehouse_check
from movies_assets.contracts import Quarantine
from movies_assets.settings import Settings
from movies_assets.table import Refinement, Table


def conservation_check(
    table: Table, tables: Mapping[str, Table], settings: Settings
) -> dg.AssetChecksDefinition:
    """Build the blocking check that no row got lost between bronze and this table."""
    refines, source = _refinement(table, tables)

    def evaluate(rows: Rows) -> dg.AssetCheckResult:
        fate = _fate(rows, source, refines)
        counts = {row["fate"]: row["n"] for row in rows.fetch(_count(fate))}
        lost = fate.filter(fate.fate == "lost")
        return verdict(
            {"rows lost": counts.get("lost", 0)},
            metadata={
                "rows_read": sum(counts.values()),
                "rows_kept": counts.get("kept", 0),
                "rows_quarantined": counts.get("quarantined", 0),
                "rows_duplicate": counts.get("duplicate", 0),
            },
            samples=lambda: {"lost rows": markdown(rows.sample(lost))},
            advice=f"The function of {table.name} drops rows; every row of {source.name} must "
            "come out of it once.",
        )

    return warehouse_check(
        table,
        settings,
        name="conservation",
        description=f"Rows read from {source.name} = rows kept + quarantined + duplicates (older "
        "versions of a kept row).",
        blocking=True,
        evaluate=evaluate,
    )


def quarantine_check(
    table: Table, tables: Mapping[str, Table], settings: Settings
) -> dg.AssetChecksDefinition:
    """Build the check that warns of quarantined rows, and blocks where they are too many."""
    refines, source = _refinement(table, tables)

    def evaluate(rows: Rows) -> dg.AssetCheckResult:
        read = rows.within_days(source.contract.table(source.name), source.partition_column)
        rows_read = rows.fetch(read.aggregate(n=read.count()))[0]["n"]
        refused = _quarantined(rows)
        by_rule = refused.group_by("broken_rules").aggregate(n=refused.count())
        broken = {row["broken_rules"]: row["n"] for row in rows.fetch(by_rule)}
        share = sum(broken.values()) / rows_read if rows_read else 0.0
        too_many = share > refines.allowed_share
        return verdict(
            broken,
            metadata={"rows_read": rows_read, "share": share, "allowed": refines.allowed_share},
            samples=lambda: {"quarantined rows": markdown(rows.sample(refused))},
            severity=dg.AssetCheckSeverity.ERROR if too_many else dg.AssetCheckSeverity.WARN,
            advice=f"The rows are kept in {table.quarantine}. Mend the source or the rule, then "
            "materialize these partitions again: rows that pass leave quarantine.",
        )

    return warehouse_check(
        table,
        settings,
        name="quarantine",
        description=f"No row is in quarantine (warns); more than {refines.allowed_share:.0%} of "
        "the rows read block what is below.",
        blocking=True,
        evaluate=evaluate,
    )


def _refinement(table: Table, tables: Mapping[str, Table]) -> tuple[Refinement, Table]:
    if table.refines is None:
        raise ValueError(f"{table.name} refines no bronze table")
    return table.refines, tables[table.refines.source]


def _quarantined(rows: Rows) -> ir.Table:
    refused = Quarantine.table(rows.table.quarantine)
    if rows.days is None:
        return refused
    first = rows.days.start.date().isoformat()
    last = (rows.days.end.date() - timedelta(days=1)).isoformat()
    return refused.filter(refused.partition_key.between(first, last))


def _fate(rows: Rows, source: Table, refines: Refinement) -> ir.Table:
    """Say of every source row of the run what became of it.

    A row is a duplicate when the table holds a row of the same key that came from another source
    row: an older version, or one that was read twice.
    """
    read = rows.within_days(source.contract.table(source.name), source.partition_column)
    row_id, key = refines.row_id, list(rows.table.contract.key())
    kept = rows.of_run.select(row_id).distinct().mutate(is_kept=True)
    refused = _quarantined(rows).select("row_id").distinct().mutate(is_refused=True)
    versions = rows.all.select(key).distinct().mutate(has_version=True)
    joined = (
        read.left_join(kept, row_id)
        .left_join(refused, read[row_id] == refused.row_id)
        .left_join(versions, key)
    )
    return joined.select(
        *[read[column] for column in dict.fromkeys([row_id, *key])],
        fate=ibis.cases(
            (joined.is_kept.notnull(), "kept"),
            (joined.is_refused.notnull(), "quarantined"),
            (joined.has_version.notnull(), "duplicate"),
            else_="lost",
        ),
    )


def _count(fate: ir.Table) -> ir.Table:
    return fate.group_by("fate").aggregate(n=fate.count())
