"""The streaming service: its users, catalogue and watch events, and recommendations."""

from movies_assets.core.source import AGAIN, Arrivals, Job, Listing, Schedule, Source, tables_of
from movies_assets.core.table import Key
from movies_assets.sources.ott import bronze, evaluation, gold, silver
from movies_assets.sources.ott.partitions import ott_days
from movies_assets.sources.ott.resources import functions, resources

# The assets that ask the users API, or need its answer for the run's days.
USERS_OF_DAY = (bronze.LANDING, Key("bronze", "ott_users"))
# Measures all that is recommended, by three strategies: on demand, not with every delivery.
EVALUATION = (Key("gold", "ott_recommendation_quality"),)

POPULAR = """
SELECT title.title, popular.viewers, popular.views, popular.imdb_score
FROM gold.ott_popular_movies AS popular JOIN gold.ott_dim_title AS title USING (title_key)
WHERE popular.period = 'overall'
ORDER BY popular.rank
LIMIT 5
"""
GENRES = """
SELECT genre, users_preferring, viewers, views, round(average_score, 2)
FROM gold.ott_genre_engagement
ORDER BY viewers DESC, genre
LIMIT 5
"""

SOURCE = Source(
    name="ott",
    title="Streaming service",
    tables=tables_of("ott", bronze, silver, gold, evaluation),
    files=(bronze.users_files,),
    jobs=(
        Job(
            "ott_daily",
            "Fetch the streaming service's users, read the catalogue and the watch events that "
            "arrived, and materialize them up to the recommendations.",
            partitions=ott_days,
            newest=30,
            without=EVALUATION,
            schedule=Schedule(
                # In the evening, because the users of a day are those at its end.
                ["30 6 * * *", "30 22 * * *"],
                lambda _: (
                    "Fetch today's users and read the files of today; twice a day, in case one run "
                    f"fails: users of a day that was missed are lost. {AGAIN}"
                ),
                each_tick=lambda keys, _: keys[-1:],
                other_jobs=("ott_files",),
                fetched=USERS_OF_DAY,
            ),
        ),
        Job(
            "ott_files",
            "The same without fetching users: for files of days whose users may never have been "
            "fetched. It uses the newest stored users.",
            partitions=ott_days,
            without=(*EVALUATION, *USERS_OF_DAY),
        ),
        Job(
            "evaluate_recommendations",
            "Recommend to the streaming service's users as of some days ago, and compare it with "
            "what they watched since: precision, recall, NDCG and coverage, next to those of the "
            "most viewed titles and of random titles.",
            newest=0,
            only=EVALUATION,
        ),
    ),
    arrivals=Arrivals(
        "ott_files", ott_days, "ott_landing", ("bronze.ott_titles", "bronze.ott_views")
    ),
    resources=resources,
    functions=functions,
    listings=(
        Listing(
            "gold.ott_popular_movies",
            ["Most watched titles", ">Viewers", ">Views", ">Score"],
            POPULAR,
        ),
        Listing(
            "gold.ott_genre_engagement",
            ["Genres watched most", ">Users liking", ">Viewers", ">Views", ">Score"],
            GENRES,
        ),
    ),
    sample_warnings={
        "bronze.ott_titles schema": frozenset(["records with rescued values"]),
        "bronze.ott_views schema": frozenset(["records that do not read as the columns"]),
        "silver.ott_titles quarantine": frozenset(
            [
                "imdb_score: more than 10",
                "runtime_minutes: less than 1",
                "runtime_minutes: more than 1440",
                "title: required",
                "title_key: required",
                "title_name: required",
            ]
        ),
        "silver.ott_users quarantine": frozenset(["email: not an e-mail address"]),
        "silver.ott_views quarantine": frozenset(
            [
                "2 of 4 fields",
                "3 of 4 fields",
                "minutes: less than 0",
                "text between a closing quote and the separator",
                "title: required",
                "title_name: required",
                "user_id: required",
                "watched_at: required",
            ]
        ),
        "silver.ott_views volume": frozenset(["days outside of 1/4 to 4 times the median"]),
        "silver.ott_watched references": frozenset(["user_id -> silver.ott_users"]),
    },
)
