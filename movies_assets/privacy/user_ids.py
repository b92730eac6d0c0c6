"""Convert user ids to a canonical form, the same in Python, in expressions and in patterns.

A whole number is written as digits only, a UUID in lower case without braces and prefix, any
other text as received, without surrounding blanks. The patterns are RE2's, which DuckDB and Arrow
share.
"""

import json
import re
import unicodedata
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ibis.expr.types as ir

# Blanks of every script, control characters, and zero-width characters.
PAD = (
    "[\\x00-\\x20\\x7f-\\xa0\u1680\u2000-\u200b\u200e\u200f"
    "\u2028\u2029\u202f\u205f\u2060\u3000\ufeff]"
)
LONGEST = 200
_AROUND = f"^{PAD}+|{PAD}+$"
_HEX = "[0-9a-fA-F]"
_UUID_BODY = f"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}"
_NUMBER = r"^0*([0-9]+)(?:\.0+)?$"
_UUID = rf"^(?:[uU][rR][nN]:[uU][uU][iI][dD]:)?\{{?({_UUID_BODY})\}}?$"
# Nearly all ids match this and need no change: one pattern instead of four.
_CANONICAL = f"^(?:[1-9][0-9]*|{_UUID_BODY.replace('A-F', '')})$"
# Placeholders for a missing id, in lower case.
NOTHING = ("n/a", "none", "null", "nil", "nan", "undefined", "unknown", "-", "?", r"\n")
# Numbers that are not ids: 0, with a sign or decimals, or in a spreadsheet's scientific notation.
_NO_NUMBER = (
    r"0+(?:\.0+)?|[-+][0-9]+(?:[.,][0-9]+)?|[0-9]+,[0-9]+|[0-9]+\.[0-9]*[1-9][0-9]*"
    r"|[0-9]+[.,][0-9]+[eE][-+]?[0-9]+|[0-9]E\+[0-9]+"
)
_NO_ID = f"^(?:{_NO_NUMBER})$"
# A field without an id: empty, a placeholder, a number that is not an id, or the rest of several
# damaged fields, which contains a quote.
_DAMAGED = r'[^"]*"[\s\S]*'
NO_USER_ID = rf"^{PAD}*(?:(?i:|{'|'.join(map(re.escape, NOTHING))})|{_NO_NUMBER}|{_DAMAGED}){PAD}*$"


def canonical(text: str) -> str:
    """Return the canonical form of an id: ' 007.0 ' as '7', '{F81D4FAE-...}' as 'f81d4fae-...'."""
    trimmed = re.sub(_AROUND, "", text)
    if number := re.match(_NUMBER, trimmed):
        return number[1]
    uuid = re.match(_UUID, trimmed)
    return uuid[1].lower() if uuid else trimmed


def canonical_column(text: "ir.StringColumn") -> "ir.StringColumn":
    """Return canonical ids, as `canonical` does, and NULL for placeholders."""
    import ibis  # noqa: PLC0415 (heavy; readers of published tables do without)

    trimmed = text.re_replace(_AROUND, "")
    number = trimmed.re_extract(_NUMBER, 1).nullif("")
    uuid = trimmed.re_extract(_UUID, 1).lower().nullif("")
    known = ibis.ifelse(trimmed.lower().isin(["", *NOTHING]), ibis.null("string"), trimmed)
    read = ibis.coalesce(number, uuid, known)
    ids: ir.StringColumn = ibis.ifelse(text.re_search(_CANONICAL), text, read)
    return ids


def is_an_id(ids: "ir.StringColumn") -> "ir.BooleanColumn":
    """Return which ids may be user ids: any text except numbers that are not positive integers."""
    return ~ids.re_search(_NO_ID)


def is_number(user_id: str) -> bool:
    """Return whether a canonical id is a whole number."""
    return user_id.isascii() and user_id.isdigit()


def is_uuid(user_id: str) -> bool:
    """Return whether a canonical id is a UUID."""
    return bool(re.match(_UUID, user_id))


def spelt(ids: Iterable[str]) -> str:
    """Return the pattern of every spelling of some canonical ids, without their surroundings."""
    return "|".join(_spelt(user_id) for user_id in sorted(ids))


def _spelt(user_id: str) -> str:
    if is_number(user_id):
        return rf"0*{user_id}(?:\.0+)?"
    if is_uuid(user_id):
        return rf"(?i:(?:urn:uuid:)?\{{?{user_id}\}}?)"
    return any_of([user_id])


def field_of(ids: Iterable[str]) -> str:
    """Return the pattern of a field that is one of some canonical ids, in any spelling."""
    return f"^{PAD}*(?:{spelt(ids)}){PAD}*$"


def shapes(ids: Iterable[str]) -> str:
    """Return the pattern of ids of the same form as some canonical ids.

    An id of letters alone has none: every word would match.
    """
    return "|".join(sorted({shape for user_id in ids if (shape := _shape(user_id))}))


def _shape(user_id: str) -> str:
    if is_number(user_id):
        return r"[0-9]+(?:\.0+)?"
    if is_uuid(user_id):
        return rf"\{{?{_UUID_BODY}\}}?"
    if re.fullmatch(r"[^\W\d_]+(?: [^\W\d_]+)*", user_id):
        return ""
    if user_id.isalnum():
        return r"[\p{L}\p{N}]*\p{N}[\p{L}\p{N}]*"
    runs = re.findall(r"[^\W_]+|.", user_id, re.DOTALL)
    return "".join(r"[\p{L}\p{N}]+" if run.isalnum() else re.escape(run) for run in runs)


def any_of(texts: Iterable[str]) -> str:
    """Return the pattern of some texts in any form: plain, quoted, in JSON, NFC or NFD."""
    found = {spelling for text in texts for spelling in _spellings(text)}
    return "|".join(re.escape(spelling) for spelling in sorted(found))


def _spellings(text: str) -> set[str]:
    composed = {text, *(unicodedata.normalize(form, text) for form in ("NFC", "NFD"))}
    return {
        spelling
        for each in composed
        for spelling in (
            each,
            each.replace('"', '""'),
            json.dumps(each, ensure_ascii=False)[1:-1],
            json.dumps(each)[1:-1],
        )
    }
