"""Define the in-memory tables that are prepared from every snapshot, so that filters are fast.

Only data that filters and searches scan belongs here; other queries use the snapshot's tables.
700,000 movies take a second and about 100 MB per snapshot.
"""

from movies_assets.serving.queries.movies import HAS_ENOUGH_VOTES, IS_FIRST_GENRE

# One row per movie and genre, with the columns of filters only. `is_first` marks one row of each
# movie, to count it once. A step is half a point of rating, or half a power of ten of votes: 1, 3,
# 10, 30, ... Sorted, so that a filter by genre or year skips most rows.
_MOVIES = f"""
    CREATE TABLE prepared.movies AS
    SELECT movie_key, genre::genre AS genre,
        {IS_FIRST_GENRE} AS is_first,
        start_year::SMALLINT AS start_year, decade::SMALLINT AS decade,
        rating_band::rating_band AS rating_band, floor(rating * 2)::TINYINT AS rating_step,
        CASE WHEN votes >= 1 THEN (2 * floor(log10(votes))
            + (votes >= 3 * pow(10, floor(log10(votes))))::INTEGER)::TINYINT END AS votes_step,
        runtime_minutes::INTEGER AS runtime_minutes, rating, votes
    FROM gold.imdb_movie_facts ORDER BY genre, start_year
"""

# One row for all movies that no filter distinguishes, with their sums: a third of the rows, so that
# a query of 700,000 movies costs 10 ms of processor time instead of 55.
_CELLS = """
    CREATE TABLE prepared.cells AS
    SELECT genre, is_first, start_year, decade, rating_band, rating_step, votes_step,
        count(*)::INTEGER AS movies, count(rating)::INTEGER AS rated, sum(votes)::BIGINT AS votes,
        sum(votes) FILTER (rating IS NOT NULL)::BIGINT AS votes_of_rated,
        sum(rating) AS ratings, sum(rating * votes) AS weighted
    FROM prepared.movies GROUP BY ALL ORDER BY genre, start_year
"""

# Candidates for the best movies, with titles.
_KNOWN = f"""
    CREATE TABLE prepared.known AS
    SELECT m.* EXCLUDE (runtime_minutes), f.primary_title
    FROM prepared.movies AS m JOIN (
        SELECT DISTINCT movie_key, primary_title FROM gold.imdb_movie_facts
        WHERE {HAS_ENOUGH_VOTES}) AS f USING (movie_key)
    ORDER BY m.genre, m.start_year
"""

# Trending movies: one row per movie and genre, with the columns of filters.
_TRENDING = """
    CREATE TABLE prepared.trending AS
    SELECT m.* EXCLUDE (rating, votes), t.rank, t.primary_title, t.votes_gained, t.rating,
        t.rating_change
    FROM gold.imdb_trending_titles AS t JOIN prepared.movies AS m ON m.movie_key = t.title_key
    WHERE t.title_type = 'movie'
"""

# One row per series, the most voted first; `sought` is its label without case and accents.
_SERIES = """
    CREATE TABLE prepared.series AS
    SELECT series_key, series_label, lower(strip_accents(series_label)) AS sought,
        series_start_year::SMALLINT AS start_year, string_split(genres, ', ') AS genres,
        episodes, coalesce(popularity, 0) AS popularity
    FROM gold.imdb_dim_series LEFT JOIN gold.imdb_series_kpis USING (series_key)
    ORDER BY popularity DESC, series_key
"""

# Genres of all sources under one spelling: IMDb's, and the streaming service's capitalized if IMDb
# lacks them.
_GENRES = """
    CREATE TABLE prepared.genres AS
    WITH imdb AS (
        SELECT genre::VARCHAR AS genre FROM prepared.movies
        UNION SELECT unnest(genres) FROM prepared.series)
    SELECT genre FROM imdb WHERE genre <> ''
    UNION
    SELECT upper(genre[1]) || genre[2:] FROM gold.ott_genre_engagement
    WHERE genre <> '' AND genre NOT IN (SELECT lower(genre) FROM imdb)
"""

PREPARED = {
    "genre": "CREATE TYPE genre AS ENUM (SELECT DISTINCT genre FROM gold.imdb_movie_facts "
    "UNION SELECT 'Unknown' ORDER BY genre)",
    "rating band": "CREATE TYPE rating_band AS ENUM "
    "('Excellent', 'Great', 'Good', 'OK', 'Unknown')",
    "movies": _MOVIES,
    "cells": _CELLS,
    "known": _KNOWN,
    "trending": _TRENDING,
    "series": _SERIES,
    "genres": _GENRES,
}
