"""docs/deployment.md and operations.md name commands, units and files that are there."""

from __future__ import annotations

import re
import shlex

import pytest
from deployment.test_containers import unknown
from deployment.units import ROOT, SYSTEMD

MANUAL = (ROOT / "docs" / "deployment.md").read_text()
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
NOUNS = "certificate|api-key|keys|tenant|account|message|held|restore|backup (?=list|check)"
COMMANDS = re.findall(
    rf"(?:^    |`|certbot |migrate )conserje ((?:{NOUNS}) ?[^`#\n<|]*)",
    (MANUAL + OPERATIONS).replace("\\\n", ""),
    re.M,
)


@pytest.mark.parametrize("command", sorted(set(COMMANDS)))
def test_a_command_is_one_of_the_command_line(command: str) -> None:
    assert not unknown(shlex.split(command))


def test_every_command_of_the_manual_was_looked_at() -> None:
    assert {"keys new", "certificate check"} <= {command.strip() for command in COMMANDS}


def test_every_unit_and_file_named_is_there() -> None:
    for unit in re.findall(
        r"(?<![\w/])conserje-(?:[a-z]+)(?:@\d)?(?:\.(?:timer|socket|service))?(?=[\s`])", MANUAL + OPERATIONS
    ):
        name = re.sub(r"@\d", "@", unit)
        assert list(SYSTEMD.glob(f"{name}*")) or name == "conserje-certbot", unit
    files = re.findall(r"deployment/systemd/[a-z]+(?:\.[a-z]+)?(?=[\s`])", MANUAL)
    assert len(files) >= 6
    assert not [file for file in files if not (ROOT / file).exists()]
