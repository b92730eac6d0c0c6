"""Delta tables hold what the snapshot holds; a write touches only what has changed."""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import fsspec
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from movies_assets.core.contract import Contract, column
from movies_assets.definitions import TABLES, open_warehouse
from movies_assets.orchestration.publishing.delta import delta_assets
from movies_assets.serving import delta
from movies_assets.serving.exports import ExportError, NewerSnapshotError
from movies_assets.settings import load
from movies_assets_tests.faults.processes import FORKSERVER, in_child
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

FACTS, WEEK = "gold.fact_movies", 168
OLD = {"2025-08-01": 1, "2025-09-30": 2, "2025-10-01": 3}
NEW = {**OLD, "2025-10-02": 4}


def write(found, root: Path, hours: int = WEEK) -> delta.DeltaWrite | None:
    return delta.write(found, str(root), hours)


def rows_of(table: DeltaTable, columns: list[str]) -> list[tuple[Any, ...]]:
    """Return the rows as deltalake reads them."""
    arrow = table.to_pyarrow_table(columns=columns)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.from_arrow(arrow).order("ALL").fetchall()


def rows_by_duckdb(table: DeltaTable, columns: list[str]) -> list[tuple[Any, ...]]:
    """Return the rows as DuckDB reads the files that the log names."""
    files = table.file_uris()
    if not files:
        return []
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.execute(
            f"SELECT {', '.join(columns)} FROM read_parquet({files}, hive_partitioning = true) "
            "ORDER BY ALL"
        ).fetchall()


def columns_of(found) -> list[str]:
    found.connection.execute(f"DESCRIBE {found.query}")
    return [row[0] for row in found.connection.fetchall()]


def table_at(root: Path, name: str = "fact_movies") -> DeltaTable:
    return DeltaTable(str(root / name))


def assert_equal(found, root: Path) -> None:
    columns = columns_of(found)
    assert rows_of(table_at(root, found.name), columns) == rows_in(found)


def test_every_table_is_read_back_as_it_is_and_by_old_readers(stored_snapshot, tmp_path, subtests):
    for name in SHARED:
        with subtests.test(table=name), export(stored_snapshot, name) as found:
            written = write(found, tmp_path)
            expected, columns = rows_in(found), columns_of(found)
            table = table_at(tmp_path, found.name)
            assert written is not None
            assert written.rows == len(expected)
            assert rows_of(table, columns) == expected
            assert rows_by_duckdb(table, columns) == expected
            protocol = table.protocol()
            assert (protocol.min_reader_version, protocol.min_writer_version) == (1, 2)
            assert not protocol.reader_features
            assert not protocol.writer_features
            assert table.metadata().partition_columns == [*found.layout.columns[:1]]
            assert table.metadata().description == found.table.contract.grain()


def types_in(kind: Any) -> Iterator[str]:
    """Yield the names of all primitive types that a Delta type is made of."""
    if isinstance(kind, dict):
        for value in (kind.get("elementType"), kind.get("type") if "fields" not in kind else None):
            if value not in (None, "array"):
                yield from types_in(value)
    else:
        yield kind


@pytest.mark.slow
def test_only_types_of_the_first_protocol_are_written(stored_snapshot, tmp_path, subtests):
    for name in SHARED:
        with subtests.test(table=name):
            with export(stored_snapshot, name) as found:
                write(found, tmp_path)
                schema = json.loads(table_at(tmp_path, found.name).schema().to_json())
            kinds = {kind for field in schema["fields"] for kind in types_in(field["type"])}
            assert kinds <= {"long", "double", "string", "boolean", "date", "timestamp"}


def test_an_unchanged_table_commits_nothing_for_any_snapshot(make, tmp_path):
    with make(FACTS, facts(OLD)) as found:
        assert write(found, tmp_path)
        assert write(found, tmp_path) is None
    with make(FACTS, [*reversed(facts(OLD))]) as later:
        assert write(later, tmp_path) is None
    assert table_at(tmp_path).version() == 0


def test_an_older_snapshot_does_not_take_the_place_of_a_newer_one(tmp_path):
    root = tmp_path / "delta"
    refused, expected = newer_first(
        tmp_path / "snapshots", facts(OLD), facts(NEW), lambda found: write(found, root)
    )
    assert f"the existing export is of the newer snapshot {NAMES[1]}; nothing of" in refused
    assert f"nothing of {NAMES[0]} was written" in refused
    table = table_at(root)
    assert table.version() == 0
    assert sum(NEW.values()) == len(expected) == table.to_pyarrow_table().num_rows


def of_month(table: DeltaTable, month: str) -> set[str]:
    return {uri for uri in table.file_uris() if f"uploaded_month={month}" in uri}


def test_of_a_changed_month_only_its_files_are_replaced(make, tmp_path):
    with make(FACTS, facts(OLD)) as found:
        write(found, tmp_path)
    before = table_at(tmp_path)
    with make(FACTS, facts(NEW)) as found:
        written = write(found, tmp_path)
        assert_equal(found, tmp_path)
    after = table_at(tmp_path)
    assert written is not None
    assert (written.version, written.divisions, written.rows) == (1, ("2025-10-01",), 7)
    for month in ("2025-08-01", "2025-09-01"):
        assert of_month(before, month) == of_month(after, month) != set()
    assert not of_month(before, "2025-10-01") & of_month(after, "2025-10-01")


def test_a_single_changed_value_is_a_change(make, tmp_path):
    with make(FACTS, facts(OLD)) as found:
        write(found, tmp_path)
    changed = [{**row, "rating": 8.0 if row["movie_key"] == 0 else 7.5} for row in facts(OLD)]
    with make(FACTS, changed) as found:
        written = write(found, tmp_path)
        assert written is not None
        assert written.divisions == ("2025-08-01",)
        assert_equal(found, tmp_path)


def test_a_month_that_vanished_goes_and_a_new_one_comes(make, tmp_path):
    with make(FACTS, facts(OLD)) as found:
        write(found, tmp_path)
    with make(FACTS, facts({"2025-08-01": 1, "2025-12-24": 2})[-3:]) as found:
        written = write(found, tmp_path)
        assert written is not None
        assert "2025-09-01" in written.divisions
        assert_equal(found, tmp_path)
    assert of_month(table_at(tmp_path), "2025-09-01") == set()


def test_rows_without_a_date_are_a_month_of_their_own(make, tmp_path):
    def rows(overall: int) -> list[dict[str, Any]]:
        return [
            {"period": "overall", "title_key": "a", "watched_date": None, "views": overall},
            {"period": "2025-10-30", "title_key": "a", "watched_date": "2025-10-30", "views": 1},
        ]

    for views, expected in ((1, ("2025-10-01", "NULL")), (2, ("NULL",))):
        with make("gold.ott_popular_movies", rows(views)) as found:
            written = write(found, tmp_path)
            assert written is not None
            assert written.divisions == expected
            assert_equal(found, tmp_path)


def test_where_all_rows_have_another_run_date_the_table_is_written_whole(make, tmp_path):
    for day in ("2025-10-30", "2025-10-31"):
        with make("gold.imdb_series_kpis", [{"series_key": 1, "run_date": day}]) as found:
            write(found, tmp_path)
            assert_equal(found, tmp_path)
    assert table_at(tmp_path, "imdb_series_kpis").version() == 1


HOSTILE = ["Sci-Fi/Fantasy", "two words", "a=b&c%20", "Ünï ☃ 映画", None, "", "..", "it's", "NULL",
           "__HIVE_DEFAULT_PARTITION__", "a\nb"]  # fmt: skip


def test_rows_of_a_genre_with_any_name_are_read_back(make, tmp_path):
    rows = [
        {"movie_key": n, "genre": genre, "run_date": "2025-10-30"}
        for n, genre in enumerate(HOSTILE)
    ]
    with make("gold.imdb_movie_facts", rows) as found:
        write(found, tmp_path)
        assert_equal(found, tmp_path)


@pytest.mark.parametrize("name", [FACTS, "gold.dim_genre"])
def test_a_table_without_rows_is_a_table(make, tmp_path, name):
    with make(name, []) as found:
        written = write(found, tmp_path)
        assert written is not None
        assert written.rows == 0
        assert write(found, tmp_path) is None
        assert_equal(found, tmp_path)


@pytest.mark.parametrize("name", [FACTS, "gold.dim_genre"])
def test_a_table_that_loses_all_its_rows_has_none(make, tmp_path, name):
    rows = facts(OLD) if name == FACTS else [{"genre_key": "a", "genre_name": "A"}]
    for given in (rows, []):
        with make(name, given) as found:
            write(found, tmp_path)
            assert_equal(found, tmp_path)


def test_a_path_with_blanks_and_signs_is_a_path(make, tmp_path):
    root = tmp_path / "a b ü"
    with make(FACTS, facts(OLD)) as found:
        write(found, root)
        assert_equal(found, root)


def test_a_path_that_deltalake_would_misread_is_refused(make, tmp_path):
    with (
        make(FACTS, facts(OLD)) as found,
        pytest.raises(ExportError, match="without percent signs"),
    ):
        write(found, tmp_path / "a%20b")
    assert not (tmp_path / "a b").exists()


# Who else writes.


def test_after_housekeeping_by_others_what_is_there_is_still_known(make, tmp_path):
    with make(FACTS, facts(OLD)) as found:
        write(found, tmp_path)
    with make(FACTS, facts(NEW)) as found:
        write(found, tmp_path)
        table = table_at(tmp_path)
        table.optimize.compact()
        table.vacuum(0, dry_run=False, enforce_retention_duration=False)
        assert table_at(tmp_path).version() > 1
        assert write(found, tmp_path) is None


def test_what_somebody_else_wrote_is_overwritten_as_a_whole(make, tmp_path):
    with make(FACTS, facts(OLD)) as found:
        write(found, tmp_path)
        table = table_at(tmp_path)
        write_deltalake(table, table.to_pyarrow_table().slice(0, 2), mode="overwrite")
        written = write(found, tmp_path)
        assert written is not None
        assert written.rows == sum(OLD.values())
        assert_equal(found, tmp_path)


class OneMore(SHARED[FACTS].contract):  # type: ignore[misc,name-defined]
    """The fact with another column."""

    plays: int = column("How often it was played.", nullable=True)


class Genres(Contract):
    """One row a genre; the key is another one."""

    genre_key: int = column("The genre.", key=True)
    genre_name: str = column("Its name.")


class FewerGenres(Contract):
    """One row a genre."""

    genre_key: str = column("The genre.", key=True)


def test_an_added_column_is_added(make, tmp_path):
    with make(FACTS, facts(OLD)) as found:
        write(found, tmp_path)
    with make(FACTS, [{**row, "plays": 3} for row in facts(OLD)], OneMore) as found:
        assert write(found, tmp_path)
        assert_equal(found, tmp_path)
        assert write(found, tmp_path) is None
    protocol = table_at(tmp_path).protocol()
    assert (protocol.min_reader_version, protocol.min_writer_version) == (1, 2)


@pytest.mark.parametrize(
    ("contract", "row", "expected"),
    [
        (Genres, {"genre_key": 1}, "genre_key was string and is now long"),
        (FewerGenres, {"genre_key": "a"}, "genre_name was string and is now gone"),
    ],
)
def test_another_type_or_fewer_columns_are_refused_with_the_remedy(
    make, tmp_path, contract, row, expected
):
    with make("gold.dim_genre", [{"genre_key": "a", "genre_name": "A"}]) as found:
        write(found, tmp_path)
        before = rows_in(found)
    with (
        make("gold.dim_genre", [row], contract) as found,
        pytest.raises(ExportError, match=f"dim_genre does not fit.*{expected}.*move or remove"),
    ):
        write(found, tmp_path)
    assert rows_of(table_at(tmp_path, "dim_genre"), ["genre_key", "genre_name"]) == before


class Interrupted:
    """A connection of which something happens when rows are read, after the first batch."""

    def __init__(self, connection: Any, happens: Callable[[], None]) -> None:
        self.connection, self.happens = connection, happens

    def execute(self, query: str) -> Any:
        result = self.connection.execute(query)
        if "WHERE" not in query:
            return result
        reader = result.to_arrow_reader(1)

        def batches() -> Iterator[pa.RecordBatch]:
            yield reader.read_next_batch()
            self.happens()
            yield from reader

        interrupted = pa.RecordBatchReader.from_batches(reader.schema, batches())
        return type("Result", (), {"to_arrow_reader": lambda *_: interrupted})()


def die_within(snapshot: Path, root: Path) -> None:
    with export(snapshot, FACTS) as found:
        object.__setattr__(
            found,
            "connection",
            Interrupted(found.connection, lambda: os.kill(os.getpid(), signal.SIGKILL)),
        )
        write(found, root)


def write_snapshot(snapshot: Path, root: Path, name: str | None = None) -> None:
    with Path(os.devnull).open("w") as nowhere, suppress(ExportError):
        sys.stderr = nowhere
        with export(snapshot, FACTS, snapshot=name) as found:
            write(found, root)


def snapshots(folder: Path, times: int = 1) -> tuple[Path, Path]:
    contract = SHARED[FACTS].contract
    old, new = (
        [{**row, "rating": n} for n in range(times) for row in facts(days)] for days in (OLD, NEW)
    )
    return (
        snapshot_of(folder / "old.duckdb", {FACTS: (contract, old)}),
        snapshot_of(folder / "new.duckdb", {FACTS: (contract, new)}),
    )


def test_killed_within_a_write_the_table_is_old_and_the_next_run_completes_it(tmp_path):
    old, new = snapshots(tmp_path / "snapshots")
    root = tmp_path / "delta"
    with export(old, FACTS) as found:
        write(found, root)
    process = FORKSERVER.Process(target=die_within, args=(new, root))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    with export(old, FACTS) as found:
        assert_equal(found, root)
    with export(new, FACTS) as found:
        assert write(found, root)
        assert_equal(found, root)


@pytest.mark.slow
@pytest.mark.parametrize("meanwhile", ["the same rows", "older rows", "newer rows"])
def test_of_two_writers_at_once_the_second_looks_again(tmp_path, meanwhile):
    old, new = snapshots(tmp_path / "snapshots")
    root = tmp_path / "delta"
    (first, _) = snapshots(tmp_path / "before", times=2)
    with export(first, FACTS, snapshot="movies_1") as found:
        write(found, root)

    happened = []
    rows, name = {
        "the same rows": (new, "movies_3"),
        "older rows": (old, "movies_2"),
        "newer rows": (old, "movies_4"),
    }[meanwhile]

    def once() -> None:
        if not happened:
            happened.append(True)
            in_child(write_snapshot, rows, root, name)

    written, refused = None, False
    with export(new, FACTS, snapshot="movies_3") as found:
        connection = found.connection
        object.__setattr__(found, "connection", Interrupted(connection, once))
        try:
            written = write(found, root)
        except NewerSnapshotError:
            refused = True
        object.__setattr__(found, "connection", connection)
    assert happened
    assert (written is not None, refused) == (meanwhile == "older rows", meanwhile == "newer rows")
    with export(old if refused else new, FACTS) as expected:
        assert_equal(expected, root)


# Files that are not needed.


def test_files_go_when_they_are_older_than_the_retention_also_those_of_killed_writes(
    make, tmp_path
):
    with make(FACTS, facts(OLD)) as found:
        write(found, tmp_path)
    there = tmp_path / "fact_movies"
    old, fresh = there / "uploaded_month=2025-08-01" / "old.parquet", there / "fresh.parquet"
    for path in (old, fresh):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    with make(FACTS, facts(NEW)) as found:
        written = write(found, tmp_path, hours=1)
        assert_equal(found, tmp_path)
    assert written is not None
    assert written.files_removed == 1
    assert (old.exists(), fresh.exists()) == (False, True)


def test_unfinished_files_of_killed_writes_go_although_nothing_has_changed(make, tmp_path):
    with make(FACTS, facts(OLD)) as found:
        write(found, tmp_path)
        there = tmp_path / "fact_movies"
        month = there / "uploaded_month=2025-08-01"
        names = ["part.parquet#1", "part.parquet#2", "complete.parquet"]
        old = [there / "_delta_log" / "00000000000000000001.json#1", *(month / n for n in names)]
        under_way = month / "part.parquet#3"
        for path in (*old, under_way):
            path.write_bytes(b"half")
        for path in old:
            os.utime(path, (0, 0))
        assert write(found, tmp_path, hours=1) is None
    assert [path.name for path in old if path.exists()] == []
    assert under_way.exists()


# Stores, and what may be wrong.


@pytest.mark.usefixtures("_s3")
def test_s3_is_written_with_the_variables_of_other_tools(make, tmp_path):
    fsspec.filesystem("s3").mkdir("movies")
    url = f"s3://movies/{tmp_path.name}"
    for days in (OLD, NEW):
        with make(FACTS, facts(days)) as found:
            assert delta.write(found, url, WEEK)
            assert delta.write(found, url, WEEK) is None
            table = DeltaTable(f"{url}/fact_movies", storage_options={"allow_http": "true"})
            assert rows_of(table, columns_of(found)) == rows_in(found)


@pytest.mark.usefixtures("_s3")
def test_a_bucket_that_is_not_there_is_a_clear_error(make):
    with (
        make(FACTS, facts(OLD)) as found,
        pytest.raises(ExportError, match=r"s3://nosuch/a cannot be written.*Check the URL"),
    ):
        delta.write(found, "s3://nosuch/a", WEEK)


def test_a_folder_that_cannot_be_made_is_a_clear_error(make, tmp_path):
    (tmp_path / "file").touch()
    with (
        make(FACTS, facts(OLD)) as found,
        pytest.raises(ExportError, match=r"file/delta cannot be written.*Check the URL"),
    ):
        write(found, tmp_path / "file" / "delta")


def test_a_missing_library_says_which_extra_to_install(make, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "deltalake", None)
    with (
        make(FACTS, facts(OLD)) as found,
        pytest.raises(ExportError, match=r"pip install 'movies_assets\[delta\]'"),
    ):
        write(found, tmp_path)


# The assets.


FACTS_KEY = dg.AssetKey(["serving", "delta_fact_movies"])


def materialize(settings, instance) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [delta_assets(settings, TABLES)],
        selection=dg.AssetSelection.assets(FACTS_KEY),
        instance=instance,
        resources={"warehouse": open_warehouse(settings)},
    )


@pytest.mark.slow
def test_the_asset_writes_what_changed_and_says_so(tmp_path, instance):
    settings = load(data_dir=tmp_path, exports={"delta_url": str(tmp_path / "delta")})
    told = []
    for days in (OLD, OLD, NEW):
        publish(settings.published_folder, {FACTS: facts(days)})
        result = materialize(settings, instance)
        (found,) = result.asset_materializations_for_node("serving_delta")
        told.append({name: value.value for name, value in found.metadata.items()})
    assert [row["outcome"] for row in told] == ["written", "unchanged", "written"]
    assert [row.get("rows written") for row in told] == [6, None, 7]
    assert told[2]["first of them"] == str(date(2025, 10, 1))


@pytest.mark.slow
def test_for_an_older_snapshot_the_asset_reports_that_a_newer_one_exists(tmp_path, instance, capfd):
    settings = load(data_dir=tmp_path, exports={"delta_url": str(tmp_path / "delta")})
    now = datetime.now(UTC)
    outcomes = []
    for days, at in ((NEW, now), (OLD, now - timedelta(seconds=1))):
        publish(settings.published_folder, {FACTS: facts(days)}, at)
        result = materialize(settings, instance)
        (found,) = result.asset_materializations_for_node("serving_delta")
        outcomes.append(found.metadata["outcome"].value)
    assert outcomes == ["written", "newer snapshot exists"]
    assert (
        "fact_movies: the existing export is of the newer snapshot movies_"
        in capfd.readouterr().err
    )


def test_data_of_single_users_is_not_exported():
    names = {key.path[-1] for key in delta_assets(load(), TABLES).keys}
    assert not names & {"delta_ott_dim_user", "delta_ott_recommendations"}
    assert len(names) == len(SHARED)
