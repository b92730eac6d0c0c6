"""Decode JSON as RFC 8259 defines it: no NaN, no Infinity, and each name once in an object.

Python's parser accepts the first two, and silently keeps the last value of a duplicate name; the
engine, which reads the same text later, refuses or keeps another one.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

ANY_NAME = "*"  # shown instead of a name that may be personal data


class _Duplicated(dict[str, Any]):
    """An object with a duplicate name."""


class _NotANumber(str):
    """A constant that is not JSON: NaN or Infinity."""

    __slots__ = ()


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("an object has a name twice")
    return found


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)


def loads(text: bytes | str) -> Any:
    """Decode a document.

    Raises:
        ValueError: it is not JSON; `place_of_fault` finds where.
        RecursionError: it is nested too deeply.
    """
    return DECODER.decode(_text(text))


def place_of_fault(text: bytes | str, *, shows_names: bool = True) -> str | None:
    """Return where a document has NaN, Infinity or a duplicate name; None if Python refuses it.

    Args:
        text: the document.
        shows_names: whether names of the document may be shown; otherwise only indexes are.
    """

    def mark(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        return found if len(found) == len(pairs) else _Duplicated(found)

    try:
        data = json.loads(_text(text), object_pairs_hook=mark, parse_constant=_NotANumber)
        return next(_faults(data, "", shows_names), None)
    except (ValueError, RecursionError):
        return None


def _text(text: bytes | str) -> str:
    if isinstance(text, str):
        return text
    return text.decode(json.detect_encoding(text), "surrogatepass").removeprefix("\ufeff")


def _faults(value: Any, path: str, shows_names: bool) -> Iterator[str]:  # noqa: FBT001
    if isinstance(value, _NotANumber):
        yield f"{value} at {path or 'its top'}"
    elif isinstance(value, _Duplicated):
        yield f"a name twice in the object at {path or 'its top'}"
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _faults(each, f"{path}[{index}]", shows_names)
    elif isinstance(value, dict):
        for name, each in value.items():
            inner = name if shows_names else ANY_NAME
            yield from _faults(each, f"{path}.{inner}".lstrip("."), shows_names)
