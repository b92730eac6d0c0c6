"""Pages say what the code does: generated parts are fresh, examples run, links lead somewhere."""

import ast
import contextlib
import io
import json
import re
import shutil
import tomllib
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from movies_assets import reference
from movies_assets.definitions import TABLES, build_defs
from movies_assets.settings import PROJECT_ROOT

DOCS = PROJECT_ROOT / "docs"
SITE = sorted(DOCS.rglob("*.md"))
PAGES = [
    *(PROJECT_ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    PROJECT_ROOT / "data" / "landing" / "README.md",
    *SITE,
]
FENCED = re.compile(r"^ *```.*?^ *```$", re.DOTALL | re.MULTILINE)
# Examples that other tests run, that change code, or that ask other programs.
NOT_HERE = {
    "add-a-source.md",
    "ask-with-sql.md",
    "bring-your-own-file.md",
    "connect.md",
    "cookbook.md",
    "export-files.md",
}


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def name_of(page: Path) -> str:
    return str(page.relative_to(PROJECT_ROOT))


def examples(language: str) -> list[Any]:
    """Return the examples of the guides; a decision quotes code of its time."""
    pattern = re.compile(rf"^```{language}\n(.*?)^```$", re.DOTALL | re.MULTILINE)
    return [
        pytest.param(example, id=f"{page.name}-{number}")
        for page in SITE
        if page.name not in NOT_HERE and page.parent.name != "decisions"
        for number, example in enumerate(pattern.findall(text_of(page)))
    ]


def test_the_generated_parts_follow_the_code():
    stale = [name_of(page) for page, text in reference.pages().items() if text_of(page) != text]
    assert stale == [], "run .venv/bin/python -m movies_assets reference"


def test_every_setting_says_what_it_means():
    assert [name for name, _, meaning in reference.settings() if not meaning] == []


def test_the_data_model_shows_every_reference():
    page = text_of(DOCS / "reference" / "data-model.md")
    missing = [
        f"{table.name} {column}"
        for table in TABLES.values()
        for column, target in table.contract.references().items()
        if not re.search(rf"\[`{table.name}`\]\S+ \| `{column}` \| \[`{target}`\]", page)
    ]
    assert missing == []


def test_every_check_job_schedule_and_sensor_is_explained(settings):
    repository = build_defs(settings).get_repository_def()
    guides = "".join(text_of(page) for page in SITE if page.parent.name == "how-to")
    names = {key.name for key in repository.asset_graph.asset_check_keys}
    assert {name for name in names if f"\n| `{name}`" not in guides} == set()
    names = {name for name in repository.job_names if not name.startswith("__")}
    names |= {sensor.name for sensor in repository.sensor_defs}
    assert {name for name in names if not re.search(rf"\b{name}\b", guides)} == set()
    jobs = text_of(DOCS / "reference" / "jobs.md")
    names |= {schedule.name for schedule in repository.schedule_defs}
    assert {name for name in names if f"| `{name}` |" not in jobs} == set()


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page that are the same on GitHub and on the site."""
    text = FENCED.sub("", text_of(page))
    headings = [re.sub(r"[`*]", "", line) for line in re.findall(r"^#+ (.+)$", text, re.MULTILINE)]
    on_github = {re.sub(r"[^\w -]", "", h).strip().lower().replace(" ", "-") for h in headings}
    return on_github & {on_the_site(h) for h in headings} | set(re.findall(r'<a id="(.+?)">', text))


def on_the_site(heading: str) -> str:
    """Return the anchor of a heading as Python-Markdown makes it."""
    plain = unicodedata.normalize("NFKD", heading).encode("ascii", "ignore").decode()
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", plain).strip().lower())


def links(page: Path) -> list[str]:
    found = re.findall(r"\]\(([^)\s]+)\)", FENCED.sub("", text_of(page)))
    return [link for link in found if not link.startswith(("http://", "https://", "mailto:"))]


def test_every_link_leads_somewhere():
    broken = [
        f"{name_of(page)}: {link}{fault}"
        for page in PAGES
        for link in links(page)
        if (fault := fault_of(page, link)) is not None
    ]
    assert broken == []


def fault_of(page: Path, link: str) -> str | None:
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    if not target.exists():
        return " leads nowhere"
    if anchor and anchor not in anchors(target):
        return ": no such heading"
    # The site has the pages below docs only.
    return " leads out of docs" if DOCS in page.parents and DOCS not in target.parents else None


def test_pages_load_nothing_from_another_host():
    found = {
        name_of(page): re.findall(r"!\[[^\]]*\]\(https?:|src=.https?:", text_of(page))
        for page in PAGES
    }
    assert {name: loaded for name, loaded in found.items() if loaded} == {}


def configuration() -> dict[str, Any]:
    return tomllib.loads(text_of(PROJECT_ROOT / "zensical.toml"))["project"]


def navigation(items: list[Any]) -> Iterator[str]:
    for item in items:
        for entry in item.values():
            yield from [entry] if isinstance(entry, str) else navigation(entry)


def test_the_site_loads_no_font_and_no_script_from_another_host():
    project = configuration()
    assert project["theme"]["font"] is False
    assert not {"extra", "extra_javascript"} & project.keys()
    assert all((DOCS / sheet).is_file() for sheet in project["extra_css"])


def test_every_page_is_in_the_navigation_or_the_list_of_decisions():
    listed = [*navigation(configuration()["nav"])]
    listed += [f"decisions/{link}" for link in links(DOCS / "decisions" / "index.md")]
    assert sorted(listed) == sorted(str(page.relative_to(DOCS)) for page in SITE)


def test_every_make_target_exists():
    makefile = text_of(PROJECT_ROOT / "Makefile")
    text = "".join(text_of(page) for page in PAGES)
    named = set(re.findall(r"(?:^ *|`)make ([a-z-]+)", text, re.MULTILINE))
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    assert {"run", "test", "docs"} <= named <= targets


def strings_of_the_code() -> str:
    """Return all texts of the code, one a line, without what is put into them."""
    return "\n".join(
        node.value
        for module in (PROJECT_ROOT / "movies_assets").rglob("*.py")
        for node in ast.walk(ast.parse(text_of(module)))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def test_messages_are_quoted_as_they_are():
    page = text_of(DOCS / "reference" / "messages.md").partition("## Errors by class")[0]
    first_cells = re.findall(r"^\| (`.+?) \| ", page, re.MULTILINE)
    quoted = [
        part.strip()
        for cell in first_cells
        for text in re.findall(r"`([^`]+)`", cell)
        for part in text.split("...")
    ]
    code = strings_of_the_code()
    names = {error.__name__ for error in reference._errors()}
    assert len(quoted) > 40
    assert [part for part in quoted if part not in code and part not in names] == []


@pytest.fixture
def checkout(tmp_path, monkeypatch, stored_day, published_day):
    """A folder with a small warehouse, and what is published of it, where examples look."""
    folder = tmp_path / "data" / "warehouse"
    folder.mkdir(parents=True)
    shutil.copy(stored_day, folder / "movies.duckdb")
    (tmp_path / "data" / "published").symlink_to(published_day.folder)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MOVIES_DATA_DIR", str(tmp_path / "data"))


@pytest.mark.usefixtures("checkout")
@pytest.mark.parametrize("example", examples("python"))
def test_a_python_example_runs(example):
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(example, "docs", "exec"), {})  # noqa: S102 (our own text)
    assert "Movie 1" in printed.getvalue()


@pytest.mark.usefixtures("checkout")
@pytest.mark.parametrize("statement", examples("sql"))
def test_an_sql_example_runs(statement):
    with duckdb.connect("data/warehouse/movies.duckdb") as connection:
        connection.execute(statement)


@pytest.mark.parametrize("example", examples("json"))
def test_a_run_config_example_is_valid(example, settings):
    config = json.loads(example)
    (op,) = config["ops"]
    job = "omdb_yearly" if "omdb" in op else "yts_daily"
    assert dg.validate_run_config(build_defs(settings).resolve_job_def(job), config)


def test_every_file_of_the_code_that_a_page_names_exists():
    missing = []
    for page in PAGES:
        if page.parent.name == "decisions" or page.name == "CHANGELOG.md":
            continue  # they speak of their time
        text = text_of(page)
        found = re.findall(r"\bmovies_assets(?:_tests)?/[\w/]+\.py", text)
        if page.name == "what-it-survives.md":
            found += [f"movies_assets_tests/{name}" for name in re.findall(r"`([\w/]+\.py)", text)]
        found = [name for name in found if "/cinemas/" not in name]  # the tutorial makes them
        missing += [
            f"{name_of(page)}: {name}" for name in found if not (PROJECT_ROOT / name).exists()
        ]
    assert missing == []


def test_the_lock_file_of_the_site_has_the_version_that_setup_names():
    (least,) = re.findall(r"zensical>=([\d.]+),", text_of(PROJECT_ROOT / "setup.cfg"))
    (locked,) = re.findall(
        r"^zensical==([\d.]+)", text_of(PROJECT_ROOT / "requirements-docs.lock"), re.MULTILINE
    )
    as_numbers = [[int(part) for part in version.split(".")] for version in (least, locked)]
    assert as_numbers[0] <= as_numbers[1]
