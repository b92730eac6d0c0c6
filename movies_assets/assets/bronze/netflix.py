"""Netflix's files as received: the titles that arrived day by day, and the look-ups of today.

What a row means belongs in silver; how files are read, whatever they look like, in
`warehouse.delimited`.
"""

from collections.abc import Callable, Sequence
from functools import partial
from io import FileIO
from typing import TYPE_CHECKING, Any

import dagster as dg
import ibis.expr.datatypes as dt

from movies_assets.checks.schema import schema_check
from movies_assets.contracts import FileRows, column
from movies_assets.partitions import days_within, netflix_days, possible_days
from movies_assets.table import Table, table
from movies_assets.warehouse.delimited import DelimitedFile, DelimitedFiles, arrived

if TYPE_CHECKING:
    from movies_assets.sources.netflix import Lookup


class BronzeNetflixTitles(FileRows):
    """One row a record of a title, as it arrived."""

    duration_minutes: int = column("Running time of a movie in minutes.", nullable=True)
    duration_seasons: int = column("Number of seasons of a show.", nullable=True)
    type: str = column("Movie or TV Show.", nullable=True)
    title: str = column("Title.", nullable=True)
    date_added: str = column("Day on which it was added, as received.", nullable=True)
    release_year: int = column("Year of release.", nullable=True)
    rating: str = column("Rating such as TV-MA.", nullable=True)
    description: str = column("Description.", nullable=True)
    show_id: int = column("Netflix's id.", nullable=True)
    arrived_date: dt.Date = column("Day to which the file belongs: the partition.")


@table(
    layer="bronze",
    group="netflix",
    contract=BronzeNetflixTitles,
    partitions=netflix_days,
    partition_column="arrived_date",
    checks=(schema_check,),
)
def netflix_titles(
    context: dg.AssetExecutionContext, netflix_landing: dg.ResourceParam[Callable[[], Any]]
) -> DelimitedFiles:
    """Read the files of the run's days; what stood there of these days before is replaced."""
    days = days_within(context.partition_time_window)
    return arrived(netflix_landing(), days, context.run_id, possible=possible_days(context))


class BronzeNetflixLookup(FileRows):
    """One row a record of a look-up: a value and the title that it belongs to."""

    value: str = column("The value, such as a person's name.", nullable=True)
    show_id: int = column("Netflix's id of the title.", nullable=True)


def lookup_table(name: str, value: str) -> Table:
    """Describe the bronze table of a look-up.

    Args:
        name: the look-up.
        value: what the file calls its values; beside them it has `show_id`.
    """

    @table(
        layer="bronze",
        group="netflix",
        name=f"netflix_{name}",
        contract=BronzeNetflixLookup,
        replaces="table",
        checks=(schema_check,),
    )
    def fetch(
        context: dg.AssetExecutionContext,
        netflix_lookup: dg.ResourceParam[Callable[[str, Sequence[str]], Any]],
    ) -> DelimitedFiles:
        """Fetch the look-up; a file that is not what it should be replaces nothing."""
        lookup: Lookup = netflix_lookup(name, (value, "show_id"))
        file = DelimitedFile(lookup.url, partial(FileIO, lookup.path))
        return DelimitedFiles(files=[file], run_id=context.run_id, names={value: "value"})

    return fetch


netflix_cast = lookup_table("cast", "cast")
netflix_category = lookup_table("category", "listed_in")
netflix_countries = lookup_table("countries", "country")
netflix_directors = lookup_table("directors", "director")
