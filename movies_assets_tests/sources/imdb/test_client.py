import asyncio
import errno
import gzip
import hashlib
import itertools
import json
import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from movies_assets.ingest import download
from movies_assets.ingest.http import (
    HttpOptions,
    PermanentSourceError,
    SourceError,
    TransientSourceError,
)
from movies_assets.sample.serving import serve
from movies_assets.sources.imdb import client as imdb
from movies_assets.sources.imdb.client import Dump, ImdbClient, prune, stored
from movies_assets.sources.imdb.settings import FILES
from movies_assets_tests.faults.processes import FORKSERVER, dies_at, in_child
from movies_assets_tests.http_servers import FileServer

RATINGS = "title.ratings"
FIRST, SECOND, THIRD = date(2026, 2, 1), date(2026, 2, 2), date(2026, 2, 3)
FAST = HttpOptions(retry_wait_max_seconds=0.02, retry_budget_seconds=10, read_timeout_seconds=5)
BRIEF = replace(FAST, retry_budget_seconds=0.5)


def dump_of(size: int, seed: int = 0) -> bytes:
    """A gzip file of about this size."""
    return gzip.compress(random.Random(seed).randbytes(size).hex().encode(), mtime=0)  # noqa: S311


SMALL, OTHER, LARGE = dump_of(1_000), dump_of(1_200, seed=1), dump_of(240_000)


@pytest.fixture
def server(file_server: FileServer) -> FileServer:
    file_server.default = SMALL
    return file_server


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    return tmp_path / "landing"


def fetch(
    server: FileServer,
    landing: Path,
    run_date: date = FIRST,
    files: tuple[str, ...] = (RATINGS,),
    options: HttpOptions = FAST,
) -> list[Dump]:
    return ImdbClient(server.url, options).fetch(landing, run_date, files)


def folder(landing: Path, run_date: date = FIRST, file: str = RATINGS) -> Path:
    return landing / "imdb" / file / f"run_date={run_date}"


def part(landing: Path, run_date: date = FIRST) -> Path:
    return folder(landing, run_date) / f"{RATINGS}.tsv.gz.part"


def names(path: Path) -> set[str]:
    return {child.name for child in path.iterdir()}


def wait_until(condition: Callable[[], object], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def first(*responses: Response) -> Callable[[Request, int], Response | None]:
    """The server's fault that answers the first requests so."""
    return lambda _, number: responses[number - 1] if number <= len(responses) else None


def assert_stored(landing: Path, body: bytes, run_date: date = FIRST) -> Dump:
    (dump,) = stored(landing, run_date, [RATINGS])
    assert dump.path.read_bytes() == body
    assert dump.sha256 == hashlib.sha256(body).hexdigest()
    assert dump.bytes == len(body)
    assert not [
        name for name in names(folder(landing, run_date)) if ".part" in name or "tmp" in name
    ]
    return dump


# States


def test_a_new_file_is_stored_with_its_manifest(server, landing):
    (dump,) = fetch(server, landing)
    target = folder(landing) / "title.ratings.tsv.gz"
    assert dump == Dump(
        RATINGS,
        FIRST,
        "updated",
        target,
        len(SMALL),
        hashlib.sha256(SMALL).hexdigest(),
        server.etag(SMALL),
        server.last_modified,
    )
    assert target.read_bytes() == SMALL
    assert names(target.parent) == {"title.ratings.tsv.gz", "manifest.json", "_SUCCESS"}
    assert json.loads((target.parent / "manifest.json").read_text()) == {
        "file": RATINGS,
        "run_date": "2026-02-01",
        "url": f"{server.url}/title.ratings.tsv.gz",
        "state": "updated",
        "path": "imdb/title.ratings/run_date=2026-02-01/title.ratings.tsv.gz",
        "bytes": len(SMALL),
        "sha256": dump.sha256,
        "etag": dump.etag,
        "last_modified": dump.last_modified,
    }


def test_what_is_present_is_not_asked_for(server, landing):
    (updated,) = fetch(server, landing)
    assert fetch(server, landing) == [replace(updated, state="present")]
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b"short"),
        lambda path: path.with_name("manifest.json").write_text("{"),
        lambda path: path.with_name("manifest.json").unlink(),
    ],
)
def test_what_was_lost_or_damaged_is_fetched_again(server, landing, damage):
    (dump,) = fetch(server, landing)
    damage(dump.path)
    with pytest.raises(PermanentSourceError, match=r"title.ratings \(the stored file or its man"):
        stored(landing, FIRST, [RATINGS])
    assert fetch(server, landing) == [dump]
    assert_stored(landing, SMALL)


@pytest.mark.parametrize(
    "kind",
    ["304 by etag", "304 by date", "200 same etag", "200 weak etag", "200 same date", "same bytes"],
)
def test_an_unchanged_file_is_not_stored_twice(server, landing, kind):
    match kind:
        case "304 by date":
            server.etag = None
        case "200 same etag":
            server.conditions = False
        case "200 weak etag":
            server.conditions, server.etag = False, lambda _: 'W/"a"'
        case "200 same date":
            server.conditions, server.etag = False, None
        case "same bytes":
            server.etag = lambda _: f'"{len(server.requests)}"'
    (one,) = fetch(server, landing)
    (two,) = fetch(server, landing, SECOND)
    # The third refers to the first, not to the second.
    (three,) = fetch(server, landing, THIRD)
    for dump, day in ((two, SECOND), (three, THIRD)):
        assert (dump.state, dump.path, dump.run_date) == ("unchanged", one.path, day)
        assert (dump.sha256, dump.bytes) == (one.sha256, one.bytes)
        assert names(folder(landing, day)) == {"manifest.json", "_SUCCESS"}
        assert_stored(landing, SMALL, day)
    assert three.etag == (server.etag(SMALL) if server.etag else None)
    conditions = server.requests[-1].headers
    if server.etag and kind != "same bytes":
        assert conditions["if-none-match"] == server.etag(SMALL)
    assert conditions["if-modified-since"] == server.last_modified
    assert len(server.requests) == 3


def test_the_body_of_an_unchanged_file_is_not_read(server, landing):
    server.default, server.conditions = LARGE, False
    fetch(server, landing)
    server.held_after[2] = 0
    (dump,) = fetch(server, landing, SECOND)
    assert dump.state == "unchanged"


def test_a_changed_file_is_updated(server, landing):
    fetch(server, landing)
    server.default = OTHER
    (dump,) = fetch(server, landing, SECOND)
    assert dump.state == "updated"
    assert_stored(landing, SMALL)
    assert_stored(landing, OTHER, SECOND)


def test_a_run_date_before_the_stored_ones_refers_to_none_of_them(server, landing):
    fetch(server, landing, SECOND)
    (dump,) = fetch(server, landing, FIRST)
    assert (dump.state, dump.path.parent) == ("updated", folder(landing))


def test_an_older_run_date_whose_file_is_lost_is_not_referred_to(server, landing):
    (one,) = fetch(server, landing)
    fetch(server, landing, SECOND)
    one.path.unlink()
    with pytest.raises(PermanentSourceError, match="missing or damaged"):
        stored(landing, SECOND, [RATINGS])
    server.default = OTHER
    (again,) = fetch(server, landing)
    assert again.state == "updated"
    # The file of the second run date is gone: another file is in its place.
    with pytest.raises(PermanentSourceError, match="missing or damaged"):
        stored(landing, SECOND, [RATINGS])
    assert fetch(server, landing, SECOND)[0].path == one.path
    assert_stored(landing, OTHER, SECOND)


def test_all_seven_files_are_fetched_at_once_within_the_concurrency(server, landing):
    server.bodies = {file: dump_of(50, seed) for seed, file in enumerate(FILES)}
    server.pause = 0.05
    dumps = fetch(server, landing, files=FILES, options=replace(FAST, concurrency=3))
    assert [dump.file for dump in dumps] == list(FILES)
    assert [dump.path.read_bytes() for dump in dumps] == list(server.bodies.values())
    assert server.most_under_way == 3
    assert stored(landing, FIRST, FILES) == dumps


def test_a_subset_is_fetched_in_its_order_and_can_grow(server, landing):
    fetch(server, landing, files=("title.crew",))
    states = [(d.file, d.state) for d in fetch(server, landing, files=(RATINGS, "title.crew"))]
    assert states == [(RATINGS, "updated"), ("title.crew", "present")]
    assert names(landing / "imdb") == {RATINGS, "title.crew"}
    assert fetch(server, landing, files=()) == []
    with pytest.raises(PermanentSourceError, match=r"title.akas \(never fetched\)") as caught:
        stored(landing, FIRST, [RATINGS, "title.akas"])
    assert "title.ratings" not in str(caught.value)


def test_an_unknown_file_is_refused(server, landing):
    with pytest.raises(PermanentSourceError, match=r"no file title.rating\. Choose among name"):
        fetch(server, landing, files=("title.rating",))


def test_several_gzip_members_are_one_file(server, landing):
    server.default = SMALL + OTHER
    fetch(server, landing)
    assert_stored(landing, SMALL + OTHER)


def test_a_transport_replaces_the_network(server, landing):
    client = ImdbClient("http://sample/imdb", FAST, transport=httpx.ASGITransport(server))
    assert client.fetch(landing, FIRST, FILES)[0].bytes == len(SMALL)
    assert client.source_url == "http://sample/imdb"


def test_the_bytes_are_asked_for_as_they_are(server, landing):
    fetch(server, landing)
    assert server.requests[0].headers["accept-encoding"] == "identity"


# Resumption


def test_a_cut_off_body_is_resumed(server, landing):
    server.default = LARGE
    server.cut_after = {1: 100_000, 2: 20_000}
    fetch(server, landing)
    assert_stored(landing, LARGE)
    assert server.ranges_asked() == [None, "bytes=100000-", "bytes=120000-"]
    assert server.requests[1].headers["if-range"] == server.etag(LARGE)


@pytest.mark.parametrize("etag", [None, lambda _: 'W/"a"'])
def test_without_a_strong_etag_the_date_is_the_condition_of_a_resumption(server, landing, etag):
    server.default, server.etag, server.cut_after = LARGE, etag, {1: 100_000}
    fetch(server, landing)
    assert_stored(landing, LARGE)
    assert server.requests[1].headers["if-range"] == server.last_modified


@pytest.mark.parametrize("etag", [None, lambda _: 'W/"a"'])
def test_without_any_validator_nothing_is_resumed(server, landing, etag):
    server.default, server.etag, server.last_modified = LARGE, etag, None
    server.cut_after = {1: 100_000}
    fetch(server, landing)
    assert_stored(landing, LARGE)
    assert server.ranges_asked() == [None, None]


def test_a_server_that_ignores_ranges_starts_over(server, landing):
    server.default, server.ranges, server.cut_after = LARGE, False, {1: 100_000}
    fetch(server, landing)
    assert_stored(landing, LARGE)
    assert server.ranges_asked() == [None, "bytes=100000-"]


@pytest.mark.parametrize("kind", ["honest", "other etag", "no etag", "other length"])
def test_a_file_that_changes_while_it_is_downloaded_is_never_mixed(server, landing, kind):
    old, new = LARGE, dump_of(240_000, seed=5)
    if kind == "other length":
        server.etag, new = None, LARGE + SMALL
    server.default, server.cut_after = old, {1: 100_000}

    def change(_: Request, number: int) -> Response | None:
        server.default = new if number > 1 else old
        if number != 2 or kind == "honest":
            return None
        headers = {"Content-Range": f"bytes 100000-{len(new) - 1}/{len(new)}"}
        if kind == "other etag":
            headers["ETag"] = server.etag(new)
        return Response(new[100_000:], 206, headers)

    server.fault = change
    fetch(server, landing)
    assert_stored(landing, new)


def test_a_mixture_that_no_header_betrays_is_found_by_its_checksum(server, landing):
    server.default, server.cut_after = LARGE, {1: 100_000}
    mixed = LARGE[100_000:200_000] + LARGE[199_999:-1]
    headers = {
        "Content-Range": f"bytes 100000-{len(LARGE) - 1}/{len(LARGE)}",
        "ETag": server.etag(LARGE),
    }
    server.fault = lambda _, number: Response(mixed, 206, headers) if number == 2 else None
    fetch(server, landing)
    assert_stored(landing, LARGE)
    assert server.ranges_asked() == [None, "bytes=100000-", None]


def test_a_refused_range_starts_over(server, landing):
    server.default, server.cut_after = LARGE, {1: 100_000}
    server.fault = lambda _, number: Response("", 416) if number == 2 else None
    fetch(server, landing)
    assert_stored(landing, LARGE)
    assert server.ranges_asked() == [None, "bytes=100000-", None]


def run_child(url: str, landing: Path, run_date: date, options: HttpOptions) -> None:
    ImdbClient(url, options).fetch(landing, run_date, [RATINGS])


def start_and_hold(server: FileServer, landing: Path) -> Any:
    """Starts a process and waits until it has 150,000 bytes and the server sends no more."""
    server.default, server.held_after = LARGE, {1: 150_000}
    patient = replace(FAST, read_timeout_seconds=30, retry_budget_seconds=30)
    process = FORKSERVER.Process(target=run_child, args=(server.url, landing, FIRST, patient))
    process.start()
    wait_until(lambda: part(landing).exists() and part(landing).stat().st_size == 150_000)
    return process


PARTS = {f"{RATINGS}.tsv.gz.part", f"{RATINGS}.tsv.gz.part.json"}


def test_a_killed_download_is_resumed(server, landing):
    process = start_and_hold(server, landing)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert names(folder(landing)) == PARTS
    with pytest.raises(PermanentSourceError, match="not completely fetched"):
        stored(landing, FIRST, [RATINGS])
    fetch(server, landing)
    assert_stored(landing, LARGE)
    assert server.ranges_asked() == [None, "bytes=150000-"]


def leave_part(server: FileServer, landing: Path, run_date: date = FIRST) -> None:
    """Leaves on the disk what a killed download leaves, and forgets the requests."""
    server.default, server.cut_after = LARGE, {len(server.requests) + 1: 150_000}
    server.fault = lambda request, _: Response("", 403) if "range" in request.headers else None
    with pytest.raises(PermanentSourceError):
        fetch(server, landing, run_date)
    assert part(landing, run_date).read_bytes() == LARGE[:150_000]
    assert names(folder(landing, run_date)) == PARTS
    server.fault, server.cut_after = None, {}
    server.requests.clear()


def test_a_file_that_changed_since_its_part_starts_over(server, landing):
    leave_part(server, landing)
    server.default = OTHER
    fetch(server, landing)
    assert_stored(landing, OTHER)
    assert server.ranges_asked() == ["bytes=150000-"]


def test_a_file_that_became_the_known_one_again_is_unchanged(server, landing):
    fetch(server, landing)
    leave_part(server, landing, SECOND)
    server.default = SMALL
    (dump,) = fetch(server, landing, SECOND)
    assert dump.state == "unchanged"
    assert names(folder(landing, SECOND)) == {"manifest.json", "_SUCCESS"}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda part, _: part.write_bytes(LARGE[:50_000] + bytes(100) + LARGE[50_100:150_000]),
        lambda part, _: part.write_bytes(LARGE + b"more"),
        lambda part, _: part.write_bytes(bytes(len(LARGE))),
        lambda part, _: part.write_bytes(b""),
        lambda part, _: part.unlink(),
        lambda _, note: note.unlink(),
        lambda _, note: note.write_text('{"etag'),
        lambda _, note: note.write_text("[]"),
    ],
)
def test_a_spoilt_part_starts_over(server, landing, spoil):
    leave_part(server, landing)
    spoil(part(landing), part(landing).with_name(f"{RATINGS}.tsv.gz.part.json"))
    fetch(server, landing)
    assert_stored(landing, LARGE)


def test_a_part_that_is_complete_is_not_fetched_again(server, landing):
    leave_part(server, landing)
    part(landing).write_bytes(LARGE)
    fetch(server, landing)
    assert_stored(landing, LARGE)
    assert not server.requests


def test_a_part_of_unknown_length_is_asked_for_its_rest(server, landing):
    """It may end with the first of several gzip members."""
    leave_part(server, landing)
    server.default = SMALL + OTHER
    part(landing).write_bytes(SMALL)
    note = part(landing).with_name(f"{RATINGS}.tsv.gz.part.json")
    version = {"etag": server.etag(server.default), "last_modified": None, "bytes": None}
    note.write_text(json.dumps(version | {"last_modified": server.last_modified}))
    fetch(server, landing)
    assert_stored(landing, SMALL + OTHER)
    assert server.ranges_asked() == [f"bytes={len(SMALL)}-"]


def test_another_server_is_understood_too(tmp_path, landing):
    """Starlette's own file server, for the one above is our reading of the protocol."""
    (tmp_path / "files").mkdir()
    file = tmp_path / "files" / f"{RATINGS}.tsv.gz"
    file.write_bytes(LARGE)
    requests: list[Request] = []
    files = StaticFiles(directory=file.parent)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        requests.append(Request(scope))
        await files({**scope, "root_path": ""}, receive, send)

    with serve(app) as url:
        client = ImdbClient(url, FAST)
        (one,) = client.fetch(landing, FIRST, [RATINGS])
        (two,) = client.fetch(landing, SECOND, [RATINGS])
        assert (two.state, two.path) == ("unchanged", one.path)
        note = {"etag": one.etag, "last_modified": one.last_modified, "bytes": one.bytes}
        shutil.rmtree(landing)
        folder(landing).mkdir(parents=True)
        part(landing).write_bytes(LARGE[:150_000])
        part(landing).with_name(f"{RATINGS}.tsv.gz.part.json").write_text(json.dumps(note))
        client.fetch(landing, FIRST, [RATINGS])
        assert_stored(landing, LARGE)
        assert requests[-1].headers["range"] == "bytes=150000-"


def complete(landing: Path, run_date: date) -> list[Dump]:
    try:
        return stored(landing, run_date, [RATINGS])
    except PermanentSourceError:
        return []


def die_everywhere(scratch: Path, url: str, run_date: date, body: bytes) -> int:
    """Has fetching die before each access to the disk, then checks that the next one is sound."""
    for event in itertools.count(1):
        landing = scratch / str(event)
        shutil.copytree(scratch / "before", landing)
        died = dies_at(event, landing, partial(run_child, url, landing, run_date, FAST))
        for dump in complete(landing, run_date):
            assert dump.path.read_bytes() == body
        run_child(url, landing, run_date, FAST)
        assert_stored(landing, body, run_date)
        if not died:
            return event
    raise AssertionError


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["updated", "unchanged", "repaired"])
def test_a_kill_before_any_access_to_the_disk_leaves_nothing_half_done(server, tmp_path, kind):
    (dump,) = fetch(server, tmp_path / "before")
    server.default = OTHER if kind == "updated" else SMALL
    day = FIRST if kind == "repaired" else SECOND
    if kind == "repaired":
        dump.path.write_bytes(b"short")
    assert in_child(die_everywhere, tmp_path, server.url, day, server.default) > 10


# Passing failures


def test_retry_after_is_waited_for(server, landing):
    server.fault = first(
        Response("slow down", 429, {"Retry-After": "1"}),
        Response("busy", 503, {"Retry-After": "0"}),
    )
    begun = time.monotonic()
    fetch(server, landing)
    assert 0.9 < time.monotonic() - begun < 10
    assert_stored(landing, SMALL)
    assert len(server.requests) == 3


def test_a_retry_after_beyond_the_budget_is_in_the_error(server, landing):
    server.fault = first(*[Response("later", 503, {"Retry-After": "3600"})] * 9)
    with pytest.raises(TransientSourceError, match="503") as caught:
        fetch(server, landing)
    assert caught.value.retry_after == 3600


def test_a_server_that_falls_silent_is_asked_for_the_rest(server, landing):
    server.default, server.held_after = LARGE, {1: 150_000}
    fetch(server, landing, options=replace(FAST, read_timeout_seconds=0.3))
    assert_stored(landing, LARGE)
    assert server.ranges_asked()[:2] == [None, "bytes=150000-"]


@pytest.mark.slow
def test_a_download_that_makes_progress_is_never_given_up(server, landing):
    server.default, server.piece_bytes, server.pause = LARGE, len(LARGE) // 20, 0.08
    server.cut_after = dict.fromkeys(range(1, 9), len(LARGE) // 5)
    begun = time.monotonic()
    fetch(server, landing, options=replace(FAST, retry_budget_seconds=0.7))
    assert time.monotonic() - begun > 2 * 0.7
    assert_stored(landing, LARGE)


@pytest.mark.slow
@pytest.mark.parametrize("ranges", [True, False])
def test_a_download_without_progress_is_given_up(server, landing, ranges):
    server.default, server.ranges = LARGE, ranges
    server.cut_after = {1: 150_000} | dict.fromkeys(range(2, 1000), 0 if ranges else 150_000)
    with pytest.raises(TransientSourceError, match=r"Gave up after \d+ tries within 0.5 seconds"):
        fetch(server, landing, options=BRIEF)
    assert part(landing).stat().st_size == 150_000 if ranges else len(server.requests) < 500


def test_a_server_with_another_version_each_time_is_given_up(server, landing):
    server.default = LARGE
    server.etag = lambda _: f'"{len(server.requests)}"'
    server.cut_after = dict.fromkeys(range(1, 1000), 150_000)
    with pytest.raises(TransientSourceError, match="Gave up"):
        fetch(server, landing, options=BRIEF)


# Lasting failures


@pytest.mark.parametrize(
    ("response", "message"),
    [
        (Response("<!DOCTYPE html><h1>Back soon</h1>"), "HTML instead of gzip.*Back soon"),
        (Response("tconst\tnumVotes"), "something else instead of gzip.*tconst"),
        (Response(b""), "an empty file"),
        (Response(gzip.compress(b"")), "an empty file"),
        (Response("gone", 404), "HTTP 404.*gone.*Check the base URL"),
        (Response("<h1>no</h1>", 403), "HTTP 403.*refuses"),
        (Response(SMALL, 206), "HTTP 206 instead of 200"),
        (Response("", 204), "HTTP 204 instead of 200"),
        (Response("", 304), "HTTP 304"),
        (Response("", 416), "HTTP 416"),
    ],
)
def test_an_error_that_a_retry_cannot_fix_fails_at_once(server, landing, response, message):
    server.fault = lambda *_: response
    with pytest.raises(PermanentSourceError, match=f"title.ratings.tsv.gz answered {message}"):
        fetch(server, landing)
    assert len(server.requests) == 1
    assert names(folder(landing)) == set()


CORRUPT = {
    "truncated": LARGE[:-5],
    "truncated amid data": LARGE[:100_000],
    "wrong checksum": LARGE[:-8] + b"????" + LARGE[-4:],
    "wrong length": LARGE[:-4] + b"????",
    "damaged": LARGE[:50_000] + bytes(100) + LARGE[50_100:],
    "trailing garbage": LARGE + b"garbage",
    "trailing zeros": LARGE + bytes(8),
    "one byte more": LARGE + b"\x1f",
    "second member damaged": SMALL + OTHER[:-5],
    "header only": LARGE[:9],
}


@pytest.mark.parametrize("kind", CORRUPT)
def test_a_corrupt_file_is_fetched_once_more_and_then_refused(server, landing, kind):
    server.default = CORRUPT[kind]
    with pytest.raises(PermanentSourceError, match=r"not a valid gzip file: .* fetched 2 times"):
        fetch(server, landing)
    assert server.ranges_asked() == [None, None]
    assert names(folder(landing)) == set()


@pytest.mark.parametrize("kind", CORRUPT)
def test_a_file_that_was_corrupt_once_is_stored_sound(server, landing, kind):
    server.default = LARGE
    server.fault = first(Response(CORRUPT[kind], headers={"ETag": server.etag(LARGE)}))
    fetch(server, landing)
    assert_stored(landing, LARGE)


def test_a_file_without_length_is_checked_too(server, landing):
    server.default, server.length = LARGE, False
    fetch(server, landing)
    assert_stored(landing, LARGE)
    server.default = LARGE[:-5]
    with pytest.raises(PermanentSourceError, match="does not end where it should"):
        fetch(server, landing, SECOND)


def test_the_other_files_are_fetched_even_if_some_fail(server, landing):
    server.fault = lambda request, _: (
        Response("gone", 404) if "crew" in request.url.path or "akas" in request.url.path else None
    )
    with pytest.raises(PermanentSourceError, match=r"2 files .*akas.*404.*crew.*404"):
        fetch(server, landing, files=FILES)
    assert (
        len(stored(landing, FIRST, [f for f in FILES if f not in {"title.crew", "title.akas"}]))
        == 5
    )
    server.fault = None
    assert {d.state for d in fetch(server, landing, files=FILES)} == {"present", "updated"}


# The disk


@contextmanager
def small_disk(path: Path, size: str) -> Iterator[Path]:
    path.mkdir()
    if mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)):
        pytest.skip("may not mount a file system here")
    try:
        yield path
    finally:
        subprocess.run(["umount", str(path)], check=True)  # noqa: S603, S607


def mount(*options: str) -> int:
    return subprocess.run(["mount", *options], check=False, capture_output=True).returncode  # noqa: S603, S607


@pytest.mark.parametrize("length", [True, False])
def test_a_full_disk_is_a_clear_error_and_a_larger_disk_resumes(server, tmp_path, length):
    server.default, server.length = LARGE, length
    with small_disk(tmp_path / "disk", "128k") as landing:
        with pytest.raises(
            PermanentSourceError, match=r"disk is too full for /.*needed, [\d,]+ byt"
        ) as caught:
            fetch(server, landing)
        assert str(landing) in str(caught.value)
        assert (f"{len(LARGE):,} bytes more needed" in str(caught.value)) is length
        assert part(landing).exists() is not length
        with pytest.raises(PermanentSourceError, match="not completely fetched"):
            stored(landing, FIRST, [RATINGS])
        assert mount("-o", "remount,size=4m", str(landing)) == 0
        fetch(server, landing)
        assert_stored(landing, LARGE)


def test_files_that_fit_alone_but_not_together_are_not_begun(server, landing, monkeypatch):
    usage = shutil.disk_usage(landing.parent)._replace(free=len(LARGE) * 3 // 2)
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: usage)
    server.default, server.pause = LARGE, 0.05
    with pytest.raises(PermanentSourceError, match="disk is too full"):
        fetch(server, landing, files=(RATINGS, "title.crew"))


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, "disk is too full.*more room needed.*bytes free"),
        (errno.EDQUOT, "disk is too full"),
        (errno.EIO, "cannot be written or read: Input/output error"),
    ],
)
@pytest.mark.parametrize("method", ["begin", "append", "store", "take_up"])
def test_every_error_of_the_disk_is_reported(server, landing, monkeypatch, method, number, message):
    def fail(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(download.Partial, method, fail)
    with pytest.raises(PermanentSourceError, match=message):
        fetch(server, landing)
    assert "_SUCCESS" not in names(folder(landing))
    monkeypatch.undo()
    fetch(server, landing)
    assert_stored(landing, SMALL)


def test_a_landing_zone_that_cannot_be_made_is_an_error(server, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(PermanentSourceError, match=r"file.* cannot be written or read: Not a dir"):
        fetch(server, tmp_path / "file")


# Two at once


def test_the_second_process_waits_and_finds_the_file_present(server, landing, caplog):
    caplog.set_level(logging.INFO)
    process = start_and_hold(server, landing)

    async def both() -> list[Dump]:
        waiting = asyncio.create_task(asyncio.to_thread(fetch, server, landing))
        await asyncio.to_thread(wait_until, lambda: "Waiting for another process" in caplog.text)
        server.is_gate_open = True
        return await waiting

    (dump,) = asyncio.run(both())
    process.join()
    assert (process.exitcode, dump.state) == (0, "present")
    assert len(server.requests) == 1
    assert_stored(landing, LARGE)


def test_missing_file_locks_are_reported(server, landing, monkeypatch):
    monkeypatch.setitem(sys.modules, "fcntl", None)
    with pytest.raises(PermanentSourceError, match="needs file locks"):
        fetch(server, landing)


# What is shown


@pytest.mark.parametrize("status", [200, 403, 503])
def test_no_secret_is_shown_in_messages_logs_or_files(server, landing, caplog, status):
    caplog.set_level(logging.DEBUG)
    server.url = server.url.replace("http://", "http://user:pa%2Fssword@") + "?token=s3cr%2Fet"
    client = ImdbClient(server.url, BRIEF)
    if status == 200:
        server.cut_after = {1: 300}
        client.fetch(landing, FIRST, [RATINGS])
        shown = ""
    else:
        server.fault = lambda request, _: Response(
            f"<p>{request.url} {request.headers['authorization']}", status
        )
        with pytest.raises(SourceError) as caught:
            client.fetch(landing, FIRST, [RATINGS, "title.crew"])
        chain = [caught.value, caught.value.__cause__, caught.value.__context__]
        shown = " ".join(map(repr, chain))
    shown += " ".join(f"{r.getMessage()} {vars(r)}" for r in caplog.records) + client.source_url
    shown += " ".join(path.read_text() for path in landing.rglob("*") if path.suffix == ".json")
    login = server.requests[0].headers["authorization"].split()[1]
    assert server.requests[0].query_params["token"] == "s3cr/et"  # noqa: S105
    for secret in ("pa/ssword", "pa%2Fssword", "s3cr/et", "s3cr%2Fet", login):
        assert secret not in shown
    assert "token=***" in shown


def test_progress_is_logged_at_intervals(server, landing, caplog, monkeypatch):
    monkeypatch.setattr(download, "_PROGRESS_SECONDS", 0)
    caplog.set_level(logging.INFO)
    server.default, server.piece_bytes, server.pause = LARGE, len(LARGE) // 50, 0.002
    fetch(server, landing)
    lines = [r.getMessage() for r in caplog.records if "MB/s" in r.getMessage()]
    assert 7 <= len(lines) <= 11
    assert f" of {len(LARGE):,} bytes, " in lines[0]
    assert "title.ratings.tsv.gz of 2026-02-01: updated" in caplog.text
    assert {r.name for r in caplog.records if "MB/s" in r.getMessage()} == {imdb.__name__}


def test_progress_of_a_quick_download_is_not_logged(server, landing, caplog):
    caplog.set_level(logging.INFO)
    server.default = LARGE
    fetch(server, landing)
    assert "MB/s" not in caplog.text


# Pruning


def fetch_days(server: FileServer, landing: Path, *bodies: bytes | None) -> list[date]:
    """Fetches a body a day; None is a day on which the download breaks off."""
    days = [date(2026, 1, 1 + n) for n in range(len(bodies))]
    for day, body in zip(days, bodies, strict=True):
        if body:
            server.default = body
            fetch(server, landing, day)
        else:
            leave_part(server, landing, day)
    return days


def days_kept(landing: Path) -> set[str]:
    return {
        name.removeprefix("run_date=") for name in names(landing / "imdb" / RATINGS) - {".lock"}
    }


def test_pruning_keeps_the_newest_run_dates(server, landing):
    days = fetch_days(server, landing, *(dump_of(99, seed) for seed in range(5)))
    assert prune(landing, 2) == [folder(landing, day) for day in days[:3]]
    assert days_kept(landing) == {str(days[3]), str(days[4])}
    assert prune(landing, 2) == []


def test_pruning_keeps_what_a_newer_run_date_refers_to(server, landing):
    days = fetch_days(server, landing, OTHER, SMALL, SMALL, SMALL)
    assert prune(landing, 1) == [folder(landing, days[0]), folder(landing, days[2])]
    assert_stored(landing, SMALL, days[3])
    server.default = OTHER
    fetch(server, landing, date(2026, 1, 5))
    assert prune(landing, 1) == [folder(landing, days[1]), folder(landing, days[3])]


def test_pruning_counts_complete_run_dates_only(server, landing):
    days = fetch_days(server, landing, None, SMALL, OTHER, None)
    assert prune(landing, 3) == []
    assert prune(landing, 2) == [folder(landing, days[0])]
    assert prune(landing, 1) == [folder(landing, days[1])]
    assert days_kept(landing) == {str(days[2]), str(days[3])}


def test_pruning_spares_run_dates_in_use_and_their_files(server, landing):
    days = fetch_days(server, landing, SMALL, SMALL, OTHER, SMALL)
    assert prune(landing, 1, spare=[days[1]]) == [folder(landing, days[2])]
    assert_stored(landing, SMALL, days[1])


def test_pruning_keeps_at_least_one_run_date(landing):
    with pytest.raises(ValueError, match="at least 1"):
        prune(landing, 0)
    assert prune(landing, 1) == []
