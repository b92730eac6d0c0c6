"""Fetch IMDb's dumps into the landing zone, and store their lines as received, one table per file.

The partitions are run dates; only the newest are kept. Interpreting lines belongs in silver.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from movies_assets.core.contract import DumpContract, column
from movies_assets.core.source import Landed, LandingFiles
from movies_assets.core.table import Key, Table, table
from movies_assets.ingest.run_days import days_within
from movies_assets.sources.imdb.partitions import imdb_run_dates
from movies_assets.sources.imdb.resources import ImdbLanded, ImdbService
from movies_assets.sources.imdb.settings import ImdbSettings
from movies_assets.warehouse.files import TextFile, TextFiles

if TYPE_CHECKING:
    from movies_assets.sources.imdb.client import Dump

LANDING = Key("landing", "imdb_dumps")


def fetch_dumps(context: dg.AssetExecutionContext, imdb: ImdbService) -> Landed:
    """Fetch the dumps of the run's days, and remove those that are no longer kept."""
    days = days_within(context.partition_time_window)
    dumps = [dump for day in days for dump in imdb.fetch(day)]
    for folder in imdb.prune(spare=days):
        context.log.info("removed %s, which is older than the run dates that are kept", folder)
    return Landed(
        {
            "files": [_shown(dump) for dump in dumps],
            "bytes": sum(dump.bytes for dump in dumps if dump.state == "updated"),
        },
        same_as=_known(dumps),
    )


def _known(dumps: "Sequence[Dump]") -> str | None:
    """Return the run date from which all dumps are unchanged; None where one is new."""
    if any(dump.state != "unchanged" for dump in dumps):
        return None
    return max(dump.path.parent.name.removeprefix("run_date=") for dump in dumps)


def _shown(dump: "Dump") -> Mapping[str, Any]:
    return {
        "run date": dump.run_date,
        "file": dump.file,
        "state": dump.state,
        "bytes": f"{dump.bytes:,}",
        "last modified": dump.last_modified,
        "sha256": dump.sha256[:12],
    }


imdb_dumps = LandingFiles(
    LANDING,
    "IMDb's dumps in the landing zone, a folder a file and run date. Where all of them are as they "
    "were and the tables below are complete, nothing below is run.",
    imdb_run_dates,
    fetch_dumps,
)


class BronzeImdbTitleBasics(DumpContract):
    """One row per line about a title, as received in title.basics."""

    tconst: str = column("IMDb id of the title.", nullable=True, compression="fsst")
    title_type: str = column("Type of the title.", nullable=True, compression="dictionary")
    primary_title: str = column("Title in use.", nullable=True, compression="fsst")
    original_title: str = column("Title in its language.", nullable=True, compression="fsst")
    is_adult: int = column("Whether it is for adults, 0 or 1.", nullable=True)
    start_year: int = column("Year of release, of a series its first.", nullable=True)
    end_year: int = column("Last year of a series.", nullable=True)
    runtime_minutes: int = column("Running time in minutes.", nullable=True)
    genres: str = column("Up to three genres.", nullable=True, compression="dictionary")


class BronzeImdbTitleRatings(DumpContract):
    """One row per line about a rated title, as received in title.ratings."""

    tconst: str = column("IMDb id of the title.", nullable=True, compression="fsst")
    average_rating: str = column("Weighted average of the ratings.", nullable=True)
    num_votes: int = column("Number of votes.", nullable=True)


class BronzeImdbTitleEpisode(DumpContract):
    """One row per line about an episode, as received in title.episode."""

    tconst: str = column("IMDb id of the episode.", nullable=True, compression="fsst")
    parent_tconst: str = column("IMDb id of the series.", nullable=True, compression="fsst")
    season_number: int = column("Season, sometimes a year.", nullable=True)
    episode_number: int = column("Number within the season; 0 exists.", nullable=True)


class BronzeImdbTitleCrew(DumpContract):
    """One row per line about the crew of a title, as received in title.crew."""

    tconst: str = column("IMDb id of the title.", nullable=True, compression="fsst")
    directors: str = column("IMDb ids of its directors.", nullable=True, compression="fsst")
    writers: str = column("IMDb ids of its writers.", nullable=True, compression="fsst")


class BronzeImdbTitlePrincipals(DumpContract):
    """One row per line about a part in a title, as received in title.principals."""

    tconst: str = column("IMDb id of the title.", nullable=True, compression="fsst")
    ordering: int = column("Rank among the credits of the title.", nullable=True)
    nconst: str = column("IMDb id of the person.", nullable=True, compression="fsst")
    category: str = column("Kind of the part.", nullable=True, compression="dictionary")
    job: str = column("The job, if the kind does not include it.", nullable=True)
    characters: str = column("Roles played, a JSON list.", nullable=True, compression="fsst")


class BronzeImdbNameBasics(DumpContract):
    """One row per line about a person, as received in name.basics."""

    nconst: str = column("IMDb id of the person.", nullable=True, compression="fsst")
    primary_name: str = column("Name.", nullable=True, compression="fsst")
    birth_year: int = column("Year of birth.", nullable=True)
    death_year: int = column("Year of death.", nullable=True)
    primary_profession: str = column("Up to three professions.", nullable=True)
    known_for_titles: str = column("IMDb ids of titles.", nullable=True, compression="fsst")


class BronzeImdbTitleAkas(DumpContract):
    """One row per line about a name of a title, as received in title.akas."""

    tconst: str = column("IMDb id of the title.", nullable=True, compression="fsst")
    ordering: int = column("Number among the names of the title.", nullable=True)
    title: str = column("The name.", nullable=True, compression="fsst")
    region: str = column("Region, mostly ISO 3166.", nullable=True, compression="dictionary")
    language: str = column("Language, mostly ISO 639.", nullable=True, compression="dictionary")
    name_types: str = column("Kinds of the name.", nullable=True, compression="dictionary")
    attributes: str = column(
        "Further attributes of the name.", nullable=True, compression="dictionary"
    )
    is_original_title: int = column("Whether it is the original title, 0 or 1.", nullable=True)


def dump_table(file: str, contract: type[DumpContract], *spelt: str) -> Table:
    """Describe the bronze table of a dump.

    Args:
        file: the dump, such as `title.basics`.
        contract: its columns, in the order of the file.
        spelt: the names in the file's first line.
    """

    @table(
        layer="bronze",
        group="imdb",
        name=f"imdb_{file.replace('.', '_')}",
        contract=contract,
        partitions=imdb_run_dates,
        partition_column="run_date",
        keep_partitions=lambda settings: settings.section(ImdbSettings).keep_run_dates,
        deps=(LANDING,),
    )
    def load(
        context: dg.AssetExecutionContext,
        imdb_landed: ImdbLanded,
    ) -> TextFiles:
        days = days_within(context.partition_time_window)
        dumps = imdb_landed.dumps(file, days)
        # An unchanged dump is that of an older run date, which may be in the run as well.
        first_days = {dump.path: dump.run_date for dump in reversed(dumps)}
        return TextFiles(
            header=spelt,
            files=tuple(
                TextFile(path, str(Path(*path.parts[-4:])), day) for path, day in first_days.items()
            ),
            days=days,
            run_id=context.run_id,
        )

    return load


imdb_title_basics = dump_table(
    "title.basics", BronzeImdbTitleBasics,
    "tconst", "titleType", "primaryTitle", "originalTitle", "isAdult", "startYear", "endYear",
    "runtimeMinutes", "genres",
)  # fmt: skip
imdb_title_ratings = dump_table(
    "title.ratings", BronzeImdbTitleRatings, "tconst", "averageRating", "numVotes"
)
imdb_title_episode = dump_table(
    "title.episode", BronzeImdbTitleEpisode,
    "tconst", "parentTconst", "seasonNumber", "episodeNumber",
)  # fmt: skip
imdb_title_crew = dump_table("title.crew", BronzeImdbTitleCrew, "tconst", "directors", "writers")
imdb_title_principals = dump_table(
    "title.principals", BronzeImdbTitlePrincipals,
    "tconst", "ordering", "nconst", "category", "job", "characters",
)  # fmt: skip
imdb_name_basics = dump_table(
    "name.basics", BronzeImdbNameBasics,
    "nconst", "primaryName", "birthYear", "deathYear", "primaryProfession", "knownForTitles",
)  # fmt: skip
imdb_title_akas = dump_table(
    "title.akas", BronzeImdbTitleAkas,
    "titleId", "ordering", "title", "region", "language", "types", "attributes", "isOriginalTitle",
)  # fmt: skip
