"""The partitions of Netflix."""

from movies_assets.core.partitions import Partitions
from movies_assets.sources.netflix.settings import NetflixSettings

# Days on which files may arrive, today included.
netflix_days = Partitions(
    "netflix_days", "day", lambda settings: settings.section(NetflixSettings).first_day
)
