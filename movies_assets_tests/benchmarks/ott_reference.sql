-- The tables below silver.ott_views, ott_titles and ott_users, by hand.

-- == offered
CREATE TEMP TABLE offered AS
SELECT
    title_key, title_name, coalesce(premiere, DATE '0001-01-01') AS begins,
    coalesce(lead(begins) OVER (PARTITION BY title_name ORDER BY begins, title_key),
        DATE '9999-12-31') AS ends
FROM stored.silver.ott_titles

-- == events
-- A cast of an instant to a day asks for the time zone, and is ten times as slow.
CREATE TEMP VIEW events AS
SELECT *, make_timestamp(epoch_us(watched_at))::DATE AS watched_date FROM stored.silver.ott_views

-- == silver.ott_watched
CREATE TABLE silver.ott_watched AS
SELECT
    user_id, title_key, count(*) AS views, sum(minutes) AS minutes,
    count(*) - count(minutes) AS views_without_minutes,
    min(watched_at) AS first_watched_at, max(watched_at) AS last_watched_at
FROM events JOIN offered USING (title_name)
WHERE watched_date >= begins AND watched_date < ends
GROUP BY ALL

-- == silver.ott_unmatched
CREATE TABLE silver.ott_unmatched AS
SELECT
    title_name, min(title) AS title, count(*) AS views,
    coalesce((SELECT list_sort(list_distinct(list(o.title))) FROM stored.silver.ott_titles AS o
        WHERE o.title_name = events.title_name), []) AS candidates, min(watched_at) AS first_watched_at,
    max(watched_at) AS last_watched_at,
    CASE WHEN title_name IN (SELECT title_name FROM offered) THEN 'watched before the premiere'
        ELSE 'not in the catalogue' END AS reason
FROM events
WHERE NOT EXISTS (
    FROM offered
    WHERE offered.title_name = events.title_name AND watched_date >= begins
        AND watched_date < ends
)
GROUP BY ALL

-- == gold.ott_dim_user
CREATE TABLE gold.ott_dim_user AS
SELECT user_key, signup_date, country, preferred_genres FROM stored.silver.ott_users

-- == gold.ott_dim_title
CREATE TABLE gold.ott_dim_title AS
SELECT
    title_key, title_name, title, genres, premiere, release_year, added_date, runtime_minutes, imdb_score, language
FROM stored.silver.ott_titles

-- == gold.ott_top_movies_by_genre
CREATE TABLE gold.ott_top_movies_by_genre AS
WITH
    counted AS (SELECT title_key, sum(views) AS counted FROM silver.ott_watched GROUP BY ALL),
    scored AS (
        SELECT title_key, genres, imdb_score, coalesce(views, counted, 0) AS views
        FROM stored.silver.ott_titles LEFT JOIN counted USING (title_key)
        WHERE imdb_score IS NOT NULL
    ),
    usual AS (
        SELECT
            -- Exact in any order of the rows.
            sum(imdb_score::DECIMAL(18, 6)) / count(*) AS c, quantile_cont(views, 0.6) AS m
        FROM scored
    ),
    weighted AS (
        SELECT
            *, CASE WHEN views + m > 0 THEN views / (views + m) ELSE 1 END AS share,
            round(share * imdb_score + (1 - share) * c, 6) AS weighted_score
        FROM scored, usual
    )
SELECT
    genre, title_key,
    row_number() OVER (PARTITION BY genre ORDER BY weighted_score DESC, views DESC, title_key)
        AS rank,
    weighted_score, imdb_score, views
FROM (
    SELECT
        title_key, weighted_score, imdb_score, views,
        unnest(coalesce(genres, ['unknown'])) AS genre
    FROM weighted
)

-- == gold.ott_genre_engagement
CREATE TABLE gold.ott_genre_engagement AS
WITH
    titles AS (
        SELECT
            title_key, imdb_score,
            unnest(coalesce(genres, ['unknown'])) AS genre
        FROM stored.silver.ott_titles
    ),
    scores AS (
        SELECT
            genre,
            round(sum(imdb_score::DECIMAL(18, 6)) / count(imdb_score), 6) AS average_score
        FROM titles GROUP BY ALL
    ),
    preferred AS (
        SELECT genre, count(*) AS users_preferring
        FROM (SELECT unnest(preferred_genres) AS genre FROM stored.silver.ott_users) GROUP BY ALL
    ),
    seen AS (
        SELECT
            genre, count(DISTINCT user_id) AS viewers, sum(views) AS views,
            round(sum(minutes), 3) AS minutes, sum(views_without_minutes) AS views_without_minutes
        FROM silver.ott_watched JOIN titles USING (title_key) GROUP BY ALL
    )
SELECT
    genre, coalesce(users_preferring, 0) AS users_preferring, coalesce(viewers, 0) AS viewers,
    coalesce(views, 0) AS views, CASE WHEN views IS NULL THEN 0 ELSE minutes END AS minutes,
    coalesce(views_without_minutes, 0) AS views_without_minutes, average_score
FROM scores FULL JOIN preferred USING (genre) LEFT JOIN seen USING (genre)

-- == gold.ott_popular_movies
CREATE TABLE gold.ott_popular_movies AS
WITH counted AS (
    SELECT
        title_key, watched_date, sum(views) AS views, count(*) AS viewers
    FROM (
        SELECT title_key, watched_date, user_id, count(*) AS views
        FROM events JOIN offered USING (title_name)
        WHERE watched_date >= begins AND watched_date < ends
        GROUP BY ALL
    )
    GROUP BY ALL
    UNION ALL
    SELECT title_key, NULL, sum(views), count(*) FROM silver.ott_watched GROUP BY ALL
)
SELECT
    coalesce(watched_date::VARCHAR, 'overall') AS period, title_key, watched_date, views, viewers,
    imdb_score,
    row_number() OVER (
        PARTITION BY watched_date ORDER BY viewers DESC, views DESC, title_key) AS rank
FROM counted JOIN (SELECT title_key, imdb_score FROM stored.silver.ott_titles) USING (title_key)

-- == gold.ott_recommendations
-- Of a list of which a user has seen n titles, the first ten unseen ones are among the first 10 + n.
CREATE TABLE gold.ott_recommendations AS
WITH
    lists AS (
        SELECT genre AS list, rank AS place, title_key, weighted_score AS score
        FROM gold.ott_top_movies_by_genre
        UNION ALL
        SELECT
            'overall',
            row_number() OVER (ORDER BY weighted_score DESC, views DESC, title_key),
            title_key, weighted_score
        FROM (SELECT DISTINCT title_key, weighted_score, views FROM gold.ott_top_movies_by_genre)
    ),
    by_taste AS (
        SELECT user_id, list
        FROM (SELECT user_id, unnest(preferred_genres) AS list FROM stored.silver.ott_users)
        WHERE list IN (SELECT list FROM lists)
    ),
    wanted AS (
        FROM by_taste
        UNION ALL
        SELECT user_id, 'overall' FROM stored.silver.ott_users ANTI JOIN by_taste USING (user_id)
    ),
    passed AS (
        SELECT user_id, list, place
        FROM silver.ott_watched JOIN lists USING (title_key) SEMI JOIN wanted USING (user_id, list)
    ),
    counted AS (SELECT user_id, list, count(*) AS seen FROM passed GROUP BY ALL),
    within_reach AS (
        SELECT user_id, list, place, title_key, score
        FROM (
            SELECT user_id, list, unnest(range(1, 11 + coalesce(seen, 0))) AS place
            FROM wanted LEFT JOIN counted USING (user_id, list)
        )
        JOIN lists USING (list, place)
        ANTI JOIN passed USING (user_id, list, place)
    ),
    in_turn AS (
        SELECT *, row_number() OVER (PARTITION BY user_id, list ORDER BY place) AS turn
        FROM within_reach QUALIFY turn <= 10
    ),
    once AS (
        FROM in_turn
        QUALIFY row_number() OVER (PARTITION BY user_id, title_key ORDER BY turn, list) = 1
    ),
    chosen AS (
        SELECT
            *, row_number() OVER (
                PARTITION BY user_id ORDER BY turn, score DESC, title_key) AS rank
        FROM once QUALIFY rank <= 10
    )
SELECT
    user_key, rank, title_key, list AS genre, score,
    CASE WHEN list = 'overall' THEN 'number ' || place || ' overall'
        ELSE 'you like ' || list || ': number ' || place END AS reason
FROM chosen JOIN stored.silver.ott_users USING (user_id)
