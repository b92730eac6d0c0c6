"""Decide which title of IMDb a title of another source is: pure rules, for any engine.

First exact ids, then ordered rules that need an equal name, and more. A score beside them tells how
sure a link is, and orders what a person has to look at: it decides nothing by itself.
"""

import ibis
import ibis.expr.types as ir

from movies_assets.sources.shared.names import person_key
from movies_assets.sources.titles.weights import SHARE_KNOWN, UNKNOWN, weight

MOVIE, SERIES = KINDS = ["movie", "series"]
SERIES_TYPES = ("tvSeries", "tvMiniSeries")
NEVER_LINKED = ("tvEpisode", "videoGame", "tvPilot")
KEYS = ["source", "source_id"]
CAST, DIRECTOR = ("actor", "actress", "self"), "director"
SHARED_AT_LEAST = 2
RULES = ("id", "name, year and runtime", "name and year", "people", "rating")
"""What links automatically, the surest first."""
REVIEW = "review"


def linkable(imdb: ir.Table) -> ir.Table:
    """Return IMDb's titles that a streaming service may offer, with their `kind`."""
    titles = imdb.filter(imdb.title_type.notin(NEVER_LINKED))
    return titles.mutate(kind=ibis.ifelse(titles.title_type.isin(SERIES_TYPES), SERIES, MOVIE))


def pairs(titles: ir.Table, names: ir.Table, known: ir.Table) -> ir.Table:
    """Return the pairs of titles that share a name and may be of one kind, or an id.

    Args:
        titles: the titles of sources, `silver.source_titles`.
        names: the names of IMDb's titles, `silver.title_names`.
        known: IMDb's titles, as `linkable` returns them.

    Returns:
        One row a pair: the columns of `titles`, those of `known` prefixed with `imdb_`, `name` that
        they share (NULL of those that share an id alone), `is_own_name`, and `titles_of_name`.
    """
    spread = titles.select(*KEYS, "kind", name_key=titles.name_keys.unnest())
    named = spread.inner_join(names, "name_key")
    counted = named.select("name_key", "tconst").distinct()
    counted = counted.group_by("name_key").aggregate(titles_of_name=counted.count())
    by_name = named.inner_join(counted, "name_key")
    by_name = by_name.group_by([*KEYS, "tconst"]).aggregate(
        name=by_name.name_key.min(),
        is_own_name=(by_name.origin != "aka").any(),
        titles_of_name=by_name.titles_of_name.min(),
    )
    by_id = titles.select(*KEYS, tconst=titles.stated_tconst)
    by_id = by_id.semi_join(known, "tconst").anti_join(by_name, [*KEYS, "tconst"])
    shared = by_name.union(
        by_id.mutate(
            name=ibis.null("string"),
            is_own_name=ibis.literal(False),  # noqa: FBT003
            titles_of_name=ibis.literal(1, "int64"),
        )
    )
    of_imdb = known.select(
        "tconst",
        **{f"imdb_{name}": known[name] for name in
           ("kind", "start_year", "end_year", "runtime_minutes", "rating", "votes")},
    )  # fmt: skip
    found = shared.inner_join(of_imdb, "tconst").inner_join(titles, KEYS)
    is_kind = found.kind.isnull() | (found.kind == found.imdb_kind)
    return found.filter(is_kind | (found.stated_tconst == found.tconst))


def people_of(credits: ir.Table, people: ir.Table) -> ir.Table:
    """Return the cast and the directors of IMDb's titles, as lists of keys of their names."""
    named = credits.inner_join(people.select("nconst", "primary_name"), "nconst")
    named = named.mutate(key=person_key(named.primary_name))
    return named.group_by("tconst").aggregate(
        imdb_cast=named.key.collect(where=named.category.isin(CAST), distinct=True),
        imdb_directors=named.key.collect(where=named.category == DIRECTOR, distinct=True),
    )


def with_people(pairs: ir.Table, people: ir.Table) -> ir.Table:
    """Add to pairs how many people both titles name; NULL where one side names none."""
    rows = pairs.left_join(people, "tconst").drop("tconst_right")
    cast = rows.cast_keys.intersect(rows.imdb_cast).length()
    directors = rows.director_keys.intersect(rows.imdb_directors).length()
    either = ibis.coalesce(cast, directors)
    return rows.mutate(
        shared_cast=cast,
        shared_directors=directors,
        shared_people=ibis.ifelse(
            either.notnull(), cast.fill_null(0) + directors.fill_null(0), either
        ),
    ).drop("imdb_cast", "imdb_directors")


def with_evidence(pairs: ir.Table, newest_year: ir.IntegerValue) -> ir.Table:
    """Add to pairs in what the two titles differ, and how many compete.

    `year_difference` is that to the nearest year in which a series ran: a service may state the
    year of its newest season. `rivals` counts the candidates of a title within a year, itself too.

    Args:
        pairs: as `pairs` returns them.
        newest_year: the year up to which a series without end has run.
    """
    last = ibis.coalesce(pairs.imdb_end_year, newest_year) + 1
    first = pairs.imdb_start_year
    outside = ibis.greatest(first - 1 - pairs.year, pairs.year - last, 0)
    is_series = pairs.imdb_kind == SERIES
    year = ibis.ifelse(
        is_series & first.notnull() & pairs.year.notnull(), outside, (pairs.year - first).abs()
    )
    pairs = pairs.mutate(
        year_difference=year,
        runtime_difference=(pairs.runtime_minutes - pairs.imdb_runtime_minutes).abs(),
        rating_difference=(pairs.rating - pairs.imdb_rating).abs().round(1),
        is_stated=(pairs.stated_tconst == pairs.tconst).fill_null(False),
    )
    near = (pairs.year_difference <= 1).fill_null(False).cast("int64")  # noqa: FBT003
    return pairs.mutate(rivals=near.sum().over(group_by=KEYS))


def with_rule(pairs: ir.Table) -> ir.Table:
    """Add the first rule that a pair meets; `review` where none links automatically."""
    share = pairs.runtime_difference / ibis.greatest(pairs.imdb_runtime_minutes, 1)
    is_near = (pairs.runtime_difference <= 5) | (share <= 0.1)
    is_same_year = pairs.year_difference == 0
    is_alone = pairs.rivals <= 1
    shares_people = (pairs.shared_cast >= SHARED_AT_LEAST) | (pairs.shared_directors >= 1)
    return pairs.mutate(
        rule=ibis.cases(
            (pairs.is_stated, RULES[0]),
            ((pairs.year_difference <= 1) & (pairs.runtime_difference <= 3), RULES[1]),
            (is_same_year & is_alone & is_near.fill_null(True), RULES[2]),  # noqa: FBT003
            (shares_people & (pairs.year_difference <= 2), RULES[3]),
            (is_same_year & is_alone & (pairs.rating_difference <= 0.3), RULES[4]),
            else_=REVIEW,
        )
    )


def with_confidence(pairs: ir.Table, titles_of_imdb: ir.IntegerValue) -> ir.Table:
    """Add `score`, in bits, and `confidence`: how likely a pair is one title, given its rivals.

    Args:
        pairs: with evidence.
        titles_of_imdb: how many titles of IMDb compete.
    """
    minutes, difference = pairs.imdb_runtime_minutes, pairs.runtime_difference
    votes = pairs.imdb_votes
    levels = {
        "year": ibis.cases(
            (pairs.year_difference.isnull(), UNKNOWN),
            (pairs.year_difference <= 2, pairs.year_difference.cast("string")),
            else_="more",
        ),
        "runtime": ibis.cases(
            (difference.isnull(), UNKNOWN),
            (difference <= 1, "within 1"),
            (difference <= 3, "within 3"),
            (difference <= ibis.greatest(5, minutes * 0.1), "within 10 %"),
            (difference <= minutes * 0.3, "within 30 %"),
            else_="more",
        ),
        "votes": ibis.cases(
            (votes.isnull(), UNKNOWN),
            (votes < 10, "<10"),
            (votes < 100, "<100"),
            (votes < 1_000, "<1k"),
            (votes < 10_000, "<10k"),
            else_="10k+",
        ),
        "people": ibis.cases(
            (pairs.shared_cast.isnull() & pairs.shared_directors.isnull(), UNKNOWN),
            ((pairs.shared_cast >= SHARED_AT_LEAST) | (pairs.shared_directors >= 1), "shared"),
            else_="others",
        ),
        "rating": ibis.cases(
            (pairs.rating_difference.isnull(), UNKNOWN),
            (pairs.rating_difference <= 0.3, "within 0.3"),
            else_="more",
        ),
        "id": ibis.cases(
            (pairs.stated_tconst.isnull(), UNKNOWN), (pairs.is_stated, "same"), else_="other"
        ),
        "name": ibis.cases(
            (pairs.name.isnull(), "none"), (pairs.is_own_name, "own"), else_="alternate"
        ),
    }
    rarity = (titles_of_imdb / ibis.greatest(pairs.titles_of_name, 1)).log2()
    bits = rarity + sum(weight(feature, level) for feature, level in levels.items())
    pairs = pairs.mutate(score=bits)
    odds = ibis.literal(2.0).pow(pairs.score) * SHARE_KNOWN / titles_of_imdb
    pairs = pairs.mutate(odds=odds)
    return pairs.mutate(confidence=pairs.odds / (1 + pairs.odds.sum().over(group_by=KEYS)))


def best(pairs: ir.Table) -> ir.Table:
    """Keep the best candidate of each title: by rule, then by confidence; with its runner-up."""
    place = ibis.cases(*((pairs.rule == rule, n) for n, rule in enumerate(RULES)), else_=len(RULES))
    order = [place, pairs.confidence.desc(), pairs.tconst]
    by_title = ibis.window(group_by=KEYS, order_by=order)
    ranked = pairs.mutate(
        place=ibis.row_number().over(by_title),
        runner_up=pairs.tconst.lead().over(by_title),
        runner_up_confidence=pairs.confidence.lead().over(by_title),
    )
    return ranked.filter(ranked.place == 0).drop("place")
