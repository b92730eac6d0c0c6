SELECT
    substr(tconst, 3)::BIGINT AS episode_key, substr(series_tconst, 3)::BIGINT AS series_key,
    coalesce(season_number, -1) AS season_number, episode_number
FROM {{ ref('imdb_episodes') }}
