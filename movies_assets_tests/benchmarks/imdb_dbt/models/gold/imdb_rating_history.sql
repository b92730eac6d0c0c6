SELECT title_key, run_date, rating, votes FROM {{ ref('ratings') }}
WHERE votes >= 1000 AND rating IS NOT NULL
