"""The pipeline against the same tables in bare SQL, written on their own: row by row equal."""

from movies_assets_tests.benchmarks import imdb_reference


def test_the_reference_knows_all_seven_dumps():
    assert len(imdb_reference.COLUMNS) == 7
