"""What starts quickly loads no library that it does not need."""

import subprocess
import sys

import pytest

ENGINES = {"dagster", "ibis", "pandas", "pandera"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "unneeded"),
    [
        ("movies_assets.__main__", {*ENGINES, "duckdb"}),
        ("movies_assets.warehouse.published", ENGINES),
        ("movies_assets.dashboard.server", ENGINES),
        ("movies_assets.serving.guarded_process", {*ENGINES, "pyarrow", "pydantic"}),
        # The first two are loaded where a history is opened, the third one by tests.
        ("movies_assets.definitions", {"sqlalchemy", "alembic", "hypothesis"}),
    ],
)
def test_a_module_loads_no_library_that_it_does_not_need(module, unneeded):
    command = [sys.executable, "-c", f"import sys, {module}; print(*sys.modules)"]
    loaded = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()  # noqa: S603

    assert module in loaded
    assert unneeded.intersection(loaded) == set()
