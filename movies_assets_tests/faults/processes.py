"""Child processes that start within milliseconds, with everything imported already."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

# A child forked from the test process itself would inherit the locks of its threads; the fork
# server has one thread and does nothing but import.
FORKSERVER = multiprocessing.get_context("forkserver")
FORKSERVER.set_forkserver_preload(
    ["movies_assets_tests.conftest", "movies_assets.sample.server", "tabulate"]
)


def in_child(function: Callable[..., Any], *args: Any) -> Any:
    """Call a function in a process of its own; what it raises is raised here."""
    with ProcessPoolExecutor(1, mp_context=FORKSERVER) as pool:
        return pool.submit(function, *args).result()
