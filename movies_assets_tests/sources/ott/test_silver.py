"""The streaming service's silver tables: a hand-made case for each rule of cleaning."""

import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

import duckdb
import pytest
from duckdb.sqltypes import VARCHAR

from movies_assets.core.outcome import broken_rules
from movies_assets.definitions import TABLES
from movies_assets.warehouse.schema import ensure_table
from movies_assets.warehouse.sql import compile_sql
from movies_assets_tests.conftest import FOR_ANY_ROWS, STORED_DAY

Row = dict[str, Any]
NO_ID = "user_id: a number, but not a whole one above 0"


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.create_function("ott_user_key", lambda n: f"key {n}", [VARCHAR], VARCHAR)
        connection.execute(FOR_ANY_ROWS)
        # A table that is created later makes DuckDB plan each query again.
        for name in ("titles", "views", "users"):
            source = TABLES[f"bronze.ott_{name}"]
            ensure_table(connection, source.name, source.contract)
        yield connection


@pytest.fixture(scope="module")
def read(connection: duckdb.DuckDBPyConnection) -> Callable[..., list[Row]]:
    """Return what a silver table's function makes of bronze rows, in their order.

    `broken` are the rules that a row breaks, as quarantine would name them. A query is compiled and
    planned once: reading dates and numbers in all spellings makes it long.
    """
    prepared: set[str] = set()

    def read_rows(name: str, *rows: Row) -> list[Row]:
        table, source = TABLES[f"silver.ott_{name}"], TABLES[f"bronze.ott_{name}"]
        connection.execute(f"DELETE FROM {source.name}")
        for number, row in enumerate(rows, 1):
            values = {"source_row": f"a.csv#{number:07}", "arrived_date": STORED_DAY, **row}
            marks = ", ".join("?" for _ in values)
            connection.execute(
                f"INSERT INTO {source.name} ({', '.join(values)}) VALUES ({marks})",
                [*values.values()],
            )
        if name not in prepared:
            refined = table(source.contract.table(source.name))
            marked = refined.mutate(broken=broken_rules(refined, table.contract))
            query = f"FROM ({compile_sql(marked)}) ORDER BY source_row"
            connection.execute(f"PREPARE silver_{name} AS {query}")
            prepared.add(name)
        found = connection.execute(f"EXECUTE silver_{name}")
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, values, strict=True)) for values in found.fetchall()]

    return read_rows


@pytest.fixture(scope="module")
def one(read: Callable[..., list[Row]]) -> Callable[..., Row]:
    """Return what becomes of one row, of which columns are given."""
    sound = {
        "titles": {"title": "A", "premiere": "2019-08-05"},
        "views": {"user_id": 1, "title": "A", "watched_at": "2025-10-30T20:15:00Z", "minutes": "9"},
        "users": {"user_id": 1},
    }

    def read_one(name: str, **columns: Any) -> Row:
        (row,) = read(name, {**sound[name], **columns})
        return row

    return read_one


def rescue(**texts: str) -> str:
    return json.dumps(texts)


# Titles.


@pytest.mark.slow
@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Dark Forces", "dark forces"),
        ("  DARK\xa0 forces! ", "dark forces!"),
        ("Amélie & Żółw", "amélie & żółw"),
        ("Black Mirror: Bandersnatch", "black mirror: bandersnatch"),
        ("千と千尋", "千と千尋"),
        ("???", "???"),
        ("\u200bHidden", "hidden"),
    ],
)
def test_a_title_is_identified_as_written_except_case_and_blanks(one, title, name):
    assert one("titles", title=title)["title_name"] == name


def key(name: str, dated: str) -> str:
    return hashlib.sha256(f"{name}\n{dated}".encode()).hexdigest()[:32]


@pytest.mark.parametrize(
    ("columns", "dated"),
    [
        ({"premiere": "August 5, 2019"}, "2019-08-05"),
        ({"premiere": "August 5, 2019", "release_year": 2018}, "2019-08-05"),
        ({"premiere": None, "release_year": 2018}, "2018"),
        ({"premiere": None, "_rescued_data": '{"release_year": "2018.0"}'}, "2018"),
        ({"premiere": None}, "undated"),
    ],
)
def test_the_key_is_a_hash_of_the_name_and_the_premiere_or_the_year(one, columns, dated):
    assert one("titles", title="A  Title", **columns)["title_key"] == key("a title", dated)


@pytest.mark.parametrize("spelling", ["a title", " A  TITLE\xa0"])
def test_another_case_or_blanks_make_no_other_title(one, spelling):
    assert one("titles", title=spelling)["title_key"] == key("a title", "2019-08-05")


@pytest.mark.parametrize(
    ("one", "other"),
    [("Blame", "Blame!"), ("Sébastian", "Sebastian"), ("Hail Harbour", "Hail, Harbour!")],
)
def test_other_signs_or_accents_make_another_title(read, one, other):
    rows = read("titles", {"title": one}, {"title": other})
    assert rows[0]["title_key"] != rows[1]["title_key"]


OLDER, NEWER = ("a.csv#0000002", "b.csv#0000002")


@pytest.mark.parametrize(
    ("older", "newer", "keys"),
    [
        # A file that does not say it means the title that is known.
        ([{"premiere": "2019-08-05"}], [{}], ["2019-08-05", "2019-08-05"]),
        ([{}], [{"premiere": "2019-08-05"}], ["2019-08-05", "2019-08-05"]),
        ([{"release_year": 2019}], [{}], ["2019", "2019"]),
        ([{"premiere": "2019-08-05"}], [{"release_year": 2019}], ["2019-08-05", "2019-08-05"]),
        ([{"premiere": "2019-08-05"}], [{"release_year": 2001}], ["2019-08-05", "2001"]),
        # Of two it could be either.
        (
            [{"premiere": "2019-08-05"}, {"premiere": "1999-01-01"}],
            [{}],
            ["2019-08-05", "1999-01-01", "undated"],
        ),
        # A file that has both means two titles, and then so do all.
        ([{"premiere": "2019-08-05"}, {}], [{}], ["2019-08-05", "undated", "undated"]),
        (
            [{"premiere": "2019-08-05"}, {"release_year": 2019}],
            [],
            ["2019-08-05", "2019"],
        ),
        # A refused row is no evidence about others.
        (
            [{"premiere": "2019-08-05"}, {"premiere": "soon"}],
            [{}],
            ["2019-08-05", None, "2019-08-05"],
        ),
        ([{"premiere": "1800-01-01"}], [{}], [None, "undated"]),
    ],
)
def test_a_row_without_a_premiere_is_the_one_title_of_its_name(read, older, newer, keys):
    rows = read(
        "titles",
        *({"title": "A", "source_row": f"a.csv#{n}", **row} for n, row in enumerate(older)),
        *({"title": "A", "source_row": f"b.csv#{n}", **row} for n, row in enumerate(newer)),
    )
    expected = [dated and key("a", dated) for dated in keys]
    assert [row["title_key"] if not row["broken"] else None for row in rows] == expected


def test_a_newer_file_that_knows_less_clears_nothing(read):
    known = {
        "title": "A", "genre": "Drama", "premiere": "2019-08-05", "added_date": "2020-01-31",
        "runtime": 90, "imdb_score": 7.1, "views": 100, "language": "English", "release_year": 2018,
    }  # fmt: skip
    older, newer = read(
        "titles",
        known,
        {"title": "A", "arrived_date": "2025-10-31", "source_row": "b.csv#1", "runtime": 95},
    )
    told = [n for n in newer if not n.startswith(("_", "arrived", "source", "runtime", "broken"))]
    assert {n: newer[n] for n in told} == {n: older[n] for n in told}
    assert newer["runtime_minutes"] == 95


def test_what_is_refused_is_not_passed_on(read):
    _, newer = read("titles", {"title": "A", "runtime": 4000}, {"title": "A"})
    assert (newer["runtime_minutes"], newer["broken"]) == (None, "")


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("August 5, 2019", date(2019, 8, 5)),
        ("April 5. 2018", date(2018, 4, 5)),
        ("2018-04-05", date(2018, 4, 5)),
        ("4/15/2018", date(2018, 4, 15)),
    ],
)
def test_premieres_are_read_in_each_spelling(one, text, day):
    assert one("titles", premiere=text)["premiere"] == day


@pytest.mark.parametrize("text", ["N/A", "-", "", None, "unknown", " TBD "])
def test_what_services_write_for_nothing_is_unknown(one, text):
    row = one("titles", premiere=text, added_date=text, genre=text, language=text)
    assert (row["premiere"], row["added_date"], row["language"]) == (None, None, None)
    assert row["genres"] is None
    assert row["title_key"] == key("a", "undated")
    assert row["broken"] == ""


def test_a_title_that_is_called_nothing_keeps_its_name(one):
    assert one("titles", title="Unknown")["title"] == "Unknown"


@pytest.mark.parametrize("text", ["soon", "February 30, 2019", "2019"])
def test_a_premiere_that_cannot_be_read_is_refused(one, text):
    assert one("titles", premiere=text)["broken"] == "premiere: not a date"


@pytest.mark.parametrize(
    ("text", "genres"),
    [
        ("Drama", ["drama"]),
        ("Science fiction/Drama", ["drama", "science fiction"]),
        ("Drama / Drama", ["drama"]),
        ("/Drama//Comedy/", ["comedy", "drama"]),
        ("Comedy, Drama|Horror;War", ["comedy", "drama", "horror", "war"]),
        ("/", None),
    ],
)
def test_genres_are_unique_ordered_and_in_lower_case(one, text, genres):
    assert one("titles", genre=text)["genres"] == genres


@pytest.mark.slow
@pytest.mark.parametrize(
    ("columns", "column", "value"),
    [
        ({"runtime": 95}, "runtime_minutes", 95),
        ({"_rescued_data": rescue(runtime="95 min")}, "runtime_minutes", 95),
        ({"_rescued_data": rescue(runtime="95.0")}, "runtime_minutes", 95),
        ({"_rescued_data": rescue(runtime="N/A")}, "runtime_minutes", None),
        ({"imdb_score": "7.5"}, "imdb_score", 7.5),
        ({"imdb_score": "7,5"}, "imdb_score", 7.5),
        ({"imdb_score": "n/a"}, "imdb_score", None),
        ({"imdb_score": "0.0"}, "imdb_score", None),
        ({"imdb_score": "7.5/10"}, "imdb_score", 7.5),
        ({"runtime": 0}, "runtime_minutes", None),
        ({"_rescued_data": rescue(runtime="1h 29m")}, "runtime_minutes", 89),
        ({"_rescued_data": rescue(runtime="2 Seasons")}, "runtime_minutes", None),
        ({"_rescued_data": rescue(runtime="1 Season")}, "runtime_minutes", None),
        ({"_rescued_data": rescue(views="1,234,567")}, "views", 1_234_567),
        ({"_rescued_data": rescue(views="1.234")}, "views", 1_234),
        ({"_rescued_data": rescue(views="1234.0")}, "views", 1_234),
    ],
)
def test_numbers_are_read_in_each_spelling(one, columns, column, value):
    row = one("titles", **columns)
    assert row[column] == value
    assert row["broken"] == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("columns", "rule"),
    [
        ({"runtime": -1}, "runtime_minutes: less than 1"),
        ({"runtime": 4000}, "runtime_minutes: more than 1440"),
        ({"imdb_score": "11.0"}, "imdb_score: more than 10"),
        ({"imdb_score": "0.5"}, "imdb_score: less than 1"),
        ({"release_year": 1800}, "release_year: before 1870 or more than 5 years after arrival"),
        ({"title": "A" * 501}, "title: more than 500 characters long"),
        ({"language": "A" * 501}, "language: more than 500 characters long"),
        ({"genre": "A" * 501}, "genres: more than 500 characters together"),
        ({"views": -1}, "views: less than 0"),
        ({"premiere": "1800-01-01"}, "premiere: before 1870 or more than 5 years after arrival"),
        ({"premiere": "2035-01-01"}, "premiere: before 1870 or more than 5 years after arrival"),
        ({"_rescued_data": rescue(runtime="long")}, "runtime: not a number"),
        ({"imdb_score": "good"}, "imdb_score: not a number"),
        ({"imdb_score": "75%"}, "imdb_score: a share, not a number"),
        ({"_rescued_data": rescue(views="many")}, "views: not a number"),
        ({"_rescued_data": rescue(views="1,000")}, "views: group or decimal mark in doubt"),
        ({"_rescued_data": rescue(views="1.2M")}, "views: rounded"),
        ({"added_date": "then"}, "added_date: not a date"),
    ],
)
def test_values_out_of_range_or_of_another_type_are_refused(one, columns, rule):
    assert one("titles", **columns)["broken"] == rule


@pytest.mark.parametrize("title", [None, "", " \u200b"])
def test_a_title_without_a_name_is_refused(one, title):
    assert "title: required" in one("titles", title=title)["broken"]


# Watch events.


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2025-10-30T20:15:00Z", datetime(2025, 10, 30, 20, 15, tzinfo=UTC)),
        ("2025-10-30 20:15:00", datetime(2025, 10, 30, 20, 15, tzinfo=UTC)),
        (" 2025-10-30T20:15 ", datetime(2025, 10, 30, 20, 15, tzinfo=UTC)),
        ("30.10.2025 20:15", datetime(2025, 10, 30, 20, 15, tzinfo=UTC)),
        ("2025-10-30T20:15:00.5+02:00", datetime(2025, 10, 30, 18, 15, 0, 500_000, tzinfo=UTC)),
    ],
)
def test_instants_are_read_in_utc(one, text, instant):
    assert one("views", watched_at=text)["watched_at"] == instant


@pytest.mark.parametrize("text", ["30.30.2025 20:15", "2025-10-30", "2025-10-30T25:00:00Z", "now"])
def test_an_instant_that_cannot_be_read_is_refused(one, text):
    assert "watched_at: not a date and time" in one("views", watched_at=text)["broken"]


@pytest.mark.parametrize(
    ("columns", "rule"),
    [
        ({"user_id": None}, "user_id: required"),
        ({"user_id": 0}, NO_ID),
        ({"title": None}, "title_name: required; title: required"),
        ({"watched_at": None}, "watched_at: required"),
        ({"minutes": "-1.0"}, "minutes: less than 0"),
        ({"minutes": "1441.0"}, "minutes: more than 1440"),
        ({"minutes": "all"}, "minutes: not a number"),
        ({"minutes": "1,234"}, "minutes: group or decimal mark in doubt"),
        (
            {"watched_at": "2025-11-01T00:00:00Z"},
            "watched_at: more than 1 day after arrival",
        ),
    ],
)
def test_events_that_cannot_be_are_refused(one, columns, rule):
    assert one("views", **columns)["broken"] == rule


UUID = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"


@pytest.mark.parametrize("name", ["views", "users"])
@pytest.mark.parametrize(
    ("columns", "user_id"),
    [
        ({"user_id": "7"}, "7"),
        ({"user_id": " 007\xa0"}, "7"),
        ({"user_id": "7.0"}, "7"),
        ({"user_id": "12345678901234567890123"}, "12345678901234567890123"),
        ({"user_id": UUID}, UUID),
        ({"user_id": UUID.upper()}, UUID),
        ({"user_id": f"{{{UUID}}}"}, UUID),
        ({"user_id": f"URN:UUID:{UUID.upper()}"}, UUID),
        ({"user_id": "\ufeffAnn.B+c\u200b"}, "Ann.B+c"),
        ({"user_id": "5e10a7"}, "5e10a7"),
        # As rows were stored while ids were numbers.
        ({"user_id": None, "_rescued_data": rescue(user_id="007.0")}, "7"),
    ],
)
def test_ids_of_users_have_one_spelling(one, name, columns, user_id):
    row = one(name, **columns)
    assert (row["user_id"], row["broken"]) == (user_id, "")


@pytest.mark.parametrize("name", ["views", "users"])
@pytest.mark.parametrize(
    ("user_id", "rule"),
    [
        ("", "user_id: required"),
        (" n/a ", "user_id: required"),
        ("NULL", "user_id: required"),
        ("000", NO_ID),
        ("-5", NO_ID),
        ("7.5", NO_ID),
        ("1,5", NO_ID),
        ("1.23457E+18", NO_ID),
        ("x" * 201, "user_id: more than 200 characters long"),
    ],
)
def test_what_is_no_id_is_refused(one, name, user_id, rule):
    assert one(name, user_id=user_id)["broken"].startswith(rule)


def test_an_event_without_minutes_stays(one):
    row = one("views", minutes=None)
    assert (row["minutes"], row["broken"]) == (None, "")


def test_an_event_shows_how_it_was_received(one):
    assert one("views")["_raw"].split("\t")[:2] == ["1", "A"]


# Users.


@pytest.mark.parametrize(
    ("columns", "column", "value"),
    [
        ({"full_name": "  José\xa0 O'Ñíll, Jr "}, "full_name", "José O'Ñíll, Jr"),
        ({"email": " Jane@Mail.Example "}, "email", "jane@mail.example"),
        ({"email": None}, "email", None),
        ({"signup_date": "2024-02-29"}, "signup_date", date(2024, 2, 29)),
        ({"signup_date": "N/A"}, "signup_date", None),
        ({"preferred_genres": "Drama|Science Fiction"}, "preferred_genres",
         ["drama", "science fiction"]),
        ({"preferred_genres": None}, "preferred_genres", None),
        ({"country": "-"}, "country", None),
        ({"country": "NA"}, "country", "NA"),
        ({"country": "na"}, "country", None),
    ],
)  # fmt: skip
def test_users_are_cleaned(one, columns, column, value):
    row = one("users", **columns)
    assert row[column] == value
    assert row["broken"] == ""


@pytest.mark.parametrize(
    ("columns", "rule"),
    [
        ({"user_id": None}, "user_id: required"),
        ({"user_id": -4}, NO_ID),
        ({"email": "nobody"}, "email: not an e-mail address"),
        ({"email": "a@b@c.example"}, "email: not an e-mail address"),
        ({"signup_date": "never"}, "signup_date: not a date"),
        ({"signup_date": "2025-12-24"}, "signup_date: before 1990"),
        ({"signup_date": "1980-01-01"}, "signup_date: before 1990"),
    ],
)
def test_users_that_cannot_be_are_refused(one, columns, rule):
    assert rule in one("users", **columns)["broken"]


def test_of_users_the_newest_day_counts(read):
    rows = read(
        "users",
        {"user_id": 1, "arrived_date": "2025-10-29"},
        {"user_id": 2, "arrived_date": "2025-10-29"},
        {"user_id": 2, "arrived_date": STORED_DAY},
    )
    assert [row["user_id"] for row in rows] == ["2"]
