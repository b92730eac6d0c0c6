"""Child processes that start within milliseconds, and the files that they leave when killed."""

import hashlib
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

# A child forked from the test process itself would inherit the locks of its threads; the fork
# server has one thread and only imports.
FORKSERVER = multiprocessing.get_context("forkserver")
FORKSERVER.set_forkserver_preload(
    ["movies_assets_tests.conftest", "movies_assets.sources.yts.sample_server", "tabulate"]
)


def in_child(function: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Call a function in a process of its own; what it raises is raised here."""
    with ProcessPoolExecutor(1, mp_context=FORKSERVER) as pool:
        return pool.submit(function, *args, **options).result()


def dies_at(access: int, folder: Path, work: Callable[[], object]) -> bool:
    """Do some work in a fork that kills itself before its n-th access to a folder.

    Returns:
        Whether it came so far. To be called in a process without threads, such as by `in_child`.
    """
    accesses = 0

    def count(name: str, args: tuple[Any, ...]) -> None:
        nonlocal accesses
        if name in {"open", "os.rename", "os.remove", "os.mkdir"} and str(folder) in str(args[0]):
            accesses += 1
            if accesses == access:
                os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1] == signal.SIGKILL
    sys.addaudithook(count)
    try:
        work()
    finally:
        os._exit(0)


def digest(folder: Path) -> bytes:
    """Return what differs between folders of different files."""
    found = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        found.update(str(path.relative_to(folder)).encode())
        found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.digest()
