"""What a file looks like is found: encoding, separator, header, edition; and no line is lost."""

import codecs
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from movies_assets.ingest import packing
from movies_assets.ingest.editions import Edition
from movies_assets.ingest.packing import Unpacked
from movies_assets.ingest.profile import ExpectedColumns
from movies_assets.ingest.reading import FileRecords, read
from movies_assets.ingest.records import LINE, PROBLEM, RECORD

KNOWN = {"title": "VARCHAR", "release_year": "BIGINT", "show_id": "VARCHAR"}
EXPECTED = ExpectedColumns(KNOWN, frozenset(["_run_id"]))
HEADER = "title,release_year,show_id\n"
ADA, BOB = ["Ada", "2001", "1"], ["Bob", "2002", "2"]
RECORDS = "Ada,2001,1\nBob,2002,2\n"


def reading(content: str | bytes, expected: ExpectedColumns = EXPECTED) -> FileRecords:
    raw = content if isinstance(content, bytes) else content.encode()
    found = read("shows.csv", raw, expected)
    assert found
    return found


def values(found: FileRecords) -> list[Any]:
    return [[row.get(name) for name in KNOWN] for row in found.rows.to_pylist()]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("end", ["", "\n"])
@pytest.mark.parametrize(
    ("mark", "codec", "encoding"),
    [
        (b"", "utf-8", "utf-8"),
        (codecs.BOM_UTF8, "utf-8", "utf-8"),
        (b"", "cp1252", "cp1252"),
        (codecs.BOM_UTF16_LE, "utf-16-le", "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be", "utf-16-be"),
        (b"", "utf-16-le", "utf-16-le"),
        (b"", "utf-16-be", "utf-16-be"),
    ],
)
def test_encodings_and_line_ends_are_found(mark, codec, encoding, end, newline):
    text = (HEADER + "Amélie “x”,2001,1\nBob,2002,2" + end).replace("\n", newline)
    found = reading(mark + text.encode(codec))
    assert values(found) == [["Amélie “x”", "2001", "1"], BOB]
    assert found.profile.encoding == encoding
    assert found.without([2]) == mark + text.replace(f"Amélie “x”,2001,1{newline}", "").encode(
        codec
    )


def test_a_byte_missing_in_utf_16_costs_its_line_only():
    raw = (HEADER + RECORDS + "Cy,2003,3\nDé,2004,4\n").encode("utf-16")
    for at in range(len(HEADER) * 2 + 3, len(raw)):
        found = values(reading(raw[:at] + raw[at + 1 :]))
        hit = raw[:at].decode("utf-16", "ignore").count("\n") - 1
        for number, row in enumerate([ADA, BOB, ["Cy", "2003", "3"], ["Dé", "2004", "4"]]):
            assert abs(number - hit) <= 1 or row in found


def test_some_bad_bytes_do_not_make_another_encoding():
    content = HEADER.encode() + "Amélie,2001,1\n".encode() + b"B\xff,1,2\nC\x81,1,3\n"
    found = reading(content)
    assert found.profile.encoding == "utf-8"
    assert values(found)[0] == ["Amélie", "2001", "1"]
    assert found.rows[LINE].drop_null().to_pylist() == ["B\\xff,1,2", "C\\x81,1,3"]
    found = reading(HEADER.encode() + "“Q”,2001,1\n".encode("cp1252") + b"C\x81,1,3\n")
    assert found.profile.encoding == "cp1252"
    assert values(found)[0] == ["“Q”", "2001", "1"]
    assert found.rows[LINE].drop_null().to_pylist() == ["C\\x81,1,3"]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("spelt", ["sep={}", '"sep={}"', "SEP={}"])
def test_a_line_may_name_the_separator(separator, spelt):
    text = (HEADER + RECORDS).replace(",", separator)
    line = spelt.format(separator)
    found = reading(f"{line}\n{text}")
    assert values(found) == [ADA, BOB]
    assert (found.profile.separator, found.profile.preamble) == (separator, [line])
    assert found.above == [line, HEADER.strip().replace(",", separator)]
    assert found.without([3]) == f"{line}\n{text}".encode().replace(
        "Ada,2001,1\n".replace(",", separator).encode(), b""
    )


@pytest.mark.parametrize("separator", [",", "\t"])
def test_a_line_that_names_another_separator_than_the_header_has_is_not_believed(separator):
    found = reading("sep=;\n" + (HEADER + RECORDS).replace(",", separator))
    assert values(found) == [ADA, BOB]
    assert (found.profile.separator, found.profile.preamble) == (separator, ["sep=;"])


@pytest.mark.parametrize(
    ("preamble", "kept"),
    [
        ("Exported on 2020-01-01\n", ["Exported on 2020-01-01"]),
        ("Report\n\n,,\n", ["Report", ",,"]),
        ("title\n", ["title"]),
        ('"Shows, of\n2020"\nx,y\n', ['"Shows, of\n2020"', "x,y"]),
    ],
)
def test_lines_above_the_header_are_kept_apart(preamble, kept):
    found = reading(preamble + HEADER + RECORDS)
    assert values(found) == [ADA, BOB]
    assert found.profile.preamble == kept
    assert found.profile.header == HEADER.strip().split(",")


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_names_in_the_header_may_have_line_breaks(newline):
    text = f'title,"release\nyear",show_id\n{RECORDS}'.replace("\n", newline)
    found = reading(text)
    assert values(found) == [ADA, BOB]
    assert found.profile.header == ["title", "release\nyear", "show_id"]


def test_a_file_without_a_header_is_read_by_position_where_types_fit():
    found = reading(RECORDS)
    assert (values(found), found.profile.header) == ([ADA, BOB], [])
    assert found.without([1]) == b"Bob,2002,2\n"


def test_a_value_that_is_the_name_of_a_column_makes_no_header():
    assert values(reading("Title,2001,1\nBob,2002,2\n")) == [["Title", "2001", "1"], BOB]


def test_a_header_that_comes_again_is_no_record():
    found = reading(HEADER + "Ada,2001,1\n" + HEADER + "Bob,2002,2\n")
    rows = sorted(found.rows.to_pylist(), key=lambda row: int(row[RECORD]))
    assert [row[PROBLEM] or row["title"] for row in rows] == ["Ada", "the header once more", "Bob"]


@pytest.mark.parametrize("first", ["name,year,id", "Ada,MMI,1", "Ada,2001", "Ada,,1"])
def test_a_file_without_a_header_is_refused_where_they_do_not(first):
    found = reading(f"{first}\n{RECORDS}")
    assert found.rows[LINE].to_pylist() == [first, *RECORDS.split()]
    (problem,) = set(found.rows[PROBLEM].to_pylist())
    assert problem == (
        f"the file has no header: its first line, '{first}', names none of the columns "
        "title, release_year, show_id"
    )


def test_the_first_line_of_a_file_about_persons_is_not_shown():
    expected = ExpectedColumns(KNOWN, frozenset(), is_personal=True)
    found = reading("sep=,\nx@mail.example,1\n", expected)
    assert "mail" not in repr(found.profile)


OLD = Edition("Old", {"id": "show_id", "name": "title", "year": "release_year"}, ["id", "name"],
              {"id": r"\d+", "year": r"\d{4}"})  # fmt: skip
NEW = Edition("New", OLD.columns, ["id", "name"], {"id": r"s\d+", "year": r"\d{4}"})
EDITIONS = ExpectedColumns(KNOWN, frozenset(), editions=(OLD, NEW))


@pytest.mark.parametrize(
    ("text", "edition", "row"),
    [
        ("id,name,year\n1,Ada,2001\n", "Old", ADA),
        ("id,name,year\ns1,Ada,2001\ns2,Bob,2002\n", "New", ["Ada", "2001", "s1"]),
        ("ID;Name;Year;x\ns1;Ada;2001;y\n", "New", ["Ada", "2001", "s1"]),
        ("s1,Ada,2001\n", "New", ["Ada", "2001", "s1"]),
        (HEADER + RECORDS, None, ADA),
        ("Shows\nid,name,year\ns1,Ada,2001\n", "New", ["Ada", "2001", "s1"]),
    ],
)
def test_the_edition_of_a_file_is_found_by_its_header_and_the_shapes_of_its_values(
    text, edition, row
):
    found = reading(text, EDITIONS)
    named = found.profile.edition and found.profile.edition.name
    assert (named, values(found)[0]) == (edition, row)


def test_a_file_of_an_edition_that_is_not_taken_is_not_read():
    raw = b"id,name,year\n1,Ada,2001\n"
    assert read("a.csv", raw, replace(EDITIONS, takes=lambda edition: edition is NEW)) is None
    assert read("a.csv", raw, replace(EDITIONS, takes=lambda edition: edition is OLD))


def test_columns_of_a_format_that_has_them_are_read_with_what_does_not(monkeypatch):
    columns = pa.table({"ID": ["1", None, "2"], "name": ["Ada", None, ""], "x": ["y", None, None]})
    unpacked = Unpacked("jsonl", columns=columns, problems={1: ("no JSON", "{")})
    monkeypatch.setattr(packing, "unpack", lambda *_: unpacked, raising=False)
    gone: list[Any] = []
    monkeypatch.setattr(packing, "without", lambda *given: gone.append(given), raising=False)
    found = reading("...", EDITIONS)
    assert found.rows.to_pylist() == [
        {"show_id": "1", "title": "Ada", "x": "y", RECORD: 1, PROBLEM: None, LINE: None},
        {"show_id": None, "title": None, "x": None, RECORD: 2, PROBLEM: "no JSON", LINE: "{"},
        {"show_id": "2", "title": None, "x": None, RECORD: 3, PROBLEM: None, LINE: None},
    ]
    found.without([2, 3])
    assert gone == [("shows.csv", b"...", [1, 2])]


def test_text_that_was_packed_is_packed_again_without_records(monkeypatch):
    unpacked = Unpacked("csv.gz", text=(HEADER + RECORDS).encode())
    monkeypatch.setattr(packing, "unpack", lambda *_: unpacked, raising=False)
    monkeypatch.setattr(packing, "repack", lambda *given: given, raising=False)
    found = reading("...")
    assert values(found) == [ADA, BOB]
    assert found.without([2]) == ("shows.csv", b"...", HEADER.encode() + b"Bob,2002,2\n")


def test_two_names_of_a_header_never_fill_one_column():
    found = reading("show_id,id,name,year\nx,1,Ada,2001\n", EDITIONS)
    assert found.profile.columns == ["show_id_1", "show_id", "title", "release_year"]


@pytest.mark.parametrize("content", ["", "\n", "\ufeff", HEADER, HEADER.strip(), "sep=,\n"])
def test_a_file_without_records_has_none(content):
    found = reading(content)
    assert (found.profile.rows, found.profile.problems) == (0, 0)
    assert found.without([]) == content.encode()
