"""Query Netflix's catalogue. A title counts once, even if it has many categories.

All of them take the parameters of `PARAMETERS`; None leaves everything in.
"""

from collections.abc import Mapping
from typing import Any

from movies_assets.serving.queries.titles import PAGE_OF

NEWEST = 25
BARS = 15
MINUTES_A_BAR = 10
# Longer movies, and shows with more seasons, share a bar.
LONGEST_MINUTES, MOST_SEASONS = 240, 10

MOVIE, SHOW = 1, 2
TYPES = {MOVIE: "Movies", SHOW: "TV shows", 0: "Others"}

PARAMETERS: Mapping[str, Any] = dict.fromkeys(
    ("first", "last", "month", "type", "category", "country", "ages", "minutes", "seasons")
)

# The ages that ratings are for, from young to old: the ratings of the TV Parental Guidelines and of
# the Motion Picture Association, without their descriptors (TV-Y7-FV is TV-Y7).
AGES: Mapping[str, tuple[str, ...]] = {
    "All ages": ("TV-Y", "TV-G", "G"),
    "From 7": ("TV-Y7", "TV-Y7-FV"),
    "Parental guidance": ("TV-PG", "PG"),
    "From 13 or 14": ("PG-13", "TV-14"),
    "From 17 or 18": ("TV-MA", "R", "NC-17"),
    "Not rated": ("NR", "UR"),
}
OTHER_AGES, UNKNOWN_AGES = "Other ratings", "Unknown"
ALL_AGES = (*AGES, OTHER_AGES, UNKNOWN_AGES)
AGES_STEP = (
    "CASE "
    + " ".join(f"WHEN dim.rating IN {ratings} THEN '{ages}'" for ages, ratings in AGES.items())
    + f" WHEN dim.rating IS NULL THEN '{UNKNOWN_AGES}' ELSE '{OTHER_AGES}' END"
)

MONTH_STEP = "strftime(date_added, '%Y-%m')"
# least() would treat an unknown length as the longest.
MINUTES_STEP = f"""CASE WHEN dim.type_flag = {MOVIE} AND duration_minutes IS NOT NULL THEN
    least(duration_minutes // {MINUTES_A_BAR} * {MINUTES_A_BAR}, {LONGEST_MINUTES}) END"""
SEASONS_STEP = f"""CASE WHEN dim.type_flag = {SHOW} AND duration_seasons IS NOT NULL THEN
    least(duration_seasons, {MOST_SEASONS}) END"""

# One row per chosen title.
CHOSEN = f"""
    SELECT show_key, dim.type_flag, title, dim.rating, release_year, date_added,
        {AGES_STEP} AS ages, duration_minutes, duration_seasons,
        {MONTH_STEP} AS month, {MINUTES_STEP} AS minutes_step, {SEASONS_STEP} AS seasons_step
    FROM gold.netflix_dim_title AS dim JOIN gold.netflix_fact_titles AS fact USING (show_key)
    WHERE ($first IS NULL OR release_year >= $first) AND ($last IS NULL OR release_year <= $last)
        AND ($month IS NULL OR month = $month) AND ($type IS NULL OR dim.type_flag = $type)
        AND ($ages IS NULL OR ages = $ages)
        AND ($minutes IS NULL OR minutes_step = $minutes)
        AND ($seasons IS NULL OR seasons_step = $seasons)
        AND ($category IS NULL OR show_key IN (
            SELECT show_key FROM gold.netflix_title_category
            JOIN gold.netflix_dim_category USING (category_key) WHERE category_name = $category))
        AND ($country IS NULL OR show_key IN (
            SELECT show_key FROM gold.netflix_title_country
            JOIN gold.netflix_dim_country USING (country_key) WHERE country_name = $country))"""

# One row: the key figures. Lengths are those of titles with known lengths.
FIGURES = f"""
    WITH chosen AS ({CHOSEN})
    SELECT count(*) AS titles, count(*) FILTER (type_flag = {MOVIE}) AS movies,
        count(*) FILTER (type_flag = {SHOW}) AS shows,
        median(duration_minutes) FILTER (type_flag = {MOVIE}) AS minutes,
        count(duration_minutes) FILTER (type_flag = {MOVIE}) AS with_minutes,
        avg(duration_seasons) FILTER (type_flag = {SHOW}) AS seasons,
        count(duration_seasons) FILTER (type_flag = {SHOW}) AS with_seasons,
        max(date_added) AS newest,
        (SELECT count(DISTINCT country_key) FROM gold.netflix_title_country
            WHERE country_key <> 'unknown'
                AND show_key IN (SELECT show_key FROM chosen)) AS countries
    FROM chosen"""

# One row per month and type, without titles with an unknown day.
BY_MONTH = f"""
    WITH chosen AS ({CHOSEN})
    SELECT month, type_flag, count(*) AS titles FROM chosen WHERE month IS NOT NULL
    GROUP BY ALL ORDER BY month, type_flag"""

# One row per country, the most frequent first. A title of two countries counts for both.
BY_COUNTRY = f"""
    WITH chosen AS ({CHOSEN})
    SELECT country_name AS name, count(DISTINCT show_key) AS titles FROM chosen
    JOIN gold.netflix_title_country USING (show_key)
    JOIN gold.netflix_dim_country USING (country_key)
    GROUP BY ALL ORDER BY titles DESC, name"""

# One row per category, the most frequent first. A title of two categories counts for both.
BY_CATEGORY = f"""
    WITH chosen AS ({CHOSEN})
    SELECT category_name AS name, count(DISTINCT show_key) AS titles FROM chosen
    JOIN gold.netflix_title_category USING (show_key)
    JOIN gold.netflix_dim_category USING (category_key)
    GROUP BY ALL ORDER BY titles DESC, name"""

# One row per band of ages, from young to old.
BY_AGES = f"""
    WITH chosen AS ({CHOSEN})
    SELECT ages AS name, count(*) AS titles FROM chosen
    GROUP BY ages ORDER BY list_position({[*ALL_AGES]}, ages)"""

# One row per step of ten minutes with movies.
BY_MINUTES = f"""
    WITH chosen AS ({CHOSEN})
    SELECT minutes_step AS step, count(*) AS titles FROM chosen WHERE step IS NOT NULL
    GROUP BY ALL ORDER BY step"""

# One row per number of seasons of shows.
BY_SEASONS = f"""
    WITH chosen AS ({CHOSEN})
    SELECT seasons_step AS step, count(*) AS titles FROM chosen WHERE step IS NOT NULL
    GROUP BY ALL ORDER BY step"""

# One row per title, the most recently added first.
ADDED_LAST = f"""
    WITH chosen AS ({CHOSEN})
    SELECT title, type_flag, release_year, date_added, rating, duration_minutes, duration_seasons,
        {PAGE_OF.format(source="netflix", id="show_key")} AS page
    FROM chosen ORDER BY date_added DESC NULLS LAST, show_key LIMIT {NEWEST}"""

CATEGORIES = "SELECT DISTINCT category_name AS name FROM gold.netflix_dim_category ORDER BY name"
