"""Duplicates are ruled out by a bitmap only where there are none."""

import duckdb
import ibis
import pytest

from movies_assets.sources.imdb.silver import SilverImdbTitles
from movies_assets.warehouse.bitmap import are_distinct

NUMBERS = ibis.table({"n": "int64"}, name="numbers").n
IDS = ibis.table({"tconst": "string"}, name="ids")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], True),
        ([7], True),
        ([0, 1, 65_535, 65_536, 40_000_000], True),
        ([-1, 1, -65_536], True),
        ([0, 1, 65_536, 65_536], False),
        ([5, 5], False),
        ([1, None], False),
        ([None], False),
        ([2**62, -(2**62)], True),
    ],
)
def test_values_are_distinct_where_all_are_known_and_no_two_are_equal(values, expected):
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE numbers AS SELECT unnest(?::BIGINT[]) AS n", [values])
        assert are_distinct(connection, NUMBERS) is expected


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (["tt0000001", "tt0000002", "tt10000000"], True),
        (["tt0000001", "tt0000001"], False),
        # No proof, as the digits are the same: the ids themselves are compared.
        (["tt0000001", "tt1"], False),
        (["tt0000001", "ttx"], False),
        (["tt0000001", "tt99999999999"], False),
    ],
)
def test_digits_of_ids_prove_that_these_differ(ids, expected):
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE ids AS SELECT unnest(?::VARCHAR[]) AS tconst", [ids])
        assert are_distinct(connection, SilverImdbTitles.key_number(IDS)) is expected
