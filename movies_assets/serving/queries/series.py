"""Query IMDb's series. Where gold falls back to 0, the figures here are unknown."""

TOP = 10
# Daily soaps have more episodes than a page can draw: the first are drawn, or the chosen season's.
MOST_EPISODES = 1_000
# Parts of the run of a series, by which series are compared.
PARTS = 10
# Episodes at either end of the list of the best and the worst.
EXTREMES_EACH = 5

RATED_SERIES = "gold.imdb_dim_series LEFT JOIN gold.imdb_series_kpis USING (series_key)"
KPIS = ", ".join(
    f"CASE WHEN rated_episodes > 0 THEN {name} END AS {name}"
    for name in (
        "avg_rating",
        "binge_score",
        "pilot_rating",
        "finale_rating",
        "finale_delta",
    )
)
BASES = """coalesce(pilot_basis, 'none') AS pilot_basis,
        coalesce(finale_basis, 'none') AS finale_basis"""

# Votes of the episodes that a basis names.
VOTES_OF_ENDS = ", ".join(
    f"""(SELECT max(e.votes) FROM gold.imdb_episode_facts AS e
            WHERE e.series_key = $series AND e.rating IS NOT NULL AND ends_with(
                {end}_basis, format(' S{{}}E{{}}', e.season_number, e.episode_number)))
            AS {end}_votes"""
    for end in ("pilot", "finale")
)

# One row: the key figures.
FIGURES = f"""
    SELECT count(*) AS series, coalesce(sum(episodes), 0)::BIGINT AS episodes,
        coalesce(sum(popularity), 0)::BIGINT AS votes,
        avg(avg_rating) FILTER (rated_episodes > 0) AS mean
    FROM {RATED_SERIES}"""
# One row per series, the most voted first.
MOST_VOTED = f"""
    SELECT series_label, {KPIS}, {BASES} FROM {RATED_SERIES}
    ORDER BY coalesce(popularity, 0) DESC, series_key LIMIT {TOP}"""
# One row: the series `$series`, with the votes of the episodes that count as its pilot and finale.
ABOUT = f"""
    SELECT series_label, series_start_year, genres, episodes, seasons, {KPIS}, {BASES},
        coalesce(rated_episodes, 0) AS rated_episodes, coalesce(popularity, 0) AS popularity,
        {VOTES_OF_ENDS}
    FROM {RATED_SERIES} WHERE series_key = $series"""
# Episodes of the series that a condition chooses, with the place of each in the order in which they
# were aired; of equal numbers the rated and most voted one. An episode without a season follows the
# newest season that had begun in its year.
AIRED = """
    WITH single AS (
        SELECT *, CASE WHEN season_number >= 0 THEN season_number ELSE max(season_number) OVER (
            PARTITION BY series_key ORDER BY episode_year NULLS LAST) END AS aired_season
        FROM gold.imdb_episode_facts WHERE {condition}
        QUALIFY row_number() OVER (
            PARTITION BY series_key, season_number, coalesce(episode_number, -episode_key)
            ORDER BY rating IS NULL, votes DESC NULLS LAST, episode_key) = 1),
    aired AS (
        SELECT *, row_number() OVER (
                PARTITION BY series_key ORDER BY aired_season, season_number < 0,
                episode_number NULLS LAST, episode_year NULLS LAST, episode_key) AS place,
            count(*) OVER (PARTITION BY series_key) AS listed
        FROM single)"""
# One row per episode of `$series`. Those of `$season` come first.
EPISODES = f"""
    {AIRED.format(condition="series_key = $series")}
    SELECT season_number, episode_number, episode_title, rating, votes, place, listed FROM aired
    ORDER BY season_number IS DISTINCT FROM $season, place LIMIT {MOST_EPISODES}"""
# One row per series of `$keys` and part of its run that has rated episodes; an episode counts in
# each part that it overlaps.
PARTS_OF_RUNS = f"""
    {AIRED.format(condition="list_contains($keys, series_key)")}
    SELECT series_key, series_label, part, avg(rating) AS rating, count(rating) AS rated
    FROM aired JOIN range({PARTS}) AS parts(part)
        ON place - 1 < listed * (part + 1) / {PARTS} AND place > listed * part / {PARTS}
    JOIN gold.imdb_dim_series USING (series_key)
    WHERE rating IS NOT NULL GROUP BY ALL ORDER BY ALL"""
# One row per series of `$keys`.
NAMES = """
    SELECT series_key, series_label FROM gold.imdb_dim_series
    WHERE list_contains($keys, series_key) ORDER BY list_position($keys, series_key)"""
# The best and the worst rated episodes of `$series`, in `$season` or (None) in all seasons, with
# their rank among all that are rated.
EXTREMES = f"""
    SELECT season_number, episode_number, episode_title, rating, votes,
        rank() OVER (ORDER BY rating DESC) AS rank, count(*) OVER () AS rated,
        row_number() OVER (ORDER BY rating DESC, votes DESC, episode_key) AS from_best,
        row_number() OVER (ORDER BY rating, votes DESC, episode_key) AS from_worst
    FROM gold.imdb_episode_facts
    WHERE series_key = $series AND rating IS NOT NULL
        AND ($season IS NULL OR season_number = $season)
    QUALIFY from_best <= {EXTREMES_EACH} OR from_worst <= {EXTREMES_EACH}
    ORDER BY rating DESC, from_best"""
# One row per season of `$series`, the specials last.
SEASONS = """
    SELECT s.season_number, s.season_label, s.episodes_in_season, s.avg_season_rating,
        s.season_start_year, t.votes, t.rating_change
    FROM gold.imdb_series_season_summary AS s
    LEFT JOIN gold.imdb_season_trends AS t USING (series_key, season_number)
    WHERE series_key = $series
    ORDER BY s.season_number = -1, s.season_number LIMIT 1000"""
