"""Sound files of any look, and damage done to them: for the tests of the reader."""

from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

COLUMNS = ("user_id", "full_name", "email", "preferred_genres", "country")
ENCODINGS = {
    "utf-8": b"",
    "utf-8-sig": b"\xef\xbb\xbf",
    "cp1252": b"",
    "utf-16-le": b"",
    "utf-16-be": b"\xfe\xff",
}
# Words that no other encoding reads as words by chance.
WORDS = (
    "Amélie", "Zoë x", "“Q” x", "Drama", "a b", 'say "hi" now', '5" disc', "x", "", " ", "N/A",
    "7", "2019-08-05", "it's",
)  # fmt: skip
QUOTED_WORDS = (*WORDS, '"start" of', '"all"', '"', ", begins", "a,b", "c;d", "e|f", "g\th")
BROKEN_WORDS = ("two\nlines", "two\r\nlines", "three\n\nlines", "a\rb", '"x"\n"y"')


@dataclass(frozen=True, repr=False)
class Sound:
    """A sound file.

    Attributes:
        encoding: its encoding.
        separator: what separates its fields.
        head: its bytes down to the end of the header.
        records: the bytes of each record.
        rows: the values of each record; empty ones are None.
        spelt: the spelling of each value in the file.
    """

    encoding: str
    separator: str
    head: bytes
    records: Sequence[bytes]
    rows: Sequence[dict[str, str | None]]
    spelt: Sequence[Sequence[str]]

    def __repr__(self) -> str:
        return f"Sound({self.encoding!r}, {self.separator!r}, {self.head!r}, {self.spelt!r})"

    @property
    def codec(self) -> str:
        return self.encoding.removesuffix("-sig")


@dataclass(frozen=True)
class Damage:
    """One place at which a file is damaged.

    Attributes:
        kind: `insert`, `drop`, `double`, `join` or `truncate`.
        at: where, as a share of the file's records.
        what: the text or the bytes to insert.
    """

    kind: str
    at: float
    what: str | bytes = b""


@st.composite
def sound_files(draw: st.DrawFn) -> Sound:
    """Draw a file of at least four records, with the columns in any of some orders."""
    encoding = draw(st.sampled_from(sorted(ENCODINGS)))
    separator = draw(st.sampled_from(",;\t|"))
    newline = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    quoting = draw(st.sampled_from(["minimal", "all", "none"]))
    words = {"none": [w for w in WORDS if separator not in w]}.get(
        quoting, [*QUOTED_WORDS, *BROKEN_WORDS]
    )
    texts = st.sampled_from(words)
    turn = draw(st.sampled_from([0, 0, 0, 1, 3, 4]))
    columns = (*COLUMNS[turn:], *COLUMNS[:turn])
    rows, spelt = [], []
    for number in range(1, 1 + draw(st.integers(3, 12))):
        person = [f"Ada {chr(64 + number)}. Marlow", f"p{number}@mail.example"]
        values = [str(number), *person, draw(texts), draw(texts)]
        rows.append(dict(zip(COLUMNS, (value or None for value in values), strict=True)))
        spelt.append([spelling(rows[-1][name] or "", separator, quoting) for name in columns])
    codec = encoding.removesuffix("-sig")
    head = (separator.join(columns) + newline).encode(codec)
    records = [(separator.join(values) + newline).encode(codec) for values in spelt]
    return Sound(encoding, separator, ENCODINGS[encoding] + head, records, rows, spelt)


def plain(encoding: str, records: int, country: str = "é") -> Sound:
    """Return a file of plain records."""
    rows = [
        dict(zip(COLUMNS, [f"{n}", f"Ada {n}.", f"p{n}@mail.example", "x", country], strict=True))
        for n in range(1, 1 + records)
    ]
    spelt = [[spelling(value, ",", "minimal") for value in row.values()] for row in rows]
    head, *lines = ((",".join(values) + "\n").encode(encoding) for values in [COLUMNS, *spelt])
    return Sound(encoding, ",", ENCODINGS[encoding] + head, lines, rows, spelt)


def spelling(value: str, separator: str, quoting: str) -> str:
    """Return a value as it is written."""
    needs = value.startswith('"') or any(mark in value for mark in (separator, "\n", "\r"))
    if quoting == "all" or needs:
        return '"' + value.replace('"', '""') + '"'
    return value


damages = st.lists(
    st.one_of(
        st.builds(
            Damage,
            st.just("insert"),
            st.floats(0, 1, exclude_max=True),
            st.sampled_from(['"', '""', ",", ";", "\t", "|", "\n", "\r\n", "\r", "\0", b"\xff",
                             b"\x81", b"\xc3", b"\0"]),
        ),
        st.builds(
            Damage,
            st.sampled_from(["drop", "double", "join", "truncate"]),
            st.floats(0, 1, exclude_max=True),
        ),
    ),
    min_size=1,
    max_size=3,
)  # fmt: skip


def damaged(sound: Sound, done: Sequence[Damage]) -> tuple[bytes, list[tuple[int, int]]]:
    """Return a file with damage done to it, and where: the record's index, and the byte in it."""
    records: list[bytes | None] = list(sound.records)
    touched = []
    for damage in done:
        place = damage.at * len(records)
        number = int(place)
        record = records[number]
        if not record:
            continue
        at = int((place - number) * len(record))
        touched.append((number, at))
        records[number] = _damaged(record, at, damage, sound.codec)
        if damage.kind == "truncate":
            for later in range(number + 1, len(records)):
                records[later] = None
                touched.append((later, 0))
    return sound.head + b"".join(filter(None, records)), touched


def _damaged(record: bytes, at: int, damage: Damage, codec: str) -> bytes:
    width = 2 if codec.startswith("utf-16") else 1
    match damage.kind:
        case "insert" if isinstance(damage.what, str):
            at -= at % width
            return record[:at] + damage.what.encode(codec) + record[at:]
        case "insert":
            return record[:at] + bytes(damage.what) + record[at:]
        case "drop":
            return record[:at] + record[at + 1 :]
        case "double":
            return record[: at + 1] + record[at:]
        case "join":
            return record.removesuffix("\n".encode(codec)).removesuffix("\r".encode(codec))
        case _:
            return record[:at]
