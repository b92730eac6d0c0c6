"""The page of a series in a real browser: what of its episodes is drawn, and what says the rest."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from movies_assets.serving import theme
from movies_assets_tests.dashboard.conftest import Served, serving
from movies_assets_tests.dashboard.snapshots import episode, few, publish
from movies_assets_tests.dashboard.test_browser import card, kpi, loaded

# Of a soap of 122 episodes, every seventh is rated, and the last two: none of the others has a
# neighbour.
LISTED = 122
RATED = [*range(1, LISTED - 3, 7), LISTED - 1, LISTED]

# How many marks of each series are drawn, and how many of its points have a value.
MARKS = """node => {
    const model = getElement(node).chart._model;
    return model.getSeries().map(series => {
        const data = series.getData();
        const places = [...Array(data.count()).keys()];
        const known = places.filter(place => !isNaN(data.get("y", place)));
        const seen = known.filter(place => {
            const mark = data.getItemGraphicEl(place);
            return mark && !mark.ignore && mark.getBoundingRect().width > 0;
        });
        return [seen.length, known.length];
    });
}"""


@pytest.fixture(scope="module")
def soap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A dashboard over a soap of few ratings."""
    data = tmp_path_factory.mktemp("soap")
    episodes = [
        episode(number, 1, number, 7.0 if number in RATED else None, 9)
        for number in range(1, LISTED + 1)
    ]
    kpis = {
        "series_key": 10, "avg_rating": 7.0, "pilot_rating": 7.0, "finale_rating": 7.0,
        "best_season_rating": 7.0, "finale_delta": 0.0, "popularity": 9 * len(RATED),
        "binge_score": 14.6, "rated_episodes": len(RATED),
        "pilot_basis": "earliest rated S1E25", "finale_basis": f"finale S1E{LISTED}",
    }  # fmt: skip
    series = {"series_key": 10, "series_label": "The Soap (2001)", "episodes": LISTED, "seasons": 1}
    tables = {
        "gold.imdb_episode_facts": episodes,
        "gold.imdb_series_kpis": [kpis],
        "gold.imdb_dim_series": [series],
    }
    publish(data / "published", "a", few() | tables)
    with serving(data) as served:
        yield served


def marks(page: Any, title: str) -> list[list[int]]:
    """Return the visible marks and the known points of each series of a chart."""
    chart = card(page, title).locator(".chart")
    chart.scroll_into_view_if_needed()
    expect(chart.locator("svg path").first).to_be_attached()
    return chart.evaluate(MARKS)


@pytest.mark.slow
@pytest.mark.parametrize("title", ["Episodes", "Timeline"])
@pytest.mark.parametrize("width", [1440, 390])
def test_every_rated_episode_has_a_visible_mark(soap, visit, title, width):
    page = visit(f"{soap.url}/series/10", width=width)
    loaded(page)
    assert marks(page, title) == [[len(RATED), len(RATED)]]


@pytest.mark.slow
def test_unrated_episodes_are_hollow_cells_of_the_grid(soap, visit):
    page = visit(f"{soap.url}/series/10")
    loaded(page)
    chart = card(page, "Seasons and episodes").locator(".chart")
    chart.scroll_into_view_if_needed()
    hollow = chart.locator(f'svg path[fill=none][stroke="{theme.REST}"]')
    expect(hollow).to_have_count(LISTED - len(RATED))


@pytest.mark.slow
def test_figures_of_few_ratings_are_grey_with_the_size_of_the_sample(soap, visit):
    page = visit(f"{soap.url}/series/10")
    pilot = kpi(page, "Pilot (first rated: S1E25)")
    expect(pilot).to_have_text("7.0")
    hint = page.locator(".kpi").filter(has_text="S1E25").locator(".hint").first
    expect(hint).to_have_text(f"{len(RATED)} of {LISTED} episodes rated")
    muted = hint.evaluate("node => getComputedStyle(node).color")
    expect(pilot).to_have_css("color", muted)


@pytest.mark.slow
def test_a_season_that_does_not_exist_is_ignored_and_specials_have_their_name(dashboard, visit):
    page = visit(f"{dashboard.url}/series/10?season=99")
    expect(page.locator(".notice")).to_have_text(
        "Season: the address asks for a value that does not exist; it is ignored."
    )
    expect(kpi(page, "Worst episode")).to_contain_text("6.0")
    page.goto(f"{dashboard.url}/series/10?season=-1")
    expect(page.get_by_role("button", name="Remove the filter Season: Specials")).to_be_visible()
    expect(kpi(page, "Worst episode")).to_contain_text("9.9 · Special")


@pytest.mark.slow
def test_layers_have_colours_without_hatching(dashboard, visit):
    page = visit(f"{dashboard.url}/movies")
    loaded(page)
    expect(card(page, "Genres by decade").locator("svg path").first).to_be_attached()
    assert page.locator("svg pattern").count() == 0


@pytest.mark.slow
def test_series_are_compared_and_no_longer(soap, visit):
    page = visit(f"{soap.url}/series/10?with=99")
    expect(page.locator(".notice")).to_contain_text("Compared with")
    page.goto(f"{soap.url}/series/10?with=10")
    chart = card(page, "By share of the run")
    expect(chart.locator(".empty")).to_have_text(
        "No series is chosen to compare The Soap (2001) with"
    )


@pytest.mark.slow
def test_a_series_is_chosen_to_compare_with_and_left_out_again(dashboard, visit):
    page = visit(f"{dashboard.url}/series/10")
    loaded(page)
    page.get_by_role("combobox", name="Add a series by title").fill("lampl")
    page.get_by_role("option", name="Lamplight").click()
    expect(page).to_have_url(f"{dashboard.url}/series/10?with=13")
    chart = card(page, "By share of the run")
    expect(chart.locator(".left-out")).to_have_text("Without rated episodes: Lamplight (2020).")
    page.get_by_role("button", name="Do not compare with Lamplight (2020)").click()
    expect(page).to_have_url(f"{dashboard.url}/series/10")
