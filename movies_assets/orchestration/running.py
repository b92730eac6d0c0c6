"""Runs of several jobs in one process: Dagster records each of them, and each has its own log.

`make run` uses it: starting Dagster takes seconds, which `dagster job execute` spends on every job.
"""

import traceback
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import dagster as dg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from movies_assets.orchestration import interruption
from movies_assets.orchestration.abandoned import mark
from movies_assets.orchestration.dagster_internals import (
    InMemoryJob,
    capture_interrupts,
    execute_run_iterator,
)
from movies_assets.orchestration.instance import ORIGIN
from movies_assets.orchestration.partitions import range_tags
from movies_assets.orchestration.publishing.published import LATER


@dataclass(frozen=True)
class JobRun:
    """A run to come.

    Attributes:
        job: the job.
        days: the first and the last of its days or years; none of a job without partitions.
        tags: what Dagster and our assets read from tags, the partitions among them.
        log: the file of its log.
    """

    job: dg.JobDefinition
    days: Sequence[str]
    tags: Mapping[str, str]
    log: Path

    def __str__(self) -> str:
        """Name the job and its days, for a person."""
        return f"{self.job.name} for {' to '.join(self.days)}" if self.days else self.job.name

    def execute(self, instance: dg.DagsterInstance, progress: "StepProgress") -> bool:
        """Execute the run; what it prints goes to its log.

        Returns:
            Whether it has succeeded. A run that has not, for any cause, is recorded as failed.
        """
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with (
            # By lines: a signal may end the process without closing the file.
            self.log.open("w", buffering=1, encoding="utf-8") as log,
            redirect_stdout(log),
            redirect_stderr(log),
            capture_interrupts(),
        ):
            run = instance.create_run_for_job(
                self.job,
                tags=dict(self.tags),
                remote_job_origin=ORIGIN.get_job_origin(self.job.name),
            )
            try:
                for event in execute_run_iterator(InMemoryJob(self.job), run, instance):
                    progress.see(event)
            except Exception:  # noqa: BLE001 (any, recorded in the log of the run)
                traceback.print_exc()
            finally:
                # Dagster marks a run that failed, but not one with an error outside of its steps.
                this = dg.RunsFilter(run_ids=[run.run_id])
                mark(instance, this, "An error ended this run; it is in the log of the command.")
                interruption.running.discard(run.run_id)
        ended = instance.get_run_by_id(run.run_id)
        return ended is not None and ended.is_success


def runs_of(
    definitions: dg.Definitions, jobs: Mapping[str, Sequence[str]], logs: Path
) -> Sequence[JobRun]:
    """Return the runs of some jobs, of which only the last one publishes.

    Args:
        definitions: of the project.
        jobs: the first and the last partition of each job in turn; none of a job without any.
        logs: the folder of the logs.
    """
    *_, last = jobs
    return [
        JobRun(
            job=definitions.resolve_job_def(job),
            days=days,
            tags={**(range_tags(*days) if days else {}), **({} if job == last else LATER)},
            log=logs / f"{job}.log",
        )
        for job, days in jobs.items()
    ]


class StepProgress:
    """Shows the steps of several runs: on a terminal one live line, elsewhere a line for each.

    Args:
        console: where to show them.
        runs: all runs to come; together they are all that is to be done.
    """

    def __init__(self, console: Console, runs: Sequence[JobRun]) -> None:
        self._console = console
        self._all = sum(len(run.job.nodes) for run in runs)
        self._done = 0
        self._rows: dict[str, int | None] = {}
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("steps, about"),
            TimeRemainingColumn(compact=True),
            TextColumn("left"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self._progress.add_task("starting", total=self._all)

    def __enter__(self) -> Self:
        """Show the live line."""
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the live line."""
        self.stop()

    def stop(self) -> None:
        """Remove the live line from the terminal."""
        self._progress.stop()

    def see(self, event: dg.DagsterEvent) -> None:
        """Show what an event changes."""
        step = event.step_key or ""
        if event.event_type == dg.DagsterEventType.STEP_START:
            self._progress.update(self._task, description=_named(step))
        elif event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION:
            self._rows[step] = _rows(event)  # a range states them with its last partition
        elif event.event_type in _ENDS:
            self._done += 1
            self._progress.update(self._task, completed=self._done)
            if not self._console.is_terminal and event.is_step_success and step in self._rows:
                self._console.print(self._line(event, step), soft_wrap=True)

    def _line(self, event: dg.DagsterEvent, step: str) -> str:
        seconds = event.step_success_data.duration_ms / 1000
        rows = self._rows[step]
        written = "" if rows is None else f"{rows:,} rows"
        done = f"{self._done:>{len(str(self._all))}}/{self._all}"
        return f"  {done}  {seconds:5.1f} s  {written:>14}  {_named(step)}"


_ENDS = {
    dg.DagsterEventType.STEP_SUCCESS,
    dg.DagsterEventType.STEP_FAILURE,
    dg.DagsterEventType.STEP_SKIPPED,
}


def _named(step: str) -> str:
    return step.replace("__", ".")


def _rows(event: dg.DagsterEvent) -> int | None:
    """Return the rows that a step has written, where its materialization states them."""
    found = event.step_materialization_data.materialization.metadata.get("rows")
    return found.value if isinstance(found, dg.IntMetadataValue) else None
