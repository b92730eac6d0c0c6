"""Ending a run in time when its process gets a signal.

Dagster heeds SIGTERM within steps only: while it writes what a range plans (20 ms an event, one for
each asset and day), and while it writes what was materialized, the signal waits; and a step may
wait for a thread of its own.
"""

import multiprocessing
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from threading import Thread, current_thread, main_thread

import dagster as dg
from dagster._core.errors import DagsterHomeNotSetError

from movies_assets.automation.abandoned import mark
from movies_assets.automation.processes import TAG, process

# Of the 10 s in which a run is to end: time for the step that is running, and for its events.
GRACE_SECONDS = 4
# As shells report a process that SIGTERM ended.
ENDED = 128 + 15

# The runs whose steps this process executes.
running: set[str] = set()


def executes_a_job(arguments: Sequence[str]) -> bool:
    """Say whether a process with these arguments is a `dagster job execute`."""
    return [*arguments[1:3]] == ["job", "execute"]


def executes_runs(arguments: Sequence[str]) -> bool:
    """Say whether runs are executed in a process with these arguments.

    A code server starts a process for each run, with its own arguments; it executes none itself.
    """
    of_server = [*arguments[1:3]] == ["api", "grpc"] and multiprocessing.parent_process()
    return (
        bool(of_server)
        or executes_a_job(arguments)
        or [*arguments[1:3]] == ["asset", "materialize"]
    )


def watch(arguments: Sequence[str] = tuple(sys.argv)) -> None:
    """Let a process that executes runs end in time after a signal; leave any other one alone.

    Args:
        arguments: those of the process.
    """
    if not executes_runs(arguments) or current_thread() is not main_thread():
        return
    # The number of each signal is written here as it arrives, whichever handler it has.
    receiver, sender = socket.socketpair()
    sender.setblocking(False)  # noqa: FBT003 (it has no name)
    signal.set_wakeup_fd(sender.detach(), warn_on_full_buffer=False)
    Thread(target=_watch, args=[receiver], daemon=True, name="interruption").start()


def _watch(receiver: socket.socket) -> None:
    while receiver.recv(1)[0] not in (signal.SIGTERM, signal.SIGINT):
        pass
    if running:
        # A step that can be interrupted ends the run, and the process, by itself.
        time.sleep(GRACE_SECONDS)
    try:
        with dg.DagsterInstance.get() as instance:
            mine = dg.RunsFilter(tags={TAG: process()})
            marked = mark(instance, mine, "The process got a signal to end.")
            sys.stderr.write("Ended by a signal; the run is marked as failed.\n" * bool(marked))
    except DagsterHomeNotSetError:
        sys.stderr.write("Ended by a signal.\n")
    finally:
        sys.stderr.flush()
        os._exit(ENDED)
