WITH
    rated AS (
        SELECT
            *, nullif(season_number, -1) AS season,
            CASE season_number WHEN -1 THEN 'special'
                ELSE 'S' || season_number || coalesce('E' || episode_number, '')
            END AS place
        FROM {{ ref('imdb_episode_facts') }}
        WHERE rating IS NOT NULL
    ),
    series AS (
        SELECT
            series_key, max(season_number) AS last_season,
            max(avg_rating) FILTER (season_number <> -1) AS best_season_rating,
            count(avg_rating) FILTER (season_number <> -1) AS rated_seasons
        FROM {{ ref('season_facts') }}
        GROUP BY ALL
    ),
    chosen AS (
        SELECT
            series_key, avg(rating::DECIMAL(3, 1)) AS avg_rating, sum(votes)::BIGINT AS popularity,
            count(*) AS rated_episodes,
            first({'rating': rating, 'basis': 'pilot ' || place} ORDER BY votes DESC, episode_key)
                FILTER (is_pilot) AS pilot,
            first({'rating': rating, 'basis': 'premiere ' || place})
                FILTER (is_season_premiere AND season_number = 1) AS premiere,
            first({'rating': rating, 'basis': 'earliest rated ' || place} ORDER BY
                episode_year NULLS LAST, season NULLS LAST, episode_number NULLS LAST, episode_key
            ) AS earliest,
            last({
                'rating': rating, 'is_finale': is_finale,
                'basis': if(is_finale, 'finale ', 'latest rated ') || place
            } ORDER BY
                episode_year NULLS FIRST, season NULLS FIRST, episode_number NULLS FIRST, episode_key
            ) AS latest,
            first({'rating': rating, 'basis': 'finale of the last season ' || place})
                FILTER (is_finale AND season_number = last_season) AS last_finale
        FROM rated JOIN series USING (series_key)
        GROUP BY ALL
    ),
    described AS (
        SELECT
            *, coalesce(pilot, premiere, earliest) AS shown_pilot,
            CASE WHEN latest.is_finale OR last_finale IS NULL
                THEN {'rating': latest.rating, 'basis': latest.basis} ELSE last_finale
            END AS shown_finale
        FROM chosen
    )
SELECT
    series_key,
    coalesce(rated_episodes, 0) AS rated_episodes,
    coalesce(avg_rating, 0) AS avg_rating,
    coalesce(shown_pilot.rating, 0) AS pilot_rating,
    coalesce(shown_pilot.basis, 'none') AS pilot_basis,
    coalesce(shown_finale.rating, 0) AS finale_rating,
    coalesce(shown_finale.basis, 'none') AS finale_basis,
    coalesce(best_season_rating, 0) AS best_season_rating,
    coalesce(CASE rated_seasons WHEN 0 THEN 'none' WHEN 1 THEN '1 rated season'
        ELSE rated_seasons || ' rated seasons' END, 'none') AS best_season_basis,
    coalesce(round(shown_finale.rating - described.avg_rating, 2), 0) AS finale_delta,
    coalesce(CASE rated_episodes WHEN 1 THEN '1 rated episode'
        ELSE rated_episodes || ' rated episodes' END, 'none') AS finale_delta_basis,
    coalesce(popularity, 0) AS popularity,
    coalesce(described.avg_rating * log10(nullif(episodes, 0)), 0) AS binge_score,
    coalesce(rated_episodes || ' rated of ' || episodes
        || if(episodes = 1, ' episode', ' episodes'), 'none') AS binge_basis,
    (SELECT max(run_date) FROM {{ ref('imdb_titles') }}) AS run_date
FROM {{ ref('imdb_dim_series') }}
LEFT JOIN described USING (series_key)
LEFT JOIN series USING (series_key)
