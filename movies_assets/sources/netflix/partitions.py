"""The partitions of Netflix."""

from movies_assets.core.partitions import Partitions

# Days on which files may arrive, today included.
netflix_days = Partitions("netflix_days", "day", lambda settings: settings.netflix.first_day)
