"""Do the files look as the contract expects: a warning, because every file is read anyway."""

import dagster as dg

from movies_assets.checks.base import Check, Rows, markdown, verdict
from movies_assets.table import Table
from movies_assets.warehouse.delimited import landed

UNKNOWN, MISSING = "columns that the contract does not know", "columns that files do not have"
RESCUED, UNREAD = "records with rescued values", "records that do not read as the columns"


def schema_check(_table: Table) -> Check:
    """Build the check that warns when files have other columns, or values of other types."""
    return Check(
        name="schema",
        description="The files of the run's partitions have the contract's columns, and their "
        "values fit its types (warns; nothing is lost otherwise).",
        evaluate=_evaluate,
    )


def _evaluate(rows: Rows) -> dg.AssetCheckResult:
    within = "true" if rows.is_all else rows.within("partition_key")
    files = f"(SELECT * FROM {landed(rows.table)} WHERE {within})"
    unknown, missing = _files_with(files, "unknown_columns"), _files_with(files, "missing_columns")
    rescued = f"SELECT source_row, _rescued_data FROM {rows.of_run} WHERE _rescued_data IS NOT NULL"
    unread = f"SELECT source_row, _problem, _line FROM {rows.of_run} WHERE _problem IS NOT NULL"
    queries = {UNKNOWN: unknown, MISSING: missing, RESCUED: rescued, UNREAD: unread}
    counts = {rule: rows.count(query) for rule, query in queries.items()}
    names = [*rows.fetch(_names(unknown)), *rows.fetch(_names(missing))]
    return verdict(
        counts,
        metadata={"files": rows.count(f"FROM {files}")},
        samples=lambda: {
            rule: markdown(rows.sample(query)) for rule, query in queries.items() if counts[rule]
        },
        severity=dg.AssetCheckSeverity.WARN,
        advice=(f"Named: {', '.join(row['column'] for row in names)}. " if names else "")
        + "Nothing is lost: new columns stand in the table as text, missing ones are NULL, values "
        "that do not fit stand in _rescued_data. If the files stay like this, change the contract.",
    )


def _files_with(files: str, columns: str) -> str:
    """List the columns of a kind, each with how many files have it and one of them."""
    return (
        f'SELECT "column", count(*) AS files, min(source) AS first_file FROM '
        f'(SELECT source, unnest({columns}) AS "column" FROM {files}) GROUP BY ALL ORDER BY ALL'
    )


def _names(query: str) -> str:
    return f'SELECT "column" FROM ({query})'
