"""The partitions of IMDb."""

from movies_assets.core.partitions import Partitions
from movies_assets.sources.imdb.settings import ImdbSettings

# Days on which the dumps may be fetched: the service only has today's.
imdb_run_dates = Partitions(
    "imdb_run_dates", "day", lambda settings: settings.section(ImdbSettings).first_run_date
)
