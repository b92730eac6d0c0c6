"""Find the profile of a file: its separator, its header and the columns named there.

The layout is found in the content: a line `sep=;` names the separator, lines above the header are
kept separately, and a file without a header is read by position if its values fit. Decoding belongs
in `encoding`, parsing of records in `records`.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

from movies_assets.core.contract import PATTERNS, WITHHELD
from movies_assets.ingest.editions import Edition, candidates, normalised
from movies_assets.ingest.encoding import UTF8
from movies_assets.ingest.packing import LONGEST_NAME
from movies_assets.ingest.records import Lines, split

SEPARATORS = (",", ";", "\t", "|")
SEPARATOR_LINE = re.compile(r'\s*"?sep=(?P<separator>[,;\t|])"?\s*', re.IGNORECASE)
# How many records, bytes and lines of a header are examined at the top of a file.
FIRST_RECORDS, FIRST_BYTES, MOST_HEADER_LINES = 20, 100_000, 20
MOST_NAMES = 5_000
NO_HEADER = (
    f"the file has no header that is one: of names there are at most {MOST_NAMES:,}, of at most "
    f"{LONGEST_NAME:,} characters"
)
# A header below other lines names at least as many known columns.
FEWEST_NAMES = 2
# The share of a column's values that must match its shape or type.
SHARE_OF_SHAPE = 0.9
SHOWN_CHARACTERS = 80


@dataclass(frozen=True)
class ExpectedColumns:
    """The columns that are known before a file is opened.

    Attributes:
        known: columns of the contract that files have, and their types.
        ours: columns that files do not fill.
        editions: the editions that the table knows.
        takes: whether files of an edition, or of none that is known, belong to the table.
        is_personal: whether the table is about persons, so that no message shows a value.
    """

    known: Mapping[str, str]
    ours: AbstractSet[str]
    editions: Sequence[Edition] = ()
    takes: Callable[[Edition | None], bool] = lambda _: True
    is_personal: bool = False

    @cached_property
    def spellings(self) -> frozenset[str]:
        """Return all names of columns that a header may have."""
        of_editions = (name for edition in self.editions for name in edition.columns)
        return frozenset([*self.known, *of_editions])


@dataclass
class FileProfile:
    """Packing, encoding and layout of a file; the counts are complete once it is read.

    Attributes:
        source: the file.
        day: the partition to which its rows belong; None where the table has none.
        bytes: its size.
        checksum: of its content.
        packing: how it is packed.
        encoding: how its text is encoded.
        separator: the separator of its fields.
        edition: its edition; None if it uses the contract's own names.
        header: the names in its header; none where it has no header.
        columns: the columns that its fields fill.
        above: the lines at which the records above those begin, the header included.
        preamble: the texts of those that are not the header.
        unread: parts of the file that are left aside: further sheets or members of an archive.
        first_line: the index of the line at which its records begin.
        refusal: why all its records are refused; None if they are not.
        unreadable: why the file could not be read at all; None if it could.
        rows: the number of records.
        problems: the number of refused records.
    """

    source: str
    day: date | None = None
    bytes: int = 0
    checksum: str = ""
    packing: str = "csv"
    encoding: str = UTF8
    separator: str = ","
    edition: Edition | None = None
    header: list[str] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    above: list[int] = field(default_factory=list)
    preamble: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    first_line: int = 0
    refusal: str | None = None
    unreadable: str | None = None
    rows: int = 0
    problems: int = 0


@dataclass(frozen=True)
class _Top:
    """A record at the top of a file: the lines it takes, and its fields."""

    first: int
    last: int
    fields: list[str]


def describe(profile: FileProfile, lines: Lines, expected: ExpectedColumns) -> None:
    """Find separator, header, edition and columns of a file.

    Args:
        profile: gains what is found.
        lines: the text; gains the separator.
        expected: the columns that are known.
    """
    top = _first_lines(lines)
    named = SEPARATOR_LINE.fullmatch(top[0][1]) if top else None
    # The stated separator comes first, but the header decides.
    separators = sorted(SEPARATORS, key=lambda by: named is None or by != named["separator"])
    rest = top[1:] if named else top
    records = {by: list(_records(rest, by, most=1)) for by in separators}
    found = _header(records, expected)
    if found is None or not _is_certain(records[found[0]][0].fields, expected):
        records = {by: list(_records(rest, by)) for by in separators}
        found = _header(records, expected)
        # A value of a record may equal the name of a column, such as the title 'Rating'.
        if found and not found[1] and _by_position(records, expected)[2]:
            found = None
    elif expected.editions:
        records[found[0]] = list(_records(rest, found[0]))
    if found:
        profile.separator, at = found
        tops = records[profile.separator]
        profile.header = tops[at].fields
        _describe_header(profile, [record.fields for record in tops[at + 1 :]], expected)
    else:
        profile.separator, edition, columns = _by_position(records, expected)
        profile.edition = edition
        profile.columns, at = columns or list(expected.known), -1
        tops = records[profile.separator]
        if columns is None and tops:
            profile.refusal = _refusal(rest[0][1], expected)
    lines.separator = profile.separator.encode()
    above = tops[: at + 1]
    profile.above = [*([top[0][0]] if named else []), *(record.first for record in above)]
    if above:
        profile.first_line = above[-1].last + 1
    elif named:
        profile.first_line = top[0][0] + 1
    preamble = [lines.text(record.first, record.last) for record in above[:-1]]
    shown = [*([top[0][1]] if named else []), *(text.decode(UTF8, "replace") for text in preamble)]
    profile.preamble = [WITHHELD] * len(shown) if expected.is_personal else shown


def describe_columns(
    profile: FileProfile, samples: Sequence[Sequence[str]], expected: ExpectedColumns
) -> None:
    """Find the edition and the columns of a file whose format names its columns.

    Args:
        profile: has the header; gains what is found.
        samples: the first records.
        expected: the columns that are known.
    """
    _describe_header(profile, samples, expected)


def _describe_header(
    profile: FileProfile, samples: Sequence[Sequence[str]], expected: ExpectedColumns
) -> None:
    """Find the edition and the columns of a header, or why its records are refused."""
    if max(map(len, profile.header), default=0) > LONGEST_NAME or len(profile.header) > MOST_NAMES:
        # Each unknown name would become a column of the table.
        profile.columns, profile.refusal = list(expected.known), NO_HEADER
        return
    profile.edition = _edition(profile.header, samples, expected)
    profile.columns = names_of(profile.header, expected, profile.edition)
    if expected.known.keys().isdisjoint(profile.columns):
        profile.refusal = _refusal(", ".join(profile.header), expected)


def names_of(
    header: Sequence[str], expected: ExpectedColumns, edition: Edition | None = None
) -> list[str]:
    """Return the columns for a header's names, each of them once.

    The names of an edition come first: of the synonyms `id` and `show_id`, the one that the edition
    declares fills the column, and the other becomes a separate column.
    """
    declared = edition.columns if edition else {}
    columns: list[str] = [""] * len(header)
    spelt = [normalised(name) for name in header]
    for n in sorted(range(len(header)), key=lambda n: spelt[n] not in declared):
        name = declared.get(spelt[n]) or spelt[n]
        name = name or f"column_{n + 1}"
        while name in columns or name in expected.ours:
            name = f"{name}_{n + 1}"
        columns[n] = name
    return columns


def _first_lines(lines: Lines) -> list[tuple[int, str]]:
    """Return the first lines that are not empty, each with its index."""
    found: list[tuple[int, str]] = []
    for index in range(len(lines.ends)):
        if lines.starts[index] >= FIRST_BYTES or len(found) > FIRST_RECORDS + MOST_HEADER_LINES:
            break
        if text := lines.text(index):
            found.append((index, text.decode(UTF8, "replace")))
    return found


def _records(
    top: Sequence[tuple[int, str]], separator: str, most: int = FIRST_RECORDS
) -> Iterator[_Top]:
    """Yield the first records; a field of the header may have line breaks."""
    at = count = 0
    by = separator.encode()
    while at < len(top) and count < most:
        taken, fields = 1, split(top[at][1].encode(), by)
        if isinstance(fields, str):
            for more in range(2, min(MOST_HEADER_LINES, len(top) - at) + 1):
                text = "\n".join(text for _, text in top[at : at + more])
                joined = split(text.encode(), by)
                if isinstance(joined, list):
                    taken, fields = more, joined
                    break
        if isinstance(fields, str):
            fields = top[at][1].encode().split(by)
        yield _Top(top[at][0], top[at + taken - 1][0], [field.decode() for field in fields])
        at, count = at + taken, count + 1


def _header(
    records: Mapping[str, Sequence[_Top]], expected: ExpectedColumns
) -> tuple[str, int] | None:
    """Return the separator and the index of the header among the first records, if there is one.

    It is the first record, if that names any column; or a record below that names more of them, and
    has as many fields as one of the records below it.
    """
    best = (0, 0)
    found: tuple[str, int] | None = None
    for separator, tops in records.items():
        for at, top in enumerate(tops):
            names = {normalised(name) for name in top.fields} & expected.spellings
            if at and len(names) < max(FEWEST_NAMES, best[0] + 1):
                continue
            below = [record for record in tops[at + 1 :] if len(record.fields) == len(top.fields)]
            if at and len(tops) > at + 1 and not below:
                continue
            score = (len(names), len(top.fields))
            if names and score > best and not (at and found and len(names) == best[0]):
                best, found = score, (separator, at)
    return found


def _is_certain(header: Sequence[str], expected: ExpectedColumns) -> bool:
    """Return whether a first record is certainly the header, which ends the search."""
    names = {normalised(name) for name in header} & expected.spellings
    return len(names) >= FEWEST_NAMES and 2 * len(names) >= len(header)


def _edition(
    header: Sequence[str], samples: Sequence[Sequence[str]], expected: ExpectedColumns
) -> Edition | None:
    """Return the most specific edition for a header; shapes of values decide between equals."""
    fitting = candidates(header, expected.editions)
    spelt = [normalised(name) for name in header]
    shared = [len(edition.columns.keys() & set(spelt)) for edition in fitting]
    equal = [one for one, count in zip(fitting, shared, strict=True) if count == shared[0]]
    if len(equal) == 1:
        return equal[0]
    whole = [sample for sample in samples if len(sample) == len(header)]

    def of_shape(edition: Edition) -> int:
        return sum(
            re.fullmatch(edition.shapes[name], value.strip()) is not None
            for sample in whole
            for name, value in zip(spelt, sample, strict=True)
            if name in edition.shapes
        )

    return max(equal, key=of_shape, default=None)


def _by_position(
    records: Mapping[str, Sequence[_Top]], expected: ExpectedColumns
) -> tuple[str, Edition | None, list[str] | None]:
    """Return separator, edition and columns of a file without a header.

    The columns are None if the values do not show them: then the separator is the one that
    separates most.
    """
    for separator, tops in records.items():
        samples = [top.fields for top in tops]
        for edition in expected.editions:
            if _fits(samples, list(edition.columns), edition.shapes):
                return separator, edition, names_of(list(edition.columns), expected, edition)
        shapes = {name: PATTERNS[type_] for name, type_ in expected.known.items()
                  if type_ in PATTERNS}  # fmt: skip
        if _fits(samples, list(expected.known), shapes):
            return separator, None, list(expected.known)
    fields = {one: Counter(len(top.fields) for top in tops) for one, tops in records.items()}
    likely = max(fields, key=lambda one: max(fields[one], default=0))
    return likely, None, None


def _fits(
    samples: Sequence[Sequence[str]], names: Sequence[str], shapes: Mapping[str, str]
) -> bool:
    """Return whether the first record and most others have these columns in this order."""
    whole = [sample for sample in samples if len(sample) == len(names)]
    if not whole or len(samples[0]) != len(names) or len(whole) < SHARE_OF_SHAPE * len(samples):
        return False
    compiled = {names.index(name): re.compile(shape) for name, shape in shapes.items()
                if name in names}  # fmt: skip
    first = [bool(shape.fullmatch(whole[0][n].strip())) for n, shape in compiled.items()
             if whole[0][n].strip()]  # fmt: skip
    return (
        any(first)
        and all(first)
        and all(_are_of([sample[n] for sample in whole], shape) for n, shape in compiled.items())
    )


def _are_of(values: Sequence[str], shape: re.Pattern[str]) -> bool:
    stripped = [value.strip() for value in values if value.strip()]
    return sum(map(bool, map(shape.fullmatch, stripped))) >= SHARE_OF_SHAPE * len(stripped)


def _refusal(first: str, expected: ExpectedColumns) -> str:
    shown = WITHHELD if expected.is_personal else repr(first[:SHOWN_CHARACTERS])
    return (
        f"the file has no header: its first line, {shown}, names none of the columns "
        f"{', '.join(expected.known)}"
    )
