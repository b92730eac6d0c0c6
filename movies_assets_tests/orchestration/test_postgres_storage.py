"""On PostgreSQL, events in batches are stored as Dagster's own storage stores them, one by one."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._check import CheckError
from dagster._core.events import BATCH_WRITABLE_EVENTS

from movies_assets.settings import PROJECT_ROOT
from movies_assets_tests.orchestration.recorded_events import CREATED, queries, recorded_events
from movies_assets_tests.serving.postgres import MISSING, Server, binaries, running_server

dagster_postgres = pytest.importorskip(
    "dagster_postgres", reason="dagster-postgres is missing: it is an extra of that name"
)

from movies_assets.orchestration.postgres_storage import (  # noqa: E402 (needs the extra)
    BatchedPostgresEventLog,
    PostgresStorage,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    found = binaries()
    if not found:
        pytest.skip(MISSING)
    with running_server(found) as server:
        yield server


@pytest.fixture(scope="module")
def events(tmp_path_factory) -> Sequence[dg.EventLogEntry]:
    return recorded_events(tmp_path_factory.mktemp("recorded"))


def url_of(server: Server, database: str) -> str:
    """Make a database; return its address."""
    server.tell("postgres", f"CREATE DATABASE {database}")
    return server.url(database, "postgres").get_secret_value()


def event_log_of(server: Server, database: str) -> BatchedPostgresEventLog:
    storage = PostgresStorage.from_config_value(None, {"postgres_url": url_of(server, database)})
    assert isinstance(storage.event_log_storage, BatchedPostgresEventLog)
    return storage.event_log_storage


def tables(server: Server, database: str) -> dict[str, list[tuple[Any, ...]]]:
    """Return the rows of the tables of events, without when they were created.

    The ids of assets are left out: an upsert takes a number of the sequence, also if it updates.
    """
    found = {}
    for name in ("event_logs", "asset_keys", "asset_event_tags", "asset_check_executions"):
        query = f"SELECT column_name FROM information_schema.columns WHERE table_name = '{name}'"
        left_out = CREATED | ({"id"} if name == "asset_keys" else set())
        columns = sorted({column for (column,) in server.ask(database, query)} - left_out)
        chosen = ", ".join(f"{column}::text" for column in columns)
        rows = server.ask(database, f"SELECT {chosen} FROM {name}")
        found[name] = sorted(rows, key=str)
    return found


def batches(events: Sequence[dg.EventLogEntry], size: int) -> Iterator[list[dg.EventLogEntry]]:
    """Yield events in batches of at most a size; of a kind that is not batched, each on its own."""
    for is_batched, group in groupby(
        events, key=lambda event: event.dagster_event_type in BATCH_WRITABLE_EVENTS
    ):
        found = list(group)
        step = size if is_batched else 1
        yield from (found[start : start + step] for start in range(0, len(found), step))


def test_batches_are_stored_as_single_events(events, server):
    stock = dagster_postgres.PostgresEventLogStorage(
        url_of(server, "stock").replace("postgresql:", "postgresql+psycopg2:")
    )
    for event in events:
        stock.store_event(event)
    run_ids = sorted({event.run_id for event in events})
    expected = {**tables(server, "stock"), **queries(stock, run_ids)}

    for size in (5, 2_000):
        log = event_log_of(server, f"batches_of_{size}")
        for batch in batches(events, size):
            log.store_event(batch[0]) if len(batch) == 1 else log.store_event_batch(batch)
        found = {**tables(server, f"batches_of_{size}"), **queries(log, run_ids)}
        assert found.keys() == expected.keys()
        assert [name for name in found if found[name] != expected[name]] == []


def test_a_batch_is_stored_wholly_or_not_at_all(events, server, monkeypatch):
    log = event_log_of(server, "refusing")

    def refuse(*_: Any) -> None:
        raise RuntimeError("the connection is lost")

    monkeypatch.setattr(log, "_store_asset_event", refuse)
    batch = max(batches(events, 2_000), key=len)
    with pytest.raises(RuntimeError):
        log.store_event_batch(batch)

    assert not any(tables(server, "refusing").values())


def test_a_batch_of_other_kinds_is_refused(events, server):
    log = event_log_of(server, "other_kinds")
    others = [event for event in events if event.dagster_event_type not in BATCH_WRITABLE_EVENTS]
    with pytest.raises(CheckError):
        log.store_event_batch(others[:2])

    assert not any(tables(server, "other_kinds").values())


def production(home: Path) -> None:
    """Write dagster.yaml with the part for production, which is commented out."""
    lines = (PROJECT_ROOT / "dagster.yaml").read_text(encoding="utf-8").splitlines()
    start = lines.index("# storage:")
    stop = lines.index("", start)
    part = [line.removeprefix("# ") for line in lines[start:stop]]
    assert list(yaml.safe_load("\n".join(part))) == ["storage"]
    text = "\n".join([*lines[:start], *part, *lines[stop:]])
    (home / "dagster.yaml").write_text(text, encoding="utf-8")


def test_the_part_for_production_of_dagster_yaml_leads_to_it(server, tmp_path, monkeypatch):
    production(tmp_path)
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", url_of(server, "production"))

    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert isinstance(instance.event_log_storage, BatchedPostgresEventLog)
        assert instance.get_runs() == []


def test_another_version_of_dagster_keeps_its_own_event_log(server, monkeypatch, caplog):
    monkeypatch.setattr(dg, "__version__", "1.99.0")
    config = {"postgres_url": url_of(server, "another_version")}
    storage = PostgresStorage.from_config_value(None, config)

    assert type(storage.event_log_storage) is dagster_postgres.PostgresEventLogStorage
    assert "Dagster 1.99.0 is not a version" in caplog.text
