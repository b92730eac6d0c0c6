"""Erasing persons from the files of the landing zone: their records go, every other byte stays.

Files are read as their table reads them (`warehouse.delimited`), so that every record of a person
that a table could have is found. The patterns by which persons are found belong in `traces`.
"""

import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from movies_assets.core.table import Table
from movies_assets.ingest.editions import Edition
from movies_assets.ingest.http import PermanentSourceError
from movies_assets.ingest.landing import Landing
from movies_assets.ingest.reading import FileRecords
from movies_assets.ingest.records import LINE, RECORD, shortened, split
from movies_assets.privacy.identifiers import EMAIL, NAME, USER_ID, PersonIdentifiers
from movies_assets.privacy.user_ids import NOBODY
from movies_assets.warehouse.delimited import DelimitedFile, columns_of, read

# A record of one field has no separator by which two of them could be told.
FEWEST_FIELDS = 2
# For each record, whether something is found in it.
Found: TypeAlias = Any
# A bad byte in a refused line: as text it would end in a letter or digit, which it is not.
ESCAPED = r"\\x[0-9a-f]{2}"


def learn(
    landing: Landing, table: Table, traces: PersonIdentifiers, editions: Sequence[Edition] = ()
) -> None:
    """Collect the names and addresses of the persons from the files of a folder.

    Args:
        landing: the folder.
        table: the table that reads its files.
        traces: gains the names, addresses and damaged lines.
        editions: the editions of its files that the table knows.

    Raises:
        PermanentSourceError: a file cannot be read.
    """
    naming = [name for name in (NAME, EMAIL) if name in columns_of(table)]
    for path in landing.everything():
        if not (records := _read(landing, path, table, editions)):
            continue
        lines = {*_torn(records, traces), *_joined(records, traces)}
        # Tables keep only the beginning of the longest.
        traces.lines.update(lines, map(shortened, lines))
        if naming and {USER_ID, *naming} <= {*records.profile.columns}:
            theirs = records.rows.filter(_is_theirs(records.rows, traces))
            for row in theirs.select([USER_ID, *naming]).to_pylist():
                traces.add(row[USER_ID], row.get(NAME), row.get(EMAIL))


def _torn(records: FileRecords, traces: PersonIdentifiers) -> list[str]:
    """Return the refused lines that go on with a torn record of a person.

    They follow a refused line that begins with the id, begin with no id, and have together with it
    no more separators than a record.
    """
    refused = records.rows.filter(pc.is_valid(records.rows[LINE])).sort_by(RECORD)
    lines, separator = refused[LINE], records.profile.separator
    is_theirs = _truths(_matches(lines, traces.begins))
    if not separator or not is_theirs.any():
        return []
    is_first = is_theirs | _truths(_matches(lines, traces.any_id))
    is_first |= np.diff(refused[RECORD].to_numpy(), prepend=-1) != 1
    firsts = np.flatnonzero(is_first)
    group = np.cumsum(is_first) - 1
    so_far = np.cumsum(pc.count_substring(lines, separator).to_numpy())
    before = np.append(0, so_far)[firsts]
    is_rest = is_theirs[firsts][group] & ~is_first
    is_rest &= so_far - before[group] < len(records.profile.columns)
    found: list[str] = lines.filter(pa.array(is_rest)).to_pylist()
    return found


def _joined(records: FileRecords, traces: PersonIdentifiers) -> Iterator[str]:
    """Yield the refused lines in which a record of a person follows another without a line end.

    The last field of the one and the id of the other are one field then.
    """
    columns, separator = len(records.profile.columns), records.profile.separator.encode()
    ends = re.compile(traces.ends)
    if not separator or columns < FEWEST_FIELDS:
        return
    for line in records.rows[LINE].drop_null().to_pylist():
        fields = split(line.encode(), separator)
        if isinstance(fields, str) or len(fields) < 2 * columns - 1:
            continue
        if any(ends.search(field.decode()) for field in fields[columns - 1 : -1 : columns - 1]):
            yield line


def erase(
    landing: Landing,
    table: Table,
    traces: PersonIdentifiers,
    editions: Sequence[Edition] = (),
    *,
    only_unidentified: bool = False,
) -> Iterator[int]:
    """Remove the persons' records from all files of a folder; a file without any is not touched.

    Args:
        landing: the folder.
        table: the table that reads its files.
        traces: what is known of the persons.
        editions: the editions of its files that the table knows.
        only_unidentified: remove only records that are found by a name or an address, for these are
            known from the other ones: those go when nothing is to be found by them any more.

    Yields:
        How many records were removed from a file.

    Raises:
        PermanentSourceError: a file cannot be read or written.
    """
    for path in landing.everything():
        if not (records := _read(landing, path, table, editions)):
            continue
        gone = _gone(records, table, traces, only_unidentified=only_unidentified)
        if gone:
            landing.replace(path, [records.without(gone)])
            yield len(gone)


def _read(
    landing: Landing, path: str, table: Table, editions: Sequence[Edition]
) -> FileRecords | None:
    """Read a file; None where it is empty."""
    source = f"{landing.name}/{path}"
    try:
        return read(DelimitedFile(source, partial(landing.open, path)), table, editions)
    except OSError as error:
        raise PermanentSourceError(
            f"{source} cannot be read: {error.strerror or error}. Check its permissions and its "
            "disk, then run again."
        ) from error


def _gone(
    records: FileRecords, table: Table, traces: PersonIdentifiers, *, only_unidentified: bool
) -> frozenset[int]:
    """Return the numbers of the records to remove."""
    rows, above = _searched(records.rows), pa.array(records.above, pa.string())
    found = _unidentified(rows, table, traces)
    found_above = pc.or_(_matches(above, traces.email), _names(above, traces))
    if not only_unidentified:
        begins = pc.or_(_matches(rows[LINE], traces.begins), _matches(rows[LINE], traces.rescued))
        lines = pc.is_in(records.rows[LINE], pa.array(sorted(traces.lines), pa.string()))
        for theirs in (_is_theirs(rows, traces), begins, lines):
            found = pc.or_(found, theirs)
        found_above = pc.or_(found_above, _matches(above, traces.begins))
    numbers = np.concatenate(
        [1 + np.flatnonzero(found_above.to_numpy(zero_copy_only=False)), rows[RECORD].filter(found)]
    )
    return frozenset(numbers.astype(int).tolist())


def _searched(rows: pa.Table) -> pa.Table:
    """Return the rows with a character that is no letter for each bad byte of a refused line."""
    lines = pc.replace_substring_regex(rows[LINE], ESCAPED, "\ufffd")
    return rows.set_column(rows.column_names.index(LINE), LINE, lines)


def _unidentified(rows: pa.Table, table: Table, traces: PersonIdentifiers) -> Found:
    """Return which records name an address, or a name and the id, without being theirs by the id.

    In a record with another id only the columns that the table does not know count; where no id can
    be read, every text does.
    """
    known = columns_of(table)
    brought = [n for n in rows.column_names if n not in known and not n.startswith("_")]
    found = _matches(rows[LINE], traces.email)
    found = pc.or_(found, _names(rows[LINE], traces))
    for name in brought:
        found = pc.or_(found, _matches(rows[name], traces.email))
    texts = [rows[n] for n in rows.column_names if n in known or n in brought]
    whole = pc.binary_join_element_wise(
        *(pc.fill_null(text, "") for text in texts), "\t", null_handling="skip"
    )
    says_who = pc.or_(_is_an_id(rows), pc.is_valid(rows[LINE]))
    nobodys = pc.or_(_matches(whole, traces.email), _matches(whole, traces.named))
    found = pc.or_(found, pc.and_not(nobodys, says_who))
    return pc.and_not(found, _is_theirs(rows, traces))


def _is_an_id(rows: pa.Table) -> Found:
    """Return which records have the id of any person."""
    if USER_ID not in rows.column_names:
        return pa.array(np.zeros(rows.num_rows, dtype=bool))
    user_ids = rows[USER_ID]
    return pc.and_not(pc.is_valid(user_ids), _matches(user_ids, NOBODY))


def _is_theirs(rows: pa.Table, traces: PersonIdentifiers) -> Found:
    if USER_ID not in rows.column_names:
        return pa.array(np.zeros(rows.num_rows, dtype=bool))
    return _matches(rows[USER_ID], traces.an_id)


def _names(texts: Found, traces: PersonIdentifiers) -> Found:
    """Return which texts name a person and the person's id, and do not begin with another id."""
    return pc.and_not(_matches(texts, traces.named), _matches(texts, traces.any_id))


def _truths(found: Found) -> np.ndarray:
    return np.asarray(found.to_numpy(zero_copy_only=False), bool)


def _matches(texts: Found, pattern: str) -> Found:
    return pc.fill_null(pc.match_substring_regex(texts, pattern), fill_value=False)
