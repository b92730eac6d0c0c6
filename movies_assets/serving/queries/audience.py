"""Query the audience of the streaming service. None as `$day` or `$genre` filters nothing."""

from collections.abc import Mapping
from typing import Any

TOP = 25
PARAMETERS: Mapping[str, Any] = dict.fromkeys(("day", "genre"))

# The service writes genres in lower case.
IN_GENRE = "($genre IS NULL OR list_contains(genres, lower($genre)))"
PREMIERED = "coalesce(year(t.premiere), t.release_year) AS premiered"

# One row: the key figures.
FIGURES = f"""
    SELECT coalesce(sum(views), 0)::BIGINT AS views, count(*) AS titles,
        (SELECT count(*) FROM gold.ott_dim_user) AS users,
        (SELECT count(DISTINCT user_key) FROM gold.ott_recommendations) AS served
    FROM gold.ott_popular_movies JOIN gold.ott_dim_title USING (title_key)
    WHERE period = coalesce($day, 'overall') AND {IN_GENRE}"""
# One row per title, the most popular first.
POPULAR = f"""
    SELECT p.rank, t.title, {PREMIERED}, p.viewers, p.views, p.imdb_score
    FROM gold.ott_popular_movies AS p JOIN gold.ott_dim_title AS t USING (title_key)
    WHERE p.period = coalesce($day, 'overall') AND {IN_GENRE}
    ORDER BY p.rank, t.title, title_key LIMIT {TOP}"""
# One row per genre, the most watched first.
ENGAGEMENT = """
    SELECT genre, users_preferring, viewers, views, minutes, average_score
    FROM gold.ott_genre_engagement ORDER BY minutes DESC NULLS LAST, genre"""
