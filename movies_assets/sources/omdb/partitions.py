"""The partitions of OMDb."""

from datetime import date

from movies_assets.core.partitions import Partitions
from movies_assets.sources.omdb.settings import OmdbSettings

# Years of release that are searched, the current one included.
omdb_years = Partitions(
    "omdb_years", "year", lambda settings: date(settings.section(OmdbSettings).first_year, 1, 1)
)
