"""What the page SQL makes of a query and its answer."""

from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.datastructures import QueryParams

from movies_assets.dashboard.filters import State
from movies_assets.dashboard.pages import sql
from movies_assets.reference import COOKBOOK
from movies_assets.serving.cookbook import recipes, text_of
from movies_assets.serving.guarded import Answer, GuardedReader
from movies_assets.settings import DashboardSettings
from movies_assets.warehouse.published import Published

LINES = "SELECT 1,\n\t'é & =' -- x"


@pytest.fixture
def reader(tmp_path):
    return GuardedReader(Published(tmp_path), DashboardSettings(sql_rows=5_000))


def answer(*columns: tuple[str, str], rows: int = 2, cut=None) -> Answer:
    named = [{"name": name, "type": type_} for name, type_ in columns]
    return Answer(b"", named, rows, cut, 0.0123)


def test_the_address_holds_a_query_of_several_lines(reader):
    page = sql.page(reader)
    address = urlsplit(page.address(State({"q": LINES})))
    state, notices = page.read(address.path, QueryParams(address.query))
    assert (address.path, state["q"], notices) == ("/sql", LINES, [])


@pytest.mark.parametrize("text", ["x" * (sql.LONGEST + 1), "SELECT '\0'", "SELECT '\u202e'"])
def test_a_query_that_no_field_takes_is_ignored_with_a_notice(reader, text):
    state, notices = sql.page(reader).read("/sql", QueryParams({"q": text}))
    assert state["q"] is None
    assert len(notices) == 1


def test_the_longest_query_fits_into_the_headers_of_a_request(reader):
    # Signs take three bytes, letters of most scripts six.
    address = sql.page(reader).address(State({"q": "(é" * (sql.LONGEST // 2)}))
    assert len(address) < DashboardSettings().header_bytes


def test_the_link_to_csv_has_the_query():
    address = urlsplit(sql.csv_address(LINES))
    assert address.path == "/api/sql"
    assert parse_qs(address.query) == {"sql": [LINES], "format": ["csv"]}


@pytest.mark.parametrize(("cut", "words"), [
    (None, "2 rows, in 0.01 s."),
    ("rows", "The first 2 rows; the CSV file has up to 5,000, in 0.01 s."),
    ("bytes", "The first 2 rows: the answer is too large to show all of it, in 0.01 s."),
])  # fmt: skip
def test_the_status_says_whether_these_are_all_rows(reader, cut, words):
    assert sql.status_text(answer(("a", "VARCHAR"), cut=cut), reader) == words


def test_headings_mark_numbers():
    given = answer(("a", "VARCHAR"), ("n", "BIGINT"), ("d", "DECIMAL(3,1)"), ("l#", "INTEGER[]"))
    assert sql.headings(given) == ["a", "n#", "d#", "l"]


def test_an_unknown_value_is_a_dash_and_a_long_one_is_shortened():
    assert sql.cells([None, "", 0, 1.5, True, [1, None], {"a": "é"}]) == [
        "–", "", "0", "1.5", "true", "[1, null]", '{"a": "é"}',  # noqa: RUF001
    ]  # fmt: skip
    assert sql.cell("x" * 1_000) == "x" * sql.LONGEST_CELL + "…"


def test_few_rows_of_a_label_and_a_number_are_bars():
    given = answer(("year", "BIGINT"), ("genre", "VARCHAR"), ("movies", "BIGINT"))
    figure = sql.bars_of(given, [[1990, "Drama", 3], [1991, None, None]])
    assert figure
    assert figure.columns == ["genre", "year#"]
    assert [point["value"] for point in figure.options["series"][0]["data"]] == [1990, 1991]
    figure = sql.bars_of(
        answer(("genre", "VARCHAR"), ("movies", "BIGINT")), [["A", 3], ["B", None]]
    )
    assert figure
    assert figure.rows == [("A", "3"), ("B", "–")]  # noqa: RUF001
    assert [point["value"] for point in figure.options["series"][0]["data"]] == [3, None]


@pytest.mark.parametrize(("columns", "rows"), [
    ([("a", "VARCHAR"), ("n", "BIGINT")], [["A", 1]]),
    ([("a", "VARCHAR"), ("n", "BIGINT")], [[str(n), n] for n in range(41)]),
    ([("a", "VARCHAR"), ("n", "BIGINT")], [["A", 1], ["A", 2]]),
    ([("a", "VARCHAR"), ("b", "VARCHAR")], [["A", "x"], ["B", "y"]]),
    ([("a", "BIGINT"), ("b", "DOUBLE")], [[1, 2], [3, 4]]),
    ([("a", "VARCHAR"), ("n", "BIGINT[]")], [["A", [1]], ["B", [2]]]),
    ([], []),
])  # fmt: skip
def test_other_answers_are_no_bars(columns, rows):
    assert sql.bars_of(answer(*columns), rows) is None
    assert sql.bars_of(answer(*columns, cut="rows"), rows) is None


def test_the_page_offers_every_query_of_the_cookbook():
    page = COOKBOOK.read_text(encoding="utf-8")
    assert len(recipes()) == page.count("\n### ") == page.count("```sql\n")
    for number, recipe in enumerate(recipes(), 1):
        assert recipe.question.startswith(f"{number}. ")
        assert f"### {recipe.question}\n" in page
        assert f"```sql\n{recipe.sql}```\n" in page
        assert len(recipe.sql) < sql.LONGEST


def test_a_question_without_a_query_is_left_out():
    assert text_of("### 1. A\n\n## B\n\n```sql\nSELECT 1\n```\n") == "[]\n"
