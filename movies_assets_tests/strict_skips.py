"""A pytest plugin for CI: a skipped test is a failure unless the machine cannot run it.

A suite that skips what it should prove is green for nothing. `.ci/run` enables this module with
`-p movies_assets_tests.strict_skips`.
"""

import pytest

from movies_assets_tests.places import RECORDED

# File systems can be mounted by root only, and not in every container.
PRIVILEGES = "may not mount a file system here"


class StrictSkips:
    """Collects the skips that are not excused, and fails the session for them."""

    def __init__(self) -> None:
        self.skipped: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail") and not _excused(report):
            self.skipped.append(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            self.skipped.append(report.nodeid)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.skipped and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for nodeid in self.skipped:
            terminalreporter.write_line(f"skipped, and in CI that is a failure: {nodeid}", red=True)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(StrictSkips())


def _excused(report: pytest.TestReport) -> bool:
    if "recorded" in report.keywords and not RECORDED.exists():
        return True
    return isinstance(report.longrepr, tuple) and PRIVILEGES in report.longrepr[2]
