"""Type and clean IMDb's dumps: the newest state of titles, episodes, people and credits.

Ratings are kept for many run dates, to compare them. A line that breaks a rule is in quarantine, by
its line number.
"""

from functools import partial

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir
from pandera.api.ibis.types import IbisData

from movies_assets.core.contract import Contract, StringList, column, row_rule
from movies_assets.core.table import Lineage, table
from movies_assets.core.write_mode import OVERWRITE
from movies_assets.sources.imdb.partitions import imdb_run_dates
from movies_assets.sources.imdb.settings import ImdbSettings
from movies_assets.sources.shared.imdb_ids import NO_ID, PERSON, TITLE, digits_of
from movies_assets.sources.shared.parsing import accounted, number

TITLE_TYPES = [
    "movie", "short", "tvEpisode", "tvMiniSeries", "tvMovie", "tvPilot", "tvSeries", "tvShort",
    "tvSpecial", "video", "videoGame",
]  # fmt: skip
# Larger numbers of votes or episodes are errors, and would overflow in sums.
MOST_VOTES, LAST_EPISODE = 1_000_000_000, 100_000_000
YES, NO = 1, 0
# Titles are announced a few years ahead; a later year is an error, such as 20222.
YEARS_AHEAD = 10

of_run_date = partial(table, layer="silver", group="imdb", partition_column="run_date")
newest_state = partial(of_run_date, write_mode=OVERWRITE)
of_newest = partial(Lineage, reads="newest")


def newest(rows: ir.Table) -> ir.Table:
    """Return the rows of the newest run date."""
    return rows.filter(rows.run_date == rows.run_date.max())


def text(value: ir.StringColumn) -> ir.StringColumn:
    """Trim a text, and return NULL for ''.

    Only texts that need it are trimmed: trimming 12 million titles took 13 s.
    """
    padded = value.startswith(" ") | value.endswith(" ")
    return ibis.ifelse(padded, value.strip(), value).nullif("")


def names_of(value: ir.StringColumn) -> ir.ArrayColumn:
    """Parse a comma-separated list; trim names, and drop empty ones.

    Only lists that need it are trimmed: all 12 million titles would take longer than the rest.
    """
    names = value.split(",")
    untidy = (
        value.contains(" ")
        | value.contains(",,")
        | value.startswith(",")
        | value.endswith(",")
        | (value == "")
    )
    tidied = names.map(lambda name: name.strip()).filter(lambda name: name != "")
    return ibis.cases((~untidy, names), (tidied.length() > 0, tidied))


def flag(value: ir.IntegerColumn) -> ir.BooleanColumn:
    """Parse 1 and 0; return NULL for anything else."""
    return ibis.cases((value == YES, True), (value == NO, False))


def has_come(year: ir.IntegerColumn, rows: ir.Table) -> ir.BooleanValue:
    """Return whether a year is unknown or at most YEARS_AHEAD after that of the dump."""
    return year.isnull() | (year <= rows.run_date.year() + YEARS_AHEAD)


class SilverImdbRatings(Contract):
    """One row per title and run date: its rating then."""

    tconst: str = column(
        "IMDb id of the title.", key=True, str_matches=TITLE, fault=NO_ID, compression="fsst"
    )
    run_date: dt.Date = column("Run date of the ratings: the partition.", key=True)
    rating: float = column(
        "Weighted average of the ratings, 1 to 10; NULL if the file has 0 or no value.",
        nullable=True,
        ge=1,
        le=10,
        expected=True,
    )
    votes: int = column("Number of votes.", ge=0, le=MOST_VOTES, expected=True)


@of_run_date(
    partitions=imdb_run_dates,
    contract=SilverImdbRatings,
    lineage=Lineage(source_of="bronze.imdb_title_ratings", source_row_id="tconst"),
    keep_partitions=lambda settings: settings.section(ImdbSettings).keep_ratings,
    fresh_within_days=2,
)
def imdb_ratings(bronze_imdb_title_ratings: ir.Table) -> ir.Table:
    """Type the ratings."""
    rows = bronze_imdb_title_ratings
    rating = number(rows.average_rating)
    return rows.select(
        tconst=rows.tconst,
        run_date=rows.run_date,
        rating=rating.nullif(0),
        votes=rows.num_votes,
        **accounted(rows, average_rating=(rows.average_rating, rating)),
    )


class SilverImdbTitles(Contract):
    """One row per title of the newest dump, with its newest rating."""

    tconst: str = column(
        "IMDb id of the title.", key=True, str_matches=TITLE, fault=NO_ID, compression="fsst"
    )
    title_type: str = column(
        "Type of the title, as IMDb calls it.",
        isin=TITLE_TYPES,
        compression="dictionary",
        expected=True,
    )
    primary_title: str = column("Title in use.", compression="fsst", expected=True)
    original_title: str = column("Title in its language.", nullable=True, compression="fsst")
    is_adult: bool = column("Whether it is for adults.", nullable=True)
    start_year: int = column(
        "Year of release, of a series its first.", nullable=True, ge=1850, expected=True
    )
    end_year: int = column("Last year of a series.", nullable=True, ge=1850)
    decade: int = column("First year of the decade of release.", nullable=True)
    runtime_minutes: int = column("Running time in minutes.", nullable=True, ge=1)
    genres: StringList = column(
        "Up to three genres, in the order received, without surrounding blanks.", nullable=True
    )
    rating: float = column("Weighted average of the ratings, 1 to 10.", nullable=True)
    votes: int = column("Number of votes.", nullable=True)
    run_date: dt.Date = column("Run date of the dump.")

    @row_rule("end_year: before start_year")
    def _ends_after_start(cls, data: IbisData) -> ir.BooleanColumn:
        start, end = data.table.start_year, data.table.end_year
        return start.isnull() | end.isnull() | (end >= start)

    @row_rule(f"start_year: more than {YEARS_AHEAD} years after the dump")
    def _start_has_come(cls, data: IbisData) -> ir.BooleanValue:
        return has_come(data.table.start_year, data.table)

    @row_rule(f"end_year: more than {YEARS_AHEAD} years after the dump")
    def _end_has_come(cls, data: IbisData) -> ir.BooleanValue:
        return has_come(data.table.end_year, data.table)

    @classmethod
    def key_number(cls, rows: ir.Table) -> ir.IntegerColumn:
        """Return the digits of the id."""
        return digits_of(rows.tconst)


@newest_state(
    contract=SilverImdbTitles,
    lineage=of_newest(source_of="bronze.imdb_title_basics", source_row_id="tconst"),
    fresh_within_days=2,
)
def imdb_titles(bronze_imdb_title_basics: ir.Table, silver_imdb_ratings: ir.Table) -> ir.Table:
    """Type the titles, and add their newest ratings."""
    lines = newest(bronze_imdb_title_basics)
    is_adult, start_year = flag(lines.is_adult), lines.start_year.nullif(0)
    titles = lines.select(
        tconst=lines.tconst,
        title_type=lines.title_type,
        primary_title=text(lines.primary_title),
        original_title=text(lines.original_title),
        is_adult=is_adult,
        start_year=start_year,
        end_year=lines.end_year.nullif(0),
        decade=start_year - start_year % 10,
        runtime_minutes=lines.runtime_minutes.nullif(0),
        genres=names_of(lines.genres),
        run_date=lines.run_date,
        **accounted(lines, is_adult=(lines.is_adult, is_adult)),
    )
    ratings = newest(silver_imdb_ratings).select("tconst", "rating", "votes")
    return titles.left_join(ratings, "tconst").drop("tconst_right")


class SilverImdbEpisodes(Contract):
    """One row per episode of the newest dump: its series, and its place there."""

    tconst: str = column(
        "IMDb id of the episode.", key=True, str_matches=TITLE, fault=NO_ID, compression="fsst"
    )
    series_tconst: str = column(
        "IMDb id of the series.", expected=True, str_matches=TITLE, fault=NO_ID, compression="fsst"
    )
    season_number: int = column("Season; sometimes a year.", nullable=True, ge=0)
    episode_number: int = column(
        "Number within the season; 0 exists.", nullable=True, ge=0, le=LAST_EPISODE
    )
    run_date: dt.Date = column("Run date of the dump.")

    @row_rule("series_tconst: the episode itself")
    def _has_a_parent(cls, data: IbisData) -> ir.BooleanColumn:
        return data.table.series_tconst != data.table.tconst

    @classmethod
    def key_number(cls, rows: ir.Table) -> ir.IntegerColumn:
        """Return the digits of the id."""
        return digits_of(rows.tconst)


@newest_state(
    contract=SilverImdbEpisodes,
    lineage=of_newest(source_of="bronze.imdb_title_episode", source_row_id="tconst"),
)
def imdb_episodes(bronze_imdb_title_episode: ir.Table) -> ir.Table:
    """Name the columns."""
    rows = newest(bronze_imdb_title_episode)
    return rows.select(
        tconst=rows.tconst,
        series_tconst=rows.parent_tconst,
        season_number=rows.season_number,
        episode_number=rows.episode_number,
        run_date=rows.run_date,
        **accounted(rows),
    )


class SilverImdbPeople(Contract):
    """One row per person of the newest dump."""

    nconst: str = column(
        "IMDb id of the person.", key=True, str_matches=PERSON, fault=NO_ID, compression="fsst"
    )
    primary_name: str = column("Name.", compression="fsst", expected=True)
    birth_year: int = column("Year of birth.", nullable=True)
    death_year: int = column("Year of death.", nullable=True)
    primary_profession: StringList = column("Up to three professions.", nullable=True)
    known_for_titles: StringList = column("IMDb ids of titles.", nullable=True)
    run_date: dt.Date = column("Run date of the dump.")

    @row_rule("birth_year: after the dump")
    def _is_born(cls, data: IbisData) -> ir.BooleanValue:
        return data.table.birth_year.isnull() | (
            data.table.birth_year <= data.table.run_date.year()
        )

    @row_rule("death_year: after the dump")
    def _is_dead(cls, data: IbisData) -> ir.BooleanValue:
        return data.table.death_year.isnull() | (
            data.table.death_year <= data.table.run_date.year()
        )

    @classmethod
    def key_number(cls, rows: ir.Table) -> ir.IntegerColumn:
        """Return the digits of the id."""
        return digits_of(rows.nconst)


@newest_state(
    contract=SilverImdbPeople,
    lineage=of_newest(source_of="bronze.imdb_name_basics", source_row_id="nconst"),
)
def imdb_people(bronze_imdb_name_basics: ir.Table) -> ir.Table:
    """Type the people."""
    rows = newest(bronze_imdb_name_basics)
    return rows.select(
        nconst=rows.nconst,
        primary_name=text(rows.primary_name),
        birth_year=rows.birth_year,
        death_year=rows.death_year,
        primary_profession=names_of(rows.primary_profession),
        known_for_titles=names_of(rows.known_for_titles),
        run_date=rows.run_date,
        **accounted(rows),
    )


class SilverImdbCredits(Contract):
    """One row per credit of the newest dump: a person's part in a title."""

    tconst: str = column(
        "IMDb id of the title.", key=True, str_matches=TITLE, fault=NO_ID, compression="fsst"
    )
    ordering: int = column("Rank among the credits of the title, from 1.", key=True, ge=1)
    nconst: str = column(
        "IMDb id of the person.", str_matches=PERSON, fault=NO_ID, compression="fsst"
    )
    category: str = column("Kind of the part, such as actress.", compression="dictionary")
    job: str = column("The job, if the kind does not include it.", nullable=True)
    characters: str = column(
        "Roles played, a JSON list; other texts as received.",
        nullable=True,
        compression="fsst",
    )
    run_date: dt.Date = column("Run date of the dump.")


@newest_state(
    contract=SilverImdbCredits,
    lineage=of_newest(source_of="bronze.imdb_title_principals", source_row_id="tconst"),
)
def imdb_credits(bronze_imdb_title_principals: ir.Table) -> ir.Table:
    """Type the credits."""
    rows = newest(bronze_imdb_title_principals)
    kept = ["tconst", "ordering", "nconst", "category", "job", "characters", "run_date"]
    return rows.select(*kept, **accounted(rows))


class SilverImdbCrew(Contract):
    """One row per title of the newest dump: its directors and writers."""

    tconst: str = column(
        "IMDb id of the title.", key=True, str_matches=TITLE, fault=NO_ID, compression="fsst"
    )
    directors: StringList = column("IMDb ids of its directors.", nullable=True)
    writers: StringList = column("IMDb ids of its writers.", nullable=True)
    run_date: dt.Date = column("Run date of the dump.")

    @classmethod
    def key_number(cls, rows: ir.Table) -> ir.IntegerColumn:
        """Return the digits of the id."""
        return digits_of(rows.tconst)


@newest_state(
    contract=SilverImdbCrew,
    lineage=of_newest(source_of="bronze.imdb_title_crew", source_row_id="tconst"),
)
def imdb_crew(bronze_imdb_title_crew: ir.Table) -> ir.Table:
    """Split the lists."""
    rows = newest(bronze_imdb_title_crew)
    return rows.select(
        tconst=rows.tconst,
        directors=names_of(rows.directors),
        writers=names_of(rows.writers),
        run_date=rows.run_date,
        **accounted(rows),
    )


class SilverImdbAkas(Contract):
    """One row per name of a title in the newest dump."""

    tconst: str = column(
        "IMDb id of the title.", key=True, str_matches=TITLE, fault=NO_ID, compression="fsst"
    )
    ordering: int = column("Number among the names of the title, from 1.", key=True, ge=1)
    title: str = column("The name.", compression="fsst")
    region: str = column("Region, mostly ISO 3166.", nullable=True, compression="dictionary")
    language: str = column("Language, mostly ISO 639.", nullable=True, compression="dictionary")
    is_original: bool = column("Whether it is the original title.", nullable=True)
    run_date: dt.Date = column("Run date of the dump.")


@newest_state(
    contract=SilverImdbAkas,
    lineage=of_newest(source_of="bronze.imdb_title_akas", source_row_id="tconst"),
)
def imdb_akas(bronze_imdb_title_akas: ir.Table) -> ir.Table:
    """Type the names."""
    rows = newest(bronze_imdb_title_akas)
    original = flag(rows.is_original_title)
    return rows.select(
        tconst=rows.tconst,
        ordering=rows.ordering,
        title=text(rows.title),
        region=rows.region,
        language=rows.language,
        is_original=original,
        run_date=rows.run_date,
        **accounted(rows, is_original_title=(rows.is_original_title, original)),
    )
