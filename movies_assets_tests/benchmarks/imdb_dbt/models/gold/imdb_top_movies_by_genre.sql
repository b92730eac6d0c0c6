SELECT
    genre, decade_label,
    row_number() OVER (
        PARTITION BY genre, decade_label ORDER BY rating DESC, votes DESC, movie_key
    ) AS rank,
    movie_key, primary_title, start_year, decade, rating, votes, run_date
FROM {{ ref('imdb_movie_facts') }}
WHERE votes >= 1_000
QUALIFY rank <= 25
