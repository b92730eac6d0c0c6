"""The page "Bring your own file" names the editions, columns and messages that the code has."""

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from movies_assets.ingest.editions import Edition, normalised
from movies_assets.settings import PROJECT_ROOT
from movies_assets.sources.netflix import editions as netflix_editions
from movies_assets.sources.ott import bronze as ott

PAGE = (PROJECT_ROOT / "docs" / "how-to" / "bring-your-own-file.md").read_text(encoding="utf-8")
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
        ("day and month in doubt", "sources/shared/parsing.py"),
        ("group or decimal mark in doubt", "sources/shared/parsing.py"),
        ("not a number", "sources/netflix/silver.py"),
        ("a quote is not closed", "ingest/records.py"),
        ("has no value in any of the ", "orchestration/checks/completeness.py"),
    ],
)
def test_messages_are_quoted_as_they_are(part, module):
    code = (PROJECT_ROOT / "movies_assets" / module).read_text(encoding="utf-8")
    assert part in PAGE
    assert part in code or part.partition(" any of the ")[0] in code


def kaggle_file(path: Path, titles: int) -> None:
    """Write a file of made-up titles in Kaggle's layout of 2021."""
    header = (
        "show_id,type,title,director,cast,country,date_added,release_year,rating,duration,"
        "listed_in,description"
    )
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(header.split(","))
        for n in range(1, titles + 1):
            kind, length = ("Movie", f"{60 + n} min") if n % 3 else ("TV Show", "2 Seasons")
            date = f"September {1 + n % 28}, 2021"
            rows.writerow(
                [
                    f"s{n}",
                    kind,
                    f"Title {n}",
                    "Ada Marlow",
                    "Benno Falk, Cara Lind",
                    "Norway",
                    date,
                    2020,
                    "PG-13",
                    length,
                    "Dramas, Comedies",
                    'He says "go".',
                ]
            )


@pytest.mark.slow
def test_the_commands_lead_from_a_file_to_the_published_catalogue(tmp_path):
    kaggle_file(tmp_path / "netflix_titles.csv", 30)
    (tmp_path / "dagster.yaml").write_bytes((PROJECT_ROOT / "dagster.yaml").read_bytes())
    commands = "\n".join(re.findall(r"^```sh\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE))
    for own, ours in {
        ".venv/bin/python -c": f"{sys.executable} -c",
        "~/Downloads": str(tmp_path),
        'make run JOBS="--job netflix_daily 1"': (
            f"{sys.executable} -m movies_assets run --job netflix_daily 1"
        ),
        "make dashboard": "",
    }.items():
        assert own in commands
        commands = commands.replace(own, ours)
    variables = {"PYTHONPATH": str(PROJECT_ROOT), "DAGSTER_HOME": str(tmp_path)}
    environment = {n: v for n, v in os.environ.items() if not n.startswith("MOVIES_")} | variables
    done = subprocess.run(  # noqa: S603 (the commands of our own page)
        ["/bin/bash", "-ec", commands],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^Done +1 run in ", done.stdout, re.MULTILINE)
    assert re.search(r"^Checks +\d+ passed, 0 warned, 0 failed$", done.stdout, re.MULTILINE)
    assert re.search(r"Movie\W+20\W+", done.stdout)
    assert re.search(r"TV Show\W+10\W+NULL", done.stdout)
