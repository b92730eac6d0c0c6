"""A field, a name or an archive of any size costs its own record or file, and bounded memory."""

import struct
import tracemalloc
import zipfile
from collections.abc import Sequence
from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from movies_assets.ingest import packing
from movies_assets.ingest.packing import PackingError, unpack
from movies_assets.ingest.profile import ExpectedColumns
from movies_assets.ingest.reading import FileRecords, read
from movies_assets.ingest.records import LINE, LONGEST_FIELD, PROBLEM, RECORD, shortened
from movies_assets_tests.ingest.test_packing import PACKINGS, to_csv, to_xlsx, to_zip

NAMES = ["title", "show_id"]
EXPECTED = ExpectedColumns(dict.fromkeys(NAMES, "VARCHAR"), frozenset(["_run_id"]))
LONG = "é" * 500_000
ROWS = [NAMES, ["Ada", "1"], [LONG, "2"], ["Cy", "3"]]
MARK = "TO BE REPLACED"


def records(name: str, raw: bytes, *, exactly: bool = False) -> FileRecords:
    found = read(name, raw, EXPECTED, exactly=exactly)
    assert found
    return found


def workbook(rows: Sequence[Sequence[str]]) -> bytes:
    """A workbook with texts that Excel itself would cut off."""
    short = to_xlsx([[MARK if text == LONG else text for text in row] for row in rows])
    with zipfile.ZipFile(BytesIO(short)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    return to_zip(
        {name: text.replace(MARK.encode(), LONG.encode()) for name, text in members.items()}
    )


LONG_ROWS = {
    **{kind: (name, pack(ROWS)) for kind, (name, pack) in PACKINGS.items() if kind != "xlsx"},
    "xlsx": ("a.xlsx", workbook(ROWS)),
    "csv, quoted": ("a.csv", b'title,show_id\nAda,1\n"%b",2\nCy,3\n' % LONG.encode()),
    "csv, over lines": ("a.csv", b'title,show_id\nAda,1\n"%b\n",2\nCy,3\n' % LONG.encode()),
    "csv, last": ("a.csv", b"title,show_id\nAda,1\nCy,3\n%b,2" % LONG.encode()),
    "csv, latin-1": ("a.csv", b"title,show_id\nAda,1\n%b,2\nCy,3\n" % LONG.encode("latin-1")),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", LONG_ROWS)
@pytest.mark.parametrize("exactly", [False, True])
def test_a_record_with_a_long_field_is_refused_and_all_others_are_read(kind, exactly):
    found = records(*LONG_ROWS[kind], exactly=exactly)
    rows = {row[RECORD]: row for row in found.rows.to_pylist()}
    ((number, refused),) = [(n, row) for n, row in rows.items() if row[PROBLEM]]
    assert refused[PROBLEM] == "title: more than 100,000 bytes"
    assert (refused["title"], refused["show_id"]) == (None, None)
    assert refused[LINE].strip('"\n').startswith(LONG)
    assert refused[LINE].endswith("2")
    sound = [row for row in rows.values() if not row[PROBLEM]]
    assert sorted((row["title"], row["show_id"], row[LINE]) for row in sound) == [
        ("Ada", "1", None),
        ("Cy", "3", None),
    ]
    assert (found.profile.rows, found.profile.problems) == (3, 1)
    left = records(LONG_ROWS[kind][0], found.without([number]))
    assert left.rows[PROBLEM].null_count == left.rows.num_rows == 2


def test_a_field_of_the_longest_kind_is_read():
    text = "x" * LONGEST_FIELD
    found = records("a.csv", to_csv([NAMES, [text, "1"], [f"{text}x", "2"]]))
    assert found.rows.sort_by(RECORD)["title"].to_pylist() == [text, None]


def test_of_a_long_text_the_beginning_is_shown():
    assert shortened("é" * 50_000) == "é" * 50_000
    assert shortened("é" * 50_001) == f"{'é' * 1_000}… (100,002 bytes)"


@pytest.mark.slow
@pytest.mark.parametrize("names", [["x" * 20_000], [f"x{n}" for n in range(5_000)]])
@pytest.mark.parametrize("kind", ["csv", "parquet", "xlsx"])
def test_a_header_with_a_long_name_or_too_many_brings_no_columns(names, kind):
    names = ["show_id", *names]
    name, pack = PACKINGS[kind]
    found = records(name, pack([names, ["1"] * len(names)]))
    assert found.profile.columns == NAMES
    assert "the file has no header that is one" in found.rows[PROBLEM].to_pylist()[0]


def test_of_lines_of_json_one_with_a_long_name_is_refused():
    found = records("a.jsonl", b'{"show_id": 1}\n{"%b": 2}\n{"show_id": 3}\n' % (b"x" * 1_001))
    assert found.rows["show_id"].to_pylist() == ["1", None, "3"]
    assert found.rows[PROBLEM].to_pylist()[1] == (
        "not a JSON object: a name has more than 1,000 characters"
    )


def peak_of_refusing(name: str, raw: bytes) -> tuple[int, str]:
    """Return how many bytes of memory it takes at most to refuse a file, and why it is refused."""
    tracemalloc.start()
    try:
        with pytest.raises(PackingError) as caught:
            unpack(name, raw)
        return tracemalloc.get_traced_memory()[1], str(caught.value)
    finally:
        tracemalloc.stop()


def understated(raw: bytes, size: int) -> bytes:
    """A zip archive whose members claim to have 10 bytes in place of `size`."""
    return raw.replace(struct.pack("<L", size), struct.pack("<L", 10))


def test_a_zip_archive_that_is_larger_than_declared_is_refused_in_little_memory():
    size = 100_000_001
    bomb = understated(to_zip({"a.csv": b"a" * size}), size)
    peak, why = peak_of_refusing("a.zip", bomb)
    assert "a damaged or incomplete zip archive" in why
    assert peak < 10_000_000


def test_a_workbook_that_is_larger_than_declared_is_refused_in_little_memory():
    size = 100_000_001
    with zipfile.ZipFile(BytesIO(to_xlsx(ROWS[:2]))) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    bomb = understated(to_zip({**members, "xl/more.xml": b"a" * size}), size)
    peak, why = peak_of_refusing("a.xlsx", bomb)
    assert "xl/more.xml is not what it should be" in why
    assert peak < 10_000_000


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_archive_of_a_compression_without_bounds_is_refused(method):
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        archive.writestr("a.csv", to_csv(ROWS[:2]))
    with pytest.raises(PackingError, match=r"of an unusual kind .*neither none nor deflate"):
        unpack("a.zip", packed.getvalue())


@pytest.mark.parametrize("name", ["../../a.csv", "/etc/a.csv", "..\\a.csv", "a/../../a.csv"])
def test_a_member_of_a_zip_archive_with_any_path_is_read_and_never_stored(
    name, tmp_path, monkeypatch
):
    (tmp_path / "here/below").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here/below")
    unpacked = unpack("a.zip", to_zip({name: to_csv(ROWS[:2])}))
    assert unpacked.text == to_csv(ROWS[:2])
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_parquet_file_with_deduplicated_texts_is_refused_by_their_total_size(monkeypatch):
    monkeypatch.setattr(packing, "MOST_BYTES", 10_000_000)
    packed = BytesIO()
    text = pa.array(["x" * 100_000]).dictionary_encode()
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 1_000, pa.int32()), text.dictionary)
    pq.write_table(pa.table({"title": column.cast(pa.string())}), packed)
    assert len(packed.getvalue()) < 1_000_000
    with pytest.raises(PackingError, match=r"unpacks to more than 10,000,000 bytes"):
        unpack("a.parquet", packed.getvalue())
