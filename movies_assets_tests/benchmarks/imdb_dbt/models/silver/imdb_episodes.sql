SELECT tconst, parent_tconst AS series_tconst, season_number, episode_number, run_date
FROM {{ ref('imdb_title_episode') }}
WHERE run_date = (SELECT max(run_date) FROM {{ ref('imdb_title_episode') }})
