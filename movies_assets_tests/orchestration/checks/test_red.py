"""Every check goes red, through Dagster, when what it checks is broken, and is green before."""

import shutil
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from movies_assets.core.check import CheckContext
from movies_assets.core.contract import Contract, column
from movies_assets.core.table import Key, Table
from movies_assets.core.wording import sentence
from movies_assets.definitions import TABLES, build_defs
from movies_assets.orchestration.assets import asset_key, asset_of
from movies_assets.orchestration.checks.factory import checks_of
from movies_assets.orchestration.checks.references import references_check
from movies_assets.orchestration.partitions import range_tags
from movies_assets.settings import Settings
from movies_assets.warehouse.database import Warehouse
from movies_assets.warehouse.queries import Queries
from movies_assets_tests.conftest import STORED_DAY, STORED_YEAR

SETTINGS = Settings()
ASSETS = [asset_of(table, SETTINGS) for table in TABLES.values()]
CHECKS = [checks_of(table, TABLES, SETTINGS) for table in TABLES.values()]
JOB = dg.Definitions(
    assets=ASSETS,
    asset_checks=CHECKS,
    jobs=[dg.define_asset_job("checks", dg.AssetSelection.all_asset_checks())],
    resources={
        **dict.fromkeys(
            build_defs(SETTINGS).resources or {}, dg.ResourceDefinition.none_resource()
        ),
        "io_manager": dg.InMemoryIOManager(),
    },
).resolve_job_def("checks")
# Those whose partitions are years.
YEARLY = [asset_key(table.key) for table in TABLES.values() if table.group == "omdb"]
NEXT_DAY = "2025-10-31"
SILVER = "silver/yts_movies"
REFUSED = "'hash', 'x: rule', 'raw', 'run', now()"


class Stored:
    """A warehouse with one sound day, to be broken."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def sql(self, statement: str) -> None:
        with duckdb.connect(str(self.path)) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute(statement)

    def evaluate(self, table: str, check: str, *days: str) -> dg.AssetCheckEvaluation:
        """Run one check on its own, and return what it found."""
        key = dg.AssetCheckKey(dg.AssetKey(table.split("/")), check)
        result = self.run(dg.AssetSelection.checks(key), *days)
        (evaluation,) = result.get_asset_check_evaluations()
        return evaluation

    def run(
        self, checks: dg.AssetSelection, first: str = STORED_DAY, last: str | None = None
    ) -> dg.ExecuteInProcessResult:
        """Run checks without their assets, as a run of the given days does."""
        keys = checks.resolve_checks(JOB.asset_layer.asset_graph)
        return JOB.get_subset(asset_check_selection=keys).execute_in_process(
            resources={"warehouse": Warehouse(self.path)},
            tags=range_tags(first, last or first),
            raise_on_error=False,
        )


@pytest.fixture
def stored(stored_day, tmp_path) -> Stored:
    return Stored(Path(shutil.copy(stored_day, tmp_path)))


def broken_rules(evaluation: dg.AssetCheckEvaluation) -> dict[str, Any]:
    rules: Any = evaluation.metadata["rules"].value
    return {rule: count for rule, count in rules.items() if count}


def test_a_sound_day_is_green_everywhere_and_shows_zeros(stored_day):
    everything, of_years = Stored(stored_day), dg.AssetSelection.assets(*YEARLY)
    yearly = dg.AssetSelection.checks_for_assets(*YEARLY)
    results = [
        everything.run(dg.AssetSelection.all_asset_checks() - of_years - yearly),
        everything.run(yearly, STORED_YEAR),
    ]
    evaluations = [found for result in results for found in result.get_asset_check_evaluations()]
    assert len(evaluations) == sum(len(checks.check_keys) for checks in CHECKS)
    for evaluation in evaluations:
        assert evaluation.passed, evaluation
        assert evaluation.metadata["broken"].value == 0


class TestContract:
    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("table", "change", "rule"),
        [
            (SILVER, "title = NULL", "title: required"),
            (SILVER, "rating = 11", "rating: more than 10"),
            (SILVER, "year = 4000", "year: more than 5 years after the upload"),
            (SILVER, "imdb_code = 'x'", "imdb_code: not an IMDb id"),
            ("bronze/yts_movies", "page = 0", "page: less than 1"),
            ("gold/dim_runtime", "runtime_category = 'Endless'", "runtime_category: none of Short"),
            ("gold/fact_movies", "genre_count = 0", "genre_count: less than 1"),
        ],
    )
    def test_a_broken_rule_is_named_counted_and_shown(self, stored, table, change, rule):
        name = table.replace("/", ".")
        one = f"rowid = (SELECT min(rowid) FROM {name})"
        stored.sql(f"UPDATE {name} SET {change} WHERE {one}")
        evaluation = stored.evaluate(table, "contract")
        assert not evaluation.passed
        assert evaluation.blocking
        assert evaluation.severity == dg.AssetCheckSeverity.ERROR
        ((name, count),) = broken_rules(evaluation).items()
        assert name.startswith(rule)
        assert count == 1
        assert evaluation.metadata["rows"].value >= 1
        assert rule in str(evaluation.metadata["broken rows"].value)
        assert f"1 row: {sentence(name)}" in str(evaluation.description)

    @pytest.mark.parametrize("table", ["bronze/yts_movies", SILVER, "gold/dim_genre"])
    def test_a_duplicate_key_is_found(self, stored, table):
        name = table.replace("/", ".")
        stored.sql(f"INSERT INTO {name} FROM {name} LIMIT 1")
        evaluation = stored.evaluate(table, "contract")
        (rule,) = broken_rules(evaluation)
        assert rule.startswith("key (")
        assert "2" in str(evaluation.metadata["duplicate keys"].value)

    def test_a_duplicate_of_an_unknown_key_is_found(self, stored):
        stored.sql("UPDATE bronze.yts_movies SET movie_id = NULL, content_hash = 'same'")
        assert not stored.evaluate("bronze/yts_movies", "contract").passed

    def test_a_key_that_is_also_stored_under_another_day_is_found(self, stored):
        other = f"SELECT * REPLACE (DATE '{NEXT_DAY}' AS uploaded_date) FROM gold.fact_movies"
        stored.sql(f"INSERT INTO gold.fact_movies {other}")
        assert not stored.evaluate("gold/fact_movies", "contract").passed

    @pytest.mark.parametrize(
        ("change", "column", "actual"),
        [
            ("ALTER COLUMN genre_name TYPE INTEGER USING 1", "genre_name", "INTEGER"),
            ("DROP COLUMN genre_name", "genre_name", "missing"),
            ("ADD COLUMN price INTEGER", "price", "no such column"),
        ],
    )
    def test_another_structure_shows_expected_and_actual_types(
        self, stored, change, column, actual
    ):
        stored.sql(f"ALTER TABLE gold.dim_genre {change}")
        evaluation = stored.evaluate("gold/dim_genre", "contract")
        assert broken_rules(evaluation) == {f"{column}: structure": 1}
        assert actual in str(evaluation.metadata["expected and actual types"].value)

    def test_only_the_days_of_the_run_are_looked_at(self, stored):
        stored.sql("UPDATE silver.yts_movies SET rating = 11")
        assert stored.evaluate(SILVER, "contract", NEXT_DAY).passed
        assert not stored.evaluate(SILVER, "contract", STORED_DAY, NEXT_DAY).passed

    def test_at_most_ten_rows_are_shown_and_long_values_are_cut(self, stored):
        stored.sql(
            "INSERT INTO silver.yts_movies SELECT m.* REPLACE (movie_id + 100 * n AS movie_id, "
            "11 AS rating, repeat('x', 10000) AS summary) "
            "FROM silver.yts_movies m, range(100, 130) r(n)"
        )
        evaluation = stored.evaluate(SILVER, "contract")
        assert broken_rules(evaluation) == {"rating: more than 10": 90}
        shown = str(evaluation.metadata["broken rows"].value)
        assert len(shown.splitlines()) == 2 + 10
        assert "x" * 200 in shown
        assert "x" * 201 not in shown


REFERENCES = [
    (name.replace(".", "/"), column, target)
    for name, table in TABLES.items()
    for column, target in table.contract.references().items()
]


class TestReferences:
    @pytest.mark.parametrize(
        "references",
        [
            pytest.param(REFERENCES[::8], id="some"),
            pytest.param(REFERENCES, id="all", marks=pytest.mark.slow),
        ],
    )
    def test_an_orphan_is_found(self, stored_day, tmp_path, subtests, references):
        for table, pointer, target in references:
            stored = Stored(Path(shutil.copy(stored_day, tmp_path)))
            with subtests.test(table=table, column=pointer):
                (key,) = TABLES[target].contract.key()
                name = table.replace("/", ".")
                used = f"SELECT {pointer} FROM {name}"
                stored.sql(f"DELETE FROM {target} WHERE {key} IN ({used})")
                evaluation = stored.evaluate(table, "references")
                assert not evaluation.passed
                assert evaluation.blocking
                is_tolerated = pointer in TABLES[name].contract.tolerated()
                assert evaluation.severity.name == ("WARN" if is_tolerated else "ERROR")
                rule = f"{pointer} -> {target}"
                assert [*broken_rules(evaluation)] == [rule]
                assert rule in evaluation.metadata
                alone = "Materialize this table again" in evaluation.description
                assert alone == TABLES[target].is_conformed

    @pytest.mark.parametrize(
        ("child", "parent", "verdict"),
        [
            (1, 1, "passed"),
            (2, 1, "warned"),
            (1, 2, "failed"),
            (2, 2, "failed"),
        ],
    )
    def test_only_orphans_that_are_known_of_the_source_warn(self, child, parent, verdict):
        class Whole(Contract):
            """One row a whole."""

            whole_key: int = column("Number.", key=True)

        class Part(Contract):
            """One row a part."""

            child: int = column("May be missing.", references="gold.whole", orphans="warn")
            parent: int = column("Never missing.", references="gold.whole")

        def fill() -> None: ...

        whole = Table(Key("gold", "whole"), "test", Whole, fill)
        part = Table(Key("gold", "part"), "test", Part, fill)
        with duckdb.connect(config={"threads": 1}) as connection:
            connection.execute(
                "CREATE SCHEMA gold; CREATE TABLE gold.whole AS SELECT 1 AS whole_key; "
                f"CREATE TABLE gold.part AS SELECT {child} AS child, {parent} AS parent"
            )
            rows = CheckContext(part, None, Queries(connection))
            found = references_check(part, {"gold.whole": whole}).evaluate(rows)
        assert found.verdict == verdict


class TestConservation:
    def test_a_lost_row_is_found_and_shown(self, stored):
        stored.sql("DELETE FROM silver.yts_movies WHERE movie_id = 2")
        evaluation = stored.evaluate(SILVER, "conservation")
        assert not evaluation.passed
        assert evaluation.blocking
        assert broken_rules(evaluation) == {"rows lost": 1}
        counted = {name: evaluation.metadata[f"rows_{name}"].value for name in ("read", "kept")}
        assert counted == {"read": 3, "kept": 2}
        lost = str(evaluation.metadata["lost rows"].value).splitlines()[2]
        assert [cell.strip() for cell in lost.split("|")][1] == "2"

    def test_a_quarantined_row_and_an_older_version_are_not_lost(self, stored):
        stored.sql(
            f"INSERT INTO quarantine.yts_movies SELECT '{STORED_DAY}', content_hash, 'r', '', '', "
            "now() FROM silver.yts_movies WHERE movie_id = 2; "
            "DELETE FROM silver.yts_movies WHERE movie_id = 2; "
            "UPDATE silver.yts_movies SET content_hash = 'newer' WHERE movie_id = 3"
        )
        evaluation = stored.evaluate(SILVER, "conservation")
        assert evaluation.passed
        fates = ("read", "kept", "quarantined", "duplicate")
        assert [evaluation.metadata[f"rows_{fate}"].value for fate in fates] == [3, 1, 1, 1]


class TestConservationOfTidiedKeys:
    """A value that is spelt otherwise in bronze than in silver is compared as silver reads it."""

    @pytest.fixture
    def spaced(self, stored) -> Stored:
        stored.sql(
            "INSERT INTO bronze.netflix_cast SELECT * REPLACE (source_row || '.2' AS source_row, "
            "' ' || value AS value) FROM bronze.netflix_cast WHERE show_id = '1'"
        )
        return stored

    def test_a_value_that_was_read_twice_is_a_duplicate(self, spaced):
        evaluation = spaced.evaluate("silver/netflix_cast", "conservation")
        assert evaluation.passed
        assert evaluation.metadata["rows_duplicate"].value == 1

    def test_a_lost_value_is_found_and_shown(self, spaced):
        spaced.sql("DELETE FROM silver.netflix_cast WHERE show_id = '1'")
        evaluation = spaced.evaluate("silver/netflix_cast", "conservation")
        assert broken_rules(evaluation) == {"rows lost": 2}
        assert "Ada" in str(evaluation.metadata["lost rows"].value)


DUMPED = {"imdb_people": "nconst", "imdb_akas": "tconst", "imdb_ratings": "tconst"}


class TestConservationOfDumps:
    @pytest.mark.parametrize(("table", "key"), DUMPED.items())
    def test_a_lost_row_is_found_and_shown(self, stored, table, key):
        first, newest = f"min({key})", "max(run_date)"
        stored.sql(
            f"DELETE FROM silver.{table} WHERE ({key}, run_date) = "
            f"(SELECT ({first}, {newest}) FROM silver.{table})"
        )
        evaluation = stored.evaluate(f"silver/{table}", "conservation")
        assert not evaluation.passed
        assert evaluation.blocking
        assert broken_rules(evaluation) == {"rows lost": 1}
        counted = [evaluation.metadata[f"rows_{name}"].value for name in ("read", "kept")]
        assert counted[0] - counted[1] == 1
        assert "0000001" in str(evaluation.metadata["lost rows"].value)

    def test_a_row_that_came_twice_is_found(self, stored):
        stored.sql("INSERT INTO silver.imdb_people FROM silver.imdb_people LIMIT 1")
        evaluation = stored.evaluate("silver/imdb_people", "conservation")
        assert broken_rules(evaluation) == {"rows lost": 1}

    def test_a_quarantined_row_is_not_lost(self, stored):
        stored.sql(
            "DELETE FROM silver.imdb_people WHERE nconst = 'nm0000001'; INSERT INTO "
            f"quarantine.imdb_people VALUES ('{STORED_DAY}', 'line 2', 'x: rule', 'r', '', now())"
        )
        assert stored.evaluate("silver/imdb_people", "conservation").passed

    def test_rows_of_other_run_dates_are_not_asked_for(self, stored):
        stored.sql(f"DELETE FROM silver.imdb_ratings WHERE run_date < '{STORED_DAY}'")
        assert stored.evaluate("silver/imdb_ratings", "conservation").passed
        assert not stored.evaluate("silver/imdb_ratings", "conservation", "2025-10-29").passed


class TestQuarantine:
    @pytest.mark.parametrize(
        ("sound", "severity"),
        [(18, dg.AssetCheckSeverity.ERROR), (19, dg.AssetCheckSeverity.WARN)],
    )
    def test_rows_in_quarantine_warn_and_more_than_the_allowed_share_block(
        self, stored, sound, severity
    ):
        stored.sql(
            "INSERT INTO bronze.yts_movies SELECT m.* REPLACE (movie_id + 100 * n AS movie_id) "
            f"FROM bronze.yts_movies m, range({sound + 1 - 3}) r(n) WHERE movie_id = 1; "
            f"INSERT INTO quarantine.yts_movies VALUES ('{STORED_DAY}', {REFUSED})"
        )
        evaluation = stored.evaluate(SILVER, "quarantine")
        assert not evaluation.passed
        assert evaluation.severity == severity
        assert evaluation.blocking
        assert broken_rules(evaluation) == {"x: rule": 1}
        assert evaluation.metadata["rows_read"].value == sound + 1

    def test_rows_of_other_days_do_not_count(self, stored):
        stored.sql(f"INSERT INTO quarantine.yts_movies VALUES ('{NEXT_DAY}', {REFUSED})")
        assert stored.evaluate(SILVER, "quarantine").passed


class TestVolume:
    @pytest.fixture
    def month(self, stored) -> Stored:
        """Three movies a day in the four weeks before the stored day."""
        stored.sql(
            "INSERT INTO bronze.yts_movies SELECT m.* REPLACE (uploaded_date - n::INT AS "
            "uploaded_date) FROM bronze.yts_movies m, range(1, 28) r(n)"
        )
        return stored

    def test_an_ordinary_day_is_green(self, month):
        assert month.evaluate("bronze/yts_movies", "volume").passed

    @pytest.mark.parametrize("copies", [0, 10])
    def test_an_odd_day_warns(self, month, copies):
        condition = f"uploaded_date = '{STORED_DAY}'"
        month.sql(
            f"CREATE TABLE day AS FROM bronze.yts_movies WHERE {condition}; DELETE FROM "
            f"bronze.yts_movies WHERE {condition}; INSERT INTO bronze.yts_movies "
            f"SELECT day.* FROM day, range({copies})"
        )
        evaluation = month.evaluate("bronze/yts_movies", "volume")
        assert not evaluation.passed
        assert evaluation.severity == dg.AssetCheckSeverity.WARN
        assert not evaluation.blocking
        assert STORED_DAY in str(evaluation.metadata["odd days"].value)

    def test_every_odd_day_of_a_range_is_found(self, month):
        month.sql(
            "DELETE FROM bronze.yts_movies WHERE uploaded_date IN ('2025-10-20', '2025-10-22')"
        )
        evaluation = month.evaluate("bronze/yts_movies", "volume", "2025-10-15", STORED_DAY)
        assert [*broken_rules(evaluation).values()] == [2]
        assert (
            "Days: 2025-10-20 with 0 instead of about 3 rows, 2025-10-22 with 0 instead of about 3 "
            "rows. Check whether" in str(evaluation.description)
        )

    def test_few_days_of_history_prove_nothing(self, stored):
        assert stored.evaluate("bronze/yts_movies", "volume", "2025-10-31").passed


class TestFreshness:
    @pytest.mark.parametrize(("days", "fresh"), [(1, True), (2, False)])
    def test_an_old_newest_day_warns(self, stored, days, fresh):
        stored.sql(f"UPDATE silver.yts_movies SET uploaded_date = uploaded_date - {days}")
        evaluation = stored.evaluate(SILVER, "freshness")
        assert evaluation.passed is fresh
        assert evaluation.severity == dg.AssetCheckSeverity.WARN
        assert evaluation.metadata["days_behind"].value == days + 1
        assert not evaluation.blocking

    def test_an_empty_table_is_not_fresh(self, stored):
        stored.sql("DELETE FROM silver.yts_movies")
        assert not stored.evaluate(SILVER, "freshness").passed


class TestYears:
    """Checks of tables that are partitioned by year look at the years of the run."""

    bronze, silver = "bronze/omdb_releases", "silver/omdb_releases"

    def test_a_broken_rule_is_found_in_the_years_of_the_run_only(self, stored):
        stored.sql("UPDATE silver.omdb_releases SET media_type = 'x'")
        assert not stored.evaluate(self.silver, "contract", STORED_YEAR).passed
        assert stored.evaluate(self.silver, "contract", "1950", "2024").passed

    def test_a_lost_result_is_found(self, stored):
        stored.sql(
            "DELETE FROM silver.omdb_releases WHERE imdb_id = "
            "(SELECT min(imdb_id) FROM silver.omdb_releases)"
        )
        evaluation = stored.evaluate(self.silver, "conservation", STORED_YEAR)
        assert [*broken_rules(evaluation)] == ["rows lost"]

    def test_an_error_is_no_lost_row_and_counts_for_no_share(self, stored):
        before = stored.evaluate(self.silver, "conservation", STORED_YEAR)
        stored.sql(
            "INSERT INTO bronze.omdb_releases SELECT * REPLACE ('x/' || result_id AS result_id, "
            "'Movie not found!' AS error) FROM bronze.omdb_releases"
        )
        after = stored.evaluate(self.silver, "conservation", STORED_YEAR)
        assert after.passed
        assert after.metadata["rows_read"] == before.metadata["rows_read"]
        shares = stored.evaluate(self.silver, "quarantine", STORED_YEAR)
        assert shares.metadata["rows_read"] == before.metadata["rows_read"]

    def test_quarantined_results_are_those_of_the_years_of_the_run(self, stored):
        stored.sql(f"INSERT INTO quarantine.omdb_releases VALUES ('{STORED_YEAR}', {REFUSED})")
        assert not stored.evaluate(self.silver, "quarantine", STORED_YEAR).passed
        assert stored.evaluate(self.silver, "quarantine", "2024").passed

    def test_years_of_which_nothing_or_not_all_was_collected_warn_and_are_named(self, stored):
        assert stored.evaluate(self.bronze, "completeness", STORED_YEAR).passed
        evaluation = stored.evaluate(self.bronze, "completeness", "2023", STORED_YEAR)
        assert broken_rules(evaluation) == {"years that are not complete": 2}
        assert "2023, 2024" in evaluation.description
        stored.sql("UPDATE bronze.omdb_releases SET is_year_complete = false")
        evaluation = stored.evaluate(self.bronze, "completeness", STORED_YEAR)
        assert evaluation.severity == dg.AssetCheckSeverity.WARN
        assert not evaluation.blocking
        assert STORED_YEAR in str(evaluation.metadata["years"].value)


def test_a_check_of_a_missing_table_says_what_to_do(stored):
    stored.sql("DROP TABLE gold.dim_movie")
    key = dg.AssetCheckKey(dg.AssetKey(["gold", "fact_movies"]), "references")
    result = stored.run(dg.AssetSelection.checks(key))
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    message = failure.event_specific_data.error_display_string
    assert "gold.fact_movies: a table that check 'references' reads is missing" in message
    assert "materialize it first" in message
