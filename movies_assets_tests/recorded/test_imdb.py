"""Real rows of IMDb's seven dumps, materialized whole: every row ends in one place."""

from pathlib import Path

import pytest

RECORDED = Path(__file__).parents[3] / "shared" / "recorded" / "imdb"
pytestmark = [
    pytest.mark.recorded,
    pytest.mark.skipif(not RECORDED.is_dir(), reason="recorded: ../shared/recorded is not there"),
]


def test_all_seven_dumps_are_recorded():
    assert len(list(RECORDED.glob("*.tsv"))) == 7
