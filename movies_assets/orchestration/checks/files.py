"""Are all files read, and do they look as the contract expects: every file is read anyway."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import ibis
import ibis.expr.types as ir

from movies_assets.core.check import Check, CheckContext, Finding, Rows, judge
from movies_assets.core.contract import LandedFile
from movies_assets.core.table import Table
from movies_assets.warehouse.delimited import landed

UNKNOWN, MISSING = "columns that the contract does not know", "columns that files do not have"
RESCUED, UNREAD = "records with rescued values", "records that do not read as the columns"
REFUSED, IGNORED = "files that could not be read", "files that are not read"
PARTS, EMPTY = "parts of files that are not read", "files without any line"
SHOWN_FILES, NAMED_FILES = 50, 5
SHOWN = ("source", "packing", "edition", "encoding", "separator", "rows", "problems")
NOTHING_LOST = (
    "Nothing is lost: new columns are in the table as text, missing ones are NULL, values that do "
    "not fit are in _rescued_data, records that do not read are in quarantine. If the files stay "
    "like this, change the contract."
)
LEFT_AS_IT_WAS = (
    "The day of a file that could not be read is as it was before, all other days were loaded. "
    "Deliver the file again or remove it, then run its day again."
)


def schema_check(_table: Table) -> Check:
    """Build the check that warns when files have other columns, or values of other types."""
    return Check(
        name="schema",
        description="The files of the run's partitions have the contract's columns, and their "
        "values fit its types (warns; nothing is lost otherwise).",
        evaluate=_evaluate_schema,
    )


def files_check(_table: Table) -> Check:
    """Build the check that no file below the landing folder is silently ignored.

    It does not block: the day of a file that could not be read is left as it was, and a run that
    has no other day fails before its checks.
    """
    return Check(
        name="files",
        description="Every file below the landing folder was read: fails where one of the run's "
        "days could not be, warns where one has no day, is no table or is still being written.",
        evaluate=_evaluate_files,
    )


def _evaluate_schema(context: CheckContext) -> Finding:
    queries = schema_queries(context)
    counts = {rule: context.count(query) for rule, query in queries.items()}
    names = {
        rule: [row["column"] for row in context.fetch(queries[rule])] for rule in (UNKNOWN, MISSING)
    }
    files = read_files(context)
    found = judge(
        counts,
        metadata={
            "files": context.count(files),
            "files_read": context.fetch(files.select(*SHOWN).order_by("source").limit(SHOWN_FILES)),
        },
        samples=lambda: _samples(context, queries, counts),
        is_warning=True,
        advice=NOTHING_LOST,
    )
    sentences = [
        _sentence(
            len(names[UNKNOWN]), "column is", "columns are", "not in the contract", names[UNKNOWN]
        ),
        _sentence(
            len(names[MISSING]), "column is", "columns are", "not in all files", names[MISSING]
        ),
        _sentence(
            counts[RESCUED], "record has", "records have", "values that do not fit their type"
        ),
        _sentence(counts[UNREAD], "record does", "records do", "not read as the columns"),
    ]
    return _described(found, sentences, NOTHING_LOST)


def _evaluate_files(context: CheckContext) -> Finding:
    queries = files_queries(context)
    counts = {rule: context.count(query) for rule, query in queries.items()}
    found = judge(
        counts,
        metadata={"files": context.count(files_of(context))},
        samples=lambda: _samples(context, queries, counts),
        is_warning=not counts[REFUSED],
        advice=LEFT_AS_IT_WAS,
    )
    named = {
        rule: [
            f"{row['source']} {row['reason']}".strip()
            for row in context.fetch(query.limit(NAMED_FILES))
        ]
        for rule, query in queries.items()
    }
    sentences = [
        _sentence(counts[REFUSED], "file", "files", "could not be read", named[REFUSED]),
        _sentence(counts[IGNORED], "file is", "files are", "not read", named[IGNORED]),
        _sentence(counts[EMPTY], "file is", "files are", "empty", named[EMPTY]),
        _sentence(
            counts[PARTS], "part of a file is", "parts of files are", "not read", named[PARTS]
        ),
    ]
    return _described(found, sentences, LEFT_AS_IT_WAS if counts[REFUSED] else "")


def schema_queries(context: CheckContext) -> dict[str, ir.Table]:
    """Return the query for the files that break each rule of `schema`."""
    files, rows = read_files(context), context.rows
    rescued, unread = rows["_rescued_data"].notnull(), rows["_problem"].notnull()
    return {
        UNKNOWN: _columns_of(files, "unknown_columns"),
        MISSING: _columns_of(files, "missing_columns"),
        RESCUED: rows.filter(rescued).select("source_row", "_rescued_data"),
        UNREAD: rows.filter(unread).select("source_row", "_problem", "_line"),
    }


def files_queries(context: CheckContext) -> dict[str, ir.Table]:
    """Return, by rule of `files`, the query for the files that break it, and why."""
    files, read = files_of(context), read_files(context)
    is_empty = (read["rows"] == 0) & (read.header.length() == 0)
    queries = {
        REFUSED: files.filter(files.refused.notnull()).select("source", reason=files.refused),
        IGNORED: files.filter(files.ignored.notnull()).select("source", reason=files.ignored),
        EMPTY: read.filter(is_empty).select("source", reason=ibis.literal("")),
        PARTS: files.select("source", part=files.unread.unnest()).select(
            "source", reason=ibis._.part + " is left aside"
        ),
    }
    return {rule: query.order_by("source", "reason") for rule, query in queries.items()}


def files_of(context: CheckContext) -> ir.Table:
    """Return the files of the run's partitions and those of no partition."""
    files = LandedFile.table(landed(context.table))
    if context.is_all:
        return files
    return files.filter(context.within(files.partition_key) | (files.partition_key == ""))


def read_files(context: CheckContext) -> ir.Table:
    """Return the files that were read."""
    files = files_of(context)
    return files.filter(files.refused.isnull(), files.ignored.isnull())


def _columns_of(files: ir.Table, columns: str) -> ir.Table:
    """Return the columns of a kind, each with how many files have it and one of them."""
    named = files.select("source", column=files[columns].unnest())
    counted = named.group_by("column").aggregate(files=named.count(), first_file=named.source.min())
    return counted.order_by("column")


def _samples(
    context: CheckContext, queries: Mapping[str, ir.Table], counts: Mapping[str, int]
) -> dict[str, Rows]:
    return {rule: context.sample(query) for rule, query in queries.items() if counts[rule]}


def _sentence(count: int, one: str, many: str, verb: str, named: Sequence[str] = ()) -> str:
    """Return the finding as a sentence: '2 files are not read: a, b.'; empty without one."""
    if not count:
        return ""
    joint = "; " if any(" " in name for name in named) else ", "
    shown, rest = joint.join(named[:NAMED_FILES]), count - len(named[:NAMED_FILES])
    more = f" and {rest} more" if named and rest else ""
    return f"{count} {one if count == 1 else many} {verb}{': ' if shown else ''}{shown}{more}."


def _described(found: Finding, sentences: Sequence[str], advice: str) -> Finding:
    if found.passed:
        return found
    return replace(found, description=" ".join(filter(None, [*sentences, advice])))
