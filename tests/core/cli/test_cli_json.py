"""`--json`: whatever prints data prints it as JSON, and says as JSON why it failed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click
import pytest
from terminal import Terminal

from conserje.cli.main import main

SAY_SENTENCES = {  # which hold nothing but what was given
    "account configure", "account remove", "account set", "api-key revoke", "certificate remove",
    "edge render", "keys destroy",
    "knowledge remove", "knowledge set", "message fetch", "plugin resume", "price remove",
    "price set", "product remove", "product set", "tenant domain add", "tenant domain remove",
    "tenant phone add", "tenant phone remove", "tenant remove", "tenant resume", "tenant set",
    "tenant suspend",
}  # fmt: skip
RUN = {"serve", "up", "work"}
HAVE_A_FORM_OF_THEIR_OWN = {  # a program reads it
    "completion", "demo prepare", "edge prepare",
}  # fmt: skip


def commands(group: click.Group, path: str = "") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, f"{path}{name} ")
        elif command:
            yield path + name, command


def test_every_command_that_prints_data_prints_it_as_json() -> None:
    without = {
        path
        for path, command in commands(main)
        if not any("--json" in (*each.opts, *each.secondary_opts) for each in command.params)
    }
    assert without - SAY_SENTENCES - RUN - HAVE_A_FORM_OF_THEIR_OWN == set()


async def failed(terminal: Terminal, *words: str, code: int = 1, **more: str) -> dict[str, Any]:
    """What a command that fails says as JSON; it prints nothing else."""
    ended = await terminal.type(*words, "--json", code=code, **more)
    assert ended.stdout == ""
    said: dict[str, Any] = json.loads(ended.stderr.splitlines()[-1])
    assert said.pop("exit_code") == code
    return said


@pytest.mark.parametrize(
    ("words", "code", "argument", "sentence"),
    [
        (("tenant", "show", "nobody"), 1, "SLUG", "There is no tenant nobody: see `conserje tenant list`."),
        (("tenant", "add", "www", "--name", "W"), 1, "SLUG", "is reserved for the installation's own"),
        (("tenant", "add", "a", "--name", " "), 1, "--name", "A tenant's name is 1 to 200 characters"),
        (("tenant", "add", "a", "--name", "A", "--time-zone", "Mars"), 1, "--time-zone", "is unknown"),
        (("tenant", "add"), 2, "SLUG", "Missing argument 'SLUG'."),
        (("tenant", "list", "--yaml"), 2, "--yaml", "No such option"),
        (("tenant", "fly"), 2, None, "No such command 'fly'"),
        (("tenant", "add", "a", "--name", "A", "--sql"), 2, None, "give it without --json"),
        (("held", "show", "t9"), 1, "ID", "Nothing held is called t9"),
        (("held", "list", "--since", "yesterday"), 2, "--since", "'yesterday' is no time"),
        (("account", "check", "nobody", "web", "web"), 1, "SLUG", "There is no tenant nobody"),
    ],
)
async def test_a_failure_says_which_argument_is_wrong(
    terminal: Terminal, words: tuple[str, ...], code: int, argument: str | None, sentence: str
) -> None:
    said = await failed(terminal, *words, code=code)
    assert sentence in said["error"] and said.get("argument") == argument and "setting" not in said


async def test_a_failure_says_which_setting_is_wrong(terminal: Terminal) -> None:
    said = await failed(terminal, "tenant", "list", WORKERS="many")
    assert said == {"error": "CONSERJE_WORKERS: write a whole number.", "setting": "CONSERJE_WORKERS"}
    said = await failed(terminal, "tenant", "list", WORKER="2")
    assert said["setting"] == "CONSERJE_WORKER" and "the nearest is CONSERJE_WORKERS." in said["error"]
    said = await failed(terminal, "tenant", "list", DATABASE_URL="postgresql://u@127.0.0.1:1/x")
    assert "cannot be reached" in said["error"] and said.keys() == {"error"}


async def test_a_fault_of_ours_keeps_its_traceback(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> None:
        raise KeyError("whatever")

    monkeypatch.setattr("conserje.tenants.tenants.list_all", broken)
    ended = await terminal.type("tenant", "list", "--json", code=1)
    assert "Traceback" in ended.stderr and "fault of Conserje's (KeyError)" in ended.stderr.splitlines()[-1]


async def test_what_nobody_agrees_to_is_said_and_nothing_asked_on_stdout(terminal: Terminal) -> None:
    ended = await terminal.type("held", "drop", "--all-matching", "--json")
    assert json.loads(ended.stdout) == {"dropped": 0}


async def test_without_it_a_failure_is_a_line(terminal: Terminal) -> None:
    ended = await terminal.type("tenant", "show", "nobody", code=1)
    assert ended.stderr == "conserje: There is no tenant nobody: see `conserje tenant list`.\n"


async def test_what_is_made_is_told_as_data(terminal: Terminal) -> None:
    added = await terminal.read("tenant", "add", "acme", "--name", "Acme", "--json")
    assert (added["slug"], added["status"]) == ("acme", "active")
    account = await terminal.read("account", "add", "acme", "web", "web", "--json")
    assert account == {"tenant": "acme", "channel": "web", "address": "web", "webhook": None}
    listed = await terminal.read("product", "export", "acme", "--json")
    assert listed == []
    assert (await terminal.type("message", "export", "acme", "--json")).stdout == ""
    assert (await terminal.read("migrate", "--json")).keys() == {"before", "after"}
