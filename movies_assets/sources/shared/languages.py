"""ISO 639-1: the codes of languages and their English names (languages.csv)."""

import csv
from importlib.resources import files

import ibis
import ibis.expr.types as ir

with files(__package__).joinpath("languages.csv").open(encoding="utf-8") as _lines:
    LANGUAGES = {row["code"]: row["name"] for row in csv.DictReader(_lines)}

# Codes that movie databases use although ISO 639-1 has no such language: Cantonese, no language.
ALIASES = {"cn": "zh", "xx": None}


def code_of(text: ir.StringColumn) -> ir.StringColumn:
    """Read a code or an English name ('en', 'English') as a code.

    A language that nobody knows stays as it is, so that the contract's rule can name it.
    """
    lowered = text.lower()
    codes = {name.lower(): code for code, name in LANGUAGES.items()}
    return lowered.substitute(codes | ALIASES)


def name_of(code: ir.StringColumn) -> ir.StringColumn:
    """Return the English name of a code; NULL where there is none."""
    return code.cases(*LANGUAGES.items(), else_=ibis.null("string"))


def is_code(text: ir.StringColumn) -> ir.BooleanColumn:
    """Return whether a text is an ISO 639-1 code."""
    return ibis.literal(sorted(LANGUAGES), "array<string>").contains(text)
