"""Model IMDb for readers: movies by genre, series by season and episode, KPIs and trends.

Every table mirrors the newest dumps. Keys are the digits of IMDb's ids: 111161 is tt0111161.
"""

from functools import partial

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from movies_assets.core.contract import Contract, column
from movies_assets.core.table import table
from movies_assets.core.thresholds import VOTES_NEEDED
from movies_assets.core.write_mode import OVERWRITE
from movies_assets.sources.imdb.partitions import imdb_run_dates
from movies_assets.sources.imdb.settings import ImdbSettings
from movies_assets.sources.shared.dimensions import LONGEST_KEY, UNKNOWN, bounded, decade_label
from movies_assets.sources.shared.ratings import rating_band

SERIES_TYPES = ["tvSeries", "tvMiniSeries"]
ACTING = ["actor", "actress"]
TOP_BILLED = 3
MOVIES_A_LIST = 25
TRENDING_A_TYPE = 100
YES = 1
OSCAR = r"(?i)oscar|academy award"
# Above every key, so that number * KEYS + key orders by number, then key.
KEYS = 10**10

gold_table = partial(
    table,
    layer="gold",
    group="imdb",
    partition_column="run_date",
    write_mode=OVERWRITE,
)


def key_of(imdb_id: ir.StringColumn) -> ir.IntegerColumn:
    """Return the key of a title or person: the digits of its id."""
    return imdb_id.substr(2).cast("int64")


def mean_of(ratings: ir.FloatingColumn) -> ir.FloatingScalar:
    """Return the mean of ratings with one decimal.

    Summed in tenths, it does not depend on the order of rows.
    """
    tenths = (ratings * 10).round().cast("int64")
    return tenths.sum() / (ratings.count() * 10)


def people_of(pairs: ir.Table, people: ir.Table) -> ir.Table:
    """Join the names, and the ids, of each movie's people in order.

    Args:
        pairs: movie_key, nconst and position, one row per person.
        people: the people's names.
    """
    known = people.select("nconst", "primary_name")
    named = pairs.inner_join(known, "nconst")
    return named.group_by("movie_key").aggregate(
        names=named.primary_name.group_concat(", ", order_by=named.position),
        ids=named.nconst.group_concat(", ", order_by=named.position),
    )


class ImdbMovieFacts(Contract):
    """One row per movie and genre."""

    movie_key: int = column("Digits of the movie's IMDb id.", key=True)
    genre: str = column(
        "One of its genres; 'Unknown' if it has none.",
        key=True,
        str_length={"max_value": LONGEST_KEY},
        compression="dictionary",
    )
    primary_title: str = column("Title in use.", compression="fsst")
    original_title: str = column("Title in its language.", nullable=True, compression="fsst")
    start_year: int = column("Year of release.", nullable=True)
    decade: int = column("First year of the decade.", nullable=True)
    decade_label: str = column("The decade as text: '1990s'; 'Unknown'.", compression="dictionary")
    runtime_minutes: int = column("Running time in minutes.", nullable=True)
    genres: str = column(
        "All its genres, separated by ', '.", nullable=True, compression="dictionary"
    )
    rating: float = column("Weighted average of the ratings, 1 to 10.", nullable=True)
    votes: int = column("Number of votes.", nullable=True)
    directors: str = column("Names of the directors, in order.", nullable=True)
    writers: str = column("Names of the writers, in order.", nullable=True)
    top_actors: str = column(
        "Names of the actors among the first three credits, in order.", nullable=True
    )
    top_actor_keys: str = column("IMDb ids of these actors, in order.", nullable=True)
    is_oscar_winner: bool = column(
        "Whether an alternate title names the Oscar or an Academy Award; NULL if alternate "
        "titles are not loaded.",
        nullable=True,
    )
    vote_bucket: str = column(
        "Band of the number of votes.",
        isin=["50k+", "10k–49k", "1k–9k", "<1k", "unknown"],  # noqa: RUF001 (en dashes are meant)
        compression="dictionary",
    )
    rating_band: str = column(
        "Excellent from 8, Great from 7, Good from 6, else OK.",
        isin=["Excellent", "Great", "Good", "OK", "Unknown"],
        compression="dictionary",
    )
    run_date: dt.Date = column("Run date of the dump.")


@gold_table(contract=ImdbMovieFacts)
def imdb_movie_facts(
    silver_imdb_titles: ir.Table,
    silver_imdb_crew: ir.Table,
    silver_imdb_credits: ir.Table,
    silver_imdb_people: ir.Table,
    silver_imdb_akas: ir.Table,
) -> ir.Table:
    """Return one row per movie and genre, with the movie's people."""
    movies = silver_imdb_titles.filter(silver_imdb_titles.title_type == "movie")
    movies = movies.mutate(movie_key=key_of(movies.tconst))
    crew = silver_imdb_crew.semi_join(movies, "tconst")
    billed = silver_imdb_credits.filter(
        silver_imdb_credits.category.isin(ACTING), silver_imdb_credits.ordering <= TOP_BILLED
    ).semi_join(movies, "tconst")
    akas, people = silver_imdb_akas, silver_imdb_people
    directors = people_of(_listed(crew, "directors"), people)
    writers = people_of(_listed(crew, "writers"), people)
    actors = people_of(
        billed.select("nconst", position=billed.ordering, movie_key=key_of(billed.tconst)), people
    )
    oscars = akas.filter(akas.title.re_search(OSCAR))
    rows = movies
    for more in (
        directors.select("movie_key", directors="names"),
        writers.select("movie_key", writers="names"),
        actors.select("movie_key", top_actors="names", top_actor_keys="ids"),
        oscars.select(movie_key=key_of(oscars.tconst), names_oscar=ibis.literal(YES)).distinct(),
    ):
        rows = rows.left_join(more, "movie_key").drop("movie_key_right")
    genres = ibis.coalesce(rows.genres.unique(), ibis.array(["Unknown"]))
    spread = rows.mutate(genre=genres.unnest())
    spread = spread.mutate(genre=bounded(spread.genre))
    return spread.select(
        "movie_key",
        "genre",
        "primary_title",
        "original_title",
        "start_year",
        "decade",
        "runtime_minutes",
        "rating",
        "votes",
        "directors",
        "writers",
        "top_actors",
        "top_actor_keys",
        "run_date",
        decade_label=decade_label(spread.decade),
        genres=spread.genres.join(", "),
        is_oscar_winner=ibis.ifelse(
            akas.count().as_scalar() > 0, spread.names_oscar.notnull(), ibis.null(bool)
        ),
        vote_bucket=ibis.cases(
            (spread.votes.isnull(), "unknown"),
            (spread.votes >= 50_000, "50k+"),  # noqa: PLR2004 (the name has the bounds)
            (spread.votes >= 10_000, "10k–49k"),  # noqa: PLR2004, RUF001
            (spread.votes >= 1_000, "1k–9k"),  # noqa: PLR2004, RUF001
            else_="<1k",
        ),
        rating_band=rating_band(spread.rating),
    )


def _listed(crew: ir.Table, name: str) -> ir.Table:
    """Return movie_key, nconst and position of the people in a list."""
    named = crew.filter(crew[name].notnull()).select("tconst", nconst=name)
    listed = named.unnest("nconst", offset="position")
    return listed.select("nconst", "position", movie_key=key_of(listed.tconst))


class ImdbTopMoviesByGenre(Contract):
    """One row per genre, decade and rank: the best rated movies with enough votes."""

    genre: str = column("The genre.", key=True, str_length={"max_value": LONGEST_KEY})
    decade_label: str = column(
        "The decade as text; 'Unknown'.", key=True, str_length={"max_value": LONGEST_KEY}
    )
    rank: int = column("Place by rating, then votes, from 1.", key=True, ge=1, le=MOVIES_A_LIST)
    movie_key: int = column("Digits of the movie's IMDb id.")
    primary_title: str = column("Title in use.")
    start_year: int = column("Year of release.", nullable=True)
    decade: int = column("First year of the decade.", nullable=True)
    rating: float = column("Weighted average of the ratings, 1 to 10.", ge=1, le=10)
    votes: int = column(f"Number of votes, at least {VOTES_NEEDED:,}.", ge=VOTES_NEEDED)
    run_date: dt.Date = column("Run date of the dump.")


@gold_table(contract=ImdbTopMoviesByGenre)
def imdb_top_movies_by_genre(gold_imdb_movie_facts: ir.Table) -> ir.Table:
    """Rank the movies of each genre and decade."""
    known = gold_imdb_movie_facts.filter(
        gold_imdb_movie_facts.votes >= VOTES_NEEDED, gold_imdb_movie_facts.rating.notnull()
    )
    ranked = known.mutate(
        rank=ibis.row_number().over(
            group_by=[known.genre, known.decade_label],
            order_by=[known.rating.desc(), known.votes.desc(), known.movie_key],
        )
        + 1
    )
    return ranked.filter(ranked["rank"] <= MOVIES_A_LIST).select(*ImdbTopMoviesByGenre.types())


class ImdbDimSeries(Contract):
    """One row per series: every title of a series type, and every parent of an episode."""

    series_key: int = column("Digits of the series' IMDb id.", key=True)
    series_title: str = column("Title; 'Unknown series' if IMDb does not list the parent.")
    series_start_year: int = column("First year.", nullable=True)
    series_decade: int = column("First year of the decade in which it began.", nullable=True)
    series_label: str = column(
        "Title and year, 'Title (Year)'; the key is appended to duplicates, except for the lowest "
        "key."
    )
    genres: str = column("Its genres, separated by ', '.", nullable=True)
    episodes: int = column("Number of its episodes.", ge=0)
    seasons: int = column("Number of its numbered seasons.", ge=0)
    run_date: dt.Date = column("Run date of the dump.")


@gold_table(contract=ImdbDimSeries)
def imdb_dim_series(silver_imdb_titles: ir.Table, silver_imdb_episodes: ir.Table) -> ir.Table:
    """Collect the series, count their episodes, and give each a unique label."""
    titles, episodes = silver_imdb_titles, silver_imdb_episodes
    newest = ibis.coalesce(titles.run_date.max().as_scalar(), episodes.run_date.max().as_scalar())
    # First by season: counting distinct seasons in one step took five times as long.
    episodes = episodes.select("season_number", series_key=key_of(episodes.series_tconst))
    seasons = episodes.group_by("series_key", "season_number").aggregate(episodes=episodes.count())
    parents = seasons.group_by("series_key").aggregate(
        episodes=seasons.episodes.sum(), seasons=seasons.season_number.count()
    )
    titles = titles.mutate(series_key=key_of(titles.tconst))
    is_parent = titles.series_key.isin(parents.series_key)
    known = titles.filter(titles.title_type.isin(SERIES_TYPES) | is_parent).select(
        "series_key", "primary_title", "start_year", "decade", "genres"
    )
    rows = known.outer_join(parents, "series_key", rname="parent_{name}").mutate(
        series_key=ibis.coalesce(ibis._.series_key, ibis._.parent_series_key)
    )
    title = rows.primary_title.fill_null("Unknown series")
    label = title + (" (" + rows.start_year.cast("string") + ")").fill_null("")
    labelled = rows.select(
        series_key=rows.series_key,
        series_title=title,
        series_start_year=rows.start_year,
        series_decade=rows.decade,
        label=label,
        genres=rows.genres.join(", "),
        episodes=rows.episodes.fill_null(0),
        seasons=rows.seasons.fill_null(0),
        run_date=newest,
    )
    is_first = labelled.series_key == labelled.series_key.min().over(group_by=labelled.label)
    key = " [" + labelled.series_key.cast("string") + "]"
    return labelled.mutate(series_label=labelled.label + ibis.ifelse(is_first, "", key)).drop(
        "label"
    )


class ImdbEpisodeFacts(Contract):
    """One row per episode of a series."""

    episode_key: int = column("Digits of the episode's IMDb id.", key=True)
    series_key: int = column("The series.", references="gold.imdb_dim_series")
    series_title: str = column("Title of the series.", compression="dictionary")
    series_start_year: int = column("First year of the series.", nullable=True)
    series_decade: int = column("First year of the decade in which it began.", nullable=True)
    season_number: int = column("Season; -1 if there is none.", ge=UNKNOWN)
    episode_number: int = column("Number within the season; 0 exists.", nullable=True, ge=0)
    episode_title: str = column("Title of the episode.", nullable=True, compression="fsst")
    episode_year: int = column("Year of the episode.", nullable=True)
    rating: float = column("Weighted average of the ratings, 1 to 10.", nullable=True)
    votes: int = column("Number of votes.", nullable=True)
    is_pilot: bool = column("Whether it is episode 1 of season 1.")
    is_season_premiere: bool = column(
        "Whether it has the lowest number, from 1, of a numbered season; the lowest key of "
        "duplicates."
    )
    is_finale: bool = column(
        "Whether it has the highest number of a numbered season; the highest key of duplicates."
    )
    is_special: bool = column("Whether it belongs to no season.")
    run_date: dt.Date = column("Run date of the dump.")

    @classmethod
    def key_number(cls, rows: ir.Table) -> ir.IntegerColumn:
        """Return the key itself."""
        return rows.episode_key


@gold_table(contract=ImdbEpisodeFacts)
def imdb_episode_facts(
    silver_imdb_episodes: ir.Table, silver_imdb_titles: ir.Table, gold_imdb_dim_series: ir.Table
) -> ir.Table:
    """Join the episodes to their series, and mark pilots, premieres and finales."""
    # Joined by integers: a join of all titles by their ids takes twice as long.
    titles = silver_imdb_titles.select(
        episode_key=key_of(silver_imdb_titles.tconst),
        episode_title=silver_imdb_titles.primary_title,
        episode_year=silver_imdb_titles.start_year,
        rating=silver_imdb_titles.rating,
        votes=silver_imdb_titles.votes,
    )
    series = gold_imdb_dim_series.select(
        "series_key", "series_title", "series_start_year", "series_decade", "run_date"
    )
    episodes = silver_imdb_episodes.select(
        "season_number",
        "episode_number",
        episode_key=key_of(silver_imdb_episodes.tconst),
        series_key=key_of(silver_imdb_episodes.series_tconst),
    )
    episodes = episodes.mutate(place=episodes.episode_number * KEYS + episodes.episode_key)
    seasons = (
        episodes.filter(episodes.season_number.notnull())
        .group_by("series_key", "season_number")
        .aggregate(
            first=episodes.place.min(where=episodes.episode_number >= 1), last=episodes.place.max()
        )
    )
    rows = (
        episodes.left_join(seasons, ["series_key", "season_number"])
        .drop("series_key_right", "season_number_right")
        .left_join(titles, "episode_key")
        .drop("episode_key_right")
        .left_join(series, "series_key")
    )
    return rows.select(
        "episode_key",
        "series_key",
        "series_title",
        "series_start_year",
        "series_decade",
        "episode_number",
        "episode_title",
        "episode_year",
        "rating",
        "votes",
        "run_date",
        season_number=rows.season_number.fill_null(UNKNOWN),
        is_pilot=_surely((rows.season_number == 1) & (rows.episode_number == 1)),
        is_season_premiere=_surely(rows.place == rows["first"]),
        is_finale=_surely(rows.place == rows["last"]),
        is_special=rows.season_number.isnull(),
    )


def _surely(condition: ir.BooleanValue) -> ir.BooleanValue:
    """Return NULL as false."""
    return condition.fill_null(False)  # noqa: FBT003


class ImdbSeriesSeasonSummary(Contract):
    """One row per series and season; season -1 holds the episodes without a season."""

    series_key: int = column("The series.", key=True, references="gold.imdb_dim_series")
    season_number: int = column("Season; -1 for specials.", key=True, ge=UNKNOWN)
    season_label: str = column("Season as text: 'Season 3'; 'Specials'.")
    episodes_in_season: int = column("Number of episodes.", ge=1)
    avg_season_rating: float = column(
        "Mean rating of the rated episodes.", nullable=True, ge=1, le=10
    )
    season_start_year: int = column("Year of the first episode.", nullable=True)
    season_end_year: int = column("Year of the last episode.", nullable=True)
    run_date: dt.Date = column("Run date of the dump.")


@gold_table(contract=ImdbSeriesSeasonSummary)
def imdb_series_season_summary(gold_imdb_episode_facts: ir.Table) -> ir.Table:
    """Aggregate the episodes by season."""
    episodes = gold_imdb_episode_facts
    seasons = episodes.group_by("series_key", "season_number").aggregate(
        episodes_in_season=episodes.count(),
        avg_season_rating=mean_of(episodes.rating),
        season_start_year=episodes.episode_year.min(),
        season_end_year=episodes.episode_year.max(),
        run_date=episodes.run_date.max(),
    )
    numbered = "Season " + seasons.season_number.cast("string")
    return seasons.mutate(
        season_label=ibis.ifelse(seasons.season_number == UNKNOWN, "Specials", numbered)
    )


class ImdbSeriesKpis(Contract):
    """One row per series: its KPIs, each 0 if there is nothing to measure.

    A basis column names the episodes that a KPI was computed from; 'none' marks such a 0.
    """

    series_key: int = column("The series.", key=True, references="gold.imdb_dim_series")
    rated_episodes: int = column("Number of rated episodes.", ge=0)
    avg_rating: float = column("Mean rating of the rated episodes.", ge=0, le=10)
    pilot_rating: float = column(
        "Rating of episode 1 of season 1, else of season 1's premiere, else of the earliest rated "
        "episode.",
        ge=0,
        le=10,
    )
    pilot_basis: str = column(
        "The episode of pilot_rating: 'pilot S1E1', 'premiere S1E2', 'earliest rated S2E5', "
        "'none'.",
        compression="dictionary",
    )
    finale_rating: float = column(
        "Rating of the latest rated episode if it ends a season, else of the last season's finale, "
        "else of the latest rated episode.",
        ge=0,
        le=10,
    )
    finale_basis: str = column(
        "The episode of finale_rating: 'finale S2E9', 'finale of the last season S3E8', 'latest "
        "rated S3E4', 'latest rated special', 'none'.",
        compression="dictionary",
    )
    best_season_rating: float = column("Mean rating of the best numbered season.", ge=0, le=10)
    best_season_basis: str = column(
        "The seasons that were compared: '3 rated seasons', 'none'.", compression="dictionary"
    )
    finale_delta: float = column(
        "Change at the finale: finale_rating - avg_rating, rounded to 2 decimals.",
        ge=-10,
        le=10,
    )
    finale_delta_basis: str = column(
        "The episodes with which the finale is compared: '24 rated episodes', 'none'.",
        compression="dictionary",
    )
    popularity: int = column("Votes for all its episodes.", ge=0)
    binge_score: float = column(
        "Quality times length: avg_rating x log10(number of episodes).", ge=0
    )
    binge_basis: str = column(
        "The episodes that it is computed from: '24 rated of 26 episodes', 'none'.",
        compression="dictionary",
    )
    run_date: dt.Date = column("Run date of the dump.")


@gold_table(contract=ImdbSeriesKpis)
def imdb_series_kpis(
    gold_imdb_dim_series: ir.Table,
    gold_imdb_episode_facts: ir.Table,
    gold_imdb_series_season_summary: ir.Table,
) -> ir.Table:
    """Return the KPIs of each series."""
    summary = gold_imdb_series_season_summary
    numbered = summary.filter(summary.season_number != UNKNOWN)
    seasons = numbered.group_by("series_key").aggregate(
        last_season=numbered.season_number.max(),
        best_season=numbered.avg_season_rating.max(),
        rated_seasons=numbered.avg_season_rating.count(),
    )
    measured = _measured(gold_imdb_episode_facts, seasons)
    rows = (
        gold_imdb_dim_series.left_join(measured, "series_key")
        .drop("series_key_right")
        .left_join(seasons, "series_key")
    )
    rated = rows.rated.fill_null(0)
    average = rows.average.fill_null(0.0)
    pilot = ibis.coalesce(rows.pilot, rows.premiere, rows.earliest)
    finale = ibis.ifelse(
        rows.ends_a_season, rows.latest, ibis.coalesce(rows.last_finale, rows.latest)
    )
    return rows.select(
        "series_key",
        "run_date",
        rated_episodes=rated,
        avg_rating=average,
        pilot_rating=pilot.fill_null(0.0),
        pilot_basis=ibis.cases(
            (rows.pilot.notnull(), "pilot S1E1"),
            (rows.premiere.notnull(), "premiere S1E" + rows.premiere_number.cast("string")),
            (
                rows.earliest.notnull(),
                "earliest rated " + _place(rows.earliest_season, rows.earliest_number),
            ),
            else_="none",
        ),
        finale_rating=finale.fill_null(0.0),
        finale_basis=ibis.cases(
            (rows.ends_a_season, "finale " + _place(rows.latest_season, rows.latest_number)),
            (
                rows.last_finale.notnull(),
                "finale of the last season " + _place(rows.last_season, rows.last_number),
            ),
            (
                rows.latest.notnull(),
                "latest rated " + _place(rows.latest_season, rows.latest_number),
            ),
            else_="none",
        ),
        best_season_rating=rows.best_season.fill_null(0.0),
        best_season_basis=_counted(rows.rated_seasons, "rated season"),
        finale_delta_basis=_counted(rated, "rated episode"),
        binge_basis=ibis.ifelse(
            rated > 0,
            rated.cast("string") + " rated of " + _counted(rows.episodes, "episode"),
            "none",
        ),
        finale_delta=(finale - rows.average).round(2).fill_null(0.0),
        popularity=rows.popularity.fill_null(0),
        binge_score=ibis.ifelse(rows.episodes > 0, average * rows.episodes.log10(), 0.0).fill_null(
            0.0
        ),
    )


def _place(season: ir.IntegerColumn, number: ir.IntegerColumn) -> ir.StringColumn:
    """Name an episode by its place: 'S1E25'; 'S1' if it has no number; 'special'."""
    numbered = "S" + season.cast("string") + ("E" + number.cast("string")).fill_null("")
    return ibis.ifelse(season == UNKNOWN, "special", numbered)


def _counted(count: ir.IntegerColumn, noun: str) -> ir.StringColumn:
    """Format a count: '1 episode', '2 episodes'; 'none'."""
    plural = ibis.ifelse(count == 1, noun, f"{noun}s")
    return ibis.ifelse(count > 0, count.cast("string") + " " + plural, "none").fill_null("none")


def _measured(episodes: ir.Table, seasons: ir.Table) -> ir.Table:
    """Return the KPIs of the series that have rated episodes.

    Episodes are sorted by year, season and number; episodes without a season come before the
    seasons in the search for the latest, and after them in that for the earliest.
    """
    rated = episodes.filter(episodes.rating.notnull())
    rated = rated.left_join(seasons.select("series_key", "last_season"), "series_key")
    season, number = rated.season_number, rated.episode_number
    by_series = partial(ibis.row_number().over, group_by=rated.series_key)
    rated = rated.mutate(
        pilot_place=by_series(
            order_by=[rated.is_pilot.desc(), rated.votes.desc(), rated.episode_key]
        ),
        early_place=by_series(
            order_by=[
                rated.episode_year.asc(nulls_first=False),
                season.nullif(UNKNOWN).asc(nulls_first=False),
                number.asc(nulls_first=False),
                rated.episode_key,
            ]
        ),
        late_place=by_series(
            order_by=[
                rated.episode_year.desc(nulls_first=False),
                season.desc(),
                number.desc(nulls_first=False),
                rated.episode_key.desc(),
            ]
        ),
    )
    rating = rated.rating
    is_latest, is_earliest = rated.late_place == 0, rated.early_place == 0
    is_premiere = rated.is_season_premiere & (season == 1)
    is_last_finale = rated.is_finale & (season == rated.last_season)
    return rated.group_by("series_key").aggregate(
        rated=rating.count(),
        average=mean_of(rating),
        popularity=rated.votes.sum(),
        pilot=rating.max(where=rated.is_pilot & (rated.pilot_place == 0)),
        premiere=rating.max(where=is_premiere),
        premiere_number=number.max(where=is_premiere),
        earliest=rating.max(where=is_earliest),
        earliest_season=season.max(where=is_earliest),
        earliest_number=number.max(where=is_earliest),
        latest=rating.max(where=is_latest),
        latest_season=season.max(where=is_latest),
        latest_number=number.max(where=is_latest),
        ends_a_season=rated.is_finale.any(where=is_latest),
        last_finale=rating.max(where=is_last_finale),
        last_number=number.max(where=is_last_finale),
    )


class ImdbSeasonTrends(Contract):
    """One row per series and numbered season that has rated episodes: its ratings over time."""

    series_key: int = column("The series.", key=True, references="gold.imdb_dim_series")
    season_number: int = column("Season.", key=True, ge=0)
    series_title: str = column("Title of the series.")
    avg_rating: float = column("Mean rating of the rated episodes.", ge=1, le=10)
    votes: int = column("Votes for all its episodes.", ge=0)
    episodes: int = column("Number of episodes.", ge=1)
    rated_episodes: int = column("Number of rated episodes.", ge=1)
    rating_change: float = column(
        "Change of avg_rating since the previous rated season; NULL for the first.", nullable=True
    )
    run_date: dt.Date = column("Run date of the dump.")


@gold_table(contract=ImdbSeasonTrends)
def imdb_season_trends(gold_imdb_episode_facts: ir.Table) -> ir.Table:
    """Compare the ratings of each season with the previous one."""
    episodes = gold_imdb_episode_facts
    episodes = episodes.filter(episodes.season_number != UNKNOWN)
    seasons = episodes.group_by("series_key", "season_number").aggregate(
        series_title=episodes.series_title.max(),
        avg_rating=mean_of(episodes.rating),
        votes=episodes.votes.sum(),
        episodes=episodes.count(),
        rated_episodes=episodes.rating.count(),
        run_date=episodes.run_date.max(),
    )
    rated = seasons.filter(seasons.rated_episodes > 0)
    before = rated.avg_rating.lag().over(group_by=rated.series_key, order_by=rated.season_number)
    return rated.mutate(rating_change=rated.avg_rating - before)


class ImdbTrendingTitles(Contract):
    """One row per title that changed since the previous run date, the top 100 of each type."""

    title_key: int = column("Digits of the title's IMDb id.", key=True)
    title_type: str = column("Type of the title, as IMDb calls it.")
    primary_title: str = column("Title in use.")
    start_year: int = column("Year of release, of a series its first.", nullable=True)
    rank: int = column(
        "Place within its type by votes gained, then by the change of the rating, from 1.",
        ge=1,
        le=TRENDING_A_TYPE,
    )
    votes: int = column("Number of votes.", ge=0)
    votes_gained: int = column(
        "Votes gained since the previous run date; negative if IMDb has removed votes."
    )
    rating: float = column("Weighted average of the ratings, 1 to 10.", ge=1, le=10)
    rating_change: float = column("Change of the rating, rounded to 2 decimals.", ge=-9, le=9)
    previous_run_date: dt.Date = column("The previous run date.")
    run_date: dt.Date = column("Run date of the ratings.")


@gold_table(contract=ImdbTrendingTitles)
def imdb_trending_titles(silver_imdb_ratings: ir.Table, silver_imdb_titles: ir.Table) -> ir.Table:
    """Compare the two newest run dates; return no rows if there is only one."""
    ratings = silver_imdb_ratings.filter(silver_imdb_ratings.rating.notnull())
    newest = ratings.run_date.max().as_scalar()
    earlier = ratings.filter(ratings.run_date < newest)
    now = ratings.filter(ratings.run_date == newest)
    before = earlier.filter(earlier.run_date == earlier.run_date.max().as_scalar()).select(
        tconst="tconst", votes_before="votes", rating_before="rating", previous_run_date="run_date"
    )
    moved = now.inner_join(before, "tconst").mutate(
        votes_gained=ibis._.votes - ibis._.votes_before,
        rating_change=(ibis._.rating - ibis._.rating_before).round(2),
    )
    moved = moved.filter((moved.votes_gained != 0) | (moved.rating != moved.rating_before))
    titles = silver_imdb_titles.select("tconst", "title_type", "primary_title", "start_year")
    rows = moved.inner_join(titles, "tconst").mutate(title_key=key_of(ibis._.tconst))
    ranked = rows.mutate(
        rank=ibis.row_number().over(
            group_by=rows.title_type,
            order_by=[rows.votes_gained.desc(), rows.rating_change.abs().desc(), rows.title_key],
        )
        + 1
    )
    return ranked.filter(ranked["rank"] <= TRENDING_A_TYPE).select(*ImdbTrendingTitles.types())


class ImdbRatingHistory(Contract):
    """One row per run date, and title that had 1,000 votes or more then."""

    title_key: int = column("Digits of the title's IMDb id.", key=True)
    run_date: dt.Date = column("Run date of the ratings: the partition.", key=True)
    rating: float = column("Weighted average of the ratings, 1 to 10.", ge=1, le=10)
    votes: int = column(f"Number of votes, at least {VOTES_NEEDED:,}.", ge=VOTES_NEEDED)


@table(
    layer="gold",
    group="imdb",
    contract=ImdbRatingHistory,
    partitions=imdb_run_dates,
    partition_column="run_date",
    keep_partitions=lambda settings: settings.section(ImdbSettings).keep_ratings,
)
def imdb_rating_history(silver_imdb_ratings: ir.Table) -> ir.Table:
    """Keep the ratings of known titles, run date by run date."""
    ratings = silver_imdb_ratings
    known = ratings.filter(ratings.votes >= VOTES_NEEDED, ratings.rating.notnull())
    return known.select("run_date", "rating", "votes", title_key=key_of(known.tconst))
