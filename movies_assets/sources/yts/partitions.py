"""The partitions of YTS."""

from datetime import UTC, date, datetime
from functools import cache

from movies_assets.core.partitions import Partitions
from movies_assets.core.settings import CommonSettings
from movies_assets.sources.yts.settings import YtsSettings

OLDEST_UPLOAD = date(2015, 10, 31)


def _first_day(settings: CommonSettings) -> date:
    own, sample = settings.section(YtsSettings), settings.sample
    if own.first_day:
        return own.first_day
    if settings.profile == "live":
        return OLDEST_UPLOAD
    return _first_of_sample(own.sample_movies, sample.last_day, sample.seed)


@cache
def _first_of_sample(movies: int, last_day: date, seed: int) -> date:
    """Return the day of the oldest upload in the sample's catalogue; it takes 30 ms."""
    from movies_assets.sources.yts.sample import Catalogue  # noqa: PLC0415 (only the sample needs it)

    oldest = Catalogue(movies=movies, last_day=last_day, seed=seed).uploaded_unix.min()
    return datetime.fromtimestamp(int(oldest), UTC).date()


# Days of upload: the day that is not over still grows.
yts_days = Partitions("yts_days", "day", _first_day, includes_current=False)
