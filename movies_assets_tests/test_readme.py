"""The README says what the code does: its generated tables are fresh, its examples run.

Where a table is stale, `python -m movies_assets_tests.test_readme` writes it again.
"""

import contextlib
import io
import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest
from pydantic import BaseModel

from movies_assets.definitions import TABLES, build_defs
from movies_assets.settings import PREFIX, PROJECT_ROOT, Settings

README = PROJECT_ROOT / "README.md"


def settings_table() -> str:
    rows = [f"| `{name}` | {default} | {text} |" for name, default, text in _fields(Settings)]
    return "\n".join(["| setting | default | meaning |", "|---|---|---|", *rows])


def _fields(model: type[BaseModel], prefix: str = PREFIX) -> Iterator[tuple[str, str, str]]:
    """Name every setting as the environment does, with its default and what it means."""
    for name, spec in model.model_fields.items():
        if isinstance(spec.default, BaseModel):
            yield from _fields(type(spec.default), f"{prefix}{name.upper()}__")
        else:
            yield f"{prefix}{name}".upper(), _default(spec.default), spec.description or ""


def _default(value: Any) -> str:
    if isinstance(value, Path):
        value = value.relative_to(PROJECT_ROOT)
    if isinstance(value, dict | tuple):
        value = json.dumps(value)  # as it is set
    return "" if value is None else f"`{value}`"


def data_model_table() -> str:
    lines = ["| layer | table | a row is | key |", "|---|---|---|---|"]
    for table in TABLES.values():
        grain = re.match(r"One row (.+?)[.;:]", table.contract.grain())
        assert grain, f"the contract of {table.name} does not begin with its grain"
        key = ", ".join(f"`{column}`" for column in table.contract.key())
        lines.append(f"| {table.key.layer} | {_link(table.name)} | {grain[1]} | {key} |")
    lines += [
        f"| quarantine | {_link(table.quarantine)} | a row that `{table.name}` refused | |"
        for table in TABLES.values()
        if table.lineage
    ]
    return "\n".join(lines)


def _link(table: str) -> str:
    return f"[`{table}`](docs/data-dictionary.md#{table.replace('.', '')})"


GENERATED: dict[str, Callable[[], str]] = {
    "settings": settings_table,
    "data model": data_model_table,
}


def with_generated(text: str) -> str:
    for name, write in GENERATED.items():
        block = f"<!-- {name} -->\n{write()}\n<!-- end -->"
        pattern = rf"<!-- {name} -->\n.*?<!-- end -->"
        text, found = re.subn(pattern, lambda _, block=block: block, text, flags=re.DOTALL)
        assert found == 1, f"README needs one block <!-- {name} --> ... <!-- end -->"
    return text


def code(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", _text(), flags=re.DOTALL | re.MULTILINE)


def _text() -> str:
    return README.read_text(encoding="utf-8")


@pytest.fixture
def checkout(tmp_path, monkeypatch, stored_day, published_day):
    """A folder with a small warehouse, and what is published of it, where examples look."""
    folder = tmp_path / "data" / "warehouse"
    folder.mkdir(parents=True)
    shutil.copy(stored_day, folder / "movies.duckdb")
    (tmp_path / "data" / "published").symlink_to(published_day.folder)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MOVIES_DATA_DIR", str(tmp_path / "data"))


def test_the_generated_tables_say_what_the_code_says():
    assert _text() == with_generated(_text()), (
        "README.md is stale: .venv/bin/python -m movies_assets_tests.test_readme"
    )


def test_every_setting_says_what_it_means():
    assert all(meaning for _, _, meaning in _fields(Settings))


def test_the_diagram_shows_every_reference():
    (diagram,) = code("mermaid")
    missing = [
        f"{table.name} {column}"
        for table in TABLES.values()
        for column, target in table.contract.references().items()
        if not re.search(
            rf"{target.split('.')[1]} \|\|--\S+ {table.key.table} : {column}\b", diagram
        )
    ]
    assert missing == []


def test_every_check_job_schedule_and_sensor_is_explained(settings):
    repository = build_defs(settings).get_repository_def()
    names = {key.name for key in repository.asset_graph.asset_check_keys}
    names |= {name for name in repository.job_names if not name.startswith("__")}
    names |= {schedule.name for schedule in repository.schedule_defs}
    names |= {sensor.name for sensor in repository.sensor_defs}
    assert {name for name in names if f"`{name}`" not in _text()} == set()


def test_every_link_leads_somewhere():
    text = re.sub(r"^```.*?^```$", "", _text(), flags=re.DOTALL | re.MULTILINE)
    headings = {
        re.sub(r"[^\w -]", "", line).strip().lower().replace(" ", "-")
        for line in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    }
    targets = [t for t in re.findall(r"\]\(([^)]+)\)", text) if not t.startswith("http")]
    broken = [
        target
        for target in targets
        if not (target[1:] in headings if target[0] == "#" else _file(target).exists())
    ]
    assert broken == []


def _file(target: str) -> Path:
    return PROJECT_ROOT / target.split("#", maxsplit=1)[0]


def test_every_make_target_exists():
    makefile = (PROJECT_ROOT / "Makefile").read_text(encoding="utf-8")
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", _text(), re.MULTILINE))
    assert {"run", "test"} <= named <= set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))


@pytest.mark.usefixtures("checkout")
@pytest.mark.parametrize("example", code("python"))
def test_a_python_example_runs(example):
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(example, README.name, "exec"), {})  # noqa: S102 (our own text)
    assert "Movie 1" in printed.getvalue()


@pytest.mark.usefixtures("checkout")
@pytest.mark.parametrize("statement", code("sql"))
def test_an_sql_example_runs(statement):
    with duckdb.connect("data/warehouse/movies.duckdb") as connection:
        connection.execute(statement)


@pytest.mark.parametrize("example", code("json"))
def test_a_run_config_example_is_valid(example, settings):
    config = json.loads(example)
    (op,) = config["ops"]
    job = "omdb_yearly" if "omdb" in op else "yts_daily"
    assert dg.validate_run_config(build_defs(settings).resolve_job_def(job), config)


if __name__ == "__main__":
    README.write_text(with_generated(_text()), encoding="utf-8")
