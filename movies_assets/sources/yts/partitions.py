"""The partitions of YTS."""

from movies_assets.core.partitions import Partitions

# Days of upload: the day that is not over still grows.
yts_days = Partitions(
    "yts_days", "day", lambda settings: settings.yts.first_day, includes_current=False
)
