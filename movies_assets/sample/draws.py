"""Draw random numbers for arrays, equal on every machine and with every version of numpy.

`catalogue.Draws` draws the few numbers of one thing; this draws one number of many things.
"""

from hashlib import shake_128

import numpy as np
from numpy.typing import NDArray

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
