"""Everything that comes from Dagster's private modules, with the reasons: `dagster` exports none.

Names of its storage are in `dagster_storage`, which loads SQLAlchemy and alembic for half a second.
No other module imports a private one, which a test pins, as it does that each name exists. An
update of Dagster may move them.
"""

# A job of definitions that this process has loaded; `execute_run_iterator` below runs it here, and
# yields its events as they happen.
from dagster._core.definitions.job_base import InMemoryJob

# Marks a result that counts for no partition. `ObserveResult` is refused by assets that are made.
from dagster._core.definitions.source_asset import SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION

# The type that `dagster.define_asset_job` returns.
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

# Errors that are handled separately: a check that stopped a run, and no DAGSTER_HOME.
from dagster._core.errors import DagsterAssetCheckFailedError, DagsterHomeNotSetError
from dagster._core.execution.api import execute_run_iterator

# The types that methods of `dagster.Executor` take and return.
from dagster._core.execution.context.system import PlanOrchestrationContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.retries import RetryMode
from dagster._core.execution.step_dependency_config import StepDependencyConfig

# Where a run comes from: the job of a repository in a code location, by which the UI files it.
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteRepositoryOrigin,
)

# The type that `DagsterInstance.event_log_storage` returns for a check.
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecord

# Holds signals back until a step can end.
from dagster._utils.interrupts import capture_interrupts

__all__ = [
    "SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION",
    "AssetCheckExecutionRecord",
    "DagsterAssetCheckFailedError",
    "DagsterHomeNotSetError",
    "ExecutionPlan",
    "InMemoryJob",
    "PlanOrchestrationContext",
    "RegisteredCodeLocationOrigin",
    "RemoteRepositoryOrigin",
    "RetryMode",
    "StepDependencyConfig",
    "UnresolvedAssetJobDefinition",
    "capture_interrupts",
    "execute_run_iterator",
]
