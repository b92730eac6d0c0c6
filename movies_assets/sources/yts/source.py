"""YTS: a listing of movies by upload day, the star schema below it, and a comparison of both."""

from movies_assets.core.source import Job, Listing, Schedule, Source, tables_of
from movies_assets.sources.yts import bronze, gold, silver
from movies_assets.sources.yts.partitions import yts_days
from movies_assets.sources.yts.reconciliation import reconcile_job
from movies_assets.sources.yts.resources import resources

BEST_MOVIES = """
SELECT movie.title, year.year, rating.rating,
    string_agg(genre.genre_name, ', ' ORDER BY genre.genre_name) AS genres
FROM gold.fact_movies AS fact
JOIN gold.dim_movie AS movie USING (movie_key)
JOIN gold.dim_released_year AS year USING (year_key)
JOIN gold.dim_rating AS rating USING (rating_key)
JOIN gold.genre_junction USING (movie_key)
JOIN gold.dim_genre AS genre USING (genre_key)
WHERE rating.rating IS NOT NULL
GROUP BY movie_key, movie.title, year.year, rating.rating
ORDER BY rating.rating DESC, movie.title, movie_key
LIMIT 10
"""

SOURCE = Source(
    name="yts",
    title="YTS",
    tables=tables_of("yts", bronze, silver, gold),
    jobs=(
        Job(
            "yts_daily",
            "Materialize YTS from API to star schema for one day or a range of days.",
            partitions=yts_days,
            newest=30,
            with_shared=True,
            schedule=Schedule(
                # Half past two: the UTC day is over everywhere, late uploads have arrived.
                "30 2 * * *",
                lambda settings: (
                    f"Materialize yesterday, and every day of the last {settings.catch_up_days} "
                    "since the first one that is not complete (downtime, failed runs), neighbours "
                    "as one range."
                ),
                catches_up=True,
            ),
        ),
    ),
    other_jobs=(reconcile_job,),
    resources=resources,
    listings=(
        Listing("gold.fact_movies", ["Ten best movies", ">Year", ">Rating", "Genres"], BEST_MOVIES),
    ),
    sample_warnings={
        "bronze.yts_movies volume": frozenset(["days outside of 1/5 to 5 times the median"]),
    },
)
