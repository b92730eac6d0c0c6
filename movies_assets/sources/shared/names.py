"""Compare names of titles: their identity, and spellings that may mean the same title.

Identity and matching differ. A catalogue identifies titles by `identity`: as written, except for
case and blanks. An event that names a title may spell it in another way; then `spelt` is compared.
Two catalogues write articles and numerals differently; `with_name_keys` is for names of both.
All work for any script, and use only features of every engine: tables of letters, replacing, and
regular expressions without names of scripts, which differ among engines.
"""

import unicodedata
from collections.abc import Callable, Iterable, Iterator
from functools import reduce
from typing import Any

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from movies_assets.sources.shared.parsing import UNSEEN, tidy

NAMES = dt.Array(dt.string)
# The ranges of accented letters in three scripts, and of the combining marks.
LETTERS = (
    r"A-Za-z\x{aa}\x{ba}\x{c0}-\x{2af}\x{370}-\x{52f}\x{1c80}-\x{1c8f}\x{1d00}-\x{1dbf}"
    r"\x{1e00}-\x{1fff}\x{2c60}-\x{2c7f}\x{a640}-\x{a69f}\x{a720}-\x{a7ff}"
)
ACCENTS = (
    r"\x{300}-\x{36f}\x{483}-\x{487}\x{1ab0}-\x{1aff}\x{1dc0}-\x{1dff}\x{20d0}-\x{20ff}"
    r"\x{fe20}-\x{fe2f}"
)
LATIN_AND_GREEK = [*range(0xC0, 0x250), *range(0x370, 0x400), *range(0x1E00, 0x2000)]
CYRILLIC = [*range(0x400, 0x530), *range(0x1C80, 0x1C90)]
# In Cyrillic an accent usually makes another letter, such as й. Only ye (U+0435) with dots or a
# stress mark, and i (U+0438) with a stress mark, are the same letter.
STRESSED_CYRILLIC = "\u0400\u0401\u040d\u0450\u0451\u045d"
# Letters with a stroke or without their dot, which Unicode does not decompose.
STROKES = dict(zip("łŁøØđĐħĦŧŦı", "lLoOdDhHtTi", strict=True))
# Letters that expand to several by case folding or without accents.
SEVERAL_BY_CASE = {
    "İ": "i\u0307", "ß": "ss", "ẞ": "ss",
    "ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st",
}  # fmt: skip
LIGATURES = {
    "æ": "ae", "ǣ": "ae", "ǽ": "ae", "œ": "oe", "ß": "ss",
    "Æ": "AE", "Ǣ": "AE", "Ǽ": "AE", "Œ": "OE",
}  # fmt: skip
SEVERAL_BY_ACCENT = {**LIGATURES, "&": " and "}
# Some of them are letters in Unicode.
APOSTROPHES = r"['`\x{b4}\x{2b9}\x{2bb}-\x{2bd}\x{2018}\x{2019}\x{201b}\x{2032}\x{ff07}]"
SIGNS = rf"[^\p{{L}}\p{{M}}\p{{N}} ]|{APOSTROPHES}"
NOT_ASCII = "[^ -~]"
# Letters and marks that are not Latin ones.
BEYOND_LATIN = r"[\x{250}-\x{2ff}\x{370}-\x{1dff}\x{1f00}-\x{1fff}\x{2c00}-\x{10ffff}]"
# They choose how a sign looks, and are marks in Unicode.
VARIANTS = r"[\x{fe00}-\x{fe0f}]"
SIGNS_AND_BLANKS = r"[^\p{L}\p{M}\p{N}]+"
DROPPED = rf"{APOSTROPHES}|[.*]"
# Digits and letters that also have a usual form: superscripts, fractions, Roman numerals, and those
# of full width.
OTHER_FORMS = (
    r"[\x{b2}\x{b3}\x{b9}\x{bc}-\x{be}\x{2070}-\x{2089}\x{2150}-\x{217f}\x{2189}\x{ff01}-\x{ff5e}]"
)
NUMBERS = [0xBC, 0xBD, 0xBE, *range(0x2150, 0x2180), 0x2189]
DIGITS_AND_LETTERS = [0xB2, 0xB3, 0xB9, *range(0x2070, 0x208A), *range(0xFF01, 0xFF5F)]
# Words of keys, with a blank on each side.
LEFT_OUT = " (the|a|an|and|part|vol|volume|chapter) "
NUMERALS = {
    word: str(number)
    for number, words in enumerate(
        ("ii two second", "iii three third", "iv four fourth", "v five", "vi six", "vii seven",
         "viii eight", "ix nine", "x ten"),
        start=2,
    )
    for word in words.split()
}  # fmt: skip
ONE = "(?:one|i)"
# Elsewhere they are words of another meaning.
FIRST = f"( (?:part|vol|volume|chapter|episode|season) ) {ONE} | {ONE} $"


@ibis.udf.scalar.builtin(name="nfc_normalize", signature=((dt.string,), dt.string))
def composed(text: Any) -> Any:
    """Return a text in Unicode's normal form C, in which a letter and its accent are one."""


@ibis.udf.scalar.builtin(name="strip_accents", signature=((dt.string,), dt.string))
def without_marks(text: Any) -> Any:
    """Return a text without the marks of its letters, in any script."""


@ibis.udf.scalar.builtin(name="list_distinct", signature=((NAMES,), NAMES))
def distinct(names: Any) -> Any:
    """Return distinct names, without the anonymous functions of Ibis's own method."""


def _folded() -> Iterator[tuple[str, str]]:
    """Yield lower-case letters that case folding changes: final sigma, long s."""
    for letter in map(chr, [0xB5, *LATIN_AND_GREEK, *CYRILLIC]):
        folded = letter.casefold()
        if len(folded) == 1 and folded.lower() != letter.lower():
            yield letter, folded


def _unaccented() -> Iterator[tuple[str, str]]:
    """Yield the letters with accents, and their base letters."""
    for letter in [*map(chr, LATIN_AND_GREEK), *STRESSED_CYRILLIC]:
        parts = unicodedata.normalize("NFD", letter)
        bare = "".join(part for part in parts if not unicodedata.combining(part))
        if bare != letter and len(bare) == 1:
            yield letter, STROKES.get(bare, bare)
    yield from STROKES.items()


def _plain_forms(codes: Iterable[int], before: str = "") -> dict[str, str]:
    """Return characters with what Unicode's normal form KC makes of them, and a text before it."""
    forms = {chr(code): unicodedata.normalize("NFKC", chr(code)) for code in codes}
    return {letter: before + form for letter, form in forms.items() if form != letter}


FOLDED, UNACCENTED = dict(_folded()), dict(_unaccented())
PLAIN = {
    letter: bare.lower()
    for letter, bare in {**FOLDED, **UNACCENTED}.items()
    if letter == letter.lower()
}
"""Lower-case letters, and what they are without their accent."""
DIGITS, FULL_NUMBERS = _plain_forms(DIGITS_AND_LETTERS), _plain_forms(NUMBERS, " ")
UNDECOMPOSED = {
    letter: bare
    for letter, bare in PLAIN.items()
    if letter < "\u0250" and unicodedata.normalize("NFD", letter) == letter
}
"""Those of them in Latin that Unicode does not decompose, such as o with a stroke."""


def identity(title: ir.StringColumn) -> ir.StringColumn:
    """Return the identity of a title in the catalogue: without case and surplus blanks.

    Case is folded by Unicode's default, as files do not state their language: ẞ and ß are ss, final
    sigma is sigma. Turkish i with and without a dot are three letters: i, İ and the dotless one.
    Rare Greek and Armenian letters that fold to several letters are unchanged.
    """
    written = _several(composed(tidy(title)), SEVERAL_BY_CASE)
    return composed(_letters(written.lower(), FOLDED))


def spelt(names: ir.Table) -> ir.Table:
    """Return names with their spellings for comparison if no title has exactly this name.

    A spelling has no accents on Latin, Greek and Cyrillic letters, and no signs. A sign is dropped
    (M*A*S*H and MASH), or replaced by a blank (Spider-Man and Spider Man), or replaced unless it is
    an apostrophe (Rocco's Mind-Set and Roccos Mind Set): up to three spellings, and names match if
    they share one. A name of signs only is its own spelling.

    Args:
        names: rows with `title_name`, see `identity`.

    Returns:
        The rows, repeated for each `spelling` of their name.
    """
    # In steps, as one expression would replace the letters again for each spelling.
    rows = names.mutate(_bare=unaccented(names.title_name))
    ways = (
        rows["_bare"].re_replace(SIGNS, ""),
        rows["_bare"].re_replace(SIGNS, " "),
        rows["_bare"].re_replace(APOSTROPHES, "").re_replace(SIGNS, " "),
    )
    words = [way.re_replace(" +", " ").strip().nullif("") for way in ways]
    found = distinct(ibis.array([ibis.coalesce(way, rows.title_name) for way in words]))
    return rows.mutate(spelling=found).mutate(spelling=ibis._.spelling.unnest()).drop("_bare")


def unaccented(name: ir.StringColumn) -> ir.StringColumn:
    """Return a name without accents on Latin, Greek and Cyrillic letters.

    Marks of other scripts stay: they make another letter.
    """
    bare = _letters(_several(name, SEVERAL_BY_ACCENT), UNACCENTED)
    return bare.re_replace(f"([{LETTERS}])[{ACCENTS}]+", r"\1")


def with_name_keys(rows: ir.Table, **titles: str) -> ir.Table:
    """Add what the names of one title have in common in any catalogue.

    Case, accents, signs, blanks, articles and the words for a part are left out, and numerals are
    digits: 'The Film, Part II' and 'Film 2' have one key. 'One' and 'I' are numerals at the end and
    after a word such as part. A name of nothing else, such as '???' or 'The', is its own key; an
    empty one has none.

    Args:
        rows: rows with names.
        titles: the columns to add, and the column of names that each is made of.
    """
    keys = rows.mutate(**{key: rows[title] for key, title in titles.items()})
    # In steps, as an engine computes a value again in each branch that uses it.
    for step in (_simplified, _words, _with_digits, _without_articles):
        keys = keys.mutate(**{key: step(keys[key]) for key in titles}).view()
    names = {key: _simplified(keys[title]).strip() for key, title in titles.items()}
    return keys.mutate(
        **{key: ibis.coalesce(keys[key], name).nullif("") for key, name in names.items()}
    )


def _words(name: ir.StringValue) -> ir.StringValue:
    """Return the words of a name, each with a blank on both sides, so that neighbours match."""
    return " " + name.re_replace(DROPPED, "").re_replace(SIGNS_AND_BLANKS, "  ") + " "


def _with_digits(words: ir.StringValue) -> ir.StringValue:
    digits = {f" {word} ": f" {digit} " for word, digit in NUMERALS.items()}
    return ibis.ifelse(
        words.re_search(f" ({'|'.join(NUMERALS)}) |{FIRST}"),
        _several(words.re_replace(FIRST, r"\1 1 "), digits),
        words,
    )


def _without_articles(words: ir.StringValue) -> ir.StringValue:
    """Return words in one, without those left out; NULL where there are none at all."""
    found = [words.re_replace(LEFT_OUT, ""), words]
    return ibis.coalesce(*(key.replace(" ", "").nullif("") for key in found))


def person_key(name: ir.StringColumn) -> ir.StringColumn:
    """Return what the spellings of a person's name have in common: no case, accents or signs."""
    name = _simplified(name)
    key = _then(name, lambda plain: plain.re_replace(SIGNS_AND_BLANKS, "").nullif(""))
    return ibis.coalesce(key, name.strip().nullif(""))


def _then(value: ir.StringValue, function: Callable[[ir.Value], ir.Value]) -> ir.StringValue:
    """Return a function of a value that is computed once, however often the function uses it."""
    return ibis.array([value]).map(function)[0]


def _simplified(name: ir.StringValue) -> ir.StringValue:
    """Return a name in lower case without accents."""
    # Most names are ASCII; what the others need would take several times as long.
    return ibis.ifelse(name.re_search(NOT_ASCII), _plain(name), name.lower())


def _plain(title: ir.StringValue) -> ir.StringValue:
    seen = _then(title.re_replace(f"{UNSEEN}|{VARIANTS}", ""), _usual)
    return _then(_then(composed(seen), _lowered), _bare)


def _usual(text: ir.StringValue) -> ir.StringValue:
    """Return a text with its digits and letters in their usual form."""
    usual = _translated(_several(text, FULL_NUMBERS), DIGITS)
    return ibis.ifelse(text.re_search(OTHER_FORMS), usual, text)


def _lowered(text: ir.StringValue) -> ir.StringValue:
    """Return a text in lower case, without letters that stand for several."""
    letters = "".join({**SEVERAL_BY_CASE, **LIGATURES})
    several = _several(_several(text, SEVERAL_BY_CASE).lower(), LIGATURES)
    return ibis.ifelse(text.re_search(f"[{letters}]"), several, text.lower())


def _bare(name: ir.StringValue) -> ir.StringValue:
    """Return a name in lower case without accents."""
    # Engines parse a table of letters for each text, which takes longer than all else.
    plain = ibis.cases(
        (~name.re_search(BEYOND_LATIN), _translated(without_marks(name), UNDECOMPOSED)),
        (name.re_search(f"[{''.join(PLAIN)}]"), _translated(name, PLAIN)),
        else_=name,
    )
    # An accent of a sign would be left alone when the sign is removed.
    return plain.re_replace(rf"(^|[{LETTERS}]|[^\p{{L}}\p{{M}}])[{ACCENTS}]+", r"\1")


def _letters(text: ir.StringColumn, table: dict[str, str]) -> ir.StringColumn:
    """Replace letters; skip ASCII texts, as engines parse the table for each text."""
    return ibis.ifelse(text.re_search(NOT_ASCII), _translated(text, table), text)


def _translated(text: ir.StringColumn, table: dict[str, str]) -> ir.StringColumn:
    return text.translate("".join(table), "".join(table.values()))


def _several(text: ir.StringColumn, table: dict[str, str]) -> ir.StringColumn:
    return reduce(lambda result, pair: result.replace(*pair), table.items(), text)
