"""Query IMDb's series. Unknown KPIs are 0, as in the original's measures."""

TOP = 10
# Daily soaps have more rated episodes than fit into a heat map: the first seasons are drawn.
MOST_EPISODES = 3_000

RATED_SERIES = "gold.imdb_dim_series LEFT JOIN gold.imdb_series_kpis USING (series_key)"
KPIS = ", ".join(
    f"coalesce({name}, 0) AS {name}"
    for name in (
        "avg_rating",
        "binge_score",
        "pilot_rating",
        "finale_rating",
        "finale_delta",
        "popularity",
    )
)

# One row: the key figures.
FIGURES = f"""
    SELECT count(*) AS series, coalesce(sum(episodes), 0)::BIGINT AS episodes,
        coalesce(sum(popularity), 0)::BIGINT AS votes,
        avg(avg_rating) FILTER (avg_rating > 0) AS mean
    FROM {RATED_SERIES}"""
# One row per series, the most voted first.
MOST_VOTED = f"""
    SELECT series_label, {KPIS} FROM {RATED_SERIES}
    ORDER BY popularity DESC, series_key LIMIT {TOP}"""
# One row: the series `$series`.
ABOUT = f"""
    SELECT series_label, series_start_year, genres, episodes, seasons, {KPIS},
        coalesce(pilot_basis, 'none') AS pilot_basis, coalesce(finale_basis, 'none') AS finale_basis
    FROM {RATED_SERIES} WHERE series_key = $series"""
# One row per rated episode of `$series` with a number; of equal numbers, the most voted one.
EPISODES = f"""
    SELECT season_number, episode_number, episode_title, rating, votes
    FROM gold.imdb_episode_facts
    WHERE series_key = $series AND rating IS NOT NULL AND season_number >= 0
        AND episode_number IS NOT NULL
    QUALIFY row_number() OVER (
        PARTITION BY season_number, episode_number ORDER BY votes DESC, episode_key) = 1
    ORDER BY season_number, episode_number LIMIT {MOST_EPISODES}"""
# The best and the worst rated episode of `$series`, in `$season` or (None) in all seasons.
EXTREMES = """
    SELECT season_number, episode_number, episode_title, rating, votes
    FROM gold.imdb_episode_facts
    WHERE series_key = $series AND rating IS NOT NULL
        AND ($season IS NULL OR season_number = $season)
    QUALIFY row_number() OVER (ORDER BY rating DESC, votes DESC, episode_key) = 1
        OR row_number() OVER (ORDER BY rating, votes DESC, episode_key) = 1
    ORDER BY rating DESC, votes DESC, episode_key"""
# One row per season of `$series`, the specials last.
SEASONS = """
    SELECT s.season_number, s.season_label, s.episodes_in_season, s.avg_season_rating,
        s.season_start_year, t.votes, t.rating_change
    FROM gold.imdb_series_season_summary AS s
    LEFT JOIN gold.imdb_season_trends AS t USING (series_key, season_number)
    WHERE series_key = $series
    ORDER BY s.season_number = -1, s.season_number LIMIT 1000"""
