WITH
    movies AS (FROM {{ ref('titles') }} WHERE title_type = 'movie'),
    credits AS (
        SELECT title_key, 'actor' AS role, ordering, nconst FROM {{ ref('actors') }}
        UNION ALL
        SELECT
            title_key, 'director', generate_subscripts(directors, 1), unnest(directors)
        FROM {{ ref('crew') }}
        UNION ALL
        SELECT title_key, 'writer', generate_subscripts(writers, 1), unnest(writers)
        FROM {{ ref('crew') }}
    ),
    movie_credits AS (
        SELECT *, substr(nconst, 3)::BIGINT AS person_key
        FROM credits SEMI JOIN movies USING (title_key)
    ),
    names AS (
        SELECT
            title_key,
            string_agg(primary_name, ', ' ORDER BY ordering) FILTER (role = 'director') AS directors,
            string_agg(primary_name, ', ' ORDER BY ordering) FILTER (role = 'writer') AS writers,
            string_agg(primary_name, ', ' ORDER BY ordering) FILTER (role = 'actor') AS top_actors,
            string_agg(nconst, ', ' ORDER BY ordering) FILTER (role = 'actor') AS top_actor_keys
        FROM movie_credits JOIN {{ ref('people') }} USING (person_key)
        GROUP BY title_key
    ),
    oscars AS (
        SELECT DISTINCT title_key, true AS is_oscar_winner FROM {{ ref('akas') }}
        WHERE title ILIKE '%oscar%' OR title ILIKE '%academy award%'
    )
SELECT
    title_key AS movie_key,
    unnest(coalesce(movies.genres, ['Unknown'])) AS genre,
    primary_title, original_title, start_year, decade,
    coalesce(decade || 's', 'Unknown') AS decade_label,
    runtime_minutes,
    array_to_string(movies.genres, ', ') AS genres,
    rating, votes, directors, writers, top_actors, top_actor_keys,
    CASE WHEN EXISTS (FROM {{ ref('akas') }}) THEN coalesce(is_oscar_winner, false) END AS is_oscar_winner,
    CASE
        WHEN votes >= 50_000 THEN '50k+'
        WHEN votes >= 10_000 THEN '10k–49k'
        WHEN votes >= 1_000 THEN '1k–9k'
        WHEN votes IS NOT NULL THEN '<1k'
        ELSE 'unknown'
    END AS vote_bucket,
    CASE
        WHEN rating >= 8 THEN 'Excellent'
        WHEN rating >= 7 THEN 'Great'
        WHEN rating >= 6 THEN 'Good'
        WHEN rating IS NOT NULL THEN 'OK'
        ELSE 'Unknown'
    END AS rating_band,
    (SELECT max(run_date) FROM {{ ref('imdb_titles') }}) AS run_date
FROM movies LEFT JOIN names USING (title_key) LEFT JOIN oscars USING (title_key)
