"""A database whose silver tables of sources a test fills, and the tables of links made of them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import duckdb

from movies_assets.core.check import CheckContext, Finding
from movies_assets.core.outcome import broken_rules
from movies_assets.definitions import TABLES
from movies_assets.warehouse import incremental
from movies_assets.warehouse.changes import record_change
from movies_assets.warehouse.queries import Queries
from movies_assets.warehouse.schema import ensure_table
from movies_assets.warehouse.sql import compile_sql

INPUTS = (
    "silver.imdb_titles",
    "silver.imdb_akas",
    "silver.imdb_credits",
    "silver.imdb_people",
    "silver.yts_movies",
    "silver.omdb_releases",
    "silver.netflix_titles",
    "silver.netflix_cast",
    "silver.netflix_directors",
    "silver.ott_titles",
    "bronze.title_overrides",
    "bronze.title_labels",
)
SILVER = (
    "silver.linkable_titles",
    "silver.title_names",
    "silver.source_titles",
    "silver.title_candidates",
)
GOLD = (
    "gold.title_id_alias",
    "gold.title_links",
    "gold.dim_title",
    "gold.title_link_review",
    "gold.title_key_history",
    "gold.title_ratings",
    "gold.title_availability",
    "gold.title_trends",
    "gold.title_link_evaluation",
)
MADE = (*SILVER, *GOLD)
REFRESHED = tuple(name for name in MADE if TABLES[name].incremental)
DAY, DUMP = "2025-10-30", "2025-10-29"


@cache
def sql_of(name: str) -> str:
    """Return the query of a table."""
    table = TABLES[name]
    return compile_sql(
        table(**{key: TABLES[n].contract.table(n) for key, n in table.reads().items()})
    )


@cache
def broken_sql(name: str) -> str:
    """Return the query of the rules that rows of a table break."""
    rows = TABLES[name].contract.table(name)
    return compile_sql(rows.select(names=broken_rules(rows, TABLES[name].contract)))


class Lab:
    """The tables, and what a test puts into them."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        connection.execute("SET TimeZone = 'UTC'")
        for name in INPUTS:
            ensure_table(connection, name, TABLES[name].contract)
        self.people = 0

    def put(self, name: str, **values: Any) -> None:
        marks = ", ".join("?" for _ in values)
        statement = f"INSERT INTO {name} ({', '.join(values)}) VALUES ({marks})"
        self.connection.execute(statement, list(values.values()))

    def imdb(
        self,
        tconst: str,
        title: str,
        year: int | None = 2000,
        minutes: int | None = 100,
        **more: Any,
    ) -> None:
        """List a movie at IMDb; `more` says what else it is."""
        rest = {"title_type": "movie", "original_title": title, "votes": 50, "run_date": DUMP}
        known = {"primary_title": title, "start_year": year, "runtime_minutes": minutes}
        self.put("silver.imdb_titles", tconst=tconst, **{**known, **rest, **more})

    def aka(self, tconst: str, title: str) -> None:
        self.put("silver.imdb_akas", tconst=tconst, title=title)

    def credit(self, tconst: str, category: str, *names: str) -> None:
        for name in names:
            self.people += 1
            nconst = f"nm{self.people:07}"
            self.put("silver.imdb_people", nconst=nconst, primary_name=name)
            self.put("silver.imdb_credits", tconst=tconst, nconst=nconst, category=category)

    def yts(
        self, key: int, title: str | None, year: int | None = 2000, minutes: int | None = 100,
        stated: str | None = None, **more: Any,
    ) -> None:  # fmt: skip
        """List a movie of YTS; `stated` is the id at IMDb that it states."""
        known = {"title": title, "year": year, "runtime_minutes": minutes, "imdb_code": stated}
        self.put("silver.yts_movies", movie_id=key, **{**known, "uploaded_date": DAY, **more})

    def omdb(self, key: str, title: str, year: int = 2000, kind: str = "movie") -> None:
        known = {"movie_title": title, "release_year": year, "media_type": kind}
        self.put("silver.omdb_releases", imdb_id=key, ingested_at=f"{DAY} 12:00:00+00", **known)

    def netflix(
        self,
        key: str,
        title: str | None,
        year: int | None = 2000,
        minutes: int | None = 100,
        *,
        cast: Sequence[str] = (),
        directors: Sequence[str] = (),
        **more: Any,
    ) -> None:
        known = {"title": title, "release_year": year, "duration_minutes": minutes}
        rest = {"type": "Movie", "arrived_date": DAY}
        self.put("silver.netflix_titles", show_id=key, **{**known, **rest, **more})
        for lookup, names in (("cast", cast), ("directors", directors)):
            for name in names:
                self.put(f"silver.netflix_{lookup}", show_id=key, value=name, is_newest=True)

    def ott(
        self, key: str, title: str, year: int | None = 2000, minutes: int | None = 100, **more: Any
    ) -> None:
        known = {"title": title, "release_year": year, "runtime_minutes": minutes}
        self.put("silver.ott_titles", title_key=key, **{**known, "arrived_date": DAY, **more})

    def decide(self, source: str, source_id: str, tconst: str, decision: str) -> None:
        key = {"source": source, "source_id": source_id, "tconst": tconst}
        self.put("bronze.title_overrides", **key, decision=decision, decided_by="Ada", reason="-")

    def label(self, source: str, source_id: str, tconst: str | None, day: str = DAY) -> None:
        key = {"source": source, "source_id": source_id, "tconst": tconst}
        self.put("bronze.title_labels", **key, labelled_date=day)

    def make(self, *names: str) -> "Lab":
        """Make the tables of links that are named, in order, or all of them."""
        for name in names or MADE:
            self.connection.execute(f"DROP TABLE IF EXISTS {name}")
            ensure_table(self.connection, name, TABLES[name].contract)
            self.connection.execute(f"INSERT INTO {name} BY NAME {sql_of(name)}")
        return self

    def refresh(self, *names: str, code: str = "1") -> dict[str, int | None]:
        """Bring the tables that are named, or all, up to date as a run does.

        Returns:
            How many rows of each were changed; None where all were computed and replaced.
        """
        written = {}
        for name in names or REFRESHED:
            table, query = TABLES[name], sql_of(name)
            ensure_table(self.connection, name, table.contract)
            if incremental.unchanged(self.connection, table, code):
                written[name] = 0
                continue
            loaded = incremental.update(self.connection, table, code, query, TABLES)
            written[name] = loaded.written if loaded else None
            if not loaded:
                self.connection.execute(f"DELETE FROM {name}")
                self.connection.execute(f"INSERT INTO {name} BY NAME {query}")
            if written[name] != 0:
                record_change(self.connection, name)
            incremental.record(self.connection, table, code, query)
        return written

    def rows(self, name: str, *columns: str, where: str = "true") -> list[Any]:
        query = f"SELECT {', '.join(columns) or '*'} FROM {name} WHERE {where} ORDER BY ALL"
        found = self.connection.execute(query).fetchall()
        return [row for (row,) in found] if len(columns) == 1 else found

    def one(self, name: str, *columns: str, where: str = "true") -> Any:
        (found,) = self.rows(name, *columns, where=where)
        return found

    def link(self, source: str, source_id: str, *columns: str) -> Any:
        where = f"source = '{source}' AND source_id = '{source_id}'"
        return self.one("gold.title_links", *(columns or ("method", "tconst")), where=where)

    def broken(self) -> dict[str, set[str]]:
        """Return the rules of the contracts that rows break, and duplicate keys."""
        found = {}
        for name in MADE:
            rows = self.connection.execute(broken_sql(name)).fetchall()
            faults = {fault for (names,) in rows for fault in names.split("; ")} - {""}
            key = ", ".join(TABLES[name].contract.key())
            if self.connection.execute(
                f"FROM {name} SELECT {key} GROUP BY ALL HAVING count(*) > 1"
            ).fetchall():
                faults.add("duplicate keys")
            found[name] = faults
        return {name: faults for name, faults in found.items() if faults}

    def check(self, table: str, name: str) -> Finding:
        """Evaluate a check of a table as it is stored."""
        (check,) = [check for check in TABLES[table].checks if check.name == name]
        return check.evaluate(CheckContext(TABLES[table], None, Queries(self.connection)))


@contextmanager
def lab() -> Iterator[Lab]:
    with duckdb.connect(config={"threads": 1}) as connection:
        yield Lab(connection)
