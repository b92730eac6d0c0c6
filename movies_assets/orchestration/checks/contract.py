"""Does the stored table keep its contract: structure, key, and every row rule, in two scans."""

from functools import cache

from movies_assets.core.check import Check, CheckContext, Finding, definitions, judge
from movies_assets.core.contract import Contract
from movies_assets.core.outcome import broken_rules
from movies_assets.core.table import Table
from movies_assets.warehouse.sql import compile_sql
from movies_assets.warehouse.types import duckdb_type, same_type

# Name under which a rule's query knows the rows of the run.
RUN = "run"

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


def _evaluate(rows: CheckContext) -> Finding:
    if structure := _structure(rows):
        return judge(
            dict.fromkeys((f"{s['column']}: structure" for s in structure), 1),
            samples=lambda: {"expected and actual types": structure},
            say=lambda rule, _: (
                f"column {rule.partition(':')[0]} is not as the contract declares it"
            ),
            advice=ADVICE,
        )
    counts = rows.fetch(_of_run(rows, _count_broken_rules(rows.table.contract)))[0]
    read = counts.pop("rows")
    broken = {rule: int(count or 0) for rule, count in counts.items()}
    duplicates = _duplicate_keys(rows)
    if key := ", ".join(rows.table.contract.key()):  # lines as received promise none
        broken[f"key ({key}): not unique"] = rows.count(duplicates)
    return judge(
        broken,
        metadata={"rows": read},
        samples=lambda: {
            "broken rows": rows.sample(_broken_rows(rows)),
            **({"duplicate keys": rows.sample(duplicates)} if key else {}),
            "definitions": definitions(rows.table.contract, broken),
        },
        advice=ADVICE,
    )


def _structure(rows: CheckContext) -> list[dict[str, str]]:
    """List the columns whose stored type is not the contract's."""
    stored, wanted = rows.engine.stored_types(rows.table.name), rows.table.contract.types()
    return [
        {
            "column": name,
            "expected": duckdb_type(wanted[name]) if name in wanted else "no such column",
            "actual": stored.get(name, "missing"),
        }
        for name in dict.fromkeys(
            [*wanted, *([] if rows.table.contract.allows_new_columns() else stored)]
        )
        if name not in wanted or not same_type(stored.get(name), wanted[name])
    ]


@cache
def _count_broken_rules(contract: type[Contract]) -> str:
    """Count the rows that break each rule, all rules in one scan."""
    table = contract.table(RUN)
    broken = [(~rule.holds(table)).sum().name(rule.name) for rule in contract.rules()]
    return compile_sql(table.aggregate([table.count().name("rows"), *broken]))


def _broken_rows(rows: CheckContext) -> str:
    table = rows.table.contract.table(RUN)
    marked = table.mutate(broken_rules=broken_rules(table, rows.table.contract))
    broken = marked.filter(marked.broken_rules != "").relocate("broken_rules")
    return _of_run(rows, compile_sql(broken))


def _of_run(rows: CheckContext, query: str) -> str:
    return f"WITH {RUN} AS {rows.of_run} SELECT * FROM ({query})"


def _duplicate_keys(rows: CheckContext) -> str:
    """Find keys of the run's rows that stand more than once anywhere in the table."""
    key = rows.table.contract.key()
    # A part of the key may be unknown, such as a movie's id in bronze; USING would skip such rows.
    same_key = " AND ".join(f"stored.{name} IS NOT DISTINCT FROM run.{name}" for name in key)
    columns = ", ".join(key)
    of_run = "" if rows.is_all else f"SEMI JOIN {rows.of_run} AS run ON {same_key} "
    return (
        f"SELECT {columns}, count(*) AS rows FROM {rows.table.name} AS stored {of_run}"
        f"GROUP BY {columns} HAVING count(*) > 1"
    )
