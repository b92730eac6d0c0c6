"""A write adds to the conformed dimensions that its table points at the rows that they lack."""

import ibis
import ibis.expr.types as ir
import pytest

from movies_assets.core.contract import Contract, column
from movies_assets.core.table import Table
from movies_assets.core.write_mode import MERGE
from movies_assets.definitions import TABLES
from movies_assets.orchestration.assets import asset_key
from movies_assets_tests.warehouse.tables import MONDAY, TUESDAY, Visit, frame, visit, visits

GUESTS = "FROM gold.guests ORDER BY 1"
ADA, BOB, NO_GUEST = ("Ada", 3), ("Bob", 3), ("", 0)


class Guest(Contract):
    """One row a guest."""

    guest: str = column("The name; '' for no guest.", key=True, str_length={"max_value": 5})
    letters: int = column("Letters of the name.", ge=0)


class GuestVisit(Visit):
    """One row a visit of a guest."""

    guest: str = column("Who came.", references="gold.guests", nullable=True)
    host: str = column("Who was visited.", references="gold.guests", nullable=True)


def names(keys: ir.Table, *, copies: int = 1, extra: int = 0) -> ir.Table:
    """Return the rows of keys, and the one for no guest."""
    found = keys.guest.name("guest").as_table()
    no_guest = ibis.array([""]).unnest().name("guest").as_table()
    rows = ibis.union(*[found] * copies, no_guest)
    return rows.select("guest", letters=rows.guest.length() + extra)


def guests(copies: int = 1, extra: int = 0) -> Table:
    def fill(keys: ir.Table) -> ir.Table:
        return names(keys, copies=copies, extra=extra)

    whole = {"partitions": None, "partition_column": None, "write_mode": MERGE}
    return visits(
        fill=fill, name="guests", layer="gold", contract=Guest, is_conformed=True, **whole
    )


def write(store, *rows, dimension: Table | None = None, day: str = MONDAY):
    fact = visits(frame(*rows), contract=GuestVisit)
    return store.write(fact, dimension or guests(), selection=[asset_key(fact.key)], days=(day,))


def test_rows_of_keys_that_are_missing_come_with_the_write_and_stay(store):
    write(store, visit(1, MONDAY), visit(2, MONDAY, guest=None))
    assert store.sql(GUESTS) == [NO_GUEST, ADA, BOB]
    write(store, visit(3, TUESDAY, guest="Cleo"), day=TUESDAY)
    write(store, visit(1, MONDAY, guest="Bob"))
    assert store.sql(GUESTS) == [NO_GUEST, ADA, BOB, ("Cleo", 4)]


def test_a_write_that_fails_adds_none(store):
    write(store, visit(1, MONDAY))
    fact = visits(frame(visit(2, TUESDAY, guest="Cleo")), contract=GuestVisit)
    assert "outside the run's partitions" in store.try_to_write(
        fact, guests(), selection=[asset_key(fact.key)]
    )
    assert store.sql(GUESTS) == [NO_GUEST, ADA, BOB]


@pytest.mark.parametrize(
    ("rows", "dimension"),
    [
        ([visit(1, MONDAY, guest="Bartholomew", host="")], guests()),
        ([visit(1, MONDAY, guest="Ada", host="")], guests(copies=2)),
        ([visit(1, MONDAY, guest="Ada", host="")], guests(extra=-9)),
    ],
    ids=["a rule of the key", "a key of two rows", "a rule of another column"],
)
def test_a_row_that_breaks_a_rule_of_the_dimension_is_left_out(store, rows, dimension):
    write(store, *rows, dimension=dimension)
    assert not {"Ada", "Bartholomew"} & {guest for guest, _ in store.sql(GUESTS)}


def test_the_event_names_the_table_that_added_the_rows(store):
    result = write(store, visit(1, MONDAY))
    (seen,) = (e for e in result.all_events if e.event_type_value == "ASSET_OBSERVATION")
    (written,) = result.asset_materializations_for_node("bronze__visits")
    told = seen.asset_observation_data.asset_observation.metadata
    assert seen.asset_key == asset_key(guests().key)
    assert (told["rows_added"].value, told["added_by"].value) == (3, "bronze.visits")
    assert written.metadata["rows_added_to_gold.guests"].value == 3
    again = write(store, visit(1, MONDAY))
    assert not [e for e in again.all_events if e.event_type_value == "ASSET_OBSERVATION"]


def test_a_dimension_makes_the_rows_of_its_stored_keys_again(store):
    write(store, visit(1, MONDAY))
    store.write(guests(extra=1), days=())
    assert store.sql(GUESTS) == [("", 1), ("Ada", 4), ("Bob", 4)]


def test_what_points_beyond_its_source_points_at_conformed_dimensions_alone():
    beyond = {
        target
        for table in TABLES.values()
        for target in table.contract.references().values()
        if TABLES[target].group != table.group
    }
    assert beyond == {"gold.dim_date", "gold.dim_released_year"}
    assert all(TABLES[target].is_conformed and not TABLES[target].upstream() for target in beyond)
