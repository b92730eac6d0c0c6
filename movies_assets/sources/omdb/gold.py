"""Count OMDb's releases by year and type."""

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from movies_assets.core.contract import Contract, column
from movies_assets.core.table import table
from movies_assets.core.write_mode import OVERWRITE
from movies_assets.sources.omdb.silver import MEDIA_TYPES


class OmdbReleases(Contract):
    """One row per year of release and type, the newest year first."""

    release_year: int = column("Year of release, of a series its first.", key=True)
    media_type: str = column(
        "Type of the titles.", key=True, isin=MEDIA_TYPES, compression="dictionary"
    )
    total_releases: int = column("Number of titles.", ge=1)
    first_ingestion_date: dt.Date = column("UTC day on which the first one was found.")


@table(layer="gold", group="omdb", contract=OmdbReleases, write_mode=OVERWRITE)
def omdb_releases(silver_omdb_releases: ir.Table) -> ir.Table:
    """Count the titles of all years, in every run."""
    counted = silver_omdb_releases.group_by("release_year", "media_type").aggregate(
        total_releases=silver_omdb_releases.count(),
        first_ingestion_date=silver_omdb_releases.ingested_at.min().cast("date"),
    )
    return counted.order_by(ibis.desc("release_year"), "media_type")
