"""Look-up files reach the landing folder whole and as expected, or leave it as it was."""

import asyncio
import errno
import gzip
import hashlib
import logging
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from starlette.responses import HTMLResponse, Response

from movies_assets.ingest import download
from movies_assets.ingest.http import (
    HttpOptions,
    PermanentSourceError,
    SourceError,
    TransientSourceError,
)
from movies_assets.sample.faults import Fault, Faults
from movies_assets.sample.serving import serve
from movies_assets.settings import SettingsError, load
from movies_assets.sources.netflix.client import Lookup, NetflixClient
from movies_assets.sources.netflix.resources import NetflixLookups, titles_url
from movies_assets.sources.netflix.sample import LOOKUPS, lookup
from movies_assets.sources.netflix.sample_server import BASE_PATH, create_netflix_app
from movies_assets.sources.netflix.settings import NetflixSettings
from movies_assets_tests.faults.processes import FORKSERVER
from movies_assets_tests.places import RECORDED

FILE, HEADER = "netflix_cast.csv", ("cast", "show_id")
FAST = HttpOptions(retry_wait_max_seconds=0.02, retry_budget_seconds=10, read_timeout_seconds=5)
BRIEF = replace(FAST, retry_budget_seconds=0.5)
SOUND = "\ufeffcast,show_id\r\nZoë Quill,81145628\r\n".encode()
LARGE = SOUND + b"Ada Keane,80117401\r\n" * 20_000
OLD = b"cast,show_id\r\nAda Keane,1\r\n"
FOLDER = RECORDED / "netflix"


@pytest.fixture
def server(file_server):
    file_server.default = SOUND
    return file_server


@pytest.fixture
def target(tmp_path):
    return tmp_path / "landing" / "netflix" / "cast" / FILE


@pytest.fixture
def old(target):
    """A target that holds what was fetched before."""
    target.parent.mkdir(parents=True)
    target.write_bytes(OLD)
    return target


def fetch(server, target, options=FAST, header=HEADER):
    return NetflixClient(server.url, options).fetch(FILE, header, target)


def names(target):
    return {path.name for path in target.parent.iterdir()} - {".lock"}


@contextmanager
def untouched(target):
    """Proves that a failure does not change a target, and leaves no other file."""
    before = target.stat()
    with pytest.raises(SourceError) as raised:
        yield raised
    assert target.read_bytes() == OLD
    assert (target.stat().st_mtime_ns, target.stat().st_ino) == (before.st_mtime_ns, before.st_ino)
    assert names(target) == {FILE}
    assert str(raised.value).endswith(f"{target} was not touched.")


def first(*responses):
    """The server's fault that answers the first requests so."""
    return lambda _, number: responses[number - 1] if number <= len(responses) else None


# What is stored


def test_a_file_is_stored_as_it_was_received(server, target):
    found = fetch(server, target)
    assert found == Lookup(
        target, f"{server.url}/{FILE}", len(SOUND), hashlib.sha256(SOUND).hexdigest()
    )
    assert target.read_bytes() == SOUND
    assert names(target) == {FILE}


def test_a_file_takes_the_place_of_the_older_one(server, old):
    fetch(server, old)
    assert old.read_bytes() == SOUND


def test_a_file_is_fetched_each_time(server, target):
    fetch(server, target)
    server.default = SOUND + b"Ada Keane,80117401\r\n"
    fetch(server, target)
    assert target.read_bytes() == server.default
    assert "if-none-match" not in server.requests[1].headers


def test_a_file_may_be_below_the_base_url_and_the_url_may_have_parameters(server, target):
    client = NetflixClient(f"{server.url}/?ref=main&token=s3cret", FAST)
    found = client.fetch("data/the cast.csv", HEADER, target)
    assert found.url == f"{server.url}/data/the%20cast.csv?ref=main&token=***"
    assert str(server.requests[0].url).endswith("/dumps/data/the cast.csv?ref=main&token=s3cret")


def test_user_and_password_are_sent_and_not_shown(server, target):
    url = server.url.replace("http://", "http://user:pa%2Fss@")
    found = NetflixClient(url, FAST).fetch(FILE, HEADER, target)
    assert server.requests[0].headers["authorization"].startswith("Basic ")
    assert found.url == f"{server.url}/{FILE}"
    assert NetflixClient(url, FAST).source_url == server.url


def test_a_client_can_be_used_within_a_running_event_loop(server, target):
    async def within():
        return await asyncio.to_thread(fetch, server, target)

    assert asyncio.run(within()).bytes == len(SOUND)


@pytest.mark.parametrize(
    "body",
    [
        b"cast,show_id\n",
        b"cast,show_id",
        b"\xef\xbb\xbfcast,show_id\r\n",
        b"show_id,cast\n1,a\n",
        b"CAST,Show_ID\n",
        b" cast , show_id \n",
        b'"cast","show_id"\n',
        b'\xef\xbb\xbf"cast" , "show_id"\n',
        b"cast;show_id\n",
        b'"cast"; "SHOW_ID"\r\n',
        b"cast,show_id,character\n",
        b"role;show_id;cast\n",
        "cast,show_id,é\n".encode("cp1252"),
        b"cast,show_id\rAda,1\r",
        b"cast,show_id," + b"x" * 100_000,
    ],
)
def test_a_header_is_as_expected_however_it_is_written(server, target, body):
    server.default = body
    assert fetch(server, target).bytes == len(body)
    assert target.read_bytes() == body


@pytest.mark.recorded
@pytest.mark.skipif(not FOLDER.is_dir(), reason="recorded: ../shared/recorded is not there")
@pytest.mark.parametrize(("name", "column"), LOOKUPS.items())
def test_recorded_files_are_as_expected(server, target, name, column):
    server.default = (FOLDER / f"netflix_{name}.csv").read_bytes()
    assert fetch(server, target, header=(column, "show_id")).bytes == len(server.default)
    assert target.read_bytes() == server.default


# What is refused


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "an empty file"),
        (b"\xef\xbb\xbf", "an empty file"),
        (b"\r\n \n", "an empty file"),
        (b"<!DOCTYPE html><p>Sign in", "HTML instead of CSV.*Sign in"),
        (b"\n  <html>", "HTML instead of CSV"),
        (gzip.compress(SOUND, mtime=0), "gzip instead of CSV"),
        (b"actor,show_id\nAda,1\n", r"CSV without the column cast \(expected are cast, show_id\)"),
        (b"cast;id\nAda,1\n", "CSV without the column show_id"),
        (b"Ada Keane,80117401\n", "CSV without the columns cast, show_id.*Ada Keane"),
        (b"cast\tshow_id\n", "CSV without the columns"),
        (b"\ncast,show_id\n", "CSV without the columns"),
        (b"castshow_id\n", "CSV without the columns"),
        ("cast,show_id\n".encode("utf-16"), "CSV without the columns"),
        (b"\x00\x01\x02" * 50_000, "CSV without the columns"),
    ],
)
def test_what_is_not_as_expected_is_refused_at_once(server, old, body, message):
    server.default = body
    with untouched(old) as raised:
        fetch(server, old)
    assert isinstance(raised.value, PermanentSourceError)
    assert raised.match(f"(?s){server.url}/{FILE} answered {message}.*Check the base URL")
    assert len(server.requests) == 1


def test_a_missing_file_is_an_error_at_once(server, old):
    server.fault = first(HTMLResponse("<h1>Page not found</h1>", 404))
    with untouched(old) as raised:
        fetch(server, old)
    assert isinstance(raised.value, PermanentSourceError)
    assert raised.match(
        f"{server.url}/{FILE} answered HTTP 404.*Page not found.*Check the base URL and the name"
    )


@pytest.mark.parametrize(("status", "advice"), [(401, "password"), (403, "refuses"), (400, "URL")])
def test_a_refusal_is_an_error_at_once(server, old, status, advice):
    server.fault = first(Response("no", status))
    with untouched(old) as raised:
        fetch(server, old)
    assert isinstance(raised.value, PermanentSourceError)
    assert raised.match(f"HTTP {status}.*{advice}")


def test_where_nothing_was_stored_a_failure_stores_nothing(server, target):
    server.default = b"<html>"
    with pytest.raises(PermanentSourceError):
        fetch(server, target)
    assert names(target) == set()


# What passes


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_passing_failure_is_tried_again(server, target, status):
    server.fault = first(Response("later", status), Response("later", status))
    assert fetch(server, target).bytes == len(SOUND)
    assert len(server.requests) == 3


def test_the_server_says_when_to_come_back(server, old):
    server.fault = lambda *_: Response("later", 429, {"Retry-After": "77"})
    with untouched(old) as raised:
        fetch(server, old)
    assert isinstance(raised.value, TransientSourceError)
    assert raised.value.retry_after == 77
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_a_failure_that_lasts_ends_with_the_budget(server, old, status):
    server.fault = lambda *_: Response("later", status)
    with untouched(old) as raised:
        fetch(server, old, BRIEF)
    assert isinstance(raised.value, TransientSourceError)
    assert raised.match(f"HTTP {status}.*Gave up after .* tries within 0.5 seconds.*retry_budget")


def test_a_slow_file_is_read_to_its_end(server, target):
    server.default, server.piece_bytes, server.pause = LARGE, len(LARGE) // 10, 0.1
    # It takes twice the budget, but gets on all the time.
    assert fetch(server, target, BRIEF).bytes == len(LARGE)
    assert len(server.requests) == 1


def test_a_silent_server_is_given_up(server, old):
    server.held_after = dict.fromkeys(range(1, 100), 0)
    with untouched(old) as raised:
        fetch(server, old, replace(BRIEF, read_timeout_seconds=0.1))
    assert isinstance(raised.value, TransientSourceError)


@pytest.mark.parametrize("ranges", [True, False])
def test_a_cut_off_file_is_completed(server, target, ranges):
    server.default, server.ranges, server.cut_after = LARGE, ranges, {1: 1_000, 2: 2_000}
    assert fetch(server, target).checksum == hashlib.sha256(LARGE).hexdigest()
    assert target.read_bytes() == LARGE
    asked = [None, "bytes=1000-", "bytes=3000-" if ranges else "bytes=2000-"]
    assert server.ranges_asked() == asked


def test_a_file_that_changes_while_it_is_fetched_is_not_mixed(server, target):
    server.default, server.cut_after = LARGE, {1: 1_000}
    changed = LARGE.replace(b"Ada", b"Ida")

    def change(_, number):
        server.default = LARGE if number == 1 else changed

    server.fault = change
    fetch(server, target)
    assert target.read_bytes() == changed


def test_a_file_that_is_always_cut_off_is_an_error(server, old):
    server.default = LARGE
    server.cut_after = dict.fromkeys(range(1, 1_000), 0)
    with untouched(old) as raised:
        fetch(server, old, BRIEF)
    assert isinstance(raised.value, TransientSourceError)


def test_a_server_that_does_not_listen_is_an_error(old):
    with untouched(old) as raised:
        NetflixClient("http://127.0.0.1:1/files", BRIEF).fetch(FILE, HEADER, old)
    assert isinstance(raised.value, TransientSourceError)


# The disk


@pytest.mark.parametrize("method", ["append", "store"])
def test_a_full_disk_is_a_clear_error(server, old, monkeypatch, method):
    def fail(self, *_):
        raise OSError(errno.ENOSPC, "No space left on device", str(self.target))

    monkeypatch.setattr(download.Partial, method, fail)
    with untouched(old) as raised:
        fetch(server, old)
    assert raised.match("The disk is too full.*Free some space")


def test_a_folder_that_cannot_be_made_is_an_error(server, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(PermanentSourceError, match="cannot be written or read"):
        fetch(server, tmp_path / "file" / "cast" / FILE)


def _fetch_in_child(url, target):
    NetflixClient(url, FAST).fetch(FILE, HEADER, target)


@pytest.mark.slow
def test_a_killed_process_leaves_the_target_and_no_trace_after_the_next(server, old):
    server.default, server.held_after = LARGE, {1: 1_000}
    process = FORKSERVER.Process(target=_fetch_in_child, args=(server.url, old))
    process.start()
    part = old.with_name(f"{FILE}.part")
    end = time.monotonic() + 20
    while not (part.exists() and part.stat().st_size):
        assert time.monotonic() < end
        time.sleep(0.005)
    process.kill()
    process.join()
    assert old.read_bytes() == OLD
    server.default = SOUND
    fetch(server, old)
    assert old.read_bytes() == SOUND
    assert names(old) == {FILE}


def test_of_two_at_once_one_waits(server, target, caplog):
    caplog.set_level(logging.INFO)
    server.default, server.held_after = LARGE, {1: 1_000}
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(fetch, server, target) for _ in range(2)]
        while "Waiting for another process that is fetching netflix_cast.csv" not in caplog.text:
            assert not any(each.done() for each in both)
            time.sleep(0.005)
        assert len(server.requests) <= 1
        server.is_gate_open = True
        assert both[0].result() == both[1].result()
    assert target.read_bytes() == LARGE
    assert names(target) == {FILE}


def test_what_a_killed_process_left_complete_is_not_taken_for_new(server, old):
    part = download.Partial(old, download.Content)
    part.begin(download.Version('"old"', None, len(OLD)))
    part.append(OLD)
    fetch(server, old)
    assert old.read_bytes() == SOUND


# What is shown


SECRETS = ("hunter2", "hunt%65r2", "s3cr", "dXNlcj")


@pytest.mark.parametrize("kind", ["sound", "html", "missing", "down", "cut"])
def test_no_secret_is_shown_in_messages_logs_or_files(server, old, caplog, capfd, kind):
    caplog.set_level(logging.DEBUG)
    echo = "hunter2 s3cr/et s3cr%2Fet"
    match kind:
        case "html":
            server.default = f"<html>{echo}".encode()
        case "missing":
            server.fault = lambda *_: Response(echo, 404)
        case "down":
            server.fault = lambda *_: Response(echo, 503)
        case "cut":
            server.cut_after = dict.fromkeys(range(1, 1_000), 3)
    url = server.url.replace("http://", "http://user:hunter2@") + "?token=s3cr%2Fet"
    shown = ""
    try:
        shown = repr(NetflixClient(url, BRIEF).fetch(FILE, HEADER, old))
    except SourceError as error:
        cause = error
        while cause:
            shown += repr(cause)
            cause = cause.__cause__ or cause.__context__
    assert server.requests[0].query_params["token"] == "s3cr/et"  # noqa: S105
    assert FILE in shown
    printed = "".join(capfd.readouterr())
    left = b"".join(path.read_bytes() for path in old.parent.iterdir())
    for secret in SECRETS:
        assert secret not in shown + caplog.text + printed
        assert secret.encode() not in left


@pytest.mark.parametrize("url", ["", "ftp://user:hunter2@files", "hunter2", "http://"])
def test_a_base_url_that_is_none_is_refused_unseen(url):
    with pytest.raises(PermanentSourceError, match="not an HTTP URL") as raised:
        NetflixClient(url)
    assert "hunter2" not in str(raised.value)


# With the sample


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["too_many_requests", "server_error", "cut_off", "slow"])
@pytest.mark.parametrize(("name", "column"), LOOKUPS.items())
def test_the_sample_s_files_are_fetched_through_its_faults(target, name, column, kind):
    app = create_netflix_app(faults=Faults([Fault(kind, times=1, seconds=0.3)]))
    options = replace(FAST, read_timeout_seconds=0.1 if kind == "slow" else 5)
    with serve(app) as url:
        client = NetflixClient(url + BASE_PATH, options)
        client.fetch(f"netflix_{name}.csv", (column, "show_id"), target)
    assert target.read_bytes() == lookup(name)
    requests = len(app.state.traffic.requests)
    assert requests == 2 or (kind == "slow" and requests > 2), "a busy machine is slow by itself"


def test_the_sample_s_html_is_refused(old):
    with serve(create_netflix_app(faults=Faults([Fault("html")]))) as url, untouched(old) as raised:
        NetflixClient(url + BASE_PATH, FAST).fetch(FILE, HEADER, old)
    assert raised.match("HTML instead of CSV")


# Profiles


@pytest.fixture
def sample(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("MOVIES_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return load(data_dir=tmp_path / "data")


@pytest.mark.parametrize(("name", "column"), LOOKUPS.items())
def test_the_sample_profile_serves_the_files_that_the_settings_name(sample, target, name, column):
    client = NetflixLookups(project=sample).client()
    client.fetch(sample.netflix.lookup_files[name], (column, "show_id"), target)
    assert target.read_bytes() == lookup(name)


def test_the_live_profile_needs_the_address_and_asks_there(server, target):
    with pytest.raises(SettingsError, match="MOVIES_NETFLIX__BASE_URL is not set"):
        NetflixLookups(project=load(profile="live")).client()
    settings = load(profile="live", netflix={"base_url": server.url})
    assert (
        NetflixLookups(project=settings).client().fetch(FILE, HEADER, target).url
        == f"{server.url}/{FILE}"
    )


def test_one_lookup_file_can_be_renamed_by_itself(sample, monkeypatch):
    monkeypatch.setenv("MOVIES_NETFLIX__LOOKUP_FILES", '{"cast": "people.csv"}')
    files = load().netflix.lookup_files
    assert files == {**NetflixSettings().lookup_files, "cast": "people.csv"}
    assert sample.netflix.lookup_files["cast"] == FILE


def test_the_sample_s_titles_are_delivered_once_and_then_left_alone(sample):
    folder = sample.landing / "netflix" / "titles"
    assert titles_url(sample) == f"file://{folder}"
    found = sorted(folder.rglob("*.csv"))
    assert len(found) == 26
    found[0].write_bytes(b"changed")
    found[1].unlink()
    assert titles_url(sample) == f"file://{folder}"
    assert found[0].read_bytes() == b"changed"
    assert not found[1].exists()
    assert [path.name for path in folder.parent.iterdir()] == ["titles"]


def test_a_delivery_that_failed_is_made_again(sample, monkeypatch):
    folder = sample.landing / "netflix" / "titles"
    with monkeypatch.context() as broken:
        broken.setattr(Path, "rename", lambda *_: (_ for _ in ()).throw(PermissionError("no")))
        with pytest.raises(PermissionError):
            titles_url(sample)
    assert list(folder.parent.iterdir()) == []
    titles_url(sample)
    assert len(list(folder.rglob("*.csv"))) == 26


def test_of_two_deliveries_at_once_the_first_one_stays(sample, monkeypatch):
    folder = sample.landing / "netflix" / "titles"
    rename = Path.rename

    def be_slower(path, target):
        folder.mkdir()
        (folder / "theirs").touch()
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", be_slower)
    titles_url(sample)
    assert [path.name for path in folder.iterdir()] == ["theirs"]


@pytest.mark.parametrize(
    "settings",
    [
        {"profile": "live"},
        {"netflix": {"titles_url": "s3://bucket/titles"}},
        {"profile": "live", "netflix": {"titles_url": "s3://bucket/titles"}},
    ],
)
def test_titles_are_delivered_in_the_sample_s_own_folder_only(tmp_path, settings):
    url = titles_url(load(data_dir=tmp_path, **settings))
    default = f"file://{tmp_path}/landing/netflix/titles"
    assert url == settings.get("netflix", {}).get("titles_url", default)
    assert list(tmp_path.iterdir()) == []


def test_the_default_is_what_fsspec_reads(sample):
    import fsspec  # noqa: PLC0415 (not a dependency of ours)

    files, folder = fsspec.core.url_to_fs(titles_url(sample))
    assert len(files.glob(f"{folder}/*/*.csv")) == 26


def test_the_client_of_the_sample_uses_no_network(sample, target, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", refuse)
    NetflixLookups(project=sample).client().fetch(FILE, HEADER, target)
