"""Define dimensions that facts of several sources reference, and the keys of dimensions.

The function of such a dimension computes its rows from keys only, without reading a source: writing
a table that references it adds the rows of missing keys in the same transaction
(docs/decisions/0024-shared-dimensions-are-filled-by-their-readers.md). Members are never removed.
Materialized alone, a dimension computes the rows of its stored keys again.
"""

from functools import partial

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir
from pandera.api.ibis.types import IbisData

from movies_assets.core.contract import Contract, column, row_rule
from movies_assets.core.table import table
from movies_assets.core.write_mode import MERGE
from movies_assets.sources.shared.parsing import MONTHS

UNKNOWN = -1
UNKNOWN_NAME = "unknown"
# The name of a dimension's unknown member.
UNKNOWN_LABEL = "Unknown"
SATURDAY = 6
# The first and last key of a day: years have four digits, although DuckDB's calendar has more.
DATE_KEYS = 1_01_01, 9999_12_31
# Postgres indexes keys of up to 2,704 bytes: two columns of characters with at most 4 bytes each.
LONGEST_KEY, KEPT_OF_LONGER, HASH_DIGITS = 200, 160, 32

conformed = partial(
    table,
    layer="gold",
    group="shared",
    write_mode=MERGE,
    is_conformed=True,
)


def year_key(year: ir.IntegerColumn) -> ir.IntegerColumn:
    """Return the key of a year of release."""
    return year.fill_null(UNKNOWN)


def date_key(day: ir.DateColumn) -> ir.IntegerColumn:
    """Return the key of a day: yyyymmdd."""
    key = (day.year() * 10_000 + day.month() * 100 + day.day()).cast("int64")
    return key.fill_null(UNKNOWN)


def slug(name: ir.StringColumn) -> ir.StringColumn:
    """Return a name as a slug: 'Sci-Fi & Fantasy' as 'sci-fi-fantasy'."""
    return name.lower().re_replace("[^a-z0-9]+", "-").re_replace("^-+|-+$", "")


def bounded(key: ir.StringColumn) -> ir.StringColumn:
    """Return a key that fits into any index: a longer one is cut and gets a hash."""
    of_longer = key.left(KEPT_OF_LONGER) + "-" + key.hexdigest("sha256").left(HASH_DIGITS)
    return ibis.ifelse(key.length() > LONGEST_KEY, of_longer, key)


def decade_label(decade: ir.IntegerColumn) -> ir.StringColumn:
    """Return a decade as text: '1990s', or 'Unknown'."""
    return (decade.cast("string") + "s").fill_null(UNKNOWN_LABEL)


def members(unknown: int | str, *keys: ir.Value) -> ir.Table:
    """Return the distinct keys, and the unknown one."""
    found = [values.name("key").as_table() for values in keys]
    unknown_member = ibis.array([unknown]).unnest().cast(keys[0].type()).name("key").as_table()
    return ibis.union(*found, unknown_member, distinct=True)


class DimDate(Contract):
    """One row per day of the calendar years of all facts, and one for the unknown day."""

    date_key: int = column("The day as yyyymmdd; -1 if it is unknown.", key=True)
    date: dt.Date = column("The day.", nullable=True)
    date_full: str = column("The day as text: 'April 2, 2025'; 'Unknown'.")
    day_of_week: int = column(
        "ISO day of the week: 1 Monday to 7 Sunday.", nullable=True, ge=1, le=7
    )
    day_of_month: int = column("Day of the month, 1 to 31.", nullable=True, ge=1, le=31)
    day_of_year: int = column("Day of the year, 1 to 366.", nullable=True, ge=1, le=366)
    week_of_year: int = column("ISO week, 1 to 53.", nullable=True, ge=1, le=53)
    month: int = column("Month, 1 to 12.", nullable=True, ge=1, le=12)
    month_name: str = column("Name of the month; 'Unknown'.", isin=[*MONTHS, UNKNOWN_LABEL])
    quarter: int = column("Quarter, 1 to 4.", nullable=True, ge=1, le=4)
    year: int = column("Year.", nullable=True)
    is_weekend: bool = column("Whether it is a Saturday or Sunday.", nullable=True)

    @row_rule("date_key: is not -1, but attributes of the day are unknown")
    def _known_day(cls, data: IbisData) -> ir.BooleanColumn:
        rows = data.table
        # Columns that every day must have are checked by their own rules.
        attributes = [name for name, spec in cls._columns().items() if spec.nullable]
        known = ibis.and_(*(rows[name].notnull() for name in attributes))
        return (rows.date_key == UNKNOWN) | known


@conformed(contract=DimDate)
def dim_date(keys: ir.Table) -> ir.Table:
    """Return the calendar from the first year of the keys to the last, without gaps."""
    known = keys.date_key.between(*DATE_KEYS).ifelse(keys.date_key // 10_000, None)
    years = keys.aggregate(first=known.min(), last=known.max())
    days = years.filter(years.first.notnull()).select(
        date=ibis.range(
            ibis.date(years.first, 1, 1).cast("timestamp"),
            ibis.date(years.last + 1, 1, 1).cast("timestamp"),
            ibis.interval(days=1),
        ).unnest()
    )
    # The unknown day is a row whose attributes are unknown.
    no_day = ibis.array([ibis.null("date")]).unnest().name("date").as_table()
    return _described(days.select(date=days.date.cast("date")).union(no_day))


def _described(days: ir.Table) -> ir.Table:
    """Return the attributes of days."""
    day = days.date
    month_name = ibis.array(MONTHS)[day.month() - 1]
    date_full = month_name + " " + day.day().cast("string") + ", " + day.year().cast("string")
    day_of_week = day.day_of_week.index() + 1
    return days.select(
        date_key=date_key(day),
        date=day,
        date_full=date_full.fill_null(UNKNOWN_LABEL),
        day_of_week=day_of_week,
        day_of_month=day.day(),
        day_of_year=day.day_of_year(),
        week_of_year=day.week_of_year(),
        month=day.month(),
        month_name=month_name.fill_null(UNKNOWN_LABEL),
        quarter=day.quarter(),
        year=day.year(),
        is_weekend=day_of_week >= SATURDAY,
    )


class DimReleasedYear(Contract):
    """One row per year of release."""

    year_key: int = column("The year; -1 if it is unknown.", key=True)
    year: int = column("Year of release.", nullable=True)
    decade: int = column("First year of the decade.", nullable=True)
    decade_label: str = column("The decade as text: '1990s'; 'Unknown'.")


@conformed(contract=DimReleasedYear)
def dim_released_year(keys: ir.Table) -> ir.Table:
    """Return the decade of each year."""
    found = members(UNKNOWN, keys.year_key)
    year = found.key.nullif(UNKNOWN)
    decade = year - year % 10
    return found.select(
        year_key=found.key,
        year=year,
        decade=decade,
        decade_label=decade_label(decade),
    )
