"""The pages of one title and of one table, and the search in the header."""

import asyncio
from base64 import b64decode
from datetime import date
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from movies_assets.dashboard.covers import cover
from movies_assets.dashboard.filters import State
from movies_assets.dashboard.pages import person, table, title
from movies_assets.dashboard.search import search
from movies_assets.serving import formatting
from movies_assets.serving.reader import OpenSnapshot
from movies_assets_tests.dashboard.snapshots import HOSTILE, few, movie, publish
from movies_assets_tests.dashboard.test_pages import opened

LISTED = date(2025, 10, 1)
KNOWN = [
    ("tt0000001", "The Lamp", "movie", 1994, 9.0, 2_000),
    ("tt0000002", "Lamplight", "movie", 1994, 8.0, 1_000),
    ("tt0000010", "The Lamp", "series", 2001, 7.5, 900),
    ("netflix:80", HOSTILE, None, None, None, None),
    ("ott:a/b?c#d", "Ünïcode", "movie", 2020, None, None),
]
WORLD: dict[str, list[dict[str, Any]]] = {
    "gold.dim_title": [
        {"title_key": key, "tconst": key if key.startswith("tt") else None, "title": name,
         "title_source": "imdb", "kind": kind, "kind_source": kind and "imdb", "year": year,
         "year_source": year and "imdb", "genres": ["Drama"], "genres_source": "imdb",
         "rating": rating, "votes": votes, "sources_count": 2, "is_runtime_disputed": False,
         "search_text": name.lower().replace("ü", "u").replace("ï", "i")}
        for key, name, kind, year, rating, votes in KNOWN
    ],
    "gold.title_links": [
        {"source": "netflix", "source_id": "81", "title_key": "tt0000001", "tconst": "tt0000001",
         "method": "name and year", "confidence": 0.97, "runner_up": "tt0000002",
         "runner_up_confidence": 0.02, "name": "lamp", "year_difference": 0,
         "runtime_difference": 1, "shared_people": 2, "rivals": 2, "linked_date": LISTED},
        {"source": "yts", "source_id": "5", "title_key": "tt0000001", "tconst": "tt0000001",
         "method": "id", "confidence": 0.99, "linked_date": LISTED},
    ],
    "gold.title_key_history": [
        {"old_key": "netflix:81", "new_key": "tt0000001", "since": LISTED, "reason": "name"},
    ],
    "gold.title_ratings": [
        {"title_key": "tt0000001", "imdb_rating": 9.0, "imdb_votes": 2_000, "imdb_date": LISTED,
         "yts_rating": 8.9, "yts_date": LISTED},
    ],
    "gold.imdb_rating_history": [
        {"title_key": 1, "run_date": date(2025, 10, day), "rating": 9.0, "votes": 1_900 + day}
        for day in (1, 3)
    ],
    "gold.title_availability": [
        {"title_key": "tt0000001", "source": "netflix", "since_date": LISTED, "listings": 1},
        {"title_key": "tt0000001", "source": "yts", "listings": 2},
    ],
    "gold.netflix_dim_title": [
        {"show_key": "81", "title": "Lamp", "description": "A lamp is found."},
    ],
    "gold.netflix_dim_person": [{"person_key": "ada king", "person_name": "Ada King"}],
    "gold.netflix_title_cast": [{"show_key": "81", "person_key": "ada king"}],
    "gold.imdb_movie_facts": [
        *movie(1, "The Lamp", 1994, "Drama", rating=9.0, votes=2_000, directors="Bo Li",
               top_actors="Ada KING, Cy Oz", writers="Di Ko", is_oscar_winner=True),
        *(row for number in range(2, 11)
          for row in movie(number, "Lamplight", 1994, "Drama", rating=8.0, votes=1_000)),
    ],
    "meta.tables": [{"table_name": "gold.lamps", "layer": "gold", "source": "imdb", "rows": 2,
                     "description": "One row per lamp.", "is_published": False}],
    "meta.columns": [{"table_name": "gold.lamps", "column_name": name, "position": place}
                     for place, name in enumerate(["key", "watts"], 1)],
    "meta.column_lineage": [
        {"table_name": "gold.lamps", "column_name": "watts", "upstream": "silver.lamps",
         "upstream_column": "power"},
        {"table_name": "silver.lamps", "column_name": "power", "upstream": "bronze.lamps",
         "upstream_column": "raw"},
    ],
    "gold.data_quality_snapshot": [
        {"table_name": "gold.lamps", "column_name": "watts", "row_count": 4, "null_count": 1,
         "minimum": "5", "maximum": "60", "last_day": LISTED, "partition": "all"},
        {"table_name": "gold.lamps", "column_name": "watts", "row_count": 9, "null_count": 0,
         "last_day": date(2020, 1, 1), "partition": "old"},
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> OpenSnapshot:
    return opened(publish(tmp_path_factory.mktemp("world"), "a", WORLD))


def show(module: Any, snapshot: OpenSnapshot, **values: Any) -> Any:
    async def loaded() -> Any:
        return await module.load(snapshot, await module.resolve(snapshot, State(values)))

    return asyncio.run(loaded())


# --- A title


def test_the_most_voted_title_is_shown_first(world):
    assert show(title, world).about["title_key"] == "tt0000001"


def test_a_key_that_another_one_replaced_leads_to_that(world):
    assert show(title, world, title="netflix:81").about["title_key"] == "tt0000001"


def test_a_link_is_proved_in_words(world):
    proof = (
        "the name “lamp”, the same year, 1 minute apart, 2 people in common, "
        "2 candidates of that name within a year"
    )
    netflix, yts = title.link_rows(show(title, world, title="tt0000001").links)
    assert netflix == (
        ["Netflix", "Lamp", "name and year", proof, "97.0%", "Lamplight (1994), 2.0%"],
        "/title/tt0000002",
    )  # fmt: skip
    assert yts[0][2:] == [
        "the id at IMDb that it states", formatting.NONE, "99.0%", formatting.NONE
    ]  # fmt: skip
    assert yts[1] is None


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "–"), (0, "0.0%"), (1e-9, "under 0.1%"), (0.004, "0.4%"), (0.9999955, "over 99.9%"),  # noqa: RUF001
     (1, "100.0%")],
)  # fmt: skip
def test_what_is_not_certain_is_never_0_or_100_percent(value, shown):
    assert title.likelihood(value) == shown


def test_a_rating_is_compared_with_known_movies_of_its_genre_and_decade(world):
    place = title.figures(show(title, world, title="tt0000001"))[2]
    assert (place.value, place.hint) == (
        "90%", "of 10 known movies of the 1990s in Drama have a lower rating"
    )  # fmt: skip
    few_peers = title.figures(show(title, world, title="ott:a/b?c#d"))[2]
    assert few_peers.value == formatting.NONE


def test_what_no_source_knows_is_a_dash(world):
    data = show(title, world, title="netflix:80")
    assert [kpi.value for kpi in title.figures(data)] == [formatting.NONE] * 3 + ["2", "0"]
    facts = {cells[0]: cells[1:] for cells, _ in title.fact_rows(data.about, data.movie)}
    assert facts["Year"] == facts["Kind"] == (formatting.NONE, formatting.NONE)
    assert facts["Title"] == (HOSTILE, "IMDb")
    assert "kind unknown" in title.describe(data.about).lower()


def test_a_movie_has_what_imdb_knows_of_movies(world):
    data = show(title, world, title="tt0000001")
    rows = [cells for cells, _ in title.fact_rows(data.about, data.movie)]
    assert rows[-2:] == [
        ("Writers", "Di Ko", "IMDb"), ("Oscar", "an alternate title names one", "IMDb")
    ]  # fmt: skip
    unknown = data.movie | {"is_oscar_winner": None}
    assert "Oscar" not in {cells[0] for cells, _ in title.fact_rows(data.about, unknown)}


def test_ratings_name_whose_they_are_and_their_day(world):
    rows = [cells for cells, _ in title.rating_rows(show(title, world, title="tt0000001"))]
    assert rows == [
        ("IMDb", "9.0", "2,000", "2025-10-01"),
        ("YTS, of IMDb", "8.9", formatting.NONE, "2025-10-01"),
    ]


def test_a_person_whom_two_sources_name_is_one_row_of_both(world):
    assert title.people_rows(show(title, world, title="tt0000001").people) == [
        (("Bo Li", "director", "IMDb"), "/person/bo%20li"),
        (("Ada KING", "actor", "IMDb, Netflix"), "/person/ada%20king"),
        (("Cy Oz", "actor", "IMDb"), "/person/cy%20oz"),
    ]


def test_a_source_that_states_no_day_has_a_dash(world):
    rows = [cells for cells, _ in title.offer_rows(show(title, world, title="tt0000001").available)]
    assert rows == [
        ("Netflix", "2025-10-01", "1 title"), ("YTS", formatting.NONE, "2 titles")
    ]  # fmt: skip


def test_an_empty_snapshot_has_no_title(tmp_path):
    data = show(title, opened(publish(tmp_path, "a", {})))
    assert data.about is None
    assert [kpi.value for kpi in title.figures(data)] == [formatting.NONE] * 5


@pytest.mark.parametrize("name", ["The Lamp", HOSTILE, "", "W" * 500, "مصباح", "a\x00b\ud800"])
def test_a_cover_is_an_image_of_any_title(name):
    address = cover(name, "1994")
    svg = ET.fromstring(  # noqa: S314 (our own)
        b64decode(address.removeprefix("data:image/svg+xml;base64,"))
    )
    assert [each.tag.rpartition("}")[2] for each in svg][:2] == ["rect", "rect"]


def test_votes_over_time_have_a_gap_where_there_was_no_dump(world):
    history = show(title, world, title="tt0000001").history
    assert title.history_line(history, "votes").rows == [
        ("1 Oct 2025", "1,901"), ("2 Oct 2025", formatting.NONE), ("3 Oct 2025", "1,903"),
    ]  # fmt: skip
    assert title.history_line(history, "rating").rows[0] == ("1 Oct 2025", "9.0")
    assert title.history_line(history[:2], "votes") is None


# --- A person


def test_a_person_has_the_titles_of_all_sources_each_counted_once(world):
    data = show(person, world, person=person.a_name("Ada King"))
    assert person.title_rows(data.credits) == [
        (("The Lamp", "Movie", "1994", "actor", "9.0", "2,000", "IMDb, Netflix"),
         "/title/tt0000001"),
    ]  # fmt: skip
    assert [kpi.value for kpi in person.figures(data.credits)] == ["1", "0", "1", "9.0", "9.0"]
    assert person.spelling(data) == "Ada KING"


def test_a_part_of_a_name_is_no_person(world):
    data = show(person, world, person="ada")
    assert (data.credits, person.spelling(data)) == ([], "ada")
    assert [kpi.value for kpi in person.figures([])][3:] == [formatting.NONE] * 2


def test_the_person_with_most_titles_is_shown_first(world):
    assert show(person, world).name == "ada king"


# --- The search


@pytest.mark.parametrize(
    ("sought", "found"),
    [
        ("LAMP", ["/title/tt0000002", "/title/tt0000001", "/title/tt0000010", "/table/gold.lamps"]),
        ("unic", ["/title/ott:a%2Fb%3Fc%23d"]),
        ("ADA", ["/person/ada%20king"]),
        ("the lamp", ["/title/tt0000001", "/title/tt0000010"]),
        ("l", []),
        ("%", []),
        ("no such", []),
    ],
)
def test_the_search_finds_titles_by_their_beginning_then_votes_and_tables(world, sought, found):
    assert [each.value for each in asyncio.run(search(world, sought))] == found


# --- A table


def test_a_column_is_drawn_with_all_that_it_is_computed_from(world):
    data = show(table, world, table="gold.lamps", column="watts")
    figure = table.lineage_flow(data)
    assert figure.rows == [
        ("gold.lamps.watts", "silver.lamps.power"), ("silver.lamps.power", "bronze.lamps.raw")
    ]  # fmt: skip
    assert table.origin_rows(data) == [
        (("key", "no column"), None),
        (("watts", "silver.lamps.power"), {"column": "watts"}),
    ]


def test_a_table_has_the_profile_of_its_newest_partition(world):
    rows = [
        cells for cells, _ in table.profile_rows(show(table, world, table="gold.lamps").profile)
    ]
    assert rows == [("watts", "4", "25.0%", formatting.NONE, "5", "60")]


def test_rows_that_are_not_published_are_not_shown(world):
    assert show(table, world, table="gold.lamps").sample is None


def test_rows_of_single_users_are_never_shown(tmp_path):
    data = show(table, opened(publish(tmp_path, "a", few())), table="gold.ott_dim_user")
    assert data.sample is None
