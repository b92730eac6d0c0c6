"""How a run executes its steps: in one process; a red one ends its log with the reason.

The texts of checks belong in `checks`, reactions to signals in `interruption`.
"""

import atexit
import sys
from collections.abc import Iterator

import dagster as dg

from movies_assets.orchestration import interruption
from movies_assets.orchestration.checks.results import ending_of
from movies_assets.orchestration.dagster_internals import (
    ExecutionPlan,
    PlanOrchestrationContext,
    RetryMode,
    StepDependencyConfig,
)
from movies_assets.orchestration.partitions import require_partitions
from movies_assets.orchestration.processes import TAG, process

# As many lines as fit at the end of a screen; the rest is in the log above, and in the UI.
LONGEST_ENDING = 10


class EndingExecutor(dg.Executor):
    """Executes steps as another executor does, and repeats at the end why checks stopped the run.

    Steps that do not depend on a red check go on, so the verdict is far above the end otherwise.

    Args:
        executor: the executor that runs the steps.
    """

    def __init__(self, executor: dg.Executor) -> None:
        self._executor = executor

    @property
    def retries(self) -> RetryMode:
        """Return how steps are retried."""
        return self._executor.retries

    @property
    def step_dependency_config(self) -> StepDependencyConfig:
        """Return the upstream steps for which a step waits."""
        return self._executor.step_dependency_config

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[dg.DagsterEvent]:
        """Execute the steps; yield their events.

        Raises:
            NoPartitionError: the clock is before the first day of the run's source.
        """
        # Dagster would fail at the first output, with an error about an empty definition.
        assets = plan_context.job.get_definition().asset_layer
        found = {assets.get(key).partitions_def for key in assets.executable_asset_keys}
        for partitions in filter(None, found):
            require_partitions(partitions)
        interruption.running.add(plan_context.run_id)
        # `Instance` has done it already; this is for a DAGSTER_HOME without our dagster.yaml.
        plan_context.instance.add_run_tags(plan_context.run_id, {TAG: process()})
        endings: list[str] = []
        for event in self._executor.execute(plan_context, execution_plan):
            if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
                endings += ending_of(event.asset_check_evaluation_data)
            yield event
        if endings:
            ending = "\n".join(shortened(endings))
            plan_context.log.error(ending)
            if interruption.executes_a_job(sys.argv):
                # Behind Dagster's own last lines, a stack trace among them.
                atexit.register(lambda: sys.stderr.write(f"\n{ending}\n"))


def shortened(lines: list[str]) -> list[str]:
    """Return as many lines as an ending may have; the last one has the number of omitted lines."""
    if len(lines) <= LONGEST_ENDING:
        return lines
    kept = LONGEST_ENDING - 1
    return [*lines[:kept], f"({len(lines) - kept} more lines: see the checks of the run)"]


def _create(context: dg.InitExecutorContext) -> dg.Executor:
    create = dg.in_process_executor.executor_creation_fn
    if create is None:
        raise TypeError("Dagster's in-process executor cannot be created")
    return EndingExecutor(create(context))


# Measured on 2 cores: 20 small steps took 2 s in process, 110 s with a process each.
executor = dg.ExecutorDefinition(
    name="in_process",
    config_schema=dg.in_process_executor.config_schema,  # type: ignore[arg-type] # Dagster takes it
    executor_creation_fn=_create,
    description="Executes all steps in one process; a red run ends its log with the reason.",
)
