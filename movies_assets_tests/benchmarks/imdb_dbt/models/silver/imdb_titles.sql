WITH
    basics AS (
        SELECT *, substr(tconst, 3)::BIGINT AS title_key FROM {{ ref('imdb_title_basics') }}
        WHERE run_date = (SELECT max(run_date) FROM {{ ref('imdb_title_basics') }})
    ),
    ratings AS (
        SELECT substr(tconst, 3)::BIGINT AS title_key, rating, votes FROM {{ ref('imdb_ratings') }}
        WHERE run_date = (SELECT max(run_date) FROM {{ ref('imdb_title_ratings') }})
    )
SELECT
    tconst, title_type, primary_title, original_title, is_adult::BOOLEAN AS is_adult,
    start_year, end_year, start_year - start_year % 10 AS decade, runtime_minutes,
    string_split(genres, ',') AS genres, rating, votes, run_date
FROM basics LEFT JOIN ratings USING (title_key)
