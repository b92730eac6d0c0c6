"""Real rows of IMDb's seven dumps, materialized whole: every row ends in one place.

What is known of them is read from the files in plain Python.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest

from movies_assets.definitions import TABLES
from movies_assets.settings import load
from movies_assets.sources.imdb.settings import FILES
from movies_assets_tests.conftest import ALL_DUMPS, STORED_DAY, Platform, land
from movies_assets_tests.places import RECORDED

FOLDER = RECORDED / "imdb"
pytestmark = [
    pytest.mark.recorded,
    pytest.mark.slow,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="recorded: ../shared/recorded is not there"),
]
NULL = "\\N"
# The silver table of each file, and the column that quarantine names a row by.
SILVER = {
    "title.basics": ("imdb_titles", "tconst"),
    "title.ratings": ("imdb_ratings", "tconst"),
    "title.episode": ("imdb_episodes", "tconst"),
    "title.crew": ("imdb_crew", "tconst"),
    "title.principals": ("imdb_credits", "tconst"),
    "name.basics": ("imdb_people", "nconst"),
    "title.akas": ("imdb_akas", "tconst"),
}
Line = dict[str, str]


def lines_of(file: str) -> list[str]:
    """Return the lines of a dump, without its header."""
    return (FOLDER / f"{file}.tsv").read_bytes().decode().split("\n")[1:-1]


def rows_of(file: str) -> list[Line]:
    """Return the rows of a dump by the names of its header."""
    header = (FOLDER / f"{file}.tsv").read_text(encoding="utf-8").split("\n", 1)[0].split("\t")
    return [dict(zip(header, line.split("\t"), strict=True)) for line in lines_of(file)]


def digits(imdb_id: str) -> int:
    return int(imdb_id[2:])


def number(text: str) -> int | None:
    return None if text == NULL else int(text)


def movies() -> list[Line]:
    return [row for row in rows_of("title.basics") if row["titleType"] == "movie"]


def names(people: list[str]) -> str | None:
    """Return the names of people in their order, as gold shows them."""
    known = {row["nconst"]: row["primaryName"] for row in rows_of("name.basics")}
    return ", ".join(known[person] for person in people if person in known) or None


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """The seven files, materialized as one run date."""
    settings = load(data_dir=tmp_path_factory.mktemp("recorded"), imdb=ALL_DUMPS)
    dumps = {file: (FOLDER / f"{file}.tsv").read_bytes() for file in FILES}
    land(settings.landing, STORED_DAY, dumps)
    with dg.DagsterInstance.ephemeral() as instance:
        platform = Platform(settings, instance)
        assert platform.run(STORED_DAY, job="imdb_daily").success
        yield platform


@pytest.mark.parametrize("file", FILES)
def test_every_recorded_line_is_stored_as_it_was_received(stored, file):
    name = f"bronze.imdb_{file.replace('.', '_')}"
    received = ", ".join(
        f"coalesce({column}::VARCHAR, '{NULL}')"
        for column in TABLES[name].contract.types()
        if not column.startswith("_") and column != "run_date"
    )
    read = stored.sql(f"SELECT concat_ws(chr(9), {received}) FROM {name}")
    assert Counter(line for (line,) in read) == Counter(lines_of(file))


@pytest.mark.parametrize("file", FILES)
def test_every_recorded_row_is_kept_or_quarantined(stored, file):
    table, row_id = SILVER[file]
    places = stored.sql(
        f"SELECT {row_id} FROM silver.{table} UNION ALL SELECT row_id FROM quarantine.{table}"
    )
    first = next(iter(rows_of(file)[0]))
    assert Counter(place for (place,) in places) == Counter(row[first] for row in rows_of(file))


@pytest.mark.parametrize("file", FILES)
def test_no_recorded_row_is_quarantined(stored, file):
    assert stored.sql(f"FROM quarantine.{SILVER[file][0]}") == []


def test_titles_of_each_type(stored):
    counted = stored.sql("SELECT title_type, count(*) FROM silver.imdb_titles GROUP BY ALL")
    assert dict(counted) == Counter(row["titleType"] for row in rows_of("title.basics"))


def test_titles_have_their_ratings(stored):
    rated = stored.sql(
        "SELECT tconst, rating, votes FROM silver.imdb_titles WHERE votes IS NOT NULL"
    )
    titles = {row["tconst"] for row in rows_of("title.basics")}
    assert {tconst: figures for tconst, *figures in rated} == {
        row["tconst"]: [float(row["averageRating"]), int(row["numVotes"])]
        for row in rows_of("title.ratings")
        if row["tconst"] in titles
    }


def test_movies_by_genre_with_their_people(stored):
    crew = {row["tconst"]: row for row in rows_of("title.crew")}
    acting = defaultdict(dict)
    for row in rows_of("title.principals"):
        if row["category"] in ("actor", "actress") and int(row["ordering"]) <= 3:
            acting[row["tconst"]][int(row["ordering"])] = row["nconst"]

    def listed(tconst: str, role: str) -> str | None:
        return names(crew[tconst][role].split(","))

    made = stored.sql(
        "SELECT movie_key, genre, primary_title, start_year, directors, writers, top_actors, "
        "is_oscar_winner FROM gold.imdb_movie_facts"
    )
    assert Counter(made) == Counter(
        (
            digits(row["tconst"]),
            genre,
            row["primaryTitle"],
            number(row["startYear"]),
            listed(row["tconst"], "directors"),
            listed(row["tconst"], "writers"),
            names([person for _, person in sorted(acting[row["tconst"]].items())]),
            False,
        )
        for row in movies()
        for genre in row["genres"].replace(NULL, "Unknown").split(",")
    )


def test_the_top_list_has_the_movies_of_1000_votes(stored):
    votes = {row["tconst"]: int(row["numVotes"]) for row in rows_of("title.ratings")}
    listed = stored.sql("SELECT genre, movie_key, votes FROM gold.imdb_top_movies_by_genre")
    assert Counter(listed) == Counter(
        (genre, digits(row["tconst"]), votes[row["tconst"]])
        for row in movies()
        if votes.get(row["tconst"], 0) >= 1_000
        for genre in row["genres"].split(",")
    )


def test_series_are_those_of_the_titles_and_of_the_episodes(stored):
    titles = {row["tconst"]: row for row in rows_of("title.basics")}
    episodes = Counter(row["parentTconst"] for row in rows_of("title.episode"))
    own = {key for key, row in titles.items() if row["titleType"] in ("tvSeries", "tvMiniSeries")}

    def title_of(tconst: str) -> str:
        return titles[tconst]["primaryTitle"] if tconst in titles else "Unknown series"

    assert set(episodes) - set(titles), "the recording has an episode whose series is not in it"
    made = stored.sql("SELECT series_key, series_title, episodes FROM gold.imdb_dim_series")
    assert Counter(made) == Counter(
        (digits(tconst), title_of(tconst), episodes[tconst]) for tconst in own | set(episodes)
    )


def test_episodes_of_each_series_and_season(stored):
    counted = stored.sql(
        "SELECT series_key, season_number, episodes_in_season FROM gold.imdb_series_season_summary"
    )
    places = Counter(
        (digits(row["parentTconst"]), number(row["seasonNumber"]))
        for row in rows_of("title.episode")
    )
    assert Counter(counted) == Counter((*place, count) for place, count in places.items())


def test_premieres_and_finales_of_each_season(stored):
    seasons: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for row in rows_of("title.episode"):
        place = (int(row["episodeNumber"]), digits(row["tconst"]))
        seasons[row["parentTconst"], row["seasonNumber"]].append(place)
    for flag, first_or_last in [("is_season_premiere", min), ("is_finale", max)]:
        flagged = stored.sql(f"SELECT episode_key FROM gold.imdb_episode_facts WHERE {flag}")
        assert {key for (key,) in flagged} == {first_or_last(s)[1] for s in seasons.values()}


def test_without_a_rated_episode_all_figures_are_0(stored):
    rated = {row["tconst"] for row in rows_of("title.ratings")}
    assert not rated & {row["tconst"] for row in rows_of("title.episode")}
    figures: list[tuple[Any, ...]] = stored.sql(
        "SELECT DISTINCT avg_rating, pilot_rating, finale_rating, best_season_rating, "
        "finale_delta, popularity, binge_score, rated_episodes FROM gold.imdb_series_kpis"
    )
    assert figures == [(0,) * 8]
    assert stored.sql(
        "SELECT DISTINCT pilot_basis, finale_basis, best_season_basis, finale_delta_basis, "
        "binge_basis FROM gold.imdb_series_kpis"
    ) == [("none",) * 5]
    assert stored.sql("FROM gold.imdb_season_trends") == []
