"""What the pages load from a small world with known answers, and from an empty one."""

import asyncio
import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from movies_assets.dashboard.filters import State
from movies_assets.dashboard.layout import GENRES, status_text
from movies_assets.dashboard.pages import audience, movies, releases, series
from movies_assets.dashboard.prepared import PREPARED
from movies_assets.serving import formatting
from movies_assets.serving.queries.quality import SNAPSHOT
from movies_assets.serving.reader import OpenSnapshot
from movies_assets_tests.dashboard.snapshots import ARABIC, HOSTILE, NOW, few, movie, publish

PAGES = (movies.PAGE, series.PAGE, releases.PAGE, audience.PAGE)
CONFIG = {"memory_limit": "200MB", "threads": 1}


def opened(path: Path) -> OpenSnapshot:
    return OpenSnapshot(path, PREPARED, CONFIG, 100)


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> OpenSnapshot:
    return opened(publish(tmp_path_factory.mktemp("world"), "a", few()))


@pytest.fixture(scope="module")
def empty(tmp_path_factory) -> OpenSnapshot:
    return opened(publish(tmp_path_factory.mktemp("empty"), "a", {}))


def load(module: Any, snapshot: OpenSnapshot, **values: Any) -> Any:
    async def resolved() -> Any:
        resolve = module.PAGE.resolve
        state = State(values)
        return await module.load(snapshot, await resolve(snapshot, state) if resolve else state)

    return asyncio.run(resolved())


def ask(snapshot: OpenSnapshot, query: str, **parameters: Any) -> list[dict[str, Any]]:
    return asyncio.run(snapshot.ask(query, **parameters))


# --- Movies


def test_a_movie_of_many_genres_counts_once(world):
    kpis = load(movies, world).kpis
    assert (kpis["movies"], kpis["rated"], kpis["votes"]) == (6, 5, 9_512)
    assert kpis["mean"] == pytest.approx((9 + 7 + 6.5 + 8 + 3) / 5)
    votes = [(9, 2_000), (7, 1_000), (6.5, 5_000), (8, 1_500), (3, 12)]
    assert kpis["weighted"] == pytest.approx(sum(r * v for r, v in votes) / 9_512)
    assert kpis["runtime"] == 90


def test_a_genre_whose_name_begins_like_another_is_not_counted_with_it(world):
    """'Musical' begins with 'Music'."""
    assert load(movies, world, genre="Music").kpis["movies"] == 1
    assert load(movies, world).kpis["movies"] == 6


@pytest.mark.parametrize(
    ("values", "titles"),
    [
        ({}, ["Alpha", ARABIC, "Beta", HOSTILE]),
        ({"genre": "Drama"}, ["Alpha", "Beta"]),
        ({"years": (1999, 1999)}, ["Beta", HOSTILE]),
        ({"years": (None, 1994)}, ["Alpha"]),
        ({"decade": 2000}, [ARABIC]),
        ({"band": "Great"}, ["Beta"]),
        ({"rating": 13, "votes": 7}, [HOSTILE]),
        ({"genre": "Horror"}, []),
    ],
)
def test_every_filter_filters_the_movies(world, values, titles):
    data = load(movies, world, **values)
    assert [row["primary_title"] for row in data.best] == titles
    assert sum(row["movies"] for row in load(movies, world, **values).by_band) >= len(titles)


def test_a_movie_without_genre_and_year_is_unknown(world):
    assert load(movies, world, genre="Unknown").kpis["movies"] == 1


def test_a_chart_leaves_out_what_is_chosen_by_itself(world):
    data = load(movies, world, genre="Drama", decade=1990, band="Great")
    assert {row["decade"] for row in data.by_genre_and_decade} == {1990}
    assert {row["rating_band"] for row in data.by_band} == {"Excellent", "Great"}
    assert data.kpis["movies"] == 1


def test_the_best_movies_are_those_of_the_gold_table(tmp_path):
    """gold.imdb_top_movies_by_genre ranks in a genre and decade by rating, then votes."""
    rows = [
        row
        for key, (rating, votes) in enumerate([(9, 1_000), (9, 3_000), (9.5, 999), (8, 10**6)], 1)
        for row in movie(key, f"Movie {key}", 1995, "Drama", rating=rating, votes=votes)
    ]
    snapshot = opened(publish(tmp_path, "a", {"gold.imdb_movie_facts": rows}))
    best = load(movies, snapshot, genre="Drama", decade=1990).best
    assert [row["movie_key"] for row in best] == [2, 1, 4]


def test_trending_movies_are_movies_within_the_filters(world):
    titles = [row["primary_title"] for row in load(movies, world).trending]
    assert titles == ["Beta", HOSTILE]
    assert [r["primary_title"] for r in load(movies, world, genre="Comedy").trending] == [HOSTILE]


def test_votes_fall_into_two_steps_a_power_of_ten(world):
    rows = ask(world, "SELECT DISTINCT votes, votes_step FROM prepared.movies ORDER BY votes")
    said = {
        row["votes"]: movies.show_votes(row["votes_step"])
        for row in rows
        if row["votes"] is not None
    }
    assert said == {12: "10+", 1_000: "1k+", 1_500: "1k+", 2_000: "1k+", 5_000: "3k+"}


def test_the_share_of_genres_adds_up_and_says_what_a_click_chooses(world):
    figure = movies.genre_shares(load(movies, world, genre="Drama", decade=1990))
    assert figure is not None
    by_name = {one["name"]: one["data"] for one in figure.options["series"]}
    shares = [data[1] for data in by_name.values()]
    assert sum(point["value"] for point in shares) == pytest.approx(1, abs=0.001)
    assert by_name["Drama"][1]["pick"] == {"decade": "1990", "genre": "Drama"}
    assert "itemStyle" not in by_name["Drama"][1]
    assert by_name["Comedy"][1]["itemStyle"]["opacity"] < 1
    assert len(figure.rows) == len(figure.picks)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "No movies"),
        ({"years": (1920, 1920), "genre": "Horror"}, "No movies of 1920 in Horror"),
        ({"years": (1990, None)}, "No movies from 1990"),
        ({"decade": 1990, "rating": 15}, "No movies with decade 1990s and rating 7.5–7.9"),  # noqa: RUF001
    ],
)
def test_an_empty_chart_names_the_missing_values(values, words):
    assert movies.nothing(State(values)) == words


# --- Series


def test_the_series_with_most_votes_is_chosen_at_first(world):
    data = load(series, world)
    assert data.about["series_label"] == "The Lamp (2001)"
    assert load(series, world, genre="Comedy").about["series_label"] == "Élan (2010)"
    assert load(series, world, years=(2015, None)).about["series_label"] == "Lamplight (2020)"


def test_the_figures_of_a_series_are_those_of_gold_and_0_where_there_is_nothing(world):
    lamp = [kpi.value for kpi in series.figures(load(series, world, series=10).about)]
    assert lamp == ["7.5", "4.5", "8.5", "6.0", "−1.50"]  # noqa: RUF001
    elan = series.figures(load(series, world, series=11).about)
    assert [(kpi.value, kpi.tone) for kpi in elan] == [("0.0", "")] * 4 + [("0.00", "")]
    assert [kpi.value for kpi in series.figures(None)] == ["0.0"] * 4 + ["0.00"]


def test_a_series_without_a_rated_episode_has_dashes_and_others_their_basis(world):
    about = dict(load(series, world, series=10).about)
    known = series.figures(about | {"pilot_basis": "pilot S1E1", "finale_basis": "finale S2E3"})
    assert [known[2].hint, known[3].hint] == ["pilot S1E1", "finale S2E3"]
    none = series.figures(about | {"pilot_basis": "none", "finale_basis": "none"})
    assert [(kpi.value, kpi.tone) for kpi in none] == [(formatting.NONE, "")] * 5


def test_figures_are_graded_by_sign_and_colour(world):
    tones = [kpi.tone for kpi in series.figures(load(series, world, series=10).about)]
    assert tones == ["fair", "bad", "good", "bad", "bad"]


@pytest.mark.parametrize(
    ("sought", "labels"),
    [
        ("lamp", ["Lamplight (2020)", "The Lamp (2001)"]),  # the beginning before the middle
        ("LAMP (2", ["The Lamp (2001)"]),
        ("elan", ["Élan (2010)"]),
        ("(2020)", ["Lamplight (2020)"]),
        ("%", []),
        ("_", []),
        ("' OR 1=1 --", []),
        ("", ["The Lamp (2001)", "Lamplight (2020)", f"{HOSTILE} (1999)", "Élan (2010)"]),
    ],
)
def test_a_search_finds_series_by_their_beginning_then_their_middle_then_votes(
    world, sought, labels
):
    found = asyncio.run(series.search(world, State(), sought))
    assert [option.label for option in found] == labels


def test_the_slicers_narrow_the_search(world):
    found = asyncio.run(series.search(world, State({"genre": "Drama", "years": (2010, None)}), ""))
    assert [option.label for option in found] == ["Lamplight (2020)"]


def test_episodes_are_lines_and_cells_by_season(world):
    data = load(series, world, series=10)
    assert [series.code(row) for row in data.episodes] == ["S1E1", "S1E2", "S2E1", "S2E2"]
    lines, heat = series.episode_lines(data), series.episode_heat(data)
    assert [one["name"] for one in lines.options["series"]] == ["Season 1", "Season 2"]
    assert heat.options["yAxis"]["data"] == ["S2", "S1"], "the first season is on top"
    (cells,) = [one["data"] for one in heat.options["series"]]
    assert [cell["value"] for cell in cells] == [[0, 1, 8.5], [1, 1, 7.9], [0, 0, 7.6], [1, 0, 6.0]]
    assert cells[0]["tip"].startswith("S1E1 Episode 101")


def test_the_best_and_the_worst_episode_are_those_of_the_chosen_season(world):
    assert [
        kpi.value for kpi in series.best_and_worst(load(series, world, series=10).extremes)
    ] == [
        "9.9 · Special",
        "6.0 · S2E2",
    ]
    chosen = load(series, world, series=10, season=1).extremes
    assert [kpi.value for kpi in series.best_and_worst(chosen)] == ["8.5 · S1E1", "7.9 · S1E2"]


def test_an_only_episode_is_the_best_and_the_worst(world):
    kpis = series.best_and_worst(load(series, world, series=12).extremes)
    assert [kpi.value for kpi in kpis] == ["2.0 · S1E1"] * 2


def test_specials_come_after_the_seasons(world):
    rows = series.season_rows(load(series, world, series=10).seasons)
    assert [cells[0] for cells, _ in rows] == ["Season 1", "Season 2", "Specials"]


# --- Releases


def test_releases_are_counted_by_year_and_type(world):
    data = load(releases, world)
    assert [kpi.value for kpi in releases.figures(data.totals)] == [
        "2,043",
        "2,000",
        "40",
        "0",
        "3",
    ]
    bars = releases.year_bars(data)
    assert bars.options["xAxis"]["data"] == ["2023", "2024", "2025"], "a gap is seen"
    values = {one["name"]: [p["value"] for p in one["data"]] for one in bars.options["series"]}
    assert values == {
        "Movies": [1200, None, 800],
        "Series": [None, None, 40],
        "Games": [3, None, None],
    }


def test_a_chosen_year_and_type_filter_the_figures(world):
    data = load(releases, world, year=2025, media="movie")
    assert data.totals["titles"] == 800
    assert len(data.by_year) == 4, "the charts still show what else could be chosen"
    assert load(releases, world, years=(None, 2024)).totals["titles"] == 1_203
    assert releases.nothing(State({"years": (1900, 1900)})) == "No releases, 1900"


# --- Audience


def test_views_are_those_of_all_days_or_of_the_chosen_one(world):
    assert load(audience, world).watched["views"] == 7
    assert load(audience, world, day="2025-10-31").watched["views"] == 4
    assert load(audience, world, genre="Drama").watched["views"] == 5
    assert [row["views"] for row in load(audience, world).by_day] == [3, 4]
    assert [row["views"] for row in load(audience, world, genre="Comedy").by_day] == [0, 2]


def test_days_without_views_are_gaps_and_days_without_any_of_a_genre_are_0(tmp_path):
    few_days = [
        {"period": f"{day}", "title_key": key, "views": 2, "viewers": 1, "rank": 1,
         "watched_date": day}
        for key, day in (("one", date(2025, 10, 28)), ("two", date(2025, 10, 31)))
    ]  # fmt: skip
    gappy = opened(publish(tmp_path, "a", few() | {"gold.ott_popular_movies": few_days}))
    figure = audience.day_bars(load(audience, gappy, genre="Comedy"))
    assert figure.options["xAxis"]["data"] == ["28 Oct", "29 Oct", "30 Oct", "31 Oct"]
    assert figure.options["yAxis"]["minInterval"] == 1
    (bars,) = figure.options["series"]
    assert [point["value"] for point in bars["data"]] == [0, None, None, 2]
    assert figure.rows[1] == ("29 Oct 2025", formatting.NONE)
    assert figure.picks == [{}, {}, {}, {"day": "2025-10-31"}]
    assert audience.day_bars(load(audience, gappy, genre="Crime")) is None


def test_genres_of_the_service_have_the_spelling_of_all(world):
    assert [row["name"] for row in load(audience, world).engagement] == [
        "Drama",
        "Comedy",
        "Puppetry",
    ]
    assert [row["genre"] for row in ask(world, GENRES)] == [
        "Comedy", "Crime", "Drama", "Music", "Musical", "Puppetry", "Talk-Show", "Unknown",
    ]  # fmt: skip


def test_popular_titles_keep_their_place_among_all(world):
    rows = audience.popular_rows(load(audience, world, genre="Comedy").popular)
    assert [cells[:2] for cells, _ in rows] == [("2", HOSTILE)]


def test_recommendations_are_those_of_the_chosen_user_with_the_reason(world):
    data = load(audience, world, user="aa11")
    assert [row["reason"] for row in data.recommended] == ["you like drama: number 1"]
    assert audience.describe(data.user) == "Chile · since 3 Feb 2024 · prefers drama"
    nobody = load(audience, world, user="bb22")
    assert nobody.recommended == []
    assert audience.describe(nobody.user) == "preferred genres unknown"
    assert load(audience, world).user["user_key"] == "aa11"


@pytest.mark.parametrize(("sought", "keys"), [("aa", ["aa11"]), ("chile", ["aa11"]), ("x' OR", [])])
def test_users_are_found_by_key_or_country(world, sought, keys):
    assert [option.value for option in asyncio.run(audience.search(world, sought))] == keys


# --- All pages


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.title)
def test_an_empty_warehouse_loads(empty, page):
    asyncio.run(page.load(empty, State()))
    asyncio.run(page.load(empty, State({"genre": "Drama", "years": (1990, 1999)})))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.title)
def test_a_hostile_genre_is_a_value_and_nothing_else(world, page):
    asyncio.run(page.load(world, State({"genre": "' OR 1=1; DROP TABLE gold.x --"})))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.title)
def test_every_choice_that_the_snapshot_has_to_know_is_asked_for(world, page):
    for one in page.all_fields:
        if one.known:
            value = -1 if one.name in {"series", "season"} else "no such"
            assert ask(world, one.known, value=value, series=11) == []


def test_a_status_says_when_and_how_the_checks_went(world, empty):
    assert status_text(ask(world, SNAPSHOT)) == (
        "published 21 Nov 2026, 20:30 UTC · 2 checks passed, 1 warned"
    )
    assert status_text(ask(empty, SNAPSHOT)) == "published, without a date"


def test_the_status_says_which_sources_are_older_than_the_snapshot(tmp_path):
    held = {"taken_at": NOW - timedelta(days=2), "held_back_by": "a red day"}
    tables = [
        {"table_name": f"gold.{source}", "source": source, **state}
        for source, state in {"yts": held, "netflix": held, "imdb": {"taken_at": NOW}}.items()
    ]
    older = opened(publish(tmp_path, "a", {**few(), "meta.tables": tables}))
    words = status_text(ask(older, SNAPSHOT))
    assert words.endswith(", 1 warned · netflix, yts as of 19 Nov 2026, 20:30 UTC")


def test_options_are_plain_values_with_constant_code(world):
    """A key that begins with a colon is run by the browser: data must never be its value."""
    data = load(series, world, series=12)
    texts = json.dumps([series.episode_lines(data).options, series.episode_heat(data).options])
    assert "hacked" in texts

    def code(node: Any) -> list[str]:
        if isinstance(node, dict):
            own = [value for key, value in node.items() if key.startswith(":")]
            return own + [text for value in node.values() for text in code(value)]
        return [text for value in node for text in code(value)] if isinstance(node, list) else []

    run = code(json.loads(texts))
    assert run
    assert not any("hacked" in text for text in run)
