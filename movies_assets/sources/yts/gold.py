"""Build the YTS star: the fact, its dimensions, and the junction of movies and genres.

Movies, the junction and the fact are partitioned. Dimensions with few values are merged by key from
the run's rows only, so that a run costs only its days; members are never removed. Days and years of
release are shared with other sources.
"""

from functools import partial

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from movies_assets.core.contract import Contract, Instant, column
from movies_assets.core.table import LatestVersion, table
from movies_assets.core.write_mode import MERGE
from movies_assets.sources.shared.dimensions import (
    LONGEST_KEY,
    UNKNOWN,
    UNKNOWN_NAME,
    bounded,
    date_key,
    members,
    slug,
    year_key,
)
from movies_assets.sources.shared.languages import name_of
from movies_assets.sources.shared.ratings import rating_band
from movies_assets.sources.yts.partitions import yts_days

gold_table = partial(table, layer="gold", group="yts", partitions=yts_days)
dimension = partial(gold_table, write_mode=MERGE)
# A movie's rows belong to the day of its latest upload, in any order of runs.
movie_partitioned = partial(
    gold_table,
    partition_column="uploaded_date",
    latest_version=LatestVersion(entity=("movie_key",), order=("uploaded_date",)),
)


def language_key(movies: ir.Table) -> ir.StringColumn:
    """Return the key of a movie's language."""
    return movies.language_code.fill_null(UNKNOWN_NAME)


def runtime_key(movies: ir.Table) -> ir.IntegerColumn:
    """Return the key of a movie's running time: its minutes."""
    return movies.runtime_minutes.fill_null(UNKNOWN)


def rating_key(movies: ir.Table) -> ir.IntegerColumn:
    """Return the key of a movie's rating: ten times the rating."""
    return (movies.rating * 10).round(0).cast("int64").fill_null(UNKNOWN)


def genres_of(movies: ir.Table) -> ir.Table:
    """Return one row per movie and genre; a movie without genres has the unknown one."""
    named = movies.mutate(genre_name=ibis.coalesce(movies.genres, ibis.array(["Unknown"])).unnest())
    keyed = named.mutate(
        genre_key=bounded(slug(named.genre_name).nullif("").fill_null(UNKNOWN_NAME))
    )
    unknown = keyed.genre_key == UNKNOWN_NAME
    return keyed.mutate(genre_name=ibis.ifelse(unknown, "Unknown", keyed.genre_name))


class DimMovie(Contract):
    """One row per movie, with its attributes."""

    movie_key: int = column("YTS id of the movie.", key=True)
    imdb_code: str = column("IMDb id, tt and digits.", nullable=True)
    slug: str = column("Name of the movie in URLs.", nullable=True)
    url: str = column("The movie's page.", nullable=True)
    title: str = column("Title.")
    title_english: str = column("English title.", nullable=True)
    title_long: str = column("Title (year).", nullable=True)
    mpa_rating: str = column("MPA rating such as PG-13.", nullable=True)
    description_full: str = column("Description.", nullable=True, compression="zstd")
    summary: str = column("Summary.", nullable=True, compression="zstd")
    synopsis: str = column("Synopsis.", nullable=True, compression="zstd")
    background_image_original: str = column("URL of the original background.", nullable=True)
    large_cover_image: str = column("URL of the large cover.", nullable=True)
    yt_trailer_code: str = column("YouTube id of the trailer.", nullable=True)
    uploaded_date: dt.Date = column("UTC day of the latest upload: the partition.")


@movie_partitioned(contract=DimMovie)
def dim_movie(silver_yts_movies: ir.Table) -> ir.Table:
    """Describe the movies."""
    described = silver_yts_movies.rename(movie_key="movie_id")
    return described.select(*DimMovie.types())


class DimGenre(Contract):
    """One row per genre."""

    genre_key: str = column(
        "The genre's name as a slug; 'unknown' for movies without genre.",
        key=True,
        str_length={"max_value": LONGEST_KEY},
    )
    genre_name: str = column("Name of the genre.")


@dimension(contract=DimGenre)
def dim_genre(silver_yts_movies: ir.Table) -> ir.Table:
    """Name the genres; of several spellings, choose the first in alphabetical order."""
    seen = genres_of(silver_yts_movies).select("genre_key", "genre_name")
    unknown = ibis.array(["Unknown"]).unnest().name("genre_name").as_table()
    spellings = seen.union(
        unknown.select(genre_key=ibis.literal(UNKNOWN_NAME), genre_name=unknown.genre_name),
        DimGenre.table("gold.dim_genre"),
    )
    return spellings.group_by("genre_key").aggregate(genre_name=spellings.genre_name.min())


class GenreJunction(Contract):
    """One row per movie and genre."""

    movie_key: int = column("The movie.", key=True, references="gold.dim_movie")
    genre_key: str = column("The genre.", key=True, references="gold.dim_genre")
    uploaded_date: dt.Date = column("UTC day of the movie's latest upload: the partition.")


@movie_partitioned(contract=GenreJunction)
def genre_junction(silver_yts_movies: ir.Table) -> ir.Table:
    """Return the genres of movies."""
    pairs = genres_of(silver_yts_movies).rename(movie_key="movie_id")
    return pairs.select("movie_key", "genre_key", "uploaded_date").distinct()


class DimLanguage(Contract):
    """One row per language."""

    language_key: str = column(
        "ISO 639-1 code; 'unknown' if there is none.",
        key=True,
        str_length={"max_value": LONGEST_KEY},
    )
    language_name: str = column("English name of the language.")


@dimension(contract=DimLanguage)
def dim_language(silver_yts_movies: ir.Table) -> ir.Table:
    """Name the languages."""
    found = members(UNKNOWN_NAME, language_key(silver_yts_movies))
    return found.select(
        language_key=found.key, language_name=name_of(found.key).fill_null("Unknown")
    )


class DimRuntime(Contract):
    """One row per running time in minutes."""

    runtime_key: int = column("The minutes; -1 if they are unknown.", key=True)
    runtime_minutes: int = column("Running time in minutes.", nullable=True, ge=1)
    runtime_category: str = column(
        "Short below 40 minutes, Medium below 90, Feature below 120, Long below 180, else Epic.",
        isin=["Short", "Medium", "Feature", "Long", "Epic", "Unknown"],
    )


@dimension(contract=DimRuntime)
def dim_runtime(silver_yts_movies: ir.Table) -> ir.Table:
    """Sort running times into categories."""
    found = members(UNKNOWN, runtime_key(silver_yts_movies))
    minutes = found.key.nullif(UNKNOWN)
    return found.select(
        runtime_key=found.key,
        runtime_minutes=minutes,
        runtime_category=ibis.cases(
            (minutes.isnull(), "Unknown"),
            (minutes < 40, "Short"),  # noqa: PLR2004 (the column's description has the bounds)
            (minutes < 90, "Medium"),  # noqa: PLR2004
            (minutes < 120, "Feature"),  # noqa: PLR2004
            (minutes < 180, "Long"),  # noqa: PLR2004
            else_="Epic",
        ),
    )


class DimRating(Contract):
    """One row per rating, in steps of a tenth."""

    rating_key: int = column("Ten times the rating; -1 if it is unknown.", key=True)
    rating: float = column("IMDb rating, 0.1 to 10.", nullable=True, gt=0, le=10)
    rating_band: str = column(
        "Excellent from 8, Great from 7, Good from 6, else OK.",
        isin=["Excellent", "Great", "Good", "OK", "Unknown"],
    )


@dimension(contract=DimRating)
def dim_rating(silver_yts_movies: ir.Table) -> ir.Table:
    """Sort ratings into bands."""
    found = members(UNKNOWN, rating_key(silver_yts_movies))
    rating = found.key.nullif(UNKNOWN) / 10
    return found.select(
        rating_key=found.key,
        rating=rating,
        rating_band=rating_band(rating),
    )


class FactMovies(Contract):
    """One row per movie, at its latest upload."""

    movie_key: int = column("The movie.", key=True, references="gold.dim_movie")
    imdb_code: str = column("IMDb id, tt and digits.", nullable=True)
    date_key: int = column("Day of the upload.", references="gold.dim_date")
    language_key: str = column("Spoken language.", references="gold.dim_language")
    runtime_key: int = column("Running time.", references="gold.dim_runtime")
    rating_key: int = column("Rating.", references="gold.dim_rating")
    year_key: int = column("Year of release.", references="gold.dim_released_year")
    rating: float = column("IMDb rating, 0.1 to 10.", nullable=True)
    runtime_minutes: int = column("Running time in minutes.", nullable=True)
    genre_count: int = column("Number of genres; NULL if none are known.", nullable=True, ge=1)
    uploaded_at: Instant = column("Instant of the upload (UTC).")
    uploaded_date: dt.Date = column("UTC day of the upload: the partition.")


@movie_partitioned(contract=FactMovies)
def fact_movies(silver_yts_movies: ir.Table) -> ir.Table:
    """Return the measures of movies and the keys of their dimensions."""
    movies = silver_yts_movies
    return movies.select(
        movie_key=movies.movie_id,
        imdb_code=movies.imdb_code,
        date_key=date_key(movies.uploaded_date),
        language_key=language_key(movies),
        runtime_key=runtime_key(movies),
        rating_key=rating_key(movies),
        year_key=year_key(movies.year),
        rating=movies.rating,
        runtime_minutes=movies.runtime_minutes,
        genre_count=movies.genres.length(),
        uploaded_at=movies.uploaded_at,
        uploaded_date=movies.uploaded_date,
    )
