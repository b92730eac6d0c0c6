"""A laboratory for each test of links."""

from collections.abc import Iterator

import pytest

from movies_assets_tests.sources.titles.lab import Lab
from movies_assets_tests.sources.titles.lab import lab as opened


@pytest.fixture
def lab() -> Iterator[Lab]:
    with opened() as laboratory:
        yield laboratory
