"""`conserje completion`: what a shell completes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner
from processes import bare_environment

from conserje.cli.completion import PROGRAM, VARIABLE
from conserje.cli.main import main


def completed(*words: str) -> set[str]:
    """What may stand in the place of the last word."""
    found = ShellComplete(main, {}, PROGRAM, VARIABLE).get_completions(list(words[:-1]), words[-1])
    return {each.value for each in found}


def test_commands_are_completed_also_those_of_packages() -> None:
    assert completed("me") == {"message"}
    assert {"serve", "say"} <= completed("s")
    assert completed("tenant", "re") == {"remove", "resume"}
    assert completed("tenant", "domain", "") == {"add", "remove"}


def test_options_and_choices_are_completed() -> None:
    assert completed("tenant", "set", "acme", "--late-r") == {"--late-rule"}
    assert completed("tenant", "set", "acme", "--late-rule", "p") == {"park"}
    assert completed("completion", "") == {"bash", "zsh", "fish"}
    assert {"--help", "--version"} <= completed("--")


def test_names_are_completed_without_loading_their_commands() -> None:
    before = dict(main.commands)
    completed("")
    assert {name: main.commands[name] for name in before} == before


@pytest.mark.parametrize(
    ("shell", "part"),
    [("bash", "complete -o"), ("zsh", "#compdef conserje"), ("fish", "complete --no-files")],
)
def test_each_shell_gets_its_own(shell: str, part: str) -> None:
    said = CliRunner().invoke(main, ["completion", shell])
    assert said.exit_code == 0 and part in said.stdout and VARIABLE in said.stdout


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes() -> None:
    script = (
        'source <(conserje completion bash)\nCOMP_WORDS=(conserje tenant domain "a") COMP_CWORD=3\n'
        '_conserje_completion conserje\necho "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(
        ["bash", "-c", script],
        env=bare_environment() | {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.split() == ["add"], done.stderr
