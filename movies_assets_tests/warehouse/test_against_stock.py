"""What the stock IO manager of dagster-duckdb does, and ours must not.

A rule that runs on both is expected to fail on the stock manager: if an upgrade fixes it there, the
test fails, and the workaround can be removed.
"""

import itertools
import os
import subprocess
import sys
import textwrap
import time

import dagster_duckdb.io_manager
import duckdb
import ibis.expr.datatypes as dt
import pandas as pd
import pytest
from dagster._utils.backoff import backoff

from movies_assets.core.contract import Contract, Instant, column
from movies_assets.warehouse.types import duckdb_types
from movies_assets_tests.warehouse.tables import (
    MONDAY,
    TUESDAY,
    Visit,
    frame,
    held,
    stock_fails,
    visit,
    visits,
)


@pytest.mark.slow
@stock_fails()
def test_a_failed_insert_leaves_the_old_rows(store):
    store.write(visits(frame(visit(1, MONDAY))))
    message = store.try_to_write(visits(frame(visit(1, MONDAY), visit("not a number", MONDAY))))
    assert "not a number" in message
    assert store.rows() == [(1, MONDAY)]


@stock_fails()
def test_columns_are_stored_by_name_not_by_position(store):
    store.write(visits(frame(visit(1, MONDAY))))
    swapped = frame(visit(2, MONDAY))[["visit_id", "day", "host", "guest"]]
    store.write(visits(swapped))
    assert store.sql("SELECT guest, host FROM bronze.visits") == [("Ada", "Bob")]


@stock_fails()
def test_an_empty_first_day_makes_a_typed_table(store):
    store.write(visits(frame()))
    columns = store.sql(
        "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = 'visits'"
    )
    assert dict(columns) == duckdb_types(Visit)
    assert store.sql("SELECT count(*) FROM bronze.visits") == [(0,)]


@stock_fails()
def test_a_table_below_an_empty_first_day_is_empty(store):
    def visits_below(bronze_visits: pd.DataFrame):
        return bronze_visits

    upper = visits(frame())
    below = visits(fill=visits_below, name="below", layer="silver")
    assert store.try_to_write(upper, below) == ""
    assert store.sql("SELECT count(*) FROM silver.below") == [(0,)]


def test_a_day_that_became_empty_loses_its_rows(store):
    store.write(visits(frame(visit(1, MONDAY))))
    store.write(visits(frame(visit(2, TUESDAY))), days=(TUESDAY,))
    store.write(visits(frame()))
    assert store.rows() == [(2, TUESDAY)]


@stock_fails()
def test_rows_outside_the_window_are_refused_and_shown(store):
    both = visits(frame(visit(1, MONDAY), visit(2, TUESDAY)))
    messages = [store.try_to_write(both), store.try_to_write(both)]
    if not messages[0]:
        assert store.rows() == [(1, MONDAY), (2, TUESDAY)], "a second run doubles the row"
    for message in messages:
        assert "rows lie outside the run's partitions" in message
        assert "2 2025-01-07" in message
        assert "visit_id" in message


def test_rows_without_a_day_are_refused(store):
    assert "outside" in store.try_to_write(visits(frame({**visit(1, MONDAY), "day": None})))


class Event(Contract):
    """One row an event."""

    visit_id: int = column("Number of the event.", key=True)
    day: Instant = column("When it happened.")


@pytest.fixture
def in_new_york(monkeypatch):
    """Open the stock manager's sessions as on a machine in New York."""

    def connect(**kwargs):
        connection = backoff(**kwargs)
        connection.execute("SET TimeZone = 'America/New_York'")
        return connection

    monkeypatch.setattr(dagster_duckdb.io_manager, "backoff", connect)


@pytest.mark.usefixtures("in_new_york")
@pytest.mark.parametrize("is_ours", [False])
def test_stock_compares_instants_in_local_time(store):
    event = pd.DataFrame({"visit_id": [1], "day": [pd.Timestamp(f"{MONDAY}T01:00:00Z")]})
    events = visits(event, contract=Event)
    store.write(events)
    assert len(store.load(events)) == 0, "the day's own row is not found"
    store.write(events)
    assert store.sql("SELECT count(*) FROM bronze.visits") == [(2,)], "nor is it replaced"


def test_sessions_are_in_utc_in_any_time_zone(tmp_path):
    program = """
        import sys, time, duckdb
        from pathlib import Path
        from movies_assets.warehouse.database import Warehouse
        first_hour = "SELECT CAST(TIMESTAMPTZ '2025-01-06 01:00:00Z' AS DATE)::VARCHAR"
        with Warehouse(Path(sys.argv[1])).session() as session:
            print(*duckdb.sql(first_hour).fetchone(), *session.execute(first_hour).fetchone())
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(tmp_path / "w.duckdb")]
    environment = os.environ | {"TZ": "America/New_York"}
    said = subprocess.check_output(command, env=environment, text=True)  # noqa: S603
    assert said.split() == ["2025-01-05", "2025-01-06"]


def test_instants_are_stored_under_their_utc_day(store):
    class Instants(Contract):
        """One row an instant."""

        visit_id: int = column("Number.", key=True)
        day: dt.Date = column("Day: the partition.")

    late = pd.Timestamp(f"{MONDAY}T23:30:00-05:00")
    night = pd.DataFrame({"visit_id": [1], "day": [late]})
    store.write(visits(night, contract=Instants), days=(TUESDAY,))
    assert store.rows() == [(1, TUESDAY)]


@pytest.fixture
def no_pauses(monkeypatch):
    """Let the stock manager's ten tries take no time; they would take 102 seconds."""
    tries = []

    def impatient(**kwargs):
        def counted(*args, **kwargs_of_connect):
            tries.append(1)
            return duckdb.connect(*args, **kwargs_of_connect)

        pauses = (0.001 for _ in itertools.count())
        return backoff(**{**kwargs, "fn": counted, "delay_generator": pauses})

    monkeypatch.setattr(dagster_duckdb.io_manager, "backoff", impatient)
    return tries


@stock_fails(raises=duckdb.IOException)
@pytest.mark.usefixtures("no_pauses")
def test_a_table_is_read_while_another_reader_is_open(store):
    upper = visits(frame(visit(1, MONDAY)))
    store.write(upper)
    started = time.monotonic()
    with held(store.path, read_only=True):
        assert len(store.load(upper)) == 1
    assert time.monotonic() - started < 10, "it waited for the other reader"


@stock_fails()
def test_an_error_closes_the_database(store):
    store.write(visits(frame(visit(1, MONDAY))))
    with pytest.raises(Exception, match="not a number") as error:
        store.write(visits(frame(visit("not a number", MONDAY))))
    with held(store.path):
        assert error, "while the error is kept, another process can write"


@pytest.mark.parametrize("is_ours", [False])
def test_stock_gives_up_after_ten_tries_of_any_length(store, no_pauses):
    store.write(visits(frame(visit(1, MONDAY))))
    no_pauses.clear()
    with held(store.path):
        assert "Could not set lock" in store.try_to_write(visits(frame(visit(2, MONDAY))))
    assert len(no_pauses) == 11


@pytest.mark.slow
def test_a_held_database_is_waited_for(store):
    store.write(visits(frame(visit(1, MONDAY))))
    started = time.monotonic()
    with held(store.path, seconds=1):
        store.write(visits(frame(visit(2, MONDAY))))
    assert time.monotonic() - started >= 0.9
    assert store.rows() == [(2, MONDAY)]


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"lock_wait_seconds": 0.3}])
def test_waiting_ends_after_the_configured_time_and_names_the_holder(store):
    store.write(visits(frame(visit(1, MONDAY))))
    with held(store.path) as process_id:
        message = store.try_to_write(visits(frame(visit(2, MONDAY))))
    assert "still in use after 0.3 s by" in message
    assert f"(PID {process_id})" in message
    assert store.rows() == [(1, MONDAY)]


class WiderVisit(Visit):
    """One row a visit."""

    minutes: int = column("How long it lasted.", nullable=True)


class NarrowerVisit(Contract):
    """One row a visit."""

    visit_id: int = column("Number of the visit.", key=True)
    day: dt.Date = column("Day of the visit: the partition.")


class RetypedVisit(Visit):
    """One row a visit."""

    guest: int = column("Number of the guest.", nullable=True)


@stock_fails()
def test_an_added_column_is_added_to_the_table(store):
    store.write(visits(frame(visit(1, MONDAY))))
    wider = visits(frame(visit(2, TUESDAY, minutes=5)), contract=WiderVisit)
    assert store.try_to_write(wider, days=(TUESDAY,)) == ""
    stored = "SELECT visit_id, guest, minutes FROM bronze.visits ORDER BY ALL"
    assert store.sql(stored) == [(1, "Ada", None), (2, "Ada", 5)]


@stock_fails()
@pytest.mark.parametrize(
    ("contract", "row", "fix"),
    [
        pytest.param(
            RetypedVisit,
            visit(2, MONDAY, guest=7),
            "ALTER TABLE bronze.visits ALTER COLUMN guest TYPE BIGINT",
            id="changed type",
        ),
        pytest.param(
            NarrowerVisit,
            {"visit_id": 2, "day": pd.Timestamp(MONDAY)},
            "ALTER TABLE bronze.visits DROP COLUMN guest",
            id="dropped columns",
        ),
    ],
)
def test_an_incompatible_contract_is_refused_with_the_fix(store, contract, row, fix):
    store.write(visits(frame(visit(1, MONDAY))))
    message = store.try_to_write(visits(frame(row), contract=contract))
    assert fix in message
    assert "Nothing was touched" in message
    assert store.rows() == [(1, MONDAY)]
