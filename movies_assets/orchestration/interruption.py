"""Ending a run in time when its process gets a signal.

Dagster reacts to SIGTERM within steps only: the signal waits while it writes the planned events of
a range, one for each asset and day, and the materializations; a step may also wait for its own
thread.
"""

import multiprocessing
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from threading import RLock, Thread, current_thread, main_thread

import dagster as dg
from rich.console import Console

from movies_assets.orchestration.abandoned import mark
from movies_assets.orchestration.dagster_internals import DagsterHomeNotSetError
from movies_assets.orchestration.processes import TAG, ancestor, is_gone, process

# Of the 10 s in which a run is to end: time for the step that is running, and for its events.
GRACE_SECONDS = 4

# `dagster dev` starts a process that starts the code server, which starts one for each run. Dagster
# lets runs go on, unseen, when only the first of them gets a signal.
GENERATIONS_BELOW_DEV = 3

# The runs whose steps this process executes.
running: set[str] = set()
# Held while an event is stored, and from the end on by the thread that marks the runs as failed: a
# later event would give a run its former state back.
storing = RLock()
# The signals to end that this process got.
received: list[int] = []


def executes_a_job(arguments: Sequence[str]) -> bool:
    """Return whether a process with these arguments is a command that executes a run itself."""
    return [*arguments[1:3]] in (["job", "execute"], ["asset", "materialize"])


def _is_of_a_server(arguments: Sequence[str]) -> bool:
    """Return whether this process was started by a code server, which has these arguments."""
    return [*arguments[1:3]] == ["api", "grpc"] and multiprocessing.parent_process() is not None


def watch(arguments: Sequence[str] = tuple(sys.argv)) -> None:
    """Let a process that executes a run end in time after a signal; leave any other one alone.

    Args:
        arguments: those of the process.
    """
    of_server = _is_of_a_server(arguments)
    if not of_server and not executes_a_job(arguments):
        return
    end_in_time()
    of_dev = of_server and "DAGSTER_IS_DEV_CLI" in os.environ
    if of_dev and (dev := ancestor(GENERATIONS_BELOW_DEV)):
        Thread(target=_end_with, args=[dev], daemon=True, name="interruption by dev").start()


def end_in_time() -> None:
    """End this process soon after a signal, with its runs marked as failed."""
    if current_thread() is not main_thread():
        return
    # The number of each signal is written here as it arrives, with any handler.
    receiver, sender = socket.socketpair()
    sender.setblocking(False)  # noqa: FBT003 (it has no name)
    signal.set_wakeup_fd(sender.detach(), warn_on_full_buffer=False)
    Thread(target=_watch, args=[receiver], daemon=True, name="interruption").start()


def _end_with(named: str) -> None:
    """End this process, as a signal does, when another one has ended."""
    while not is_gone(named):
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)


def _watch(receiver: socket.socket) -> None:
    while (number := receiver.recv(1)[0]) not in (signal.SIGTERM, signal.SIGINT):
        pass
    received.append(number)
    if running:
        # A step that can be interrupted ends the run, and the process, by itself.
        time.sleep(GRACE_SECONDS)
    storing.acquire(timeout=GRACE_SECONDS)
    try:
        with dg.DagsterInstance.get() as instance:
            mine = dg.RunsFilter(tags={TAG: process()})
            marked = mark(instance, mine, "The process got a signal to end.")
            _write("Ended by a signal; the run is marked as failed.\n" * bool(marked))
    except DagsterHomeNotSetError:
        _write("Ended by a signal.\n")
    finally:
        # As shells report a process that a signal ended.
        os._exit(128 + number)


def _write(text: str) -> None:
    """Write to the terminal, also where `sys.stderr` is the log of a run."""
    with suppress(OSError):
        console = Console(stderr=True, file=sys.__stderr__)
        console.show_cursor()  # which a progress bar hides
        console.print(text, end="", soft_wrap=True)
