"""Write which work each title of the sample is: the truth that linking titles is measured by.

Nothing of the pipeline reads it.
"""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, Protocol

from movies_assets.sample.world import Work

FILE = "truth.csv"
COLUMNS = ("source", "source_id", "tconst", "difficulties")
ONLY_HERE = frozenset({"only here"})


class TitleTruth(NamedTuple):
    """Which work a title of a source is.

    Attributes:
        source: The name of the source.
        source_id: The id of the title in the source.
        tconst: The current id of the work in IMDb; '' if no other source has it.
        difficulties: What makes it hard to recognize, see `world.DIFFICULTIES`.
    """

    source: str
    source_id: str
    tconst: str
    difficulties: frozenset[str]


class Shown(Protocol):
    """A title of a source that shows a work."""

    @property
    def work(self) -> Work:
        """Return the work."""

    @property
    def difficulties(self) -> frozenset[str]:
        """Return what makes it hard to recognize."""


def truth_of(source: str, source_id: str, shown: Shown | None) -> TitleTruth:
    """Return the truth about a title; without a work, only its source has it."""
    if shown is None:
        return TitleTruth(source, source_id, "", ONLY_HERE)
    return TitleTruth(source, source_id, shown.work.tconst, shown.difficulties)


def write(folder: Path, titles: Iterable[TitleTruth]) -> Path:
    """Write `truth.csv` into a folder, which is created if missing.

    A title has its difficulties in alphabetical order, with semicolons between them, or `same`.

    Returns:
        The file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(COLUMNS)
        for title in titles:
            rows.writerow([*title[:3], "; ".join(sorted(title.difficulties)) or "same"])
    return path
