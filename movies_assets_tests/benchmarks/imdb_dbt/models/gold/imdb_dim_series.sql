WITH
    parents AS (
        SELECT
            series_key, sum(episodes)::BIGINT AS episodes,
            count(*) FILTER (season_number <> -1) AS seasons
        FROM {{ ref('seasons') }}
        GROUP BY ALL
    ),
    members AS (
        SELECT series_key FROM parents
        UNION
        SELECT title_key FROM {{ ref('titles') }} WHERE title_type IN ('tvSeries', 'tvMiniSeries')
    ),
    described AS (
        SELECT
            series_key, coalesce(primary_title, 'Unknown series') AS series_title, start_year,
            decade, genres, coalesce(episodes, 0) AS episodes, coalesce(seasons, 0) AS seasons,
            series_title || coalesce(' (' || start_year || ')', '') AS label
        FROM members
        LEFT JOIN {{ ref('titles') }} ON title_key = series_key
        LEFT JOIN parents USING (series_key)
    )
SELECT
    series_key, series_title, start_year AS series_start_year, decade AS series_decade,
    CASE
        WHEN row_number() OVER (PARTITION BY label ORDER BY series_key) = 1 THEN label
        ELSE label || ' [' || series_key || ']'
    END AS series_label,
    array_to_string(genres, ', ') AS genres, episodes, seasons,
    (SELECT max(run_date) FROM {{ ref('imdb_titles') }}) AS run_date
FROM described
