SELECT substr(tconst, 3)::BIGINT AS title_key, directors, writers FROM {{ ref('imdb_crew') }}
