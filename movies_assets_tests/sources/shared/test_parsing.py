"""Texts read as types: tables of spellings, what a file decides, and properties of them all."""

import csv
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import duckdb
import ibis
import ibis.expr.types as ir
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from movies_assets.sources.shared import parsing
from movies_assets.warehouse.sql import compile_sql
from movies_assets_tests.conftest import FOR_ANY_ROWS
from movies_assets_tests.places import CASES

TEXTS = ibis.table({"place": "int64", "file": "string", "text": "string"}, name="texts")
Reader = Callable[[ir.StringColumn, ir.StringColumn], ir.Value]
modestly = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def read():
    """Return what a function reads of texts of one file, or of several."""
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(FOR_ANY_ROWS)
        connection.execute("CREATE TABLE texts (place BIGINT, file VARCHAR, text VARCHAR)")
        planned: dict[str, str] = {}

        def read_texts(function: Reader, *files: Sequence[str | None]) -> list[tuple[Any, str]]:
            rows = [(f"{n}.csv", text) for n, texts in enumerate(files) for text in texts]
            connection.execute("DELETE FROM texts")
            connection.executemany(
                "INSERT INTO texts VALUES (?, ?, ?)",
                [(place, *row) for place, row in enumerate(rows)],
            )
            step = TEXTS.mutate(value=function(TEXTS.text, TEXTS.file)).view()
            found = step.select(
                "place", "value", reason=parsing.unparsed(x=(parsing.known(step.text), step.value))
            )
            sql = f"SELECT value, reason FROM ({compile_sql(found)}) ORDER BY place"
            if sql not in planned:
                planned[sql] = f"reading_{len(planned)}"
                connection.execute(f"PREPARE {planned[sql]} AS {sql}")
            return [
                (value, reason.removeprefix("x: "))
                for value, reason in connection.execute(f"EXECUTE {planned[sql]}").fetchall()
            ]

        yield read_texts


def flat(files: Sequence[Sequence[str]]) -> list[str]:
    return [text for texts in files for text in texts]


@pytest.mark.parametrize(
    ("payload", "fault"),
    [
        ('{"a": 1, "b": {"a": 2}}', ""),
        ('{"a": 1, "b": 2, "a": 1}', "payload: a name is there twice"),
        ('{"a": "' + "x" * 1_000_000 + '"}', "payload: too long to be read"),
        ('{"a": "x… (20,000,000 bytes)', "payload: too long to be read"),
        ("[1]", ""),
        ("no JSON", ""),
    ],
)
def test_json_that_must_not_be_read_is_named(payload, fault):
    rows = ibis.memtable({"payload": [payload]})
    found = ibis.duckdb.connect().execute(parsing.with_readable(rows))
    assert found.fault[0] == fault
    assert found.readable[0] == (payload if payload.startswith(('{"a": 1, "b": {', "[")) else "{}")


def of_score(text: ir.StringColumn, _: ir.StringColumn) -> ir.Value:
    return parsing.score(text)


def of_year(text: ir.StringColumn, _: ir.StringColumn) -> ir.Value:
    return parsing.year(text)


def of_whole(text: ir.StringColumn, file: ir.StringColumn) -> ir.Value:
    return parsing.whole(text, file=file)


# Dates.

THE_DAY = date(2021, 9, 25)
ONE_DAY = [
    "2021-09-25", "2021-9-25", "2021/09/25", "2021.09.25", "2021 09 25", "20210925",
    "2021-09-25T00:00:00", "2021-09-25 00:00:00", "2021-09-25T00:00:00Z", "2021-09-25T10:00",
    "2021-09-25T10:00:00.1234567", "2021-09-25 10:00:00.123456789+02:00", "2021-09-25 10:00 UTC",
    "2021-09-25T10:00:00-0500", "20210925T101500Z",
    "9/25/2021", "09/25/2021", "09-25-2021", "9.25.2021", "9/25/21", "9/25/2021 12:00:00 AM",
    "25/09/2021", "25/9/2021", "25.09.2021", "25-09-2021", "25.9.2021 10:00", "25 09 2021",
    "25-Sep-21", "25-SEP-2021", "25-sep-21", "25 Sep 2021", "25 Sep. 2021", "25 September 2021",
    "25 september, 2021", "25th September 2021", "25th of September 2021", "25Sep2021",
    "25 Sept 2021", "25. September 2021", "Sat 25 Sep 2021", "Saturday, 25 September 2021",
    "Sat, 25 Sep 2021 10:00:00 GMT", "Sat, 25 Sep 2021 10:00:00 +0000",
    "September 25, 2021", " September 25, 2021", "September 25. 2021", "September 25 2021",
    "SEPTEMBER 25, 2021", "september 25,2021", "Sep 25, 2021", "Sep 25 2021", "Sep. 25, 2021",
    "Sept. 25, 2021", "Sept 25, 2021", "September 25th, 2021", "Sep-25-2021", "Sep 25, '21",
    "Sep 25, 2021, 10:00 AM", "Saturday, September 25, 2021", "Sat Sep 25 10:00:00 2021",
    "Sat Sep 25 10:00:00 UTC 2021", "September\xa025,\xa02021", "\u200b2021-09-25 ",
    "2021-Sep-25", "2021 September 25", "Sep 25, 2021 at 10:00 PM",
]  # fmt: skip


@pytest.mark.parametrize("text", ONE_DAY)
def test_a_date_is_read_in_every_spelling(read, text):
    assert read(parsing.day, [text]) == [(THE_DAY, "")]


@pytest.mark.parametrize(
    "text",
    ["soon", "13/13/2021", "2/30/2021", "2021-02-29", "February 30, 2021", "September 2021",
     "Sep-21", "2021", "4446", "0", "25/09", "Marching 5, 2018", "2021-09-25T99:00", "1.5",
     "31/11/2021", "2021-25-09", "+2021-09-25"],
)  # fmt: skip
def test_what_is_no_date_is_unread(read, text):
    assert read(parsing.day, [text]) == [(None, "not a date")]


@pytest.mark.parametrize(
    "text",
    ["0001-01-01", "0001-01-01T00:00:00", "1/1/0001 12:00:00 AM", "9999-12-31",
     "9999-12-31T23:59:59.9999999", "12/31/9999", "", " ", None, "N/A", "NaT"],
)  # fmt: skip
def test_an_unknown_date_is_unknown(read, text):
    assert read(parsing.day, [text]) == [(None, "")]


@pytest.mark.parametrize(
    ("texts", "dates"),
    [
        (["4/5/2021", "9/25/2021"], [date(2021, 4, 5), THE_DAY]),
        (["4/5/2021", "25/9/2021"], [date(2021, 5, 4), THE_DAY]),
        (["04.05.2021", "2021-09-25", "25.09.2021"], [date(2021, 5, 4), THE_DAY, THE_DAY]),
        (["4/5/2021", "25/9/2021", "9/25/2021"], [None, THE_DAY, THE_DAY]),
        (["4/5/2021", "2021-09-25"], [None, THE_DAY]),
        (["4/5/2021", "9/9/2021"], [None, date(2021, 9, 9)]),
        (["4/5/21", "25/9/21"], [None, None]),
        (["4/5/21", "9/25/21"], [date(2021, 4, 5), THE_DAY]),
    ],
)
def test_day_or_month_is_decided_by_the_other_dates_of_the_file(read, texts, dates):
    found = read(parsing.day, texts)
    assert [value for value, _ in found] == dates
    assert {reason for value, reason in found if value is None} <= {"day and month in doubt"}


def test_a_file_decides_for_itself_alone(read):
    found = read(parsing.day, ["4/5/2021", "9/25/2021"], ["4/5/2021", "25/9/2021"], ["4/5/2021"])
    assert [value for value, _ in found][::2] == [date(2021, 4, 5), date(2021, 5, 4), None]


def test_serial_numbers_are_dates_where_the_whole_file_has_them(read):
    assert read(parsing.day, ["44464", "44464.75", None, "N/A"])[:2] == [(THE_DAY, "")] * 2
    assert read(parsing.day, ["44464", "2021-09-25"])[0] == (None, "not a date")


@pytest.mark.parametrize(
    ("text", "year"), [("1-Jan-00", 2000), ("1-Jan-30", 2030), ("1-Jan-31", 1931)]
)
def test_a_year_of_two_digits_is_from_1931_to_2030(read, text, year):
    assert read(parsing.day, [text]) == [(date(year, 1, 1), "")]


def _spelt(day: date, way: str) -> str:
    month = f"{day:%B}"
    return {
        "iso": f"{day:%Y-%m-%d}", "iso slashes": f"{day:%Y/%m/%d}", "compact": f"{day:%Y%m%d}",
        "time": f"{day:%Y-%m-%d} 10:00:00", "words": f"{month} {day.day}, {day.year}",
        "short words": f"{month[:3]} {day.day} {day.year}", "database": f"{day.day}-{month[:3]}-"
        f"{day.year}", "mail": f"{day:%a, %d %b %Y} 10:00:00 GMT",
        "month first": f"{day.month}/{day.day}/{day.year}", "day first": f"{day:%d.%m.%Y}",
        "month first, time": f"{day:%m/%d/%Y} 1:00 PM", "day first, time": f"{day:%d/%m/%Y 10:00}",
    }[way]  # fmt: skip


WAYS = ["iso", "iso slashes", "compact", "time", "words", "short words", "database", "mail"]
days = st.dates(date(1931, 1, 1), date(2030, 12, 31))


@pytest.mark.slow
@modestly
@given(
    files=st.lists(
        st.tuples(
            st.sampled_from(["month first", "day first"]), st.lists(days, min_size=1, max_size=6)
        ),
        min_size=1,
        max_size=8,
    ),
    data=st.data(),
)
def test_a_date_is_read_as_it_was_meant_or_not_at_all(read, files, data):
    written, meant = [], []
    for order, file in files:
        ways = st.sampled_from([*WAYS, order, f"{order}, time"])
        written.append([_spelt(day, data.draw(ways)) for day in file])
        meant += file
    for (found, reason), day, text in zip(
        read(parsing.day, *written), meant, flat(written), strict=True
    ):
        assert found == day or (found is None and reason == "day and month in doubt"), text
    # Where one date decides, none is in doubt, in any order of rows.
    sure = [
        [*texts, _spelt(THE_DAY, order)] for texts, (order, _) in zip(written, files, strict=True)
    ]
    sure = [data.draw(st.permutations(texts)) for texts in sure]
    assert all(value for value, _ in read(parsing.day, *sure))


# Instants.


@pytest.mark.parametrize(
    "text",
    ["2021-09-25T10:05:00Z", "2021-09-25 10:05:00", "2021-09-25 10:05", "2021-09-25T10:05:00.000Z",
     "2021-09-25T10:05:00.0000000", "2021-09-25T10:05:00.000000000Z", "2021-09-25T12:05:00+02:00",
     "2021-09-25T05:05:00-0500", "2021-09-25 15:35:00 +05:30", "20210925T100500Z",
     "20210925T1005", "9/25/2021 10:05:00 AM", "25/09/2021 10:05", "25.09.2021, 10:05:00",
     "Sat, 25 Sep 2021 10:05:00 GMT", "Sat, 25 Sep 2021 12:05:00 +0200", "25-Sep-21 10:05",
     "September 25, 2021 10:05 AM", "Sat Sep 25 10:05:00 2021",
     "Sat Sep 25 2021 12:05:00 GMT+0200", "2021/09/25 10:05:00", " 2021-09-25\xa010:05 "],
)  # fmt: skip
def test_an_instant_is_read_in_every_spelling(read, text):
    assert read(parsing.instant, [text]) == [(datetime(2021, 9, 25, 10, 5, tzinfo=UTC), "")]


@pytest.mark.parametrize(
    ("text", "hour"),
    [("9/25/2021 12:00 AM", 0), ("9/25/2021 1:00 AM", 1), ("9/25/2021 12:00 PM", 12),
     ("9/25/2021 11:00:00 pm", 23), ("9/25/2021 9:00PM", 21)],
)  # fmt: skip
def test_hours_of_half_a_day_are_read(read, text, hour):
    assert read(parsing.instant, [text]) == [(datetime(2021, 9, 25, hour, tzinfo=UTC), "")]


@pytest.mark.parametrize(
    ("text", "reason"),
    [("2021-09-25", "not a date and time"), ("44464.5", "not a date and time"),
     ("2021-02-30T10:00:00", "not a date and time"), ("9/25/2021 13:00 PM", "not a date and time"),
     ("now", "not a date and time"), ("4/5/2021 10:00", "day and month in doubt"),
     ("0001-01-01T00:00:00", ""), ("9999-12-31T23:59:59.9999999", ""), (None, "")],
)  # fmt: skip
def test_other_instants_are_unread(read, text, reason):
    assert read(parsing.instant, [text]) == [(None, reason)]


def test_the_file_decides_the_order_of_its_instants(read):
    found = read(parsing.instant, ["4/5/2021 10:00", "13/5/2021 10:00"], ["4/5/2021 10:00"])
    assert [value and value.date() for value, _ in found] == [
        date(2021, 5, 4), date(2021, 5, 13), None,
    ]  # fmt: skip


# Hypothesis takes bounds without a zone.
EARLIEST, LATEST = datetime(1990, 1, 1), datetime(2030, 12, 31)  # noqa: DTZ001


@pytest.mark.slow
@modestly
@given(
    st.lists(st.datetimes(EARLIEST, LATEST), min_size=1, max_size=10),
    st.integers(-14 * 4, 14 * 4),
)
def test_instants_are_read_exactly(read, clocks, quarters):
    zone = timezone(timedelta(minutes=15 * quarters))
    meant = [clock.replace(tzinfo=zone) for clock in clocks]
    texts = [
        [at.isoformat() for at in meant],
        [at.isoformat(" ").replace("+", " +") for at in meant],
        [f"{at:%a, %d %b %Y %H:%M:%S.%f} {at:%z}" for at in meant],
        [
            f"{at:%m/%d/%Y %I:%M:%S.%f0 %p %z}"
            for at in [*meant, datetime(2021, 9, 25, tzinfo=zone)]
        ],
    ]
    found = [value for value, _ in read(parsing.instant, *texts)]
    assert found[:-1] == meant * 4


# Numbers.


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0.0), ("45", 45.0), ("-5", -5.0), ("\u22125", -5.0), ("+5.50", 5.5), (".5", 0.5),
        ("45.5", 45.5), ("45,5", 45.5), ("1234.567", 1234.567), ("1234,567", 1234.567),
        ("0.123", 0.123), ("0,123", 0.123), ("1,234,567", 1234567.0), ("1.234.567", 1234567.0),
        ("1,234.5", 1234.5), ("1.234,5", 1234.5), ("1,234,567.891", 1234567.891),
        ("1.234.567,891", 1234567.891), ("1,23,456", 123456.0), ("12,34,567.5", 1234567.5),
        ("1'234", 1234.0), ("1\u2019234.5", 1234.5), ("1 234", 1234.0), ("1\xa0234,5", 1234.5),
        ("1\u202f234\u202f567,25", 1234567.25), (" 7.50 ", 7.5), ("007", 7.0), ("1.23456", 1.23456),
    ],
)  # fmt: skip
def test_a_number_is_read_in_every_style(read, text, value):
    assert read(parsing.number, [text]) == [(value, "")]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1,234", "group or decimal mark in doubt"), ("1.234", "group or decimal mark in doubt"),
        ("12,000", "group or decimal mark in doubt"), ("75%", "a share, not a number"),
        ("1.2M", "rounded"), ("12k", "rounded"), ("1e3", "not a number"), ("inf", "not a number"),
        ("NaN", ""), ("1,2,3", "not a number"), ("1,234,56", "not a number"), ("12,34", ""),
        ("1.234.56", "not a number"), ("1,234.567.8", "not a number"), ("0,12,345", "not a number"),
        ("\uff11\uff12", "not a number"), ("\u0661\u0662", "not a number"), ("5-", "not a number"),
        ("(5)", "not a number"), ("1 23", "not a number"), ("--5", "not a number"), ("", ""),
        ("1234567890123456789", "not a number"), ("$5", "not a number"),
    ],
)  # fmt: skip
def test_what_is_no_number_or_two_is_unread(read, text, reason):
    (found, why) = read(parsing.number, [text])[0]
    assert why == reason
    assert found == (12.34 if text == "12,34" else None)


@pytest.mark.parametrize(
    ("texts", "value"),
    [
        (["1,234", "45.5"], 1234.0),
        (["1.234", "45.5"], 1.234),
        (["1,234", "45,5"], 1.234),
        (["1.234", "45,5"], 1234.0),
        (["1,234", "1,234,567"], 1234.0),
        (["1.234", "0.123"], 1.234),
        (["1,234", "45,5", "45.5"], None),
        (["1,234", "45,5", "1.234"], None),
        (["1,234", "45"], None),
    ],
)
def test_the_mark_is_decided_by_the_other_numbers_of_the_file(read, texts, value):
    assert read(parsing.number, texts)[0][0] == value


@pytest.mark.parametrize(
    ("texts", "value"),
    [
        (["2019.0"], 2019), (["1,234"], 1234), (["1.234"], 1234), (["1,23,456"], 123456),
        (["1,000"], None), (["1.000"], None), (["1,000", "2,000"], None),
        (["1,000", "2,500"], 1000),
        (["1,000", "1,234"], 1000), (["1.000", "1.234.567"], 1000), (["1.000", "95.0"], 1),
        (["1.234", "95.0"], None), (["95.5"], None), (["1e3"], None), (["-3"], -3),
        (["123456789012345678"], 123456789012345678), (["1234567890123456789"], None),
    ],
)  # fmt: skip
def test_of_whole_numbers_three_digits_are_a_group(read, texts, value):
    assert read(of_whole, texts)[0][0] == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("7.5", 7.5), ("7,5", 7.5), ("7.125", 7.125), ("7,125", 7.125), ("7.5/10", 7.5),
     ("7.5 / 10", 7.5), ("10", 10.0), ("0", None), ("0.0", None), ("0/10", None), ("75%", None),
     ("4/5", None), ("75/100", None)],
)  # fmt: skip
def test_scores_are_out_of_ten_and_0_is_none(read, text, value):
    found, reason = read(of_score, [text])[0]
    assert found == value
    assert bool(reason) == (text in {"75%", "4/5", "75/100"})


@pytest.mark.parametrize(
    ("text", "value"), [("2019", 2019), ("2019.0", 2019), ("0", None), ("2,019", None), ("x", None)]
)
def test_years_have_no_groups_and_0_is_none(read, text, value):
    assert read(of_year, [text])[0][0] == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("95", 95), ("95 min", 95), ("95 mins", 95), ("95 minutes", 95), ("95min.", 95), ("95.0", 95),
     ("1:29", 89), ("01:29", 89), ("1:29:00", 89), ("0:45", 45), ("1h 29m", 89), ("1h29m", 89),
     ("1 hr 29 min", 89), ("1 hour, 29 minutes", 89), ("2 hours", 120), ("1h", 60), ("89m", 89),
     ("PT1H29M", 89), ("PT89M", 89), ("1,234 min", 1234), ("0", None), ("0 min", None),
     ("1:29:30", None), ("90.5", None), ("95:00", None), ("1.5h", None), ("long", None),
     ("min", None), ("PT", None), ("1:75", None)],
)  # fmt: skip
def test_running_times_are_read_in_every_spelling(read, text, value):
    assert read(parsing.minutes, [text])[0][0] == value


def test_hours_or_seconds_are_decided_by_the_file(read):
    found = read(parsing.exact_minutes, ["1:29", "95:00", "1:29:30"], ["1:29", "PT1M30S", "4.25"])
    assert [value for value, _ in found] == [None, None, 89.5, 89.0, 1.5, 4.25]
    assert found[0][1] == "hours or seconds in doubt"


def _grouped(digits: str, mark: str, *, indian: bool) -> str:
    head, tail = digits[:-3], digits[-3:]
    size = 2 if indian else 3
    parts = [tail]
    while head:
        parts.insert(0, head[-size:])
        head = head[:-size]
    return mark.join(parts)


# Group mark, decimal mark, and whether groups are Indian.
STYLES = [(",", ".", False), (".", ",", False), ("\u202f", ",", False), (" ", ".", False),
          ("'", ".", False), (",", ".", True), ("", ".", False), ("", ",", False)]  # fmt: skip
numbers = st.decimals(-9_999_999, 9_999_999, places=4).map(abs)


def _styled(value: Decimal, style: tuple[str, str, bool], places: int) -> str:
    group, mark, indian = style
    digits, _, decimals = f"{value:.{places}f}".partition(".")
    return _grouped(digits, group, indian=indian) + (mark + decimals if decimals else "")


@pytest.mark.slow
@modestly
@example(files=[(STYLES[1], [(Decimal(1234), 0), (Decimal("1.234"), 3)])])
@given(
    files=st.lists(
        st.tuples(
            st.sampled_from(STYLES),
            st.lists(st.tuples(numbers, st.integers(0, 4)), min_size=1, max_size=6),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_a_number_is_read_as_it_was_meant_or_not_at_all(read, files):
    written = [[_styled(value, style, places) for value, places in file] for style, file in files]
    meant = [float(round(value, places)) for _, file in files for value, places in file]
    texts = flat(written)
    for (found, reason), value, text in zip(
        read(parsing.number, *written), meant, texts, strict=True
    ):
        assert found == value or (found is None and "in doubt" in reason), text
    evident = [
        [*t, _styled(Decimal("1234567.25"), s, 2)] for t, (s, _) in zip(written, files, strict=True)
    ]
    evidently = read(parsing.number, *evident)
    assert evidently[len(evident[0]) - 1][0] == 1_234_567.25


@pytest.mark.slow
@modestly
@given(
    st.lists(
        st.tuples(st.sampled_from(STYLES), st.lists(st.integers(0, 10**9), min_size=1, max_size=6)),
        min_size=1,
        max_size=8,
    ),
    st.integers(0, 3),
)
def test_a_whole_number_is_read_as_it_was_meant_or_not_at_all(read, files, places):
    written = [[_styled(Decimal(n), style, places) for n in file] for style, file in files]
    meant = [n for _, file in files for n in file]
    for (found, reason), value in zip(read(of_whole, *written), meant, strict=True):
        assert found == value or (found is None and "in doubt" in reason)


# Words for nothing.


@pytest.mark.parametrize("text", ["N/A", "na", "None", "null", " - ", "\\N", "NaN", "#N/A", ""])
def test_words_for_nothing_are_unknown(read, text):
    assert read(lambda t, _: parsing.known(t), [text])[0][0] is None


def test_a_column_may_mean_what_is_nothing_elsewhere(read):
    texts = ["NA", "na", "None"]
    countries = read(lambda t, _: parsing.known(t, but=["NA"]), texts)
    assert [value for value, _ in countries] == ["NA", None, None]
    assert [value for value, _ in read(lambda t, _: parsing.known(t, nothing=[]), texts)] == texts


# Files as people have them.


def column_of(path: str, name: str) -> list[str]:
    file = CASES / path
    if not file.exists():
        pytest.skip("../shared/cases is missing")
    with file.open(newline="") as lines:
        return [row[name] for row in csv.DictReader(lines)]


@pytest.mark.recorded
def test_the_dates_of_a_file_are_read_or_refused_with_the_reason(read):
    found = read(parsing.day, column_of("netflix-dates/2025-10-30/t.csv", "date_added"))
    assert found[:13] == [(THE_DAY, "")] * 13
    assert found[13:] == [(None, "not a date")] * 2


@pytest.mark.recorded
def test_numbers_with_groups_are_read_or_refused_with_the_reason(read):
    folder = "ott-number-groups"
    texts = column_of(f"{folder}/views/2025-10-30/views.csv", "minutes")
    doubt = (None, "group or decimal mark in doubt")
    assert read(parsing.exact_minutes, texts)[:6] == [
        doubt, doubt, (45.5, ""), (1234.5, ""), (45.0, ""), (45.0, ""),
    ]  # fmt: skip
    titles = f"{folder}/titles/2025-10-30/titles.csv"
    assert read(of_score, column_of(titles, "IMDb Score"))[:3] == [
        (7.5, ""), (None, "a share, not a number"), (7.5, ""),
    ]  # fmt: skip
    assert read(of_whole, column_of(titles, "Views"))[:3] == [
        (1_234_567, ""), (None, "rounded"), (123_456, ""),
    ]  # fmt: skip
