"""The outcome of a write (kept, refused, replaced rows), as Ibis expressions for any engine.

The expressions compare rows by their columns alone; a store may add a column that identifies rows,
which they carry along. Engines store the rows: see `warehouse`.
"""

from collections.abc import Sequence
from functools import reduce
from operator import and_
from typing import NamedTuple

import ibis
import ibis.expr.types as ir

from movies_assets.core.contract import Contract
from movies_assets.core.table import LatestVersion, Table
from movies_assets.core.window import Window

# Columns that functions of tables with a lineage add for quarantine, and that no table stores: the
# row as received, and why it could not be read.
RAW, UNPARSED = "_raw", "_unparsed"
# An unknown value in a row as received, spelt as in IMDb's dumps.
NULL_TEXT = r"\N"
# Column of staged rows that numbers the lines of their file, where it is known.
LINE_NUMBER = "_line_number"
KEPT, REFUSED, DUPLICATE = "kept", "refused", "duplicate"


class Changes(NamedTuple):
    """How a write changes a table: afterwards it holds the rows left and those inserted.

    Attributes:
        inserted: the kept rows that are not stored yet.
        replaced: the stored rows that are deleted.
        left: the stored rows that are kept.
        touched: the partitions of rows inserted or replaced; None of a table without partitions.
    """

    inserted: ir.Table
    replaced: ir.Table
    left: ir.Table
    touched: ir.Table | None


class Outcome(NamedTuple):
    """The rows of a write.

    Attributes:
        kept: the staged rows that the table holds afterwards.
        refused: the staged rows that break a rule, with `broken_rules`.
        inserted, replaced, left, touched: as in `Changes`.
    """

    kept: ir.Table
    refused: ir.Table
    inserted: ir.Table
    replaced: ir.Table
    left: ir.Table
    touched: ir.Table | None


def outcome(table: Table, staged: ir.Table, stored: ir.Table, window: Window) -> Outcome:
    """Return what a write keeps, refuses, replaces and leaves.

    Args:
        table: the table that is written.
        staged: the new rows; of a table with a lineage with the columns RAW and UNPARSED.
        stored: the rows that the table holds before.
        window: the partitions that are written.
    """
    judged = fates(table, staged, stored, window)
    kept = judged.filter(judged.fate == KEPT).select(*staged.columns)
    refused = judged.filter(judged.fate == REFUSED).drop("fate")
    return Outcome(kept, refused, *changes(table, kept, stored, window))


def fates(table: Table, staged: ir.Table, stored: ir.Table, window: Window) -> ir.Table:
    """Return the staged rows with their `fate`, KEPT, REFUSED or DUPLICATE, and `broken_rules`.

    A duplicate is an older version of a row that is kept or stored, or a copy of another row.
    The parameters are those of `outcome`.
    """
    rules = broken_rules(staged, table.contract) if table.lineage else ibis.literal("")
    rows = staged.mutate(broken_rules=rules)
    if table.lineage and not table.is_staged:
        rows = _with_repeated_refused(rows, table.contract.key())
    rows = rows.mutate(_is_kept=rows.broken_rules == "")
    if table.latest_version:
        rows = _with_newest_kept(rows, table.latest_version)
        rows = _with_superseded_dropped(rows, _left(table, stored, window), table.latest_version)
    key, columns = table.contract.key(), [*table.contract.types()]
    if table.drop_duplicates:
        rows = _with_first_kept(rows, key, [name for name in columns if name not in key])
    elif table.write_mode.keys(table.contract):
        rows = _with_first_kept(rows, columns, key)
    refused_or_not = ibis.ifelse(rows.broken_rules == "", DUPLICATE, REFUSED)
    return rows.mutate(fate=ibis.ifelse(rows["_is_kept"], KEPT, refused_or_not)).drop("_is_kept")


def changes(table: Table, kept: ir.Table, stored: ir.Table, window: Window) -> Changes:
    """Return how a write changes its table; `kept` are the staged rows that are kept."""
    mode = table.write_mode
    gone = [stored.filter(mode.replaces(_inside(table, stored, window)))]
    left, inserted = _left(table, stored, window), kept
    if table.latest_version:
        superseded, left = _split(left, kept, table.latest_version.entity)
        gone.append(superseded)
    if keys := mode.keys(table.contract):
        # Unchanged rows stay as they are: a dimension has few new ones a day.
        columns = [*table.contract.types()]
        inserted = kept.anti_join(left, _are_equal(kept, left, columns))
        same_key, others = _split(left, kept, keys)
        new = kept.view()
        gone.append(same_key.anti_join(new, _are_equal(same_key, new, columns)))
        left = others.union(same_key.semi_join(new, _are_equal(same_key, new, columns)))
    replaced = ibis.union(*gone) if len(gone) > 1 else gone[0]
    return Changes(inserted, replaced, left, _partitions(table, inserted, replaced))


def differences(
    computed: ir.Table, stored: ir.Table, columns: Sequence[str]
) -> tuple[ir.Table, ir.Table]:
    """Return the computed rows that are not stored, and the stored rows that were not computed."""
    again = computed.view()
    return (
        computed.anti_join(stored, _are_equal(computed, stored, columns)),
        stored.anti_join(again, _are_equal(stored, again, columns)),
    )


def outside(table: Table, staged: ir.Table, window: Window) -> ir.Table:
    """Return the staged rows whose partition is unknown or not in the window."""
    return staged.filter(_is_not(_inside(table, staged, window)))


def duplicates(rows: ir.Table, key: Sequence[str]) -> ir.Table:
    """Return the keys that several rows have, each once."""
    counted = rows.group_by(list(key)).aggregate(_rows=rows.count())
    return counted.filter(counted["_rows"] > 1).select(*key)


def is_sound(rows: ir.Table, contract: type[Contract]) -> ir.BooleanColumn:
    """Return which rows break no rule of their contract and have only readable values.

    Args:
        rows: rows of the contract, with the column UNPARSED.
        contract: the contract.
    """
    # NULL counts as "holds". It is filled once, not in each of 13 rules: choosing 1.2 million
    # titles takes 1.4 s of CPU instead of 2.5.
    rules = reduce(and_, (rule.answer(rows) for rule in contract.rules()))
    sound: ir.BooleanColumn = (rows[UNPARSED] == "") & rules.fill_null(True)  # noqa: FBT003
    return sound


def broken_rules(rows: ir.Table, contract: type[Contract]) -> ir.StringColumn:
    """Name the rules that a row breaks, separated by `; `; empty where it keeps them all."""
    names = [ibis.ifelse(rule.holds(rows), ibis.null(str), rule.name) for rule in contract.rules()]
    if UNPARSED in rows.columns:
        # First, since a value that could not be read is the reason why it is missing.
        names.insert(0, ibis.ifelse(rows[UNPARSED] == "", ibis.null(str), rows[UNPARSED]))
    joined: ir.StringColumn = ibis.array(names).join("; ").fill_null("")
    return joined


def _inside(table: Table, rows: ir.Table, window: Window) -> ir.BooleanValue:
    return window.holds(rows[table.partition_column] if table.partition_column else None)


def _is_not(condition: ir.BooleanValue) -> ir.BooleanValue:
    """Return where a condition does not hold, or is unknown."""
    return ~condition.fill_null(False)  # noqa: FBT003


def _left(table: Table, stored: ir.Table, window: Window) -> ir.Table:
    """Return the stored rows that a write leaves unless a new row supersedes them."""
    replaced = table.write_mode.replaces(_inside(table, stored, window))
    return stored.filter(_is_not(replaced))


def _split(stored: ir.Table, rows: ir.Table, by: Sequence[str]) -> tuple[ir.Table, ir.Table]:
    """Return the stored rows that share columns with some other rows, and those that do not."""
    return stored.semi_join(rows, list(by)), stored.anti_join(rows, list(by))


def _are_equal(rows: ir.Table, others: ir.Table, by: Sequence[str]) -> list[ir.BooleanValue]:
    return [rows[name].identical_to(others[name]) for name in by]


def _partitions(table: Table, *changed: ir.Table) -> ir.Table | None:
    if table.partition_column is None:
        return None
    return ibis.union(*(rows.select(table.partition_column) for rows in changed), distinct=True)


def _with_repeated_refused(rows: ir.Table, key: Sequence[str]) -> ir.Table:
    """Refuse sound rows with the key of an earlier sound row."""
    order = [name for name in (LINE_NUMBER, RAW) if name in rows.columns]
    place = ibis.row_number().over(group_by=[*key, rows.broken_rules == ""], order_by=order)
    is_repeated = (rows.broken_rules == "") & (place > 0)
    named = ibis.ifelse(is_repeated, f"key ({', '.join(key)}): not unique", rows.broken_rules)
    return rows.mutate(broken_rules=named)


def _with_newest_kept(rows: ir.Table, latest: LatestVersion) -> ir.Table:
    """Keep, of the versions of an entity among the rows, the newest one."""
    newest_first = [*(rows[name].desc() for name in latest.order), *latest.first]
    place = ibis.rank().over(group_by=[*latest.entity, "_is_kept"], order_by=newest_first)
    return rows.mutate(_is_kept=rows["_is_kept"] & (place == 0))


def _with_superseded_dropped(rows: ir.Table, stored: ir.Table, latest: LatestVersion) -> ir.Table:
    """Drop the rows that have a newer stored version."""
    version = list(dict.fromkeys([*latest.entity, *latest.order]))
    mine = rows.filter(rows["_is_kept"]).select(*version).distinct()
    theirs = stored.select(*latest.entity, **{f"_stored_{name}": name for name in latest.order})
    pairs = mine.inner_join(theirs, list(latest.entity))
    # A join by equal values alone is a hash join; with "newer" among its conditions it is none.
    old = pairs.filter(_is_newer(pairs, latest.order)).select(*version).distinct()
    old = old.rename({f"_old_{name}": name for name in version})
    joined = rows.left_join(old, [rows[name] == old[f"_old_{name}"] for name in version])
    is_kept = joined["_is_kept"] & joined[f"_old_{version[0]}"].isnull()
    return joined.select(*(name for name in rows.columns if name != "_is_kept"), _is_kept=is_kept)


def _is_newer(pairs: ir.Table, order: Sequence[str]) -> ir.BooleanValue:
    """Return whether the stored version is newer, by the first column in which the two differ."""
    is_newer = ibis.literal(value=False)
    for name in reversed(order):
        stored, new = pairs[f"_stored_{name}"], pairs[name]
        is_newer = (stored > new) | ((stored == new) & is_newer)
    return is_newer


def _with_first_kept(rows: ir.Table, by: Sequence[str], order: Sequence[str]) -> ir.Table:
    """Keep one of the rows that share columns; columns order them, alike on every engine."""
    place = ibis.row_number().over(group_by=[*by, "_is_kept"], order_by=[*order])
    return rows.mutate(_is_kept=rows["_is_kept"] & (place == 0))
