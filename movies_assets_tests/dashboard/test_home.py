"""The page that opens first: every sentence and number follows from the data, or is left out."""

import asyncio
from datetime import date
from typing import Any

import pytest

from movies_assets.dashboard.components import found
from movies_assets.dashboard.filters import State
from movies_assets.dashboard.pages import home
from movies_assets.serving.queries.home import TOP
from movies_assets.serving.reader import OpenSnapshot
from movies_assets_tests.dashboard.snapshots import NOW, publish
from movies_assets_tests.dashboard.test_pages import opened

DAY, DAY_BEFORE = date(2025, 10, 31), date(2025, 10, 30)


def tables(**rows: tuple[int | None, int | None]) -> list[dict[str, Any]]:
    """Return published tables with their rows now and before."""
    return [
        {"table_name": f"gold.{name}", "layer": "gold", "source": "imdb", "is_published": True,
         "rows": now, "rows_before": before}
        for name, (now, before) in rows.items()
    ]  # fmt: skip


def mover(key: int, kind: str, gained: int) -> dict[str, Any]:
    return {
        "title_key": key, "title_type": kind, "primary_title": f"Title {key}", "rank": 1,
        "votes_gained": gained, "rating": 7.0, "rating_change": 0.1,
        "previous_run_date": DAY_BEFORE, "run_date": DAY,
    }  # fmt: skip


def series(
    key: int, delta: float, *, rated: int = 20, votes: int = 900, episodes: int = 40,
    basis: str = "finale S2E9",
) -> list[dict[str, Any]]:  # fmt: skip
    return [
        {"series_key": key, "series_label": f"Series {key}", "episodes": episodes},
        {"series_key": key, "avg_rating": 8.0, "finale_rating": 8.0 + delta, "finale_delta": delta,
         "finale_basis": basis, "rated_episodes": rated, "popularity": votes},
    ]  # fmt: skip


SERIES = [series(1, -3.0), series(2, -5.0, rated=9), series(3, -4.0, votes=499), series(4, 0.5),
          series(5, -6.0, episodes=100), series(6, -6.0, basis="latest rated S3E98")]  # fmt: skip
WORLD: dict[str, list[dict[str, Any]]] = {
    "gold.dim_title": [
        {"title_key": "tt0000001", "tconst": "tt0000001", "title": "Alpha", "rating": 9.0,
         "votes": 2_000, "sources_count": 2},
        {"title_key": "tt0000002", "tconst": "tt0000002", "title": "Beta", "rating": 9.5,
         "votes": 10, "sources_count": 2},
        {"title_key": "ott:x", "title": "Gamma", "sources_count": 1},
    ],
    "gold.title_availability": [
        {"title_key": key, "source": source, "listings": 1}
        for source, key in (("netflix", "tt0000001"), ("netflix", "tt0000002"), ("ott", "ott:x"),
                            ("omdb", "tt0000001"))
    ],
    "gold.imdb_trending_titles": [
        mover(1, "movie", 50), mover(77, "tvEpisode", 90), mover(3, "movie", 0),
    ],
    "gold.imdb_dim_series": [dim for dim, _ in SERIES],
    "gold.imdb_series_kpis": [kpis for _, kpis in SERIES],
    "gold.fact_movies": [{"movie_key": 5, "uploaded_date": DAY, "uploaded_at": NOW}],
    "gold.dim_movie": [{"movie_key": 5, "title": "Alpha at YTS"}],
    "gold.title_links": [{"source": "yts", "source_id": "5", "title_key": "tt0000001"}],
    "meta.tables": [
        *tables(dim_title=(3, 1), imdb_dim_series=(4, 4), new=(2, None), gone=(None, 9)),
        {"table_name": "bronze.a", "layer": "bronze", "source": "imdb", "rows": 7},
        {"table_name": "bronze.b", "layer": "bronze", "source": "titles", "rows": 7},
    ],
    "meta.checks": [{"verdict": "passed", "check_name": "a"}, {"verdict": "warned"}],
}  # fmt: skip


def load(snapshot: OpenSnapshot) -> Any:
    return asyncio.run(home.load(snapshot, State()))


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Any:
    return load(opened(publish(tmp_path_factory.mktemp("home"), "a", WORLD)))


DROP = "Series 1 ended 3.0 points below its average, the largest drop of a series (finale S2E9)."


def test_findings_are_computed_and_lead_to_their_page(data):
    assert home.sentences(data) == [
        ("The best title that Netflix offers is Alpha, rated 9.0 by 2,000 votes.",
         "/title/tt0000001"),
        ("Series 1 is the best series: its 20 rated episodes have 8.0 on average.", "/series/1"),
        (DROP, "/series/1"),
        ("Title 77 gained 90 votes from 2025-10-30 to 2025-10-31, more than any title.",
         "/movies#trending"),
        ("1 check found something.", "/quality#checks"),
    ]  # fmt: skip


def test_numbers_have_their_change_since_the_snapshot_before(data):
    kpis = home.figures(data.figures)
    assert [(kpi.value, kpi.hint) for kpi in kpis] == [
        ("3", "+2 since the last snapshot"),
        ("2", "of 1 source"),
        ("2", "have a rating at IMDb"),
        ("9", "−5 since the last snapshot"),  # noqa: RUF001
        ("2", "1 found something"),
    ]


def test_tables_are_listed_whose_rows_changed_with_unknown_as_a_dash(data):
    assert [cells for cells, _ in home.changed_rows(data.changed)] == [
        ("gold.gone", "–", "9", "−9"),  # noqa: RUF001
        ("gold.dim_title", "3", "1", "+2"),
        ("gold.new", "2", "–", "+2"),  # noqa: RUF001
    ]


def test_only_titles_with_a_page_are_links_and_losses_are_no_gains(data):
    assert [(cells[0], address) for cells, address in home.mover_rows(data.movers)] == [
        ("Title 77", None), ("Title 1", "/title/tt0000001"),
    ]  # fmt: skip


def test_an_upload_leads_to_the_title_that_it_is(data):
    assert [(row["title_key"], row["title"]) for row in data.uploads] == [
        ("tt0000001", "Alpha at YTS")
    ]


def test_finales_of_few_episodes_or_votes_are_left_out(data):
    assert [cells[0] for cells, _ in home.drop_rows(data.drops)] == ["Series 1"]


def test_persons_decisions_are_no_source(data):
    assert [cells[0] for cells, _ in home.freshness_rows(data.freshness)] == ["IMDb"]


def test_an_empty_snapshot_has_no_finding(tmp_path):
    data = load(opened(publish(tmp_path, "a", {})))
    assert home.sentences(data) == []
    assert home.figures(data.figures)[0] == home.Kpi("0", "no snapshot before")


def test_a_list_says_how_many_there_are(tmp_path):
    movers = [mover(key, "movie", 100 + key) for key in range(3 * TOP)]
    world = opened(publish(tmp_path, "a", {"gold.imdb_trending_titles": movers}))
    loaded = asyncio.run(home.load(world, State()))
    assert len(loaded.movers) == 2 * TOP
    assert found(loaded.movers) == 3 * TOP
    assert found(loaded.drops) is None
