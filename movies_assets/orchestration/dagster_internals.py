"""Everything that comes from Dagster's private modules, with the reasons: `dagster` exports none.

No other module imports a private one, which a test pins, as it does that each name exists. An
update of Dagster may move them.
"""

# A planned check, which keeps what surrounds the first one that is made (see `event_log`).
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationPlanned,
)

# Marks a result that counts for no partition. `ObserveResult` is refused by assets that are made.
# Runs a job in this process, and yields its events as they happen.
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.definitions.source_asset import SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION

# The type that `dagster.define_asset_job` returns.
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

# Errors that are handled separately: a check that stopped a run, and no DAGSTER_HOME.
from dagster._core.errors import DagsterAssetCheckFailedError, DagsterHomeNotSetError

# The kinds of events that are kept in the index of the event log, next to the log of their run.
from dagster._core.events import (
    ASSET_CHECK_EVENTS,
    ASSET_EVENTS,
    BATCH_WRITABLE_EVENTS,
    EVENT_TYPE_TO_PIPELINE_RUN_STATUS,
)
from dagster._core.execution.api import execute_run_iterator

# The types that methods of `dagster.Executor` take and return.
from dagster._core.execution.context.system import PlanOrchestrationContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.retries import RetryMode
from dagster._core.execution.step_dependency_config import StepDependencyConfig

# The defaults of an instance; one of them is replaced.
from dagster._core.instance.ref import InstanceRef

# Where a run comes from: the job of a repository in a code location, by which the UI files it.
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteRepositoryOrigin,
)

# The type that `DagsterInstance.event_log_storage` returns for a check.
from dagster._core.storage.asset_check_execution_record import (
    AssetCheckExecutionRecord,
    AssetCheckExecutionRecordStatus,
)

# The event log, whose tables are written in batches (see `event_log`).
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    SqlEventLogStorageTable,
)
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS

# The storage on SQLite that `dagster.yaml` is given when it names none.
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage

# How `dagster.yaml` names a class.
from dagster._serdes import ConfigurableClassData, serialize_value
from dagster._utils.interrupts import capture_interrupts

__all__ = [
    "ASSET_CHECK_EVENTS",
    "ASSET_EVENTS",
    "BATCH_WRITABLE_EVENTS",
    "EVENT_TYPE_TO_PIPELINE_RUN_STATUS",
    "SQLITE_BUSY_TIMEOUT_SECONDS",
    "SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION",
    "AssetCheckEvaluationPlanned",
    "AssetCheckExecutionRecord",
    "AssetCheckExecutionRecordStatus",
    "AssetCheckExecutionsTable",
    "ConfigurableClassData",
    "DagsterAssetCheckFailedError",
    "DagsterHomeNotSetError",
    "DagsterSqliteStorage",
    "ExecutionPlan",
    "InMemoryJob",
    "InstanceRef",
    "PlanOrchestrationContext",
    "RegisteredCodeLocationOrigin",
    "RemoteRepositoryOrigin",
    "RetryMode",
    "SqlEventLogStorage",
    "SqlEventLogStorageTable",
    "SqliteEventLogStorage",
    "StepDependencyConfig",
    "UnresolvedAssetJobDefinition",
    "capture_interrupts",
    "execute_run_iterator",
    "serialize_value",
]
