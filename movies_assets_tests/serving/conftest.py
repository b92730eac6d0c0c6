"""What tests of serving share: a PostgreSQL server of their own, where it is installed."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from movies_assets.serving.postgres import READER
from movies_assets.warehouse.published import Published
from movies_assets_tests.serving.postgres import LOADER, MISSING, Database, Server, binaries
from movies_assets_tests.serving.postgres import running_server as run_server

NUMBERS = count()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """One server a test process; it starts within about two seconds."""
    found = binaries()
    if not found:
        pytest.skip(MISSING)
    with run_server(found) as server:
        yield server


@pytest.fixture
def database(postgres_server: Server, tmp_path: Path) -> Iterator[Database]:
    """An empty database, in which the loader may make schemas, and a folder of snapshots."""
    name = f"movies{next(NUMBERS)}"
    # Of a template that nobody is connected to.
    postgres_server.tell(
        "postgres",
        f"CREATE DATABASE {name} TEMPLATE template0",
        f"GRANT CREATE ON DATABASE {name} TO {LOADER}",
    )
    yield Database(postgres_server, name, Published(tmp_path / "published"))
    postgres_server.tell(
        "postgres",
        f"DROP DATABASE {name} WITH (FORCE)",
        f"DROP ROLE IF EXISTS {READER}",
    )
