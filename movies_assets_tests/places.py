"""Folders outside the package that tests read."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
SHARED = PROJECT.parent / "shared"
RECORDED = SHARED / "recorded"
CASES = SHARED / "cases"
