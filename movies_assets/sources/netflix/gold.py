"""Build the Netflix star: titles, their people, categories and countries, and their measures.

Every table is a full refresh from silver. Values of silver's look-ups for titles that are not
listed are reported there and left out of the junctions.
"""

from collections.abc import Callable
from functools import partial

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from movies_assets.core.contract import Contract, column
from movies_assets.core.table import Table, table
from movies_assets.core.write_mode import OVERWRITE
from movies_assets.sources.shared.dimensions import (
    LONGEST_KEY,
    UNKNOWN_LABEL,
    UNKNOWN_NAME,
    bounded,
    date_key,
    slug,
    year_key,
)

full_refresh = partial(table, layer="gold", group="netflix", write_mode=OVERWRITE)


def person_key(name: ir.StringColumn) -> ir.StringColumn:
    """Return the key of a person, whose name silver has normalised."""
    return bounded(name.lower())


def slug_key(name: ir.StringColumn) -> ir.StringColumn:
    """Return a name as a slug; a name without Latin letters is its own key."""
    return bounded(ibis.coalesce(slug(name).nullif(""), name.lower()))


def named(prefix: str, key_of: Callable[..., ir.StringColumn], *lookups: ir.Table) -> ir.Table:
    """Return a dimension of the look-ups' values, with the unknown member.

    A member is named by the first of its spellings in alphabetical order.

    Args:
        prefix: the prefix of its columns: `<prefix>_key` and `<prefix>_name`.
        key_of: makes a key of a value.
        lookups: silver's look-ups.
    """
    found = [rows.select(key=key_of(rows.value), name=rows.value) for rows in lookups]
    unknown = ibis.array([UNKNOWN_LABEL]).unnest().name("name").as_table()
    unknown = unknown.select(key=ibis.literal(UNKNOWN_NAME), name=unknown.name)
    spellings = ibis.union(*found, unknown)
    is_unknown = spellings.key == UNKNOWN_NAME
    spellings = spellings.mutate(name=ibis.ifelse(is_unknown, UNKNOWN_LABEL, spellings.name))
    members = spellings.group_by("key").aggregate(name=spellings.name.min())
    return members.rename({f"{prefix}_key": "key", f"{prefix}_name": "name"})


def junction(
    name: str, lookup: str, contract: type[Contract], key_of: Callable[..., ir.StringColumn]
) -> Table:
    """Describe the junction of titles and the values of a look-up.

    Args:
        name: its name.
        lookup: the silver table of the look-up.
        contract: the contract, whose second column is the key of the value.
        key_of: returns the key of a value, as in the dimension.
    """
    _, key = contract.key()

    @full_refresh(
        name=name,
        contract=contract,
        inputs={"values": lookup, "titles": "silver.netflix_titles"},
    )
    def pairs(values: ir.Table, titles: ir.Table) -> ir.Table:
        listed = values.inner_join(titles.select("show_id"), "show_id")
        return listed.select(show_key=listed.show_id, **{key: key_of(listed.value)}).distinct()

    return pairs


class NetflixDimTitle(Contract):
    """One row per title, with its attributes."""

    show_key: str = column(
        "The publisher's id of the title: digits for Netflix, s and digits for Kaggle 2021, tm or "
        "ts and digits for JustWatch.",
        key=True,
        str_length={"max_value": LONGEST_KEY},
    )
    type: str = column("Movie or TV Show.")
    type_flag: int = column(
        "The type as a number: 1 a movie, 2 a TV show, 0 anything else.", ge=0, le=2
    )
    title: str = column("Title in full.", nullable=True)
    short_title: str = column("The title before its first colon.", nullable=True)
    rating: str = column("Rating in full, such as PG-13.", nullable=True)
    rating_group: str = column("The rating before its first hyphen.", nullable=True)
    description: str = column("Description.", nullable=True, compression="zstd")
    date_added: dt.Date = column("Day on which it was added to the catalogue.", nullable=True)
    release_year: int = column("Year of release.", nullable=True)


@full_refresh(contract=NetflixDimTitle)
def netflix_dim_title(silver_netflix_titles: ir.Table) -> ir.Table:
    """Describe the titles."""
    titles = silver_netflix_titles.rename(show_key="show_id")
    return titles.select(*NetflixDimTitle.types())


class NetflixDimPerson(Contract):
    """One row per person in the cast or direction of a title; people of the same name are one."""

    person_key: str = column(
        "The name in lower case; 'unknown' where no person is known.",
        key=True,
        str_length={"max_value": LONGEST_KEY},
    )
    person_name: str = column("Name of the person, in one of its spellings.")


@full_refresh(contract=NetflixDimPerson)
def netflix_dim_person(
    silver_netflix_cast: ir.Table, silver_netflix_directors: ir.Table
) -> ir.Table:
    """Name the people."""
    return named("person", person_key, silver_netflix_cast, silver_netflix_directors)


class NetflixDimCategory(Contract):
    """One row per category."""

    category_key: str = column(
        "The category's name as a slug; 'unknown' for none.",
        key=True,
        str_length={"max_value": LONGEST_KEY},
    )
    category_name: str = column("Name of the category.")


@full_refresh(contract=NetflixDimCategory)
def netflix_dim_category(silver_netflix_category: ir.Table) -> ir.Table:
    """Name the categories."""
    return named("category", slug_key, silver_netflix_category)


class NetflixDimCountry(Contract):
    """One row per country of production."""

    country_key: str = column(
        "The country's name as a slug; 'unknown' for none.",
        key=True,
        str_length={"max_value": LONGEST_KEY},
    )
    country_name: str = column("English name of the country, which may be a former one.")


@full_refresh(contract=NetflixDimCountry)
def netflix_dim_country(silver_netflix_countries: ir.Table) -> ir.Table:
    """Name the countries."""
    return named("country", slug_key, silver_netflix_countries)


class NetflixTitleCast(Contract):
    """One row per title and member of its cast."""

    show_key: str = column("The title.", key=True, references="gold.netflix_dim_title")
    person_key: str = column("The cast member.", key=True, references="gold.netflix_dim_person")


class NetflixTitleDirector(Contract):
    """One row per title and director."""

    show_key: str = column("The title.", key=True, references="gold.netflix_dim_title")
    person_key: str = column("The director.", key=True, references="gold.netflix_dim_person")


class NetflixTitleCategory(Contract):
    """One row per title and category."""

    show_key: str = column("The title.", key=True, references="gold.netflix_dim_title")
    category_key: str = column("The category.", key=True, references="gold.netflix_dim_category")


class NetflixTitleCountry(Contract):
    """One row per title and country of production."""

    show_key: str = column("The title.", key=True, references="gold.netflix_dim_title")
    country_key: str = column("The country.", key=True, references="gold.netflix_dim_country")


netflix_title_cast = junction(
    "netflix_title_cast", "silver.netflix_cast", NetflixTitleCast, person_key
)
netflix_title_director = junction(
    "netflix_title_director", "silver.netflix_directors", NetflixTitleDirector, person_key
)
netflix_title_category = junction(
    "netflix_title_category", "silver.netflix_category", NetflixTitleCategory, slug_key
)
netflix_title_country = junction(
    "netflix_title_country", "silver.netflix_countries", NetflixTitleCountry, slug_key
)


class NetflixFactTitles(Contract):
    """One row per title, with its measures."""

    show_key: str = column("The title.", key=True, references="gold.netflix_dim_title")
    added_date_key: int = column(
        "Day on which it was added; -1 if it is unknown.", references="gold.dim_date"
    )
    year_key: int = column(
        "Year of release; -1 if it is unknown.", references="gold.dim_released_year"
    )
    type_flag: int = column(
        "The type as a number: 1 a movie, 2 a TV show, 0 anything else.", ge=0, le=2
    )
    rating: str = column("Rating in full, such as PG-13.", nullable=True)
    duration_minutes: int = column(
        "Running time of a movie in minutes; NULL if it is unknown.", nullable=True, ge=1
    )
    duration_seasons: int = column(
        "Number of seasons of a show; NULL if it is unknown.", nullable=True, ge=1
    )
    duration_rank: int = column(
        "Dense rank of the running time in minutes, 1 the longest; NULL if that is unknown.",
        nullable=True,
        ge=1,
    )


@full_refresh(contract=NetflixFactTitles)
def netflix_fact_titles(silver_netflix_titles: ir.Table) -> ir.Table:
    """Return the measures of titles and the keys of their dimensions."""
    titles = silver_netflix_titles
    return titles.select(
        show_key=titles.show_id,
        added_date_key=date_key(titles.date_added),
        year_key=year_key(titles.release_year),
        type_flag=titles.type_flag,
        rating=titles.rating,
        duration_minutes=titles.duration_minutes,
        duration_seasons=titles.duration_seasons,
        duration_rank=titles.duration_rank,
    )
