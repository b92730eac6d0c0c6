"""The pinned weights of what two titles have in common.

A weight is the base 2 logarithm of how much more often a level is seen between two records of one
title than between those of two titles. Those of year, runtime and votes were learned from titles
with known ids; those of people, rating, id and name are estimates. All are part of the rules: a
change of a weight is a new version.
"""

from collections.abc import Mapping
from types import MappingProxyType

import ibis
import ibis.expr.types as ir

VERSION = 2
# Of titles of streaming services, this share is in IMDb under a name that both have.
SHARE_KNOWN = 0.6
UNKNOWN = "unknown"

WEIGHTS: Mapping[str, Mapping[str, float]] = MappingProxyType({
    "year": {"0": 4.088, "1": -1.104, "2": -4.767, "more": -7.915, UNKNOWN: 0.0},
    "runtime": {
        "within 1": 5.127,
        "within 3": 2.007,
        "within 10 %": 0.737,
        "within 30 %": -1.685,
        "more": -4.941,
        UNKNOWN: 0.0,
    },
    "votes": {"<10": -3.24, "<100": -1.995, "<1k": -0.057, "<10k": 1.79, "10k+": 2.388,
              UNKNOWN: -3.526},
    "people": {"team": 18.0, "shared": 7.5, "others": -4.2, UNKNOWN: 0.0},
    "rating": {"within 0.3": 2.26, "more": -4.3, UNKNOWN: 0.0},
    "id": {"same": 20.0, "other": -6.6, UNKNOWN: 0.0},
    "name": {"own": 0.0, "alternate": -1.0, "none": -20.0},
})  # fmt: skip


def level(value: ir.NumericColumn, bounds: Mapping[str, float], above: str) -> ir.StringColumn:
    """Return the level of a figure: the first whose bound it does not exceed.

    Args:
        value: the figure.
        bounds: the greatest value of each level, in ascending order.
        above: the level of greater values.
    """
    cases = [(value <= bound, name) for name, bound in bounds.items()]
    return ibis.cases((value.isnull(), UNKNOWN), *cases, else_=above)


def weight(feature: str, level: ir.StringColumn) -> ir.FloatingColumn:
    """Return the weight of a level of a feature, in bits."""
    cases = [(level == name, ibis.literal(bits)) for name, bits in WEIGHTS[feature].items()]
    return ibis.cases(*cases)
