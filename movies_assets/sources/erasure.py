"""Erasing persons from the files of the landing zone: their records go, every other byte stays.

How a file is read is told by `warehouse.delimited`, so that what is erased here is what the tables
would have read; what tells of a person belongs in `traces`.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from movies_assets.sources.http import PermanentSourceError
from movies_assets.sources.landing import Landing
from movies_assets.table import Table
from movies_assets.traces import EMAIL, NAME, USER_ID, Traces
from movies_assets.user_ids import NOBODY
from movies_assets.warehouse.delimited import (
    EXTRA,
    LINE,
    RECORD,
    DelimitedFile,
    Records,
    columns_of,
    read,
)

# Of each record, whether something is found in it.
Found: TypeAlias = Any


def learn(landing: Landing, table: Table, traces: Traces) -> None:
    """Take note of what the files of a folder say of the persons.

    Args:
        landing: the folder.
        table: the table that reads its files.
        traces: gains the names and addresses.

    Raises:
        PermanentSourceError: a file cannot be read.
    """
    told = [name for name in (NAME, EMAIL) if name in columns_of(table)]
    for path in landing.everything() if told else ():
        records = _read(landing, path, table)
        if records and {USER_ID, *told} <= {*records.look.columns}:
            theirs = records.rows.filter(_is_theirs(records.rows, traces))
            for row in theirs.select([USER_ID, *told]).to_pylist():
                traces.add(row[USER_ID], row.get(NAME), row.get(EMAIL))


def erase(
    landing: Landing, table: Table, traces: Traces, *, only_unidentified: bool = False
) -> Iterator[int]:
    """Remove the persons' records from all files of a folder; a file without any is not touched.

    Args:
        landing: the folder.
        table: the table that reads its files.
        traces: what is known of the persons.
        only_unidentified: remove only records that are found by a name or an address, for these are
            known from the other ones: those go when nothing is to be found by them any more.

    Yields:
        How many records were removed from a file.

    Raises:
        PermanentSourceError: a file cannot be read or written.
    """
    for path in landing.everything():
        if not (records := _read(landing, path, table)):
            continue
        gone = _gone(records, table, traces, only_unidentified=only_unidentified)
        if gone.any():
            landing.replace(path, _without(records, gone))
            yield int(gone.sum())


def _read(landing: Landing, path: str, table: Table) -> Records | None:
    """Read a file; None where it is empty."""
    source = f"{landing.name}/{path}"
    try:
        return read(DelimitedFile(source, partial(landing.open, path)), table)
    except OSError as error:
        raise PermanentSourceError(
            f"{source} cannot be read: {error.strerror or error}. Check its permissions and its "
            "disk, then run again."
        ) from error


def _without(records: Records, gone: np.ndarray) -> Iterator[bytes]:
    """Yield the content of a file without some of its records.

    Raises:
        PermanentSourceError: where its records begin cannot be told.
    """
    at, lengths = 0, [*records.lengths()]
    if len(lengths) != len(gone):
        raise PermanentSourceError(
            f"{records.look.source}: where its records begin cannot be told. Erase the persons "
            "from it by hand, then run again."
        )
    for length, is_gone in zip(lengths, gone, strict=True):
        if not is_gone:
            yield records.content[at : at + length]
        at += length


def _gone(records: Records, table: Table, traces: Traces, *, only_unidentified: bool) -> np.ndarray:
    """Say of each record, the first line first, whether it is to be removed."""
    rows, first = records.rows, pa.array([records.first_line])
    found = _unidentified(rows, table, traces)
    header = pc.or_(_matches(first, traces.email), _names(first, traces))
    if not only_unidentified:
        begins = pc.or_(_matches(rows[LINE], traces.begins), _matches(rows[EXTRA], traces.rescued))
        found = pc.or_(found, pc.or_(_is_theirs(rows, traces), begins))
        # Of a file without a header the first line is a record, too.
        if not records.look.is_ours:
            header = pc.or_(header, _matches(first, traces.begins))
    numbers = pc.cast(rows[RECORD], pa.int64()).to_numpy()
    gone = np.zeros(1 + rows.num_rows, dtype=bool)
    gone[0] = header[0].as_py()
    gone[numbers - 1] = found.to_numpy()
    return gone


def _unidentified(rows: pa.Table, table: Table, traces: Traces) -> Found:
    """Say which records name an address, or a name and the id, without being theirs by the id.

    Of a record with another id that counts in what the table does not know of it; where no id can
    be read, in every text.
    """
    known = columns_of(table)
    told = [name for name in rows.column_names if name not in known and not name.startswith("_")]
    found = _matches(rows[LINE], traces.email)
    found = pc.or_(found, _names(rows[LINE], traces))
    for name in (EXTRA, *told):
        found = pc.or_(found, _matches(rows[name], traces.email))
    texts = [rows[n] for n in rows.column_names if n in known or n in told]
    whole = pc.binary_join_element_wise(
        *(pc.fill_null(text, "") for text in texts), "\t", null_handling="skip"
    )
    says_who = pc.or_(_is_an_id(rows), pc.is_valid(rows[LINE]))
    nobodys = pc.or_(_matches(whole, traces.email), _matches(whole, traces.named))
    found = pc.or_(found, pc.and_not(nobodys, says_who))
    return pc.and_not(found, _is_theirs(rows, traces))


def _is_an_id(rows: pa.Table) -> Found:
    """Say which records have the id of any person."""
    if USER_ID not in rows.column_names:
        return pa.array(np.zeros(rows.num_rows, dtype=bool))
    user_ids = rows[USER_ID]
    return pc.and_not(pc.is_valid(user_ids), _matches(user_ids, NOBODY))


def _is_theirs(rows: pa.Table, traces: Traces) -> Found:
    if USER_ID not in rows.column_names:
        return pa.array(np.zeros(rows.num_rows, dtype=bool))
    return _matches(rows[USER_ID], traces.an_id)


def _names(texts: Found, traces: Traces) -> Found:
    """Say which texts name a person and the person's id, and do not begin with another id."""
    return pc.and_not(_matches(texts, traces.named), _matches(texts, traces.any_id))


def _matches(texts: Found, pattern: str) -> Found:
    return pc.fill_null(pc.match_substring_regex(texts, pattern), fill_value=False)
