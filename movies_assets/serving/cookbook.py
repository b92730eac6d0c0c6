"""The questions of docs/reference/cookbook.md, each with its query, for the page SQL.

`python -m movies_assets reference` writes them from the page, which is not part of the package.
"""

import json
import re
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

PATH = Path(__file__).with_name("cookbook.json")
QUESTION = re.compile(r"^### (.+)\n(?:(?!^#|^```).*\n)*^```sql\n((?:(?!^```).*\n)*)", re.MULTILINE)


@dataclass(frozen=True)
class Recipe:
    """A question, and the query that answers it."""

    question: str
    sql: str


@cache
def recipes() -> tuple[Recipe, ...]:
    """Return all recipes, in the order of the page."""
    return tuple(Recipe(**one) for one in json.loads(PATH.read_text(encoding="utf-8")))


def text_of(page: str) -> str:
    """Return the content of the file, from the page."""
    found = [asdict(Recipe(*parts)) for parts in QUESTION.findall(page)]
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"
