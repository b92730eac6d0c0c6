"""Every card obeys every filter of its page, or says that it does not."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from nicegui import Client, ui

from movies_assets.dashboard.components import ChartCard, KpiCards, Scope, TableCard
from movies_assets.dashboard.filters import State
from movies_assets.dashboard.layout import Page
from movies_assets.dashboard.pages import (
    audience,
    catalogue,
    data,
    movies,
    quality,
    releases,
    series,
)
from movies_assets.dashboard.prepared import PREPARED
from movies_assets.serving.reader import OpenSnapshot
from movies_assets_tests.dashboard.more import more
from movies_assets_tests.dashboard.snapshots import publish

# For each filter of a page, a value that leaves less than all, and one that leaves nothing.
CHOICES = {
    "years": [(2021, 2023), (1900, 1900)], "genre": ["Comedy", "Horror"],
    "day": ["2025-10-31", "1999-01-01"], "year": [2023, 1900], "media": ["game", "episode"],
    "type": [1, 2], "category": ["Dramas", "Horror"], "month": ["2025-09", "1999-01"],
    "country": ["Chile", "Peru"], "minutes": [90, 10], "ages": ["From 17 or 18", "From 7"],
    "seasons": [3, 7], "table": ["gold.netflix_dim_title", "gold.ott_dim_user", "gold.none"],
    "verdict": ["passed", "failed"], "decade": [1990, 1900], "band": ["Excellent", "Unknown"],
    "rating": [13, 2], "votes": [7, 0], "season": [1, -1],
}  # fmt: skip
# Lists of movies that the small world does not have.
LISTS: dict[str, list[dict[str, Any]]] = {
    "gold.imdb_top_movies_by_genre": [
        {"genre": genre, "decade_label": "1990s", "decade": 1990, "rank": 1, "movie_key": key,
         "primary_title": f"Movie {key}", "start_year": 1999, "rating": 8.0, "votes": 2_000}
        for key, genre in enumerate(("Comedy", "Drama"), 1)
    ],
    "gold.fact_movies": [
        {"movie_key": key, "year_key": 1990 + 20 * key} for key in (0, 1)
    ],
    "gold.dim_movie": [{"movie_key": key, "title": f"Movie {key}"} for key in (0, 1)],
    "gold.dim_genre": [{"genre_key": "comedy", "genre_name": "Comedy"}],
    "gold.genre_junction": [{"movie_key": 0, "genre_key": "comedy"}],
}  # fmt: skip
PAGES = [
    movies.PAGE,
    series.PAGE,
    audience.PAGE,
    releases.PAGE,
    catalogue.PAGE,
    quality.PAGE,
    data.PAGE,
]
CASES = [(page, one) for page in PAGES for one in page.filters]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> OpenSnapshot:
    path: Path = publish(tmp_path_factory.mktemp("world"), "a", more() | LISTS)
    return OpenSnapshot(path, PREPARED, {"memory_limit": "200MB", "threads": 1}, 100)


@pytest.fixture
def shown(world, monkeypatch):
    """Return a function that builds a page, and returns what each card shows, by its title."""
    seen: dict[str, Any] = {}
    scopes: dict[str, Scope] = {}

    def of_card(self: Any, what: Any, *_: Any) -> None:
        seen[self.title], scopes[self.title] = _drawn(what), self.scope

    def of_kpis(self: KpiCards, figures: Any) -> None:
        for label, figure in zip(self.labels, figures, strict=True):
            seen[f"KPI {label}"] = figure
            scopes[f"KPI {label}"] = self.scopes.get(label, Scope())

    monkeypatch.setattr(ChartCard, "show", of_card)
    monkeypatch.setattr(TableCard, "show", of_card)
    monkeypatch.setattr(KpiCards, "show", of_kpis)
    monkeypatch.setattr(ui, "run_javascript", lambda _: None)  # there is no browser

    def show(page: Page, **values: Any) -> tuple[dict[str, Any], dict[str, Scope]]:
        async def build() -> None:
            state = State(values)
            if page.resolve:
                state = await page.resolve(world, state)
            visit: Any = SimpleNamespace(state=state, page=page, toggle=None, change=None)
            with Client(ui.page("")):
                page.build(visit)(await page.load(world, state))

        seen.clear()
        asyncio.run(build())
        return dict(seen), dict(scopes)

    return show


def _drawn(what: Any) -> Any:
    """Return the values that a chart shows, whether they are faded or not; a table as it is."""
    return getattr(what, "rows", what)


@pytest.mark.parametrize(("page", "one"), CASES, ids=lambda x: getattr(x, "name", None) or x.title)
def test_every_card_obeys_a_filter_or_says_that_it_does_not(shown, page, one):
    everything, scopes = shown(page)
    chosen = [shown(page, **{one.name: value})[0] for value in CHOICES[one.name]]
    obeying = {
        title for title, what in everything.items() if any(each[title] != what for each in chosen)
    }
    silent = {title for title, scope in scopes.items() if one not in {*scope.ignores, *scope.marks}}
    assert obeying == silent


def test_a_scope_reads_as_sentences():
    scope = Scope(ignores=(audience.DAY, quality.TABLE), marks=(quality.VERDICT,))
    assert str(scope) == "Ignores the day and table. Marks the chosen verdict."
    assert not str(Scope())
