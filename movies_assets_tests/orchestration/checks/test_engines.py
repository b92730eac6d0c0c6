"""Every query of every check of every table compiles for DuckDB and for Spark SQL."""

from typing import Any

import duckdb
import ibis
import ibis.expr.types as ir
import pytest
from ibis.config import Config

from movies_assets.core.check import CheckContext
from movies_assets.definitions import TABLES
from movies_assets.orchestration.checks.factory import declared_checks
from movies_assets.settings import Settings
from movies_assets.warehouse.queries import Queries
from movies_assets_tests.conftest import STORED_DAY, STORED_YEAR

pytestmark = pytest.mark.slow


class SparkOptions(Config):
    """Options of Ibis' backend for Spark, as its compiler reads them."""

    treat_nan_as_null: bool = False


class Everywhere(Queries):
    """Compiles each query for Spark too, and counts one row more, so that each check is red."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        super().__init__(connection)
        self.compiled: list[str] = []

    def fetch(self, query: ir.Table) -> list[dict[str, Any]]:
        """Run a query on DuckDB."""
        self.compiled.append(str(ibis.to_sql(query, dialect="pyspark")))
        return [
            {name: value + 1 if type(value) is int else value for name, value in row.items()}
            for row in super().fetch(query)
        ]


def test_every_query_of_every_check_compiles_for_spark(stored_day, subtests, monkeypatch):
    # Ibis sets the options of a backend when it is loaded, for which PySpark would be needed.
    monkeypatch.setattr(ibis.options, "pyspark", SparkOptions())
    with duckdb.connect() as connection:
        connection.execute(f"SET TimeZone = 'UTC'; ATTACH '{stored_day}' AS stored (READ_ONLY)")
        connection.execute("USE stored")
        for name, table in TABLES.items():
            key = STORED_YEAR if table.group == "omdb" else STORED_DAY
            for check in declared_checks(table, TABLES, Settings()):
                with subtests.test(table=name, check=check.name):
                    engine = Everywhere(connection)
                    found = check.evaluate(CheckContext(table, (key, key), engine))
                    assert engine.compiled
                    assert found.description
