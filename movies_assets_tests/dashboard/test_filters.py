"""The address has the choices; invalid ones are left out, and reported without their text."""

import re

import pytest
from hypothesis import given
from hypothesis.strategies import text
from starlette.datastructures import QueryParams

from movies_assets.dashboard.filters import (
    GENRE,
    GLOBAL,
    YEARS,
    State,
    notice_of,
    read,
    show_years,
    whole,
    write_years,
    years,
)
from movies_assets.dashboard.pages import audience, movies, releases, series, title

PAGES = (movies.PAGE, series.PAGE, releases.PAGE, audience.PAGE)
HOSTILE = [
    "' OR 1=1 --",
    "1;drop table x",
    "<script>alert(1)</script>",
    "1990-1980",
    "99999",
    "-",
    "1e3",
    "١٩٩٠",
    "\x00",
    "9" * 500,
    "NaN",
    "None",
]


@pytest.mark.parametrize(
    ("text", "value", "shown"),
    [
        ("1990-1999", (1990, 1999), "1990 to 1999"),
        ("1990-", (1990, None), "from 1990"),
        ("-1999", (None, 1999), "until 1999"),
        ("1920", (1920, 1920), "1920"),
    ],
)
def test_a_range_of_years_is_read_shown_and_written(text, value, shown):
    assert years(text) == value
    assert show_years(value) == shown
    assert years(write_years(value)) == value


@pytest.mark.parametrize("text", HOSTILE)
def test_no_hostile_text_is_a_range_of_years(text):
    state, notices = read(QueryParams({"years": text}), GLOBAL)
    assert state == State()
    assert notices == ["Years: the address asks for a value that does not exist; it is ignored."]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.title)
@pytest.mark.parametrize("text", HOSTILE)
def test_no_field_of_a_page_takes_a_hostile_text(page, text):
    """Genres are any text, and asked for by parameter; see the tests of pages."""
    for one in page.fields:
        state, notices = read(QueryParams({one.name: text}), page.all_fields)
        if one.known and re.fullmatch("99999|1e3", text):
            continue  # may be a key; whether it is, the snapshot is asked
        assert state == State()
        assert len(notices) == 1
        assert text not in notices[0]


def test_unknown_values_of_a_page_are_reported_once():
    _, notices = read(QueryParams([("x", "1"), ("x", "2"), ("y", "<b>")]), GLOBAL)
    assert notices == ["The address has a part that this page does not know; it is ignored."]


def test_an_empty_value_chooses_nothing():
    assert read(QueryParams("genre=&years="), GLOBAL) == (State(), [])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.title)
def test_a_state_survives_the_address(page):
    values = {
        "years": (1990, None), "genre": "Sci-Fi & more", "decade": 1990, "band": "Great",
        "rating": 15, "votes": 4, "series": 12, "season": -1, "year": 2020, "media": "movie",
        "day": "2025-10-31", "user": "aa11", "with": (13, 14),
    }  # fmt: skip
    state = State({one.name: values[one.name] for one in page.all_fields})
    path, _, query = state.address(page.path, page.all_fields).partition("?")
    assert (path, read(QueryParams(query), page.all_fields)) == (page.path, (state, []))


def test_choosing_again_takes_it_back():
    state = State({"genre": "Drama"})
    both = state.toggle(genre="Drama", decade=1990)
    assert both == State({"genre": "Drama", "decade": 1990})
    assert both.toggle(genre="Drama", decade=1990) == State()
    assert both.toggle(decade=2000) == State({"genre": "Drama", "decade": 2000})


def test_links_between_pages_carry_the_slicers_only():
    state = State({"genre": "Drama", "years": (1990, 1999), "decade": 1990})
    assert state.only(GLOBAL).address("/series", GLOBAL) == "/series?years=1990-1999&genre=Drama"


def test_an_address_of_an_entity_has_it_in_its_path():
    state = State({"series": 10, "season": -1})
    assert series.PAGE.address(state) == "/series/10?season=-1"
    assert series.PAGE.read("/series/10", QueryParams("season=-1")) == (state, [])
    assert series.PAGE.read("/series", QueryParams("series=10")) == (State({"series": 10}), [])
    for path in ("/series/x", "/series/-1", "/series/1/2", "/series/%00"):
        assert series.PAGE.read(path, QueryParams()) == (State(), [notice_of(series.SERIES)])


@given(text(min_size=1, max_size=50).filter(str.isprintable))
def test_any_key_of_a_title_survives_the_address(key):
    address = title.PAGE.address(State({"title": key}))
    path, _, query = address.partition("?")
    expected = (State({"title": key}), []) if key.strip() else (State(), [notice_of(title.TITLE)])
    assert title.PAGE.read(path, QueryParams(query)) == expected


def test_a_state_without_choices_is_the_bare_address():
    assert State().address("/", (YEARS, GENRE)) == "/"


@pytest.mark.parametrize("text", ["0", "11", "-1", "1.0", " 1", "1 ", "one", ""])
def test_whole_numbers_beyond_the_bounds_are_refused(text):
    with pytest.raises(ValueError, match="whole number"):
        whole(1, 10)(text)
