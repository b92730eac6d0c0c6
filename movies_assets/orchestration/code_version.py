"""Versions of tables' code, by which Dagster's UI shows what was stored by an older function.

A version covers a table's declaration: its decorator, its function and its contract, with all
functions, classes and constants of `movies_assets.sources` that they use, directly or not. The rest
of the package is left out: a release that changes the warehouse does not change what tables mean.
Comments, docstrings and layout do not count.
"""

import ast
import hashlib
import inspect
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from movies_assets.core.table import Table

COVERED = "movies_assets.sources"
LENGTH = 12
FOLDER = Path(__file__).parents[1] / "sources"
# Where versions are kept: next to the bytecode, which is made once for the same sources as well.
KEPT = Path(__file__).with_name("__pycache__") / "code_versions.json"


class _Name(NamedTuple):
    """A name at the top level of a module."""

    module: str
    name: str


class _Module(NamedTuple):
    """The code of a module.

    Attributes:
        definitions: the statements that define each name: functions, classes, assignments.
        imports: where each imported name comes from; the name is empty for a module.
    """

    definitions: Mapping[str, ast.stmt]
    imports: Mapping[str, _Name]


def code_version(table: Table) -> str:
    """Return the version of a table's code: 12 hexadecimal digits.

    Code of other packages, or that is in no module, is not covered.

    Args:
        table: the table.
    """
    pending = _declared(table)
    found: dict[_Name, str] = {}
    while pending:
        name = pending.pop()
        if name not in found and name.module.startswith(COVERED):
            found[name] = _text(name)
            pending += _uses(name)
    digest = hashlib.sha256()
    for name, text in sorted(found.items()):
        digest.update(f"{name.module}.{name.name}\n{text}\n".encode())
    return digest.hexdigest()[:LENGTH]


def kept_version(table: Table) -> str:
    """Return the version of a table's code, as computed before for the same sources.

    Computing those of all tables takes 0.4 s, a sixth of what a command needs to build the assets.
    """
    declared = _declared(table)
    if not all(name.module.startswith(COVERED) for name in declared):
        return code_version(table)
    key, versions = " ".join(".".join(name) for name in declared), _kept()
    if key not in versions:
        versions[key] = code_version(table)
        _keep(versions)
    return versions[key]


def _declared(table: Table) -> list[_Name]:
    """Return the names of a table's function and contract."""
    function = inspect.unwrap(table.function)
    return [
        _Name(function.__module__ or "", function.__qualname__.partition(".")[0]),
        _Name(table.contract.__module__ or "", table.contract.__name__),
    ]


@cache
def _digest() -> str:
    """Return the digest of all sources, and of the Python that reads them."""
    digest = hashlib.sha256(f"{sys.version}\n{Path(__file__).read_text('utf-8')}".encode())
    for path in sorted(FOLDER.rglob("*.py")):
        digest.update(f"{path.relative_to(FOLDER)}\n".encode() + path.read_bytes())
    return digest.hexdigest()


@cache
def _kept() -> dict[str, str]:
    """Return the versions that were kept for these sources, to which new ones can be added."""
    with suppress(OSError, ValueError):
        kept = json.loads(KEPT.read_text("utf-8"))
        if kept["sources"] == _digest():
            return dict(kept["versions"])
    return {}


def _keep(versions: Mapping[str, str]) -> None:
    """Keep versions, where bytecode is kept."""
    if sys.dont_write_bytecode:
        return
    unfinished = KEPT.with_name(f"{KEPT.name}.{os.getpid()}")
    with suppress(OSError):
        unfinished.write_text(json.dumps({"sources": _digest(), "versions": versions}), "utf-8")
        unfinished.replace(KEPT)


@cache
def _module(name: str) -> _Module:
    tree = ast.parse(inspect.getsource(import_module(name)))
    definitions: dict[str, ast.stmt] = {}
    imports: dict[str, _Name] = {}
    for statement in tree.body:
        match statement:
            case ast.FunctionDef(name=defined) | ast.AsyncFunctionDef(name=defined):
                definitions[defined] = statement
            case ast.ClassDef(name=defined):
                definitions[defined] = statement
            case ast.Assign(targets=targets):
                definitions |= dict.fromkeys(_bound(*targets), statement)
            case ast.AnnAssign(target=target):
                definitions |= dict.fromkeys(_bound(target), statement)
            case ast.ImportFrom(module=str(source), names=names) if source.startswith(COVERED):
                for alias in names:
                    imports[alias.asname or alias.name] = _origin(source, alias.name)
    return _Module(definitions, imports)


def _bound(*targets: ast.expr) -> Iterator[str]:
    """Return the names that an assignment binds."""
    return (
        node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)
    )


def _origin(source: str, name: str) -> _Name:
    """Return the target of `from source import name`: a module, or a name of one."""
    is_module = hasattr(import_module(source), "__path__") and find_spec(f"{source}.{name}")
    return _Name(f"{source}.{name}", "") if is_module else _Name(source, name)


@cache
def _text(name: _Name) -> str:
    """Return the code that defines a name, without comments and docstrings; none if imported."""
    node = _module(name.module).definitions.get(name.name)
    if not node:
        return ""
    for part in ast.walk(node):
        if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            part.body = [one for one in part.body if not _is_text(one)]
    return ast.unparse(node)


def _is_text(statement: ast.stmt) -> bool:
    """Return whether a statement is only a text, as a docstring is."""
    value = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


@cache
def _uses(name: _Name) -> tuple[_Name, ...]:
    """Return the names at the top level of modules that the definition of a name uses."""
    module = _module(name.module)
    if name.name in module.imports:
        return (module.imports[name.name],)
    node = module.definitions.get(name.name)
    found: set[_Name] = set()
    for part in ast.walk(node) if node else ():
        if isinstance(part, ast.Name):
            if part.id in module.imports:
                found.add(module.imports[part.id])
            elif part.id in module.definitions:
                found.add(_Name(name.module, part.id))
        elif isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name):
            origin = module.imports.get(part.value.id)
            if origin and not origin.name:
                found.add(_Name(origin.module, part.attr))
    return tuple(sorted(one for one in found if one.name))
