"""Draw random numbers, equal on every machine and with every version of Python and numpy.

`Draws` draws the few numbers of one thing; `draw` draws one number of many things.
"""

from collections.abc import Iterator, Mapping, Sequence
from hashlib import shake_128
from io import BytesIO
from itertools import chain, repeat
from statistics import NormalDist
from struct import unpack
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

_BITS = 32


def draw(seed: int, what: str, numbers: Integers) -> Integers:
    """Draw a 32-bit number for each thing (splitmix64 of the thing's number).

    Args:
        seed: The seed of the numbers.
        what: The purpose of the draw; each purpose has independent numbers.
        numbers: The identities of the things.
    """
    key = int.from_bytes(shake_128(b"%d/%s" % (seed, what.encode())).digest(8), "big")
    mixed = numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(key)
    mixed ^= mixed >> np.uint64(30)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    drawn: Integers = (mixed >> np.uint64(64 - _BITS)).astype(np.int64)
    return drawn


def below(drawn: Integers, end: int | Integers) -> Integers:
    """Scale drawn numbers to 0 to end - 1; `end` has 31 bits."""
    scaled: Integers = drawn * end >> _BITS
    return scaled


class Draws:
    """The random numbers of one thing: 16 bits each, in a fixed order.

    Args:
        seed: The seed of the numbers.
        number: Its identity.
    """

    __slots__ = ("_bytes", "_numbers")

    def __init__(self, seed: int, number: int) -> None:
        # Hashing once is five times as fast as seeding random.Random, and stays the same over
        # Python versions.
        digest = shake_128(b"%d/%d" % (seed, number)).digest(256)
        self._numbers: Iterator[int] = iter(unpack("<80H", digest[:160]))
        self._bytes = BytesIO(digest[160:])

    def below(self, end: int) -> int:
        """Draw a number from 0 to end - 1; `end` is far below 65,536."""
        return next(self._numbers) % end

    def pick(self, table: Sequence[T]) -> T:
        """Pick an entry."""
        return table[next(self._numbers) % len(table)]

    def pick_two(self, table: Sequence[T]) -> tuple[T, T]:
        """Pick two different entries."""
        first = self.below(len(table))
        return table[first], table[first - 1 - self.below(len(table) - 1)]

    def bytes(self, count: int) -> bytes:
        """Draw bytes, 96 in all."""
        return self._bytes.read(count)


def weighted_table(weights: Mapping[T, int]) -> tuple[T, ...]:
    """Repeat each entry by its weight, so that a plain pick is a weighted one."""
    return tuple(chain.from_iterable(repeat(entry, weight) for entry, weight in weights.items()))


def normal_table(mean: float, deviation: float, *, entries: int) -> list[float]:
    """Return equally likely values of a normal distribution, in ascending order."""
    normal = NormalDist(mean, deviation)
    return [normal.inv_cdf((entry + 0.5) / entries) for entry in range(entries)]
