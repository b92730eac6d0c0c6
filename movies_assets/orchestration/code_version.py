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
    return ast.unparse(_WithoutDocstrings().visit(node)) if node else ""


@cache
def _uses(name: _Name) -> tuple[_Name, ...]:
    """Return the names at the top level of modules that the definition of a name uses."""
    module = _module(name.module)
    if name.name in module.imports:
        return (module.imports[name.name],)
    node = module.definitions.get(name.name)
    found: set[_Name] = set()
    for part in ast.walk(node) if node else ():
        match part:
            case ast.Attribute(value=ast.Name(id=owner), attr=attribute):
                if (origin := module.imports.get(owner)) and not origin.name:
                    found.add(_Name(origin.module, attribute))
            case ast.Name(id=used) if used in module.imports:
                found.add(module.imports[used])
            case ast.Name(id=used) if used in module.definitions:
                found.add(_Name(name.module, used))
    return tuple(sorted(one for one in found if one.name))


class _WithoutDocstrings(ast.NodeTransformer):
    """Removes docstrings: texts that are statements."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        """Remove a text; keep any other expression."""
        is_text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if is_text else node
