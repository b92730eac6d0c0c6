"""One row a title, whatever source knows it, with the proof of why its sources were linked.

Every table is computed from what is stored now, so any order of runs leads to the same rows.
"""

from collections.abc import Sequence
from functools import partial

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from movies_assets.core.contract import Contract, StringList, column
from movies_assets.core.incremental import Incremental, Inputs
from movies_assets.core.table import table
from movies_assets.core.write_mode import OVERWRITE
from movies_assets.sources.shared.names import without_marks
from movies_assets.sources.titles import linking, weights
from movies_assets.sources.titles.checks import LINK_CHECKS, REVIEW_CHECKS
from movies_assets.sources.titles.linking import (
    BY_ID,
    BY_PEOPLE,
    BY_RUNTIME,
    KEYS,
    KINDS,
    NEAR_MINUTES,
    SAME_RATING,
    SERIES,
)
from movies_assets.sources.titles.overrides import FORBID, FORCE
from movies_assets.sources.titles.silver import LINKABLE, LONGEST_ID, SOURCES, source_titles

# Sure enough that an id which IMDb no longer lists is taken for the one it lists now.
SURE = 0.9
RUNTIME_TOLERANCE = 0.1
# Methods of a link beyond the rules.
FORCED, REDIRECTED, STATED, NONE = "override", "redirected id", "stated id", "none"
METHODS = [FORCED, *linking.RULES, REDIRECTED, STATED, NONE]
LONGEST_KEY = LONGEST_ID + 10

IMDB_TITLES = "silver.imdb_titles"
DIGEST = "Digest of its rows in `silver.source_titles`; NULL if it has none."

gold_table = partial(
    table,
    layer="gold",
    group="titles",
    write_mode=OVERWRITE,
    incremental=Incremental(),
    optional=(IMDB_TITLES, LINKABLE, source_titles.name),
)


def key_of(source: ir.StringValue, source_id: ir.StringValue) -> ir.StringValue:
    """Return the key of a title that only one source knows: `netflix:80117401`."""
    return source + ":" + source_id


class TitleIdAlias(Contract):
    """One row per id that a source states and IMDb no longer lists, with the id that took over."""

    old_tconst: str = column(
        "The id that IMDb no longer lists.", key=True, str_length={"max_value": LONGEST_ID}
    )
    tconst: str = column("The id of the same title now.")
    since: dt.Date = column("Day on which a source first listed the title under the old id.")
    evidence: str = column("The titles of sources that prove it, and by which rule.")


@gold_table(contract=TitleIdAlias)
def title_id_alias(
    bronze_title_overrides: ir.Table,
    silver_source_titles: ir.Table,
    silver_title_candidates: ir.Table,
    silver_imdb_titles: ir.Table,
) -> ir.Table:
    """Find the ids that IMDb has merged: their title is surely another one, and only one.

    A title that a person has linked proves nothing: its id may be a mistake of the source.
    """
    forbidden = _decided(bronze_title_overrides, FORBID)
    forced = _decided(bronze_title_overrides, FORCE)
    candidates = silver_title_candidates.anti_join(forbidden, [*KEYS, "tconst"])
    candidates = candidates.anti_join(forced, KEYS)
    sure = candidates.filter(
        candidates.rule.isin([BY_RUNTIME, BY_PEOPLE]), candidates.confidence >= SURE
    ).select(*KEYS, "tconst", "rule")
    retired = silver_source_titles.filter(silver_source_titles.stated_tconst.notnull())
    retired = retired.anti_join(
        silver_imdb_titles, retired.stated_tconst == silver_imdb_titles.tconst
    )
    proofs = retired.select(*KEYS, "stated_tconst", "listed_date").inner_join(sure, KEYS)
    proofs = proofs.mutate(proof=key_of(proofs.source, proofs.source_id) + " by " + proofs.rule)
    found = proofs.group_by(old_tconst=proofs.stated_tconst).aggregate(
        tconst=proofs.tconst.min(),
        titles=proofs.tconst.nunique(),
        since=proofs.listed_date.min(),
        evidence=proofs.proof.collect().sort().join("; "),
    )
    return found.filter(found.titles == 1).drop("titles")


def _decided(overrides: ir.Table, decision: str) -> ir.Table:
    """Return the pairs of titles that persons have forced, or forbidden."""
    return overrides.filter(overrides.decision == decision).select(*KEYS, "tconst")


class TitleLinks(Contract):
    """One row per title of a source: the title that it is, and why."""

    source: str = column("The source.", key=True, isin=SOURCES, compression="dictionary")
    source_id: str = column(
        "The source's id of the title.", key=True, str_length={"max_value": LONGEST_ID}
    )
    title_key: str = column(
        "Key of the title in `gold.dim_title`.", str_length={"max_value": LONGEST_KEY}
    )
    tconst: str = column("IMDb's id of the title; NULL where none is known.", nullable=True)
    method: str = column(
        "What links it: the rule, an id that took over, an id that only the source knows, none.",
        isin=METHODS,
        compression="dictionary",
    )
    rule_version: int = column("Version of the rules and weights.")
    confidence: float = column(
        "How likely the link is right, 0 to 1; NULL if the title that it leads to is no candidate.",
        nullable=True,
        ge=0,
        le=1,
    )
    runner_up: str = column("IMDb's id of the best candidate that is not linked.", nullable=True)
    runner_up_confidence: float = column(
        "How likely it was that one, 0 to 1.", nullable=True, ge=0, le=1
    )
    name: str = column("The name that both share; NULL if none.", nullable=True, compression="fsst")
    year_difference: int = column("Years between both.", nullable=True, ge=0)
    runtime_difference: int = column(
        "Minutes between both; of series that began within a year, unknown beyond 3.",
        nullable=True,
        ge=0,
    )
    rating_difference: float = column("Points between the ratings.", nullable=True, ge=0)
    shared_people: int = column("People named by both.", nullable=True, ge=0)
    rivals: int = column("Candidates within a year, the chosen one too.", nullable=True, ge=0)
    linked_date: dt.Date = column("Day on which the source listed the title.")


EVIDENCE = (
    "confidence",
    "name",
    "year_difference",
    "runtime_difference",
    "rating_difference",
    "shared_people",
    "rivals",
)
"""What is known of a link only if the title that it leads to is a candidate."""


@gold_table(contract=TitleLinks, checks=LINK_CHECKS)
def title_links(
    bronze_title_overrides: ir.Table,
    silver_source_titles: ir.Table,
    silver_title_candidates: ir.Table,
    silver_imdb_titles: ir.Table,
    gold_title_id_alias: ir.Table,
) -> ir.Table:
    """Link each title: as a person decided, else by the first rule that a candidate meets."""
    forbidden = _decided(bronze_title_overrides, FORBID)
    forced = _decided(bronze_title_overrides, FORCE).rename(forced="tconst")
    stated = _usable(silver_source_titles, silver_imdb_titles, forbidden)
    alias = gold_title_id_alias.select(stated="old_tconst", current="tconst")
    alias = stated.inner_join(alias, "stated").anti_join(forbidden, [*KEYS, ("current", "tconst")])
    rows = silver_source_titles.select(*KEYS, linked_date="listed_date")
    for more in (forced, stated, alias.drop("stated")):
        rows = _joined(rows, more, KEYS)
    candidates = silver_title_candidates.anti_join(forbidden, [*KEYS, "tconst"])
    candidates = _joined(candidates, rows.select(*KEYS, "forced", "current"), KEYS)
    first = ibis.coalesce(candidates.forced, candidates.current)
    chosen = linking.best(candidates, first=candidates.tconst == first)
    rows = _joined(rows, chosen.drop("forced", "current"), KEYS)
    rows = rows.mutate(
        method=ibis.cases(
            (rows.forced.notnull(), FORCED),
            (rows.rule == BY_ID, rows.rule),
            (rows.current.notnull(), REDIRECTED),
            (rows.rule.isin(linking.RULES), rows.rule),
            (rows.stated.notnull(), STATED),
            else_=NONE,
        )
    )
    tconst = ibis.cases(
        (rows.method == FORCED, rows.forced),
        (rows.method == REDIRECTED, rows.current),
        (rows.method == STATED, rows.stated),
        (rows.method != NONE, rows.tconst),
    )
    is_chosen = rows.tconst.identical_to(tconst)
    unknown = {name: ibis.null(rows[name].type()) for name in EVIDENCE}
    return rows.select(
        *KEYS,
        "method",
        "linked_date",
        tconst=tconst,
        title_key=ibis.coalesce(tconst, key_of(rows.source, rows.source_id)),
        rule_version=ibis.literal(weights.VERSION, "int64"),
        runner_up=ibis.ifelse(is_chosen, rows.runner_up, rows.tconst),
        runner_up_confidence=ibis.ifelse(is_chosen, rows.runner_up_confidence, rows.confidence),
        **{name: ibis.ifelse(is_chosen, rows[name], unknown[name]) for name in EVIDENCE},
    )


def _usable(titles: ir.Table, imdb: ir.Table, forbidden: ir.Table) -> ir.Table:
    """Return the ids that sources state and that IMDb does not list at all.

    A listed one is a candidate, unless it is an episode or a game: then it is no title's id.
    """
    stated = titles.filter(titles.stated_tconst.notnull()).select(*KEYS, stated="stated_tconst")
    unlisted = stated.anti_join(imdb, stated.stated == imdb.tconst)
    return unlisted.anti_join(forbidden, [*KEYS, ("stated", "tconst")])


# The sources of an attribute, the most trusted first.
TITLE_ORDER = ("imdb", "omdb", "yts", "netflix", "ott")
RUNTIME_ORDER = GENRES_ORDER = ("imdb", "yts", "ott", "netflix")


class DimTitle(Contract):
    """One row per title, whatever source knows it."""

    title_key: str = column(
        "IMDb's id of the title, else the source and its own id: tt0111161, netflix:80117401.",
        key=True,
        str_length={"max_value": LONGEST_KEY},
    )
    tconst: str = column("IMDb's id; NULL where none is known.", nullable=True)
    title: str = column("Title.", nullable=True, compression="fsst")
    title_source: str = column(
        "Where the title is from.", nullable=True, isin=TITLE_ORDER, compression="dictionary"
    )
    kind: str = column("Movie or series.", nullable=True, isin=KINDS, compression="dictionary")
    kind_source: str = column(
        "Where the kind is from.", nullable=True, isin=TITLE_ORDER, compression="dictionary"
    )
    year: int = column("Year of release, of a series its first.", nullable=True)
    year_source: str = column(
        "Where the year is from.", nullable=True, isin=TITLE_ORDER, compression="dictionary"
    )
    runtime_minutes: int = column("Running time in minutes.", nullable=True, ge=1)
    runtime_source: str = column(
        "Where the running time is from.",
        nullable=True,
        isin=RUNTIME_ORDER,
        compression="dictionary",
    )
    is_runtime_disputed: bool = column(
        "Whether two sources state running times that are more than 10 % apart."
    )
    genres: StringList = column("Genres of the first source that has any.", nullable=True)
    genres_source: str = column(
        "Where they are from.", nullable=True, isin=GENRES_ORDER, compression="dictionary"
    )
    rating: float = column("Rating at IMDb, 1 to 10, of its newest dump.", nullable=True)
    votes: int = column("Votes at IMDb, of its newest dump.", nullable=True)
    sources_count: int = column("How many sources know it.", ge=1)
    search_text: str = column(
        "Title in lower case, without accents, for searches.", nullable=True, compression="fsst"
    )
    digest: int = column(DIGEST, nullable=True)


ATTRIBUTES = ("title", "kind", "year", "runtime_minutes", "genres")


def _digests(links: ir.Table, titles: ir.Table) -> ir.Table:
    """Return a digest of the rows that sources have of each title."""
    rows = links.select(*KEYS, "title_key").inner_join(titles.select(*KEYS, "digest"), KEYS)
    digests = rows.digest.cast("string").collect().sort().join(" ")
    return rows.group_by("title_key").aggregate(digest=digests.hash())


def _changed_titles(stored: ir.Table, inputs: Inputs) -> ir.Table:
    """Return the keys of the titles whose rows at sources differ from those before."""
    now = _digests(inputs["gold_title_links"], inputs["silver_source_titles"])
    before = stored.filter(stored.digest.notnull())
    return ibis.union(
        now.anti_join(before, ["title_key", "digest"]).select("title_key"),
        before.anti_join(now, "title_key").select("title_key"),
        distinct=True,
    )


BY_TITLE = Incremental(
    by=("title_key",),
    changed=_changed_titles,
    of_group={"gold_title_links": ["title_key"], "silver_linkable_titles": ["tconst"]},
    whole=(LINKABLE,),
)


@gold_table(contract=DimTitle, incremental=BY_TITLE)
def dim_title(
    gold_title_links: ir.Table, silver_source_titles: ir.Table, silver_linkable_titles: ir.Table
) -> ir.Table:
    """Join what the sources say of each title; of each attribute, the first source that has it."""
    imdb = silver_linkable_titles
    listed = gold_title_links.select(*KEYS, "title_key", "tconst", has=ibis.literal(1)).inner_join(
        silver_source_titles.select(*KEYS, *ATTRIBUTES), KEYS
    )
    keys = ibis.union(
        imdb.select("tconst", title_key=imdb.tconst),
        listed.select("tconst", "title_key"),
        distinct=True,
    )
    of_imdb = imdb.select(
        title_key=imdb.tconst,
        imdb_title=imdb.primary_title,
        imdb_kind=imdb.kind,
        imdb_year=imdb.start_year,
        imdb_runtime_minutes=imdb.runtime_minutes,
        imdb_genres=imdb.genres,
        imdb_has=ibis.literal(1),
        rating=imdb.rating,
        votes=imdb.votes,
    )
    rows = _joined(keys, of_imdb)
    for source in SOURCES:
        rows = _joined(rows, _first_of(listed, source, (*ATTRIBUTES, "has"), ["source_id"]))
    rows = _joined(rows, _digests(gold_title_links, silver_source_titles))
    runtimes = [rows[f"{source}_runtime_minutes"] for source in RUNTIME_ORDER]
    longest, shortest = ibis.greatest(*runtimes), ibis.least(*runtimes)
    is_show = rows.netflix_kind == SERIES
    years = {"netflix": ibis.ifelse(is_show, ibis.null("int64"), rows.netflix_year)}
    counts = [rows[f"{source}_has"].fill_null(0) for source in TITLE_ORDER]
    title = _survivor(rows, "title", TITLE_ORDER)
    return rows.select(
        "title_key",
        "tconst",
        "rating",
        "votes",
        "digest",
        **title,
        search_text=without_marks(title["title"]).lower(),
        **_survivor(rows, "kind", TITLE_ORDER),
        **_survivor(rows, "year", TITLE_ORDER, years),
        **_survivor(rows, "runtime_minutes", RUNTIME_ORDER),
        **_survivor(rows, "genres", GENRES_ORDER),
        is_runtime_disputed=(longest > shortest * (1 + RUNTIME_TOLERANCE)).fill_null(False),  # noqa: FBT003
        sources_count=sum(counts[1:], counts[0]),
    )


def _joined(rows: ir.Table, more: ir.Table, on: Sequence[str] = ("title_key",)) -> ir.Table:
    return rows.left_join(more, [*on]).drop(*(f"{name}_right" for name in on))


def _first_of(
    listed: ir.Table, source: str, columns: Sequence[str], order: Sequence[str | ir.Value]
) -> ir.Table:
    """Return columns of a source's titles, prefixed with it: of the first row of each title."""
    rows = listed.filter(listed.source == source)
    place = ibis.row_number().over(group_by="title_key", order_by=order)
    first = rows.mutate(place=place).filter(ibis._.place == 0)
    return first.select("title_key", **{f"{source}_{name}": first[name] for name in columns})


def _survivor(
    rows: ir.Table,
    name: str,
    order: Sequence[str],
    instead: dict[str, ir.Value] | None = None,
) -> dict[str, ir.Value]:
    """Return an attribute and its source: that of the first source in the order that knows it."""
    values = {source: rows[f"{source}_{name}"] for source in order} | (instead or {})
    known = [(value.notnull(), ibis.literal(source)) for source, value in values.items()]
    return {
        name: ibis.coalesce(*values.values()),
        f"{name.removesuffix('_minutes')}_source": ibis.cases(*known),
    }


class TitleLinkReview(Contract):
    """One row per candidate that a person has to decide on, with what speaks against it."""

    source: str = column("The source.", key=True, isin=SOURCES, compression="dictionary")
    source_id: str = column(
        "The source's id of the title.", key=True, str_length={"max_value": LONGEST_ID}
    )
    candidate: str = column(
        "IMDb's id of the candidate.", key=True, str_length={"max_value": LONGEST_ID}
    )
    probability: float = column("How likely both are one title, 0 to 1.", ge=0, le=1)
    rule: str = column(
        "The first rule that it meets; review where none links by itself.",
        isin=[*linking.RULES, linking.REVIEW],
        compression="dictionary",
    )
    contradictions: str = column("What speaks against it; NULL if nothing.", nullable=True)
    title: str = column("Title at the source.", nullable=True, compression="fsst")
    candidate_title: str = column("Title at IMDb.", compression="fsst")
    year: int = column("Year at the source.", nullable=True)
    candidate_year: int = column("Year at IMDb, of a series its first.", nullable=True)
    runtime_minutes: int = column("Running time at the source, in minutes.", nullable=True)
    candidate_runtime_minutes: int = column("Running time at IMDb, in minutes.", nullable=True)
    candidate_votes: int = column("Votes at IMDb.", nullable=True)


DOUBTFUL_FROM, SURE_FROM = 0.05, 0.5


@gold_table(contract=TitleLinkReview, checks=REVIEW_CHECKS)
def title_link_review(
    gold_title_links: ir.Table,
    silver_title_candidates: ir.Table,
    bronze_title_overrides: ir.Table,
    silver_source_titles: ir.Table,
    silver_linkable_titles: ir.Table,
) -> ir.Table:
    """List the likely candidates of titles without a link, and those of links in doubt."""
    links = gold_title_links
    is_open = links.method.isin([STATED, NONE]) | (
        (links.confidence < SURE_FROM) & (links.method != FORCED)
    )
    doubtful = links.filter(is_open).select(*KEYS, linked="tconst")
    rows = silver_title_candidates.inner_join(doubtful, KEYS)
    rows = rows.anti_join(bronze_title_overrides, [*KEYS, "tconst"])
    rows = rows.filter((rows.confidence >= DOUBTFUL_FROM) | (rows.tconst == rows.linked))
    of_source = silver_source_titles.select(*KEYS, "title", "year", "runtime_minutes")
    of_imdb = silver_linkable_titles.select(
        "tconst",
        candidate_title="primary_title",
        candidate_year="start_year",
        candidate_runtime_minutes="runtime_minutes",
        candidate_votes="votes",
    )
    rows = rows.inner_join(of_source, KEYS).inner_join(of_imdb, "tconst")
    found = [
        (rows.year_difference > 1, rows.year_difference.cast("string") + " years apart"),
        (
            rows.runtime_difference > NEAR_MINUTES,
            rows.runtime_difference.cast("string") + " minutes apart",
        ),
        (rows.rating_difference > SAME_RATING, "ratings differ"),
        (rows.shared_people == 0, "no person in common"),
        (rows.rivals > 1, rows.rivals.cast("string") + " candidates within a year"),
        (rows.name.isnull(), "no name in common"),
    ]
    against = ibis.array([ibis.ifelse(holds, text, ibis.null("string")) for holds, text in found])
    return rows.select(
        *(name for name in TitleLinkReview.types() if name in rows.columns),
        candidate=rows.tconst,
        probability=rows.confidence,
        contradictions=against.join("; ").nullif(""),
    )


class TitleKeyHistory(Contract):
    """One row per key that was or could have been a title's, and the key of that title now."""

    old_key: str = column("The key before.", key=True, str_length={"max_value": LONGEST_KEY})
    new_key: str = column(
        "The key now.", references="gold.dim_title", str_length={"max_value": LONGEST_KEY}
    )
    since: dt.Date = column("Day from which the title has the new key.")
    reason: str = column("What led to it: the method of the link, or IMDb's new id.")


@gold_table(contract=TitleKeyHistory)
def title_key_history(gold_title_links: ir.Table, gold_title_id_alias: ir.Table) -> ir.Table:
    """Redirect the key of a source's own title to that of the title that it is."""
    links = gold_title_links.filter(gold_title_links.tconst.notnull())
    return ibis.union(
        links.select(
            old_key=key_of(links.source, links.source_id),
            new_key=links.title_key,
            since=links.linked_date,
            reason=links.method,
        ),
        gold_title_id_alias.select(
            old_key="old_tconst",
            new_key="tconst",
            since="since",
            reason=ibis.literal("IMDb merged the id"),
        ),
    )


class TitleRatings(Contract):
    """One row per title that has a rating: what each source says, and when."""

    title_key: str = column(
        "The title.", key=True, references="gold.dim_title", str_length={"max_value": LONGEST_KEY}
    )
    imdb_rating: float = column("Rating at IMDb.", nullable=True)
    imdb_votes: int = column("Votes at IMDb.", nullable=True)
    imdb_date: dt.Date = column("Day of the dump.", nullable=True)
    yts_rating: float = column("Rating at IMDb as YTS states it.", nullable=True)
    yts_date: dt.Date = column("Day on which YTS listed the movie.", nullable=True)
    ott_rating: float = column("Rating at IMDb as the streaming service states it.", nullable=True)
    ott_date: dt.Date = column("Day on which its file arrived.", nullable=True)
    digest: int = column(DIGEST, nullable=True)


@gold_table(contract=TitleRatings, incremental=BY_TITLE)
def title_ratings(
    gold_title_links: ir.Table, silver_source_titles: ir.Table, silver_linkable_titles: ir.Table
) -> ir.Table:
    """Join the ratings of each title; of a source with several rows of it, the newest."""
    rated = silver_source_titles.filter(silver_source_titles.rating.notnull())
    listed = rated.select(*KEYS, "rating", date="listed_date").inner_join(
        gold_title_links.select(*KEYS, "title_key"), KEYS
    )
    imdb = silver_linkable_titles.filter(silver_linkable_titles.rating.notnull())
    rows = ibis.union(imdb.select(title_key=imdb.tconst), listed.select("title_key"), distinct=True)
    rows = _joined(
        rows,
        imdb.select(
            title_key=imdb.tconst,
            imdb_rating=imdb.rating,
            imdb_votes=imdb.votes,
            imdb_date=imdb.run_date,
        ),
    )
    for source in ("yts", "ott"):
        newest_first = [ibis.desc("date"), "source_id"]
        rows = _joined(rows, _first_of(listed, source, ("rating", "date"), newest_first))
    return _joined(rows, _digests(gold_title_links, silver_source_titles))


class TitleAvailability(Contract):
    """One row per title and source that lists it."""

    title_key: str = column(
        "The title.", key=True, references="gold.dim_title", str_length={"max_value": LONGEST_KEY}
    )
    source: str = column("The source.", key=True, isin=SOURCES, compression="dictionary")
    since_date: dt.Date = column(
        "First day on which the source offers it; NULL where it does not say.", nullable=True
    )
    listings: int = column("How many titles of the source are this one.", ge=1)


@gold_table(contract=TitleAvailability)
def title_availability(gold_title_links: ir.Table, silver_source_titles: ir.Table) -> ir.Table:
    """Count the rows that each source has of a title."""
    rows = gold_title_links.select(*KEYS, "title_key").inner_join(
        silver_source_titles.select(*KEYS, "since_date"), KEYS
    )
    return rows.group_by("title_key", "source").aggregate(
        since_date=rows.since_date.min(), listings=rows.count()
    )


class TitleTrends(Contract):
    """One row per month and source: the titles that it began to offer, and how new they are."""

    month: dt.Date = column("First day of the month.", key=True)
    source: str = column("The source.", key=True, isin=SOURCES, compression="dictionary")
    titles: int = column("Titles that it offered first in this month.", ge=1)
    offered_elsewhere: int = column("Of these, how many another source offered before.", ge=0)
    known_to_imdb: int = column("Of these, how many have an id at IMDb.", ge=0)
    years_old: float = column(
        "Mean years since the release of those whose year is known.", nullable=True
    )


@gold_table(contract=TitleTrends)
def title_trends(gold_title_availability: ir.Table, gold_dim_title: ir.Table) -> ir.Table:
    """Count by month what came to each source."""
    offered = gold_title_availability.filter(gold_title_availability.since_date.notnull())
    first = offered.since_date.min().over(group_by="title_key")
    rows = offered.mutate(is_elsewhere=first < offered.since_date)
    rows = rows.inner_join(gold_dim_title.select("title_key", "tconst", "year"), "title_key")
    age = rows.since_date.year() - rows.year
    return rows.group_by("source", month=rows.since_date.truncate("month").cast("date")).aggregate(
        titles=rows.count(),
        offered_elsewhere=rows.is_elsewhere.sum(),
        known_to_imdb=rows.tconst.count(),
        years_old=age.sum() / age.count().nullif(0),
    )
