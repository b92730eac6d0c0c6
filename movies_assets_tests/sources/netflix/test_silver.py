"""Netflix's silver tables: a hand-made case for each rule of cleaning, and what writing adds."""

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import Any

import dagster as dg
import duckdb
import ibis
import pytest

from movies_assets.definitions import TABLES
from movies_assets.sources.shared.parsing import day
from movies_assets.warehouse.delimited import file_columns
from movies_assets.warehouse.schema import ensure_table
from movies_assets.warehouse.sql import compile_sql
from movies_assets_tests.conftest import FOR_ANY_ROWS, STORED_DAY, Platform, store_netflix

TITLES = "silver/netflix_titles"
LOOKUPS = ["cast", "category", "countries", "directors"]
Row = dict[str, Any]


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database with all tables: one that is created later makes DuckDB plan each query again."""
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute(FOR_ANY_ROWS)
        for table in TABLES.values():
            if "netflix_" in table.name:
                ensure_table(connection, table.name, table.contract)
        yield connection


@pytest.fixture(scope="module")
def read(connection: duckdb.DuckDBPyConnection) -> Callable[..., list[Row]]:
    """Return what a silver table's function makes of bronze rows, in their order.

    A query is compiled and planned once: that takes longer than to run it.
    """
    prepared: set[str] = set()

    def read_rows(name: str, *rows: Row) -> list[Row]:
        source = TABLES[f"bronze.netflix_{name}"]
        connection.execute(f"DELETE FROM {source.name}")
        for number, row in enumerate(rows, 1):
            values = {"source_row": f"a.csv#{number:07}", **row}
            marks = ", ".join("?" for _ in values)
            connection.execute(
                f"INSERT INTO {source.name} ({', '.join(values)}) VALUES ({marks})",
                [*values.values()],
            )
        refining = TABLES[f"silver.netflix_{name}"]
        if name not in prepared:
            inputs = {key: TABLES[n].contract.table(n) for key, n in refining.reads().items()}
            query = f"FROM ({compile_sql(refining(**inputs))}) ORDER BY source_row"
            connection.execute(f"PREPARE silver_{name} AS {query}")
            prepared.add(name)
        found = connection.execute(f"EXECUTE silver_{name}")
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, values, strict=True)) for values in found.fetchall()]

    return read_rows


@pytest.fixture(scope="module")
def title(read: Callable[..., list[Row]]) -> Callable[..., Row]:
    """Return what becomes of one title, of which columns are given."""

    def read_title(**columns: Any) -> Row:
        sound = {"show_id": 1, "type": "Movie", "title": "A", "arrived_date": STORED_DAY}
        (row,) = read("titles", {**sound, **columns})
        return row

    return read_title


@pytest.fixture(scope="module")
def titles(read: Callable[..., list[Row]]) -> Callable[[Iterable[Row]], list[Row]]:
    """Return what becomes of titles, of which columns are given; each is in its own file.

    One query for all takes the time of a query for one.
    """

    def read_titles(found: Iterable[Row]) -> list[Row]:
        sound = {"type": "Movie", "title": "A", "arrived_date": STORED_DAY}
        rows = [
            {**sound, "show_id": n, "_source": f"{n:02}.csv", **columns}
            for n, columns in enumerate(found, 1)
        ]
        return read("titles", *rows)

    return read_titles


def rescue(**texts: str) -> str:
    return json.dumps(texts)


# Texts.


TIDIED = [
    ("Plain", "Plain"),
    ("\u200bGoli Soda 2", "Goli Soda 2"),
    ("\u200bMaj Rati \u200b\u200bKeteki", "Maj Rati Keteki"),
    ("Consequences\xa0", "Consequences"),
    ("Chaar\xa0Sahibzaade", "Chaar Sahibzaade"),
    ("Up Among  The Stars", "Up Among The Stars"),
    (" \ttorn\r\nin half ", "torn in half"),
    ("\ufeffmark\u2060ed\u200e\u200f", "marked"),
    ("thin\u2009and\u3000wide", "thin and wide"),
    ("a\u200cb", "a\u200cb"),
    ("", None),
    (" \xa0\u200b ", None),
    (None, None),
]


def test_titles_are_tidied(titles, subtests):
    rows = titles({"title": received} for received, _ in TIDIED)
    for (received, tidied), row in zip(TIDIED, rows, strict=True):
        with subtests.test(received=received):
            assert row["title"] == tidied


SHORTENED = [
    ("Black Mirror: Bandersnatch", "Black Mirror"),
    ("Plain", "Plain"),
    ("One: Two: Three", "One"),
    (": Begins with it", ": Begins with it"),
    (None, None),
]


def test_the_short_title_ends_before_the_colon_and_the_title_stays(titles, subtests):
    rows = titles({"title": received} for received, _ in SHORTENED)
    for (received, short), row in zip(SHORTENED, rows, strict=True):
        with subtests.test(received=received):
            assert (row["title"], row["short_title"]) == (received, short)


@pytest.mark.parametrize(
    ("rating", "group"),
    [("PG-13", "PG"), ("TV-MA", "TV"), ("TV-Y7-FV", "TV"), ("R", "R"), (None, None), ("", None)],
)
def test_the_rating_group_ends_before_the_hyphen_and_the_rating_stays(title, rating, group):
    row = title(rating=rating)
    assert (row["rating"], row["rating_group"]) == (rating or None, group)


@pytest.mark.parametrize(
    ("received", "flag"),
    [("Movie", 1), ("TV Show", 2), ("tv  show", 2), ("1944", 0), (None, None), (" ", None)],
)
def test_types_have_a_flag(title, received, flag):
    assert title(type=received)["type_flag"] == flag


# Days.


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("9/9/2019", date(2019, 9, 9)),
        ("12/31/2019", date(2019, 12, 31)),
        ("  9/25/2021", date(2021, 9, 25)),
        ("September 25, 2021", date(2021, 9, 25)),
        (" August 4, 2017", date(2017, 8, 4)),
        ("April 5. 2018", date(2018, 4, 5)),
        ("may 1 2020", date(2020, 5, 1)),
        ("Sept. 3, 2020", date(2020, 9, 3)),
        ("Dec 24,\xa02020", date(2020, 12, 24)),
        ("2021-09-25", date(2021, 9, 25)),
        ("2024-2-29", date(2024, 2, 29)),
        *[(f"{date(2000, n, 1):%B} 1, 2000", date(2000, n, 1)) for n in range(1, 13)],
        ("2/29/2023", None),
        ("13/1/2020", date(2020, 1, 13)),
        ("13/13/2020", None),
        ("0/1/2020", None),
        ("9/9/19", None),
        ("Marching 5, 2018", None),
        ("25 September 2021", date(2021, 9, 25)),
        ("2021-09-25T00:00:00", date(2021, 9, 25)),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_days_are_read_in_every_spelling(connection, text, read):
    sql = compile_sql(day(ibis.literal(text, "string")))
    assert connection.execute(sql).fetchall() == [(read,)]


UNREADABLE = [
    ("soon", "date_added: not a date"),
    ("2/30/2020", "date_added: not a date"),
    ("2/3/2020", "date_added: day and month in doubt"),
    ("0001-01-01T00:00:00", ""),
    (" ", ""),
]


def test_a_date_that_says_something_unreadable_is_named(titles, subtests):
    rows = titles({"date_added": text} for text, _ in UNREADABLE)
    for (text, broken), row in zip(UNREADABLE, rows, strict=True):
        with subtests.test(text=text):
            assert (row["date_added"], row["_unparsed"]) == (None, broken)


# Durations, and values that did not fit.


DURATIONS = [
    ({"duration_minutes": 90}, 90, None),
    ({"duration_seasons": 3}, None, 3),
    ({}, None, None),
    ({"duration_minutes": 0, "duration_seasons": 0}, None, None),
    ({"duration_minutes": 0, "rating": "74 min"}, 74, None),
    ({"rating": "74 min"}, 74, None),
    ({"rating": "74 min", "duration_minutes": 90}, 90, None),
    ({"rating": "2 Seasons"}, None, 2),
    ({"rating": "1 Season"}, None, 1),
    ({"duration": "67 min"}, 67, None),
    ({"duration": "1 Season"}, None, 1),
    ({"duration": " 3\xa0Seasons"}, None, 3),
    ({"duration": "0 min"}, None, None),
    ({"duration": "1h 29m"}, 89, None),
    ({"duration": "1:29"}, 89, None),
    ({"duration": "1 hr 29 min", "type": "TV Show"}, None, None),
    ({"duration": "", "rating": "74 min"}, 74, None),
    ({"runtime": "113"}, 113, None),
    ({"runtime": "113.0"}, 113, None),
    ({"runtime": "0"}, None, None),
    ({"runtime": "44", "seasons": "4.0", "type": "SHOW"}, None, 4),
    ({"_rescued_data": rescue(duration_minutes="95 min")}, 95, None),
    ({"_rescued_data": rescue(duration_minutes=" 95.0 ")}, 95, None),
    ({"_rescued_data": rescue(duration_seasons="2 Seasons")}, None, 2),
    ({"_rescued_data": rescue(duration_minutes="N/A", release_year="unknown")}, None, None),
    ({"duration": "n/a"}, None, None),
    ({"_rescued_data": rescue(duration_minutes="long", other="95")}, None, None),
    ({"_rescued_data": rescue(duration_minutes="95.5")}, None, None),
]


def test_durations(titles, subtests):
    rows = titles(columns for columns, *_ in DURATIONS)
    for (columns, minutes, seasons), row in zip(DURATIONS, rows, strict=True):
        with subtests.test(**columns):
            assert (row["duration_minutes"], row["duration_seasons"]) == (minutes, seasons)
            assert row["_unparsed"] == ""


UNREAD = [
    ({"duration": "67"}, "duration: not a duration"),
    ({"duration": "ninety"}, "duration: not a duration"),
    ({"runtime": "long"}, "runtime: not a number"),
    ({"seasons": "many"}, "seasons: not a number"),
]


def test_a_number_that_cannot_be_read_is_named(titles, subtests):
    rows = titles(columns for columns, _ in UNREAD)
    for (columns, broken), row in zip(UNREAD, rows, strict=True):
        with subtests.test(**columns):
            assert row["_unparsed"] == broken


@pytest.mark.parametrize("text", ["74 min", "74 mins", "74min", "2 Seasons"])
def test_a_duration_is_no_rating(title, text):
    row = title(rating=text)
    assert (row["rating"], row["rating_group"]) == (None, None)


@pytest.mark.parametrize(
    ("columns", "year"),
    [
        ({"release_year": 2019}, 2019),
        ({"_rescued_data": rescue(release_year="2019.0")}, 2019),
        ({"_rescued_data": rescue(release_year="20l9")}, None),
        ({}, None),
    ],
)
def test_a_year_that_did_not_fit_is_read_or_unknown_and_costs_no_row(title, columns, year):
    row = title(**columns)
    assert (row["release_year"], row["_unparsed"]) == (year, "")


NUMERIC = [None, "Netflix, five files", "Kaggle 2019"]


IDS = [
    (NUMERIC, "81193313", "81193313", ""),
    (NUMERIC, "81193313.0", "81193313", ""),
    (NUMERIC, " 0081193313\xa0", "81193313", ""),
    (NUMERIC, "s1", "s1", "show_id: not a number"),
    (NUMERIC, "tm1", "tm1", "show_id: not a number"),
    (NUMERIC, "0", "0", "show_id: not a number"),
    (NUMERIC, "81,193", "81,193", "show_id: not a number"),
    (NUMERIC, "1.5", "1.5", "show_id: not a number"),
    (NUMERIC, " ", None, ""),
    (["Kaggle 2021"], "S0123", "s123", ""),
    (["Kaggle 2021"], "123", "123", "show_id: not s and a number"),
    (["JustWatch titles", "JustWatch credits"], "tm84618", "tm84618", ""),
    (["JustWatch titles", "JustWatch credits"], "TS22164", "ts22164", ""),
    (["JustWatch titles"], "84618", "84618", "show_id: not tm or ts and a number"),
]


def test_ids_have_one_spelling_and_a_namespace_for_each_edition(titles, read, subtests):
    cases = [(edition, *case) for editions, *case in IDS for edition in editions]
    rows = titles({"show_id": text, "_edition": edition} for edition, text, *_ in cases)
    for (edition, text, *expected), row in zip(cases, rows, strict=True):
        with subtests.test(edition=edition, text=text):
            assert [row["show_id"], row["_unparsed"]] == expected
    plain = [case for edition, *case in cases if edition is None]
    cast = read("cast", *({"value": "Ada", "show_id": text} for text, *_ in plain))
    for (text, *expected), row in zip(plain, cast, strict=True):
        with subtests.test(text=text):
            assert [row["show_id"], row["_unparsed"]] == expected


def test_an_id_of_another_kind_is_named_together_with_other_faults(title):
    row = title(show_id="s1", date_added="soon")
    assert row["_unparsed"] == "show_id: not a number; date_added: not a date"


# Lists in one cell.


LISTS = [
    ("Ada Marlow", ["Ada Marlow"]),
    ("Ada Marlow, Dev Rane,Eli\xa0Stone", ["Ada Marlow", "Dev Rane", "Eli Stone"]),
    (",France", ["France"]),
    (", France, , Algeria,", ["France", "Algeria"]),
    ("Robert Downey, Jr., Ada Marlow", ["Robert Downey Jr.", "Ada Marlow"]),
    ("Ada Marlow, Sammy Davis, Jr", ["Ada Marlow", "Sammy Davis Jr"]),
    ("Agnès Varda, JR", ["Agnès Varda", "JR"]),
    ("Jr. NTR, Jr NTR", ["Jr. NTR", "Jr NTR"]),
    ("['drama', 'crime']", ["drama", "crime"]),
    ('["drama"]', ["drama"]),
    ("[]", None),
    ("", None),
    (" , ", None),
    (None, None),
]


def test_a_list_in_one_cell_has_its_members(titles, subtests):
    columns = ("cast_members", "directors", "categories")
    rows = titles(dict.fromkeys(columns, received) for received, _ in LISTS)
    for (received, members), row in zip(LISTS, rows, strict=True):
        with subtests.test(received=received):
            assert [row[name] for name in columns] == [members] * 3


COUNTRIES = [
    ("JustWatch titles", "['US', 'GB', 'NA']", ["United States", "United Kingdom", "Namibia"]),
    ("JustWatch titles", "['XX', 'ZZ']", ["ZZ"]),
    ("JustWatch titles", "['XX']", None),
    ("JustWatch titles", None, None),
    ("Kaggle 2021", "Norway, US", ["Norway", "US"]),
]


def test_codes_of_countries_become_their_names(titles, subtests):
    rows = titles(
        {"countries": received, "_edition": edition} for edition, received, _ in COUNTRIES
    )
    for (edition, received, countries), row in zip(COUNTRIES, rows, strict=True):
        with subtests.test(edition=edition, received=received):
            assert row["countries"] == countries


@pytest.mark.parametrize(
    ("received", "type_", "flag"),
    [("MOVIE", "Movie", 1), ("SHOW", "TV Show", 2), ("tv  show", "TV Show", 2), ("x", "x", 0)],
)
def test_types_have_one_spelling(title, received, type_, flag):
    row = title(type=received)
    assert (row["type"], row["type_flag"]) == (type_, flag)


def test_quarantine_gets_a_line_as_it_is_and_fields_with_what_was_rescued(title):
    line = title(show_id=None, type=None, title=None, _line="x,y", _problem="2 fields, not 9")
    assert (line["_raw"], line["_unparsed"]) == ("x,y", "2 fields, not 9")
    rescued = rescue(release_year="20l9")
    fields = title(title="A\xa0B", rating="R", _rescued_data=rescued)["_raw"].split("\t")
    none = r"\N"
    assert [field for field in fields if field != none] == ["Movie", "A\xa0B", "R", "1", rescued]
    assert len(fields) == len(file_columns(TABLES["bronze.netflix_titles"])) + 1


# Ranks.


def ranks(rows: list[Row]) -> list[int | None]:
    return [row["duration_rank"] for row in rows]


def of_minutes(*minutes: int | None, **columns: Any) -> list[Row]:
    sound = {"type": "Movie", "arrived_date": STORED_DAY, **columns}
    return [{"show_id": n, "duration_minutes": m, **sound} for n, m in enumerate(minutes, 1)]


def test_ranks_are_dense_and_the_longest_is_first(read):
    assert ranks(read("titles", *of_minutes(90, 120, 90, 60))) == [2, 1, 2, 3]


def test_titles_of_unknown_running_time_have_no_rank(read):
    shows = [{**row, "type": "TV Show"} for row in of_minutes(None, None)]
    shows = [{**row, "show_id": n, "duration_seasons": n} for n, row in enumerate(shows, 8)]
    assert ranks(read("titles", *of_minutes(90, None, 60), *shows)) == [1, None, 2, None, None]


def test_rows_that_are_not_kept_do_not_count_among_the_kept_ones(read):
    older = of_minutes(200, arrived_date="2025-10-01")
    broken = [{**row, "type": None} for row in of_minutes(300)]
    unread = [{**row, "date_added": "soon"} for row in of_minutes(400)]
    found = read("titles", *of_minutes(90, 60), *older, *broken, *unread)
    assert ranks(found)[:2] == [1, 2]


def test_where_the_newest_state_is_broken_the_one_before_it_counts(read):
    before = of_minutes(90, 60, arrived_date="2025-10-01")
    newest = [{**row, "type": None} for row in of_minutes(300)]
    assert ranks(read("titles", *before, *newest))[:2] == [1, 2]


# Look-ups.


@pytest.mark.parametrize("name", LOOKUPS)
def test_values_are_tidied(read, name):
    rows = read(name, *({"show_id": 1, "value": value} for value in ("\u200bA\xa0 B ", " ", None)))
    assert [row["value"] for row in rows] == ["A B", None, None]


# Written.


def outcome(result: dg.ExecuteInProcessResult, table: str, check: str) -> dg.AssetCheckEvaluation:
    (found,) = (
        evaluation
        for evaluation in result.get_asset_check_evaluations()
        if (evaluation.asset_key, evaluation.check_name) == (dg.AssetKey(table.split("/")), check)
    )
    return found


def refine(platform: Platform, *tables: str) -> dg.ExecuteInProcessResult:
    return platform.run(STORED_DAY, job="netflix_daily", select=[*tables], raise_on_error=False)


def conserved(result: dg.ExecuteInProcessResult, table: str) -> tuple[Any, ...]:
    found = outcome(result, table, "conservation")
    assert found.passed
    fates = ("kept", "quarantined", "duplicate")
    return tuple(found.metadata[f"rows_{fate}"].value for fate in fates)


class TestTitles:
    @pytest.mark.slow
    def test_of_a_title_that_arrived_again_the_newest_is_kept_in_a_run_of_any_day(self, platform):
        states = [("2025-10-30", "newest"), ("2025-10-28", "old"), ("2025-10-29", "older")]
        titles = [{"show_id": 7, "arrived_date": d, "title": t} for d, t in states]
        store_netflix(platform.warehouse, titles)
        for run_day in ("2025-10-30", "2025-10-28"):
            result = platform.run(run_day, job="netflix_daily", select=[TITLES])
            assert platform.sql("SELECT show_id, title FROM silver.netflix_titles") == [
                ("7", "newest")
            ]
            assert conserved(result, TITLES) == (1, 0, 2)

    @pytest.mark.slow
    def test_of_a_title_listed_twice_in_a_file_the_later_record_is_kept(self, platform):
        store_netflix(platform.warehouse, [{"show_id": 7, "title": t} for t in ("A", "B")])
        assert conserved(refine(platform, TITLES), TITLES) == (1, 0, 1)
        assert platform.sql("SELECT title FROM silver.netflix_titles") == [("B",)]

    @pytest.mark.slow
    def test_an_older_state_whose_id_had_to_be_read_is_not_lost(self, platform):
        old = {"show_id": "7.0"}
        titles = [{**old, "arrived_date": "2025-10-29"}, {"show_id": 7}]
        store_netflix(platform.warehouse, titles)
        assert conserved(refine(platform, TITLES), TITLES) == (1, 0, 1)

    def test_what_cannot_be_used_is_in_quarantine_with_all_rules_it_breaks(self, platform):
        bad = [
            {"show_id": None},
            {"type": None},
            {"date_added": "soon"},
            {"date_added": "1/1/1990"},
            {"duration_minutes": -1},
        ]
        nothing = dict.fromkeys(
            ["show_id", "type", "title", "date_added", "release_year", "rating", "duration_minutes"]
        )
        line = {**nothing, "_line": 'a "line', "_problem": "1 field, not 9"}
        store_netflix(platform.warehouse, [*({} for _ in range(3)), *bad, line])
        result = refine(platform, TITLES)
        assert conserved(result, TITLES) == (3, 6, 0)
        assert outcome(result, TITLES, "quarantine").severity == dg.AssetCheckSeverity.ERROR
        found = platform.sql(
            "SELECT partition_key, row_id, broken_rules FROM quarantine.netflix_titles ORDER BY 2"
        )
        assert {day for day, _, _ in found} == {STORED_DAY}
        assert [rules for _, _, rules in found] == [
            "show_id: required",
            "type: required; type_flag: required",
            "date_added: not a date",
            "date_added: before 1997 or more than 366 days after arrival",
            "duration_minutes: less than 1",
            "1 field, not 9; show_id: required; type: required; type_flag: required",
        ]
        assert platform.sql(
            "SELECT raw FROM quarantine.netflix_titles WHERE broken_rules LIKE '%1 field%'"
        ) == [('a "line',)]

    @pytest.mark.slow
    def test_a_row_that_was_mended_leaves_quarantine(self, platform):
        sound = [{} for _ in range(19)]
        store_netflix(platform.warehouse, [*sound, {"date_added": "soon"}])
        assert conserved(refine(platform, TITLES), TITLES) == (19, 1, 0)
        store_netflix(platform.warehouse, [*sound, {"date_added": "2020-01-01"}])
        assert conserved(refine(platform, TITLES), TITLES) == (20, 0, 0)


class TestLookups:
    @pytest.mark.slow
    def test_equal_values_of_a_title_are_one_however_they_are_spaced(self, platform):
        cast = [("Ada", 1), ("Ada", 1), ("\u200bAda ", 1), ("Ada", 2), ("ADA", 1)]
        store_netflix(platform.warehouse, [{}, {}], cast=cast)
        result = refine(platform, TITLES, "silver/netflix_cast")
        assert conserved(result, "silver/netflix_cast") == (3, 0, 2)
        assert platform.sql("SELECT show_id, value FROM silver.netflix_cast ORDER BY ALL") == [
            ("1", "ADA"),
            ("1", "Ada"),
            ("2", "Ada"),
        ]

    @pytest.mark.slow
    def test_empty_values_and_values_of_no_title_id_are_in_quarantine(self, platform):
        cast = [("Ada", 1), ("", 1), ("Bob", None)]
        store_netflix(platform.warehouse, [{}], cast=cast)
        result = refine(platform, TITLES, "silver/netflix_cast")
        assert conserved(result, "silver/netflix_cast") == (1, 2, 0)
        rules = platform.sql("SELECT broken_rules FROM quarantine.netflix_cast ORDER BY 1")
        assert rules == [("show_id: required",), ("value: required",)]

    @pytest.mark.slow
    def test_values_of_titles_that_are_not_listed_are_reported_and_stop_nothing(self, platform):
        category, dimension = "silver/netflix_category", "gold/netflix_dim_category"
        store_netflix(platform.warehouse, [{}], category=[("Dramas", 1), ("Comedies", 404)])
        result = refine(platform, TITLES, category, dimension)
        found = outcome(result, category, "references")
        assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
        assert found.metadata["rules"].value == {"show_id -> silver.netflix_titles": 1}
        assert "Comedies" in str(found.metadata["show_id -> silver.netflix_titles"].value)
        assert platform.sql("SELECT count(*) FROM silver.netflix_category") == [(2,)]
        assert outcome(result, dimension, "contract").passed
