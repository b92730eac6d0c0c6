"""The version of a table's code changes with its rules and functions, and with nothing else."""

import ast

import pytest

from movies_assets.definitions import TABLES
from movies_assets.orchestration import code_version
from movies_assets.orchestration.code_version import COVERED

MOVIES, FACTS = TABLES["silver.yts_movies"], TABLES["gold.fact_movies"]
MODULE = MOVIES.function.__module__


@pytest.fixture
def edited(monkeypatch):
    """Return a function that gives the version of a table after an edit of a module's code."""

    def version(table, module: str, before: str, after: str) -> str:
        real = code_version.inspect.getsource

        def getsource(found):
            text = real(found)
            if found.__name__ == module:
                assert before in text
                text = text.replace(before, after)
            return text

        with monkeypatch.context() as patch:
            patch.setattr(code_version.inspect, "getsource", getsource)
            return fresh(table)

    return version


def fresh(table) -> str:
    for function in (code_version._module, code_version._text, code_version._uses):
        function.cache_clear()
    found = code_version.code_version(table)
    for function in (code_version._module, code_version._text, code_version._uses):
        function.cache_clear()
    return found


def statement(name: str) -> str:
    """Return the code of a function of the module, as it is written."""
    source = code_version.inspect.getsource(__import__(MODULE, fromlist=["_"]))
    for node in ast.parse(source).body:
        if getattr(node, "name", "") == name:
            return ast.get_source_segment(source, node) or ""
    raise AssertionError(name)


def test_it_is_the_same_every_time():
    assert fresh(MOVIES) == fresh(MOVIES)
    assert fresh(MOVIES) != fresh(FACTS)


def test_a_changed_function_changes_it(edited):
    body = statement(MOVIES.function.__name__)
    assert edited(MOVIES, MODULE, body, body + "\n\n    changed = 1") != fresh(MOVIES)


def test_a_changed_contract_changes_it(edited):
    contract = MOVIES.contract.__name__
    added = f'class {contract}(Added if "a" else '
    assert edited(MOVIES, MODULE, f"class {contract}(", added) != fresh(MOVIES)


def test_a_changed_helper_of_another_module_changes_it(edited):
    uses = code_version._uses(code_version._Name(MODULE, MOVIES.function.__name__))
    helper = next(name for name in uses if name.module != MODULE and name.name.islower())
    assert helper.module.startswith(COVERED)
    before = f"def {helper.name}("
    assert edited(MOVIES, helper.module, before, f"@changed\n{before}") != fresh(MOVIES)


def test_comments_docstrings_and_other_tables_do_not_change_it(edited):
    body = statement(MOVIES.function.__name__)
    first, rest = body.split("\n", 1)
    assert edited(MOVIES, MODULE, body, f"{first}\n    # A comment.\n{rest}") == fresh(MOVIES)
    other = FACTS.function.__module__
    name = f"def {FACTS.function.__name__}("
    assert edited(MOVIES, other, name, f"@changed\n{name}") == fresh(MOVIES)


def test_a_kept_version_is_used_for_the_same_sources_only(monkeypatch, tmp_path):
    monkeypatch.setattr(code_version, "KEPT", tmp_path / "versions.json")
    monkeypatch.setattr(code_version.sys, "dont_write_bytecode", False)
    computed = []
    monkeypatch.setattr(
        code_version, "code_version", lambda table: computed.append(table.name) or "0123456789ab"
    )

    def kept(digest: str) -> str:
        monkeypatch.setattr(code_version, "_digest", lambda: digest)
        code_version._kept.cache_clear()
        found = code_version.kept_version(MOVIES)
        code_version._kept.cache_clear()
        return found

    assert [kept("one"), kept("one")] == ["0123456789ab"] * 2
    assert computed == [MOVIES.name]
    (tmp_path / "versions.json").write_text("{damaged")
    kept("one")
    kept("another")
    assert computed == [MOVIES.name] * 3


def test_a_version_is_kept_of_every_table():
    assert all(
        code_version.kept_version(table) == code_version.code_version(table)
        for table in TABLES.values()
    )
