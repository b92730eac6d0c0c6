"""An id is always read in one spelling; patterns find every spelling of it and no other."""

import duckdb
import ibis
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from movies_assets.privacy.user_ids import (
    NO_USER_ID,
    NOTHING,
    any_of,
    canonical,
    canonical_column,
    field_of,
    is_an_id,
    shapes,
)

UUID = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
IDS = ibis.table({"id": "string"}, name="ids")
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
SPELLINGS = st.one_of(
    TEXTS,
    st.from_regex(r"[ \u200b]?0{0,3}[0-9]{1,20}(\.0{0,2})?\xa0?", fullmatch=True),
    st.uuids().map(lambda uuid: f"{{{str(uuid).upper()}}}"),
    st.uuids().map(lambda uuid: f" {uuid.urn}"),
)


@pytest.mark.parametrize(
    ("text", "user_id"),
    [
        ("007", "7"),
        ("7.0", "7"),
        (" 7 ", "7"),
        ("0", "0"),
        ("7.5", "7.5"),
        (UUID.upper(), UUID),
        (f"urn:uuid:{UUID}", UUID),
        (" Ann ", "Ann"),
        ("a  b", "a  b"),
    ],
)
def test_an_id_has_one_spelling(text, user_id):
    assert canonical(text) == user_id
    assert canonical(user_id) == user_id


@pytest.mark.slow
@settings(max_examples=100)
@given(st.lists(SPELLINGS, min_size=1, max_size=20))
@example(["\x1c7", "\u30007", "7\u2028", "7\n"])
def test_the_engine_reads_ids_as_python_does(texts):
    query = str(ibis.to_sql(IDS.select(id=canonical_column(IDS.id)), dialect="duckdb"))
    with duckdb.connect() as connection:
        connection.register("ids", pa.table({"id": texts}))
        found = [user_id or "" for (user_id,) in connection.execute(query).fetchall()]
    known = [canonical(text) for text in texts]
    assert found == ["" if user_id.lower() in NOTHING else user_id for user_id in known]


PLAIN = st.one_of(SPELLINGS.filter(str.isascii), st.text("ab.+7_- ")).filter(
    lambda text: not {'"', "\\", "\0"} & {*text} and canonical(text) != ""
)


@pytest.mark.slow
@settings(max_examples=100)
@given(st.lists(PLAIN, min_size=1, max_size=10), st.lists(PLAIN, max_size=10))
@example(["a.b+c", "ann", "7"], ["aXbbc", "annabel", "77"])
def test_patterns_find_every_spelling_of_an_id_and_no_other(hers, others):
    ids = {canonical(text) for text in hers}
    found = pc.match_substring_regex(pa.array([*hers, *others]), field_of(ids))
    assert found.to_pylist() == [canonical(text) in ids for text in (*hers, *others)]


@pytest.mark.parametrize(
    ("text", "names_somebody"),
    [
        *((text, True) for text in ("7", "7.0", " 007 ", UUID, "Ann", "12e5", "na", "u-0")),
        *((text, False) for text in ("", " \xa0", "N/A", "-", "0", "0.0", "-7", "7.5", "1E+18")),
    ],
)
def test_a_field_without_a_user_is_distinguished_from_an_id(text, names_somebody):
    assert pc.match_substring_regex(pa.array([text]), NO_USER_ID)[0].as_py() != names_somebody
    ids = canonical_column(IDS.id)
    query = ibis.to_sql(IDS.select(is_id=is_an_id(ids) & ids.notnull()), dialect="duckdb")
    with duckdb.connect() as connection:
        connection.register("ids", pa.table({"id": [text]}))
        assert bool(connection.execute(str(query)).fetchall()[0][0]) == names_somebody


@pytest.mark.parametrize(
    ("user_id", "other", "is_like_it"),
    [
        ("7", "123", True),
        ("7", "Ann", False),
        (UUID, UUID.replace("f", "A").upper(), True),
        (UUID, "7", False),
        ("u-1001", "u-7", True),
        ("8k2x", "k82", True),
        ("8k2x", "Ann", False),
        ("ann", "bob", False),
    ],
)
def test_an_id_is_known_by_the_looks_of_others_of_its_service(user_id, other, is_like_it):
    pattern = f"^(?:{shapes([user_id]) or 'nothing'})$"
    assert pc.match_substring_regex(pa.array([other]), pattern)[0].as_py() == is_like_it


def test_texts_are_found_as_files_and_json_spell_them():
    name = 'Zoë "A"'
    pattern = f"^(?:{any_of([name])})$"
    texts = [name, 'Zoë ""A""', 'Zoe\u0308 "A"', 'Zoë \\"A\\"', 'Zo\\u00eb \\"A\\"']
    assert pc.match_substring_regex(pa.array(texts), pattern).to_pylist() == [True] * 5
