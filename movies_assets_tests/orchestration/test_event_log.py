"""Events in batches are stored as Dagster's own storage stores them, one by one."""

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import dagster as dg
import hypothesis.strategies as st
import pytest
from alembic.script import ScriptDirectory
from dagster._core.events import DagsterEventType
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from hypothesis import given, settings

from movies_assets.orchestration import event_log
from movies_assets.orchestration.event_log import BatchedEventLog
from movies_assets.orchestration.instance import Instance, SqliteStorage
from movies_assets.settings import PROJECT_ROOT
from movies_assets_tests.orchestration.recorded_events import CREATED, queries, recorded_events


@pytest.fixture(scope="module")
def events(tmp_path_factory) -> Sequence[dg.EventLogEntry]:
    return recorded_events(tmp_path_factory.mktemp("recorded"))


def tables(storage: SqliteEventLogStorage) -> dict[str, list[tuple[Any, ...]]]:
    """Return the rows of each table of each database, without when they were created."""
    found = {}
    for path in sorted(Path(storage._base_dir).glob("*.db")):
        with closing(sqlite3.connect(path)) as connection:
            names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            for (name,) in names.fetchall():
                columns = connection.execute(f"SELECT name FROM pragma_table_info('{name}')")
                kept = [f'"{column}"' for (column,) in columns if column not in CREATED]
                rows = connection.execute(f"SELECT {', '.join(kept)} FROM {name} ORDER BY 1")
                found[f"{path.name} {name}"] = rows.fetchall()
    return found


@dataclass(repr=False)
class Stored:
    """Events, and what Dagster's own storage holds and answers once it has stored them."""

    events: Sequence[dg.EventLogEntry]
    found: dict[str, Any]


@pytest.fixture(scope="module")
def stored(events, tmp_path_factory) -> Stored:
    storage = SqliteEventLogStorage(str(tmp_path_factory.mktemp("stock")))
    for event in events:
        storage.store_event(event)
    run_ids = sorted({event.run_id for event in events})
    return Stored(events, {**tables(storage), **queries(storage, run_ids)})


# Dagster's own batches end where a run or a step does; these may end anywhere.
@settings(max_examples=4)
@given(ends=st.sets(st.integers(1, 400)))
def test_any_batches_are_stored_as_single_events(stored, tmp_path_factory, ends):
    events, expected = stored.events, stored.found
    storage = BatchedEventLog(str(tmp_path_factory.mktemp("batched")))
    bounds = [0, *sorted(end for end in ends if end < len(events)), len(events)]
    for start, end in pairwise(bounds):
        storage.store_event_batch(events[start:end])
    run_ids = sorted({event.run_id for event in events})

    found = {**tables(storage), **queries(storage, run_ids)}
    storage.dispose()
    assert found.keys() == expected.keys()
    assert [name for name in found if found[name] != expected[name]] == []


def test_the_events_are_of_all_kinds_that_are_stored_in_batches(events):
    kinds = {event.dagster_event_type for event in events if event.is_dagster_event}

    assert kinds >= {
        DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
        DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED,
        DagsterEventType.ASSET_MATERIALIZATION,
        DagsterEventType.ASSET_OBSERVATION,
    }
    assert len([event for event in events if not event.is_dagster_event]) == 2


@pytest.fixture
def storage(tmp_path) -> Iterator[BatchedEventLog]:
    storage = BatchedEventLog(str(tmp_path / "history"))
    yield storage
    storage.dispose()


def entry(run_id: str, message: str = "a line") -> dg.EventLogEntry:
    return dg.EventLogEntry(
        error_info=None,
        user_message=message,
        level=logging.INFO,
        run_id=run_id,
        timestamp=datetime(2025, 10, 31, tzinfo=UTC).timestamp(),
    )


def test_a_batch_that_the_index_refuses_leaves_nothing(events, storage, monkeypatch):
    def refuse(*_: Any) -> None:
        raise sqlite3.OperationalError("database is locked")

    monkeypatch.setattr(storage, "_store_asset_event", refuse)
    run_id = events[0].run_id
    of_run = [event for event in events if event.run_id == run_id]
    with pytest.raises(sqlite3.OperationalError):
        storage.store_event_batch(of_run)

    assert storage.get_records_for_run(run_id).records == []
    assert storage.get_asset_records() == []


def test_two_threads_that_make_the_databases_of_a_run_do_not_wait_for_each_other(events, storage):
    """One of them executes a run, the other one marks it as failed because of a signal."""
    other = BatchedEventLog(storage._base_dir)
    run_id = events[0].run_id
    planned = [
        event
        for event in events
        if event.run_id == run_id
        and event.dagster_event_type == DagsterEventType.ASSET_MATERIALIZATION_PLANNED
    ]
    threads = [
        threading.Thread(target=log.store_event_batch, args=(planned,)) for log in (storage, other)
    ]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert time.monotonic() - started < SQLITE_BUSY_TIMEOUT_SECONDS
    assert len(storage.get_records_for_run(run_id).records) == 2 * len(planned)
    other.dispose()


def test_a_watcher_of_a_run_sees_its_events_at_once(storage):
    storage.store_event(entry("a-run", "before"))
    seen, arrived = [], threading.Event()

    def see(event: dg.EventLogEntry, _: str) -> None:
        seen.append(event.user_message)
        arrived.set()

    watching = BatchedEventLog(storage._base_dir)
    watching.watch("a-run", watching.get_records_for_run("a-run").cursor, see)
    try:
        storage.store_event(entry("a-run", "after"))
        assert arrived.wait(30)
    finally:
        watching.end_watch("a-run", see)
        watching.dispose()
    assert seen == ["after"]


def test_a_history_that_was_deleted_is_made_again(storage):
    for name in ("index", "a-run"):
        storage.store_event(entry("a-run"))
        Path(storage.path_for_shard(name)).unlink()
    storage.store_event(entry("a-run", "anew"))

    (record,) = storage.get_records_for_run("a-run").records
    assert record.event_log_entry.user_message == "anew"
    assert storage.get_asset_records() == []


def test_databases_that_are_made_are_opened_without_reading_migrations(storage, monkeypatch):
    storage.store_event(entry("a-run", "before"))
    storage.dispose()
    monkeypatch.setattr(ScriptDirectory, "from_config", None)
    again = BatchedEventLog(storage._base_dir)
    again.store_event(entry("a-run", "after"))

    records = again.get_records_for_run("a-run").records
    again.dispose()
    assert [record.event_log_entry.user_message for record in records] == ["before", "after"]


@pytest.mark.slow
def test_few_databases_stay_open_for_any_number_of_runs(storage):
    for number in range(event_log._KEPT + 3):
        storage.store_event(entry(f"run-{number}"))

    assert len(storage._kept) <= event_log._KEPT
    assert len(storage.get_records_for_run("run-0").records) == 1


def test_threads_and_processes_store_at_once_without_loss(storage):
    others = [BatchedEventLog(storage._base_dir) for _ in range(2)]
    threads = [
        threading.Thread(
            target=lambda log: [log.store_event_batch([entry("a-run")] * 5) for _ in range(20)],
            args=(log,),
        )
        for log in (storage, storage, *others)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(storage.get_records_for_run("a-run").records) == 4 * 100
    for log in others:
        log.dispose()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "dagster.yaml").write_bytes((PROJECT_ROOT / "dagster.yaml").read_bytes())
    return tmp_path


def test_dagster_yaml_leads_to_it_and_to_batches(home, monkeypatch):
    monkeypatch.delenv("DAGSTER_EVENT_BATCH_SIZE", raising=False)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert isinstance(instance, Instance)
        assert isinstance(instance.event_log_storage, BatchedEventLog)
        assert os.environ["DAGSTER_EVENT_BATCH_SIZE"] == str(event_log.BATCH_SIZE)


def test_the_installed_version_is_a_tested_one():
    assert dg.__version__ in event_log.TESTED


def test_another_version_of_dagster_keeps_its_own_event_log_with_a_warning(
    tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(dg, "__version__", "1.99.0")
    storage = SqliteStorage(str(tmp_path))

    assert type(storage.event_log_storage) is SqliteEventLogStorage
    assert "Dagster 1.99.0 is not a version" in caplog.text
