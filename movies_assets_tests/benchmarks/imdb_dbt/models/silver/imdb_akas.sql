SELECT
    title_id AS tconst, ordering, title, region, language,
    is_original_title::BOOLEAN AS is_original, run_date
FROM {{ ref('imdb_title_akas') }}
WHERE run_date = (SELECT max(run_date) FROM {{ ref('imdb_title_akas') }})
