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
from movies_assets.serving import formatting, theme
from movies_assets.serving.queries.quality import SNAPSHOT
from movies_assets.serving.queries.series import MOST_EPISODES
from movies_assets.serving.reader import OpenSnapshot
from movies_assets_tests.dashboard.snapshots import (
    ARABIC,
    HOSTILE,
    NOW,
    episode,
    few,
    movie,
    publish,
)

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


def test_trending_titles_are_of_all_types_within_the_filters(world):
    def titles(**values: Any) -> list[str]:
        return [row["primary_title"] for row in load(movies, world, **values).trending]

    assert titles() == ["Beta", "Not a movie", HOSTILE]
    assert titles(genre="Comedy") == [HOSTILE]
    assert titles(genre="Unknown") == ["Not a movie"], "a series that IMDb's dump does not list"
    assert titles(band="OK") == ["Not a movie"]
    assert titles(decade=1990) == titles(years=(1999, 1999)) == ["Beta", HOSTILE]
    rows = movies.trending_rows(load(movies, world).trending)
    assert [(cells[0], cells[2], address) for cells, address in rows] == [
        ("1", "Movie", "/title/tt0000002"),
        ("2", "TV series", "/series/99"),
        ("3", "Movie", "/title/tt0000003"),
    ]


def test_a_trending_series_has_its_genres_and_an_episode_has_no_page(tmp_path):
    trending = {"rank": 1, "votes": 9, "votes_gained": 9, "rating": 8.0, "rating_change": 0.0}
    titles = [
        trending | {"title_key": 10, "title_type": "tvMiniSeries", "primary_title": "The Lamp"},
        trending | {"title_key": 101, "title_type": "tvEpisode", "primary_title": "Episode 101"},
    ]
    snapshot = opened(publish(tmp_path, "a", few() | {"gold.imdb_trending_titles": titles}))
    data = load(movies, snapshot, genre="Talk-Show")
    assert [row["primary_title"] for row in data.trending] == ["The Lamp"]
    rows = movies.trending_rows(load(movies, snapshot).trending)
    assert [(cells[2], address) for cells, address in rows] == [
        ("TV mini series", "/series/10"),
        ("TV episode", None),
    ]


def test_bands_of_trending_titles_begin_where_those_of_movies_begin(tmp_path):
    ratings = [8.0, 7.9, 7.0, 6.9, 6.0, 5.9]
    rows = [
        row
        for key, rating in enumerate(ratings, 1)
        for row in movie(key, f"Movie {key}", 1995, "Drama", rating=rating, votes=2_000)
    ]
    trending = [
        {"title_key": key, "title_type": "movie", "primary_title": f"Movie {key}", "rank": key,
         "votes": 2_000, "votes_gained": 1, "rating": rating, "rating_change": 0.0}
        for key, rating in enumerate(ratings, 1)
    ]  # fmt: skip
    tables = {"gold.imdb_movie_facts": rows, "gold.imdb_trending_titles": trending}
    snapshot = opened(publish(tmp_path, "a", tables))
    pairs = ask(
        snapshot,
        "SELECT m.rating_band = t.rating_band AND m.rating_step = t.rating_step "
        "AND m.votes_step = t.votes_step AS same FROM prepared.movies AS m "
        "JOIN prepared.trending AS t ON t.title_key = m.movie_key",
    )
    assert [pair["same"] for pair in pairs] == [True] * 6


def test_the_top_list_names_people_and_the_oscar_and_opens_titles(tmp_path):
    named = {"directors": "Ana Pol", "top_actors": "Bo Li, Cy Ro", "is_oscar_winner": True}
    rows = [
        *movie(1, "Alpha", 1994, "Drama", rating=9.0, votes=2_000, **named),
        *movie(2, "Beta", 1994, "Drama", rating=8.0, votes=2_000, is_oscar_winner=False),
        *movie(3, "Gamma", 1994, "Drama", rating=7.0, votes=2_000),
    ]
    snapshot = opened(publish(tmp_path, "a", {"gold.imdb_movie_facts": rows}))
    shown = movies.best_rows(load(movies, snapshot).best)
    assert [(cells[1], *cells[5:], address) for cells, address in shown] == [
        ("Alpha", "Ana Pol", "Bo Li, Cy Ro", "Oscar", "/title/tt0000001"),
        ("Beta", formatting.NONE, formatting.NONE, "", "/title/tt0000002"),
        ("Gamma", formatting.NONE, formatting.NONE, formatting.NONE, "/title/tt0000003"),
    ]


def test_movies_below_the_threshold_are_counted_where_none_is_ranked(world):
    data = load(movies, world, genre="Unknown")
    assert (data.kpis["movies"], data.best) == (1, [])
    assert movies.unranked(data) == (
        "A ranked movie has 1,000 votes or more; 1 movie has fewer, or an unknown number."
    )
    assert movies.unranked(load(movies, world, genre="Horror")) == "No movies in Horror"


def test_the_best_of_each_genre_and_of_each_decade_of_a_chosen_one(tmp_path):
    listed = [
        {"genre": genre, "decade_label": f"{decade}s", "decade": decade, "rank": rank,
         "movie_key": key, "primary_title": f"Movie {key}", "start_year": decade + 1,
         "rating": rating, "votes": 2_000}
        for genre, decade, rank, key, rating in (
            ("Drama", 1990, 1, 1, 9.0), ("Drama", 1990, 2, 2, 8.5), ("Drama", 2000, 1, 3, 8.9),
            ("Comedy", 2000, 1, 4, 7.0),
        )
    ]  # fmt: skip
    snapshot = opened(publish(tmp_path, "a", {"gold.imdb_top_movies_by_genre": listed}))

    def shown(**values: Any) -> list[int]:
        return [row["movie_key"] for row in load(movies, snapshot, **values).best_of_each]

    assert shown() == [4, 1]
    assert shown(genre="Drama") == [1, 3]
    assert shown(decade=2000) == shown(years=(2000, 2005)) == [4, 3]
    ((cells, address), *_) = movies.rows_of_each(load(movies, snapshot).best_of_each)
    assert (cells[:3], address) == (("Comedy", "2000s", "Movie 4"), "/title/tt0000004")


def test_the_newest_uploads_are_those_of_yts_within_years_and_genre(tmp_path):
    def upload(key: int, year: int, days: int) -> dict[str, Any]:
        return {"movie_key": key, "year_key": year, "rating": None,
                "uploaded_at": NOW - timedelta(days=days)}  # fmt: skip

    tables = {
        "gold.fact_movies": [upload(1, 1999, 3), upload(2, 2005, 2), upload(3, -1, 1)],
        "gold.dim_movie": [{"movie_key": key, "title": f"Movie {key}"} for key in (1, 2, 3)],
        "gold.dim_genre": [{"genre_key": "drama", "genre_name": "drama"}],
        "gold.genre_junction": [{"movie_key": 1, "genre_key": "drama"}],
        "gold.title_links": [{"source": "yts", "source_id": "2", "title_key": "tt0000007"}],
        "gold.imdb_movie_facts": movie(9, "Any", 1999, "Drama"),
    }
    snapshot = opened(publish(tmp_path, "a", tables))

    def shown(**values: Any) -> list[str]:
        return [row["title"] for row in load(movies, snapshot, **values).newest]

    assert shown() == ["Movie 3", "Movie 2", "Movie 1"]
    assert shown(genre="Drama") == shown(decade=1990) == ["Movie 1"]
    assert shown(years=(None, 2010)) == ["Movie 2", "Movie 1"], "an unknown year is of no range"
    assert movies.newest_rows(load(movies, snapshot).newest)[:2] == [
        (("20 Nov 2026", "Movie 3", *[formatting.NONE] * 4), None),
        (("19 Nov 2026", "Movie 2", "2005", *[formatting.NONE] * 3), "/title/tt0000007"),
    ]


def test_a_genre_has_its_colour_in_every_chart(world):
    for values in ({}, {"genre": "Comedy"}, {"years": (1990, 1999)}):
        data = load(movies, world, **values)
        shares, bars = movies.genre_shares(data), movies.genre_bars(data)
        layers = {one["name"]: one["color"] for one in shares.options["series"]}
        (bar,) = bars.options["series"]
        names = bars.options["yAxis"]["data"]
        colors = {
            name: item["itemStyle"]["color"]
            for name, item in zip(names, bar["data"], strict=True)
        }  # fmt: skip
        assert layers == {name: theme.genre_color(name) for name in layers}
        assert colors == {name: theme.genre_color(name) for name in colors}
        assert "decal" not in json.dumps(shares.options)


def test_a_genre_of_the_service_has_the_colour_that_it_has_among_movies(world):
    figure = audience.genre_bars(load(audience, world))
    (bars,) = figure.options["series"]
    assert [item["itemStyle"]["color"] for item in bars["data"]] == [
        theme.GENRES["Drama"],
        theme.GENRES["Comedy"],
        theme.REST,  # IMDb has no puppetry
    ]


@pytest.mark.parametrize(
    ("sizes", "layers"),
    [
        ([90, 6, 4], ["a", "b"]),
        ([1] * 40, [*"abcdefghijklmnopqrstuvwx"]),
        ([5], ["a"]),
        ([], []),
    ],
)
def test_other_genres_are_a_small_part_or_as_small_as_layers_allow(sizes, layers):
    names = "abcdefghijklmnopqrstuvwxyz{|}~" + "¡¢£¤¥¦§¨©ª"
    assert movies.layers_of(dict(zip(names, sizes, strict=False))) == layers


def test_a_chosen_genre_beyond_the_bars_takes_the_place_of_the_last(tmp_path):
    genres = [f"G{number:02}" for number in range(14)]
    rows = [
        row
        for place, genre in enumerate(genres)
        for key in range(14 - place)
        for row in movie(100 * place + key, "M", 1999, genre)
    ]
    snapshot = opened(publish(tmp_path, "a", {"gold.imdb_movie_facts": rows}))

    def shown(genre: str | None) -> list[str]:
        figure = movies.genre_bars(load(movies, snapshot, genre=genre))
        assert figure.left_out == "2 genres are left out."
        return figure.options["yAxis"]["data"]

    assert shown(None) == shown("no such") == shown("G05") == genres[:12]
    assert shown("G13") == [*genres[:11], "G13"]


def test_a_list_says_how_many_rows_it_is_of(world):
    data = load(movies, world)
    assert {row["found"] for row in data.best} == {4}
    assert {row["found"] for row in data.trending} == {3}


def test_a_decade_without_movies_is_a_gap(tmp_path):
    rows = movie(1, "A", 1955, "Drama") + movie(2, "B", 1975, "Drama")
    figure = movies.genre_shares(
        load(movies, opened(publish(tmp_path, "a", {"gold.imdb_movie_facts": rows})))
    )
    assert figure.options["xAxis"]["data"] == ["1950s", "1960s", "1970s"]
    (layer,) = figure.options["series"]
    assert [point["value"] for point in layer["data"]] == [1, None, 1]


def test_the_heat_map_counts_movies_in_its_cells_on_a_log_scale(world):
    figure = movies.rating_heat(load(movies, world))
    (series_,) = figure.options["series"]
    assert {item["label"]["formatter"] for item in series_["data"]} == {"1"}
    assert figure.options["visualMap"]["text"] == ["1 (log scale)", "1"]


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
    nineties = figure.options["xAxis"]["data"].index("1990s")
    shares = [data[nineties] for data in by_name.values()]
    assert sum(point["value"] for point in shares) == pytest.approx(1, abs=0.001)
    assert by_name["Drama"][nineties]["pick"] == {"decade": "1990", "genre": "Drama"}
    assert "itemStyle" not in by_name["Drama"][nineties]
    assert by_name["Comedy"][nineties]["itemStyle"]["opacity"] < 1
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


def test_the_figures_of_a_series_are_those_of_gold_and_dashes_where_it_falls_back_to_0(world):
    lamp = [kpi.value for kpi in series.figures(load(series, world, series=10).about)]
    assert lamp == ["7.5", "4.5", "8.5", "6.0", "−1.50"]  # noqa: RUF001
    for kpis in (series.figures(load(series, world, series=11).about), series.figures(None)):
        assert [(kpi.value, kpi.tone) for kpi in kpis] == [(formatting.NONE, "")] * 5
    assert series.figures(load(series, world, series=11).about)[0].hint == "no rated episodes"
    no_extremes = series.best_and_worst(load(series, world, series=11).extremes)
    assert [kpi.value for kpi in no_extremes] == [formatting.NONE] * 2


@pytest.mark.parametrize(
    ("basis", "words"),
    [
        ("pilot S1E1", "Pilot (S1E1)"),
        ("premiere S1E2", "Pilot (premiere: S1E2)"),
        ("earliest rated S1E25", "Pilot (first rated: S1E25)"),
        ("earliest rated special", "Pilot (first rated: special)"),
        ("finale S8E6", "Pilot (S8E6)"),
        ("finale of the last season S3E8", "Pilot (S3E8, of the last season)"),
        ("latest rated S8E6", "Pilot (S8E6, last rated)"),
        ("none", "Pilot"),
    ],
)
def test_a_caption_names_the_episode_of_a_figure(basis, words):
    assert series.caption("Pilot", basis) == words


def test_pilot_and_finale_say_which_episodes_they_are_and_how_many_votes_they_have(world):
    _, _, pilot, finale, _ = series.figures(load(series, world, series=10).about)
    assert (pilot.label, finale.label) == ("Pilot (S1E1)", "Finale (S2E2, last rated)")
    assert pilot.hint == "4 of 4 episodes rated, 300 votes"
    assert finale.hint == "4 of 4 episodes rated, 150 votes"


@pytest.mark.parametrize(
    ("changes", "tones"),
    [
        ({}, ["fair", "bad", "good", "bad", "bad"]),
        ({"episodes": 13}, ["fair", "bad", "good", "bad", "bad"]),
        ({"episodes": 14}, ["unsure"] * 5),
        ({"popularity": 50}, ["fair", "bad", "good", "bad", "bad"]),
        ({"popularity": 49}, ["unsure", "unsure", "good", "bad", "bad"]),
        ({"pilot_votes": 49}, ["fair", "bad", "unsure", "bad", "bad"]),
        ({"finale_votes": 49}, ["fair", "bad", "good", "unsure", "unsure"]),
        ({"finale_votes": None}, ["fair", "bad", "good", "bad", "bad"]),
    ],
)
def test_figures_of_few_ratings_have_no_grade_and_say_how_many(world, changes, tones):
    about = {**load(series, world, series=10).about, **changes}
    figures = series.figures(about)
    assert [kpi.tone for kpi in figures] == tones
    assert all("episodes rated" in kpi.hint for kpi in figures if kpi.tone == "unsure")


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


def test_episodes_are_lines_by_season_and_number(world):
    data = load(series, world, series=10)
    assert [series.code(row) for row in data.episodes] == [
        "S1E1", "S1E2", "S2E1", "S2E2", "S2E3", "Special",
    ]  # fmt: skip
    drawn = series.episode_lines(data).options["series"]
    assert {one["name"]: [item["value"] for item in one["data"]] for one in drawn} == {
        "Season 1": [[1, 8.5], [2, 7.9]],
        "Season 2": [[1, 7.6], [2, 6.0]],
        "Specials": [[1, 9.9]],
    }
    assert drawn[0]["data"][0]["tip"].startswith("S1E1 Episode 101")


def test_the_grid_is_complete_with_means_and_hollow_cells(world):
    figure = series.episode_heat(load(series, world, series=10))
    assert figure.options["yAxis"]["data"] == ["Specials", "S2", "S1"], "the first is on top"
    assert figure.options["xAxis"]["data"] == ["Mean", "", "1", "2", "3"]
    (cells,) = [one["data"] for one in figure.options["series"]]
    hollow = [cell["value"][:2] for cell in cells if cell.get("visualMap") is False]
    values = {tuple(cell["value"][:2]): cell["value"][2] for cell in cells}
    assert hollow == [[4, 1]], "S2E3 has no rating"
    del values[4, 1]
    assert values == {
        (2, 2): 8.5, (3, 2): 7.9, (2, 1): 7.6, (3, 1): 6.0, (2, 0): 9.9,
        (0, 2): 8.2, (0, 1): 6.8, (0, 0): 9.9,
    }  # fmt: skip
    assert cells[0]["pick"] == {"season": "1"}


def test_the_timeline_has_all_episodes_in_the_order_in_which_they_were_aired(world):
    drawn = series.episode_timeline(load(series, world, series=10)).options["series"]
    assert {one["name"]: [item["value"] for item in one["data"]] for one in drawn} == {
        "Season 1": [[1, 8.5], [2, 7.9]],
        "Season 2": [[3, 7.6], [4, 6.0]],
        "Specials": [[6, 9.9]],
    }


def an_episode(key: int, season: int, number: int | None, **more: Any) -> dict[str, Any]:
    return episode(key, season, number, 7.0, 10) | more


def of_series(tmp_path: Path, *episodes: dict[str, Any]) -> OpenSnapshot:
    summary = [
        {"series_key": 10, "season_number": season, "season_label": f"Season {season}",
         "episodes_in_season": 1, "avg_season_rating": None}
        for season in sorted({row["season_number"] for row in episodes})
    ]  # fmt: skip
    tables = {"gold.imdb_episode_facts": episodes, "gold.imdb_series_season_summary": summary}
    return opened(publish(tmp_path, "a", few() | tables))


def test_specials_follow_the_newest_season_of_their_year(tmp_path):
    snapshot = of_series(
        tmp_path,
        an_episode(1, 1, 1, episode_year=2001), an_episode(2, 2, 1, episode_year=2002),
        an_episode(3, 3, 1, episode_year=2005), an_episode(4, -1, None, episode_year=2003),
        an_episode(5, -1, None), an_episode(6, 2, None, episode_year=2002),
    )  # fmt: skip
    aired = sorted(load(series, snapshot, series=10).episodes, key=lambda row: row["place"])
    assert [row["episode_title"] for row in aired] == [
        f"Episode {key}" for key in (1, 2, 6, 4, 3, 5)
    ]


def test_unrated_episodes_are_gaps_on_a_true_axis(tmp_path):
    numbers = {1: 8.0, 2: None, 3: 7.0, 4: 7.5, 9: 6.0}
    snapshot = of_series(
        tmp_path,
        *(an_episode(number, 1, number, rating=rating) for number, rating in numbers.items()),
    )
    data = load(series, snapshot, series=10)
    (line,) = series.episode_lines(data).options["series"]
    assert [item["value"] for item in line["data"]] == [
        [1, 8.0], [2, None], [3, 7.0], [4, 7.5], [8, None], [9, 6.0],
    ]  # fmt: skip
    assert len(series.episode_heat(data).options["xAxis"]["data"]) == 2 + 9


def test_of_episodes_of_one_number_the_rated_and_most_voted_one_is_drawn(tmp_path):
    snapshot = of_series(
        tmp_path,
        an_episode(1, 1, 1, rating=None, votes=None), an_episode(2, 1, 1, votes=5),
        an_episode(3, 1, 1, votes=7),
    )  # fmt: skip
    assert [row["votes"] for row in load(series, snapshot, series=10).episodes] == [7]


def test_a_series_without_ratings_has_a_grid_of_hollow_cells_only(tmp_path):
    snapshot = of_series(
        tmp_path, an_episode(1, 1, 1, rating=None), an_episode(2, 1, 0, rating=None)
    )
    data = load(series, snapshot, series=10)
    assert series.episode_lines(data) is series.episode_timeline(data) is None
    (cells,) = [one["data"] for one in series.episode_heat(data).options["series"]]
    assert [cell["visualMap"] for cell in cells] == [False] * 3, "two episodes and the mean"


def test_a_long_season_goes_on_in_further_rows(tmp_path):
    snapshot = of_series(tmp_path, *(an_episode(number, 1, number) for number in range(1, 121)))
    figure = series.episode_heat(load(series, snapshot, series=10))
    assert figure.options["yAxis"]["data"] == ["S1 from 81", "S1 from 41", "S1"]
    assert len(figure.options["xAxis"]["data"]) == 2 + series.MOST_COLUMNS
    (cells,) = [one["data"] for one in figure.options["series"]]
    assert len(cells) == 120 + 1
    assert figure.left_out == ""


def test_a_soap_is_cut_and_says_so_and_a_chosen_season_is_there(tmp_path):
    snapshot = of_series(
        tmp_path,
        *(an_episode(1_000 * season + number, season, number)
          for season in range(1, 9) for number in range(1, 201)),
    )  # fmt: skip
    data = load(series, snapshot, series=10)
    assert len(data.episodes) == MOST_EPISODES
    for figure in (series.episode_lines(data), series.episode_timeline(data)):
        assert figure.left_out == "Left out: 600 episodes. Choose a season to see all of it."
        assert sum(len(one["data"]) for one in figure.options["series"]) <= MOST_EPISODES
    chosen = load(series, snapshot, series=10, season=8)
    names = [one["name"] for one in series.episode_lines(chosen).options["series"]]
    assert names == ["Season 1", "Season 2", "Season 3", "Season 4", "Season 8"]


def test_rows_of_a_grid_are_bounded_and_a_chosen_season_is_among_them(tmp_path):
    snapshot = of_series(tmp_path, *(an_episode(season, season, 1) for season in range(1, 71)))
    figure = series.episode_heat(load(series, snapshot, series=10, season=70))
    assert figure.left_out == "Left out: 10 rows. Choose a season to see all of it."
    names = figure.options["yAxis"]["data"]
    assert len(names) == series.MOST_GRID_ROWS
    assert (names[0], names[-1]) == ("S70", "S1")


def test_seasons_have_shades_in_order_and_specials_a_muted_one():
    colors = series.season_colors([2, 1, 3, -1, 3])
    assert colors[1] == theme.SEASONS[0]
    assert colors[3] == theme.SEASONS[-1]
    assert colors[-1] == theme.REST


def test_a_season_that_the_series_does_not_have_is_unknown(world):
    known = series.SEASON.known
    assert ask(world, known, series=10, value=99) == []
    assert ask(world, known, series=10, value=2) != []
    assert ask(world, known, series=10, value=-1) != []
    assert ask(world, known, series=12, value=2) == []
    assert series.SEASON.show(-1) == "Specials"


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
    assert [kpi.tone for kpi in kpis] == ["unsure"] * 2, "it has five votes"
    assert all(kpi.hint.endswith(", 5 votes, rank 1 of 1") for kpi in kpis)


def test_the_best_and_the_worst_episodes_have_their_rank(tmp_path):
    ratings = [9.0, 8.5, 8.5, *(8 - number / 10 for number in range(9))]
    snapshot = of_series(
        tmp_path,
        *(an_episode(key, 1, key, rating=rating) for key, rating in enumerate(ratings, 1)),
    )
    rows = series.rank_rows(load(series, snapshot, series=10).extremes)
    assert [cells[:2] for cells, _ in rows] == [
        ("1 of 12", "S1E1"), ("2 of 12", "S1E2"), ("2 of 12", "S1E3"), ("4 of 12", "S1E4"),
        ("5 of 12", "S1E5"), ("8 of 12", "S1E8"), ("9 of 12", "S1E9"), ("10 of 12", "S1E10"),
        ("11 of 12", "S1E11"), ("12 of 12", "S1E12"),
    ]  # fmt: skip


def test_specials_come_after_the_seasons(world):
    rows = series.season_rows(load(series, world, series=10).seasons)
    assert [cells[0] for cells, _ in rows] == ["Season 1", "Season 2", "Specials"]


@pytest.mark.parametrize("given", ["", "x", "1,", "1,,2", "1;2", "1,2,3,4", "-1", "1234567890"])
def test_a_list_of_series_is_one_to_three_keys(given):
    with pytest.raises(ValueError, match="keys of series"):
        series.OTHERS.parse(given)


def test_a_list_of_series_is_written_as_it_is_read(world):
    read = series.OTHERS.parse("12,13,12")
    assert read == (12, 13)
    assert series.OTHERS.write(read) == "12,13"
    assert ask(world, series.OTHERS.known, value=read) != []
    assert ask(world, series.OTHERS.known, value=(12, 99)) == []


def test_series_are_compared_by_share_of_their_run(tmp_path):
    """One of 20 episodes has two in each part, one of 5 has each in two parts."""
    long = [an_episode(number, 1, number, rating=number / 2) for number in range(1, 21)]
    short = [
        an_episode(100 + number, 1, number, rating=float(number)) | {"series_key": 12}
        for number in range(1, 6)
    ]
    snapshot = of_series(tmp_path, *long, *short)
    assert series.run_lines(load(series, snapshot, series=10)) is None
    figure = series.run_lines(load(series, snapshot, series=10, **{"with": (10, 12, 13)}))
    drawn = {
        one["name"]: [item["value"][1] for item in one["data"]] for one in figure.options["series"]
    }
    assert drawn == {
        "The Lamp (2001)": [number + 0.75 for number in range(10)],
        f"{HOSTILE} (1999)": [1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0, 5.0, 5.0],
        "Lamplight (2020)": [],
    }
    assert figure.left_out == "Without rated episodes: Lamplight (2020)."


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
            unknown = {"series": -1, "season": -2, "with": (-1,)}.get(one.name, "no such")
            assert ask(world, one.known, value=unknown, series=11) == []


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
