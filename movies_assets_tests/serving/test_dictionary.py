from movies_assets.definitions import TABLES
from movies_assets.serving import dictionary


def test_the_data_dictionary_follows_the_contracts():
    written = dictionary.PATH.read_text(encoding="utf-8")
    assert written == dictionary.text(), "docs/reference/tables.md is stale: run `make docs`"


def test_every_table_column_and_rule_is_in_the_data_dictionary():
    text = dictionary.text()
    for table in TABLES.values():
        section = text.split(f"\n## {table.name}\n")[1].split("\n## ")[0]
        assert all(f"| `{column}` |" in section for column in table.contract.types())
        rules = [rule.name for rule in table.contract.rules() if "required" not in rule.name]
        assert all(f"- `{name.replace(': ', '`: ', 1)}" in section for name in rules)


def test_columns_that_files_have_brought_are_in_the_dictionary_of_the_warehouse():
    text = dictionary.text({"bronze.netflix_titles": ["content_rating"]})
    section = text.split("\n## bronze.netflix_titles\n")[1].split("\n## ")[0]
    assert "| `content_rating` | VARCHAR |  | Brought by files" in section
