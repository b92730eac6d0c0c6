"""Every rule of every contract can be broken, and what contracts rely on elsewhere is so."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import duckdb
import ibis
import ibis.expr.datatypes as dt
import pandera.errors
import pandera.ibis as pa
import pytest
from ibis.common.exceptions import IbisError
from pandera.api.ibis.types import IbisData

from movies_assets.core.contract import (
    AS_RECEIVED,
    BronzeContract,
    Contract,
    DumpContract,
    Quarantine,
    Rule,
    column,
    rule_name,
)
from movies_assets.core.outcome import broken_rules
from movies_assets.core.table import Table
from movies_assets.core.wording import sentence
from movies_assets.definitions import TABLES
from movies_assets.orchestration.metadata import column_schema
from movies_assets.warehouse.sql import compile_sql
from movies_assets.warehouse.types import duckdb_types

# What breaks a rule of one column: a pattern of its name, and a value made of what it matches.
BAD_VALUES = [
    (r"required", lambda: None),
    (r"less than (-?[\d.]+)", lambda bound: float(bound) - 1),
    (r"not more than (-?\d+)", int),
    (r"more than (-?\d+)", lambda bound: int(bound) + 1),
    (r"none of .*", lambda: "no member"),
    (r"not an (IMDb id|e-mail address)", lambda _: "no match"),
    (r"more than (\d+) characters long", lambda longest: "x" * (int(longest) + 1)),
    (r"not from [1-9]\d* to \d+ characters long", lambda: ""),
]
# What breaks a rule about the whole row.
BAD_ROWS = {
    "release_year: before 1870 or more than 5 years after arrival": {"release_year": 1869},
    "genres: more than 500 characters together": {"genres": ["x" * 251, "y" * 251]},
    "preferred_genres: more than 500 characters together": {"preferred_genres": ["x" * 501]},
    "language_code: not an ISO 639-1 code": {"language_code": "klingon"},
    "year: more than 5 years after the upload": {"year": 2031},
    "uploaded_date: not the UTC day of uploaded_at": {"uploaded_date": "2025-10-29"},
    "end_year: before start_year": {"start_year": 2020, "end_year": 2019},
    "date_added: before 1997 or more than 366 days after arrival": {"date_added": "1996-12-31"},
    "release_year: more than 5 years after arrival": {"release_year": 2031},
    "date_key: is not -1, but attributes of the day are unknown": {
        "date_key": 20250101,
        "week_of_year": None,
    },
    "end_year: before release_year": {"release_year": 2020, "end_year": 2019},
    "user_id: a number, but not a whole one above 0": {"user_id": "7.5"},
    "premiere: before 1870 or more than 5 years after arrival": {"premiere": "1869-12-31"},
    "watched_at: more than 1 day after arrival": {"watched_at": "2025-11-01 00:00:00+00"},
    "signup_date: before 1990 or after arrival": {"signup_date": "1989-12-31"},
    "end_year: less than 1850": {"start_year": None, "end_year": 1849},
    "start_year: more than 10 years after the dump": {"start_year": 20222, "end_year": None},
    "end_year: more than 10 years after the dump": {"start_year": None, "end_year": 20222},
    "series_tconst: the episode itself": {
        "tconst": "tt9999999",
        "series_tconst": "tt9999999",
    },
    "birth_year: after the dump": {"birth_year": 2036},
    "death_year: after the dump": {"death_year": 2036},
}

CONTRACTS = {**{name: table.contract for name, table in TABLES.items()}, "quarantine": Quarantine}


def breaking(rule: Rule) -> dict[str, Any]:
    """Return values that break a rule."""
    if rule.name in BAD_ROWS:
        return BAD_ROWS[rule.name]
    name, _, text = rule.name.partition(": ")
    for pattern, make in BAD_VALUES:
        if match := re.fullmatch(pattern, text):
            return {name: make(*match.groups())}
    pytest.fail(f"nothing is known to break {rule.name!r}: add it to BAD_VALUES or BAD_ROWS")


@pytest.fixture(scope="module")
def connection(stored_day) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"ATTACH '{stored_day}' AS stored (READ_ONLY)")
        yield connection


def store(
    connection: duckdb.DuckDBPyConnection, table: Table, changes: list[dict[str, Any]]
) -> None:
    """Store a sound row of the table once for each change of it, as table `rows`."""
    types = duckdb_types(table.contract)
    connection.execute(f"CREATE OR REPLACE TABLE rows AS FROM stored.{table.name} LIMIT 0")
    for change in changes:
        columns = [
            f"CAST(? AS {types[name]}) AS {name}" if name in change else name for name in types
        ]
        changed = f"SELECT {', '.join(columns)} FROM stored.{table.name} LIMIT 1"
        connection.execute(
            f"INSERT INTO rows BY NAME {changed}",
            [change[name] for name in types if name in change],
        )


@cache
def broken_sql(contract: type[Contract]) -> str:
    rows = contract.table("rows")
    return compile_sql(rows.select(names=broken_rules(rows, contract)))


def broken(connection: duckdb.DuckDBPyConnection, table: Table) -> list[set[str]]:
    """Return the rules that each row of table `rows` breaks, as quarantine names them."""
    found = connection.execute(broken_sql(table.contract)).fetchall()
    return [set(names.split("; ")) - {""} for (names,) in found]


def test_a_row_that_breaks_a_rule_is_found_and_breaks_no_other(connection, subtests):
    for name, table in TABLES.items():
        rules = table.contract.rules()
        store(connection, table, [breaking(rule) for rule in rules])
        for rule, found in zip(rules, broken(connection, table), strict=True):
            with subtests.test(table=name, rule=rule.name):
                assert found == {rule.name}


def test_sound_rows_break_no_rule(connection, subtests):
    for name, table in TABLES.items():
        with subtests.test(table=name):
            connection.execute(f"CREATE OR REPLACE TABLE rows AS FROM stored.{name}")
            found = broken(connection, table)
            assert found
            assert set().union(*found) == set()


def rule_of(error: pandera.errors.SchemaError) -> str:
    """Name a rule that Pandera found broken as we name it."""
    if error.check == "not_nullable":
        return f"{error.schema.name}: required"
    if isinstance(error.schema, pa.Column):
        return rule_name(error.check, error.schema.name, error.schema.metadata["fault"])
    return rule_name(error.check)


# Pandera takes 20 s for all tables.
OF_TABLES = pytest.mark.parametrize(
    "names",
    [
        pytest.param(["bronze.ott_users", "silver.imdb_titles"], id="two tables"),
        pytest.param([*TABLES], id="all tables", marks=pytest.mark.slow),
    ],
)


@OF_TABLES
def test_pandera_finds_the_same_rules_broken(connection, subtests, names):
    backend = ibis.duckdb.from_connection(connection)
    for name in names:
        table = TABLES[name]
        with subtests.test(table=name):
            rules = table.contract.rules()
            schema = table.contract.to_schema()
            store(connection, table, [{}])
            schema.validate(backend.table("rows"), lazy=True)
            store(connection, table, [breaking(rule) for rule in rules])
            with pytest.raises(pandera.errors.SchemaErrors) as errors:
                schema.validate(backend.table("rows"), lazy=True)
            named = {rule.name for rule in rules}
            assert {rule_of(error) for error in errors.value.schema_errors} == named
            assert set().union(*broken(connection, table)) == named


@OF_TABLES
def test_pandera_finds_the_same_rules_broken_by_unknown_values(connection, subtests, names):
    for name in names:
        table = TABLES[name]
        with subtests.test(table=name):
            columns = column_schema(table.contract).columns
            unknown = {item.name: None for item in columns if item.constraints.nullable}
            store(connection, table, [unknown])
            rows = ibis.duckdb.from_connection(connection).table("rows")
            found = set()
            try:
                table.contract.to_schema().validate(rows, lazy=True)
            except pandera.errors.SchemaErrors as errors:
                found = {rule_of(error) for error in errors.schema_errors}
            assert [found] == broken(connection, table)


class TestEveryContract:
    def test_begins_with_its_grain(self, subtests):
        for table, contract in CONTRACTS.items():
            with subtests.test(table=table):
                assert contract.grain().startswith(("One row per ", "A row "))

    def test_describes_every_column_in_a_sentence(self, subtests):
        for table, contract in CONTRACTS.items():
            for name, description in contract.descriptions().items():
                with subtests.test(table=table, column=name):
                    assert re.fullmatch(r"[A-Z].{3,}\.", description)

    def test_gives_each_rule_a_name_of_its_own(self, subtests):
        for table, contract in CONTRACTS.items():
            with subtests.test(table=table):
                names = [rule.name for rule in contract.rules()]
                assert len(names) == len(set(names))

    def test_shows_its_columns_in_dagster(self, subtests):
        for table, contract in CONTRACTS.items():
            with subtests.test(table=table):
                columns = column_schema(contract).columns
                assert [item.name for item in columns] == [*contract.types()]
                assert all(item.description for item in columns)


class TestEveryTable:
    def test_has_a_key_of_its_columns_but_for_lines_of_dumps(self, subtests):
        for name, table in TABLES.items():
            with subtests.test(table=name):
                assert bool(table.contract.key()) != issubclass(table.contract, DumpContract)

    def test_refers_to_a_table_with_a_single_key_column_of_the_same_type(self, subtests):
        for name, table in TABLES.items():
            types = table.contract.types()
            for column_name, target in table.contract.references().items():
                with subtests.test(table=name, column=column_name):
                    (key,) = TABLES[target].contract.key()
                    assert TABLES[target].contract.types()[key] == types[column_name]

    def test_has_a_required_date_or_year_to_partition_by_or_none(self, subtests):
        for name, table in TABLES.items():
            if by := table.partition_column:
                with subtests.test(table=name):
                    type_ = table.contract.types()[by]
                    assert type_.is_date() or type_.is_integer()
                    assert f"{by}: required" in {rule.name for rule in table.contract.rules()}

    def test_orders_versions_by_required_columns(self, subtests):
        for table_name, table in TABLES.items():
            required = {rule.name for rule in table.contract.rules()}
            versions = table.latest_version
            for name in versions.entity + versions.order + versions.first if versions else ():
                with subtests.test(table=table_name, column=name):
                    assert f"{name}: required" in required

    def test_says_where_a_row_came_from_in_bronze(self, subtests):
        for name, table in TABLES.items():
            with subtests.test(table=name):
                assert issubclass(table.contract, BronzeContract) == name.startswith("bronze.")


class TestWhatWeRelyOn:
    """Behaviour of Pandera, Ibis and DuckDB that the code is built on; an upgrade may change it."""

    class Numbers(Contract):
        """One row a number."""

        number: int = column("Number.", key=True, ge=1, le=9)

    @pytest.fixture
    def backend(self):
        return ibis.duckdb.connect()

    def test_pandera_ignores_unique_on_a_column(self, backend):
        """So keys are checked by our own query."""
        schema = pa.DataFrameSchema({"number": pa.Column(dt.int64, unique=True)})
        twice = backend.create_table("twice", ibis.memtable({"number": [1, 1]}))
        assert schema.validate(twice) is not None

    def test_pandera_checks_answer_with_a_projection(self):
        """So `contracts._holds` takes the expressions out of it."""
        table = self.Numbers.table("numbers")
        check = self.Numbers.to_schema().columns["number"].checks[0]
        answer = check.get_backend(table)(check).check_fn(IbisData(table, "number"))
        assert isinstance(answer, ibis.expr.types.Table)
        assert [value.to_expr().type() for value in answer.op().values.values()] == [dt.boolean]

    def test_pandera_knows_no_lists_of_numbers(self):
        """So `StringList` is registered by us."""
        with pytest.raises(TypeError, match="not understood"):
            pa.Column(dt.Array(dt.int64))

    def test_pandera_puts_a_base_contracts_columns_first(self):
        class Numbered(BronzeContract):
            """One row a number."""

            number: int = column("Number.", key=True)

        assert [*Numbered.to_schema().columns][-1] == "number"
        assert next(iter(Numbered.types())) == "number"

    def test_ibis_compiles_unbound_tables_without_a_connection(self):
        table = self.Numbers.table("gold.numbers")
        assert 'FROM "gold"."numbers"' in compile_sql(table.filter(table.number > 1))
        with pytest.raises(IbisError, match="unbound"):
            table.execute()

    @pytest.mark.parametrize(
        ("text", "pattern", "found"),
        [("a1b", "[0-9]", True), ("a1b", "^[0-9]", False), ("A", "a", False)],
    )
    def test_re_search_looks_anywhere_and_minds_case(self, backend, text, pattern, found):
        assert backend.execute(ibis.literal(text).re_search(pattern)) is found

    def test_re_replace_replaces_all(self, backend):
        assert backend.execute(ibis.literal("a-b-c").re_replace("-", "+")) == "a+b+c"


def test_columns_with_personal_data_are_marked_in_the_ui():
    schema = column_schema(TABLES["gold.ott_recommendations"].contract)
    said = {column.name for column in schema.columns if "personal" in column.constraints.other}
    assert said == {"user_key"}


def test_of_a_contract_with_personal_columns_rows_as_received_are_personal_too():
    personal = {name: table.contract.personal() for name, table in TABLES.items()}
    assert personal["bronze.ott_users"] == {"user_id", "full_name", "email", *AS_RECEIVED}
    assert personal["bronze.netflix_titles"] == set()


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("show_id: required", "show_id is missing"),
        ("show_id: not a number", "show_id is not a number"),
        ("type: none of movie, series", "type is none of movie, series"),
        (
            "release_year: more than 5 years after arrival",
            "release_year more than 5 years after arrival",
        ),
        ("1 field, not 9", "1 field, not 9"),
        ("the file has no header: its first line", "the file has no header: its first line"),
    ],
)
def test_a_broken_rule_reads_as_a_sentence(rule, said):
    assert sentence(rule) == said


def test_no_rule_is_named_by_a_regular_expression_or_in_panderas_words():
    names = " ".join(rule.name for table in TABLES.values() for rule in table.contract.rules())
    assert not re.search(r"str_matches|_than|isin|in_range|str_length|[\^$\\]", names)
    email = {rule.name: rule for rule in TABLES["silver.ott_users"].contract.rules()}
    assert "str_matches" in email["email: not an e-mail address"].definition
