"""Versions of tables' code, by which Dagster's UI shows what was stored by an older function.

A version covers a table's declaration: its decorator, its function and its contract, with all
functions, classes and constants of `movies_assets.sources` that they use, directly or not. The rest
of the package is left out: a release that changes the warehouse does not change what tables mean.
Comments, docstrings and layout do not count.
"""

import ast
import hashlib
import inspect
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import NamedTuple

from movies_assets.core.table import Table

COVERED = "movies_assets.sources"
LENGTH = 12


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
    function = inspect.unwrap(table.function)
    pending = [
        _Name(function.__module__ or "", function.__qualname__.partition(".")[0]),
        _Name(table.contract.__module__ or "", table.contract.__name__),
    ]
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
