SELECT tconst, ordering, nconst, category, job, characters, run_date
FROM {{ ref('imdb_title_principals') }}
WHERE run_date = (SELECT max(run_date) FROM {{ ref('imdb_title_principals') }})
