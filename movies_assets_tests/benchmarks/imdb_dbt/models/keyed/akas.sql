SELECT substr(tconst, 3)::BIGINT AS title_key, title FROM {{ ref('imdb_akas') }}
