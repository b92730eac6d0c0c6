"""Measures: named formulas that a source gives to readers, in DAX, the language of Power BI."""

from dataclasses import dataclass

WHOLE, ONE_DIGIT, TWO_DIGITS = "#,0", "0.0", "0.00"


@dataclass(frozen=True)
class Measure:
    """A DAX measure; 0 for an empty selection.

    Attributes:
        table: the table that contains it.
        name: unique in the model.
        dax: its formula.
        format: its format string.
        description: its meaning.
        is_of_catalogues: whether the report's page of catalogues shows it as a card.
    """

    table: str
    name: str
    dax: str
    format: str
    description: str
    is_of_catalogues: bool = False


def count(table: str) -> str:
    """Return the formula of the number of rows of a table."""
    return f"COALESCE(COUNTROWS('{table}'), 0)"


def mean(table: str, column: str) -> str:
    """Return the formula of a column's mean."""
    return f"COALESCE(AVERAGE('{table}'[{column}]), 0)"


def total(table: str, column: str) -> str:
    """Return the formula of a column's sum."""
    return f"COALESCE(SUM('{table}'[{column}]), 0)"
