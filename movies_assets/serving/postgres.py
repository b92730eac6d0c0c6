"""Load the published tables into Postgres next to the old ones, and swap them in one step.

A load fills a staging schema, which no reader may use, and then renames it in one transaction. The
tables' definitions follow from the contracts (`postgres_ddl`).

Renaming a schema alone is not enough. A transaction that has read an old table and then reads
another would find the new one; and one that is REPEATABLE READ, and older than the load, would find
it empty. So the swap waits until no running transaction is older than the load or has read an old
table, and blocks new ones meanwhile for less than a second at a time.
"""

import random
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import duckdb
import stamina
from pydantic import SecretStr

from movies_assets.core.contract import Contract
from movies_assets.serving.postgres_ddl import (
    after_loading,
    create,
    foreign_keys,
    qualified,
    select,
    table_of,
)
from movies_assets.serving.postgres_server import PostgresError, Session, connected, scram_verifier
from movies_assets.warehouse.published import CONFIRM_EMPTY, Published, never_written
from movies_assets.warehouse.quoting import identifier, literal

READER = "movies_reader"
MARK = "Written by movies_assets; a load replaces all of it."
# Rows per batch: some megabytes.
BATCH_ROWS = 10_000
# How long the swap may block readers at a time, and the most as a share of Postgres's
# deadlock_timeout: a session that waits for longer checks for deadlocks, and may be cancelled.
SHORT_PATIENCE_SECONDS, LONGEST_PATIENCE = 0.1, 0.8
PERMISSION, DUPLICATE = "42501", "42710"
# SQLSTATE of: cancelled by a time-out; lock not available; deadlock.
HELD_UP = {"57014", "55P03", "40P01"}
BROKEN_REFERENCE, DEPENDENT = "23503", "2BP01"


@dataclass(frozen=True)
class Target:
    """The database and schema into which tables are loaded.

    Attributes:
        url: address of the database, with user and password.
        schema: the schema that is replaced; the staging schema has `_staging` appended.
        reader_password: lets the role `movies_reader` log in; without one, roles are made members.
        wait_seconds: how long to wait for another load, or for readers, before giving up.
    """

    url: SecretStr
    schema: str = "movies"
    reader_password: SecretStr | None = None
    wait_seconds: float = 600

    @property
    def staging(self) -> str:
        """Return the schema that is filled."""
        return f"{self.schema}_staging"


@dataclass(frozen=True)
class LoadedTable:
    """A loaded table: its rows, and the seconds until it was ready for the swap."""

    rows: int
    seconds: float


class _BusyError(Exception):
    """Another load is running, or a long-running query blocks the swap."""


def load(
    published: Published, contracts: Mapping[str, type[Contract]], target: Target
) -> tuple[str, dict[str, LoadedTable]]:
    """Replace the tables in Postgres by those of the newest snapshot.

    Until this returns, readers have all tables of the previous load, also if it fails or is killed
    at any moment.

    Args:
        published: the snapshots.
        contracts: the tables, by their names in the snapshot.
        target: where to.

    Returns:
        The snapshot's name, and the outcome by table.

    Raises:
        PostgresError: the server is down, refuses, or readers block it for too long; or the
            snapshot's warehouse never had a table that has rows in Postgres.
        NothingPublishedError: there is no snapshot.
    """
    with connected(target.url) as session, _alone(session, target):
        _prepare(session, target)
        try:
            _make_staging(session, target)
            # Opened only now: a load that waited must not restore an older snapshot.
            with published.reading() as snapshot:
                ((name,),) = snapshot.execute("SELECT snapshot_id FROM meta.snapshot").fetchall()
                _require_written(session, never_written(snapshot) & contracts.keys(), target)
                loaded = _fill(session, snapshot, contracts, target)
            _swap(session, target)
        except BaseException:
            # If this fails, too, the next load drops it.
            with suppress(PostgresError):
                _drop_staging(session, target)
            raise
        return name, loaded


@contextmanager
def _alone(session: Session, target: Target) -> Iterator[None]:
    """Lock out other loads of the same schema; the server releases it with the connection."""
    key = f"hashtextextended({literal(f'movies_assets {target.schema}')}, 0)"
    try:
        for attempt in stamina.retry_context(
            on=_BusyError, attempts=None, timeout=target.wait_seconds, wait_initial=0.1, wait_max=2
        ):
            with attempt:
                # Poll, rather than wait: the swap of the load that holds the lock would wait for a
                # running statement.
                _require(session.value(f"SELECT pg_try_advisory_lock({key})"))
    except _BusyError:
        raise PostgresError(
            f"another load into schema {target.schema} is still running after "
            f"{target.wait_seconds:g} s. Wait for its end, then rerun."
        ) from None
    try:
        yield
    finally:
        with suppress(PostgresError):
            session.rows(f"SELECT pg_advisory_unlock({key})")


def _require(condition: bool) -> None:  # noqa: FBT001 (it has no other meaning)
    if not condition:
        raise _BusyError


def _prepare(session: Session, target: Target) -> None:
    """Check all known preconditions before anything is loaded."""
    session.execute("SET statement_timeout = 0")
    session.execute("SET standard_conforming_strings = on")
    # Data that a server crash loses before the swap is loaded again.
    session.execute("SET synchronous_commit = off")
    if (encoding := session.value("SELECT current_setting('server_encoding')")) != "UTF8":
        raise PostgresError(
            f"the database stores texts as {encoding}, which has no place for all of them. Make "
            "one for them: CREATE DATABASE movies ENCODING 'UTF8' TEMPLATE template0"
        )
    for schema in (target.schema, target.staging):
        _require_ours(session, schema)
    _ensure_reader(session, target)


def _require_ours(session: Session, schema: str) -> None:
    """Refuse a schema that no load has created, as a swap would drop its contents."""
    found = session.rows(
        "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = $1", [schema]
    )
    if found not in ([], [(MARK,)]):
        raise PostgresError(
            f"schema {schema} was not created by movies_assets, but a load replaces all of it. "
            "Choose another name with MOVIES_POSTGRES_SCHEMA, or drop that schema."
        )


def _ensure_reader(session: Session, target: Target) -> None:
    """Create the role of readers if it is missing, and let it log in if it has a password."""
    exists = session.rows("SELECT 1 FROM pg_roles WHERE rolname = $1", [READER])
    path = f"ALTER ROLE {READER} IN DATABASE {{}} SET search_path = {identifier(target.schema)}"
    try:
        if not exists:
            with _unless(DUPLICATE):  # a load of another schema created it
                session.execute(f"CREATE ROLE {READER} NOLOGIN")
            database = identifier(session.value("SELECT current_database()::text"))
            session.execute(path.format(database))
        if target.reader_password:
            verifier = scram_verifier(target.reader_password)
            session.execute(f"ALTER ROLE {READER} LOGIN PASSWORD {literal(verifier)}")
    except PostgresError as error:
        if error.code != PERMISSION:
            raise
        what = "set the password of" if exists else "create"
        raise PostgresError(
            f"the role of MOVIES_POSTGRES_URL may not {what} the role {READER}. Let an "
            f"administrator do it: CREATE ROLE {READER} NOLOGIN; leave "
            "MOVIES_POSTGRES_READER_PASSWORD unset."
        ) from None


@contextmanager
def _unless(code: str) -> Iterator[None]:
    """Ignore an error of this code."""
    try:
        yield
    except PostgresError as error:
        if error.code != code:
            raise


def _make_staging(session: Session, target: Target) -> None:
    """Create an empty staging schema; drop one that a killed load has left."""
    _drop_staging(session, target)
    staging = identifier(target.staging)
    try:
        with session.transaction():
            session.execute(f"CREATE SCHEMA {staging}")
            session.execute(f"COMMENT ON SCHEMA {staging} IS {literal(MARK)}")
    except PostgresError as error:
        if error.code != PERMISSION:
            raise
        raise PostgresError(
            f"the role of MOVIES_POSTGRES_URL may not create schemas ({error}). Ask an "
            "administrator to allow it: GRANT CREATE ON DATABASE ... TO ..."
        ) from None


def _drop_staging(session: Session, target: Target) -> None:
    session.execute(f"DROP SCHEMA IF EXISTS {identifier(target.staging)} CASCADE")


def _require_written(session: Session, unwritten: Iterable[str], target: Target) -> None:
    """Refuse to replace a table's rows by none if the snapshot's warehouse never had it."""
    for name in sorted(unwritten):
        there = qualified(target.schema, name)
        is_there = session.value(f"SELECT to_regclass({literal(there)}) IS NOT NULL")
        if is_there and session.value(f"SELECT EXISTS (SELECT FROM {there})"):
            raise PostgresError(
                f"{there} has rows, and the warehouse of the snapshot never had this table, so "
                f"nothing was loaded. Run its source. {CONFIRM_EMPTY}"
            )


def _fill(
    session: Session,
    snapshot: duckdb.DuckDBPyConnection,
    contracts: Mapping[str, type[Contract]],
    target: Target,
) -> dict[str, LoadedTable]:
    """Fill the staging schema, and grant readers the rights that apply from the swap."""
    staging, loaded = target.staging, {}
    for name, contract in contracts.items():
        started = time.perf_counter()
        session.execute(create(staging, name, contract))
        batches = snapshot.execute(select(name, contract)).to_arrow_reader(BATCH_ROWS)
        rows = session.append(staging, table_of(name), batches)
        for statement in after_loading(staging, name, contract):
            session.execute(statement)
        loaded[name] = LoadedTable(rows, time.perf_counter() - started)
    _refer(session, contracts, staging)
    for name in contracts:
        # Freezes the rows, which the first reader would otherwise have to do.
        session.execute(f"VACUUM (FREEZE, ANALYZE) {qualified(staging, name)}")
    session.execute(f"GRANT USAGE ON SCHEMA {identifier(staging)} TO {READER}")
    session.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {identifier(staging)} TO {READER}")
    return loaded


def _refer(session: Session, contracts: Mapping[str, type[Contract]], staging: str) -> None:
    for name in contracts:
        for column, statement in foreign_keys(staging, name, contracts):
            try:
                session.execute(statement)
            except PostgresError as error:
                if error.code != BROKEN_REFERENCE:
                    raise
                raise PostgresError(
                    f"rows of {name} have a {column} that is missing in the table it references, "
                    f"so none of the snapshot was loaded: {error}",
                    error.code,
                ) from None


def _swap(session: Session, target: Target) -> None:
    """Rename the staging schema to the one that readers use; see the module's docstring."""
    older = _transactions(session)
    longest = LONGEST_PATIENCE * session.value(
        "SELECT setting::float8 / 1000 FROM pg_settings WHERE name = 'deadlock_timeout'"
    )
    try:
        for attempt in stamina.retry_context(
            on=_BusyError,
            attempts=None,
            timeout=target.wait_seconds,
            wait_initial=0.05,
            wait_max=2,
            wait_jitter=0.1,
        ):
            with attempt:
                _require(not older & _transactions(session))
                patience = min(SHORT_PATIENCE_SECONDS * 2 ** (attempt.num - 1), longest)
                _swap_once(session, target, patience)
    except _BusyError:
        raise PostgresError(
            f"new tables in schema {target.schema} have been blocked for {target.wait_seconds:g} s "
            f"by {_readers(session, target, older)}. The old tables were kept. End these "
            "transactions, then rerun."
        ) from None


def _transactions(session: Session) -> set[tuple[str, int]]:
    """Return the running transactions of this database that hold a snapshot of it."""
    rows = session.rows(
        "SELECT DISTINCT virtualxid, pid FROM pg_locks JOIN pg_stat_activity USING (pid) "
        "WHERE locktype = 'virtualxid' AND granted AND pid <> pg_backend_pid() "
        "AND datname = current_database() AND backend_xmin IS NOT NULL AND usesysid IS NOT NULL"
    )
    return {(virtual, pid) for virtual, pid in rows}


def _swap_once(session: Session, target: Target, patience: float) -> None:
    old, new = target.schema, target.staging
    tables = session.rows(
        "SELECT relname::text FROM pg_class WHERE relnamespace = "
        "(SELECT oid FROM pg_namespace WHERE nspname = $1) AND relkind = 'r' "
        "AND pg_has_role(relowner, 'USAGE')",
        [old],
    )
    # In another order each time, to find one that readers' own locks do not block.
    random.shuffle(tables)
    named = ", ".join(qualified(old, name) for (name,) in tables)
    with session.transaction():
        if named:
            _lock(session, named, patience)
            _drop(session, f"TABLE {named}", old)
        _drop(session, f"SCHEMA IF EXISTS {identifier(old)}", old)
        session.execute(f"ALTER SCHEMA {identifier(new)} RENAME TO {identifier(old)}")
        session.execute("SET LOCAL synchronous_commit = on")


def _lock(session: Session, tables: str, patience: float) -> None:
    """Lock the old tables exclusively until the transaction ends."""
    session.execute(f"SET LOCAL statement_timeout = {round(patience * 1000)}")
    try:
        session.execute(f"LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE")
    except PostgresError as error:
        if error.code in HELD_UP:
            raise _BusyError from None
        raise
    session.execute("SET LOCAL statement_timeout = 0")


def _drop(session: Session, what: str, schema: str) -> None:
    try:
        session.execute(f"DROP {what}")
    except PostgresError as error:
        if error.code != DEPENDENT:
            raise
        raise PostgresError(
            f"schema {schema} has, or its tables are used by, objects that no load has created and "
            f"that the swap would drop, so the old tables were kept: {error}. Drop these objects, "
            "and recreate them after each load in another schema.",
            error.code,
        ) from None


def _readers(session: Session, target: Target, older: set[tuple[str, int]]) -> str:
    """Return a text that names the sessions that block the swap."""
    readers = session.rows(
        "SELECT DISTINCT pid FROM pg_locks JOIN pg_class AS c ON c.oid = relation "
        "JOIN pg_namespace AS n ON n.oid = relnamespace "
        "WHERE nspname = $1 AND pid <> pg_backend_pid()",
        [target.schema],
    )
    pids = {pid for (pid,) in readers} | {pid for _, pid in older & _transactions(session)}
    found = session.rows(
        "SELECT pid, usename::text, application_name FROM pg_stat_activity "
        f"WHERE pid IN ({', '.join(map(str, pids)) or 'NULL'}) ORDER BY pid"
    )
    sessions = [f"process {pid} of {role} ({name or 'no name'})" for pid, role, name in found]
    return ", ".join(sessions) or "transactions that have just ended"
