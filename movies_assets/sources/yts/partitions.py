"""The partitions of YTS."""

from movies_assets.core.partitions import Partitions
from movies_assets.sources.yts.settings import YtsSettings

# Days of upload: the day that is not over still grows.
yts_days = Partitions(
    "yts_days",
    "day",
    lambda settings: settings.section(YtsSettings).first_day,
    includes_current=False,
)
