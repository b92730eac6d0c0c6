"""Real files of Netflix, materialized by the whole job: every record ends in one place.

What is known of them is read from the files in plain Python.
"""

import csv
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence

import dagster as dg
import pytest

from movies_assets.settings import load
from movies_assets.sources.netflix.client import Lookup
from movies_assets.sources.netflix.sample import COLUMNS, LOOKUPS
from movies_assets_tests.conftest import STORED_DAY, Platform
from movies_assets_tests.places import RECORDED

FOLDER = RECORDED / "netflix"
pytestmark = [
    pytest.mark.recorded,
    pytest.mark.slow,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="recorded: ../shared/recorded is not there"),
]
TITLES, MOVIES, SHOWS, TORN = 6_232, 4_263, 1_969, 4
ORPHANS = {"cast": 10, "category": 3, "countries": 2, "directors": 2}
GOLD = {
    "cast": "cast",
    "category": "category",
    "countries": "country",
    "directors": "director",
}


def records_of(file: str) -> list[list[str]]:
    """Return the records of a file without its header; its texts have no line breaks."""
    text = (FOLDER / f"netflix_{file}.csv").read_text(encoding="utf-8-sig")
    return [next(csv.reader([line])) for line in text.splitlines()[1:]]


def listed() -> set[str]:
    """Return the ids of the titles that are listed whole; of one torn in half, no half has it."""
    return {record[-1] for record in records_of("titles")} - {""}


def from_recording(name: str, _: Sequence[str]) -> Lookup:
    path = FOLDER / f"netflix_{name}.csv"
    return Lookup(path, f"https://netflix.invalid/{path.name}", path.stat().st_size, "")


@pytest.fixture(scope="module")
def result_and_platform(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[dg.ExecuteInProcessResult, Platform]]:
    """The five files, materialized as one day."""
    settings = load(data_dir=tmp_path_factory.mktemp("recorded"))
    folder = settings.landing / "netflix" / "titles" / STORED_DAY
    folder.mkdir(parents=True)
    shutil.copy(FOLDER / "netflix_titles.csv", folder / "titles.csv")
    with dg.DagsterInstance.ephemeral() as instance:
        platform = Platform(settings, instance, resources={"netflix_lookup": from_recording})
        yield platform.run(STORED_DAY, job="netflix_daily"), platform


@pytest.fixture(scope="module")
def stored(result_and_platform) -> Platform:
    return result_and_platform[1]


@pytest.fixture(scope="module")
def checks(result_and_platform) -> dict[tuple[str, str], dg.AssetCheckEvaluation]:
    return {
        ("/".join(evaluation.asset_key.path), evaluation.check_name): evaluation
        for evaluation in result_and_platform[0].get_asset_check_evaluations()
    }


def test_every_recorded_title_is_stored_as_it_was_received(stored):
    received = ", ".join(
        f"coalesce(_rescued_data ->> '{column}', {column}::VARCHAR, '')" for column in COLUMNS
    )
    read = stored.sql(f"SELECT {received} FROM bronze.netflix_titles")
    assert Counter(read) == Counter(tuple(record) for record in records_of("titles"))


@pytest.mark.parametrize("name", LOOKUPS)
def test_every_recorded_value_is_stored_as_it_was_received(stored, name):
    read = stored.sql(f"SELECT value, show_id::VARCHAR FROM bronze.netflix_{name}")
    assert Counter(read) == Counter(tuple(record) for record in records_of(name))


def test_titles_of_each_type(stored):
    counts = stored.sql("SELECT type_flag, count(*) FROM silver.netflix_titles GROUP BY ALL")
    assert dict(counts) == {1: MOVIES, 2: SHOWS}
    assert stored.sql("SELECT count(*) FROM gold.netflix_fact_titles") == [(TITLES,)]
    assert stored.sql("SELECT count(*) FROM gold.netflix_dim_title") == [(TITLES,)]


def test_titles_that_are_torn_in_half_are_in_quarantine(stored):
    refused = stored.sql("SELECT broken_rules FROM quarantine.netflix_titles")
    assert len(refused) == TORN
    assert all("show_id: " in rules for (rules,) in refused)
    assert len(records_of("titles")) == TITLES + TORN


@pytest.mark.parametrize("name", ["titles", *LOOKUPS])
def test_every_recorded_row_is_accounted_for(stored, checks, name):
    counted = checks[f"silver/netflix_{name}", "conservation"].metadata
    fates = [counted[f"rows_{fate}"].value for fate in ("kept", "quarantined", "duplicate")]
    assert sum(fates) == counted["rows_read"].value == len(records_of(name))
    kept, quarantined, _ = fates
    assert stored.sql(f"SELECT count(*) FROM silver.netflix_{name}") == [(kept,)]
    assert stored.sql(f"SELECT count(*) FROM quarantine.netflix_{name}") == [(quarantined,)]


@pytest.mark.parametrize(("name", "orphans"), ORPHANS.items())
def test_values_of_titles_that_are_not_listed_are_reported(stored, checks, name, orphans):
    titles, shows = listed(), [show for _, show in records_of(name)]
    assert len([show for show in shows if show not in titles]) == orphans
    check = checks[f"silver/netflix_{name}", "references"]
    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.WARN
    assert check.metadata["broken"].value == orphans
    pairs = f"SELECT count(DISTINCT show_key) FROM gold.netflix_title_{GOLD[name]}"
    assert stored.sql(pairs) == [(len(titles.intersection(shows)),)]


def test_all_else_is_green(checks):
    red = {place for place, check in checks.items() if not check.passed}
    torn = {("bronze/netflix_titles", "schema"), ("silver/netflix_titles", "quarantine")}
    assert red == torn | {(f"silver/netflix_{name}", "references") for name in LOOKUPS}
