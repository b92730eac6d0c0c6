"""Query IMDb's movies. The facts have a row per movie and genre; a movie counts by its first."""

from movies_assets.core.thresholds import VOTES_NEEDED

TOP = 25

IS_FIRST_GENRE = "genre = coalesce(split_part(genres, ', ', 1), 'Unknown')"
HAS_ENOUGH_VOTES = f"votes >= {VOTES_NEEDED}"
BY_RATING = "rating DESC NULLS LAST, votes DESC, movie_key"

# One row: the key figures.
FIGURES = f"""
    SELECT count(*) AS movies, count(rating) AS rated, coalesce(sum(votes), 0)::BIGINT AS votes,
        sum(rating * votes) / nullif(sum(votes) FILTER (rating IS NOT NULL), 0) AS weighted,
        avg(rating) AS mean, median(runtime_minutes) AS runtime
    FROM gold.imdb_movie_facts WHERE {IS_FIRST_GENRE}"""
# One row per movie, the best rated first.
BEST = f"""
    SELECT primary_title, start_year, rating, votes FROM gold.imdb_movie_facts
    WHERE {IS_FIRST_GENRE} AND {HAS_ENOUGH_VOTES} ORDER BY {BY_RATING} LIMIT {TOP}"""
MOST_GAINED = "votes_gained DESC, abs(rating_change) DESC, title_key"
# One row per title of any type, the most trending first.
TRENDING = f"""
    SELECT primary_title, title_type, start_year, votes_gained, rating
    FROM gold.imdb_trending_titles ORDER BY {MOST_GAINED} LIMIT {TOP}"""
