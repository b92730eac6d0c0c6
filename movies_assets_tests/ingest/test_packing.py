"""With any packing, the records of a file come out whole, or it is refused with a reason."""

import csv
import datetime as dt
import gzip
import json
import re
import zipfile
from collections.abc import Callable, Sequence
from decimal import Decimal
from io import BytesIO, StringIO
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from movies_assets.ingest import packing
from movies_assets.ingest.packing import PackingError, Unpacked, repack, unpack, without

Rows = Sequence[Sequence[str | None]]
HEADER = ["show_id", "title"]
TABLE = [HEADER, ["1", "Blame!"], ["2", 'He said "no"'], ["3", None]]
LIKE_ESCAPED = re.compile("_(?=x00[0-9A-Fa-f]{2}_)")
TEXT = b'show_id,title\r\n1,Blame!\r\n2,"He said ""no"""\r\n3,\r\n'


def to_csv(rows: Rows, delimiter: str = ",") -> bytes:
    text = StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return text.getvalue().encode()


def to_zip(files: dict[str, bytes]) -> bytes:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def to_jsonl(rows: Rows) -> bytes:
    lines = [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()


def to_parquet(rows: Rows) -> bytes:
    names, *records = rows
    columns = list(zip(*records, strict=True)) or [()] * len(names)
    arrays = [pa.array(column, pa.string()) for column in columns]
    packed = BytesIO()
    pq.write_table(pa.Table.from_arrays(arrays, names=list(map(str, names))), packed)
    return packed.getvalue()


def to_xlsx(*sheets: Sequence[Sequence[Any]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for number, rows in enumerate(sheets, start=1):
        sheet = book.create_sheet(f"Sheet{number}")
        for at, row in enumerate(rows, start=1):
            for column, value in enumerate(row, start=1):
                is_text = isinstance(value, str)
                # As Excel writes it: '_x000D_' would be a character.
                cell = sheet.cell(
                    at, column, LIKE_ESCAPED.sub("_x005F_", value) if is_text else value
                )
                if is_text:
                    cell.data_type = "s"  # '=1' is a text here
    packed = BytesIO()
    book.save(packed)
    return packed.getvalue()


def rows_of(unpacked: Unpacked) -> list[list[str | None]]:
    """Return header and records, for any way to unpack them."""
    if unpacked.text is not None:
        records = csv.reader(StringIO(unpacked.text.decode(), newline=""))
        return [[value or None for value in record] for record in records]
    assert unpacked.columns is not None
    table = unpacked.columns
    return [table.column_names, *map(list, zip(*table.to_pydict().values(), strict=True))]


PACKINGS: dict[str, tuple[str, Callable[[Rows], bytes]]] = {
    "csv": ("a.csv", to_csv),
    "csv.gz": ("a.csv.gz", lambda rows: gzip.compress(to_csv(rows), mtime=0)),
    "zip": ("a.zip", lambda rows: to_zip({"a.csv": to_csv(rows)})),
    "csv.gz.zip": (
        "a.zip",
        lambda rows: to_zip({"a.csv.gz": gzip.compress(to_csv(rows), mtime=0)}),
    ),
    "jsonl": ("a.jsonl", to_jsonl),
    "jsonl.gz": ("a.jsonl.gz", lambda rows: gzip.compress(to_jsonl(rows), mtime=0)),
    "jsonl.zip": ("a.zip", lambda rows: to_zip({"x/a.ndjson": to_jsonl(rows)})),
    "parquet": ("a.parquet", to_parquet),
    "xlsx": ("a.xlsx", to_xlsx),
}
TEXT_PACKINGS = ["csv", "csv.gz", "zip", "csv.gz.zip"]
OTHERS = [name for name in PACKINGS if name not in TEXT_PACKINGS]


@pytest.mark.parametrize("found", PACKINGS)
def test_a_table_comes_out_of_each_packing_as_it_went_in(found):
    name, pack = PACKINGS[found]
    unpacked = unpack(name, pack(TABLE))
    assert (unpacked.packing, rows_of(unpacked)) == (found, TABLE)
    assert (unpacked.problems, list(unpacked.unread)) == ({}, [])


@pytest.mark.parametrize("found", PACKINGS)
@pytest.mark.parametrize("name", ["a.csv", "A.CSV", "a", "a.xlsx", "a.json"])
def test_the_packing_is_detected_by_content_with_any_name(found, name):
    if name == "a.json" and found in ("csv", "csv.gz"):
        return  # text without a signature is of the kind of its name
    unpacked = unpack(name, PACKINGS[found][1](TABLE))
    assert rows_of(unpacked) == TABLE


# XML 1.0 has no control characters, and every reader of it makes one line end of all.
CELLS = st.text(
    st.characters(codec="utf-8", exclude_characters="\r\0\x85\u2028\ufffe\uffff",
                  exclude_categories=["Cc", "Cs"]) | st.sampled_from('\n",;_x0D='),
    max_size=8,
)  # fmt: skip


@st.composite
def tables(draw: st.DrawFn) -> list[list[str | None]]:
    names = draw(st.lists(CELLS.filter(str.strip), min_size=1, max_size=4, unique=True))
    # A row without any value is blank in a sheet, and one empty field an empty line.
    row = st.lists(CELLS.map(lambda text: text or None), min_size=len(names), max_size=len(names))
    return [names, *draw(st.lists(row.filter(any), min_size=1, max_size=6))]


@pytest.mark.slow
@settings(max_examples=40)
@given(tables(), st.sampled_from(sorted(PACKINGS)), st.sets(st.integers(0, 5)))
@example([["a"], ["_x000D_"], ["=1"]], "xlsx", {0})
@example([["a", "b"], [None, " "], ["\n", None]], "xlsx", {0})
def test_any_table_survives_and_loses_exactly_the_records_to_erase(rows, found, gone):
    name, pack = PACKINGS[found]
    raw = pack(rows)
    assert rows_of(unpack(name, raw)) == rows
    left = [rows[0], *(row for number, row in enumerate(rows[1:]) if number not in gone)]
    if found in TEXT_PACKINGS:
        new = repack(name, raw, to_csv(left))
        assert new == repack(name, raw, to_csv(left))
    else:
        records = {number + 1 for number in gone} if found == "xlsx" else gone
        new = without(name, raw, records)
        assert new == without(name, raw, records)
    unpacked = unpack(name, new)
    assert unpacked.packing == found
    if len(left) > 1 or not found.startswith("jsonl"):  # lines of JSON have no header
        assert rows_of(unpacked)[1:] == left[1:]


# Archives


def test_a_packed_file_gets_other_text_and_its_archive_keeps_all_else():
    raw = to_zip({"__MACOSX/._a.csv": b"\0", "x/a.csv": TEXT, "README.md": b"Read."})
    unpacked = unpack("a.zip", raw)
    assert (unpacked.text, list(unpacked.unread)) == (TEXT, ["README.md"])
    new = repack("a.zip", raw, b"show_id\n")
    assert unpack("a.zip", new).text == b"show_id\n"
    with zipfile.ZipFile(BytesIO(new)) as archive:
        assert archive.namelist() == ["__MACOSX/._a.csv", "x/a.csv", "README.md"]
        assert archive.read("README.md") == b"Read."


def test_a_gzip_file_of_several_members_is_read_whole():
    raw = gzip.compress(TEXT[:20], mtime=0) + gzip.compress(TEXT[20:], mtime=0)
    assert unpack("a.csv.gz", raw).text == TEXT


def test_text_under_the_name_of_an_archive_is_read_as_text():
    assert unpack("a.csv.gz", TEXT).text == TEXT
    assert unpack("a.xls", TEXT).text == TEXT


def encrypted_zip() -> bytes:
    raw = bytearray(to_zip({"a.csv": TEXT}))
    raw[6] |= 1
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    return bytes(raw)


def damaged_zip() -> bytes:
    raw = bytearray(to_zip({"a.csv": TEXT}))
    raw[40] ^= 255
    return bytes(raw)


TWELVE_FILES = to_zip({f"{n}.csv": TEXT for n in range(12)})


@pytest.mark.parametrize(
    ("name", "raw", "reason"),
    [
        ("a.zip", TWELVE_FILES, r"12 data files \(0.csv, 1.csv, .* and 2 more\)"),
        ("a.zip", to_zip({"a.csv": TEXT, "b.parquet": b""}), r"\(a.csv, b.parquet\): pack one"),
        ("a.zip", to_zip({}), "without a file"),
        ("a.zip", to_zip({"__MACOSX/a.csv": TEXT, ".DS_Store": b""}), "without a file"),
        ("a.zip", encrypted_zip(), "encrypted zip archive: save it without a password"),
        ("a.zip", to_zip({"a.csv": TEXT})[:-9], "damaged or incomplete zip"),
        ("a.zip", damaged_zip(), "damaged or incomplete zip"),
        ("a.csv.gz", gzip.compress(TEXT, mtime=0)[:-9], "damaged or incomplete gzip"),
        ("a.csv.gz", gzip.compress(TEXT, mtime=0)[:-8] + bytes(8), "damaged or incomplete gzip"),
        ("a.csv.gz", gzip.compress(TEXT, mtime=0) + b"more", "damaged or incomplete gzip"),
        ("a.csv.gz", b"", "empty, which a .gz never is"),
        ("a.csv.gz", b"\x1f\x00\x08\0", "no .gz begins like this"),
        ("a.parquet", to_parquet(TABLE)[:-9], "damaged or incomplete Parquet"),
        ("a.parquet", b"PAR1" + bytes(90) + b"PAR1", "damaged or incomplete Parquet"),
        ("a.xlsx", to_xlsx(TABLE)[:-30], "damaged or incomplete zip"),
        ("a.xlsx", to_zip({"[Content_Types].xml": b"<", "xl/workbook.xml": b""}), "damaged work"),
        ("a.docx", to_zip({"[Content_Types].xml": b"<", "word/a.xml": b""}), "no workbook"),
        ("a.ods", to_zip({"mimetype": b"x", "content.xml": b""}), "OpenDocument"),
        ("a.xls", bytes.fromhex("d0cf11e0a1b11ae1") + bytes(512), r"old Excel workbook \(.xls\)"),
        ("a.7z", b"7z\xbc\xaf'\x1c" + bytes(32), "7-Zip"),
        ("a.csv", b"Rar!\x1a\x07\x01\x00", "RAR"),
        ("a.csv", b"%PDF-1.7\n", "PDF document: deliver the table as"),
        ("a.csv", b"\x89PNG\r\n\x1a\n", "image"),
        ("a.csv", b"\xff\xd8\xff\xe0", "image"),
        ("a.csv", b"\n<!DOCTYPE html><p>Sign in", "web page"),
        ("a.csv.gz", gzip.compress(b"<html lang=en>404", mtime=0), "web page"),
        ("a.csv", b"<?xml version='1.0'?>", "XML"),
        ("a.csv", b"SQLite format 3\0", "SQLite"),
        ("a.tgz", gzip.compress(bytes(257) + b"ustar\x0000", mtime=0), "tar archive"),
        ("a.json", b'[{"a": 1}]', "one object a line"),
        ("a.json", b'{\n"a": 1}', "one object a line"),
    ],
)
def test_what_is_no_readable_table_is_refused_with_the_reason(name, raw, reason):
    with pytest.raises(PackingError, match=reason):
        unpack(name, raw)


@pytest.mark.parametrize("found", sorted(PACKINGS))
def test_a_packed_file_that_was_cut_off_is_refused_and_never_half_read(found):
    name, pack = PACKINGS[found]
    raw = pack(TABLE)
    if found in ("csv", "jsonl"):
        return  # text ends anywhere
    for length in range(0, len(raw) - 1, max(1, len(raw) // 40)):
        with pytest.raises(PackingError):
            unpack(name, raw[:length])


def test_archives_that_unpack_to_too_much_are_refused(monkeypatch):
    monkeypatch.setattr(packing, "MOST_BYTES", 1000)
    zeros = bytes(1001)
    for name, raw in [
        ("a.csv.gz", gzip.compress(zeros, mtime=0)),
        ("a.zip", to_zip({"a.csv": zeros})),
        ("a.xlsx", to_xlsx([["0"] * 1000])),
        ("a.parquet", to_parquet([["a"], ["".join(map(str, range(999)))]])),
    ]:
        with pytest.raises(PackingError, match="deliver it in smaller files"):
            unpack(name, raw)


def test_tables_of_too_many_values_are_refused(monkeypatch):
    monkeypatch.setattr(packing, "MOST_VALUES", 5)
    for found in ("jsonl", "parquet", "xlsx"):
        name, pack = PACKINGS[found]
        with pytest.raises(
            PackingError, match=r"is a table of 2 columns .* more than the 5 values"
        ):
            unpack(name, pack(TABLE))


def test_archives_in_archives_end():
    raw = TEXT
    for _ in range(5):
        raw = gzip.compress(raw, mtime=0)
    with pytest.raises(PackingError, match="packed in more than 3 archives"):
        unpack("a.csv.gz", raw)


def test_a_cell_far_away_costs_neither_time_nor_rows():
    book = openpyxl.Workbook()
    book.active["A1"], book.active["XFD1048576"] = "a", "far"
    packed = BytesIO()
    book.save(packed)
    text = unpack("a.xlsx", packed.getvalue()).text or b""
    assert (text.count(b"\r\n"), text.count(b",")) == (2, 2 * 16383)


# Lines of JSON


def test_lines_of_json_may_have_other_keys_each_and_nested_values():
    lines = [
        '{"id": 1.10, "cast": ["Ada", "Bob"], "ok": true, "none": null}',
        "",
        '{"new": {"a": [1.5, "é"]}, "id": 12345678901234567890, "cast": ["Wife, Mother", "x"]}',
        '{"id": 1e3, "cast": [], "new": [[1]], "none": ""}',
    ]
    assert rows_of(unpack("a.jsonl", "\r\n".join(lines).encode())) == [
        ["id", "cast", "ok", "none", "new"],
        ["1.10", "Ada, Bob", "true", None, None],
        ["12345678901234567890", '["Wife, Mother", "x"]', None, None, '{"a": [1.5, "é"]}'],
        ["1e3", None, None, None, "[[1]]"],
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"id": 2', "not JSON: Expecting"),
        (b"id,title", "not JSON: Expecting value"),
        (b"[1, 2]", "not a JSON object: another value"),
        (b'"text"', "not a JSON object: another value"),
        (b'{"id": 2, "id": 3}', "not a JSON object: a name is there twice"),
        (b'{"id": "\\ud800"}', "not JSON: half a character"),
        (b'{"id": "\xe9"}', "not utf-8"),
        (b'{"id": 2}{"id": 3}', "not JSON: Extra data"),
        (b'{"id":' + b"[" * 100_000, "nested too deeply"),
    ],
)
def test_a_bad_line_of_json_is_a_problem_of_its_own(line, reason):
    unpacked = unpack("a.jsonl", b'{"id": 1}\n' + line + b'\n{"id": 3}\n')
    assert rows_of(unpacked) == [["id"], ["1"], [None], ["3"]]
    ((number, (why, text)),) = unpacked.problems.items()
    assert (number, text) == (1, line.decode(errors="backslashreplace"))
    assert reason in why


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_lines_of_json_keep_their_bytes_except_the_erased_ones(encoding):
    lines = '{"a": "é"}\r\n\r\nbad\r\n  {"a":2}\n{"a": 3}'
    raw = lines.encode(encoding)
    assert rows_of(unpack("a.jsonl", raw))[1:] == [["é"], [None], ["2"], ["3"]]
    new = without("a.jsonl", raw, {1, 3})
    assert new == '{"a": "é"}\r\n\r\n  {"a":2}\n'.encode(encoding)


def test_a_file_of_bad_lines_only_still_has_a_row_a_line():
    unpacked = unpack("a.jsonl", b"x\ny\n")
    assert unpacked.columns is not None
    assert (unpacked.columns.num_rows, sorted(unpacked.problems)) == (2, [0, 1])


# Parquet

BERLIN = pa.timestamp("us", "Europe/Berlin")
MIDNIGHT = dt.datetime(2021, 9, 25)  # noqa: DTZ001 (files have such)
MOMENT = MIDNIGHT.replace(hour=12, microsecond=500_000)


@pytest.mark.parametrize(
    ("values", "kind", "texts"),
    [
        ([7, None], pa.int16(), ["7", None]),
        ([7.0, 7.1, float("nan")], pa.float64(), ["7", "7.1", None]),
        ([1e20, 1e-7, None], pa.float64(), ["100000000000000000000", "0.0000001", None]),
        ([7.1], pa.float32(), ["7.1"]),
        ([Decimal("7.10"), Decimal("1E-7")], pa.decimal128(20, 7), ["7.1000000", "0.0000001"]),
        ([True, False], pa.bool_(), ["true", "false"]),
        ([MIDNIGHT.date()], pa.date32(), ["2021-09-25"]),
        ([MIDNIGHT, None], pa.timestamp("ns"), ["2021-09-25", None]),
        ([MIDNIGHT, MOMENT], pa.timestamp("ms"), ["2021-09-25 00:00:00", "2021-09-25 12:00:00.5"]),
        ([MOMENT], BERLIN, ["2021-09-25 12:00:00.5Z"]),
        ([dt.time(1, 29)], pa.time64("us"), ["01:29:00"]),
        ([dt.timedelta(hours=25, seconds=1)], pa.duration("s"), ["25:00:01"]),
        (["a", "", None], pa.large_string(), ["a", None, None]),
        (["a", "b", "a"], pa.dictionary(pa.int8(), pa.string()), ["a", "b", "a"]),
        (["a"], pa.string_view(), ["a"]),
        ([b"a\xff"], pa.binary(), ["a\\xff"]),
        ([["a", "b"], [], None], pa.list_(pa.string()), ["a, b", None, None]),
        ([["a, b", "c"], ["a", None]], pa.list_(pa.string()), ['["a, b", "c"]', '["a", null]']),
        ([[7.0, 1.5]], pa.list_(pa.float64()), ["7, 1.5"]),
        ([{"a": MIDNIGHT.date()}], pa.struct([("a", pa.date32())]), ['{"a": "2021-09-25"}']),
        ([[("k", 1)]], pa.map_(pa.string(), pa.int64()), ['[["k", 1]]']),
        ([None, None], pa.null(), [None, None]),
        ([], pa.timestamp("us"), []),
    ],
)
def test_values_of_any_type_become_what_a_person_would_write(values, kind, texts):
    packed = BytesIO()
    pq.write_table(pa.table({"a": pa.array(values, kind)}), packed)
    assert rows_of(unpack("a.parquet", packed.getvalue()))[1:] == [[text] for text in texts]


def test_parquet_keeps_its_schema_and_loses_every_byte_of_a_record():
    table = pa.table({"id": [1, 2, 3], "name": ["Ada Ames", "Bob Bell", "Cy Cole"]})
    table = table.replace_schema_metadata({"made by": "a test"})
    packed = BytesIO()
    pq.write_table(table, packed, compression="zstd", use_dictionary=True)
    new = without("a.parquet", packed.getvalue(), {1})
    assert pq.read_schema(BytesIO(new)).equals(table.schema, check_metadata=True)
    assert pq.ParquetFile(BytesIO(new)).metadata.row_group(0).column(0).compression == "ZSTD"
    assert rows_of(unpack("a.parquet", new))[1:] == [["1", "Ada Ames"], ["3", "Cy Cole"]]
    assert b"Bob" not in new


# Workbooks


def test_cells_become_what_a_person_would_write():
    cells = [7.0, 7.25, 1e20, True, MIDNIGHT, MOMENT.replace(microsecond=0), dt.time(1, 29)]
    cells += [dt.timedelta(minutes=89), " a ", "a\nb", 'b"', None, "#N/A", "007"]
    text = unpack("a.xlsx", to_xlsx([[str(n) for n in range(14)], cells])).text or b""
    assert list(csv.reader(StringIO(text.decode(), newline="")))[1] == [
        "7",
        "7.25",
        "100000000000000000000",
        "true",
        "2021-09-25 00:00:00",
        "2021-09-25 12:00:00",
        "01:29:00",
        "1:29:00",
        " a ",
        "a\nb",
        'b"',
        "",
        "#N/A",
        "007",
    ]


def test_a_cell_that_is_shown_as_a_day_is_a_day():
    assert rows_of(unpack("a.xlsx", to_xlsx([["day"], [MIDNIGHT.date()]])))[1:] == [["2021-09-25"]]


def test_of_a_workbook_the_first_sheet_with_data_is_read_and_the_others_are_named():
    raw = to_xlsx([], [[None], ["a", None], [None], ["b", "c", " "[:0]], [None]], [["x"]])
    unpacked = unpack("a.xlsx", raw)
    assert (unpacked.text, unpacked.unread) == (b"a,\r\nb,c\r\n", ["sheet Sheet3"])


def test_a_hidden_sheet_waits_for_the_one_that_is_shown():
    book = openpyxl.load_workbook(BytesIO(to_xlsx([["hidden"]], [["shown"]])))
    book.worksheets[0].sheet_state, book.active = "hidden", 1
    packed = BytesIO()
    book.save(packed)
    assert unpack("a.xlsx", packed.getvalue()).text == b"shown\r\n"


def test_formulas_give_the_value_computed_last_and_keep_it_when_rows_go():
    raw = to_xlsx([["a", "b"], [1, 2], [3, 4]])
    with zipfile.ZipFile(BytesIO(raw)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    files[sheet] = files[sheet].replace(b"<v>4</v>", b"<f>2+2</f><v>4</v>")
    assert b"<f>" in files[sheet]
    raw = to_zip(files)
    assert rows_of(unpack("a.xlsx", raw)) == [["a", "b"], ["1", "2"], ["3", "4"]]
    new = without("a.xlsx", raw, {1})
    assert rows_of(unpack("a.xlsx", new)) == [["a", "b"], ["3", "4"]]


def test_rows_of_a_workbook_go_and_everything_around_them_stays():
    raw = to_xlsx(
        [["Users of today"], [], ["id", "name"], [1, "Ada Ames"], [2, "Bob Bell"]], [["Notes"]]
    )
    book = openpyxl.load_workbook(BytesIO(raw))
    sheet = book.worksheets[0]
    sheet.merge_cells("A1:B1")
    sheet["B5"].font = openpyxl.styles.Font(bold=True)
    sheet["B4"].comment = openpyxl.comments.Comment("Ada Ames moved", "x")
    sheet["B4"].hyperlink = "https://invalid/Ada-Ames"
    packed = BytesIO()
    book.save(packed)
    new = without("a.xlsx", packed.getvalue(), {2})
    assert rows_of(unpack("a.xlsx", new)) == [
        ["Users of today", None],
        ["id", "name"],
        ["2", "Bob Bell"],
    ]
    left = openpyxl.load_workbook(BytesIO(new))
    assert left.worksheets[0]["B5"].font.bold
    assert [str(r) for r in left.worksheets[0].merged_cells.ranges] == ["A1:B1"]
    assert left.worksheets[1]["A1"].value == "Notes"
    with zipfile.ZipFile(BytesIO(new)) as archive:
        assert not [name for name in archive.namelist() if b"Ames" in archive.read(name)]


def test_each_packing_has_its_own_way_to_lose_records():
    with pytest.raises(PackingError, match="then `repack`"):
        without("a.csv", TEXT, {0})
    with pytest.raises(PackingError, match="by `without`"):
        repack("a.jsonl", to_jsonl(TABLE), TEXT)


def test_a_zip_member_without_a_name_is_damage():
    raw = to_zip({"b.csv": TEXT}).replace(b"b.csv", b"\0.csv")
    with pytest.raises(PackingError, match="damaged or incomplete zip"):
        unpack("a.zip", raw)


# Made once: archives hold the moment at which they were made.
PACKED = {found: pack(TABLE) for found, (_, pack) in PACKINGS.items()}


@settings(max_examples=100)
@given(st.sampled_from(sorted(PACKINGS)), st.data())
def test_damage_of_any_kind_is_read_or_refused_and_never_a_crash(found, data):
    name, raw = PACKINGS[found][0], bytearray(PACKED[found])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        unpacked = unpack(name, bytes(raw))
        if unpacked.packing.partition(".")[0] in {"csv", "zip"}:
            repack(name, bytes(raw), TEXT)
        else:
            without(name, bytes(raw), {0})
    except PackingError:
        pass
