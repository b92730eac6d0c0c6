"""Query the newest published snapshot.

A snapshot is opened once, read-only, in a DuckDB session that can reach nothing else; every query
gets its own cursor, in a thread. Answers are cached as long as their snapshot is the newest. The
queries and their presentation belong in the pages.
"""

import asyncio
import logging
import re
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb

from movies_assets.warehouse.published import NothingPublishedError, Published
from movies_assets.warehouse.quoting import literal

LOG = logging.getLogger(__name__)

Row = dict[str, Any]

SCHEMAS = ("gold", "meta")
# The name of the attached snapshot, and the schema of tables prepared from it.
ATTACHED = "snapshot"
PREPARED = "prepared"
# Pages show aggregates: a query with more rows than this is a mistake.
MOST_ROWS = 10_000
# Concurrent queries; each of them uses DuckDB's threads.
WORKERS = 4
PARAMETER = re.compile(r"\$([a-z_]+)")


class OpenSnapshot:
    """One published snapshot, open for queries.

    Attributes:
        name: the file's name, which is unique among all snapshots.
        path: the file.
    """

    def __init__(
        self, path: Path, prepared: Mapping[str, str], config: Mapping[str, Any], answers: int
    ) -> None:
        """Open a snapshot.

        Args:
            path: the file; it is opened read-only.
            prepared: statements that create in-memory tables for quick answers (schema
                `prepared`), by the name of the table.
            config: DuckDB's configuration.
            answers: the most answers to cache; the least recently used one is dropped first.
        """
        self.name, self.path = path.name, path
        self._most_answers = answers
        self._answers: OrderedDict[Any, asyncio.Future[list[Row]]] = OrderedDict()
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="dashboard")
        # Never closed explicitly: it ends with its last cursor, so no query loses its snapshot.
        self._connection = duckdb.connect(":memory:", config=dict(config))
        self._connection.execute("SET TimeZone = 'UTC'")
        self._connection.execute(f"ATTACH {literal(str(path))} AS {ATTACHED} (READ_ONLY)")
        self._show_tables()
        self._connection.execute(f"CREATE SCHEMA {PREPARED}")
        for statement in prepared.values():
            self._connection.execute(statement)
        # From here on no query can read other files or change these settings.
        self._connection.execute("SET enable_external_access = false")
        self._connection.execute("SET lock_configuration = true")

    def _show_tables(self) -> None:
        """Create views, so that queries use the snapshot's own names: `gold.omdb_releases`."""
        for schema in SCHEMAS:
            self._connection.execute(f"CREATE SCHEMA {schema}")
        # Without parameters: for the first one DuckDB imports pandas, a fifth of a start.
        found = self._connection.execute(
            f"SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = "
            f"{literal(ATTACHED)} AND schema_name IN ({', '.join(map(literal, SCHEMAS))})"
        ).fetchall()
        for schema, table in found:
            view = f'{schema}."{table}"'
            self._connection.execute(f"CREATE VIEW {view} AS FROM {ATTACHED}.{view}")

    async def ask(self, query: str, /, **parameters: Any) -> list[Row]:
        """Return the rows of a query; run equal concurrent or repeated queries once.

        Args:
            query: SQL with named parameters: `$genre`.
            parameters: their values; those that the query does not name are ignored.
        """
        named = {name: parameters[name] for name in PARAMETER.findall(query)}
        question = (query, *sorted(named.items()))
        answer = self._answers.get(question)
        if answer is None:
            loop = asyncio.get_running_loop()
            answer = loop.run_in_executor(self._pool, self.rows, query, named)
            self._answers[question] = answer
            while len(self._answers) > self._most_answers:
                self._answers.popitem(last=False)
        else:
            self._answers.move_to_end(question)
        try:
            # A cancelled client must not cancel the query for the others that wait for it.
            return await asyncio.shield(answer)
        except duckdb.Error:
            self._answers.pop(question, None)
            raise

    def rows(self, query: str, parameters: Mapping[str, Any]) -> list[Row]:
        """Run a query.

        Raises:
            duckdb.Error: the query failed, or would return more rows than any page shows.
        """
        with self._connection.cursor() as cursor:
            found = cursor.execute(query, dict(parameters))
            names = [column[0] for column in found.description or ()]
            rows = found.fetchmany(MOST_ROWS + 1)
        if len(rows) > MOST_ROWS:
            raise duckdb.Error(f"a query of the dashboard returns more than {MOST_ROWS} rows")
        return [dict(zip(names, row, strict=True)) for row in rows]


class SnapshotReader:
    """The holder of the newest snapshot, opened."""

    def __init__(
        self,
        published: Published,
        prepared: Mapping[str, str],
        config: Mapping[str, Any],
        answers: int,
    ) -> None:
        """Keep the arguments with which every snapshot is opened; see `OpenSnapshot`."""
        self._published = published
        self._prepared, self._config, self._answers = prepared, config, answers
        self._newest: OpenSnapshot | None = None
        self._opening = asyncio.Lock()
        self._last_warning = ""

    @property
    def name(self) -> str | None:
        """Return the name of the newest snapshot at the last query; None if there was none."""
        return self._newest.name if self._newest else None

    async def snapshot(self) -> OpenSnapshot:
        """Return the newest snapshot, open for queries.

        Raises:
            NothingPublishedError: there is none.
            duckdb.Error: it cannot be opened, and no earlier one is open.
        """
        if found := self._known():
            return found
        async with self._opening:
            if found := self._known():
                return found
            try:
                self._newest = await asyncio.to_thread(self._open)
            except duckdb.Error as error:
                if self._newest is None:
                    raise
                self._warn_once(
                    f"the newest snapshot cannot be opened, the previous one is kept: {error}"
                )
            return self._newest

    def _warn_once(self, message: str) -> None:
        if message != self._last_warning:
            LOG.warning("%s", message)
        self._last_warning = message

    def _known(self) -> OpenSnapshot | None:
        """Return the newest snapshot if it is open. Reading the pointer takes 20 us."""
        try:
            current = self._published.current()
        except NothingPublishedError:
            self._newest = None  # erased data must no longer be shown
            raise
        return self._newest if self._newest and self._newest.name == current.name else None

    def _open(self) -> OpenSnapshot:
        try:
            return OpenSnapshot(
                self._published.current(), self._prepared, self._config, self._answers
            )
        except duckdb.IOException:
            # The file was replaced between reading the pointer and opening it.
            return OpenSnapshot(
                self._published.current(), self._prepared, self._config, self._answers
            )
