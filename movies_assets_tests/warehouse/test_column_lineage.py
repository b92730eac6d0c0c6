"""The lineage of columns: what values are computed from, as the queries have it."""

import pytest

from movies_assets.tables import TABLES
from movies_assets.warehouse import column_lineage
from movies_assets.warehouse.column_lineage import Origin, derive, kept

QUICK = ["gold.imdb_season_trends", "gold.title_availability", "silver.linkable_titles"]


@pytest.mark.parametrize("name", QUICK)
def test_the_kept_lineage_is_that_of_the_queries(name):
    assert kept()[name] == derive(TABLES[name], TABLES)


@pytest.mark.slow
def test_the_kept_lineage_is_that_of_the_queries_of_all_tables():
    assert column_lineage.KEPT.read_text(encoding="utf-8") == column_lineage.text(TABLES), (
        "Run `python -m movies_assets column-lineage`."
    )


def test_every_table_that_is_an_expression_over_tables_has_the_lineage_of_all_its_columns():
    without = {name for name in TABLES if name not in kept()}
    assert without == {name for name in TABLES if name.startswith("bronze.")} | {
        "gold.dim_date",
        "gold.dim_released_year",
        "gold.data_quality_snapshot",
    }
    assert all({*kept()[name]} == {*TABLES[name].contract.types()} for name in kept())


def test_origins_are_columns_of_the_tables_above():
    wrong = [
        (name, column, origin)
        for name, columns in kept().items()
        for column, origins in columns.items()
        for origin in origins
        if origin.table not in TABLES[name].reads().values()
        or origin.column not in TABLES[origin.table].contract.types()
    ]
    assert not wrong


def test_a_value_has_the_columns_that_it_is_computed_from_and_a_count_has_none():
    columns = kept()["gold.title_availability"]
    assert columns["since_date"] == (Origin("silver.source_titles", "since_date"),)
    assert columns["title_key"] == (Origin("gold.title_links", "title_key"),)
    assert columns["listings"] == ()
