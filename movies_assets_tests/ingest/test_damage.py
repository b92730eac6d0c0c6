"""Damage costs its own line only, in a file of any format; and no byte is lost."""

from functools import partial
from io import BytesIO
from typing import Any

import pytest
from hypothesis import example, given, settings

from movies_assets.definitions import TABLES
from movies_assets.ingest.reading import FileRecords
from movies_assets.ingest.records import LINE, PROBLEM, RECORD, split
from movies_assets.privacy.identifiers import PersonIdentifiers
from movies_assets.privacy.landing import erase
from movies_assets.warehouse.delimited import DelimitedFile, read
from movies_assets_tests.ingest.damage import (
    COLUMNS,
    ENCODINGS,
    Damage,
    Sound,
    damaged,
    damages,
    plain,
    sound_files,
)

ID = "user_id"
USERS = TABLES["bronze.ott_users"]


def far(sound: Sound, touched: list[tuple[int, int]]) -> list[int]:
    """Return the records that are more than one line away from damage."""
    near = {number + step for number, _ in touched for step in (-1, 0, 1)}
    return [number for number in range(len(sound.records)) if number not in near]


def read_users(content: bytes) -> FileRecords:
    found = read(DelimitedFile("users.csv", partial(BytesIO, content)), USERS)
    assert found
    return found


def values(found: FileRecords) -> list[dict[str, Any]]:
    return [
        {name: row.get(name) for name in COLUMNS}
        for row in found.rows.to_pylist()
        if row[PROBLEM] is None
    ]


def sound_records_are_unchanged_and_no_byte_is_lost(sound: Sound, done: list[Damage]) -> None:
    content, touched = damaged(sound, done)
    found = read_users(content)
    rows = values(found)
    assert all(sound.rows[number] in rows for number in far(sound, touched))
    count = len(found.above) + found.rows.num_rows
    mark = found.without(range(1, 1 + count))
    assert mark + b"".join(map(found.record, range(1, 1 + count))) == content
    for row in found.rows.to_pylist():
        record = found.record(row[RECORD])
        if row[LINE] is not None:
            assert row[PROBLEM]
            assert is_kept(record, row[LINE], found.profile.encoding)
        else:
            text = record.decode(found.profile.encoding)
            fields = split(without_end(text).encode(), sound.separator.encode())
            assert [field.decode() for field in fields[: len(COLUMNS)]] == [
                row[name] or "" for name in found.profile.columns
            ]


def is_kept(record: bytes, line: str, encoding: str) -> bool:
    """Say whether a refused record is kept: bytes that are no characters are written out."""
    if encoding.startswith("utf-16"):
        # Of two bytes lost in one line the characters between them are others, and are kept so.
        plain = record.replace(b"\0", b"").decode("latin-1")
        is_other = any(char > "\xff" and char not in "“”" for char in line)
        return is_other or letters(plain) in letters(line)
    text = without_end(record.decode(encoding, "backslashreplace"))
    return line == text.replace("\0", r"\x00")


def letters(text: str) -> str:
    """Return the letters of a text without those that spell a byte."""
    text = text.replace(r"\xff", "").replace(r"\x00", "")
    return "".join(char for char in text if char.isascii() and char.isalnum())


def without_end(text: str) -> str:
    """Return a record without the line end, and empty lines, behind it."""
    return text.rstrip("\r\n")


class OneFile:
    """A landing folder of one file, in memory."""

    name = "ott/users"

    def __init__(self, content: bytes) -> None:
        self.content = content

    def everything(self) -> list[str]:
        return ["users.csv"]

    def open(self, _path: str) -> BytesIO:
        return BytesIO(self.content)

    def replace(self, _path: str, pieces: Any) -> None:
        self.content = b"".join(pieces)


def a_person_goes_and_others_stay(sound: Sound, done: list[Damage]) -> None:
    if not sound.head.removeprefix(ENCODINGS[sound.encoding]).decode(sound.codec).startswith(ID):
        # A torn record is found by the id with which it begins.
        return
    content, touched = damaged(sound, done)
    person = len(sound.rows) // 2
    row = sound.rows[person]
    traces = PersonIdentifiers(frozenset([person + 1]))
    traces.add(person + 1, row["full_name"], row["email"])
    landing: Any = OneFile(content)
    list(erase(landing, USERS, traces))
    for number in far(sound, touched):
        if number != person:
            assert sound.records[number] in landing.content
    beside = [(number, at) for number, at in touched if number in (person - 1, person)]
    id_bytes = len(sound.spelt[person][0].encode(sound.codec))
    if any(number == person and at < id_bytes for number, at in beside) or len(beside) > 1:
        # A damaged id may be the id of another person, whose record stays.
        return
    for name in ("full_name", "email"):
        assert str(row[name]).encode(sound.codec) not in landing.content


RULES = [sound_records_are_unchanged_and_no_byte_is_lost, a_person_goes_and_others_stay]


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=100)
@given(sound=sound_files(), done=damages)
@example(plain("utf-16-le", 7), [Damage("drop", 0.1426)])
@example(plain("utf-16-be", 5), [Damage("drop", 0.625), Damage("drop", 0.25)])
@example(plain("utf-16-le", 3), [Damage("insert", 0, "\n"), Damage("double", 0)])
@example(plain("utf-16-be", 6), [Damage("insert", 0.6875, b"\xff"), Damage("drop", 0.498)])
@example(plain("cp1252", 4), [Damage("insert", 0.6, b"\x81")])
@example(plain("utf-8", 3, "two\nlines"), [Damage("join", 0)])
def test_damage_costs_its_own_line_only(rule, sound, done):
    rule(sound, done)


@pytest.mark.slow
@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=2_000)
@given(sound=sound_files(), done=damages)
def test_damage_costs_its_own_line_only_in_many_files(rule, sound, done):
    rule(sound, done)
