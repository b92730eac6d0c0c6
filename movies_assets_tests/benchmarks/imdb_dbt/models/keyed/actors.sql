SELECT substr(tconst, 3)::BIGINT AS title_key, ordering, nconst FROM {{ ref('imdb_credits') }}
WHERE category IN ('actor', 'actress') AND ordering <= 3
