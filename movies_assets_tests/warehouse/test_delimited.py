"""Files that arrive are read in any format, and no byte of them is lost."""

from datetime import date
from functools import partial
from io import BytesIO
from typing import Any

import duckdb
import ibis.expr.datatypes as dt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from movies_assets.core.contract import FileRows, column
from movies_assets.core.table import Table, table
from movies_assets.ingest.records import LINE, RECORD, split
from movies_assets.warehouse.delimited import DelimitedFile, DelimitedFiles, read
from movies_assets.warehouse.rows import DelimitedRows
from movies_assets.warehouse.schema import ensure_table
from movies_assets_tests.warehouse.tables import DAYS, MONDAY, TUESDAY, WEDNESDAY

HEADER = "title,release_year,show_id\n"
RECORDS = "title, release_year, show_id"


class BronzeShows(FileRows):
    """One row a record about a show."""

    title: str = column("Title.", nullable=True)
    release_year: int = column("Year.", nullable=True)
    show_id: int = column("Id.", nullable=True)
    arrived_date: dt.Date = column("Day of arrival: the partition.")


def shows(files: dict[str, bytes | str], days: tuple[str, ...] = ()) -> Table:
    """Return the table `bronze.shows`, filled with files: `day/name` and content."""

    @table(
        layer="bronze",
        group="test",
        contract=BronzeShows,
        partitions=DAYS,
        partition_column="arrived_date",
    )
    def shows() -> DelimitedFiles:
        return delimited(files, days)

    return shows


def delimited(files: dict[str, bytes | str], days: tuple[str, ...] = ()) -> DelimitedFiles:
    contents = {
        path: text.encode() if isinstance(text, str) else text for path, text in files.items()
    }
    return DelimitedFiles(
        files=[
            DelimitedFile(path, partial(BytesIO, content), date.fromisoformat(path.split("/")[0]))
            for path, content in contents.items()
        ],
        run_id="run",
        days=[date.fromisoformat(day) for day in days or (MONDAY,)],
    )


@pytest.fixture
def load(store) -> Any:
    """Load the files of days, and return what was asked of the table."""

    def load_(
        content: bytes | str | dict[str, bytes | str],
        asked: str = RECORDS,
        days: tuple[str, ...] = (),
    ) -> list[tuple[Any, ...]]:
        files = content if isinstance(content, dict) else {f"{MONDAY}/shows.csv": content}
        result = store.write(shows(files, days), days=days or (MONDAY,))
        assert result.success
        return store.sql(f"SELECT {asked} FROM (FROM bronze.shows ORDER BY source_row)")

    return load_


def look(store, asked: str) -> Any:
    return store.sql(f"SELECT {asked} FROM landing.shows ORDER BY source")


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("end", ["", "\n", "\n\n"])
def test_lines_may_end_in_any_way_and_the_last_one_in_none(load, newline, end):
    text = f"{HEADER}Ada,2001,1\n\nBob,2002,2{end}".replace("\n", newline)
    assert load(text) == [("Ada", 2001, 1), ("Bob", 2002, 2)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("encoding", "found"), [("utf-8", "utf-8"), ("utf-8-sig", "utf-8"), ("cp1252", "cp1252")]
)
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_encoding_and_separator_are_found_and_recorded(load, store, encoding, found, separator):
    text = f"{HEADER}Amélie “le film”,2001,1\n".replace(",", separator)
    assert load(text.encode(encoding)) == [("Amélie “le film”", 2001, 1)]
    assert look(store, "encoding, separator, rows, problems") == [(found, separator, 1, 0)]


def test_bytes_that_are_no_windows_characters_are_kept_as_latin_1(load, store):
    assert load(HEADER.encode() + b"A\x81\xe9,2001,1\n") == [("A\x81é", 2001, 1)]
    assert look(store, "encoding") == [("latin-1",)]


def test_a_quoted_text_may_hold_separators_quotes_and_line_breaks(load):
    assert load(HEADER + '"A ""b"",\nc",2001,1\n') == [('A "b",\nc', 2001, 1)]


@pytest.mark.parametrize("torn", ["The Memphis", "The Memphis,1999"])
def test_a_record_with_too_few_fields_is_kept_as_it_is(load, torn):
    found = load(f"{HEADER}Ada,2001,1\n{torn}\nBob,2002,2\n", "show_id, _problem, _line")
    fields = torn.count(",") + 1
    assert found == [
        (1, None, None),
        (None, f"{fields} of 3 fields", torn),
        (2, None, None),
    ]


@pytest.mark.parametrize("line", ["Ada,2001,1,extra,,more", "Ada,2001,Bob,2002,2"])
def test_a_record_with_fields_beyond_the_header_is_refused(load, line):
    fields = 1 + line.count(",")
    found = load(f"{HEADER}Cy,2003,3\n{line}\n", "show_id, _rescued_data, _problem, _line")
    assert found == [
        (3, None, None, None),
        (None, None, f"{fields} fields in place of 3", line),
    ]


def test_blank_fields_beyond_the_header_are_nothing(load):
    found = load(f"{HEADER}Ada,2001,1,, \n", "show_id, _rescued_data, _problem")
    assert found == [(1, None, None)]


@pytest.mark.parametrize("year", ["2001.0", "20l1", "about 2001", "9" * 19, "2001-01-01"])
def test_a_value_that_does_not_fit_its_type_is_rescued(load, year):
    found = load(f"{HEADER}Ada,{year},1\n", "title, release_year, show_id, _rescued_data")
    assert found == [("Ada", None, 1, f'{{"release_year":"{year}"}}')]


def test_spaces_around_a_number_are_nothing(load):
    assert load(f"{HEADER}Ada, 2001 ,1\n") == [("Ada", 2001, 1)]


def test_a_new_column_is_added_and_older_rows_have_none(load, store):
    old = {f"{MONDAY}/shows.csv": f"{HEADER}Ada,2001,1\n"}
    new = {f"{TUESDAY}/shows.csv": "title,release_year,show_id,Content Rating\nBob,2002,2,PG\n"}
    load(old)
    load(new, days=(TUESDAY,))
    assert store.sql("SELECT title, content_rating FROM bronze.shows ORDER BY title") == [
        ("Ada", None),
        ("Bob", "PG"),
    ]
    assert look(store, "unknown_columns, missing_columns") == [([], []), (["content_rating"], [])]
    # And it may be missing again.
    load(old)
    assert store.sql("SELECT count(*) FROM bronze.shows WHERE title = 'Ada'") == [(1,)]


def test_a_missing_column_is_null_and_named(load, store):
    assert load("show_id,title\n1,Ada\n") == [("Ada", None, 1)]
    assert look(store, "missing_columns") == [(["release_year"],)]


def test_names_of_columns_may_be_spelt_and_ordered_otherwise(load):
    assert load(' "Show ID" ;RELEASE_YEAR;Title\n1;2001;Ada\n') == [("Ada", 2001, 1)]


@pytest.mark.parametrize(
    ("header", "column_name"),
    [
        ('x"; DROP TABLE bronze.shows; --', "x_drop_table_bronze_shows"),
        ("_run_id", "run_id"),
        ("source_row", "source_row_4"),
        ("arrived_date", "arrived_date_4"),
        ("title", "title_4"),
        ("", "column_4"),
        ("Ünïcode", "n_code"),
    ],
)
def test_hostile_and_doubled_names_become_columns_of_their_own(load, store, header, column_name):
    quoted = '"' + header.replace('"', '""') + '"'
    assert load(f"title,release_year,show_id,{quoted}\nAda,2001,1,x\n") == [("Ada", 2001, 1)]
    assert store.sql(f"SELECT {column_name} FROM bronze.shows") == [("x",)]


def test_columns_of_one_name_never_meet(load, store):
    assert load("title,title,title_2,show_id,show_id\nA,B,C,1,2\n") == [("A", None, 1)]
    assert store.sql("SELECT title_2, title_2_3, show_id_5 FROM bronze.shows") == [("B", "C", "2")]


def test_a_quote_that_is_never_closed_costs_its_line_only(load):
    text = f'{HEADER}Ada,2001,1\n"Bob,2002,2\nCy,2003,3\n"D\nE",2004,4\n'
    assert load(text, "title, show_id, _problem, _line") == [
        ("Ada", 1, None, None),
        (None, None, "a quote is not closed", '"Bob,2002,2'),
        ("Cy", 3, None, None),
        ("D\nE", 4, None, None),
    ]


def test_a_bad_byte_costs_its_line_only(load):
    text = f"{HEADER}Amélie é,2001,1\nBob é é é,2002,2\n".encode() + b"C\xff,2003,3\n"
    assert load(text, "title, show_id, _problem, _line") == [
        ("Amélie é", 1, None, None),
        ("Bob é é é", 2, None, None),
        (None, None, "not utf-8", "C\\xff,2003,3"),
    ]


def test_a_quote_closed_many_lines_later_costs_its_line_only(load):
    lines = "".join(f"Show {n},2001,{n}\n" for n in range(2, 400))
    found = load(f'{HEADER}"Ada,2001,1\n{lines}Z",2001,400\n', "count(show_id), count(_problem)")
    assert found == [(399, 1)]


@pytest.mark.parametrize("content", ["", "\n", HEADER, HEADER.strip()])
def test_a_file_without_records_has_no_rows_and_is_recorded(load, store, content):
    assert load(content, "count(*)") == [(0,)]
    assert look(store, "bytes, rows") == [(len(content), 0)]


def test_of_a_file_without_a_known_header_every_line_is_kept(load, store):
    found = load("Error\nNot found\n", "show_id, _problem, _line")
    problem = (
        "the file has no header: its first line, 'Error', names none of the columns "
        "title, release_year, show_id"
    )
    assert found == [(None, problem, "Error"), (None, problem, "Not found")]
    assert look(store, "header, rows, problems") == [([], 2, 2)]


def test_a_day_is_replaced_by_the_files_that_are_there(load, store):
    both = {f"{MONDAY}/a.csv": f"{HEADER}Ada,1,1\n", f"{MONDAY}/b.csv": f"{HEADER}Bob,1,2\n"}
    load(both)
    load({f"{TUESDAY}/c.csv": f"{HEADER}Cy,1,3\n"}, days=(TUESDAY,))
    load({f"{MONDAY}/b.csv": f"{HEADER}Bea,1,2\n"})
    assert store.sql("SELECT title FROM bronze.shows ORDER BY 1") == [("Bea",), ("Cy",)]
    assert look(store, "source") == [(f"{MONDAY}/b.csv",), (f"{TUESDAY}/c.csv",)]


def test_files_of_many_shapes_fit_into_one_range(load, store):
    files = {
        f"{MONDAY}/a.csv": "title,show_id,x\nAda,1,a\n",
        f"{TUESDAY}/b.csv": "show_id;release_year;y\n2;2002;b\n",
        f"{WEDNESDAY}/c.csv": "y,x,show_id\nc,d,3\n",
    }
    load(files, days=(MONDAY, WEDNESDAY))
    asked = "title, release_year, show_id, x, y, arrived_date::VARCHAR"
    assert store.sql(f"SELECT {asked} FROM bronze.shows ORDER BY show_id") == [
        ("Ada", None, 1, "a", None, MONDAY),
        (None, 2002, 2, None, "b", TUESDAY),
        (None, None, 3, "d", "c", WEDNESDAY),
    ]


def test_the_ui_shows_the_columns_that_have_arrived(store):
    files = {f"{MONDAY}/a.csv": "title,show_id,added_by\nAda,1,x\n"}
    result = store.write(shows(files))
    (event,) = result.asset_materializations_for_node("bronze__shows")
    columns = event.metadata["dagster/column_schema"].value.columns
    assert {"added_by": "VARCHAR"}.items() <= {item.name: item.type for item in columns}.items()


@pytest.mark.slow
@settings(max_examples=50)
@given(st.binary(max_size=400))
def test_any_bytes_are_read_and_no_word_of_them_is_lost(content):
    everything = b"title,release_year,show_id\nfirst,1,1\n" + content
    with duckdb.connect() as connection:
        loaded = shows({})
        connection.execute("CREATE SCHEMA landing")
        ensure_table(connection, loaded.name, BronzeShows)
        given_ = delimited({f"{MONDAY}/a.csv": everything})
        DelimitedRows(given_).stage(connection, loaded)
        rows = connection.execute(
            "SELECT concat_ws(' ', title, release_year, show_id, _rescued_data, _line) FROM stage"
        ).fetchall()
        (encoding,) = connection.execute("SELECT encoding FROM landing.shows").fetchone()
    kept = "\n".join(row for (row,) in rows)
    words = [word for word in everything.split()[1:] if word.isalnum() and word.isascii()]
    assert encoding
    assert all(word.decode().lstrip("0") in kept for word in words if not word.isdigit())


PIECES = [
    b"7", b"Ada", b'"', b'""', b",", b";", b" ", b"\n",
    b"\r\n", b"\n\n", b"\r", b"\xe9", b"\xc3\xa9",
    b'"a,\nb"', b"Bob,2001,8\n", b'"q""q",x,y\n',
]  # fmt: skip


@pytest.mark.slow
@settings(max_examples=300)
@given(
    start=st.sampled_from([HEADER.encode(), b"\xef\xbb\xbf" + HEADER.encode(), b""]),
    pieces=st.lists(st.sampled_from(PIECES), max_size=25),
)
def test_the_place_of_each_record_in_a_file_is_known(start, pieces):
    """In a file of any format, the bytes of a record hold its fields, and only them."""
    content = start + b"".join(pieces)
    found = read(DelimitedFile("f.csv", partial(BytesIO, content)), shows({}))
    if not found:
        return
    above, columns = len(found.above), found.profile.columns
    rows = {row[RECORD]: row for row in found.rows.to_pylist()}
    assert sorted(rows) == list(range(above + 1, above + len(rows) + 1))
    records = [found.record(number) for number in range(1, 1 + above + len(rows))]
    mark = content[: found.without(range(1, 1 + above + len(rows))).__len__()]
    assert mark + b"".join(records) == (content if records else mark)
    for number, row in rows.items():
        record = found.record(number).decode(found.profile.encoding, "backslashreplace")
        given_, stored = [record], [row[LINE]]
        if row[LINE] is None:
            stored = [row[name] or "" for name in columns]
            by = found.profile.separator
            given_ = split(record.strip("\r\n").encode(), by.encode())
            given_ = [field.decode() for field in given_][: len(stored)]
        assert list(map(without_ends, given_)) == list(map(without_ends, stored))


def without_ends(text: str) -> str:
    return text.replace("\r", "").replace("\n", "")
