r"""Read records of delimited text by one grammar, at the engine's speed where the text is valid.

The grammar is RFC 4180 with one addition. Lines end with \r\n, \n or \r. A field that begins with
a quote ends with a quote directly before a separator or a line end, and holds pairs of quotes,
separators and line ends; in any other field quotes are ordinary characters. A line that does
not parse is refused by itself, and reading continues at the next line. The text is UTF-8 (see
`encoding`); the names of its columns are found by `profile`.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from movies_assets.ingest.encoding import (
    BLOCK_BYTES,
    CARRIAGE_RETURN,
    LINE_END,
    LINE_FEED,
    UTF8,
    bad_bytes,
    is_utf8,
    line_ends,
    places,
)

RECORD, PROBLEM, LINE = "_record", "_problem", "_line"
NEVER_CLOSED = "a quote is not closed"
NUL, HEADER_AGAIN = "a NUL character", "the header once more"
TEXT_BEHIND_QUOTE = "text between a closing quote and the separator"
# No quoted field has more lines than this; a quote that stays open for longer was never closed.
MOST_JOINED_LINES = 50
# How many records are sampled to find the columns of numbers and dates, the fewest values that
# decide, and the share of them that have digits.
SAMPLED, FEWEST_SAMPLED, SHARE_WITH_DIGITS = 200, 2, 0.9
# A longer field is an accident: the longest real ones, casts and descriptions, have some 10,000
# bytes, and a cell of a workbook has 32,767 characters at most. With the 192 MB that the engine is
# given, 30 fields of 1 MB are too much for it, let alone one of 20 MB.
LONGEST_FIELD = 100_000
# The same for a JSON document with all fields of a record; the longest real one has 10,000.
LONGEST_DOCUMENT = 1_000_000
SHOWN_CHARACTERS = 1_000
# The end of a text that was cut: only its beginning is kept.
CUT_OFF = " bytes)"
QUOTE = 34
DIGIT = re.compile(rb"[0-9]")


@dataclass(frozen=True)
class Records:
    """The records of a text.

    Attributes:
        rows: one row per record: its fields as text (empty ones are NULL), its number (RECORD) and,
            where it is refused, the reason (PROBLEM) and its text (LINE).
        lines: the index of the line with which each record begins, in the order of the numbers.
    """

    rows: pa.Table
    lines: np.ndarray


@dataclass
class Lines:
    """The lines of a text.

    Attributes:
        content: the text in UTF-8; it ends with a line end.
        separator: the separator of its fields: one byte.
    """

    content: bytes
    separator: bytes

    @cached_property
    def ends(self) -> np.ndarray:
        """Return where each line ends, including its line break."""
        return line_ends(self.content)

    @cached_property
    def starts(self) -> np.ndarray:
        """Return where each line begins."""
        return np.concatenate([np.zeros(min(1, len(self.ends)), np.int64), self.ends[:-1]])

    def text(self, first: int, last: int | None = None) -> bytes:
        """Return the text from one line to another, without the last line break."""
        last = first if last is None else last
        return LINE_END.sub(b"", self.content[self.starts[first] : self.ends[last]])

    def is_empty(self) -> np.ndarray:
        """Return which lines have no characters."""
        first = np.frombuffer(self.content, np.uint8)[self.starts]
        return np.isin(first, [LINE_FEED, CARRIAGE_RETURN])


@lru_cache
def _field(separator: bytes) -> re.Pattern[bytes]:
    by = re.escape(separator)
    return re.compile(rb'(?:"((?:[^"]++|"")*+)"|((?!")[^%b]*+))(%b|\Z)' % (by, by))


OPEN = re.compile(rb'"(?:[^"]++|"")*+\Z')


def split(text: bytes, separator: bytes) -> list[bytes] | str:
    """Split a record into its fields; return the problem as a text if it does not parse."""
    if b'"' not in text:
        return text.split(separator)
    fields, at, pattern = [], 0, _field(separator)
    while found := pattern.match(text, at):
        quoted, plain, by = found.groups()
        fields.append(plain if quoted is None else quoted.replace(b'""', b'"'))
        if not by:
            return fields
        at = found.end()
    return NEVER_CLOSED if OPEN.match(text, at) else TEXT_BEHIND_QUOTE


def joined(
    lines: Lines, first: int, most: int = MOST_JOINED_LINES
) -> tuple[int, list[bytes] | str]:
    """Read a record that may span lines; return its last line and the outcome of `split`."""
    read = split(lines.text(first), lines.separator)
    if read != NEVER_CLOSED:
        return first, read
    for last in range(first + 1, min(first + most, len(lines.ends))):
        if b'"' in lines.content[lines.starts[last] : lines.ends[last]]:
            whole = split(lines.text(first, last), lines.separator)
            if whole != NEVER_CLOSED:
                return last, whole
    return first, read


def shortened(text: str, longest: int = LONGEST_FIELD) -> str:
    """Return a text, or its beginning and its size in bytes if it is longer than `longest`."""
    size = len(text.encode(UTF8, "surrogatepass"))
    return text if size <= longest else f"{text[:SHOWN_CHARACTERS]}… ({size:,}{CUT_OFF}"


def without_long_fields(rows: pa.Table, text_of: Callable[[int], str]) -> pa.Table:
    """Refuse the records that have a field of more than LONGEST_FIELD bytes.

    Args:
        rows: the records.
        text_of: returns the text of a record, given its number.
    """
    names = [name for name in rows.column_names if name not in (RECORD, PROBLEM, LINE)]
    why = np.full(rows.num_rows, None, object)
    for name in names:
        sizes = pc.binary_length(rows[name])
        if (pc.max(sizes).as_py() or 0) > LONGEST_FIELD:
            is_long = pc.fill_null(pc.greater(sizes, LONGEST_FIELD), fill_value=False)
            problem = f"{name}: more than {LONGEST_FIELD:,} bytes"
            why[is_long.to_numpy()] = problem
    refused = np.flatnonzero(why != None)  # noqa: E711 (of each element)
    if not len(refused):
        return rows
    keeps = pa.array(why == None)  # noqa: E711
    texts = np.full(rows.num_rows, None, object)
    texts[refused] = [text_of(number) for number in rows[RECORD].take(refused).to_pylist()]
    columns = {
        name: pc.if_else(keeps, rows[name], pa.scalar(None, rows[name].type)) for name in names
    }
    for name, found in {PROBLEM: why, LINE: texts}.items():
        columns[name] = pc.coalesce(pa.array(found, pa.string()), rows[name])
    return pa.table({name: columns.get(name, rows[name]) for name in rows.column_names})


class RecordReader:
    """Reader of the records of a text.

    Args:
        lines: the text.
        columns: the names of the columns; a record has as many fields.
        first: the index of the first line to read.
        number: the number of the first record.
        encoding: the encoding that messages name.
        trusts_quotes: whether its quotes are known to be right, as in the text of a workbook:
            then a field may span any number of lines.
        header: the text of the header; a repetition of it is not a record.
    """

    def __init__(  # noqa: PLR0913 (one fact of a text each)
        self,
        lines: Lines,
        columns: Sequence[str],
        *,
        first: int,
        number: int,
        encoding: str,
        trusts_quotes: bool = False,
        header: bytes = b"",
    ) -> None:
        self._lines, self._columns, self._encoding = lines, columns, encoding
        self._first, self._number, self._header = first, number, header
        self._trusts_quotes = trusts_quotes

    def read(self, *, refusal: str | None = None, exactly: bool = False) -> Records:
        """Return the records.

        Args:
            refusal: refuse every record, for this reason.
            exactly: read every line by the exact reader; the result is the same, but slower.
        """
        self._is_record = ~self._lines.is_empty()
        self._is_record[: self._first] = False
        self._candidates = np.flatnonzero(self._is_record)
        exact = self._is_record.copy()
        if not exactly and refusal is None:
            exact[:] = False
            exact[self._doubtful()] = True
            exact &= self._is_record
        self._is_plain = self._is_record & ~exact
        results = self._refused(exact, refusal) if refusal else self._exact(exact)
        plain, odd = self._by_arrow()
        results += [self._result(line, line, self._outcome(line)) for line in odd]
        return self._records(plain, odd, results)

    def _doubtful(self) -> np.ndarray:
        """Return the lines that the fast reader may read differently from the grammar."""
        lines = self._lines
        content, found = lines.content, [np.zeros(0, np.int64)]
        if b'"' in content:
            steps = np.searchsorted(lines.ends, np.arange(BLOCK_BYTES, len(content), BLOCK_BYTES))
            edges = np.unique([self._first, *(steps + 1), len(lines.ends)])
            edges = edges[(edges >= self._first) & (edges <= len(lines.ends))]
            found += [self._with_odd_quotes(first, last) for first, last in pairwise(edges)]
        bad = [] if is_utf8(content) else list(bad_bytes(content))
        bad += places(content, 0).tolist() if b"\0" in content else []
        bad += self._headers()
        found.append(np.searchsorted(lines.ends, np.array(bad, np.int64), "right"))
        return np.unique(np.concatenate(found))

    def _headers(self) -> Iterator[int]:
        """Yield where the header may be repeated, as in files that were concatenated."""
        at = int(self._lines.starts[self._first]) if self._first < len(self._lines.starts) else -1
        while self._header and at >= 0:
            at = self._lines.content.find(self._header, at)
            if at >= 0:
                yield at
                at += len(self._header)

    def _with_odd_quotes(self, first: int, last: int) -> np.ndarray:
        """Return the lines of a block whose quotes are not those of well-formed quoted fields.

        In a line of well-formed fields every other quote opens a field or is the second of a pair,
        and each one after it closes the field or is the first of a pair.
        """
        begin, end = self._lines.starts[first], self._lines.ends[last - 1]
        block = np.frombuffer(self._lines.content, np.uint8, end - begin, begin)
        quotes = np.flatnonzero(block == QUOTE)
        firsts = np.searchsorted(quotes, self._lines.starts[first:last] - begin)
        counts = np.diff(firsts, append=len(quotes))
        edges = [ord(self._lines.separator), LINE_FEED, CARRIAGE_RETURN, QUOTE]
        fits = np.zeros(256, bool)
        fits[edges] = True
        is_odd = counts % 2 == 1
        is_closing = np.arange(len(quotes)) & 1
        if is_odd.any():
            is_closing ^= np.repeat(firsts & 1, counts)
        # A line ends before the block's first byte, as at its end.
        neighbours = block[quotes - 1 + 2 * is_closing]
        wrong = np.flatnonzero(~fits[neighbours])
        is_odd[np.searchsorted(firsts, wrong, "right") - 1] = True
        return np.flatnonzero(is_odd) + first

    def _exact(self, exact: np.ndarray) -> list[dict[str, bytes | str | int | None]]:
        """Read the doubtful lines, and the further lines of valid records that span several."""
        results = []
        following = self._first
        for line in np.flatnonzero(exact).tolist():
            if line < following:
                continue
            most = len(self._lines.ends) if self._trusts_quotes else MOST_JOINED_LINES
            last, fields = joined(self._lines, line, most)
            if last > line and not (self._trusts_quotes or self._is_sound(line, last, fields)):
                last, fields = line, NEVER_CLOSED
            following = last + 1
            self._is_record[line + 1 : following] = False
            self._is_plain[line + 1 : following] = False
            results.append(self._result(line, last, self._checked(line, last, fields)))
        return results

    def _refused(
        self, exact: np.ndarray, refusal: str
    ) -> list[dict[str, bytes | str | int | None]]:
        return [self._result(line, line, refusal) for line in np.flatnonzero(exact).tolist()]

    def _outcome(self, line: int) -> list[bytes] | str:
        return self._checked(line, line, split(self._lines.text(line), self._lines.separator))

    def _checked(self, first: int, last: int, fields: list[bytes] | str) -> list[bytes] | str:
        """Return the fields of a record, or the reason why it is refused."""
        text = self._lines.text(first, last)
        if text and text == self._header:
            return HEADER_AGAIN
        if b"\0" in text:
            return NUL
        if not is_utf8(text):
            return f"not {self._encoding}"
        return self._fitting(fields)

    def _fitting(self, fields: list[bytes] | str) -> list[bytes] | str:
        """Return as many fields as there are columns, or the reason why the count differs."""
        wanted = len(self._columns)
        if isinstance(fields, str):
            return fields
        if len(fields) < wanted:
            return f"{len(fields)} of {wanted} fields"
        if b"".join(fields[wanted:]).strip():
            return f"{len(fields)} fields in place of {wanted}"
        return fields[:wanted]

    def _result(
        self, first: int, last: int, outcome: list[bytes] | str
    ) -> dict[str, bytes | str | int | None]:
        if isinstance(outcome, str):
            text = self._lines.text(first, last).decode(UTF8, "backslashreplace")
            return {RECORD: first, PROBLEM: outcome, LINE: text.replace("\0", r"\x00")}
        values = (field.decode(UTF8) or None for field in outcome)
        return {RECORD: first, **dict(zip(self._columns, values, strict=True))}

    def _is_sound(self, first: int, last: int, fields: list[bytes] | str) -> bool:
        """Return whether a record that spans several lines is valid, rather than damage.

        Two quotes that were never closed, far apart, make one field of all records between them. So
        it is damage if a line between them parses as a record by itself, or if the first line and
        the last one do when their quotes are ordinary characters.
        """
        if isinstance(self._fitting(fields), str):
            return False
        numeric, by = self._numeric(first, last), self._lines.separator
        between = (split(self._lines.text(line), by) for line in range(first + 1, last))
        if any(self._is_like_a_record(fields, numeric) for fields in between):
            return False
        begin, end = self._lines.text(first), self._lines.text(last)
        is_begin = self._is_like_a_record(begin.split(by), numeric)
        ends = (end.split(by), split(end, by))
        return not (is_begin and any(self._is_like_a_record(read, numeric) for read in ends))

    def _is_like_a_record(self, fields: list[bytes] | str, numeric: Sequence[int]) -> bool:
        """Return whether the fields match the columns in number and in where digits are."""
        return (
            isinstance(fields, list)
            and len(fields) == len(self._columns)
            and all(DIGIT.search(fields[n]) or not fields[n].strip() for n in numeric)
        )

    def _numeric(self, first: int, last: int) -> list[int]:
        """Return the columns in which all valid records of the file, but some lines, have digits.

        Args:
            first: the first of the lines to leave out.
            last: the last of them.
        """
        sampled = [fields for line, fields in self._sample if not first <= line <= last]
        if len(sampled) < FEWEST_SAMPLED:
            return []
        columns = [[value for value in column if value] for column in zip(*sampled, strict=True)]
        return [
            n
            for n, column in enumerate(columns)
            if column
            and sum(map(bool, map(DIGIT.search, column))) >= SHARE_WITH_DIGITS * len(column)
        ]

    @cached_property
    def _sample(self) -> list[tuple[int, list[bytes]]]:
        lines = self._candidates
        chosen = lines[np.linspace(0, len(lines) - 1, min(SAMPLED, len(lines)), dtype=np.int64)]
        read = [(line, split(self._lines.text(line), self._lines.separator)) for line in chosen]
        return [
            (line, fields)
            for line, fields in read
            if isinstance(fields, list) and len(fields) == len(self._columns)
        ]

    def _by_arrow(self) -> tuple[pa.Table, list[int]]:
        """Read the valid lines; return their rows, and the lines with another number of fields."""
        runs = list(self._runs())
        odd: list[int] = []

        def put_aside(row: pa_csv.InvalidRow) -> str:
            odd.append(row.number)
            return "skip"

        if not runs:
            return pa.table({name: pa.array([], pa.string()) for name in self._columns}), []
        rows = pa_csv.read_csv(
            pa.BufferReader(runs[0] if len(runs) == 1 else b"".join(runs)),
            pa_csv.ReadOptions(
                column_names=self._columns,
                use_threads=False,  # skipped rows have numbers only then
                block_size=min(sum(map(len, runs)), max(BLOCK_BYTES, self._longest_line())) + 1,
            ),
            pa_csv.ParseOptions(
                delimiter=self._lines.separator.decode(), invalid_row_handler=put_aside
            ),
            pa_csv.ConvertOptions(
                column_types=dict.fromkeys(self._columns, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
                check_utf8=False,
            ),
        )
        plain = np.flatnonzero(self._is_plain)
        return rows, plain[np.array(odd, np.int64) - 1].tolist()

    def _longest_line(self) -> int:
        return int((self._lines.ends - self._lines.starts).max())

    def _runs(self) -> Iterator[bytes | memoryview]:
        """Yield the text of the valid lines, adjacent ones together."""
        lines = self._lines
        edges = np.flatnonzero(np.diff(self._is_plain, prepend=False, append=False))
        content = memoryview(lines.content)
        for first, after in edges.reshape(-1, 2):
            yield content[lines.starts[first] : lines.ends[after - 1]]

    def _records(
        self,
        plain: pa.Table,
        odd: Sequence[int],
        results: Sequence[Mapping[str, bytes | str | int | None]],
    ) -> Records:
        """Combine the rows, each with its number."""
        begins = np.flatnonzero(self._is_record)
        is_plain = self._is_plain
        is_plain[odd] = False
        of_plain = np.flatnonzero(is_plain)
        rows = plain.append_column(RECORD, pa.array(of_plain))
        for name in (PROBLEM, LINE):
            rows = rows.append_column(name, pa.nulls(len(of_plain), pa.string()))
        if results:
            columns = {
                name: pa.array([row.get(name) for row in results], rows.schema.field(name).type)
                for name in rows.column_names
            }
            rows = pa.concat_tables([rows, pa.table(columns)])
        lines = rows[RECORD].to_numpy()
        numbers = pa.array(np.searchsorted(begins, lines) + self._number)
        return Records(rows.set_column(rows.column_names.index(RECORD), RECORD, numbers), begins)
