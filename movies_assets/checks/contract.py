"""Does the stored table keep its contract: structure, key, and every row rule, in two scans."""

import dagster as dg
import ibis
import ibis.expr.types as ir

from movies_assets.checks.base import Rows, markdown, verdict, warehouse_check
from movies_assets.contracts import duckdb_type
from movies_assets.settings import Settings
from movies_assets.table import Table
from movies_assets.warehouse.writer import broken_rules, same_type

ADVICE = (
    "Nothing below this table was updated. Look at the sample rows, mend the source or the rule, "
    "and materialize these partitions again."
)


def contract_check(table: Table, settings: Settings) -> dg.AssetChecksDefinition:
    """Build the blocking check of a table's structure, key and row rules."""
    return warehouse_check(
        table,
        settings,
        name="contract",
        description=f"Columns, types, key ({', '.join(table.contract.key())}) and "
        f"{len(table.contract.rules())} row rules of the contract hold for the run's partitions.",
        blocking=True,
        evaluate=_evaluate,
    )


def _evaluate(rows: Rows) -> dg.AssetCheckResult:
    if structure := _structure(rows):
        return verdict(
            dict.fromkeys((f"{s['column']}: structure" for s in structure), 1),
            samples=lambda: {"expected and actual types": markdown(structure)},
            advice=ADVICE,
        )
    rules = rows.table.contract.rules()
    counts = rows.fetch(
        rows.of_run.aggregate(
            [rows.of_run.count().name("rows")]
            + [(~rule.holds(rows.of_run)).sum().name(rule.name) for rule in rules]
        )
    )[0]
    read = counts.pop("rows")
    duplicates = _duplicate_keys(rows)
    broken = {rule: int(count or 0) for rule, count in counts.items()}
    broken[f"key ({', '.join(rows.table.contract.key())}): unique"] = rows.fetch(
        duplicates.aggregate(n=duplicates.count())
    )[0]["n"]
    return verdict(
        broken,
        metadata={"rows": read},
        samples=lambda: {
            "duplicate keys": markdown(rows.sample(duplicates)),
            "broken rows": markdown(rows.sample(_broken_rows(rows))),
        },
        advice=ADVICE,
    )


def _structure(rows: Rows) -> list[dict[str, str]]:
    """List the columns whose stored type is not the contract's."""
    stored, wanted = rows.stored_types(), rows.table.contract.ibis_schema()
    return [
        {
            "column": name,
            "expected": duckdb_type(wanted[name]) if name in wanted else "no such column",
            "actual": stored.get(name, "missing"),
        }
        for name in dict.fromkeys([*wanted, *stored])
        if name not in wanted or not same_type(stored.get(name), wanted[name])
    ]


def _duplicate_keys(rows: Rows) -> ir.Table:
    """Find keys of the run's rows that stand more than once anywhere in the table."""
    key = list(rows.table.contract.key())
    everywhere = rows.all
    if rows.days is not None and rows.table.partition_column:
        everywhere = everywhere.semi_join(rows.of_run, key)
    counted = everywhere.group_by(key).aggregate(rows=ibis._.count())
    return counted.filter(counted.rows > 1)


def _broken_rows(rows: Rows) -> ir.Table:


    marked = rows.of_run.mutate(
        broken_rules=broken_rules(rows.of_run, rows.table.contract)
    )
    return marked.filter(marked.broken_rules != "").relocate("broken_rules")
