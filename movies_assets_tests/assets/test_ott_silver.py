"""The streaming service's silver tables: a hand-made case for each rule of cleaning."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

import duckdb
import pytest
from duckdb.sqltypes import BIGINT, VARCHAR

from movies_assets.definitions import TABLES
from movies_assets.warehouse import writer
from movies_assets_tests.conftest import STORED_DAY

Row = dict[str, Any]


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.create_function("ott_user_key", lambda n: f"key {n}", [BIGINT], VARCHAR)
        yield connection


@pytest.fixture
def read(connection: duckdb.DuckDBPyConnection) -> Callable[..., list[Row]]:
    """Return what a silver table's function makes of bronze rows, in their order.

    `broken` are the rules that a row breaks, as quarantine would name them.
    """

    def read_rows(name: str, *rows: Row) -> list[Row]:
        table, source = TABLES[f"silver.ott_{name}"], TABLES[f"bronze.ott_{name}"]
        writer.ensure_table(connection, source.name, source.contract)
        connection.execute(f"DELETE FROM {source.name}")
        for number, row in enumerate(rows, 1):
            values = {"source_row": f"a.csv#{number:07}", "arrived_date": STORED_DAY, **row}
            marks = ", ".join("?" for _ in values)
            connection.execute(
                f"INSERT INTO {source.name} ({', '.join(values)}) VALUES ({marks})",
                [*values.values()],
            )
        refined = table(source.contract.table(source.name))
        marked = refined.mutate(broken=writer.broken_rules(refined, table.contract))
        found = connection.execute(f"FROM ({writer.compile_sql(marked)}) ORDER BY source_row")
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, values, strict=True)) for values in found.fetchall()]

    return read_rows


@pytest.fixture
def one(read: Callable[..., list[Row]]) -> Callable[..., Row]:
    """Return what becomes of one row, of which columns are given."""
    sound = {
        "titles": {"title": "A", "premiere": "2019-08-05"},
        "views": {"user_id": 1, "title": "A", "watched_at": "2025-10-30T20:15:00Z", "minutes": 9},
        "users": {"user_id": 1},
    }

    def read_one(name: str, **columns: Any) -> Row:
        (row,) = read(name, {**sound[name], **columns})
        return row

    return read_one


def rescue(**texts: str) -> str:
    return json.dumps(texts)


# Titles.


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Dark Forces", "dark-forces"),
        ("  DARK\xa0forces!", "dark-forces"),
        ("Amélie & Żółw", "amelie-and-zołw"),
        ("Black Mirror: Bandersnatch", "black-mirror-bandersnatch"),
        ("Spider\u2013Man (Part 2)", "spider-man-part-2"),
        ("L'été", "l-ete"),
        ("千と千尋", "千と千尋"),
        ("???", "???"),
        ("\u200bHidden", "hidden"),
    ],
)
def test_titles_are_compared_without_case_accents_punctuation_and_spaces(one, title, name):
    row = one("titles", title=title)
    assert row["title_name"] == name
    assert row["title_key"] == f"{name}-2019-08-05"


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("August 5, 2019", date(2019, 8, 5)),
        ("April 5. 2018", date(2018, 4, 5)),
        ("2018-04-05", date(2018, 4, 5)),
        ("4/5/2018", date(2018, 4, 5)),
    ],
)
def test_premieres_are_read_in_each_spelling(one, text, day):
    assert one("titles", premiere=text)["premiere"] == day


@pytest.mark.parametrize("text", ["N/A", "-", "", None, "unknown", " TBD "])
def test_what_services_write_for_nothing_is_unknown(one, text):
    row = one("titles", premiere=text, added_date=text, genre=text, language=text)
    assert (row["premiere"], row["added_date"], row["language"]) == (None, None, None)
    assert row["genres"] == []
    assert row["title_key"] == "a-undated"
    assert row["broken"] == ""


def test_a_title_that_is_called_nothing_keeps_its_name(one):
    assert one("titles", title="Unknown")["title"] == "Unknown"


@pytest.mark.parametrize("text", ["soon", "February 30, 2019", "2019"])
def test_a_premiere_that_cannot_be_read_is_refused(one, text):
    assert one("titles", premiere=text)["broken"] == "premiere: wrong type"


@pytest.mark.parametrize(
    ("text", "genres"),
    [
        ("Drama", ["drama"]),
        ("Science fiction/Drama", ["drama", "science fiction"]),
        ("Drama / Drama", ["drama"]),
        ("/Drama//Comedy/", ["comedy", "drama"]),
        ("Comedy, Drama|Horror;War", ["comedy", "drama", "horror", "war"]),
        ("/", []),
    ],
)
def test_genres_stand_once_each_in_order_and_lower_case(one, text, genres):
    assert one("titles", genre=text)["genres"] == genres


@pytest.mark.parametrize(
    ("columns", "column", "value"),
    [
        ({"runtime": 95}, "runtime_minutes", 95),
        ({"_rescued_data": rescue(runtime="95 min")}, "runtime_minutes", 95),
        ({"_rescued_data": rescue(runtime="95.0")}, "runtime_minutes", 95),
        ({"_rescued_data": rescue(runtime="N/A")}, "runtime_minutes", None),
        ({"imdb_score": 7.5}, "imdb_score", 7.5),
        ({"_rescued_data": rescue(imdb_score="7,5")}, "imdb_score", 7.5),
        ({"_rescued_data": rescue(imdb_score="n/a")}, "imdb_score", None),
        ({"_rescued_data": rescue(views="1,234,567")}, "views", 1_234_567),
        ({"_rescued_data": rescue(views="1.234")}, "views", 1_234),
        ({"_rescued_data": rescue(views="1234.0")}, "views", 1_234),
    ],
)
def test_numbers_are_read_in_each_spelling(one, columns, column, value):
    row = one("titles", **columns)
    assert row[column] == value
    assert row["broken"] == ""


@pytest.mark.parametrize(
    ("columns", "rule"),
    [
        ({"runtime": 0}, "runtime_minutes: less than 1"),
        ({"runtime": 4000}, "runtime_minutes: more than 1440"),
        ({"imdb_score": 11.0}, "imdb_score: more than 10"),
        ({"imdb_score": 0.0}, "imdb_score: less than 1"),
        ({"views": -1}, "views: less than 0"),
        ({"premiere": "1800-01-01"}, "premiere: before 1870 or more than 5 years after arrival"),
        ({"premiere": "2035-01-01"}, "premiere: before 1870 or more than 5 years after arrival"),
        ({"_rescued_data": rescue(runtime="long")}, "runtime: wrong type"),
        ({"_rescued_data": rescue(imdb_score="good")}, "imdb_score: wrong type"),
        ({"_rescued_data": rescue(views="many")}, "views: wrong type"),
        ({"added_date": "then"}, "added_date: wrong type"),
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
        ("2025-10-30T20:15:00.5+02:00", datetime(2025, 10, 30, 18, 15, 0, 500_000, tzinfo=UTC)),
    ],
)
def test_instants_are_read_in_utc(one, text, instant):
    assert one("views", watched_at=text)["watched_at"] == instant


@pytest.mark.parametrize("text", ["30.10.2025 20:15", "2025-10-30", "2025-10-30T25:00:00Z", "now"])
def test_an_instant_that_cannot_be_read_is_refused(one, text):
    assert "watched_at: wrong type" in one("views", watched_at=text)["broken"]


@pytest.mark.parametrize(
    ("columns", "rule"),
    [
        ({"user_id": None}, "user_id: required"),
        ({"user_id": 0}, "user_id: less than 1"),
        ({"title": None}, "title_name: required; title: required"),
        ({"watched_at": None}, "watched_at: required"),
        ({"minutes": -1.0}, "minutes: less than 0"),
        ({"minutes": 1441.0}, "minutes: more than 1440"),
        ({"minutes": None, "_rescued_data": rescue(minutes="all")}, "minutes: wrong type"),
        (
            {"watched_at": "2025-11-01T00:00:00Z"},
            "watched_at: more than 1 day after arrival",
        ),
    ],
)
def test_events_that_cannot_be_are_refused(one, columns, rule):
    assert one("views", **columns)["broken"] == rule


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
        ({"preferred_genres": None}, "preferred_genres", []),
        ({"country": "-"}, "country", None),
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
        ({"user_id": -4}, "user_id: less than 1"),
        ({"email": "nobody"}, "email: not an e-mail address"),
        ({"email": "a@b@c.example"}, "email: not an e-mail address"),
        ({"signup_date": "never"}, "signup_date: wrong type"),
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
    assert [row["user_id"] for row in rows] == [2]
