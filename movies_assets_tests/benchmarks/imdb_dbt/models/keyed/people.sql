SELECT substr(nconst, 3)::BIGINT AS person_key, primary_name FROM {{ ref('imdb_people') }}
