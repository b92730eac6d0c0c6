"""Compute the uploads of the fictional movies: the endless timeline behind every catalogue.

Only instants, places in the hidden order and ids belong here, as arrays over many movies; the
content of movies belongs in `sample`. Everything is a hash of (seed, number), so that any
stretch of the timeline can be computed independently.
"""

from datetime import date
from typing import NamedTuple

import numpy as np

from movies_assets.sample.draws import Integers

MOVIES_PER_DAY = 20.3
NEVER = np.iinfo(np.int64).max
"""The instant of an upload that does not take place."""

_EPOCH = date(1970, 1, 1)
_DAY = 86_400
_WEEKDAY_FACTORS = np.array([0.9, 0.95, 1.0, 1.05, 1.25, 1.1, 0.75])  # Monday first, mean 1
_BURST_FACTORS = np.array([1.1, 0.6, 0.9, 2.0, 0.7, 1.0, 0.5, 1.3, 0.9, 1.2, 0.8, 1.0])  # mean 1
_QUIET_EVERY = 32
"""One day in each stretch of this many days has no uploads."""
_LATEST_SECONDS = 17 * 3600
_MARGIN = 64
"""The additional movies at the older end that compensate late ones after the last day."""
_REUPLOADED_PER_MILLE = 13


class Uploads(NamedTuple):
    """A stretch of the timeline, with one entry per movie in each array, oldest place first.

    Attributes:
        numbers: The movie's place on the timeline, counted from 1970; also its identity.
        ids: The movie's public id: increasing with gaps, with a few neighbours swapped.
        first_at: First upload, in seconds since 1970 UTC.
        again_at: Later upload in the same unit, or NEVER.
        places: Sort key of the hidden order before the later upload.
        again_places: Sort key of the hidden order after it.
    """

    numbers: Integers
    ids: Integers
    first_at: Integers
    again_at: Integers
    places: Integers
    again_places: Integers


def uploads(*, movies: int, last_day: date, seed: int, late_every: int) -> Uploads:
    """Compute the `movies` latest movies that are uploaded before the end of `last_day` (UTC).

    Raises:
        ValueError: The timeline has fewer movies.
    """
    end_day = (last_day - _EPOCH).days + 1
    counts = _movies_per_day(np.arange(end_day + 5), seed)
    totals = np.cumsum(counts)
    start = int(totals[end_day - 1]) - movies - _MARGIN
    if movies < 1 or start < 0:
        most = int(totals[end_day - 1]) - _MARGIN
        raise ValueError(f"{movies} movies up to {last_day}: from 1 to {most} are possible")
    numbers = np.arange(start, int(totals[-1]))
    nominal_at = _spread_over_days(numbers, counts, totals, seed)
    first_at = _some_late(numbers, nominal_at, seed, late_every)
    again_at, again_places = _some_again(numbers, nominal_at, first_at, seed)
    kept = np.flatnonzero(first_at < end_day * _DAY)[-movies:]
    found = Uploads(numbers, _ids(numbers, seed), first_at, again_at, 2 * numbers, again_places)
    return Uploads(*(column[kept] for column in found))


def seconds_at_end_of(day: date) -> int:
    """Return the first second after a UTC day, counted since 1970."""
    return ((day - _EPOCH).days + 1) * _DAY


def _hash(numbers: Integers, seed: int, stream: int) -> Integers:
    """Return independent pseudo-random integers from 0 to 2**62 - 1 (the splitmix64 mixer)."""
    mixed = numbers.astype(np.uint64) + np.uint64((seed * 64 + stream) * 0x9E3779B97F4A7C15 % 2**64)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(2)).astype(np.int64)


def _movies_per_day(days: Integers, seed: int) -> Integers:
    # Each stretch of twelve days gets each factor once, in another order, for an even density.
    drawn = _hash(days // 12, seed, 0)
    burst = _BURST_FACTORS[(days * np.array([1, 5, 7, 11])[drawn % 4] + drawn // 4) % 12]
    weekday = _WEEKDAY_FACTORS[(days + 3) % 7]  # 1970-01-01 was a Thursday
    quiet = days % _QUIET_EVERY == _hash(days // _QUIET_EVERY, seed, 1) % _QUIET_EVERY
    mean = MOVIES_PER_DAY * _QUIET_EVERY / (_QUIET_EVERY - 1)
    return np.where(quiet, 0, np.rint(mean * burst * weekday)).astype(np.int64)


def _spread_over_days(numbers: Integers, counts: Integers, totals: Integers, seed: int) -> Integers:
    day = np.searchsorted(totals, numbers, side="right")
    slot = numbers - (totals[day] - counts[day])
    jitter = (_hash(numbers, seed, 2) % 1000) / 1000
    return day * _DAY + ((slot + jitter) * _DAY / counts[day]).astype(np.int64)


def _some_late(numbers: Integers, at: Integers, seed: int, late_every: int) -> Integers:
    """Date about one movie in `late_every` later than up to 14 movies after it.

    The distance between two of them varies by half of `late_every` either way and no more, so
    any 50 neighbours hold one to three of them at the default of 22.
    """
    blocks = np.arange(numbers[0] // late_every + 1, numbers[-1] // late_every)
    late = blocks * late_every + _hash(blocks, seed, 3) % max(late_every // 2, 1) - numbers[0]
    late = late[late < len(at) - 32]
    # Before an empty day the next movie is too far away to be passed within 17 hours.
    late = np.where(at[late + 2] - at[late] > _LATEST_SECONDS, late + 3, late)
    late = late[at[late + 2] - at[late] < _LATEST_SECONDS]
    overtaken = 2 + _hash(numbers[late], seed, 4) % 13
    changed = at.copy()
    changed[late] = np.minimum(at[late + overtaken] + 1, at[late] + _LATEST_SECONDS)
    return changed


def _some_again(
    numbers: Integers, at: Integers, first_at: Integers, seed: int
) -> tuple[Integers, Integers]:
    """Upload about one movie in a hundred again, 80 to 5,000 movies later.

    Returns:
        The instant of the later upload (or NEVER) and its sort key in the hidden order.
    """
    drawn = _hash(numbers, seed, 5)
    distance = (80 + drawn % 80) << (drawn // 80 % 6)
    behind = np.arange(len(numbers)) + distance
    happens = (_hash(numbers, seed, 6) % 1000 < _REUPLOADED_PER_MILLE) & (behind < len(at) - 1)
    happens &= first_at == at
    behind = np.where(happens, behind, 0)
    again_at = np.minimum((at[behind] + at[behind + 1]) // 2, at[behind] + 1200)
    return np.where(happens, again_at, NEVER), 2 * numbers[behind] + 1


def _ids(numbers: Integers, seed: int) -> Integers:
    swapped = _hash(numbers // 2, seed, 7) % 12 == 0
    numbers = np.where(swapped, numbers ^ 1, numbers)
    return (5 * numbers + _hash(numbers, seed, 8) % 2) // 4 + 1
