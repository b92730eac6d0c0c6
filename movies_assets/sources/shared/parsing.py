"""Parse text to types, the same way on every engine: by regular expression, not by cast.

`'20.5'` cast to an integer is 21 on one engine and NULL on another, so only matched text is cast.
An ambiguous text is read like the other values of its column in its file; if they do not decide, it
is not parsed, and quarantine gets the reason. Rules of single tables belong next to their function.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import reduce
from operator import and_
from typing import Any

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from movies_assets.core.contract import PATTERNS
from movies_assets.core.outcome import NULL_TEXT
from movies_assets.ingest.records import CUT_OFF, LONGEST_DOCUMENT

INTEGER = f"^{PATTERNS['BIGINT']}$"
# Blanks of every script, such as the no-break space.
PADDING = r"^[\s\p{Z}]+|[\s\p{Z}]+$|\x00"
NUMBER = f"^{PATTERNS['DOUBLE']}$"
MONTHS = [
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
]  # fmt: skip
# Invisible characters: zero-width spaces and word joiners, byte order and direction marks, NUL.
# Zero-width joiners of letters are kept, as Persian and Hindi need them.
UNSEEN = r"[\x{200b}\x{200e}\x{200f}\x{2060}\x{feff}\x00]"
# Engines treat only ASCII blanks as white space.
SPACES = r"[\s\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}]+"
# Placeholders for missing values in services, spreadsheets and programs, in lower case.
NOTHING = (
    "n/a", "na", "n.a.", "nan", "nat", "none", "null", "(null)", "nil", "-", "--", "\u2013",
    "\u2014", "?", "unknown", "tbd", "tba", "\\n", "#n/a", "<na>", "not available",
)  # fmt: skip
# A separator, as tidy texts have no NUL.
NO_TEXT = r"\x00"
# Columns for the origin of a file's row, in addition to those that begin with an underscore.
ORIGIN = {"run_date", "arrived_date", "source_row"}

# Dates. A year of two digits is from 1931 to 2030, as silver accepts no later date.
LAST_SHORT_YEAR = 30
ALWAYS, NEVER = "0001-01-01", "9999-12-31"
UNKNOWN_DAY = (
    r"^[\s\p{Z}]*(?:0001[-/.]0?1[-/.]0?1|0?1[-/.]0?1[-/.]0001|9999[-/.]12[-/.]31|"
    r"12[-/.]31[-/.]9999|31[-/.]12[-/.]9999)(?:[^0-9]|$)"
)
ISO_DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
ISO_INSTANT = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?"
    r"(Z|[+-][0-9]{2}(:?[0-9]{2})?)?$"
)
_MONTH, _LATE_DAY = "(0?[1-9]|1[0-2])", "(1[3-9]|2[0-9]|3[01])"
_SHORT_OR_LONG_YEAR = "([0-9]{4}|[0-9]{2})"
_BEFORE_DAY = r"^[\s\p{Z}]*(?:[A-Za-z]{3,9}[.,]*[\s\p{Z}]+)?"
MONTH_FIRST = rf"{_BEFORE_DAY}{_MONTH}[-./ ]{_LATE_DAY}[-./ ]{_SHORT_OR_LONG_YEAR}(?:[^0-9]|$)"
# '25/09/21' may begin with its year; '25/09/99' and '25/09/2021' may not.
DAY_FIRST = (
    rf"{_BEFORE_DAY}{_LATE_DAY}[-./ ]{_MONTH}[-./ ]([0-9]{{4}}|3[2-9]|[4-9][0-9])(?:[^0-9]|$)"
)
DAY_IN_DOUBT = (
    rf"{_BEFORE_DAY}(?:{_MONTH}[-./ ]{_MONTH}[-./ ]{_SHORT_OR_LONG_YEAR}|"
    rf"{_LATE_DAY}[-./ ]{_MONTH}[-./ ][0-9]{{2}})(?:[^0-9]|$)"
)
# Serial numbers of spreadsheets: days since 1899-12-30, from 1927 to 2173, with a fraction for the
# time of day. The epoch compensates the 29 February 1900 that they count but which did not exist.
SERIAL = r"^[\s\p{Z}]*([1-9][0-9]{4})(?:[.,][0-9]+)?[\s\p{Z}]*$"
SERIAL_BEGINS = ibis.date("1899-12-30")
WEEKDAY = r"^(?:mon|tue|tues|wed|wednes|thu|thur|thurs|fri|sat|satur|sun)(?:day)?[.,]* "
CLOCK = (
    r"((?:[01]?[0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.,][0-9]{1,9})?)?(?: ?[ap]m)?"
    r"(?: ?(?:z|utc|gmt))?(?: ?[+-][0-9]{2}(?::?[0-9]{2})?)?)"
)
DAY_AND_CLOCK = rf"^([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}})(?:t{CLOCK})?$"
SPELLINGS_OF_CLOCKS = (
    (r"^([0-9]{8})t([0-9]{2})([0-9]{2})([0-9]{2})(z?)$", r"\1t\2:\3:\4\5"),
    (r"^([0-9]{8})t([0-9]{2})([0-9]{2})(z?)$", r"\1t\2:\3\4"),
    (f"(?:t|,? (?:at )?){CLOCK}$", r"t\1"),
    # Unix writes the time between day and year: 'Sat Sep 25 10:00:00 UTC 2021'.
    (r" ([0-9]{1,2}:[0-9:]+)(?: (?:utc|gmt))? ([0-9]{4})$", r" \2t\1"),
)
# Longer words first.
MONTHS_IN_WORDS = {
    **{name.lower(): f"@{number:02}" for number, name in enumerate(MONTHS, 1)},
    "sept": "@09",
    **{name[:3].lower(): f"@{number:02}" for number, name in enumerate(MONTHS, 1)},
}
_GAP = "[ ,./-]"
# From a spelling to '=' and year-month-day, as no other spelling has '='; `(t.*)?` is the time of
# day, if there is one.
SPELLINGS_OF_DAYS = (
    (
        rf"^([0-9]{{1,2}}){_GAP}*@([0-9]{{2}}){_GAP}*'?([0-9]{{4}}|[0-9]{{2}})(t.*)?$",
        r"=\3-\2-\1\4",
    ),
    (
        rf"^@([0-9]{{2}}){_GAP}*([0-9]{{1,2}}){_GAP}+'?([0-9]{{4}}|[0-9]{{2}})(t.*)?$",
        r"=\3-\1-\2\4",
    ),
    (rf"^([0-9]{{4}}){_GAP}*@([0-9]{{2}}){_GAP}*([0-9]{{1,2}})(t.*)?$", r"=\1-\2-\3\4"),
    (r"^([0-9]{4})[-./ ]([0-9]{1,2})[-./ ]([0-9]{1,2})(t.*)?$", r"=\1-\2-\3\4"),
    (r"^([12][0-9]{3})([01][0-9])([0-3][0-9])(t.*)?$", r"=\1-\2-\3\4"),
    (rf"^{_MONTH}[-./ ]{_LATE_DAY}[-./ ]{_SHORT_OR_LONG_YEAR}(t.*)?$", r"=\3-\1-\2\4"),
    (rf"^{_LATE_DAY}[-./ ]{_MONTH}[-./ ]([0-9]{{4}}|3[2-9]|[4-9][0-9])(t.*)?$", r"=\3-\2-\1\4"),
)
# The same for an ambiguous text with the order of its file.
_DAY_IS_MONTH = "|".join(f"0?{n}[-./ ]0?{n}" for n in range(1, 13))
ORDERED_DAYS = (
    (rf"^((?:{_DAY_IS_MONTH})[-./ ][0-9]{{4}}(?:t.*)?)#.*$", r"\1#month"),
    (r"^([0-9]{1,2})[-./ ]([0-9]{1,2})[-./ ]([0-9]{4}|[0-9]{2})(t.*)?#month$", r"=\3-\1-\2\4"),
    (r"^([0-9]{1,2})[-./ ]([0-9]{1,2})[-./ ]([0-9]{4}|[0-9]{2})(t.*)?#day$", r"=\3-\2-\1\4"),
    (r"#[a-z]*$", ""),
    (rf"^=([0-{LAST_SHORT_YEAR // 10 - 1}][0-9]|{LAST_SHORT_YEAR})-", r"=20\1-"),
    (r"^=([0-9]{2})-", r"=19\1-"),
    (r"^=([0-9]{4})-([0-9])-", r"=\1-0\2-"),
    (r"^=([0-9]{4}-[0-9]{2})-([0-9])(t|$)", r"=\1-0\2\3"),
    ("^=", ""),
)
# From 'AM' and 'PM' to 24 hours, and to microseconds, the stored precision.
TO_24_HOURS = (
    (r"t([0-9]):", r"t0\1:"),
    (r"t((?:0[0-9]|1[0-2]):[0-9:.,]*) ?([ap])m", r"\2\1"),
    (r"[.,]([0-9]{1,6})[0-9]*", r".\1"),
    (r" ?(?:utc|gmt)$", "z"),
    (r" ?(?:utc|gmt)([+-])", r"\1"),
    (r" ", ""),
)
HALVES_OF_DAY = {
    "a12:": "t00:",
    "p12:": "t12:",
    **{f"p{hour:02}:": f"t{hour + 12}:" for hour in range(1, 12)},
    "a": "t",
}

# Numbers. Blanks and apostrophes can only separate groups; a comma or a point separates groups or
# begins the decimals.
_PAD = r"[\s\p{Z}]*"
_SIGN = r"[+\x{2212}-]?"


def _exactly(*ways: str) -> str:
    return rf"^{_PAD}{_SIGN}(?:{'|'.join(ways)}){_PAD}$"


def _groups(mark: str, times: str = "+") -> str:
    return rf"[1-9][0-9]{{0,2}}(?:{mark}[0-9]{{3}}){times}"


_BLANK_GROUPS = (_groups(r"\p{Z}"), _groups("['\u2019]"))
# Indian groups have two digits, except for the last one.
_INDIAN_GROUPS = "[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3}"
_SINGLE_GROUP = "(?:[1-9][0-9]{2}|[0-9][1-9][0-9]|[0-9]{2}[1-9])"


def _decimal(mark: str, *groups: str) -> tuple[str, ...]:
    """Return the pattern of numbers whose decimals begin with the mark, unambiguously."""
    behind = f"{mark}[0-9]+"
    return (
        *(f"{way}{behind}" for way in groups),
        f"[0-9]*{mark}(?:[0-9]{{1,2}}|[0-9]{{4,15}})",
        f"(?:0[0-9]*|[0-9]{{4,15}})?{mark}[0-9]{{3}}",
    )


_POINT_DECIMALS = _decimal("[.]", _groups(","), _INDIAN_GROUPS, *_BLANK_GROUPS)
_COMMA_DECIMALS = _decimal(",", _groups("[.]"), *_BLANK_GROUPS)
_COMMA_GROUPS, _POINT_GROUPS = (_groups(",", "{2,}"), _INDIAN_GROUPS), (_groups("[.]", "{2,}"),)
# Numbers that show the decimal mark of a file.
POINT, COMMA = ".", ","
SHOWS = {
    POINT: _exactly(*_POINT_DECIMALS, *_COMMA_GROUPS),
    COMMA: _exactly(*_COMMA_DECIMALS, *_POINT_GROUPS),
}
# Decimals of whole numbers are zeros, so any other three digits are a group.
SHOWS_OF_WHOLE = {
    POINT: _exactly(*_POINT_DECIMALS, *_COMMA_GROUPS, f"[1-9][0-9]{{0,2}},{_SINGLE_GROUP}"),
    COMMA: _exactly(*_COMMA_DECIMALS, *_POINT_GROUPS, f"[1-9][0-9]{{0,2}}[.]{_SINGLE_GROUP}"),
}
UNMARKED = _exactly("[0-9]{1,18}", *_BLANK_GROUPS)
IN_DOUBT = {POINT: _exactly(_groups("[.]", "")), COMMA: _exactly(_groups(",", ""))}
AS_PROGRAMS_WRITE = r"^-?[0-9]{1,15}(?:[.](?:[0-9]{1,2}|[0-9]{4,15}))?$"
DECIMAL = r"^-?[0-9]{0,15}(?:[.][0-9]{1,15})?$"
SCORE = rf"^{_PAD}([0-9]{{1,2}}(?:[.,][0-9]{{1,15}})?){_PAD}(?:/ ?10)?{_PAD}$"
YEAR = rf"^{_PAD}([0-9]{{1,4}})(?:[.,]0{{1,2}})?{_PAD}$"
ZERO = rf"^{_PAD}0+(?:[.,]0+)?{_PAD}(?:/ ?10)?{_PAD}$"
# As in 1.2M.
ROUNDED = r"(?i)[0-9] ?(?:k|m|b|bn|mio|mrd|thousand|million|billion)\s*$"
FRACTION = rf"^{_PAD}{_SIGN}[0-9]+[.,:][0-9]+(?:[:][0-9]+)?{_PAD}$"
MINUTES = " ?(?:m|mins?|minutes?)[.]?"
HOURS_AND_MINUTES = rf"^{_PAD}([01]?[0-9]|2[0-3]):([0-5][0-9]){_PAD}$"
HOURS_MINUTES_AND_SECONDS = rf"^{_PAD}([01]?[0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9]){_PAD}$"
MINUTES_AND_SECONDS = rf"^{_PAD}(?:2[4-9]|[3-9][0-9]|[0-9]{{3,}}):[0-5][0-9]{_PAD}$"
TWO_CLOCKS = rf"^{_PAD}[0-9]+:[0-5][0-9]{_PAD}$"
UNITS_OF_TIME = (
    rf"^{_PAD}(?:pt)?(?:([0-9]{{1,3}}) ?(?:h|hr|hrs|hours?)[.]?)?[ ,]*"
    rf"(?:([0-9]{{1,5}}){MINUTES})?[ ,]*(?:([0-9]{{1,6}}) ?(?:s|secs?|seconds?)[.]?)?{_PAD}$"
)


@ibis.udf.scalar.builtin(name="json_valid", signature=((dt.string,), dt.boolean))
def _json_valid(payload: Any) -> Any:
    """Return whether a text is JSON."""


@ibis.udf.scalar.builtin(name="json_keys", signature=((dt.string,), dt.Array(dt.string)))
def _json_keys(payload: Any) -> Any:
    """Return the names of a JSON object, including duplicates; none for other JSON."""


def with_readable(rows: ir.Table) -> ir.Table:
    """Validate the JSON object in the column `payload` of each row, for Python and the engine.

    Each step is a separate query: for each use of an expression within a query, the engine would
    parse the documents again, with additional memory.

    Args:
        rows: rows with the object as text, which may be cut if it is too long.

    Returns:
        The rows with `readable`, the object, or an empty one if it must not be read; and `fault`,
        the reason as in `unparsed`, '' if there is none or it is not JSON.
    """
    is_long = (rows.payload.length() > LONGEST_DOCUMENT) | rows.payload.endswith(CUT_OFF)
    # Python accepts NaN and lone surrogates, on which the engine fails.
    is_document = ~is_long & _json_valid(rows.payload)
    rows = rows.mutate(
        readable=ibis.ifelse(is_document, rows.payload, "{}"),
        fault=ibis.ifelse(is_long, "payload: too long to be read", ""),
    ).view()
    rows = rows.mutate(names=_json_keys(rows.readable)).view()
    # Python reads the last of duplicate values, the engine the first.
    is_ambiguous = rows.names.length() > rows.names.unique().length()
    doubled = ibis.ifelse(is_ambiguous, "payload: a name is there twice", rows.fault)
    rows = rows.mutate(fault=doubled).view()
    return rows.mutate(readable=ibis.ifelse(rows.fault == "", rows.readable, "{}")).view()


@ibis.udf.scalar.builtin(name="json_extract_string", signature=((dt.string, dt.string), dt.string))
def json_text(payload: Any, path: Any) -> Any:
    """Return a field of any type as text."""


@ibis.udf.scalar.builtin(
    name="map_extract_value", signature=((dt.Map(dt.string, dt.string), dt.string), dt.string)
)
def value_of(values: Any, key: Any) -> Any:
    """Return the value of a key, or NULL; Ibis's own way repeats the map several times."""


def clean(text: ir.StringColumn) -> ir.StringColumn:
    """Trim a text, drop NUL characters (other databases reject them), and return NULL for ''."""
    return text.re_replace(PADDING, "").nullif("")


def tidy(text: ir.StringColumn) -> ir.StringColumn:
    """Drop invisible characters, collapse white space, trim, and return NULL for ''."""
    return text.re_replace(UNSEEN, "").re_replace(SPACES, " ").strip().nullif("")


def known(
    text: ir.StringColumn, nothing: Collection[str] = NOTHING, but: Collection[str] = ()
) -> ir.StringColumn:
    """Tidy a text, and return NULL for placeholders.

    Args:
        text: the text.
        nothing: the placeholders, in lower case; none for names and titles, which may be 'None'.
        but: values that are valid in exactly this case: the country 'NA' is Namibia, while 'na'
            means "not available".
    """
    value = tidy(text)
    # By pattern, as engines turn long lists of values into joins.
    is_nothing = value.lower().re_search(_any_of(nothing)) & ~value.re_search(_any_of(but))
    return ibis.ifelse(is_nothing, ibis.null("string"), value)


def _any_of(texts: Collection[str]) -> str:
    return f"^(?:{'|'.join(map(re.escape, texts)) or NO_TEXT})$"


def day(text: ir.StringColumn, file: ir.StringColumn | None = None) -> ir.DateColumn:
    """Parse dates, ignoring a time of day: the date is as written, in its own time zone.

    For '04/05/2021' the file decides whether the day or the month comes first; its other values
    must agree. A number is a date only if all values of the file are serial numbers of a
    spreadsheet. A year of two digits is from 1931 to 2030. 0001-01-01 and 9999-12-31 mean unknown.
    Anything else, including days that do not exist, is NULL.

    Args:
        text: the dates.
        file: the file of each date.
    """
    order = _by_file(text, file, "[0-9]", _order_of_dates)
    spelt = _dated(tidy(text).lower(), order).re_extract(DAY_AND_CLOCK, 1)
    # Engines agree on '2021-02-30', but differ on other spellings.
    read = ibis.ifelse(text.re_search(ISO_DAY), text, spelt).try_cast("date")
    serial = ibis.ifelse(
        text.re_search(SERIAL) & (order == "serial"), text.re_extract(SERIAL, 1), ""
    )
    counted = SERIAL_BEGINS + serial.nullif("").cast("int64").as_interval("D")
    # Engines differ in whether a date plus an interval is a date.
    counted = counted.cast("timestamp").date()
    return ibis.coalesce(read, counted).nullif(ibis.date(ALWAYS)).nullif(ibis.date(NEVER))


def instant(text: ir.StringColumn, file: ir.StringColumn | None = None) -> ir.TimestampColumn:
    """Parse instants: a date in any spelling of `day`, and a time; without a zone they are UTC.

    Digits beyond microseconds are cut off. A date without a time is NULL, as is the serial number
    of a spreadsheet, which is rounded.

    Args:
        text: the instants.
        file: the file of each instant.
    """
    order = _by_file(text, file, f"{MONTH_FIRST}|{DAY_FIRST}", _order)
    dated = _dated(tidy(text).lower(), order)
    spelt = _substituted(_replaced(dated, TO_24_HOURS), HALVES_OF_DAY)
    iso = ibis.ifelse(
        text.re_search(ISO_INSTANT), text, spelt.upper().re_extract(ISO_INSTANT, 0)
    ).re_replace(f"^(?:{ALWAYS}|{NEVER}).*", "")
    return iso.try_cast(dt.Timestamp(timezone="UTC", scale=6))


def _replaced(text: ir.StringColumn, rules: Iterable[tuple[str, str]]) -> ir.StringColumn:
    return reduce(lambda found, rule: found.re_replace(*rule), rules, text)


def _substituted(text: ir.StringColumn, parts: Mapping[str, str]) -> ir.StringColumn:
    return reduce(lambda found, part: found.replace(*part), parts.items(), text)


def _dated(text: ir.StringColumn, order: ir.StringValue) -> ir.StringColumn:
    """Return year-month-day for dates in tidy lower-case texts; other texts do not become dates."""
    plain = _replaced(
        _substituted(_replaced(text, [(WEEKDAY, ""), *SPELLINGS_OF_CLOCKS]), MONTHS_IN_WORDS),
        [
            ("([0-9])(?:st|nd|rd|th)( |,|$)", r"\1\2"),
            (" of ", " "),
            *SPELLINGS_OF_DAYS,
        ],
    )
    return _replaced(plain + "#" + order, ORDERED_DAYS)


def _order(texts: ir.StringColumn) -> ir.StringScalar:
    """Return whether day or month comes first in the dates of a file."""
    return _only(month=texts.re_search(MONTH_FIRST).any(), day=texts.re_search(DAY_FIRST).any())


def _order_of_dates(texts: ir.StringColumn) -> ir.StringScalar:
    """Return the order of a file's dates, or that all texts with digits are serial numbers."""
    return ibis.ifelse(texts.re_search(SERIAL).all(), "serial", _order(texts))


def _only(**ways: ir.BooleanValue) -> ir.StringValue:
    """Return the name of the only condition that is true; '' if there is not exactly one."""
    (one, is_one), (other, is_other) = ways.items()
    return ibis.cases((is_one & ~is_other, one), (is_other & ~is_one, other))


def _by_file(
    text: ir.StringColumn,
    file: ir.StringColumn | None,
    relevant: str,
    decide: Callable[[ir.StringColumn], ir.StringScalar],
) -> ir.StringValue:
    """Return the decision of a file's texts for each of its rows; '' if there is none.

    It is one aggregate, looked up by file: a window over the rows would hold all of them.

    Args:
        text: a column of texts.
        file: the file of each text.
        relevant: pattern of the relevant texts.
        decide: the decision, as an aggregate of the texts.
    """
    if file is None or not text.op().relations:
        return ibis.literal("")
    (relation,) = text.op().relations
    file = file.fill_null("")
    # A separate step, as the text would otherwise be computed at each use.
    rows = relation.to_expr().select(file=file, text=text).view()
    # Distinct texts, which are few: 2 million events have a tenth as many different minutes.
    relevant_rows = rows.filter(rows.text.re_search(relevant)).distinct()
    found = relevant_rows.group_by("file").aggregate(shown=decide(relevant_rows.text))
    found = found.filter(found.shown.notnull())
    shown = found.aggregate(shown=ibis.map(found.file.collect(), found.shown.collect()))
    return value_of(shown.as_scalar(), file).fill_null("")


@ibis.udf.scalar.builtin(name="epoch_us", signature=((dt.Timestamp(timezone="UTC"),), dt.int64))
def microseconds(instant: Any) -> Any:
    """Return the microseconds since 1970."""


@ibis.udf.scalar.builtin(name="make_timestamp", signature=((dt.int64,), dt.timestamp))
def _clock(microseconds: Any) -> Any:
    """Return the UTC timestamp for microseconds since 1970."""


def utc_day(instant: ir.TimestampColumn) -> ir.DateColumn:
    """Return the day in UTC.

    A cast looks up the session's time zone: for 2.5 million instants it took 0.7 s, this 0.05 s.
    """
    day: ir.DateColumn = _clock(microseconds(instant)).date()
    return day


def number(text: ir.StringColumn, file: ir.StringColumn | None = None) -> ir.FloatingColumn:
    """Parse decimal numbers; return NULL for anything else, including ambiguous numbers.

    Without a file only the notation of programs is parsed, such as '1234.5'. With one, also digit
    groups and decimal commas: '1,234,567.8', '1.234.567,8', '1,23,456', "1'234.5", '1 234,5', '+1'.
    For '1,234' and '1.234' the file decides whether the mark begins decimals; its other values
    must agree. Exponents and short forms ('1.2M') are not parsed, as they are rounded, nor are
    percentages ('75%').

    Args:
        text: the numbers.
        file: the file of each number.
    """
    if file is None:
        return ibis.ifelse(text.re_search(NUMBER), text, ibis.null("string")).cast("float64")
    return _number(text, _mark(text, file, SHOWS))


def whole(
    text: ir.StringColumn, behind: str = "", file: ir.StringColumn | None = None
) -> ir.IntegerColumn:
    """Parse whole numbers like `number`: '2019.0', '1,234,567'; return NULL for anything else.

    Decimals of whole numbers are zeros, so '1,234' is 1234 and shows that the comma separates
    groups, unless another value of the file shows that it begins decimals. For '1,000' the file
    decides.

    Args:
        text: the numbers.
        behind: pattern, in lower case, of the unit after the number.
        file: the file of each number.
    """
    bare = _without_unit(text, behind)
    digits = _digits(bare, _mark(bare, file, SHOWS_OF_WHOLE)).re_replace(r"[.]0+$", "")
    return digits.re_extract(INTEGER, 0).nullif("").cast("int64")


def integer(text: ir.StringColumn) -> ir.IntegerColumn:
    """Parse whole numbers in the notation of programs; return NULL for anything else."""
    return ibis.ifelse(text.re_search(INTEGER), text, ibis.null("string")).cast("int64")


def score(text: ir.StringColumn) -> ir.FloatingColumn:
    """Parse scores out of ten: '7.5', '7,5', '7.5/10'; return NULL for 0, which means no score.

    Scores have no digit groups, so any mark begins decimals. Other scales ('75%') are NULL.
    """
    bare = text.re_extract(SCORE, 1).replace(",", ".")
    return number(bare.nullif("")).nullif(0)


def year(text: ir.StringColumn) -> ir.IntegerColumn:
    """Parse years without digit groups: '2019', '2019.0'; return NULL for 0, i.e. no year."""
    return text.re_extract(YEAR, 1).nullif("").cast("int64").nullif(0)


def minutes(text: ir.StringColumn, file: ir.StringColumn | None = None) -> ir.IntegerColumn:
    """Parse running times in whole minutes: '95', '95 min', '1:35', '1h 35m', 'PT1H35M'.

    0 is NULL. So are times with seconds that are not 0: they would be rounded. '1:35' is in hours
    and minutes, unless the file also has minutes and seconds, such as '95:00'.

    Args:
        text: the running times.
        file: the file of each running time.
    """
    clock = _clock_minutes(text, file).cast("string").re_extract("^([0-9]+)(?:[.]0+)?$", 1)
    number_of = whole(text, f"(?:{MINUTES})?", file)
    return ibis.coalesce(number_of, clock.nullif("").cast("int64")).nullif(0)


def exact_minutes(text: ir.StringColumn, file: ir.StringColumn | None = None) -> ir.FloatingColumn:
    """Parse minutes with decimals in the notations of `minutes`, including seconds; 0 is 0.

    Args:
        text: the minutes.
        file: the file of each text.
    """
    # Covers nearly all texts: the other notations take ten times as long.
    plain = ibis.ifelse(text.re_search(AS_PROGRAMS_WRITE), text, ibis.null("string"))
    decimal = _number(_without_unit(text, f"(?:{MINUTES})?"), _mark(text, file, SHOWS))
    return ibis.coalesce(plain.cast("float64"), decimal, _clock_minutes(text, file))


def _clock_minutes(text: ir.StringColumn, file: ir.StringColumn | None) -> ir.FloatingColumn:
    """Parse hours, minutes and seconds to minutes; return NULL for numbers without a unit."""
    shown = _by_file(text, file, MINUTES_AND_SECONDS, lambda _: ibis.literal("seconds"))
    spelt = _replaced(
        text.lower(), [(HOURS_MINUTES_AND_SECONDS, r"\1h\2m\3s"), (HOURS_AND_MINUTES, r"\1h\2m")]
    )
    hours, whole_minutes, seconds = (spelt.re_extract(UNITS_OF_TIME, part) for part in (1, 2, 3))
    read = _or_zero(hours) * 60 + _or_zero(whole_minutes) + _or_zero(seconds) / 60
    return ibis.cases(
        (text.re_search(HOURS_AND_MINUTES) & (shown == "seconds"), None),
        # A text without any unit is not a time.
        (spelt.re_extract(UNITS_OF_TIME, 0).re_search("[0-9]"), read),
    )


def _or_zero(digits: ir.StringColumn) -> ir.FloatingColumn:
    """Parse digits, with '' as 0 and NULL as NULL."""
    return ("0" + digits).cast("float64")


def _without_unit(text: ir.StringColumn, unit: str) -> ir.StringColumn:
    """Return numbers without the unit that follows them; NULL for anything else."""
    if not unit:
        return text
    lower, pattern = text.lower(), f"([0-9]){unit}{_PAD}$"
    bare = lower.re_replace(pattern, r"\1")
    return ibis.ifelse(lower.re_search(pattern), bare, ibis.null("string"))


def _mark(
    text: ir.StringColumn, file: ir.StringColumn | None, shows: Mapping[str, str]
) -> ir.StringValue:
    """Return the decimal mark of a file; '' if its numbers do not decide."""

    def decide(texts: ir.StringColumn) -> ir.StringValue:
        point, comma = (texts.re_search(shows[mark]).any() for mark in (POINT, COMMA))
        # With '1,234' and '1.234' in a file, one of them is a group, so neither mark is trusted.
        both = reduce(and_, (texts.re_search(way).any() for way in IN_DOUBT.values()))
        return ibis.cases((both, None), (point & ~comma, POINT), (comma & ~point, COMMA))

    return _by_file(text, file, "[.,]", decide)


def _number(text: ir.StringColumn, mark: ir.StringValue) -> ir.FloatingColumn:
    digits = _digits(text, mark)
    return digits.re_extract(DECIMAL, 0).nullif("").cast("float64")


def _digits(text: ir.StringColumn, mark: ir.StringValue) -> ir.StringColumn:
    """Return numbers with a decimal point and without groups; NULL for ambiguous ones."""
    in_doubt = text.re_search(IN_DOUBT[POINT]) | text.re_search(IN_DOUBT[COMMA])
    signed = text.replace("\N{MINUS SIGN}", "-")
    with_point = signed.re_replace("[^0-9.-]", "")
    with_comma = signed.re_replace("[^0-9,-]", "").replace(",", ".")
    by_mark = mark.cases((POINT, with_point), (COMMA, with_comma))
    return ibis.cases(
        (text.re_search(AS_PROGRAMS_WRITE), text),
        (text.re_search(SHOWS[POINT]) | text.re_search(UNMARKED), with_point),
        (text.re_search(SHOWS[COMMA]), with_comma),
        (in_doubt, by_mark),
    )


def file_of(rows: ir.Table) -> ir.StringColumn:
    """Return the file of each row: `source_row` without the record's number."""
    file: ir.StringColumn = rows.source_row.re_replace("#[0-9]+$", "")
    return file


def rescued(rows: ir.Table, name: str) -> ir.StringColumn:
    """Return the text of a field that did not fit its type when the file was loaded."""
    text: ir.StringColumn = rows["_rescued_data"].cast("json")[name].str
    return text


def unparsed(
    **fields: tuple[ir.Value, ir.Value] | tuple[ir.Value, ir.Value, str],
) -> ir.StringColumn:
    """Return the fields whose values could not be parsed, with the reasons, for quarantine.

    Args:
        fields: for each field the received and the parsed value, and the reason if it does not
            follow from these.
    """
    nothing = ibis.null("string")
    found = [
        # The received text matters only if nothing was parsed, which is rare.
        ibis.ifelse(
            read.isnull(),
            ibis.ifelse(
                raw.notnull(), f"{name}: " + (reason[0] if reason else _reason(raw, read)), nothing
            ),
            nothing,
        )
        for name, (raw, read, *reason) in fields.items()
    ]
    # A list with one reason would be made for each row.
    joined = ibis.array(found).join("; ") if len(found) > 1 else found[0]
    return joined.fill_null("")


def _reason(raw: ir.Value, read: ir.Value) -> ir.StringValue:
    """Return why a value could not be parsed; NULL if it is a placeholder."""
    text, wanted = raw.cast("string"), read.type()
    if wanted.is_date() or wanted.is_timestamp():
        return ibis.cases(
            (text.re_search(UNKNOWN_DAY), None),
            (text.re_search(DAY_IN_DOUBT), "day and month in doubt"),
            else_="not a date" if wanted.is_date() else "not a date and time",
        )
    if wanted.is_numeric():
        bare = text.re_replace(r"(?i) ?(?:mins?|minutes?)[.]?\s*$", "")
        return ibis.cases(
            (text.re_search(ZERO), None),
            *((bare.re_search(way), "group or decimal mark in doubt") for way in IN_DOUBT.values()),
            (text.re_search("%"), "a share, not a number"),
            (text.re_search(ROUNDED), "rounded"),
            (text.re_search(TWO_CLOCKS), "hours or seconds in doubt"),
            (text.re_search(FRACTION) & wanted.is_integer(), "not a whole number"),
            else_="not a number",
        )
    if wanted.is_array():
        return ibis.literal("not a list")
    return ibis.literal("neither 0 nor 1" if wanted.is_boolean() else "not readable")


def accounted(
    rows: ir.Table, **read: tuple[ir.Value, ir.Value] | tuple[ir.Value, ir.Value, str]
) -> dict[str, ir.Value]:
    """Return the columns for quarantine: the line as received, and its faults.

    Args:
        rows: rows of a bronze table of files.
        read: fields whose values may not be parsable, as for `unparsed`.
    """
    fields = [name for name in rows.columns if not name.startswith("_") and name not in ORIGIN]
    received = [rows[name].cast("string").fill_null(NULL_TEXT) for name in fields]
    if "_rescued_data" in rows.columns:
        received.append(rows["_rescued_data"].fill_null(NULL_TEXT))
    unread = unparsed(**read) if read else ibis.literal("")
    return {
        "_raw": ibis.coalesce(rows["_line"], ibis.array(received).join("\t")),
        "_unparsed": ibis.coalesce(rows["_problem"], unread),
    }
