"""The measures of the streaming service for Power BI."""

from movies_assets.core.measure import TWO_DIGITS, WHOLE, Measure, count, mean

# Views have a row a title and day, and one a title over all days, which must not be added to them.
OF_DAYS = "NOT(ISBLANK('ott_popular_movies'[watched_date]))"

MEASURES = (
    Measure(
        "ott_dim_title",
        "Streaming titles",
        count("ott_dim_title"),
        WHOLE,
        "Titles of the streaming service.",
        is_of_catalogues=True,
    ),
    Measure(
        "ott_dim_title",
        "Streaming score",
        mean("ott_dim_title", "imdb_score"),
        TWO_DIGITS,
        "Mean score at IMDb of the titles that have one, as the service states it.",
    ),
    Measure(
        "ott_popular_movies",
        "Streaming views",
        f"COALESCE(SUMX(FILTER('ott_popular_movies', {OF_DAYS}), 'ott_popular_movies'[views]), 0)",
        WHOLE,
        "Views of titles, added up over days.",
    ),
)
