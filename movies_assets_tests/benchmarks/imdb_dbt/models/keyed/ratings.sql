SELECT substr(tconst, 3)::BIGINT AS title_key, * FROM {{ ref('imdb_ratings') }}
