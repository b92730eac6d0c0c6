-- Statements of imdb_reference.py. `-- == NAME` begins a section; `read(FILE)` means read_csv()
-- of its dumps (in the section `lean` of the newest alone, but for the ratings), and `newest(FILE)`
-- for the run date of its newest dump.

-- == bronze
CREATE TABLE bronze.imdb_title_basics AS FROM read(title.basics);
CREATE TABLE bronze.imdb_title_ratings AS FROM read(title.ratings);
CREATE TABLE bronze.imdb_title_episode AS FROM read(title.episode);
CREATE TABLE bronze.imdb_title_crew AS FROM read(title.crew);
CREATE TABLE bronze.imdb_title_principals AS FROM read(title.principals);
CREATE TABLE bronze.imdb_name_basics AS FROM read(name.basics);
CREATE TABLE bronze.imdb_title_akas AS FROM read(title.akas);

-- == silver
CREATE TABLE silver.imdb_ratings AS
SELECT tconst, run_date, average_rating::DOUBLE AS rating, num_votes AS votes
FROM bronze.imdb_title_ratings;

CREATE TABLE silver.imdb_titles AS
WITH
    basics AS (
        SELECT *, substr(tconst, 3)::BIGINT AS title_key FROM bronze.imdb_title_basics
        WHERE run_date = newest(title.basics)
    ),
    ratings AS (
        SELECT substr(tconst, 3)::BIGINT AS title_key, rating, votes FROM silver.imdb_ratings
        WHERE run_date = newest(title.ratings)
    )
SELECT
    tconst, title_type, primary_title, original_title, is_adult::BOOLEAN AS is_adult,
    start_year, end_year, start_year - start_year % 10 AS decade, runtime_minutes,
    string_split(genres, ',') AS genres, rating, votes, run_date
FROM basics LEFT JOIN ratings USING (title_key);

CREATE TABLE silver.imdb_episodes AS
SELECT tconst, parent_tconst AS series_tconst, season_number, episode_number, run_date
FROM bronze.imdb_title_episode
WHERE run_date = newest(title.episode);

CREATE TABLE silver.imdb_people AS
SELECT
    nconst, primary_name, birth_year, death_year,
    string_split(primary_profession, ',') AS primary_profession,
    string_split(known_for_titles, ',') AS known_for_titles, run_date
FROM bronze.imdb_name_basics
WHERE run_date = newest(name.basics);

CREATE TABLE silver.imdb_credits AS
SELECT tconst, ordering, nconst, category, job, characters, run_date
FROM bronze.imdb_title_principals
WHERE run_date = newest(title.principals);

CREATE TABLE silver.imdb_crew AS
SELECT
    tconst, string_split(directors, ',') AS directors, string_split(writers, ',') AS writers,
    run_date
FROM bronze.imdb_title_crew
WHERE run_date = newest(title.crew);

CREATE TABLE silver.imdb_akas AS
SELECT
    title_id AS tconst, ordering, title, region, language,
    is_original_title::BOOLEAN AS is_original, run_date
FROM bronze.imdb_title_akas
WHERE run_date = newest(title.akas);

-- == keyed
-- What the gold tables read, with integer keys: here views of the silver tables.
CREATE TEMP VIEW titles AS
SELECT substr(tconst, 3)::BIGINT AS title_key, * FROM silver.imdb_titles;

CREATE TEMP VIEW ratings AS
SELECT substr(tconst, 3)::BIGINT AS title_key, * FROM silver.imdb_ratings;

CREATE TEMP VIEW episodes AS
SELECT
    substr(tconst, 3)::BIGINT AS episode_key, substr(series_tconst, 3)::BIGINT AS series_key,
    coalesce(season_number, -1) AS season_number, episode_number
FROM silver.imdb_episodes;

CREATE TEMP VIEW people AS
SELECT substr(nconst, 3)::BIGINT AS person_key, primary_name FROM silver.imdb_people;

CREATE TEMP VIEW actors AS
SELECT substr(tconst, 3)::BIGINT AS title_key, ordering, nconst FROM silver.imdb_credits
WHERE category IN ('actor', 'actress') AND ordering <= 3;

CREATE TEMP VIEW crew AS
SELECT substr(tconst, 3)::BIGINT AS title_key, directors, writers FROM silver.imdb_crew;

CREATE TEMP VIEW akas AS
SELECT substr(tconst, 3)::BIGINT AS title_key, title FROM silver.imdb_akas;

-- == lean
-- The same without bronze and silver: what is read more than once becomes a temporary table.
CREATE TEMP TABLE ratings AS
SELECT
    substr(tconst, 3)::BIGINT AS title_key, run_date, average_rating::DOUBLE AS rating,
    num_votes AS votes
FROM read(title.ratings);

CREATE TEMP TABLE titles AS
WITH
    basics AS (SELECT *, substr(tconst, 3)::BIGINT AS title_key FROM read(title.basics)),
    newest AS (FROM ratings WHERE run_date = newest(title.ratings))
SELECT
    title_key, title_type, primary_title,
    CASE title_type WHEN 'movie' THEN original_title END AS original_title,
    start_year, start_year - start_year % 10 AS decade,
    CASE title_type WHEN 'movie' THEN runtime_minutes END AS runtime_minutes,
    string_split(genres, ',') AS genres, rating, votes, basics.run_date
FROM basics LEFT JOIN newest USING (title_key);

CREATE TEMP TABLE episodes AS
SELECT
    substr(tconst, 3)::BIGINT AS episode_key, substr(parent_tconst, 3)::BIGINT AS series_key,
    coalesce(season_number, -1) AS season_number, episode_number
FROM read(title.episode);

CREATE TEMP VIEW people AS
SELECT substr(nconst, 3)::BIGINT AS person_key, primary_name FROM read(name.basics);

CREATE TEMP VIEW actors AS
SELECT substr(tconst, 3)::BIGINT AS title_key, ordering, nconst FROM read(title.principals)
WHERE category IN ('actor', 'actress') AND ordering <= 3;

CREATE TEMP VIEW crew AS
SELECT
    substr(tconst, 3)::BIGINT AS title_key, string_split(directors, ',') AS directors,
    string_split(writers, ',') AS writers
FROM read(title.crew);

CREATE TEMP VIEW akas AS
SELECT substr(title_id, 3)::BIGINT AS title_key, title FROM read(title.akas);

-- == gold
SET VARIABLE run_date = (SELECT max(run_date) FROM titles);

CREATE TABLE gold.imdb_movie_facts AS
WITH
    movies AS (FROM titles WHERE title_type = 'movie'),
    credits AS (
        SELECT title_key, 'actor' AS role, ordering, nconst FROM actors
        UNION ALL
        SELECT
            title_key, 'director', generate_subscripts(directors, 1), unnest(directors)
        FROM crew
        UNION ALL
        SELECT title_key, 'writer', generate_subscripts(writers, 1), unnest(writers)
        FROM crew
    ),
    movie_credits AS (
        SELECT *, substr(nconst, 3)::BIGINT AS person_key
        FROM credits SEMI JOIN movies USING (title_key)
    ),
    names AS (
        SELECT
            title_key,
            string_agg(primary_name, ', ' ORDER BY ordering) FILTER (role = 'director') AS directors,
            string_agg(primary_name, ', ' ORDER BY ordering) FILTER (role = 'writer') AS writers,
            string_agg(primary_name, ', ' ORDER BY ordering) FILTER (role = 'actor') AS top_actors,
            string_agg(nconst, ', ' ORDER BY ordering) FILTER (role = 'actor') AS top_actor_keys
        FROM movie_credits JOIN people USING (person_key)
        GROUP BY title_key
    ),
    oscars AS (
        SELECT DISTINCT title_key, true AS is_oscar_winner FROM akas
        WHERE title ILIKE '%oscar%' OR title ILIKE '%academy award%'
    )
SELECT
    title_key AS movie_key,
    unnest(coalesce(movies.genres, ['Unknown'])) AS genre,
    primary_title, original_title, start_year, decade,
    coalesce(decade || 's', 'Unknown') AS decade_label,
    runtime_minutes,
    array_to_string(movies.genres, ', ') AS genres,
    rating, votes, directors, writers, top_actors, top_actor_keys,
    CASE WHEN EXISTS (FROM akas) THEN coalesce(is_oscar_winner, false) END AS is_oscar_winner,
    CASE
        WHEN votes >= 50_000 THEN '50k+'
        WHEN votes >= 10_000 THEN '10k–49k'
        WHEN votes >= 1_000 THEN '1k–9k'
        WHEN votes IS NOT NULL THEN '<1k'
        ELSE 'unknown'
    END AS vote_bucket,
    CASE
        WHEN rating >= 8 THEN 'Excellent'
        WHEN rating >= 7 THEN 'Great'
        WHEN rating >= 6 THEN 'Good'
        WHEN rating IS NOT NULL THEN 'OK'
        ELSE 'Unknown'
    END AS rating_band,
    getvariable('run_date') AS run_date
FROM movies LEFT JOIN names USING (title_key) LEFT JOIN oscars USING (title_key);

-- Number and key in one integer: its lowest and highest decide, and of equal numbers the key does.
CREATE TEMP TABLE seasons AS
WITH numbered AS (
    SELECT
        series_key, season_number, episode_number,
        CASE WHEN season_number <> -1 THEN episode_number * 1_000_000_000 + episode_key END AS place
    FROM episodes
)
SELECT
    series_key, season_number, count(*) AS episodes,
    min(place) FILTER (episode_number >= 1) % 1_000_000_000 AS premiere_key,
    max(place) % 1_000_000_000 AS finale_key
FROM numbered
GROUP BY ALL;

CREATE TABLE gold.imdb_dim_series AS
WITH
    parents AS (
        SELECT
            series_key, sum(episodes)::BIGINT AS episodes,
            count(*) FILTER (season_number <> -1) AS seasons
        FROM seasons
        GROUP BY ALL
    ),
    members AS (
        SELECT series_key FROM parents
        UNION
        SELECT title_key FROM titles WHERE title_type IN ('tvSeries', 'tvMiniSeries')
    ),
    described AS (
        SELECT
            series_key, coalesce(primary_title, 'Unknown series') AS series_title, start_year,
            decade, genres, coalesce(episodes, 0) AS episodes, coalesce(seasons, 0) AS seasons,
            series_title || coalesce(' (' || start_year || ')', '') AS label
        FROM members
        LEFT JOIN titles ON title_key = series_key
        LEFT JOIN parents USING (series_key)
    )
SELECT
    series_key, series_title, start_year AS series_start_year, decade AS series_decade,
    CASE
        WHEN row_number() OVER (PARTITION BY label ORDER BY series_key) = 1 THEN label
        ELSE label || ' [' || series_key || ']'
    END AS series_label,
    array_to_string(genres, ', ') AS genres, episodes, seasons,
    getvariable('run_date') AS run_date
FROM described;

CREATE TABLE gold.imdb_episode_facts AS
SELECT
    episode_key, series_key, series_title, series_start_year, series_decade,
    season_number, episode_number, primary_title AS episode_title, start_year AS episode_year,
    rating, votes,
    season_number = 1 AND coalesce(episode_number = 1, false) AS is_pilot,
    coalesce(episode_key = premiere_key, false) AS is_season_premiere,
    coalesce(episode_key = finale_key, false) AS is_finale,
    season_number = -1 AS is_special,
    getvariable('run_date') AS run_date
FROM episodes
LEFT JOIN titles ON title_key = episode_key
JOIN seasons USING (series_key, season_number)
JOIN gold.imdb_dim_series USING (series_key);

CREATE TEMP TABLE season_facts AS
SELECT
    series_key, season_number, series_title, count(*) AS episodes,
    avg(rating::DECIMAL(3, 1)) AS avg_rating,  -- exact in any order
    count(rating) AS rated_episodes, sum(votes)::BIGINT AS votes,
    min(episode_year) AS first_year, max(episode_year) AS last_year
FROM gold.imdb_episode_facts
GROUP BY ALL;

CREATE TABLE gold.imdb_series_season_summary AS
SELECT
    series_key, season_number,
    CASE season_number WHEN -1 THEN 'Specials' ELSE 'Season ' || season_number END AS season_label,
    episodes AS episodes_in_season, avg_rating AS avg_season_rating,
    first_year AS season_start_year, last_year AS season_end_year,
    getvariable('run_date') AS run_date
FROM season_facts;

CREATE TABLE gold.imdb_series_kpis AS
WITH
    rated AS (
        SELECT
            *, nullif(season_number, -1) AS season,
            CASE season_number WHEN -1 THEN 'special'
                ELSE 'S' || season_number || coalesce('E' || episode_number, '')
            END AS place
        FROM gold.imdb_episode_facts
        WHERE rating IS NOT NULL
    ),
    series AS (
        SELECT
            series_key, max(season_number) AS last_season,
            max(avg_rating) FILTER (season_number <> -1) AS best_season_rating,
            count(avg_rating) FILTER (season_number <> -1) AS rated_seasons
        FROM season_facts
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
    getvariable('run_date') AS run_date
FROM gold.imdb_dim_series
LEFT JOIN described USING (series_key)
LEFT JOIN series USING (series_key);

CREATE TABLE gold.imdb_top_movies_by_genre AS
SELECT
    genre, decade_label,
    row_number() OVER (
        PARTITION BY genre, decade_label ORDER BY rating DESC, votes DESC, movie_key
    ) AS rank,
    movie_key, primary_title, start_year, decade, rating, votes, run_date
FROM gold.imdb_movie_facts
WHERE votes >= 1_000
QUALIFY rank <= 25;

CREATE TABLE gold.imdb_season_trends AS
SELECT
    series_key, season_number, series_title, avg_rating, votes, episodes, rated_episodes,
    avg_rating - lag(avg_rating) OVER (PARTITION BY series_key ORDER BY season_number)
        AS rating_change,
    getvariable('run_date') AS run_date
FROM season_facts
WHERE season_number <> -1 AND rated_episodes > 0;

CREATE TABLE gold.imdb_trending_titles AS
WITH
    days AS (SELECT DISTINCT run_date FROM ratings ORDER BY run_date DESC LIMIT 2),
    newest AS (FROM ratings WHERE run_date = (SELECT max(run_date) FROM days)),
    previous AS (
        FROM ratings
        WHERE run_date = (SELECT min(run_date) FROM days HAVING count(*) = 2)
    ),
    moved AS (
        SELECT
            title_key, newest.votes, newest.votes - previous.votes AS votes_gained, newest.rating,
            round(newest.rating - previous.rating, 2) AS rating_change,
            previous.run_date AS previous_run_date, newest.run_date
        FROM newest JOIN previous USING (title_key)
        WHERE newest.votes <> previous.votes OR newest.rating <> previous.rating
    )
SELECT
    title_key, title_type, primary_title, start_year,
    row_number() OVER (
        PARTITION BY title_type ORDER BY votes_gained DESC, abs(rating_change) DESC, title_key
    ) AS rank,
    moved.votes, votes_gained, moved.rating, rating_change, previous_run_date, moved.run_date
FROM moved JOIN titles USING (title_key)
QUALIFY rank <= 100;

CREATE TABLE gold.imdb_rating_history AS
SELECT title_key, run_date, rating, votes FROM ratings
WHERE votes >= 1000 AND rating IS NOT NULL;
