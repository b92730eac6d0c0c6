"""Name the process that works on a run, by host, pid and start, and find out whether it is gone.

A pid alone names another process after a while, or after a restart of the machine.
"""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

TAG = "movies_assets/process"
ENDED, UNKNOWN = "ended", "unknown"


def process(pid: int | None = None) -> str:
    """Return the text of the tag that names a process of this host, or this one: `host pid start`.

    Args:
        pid: of the process.
    """
    pid = pid or os.getpid()
    return f"{socket.gethostname()} {pid} {_started(pid) or UNKNOWN}"


def is_gone(named: str) -> bool:
    """Return whether a process of this host has ended; False if that cannot be known.

    Args:
        named: the text of a tag.
    """
    parts = re.fullmatch(r"(\S+) (\d+) (.+)", named)
    # Windows has no signal that leaves a process alone.
    if not parts or parts[1] != socket.gethostname() or sys.platform == "win32":
        return False
    pid, started = int(parts[2]), parts[3]
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass  # another user's, it may be hidden from us
    now = _started(pid)
    return now is not None and started not in (now, UNKNOWN)


def ancestor(generations: int) -> str | None:
    """Return the text that names an ancestor of this process; None where there is no /proc.

    Args:
        generations: 1 for the parent.
    """
    pid = os.getpid()
    try:
        for _ in range(generations):
            pid = int(_stat(pid)[1])
    except OSError:
        return None
    return process(pid)


def _stat(pid: int) -> list[str]:
    """Return the fields of Linux's record of a process, from its state on."""
    # The name of the program comes before, in brackets, and may hold anything.
    return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()


def _started(pid: int) -> str | None:
    """Return when a process began, `ended` for one that only waits for its parent, None if unknown.

    Linux counts ticks since the machine started, which no correction of the clock changes.
    """
    try:
        fields = _stat(pid)
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return _started_elsewhere(pid)
    return ENDED if fields[0] in "ZX" else f"{boot} {fields[19]}"


def _started_elsewhere(pid: int) -> str | None:
    """Return the same for macOS, which has no /proc."""
    if sys.platform in {"linux", "win32"}:
        return None
    command = ["ps", "-o", "state=,lstart=", "-p", str(pid)]
    environment = {**os.environ, "LC_ALL": "C", "TZ": "UTC"}
    shown = subprocess.run(  # noqa: S603 (a pid is a number)
        command, capture_output=True, text=True, check=False, env=environment
    ).stdout
    state, _, started = shown.strip().partition(" ")
    return (ENDED if state.startswith("Z") else started.strip()) or None
