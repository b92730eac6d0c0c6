"""Type and clean the releases that OMDb's searches found: one row per title."""

import ibis.expr.types as ir
from pandera.api.ibis.types import IbisData

from movies_assets.core.contract import Contract, Instant, column, row_rule
from movies_assets.core.table import LatestVersion, Lineage, table
from movies_assets.sources.omdb.partitions import omdb_years
from movies_assets.sources.shared.imdb_ids import NO_ID, TITLE
from movies_assets.sources.shared.parsing import clean, integer, json_text, unparsed, with_readable

MEDIA_TYPES = ["movie", "series", "episode", "game"]
FIRST_YEAR = 1850
UNKNOWN = "N/A"
# The year of release; for a series, a dash and the last year, if it has ended.
YEARS = r"^([0-9]{4})(?:[–-]([0-9]{4})?)?$"  # noqa: RUF001
RELEASE, END = 1, 2


class SilverOmdbReleases(Contract):
    """One row per title: the result of the newest year for which it was found.

    Within a year, the result with the least `result_id` counts: the first one by term, type, page
    and position. `release_year` is the title's own year, regardless of the requested year; a title
    without it is in quarantine.
    """

    imdb_id: str = column(
        "IMDb id of the title.", key=True, str_matches=TITLE, fault=NO_ID, expected=True
    )
    movie_title: str = column(
        "Title.", str_length={"min_value": 1, "max_value": 500}, expected=True
    )
    release_year: int = column(
        "Year of release, of a series its first.", ge=FIRST_YEAR, expected=True
    )
    end_year: int = column("Last year of a series; NULL while it is running.", nullable=True)
    media_type: str = column(
        "Type of the title.", isin=MEDIA_TYPES, compression="dictionary", expected=True
    )
    poster_url: str = column("URL of the poster.", nullable=True)
    search_term: str = column("Words by which it was found.", compression="dictionary")
    ingested_at: Instant = column("When it was found (UTC).")
    searched_year: int = column("Requested year: the partition.")
    result_id: str = column("The bronze row that this row was read from.")

    @row_rule("end_year: before release_year")
    def _ends_after_release(cls, data: IbisData) -> ir.BooleanColumn:
        end = data.table.end_year
        return end.isnull() | (end >= data.table.release_year)


@table(
    layer="silver",
    group="omdb",
    contract=SilverOmdbReleases,
    partitions=omdb_years,
    partition_column="searched_year",
    latest_version=LatestVersion(
        entity=("imdb_id",), order=("searched_year",), first=("result_id",)
    ),
    lineage=Lineage(
        source_of="bronze.omdb_releases",
        source_row_id="result_id",
        where=lambda results: results.error.isnull(),
    ),
)
def omdb_releases(bronze_omdb_releases: ir.Table) -> ir.Table:
    """Type and clean the results, without errors."""
    results = bronze_omdb_releases.filter(bronze_omdb_releases.error.isnull())
    results = with_readable(results)
    fields = {
        name: clean(json_text(results.readable, f"$.{name}")).nullif(UNKNOWN)
        for name in ("Title", "Year", "Type", "Poster")
    }
    rows = results.mutate(**fields)
    release_year = integer(rows.Year.re_extract(YEARS, RELEASE))
    return rows.select(
        imdb_id=rows.imdb_id,
        movie_title=rows.Title,
        release_year=release_year,
        end_year=integer(rows.Year.re_extract(YEARS, END)),
        media_type=rows.Type,
        poster_url=rows.Poster,
        search_term=rows.search_term,
        ingested_at=rows["_ingested_at"],
        searched_year=rows.release_year,
        result_id=rows.result_id,
        _raw=rows.payload,
        _unparsed=rows.fault + unparsed(Year=(rows.Year, release_year, "not a year")),
    )
