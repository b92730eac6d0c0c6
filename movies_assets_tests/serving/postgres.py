"""A PostgreSQL server of the tests' own, and snapshots to be loaded into it."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb
from pydantic import SecretStr

from movies_assets.core.contract import Contract, column
from movies_assets.serving.postgres import Target
from movies_assets.warehouse.meta import Snapshot, Tables
from movies_assets.warehouse.published import Published
from movies_assets.warehouse.schema import ensure_table

MISSING = "PostgreSQL is not installed: apt-get install postgresql"
# A password with all that an address cannot have as it is.
PASSWORD = "it's: 50% @/#?&é"  # noqa: S105
LOADER = "loader"


def binaries() -> Path | None:
    """Return the folder of PostgreSQL's programs; Debian does not put them on the path."""
    if installed := sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        return installed[-1].parent
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


@dataclass(frozen=True)
class Server:
    """A server that only listens on a socket in its folder."""

    folder: Path
    bin: Path

    def url(self, database: str, role: str = LOADER, password: str = PASSWORD) -> SecretStr:
        """Return the address of a database."""
        host = quote(str(self.folder), safe="")
        secret = quote(password, safe="")
        return SecretStr(f"postgresql://{role}:{secret}@/{database}?host={host}")

    def ask(self, database: str, query: str, role: str = "postgres") -> list[tuple[Any, ...]]:
        """Answer a query, of which every statement is a transaction."""
        with self.connected(database, role) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            return [tuple(row) for row in cursor.fetchall()] if cursor.description else []

    def tell(self, database: str, *statements: str, role: str = "postgres") -> None:
        """Execute statements."""
        with self.connected(database, role) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def connected(self, database: str, role: str = "postgres") -> Any:
        """Connect; every statement is a transaction, unless BEGIN starts one."""
        from adbc_driver_postgresql import dbapi  # noqa: PLC0415 (an extra)

        return dbapi.connect(self.url(database, role).get_secret_value(), autocommit=True)


@contextmanager
def running_server(bin_: Path) -> Iterator[Server]:
    """Run a server in a temporary folder; PostgreSQL refuses to be root, so then it is another."""
    user = _unprivileged() if os.geteuid() == 0 else None
    as_user = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}
    # Not below pytest's own folder, which others than root may not enter.
    folder = Path(tempfile.mkdtemp(prefix="movies_postgres_"))
    secret = folder / "password"
    secret.write_text(PASSWORD, encoding="utf-8")
    if user:
        shutil.chown(folder, user)
        shutil.chown(secret, user)

    def call(*command: str) -> None:
        path = [str(bin_ / command[0]), *command[1:]]
        subprocess.run(  # noqa: S603 (our own command)
            path, check=True, cwd=folder, stdout=subprocess.DEVNULL, **as_user
        )

    data, log = str(folder / "data"), str(folder / "log")
    options = f"-F -c listen_addresses= -c unix_socket_directories={folder} -c log_statement=all"
    try:
        call(
            "initdb", "-D", data, "-U", "postgres", "--no-sync", "-E", "UTF8", "--locale=C",
            "--auth=scram-sha-256", f"--pwfile={secret}",
        )  # fmt: skip
        call("pg_ctl", "-D", data, "-l", log, "-o", options, "-w", "start")
        try:
            server = Server(folder, bin_)
            # Not a superuser: what it may is what the documentation asks for.
            verbatim = PASSWORD.replace("'", "''")
            server.tell(
                "postgres",
                f"CREATE ROLE {LOADER} LOGIN CREATEROLE PASSWORD '{verbatim}'",
                f"CREATE ROLE alice LOGIN PASSWORD '{verbatim}'",
            )
            yield server
        finally:
            call("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder)


def _unprivileged() -> str:
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


@dataclass(frozen=True)
class Database:
    """A database of a test, and the snapshots that are loaded into it."""

    server: Server
    name: str
    published: Published

    def target(self, **changes: Any) -> Target:
        """Return where loads go to."""
        return Target(**{"url": self.server.url(self.name), "wait_seconds": 30, **changes})

    def ask(self, query: str, role: str = "postgres") -> list[tuple[Any, ...]]:
        """Answer a query."""
        return self.server.ask(self.name, query, role)

    def tell(self, *statements: str, role: str = "postgres") -> None:
        """Execute statements."""
        self.server.tell(self.name, *statements, role=role)

    def schemas(self) -> set[str]:
        """Return the schemas that are not of the server's own."""
        found = self.ask("SELECT nspname::text FROM pg_namespace WHERE nspname ~ '^(?!pg_|inf)'")
        return {name for (name,) in found} - {"public"}

    def publish(self, fill: Callable[[duckdb.DuckDBPyConnection], object]) -> str:
        """Publish a snapshot of hand-made tables; return its name."""
        number = len(self.published.snapshots())
        at = datetime(2025, 10, 31, tzinfo=UTC) + timedelta(seconds=number)
        self.published.folder.mkdir(exist_ok=True)
        path = self.published.unfinished(f"{number:08}")
        with duckdb.connect(path) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            for name, contract in {**LOADED, "meta.tables": Tables}.items():
                ensure_table(connection, name, contract)
            values = [self.published.finished(path).stem, at, f"run{number}", "0"]
            connection.execute("INSERT INTO meta.snapshot VALUES (?, ?, ?, ?)", values)
            fill(connection)
        return self.published.put(path).stem


class Title(Contract):
    """One row a title: it's the "test's" own; 100 % hostile."""

    title_key: int = column('Number of the title; it\'s a "key".', key=True)
    title: str = column("What it is called.", nullable=True)
    version: int = column("Number of the snapshot.")


class Part(Contract):
    """One row a part of a title."""

    part_key: int = column("Number of the part.", key=True)
    title_key: int = column("Its title.", references="gold.title")
    maker: str = column("Who is known to be missing.", references="gold.maker", orphans="warn")
    version: int = column("Number of the snapshot.")


class Maker(Contract):
    """One row a maker."""

    maker: str = column("Who.", key=True)


HAND_MADE: dict[str, type[Contract]] = {
    "gold.part": Part,
    "gold.title": Title,
    "gold.maker": Maker,
}
LOADED = {**HAND_MADE, "meta.snapshot": Snapshot}


def rows_of_version(version: int, rows: int = 200) -> Callable[[duckdb.DuckDBPyConnection], None]:
    """Return a function that fills a snapshot; rows and their number depend on its version."""

    def fill(connection: duckdb.DuckDBPyConnection) -> None:
        numbers = f"range({rows + version})"
        connection.execute(f"INSERT INTO gold.title SELECT range, 'T', {version} FROM {numbers}")
        connection.execute(
            f"INSERT INTO gold.part SELECT range, range, 'nobody', {version} FROM {numbers}"
        )

    return fill
