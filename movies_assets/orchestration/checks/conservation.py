"""Is every row that was read accounted for: kept, quarantined, or a counted duplicate."""

import json
from collections.abc import Callable, Mapping
from functools import partial

from movies_assets.core.check import Check, CheckContext, Finding, definitions, judge, of_rows
from movies_assets.core.contract import NAMES, REQUIRED
from movies_assets.core.table import Lineage, Table
from movies_assets.core.window import Window
from movies_assets.sources.shared.parsing import NULL, ORIGIN
from movies_assets.warehouse.sql import compile_sql
from movies_assets.warehouse.writer import read_of

# Of a value as received, as much as tells what it is.
EXAMPLE_CHARACTERS = 40


def conservation_check(table: Table, tables: Mapping[str, Table]) -> Check:
    """Build the blocking check that no row got lost between bronze and this table."""
    lineage, source = _lineage_of(table, tables)

    def evaluate(rows: CheckContext) -> Finding:
        count = _fates if table.is_staged else _totals
        counts, lost = count(rows, tables, lineage)
        return judge(
            {"rows lost": counts.get("lost", 0)},
            metadata={
                "rows_read": sum(counts.values()),
                "rows_kept": counts.get("kept", 0),
                "rows_quarantined": counts.get("quarantined", 0),
                "rows_duplicate": counts.get("duplicate", 0),
            },
            samples=lambda: {"lost rows": rows.sample(lost)},
            advice=f"The function of {table.name} drops or doubles rows; every row of "
            f"{source.name} must come out of it once.",
        )

    return Check(
        name="conservation",
        description=f"Rows read from {source.name} = rows kept + quarantined + duplicates (older "
        "versions of a kept row).",
        blocking=True,
        evaluate=evaluate,
    )


def quarantine_check(table: Table, tables: Mapping[str, Table]) -> Check:
    """Build the check that warns of quarantined rows, and blocks where they are too many."""
    lineage, source = _lineage_of(table, tables)

    def evaluate(rows: CheckContext) -> Finding:
        rows_read = rows.count(_read(rows, source))
        refused = _quarantined(rows)
        by_rule = rows.fetch(_by_rule(refused))
        broken = {row["rule"]: row["n"] for row in by_rule}
        received = {row["rule"]: _received(source, row["rule"], row["raw"]) for row in by_rule}
        rows_refused = rows.count(refused)
        share = rows_refused / rows_read if rows_read else 0.0
        too_many = share > lineage.allowed_share
        # Rows as received may hold personal data if the table has a personal column.
        is_personal = bool(table.contract.personal() | source.contract.personal())

        def say(rule: str, count: int) -> str:
            example = None if is_personal else received[rule]
            return of_rows(rule, count) + (f", such as {example}" if example else "")

        return judge(
            broken,
            metadata={
                "rows_read": rows_read,
                # A row may break several rules.
                "broken": rows_refused,
                "share": share,
                "allowed": lineage.allowed_share,
            },
            samples=lambda: {
                "quarantined rows": rows.sample(refused),
                "definitions": definitions(table.contract, broken),
            },
            is_warning=not too_many,
            advice=f"The rows are kept in {table.quarantine}. Fix the source or the rule, then "
            "materialize these partitions again: rows that pass leave quarantine.",
            say=say,
        )

    return Check(
        name="quarantine",
        description=f"No row is in quarantine (warns); more than {lineage.allowed_share:.0%} of "
        "the rows read block what is below.",
        blocking=True,
        evaluate=evaluate,
    )


def _lineage_of(table: Table, tables: Mapping[str, Table]) -> tuple[Lineage, Table]:
    if table.lineage is None:
        raise ValueError(f"{table.name} has no lineage to bronze")
    return table.lineage, tables[table.lineage.source_of]


def _read(rows: CheckContext, source: Table) -> str:
    window = Window(*rows.keys) if rows.keys else Window()
    return f"SELECT * {read_of(rows.table, source, window)}"


def _quarantined(rows: CheckContext) -> str:
    condition = "true" if rows.is_all else rows.within("partition_key")
    return f"SELECT * FROM {rows.table.quarantine} WHERE {condition}"


def _by_rule(refused: str) -> str:
    """List the broken rules, each with its number of rows and one of them as it was received.

    A line that does not read has no values: its reason says so, and no column is called missing.
    """
    return f"""
        SELECT rule, count(*) AS n, min_by(raw, row_id) AS raw
        FROM (SELECT row_id, raw, regexp_matches(broken_rules, '^(?:{NAMES.pattern}): ') AS is_read,
            unnest(string_split(broken_rules, '; ')) AS rule FROM ({refused}))
        WHERE is_read OR NOT ends_with(rule, ': {REQUIRED}')
        GROUP BY rule ORDER BY n DESC, rule"""


def _received(source: Table, rule: str, raw: str | None) -> str | None:
    """Return the value that broke a rule, from a row as `parsing.accounted` lays it out, or JSON.

    Args:
        source: the bronze table that the row came from.
        rule: the name of the rule.
        raw: the row as received.
    """
    name, colon, wrong = rule.partition(": ")
    if not raw or not colon or wrong == REQUIRED:
        return None
    fields = [known for known in source.contract.types() if known[0] != "_" and known not in ORIGIN]
    values = raw.split("\t")
    value: object = None
    if name in fields and len(values) >= len(fields):
        value = values[fields.index(name)]
        if value == NULL:  # what did not fit its type
            value = _field_of(values[-1], name)
    elif len(values) == 1:
        value = _field_of(raw, name)
    text = "" if value is None else " ".join(str(value).split())
    return text if len(text) <= EXAMPLE_CHARACTERS else f"{text[:EXAMPLE_CHARACTERS]}..."


def _field_of(payload: str, name: str) -> object:
    try:
        found = json.loads(payload)
    except ValueError:
        return None
    return found.get(name) if isinstance(found, dict) else None


def _totals(
    rows: CheckContext, tables: Mapping[str, Table], lineage: Lineage
) -> tuple[dict[str, int], str]:
    """Count the rows read, kept and refused; return the counts, and a query for lost rows.

    Each line is one row here or one in quarantine, so the sums tell. Comparing 12 million rows one
    by one took 9 s.
    """
    source = tables[lineage.source_of]
    read = rows.count(_read(rows, source))
    counts = {
        "kept": rows.count(f"FROM {rows.of_run}"),
        "quarantined": rows.count(_quarantined(rows)),
    }
    key = lineage.source_row_id
    lost = (
        f"SELECT source.* FROM ({_read(rows, source)}) AS source ANTI JOIN {rows.of_run} AS kept "
        f"ON kept.{key} = source.{key} ANTI JOIN ({_quarantined(rows)}) AS refused "
        f"ON starts_with(refused.raw, source.{key} || chr(9))"
    )
    return {**counts, "lost": abs(read - sum(counts.values()))}, lost


def _fates(
    rows: CheckContext, tables: Mapping[str, Table], lineage: Lineage
) -> tuple[dict[str, int], str]:
    """Count what became of the rows read; return the counts, and a query for lost rows."""
    counts: dict[str, int] = {}
    # A key may have been spelt otherwise in the source: what seems lost by the key as received is
    # looked for by the key as read. That computes the rows again, so it is the exception, but for
    # keys of which the source knows nothing.
    source = tables[lineage.source_of]
    with_keys = partial(_read_with_keys, tables=tables, lineage=lineage)
    ways: list[Callable[[CheckContext, Table], str]] = [with_keys]
    if {*rows.table.contract.key(), *_order(rows.table)} <= source.contract.types().keys():
        ways.insert(0, _read)
    for read in ways:
        fate = _fate(rows, read(rows, source), source, lineage)
        by_fate = rows.fetch(f"SELECT fate, count(*) AS n FROM ({fate}) GROUP BY fate")
        counts = {row["fate"]: row["n"] for row in by_fate}
        if not counts.get("lost"):
            break
    return counts, f"SELECT * FROM ({fate}) WHERE fate = 'lost'"


def _read_with_keys(
    rows: CheckContext, source: Table, tables: Mapping[str, Table], lineage: Lineage
) -> str:
    """Return the rows read, with the keys and versions that the table's function gives them."""
    key = dict.fromkeys([*rows.table.contract.key(), *_order(rows.table)])
    inputs = {
        parameter: tables[name].contract.table("read" if name == source.name else name)
        for parameter, name in rows.table.reads().items()
    }
    refined = rows.table(**inputs).select(*key, lineage.source_row_id)
    received = [name for name in source.contract.types() if name not in key]
    return (
        f"WITH read AS ({_read(rows, source)}) "
        f"SELECT {', '.join(received)}, refined.* EXCLUDE ({lineage.source_row_id}) "
        f"FROM read LEFT JOIN ({compile_sql(refined)}) AS refined USING ({lineage.source_row_id})"
    )


def _fate(rows: CheckContext, read: str, source: Table, lineage: Lineage) -> str:
    """Say of every source row of the run what became of it.

    A row is a duplicate when the table holds a row of the same key that came from another source
    row and is not older: it is an older version itself, or one that was read twice. Where a version
    has several rows, it is one, too, when the table holds a newer version.
    """
    row_id, key = lineage.source_row_id, ", ".join(rows.table.contract.key())
    same = " AND ".join(f"stored.{name} = source.{name}" for name in rows.table.contract.key())
    day, source_day = rows.table.partition_column, source.partition_column
    not_older = f"stored.{day} >= source.{source_day}" if day and source_day else "true"
    return f"""
        SELECT {key}, {row_id}, CASE
            WHEN {row_id} IN (SELECT {row_id} FROM {rows.of_run}) THEN 'kept'
            WHEN {row_id} IN (SELECT row_id FROM ({_quarantined(rows)})) THEN 'quarantined'
            WHEN EXISTS (FROM {rows.table.name} AS stored WHERE {same} AND {not_older})
                OR {_is_superseded(rows.table)} THEN 'duplicate'
            ELSE 'lost' END AS fate
        FROM ({read}) AS source"""


def _order(table: Table) -> tuple[str, ...]:
    """Return the columns that order versions, where one has several rows; else none."""
    versions = table.latest_version
    return versions.order if versions and set(versions.entity) < set(table.contract.key()) else ()


def _is_superseded(table: Table) -> str:
    """Return the SQL condition that the table holds a newer version of a source row's entity."""
    order = _order(table)
    if not order or not table.latest_version:
        return "false"
    same = " AND ".join(f"stored.{name} = source.{name}" for name in table.latest_version.entity)
    stored, source = (
        ", ".join(f"{rows}.{name}" for name in order) for rows in ("stored", "source")
    )
    return f"EXISTS (FROM {table.name} AS stored WHERE {same} AND row({stored}) > row({source}))"
