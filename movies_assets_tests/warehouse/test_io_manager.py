"""Which objects become rows, and what a step below a table receives."""

import itertools
import weakref
from typing import Any

import duckdb
import ibis
import ibis.expr.types as ir
import pandas as pd
import pytest

from movies_assets.core.contract import Contract, column
from movies_assets.core.table import Table
from movies_assets.orchestration.assets import asset_key
from movies_assets_tests.warehouse.tables import (
    MONDAY,
    TUESDAY,
    WEDNESDAY,
    Visit,
    frame,
    visit,
    visits,
)

WEEK = (MONDAY, WEDNESDAY)
THREE_DAYS = frame(visit(1, MONDAY), visit(2, TUESDAY), visit(3, WEDNESDAY))


class Host(Contract):
    """One row a host."""

    host: str = column("Who was visited.", key=True)
    visits: int = column("How often.")


def test_an_iterator_of_frames_is_stored(store):
    frames = iter([frame(visit(1, MONDAY)), frame(), frame(visit(2, TUESDAY))])
    store.write(visits(frames), days=WEEK)
    assert store.rows() == [(1, MONDAY), (2, TUESDAY)]


def test_of_an_iterator_one_frame_at_a_time_is_in_memory(store):
    alive: list[weakref.ref] = []

    def crawl():
        for number in range(20):
            assert sum(reference() is not None for reference in alive) <= 1
            page = frame(visit(number, MONDAY))
            alive.append(weakref.ref(page))
            yield page
            del page

    store.write(visits(itertools.chain(crawl())))
    assert len(store.rows()) == 20


def test_an_iterator_that_fails_leaves_the_old_rows(store):
    def crawl():
        yield frame(visit(2, MONDAY))
        raise ConnectionError("the source went away")

    store.write(visits(frame(visit(1, MONDAY))))
    assert "the source went away" in store.try_to_write(visits(itertools.chain(crawl())))
    assert store.rows() == [(1, MONDAY)]


def test_an_expression_is_run_by_the_engine(store):
    def hosts(bronze_visits: ir.Table) -> ir.Table:
        return bronze_visits.group_by("host").aggregate(visits=ibis._.count())

    upper = visits(THREE_DAYS)
    whole = {"partitions": None, "partition_column": None, "layer": "silver"}
    lower = visits(fill=hosts, name="hosts", contract=Host, **whole)
    store.write(upper, days=WEEK)
    result = store.write(upper, lower, days=WEEK)
    assert store.sql("FROM silver.hosts") == [("Bob", 3)]
    (event,) = result.asset_materializations_for_node("silver__hosts")
    assert "GROUP BY" in event.metadata["sql"].value


class TestInputs:
    """What a table declares about its inputs beyond their names."""

    def hosts(self, **properties: Any) -> Table:
        def count_visits(bronze_visits: ir.Table) -> ir.Table:
            return bronze_visits.group_by("host").aggregate(visits=ibis._.count())

        whole = {"partitions": None, "partition_column": None, "layer": "silver"}
        given = {"fill": count_visits, **whole, **properties}
        return visits(name="hosts", contract=Host, **given)

    def test_a_table_without_partitions_reads_all_rows_in_a_run_of_any_day(self, store):
        upper, lower = visits(THREE_DAYS), self.hosts()
        store.write(upper, days=WEEK)
        store.write(upper, lower, days=(TUESDAY,), selection=[asset_key(lower.key)])
        assert store.sql("FROM silver.hosts") == [("Bob", 3)]

    def test_a_parameter_may_be_named_otherwise_than_its_table(self, store):
        def count_rows(rows: ir.Table) -> ir.Table:
            return rows.group_by("host").aggregate(visits=ibis._.count())

        upper, lower = (
            visits(THREE_DAYS),
            self.hosts(fill=count_rows, inputs={"rows": "bronze.visits"}),
        )
        assert lower.reads() == {"rows": "bronze.visits"}
        store.write(upper, lower, days=WEEK)
        assert store.sql("FROM silver.hosts") == [("Bob", 3)]

    def test_an_optional_input_that_was_never_written_is_empty(self, store):
        upper, lower = visits(THREE_DAYS), self.hosts(optional=("bronze.visits",))
        store.write(upper, lower, selection=[asset_key(lower.key)])
        assert store.sql("FROM silver.hosts") == []
        assert store.rows() == []
        store.write(upper, lower, days=WEEK)
        assert store.sql("FROM silver.hosts") == [("Bob", 3)]

    def test_an_optional_input_that_is_there_is_not_touched(self, store):
        upper, lower = visits(THREE_DAYS), self.hosts(optional=("bronze.visits",))
        store.write(upper, days=WEEK)
        with duckdb.connect(str(store.path)) as connection:
            connection.execute("COMMENT ON TABLE bronze.visits IS 'mine'")
        store.write(upper, lower, selection=[asset_key(lower.key)])
        comment = "SELECT comment FROM duckdb_tables() WHERE table_name = 'visits'"
        assert store.sql(comment) == [("mine",)]
        assert len(store.rows()) == 3

    def test_any_other_input_that_was_never_written_is_a_clear_error(self, store):
        upper, lower = visits(THREE_DAYS), self.hosts()
        message = store.try_to_write(upper, lower, selection=[asset_key(lower.key)])
        assert "an upstream table is missing" in message

    def test_an_optional_input_is_not_made_where_the_write_fails(self, store):
        upper = visits(THREE_DAYS)

        def fail(bronze_visits: ir.Table) -> ir.Table:
            empty = bronze_visits.host.as_table().mutate(visits=ibis.literal(1)).limit(0)
            return empty.union(ibis.table(empty.schema(), name="missing"))

        lower = self.hosts(fill=fail, optional=("bronze.visits",))
        assert "missing" in store.try_to_write(upper, lower, selection=[asset_key(lower.key)])
        assert store.sql("SELECT table_name FROM duckdb_tables()") == []


@pytest.mark.parametrize(
    ("days", "expected"), [((TUESDAY,), [2]), ((MONDAY, TUESDAY), [1, 2]), (WEEK, [1, 2, 3])]
)
def test_a_frame_below_holds_the_partitions_of_the_run_only(store, days, expected):
    upper = visits(THREE_DAYS)
    store.write(upper, days=WEEK)
    received = store.load(upper, pd.DataFrame, days)
    assert isinstance(received, pd.DataFrame)
    assert sorted(received.visit_id) == expected


@pytest.mark.parametrize("annotation", [ir.Table, Any])
def test_a_table_below_is_unbound_and_filtered_to_the_partitions_of_the_run(store, annotation):
    upper = visits(THREE_DAYS)
    store.write(upper, days=WEEK)
    received = store.load(upper, annotation, (MONDAY, TUESDAY))
    assert received.schema() == Visit.types()
    sql = str(ibis.to_sql(received.select("visit_id"), dialect="duckdb"))
    assert sorted(store.sql(sql)) == [(1,), (2,)]


def test_a_whole_table_is_replaced(store):
    whole = {"partitions": None, "partition_column": None}
    store.write(visits(THREE_DAYS, **whole), days=())
    store.write(visits(frame(visit(4, MONDAY)), **whole), days=())
    assert store.rows() == [(4, MONDAY)]


def test_a_range_replaces_its_days_and_no_other(store):
    store.write(visits(THREE_DAYS), days=WEEK)
    store.write(visits(frame(visit(9, TUESDAY))), days=(MONDAY, TUESDAY))
    assert store.rows() == [(3, WEDNESDAY), (9, TUESDAY)]


def test_the_ui_shows_rows_seconds_and_a_sample(store):
    result = store.write(visits(THREE_DAYS), days=WEEK)
    told = result.asset_materializations_for_node("bronze__visits")[-1].metadata
    assert told["rows"].value == 3
    assert told["rows_quarantined"].value == told["rows_duplicate"].value == 0
    assert told["seconds"].value > 0
    assert "Ada" in told["sample"].value


def test_a_days_row_count_is_shown_as_the_partitions(store):
    result = store.write(visits(frame(visit(1, MONDAY))))
    (event,) = result.asset_materializations_for_node("bronze__visits")
    assert event.metadata["dagster/partition_row_count"].value == 1


def test_an_asset_without_contract_is_a_clear_error(store, monkeypatch):
    monkeypatch.setattr("movies_assets_tests.warehouse.tables.by_name", lambda _: {})
    message = store.try_to_write(visits(frame()))
    assert "bronze.visits has no contract" in message
    assert "movies_assets.core.table.table" in message


def test_an_object_that_is_no_rows_is_a_clear_error(store):
    message = store.try_to_write(visits({"visit_id": 1}))
    assert "does not have a handler for type '<class 'dict'>'" in message


def test_loading_as_an_iterator_says_what_to_annotate(store):
    upper = visits(frame(visit(1, MONDAY)))
    store.write(upper)
    with pytest.raises(Exception, match=r"Table or pandas\.DataFrame"):
        store.load(upper, type(iter([])))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([visit(1, MONDAY, price=3)], r"Missing: none; unknown: ['price']"),
        ([{"visit_id": 1, "day": MONDAY}], r"Missing: ['guest', 'host']; unknown: none"),
    ],
)
def test_a_frame_with_other_columns_is_a_clear_error(store, rows, message):
    store.write(visits(frame(visit(1, MONDAY))))
    assert message in store.try_to_write(visits(frame(*rows)))
    assert store.rows() == [(1, MONDAY)]


class Measure(Contract):
    """One row a measure."""

    visit_id: int = column("Number.", key=True)
    big: int = column("Number.", nullable=True)
    names: str = column("Names.", nullable=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    "wrong",
    [
        {"big": "abc"},
        {"big": [1]},
        {"big": 20.5},
        {"big": float("inf")},
        {"big": 10**30},
        {"names": ["a", "b"]},
        {"names": {"a": 1}},
        {"names": 5},
    ],
    ids=str,
)
def test_a_value_of_another_type_is_a_clear_error_not_another_value(store, wrong):
    whole = {"partitions": None, "partition_column": None, "contract": Measure}
    measure = {"visit_id": 1, "big": 1, "names": "a"}
    message = store.try_to_write(visits(frame({**measure, **wrong}), **whole), days=())
    assert "bronze.visits: " in message
    assert "does not fit" in message
    assert next(iter(wrong)) in message


def test_whole_numbers_with_gaps_are_stored_although_pandas_makes_them_floats(store):
    whole = {"partitions": None, "partition_column": None, "contract": Measure}
    gaps = frame(
        {"visit_id": 1, "big": 5, "names": None}, {"visit_id": 2, "big": None, "names": "a"}
    )
    assert gaps.big.dtype == "float64"
    store.write(visits(gaps, **whole), days=())
    assert store.sql("FROM bronze.visits ORDER BY ALL") == [(1, 5, None), (2, None, "a")]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows.drop("guest"), "they differ in ['guest']"),
        (lambda rows: rows.mutate(price=1), "they differ in ['price']"),
        (lambda rows: rows.mutate(visit_id=rows.visit_id / 2), "visit_id"),
        (lambda rows: rows.mutate(visit_id=rows.guest), "visit_id"),
        (lambda rows: rows.mutate(guest=rows.visit_id), "guest"),
    ],
    ids=["missing", "unknown", "fractions", "text", "number"],
)
def test_an_expression_that_does_not_fit_is_a_clear_error(store, change, message):
    def fill(bronze_visits: ir.Table) -> ir.Table:
        return change(bronze_visits)

    upper = visits(THREE_DAYS)
    lower = visits(fill=fill, name="below", layer="silver")
    said = store.try_to_write(upper, lower, days=WEEK)
    assert "silver.below: the function's columns are not the contract's" in said
    assert message in said


def test_a_value_that_an_expression_cannot_compute_is_a_clear_error(store):
    def fill(bronze_visits: ir.Table) -> ir.Table:
        return bronze_visits.mutate(visit_id=bronze_visits.guest.cast("int64"))

    upper = visits(THREE_DAYS)
    lower = visits(fill=fill, name="below", layer="silver")
    said = store.try_to_write(upper, lower, days=WEEK)
    assert "silver.below: the function cannot compute a value: " in said
    assert "Ada" in said


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"memory_limit": "64MB", "spill_limit": "2MB"}])
def test_rows_beyond_memory_and_spill_limit_are_refused_with_the_settings_to_raise(store):
    def fill() -> ir.Table:
        rows = ibis.range(0, 2_000_000).unnest().name("visit_id").as_table()
        long = (rows.visit_id * 7919 % 2_000_003).cast("string").lpad(100, "0")
        before = long.lag().over(order_by=long)
        return rows.select("visit_id", day=ibis.date(MONDAY), guest=long, host=before)

    said = store.try_to_write(visits(fill=fill))
    assert "bronze.visits: the rows need more than MOVIES_WAREHOUSE__MEMORY_LIMIT" in said
    assert "MOVIES_WAREHOUSE__SPILL_LIMIT" in said


@pytest.mark.parametrize("annotation", ["table", "frame"])
def test_a_missing_upstream_table_is_named_with_what_to_do(store, annotation):
    def fill(bronze_visits: ir.Table) -> ir.Table:
        return bronze_visits

    def fill_frame(bronze_visits: pd.DataFrame) -> pd.DataFrame:
        return bronze_visits

    function = fill if annotation == "table" else fill_frame
    lower = visits(fill=function, name="below", layer="silver")
    store.write(visits(frame(visit(1, MONDAY)), name="other"))
    message = store.try_to_write(visits(), lower, selection=[asset_key(lower.key)])
    assert f"an upstream table is missing in {store.path}. Materialize" in message
    assert "visits does not exist" in message
