{{ config(materialized='table') }}
SELECT
    series_key, season_number, series_title, count(*) AS episodes,
    avg(rating::DECIMAL(3, 1)) AS avg_rating,  -- exact in any order
    count(rating) AS rated_episodes, sum(votes)::BIGINT AS votes,
    min(episode_year) AS first_year, max(episode_year) AS last_year
FROM {{ ref('imdb_episode_facts') }}
GROUP BY ALL
