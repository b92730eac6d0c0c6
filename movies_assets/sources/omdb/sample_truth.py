"""Tell which works the titles of OMDb's sample are."""

from collections.abc import Iterator

from movies_assets.core.settings import CommonSettings
from movies_assets.sample.truth import TitleTruth, truth_of
from movies_assets.sources.omdb.sample import FIRST_YEAR, Titles
from movies_assets.sources.omdb.sample_works import titles_by_year


def truth(settings: CommonSettings) -> Iterator[TitleTruth]:
    """Yield the truth about each title of all years, by the id that OMDb states."""
    titles = Titles(settings.sample.last_day.year, settings.sample.seed)
    works = {
        title.imdb_id: title
        for titles_of_year in titles_by_year(titles.seed).values()
        for title in titles_of_year
    }
    years = range(FIRST_YEAR, titles.last_year + 1)
    for imdb_id in dict.fromkeys(title["imdbID"] for year in years for title in titles.of(year)):
        shown = works.get(imdb_id)
        yield truth_of("omdb", imdb_id, shown)


TRUTH = truth
