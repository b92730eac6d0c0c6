{{ config(materialized='table') }}
WITH numbered AS (
    SELECT
        series_key, season_number, episode_number,
        CASE WHEN season_number <> -1 THEN episode_number * 1_000_000_000 + episode_key END AS place
    FROM {{ ref('episodes') }}
)
SELECT
    series_key, season_number, count(*) AS episodes,
    min(place) FILTER (episode_number >= 1) % 1_000_000_000 AS premiere_key,
    max(place) % 1_000_000_000 AS finale_key
FROM numbered
GROUP BY ALL
