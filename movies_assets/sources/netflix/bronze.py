"""Store Netflix's files as received: titles and credits by day of arrival, and today's look-ups.

Interpreting rows belongs in silver, the publishers' names for columns in `editions`, and parsing
files in `warehouse.delimited`.
"""

from collections.abc import Callable
from functools import partial
from io import FileIO
from typing import TYPE_CHECKING

import dagster as dg
import duckdb
import ibis.expr.datatypes as dt

from movies_assets.core.contract import FileRows, column
from movies_assets.core.table import Table, table
from movies_assets.core.write_mode import OVERWRITE
from movies_assets.ingest.editions import Edition
from movies_assets.ingest.run_days import days_within, possible_days
from movies_assets.sources.netflix.editions import EDITIONS, FIVE_FILES, JUSTWATCH_CREDITS
from movies_assets.sources.netflix.partitions import netflix_days
from movies_assets.sources.netflix.resources import NetflixLanding, NetflixLookups
from movies_assets.warehouse.database import Warehouse
from movies_assets.warehouse.delimited import DelimitedFile, DelimitedFiles, arrived
from movies_assets.warehouse.schema import stored_types

if TYPE_CHECKING:
    from movies_assets.ingest.landing import Landing

TITLES = "bronze.netflix_titles"


class BronzeNetflixTitles(FileRows):
    """One row per record of a title, as it arrived; each edition fills some of the columns."""

    duration_minutes: int = column("Running time of a movie in minutes.", nullable=True)
    duration_seasons: int = column("Number of seasons of a show.", nullable=True)
    duration: str = column("Either of them with its unit, as received: 90 min.", nullable=True)
    runtime: str = column(
        "Running time in minutes, as received; for a show, that of an episode.", nullable=True
    )
    seasons: str = column("Number of seasons, as received.", nullable=True)
    type: str = column("Movie or TV Show.", nullable=True)
    title: str = column("Title.", nullable=True)
    date_added: str = column("Day on which it was added, as received.", nullable=True)
    release_year: int = column("Year of release.", nullable=True)
    rating: str = column("Rating such as TV-MA.", nullable=True)
    description: str = column("Description.", nullable=True)
    directors: str = column("Directors, a list in one cell, as received.", nullable=True)
    cast_members: str = column("Cast, a list in one cell, as received.", nullable=True)
    countries: str = column("Countries of production, a list in one cell.", nullable=True)
    categories: str = column("Categories, a list in one cell, as received.", nullable=True)
    imdb_id: str = column("IMDb's id, as received.", nullable=True)
    imdb_score: str = column("IMDb's score, as received.", nullable=True)
    imdb_votes: str = column("Votes on IMDb, as received.", nullable=True)
    tmdb_popularity: str = column("Popularity on TMDB, as received.", nullable=True)
    tmdb_score: str = column("Score on TMDB, as received.", nullable=True)
    show_id: str = column("The publisher's id of the title, as received.", nullable=True)
    arrived_date: dt.Date = column("Day to which the file belongs: the partition.")


class BronzeNetflixCredits(FileRows):
    """One row per record of a person's part in a title, as it arrived."""

    person_id: str = column("The publisher's id of the person, as received.", nullable=True)
    show_id: str = column("The publisher's id of the title, as received.", nullable=True)
    person_name: str = column("Name of the person.", nullable=True)
    character_name: str = column("The role played.", nullable=True)
    role: str = column("ACTOR or DIRECTOR.", nullable=True)
    arrived_date: dt.Date = column("Day to which the file belongs: the partition.")


arriving = partial(
    table,
    layer="bronze",
    group="netflix",
    partitions=netflix_days,
    partition_column="arrived_date",
)


@arriving(contract=BronzeNetflixTitles)
def netflix_titles(
    context: dg.AssetExecutionContext, netflix_landing: NetflixLanding
) -> DelimitedFiles:
    """Load the titles in the files of the run's days, replacing their earlier rows."""
    return _arrived(
        context, netflix_landing.open(), lambda edition: edition is not JUSTWATCH_CREDITS
    )


@arriving(contract=BronzeNetflixCredits)
def netflix_credits(
    context: dg.AssetExecutionContext, netflix_landing: NetflixLanding
) -> DelimitedFiles:
    """Load the credits in the files of the run's days, replacing their earlier rows."""
    return _arrived(context, netflix_landing.open(), lambda edition: edition is JUSTWATCH_CREDITS)


def _arrived(
    context: dg.AssetExecutionContext, landing: "Landing", takes: Callable[[Edition | None], bool]
) -> DelimitedFiles:
    days, possible = days_within(context.partition_time_window), possible_days(context)
    return arrived(landing, days, context.run_id, EDITIONS, possible=possible, takes=takes)


class BronzeNetflixLookup(FileRows):
    """One row per record of a look-up: a value and its title."""

    value: str = column("The value, such as a person's name.", nullable=True)
    show_id: str = column("Netflix's id of the title, as received.", nullable=True)


def lookup_table(name: str, value: str) -> Table:
    """Describe the bronze table of a look-up.

    Args:
        name: the look-up.
        value: the name of the values in the file; its other column is `show_id`.
    """
    edition = Edition(
        f"Netflix, {name}", {value: "value", "show_id": "show_id"}, needs=(value, "show_id")
    )

    @table(
        layer="bronze",
        group="netflix",
        name=f"netflix_{name}",
        contract=BronzeNetflixLookup,
        write_mode=OVERWRITE,
        deps=(netflix_titles.key,),
    )
    def fetch(
        context: dg.AssetExecutionContext,
        warehouse: dg.ResourceParam[Warehouse],
        netflix_lookup: NetflixLookups,
    ) -> DelimitedFiles:
        """Fetch the look-up if a stored title needs it.

        A file with other columns than expected replaces nothing.
        """
        with warehouse.reading() as connection:
            if not needs_lookups(connection):
                context.log.info("%s: not fetched, because no stored title needs it", name)
                return DelimitedFiles(files=[], run_id=context.run_id)
        lookup = netflix_lookup.fetch(name, tuple(edition.needs))
        file = DelimitedFile(lookup.url, partial(FileIO, lookup.path))
        return DelimitedFiles(files=[file], run_id=context.run_id, editions=[edition])

    return fetch


def needs_lookups(connection: duckdb.DuckDBPyConnection) -> bool:
    """Return whether a stored title comes from an edition without people, countries, categories.

    Titles that were stored before editions were known come from it, too.
    """
    stored = stored_types(connection, TITLES)
    edition = "_edition" if "_edition" in stored else "NULL"
    needing = (
        f"FROM {TITLES} WHERE _problem IS NULL AND coalesce({edition}, $edition) = $edition LIMIT 1"
    )
    return bool(stored and connection.execute(needing, {"edition": FIVE_FILES.name}).fetchall())


netflix_cast = lookup_table("cast", "cast")
netflix_category = lookup_table("category", "listed_in")
netflix_countries = lookup_table("countries", "country")
netflix_directors = lookup_table("directors", "director")
