"""Everything that comes from the private modules of Dagster's storage, with the reasons.

They load SQLAlchemy and alembic, half a second: only modules that open a history import this one.
"""

# The kinds of events that are kept in the index of the event log, next to the log of their run.
from dagster._core.events import (
    ASSET_CHECK_EVENTS,
    ASSET_EVENTS,
    EVENT_TYPE_TO_PIPELINE_RUN_STATUS,
)

# The defaults of an instance; one of them is replaced.
from dagster._core.instance.ref import InstanceRef

# The states of checks in the event log.
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

# The event log on SQLite, whose tables are written in batches (see `event_log`).
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    SqlEventLogStorageTable,
)
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS

# The storage on SQLite that `dagster.yaml` is given when it names none.
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage

# How `dagster.yaml` names a class, and how an event is stored as text.
from dagster._serdes import ConfigurableClassData, serialize_value

__all__ = [
    "ASSET_CHECK_EVENTS",
    "ASSET_EVENTS",
    "EVENT_TYPE_TO_PIPELINE_RUN_STATUS",
    "SQLITE_BUSY_TIMEOUT_SECONDS",
    "AssetCheckExecutionRecordStatus",
    "AssetCheckExecutionsTable",
    "ConfigurableClassData",
    "DagsterSqliteStorage",
    "InstanceRef",
    "SqlEventLogStorageTable",
    "SqliteEventLogStorage",
    "serialize_value",
]
