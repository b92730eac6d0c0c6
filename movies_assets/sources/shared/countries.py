"""Map ISO 3166-1 codes of countries, including former ones, to names (countries.csv).

The names are those of streaming catalogues: United States, South Korea, Russia.
"""

import csv
from importlib.resources import files

import ibis
import ibis.expr.types as ir

from movies_assets.sources.shared.parsing import value_of

with files(__package__).joinpath("countries.csv").open(encoding="utf-8") as _lines:
    COUNTRIES = {row["code"]: row["name"] for row in csv.DictReader(_lines)}


def names_of(codes: ir.ArrayColumn) -> ir.ArrayColumn:
    """Return the names of codes; unknown codes are unchanged."""
    names = ibis.map(list(COUNTRIES), list(COUNTRIES.values()))
    named: ir.ArrayColumn = codes.map(lambda code: ibis.coalesce(value_of(names, code), code))
    return named
