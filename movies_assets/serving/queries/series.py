"""Query IMDb's series. Unknown KPIs are 0, as in the original's measures."""

TOP = 10

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
