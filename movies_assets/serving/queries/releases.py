"""Query OMDb's releases. All queries take the parameters of `PARAMETERS`; None filters nothing."""

from collections.abc import Mapping
from typing import Any

TYPES = {"movie": "Movies", "series": "Series", "episode": "Episodes", "game": "Games"}
PARAMETERS: Mapping[str, Any] = dict.fromkeys(("first", "last", "year", "media"))

IN_YEARS = "($first IS NULL OR release_year >= $first) AND ($last IS NULL OR release_year <= $last)"
OF_TYPES = ", ".join(
    f"coalesce(sum(total_releases) FILTER (media_type = '{name}'), 0)::BIGINT AS {name}"
    for name in TYPES
)

# One row: the key figures.
FIGURES = f"""
    SELECT coalesce(sum(total_releases), 0)::BIGINT AS titles, {OF_TYPES},
        min(release_year) AS first_year, max(release_year) AS last_year
    FROM gold.omdb_releases
    WHERE {IN_YEARS} AND ($year IS NULL OR release_year = $year)
        AND ($media IS NULL OR media_type = $media)"""
# One row per year and type.
BY_YEAR_AND_TYPE = f"""
    SELECT release_year, media_type, total_releases, first_ingestion_date
    FROM gold.omdb_releases WHERE {IN_YEARS} ORDER BY release_year, media_type"""
# One row per year, the newest first.
BY_YEAR = f"""
    SELECT release_year, sum(total_releases)::BIGINT AS titles, {OF_TYPES}
    FROM gold.omdb_releases WHERE {IN_YEARS} GROUP BY release_year ORDER BY release_year DESC"""
