"""Tell which works the titles of Netflix's sample are."""

from collections.abc import Iterator

from movies_assets.core.settings import CommonSettings
from movies_assets.sample.truth import TitleTruth, truth_of
from movies_assets.sources.netflix.sample import show_id, work_of
from movies_assets.sources.netflix.settings import NetflixSettings


def truth(settings: CommonSettings) -> Iterator[TitleTruth]:
    """Yield the truth about each title of all files, by its `show_id`."""
    for number in range(settings.section(NetflixSettings).sample_titles):
        shown = work_of(number, settings.sample.seed)
        yield truth_of("netflix", show_id(number), shown)


TRUTH = truth
