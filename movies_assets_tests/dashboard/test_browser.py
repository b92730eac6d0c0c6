"""The dashboard in a real browser: every page, filter and click, as visitors see them.

The fixture `visit` fails a test on any message of the browser (such as of the content security
policy) and on any request to elsewhere.
"""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from movies_assets.serving import formatting
from movies_assets_tests.dashboard.conftest import Served, serving
from movies_assets_tests.dashboard.snapshots import ARABIC, HOSTILE, few, movie

TOKEN = "correct horse battery"  # noqa: S105
PAGES = {"/movies": "Movies", "/series": "Series", "/releases": "Releases", "/audience": "Audience"}


def loaded(page: Any) -> None:
    """Wait until the data is there."""
    page.locator(".grid[aria-busy=false]").wait_for(state="attached")


def kpi(page: Any, label: str) -> Any:
    return page.locator(".kpi").filter(has=page.get_by_text(label, exact=True)).locator(".value")


def card(page: Any, title: str) -> Any:
    return page.locator(".card").filter(has=page.get_by_role("heading", name=title, exact=True))


def point_of(page: Any, title: str, series: int, index: int) -> None:
    """Click a point of a chart where it is drawn."""
    chart = card(page, title).locator(".chart")
    chart.scroll_into_view_if_needed()
    # A chart is drawn some frames after its data has come; until it stops moving, clicks miss.
    place = chart.evaluate(
        """async (node, [series, index]) => {
            const at = () => {
                const chart = getElement(node).chart;
                const model = chart && chart._model && chart._model.getSeriesByIndex(series);
                const data = model && model.getData();
                const box = data && data.getItemGraphicEl(index);
                if (!box || chart.getWidth() !== node.clientWidth) return null;
                const found = box.getBoundingRect().clone();
                found.applyTransform(box.transform || [1, 0, 0, 1, 0, 0]);
                const {x, y} = node.getBoundingClientRect();
                const [middle, centre] = [found.x + found.width / 2, found.y + found.height / 2];
                return {x: middle, y: centre, seen: [x, y]};
            };
            const frame = () => new Promise(requestAnimationFrame);
            let last = "", still = 0, now = null;
            while (still < 10) {
                await frame();
                now = at();
                still = now && JSON.stringify(now) === last ? still + 1 : 0;
                last = JSON.stringify(now);
            }
            return {x: now.x, y: now.y};
        }""",
        [series, index],
    )
    # Under the pointer it is redrawn; a press before that would hit a shape that no longer exists.
    chart.hover(position=place)
    chart.evaluate(
        "async () => { for (let n = 0; n < 5; n++) await new Promise(requestAnimationFrame); }"
    )
    chart.click(position=place)


@pytest.mark.slow
@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("width", [1440, 390])
def test_every_page_shows_its_data_at_every_width(dashboard, visit, path, width):
    page = visit(dashboard.url + path, width=width)
    loaded(page)
    expect(page.get_by_role("heading", level=1)).to_have_text(PAGES[path])
    expect(page).to_have_title(f"{PAGES[path]} · Movies")
    expect(page.locator(".status")).to_have_text(
        "published 21 Nov 2026, 20:30 UTC · 2 checks passed, 1 warned"
    )
    assert page.locator(".chart:visible svg").count() >= 2
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for chart in page.locator(".chart:visible").all():
        expect(chart).to_have_attribute("role", "img")
        expect(chart).to_have_attribute("aria-label", re.compile("(Bars|bars|Lines|map): "))


@pytest.mark.slow
def test_the_slicers_filter_and_the_address_says_so(dashboard, visit):
    page = visit(dashboard.url + "/movies")
    expect(kpi(page, "Movies")).to_have_text("6")
    page.get_by_label("From year").fill("1990")
    expect(kpi(page, "Movies")).to_have_text("4")
    page.get_by_label("To year").fill("1999")
    expect(kpi(page, "Movies")).to_have_text("3")
    page.get_by_role("combobox", name="Genre").click()
    page.get_by_role("option", name="Drama", exact=True).click()
    expect(kpi(page, "Movies")).to_have_text("2")
    expect(page).to_have_url(f"{dashboard.url}/movies?years=1990-1999&genre=Drama")
    expect(page.locator(".chip:visible")).to_have_count(0)  # the bar shows these two
    page.get_by_role("button", name="Clear all").click()
    expect(kpi(page, "Movies")).to_have_text("6")
    expect(page.get_by_label("From year")).to_have_value("")
    expect(page.get_by_role("button", name="Clear all")).not_to_be_visible()


@pytest.mark.slow
def test_a_shared_address_shows_the_same_view_and_links_carry_the_slicers(dashboard, visit):
    page = visit(f"{dashboard.url}/movies?years=1990-1999&genre=Drama")
    expect(kpi(page, "Movies")).to_have_text("2")
    expect(page.get_by_label("From year")).to_have_value("1990")
    page.get_by_role("link", name="Series").click()
    expect(page).to_have_url(f"{dashboard.url}/series?years=1990-1999&genre=Drama")
    expect(page.locator(".about .name")).to_have_text("No series that began 1990 to 1999 in Drama")


@pytest.mark.slow
def test_a_click_filters_everything_and_another_one_takes_it_back(dashboard, visit):
    page = visit(dashboard.url + "/movies")
    loaded(page)
    point_of(page, "Movies by genre", 0, 0)
    expect(kpi(page, "Movies")).to_have_text("3")
    expect(page).to_have_url(f"{dashboard.url}/movies?genre=Drama")
    expect(card(page, "Top movies").get_by_role("cell", name="Alpha")).to_be_visible()
    expect(card(page, "Top movies").get_by_role("cell", name=ARABIC)).to_have_count(0)
    point_of(page, "Movies by genre", 0, 0)
    expect(kpi(page, "Movies")).to_have_text("6")
    expect(page).to_have_url(f"{dashboard.url}/movies")


@pytest.mark.slow
def test_a_layer_and_a_cell_are_clicked_like_bars(dashboard, visit):
    page = visit(dashboard.url + "/movies")
    loaded(page)
    nineties = (1990 - 1920) // 10
    point_of(page, "Genres by decade", 0, nineties)
    expect(page).to_have_url(f"{dashboard.url}/movies?genre=Drama&decade=1990")
    expect(kpi(page, "Movies")).to_have_text("2")
    point_of(page, "Genres by decade", 0, nineties)
    expect(page).to_have_url(f"{dashboard.url}/movies")
    point_of(page, "Ratings and votes", 0, 0)
    expect(page).to_have_url(f"{dashboard.url}/movies?rating=6&votes=2")
    expect(kpi(page, "Movies")).to_have_text("1")


@pytest.mark.slow
def test_what_a_click_does_the_keyboard_can_do_in_the_table(dashboard, visit):
    page = visit(dashboard.url + "/movies")
    loaded(page)
    bars = card(page, "Movies by genre")
    bars.get_by_text("Show as a table").focus()
    page.keyboard.press("Enter")
    cell = bars.get_by_role("button", name="Comedy")
    cell.focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{dashboard.url}/movies?genre=Comedy")
    expect(kpi(page, "Movies")).to_have_text("1")


@pytest.mark.slow
def test_the_back_button_goes_back_a_filter(dashboard, visit):
    page = visit(dashboard.url + "/movies")
    loaded(page)
    point_of(page, "Movies by genre", 0, 0)
    expect(kpi(page, "Movies")).to_have_text("3")
    page.go_back()
    expect(page).to_have_url(f"{dashboard.url}/movies")
    expect(kpi(page, "Movies")).to_have_text("6")
    page.go_forward()
    expect(kpi(page, "Movies")).to_have_text("3")


@pytest.mark.slow
def test_the_first_tab_stop_leads_to_the_content(dashboard, visit):
    page = visit(dashboard.url + "/movies")
    loaded(page)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".content")).to_be_focused()


@pytest.mark.slow
def test_series_are_found_while_typing_and_chosen_by_keyboard(dashboard, visit):
    page = visit(f"{dashboard.url}/series")
    expect(page.locator(".about .name")).to_have_text("The Lamp (2001)")
    expect(kpi(page, "Finale delta")).to_have_text("▼ −1.50")  # noqa: RUF001
    field = page.get_by_role("combobox", name="Search a series by title")
    field.click()
    field.press_sequentially("lamp")
    hits = page.get_by_role("option")
    expect(hits).to_have_count(2)
    expect(hits.first).to_contain_text("Lamplight (2020)")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(hits.nth(1)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{dashboard.url}/series/10")
    field.fill("elan")
    page.get_by_role("option", name="Élan").click()
    expect(page.locator(".about .name")).to_have_text("Élan (2010)")
    expect(kpi(page, "Average")).to_have_text(formatting.NONE)
    expect(card(page, "Episodes").locator(".empty")).to_have_text("No rated episodes")


@pytest.mark.slow
def test_a_cell_of_a_season_chooses_the_season(dashboard, visit):
    page = visit(f"{dashboard.url}/series/10")
    loaded(page)
    point_of(page, "Seasons and episodes", 0, 0)
    expect(page).to_have_url(f"{dashboard.url}/series/10?season=1")
    expect(kpi(page, "Worst episode")).to_have_text("▼ 7.9 · S1E2")


@pytest.mark.slow
def test_releases_and_audience_filter_by_click(dashboard, visit):
    page = visit(f"{dashboard.url}/releases")
    loaded(page)
    point_of(page, "Releases by year", 0, 0)
    expect(page).to_have_url(f"{dashboard.url}/releases?year=2023&media=movie")
    expect(kpi(page, "Titles")).to_have_text("1,200")
    page.goto(f"{dashboard.url}/audience")
    loaded(page)
    point_of(page, "Views per day", 0, 1)
    expect(page).to_have_url(f"{dashboard.url}/audience?day=2025-10-31")
    expect(kpi(page, "Views")).to_have_text("4")


@pytest.mark.slow
def test_recommendations_of_a_chosen_user_are_shown_with_the_reason(dashboard, visit):
    page = visit(f"{dashboard.url}/audience?user=bb22")
    expect(card(page, "Recommendations").locator(".empty")).to_have_text("No recommendations")
    page.get_by_role("combobox", name="Search a user").fill("chile")
    page.get_by_role("option", name="aa11").click()
    expect(page.get_by_role("cell", name="you like drama: number 1")).to_be_visible()


@pytest.mark.slow
def test_hostile_titles_are_text(dashboard, visit):
    """In tables, in the field of the series, in tooltips: no element, no script."""
    page = visit(dashboard.url + "/movies")
    expect(card(page, "Top movies").get_by_role("cell", name=HOSTILE)).to_be_visible()
    assert card(page, "Top movies").get_by_role("cell", name=ARABIC).locator("bdi").count() == 1
    page.goto(f"{dashboard.url}/series/12")
    expect(page.locator(".about .name")).to_have_text(f"{HOSTILE} (1999)")
    chart = card(page, "Seasons and episodes").locator(".chart")
    chart.scroll_into_view_if_needed()
    chart.evaluate(
        "node => getElement(node).chart.dispatchAction("
        "{type: 'showTip', seriesIndex: 0, dataIndex: 0})"
    )
    expect(page.locator(".tip").first).to_contain_text(HOSTILE)
    page.get_by_role("combobox", name="Search a series").fill("img")
    expect(page.get_by_role("option").first).to_contain_text(HOSTILE)
    page.goto(f"{dashboard.url}/audience")
    expect(card(page, "Popular movies").get_by_role("cell", name=HOSTILE)).to_be_visible()
    assert page.locator("img[src=x]").count() == 0
    assert page.evaluate("window.hacked") is None


@pytest.mark.slow
@pytest.mark.parametrize(
    "query",
    [
        "genre=' OR 1=1 --",
        "years=1;drop",
        "decade=<script>window.hacked=1</script>",
        "x=`${window.hacked=1}`",
    ],
)
def test_a_hostile_address_is_left_out_with_a_notice(dashboard, visit, query):
    page = visit(f"{dashboard.url}/movies?{query}")
    expect(page.locator(".notice")).to_contain_text("ignored")
    expect(kpi(page, "Movies")).to_have_text("6")
    assert page.evaluate("window.hacked") is None


def test_an_unknown_page_says_so(dashboard):
    answer = httpx.get(f"{dashboard.url}/no/such/page")
    assert answer.status_code == 404
    assert "There is no such page." in answer.text
    assert "<script" not in answer.text


def test_pages_are_compressed_and_carry_the_policy(dashboard):
    answer = httpx.get(dashboard.url)
    assert answer.headers["content-encoding"] == "gzip"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert httpx.get(dashboard.url, headers={"host": "evil.invalid"}).status_code == 400


@pytest.fixture
def lonely(tmp_path) -> Iterator[Served]:
    """A dashboard before anything is published, which asks for a token."""
    with serving(tmp_path, MOVIES_DASHBOARD__TOKEN=TOKEN) as served:
        yield served


@pytest.mark.slow
def test_what_is_published_is_shown_at_once_from_the_first_snapshot_on(lonely, visit):
    """In one: a token, no snapshot, an empty one, a full one, another one."""
    assert httpx.get(lonely.url).status_code == 401
    assert httpx.get(f"{lonely.url}/static/dashboard.css").status_code == 401
    page = visit(f"{lonely.url}/?token={TOKEN.replace(' ', '+')}")
    expect(page).to_have_url(f"{lonely.url}/")
    expect(page.locator(".missing")).to_contain_text("make run")
    lonely.publish("a", {})
    expect(kpi(page, "Titles")).to_have_text("0")
    page.goto(f"{lonely.url}/movies")
    expect(kpi(page, "Movies")).to_have_text("0")
    expect(card(page, "Genres by decade").locator(".empty")).to_have_text("No movies")
    for path in PAGES:
        page.goto(lonely.url + path)
        loaded(page)
        expect(page.locator(".missing")).not_to_be_visible()
    page.goto(f"{lonely.url}/movies")
    loaded(page)
    lonely.publish("b", few())
    expect(kpi(page, "Movies")).to_have_text("6")
    point_of(page, "Movies by genre", 0, 0)
    expect(kpi(page, "Movies")).to_have_text("3")
    more = [*few()["gold.imdb_movie_facts"], *movie(7, "Newest", 2025, "Drama")]
    lonely.publish("c", few() | {"gold.imdb_movie_facts": more})
    expect(kpi(page, "Movies")).to_have_text("4")
    expect(page).to_have_url(f"{lonely.url}/movies?genre=Drama")
    (lonely.folder / "movies_d.duckdb").write_text("this is no database")
    (lonely.folder / "CURRENT").write_text("movies_d.duckdb")
    page.reload()
    expect(kpi(page, "Movies")).to_have_text("4")
    lonely.publish("e", few())
    expect(kpi(page, "Movies")).to_have_text("3")
