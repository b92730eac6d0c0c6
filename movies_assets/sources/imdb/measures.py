"""The measures of IMDb for Power BI."""

from movies_assets.core.measure import TWO_DIGITS, WHOLE, Measure, count, mean, total


def _kpi(name: str, column: str, description: str) -> Measure:
    table = "imdb_series_kpis"
    return Measure(table, name, mean(table, column), TWO_DIGITS, description)


def _of_movies(function: str, column: str) -> str:
    """Return the formula of a figure that counts each movie once, not once per genre."""
    table = "imdb_movie_facts"
    movies = f"SUMMARIZE('{table}', '{table}'[movie_key], '{table}'[{column}])"
    return f"COALESCE({function}({movies}, '{table}'[{column}]), 0)"


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
        _of_movies("SUMX", "votes"),
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
    _kpi("Avg", "avg_rating", "Mean rating of a series' episodes; of several series, their mean."),
    _kpi("Pilot", "pilot_rating", "Rating of the pilot."),
    _kpi("Finale", "finale_rating", "Rating of the finale."),
    _kpi("Finale delta", "finale_delta", "Rating of the finale less the mean of all episodes."),
    _kpi("Best season", "best_season_rating", "Mean rating of the best season."),
    _kpi("Binge score", "binge_score", "Mean rating times the decimal logarithm of the episodes."),
    Measure(
        "imdb_series_kpis",
        "Series votes",
        total("imdb_series_kpis", "popularity"),
        WHOLE,
        "Votes for a series' episodes.",
    ),
)
