"""Read a visitor's choices from the address, and write them into it.

The address is the only state: a view can be shared, and the back button works. Values come from
outside, so each one is parsed and validated; invalid ones are ignored with a notice. Applying a
filter to a query belongs in the pages.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, urlencode

from starlette.datastructures import QueryParams

Value = Any  # hashable, and equal when it means the same
Years = tuple[int | None, int | None]

FIRST_YEAR, LAST_YEAR = 1870, 2100
LONGEST = 100
EMPTY: Mapping[str, str] = MappingProxyType({})
RANGE = re.compile(r"(\d{4})?-(\d{4})?|(\d{4})", re.ASCII)
WHOLE = re.compile(r"-?\d{1,9}", re.ASCII)


@dataclass(frozen=True)
class Field:
    """A filter or choice of a page.

    Attributes:
        name: its name in the address.
        label: its name on the page.
        parse: parses the text of a value; raises ValueError if it is invalid.
        write: formats a value for the address.
        show: formats a value for people.
        known: query that returns a row if the snapshot has `$value`, which may name other fields of
            the page; None: every value is valid.
        has_chip: whether it is a filter, with a button that removes it unless a filter bar has it.
        longest: the most characters of its text.
        has_lines: whether its text may have several lines, and tabs.
    """

    name: str
    label: str
    parse: Callable[[str], Value]
    write: Callable[[Value], str] = str
    show: Callable[[Value], str] = str
    known: str | None = None
    has_chip: bool = True
    longest: int = LONGEST
    has_lines: bool = False


@dataclass(frozen=True)
class State:
    """The chosen values by field; a field without a value is not chosen."""

    values: Mapping[str, Value] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Value:
        """Return the value of a field, or None."""
        return self.values.get(name)

    def change(self, **values: Value) -> "State":
        """Return the state with other values; None removes one."""
        merged = {**self.values, **values}
        return State({name: value for name, value in merged.items() if value is not None})

    def toggle(self, **values: Value) -> "State":
        """Choose values, or remove them if all of them are chosen already."""
        if all(self[name] == value for name, value in values.items()):
            return self.change(**dict.fromkeys(values))
        return self.change(**values)

    def only(self, fields: Iterable[Field]) -> "State":
        """Return the choices of some fields."""
        names = {one.name for one in fields}
        return State({name: value for name, value in self.values.items() if name in names})

    def address(self, path: str, fields: Iterable[Field], entity: Field | None = None) -> str:
        """Return the address of a page in this state; the entity is a part of its path."""
        chosen = {one: one.write(self[one.name]) for one in fields if one.name in self.values}
        if entity in chosen:
            path = f"{path}/{quote(chosen.pop(entity), safe=':')}"
        named = [(one.name, text) for one, text in chosen.items()]
        return f"{path}?{urlencode(named)}" if named else path


def read(
    query: QueryParams, fields: Iterable[Field], path: Mapping[str, str] = EMPTY
) -> tuple[State, list[str]]:
    """Parse an address.

    Args:
        query: its query.
        fields: the fields that it may have.
        path: the texts of fields in its path, by name.

    Returns:
        The state, and notices about the invalid rest of the address, without its text.
    """
    known = {one.name: one for one in fields}
    values: dict[str, Value] = {}
    notices: list[str] = []
    for name, text in [*query.multi_items(), *path.items()]:
        if name not in known:
            notices.append("The address has a part that this page does not know; it is ignored.")
        elif not text:
            continue
        else:
            try:
                values[name] = parsed(known[name], text)
            except ValueError:
                notices.append(notice_of(known[name]))
    return State(values), list(dict.fromkeys(notices))


def parsed(one: Field, text: str) -> Value:
    """Parse an untrusted text.

    Raises:
        ValueError: it is not a value of the field.
    """
    shown = "".join(text.split()) if one.has_lines else text
    if len(text) > one.longest or not shown.isprintable():
        raise ValueError(f"not a value of {one.label}")
    return one.parse(text)


def notice_of(one: Field) -> str:
    """Return the notice that a value was ignored."""
    return f"{one.label}: the address asks for a value that does not exist; it is ignored."


def whole(lowest: int, highest: int) -> Callable[[str], int]:
    """Return a parser of whole numbers within bounds."""

    def parse(text: str) -> int:
        if not WHOLE.fullmatch(text) or not lowest <= int(text) <= highest:
            raise ValueError("not a whole number within the bounds")
        return int(text)

    return parse


def one_of(*values: str) -> Callable[[str], str]:
    """Return a parser that accepts only these texts."""

    def parse(text: str) -> str:
        if text not in values:
            raise ValueError("not one of the values")
        return text

    return parse


def matching(pattern: str) -> Callable[[str], str]:
    """Return a parser of texts that match a regular expression."""
    expression = re.compile(pattern, re.ASCII)

    def parse(text: str) -> str:
        if not expression.fullmatch(text):
            raise ValueError("not of the form")
        return text

    return parse


def years(text: str) -> Years:
    """Read a range of years: `1990-1999`, `1990-`, `-1999`, or one year.

    Raises:
        ValueError: it is not a range, runs backwards, or has years without movies.
    """
    found = RANGE.fullmatch(text)
    if not found or text == "-":
        raise ValueError("not a range of years")
    first, last, single = (int(part) if part else None for part in found.groups())
    if single:
        first = last = single
    given = [year for year in (first, last) if year is not None]
    if given != sorted(given) or not all(FIRST_YEAR <= year <= LAST_YEAR for year in given):
        raise ValueError("not years that movies are of")
    return first, last


def write_years(value: Years) -> str:
    """Write a range of years as `years` reads it."""
    first, last = value
    return f"{first or ''}-{last or ''}"


def show_years(value: Years) -> str:
    """Return a range of years."""
    first, last = value
    if first is None:
        return f"until {last}"
    if last is None:
        return f"from {first}"
    return str(first) if first == last else f"{first} to {last}"


YEARS = Field("years", "Years", years, write_years, show_years)
GENRE = Field("genre", "Genre", str, known="SELECT 1 FROM prepared.genres WHERE genre = $value")
# The fields of every page, which links between pages preserve.
GLOBAL = (YEARS, GENRE)
