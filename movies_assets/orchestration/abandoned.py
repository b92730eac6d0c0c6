"""Mark runs whose process is gone, and log in waiting runs which run they wait for.

`processes` names processes, `instance` tags runs.
"""

import json
from collections.abc import Iterable, Mapping, Sequence

import dagster as dg

from movies_assets.orchestration.processes import TAG, is_gone

SECONDS_BETWEEN_SWEEPS = 15
# A backfill may put thousands of runs into the queue.
EXPLAINED_RUNS = 25
# A run in the queue belongs to no process: the daemon starts it after a restart as well.
ACTIVE = [
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
UNFINISHED = [dg.DagsterRunStatus.NOT_STARTED, *ACTIVE]
NOT_OURS = (
    " dagster.yaml in DAGSTER_HOME has no instance_class: copy the project's there, so that runs "
    "which are killed before their first step are found as well."
)
NOTHING_STORED = "Nothing of an unfinished step was stored."


def sweep(instance: dg.DagsterInstance) -> list[str]:
    """Mark the runs whose process on this host is gone; return their ids.

    Runs of other hosts, and runs that name no process, are left to Dagster's run monitoring.

    Args:
        instance: where runs are recorded.
    """
    return [
        run_id
        for run in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))
        if (named := run.tags.get(TAG)) and is_gone(named)
        for run_id in mark(
            instance,
            dg.RunsFilter(run_ids=[run.run_id], tags={TAG: named}),
            f"The process of this run is gone ({named}): it was killed, or its machine stopped.",
        )
    ]


def mark(instance: dg.DagsterInstance, runs: dg.RunsFilter, reason: str) -> list[str]:
    """Mark runs that a process has left unfinished: as canceled, if that was asked, or as failed.

    Args:
        instance: where runs are recorded.
        runs: which ones; those that have ended meanwhile stay as they are.
        reason: a sentence for the run's log.

    Returns:
        The ids of the runs that were unfinished.
    """
    unfinished = [run for run in instance.get_runs(runs) if run.status in UNFINISHED]
    for run in unfinished:
        canceled = run.status == dg.DagsterRunStatus.CANCELING
        report = instance.report_run_canceled if canceled else instance.report_run_failed
        report(run, f"{reason} {NOTHING_STORED}")
    return [run.run_id for run in unfinished]


def waiting(instance: dg.DagsterInstance) -> Mapping[str, str]:
    """Return for the next runs in the queue that have to wait, by their ids, why they do.

    Args:
        instance: where runs are recorded.
    """
    queued = instance.get_runs(
        dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED]), limit=EXPLAINED_RUNS, ascending=True
    )
    active = instance.get_runs(dg.RunsFilter(statuses=ACTIVE)) if queued else []
    queue = instance.get_concurrency_config().run_queue_config
    most = queue.max_concurrent_runs if queue else -1
    reasons = {}
    for run in queued:
        if before := [other for other in active if _pools(run) & _pools(other)]:
            reasons[run.run_id] = f"Waits for {_named(before)}: one run at a time may write."
        elif 0 <= most <= len(active):
            reasons[run.run_id] = f"Waits for {_named(active)}: {most} runs at a time are allowed."
    return reasons


def _pools(run: dg.DagsterRun) -> set[str]:
    return set(run.run_op_concurrency.all_pools or ()) if run.run_op_concurrency else set()


def _named(runs: Iterable[dg.DagsterRun]) -> str:
    return ", ".join(f"{run.job_name} {run.run_id}" for run in runs)


def sensor() -> dg.SensorDefinition:
    """Build the sensor that marks abandoned runs, and explains why others wait."""

    @dg.sensor(
        name="unfinished_runs",
        minimum_interval_seconds=SECONDS_BETWEEN_SWEEPS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Marks runs whose process on this host is gone as failed, so that others get "
        "their turn; writes into the log of each run in the queue for which run it waits.",
    )
    def unfinished_runs(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        marked = sweep(context.instance)
        reasons = waiting(context.instance)
        known = json.loads(context.cursor or "{}")
        for run_id, reason in reasons.items():
            run = context.instance.get_run_by_id(run_id)
            if run and known.get(run_id) != reason:
                context.instance.report_engine_event(reason, run)
        summary = f"{_summary(marked, reasons)}{NOT_OURS * _is_stock(context.instance)}"
        return dg.SensorResult(skip_reason=summary, cursor=json.dumps({**reasons}))

    return unfinished_runs


def _is_stock(instance: dg.DagsterInstance) -> bool:
    return type(instance) is dg.DagsterInstance


def _summary(marked: Sequence[str], reasons: Mapping[str, str]) -> str:
    gone = f"Marked as failed, because their process is gone: {', '.join(marked)}. "
    waits = " ".join(f"{run_id}: {reason}" for run_id, reason in reasons.items())
    return f"{gone * bool(marked)}{waits or 'No run waits for another one.'}"
