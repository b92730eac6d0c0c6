"""Files that never end, or arrive at a trickle, are given up; nothing useless is left of them."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from itertools import chain, repeat
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

import pytest

from movies_assets.ingest.http import HttpOptions, PermanentSourceError, TransientSourceError
from movies_assets.sources.imdb.client import ImdbClient
from movies_assets.sources.netflix.client import NetflixClient
from movies_assets_tests.http_servers import pieces_server, trickle

OPTIONS = HttpOptions(
    retry_wait_max_seconds=0.02,
    read_timeout_seconds=0.2,
    max_download_bytes=1_000_000,
    prefix="MOVIES_X__",
)
# The head of a gzip file, and a block of 65,535 bytes that are stored as they are.
GZIP_HEAD = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
STORED = b"\0\xff\xff\0\0" + b"1" * 65_535
EMPTY = b"\0\0\0\xff\xff"
HEAD = b'HTTP/1.1 200 OK\r\nETag: "one"\r\n%b\r\n'


def dump(url: str, folder: Path, options: HttpOptions) -> object:
    return ImdbClient(url, options).fetch(folder, date(2026, 2, 1), ["title.ratings"])


def look_up(url: str, folder: Path, options: HttpOptions) -> object:
    return NetflixClient(url, options).fetch("a.csv", ["a"], folder / "a.csv")


class Kind(NamedTuple):
    """A kind of file: how it is fetched, how it begins, and how it goes on, in bulk or in drops."""

    fetch: Callable[[str, Path, HttpOptions], object]
    begin: bytes
    block: bytes
    drop: bytes


KINDS = pytest.mark.parametrize(
    "kind",
    [Kind(dump, GZIP_HEAD, STORED, EMPTY), Kind(look_up, b"a\n", b"1\n" * 32_000, b"1\n")],
    ids=["dump", "look-up"],
)


def left(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file() and path.name != ".lock"]


@KINDS
def test_a_file_without_an_end_stops_at_the_cap_and_is_removed(kind, tmp_path):
    sent: list[int] = []

    def count(piece: bytes) -> bytes:
        sent.append(len(piece))
        return piece

    def endless() -> Iterator[bytes]:
        return chain([kind.begin], map(count, repeat(kind.block)))

    with (
        pieces_server(HEAD % b"", endless) as url,
        pytest.raises(
            PermanentSourceError,
            match=r"has more than 1,000,000 bytes .* \(MOVIES_X__MAX_DOWNLOAD_BYTES\)",
        ),
    ):
        kind.fetch(url, tmp_path, OPTIONS)
    assert left(tmp_path) == []
    assert sum(sent) < 20_000_000  # that much may be in the buffers of the sockets


@KINDS
def test_a_file_that_announces_more_than_the_cap_is_not_read(kind, tmp_path):
    announced = HEAD % b"Content-Length: 1000001\r\n"
    with (
        pieces_server(announced, lambda: trickle(kind.drop)) as url,
        pytest.raises(PermanentSourceError, match="has more than 1,000,000 bytes"),
    ):
        kind.fetch(url, tmp_path, OPTIONS)
    assert left(tmp_path) == []


@KINDS
def test_a_file_at_a_trickle_is_asked_for_once_more_and_given_up(kind, tmp_path):
    tries: list[int] = []

    def slow() -> Iterator[bytes]:
        tries.append(1)
        return chain([kind.begin], trickle(kind.drop))

    with (
        pieces_server(HEAD % b"", slow) as url,
        pytest.raises(
            TransientSourceError,
            match=rf"{url}/.* sent \d+ bytes a second over 0 seconds, fewer than 1,000 "
            r"\(MOVIES_X__MIN_BYTES_PER_SECOND\)\. Gave up after",
        ),
    ):
        kind.fetch(url, tmp_path, OPTIONS)
    assert len(tries) == 2


def test_a_slow_file_is_read_where_any_pace_will_do(tmp_path):
    slow = [b"a\n", *[b"1\n"] * 8]
    announced = HEAD % b"Content-Length: 18\r\n"
    with pieces_server(
        announced, lambda: map(itemgetter(0), zip(slow, trickle(), strict=False))
    ) as url:
        look_up(url, tmp_path, replace(OPTIONS, min_bytes_per_second=0))
    assert (tmp_path / "a.csv").read_bytes() == b"".join(slow)
