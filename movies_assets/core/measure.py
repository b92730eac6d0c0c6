"""Measures: named formulas that a source gives to readers, in DAX, the language of Power BI."""

from dataclasses import dataclass

WHOLE, ONE_DIGIT, TWO_DIGITS = "#,0", "0.0", "0.00"


@dataclass(frozen=True)
class Measure:
    """A DAX measure. Of an empty selection counts and sums are 0, and means blank.

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
    """Return the formula of a column's mean; blank where no row has a value."""
    return f"AVERAGE('{table}'[{column}])"


def mean_where(table: str, column: str, condition: str, one: str) -> str:
    """Return the formula of a column's mean over the rows that meet a condition.

    Where one row is selected that does not, it is 0: the original's measures have no blanks then.

    Args:
        table: the table.
        column: the column.
        condition: DAX on the columns of a row.
        one: the column that identifies a row.
    """
    rows = f"FILTER('{table}', {condition})"
    return (
        f"VAR known = AVERAGEX({rows}, '{table}'[{column}]) "
        f"RETURN IF(ISBLANK(known) && HASONEVALUE('{table}'[{one}]), 0, known)"
    )


def through(formula: str, bridge: str, column: str, target: str, key: str) -> str:
    """Return a formula that filters of what a bridge points at reach as well.

    The model cannot have such a filter for two bridges between the same tables.

    Args:
        formula: the formula.
        bridge: the table between both.
        column: its column that points at the target.
        target: the table that is to be filtered.
        key: the key of the target.
    """
    return f"CALCULATE({formula}, CROSSFILTER('{bridge}'[{column}], '{target}'[{key}], BOTH))"


def total(table: str, column: str) -> str:
    """Return the formula of a column's sum."""
    return f"COALESCE(SUM('{table}'[{column}]), 0)"
