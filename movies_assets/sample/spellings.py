"""Spell names in other ways, as sources do: case, accents, signs, spaces, numerals."""

import re
import unicodedata
from collections.abc import Callable, Sequence

_NO_WORD = re.compile(r"[\W_]+")
_LAST_LATIN = 0x24F
NUMERALS = {
    2: ("{} 2", "{} II", "{}: Part 2", "{} Two", "{} Part II"),
    3: ("{} 3", "{} III", "{}: Part 3", "{} Three", "{} Part III"),
}
"""How sources number the second and the third movie of a series of movies."""


def normalised(name: str) -> str:
    """Return a name without case, accents, signs and spaces, in which spellings differ."""
    folded = name.casefold()
    if not folded.isascii():
        folded = without_accents(folded)
    return _NO_WORD.sub(" ", folded).strip()


def without_accents(name: str) -> str:
    """Return a name without the combining marks of its letters."""
    letters = unicodedata.normalize("NFKD", name)
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def other_spelling(name: str, number: int) -> str:
    """Return another spelling of a name, with different case, accents, signs or spaces.

    Args:
        name: The name.
        number: Chooses among the spellings.
    """
    if any(ord(letter) > _LAST_LATIN for letter in name if letter.isalpha()):
        return f"{name.replace(' ', '  ')}!"
    first = number % len(_SPELLINGS)
    spellings = (spell(name) for spell in (*_SPELLINGS[first:], *_SPELLINGS))
    return next(spelling for spelling in spellings if spelling != name)


_SPELLINGS: Sequence[Callable[[str], str]] = (
    lambda name: name if "ß" in name else name.upper(),
    without_accents,
    lambda name: name.replace("'", "\N{RIGHT SINGLE QUOTATION MARK}"),
    lambda name: name.replace(":", " -"),
    str.lower,
    lambda name: f"{name.replace(' ', '  ')}.",
)
