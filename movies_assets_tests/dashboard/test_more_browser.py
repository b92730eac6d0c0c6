"""The pages of catalogue, quality and data in a real browser, as visitors see them."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pyarrow.parquet
import pytest
from playwright.sync_api import expect

from movies_assets_tests.dashboard.conftest import Served, serving
from movies_assets_tests.dashboard.more import more
from movies_assets_tests.dashboard.snapshots import ARABIC, HOSTILE, publish
from movies_assets_tests.dashboard.test_browser import card, kpi, loaded, point_of

pytestmark = pytest.mark.slow
PAGES = {"/catalogue": "Catalogue", "/quality": "Quality", "/data": "Data"}
TOKEN = "correct horse battery"  # noqa: S105
FILE = "/download/gold.netflix_dim_title.csv"


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A dashboard over the small world with all that is known about it."""
    data = tmp_path_factory.mktemp("dashboard")
    publish(data / "published", "a", more())
    with serving(data) as served:
        yield served


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("width", [1440, 390])
def test_every_page_shows_its_data_at_every_width(dashboard, visit, path, width):
    page = visit(dashboard.url + path, width=width)
    loaded(page)
    expect(page.get_by_role("heading", level=1)).to_have_text(PAGES[path])
    expect(page.locator(".chart:visible svg").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for chart in page.locator(".chart:visible").all():
        expect(chart).to_have_attribute("role", "img")
        expect(chart).to_have_attribute("aria-label", re.compile("([Bb]ars|lines|Flow chart): "))


BARS = [
    ("Titles added", 2, "month=2025-09", "2"),
    ("Countries", 0, "country=India", "2"),
    ("Categories", 0, "category=Dramas", "2"),
    ("Running time", 0, "minutes=90", "2"),
    ("Seasons", 0, "seasons=3", "1"),
    ("Ages", 0, "ages=From+13+or+14", "2"),
]


def test_a_click_on_a_bar_filters_and_another_one_takes_it_back(dashboard, visit):
    page = visit(f"{dashboard.url}/catalogue")
    loaded(page)
    for chart, index, chosen, titles in BARS:
        point_of(page, chart, 0, index)
        expect(page).to_have_url(f"{dashboard.url}/catalogue?{chosen}")
        expect(kpi(page, "Titles")).to_have_text(titles)
        point_of(page, chart, 0, index)
        expect(page).to_have_url(f"{dashboard.url}/catalogue")
        expect(kpi(page, "Titles")).to_have_text("5")


def test_the_catalogue_has_slicers_of_its_own(dashboard, visit):
    page = visit(f"{dashboard.url}/catalogue?years=2020-2021")
    expect(kpi(page, "Titles")).to_have_text("4")
    page.get_by_role("combobox", name="Category").click()
    page.get_by_role("option", name="Dramas", exact=True).click()
    expect(kpi(page, "Titles")).to_have_text("2")
    page.get_by_role("combobox", name="Movies or TV shows").click()
    page.get_by_role("option", name="TV shows").click()
    expect(page).to_have_url(f"{dashboard.url}/catalogue?years=2020-2021&type=show&category=Dramas")
    expect(kpi(page, "Titles")).to_have_text("0")
    expect(card(page, "Titles added").locator(".empty")).to_have_text(
        "No titles with type TV shows and category Dramas and released 2020 to 2021"
    )
    page.go_back()
    expect(kpi(page, "Titles")).to_have_text("2")
    expect(page.get_by_role("combobox", name="Movies or TV shows")).to_have_value("")


def test_a_verdict_and_a_table_filter_the_page_of_quality(dashboard, visit):
    page = visit(f"{dashboard.url}/quality")
    loaded(page)
    checks = card(page, "Checks").locator("tbody tr")
    expect(checks).to_have_count(5)
    expect(checks.first).to_contain_text("2 rows without a key")
    point_of(page, "Verdicts", 0, 0)
    expect(page).to_have_url(f"{dashboard.url}/quality?verdict=failed")
    expect(checks).to_have_count(1)
    point_of(page, "Verdicts", 0, 0)
    expect(checks).to_have_count(5)
    freshness = card(page, "Freshness")
    freshness.get_by_role("button", name="gold.netflix_dim_title").click()
    expect(page).to_have_url(f"{dashboard.url}/quality?table=gold.netflix_dim_title")
    expect(checks).to_have_count(1)
    expect(card(page, "Quarantine").locator(".empty")).to_have_text(
        "No rows of gold.netflix_dim_title are in quarantine"
    )
    freshness.get_by_role("button", name="gold.netflix_dim_title").press("Enter")
    expect(checks).to_have_count(5)


def test_the_dictionary_is_searched_and_the_address_says_so(dashboard, visit):
    page = visit(f"{dashboard.url}/data")
    rows = card(page, "Tables").locator("tbody tr")
    expect(rows).to_have_count(6)
    page.get_by_label("Search tables and columns").fill("user_key")
    expect(rows).to_have_count(1)
    expect(page).to_have_url(f"{dashboard.url}/data?search=user_key")
    page.reload()
    expect(page.get_by_label("Search tables and columns")).to_have_value("user_key")
    expect(rows).to_have_count(1)
    rows.get_by_role("button", name="gold.ott_dim_user").click()
    dictionary = card(page, "Dictionary")
    expect(dictionary).to_contain_text(
        "It contains data about single users: it cannot be downloaded."
    )
    expect(
        dictionary.get_by_role("cell", name="Meaning of user_key. Key. Personal.")
    ).to_be_visible()
    expect(dictionary.get_by_role("link")).to_have_text(["Rows, profile and lineage of columns"])
    page.get_by_label("Search tables and columns").fill("nothing like it")
    expect(card(page, "Tables").locator(".empty")).to_contain_text("has “nothing like it” in it")


def test_a_table_is_downloaded_from_its_page(dashboard, visit, tmp_path):
    page = visit(f"{dashboard.url}/data?table=gold.netflix_dim_title")
    with page.expect_download() as started:
        page.get_by_role("link", name=re.compile(r"CSV, \d+ B")).click()
    assert started.value.suggested_filename == "gold.netflix_dim_title.csv"
    text = Path(started.value.path()).read_text(encoding="utf-8")
    assert "'=1+1" in text
    assert ARABIC in text
    with page.expect_download() as started:
        page.get_by_role("link", name=re.compile("Parquet, ")).click()
    path = tmp_path / started.value.suggested_filename
    started.value.save_as(path)
    assert pyarrow.parquet.read_table(path).num_rows == 5


def test_a_click_on_a_table_of_the_lineage_chooses_it(dashboard, visit):
    page = visit(f"{dashboard.url}/data")
    loaded(page)
    boxes = card(page, "Lineage").locator(".chart svg")
    expect(boxes).to_contain_text("fact_titles")
    boxes.get_by_text("fact_titles").click()
    expect(page).to_have_url(f"{dashboard.url}/data?table=gold.netflix_fact_titles")
    expect(card(page, "Dictionary")).to_contain_text("References gold.netflix_dim_title.")
    page.get_by_role("combobox", name="Lineage of").click()
    page.get_by_role("option", name="ott").click()
    expect(page).to_have_url(f"{dashboard.url}/data?source=ott")
    expect(boxes).to_contain_text("dim_user")


def test_hostile_texts_are_text(dashboard, visit):
    page = visit(f"{dashboard.url}/catalogue")
    expect(card(page, "Added last").get_by_role("cell", name=HOSTILE)).to_be_visible()
    page.goto(f"{dashboard.url}/quality")
    expect(
        card(page, "Checks").get_by_role("cell", name=f"one column is new: {HOSTILE}")
    ).to_be_visible()
    page.goto(f"{dashboard.url}/data?table=gold.netflix_dim_title")
    expect(card(page, "Dictionary").get_by_role("cell", name=HOSTILE)).to_be_visible()
    assert page.locator("img[src=x]").count() == 0
    assert page.evaluate("window.hacked") is None


def test_a_hostile_address_is_left_out_with_a_notice(dashboard, visit):
    page = visit(f"{dashboard.url}/catalogue?category=' OR 1=1 --")
    for address in (
        "/catalogue?month=2025-13",
        "/quality?table=gold.a;drop",
        "/quality?verdict=<script>window.hacked=1</script>",
        "/data?table=gold.no_such_table",
        "/data?source=../..",
    ):
        expect(page.locator(".notice")).to_contain_text("ignored")
        assert page.evaluate("window.hacked") is None
        page.goto(dashboard.url + address)
    expect(page.locator(".notice")).to_contain_text("ignored")


def test_a_search_for_sql_finds_nothing(dashboard, visit):
    page = visit(f"{dashboard.url}/data?search=' OR 1=1 --")
    expect(card(page, "Tables").locator(".empty")).to_have_text(
        "No table or column has “' OR 1=1 --” in it"
    )


@pytest.mark.parametrize(
    "name", ["gold.ott_dim_user.csv", "meta.checks.csv", "x", "gold.a';--.csv"]
)
def test_what_may_not_leave_cannot_be_downloaded(dashboard, name):
    answer = httpx.get(f"{dashboard.url}/download/{name}")
    assert answer.status_code == 404
    assert "Traceback" not in answer.text


def test_a_download_carries_the_policy(dashboard):
    answer = httpx.get(dashboard.url + FILE)
    assert answer.status_code == 200
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'self'" in answer.headers["content-security-policy"]


def test_downloads_are_behind_the_token_and_empty_pages_say_so(tmp_path, visit):
    with serving(tmp_path, MOVIES_DASHBOARD__TOKEN=TOKEN) as lonely:
        assert httpx.get(lonely.url + FILE).status_code == 401
        page = visit(f"{lonely.url}/quality?token={TOKEN.replace(' ', '+')}")
        expect(page.locator(".missing")).to_contain_text("make run")
        lonely.publish("a", {})
        expect(card(page, "Checks").locator(".empty")).to_have_text("No checks")
        expect(card(page, "Runs").locator(".empty")).to_have_text("No run has been recorded")
        page.goto(f"{lonely.url}/catalogue")
        expect(card(page, "Titles added").locator(".empty")).to_have_text("No titles")
        page.goto(f"{lonely.url}/data")
        expect(card(page, "Lineage").locator(".empty")).to_contain_text("No lineage")
        lonely.publish("b", more())
        expect(card(page, "Tables").locator("tbody tr")).to_have_count(6)
        page.close()  # before its server ends: it would connect again, and log that it cannot
