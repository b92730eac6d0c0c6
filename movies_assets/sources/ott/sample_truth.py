"""Tell which works the titles of the streaming service's sample are."""

import unicodedata
from collections.abc import Iterator
from hashlib import sha256

from movies_assets.core.settings import CommonSettings
from movies_assets.sample.truth import TitleTruth, truth_of
from movies_assets.sources.ott.sample_titles import (
    NO_PREMIERE,
    NO_TITLE,
    SLOTS,
    OttTitle,
    catalogue,
    is_refused,
    work_of,
)
from movies_assets.sources.ott.settings import OttSettings

_KEY_DIGITS = 32


def truth(settings: CommonSettings) -> Iterator[TitleTruth]:
    """Yield the truth about each title that has a name, by its key in silver."""
    sample, size = settings.sample, settings.section(OttSettings).sample_titles
    for title in catalogue(last_day=sample.last_day, titles=size, seed=sample.seed):
        if not (is_refused(title) and title.number % SLOTS == NO_TITLE):
            shown = work_of(title.number, title.arrives, sample.seed)
            yield truth_of("ott", _key(title), shown)


def _key(title: OttTitle) -> str:
    """Return the key of a title: the service has no id, so silver makes one."""
    name = " ".join(unicodedata.normalize("NFC", title.name).casefold().split())
    is_undated = is_refused(title) and title.number % SLOTS == NO_PREMIERE
    dated = "undated" if is_undated else str(title.premiere)
    return sha256(f"{name}\n{dated}".encode()).hexdigest()[:_KEY_DIGITS]


TRUTH = truth
