"""Does the warehouse still say what the source says: a full crawl, compared movie by movie."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import dagster as dg
import duckdb
import pandas as pd

from movies_assets.checks.base import markdown, verdict
from movies_assets.partitions import day_ranges
from movies_assets.warehouse.database import Warehouse

if TYPE_CHECKING:
    from movies_assets.sources.yts import YtsClient

TABLE = dg.AssetKey(["bronze", "yts_movies"])
RECONCILED = dg.AssetCheckKey(TABLE, "reconciled")

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


def reconciliation_check() -> dg.AssetChecksDefinition:
    """Build the check that names the days on which source and warehouse differ."""

    @dg.asset_check(
        asset=TABLE,
        name=RECONCILED.name,
        description="The warehouse says of every movie what a full crawl of the source says "
        "(warns, and names the days to materialize again).",
    )
    def reconciled(
        context: dg.AssetCheckExecutionContext,
        warehouse: dg.ResourceParam[Warehouse],
        yts: dg.ResourceParam[Callable[[], Any]],
    ) -> dg.AssetCheckResult:
        with warehouse.session() as connection:
            _collect(connection, yts())
            with warehouse.attached_read_only(connection):
                connection.execute(f"CREATE TEMP TABLE drift AS {DRIFT}")
            result = _verdict(connection)
        context.log.info(result.description or "")
        return result

    return reconciled


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


def _verdict(connection: duckdb.DuckDBPyConnection) -> dg.AssetCheckResult:
    counts = dict(connection.execute("SELECT drift, count(*) FROM drift GROUP BY ALL").fetchall())
    days = connection.execute("SELECT DISTINCT uploaded_date FROM drift ORDER BY ALL").fetchall()
    ranges = [f"{first}...{last}" for first, last in day_ranges(day for (day,) in days)]
    shown = ", ".join(ranges[:SHOWN_RANGES]) + (" and more" if len(ranges) > SHOWN_RANGES else "")
    sample = connection.execute("SELECT * FROM drift ORDER BY ALL LIMIT 10").df()
    return verdict(
        {
            f"movies {drift}": counts.get(drift, 0)
            for drift in ("added", "moved", "changed", "gone")
        },
        samples=lambda: {
            "days to materialize again": dg.MetadataValue.json(ranges),
            "movies": markdown(sample.to_dict("records")),
        },
        severity=dg.AssetCheckSeverity.WARN,
        advice=f"Materialize these days again (--partition-range): {shown}. If a day stays on this "
        "list, run it with the run config `fetch: crawl` of bronze/yts_movies.",
    )
