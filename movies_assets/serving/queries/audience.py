"""Query the audience of the streaming service. None as `$day` or `$genre` filters nothing."""

from collections.abc import Mapping
from typing import Any

from movies_assets.serving.queries.titles import PAGE_OF

TOP = 25
HITS = 50
MOST_DAYS = 1_000
PARAMETERS: Mapping[str, Any] = dict.fromkeys(("day", "genre"))

# The service writes genres in lower case.
IN_GENRE = "($genre IS NULL OR list_contains(genres, lower($genre)))"
PAGE = f"{PAGE_OF.format(source='ott', id='t.title_key')} AS page"
PREMIERED = "coalesce(year(t.premiere), t.release_year) AS premiered"

# One row: the key figures. Views are those of listed titles, by any user; `users` are those of the
# service's newest list, which lacks users who have left.
FIGURES = f"""
    SELECT coalesce(sum(views), 0)::BIGINT AS views, count(*) AS titles,
        (SELECT count(*) FROM gold.ott_dim_user) AS users,
        (SELECT count(DISTINCT user_key) FROM gold.ott_recommendations) AS served
    FROM gold.ott_popular_movies JOIN gold.ott_dim_title USING (title_key)
    WHERE period = coalesce($day, 'overall') AND {IN_GENRE}"""
# One row per title, the most popular first.
POPULAR = f"""
    SELECT p.rank, t.title, {PREMIERED}, p.viewers, p.views, p.imdb_score, {PAGE}
    FROM gold.ott_popular_movies AS p JOIN gold.ott_dim_title AS t USING (title_key)
    WHERE p.period = coalesce($day, 'overall') AND {IN_GENRE}
    ORDER BY p.rank, t.title, title_key LIMIT {TOP}"""
# One row per genre, the most watched first.
ENGAGEMENT = """
    SELECT genre, users_preferring, viewers, views, minutes, average_score
    FROM gold.ott_genre_engagement ORDER BY minutes DESC NULLS LAST, genre"""
# One row per day between the first and the last with views, the newest first. Views of a day
# without any are unknown: its events may not have arrived. Those in a genre are 0 if others have
# views.
BY_DAY = f"""
    WITH counted AS (
        SELECT watched_date AS day, coalesce(sum(views) FILTER ({IN_GENRE}), 0)::BIGINT AS views
        FROM gold.ott_popular_movies JOIN gold.ott_dim_title USING (title_key)
        WHERE watched_date IS NOT NULL GROUP BY ALL),
    days AS (
        SELECT unnest(range(min(day), max(day) + 1, INTERVAL 1 DAY))::DATE AS day FROM counted)
    SELECT strftime(day, '%Y-%m-%d') AS day, views
    FROM days LEFT JOIN counted USING (day) ORDER BY day DESC LIMIT {MOST_DAYS}"""
# One row: the first of the users with recommendations.
FIRST_USER = "SELECT min(user_key) AS user_key FROM gold.ott_recommendations"
# One row: the user `$user`.
ABOUT_USER = """
    SELECT user_key, signup_date, country, preferred_genres
    FROM gold.ott_dim_user WHERE user_key = $user"""
# One row per title recommended to `$user`, the best first; ranks count those of all genres.
RECOMMENDED = f"""
    SELECT r.rank, t.title, {PREMIERED}, r.genre, r.score, r.reason, {PAGE}
    FROM gold.ott_recommendations AS r JOIN gold.ott_dim_title AS t USING (title_key)
    WHERE r.user_key = $user AND {IN_GENRE} ORDER BY r.rank"""
# One row per user whose key begins with `$text`, or whose country or preferred genre it is.
SEARCH = f"""
    SELECT user_key, country, preferred_genres FROM gold.ott_dim_user
    WHERE starts_with(user_key, lower($text)) OR lower(country) = lower($text)
        OR list_contains(preferred_genres, lower($text))
    ORDER BY starts_with(user_key, lower($text)) DESC, user_key LIMIT {HITS}"""
# One row per strategy of recommending, the best first.
EVALUATED = """
    SELECT strategy, users, precision_at_10, recall_at_10, ndcg_at_10, catalogue_coverage, split_at
    FROM gold.ott_recommendation_quality ORDER BY precision_at_10 DESC NULLS LAST, strategy"""
