"""Names of titles: when two are one title, and which title a name may mean.

Identity and matching are two things. The catalogue holds titles by `identity`: as written, but for
case and blanks. An event that only names a title may spell it in another way; what is compared then
is `spelt`. Both are for any script, and use only what every engine has: tables of letters,
replacing, and regular expressions without scripts' names, which engines spell differently.
"""

import unicodedata
from collections.abc import Iterator
from functools import reduce
from typing import Any

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from movies_assets.sources.shared.parsing import tidy

NAMES = dt.Array(dt.string)
# Where the letters of the three scripts are that have accents, and the marks that are accents.
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
# In Cyrillic an accent makes another letter, such as й. Only ye (U+0435) with dots or a stress
# mark, and i (U+0438) with a stress mark, are the same letter.
STRESSED_CYRILLIC = "\u0400\u0401\u040d\u0450\u0451\u045d"
# Letters with a stroke or without their dot, which Unicode does not take apart.
STROKES = dict(zip("łŁøØđĐħĦŧŦı", "lLoOdDhHtTi", strict=True))
# Letters that become several: by folding case, and without accents.
SEVERAL_BY_CASE = {
    "İ": "i\u0307", "ß": "ss", "ẞ": "ss",
    "ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st",
}  # fmt: skip
SEVERAL_BY_ACCENT = {"æ": "ae", "œ": "oe", "Æ": "AE", "Œ": "OE", "ß": "ss", "&": " and "}
# Some of them are letters to Unicode.
APOSTROPHES = r"['`\x{b4}\x{2b9}\x{2bb}-\x{2bd}\x{2018}\x{2019}\x{201b}\x{2032}\x{ff07}]"
SIGNS = rf"[^\p{{L}}\p{{M}}\p{{N}} ]|{APOSTROPHES}"


@ibis.udf.scalar.builtin(name="nfc_normalize", signature=((dt.string,), dt.string))
def composed(text: Any) -> Any:
    """Return a text in Unicode's normal form C, in which a letter and its accent are one."""


@ibis.udf.scalar.builtin(name="list_distinct", signature=((NAMES,), NAMES))
def distinct(names: Any) -> Any:
    """Return each name once; Ibis's own way needs anonymous functions."""


def _folded() -> Iterator[tuple[str, str]]:
    """Yield letters that differ in case only, and yet are no capitals: final sigma, long s."""
    for letter in map(chr, [0xB5, *LATIN_AND_GREEK, *CYRILLIC]):
        folded = letter.casefold()
        if len(folded) == 1 and folded.lower() != letter.lower():
            yield letter, folded


def _unaccented() -> Iterator[tuple[str, str]]:
    """Yield the letters that have accents, and what they are without."""
    for letter in [*map(chr, LATIN_AND_GREEK), *STRESSED_CYRILLIC]:
        parts = unicodedata.normalize("NFD", letter)
        bare = "".join(part for part in parts if not unicodedata.combining(part))
        if bare != letter and len(bare) == 1:
            yield letter, STROKES.get(bare, bare)
    yield from STROKES.items()


FOLDED, UNACCENTED = dict(_folded()), dict(_unaccented())


def identity(title: ir.StringColumn) -> ir.StringColumn:
    """Return a title as the catalogue tells it from others: without case and surplus blanks.

    Case is folded as Unicode does by default, for no file says its language: ẞ and ß are ss, final
    sigma is sigma. Turkish's i with and without a dot are three letters: i, İ and the dotless one.
    Of what folds to several letters, rare Greek and Armenian letters stay as they are.
    """
    written = _several(composed(tidy(title)), SEVERAL_BY_CASE)
    return composed(_letters(written.lower(), FOLDED))


def spelt(names: ir.Table) -> ir.Table:
    """Return names with what they are compared by where no title has exactly this name.

    It is the name without accents of Latin, Greek and Cyrillic letters, and without signs. A sign
    counts as nothing (M*A*S*H and MASH), or as a blank (Spider-Man and Spider Man), or as a blank
    unless it is an apostrophe (Rocco's Mind-Set and Roccos Mind Set): up to three spellings, and
    two names are alike that share one. A name of signs alone has only itself.

    Args:
        names: rows with `title_name`, see `identity`.

    Returns:
        The rows, once for each `spelling` of their name.
    """
    # In steps: as one expression the letters would be replaced anew for each spelling.
    bare = _letters(_several(names.title_name, SEVERAL_BY_ACCENT), UNACCENTED)
    rows = names.mutate(_bare=bare.re_replace(f"([{LETTERS}])[{ACCENTS}]+", r"\1"))
    ways = (
        rows["_bare"].re_replace(SIGNS, ""),
        rows["_bare"].re_replace(SIGNS, " "),
        rows["_bare"].re_replace(APOSTROPHES, "").re_replace(SIGNS, " "),
    )
    words = [way.re_replace(" +", " ").strip().nullif("") for way in ways]
    found = distinct(ibis.array([ibis.coalesce(way, rows.title_name) for way in words]))
    return rows.mutate(spelling=found).mutate(spelling=ibis._.spelling.unnest()).drop("_bare")


def _letters(text: ir.StringColumn, table: dict[str, str]) -> ir.StringColumn:
    """Replace letters; a text of ASCII is left alone, for engines read the table anew each time."""
    replaced = text.translate("".join(table), "".join(table.values()))
    return ibis.ifelse(text.re_search("[^ -~]"), replaced, text)


def _several(text: ir.StringColumn, table: dict[str, str]) -> ir.StringColumn:
    return reduce(lambda result, pair: result.replace(*pair), table.items(), text)
