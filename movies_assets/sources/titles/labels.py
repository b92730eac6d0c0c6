"""The file of labels: titles of sources whose id at IMDb is known."""

import csv
from collections.abc import Sequence
from pathlib import Path

from movies_assets import sources
from movies_assets.core.errors import DescribedError
from movies_assets.core.settings import CommonSettings

COLUMNS = ["source", "source_id", "tconst"]
Label = tuple[str, str, str | None]


class LabelsError(DescribedError):
    """The file of labels cannot be read."""


def read(path: Path) -> Sequence[Label]:
    """Return source, id there, and id at IMDb of each labelled title; more columns are ignored.

    Raises:
        LabelsError: there is no such file, a column is missing, or a line has no source or id, or
            labels a title again.
    """
    found: dict[tuple[str, str], Label] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            if not {*COLUMNS} <= {*(reader.fieldnames or ())}:
                raise _refused(path, 1)
            for row in reader:
                source, source_id, tconst = (row.get(name) or "" for name in COLUMNS)
                if not source or not source_id or (source, source_id) in found:
                    raise _refused(path, reader.line_num)
                found[source, source_id] = (source, source_id, tconst or None)
    except (OSError, csv.Error, UnicodeDecodeError) as error:
        raise LabelsError(f"the labels cannot be read: {path}: {error}") from error
    return list(found.values())


def of_sample(settings: CommonSettings) -> Sequence[Label]:
    """Return the labels of the fictional world, about all titles of the samples."""
    titles = (title for of in sources.sample_truths().values() for title in of(settings))
    return [(title.source, title.source_id, title.tconst or None) for title in titles]


def _refused(path: Path, line: int) -> LabelsError:
    return LabelsError(
        f"{path}, line {line}: each line has {', '.join(COLUMNS)}, and labels another title. "
        "Correct the line, and run again."
    )
