SELECT
    series_key, season_number,
    CASE season_number WHEN -1 THEN 'Specials' ELSE 'Season ' || season_number END AS season_label,
    episodes AS episodes_in_season, avg_rating AS avg_season_rating,
    first_year AS season_start_year, last_year AS season_end_year,
    (SELECT max(run_date) FROM {{ ref('imdb_titles') }}) AS run_date
FROM {{ ref('season_facts') }}
