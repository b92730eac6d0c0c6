"""Does the warehouse still say what the source says: a full crawl, compared movie by movie.

It is a job of its own, not an asset check: Dagster runs an asset's checks with every
materialization, and this one reads the whole catalogue.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import dagster as dg
import duckdb
import pandas as pd

from movies_assets.checks.base import markdown
from movies_assets.partitions import day_ranges
from movies_assets.warehouse.database import Warehouse

if TYPE_CHECKING:
    from movies_assets.sources.yts import YtsClient

TABLE = dg.AssetKey(["bronze", "yts_movies"])
KINDS = ("added", "moved", "changed", "gone")

SHOWN_RANGES = 20

# What the source lists (seen) against what was stored: a movie's newest stored day counts.
DRIFT = """
WITH stored AS (
    SELECT movie_id, uploaded_date, content_hash FROM bronze.yts_movies
), newest AS (
    SELECT movie_id, max(uploaded_date) AS uploaded_date FROM stored
    WHERE movie_id IS NOT NULL GROUP BY movie_id
), listed AS (
    SELECT DISTINCT movie_id, uploaded_date, content_hash FROM seen
)
SELECT 'gone' AS drift, uploaded_date, movie_id FROM newest ANTI JOIN listed USING (movie_id)
UNION ALL
SELECT CASE
    WHEN newest.movie_id IS NULL THEN 'added'
    WHEN newest.uploaded_date <> listed.uploaded_date THEN 'moved'
    ELSE 'changed' END, listed.uploaded_date, listed.movie_id
FROM listed LEFT JOIN newest USING (movie_id)
ANTI JOIN stored ON stored.uploaded_date = listed.uploaded_date
    AND stored.content_hash = listed.content_hash
"""


@dg.op
def compare_with_source(
    context: dg.OpExecutionContext,
    warehouse: dg.ResourceParam[Warehouse],
    yts: dg.ResourceParam[Callable[[], Any]],
) -> None:
    """Crawl all of YTS, compare it with bronze, and name the days to materialize again."""
    with warehouse.session() as connection:
        _collect(connection, yts())
        with warehouse.attached_read_only(connection):
            connection.execute(f"CREATE TEMP TABLE drift AS {DRIFT}")
        found = _describe(connection)
    tell = context.log.warning if found["days to materialize again"].value else context.log.info
    tell(found["summary"].value)
    context.log_event(dg.AssetObservation(TABLE, metadata=found))


@dg.job(name="yts_reconcile", description=compare_with_source.description)
def yts_reconcile() -> None:
    """Compare YTS with the warehouse."""
    compare_with_source()


def _collect(connection: duckdb.DuckDBPyConnection, client: "YtsClient") -> None:
    connection.execute(
        "CREATE TEMP TABLE seen (movie_id BIGINT, uploaded_date DATE, content_hash VARCHAR)"
    )
    for page in client.crawl():
        rows = pd.DataFrame(  # noqa: F841 (DuckDB reads it by its name)
            [(row.movie_id, row.uploaded_date, row.content_hash) for row in page],
            columns=["movie_id", "uploaded_date", "content_hash"],
        )
        connection.execute("INSERT INTO seen SELECT * FROM rows")


def _describe(connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Say how many movies differ in which way, and on which days."""
    counts = dict(connection.execute("SELECT drift, count(*) FROM drift GROUP BY ALL").fetchall())
    days = connection.execute("SELECT DISTINCT uploaded_date FROM drift ORDER BY ALL").fetchall()
    sample = connection.execute("SELECT * FROM drift ORDER BY ALL LIMIT 10").df()
    ranges = [f"{first}...{last}" for first, last in day_ranges(day for (day,) in days)]
    return {
        "summary": dg.MetadataValue.text(_summary(counts, ranges)),
        "days to materialize again": dg.MetadataValue.json(ranges),
        **{f"movies {kind}": counts.get(kind, 0) for kind in KINDS},
        "sample": markdown(sample.to_dict("records")),
    }


def _summary(counts: dict[str, int], ranges: list[str]) -> str:
    if not ranges:
        return "The warehouse says of every movie what the source says."
    kinds = ", ".join(f"{counts[kind]} {kind}" for kind in KINDS if kind in counts)
    shown = ", ".join(ranges[:SHOWN_RANGES]) + (" and more" if len(ranges) > SHOWN_RANGES else "")
    return (
        f"Source and warehouse differ ({kinds}). Materialize these days again "
        f"(--partition-range): {shown}. If a day stays on this list, run it with the run config "
        "`fetch: crawl` of bronze/yts_movies."
    )
