SELECT
    episode_key, series_key, series_title, series_start_year, series_decade,
    season_number, episode_number, primary_title AS episode_title, start_year AS episode_year,
    rating, votes,
    season_number = 1 AND coalesce(episode_number = 1, false) AS is_pilot,
    coalesce(episode_key = premiere_key, false) AS is_season_premiere,
    coalesce(episode_key = finale_key, false) AS is_finale,
    season_number = -1 AS is_special,
    (SELECT max(run_date) FROM {{ ref('imdb_titles') }}) AS run_date
FROM {{ ref('episodes') }}
LEFT JOIN {{ ref('titles') }} ON title_key = episode_key
JOIN {{ ref('seasons') }} USING (series_key, season_number)
JOIN {{ ref('imdb_dim_series') }} USING (series_key)
