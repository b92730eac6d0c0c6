"""Query the titles across sources, and how good their links are."""

from movies_assets.serving.queries.movies import HAS_ENOUGH_VOTES, IS_FIRST_GENRE

# How a text is compared with `gold.dim_title.search_text`.
NORMAL = "lower(strip_accents({}))"

# One row: the key figures.
FIGURES = """
    SELECT (SELECT count(*) FROM gold.dim_title) AS titles,
        count(*) AS listed, count(confidence) AS linked,
        (SELECT count(DISTINCT (source, source_id)) FROM gold.title_link_review) AS doubtful
    FROM gold.title_links"""
# One row per source, and one per threshold of the links of all sources, of the newest evaluation.
EVALUATED = """
    SELECT slice, member, threshold, labels, links, precision, precision_low, precision_high,
        recall, recall_low, recall_high
    FROM gold.title_link_evaluation
    WHERE labelled_date = (SELECT max(labelled_date) FROM gold.title_link_evaluation)
        AND (slice = 'all' OR (slice = 'source' AND threshold = 0))
    ORDER BY slice, member, threshold"""

HITS = 20
# A scalar query: the key of the title that a source knows by an id; NULL if none is linked yet.
PAGE_OF = """(
    SELECT links.title_key FROM gold.title_links AS links
    WHERE links.source = '{source}' AND links.source_id = {id})"""

# One row: the key of the most voted title.
FIRST = "SELECT title_key FROM gold.dim_title ORDER BY votes DESC NULLS LAST, title_key LIMIT 1"
# One row: the key that took over from `$title`.
CURRENT = "SELECT new_key FROM gold.title_key_history WHERE old_key = $title"
# One row: the title `$title`.
ABOUT = "SELECT * FROM gold.dim_title WHERE title_key = $title"
# One row: what IMDb knows of the movie `$movie` beyond that.
MOVIE = """
    SELECT DISTINCT original_title, writers, is_oscar_winner FROM gold.imdb_movie_facts
    WHERE movie_key = $movie"""
# One row per title of a source that is `$title`, with the proof of the link.
LINKS = """
    SELECT links.* EXCLUDE (title_key, rule_version),
        coalesce(netflix.title, yts.title, ott.title) AS source_title, rival.title AS rival_title,
        rival.year AS rival_year
    FROM gold.title_links AS links
    LEFT JOIN gold.netflix_dim_title AS netflix ON source = 'netflix' AND show_key = source_id
    LEFT JOIN gold.dim_movie AS yts ON source = 'yts' AND yts.movie_key::VARCHAR = source_id
    LEFT JOIN gold.ott_dim_title AS ott ON source = 'ott' AND ott.title_key = source_id
    LEFT JOIN gold.dim_title AS rival ON rival.title_key = runner_up
    WHERE links.title_key = $title ORDER BY source, source_id"""
# One row: the ratings of `$title`, as each source states them.
RATINGS = "SELECT * FROM gold.title_ratings WHERE title_key = $title"
# One row per day from the first to the last on which the ratings of `$movie` are kept; `rating` and
# `votes` are NULL of a day without a dump.
HISTORY = """
    WITH kept AS (FROM gold.imdb_rating_history WHERE title_key = $movie),
    days AS (SELECT unnest(generate_series(min(run_date), max(run_date), INTERVAL 1 DAY))::DATE
        AS run_date FROM kept)
    SELECT run_date AS day, rating, votes FROM days LEFT JOIN kept USING (run_date) ORDER BY day"""
# One row per source that lists `$title`.
AVAILABLE = """
    SELECT source, since_date, listings FROM gold.title_availability
    WHERE title_key = $title ORDER BY source"""
# One row per text that a source has of `$title`, the longest of each source.
TEXTS = """
    SELECT source, coalesce(netflix.description, nullif(yts.synopsis, ''),
        nullif(yts.description_full, ''), nullif(yts.summary, '')) AS description
    FROM gold.title_links AS links
    LEFT JOIN gold.netflix_dim_title AS netflix ON source = 'netflix' AND show_key = source_id
    LEFT JOIN gold.dim_movie AS yts ON source = 'yts' AND yts.movie_key::VARCHAR = source_id
    WHERE links.title_key = $title AND description <> ''
    QUALIFY row_number() OVER (PARTITION BY source ORDER BY length(description) DESC, source_id) = 1
    ORDER BY source"""
_OF_NETFLIX = """
    SELECT title_key, role, person_name AS person, 'netflix' AS source FROM (
        SELECT show_key, person_key, 'actor' AS role FROM gold.netflix_title_cast
        UNION SELECT show_key, person_key, 'director' FROM gold.netflix_title_director) AS named
    JOIN gold.netflix_dim_person USING (person_key)
    JOIN gold.title_links ON source = 'netflix' AND source_id = show_key
    WHERE person_key <> 'unknown'"""
_OF_IMDB = f"""
    SELECT format('tt{{:07d}}', movie_key) AS title_key, role,
        unnest(string_split(names, ', ')) AS person, 'imdb' AS source
    FROM gold.imdb_movie_facts UNPIVOT (
        names FOR role IN (directors AS 'director', top_actors AS 'actor'))
    WHERE {IS_FIRST_GENRE}"""
# One row per name of a person that a source gives of `$title`, `$movie` being its number at IMDb.
PEOPLE = f"""
    SELECT role, person, source FROM ({_OF_IMDB} AND movie_key = $movie)
    UNION ALL SELECT role, person, source FROM ({_OF_NETFLIX} AND title_key = $title)
    ORDER BY role DESC, source, person"""
# One row per title, role and source that names `$person`, in lower case; the best rated first.
CREDITS = f"""
    SELECT title_key, title, kind, year, rating, votes, role, person, source FROM (
        FROM ({_OF_IMDB} AND contains(lower(names), $person)) WHERE lower(person) = $person
        UNION ALL FROM ({_OF_NETFLIX} AND person_key = $person))
    JOIN gold.dim_title USING (title_key)
    ORDER BY rating DESC NULLS LAST, votes DESC, title_key, role DESC, source"""
# One row: the person in most titles at Netflix.
MOST_CREDITED = """
    SELECT person_key FROM gold.netflix_title_cast WHERE person_key <> 'unknown'
    GROUP BY person_key ORDER BY count(*) DESC, person_key LIMIT 1"""
# One row: the place of `$rating` among rated movies with votes enough of `$genre` and `$decade`.
PEERS = f"""
    SELECT count(*) AS movies, count(*) FILTER (rating < $rating) AS lower
    FROM prepared.movies
    WHERE genre = $genre AND decade = $decade AND rating IS NOT NULL AND {HAS_ENOUGH_VOTES}"""
# One row per title, person and table whose name contains `$text`: titles first, the best before.
SEARCH = f"""
    SELECT * FROM (
        (SELECT 'title' AS what, title_key AS key, title AS label, kind, year, votes,
            starts_with(search_text, {NORMAL.format("$text")}) AS is_start
        FROM gold.dim_title WHERE contains(search_text, {NORMAL.format("$text")})
        ORDER BY is_start DESC, votes DESC NULLS LAST, title_key LIMIT {HITS})
        UNION ALL
        (SELECT 'person', person_key, person_name, 'person', NULL, NULL, false
        FROM gold.netflix_dim_person
        WHERE contains(strip_accents(person_key), {NORMAL.format("$text")})
            AND person_key <> 'unknown' ORDER BY person_key LIMIT 5)
        UNION ALL
        (SELECT 'table', table_name, table_name, 'table', NULL, NULL, false FROM meta.tables
        WHERE contains(table_name, lower($text)) ORDER BY table_name LIMIT 5)
    ) ORDER BY list_position(['title', 'person', 'table'], what), is_start DESC,
        votes DESC NULLS LAST, key"""
