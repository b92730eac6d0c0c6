"""OMDb: searches for titles by year of release, and how many there are."""

from movies_assets.core.source import AGAIN, Job, Listing, Schedule, Source, tables_of
from movies_assets.sources.omdb import bronze, gold, silver
from movies_assets.sources.omdb.partitions import omdb_years
from movies_assets.sources.omdb.resources import resources

RELEASES = """
SELECT release_year, coalesce(sum(total_releases) FILTER (media_type = 'movie'), 0),
    coalesce(sum(total_releases) FILTER (media_type = 'series'), 0),
    coalesce(sum(total_releases) FILTER (media_type = 'game'), 0)
FROM gold.omdb_releases GROUP BY release_year ORDER BY release_year DESC LIMIT 5
"""

SOURCE = Source(
    name="omdb",
    title="OMDb",
    tables=tables_of("omdb", bronze, silver, gold),
    files=(bronze.omdb_pages,),
    jobs=(
        Job(
            "omdb_yearly",
            "Search OMDb for titles of one year or a range of years, and materialize what was "
            "found; where the quota is used up, the next run continues from there.",
            partitions=omdb_years,
            newest=3,
            schedule=Schedule(
                "30 5 * * *",
                lambda _: f"Collect the current and the previous year of release again. {AGAIN}",
                # The years in which titles still appear.
                each_tick=lambda keys, _: keys[-2:],
                config={bronze.LANDING: {"refresh": True}},
            ),
        ),
    ),
    resources=resources,
    listings=(
        Listing(
            "gold.omdb_releases", ["Releases by year", ">Movies", ">Series", ">Games"], RELEASES
        ),
    ),
)
