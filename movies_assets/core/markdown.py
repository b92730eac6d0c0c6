"""Rows as a table in Markdown, as Dagster's UI shows them."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd


def as_markdown(rows: Sequence[Mapping[Any, Any]]) -> str:
    """Lay out rows as a table in Markdown; `none` where there are no rows."""
    return pd.DataFrame(rows).to_markdown(index=False) if rows else "none"
