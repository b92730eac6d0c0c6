"""Forgotten, a person is in no byte of the data folder and in no value of any table; others are."""

import os
import platform as machine
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import ibis
import pytest

from movies_assets.core.outcome import broken_rules
from movies_assets.definitions import TABLES, build_defs, open_warehouse
from movies_assets.ingest.landing import OUTSIDE_FOLDER
from movies_assets.orchestration.assets import asset_of
from movies_assets.orchestration.partitions import range_tags
from movies_assets.orchestration.publishing.published import Publication
from movies_assets.privacy import forgetting
from movies_assets.privacy.user_ids import canonical
from movies_assets.privacy.warehouse import AUDIT, Erasures
from movies_assets.settings import Settings, load
from movies_assets.warehouse.audit_log import UNAUDITED
from movies_assets.warehouse.database import WRITER_POOL
from movies_assets.warehouse.published import Published
from movies_assets.warehouse.schema import stored_types
from movies_assets.warehouse.sql import compile_sql
from movies_assets_tests.conftest import Platform
from movies_assets_tests.faults.test_disk import NOBODY

FIRST, LAST = "2025-10-30", "2025-10-31"
ADA, BOB, CAROL, NAMESAKE, OTHER_NAMESAKE = 7, 8, 9, 77, 78
EMAIL, NAME = "ada.lovelace@x.example", "Ada Lovelacé"
CAROLS_EMAIL, CAROLS_NAME = "carol@x.example", "Carol Shared"
HEADER = "user_id,full_name,email,signup_date,preferred_genres,country"
ADAS = f"{ADA},{NAME},{EMAIL},2020-01-07,drama|comedy,UK"
BOBS = f"{BOB},Bob Ray,bob@x.example,2020-01-07,drama,US"
CAROLS = f"{CAROL},{CAROLS_NAME},{CAROLS_EMAIL},2020-01-09,drama,US"
# With Carol's name, an address that contains hers, and a 9 in a field that is not the id.
NAMESAKES = f"{NAMESAKE},{CAROLS_NAME},not.{CAROLS_EMAIL},2020-1-9,drama,UK"
OTHER_NAMESAKES = f"{OTHER_NAMESAKE},{CAROLS_NAME},third@x.example,never on the 9,drama,UK"
VIEWS = "user_id,title,watched_at,minutes"
TITLES = "Title,Genre,Premiere,Added Date,Runtime,IMDb Score,Views,Language\n" + "".join(
    f"Film {n},{'Drama' if n % 2 else 'Comedy'},2019-01-0{n},2019-02-01,90,{n}.5,{n}0,English\n"
    for n in range(1, 8)
)
USERS_TABLE, VIEWS_TABLE = TABLES["bronze.ott_users"], TABLES["bronze.ott_views"]
TOLD = {
    "bronze.ott_users",
    "bronze.ott_views",
    "gold.ott_dim_user",
    "gold.ott_recommendations",
    "quarantine.ott_users",
    "quarantine.ott_views",
    "silver.ott_users",
    "silver.ott_views",
    "silver.ott_watched",
}


def people(first: int, last: int) -> list[str]:
    return [f"{n},Person {n},p{n}@x.example,2021-02-03,comedy,FR" for n in range(first, last)]


def views_of(*users: int) -> list[str]:
    # No minutes are the id of a person that a test forgets.
    return [f"{user},Film 1,2025-10-30T20:15:00Z,{10 + user % 50}" for user in users]


def lines(*records: str) -> bytes:
    return "".join(f"{record}\n" for record in records).encode()


def put(folder: Path, path: str, content: bytes) -> Path:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


def deliver(ott: Path) -> None:
    """Let files arrive with Ada in many: sound, damaged, refused by silver, named by others.

    Carol has two namesakes; the record of one is refused by silver.
    """
    for day in (FIRST, LAST):
        put(ott, f"titles/{day}/titles.csv", TITLES.encode())
        sound = [ADAS, BOBS, CAROLS, NAMESAKES, *people(100, 130)]
        put(ott, f"users/{day}/users.csv", lines(HEADER, *sound))
        put(
            ott,
            f"views/{day}/views.csv",
            lines(VIEWS, *views_of(ADA, BOB, CAROL, NAMESAKE, 100, 101)),
        )
    torn = [f"{ADA},Ada", f'"{ADA}",Film 2,2025-10-30', f"Film 3,{EMAIL}", f"{NAME}: no. {ADA}"]
    put(ott, f"views/{FIRST}/torn.csv", lines(VIEWS, *torn, *views_of(*range(131, 200))))
    spelt = [f"{ADA},Film 1,yesterday,5", f"{ADA}.0,Film 2,2025-10-30T01:00:00Z,5"]
    spelt += [f"{ADA}.0,Film,x,5", f" 0{ADA} ,Film 5,2025-10-30T02:00:00Z,5"]
    put(ott, f"views/{LAST}/spelt.csv", lines(VIEWS, *spelt, *views_of(*range(200, 300))))
    told = [f"{row},{n}" for n, row in enumerate([*people(300, 330), ADAS])] + [
        f"{people(330, 331)[0]},{EMAIL}"
    ]
    put(ott, f"users/{FIRST}/more.csv", lines(f"{HEADER},referred_by", *told))
    refused = [f"{ADA},{NAME},{EMAIL},never,drama,UK,{EMAIL}", f"{NAME} is {ADA}"]
    refused = lines(HEADER, *refused, OTHER_NAMESAKES, *people(400, 480))
    put(ott, f"users/{LAST}/refused.csv", refused)


@pytest.fixture(scope="session")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder; copy it before changing it."""
    settings = load(data_dir=tmp_path_factory.mktemp("data") / "data")
    deliver(settings.landing / "ott")
    materialize(settings)
    return settings.data_dir


def materialize(settings: Settings) -> None:
    """Fill the tables from the files, without their checks, which take most of the time."""
    names = {name for name in TOLD if name in TABLES} | {"bronze.ott_titles", "silver.ott_titles"}
    names |= {"gold.ott_top_movies_by_genre", "gold.ott_genre_engagement", "gold.ott_dim_title"}
    warehouse = open_warehouse(settings)
    dg.materialize(
        [asset_of(TABLES[name], settings) for name in sorted(names)],
        resources=build_defs(settings).resources,
        tags=range_tags(FIRST, LAST),
    )
    with warehouse.session() as session, warehouse.transaction(session):
        session.execute(f"DELETE FROM {UNAUDITED}")
    with dg.DagsterInstance.ephemeral() as instance:
        for run in ("00000001", "00000002"):
            found, _ = Publication(settings, warehouse, TABLES, [], instance, run).publish()
            assert not found.blocked, found.reason


def store_uncompressed(database: Path) -> None:
    """Store all texts as they are: in a compressed database no byte scan finds them."""
    plain = database.with_name("plain")
    with duckdb.connect() as connection:
        connection.execute("SET force_compression = 'uncompressed'")
        connection.execute(f"ATTACH '{database}' AS old (READ_ONLY)")
        connection.execute(f"ATTACH '{plain}' AS plain (STORAGE_VERSION 'v1.2.0')")
        connection.execute("COPY FROM DATABASE old TO plain")
        connection.execute("DETACH plain")
    plain.replace(database)


@pytest.fixture
def platform(stored: Path, tmp_path: Path, instance: dg.DagsterInstance) -> Platform:
    return uncompressed(stored, tmp_path, instance)


def uncompressed(stored: Path, folder: Path, instance: dg.DagsterInstance) -> Platform:
    """Return a platform on a copy of the data folder, in which the texts are stored as they are."""
    data = Path(shutil.copytree(stored, folder / "data"))
    platform = Platform(load(data_dir=data), instance)
    store_uncompressed(platform.warehouse.path)
    return platform


def forget(platform: Platform, *users: int | str, **kwargs: Any) -> dict[str, dg.MetadataValue]:
    """Run the job, and return its metadata."""
    result = platform.defs.resolve_job_def("forget_user").execute_in_process(
        instance=platform.instance,
        run_config={"ops": {"erase_users": {"config": {"user_ids": list(users)}}}},
        **kwargs,
    )
    (told,) = [
        event.asset_observation_data.asset_observation
        for event in result.all_events
        if event.event_type_value == "ASSET_OBSERVATION"
    ]
    return dict(told.metadata)


def key_of(platform: Platform, user_id: int | str) -> str:
    with platform.warehouse.session() as session:
        ((key,),) = session.execute(f"SELECT ott_user_key('{user_id}')").fetchall()
    return key


def secrets(platform: Platform) -> list[str]:
    """Return the texts about Ada and Carol that must be gone; others have Carol's name, too."""
    return [EMAIL, NAME, key_of(platform, ADA), f",{CAROLS_EMAIL}", key_of(platform, CAROL)]


def found_in_bytes(folder: Path, texts: list[str]) -> set[tuple[str, str]]:
    """Return which file has which text, in any encoding."""
    return {
        (path.relative_to(folder).as_posix(), text)
        for path in folder.rglob("*")
        if path.is_file()
        for content in [path.read_bytes()]
        for text in texts
        for encoding in ("utf-8", "cp1252", "utf-16-le")
        if text.encode(encoding) in content
    }


def found_in_values(folder: Path, texts: list[str]) -> dict[str, set[str]]:
    """Return which of the texts are in which table of any database below the folder."""
    found: dict[str, set[str]] = {}
    for path in folder.rglob("*"):
        if not path.is_file() or path.read_bytes()[8:12] != b"DUCK":
            continue
        with duckdb.connect(path, read_only=True) as connection:
            columns = connection.execute(
                "SELECT schema_name || '.' || table_name, list('\"' || column_name || '\"') FROM "
                "duckdb_columns() WHERE database_name = current_database() AND NOT internal "
                "GROUP BY ALL"
            ).fetchall()
            for table, names in columns:
                parts = [f"{name}::VARCHAR, to_json({name})" for name in names]
                whole = f"',' || concat_ws(',', {', '.join(parts)})"
                asked = ", ".join([f"count(*) FILTER (contains({whole}, ?))"] * len(texts))
                counts = connection.execute(f"SELECT {asked} FROM {table}", texts).fetchone()
                if told := {text for text, rows in zip(texts, counts, strict=True) if rows}:
                    found[f"published {table}" if "published" in path.parts else table] = told
    return found


def others(platform: Platform) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows without Ada and Carol, found in another way than the job's."""
    ids, keys = {str(ADA), str(CAROL)}, {key_of(platform, ADA), key_of(platform, CAROL)}

    def is_theirs(name: str, row: tuple[Any, ...]) -> Any:
        texts = [value for value in row if isinstance(value, str)]
        if name == "bronze.ott_views":  # minutes are text there, and no ids
            texts = [text for n, text in enumerate(texts) if n < 2 or not text.isdigit()]
        whole = "\t" + "\t".join(texts)
        return (
            # In a column that files of users brought, the same text is no id.
            (name != "bronze.ott_users" and not ids.isdisjoint(map(canonical, texts)))
            or not keys.isdisjoint(texts)
            or NAME in whole
            or EMAIL in whole
            or f"\t{CAROLS_EMAIL}" in whole
            or any(
                f"\t{start}" in whole for start in (f"{ADA},", f'"{ADA}"', f"{ADA}\t", f"{ADA}.0\t")
            )
        )

    return {
        name: [row for row in rows if not (name in TOLD and is_theirs(name, row))]
        for name, rows in platform.contents().items()
        if not name.startswith("audit.")
    }


@dataclass
class Forgotten:
    """The job's metadata about Ada and Carol, and the data before it."""

    platform: Platform
    told: dict[str, dg.MetadataValue]
    bytes_before: set[tuple[str, str]]
    values_before: dict[str, set[str]]
    others_before: dict[str, list[tuple[Any, ...]]]
    events: str


@pytest.fixture(scope="module")
def forgotten(stored: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forgotten]:
    with dg.DagsterInstance.ephemeral() as instance:
        platform = uncompressed(stored, tmp_path_factory.mktemp("forgotten"), instance)
        texts, data = secrets(platform), platform.settings.data_dir
        before = found_in_bytes(data, texts), found_in_values(data, texts), others(platform)
        told = forget(platform, ADA, CAROL)
        events = "".join(
            str(record)
            for run in instance.get_run_records()
            for record in instance.all_logs(run.dagster_run.run_id)
        )
        yield Forgotten(platform, told, *before, events)


def test_afterwards_the_data_folder_has_no_byte_and_no_value_about_the_persons(forgotten):
    data, texts = forgotten.platform.settings.data_dir, secrets(forgotten.platform)
    # The scans can fail: before, they found them in every place.
    snapshots = {path for path, _ in forgotten.bytes_before if path.startswith("published/")}
    assert len(snapshots) == 2
    assert {path for path, _ in forgotten.bytes_before} - snapshots == {
        "warehouse/movies.duckdb",
        *(f"landing/ott/users/{day}/users.csv" for day in (FIRST, LAST)),
        f"landing/ott/users/{FIRST}/more.csv",
        f"landing/ott/users/{LAST}/refused.csv",
        f"landing/ott/views/{FIRST}/torn.csv",
    }
    in_database = {text for path, text in forgotten.bytes_before if path.endswith("duckdb")}
    assert in_database == {text for text in texts if not text.startswith(",")}
    silent = {"silver.ott_views", "silver.ott_watched"}  # they have the person as a number
    published = {"published gold.ott_dim_user", "published gold.ott_recommendations"}
    assert forgotten.values_before.keys() == (TOLD - silent) | published
    assert found_in_bytes(data, texts) == set()
    assert found_in_values(data, texts) == {}
    views = [forgotten.platform.sql(f"SELECT DISTINCT user_id FROM {t}") for t in silent]
    assert all(
        not {(str(ADA),), (str(CAROL),)} & set(users) and (str(BOB),) in users for users in views
    )


def test_readers_keep_a_snapshot_in_which_all_others_are(forgotten):
    published = Published(forgotten.platform.settings.published_folder)
    assert published.snapshots() == [published.current()], "both knew of them"
    with published.reading() as connection:
        users = connection.execute("SELECT user_key FROM gold.ott_dim_user ORDER BY 1").fetchall()
        titles = connection.execute("SELECT count(*) FROM gold.ott_top_movies_by_genre").fetchall()
    rows = forgotten.platform.sql("SELECT user_key FROM gold.ott_dim_user ORDER BY 1")
    assert users == rows != []
    assert titles != [(0,)]


def test_all_other_rows_stay_as_they_are(forgotten):
    contents = forgotten.platform.contents()
    after = {name: rows for name, rows in contents.items() if not name.startswith("audit.")}
    assert after == forgotten.others_before
    assert all(after[name] for name in TOLD - {"quarantine.ott_views"})


def test_namesakes_stay_in_every_place(forgotten):
    platform = forgotten.platform
    texts = [CAROLS_NAME, key_of(platform, NAMESAKE), f"not.{CAROLS_EMAIL}", "third@x.example"]
    found = found_in_values(platform.settings.data_dir, texts)
    assert found["quarantine.ott_users"] == {CAROLS_NAME, "third@x.example"}
    assert found["silver.ott_users"] == set(texts) - {"third@x.example"}
    folder = platform.settings.landing / "ott" / "users" / LAST
    assert NAMESAKES in (folder / "users.csv").read_text().splitlines()
    assert OTHER_NAMESAKES in (folder / "refused.csv").read_text().splitlines()


def test_the_result_names_places_and_rows_but_no_person(forgotten):
    recorded = forgotten.platform.sql("SELECT place, rows FROM audit.erasures ORDER BY ALL")
    assert dict(recorded) == {
        "bronze.ott_users": 8,
        "bronze.ott_views": 12,
        "gold.ott_dim_user": 2,
        "gold.ott_recommendations": 7,
        "landing/ott/users": 8,
        "landing/ott/views": 12,
        "published": 9,  # of the newest snapshot; the older one is removed
        "quarantine.ott_users": 2,
        "quarantine.ott_views": 6,
        "silver.ott_users": 2,
        "silver.ott_views": 4,
        "silver.ott_watched": 4,
    }
    told = forgotten.told
    assert told["rows"].value == sum(rows for _, rows in recorded)
    assert all(f"| {place} " in told["places"].md_str for place, _ in recorded)
    assert "the next run of ott_daily updates them" in told["summary"].text
    assert told["summary"].text in forgotten.events
    assert not [text for text in secrets(forgotten.platform) if text in forgotten.events]


def test_the_audit_follows_its_contract(forgotten):
    with forgotten.platform.warehouse.reading() as session:
        assert stored_types(session, AUDIT).keys() == Erasures.types().keys()
        comments = session.execute(
            "SELECT column_name, comment FROM duckdb_columns() WHERE table_name = 'erasures'"
        ).fetchall()
        kept = compile_sql(broken_rules(Erasures.table(AUDIT), Erasures))
        assert session.execute(f"SELECT DISTINCT * FROM ({kept})").fetchall() == [("",)]
    assert dict(comments) == Erasures.descriptions()
    nothing = {name: ibis.null(type_) for name, type_ in Erasures.types().items()}
    broken = ibis.table({"one": "int8"}, name="one").mutate(**{**nothing, "rows": 0})
    duckdb.execute("CREATE OR REPLACE TEMP TABLE one AS SELECT 1::TINYINT AS one")
    ((names,),) = duckdb.execute(compile_sql(broken_rules(broken, Erasures))).fetchall()
    assert names.count("required") == 3
    assert "rows: less than 1" in names


def test_a_second_run_finds_nothing_and_changes_nothing(forgotten):
    platform = forgotten.platform
    before, files = platform.contents(), landing_state(platform)
    for users in ([ADA, CAROL], [424_242]):
        told = forget(platform, *users)
        assert told["summary"].text == forgetting.NOTHING_FOUND
        assert told["rows"].value == 0
    assert platform.contents() == before
    assert landing_state(platform) == files


def landing_state(platform: Platform) -> dict[Path, tuple[int, int]]:
    found = [path for path in platform.settings.landing.rglob("*.csv") if path.is_file()]
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}


def test_the_job_is_one_of_the_writers(forgotten):
    job = forgotten.platform.defs.resolve_job_def("forget_user")
    assert job.graph.node_defs[0].pool == WRITER_POOL
    assert "Remove the persons from the service first" in job.description


@pytest.mark.slow
def test_without_the_rewriting_deleted_rows_stay_in_the_file_and_the_next_run_mends_that(
    platform, monkeypatch
):
    data, texts = platform.settings.data_dir, secrets(platform)[:3]
    with monkeypatch.context() as patch:
        patch.setattr(forgetting, "renew", lambda _: None)
        forget(platform, ADA)
    assert found_in_values(data, texts) == {}
    assert {path for path, _ in found_in_bytes(data, texts)} == {"warehouse/movies.duckdb"}
    forget(platform, ADA)
    assert found_in_bytes(data, texts) == set()


def test_what_killed_processes_have_spilled_is_removed(forgotten):
    spill = forgotten.platform.warehouse.path.parent / "spill"
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"],
                          check=True, capture_output=True, text=True).stdout.strip()  # fmt: skip
    left = {f"{machine.node()}-{dead}": False, "gone-1": False, "elsewhere-1": True}
    for name in left:
        put(spill, f"{name}/block.tmp", EMAIL.encode())
    for path in (spill / "gone-1" / "block.tmp", spill / "gone-1"):
        os.utime(path, (0, 0))
    forget(forgotten.platform, ADA)
    assert {name: (spill / name).exists() for name in left} == left
    shutil.rmtree(spill / "elsewhere-1")


@pytest.mark.slow
def test_the_next_run_does_not_bring_the_person_back(platform):
    data, texts = platform.settings.data_dir, secrets(platform)[:3]
    preferring = "SELECT users_preferring FROM gold.ott_genre_engagement WHERE genre = 'comedy'"
    materialize(platform.settings)
    ((before,),) = platform.sql(preferring)
    forget(platform, ADA)
    assert platform.sql(preferring) == [(before,)]
    materialize(platform.settings)
    assert found_in_values(data, texts) == {}
    assert platform.sql(preferring) == [(before - 1,)]


def test_a_link_out_of_the_landing_folder_is_named_and_nothing_behind_it_is_touched(
    platform, tmp_path
):
    other = put(tmp_path, "elsewhere.csv", lines(VIEWS, *views_of(ADA)))
    (platform.settings.landing / f"ott/views/{LAST}/elsewhere.csv").symlink_to(other)
    forget(platform, ADA)
    assert other.read_bytes() == lines(VIEWS, *views_of(ADA))
    (run,) = platform.instance.get_runs(dg.RunsFilter(job_name="forget_user"))
    logged = [entry.user_message for entry in platform.instance.all_logs(run.run_id)]
    named = f"not searched: ott/views/{LAST}/elsewhere.csv {OUTSIDE_FOLDER}"
    assert logged.count(named) == 1


def test_what_a_waiting_run_stores_between_tables_and_files_goes_too(platform, monkeypatch):
    """It gets the database file when the tables are cleared, and reads files that are not yet."""
    erase_files = forgetting._erase_files

    def interrupted(*args: Any, only_unidentified: bool) -> None:
        if not only_unidentified:
            warehouse = platform.warehouse
            with warehouse.session() as connection, warehouse.transaction(connection):
                connection.execute(
                    "INSERT INTO bronze.ott_users BY NAME SELECT "
                    f"{ADA} AS user_id, ? AS full_name, ? AS email, 'row' AS source_row, "
                    "now() AS _ingested_at, 'file' AS _source, 'run' AS _run_id",
                    [NAME, EMAIL],
                )
        erase_files(*args, only_unidentified=only_unidentified)

    monkeypatch.setattr(forgetting, "_erase_files", interrupted)
    forget(platform, ADA)
    assert platform.sql(f"FROM bronze.ott_users WHERE user_id = '{ADA}'") == []


def failure(platform: Platform) -> str:
    """Run the job, which fails, and return all log entries."""
    job = platform.defs.resolve_job_def("forget_user")
    result = job.execute_in_process(
        instance=platform.instance,
        run_config={"ops": {"erase_users": {"config": {"user_ids": [ADA]}}}},
        raise_on_error=False,
    )
    assert not result.success
    told = str(platform.instance.all_logs(result.run_id))
    assert not [text for text in secrets(platform) if text in told]
    return told


def test_without_a_warehouse_the_error_has_the_fix_and_nothing_is_touched(
    stored, tmp_path, instance
):
    data = Path(shutil.copytree(stored / "landing", tmp_path / "landing")).parent
    platform = Platform(load(data_dir=data), instance)
    before = landing_state(platform)
    assert "there is no warehouse at" in failure(platform)
    assert landing_state(platform) == before


def test_without_room_for_a_second_file_nothing_is_touched(platform, monkeypatch):
    size = platform.warehouse.path.stat().st_size
    before, files = platform.contents(), landing_state(platform)
    usage = type(shutil.disk_usage("/"))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9 - 1_000, 1_000))
    assert f"and 1,000 are free: {size - 1_000:,} are missing" in failure(platform)
    assert (platform.contents(), landing_state(platform)) == (before, files)


@contextmanager
def nobody() -> Iterator[None]:
    """Be a user who owns nothing; to root no file is read-only."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("blocked", "mode", "told"),
    [
        (f"{LAST}/users.csv", 0o000, f"ott/users/{LAST}/users.csv cannot be read: Permission"),
        (LAST, 0o555, f"ott/users/{LAST}/.refused.csv.anew cannot be written or read: Permission"),
    ],
)
def test_a_file_that_cannot_be_read_or_replaced_is_named_and_the_next_run_goes_through(
    platform, blocked, mode, told
):
    data = platform.settings.data_dir
    with tempfile.TemporaryDirectory() as reachable:
        copy = Path(shutil.copytree(data, Path(reachable) / "data"))
        for path in (Path(reachable), copy, *copy.rglob("*")):
            path.chmod(0o777)
        others_platform = Platform(load(data_dir=copy), platform.instance)
        (copy / "landing/ott/users" / blocked).chmod(mode)
        with nobody():
            assert told in failure(others_platform)
        assert EMAIL in (copy / f"landing/ott/users/{LAST}/users.csv").read_text()
        (copy / "landing/ott/users" / blocked).chmod(0o777)
        forget(others_platform, ADA)
        assert found_in_bytes(copy, secrets(platform)[:3]) == set()


UUID, OTHERS_UUID = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "f81d4fae-7dec-11d0-a765-00a0c91e6bf7"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("hers", "in_files", "others"),
    [
        (UUID, [UUID, UUID.upper(), f"{{{UUID}}}"], [OTHERS_UUID, f"{UUID}0"]),
        ("ann.b+c", ["ann.b+c", " ann.b+c "], ["ann.b+cd", "annXbbc", "ann", "Ann.b+c"]),
    ],
)
def test_ids_of_any_text_are_forgotten_everywhere_in_any_spelling(
    tmp_path, instance, hers, in_files, others
):
    settings = load(data_dir=tmp_path / "data")
    ott = settings.landing / "ott"
    put(ott, f"titles/{LAST}/titles.csv", TITLES.encode())
    told = [f"{user_id},{NAME},{EMAIL},2020-01-07,drama,UK" for user_id in in_files[:1]]
    told += [f"{user_id},Bob Ray,b{n}@x.example,2020-01-07,drama,US"
             for n, user_id in enumerate(others)]  # fmt: skip
    for day in (FIRST, LAST):
        put(ott, f"users/{day}/users.csv", lines(HEADER, *told, *people(100, 140)))
    seen = [f"{user_id},Film {n},2025-10-30T20:15:00Z,5"
            for n, user_id in enumerate([*in_files, *others], 1)]  # fmt: skip
    torn = [f"{in_files[-1]},Ada", f'"{in_files[0]}",Film 2,2025-10-30', f"{NAME}: {hers}"]
    unread = [f"{in_files[0]},Film 1,yesterday,5"]
    put(ott, f"views/{LAST}/v.csv", lines(VIEWS, *seen, *torn, *unread, *views_of(*range(99))))
    materialize(settings)
    platform = Platform(settings, instance)
    store_uncompressed(platform.warehouse.path)
    texts = [EMAIL, NAME, key_of(platform, hers)]
    spelt = [f",{hers},", f"\n{hers},", f"{hers.upper()},", f"{{{hers}}}", f'"{hers}"']
    assert found_in_bytes(settings.data_dir, [*texts, *spelt])
    forget(platform, hers)
    assert found_in_bytes(settings.data_dir, [*texts, *spelt]) == set()
    left = {user for (user,) in platform.sql("SELECT user_id FROM silver.ott_views")}
    assert left >= {canonical(user_id) for user_id in others}
    assert hers not in left
    for table in ("bronze.ott_views", "bronze.ott_users", "silver.ott_users", "silver.ott_watched"):
        ids = {canonical(user or "") for (user,) in platform.sql(f"SELECT user_id FROM {table}")}
        assert hers not in ids
        assert ids >= {canonical(user_id) for user_id in others}
    assert platform.sql("SELECT count(*) FROM quarantine.ott_views") == [(1,)]  # the user 0


@pytest.mark.slow
def test_torn_or_joined_lines_are_forgotten_although_no_other_record_contains_them(
    tmp_path, instance
):
    settings = load(data_dir=tmp_path / "data")
    ott = settings.landing / "ott"
    put(ott, f"titles/{LAST}/titles.csv", TITLES.encode())
    torn = [f"{ADA},Ada", f"Lovelacé,{EMAIL},2020-01-07,drama|comedy,UK"]
    glued = f"{people(99, 100)[0]}{CAROLS}"
    for day in (FIRST, LAST):
        put(ott, f"users/{day}/users.csv", lines(HEADER, *torn, glued, *people(100, 180)))
    views = [f"{BOB},Film 1,2025-10-30T20:15:00Z,4{ADA},Film 2,2025-10-30T20:15:00Z,5"]
    put(ott, f"views/{LAST}/v.csv", lines(VIEWS, *views, *views_of(*range(100, 180))))
    materialize(settings)
    platform = Platform(settings, instance)
    store_uncompressed(platform.warehouse.path)
    texts = [EMAIL, CAROLS_EMAIL, CAROLS_NAME, f"4{ADA},Film 2"]
    assert {text for _, text in found_in_bytes(settings.data_dir, texts)} == {*texts}
    forget(platform, ADA, CAROL)
    assert found_in_bytes(settings.data_dir, texts) == set()
    assert platform.sql("SELECT count(*) FROM silver.ott_users") == [(80,)]


def test_tables_that_were_stored_while_ids_were_numbers_are_searched_too(platform):
    stored = ["bronze.ott_users", "silver.ott_users", "silver.ott_watched"]
    with platform.warehouse.session() as session, platform.warehouse.transaction(session):
        for table in stored:
            session.execute(
                f"CREATE OR REPLACE TABLE {table} AS SELECT * REPLACE "
                f"(TRY_CAST(user_id AS BIGINT) AS user_id) FROM {table}"
            )
    forget(platform, ADA)
    for table in stored:
        assert platform.sql(f"SELECT count(*) FROM {table} WHERE user_id = {ADA}") == [(0,)]
        assert platform.sql(f"SELECT count(*) > 0 FROM {table} WHERE user_id = {BOB}") == [(True,)]


def test_ids_may_be_texts_and_numbers_in_any_spelling():
    assert forgetting.ForgetConfig(user_ids=[7, "007", UUID.upper(), " ann "]).user_ids == [
        "7", "7", UUID, "ann",
    ]  # fmt: skip
    for refused in ([], [""], [7.5], [True], [None]):
        with pytest.raises(ValueError, match="user_ids"):
            forgetting.ForgetConfig(user_ids=refused)
