WITH
    days AS (SELECT DISTINCT run_date FROM {{ ref('ratings') }} ORDER BY run_date DESC LIMIT 2),
    newest AS (FROM {{ ref('ratings') }} WHERE run_date = (SELECT max(run_date) FROM days)),
    previous AS (
        FROM {{ ref('ratings') }}
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
FROM moved JOIN {{ ref('titles') }} USING (title_key)
QUALIFY rank <= 100
