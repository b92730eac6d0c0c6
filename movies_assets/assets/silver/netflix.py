"""Netflix's titles and look-ups, typed and cleaned; of a title that arrived again the newest.

Everything is read from bronze whole: six thousand titles take less time than telling which of them
a day has changed.
"""

from functools import partial, reduce
from operator import and_

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir
import pandera.ibis as pa
from pandera.api.ibis.types import IbisData

from movies_assets.assets.silver.parsing import accounted, clean, day, rescued, tidy, whole
from movies_assets.contracts import Contract, column
from movies_assets.partitions import netflix_days
from movies_assets.table import Refinement, Table, Versions, table

OTHER, MOVIE, TV_SHOW = 0, 1, 2
FLAGS = {"movie": MOVIE, "tv show": TV_SHOW}
MINUTES, SEASONS = " ?(?:min|mins|minutes?)", " ?seasons?"
# A title may be announced before it is there, and listed before its release.
DAYS_AHEAD, YEARS_AHEAD = 366, 5
FOUNDED = 1997

mirror = partial(table, layer="silver", group="netflix", replaces="table")
of_all = partial(Refinement, row_id="source_row", reads="all")


class SilverNetflixTitles(Contract):
    """One row a title, as it arrived last."""

    show_id: int = column("Netflix's id.", key=True, ge=1)
    type: str = column("Movie or TV Show.", compression="dictionary", expected=True)
    type_flag: int = column(
        "The type as a number: 1 a movie, 2 a TV show, 0 anything else.", ge=OTHER, le=TV_SHOW
    )
    title: str = column("Title in full.", nullable=True, compression="fsst", expected=True)
    short_title: str = column(
        "The title before its first colon: of 'Black Mirror: Bandersnatch' 'Black Mirror'.",
        nullable=True,
        compression="fsst",
    )
    date_added: dt.Date = column(
        "Day on which it was added to the offer.", nullable=True, expected=True
    )
    release_year: int = column("Year of release.", nullable=True, ge=1870, expected=True)
    rating: str = column("Rating in full, such as PG-13.", nullable=True, compression="dictionary")
    rating_group: str = column(
        "The rating before its first hyphen: PG of PG-13, TV of TV-MA.",
        nullable=True,
        compression="dictionary",
    )
    duration_minutes: int = column("Running time in minutes; 0 where none is given.", ge=0, le=1440)
    duration_seasons: int = column("Number of seasons; 1 where none is given.", ge=1, le=200)
    duration_rank: int = column(
        "Dense rank of the running time in minutes over all titles, 1 the longest. Minutes and "
        "seasons do not compare: TV shows have no minutes, and all share the last rank.",
        ge=1,
    )
    description: str = column("Description.", nullable=True, compression="zstd")
    arrived_date: dt.Date = column("Day on which this state of it arrived.")
    source_row: str = column("File and record that it was read from.", compression="fsst")

    @pa.dataframe_check(
        name=f"date_added: before {FOUNDED} or more than {DAYS_AHEAD} days after arrival"
    )
    @classmethod
    def _added_in_time(cls, data: IbisData) -> ir.BooleanColumn:
        added, arrived = data.table.date_added, data.table.arrived_date
        return (added.year() >= FOUNDED) & (added <= arrived + ibis.interval(days=DAYS_AHEAD))

    @pa.dataframe_check(name=f"release_year: more than {YEARS_AHEAD} years after arrival")
    @classmethod
    def _year_has_come(cls, data: IbisData) -> ir.BooleanColumn:
        return data.table.release_year <= data.table.arrived_date.year() + YEARS_AHEAD


@mirror(
    contract=SilverNetflixTitles,
    partitions=netflix_days,
    partition_column="arrived_date",
    versions=Versions(entity=("show_id",), order=("arrived_date", "source_row")),
    refines=of_all(source="bronze.netflix_titles"),
)
def netflix_titles(bronze_netflix_titles: ir.Table) -> ir.Table:
    """Type and clean the titles.

    A value that did not fit its column is read here where that can be done ('95 min', '2019.0').
    Where it cannot, it is NULL and its text stays in bronze: it costs no title its row.
    """
    rows = bronze_netflix_titles
    kind, title, rating = tidy(rows.type), tidy(rows.title), tidy(rows.rating)
    added = day(rows.date_added)
    # A duration may stand in the column of the rating.
    minutes, seasons = whole(rating, MINUTES), whole(rating, SEASONS)
    rating = ibis.ifelse(minutes.notnull() | seasons.notnull(), ibis.null("string"), rating)
    typed = rows.select(
        "arrived_date",
        "source_row",
        show_id=ibis.coalesce(rows.show_id, whole(rescued(rows, "show_id"))),
        type=kind,
        type_flag=ibis.ifelse(
            kind.isnull(), ibis.null("int64"), kind.lower().cases(*FLAGS.items(), else_=OTHER)
        ),
        title=title,
        short_title=ibis.coalesce(before(title, ":"), title),
        date_added=added,
        release_year=ibis.coalesce(rows.release_year, whole(rescued(rows, "release_year"))),
        rating=rating,
        rating_group=ibis.coalesce(before(rating, "-"), rating),
        duration_minutes=ibis.coalesce(
            rows.duration_minutes,
            whole(rescued(rows, "duration_minutes"), f"(?:{MINUTES})?"),
            minutes,
            0,
        ),
        duration_seasons=ibis.coalesce(
            rows.duration_seasons.nullif(0),
            whole(rescued(rows, "duration_seasons"), f"(?:{SEASONS})?").nullif(0),
            seasons.nullif(0),
            1,
        ),
        description=clean(rows.description),
        **accounted(rows, date_added=(tidy(rows.date_added), added)),
    )
    return ranked(typed)


def before(text: ir.StringColumn, mark: str) -> ir.StringColumn:
    """Return what stands before the first mark; NULL where nothing does."""
    return text.split(mark)[0].strip().nullif("")


def ranked(titles: ir.Table) -> ir.Table:
    """Rank typed rows by their running time.

    Rows that will not stand in the table, broken ones and older states of a title, do not count
    among those that will.
    """
    rows = titles.mutate(duration_rank=1)
    rules = [rule.holds(rows) for rule in SilverNetflixTitles.rules()]
    rows = rows.mutate(is_sound=reduce(and_, rules, rows["_unparsed"] == ""))
    newest_first = [rows.arrived_date.desc(), rows.source_row.desc()]
    place = ibis.row_number().over(group_by=[rows.show_id, rows.is_sound], order_by=newest_first)
    rows = rows.mutate(stands=rows.is_sound & (place == 0))
    rank = ibis.dense_rank().over(group_by=rows.stands, order_by=rows.duration_minutes.desc())
    return rows.mutate(duration_rank=rank + 1).drop("is_sound", "stands")


class SilverNetflixLookup(Contract):
    """One row a title and value: a member of the cast, a category, a country, or a director."""

    show_id: int = column(
        "Netflix's id of the title; the source also has values of titles that it does not list.",
        key=True,
        references="silver.netflix_titles",
        orphans="warn",
    )
    value: str = column("The value, such as a person's name.", key=True, compression="fsst")
    source_row: str = column("File and record that it was read from.", compression="fsst")


def _lookup(name: str) -> Table:
    """Describe the look-up of a name."""
    source = f"bronze.netflix_{name}"

    @mirror(
        name=f"netflix_{name}",
        contract=SilverNetflixLookup,
        inputs={"rows": source},
        refines=of_all(source=source),
        drop_duplicates=True,
    )
    def tidied(rows: ir.Table) -> ir.Table:
        return rows.select(
            show_id=ibis.coalesce(rows.show_id, whole(rescued(rows, "show_id"))),
            value=tidy(rows.value),
            source_row=rows.source_row,
            **accounted(rows),
        )

    return tidied


netflix_cast = _lookup("cast")
netflix_category = _lookup("category")
netflix_countries = _lookup("countries")
netflix_directors = _lookup("directors")
