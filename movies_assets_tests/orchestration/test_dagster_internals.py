"""Dagster's private modules are imported in one place, which states why."""

import re
from pathlib import Path

import movies_assets
from movies_assets.orchestration import dagster_internals

PACKAGE = Path(movies_assets.__file__).parent
PRIVATE = re.compile(r"^\s*(?:from|import) dagster(?:_\w+)?(?:\.\w+)*\._\w*", re.MULTILINE)


def test_no_other_module_imports_a_private_one():
    importing = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if PRIVATE.search(path.read_text(encoding="utf-8"))
    }

    assert importing == {"orchestration/dagster_internals.py"}


def test_each_name_is_listed_and_exists():
    own = {name for name in vars(dagster_internals) if not name.startswith("_")}

    assert own == set(dagster_internals.__all__)
