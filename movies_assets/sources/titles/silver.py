"""Bring the titles of all sources into one shape, and pair them with IMDb's.

Rules belong in `linking`; what is decided, in `gold`.
"""

from functools import partial

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from movies_assets.core.contract import Contract, StringList, column
from movies_assets.core.incremental import Incremental, Inputs
from movies_assets.core.table import table
from movies_assets.core.write_mode import OVERWRITE
from movies_assets.sources.shared.names import person_key, with_name_keys
from movies_assets.sources.titles import linking
from movies_assets.sources.titles.linking import KEYS, KINDS, MOVIE, SERIES

SOURCES = ["yts", "omdb", "netflix", "ott"]
ORIGINS = ["primary", "original", "aka"]
LONGEST_ID, LONGEST_TITLE = 100, 1_000
AKAS, PEOPLE = "silver.imdb_akas", ("silver.imdb_credits", "silver.imdb_people")
OTHERS = (
    "silver.yts_movies",
    "silver.omdb_releases",
    "silver.netflix_titles",
    "silver.netflix_cast",
    "silver.netflix_directors",
    "silver.ott_titles",
)

# A run of one source and all below it may be the first: what others bring is not there yet.
silver_table = partial(
    table, layer="silver", group="titles", write_mode=OVERWRITE, incremental=Incremental()
)


class SilverLinkableTitles(Contract):
    """One row per title of IMDb that a service may offer: no episode, no game, no pilot."""

    tconst: str = column("IMDb's id of the title.", key=True)
    kind: str = column("Movie or series.", isin=KINDS, compression="dictionary")
    primary_title: str = column("Title in use.", compression="fsst")
    original_title: str = column("Title in its language.", nullable=True, compression="fsst")
    start_year: int = column("Year of release, of a series its first.", nullable=True)
    end_year: int = column("Year in which a series ended.", nullable=True)
    runtime_minutes: int = column("Running time in minutes.", nullable=True)
    genres: StringList = column("Genres.", nullable=True)
    rating: float = column("Mean rating, 1 to 10.", nullable=True)
    votes: int = column("Number of votes.", nullable=True)
    run_date: dt.Date = column("Day of the dump.")


@silver_table(contract=SilverLinkableTitles, optional=("silver.imdb_titles",))
def linkable_titles(silver_imdb_titles: ir.Table) -> ir.Table:
    """Keep the titles that links may lead to, a fourth of IMDb: all tables of links read them."""
    return linking.linkable(silver_imdb_titles).select(*SilverLinkableTitles.types())


LINKABLE = linkable_titles.name


class SilverTitleNames(Contract):
    """One row per title of IMDb that a service may offer, and name, without case and signs."""

    tconst: str = column("IMDb's id of the title.", key=True)
    name_key: str = column(
        "What its names have in common in any catalogue: without case, accents, signs, blanks and "
        "articles, with numerals as digits.",
        key=True,
        compression="fsst",
    )
    origin: str = column(
        "Where the name is from: the title in use, the one in its language, or an alternate one.",
        isin=ORIGINS,
        compression="dictionary",
    )


@silver_table(
    contract=SilverTitleNames,
    optional=(LINKABLE, AKAS),
    incremental=Incremental(whole=(LINKABLE, AKAS)),
)
def title_names(silver_linkable_titles: ir.Table, silver_imdb_akas: ir.Table) -> ir.Table:
    """Collect the names of each title, each once, by its first origin."""
    titles = silver_linkable_titles
    akas = silver_imdb_akas.semi_join(titles, "tconst")
    names = ibis.union(
        titles.select("tconst", name=titles.primary_title, origin=ibis.literal(0, "int8")),
        titles.select("tconst", name=titles.original_title, origin=ibis.literal(1, "int8")),
        akas.select("tconst", name=akas.title, origin=ibis.literal(2, "int8")),
    )
    names = with_name_keys(names, name_key="name")
    names = names.filter(names.name_key.notnull())
    first = names.group_by("tconst", "name_key").aggregate(origin=names.origin.min())
    return first.mutate(origin=ibis.array(ORIGINS)[first.origin])


class SilverSourceTitles(Contract):
    """One row per title of a source other than IMDb, in one shape."""

    source: str = column("The source.", key=True, isin=SOURCES, compression="dictionary")
    source_id: str = column(
        "The source's id of the title.", key=True, str_length={"max_value": LONGEST_ID}
    )
    kind: str = column(
        "Movie or series; NULL where the source does not say.",
        nullable=True,
        isin=KINDS,
        compression="dictionary",
    )
    title: str = column(
        "Title.", nullable=True, compression="fsst", str_length={"max_value": LONGEST_TITLE}
    )
    name_keys: StringList = column("Its names as in `silver.title_names`.")
    year: int = column(
        "Year of release; of a series on Netflix that of its newest season.", nullable=True
    )
    runtime_minutes: int = column("Running time in minutes.", nullable=True, ge=1)
    genres: StringList = column("Genres, as the source writes them.", nullable=True)
    rating: float = column("Rating at IMDb, as the source states it.", nullable=True)
    stated_tconst: str = column("Id at IMDb, as the source states it.", nullable=True)
    cast_keys: StringList = column(
        "Names of the cast without case, accents and signs.", nullable=True
    )
    director_keys: StringList = column("Names of the directors, likewise.", nullable=True)
    listed_date: dt.Date = column("Day on which the source listed it, in its newest state.")
    since_date: dt.Date = column(
        "Day from which the source says that it offers the title; OMDb offers none.", nullable=True
    )
    digest: int = column("Digest of the other columns.")


@silver_table(contract=SilverSourceTitles, optional=OTHERS)
def source_titles(
    silver_yts_movies: ir.Table,
    silver_omdb_releases: ir.Table,
    silver_netflix_titles: ir.Table,
    silver_netflix_cast: ir.Table,
    silver_netflix_directors: ir.Table,
    silver_ott_titles: ir.Table,
) -> ir.Table:
    """Collect the titles of all sources; OMDb's games and episodes are left out."""
    rows = ibis.union(
        _of_yts(silver_yts_movies),
        _of_omdb(silver_omdb_releases),
        _of_netflix(silver_netflix_titles, silver_netflix_cast, silver_netflix_directors),
        _of_ott(silver_ott_titles),
    )
    rows = rows.mutate(
        runtime_minutes=rows.runtime_minutes.nullif(0),
        genres=ibis.ifelse(rows.genres.length() > 0, rows.genres, ibis.null(rows.genres.type())),
    )
    keys = with_name_keys(rows, _key="title", _other_key="other_title").view()
    names = ibis.array([keys["_key"], keys["_other_key"]]).filter(lambda key: key.notnull())
    titles = keys.mutate(name_keys=names.unique().sort())
    columns = [name for name in SilverSourceTitles.types() if name != "digest"]
    texts = [titles[name].cast("string").fill_null("") for name in columns]
    return titles.select(*columns, digest=ibis.array(texts).hash())


def _of_yts(movies: ir.Table) -> ir.Table:
    return _shaped(
        movies,
        source="yts",
        source_id=movies.movie_id.cast("string"),
        kind=ibis.literal(MOVIE),
        title=movies.title,
        other_title=movies.title_english,
        year=movies.year,
        runtime_minutes=movies.runtime_minutes,
        genres=movies.genres,
        rating=movies.rating,
        stated_tconst=movies.imdb_code,
        listed_date=movies.uploaded_date,
        since_date=movies.uploaded_date,
    )


def _of_omdb(releases: ir.Table) -> ir.Table:
    titles = releases.filter(releases.media_type.isin(KINDS))
    return _shaped(
        titles,
        source="omdb",
        source_id=titles.imdb_id,
        kind=titles.media_type,
        title=titles.movie_title,
        year=titles.release_year,
        stated_tconst=titles.imdb_id,
        listed_date=titles.ingested_at.cast("date"),
    )


def _of_netflix(titles: ir.Table, cast: ir.Table, directors: ir.Table) -> ir.Table:
    for people, name in ((cast, "cast_keys"), (directors, "director_keys")):
        newest = people.filter(people.is_newest)
        keys = newest.group_by("show_id").aggregate(
            **{name: person_key(newest.value).collect(distinct=True).sort()}
        )
        titles = titles.left_join(keys, "show_id").drop("show_id_right")
    return _shaped(
        titles,
        source="netflix",
        source_id=titles.show_id,
        kind=ibis.cases((titles.type == "Movie", MOVIE), (titles.type == "TV Show", SERIES)),
        title=titles.title,
        year=titles.release_year,
        runtime_minutes=titles.duration_minutes,
        genres=titles.categories,
        cast_keys=titles.cast_keys,
        director_keys=titles.director_keys,
        listed_date=titles.arrived_date,
        since_date=titles.date_added,
    )


def _of_ott(titles: ir.Table) -> ir.Table:
    return _shaped(
        titles,
        source="ott",
        source_id=titles.title_key,
        title=titles.title,
        year=ibis.coalesce(titles.premiere.year(), titles.release_year),
        runtime_minutes=titles.runtime_minutes,
        genres=titles.genres,
        rating=titles.imdb_score,
        listed_date=titles.arrived_date,
        since_date=titles.added_date,
    )


def _shaped(rows: ir.Table, source: str, **given: ir.Value) -> ir.Table:
    """Return rows in the shape of the contract; what a source does not give is unknown.

    Their keys are still to be computed, from `title` and `other_title`.
    """
    types = {**SilverSourceTitles.types(), "other_title": dt.string}
    del types["name_keys"], types["digest"]
    values = {"source": ibis.literal(source), **given}
    return rows.select(
        **{
            name: (values[name] if name in values else ibis.null(kind)).cast(kind)
            for name, kind in types.items()
        }
    )


class SilverTitleCandidates(Contract):
    """One row per title of a source and title of IMDb that may be the same, with the evidence."""

    source: str = column("The source.", key=True, compression="dictionary")
    source_id: str = column("The source's id of the title.", key=True)
    tconst: str = column("IMDb's id of the candidate.", key=True)
    rule: str = column(
        "The first rule that it meets; review where none links by itself.",
        isin=[*linking.RULES, linking.REVIEW],
        compression="dictionary",
    )
    confidence: float = column(
        "How likely both are one title, given the other candidates, 0 to 1.", ge=0, le=1
    )
    score: float = column("Sum of the weights of the evidence, in bits.")
    is_stated: bool = column("Whether the source states this id.")
    name: str = column("The name that both share; NULL if none.", nullable=True, compression="fsst")
    year_difference: int = column(
        "Years between both; 0 within the years in which a series ran.", nullable=True, ge=0
    )
    runtime_difference: int = column(
        "Minutes between both; of series that began within a year, unknown beyond 3.",
        nullable=True,
        ge=0,
    )
    rating_difference: float = column("Points between the ratings.", nullable=True, ge=0)
    shared_people: int = column(
        "Members of the cast, and directors, of both; NULL where one has none.", nullable=True, ge=0
    )
    rivals: int = column("Candidates of this title within a year, this one too.", ge=0)
    digest: int = column("Digest of the row of `silver.source_titles` that it was computed from.")


def _changed_titles(candidates: ir.Table, inputs: Inputs) -> ir.Table:
    """Return the titles that are new, changed, gone, or have no candidate."""
    titles, version = inputs["silver_source_titles"], [*KEYS, "digest"]
    return ibis.union(
        titles.anti_join(candidates, version).select(*KEYS),
        candidates.anti_join(titles, KEYS).select(*KEYS),
        distinct=True,
    )


@silver_table(
    contract=SilverTitleCandidates,
    optional=(*PEOPLE, LINKABLE, title_names.name, source_titles.name),
    incremental=Incremental(
        by=tuple(KEYS),
        changed=_changed_titles,
        of_group={"silver_source_titles": KEYS},
        whole=(*PEOPLE, LINKABLE, title_names.name),
    ),
)
def title_candidates(
    silver_source_titles: ir.Table,
    silver_title_names: ir.Table,
    silver_linkable_titles: ir.Table,
    silver_imdb_credits: ir.Table,
    silver_imdb_people: ir.Table,
) -> ir.Table:
    """Pair titles by an equal name, a stated id or a director, and weigh what they share."""
    known = silver_linkable_titles
    pairs = linking.pairs(
        silver_source_titles, silver_title_names, known, silver_imdb_credits, silver_imdb_people
    )
    people = linking.people_of(
        silver_imdb_credits.semi_join(
            pairs.filter(pairs.director_keys.notnull() | pairs.cast_keys.notnull()), "tconst"
        ),
        silver_imdb_people,
    )
    pairs = linking.with_people(pairs, people)
    newest_year = known.run_date.max().as_scalar().year()
    pairs = linking.with_rule(linking.with_evidence(pairs, newest_year))
    weighed = linking.with_confidence(pairs, known.count().as_scalar())
    return weighed.select(*SilverTitleCandidates.types())
