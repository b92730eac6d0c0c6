"""ISO 3166-1: the codes of countries, former ones included, and their names (countries.csv).

The names are those by which streaming catalogues call them: United States, South Korea, Russia.
"""

import csv
from importlib.resources import files
from typing import Any

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

with files("movies_assets").joinpath("countries.csv").open(encoding="utf-8") as _lines:
    COUNTRIES = {row["code"]: row["name"] for row in csv.DictReader(_lines)}


@ibis.udf.scalar.builtin(
    name="map_extract_value", signature=((dt.Map(dt.string, dt.string), dt.string), dt.string)
)
def value_of(values: Any, key: Any) -> Any:
    """Return the value of a key, or NULL; Ibis's own way repeats the map several times."""


def names_of(codes: ir.ArrayColumn) -> ir.ArrayColumn:
    """Return the names of codes; a code that is not known stays as it is."""
    names = ibis.map(list(COUNTRIES), list(COUNTRIES.values()))
    named: ir.ArrayColumn = codes.map(lambda code: ibis.coalesce(value_of(names, code), code))
    return named
