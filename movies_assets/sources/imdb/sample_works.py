"""List the works of the sample's world, their people and episodes, as IMDb's dumps have them.

They are the same at any scale. Their ids come after all others, so that they are appended.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any

import pyarrow as pa

from movies_assets.sample import words
from movies_assets.sample.draws import Draws
from movies_assets.sample.world import FIRST_ID, Work, movies, people, works

_Row = tuple[Any, ...]

_DRAWS = 5_400_000_000
_FIRST_EPISODE = FIRST_ID + 50_000
_EPISODES_EVERY, _FIRST_WITH, _A_SEASON, _MOST_SEASONS = 12, 8, 3, 6
"""About one series in four has episodes; all its seasons have three."""
_KNOWN_FOR = 4
_VOTES_GROW_EVERY, _DAYS_TO_GROW = 8, 500


def rows_of(file: str, *, day: int, seed: int) -> pa.Table:
    """Return the rows of a dump about works, in the order of their ids.

    Args:
        file: One of `FILES`.
        day: Days since the base day.
        seed: The seed of the world.
    """
    schema, rows = _FILES[file]
    found = sorted(rows(day, seed), key=itemgetter(0))
    columns = zip(*found, strict=True)
    return pa.table([pa.array(c, t) for c, t in zip(columns, schema.types, strict=True)], schema)


def _listed(day: int, seed: int) -> Iterator[tuple[str, Work]]:
    """Yield the id of each work that IMDb has on a day, and the work."""
    for work in works(seed):
        if tconst := work.tconst_on(day):
            yield tconst, work


def _basics(day: int, seed: int) -> Iterator[_Row]:
    for tconst, work in _listed(day, seed):
        name = work.name_on(day)
        yield (
            tconst,
            work.title_type,
            name,
            name if work.original == work.english else work.original,
            0,
            work.start_year,
            work.end_year,
            work.runtime if work.has_runtime else None,
            ",".join(work.genres),
        )
    for tconst, _, work, season, episode in _episodes(day, seed):
        # The first one has the name, the year and the running time of a movie.
        other = (
            movies(seed)[work.number * 7 % len(movies(seed))] if season == episode == 1 else None
        )
        name = other.english if other else f"Episode #{season}.{episode}"
        year = other.start_year if other else work.start_year + season - 1
        runtime = other.runtime if other else work.runtime
        yield tconst, "tvEpisode", name, name, 0, year, None, runtime, ",".join(work.genres)


def _episodes(day: int, seed: int) -> Iterator[tuple[str, str, Work, int, int]]:
    """Yield the id of each episode, that of its series, the series, season and number."""
    series = [(tconst, work) for tconst, work in _listed(day, seed) if work.is_series]
    for parent, work in series:
        seasons = min(work.seasons, _MOST_SEASONS) if _has_episodes(work) else 0
        for number in range(seasons * _A_SEASON):
            tconst = f"tt{_FIRST_EPISODE + work.number * _MOST_SEASONS * _A_SEASON + number}"
            yield tconst, parent, work, number // _A_SEASON + 1, number % _A_SEASON + 1


def _has_episodes(work: Work) -> bool:
    return work.number % _EPISODES_EVERY == _FIRST_WITH


def _episode(day: int, seed: int) -> Iterator[_Row]:
    for tconst, parent, _, season, number in _episodes(day, seed):
        yield tconst, parent, season, number


def _akas(day: int, seed: int) -> Iterator[_Row]:
    for tconst, work in _listed(day, seed):
        name = work.name_on(day)
        is_native = work.original != work.english
        names: list[tuple[str, str | None, str | None, str | None]] = [
            (work.original if is_native else name, None, None, "original")
        ]
        if is_native:
            names.append((name, "XWW", "en", "imdbDisplay"))
        if work.former_name and name != work.former_name:
            names.append((work.former_name, "US", None, "working"))
        names += [(alias.name, alias.region, alias.language, None) for alias in work.aliases]
        for ordering, (title, region, language, kind) in enumerate(names, 1):
            is_original = int(ordering == 1)
            yield tconst, ordering, title, region, language, kind, None, is_original


def _writer(work: Work) -> Sequence[str]:
    """Return who wrote a work: its director; the first of the cast wrote a series."""
    return [person.nconst for person in (*work.directors, *work.cast)[:1]]


def _crew(day: int, seed: int) -> Iterator[_Row]:
    for tconst, work in _listed(day, seed):
        directors = ",".join(person.nconst for person in work.directors)
        yield tconst, directors or None, ",".join(_writer(work))
    for tconst, *_ in _episodes(day, seed):
        yield tconst, None, None


def _principals(day: int, seed: int) -> Iterator[_Row]:
    for tconst, work in _listed(day, seed):
        draws = Draws(seed, _DRAWS + work.number)
        credited: list[tuple[str, str, str | None]] = [
            (
                person.nconst,
                "actress" if person.is_actress else "actor",
                f'["{draws.pick(words.NAMES)}"]',
            )
            for person in work.cast
        ]
        credited += [(person.nconst, "director", None) for person in work.directors]
        credited += [(nconst, "writer", None) for nconst in _writer(work)]
        for ordering, (nconst, category, characters) in enumerate(credited, 1):
            yield tconst, ordering, nconst, category, None, characters


def _ratings(day: int, seed: int) -> Iterator[_Row]:
    for tconst, work in _listed(day, seed):
        days = day if work.number % _VOTES_GROW_EVERY == 0 else 0
        votes = work.votes + work.votes * days // _DAYS_TO_GROW + days
        yield tconst, f"{work.rating // 10}.{work.rating % 10}", votes


def _names(day: int, seed: int) -> Iterator[_Row]:
    known_for = defaultdict[str, list[str]](list)
    acting, directing = set[str](), set[str]()
    for tconst, work in _listed(day, seed):
        for person in dict.fromkeys(chain(work.directors, work.cast)):
            known_for[person.nconst].append(tconst)
        acting.update(person.nconst for person in work.cast)
        directing.update(person.nconst for person in work.directors)
    for person in people(seed):
        professions = [
            "director" if person.nconst in directing else "",
            ("actress" if person.is_actress else "actor") if person.nconst in acting else "",
        ]
        yield (
            person.nconst,
            person.name,
            person.born,
            None,
            ",".join(filter(None, professions)) or None,
            ",".join(known_for[person.nconst][:_KNOWN_FOR]) or None,
        )


def _schema(columns: str) -> pa.Schema:
    """Return the schema of columns; those with a `#` are numbers."""
    return pa.schema(
        [(name.strip("#"), pa.int64() if "#" in name else pa.string()) for name in columns.split()]
    )


_FILES: Mapping[str, tuple[pa.Schema, Callable[[int, int], Iterator[_Row]]]] = {
    "name.basics": (
        _schema("nconst primaryName #birthYear #deathYear primaryProfession knownForTitles"),
        _names,
    ),
    "title.akas": (
        _schema("titleId #ordering title region language types attributes #isOriginalTitle"),
        _akas,
    ),
    "title.basics": (
        _schema(
            "tconst titleType primaryTitle originalTitle #isAdult #startYear #endYear "
            "#runtimeMinutes genres"
        ),
        _basics,
    ),
    "title.crew": (_schema("tconst directors writers"), _crew),
    "title.episode": (_schema("tconst parentTconst #seasonNumber #episodeNumber"), _episode),
    "title.principals": (_schema("tconst #ordering nconst category job characters"), _principals),
    "title.ratings": (_schema("tconst averageRating #numVotes"), _ratings),
}
"""The columns and the rows of each dump."""
