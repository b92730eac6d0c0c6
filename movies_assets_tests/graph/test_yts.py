"""Whole materializations of the YTS system on a temporary warehouse."""

from movies_assets_tests.conftest import movie


def test_a_day_goes_from_source_to_star(platform, yts):
    yts.movies_listed = [movie(1, "2025-10-30T12:00:00"), movie(2, "2025-10-30T23:59:59")]
    result = platform.run("2025-10-30")
    assert result.success
    assert platform.sql(
        "SELECT movie_key, date_key, rating_key FROM gold.fact_movies ORDER BY 1"
    ) == [
        (1, 20251030, 73),
        (2, 20251030, 73),
    ]
