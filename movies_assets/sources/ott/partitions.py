"""The partitions of the streaming service."""

from movies_assets.core.partitions import Partitions

# Days on which files and users may arrive: the users API only knows today.
ott_days = Partitions("ott_days", "day", lambda settings: settings.ott.first_day)
