"""Decide which title of IMDb a title of another source is: pure rules, for any engine.

First exact ids, then ordered rules that need an equal name, and more; only a director with a cast
may replace the name. A score beside them tells how sure a link is, and orders what a person has to
look at: it decides nothing by itself.
"""

import ibis
import ibis.expr.types as ir

from movies_assets.sources.shared.names import person_key
from movies_assets.sources.titles.weights import SHARE_KNOWN, UNKNOWN, level, weight

MOVIE, SERIES = KINDS = ["movie", "series"]
SERIES_TYPES = ("tvSeries", "tvMiniSeries")
NEVER_LINKED = ("tvEpisode", "videoGame", "tvPilot")
KEYS = ["source", "source_id"]
CAST, DIRECTOR = ("actor", "actress", "self"), "director"
SHARED_CAST, TEAM_CAST = 2, 3
NEAR_YEARS, NEAR_MINUTES, SAME_MINUTES, SAME_RATING = 2, 3, 2, 0.3
DECIMALS = 12
ALIKE_MINUTES, ALIKE_SHARE, FAR_SHARE = 5, 0.1, 0.3
BY_ID, BY_RUNTIME, BY_YEAR, BY_PEOPLE, BY_RATING = RULES = (
    "id",
    "name, year and runtime",
    "name and year",
    "people",
    "rating",
)
"""What links automatically, the surest first."""
REVIEW = "review"


def linkable(imdb: ir.Table) -> ir.Table:
    """Return IMDb's titles that a streaming service may offer, with their `kind`."""
    titles = imdb.filter(imdb.title_type.notin(NEVER_LINKED))
    return titles.mutate(kind=ibis.ifelse(titles.title_type.isin(SERIES_TYPES), SERIES, MOVIE))


def pairs(
    titles: ir.Table, names: ir.Table, known: ir.Table, credited: ir.Table, people: ir.Table
) -> ir.Table:
    """Return the pairs of titles that share a name and may be of one kind, or an id.

    A title that shares neither is paired with those of its director, see `_by_director`.

    Args:
        titles: the titles of sources, `silver.source_titles`.
        names: the names of IMDb's titles, `silver.title_names`.
        known: IMDb's titles, as `linkable` returns them.
        credited: who took part in IMDb's titles, `silver.imdb_credits`.
        people: their names, `silver.imdb_people`.

    Returns:
        One row a pair: the columns of `titles`, those of `known` prefixed with `imdb_`, `name` that
        they share (NULL of those that share none), `is_own_name`, and `titles_of_name`.
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
    others = titles.anti_join(by_name, KEYS).anti_join(by_id, KEYS)
    by_director = _by_director(others, names, known, credited, people)
    shared = by_name.union(
        by_id.union(by_director).mutate(
            name=ibis.null("string"),
            is_own_name=ibis.literal(value=False),
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


def _by_director(
    titles: ir.Table, names: ir.Table, known: ir.Table, credited: ir.Table, people: ir.Table
) -> ir.Table:
    """Return the pairs of titles with a director in common, alike in year and running time.

    The numbers in their names are equal, as sequels share people. Titles with a smaller cast than
    the rule needs are left out.
    """
    cast = titles.filter(titles.cast_keys.length() >= TEAM_CAST)
    theirs = cast.select(
        *KEYS, "name_keys", "year", "runtime_minutes", person=cast.director_keys.unnest()
    )
    timed = known.filter(known.runtime_minutes.notnull())
    directed = credited.filter(credited.category == DIRECTOR).select("tconst", "nconst")
    directed = directed.inner_join(
        timed.select("tconst", "start_year", minutes="runtime_minutes"), "tconst"
    )
    # A key a director, not a credit: keys of all credits would take several times as long.
    directors = people.semi_join(directed, "nconst").select("nconst", "primary_name")
    directors = directors.mutate(person=person_key(directors.primary_name))
    found = theirs.inner_join(directors, "person").inner_join(directed, "nconst")
    found = found.filter(
        (found.year - found.start_year).abs() <= 1,
        (found.runtime_minutes - found.minutes).abs() <= SAME_MINUTES,
    )
    found = found.select(*KEYS, "tconst", own=found.name_keys.unnest())
    found = found.inner_join(names.select("tconst", "name_key"), "tconst")
    return (
        found.filter(_digits(found.own) == _digits(found.name_key))
        .select(*KEYS, "tconst")
        .distinct()
    )


def _digits(key: ir.StringValue) -> ir.StringValue:
    return key.re_replace(r"\D", "")


def people_of(credited: ir.Table, people: ir.Table) -> ir.Table:
    """Return the cast and the directors of IMDb's titles, as lists of keys of their names."""
    named = credited.inner_join(people.select("nconst", "primary_name"), "nconst")
    named = named.mutate(key=person_key(named.primary_name))
    return named.group_by("tconst").aggregate(
        imdb_cast=named.key.collect(where=named.category.isin(CAST), distinct=True),
        imdb_directors=named.key.collect(where=named.category == DIRECTOR, distinct=True),
    )


def with_people(pairs: ir.Table, people: ir.Table) -> ir.Table:
    """Add to pairs how many people both titles name; NULL where one side names none.

    Pairs that share neither a name nor an id are left out unless they share a director and a cast.
    """
    rows = pairs.left_join(people, "tconst").drop("tconst_right")
    cast = _shared(rows.cast_keys, rows.imdb_cast)
    directors = _shared(rows.director_keys, rows.imdb_directors)
    either = ibis.coalesce(cast, directors)
    rows = rows.mutate(
        shared_cast=cast,
        shared_directors=directors,
        shared_people=ibis.ifelse(
            either.notnull(), cast.fill_null(0) + directors.fill_null(0), either
        ),
    ).drop("imdb_cast", "imdb_directors")
    return rows.filter(
        rows.name.notnull() | (rows.stated_tconst == rows.tconst) | shares_team(rows)
    )


def _shared(names: ir.ArrayValue, others: ir.ArrayValue) -> ir.IntegerValue:
    """Return how many names are in both lists; engines differ in lists that are NULL."""
    are_known = names.notnull() & others.notnull()
    return ibis.ifelse(are_known, names.intersect(others).length(), ibis.null("int64"))


def with_evidence(pairs: ir.Table, newest_year: ir.IntegerValue) -> ir.Table:
    """Add to pairs in what the two titles differ, and how many compete.

    `year_difference` is that to the nearest year in which a series ran: a service may state the
    year of its newest season. `runtime_difference` of series that began within a year is unknown
    beyond 3 minutes: one side may state the length of an episode, the other its slot on television,
    with advertising. A later year may be that of a revival, often of another length. `rivals`
    counts the candidates of a title within a year, itself too.

    Args:
        pairs: as `pairs` returns them.
        newest_year: the year up to which a series without end has run.
    """
    first = pairs.imdb_start_year
    last = ibis.coalesce(pairs.imdb_end_year, newest_year) + 1
    outside = ibis.greatest(first - 1 - pairs.year, pairs.year - last, 0)
    # The greatest of several values leaves out unknown ones.
    outside = ibis.ifelse(first.isnull() | pairs.year.isnull(), ibis.null("int64"), outside)
    minutes = (pairs.runtime_minutes - pairs.imdb_runtime_minutes).abs()
    is_same_start = (pairs.kind == SERIES) & ((pairs.year - first).abs() <= 1)
    is_slot = (is_same_start & (minutes > NEAR_MINUTES)).fill_null(False)  # noqa: FBT003
    rows = pairs.mutate(
        year_difference=ibis.ifelse(pairs.imdb_kind == SERIES, outside, (pairs.year - first).abs()),
        runtime_difference=ibis.ifelse(is_slot, ibis.null("int64"), minutes),
        rating_difference=(pairs.rating - pairs.imdb_rating).abs().round(1),
        is_stated=pairs.stated_tconst.identical_to(pairs.tconst),
    )
    is_near = ibis.ifelse(rows.year_difference <= 1, 1, 0)
    return rows.mutate(rivals=is_near.sum().over(group_by=KEYS))


def with_rule(pairs: ir.Table) -> ir.Table:
    """Add the first rule that a pair meets; `review` where none links by itself."""
    minutes = pairs.runtime_difference
    is_alike = minutes.isnull() | (minutes <= alike_minutes(pairs))
    is_alone = (pairs.year_difference == 0) & (pairs.rivals <= 1)
    is_near = pairs.year_difference <= 1
    is_team = shares_team(pairs) & is_near & (minutes <= SAME_MINUTES) & (pairs.rivals <= 1)
    return pairs.mutate(
        rule=ibis.cases(
            (pairs.is_stated, BY_ID),
            (pairs.name.isnull() & is_team, BY_PEOPLE),
            (pairs.name.isnull(), REVIEW),
            (is_near & (minutes <= NEAR_MINUTES), BY_RUNTIME),
            (is_alone & is_alike, BY_YEAR),
            (shares_people(pairs) & (pairs.year_difference <= NEAR_YEARS), BY_PEOPLE),
            (is_alone & (pairs.rating_difference <= SAME_RATING), BY_RATING),
            else_=REVIEW,
        )
    )


def alike_minutes(pairs: ir.Table) -> ir.NumericValue:
    """Return how many minutes two running times may differ and still be alike."""
    return ibis.greatest(ALIKE_MINUTES, pairs.imdb_runtime_minutes * ALIKE_SHARE)


def shares_people(pairs: ir.Table) -> ir.BooleanValue:
    """Return whether both titles name enough people in common; NULL where one names none."""
    return (pairs.shared_cast >= SHARED_CAST) | (pairs.shared_directors >= 1)


def shares_team(pairs: ir.Table) -> ir.BooleanValue:
    """Return whether both titles name a director and much of a cast in common; NULL if unknown."""
    return (pairs.shared_cast >= TEAM_CAST) & (pairs.shared_directors >= 1)


def with_confidence(pairs: ir.Table, titles_of_imdb: ir.IntegerValue) -> ir.Table:
    """Add `score`, in bits, and `confidence`: how likely a pair is one title, given its rivals.

    Args:
        pairs: with evidence.
        titles_of_imdb: how many titles of IMDb compete.
    """
    minutes = pairs.runtime_difference
    levels = {
        "year": level(pairs.year_difference, {"0": 0, "1": 1, "2": 2}, "more"),
        "runtime": ibis.cases(
            (minutes.isnull(), UNKNOWN),
            (minutes <= 1, "within 1"),
            (minutes <= NEAR_MINUTES, "within 3"),
            (minutes <= alike_minutes(pairs), "within 10 %"),
            (minutes <= pairs.imdb_runtime_minutes * FAR_SHARE, "within 30 %"),
            else_="more",
        ),
        "votes": level(pairs.imdb_votes, {"<10": 9, "<100": 99, "<1k": 999, "<10k": 9_999}, "10k+"),
        "people": ibis.cases(
            (pairs.shared_people.isnull(), UNKNOWN),
            (shares_team(pairs), "team"),
            (shares_people(pairs), "shared"),
            else_="others",
        ),
        "rating": level(pairs.rating_difference, {"within 0.3": SAME_RATING}, "more"),
        "id": ibis.cases(
            (pairs.stated_tconst.isnull(), UNKNOWN), (pairs.is_stated, "same"), else_="other"
        ),
        "name": ibis.cases(
            (pairs.name.isnull(), "none"), (pairs.is_own_name, "own"), else_="alternate"
        ),
    }
    rarity = (titles_of_imdb / pairs.titles_of_name).log2()
    weights = [weight(feature, found) for feature, found in levels.items()]
    # Sums depend on their order in the last digits, which must not decide between two candidates.
    rows = pairs.mutate(score=sum(weights, rarity).round(DECIMALS))
    odds = ibis.literal(2.0).pow(rows.score) * SHARE_KNOWN / titles_of_imdb
    rows = rows.mutate(odds=odds)
    confidence = rows.odds / (1 + rows.odds.sum().over(group_by=KEYS))
    return rows.mutate(confidence=confidence.round(DECIMALS))


def best(pairs: ir.Table, first: ir.BooleanValue) -> ir.Table:
    """Keep the best candidate of each title: by rule, then by confidence; with its runner-up.

    Args:
        pairs: with rule and confidence.
        first: which pairs come before any rule.
    """
    place = ibis.cases(
        (first, -1), *((pairs.rule == rule, n) for n, rule in enumerate(RULES)), else_=len(RULES)
    )
    order = [place, pairs.confidence.desc(), pairs.tconst]
    by_title = ibis.window(group_by=KEYS, order_by=order)
    ranked = pairs.mutate(
        place=ibis.row_number().over(by_title),
        runner_up=pairs.tconst.lead().over(by_title),
        runner_up_confidence=pairs.confidence.lead().over(by_title),
    )
    return ranked.filter(ranked.place == 0).drop("place")
