"""Profile the columns of every silver and gold table, partition by partition.

Choosing the rows and computing the figures belong here; judging the figures in the check of profile
drift. Tables of all sources are profiled without being named here.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date

import dagster as dg
import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from movies_assets.core.contract import Contract, Instant, column
from movies_assets.core.table import LatestVersion, Table, table
from movies_assets.core.write_mode import MERGE
from movies_assets.ingest.run_days import days_of
from movies_assets.sources.shared.dimensions import LONGEST_KEY
from movies_assets.sources.shared.profile_drift import PROFILE_DRIFT
from movies_assets.warehouse.database import Warehouse, WarehouseError
from movies_assets.warehouse.schema import stored_types

PROFILED_LAYERS = ("silver", "gold")
PROFILES = "gold.data_quality_snapshot"
# Texts are cut, as a synopsis may have thousands of characters.
SHOWN_CHARACTERS = 100


class DataQualitySnapshot(Contract):
    """One row per table, partition and column: the figures of its last profile."""

    table_name: str = column(
        "The table, as schema.table.",
        key=True,
        compression="dictionary",
        str_length={"max_value": LONGEST_KEY},
    )
    partition: str = column(
        "The profiled days: one, or the first and last of a range as first...last. For a full "
        "refresh, the day of its rows; for a table without days, that of the run.",
        key=True,
        compression="dictionary",
        str_length={"max_value": LONGEST_KEY},
    )
    column_name: str = column(
        "The column.",
        key=True,
        compression="dictionary",
        str_length={"max_value": LONGEST_KEY},
    )
    first_day: dt.Date = column("First day of the partition.")
    last_day: dt.Date = column("Last day of the partition, which orders partitions.")
    is_whole_table: bool = column("Whether all rows were profiled, not only those of the days.")
    row_count: int = column("Number of rows.", ge=0)
    null_count: int = column("Number of rows in which the column is unknown.", ge=0)
    minimum: str = column(
        "Least value as text, cut to 100 characters; NULL for lists and personal data.",
        nullable=True,
    )
    maximum: str = column(
        "Greatest value as text, cut to 100 characters; NULL for lists and personal data.",
        nullable=True,
    )
    approximate_distinct: int = column(
        "Number of distinct values, off by 13% on average for large numbers (HyperLogLog); "
        "exact for a key; NULL for lists and booleans.",
        nullable=True,
        ge=0,
    )
    profiled_at: Instant = column("When it was profiled (UTC); the same for all rows of a run.")


def data_quality_snapshot(tables: Sequence[Table]) -> Table:
    """Describe the table of profiles.

    Args:
        tables: every table; those of silver and gold are profiled.
    """
    profiled = {item.name: item for item in tables if item.key.layer in PROFILED_LAYERS}

    # It is unpartitioned: partitions of the sources differ, and an asset has only one kind.
    @table(
        layer="gold",
        group="quality",
        name="data_quality_snapshot",
        contract=DataQualitySnapshot,
        write_mode=MERGE,
        # A new profile replaces all rows of a partition, also those of removed columns.
        latest_version=LatestVersion(entity=("table_name", "partition"), order=("profiled_at",)),
        deps=tuple(item.key for item in profiled.values()),
        checks=(PROFILE_DRIFT,),
    )
    def fill(context: dg.AssetExecutionContext, warehouse: dg.ResourceParam[Warehouse]) -> ir.Table:
        run = {".".join(key.path) for key in context.job_def.asset_layer.executable_asset_keys}
        # A run of one source does not scan the others; materialized alone, it profiles all tables.
        names = profiled.keys() & run or profiled.keys()
        days = days_of(context.run.tags)
        return combine_profiles(
            [
                profile(profiled[name], days, columns)
                for name, columns in _stored(warehouse, sorted(names)).items()
            ]
        )

    return fill


def profile(table: Table, days: tuple[date, date] | None, columns: Collection[str]) -> ir.Table:
    """Compute a table's figures in one scan, with one row per column.

    Args:
        table: the table.
        days: first and last day of the run, if it has days.
        columns: the stored columns; the contract may have gained others since.
    """
    rows, day, key = table.contract.table(table.name), table.partition_column, table.contract.key()
    personal = table.contract.personal()
    window = days if day and table.write_mode.is_windowed else None
    if window:
        edges = (edge.year if rows[day].type().is_integer() else edge for edge in window)
        rows = rows.filter(rows[day].between(*map(ibis.literal, edges)))
    figures = rows.aggregate(
        row_count=rows.count(),
        oldest=_day(rows[day].min(), month=1, day=1) if day else ibis.null("date"),
        newest=_day(rows[day].max(), month=12, day=31) if day else ibis.null("date"),
        profiles=ibis.array(
            [
                _figures(rows[name], is_key=key == (name,), is_personal=name in personal)
                for name in rows.columns
                if name in columns
            ]
        ),
    )
    first_day, last_day = (
        map(ibis.literal, window) if window else _days_stored(table, figures, days)
    )
    return figures.select(
        "row_count",
        table_name=ibis.literal(table.name),
        first_day=first_day,
        last_day=last_day,
        is_whole_table=ibis.literal(not window),
        profile=figures.profiles.unnest(),
    )


def _day(partition: ir.Value, *, month: int, day: int) -> ir.DateValue:
    """Return a day unchanged, and the given day of a year."""
    if not partition.type().is_integer():
        return partition
    return ibis.date(partition, month, day)


def _days_stored(
    table: Table, figures: ir.Table, days: tuple[date, date] | None
) -> tuple[ir.DateValue, ir.DateValue]:
    """Return the first and last day of a table that is profiled as a whole."""
    # A table without rows or days gets the run's last day.
    of_run = ibis.literal(days[1]) if days else ibis.today()
    oldest, newest = figures.oldest.fill_null(of_run), figures.newest.fill_null(of_run)
    return (oldest if table.write_mode.is_windowed else newest), newest


def combine_profiles(profiles: Sequence[ir.Table]) -> ir.Table:
    """Combine the profiles."""
    rows = ibis.union(*profiles).unpack("profile")
    first, last = rows.first_day.cast("string"), rows.last_day.cast("string")
    return rows.select(
        "table_name",
        "column_name",
        "first_day",
        "last_day",
        "is_whole_table",
        "row_count",
        "approximate_distinct",
        partition=ibis.ifelse(first == last, last, first + "..." + last),
        null_count=rows.row_count - rows.known,
        # Cut after the aggregate: comparing needs only first bytes, cutting would copy each text.
        minimum=rows.minimum.left(SHOWN_CHARACTERS),
        maximum=rows.maximum.left(SHOWN_CHARACTERS),
        profiled_at=ibis.now(),
    )


def _figures(values: ir.Column, *, is_key: bool, is_personal: bool) -> ir.StructValue:
    """Return a column's figures as one struct; separate columns would need four times as much SQL.

    Personal columns have no minimum and maximum, which are personal data, too.
    """
    is_withheld = values.type().is_array() or is_personal
    unknown = ibis.null("string")
    return ibis.struct(
        {
            "column_name": values.get_name(),
            "known": values.count(),
            "minimum": unknown if is_withheld else _text(values.min()),
            "maximum": unknown if is_withheld else _text(values.max()),
            "approximate_distinct": _distinct(values, is_key=is_key),
        }
    )


def _distinct(values: ir.Column, *, is_key: bool) -> ir.IntegerScalar:
    """Estimate the number of distinct values, which takes two thirds of a profile's time.

    Keys are unique, which `contract` checks; for booleans, minimum and maximum suffice.
    """
    if values.type().is_array() or values.type().is_boolean():
        return ibis.null("int64")
    # An estimate may be higher than what there is.
    return values.count() if is_key else ibis.least(values.approx_nunique(), values.count())


def _text(value: ir.Scalar) -> ir.StringScalar:
    return value if value.type().is_string() else value.cast("string")


def _stored(warehouse: Warehouse, names: Sequence[str]) -> Mapping[str, Collection[str]]:
    """Return the columns of existing tables: a source may never have been loaded."""
    with warehouse.reading() as connection:
        stored = {name: stored_types(connection, name) for name in names}
    found = {name: columns for name, columns in stored.items() if columns}
    if not found:
        raise WarehouseError(
            f"there is nothing to profile in {warehouse.path}: materialize a source first"
        )
    return found
