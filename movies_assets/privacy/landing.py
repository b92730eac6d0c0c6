"""Erase persons' records from the files of the landing zone; all other bytes are unchanged.

Files are read as their table reads them (`warehouse.delimited`), so that every record of a person
that a table could hold is found. The patterns that find persons belong in `privacy.identifiers`.
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
from movies_assets.privacy.user_ids import NO_USER_ID
from movies_assets.warehouse.delimited import DelimitedFile, file_columns, read

# Records of one field have no separators that would show where two were joined.
FEWEST_FIELDS = 2
# One boolean per record.
Found: TypeAlias = Any
# The escape of a bad byte in a refused line: it ends in a letter or digit; the byte is neither.
ESCAPED = r"\\x[0-9a-f]{2}"


def learn(
    landing: Landing, table: Table, identifiers: PersonIdentifiers, editions: Sequence[Edition] = ()
) -> None:
    """Collect the names and addresses of the persons from the files of a folder.

    Args:
        landing: the folder.
        table: the table that reads its files.
        identifiers: gains the names, addresses and damaged lines.
        editions: the editions of its files that the table knows.

    Raises:
        PermanentSourceError: a file cannot be read.
    """
    naming = [name for name in (NAME, EMAIL) if name in file_columns(table)]
    for path in landing.everything():
        if not (records := _read(landing, path, table, editions)):
            continue
        lines = {*_torn(records, identifiers), *_joined(records, identifiers)}
        # Tables keep only the beginning of very long lines.
        identifiers.lines.update(lines, map(shortened, lines))
        if naming and {USER_ID, *naming} <= {*records.profile.columns}:
            theirs = records.rows.filter(_is_theirs(records.rows, identifiers))
            for row in theirs.select([USER_ID, *naming]).to_pylist():
                identifiers.add(row[USER_ID], row.get(NAME), row.get(EMAIL))


def _torn(records: FileRecords, identifiers: PersonIdentifiers) -> list[str]:
    """Return the refused lines that continue a torn record of a person.

    They follow a refused line that begins with the id, do not begin with an id themselves, and
    together with it have no more separators than a record.
    """
    refused = records.rows.filter(pc.is_valid(records.rows[LINE])).sort_by(RECORD)
    lines, separator = refused[LINE], records.profile.separator
    is_theirs = _truths(_matches(lines, identifiers.begins))
    if not separator or not is_theirs.any():
        return []
    is_first = is_theirs | _truths(_matches(lines, identifiers.any_id))
    is_first |= np.diff(refused[RECORD].to_numpy(), prepend=-1) != 1
    firsts = np.flatnonzero(is_first)
    group = np.cumsum(is_first) - 1
    so_far = np.cumsum(pc.count_substring(lines, separator).to_numpy())
    before = np.append(0, so_far)[firsts]
    is_rest = is_theirs[firsts][group] & ~is_first
    is_rest &= so_far - before[group] < len(records.profile.columns)
    found: list[str] = lines.filter(pa.array(is_rest)).to_pylist()
    return found


def _joined(records: FileRecords, identifiers: PersonIdentifiers) -> Iterator[str]:
    """Yield the refused lines in which a record of a person follows another without a line break.

    The last field of the first and the id of the second then form one field.
    """
    columns, separator = len(records.profile.columns), records.profile.separator.encode()
    ends = re.compile(identifiers.ends)
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
    identifiers: PersonIdentifiers,
    editions: Sequence[Edition] = (),
    *,
    only_unidentified: bool = False,
) -> Iterator[int]:
    """Remove the persons' records from all files of a folder; leave files without any unchanged.

    Args:
        landing: the folder.
        table: the table that reads its files.
        identifiers: the identifiers of the persons.
        editions: the editions of its files that the table knows.
        only_unidentified: remove only records that are found by a name or an address. The records
            from which these are known must be removed last, so that a rerun still finds them.

    Yields:
        The number of records removed from a file.

    Raises:
        PermanentSourceError: a file cannot be read or written.
    """
    for path in landing.everything():
        if not (records := _read(landing, path, table, editions)):
            continue
        gone = _gone(records, table, identifiers, only_unidentified=only_unidentified)
        if gone:
            landing.replace(path, [records.without(gone)])
            yield len(gone)


def _read(
    landing: Landing, path: str, table: Table, editions: Sequence[Edition]
) -> FileRecords | None:
    """Read a file; return None if it is empty."""
    source = f"{landing.name}/{path}"
    try:
        return read(DelimitedFile(source, partial(landing.open, path)), table, editions)
    except OSError as error:
        raise PermanentSourceError(
            f"{source} cannot be read: {error.strerror or error}. Check its permissions and its "
            "disk, then run again."
        ) from error


def _gone(
    records: FileRecords, table: Table, identifiers: PersonIdentifiers, *, only_unidentified: bool
) -> frozenset[int]:
    """Return the numbers of the records to remove."""
    rows, above = _searched(records.rows), pa.array(records.above, pa.string())
    found = _unidentified(rows, table, identifiers)
    found_above = pc.or_(_matches(above, identifiers.email), _names(above, identifiers))
    if not only_unidentified:
        begins = pc.or_(
            _matches(rows[LINE], identifiers.begins), _matches(rows[LINE], identifiers.rescued)
        )
        lines = pc.is_in(records.rows[LINE], pa.array(sorted(identifiers.lines), pa.string()))
        for theirs in (_is_theirs(rows, identifiers), begins, lines):
            found = pc.or_(found, theirs)
        found_above = pc.or_(found_above, _matches(above, identifiers.begins))
    numbers = np.concatenate(
        [1 + np.flatnonzero(found_above.to_numpy(zero_copy_only=False)), rows[RECORD].filter(found)]
    )
    return frozenset(numbers.astype(int).tolist())


def _searched(rows: pa.Table) -> pa.Table:
    """Return the rows with U+FFFD for each bad byte of a refused line."""
    lines = pc.replace_substring_regex(rows[LINE], ESCAPED, "\ufffd")
    return rows.set_column(rows.column_names.index(LINE), LINE, lines)


def _unidentified(rows: pa.Table, table: Table, identifiers: PersonIdentifiers) -> Found:
    """Return which records name an address, or a name and the id, without having the id field.

    In a record with another id only columns unknown to the table are searched; in a record without
    a readable id, every text is.
    """
    known = file_columns(table)
    brought = [n for n in rows.column_names if n not in known and not n.startswith("_")]
    found = _matches(rows[LINE], identifiers.email)
    found = pc.or_(found, _names(rows[LINE], identifiers))
    for name in brought:
        found = pc.or_(found, _matches(rows[name], identifiers.email))
    texts = [rows[n] for n in rows.column_names if n in known or n in brought]
    whole = pc.binary_join_element_wise(
        *(pc.fill_null(text, "") for text in texts), "\t", null_handling="skip"
    )
    is_attributed = pc.or_(_is_an_id(rows), pc.is_valid(rows[LINE]))
    unattributed = pc.or_(_matches(whole, identifiers.email), _matches(whole, identifiers.named))
    found = pc.or_(found, pc.and_not(unattributed, is_attributed))
    return pc.and_not(found, _is_theirs(rows, identifiers))


def _is_an_id(rows: pa.Table) -> Found:
    """Return which records have the id of any person."""
    if USER_ID not in rows.column_names:
        return pa.array(np.zeros(rows.num_rows, dtype=bool))
    user_ids = rows[USER_ID]
    return pc.and_not(pc.is_valid(user_ids), _matches(user_ids, NO_USER_ID))


def _is_theirs(rows: pa.Table, identifiers: PersonIdentifiers) -> Found:
    if USER_ID not in rows.column_names:
        return pa.array(np.zeros(rows.num_rows, dtype=bool))
    return _matches(rows[USER_ID], identifiers.an_id)


def _names(texts: Found, identifiers: PersonIdentifiers) -> Found:
    """Return which texts hold a person's name and id, and do not begin with another id."""
    return pc.and_not(_matches(texts, identifiers.named), _matches(texts, identifiers.any_id))


def _truths(found: Found) -> np.ndarray:
    return np.asarray(found.to_numpy(zero_copy_only=False), bool)


def _matches(texts: Found, pattern: str) -> Found:
    return pc.fill_null(pc.match_substring_regex(texts, pattern), fill_value=False)
