"""Store the streaming service as received: its catalogue, watch events and users.

The partitions are days of arrival. Interpreting rows belongs in silver, parsing files in
`warehouse.delimited`.
"""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import dagster as dg
import ibis.expr.datatypes as dt

from movies_assets.core.contract import FileRows, column
from movies_assets.core.source import Landed, LandingFiles
from movies_assets.core.table import Key, table
from movies_assets.ingest.editions import Edition
from movies_assets.ingest.run_days import days_within, possible_days
from movies_assets.sources.ott.partitions import ott_days
from movies_assets.sources.ott.resources import OttLanded, OttLanding, OttUsers
from movies_assets.sources.ott.settings import OttSettings
from movies_assets.warehouse.delimited import DelimitedFiles, arrived

if TYPE_CHECKING:
    from movies_assets.ingest.landing import Landing

LANDING = Key("landing", "ott_users")


SERVICE = Edition(
    "streaming service",
    columns={
        "title": "title",
        "genre": "genre",
        "premiere": "premiere",
        "added_date": "added_date",
        "runtime": "runtime",
        "imdb_score": "imdb_score",
        "views": "views",
        "language": "language",
    },
    needs=("title", "genre", "premiere", "added_date", "views"),
)
ORIGINALS = Edition(
    "NetflixOriginals",
    columns={
        "title": "title",
        "genre": "genre",
        "premiere": "premiere",
        "runtime": "runtime",
        "imdb_score": "imdb_score",
        "language": "language",
    },
    needs=("title", "genre", "premiere", "imdb_score", "language"),
)
# As published: ID, Title, Year, Age, IMDb, Rotten Tomatoes, Netflix, Hulu, Prime Video, Disney+,
# Type, Directors, Genres, Country, Language, Runtime; copies keep Title, Genres, IMDb, Runtime.
PLATFORMS = Edition(
    "movies on streaming platforms",
    columns={
        "title": "title",
        "year": "release_year",
        "imdb": "imdb_score",
        "genres": "genre",
        "language": "language",
        "runtime": "runtime",
    },
    needs=("title", "imdb"),
)
# Amazon Prime, Disney+ and Hulu, in the columns of Kaggle's netflix_titles.csv, without scores.
KAGGLE = Edition(
    "Kaggle titles",
    columns={
        "title": "title",
        "date_added": "added_date",
        "release_year": "release_year",
        "duration": "runtime",
        "listed_in": "genre",
    },
    needs=("title", "listed_in", "duration"),
)
EDITIONS = (SERVICE, ORIGINALS, PLATFORMS, KAGGLE)


def fetch_users(context: dg.AssetExecutionContext, ott_users: OttUsers) -> Landed:
    """Fetch the users of the run's days."""
    found = ott_users.fetch(days_within(context.partition_time_window))
    shown = [{"day": str(f.day), "state": f.state, "users": f.users} for f in found]
    return Landed({"days": shown})


users_files = LandingFiles(
    LANDING,
    "The users that the users API listed, one CSV file per day. The API only knows today's users: "
    "users of a past day come from the stored file. If there is none, the run fails.",
    ott_days,
    fetch_users,
)


as_received = partial(
    table,
    layer="bronze",
    group="ott",
    partitions=ott_days,
    partition_column="arrived_date",
)


def read(
    context: dg.AssetExecutionContext, landing: "Landing", editions: Sequence[Edition] = ()
) -> DelimitedFiles:
    """Read the files of the run's days; they replace the earlier rows of these days."""
    days = days_within(context.partition_time_window)
    return arrived(landing, days, context.run_id, editions, possible=possible_days(context))


class BronzeOttTitles(FileRows):
    """One row per record of a title, as it arrived."""

    title: str = column("Title.", nullable=True)
    genre: str = column("Its genres, joined by slashes.", nullable=True)
    premiere: str = column("Day of its premiere, as received.", nullable=True)
    added_date: str = column("Day on which it was added, as received.", nullable=True)
    runtime: int = column("Running time in minutes.", nullable=True)
    imdb_score: str = column("Score on IMDb, as received.", nullable=True)
    views: int = column("Views so far, by the service's count.", nullable=True)
    language: str = column("Language.", nullable=True)
    release_year: int = column("Year of release.", nullable=True)
    arrived_date: dt.Date = column("Day to which the file belongs: the partition.")


@as_received(contract=BronzeOttTitles)
def ott_titles(context: dg.AssetExecutionContext, ott_landing: OttLanding) -> DelimitedFiles:
    """Read the catalogue; files may be of any edition."""
    return read(context, ott_landing.open("titles"), EDITIONS)


class BronzeOttViews(FileRows):
    """One row per watch event, as it arrived."""

    user_id: str = column("The service's id of the user.", nullable=True, personal=True)
    title: str = column("The watched title.", nullable=True, compression="dictionary")
    watched_at: str = column("Instant of the event, as received.", nullable=True)
    minutes: str = column("Minutes watched, as received.", nullable=True)
    arrived_date: dt.Date = column("Day to which the file belongs: the partition.")


@as_received(contract=BronzeOttViews)
def ott_views(context: dg.AssetExecutionContext, ott_landing: OttLanding) -> DelimitedFiles:
    """Read the watch events."""
    return read(context, ott_landing.open("views"))


class BronzeOttUsers(FileRows):
    """One row per user and day, as returned by the service on that day."""

    user_id: str = column("The service's id of the user.", nullable=True, personal=True)
    full_name: str = column("Name of the person.", nullable=True, personal=True)
    email: str = column("E-mail address.", nullable=True, personal=True)
    signup_date: str = column("Day of the registration, as received.", nullable=True)
    preferred_genres: str = column("Preferred genres, joined by bars.", nullable=True)
    country: str = column("Country.", nullable=True)
    arrived_date: dt.Date = column("Day on which the service returned this: the partition.")


@as_received(
    contract=BronzeOttUsers,
    deps=(LANDING,),
    # Personal data is kept only as long as needed; past days are in the landing zone.
    keep_partitions=lambda settings: settings.section(OttSettings).keep_user_days,
)
def ott_users(
    context: dg.AssetExecutionContext,
    ott_landing: OttLanding,
    ott_landed: OttLanded,
) -> DelimitedFiles:
    """Read the users; a day without fetched users is an error, not an empty day."""
    ott_landed.users(days_within(context.partition_time_window))
    return read(context, ott_landing.open("users"))
