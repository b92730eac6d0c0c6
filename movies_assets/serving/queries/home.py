"""Query what is worth knowing first: what there is, what changed, what is remarkable."""

from movies_assets.core.thresholds import VOTES_NEEDED

TOP, SHELF = 5, 12
# What persons know of titles is no source.
RECEIVED = "layer = 'bronze' AND source <> 'titles'"
# Ratings of fewer episodes, or of fewer votes, say little about a finale.
RATED_EPISODES, RATED_SHARE, FINALE_VOTES = 10, 0.3, 500

# One row: the key figures, and those of the snapshot before.
FIGURES = f"""
    SELECT
        (SELECT count(*) FROM gold.dim_title) AS titles,
        (SELECT count(*) FROM gold.dim_title WHERE sources_count > 1) AS shared,
        (SELECT count(rating) FROM gold.dim_title) AS rated,
        (SELECT count(DISTINCT source) FROM meta.tables WHERE {RECEIVED} AND rows > 0) AS sources,
        (SELECT rows_before FROM meta.tables WHERE table_name = 'gold.dim_title') AS titles_before,
        (SELECT coalesce(sum(rows), 0)::BIGINT FROM meta.tables WHERE is_published) AS rows,
        (SELECT sum(rows_before)::BIGINT FROM meta.tables WHERE is_published) AS rows_before,
        (SELECT count(*) FROM meta.checks) AS checks,
        (SELECT count(*) FROM meta.checks WHERE verdict IN ('failed', 'warned')) AS found"""
# One row per published table whose number of rows is another one than in the snapshot before.
CHANGED = """
    SELECT table_name, rows, rows_before, count(*) OVER () AS found FROM meta.tables
    WHERE is_published AND rows IS DISTINCT FROM rows_before
        AND (SELECT count(rows_before) FROM meta.tables) > 0
    ORDER BY abs(coalesce(rows, 0) - coalesce(rows_before, 0)) DESC, table_name LIMIT 20"""
# One row per source that offers titles: the best rated of those that it offers.
BEST_OFFERED = f"""
    SELECT source, title_key, title, rating, votes
    FROM gold.title_availability JOIN gold.dim_title USING (title_key)
    WHERE votes >= {VOTES_NEEDED} AND source <> 'omdb'
    QUALIFY row_number() OVER (
        PARTITION BY source ORDER BY rating DESC, votes DESC, title_key) = 1
    ORDER BY source"""
_FINALES = f"""
    SELECT series_key, series_label, finale_delta, finale_rating, avg_rating, finale_basis,
        rated_episodes, popularity, count(*) OVER () AS found
    FROM gold.imdb_series_kpis JOIN gold.imdb_dim_series USING (series_key)
    WHERE rated_episodes >= {RATED_EPISODES} AND popularity >= {FINALE_VOTES}
        AND rated_episodes >= {RATED_SHARE} * episodes"""
# One row per series: the largest drops at the finale, and the best series.
# A series may go on: only the end of a season is a finale.
DROPS = f"""{_FINALES} AND finale_delta < 0 AND starts_with(finale_basis, 'finale ')
    ORDER BY finale_delta, series_key LIMIT {TOP}"""
BEST_SERIES = f"{_FINALES} ORDER BY avg_rating DESC, popularity DESC, series_key LIMIT {TOP}"
# One row per title of any type that gained most votes since the previous run date; `page` is the
# title's key if it has a page, which an episode has not.
MOVERS = f"""
    SELECT trending.title_key, primary_title, title_type, votes_gained, trending.rating,
        rating_change, previous_run_date, run_date, dim.title_key AS page,
        count(*) OVER () AS found
    FROM gold.imdb_trending_titles AS trending
    LEFT JOIN gold.dim_title AS dim ON dim.tconst = format('tt{{:07d}}', trending.title_key)
    WHERE votes_gained > 0 ORDER BY votes_gained DESC, trending.title_key LIMIT {2 * TOP}"""
# One row per movie, the newest upload first.
UPLOADS = f"""
    SELECT coalesce(links.title_key, 'yts:' || fact.movie_key) AS title_key, movie.title,
        fact.uploaded_date
    FROM gold.fact_movies AS fact JOIN gold.dim_movie AS movie USING (movie_key)
    LEFT JOIN gold.title_links AS links
        ON links.source = 'yts' AND links.source_id = fact.movie_key::VARCHAR
    ORDER BY fact.uploaded_at DESC, fact.movie_key LIMIT {SHELF}"""
# One row per source: the newest day of its tables, and when one of them was written last.
FRESHNESS = f"""
    SELECT source, max(newest_partition) AS newest_partition,
        max(materialized_at) AS materialized_at, sum(rows)::BIGINT AS rows
    FROM meta.tables WHERE {RECEIVED} GROUP BY source ORDER BY source"""
