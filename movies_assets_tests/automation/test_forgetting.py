"""Forgotten, a person is in no byte of the data folder and in no value of any table; others are."""

import hashlib
import os
import platform as machine
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from movies_assets.automation import forgetting
from movies_assets.contracts import AS_RECEIVED
from movies_assets.definitions import TABLES, open_warehouse
from movies_assets.settings import Settings, load
from movies_assets.sources.http import PermanentSourceError
from movies_assets.sources.landing import Landing
from movies_assets.table import WRITER_POOL
from movies_assets.warehouse.database import Warehouse, WarehouseError
from movies_assets.warehouse.erasure import Erasures
from movies_assets_tests.conftest import Platform

FIRST, LAST, LATE = "2025-10-30", "2025-10-31", "2025-10-15"
ADA, BOB, NAMESAKE = 7, 8, 77
EMAIL, NAME = "ada.lovelace@x.example", "Ada Lovelacé"
BOBS_EMAIL, NAMESAKES_EMAIL = "bob@x.example", "another.ada.lovelace@x.example"
HEADER = "user_id,full_name,email,signup_date,preferred_genres,country"
ADAS = f"{ADA},{NAME},{EMAIL},2020-01-07,drama|comedy,UK"
BOBS = f"{BOB},Bob Ray,{BOBS_EMAIL},2020-01-07,drama,US"
OTHERS = [f"{n},Person {n},p{n}@x.example,2021-02-03,comedy,FR" for n in range(100, 130)]
VIEWS = "user_id,title,watched_at,minutes"
TITLES = "Title,Genre,Premiere,Added Date,Runtime,IMDb Score,Views,Language\n" + "".join(
    f"Film {n},{'Drama' if n % 2 else 'Comedy'},2019-01-0{n},2019-02-01,90,{n}.5,{n}0,English\n"
    for n in range(1, 8)
)


def views_of(*users: int) -> list[str]:
    return [f"{user},Film 1,2025-10-30T20:15:00Z,{user % 60}" for user in users]


def put(settings: Settings, path: str, text: str | bytes) -> Path:
    file = settings.landing / "ott" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def lines(*records: str) -> str:
    return "".join(f"{record}\n" for record in records)


def key_of(user_id: int, settings: Settings) -> str:
    with open_warehouse(settings).session() as connection:
        return connection.execute(f"SELECT ott_user_key({user_id})").fetchall()[0][0]


def store(settings: Settings, *, compressed: bool = True) -> Platform:
    """Materialize a small service of which Ada is everywhere: in rows, damaged lines, quarantine."""
    more = "premium,referred_by"
    for day in (FIRST, LAST):
        put(settings, f"titles/{day}/titles.csv", TITLES)
        put(settings, f"users/{day}/users.csv", lines(HEADER, ADAS, BOBS, *OTHERS))
        put(settings, f"views/{day}/views.csv", lines(VIEWS, *views_of(ADA, BOB, *range(100, 130))))
    torn = [f"{ADA},Ada", f'"{ADA}",Film 2,2025-10-30', f"Film 3,{EMAIL}", f"{NAME} no. {ADA}"]
    put(settings, f"views/{FIRST}/torn.csv", lines(VIEWS, *torn, *views_of(*range(131, 160))))
    # Refused by silver: Ada's third view has a time that is none, the next an id spelt otherwise.
    odd = [f"{ADA},Film 1,yesterday,5", f"{ADA}.0,Film 2,2025-10-30T01:00:00Z,5", f"{ADA}.0,F,x,5"]
    put(settings, f"views/{LAST}/odd.csv", lines(VIEWS, *odd, *views_of(*range(161, 220))))
    told = [f"{row},{extra}" for row, extra in zip(OTHERS, [EMAIL, *range(29)], strict=True)]
    told += [f"{ADAS},yes"]
    put(settings, f"users/{FIRST}/more.csv", lines(f"{HEADER},{more}", *(f"{t},1" for t in told)))
    # One more field than the header, and a day of registration that silver refuses.
    extra = [f"{ADA},{NAME},{EMAIL},never,drama,UK,{EMAIL}", f"{NAME} is {ADA}"]
    put(settings, f"users/{LAST}/extra.csv", lines(HEADER, *extra, *OTHERS))
    platform = Platform(settings, dg.DagsterInstance.ephemeral())
    if not compressed:
        with platform.warehouse.session() as session:
            session.execute("SET force_compression = 'uncompressed'")
    platform.run(FIRST, LAST, job="ott_daily", raise_on_error=False)
    return platform


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(data_dir=tmp_path)


@pytest.fixture
def platform(settings: Settings) -> Platform:
    return store(settings)


def forget(platform: Platform, *users: int) -> dg.ExecuteInProcessResult:
    return platform.defs.resolve_job_def("forget_user").execute_in_process(
        instance=platform.instance,
        run_config={"ops": {"erase_users": {"config": {"user_ids": list(users)}}}},
    )


def test_look(platform):
    with platform.warehouse.reading() as c:
        for name in ("bronze.ott_users","bronze.ott_views","quarantine.ott_users","quarantine.ott_views", "landing.ott_views", "silver.ott_users"):
            print(name); print(c.execute(f"SELECT * EXCLUDE({'_ingested_at,_source,_run_id' if name.startswith('bronze') else 'run_id' if not name.startswith('silver') else 'country'}) FROM {name} limit 12").df().to_string())
        print(c.execute("select schema_name, table_name, estimated_size from duckdb_tables() order by all").df().to_string())
    r=forget(platform, ADA)
    for e in r.all_events:
        if e.event_type_value=='ASSET_OBSERVATION': print(e)
    print(platform.sql("from audit.erasures"))
    assert 0
