"""Whole materializations of Netflix's files on a temporary warehouse."""

import json
import shutil
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pytest

from movies_assets.settings import load
from movies_assets.sources.netflix.client import Lookup, NetflixClient
from movies_assets_tests.conftest import STORED_DAY, Platform, arrive, netflix_title, on_disk

DAYS = ["2025-10-10", "2025-10-11", "2025-10-12", "2025-10-13"]
BRONZE = ["bronze/netflix_titles"]
TITLES = [*BRONZE, "silver/netflix_titles"]
STAR = [
    *TITLES,
    "gold/dim_date",
    "gold/dim_released_year",
    "gold/netflix_dim_title",
    "gold/netflix_fact_titles",
    "gold/netflix_title_cast",
]
CAST = ["bronze/netflix_cast", "silver/netflix_cast", "gold/netflix_title_cast"]
ARRIVED = "SELECT show_id, title, arrived_date::VARCHAR FROM bronze.netflix_titles ORDER BY ALL"
STORED_TITLES = (
    "SELECT show_id, title, arrived_date::VARCHAR FROM silver.netflix_titles ORDER BY ALL"
)


def run(platform: Platform, *days: str, **options: Any) -> dg.ExecuteInProcessResult:
    return platform.run(*days, job="netflix_daily", **options)


def checked(result: dg.ExecuteInProcessResult, table: str, check: str) -> dg.AssetCheckEvaluation:
    (found,) = [
        evaluation
        for evaluation in result.get_asset_check_evaluations()
        if (evaluation.asset_key.path, evaluation.check_name) == (table.split("/"), check)
    ]
    return found


def error_of(result: dg.ExecuteInProcessResult) -> str:
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    return str(failure.event_specific_data.error)


@pytest.fixture
def platform(settings, instance) -> Platform:
    return Platform(settings, instance)


@pytest.fixture
def titles(platform) -> Callable[..., Path]:
    """Lets a file of titles arrive."""
    return partial(arrive, platform.settings.landing)


@pytest.fixture
def stored(stored_day, tmp_path, instance) -> Callable[..., Platform]:
    """Builds a platform on a warehouse that holds a sound day, with some resources replaced."""
    (tmp_path / "data" / "warehouse").mkdir(parents=True)
    shutil.copy(stored_day, tmp_path / "data" / "warehouse" / "movies.duckdb")
    (tmp_path / "data" / "landing" / "netflix" / "titles").mkdir(parents=True)
    settings = load(data_dir=tmp_path / "data")

    def build(**resources: Any) -> Platform:
        return Platform(settings, instance, resources=resources)

    return build


@pytest.mark.slow
def test_a_day_goes_from_its_files_to_the_star(tmp_path, settings, instance):
    lookups = partial(
        on_disk,
        tmp_path,
        cast=[("Ada", 1), ("ADA", 1), ("Bob", 2)],
        directors=[("Cleo", 2)],
        category=[("Sci-Fi & Fantasy", 1)],
        countries=[("Poland", 1)],
    )
    platform = Platform(settings, instance, resources={"netflix_lookup": lookups})
    show = {"type": "TV Show", "duration_minutes": "", "duration_seasons": 3, "date_added": ""}
    arrive(
        settings.landing,
        f"{DAYS[0]}/titles.csv",
        [netflix_title(1, title="Black Mirror: Bandersnatch"), netflix_title(2, **show)],
    )
    result = run(platform, DAYS[0])
    assert [e for e in result.get_asset_check_evaluations() if not e.passed] == []
    assert platform.sql(
        "SELECT t.show_key, short_title, rating_group, duration_minutes, duration_seasons, date, "
        "decade FROM gold.netflix_fact_titles AS f JOIN gold.netflix_dim_title AS t "
        "USING (show_key) JOIN gold.dim_date ON date_key = added_date_key "
        "JOIN gold.dim_released_year USING (year_key) ORDER BY ALL"
    ) == [
        ("1", "Black Mirror", "PG", 90, None, date(2019, 9, 9), 2010),
        ("2", "Title 2", "PG", None, 3, None, 2010),
    ]
    people = "SELECT show_key, person_name FROM gold.netflix_title_{} JOIN gold.netflix_dim_person "
    people += "USING (person_key) ORDER BY ALL"
    assert platform.sql(people.format("cast")) == [("1", "ADA"), ("2", "Bob")]
    assert platform.sql(people.format("director")) == [("2", "Cleo")]
    assert platform.sql("SELECT category_key FROM gold.netflix_title_category") == [
        ("sci-fi-fantasy",)
    ]
    assert platform.sql("SELECT country_key FROM gold.netflix_title_country") == [("poland",)]


class TestArrivals:
    """Stored rows do not depend on when, how often and in which order days were run."""

    @pytest.mark.slow
    def test_days_in_any_order_again_and_as_a_range_lead_to_the_same_tables(
        self, tmp_path, instance
    ):
        one, other = (Platform(load(data_dir=tmp_path / n), instance) for n in ("one", "other"))
        for platform in (one, other):
            landing = platform.settings.landing
            old, broken = netflix_title(1, title="Old"), netflix_title(9, type="")
            more = [netflix_title(number) for number in range(20, 60)]
            arrive(landing, f"{DAYS[0]}/a.csv", [old, netflix_title(2), broken, *more])
            arrive(landing, f"{DAYS[2]}/b.csv", [netflix_title(1, title="New"), netflix_title(3)])
        run(one, DAYS[0], DAYS[3], select=TITLES)
        contents = one.contents()
        assert one.sql(f"FROM ({STORED_TITLES}) WHERE show_id < '9' AND length(show_id) = 1") == [
            ("1", "New", DAYS[2]),
            ("2", "Title 2", DAYS[0]),
            ("3", "Title 3", DAYS[2]),
        ]
        assert len(contents["quarantine.netflix_titles"]) == 1
        run(one, DAYS[0], DAYS[3], select=TITLES)
        assert one.contents() == contents
        run(other, DAYS[2], select=TITLES)
        run(other, DAYS[0], select=TITLES)
        run(other, DAYS[0], select=TITLES)
        assert other.contents() == contents

    @pytest.mark.slow
    def test_an_empty_day_is_a_normal_day(self, platform):
        (platform.settings.landing / "netflix" / "titles").mkdir(parents=True)
        assert run(platform, DAYS[0], select=TITLES).success
        assert platform.sql(STORED_TITLES) == []

    @pytest.mark.slow
    def test_a_late_file_of_an_older_day_is_read_with_its_day(self, platform, titles):
        titles(f"{DAYS[0]}/titles.csv", [netflix_title(1)])
        titles(f"{DAYS[1]}/titles.csv", [netflix_title(2)])
        run(platform, *DAYS[:2], select=BRONZE)
        titles(f"{DAYS[0]}/late.csv", [netflix_title(3)])
        run(platform, DAYS[0], select=BRONZE)
        assert platform.sql(ARRIVED) == [
            ("1", "Title 1", DAYS[0]),
            ("2", "Title 2", DAYS[1]),
            ("3", "Title 3", DAYS[0]),
        ]

    def test_a_replaced_file_takes_the_place_of_the_old_one(self, platform, titles):
        titles(f"{DAYS[0]}/titles.csv", [netflix_title(1), netflix_title(2)])
        run(platform, DAYS[0], select=BRONZE)
        titles(f"{DAYS[0]}/titles.csv", [netflix_title(2, title="New")])
        run(platform, DAYS[0], select=BRONZE)
        assert platform.sql(ARRIVED) == [("2", "New", DAYS[0])]

    def test_a_file_that_was_taken_away_is_gone_when_its_day_is_run_again(self, platform, titles):
        titles(f"{DAYS[0]}/a.csv", [netflix_title(1)])
        away = titles(f"{DAYS[0]}/b.csv", [netflix_title(2)])
        run(platform, DAYS[0], select=BRONZE)
        away.unlink()
        run(platform, DAYS[0], select=BRONZE)
        assert platform.sql(ARRIVED) == [("1", "Title 1", DAYS[0])]
        assert platform.sql("SELECT source FROM landing.netflix_titles") == [
            (f"netflix/titles/{DAYS[0]}/a.csv",)
        ]

    @pytest.mark.slow
    def test_a_file_that_arrives_on_two_days_is_kept_as_it_arrived_last(self, platform, titles):
        for day in DAYS[:2]:
            titles(f"{day}/titles.csv", [netflix_title(1), netflix_title(2)])
        result = run(platform, *DAYS[:2], select=TITLES)
        assert platform.sql(STORED_TITLES) == [("1", "Title 1", DAYS[1]), ("2", "Title 2", DAYS[1])]
        kept = checked(result, "silver/netflix_titles", "conservation").metadata
        assert [kept[f"rows_{fate}"].value for fate in ("read", "kept", "duplicate")] == [4, 2, 2]

    @pytest.mark.slow
    def test_of_a_title_listed_twice_in_a_file_the_later_record_is_kept(self, platform, titles):
        others = [netflix_title(number) for number in range(20, 27)]
        old, new = netflix_title(1, title="Old"), netflix_title(1, title="New")
        titles(f"{DAYS[0]}/titles.csv", [*others, old, new])
        run(platform, DAYS[0], select=TITLES)
        records = platform.sql("SELECT split(source_row, '#')[2]::INT FROM bronze.netflix_titles")
        assert sorted(number for (number,) in records) == [*range(2, 11)]
        assert platform.sql(f"FROM ({STORED_TITLES}) WHERE show_id = '1'") == [
            ("1", "New", DAYS[0])
        ]

    @pytest.mark.slow
    def test_the_star_follows_a_title_that_arrives_again_and_one_that_is_taken_away(self, stored):
        platform = stored()
        again = netflix_title(1, title="Renamed", release_year=1931, date_added="1/13/2026")
        later = "2025-10-31"
        # No file holds the titles that are stored: when their day is run again, they are gone.
        arrive(platform.settings.landing, f"{later}/titles.csv", [again])
        run(platform, STORED_DAY, later, select=STAR)
        assert platform.sql("SELECT show_key, title FROM gold.netflix_dim_title") == [
            ("1", "Renamed")
        ]
        assert platform.sql("SELECT show_key, person_key FROM gold.netflix_title_cast") == [
            ("1", "ada")
        ]
        assert platform.sql(
            "SELECT decade_label FROM gold.netflix_fact_titles JOIN gold.dim_released_year "
            "USING (year_key)"
        ) == [("1930s",)]


class TestSchema:
    """Files change their format: no run fails, nothing is lost, and a check names the change."""

    def evolve(self, platform: Platform) -> dict[int, dg.ExecuteInProcessResult]:
        """Run four days: of the 9th as agreed, of the others each as it is not."""
        titles = partial(arrive, platform.settings.landing)
        known = [*netflix_title(0), "duration_seasons"]
        titles("2025-10-09/a.csv", [netflix_title(9)], known)
        titles("2025-10-10/a.csv", [netflix_title(10, country="Poland")], [*known, "country"])
        odd = netflix_title(12, release_year="Released 2019", country="")
        titles("2025-10-12/a.csv", [odd], [*known, "country"])
        less = [column for column in known if column != "description"]
        titles("2025-10-15/a.csv", [netflix_title(15)], less)
        return {
            number: run(platform, f"2025-10-{number:02}", select=select)
            for number, select in [(9, BRONZE), (10, BRONZE), (12, BRONZE), (15, TITLES)]
        }

    @pytest.mark.slow
    def test_a_new_column_a_changed_type_and_a_lost_column(self, platform):
        results = self.evolve(platform)
        assert all(result.success for result in results.values())
        columns = "show_id, country, release_year, _rescued_data, description, _problem"
        found = platform.sql(f"SELECT {columns} FROM bronze.netflix_titles ORDER BY show_id::INT")
        rescued = json.dumps({"release_year": "Released 2019"}, separators=(",", ":"))
        assert found == [
            ("9", None, 2019, None, "A description.", None),
            ("10", "Poland", 2019, None, "A description.", None),
            ("12", None, None, rescued, "A description.", None),
            ("15", None, 2019, None, None, None),
        ]
        assert platform.sql(
            "SELECT show_id, release_year, description FROM silver.netflix_titles "
            "ORDER BY show_id::INT"
        ) == [
            ("9", 2019, "A description."),
            ("10", 2019, "A description."),
            ("12", None, "A description."),
            ("15", 2019, None),
        ]
        said = {day: checked(result, BRONZE[0], "schema") for day, result in results.items()}
        assert [day for day, check in said.items() if check.passed] == [9]
        assert {check.severity for check in said.values()} == {dg.AssetCheckSeverity.WARN}
        assert "1 column is not in the contract: country." in said[10].description
        assert "1 record has values that do not fit their type." in said[12].description
        assert "Released 2019" in str(said[12].metadata)
        assert "1 column is not in all files: description." in said[15].description
        shown = {day: self.columns_shown(result) for day, result in results.items()}
        assert ["country" in columns for columns in shown.values()] == [False, True, True, True]
        described = "SELECT column_name FROM duckdb_columns() WHERE table_name = 'netflix_titles' "
        described += "AND schema_name = 'bronze' AND comment IS NOT NULL"
        assert ("country",) in platform.sql(described)

    def columns_shown(self, result: dg.ExecuteInProcessResult) -> list[str]:
        (event,) = result.asset_materializations_for_node("bronze__netflix_titles")
        schema = event.metadata.get("dagster/column_schema")
        return [column.name for column in schema.schema.columns] if schema else []


@pytest.mark.slow
def test_ids_of_another_edition_are_refused_with_an_example_and_the_reason(platform, titles):
    titles(f"{DAYS[0]}/a.csv", [*map(netflix_title, ["s1", "s2", "s3"]), netflix_title(4)])
    result = run(platform, DAYS[0], select=TITLES, raise_on_error=False)
    found = checked(result, "silver/netflix_titles", "quarantine")
    assert not result.success
    assert "3 rows: show_id is not a number, such as s1" in found.description


class TestRefused:
    """What is not what it should be stops what is below, and changes nothing there."""

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("reply", "reason"),
        [
            ((200, b"<!DOCTYPE html>"), "HTML instead of CSV"),
            ((200, b"actor,show_id\nAda,1\n"), "CSV without the column cast"),
            ((404, b"not found"), "404"),
        ],
    )
    def test_a_look_up_that_is_not_what_it_should_be_replaces_nothing(
        self, stored, tmp_path, reply, reason
    ):
        def lookup(name: str, header: Sequence[str]) -> Lookup:
            status, body = reply
            answer = httpx.Response(status, stream=httpx.ByteStream(body))
            transport = httpx.MockTransport(lambda _: answer)
            client = NetflixClient("https://user:sesame@netflix.invalid", transport=transport)
            return client.fetch(f"{name}.csv", header, tmp_path / f"{name}.csv")

        platform = stored(netflix_lookup=lookup)
        before = platform.contents()
        result = run(platform, STORED_DAY, select=CAST, raise_on_error=False)
        assert not result.success
        assert reason in error_of(result)
        assert "https://netflix.invalid/cast.csv" in error_of(result)
        assert "sesame" not in error_of(result)
        assert platform.contents() == before

    @pytest.mark.slow
    def test_values_of_titles_that_are_not_listed_are_a_warning(self, stored, tmp_path):
        cast = [("Ada", 1), ("Dan", 404), ("Bob", 2)]
        platform = stored(netflix_lookup=partial(on_disk, tmp_path, cast=cast))
        result = run(platform, STORED_DAY, select=[*CAST, "gold/netflix_dim_person"])
        assert result.success
        check = checked(result, "silver/netflix_cast", "references")
        assert not check.passed
        assert check.severity == dg.AssetCheckSeverity.WARN
        assert check.metadata["broken"].value == 1
        assert "404" in str(check.metadata["show_id -> silver.netflix_titles"].value)
        assert platform.sql("SELECT show_id, value FROM silver.netflix_cast ORDER BY ALL") == [
            ("1", "Ada"),
            ("2", "Bob"),
            ("404", "Dan"),
            ("tm1", "Ada"),
        ]
        assert platform.sql("FROM gold.netflix_title_cast ORDER BY ALL") == [
            ("1", "ada"),
            ("2", "bob"),
            ("tm1", "ada"),
        ]

    def test_too_many_broken_titles_stop_gold(self, stored):
        platform = stored()
        sound = [netflix_title(number) for number in range(3, 20)]
        titles = [*sound, netflix_title(1, type=""), netflix_title("none")]
        arrive(platform.settings.landing, f"{STORED_DAY}/titles.csv", titles)
        gold = "FROM gold.netflix_dim_title ORDER BY ALL"
        before = platform.sql(gold)
        result = run(
            platform,
            STORED_DAY,
            select=[*TITLES, "gold/netflix_dim_title"],
            raise_on_error=False,
        )
        check = checked(result, "silver/netflix_titles", "quarantine")
        assert not check.passed
        assert check.severity == dg.AssetCheckSeverity.ERROR
        assert check.metadata["share"].value == pytest.approx(2 / 19)
        assert not result.success
        assert platform.sql(gold) == before
