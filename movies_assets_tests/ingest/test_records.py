"""One grammar: a line has one outcome, with any reader and any lines around it."""

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from movies_assets.ingest.records import LINE, PROBLEM, RECORD, Lines, RecordReader, split

NAMES = ["value", "note", "show_id"]
NOT_CLOSED, BEHIND = "a quote is not closed", "text between a closing quote and the separator"


def read(text: str | bytes, names: list[str] | None = None, **kwargs: Any) -> list[dict[str, Any]]:
    content = text if isinstance(text, bytes) else text.encode()
    lines = Lines(content if content.endswith((b"\n", b"\r")) else content + b"\n", b",")
    reader = RecordReader(lines, names or NAMES, first=0, number=1, encoding="utf-8")
    rows = reader.read(**kwargs).rows.to_pylist()
    return sorted(rows, key=lambda row: int(row[RECORD]))


def outcomes(text: str | bytes, names: list[str] | None = None) -> list[Any]:
    """Return the values of each record, or why it is refused."""
    names = names or NAMES
    return [row[PROBLEM] or [row[name] for name in names] for row in read(text, names)]


LINES = {
    "a,b,1": ["a", "b", "1"],
    ",,": [None, None, None],
    '"a",""," b "': ["a", None, " b "],
    '"a, ""b""",c,1': ['a, "b"', "c", "1"],
    '12" Vinyl,b,1': ['12" Vinyl', "b", "1"],
    'The "Best" Man,b,1': ['The "Best" Man', "b", "1"],
    ' "a",b,1': [' "a"', "b", "1"],
    "C:\\new,b,1": ["C:\\new", "b", "1"],
    "a,b,1,, ": ["a", "b", "1"],
    '"Swing it" professor,b,1': BEHIND,
    '"a" ,b,1': BEHIND,
    '"He said \\"go\\" and left",b,1': BEHIND,
    '"He said \\"go\\", and left",b,1': BEHIND,
    '"a"b",c,1': BEHIND,
    'a,"b,1': NOT_CLOSED,
    'a,b,"': NOT_CLOSED,
    "a,b": "2 of 3 fields",
    "a": "1 of 3 fields",
    " ": "1 of 3 fields",
    "a,b,1,c": "4 fields in place of 3",
    "a,b,190,,Movie": "5 fields in place of 3",
    "a\0,b,1": "a NUL character",
}
SOUND = 'x,"y ""z""",2'


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("line", LINES)
def test_a_line_has_one_outcome_in_any_place(line, newline):
    sound = ["x", 'y "z"', "2"]
    for before, after in (("", ""), (SOUND, ""), ("", SOUND), (SOUND, SOUND), ("x,y,2", 'x,5",2')):
        text = newline.join(filter(None, [before, line, after]))
        others = {"": [], SOUND: [sound], "x,y,2": [["x", "y", "2"]], 'x,5",2': [["x", '5"', "2"]]}
        assert outcomes(text) == [*others[before], LINES[line], *others[after]]


def test_a_bad_byte_costs_its_line_only_and_is_written_out():
    assert [(row[PROBLEM], row[LINE]) for row in read(b"a,b,1\n\xff,b,2\nc,d,3")] == [
        (None, None),
        ("not utf-8", "\\xff,b,2"),
        (None, None),
    ]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ('"a\nb",c,1', ["a\nb", "c", "1"]),
        ('a,"b\r\n\r\nc",1', ["a", "b\r\n\r\nc", "1"]),
        ('a,b,"1\n2"', ["a", "b", "1\n2"]),
        ('"a\nb","c\nd",1', ["a\nb", "c\nd", "1"]),
        ('"a, b\nc, d",e,1', ["a, b\nc, d", "e", "1"]),
        ('"a\n""b"", c\nd",e,1', ['a\n"b", c\nd', "e", "1"]),
    ],
)
def test_a_quoted_value_may_have_line_breaks(text, values):
    sound = ["x", 'y "z"', "2"]
    assert outcomes(f"{SOUND}\n{text}\n{SOUND}") == [sound, values, sound]


def test_look_ups_of_two_columns_may_have_values_of_several_lines():
    names = ["value", "show_id"]
    text = 'Ada,1\n"Bob\nBy, or\nBe",2\nCy,3\n'
    assert outcomes(text, names) == [["Ada", "1"], ["Bob\nBy, or\nBe", "2"], ["Cy", "3"]]


@pytest.mark.parametrize("between", [0, 1, 3])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_two_quotes_that_are_never_closed_swallow_nothing(between, place):
    def line(number: int, before: str = "", behind: str = "") -> str:
        fields = [f"v{number}", f"n{number}", str(number)]
        fields[place] = before + fields[place] + behind
        return ",".join(fields)

    numbers = range(2, 2 + between)
    text = "\n".join([line(0), line(1, '"'), *map(line, numbers), line(9, "", '"'), line(10)])
    found = outcomes(text)
    assert found[1] == NOT_CLOSED
    assert [row[0] for row in found[2:-2]] == [f"v{number}" for number in numbers]
    assert found[-2] == line(9, "", '"').split(",")


def test_a_quote_that_is_open_for_many_lines_was_never_closed():
    torn = "\n".join(["x"] * 60)
    assert outcomes(f'"a\n{torn}",b,1')[:2] == [NOT_CLOSED, "1 of 3 fields"]


def test_a_record_over_several_lines_with_a_bad_byte_is_refused_as_one():
    rows = read(b'"The\xff\nMemphis",2001,1\n')
    assert [(row[PROBLEM], row[LINE]) for row in rows] == [
        ("not utf-8", '"The\\xff\nMemphis",2001,1')
    ]


PIECES = [
    "7", "Ada", '"', '""', ",", " ", "\n", "\r\n", "\r", "\n\n", "é", "\0", '"a,\nb"', "x,y,8\n",
    '"q""q",x,1\n', ',",", France",', "\\",
]  # fmt: skip


@settings(max_examples=300)
@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
@example('1,2,"3\n4,5,6')
def test_the_fast_reader_and_the_exact_one_agree(text):
    assert read(text) == read(text, exactly=True)


@settings(max_examples=200)
@given(st.lists(st.text(st.characters(exclude_characters="\r\n", codec="utf-8")), min_size=1))
def test_fields_are_read_as_they_were_written(fields):
    written = ['"' + field.replace('"', '""') + '"' for field in fields]
    assert split(",".join(written).encode(), b",") == [field.encode() for field in fields]
