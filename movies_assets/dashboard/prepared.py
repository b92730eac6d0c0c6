"""Define the in-memory tables that are prepared from every snapshot, so that filters are fast.

Only data that filters and searches scan belongs here; other queries use the snapshot's tables.
700,000 movies take a second and about 100 MB per snapshot.
"""

from movies_assets.serving.queries.movies import HAS_ENOUGH_VOTES, IS_FIRST_GENRE

# A step is half a point of rating, or half a power of ten of votes: 1, 3, 10, 30, ...
_STEPS = """floor(rating * 2)::TINYINT AS rating_step,
        CASE WHEN votes >= 1 THEN (2 * floor(log10(votes))
            + (votes >= 3 * pow(10, floor(log10(votes))))::INTEGER)::TINYINT END AS votes_step"""

# One row per movie and genre, with the columns of filters only. `is_first` marks one row of each
# movie, to count it once. Sorted, so that a filter by genre or year skips most rows.
_MOVIES = f"""
    CREATE TABLE prepared.movies AS
    SELECT movie_key, genre::genre AS genre,
        {IS_FIRST_GENRE} AS is_first,
        start_year::SMALLINT AS start_year, decade::SMALLINT AS decade,
        rating_band::rating_band AS rating_band, {_STEPS},
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

# Candidates for the best movies, with titles and people.
_KNOWN = f"""
    CREATE TABLE prepared.known AS
    SELECT m.* EXCLUDE (runtime_minutes), f.* EXCLUDE (movie_key)
    FROM prepared.movies AS m JOIN (
        SELECT DISTINCT movie_key, primary_title, directors, top_actors, is_oscar_winner
        FROM gold.imdb_movie_facts WHERE {HAS_ENOUGH_VOTES}) AS f USING (movie_key)
    ORDER BY m.genre, m.start_year
"""

# Trending titles of all types: one row per title and genre, with the columns of filters. The genre
# of an episode is unknown.
_TRENDING = f"""
    CREATE TABLE prepared.trending AS
    WITH named AS (
        SELECT DISTINCT movie_key AS title_key, genres FROM gold.imdb_movie_facts
        WHERE movie_key IN (SELECT title_key FROM gold.imdb_trending_titles)
        UNION ALL SELECT series_key, genres FROM gold.imdb_dim_series),
    titles AS (
        SELECT t.title_key, t.title_type, t.primary_title, t.votes, t.votes_gained, t.rating,
            t.rating_change, t.start_year::SMALLINT AS start_year,
            (t.start_year // 10 * 10)::SMALLINT AS decade, n.genres,
            unnest(coalesce(string_split(n.genres, ', '), ['Unknown'])) AS genre
        FROM gold.imdb_trending_titles AS t LEFT JOIN named AS n USING (title_key))
    SELECT * EXCLUDE (genres), {IS_FIRST_GENRE} AS is_first, {_STEPS},
        (CASE WHEN rating >= 8 THEN 'Excellent' WHEN rating >= 7 THEN 'Great'
            WHEN rating >= 6 THEN 'Good' ELSE 'OK' END)::rating_band AS rating_band
    FROM titles
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
