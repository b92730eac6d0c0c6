"""Writing one table: upgrades, versions, merges, quarantine; the same in any order."""

import itertools
from pathlib import Path
from typing import Any

import duckdb
import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from movies_assets.core.contract import Contract, Quarantine, column
from movies_assets.core.source_rows import source_rows
from movies_assets.core.table import LatestVersion, Lineage, Table
from movies_assets.core.window import Window
from movies_assets.core.write_mode import MERGE
from movies_assets.definitions import TABLES
from movies_assets.warehouse import writer
from movies_assets.warehouse.database import Warehouse, WarehouseError
from movies_assets.warehouse.schema import ensure_table, stored_types
from movies_assets.warehouse.staging import stage_expression, stage_frames
from movies_assets.warehouse.types import same_type
from movies_assets_tests.faults.processes import FORKSERVER
from movies_assets_tests.warehouse.tables import (
    MONDAY,
    TUESDAY,
    WEDNESDAY,
    Visit,
    frame,
    visit,
    visits,
)

DAYS = (MONDAY, TUESDAY, WEDNESDAY)
RUN = "run-1"


@pytest.fixture
def warehouse(tmp_path):
    return Warehouse(tmp_path / "w.duckdb")


def window(first: str, last: str | None = None) -> Window:
    return Window(first, last or first)


def write(
    warehouse: Warehouse,
    table: Table,
    rows: pd.DataFrame | ir.Table,
    days: Window | None = None,
) -> writer.Loaded:
    with warehouse.session() as session:
        if isinstance(rows, pd.DataFrame):
            stage_frames(session, table, [rows])
        with warehouse.transaction(session):
            ensure_table(session, table.name, table.contract)
            if isinstance(rows, ir.Table):
                stage_expression(session, table, rows)
            return writer.write(session, table, days or Window(), RUN)


def ask(warehouse: Warehouse, sql: str) -> list[tuple[Any, ...]]:
    with warehouse.reading() as session:
        return session.execute(sql).fetchall()


class TestDescriptions:
    def test_table_and_columns_are_described_in_the_database(self, warehouse):
        write(warehouse, visits(), frame(visit(1, MONDAY)), window(MONDAY))
        assert ask(warehouse, "SELECT comment FROM duckdb_tables()") == [("One row a visit.",)]
        comments = ask(
            warehouse, "SELECT column_name, comment FROM duckdb_columns() WHERE NOT internal"
        )
        assert dict(comments) == Visit.descriptions()

    def test_a_description_that_changed_is_changed_in_the_database(self, warehouse):
        class Described(Visit):
            """One row a visit, paid or not."""

            guest: str = column("Who came, in full.", nullable=True)

        write(warehouse, visits(), frame(visit(1, MONDAY)), window(MONDAY))
        write(warehouse, visits(contract=Described), frame(visit(1, MONDAY)), window(MONDAY))
        assert ask(warehouse, "SELECT comment FROM duckdb_tables()") == [
            ("One row a visit, paid or not.",)
        ]
        assert ("Who came, in full.",) in ask(warehouse, "SELECT comment FROM duckdb_columns()")


class Genre(Contract):
    """One row a genre."""

    genre: str = column("Name.", key=True)
    first: str = column("First letter.")
    last: str = column("Last letter.")


class GenreWithMiddle(Contract):
    """One row a genre."""

    genre: str = column("Name.", key=True)
    first: str = column("First letter.")
    middle: str = column("Letter in the middle.", nullable=True)
    last: str = column("Last letter.")


def genres(contract: type[Contract] = Genre) -> Table:
    return visits(name="genres", contract=contract, partition_column=None, write_mode=MERGE)


class TestMerging:
    def test_rows_are_added_and_changed_and_never_removed(self, warehouse):
        write(warehouse, genres(), frame({"genre": "Drama", "first": "d", "last": "a"}))
        write(warehouse, genres(), frame({"genre": "Drama", "first": "D", "last": "a"}))
        write(warehouse, genres(), frame({"genre": "War", "first": "W", "last": "r"}))
        assert ask(warehouse, "FROM bronze.genres ORDER BY ALL") == [
            ("Drama", "D", "a"),
            ("War", "W", "r"),
        ]

    def test_values_go_to_their_columns_by_name(self, warehouse):
        drama = {"genre": "Drama", "first": "D", "last": "a"}
        write(warehouse, genres(), frame(drama))
        # The added column is the last one in the database, and in the middle of the contract.
        write(warehouse, genres(GenreWithMiddle), frame({**drama, "middle": "a", "last": "A"}))
        assert ask(warehouse, "SELECT genre, first, middle, last FROM bronze.genres") == [
            ("Drama", "D", "a", "A")
        ]


class TestDuplicates:
    def test_a_row_read_twice_is_stored_once_and_counted(self, warehouse):
        table = visits(drop_duplicates=True)
        twice = frame(visit(1, MONDAY), visit(2, MONDAY), visit(1, MONDAY))
        loaded = write(warehouse, table, twice, window(MONDAY))
        assert (loaded.rows, loaded.duplicates) == (2, 1)
        assert ask(warehouse, "SELECT visit_id FROM bronze.visits ORDER BY 1") == [(1,), (2,)]

    def test_duplicates_of_unknown_keys_are_found_too(self, warehouse):
        class Keyed(Visit):
            """One row a visit."""

            guest: str = column("Who came.", key=True, nullable=True)

        twice = frame(visit(1, MONDAY, guest=None), visit(1, MONDAY, guest=None), visit(1, MONDAY))
        table = visits(drop_duplicates=True, contract=Keyed)
        assert write(warehouse, table, twice, window(MONDAY)).rows == 2

    def test_a_table_that_does_not_drop_duplicates_keeps_them_for_its_check(self, warehouse):
        twice = frame(visit(1, MONDAY), visit(1, MONDAY))
        assert write(warehouse, visits(), twice, window(MONDAY)).rows == 2


VERSIONED = visits(latest_version=LatestVersion(entity=("visit_id",), order=("day", "guest")))


class TestVersions:
    @pytest.mark.slow
    @pytest.mark.parametrize("days", itertools.permutations(DAYS), ids=" ".join)
    def test_the_newest_version_is_kept_in_any_order_of_runs(self, warehouse, days):
        for day in days:
            write(warehouse, VERSIONED, frame(visit(1, day)), window(day))
        assert ask(warehouse, "SELECT day::VARCHAR FROM bronze.visits") == [(WEDNESDAY,)]

    def test_of_two_versions_in_one_run_the_newest_is_kept_and_the_other_counted(self, warehouse):
        both = frame(visit(1, MONDAY, guest="Eve"), visit(1, MONDAY, guest="Ada"), visit(2, MONDAY))
        loaded = write(warehouse, VERSIONED, both, window(MONDAY))
        assert (loaded.rows, loaded.duplicates) == (2, 1)
        assert ask(warehouse, "SELECT guest FROM bronze.visits WHERE visit_id = 1") == [("Eve",)]

    def test_an_older_version_that_is_not_stored_is_counted(self, warehouse):
        write(warehouse, VERSIONED, frame(visit(1, TUESDAY)), window(TUESDAY))
        loaded = write(warehouse, VERSIONED, frame(visit(1, MONDAY)), window(MONDAY))
        assert (loaded.rows, loaded.duplicates) == (0, 1)

    def test_all_rows_of_the_newest_version_are_kept(self, warehouse):
        """A junction has many rows an entity; they share a version."""

        class Junction(Contract):
            """One row a visit and guest."""

            visit_id: int = column("Visit.", key=True)
            guest: str = column("Guest.", key=True)
            day: dt.Date = column("Day: the partition.")

        table = visits(contract=Junction, latest_version=LatestVersion(("visit_id",), ("day",)))
        rows = frame(visit(1, MONDAY), visit(1, MONDAY, guest="Eve")).drop(columns="host")
        write(warehouse, table, rows, window(MONDAY))
        newer = rows.assign(day=pd.Timestamp(TUESDAY), guest=["Bob", "Ada"])
        write(warehouse, table, newer, window(TUESDAY))
        write(warehouse, table, rows, window(MONDAY))
        stored = ask(warehouse, "SELECT guest, day::VARCHAR FROM bronze.visits ORDER BY ALL")
        assert stored == [("Ada", TUESDAY), ("Bob", TUESDAY)]


@st.composite
def worlds(draw) -> tuple[dict[int, list[dict[str, Any]]], list[tuple[int, int]]]:
    """Return a source's rows, and runs in any order that cover every day at least once."""
    days = range(3)
    versions = draw(
        st.sets(st.tuples(st.integers(1, 3), st.sampled_from(days), st.sampled_from("abc")))
    )
    rows = {
        day: [visit(e, f"2025-01-{6 + d:02}", guest=g) for e, d, g in versions if d == day]
        for day in days
    }
    spans = st.tuples(st.sampled_from(days), st.sampled_from(days)).map(sorted).map(tuple)
    runs = draw(st.lists(spans, max_size=2)) + [(day, day) for day in draw(st.permutations(days))]
    return rows, draw(st.permutations(runs))


class TestAnyOrder:
    @pytest.mark.slow
    @settings(max_examples=12)
    @given(world=worlds())
    def test_any_sequence_of_runs_ends_in_the_same_two_tables(self, tmp_path_factory, world):
        rows, runs = world
        warehouse = Warehouse(tmp_path_factory.mktemp("any") / "w.duckdb")
        below = visits(name="below", latest_version=LatestVersion(("visit_id",), ("day",)))
        for first, last in runs:
            days = window(f"2025-01-{6 + first:02}", f"2025-01-{6 + last:02}")
            arriving = itertools.chain(*(rows[day] for day in range(first, last + 1)))
            write(warehouse, VERSIONED, frame(*arriving), days)
            upper = VERSIONED.contract.table(VERSIONED.name)
            of_run = upper.filter(upper.day.between(days.first, days.last))
            write(warehouse, below, of_run, days)
        everything = frame(*itertools.chain(*rows.values()))
        newest = everything.sort_values(["day", "guest"]).groupby("visit_id").last()
        expected = [
            (int(entity), str(row.day)[:10], row.guest) for entity, row in newest.iterrows()
        ]
        for table in (VERSIONED.name, below.name):
            stored = f"SELECT visit_id, day::VARCHAR, guest FROM {table} ORDER BY ALL"
            assert ask(warehouse, stored) == expected


class Guest(Contract):
    """One row a visit with a known guest."""

    visit_id: int = column("Number of the visit.", key=True, ge=1)
    day: dt.Date = column("Day of the visit: the partition.")
    guest: str = column("Who came.", isin=["Ada", "Eve"])
    row_id: str = column("The row it came from.")


REFINED = visits(
    name="guests",
    contract=Guest,
    layer="silver",
    lineage=Lineage(source_of="bronze.visits", source_row_id="row_id"),
    latest_version=LatestVersion(("visit_id",), ("day", "row_id")),
)


def refined(*rows: tuple[int | None, str, str | None]) -> ir.Table:
    """Return an expression of rows as a refining function does; a wrong guest is unparsed."""
    frames = [
        {
            "visit_id": visit_id,
            "day": day,
            "guest": guest,
            "row_id": f"{visit_id} {guest}",
            "_raw": f'{{"id": {visit_id}}}',
            "_unparsed": "guest: wrong type" if guest is None else "",
        }
        for visit_id, day, guest in rows
    ]
    types = {"visit_id": "int64", "day": "date", "guest": "string", "row_id": "string"}
    schema = {**types, "_raw": "string", "_unparsed": "string"}
    literals = [
        ibis.struct({name: ibis.literal(row[name], type=t) for name, t in schema.items()})
        for row in frames
    ]
    return ibis.array(literals).unnest().name("row").as_table().unpack("row")


QUARANTINED = "SELECT partition_key, row_id, broken_rules FROM quarantine.guests ORDER BY ALL"


class TestQuarantine:
    def test_a_row_that_breaks_rules_is_kept_with_their_names_and_its_raw_form(self, warehouse):
        loaded = write(warehouse, REFINED, refined((0, MONDAY, "Bob"), (2, MONDAY, "Ada")))
        assert (loaded.rows, loaded.quarantined) == (1, 1)
        assert ask(warehouse, "SELECT visit_id FROM silver.guests") == [(2,)]
        assert ask(warehouse, "SELECT * EXCLUDE (quarantined_at) FROM quarantine.guests") == [
            (
                MONDAY,
                "0 Bob",
                "visit_id: less than 1; guest: none of Ada, Eve",
                '{"id": 0}',
                RUN,
            )
        ]

    def test_a_row_that_could_not_be_read_names_the_field(self, warehouse):
        write(warehouse, REFINED, refined((1, MONDAY, None)))
        assert ask(warehouse, QUARANTINED) == [
            (MONDAY, "1 None", "guest: wrong type; guest: required")
        ]

    def test_a_row_that_passes_now_leaves_quarantine(self, warehouse):
        write(warehouse, REFINED, refined((1, MONDAY, "Bob")), window(MONDAY))
        write(warehouse, REFINED, refined((1, MONDAY, "Ada")), window(MONDAY))
        assert ask(warehouse, QUARANTINED) == []
        assert ask(warehouse, "SELECT guest FROM silver.guests") == [("Ada",)]

    def test_other_days_stay_in_quarantine(self, warehouse):
        write(warehouse, REFINED, refined((1, MONDAY, "Bob")), window(MONDAY))
        write(warehouse, REFINED, refined((2, TUESDAY, "Ada")), window(TUESDAY))
        assert [row[:2] for row in ask(warehouse, QUARANTINED)] == [(MONDAY, "1 Bob")]

    def test_a_broken_row_does_not_take_a_sound_one_of_another_day_with_it(self, warehouse):
        """The same source row may be read on two days, and be broken on one of them."""

        class Dated(Guest):
            """One row a visit with a known guest."""

            guest: str = column("Who came.")
            day: dt.Date = column(
                "Day of the visit: the partition.", le=pd.Timestamp(MONDAY).date()
            )

        both = refined((1, MONDAY, "Ada"), (1, TUESDAY, "Ada"))
        table = visits(name="guests", contract=Dated, layer="silver", lineage=REFINED.lineage)
        loaded = write(warehouse, table, both, window(MONDAY, TUESDAY))
        assert (loaded.rows, loaded.quarantined) == (1, 1)
        assert ask(warehouse, "SELECT day::VARCHAR FROM silver.guests") == [(MONDAY,)]
        assert [row[:2] for row in ask(warehouse, QUARANTINED)] == [(TUESDAY, "1 Ada")]

    def test_quarantine_and_table_change_together_or_not_at_all(self, warehouse, monkeypatch):
        write(warehouse, REFINED, refined((1, MONDAY, "Ada"), (2, MONDAY, "Bob")), window(MONDAY))

        def fail(*_: Any) -> int:
            raise RuntimeError("after the insert into quarantine")

        monkeypatch.setattr(writer, "_insert", fail)
        with pytest.raises(RuntimeError):
            write(
                warehouse, REFINED, refined((1, MONDAY, "Bob"), (2, MONDAY, "Ada")), window(MONDAY)
            )
        assert ask(warehouse, "SELECT visit_id FROM silver.guests") == [(1,)]
        assert [row[1] for row in ask(warehouse, QUARANTINED)] == ["2 Bob"]

    def test_its_table_follows_the_contract_of_quarantine(self, warehouse):
        write(warehouse, REFINED, refined((1, MONDAY, "Ada")))
        columns = ask(
            warehouse,
            "SELECT column_name, data_type FROM duckdb_columns() WHERE schema_name = 'quarantine'",
        )
        wanted = Quarantine.types()
        assert [name for name, _ in columns] == [*wanted]
        assert all(same_type(stored, wanted[name]) for name, stored in columns)


def write_visit(path: Path, visit_id: int, day: str) -> None:
    write(Warehouse(path), visits(), frame(visit(visit_id, day)), window(day))


@pytest.mark.slow
def test_processes_that_write_at_once_all_end_up_stored(warehouse):
    days = pd.date_range(MONDAY, periods=3).strftime("%Y-%m-%d")
    processes = [
        FORKSERVER.Process(target=write_visit, args=(warehouse.path, number, day))
        for number, day in enumerate(days)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 3
    stored = ask(warehouse, "SELECT visit_id, day::VARCHAR FROM bronze.visits ORDER BY ALL")
    assert stored == list(enumerate(days))


def test_an_upgrade_that_fails_half_way_leaves_the_table_as_it_was(warehouse):
    class TwiceChanged(Visit):
        """One row a visit."""

        minutes: int = column("How long it lasted.", nullable=True)
        host: int = column("Number of the host.", nullable=True)

    write_visit(warehouse.path, 1, MONDAY)
    with pytest.raises(WarehouseError, match="changed the type of host from VARCHAR to BIGINT"):
        write(warehouse, visits(contract=TwiceChanged), frame(visit(1, MONDAY, host=1, minutes=2)))
    assert ask(warehouse, "SELECT count(*) FROM duckdb_columns() WHERE NOT internal") == [(4,)]


class NumberedVisit(Visit):
    """One row a visit."""

    guest: int = column("Number of the guest.", nullable=True)  # type: ignore[assignment]
    host: float = column("Number of the host.", nullable=True)  # type: ignore[assignment]


@pytest.mark.parametrize("guest", [0, -7, 2**53 + 1, 2**63 - 1, None])
@pytest.mark.parametrize("host", [0.1, -7.0, 1e300, None])
def test_numbers_become_text_without_a_loss(warehouse, guest, host):
    row = visit(1, MONDAY, guest=guest, host=host)
    types = {"guest": "Int64", "host": "float64"}
    write(warehouse, visits(contract=NumberedVisit), frame(row).astype(types), window(MONDAY))
    write(warehouse, visits(), frame(visit(2, TUESDAY)), window(TUESDAY))
    ((guest_text, host_text),) = ask(
        warehouse, "SELECT guest, host FROM bronze.visits WHERE visit_id = 1"
    )
    assert guest_text == (None if guest is None else str(guest))
    assert (None if host_text is None else float(host_text)) == host


def test_every_contract_can_be_stored_and_is_stored_as_it_says(subtests):
    for name, table in TABLES.items():
        with subtests.test(table=name):
            with duckdb.connect() as connection:
                for _ in range(2):
                    ensure_table(connection, table.name, table.contract)
                stored = stored_types(connection, table.name)
            wanted = table.contract.types()
            assert [*stored] == [*wanted]
            assert all(same_type(stored[name], wanted[name]) for name in wanted)


@pytest.mark.parametrize(
    ("reads", "days", "found"),
    [
        ("run", (MONDAY, TUESDAY), [1, 2]),
        ("run", (), [1, 2, 3]),
        ("newest", (MONDAY, TUESDAY), [3]),
        ("newest", (), [3]),
        ("all", (MONDAY, TUESDAY), [1, 2, 3]),
        ("all", (), [1, 2, 3]),
    ],
)
def test_lineage_defines_which_source_rows_a_run_reads(reads, days, found):
    source = visits()
    refines = Lineage(source_of=source.name, source_row_id="visit_id", reads=reads)
    table = visits(name="guests", layer="silver", lineage=refines)
    run = window(*days) if days else Window()
    with duckdb.connect() as connection:
        ensure_table(connection, source.name, Visit)
        values = ", ".join(f"({n}, '{day}')" for n, day in enumerate(DAYS, 1))
        connection.execute(f"INSERT INTO {source.name} (visit_id, day) VALUES {values}")
        read = source_rows(table, source, run).select("visit_id").order_by("visit_id")
        rows = connection.execute(writer.compile_sql(read)).fetchall()
    assert [visit_id for (visit_id,) in rows] == found
