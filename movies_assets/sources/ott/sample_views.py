"""Generate the watch events of a fictional streaming service, in any number.

An event is a pure function of the seed and its number, except for what its user has seen before.
Events are computed in arrays of some hundred thousand, so that memory is bounded and no event costs
a step of Python. All randomness is integer arithmetic. The content of files, with its oddities,
belongs in `sample`.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from movies_assets.sample.deliveries import DAYS, check_size
from movies_assets.sample.draws import Flags, Integers, below, draw
from movies_assets.sources.ott.sample_titles import OttTitle
from movies_assets.sources.ott.sample_users import GENRES, Users

VIEWS = 9_000
FEWEST_VIEWS, MOST_VIEWS = 100, 100_000_000
EMPTY_DAY, MISSING_DAY = 11, 17
"""Days without events, counted from 0: the first has an empty file, the second no file."""
VIEW_DAYS = np.array([day for day in range(DAYS) if day not in {EMPTY_DAY, MISSING_DAY}])
SLOTS = len(VIEW_DAYS)
"""Events take place in slots: the days with events, counted from 0."""

CHUNK = 1 << 19
"""The number of events per array."""
_SAMPLES, _SAMPLE_SIZE = 8, 1 << 18

_EVERYTHING = len(GENRES)
"""The list of all titles; those before it have one genre each."""
_TASTEFUL_PERCENT, _AGAIN_PERCENT, _LATE_PERCENT = 70, 6, 3
"""How many events are drawn from the user's genres (of the others some fall into them as well),
are of what the user has seen just before, and arrive a day or two late."""
_ATTEMPTS = 4
"""The most draws of a title that its user has not seen yet; then one is seen again."""
_DAY_SECONDS, _PRIME_TIME = 86_400, 20 * 3600


class Events(NamedTuple):
    """Events, with one entry per event in each array.

    Attributes:
        number: The event's identity.
        user: The number of the user.
        title: The number of the title.
        slot: The slot in which it takes place.
        file_slot: The slot in which it arrives.
        second: The second of the day.
        minutes: The minutes watched.
    """

    number: Integers
    user: Integers
    title: Integers
    slot: Integers
    file_slot: Integers
    second: Integers
    minutes: Integers

    def where(self, those: Flags | Integers) -> "Events":
        """Return some of the events."""
        return Events(*(values[those] for values in self))


class Viewership:
    """The watch events of users and a catalogue.

    Views follow a power law over titles and another one over users. About three quarters of a
    user's views are of genres that the user likes.

    Args:
        users: The users.
        titles: The catalogue, in the order of the titles' numbers.
        views: The number of events.

    Raises:
        ValueError: The number of events is out of range.
    """

    def __init__(self, users: Users, titles: Sequence[OttTitle], views: int) -> None:
        check_size("views", views, FEWEST_VIEWS, MOST_VIEWS)
        self.views, self._seed = views, users.seed
        self._titles = len(titles)
        self._tastes, self._taste_counts = users.tastes()
        self._first_slot = np.searchsorted(VIEW_DAYS, users.signed_up).astype(np.int64)
        self._last_slot = np.searchsorted(VIEW_DAYS, users.left).astype(np.int64) - 1
        self._ends = self._user_ends()
        arrives = [max(title.arrives, (title.premiere - users.first_day).days) for title in titles]
        self._title_slot = np.searchsorted(VIEW_DAYS, arrives).astype(np.int64)
        self._runtimes = np.array([title.runtime for title in titles])
        self._shelves = _Shelves(titles, self._title_slot)

    def chunks(self) -> Iterator[Events]:
        """Yield all events, sorted by user."""
        for start in range(0, self.views, CHUNK):
            yield self._events(np.arange(start, min(start + CHUNK, self.views)))

    def popularity(self) -> Integers:
        """Return the number of views of each title, approximately for many events."""
        size = min(-(-self.views // _SAMPLES), _SAMPLE_SIZE)
        counts = np.zeros(self._titles, np.int64)
        for sample in range(_SAMPLES):
            start = (self.views - size) * sample // (_SAMPLES - 1)
            sampled = self._events(np.arange(start, start + size))
            counts += np.bincount(sampled.title, minlength=self._titles)
        scaled: Integers = counts * self.views // (size * _SAMPLES)
        return scaled

    def _user_ends(self) -> Integers:
        """Return for each user the cumulative number of events."""
        numbers = np.arange(len(self._first_slot))
        ranks = np.empty_like(numbers)
        ranks[np.argsort(draw(self._seed, "activity", numbers), kind="stable")] = numbers
        places = ranks + 1 + len(numbers) / 20
        # The power of -3/4, by square roots: only these are the same on every machine.
        activity = (10_000_000 / np.sqrt(places * np.sqrt(places))).astype(np.int64)
        slots = np.maximum(self._last_slot - self._first_slot + 1, 0)
        until = np.cumsum(activity * slots)
        ends: Integers = until * self.views // until[-1]
        return ends

    def _draw(self, what: str, numbers: Integers, end: int | Integers) -> Integers:
        return below(draw(self._seed, what, numbers), end)

    def _events(self, numbers: Integers) -> Events:
        users = np.searchsorted(self._ends, numbers, side="right").astype(np.int64)
        titles = self._watched(numbers, users)
        first = np.maximum(self._first_slot[users], self._title_slot[titles])
        last = self._last_slot[users]
        first = np.minimum(first, last)
        slots = first + self._draw("slot", numbers, last - first + 1)
        late = self._draw("late", numbers, 100) < _LATE_PERCENT
        delay = np.where(late, 1 + self._draw("delay", numbers, 2), 0)
        # The sum of two uniform draws is most likely in the middle.
        seconds = self._draw("second", numbers, _DAY_SECONDS // 2)
        seconds += self._draw("other second", numbers, _DAY_SECONDS // 2)
        return Events(
            number=numbers,
            user=users,
            title=titles,
            slot=slots,
            file_slot=np.minimum(slots + delay, SLOTS - 1),
            second=(seconds + _PRIME_TIME - _DAY_SECONDS // 2) % _DAY_SECONDS,
            minutes=self._minutes(numbers, self._runtimes[titles]),
        )

    def _watched(self, numbers: Integers, users: Integers) -> Integers:
        """Return titles that the users have not seen yet, if any, and some repetitions."""
        taste = self._draw("taste", numbers, self._taste_counts[users])
        tasteful = self._draw("kind", numbers, 100) < _TASTEFUL_PERCENT
        shelves = np.where(tasteful, self._tastes[users, taste], _EVERYTHING)
        titles = self._shelves.take(shelves, draw(self._seed, "title 0", numbers))
        for attempt in range(1, _ATTEMPTS):
            others = np.flatnonzero(
                _is_repeated(users * self._titles + titles)
                | (self._title_slot[titles] > self._last_slot[users])
            )
            drawn = draw(self._seed, f"title {attempt}", numbers[others])
            titles[others] = self._shelves.take(shelves[others], drawn)
        again = self._draw("again", numbers, 100) < _AGAIN_PERCENT
        again[1:] &= users[1:] == users[:-1]
        again[:1] = False
        seen_before: Integers = np.where(again, np.roll(titles, 1), titles)
        return seen_before

    def _minutes(self, numbers: Integers, runtimes: Integers) -> Integers:
        """Return the minutes watched: mostly until the end or nearly so."""
        to_the_end = self._draw("to the end", numbers, 100) < 60  # noqa: PLR2004 - 60 %
        share = np.where(
            to_the_end, 90 + self._draw("end", numbers, 11), self._draw("part", numbers, 100)
        )
        return np.maximum(runtimes * share // 100, 1)


class _Shelves:
    """The titles of each genre and of all genres, weighted by popularity."""

    def __init__(self, titles: Sequence[OttTitle], first_slots: Integers) -> None:
        weights = _weights(titles, first_slots)
        genres = [set(title.genres) for title in titles]
        shelves = [
            np.array([number for number, own in enumerate(genres) if genre in own], np.int64)
            for genre in GENRES
        ]
        everything = np.arange(len(titles))
        # A genre without titles becomes the list of all titles.
        shelves = [shelf if weights[shelf].sum() else everything for shelf in shelves]
        shelves.append(everything)
        self._members = np.concatenate(shelves)
        self._until = np.cumsum(weights[self._members])
        self._totals = np.array([weights[shelf].sum() for shelf in shelves])
        self._before = np.cumsum(self._totals) - self._totals

    def take(self, shelves: Integers, drawn: Integers) -> Integers:
        """Draw a title from each of some lists, weighted by popularity."""
        places = self._before[shelves] + below(drawn, self._totals[shelves])
        taken: Integers = self._members[np.searchsorted(self._until, places, side="right")]
        return taken


def _weights(titles: Sequence[OttTitle], first_slots: Integers) -> Integers:
    """Return the relative popularity of each title.

    The sum stays below 2^31 for the most titles possible.
    """
    ranks = np.array([title.rank for title in titles])
    slots = np.maximum(SLOTS - first_slots, 0)
    # New titles are watched more: one that is there for a day only, half as much as others.
    slots = np.where(slots, slots + SLOTS, 0)
    head = 2 + int(np.sqrt(len(titles))) // 4
    weights: Integers = 2_500_000 * slots // (ranks + head)
    return weights


def _is_repeated(keys: Integers) -> Flags:
    """Return which keys have occurred before."""
    order = np.argsort(keys, kind="stable")
    repeated = np.zeros(len(keys), np.bool_)
    repeated[order[1:]] = keys[order[1:]] == keys[order[:-1]]
    return repeated
