# ruff: noqa: RUF001 (names in other scripts)
"""Names of titles: which are one title, which are alike, in every script."""

import unicodedata
from collections.abc import Iterator

import duckdb
import ibis
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from movies_assets.sources.shared.names import identity, spelt
from movies_assets.sources.ott.silver import meant
from movies_assets.warehouse.sql import compile_sql

GIVEN = ibis.table({"title": "string", "title_name": "string"}, name="given")
KNOWN = ibis.table({"title_name": "string"}, name="known")
IDENTITY = compile_sql(GIVEN.select("title", name=identity(GIVEN.title)))
SPELT = compile_sql(spelt(GIVEN.select("title_name")))
MEANT = compile_sql(meant(GIVEN, KNOWN))


def fill(connection: duckdb.DuckDBPyConnection, table: str, column: str, *texts: str) -> None:
    connection.execute(f"DELETE FROM {table}")
    for text in texts:
        connection.execute(f"INSERT INTO {table} ({column}) VALUES (?)", [text])


def ready(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("CREATE TEMP TABLE given (title VARCHAR, title_name VARCHAR)")
    connection.execute("CREATE TEMP TABLE known (title_name VARCHAR)")


def identity_of(connection: duckdb.DuckDBPyConnection, title: str) -> str:
    fill(connection, "given", "title", title)
    ((_, name),) = connection.execute(IDENTITY).fetchall()
    return name


def spellings_of(connection: duckdb.DuckDBPyConnection, title: str) -> set[str]:
    fill(connection, "given", "title_name", identity_of(connection, title))
    return {spelling for _, spelling in connection.execute(SPELT).fetchall()}


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as connection:
        ready(connection)
        yield connection


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("  DARK\xa0\u2003Forces\u200b ", "dark forces"),
        ("Blame!", "blame!"),
        ("Se\u0301bastian", "sébastian"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("STRA\u1e9eE", "strasse"),
        ("ΟΔΥΣΣΕΥΣ", "οδυσσευσ"),
        ("Οδυσσευς", "οδυσσευσ"),
        ("ISTANBUL", "istanbul"),
        ("\u0130stanbul", "i\u0307stanbul"),
        ("I\u0307stanbul", "i\u0307stanbul"),
        ("\u0131", "\u0131"),
        ("\ufb01lm", "film"),
        ("ӘЙЕЛ", "әйел"),
        ("कुमार", "कुमार"),
        ("が", "が"),
        ("か\u3099", "が"),
        ("???", "???"),
    ],
)
def test_a_title_is_as_written_but_for_case_and_blanks(connection, title, name):
    assert identity_of(connection, title) == name


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # Latin
        ("Sébastian", "Sebastian"),
        ("x\u0301y", "xy"),
        ("Ångström", "ANGSTROM"),
        ("Đặng", "dang"),
        ("Łódź", "Lodz"),
        ("Smørrebrød", "smorrebrod"),
        ("Işıklar", "IŞIKLAR"),
        ("Işıklar", "ISIKLAR"),
        ("\u0130stanbul", "istanbul"),
        ("Œuvre", "oeuvre"),
        ("Ægir", "AEGIR"),
        # Greek
        ("Οδυσσέας", "ΟΔΥΣΣΕΑΣ"),
        ("Ἑλλάς", "Ελλας"),
        ("Μαΐου", "ΜΑΙΟΥ"),
        # Cyrillic
        ("Ёлки", "ЕЛКИ"),
        ("За\u0301мок", "замок"),
        ("Мой\u0301", "МОЙ"),
        # Signs
        ("M*A*S*H", "MASH"),
        ("Rocco's", "Roccos"),
        ("L\u2019\u00e9t\u00e9", "L'ete"),
        ("L'été", "L ete"),
        ("Rocco's Mind-Set", "Roccos Mind Set"),
        ("Spider-Man", "Spider Man"),
        ("Spider\u2013Man (Part 2)", "Spiderman: Part 2"),
        ("Tom & Jerry", "Tom and Jerry"),
        ("Hawai\u02bbi", "Hawaii"),
        ("千と千尋!", "千と千尋"),
    ],
)
def test_names_are_alike_without_accents_and_signs(connection, one, other):
    assert spellings_of(connection, one) & spellings_of(connection, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("कुमार", "कमार"),  # Devanagari
        ("কী", "কি"),  # Bengali
        ("தமிழ்", "தமிழ"),  # Tamil
        ("สี่", "สี"),  # Thai
        ("が", "か"),  # Japanese
        ("ガ", "カ"),
        ("\u0639\u0650\u0644\u0645", "\u0639\u0644\u0645"),  # Arabic
        ("\u05e9\u05c1", "\u05e9\u05c2"),  # Hebrew
        ("\u0710\u0308", "\u0710"),  # Syriac, with a mark that Latin has too
        ("Мой", "Мои"),  # Cyrillic letters of their own
        ("Їжак", "Іжак"),
        ("Ќе", "Ке"),
        ("Now Here", "Nowhere"),
        ("???", "!!!"),
        ("8", "8½"),
    ],
)
def test_marks_of_other_scripts_make_other_words(connection, one, other):
    assert not spellings_of(connection, one) & spellings_of(connection, other)


NAMED = st.text(
    st.one_of(
        st.sampled_from("aAeEéÉsSß'&*!- İıIiñŁłёЁйЙσςΣάΆकुमのが\u0301\u0308\u200d\u0307"),
        st.characters(exclude_categories=["Cs", "Cc"]),
    ),
    max_size=12,
)
MODEST = settings(max_examples=60)


class TestEveryName:
    """What holds for any text."""

    @pytest.mark.slow
    @MODEST
    @given(NAMED)
    @example("\u0130\u0301")
    @example("\u1fbe \u0345")
    def test_folding_again_changes_nothing(self, connection, title):
        name = identity_of(connection, title)
        if name is None:
            return
        assert identity_of(connection, name) == name
        for spelling in spellings_of(connection, name):
            assert spellings_of(connection, spelling) == {spelling}

    @MODEST
    @given(NAMED)
    def test_one_title_has_one_spelling_for_any_form_and_case(self, connection, title):
        name = identity_of(connection, title)
        assert identity_of(connection, unicodedata.normalize("NFD", title)) == name
        assert identity_of(connection, f" {title}\xa0") == name

    @pytest.mark.slow
    @MODEST
    @given(st.lists(NAMED, max_size=6), NAMED)
    @example(["a", "a!"], "a?")
    @example(["a!"], "a")
    def test_no_two_titles_become_one(self, connection, titles, event):
        names = {name for t in titles if (name := identity_of(connection, t)) is not None}
        asked = {*names, identity_of(connection, event)} - {None}
        fill(connection, "known", "title_name", *names)
        fill(connection, "given", "title_name", *asked)
        found = connection.execute(MEANT).fetchall()
        for name in names:
            assert [meaning for asked, meaning in found if asked == name] == [name]
        assert {meaning for _, meaning in found} <= names
