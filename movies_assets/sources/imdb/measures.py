"""The measures of IMDb for Power BI."""

from movies_assets.core.measure import TWO_DIGITS, WHOLE, Measure, count, mean, mean_where, total


def _kpi(name: str, column: str, basis: str, description: str) -> Measure:
    """Return a figure of a series, which it has unless the basis of the figure is `none`."""
    table = "imdb_series_kpis"
    condition = f"'{table}'[{basis}] <> \"none\""
    formula = mean_where(table, column, condition, "series_key")
    return Measure(table, name, formula, TWO_DIGITS, f"{description} {OF_SEVERAL}")


def _of_movies(function: str, column: str) -> str:
    """Return the formula of a figure that counts each movie once, not once per genre."""
    table = "imdb_movie_facts"
    movies = f"SUMMARIZE('{table}', '{table}'[movie_key], '{table}'[{column}])"
    return f"{function}({movies}, '{table}'[{column}])"


OF_SEVERAL = "Of several series, the mean of those that have one; 0 for one series without."
MEASURES = (
    Measure(
        "imdb_movie_facts",
        "IMDb movies",
        "COALESCE(DISTINCTCOUNT('imdb_movie_facts'[movie_key]), 0)",
        WHOLE,
        "Movies of IMDb; one with several genres counts once.",
        is_of_catalogues=True,
    ),
    Measure(
        "imdb_movie_facts",
        "IMDb rating",
        _of_movies("AVERAGEX", "rating"),
        TWO_DIGITS,
        "Mean rating of the movies that have one, each counted once.",
        is_of_catalogues=True,
    ),
    Measure(
        "imdb_movie_facts",
        "IMDb votes",
        f"COALESCE({_of_movies('SUMX', 'votes')}, 0)",
        WHOLE,
        "Votes for movies, each movie counted once.",
        is_of_catalogues=True,
    ),
    Measure(
        "imdb_episode_facts",
        "Episodes",
        count("imdb_episode_facts"),
        WHOLE,
        "Episodes of series.",
    ),
    Measure(
        "imdb_episode_facts",
        "Episode rating",
        mean("imdb_episode_facts", "rating"),
        TWO_DIGITS,
        "Mean rating of the episodes that have one.",
    ),
    Measure(
        "imdb_episode_facts",
        "Episode votes",
        total("imdb_episode_facts", "votes"),
        WHOLE,
        "Votes for episodes.",
    ),
    _kpi("Avg", "avg_rating", "binge_basis", "Mean rating of a series' episodes."),
    _kpi("Pilot", "pilot_rating", "pilot_basis", "Rating of the pilot."),
    _kpi("Finale", "finale_rating", "finale_basis", "Rating of the finale."),
    _kpi(
        "Finale delta",
        "finale_delta",
        "finale_delta_basis",
        "Rating of the finale less the mean of all episodes.",
    ),
    _kpi(
        "Best season", "best_season_rating", "best_season_basis", "Mean rating of the best season."
    ),
    _kpi(
        "Binge score",
        "binge_score",
        "binge_basis",
        "Mean rating times the decimal logarithm of the episodes.",
    ),
    Measure(
        "imdb_series_kpis",
        "Series votes",
        total("imdb_series_kpis", "popularity"),
        WHOLE,
        "Votes for a series' episodes.",
    ),
    Measure(
        "imdb_trending_titles",
        "Votes gained",
        total("imdb_trending_titles", "votes_gained"),
        WHOLE,
        "Votes that trending titles gained since the previous run date.",
    ),
)
