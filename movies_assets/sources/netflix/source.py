"""Netflix: titles that arrive as files, the look-ups about them, and a star schema of both."""

from movies_assets.core.source import AGAIN, Arrivals, Job, Listing, Schedule, Source, tables_of
from movies_assets.sources.netflix import bronze, gold, silver
from movies_assets.sources.netflix.partitions import netflix_days
from movies_assets.sources.netflix.resources import resources

SUNDAY = 6
CATEGORIES = """
SELECT category_name, count(*) AS titles, count(*) FILTER (type_flag = 1) AS movies,
    count(*) FILTER (type_flag = 2) AS shows
FROM gold.netflix_title_category
JOIN gold.netflix_dim_category USING (category_key)
JOIN gold.netflix_dim_title USING (show_key)
GROUP BY category_name
ORDER BY titles DESC, category_name
LIMIT 5
"""

SOURCE = Source(
    name="netflix",
    title="Netflix",
    tables=tables_of("netflix", bronze, silver, gold),
    jobs=(
        Job(
            "netflix_daily",
            "Read the Netflix titles that arrived, fetch the look-ups, and materialize both up to "
            "the star schema.",
            partitions=netflix_days,
            newest=30,
            with_shared=True,
            schedule=Schedule(
                # After the other sources: DuckDB has one writer.
                "30 4 * * *",
                lambda _: (
                    "Fetch the look-ups and read the files of the newest day; on Sundays of every "
                    "day from the first one on, as one range, so that files that changed in "
                    f"silence count. {AGAIN}"
                ),
                each_tick=lambda keys, now: keys if now.weekday() == SUNDAY else keys[-1:],
            ),
        ),
    ),
    arrivals=Arrivals(
        "netflix_daily",
        netflix_days,
        "netflix_landing",
        ("bronze.netflix_titles", "bronze.netflix_credits"),
    ),
    resources=resources,
    listings=(
        Listing(
            "gold.netflix_title_category",
            ["Largest categories", ">Titles", ">Movies", ">Shows"],
            CATEGORIES,
        ),
    ),
    sample_warnings={
        "bronze.netflix_titles schema": frozenset(
            [
                "columns that files do not have",
                "columns that the contract does not know",
                "records with rescued values",
            ]
        ),
        "silver.netflix_cast references": frozenset(["show_id -> silver.netflix_titles"]),
        "silver.netflix_category references": frozenset(["show_id -> silver.netflix_titles"]),
        "silver.netflix_countries references": frozenset(["show_id -> silver.netflix_titles"]),
        "silver.netflix_directors references": frozenset(["show_id -> silver.netflix_titles"]),
        "silver.netflix_titles quarantine": frozenset(
            [
                "date_added: not a date",
                "duration_seasons: more than 200",
                "release_year: more than 5 years after arrival",
                "show_id: required",
                "type: required",
                "type_flag: required",
            ]
        ),
    },
)
