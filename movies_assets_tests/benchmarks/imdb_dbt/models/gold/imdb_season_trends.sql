SELECT
    series_key, season_number, series_title, avg_rating, votes, episodes, rated_episodes,
    avg_rating - lag(avg_rating) OVER (PARTITION BY series_key ORDER BY season_number)
        AS rating_change,
    (SELECT max(run_date) FROM {{ ref('imdb_titles') }}) AS run_date
FROM {{ ref('season_facts') }}
WHERE season_number <> -1 AND rated_episodes > 0
