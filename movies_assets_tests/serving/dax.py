"""Compute measures by the rules of DAX: as much of the language as the project's measures use.

A model is tables as lists of rows, and relationships from a column to a key. A filter on a table
reaches the tables that point at it, and against the arrow only where a relationship has both ways.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import Any

Row = Mapping[str, Any]
TOKEN = re.compile(r"\s*('[^']+'\[\w+\]|'[^']+'|\"[^\"]*\"|\d+(?:\.\d+)?|\w+|<>|&&|[(),=<>])")


@dataclass(frozen=True)
class Relationship:
    """A column that points at the key of a table."""

    table: str
    column: str
    target: str
    key: str
    is_both_ways: bool = False


@dataclass(frozen=True)
class Model:
    """Tables and relationships, and the rows that are chosen."""

    tables: Mapping[str, Sequence[Row]]
    relationships: Sequence[Relationship]
    chosen: Mapping[str, Callable[[Row], bool]] = field(default_factory=dict)

    def choose(self, table: str, condition: Callable[[Row], bool]) -> "Model":
        """Return the model with a filter on a table."""
        return replace(self, chosen={**self.chosen, table: condition})

    def rows(self, table: str) -> list[Row]:
        """Return the rows of a table that all filters leave."""
        left = list(self.tables[table])
        for source, condition in self.chosen.items():
            reached = {source: [row for row in self.tables[source] if condition(row)]}
            self._spread(source, reached)
            if table in reached:
                kept = {id(row) for row in reached[table]}
                left = [row for row in left if id(row) in kept]
        return left

    def _spread(self, table: str, reached: dict[str, list[Row]]) -> None:
        """Filter the tables that a filter on a table reaches; it never goes back."""
        for one in self.relationships:
            if one.target == table and one.table not in reached:
                near, own, other = one.table, one.key, one.column
            elif one.table == table and one.is_both_ways and one.target not in reached:
                near, own, other = one.target, one.column, one.key
            else:
                continue
            values = {row[own] for row in reached[table]}
            reached[near] = [row for row in self.tables[near] if row[other] in values]
            self._spread(near, reached)

    def value(self, formula: str) -> Any:
        """Return the value of a measure; None is blank.

        Raises:
            ValueError: the formula is more than this understands.
        """
        return _Formula(formula).value(self)


class _Formula:
    def __init__(self, text: str) -> None:
        self._tokens = TOKEN.findall(text)
        if "".join(self._tokens) != re.sub(r"\s+(?=([^\"]*\"[^\"]*\")*[^\"]*$)", "", text):
            raise ValueError(f"not understood: {text}")
        self._at = 0

    def value(self, model: Model) -> Any:
        found = self._expression()(model, None, {})
        if self._at != len(self._tokens):
            raise ValueError(f"not understood: {self._tokens[self._at :]}")
        return found

    def _next(self, expected: str | None = None) -> str:
        token: str = self._tokens[self._at]
        if expected not in {None, token}:
            raise ValueError(f"{token} where {expected} belongs")
        self._at += 1
        return token

    def _sees(self, *tokens: str) -> bool:
        return self._at < len(self._tokens) and self._tokens[self._at] in tokens

    def _expression(self) -> Any:
        if self._sees("VAR"):
            self._next()
            name, _ = self._next(), self._next("=")
            bound = self._expression()
            self._next("RETURN")
            rest = self._expression()
            return lambda m, row, names: rest(m, row, {**names, name: bound(m, row, names)})
        return self._both()

    def _both(self) -> Any:
        left = self._compared()
        while self._sees("&&"):
            self._next()
            one, other = left, self._compared()
            left = lambda m, row, names, a=one, b=other: a(m, row, names) and b(m, row, names)  # noqa: E731
        return left

    def _compared(self) -> Any:
        left = self._primary()
        if not self._sees("<>", "=", "<", ">"):
            return left
        sign, right = self._next(), self._primary()
        compare = {
            "<>": lambda a, b: a != b, "=": lambda a, b: a == b,
            "<": lambda a, b: a < b, ">": lambda a, b: a > b,
        }[sign]  # fmt: skip
        return lambda m, row, names: compare(left(m, row, names), right(m, row, names))

    def _primary(self) -> Any:  # noqa: PLR0911 (a kind of token each)
        token = self._next()
        if token.startswith("'") and token.endswith("]"):
            column = token[token.index("[") + 1 : -1]
            return _Column(token.split("'")[1], column)
        if token.startswith("'"):
            name = token.strip("'")
            return lambda m, _row, _names: m.rows(name)
        if token.startswith('"'):
            return lambda _m, _row, _names: token.strip('"')
        if token[0].isdigit():
            return lambda _m, _row, _names: float(token) if "." in token else int(token)
        if self._sees("("):
            return self._call(token)
        if token == "BOTH":  # noqa: S105 (of a formula)
            return None
        return lambda _m, _row, names: names[token]

    def _call(self, name: str) -> Any:
        self._next("(")
        given = []
        while not self._sees(")"):
            given.append(self._expression())
            if self._sees(","):
                self._next()
        self._next(")")
        if name not in FUNCTIONS:
            raise ValueError(f"no such function: {name}")
        return lambda m, row, names: FUNCTIONS[name](m, row, names, *given)


@dataclass(frozen=True)
class _Column:
    table: str
    name: str

    def __call__(self, _model: Model, row: Row | None, _names: Mapping[str, Any]) -> Any:
        if row is None:
            raise ValueError(f"{self.table}[{self.name}] has no row here")
        return row[self.name]

    def known(self, model: Model) -> list[Any]:
        return [row[self.name] for row in model.rows(self.table) if row[self.name] is not None]


def _values(m: Model, names: Any, rows: Any, expression: Any) -> list[Any]:
    found = [expression(m, row, names) for row in rows(m, None, names)]
    return [value for value in found if value is not None]


def _calculate(m: Model, row: Any, names: Any, expression: Any, change: Any) -> Any:
    return expression(change(m, row, names), row, names)


def _crossfilter(m: Model, _row: Any, _names: Any, many: Any, one: Any, _both: Any) -> Model:
    changed = [
        replace(each, is_both_ways=True)
        if (each.table, each.column) == (many.table, many.name)
        and (each.target, each.key) == (one.table, one.name)
        else each
        for each in m.relationships
    ]
    if changed == list(m.relationships):
        raise ValueError(f"no relationship of one way from {many} to {one}")
    return replace(m, relationships=changed)


def _summarize(m: Model, _row: Any, names: Any, rows: Any, *columns: _Column) -> list[Row]:
    keys = {tuple(row[c.name] for c in columns) for row in rows(m, None, names)}
    return [dict(zip((c.name for c in columns), key, strict=True)) for key in keys]


# Blank is None, as in a table: aggregates leave it out, and are blank where nothing is left.
FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "AVERAGE": lambda m, _row, _names, column: fmean(v) if (v := column.known(m)) else None,
    "AVERAGEX": lambda m, _row, names, rows, each: (
        fmean(v) if (v := _values(m, names, rows, each)) else None
    ),
    "CALCULATE": _calculate,
    "COALESCE": lambda m, row, names, *given: next(
        (value for one in given if (value := one(m, row, names)) is not None), None
    ),
    "COUNTROWS": lambda m, row, names, rows: len(rows(m, row, names)) or None,
    "CROSSFILTER": _crossfilter,
    "DISTINCTCOUNT": lambda m, _row, _names, column: (
        len({row[column.name] for row in m.rows(column.table)}) or None
    ),
    "FILTER": lambda m, _row, names, rows, holds: [
        row for row in rows(m, None, names) if holds(m, row, names)
    ],
    "HASONEVALUE": lambda m, _row, _names, column: (
        len({row[column.name] for row in m.rows(column.table)}) == 1
    ),
    "IF": lambda m, row, names, holds, yes, no: (yes if holds(m, row, names) else no)(
        m, row, names
    ),
    "ISBLANK": lambda m, row, names, value: value(m, row, names) is None,
    "NOT": lambda m, row, names, value: not value(m, row, names),
    "SUM": lambda m, _row, _names, column: sum(v) if (v := column.known(m)) else None,
    "SUMMARIZE": _summarize,
    "SUMX": lambda m, _row, names, rows, each: (
        sum(v) if (v := _values(m, names, rows, each)) else None
    ),
}
