"""Every rule of every contract reads as words, wherever people meet it."""

import re

import pytest

from movies_assets.core.wording import sentence, sentences
from movies_assets.definitions import TABLES

RULES = sorted({rule.name for table in TABLES.values() for rule in table.contract.rules()})
# A call, as contracts declare rules; a key lists its columns in brackets.
CODE = re.compile(r"(?!key )\b\w+\(|\^|\$|\\")


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_reads_as_words(rule):
    assert not CODE.search(sentence(rule))
    assert sentence(rule) != rule or ": " not in rule


def test_broken_rules_read_as_sentences():
    assert sentences("show_id: required; email: not an e-mail address; after the dump") == (
        "show_id is missing; email is not an e-mail address; after the dump"
    )
