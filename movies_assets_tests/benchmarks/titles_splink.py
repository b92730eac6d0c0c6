"""Weights of what two titles have in common, learned by Splink without knowing the links.

`PYTHON -m movies_assets_tests.benchmarks.titles_splink FOLDER`, for a Python that has Splink 5;
nothing else is needed. FOLDER holds `service.parquet` and `imdb.parquet`, and gets `learned.json`.
"""

import json
import math
import sys
from pathlib import Path
from typing import Any

import duckdb
import splink.comparison_level_library as levels
from splink import DuckDBAPI, Linker, SettingsCreator
from splink.comparison_library import CustomComparison

MINUTES = "abs(runtime_minutes_l - runtime_minutes_r)"
ALIKE = "greatest(5, runtime_minutes_r * 0.1)"
LEVELS = {
    "name": {"own": "name_key_l = name_key_r"},
    "year": {str(years): f"abs(year_l - year_r) <= {years}" for years in (0, 1, 2)},
    "runtime": {
        "within 1": f"{MINUTES} <= 1",
        "within 3": f"{MINUTES} <= 3",
        "within 10 %": f"{MINUTES} <= {ALIKE}",
        "within 30 %": f"{MINUTES} <= runtime_minutes_r * 0.3",
    },
    # They say how likely a title of IMDb is offered at all.
    "votes": {
        name: f"votes_r <= {most}"
        for name, most in {"<10": 9, "<100": 99, "<1k": 999, "<10k": 9_999}.items()
    },
}
UNKNOWN = {
    "name": "name_key_l IS NULL OR name_key_r IS NULL",
    "year": "year_l IS NULL OR year_r IS NULL",
    "runtime": "runtime_minutes_l IS NULL OR runtime_minutes_r IS NULL",
    "votes": "votes_r IS NULL",
}
REST = {"name": "none", "year": "more", "runtime": "more", "votes": "10k+"}
SAME_NAME = "l.name_key = r.name_key AND l.kind = r.kind"
SAME_YEAR = "l.year = r.year AND l.runtime_minutes = r.runtime_minutes AND l.kind = r.kind"


def main() -> None:
    """Learn the weights, and score the pairs of one name."""
    folder = Path(sys.argv[1])
    connection = duckdb.connect()
    # By the order of their names, the service's titles are the left ones of a pair.
    for name, file in (("a_service", "service"), ("b_imdb", "imdb")):
        connection.execute(f"CREATE TABLE {name} AS FROM '{folder / file}.parquet'")
    engine = DuckDBAPI(connection=connection)
    tables = [engine.register(name, dataset_display_name=name) for name in ("a_service", "b_imdb")]
    settings = SettingsCreator(
        link_type="link_only",
        comparisons=[_comparison(feature) for feature in LEVELS],
        blocking_rules_to_generate_predictions=[SAME_NAME],
        additional_columns_to_retain=["tconst"],
    )
    linker = Linker(tables, settings)
    training = linker.training
    training.estimate_probability_two_random_records_match([f"{SAME_NAME} AND {SAME_YEAR}"], 0.7)
    training.estimate_u_using_random_sampling(max_pairs=2e7, seed=1)
    for blocked in (SAME_NAME, SAME_YEAR):
        training.estimate_parameters_using_expectation_maximisation(
            blocked, record_sample_proportion=1.0
        )
    pairs = linker.inference.predict().as_record_list()
    columns = ("unique_id_l", "tconst_r", "match_probability")
    found = {
        "weights": _weights(linker.misc.save_model_to_json()),
        "pairs": [[pair[column] for column in columns] for pair in pairs],
    }
    (folder / "learned.json").write_text(json.dumps(found), encoding="utf-8")


def _comparison(feature: str) -> CustomComparison:
    """Return the levels of a feature as Splink takes them, the unknown one first."""
    known = [levels.CustomLevel(sql, name) for name, sql in LEVELS[feature].items()]
    unknown = levels.CustomLevel(UNKNOWN[feature], "unknown").configure(is_null_level=True)
    return CustomComparison([unknown, *known, levels.ElseLevel()], output_column_name=feature)


def _weights(model: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Return the weight of each level in bits: how much more often matches have it."""
    return {
        comparison["output_column_name"]: {
            REST[comparison["output_column_name"]]
            if level["sql_condition"] == "ELSE"
            else level["label_for_charts"]: math.log2(
                level["m_probability"] / level["u_probability"]
            )
            for level in comparison["comparison_levels"]
            if level.get("m_probability") and level.get("u_probability")
        }
        for comparison in model["comparisons"]
    }


if __name__ == "__main__":
    main()
