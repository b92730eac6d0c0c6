"""Store YTS as received: one row per movie and day, with the movie's unchanged JSON."""

import itertools
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Literal

import dagster as dg
import ibis.expr.datatypes as dt
import pandas as pd
from pydantic import Field

from movies_assets.core.contract import BronzeContract, column
from movies_assets.core.partitions import ONE_DAY
from movies_assets.core.table import table
from movies_assets.sources.yts.partitions import yts_days
from movies_assets.sources.yts.resources import YtsApi
from movies_assets.warehouse.database import Warehouse
from movies_assets.warehouse.schema import stored_types

if TYPE_CHECKING:
    from movies_assets.sources.yts.client import MovieRow

# One INSERT per page of 50 rows would cost 3 ms each; 2,000 rows are about 5 MB.
ROWS_A_FRAME = 2_000


class BronzeYtsMovies(BronzeContract):
    """One row per movie, upload day and content, as the API returned the movie.

    A movie that was uploaded again has a row for both days; silver keeps the latest.
    """

    uploaded_date: dt.Date = column(
        "UTC day of the upload; for a movie without a usable date, the day of its neighbour in the "
        "list (silver quarantines it).",
        key=True,
    )
    movie_id: int = column("YTS id; NULL if the reply had none.", key=True, nullable=True)
    content_hash: str = column(
        "MD5 of the payload without torrents; differs if the movie has changed.",
        key=True,
    )
    payload: str = column("The movie's JSON as received.", compression="zstd")
    page: int = column("Page of the list on which it was found.", ge=1)


class YtsFetch(dg.Config):
    """How the listing is read."""

    fetch: Literal["auto", "crawl"] = Field(
        "auto",
        description="auto: find the days by bisection, crawl for large ranges; crawl: read every "
        "page, which also finds movies that are listed far from their day",
    )
    accept_empty: bool = Field(
        default=False,
        description="store days without movies that had some, though the list has no older and "
        "newer movies that would prove it; otherwise that is an error, and nothing is changed",
    )


@table(
    layer="bronze",
    group="yts",
    contract=BronzeYtsMovies,
    partitions=yts_days,
    partition_column="uploaded_date",
    drop_duplicates=True,
    volume_band=5.0,
)
def yts_movies(
    context: dg.AssetExecutionContext,
    config: YtsFetch,
    yts: YtsApi,
    warehouse: dg.ResourceParam[Warehouse],
) -> Iterator[pd.DataFrame]:
    """Fetch the movies that were uploaded on the run's days.

    A day that has movies in the warehouse is not emptied on the word of a source that fails: the
    list must have older and newer movies.
    """
    window = context.partition_time_window
    first, last = window.start.date(), window.end.date() - ONE_DAY
    client = yts.client()
    loaded = [] if config.accept_empty else _loaded(warehouse, first, last)
    pages = client.movies(first, last, loaded) if config.fetch == "auto" else client.crawl(loaded)
    rows = (row for page in pages for row in page if first <= row.uploaded_date <= last)
    frames = _frames(rows, client.source_url, context.run_id)
    # Dagster would take a generator's frames for events; a chain is an iterator like any other.
    return itertools.chain(frames)


def _loaded(warehouse: Warehouse, first: date, last: date) -> list[date]:
    """Return the days of a run that have movies in the warehouse."""
    if not warehouse.path.exists():
        return []
    with warehouse.reading() as connection:
        if not stored_types(connection, yts_movies.name):
            return []
        days = connection.execute(
            f"SELECT DISTINCT uploaded_date FROM {yts_movies.name} "
            "WHERE uploaded_date BETWEEN ? AND ?",
            [first, last],
        ).fetchall()
    return [day for (day,) in days]


def _frames(rows: Iterable["MovieRow"], source: str, run_id: str) -> Iterator[pd.DataFrame]:
    ingested_at = datetime.now(UTC)
    rows = iter(rows)
    while batch := list(itertools.islice(rows, ROWS_A_FRAME)):
        yield pd.DataFrame(batch).assign(_ingested_at=ingested_at, _source=source, _run_id=run_id)
