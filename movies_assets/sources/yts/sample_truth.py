"""Tell which works the movies of YTS's sample are."""

from collections.abc import Iterator

from movies_assets.core.settings import CommonSettings
from movies_assets.sample.truth import TitleTruth, truth_of
from movies_assets.sources.yts.sample import Catalogue
from movies_assets.sources.yts.settings import YtsSettings


def truth(settings: CommonSettings) -> Iterator[TitleTruth]:
    """Yield the truth about each movie of the catalogue, by its id in YTS."""
    movies, sample = settings.section(YtsSettings).sample_movies, settings.sample
    catalogue = Catalogue(movies, sample.last_day, sample.seed)
    for position, movie_id in enumerate(catalogue.ids.tolist()):
        shown = catalogue.work(position)
        yield truth_of("yts", str(movie_id), shown)


TRUTH = truth
