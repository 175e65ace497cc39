"""What failed runs once more, alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent

# Runs `count` tests, each of which fails as often as it is told to, and passes then.
TOY = """
from pathlib import Path

import pytest

@pytest.mark.parametrize("name", {names})
def test_toy(name):
    seen = Path(__file__).with_name(name)
    runs = len(seen.read_text()) if seen.exists() else 0
    seen.write_text("x" * (runs + 1))
    assert runs >= int(name[0])
"""


def run(folder: Path, *names: str) -> tuple[int, list[str]]:
    """Exit code and lines of a run in parallel of tests by such names: `1a` fails once."""
    (folder / "pytest.ini").write_text(f"[pytest]\npythonpath = {TESTS}\n")
    (folder / "conftest.py").write_text("from again import pytest_addoption, pytest_configure")
    (folder / "test_toy.py").write_text(TOY.format(names=names))
    command = [sys.executable, "-m", "pytest", "-n", "2", "--again"]
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": "xdist"}
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    return ended.returncode, ended.stdout.splitlines()


@pytest.mark.parametrize(
    ("names", "code", "flaky", "summary"),
    [
        (["0a", "1a", "1b", "1c"], 0, ["1a", "1b", "1c"], "3 failed, 1 passed"),
        (["0a", "1a", "2a"], 1, ["1a"], "2 failed, 1 passed"),
        (["1a", "1b", "1c", "1d"], 1, [], "4 failed"),
    ],
    ids=["three fail once", "one fails twice", "four fail"],
)
def test_what_passes_alone_is_named_flaky_above_the_summary(
    tmp_path: Path, names: list[str], code: int, flaky: list[str], summary: str
) -> None:
    ended, lines = run(tmp_path, *names)
    assert ended == code
    assert summary in lines[-1]
    named = [f"FLAKY test_toy.py::test_toy[{name}]" for name in flaky]
    assert sorted(lines[len(lines) - 1 - len(named) : -1]) == named
    assert sum(line.startswith("FLAKY") for line in lines) == len(named)
