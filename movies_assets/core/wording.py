"""Put broken rules into words. It loads no library, as readers of snapshots need it too."""

import re

# The rule of a column that may not be NULL.
REQUIRED = "required"
# Names of rules that do not read as the end of a sentence, and their wording in one.
WORDING = {REQUIRED: "is missing"}
# A rule names a column or a key before its colon.
NAMES = re.compile(r"[a-z0-9_]+|key \(.*\)")


def sentence(rule: str) -> str:
    """Turn a broken rule into a sentence: `show_id: required` into `show_id is missing`.

    A text that names no column is returned as it is.
    """
    name, colon, wrong = rule.partition(": ")
    if not colon or not NAMES.fullmatch(name):
        return rule
    if wrong in WORDING:
        return f"{name} {WORDING[wrong]}"
    return f"{name} is {wrong}" if wrong.startswith(("not ", "none of ")) else f"{name} {wrong}"


def sentences(broken: str) -> str:
    """Turn broken rules, as quarantine stores them, into words: `show_id is missing; type is x`."""
    return "; ".join(map(sentence, broken.split("; ")))
