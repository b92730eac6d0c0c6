"""Parquet files hold what the snapshot holds, and a reader never finds half a table."""

import ctypes
import json
import resource
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import dagster as dg
import duckdb
import fsspec
import pyarrow.dataset
import pyarrow.parquet
import pytest

from movies_assets.definitions import TABLES, open_warehouse
from movies_assets.orchestration.publishing.parquet import parquet_assets
from movies_assets.serving import parquet
from movies_assets.serving.exports import (
    Export,
    ExportError,
    Layout,
    layout_of,
    plain_errors,
    reading_newest,
    shown,
)
from movies_assets.settings import load
from movies_assets.warehouse.database import WarehouseError
from movies_assets.warehouse.published import MOST_LOOKS, Published
from movies_assets.warehouse.types import duckdb_types
from movies_assets_tests.faults.processes import in_child
from movies_assets_tests.serving.conftest import (
    NAMES,
    SHARED,
    export,
    facts,
    newer_first,
    publish,
    rows_in,
    snapshot_of,
)

FACTS, MOVIES = "gold.fact_movies", "gold.imdb_movie_facts"
OLD, NEW = {"2025-09-30": 2, "2025-10-01": 3}, {"2025-10-01": 3, "2025-11-05": 4}


def write(found, root: Path) -> dict[str, Any] | None:
    url = str(root)
    return parquet.write(found, parquet.folder(url, root / "scratch"), url)


def read(path: Path | str, *, hive: bool = True) -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.execute(
            f"FROM read_parquet('{path}/**/*.parquet', hive_partitioning = {hive}) ORDER BY ALL"
        ).fetchall()


def files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*.parquet")}


def test_every_table_is_read_back_as_it_is_in_the_snapshot(stored_snapshot, tmp_path, subtests):
    for name in SHARED:
        with subtests.test(table=name), export(stored_snapshot, name) as found:
            written = write(found, tmp_path)
            expected, columns = rows_in(found), [c[0] for c in found.connection.description]
            path = tmp_path / found.name
            assert written is not None
            assert written["rows"] == len(expected)
            assert read(path) == expected
            assert read(path, hive=False) == expected, "the columns of the folders are in the files"
            arrow = pyarrow.parquet.read_table(path, partitioning=None)
            assert arrow.column_names == columns
            assert duckdb.from_arrow(arrow).order("ALL").fetchall() == expected
            dataset = pyarrow.dataset.dataset(path, format="parquet")
            assert dataset.count_rows() == len(expected)


@pytest.mark.slow
def test_types_are_those_of_the_contract_and_text_is_compressed_with_zstd(
    stored_snapshot, tmp_path, subtests
):
    for name in SHARED:
        with subtests.test(table=name), export(stored_snapshot, name) as found:
            write(found, tmp_path)
            path = tmp_path / found.name
            with duckdb.connect() as connection:
                rows = connection.execute(
                    f"DESCRIBE FROM read_parquet('{path}/**/*.parquet', hive_partitioning = false)"
                ).fetchall()
                codecs = connection.execute(
                    f"SELECT DISTINCT compression FROM parquet_metadata('{path}/**/*.parquet')"
                ).fetchall()
            spelled = {"TIMESTAMP WITH TIME ZONE": "TIMESTAMPTZ"}
            types = {row[0]: spelled.get(row[1], row[1]) for row in rows}
            wanted = duckdb_types(found.table.contract)
            assert {c: types[c] for c in wanted} == wanted
            assert {*types} - {*found.table.contract.types()} <= {*found.layout.columns}
            assert codecs in ([("ZSTD",)], []), "an empty file has no chunks"


def test_imdb_is_divided_as_dashboards_filter_and_other_facts_by_months():
    layouts = {name: layout_of(table) for name, table in SHARED.items()}
    assert layouts[MOVIES].columns == ("run_date", "decade", "genre")
    assert layouts["gold.imdb_episode_facts"].columns == ("run_date", "series_decade")
    assert layouts["gold.imdb_series_kpis"] == Layout(("run_date",))
    assert layouts[FACTS] == Layout(("uploaded_month",), "uploaded_date")
    assert layouts["gold.dim_genre"] == Layout()


LONG = ["Я" * 5_000, "x" * 5_000, "x" * 4_999 + "y", "/" * 90, "Drama"]


def test_a_genre_of_any_length_has_a_folder_of_its_own(make, tmp_path):
    rows = [
        {"movie_key": n, "genre": genre, "run_date": "2025-10-31", "decade": 1990, "genres": genre}
        for n, genre in enumerate(LONG)
    ]
    with make(MOVIES, rows) as found:
        write(found, tmp_path)
    written = tmp_path / "imdb_movie_facts"
    folders = {path.name for path in (written / "run_date=2025-10-31" / "decade=1990").iterdir()}
    assert len(folders) == len(LONG)
    assert "genre=Drama" in folders
    assert max(len(name.encode()) for name in folders) < 255
    with duckdb.connect() as connection:
        read_back = connection.execute(
            f"SELECT genres, genre FROM read_parquet('{written}/**/*.parquet') ORDER BY movie_key"
        ).fetchall()
    assert [genres for genres, _ in read_back] == LONG
    assert {genre[:12] for _, genre in read_back} == {genre[:12] for genre in LONG}


def test_folders_are_named_after_the_values_and_months_after_their_first_day(make, tmp_path):
    with make(FACTS, facts(OLD)) as found:
        write(found, tmp_path)
    folders = {path.name for path in (tmp_path / "fact_movies").iterdir() if path.is_dir()}
    assert folders == {"uploaded_month=2025-09-01", "uploaded_month=2025-10-01"}


def test_an_unchanged_table_is_not_written_again_for_any_snapshot(make, tmp_path):
    with make(FACTS, facts(OLD)) as found:
        assert write(found, tmp_path)
        before = files(tmp_path)
        assert write(found, tmp_path) is None
    with make(FACTS, [*reversed(facts(OLD))]) as later:
        assert write(later, tmp_path) is None
    assert files(tmp_path) == before


def test_an_older_snapshot_does_not_take_the_place_of_a_newer_one(tmp_path):
    root = tmp_path / "exports"
    refused, expected = newer_first(
        tmp_path / "snapshots", facts(OLD), facts(NEW), lambda found: write(found, root)
    )
    assert f"the existing export is of the newer snapshot {NAMES[1]}; nothing of" in refused
    assert f"nothing of {NAMES[0]} was written" in refused
    assert read(root / "fact_movies") == expected
    assert not any((root / parquet.INCOMING / "fact_movies").iterdir())


@pytest.mark.parametrize("damage", ["a file is gone", "a file is cut", "no manifest"])
def test_a_folder_that_somebody_damaged_is_written_again(make, tmp_path, damage):
    with make(FACTS, facts(OLD)) as found:
        write(found, tmp_path)
        victim = next((tmp_path / "fact_movies").rglob("*.parquet"))
        if damage == "a file is gone":
            victim.unlink()
        elif damage == "a file is cut":
            victim.write_bytes(victim.read_bytes()[:-9])
        else:
            (tmp_path / "fact_movies" / parquet.MANIFEST).unlink()
        assert write(found, tmp_path)
        assert read(tmp_path / "fact_movies") == rows_in(found)


def test_changed_rows_are_written_and_months_that_vanished_go(make, tmp_path):
    with make(FACTS, facts(OLD)) as found:
        write(found, tmp_path)
    with make(FACTS, facts(NEW)) as found:
        assert write(found, tmp_path)
        assert read(tmp_path / "fact_movies") == rows_in(found)
    assert not (tmp_path / "fact_movies" / "uploaded_month=2025-09-01").exists()


def test_of_two_states_no_files_have_the_same_name(make, tmp_path):
    seen = []
    for changed in (7.0, 8.0):
        with make(FACTS, [{**row, "rating": changed} for row in facts(OLD)]) as found:
            write(found, tmp_path)
        seen.append(files(tmp_path))
    assert not seen[0] & seen[1], "a reader who listed the old ones gets an error, and no mixture"


HOSTILE = ["Sci-Fi/Fantasy", "two words", "a=b&c%20", "Ünï ☃ 映画", None, "", "..", "/etc", "it's",
           "a\nb", 'x"y:*?\\', "2", "genre=Drama", ".hidden", "_hidden", "*"]  # fmt: skip


def hostile_rows(values: list[str | None]) -> list[dict[str, Any]]:
    return [
        {"movie_key": n, "genre": v, "decade": 1990 if n % 2 else None, "run_date": "2025-10-30"}
        for n, v in enumerate(values)
    ]


@pytest.mark.parametrize("kind", ["disk", "store"])
def test_rows_of_a_genre_with_any_name_are_read_back(make, tmp_path, kind):
    with make(MOVIES, hostile_rows(HOSTILE)) as found:
        if kind == "disk":
            write(found, tmp_path)
            there = tmp_path / found.name
        else:
            url = f"memory://{tmp_path.name}"
            parquet.write(found, parquet.folder(url, tmp_path / "scratch"), url)
            there = tmp_path / "fetched"
            fsspec.filesystem("memory").get(
                f"/{tmp_path.name}/{found.name}", str(there), recursive=True
            )
        assert read(there) == rows_in(found)
        assert read(there, hive=False) == rows_in(found)


def test_a_genre_spelled_null_is_in_the_files_as_it_is(make, tmp_path):
    # DuckDB reads a folder `genre=NULL` as unknown; the column in the file has its value.
    with make(MOVIES, hostile_rows(["NULL", None])) as found:
        write(found, tmp_path)
        assert read(tmp_path / found.name, hive=False) == rows_in(found)


def test_a_genre_spelled_as_the_folder_of_none_is_refused_and_what_was_there_stays(make, tmp_path):
    with make(MOVIES, hostile_rows(["Drama"])) as found:
        write(found, tmp_path)
        before = rows_in(found)
    with (
        make(MOVIES, hostile_rows(["__HIVE_DEFAULT_PARTITION__", None])) as found,
        pytest.raises(ExportError, match="1 rows have the genre '__HIVE_DEFAULT_PARTITION__'"),
    ):
        write(found, tmp_path)
    assert read(tmp_path / "imdb_movie_facts") == before


@pytest.mark.parametrize("name", [FACTS, "gold.dim_genre"])
def test_a_table_without_rows_is_a_file_without_rows(make, tmp_path, name):
    with make(name, []) as found:
        assert write(found, tmp_path)["rows"] == 0
        assert write(found, tmp_path) is None
        assert read(tmp_path / found.name) == []
        arrow = pyarrow.parquet.read_table(tmp_path / found.name, partitioning=None)
        assert [*found.table.contract.types()] == arrow.column_names[
            : len(found.table.contract.types())
        ]


# Read meanwhile; that it may be killed is tested in test_killed.py.


def snapshots(folder: Path) -> tuple[Path, Path]:
    contract = SHARED[FACTS].contract
    return (
        snapshot_of(folder / "old.duckdb", {FACTS: (contract, facts({"2025-09-30": 2}))}),
        snapshot_of(folder / "new.duckdb", {FACTS: (contract, facts({"2025-11-05": 4}))}),
    )


def write_snapshot(snapshot: Path, root: Path) -> None:
    with export(snapshot, FACTS) as found:
        write(found, root)


def test_a_reader_finds_one_state_or_an_error_while_others_take_its_place(tmp_path):
    old, new = snapshots(tmp_path / "snapshots")
    root = tmp_path / "exports"
    expected = []
    for snapshot in (old, new):
        write_snapshot(snapshot, root)
        expected.append(read(root / "fact_movies"))
    writer = Thread(target=lambda: [write_snapshot(s, root) for _ in range(15) for s in (old, new)])
    writer.start()
    found = 0
    while writer.is_alive():
        try:
            rows = read(root / "fact_movies")
        except duckdb.Error:
            continue
        assert rows in expected
        found += 1
    writer.join()
    assert found


def test_where_the_system_cannot_swap_folders_they_are_renamed_one_after_the_other(
    make, tmp_path, monkeypatch
):
    def none(*_: Any, **__: Any) -> None:
        raise OSError

    monkeypatch.setattr(ctypes, "CDLL", none)
    for days in (OLD, NEW):
        with make(FACTS, facts(days)) as found:
            write(found, tmp_path)
            assert read(tmp_path / found.name) == rows_in(found)
    assert not any((tmp_path / parquet.INCOMING / "fact_movies").iterdir())


# Stores.


@pytest.fixture
def bucket(_s3, tmp_path) -> tuple[str, Any]:
    """The URL of a folder in a bucket, and the store."""
    files = fsspec.filesystem("s3")
    files.mkdir("movies")
    return f"s3://movies/{tmp_path.name}", files


@pytest.fixture
def memory(tmp_path) -> tuple[str, Any]:
    return f"memory://{tmp_path.name}", fsspec.filesystem("memory")


@pytest.fixture(params=["memory", "bucket"])
def store(request) -> tuple[str, Any]:
    return request.getfixturevalue(request.param)


def fetched(files: Any, url: str, to: Path) -> Path:
    files.invalidate_cache()
    root = files._strip_protocol(url)
    for path in files.find(root):
        target = to / path.removeprefix(f"{root}/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(files.cat_file(path))
    return to


def current(files: Any, url: str, to: Path) -> Path:
    """Fetch a table as a reader does that goes by the pointer."""
    files.invalidate_cache()
    versions = f"{url}/{parquet.VERSIONS}/fact_movies"
    return fetched(files, f"{versions}/{files.cat_file(f'{versions}/CURRENT').decode()}", to)


def test_in_a_store_the_plain_folder_and_the_named_version_have_the_same_rows(
    make, tmp_path, store
):
    url, files = store
    for n, days in enumerate((OLD, NEW)):
        with make(FACTS, facts(days)) as found:
            target = parquet.folder(url, tmp_path / "scratch")
            assert parquet.write(found, target, url)
            assert parquet.write(found, target, url) is None
            assert read(fetched(files, f"{url}/fact_movies", tmp_path / f"p{n}")) == rows_in(found)
            assert read(current(files, url, tmp_path / f"v{n}")) == rows_in(found)
    assert [p for p in (tmp_path / "scratch").rglob("*") if p.is_file()] == []


@pytest.mark.slow
@pytest.mark.parametrize("is_copied", [True, False], ids=["whole", "its copy was cut off"])
def test_in_a_store_an_older_snapshot_does_not_take_the_place_of_a_newer_one(
    tmp_path, store, is_copied
):
    url, files = store

    def write(found: Export) -> None:
        parquet.write(found, parquet.folder(url, tmp_path / "scratch"), url)
        if not is_copied:
            files.rm_file(f"{url}/fact_movies/{parquet.MANIFEST}")

    refused, expected = newer_first(tmp_path / "snapshots", facts(OLD), facts(NEW), write)
    assert f"the existing export is of the newer snapshot {NAMES[1]}" in refused
    assert read(current(files, url, tmp_path / "named")) == expected
    assert read(fetched(files, f"{url}/fact_movies", tmp_path / "plain")) == expected


class LostError(Exception):
    """The connection to a store is gone."""


class Fuse:
    """A store that goes away before its n-th change."""

    CHANGES = ("put", "pipe_file", "copy", "cp_file", "rm_file", "rm")

    def __init__(self, files: Any, burns_at: int) -> None:
        self.files, self.changes, self.burns_at = files, 0, burns_at

    def __getattr__(self, name: str) -> Any:
        if name in self.CHANGES:
            self.changes += 1
            if self.changes >= self.burns_at:
                raise LostError("connection lost")
        return getattr(self.files, name)


@pytest.mark.slow
def test_the_named_version_and_a_marked_folder_are_whole_at_any_failure_of_a_store(
    make, tmp_path, memory
):
    url, files = memory
    expected, outcomes, step = {}, set(), 0
    while True:
        step += 1
        for label, days in (("old", OLD), ("new", NEW)):
            with make(FACTS, facts(days)) as found:
                target = parquet.folder(url, tmp_path / "scratch")
                expected[label] = rows_in(found)
                if label == "old":
                    parquet.write(found, target, url)
                    continue
                target.files = Fuse(files, step)
                done = False
                with suppress(ExportError):
                    parquet.write(found, target, url)
                    done = True
        named = read(current(files, url, tmp_path / f"v{step}"))
        assert named in expected.values()
        plain = fetched(files, f"{url}/fact_movies", tmp_path / f"p{step}")
        if (plain / parquet.MANIFEST).exists():
            assert read(plain) in expected.values()
            assert json.loads((plain / parquet.MANIFEST).read_text())["rows"] == len(read(plain))
        outcomes.add((named == expected["new"], (plain / parquet.MANIFEST).exists()))
        with make(FACTS, facts(NEW)) as found:
            parquet.write(found, parquet.folder(url, tmp_path / "scratch"), url)
        after = fetched(files, f"{url}/fact_movies", tmp_path / f"a{step}")
        assert read(after) == expected["new"], "the next run completes it"
        if done:
            break
    assert outcomes == {(False, True), (True, True), (True, False)}


def test_versions_go_after_a_day_but_neither_the_named_one_nor_the_one_before(
    make, tmp_path, memory
):
    url, files = memory
    versions = f"/{tmp_path.name}/{parquet.VERSIONS}/fact_movies"
    with make(FACTS, facts(OLD)) as found:
        parquet.write(found, parquet.folder(url, tmp_path / "scratch"), url)
    first = files.cat_file(f"{versions}/CURRENT").decode()
    now = datetime.now(UTC)
    for hours, name in ((25, "killed"), (23, "under_way")):
        stamp = f"{now - timedelta(hours=hours):{parquet.STAMP}}"
        files.pipe_file(f"{versions}/{stamp}_{name}/part_0.parquet", b"half")
    with make(FACTS, facts(NEW)) as found:
        parquet.write(found, parquet.folder(url, tmp_path / "scratch"), url)
    left = {path.rpartition("/")[2].rpartition("_")[2] for path in files.ls(versions, detail=False)}
    second = files.cat_file(f"{versions}/CURRENT").decode()
    assert left == {"way", "CURRENT", first.rpartition("_")[2], second.rpartition("_")[2]}


def test_what_killed_uploads_left_goes_although_nothing_has_changed(
    make, tmp_path, memory, monkeypatch
):
    url, files = memory
    versions = f"/{tmp_path.name}/{parquet.VERSIONS}/fact_movies"
    with make(FACTS, facts(OLD)) as found:
        target = parquet.folder(url, tmp_path / "scratch")
        parquet.write(found, target, url)
        current = files.cat_file(f"{versions}/CURRENT").decode()
        killed = f"{versions}/20251031T000000000000Z_killed"
        files.pipe_file(f"{killed}/part_0.parquet", b"half")
        assert parquet.write(found, target, url) is None
        assert files.exists(killed), "the version before the named one may be read for a day"
        monkeypatch.setattr(parquet, "KEPT", timedelta(0))
        assert parquet.write(found, target, url) is None
    left = {path.rpartition("/")[2] for path in files.ls(versions, detail=False)}
    assert left == {"CURRENT", current}


# What may be wrong.


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("gs://bucket/exports", r"pip install 'movies_assets\[gcs\]'"),
        ("nosuch://exports", "Check the URL"),
    ],
)
def test_an_unknown_kind_of_url_is_an_error_with_the_fix(tmp_path, url, expected):
    with pytest.raises(ExportError, match=expected):
        parquet.folder(url, tmp_path)


def test_without_credentials_the_error_names_the_variables(make, tmp_path, monkeypatch, bucket):
    url, files = bucket
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    files.clear_instance_cache()
    with (
        make(FACTS, facts(OLD)) as found,
        pytest.raises(ExportError, match=r"No valid credentials were found.*AWS_ACCESS_KEY_ID"),
    ):
        parquet.write(found, parquet.folder(url, tmp_path / "scratch"), url)


@pytest.mark.usefixtures("_s3")
def test_a_bucket_that_is_not_there_is_a_clear_error(make, tmp_path):
    missing = "s3://nosuch/exports"
    with (
        make(FACTS, facts(OLD)) as found,
        pytest.raises(ExportError, match=r"s3://nosuch/exports cannot be written.*Check the URL"),
    ):
        parquet.write(found, parquet.folder(missing, tmp_path / "scratch"), missing)


def write_on_limited_files(snapshot: Path, root: Path) -> str:
    resource.setrlimit(resource.RLIMIT_FSIZE, (512, resource.RLIM_INFINITY))
    try:
        write_snapshot(snapshot, root)
    except ExportError as error:
        return str(error)
    return ""


def test_a_full_disk_is_a_clear_error_and_the_old_files_stay(tmp_path):
    old, new = snapshots(tmp_path / "snapshots")
    root = tmp_path / "exports"
    write_snapshot(old, root)
    before = read(root / "fact_movies")
    message = in_child(write_on_limited_files, new, root)
    assert f"{root} cannot be written" in message
    assert "The disk is full" in message
    assert read(root / "fact_movies") == before
    assert [p for p in (root / parquet.INCOMING).rglob("*") if p.is_file()] == []


def test_a_folder_that_may_not_be_written_is_a_clear_error(tmp_path):
    blocked = tmp_path / "file"
    blocked.touch()
    old, _ = snapshots(tmp_path / "snapshots")
    with (
        export(old, FACTS) as found,
        pytest.raises(ExportError, match=r"file/exports cannot be written.*Check the URL"),
    ):
        write(found, blocked / "exports")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("s3://key:secret@bucket/a", "s3://***@bucket/a"),
        ("s3://bucket/a?sig=secret", "s3://bucket/a?***"),
        ("abfs://box@account.dfs.core.windows.net/a", "abfs://box@account.dfs.core.windows.net/a"),
        ("/data/a@b?c", "/data/a@b?c"),
        ("/data/a@b#c", "/data/a@b#c"),
        ("file:///a@b/c#d", "file:///a@b/c#d"),
        ("me:hush@host/x", "me:hush@host/x"),  # a path
        ("//me:hush@host/x", "//***@host/x"),
        ("file://me:hush@host/x", "file://***@host/x"),
        ("s3://bucket/a#secret", "s3://bucket/a#***"),
        ("s3://bucket/a?sig=secret#secret", "s3://bucket/a?***"),
        ("s3://key:sec@ret@bucket/a", "s3://***@bucket/a"),
        ("s3://key:sec/r?e#t@bucket/a", "s3://***@bucket/a"),
        ("s3:///key:secret@bucket/a", "s3:///***@bucket/a"),
        ("http://host:9000/a@b", "http://host:9000/a@b"),
        ("s3://bucket/a@b", "s3://bucket/a@b"),
        ("simplecache::s3://key:secret@bucket/a", "simplecache::s3://***@bucket/a"),
        ("zip://a::s3://key:secret@b/c::http://d:e@f", "zip://a::s3://***@b/c::http://***@f"),
        ("simplecache::abfs://box@account/a", "simplecache::abfs://box@account/a"),
        ("abfs://key:secret@account/a", "abfs://***@account/a"),
    ],
)
def test_a_url_is_shown_without_what_may_be_secret(url, expected):
    assert shown(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "simplecache::s3://KEY:SEC%2FRET@bucket/x",
        "s3://KEY:SEC/RET@bucket/x",
        "//KEY:SEC@RET@bucket/x",
        "s3://bucket/x?sig=KEY&other=SEC#RET",
        "s3://bucket/x#KEY=SEC#RET",
    ],
)
def test_no_part_of_a_secret_is_in_errors_of_a_store(url):
    with pytest.raises(ExportError) as told, plain_errors(url):
        raise OSError(f"cannot open {url}: KEY, then SEC, then SEC/RET, then RET")
    assert not [part for part in ("KEY", "SEC", "RET") if part in str(told.value)]
    assert "bucket/x" in str(told.value)


def test_a_path_is_shown_unchanged_in_errors_of_a_disk():
    with (
        pytest.raises(ExportError, match=r"/data/a@b#c cannot be written: .* no cheese in #c"),
        plain_errors("/data/a@b#c"),
    ):
        raise OSError("no cheese in #c")


# The assets.


def materialize(settings, name: str, instance) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [parquet_assets(settings, TABLES)],
        selection=dg.AssetSelection.assets(["serving", name]),
        instance=instance,
        resources={"warehouse": open_warehouse(settings)},
    )


def test_the_asset_writes_the_published_rows_and_says_what_it_did(tmp_path, instance):
    settings = load(data_dir=tmp_path, exports={"parquet_url": str(tmp_path / "exports")})
    snapshot = publish(settings.published_folder, {FACTS: facts(OLD)})
    outcomes = []
    for _ in range(2):
        result = materialize(settings, "parquet_fact_movies", instance)
        (found,) = result.asset_materializations_for_node("serving_parquet")
        assert found.metadata["snapshot"].value == snapshot.stem
        outcomes.append(found.metadata["outcome"].value)
    assert outcomes == ["written", "unchanged"]
    assert len(read(tmp_path / "exports" / "fact_movies")) == sum(OLD.values())


def test_for_an_older_snapshot_the_asset_reports_that_a_newer_one_exists(tmp_path, instance, capfd):
    settings = load(data_dir=tmp_path, exports={"parquet_url": str(tmp_path / "exports")})
    now = datetime.now(UTC)
    outcomes = []
    for days, at in ((NEW, now), (OLD, now - timedelta(seconds=1))):
        publish(settings.published_folder, {FACTS: facts(days)}, at)
        result = materialize(settings, "parquet_fact_movies", instance)
        (found,) = result.asset_materializations_for_node("serving_parquet")
        outcomes.append(found.metadata["outcome"].value)
    assert outcomes == ["written", "newer snapshot exists"]
    assert (
        "fact_movies: the existing export is of the newer snapshot movies_"
        in capfd.readouterr().err
    )
    assert len(read(tmp_path / "exports" / "fact_movies")) == sum(NEW.values())


@pytest.mark.slow
@pytest.mark.parametrize("there", [{FACTS: facts(OLD)}, {}])
def test_a_table_that_the_warehouse_never_had_does_not_replace_rows(
    tmp_path, instance, capfd, there
):
    settings = load(data_dir=tmp_path, exports={"parquet_url": str(tmp_path / "exports")})
    publish(settings.published_folder, there)
    materialize(settings, "parquet_fact_movies", instance)
    publish(settings.published_folder, {}, unwritten=[FACTS])
    result = materialize(settings, "parquet_fact_movies", instance)
    (found,) = result.asset_materializations_for_node("serving_parquet")
    assert found.metadata["outcome"].value == ("never written" if there else "unchanged")
    assert ('"confirm_empty": true' in capfd.readouterr().err) == bool(there)
    assert len(read(tmp_path / "exports" / "fact_movies")) == len(there.get(FACTS, []))


class Forgetting(Published):
    """Snapshots; the newest one is replaced and removed at every look."""

    def __init__(self, folder: Path, times: int) -> None:
        super().__init__(folder)
        object.__setattr__(self, "left", times)

    def current(self) -> Path:
        """Return the newest snapshot, which is gone by then."""
        found = super().current()
        if self.left:
            object.__setattr__(self, "left", self.left - 1)
            publish(self.folder, {FACTS: facts(NEW)})
            found.unlink()
        return found


def test_a_snapshot_that_is_replaced_while_it_is_opened_is_looked_for_again(tmp_path):
    settings = load(data_dir=tmp_path)
    publish(settings.published_folder, {FACTS: facts(OLD)})
    published = Forgetting(settings.published_folder, times=2)
    with reading_newest(open_warehouse(settings), published) as (snapshot, connection):
        assert snapshot == Published(settings.published_folder).current()
        rows = connection.execute(f"FROM {FACTS}").fetchall()
    assert len(rows) == sum(NEW.values())


def test_a_pointer_that_was_read_before_its_snapshot_was_removed_is_read_again(
    tmp_path, monkeypatch
):
    settings = load(data_dir=tmp_path)
    snapshot = publish(settings.published_folder, {FACTS: facts(OLD)})
    looks = iter([False, True])
    monkeypatch.setattr(Path, "is_file", lambda _: next(looks))
    with reading_newest(open_warehouse(settings), Published(snapshot.parent)) as (found, _):
        assert found == snapshot


@pytest.mark.slow
def test_a_snapshot_that_stays_gone_is_an_error_in_plain_words(tmp_path):
    settings = load(data_dir=tmp_path)
    publish(settings.published_folder, {FACTS: facts(OLD)})
    published = Forgetting(settings.published_folder, times=MOST_LOOKS + 1)
    with (
        pytest.raises(WarehouseError, match=r"the newest snapshot .* cannot be opened.*rerun"),
        reading_newest(open_warehouse(settings), published),
    ):
        pass
    assert published.left == 0


def test_where_nothing_is_published_the_asset_says_so(tmp_path, instance):
    settings = load(data_dir=tmp_path, exports={"parquet_url": str(tmp_path / "exports")})
    with pytest.raises(dg.Failure, match="nothing is published"):
        materialize(settings, "parquet_fact_movies", instance)


def test_no_secret_of_a_url_is_in_errors_logs_or_metadata(tmp_path, instance, capfd):
    settings = load(data_dir=tmp_path, exports={"parquet_url": "nosuch://me:hush@host/a?k=psst"})
    publish(settings.published_folder, {FACTS: facts(OLD)})
    with pytest.raises(dg.Failure) as told:
        materialize(settings, "parquet_fact_movies", instance)
    assert isinstance(told.value.__cause__, ExportError)
    written = str(told.value) + "".join(capfd.readouterr()) + repr(settings)
    assert "hush" not in written
    assert "psst" not in written


def test_data_of_single_users_is_not_exported():
    names = {key.path[-1] for key in parquet_assets(load(), TABLES).keys}
    assert "parquet_fact_movies" in names
    assert not names & {"parquet_ott_dim_user", "parquet_ott_recommendations"}
    assert len(names) == len(SHARED)


def test_a_month_is_a_date(make):
    with make(FACTS, facts({"2025-10-31": 1})) as found:
        assert rows_in(found)[0][-1] == date(2025, 10, 1)
