"""Does the stored table keep its contract: structure, key, and every row rule, in two scans."""

import ibis.expr.types as ir

from movies_assets.core.check import Check, CheckContext, Finding, definitions, judge
from movies_assets.core.outcome import broken_rules
from movies_assets.core.table import Table

ADVICE = (
    "Nothing below this table was updated. Look at the sample rows, fix the source or the rule, "
    "and materialize these partitions again."
)


def contract_check(table: Table) -> Check:
    """Build the blocking check of a table's structure, key and row rules."""
    return Check(
        name="contract",
        description=f"Columns, types, key ({', '.join(table.contract.key()) or 'none'}) and "
        f"{len(table.contract.rules())} row rules of the contract hold for the run's partitions.",
        blocking=True,
        evaluate=_evaluate,
    )


def _evaluate(context: CheckContext) -> Finding:
    contract = context.table.contract
    if mismatches := context.engine.schema_mismatches(context.table.name, contract):
        return judge(
            dict.fromkeys((f"{found['column']}: structure" for found in mismatches), 1),
            samples=lambda: {"expected and actual types": mismatches},
            say=lambda rule, _: (
                f"column {rule.partition(':')[0]} is not as the contract declares it"
            ),
            advice=ADVICE,
        )
    if context.is_passed:
        return judge(
            {}, metadata={"rows": context.count(context.stored), "unchanged": True}, advice=ADVICE
        )
    (counts,) = context.fetch(rule_counts(context))
    read = counts.pop("rows")
    broken = {rule: int(count or 0) for rule, count in counts.items()}
    key = contract.key()  # lines as received have none
    if key:
        broken[f"key ({', '.join(key)}): not unique"] = duplicates(context)
    return judge(
        broken,
        metadata={"rows": read},
        samples=lambda: {
            "broken rows": context.sample(broken_rows(context)),
            **({"duplicate keys": context.sample(duplicate_keys(context))} if key else {}),
            "definitions": definitions(contract, broken),
        },
        advice=ADVICE,
    )


def rule_counts(context: CheckContext) -> ir.Table:
    """Count the rows and those that break each rule, all rules in one scan."""
    rows = context.rows
    broken = {rule.name: (~rule.holds(rows)).sum() for rule in context.table.contract.rules()}
    return rows.aggregate(rows=rows.count(), **broken)


def broken_rows(context: CheckContext) -> ir.Table:
    """Return the rows that break a rule, with the rules that they break."""
    rows = context.rows
    marked = rows.mutate(broken_rules=broken_rules(rows, context.table.contract))
    return marked.filter(marked.broken_rules != "").relocate("broken_rules")


def duplicates(context: CheckContext) -> int:
    """Count the keys of the run's rows that are duplicates anywhere in the table."""
    numbers = context.table.contract.key_number(context.rows)
    if context.is_all and numbers is not None and context.engine.are_distinct(numbers):
        return 0
    return context.count(duplicate_keys(context))


def duplicate_keys(context: CheckContext) -> ir.Table:
    """Return the keys of the run's rows that are duplicates anywhere in the table."""
    key, rows = context.table.contract.key(), context.rows
    if not context.is_all:
        stored = context.stored.view()
        # A part of the key may be unknown, such as a movie's id in bronze: `=` would skip its rows.
        rows = stored.semi_join(rows, [stored[name].identical_to(rows[name]) for name in key])
    counted = rows.group_by(key).aggregate(rows=rows.count())
    return counted.filter(counted["rows"] > 1)
