"""What tells of a person in texts: patterns by which the tables and the files are searched alike.

The patterns are RE2's, which DuckDB and Arrow both have. Where they are looked for belongs in
`warehouse.erasure` and `sources.erasure`. Nothing here shows what it knows: it is about people.
"""

import json
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

# The columns that say who a row is about; which tables have them is told by the contracts.
USER_ID, USER_KEY, NAME, EMAIL = "user_id", "user_key", "full_name", "email"
NEVER = r"[^\s\S]"
SOUND_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
# An address begins here: what stands before it can be no part of it, but for an opening quote.
BEFORE_EMAIL = r"(?:^'?|[,;:\t|\s(<\"]'?|\\x[0-9a-f]{2}|[^\p{L}\p{N}_.%+'!#$&*/=?^`{|}~-])"
# A field that begins a record and is a whole number, up to the separator, of whatever kind.
FIRST_FIELD = r'^[ "\x{feff}]*0*(?:%s)(?:\.0+)?[ "]*(?:[,;\t|]|$)'
# The id of any person: who begins a record with it, is the one whom it is about.
ANY_ID = FIRST_FIELD % "[0-9]+"
# An id that did not fit its column's type, in the JSON that keeps such values.
RESCUED = rf'"{USER_ID}": ?"\s*0*(?:%s)(?:\.0+)?\s*"'
ANY_RESCUED = RESCUED % "[0-9]+"


@dataclass(repr=False)
class Traces:
    """What is known of the persons who are to be forgotten.

    Attributes:
        ids: their ids.
        keys: the keyed hashes of those.
        emails: their e-mail addresses.
        names: the full names of each id.
    """

    ids: frozenset[int]
    keys: set[str] = field(default_factory=set)
    emails: set[str] = field(default_factory=set)
    names: dict[int, set[str]] = field(default_factory=dict)

    def add(self, user_id: int, name: str | None, email: str | None) -> None:
        """Take note of what a record says of a person; what is no e-mail address is left alone.

        Services write 'n/a' or '-' where they know nothing, and that would be found everywhere.
        """
        if name and name.strip():
            self.names.setdefault(user_id, set()).add(name.strip())
        if email and SOUND_EMAIL.fullmatch(email.strip()):
            self.emails.add(email.strip())

    @property
    def an_id(self) -> str:
        """The pattern of a field that is one of the ids, also where it is spelt '007' or '7.0'."""
        return rf"^\s*0*(?:{self._ids})(?:\.0+)?\s*$"

    @property
    def begins(self) -> str:
        """The pattern of a record that begins with one of the ids."""
        return FIRST_FIELD % self._ids

    @property
    def rescued(self) -> str:
        """The pattern of a JSON object whose user id is one of the ids."""
        return RESCUED % self._ids

    @property
    def email(self) -> str:
        """The pattern of a text that names one of the addresses, and not one that contains it."""
        return (
            rf"(?i){BEFORE_EMAIL}(?:{_any_of(self.emails)})(?:$|[^\w.-]|\.(?:$|\W))"
            if self.emails
            else NEVER
        )

    @property
    def named(self) -> str:
        """The pattern of a text that names a person together with the person's id."""
        pairs = [
            rf"(?:^|[^0-9]){user_id}[^0-9](?:.*\W)?(?:{name})|"
            rf"(?:{name})(?:\W.*)?[^0-9]{user_id}(?:[^0-9]|$)"
            for user_id, names in sorted(self.names.items())
            for name in [_any_of(names)]
        ]
        return f"(?is)(?:{'|'.join(pairs)})" if pairs else NEVER

    @property
    def _ids(self) -> str:
        return "|".join(str(user_id) for user_id in sorted(self.ids))


def _any_of(texts: Iterable[str]) -> str:
    spelt: Collection[str] = {spelling for text in texts for spelling in _spellings(text)}
    return "|".join(re.escape(spelling) for spelling in sorted(spelt))


def _spellings(text: str) -> set[str]:
    """Return a text as it stands by itself, in a quoted field and in JSON."""
    return {text, text.replace('"', '""'), json.dumps(text, ensure_ascii=False)[1:-1]}
