"""The streaming service as received: its catalogue, what was watched, and who its users are.

Days on which files arrive partition them. What a row means belongs in silver; how files are read,
whatever they look like, in `warehouse.delimited`.
"""

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import dagster as dg
import ibis.expr.datatypes as dt

from movies_assets.core.contract import FileRows, column
from movies_assets.core.markdown import as_markdown
from movies_assets.core.table import Key, table
from movies_assets.ingest.editions import Edition
from movies_assets.orchestration.assets import OWNERS, asset_key
from movies_assets.orchestration.partitions import (
    BACKFILL,
    days_within,
    partitions_def,
    possible_days,
)
from movies_assets.settings import Settings
from movies_assets.sources.ott.partitions import ott_days
from movies_assets.warehouse.delimited import DelimitedFiles, arrived

if TYPE_CHECKING:
    from movies_assets.ingest.landing import Landing
    from movies_assets.sources.ott.client import UserDay

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
# Type, Directors, Genres, Country, Language, Runtime; people keep Title, Genres, IMDb, Runtime.
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
# Amazon Prime, Disney+ and Hulu, in the columns of Kaggle's netflix_titles.csv. It knows no scores.
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


def landing_asset(settings: Settings) -> dg.AssetsDefinition:
    """Build the asset of the users' files."""

    @dg.asset(
        key=asset_key(LANDING),
        group_name="ott",
        owners=OWNERS,
        kinds={"file"},
        tags={"source": "ott"},
        description="What the users API said of a day, a CSV file a day. It only knows today's "
        "users: those of a past day are in the file that was kept, or lost, and the run fails.",
        partitions_def=partitions_def(ott_days, settings),
        backfill_policy=BACKFILL,
    )
    def ott_users(
        context: dg.AssetExecutionContext,
        ott_users: dg.ResourceParam[Callable[[Collection[Any]], Any]],
    ) -> dg.MaterializeResult[None]:
        found: Sequence[UserDay] = ott_users(days_within(context.partition_time_window))
        shown = [{"day": str(f.day), "state": f.state, "users": f.users} for f in found]
        return dg.MaterializeResult(metadata={"days": dg.MetadataValue.md(as_markdown(shown))})

    return ott_users


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
    views: int = column("Views so far, as the service counts them.", nullable=True)
    language: str = column("Language.", nullable=True)
    release_year: int = column("Year of release.", nullable=True)
    arrived_date: dt.Date = column("Day to which the file belongs: the partition.")


@as_received(contract=BronzeOttTitles)
def ott_titles(
    context: dg.AssetExecutionContext, ott_landing: dg.ResourceParam[Callable[[str], Any]]
) -> DelimitedFiles:
    """Read the catalogue, in whichever edition a file is."""
    return read(context, ott_landing("titles"), EDITIONS)


class BronzeOttViews(FileRows):
    """One row per watch event, as it arrived."""

    user_id: str = column("The service's id of the user.", nullable=True, personal=True)
    title: str = column("Title that was watched.", nullable=True, compression="dictionary")
    watched_at: str = column("When, as received.", nullable=True)
    minutes: str = column("How many minutes of it, as received.", nullable=True)
    arrived_date: dt.Date = column("Day to which the file belongs: the partition.")


@as_received(contract=BronzeOttViews)
def ott_views(
    context: dg.AssetExecutionContext, ott_landing: dg.ResourceParam[Callable[[str], Any]]
) -> DelimitedFiles:
    """Read the watch events."""
    return read(context, ott_landing("views"))


class BronzeOttUsers(FileRows):
    """One row per user and day, as the service described the user on that day."""

    user_id: str = column("The service's id of the user.", nullable=True, personal=True)
    full_name: str = column("Name of the person.", nullable=True, personal=True)
    email: str = column("E-mail address.", nullable=True, personal=True)
    signup_date: str = column("Day of the registration, as received.", nullable=True)
    preferred_genres: str = column("Genres liked best, joined by bars.", nullable=True)
    country: str = column("Country.", nullable=True)
    arrived_date: dt.Date = column("Day on which the service said so: the partition.")


@as_received(
    contract=BronzeOttUsers,
    deps=(LANDING,),
    # Personal data is kept no longer than it is of use: past days are in the landing zone.
    keep_partitions=lambda settings: settings.ott.keep_user_days,
)
def ott_users(
    context: dg.AssetExecutionContext,
    ott_landing: dg.ResourceParam[Callable[[str], Any]],
    ott_landed: dg.ResourceParam[Callable[[Collection[Any]], Any]],
) -> DelimitedFiles:
    """Read the users; a day of which they were never fetched is an error, not an empty day."""
    ott_landed(days_within(context.partition_time_window))
    return read(context, ott_landing("users"))
