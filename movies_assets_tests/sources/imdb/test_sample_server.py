"""The servers of dumps speak HTTP as the real one does, and fail as the real one may."""

import asyncio
import gzip
import os
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime

import httpx
import pytest

from movies_assets.sample.faults import Fault, Faults
from movies_assets.sample.servers import Traffic
from movies_assets.sample.serving import serve
from movies_assets.sources.imdb import sample as imdb
from movies_assets.sources.imdb.sample_server import create_folder_app, create_imdb_app

PATH = "/anything/title.basics.tsv.gz"
LAST_MODIFIED = "Thu, 30 Oct 2025 00:00:00 GMT"
TEXT = "".join(f"tt{number:07d}\tmovie\n" for number in range(20_000)).encode()


def dump_in(folder, text, day):
    folder.mkdir()
    path = folder / "title.basics.tsv.gz"
    path.write_bytes(gzip.compress(text, 1))
    midnight = datetime(2025, 10, day, tzinfo=UTC).timestamp()
    os.utime(path, (midnight, midnight))
    return path.read_bytes()


@pytest.fixture(scope="module")
def versions(tmp_path_factory):
    """Two folders with a version each of one dump, and the two contents."""
    root = tmp_path_factory.mktemp("served")
    contents = dump_in(root / "old", TEXT, 30), dump_in(root / "new", TEXT[::-1], 31)
    return (root / "old", root / "new"), contents


@pytest.fixture(scope="module")
def server(versions):
    app = create_folder_app(versions[0][0])
    with serve(app) as url, httpx.Client(base_url=url) as client:
        yield app, client


@pytest.fixture
def client_of(server, versions):
    """Gives the server faults, and yields a client over TCP and the app's state."""
    app, client = server

    @contextmanager
    def change(*rules):
        app.state.folder, app.state.successor = versions[0]
        app.state.faults = Faults(list(rules))
        app.state.traffic = Traffic()
        yield client, app.state

    return change


@pytest.fixture
def client(client_of):
    with client_of() as (client, _):
        yield client


@pytest.fixture
def content(versions):
    return versions[1][0]


def received_of(client, headers=None):
    """Downloads until the connection breaks, and returns what has arrived with the headers."""
    received = bytearray()
    with client.stream("GET", PATH, headers=headers) as reply:
        try:
            for chunk in reply.iter_raw():
                received += chunk
        except httpx.RemoteProtocolError:
            return bytes(received), reply
    raise AssertionError("the connection did not break")


# HTTP


@pytest.mark.parametrize("path", [PATH, "/title.basics.tsv.gz", "/a/b/title.basics.tsv.gz"])
def test_a_dump_is_served_whole_at_any_path(client, content, path):
    reply = client.get(path)
    assert reply.status_code == 200
    assert reply.content == content
    assert reply.headers["content-length"] == str(len(content))
    assert reply.headers["last-modified"] == LAST_MODIFIED
    assert reply.headers["etag"].startswith('"')
    assert reply.headers["accept-ranges"] == "bytes"
    assert "content-encoding" not in reply.headers


def test_what_is_no_dump_is_not_found(client):
    for path in ("/", "/title.nonsense.tsv.gz", "/title.basics.tsv", "/../old/title.basics.csv"):
        assert client.get(path).status_code == 404


def test_the_head_of_a_dump_has_no_body(client, content):
    reply = client.head(PATH)
    assert reply.headers["content-length"] == str(len(content))
    assert reply.content == b""


@pytest.mark.parametrize("condition", [
    lambda head: {"If-None-Match": head["etag"]},
    lambda head: {"If-Modified-Since": head["last-modified"]},
    lambda _: {"If-Modified-Since": "Fri, 31 Oct 2025 00:00:00 GMT"},
])  # fmt: skip
def test_an_unchanged_dump_is_not_sent_again(client, condition):
    reply = client.get(PATH, headers=condition(client.head(PATH).headers))
    assert (reply.status_code, reply.content) == (304, b"")


@pytest.mark.parametrize("headers", [
    {"If-None-Match": '"another"'},
    {"If-Modified-Since": "Wed, 29 Oct 2025 00:00:00 GMT"},
])  # fmt: skip
def test_a_changed_dump_is_sent(client, content, headers):
    assert client.get(PATH, headers=headers).content == content


@pytest.mark.parametrize("name", ["etag", "last-modified"])
def test_a_range_completes_a_download_if_the_dump_is_the_same(client, content, name):
    version = client.head(PATH).headers[name]
    reply = client.get(PATH, headers={"Range": "bytes=1000-", "If-Range": version})
    assert reply.status_code == 206
    assert reply.headers["content-range"] == f"bytes 1000-{len(content) - 1}/{len(content)}"
    assert reply.content == content[1000:]


def test_a_range_of_another_version_is_answered_with_the_whole_dump(client, content):
    reply = client.get(PATH, headers={"Range": "bytes=1000-", "If-Range": '"another"'})
    assert (reply.status_code, reply.content) == (200, content)


def test_a_range_behind_the_end_is_refused(client, content):
    reply = client.get(PATH, headers={"Range": f"bytes={len(content)}-"})
    assert reply.status_code == 416
    assert reply.headers["content-range"] == f"bytes */{len(content)}"


def test_the_folder_can_be_changed_while_the_server_runs(client_of, versions):
    with client_of() as (client, state):
        before = client.get(PATH).headers["etag"]
        state.folder = versions[0][1]
        reply = client.get(PATH, headers={"If-None-Match": before})
        assert (reply.status_code, reply.content) == (200, versions[1][1])


def test_requests_are_recorded_with_their_headers(client_of):
    with client_of() as (client, state):
        client.head(PATH)
        client.get(PATH, headers={"Range": "bytes=1-2"})
    assert [request["method"] for request in state.traffic.requests] == ["HEAD", "GET"]
    assert state.traffic.requests[1]["path"] == PATH
    assert state.traffic.requests[1]["range"] == "bytes=1-2"


# Faults, over TCP


@pytest.mark.parametrize(("kind", "status"), [("too_many_requests", 429), ("server_error", 503)])
def test_the_server_can_ask_to_come_back_later(client_of, content, kind, status):
    with client_of(Fault(kind, times=1, retry_after=7)) as (client, _):
        reply = client.get(PATH)
        assert (reply.status_code, reply.headers["retry-after"]) == (status, "7")
        assert client.get(PATH).content == content


def test_a_web_page_can_replace_a_dump(client_of):
    with client_of(Fault("html")) as (client, _):
        reply = client.get(PATH)
        assert reply.status_code == 200
        assert reply.headers["content-type"].startswith("text/html")


def test_a_dump_can_be_slow(client_of, content):
    with client_of(Fault("slow", times=1, seconds=0.3)) as (client, _):
        with pytest.raises(httpx.ReadTimeout):
            client.get(PATH, timeout=0.1)
        assert client.get(PATH).content == content


def test_a_connection_can_break_in_mid_body_and_the_rest_can_be_had(client_of, content):
    with client_of(Fault("cut_off", times=1)) as (client, _):
        half, broken = received_of(client)
        assert int(broken.headers["content-length"]) == len(content)
        assert half == content[: len(content) // 2]
        rest = {"Range": f"bytes={len(half)}-", "If-Range": broken.headers["etag"]}
        assert half + client.get(PATH, headers=rest).content == content


def test_the_rest_of_a_dump_can_break_off_too(client_of, content):
    with client_of(Fault("cut_off")) as (client, _):
        part, reply = received_of(client, {"Range": "bytes=1000-"})
    assert reply.status_code == 206
    assert part == content[1000 : 1000 + (len(content) - 1000) // 2]


def test_a_dump_can_be_truncated_without_a_trace_in_the_headers(client_of, content):
    with client_of(Fault("truncated")) as (client, _):
        reply = client.get(PATH)
    assert int(reply.headers["content-length"]) == len(reply.content) == len(content) // 2
    with pytest.raises(EOFError):
        gzip.decompress(reply.content)


def test_a_dump_can_be_corrupt_at_full_length(client_of, content):
    with client_of(Fault("corrupt")) as (client, _):
        reply = client.get(PATH)
    different = [at for at, pair in enumerate(zip(content, reply.content, strict=True))
                 if pair[0] != pair[1]]  # fmt: skip
    assert different == [len(content) // 2]
    with pytest.raises((zlib.error, gzip.BadGzipFile, EOFError)):
        gzip.decompress(reply.content)


def test_a_dump_can_be_replaced_in_the_middle_of_a_download(client_of, versions):
    with client_of(Fault("replaced", times=1)) as (client, _):
        half, broken = received_of(client)
        assert versions[1][0].startswith(half)
        rest = {"Range": f"bytes={len(half)}-", "If-Range": broken.headers["etag"]}
        reply = client.get(PATH, headers=rest)
    assert (reply.status_code, reply.content) == (200, versions[1][1])
    assert reply.headers["etag"] != broken.headers["etag"]


def test_a_server_can_ignore_ranges(client_of, content):
    with client_of(Fault("ranges_ignored")) as (client, _):
        reply = client.get(PATH, headers={"Range": "bytes=1000-"})
    assert (reply.status_code, reply.content) == (200, content)
    assert "accept-ranges" not in reply.headers


def test_a_server_can_do_without_etags(client_of, content):
    with client_of() as (client, _):
        etag = client.head(PATH).headers["etag"]
    with client_of(Fault("no_etag")) as (client, _):
        reply = client.get(PATH, headers={"If-None-Match": etag})
        assert (reply.status_code, reply.content) == (200, content)
        assert "etag" not in reply.headers
        since = {"If-Modified-Since": reply.headers["last-modified"]}
        assert client.get(PATH, headers=since).status_code == 304


def test_faults_can_combine(client_of, content):
    with client_of(Fault("no_etag"), Fault("cut_off", times=1)) as (client, _):
        half, broken = received_of(client)
    assert half == content[: len(content) // 2]
    assert "etag" not in broken.headers


def test_a_fault_can_be_for_one_file_only(client_of):
    with client_of(Fault("server_error", pages={"title.ratings"})) as (client, _):
        assert client.get(PATH).status_code == 200
        assert client.get("/title.ratings.tsv.gz").status_code == 503


# Dumps that are written when they are asked for


@pytest.fixture
def sample(tmp_path):
    return create_imdb_app(tmp_path, scale=0.0001)


def get(app, path):
    async def ask():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://sample") as client:
            return await client.get(path)

    return asyncio.run(ask())


def test_a_dump_is_generated_for_the_date_in_the_path_and_no_other_is(sample, tmp_path):
    reply = get(sample, "/imdb/2025-10-30/title.ratings.tsv.gz")
    assert reply.headers["last-modified"] == LAST_MODIFIED
    assert gzip.decompress(reply.content).startswith(b"tconst\taverageRating\tnumVotes\ntt")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["title.ratings.tsv.gz"]


def test_a_dump_is_generated_once(sample, monkeypatch):
    path = "/imdb/2025-10-30/title.ratings.tsv.gz"
    calls, generate = [], imdb.generate
    monkeypatch.setattr(imdb, "generate", lambda *a, **k: (calls.append(a), generate(*a, **k)))
    with ThreadPoolExecutor(3) as pool:
        replies = list(pool.map(lambda _: get(sample, path), range(3)))
    assert len({reply.headers["etag"] for reply in replies}) == 1
    assert len(calls) == 1


def test_dumps_of_another_seed_or_scale_are_not_mixed_up(sample, tmp_path):
    path = "/imdb/2025-10-30/title.ratings.tsv.gz"
    others = [
        create_imdb_app(tmp_path, scale=0.0001, seed=2),
        create_imdb_app(tmp_path, scale=3e-4),
    ]
    assert len({get(app, path).content for app in (sample, *others)}) == 3


@pytest.mark.parametrize("path", [
    "/imdb/2025-10-30/title.nonsense.tsv.gz",
    "/imdb/2025-13-30/title.ratings.tsv.gz",
    "/imdb/title.ratings.tsv.gz",
])  # fmt: skip
def test_a_dump_that_cannot_be_is_not_found(sample, tmp_path, path):
    assert get(sample, path).status_code == 404
    assert not list(tmp_path.iterdir())


def test_generated_dumps_have_faults_too(tmp_path):
    app = create_imdb_app(tmp_path, scale=0.0001, faults=Faults([Fault("server_error", times=1)]))
    path = "/imdb/2025-10-30/title.ratings.tsv.gz"
    assert [get(app, path).status_code for _ in range(2)] == [503, 200]


# The commands


@pytest.mark.slow
def test_the_commands_write_dumps_and_serve_them(tmp_path):
    command = [sys.executable, "-m", "movies_assets.sample"]
    options = ["--scale", "0.0001", "--run-date", "2025-10-30", "--folder", str(tmp_path)]
    written = subprocess.run(  # noqa: S603 - our own module
        [*command, "imdb", *options, "--files", "title.crew,title.ratings"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines = written.stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == ["title.crew", "title.ratings"]
    assert all("rows" in line and "bytes" in line and line.endswith(" s") for line in lines)
    with subprocess.Popen(  # noqa: S603 - our own module
        [*command, "imdb-server", "--folder", str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            base = process.stdout.readline().strip()
            reply = httpx.get(f"{base}/title.crew.tsv.gz")
            assert reply.content == (tmp_path / "title.crew.tsv.gz").read_bytes()
        finally:
            process.terminate()


def test_an_impossible_dump_is_an_error_message():
    command = [
        sys.executable,
        "-m",
        "movies_assets.sample",
        "imdb",
        "--folder",
        ".",
        "--files",
        "x",
    ]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    assert refused.returncode == 1
    assert "no such dumps: x" in refused.stderr
