"""What is made in memory from every snapshot when it is opened, so that filters answer quickly.

Only what a filter or a search runs over belongs here; all else is asked of the snapshot's tables.
"""

# A row a movie and genre, with what filters ask about only, ordered by genre and with genres as an
# enumeration: with 700,000 movies, questions are answered 2 to 5 times as fast as from
# gold.imdb_movie_facts, for half a second and 60 MB a snapshot. `is_first` marks one row of each
# movie, by which movies are counted once. A step is half a point of rating; of votes it is a half
# of a power of ten: 1, 3, 10, 30, ...
_MOVIES = """
    CREATE TABLE prepared.movies AS
    SELECT movie_key, genre::genre AS genre,
        genre = coalesce(split_part(genres, ', ', 1), 'Unknown') AS is_first,
        start_year::SMALLINT AS start_year, decade::SMALLINT AS decade,
        rating, votes, runtime_minutes::INTEGER AS runtime_minutes, rating_band,
        floor(rating * 2)::TINYINT AS rating_step,
        CASE WHEN votes >= 1 THEN (2 * floor(log10(votes))
            + (votes >= 3 * pow(10, floor(log10(votes))))::INTEGER)::TINYINT END AS votes_step
    FROM gold.imdb_movie_facts ORDER BY genre, start_year
"""

# A row a series, the most voted first; `sought` is its label without case and accents.
_SERIES = """
    CREATE TABLE prepared.series AS
    SELECT series_key, series_label, lower(strip_accents(series_label)) AS sought,
        series_start_year::SMALLINT AS start_year, string_split(genres, ', ') AS genres,
        episodes, coalesce(popularity, 0) AS popularity
    FROM gold.imdb_dim_series LEFT JOIN gold.imdb_series_kpis USING (series_key)
    ORDER BY popularity DESC, series_key
"""

# Genres of all sources under one spelling: IMDb's, and of those that IMDb lacks the streaming
# service's with a capital.
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
    "movies": _MOVIES,
    "series": _SERIES,
    "genres": _GENRES,
}
