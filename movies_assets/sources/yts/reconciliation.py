"""Compare a full crawl of YTS with the warehouse, movie by movie.

It is a separate job, not an asset check: Dagster runs an asset's checks with every materialization,
but this one reads the whole catalogue.
"""

from typing import TYPE_CHECKING, Any

import dagster as dg
import duckdb
import pandas as pd

from movies_assets.core.days import day_ranges
from movies_assets.core.markdown import as_markdown
from movies_assets.core.settings import CommonSettings
from movies_assets.sources.yts.partitions import yts_days
from movies_assets.sources.yts.resources import YtsApi
from movies_assets.warehouse.database import Warehouse

if TYPE_CHECKING:
    from movies_assets.sources.yts.client import YtsClient

TABLE = dg.AssetKey(["bronze", "yts_movies"])
KINDS = ("added", "moved", "changed", "gone", "behind")

SHOWN_RANGES = 20

# Compares the source's list (seen) with the stored rows, by a movie's newest stored day. Only days
# with a partition can be rerun, so today's uploads are ignored. A stored row is behind if silver
# has neither it nor a newer one, and did not refuse it.
DRIFT = """
WITH stored AS (
    SELECT movie_id, uploaded_date, content_hash FROM bronze.yts_movies
), newest AS (
    SELECT movie_id, max(uploaded_date) AS uploaded_date FROM stored
    WHERE movie_id IS NOT NULL GROUP BY movie_id
), accounted AS (
    SELECT stored.movie_id, stored.uploaded_date
    FROM stored JOIN silver.yts_movies AS silver ON silver.movie_id = stored.movie_id AND (
        silver.uploaded_date > stored.uploaded_date OR silver.content_hash = stored.content_hash)
    UNION ALL
    SELECT stored.movie_id, stored.uploaded_date
    FROM stored JOIN quarantine.yts_movies AS refused ON refused.row_id = stored.content_hash
        AND refused.partition_key = stored.uploaded_date::VARCHAR
), listed AS (
    SELECT DISTINCT movie_id, uploaded_date, content_hash FROM seen
)
SELECT 'gone' AS drift, uploaded_date, movie_id FROM newest ANTI JOIN listed USING (movie_id)
UNION ALL
SELECT 'moved', newest.uploaded_date, movie_id
FROM newest JOIN listed USING (movie_id) WHERE newest.uploaded_date > listed.uploaded_date
UNION ALL
SELECT 'behind', uploaded_date, movie_id
FROM stored ANTI JOIN accounted USING (movie_id, uploaded_date) WHERE movie_id IS NOT NULL
UNION ALL
SELECT CASE
    WHEN newest.movie_id IS NULL THEN 'added'
    WHEN newest.uploaded_date <> listed.uploaded_date THEN 'moved'
    ELSE 'changed' END, listed.uploaded_date, listed.movie_id
FROM listed LEFT JOIN newest USING (movie_id)
ANTI JOIN stored ON stored.uploaded_date = listed.uploaded_date
    AND stored.content_hash = listed.content_hash
WHERE listed.uploaded_date BETWEEN DATE '{first}' AND DATE '{last}'
"""


def reconcile_job(settings: CommonSettings) -> dg.JobDefinition:
    """Build the job `yts_reconcile`: crawl all of YTS, compare, name the days to rerun."""

    @dg.op
    def compare_with_source(
        context: dg.OpExecutionContext,
        warehouse: dg.ResourceParam[Warehouse],
        yts: YtsApi,
    ) -> None:
        first, last = yts_days.bounds(settings)
        with warehouse.session() as connection:
            _collect(connection, yts.client())
            with warehouse.attached_read_only(connection):
                drift = DRIFT.format(first=first, last=last)
                connection.execute(f"CREATE TEMP TABLE drift AS {drift}")
            found = _describe(connection)
        log = context.log.warning if found["days to materialize again"].value else context.log.info
        log(found["summary"].value)
        context.log_event(dg.AssetObservation(TABLE, metadata=found))

    @dg.job(
        name="yts_reconcile",
        description="Crawl all of YTS, compare it with the warehouse movie by movie, and name the "
        "days to materialize again.",
    )
    def yts_reconcile() -> None:
        compare_with_source()

    return yts_reconcile


def _collect(connection: duckdb.DuckDBPyConnection, client: "YtsClient") -> None:
    connection.execute(
        "CREATE TEMP TABLE seen (movie_id BIGINT, uploaded_date DATE, content_hash VARCHAR)"
    )
    for page in client.crawl():
        rows = pd.DataFrame(  # noqa: F841 (DuckDB reads it by name)
            [(row.movie_id, row.uploaded_date, row.content_hash) for row in page],
            columns=["movie_id", "uploaded_date", "content_hash"],
        )
        connection.execute("INSERT INTO seen SELECT * FROM rows")


def _describe(connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Return the number of movies by kind of difference, and the days."""
    counts = dict(
        connection.execute(
            "SELECT drift, count(DISTINCT coalesce(movie_id, -1)) FROM drift GROUP BY ALL"
        ).fetchall()
    )
    days = connection.execute("SELECT DISTINCT uploaded_date FROM drift ORDER BY ALL").fetchall()
    sample = connection.execute("SELECT * FROM drift ORDER BY ALL LIMIT 10").df()
    ranges = [f"{first}...{last}" for first, last in day_ranges(day for (day,) in days)]
    return {
        "summary": dg.MetadataValue.text(_summary(counts, ranges)),
        "days to materialize again": dg.MetadataValue.json(ranges),
        **{f"movies {kind}": counts.get(kind, 0) for kind in KINDS},
        "sample": dg.MetadataValue.md(as_markdown(sample.to_dict("records"))),
    }


def _summary(counts: dict[str, int], ranges: list[str]) -> str:
    if not ranges:
        return "The warehouse agrees with the source on every movie."
    kinds = ", ".join(f"{counts[kind]} {kind}" for kind in KINDS if kind in counts)
    shown = ", ".join(ranges[:SHOWN_RANGES]) + (" and more" if len(ranges) > SHOWN_RANGES else "")
    return (
        f"Source and warehouse differ ({kinds}). Materialize these days again "
        f"(--partition-range): {shown}. If a day remains on this list, run it with the run config "
        "`fetch: crawl` of bronze/yts_movies."
    )
