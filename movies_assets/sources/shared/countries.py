"""ISO 3166-1: the codes of countries, former ones included, and their names (countries.csv).

The names are those by which streaming catalogues call them: United States, South Korea, Russia.
"""

import csv
from importlib.resources import files

import ibis
import ibis.expr.types as ir

from movies_assets.sources.shared.parsing import value_of

with files(__package__).joinpath("countries.csv").open(encoding="utf-8") as _lines:
    COUNTRIES = {row["code"]: row["name"] for row in csv.DictReader(_lines)}


def names_of(codes: ir.ArrayColumn) -> ir.ArrayColumn:
    """Return the names of codes; a code that is not known stays as it is."""
    names = ibis.map(list(COUNTRIES), list(COUNTRIES.values()))
    named: ir.ArrayColumn = codes.map(lambda code: ibis.coalesce(value_of(names, code), code))
    return named
