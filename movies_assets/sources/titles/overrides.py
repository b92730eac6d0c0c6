"""The file of decisions: links that a person forces or forbids, who did it, and why.

It is read before any rule, and is the only thing here that no run can make again: it belongs under
version control.
"""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from movies_assets.core.durable import fsync
from movies_assets.core.errors import DescribedError
from movies_assets.core.settings import CommonSettings
from movies_assets.sources.titles.settings import TitlesSettings

FORCE, FORBID = DECISIONS = ["force", "forbid"]


class Override(NamedTuple):
    """A decision; a line of the file.

    Attributes:
        source: the source of the title.
        source_id: the source's id of the title.
        tconst: IMDb's id of the title that it is, or is not.
        decision: `force` or `forbid`.
        by: who decided.
        why: the reason.
    """

    source: str
    source_id: str
    tconst: str
    decision: str
    by: str
    why: str


class OverridesError(DescribedError):
    """The file of decisions cannot be read."""


def path_of(settings: CommonSettings) -> Path:
    """Return the path of the file of decisions."""
    given = settings.section(TitlesSettings).overrides
    return given or settings.data_dir / "overrides" / "title_links.csv"


def read(path: Path) -> list[tuple[int, Override]]:
    """Return the decisions, each with the number of its line; none where there is no file.

    Raises:
        OverridesError: a line is not a decision, or contradicts an earlier one.
    """
    if not path.exists():
        return []
    with path.open(encoding="utf-8-sig", newline="") as file:
        found = list(_lines(path, file))
    _refuse_contradictions(path, found)
    return found


def add(path: Path, decisions: Sequence[Override]) -> None:
    """Add decisions at the end of the file, which is replaced whole.

    Raises:
        OverridesError: the file cannot be read, or a decision contradicts one in it.
    """
    kept = [decision for _, decision in read(path)]
    rows = list(dict.fromkeys([*kept, *decisions]))
    _refuse_contradictions(path, list(enumerate(rows, 2)))
    path.parent.mkdir(parents=True, exist_ok=True)
    incomplete = path.with_name(f".{path.name}.new")
    with incomplete.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Override._fields)
        writer.writerows(rows)
    fsync(incomplete)
    incomplete.replace(path)
    fsync(path.parent)


def _lines(path: Path, file: Iterator[str]) -> Iterator[tuple[int, Override]]:
    reader = csv.reader(file, strict=True)
    try:
        header = next(reader, None)
        if header != [*Override._fields]:
            raise _refused(path, 1, f"the header is not {','.join(Override._fields)}")
        for values in reader:
            if values:
                yield reader.line_num, _decision(path, reader.line_num, values)
    except (csv.Error, UnicodeDecodeError) as error:
        raise _refused(path, reader.line_num, str(error)) from error


def _decision(path: Path, line: int, values: Sequence[str]) -> Override:
    if len(values) != len(Override._fields):
        raise _refused(path, line, f"{len(values)} values instead of {len(Override._fields)}")
    decision = Override(*(value.strip() for value in values))
    if missing := [name for name, value in decision._asdict().items() if not value]:
        raise _refused(path, line, f"nothing in {', '.join(missing)}")
    if decision.decision not in DECISIONS:
        raise _refused(path, line, f"{decision.decision!r} is neither force nor forbid")
    return decision


def _refuse_contradictions(path: Path, found: Sequence[tuple[int, Override]]) -> None:
    """Refuse two decisions on one pair, and two forced links of one title."""
    pairs: dict[tuple[str, ...], int] = {}
    for line, made in found:
        title = (made.source, made.source_id)
        keys = [(*title, made.tconst)] + ([title] if made.decision == FORCE else [])
        for key in keys:
            if earlier := pairs.get(key):
                raise _refused(path, line, f"line {earlier} decides on the same title")
            pairs[key] = line


def _refused(path: Path, line: int, problem: str) -> OverridesError:
    return OverridesError(f"{path}, line {line}: {problem}. Correct the line, and run again.")
