"""The real Netflix files, loaded as they are into bronze: what silver and gold make of them.

What is known of them is read from the files in plain Python.
"""

import csv
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from movies_assets.settings import load
from movies_assets_tests.conftest import NETFLIX, STORED_DAY, Platform, store_netflix

RECORDED = Path(__file__).parents[3] / "shared" / "recorded" / "netflix"
pytestmark = [
    pytest.mark.recorded,
    pytest.mark.skipif(not RECORDED.is_dir(), reason="recorded: ../shared/recorded is not there"),
]
LOOKUPS = ["cast", "category", "countries", "directors"]
NUMBERS = ["duration_minutes", "duration_seasons", "release_year", "show_id"]
UNSEEN = dict.fromkeys(map(ord, "\u200b\ufeff"))


def records(name: str) -> list[dict[str, str]]:
    path = RECORDED / f"netflix_{name}.csv"
    with path.open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))


def titles() -> list[dict[str, str]]:
    """Return the titles that are whole: four records are torn in half and have no id."""
    return [row for row in records("titles") if row["show_id"]]


def typed(row: dict[str, str]) -> dict[str, Any]:
    """Type a record as bronze does, without what does not fit."""
    numbers = {name: int(row[name]) if row[name].isdigit() else None for name in NUMBERS}
    return {name: value or None for name, value in row.items()} | numbers


def tidied(text: str) -> str:
    return " ".join(text.translate(UNSEEN).split())


def pairs(name: str) -> set[tuple[int, str]]:
    """Return the different values of a look-up."""
    return {
        (int(row["show_id"]), tidied(value))
        for row in records(name)
        for value in [*row.values()][:1]
    }


def person_key(name: str) -> str:
    """Return a name in lower case, as the engine spells it: Python gives İ a dot of its own."""
    return name.lower().replace("\u0307", "")


@pytest.fixture(scope="module")
def ran(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Platform, dg.ExecuteInProcessResult]]:
    with dg.DagsterInstance.ephemeral() as instance:
        platform = Platform(load(data_dir=tmp_path_factory.mktemp("netflix")), instance)
        lookups = {
            name: [
                (value, int(row["show_id"]))
                for row in records(name)
                for value in [*row.values()][:1]
            ]
            for name in LOOKUPS
        }
        store_netflix(platform.warehouse, [typed(row) for row in records("titles")], **lookups)
        yield platform, platform.run(STORED_DAY, job="netflix_daily", select=NETFLIX)


@pytest.fixture
def platform(ran) -> Platform:
    return ran[0]


@pytest.fixture
def checks(ran) -> dict[str, dg.AssetCheckEvaluation]:
    return {
        f"{e.asset_key.path[-1]}: {e.check_name}": e for e in ran[1].get_asset_check_evaluations()
    }


def test_only_the_torn_records_and_orphans_are_reported(checks):
    red = {name for name, evaluation in checks.items() if not evaluation.passed}
    orphans = {f"netflix_{name}: references" for name in LOOKUPS}
    assert red == {"netflix_titles: quarantine", *orphans}
    assert {checks[name].severity for name in red} == {dg.AssetCheckSeverity.WARN}


def test_every_title_stands_and_the_torn_ones_are_in_quarantine(platform):
    assert platform.sql(
        "SELECT count(*), count_if(type_flag = 1), count_if(type_flag = 2) "
        "FROM silver.netflix_titles"
    ) == [(6232, 4263, 1969)]
    refused = platform.sql("SELECT broken_rules FROM quarantine.netflix_titles")
    assert len(refused) == 4
    assert all("show_id: required" in rules for (rules,) in refused)


def test_titles_say_what_the_file_says(platform):
    columns = "show_id, title, date_added, release_year, rating, duration_minutes, duration_seasons"
    stored = platform.sql(f"SELECT {columns} FROM silver.netflix_titles ORDER BY 1")
    assert stored == sorted(
        (
            int(row["show_id"]),
            tidied(row["title"]),
            datetime.strptime(row["date_added"], "%m/%d/%Y").date() if row["date_added"] else None,  # noqa: DTZ007
            int(row["release_year"]),
            row["rating"] or None,
            int(row["duration_minutes"] or 0),
            int(row["duration_seasons"] or 1),
        )
        for row in titles()
    )


def test_ranks_follow_the_running_time(platform):
    lengths = sorted({int(row["duration_minutes"] or 0) for row in titles()}, reverse=True)
    stored = platform.sql(
        "SELECT DISTINCT duration_rank, duration_minutes FROM gold.netflix_fact_titles ORDER BY 1"
    )
    assert stored == list(enumerate(lengths, 1))


@pytest.mark.parametrize(
    ("name", "orphans"), [("cast", 10), ("category", 3), ("countries", 2), ("directors", 2)]
)
def test_look_ups_have_every_value_once_and_their_orphans_are_counted(
    platform, checks, name, orphans
):
    stored = platform.sql(f"SELECT show_id, value FROM silver.netflix_{name}")
    assert Counter(stored) == Counter(pairs(name))
    assert checks[f"netflix_{name}: references"].metadata["broken"].value == orphans


def test_junctions_have_the_values_of_listed_titles(platform):
    listed = {int(row["show_id"]) for row in titles()}
    cast = {(show, person_key(value)) for show, value in pairs("cast") if show in listed}
    stored = platform.sql("SELECT show_key, person_key FROM gold.netflix_title_cast")
    assert Counter(stored) == Counter(cast)
    people = {person_key(value) for name in ("cast", "directors") for _, value in pairs(name)}
    count = "SELECT count(*) FROM gold.netflix_dim_person"
    assert platform.sql(count) == [(len(people | {"unknown"}),)]
    names = "SELECT count(*), count_if(country_name LIKE '%,') FROM gold.netflix_dim_country"
    assert platform.sql(names) == [(110 + 1, 0)]


def test_every_fact_finds_its_day_and_year(platform):
    joined = (
        "SELECT count(*), count_if(date IS NULL), count_if(date = added) FROM "
        "(SELECT show_key, added_date_key, year_key FROM gold.netflix_fact_titles) "
        "JOIN gold.dim_date ON added_date_key = date_key "
        "JOIN gold.dim_released_year USING (year_key) "
        "JOIN (SELECT show_id AS show_key, date_added AS added FROM silver.netflix_titles) "
        "USING (show_key)"
    )
    without = sum(not row["date_added"] for row in titles())
    assert without == 11
    assert platform.sql(joined) == [(6232, without, 6232 - without)]
