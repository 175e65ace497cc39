"""With git, make and Python alone the tests run: what needs more of Debian is skipped by its name."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from debian import require
from processes import bare_environment

TESTS = Path(__file__).parent


def test_a_program_that_is_not_there_skips_the_test_by_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(pytest.skip.Exception, match=r"^needs Debian's imaginary$"):
        require("no-such-program", "imaginary")


def test_what_needs_envsubst_is_skipped_where_it_is_not(tmp_path: Path) -> None:
    for name in ("sh", "awk"):
        found = shutil.which(name)
        assert found
        (tmp_path / name).symlink_to(found)
    words = ("-q", "-rs", "-p", "no:cacheprovider", "-k", "defaults or entry_point or script")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words, str(TESTS / "nginx" / "test_render.py")],
        cwd=TESTS.parent,
        env=bare_environment() | {"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert "needs Debian's gettext-base" in done.stdout


def test_readme_names_every_package_that_the_whole_suite_wants() -> None:
    [wanted] = re.findall(r"^packages=\((.*)\)$", (TESTS.parent / ".ci" / "run").read_text(), re.M)
    [named] = re.findall(r"^    apt install ((?:.*\\\n)*.*)$", (TESTS.parent / "README.md").read_text(), re.M)
    assert named.replace("\\\n", "").split() == wanted.split()


def test_no_test_has_a_way_of_its_own_to_skip() -> None:
    others = [file for file in TESTS.rglob("*.py") if file not in (TESTS / "debian.py", Path(__file__))]
    assert not [file.name for file in others if "needs Debian's" in file.read_text()]
