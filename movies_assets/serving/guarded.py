"""Let others ask the newest snapshot in SQL: one reader for the page SQL, the API and assistants.

A query from outside runs in a process of its own, `guarded_process`, which opens the snapshot
without its tables of single users, and reaches no file. It can hold up or end itself, and nothing
else: this module starts it, bounds how many there are, and says in a sentence why one failed.
"""

import asyncio
import json
import logging
import os
import re
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from movies_assets.serving.guarded_process import BESIDES_BYTES
from movies_assets.serving.sql_rules import RefusedError
from movies_assets.settings import PROJECT_ROOT, DashboardSettings, bytes_of
from movies_assets.warehouse.published import Published

__all__ = ["Answer", "BusyError", "GuardedReader", "QueryError", "RefusedError"]

LOG = logging.getLogger(__name__)

Kind = Literal["json", "csv", "arrow"]

MODULE = "movies_assets.serving.guarded_process"
# The process gets no setting, no secret and no proxy.
ENVIRONMENT = {
    "PYTHONPATH": str(PROJECT_ROOT),
    "LANG": "C.UTF-8",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
}
# The random name of the attached snapshot, where DuckDB suggests a name.
ALIAS = re.compile(r"snapshot_[0-9a-f]{32}\.?")
LONGEST_ERROR = 2_000


class QueryError(Exception):
    """A query failed. The message explains why, and may have several lines."""


class BusyError(QueryError):
    """The maximum number of queries is running."""


@dataclass(frozen=True)
class Answer:
    """The answer to a query.

    Attributes:
        content: its rows in the requested format.
        columns: its columns, each with `name` and `type`.
        rows: how many rows are in the content.
        cut: `rows` or `bytes`, the limit at which they end; None: they are all rows.
        seconds: how long the query took.
    """

    content: bytes
    columns: list[dict[str, str]]
    rows: int
    cut: Literal["rows", "bytes"] | None
    seconds: float

    def as_json(self) -> bytes:
        """Return an answer whose content is JSON as one JSON object, with what is known of it."""
        about = {
            "columns": self.columns,
            "row_count": self.rows,
            "truncated": self.cut,
            "seconds": self.seconds,
        }
        head = json.dumps(about, ensure_ascii=False)[:-1]
        return f'{head}, "rows": '.encode() + self.content + b"}\n"


class GuardedReader:
    """A reader for queries from outside.

    A cancelled call ends its process.
    """

    def __init__(self, published: Published, limits: DashboardSettings) -> None:
        """Set the snapshots, and the limits of each query."""
        self._published, self.limits = published, limits
        self._running = 0

    async def query(self, sql: str, kind: Kind = "json", rows: int | None = None) -> Answer:
        """Run a query on the newest snapshot.

        Args:
            sql: one SELECT of tables that `tables` lists.
            kind: the format of the content: a JSON list of lists, CSV with a line of names, or a
                stream of Arrow's IPC.
            rows: the most rows, if fewer than the limit of the settings.

        Raises:
            RefusedError: it is not a query that may run.
            BusyError: too many are running.
            QueryError: it failed, or exceeded a limit.
            NothingPublishedError: there is no snapshot.
        """
        most = min(rows or self.limits.sql_rows, self.limits.sql_rows)
        head, content = await self._ask({"sql": sql, "kind": kind, "rows": most})
        return Answer(content, **head)

    async def tables(self) -> list[dict[str, Any]]:
        """Return all tables that queries may read: name, description, rows, columns, age.

        Raises:
            BusyError: too many queries are running.
            QueryError: it failed.
            NothingPublishedError: there is no snapshot.
        """
        _, content = await self._ask({})
        return list(json.loads(content))

    async def table(self, name: str) -> dict[str, Any]:
        """Return a table with its columns and some rows.

        Raises:
            RefusedError: there is none of this name.
            BusyError: too many queries are running.
            QueryError: it failed.
            NothingPublishedError: there is no snapshot.
        """
        _, content = await self._ask({"table": name})
        return dict(json.loads(content))

    async def _ask(self, asked: Mapping[str, Any]) -> tuple[dict[str, Any], bytes]:
        """Let a process answer; return the head and the content of its answer."""
        if self._running >= self.limits.sql_queries:
            raise BusyError(
                f"{self.limits.sql_queries} queries are running, the maximum. Try again in a few "
                "seconds."
            )
        self._running += 1
        try:
            head, content = await self._answer(asked)
            if "unopened" in head:  # it may have been replaced after its name was read
                head, content = await self._answer(asked)
        finally:
            self._running -= 1
        if unopened := head.get("unopened"):
            LOG.warning("the newest snapshot cannot be opened: %s", unopened)
            raise QueryError("The newest snapshot cannot be opened. See the log.")
        if refused := head.get("refused"):
            raise RefusedError(refused)
        if head.get("memory"):
            raise QueryError(self._too_large())
        if failed := head.get("failed"):
            raise QueryError(readable(failed))
        return head, content

    async def _answer(self, asked: Mapping[str, Any]) -> tuple[dict[str, Any], bytes]:
        code, output, errors = await _run(self._request(asked, self._published.current()))
        if code:
            raise QueryError(self._ending(code, errors))
        line, _, content = output.partition(b"\n")
        return json.loads(line), content

    def _request(self, asked: Mapping[str, Any], snapshot: Path) -> bytes:
        limits = self.limits
        request = {
            "snapshot": str(snapshot),
            "seconds": limits.sql_seconds,
            "rows": limits.sql_rows,
            "bytes": limits.sql_bytes,
            "memory": limits.sql_memory,
            "memory_bytes": bytes_of(limits.sql_memory),
            "threads": limits.threads,
            "defuses": limits.defuse_csv,
        }
        return json.dumps({**request, **asked}).encode()

    def _ending(self, code: int, errors: bytes) -> str:
        """Explain why a process ended without an answer."""
        if code == -signal.SIGALRM:
            return (
                f"The query took longer than {self.limits.sql_seconds:g} s, and was ended "
                "(MOVIES_DASHBOARD__SQL_SECONDS)."
            )
        if code in {-signal.SIGABRT, -signal.SIGKILL, -signal.SIGSEGV} or b"Memory" in errors:
            return self._too_large()
        LOG.warning("a query's process ended with %d: %s", code, errors.decode(errors="replace"))
        return "The query ended without an answer. See the log."

    def _too_large(self) -> str:
        most = bytes_of(self.limits.sql_memory) + BESIDES_BYTES
        return (
            f"The query needed more memory than it may have (MOVIES_DASHBOARD__SQL_MEMORY="
            f"{self.limits.sql_memory}, {most // 1_000_000} MB with all)."
        )


async def _run(request: bytes) -> tuple[int, bytes, bytes]:
    """Let a new process answer a request; return its exit code, output and errors."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        MODULE,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=ENVIRONMENT,
        cwd=os.sep,
    )
    try:
        output, errors = await process.communicate(request)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, output, errors


def readable(error: str) -> str:
    """Return DuckDB's message without its class and without names of the session."""
    text = ALIAS.sub("", error).strip()
    text = re.sub(r"^[A-Z][A-Za-z ]* Error: ", "", text)
    return text[:LONGEST_ERROR]
