"""Export published tables as Delta tables; only changes are written.

Readers see only files that are committed to Delta's log: a write that was killed before its commit
leaves unused files. The next run removes them once they are older than the retention, as younger
ones may belong to a running write.

Types are those of protocol version 1 (reader) and 2 (writer): no time without zone, no deletion
vectors, no column mapping, no generated columns. So Power BI, Synapse serverless and older versions
of Spark can read the tables.
"""

import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import stamina

from movies_assets.serving.exports import (
    NO_DATE,
    Division,
    Export,
    ExportError,
    plain_errors,
    scheme_of,
    shown,
    total_rows,
)

if TYPE_CHECKING:
    from deltalake import DeltaTable

MARKS, SNAPSHOT = "movies_assets.divisions", "movies_assets.snapshot"
# Commits that do not change a table's rows.
HOUSEKEEPING = {"VACUUM START", "VACUUM END", "OPTIMIZE"}
LOOKED_BACK = 20
ATTEMPTS = 4
ROWS_A_BATCH = 20_000
# A group is held in memory until it is full; deltalake's default is 1,048,576 rows.
ROWS_A_GROUP = 122_880
# The suffix of deltalake's object store for an incomplete file.
_UNFINISHED = re.compile(r"#\d+$")


@dataclass(frozen=True)
class DeltaWrite:
    """The result of a write.

    Attributes:
        version: the table's version in Delta.
        divisions: the values of the first layout column whose rows were written or removed.
        rows: the number of rows written.
        files_removed: the number of removed files that no version in the retention needs.
    """

    version: int
    divisions: tuple[str, ...]
    rows: int
    files_removed: int


def require_library() -> None:
    """Check that deltalake is installed.

    Raises:
        ExportError: it is not installed.
    """
    try:
        import deltalake  # noqa: F401, PLC0415 (only runs that write Delta need it)
    except ImportError as error:
        raise ExportError(
            "Delta tables are configured (MOVIES_EXPORTS__DELTA_URL), but deltalake is missing: "
            "pip install 'movies_assets[delta]'"
        ) from error


def write(
    export: Export,
    url: str,
    retention_hours: int,
    log: Callable[[str], None] = lambda _: None,
) -> DeltaWrite | None:
    """Write the changes of a table in one commit.

    Of two concurrent writers, Delta refuses the second commit; that writer compares again and
    usually finds no change left.

    Args:
        export: the table.
        url: the folder of all tables: a path, or a URL that deltalake knows.
        retention_hours: how long files of older versions are kept.
        log: receives a line about the outcome.

    Returns:
        The result; None if nothing has changed.

    Raises:
        NewerSnapshotError: the existing table is of a newer snapshot; it was kept.
        ExportError: it could not be written, or the existing table does not fit.
    """
    require_library()
    if scheme_of(url) == "file" and "%" in url:
        raise ExportError(
            f"{shown(url)} cannot hold Delta tables: deltalake 1.6 decodes percent signs in paths. "
            "Choose a path without percent signs."
        )
    from deltalake.exceptions import CommitFailedError  # noqa: PLC0415

    with plain_errors(url):
        target = _DeltaTarget(f"{url.rstrip('/')}/{export.name}")
        attempt = stamina.retry_context(on=CommitFailedError, attempts=ATTEMPTS, timeout=None)
        for number in attempt:
            with number:
                divisions = export.divisions()
                written = _write_changes(export, target, divisions)
        # Also if nothing has changed: a killed write may have left files.
        removed = target.vacuum(retention_hours) + target.remove_unfinished(retention_hours)
        if written is None:
            log(f"{export.name}: unchanged")
            return None
        return DeltaWrite(*written, files_removed=removed)


class _DeltaTarget:
    """A Delta table that may not exist yet."""

    def __init__(self, url: str) -> None:
        # A path is not turned into a URL: its blanks and percent signs would be decoded.
        self.url = url.removeprefix("file://") if scheme_of(url) == "file" else url
        # The object store of deltalake reads the same variables as other tools (AWS_..., AZURE_...,
        # GOOGLE_...), but must be allowed endpoints without TLS: AWS_ENDPOINT_URL decides.
        self.options = {} if scheme_of(url) == "file" else {"allow_http": "true"}

    def open(self) -> "DeltaTable | None":
        from deltalake import DeltaTable  # noqa: PLC0415
        from deltalake.exceptions import TableNotFoundError  # noqa: PLC0415

        if not self.options and not Path(self.url).exists():
            return None
        try:
            return DeltaTable(self.url, storage_options=self.options)
        except TableNotFoundError:
            return None

    def vacuum(self, retention_hours: int) -> int:
        """Remove files that no version in the retention needs, also those of killed writes."""
        table = self.open()
        if table is None:
            return 0
        hours: dict[str, Any] = {
            "retention_hours": retention_hours,
            "enforce_retention_duration": False,
            "full": True,
        }
        # It commits to the log even if there is nothing to remove.
        if not table.vacuum(**hours):
            return 0
        return len(table.vacuum(**hours, dry_run=False))

    def remove_unfinished(self, retention_hours: int) -> int:
        """Remove local files that killed processes were writing or about to rename.

        They are named like their final file, with `#1` or another number appended, and deltalake
        does not list them. Object stores have none, as incomplete uploads are not visible. Another
        process may be writing such a file, so only old ones are removed.
        """
        if self.options:
            return 0
        oldest = time.time() - retention_hours * 3600
        unfinished = [
            path
            for path in Path(self.url).rglob("*#*")
            if _UNFINISHED.search(path.name) and path.stat().st_mtime < oldest
        ]
        for path in unfinished:
            path.unlink(missing_ok=True)
        return len(unfinished)


def _write_changes(
    export: Export, target: _DeltaTarget, divisions: Mapping[str, Division]
) -> tuple[int, tuple[str, ...], int] | None:
    """Write the changed divisions; return version, divisions and rows, or None if none changed."""
    from deltalake import CommitProperties, WriterProperties, write_deltalake  # noqa: PLC0415

    table = target.open()
    commit = _newest_commit(table) if table else {}
    known = _marks(commit)
    marks = {value: division.mark for value, division in divisions.items()}
    if known == marks:
        return None
    export.require_newest(commit.get(SNAPSHOT))
    column = export.layout.columns[0] if export.layout.columns else None
    changed = sorted(
        value for value in {*marks, *(known or {})} if marks.get(value) != (known or {}).get(value)
    )
    condition = None
    # If the existing rows are unknown, or all of them change, the whole table is written.
    if column and known and any(value not in changed for value in known):
        condition = _condition(column, changed)
    reader = export.connection.execute(
        f"SELECT * FROM ({export.query}) WHERE {condition or 'true'}"
    ).to_arrow_reader(ROWS_A_BATCH)
    if table:
        _require_fit(export, table, reader.schema, shown(target.url))
    write_deltalake(
        target.url if table is None else table,
        reader,
        mode="overwrite",
        predicate=condition,
        partition_by=[column] if column else None,
        schema_mode="merge",
        name=export.table.name,
        description=export.table.contract.grain(),
        storage_options=target.options,
        writer_properties=WriterProperties(compression="ZSTD", max_row_group_size=ROWS_A_GROUP),
        commit_properties=CommitProperties(
            custom_metadata={MARKS: json.dumps(marks), SNAPSHOT: export.snapshot}
        ),
    )
    written = {value: divisions[value] for value in changed if value in divisions}
    opened = target.open()
    return (
        opened.version() if opened else 0,
        tuple(changed),
        total_rows(written if condition else divisions),
    )


def _newest_commit(table: "DeltaTable") -> Mapping[str, Any]:
    """Return the newest commit of rows; empty if it is not among the last commits."""
    for commit in table.history(LOOKED_BACK):
        if commit.get("operation") not in HOUSEKEEPING:
            return commit
    return {}


def _marks(commit: Mapping[str, Any]) -> dict[str, str] | None:
    """Return the marks of the divisions in our commit; None for another program's commit."""
    try:
        marks: dict[str, str] = json.loads(commit[MARKS])
    except (KeyError, ValueError):
        return None
    return marks


def _condition(column: str, values: Iterable[str]) -> str:
    """Return SQL, valid in DuckDB and Delta, that selects some dates and possibly NULL."""
    dates = [value for value in values if value != NO_DATE]
    found = [f"{column} = DATE '{value}'" for value in dates]
    if NO_DATE in values:
        found.append(f"{column} IS NULL")
    return " OR ".join(found)


def _require_fit(export: Export, table: "DeltaTable", schema: Any, place: str) -> None:
    """Refuse changes that would break readers of the existing table; deltalake casts silently.

    Raises:
        ExportError: a column is gone or has another type, or rows are divided differently.
    """
    from deltalake import Schema  # noqa: PLC0415

    there = {field.name: field.type.to_json().strip('"') for field in table.schema().fields}
    now = {
        field.name: field.type.to_json().strip('"') for field in Schema.from_arrow(schema).fields
    }
    wrong = [
        f"{name} was {there[name]} and is now {now.get(name, 'gone')}"
        for name in there
        if there[name] != now.get(name)
    ]
    divided, wanted = table.metadata().partition_columns, [*export.layout.columns[:1]]
    if divided != wanted:
        wrong.append(
            f"it was divided by {divided or 'nothing'} and is now by {wanted or 'nothing'}"
        )
    if wrong:
        raise ExportError(
            f"the Delta table {place} does not fit {export.table.name}: {'; '.join(wrong)}. Only "
            "new columns can be added to it. Inform its readers, move or remove that folder, and "
            "rerun: the whole table is then written again."
        )
