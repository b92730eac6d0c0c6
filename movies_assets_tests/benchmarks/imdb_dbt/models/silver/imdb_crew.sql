SELECT
    tconst, string_split(directors, ',') AS directors, string_split(writers, ',') AS writers,
    run_date
FROM {{ ref('imdb_title_crew') }}
WHERE run_date = (SELECT max(run_date) FROM {{ ref('imdb_title_crew') }})
