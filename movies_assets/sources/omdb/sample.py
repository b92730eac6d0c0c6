"""Generate fictional titles in the wire format of OMDb's searches, on request of a year.

A title is a pure function of the seed, its first year, and its number in that year. Texts belong in
`sample.words`, titles that other sources have too in `sample_works`, HTTP in `sample_server`.
"""

from collections.abc import Sequence
from functools import cache
from typing import TypedDict

from movies_assets.sample import words
from movies_assets.sample.draws import Draws
from movies_assets.sample.titles import (
    COMMON_FORMS,
    NOUN_FORMS,
    SITE,
    draw_english_title,
    imdb_code,
)
from movies_assets.sources.omdb.sample_works import LONGEST_RUN, ShownTitle, titles_by_year

COMMON = tuple(noun.lower() for noun in words.COMMON_NOUNS)
"""Nouns of every second title, so that a search for them has several pages."""
FIRST_YEAR = 1900
_FEWEST, _MORE_EACH_YEAR = 12, 1.2
_NUMBERS_A_YEAR = 10_000
_LONGEST_RUN = 6
_TYPES = ("movie",) * 14 + ("series",) * 3 + ("game",) * 2 + ("episode",)
_PADDED = ("{} ", " {}", "\t{}", "{}\u00a0")


class OmdbTitle(TypedDict):
    """A search result; years are `1999`, `1999–2001` or, for a running series, `2011–`."""  # noqa: RUF002

    Title: str
    Year: str
    imdbID: str
    Type: str
    Poster: str


class Titles:
    """All titles up to a last year, about 12 of 1900 and 250 of 2025.

    Args:
        last_year: The newest year.
        seed: The seed of all titles.
    """

    def __init__(self, last_year: int, seed: int = 1) -> None:
        self.last_year, self.seed = last_year, seed

    def of(self, year: int) -> list[OmdbTitle]:
        """Return the titles of a year: new ones, then series that are still running."""
        before = range(max(year - LONGEST_RUN, FIRST_YEAR), year)
        older = [title for first in reversed(before) for title in self._begun(first)]
        return [*self._begun(year), *(title for title in older if _runs_in(title, year))]

    def search(self, term: str, year: int | None, kind: str) -> list[OmdbTitle]:
        """Return the titles that contain all words of a term, in the order of OMDb's pages.

        Args:
            term: The words.
            year: The year; None for all years, the newest first.
            kind: The type; '' for any.
        """
        wanted = {word.casefold() for word in term.split()}
        years = range(self.last_year, FIRST_YEAR - 1, -1) if year is None else [year]
        found = {
            title["imdbID"]: title
            for each in years
            for title in self.of(each)
            if wanted <= _words_of(title["Title"]) and kind in {"", title["Type"]}
        }
        return list(found.values())

    def _begun(self, year: int) -> Sequence[OmdbTitle]:
        is_in_world = FIRST_YEAR <= year <= self.last_year
        return _begun(year, self.last_year, self.seed) if is_in_world else ()


@cache
def _begun(year: int, last_year: int, seed: int) -> Sequence[OmdbTitle]:
    """Return the titles that begin in a year: those that only OMDb has, then works of the world."""
    count = _FEWEST + int(_MORE_EACH_YEAR * (year - FIRST_YEAR))
    works = titles_by_year(seed).get(year, ())
    return [
        *(_title(year, number, last_year, seed) for number in range(count)),
        *(_work(shown, last_year) for shown in works),
    ]


def _work(shown: ShownTitle, last_year: int) -> OmdbTitle:
    return OmdbTitle(
        Title=shown.name,
        Year=shown.years(last_year),
        imdbID=shown.imdb_id,
        Type="series" if shown.work.is_series else "movie",
        Poster=f"{SITE}/posters/{shown.work.tconst}.jpg" if shown.has_poster else "N/A",
    )


def _title(year: int, number: int, last_year: int, seed: int) -> OmdbTitle:
    identity = year * _NUMBERS_A_YEAR + number
    draws = Draws(seed, identity)
    name = draw_english_title(draws, NOUN_FORMS if draws.below(2) else COMMON_FORMS)
    if draws.below(25) == 0:
        name = draws.pick(_PADDED).format(name)
    kind = draws.pick(_TYPES)
    poster = f"{SITE}/posters/{identity}.jpg" if draws.below(6) else "N/A"
    years = str(year)
    if kind == "series" and (length := draws.below(_LONGEST_RUN)):
        years += "–" + (str(year + length) if year + length <= last_year else "")  # noqa: RUF001
    return OmdbTitle(Title=name, Year=years, imdbID=imdb_code(identity), Type=kind, Poster=poster)


def _runs_in(title: OmdbTitle, year: int) -> bool:
    _, dash, last = title["Year"].partition("–")  # noqa: RUF001
    return bool(dash) and (not last or year <= int(last))


@cache
def _words_of(title: str) -> frozenset[str]:
    return frozenset(word.strip("\"':,.-").casefold() for word in title.split())
