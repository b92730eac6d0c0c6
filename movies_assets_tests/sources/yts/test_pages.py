"""The quick reading of a page agrees with Python's parser, which it falls back to."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from movies_assets.sources.yts.client import _loads, _unusual, _usual
from movies_assets_tests.http_servers import page_body

NAMES = st.sampled_from(["id", "date_uploaded_unix", "torrents", "movies", "x", "é", "\ud800"])
NUMBERS = st.integers() | st.sampled_from([0, -1, 7, 10**18, 10**19, 10**30]) | st.floats()
SCALARS = st.none() | st.booleans() | NUMBERS | st.text(max_size=5) | st.just("\ud83d")
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=8,
)
HOSTILE = [
    *(b"01", b"-", b"-0", b"1.", b".5", b"+1", b"1e", b"1E+5", b"1e400", b"0x1", b"1_0", b"1 2"),
    *(b"NaN", b"Infinity", b"-Infinity", b"nan", b"tru", b"True", b"null", b"", b"/**/1"),
    *(b"9" * 4_301, b'{"x":' + b"9" * 4_301 + b"}", b'{"id":1e400,"date_uploaded_unix":1e400}'),
    *(b'"\x01"', b'"\t"', b'"\x00"', b'"\x7f"', b'"\\x41"', b'"\\u12"', b'"\\u+123"', b'"\\"'),
    *(b'"\\ud800"', b'"\\ud800\\u0041"', b'"\\udc00"', b'"\\ud83d\\ude00"', b'{"\\ud800":1}'),
    *(b'"\xff"', b'"\xc0\x80"', b'"\xed\xa0\x80"', b'"\xf4\x90\x80\x80"', b'{"\xff":1}'),
    *(b'{"id":1,"id":2,"date_uploaded_unix":5}', b'{"id":1,}', b"[1,]", b"[,1]", b"{1:2}"),
    *(b'{"id":"x","id":2,"date_uploaded_unix":5}', b'{"\\u0069d":3,"date_uploaded_unix":5}'),
    *(b'{"id":7.0,"date_uploaded_unix":5}', b'{"id":true,"date_uploaded_unix":true}'),
    *(b'{"id":-0,"date_uploaded_unix":-0}', b'{"id":1,"date_uploaded_unix":9e9}'),
    *(b"[" * 500 + b"]" * 500, b"[" * 5_000 + b"]" * 5_000, b"]", b"1]", b"\xc2\xa01", b"\x0b1"),
    *(
        b'"],"',
        b'{"movies":[]}',
        b'{"movies":[{"id":1}]}',
        b'" ,"',
        b'"movies"',
        b'"\\"movies\\":["',
    ),
]
PAGES = [
    b'{"status":"ok","data":{"movies":[%s]}}',
    b'{"data":{"movies":[%s,%s]},"data":{}}',
    b'{"data":{"movies":[{"id":1,"date_uploaded_unix":5},%s],"limit":NaN}}',
    b'{"data":{"movies":[%s],"movies":[]}}',
    b'{"data":{"x":{"movies":[%s]},"movies":[%s]}}',
    b'\xef\xbb\xbf{"data":{"movies":[%s]}}',
    b' {"data" : {"movies"\n:\t[ %s , %s ] } } ',
    b'{"data":{"movies":[%s]},"@meta":{"a":1,"a":2}}',
    b'{"data":{"movies":[%s]}}x',
    b'{"\xff":1,"data":{"movies":[%s]}}',
]


def outcome(loads: Any, body: bytes) -> Any:
    try:
        return loads(body)
    except (ValueError, RecursionError):
        return "refused"


def dumped(value: Any, *, is_ascii: bool, is_compact: bool) -> bytes:
    separators = (",", ":") if is_compact else (", ", ": ")
    text = json.dumps(value, ensure_ascii=is_ascii, separators=separators)
    return text.encode("utf-8", "surrogatepass")


@pytest.mark.parametrize("page", PAGES, ids=range(len(PAGES)))
def test_hostile_movies_are_read_or_refused_as_by_pythons_parser(page):
    for movie in HOSTILE:
        body = page.replace(b"%s", movie)
        assert outcome(_loads, body) == outcome(_unusual, body), body[:200]


@given(
    movies=st.lists(VALUES, max_size=4),
    around=st.dictionaries(NAMES, VALUES, max_size=2),
    is_ascii=st.booleans(),
    is_compact=st.booleans(),
    place=st.integers(0, 500),
    length=st.integers(0, 2),
    damage=st.sampled_from([b"", b'"', b"\\", b",", b"]", b"[", b"}", b"0", b"\xff", b"\n", b" "]),
)
@example([{"id": 1, "date_uploaded_unix": 5}] * 2, {}, False, True, 0, 0, b"")  # noqa: FBT003
@example([], {"x": {"movies": [None]}}, False, True, 0, 0, b"")  # noqa: FBT003
def test_any_page_is_read_or_refused_as_by_pythons_parser(  # noqa: PLR0913, PLR0917
    movies, around, is_ascii, is_compact, place, length, damage
):
    page = {"status": "ok", "data": {**around, "movies": movies, "n": around}}
    body = dumped(page, is_ascii=is_ascii, is_compact=is_compact)
    body = body[:place] + damage + body[place + length :]
    assert outcome(_loads, body) == outcome(_unusual, body)


def test_a_page_of_usual_movies_needs_no_other_parser():
    movies = [{"id": n, "date_uploaded_unix": 5, "title": "é\u2028", "x": [{}]} for n in range(3)]
    body = page_body(movies, 3, 50, 1)
    assert _usual(body) == _unusual(body)
