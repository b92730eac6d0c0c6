"""Checks of a table's rows: their queries, their findings, and the wording of a finding.

A check knows neither the engine that executes its queries nor the place that shows its findings.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

import ibis.expr.types as ir

from movies_assets.core.contract import WITHHELD, Contract, Quarantine
from movies_assets.core.verdicts import Verdict, verdict_of
from movies_assets.core.window import Window
from movies_assets.core.wording import sentence

if TYPE_CHECKING:
    from movies_assets.core.table import Table

Rows = Sequence[Mapping[str, Any]]

SHOWN_ROWS, SHOWN_CHARACTERS = 10, 200
# The log of a run that a check stops ends with up to three rows, each in a line.
EXAMPLE_ROWS, LINE_CHARACTERS = 3, 160
BROKEN_RULES = "broken_rules"
SINGULAR = {"are": "is", "do": "does", "have": "has", "match": "matches"}


class MissingTableError(Exception):
    """A query reads a table that does not exist. The message comes from the engine."""


class Engine(Protocol):
    """Executes the queries of checks."""

    def fetch(self, query: ir.Table) -> list[dict[str, Any]]:
        """Run a query and return its rows as dictionaries.

        Raises:
            MissingTableError: a table that the query reads does not exist.
        """

    def has(self, name: str) -> bool:
        """Return whether a table exists."""

    def are_distinct(self, numbers: ir.IntegerColumn) -> bool:
        """Return whether all values of an integer column are known, and no two are equal."""

    def schema_mismatches(self, name: str, contract: type[Contract]) -> list[dict[str, str]]:
        """Return the columns of a table whose stored types are not those of the contract.

        Each has the keys `column`, `expected` and `actual`, in words of the engine.
        """


@dataclass(frozen=True)
class CheckContext:
    """The rows that a check looks at, and the means to ask about them.

    Attributes:
        table: the table that is checked.
        keys: first and last partition of the run, both included; None where it has none.
        engine: executes the queries.
        is_passed: whether the run left the table as it was, and its rows have passed all blocking
            checks before.
    """

    table: "Table"
    keys: tuple[str, str] | None
    engine: Engine
    is_passed: bool = False

    @property
    def window(self) -> Window:
        """Return the partitions of the run."""
        return Window(*self.keys) if self.keys else Window()

    @property
    def stored(self) -> ir.Table:
        """Return all rows of the table."""
        return self.table.contract.table(self.table.name)

    @property
    def rows(self) -> ir.Table:
        """Return the rows that the run wrote."""
        stored, column = self.stored, self.table.partition_column
        return stored if self.is_all or not column else stored.filter(self.within(stored[column]))

    @property
    def quarantined(self) -> ir.Table:
        """Return the rows that the run refused."""
        refused = Quarantine.table(self.table.quarantine)
        return refused if self.is_all else refused.filter(self.within(refused.partition_key))

    @property
    def is_undivided(self) -> bool:
        """Return whether any check of the table looks at all of it."""
        return self.table.write_mode.is_whole or self.table.partition_column is None

    @property
    def is_all(self) -> bool:
        """Return whether the check looks at the whole table."""
        return self.is_undivided or self.keys is None

    def within(self, partition: ir.Column) -> ir.BooleanValue:
        """Return the condition that a partition is one of the run's."""
        return self.window.holds(partition)

    def judges(self, first: str, last: str) -> bool:
        """Return whether a check of these rows judges exactly the rows of one write.

        A whole table may pass with a share of bad rows that is too high for one of its days.

        Args:
            first: the first partition that was written.
            last: the last one.
        """
        return self.is_undivided or self.keys == (first, last)

    def of(self, first: str, last: str) -> "CheckContext":
        """Return the context that looks at the rows of these partitions."""
        return replace(self, keys=(first, last))

    def fetch(self, query: ir.Table) -> list[dict[str, Any]]:
        """Run a query and return its rows as dictionaries."""
        return self.engine.fetch(query)

    def count(self, query: ir.Table) -> int:
        """Return how many rows a query has."""
        return int(self.fetch(query.aggregate(n=query.count()))[0]["n"])

    def sample(self, query: ir.Table) -> Rows:
        """Return the first rows that a red check shows: long values cut, personal ones withheld."""
        return self.shown(self.fetch(query.limit(SHOWN_ROWS)))

    def shown(self, rows: Rows) -> Rows:
        """Return rows as a red check shows them: long values cut, personal ones withheld."""
        withheld = self.table.contract.personal()
        return [
            {
                name: WITHHELD if name in withheld else str(value)[:SHOWN_CHARACTERS]
                for name, value in row.items()
            }
            for row in rows[:SHOWN_ROWS]
        ]


@dataclass(frozen=True)
class Finding:
    """The result of a check.

    Attributes:
        broken: every rule and how many rows break it; all 0 where the check passes.
        description: the finding in words, and what to do about it.
        is_warning: whether a broken rule only warns and blocks nothing.
        metadata: figures and rows to show in any case.
        samples: rows that break a rule, to be shown.
        ending: the lines that end the log of a run which the check stops.
    """

    broken: Mapping[str, int]
    description: str
    is_warning: bool = False
    metadata: Mapping[str, Any] = field(default_factory=dict)
    samples: Mapping[str, Rows] = field(default_factory=dict)
    ending: Sequence[str] = ()

    @property
    def passed(self) -> bool:
        """Return whether no rule is broken."""
        return not any(self.broken.values())

    @property
    def verdict(self) -> Verdict:
        """Return how the check went."""
        return verdict_of(passed=self.passed, is_warning=self.is_warning)


@dataclass(frozen=True)
class Check:
    """One question about a table's rows.

    Attributes:
        name: the name of the check in the UI.
        description: what it asks.
        evaluate: queries the warehouse.
        blocking: whether a red result keeps downstream tables from being updated.
    """

    name: str
    description: str
    evaluate: Callable[[CheckContext], Finding]
    blocking: bool = False


def counted(number: int, things: str) -> str:
    """Return how many: 1 and `rows lost` as '1 row lost', 36 and `rows lost` as '36 rows lost'.

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
    """Return how many rows break a rule, or how many of the things that the rule counts exist."""
    return of_rows(rule, count) if ": " in rule else counted(count, rule)


def of_rows(rule: str, count: int) -> str:
    """Return how many rows break a rule: '2 rows: show_id is missing'."""
    return f"{counted(count, 'rows')}: {sentence(rule)}"


def definitions(contract: type[Contract], broken: Mapping[str, int]) -> Rows:
    """Return how the contract declares the rules that are broken."""
    return [
        {"rule": sentence(rule.name), "definition": f"`{rule.definition}`"}
        for rule in contract.rules()
        if broken.get(rule.name)
    ]


def judge(
    broken: Mapping[str, int],
    *,
    samples: Callable[[], Mapping[str, Rows]] = dict,
    metadata: Mapping[str, Any] | None = None,
    is_warning: bool = False,
    advice: str,
    say: Callable[[str, int], str] = as_sentence,
) -> Finding:
    """Turn counts of broken rules into a finding; a red one shows rows.

    Args:
        broken: every rule and how many rows break it.
        samples: called where something is broken; rows to show then.
        metadata: figures and rows to show in any case.
        is_warning: whether a red result stops nothing.
        advice: what to do about a red result.
        say: turns a rule and its count into a sentence.
    """
    red = {rule: count for rule, count in broken.items() if count}
    if not red:
        return Finding(broken, "holds", is_warning, metadata or {})
    shown = samples()
    sentences = [say(rule, count) for rule, count in red.items()]
    examples = next(filter(None, shown.values()), [])[:EXAMPLE_ROWS]
    return Finding(
        broken=broken,
        description=f"{_joined(sentences, SHOWN_ROWS)}. {advice}",
        is_warning=is_warning,
        metadata=metadata or {},
        samples=shown,
        ending=[_joined(sentences, EXAMPLE_ROWS), *map(_in_one_line, examples), advice],
    )


def _joined(sentences: Sequence[str], most: int) -> str:
    """Join the first sentences, and add how many more there are."""
    more = len(sentences) - most
    return "; ".join([*sentences[:most], *([f"and {more} more"] if more > 0 else [])])


def _in_one_line(row: Mapping[str, Any]) -> str:
    """Return a row in a line: its broken rules first, and the columns that they name."""
    rules = str(row.get(BROKEN_RULES, ""))
    named = {rule.partition(":")[0] for rule in rules.split("; ")} | {BROKEN_RULES}
    ordered = sorted(row.items(), key=lambda item: item[0] not in named)
    text = " ".join(", ".join(f"{name}={value}" for name, value in ordered).split())
    return text if len(text) <= LINE_CHARACTERS else f"{text[: LINE_CHARACTERS - 3]}..."
