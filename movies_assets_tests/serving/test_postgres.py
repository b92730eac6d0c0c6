"""Published tables in a real PostgreSQL: what is in them, who may read them, what is refused."""

import logging
import subprocess
import sys
from datetime import datetime
from random import Random

import dagster as dg
import duckdb
import ibis
import pyarrow as pa
import pytest
from pydantic import SecretStr

from movies_assets.definitions import TABLES
from movies_assets.orchestration.metadata import column_schema
from movies_assets.orchestration.publishing.postgres import postgres_key
from movies_assets.orchestration.publishing.published import shared_tables
from movies_assets.serving.postgres import READER, load
from movies_assets.serving.postgres_ddl import TYPES
from movies_assets.serving.postgres_server import PostgresError, connected
from movies_assets.settings import SettingsError
from movies_assets.settings import load as load_settings
from movies_assets.sources.netflix import gold as gold_netflix
from movies_assets.warehouse.meta import Snapshot
from movies_assets.warehouse.published import NothingPublishedError, Published
from movies_assets.warehouse.schema import ensure_table
from movies_assets.warehouse.types import duckdb_types
from movies_assets_tests.conftest import Platform, movie
from movies_assets_tests.serving.postgres import LOADED, PASSWORD, Maker, rows_of_version

SHARED = {name: table.contract for name, table in shared_tables(TABLES).items()}
DAY = "2025-10-30"
HOSTILE = [
    'O\'Brien "quoted" \\ back\\slash',
    "שלום עולם \u202edrawkcab",
    "🎬🍿 \U0001d56c",
    "<script>alert(1)</script>",
    "'; DROP SCHEMA movies CASCADE; --",
    "$1 $$ {curly} %s\ttab\nline\r\n",
    "\\N",
    "",
    None,
]


def test_every_type_of_a_shared_contract_has_one_in_postgres():
    assert {type_ for contract in SHARED.values() for type_ in duckdb_types(contract).values()} <= {
        *TYPES
    }


def test_tables_with_data_of_single_users_are_not_loaded():
    assert "gold.fact_movies" in SHARED
    assert not {"gold.ott_dim_user", "gold.ott_recommendations"} & {*SHARED}


def test_every_table_has_the_rows_of_the_snapshot(database, stored_day):
    published = Published(stored_day.parents[1] / "published")
    contracts = {**SHARED, "meta.snapshot": Snapshot}
    _, loaded = load(published, contracts, database.target())
    with published.reading() as snapshot:
        for name, contract in contracts.items():
            key = ", ".join(f'"{column}"' for column in contract.key())
            columns = ", ".join(f'"{column}"' for column in contract.types())
            query = f"SELECT {columns} FROM {{}}.{name.split('.')[1]} ORDER BY {key}"
            wanted = snapshot.execute(query.format(name.split(".")[0])).fetchall()
            # Ordered by Python: the two sort texts and NULLs in ways of their own.
            found = database.ask(query.format("movies"))
            assert sorted(map(repr, map(_plain, found))) == sorted(map(repr, map(_plain, wanted)))
            assert loaded[name].rows == len(wanted)
    assert sum(bool(table.rows) for table in loaded.values()) == len(contracts)


def _plain(row):
    return [v.timestamp() if isinstance(v, datetime) else v for v in row]


def test_a_table_that_the_warehouse_never_had_does_not_replace_rows(database):
    def without(name: str):
        state = {"table_name": name, "layer": "gold", "source": "", "description": "", "is": True}
        columns = "table_name, layer, source, description, is_published"
        statement = f"INSERT INTO meta.tables ({columns}) VALUES (?, ?, ?, ?, ?)"
        return lambda connection: connection.execute(statement, [*state.values()])

    database.publish(rows_of_version(1, rows=2))
    load(database.published, LOADED, database.target())
    database.publish(without("gold.title"))
    with pytest.raises(PostgresError, match=r'"title" has rows.*nothing was loaded.*confirm_empty'):
        load(database.published, LOADED, database.target())
    assert database.ask("SELECT count(*) FROM movies.title") == [(3,)]
    database.publish(without("gold.maker"))
    load(database.published, LOADED, database.target())
    assert database.ask("SELECT count(*) FROM movies.title") == [(0,)], "makers had no rows before"


def test_columns_have_the_types_and_the_needs_of_the_contract(database, stored_day):
    load(Published(stored_day.parents[1] / "published"), SHARED, database.target())
    found = database.ask(
        "SELECT relname::text, attname::text, format_type(atttypid, atttypmod), attnotnull "
        "FROM pg_attribute JOIN pg_class AS c ON c.oid = attrelid "
        "WHERE relnamespace = 'movies'::regnamespace AND relkind = 'r' AND attnum > 0"
    )
    spelled = {"timestamptz": "timestamp with time zone"}
    wanted = {
        (name.split(".")[1], c.name, spelled.get(TYPES[c.type], TYPES[c.type]), not c.nullable)
        for name, contract in SHARED.items()
        for c in (_Column(column) for column in column_schema(contract).columns)
    }
    assert set(found) == wanted


class _Column:
    def __init__(self, column):
        self.name, self.type, self.nullable = column.name, column.type, column.constraints.nullable


def test_tables_and_columns_say_what_they_mean(database, stored_day):
    load(Published(stored_day.parents[1] / "published"), SHARED, database.target())
    tables = dict(
        database.ask(
            "SELECT 'gold.' || relname, obj_description(oid, 'pg_class') FROM pg_class "
            "WHERE relnamespace = 'movies'::regnamespace AND relkind = 'r'"
        )
    )
    assert tables == {name: contract.grain() for name, contract in SHARED.items()}
    columns = database.ask(
        "SELECT 'gold.' || relname, attname::text, col_description(c.oid, attnum) "
        "FROM pg_attribute JOIN pg_class AS c ON c.oid = attrelid "
        "WHERE relnamespace = 'movies'::regnamespace AND relkind = 'r' AND attnum > 0"
    )
    assert set(columns) == {
        (name, column, text)
        for name, contract in SHARED.items()
        for column, text in contract.descriptions().items()
    }


def keys_of(database, kind):
    return set(
        database.ask(
            "SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint "
            f"WHERE connamespace = 'movies'::regnamespace AND contype = '{kind}'"
        )
    )


def test_keys_and_references_are_those_of_the_contracts(database, stored_day):
    load(Published(stored_day.parents[1] / "published"), SHARED, database.target())
    assert len(keys_of(database, "p")) == len(SHARED)
    assert ("movies.genre_junction", "PRIMARY KEY (movie_key, genre_key)") in keys_of(database, "p")
    foreign = keys_of(database, "f")
    assert len(foreign) == sum(
        target in SHARED for c in SHARED.values() for target in c.references().values()
    )
    told = "FOREIGN KEY (added_date_key) REFERENCES movies.dim_date(date_key)"
    assert ("movies.netflix_fact_titles", told) in foreign


def test_a_reference_with_tolerated_orphans_is_declared_and_not_enforced(database):
    database.publish(rows_of_version(1))
    load(database.published, LOADED, database.target())
    told = "FOREIGN KEY (maker) REFERENCES movies.maker(maker) NOT VALID"
    assert ("movies.part", told) in keys_of(database, "f")
    assert database.ask("SELECT count(*) FROM movies.part WHERE maker = 'nobody'") == [(201,)]


def test_orphans_that_are_not_tolerated_leave_the_old_tables(database):
    name = database.publish(rows_of_version(1))
    load(database.published, LOADED, database.target())
    database.publish(lambda c: c.execute("INSERT INTO gold.part VALUES (1, 99, 'nobody', 2)"))
    with pytest.raises(PostgresError, match=r"gold\.part have a title_key .*\(99\) is not present"):
        load(database.published, LOADED, database.target())
    assert database.ask("SELECT snapshot_id FROM movies.snapshot") == [(name,)]
    assert database.schemas() == {"movies"}


def test_a_second_load_replaces_the_first(database):
    database.publish(rows_of_version(1))
    load(database.published, LOADED, database.target())
    name = database.publish(rows_of_version(2, rows=10))
    assert load(database.published, LOADED, database.target())[0] == name
    assert database.ask("SELECT count(*), min(version), max(version) FROM movies.part") == [
        (12, 2, 2)
    ]
    assert database.ask("SELECT snapshot_id FROM movies.snapshot") == [(name,)]
    assert database.schemas() == {"movies"}


def test_a_table_that_is_no_longer_published_goes_with_the_next_load(database):
    database.publish(rows_of_version(1))
    load(database.published, LOADED, database.target())
    load(database.published, {"gold.maker": Maker}, database.target())
    assert database.ask("SELECT relname::text FROM pg_class WHERE relnamespace = "
                        "'movies'::regnamespace AND relkind = 'r'") == [("maker",)]  # fmt: skip


def test_hostile_texts_arrive_as_they_are(database):
    def fill(connection):
        rows = [[number, title, 1] for number, title in enumerate(HOSTILE)]
        connection.executemany("INSERT INTO gold.title VALUES (?, ?, ?)", rows)

    database.publish(fill)
    load(database.published, LOADED, database.target())
    found = database.ask("SELECT title FROM movies.title ORDER BY title_key")
    assert [title for (title,) in found] == HOSTILE


def long_text(seed: int, characters: int = 10_000) -> str:
    """Return a text that does not compress, of characters of four bytes."""
    drawn = Random(seed)  # noqa: S311 (nothing to guess)
    return "".join(chr(drawn.randrange(0x20000, 0x2A6D0)) for _ in range(characters))


def test_titles_and_people_of_any_length_fit_into_the_indexes(database):
    """Postgres refuses to index more than 2,704 bytes; what is longer has a key that is shorter."""
    names = [long_text(1), long_text(2), "Ann"]
    people = gold_netflix.named("person", gold_netflix.person_key, ibis.memtable({"value": names}))

    def fill(connection: duckdb.DuckDBPyConnection) -> None:
        for name, rows in (
            ("gold.netflix_dim_person", ibis.duckdb.connect().to_pyarrow(people)),
            (
                "gold.ott_dim_title",
                pa.table({"title_key": ["0" * 32], "title_name": names[:1], "title": names[:1]}),
            ),
        ):
            ensure_table(connection, name, SHARED[name])
            connection.register("rows", rows)
            connection.execute(f"INSERT INTO {name} BY NAME FROM rows")

    database.publish(fill)
    contracts = {name: SHARED[name] for name in ("gold.netflix_dim_person", "gold.ott_dim_title")}
    load(database.published, contracts, database.target())
    stored = database.ask("SELECT person_name FROM movies.netflix_dim_person")
    assert {name for (name,) in stored} == {*names, "Unknown"}
    assert database.ask("SELECT title FROM movies.ott_dim_title") == [(names[0],)]


def _longest_key(contract):
    """Return how many bytes a row of the index of a key may have."""
    specs = contract.to_schema().columns
    lengths = {
        name: check.statistics.get("max_value") or max(map(len, check.statistics["allowed_values"]))
        for name in contract.key()
        for check in specs[name].checks
        if check.name in {"str_length", "isin"}
    }
    types = duckdb_types(contract)
    return sum(
        4 * lengths[name] if types[name] == "VARCHAR" and name not in contract.references() else 128
        for name in contract.key()
    )


def test_every_key_is_bounded_and_fits_into_an_index(subtests):
    for name, table in SHARED.items():
        with subtests.test(table=name):
            assert _longest_key(table) <= 2_600


def test_the_character_nul_becomes_the_replacement_character(database):
    database.publish(lambda c: c.execute("INSERT INTO gold.title VALUES (1, 'a' || chr(0), 1)"))
    load(database.published, LOADED, database.target())
    assert database.ask("SELECT title FROM movies.title") == [("a�",)]


def test_rows_are_read_in_batches(database):
    database.publish(rows_of_version(1, rows=50_000))
    _, loaded = load(database.published, LOADED, database.target())
    assert loaded["gold.part"].rows == 50_001
    assert database.ask("SELECT count(*), count(DISTINCT part_key) FROM movies.part") == [
        (50_001, 50_001)
    ]


def test_the_role_of_readers_reads_and_cannot_write(database):
    database.publish(rows_of_version(1))
    load(database.published, LOADED, database.target())
    assert database.ask(f"SELECT rolcanlogin FROM pg_roles WHERE rolname = '{READER}'") == [
        (False,)
    ]
    database.tell(f"GRANT {READER} TO alice")
    for version in (2, 3):
        database.publish(rows_of_version(version))
        load(database.published, LOADED, database.target())
        assert database.ask("SELECT max(version) FROM movies.title", role="alice") == [(version,)]
    for forbidden in (
        "INSERT INTO movies.maker VALUES ('x')",
        "UPDATE movies.title SET version = 0",
        "DELETE FROM movies.part",
        "TRUNCATE movies.part",
        "DROP TABLE movies.part",
        "CREATE TABLE movies.mine (a int)",
        "CREATE SCHEMA mine",
    ):
        with pytest.raises(Exception, match=r"permission denied|must be owner"):
            database.tell(forbidden, role="alice")


def test_other_roles_cannot_read(database):
    database.publish(rows_of_version(1))
    load(database.published, LOADED, database.target())
    with pytest.raises(Exception, match="permission denied for schema movies"):
        database.ask("SELECT * FROM movies.title", role="alice")


def test_with_a_password_the_role_of_readers_logs_in_and_finds_its_tables(database):
    secret = 'reader\'s "password"'  # noqa: S105
    database.publish(rows_of_version(1))
    target = database.target(reader_password=SecretStr(secret))
    for _ in range(2):
        load(database.published, LOADED, target)
    with connected(database.server.url(database.name, READER, secret)) as session:
        assert session.value("SELECT max(version) FROM part") == 1
    with (
        pytest.raises(PostgresError, match="password authentication failed"),
        connected(database.server.url(database.name, READER, "wrong")),
    ):
        pass
    # The server is set to log all statements.
    assert secret not in (database.server.folder / "log").read_text(encoding="utf-8")


def test_a_schema_that_was_not_made_by_a_load_is_refused(database):
    database.tell("CREATE SCHEMA theirs", "CREATE TABLE theirs.precious (a int)")
    database.publish(rows_of_version(1))
    for schema in ("theirs", "public"):
        with pytest.raises(PostgresError, match=f"schema {schema} was not created"):
            load(database.published, LOADED, database.target(schema=schema))
    assert database.ask("SELECT count(*) FROM theirs.precious") == [(0,)]


def test_what_others_have_made_of_the_tables_is_not_lost(database):
    database.publish(rows_of_version(1))
    load(database.published, LOADED, database.target())
    database.tell("CREATE VIEW public.mine AS SELECT count(*) FROM movies.part")
    with pytest.raises(PostgresError, match=r"would drop.*view mine depends on table movies\.p"):
        load(database.published, LOADED, database.target())
    database.tell("DROP VIEW public.mine", "CREATE TABLE movies.theirs (a int)")
    with pytest.raises(PostgresError, match=r"would drop.*table movies\.theirs"):
        load(database.published, LOADED, database.target())
    assert database.ask("SELECT count(*) FROM movies.part") == [(201,)]
    database.tell("DROP TABLE movies.theirs")
    load(database.published, LOADED, database.target())


def test_a_role_that_may_not_create_schemas_gets_an_error_with_the_fix(database):
    database.publish(rows_of_version(1))
    load(database.published, LOADED, database.target())
    url = database.server.url(database.name, "alice")
    with pytest.raises(PostgresError, match=r"may not create schemas .*GRANT CREATE ON DATABASE"):
        load(database.published, LOADED, database.target(url=url, schema="mine"))


def test_a_role_that_may_not_create_roles_gets_an_error_with_the_fix(database):
    database.publish(rows_of_version(1))
    url = database.server.url(database.name, "alice")
    with pytest.raises(
        PostgresError, match="administrator do it: CREATE ROLE movies_reader NOLOGIN;"
    ):
        load(database.published, LOADED, database.target(url=url))


def test_a_database_that_cannot_hold_all_characters_is_refused(database):
    name = f"{database.name}_latin"
    database.tell(f"CREATE DATABASE {name} ENCODING 'LATIN1' TEMPLATE template0")
    try:
        with pytest.raises(PostgresError, match="stores texts as LATIN1"):
            load(database.published, LOADED, database.target(url=database.server.url(name)))
    finally:
        database.tell(f"DROP DATABASE {name} WITH (FORCE)")


def test_without_a_snapshot_nothing_is_replaced(database):
    with pytest.raises(NothingPublishedError):
        load(database.published, LOADED, database.target())
    assert database.schemas() == set()


SECRET = "s3cr3t"  # noqa: S105


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (f"postgresql://user:{SECRET}@127.0.0.1:1/movies", "Connection refused"),
        (f"postgresql://user:{SECRET}@no.such.host.invalid/movies", "could not translate host"),
        (f"postgresql://user:{SECRET}/x@127.0.0.1:1/movies", "percent-encoded"),
        (f"postgresql://user:12/{SECRET}@127.0.0.1:1/movies", "percent-encoded"),
        (f"postgresql://user:a@{SECRET}@127.0.0.1:1/movies", "percent-encoded"),
        (f"postgresql://user:a#{SECRET}@127.0.0.1:1/movies", "percent-encoded"),
        (f"postgresql://user:[{SECRET}@127.0.0.1:1/movies", "percent-encoded"),
        (f"postgresql://127.0.0.1:{SECRET}/movies", "percent-encoded"),
        (f"postgresql://127.0.0.1/movies?{SECRET}=1", "percent-encoded"),
        (f"postgresql://127.0.0.1:1/movies?password={SECRET}", "Connection refused"),
        (f"mysql://user:{SECRET}@127.0.0.1:1/movies", "postgresql://user:password@host"),
        (f"host=127.0.0.1 password={SECRET}", "postgresql://user:password@host"),
    ],
)
def test_an_invalid_address_is_an_error_that_does_not_show_its_secrets(url, said):
    with pytest.raises(PostgresError, match=said) as caught, connected(SecretStr(url)):
        pass
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__


def test_a_wrong_password_is_an_error_that_does_not_show_it(database):
    url = database.server.url(database.name, password=f"{PASSWORD}{SECRET}")
    with (
        pytest.raises(PostgresError, match='authentication failed for user "loader"') as caught,
        connected(url),
    ):
        pass
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("schema", ["Movies", "movies; --", 'movies"', "", "1movies", "m" * 49])
def test_the_name_of_a_schema_that_is_no_plain_name_is_refused(schema):
    with pytest.raises(SettingsError, match="MOVIES_POSTGRES_SCHEMA"):
        load_settings(postgres_schema=schema)


@pytest.fixture
def with_postgres(database, tmp_path, first_day, instance, yts):
    """A platform that loads into the database, with a run whose log is captured."""
    yts.movies_listed = [movie(n, f"{DAY}T12:00:00", title=HOSTILE[0]) for n in range(1, 4)]
    settings = load_settings(
        data_dir=tmp_path,
        yts={"first_day": first_day},
        postgres_url=database.server.url(database.name),
    )
    return Platform(settings, instance, lambda: yts)


def exported(platform: Platform) -> dg.ExecuteInProcessResult:
    job = platform.defs.resolve_job_def("export")
    return job.execute_in_process(instance=platform.instance, raise_on_error=False)


def test_a_run_loads_the_published_tables_and_reports_rows_and_snapshot(
    with_postgres, database, caplog
):
    with caplog.at_level(logging.DEBUG):
        with_postgres.run(DAY, publish=True)
        result = exported(with_postgres)
    assert database.ask("SELECT title FROM movies.dim_movie") == [(HOSTILE[0],)] * 3
    (told,) = result.asset_materializations_for_node("serving_postgres")[:1]
    by_key = {
        event.asset_key: event.metadata
        for event in result.asset_materializations_for_node("serving_postgres")
    }
    assert {*by_key} == {postgres_key(name) for name in SHARED}
    facts = by_key[postgres_key("gold.fact_movies")]
    assert facts["dagster/row_count"].value == 3
    assert facts["schema"].value == "movies"
    assert facts["seconds"].value >= 0
    snapshot = Published(with_postgres.settings.published_folder).current().stem
    assert facts["snapshot"].value == snapshot
    assert database.ask("SELECT snapshot_id FROM movies.snapshot") == [(snapshot,)]
    assert told.asset_key in by_key
    everything = caplog.text + repr(result.all_events) + repr(with_postgres.settings)
    for form in (PASSWORD, database.server.url("", "").get_secret_value()[14:40]):
        assert form not in everything


@pytest.mark.slow
def test_a_server_that_is_away_fails_the_run_and_names_no_secret(
    with_postgres, database, caplog, capfd
):
    url = f"postgresql://user:{SECRET}@127.0.0.1:1/movies"
    settings = with_postgres.settings.model_copy(update={"postgres_url": SecretStr(url)})
    platform = Platform(settings, with_postgres.instance, with_postgres.yts)
    with caplog.at_level(logging.DEBUG):
        assert platform.run(DAY, publish=True).success, "of other systems a source knows nothing"
        result = exported(platform)
    failed = [event for event in result.all_node_events if event.is_step_failure]
    assert [event.step_key for event in failed] == ["serving_postgres"]
    assert "Connection refused" in str(failed[0].event_specific_data)
    everything = caplog.text + repr(result.all_events) + "".join(capfd.readouterr())
    assert SECRET not in everything
    assert database.schemas() == set()


@pytest.mark.slow
def test_the_driver_is_not_loaded_with_the_definitions():
    loaded = "[name for name in sys.modules if name.startswith('adbc')]"
    code = f"import sys, movies_assets.definitions; print({loaded})"
    found = subprocess.run(  # noqa: S603 (our own command)
        [sys.executable, "-W", "ignore", "-c", code], check=True, capture_output=True, text=True
    )
    assert found.stdout.strip() == "[]"


def test_without_the_driver_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "adbc_driver_postgresql", None)
    with (
        pytest.raises(PostgresError, match=r"pip install 'movies_assets\[postgres\]'"),
        connected(SecretStr("postgresql:///movies")),
    ):
        pass


def test_a_snapshot_is_opened_for_reading_only(database):
    database.publish(rows_of_version(1))
    with database.published.reading() as connection, pytest.raises(duckdb.Error):
        connection.execute("DELETE FROM gold.title")
