"""The partitions in a run's tags; their keys are days or years."""

from datetime import date

import pytest
from dagster._core.storage import tags as tags_of_dagster

from movies_assets.ingest.run_days import PARTITION, RANGE_END, RANGE_START, days_of, keys_of


def tags(first: str, last: str) -> dict[str, str]:
    return {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}


@pytest.mark.parametrize(
    ("given", "keys", "days"),
    [
        ({"dagster/partition": "2025-10-31"}, ("2025-10-31",) * 2, (date(2025, 10, 31),) * 2),
        (
            tags("2025-10-01", "2025-10-31"),
            ("2025-10-01", "2025-10-31"),
            (date(2025, 10, 1), date(2025, 10, 31)),
        ),
        ({"dagster/partition": "2024"}, ("2024", "2024"), (date(2024, 1, 1), date(2024, 12, 31))),
        (tags("1900", "2025"), ("1900", "2025"), (date(1900, 1, 1), date(2025, 12, 31))),
        ({}, None, None),
    ],
    ids=["day", "days", "year", "years", "none"],
)
def test_a_run_has_first_and_last_partition_and_day(given, keys, days):
    assert keys_of(given) == keys
    assert days_of(given) == days


def test_tags_are_those_of_dagster():
    assert (PARTITION, RANGE_START, RANGE_END) == (
        tags_of_dagster.PARTITION_NAME_TAG,
        tags_of_dagster.ASSET_PARTITION_RANGE_START_TAG,
        tags_of_dagster.ASSET_PARTITION_RANGE_END_TAG,
    )
