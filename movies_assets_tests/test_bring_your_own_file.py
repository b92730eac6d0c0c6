"""The page "Bring your own file" names the editions, columns and messages that the code has."""

import re

import pytest

from movies_assets.assets.bronze import netflix_editions, ott
from movies_assets.ingest.editions import Edition, normalised
from movies_assets.settings import PROJECT_ROOT

PAGE = (PROJECT_ROOT / "docs" / "bring-your-own-file.md").read_text(encoding="utf-8")
EDITIONS = [*netflix_editions.EDITIONS, *ott.EDITIONS]


@pytest.mark.parametrize("edition", EDITIONS, ids=lambda edition: edition.name)
def test_every_edition_is_listed(edition):
    assert re.search(rf"\| {re.escape(edition.name)} ?[|(]", PAGE)


def test_the_example_is_an_edition_of_the_catalogue():
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names = {}
    exec(compile(example, "bring-your-own-file.md", "exec"), names)  # noqa: S102 (our own text)
    (edition,) = (value for value in names.values() if isinstance(value, Edition))
    assert set(edition.columns.values()) <= ott.BronzeOttTitles.types().keys()
    assert set(edition.needs) <= edition.columns.keys()
    assert [*edition.columns] == [normalised(name) for name in edition.columns]


@pytest.mark.parametrize(
    ("part", "module"),
    [
        ("the file has no header: its first line, ", "ingest/profile.py"),
        ("names none of the columns", "ingest/profile.py"),
        ("day and month in doubt", "assets/silver/parsing.py"),
        ("group or decimal mark in doubt", "assets/silver/parsing.py"),
        ("not a number", "assets/silver/netflix.py"),
        ("a quote is not closed", "ingest/records.py"),
        ("has no value in any of the ", "checks/completeness.py"),
    ],
)
def test_messages_are_quoted_as_they_are(part, module):
    code = (PROJECT_ROOT / "movies_assets" / module).read_text(encoding="utf-8")
    assert part in PAGE
    assert part in code or part.partition(" any of the ")[0] in code
