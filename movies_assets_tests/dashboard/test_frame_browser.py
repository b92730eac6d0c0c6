"""The frame of all pages in a real browser: space, accessibility, theme, print, focus, tables."""

import re
from collections.abc import Iterator
from urllib.parse import quote_plus

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from movies_assets.dashboard.server import PAGES
from movies_assets_tests.dashboard.conftest import Served, serving
from movies_assets_tests.dashboard.more import more
from movies_assets_tests.dashboard.snapshots import publish
from movies_assets_tests.dashboard.test_browser import card, kpi, loaded

pytestmark = pytest.mark.slow
# The page SQL needs a reader, so it is not in the list; it shows an answer, and an error.
ASKED = [
    f"/sql?q={quote_plus(sql)}" for sql in ("SELECT table_name, rows FROM meta.tables", "SELECT x")
]
PATHS = [*(page.path for page in PAGES), "/sql", *ASKED]
MOST_SHIFT = 0.02
# Sums the layout shifts that no input explains, from the first paint on.
SHIFTS = """
    window.shifts = 0;
    new PerformanceObserver((list) => list.getEntries().forEach((entry) => {
        if (!entry.hadRecentInput) window.shifts += entry.value;
    })).observe({type: 'layout-shift', buffered: true});
"""


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A dashboard over the small world with all that is known about it."""
    data = tmp_path_factory.mktemp("dashboard")
    publish(data / "published", "a", more())
    with serving(data) as served:
        yield served


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("path", PATHS)
def test_nothing_moves_when_the_data_comes(dashboard, browser, path, width):
    context = browser.new_context(viewport={"width": width, "height": 844})
    page = context.new_page()
    page.add_init_script(SHIFTS)
    page.goto(dashboard.url + path)
    loaded(page)
    page.wait_for_timeout(500)
    shifts = page.evaluate("window.shifts")
    context.close()
    assert shifts < MOST_SHIFT


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("path", PATHS)
def test_axe_finds_nothing(dashboard, visit, path, width, theme):
    page = visit(dashboard.url + path, width=width)
    page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
    loaded(page)
    found = Axe().run(page).response["violations"]
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found] == []


@pytest.mark.parametrize("path", PATHS)
def test_nothing_is_wider_than_a_phone(dashboard, visit, path):
    page = visit(dashboard.url + path, width=390)
    loaded(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    wide = page.evaluate(
        "[...document.querySelectorAll('.q-table__middle')]"
        ".filter((table) => table.scrollWidth > table.clientWidth)"
        ".map((table) => table.closest('.card').querySelector('h2').textContent)"
    )
    assert wide == []


def test_a_phone_shows_the_rows_of_a_wide_table_as_lists(dashboard, visit):
    page = visit(f"{dashboard.url}/quality", width=390)
    cell = card(page, "Checks").get_by_role("cell", name="2 rows without a key")
    expect(cell).to_have_attribute("data-label", "Finding or description")
    places = (
        card(page, "Checks")
        .locator("tbody tr")
        .first.locator("td")
        .evaluate_all("(cells) => cells.map((cell) => cell.getBoundingClientRect().x)")
    )
    assert len(set(places)) == 1, "all cells below each other"


def test_a_click_on_a_heading_sorts_and_another_one_turns_it_round(dashboard, visit):
    page = visit(f"{dashboard.url}/quality")
    freshness = card(page, "Freshness")
    names = freshness.locator("tbody tr td:first-child")
    expect(names.first).to_have_text("gold.ott_recommendation_quality")
    expect(freshness.locator(".count")).to_have_text("6 rows")
    rows = freshness.get_by_role("columnheader", name="Rows")
    rows.get_by_role("button").press("Enter")
    expect(rows).to_have_attribute("aria-sort", "ascending")
    expect(names.first).to_have_text("gold.ott_dim_user")
    rows.get_by_role("button").click()
    expect(rows).to_have_attribute("aria-sort", "descending")
    expect(names.first).to_have_text("bronze.netflix_titles")
    expect(names.last).to_have_text("gold.ott_recommendation_quality")  # unknown comes last
    rows.get_by_role("button").click()
    expect(rows).to_have_attribute("aria-sort", "none")
    expect(names.first).to_have_text("gold.ott_recommendation_quality")


def test_a_card_says_which_filters_it_ignores(dashboard, visit):
    page = visit(f"{dashboard.url}/audience?day=2025-10-31")
    expect(kpi(page, "Views")).to_have_text("4")
    expect(card(page, "Hours watched by genre")).to_contain_text("Ignores the day.")
    expect(card(page, "Views per day")).to_contain_text("Marks the chosen day.")
    expect(page.locator(".kpi").filter(has_text="Registered users")).to_contain_text(
        "Ignores the day and genre."
    )


def test_the_focus_stays_where_a_filter_is_removed_by_keyboard(dashboard, visit):
    page = visit(f"{dashboard.url}/catalogue?month=2025-09&country=India&minutes=90")
    chips = page.locator(".chip:visible")
    expect(chips).to_have_count(3)
    loaded(page)
    chips.first.press("Enter")
    expect(chips).to_have_count(2)
    expect(chips.first).to_be_focused()
    page.keyboard.press("Enter")
    expect(chips).to_have_count(1)
    expect(chips.first).to_be_focused()
    page.keyboard.press("Enter")
    expect(chips).to_have_count(0)
    expect(page).to_have_url(f"{dashboard.url}/catalogue")
    expect(page.locator(".slicers :focus")).to_have_count(1)


def test_the_focus_stays_on_a_table_that_was_chosen_by_keyboard(dashboard, visit):
    page = visit(f"{dashboard.url}/quality")
    chosen = card(page, "Freshness").get_by_role("button", name="silver.netflix_titles")
    chosen.press("Enter")
    expect(card(page, "Freshness").locator("tbody tr")).to_have_count(1)
    expect(chosen).to_be_focused()
    page.keyboard.press("Enter")
    expect(card(page, "Freshness").locator("tbody tr")).to_have_count(6)


def test_the_focus_stays_in_a_select(dashboard, visit):
    page = visit(f"{dashboard.url}/audience")
    loaded(page)
    genre = page.get_by_role("combobox", name="Genre", exact=True)
    genre.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("option").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("genre="))
    loaded(page)
    expect(genre).to_be_focused()


def test_the_theme_follows_the_system_until_it_is_chosen(dashboard, browser):
    context = browser.new_context(color_scheme="light")
    page = context.new_page()
    page.goto(f"{dashboard.url}/catalogue")
    loaded(page)
    background = "getComputedStyle(document.body).backgroundColor"
    axis = page.locator(".chart:visible svg text[fill='#a9a9b4']").first
    ink = "(text) => getComputedStyle(text).fill"
    assert page.evaluate(background) == "rgb(245, 245, 247)"
    assert axis.evaluate(ink) == "rgb(86, 86, 96)"
    page.get_by_role("button", name="Theme").click()
    assert page.evaluate(background) == "rgb(11, 11, 13)"
    assert axis.evaluate(ink) == "rgb(169, 169, 180)"
    page.reload()
    assert page.evaluate(background) == "rgb(11, 11, 13)"
    context.close()


def test_paper_is_white_without_navigation_and_filters(dashboard, visit):
    page = visit(f"{dashboard.url}/catalogue?month=2025-09")
    loaded(page)
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    for part in ("nav", ".chip", ".slicers", ".tools", ".top .picker", ".top .theme"):
        assert page.locator(f"{part}:visible").count() == 0, part
    ink = page.locator(".chart svg text[fill='#a9a9b4']").first
    assert ink.evaluate("(text) => getComputedStyle(text).fill") == "rgb(86, 86, 96)"
    assert page.locator(".data").first.evaluate("(it) => getComputedStyle(it).maxHeight") == "none"


def test_a_key_leads_to_the_search(dashboard, visit):
    page = visit(dashboard.url)
    loaded(page)
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="Search titles")).to_be_focused()
