"""What the pages of catalogue, quality and data load and draw, with known answers."""

import asyncio
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from starlette.datastructures import QueryParams

from movies_assets.dashboard.charts import Figure
from movies_assets.dashboard.filters import State, read
from movies_assets.dashboard.graphs import arrange, related
from movies_assets.dashboard.pages import audience, catalogue, data, quality
from movies_assets.dashboard.prepared import PREPARED
from movies_assets.serving import formatting
from movies_assets.serving.queries.quality import DAYS, MOST_DAYS
from movies_assets.serving.reader import OpenSnapshot
from movies_assets_tests.dashboard.more import more, profile, title
from movies_assets_tests.dashboard.snapshots import HOSTILE, publish

PAGES = {"catalogue": catalogue, "quality": quality, "data": data}


def opened(path: Path) -> OpenSnapshot:
    return OpenSnapshot(path, PREPARED, {"memory_limit": "200MB", "threads": 1}, 100)


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> OpenSnapshot:
    return opened(publish(tmp_path_factory.mktemp("world"), "a", more()))


@pytest.fixture(scope="module")
def empty(tmp_path_factory) -> OpenSnapshot:
    return opened(publish(tmp_path_factory.mktemp("empty"), "a", {}))


def load(module: Any, snapshot: OpenSnapshot, **values: Any) -> Any:
    return asyncio.run(module.load(snapshot, State(values)))


def counted(rows: list[dict[str, Any]], name: str = "name") -> dict[Any, int]:
    return {row[name]: row["titles"] for row in rows}


def cells(rows: Any, column: int) -> list[str]:
    return [row[column] for row, _ in rows]


@pytest.mark.parametrize("name", PAGES)
def test_no_check_of_an_address_is_fooled_by_sql(world, name):
    for field in PAGES[name].PAGE.fields:
        known = field.known and asyncio.run(world.ask(field.known, value="' OR 1=1 --"))
        assert not known, field.name


# --- Catalogue


def test_a_title_counts_once_with_any_countries_and_categories(world):
    figures = load(catalogue, world).figures
    assert (figures["titles"], figures["movies"], figures["shows"]) == (5, 3, 2)
    assert figures["countries"] == 2, "Unknown is no country"
    assert figures["minutes"] == 94.5, "a movie without a running time is not 0 minutes long"
    assert figures["seasons"] == 8.5
    assert (figures["with_minutes"], figures["with_seasons"]) == (2, 2)
    kpis = catalogue.figures(figures)
    assert [(kpi.value, kpi.hint) for kpi in kpis[-2:]] == [
        ("94 min", "of 2 movies"),
        ("8.5", "mean of 2 shows"),
    ]


def test_titles_of_unknown_length_are_in_no_bar(tmp_path):
    unknown = [title(flag, "t", flag, None, 2020, None, None) for flag in (1, 2)]
    rows = dict(
        zip(
            ("gold.netflix_dim_title", "gold.netflix_fact_titles"),
            (list(each) for each in zip(*unknown, strict=True)),
            strict=True,
        )
    )
    loaded = load(catalogue, opened(publish(tmp_path, "a", rows)))
    assert (loaded.by_minutes, loaded.by_seasons) == ([], [])
    assert catalogue.minute_bars(loaded) is catalogue.season_bars(loaded) is None
    assert [kpi.value for kpi in catalogue.figures(loaded.figures)[-2:]] == [formatting.NONE] * 2


@pytest.mark.parametrize("flag", [0, catalogue.MOVIE, catalogue.SHOW])
def test_an_unknown_length_is_a_dash(flag):
    row = {"type_flag": flag, "duration_minutes": None, "duration_seasons": None}
    assert catalogue.length(row) == formatting.NONE


def test_a_title_of_two_categories_is_among_both(world):
    loaded = load(catalogue, world)
    assert counted(loaded.by_category) == {"Dramas": 2, "Comedies": 1, "TV Dramas": 1}
    assert counted(loaded.by_country) == {"India": 2, "Chile": 1, "Unknown": 1}


def test_ratings_are_sorted_by_the_ages_that_they_are_for(world):
    assert [(row["name"], row["titles"]) for row in load(catalogue, world).by_ages] == [
        ("From 13 or 14", 2), ("From 17 or 18", 2), ("Unknown", 1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rating", "ages"),
    [
        ("TV-Y", "All ages"), ("TV-G", "All ages"), ("G", "All ages"), ("TV-Y7-FV", "From 7"),
        ("TV-PG", "Parental guidance"), ("PG", "Parental guidance"), ("PG-13", "From 13 or 14"),
        ("TV-14", "From 13 or 14"), ("TV-MA", "From 17 or 18"), ("NC-17", "From 17 or 18"),
        ("UR", "Not rated"), (None, "Unknown"), ("FSK 16", "Other ratings"),
    ],
)  # fmt: skip
def test_every_rating_has_its_ages(tmp_path, rating, ages):
    dim, fact = title(1, "t", 1, None, 2020, rating, 90)
    rows = {"gold.netflix_dim_title": [dim], "gold.netflix_fact_titles": [fact]}
    loaded = load(catalogue, opened(publish(tmp_path, "a", rows)), ages=ages)
    assert counted(loaded.by_ages) == {ages: 1}
    assert loaded.figures["titles"] == 1


def test_a_category_filters_all_but_its_own_chart(world):
    loaded = load(catalogue, world, category="Comedies")
    assert loaded.figures["titles"] == 1
    assert counted(loaded.by_country) == {"India": 1, "Chile": 1}
    assert counted(loaded.by_category) == {"Dramas": 2, "Comedies": 1, "TV Dramas": 1}


@pytest.mark.parametrize(
    ("chosen", "titles"),
    [
        ({"years": (2020, 2020)}, 1),
        ({"years": (2020, None)}, 4),
        ({"type": 2}, 2),
        ({"month": "2025-09"}, 2),
        ({"country": "Chile"}, 1),
        ({"ages": "Unknown"}, 1),
        ({"ages": "From 17 or 18"}, 2),
        ({"minutes": 90}, 2),
        ({"seasons": 3}, 1),
        ({"seasons": 10}, 1),
        ({"type": 2, "minutes": 90}, 0),
    ],
)
def test_every_choice_filters(world, chosen, titles):
    assert load(catalogue, world, **chosen).figures["titles"] == titles


def test_months_without_titles_are_gaps(world):
    figure = catalogue.month_bars(load(catalogue, world))
    assert figure.options["xAxis"]["data"] == ["Jul 2025", "Aug 2025", "Sep 2025", "Oct 2025"]
    movies, shows = figure.options["series"]
    assert [point["value"] for point in movies["data"]] == [None, None, 2, 1]
    assert [point["value"] for point in shows["data"]] == [1, None, None, None]


def test_months_go_over_the_turn_of_a_year():
    assert catalogue.months_between("2024-11", "2025-02") == [
        "2024-11", "2024-12", "2025-01", "2025-02",
    ]  # fmt: skip


def test_very_long_ones_share_a_bar(world):
    loaded = load(catalogue, world)
    assert counted(loaded.by_minutes, "step") == {90: 2}
    assert counted(loaded.by_seasons, "step") == {3: 1, 10: 1}
    assert catalogue.show_seasons(10) == "10+ seasons"
    assert catalogue.show_minutes(240) == "240+ min"


def test_what_is_chosen_is_drawn_however_rare_it_is(world):
    rows = [{"name": f"C{number}", "titles": 40 - number} for number in range(20)]
    loaded = replace(load(catalogue, world), state=State({"country": "C19"}), by_country=rows)
    drawn = catalogue.named_bars(loaded, rows, catalogue.COUNTRY, "countries")
    assert len(drawn.rows) == catalogue.BARS
    assert drawn.rows[-1] == ("C19", "21")
    assert drawn.rows[0] == ("C0", "40")


def test_what_was_added_last_comes_first_and_says_how_long_it_is(world):
    rows = catalogue.newest_rows(load(catalogue, world).newest)
    assert cells(rows, 0) == [
        HOSTILE,
        "Boats",
        "Aria",
        "=1+1",
        load(catalogue, world).newest[4]["title"],
    ]
    assert [cell.replace("\N{NO-BREAK SPACE}", " ") for cell in cells(rows, 5)] == [
        formatting.NONE, "95 min", "94 min", "3 seasons", "14 seasons",
    ]  # fmt: skip


def test_empty_data_is_stated_in_words(empty):
    loaded = load(catalogue, empty, years=(1920, 1920), category="Dramas", type=1)
    assert catalogue.month_bars(loaded) is None
    assert catalogue.minute_bars(loaded) is None
    assert catalogue.nothing(loaded.state) == (
        "No titles with type Movies and category Dramas and released 1920"
    )


@pytest.mark.parametrize("text", ["type=others", "month=2025-13", "minutes=241", "seasons=0"])
def test_hostile_addresses_are_left_out(text):
    state, notices = read(QueryParams(text), catalogue.PAGE.all_fields)
    assert not state.values
    assert len(notices) == 1


def test_the_address_of_a_type_reads_back():
    state = State({"type": 2})
    address = state.address("/catalogue", catalogue.PAGE.all_fields)
    assert address == "/catalogue?type=show"
    assert read(QueryParams("type=show"), catalogue.PAGE.all_fields)[0] == state


# --- Quality


def test_failed_and_warned_checks_come_first_with_what_they_found(world):
    rows = quality.check_rows(load(quality, world).checks)
    assert [cell.replace("\N{NO-BREAK SPACE}", " ") for cell in cells(rows, 2)] == [
        "▼ failed, blocks", "● warned", "○ not run", "▲ passed", "▲ passed",
    ]  # fmt: skip
    assert cells(rows, 3) == [
        "2 rows without a key",
        f"one column is new: {HOSTILE}",
        "asks contract",
        "asks contract",
        "asks freshness",
    ]


def test_a_verdict_filters_the_checks_and_not_the_verdicts(world):
    loaded = load(quality, world, verdict="failed")
    assert [row["table_name"] for row in loaded.checks] == ["gold.netflix_fact_titles"]
    assert {row["verdict"]: row["checks"] for row in loaded.verdicts} == {
        "failed": 1, "warned": 1, "not run": 1, "passed": 2,
    }  # fmt: skip


def test_figures_say_what_is_wrong(world):
    passed, unsound, refused, tables, runs = quality.figures(load(quality, world).figures)
    assert (passed.value, passed.hint) == ("2", "of 5, 1 not run yet")
    assert (unsound.value, unsound.hint, unsound.tone) == ("2", "1 warned, 1 failed", "bad")
    assert (refused.value, refused.hint, refused.tone) == ("6", "of 1 table", "fair")
    assert (tables.value, tables.hint) == ("6", "1 not written yet")
    assert (runs.value, runs.hint, runs.tone) == ("1", "of the last 3 runs", "bad")


def test_rows_in_quarantine_count_once_however_many_rules_they_broke(world):
    assert [row for row, _ in quality.quarantine_rows(load(quality, world).quarantine)] == [
        ("silver.netflix_titles", "show_id is missing", "5", "2"),
        ("silver.netflix_titles", "show_id is missing; type is missing", "1", "1"),
    ]


def test_the_run_that_published_is_shown_as_finished(world):
    rows = quality.run_rows(load(quality, world).runs)
    assert cells(rows, 0) == ["publish", "netflix_daily", "ott_daily"]
    assert [cell.replace("\N{NO-BREAK SPACE}", " ") for cell in cells(rows, 2)] == [
        "▲ succeeded", "▲ succeeded", "▼ failed",
    ]  # fmt: skip
    assert [cell.replace("\N{NO-BREAK SPACE}", " ") for cell in cells(rows, 4)] == [
        "42 s", "1 min 30 s", "1 min 30 s",
    ]  # fmt: skip


def test_tables_that_were_not_written_for_longest_come_first(world):
    rows = quality.freshness_rows(load(quality, world).freshness)
    assert cells(rows, 0)[:3] == [
        "gold.ott_recommendation_quality", "gold.ott_dim_user", "bronze.netflix_titles",
    ]  # fmt: skip
    assert [cell.replace("\N{NO-BREAK SPACE}", " ") for cell in cells(rows, 2)][:4] == [
        formatting.NONE, "2 d 3 h", "1 h 5 min", "30 s",
    ]  # fmt: skip


def drawn(loaded: Any) -> list[float]:
    figure = quality.row_bars(loaded)
    assert isinstance(figure, Figure)
    return [point["value"] for point in figure.options["series"][0]["data"]]


def test_rows_of_a_range_are_drawn_as_rows_a_day(world):
    loaded = load(quality, world)
    assert loaded.profiled == "silver.netflix_titles", "it has most partitions"
    assert drawn(loaded) == [*[5] * 10, *[None] * 19, 4, 7], "days without a profile are gaps"
    days = quality.row_bars(loaded).options["xAxis"]["data"]
    assert (days[0], days[10], days[-1]) == ("1 Oct 2025", "11 Oct 2025", "31 Oct 2025")
    assert [row[:2] for row in quality.row_bars(loaded).rows] == [
        ("2025-10-01 to 2025-10-10", "50"), ("2025-10-30", "4"), ("2025-10-31", "7"),
    ]  # fmt: skip
    tip = quality.row_bars(loaded).options["series"][0]["data"][0]["tip"]
    assert tip == "2025-10-01 to 2025-10-10\n50 rows in 10 days\n5.0 per day"


def test_rows_of_a_whole_table_are_not_divided(world):
    assert drawn(load(quality, world, table="gold.netflix_dim_title")) == [3, 5]


def test_the_smallest_profiled_partition_of_a_day_is_drawn_of_the_newest_days(tmp_path):
    rows = [
        *profile("gold.a", "2020-01-01...2025-10-31", 10_000, whole=False),
        *profile("gold.a", "2025-10-30", 4, whole=False),
    ]
    snapshot = opened(publish(tmp_path, "a", {"gold.data_quality_snapshot": rows}))
    shown = drawn(load(quality, snapshot, table="gold.a"))
    assert len(shown) == MOST_DAYS
    assert shown[-2] == 4
    assert shown[0] == shown[-1] == round(10_000 / 2_131, 2)


def test_whole_tables_and_days_are_never_drawn_side_by_side(tmp_path):
    """A table may become one that mirrors the newest state; earlier rows per day do not count."""
    rows = [
        *profile("gold.a", "2025-10-30", 4, whole=False),
        *profile("gold.a", "2025-10-31", 400, whole=True),
    ]
    snapshot = opened(publish(tmp_path, "a", {"gold.data_quality_snapshot": rows}))
    assert drawn(load(quality, snapshot, table="gold.a")) == [400]


def test_a_table_filters_everything_but_the_runs(world):
    loaded = load(quality, world, table="gold.netflix_dim_title")
    assert [row["table_name"] for row in loaded.checks] == ["gold.netflix_dim_title"]
    assert [row["table_name"] for row in loaded.freshness] == ["gold.netflix_dim_title"]
    assert loaded.quarantine == []
    assert len(loaded.runs) == 3
    assert quality.no_checks(State({"table": "gold.a", "verdict": "failed"})) == (
        "No checks of gold.a that failed"
    )


def test_an_empty_snapshot_has_nothing_to_show(empty):
    loaded = load(quality, empty)
    assert quality.verdict_bars(loaded) is None
    assert quality.row_bars(loaded) is None
    assert quality.figures(loaded.figures)[1].tone == "good"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.04, "0.0 s"), (9.96, "10.0 s"), (42, "42 s"), (59.7, "1 min 0 s"), (3_600, "1 h 0 min"),
     (90_000, "1 d 1 h"), (-3, "0.0 s")],
)  # fmt: skip
def test_durations_in_words(seconds, shown):
    assert formatting.duration(seconds) == shown


# --- Data


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("DIM_TITLE", ["gold.netflix_dim_title"]),
        ("meaning of user_key", ["gold.ott_dim_user"]),
        ("thing of bronze", ["bronze.netflix_titles"]),
        ("%", []),
        ("' OR 1=1 --", []),
    ],
)
def test_the_dictionary_is_searched_by_table_and_column(world, search, found):
    assert [row["table_name"] for row in load(data, world, search=search).tables] == found


def test_published_tables_come_first_in_the_dictionary(world):
    layers = [row["layer"] for row in load(data, world).tables]
    assert layers == ["gold"] * 4 + ["silver", "bronze"]


def test_a_column_says_what_it_is(world):
    loaded = load(data, world, table="gold.netflix_fact_titles")
    assert data.column_rows(loaded.columns)[0][0] == (
        "show_key",
        "VARCHAR",
        "Meaning of show_key. Never empty. References gold.netflix_dim_title.",
    )
    loaded = load(data, world, table="gold.ott_dim_user")
    assert data.meaning(loaded.columns[0]) == "Meaning of user_key. Key. Personal."


@pytest.mark.parametrize(
    ("table", "shown"),
    [
        ("gold.netflix_dim_title", "apostrophe"),
        ("gold.ott_dim_user", "data about single users"),
        ("silver.netflix_titles", "not published"),
        ("gold.ott_recommendation_quality", "nothing to download yet"),
    ],
)
def test_a_table_says_whether_it_may_be_downloaded(world, table, shown):
    loaded = load(data, world, table=table)
    assert shown in data.download_note(loaded)
    assert (loaded.sizes is not None) == (table == "gold.netflix_dim_title")


def test_the_source_of_the_chosen_table_is_drawn(world):
    assert load(data, world).source == "netflix"
    assert load(data, world, source="ott").source == "ott"
    assert load(data, world, source="ott", table="gold.netflix_dim_title").source == "netflix"


def test_lineage_leads_from_left_to_right_and_what_is_unrelated_fades(world):
    figure = data.lineage_flow(load(data, world, table="gold.netflix_dim_title"))
    (series,) = figure.options["series"]
    columns = {node["id"]: node["value"][0] for node in series["data"]}
    assert columns == {
        "landing.netflix_titles": 0,
        "bronze.netflix_titles": 1,
        "silver.netflix_titles": 2,
        "gold.netflix_dim_title": 3,
        "gold.netflix_fact_titles": 4,
    }
    assert all(columns[link["source"]] < columns[link["target"]] for link in series["links"])
    assert figure.options["xAxis"]["data"] == ["Landing", "Bronze", "Silver", "Gold", "Gold"]
    assert {node["label"]["opacity"] for node in series["data"]} == {1}
    assert {node["id"] for node in series["data"] if not node["pick"]} == {"landing.netflix_titles"}


def test_a_column_of_two_layers_says_both():
    edges = [
        ("silver.a", "gold.b"),
        ("gold.b", "silver.c"),
        ("silver.a", "gold.d"),
        ("gold.d", "gold.e"),
    ]
    assert data.heading(arrange(edges, ("silver", "gold"))[2]) == "Gold and silver"


def test_what_a_table_is_related_with_is_all_above_and_below_it():
    edges = [("a", "b"), ("b", "c"), ("x", "c"), ("c", "d")]
    assert related("b", edges) == {"a", "b", "c", "d"}
    assert related("x", edges) == {"x", "c", "d"}


def test_an_arrangement_puts_neighbours_side_by_side():
    edges = [("bronze.a", "silver.z"), ("bronze.b", "silver.y"), ("bronze.c", "silver.x")]
    first, second = arrange(edges, ("bronze", "silver"))
    matched = dict(edges)
    assert [matched[name] for name in first] == second


def test_an_arrangement_of_a_circle_ends():
    assert arrange([("gold.a", "gold.b"), ("gold.b", "gold.a")], ("gold",))


def test_an_empty_snapshot_has_no_tables(empty):
    loaded = load(data, empty)
    assert loaded.tables == []
    assert data.lineage_flow(loaded) is None


def test_recommendations_are_compared_with_other_strategies():
    row = {"strategy": "popularity", "users": 1_200, "precision_at_10": 0.123, "recall_at_10": None,
           "ndcg_at_10": 0.25, "catalogue_coverage": 0.5}  # fmt: skip
    assert audience.evaluated_rows([row]) == [
        (("The most viewed", "1,200", "12.3%", "–", "0.250", "50.0%"), None)  # noqa: RUF001
    ]


def test_titles_of_services_lead_to_their_page_if_they_are_linked():
    row = {"rank": 1, "title": "A", "premiered": 2001, "viewers": 1, "views": 2, "imdb_score": 7.0}
    linked = audience.popular_rows([row | {"page": "tt0000001"}, row | {"page": None}])
    assert [address for _, address in linked] == ["/title/tt0000001", None]


LOOK = "each row below says what was found and what to do."
TWO_DAYS = [
    {"source": "ott", "day": date(2025, 10, 30), "rows": None},
    {"source": "ott", "day": date(2025, 10, 31), "rows": 1},
    {"source": "yts", "day": date(2025, 10, 30), "rows": 5},
    {"source": "yts", "day": date(2025, 10, 31), "rows": None},
]


def test_a_day_without_rows_is_hollow_and_named():
    figure = quality.day_heat(TWO_DAYS[2:])
    (cells,) = [one["data"] for one in figure.options["series"]]
    assert [cell["tip"] for cell in cells] == [
        "yts, 2025-10-30\n5 rows", "yts, 2025-10-31\nno rows"
    ]  # fmt: skip
    assert [row[2] for row in figure.rows] == ["5", formatting.NONE]
    assert quality.day_heat([]) is None


@pytest.mark.parametrize(
    ("figures", "days", "words"),
    [
        ({"passed": 2, "warned": 0, "failed": 0}, [], "All 2 checks passed."),
        ({"passed": 1, "warned": 0, "failed": 0}, TWO_DAYS[:1],
         "All 1 check passed. Days without rows: ott of 2025-10-30."),
        ({"passed": 2, "warned": 1, "failed": 3}, TWO_DAYS,
         f"3 checks failed and 1 check warned: {LOOK} Days without rows: yts of 2025-10-31."),
    ],
)  # fmt: skip
def test_how_things_are_is_said_in_a_sentence(figures, days, words):
    data = quality.QualityData(State(), None, figures, [], [], [], [], [], [], days)
    assert quality.sentence(data) == words


def test_the_days_of_all_sources_end_with_the_newest_of_any(tmp_path):
    snapshot = opened(publish(tmp_path, "a", {
        "meta.tables": [{"table_name": f"bronze.{name}", "layer": "bronze", "source": name}
                        for name in ("yts", "ott", "omdb")],
        "meta.days": [
            {"table_name": "bronze.yts", "partition": "2025-10-29", "rows": 3},
            {"table_name": "bronze.yts", "partition": "2025-10-31", "rows": 4},
            {"table_name": "bronze.ott", "partition": "2025-10-30", "rows": 1},
            {"table_name": "bronze.omdb", "partition": "2025", "rows": 9},
        ],
    }))  # fmt: skip
    found = asyncio.run(snapshot.ask(DAYS))
    assert [(row["source"], row["day"].day, row["rows"]) for row in found] == [
        ("ott", 29, None), ("ott", 30, 1), ("ott", 31, None),
        ("yts", 29, 3), ("yts", 30, None), ("yts", 31, 4),
    ]  # fmt: skip
