"""The pipeline against the same tables in bare SQL, written on their own: row by row equal.

To the sample, in which little is odd, come titles made of few values, so that all ties, gaps and
bounds of the rules occur.
"""

import gzip
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import dagster as dg
import duckdb
import pytest

from movies_assets.definitions import TABLES
from movies_assets.settings import load
from movies_assets.sources.imdb.sample import generate
from movies_assets.sources.imdb.settings import FILES
from movies_assets_tests.benchmarks import imdb_reference
from movies_assets_tests.conftest import ALL_DUMPS, Platform, dump, land

pytestmark = pytest.mark.slow

RUN_DATES = ["2025-10-29", "2025-10-30"]
VOTES = [5, 999, 1_000, 9_999, 10_000, 49_999, 50_000]
SCALE = 0.0003
NAMES = [name for name in TABLES if name.startswith(("silver.imdb_", "gold.imdb_"))]


class OddRows:
    """Rows of titles and people, of the highest ids, that are alike in all they can be.

    Those of different run dates differ in their ratings alone.
    """

    def __init__(self, run_date: str) -> None:
        self.rows: dict[str, list[list[Any]]] = {file: [] for file in FILES}
        self.of_all, self.of_day = Random(1), Random(run_date)  # noqa: S311 (no secrets)
        self.people = [f"nm99{number:05}" for number in range(12)]
        for person in self.people[2:]:
            self.put("name.basics", person, person[-2:], None, None, None, None)
        for number in range(600):
            self.movie(f"tt99{number:05}")
        for number in range(200):
            self.series(f"tt98{number:05}", number)

    def put(self, file: str, *values: Any) -> None:
        self.rows[file].append([*values])

    def title(self, tconst: str, *types: str) -> None:
        choice = self.of_all.choice
        names = [choice(["Same", "Other"]), choice([None, "Original"])]
        genres = ",".join(self.of_all.sample(["Drama", "Comedy", "Odd"], choice([1, 2, 3])))
        listed = [0, choice([None, 1999, 2000, 2001]), None, None, choice([None, genres])]
        self.put("title.basics", tconst, choice(types), *names, *listed)
        rating, votes = choice([5.9, 6.0, 6.9, 7.0, 7.9, 8.0]), choice(VOTES)
        if self.of_all.random() < 0.8 and self.of_day.random() < 0.9:
            moved = round(rating + self.of_day.choice([0, 0, 0.1, -0.1]), 1)
            self.put("title.ratings", tconst, moved, votes + self.of_day.choice([0, 0, 1, 2]))

    def movie(self, tconst: str) -> None:
        choice, sample = self.of_all.choice, self.of_all.sample
        self.title(tconst, "movie", "movie", "movie", "tvMovie")
        crew = [",".join(sample(self.people, choice([1, 2, 3]))) for _ in range(2)]
        self.put("title.crew", tconst, *(choice([None, listed]) for listed in crew))
        for ordering in sample(range(1, 6), choice([0, 2, 5])):
            person, part = choice(self.people), choice(["actor", "actress", "director", "self"])
            self.put("title.principals", tconst, ordering, person, part, None, None)
        for ordering in range(1, choice([1, 2, 4])):
            name = choice(["An Oscar", "aCADEMY aWARDS", "Academy", "OSC", "oscaR", "Name"])
            is_original = choice([0, 1, None])
            self.put("title.akas", tconst, ordering, name, None, None, None, None, is_original)

    def series(self, tconst: str, number: int) -> None:
        choice = self.of_all.choice
        if number % 10:
            self.title(tconst, "tvSeries", "tvMiniSeries", "tvMovie", "video")
        for place in self.of_all.sample(range(100), choice([0, 1, 3, 8])):
            episode = f"tt{97_000_000 + number * 100 + place}"
            season = choice([None, 0, 1, 1, 2, 2020])
            self.put("title.episode", episode, tconst, season, choice([None, 0, 1, 1, 2, 3]))
            if place % 10:
                self.title(episode, "tvEpisode")


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse, `warehouse`, and the `reference`, of two run dates of the sample."""
    folder = tmp_path_factory.mktemp("both")
    settings = load(data_dir=folder / "data", imdb=ALL_DUMPS)
    dumps, reference = folder / "dumps", folder / "reference.duckdb"
    for run_date in RUN_DATES:
        made = dumps / f"run_date={run_date}"
        generate(made, run_date=date.fromisoformat(run_date), scale=SCALE)
        packed = {file: (made / f"{file}.tsv.gz").read_bytes() for file in FILES}
        for file, rows in OddRows(run_date).rows.items():
            packed[file] += gzip.compress(dump(file, rows).split(b"\n", 1)[1])
            (made / f"{file}.tsv.gz").write_bytes(packed[file])
        land(settings.landing, run_date, packed, packed=False)
    with dg.DagsterInstance.ephemeral() as instance:
        platform = Platform(settings, instance)
        assert platform.run(*RUN_DATES, job="imdb_daily").success
    run_reference(dumps, reference)
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{platform.warehouse.path}' AS warehouse (READ_ONLY)")
        connection.execute(f"ATTACH '{reference}' AS reference (READ_ONLY)")
        yield connection


def run_reference(dumps: Path, database: Path) -> None:
    chosen = {"--dumps": dumps, "--database": database, "--files": ",".join(FILES)}
    arguments = [str(text) for option in chosen.items() for text in option]
    imdb_reference.main(arguments, standalone_mode=False)


@pytest.mark.parametrize("name", NAMES)
def test_the_pipeline_and_bare_sql_make_the_same_rows(both, name):
    columns = ", ".join(TABLES[name].contract.types())
    made, expected = (
        f"(SELECT {columns} FROM {side}.{name})" for side in ("warehouse", "reference")
    )
    assert both.sql(f"FROM {made}").limit(1).fetchall(), "the sample has no such rows"
    assert both.sql(f"FROM {made} EXCEPT ALL FROM {expected}").limit(5).fetchall() == []
    assert both.sql(f"FROM {expected} EXCEPT ALL FROM {made}").limit(5).fetchall() == []


@pytest.mark.parametrize("name", NAMES)
def test_the_pipeline_and_bare_sql_make_the_same_columns(both, name):
    made, expected = (
        dict(both.sql(f"SELECT column_name, column_type FROM (DESCRIBE {side}.{name})").fetchall())
        for side in ("warehouse", "reference")
    )
    assert made == expected


def test_no_row_is_refused(both):
    for name in NAMES:
        if name.startswith("silver."):
            refused = name.replace("silver", "warehouse.quarantine")
            assert both.sql(f"FROM {refused}").limit(5).fetchall() == []
