"""Dagster's instance as dagster.yaml names it: opened safely, and runs that name their process.

`instance_class` of dagster.yaml names `Instance`. Every process of Dagster passes it before it
stores anything: commands, UI, daemon, code server and runs. Dagster exports neither the reference
to an instance nor its SQLite storage, so both come from private modules (see `dagster_storage`).
"""

import os
import sqlite3
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import dagster as dg
from alembic.script import ScriptDirectory
from filelock import FileLock

from movies_assets.orchestration import abandoned, event_log, interruption
from movies_assets.orchestration.dagster_internals import (
    RegisteredCodeLocationOrigin,
    RemoteRepositoryOrigin,
)
from movies_assets.orchestration.dagster_storage import (
    ConfigurableClassData,
    DagsterSqliteStorage,
    InstanceRef,
)
from movies_assets.orchestration.permissions import keep_private
from movies_assets.orchestration.processes import TAG, process
from movies_assets.settings import SettingsError, load

LOCK = ".instance.lock"
# As workspace.yaml names the code location; `__repository__` is Dagster's name for definitions.
ORIGIN = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("movies_assets"), "__repository__")
DATABASES = ("history/runs.db", "history/runs/index.db", "schedules/schedules.db")


class Instance(dg.DagsterInstance):
    """Tags each run with the process that works on it: the one that creates, starts or runs it.

    Before it creates a run it marks those whose process is gone, so that commands need no daemon.
    """

    @classmethod
    def config_schema(cls) -> Mapping[str, Any]:
        """Return the fields that dagster.yaml may have in addition to Dagster's own: none."""
        return {}

    @classmethod
    def config_defaults(cls, base_dir: str) -> Mapping[str, ConfigurableClassData | None]:
        """Return Dagster's defaults, with our storage in place of its SQLite storage."""
        # Nothing is stored before; children, such as UI and daemon of `dagster dev`, inherit both.
        os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", str(event_log.BATCH_SIZE))
        with suppress(SettingsError):  # the definitions report the wrong setting
            keep_private(load())
        defaults = InstanceRef.config_defaults(base_dir)
        theirs = defaults["storage"]
        assert theirs is not None  # noqa: S101 (SQLite below base_dir)
        ours = ConfigurableClassData(__name__, SqliteStorage.__name__, theirs.config_yaml)
        return {**defaults, "storage": ours}

    def create_run(self, **given: Any) -> dg.DagsterRun:
        """Create a run for another process to execute."""
        return super().create_run(**self._named(given, "tags"))

    def create_run_for_job(
        self, job_def: dg.JobDefinition, *args: Any, **given: Any
    ) -> dg.DagsterRun:
        """Create a run that this process executes.

        `dagster job execute` does not record the code location of its job, so the UI would show
        the run in neither Timeline nor Jobs, and would not offer to re-execute it.
        """
        if interruption.executes_a_job(sys.argv):
            given = {"remote_job_origin": ORIGIN.get_job_origin(job_def.name), **given}
        return super().create_run_for_job(job_def, *args, **self._named(given, "tags"))

    def create_reexecuted_run(self, **given: Any) -> dg.DagsterRun:
        """Create a run that repeats another one, whose tags it may take over."""
        return super().create_reexecuted_run(**self._named(given, "extra_tags"))

    def _named(self, given: dict[str, Any], tags: str) -> dict[str, Any]:
        abandoned.sweep(self)
        return {**given, tags: {**(given.get(tags) or {}), TAG: process()}}

    def handle_new_event(self, event: dg.EventLogEntry, **given: Any) -> None:
        """Store an event; one that hands a run over to this process names it first."""
        with interruption.storing:
            if _takes_over(event):
                self.add_run_tags(event.run_id, {TAG: process()})
            super().handle_new_event(event, **given)


def _takes_over(event: dg.EventLogEntry) -> bool:
    """Return whether this process starts an event's run from the queue, or begins to execute it."""
    happened = event.dagster_event
    if happened is None or event.step_key:
        return False
    if happened.event_type == dg.DagsterEventType.RUN_STARTING:
        return True
    # A process that executes a run reports that before it loads the definitions.
    pid = happened.engine_event_data.metadata.get("pid") if happened.is_engine_event else None
    return pid is not None and pid.value == str(os.getpid())


class SqliteStorage(DagsterSqliteStorage):
    """Dagster's storage on SQLite, made by one process at a time, with events in batches.

    Two processes that make it at once leave two versions of its schema (`more than one head`), and
    Dagster does not open it any more; such a storage is repaired.
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(base_dir, inst_data)
        if event_log.is_tested():
            folder = Path(self._event_log_storage.path_for_shard("index")).parent
            self._event_log_storage = event_log.BatchedEventLog(str(folder))

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]
    ) -> "SqliteStorage":
        """Open the storage, and make it where it does not exist.

        Raises:
            DagsterHistoryError: a database of it cannot be read.
        """
        folder = Path(config_value["base_dir"])
        folder.mkdir(parents=True, exist_ok=True)
        with repaired(folder):
            return cls(config_value["base_dir"], inst_data=inst_data)


@contextmanager
def repaired(folder: Path) -> Iterator[None]:
    """Repair the history in a DAGSTER_HOME, and keep other processes from opening it meanwhile.

    Args:
        folder: the DAGSTER_HOME.

    Raises:
        DagsterHistoryError: a database of it cannot be read.
    """
    with FileLock(folder / LOCK):
        for name in DATABASES:
            _repair(folder, name)
        yield


class DagsterHistoryError(dg.DagsterError):
    """Dagster's own databases cannot be read. The message gives the fix."""


def _repair(folder: Path, name: str) -> None:
    """Keep the newest version that a database has recorded of its schema, if there are several."""
    database = folder / name
    if not database.exists():
        return
    try:
        with closing(sqlite3.connect(database, timeout=60)) as connection, connection:
            found = "SELECT name FROM sqlite_master WHERE name = 'alembic_version'"
            if not connection.execute(found).fetchall():
                return
            versions = connection.execute("SELECT version_num FROM alembic_version").fetchall()
            if len(versions) > 1:
                connection.executemany(
                    "DELETE FROM alembic_version WHERE version_num = ?",
                    [(version,) for version in _superseded({version for (version,) in versions})],
                )
    except sqlite3.OperationalError:  # locked, or not ours to open
        raise
    except sqlite3.DatabaseError as error:
        raise DagsterHistoryError(
            f"{database} cannot be read ({error}). If no other process uses it, move the folders "
            f"history and schedules out of {folder} and start again: the tables stay, Dagster's "
            "history of runs is lost, and the schedules request the days again."
        ) from error


def _superseded(versions: set[str]) -> set[str]:
    """Return the versions of the schema from which another one of them follows."""
    script = ScriptDirectory(str(Path(*dg.__path__, "_core/storage/alembic")))
    return {
        older.revision
        for version in versions
        for older in script.iterate_revisions(version, "base")
        if older.revision != version and older.revision in versions
    }
