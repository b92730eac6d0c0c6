"""Pages of single things in a real browser: searched, linked, shared, and left again."""

import re
from collections.abc import Iterator

import duckdb
import pytest
from playwright.sync_api import expect

from movies_assets_tests.dashboard.conftest import Served, serving
from movies_assets_tests.dashboard.snapshots import HOSTILE, few, publish
from movies_assets_tests.dashboard.test_browser import card, loaded
from movies_assets_tests.dashboard.test_title import WORLD

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Iterator[Served]:
    """A dashboard over the small world, and titles of several sources."""
    data = tmp_path_factory.mktemp("entities")
    publish(data / "published", "a", few() | WORLD)
    with serving(data) as served:
        yield served


def test_everything_is_found_by_keyboard_alone(world, visit):
    page = visit(f"{world.url}/movies")
    loaded(page)
    page.keyboard.press("Control+k")
    page.keyboard.type("lamp")
    expect(page.get_by_role("option")).to_have_text([
        re.compile("^Lamplight"), re.compile("^The Lamp"), re.compile("^The Lamp"),
        re.compile(r"^gold\.lamps"),
    ])  # fmt: skip
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{world.url}/title/tt0000001")
    expect(page.locator(".title .name")).to_have_text("The Lamp")


def test_from_a_title_to_its_people_and_back(world, visit):
    page = visit(f"{world.url}/title/tt0000001")
    page.get_by_role("link", name="Ada KING").click()
    page.wait_for_url(f"{world.url}/person/ada%20king")
    expect(card(page, "Titles").get_by_role("link", name="The Lamp")).to_be_visible()
    page.go_back()
    expect(page.locator(".title .name")).to_have_text("The Lamp")


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ("/title/netflix:81", "/title/tt0000001"),  # another key took over
        ("/title", "/title/tt0000001"),
        ("/series", "/series/10"),
        ("/series?series=12", "/series/12"),
        ("/title/ott:a%2Fb%3Fc%23d", "/title/ott:a%2Fb%3Fc%23d"),
    ],
)
def test_every_address_names_what_it_shows(world, visit, asked, shown):
    page = visit(world.url + asked)
    loaded(page)
    expect(page).to_have_url(world.url + shown)
    expect(page.locator(".notice")).to_be_empty()


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("/series/999999", "There is no series 999999 here."),
        ("/title/no%20such", "There is no title no such here."),
        ("/table/gold.no_such", "There is no table gold.no_such here."),
    ],
)
def test_what_does_not_exist_is_named_and_nothing_else_is_shown(world, visit, asked, words):
    page = visit(world.url + asked)
    loaded(page)
    expect(page.locator(".missing")).to_contain_text(words)
    expect(page).to_have_url(world.url + asked)
    expect(page.locator(".card").first).not_to_be_visible()


def test_a_season_that_a_series_does_not_have_is_ignored_with_a_notice(world, visit):
    page = visit(f"{world.url}/series/10?season=99")
    loaded(page)
    expect(page.locator(".notice")).to_have_text(
        "Season: the address asks for a value that does not exist; it is ignored."
    )
    expect(page).to_have_url(f"{world.url}/series/10")


def test_years_that_cannot_be_applied_are_named(world, visit):
    page = visit(f"{world.url}/movies")
    loaded(page)
    page.get_by_label("From year").fill("2020")
    expect(page).to_have_url(f"{world.url}/movies?years=2020-")
    page.get_by_label("To year").fill("2010")
    expect(page.locator(".notice")).to_contain_text("The first year is after the last")
    expect(page.get_by_label("From year")).to_have_value("2020")
    page.get_by_label("To year").fill("99")
    expect(page.locator(".notice")).to_contain_text("Years are from")


def test_a_hostile_title_is_text_on_its_page_and_cover(world, visit):
    page = visit(f"{world.url}/title/netflix:80")
    expect(page.locator(".title .name")).to_have_text(HOSTILE)
    assert page.locator(".title img").get_attribute("src").startswith("data:image/svg+xml;base64,")
    assert page.evaluate("window.hacked") is None


def test_a_column_is_chosen_and_drawn(world, visit):
    page = visit(f"{world.url}/table/gold.lamps")
    card(page, "Computed from").get_by_role("button", name="watts").click()
    expect(page).to_have_url(f"{world.url}/table/gold.lamps?column=watts")
    expect(card(page, "Lineage of a column").locator(".chart")).to_be_visible()


def test_a_snapshot_of_an_earlier_version_is_named_with_what_to_do(tmp_path, visit):
    with duckdb.connect(publish(tmp_path / "published", "a", few())) as connection:
        connection.execute("DROP TABLE meta.days")
        connection.execute("ALTER TABLE meta.tables DROP COLUMN rows_before")
    with serving(tmp_path) as served:
        for path in ("/", "/quality"):
            page = visit(served.url + path)
            expect(page.locator(".missing")).to_contain_text("earlier version of the project")
        page.goto(f"{served.url}/movies")
        loaded(page)
        expect(page.locator(".missing")).not_to_be_visible()
