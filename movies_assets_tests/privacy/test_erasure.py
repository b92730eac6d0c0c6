"""The records of a person are erased from a file of any format; every other byte stays."""

import gzip
from pathlib import Path
from random import Random

import duckdb
import fsspec
import pytest

from movies_assets.definitions import TABLES
from movies_assets.ingest.http import PermanentSourceError
from movies_assets.ingest.landing import Landing
from movies_assets.ingest.packing import unpack
from movies_assets.privacy.identifiers import PersonIdentifiers
from movies_assets.privacy.landing import erase, learn
from movies_assets_tests.ingest.test_packing import PACKINGS, rows_of, to_xlsx

ADA, EMAIL, NAME = "7", "ada@x.example", "Adé Lovelace"
USERS, VIEWS = TABLES["bronze.ott_users"], TABLES["bronze.ott_views"]
HEADER = "user_id,full_name,email,country\n"
HERS, BOBS, EVES = f"7,{NAME},{EMAIL},UK\n", "8,Bob,bob@x.example,US\n", "9,Eve,eve@x.example,FR\n"


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    return Landing(tmp_path, "ott/users")


def put(folder: Path, path: str, content: bytes | str) -> Path:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def traces() -> PersonIdentifiers:
    known = PersonIdentifiers(frozenset([ADA]))
    known.add(ADA, NAME, EMAIL)
    return known


def cleared(landing: Landing, file: Path, **kwargs: bool) -> str:
    """Erase Ada, and return what is left of a file."""
    list(erase(landing, USERS, traces(), **kwargs))
    return file.read_bytes().decode("utf-8", "surrogateescape")


@pytest.mark.parametrize(
    ("before", "hers", "after"),
    [
        pytest.param(HEADER, HERS, BOBS, id="first"),
        pytest.param(HEADER + BOBS, HERS, "", id="last"),
        pytest.param(HEADER + BOBS, HERS.strip(), "", id="last without a line end"),
        pytest.param(HEADER, HERS + "\n" + HERS, EVES, id="twice, with an empty line"),
        pytest.param(HEADER + "\n\n" + BOBS, HERS, EVES.strip(), id="below empty lines"),
        pytest.param(HEADER, f'"7","{NAME}","{EMAIL}","U,\n\nK"\n', EVES, id="quoted breaks"),
        pytest.param(HEADER + '8,"B ""7,\n7,x",b@x.example,US\n', HERS, EVES, id="others' breaks"),
        pytest.param(HEADER + '8,5" B,b@x.example,US\n', HERS, '9,E "x",e,FR"\n', id="odd quotes"),
        pytest.param(HEADER + '8,"Bob\n', HERS, EVES, id="a quote that is never closed"),
        pytest.param("\ufeff" + HEADER + BOBS, HERS, EVES, id="byte order mark"),
        pytest.param(HEADER, " 007 ,x,y,z\n", BOBS, id="id with zeros"),
        pytest.param(HEADER, "7.0,x,y,z\n", "7.5,x,y,z\n77,x,y,z\n-7,x,y,z\n", id="id as decimal"),
        pytest.param("country,email,user_id\n", f"UK,{EMAIL},7\n", "7,b@x.example,8\n", id="order"),
        pytest.param(HEADER, HERS.strip() + f",{EMAIL},more\n", BOBS, id="more fields"),
        pytest.param(HEADER, f"8,Bob,bob@x.example,US,see {EMAIL}\n", BOBS, id="more of others"),
        pytest.param(HEADER, f"7,{NAME}\n", BOBS, id="torn, with the id"),
        pytest.param(HEADER, '"7\n', BOBS, id="torn within the quotes"),
        pytest.param(HEADER, f"ace,{EMAIL.upper()},UK\n", BOBS, id="torn, with the address"),
        pytest.param(HEADER, f"{NAME} (7)\n", BOBS, id="torn, with name and id"),
        pytest.param(HEADER, f",{NAME},{EMAIL},UK\n", BOBS, id="without an id"),
        pytest.param(HEADER, "", f"8,{NAME},b@x.example,UK\n", id="a namesake"),
        pytest.param(HEADER, "", f"8,{NAME},7\n{NAME}\n", id="a torn namesake, and the name alone"),
        pytest.param(HEADER, "", f"8,B,not.{EMAIL},UK\n8,B,{EMAIL}.org,UK\n", id="longer address"),
        pytest.param("", HERS, BOBS + EVES, id="no header"),
        pytest.param(BOBS, HERS, EVES, id="no header, in the middle"),
        pytest.param("x,y\n", f"{EMAIL},1\n7,2\n", "5,7\n", id="another file altogether"),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_the_persons_records_go_and_all_other_bytes_stay(
    landing, tmp_path, before, hers, after, newline
):
    file = put(tmp_path, "2025-10-30/users.csv", (before + hers + after).replace("\n", newline))
    assert cleared(landing, file) == (before + after).replace("\n", newline)


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_encoding_and_separator_are_detected_from_the_file(landing, tmp_path, separator, encoding):
    whole = [HEADER, "8,Zoë,zoe@x.example,US\n", HERS, EVES]
    texts = [text.replace(",", separator).encode(encoding) for text in whole]
    file = put(tmp_path, "2025-10-30/users.csv", b"".join(texts))
    list(erase(landing, USERS, traces()))
    assert file.read_bytes() == b"".join([*texts[:2], *texts[3:]])


def test_damaged_bytes_of_others_stay_and_those_of_the_person_go(landing, tmp_path):
    bad = [b"8,B\xffb,bob@x.example,\xc3\xa9\n", b"7,A\xffa,x,\xc3\xa9\n", "9,Zoë,é,ü\n".encode()]
    file = put(tmp_path, "2025-10-30/users.csv", b"".join([HEADER.encode(), *bad]))
    list(erase(landing, USERS, traces()))
    assert file.read_bytes() == b"".join([HEADER.encode(), bad[0], bad[2]])


@pytest.mark.parametrize(
    "path",
    ["2020-01-01/late.csv", "2025-10-30/.users.csv.part", "2025-10-30/users.txt", "users.csv",
     "old/2025-10-30/deeper/users.csv", "2025-99-99/users.csv"],
)  # fmt: skip
def test_a_file_of_any_name_and_folder_is_searched(landing, tmp_path, path):
    file = put(tmp_path, path, HEADER + HERS + BOBS)
    assert cleared(landing, file) == HEADER + BOBS


def test_a_file_without_the_person_is_not_touched(landing, tmp_path):
    file = put(tmp_path, "2025-10-30/users.csv", HEADER + BOBS)
    empty = put(tmp_path, "2025-10-30/empty.csv", "")
    before = [path.stat() for path in (file, empty)]
    assert list(erase(landing, USERS, traces())) == []
    assert [path.stat()[:9] for path in (file, empty)] == [state[:9] for state in before]
    assert [path.stat().st_mtime_ns for path in (file, empty)] == [s.st_mtime_ns for s in before]


def test_a_file_is_replaced_at_once_and_keeps_its_permissions(landing, tmp_path):
    file = put(tmp_path, "2025-10-30/users.csv", HEADER + HERS + BOBS)
    file.chmod(0o640)
    with file.open("rb") as reader:
        assert list(erase(landing, USERS, traces())) == [1]
        assert reader.read().decode() == HEADER + HERS + BOBS
    assert file.stat().st_mode & 0o777 == 0o640
    assert list(file.parent.iterdir()) == [file]


def test_what_a_killed_process_left_of_replacing_a_file_is_removed(landing, tmp_path):
    left = put(tmp_path, "2025-10-30/.users.csv.anew", HEADER + HERS)
    list(erase(landing, USERS, traces()))
    assert not left.exists()


def test_names_and_addresses_are_learned_from_any_file(landing, tmp_path):
    put(tmp_path, "2020-01-01/users.csv", f"{HEADER}7,A. L.,old@x.example,UK\n")
    put(tmp_path, "2025-10-30/users.csv", f"{HEADER}7.0,{NAME},n/a,UK\n{BOBS}7,-\n")
    known = PersonIdentifiers(frozenset([ADA]))
    learn(landing, USERS, known)
    assert (known.emails, known.names) == ({"old@x.example"}, {ADA: {NAME, "A. L."}})


@pytest.mark.parametrize(
    ("before", "hers", "after"),
    [
        pytest.param("", "7,Ada\nLovelace,ada@x.example,UK\n", BOBS, id="torn once"),
        pytest.param(BOBS, "7,Ada\nLove\n,ada@x.example,UK\n", EVES, id="torn twice"),
        pytest.param("", "7,Ada\n,ada@x.example\n,UK\n", "torn,9\n", id="no more than it had"),
        pytest.param("", "7,Ada\nL,ada@x.example,UK\n", "8,Bob\nB,b@x.example,UK\n", id="two"),
        pytest.param("8,Bob\nB,b@x.example,UK\n", "", "torn,B,b@x.example\n", id="others torn"),
        pytest.param("", "8,Bob,b@x.example,US7,Ada,ada@x.example,UK\n", BOBS, id="joined"),
        pytest.param(BOBS, '8,B,"b, c",US"7",Ada,a@x.example,UK\n', "", id="joined, quoted"),
        pytest.param("", "8,B,b@,US9,E,e@,F7,Ada,a@,UK\n", "", id="three joined"),
        pytest.param(
            "8,B,b@x.example,US77x,Eve,7,UK\n", "", "8,7,b@,US9,7,e@,F\n", id="others joined"
        ),
    ],
)
def test_what_damage_has_torn_off_a_record_or_joined_to_another_goes(
    landing, tmp_path, before, hers, after
):
    file = put(tmp_path, "2025-10-30/users.csv", HEADER + before + hers + after)
    known = PersonIdentifiers(frozenset([ADA]))
    learn(landing, USERS, known)
    list(erase(landing, USERS, known))
    assert file.read_text() == HEADER + before + after


def test_a_damaged_object_goes_and_those_of_others_stay(landing, tmp_path):
    kept = '{"user_id": "8", "full_name": "Bob", "email": "b@x.example"}\n{"user_id": 77, "em\n'
    torn = '{"user_id": "7", "full_name": "Ada"\n'
    joined = '{"user_id": 9, "full_name": "Eve"}{"user_id": 7, "email": "ada@x.example"}\n'
    file = put(tmp_path, "2025-10-30/users.jsonl", kept + torn + joined)
    list(erase(landing, USERS, PersonIdentifiers(frozenset([ADA]))))
    assert file.read_text() == kept


def test_lines_found_by_an_address_are_erased_before_the_records_that_contain_it(landing, tmp_path):
    """Killed in between, the next run still knows the address."""
    file = put(tmp_path, "2025-10-30/users.csv", HEADER + HERS + f"torn,{EMAIL}\n" + BOBS + "7,A\n")
    assert cleared(landing, file, only_unidentified=True) == HEADER + HERS + BOBS + "7,A\n"
    assert cleared(landing, file) == HEADER + BOBS


def test_events_of_a_person_go_by_the_id_alone(tmp_path):
    header, others = (
        "user_id,title,watched_at,minutes\n",
        "8,Seven,2025-10-07,7\n77,7,2025-10-30,7\n",
    )
    file = put(tmp_path, "2025-10-30/views.csv", header + "7,Seven,2025-10-30,5\n" + others)
    assert list(erase(Landing(tmp_path, "ott/views"), VIEWS, traces())) == [1]
    assert file.read_text() == header + others


def test_a_store_behind_a_url_is_cleared_too():
    store = fsspec.filesystem("memory")
    store.pipe({"/ott/users/2025-10-30/users.csv": (HEADER + HERS + BOBS).encode()})
    try:
        assert list(erase(Landing("memory://ott/users", "ott/users"), USERS, traces())) == [1]
        assert store.cat("/ott/users/2025-10-30/users.csv").decode() == HEADER + BOBS
        assert store.find("/ott") == ["/ott/users/2025-10-30/users.csv"]
    finally:
        store.rm("/ott", recursive=True)


def test_a_full_disk_leaves_the_file_as_it_was(landing, tmp_path, monkeypatch):
    file = put(tmp_path, "2025-10-30/users.csv", HEADER + HERS + BOBS)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("movies_assets.ingest.landing.move", full)
    with pytest.raises(PermanentSourceError, match="The disk is too full for"):
        list(erase(landing, USERS, traces()))
    assert file.read_text() == HEADER + HERS + BOBS
    assert list(file.parent.iterdir()) == [file]


def test_lines_may_end_with_carriage_returns_alone(landing, tmp_path):
    whole = (HEADER + BOBS + HERS + EVES).replace("\n", "\r")
    file = put(tmp_path, "2025-10-30/users.csv", whole)
    list(erase(landing, USERS, traces()))
    assert file.read_bytes().decode() == (HEADER + BOBS + EVES).replace("\n", "\r")


@pytest.mark.parametrize("found", PACKINGS)
def test_the_persons_records_go_from_a_file_of_any_packing(landing, tmp_path, found):
    name, pack = PACKINGS[found]
    header, *records = (text.strip().split(",") for text in (HEADER, BOBS, HERS, EVES))
    file = put(tmp_path, f"2025-10-30/{name}", pack([header, *records]))
    assert list(erase(landing, USERS, traces())) == [1]
    assert rows_of(unpack(name, file.read_bytes())) == [header, records[0], records[2]]
    new = file.read_bytes()
    assert list(erase(landing, USERS, traces())) == []
    assert file.read_bytes() == new


@pytest.mark.parametrize("lines", [3, 60])
def test_rows_of_a_workbook_are_erased_with_any_kind_of_cells(landing, tmp_path, lines):
    header, hers = HEADER.strip().split(","), HERS.strip().split(",")
    text = "\n".join(f"{n},Bob,bob@x.example,US" for n in range(100, 100 + lines))
    others = [["8", text, "b@x.example", "US"], ["9", 'E "x",', "e@x.example", "FR"]]
    file = put(tmp_path, "2025-10-30/users.xlsx", to_xlsx([header, others[0], [], hers, others[1]]))
    assert list(erase(landing, USERS, traces())) == [1]
    assert rows_of(unpack("users.xlsx", file.read_bytes())) == [header, *others]


def test_a_file_behind_a_link_is_cleared_where_it_is(landing, tmp_path):
    store = put(tmp_path, "store/users.csv", HEADER + HERS + BOBS)
    (tmp_path / "2025-10-30").symlink_to(store.parent)
    assert cleared(landing, store) == HEADER + BOBS


@pytest.mark.parametrize("seed", range(20))
def test_a_file_that_is_no_text_stops_nothing(landing, tmp_path, seed):
    packed = Random(seed).randbytes(1_000)  # noqa: S311
    other = tmp_path / "2025-10-29" / "users.bin"
    other.parent.mkdir()
    other.write_bytes(packed)
    file = put(tmp_path, "2025-10-30/users.csv", HEADER + HERS + BOBS)
    assert cleared(landing, file) == HEADER + BOBS
    assert other.read_bytes() == packed


@pytest.mark.parametrize("length", range(20, 60, 4))
def test_a_file_that_cannot_be_unpacked_stops_nothing(landing, tmp_path, length):
    damaged = gzip.compress(f"{HEADER}8,Bob,bob@x.example,US\n".encode(), mtime=0)[:length]
    other = put(tmp_path, "2025-10-29/users.csv.gz", damaged)
    file = put(tmp_path, "2025-10-30/users.csv", HEADER + HERS + BOBS)
    assert cleared(landing, file) == HEADER + BOBS
    assert other.read_bytes() == damaged


@pytest.mark.parametrize("before", ["o'", "!", "é", "#", "x.", "-"])
def test_an_address_that_ends_with_the_persons_is_another_one(landing, tmp_path, before):
    others = f"8,Bob,{before}{EMAIL}\n9,Eve {before}{EMAIL}\n"
    file = put(tmp_path, "2025-10-30/users.csv", HEADER + others + HERS)
    assert cleared(landing, file) == HEADER + others


@pytest.mark.parametrize("mark", ["<{}>", "({})", '"{}"', "'{}'", "mailto:{}", " {}", r"\xff{}"])
def test_an_address_is_found_with_any_text_around_it(landing, tmp_path, mark):
    file = put(tmp_path, "2025-10-30/users.csv", f"{HEADER}torn,{mark.format(EMAIL)}\n{BOBS}")
    assert cleared(landing, file) == HEADER + BOBS


def test_traces_are_never_shown():
    assert EMAIL not in repr(traces())
    assert NAME not in repr(traces())


UUID = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"


def known_by(user_id: str) -> PersonIdentifiers:
    known = PersonIdentifiers(frozenset([user_id]))
    known.add(user_id, NAME, EMAIL)
    return known


@pytest.mark.parametrize(
    ("user_id", "hers", "others"),
    [
        ("ann", "ann,x,y,z\n", "annabel,x,y,z\nann2,x,y,z\nx-ann,x,y,z\n"),
        ("ann", '"ann",x,y,z\n', '"ann,abel",x,y,z\nAnn,x,y,z\n'),
        ("a.b+c", "a.b+c,x,y,z\n", "aXbbc,x,y,z\na.b+cd,x,y,z\na.b,x,y,z\n"),
        ('a"b,c', '"a""b,c",x,y,z\n', "a,x,y,z\n"),
        ("77", "77,x,y,z\n077,x,y,z\n", "7,x,y,z\n777,x,y,z\n"),
        (UUID, f"{UUID.upper()},x,y,z\n{{{UUID}}},x,y,z\n", f"{UUID[:-1]}7,x,y,z\n"),
        (UUID, f"urn:uuid:{UUID},x,y,z\n", f"{UUID}0,x,y,z\n"),
        # Damaged: too few fields, or quotes that do not match.
        ("ann", "ann,x\n", "annabel,x\nx,ann\n"),
        ("ann", 'ann",x\n', "ann.lee,x\n"),
        ("a.b+c", f"x,a.b+c: {NAME}\n", f"a.b+cd {NAME}\naXb+c {NAME}\n{NAME}\n"),
        ("ann", f"({NAME}) ann.\n", f"{NAME} annabel\nann-lee {NAME}\n"),
        (UUID, f"x,{UUID.upper()}\n", f"x,{UUID}0\nx,0{UUID}\n"),
        # A record of another person that names a person by a UUID.
        (UUID, f"8,Bob,b@x.example,US,{UUID.upper()}\n", "8,Bob,b@x.example,US,7\n"),
    ],
)
def test_ids_of_any_text_are_found_whole_and_as_files_spell_them(
    landing, tmp_path, user_id, hers, others
):
    file = put(tmp_path, "2025-10-30/users.csv", HEADER + BOBS + hers + others)
    list(erase(landing, USERS, known_by(user_id)))
    assert file.read_text() == HEADER + BOBS + others


@pytest.mark.parametrize(
    ("known", "written"),
    [
        ("Ada@Käse.example", "ada@xn--kse-qla.EXAMPLE"),
        ("ada@xn--kse-qla.example", "ADA@KÄSE.example"),
        ("zoë@x.example", "ZOE\u0308@x.example"),
        ("  ada@x.example\xa0", "ADA@X.EXAMPLE"),
    ],
)
def test_an_address_is_found_in_any_case_and_spelling(landing, tmp_path, known, written):
    found = PersonIdentifiers(frozenset(["7"]))
    found.add("7", None, known)
    file = put(tmp_path, "2025-10-30/users.csv", f"{HEADER}torn,{written}\n{BOBS}")
    list(erase(landing, USERS, found))
    assert file.read_text() == HEADER + BOBS


@pytest.mark.slow
def test_patterns_of_as_many_persons_as_a_run_takes_fit_into_the_engines(landing, tmp_path):
    ids = [f"person-{number:04}.{'x' * 30}" for number in range(250)]
    ids += [f"{number:08x}{UUID[8:]}" for number in range(250)]
    known = PersonIdentifiers(frozenset(ids))
    for number, user_id in enumerate(ids):
        known.add(user_id, f"Åsa Lindström-Karlsson {number}", f"p{number}@straße.example")
    file = put(tmp_path, "2025-10-30/users.csv", HEADER + BOBS + f"torn,{ids[499]}\n")
    learn(landing, USERS, known)
    list(erase(landing, USERS, known))
    assert file.read_text() == HEADER + BOBS
    patterns = [known.an_id, known.begins, known.any_id, known.rescued, known.email, known.named]
    for pattern in patterns:
        duckdb.execute("SELECT regexp_matches('nobody', ?)", [pattern]).fetchall()
