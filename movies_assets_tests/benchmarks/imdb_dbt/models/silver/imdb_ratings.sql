SELECT tconst, run_date, average_rating::DOUBLE AS rating, num_votes AS votes
FROM {{ ref('imdb_title_ratings') }}
