"""The page SQL in a browser: a query is run, shared, cancelled, downloaded, and explained."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote_plus

import psutil
import pytest

from movies_assets_tests.dashboard.conftest import Served, serving
from movies_assets_tests.dashboard.snapshots import HOSTILE
from movies_assets_tests.serving.attacks import FORBIDDEN, GREEDY, publish_world

expect = pytest.importorskip("playwright.sync_api").expect
pytestmark = pytest.mark.slow

GENRES = (
    "SELECT genre, count(*) AS movies FROM gold.imdb_movie_facts\n"
    "GROUP BY genre ORDER BY movies DESC, genre LIMIT 3"
)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    data = tmp_path_factory.mktemp("desk")
    publish_world(data / "published")
    with serving(data, MOVIES_DASHBOARD__SQL_SECONDS="40") as served:
        yield served


def write(page, sql: str) -> None:
    page.get_by_role("textbox", name="Query").fill(sql)


def run(page, sql: str) -> None:
    write(page, sql)
    page.get_by_role("button", name="Run").click()


def answer(page):
    return page.get_by_role("region", name="Answer")


def test_a_query_is_run_by_its_keys_and_shown_as_table_and_bars(desk, visit):
    page = visit(f"{desk.url}/sql")
    expect(answer(page)).to_contain_text("Run a query to see its rows here")
    write(page, GENRES)
    page.keyboard.press("Control+Enter")
    expect(answer(page).locator("tbody tr")).to_have_count(3)
    expect(answer(page).locator("tbody tr").first).to_contain_text("Drama")
    expect(page.locator(".sql .answer")).to_contain_text("3 rows, in")
    expect(page.get_by_role("img", name="Bar chart: movies of 3 rows by genre.")).to_be_visible()


def test_the_address_holds_the_query_and_the_back_button_works(desk, visit):
    page = visit(f"{desk.url}/sql")
    run(page, GENRES)
    expect(answer(page).locator("tbody tr")).to_have_count(3)
    assert page.url == f"{desk.url}/sql?q={quote_plus(GENRES)}"
    run(page, "SELECT 42 AS n")
    expect(answer(page).locator("tbody")).to_have_text("42")
    page.go_back()
    expect(answer(page).locator("tbody tr")).to_have_count(3)
    expect(page.get_by_role("textbox", name="Query")).to_have_value(GENRES)
    other = visit(page.url)
    expect(answer(other).locator("tbody tr")).to_have_count(3)


def test_an_error_names_the_place(desk, visit):
    page = visit(f"{desk.url}/sql")
    run(page, "SELECT titel FROM gold.imdb_dim_series")
    expect(page.get_by_role("alert").filter(has_text="Candidate bindings")).to_contain_text(
        "LINE 1: SELECT titel"
    )
    run(page, FORBIDDEN["table of users"])
    alert = page.get_by_role("alert").filter(has_text="There is no table")
    expect(alert).to_contain_text("gold.ott_dim_user")
    run(page, "SELECT 1 AS n")
    expect(answer(page).locator("tbody")).to_have_text("1")
    expect(alert).to_be_hidden()


def test_a_query_of_the_cookbook_is_one_click_away(desk, visit):
    page = visit(f"{desk.url}/sql")
    page.get_by_label("From the cookbook").click()
    page.get_by_role("option", name="16. How do movies of the decades compare?").click()
    expect(answer(page).locator("tbody tr").first).to_contain_text("1920s")
    assert "gold.imdb_movie_facts" in page.get_by_role("textbox", name="Query").input_value()


@pytest.mark.parametrize(
    "path", ["/table/gold.imdb_dim_series", "/data?table=gold.imdb_dim_series"]
)
def test_a_table_leads_to_a_query_of_it(desk, visit, path):
    page = visit(desk.url + path)
    page.get_by_role("link", name="Ask with SQL").click()
    expect(page.get_by_role("textbox", name="Query")).to_have_value(
        "FROM gold.imdb_dim_series LIMIT 100"
    )
    expect(answer(page)).to_contain_text("The Lamp")


def test_a_table_of_users_leads_to_none(desk, visit):
    page = visit(f"{desk.url}/table/gold.ott_dim_user")
    expect(page.get_by_text("It contains data about single users")).to_be_visible()
    expect(page.get_by_role("link", name="Ask with SQL")).to_be_hidden()


def test_a_long_query_can_be_cancelled_and_a_closed_tab_cancels_it(desk, visit):
    page = visit(f"{desk.url}/sql")
    run(page, GREEDY["a large product"])
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".sql .answer")).to_have_text("Cancelled.")
    wait_for_queries(page, desk, 0)
    page.get_by_role("button", name="Run").click()
    expect(page.locator(".sql .answer")).to_have_text("Running …")
    wait_for_queries(page, desk, 1)
    watcher = visit(f"{desk.url}/sql")
    page.close()
    wait_for_queries(watcher, desk, 0)


def wait_for_queries(page, desk: Served, number: int) -> None:
    for _ in range(200):
        found = psutil.Process(desk.pid).children()
        if sum(one.status() != psutil.STATUS_ZOMBIE for one in found) == number:
            return
        page.wait_for_timeout(100)
    pytest.fail(f"not {number} processes of queries, but {found}")


def test_the_answer_comes_as_csv(desk, visit):
    page = visit(f"{desk.url}/sql?q={quote_plus(GENRES)}")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    lines = Path(download.value.path()).read_text().splitlines()
    assert lines[:2] == ["genre,movies", "Drama,3"]


def test_titles_that_mean_harm_are_shown_as_text(desk, visit):
    page = visit(f"{desk.url}/sql")
    run(page, "SELECT DISTINCT primary_title AS t, 1 AS n FROM gold.imdb_movie_facts")
    expect(answer(page)).to_contain_text(HOSTILE)
    run(page, "SELECT '<img src=x onerror=alert(1)>' AS \"<b>x</b>\"")
    expect(answer(page).locator("thead")).to_contain_text("<b>x</b>")
    assert page.evaluate("window.hacked") is None


def test_many_rows_are_cut_off_and_said_so(desk, visit):
    page = visit(f"{desk.url}/sql")
    run(page, "FROM range(1_000)")
    expect(answer(page).locator("tbody tr")).to_have_count(200)
    expect(page.locator(".sql .answer")).to_contain_text(
        "The first 200 rows; the CSV file has up to 10,000, in"
    )


def test_nothing_overflows_on_a_phone(desk, visit):
    page = visit(f"{desk.url}/sql?q={quote_plus(GENRES)}", width=390)
    expect(answer(page).locator("tbody tr")).to_have_count(3)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
