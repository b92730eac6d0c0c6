"""Titles give the same tables for any division into files and any order of arrival.

Files are loaded as the bronze asset does, a range of days at a time, and what is below is computed
once, with the tables' own functions; checks and Dagster are left out, for they cost seconds.
"""

import csv
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from functools import partial
from io import BytesIO, StringIO
from itertools import pairwise
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from movies_assets.core.table import Table
from movies_assets.core.window import Window
from movies_assets.definitions import TABLES
from movies_assets.ingest.editions import Edition
from movies_assets.ingest.landing import Landing
from movies_assets.sources.netflix import sample as netflix
from movies_assets.warehouse import delimited, writer
from movies_assets.warehouse.database import Warehouse
from movies_assets.warehouse.members import add_members
from movies_assets.warehouse.schema import ensure_input, ensure_table
from movies_assets.warehouse.staging import stage_expression, stage_sql
from movies_assets_tests.places import RECORDED

FOLDER = RECORDED / "netflix"
FIRST_DAY = date(2025, 10, 2)
DAYS = [FIRST_DAY + timedelta(number) for number in range(30)]
FILES = 30
TITLES = 200
SLASHED = re.compile(r"(?<![0-9/])([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})(?![0-9/])")
BRONZE = TABLES["bronze.netflix_titles"]
LOOKUPS = [f"netflix_{name}" for name in netflix.LOOKUPS]
OF_LOOKUPS = [f"silver.{name}" for name in LOOKUPS] + [
    f"gold.netflix_dim_{name}" for name in ("person", "category", "country")
]
OF_TITLES = [
    "silver.netflix_titles",
    *OF_LOOKUPS,
    "gold.dim_date",
    "gold.dim_released_year",
    "gold.netflix_dim_title",
    "gold.netflix_fact_titles",
    *(f"gold.netflix_title_{name}" for name in ("cast", "director", "category", "country")),
]
# Where and when a title arrived, and by which run; all other columns are its content.
ORIGIN = {"arrived_date", "source_row"}

Files = list[tuple[str, Sequence[str]]]
Contents = dict[str, list[tuple[Any, ...]]]


def write(
    warehouse: Warehouse,
    table: Table,
    stage: Callable[[duckdb.DuckDBPyConnection], Any],
    window: Window,
) -> None:
    """Write a table as the IO manager does."""
    source = TABLES[table.lineage.source_of] if table.lineage else None
    with warehouse.session() as connection, warehouse.transaction(connection):
        ensure_table(connection, table.name, table.contract)
        for name in table.optional:
            ensure_input(connection, name, TABLES[name].contract)
        stage(connection)
        writer.write(connection, table, window, "run", source)
        add_members(connection, table, window, TABLES)


def read_files(warehouse: Warehouse, table: Table, given: delimited.DelimitedFiles) -> None:
    """Fill a bronze table with files; those of days take the place of these days."""
    days = [str(day) for day in given.days]
    window = Window(days[0], days[-1]) if days else Window()

    def stage(connection: duckdb.DuckDBPyConnection) -> None:
        stage_sql(connection, table, delimited.select(connection, table, given))

    write(warehouse, table, stage, window)


def compute(warehouse: Warehouse, names: Sequence[str]) -> None:
    """Compute tables from those that they read; shared dimensions are filled by the facts."""
    for table in (TABLES[name] for name in names if not TABLES[name].is_conformed):
        inputs = {
            parameter: TABLES[name].contract.table(name)
            for parameter, name in table.reads().items()
        }
        stage = partial(stage_expression, table=table, expression=table(**inputs))
        write(warehouse, table, stage, Window())


def contents(warehouse: Warehouse) -> Contents:
    """Return what the tables say."""
    with warehouse.reading() as connection:
        return {
            name: connection.execute(
                f"SELECT {', '.join(c for c in TABLES[name].contract.types() if c not in ORIGIN)} "
                f"FROM {name} ORDER BY ALL"
            ).fetchall()
            for name in OF_TITLES
        }


class Source:
    """Titles, one record a text, and a warehouse that holds their look-ups' files.

    Args:
        folder: where the warehouse is made.
        records: the records, each with its line break.
        lookups: the content of each look-up.
    """

    header = ",".join(netflix.COLUMNS) + "\r\n"

    def __init__(
        self, folder: Path, records: Sequence[str], lookups: dict[str, Callable[[], bytes]]
    ) -> None:
        self.records = records
        self.path = folder / "lookups.duckdb"
        warehouse = Warehouse(self.path)
        for name, content in lookups.items():
            file = delimited.DelimitedFile(name, lambda content=content: BytesIO(content()))
            edition = Edition(
                name, {netflix.LOOKUPS[name]: "value", "show_id": "show_id"}, needs=()
            )
            given = delimited.DelimitedFiles(files=[file], run_id="run", editions=[edition])
            read_files(warehouse, TABLES[f"bronze.netflix_{name}"], given)
        self.at_once = self.delivered([[("2025-10-02/all.csv", records)]])

    def delivered(self, batches: Sequence[Files]) -> Contents:
        """Return the tables after these deliveries, of which each batch is one run."""
        with TemporaryDirectory() as folder:
            landing = Landing(Path(folder) / "landing", "netflix/titles")
            warehouse = Warehouse(Path(shutil.copy(self.path, folder)))
            for files in batches:
                for path, records in files:
                    target = Path(folder) / "landing" / path
                    target.parent.mkdir(parents=True, exist_ok=True)
                    text = self.header + "".join(records)
                    target.write_text(text, encoding="utf-8", newline="")
                days = sorted(date.fromisoformat(path.split("/")[0]) for path, _ in files)
                within = [day for day in DAYS if days[0] <= day <= days[-1]]
                given = delimited.arrived(landing, within, "run")
                read_files(warehouse, BRONZE, given)
            compute(warehouse, OF_TITLES)
            return contents(warehouse)

    def cut(self, chance: Random) -> list[Files]:
        """Cut the records into files, of which one comes twice, and one comes wrong at first."""
        mixed = chance.sample(self.records, len(self.records))
        edges = sorted(chance.choices(range(len(mixed)), k=FILES - 1))
        parts = [mixed[first:last] for first, last in pairwise([0, *edges, len(mixed)])]
        files = [(f"{chance.choice(DAYS)}/{n:02}.csv", part) for n, part in enumerate(parts)]
        again = (f"{chance.choice(DAYS)}/again.csv", chance.choice(parts))
        path, _ = right = chance.choice(files)
        wrong = (
            path,
            ['"never closed\r\n', *(chance.choice(self.records),) * 3, "99,,Movie,X\r\n"],
        )
        order = chance.sample([*files, again], FILES + 1)
        order.insert(chance.randrange(order.index(right) + 1), wrong)
        return list(batched(order, chance))


def batched(files: Files, chance: Random) -> Iterator[Files]:
    """Yield what each run finds: one file or some."""
    at = 0
    while at < len(files):
        size = chance.randrange(1, 5)
        yield files[at : at + size]
        at += size


def sample_records() -> list[str]:
    """Return the records of the sample's titles, as the usual files have them."""
    records = []
    for arrival in netflix.arrivals(last_day=DAYS[-1], titles=TITLES):
        semicolons = arrival.content.count(b";") > arrival.content.count(b",")
        text = arrival.content.decode("cp1252" if semicolons else "utf-8-sig")
        header, *rows = csv.reader(StringIO(text, newline=""), delimiter=";" if semicolons else ",")
        for row in rows:
            named = dict(zip(header, row, strict=False))
            # A file of few titles would not show which number is the month.
            named["date_added"] = re.sub(
                r"(\d+)/(\d+)/(\d{4})", r"\3-\1-\2", named.get("date_added", "")
            )
            values = [named.get(name, "") for name in netflix.COLUMNS]
            line = StringIO(newline="")
            csv.writer(line).writerow(values if len(row) == len(header) else row)
            records.append(unambiguous(line.getvalue()))
    return records


def unambiguous(record: str) -> str:
    """Return a record with its dates in ISO's spelling.

    Whether 4/5/2021 is in April or May is decided by the other dates of its file, so it may not be
    read any more where the records are cut into smaller files.
    """
    return SLASHED.sub(lambda day: f"{day[3]}-{day[1]:0>2}-{day[2]:0>2}", record)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Source:
    lookups = {name: partial(netflix.lookup, name, titles=TITLES) for name in netflix.LOOKUPS}
    return Source(tmp_path_factory.mktemp("sample"), sample_records(), lookups)


@pytest.mark.slow
def test_the_sample_is_recognised_by_its_files(sample):
    titles = sample.at_once["silver.netflix_titles"]
    assert TITLES * 0.97 < len(titles) < TITLES, "some are broken, as many as there are oddities"
    assert len({show for show, *_ in titles}) == len(titles)
    assert all(sample.at_once.values())


@pytest.mark.slow
@settings(max_examples=5)
@given(seed=st.integers(min_value=0))
def test_titles_cut_into_30_files_in_any_order_lead_to_the_same_tables(sample, seed):
    assert sample.delivered(sample.cut(Random(seed))) == sample.at_once  # noqa: S311


@pytest.mark.recorded
@pytest.mark.slow
@pytest.mark.skipif(not FOLDER.is_dir(), reason="recorded: ../shared/recorded is not there")
def test_recorded_titles_cut_into_30_files_lead_to_the_same_tables(tmp_path):
    # Its records have no line breaks, except those that are torn in half and stay so.
    with (FOLDER / "netflix_titles.csv").open(encoding="utf-8", newline="") as lines:
        _, *records = map(unambiguous, lines)
    lookups = {name: (FOLDER / f"netflix_{name}.csv").read_bytes for name in netflix.LOOKUPS}
    source = Source(tmp_path, records, lookups)
    assert len(source.at_once["silver.netflix_titles"]) == 6_232
    assert source.delivered(source.cut(Random(1))) == source.at_once  # noqa: S311
