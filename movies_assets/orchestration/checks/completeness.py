"""Does a delivery have values in the columns that its table needs: if not, the run stops.

The deliveries that are compared, the band, and names that files use for a column belong here.
Which columns are expected is declared in the contract.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any, NamedTuple

import ibis
import ibis.expr.types as ir

from movies_assets.core.check import SHOWN_ROWS, Check, CheckContext, Finding, judge
from movies_assets.core.contract import REQUIRED, FileRows
from movies_assets.core.table import Table
from movies_assets.ingest.editions import normalised
from movies_assets.sources.shared.parsing import file_of
from movies_assets.warehouse import audit_log
from movies_assets.warehouse.delimited import landed
from movies_assets.warehouse.quoting import literal
from movies_assets.warehouse.sql import compile_sql

# The usual share is that of all other deliveries of the newest partitions, as in `bands`.
HISTORY_PARTITIONS = 28
# `bands` warns from five points more unknown values on. This check stops the run, so it asks for
# more: where a fifth of the rows lose a value that they usually have, the source has changed.
POINTS = 0.2
# The share of n rows varies by sqrt(p * (1 - p) / n); four times that, because all columns of all
# deliveries are compared. Where nothing was ever unknown, up to 5% may be: nothing is known yet of
# how rare the first one is.
NOISE, LEAST_USUAL = 4, 0.05
# A column that the file has may be empty by chance in a few rows: of three rows that are each
# unknown in 5% of cases, once in 8,000 deliveries. A column that the file lacks is no chance.
CHANCE = 0.001

PROFILES = "gold.data_quality_snapshot"
READ = "read"
FIGURES = ("partition", "file", "column_name", "row_count", "known")

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


class Delivery(NamedTuple):
    """The rows that are judged together.

    Attributes:
        figures: query for the columns FIGURES: how many rows of a partition and file should have a
            value in a column, and how many have one.
        judged: SQL condition on the partition: the deliveries that are judged. The others only
            give the usual share.
    """

    figures: str
    judged: str


def completeness_check(table: Table, tables: Mapping[str, Table]) -> Check:
    """Build the blocking check that expected columns are known about as often as usual."""
    columns = table.contract.expected()

    def evaluate(rows: CheckContext) -> Finding:
        source = tables[table.lineage.source_of] if table.lineage else None
        files = landed(source) if source and issubclass(source.contract, FileRows) else None
        if files and not rows.has(files):
            files = None
        if source and files and table.typed:
            delivery = _of_files(rows, source, table.typed)
        elif table.partition_column and table.write_mode.is_windowed:
            delivery = _of_partitions(rows)
        else:
            delivery = Delivery(_of_table(rows), "true")
        compared = rows.fetch(_compared(rows, delivery, source if files else None))
        lost = [figure for figure in compared if figure["is_lost"]]
        found = _files_of(rows, files, lost) if files else []
        likely = _likely_names(lost, found)
        broken = {_named(figure): figure["row_count"] - figure["known"] for figure in lost}
        texts = {_named(figure): _sentence(figure, likely) for figure in lost}
        return judge(
            broken,
            metadata={"compared": len(compared)},
            samples=lambda: {
                "columns": [_shown(figure, likely) for figure in lost[:SHOWN_ROWS]],
            },
            say=lambda rule, _: texts[rule],
            advice=_advice(table, source, lost, found),
        )

    return Check(
        name="completeness",
        description=f"Every delivery has values in {', '.join(columns)}, and not far fewer than "
        f"the others of the newest {HISTORY_PARTITIONS} partitions.",
        blocking=True,
        evaluate=evaluate,
    )


def _known(rows: ir.Table, name: str) -> ir.BooleanValue:
    """Say whether a column is known; of a list, whether it has values."""
    value = rows[name]
    if value.type().is_array():
        return value.notnull() & (value.length() > 0)
    return value.notnull()


def _aggregates(table: Table, rows: ir.Table) -> dict[str, ir.Value]:
    """Return the figures of the rows as one list, a struct a column."""
    figures = [
        ibis.struct(
            {
                "column_name": ibis.literal(name),
                "row_count": rows.count(where=wanted(rows)),
                "known": rows.count(where=wanted(rows) & _known(rows, name)),
            }
        )
        for name, wanted in table.contract.expected().items()
    ]
    return {"figures": ibis.array(figures)}


def _of_files(rows: CheckContext, source: Table, typed: Callable[[ir.Table], ir.Table]) -> Delivery:
    """Compare file with file, by what is read from the rows of each.

    The stored rows would not do: they carry forward what older files knew. The table mirrors every
    file, so a bad one is red until it is replaced or accepted, whichever day is run.
    """
    day = source.partition_column
    read = typed(source.contract.table(READ))
    by_file = read.group_by(partition=read[day].cast("string"), file=file_of(read))
    figures = compile_sql(by_file.aggregate(**_aggregates(rows.table, read)))
    newest = f"SELECT DISTINCT {day} FROM {source.name} ORDER BY 1 DESC LIMIT {HISTORY_PARTITIONS}"
    return Delivery(
        f"""
        WITH {READ} AS (SELECT * FROM {source.name} WHERE {rows.within(day)} OR {day} IN ({newest}))
        SELECT partition, file, unnest(figures, recursive := true) FROM ({figures})""",
        f"NOT ({_accepted(rows)})",
    )


def _accepted(rows: CheckContext) -> str:
    """Return the condition on partitions that were accepted although they are red."""
    if not rows.has(audit_log.ACCEPTED):
        return "false"
    return (
        f"EXISTS (FROM {audit_log.ACCEPTED} AS accepted WHERE table_name = "
        f"{literal(rows.table.name)} "
        "AND compared.partition BETWEEN first_partition AND last_partition)"
    )


def _of_partitions(rows: CheckContext) -> Delivery:
    """Compare partition with partition, by the stored rows and those in quarantine."""
    table, day = rows.table, rows.table.partition_column
    stored = table.contract.table(READ)
    by_day = stored.group_by(partition=stored[day].cast("string"))
    figures = compile_sql(by_day.aggregate(**_aggregates(table, stored)))
    first = literal(rows.keys[0]) if rows.keys else "NULL"
    history = f"""SELECT min(day) FROM (SELECT DISTINCT {day} AS day FROM {table.name}
        WHERE {day} < {first} ORDER BY 1 DESC LIMIT {HISTORY_PARTITIONS})"""
    last = f"{day} <= {literal(rows.keys[1])}" if rows.keys else "true"
    return Delivery(
        f"""
        WITH {READ} AS (SELECT * FROM {table.name} WHERE
            {day} >= coalesce(({history}), {first}, (SELECT min({day}) FROM {table.name}))
            AND {last}), stored AS (
            SELECT partition, NULL::VARCHAR AS file, unnest(figures, recursive := true)
            FROM ({figures}))
        SELECT partition, file, column_name, sum(row_count)::BIGINT AS row_count,
            sum(known)::BIGINT AS known
        FROM (FROM stored UNION ALL BY NAME {_refused(rows)}) GROUP BY ALL""",
        "true" if rows.keys is None else rows.within("partition"),
    )


def _refused(rows: CheckContext) -> str:
    """Count the rows that went to quarantine: where a required column was unknown, it was lost."""
    required = _required(rows.table)
    if not rows.table.lineage or not required or not rows.has(rows.table.quarantine):
        return "SELECT NULL::VARCHAR AS partition WHERE false"
    columns = ", ".join(
        f"{{'column_name': {literal(name)}, 'row_count': count(*), 'known': count(*) FILTER "
        f"(NOT list_contains(string_split(broken_rules, '; '), '{name}: {REQUIRED}'))}}"
        for name in required
    )
    within = rows.within("partition_key")
    return f"""SELECT partition, NULL::VARCHAR AS file, unnest(figures, recursive := true) FROM (
        SELECT partition_key AS partition, [{columns}] AS figures
        FROM {rows.table.quarantine} WHERE {within} GROUP BY partition_key)"""


def _required(table: Table) -> list[str]:
    """Return the expected columns that no stored row lacks."""
    rules = {rule.name for rule in table.contract.rules()}
    return [name for name in table.contract.expected() if f"{name}: {REQUIRED}" in rules]


def _of_table(rows: CheckContext) -> str:
    """Compare the newest state, which replaces the one before it, with what was profiled then."""
    table, day = rows.table, rows.table.partition_column
    stored = table.contract.table(READ)
    newest = stored[day].max().cast("string") if day else ibis.literal("")
    figures = compile_sql(
        stored.aggregate(**_aggregates(table, stored), partition=newest.fill_null(""))
    )
    refused = _refused(rows)
    return f"""
        WITH {READ} AS (SELECT * FROM {table.name}), stored AS (
            SELECT partition, NULL::VARCHAR AS file, unnest(figures, recursive := true)
            FROM ({figures}))
        SELECT max(partition) AS partition, file, column_name,
            sum(row_count)::BIGINT AS row_count, sum(known)::BIGINT AS known
        FROM (FROM stored UNION ALL BY NAME {refused}) GROUP BY file, column_name"""


def _profiled(rows: CheckContext) -> str:
    """Return the usual shares of unknown values of a table that is replaced as a whole."""
    if not rows.table.write_mode.is_whole or not rows.has(PROFILES):
        return "SELECT NULL::VARCHAR AS column_name, NULL::DOUBLE AS share_before WHERE false"
    day = rows.table.partition_column
    newest = f"(SELECT max({day}) FROM {rows.table.name})" if day else "NULL"
    return f"""
        SELECT column_name, median(share) AS share_before FROM (
            SELECT column_name, null_count / row_count AS share FROM {PROFILES}
            WHERE table_name = {literal(rows.table.name)} AND row_count > 0
                AND last_day < coalesce({newest}, DATE '9999-12-31')
            QUALIFY row_number() OVER (PARTITION BY column_name ORDER BY last_day DESC)
                <= {HISTORY_PARTITIONS})
        GROUP BY column_name"""


def _compared(rows: CheckContext, delivery: Delivery, source: Table | None) -> str:
    """List the figures of each delivery beside the share that is usual and the highest allowed."""
    absent = "false"
    if source:
        names = _received_as(rows.table, source)
        pairs = ", ".join(f"({literal(own)}, {literal(name)})" for own, name in names.items())
        absent = f"""EXISTS (
            FROM {landed(source)} AS files JOIN (VALUES {pairs}) AS names(own, received)
                ON own = compared.column_name
            WHERE list_contains(missing_columns, received) AND (files.source = compared.file OR
                compared.file IS NULL AND files.partition_key = compared.partition))"""
    return f"""
        WITH figures AS ({delivery.figures}), compared AS (
            SELECT figures.*, sum(row_count) OVER of_column - row_count AS other_rows,
                sum(known) OVER of_column - known AS other_known
            FROM figures WINDOW of_column AS (PARTITION BY column_name)
        ), judged AS (
            SELECT compared.* EXCLUDE (other_rows, other_known),
                1 - known / row_count AS share,
                CASE WHEN other_rows > 0 THEN 1 - other_known / other_rows
                    ELSE profiled.share_before END AS usual,
                greatest(coalesce(usual, 0), {LEAST_USUAL}) AS chance,
                usual + {POINTS} + {NOISE} * sqrt(chance * (1 - chance) / row_count)
                    + 1 / row_count AS highest,
                {absent} AS is_absent
            FROM compared LEFT JOIN ({_profiled(rows)}) AS profiled USING (column_name)
            WHERE row_count > 0 AND {delivery.judged}
        )
        SELECT *, coalesce(share > highest, false) OR known = 0 AND (
            is_absent OR pow(least(chance, 0.5), row_count) < {CHANCE}) AS is_lost
        FROM judged ORDER BY is_lost DESC, partition, file, column_name"""


def _received_as(table: Table, source: Table) -> dict[str, str]:
    """Return, for expected columns, the column of the bronze table that is named like them."""
    known = [name for name in source.contract.types() if name not in FileRows.types()]
    found = {}
    for name in table.contract.expected():
        best = max(known, key=lambda other: (other == name, likeness(name, other)))
        if best == name or likeness(name, best) >= LIKELY:
            found[name] = best
    return found or {"": ""}


def _files_of(
    rows: CheckContext, files: str, lost: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return the files in which columns were lost: their headers, and what is unknown in them."""
    if not lost:
        return []
    named = ", ".join(
        f"({literal(figure['partition'])}, {literal(figure['file'] or '')})" for figure in lost
    )
    return rows.fetch(
        f"""SELECT source AS file, partition_key AS partition, header, unknown_columns
        FROM {files} AS files SEMI JOIN (VALUES {named}) AS lost(partition, file)
            ON files.partition_key = lost.partition AND lost.file IN ('', files.source)
        ORDER BY ALL LIMIT {SHOWN_ROWS}"""
    )


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
    lost: Sequence[Mapping[str, Any]], files: Sequence[Mapping[str, Any]]
) -> dict[tuple[str, str], str]:
    """Return, by file and lost column, the name in the file's header that is most like it."""
    found: dict[tuple[str, str], str] = {}
    for file in files:
        spelt = [name for name in file["header"] if normalised(name) in file["unknown_columns"]]
        columns = [
            figure["column_name"]
            for figure in lost
            if file["partition"] == figure["partition"] and figure["file"] in (None, file["file"])
        ]
        pairs = [(likeness(name, column), name, column) for name in spelt for column in columns]
        taken: set[str] = set()
        for alike, name, column in sorted(pairs, key=lambda pair: -pair[0]):
            if alike >= LIKELY and not taken & {f"<{name}", f">{column}"}:
                taken |= {f"<{name}", f">{column}"}
                found[file["file"], column] = name
    return found


def _matches(figure: Mapping[str, Any], likely: Mapping[tuple[str, str], str]) -> Iterator[str]:
    for (file, column), name in likely.items():
        if column == figure["column_name"] and figure["file"] in (None, file):
            yield name


def _named(figure: Mapping[str, Any]) -> str:
    return f"{figure['column_name']} in {figure['file'] or figure['partition'] or 'all rows'}"


def _sentence(figure: Mapping[str, Any], likely: Mapping[tuple[str, str], str]) -> str:
    where = _named(figure).partition(" in ")[2]
    name, number = figure["column_name"], figure["row_count"]
    rows = f"any of the {number:,} rows" if number > 1 else "the one row"
    text = f"{name} has no value in {rows} of {where}"
    if figure["known"]:
        share, usual = (f"{figure[part]:.0%}" for part in ("share", "usual"))
        text = f"{name} is unknown in {share} of the {number:,} rows of {where}, usually in {usual}"
    names = dict.fromkeys(_matches(figure, likely))
    return text + "".join(f"; `{spelt}` looks like `{name}`" for spelt in names)


def _shown(
    figure: Mapping[str, Any], likely: Mapping[tuple[str, str], str]
) -> dict[str, str | int]:
    usual = figure["usual"]
    return {
        "column": figure["column_name"],
        "rows": figure["row_count"],
        "share unknown": f"{figure['share']:.1%}",
        "usual": "no history" if usual is None else f"{usual:.1%}",
        "file": figure["file"] or figure["partition"],
        "looks like": ", ".join(dict.fromkeys(_matches(figure, likely))),
    }


def _advice(
    table: Table,
    source: Table | None,
    lost: Sequence[Mapping[str, Any]],
    files: Collection[Mapping[str, Any]],
) -> str:
    """Say which columns the files have, and what to do."""
    headers = {tuple(file["header"]): file["file"] for file in reversed([*files])}
    found = " ".join(
        f"The columns of {file} are {', '.join(header)}."
        for header, file in [*headers.items()][-2:]
    )
    days = [figure["partition"] for figure in lost if figure["partition"]]
    window = " ".join(dict.fromkeys([min(days), max(days)])) if days else ""
    fix = (
        f"Rename the columns in the file, or declare its edition beside {source.name}, and "
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
