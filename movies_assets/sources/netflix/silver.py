"""Type and clean Netflix's titles, credits and look-ups; keep the newest state of each title.

A value that is unknown in the newest state is carried over from older ones. All of bronze is read:
6,000 titles take less time than finding those that a day has changed.
"""

from functools import partial

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir
from pandera.api.ibis.types import IbisData

from movies_assets.core.contract import Contract, StringList, column, row_rule
from movies_assets.core.outcome import is_sound
from movies_assets.core.table import LatestVersion, Lineage, Table, table
from movies_assets.core.write_mode import OVERWRITE
from movies_assets.sources.netflix.editions import (
    FIVE_FILES,
    JUSTWATCH,
    JUSTWATCH_CREDITS,
    KAGGLE_2021,
)
from movies_assets.sources.shared.countries import names_of
from movies_assets.sources.shared.parsing import (
    accounted,
    clean,
    day,
    known,
    minutes,
    rescued,
    tidy,
    whole,
    year,
)
from movies_assets.sources.shared.versions import latest_known

OTHER, MOVIE, TV_SHOW = 0, 1, 2
TYPES = {"movie": "Movie", "tv show": "TV Show", "show": "TV Show"}
FLAGS = {"movie": MOVIE, "tv show": TV_SHOW, "show": TV_SHOW}
MINUTES, SEASONS = " ?(?:min|mins|minutes?)", " ?seasons?"
# A title may be announced before it is available, and listed before its release.
DAYS_AHEAD, YEARS_AHEAD = 366, 5
FOUNDED = 1997
# Generous bounds: real titles have up to 104 characters, descriptions 250, names of people 84. A
# longer field consists of several fields that damage has joined.
LONGEST_WORD, LONGEST_TITLE, LONGEST_VALUE, LONGEST_DESCRIPTION = 100, 500, 300, 10_000
# Patterns of ids, a prefix and a number, and the fault of an id of another kind. The prefix
# separates the ids of publishers.
NUMBER = (r"^()0*([1-9][0-9]{0,17})(?:[.]0+)?$", "not a number")
ROW_NUMBER = (r"^(s)0*([1-9][0-9]{0,17})$", "not s and a number")
NODE = (r"^(t[ms])0*([1-9][0-9]{0,17})$", "not tm or ts and a number")
IDS = {KAGGLE_2021.name: ROW_NUMBER, JUSTWATCH.name: NODE, JUSTWATCH_CREDITS.name: NODE}
# 'Robert Downey, Jr.' is one person; 'Agnès Varda, JR' are two.
SUFFIX = r", ((?:Jr|Sr)[.]?) ?(,|$)"
# JustWatch's code of an unknown country.
NOWHERE = "XX"
ACTOR, DIRECTOR = "ACTOR", "DIRECTOR"

full_refresh = partial(table, layer="silver", group="netflix", write_mode=OVERWRITE)
of_all = partial(Lineage, source_row_id="source_row", reads="all")


class SilverNetflixTitles(Contract):
    """One row per title, in its newest state, with unknown values carried over from older ones."""

    show_id: str = column(
        "The publisher's id: digits for Netflix; s and digits for Kaggle 2021, which count rows; "
        "tm or ts and digits for JustWatch.",
        key=True,
        expected=True,
        str_length={"max_value": LONGEST_WORD},
    )
    edition: str = column(
        "The edition of the file, by its publisher's names of columns; NULL if none fits.",
        nullable=True,
        clears=True,
        compression="dictionary",
    )
    type: str = column(
        "Movie or TV Show.",
        compression="dictionary",
        str_length={"max_value": LONGEST_WORD},
        expected=True,
    )
    type_flag: int = column(
        "The type as a number: 1 a movie, 2 a TV show, 0 anything else.", ge=OTHER, le=TV_SHOW
    )
    title: str = column(
        "Title in full.",
        nullable=True,
        compression="fsst",
        str_length={"max_value": LONGEST_TITLE},
        expected=True,
    )
    short_title: str = column(
        "The title before its first colon: 'Black Mirror' for 'Black Mirror: Bandersnatch'.",
        nullable=True,
        compression="fsst",
    )
    date_added: dt.Date = column(
        "Day on which it was added to the offer.",
        nullable=True,
        expected=lambda rows: rows.edition.fill_null("") != JUSTWATCH.name,
    )
    release_year: int = column("Year of release.", nullable=True, ge=1870, expected=True)
    rating: str = column(
        "Rating in full, such as PG-13.",
        nullable=True,
        compression="dictionary",
        str_length={"max_value": LONGEST_WORD},
    )
    rating_group: str = column(
        "The rating before its first hyphen: PG for PG-13, TV for TV-MA.",
        nullable=True,
        compression="dictionary",
    )
    duration_minutes: int = column(
        "Running time of a movie in minutes.",
        nullable=True,
        ge=1,
        le=1440,
        expected=lambda rows: rows.type_flag == MOVIE,
    )
    duration_seasons: int = column(
        "Number of seasons of a show.",
        nullable=True,
        ge=1,
        le=200,
        expected=lambda rows: rows.type_flag == TV_SHOW,
    )
    duration_rank: int = column(
        "Dense rank of the running time in minutes over all titles, 1 the longest; NULL without "
        "minutes. Seasons are not comparable with minutes.",
        nullable=True,
        ge=1,
        clears=True,
    )
    description: str = column(
        "Description.",
        nullable=True,
        compression="zstd",
        str_length={"max_value": LONGEST_DESCRIPTION},
    )
    directors: StringList = column("Directors in the title's own file.", nullable=True)
    cast_members: StringList = column("Cast in the title's own file.", nullable=True)
    countries: StringList = column("Countries in the title's own file.", nullable=True)
    categories: StringList = column("Categories in the title's own file.", nullable=True)
    arrived_date: dt.Date = column("Day on which this state of it arrived.")
    source_row: str = column("File and record that it was read from.", compression="fsst")

    @row_rule(f"date_added: before {FOUNDED} or more than {DAYS_AHEAD} days after arrival")
    def _added_in_time(cls, data: IbisData) -> ir.BooleanColumn:
        added, arrived = data.table.date_added, data.table.arrived_date
        return (added.year() >= FOUNDED) & (added <= arrived + ibis.interval(days=DAYS_AHEAD))

    @row_rule(f"release_year: more than {YEARS_AHEAD} years after arrival")
    def _year_has_come(cls, data: IbisData) -> ir.BooleanColumn:
        return data.table.release_year <= data.table.arrived_date.year() + YEARS_AHEAD


def typed_titles(bronze: ir.Table) -> ir.Table:
    """Type and clean the titles, each by itself.

    A value that did not fit its column's type is parsed here if possible ('95 min', '2019.0').
    Otherwise it is NULL, its text stays in bronze, and the check `schema` names it. In a text
    column no check would notice that, so the title goes to quarantine with the reason.
    """
    # A separate step, as the dates would otherwise be parsed at each use.
    rows = bronze.mutate(
        _added=day(bronze.date_added, bronze["_source"]),
        _minutes=minutes(rescued(bronze, "duration_minutes"), bronze["_source"]),
        # A number without a unit may be seasons.
        _clock=minutes(
            ibis.ifelse(
                bronze.duration.re_search("[0-9] ?[:a-zA-Z]"), bronze.duration, ibis.null("string")
            ),
            bronze["_source"],
        ),
        _rating=tidy(bronze.rating),
        _type=tidy(bronze.type),
        _title=tidy(bronze.title),
        _duration=tidy(bronze.duration),
    ).view()
    # Another step, for values derived from those.
    rows = rows.mutate(
        _rated_minutes=whole(rows["_rating"], MINUTES),
        _rated_seasons=whole(rows["_rating"], SEASONS),
        _duration_minutes=whole(rows["_duration"], MINUTES),
        _duration_seasons=whole(rows["_duration"], SEASONS),
        _seasons=whole(rescued(rows, "duration_seasons"), f"(?:{SEASONS})?"),
        _year=year(rescued(rows, "release_year")),
        _runtime=whole(rows.runtime, f"(?:{MINUTES})?"),
        _listed_seasons=whole(rows.seasons, f"(?:{SEASONS})?"),
    ).view()
    edition = rows["_edition"]
    show_id, problem = identified(rows.show_id, edition)
    kind, title = rows["_type"], rows["_title"]
    flag = kind.lower().cases(*FLAGS.items(), else_=OTHER)
    # A duration may be in the column of the rating.
    is_duration = rows["_rated_minutes"].notnull() | rows["_rated_seasons"].notnull()
    rating = ibis.ifelse(is_duration, ibis.null("string"), rows["_rating"])
    # A show's running time is that of an episode, not of the show.
    runtime = ibis.ifelse(
        flag == MOVIE,
        ibis.coalesce(rows["_clock"], rows["_runtime"]),
        ibis.null("int64"),
    )
    typed: ir.Table = rows.select(
        "arrived_date",
        "source_row",
        show_id=show_id,
        edition=edition,
        type=kind.lower().cases(*TYPES.items(), else_=kind),
        type_flag=ibis.ifelse(kind.isnull(), ibis.null("int64"), flag),
        title=title,
        short_title=ibis.coalesce(before(title, ":"), title),
        date_added=rows["_added"],
        release_year=ibis.coalesce(rows.release_year.nullif(0), rows["_year"]),
        rating=rating,
        rating_group=ibis.coalesce(before(rating, "-"), rating),
        duration_minutes=first_known(
            rows.duration_minutes,
            rows["_minutes"],
            rows["_duration_minutes"],
            rows["_rated_minutes"],
            runtime,
        ),
        duration_seasons=first_known(
            rows.duration_seasons,
            rows["_seasons"],
            rows["_duration_seasons"],
            rows["_rated_seasons"],
            rows["_listed_seasons"],
        ),
        description=clean(rows.description),
        directors=members(rows.directors),
        cast_members=members(rows.cast_members),
        countries=ibis.ifelse(
            edition == JUSTWATCH.name,
            names_of(members(rows.countries.replace(NOWHERE, ""))),
            members(rows.countries),
        ),
        categories=members(rows.categories),
        **refused(
            rows,
            problem,
            date_added=(tidy(rows.date_added), rows["_added"]),
            duration=(
                known(rows["_duration"]),
                ibis.coalesce(rows["_duration_minutes"], rows["_duration_seasons"], rows["_clock"]),
                "not a duration",
            ),
            runtime=(known(rows.runtime), rows["_runtime"]),
            seasons=(known(rows.seasons), rows["_listed_seasons"]),
        ),
    )
    return typed.view()


@full_refresh(
    contract=SilverNetflixTitles,
    partition_column="arrived_date",
    latest_version=LatestVersion(entity=("show_id",), order=("arrived_date", "source_row")),
    typed=typed_titles,
    lineage=of_all(source_of="bronze.netflix_titles"),
)
def netflix_titles(bronze_netflix_titles: ir.Table) -> ir.Table:
    """Carry over known values of each title, and rank the titles by their running time."""
    # The rank is computed last, from all rows.
    judged = typed_titles(bronze_netflix_titles).mutate(duration_rank=ibis.null("int64"))
    judged = judged.mutate(is_sound=is_sound(judged, SilverNetflixTitles)).view()
    known = latest_known(
        judged,
        ("show_id",),
        ("arrived_date", "source_row"),
        SilverNetflixTitles.carried(),
        sound=judged.is_sound,
    )
    return ranked(known)


def identified(
    text: ir.StringColumn, edition: ir.StringColumn
) -> tuple[ir.StringColumn, ir.StringColumn]:
    """Return the canonical ids of titles, and the problem of ids of another kind.

    An id of another kind is returned as received.

    Args:
        text: the ids as received.
        edition: the edition of their files; without one, ids are numbers.
    """
    received = tidy(text).lower()
    spelt = {
        name: (received.re_extract(pattern, 1) + received.re_extract(pattern, 2)).nullif("")
        for name, (pattern, _) in {**IDS, "": NUMBER}.items()
    }
    number = spelt.pop("")
    canonical = edition.cases(*spelt.items(), else_=number)
    problems = [(name, f"show_id: {problem}") for name, (_, problem) in IDS.items()]
    problem = ibis.ifelse(
        received.notnull() & canonical.isnull(),
        edition.cases(*problems, else_=f"show_id: {NUMBER[1]}"),
        ibis.null("string"),
    )
    return ibis.coalesce(canonical, received), problem


def refused(
    rows: ir.Table,
    problem: ir.StringColumn,
    **read: tuple[ir.Value, ir.Value] | tuple[ir.Value, ir.Value, str],
) -> dict[str, ir.Value]:
    """Return the columns of `accounted`, with the problem of the id among the reasons."""
    account = accounted(rows, **read)
    unread = ibis.array([problem, account["_unparsed"].nullif("")]).join("; ").fill_null("")
    return {**account, "_unparsed": ibis.coalesce(rows["_problem"], unread)}


def first_known(*values: ir.IntegerValue) -> ir.IntegerValue:
    """Return the first known number; 0 minutes or seasons mean unknown."""
    known: ir.IntegerValue = ibis.coalesce(*(value.nullif(0) for value in values))
    return known


def members(text: ir.StringColumn) -> ir.ArrayColumn:
    """Parse a list in one cell: 'A, B', or "['a', 'b']"; return NULL if it is empty."""
    tidied = tidy(text)
    is_literal = tidied.re_search(r"^\[.*\]$")
    bare = ibis.ifelse(is_literal, tidied.re_replace(r"""[\[\]'"]""", ""), tidied)
    joined = bare.re_replace(SUFFIX, r" \1\2")
    listed = joined.re_replace(" ?,[ ,]*", ",").re_replace("^[ ,]+|[ ,]+$", "").nullif("")
    found: ir.ArrayColumn = listed.split(",")
    return found


def before(text: ir.StringColumn, mark: str) -> ir.StringColumn:
    """Return the text before the first mark; NULL if there is none."""
    return text.split(mark)[0].strip().nullif("")


def ranked(rows: ir.Table) -> ir.Table:
    """Rank rows by their running time.

    Rows that will not be in the table (broken ones and older states of a title) do not affect the
    ranks of those that will.

    Args:
        rows: typed rows, with `is_sound`.
    """
    newest_first = [rows.arrived_date.desc(), rows.source_row.desc()]
    place = ibis.row_number().over(group_by=[rows.show_id, rows.is_sound], order_by=newest_first)
    rows = rows.mutate(counts=rows.is_sound & (place == 0) & rows.duration_minutes.notnull())
    rank = ibis.dense_rank().over(group_by=rows.counts, order_by=rows.duration_minutes.desc()) + 1
    known = ibis.ifelse(rows.duration_minutes.isnull(), ibis.null("int64"), rank)
    return rows.mutate(duration_rank=known).drop("is_sound", "counts")


class SilverNetflixCredits(Contract):
    """One row per person's part in a title, for titles with credits in a separate file."""

    show_id: str = column(
        "The publisher's id of the title.",
        key=True,
        references="silver.netflix_titles",
        orphans="warn",
        str_length={"max_value": LONGEST_WORD},
    )
    person_id: str = column(
        "The publisher's id of the person.", key=True, str_length={"max_value": LONGEST_WORD}
    )
    role: str = column(
        "ACTOR or DIRECTOR.",
        key=True,
        compression="dictionary",
        str_length={"max_value": LONGEST_WORD},
    )
    person_name: str = column(
        "Name of the person.", compression="fsst", str_length={"max_value": LONGEST_VALUE}
    )
    character_name: str = column(
        "The role played.",
        nullable=True,
        compression="fsst",
        str_length={"max_value": LONGEST_DESCRIPTION},
    )
    arrived_date: dt.Date = column("Day on which this state of the title's credits arrived.")
    source_row: str = column("File and record that it was read from.", compression="fsst")


@full_refresh(
    contract=SilverNetflixCredits,
    partition_column="arrived_date",
    latest_version=LatestVersion(entity=("show_id",), order=("arrived_date",)),
    lineage=of_all(source_of="bronze.netflix_credits"),
    drop_duplicates=True,
)
def netflix_credits(bronze_netflix_credits: ir.Table) -> ir.Table:
    """Type and clean the credits; those of a title that arrives again replace the older ones."""
    rows = bronze_netflix_credits
    show_id, problem = identified(rows.show_id, rows["_edition"])
    return rows.select(
        "arrived_date",
        "source_row",
        show_id=show_id,
        person_id=tidy(rows.person_id),
        role=tidy(rows.role).upper(),
        person_name=tidy(rows.person_name),
        character_name=tidy(rows.character_name),
        **refused(rows, problem),
    )


class SilverNetflixLookup(Contract):
    """One row per title and value: a member of the cast, a category, a country, or a director."""

    show_id: str = column(
        "The publisher's id of the title; the source also has values for titles that it does not "
        "list.",
        key=True,
        references="silver.netflix_titles",
        orphans="warn",
        str_length={"max_value": LONGEST_WORD},
    )
    value: str = column(
        "The value, such as a person's name.",
        key=True,
        compression="fsst",
        str_length={"max_value": LONGEST_VALUE},
    )
    is_newest: bool = column(
        "Whether the newest state of the title has its values in this place: its own file, a file "
        "of credits, or the look-up's file. If it has none, older values are kept."
    )
    source_row: str = column(
        "File and record that it was read from; for a list in a title's own file, the title's.",
        compression="fsst",
    )


def _lookup(name: str, members_of: str, role: str | None = None) -> Table:
    """Describe the look-up of a name.

    Args:
        name: the look-up.
        members_of: the column of the titles for values in their own files.
        role: the role of the credits that belong to its values.
    """
    source = f"bronze.netflix_{name}"

    @full_refresh(
        name=f"netflix_{name}",
        contract=SilverNetflixLookup,
        inputs={
            "rows": source,
            "titles": "silver.netflix_titles",
            "credited": "silver.netflix_credits",
        },
        optional=("silver.netflix_credits",),
        latest_version=LatestVersion(entity=("show_id",), order=("is_newest",)),
        lineage=of_all(source_of=source),
        drop_duplicates=True,
    )
    def tidied(rows: ir.Table, titles: ir.Table, credited: ir.Table) -> ir.Table:
        show_id, problem = identified(rows.show_id, ibis.null("string"))
        received = rows.select(
            "source_row",
            show_id=show_id,
            value=tidy(rows.value),
            **refused(rows, problem),
        )
        needs_file = titles.edition.fill_null(FIVE_FILES.name) == FIVE_FILES.name
        needing = titles.filter(needs_file).select(of="show_id")
        received = received.left_join(needing, received.show_id == needing.of)
        received = received.mutate(is_newest=received.of.notnull()).drop("of")
        listed = titles.select(
            "show_id", "source_row", is_newest=~needs_file, value=titles[members_of].unnest()
        )
        if role:
            of_role = credited.filter(credited.role == role)
            parts = of_role.select(
                "show_id", "source_row", is_newest=ibis.literal(value=True), value="person_name"
            )
            listed = listed.union(parts)
        sound = {"_raw": ibis.null("string"), "_unparsed": ibis.literal("")}
        return received.union(listed.mutate(**sound).select(*received.columns))

    return tidied


netflix_cast = _lookup("cast", "cast_members", ACTOR)
netflix_category = _lookup("category", "categories")
netflix_countries = _lookup("countries", "countries")
netflix_directors = _lookup("directors", "directors", DIRECTOR)
