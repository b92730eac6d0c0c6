"""The partitions of the streaming service."""

from movies_assets.core.partitions import Partitions
from movies_assets.sources.ott.settings import OttSettings

# Days on which files and users may arrive: the users API only knows today.
ott_days = Partitions("ott_days", "day", lambda settings: settings.section(OttSettings).first_day)
