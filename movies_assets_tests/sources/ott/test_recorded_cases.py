"""Catalogues and events that once went wrong, and editions of real files, by the whole job."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from movies_assets.settings import load
from movies_assets_tests.conftest import STORED_DAY, Platform, arrive_ott, ott_user, ott_view
from movies_assets_tests.places import SHARED

CASES, ORIGINALS = SHARED / "cases", SHARED / "recorded" / "ott" / "NetflixOriginals.csv"
pytestmark = [
    pytest.mark.recorded,
    pytest.mark.slow,
    pytest.mark.skipif(not CASES.is_dir(), reason="recorded: ../shared/cases is not there"),
]
DISNEY = """\
show_id,type,title,director,cast,country,date_added,release_year,rating,duration,listed_in,\
description
s1,Movie,Duck the Halls,"Alonso, Dave",,,"November 26, 2021",2016,TV-G,23 min,\
"Animation, Family",Jingle.
s2,TV Show,Ernest,,,"United States, Canada",,2021,TV-PG,2 Seasons,Comedy,A tale.
"""
PLATFORMS = """\
ID,Title,Year,Age,IMDb,Rotten Tomatoes,Netflix,Hulu,Prime Video,Disney+,Type,Directors,\
Genres,Country,Language,Runtime
1,Inception,2010,13+,8.8/10,87%,1,0,0,0,0,Christopher Nolan,\
"Action,Adventure",United States,"English,Japanese",148.0
2,Unvoted,2011,,,,0,0,1,0,0,,,,,
"""


@pytest.fixture
def ran(tmp_path: Path, instance: dg.DagsterInstance) -> Callable[..., Platform]:
    """Run the job over a case, or over files of the catalogue by day."""

    def run(case: str | None = None, job: str = "ott_files", **days: str) -> Platform:
        settings = load(data_dir=tmp_path, ott={"first_day": "2025-10-01"})
        landing = settings.landing / "ott"
        if case:
            shutil.copytree(CASES / case, landing)
        for day, text in days.items():
            folder = landing / "titles" / f"2025-10-{day[1:]}"
            folder.mkdir(parents=True)
            (folder / "titles.csv").write_text(text)
        for folder in ("titles", "views", "users"):
            (landing / folder).mkdir(parents=True, exist_ok=True)
        if not (landing / "users" / STORED_DAY).exists():
            arrive_ott(settings.landing, STORED_DAY, users=[ott_user(1)])
        platform = Platform(settings, instance, resources={"ott_users": lambda _: []})
        first = min([*days, "d30"])
        platform.run(f"2025-10-{first[1:]}", STORED_DAY, job=job)
        return platform

    return run


def titles(platform: Platform, columns: str) -> list[Any]:
    return platform.sql(f"SELECT {columns} FROM gold.ott_dim_title ORDER BY title")


def test_another_header_is_an_edition_with_genres_and_scores(ran):
    platform = ran("ott-other-header")
    assert titles(platform, "title, genres, imdb_score, runtime_minutes") == [
        ("A Film", ["comedy", "drama"], 8.1, 100),
        ("Another Film", ["drama"], 6.4, 95),
    ]
    editions = "SELECT edition, missing_columns FROM landing.ott_titles"
    assert platform.sql(editions) == [
        ("movies on streaming platforms", ["release_year", "language"])
    ]
    ranked = "SELECT count(*) FROM gold.ott_top_movies_by_genre"
    assert platform.sql(ranked) == [(3,)]


def test_names_that_differ_in_signs_or_accents_are_titles_of_their_own(ran):
    platform = ran("ott-namesakes")
    assert titles(platform, "title, imdb_score") == [
        ("Blame", 7.1),
        ("Blame!", 6.6),
        ("Hail Harbour", 5.0),
        ("Hail, Harbour!", 6.3),
        ("Sebastian", 5.5),
        ("Sébastian", 6.0),
    ]


def test_titles_of_other_scripts_are_distinguished_by_their_marks(ran):
    platform = ran("ott-scripts")
    watched = "SELECT title, imdb_score, w.views FROM silver.ott_watched AS w"
    assert platform.sql(f"{watched} JOIN silver.ott_titles USING (title_key) ORDER BY 2") == [
        ("कमार", 3.2, 1),
        ("कुमार", 8.1, 1),
    ]
    assert platform.sql("FROM silver.ott_unmatched") == []


def test_a_score_of_0_is_unknown_and_its_views_count(ran):
    platform = ran("ott-score-zero")
    assert titles(platform, "title, imdb_score") == [("Not Rated Yet", None), ("Rated", 7.0)]
    assert platform.sql("SELECT title, sum(w.views) FROM silver.ott_watched AS w "
                        "JOIN silver.ott_titles USING (title_key) GROUP BY ALL") == [
        ("Not Rated Yet", 1)
    ]  # fmt: skip
    assert platform.sql("FROM quarantine.ott_titles") == []


def test_na_is_namibia_unless_it_is_in_small_letters(ran):
    platform = ran("ott-country-na", job="ott_daily")
    countries = "SELECT country FROM silver.ott_users ORDER BY user_id"
    assert platform.sql(countries) == [("NA",), ("PL",), (None,), ("ZA",)]


def test_a_catalogue_of_disney_has_genres_years_and_running_times_and_no_scores(ran):
    platform = ran(d30=DISNEY)
    columns = "title, genres, release_year, added_date::VARCHAR, runtime_minutes, imdb_score"
    assert titles(platform, columns) == [
        ("Duck the Halls", ["animation", "family"], 2016, "2021-11-26", 23, None),
        ("Ernest", ["comedy"], 2021, None, None, None),
    ]
    assert platform.sql("SELECT edition FROM silver.ott_titles") == [("Kaggle titles",)] * 2
    assert platform.sql("FROM quarantine.ott_titles") == []
    assert platform.sql("SELECT count(*) FROM gold.ott_top_movies_by_genre") == [(0,)]


def test_the_catalogue_of_many_platforms_has_scores_of_ten(ran):
    platform = ran(d30=PLATFORMS)
    columns = "title, genres, release_year, runtime_minutes, imdb_score, language"
    assert titles(platform, columns) == [
        ("Inception", ["action", "adventure"], 2010, 148, 8.8, "English,Japanese"),
        ("Unvoted", None, 2011, None, None, None),
    ]
    assert platform.sql("FROM quarantine.ott_titles") == []


def test_originals_keep_what_they_know_when_a_file_without_premieres_follows(ran):
    text = ORIGINALS.read_bytes().decode("cp1252")
    platform = ran(d29=text, d30="Title,Genres,IMDb,Runtime\nDark Forces,Thriller,7.9,\n")
    assert platform.sql("SELECT count(*) FROM gold.ott_dim_title") == [(584,)]
    assert platform.sql(
        "SELECT premiere::VARCHAR, language, runtime_minutes, imdb_score, genres, edition "
        "FROM silver.ott_titles WHERE title = 'Dark Forces'"
    ) == [("2020-08-21", "Spanish", 81, 7.9, ["thriller"], "movies on streaming platforms")]
    editions = platform.sql("SELECT DISTINCT edition FROM landing.ott_titles ORDER BY ALL")
    assert editions == [("NetflixOriginals",), ("movies on streaming platforms",)]


def test_views_of_a_title_spelt_otherwise_match_it(ran, tmp_path):
    landing = tmp_path / "landing"
    views = [ott_view(1, name) for name in ("inception", "INCEPTION!", "Unvoted?", "Incep tion")]
    arrive_ott(landing, STORED_DAY, views=views)
    platform = ran(d30=PLATFORMS)
    assert platform.sql("SELECT sum(views) FROM silver.ott_watched") == [(3,)]
    assert platform.sql("SELECT title, reason FROM silver.ott_unmatched") == [
        ("Incep tion", "not in the catalogue")
    ]
