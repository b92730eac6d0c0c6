"""Format numbers and instants: thousands separators, units, one form everywhere."""

import re
from datetime import UTC, datetime
from typing import Any

NONE = "–"  # noqa: RUF001 (a dash for a missing value)
THOUSAND, MILLION, BILLION = 10**3, 10**6, 10**9


def count(value: float | None) -> str:
    """Format a whole number with thousands separators: `1,234,567`."""
    return NONE if value is None else f"{value:,.0f}"


def short(value: float | None) -> str:
    """Format a number in at most five characters: `1.2M`."""
    if value is None:
        return NONE
    for unit, letter in ((BILLION, "B"), (MILLION, "M"), (THOUSAND, "k")):
        if abs(value) >= unit:
            digits = 0 if abs(value) >= 100 * unit else 1
            return f"{value / unit:.{digits}f}".removesuffix(".0") + letter
    return f"{value:g}"


def decimal(value: float | None, digits: int = 1) -> str:
    """Format a number with a fixed number of decimals."""
    return NONE if value is None else f"{value:,.{digits}f}"


def signed(value: float | None, digits: int = 2) -> str:
    """Format a change with its sign: `+0.25`; no change is `0`."""
    if value is None:
        return NONE
    text = f"{value:+,.{digits}f}"
    return f"{0:.{digits}f}" if not text.strip("+-0.,") else text.replace("-", "−")  # noqa: RUF001


def percent(value: float | None, digits: int = 0) -> str:
    """Format a share as a percentage."""
    return NONE if value is None else f"{value:.{digits}%}"


def minutes(value: float | None) -> str:
    """Format a duration in minutes."""
    return NONE if value is None else f"{value:,.0f} min"


def instant(value: datetime | None) -> str:
    """Format an instant: `21 Nov 2026, 20:30 UTC`."""
    return f"{value.astimezone(UTC):%-d %b %Y, %H:%M} UTC" if value else NONE


def plural(number: int, one: str, many: str | None = None) -> str:
    """Format a count with its noun: `1 movie`, `2 movies`."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def year(value: Any) -> str:
    """Format a year, without a thousands separator."""
    return NONE if value is None else str(value)


MINUTE, HOUR, DAY = 60, 3_600, 86_400
PRECISE_SECONDS = 10


def duration(seconds: float | None) -> str:
    """Format a duration in its two largest units: `2 min 5 s`, `3 d 4 h`."""
    if seconds is None:
        return NONE
    whole = max(round(seconds), 0)
    if whole < MINUTE:
        return f"{max(seconds, 0):.1f} s" if seconds < PRECISE_SECONDS else f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE} s"
    if whole < DAY:
        return f"{whole // HOUR} h {whole % HOUR // MINUTE} min"
    return f"{count(whole // DAY)} d {whole % DAY // HOUR} h"


def size(octets: float | None) -> str:
    """Format a number of bytes: `812 B`, `1.4 MB`."""
    if octets is None:
        return NONE
    for unit, name in ((BILLION, "GB"), (MILLION, "MB"), (THOUSAND, "kB")):
        if octets >= unit:
            return f"{octets / unit:.1f} {name}"
    return f"{octets:.0f} B"


def unbroken(text: str) -> str:
    """Replace blanks by no-break spaces, for dates in narrow columns."""
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def title_type(name: str) -> str:
    """Format IMDb's type of a title: `tvMiniSeries` is a `TV mini series`."""
    words = re.sub(r"(?=[A-Z])", " ", name).lower()
    return words.replace("tv ", "TV ") if words.startswith("tv ") else words.capitalize()
