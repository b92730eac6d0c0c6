"""Ending a run in time when its process gets a signal, and marking runs whose process is gone.

Dagster heeds SIGTERM within steps only: while it writes what a range plans (20 ms an event, one for
each asset and day), and while it writes what was materialized, the signal waits; and a step may
wait for a thread of its own. A run whose process is gone stays "started" for ever.
"""

import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from threading import Thread, current_thread, main_thread

import dagster as dg
from dagster._core.errors import DagsterHomeNotSetError

# Of the 10 s in which a run is to end: time for the step that is running, and for its events.
GRACE_SECONDS = 4
# As shells report a process that SIGTERM ended.
ENDED = 128 + 15
AT_ONCE = [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTED]
UNFINISHED = [*AT_ONCE, dg.DagsterRunStatus.STARTING]

# The runs whose steps this process executes.
running: set[str] = set()


def executes_a_job(arguments: Sequence[str]) -> bool:
    """Say whether a process with these arguments is a `dagster job execute`."""
    return [*arguments[1:3]] == ["job", "execute"]


def watch(arguments: Sequence[str] = tuple(sys.argv)) -> None:
    """Let a `dagster job execute` end in time after a signal; leave any other process alone.

    Args:
        arguments: those of the process.
    """
    if not executes_a_job(arguments) or current_thread() is not main_thread():
        return
    # The number of each signal is written here as it arrives, whichever handler it has.
    receiver, sender = socket.socketpair()
    sender.setblocking(False)  # noqa: FBT003 (it has no name)
    signal.set_wakeup_fd(sender.detach(), warn_on_full_buffer=False)
    work = [arguments, datetime.now(UTC), receiver]
    Thread(target=_watch, args=work, daemon=True, name="interruption").start()


def _watch(arguments: Sequence[str], started: datetime, receiver: socket.socket) -> None:
    while receiver.recv(1)[0] not in (signal.SIGTERM, signal.SIGINT):
        pass
    if running:
        # A step that can be interrupted ends the run, and the process, by itself.
        time.sleep(GRACE_SECONDS)
    try:
        with dg.DagsterInstance.get() as instance:
            # Before its first step, a run is known by its job alone. One that is launched, and not
            # executed at once, has other states at first.
            mine = dg.RunsFilter(run_ids=[*running]) if running else None
            planned = dg.RunsFilter(
                job_name=_job(arguments), statuses=AT_ONCE, created_after=started
            )
            marked = mark(instance, mine or planned, "The process got a signal to end.")
            sys.stderr.write("Ended by a signal; the run is marked as failed.\n" * bool(marked))
    except DagsterHomeNotSetError:
        sys.stderr.write("Ended by a signal.\n")
    finally:
        sys.stderr.flush()
        os._exit(ENDED)


def _job(arguments: Sequence[str]) -> str | None:
    """Return the job that a `dagster job execute` names."""
    options = pairwise(arguments)
    return next((value for name, value in options if name in ("-j", "--job")), None)


def mark(instance: dg.DagsterInstance, runs: dg.RunsFilter, reason: str) -> list[str]:
    """Mark runs as failed that a process has left unfinished.

    Args:
        instance: where runs are recorded.
        runs: which ones.
        reason: a sentence for the run's log.

    Returns:
        The ids of the runs that were unfinished.
    """
    unfinished = [run for run in instance.get_runs(runs) if run.status in UNFINISHED]
    for run in unfinished:
        instance.report_run_failed(run, f"{reason} Nothing of an unfinished step was stored.")
    return [run.run_id for run in unfinished]
