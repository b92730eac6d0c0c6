"""The measures of YTS for Power BI."""

from movies_assets.core.measure import ONE_DIGIT, WHOLE, Measure, count, mean

MEASURES = (
    Measure("fact_movies", "Movies", count("fact_movies"), WHOLE, "Movies of YTS."),
    Measure(
        "fact_movies",
        "Average rating",
        mean("fact_movies", "rating"),
        ONE_DIGIT,
        "Mean rating of the movies that have one, 0 to 10.",
    ),
    Measure(
        "fact_movies",
        "Average runtime",
        mean("fact_movies", "runtime_minutes"),
        "0",
        "Mean running time in minutes, of the movies that have one.",
    ),
)
