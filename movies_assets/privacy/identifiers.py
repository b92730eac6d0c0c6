"""Build the patterns that find a person in texts, the same for tables and files.

The patterns are RE2's, which DuckDB and Arrow both have. Searching belongs in `privacy.warehouse`
and `privacy.landing`. No repr or message here shows a value: they are personal data.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import idna

from movies_assets.privacy.user_ids import (
    PAD,
    any_of,
    canonical,
    field_of,
    is_number,
    is_uuid,
    shapes,
    spelt,
)

# The columns that identify a row's person; the contracts declare which tables have them.
USER_ID, USER_KEY, NAME, EMAIL = "user_id", "user_key", "full_name", "email"
NEVER = r"[^\s\S]"
SOUND_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
# Before an address: any character that cannot be part of it, or an opening quote.
BEFORE_EMAIL = r"(?:^'?|[,;:\t|\s(<\"]'?|\\x[0-9a-f]{2}|[^\p{L}\p{N}_.%+'!#$&*/=?^`{|}~-])"
# Characters around the first field of a record: quotes, and blanks that are not separators.
AROUND = PAD.replace(r"[\x00-\x20", r'["\x00-\x08\x0b\x0c\x0e-\x20')
# Characters around a textual id, so that it is not part of a longer one.
BEFORE_ID, AFTER_ID = r"(?:^|[^\w.+@-])", r"(?:$|[^\w.+@-]|\.(?:$|\W))"


@dataclass(repr=False)
class PersonIdentifiers:
    """Ids, names and addresses of the persons to forget.

    Attributes:
        ids: their canonical ids.
        keys: the keyed hashes of those.
        emails: their e-mail addresses.
        names: the full names of each id.
        lines: whole refused lines of theirs that do not begin with an id: the rest of a torn
            record, or records that were joined to another one.
    """

    ids: frozenset[str]
    keys: set[str] = field(default_factory=set)
    emails: set[str] = field(default_factory=set)
    names: dict[str, set[str]] = field(default_factory=dict)
    lines: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Convert the ids to their canonical form."""
        self.ids = frozenset(canonical(str(user_id)) for user_id in self.ids) - {""}

    def add(self, user_id: str, name: str | None, email: str | None) -> None:
        """Add a person's name and address; skip an address that is not one.

        Services write 'n/a' or '-' for unknown addresses, which would match everywhere.
        """
        if name and name.strip():
            self.names.setdefault(canonical(str(user_id)), set()).add(name.strip())
        if email and SOUND_EMAIL.fullmatch(email.strip()):
            self.emails.add(email.strip())

    @property
    def an_id(self) -> str:
        """Return the pattern of a field that is one of the ids, also spelt '007' or '7.0'."""
        return field_of(self.ids)

    @property
    def begins(self) -> str:
        """Return the pattern of a record that begins with one of the ids."""
        return _begins(spelt(self.ids))

    @property
    def ends(self) -> str:
        """Return the pattern of a field that ends with one of the ids."""
        return rf"(?:{spelt(self.ids)}){AROUND}*$" if self.ids else NEVER

    @property
    def any_id(self) -> str:
        """Return the pattern of a record that begins with any id of the same kind."""
        return _begins(shapes(self.ids))

    @property
    def rescued(self) -> str:
        """Return the pattern of a JSON object whose user id is one of the ids."""
        return _in_json(spelt(self.ids))

    @property
    def any_rescued(self) -> str:
        """Return the pattern of a JSON object with any user id of the same kind."""
        return _in_json(shapes(self.ids))

    @property
    def email(self) -> str:
        """Return the pattern of a text that identifies a person by itself: by an address or a UUID.

        A longer address that contains one of the addresses does not match.
        """
        patterns = []
        if self.emails:
            addresses = any_of(spelling for text in self.emails for spelling in _addresses(text))
            patterns.append(rf"{BEFORE_EMAIL}(?:{addresses})(?:$|[^\w.-]|\.(?:$|\W))")
        if uuids := "|".join(sorted(filter(is_uuid, self.ids))):
            patterns.append(rf"(?:^|[^0-9a-z-])(?:{uuids})(?:$|[^0-9a-z-])")
        return f"(?i)(?:{'|'.join(patterns)})" if patterns else NEVER

    @property
    def named(self) -> str:
        """Return the pattern of a text that has a person's name together with the id."""
        pairs = [
            rf"{before}{_cased(user_id)}{after}(?:.*\W)?(?i:{name})|"
            rf"(?i:{name})(?:\W.*)?{before}{_cased(user_id)}{after}"
            for user_id, names in sorted(self.names.items())
            for name in [any_of(names)]
            for before, after in [_borders(user_id)]
        ]
        return f"(?s)(?:{'|'.join(pairs)})" if pairs else NEVER


def _begins(ids: str) -> str:
    # Quotes of a damaged line may be missing, so they are optional.
    return rf"^{AROUND}*(?:{ids}){AROUND}*(?:[,;\t|]|$)" if ids else NEVER


def _in_json(ids: str) -> str:
    pad = rf'"{USER_ID}":\s*(?:"{PAD}*(?:{ids}){PAD}*"|(?:{ids})\s*(?:[,}}]|$))'
    return pad if ids else NEVER


def _cased(user_id: str) -> str:
    return user_id if is_number(user_id) else f"(?:{spelt([user_id])})"


def _borders(user_id: str) -> tuple[str, str]:
    """Return the patterns before and after an id, so that it is not part of another."""
    if is_number(user_id):
        return "(?:^|[^0-9])", "(?:[^0-9]|$)"
    return BEFORE_ID, AFTER_ID


def _addresses(email: str) -> Iterator[str]:
    """Yield an address with its domain in Unicode and in IDNA's ASCII, which are equivalent."""
    yield email
    local, _, domain = email.rpartition("@")
    for spelling in (idna.encode, idna.decode):
        try:
            text = spelling(domain, uts46=True)
        except (idna.IDNAError, UnicodeError):
            continue
        yield f"{local}@{text.decode() if isinstance(text, bytes) else text}"
