"""What a visitor takes from a card."""

import csv
import io

import duckdb
import pytest
from hypothesis import assume, example, given
from hypothesis.strategies import lists, text
from playwright.sync_api import expect

from movies_assets.dashboard.menus import _plain, as_csv, slug
from movies_assets.serving.formulas import NUMBER, defused, defused_text
from movies_assets_tests.dashboard.test_browser import card, loaded


@pytest.mark.parametrize(
    ("title", "name"),
    [("Genres by decade", "genres-by-decade"), ("What's new?", "what-s-new"), ("Größe", "gr-e")],
)
def test_a_card_has_a_name_for_addresses(title, name):
    assert slug(title) == name


@given(lists(lists(text(), min_size=2, max_size=2), max_size=5))
def test_cells_come_back_from_csv_as_they_are_but_for_formulas(rows):
    read = list(csv.reader(io.StringIO(as_csv(["#", "A#"], rows).decode(), newline="")))
    assert read == [["Rank", "A"], *([_plain(cell) for cell in row] for row in rows)]


@pytest.mark.parametrize(
    ("cell", "plain"),
    [("1,294", "1294"), ("+2,099", "2099"), ("−0.25", "-0.25"), ("–", ""),  # noqa: RUF001
     ("●\xa0warned", "● warned"), ("=1", "'=1"), ("S1E2", "S1E2")],
)  # fmt: skip
def test_a_number_is_plain_and_what_is_unknown_is_empty(cell, plain):
    assert _plain(cell) == plain


@pytest.mark.parametrize("cell", ["+2,099", "−0.25", "-1", "12.5%", "1,234"])  # noqa: RUF001
def test_numbers_with_a_sign_stay_numbers(cell):
    assert defused_text(cell) == cell


@given(text())
@example("=1+1")
@example("a,=1")
@example(' "@x')
@example("\N{FULLWIDTH EQUALS SIGN}1")
def test_texts_are_defused_as_downloads_are(words):
    assume("\0" not in words and not NUMBER.fullmatch(words))
    with duckdb.connect() as connection:
        ((expected,),) = connection.execute(
            f"SELECT {defused('a')} FROM (SELECT $1 AS a)", [words]
        ).fetchall()
    assert defused_text(words) == expected


@pytest.mark.slow
def test_a_card_gives_its_link_rows_and_image(dashboard, visit):
    page = visit(f"{dashboard.url}/movies")
    loaded(page)
    menu = card(page, "Movies by genre").locator("details.menu")
    menu.locator("summary").click()
    with page.expect_download() as download:
        menu.get_by_role("button", name="Save these rows as CSV").click()
    assert download.value.suggested_filename == "movies-by-genre.csv"
    rows = list(csv.reader(download.value.path().open(encoding="utf-8", newline="")))
    assert rows[:2] == [["Genre", "Movies"], ["Drama", "3"]]
    with page.expect_download() as download:
        menu.get_by_role("button", name="Save as image").click()
    assert download.value.suggested_filename == "movies-by-genre.svg"
    assert "Drama" in download.value.path().read_text(encoding="utf-8")
    menu.get_by_role("link", name="Link to this card").click()
    expect(page).to_have_url(f"{dashboard.url}/movies#movies-by-genre")
