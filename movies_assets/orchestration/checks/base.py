"""What all checks share: running against the warehouse, the run's partitions, showing a verdict."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg
import duckdb
import ibis.expr.types as ir
import pandas as pd

from movies_assets.core.contract import WITHHELD, Contract, sentence
from movies_assets.core.table import Table
from movies_assets.ingest.run_days import keys_of
from movies_assets.orchestration.assets import asset_key
from movies_assets.orchestration.retries import retrying
from movies_assets.settings import Settings
from movies_assets.warehouse import audit_log
from movies_assets.warehouse.database import Warehouse, WarehouseError
from movies_assets.warehouse.schema import stored_types
from movies_assets.warehouse.sql import compile_sql
from movies_assets.warehouse.writer import SHOWN_ROWS

SHOWN_CHARACTERS = 200
# Of a check that stops a run, three rows end its log, each in a line.
EXAMPLE_ROWS, LINE_CHARACTERS = 3, 160
# Metadata of a red check: the lines that end the log.
ENDING = "ending"
BROKEN_RULES = "broken_rules"
SINGULAR = {"are": "is", "do": "does", "have": "has", "match": "matches"}


class Rows:
    """The rows that a check looks at, and the means to ask the warehouse about them.

    Attributes:
        table: the table that is checked.
        keys: first and last partition of the run, both included; None where it has none.
    """

    def __init__(
        self,
        table: Table,
        keys: tuple[str, str] | None,
        connection: duckdb.DuckDBPyConnection,
    ) -> None:
        self.table = table
        self.keys = keys
        self._connection = connection

    def within(self, column: str | None) -> str:
        """Return the SQL condition that restricts a table to the partitions of the run."""
        if self.keys is None or column is None:
            return "true"
        first, last = self.keys
        return f"{column} BETWEEN '{first}' AND '{last}'"

    @property
    def is_all(self) -> bool:
        """Say whether the check looks at the whole table."""
        whole = self.table.write_mode.is_whole
        return whole or self.keys is None or self.table.partition_column is None

    def shows(self, write: audit_log.Write) -> bool:
        """Say whether a check of these rows judges a write, and no other rows beside it.

        Of a whole table a share of bad rows may pass that one of its days must not have.
        """
        whole = self.table.write_mode.is_whole or self.table.partition_column is None
        return whole or self.keys == (write.first, write.last)

    def of(self, write: audit_log.Write) -> "Rows":
        """Return the rows of a write."""
        return Rows(self.table, (write.first, write.last), self._connection)

    @property
    def of_run(self) -> str:
        """Return the rows that the run wrote, as a subquery."""
        condition = "true" if self.is_all else self.within(self.table.partition_column)
        return f"(SELECT * FROM {self.table.name} WHERE {condition})"

    def fetch(self, query: str | ir.Table) -> list[dict[str, Any]]:
        """Run a query, SQL or an expression, and return its rows as dictionaries."""
        sql = query if isinstance(query, str) else compile_sql(query)
        cursor = self._connection.execute(sql)
        names = [item[0] for item in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def count(self, query: str) -> int:
        """Return how many rows a query has."""
        return int(self.fetch(f"SELECT count(*) AS n FROM ({query})")[0]["n"])

    def sample(self, query: str) -> list[dict[str, Any]]:
        """Return the first rows that a red check shows: long values cut, personal ones withheld."""
        withheld = self.table.contract.personal()
        return [
            {
                name: WITHHELD if name in withheld else str(value)[:SHOWN_CHARACTERS]
                for name, value in row.items()
            }
            for row in self.fetch(f"SELECT * FROM ({query}) LIMIT {SHOWN_ROWS}")
        ]

    def has(self, name: str) -> bool:
        """Say whether the warehouse has a table."""
        return bool(stored_types(self._connection, name))

    def stored_types(self) -> dict[str, str]:
        """Return the columns and types of the table as it is stored."""
        return stored_types(self._connection, self.table.name)


@dataclass(frozen=True)
class Check:
    """One thing that is asked about a table's rows.

    Attributes:
        name: how the check is called in the UI.
        description: what it says.
        evaluate: asks the warehouse.
        blocking: whether a red result keeps what is below from being updated.
    """

    name: str
    description: str
    evaluate: Callable[[Rows], dg.AssetCheckResult]
    blocking: bool = False


def warehouse_checks(
    table: Table, checks: Sequence[Check], settings: Settings
) -> dg.AssetChecksDefinition:
    """Build the asset checks of a table: one step, which opens the warehouse once.

    They have no partitions of their own, but take those of the run from its tags: Dagster 1.13
    shows a partitioned check that was evaluated for a range as "Skipped" for each of them.
    """

    @dg.multi_asset_check(
        name="__".join([*table.key, "checks"]),
        specs=[
            dg.AssetCheckSpec(
                check.name,
                asset=asset_key(table.key),
                description=check.description,
                blocking=check.blocking,
            )
            for check in checks
        ],
        can_subset=True,
    )
    @retrying(settings)
    def run_checks(
        context: dg.AssetCheckExecutionContext, warehouse: dg.ResourceParam[Warehouse]
    ) -> Iterator[dg.AssetCheckResult]:
        selected = {key.name for key in context.selected_asset_check_keys}
        blocking = {check.name: check for check in checks if check.blocking}
        with warehouse.reading() as connection:
            rows = Rows(table, keys_of(context.run.tags), connection)
            writes = audit_log.written(connection, table.name, None if rows.is_all else rows.keys)
            found = {}
            for check in checks:
                if check.name in selected:
                    found[check.name] = _result(check, rows, warehouse)
                    if check.blocking and not _holds(found[check.name]):
                        context.log.error("\n".join(_lines(found[check.name])))
                    yield found[check.name]
            evaluated = [check for name, check in blocking.items() if name in selected]
            verdicts = {
                write: {
                    check.name: _holds(
                        found[check.name]
                        if rows.shows(write)
                        else _result(check, rows.of(write), warehouse)
                    )
                    for check in evaluated
                }
                for write in writes
            }
        if verdicts and (evaluated or not blocking):
            with warehouse.session() as connection, warehouse.transaction(connection):
                for write, holding in verdicts.items():
                    audit_log.record_verdicts(connection, write, holding, blocking)

    return run_checks


def ending_of(evaluation: dg.AssetCheckEvaluation) -> list[str]:
    """Return the lines that say why a check has stopped its run; none where it has not.

    They name the check, what it found, up to three rows, and what to do.
    """
    is_stop = evaluation.blocking and evaluation.severity == dg.AssetCheckSeverity.ERROR
    return [] if evaluation.passed or not is_stop else _lines(evaluation)


def _lines(result: dg.AssetCheckResult | dg.AssetCheckEvaluation) -> list[str]:
    metadata = result.metadata or {}
    found: Any = metadata[ENDING].value if ENDING in metadata else [result.description]
    table = ".".join(result.asset_key.path) if result.asset_key else ""
    first, *rest = map(str, found)
    return [f"{table} {result.check_name}: {first}", *(f"  {line}" for line in rest)]


def _holds(result: dg.AssetCheckResult) -> bool:
    return result.passed or result.severity == dg.AssetCheckSeverity.WARN


def _result(check: Check, rows: Rows, warehouse: Warehouse) -> dg.AssetCheckResult:
    try:
        found = check.evaluate(rows)
    except duckdb.CatalogException as error:
        raise WarehouseError(
            f"{rows.table.name}: a table that check '{check.name}' reads is missing in "
            f"{warehouse.path}; materialize it first. DuckDB says: {error}"
        ) from error
    return found._replace(asset_key=asset_key(rows.table.key), check_name=check.name)


def markdown(rows: Sequence[Mapping[Any, Any]]) -> dg.MetadataValue:
    """Show rows as a table in the UI."""
    return dg.MetadataValue.md(pd.DataFrame(rows).to_markdown(index=False) if rows else "none")


def definitions(contract: type[Contract], broken: Mapping[str, int]) -> dg.MetadataValue:
    """Show how the contract declares the rules that are broken."""
    return markdown(
        [
            {"rule": sentence(rule.name), "definition": f"`{rule.definition}`"}
            for rule in contract.rules()
            if broken.get(rule.name)
        ]
    )


def counted(number: int, things: str) -> str:
    """Say how many: 1 and `rows lost` as '1 row lost', 36 and `rows lost` as '36 rows lost'.

    Args:
        number: how many.
        things: words that begin with a plural; `that` may follow with a verb.
    """
    if number == 1:
        noun, _, more = things.partition(" ")
        things = f"{noun.removesuffix('s')} {more}".strip()
        that, found, verb = things.partition(" that ")
        word, _, more = verb.partition(" ")
        things = f"{that}{found}{SINGULAR.get(word, word)} {more}".strip() if found else things
    return f"{number:,} {things}"


def as_sentence(rule: str, count: int) -> str:
    """Say how many rows break a rule, or how many of the things that the rule counts there are."""
    return of_rows(rule, count) if ": " in rule else counted(count, rule)


def of_rows(rule: str, count: int) -> str:
    """Say how many rows break a rule: '2 rows: show_id is missing'."""
    return f"{counted(count, 'rows')}: {sentence(rule)}"


def verdict(
    broken: Mapping[str, int],
    *,
    samples: Callable[[], Mapping[str, dg.MetadataValue | Sequence[Mapping[str, Any]]]] = dict,
    metadata: Mapping[str, Any] | None = None,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
    advice: str,
    say: Callable[[str, int], str] = as_sentence,
) -> dg.AssetCheckResult:
    """Turn counts of broken rules into a result; a green one shows zeros, a red one rows.

    Args:
        broken: every rule and how many rows break it.
        samples: called where something is broken; rows to show then.
        metadata: shown in any case.
        severity: what a red result means for the run.
        advice: what to do about a red result.
        say: turns a rule and its count into a sentence.
    """
    red = {rule: count for rule, count in broken.items() if count}
    shown = dict(samples()) if red else {}
    sentences = [say(rule, count) for rule, count in [*red.items()][:SHOWN_ROWS]]
    if len(red) > SHOWN_ROWS:
        sentences.append(f"and {len(red) - SHOWN_ROWS} more")
    tables = [rows for rows in shown.values() if not isinstance(rows, dg.MetadataValue)]
    finding = "; ".join(sentences)
    return dg.AssetCheckResult(
        passed=not red,
        severity=severity,
        description=f"{finding}. {advice}" if red else "holds",
        metadata={
            "broken": sum(red.values()),
            **(metadata or {}),
            "rules": dg.MetadataValue.json(dict(broken)),
            **{
                name: rows if isinstance(rows, dg.MetadataValue) else markdown(rows)
                for name, rows in shown.items()
            },
            **(_ending(_first(sentences), next(filter(None, tables), []), advice) if red else {}),
        },
    )


def _first(sentences: Sequence[str]) -> str:
    """Join the first sentences, as many as an ending shows."""
    more = len(sentences) - EXAMPLE_ROWS
    shown = [*sentences[:EXAMPLE_ROWS], *([f"and {more} more"] if more > 0 else [])]
    return "; ".join(shown)


def _ending(
    finding: str, rows: Sequence[Mapping[str, Any]], advice: str
) -> dict[str, dg.MetadataValue]:
    """Return the lines that end a run which the check stops: the finding, three rows, the fix."""
    lines = [_in_one_line(row) for row in rows[:EXAMPLE_ROWS]]
    return {ENDING: dg.MetadataValue.json([finding, *lines, advice])}


def _in_one_line(row: Mapping[str, Any]) -> str:
    """Show a row in a line: its broken rules first, and the columns that they name."""
    rules = str(row.get(BROKEN_RULES, ""))
    named = {rule.partition(":")[0] for rule in rules.split("; ")} | {BROKEN_RULES}
    ordered = sorted(row.items(), key=lambda item: item[0] not in named)
    text = " ".join(", ".join(f"{name}={value}" for name, value in ordered).split())
    return text if len(text) <= LINE_CHARACTERS else f"{text[: LINE_CHARACTERS - 3]}..."
