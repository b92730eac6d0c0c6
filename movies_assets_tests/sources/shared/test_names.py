# ruff: noqa: RUF001 (names in other scripts)
"""Names of titles: which are one title, which are alike, in every script."""

import unicodedata
from collections.abc import Iterator

import duckdb
import ibis
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from movies_assets.sources.ott.silver import meant
from movies_assets.sources.shared.names import NUMERALS, identity, person_key, spelt, with_name_keys
from movies_assets.warehouse.sql import compile_sql

GIVEN = ibis.table({"title": "string", "title_name": "string"}, name="given")
KNOWN = ibis.table({"title_name": "string"}, name="known")
IDENTITY = compile_sql(GIVEN.select("title", name=identity(GIVEN.title)))
KEY = compile_sql(with_name_keys(GIVEN, key="title").select("title", "key"))
PERSON = compile_sql(GIVEN.select("title", key=person_key(GIVEN.title)))
SPELT = compile_sql(spelt(GIVEN.select("title_name")))
MEANT = compile_sql(meant(GIVEN, KNOWN))


def fill(
    connection: duckdb.DuckDBPyConnection, table: str, column: str, *texts: str | None
) -> None:
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


def keys_of(connection: duckdb.DuckDBPyConnection, *titles: str) -> list[str | None]:
    fill(connection, "given", "title", *titles)
    found = dict(connection.execute(KEY).fetchall())
    return [found[title] for title in titles]


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


ALIKE = [
    # Articles, and words for a part
    ("The Godfather", "Godfather"),
    ("A Star Is Born", "Star Is Born, A"),
    ("An American in Paris", "american in paris"),
    ("Kill Bill: Vol. 2", "Kill Bill 2"),
    ("It Chapter Two", "It: Chapter 2"),
    ("The The", "the  THE"),
    # Numerals
    ("Rocky II", "Rocky 2"),
    ("Rocky Two", "Rocky: Part 2"),
    ("Part II", "Part Two"),
    ("The Godfather: Part III", "Godfather 3"),
    ("II II", "2 2"),
    ("Film: Part One", "Film Part 1"),
    ("Film, Part I", "Film 1"),
    ("Film One", "Film 1"),
    ("Film: Episode I - The Start", "Film: Episode 1 - The Start"),
    ("Film: Season One", "Film Season 1"),
    ("Volume One Volume I", "1 1"),
    ("Naked Gun 33\u2153", "Naked Gun 33 1/3"),
    ("8\u00bd", "8 1/2"),
    ("Alien\u00b3", "Alien 3"),
    ("Rocky\u2161", "Rocky II"),
    ("\uff34\uff45\uff53\uff54\uff12", "Test 2"),
    # Signs
    ("M*A*S*H", "MASH"),
    ("M.A.S.H.", "M*A*S*H"),
    ("WALL\u00b7E", "WALL-E"),
    ("Mr. & Mrs. Smith", "Mr and Mrs Smith"),
    ("Mr. & Mrs. Am\u00e9lie", "MR AND MRS AMELIE"),
    ("Ocean's Eleven", "Ocean\u2019s Eleven"),
    ("Oceans Eleven", "Ocean's Eleven"),
    ("Spider-Man", "Spiderman"),
    ("Love \U0001f497 Story", "Love Story"),
    ("\u200bAlien\ufeff", "Alien"),
    ("??? ", " ???"),
    # Accents and letters of Latin, Greek and Cyrillic
    ("Am\u00e9lie", "Amelie"),
    ("Ame\u0301lie", "Am\u00e9lie"),
    ("The \u00c9lite", "Elite"),
    ("Stra\u00dfe", "STRASSE"),
    ("\u00c6on Flux", "AEON FLUX"),
    ("\u0130stanbul", "istanbul"),
    ("I\u015f\u0131klar", "ISIKLAR"),
    ("\u0141\u00f3d\u017a", "Lodz"),
    ("Οδυσσέας", "ΟΔΥΣΣΕΑΣ"),
    ("Ёлки", "ЕЛКИ"),
]


OTHERS = [
    ("Rocky II", "Rocky III"),
    ("Rocky", "Rocky II"),
    ("Rocky I", "Rocky"),
    ("Film: Part One", "Film: Part Two"),
    ("I, Robot", "1, Robot"),
    ("One Day", "1 Day"),
    ("One", "Alone"),
    ("8", "8\u00bd"),
    ("Seven", "Eight"),
    ("Alien", "Aliens"),
    ("???", "!!!"),
    ("The", "A"),
    ("Мой", "Мои"),
    ("कुमार", "कमार"),
    ("\u0639\u0650\u0644\u0645", "\u0639\u0644\u0645"),
    ("สี่", "สี"),
    ("が", "か"),
    ("\U0001f497", "\U0001f480"),
]
KEYS = {
    "The Film, Part II": "film2",
    "Mr. & Mrs. Smith": "mrmrssmith",
    "The": "the",
    "The A!": "thea",
    "Part II": "2",
    "???": "???",
    "\U0001f497\ufe0f\u200b": "\U0001f497",
    "千と千尋!": "千と千尋",
    "": None,
    "  ": None,
    "\u200b\ufeff": None,
    None: None,
}
PEOPLE = {
    "Robert Downey Jr.": "robertdowneyjr",
    "Zo\u00eb Kravitz": "zoekravitz",
    "L\u00e9a  SEYDOUX": "leaseydoux",
    "Conan O'Brien": "conanobrien",
    "Tom & Zo\u00eb": "tomzoe",
    "Tom and II": "tomandii",
    "??": "??",
    "": None,
    None: None,
}


@pytest.fixture(scope="module")
def keys(connection) -> dict[str | None, str | None]:
    """The keys of all names above, from one query."""
    pairs = {name for pair in (*ALIKE, *OTHERS) for name in pair}
    fill(connection, "given", "title", *pairs, *KEYS)
    return dict(connection.execute(KEY).fetchall())


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_names_of_one_title_have_one_key(keys, one, other):
    assert keys[one] == keys[other] != ""


@pytest.mark.parametrize(("one", "other"), OTHERS)
def test_names_of_other_titles_have_other_keys(keys, one, other):
    assert keys[one] != keys[other]


@pytest.mark.parametrize(("title", "key"), KEYS.items())
def test_the_key_of_a_name(keys, title, key):
    assert keys[title] == key


def test_the_key_of_a_person_has_no_case_accents_and_signs(connection):
    fill(connection, "given", "title", *PEOPLE)
    assert dict(connection.execute(PERSON).fetchall()) == PEOPLE


LETTERS = st.sampled_from("abcdefgimnostuvwzé\u00f6\u0142\u00f1\u00e7\u0107\u0159")
WORDS = st.lists(st.text(LETTERS, min_size=1, max_size=6), min_size=1, max_size=4)
SIGN = st.sampled_from(["!", ":", ",", " - ", "?", "\u2026", "\u201c", "\u200b", "*", "."])


NUMBERED = [{str(n), *words.split()} for n, words in enumerate(
    ("one i", "two ii", "three iii", "four iv", "five v", "six vi", "seven vii", "eight viii",
     "nine ix", "ten x"), 1)]  # fmt: skip
PARTS = st.sampled_from(["part", "vol.", "volume", "chapter", "episode", "season"])


class TestEveryKey:
    """What holds for the key of any name."""

    @settings(max_examples=15)
    @given(WORDS, SIGN, SIGN)
    @example(["the"], "!", ":")
    @example(["ii", "the"], ".", "*")
    def test_is_that_without_case_accents_signs_blanks_and_a_leading_article(
        self, connection, words, before, after
    ):
        title = " ".join(words)
        bare = "".join(
            part
            for part in unicodedata.normalize("NFD", title.replace("\u0142", "l"))
            if not unicodedata.combining(part)
        )
        spelt = [
            title,
            title.upper(),
            bare,
            unicodedata.normalize("NFD", title),
            "  ".join(words),
            f" {before}{title}{after} ",
        ]
        if not all(word in {"the", "a", "an", "and"} for word in bare.split()):
            spelt += [f"The {title}", f"{title}, A"]
        assert len(set(keys_of(connection, *spelt))) == 1

    @pytest.mark.slow
    @MODEST
    @given(NAMED)
    @example("The A")
    # Accents of a digit beside a sign of another script, of such a sign, and of a ligature.
    @example("1\u0308\u3002")
    @example("\ud7fc\u0300")
    @example("\u01e3")
    def test_is_its_own_key_unless_it_reads_as_a_numeral(self, connection, title):
        (key,) = keys_of(connection, title)
        if key is not None and key not in {*NUMERALS, "one", "i"}:
            assert keys_of(connection, key) == [key]

    @settings(max_examples=15)
    @given(WORDS, PARTS, st.sampled_from(NUMBERED), WORDS)
    def test_is_the_same_for_any_numeral_after_a_part_and_at_the_end(
        self, connection, words, part, numerals, more
    ):
        name, rest = " ".join(words), " ".join(more)
        for title in ("{name} {part} {number}: {rest}", "{name} {number}"):
            spelt = [
                title.format(name=name, part=part, number=number, rest=rest) for number in numerals
            ]
            assert len({*keys_of(connection, *spelt, *map(str.upper, spelt))}) == 1

    @settings(max_examples=8)
    @given(st.lists(st.text(st.sampled_from("abIiVTtwohe &'.*!-2"), max_size=16), min_size=1))
    @example(["The Two & II", "&"])
    def test_is_the_same_for_ascii_names_on_the_way_of_all_others(self, connection, titles):
        # A zero-width space is dropped, and not ASCII.
        others = keys_of(connection, *(f"{title}\u200b" for title in titles))
        assert keys_of(connection, *titles) == others

    @pytest.mark.slow
    @MODEST
    @given(NAMED)
    def test_is_known_if_the_name_is(self, connection, title):
        (key,) = keys_of(connection, title)
        assert (key is None) == (identity_of(connection, title) is None)
