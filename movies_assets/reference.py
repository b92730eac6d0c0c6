"""The generated pages of the documentation: what the code knows is written from the code.

A page has blocks, `<!-- generated: settings -->` to `<!-- end -->`; the text around them is written
by hand. The pages are committed, and a test compares them with the code.
"""

import inspect
import json
import re
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Any

import click
import dagster as dg
from pydantic import BaseModel

import movies_assets
from movies_assets.core.table import Table
from movies_assets.definitions import build_defs
from movies_assets.serving import cookbook, dictionary
from movies_assets.settings import PREFIX, PROJECT_ROOT, Settings
from movies_assets.tables import TABLES

DOCS = PROJECT_ROOT / "docs"
DECISIONS = DOCS / "decisions"
COOKBOOK = DOCS / "reference" / "cookbook.md"
BLOCK = re.compile(r"(<!-- generated: ([a-z ]+) -->\n).*?(<!-- end -->)", re.DOTALL)
CRON_EVERY_DAY = re.compile(r"(\d+) (\d+) \* \* \*")


def pages() -> dict[Path, str]:
    """Return the pages and files that hold generated text, as they should be."""
    found = {page: page.read_text(encoding="utf-8") for page in sorted(DOCS.rglob("*.md"))}
    return {
        page: BLOCK.sub(lambda block: f"{block[1]}{BLOCKS[block[2]]()}\n{block[3]}", text)
        for page, text in found.items()
        if BLOCK.search(text)
    } | {dictionary.PATH: dictionary.text(), cookbook.PATH: cookbook.text_of(found[COOKBOOK])}


def settings_table() -> str:
    """Return a table of the settings, one section after the other."""
    lines: list[str] = []
    for title, fields in _sections():
        rows = [[f"`{name}`", default, meaning] for name, default, meaning in fields]
        lines += [f"## {title}", "", _table(["setting", "default", "meaning"], rows), ""]
    return "\n".join(lines)


def settings() -> list[tuple[str, str, str]]:
    """Return name, default and meaning of every setting, named as in the environment."""
    return [field for _, fields in _sections() for field in fields]


def _sections() -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    yield "General", list(_fields(Settings, PREFIX))
    for name, spec in Settings.model_fields.items():
        if isinstance(spec.default, BaseModel):
            prefix = f"{PREFIX}{name}__".upper()
            yield f"`{prefix}...`", list(_fields(type(spec.default), prefix))


def _fields(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, str, str]]:
    for name, spec in model.model_fields.items():
        if not isinstance(spec.default, BaseModel):
            yield f"{prefix}{name}".upper(), _default(spec.default), spec.description or ""


def _default(value: Any) -> str:
    if isinstance(value, Path):
        value = value.relative_to(PROJECT_ROOT)
    if isinstance(value, dict | tuple):
        value = json.dumps(value)  # as it is set
    return "" if value is None else f"`{value}`"


def tables() -> str:
    """Return a table of the tables, each with what a row of it is."""
    rows = [
        [
            table.key.layer,
            _link(table.name),
            _grain(table),
            ", ".join(f"`{c}`" for c in table.contract.key()),
        ]
        for table in TABLES.values()
    ]
    rows += [
        ["quarantine", _link(table.quarantine), f"row that `{table.name}` refused", ""]
        for table in TABLES.values()
        if table.lineage
    ]
    return _table(["layer", "table", "one row per", "key"], rows)


def _grain(table: Table) -> str:
    grain = re.match(r"One row per (.+?)[.;:]", table.contract.grain())
    assert grain, f"the contract of {table.name} does not begin with its grain"  # noqa: S101
    return grain[1]


def references() -> str:
    """Return a table of the columns that point at another table."""
    rows = [
        [_link(table.name), f"`{column}`", _link(target)]
        for table in TABLES.values()
        for column, target in table.contract.references().items()
    ]
    return _table(["table", "column", "points at"], rows)


def _link(table: str) -> str:
    return f"[`{table}`](tables.md#{table.replace('.', '')})"


def make_targets() -> str:
    """Return a table of the targets of the Makefile."""
    makefile = (PROJECT_ROOT / "Makefile").read_text(encoding="utf-8")
    found = re.findall(r"^([a-z-]+):.*## (.*)$", makefile, re.MULTILINE)
    return _table(["command", "what it does"], [[f"`make {name}`", text] for name, text in found])


def commands() -> str:
    """Return the help of every command of `python -m movies_assets`, as click prints it."""
    group = import_module("movies_assets.__main__").main
    sections = [
        f"### `{name}`\n\n```text\n{_help(command, name)}\n```\n"
        for name, command in sorted(group.commands.items())
    ]
    return "\n".join(sections)


def _help(command: click.Command, name: str) -> str:
    context = click.Context(
        command, info_name=f"python -m movies_assets {name}", max_content_width=100
    )
    return command.get_help(context)


def jobs() -> str:
    """Return a table of the jobs."""
    repository = _repository()
    names = [name for name in repository.job_names if not name.startswith("__")]
    rows = [[f"`{name}`", repository.get_job(name).description or ""] for name in sorted(names)]
    return _table(["job", "what it does"], rows)


def schedules() -> str:
    """Return a table of the schedules."""
    rows = [
        [f"`{each.name}`", _hours(each.cron_schedule), each.description or ""]
        for each in sorted(_repository().schedule_defs, key=lambda each: each.name)
    ]
    return _table(["schedule", "UTC", "what it requests"], rows)


def _hours(cron: str | Iterable[str]) -> str:
    """Return the times of daily schedules such as `30 3 * * *`."""
    found = [CRON_EVERY_DAY.fullmatch(each) for each in ([cron] if isinstance(cron, str) else cron)]
    return ", ".join(f"{int(each[2]):02}:{int(each[1]):02}" for each in found if each)


def sensors() -> str:
    """Return a table of the sensors."""
    rows = [
        [
            f"`{each.name}`",
            "on" if each.default_status is dg.DefaultSensorStatus.RUNNING else "off",
            each.description or "",
        ]
        for each in sorted(_repository().sensor_defs, key=lambda each: each.name)
    ]
    return _table(["sensor", "initial state", "what it does"], rows)


def checks() -> str:
    """Return a table of the checks, each with its description for one of its tables."""
    graph = _repository().asset_graph
    nodes: dict[str, dict[str, Any]] = {}
    for key in sorted(graph.asset_check_keys, key=lambda key: (key.name, key.asset_key)):
        nodes.setdefault(key.name, {})[".".join(key.asset_key.path)] = graph.get(key)
    rows = []
    for name, of_assets in nodes.items():
        first = next(iter(of_assets))
        where = f"`{first}`" + (f" and {len(of_assets) - 1} others" if len(of_assets) > 1 else "")
        kinds = sorted({"blocking" if n.blocking else "warning" for n in of_assets.values()})
        rows.append([f"`{name}`", " or ".join(kinds), where, of_assets[first].description or ""])
    return _table(["check", "kind", "of", "description for the first table"], rows)


def _repository() -> dg.RepositoryDefinition:
    return build_defs(Settings()).get_repository_def()


def errors() -> str:
    """Return a table of the exceptions that are shown to users, with what they mean."""
    rows = [
        [f"`{error.__name__}`", (inspect.getdoc(error) or "").split("\n\n")[0].replace("\n", " ")]
        for error in sorted(set(_errors()), key=lambda error: error.__name__)
    ]
    return _table(["error", "meaning"], rows)


def _errors() -> Iterator[type[Exception]]:
    for module in walk_packages(movies_assets.__path__, "movies_assets."):
        if not module.name.endswith("__main__"):
            for value in vars(import_module(module.name)).values():
                is_ours = inspect.isclass(value) and value.__module__.startswith("movies_assets.")
                if is_ours and issubclass(value, Exception) and not value.__name__.startswith("_"):
                    yield value


def decisions() -> str:
    """Return a list of the decisions, by number."""
    titles = {
        page.name: page.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
        for page in sorted(DECISIONS.glob("[0-9]*.md"))
    }
    return "\n".join(f"- [{title}]({name})" for name, title in titles.items())


def _table(header: list[str], rows: Iterable[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


BLOCKS: dict[str, Callable[[], str]] = {
    "settings": settings_table,
    "tables": tables,
    "references": references,
    "make": make_targets,
    "commands": commands,
    "jobs": jobs,
    "schedules": schedules,
    "sensors": sensors,
    "checks": checks,
    "errors": errors,
    "decisions": decisions,
}
