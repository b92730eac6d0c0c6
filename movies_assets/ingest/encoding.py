"""Decode text files to UTF-8, line by line, and map the lines to their places in the file.

A few damaged bytes do not change how the rest of a file is read: undecodable bytes stay in the text
as bytes that are not UTF-8, so that the reader of records refuses their lines. Parsing belongs in
`records`.
"""

import codecs
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

UTF8, WINDOWS, LATIN = "utf-8", "cp1252", "latin-1"
UTF16 = {"utf-16-le": b"\r\0\n\0|[\r\n]\0", "utf-16-be": b"\0\r\0\n|\0[\r\n]"}
MARKS = {codecs.BOM_UTF8: UTF8, codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
# Text without a byte order mark is UTF-16 if at least this share of its first bytes is zero.
FIRST_BYTES, SHARE_OF_ZEROS = 64, 0.25
# Text with bad bytes is UTF-8 if it has at least one valid sequence for so many bad ones.
BAD_PER_GOOD = 3
# How many bytes around a line end are examined to find the alignment of its characters.
AROUND_BYTES = 16
# Marks a line as damaged.
NO_CHARACTER = b"\xff"
BLOCK_BYTES = 8 << 20
LINE_FEED, CARRIAGE_RETURN = 10, 13

MULTI_BYTE = (
    rb"[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|"
    rb"\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|"
    rb"\xf4[\x80-\x8f][\x80-\xbf]{2}"
)
VALID = re.compile(rb"(?:[\x00-\x7f]++|%b)*+" % MULTI_BYTE)
SEQUENCE = re.compile(MULTI_BYTE)
LINE_END = re.compile(rb"(?:\r\n|[\r\n])\Z")
UNDEFINED = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
# The characters that cp1252 has and latin-1 does not.
WINDOWS_ONLY = re.compile(rb"[\x80\x82-\x8c\x8e\x91-\x9c\x9e\x9f]")


@dataclass(frozen=True)
class Text:
    """The text of a file.

    Attributes:
        raw: the bytes it was read from.
        content: the text in UTF-8 without a byte order mark; it ends with a line end. Bytes that
            cannot be decoded are bytes that are not UTF-8.
        encoding: the encoding found.
        mark: the length of the byte order mark in bytes.
        pieces: where each line ends in `raw`; None if lines end as they do in `content`, or in
            any other encoding of single bytes.
    """

    raw: bytes
    content: bytes
    encoding: str
    mark: int = 0
    pieces: np.ndarray | None = field(default=None, repr=False)

    def ends_in_file(self) -> np.ndarray:
        """Return where each line ends in the file, including its line break."""
        return line_ends(self.raw[self.mark :]) + self.mark if self.pieces is None else self.pieces


def decode(raw: bytes) -> Text:
    """Find the encoding of a text and decode it.

    Valid UTF-8 is UTF-8. So is a text with a few bad bytes, if valid sequences of UTF-8 outweigh
    them; otherwise each byte is a character of cp1252 or, where that has none, of latin-1.
    """
    mark, encoding = _marked(raw)
    if encoding in UTF16:
        return _from_utf16(raw, mark, encoding)
    content = raw[mark:] if mark else raw
    if encoding is None:
        encoding = _single_byte_or_utf8(content)
    if encoding != UTF8:
        characters = content.decode(encoding, "surrogateescape")
        content = characters.encode(UTF8, "surrogateescape")
    return Text(raw, _ended(content), encoding, mark)


def bad_bytes(content: bytes) -> Iterator[int]:
    """Yield the offsets at which a text is not UTF-8."""
    at = 0
    while (found := VALID.match(content, at)) and found.end() < len(content):
        yield found.end()
        at = found.end() + 1


def is_utf8(content: bytes) -> bool:
    """Return whether all bytes are UTF-8, without copying them."""
    if content.isascii():
        return True
    offsets = pa.py_buffer(np.array([0, len(content)], np.int64))
    text = pa.Array.from_buffers(pa.large_string(), 1, [None, offsets, pa.py_buffer(content)])
    try:
        text.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def line_ends(content: bytes) -> np.ndarray:
    r"""Return the offset after each line break (\r\n, \n or \r), and the end of the text."""
    ends = places(content, LINE_FEED)
    if b"\r" in content:
        returns = places(content, CARRIAGE_RETURN)
        following = np.append(np.frombuffer(content, np.uint8), 0)[returns + 1]
        alone = returns[following != LINE_FEED]
        ends = np.sort(np.concatenate([ends, alone]))
    ends += 1
    if content and (not len(ends) or ends[-1] != len(content)):
        ends = np.append(ends, len(content))
    return ends


def places(content: bytes, byte: int) -> np.ndarray:
    """Return the offsets of a byte."""
    found = [
        np.flatnonzero(np.frombuffer(content, np.uint8, min(BLOCK_BYTES, len(content) - at), at)
                       == byte) + at
        for at in range(0, len(content), BLOCK_BYTES)
    ]  # fmt: skip
    return np.concatenate(found) if found else np.zeros(0, np.int64)


def _ended(content: bytes) -> bytes:
    return content if not content or content.endswith((b"\n", b"\r")) else content + b"\n"


def _marked(raw: bytes) -> tuple[int, str | None]:
    """Return the length of the byte order mark, and the encoding that it or zeros indicate."""
    for mark, encoding in MARKS.items():
        if raw.startswith(mark):
            return len(mark), encoding
    first = raw[:FIRST_BYTES]
    if first.count(0) > SHARE_OF_ZEROS * len(first):
        is_little = first[1::2].count(0) >= first[::2].count(0)
        return 0, "utf-16-le" if is_little else "utf-16-be"
    return 0, None


def _single_byte_or_utf8(content: bytes) -> str:
    if is_utf8(content):
        return UTF8
    places_ = list(bad_bytes(content))
    bad = 1 + sum(b > a + 1 for a, b in itertools.pairwise(places_))
    if BAD_PER_GOOD * len(SEQUENCE.findall(content)) >= bad:
        return UTF8
    return LATIN if UNDEFINED.search(content) and not WINDOWS_ONLY.search(content) else WINDOWS


def _from_utf16(raw: bytes, mark: int, encoding: str) -> Text:
    pattern = re.compile(UTF16[encoding])
    ends = np.fromiter((found.end() for found in pattern.finditer(raw, mark)), np.int64)
    if not (ends - mark & 1).any() and not len(raw) - mark & 1:
        try:
            content = raw[mark:].decode(encoding).encode(UTF8)
        except UnicodeError:
            pass
        else:
            if len(raw) > mark and (not len(ends) or ends[-1] != len(raw)):
                ends = np.append(ends, len(raw))
            if len(line_ends(content)) == len(ends):
                return Text(raw, _ended(content), encoding, mark, ends)
    return _from_damaged_utf16(raw, mark, encoding, pattern)


def _from_damaged_utf16(raw: bytes, mark: int, encoding: str, pattern: re.Pattern[bytes]) -> Text:
    """Decode UTF-16 with missing or extra bytes: each line is aligned by itself."""
    ends: list[int] = []
    texts: list[bytes] = []
    begin = mark
    while begin < len(raw):
        found = _end_of_line(raw, begin, encoding, pattern)
        stop, end = found or (len(raw), len(raw))
        parts = _parts(raw[begin:stop], encoding)
        if parts[-1][1].endswith((b"\r", b"\n")):
            parts.append((0, b""))
        length, text = parts[-1]
        parts[-1] = (length + end - stop, text + _characters(raw[stop:end], encoding))
        for length, text in parts:
            begin += length
            if text == b"\n" and texts and texts[-1].endswith(b"\r"):
                texts[-1] += text
                ends[-1] = begin
            elif text:
                texts.append(text)
                ends.append(begin)
    return Text(raw, _ended(b"".join(texts)), encoding, mark, np.array(ends, np.int64))


def _end_of_line(
    raw: bytes, begin: int, encoding: str, pattern: re.Pattern[bytes]
) -> tuple[int, int] | None:
    """Return where a line ends, without and with its line break.

    A line break at an odd offset counts if the characters around it are aligned with it and not
    with the line's beginning: then a byte is missing or extra before it.
    """
    at = begin
    while found := pattern.search(raw, at):
        start, end = found.span()
        if not start - begin & 1:
            return start, end
        if _follows(raw, begin, start, end, encoding):
            return start, end
        at = start + 1
    return None


def _follows(raw: bytes, begin: int, start: int, end: int, encoding: str) -> bool:
    """Return whether characters around a line break are aligned with it, not with the line."""
    before, behind = raw[max(begin, start - AROUND_BYTES) : start], raw[end : end + AROUND_BYTES]
    same = _plain(before[len(before) & 1 :], encoding) + _plain(behind, encoding)
    other = _plain(before[~len(before) & 1 : -1], encoding)
    other += _plain(raw[end + 1 : end + 1 + AROUND_BYTES], encoding)
    return same > other or end >= len(raw) - 1


def _plain(piece: bytes, encoding: str) -> int:
    """Return the number of ASCII characters."""
    units = np.frombuffer(piece, "<u2" if encoding.endswith("le") else ">u2", len(piece) // 2)
    return int(((units >= ord("\t")) & (units < 0x7F)).sum())  # noqa: PLR2004 (ASCII ends there)


def _characters(piece: bytes, encoding: str) -> bytes:
    """Return a piece in UTF-8; a lone surrogate becomes bytes that are not UTF-8."""
    return piece.decode(encoding, "surrogatepass").encode(UTF8, "surrogatepass")


def _parts(piece: bytes, encoding: str) -> list[tuple[int, bytes]]:
    """Return the texts of a line, each with its size in bytes.

    With an odd number of bytes, one is missing or extra, but it is unknown which. Without zeros
    the text is still readable, line by line; each of these lines is marked as damaged.
    """
    if not len(piece) & 1:
        return [(len(piece), _characters(piece, encoding))]
    return [(len(part), _odd(part)) for part in piece.splitlines(keepends=True)]


def _odd(part: bytes) -> bytes:
    text = part.replace(b"\0", b"").decode(LATIN).encode()
    end = LINE_END.search(text)
    at = end.start() if end else len(text)
    return text[:at] + NO_CHARACTER + text[at:]
