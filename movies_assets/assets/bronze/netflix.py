"""Netflix's files as received: the titles that arrived day by day, and the look-ups."""

import ibis.expr.datatypes as dt

from movies_assets.contracts import BronzeContract, column
from movies_assets.partitions import netflix_days
from movies_assets.table import Table, table


class FileRows(BronzeContract):
    """What a bronze table of CSV files says of a row, beside the columns of the file."""

    source_row: str = column("File and number of the record in it: `path#number`.", key=True)
    problem: str = column(
        "What is wrong with a line that does not read as the columns; silver refuses it.",
        nullable=True,
        alias="_problem",
    )
    line: str = column("Such a line, as received.", nullable=True, alias="_line")
    rescued_data: str = column(
        "Values that did not fit their type, a JSON object.", nullable=True, alias="_rescued_data"
    )


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
    arrived_date: dt.Date = column("Day on which the file arrived: the partition.")


class BronzeNetflixLookup(FileRows):
    """One row a record of a look-up: a value and its title."""

    value: str = column("The value, such as a person's name.", nullable=True)
    show_id: int = column("Netflix's id of the title.", nullable=True)


@table(
    layer="bronze",
    group="netflix",
    contract=BronzeNetflixTitles,
    partitions=netflix_days,
    partition_column="arrived_date",
)
def netflix_titles() -> None:
    """Read the files that arrived."""
    raise NotImplementedError


def _lookup(name: str) -> Table:
    @table(
        layer="bronze",
        group="netflix",
        name=f"netflix_{name}",
        contract=BronzeNetflixLookup,
        replaces="table",
    )
    def fetch() -> None:
        """Fetch the look-up."""
        raise NotImplementedError

    return fetch


netflix_cast = _lookup("cast")
netflix_category = _lookup("category")
netflix_countries = _lookup("countries")
netflix_directors = _lookup("directors")
