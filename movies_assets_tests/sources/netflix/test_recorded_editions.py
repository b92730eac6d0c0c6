"""Netflix's catalogue in the editions that people have, by the whole job: every value as given."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import partial
from typing import Any

import dagster as dg
import pytest

from movies_assets.settings import load
from movies_assets_tests.conftest import Platform, on_disk
from movies_assets_tests.places import CASES

pytestmark = [
    pytest.mark.recorded,
    pytest.mark.slow,
    pytest.mark.skipif(not CASES.is_dir(), reason="recorded: ../shared/cases is not there"),
]
JOINED = """
    SELECT show_key, coalesce(string_agg({value}, ' | ' ORDER BY {value}), '')
    FROM gold.netflix_dim_title LEFT JOIN (
        SELECT show_key, {value} FROM gold.netflix_title_{junction}
        JOIN gold.netflix_dim_{dimension} USING ({dimension}_key)) USING (show_key)
    GROUP BY ALL ORDER BY ALL"""
FACTS = """
    SELECT show_key, type, title, date, year_key, t.rating, duration_minutes, duration_seasons,
        duration_rank
    FROM gold.netflix_fact_titles AS f JOIN gold.netflix_dim_title AS t USING (show_key)
    JOIN gold.dim_date ON date_key = added_date_key ORDER BY show_key"""


def not_asked_for(name: str, _: Sequence[str]) -> Any:
    raise AssertionError(f"the look-up {name} was asked for")


@pytest.fixture
def run(tmp_path, instance) -> Callable[..., tuple[dg.ExecuteInProcessResult, Platform]]:
    """Runs the whole job on the files of a case, one day after the other."""

    def run_case(case: str, lookup: Any = not_asked_for) -> Any:
        settings = load(data_dir=tmp_path / "data")
        folder = settings.landing / "netflix" / "titles"
        folder.parent.mkdir(parents=True)
        folder.symlink_to(CASES / case)
        platform = Platform(settings, instance, resources={"netflix_lookup": lookup})
        for day in sorted(path.name for path in (CASES / case).iterdir()):
            result = platform.run(day, job="netflix_daily", raise_on_error=False)
        return result, platform

    return run_case


def red(result: dg.ExecuteInProcessResult) -> Mapping[str, str]:
    """Return the checks that are red, and what they say."""
    return {
        f"{'/'.join(found.asset_key.path)} {found.check_name}": found.description or ""
        for found in result.get_asset_check_evaluations()
        if not found.passed
    }


def values(platform: Platform, junction: str, dimension: str) -> dict[str, str]:
    query = JOINED.format(junction=junction, dimension=dimension, value=f"{dimension}_name")
    return dict(platform.sql(query))


def editions(platform: Platform) -> list[tuple[Any, ...]]:
    return platform.sql("SELECT DISTINCT edition FROM landing.netflix_titles")


def test_kaggle_2019_ends_as_a_full_star(run):
    result, platform = run("netflix-kaggle-2019")
    assert red(result) == {}
    assert editions(platform) == [("Kaggle 2019",)]
    november = date(2019, 11, 30)
    lantern, compass, ferry = "81193313", "81197050", "81213894"
    assert platform.sql(FACTS) == [
        (lantern, "TV Show", "The Lantern Street", november, 2019, "TV-14", None, 3, None),
        (compass, "Movie", "The Paper Compass", november, 2017, "PG", 67, None, 1),
        (ferry, "TV Show", "Night Ferry", None, 2016, "TV-MA", None, 1, None),
    ]
    assert values(platform, "cast", "person") == {
        lantern: "Ada Marlow | Benno Falk",
        compass: "Ada Marlow | Dev Rane | Eli Stone",
        ferry: "",
    }
    assert values(platform, "director", "person") == {
        lantern: "",
        compass: "Cara Lind",
        ferry: "Fay Osman | Gus Hale",
    }
    assert values(platform, "country", "country") == {
        lantern: "South Korea",
        compass: "Norway | United States",
        ferry: "",
    }
    assert values(platform, "category", "category") == {
        lantern: "International TV Shows | Korean TV Shows",
        compass: "Children & Family Movies | Comedies",
        ferry: "TV Dramas",
    }


def test_kaggle_2021_ends_as_a_full_star_in_a_namespace_of_its_own(run):
    result, platform = run("netflix-kaggle-2021")
    assert red(result) == {}
    assert editions(platform) == [("Kaggle 2021",)]
    days = [date(2021, 9, 25), date(2021, 9, 24), date(2017, 4, 4), date(2021, 9, 25)]
    assert platform.sql(FACTS) == [
        ("s1", "Movie", "The Paper Compass", days[0], 2020, "PG-13", 90, None, 2),
        ("s2", "TV Show", "Lantern Street", days[1], 2021, "TV-MA", None, 2, None),
        ("s3", "Movie", "An Evening With Nobody", days[2], 2017, None, 74, None, 3),
        ("s8807", "Movie", "Night Ferry", days[3], 2015, "UR", 111, None, 1),
    ]
    assert values(platform, "cast", "person") == {
        "s1": "Ada Marlow | Dev Rane | Eli Stone",
        "s2": "Ada Marlow | Benno Falk",
        "s3": "",
        "s8807": "Ines Park",
    }
    assert values(platform, "director", "person") == {
        "s1": "Cara Lind",
        "s2": "",
        "s3": "Hal Ode",
        "s8807": "Fay Osman | Gus Hale",
    }
    assert values(platform, "country", "country") == {
        "s1": "Norway | United States",
        "s2": "South Korea",
        "s3": "United States",
        "s8807": "France",
    }
    assert values(platform, "category", "category") == {
        "s1": "Children & Family Movies | Comedies",
        "s2": "International TV Shows | TV Dramas",
        "s3": "Movies",
        "s8807": "Dramas",
    }


def test_durations_that_a_later_file_does_not_have_stay(run, tmp_path):
    _, platform = run("netflix-columns-lost", partial(on_disk, tmp_path))
    assert platform.sql(
        "SELECT show_id, duration_minutes, duration_seasons, duration_rank "
        "FROM silver.netflix_titles ORDER BY ALL"
    ) == [("1", 91, None, 3), ("2", 92, None, 2), ("3", 93, None, 1), ("4", None, 5, None)]
    lost = ["duration_minutes", "duration_seasons"]
    assert platform.sql(
        "SELECT partition_key, edition, missing_columns FROM landing.netflix_titles ORDER BY ALL"
    ) == [
        ("2025-10-29", "Netflix, five files", []),
        ("2025-10-30", "Netflix, five files", lost),
    ]
