"""Are all files read, and do they look as the contract expects: every file is read anyway."""

from collections.abc import Sequence
from dataclasses import replace

from movies_assets.core.check import Check, CheckContext, Finding, judge
from movies_assets.core.table import Table
from movies_assets.warehouse.delimited import landed

UNKNOWN, MISSING = "columns that the contract does not know", "columns that files do not have"
RESCUED, UNREAD = "records with rescued values", "records that do not read as the columns"
REFUSED, IGNORED = "files that could not be read", "files that are not read"
PARTS, EMPTY = "parts of files that are not read", "files without any line"
SHOWN_FILES, NAMED_FILES = 50, 5
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
    """Build the check that no file below the landing folder is left aside in silence.

    It does not block: the day of a file that could not be read is left as it was, and a run that
    has no other day fails before its checks.
    """
    return Check(
        name="files",
        description="Every file below the landing folder was read: fails where one of the run's "
        "days could not be, warns where one has no day, is no table or is still being written.",
        evaluate=_evaluate_files,
    )


def _evaluate_schema(rows: CheckContext) -> Finding:
    files = f"(SELECT * FROM {_landed(rows)} WHERE coalesce(refused, ignored) IS NULL)"
    unknown, missing = _files_with(files, "unknown_columns"), _files_with(files, "missing_columns")
    rescued = f"SELECT source_row, _rescued_data FROM {rows.of_run} WHERE _rescued_data IS NOT NULL"
    unread = f"SELECT source_row, _problem, _line FROM {rows.of_run} WHERE _problem IS NOT NULL"
    queries = {UNKNOWN: unknown, MISSING: missing, RESCUED: rescued, UNREAD: unread}
    counts = {rule: rows.count(query) for rule, query in queries.items()}
    names = {
        rule: [row["column"] for row in rows.fetch(queries[rule])] for rule in (UNKNOWN, MISSING)
    }
    found = judge(
        counts,
        metadata={
            "files": rows.count(f"FROM {files}"),
            "files_read": rows.fetch(_files_read(files)),
        },
        samples=lambda: {
            rule: rows.sample(query) for rule, query in queries.items() if counts[rule]
        },
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


def _evaluate_files(rows: CheckContext) -> Finding:
    files = _landed(rows)
    asked = {
        REFUSED: f"SELECT source, refused AS reason FROM {files} WHERE refused IS NOT NULL",
        IGNORED: f"SELECT source, ignored AS reason FROM {files} WHERE ignored IS NOT NULL",
        EMPTY: f"SELECT source, '' AS reason FROM {files} "
        "WHERE coalesce(refused, ignored) IS NULL AND rows = 0 AND len(header) = 0",
        PARTS: f"SELECT source, unnest(unread) || ' is left aside' AS reason FROM {files}",
    }
    queries = {rule: f"{query} ORDER BY ALL" for rule, query in asked.items()}
    counts = {rule: rows.count(query) for rule, query in queries.items()}
    found = judge(
        counts,
        metadata={"files": rows.count(f"FROM {files}")},
        samples=lambda: {
            rule: rows.sample(query) for rule, query in queries.items() if counts[rule]
        },
        is_warning=not counts[REFUSED],
        advice=LEFT_AS_IT_WAS,
    )
    named = {
        rule: [
            f"{row['source']} {row['reason']}".strip()
            for row in rows.fetch(f"{query} LIMIT {NAMED_FILES}")
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


def _landed(rows: CheckContext) -> str:
    """Return the files of the run's partitions and those of no partition, as a subquery."""
    within = "true" if rows.is_all else f"{rows.within('partition_key')} OR partition_key = ''"
    return f"(SELECT * FROM {landed(rows.table)} WHERE {within})"


def _sentence(count: int, one: str, many: str, verb: str, named: Sequence[str] = ()) -> str:
    """Return what is found as a sentence: '2 files are not read: a, b.'; empty where it is not."""
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


def _files_read(files: str) -> str:
    return (
        "SELECT source, packing, edition, encoding, separator, rows, problems "
        f"FROM {files} ORDER BY source LIMIT {SHOWN_FILES}"
    )


def _files_with(files: str, columns: str) -> str:
    """List the columns of a kind, each with how many files have it and one of them."""
    return (
        f'SELECT "column", count(*) AS files, min(source) AS first_file FROM '
        f'(SELECT source, unnest({columns}) AS "column" FROM {files}) GROUP BY ALL ORDER BY ALL'
    )
