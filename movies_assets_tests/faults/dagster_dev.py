"""`dagster dev` in a home of its own: driven like the UI does, and killed like a power loss."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import dagster as dg
import httpx
import psutil

from movies_assets.settings import PROJECT_ROOT
from movies_assets_tests.faults.test_interruption import PATIENCE_SECONDS, Home

LAUNCH = """
mutation ($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
  }
}
"""
REPOSITORY = {
    "repositoryName": "__repository__",
    "repositoryLocationName": "movies_assets",
}


class Dev:
    """A running `dagster dev`."""

    def __init__(self, home: Home, port: int) -> None:
        self.home = home
        self.url = f"http://127.0.0.1:{port}/graphql"
        # ruff: noqa: S603 (our own command)
        command = [
            *(sys.executable, "-W", "ignore", "-m", "dagster", "dev", "--workspace"),
            *(str(PROJECT_ROOT / "workspace.yaml"), "--host", "127.0.0.1", "--port", str(port)),
        ]
        with home.log.open("a") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, env=home.environment, cwd=home.folder
            )

    def launch(
        self, job: str, tags: Mapping[str, str], config: Mapping[str, Any] | None = None
    ) -> str:
        """Launch a run as the launchpad does; return its id."""
        params = {
            "selector": {**REPOSITORY, "jobName": job},
            "runConfigData": config or {},
            "executionMetadata": {"tags": [{"key": k, "value": v} for k, v in tags.items()]},
            "mode": "default",
        }
        answer = httpx.post(
            self.url, json={"query": LAUNCH, "variables": {"params": params}}, timeout=120
        ).json()
        launched = answer["data"]["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", answer
        return str(launched["run"]["runId"])

    def wait_until_ready(self) -> None:
        """Wait until runs can be launched."""

        def is_ready() -> bool:
            query = "{ repositoriesOrError { ... on RepositoryConnection { nodes { name } } } }"
            try:
                answer = httpx.post(self.url, json={"query": query}, timeout=60).json()
            except httpx.TransportError:
                return False
            return bool(answer["data"]["repositoriesOrError"].get("nodes"))

        self.wait(is_ready)

    def wait(self, until: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> float:
        """Wait for something; return the seconds it took."""
        started = time.monotonic()
        while not until():
            assert self.process.poll() is None, self.home.log.read_text()[-5000:]
            passed = time.monotonic() - started
            assert passed < seconds, self.home.log.read_text()[-5000:]
            time.sleep(0.3)
        return time.monotonic() - started

    def tree(self) -> list[psutil.Process]:
        """Return this process and all below it."""
        ours = psutil.Process(self.process.pid)
        return [ours, *ours.children(recursive=True)]

    def workers(self) -> list[psutil.Process]:
        """Return the processes that execute runs."""
        return [process for process in self.tree() if "spawn_main" in _arguments(process)]

    def kill(self) -> None:
        """Kill all processes at once, as a power loss does."""
        tree = self.tree()
        for process in tree:  # so that none notices that another one is gone
            process.suspend()
        tree = self.tree()
        for process in tree:
            process.kill()
        psutil.wait_procs(tree, timeout=30)
        self.process.wait()


def _arguments(process: psutil.Process) -> str:
    try:
        return str(process.cmdline())
    except psutil.Error:  # it has ended meanwhile
        return ""


@contextmanager
def dagster_dev(home: Home) -> Iterator[Dev]:
    """Run `dagster dev` for a while; its remaining processes are killed at the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    dev = Dev(home, port)
    try:
        dev.wait_until_ready()
        yield dev
    finally:
        if dev.process.poll() is None:
            dev.kill()


def runs(home: Home) -> dict[str, dg.DagsterRun]:
    """Return the runs by their ids."""
    return {run.run_id: run for run in home.runs()}


def events(home: Home, run_id: str) -> dict[str, str]:
    """Return the types of a run's events, each with the newest message."""
    with dg.DagsterInstance.from_config(str(home.folder / "home")) as instance:
        found = [entry.dagster_event for entry in instance.all_logs(run_id)]
    return {event.event_type_value: event.message or "" for event in found if event}
