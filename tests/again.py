"""A second look at what failed: alone, with nobody beside it. What passes then is named FLAKY."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator
from dataclasses import dataclass, field

import pytest
from _pytest.terminal import TerminalReporter

AT_MOST = 3  # failures: more are no accidents


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--again", action="store_true", help="run what failed once more, alone")


def pytest_configure(config: pytest.Config) -> None:
    if config.option.again and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Again())


@dataclass
class Again:
    """Runs what failed once more after the session, which passes where nothing fails twice."""

    flaky: list[str] = field(default_factory=list)

    @pytest.hookimpl(trylast=True)  # when the parallel workers are gone
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        failed = _failed(session.config)
        if session.exitstatus != pytest.ExitCode.TESTS_FAILED or len(failed) > AT_MOST:
            return
        self.flaky = [test for test in failed if _passes(test, session.config)]
        if self.flaky == failed:
            session.exitstatus = pytest.ExitCode.OK

    @pytest.hookimpl(wrapper=True, tryfirst=True)  # below the list of failures
    def pytest_terminal_summary(self, terminalreporter: TerminalReporter) -> Generator[None]:
        yield
        for test in self.flaky:
            terminalreporter.write_line(f"FLAKY {test}")


def _failed(config: pytest.Config) -> list[str]:
    reporter = config.pluginmanager.getplugin("terminalreporter")
    assert isinstance(reporter, TerminalReporter)
    reports = reporter.getreports("failed") + reporter.getreports("error")
    return list(dict.fromkeys(report.nodeid for report in reports))


def _passes(test: str, config: pytest.Config) -> bool:
    command = [sys.executable, "-m", "pytest", "-n", "0", test]
    return subprocess.run(command, cwd=config.rootpath).returncode == 0
