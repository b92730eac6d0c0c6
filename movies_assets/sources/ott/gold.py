"""Compute the streaming service's figures: top lists, engagement, popularity and recommendations.

Users are identified by their keyed hash. Every table is a full refresh from silver; the engine
computes each step for all users at once.
"""

from functools import partial

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from movies_assets.core.contract import Contract, StringList, column
from movies_assets.core.table import table
from movies_assets.core.write_mode import OVERWRITE
from movies_assets.sources.ott.silver import EXACT, KEY_DIGITS, matched
from movies_assets.sources.shared.dimensions import LONGEST_KEY, UNKNOWN_NAME, bounded

# The percentile of views that is the weight m of the mean score.
KNOWN_QUANTILE = 0.6
RECOMMENDED = 10
OVERALL = "overall"
# The name of the list of all titles, which is not a genre.
ALL_TITLES = ""
# A choice encoded as a number: the turn, the number of the list, and the place on it.
PLACE_BITS, TURN_BITS = 32, 56

full_refresh = partial(table, layer="gold", group="ott", write_mode=OVERWRITE)


class OttDimUser(Contract):
    """One row per user."""

    user_key: str = column("Keyed hash of the user.", key=True, personal=True)
    signup_date: dt.Date = column("Day of the registration.", nullable=True)
    country: str = column("Country.", nullable=True, compression="dictionary")
    preferred_genres: StringList = column("Preferred genres; NULL if none is known.", nullable=True)


@full_refresh(contract=OttDimUser)
def ott_dim_user(silver_ott_users: ir.Table) -> ir.Table:
    """Describe the users without identifying data."""
    return silver_ott_users.select(*OttDimUser.types())


class OttDimTitle(Contract):
    """One row per title of the catalogue."""

    title_key: str = column(
        "Hash of the title's name and its premiere, else its year of release.",
        key=True,
        str_length={"max_value": KEY_DIGITS},
    )
    title_name: str = column("The title without case and surplus blanks.")
    title: str = column("Title.")
    genres: StringList = column("Genres, in lower case; NULL if none is known.", nullable=True)
    premiere: dt.Date = column("Day of the premiere.", nullable=True)
    release_year: int = column("Year of release.", nullable=True)
    added_date: dt.Date = column("Day on which it was added to the catalogue.", nullable=True)
    runtime_minutes: int = column("Running time in minutes.", nullable=True)
    imdb_score: float = column("Score on IMDb, 1 to 10.", nullable=True)
    language: str = column("Language, or several.", nullable=True)


@full_refresh(contract=OttDimTitle)
def ott_dim_title(silver_ott_titles: ir.Table) -> ir.Table:
    """Describe the titles."""
    return silver_ott_titles.select(*OttDimTitle.types())


def genres_of(titles: ir.Table) -> ir.Table:
    """Return one row per title and genre; a title without genres has the unknown one."""
    known = ibis.ifelse(titles.genres.length() > 0, titles.genres, ibis.array([UNKNOWN_NAME]))
    rows = titles.mutate(genre=known.unnest()).drop("genres")
    return rows.mutate(genre=bounded(rows.genre))


def mean_score(titles: ir.Table) -> ir.FloatingScalar:
    """Return the mean IMDb score, independent of the order of rows.

    A difference in the last digits of the mean could change a rounded score: the mean of 64 scores
    with one decimal may end with a 5 that is rounded.
    """
    scores = titles.imdb_score
    return scores.cast(EXACT).sum().cast("float64") / scores.count()


def weighted(titles: ir.Table) -> ir.Table:
    """Add the weighted score to titles with `imdb_score` and `views`, and leave out unscored ones.

    It is (v/(v+m))*R + (m/(v+m))*C: v the views, R the score, C the mean score and m the 60th
    percentile of views of all scored titles. The fewer views, the closer to the mean.
    """
    scored = titles.filter(titles.imdb_score.notnull())
    of_all = scored.aggregate(mean=mean_score(scored), known=scored.views.quantile(KNOWN_QUANTILE))
    rows = scored.cross_join(of_all)
    seen = rows.views + rows.known
    # If most titles have no views, the mean has no weight.
    share = ibis.ifelse(seen > 0, rows.views / seen, 1.0)
    score = (share * rows.imdb_score + (1 - share) * rows.mean).round(6)
    return rows.mutate(weighted_score=score).drop("mean", "known")


def ranked(titles: ir.Table) -> ir.Table:
    """Rank weighted titles within their genre by score in descending order, then by key."""
    rows = genres_of(titles)
    best = [rows.weighted_score.desc(), rows.views.desc(), rows.title_key]
    place = ibis.row_number().over(group_by=rows.genre, order_by=best)
    return rows.mutate(rank=place + 1)


def with_views(titles: ir.Table, watched: ir.Table) -> ir.Table:
    """Return the views of each title: the service's count, else the number of events."""
    counted = watched.group_by("title_key").aggregate(counted=watched.views.sum())
    rows = titles.left_join(counted, "title_key").drop("title_key_right")
    return rows.mutate(views=ibis.coalesce(rows.views, rows.counted, 0)).drop("counted")


class OttTopMoviesByGenre(Contract):
    """One row per genre and title with a score."""

    genre: str = column(
        "Genre in lower case; 'unknown' for none.", key=True, str_length={"max_value": LONGEST_KEY}
    )
    title_key: str = column("The title.", key=True, references="gold.ott_dim_title")
    rank: int = column("Place in the genre, 1 the best.", ge=1)
    weighted_score: float = column(
        "The score (v/(v+m))*R + (m/(v+m))*C: v views, R score, C the mean score, m the 60th "
        "percentile of views.",
        ge=1,
        le=10,
    )
    imdb_score: float = column("Score on IMDb, 1 to 10.", ge=1, le=10)
    views: int = column(
        "Views by the service's count, or the number of events if it has none.", ge=0
    )


@full_refresh(contract=OttTopMoviesByGenre)
def ott_top_movies_by_genre(silver_ott_titles: ir.Table, silver_ott_watched: ir.Table) -> ir.Table:
    """Rank the titles of each genre by their weighted score."""
    titles = with_views(silver_ott_titles, silver_ott_watched)
    return ranked(weighted(titles)).select(*OttTopMoviesByGenre.types())


class OttGenreEngagement(Contract):
    """One row per genre of a title or a user's preferences."""

    genre: str = column(
        "Genre in lower case; 'unknown' for titles without genres.",
        key=True,
        str_length={"max_value": LONGEST_KEY},
    )
    users_preferring: int = column("Users who prefer it.", ge=0)
    viewers: int = column("Users who watched one of its titles.", ge=0)
    views: int = column("Watch events of its titles; a title of two genres counts in both.", ge=0)
    minutes: float = column(
        "Known minutes watched of its titles; NULL if all are unknown.",
        nullable=True,
        ge=0,
    )
    views_without_minutes: int = column("Watch events whose minutes are unknown.", ge=0)
    average_score: float = column("Mean IMDb score of its titles.", nullable=True)


@full_refresh(contract=OttGenreEngagement)
def ott_genre_engagement(
    silver_ott_titles: ir.Table, silver_ott_watched: ir.Table, silver_ott_users: ir.Table
) -> ir.Table:
    """Compare users' preferences with their views by genre."""
    titles = genres_of(silver_ott_titles).select("title_key", "genre", "imdb_score")
    scores = titles.group_by("genre").aggregate(average_score=mean_score(titles).round(6))
    liked = silver_ott_users.select(genre=silver_ott_users.preferred_genres.unnest())
    liked = liked.mutate(genre=bounded(liked.genre))
    liked = liked.group_by("genre").aggregate(users_preferring=liked.count())
    seen = silver_ott_watched.inner_join(titles, "title_key")
    seen = seen.group_by("genre").aggregate(
        viewers=seen.user_id.nunique(),
        views=seen.views.sum(),
        minutes=seen.minutes.sum().round(3),
        views_without_minutes=seen.views_without_minutes.sum(),
    )
    genres = ibis.union(scores.select("genre"), liked.select("genre"), distinct=True)
    rows = genres
    for found in (scores, liked, seen):
        rows = rows.left_join(found, "genre").drop("genre_right")
    return rows.mutate(
        users_preferring=rows.users_preferring.fill_null(0),
        viewers=rows.viewers.fill_null(0),
        views=rows.views.fill_null(0),
        # Without views, the minutes are 0, not unknown.
        minutes=ibis.ifelse(rows.views.isnull(), 0.0, rows.minutes),
        views_without_minutes=rows.views_without_minutes.fill_null(0),
    )


class OttPopularMovies(Contract):
    """One row per title and day on which it was watched, and one per title over all days."""

    period: str = column(
        "The day as YYYY-MM-DD, or 'overall'.",
        key=True,
        compression="dictionary",
        str_length={"max_value": 10},
    )
    title_key: str = column("The title.", key=True, references="gold.ott_dim_title")
    watched_date: dt.Date = column("The day (UTC); NULL over all days.", nullable=True)
    views: int = column("Watch events.", ge=1)
    viewers: int = column("Users who watched it.", ge=1)
    imdb_score: float = column("Score on IMDb, 1 to 10.", nullable=True)
    rank: int = column("Place in the period: by viewers, then views, 1 the first.", ge=1)


@full_refresh(contract=OttPopularMovies)
def ott_popular_movies(
    silver_ott_views: ir.Table, silver_ott_titles: ir.Table, silver_ott_watched: ir.Table
) -> ir.Table:
    """Count views and viewers of each title, by day and overall."""
    events = matched(silver_ott_views, silver_ott_titles)
    # In two steps, which can spill to disk; sets of distinct users within a group cannot.
    by_viewer = (
        events.filter(events.title_key.notnull())
        .group_by("title_key", "watched_date", "user_id")
        .aggregate(views=ibis._.count())
    )
    by_day = by_viewer.group_by("title_key", "watched_date").aggregate(
        views=ibis._.views.sum(), viewers=ibis._.count()
    )
    overall = silver_ott_watched.group_by("title_key").aggregate(
        watched_date=ibis.null("date"), views=ibis._.views.sum(), viewers=ibis._.count()
    )
    rows = by_day.union(overall.select(*by_day.columns))
    scores = silver_ott_titles.select("title_key", "imdb_score")
    rows = rows.inner_join(scores, "title_key")
    most = [rows.viewers.desc(), rows.views.desc(), rows.title_key]
    place = ibis.row_number().over(group_by=rows.watched_date, order_by=most)
    return rows.mutate(period=rows.watched_date.cast("string").fill_null(OVERALL), rank=place + 1)


def first_unseen(wanted: ir.Table, lists: ir.Table, seen: ir.Table) -> ir.Table:
    """Return the first ten unseen titles of each user, taken from the lists in turn.

    Among the first unseen titles of each list, then among the second ones and so on, the better
    scores come first. A title on several lists counts on the list where it comes first.

    The place of the k-th unseen title of a list follows from the places of the seen ones: before
    the j-th seen title, at place p, there are p - j unseen ones, so the k-th unseen one has place k
    plus the number of seen ones with p - j < k. So only seen titles are sorted, and no user is
    compared with all titles: 25 million pairs instead of billions.

    Args:
        wanted: `user_id`, `list`: the lists that a user chooses from.
        lists: `list`, `place` (1 the first), `title_key`, `score`.
        seen: `user_id`, `title_key`; and `list`, if there are many lists and a user chooses from
            one, so that seen titles are not looked up in all of them.

    Returns:
        `user_id`, `rank` (from 1), `title_key`, `score`, `list`, `place`.
    """
    # As numbers: texts of 47 million seen pairs did not fit into 8 GB.
    names, titles = numbered(lists, "list"), numbered(lists, "title_key")
    users = numbered(wanted, "user_id")
    places = lists.inner_join(names, "list").inner_join(titles, "title_key")
    wanted = wanted.inner_join(names, "list").inner_join(users, "user_id")
    wanted = wanted.select("user_number", "list_number")
    seen = seen.inner_join(users, "user_id")
    same = [name for name in ("list", "title_key") if name in seen.columns]
    passed = seen.select("user_number", *same).inner_join(places, same)
    passed = passed.select("user_number", "list_number", "place")
    passed = passed.semi_join(wanted, ["user_number", "list_number"])
    number = ibis.row_number().over(
        group_by=[passed.user_number, passed.list_number], order_by=passed.place
    )
    passed = passed.select("user_number", "list_number", before=passed.place - number - 1)
    passed = passed.filter(passed.before < RECOMMENDED)
    skipped = passed.group_by("user_number", "list_number").aggregate(
        places=ibis.array(
            [turn + (passed.before < turn).sum() for turn in range(1, RECOMMENDED + 1)]
        )
    )
    rows = wanted.left_join(skipped, ["user_number", "list_number"])
    rows = rows.mutate(turn=ibis.range(1, RECOMMENDED + 1).unnest().cast("int64"))
    rows = rows.mutate(place=ibis.coalesce(rows.places[rows.turn - 1], rows.turn))
    rows = rows.select("user_number", "list_number", "turn", "place")
    rows = rows.inner_join(places, ["list_number", "place"])
    # The least number has the least turn, then the first list.
    choice = (rows.turn << TURN_BITS) + (rows.list_number << PLACE_BITS) + rows.place
    best = rows.mutate(choice=choice).group_by("user_number", "title_number")
    best = best.aggregate(score=ibis._.score.max(), choice=ibis._.choice.min())
    order = [best.choice >> TURN_BITS, best.score.desc(), best.title_number]
    rank = ibis.row_number().over(group_by=best.user_number, order_by=order) + 1
    chosen = best.mutate(rank=rank).filter(ibis._.rank <= RECOMMENDED)
    chosen = chosen.mutate(
        list_number=(chosen.choice >> PLACE_BITS) & ((1 << TURN_BITS - PLACE_BITS) - 1),
        place=chosen.choice & ((1 << PLACE_BITS) - 1),
    )
    for values, number_of in ((names, "list"), (titles, "title"), (users, "user")):
        chosen = chosen.inner_join(values, f"{number_of}_number")
    return chosen.select("user_id", "rank", "title_key", "score", "list", "place")


def numbered(rows: ir.Table, name: str) -> ir.Table:
    """Return the distinct values of a column with their numbers, in the order of the values."""
    values = rows.select(name).distinct()
    number = ibis.row_number().over(order_by=values[name]) + 1
    return values.mutate(**{f"{name.removesuffix('_key').removesuffix('_id')}_number": number})


def lists_of(top: ir.Table) -> ir.Table:
    """Return the lists to choose from: one per genre, and one of all titles.

    Args:
        top: `gold.ott_top_movies_by_genre`.
    """
    titles = top.select("title_key", "weighted_score", "views").distinct()
    best = [titles.weighted_score.desc(), titles.views.desc(), titles.title_key]
    overall = titles.select(
        "title_key",
        list=ibis.literal(ALL_TITLES),
        place=ibis.row_number().over(order_by=best) + 1,
        score=titles.weighted_score,
    )
    by_genre = top.select("title_key", list=top.genre, place=top["rank"], score=top.weighted_score)
    return by_genre.union(overall.select(*by_genre.columns))


def lists_wanted(users: ir.Table, lists: ir.Table) -> ir.Table:
    """Return the lists of each user: those of the preferred genres, else that of all titles.

    Args:
        users: `user_id`, `preferred_genres`.
        lists: see `lists_of`.
    """
    liked = users.select("user_id", list=users.preferred_genres.unnest())
    liked = liked.mutate(list=bounded(liked["list"]))
    liked = liked.filter(liked["list"] != UNKNOWN_NAME)
    by_taste = liked.semi_join(lists.select("list").distinct(), "list")
    others = users.select("user_id").anti_join(by_taste, "user_id")
    return by_taste.union(others.mutate(list=ibis.literal(ALL_TITLES)))


class OttRecommendations(Contract):
    """One row per user and recommended title that the user has not watched."""

    user_key: str = column("The user.", key=True, references="gold.ott_dim_user", personal=True)
    rank: int = column(
        "Place among the user's recommendations, 1 the first.", key=True, ge=1, le=RECOMMENDED
    )
    title_key: str = column("The title.", references="gold.ott_dim_title", compression="dictionary")
    genre: str = column(
        "The preferred genre from which it was chosen; 'overall' for users without any.",
        compression="dictionary",
    )
    score: float = column("Its weighted score, 1 to 10.", ge=1, le=10)
    reason: str = column("The reason for the recommendation.", compression="dictionary")


@full_refresh(contract=OttRecommendations)
def ott_recommendations(
    silver_ott_users: ir.Table, silver_ott_watched: ir.Table, gold_ott_top_movies_by_genre: ir.Table
) -> ir.Table:
    """Recommend to each user the best unseen titles of the preferred genres in turn."""
    lists = lists_of(gold_ott_top_movies_by_genre)
    wanted = lists_wanted(silver_ott_users, lists)
    rows = first_unseen(wanted, lists, silver_ott_watched)
    number = "number " + rows.place.cast("string")
    is_of_all = rows["list"] == ALL_TITLES
    reason = ibis.ifelse(is_of_all, number + " overall", "you like " + rows["list"] + ": " + number)
    keys = silver_ott_users.select("user_id", "user_key")
    return (
        rows.mutate(genre=ibis.ifelse(is_of_all, OVERALL, rows["list"]), reason=reason)
        .inner_join(keys, "user_id")
        .select(*OttRecommendations.types())
    )
