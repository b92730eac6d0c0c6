"""The order of the texts of a column, and how many rows a table says that it has."""

import pytest
from nicegui import Client, ui

from movies_assets.dashboard.components import TableCard, count_text
from movies_assets.dashboard.pages.table import SampleCard
from movies_assets.dashboard.sorting import order
from movies_assets.serving import formatting

MINUTES = "95\N{NO-BREAK SPACE}min"


@pytest.mark.parametrize(
    ("texts", "places"),
    [
        (["10", "9", "1,200"], [1, 0, 2]),
        (["−1.50", "0.00", "+0.25"], [0, 1, 2]),  # noqa: RUF001
        (["1.2M", "300k", "12"], [2, 1, 0]),
        (["12%", "5%", "100%"], [1, 0, 2]),
        (["8", formatting.NONE, "7"], [1, None, 0]),
        (["8", "", "8"], [0, None, 0]),
        (["2 min 5 s", "42 s", "1 h 0 min", "2 d 3 h"], [1, 0, 2, 3]),
        (["1.4 MB", "812 B", "3.0 kB"], [2, 0, 1]),
        (["1 Dec 2025", "30 Nov 2025", "2 Jan 2024"], [2, 1, 0]),
        (["21 Nov 2026, 20:30 UTC", "21 Nov 2026, 9:30 UTC"], [1, 0]),
        (["7.5 (+0.20)", "10.0 (−0.10)"], [0, 1]),  # noqa: RUF001
        ([MINUTES, "3 seasons"], [1, 0]),
        (["S1E10", "S1E2", "Special"], [1, 0, 2]),
        (["beta", "Alpha"], [1, 0]),
        (["12 Angry Men", "Alpha", "9"], [1, 2, 0]),
        (["2025-10-31", "2025-10-30", "never"], [1, 0, 2]),
        (["▼ failed", "▲ passed", "● warned"], [0, 1, 2]),
        ([], []),
    ],
)
def test_texts_are_sorted_by_what_they_mean(texts, places):
    assert order(texts) == places


@pytest.mark.parametrize("value", [0, 7, 1_234_567, -3])
def test_a_formatted_number_is_sorted_as_the_number(value):
    texts = [formatting.count(value), formatting.count(value + 1)]
    assert order(texts) == [0, 1]


@pytest.mark.parametrize(
    ("shown", "of", "text"),
    [
        (11, None, "11 rows"),
        (1, 1, "1 row"),
        (25, 3_104, "25 of 3,104 rows; headings sort these"),
        (3, 2, "3 rows"),
    ],
)
def test_a_table_says_how_many_rows_there_are(shown, of, text):
    assert count_text(shown, of) == text


def test_a_sample_says_of_how_many_rows_it_is(monkeypatch):
    shown = []
    monkeypatch.setattr(TableCard, "show", lambda _, rows, of: shown.append((len(rows), of)))
    with Client(ui.page("")):
        SampleCard().show([{"a": 1}, {"a": 2}], {"rows": 3_104})
    assert shown == [(2, 3_104)]
