"""Choose the rows of a snapshot: of each table those of the warehouse, or those published before.

This module decides what blocks a table, and which other tables it then holds back.
`warehouse.snapshot` writes the snapshot.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb

from movies_assets.core.contract import Contract
from movies_assets.core.table import Table
from movies_assets.warehouse import audit_log
from movies_assets.warehouse.published import CONFIRM_EMPTY
from movies_assets.warehouse.schema import all_stored_types
from movies_assets.warehouse.snapshot import UNFIT, Obstacle, schema_mismatches
from movies_assets.warehouse.sql import number

SHOWN = 10
NOT_AUDITED = (
    "A write that is not audited has not passed its blocking checks yet: fix what made "
    "them red and materialize these partitions again, or execute the table's checks, where a run "
    "ended before them. What cannot be fixed can be accepted (docs/how-to/red-check.md)."
)
NEVER_WRITTEN = (
    "A table that was never written in {path} was lost, or is in another warehouse: check "
    "MOVIES_DATA_DIR and MOVIES_WAREHOUSE__PATH, or run its source again. "
)
# A rebuilt warehouse may have somewhat fewer rows: sources lose titles, and old dumps are gone.
LEAST_SHARE = 0.5
SHRUNK = (
    "After a warehouse was lost, one run brings back its own days only: run the source for all its "
    "days (docs/how-to/rebuild-the-warehouse.md). "
)
CHANGED = (
    "Rows that were published before can only be kept while the contract has the same columns: "
    "fix the other obstacles first."
)


@dataclass(frozen=True)
class Before:
    """The snapshot that readers have; without tables where there is none.

    Attributes:
        tables: the state of each table with rows of a source, as `meta.tables_before` returns it.
        types: columns and types of each of its tables.
    """

    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    types: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Selection:
    """The part of a warehouse's state that decides which tables are published.

    Attributes:
        tables: all tables, by name.
        public: the tables that are published.
        stored: the tables that were ever written.
        obstacles: why tables may not be published.
        refused: why nothing may be published at all.
        strict: whether any obstacle is a reason to publish nothing.
    """

    tables: Mapping[str, Table]
    public: Collection[str]
    stored: Collection[str]
    obstacles: Sequence[Obstacle] = ()
    refused: Sequence[Obstacle] = ()
    strict: bool = False

    @cached_property
    def held(self) -> dict[str, Obstacle]:
        """Return the published tables that are held back, each with the first reason.

        Of a source that was never run there is nothing to hold back.
        """
        found: dict[str, Obstacle] = {}
        for obstacle in self.obstacles:
            for name in held_with(self.tables, obstacle.table):
                if name in self.public and name in self.stored:
                    found.setdefault(name, obstacle)
        return found

    @property
    def is_refused(self) -> bool:
        """Return whether nothing is published: no table would have newer rows, or it is refused."""
        newer = {
            name
            for name in self.public
            # Conformed dimensions are of use with facts only.
            if name in self.stored and name not in self.held and not self.tables[name].is_conformed
        }
        return bool(self.refused or (self.obstacles and (self.strict or not newer)))

    @property
    def blocked(self) -> bool:
        """Return whether anything is held back."""
        return bool(self.refused or self.obstacles)

    def without(self, more: Sequence[Obstacle]) -> "Selection":
        """Return the selection with further obstacles; refused where their tables are held back."""
        if any(obstacle.table in self.held for obstacle in more):
            return replace(self, refused=[*self.refused, *more])
        return replace(self, obstacles=[*self.obstacles, *more])

    @property
    def reason(self) -> str:
        """Return why tables are held back, or all of them, and what to do."""
        found = [*self.refused, *self.obstacles]
        others = len(found) - SHOWN
        more = f"; and {others} more" if others > 0 else ""
        remedies = " ".join(dict.fromkeys(obstacle.remedy for obstacle in found))
        return (
            f"{self._outcome} Blocked by: {'; '.join(map(str, found[:SHOWN]))}{more}. {remedies} "
            "Then run the job `publish`."
        )

    @property
    def _outcome(self) -> str:
        if self.is_refused:
            return "Nothing was published; readers keep the snapshot before."
        groups = sorted({self.tables[name].group for name in self.held})
        return (
            f"Published, but {len(self.held)} tables of {', '.join(groups)} keep the rows that "
            "were published before (their age: taken_at in meta.tables)."
        )


def held_with(tables: Mapping[str, Table], name: str) -> set[str]:
    """Return the tables that may not be published newer than a table that is held back.

    They are all that share a table with it: a table has to fit to those it reads or points at.
    Tables that merely come after others, as the profiles of all tables do, hold back none. A fact
    does not hold back the conformed dimensions that it points at, nor a table of one source those
    of another source that it reads.

    Args:
        tables: all tables, by name.
        name: the table.
    """
    near: dict[str, set[str]] = {each: set() for each in tables}
    for each, table in tables.items():
        for other in {*table.reads().values(), *table.contract.references().values()} & near.keys():
            near[other].add(each)
            # A conformed dimension keeps its rows: an older fact fits to a newer one. So do links
            # between sources to newer titles of one of them.
            if not tables[other].is_conformed and tables[other].group == table.group:
                near[each].add(other)
        for other in table.upstream() & near.keys():
            near[other].add(each)
    held, reached = {name}, {name}
    while reached:
        reached = set[str]().union(*(near[each] for each in reached)) - held
        held |= reached
    return held


def select(
    connection: duckdb.DuckDBPyConnection,
    tables: Mapping[str, Table],
    public: Mapping[str, type[Contract]],
    before: Before,
    *,
    strict: bool,
    confirmed: bool = False,
) -> Selection:
    """Find out which tables of a warehouse may be published.

    Args:
        connection: a session to which the warehouse is attached.
        tables: all tables, by name.
        public: the contracts of those that are published.
        before: the snapshot that readers have.
        strict: whether any obstacle is a reason to publish nothing.
        confirmed: whether a person has confirmed that the warehouse has all rows there are.
    """
    stored = all_stored_types(connection)
    # Of all tables, also those that are not published: a gold table that reads all days of silver
    # carries the rows of a day that failed there.
    obstacles = [
        *(
            Obstacle(write.table, f"{write}: not audited", NOT_AUDITED)
            for write in audit_log.unaudited(connection, tables)
        ),
        *(
            Obstacle(name, f"{name}: differs from its contract", UNFIT)
            for name in schema_mismatches(stored, public)
        ),
        *([] if confirmed else _shrunk(connection, tables, public.keys() & stored.keys(), before)),
    ]
    found = Selection(tables, public, stored, obstacles, strict=strict)
    changed = schema_mismatches(before.types, {name: public[name] for name in found.held})
    refused = [
        *_never_written(found, before, _file(connection)),
        *(
            Obstacle(name, f"{name}: published before with other columns", CHANGED)
            for name in changed
        ),
    ]
    return replace(found, refused=refused)


def _never_written(found: Selection, before: Before, path: Path) -> list[Obstacle]:
    """Return the tables that would be emptied, because this warehouse never had their rows."""
    remedy = NEVER_WRITTEN.format(path=path) + CONFIRM_EMPTY
    if not any(name in found.stored for name in found.tables):
        return [Obstacle("", "no table was ever written in this warehouse", remedy)]
    return [
        Obstacle(name, f"{name}: never written, and {rows:,} rows were published before", remedy)
        for name in found.public
        if name not in found.stored and (rows := before.tables.get(name, {}).get("rows"))
    ]


def _shrunk(
    connection: duckdb.DuckDBPyConnection,
    tables: Mapping[str, Table],
    names: Collection[str],
    before: Before,
) -> list[Obstacle]:
    """Return the tables that have lost most of their rows together with an earlier warehouse.

    And the conformed dimensions that these point at, where they have lost any: rows that were
    published before would point at none.
    """
    began = audit_log.begun(connection)
    fewer: dict[str, tuple[int, int]] = {}
    for name in names:
        state = before.tables.get(name)
        if began and state and state["taken_at"] < began:
            rows = number(connection, f"SELECT count(*) FROM {name}")
            if rows < state["rows"]:
                fewer[name] = rows, state["rows"]
    shrunk = {
        name
        for name, (rows, published) in fewer.items()
        # A new warehouse has no earlier profiles, and conformed dimensions follow their facts.
        if rows < LEAST_SHARE * published and tables[name].reads()
    }
    pointed_at = {other for name in shrunk for other in tables[name].contract.references().values()}
    shrunk |= {name for name in pointed_at & fewer.keys() if tables[name].is_conformed}
    return [
        Obstacle(
            name,
            f"{name}: {fewer[name][0]:,} rows, and {fewer[name][1]:,} were published before, of a "
            "warehouse that is gone",
            SHRUNK + CONFIRM_EMPTY,
        )
        for name in sorted(shrunk)
    ]


def _file(connection: duckdb.DuckDBPyConnection) -> Path:
    ((path,),) = connection.execute(
        "SELECT path FROM duckdb_databases() WHERE database_name = current_database()"
    ).fetchall()
    return Path(path)
