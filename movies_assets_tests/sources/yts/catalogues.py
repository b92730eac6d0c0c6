"""Catalogues for the sample server that a test makes up: recorded ones, and ones with changes."""

from collections.abc import Callable, Mapping, Sequence
from json import dumps

from movies_assets.sources.yts.sample import Movie, MovieList


class RecordedCatalogue:
    """Movies as they were recorded, in the order in which they are given (newest first).

    Args:
        movies: The movies in the wire format.
        movie_count: The stated number; None for the true one.
    """

    revision = 0

    def __init__(self, movies: Sequence[Movie], movie_count: int | None = None) -> None:
        self._movies = movies
        self.movie_count = len(movies) if movie_count is None else movie_count
        self.server_time = max((m["date_uploaded_unix"] or 0 for m in movies), default=0)

    def __len__(self) -> int:
        """Return how many movies there are."""
        return len(self._movies)

    def __getitem__(self, position: int) -> Movie:
        """Return the movie at a position from 0 (newest) to len - 1."""
        return self._movies[position]

    def json(self, position: int) -> str:
        """Return the movie at a position as JSON text."""
        return dumps(self[position])


class Patched:
    """A catalogue with some of its movies changed, and others put in front of it.

    Args:
        movies: The catalogue.
        changes: The keys to replace, or a function from the movie to another one, by movie id.
        added: Movies before all others.
    """

    def __init__(
        self,
        movies: MovieList,
        changes: Mapping[int, Movie | Callable[[Movie], Movie]],
        added: Sequence[Movie] = (),
    ) -> None:
        self._movies, self._changes, self._added = movies, changes, added

    @property
    def movie_count(self) -> int:
        """Return how many movies the server claims to have."""
        return self._movies.movie_count + len(self._added)

    @property
    def server_time(self) -> int:
        """Return the server's clock, in seconds since 1970 UTC."""
        return self._movies.server_time

    @property
    def revision(self) -> int:
        """Return the revision of the underlying catalogue."""
        return self._movies.revision

    def __len__(self) -> int:
        """Return how many movies there are."""
        return len(self._movies) + len(self._added)

    def __getitem__(self, position: int) -> Movie:
        """Return the movie at a position from 0 (newest) to len - 1, with its changes."""
        if position < len(self._added):
            return self._added[position]
        movie = self._movies[position - len(self._added)]
        change = self._changes.get(movie["id"], {})
        return change(movie) if callable(change) else movie | change

    def json(self, position: int) -> str:
        """Return the movie at a position as JSON text."""
        return dumps(self[position])
