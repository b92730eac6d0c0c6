"""Evaluate recommendations: compute them from earlier views, and compare them with later ones.

The algorithm is in `gold`: a strategy is a set of lists to choose from. The lists use no later
knowledge, such as the catalogue's own count of views.
"""

from collections.abc import Mapping
from itertools import accumulate
from math import log2

import ibis
import ibis.expr.types as ir

from movies_assets.core.contract import Contract, Instant, column
from movies_assets.sources.ott.baselines import beats
from movies_assets.sources.ott.gold import (
    RECOMMENDED,
    first_unseen,
    full_refresh,
    lists_of,
    lists_wanted,
    ranked,
    weighted,
    with_views,
)
from movies_assets.sources.ott.silver import matched
from movies_assets.sources.shared.parsing import integer, microseconds

TRAINING_SHARE = 0.8
PRODUCTION, POPULARITY, RANDOM = "preferred_genres", "popularity", "random"
# A separate list for each user would need a row per user and title.
RANDOM_LISTS = 97
HEXADECIMAL = "0123456789abcdef"
# The gain of a hit at each place, and the maximum gain of each number of hits.
GAINS = [1 / log2(rank + 1) for rank in range(1, RECOMMENDED + 1)]
IDEALS = list(accumulate(GAINS))
MINUTE = 60_000_000
# Rounded, as sums of floats depend on the order of rows in their last digits.
DIGITS = 9


def split_of(events: ir.Table) -> ir.Table:
    """Return the instant at which the test begins, `split_at`, in one row; NULL without events.

    It is the first event of the minute in which the share of training is exceeded: a quantile of
    the instants would hold 50 million of them in memory.
    """
    instant = events.watched_at
    minutes = events.group_by(minute=microseconds(instant) // MINUTE).aggregate(
        events=events.count(), first=instant.min()
    )
    so_far = minutes.events.cumsum(order_by=minutes.minute)
    rows = minutes.mutate(share=so_far / minutes.events.sum().over())
    return rows.filter(rows.share > TRAINING_SHARE).aggregate(split_at=ibis._["first"].min())


def most_viewed(titles: ir.Table) -> ir.Table:
    """Return one list of all titles by views in descending order, then by key.

    Args:
        titles: `title_key`, `views`.
    """
    best = [titles.views.desc(), titles.title_key]
    return titles.select(
        "title_key",
        list=ibis.literal(POPULARITY),
        place=ibis.row_number().over(order_by=best) + 1,
        score=titles.views.cast("float64"),
    )


def shuffled(titles: ir.Table) -> ir.Table:
    """Return lists of all titles in pseudo-random orders, which are reproducible."""
    rows = titles.select("title_key", number=ibis.range(RANDOM_LISTS).unnest())
    name = rows.number.cast("string")
    rows = rows.select("title_key", list=name, draw=(name + " " + rows.title_key).hexdigest("md5"))
    place = ibis.row_number().over(group_by=rows["list"], order_by=[rows.draw, rows.title_key])
    return rows.select("title_key", "list", place=place + 1, score=ibis.null("float64"))


def recommended_by_each(titles: ir.Table, users: ir.Table, seen: ir.Table) -> ir.Table:
    """Return the recommendations of each strategy: `strategy`, `user_id`, `rank`, `title_key`.

    Args:
        titles: `silver.ott_titles`, with the views known at the time.
        users: `user_id`, `preferred_genres`.
        seen: `user_id`, `title_key`.
    """
    by_genre = lists_of(ranked(weighted(titles)))
    choices: Mapping[str, tuple[ir.Table, ir.Table, ir.Table]] = {
        PRODUCTION: (lists_wanted(users, by_genre), by_genre, seen),
        POPULARITY: (
            users.select("user_id", list=ibis.literal(POPULARITY)),
            most_viewed(titles),
            seen,
        ),
        RANDOM: (
            users.select("user_id", list=_drawn(users.user_id)),
            shuffled(titles),
            seen.mutate(list=_drawn(seen.user_id)),
        ),
    }
    return ibis.union(
        *(
            first_unseen(*chosen).select(
                "user_id", "rank", "title_key", strategy=ibis.literal(strategy)
            )
            for strategy, chosen in choices.items()
        )
    )


def _drawn(user_id: ir.StringColumn) -> ir.StringColumn:
    """Return the random list of each user, by the numeric id or its hash."""
    digits = (ibis.literal(HEXADECIMAL).find(user_id.hexdigest("md5")[n]) for n in range(4))
    hashed = sum(digit * 16**n for n, digit in enumerate(digits))
    name: ir.StringColumn = (ibis.coalesce(integer(user_id), hashed) % RANDOM_LISTS).cast("string")
    return name


def measured(recommended: ir.Table, relevant: ir.Table) -> ir.Table:
    """Compare recommendations with relevant titles; means are over all users with relevant titles.

    Args:
        recommended: `strategy`, `user_id`, `rank` (1 to 10), `title_key`.
        relevant: `user_id`, `title_key`, each pair once.

    Returns:
        One row per strategy that recommends anything: `strategy`, `titles_recommended`, `users`,
        `precision_at_10`, `recall_at_10`, `ndcg_at_10`.
    """
    wanted = relevant.group_by("user_id").aggregate(relevant=relevant.count())
    gains, ideals = ibis.array(GAINS), ibis.array(IDEALS)
    hits = recommended.inner_join(relevant, ["user_id", "title_key"])
    of_users = hits.group_by("strategy", "user_id").aggregate(
        hits=hits.count(), gain=gains[hits["rank"] - 1].sum()
    )
    of_users = of_users.inner_join(wanted, "user_id")
    ideal = ideals[ibis.least(of_users.relevant, RECOMMENDED) - 1]
    sums = of_users.group_by("strategy").aggregate(
        precision=of_users.hits.sum() / RECOMMENDED,
        recall=(of_users.hits / of_users.relevant).sum(),
        ndcg=(of_users.gain / ideal).sum(),
    )
    rows = recommended.group_by("strategy").aggregate(
        titles_recommended=recommended.title_key.nunique()
    )
    rows = (
        rows.left_join(sums, "strategy")
        .drop("strategy_right")
        .cross_join(wanted.aggregate(users=wanted.count()))
    )
    return rows.select(
        "strategy",
        "titles_recommended",
        "users",
        **{
            f"{measure}_at_10": (rows[measure].fill_null(0.0) / rows.users).round(DIGITS)
            for measure in ("precision", "recall", "ndcg")
        },
    )


class OttRecommendationQuality(Contract):
    """One row per recommendation strategy, the best one first.

    A user's relevant titles are those watched in the test and not before; users without any are not
    evaluated. Measures are means over the users, NULL if there are none.
    """

    strategy_name: str = column(
        "How titles are chosen, of those not yet seen: `preferred_genres` as "
        "gold.ott_recommendations; `popularity`, the most viewed ones; `random`, by chance.",
        key=True,
        alias="strategy",
        isin=[PRODUCTION, POPULARITY, RANDOM],
    )
    users: int = column("Number of evaluated users.", ge=0)
    precision_at_10: float = column(
        "Share of the ten recommended titles that is relevant.", nullable=True, ge=0, le=1
    )
    recall_at_10: float = column(
        "Share of the relevant titles that is among the ten.", nullable=True, ge=0, le=1
    )
    ndcg_at_10: float = column(
        "Normalized discounted cumulative gain: hits, each divided by log2(rank + 1), of the most "
        "that the user's relevant titles could make.",
        nullable=True,
        ge=0,
        le=1,
    )
    catalogue_coverage: float = column(
        "Share of the catalogue's titles that is recommended to any evaluated user.",
        nullable=True,
        ge=0,
        le=1,
    )
    titles_recommended: int = column("Number of distinct recommended titles.", ge=0)
    relevant_pairs: int = column("Number of relevant titles of all users.", ge=0)
    split_at: Instant = column(
        "When the test begins (UTC): what was watched before, the first 80% of the events in order "
        "of time, is training.",
        nullable=True,
    )


@full_refresh(
    contract=OttRecommendationQuality,
    checks=(beats(PRODUCTION, (POPULARITY, RANDOM), ("ndcg_at_10", "recall_at_10")),),
)
def ott_recommendation_quality(
    silver_ott_views: ir.Table,
    silver_ott_titles: ir.Table,
    silver_ott_watched: ir.Table,
    silver_ott_users: ir.Table,
) -> ir.Table:
    """Compute each strategy's recommendations as of the split, and measure them."""
    events = matched(silver_ott_views, silver_ott_titles)
    events = events.filter(events.title_key.notnull())
    split = split_of(events)
    before = events.cross_join(split).filter(ibis._.watched_at < ibis._.split_at)
    counted = before.group_by("title_key").aggregate(views=ibis._.count())
    titles = with_views(silver_ott_titles.mutate(views=ibis.null("int64")), counted)
    listed = silver_ott_watched.user_id.isin(silver_ott_users.user_id)
    watched = silver_ott_watched.filter(listed).cross_join(split)
    is_test = watched.first_watched_at >= watched.split_at
    watched = watched.select("user_id", "title_key", is_test=is_test)
    seen, relevant = (
        watched.filter(condition).drop("is_test")
        for condition in (~watched.is_test, watched.is_test)
    )
    users = silver_ott_users.filter(silver_ott_users.user_id.isin(relevant.user_id))
    found = measured(recommended_by_each(titles, users, seen), relevant)
    return _complete(found, relevant, titles, split)


def _complete(found: ir.Table, relevant: ir.Table, titles: ir.Table, split: ir.Table) -> ir.Table:
    """Return one row per strategy, also for those that recommend nothing, with the test's size.

    Args:
        found: see `measured`.
        relevant: see `measured`.
        titles: the catalogue.
        split: see `split_of`.
    """
    rows = relevant.aggregate(relevant_pairs=relevant.count(), users=relevant.user_id.nunique())
    rows = rows.cross_join(titles.aggregate(titles=titles.count())).cross_join(split)
    rows = rows.mutate(strategy=ibis.array([PRODUCTION, POPULARITY, RANDOM]).unnest())
    rows = rows.left_join(found.drop("users"), "strategy").drop("strategy_right")
    recommended = rows.titles_recommended.fill_null(0)
    none = ibis.ifelse(rows.users > 0, 0.0, ibis.null("float64"))
    rows = rows.mutate(
        titles_recommended=recommended,
        catalogue_coverage=(recommended / rows.titles.nullif(0)).round(DIGITS),
        **{
            measure: rows[measure].fill_null(none)
            for measure in ("precision_at_10", "recall_at_10", "ndcg_at_10")
        },
    )
    best = [rows.ndcg_at_10.desc(), rows.recall_at_10.desc(), rows.strategy]
    return rows.drop("titles").order_by(best)
