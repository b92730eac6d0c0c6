"""The store of a test: on the stock IO manager or on ours."""

from pathlib import Path
from typing import Any

import pytest

from movies_assets_tests.warehouse.tables import Store


@pytest.fixture
def is_ours() -> bool:
    return True


@pytest.fixture
def options() -> dict[str, Any]:
    """Options of the IO manager."""
    return {}


@pytest.fixture
def store(tmp_path: Path, is_ours: bool, options: dict[str, Any]) -> Store:  # noqa: FBT001
    return Store(tmp_path / "store.duckdb", is_ours, options)
