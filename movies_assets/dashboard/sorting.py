"""Sort the texts of a table by what they mean: numbers, instants, durations, or names.

Tables get texts, as people read them. Their order is computed here, so that pages need no second
form of each value.
"""

import re
from collections.abc import Sequence
from datetime import datetime

from movies_assets.serving import formatting

UNKNOWN = {"", formatting.NONE}
# The forms of `serving.formatting`.
INSTANTS = ("%d %b %Y", "%d %b %Y, %H:%M UTC")
UNITS = {
    "s": 1, "min": formatting.MINUTE, "h": formatting.HOUR, "d": formatting.DAY,
    "B": 1, "kB": formatting.THOUSAND, "MB": formatting.MILLION, "GB": formatting.BILLION,
}  # fmt: skip
LETTERS = {"k": formatting.THOUSAND, "M": formatting.MILLION, "B": formatting.BILLION}
MEASURE = re.compile(r"(\d[\d,]*(?:\.\d+)?) (s|min|h|d|B|kB|MB|GB)")
MEASURES = re.compile(rf"{MEASURE.pattern}( {MEASURE.pattern})*")
# A number may be followed by its noun, or by details.
NUMBER = re.compile(r"([+\N{MINUS SIGN}-]?\d[\d,]*(?:\.\d+)?)([kMB]?)[%+]?(?= |$)")
SIGNS = re.compile("^[▲●○▼] ")
DIGITS = re.compile(r"(\d+)")


def order(texts: Sequence[str]) -> list[int | None]:
    """Return the place of each text in its column, from 0; equal ones share it.

    An unknown value has none. If all others are numbers, they are sorted by them, otherwise as
    texts in which runs of digits are numbers: `S1E2` comes before `S1E10`.
    """
    plain = [SIGNS.sub("", text.replace("\N{NO-BREAK SPACE}", " ")) for text in texts]
    known = [text for text in plain if text not in UNKNOWN]
    numbers = {text: number(text) for text in known}
    is_numeric = None not in numbers.values()
    keys = {text: (numbers[text] if is_numeric else _natural(text)) for text in known}
    places = {key: place for place, key in enumerate(sorted(set(keys.values())))}  # type: ignore[type-var]
    return [places[keys[text]] if text in keys else None for text in plain]


def number(text: str) -> float | None:
    """Return the number of a text: also an instant or a duration (seconds), or a size (bytes)."""
    for form in INSTANTS:
        try:
            return datetime.strptime(f"{text} +0000", f"{form} %z").timestamp()
        except ValueError:
            continue
    if MEASURES.fullmatch(text):
        return sum(_plain(value) * UNITS[unit] for value, unit in MEASURE.findall(text))
    found = NUMBER.match(text)
    return _plain(found[1]) * LETTERS.get(found[2], 1) if found else None


def _plain(digits: str) -> float:
    return float(digits.replace(",", "").replace("\N{MINUS SIGN}", "-"))


def _natural(text: str) -> tuple[str | int, ...]:
    return tuple(int(part) if part.isdecimal() else part.casefold() for part in DIGITS.split(text))
