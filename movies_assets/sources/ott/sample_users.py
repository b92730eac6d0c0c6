"""Generate the fictional users of a streaming service, as its API returns and as files store them.

A user is a pure function of the seed and a number; users sign up in the order of their numbers, and
a few leave. All people, addresses and telephone numbers are fictional. HTTP belongs in
`sample_server`.
"""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

import numpy as np

from movies_assets.sample import words
from movies_assets.sample.deliveries import DAYS, check_size
from movies_assets.sample.draws import Flags, Integers, below, draw, weighted_table

USERS = 300
FEWEST_USERS, MOST_USERS = 50, 1_000_000
GENRES = tuple(words.GENRE_WEIGHTS)[:14]
MOST_TASTES = 4
"""The most genres that a user prefers; the fewest is one."""

FIRST_ID = 1001
"""The id of the user with number 0."""
UserId = Callable[[int], int | str]
"""Returns the id of the user with a number."""
_ESTABLISHED_PERCENT, _OLDEST_DAYS = 85, 1500
_LEAVES, _LEAVERS = 17, 30
"""The period, and the number within it, of users who leave."""
_SILENT_PERCENT = 10
"""The users who have preferences but do not state them."""

_TASTES = np.array(
    weighted_table({number: words.GENRE_WEIGHTS[genre] for number, genre in enumerate(GENRES)})
)
_COUNTRIES = weighted_table(words.COUNTRY_WEIGHTS)
_MAIL_HOSTS = ("post.example", "inbox.example", "letters.example")

StoredUser = tuple[int | str, str, str, str, str, str]
"""The stored columns of a user: see `users_api.COLUMNS`."""


def numbered(number: int) -> int:
    """Return the id of a user of a service that numbers them."""
    return FIRST_ID + number


class User(NamedTuple):
    """A user; unknown values are empty.

    Attributes:
        number: The place in the order of signing up, from 0.
        first_name: Given name.
        last_name: Surname, with a suffix if there is one.
        email: Address; a few have none or an impossible one.
        signup_date: The day.
        genres: The stated preferences; empty if there are none.
        country: Name of the country.
    """

    number: int
    first_name: str
    last_name: str
    email: str
    signup_date: date
    genres: Sequence[str]
    country: str

    @property
    def full_name(self) -> str:
        """Return both names."""
        return f"{self.first_name} {self.last_name}"


class Users:
    """All users who ever sign up until a last day.

    Args:
        users: The number of users.
        last_day: The last of 30 days, counted from 0, of watching.
        seed: The seed of the users.

    Attributes:
        signed_up: The number of each user's first day; negative before the first delivery.
        left: The number of the day on which each has left; 30 for those who stay.

    Raises:
        ValueError: The number of users is out of range.
    """

    def __init__(self, users: int, last_day: date, seed: int = 1) -> None:
        check_size("users", users, FEWEST_USERS, MOST_USERS)
        self.first_day = last_day - timedelta(DAYS - 1)
        self.seed, self._count = seed, users
        numbers = np.arange(users)
        self.signed_up = self._signup_days(numbers)
        leaving = below(draw(seed, "leaving", numbers), DAYS)
        leaves = (numbers % _LEAVERS == _LEAVES) & (leaving > self.signed_up)
        self.left = np.where(leaves, leaving, DAYS)

    def __len__(self) -> int:
        """Return the number of users who ever sign up."""
        return self._count

    def present(self, day: int) -> Flags:
        """Return for each user whether the service has them on a day, given by its number."""
        known: Flags = (self.signed_up <= day) & (day < self.left)
        return known

    def tastes(self) -> tuple[Integers, Integers]:
        """Return the genres that users like, stated or not.

        Returns:
            For each user the numbers of up to `MOST_TASTES` genres, and how many of them apply.
        """
        return _tastes(self.seed, np.arange(self._count))

    def people(self, numbers: Integers) -> list[User]:
        """Return the users with these numbers; negative numbers are recent users, too."""
        seed = self.seed

        def picked(what: str, table: Sequence[str]) -> list[str]:
            places = below(draw(seed, what, numbers), len(table)).tolist()
            return [table[place] for place in places]

        tastes, counts = _tastes(seed, numbers)
        silent = below(draw(seed, "silent", numbers), 100) < _SILENT_PERCENT
        known = np.where(silent, 0, counts).tolist()
        columns = zip(
            numbers.tolist(),
            picked("first name", words.NAMES),
            picked("surname", words.SURNAMES),
            picked("mail host", _MAIL_HOSTS),
            self._signup_days(numbers).tolist(),
            (dict.fromkeys(row[:n]) for row, n in zip(tastes.tolist(), known, strict=True)),
            picked("country", _COUNTRIES),
            strict=True,
        )
        return [
            _odd(
                User(
                    number=number,
                    first_name=first,
                    last_name=last,
                    email=f"{_ascii(first)}.{_ascii(last)}.{FIRST_ID + number}@{host}",
                    signup_date=self.first_day + timedelta(day),
                    genres=[GENRES[genre] for genre in genres],
                    country=country,
                )
            )
            for number, first, last, host, day, genres, country in columns
        ]

    def _signup_days(self, numbers: Integers) -> Integers:
        established = self._count * _ESTABLISHED_PERCENT // 100
        before = -1 - _OLDEST_DAYS * (established - 1 - numbers) // established
        since = (numbers - established) * DAYS // (self._count - established)
        days = np.where(numbers < established, before, since)
        return np.where(numbers < 0, DAYS - 1, days).astype(np.int64)


class Service:
    """The current users of the service, who may sign up and leave while a client reads pages.

    Args:
        users: The number of users who ever sign up until the last day.
        last_day: The current day.
        seed: The seed of the users.
        ids: Returns the id of a user, given the number.

    Raises:
        ValueError: The number of users is out of range.
    """

    def __init__(
        self, users: int, last_day: date, seed: int = 1, *, ids: UserId = numbered
    ) -> None:
        self._users, self._ids = Users(users, last_day, seed), ids
        self._numbers = np.flatnonzero(self._users.present(DAYS - 1))

    def __len__(self) -> int:
        """Return the number of users."""
        return len(self._numbers)

    def page(self, skip: int, limit: int) -> list[dict[str, Any]]:
        """Return users in the order of their ids, in the API's format.

        Args:
            skip: The number of users to skip.
            limit: The most users to return.
        """
        people = self._users.people(self._numbers[skip : skip + limit])
        return [as_api(user, self._ids) for user in people]

    def sign_up(self) -> None:
        """Add a user whose id comes before all others."""
        first = min(int(self._numbers[0]), 0) if len(self) else 0
        self._numbers = np.concatenate([np.array([first - 1]), self._numbers])

    def leave(self) -> None:
        """Remove the user with the first id."""
        self._numbers = self._numbers[1:]


def as_api(user: User, ids: UserId = numbered) -> dict[str, Any]:
    """Return a user in the API's format: with many unneeded fields, in several variants."""
    number = user.number
    fields: dict[str, Any] = {
        "id": ids(number),
        "fullName": user.full_name,
        "email": user.email or None,
        "phone": f"+00 555-{number * 7919 % 10_000:04d}",
        "birthDate": str(date(1950, 1, 1) + timedelta(number * 7919 % 20_000)),
        "signupDate": str(user.signup_date),
        "preferredGenres": list(user.genres),
        "country": user.country or None,
        "address": {"street": f"{number % 99 + 1} Sample Road", "city": words.PLACES[number % 60]},
    }
    if number % 20 in _VARIANTS:
        _VARIANTS[number % 20](fields, user)
    if not user.genres:
        _SILENCE[number % len(_SILENCE)](fields)
    return fields


def as_stored(user: User, ids: UserId = numbered) -> StoredUser:
    """Return the stored columns of a user, in the order of `users_api.COLUMNS`."""
    return (
        ids(user.number),
        user.full_name,
        user.email,
        str(user.signup_date),
        "|".join(user.genres),
        user.country,
    )


def _tastes(seed: int, numbers: Integers) -> tuple[Integers, Integers]:
    drawn = [below(draw(seed, f"taste {n}", numbers), len(_TASTES)) for n in range(MOST_TASTES)]
    counts = 1 + below(draw(seed, "tastes", numbers), MOST_TASTES)
    return np.stack([_TASTES[each] for each in drawn], axis=1), counts


def _ascii(name: str) -> str:
    if name.isascii():
        return name.lower().replace("'", "")
    return unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()


_ODDITIES: Mapping[int, Callable[[User], dict[str, str]]] = {
    5: lambda _: {"email": ""},
    15: lambda user: {"email": user.email.replace("@", " at ")},
    25: lambda _: {"country": ""},
    35: lambda user: {"last_name": f"O'{user.last_name}"},
    40: lambda _: {"first_name": "Zoë", "last_name": "Kovač"},
    45: lambda user: {"last_name": f"{user.last_name}, Jr."},
}
"""The oddity of a user, by the number modulo 100."""


def _odd(user: User) -> User:
    oddity = _ODDITIES.get(user.number % 100)
    return user._replace(**oddity(user)) if oddity else user  # type: ignore[arg-type]


def _in_two_names(fields: dict[str, Any], user: User) -> None:
    del fields["fullName"]
    fields |= {"firstName": user.first_name, "lastName": user.last_name}


def _with_country_in_address(fields: dict[str, Any], _: User) -> None:
    fields["address"]["country"] = fields.pop("country")


def _with_genres_as_text(separator: str) -> Callable[[dict[str, Any], User], None]:
    def join(fields: dict[str, Any], user: User) -> None:
        fields["preferredGenres"] = separator.join(user.genres)

    return join


_VARIANTS: Mapping[int, Callable[[dict[str, Any], User], None]] = {
    3: _in_two_names,
    7: _with_country_in_address,
    11: _with_genres_as_text("|"),
    12: _with_genres_as_text(","),
}
"""The variant of the API's format for a user, by the number modulo 20."""
_SILENCE: Sequence[Callable[[dict[str, Any]], Any]] = (
    lambda fields: fields.update(preferredGenres=[]),
    lambda fields: fields.update(preferredGenres=None),
    lambda fields: fields.pop("preferredGenres"),
)
"""The API's variants for a user without stated preferences."""
