-- Silver rows of a streaming service, for {users} users, {titles} titles and {views} events.
-- Two thirds of what a user watches are of the preferred genres; few titles are watched by many.

CREATE TEMP MACRO chance(seed, number) AS (hash(number * 31 + seed) >> 11) / 9007199254740992;
CREATE TEMP MACRO genre_of(number) AS 'genre-' || lpad((number % {genres})::VARCHAR, 2, '0');

INSERT INTO silver.ott_users BY NAME
SELECT
    number AS user_id, md5(number::VARCHAR) AS user_key, 'Person ' || number AS full_name,
    'person' || number || '@mail.example' AS email,
    DATE '2020-01-01' + (chance(1, number) * 2000)::INTEGER AS signup_date,
    CASE WHEN chance(2, number) < 0.1 THEN []
        WHEN chance(2, number) < 0.4 THEN [genre_of(hash(number))]
        ELSE list_sort(list_distinct([genre_of(hash(number)), genre_of(hash(-number))])) END
        AS preferred_genres,
    ['Poland', 'France', 'Chile', 'Japan'][1 + number % 4] AS country,
    DATE '2025-10-31' AS arrived_date, 'users.csv#' || number AS source_row
FROM range(1, {users} + 1) AS numbers(number);

INSERT INTO silver.ott_titles BY NAME
SELECT
    sha256(title_name || chr(10) || coalesce(premiere::VARCHAR, 'undated'))[:32] AS title_key, *
FROM (
    SELECT
        -- Every fiftieth title has the name of the one before it, and another premiere.
        'title ' || lpad((number - (number % 50 = 49)::INTEGER)::VARCHAR, 6, '0') AS title_name,
        'Title ' || number AS title,
        CASE WHEN chance(3, number) < 0.5 THEN [genre_of(number)]
            ELSE list_sort(list_distinct([genre_of(number), genre_of(hash(number))])) END AS genres,
        CASE WHEN number % 50 = 49 THEN DATE '2025-10-15'
            ELSE DATE '2000-01-01' + (chance(4, number) * 9000)::INTEGER END AS premiere,
        DATE '2025-10-01' AS added_date,
        60 + number % 90 AS runtime_minutes,
        CASE WHEN chance(5, number) > 0.03 THEN round(1 + 9 * chance(6, number), 1) END
            AS imdb_score,
        NULL::BIGINT AS release_year,
        CASE WHEN chance(7, number) > 0.1 THEN ({views} / (number + 10))::BIGINT END AS views,
        'English' AS language,
        DATE '2025-10-01' AS arrived_date, 'titles.csv#' || number AS source_row
    FROM range({titles}) AS numbers(number)
);

INSERT INTO silver.ott_views BY NAME
SELECT
    user_id,
    -- One of 500 events is of a title that the catalogue does not have.
    CASE WHEN number % 500 = 0 THEN 'other ' || title % 1000
        ELSE 'title ' || lpad((title - (title % 50 = 49)::INTEGER)::VARCHAR, 6, '0') END AS title_name,
    TIMESTAMPTZ '2025-10-02 00:00:00+00' + INTERVAL (second) SECOND AS watched_at,
    'Title ' || title AS title,
    round(chance(8, number) * 120, 1) AS minutes,
    DATE '2025-10-02' + second // 86400 AS arrived_date,
    'views.csv' AS source_row
FROM (
    SELECT
        number, user_id, (chance(9, number) * 2591999)::INTEGER AS second,
        CASE
            WHEN chance(10, number) < 0.33 THEN rank
            ELSE least({titles} - 1, rank // {genres} * {genres}
                + hash(CASE WHEN chance(11, number) < 0.5 THEN user_id ELSE -user_id END) % {genres})
        END::BIGINT AS title
    FROM (
        SELECT
            number,
            1 + ({users} * pow(chance(12, number), 1.3))::BIGINT % {users} AS user_id,
            ({titles} * pow(chance(13, number), 3))::BIGINT % {titles} AS rank
        FROM range({views}) AS numbers(number)
    )
);
