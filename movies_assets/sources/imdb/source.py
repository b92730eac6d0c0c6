"""IMDb: its daily dumps, titles, people and ratings, and figures of series."""

from movies_assets.core.source import AGAIN, Job, Listing, Schedule, Source, tables_of
from movies_assets.core.thresholds import VOTES_NEEDED
from movies_assets.sources.imdb import bronze, gold, silver
from movies_assets.sources.imdb.partitions import imdb_run_dates
from movies_assets.sources.imdb.resources import resources

SERIES = """
SELECT series.series_label, series.episodes, round(kpis.avg_rating, 1), kpis.finale_rating,
    printf('%+.2f', kpis.finale_delta)
FROM gold.imdb_series_kpis AS kpis JOIN gold.imdb_dim_series AS series USING (series_key)
WHERE kpis.popularity >= {votes} AND series.seasons > 0 AND kpis.avg_rating > 0
ORDER BY {order}, series.series_key
LIMIT 5
"""
SERIES_HEADERS = [">Episodes", ">Rating", ">Finale", ">Delta"]

SOURCE = Source(
    name="imdb",
    title="IMDb",
    tables=tables_of("imdb", bronze, silver, gold),
    files=(bronze.imdb_dumps,),
    jobs=(
        Job(
            "imdb_daily",
            "Fetch IMDb's dumps and materialize them up to the series' figures; where no dump has "
            "changed, nothing below the landing zone is run.",
            partitions=imdb_run_dates,
            newest=3,
            schedule=Schedule(
                # The dumps are refreshed once a day, at no hour that is promised.
                ["30 3 * * *", "30 15 * * *"],
                lambda _: (
                    "Fetch today's dumps; twice a day, in case the first run failed. What was "
                    f"fetched is not fetched again. {AGAIN}"
                ),
            ),
        ),
    ),
    resources=resources,
    listings=(
        Listing(
            "gold.imdb_series_kpis",
            ["Best series", *SERIES_HEADERS],
            SERIES.format(votes=VOTES_NEEDED, order="kpis.avg_rating DESC"),
        ),
        Listing(
            "gold.imdb_series_kpis",
            ["Most disappointing finales", *SERIES_HEADERS],
            SERIES.format(votes=VOTES_NEEDED, order="kpis.finale_delta"),
        ),
    ),
)
