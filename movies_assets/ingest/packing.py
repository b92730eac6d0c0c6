"""Packings: from a file as it arrived to delimited text or columns, and back without some records.

What the text means belongs to the reader of delimited text; where files lie, to the landing zone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa


@dataclass(frozen=True)
class Unpacked:
    """The content of a file: delimited text, or columns where the format has columns of its own.

    Attributes:
        packing: the packing found, by the content and not by the name: `csv`, `csv.gz`, `zip`,
            `jsonl`, `parquet`, `xlsx`.
        text: delimited text as bytes, in whatever encoding; None where there are columns.
        columns: every column as text, in the file's order, under the file's names.
        problems: for records that do not read, by their index (0 the first), why, and their text.
    """

    packing: str
    text: bytes | None = None
    columns: pa.Table | None = None
    problems: Mapping[int, tuple[str, str]] = field(default_factory=dict)
