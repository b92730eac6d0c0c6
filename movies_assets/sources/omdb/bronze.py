"""Collect OMDb's searches in the landing zone, and store their results as received.

The partitions are years of release. Interpreting a result belongs in silver.
"""

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import dagster as dg
import ibis.expr.types as ir
import pandas as pd
from pydantic import Field

from movies_assets.core.check import SHOWN_ROWS, Check, CheckContext, Finding, judge
from movies_assets.core.contract import BronzeContract, column
from movies_assets.core.source import Landed, LandingFiles
from movies_assets.core.table import Key, table
from movies_assets.sources.omdb.partitions import omdb_years
from movies_assets.sources.omdb.resources import OmdbApi, OmdbLanded

if TYPE_CHECKING:
    from movies_assets.sources.omdb.client import Collected, Year

LANDING = Key("landing", "omdb_pages")
# Common nouns of titles: OMDb finds whole words, and refuses words of nearly every title.
TERMS = ["summer", "island", "river", "shadow", "stranger", "garden", "mountain", "storm"]
FIRST_YEAR = 1870
# The figures of a year without any reply.
NO_REPLY = {"errors": 0, "results": 0, "last_error": None, "is_complete": False}


class OmdbSearches(dg.Config):
    """The searches in each year."""

    terms: list[str] = Field(TERMS, min_length=1, description="words of titles, one search each")
    types: list[str] = Field(
        [""],
        min_length=1,
        description="types of titles, one search each: movie, series, episode, game; '': any",
    )
    page_limit: int = Field(
        5, ge=1, le=100, description="most pages of ten results to read of each search"
    )
    refresh: bool = Field(
        default=False,
        description="collect complete years again; until a year is complete, its older pages count",
    )


def collect_pages(context: dg.AssetExecutionContext, config: OmdbSearches, omdb: OmdbApi) -> Landed:
    """Collect the pages of the run's years; report those that are complete."""
    from movies_assets.sources.omdb.client import Query  # noqa: PLC0415 (only runs need it)

    query = Query(tuple(config.terms), tuple(config.types), config.page_limit)
    found = omdb.collect(map(int, context.partition_keys), query, refresh=config.refresh)
    _describe(context, found)
    return Landed()


omdb_pages = LandingFiles(
    LANDING,
    "Pages of OMDb's searches in the landing zone, one file per year and query. Only complete "
    "years count as materialized. Where the key's quota is used up, the run is green: the stored "
    "pages are loaded, and the next run continues from there.",
    omdb_years,
    collect_pages,
    # Downstream tables still run, and load the stored pages.
    counts=False,
)


def _describe(context: dg.AssetExecutionContext, found: "Collected") -> None:
    """Log the complete years and the progress of the run, for the UI."""
    for year in found.complete:
        context.log_event(dg.AssetMaterialization(dg.AssetKey(LANDING), partition=str(year)))
    context.log_event(
        dg.AssetObservation(
            dg.AssetKey(LANDING),
            metadata={
                "requests": found.requests,
                "pages": found.pages,
                "years complete": len(found.complete),
                "years not complete": dg.MetadataValue.json(found.incomplete),
                "stopped": found.stopped or "no",
            },
        )
    )
    if found.incomplete:
        context.log.warning(
            "%s%d years are not complete: run them again, and the collection goes on from there "
            "(%d requests, %d pages)",
            f"{found.stopped}; " if found.stopped else "",
            len(found.incomplete),
            found.requests,
            found.pages,
        )


class BronzeOmdbReleases(BronzeContract):
    """One row per search result, or per error instead of results.

    A title has a row for each time it was found: by several terms, in several years.
    """

    result_id: str = column(
        "Year, term, type, page and position, joined by slashes, so that ids sort in this order.",
        key=True,
    )
    release_year: int = column("Requested year of release: the partition.", ge=FIRST_YEAR)
    search_term: str = column("Words that titles must contain.", compression="dictionary")
    searched_type: str = column("Requested type; '' means any.", compression="dictionary")
    page: int = column("Page of the results, from 1.", ge=1)
    position: int = column("Place on the page, from 1; 0 for an error.", ge=0)
    imdb_id: str = column("IMDb id in the result; NULL if there is none.", nullable=True)
    payload: str = column("The result's JSON, or the whole reply for an error.", compression="zstd")
    http_status: int = column("HTTP status of the reply.", ge=100)
    error: str = column("OMDb's error instead of results.", nullable=True, compression="dictionary")
    is_year_complete: bool = column(
        "Whether all pages of the year were there when the row was loaded."
    )


def _evaluate(context: CheckContext) -> Finding:
    incomplete = [*_incomplete(context)]
    years = ", ".join(str(row["release_year"]) for row in incomplete[-SHOWN_ROWS:])
    more = len(incomplete) - SHOWN_ROWS
    return judge(
        {"years that are not complete": len(incomplete)},
        samples=lambda: {"years": incomplete},
        is_warning=True,
        advice=f"{years}{f' and {more} older ones' if more > 0 else ''}. Run them again, on "
        "another day if the key's quota is spent: the collection goes on from there.",
    )


def _incomplete(context: CheckContext) -> Iterator[dict[str, Any]]:
    """Yield the run's years that have no row, or were loaded before they were complete."""
    years = {row["release_year"]: row for row in context.fetch(by_year(context))}
    first, last = map(int, context.keys or (min(years, default=0), max(years, default=-1)))
    for number in range(first, last + 1):
        year = years.get(number, {"release_year": number, **NO_REPLY})
        if not year["is_complete"]:
            yield {name: value for name, value in year.items() if name != "is_complete"}


def by_year(context: CheckContext) -> ir.Table:
    """Sum up the replies of each year of the run."""
    rows = context.rows
    is_failure = ~rows.error.endswith(" not found!")
    return rows.group_by("release_year").aggregate(
        errors=rows.error.count(),
        results=rows.imdb_id.count(),
        last_error=rows.error.max(where=is_failure),
        is_complete=rows.is_year_complete.all(),
    )


COMPLETENESS = Check(
    name="completeness",
    description="Every page of the years in bronze.omdb_releases is there (warns).",
    evaluate=_evaluate,
)


@table(
    layer="bronze",
    group="omdb",
    contract=BronzeOmdbReleases,
    partitions=omdb_years,
    partition_column="release_year",
    deps=(LANDING,),
    checks=(COMPLETENESS,),
)
def omdb_releases(
    context: dg.AssetExecutionContext, omdb_landed: OmdbLanded
) -> Iterator[pd.DataFrame]:
    """Load the collected pages of the run's years, complete or not."""
    years = omdb_landed.years([int(key) for key in context.partition_keys])
    frames = (_frame(year, context.run_id) for year in years if year.rows)
    # Dagster would take a generator's frames for events; a chain is an iterator like any other.
    return itertools.chain(frames)


def _frame(year: "Year", run_id: str) -> pd.DataFrame:
    frame = pd.DataFrame(year.rows).rename(columns={"fetched_at": "_ingested_at"})
    return frame.assign(is_year_complete=year.is_complete, _source=year.file, _run_id=run_id)
