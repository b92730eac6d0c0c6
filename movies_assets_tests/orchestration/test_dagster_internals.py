"""Dagster's private modules are imported in two places, which state why."""

import re
from pathlib import Path

import pytest

import movies_assets
from movies_assets.orchestration import dagster_internals, dagster_storage

PACKAGE = Path(movies_assets.__file__).parent
PRIVATE = re.compile(r"^\s*(?:from|import) dagster(?:_\w+)?(?:\.\w+)*\._\w*", re.MULTILINE)


def test_no_other_module_imports_a_private_one():
    importing = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if PRIVATE.search(path.read_text(encoding="utf-8"))
    }

    assert importing == {
        "orchestration/dagster_internals.py",
        "orchestration/dagster_storage.py",
    }


@pytest.mark.parametrize("module", [dagster_internals, dagster_storage])
def test_each_name_is_listed_and_exists(module):
    own = {name for name in vars(module) if not name.startswith("_")}

    assert own == set(module.__all__)
