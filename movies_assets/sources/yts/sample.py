"""Generate a deterministic fictional movie catalogue in the wire format of the YTS API.

A movie is a pure function of the seed and its place on an endless timeline, and a catalogue is
the end of that timeline up to its last day. So a bigger catalogue is a smaller one and older
movies, a later last day is an earlier one and newer movies, and only a few arrays of numbers are
held in memory.

Upload instants belong in `sample_timeline`, movies that other sources have too in `sample_works`,
titles in `sample.titles`, HTTP in `sample_server`.
"""

import re
import unicodedata
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from json import dumps, loads
from json.encoder import encode_basestring as _quoted
from typing import Any, Literal, NamedTuple, Protocol, cast
from zoneinfo import ZoneInfo

import numpy as np

from movies_assets.sample import words
from movies_assets.sample.draws import Draws, normal_table, weighted_table
from movies_assets.sample.titles import (
    RUNTIMES,
    SITE,
    draw_english_title,
    draw_native_title,
    draw_story,
    imdb_code,
)
from movies_assets.sources.yts import sample_timeline as timeline
from movies_assets.sources.yts.sample_works import ShownMovie, movie_of

Movie = dict[str, Any]
"""A movie as a JSON object with the 26 keys of the wire format."""

SERVER_ZONE = ZoneInfo("Europe/Berlin")
"""The zone of the local times in `date_uploaded`."""
FIRST_YEAR = 1920
_OLD_STYLE_SHARE = 20
"""The oldest 1/20 of a catalogue may spell the language 'English'."""


class MovieList(Protocol):
    """A list of movies for a server, by position, the latest upload (position 0) first.

    `movies[position]` is a dict, `movies.json(position)` the same movie as JSON text.

    Attributes:
        movie_count: The server's stated number of movies, often too high.
        server_time: The server's clock, in seconds since 1970 UTC.
        revision: Changes whenever a movie or the order changes.
    """

    @property
    def movie_count(self) -> int: ...  # noqa: D102 - see the class
    @property
    def server_time(self) -> int: ...  # noqa: D102
    @property
    def revision(self) -> int: ...  # noqa: D102
    def __hash__(self) -> int: ...  # noqa: D105
    def __len__(self) -> int: ...  # noqa: D105
    def __getitem__(self, position: int, /) -> Movie: ...  # noqa: D105
    def json(self, position: int, /) -> str: ...  # noqa: D102


class Catalogue:
    """The latest `movies` movies of the timeline of `seed`, computed on access.

    About 20.3 movies per day, varying by weekday and burst, none on one day in 32. Position
    0 is the newest movie in the hidden order of `sort_by=date_added`. About one movie in a hundred
    was uploaded again: it is listed once, at the place and with the date of its latest upload.

    Args:
        movies: The number of movies at the end of `last_day`.
        last_day: All uploads are before the end of this UTC day.
        seed: The seed of the catalogue.
        as_of: Shows the catalogue at this instant: later movies are missing,
            movies uploaded again later are at their old place with their old date.
        late_every: One movie in this many is dated later (by up to 17 hours) than its place in the
            order; the default makes one to three date inversions on a page of 50, 3 makes as many
            as on the busiest pages of the real server.

    Attributes:
        ids: The movies' ids by position.
        uploaded_unix: The instants of their latest uploads, in seconds since 1970, by position.

    Raises:
        ValueError: The timeline holds fewer movies, or `as_of` has no time zone.
    """

    revision = 0

    def __init__(
        self,
        movies: int,
        last_day: date,
        seed: int = 1,
        *,
        as_of: datetime | None = None,
        late_every: int = 22,
    ) -> None:
        if as_of is not None and as_of.tzinfo is None:
            raise ValueError(f"as_of is an instant and needs a time zone: {as_of}")
        end = timeline.seconds_at_end_of(last_day)
        until = end if as_of is None else min(end, int(as_of.timestamp()))
        found = timeline.uploads(movies=movies, last_day=last_day, seed=seed, late_every=late_every)
        again = found.again_at < until
        shown = np.flatnonzero(found.first_at < until)
        places = np.where(again, found.again_places, found.places)[shown]
        order = shown[np.argsort(places, kind="stable")[::-1]]
        self.ids = found.ids[order]
        self.uploaded_unix = np.where(again, found.again_at, found.first_at)[order]
        self.server_time = until
        self._numbers = found.numbers[order]
        self._first_unix = found.first_at[order]
        self._old_style_before = int(found.numbers[0]) + movies // _OLD_STYLE_SHARE
        self._seed = seed

    @property
    def movie_count(self) -> int:
        """Return the stated number of movies: 0.1 % (at least 3) too high."""
        return len(self) + max(3, len(self) // 1000)

    def __len__(self) -> int:
        """Return how many movies there are."""
        return len(self.ids)

    def __getitem__(self, position: int) -> Movie:
        """Return the movie at a position from 0 (newest) to len - 1."""
        return cast("Movie", loads(self.json(position)))

    def work(self, position: int) -> ShownMovie | None:
        """Return the work that the movie at a position is; None if only YTS has the movie."""
        return movie_of(int(self._numbers[position]), self._seed)

    def json(self, position: int) -> str:
        """Return the movie at a position as JSON text."""
        number, first_unix = int(self._numbers[position]), int(self._first_unix[position])
        draws, shown = Draws(self._seed, number), self.work(position)
        return _compose(
            draws,
            _facts_of(shown) if shown else _draw_facts(draws, imdb_code(number), first_unix),
            movie_id=int(self.ids[position]),
            uploaded_unix=int(self.uploaded_unix[position]),
            english="English" if number < self._old_style_before and number % 2 else "en",
        )


class Shifting:
    """A catalogue that changes while it is read.

    Args:
        movies: The catalogue.
        hold_back: The number of newest movies that are missing until `publish` adds them.
    """

    def __init__(self, movies: MovieList, hold_back: int = 0) -> None:
        self._movies = movies
        self._order = list(range(hold_back, len(movies)))
        self._held_back = list(range(hold_back))
        self._moved_to: dict[int, int] = {}
        self.revision = 0

    @property
    def movie_count(self) -> int:
        """Return how many movies the server claims to have."""
        return self._movies.movie_count - len(self._held_back)

    @property
    def server_time(self) -> int:
        """Return the server's clock, in seconds since 1970 UTC."""
        return self._movies.server_time

    def __len__(self) -> int:
        """Return the current number of movies."""
        return len(self._order)

    def __getitem__(self, position: int) -> Movie:
        """Return the movie at a position from 0 (newest) to len - 1, in the current order."""
        original = self._order[position]
        movie = self._movies[original]
        moved_to = self._moved_to.get(original)
        return movie if moved_to is None else movie | loads(f"{{{_dates(moved_to)}}}")

    def json(self, position: int) -> str:
        """Return the movie at a position as JSON text."""
        original = self._order[position]
        moved = original in self._moved_to
        return dumps(self[position]) if moved else self._movies.json(original)

    def publish(self) -> None:
        """Add the oldest of the held-back movies in front, if any is left."""
        if self._held_back:
            self._order.insert(0, self._held_back.pop())
            self.revision += 1

    def reupload(self, position: int = -1) -> None:
        """Move a movie (the oldest by default) to the front, a minute after the newest one."""
        newest = self[0]
        uploaded = newest["date_uploaded_unix"] or newest["torrents"][0]["date_uploaded_unix"]
        original = self._order.pop(position)
        self._order.insert(0, original)
        self._moved_to[original] = uploaded + 60
        self.revision += 1


def _rating(drawn: float) -> float:
    """Round to tenths; few movies come near 9.5, none above."""
    squeezed = min(drawn, 8.5 + (drawn - 8.5) / 2)
    return _number(round(min(max(squeezed, 1.0), 9.5), 1))


def _number(rating: float) -> float:
    """Return whole numbers as int, as the API does."""
    return int(rating) if rating == int(rating) else rating


_RATINGS = [_rating(drawn) for drawn in normal_table(6.2, 1.2, entries=4096)]
_LANGUAGES = weighted_table(words.LANGUAGE_WEIGHTS)
_GENRES = weighted_table(words.GENRE_WEIGHTS)
_GENRE_COUNTS = weighted_table(words.GENRE_COUNT_WEIGHTS)
_MPA = weighted_table(words.MPA_WEIGHTS)
_QUALITIES = weighted_table(words.QUALITY_WEIGHTS)
_NO_SLUG = re.compile("[^a-z0-9]+")
_SOURCES = ("bluray", "web", "web")
_BYTES_PER_MINUTE = {"720p": 9_200_000, "1080p": 17_000_000, "2160p": 41_000_000}


class _Facts(NamedTuple):
    """What a movie has in common with the same work in other sources."""

    code: str
    title: str
    english_title: str
    year: int
    language: str
    runtime: int
    rating: float
    genres: str


def _draw_facts(draws: Draws, code: str, first_unix: int) -> _Facts:
    """Draw a movie that only YTS has."""
    year = _year(draws, first_unix)
    language = draws.pick(_LANGUAGES)
    english_title = draw_english_title(draws)
    return _Facts(
        code,
        draw_native_title(draws, language) or english_title,
        english_title,
        year,
        language,
        runtime=0 if draws.below(20) == 0 else draws.pick(RUNTIMES),
        rating=0 if draws.below(20) == 0 else draws.pick(_RATINGS),
        genres=_genres(draws),
    )


def _facts_of(shown: ShownMovie) -> _Facts:
    return _Facts(
        shown.imdb_code,
        shown.title,
        shown.title_english,
        shown.year,
        shown.work.language,
        shown.runtime,
        _number(shown.rating / 10),
        _listed(shown.work.genres),
    )


def _compose(
    draws: Draws,
    facts: _Facts,
    *,
    movie_id: int,
    uploaded_unix: int,
    english: Literal["en", "English"],
) -> str:
    """Compose one movie from its random numbers, as JSON.

    Formatting the text directly takes half the time of encoding a dict, and this is
    most of the cost of serving a page.
    """
    title, year, language, runtime = facts.title, facts.year, facts.language, facts.runtime
    slug = f"{_slug(facts.english_title)}-{year}"
    story = _quoted(draw_story(draws))
    trailer = "" if draws.below(5) < 2 else _trailer_code(draws)  # noqa: PLR2004
    mpa_rating = draws.pick(_MPA)
    torrents = _torrents(draws, runtime or 90, uploaded_unix)
    dates = _UNDATED if draws.below(80) == 0 else _dates(uploaded_unix)
    images = f"{SITE}/images/{slug.replace('-', '_')}"
    return (
        f'{{"id":{movie_id},"url":"{SITE}/movies/{slug}","imdb_code":"{facts.code}",'
        f'"title":{_quoted(title)},"title_english":{_quoted(facts.english_title)},'
        f'"title_long":{_quoted(f"{title} ({year})")},"slug":"{slug}","year":{year},'
        f'"rating":{facts.rating},"runtime":{runtime},"genres":{facts.genres},'
        f'"summary":{story},"description_full":{story},"synopsis":{story},'
        f'"yt_trailer_code":"{trailer}","language":"{english if language == "en" else language}",'
        f'"mpa_rating":"{mpa_rating}","background_image":"{images}/background.jpg",'
        f'"background_image_original":"{images}/background.jpg",'
        f'"small_cover_image":"{images}/small-cover.jpg",'
        f'"medium_cover_image":"{images}/medium-cover.jpg",'
        f'"large_cover_image":"{images}/large-cover.jpg","state":"ok",'
        f'"torrents":[{torrents}],{dates}}}'
    )


_UNDATED = '"date_uploaded":null,"date_uploaded_unix":null'


def _dates(unix: int) -> str:
    hour, seconds = divmod(unix, 3600)
    minute, second = divmod(seconds, 60)
    local = f"{_local_hour(hour)}:{minute:02}:{second:02}"
    return f'"date_uploaded":"{local}","date_uploaded_unix":{unix}'


@lru_cache(maxsize=256)
def _local_hour(hours: int) -> str:
    """Return the date and hour of the server's clock for hours since 1970.

    It is cached, as applying the zone's rules to each torrent would be too slow.
    """
    return f"{datetime.fromtimestamp(hours * 3600, SERVER_ZONE):%Y-%m-%d %H}"


def _year(draws: Draws, first_unix: int) -> int:
    """Draw a year up to that of the upload, half of them from its last six years."""
    latest = datetime.fromtimestamp(first_unix, UTC).year
    return latest - int((latest - FIRST_YEAR + 1) * (draws.below(4096) / 4096) ** 4)


def _slug(title: str) -> str:
    if not title.isascii():
        title = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    return _NO_SLUG.sub("-", title.lower().replace("'", "")).strip("-")


def _genres(draws: Draws) -> str:
    if draws.below(64) == 0:
        return "null"
    return _listed(sorted({draws.pick(_GENRES) for _ in range(draws.pick(_GENRE_COUNTS))}))


def _listed(genres: Sequence[str]) -> str:
    return '["' + '","'.join(genres) + '"]'


def _trailer_code(draws: Draws) -> str:
    return urlsafe_b64encode(draws.bytes(9)).decode()[:11]


def _torrents(draws: Draws, minutes: int, uploaded_unix: int) -> str:
    """Return one torrent per quality; the first is uploaded with the movie, the others later."""
    source = draws.pick(_SOURCES)
    torrents, unix = [], uploaded_unix
    for quality in draws.pick(_QUALITIES):
        hash_ = draws.bytes(20).hex().upper()
        size = int(minutes * _BYTES_PER_MINUTE[quality] * (0.8 + draws.below(400) / 1000))
        torrents.append(
            f'{{"url":"{SITE}/torrent/{hash_}","hash":"{hash_}","quality":"{quality}",'
            f'"type":"{source}","seeds":{draws.below(draws.below(400) + 1)},'
            f'"peers":{draws.below(60)},"size":"{_size(size)}","size_bytes":{size},{_dates(unix)}}}'
        )
        unix += 1800 + draws.below(14_400)
    return ",".join(torrents)


def _size(size: int) -> str:
    gigabyte = 2**30
    return f"{size / 2**30:.2f} GB" if size >= gigabyte else f"{size / 2**20:.2f} MB"
