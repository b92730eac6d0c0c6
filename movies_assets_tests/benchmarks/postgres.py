"""Published tables into Postgres: loaded and swapped, compared with psql's COPY of the same rows.

The server is one of the tests' own, without fsync. The reference writes the same tables from CSV,
which is written before the clock starts, without comments or a swap: without keys, and with them.
"""

import resource
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import duckdb

from movies_assets.core.contract import Contract
from movies_assets.warehouse.types import duckdb_types

# Of the catalogue's real sizes, those of the largest tables of YTS and IMDb: 2.3 million rows.
ROWS = {
    "gold.dim_date": 4_000,
    "gold.dim_movie": 74_000,
    "gold.genre_junction": 150_000,
    "gold.fact_movies": 74_000,
    "gold.imdb_dim_series": 200_000,
    "gold.imdb_series_kpis": 200_000,
    "gold.imdb_episode_facts": 1_600_000,
}
TEXT = "Of titles, as long as one is"


@click.command("postgres")
@click.option("--scale", default=1.0, help="1 is 2.3 million rows in 7 tables.")
@click.option("--times", default=3)
def postgres(scale: float, times: int) -> None:
    """Load 2.3 million rows in 7 tables into Postgres and swap them in."""
    from movies_assets.definitions import TABLES  # noqa: PLC0415
    from movies_assets.serving.postgres import Target, load  # noqa: PLC0415
    from movies_assets.warehouse.published import Published  # noqa: PLC0415
    from movies_assets_tests.faults.processes import in_child  # noqa: PLC0415
    from movies_assets_tests.serving.postgres import (  # noqa: PLC0415
        LOADER,
        MISSING,
        binaries,
        running_server,
    )

    if not (found := binaries()):
        raise click.ClickException(MISSING)
    contracts = {name: TABLES[name].contract for name in ROWS}
    with tempfile.TemporaryDirectory() as work, running_server(found) as server:
        folder = Path(work)
        published = Published(folder)
        # In processes of their own: the memory that is measured is that of a load.
        rows = in_child(_publish, published, contracts, scale)
        in_child(_write_csv, published, folder, contracts)
        server.tell("postgres", f"CREATE DATABASE movies OWNER {LOADER}")
        url = server.url("movies")
        before = _peak_megabytes()
        for _ in range(times):
            for keys in (False, True):
                started = time.perf_counter()
                _copy(found, url.get_secret_value(), folder, contracts, keys=keys)
                keyed = "with keys" if keys else "nothing else"
                click.echo(f"psql, COPY of CSV, {keyed}: {time.perf_counter() - started:.1f} s")
            started = time.perf_counter()
            load(published, contracts, Target(url))
            seconds = time.perf_counter() - started
            click.echo(
                f"load and swap of {rows:,} rows: {seconds:.1f} s, "
                f"peak {_peak_megabytes():.0f} MB, of which {before:.0f} MB before it"
            )


def _peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _publish(published: Any, contracts: Mapping[str, type[Contract]], scale: float) -> int:
    from movies_assets.warehouse.meta import Snapshot, Tables  # noqa: PLC0415
    from movies_assets.warehouse.schema import ensure_table  # noqa: PLC0415

    path, total = published.unfinished("00000000"), 0
    with duckdb.connect(path) as connection:
        ensure_table(connection, "meta.snapshot", Snapshot)
        ensure_table(connection, "meta.tables", Tables)
        connection.execute("INSERT INTO meta.snapshot VALUES ('benchmark', now(), 'run', '0')")
        for name, contract in contracts.items():
            ensure_table(connection, name, contract)
            count = max(10, round(ROWS[name] * scale))
            values = ", ".join(
                f"{_value(column, type_, contract, scale)} AS {column}"
                for column, type_ in duckdb_types(contract).items()
            )
            connection.execute(f"INSERT INTO {name} BY NAME SELECT {values} FROM range({count})")
            total += count
    published.put(path)
    return total


def _value(column: str, type_: str, contract: type[Contract], scale: float) -> str:
    """Return a value of the row `range`; that of a reference is there."""
    if column in contract.references():
        target = ROWS.get(contract.references()[column])
        if target:
            return f"range % {max(10, round(target * scale))}"
    return {
        "BIGINT": "range",
        "DOUBLE": "range % 100 / 10.0",
        "VARCHAR": f"'{TEXT} ' || range",
        "DATE": "DATE '2020-01-01' + (range % 1000)::INTEGER",
        "TIMESTAMPTZ": "TIMESTAMPTZ '2020-01-01 00:00:00+00' + to_seconds(range)",
        "BOOLEAN": "range % 2 = 0",
    }[type_]


def _write_csv(published: Any, folder: Path, contracts: Mapping[str, type[Contract]]) -> None:
    with published.reading() as connection:
        for name in contracts:
            connection.execute(f"COPY {name} TO '{folder / name}.csv' (HEADER false)")


def _copy(
    bin_: Path, url: str, folder: Path, contracts: Mapping[str, type[Contract]], *, keys: bool
) -> None:
    from movies_assets.serving import postgres_ddl as ddl  # noqa: PLC0415

    script = [
        "SET client_min_messages = warning;",
        "DROP SCHEMA IF EXISTS reference CASCADE;",
        "CREATE SCHEMA reference;",
    ]
    for name, contract in contracts.items():
        script.append(f"{ddl.create('reference', name, contract)};")
        table = ddl.qualified("reference", name)
        script.append(f"\\copy {table} FROM '{folder / name}.csv' (FORMAT csv)")
        if keys:
            script.append(f"{next(ddl.after_loading('reference', name, contract))};")
    if keys:
        script += [
            f"{statement};"
            for name in contracts
            for _, statement in ddl.foreign_keys("reference", name, contracts)
        ]
    subprocess.run(  # noqa: S603 (our own command)
        [bin_ / "psql", "-q", "-v", "ON_ERROR_STOP=1", url],
        input="\n".join(script),
        text=True,
        check=True,
    )
