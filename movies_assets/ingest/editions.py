"""Describe how known publishers of a data set name its columns, as data next to a contract.

A table's editions are declared next to its contract. The reader finds a file's header and reads its
records.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache


@dataclass(frozen=True)
class Edition:
    """One publisher's names and order of the columns of a data set.

    Attributes:
        name: the edition as tables, checks and the UI show it: `Kaggle 2021`.
        columns: the names in the file's header, normalised by `normalised`, in the publisher's
            order, and the column of the contract that each of them fills.
        needs: normalised names that a header must have to be of this edition.
        shapes: regular expressions, one per normalised name, that a file's values match in full.
            They distinguish editions with equal headers, and find the columns of a file without a
            header, where they have to match by position.
    """

    name: str
    columns: Mapping[str, str]
    needs: Collection[str]
    shapes: Mapping[str, str] = field(default_factory=dict)


@lru_cache(maxsize=4_096)  # without it, a tenth of reading 1,000 files was spent here
def normalised(name: str) -> str:
    """Normalise a column's name for comparison: 'IMDb Score' becomes 'imdb_score'."""
    return re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_")


def candidates(header: Sequence[str], editions: Sequence[Edition]) -> list[Edition]:
    """Return the editions whose needed columns are all in the header, the most specific first.

    Args:
        header: the names in a file's first line.
        editions: the editions of the table.
    """
    names = {normalised(name) for name in header}
    fitting = [edition for edition in editions if names.issuperset(edition.needs)]
    return sorted(fitting, key=lambda edition: -len(names & edition.columns.keys()))
