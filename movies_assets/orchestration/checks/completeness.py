"""Does a delivery have values in the columns that its table needs: if not, the run stops.

The deliveries that are compared, the band, and names that files use for a column belong here.
Which columns are expected is declared in the contract.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from difflib import SequenceMatcher
from math import sqrt
from statistics import median
from typing import Any, NamedTuple

import ibis
import ibis.expr.types as ir

from movies_assets.core.check import SHOWN_ROWS, Check, CheckContext, Finding, judge
from movies_assets.core.contract import FileRows, LandedFile, Quarantine
from movies_assets.core.table import Table
from movies_assets.core.wording import REQUIRED
from movies_assets.ingest.editions import normalised
from movies_assets.sources.shared.parsing import file_of
from movies_assets.sources.shared.quality import PROFILES, DataQualitySnapshot
from movies_assets.warehouse import audit_log
from movies_assets.warehouse.delimited import landed

# The usual share is that of all other deliveries of the newest partitions, as in `profile_drift`.
HISTORY_PARTITIONS = 28
# `profile_drift` warns from five points more unknown values on. This check stops the run, so it
# needs more: where a fifth of the rows lose a value that they usually have, the source changed.
POINTS = 0.2
# The share of n rows varies by sqrt(p * (1 - p) / n); four times that, because all columns of all
# deliveries are compared. Where nothing was ever unknown, up to 5% may be: nothing is known yet of
# how rare the first one is.
NOISE, LEAST_USUAL = 4, 0.05
# A column that the file has may be empty by chance in a few rows: of three rows that are each
# unknown in 5% of cases, once in 8,000 deliveries. A column that the file lacks is no chance.
CHANCE = 0.001

# Names of the columns that count, by expected column.
ROWS, KNOWN = "rows of ", "known "

# Words that publishers use for the same thing.
SYNONYMS = (
    {"title", "name", "film", "movie", "programme"},
    {"genre", "genres", "kind", "category", "categories", "listed"},
    {"type", "kind", "media"},
    {"score", "rating", "ratings", "stars", "vote", "votes", "average", "rank"},
    {"runtime", "duration", "length", "minutes", "min", "mins"},
    {"watched", "viewed", "seen", "played", "timestamp", "time", "when", "date"},
    {"premiere", "release", "released", "year", "date"},
    {"added", "date", "since"},
    {"user", "customer", "account", "member", "subscriber", "profile", "viewer"},
    {"id", "key", "code", "number", "no"},
)
# Words that nearly every name may contain.
COMMON = {"id", "key", "code", "number", "no", "at", "of", "in", "date", "the"}
# A name that is this alone means any column that ends so.
ID = "id"
# How alike two names are, from 0 to 1: a shared word, a shared meaning, and the least that counts.
SHARED_WORD, SHARED_MEANING, LIKELY = 0.9, 0.8, 0.65


class ColumnCoverage(NamedTuple):
    """How often a column is known in the rows that are judged together.

    Attributes:
        partition: the partition; '' where the rows have none.
        file: the file; None where the rows are not counted by file.
        column: the column.
        rows: how many rows should have a value.
        known: how many have one.
    """

    partition: str
    file: str | None
    column: str
    rows: int
    known: int

    @property
    def share(self) -> float:
        """Return the share of rows in which the column is unknown."""
        return 1 - self.known / self.rows

    @property
    def where(self) -> str:
        """Name the rows."""
        return self.file or self.partition or "all rows"

    def __str__(self) -> str:
        """Name column and rows."""
        return f"{self.column} in {self.where}"


class Lost(NamedTuple):
    """A column that a delivery has lost, and the share of unknown values that is usual."""

    coverage: ColumnCoverage
    usual: float | None

    @property
    def place(self) -> tuple[str, str, str]:
        """Return the values by which lost columns are ordered."""
        return self.coverage.partition, self.coverage.file or "", self.coverage.column


def completeness_check(table: Table, tables: Mapping[str, Table]) -> Check:
    """Build the blocking check that expected columns are known about as often as usual."""
    source = tables[table.lineage.source_of] if table.lineage else None

    def evaluate(context: CheckContext) -> Finding:
        has_files = (
            source and issubclass(source.contract, FileRows) and context.engine.has(landed(source))
        )
        files_of = source if has_files else None
        figures, judged = _figures(context, files_of)
        compared = [each for each in figures if each.rows and judged(each)]
        lost = _lost(context, figures, compared, files_of)
        files = _files_of(context, landed(source), lost) if source and has_files and lost else []
        likely = _likely_names(lost, files)
        texts = {str(each.coverage): _sentence(each, likely) for each in lost}
        return judge(
            {str(each.coverage): each.coverage.rows - each.coverage.known for each in lost},
            metadata={"compared": len(compared)},
            samples=lambda: {"columns": [_shown(each, likely) for each in lost[:SHOWN_ROWS]]},
            say=lambda rule, _: texts[rule],
            advice=_advice(table, source, lost, files),
        )

    return Check(
        name="completeness",
        description=f"Every delivery has values in {', '.join(table.contract.expected())}, and not "
        f"far fewer than the others of the newest {HISTORY_PARTITIONS} partitions.",
        blocking=True,
        evaluate=evaluate,
    )


def _figures(
    context: CheckContext, files_of: Table | None
) -> tuple[list[ColumnCoverage], Callable[[ColumnCoverage], bool]]:
    """Return the figures of all deliveries, and which of them are judged.

    The others only give the usual share.

    Args:
        context: the rows that are checked.
        files_of: the bronze table, if its files are known.
    """
    table = context.table
    if files_of and table.typed:
        figures = [*_unpivoted(context.fetch(figures_of_files(context, files_of)))]
        accepted = _accepted(context)
        return figures, lambda each: not any(a <= each.partition <= b for a, b in accepted)
    refused = _refused(context)
    if table.partition_column and table.write_mode.is_windowed:
        stored = _unpivoted(context.fetch(figures_of_partitions(context)))
        first, last = context.keys or ("", "~")
        return _summed([*stored, *refused]), lambda each: first <= each.partition <= last
    # The newest state, which replaces the one before it, is one delivery.
    stored = _unpivoted(context.fetch(figures_of_table(context)))
    found, newest = [*stored, *refused], dict[str, str]()
    for each in found:
        newest[each.column] = max(newest.get(each.column, ""), each.partition)
    return _summed(each._replace(partition=newest[each.column]) for each in found), lambda _: True


def _counts(table: Table, rows: ir.Table) -> dict[str, ir.Value]:
    """Return how many rows should have a value in each expected column, and how many have one."""
    found: dict[str, ir.Value] = {}
    for name, expected in table.contract.expected().items():
        found[ROWS + name] = rows.count(where=expected(rows))
        found[KNOWN + name] = rows.count(where=expected(rows) & _known(rows, name))
    return found


def _known(rows: ir.Table, name: str) -> ir.BooleanValue:
    """Return whether a column is known; of a list, whether it has values."""
    value = rows[name]
    if value.type().is_array():
        return value.notnull() & (value.length() > 0)
    return value.notnull()


def _unpivoted(rows: Iterable[Mapping[str, Any]]) -> Iterator[ColumnCoverage]:
    """Yield the coverage of each column of a delivery."""
    for row in rows:
        for name in row:
            if name.startswith(ROWS):
                column = name.removeprefix(ROWS)
                counts = row[name], row[KNOWN + column]
                yield ColumnCoverage(row["partition"], row.get("file"), column, *counts)


def _summed(figures: Iterable[ColumnCoverage]) -> list[ColumnCoverage]:
    """Add up the figures of the same column and delivery."""
    rows, known = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for each in figures:
        rows[each.partition, each.column] += each.rows
        known[each.partition, each.column] += each.known
    return [
        ColumnCoverage(where, None, column, n, known[where, column])
        for (where, column), n in rows.items()
    ]


def figures_of_files(context: CheckContext, source: Table) -> ir.Table:
    """Count by file, as each file's own rows are read.

    The stored rows are not sufficient: they carry forward values of older files. The table mirrors
    every file, so a bad one is red until it is replaced or accepted, in a run of any day.
    """
    table, day = context.table, source.partition_column
    if table.typed is None or day is None:
        raise ValueError(f"{table.name} does not read files by day")
    rows = source.contract.table(source.name)
    recent = rows[day] >= _oldest_of(newest_partitions(rows.view(), day))
    read = table.typed(rows.filter(context.within(rows[day]) | recent))
    by_file = read.group_by(partition=read[day].cast("string"), file=file_of(read))
    return by_file.aggregate(**_counts(table, read))


def newest_partitions(rows: ir.Table, day: str) -> ir.Table:
    """Return the newest partitions of a table."""
    days = rows.select(day=rows[day]).distinct()
    return days.order_by(days.day.desc()).limit(HISTORY_PARTITIONS)


def _oldest_of(partitions: ir.Table) -> ir.Scalar:
    return partitions.aggregate(oldest=partitions.day.min()).as_scalar()


def _accepted(context: CheckContext) -> list[tuple[str, str]]:
    """Return the first and last partitions that were accepted although they are red."""
    if not context.engine.has(audit_log.ACCEPTED):
        return []
    found = context.fetch(accepted(context))
    return [(row["first_partition"], row["last_partition"]) for row in found]


def accepted(context: CheckContext) -> ir.Table:
    """Return the accepted writes of the table."""
    writes = audit_log.Accepted.table(audit_log.ACCEPTED)
    return writes.filter(writes.table_name == context.table.name)


def figures_of_partitions(context: CheckContext) -> ir.Table:
    """Count by partition: those of the run, and the newest of those before it."""
    stored, day = context.stored, context.table.partition_column
    if day is None:
        raise ValueError(f"{context.table.name} has no partitions")
    if context.keys:
        first, last = (ibis.literal(key).cast(stored[day].type()) for key in context.keys)
        before = stored.view()
        history = _oldest_of(newest_partitions(before.filter(before[day] < first), day))
        stored = stored.filter(stored[day] >= ibis.coalesce(history, first), stored[day] <= last)
    by_day = stored.group_by(partition=stored[day].cast("string"))
    return by_day.aggregate(**_counts(context.table, stored))


def figures_of_table(context: CheckContext) -> ir.Table:
    """Count all rows; their partition is the newest, '' without any."""
    stored, day = context.stored, context.table.partition_column
    newest = stored[day].max().cast("string") if day else ibis.literal("")
    counts = _counts(context.table, stored)
    return stored.aggregate(partition=newest.fill_null(""), **counts)


def _refused(context: CheckContext) -> list[ColumnCoverage]:
    """Count the rows that went to quarantine: where a required column was unknown, it was lost."""
    table = context.table
    if not table.lineage or not _required(table) or not context.engine.has(table.quarantine):
        return []
    return [*_unpivoted(context.fetch(figures_of_refused(context)))]


def figures_of_refused(context: CheckContext) -> ir.Table:
    """Count the rows in quarantine by partition."""
    refused = Quarantine.table(context.table.quarantine)
    refused = refused.filter(context.within(refused.partition_key))
    broken = refused.broken_rules.split("; ")
    counts: dict[str, ir.Value] = {}
    for name in _required(context.table):
        counts[ROWS + name] = refused.count()
        counts[KNOWN + name] = refused.count(where=~broken.contains(f"{name}: {REQUIRED}"))
    return refused.group_by(partition=refused.partition_key).aggregate(**counts)


def _required(table: Table) -> list[str]:
    """Return the expected columns that no stored row lacks."""
    return [name for name in table.contract.expected() if name in table.contract.required()]


def _lost(
    context: CheckContext,
    figures: Sequence[ColumnCoverage],
    compared: Sequence[ColumnCoverage],
    files_of: Table | None,
) -> list[Lost]:
    """Return the columns that deliveries have lost, each with the usual share.

    Args:
        context: the rows that are checked.
        figures: those of all deliveries.
        compared: those that are judged.
        files_of: the bronze table, if its files are known.
    """
    rows, known = Counter[str](), Counter[str]()
    for each in figures:
        rows[each.column] += each.rows
        known[each.column] += each.known
    profiled = _profiled(context)
    missing = _missing(context, files_of) if any(not each.known for each in compared) else {}
    lost = []
    for each in compared:
        others = rows[each.column] - each.rows
        usual = (
            1 - (known[each.column] - each.known) / others if others else profiled.get(each.column)
        )
        is_absent = each.column in missing.get(each.file or each.partition, ())
        if _is_lost(each, usual, is_absent=is_absent):
            lost.append(Lost(each, usual))
    return sorted(lost, key=lambda each: each.place)


def _is_lost(coverage: ColumnCoverage, usual: float | None, *, is_absent: bool) -> bool:
    """Return whether far more values are unknown than usual.

    Args:
        coverage: how often a column is known.
        usual: the share of rows in which it is unknown elsewhere; None without any history.
        is_absent: whether the file lacks the column.
    """
    chance = max(usual or 0, LEAST_USUAL)
    if not coverage.known and (is_absent or min(chance, 0.5) ** coverage.rows < CHANCE):
        return True
    noise = NOISE * sqrt(chance * (1 - chance) / coverage.rows) + 1 / coverage.rows
    return usual is not None and coverage.share > usual + POINTS + noise


def _profiled(context: CheckContext) -> dict[str, float]:
    """Return the usual shares of unknown values of a table that is replaced as a whole."""
    if not context.table.write_mode.is_whole or not context.engine.has(PROFILES):
        return {}
    shares = defaultdict[str, list[float]](list)
    for row in context.fetch(profiles_before(context)):
        shares[row["column_name"]].append(row["share"])
    return {name: median(found) for name, found in shares.items()}


def profiles_before(context: CheckContext) -> ir.Table:
    """Return the shares of unknown values, by column, in the newest profiles of earlier states."""
    rows, stored = DataQualitySnapshot.table(PROFILES), context.stored
    before = rows.filter(rows.table_name == context.table.name, rows.row_count > 0)
    if day := context.table.partition_column:
        newest = stored.aggregate(newest=stored[day].max()).as_scalar()
        before = before.filter(before.last_day < ibis.coalesce(newest, ibis.literal(date.max)))
    newest_first = ibis.window(group_by=before.column_name, order_by=before.last_day.desc())
    ranked = before.mutate(ago=ibis.row_number().over(newest_first))
    found = ranked.filter(ranked.ago < HISTORY_PARTITIONS)
    return found.select("column_name", share=found.null_count / found.row_count)


def _missing(context: CheckContext, files_of: Table | None) -> dict[str, set[str]]:
    """Return the expected columns that files lack, by file and by partition."""
    if files_of is None:
        return {}
    received = _received_as(context.table, files_of)
    found = defaultdict[str, set[str]](set)
    for file in context.fetch(files_with_missing_columns(files_of)):
        columns = {own for own, name in received.items() if name in file["missing_columns"]}
        found[file["source"]] |= columns
        found[file["partition_key"]] |= columns
    return found


def files_with_missing_columns(source: Table) -> ir.Table:
    """Return the files that lack columns of the contract."""
    files = LandedFile.table(landed(source))
    lacking = files.filter(files.missing_columns.length() > 0)
    return lacking.select("source", "partition_key", "missing_columns")


def _received_as(table: Table, source: Table) -> dict[str, str]:
    """Return, for expected columns, the column of the bronze table that is named like them."""
    known = [name for name in source.contract.types() if name not in FileRows.types()]
    found = {}
    for name in table.contract.expected():
        best = max(known, key=lambda other: (other == name, likeness(name, other)))
        if best == name or likeness(name, best) >= LIKELY:
            found[name] = best
    return found


def _files_of(context: CheckContext, files: str, lost: Sequence[Lost]) -> list[dict[str, Any]]:
    """Return the files in which columns were lost: their headers, and their unknown columns."""
    named = {(each.coverage.partition, each.coverage.file) for each in lost}
    found = context.fetch(files_in(files, sorted({partition for partition, _ in named})))
    return [
        file
        for file in found
        if {(file["partition"], file["file"]), (file["partition"], None)} & named
    ][:SHOWN_ROWS]


def files_in(files: str, partitions: Sequence[str]) -> ir.Table:
    """Return the files of some partitions."""
    rows = LandedFile.table(files)
    found = rows.filter(rows.partition_key.isin(partitions))
    return found.select(
        "header", "unknown_columns", file=found.source, partition=found.partition_key
    ).order_by("file", "partition")


def likeness(one: str, other: str) -> float:
    """Return how alike the names of two columns are, from 0 to 1: by words, meaning and letters."""
    first, second = (normalised(name) for name in (one, other))
    if ID in (first, second):
        return (
            SHARED_MEANING if all(f"_{name}".endswith(f"_{ID}") for name in (first, second)) else 0
        )
    words, others = (set(name.split("_")) - COMMON for name in (first, second))
    if words & others:
        return max(SHARED_WORD, SequenceMatcher(None, first, second).ratio())
    if any(words & same and others & same for same in SYNONYMS):
        return SHARED_MEANING
    return SequenceMatcher(None, first, second).ratio()


def _likely_names(
    lost: Sequence[Lost], files: Sequence[Mapping[str, Any]]
) -> dict[tuple[str, str], str]:
    """Return, by file and lost column, the name in the file's header that is most like it."""
    found: dict[tuple[str, str], str] = {}
    for file in files:
        spelt = [name for name in file["header"] if normalised(name) in file["unknown_columns"]]
        columns = [
            coverage.column
            for coverage, _ in lost
            if file["partition"] == coverage.partition and coverage.file in (None, file["file"])
        ]
        pairs = [(likeness(name, column), name, column) for name in spelt for column in columns]
        taken: set[str] = set()
        for alike, name, column in sorted(pairs, key=lambda pair: -pair[0]):
            if alike >= LIKELY and not taken & {f"<{name}", f">{column}"}:
                taken |= {f"<{name}", f">{column}"}
                found[file["file"], column] = name
    return found


def _matches(coverage: ColumnCoverage, likely: Mapping[tuple[str, str], str]) -> list[str]:
    """Return the names in files that look like the column, each once."""
    found = [
        name
        for (file, column), name in likely.items()
        if column == coverage.column and coverage.file in (None, file)
    ]
    return [*dict.fromkeys(found)]


def _sentence(lost: Lost, likely: Mapping[tuple[str, str], str]) -> str:
    coverage, usual = lost
    rows = f"any of the {coverage.rows:,} rows" if coverage.rows > 1 else "the one row"
    text = f"{coverage.column} has no value in {rows} of {coverage.where}"
    if coverage.known:
        text = (
            f"{coverage.column} is unknown in {coverage.share:.0%} of the {coverage.rows:,} rows "
            f"of {coverage.where}, usually in {usual:.0%}"
        )
    names = _matches(coverage, likely)
    return text + "".join(f"; `{spelt}` looks like `{coverage.column}`" for spelt in names)


def _shown(lost: Lost, likely: Mapping[tuple[str, str], str]) -> dict[str, str | int]:
    coverage, usual = lost
    return {
        "column": coverage.column,
        "rows": coverage.rows,
        "share unknown": f"{coverage.share:.1%}",
        "usual": "no history" if usual is None else f"{usual:.1%}",
        "file": coverage.file or coverage.partition,
        "looks like": ", ".join(_matches(coverage, likely)),
    }


def _advice(
    table: Table,
    source: Table | None,
    lost: Sequence[Lost],
    files: Collection[Mapping[str, Any]],
) -> str:
    """Return which columns the files have, and what to do."""
    headers = {tuple(file["header"]): file["file"] for file in reversed([*files])}
    found = " ".join(
        f"The columns of {file} are {', '.join(header)}."
        for header, file in [*headers.items()][-2:]
    )
    days = [each.coverage.partition for each in lost if each.coverage.partition]
    window = " ".join(dict.fromkeys([min(days), max(days)])) if days else ""
    fix = (
        f"Rename the columns in the file, or declare its edition next to {source.name}, and "
        if source and files
        else "Check whether the source has renamed or dropped them, and "
    )
    accept = " ".join(f"python -m movies_assets accept {table.name} {window}".split())
    return (
        "Nothing below this table was updated, and nothing new of its source is published. "
        f"{found} {fix}"
        "materialize these partitions again. If the source knows no more, accept it: "
        f"{accept} --reason '...'"
    ).replace("  ", " ")
