"""Map ISO 639-1 codes of languages to their English names (languages.csv)."""

import csv
from importlib.resources import files

import ibis
import ibis.expr.types as ir

with files(__package__).joinpath("languages.csv").open(encoding="utf-8") as _lines:
    LANGUAGES = {row["code"]: row["name"] for row in csv.DictReader(_lines)}

# Codes of movie databases that ISO 639-1 does not have: Cantonese, no language.
ALIASES = {"cn": "zh", "xx": None}


def code_of(text: ir.StringColumn) -> ir.StringColumn:
    """Return the code for a code or an English name ('en', 'English').

    An unknown language is unchanged, so that the contract's rule can report it.
    """
    lowered = text.lower()
    codes = {name.lower(): code for code, name in LANGUAGES.items()}
    return lowered.substitute(codes | ALIASES)


def name_of(code: ir.StringColumn) -> ir.StringColumn:
    """Return the English name of a code; NULL if there is none."""
    return code.cases(*LANGUAGES.items(), else_=ibis.null("string"))


def is_code(text: ir.StringColumn) -> ir.BooleanColumn:
    """Return whether a text is an ISO 639-1 code."""
    return ibis.literal(sorted(LANGUAGES), "array<string>").contains(text)
